/** Explanations as a person reads them on a terminal, and as JSON. Instants stand on the customer's wall clock. */
import type { History, Told } from "../engine/explain/history.js";
import type { Part } from "../engine/explain/parts.js";
import type { CapExplanation, ChannelExplanation, QuietExplanation, RuleExplanation, RunExplanation, StartExplanation } from "../engine/explain/rule.js";
import type { HeldExplanation, SegmentExplanation } from "../engine/explain/segment.js";
import type { ValueExplanation } from "../engine/explain/value.js";
import { HOLDOUT, type Type, type Value } from "../dsl/program.js";
import { lengthText } from "../dsl/spell.js";
import { dateText, timeText } from "../engine/compile/runtime.js";
import { shownInstant, shownValue } from "../engine/testing/show.js";
import type { Zone } from "../engine/zone.js";
import { visible } from "./visible.js";

/** Who is explained, and the present on their clock. */
export interface Who {
  readonly customer: string;
  readonly now: number;
  readonly zone: Zone;
}

const indented = (lines: readonly string[], by = 2): string[] => lines.map((line) => (line === "" ? "" : `${" ".repeat(by)}${line}`));
const titled = (name: string, label: string | null): string => (label === null ? name : `${name} "${label}"`);

/** Instants and where they are those of. */
const asOf = ({ now, zone }: Who): string => `as of ${shownInstant(now, zone)} (${zone.name})`;

// ---------------------------------------------------------------------------------------------------- conditions

/** A mark for what holds (`✓`), does not (`✗`), or cannot be told without the event (`?`); then the parts below. */
export function partLines(part: Part, who: Who): string[] {
  return [partLine(part, who), ...indented(part.parts.flatMap((inner) => partLines(inner, who)))];
}

function partLine(part: Part, { zone }: Who): string {
  const { text, type, value, holds, readsEvent } = part;
  if (holds !== null) return `${holds ? "✓" : "✗"} ${text}${changes(part, zone)}`;
  if (type.k === "boolean") return `? ${text}  (depends on the event)`;
  return readsEvent && value === null ? `  ${text}  (of the event)` : `  ${text} = ${shownValue(value, type, zone)}`;
}

/** Events are named where nothing below says more. */
function changes({ holds, turns, changedBy, readsStanding, parts }: Part, zone: Zone): string {
  const events = parts.some((part) => part.type.k === "boolean") ? [] : [...changedBy, ...(readsStanding ? ["a midnight UTC"] : [])];
  if (turns === null) return events.length === 0 ? "" : `  (may change by ${listed(events)})`;
  return `  ${holds === true ? "until" : "from"} ${shownInstant(turns.at, zone)} by itself${events.length === 0 ? "" : `, or by ${listed(events)}`}`;
}

// ---------------------------------------------------------------------------------------------------- segments, values

export function segmentReport(of: SegmentExplanation, who: Who): string {
  return [
    `${visible(who.customer)} is ${of.member ? "in" : "not in"} ${titled(of.segment, of.label)}, ${asOf(who)}`,
    ...(of.unsettled ? [`! ${of.member ? "in, though the condition does not hold" : "out, though the condition holds"}: the rules changed${of.standing ? ", or figures of all customers were drawn up," : ""} after the customer was last looked at; the engine settles it when it comes to them`] : []),
    `${future(of, who)}${of.standing ? "; but where customers stand among all is drawn up each midnight UTC, and may change it" : ""}`,
    "",
    of.leave === null ? "in while" : "enters when",
    ...indented(heldLines(of.enter, who)),
    ...(of.leave === null ? [] : ["", "leaves when", ...indented(heldLines(of.leave, who))]),
  ].join("\n");
}

function future({ member, turns, sureUntil, touchedBy }: SegmentExplanation, { zone }: Who): string {
  if (turns !== null) return `${member ? "leaves" : "enters"} on ${shownInstant(turns.at, zone)}${touchedBy.length === 0 ? "" : ` unless ${listed(touchedBy)}`}`;
  const alone = sureUntil === null ? "time alone changes nothing" : `time alone changes nothing before ${shownInstant(sureUntil, zone)}`;
  return `stays ${member ? "in" : "out"}${touchedBy.length === 0 ? "" : ` until ${listed(touchedBy)}`}: ${alone}`;
}

