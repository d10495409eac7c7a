/**
 * The scenarios that are kept beside the project: all of them compile, and their own tests, run by Eddy, prove the engine's
 * semantics.
 */
import { describe, expect, test } from "vitest";
import { failureText, testReport } from "../../cli/test-report.js";
import { compileTests } from "../../dsl/compile.js";
import type { Test } from "../../dsl/tests.js";
import { runSuite, type SuiteOutcome } from "../../engine/testing/suite.js";
import { corpus, withoutCorpus } from "../dsl/corpus.js";

const files = corpus.map(({ name, text }) => ({ file: name, text }));

function run(): SuiteOutcome & { readonly all: readonly Test[] } {
  const { suite, diagnostics } = compileTests(files);
  if (suite === null) throw new Error(diagnostics.map(({ span, message }) => `${span.file}: ${message}`).join("\n"));
  return { all: suite.tests, ...runSuite(suite) };
}

describe.skipIf(corpus.length === 0)(`the scenarios${withoutCorpus}`, () => {
  const { all, outcomes, coverage, idleRules, idleSegments } = corpus.length === 0 ? { all: [], outcomes: [], coverage: { rules: [], segments: [] }, idleRules: [], idleSegments: [] } : run();
  const report = testReport(new Map(corpus.map(({ name, text }) => [name, text])));

  test.each(outcomes.map((outcome) => [`${outcome.test.span.file}: ${outcome.test.name}`, outcome] as const))("%s", (_, outcome) => {
    expect(outcome.failures.length === 0 ? "" : failureText(report, outcome)).toBe("");
  });

  test("all of them run, and there are many", () => {
    expect(outcomes.length).toBe(all.length);
    expect(outcomes.length).toBeGreaterThan(82);
  });

  test("together they touch most of it", () => {
    const branches = coverage.rules.flatMap((rule) => rule.branches);
    expect(branches.filter(({ taken }) => taken).length / branches.length).toBeGreaterThan(0.6);
    expect(idleRules.length / coverage.rules.length).toBeLessThan(0.2);
    expect(idleSegments.length / coverage.segments.length).toBeLessThan(0.2);
  });
});
