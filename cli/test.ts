/**
 * `eddy test`: runs the tests that stand among the rules, on the engine itself under a clock of their own. What came of
 * them goes to stdout, findings about the rules to stderr; with `--json` (or `--junit -`) stdout holds that document and
 * nothing else. A test that fails makes exit code 1, and so do errors in the rules, and no tests at all.
 */
import { writeFile } from "node:fs/promises";
import { compileTests } from "../dsl/compile.js";
import { summary } from "../dsl/diagnostics/render.js";
import { runSuite, type SuiteOutcome } from "../engine/testing/suite.js";
import type { CommandCall } from "./commands.js";
import { EXIT, type ExitCode } from "./exit.js";
import { print, say, type Io } from "./io.js";
import { refuseSharedOutput } from "./lines.js";
import { showFindings, sourcesOf } from "./program.js";
import { loadRules } from "./rules.js";
import { coverageText } from "./test-coverage.js";
import { testExplainer } from "./test-explain.js";
import { testJson, type Timed } from "./test-json.js";
import { junitXml } from "./test-junit.js";
import { closing, failureText, idleText, testReport, type TestReport } from "./test-report.js";
import { rerunning } from "./test-watch.js";

export async function testCommand(call: CommandCall): Promise<ExitCode> {
  const { io, configuration } = call;
  const json = configuration.get("json") === true;
  refuseSharedOutput(new Map([["json", json ? "-" : undefined], ["junit", configuration.get("junit")]]));
  if (configuration.get("watch") === true) return rerunning(io, configuration.get("rules"), () => testOnce(call));
  return testOnce(call);
}

async function testOnce({ io, configuration }: CommandCall): Promise<ExitCode> {
  const [json, junit, only] = [configuration.get("json") === true, configuration.get("junit"), configuration.get("only")];
  const files = await loadRules(configuration.get("rules"), io);
  const { suite, diagnostics } = compileTests(files);
  const report = testReport(sourcesOf(files));
  if (!json) showFindings(io, diagnostics, files);
  const timed: Timed[] = [];
  const begun = io.now();
  let last = begun;
  const quiet = json || junit === "-";
  const result = suite === null ? null : runSuite(suite, {
    chosen: chosenBy(only),
    explain: configuration.get("explain") === true ? testExplainer(suite) : null,
    told(outcome) {
      const now = io.now();
      timed.push({ outcome, ms: now - last });
      last = now;
      if (!quiet && outcome.failures.length > 0) print(io, failureText(report, outcome));
    },
  });
  const run = result === null ? null : { timed, coverage: result.coverage, ms: last - begun };
  if (junit !== undefined) await put(io, junit, junitXml(report, diagnostics, run));
  if (json) print(io, JSON.stringify(testJson(report, diagnostics, run)));
  if (result === null) {
    if (!json) say(io, summary(diagnostics));
    return EXIT.findings;
  }
  if (!quiet) {
    showTouched(io, report, result, { whole: configuration.get("coverage") === true, all: only === undefined });
    print(io, closing(result.outcomes, last - begun, only));
  }
  return result.outcomes.length > 0 && result.outcomes.every(({ failures }) => failures.length === 0) ? EXIT.ok : EXIT.findings;
}

/** Tests whose name holds the text, in any case. */
function chosenBy(only: string | undefined): (test: { readonly name: string }) => boolean {
  const wanted = only?.toLowerCase() ?? "";
  return ({ name }) => name.toLowerCase().includes(wanted);
}

/** Of tests that were picked out nobody expects that they touch everything. */
function showTouched(io: Io, report: TestReport, { outcomes, coverage, idleRules, idleSegments }: SuiteOutcome, { whole, all }: { readonly whole: boolean; readonly all: boolean }): void {
  if (outcomes.length === 0) return;
  const text = whole ? coverageText(report, coverage) : all ? idleText(idleRules, idleSegments) : null;
  if (text !== null) print(io, text);
}

async function put(io: Io, place: string, text: string): Promise<void> {
  if (place === "-") io.stdout.write(text);
  else await writeFile(place, text);
}

