/**
 * `eddy test`: runs the tests that stand among the rules, on the engine itself under a clock of their own. What came of
 * them goes to stdout, findings about the rules to stderr. A test that fails makes exit code 1, and so do errors in the
 * rules, and no tests at all.
 */
import { compileTests } from "../dsl/compile.js";
import { summary } from "../dsl/diagnostics/render.js";
import { runSuite } from "../engine/testing/suite.js";
import type { CommandCall } from "./commands.js";
import { EXIT, type ExitCode } from "./exit.js";
import { print, say } from "./io.js";
import { showFindings, sourcesOf } from "./program.js";
import { loadRules } from "./rules.js";
import { closing, failureText, idleText, testReport } from "./test-report.js";

export async function testCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  const files = await loadRules(configuration.get("rules"), io);
  const { suite, diagnostics } = compileTests(files);
  showFindings(io, diagnostics, files);
  if (suite === null) {
    say(io, summary(diagnostics));
    return EXIT.findings;
  }
  const report = testReport(sourcesOf(files));
  const started = io.now();
  const { outcomes, idleRules, idleSegments } = runSuite(suite, (outcome) => {
    if (outcome.failures.length > 0) print(io, failureText(report, outcome));
  });
  const idle = idleText(idleRules, idleSegments);
  if (idle !== null && outcomes.length > 0) print(io, idle);
  print(io, closing(outcomes, io.now() - started));
  return outcomes.length > 0 && outcomes.every(({ failures }) => failures.length === 0) ? EXIT.ok : EXIT.findings;
}
