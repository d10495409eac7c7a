/**
 * What came of tests as JUnit XML, as CI servers read it: a suite for each file, a case for each test, a failure with
 * what it says for a test that failed. Rules with errors are a suite with one error.
 */
import type { Diagnostic } from "../dsl/diagnostics/codes.js";
import { renderAll, summary } from "../dsl/diagnostics/render.js";
import type { TestRun, Timed } from "./test-json.js";
import { failureLines, type TestReport } from "./test-report.js";

/** `run` is null where the rules have errors and nothing ran. */
export function junitXml(report: TestReport, diagnostics: readonly Diagnostic[], run: TestRun | null): string {
  const files = new Map<string, Timed[]>();
  for (const one of run?.timed ?? []) {
    const { file } = one.outcome.test.span;
    files.set(file, [...(files.get(file) ?? []), one]);
  }
  const suites = run === null ? [brokenSuite(report, diagnostics)] : [...files].map(([file, timed]) => suite(report, file, timed));
  const timed = run?.timed ?? [];
  const totals = { name: "eddy", tests: run === null ? 1 : timed.length, failures: failed(timed), errors: run === null ? 1 : 0, time: seconds(run?.ms ?? 0) };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element("testsuites", totals, suites)}\n`;
}

const suite = (report: TestReport, file: string, timed: readonly Timed[]): string =>
  element("testsuite", { name: file, tests: timed.length, failures: failed(timed), errors: 0, skipped: 0, time: seconds(sum(timed)) }, timed.map((one) => testCase(report, one)));

function testCase(report: TestReport, { outcome: { test, failures }, ms }: Timed): string {
  const attributes = { name: test.name, classname: test.span.file, file: test.span.file, line: report.position(test.span).line, time: seconds(ms) };
  const [first] = failures;
  if (first === undefined) return element("testcase", attributes, []);
  const text = failures.flatMap((failure) => failureLines(report, failure)).join("\n");
  return element("testcase", attributes, [element("failure", { message: report.text(first.span), type: first.why.k }, [escaped(text)], "")]);
}

function brokenSuite(report: TestReport, diagnostics: readonly Diagnostic[]): string {
  const error = element("error", { message: summary(diagnostics), type: "rules" }, [escaped(renderAll(diagnostics, report.sources))], "");
  return element("testsuite", { name: "rules", tests: 1, failures: 0, errors: 1, skipped: 0, time: seconds(0) }, [
    element("testcase", { name: "the rules compile", classname: "rules", time: seconds(0) }, [error]),
  ]);
}

const failed = (timed: readonly Timed[]): number => timed.filter(({ outcome: { failures } }) => failures.length > 0).length;
const sum = (timed: readonly Timed[]): number => timed.reduce((total, { ms }) => total + ms, 0);
const seconds = (ms: number): string => (ms / 1000).toFixed(3);

// ---------------------------------------------------------------------------------------------------- XML

function element(name: string, attributes: Readonly<Record<string, string | number>>, content: readonly string[], separator = "\n"): string {
  const head = [name, ...Object.entries(attributes).map(([key, value]) => `${key}="${escaped(String(value)).replaceAll("\n", "&#10;")}"`)].join(" ");
  return content.length === 0 ? `<${head}/>` : `<${head}>${separator}${content.join(separator)}${separator}</${name}>`;
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;", "\t": "&#9;" };

/** Characters that XML 1.0 cannot hold, not even escaped. */
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]|[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

const escaped = (text: string): string => text.replace(FORBIDDEN, "\uFFFD").replace(/[&<>"\r\t]/g, (character) => ESCAPES[character] ?? character);
