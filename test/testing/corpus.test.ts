/**
 * The scenarios that are kept beside the project: all of them compile, and their own tests, run by Eddy, prove the engine's
 * semantics. What is left out is named here, with its reason.
 */
import { describe, expect, test } from "vitest";
import { failureText, testReport } from "../../cli/test-report.js";
import { compileTests } from "../../dsl/compile.js";
import type { Test } from "../../dsl/tests.js";
import { runSuite, type SuiteOutcome } from "../../engine/testing/suite.js";
import { corpus, withoutCorpus } from "../dsl/corpus.js";

/** By the event on which they rest. */
const LEFT_OUT: Readonly<Record<string, string>> = { customer_identified: "customers are not joined yet" };

const files = corpus.map(({ name, text }) => ({ file: name, text }));

const reasonAgainst = ({ lines }: Test): string | undefined =>
  lines.flatMap((line) => ((line.k === "at" || line.k === "after") && line.event !== null ? [LEFT_OUT[line.event.name]] : [])).find((why) => why !== undefined);

function run(): SuiteOutcome & { readonly all: readonly Test[] } {
  const { suite, diagnostics } = compileTests(files);
  if (suite === null) throw new Error(diagnostics.map(({ span, message }) => `${span.file}: ${message}`).join("\n"));
  return { all: suite.tests, ...runSuite(suite, { chosen: (one) => reasonAgainst(one) === undefined }) };
}

describe.skipIf(corpus.length === 0)(`the scenarios${withoutCorpus}`, () => {
  const { all, outcomes, coverage, idleRules, idleSegments } = corpus.length === 0 ? { all: [], outcomes: [], coverage: { rules: [], segments: [] }, idleRules: [], idleSegments: [] } : run();
  const report = testReport(new Map(corpus.map(({ name, text }) => [name, text])));

  test.each(outcomes.map((outcome) => [`${outcome.test.span.file}: ${outcome.test.name}`, outcome] as const))("%s", (_, outcome) => {
    expect(outcome.failures.length === 0 ? "" : failureText(report, outcome)).toBe("");
  });

  const leftOut = all.filter((one) => reasonAgainst(one) !== undefined);
  for (const one of leftOut) test.skip(`${one.span.file}: ${one.name} (left out: ${String(reasonAgainst(one))})`, () => undefined);

  test("all but a few tests run, and there are many", () => {
    expect(leftOut.map(({ span }) => span.file)).toEqual(["merge.eddy", "merge.eddy"]);
    expect(outcomes.length).toBeGreaterThan(80);
  });

  test("together they touch most of it", () => {
    const branches = coverage.rules.flatMap((rule) => rule.branches);
    expect(branches.filter(({ taken }) => taken).length / branches.length).toBeGreaterThan(0.6);
    expect(idleRules.length / coverage.rules.length).toBeLessThan(0.2);
    expect(idleSegments.length / coverage.segments.length).toBeLessThan(0.2);
  });
});
