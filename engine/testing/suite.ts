/** All tests of a program, and what of it they have touched. */
import type { Test, TestSuite } from "../../dsl/tests.js";
import { coverageOf, type Coverage } from "./coverage.js";
import type { Explain, Outcome } from "./outcome.js";
import { testPrograms } from "./program.js";
import { runTest } from "./run.js";

export interface SuiteOutcome {
  /** In source order. */
  readonly outcomes: readonly Outcome[];
  readonly coverage: Coverage;
  /** Rules that no test starts, and segments that nobody enters in any test: by name. */
  readonly idleRules: readonly string[];
  readonly idleSegments: readonly string[];
}

export interface SuiteOptions {
  /** Which tests run; all, unless given. */
  readonly chosen?: (test: Test) => boolean;
  /** Hears of each test when it has run. */
  readonly told?: (outcome: Outcome) => void;
  readonly explain?: Explain | null;
}

export function runSuite(suite: TestSuite, { chosen = () => true, told = () => undefined, explain = null }: SuiteOptions = {}): SuiteOutcome {
  const programOf = testPrograms(suite);
  const outcomes = suite.tests.filter(chosen).map((test) => {
    const outcome = runTest(programOf(test), test, explain);
    told(outcome);
    return outcome;
  });
  const coverage = coverageOf(suite.places, outcomes.map(({ touched }) => touched));
  return {
    outcomes, coverage,
    idleRules: coverage.rules.filter(({ started }) => !started).map(({ name }) => name).sort(),
    idleSegments: coverage.segments.filter(({ entered }) => !entered).map(({ name }) => name).sort(),
  };
}
