// Rule files to a program: every file parsed, everything checked, all findings in one go and in source order.

import type { Span, TestDeclaration } from "./ast.js";
import { type Checked, check } from "./check/check.js";
import type { Diagnostic } from "./diagnostics/codes.js";
import { inSourceOrder } from "./diagnostics/render.js";
import { frugally } from "./diagnostics/suggest.js";
import { parseFile } from "./parse.js";
import type { Program } from "./program.js";
import { retiredFile, type RetiredRule } from "./retired.js";
import type { TestSuite } from "./tests.js";

export interface SourceFile {
  /** As diagnostics shall call it. */
  readonly file: string;
  readonly text: string;
}

export interface Compiled {
  /** Null where a diagnostic is an error. */
  readonly program: Program | null;
  /** By file, then by place. */
  readonly diagnostics: readonly Diagnostic[];
  /** The test blocks that could be read, in source order. */
  readonly tests: readonly TestDeclaration[];
  /** Where each aggregate of the program is written, by its key. */
  readonly places: ReadonlyMap<string, readonly Span[]>;
}

export interface CompiledTests {
  /** Null where a diagnostic is an error. */
  readonly suite: TestSuite | null;
  /** By file, then by place. */
  readonly diagnostics: readonly Diagnostic[];
}

/** `retired`: rules of older programs that go on in it until their runs have ended. */
export function compileProgram(files: readonly SourceFile[], retired: readonly RetiredRule[] = []): Compiled {
  const { program, diagnostics, tests, places } = checkFiles(files, retired);
  return { program, diagnostics, tests, places };
}

/** The same findings, and the tests as engine/testing runs them. */
export function compileTests(files: readonly SourceFile[]): CompiledTests {
  const { program, diagnostics, suite } = checkFiles(files);
  return { suite: program === null ? null : suite(), diagnostics };
}

function checkFiles(files: readonly SourceFile[], retired: readonly RetiredRule[] = []): Checked {
  const parsed = files.map(({ file, text }) => parseFile(file, text));
  const checked = frugally(() => check(parsed.flatMap(({ declarations }) => declarations), parsed.flatMap(({ broken }) => broken), retired));
  const diagnostics = inSourceOrder([...parsed.flatMap((each) => each.diagnostics), ...checked.diagnostics]);
  const wrong = diagnostics.some(({ severity }) => severity === "error");
  return { ...checked, program: wrong ? null : checked.program, diagnostics };
}

/** A rule of an older program, made ready to go on in a newer one. Null: those files have no such rule, or make no program. */
export function retiredRule(files: readonly SourceFile[], rule: string, from: string): RetiredRule | null {
  const steps = compileProgram(files).program?.rules.find(({ name }) => name === rule)?.steps;
  if (steps === undefined) return null;
  for (const { file, text } of files) {
    for (const declaration of parseFile(retiredFile(file, from), text).declarations) {
      if (declaration.k === "rule" && declaration.name.text === rule) return { rule, from, declaration, steps };
    }
  }
  return null;
}
