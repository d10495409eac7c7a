/** The rules of `rules/`, compiled once for a process, and the real orders, unzipped once. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { RETAIL_EVENTS, RETAIL_RULES } from "./events.js";

let program: Compiled | null = null;
let lines: readonly string[] | null = null;

export function retailProgram(): Compiled {
  return (program ??= compileRules());
}

function compileRules(): Compiled {
  const files = readdirSync(RETAIL_RULES).filter((name) => name.endsWith(".eddy")).sort()
    .map((name) => ({ file: name, text: readFileSync(join(RETAIL_RULES, name), "utf8") }));
  const { program: checked, diagnostics } = compileProgram(files);
  if (checked === null) throw new Error(renderAll(diagnostics, new Map(files.map(({ file, text }) => [file, text]))));
  return compile(checked);
}

/** One CloudEvent a line. Only where the shared data is present. */
export function realOrders(): readonly string[] {
  return (lines ??= gunzipSync(readFileSync(RETAIL_EVENTS)).toString("utf8").trimEnd().split("\n"));
}