function heldLines({ condition, forAtLeast, since, due }: HeldExplanation, who: Who): string[] {
  const lines = partLines(condition, who);
  if (forAtLeast === null) return lines;
  const long = `for at least ${lengthText(forAtLeast)}`;
  if (since === null || due === null) return [...lines, `✗ ${long}: it does not hold now`];
  return [...lines, `${due <= who.now ? "✓" : "✗"} ${long}: it has held since ${shownInstant(since, who.zone)}${due <= who.now ? "" : `, long enough on ${shownInstant(due, who.zone)}`}`];
}

export function valueReport({ value, more, changesAt, kind }: ValueExplanation, who: Who): string {
  const below = value.parts.flatMap((part) => partLines(part, who));
  const { holds, text } = value;
  const changedBy = [...value.changedBy, ...(value.readsStanding ? ["a midnight UTC"] : [])];
  const change = changesAt === null ? [] : [`${kind === "points" ? "the next expire" : "changes by itself"} on ${shownInstant(changesAt, who.zone)}`];
  return [
    `${holds === null ? partLine(value, who).trim() : `${holds ? "✓" : "✗"} ${text}`}, ${asOf(who)}`,
    [...change, ...(changedBy.length === 0 ? [] : [`may change by ${listed(changedBy)}`])].join(", or ") || "nothing changes it",
    ...(below.length + more.length === 0 ? [] : ["", ...below, ...more.flatMap((part) => partLines(part, who))]),
  ].join("\n");
}

const listed = (names: readonly string[]): string =>
  names.length <= 1 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} or ${names.at(-1) ?? ""}`;

// ---------------------------------------------------------------------------------------------------- rules

const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ["", title, ...indented(lines)]);

export function ruleReport(of: RuleExplanation, history: History | null, who: Who): string {
  const running = of.runs.length === 0 ? "not under way" : of.runs.length === 1 ? "under way" : `under way ${of.runs.length} times`;
  return [
    `${titled(of.rule, of.label)} is ${running} for ${visible(who.customer)}, ${asOf(who)}`,
    ...of.runs.flatMap((run) => ["", ...runLines(run, who)]),
    ...section("starts", [...of.starts.map((start) => startLine(start, who)), ...(of.ignoresStarts ? ["✗ a start would be ignored now: a run is under way, and the rule does not say `repeat restart`"] : [])]),
    ...section("only when", of.when === null ? [] : partLines(of.when, who)),
    ...section("not while", of.until.flatMap((part) => partLines(part, who))),
    ...section("starts are capped", of.caps.map((cap) => capLine(cap, who))),
    ...section("splits", of.experiments.map(({ experiment, variant, exposedSince }) => `${experiment}: ${variant === HOLDOUT ? "in the holdout, which ends a run there" : variant}${exposedSince === null ? "" : `, since ${shownInstant(exposedSince, who.zone)}`}`)),
    ...of.channels.flatMap((channel) => channelSection(channel, who)),
    ...(history === null ? [] : section("what happened", historyLines(history, who))),
  ].join("\n");
}

const startLine = ({ text, next }: StartExplanation, { zone }: Who): string => `on ${text}${next === null ? "" : `  next on ${shownInstant(next, zone)}`}`;

function runLines(run: RunExplanation, who: Who): string[] {
  const { zone } = who;
  const until = run.until === null ? "no time ends it" : `until ${shownInstant(run.until, zone)}`;
  const held = run.heldBy.map((quiet) => quietLine(quiet, "", who));
  const stands = run.heldSince === null
    ? [`stands at \`${run.standsAt}\`, ${until}`]
    : [`its channel holds \`${run.standsAt}\` since ${shownInstant(run.heldSince, zone)}${run.until === null ? "" : `, ${until} at least`}`, ...indented(held)];
  return [
    `run${forKey(run.per)} since ${shownInstant(run.startedAt, zone)}, started by ${visible(run.cause)}`,
    ...indented([...stands, ...(run.endsBy.length === 0 ? [] : [`ends by ${listed(run.endsBy)}`]), ...run.conditions.flatMap((part) => ["ends when", ...indented(partLines(part, who))])]),
  ];
}

const forKey = (per: Value): string => (per === null ? "" : ` for ${JSON.stringify(per)}`);

const room = (freeAt: number | null, zone: Zone): string => (freeAt === null ? "" : `, room again on ${shownInstant(freeAt, zone)}`);

const capLine = ({ text, used, of, freeAt }: CapExplanation, { zone }: Who): string =>
  `${freeAt === null && used < of ? "✓" : "✗"} ${text}: ${used} of ${of} used${room(freeAt, zone)}`;

