// Whole programs: the shop rules of this repository, and the scenarios that are kept beside the project.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compileProgram, type SourceFile } from "../../dsl/compile.js";
import type { Diagnostic } from "../../dsl/diagnostics/codes.js";
import { parseFile } from "../../dsl/parse.js";
import { corpus, withoutCorpus } from "./corpus.js";

const rules = fileURLToPath(new URL("../../rules/shop/", import.meta.url));

test("the shop rules compile, without a warning", () => {
  const files = readdirSync(rules).filter((name) => name.endsWith(".eddy")).sort().map((file) => ({ file, text: readFileSync(rules + file, "utf8") }));
  const { program, diagnostics, tests } = compileProgram(files);
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  expect(program?.rules.length).toBeGreaterThan(10);
  expect(tests.length).toBeGreaterThan(10);
});

describe.skipIf(corpus.length === 0)(`the scenarios${withoutCorpus}`, () => {
  const files: readonly SourceFile[] = corpus.map(({ name, text }) => ({ file: name, text }));

  test("nothing is wrong with them but what is not supported yet", () => {
    const { diagnostics } = compileProgram(files);
    expect([...new Set(diagnostics.map(({ code }) => code))]).toEqual(["E0302"]);
  });

  test("what of them can be run compiles", () => {
    const { program, diagnostics } = runnable(files);
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(program?.rules.map(({ name }) => name)).toEqual(expect.arrayContaining([
      "grinder_for_machine", "fading_call", "monday_morning", "winter_in_the_mountains", "data_notice", "quiz_result", "parcel_news", "home_page", "wake_up", "welcome_back",
    ]));
    expect(program?.segments.map(({ name }) => name)).toEqual(expect.arrayContaining([
      "vip", "fading", "evening_phone", "sleeping", "fast_asleep", "old_guard", "once_big", "explorer_of_the_month", "needs_care", "club_member", "coffee_spender", "adult", "young_parent", "retained",
    ]));
  });
});

/** The program without what is not supported yet: policies of channels go alone, everything else with its declaration. */
function runnable(files: readonly SourceFile[]): ReturnType<typeof compileProgram> {
  let current = files.map(({ file, text }) => ({ file, text: text.replace(/^ +(quiet|at most \d+ per) .*$/gm, (line) => (line.startsWith("  at most") && !text.includes("channel ") ? line : "")) }));
  for (let turn = 0; turn < 10; turn++) {
    const result = compileProgram(current);
    if (result.program !== null) return result;
    current = current.map((source) => ({ ...source, text: without(source, result.diagnostics) }));
  }
  return compileProgram(current);
}

/** The text without the declarations in which something is wrong. */
function without({ file, text }: SourceFile, diagnostics: readonly Diagnostic[]): string {
  const wrong = diagnostics.filter(({ span, severity }) => span.file === file && severity === "error");
  const { declarations } = parseFile(file, text);
  let kept = text;
  for (const { span } of declarations) {
    const holds = wrong.some((found) => found.span.start >= span.start && found.span.end <= span.end);
    if (holds) kept = kept.slice(0, span.start) + " ".repeat(span.end - span.start) + kept.slice(span.end);
  }
  return kept;
}
