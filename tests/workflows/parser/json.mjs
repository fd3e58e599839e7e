// The parser imports JSON as bundlers allow it, without saying that it is JSON; Node.js wants to be told.
import { readFile } from "node:fs/promises";

export async function load(url, context, next) {
  if (!url.endsWith(".json")) return next(url, context);
  return { format: "json", source: await readFile(new URL(url)), shortCircuit: true };
}
