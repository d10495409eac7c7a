// Test blocks: which rules they run, their steps in order, their expectations.
//
// That time does not run backwards is seen when a test runs: where the customer lives decides it.

import type * as ast from "../ast.js";
import { didYouMean, nearest } from "../diagnostics/suggest.js";
import { SUPPRESSION_REASONS, type Delay, type Expectation, type SuppressionReason, type Test, type TestEvent, type TestLine, type WallTime } from "../tests.js";
import { eventOf } from "./aggregates.js";
import { momentaryCondition } from "./conditions.js";
import { byCodeUnits, whatItIs } from "./declared.js";
import { lengthOf, positiveLength } from "./durations.js";
import { experimentNamed, isVariant } from "./experiments.js";
import { daysOf } from "./fields.js";
import { channelMeant } from "./policies.js";
import { type Site, type World, between, siteIn } from "./site.js";
import { readFields, readPayload } from "./test-data.js";
import { valuesBehind } from "./test-values.js";

/** Null where something in it is wrong; what has been reported. */
export function readTest(world: World, written: ast.TestDeclaration): Test | null {
  const rules = rulesOf(world, written);
  const reader: Reader = { world, site: { ...siteIn(world), place: "test" }, sent: isWhole(world, rules) ? sentBy(rules) : null, stepped: false, customer: "", begun: new Set(), profiles: new Set(), variants: new Map() };
  const lines = written.lines.map((line) => readLine(reader, line));
  const there = lines.filter((line): line is TestLine => line !== null && line !== "settled");
  const whole = !lines.includes(null);
  if (!written.lines.some(({ k }) => k === "expect")) world.report("W0013", written.name.span, "this test expects nothing of anyone, so it cannot fail");
  if (rules === null || !whole) return null;
  return {
    name: written.name.value, span: written.span, rules: rules.map(({ name }) => name.text).sort(byCodeUnits), lines: there,
    variants: [...reader.variants].map(([experiment, variant]) => ({ experiment, variant })),
  };
}

/** Rules that could not be read may do anything. */
const isWhole = ({ declared }: World, rules: readonly ast.RuleDeclaration[] | null): rules is readonly ast.RuleDeclaration[] =>
  rules !== null && ![...declared.names.values()].includes("broken");

// ---- rules ----

const TEST_FILE = /\.test\.eddy$/;

/** Those of the test's own file, and those that it names. */
function rulesOf({ declared, report }: World, { span, with: named }: ast.TestDeclaration): readonly ast.RuleDeclaration[] | null {
  const home = span.file.replace(TEST_FILE, ".eddy");
  const rules = new Set(declared.rules.filter(({ span: { file } }) => file === span.file || file === home));
  let whole = true;
  for (const name of named ?? []) {
    const found = declared.rules.filter((rule) => rule.name.text === name.text);
    for (const rule of found) rules.add(rule);
    if (found.length > 0) continue;
    whole = false;
    const kind = declared.names.get(name.text);
    if (kind === "broken") continue;
    report("E0115", name.span, `there is no rule "${name.text}"`, {
      label: kind === undefined ? didYouMean(name.text, declared.rules.map((rule) => rule.name.text)) : whatItIs(name.text, kind),
    });
  }
  return whole ? [...rules] : null;
}

/** What the rules can do, as expectations say it: `send email "x"`. */
function sentBy(rules: readonly ast.RuleDeclaration[]): ReadonlySet<string> {
  const sent = new Set<string>();
  const walk = (steps: readonly ast.Step[]): void => {
    for (const step of steps) {
      switch (step.k) {
        case "send": case "emit": sent.add(actionText(step)); break;
        case "if": walk(step.then); walk(step.else ?? []); break;
        case "waitfor": case "take": walk(step.fork?.then ?? []); walk(step.fork?.else ?? []); break;
        case "split": for (const { steps: branch } of step.branches) walk(branch); break;
        default: break;
      }
    }
  };
  for (const { steps } of rules) walk(steps);
  return sent;
}

const actionText = (of: ast.SendStep | ast.EmitStep | ast.ExpectedAction): string =>
  of.k === "send" ? `send ${of.channel.text} ${JSON.stringify(of.template.value)}` : `emit ${JSON.stringify(of.name.value)}`;

// ---- lines ----

interface Reader {
  readonly world: World;
  readonly site: Site;
  /** What the rules can do; null where nobody knows. */
  readonly sent: ReadonlySet<string> | null;
  /** There has been a step. */
  stepped: boolean;
  /** Whom the next lines concern. */
  customer: string;
  /** By experiment. */
  readonly variants: Map<number, string>;
  /** Customers who have had an event, and those who have been given a profile. */
  readonly begun: Set<string>;
  readonly profiles: Set<string>;
}

