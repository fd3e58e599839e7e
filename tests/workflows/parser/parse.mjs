// Prints what GitHub's own parser says against the files that are named: a JSON list of texts.
import { readFileSync } from "node:fs";
import { register } from "node:module";
import { basename } from "node:path";

register("./json.mjs", import.meta.url);
const { convertWorkflowTemplate, NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");
const { parseAction } = await import("@actions/workflow-parser/actions/action-parser");

const trace = new NoOperationTraceWriter();
const found = [];
for (const path of process.argv.slice(2)) {
  const file = { name: basename(path), content: readFileSync(path, "utf-8") };
  const parse = file.name === "action.yml" ? parseAction : parseWorkflow;
  const { context, value } = parse(file, trace);
  if (value && parse === parseWorkflow) await convertWorkflowTemplate(context, value);
  found.push(...context.errors.getErrors().map((error) => `${path}: ${error.message}`));
}
console.log(JSON.stringify(found));
