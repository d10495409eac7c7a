/**
 * What came of tests, for a person:
 *
 *   rules/shop/cart.eddy:45: a reminder after an hour, bestsellers a day later
 *     rules/shop/cart.eddy:51: expect send email "cart_reminder" { name: "Eva" }
 *       nothing of the kind happened by 2026-03-03 11:00 (Europe/Warsaw)
 *       what happened:
 *         11:00 send email "cart_reminder" { name: "Ava" } (rule cart_recovery)
 *       what waits:
 *         rule cart_recovery until 2026-03-04 11:00
 */
import type { Span } from "../dsl/ast.js";
import { linesOf, positionIn, type Lines } from "../dsl/diagnostics/lines.js";
import type { Sources } from "../dsl/diagnostics/render.js";
import type { Failure, Happening, Outcome } from "../engine/testing/outcome.js";
import { shownHappening, shownInstant, shownValue } from "../engine/testing/show.js";

export interface TestReport {
  readonly sources: Sources;
  /** `rules/shop/cart.eddy:51`. */
  place(span: Span): string;
  /** What stands there, in one line. */
  text(span: Span): string;
}

export function testReport(sources: Sources): TestReport {
  const known = new Map<string, Lines>();
  const lines = (file: string): Lines => {
    let found = known.get(file);
    if (found === undefined) known.set(file, (found = linesOf(sources.get(file) ?? "")));
    return found;
  };
  return {
    sources,
    place: ({ file, start }) => `${file}:${positionIn(lines(file), start).line}`,
    text: ({ file, start, end }) => (sources.get(file) ?? "").slice(start, end).replace(/#[^\n\r]*/g, " ").replace(/\s+/g, " ").trim(),
  };
}

const indented = (depth: number, lines: readonly string[]): readonly string[] => lines.map((line) => " ".repeat(2 * depth) + line);

/** A test that failed, with everything in it that did. Ends with an empty line. */
export function failureText(report: TestReport, { test, failures }: Outcome): string {
  return [
    `${report.place(test.span)}: ${test.name}`,
    ...failures.flatMap((failure) => [
      ...indented(1, [`${report.place(failure.span)}: ${report.text(failure.span)}`]),
      ...indented(2, explanation(report, failure)),
    ]),
    "",
  ].join("\n");
}

function explanation(report: TestReport, failure: Failure): readonly string[] {
  const { why, happened, values, waiting, elsewhere, zone, customer, now } = failure;
  const when = shownInstant(now, zone);
  const lines = [`${reason(failure)} ${customer === "" ? "" : `for "${customer}" `}by ${when} (${zone.name})`];
  switch (why.k) {
    case "before the clock": return [`this is before the clock, which shows ${shownInstant(why.clock, zone)} (${zone.name})`];
    case "refused": return [`the program refuses this: ${why.because}`];
    case "cut": return [`effects of effects went on without an end and were cut at ${when}`];
    case "false":
      lines[0] = `this is not so ${customer === "" ? "" : `for "${customer}" `}at ${when} (${zone.name})`;
      lines.push(...indented(1, values.map(({ span, value, type }) => `${report.text(span)} = ${shownValue(value, type, zone)}`)));
      lines.push(...happenings("what happened", happened, failure));
      break;
    case "more happened": lines.push(...indented(1, why.actions.map((one) => happening(one, failure)))); break;
    default: lines.push(...happenings("what happened", happened, failure));
  }
  lines.push(...elsewhere.map((one) => (one.customer === customer ? `it happened in an earlier step, at ${shownInstant(one.at, zone)}` : `it happened to "${one.customer}"`)));
  if (failure.unseen) lines.push("no event of this customer has come yet: with the first one segments begin");
  const wanted = why.k === "no such action" || why.k === "not suppressed";
  if (waiting.length > 0 && wanted) lines.push("what waits:", ...indented(1, waiting.map(({ rule, until }) => `rule ${rule} until ${shownInstant(until, zone)}`)));
  return lines;
}

function reason({ why, happened }: Failure): string {
  if (why.k === "more happened") return "this happened";
  return happened.length === 0 ? "nothing happened" : "nothing of the kind happened";
}

const happenings = (title: string, happened: readonly Happening[], failure: Failure): readonly string[] =>
  happened.length === 0 ? [] : [`${title}:`, ...indented(1, happened.map((one) => happening(one, failure)))];

function happening(one: Happening, { zone, now }: Failure): string {
  // The day is said where it is another one than the step's.
  const [day, time] = shownInstant(one.at, zone).split(" ");
  const at = shownInstant(now, zone).startsWith(`${day} `) ? time : `${day} ${time}`;
  return `${at} ${shownHappening(one)}${one.k === "change" ? "" : ` (rule ${one.rule})`}`;
}

/** What no test has touched; null where there is nothing. */
export function idleText(rules: readonly string[], segments: readonly string[]): string | null {
  const lines = [
    ...(rules.length === 0 ? [] : [`rules that no test starts: ${rules.join(", ")}`]),
    ...(segments.length === 0 ? [] : [`segments that nobody enters in any test: ${segments.join(", ")}`]),
  ];
  return lines.length === 0 ? null : `${lines.join("\n")}\n`;
}

/** `47 tests passed (0.2 s)`. */
export function closing(outcomes: readonly Outcome[], ms: number): string {
  const failed = outcomes.filter(({ failures }) => failures.length > 0).length;
  const passed = outcomes.length - failed;
  const took = `(${(ms / 1000).toFixed(1)} s)`;
  if (outcomes.length === 0) return "there are no tests: write `test \"…\" { … }` beside a rule";
  if (failed === 0) return `${counted(passed)} passed ${took}`;
  return `${counted(failed)} failed, ${passed} passed ${took}`;
}

const counted = (count: number): string => `${count} test${count === 1 ? "" : "s"}`;
