/** The rules that marathons run: windows, segments, caps and waits of days, and such that are due within seconds. */
import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { PROJECT } from "../cli/eddy.js";

const FILES = ["bench/rules/shop.eddy", "test/faults/rules/timers.eddy"];

/** By the name of the file. */
export const RULE_TEXTS: Readonly<Record<string, string>> = Object.fromEntries(FILES.map((name) => [basename(name), readFileSync(join(PROJECT, name), "utf8")]));

export function marathonRules(): Compiled {
  const { program, diagnostics } = compileProgram(Object.entries(RULE_TEXTS).map(([file, text]) => ({ file, text })));
  if (program === null) throw new Error(renderAll(diagnostics, new Map(Object.entries(RULE_TEXTS))));
  return compile(program);
}
