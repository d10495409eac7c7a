/** All tests of a program, and what of it none of them has touched. */
import type { Test, TestSuite } from "../../dsl/tests.js";
import type { Outcome } from "./outcome.js";
import { testPrograms } from "./program.js";
import { runTest } from "./run.js";

export interface SuiteOutcome {
  /** In source order. */
  readonly outcomes: readonly Outcome[];
  /** Rules that no test starts, and segments that nobody enters in any test: by name. */
  readonly idleRules: readonly string[];
  readonly idleSegments: readonly string[];
}

/** `told` hears of each test when it has run. */
export function runSuite(suite: TestSuite, told: (outcome: Outcome) => void = () => undefined): SuiteOutcome {
  const programOf = testPrograms(suite);
  const outcomes = suite.tests.map((test: Test) => {
    const outcome = runTest(programOf(test), test);
    told(outcome);
    return outcome;
  });
  const started = new Set(outcomes.flatMap((outcome) => [...outcome.started]));
  const entered = new Set(outcomes.flatMap((outcome) => [...outcome.entered]));
  const { rules, segments } = suite.program;
  return {
    outcomes,
    idleRules: rules.map(({ name }) => name).filter((name) => !started.has(name)).sort(),
    idleSegments: segments.map(({ name }) => name).filter((name) => !entered.has(name)),
  };
}