const quietLine = ({ text, isQuiet, until, policy }: QuietExplanation, own: string, { zone }: Who): string =>
  `${isQuiet ? "✗" : "✓"} ${text}: ${isQuiet ? `quiet now${until === null ? "" : `, until ${shownInstant(until, zone)}`}` : "not quiet now"}${ofPolicy(policy, own)}`;

const ofPolicy = (policy: string, own: string): string => (policy === own ? "" : `  (of ${policy})`);

export const channelReport = (channel: ChannelExplanation, who: Who): string =>
  [`${channel.channel} for ${visible(who.customer)}, ${asOf(who)}`, ...channelSection(channel, who)].join("\n");

function channelSection(channel: ChannelExplanation, who: Who): string[] {
  const own = channel.channel;
  return ["", `channel ${own}: ${verdict(channel, who)}`, ...indented([
    ...channel.consent.flatMap(({ policy, condition }) => { const [first = "", ...rest] = partLines(condition, who); return [`${first}${ofPolicy(policy, own)}`, ...rest]; }),
    ...channel.quiet.map((quiet) => quietLine(quiet, own, who)),
    ...channel.caps.map((cap) => `${capLine(cap, who)}${ofPolicy(cap.policy, own)}`),
    ...(channel.sendsUrgent ? ["urgent messages of the rule pass quiet hours and caps"] : []),
  ])];
}

