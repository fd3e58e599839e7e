// Prints what GitHub's own evaluator makes of expressions: takes a JSON list of [expression, contexts], prints one of texts.
import { register } from "node:module";

register("./json.mjs", import.meta.url);
const { data, Evaluator, Lexer, Parser } = await import("@actions/expressions");

const found = JSON.parse(process.argv[2]).map(([expression, contexts]) => {
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, Object.keys(contexts), []).parse();
  return new Evaluator(tree, JSON.parse(JSON.stringify(contexts), data.reviver)).evaluate().coerceString();
});
console.log(JSON.stringify(found));
