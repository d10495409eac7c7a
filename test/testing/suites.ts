/** For tests of tests: from texts to outcomes. */
import { failureText, testReport } from "../../cli/test-report.js";
import { compileTests, type SourceFile } from "../../dsl/compile.js";
import { renderAll, type Sources } from "../../dsl/diagnostics/render.js";
import type { TestSuite } from "../../dsl/tests.js";
import { runSuite, type SuiteOutcome } from "../../engine/testing/suite.js";

export const sourcesOf = (files: readonly SourceFile[]): Sources => new Map(files.map(({ file, text }) => [file, text]));

/** Errors in the files fail the test, with what they say. */
export function suiteOf(files: readonly SourceFile[]): TestSuite {
  const { suite, diagnostics } = compileTests(files);
  if (suite === null) throw new Error(renderAll(diagnostics, sourcesOf(files)));
  return suite;
}

export interface Ran extends SuiteOutcome {
  /** What is said of the tests that failed; "" where none did. */
  readonly told: string;
}

export function ran(...files: readonly SourceFile[]): Ran {
  const report = testReport(sourcesOf(files));
  const result = runSuite(suiteOf(files));
  return { ...result, told: result.outcomes.filter(({ failures }) => failures.length > 0).map((outcome) => failureText(report, outcome)).join("\n") };
}