/** "settled": it is no line of its own but holds for the whole test. */
function readLine(reader: Reader, written: ast.TestLine): TestLine | "settled" | null {
  const { world, site } = reader;
  const { span } = written;
  switch (written.k) {
    case "customer":
      reader.customer = written.id.value;
      if (written.id.value === "") return world.report("E0306", written.id.span, "a customer needs a name");
      return { span, k: "customer", id: written.id.value };
    case "variant": return readVariant(reader, written);
    case "profile": {
      const value = readFields(site, written.value, world.declared.profile, "the profile");
      if (reader.begun.has(reader.customer)) return world.report("E0309", span, "a profile stands before the customer's first event", { label: "later it is changed by `profile_updated { … }`" });
      if (reader.profiles.has(reader.customer)) return world.report("E0304", span, "`profile` is given twice for this customer");
      reader.profiles.add(reader.customer);
      return value === null ? null : { span, k: "profile", value };
    }
    case "at": {
      const event = readEvent(reader, written.event);
      reader.stepped = true;
      return event === null ? null : { span, k: "at", at: wallTime(written.time), event: event ?? null };
    }
    case "after": {
      const event = readEvent(reader, written.event);
      const delay = lengthOf(written.delay, world.report);
      if (!reader.stepped) {
        reader.stepped = true; // once is enough
        return world.report("E0308", written.delay.span, "nobody knows yet what time it is", { label: "the first step says it: `at 2026-03-02 10:00`" });
      }
      return event === null || delay === null ? null : { span, k: "after", delay, event: event ?? null };
    }
    case "expect": {
      const what = readExpectation(reader, written.what);
      if (!reader.stepped) return world.report("E0308", span, "an expectation stands behind the step of which it speaks", { label: "before it, say when: `at 2026-03-02 10:00`" });
      return what === null ? null : { span, k: "expect", what };
    }
  }
}

function readVariant({ world, variants }: Reader, { experiment: name, name: written, span }: ast.VariantLine): "settled" | null {
  const experiment = experimentNamed(world, name);
  if (experiment === null || !isVariant(world, experiment, written)) return null;
  if (variants.has(experiment.index)) return world.report("E0304", span, `the variant of "${experiment.name}" is given twice in this test`, { label: "it holds for all customers of the test" });
  variants.set(experiment.index, written.value);
  return "settled";
}

const wallTime = ({ date, clock }: ast.InstantLiteral): WallTime => ({ date: daysOf(date), ms: clock.ms });

/** Undefined: the step has no event; null: something is wrong with it. */
function readEvent(reader: Reader, written: ast.Happening | null): TestEvent | null | undefined {
  if (written === null) return undefined;
  const { site } = reader;
  const { event: name, data, late, span } = written;
  reader.begun.add(reader.customer);
  const event = eventOf(site, name);
  if (event === null) {
    // What it says may be wrong by itself as well.
    if (data !== null) readPayload(site, data);
    return null;
  }
  const fields = data === null ? { k: "record", entries: [] } as const : readFields(site, data, event.record, `"${name.text}"`);
  const delay: Delay | null | undefined = late === null ? undefined : positiveLength(late, site.world.report);
  return fields === null || delay === null ? null : { span, name: event.name, data: fields, late: delay ?? null };
}

// ---- expectations ----

function readExpectation(reader: Reader, written: ast.Expected): Expectation | null {
  const { site, world } = reader;
  switch (written.k) {
    case "send": case "emit": return readAction(reader, written, null);
    case "timed": return readAction(reader, written.action, wallTime(written.at));
    case "nothing": return { k: "nothing" };
    case "nothingelse": return { k: "nothing else" };
    case "heldmsg": return readHeld(reader, written);
    case "suppressed": {
      const { text, span } = written.reason;
      const channel = channelNamed(world, written.channel);
      const reason = SUPPRESSION_REASONS.find((known) => known === text);
      if (reason === undefined) return world.report("E0219", span, `messages are not suppressed by ${text}`, { label: reasonLabel(text) });
      return channel ? { k: "suppressed", channel: written.channel.text, reason } : null;
    }
    case "holds": {
      const condition = momentaryCondition(site, written.if);
      return condition === null ? null : { k: "condition", if: condition, values: valuesBehind(site, written.if) };
    }
  }
}

function readHeld(reader: Reader, { channel, template }: ast.ExpectedHeld): Expectation | null {
  if (!channelNamed(reader.world, channel)) return null;
  lintUnsent(reader, `send ${channel.text} ${JSON.stringify(template.value)}`, between(channel.span, template.span));
  return { k: "held", channel: channel.text, template: template.value };
}

const reasonLabel = (text: string): string => didYouMean(text, SUPPRESSION_REASONS satisfies readonly SuppressionReason[]) ?? "`consent`, `cap` or `ended`";

function readAction(reader: Reader, written: ast.ExpectedAction, at: WallTime | null): Expectation | null {
  const { site, world } = reader;
  const payload = written.payload === null ? null : readPayload(site, written.payload);
  if (written.k === "send" && !channelNamed(world, written.channel)) return null;
  lintUnsent(reader, actionText(written), written.span);
  if (written.payload !== null && payload === null) return null;
  return written.k === "send"
    ? { k: "action", channel: written.channel.text, template: written.template.value, payload, at }
    : { k: "action", channel: null, template: written.name.value, payload, at };
}

function lintUnsent({ world, sent }: Reader, text: string, span: ast.Span): void {
  if (sent === null || sent.has(text)) return;
  const near = nearest(text, sent);
  world.report("W0014", span, "no rule of this test does that", {
    label: near === null ? undefined : `did you mean \`${near}\`?`,
    notes: ["a test runs the rules of its own file, and those named after `with`"],
  });
}

/** Whether there is such a channel; what there is not has been reported. */
function channelNamed({ declared, report, used }: World, { text, span }: ast.Name): boolean {
  if (declared.channelIndex.has(text)) {
    used.add(text);
    return true;
  }
  const kind = declared.names.get(text);
  if (kind !== "broken") {
    report("E0105", span, `there is no channel "${text}"`, { label: kind === undefined ? channelMeant(text, declared.channels.keys()) : whatItIs(text, kind) });
  }
  return false;
}
