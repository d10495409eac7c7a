/**
 * What came of tests, for programs: one document, of a shape that only grows. docs/language.md shows it. Times are
 * RFC 3339 in UTC; lines and columns count from 1.
 */
import type { Span } from "../dsl/ast.js";
import { toJson } from "../dsl/diagnostics/render.js";
import type { Diagnostic } from "../dsl/diagnostics/codes.js";
import { timeText } from "../engine/compile/runtime.js";
import type { Failure, Happening, Nearest, Outcome } from "../engine/testing/outcome.js";
import type { SuiteOutcome } from "../engine/testing/suite.js";
import { coverageTotals } from "./test-coverage.js";
import { insteadLines, type TestReport } from "./test-report.js";

/** One test with how long it took. */
export interface Timed {
  readonly outcome: Outcome;
  readonly ms: number;
}

export interface TestRun extends Pick<SuiteOutcome, "coverage"> {
  readonly timed: readonly Timed[];
  readonly ms: number;
}

/** `run` is null where the rules have errors and nothing ran. */
export function testJson(report: TestReport, diagnostics: readonly Diagnostic[], run: TestRun | null): object {
  const timed = run?.timed ?? [];
  const failed = timed.filter(({ outcome: { failures } }) => failures.length > 0).length;
  return {
    ok: run !== null && timed.length > 0 && failed === 0,
    totals: { tests: timed.length, passed: timed.length - failed, failed, ms: run?.ms ?? 0 },
    tests: timed.map(({ outcome: { test, failures }, ms }) => ({
      name: test.name, ...place(report, test.span), outcome: failures.length > 0 ? "failed" : "passed", ms,
      failures: failures.map((failure) => failureJson(report, failure)),
    })),
    coverage: run === null ? null : coverageJson(report, run),
    diagnostics: toJson(diagnostics, report.sources),
  };
}

function place(report: TestReport, span: Span): { readonly file: string; readonly line: number; readonly column: number } {
  const { line, column } = report.position(span);
  return { file: span.file, line, column };
}

const REASONS = {
  "no such action": "no_such_action", "not held": "not_held", "not suppressed": "not_suppressed", "more happened": "more_happened", false: "not_true",
  "before the clock": "before_the_clock", refused: "refused", cut: "cut",
} as const satisfies Readonly<Record<Failure["why"]["k"], string>>;

function failureJson(report: TestReport, failure: Failure): object {
  const { span, why, customer, now, zone, happened, values, waiting, elsewhere, explanation } = failure;
  return {
    ...place(report, span),
    expected: report.text(span),
    reason: REASONS[why.k],
    message: insteadLines(report, failure)[0],
    customer: customer === "" ? null : customer,
    at: timeText(now), zone: zone.name,
    happened: happened.map(happeningJson),
    nearest: why.k === "no such action" && why.nearest !== null ? nearestJson(why.nearest, happened) : null,
    values: values.map(({ span: of, json }) => ({ ...place(report, of), expression: report.expression(of), value: json })),
    waiting: waiting.map(({ rule, until, held }) => ({ rule, until: timeText(until), held })),
    elsewhere: elsewhere.map((one) => ({ customer: one.customer === "" ? null : one.customer, ...happeningJson(one) })),
    ...(explanation.length === 0 ? {} : { explanation }),
  };
}

function happeningJson(one: Happening): object {
  const at = timeText(one.at);
  switch (one.k) {
    case "action": return { at, what: one.channel === null ? "emit" : "send", ...(one.channel === null ? {} : { channel: one.channel }), template: one.template, payload: one.payload, rule: one.rule };
    case "held": return { at, what: "held", channel: one.channel, template: one.template, rule: one.rule };
    case "suppressed": return { at, what: "suppressed", channel: one.channel, template: one.template, reason: one.reason, rule: one.rule };
    case "change": return { at, what: one.entered ? "entered" : "left", segment: one.segment };
  }
}

/** `happened`: its place there. */
const nearestJson = ({ action, expectedAt, differences }: Nearest, happened: readonly Happening[]): object => ({
  happened: happened.indexOf(action),
  expectedAt: expectedAt === null ? null : timeText(expectedAt),
  differences: differences.map(({ path, expected, found }) => ({ path, expected: expected ?? null, found: found ?? null })),
});

function coverageJson(report: TestReport, { coverage }: TestRun): object {
  return {
    totals: coverageTotals(coverage),
    rules: coverage.rules.map(({ name, span, started, branches }) => ({
      name, ...place(report, span), started,
      branches: branches.map(({ decision, way, span: of, taken }) => ({ ...place(report, of), decision: report.text(decision), way, taken })),
    })),
    segments: coverage.segments.map(({ name, span, entered, left }) => ({ name, ...place(report, span), entered, left })),
  };
}
