/**
 * What came of tests, for a person:
 *
 *   rules/shop/cart.eddy:45: a reminder after an hour, bestsellers a day later
 *     rules/shop/cart.eddy:51: expect send email "cart_reminder" { name: "Eva" }
 *       nothing of the kind happened by 2026-03-03 11:00 (Europe/Warsaw)
 *       what happened:
 *         11:00 send email "cart_reminder" { name: "Ava" } (rule cart_recovery)
 *           name is "Ava", not "Eva"
 *       what waits:
 *         rule cart_recovery until 2026-03-04 11:00
 */
import type { Span } from "../dsl/ast.js";
import { linesOf, positionIn, type Lines, type Position } from "../dsl/diagnostics/lines.js";
import type { Sources } from "../dsl/diagnostics/render.js";
import type { Failure, Happening, Nearest, Outcome } from "../engine/testing/outcome.js";
import { shownDifference, shownHappening, shownInstant, shownValue } from "../engine/testing/show.js";

export interface TestReport {
  readonly sources: Sources;
  position(span: Span): Position;
  /** `rules/shop/cart.eddy:51`. */
  place(span: Span): string;
  /** What stands there, in one line. */
  text(span: Span): string;
  /** The same without brackets around the whole. */
  expression(span: Span): string;
}

export function testReport(sources: Sources): TestReport {
  const known = new Map<string, Lines>();
  const lines = (file: string): Lines => {
    let found = known.get(file);
    if (found === undefined) known.set(file, (found = linesOf(sources.get(file) ?? "")));
    return found;
  };
  const text = ({ file, start, end }: Span): string =>
    (sources.get(file) ?? "").slice(start, end).replace(/"(?:[^"\\]|\\.)*"|(?:#[^\n\r]*|\s)+/g, (piece) => (piece.startsWith('"') ? piece : " ")).trim();
  const position = ({ file, start }: Span): Position => positionIn(lines(file), start);
  return {
    sources, position, text,
    place: (span) => `${span.file}:${position(span).line}`,
    expression: (span) => unbracketed(text(span)),
  };
}

/** `(a or b)` is `a or b`, and `(a) or (b)` stays. */
function unbracketed(text: string): string {
  const outer = text.replace(/"(?:[^"\\]|\\.)*"/g, (quoted) => "_".repeat(quoted.length));
  let depth = 0;
  for (let i = 0; i < outer.length; i++) {
    if (outer[i] === "(") depth++;
    else if (outer[i] === ")") depth--;
    if (depth === 0 && i < outer.length - 1) return text;
  }
  return outer.length < 2 ? text : unbracketed(text.slice(1, -1).trim());
}

const indented = (depth: number, lines: readonly string[]): readonly string[] => lines.map((line) => (line === "" ? "" : " ".repeat(2 * depth) + line));

/** A test that failed, with everything in it that did. Ends with an empty line. */
export const failureText = (report: TestReport, { test, failures }: Outcome): string =>
  [`${report.place(test.span)}: ${test.name}`, ...failures.flatMap((failure) => indented(1, failureLines(report, failure))), ""].join("\n");

/** One expectation that was not met: where, what, and what happened instead. */
export const failureLines = (report: TestReport, failure: Failure): readonly string[] =>
  [`${report.place(failure.span)}: ${report.text(failure.span)}`, ...indented(1, insteadLines(report, failure)), ...explained(failure)];

/** Set off by empty lines: it is many lines of another kind. */
const explained = ({ explanation }: Failure): readonly string[] => (explanation.length === 0 ? [] : ["", ...indented(2, explanation), ""]);

/** What happened instead. The first line says it in short. */
export function insteadLines(report: TestReport, failure: Failure): readonly string[] {
  const { why, happened, values, waiting, elsewhere, zone, customer, now } = failure;
  const when = shownInstant(now, zone);
  const lines = [`${reason(failure)} ${customer === "" ? "" : `for "${customer}" `}by ${when} (${zone.name})`];
  switch (why.k) {
    case "before the clock": return [`this is before the clock, which shows ${shownInstant(why.clock, zone)} (${zone.name})`];
    case "refused": return [`the program refuses this: ${why.because}`];
    case "cut": return [`effects of effects went on without an end and were cut at ${when}`];
    case "false":
      lines[0] = `this is not so ${customer === "" ? "" : `for "${customer}" `}at ${when} (${zone.name})`;
      lines.push(...indented(1, [...new Set(values.map(({ span, value, type, isCondition }) =>
        `${report.expression(span)} ${isCondition ? "is" : "="} ${shownValue(value, type, zone)}`))]));
      lines.push(...happenings("what happened", happened, failure));
      break;
    case "more happened": lines.push(...indented(1, why.actions.map((one) => happening(one, failure)))); break;
    default: lines.push(...happenings("what happened", happened, failure));
  }
  lines.push(...elsewhere.map((one) => (one.customer === customer ? `it happened in an earlier step, at ${shownInstant(one.at, zone)}` : `it happened to "${one.customer}"`)));
  if (failure.unknown === "new") lines.push("no event of this customer has come yet: with the first one segments begin");
  if (failure.unknown === "erased") lines.push("this customer has been erased, and no event has come since");
  const wanted = why.k === "no such action" || why.k === "not held" || why.k === "not suppressed";
  if (waiting.length > 0 && wanted) lines.push("what waits:", ...indented(1, waiting.map((run) => waitText(run, zone))));
  return lines;
}

const waitText = ({ rule, until, held }: Failure["waiting"][number], zone: Failure["zone"]): string =>
  `rule ${rule}${held ? ", whose message is held," : ""} ${until === Infinity ? "for ever" : `until ${shownInstant(until, zone)}`}`;

function reason({ why, happened }: Failure): string {
  if (why.k === "more happened") return "this happened";
  return happened.length === 0 ? "nothing happened" : "nothing of the kind happened";
}

function happenings(title: string, happened: readonly Happening[], failure: Failure): readonly string[] {
  if (happened.length === 0) return [];
  const near = failure.why.k === "no such action" ? failure.why.nearest : null;
  return [`${title}:`, ...indented(1, happened.flatMap((one) => [happening(one, failure), ...(one === near?.action ? indented(1, differing(near, failure)) : [])]))];
}

/** So many of them are told; who sees more has another action in front of them. */
const MOST_DIFFERENCES = 8;

function differing({ differences, expectedAt }: Nearest, { zone }: Failure): readonly string[] {
  const more = differences.length - MOST_DIFFERENCES;
  return [
    ...(expectedAt === null ? [] : [`at another time than ${shownInstant(expectedAt, zone)}`]),
    ...differences.slice(0, MOST_DIFFERENCES).map(shownDifference),
    ...(more > 0 ? [`and ${more} more differences`] : []),
  ];
}

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

/** `47 tests passed (0.2 s)`; `only`: what their names were to hold. */
export function closing(outcomes: readonly Outcome[], ms: number, only?: string): string {
  const failed = outcomes.filter(({ failures }) => failures.length > 0).length;
  const passed = outcomes.length - failed;
  const took = `(${(ms / 1000).toFixed(1)} s)`;
  if (outcomes.length === 0 && only !== undefined) return `there is no test with ${JSON.stringify(only)} in its name`;
  if (outcomes.length === 0) return "there are no tests: write `test \"…\" { … }` beside a rule";
  if (failed === 0) return `${counted(passed)} passed ${took}`;
  return `${counted(failed)} failed, ${passed} passed ${took}`;
}

const counted = (count: number): string => `${count} test${count === 1 ? "" : "s"}`;
