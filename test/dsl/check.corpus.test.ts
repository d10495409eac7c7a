// Whole programs: the rule library of this repository, and the scenarios that are kept beside the project.

import { describe, expect, test } from "vitest";
import { allSteps } from "../../dsl/walk.js";
import { compileProgram, type SourceFile } from "../../dsl/compile.js";
import { corpus, withoutCorpus } from "./corpus.js";
import { library } from "./rule-files.js";

test("the rule library compiles, without a warning", () => {
  const { program, diagnostics, tests } = compileProgram(library.map(({ name, text }) => ({ file: name, text })));
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  expect(program?.rules.length).toBeGreaterThan(10);
  expect(tests.length).toBeGreaterThan(10);
});

describe.skipIf(corpus.length === 0)(`the scenarios${withoutCorpus}`, () => {
  const files: readonly SourceFile[] = corpus.map(({ name, text }) => ({ file: name, text }));

  test("nothing is wrong with them, and nothing is worth a warning", () => {
    const { diagnostics, program, tests } = compileProgram(files);
    expect(diagnostics.map(({ code, message, span }) => `${span.file} ${code} ${message}`)).toEqual([]);
    expect(tests.length).toBeGreaterThan(40);
    const declared = (kind: string): number => files.flatMap(({ text }) => text.match(new RegExp(`^${kind} \\w+`, "gm")) ?? []).length;
    expect(program?.rules.length).toBe(declared("rule"));
    expect(program?.segments.length).toBe(declared("segment"));
    expect(program?.traits.length).toBe(declared("trait"));
  });

  test("each kind of thing is among them", () => {
    const { program } = compileProgram(files);
    const { rules = [], points = [], tiers = [], experiments = [], metrics = [], rankings = [], watches = [] } = program ?? {};
    for (const some of [points, tiers, experiments, metrics, rankings, watches]) expect(some.length).toBeGreaterThan(0);
    const kinds = new Set(rules.flatMap(({ steps }) => allSteps(steps)).map(({ k }) => k));
    expect([...kinds].sort()).toEqual(["award", "emit", "if", "send", "set", "split", "stop", "take", "wait", "waitClock", "waitFor", "waitTime"]);
    expect(new Set(rules.flatMap(({ schedules }) => schedules).map(({ k }) => k))).toEqual(new Set(["daily", "weekly", "monthly", "yearly"]));
  });

  test("the files may come in any order", () => {
    expect(compileProgram([...files].reverse()).program).toEqual(compileProgram(files).program);
  });
});