function verdict(channel: ChannelExplanation, { zone }: Who): string {
  const by = channel.policy === null || channel.policy === channel.channel ? "" : ` by ${channel.policy}`;
  switch (channel.now) {
    case "send": return "a message would go out now";
    case "consent": return `a message would be suppressed${by}: no consent`;
    case "hold": return `a message would be held${by}${channel.until === null ? "" : ` until ${shownInstant(channel.until, zone)} at least`}`;
    case "cap": return `a message would be suppressed${by}: the cap is reached`;
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

// ---------------------------------------------------------------------------------------------------- history

function historyLines(history: History, who: Who): string[] {
  const { told, more, refused, from, isWhole, agrees } = history;
  const { zone } = who;
  return [
    ...changedLines(history, who),
    ...(isWhole ? [] : [from === null ? "the log holds no events of the customer any more" : `the log holds the customer's events from ${shownInstant(from, zone)} on: what was before counts for nothing here`]),
    ...(refused === null ? [] : [`${counted(refused.count, "event")} of the customer did not fit the program and changed nothing; the last: ${visible(refused.last)}`]),
    ...(agrees ? [] : ["by these events and the present rules the rule would stand elsewhere than it does: rules were edited, events are missing, or others moved the clock"]),
    ...(told.length === 0 ? ["nothing that the events of the log tell of"] : []),
    ...(more ? ["…"] : []), ...told.flatMap((one, i) => [...turnLine(told, i), ...toldLines(one, who)]),
  ];
}

/** Rules that are younger than what is told did not do it. */
function changedLines({ told, othersUntil, runs }: History, { zone }: Who): string[] {
  const wrong = told.some((one) => one.k === "acted" && one.sent === "not sent");
  if (!runs) return ["! no engine runs these rules yet: this is what they would do with the customer's events, and only what is called `sent` has happened"];
  if (othersUntil !== null && told.some(({ wouldHave }) => wouldHave)) {
    return [`! these rules are younger than the events: until ${shownInstant(othersUntil, zone)} others ran, and what is told of that time is what these would have done`];
  }
  return wrong ? ["! not all of this happened: the rules were others then, or events came late"] : [];
}

/** Where the time of other rules ends among what is told. */
function turnLine(told: readonly Told[], i: number): string[] {
  const isOwn = (one: Told): boolean => one.k !== "sent" && !one.wouldHave;
  const one = told[i];
  return one !== undefined && isOwn(one) && told.slice(0, i).some(({ wouldHave }) => wouldHave) && !told.slice(0, i).some(isOwn) ? ["from here on it happened under these rules"] : [];
}

function toldLines(one: Told, who: Who): string[] {
  const { zone } = one;
  const line = `${shownInstant(one.at, zone)}  ${one.wouldHave && one.k !== "acted" ? "would have been: " : ""}${toldText(one)}${forKey(one.per)}${one.times === 1 ? "" : `, ${one.times} times in a row`}${one.cause === "time" ? "" : `  (${visible(one.cause)})`}`;
  const part = one.k === "not started" || one.k === "went" ? one.part : null;
  return part === null ? [line] : [line, ...indented(partLines(part, { ...who, zone }), 4)];
}

function toldText(one: Told): string {
  const until = (instant: number | null): string => (instant === null ? "" : ` until ${shownInstant(instant, one.zone)}`);
  switch (one.k) {
    case "started": return "started";
    case "restarted": return "started anew";
    case "passed over": return `not started: not ${one.where}`;
    case "not started": return `not started: ${one.why}${room(one.freeAt, one.zone)}`;
    case "waits": return `${one.step}: waits${until(one.until)}`;
    case "went": return `${one.step}: ${wentText(one)}`;
    case "held": return `${one.step}: held by ${one.policy}${until(one.until)}${one.quiet.length === 0 ? "" : ` (${one.quiet.join(", ")})`}`;
    case "suppressed": return `${one.step}: suppressed by ${one.by} of ${one.policy} (${one.why})${room(one.freeAt, one.zone)}`;
    case "dropped": return `${one.step}: dropped while held: its run ended`;
    case "acted": return `${one.step}${sentText(one)}`;
    case "sent": return `${one.step}: sent; by today's rules and the events that are left it would not have been`;
    case "ended": return { done: "done", until: one.until === null ? "ended by its `until`" : `ended by \`until ${one.until}\``, restart: "ended: the next start takes its place", crowded: "ended: too many runs of the rule" }[one.by];
  }
}

function sentText({ sent, wouldHave }: Extract<Told, { k: "acted" }>): string {
  switch (sent) {
    case "sent": return wouldHave ? ": sent" : "";
    case "not sent": return ": would have been sent by today's rules; it was not";
    case "not yet": return ": due, and not sent yet: no engine has run since";
    case "unknown": return wouldHave ? ": would have been sent by today's rules; the outputs of that time are gone, so nobody knows whether it was" : "";
  }
}

function wentText({ kind, way }: Extract<Told, { k: "went" }>): string {
  switch (kind) {
    case "if": return way === "then" ? "yes" : "no";
    case "take": return way === "then" ? "taken" : "not enough";
    case "waitFor": return way === "then" ? "it came" : "it did not come";
    case "split": return way === HOLDOUT ? "in the holdout, which ends the run" : way;
    case "other": return way;
  }
}

// ---------------------------------------------------------------------------------------------------- JSON

const instant = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

export type Explanation = SegmentExplanation | RuleExplanation | ValueExplanation | ChannelExplanation;

/** Instants as RFC 3339, dates as YYYY-MM-DD, durations in milliseconds, everything else as it is. */
export function explanationJson(of: Explanation, history: History | null, who: Who): object {
  return { customer: who.customer, at: instant(who.now), timezone: who.zone.name, ...(plain(of, who) as object), ...(history === null ? {} : { history: plain(history, who) }) };
}

const INSTANTS: ReadonlySet<string> = new Set(["at", "since", "due", "startedAt", "heldSince", "until", "freeAt", "next", "exposedSince", "from", "othersUntil", "sureUntil", "changesAt"]);

function plain(value: unknown, who: Who): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item, who));
  if (typeof value !== "object" || value === null) return value;
  if (isPart(value)) {
    return {
      text: value.text, holds: value.holds, value: value.type.k === "boolean" ? value.holds : valueJson(value.value, value.type),
      changesAt: instant(value.turns?.at ?? null), changedBy: value.changedBy, parts: value.parts.map((part) => plain(part, who)),
    };
  }
  return Object.fromEntries(Object.entries(value).flatMap(([name, inner]): readonly [string, unknown][] => {
    if (name === "zone") return [];
    return [[name, INSTANTS.has(name) && typeof inner === "number" ? instant(inner) : plain(inner, who)]];
  }));
}

function valueJson(value: Value, type: Type): unknown {
  if (value === null) return null;
  if (type.k === "time") return timeText(value);
  if (type.k === "date") return dateText(value);
  if (type.k === "list" && Array.isArray(value)) return value.map((item: Value) => valueJson(item, type.of));
  if (type.k !== "record" || typeof value !== "object") return value;
  const record = value as { readonly [name: string]: Value };
  return Object.fromEntries(type.fields.map((field) => [field.name, valueJson(record[field.name] ?? null, field.type)]));
}

const isPart = (value: object): value is Part => "parts" in value && "readsEvent" in value;
