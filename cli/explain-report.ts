/** Explanations as a person reads them on a terminal, and as JSON. Instants stand on the customer's wall clock. */
import type { History, Told } from "../engine/explain/history.js";
import type { Part } from "../engine/explain/parts.js";
import type { CapExplanation, ChannelExplanation, RuleExplanation, RunExplanation } from "../engine/explain/rule.js";
import type { HeldExplanation, SegmentExplanation } from "../engine/explain/segment.js";
import { lengthText } from "../dsl/spell.js";
import { shownInstant, shownValue } from "../engine/testing/show.js";
import type { Zone } from "../engine/zone.js";

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

function partLine({ text, type, value, holds, readsEvent, turns }: Part, { zone }: Who): string {
  if (holds === null) {
    if (type.k === "boolean") return `? ${text}  (depends on the event)`;
    return readsEvent && value === null ? `  ${text}  (of the event)` : `  ${text} = ${shownValue(value, type, zone)}`;
  }
  const when = turns === null ? "" : `  ${holds ? "until" : "from"} ${shownInstant(turns.at, zone)}, by itself`;
  return `${holds ? "✓" : "✗"} ${text}${when}`;
}

// ---------------------------------------------------------------------------------------------------- segments

export function segmentReport(of: SegmentExplanation, who: Who): string {
  const { member, turns, touchedBy } = of;
  const events = touchedBy.length === 0 ? "" : ` unless ${listed(touchedBy)}`;
  const future = turns === null
    ? `${member ? "stays in" : "stays out"}${touchedBy.length === 0 ? "" : ` until ${listed(touchedBy)}`}: time alone changes nothing`
    : `${member ? "leaves" : "enters"} on ${shownInstant(turns.at, who.zone)}${events}`;
  return [
    `${who.customer} is ${member ? "in" : "not in"} ${titled(of.segment, of.label)}, ${asOf(who)}`,
    future,
    "",
    of.leave === null ? "in while" : "enters when",
    ...indented(heldLines(of.enter, who)),
    ...(of.leave === null ? [] : ["", "leaves when", ...indented(heldLines(of.leave, who))]),
  ].join("\n");
}

function heldLines({ condition, forAtLeast, since, due }: HeldExplanation, who: Who): string[] {
  const lines = partLines(condition, who);
  if (forAtLeast === null) return lines;
  const long = `for at least ${lengthText(forAtLeast)}`;
  if (since === null || due === null) return [...lines, `✗ ${long}: it does not hold now`];
  return [...lines, `${due <= who.now ? "✓" : "✗"} ${long}: it has held since ${shownInstant(since, who.zone)}${due <= who.now ? "" : `, that is on ${shownInstant(due, who.zone)}`}`];
}

const listed = (names: readonly string[]): string =>
  names.length <= 1 ? (names[0] ?? "") : `${names.slice(0, -1).join(", ")} or ${names.at(-1) ?? ""}`;

// ---------------------------------------------------------------------------------------------------- rules

export function ruleReport(of: RuleExplanation, history: History | null, who: Who): string {
  const running = of.runs.length === 0 ? "not under way" : of.runs.length === 1 ? "under way" : `under way ${of.runs.length} times`;
  const section = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ["", title, ...indented(lines)]);
  return [
    `${titled(of.rule, of.label)} is ${running} for ${who.customer}, ${asOf(who)}`,
    ...of.runs.flatMap((run) => ["", ...runLines(run, who)]),
    ...section("starts", [...of.starts.map((start) => `on ${start}`), ...(of.ignoresStarts ? ["✗ a start would be ignored now: a run is under way, and the rule does not say `repeat restart`"] : [])]),
    ...section("only when", of.when === null ? [] : partLines(of.when, who)),
    ...section("not while", of.until.flatMap((part) => partLines(part, who))),
    ...section("starts are capped", of.caps.map((cap) => capLine(cap, who))),
    ...of.channels.flatMap((channel) => section(`channel ${channel.channel}: ${verdict(channel, who)}`, channelLines(channel, who))),
    ...(history === null ? [] : section("what happened", historyLines(history, who))),
  ].join("\n");
}

function runLines(run: RunExplanation, who: Who): string[] {
  const per = run.per === null ? "" : ` for ${JSON.stringify(run.per)}`;
  const until = run.until === null ? "no time ends it" : `until ${shownInstant(run.until, who.zone)}`;
  const stands = run.heldSince === null ? `stands at \`${run.standsAt}\`, ${until}` : `its channel holds \`${run.standsAt}\` since ${shownInstant(run.heldSince, who.zone)}, ${until} at least`;
  return [
    `run${per} since ${shownInstant(run.startedAt, who.zone)}, started by ${run.cause}`,
    ...indented([stands, ...(run.endsBy.length === 0 ? [] : [`ends by ${listed(run.endsBy)}`]), ...run.conditions.flatMap((part) => ["ends when", ...indented(partLines(part, who))])]),
  ];
}

const capLine = ({ text, used, of, freeAt }: CapExplanation, { zone }: Who): string =>
  `${freeAt === null && used < of ? "✓" : "✗"} ${text}: ${used} of ${of} used${freeAt === null ? "" : `, room again on ${shownInstant(freeAt, zone)}`}`;

function verdict(channel: ChannelExplanation, { zone }: Who): string {
  const by = channel.policy === null || channel.policy === channel.channel ? "" : ` by ${channel.policy}`;
  switch (channel.now) {
    case "send": return "a message would go out now";
    case "consent": return `a message would be suppressed${by}: no consent`;
    case "hold": return `a message would be held${by}${channel.until === null ? "" : ` until ${shownInstant(channel.until, zone)}`}`;
    case "cap": return `a message would be suppressed${by}: the cap is reached`;
  }
}

const channelLines = (channel: ChannelExplanation, who: Who): string[] =>
  [...channel.consent.flatMap((part) => partLines(part, who)), ...channel.quiet, ...channel.caps.map((cap) => capLine(cap, who))];

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;

function historyLines({ told, more, refused }: History, who: Who): string[] {
  return [
    ...(refused === null ? [] : [`${counted(refused.count, "event")} of the customer did not fit the program and changed nothing; the last: ${refused.last}`]),
    ...(told.length === 0 ? ["nothing that the records of the log tell of"] : []),
    ...(more ? ["…"] : []), ...told.flatMap((one) => toldLines(one, who)),
  ];
}

function toldLines(one: Told, who: Who): string[] {
  const { zone } = one;
  const line = `${shownInstant(one.at, zone)}  ${toldText(one)}${one.cause === "time" ? "" : `  (${one.cause})`}`;
  return one.k === "not started" && one.part !== null ? [line, ...indented(partLines(one.part, { ...who, zone }), 4)] : [line];
}

function toldText(one: Told): string {
  const until = (instant: number | null): string => (instant === null ? "" : ` until ${shownInstant(instant, one.zone)}`);
  switch (one.k) {
    case "started": return "started";
    case "restarted": return "started anew";
    case "passed over": return `not started: not ${one.where}`;
    case "not started": return `not started: ${one.why}`;
    case "waits": return `${one.step}: waits${until(one.until)}`;
    case "held": return `${one.step}: held by ${one.policy}${until(one.until)}`;
    case "suppressed": return `${one.step}: suppressed by ${one.by} of ${one.policy} (${one.why})`;
    case "acted": return one.step;
    case "ended": return { done: "done", until: "ended by its `until`", restart: "ended: the next start takes its place", crowded: "ended: too many runs of the rule" }[one.by];
  }
}

// ---------------------------------------------------------------------------------------------------- JSON

const instant = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

/** Instants as RFC 3339, values as an explanation shows them, everything else as it is. */
export function explanationJson(of: SegmentExplanation | RuleExplanation, history: History | null, who: Who): object {
  return { customer: who.customer, at: instant(who.now), timezone: who.zone.name, ...(plain(of, who) as object), ...(history === null ? {} : { history: plain(history.told, who), historyIsCut: history.more, refused: history.refused }) };
}

const INSTANTS: ReadonlySet<string> = new Set(["at", "since", "due", "startedAt", "heldSince", "until", "freeAt"]);

function plain(value: unknown, who: Who): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item, who));
  if (typeof value !== "object" || value === null) return value;
  if (isPart(value)) {
    return {
      text: value.text, holds: value.holds, value: value.type.k === "boolean" ? value.holds : shownValue(value.value, value.type, who.zone),
      changesAt: instant(value.turns?.at ?? null), parts: value.parts.map((part) => plain(part, who)),
    };
  }
  return Object.fromEntries(Object.entries(value).flatMap(([name, inner]): readonly [string, unknown][] => {
    if (name === "zone") return [];
    return [[name, INSTANTS.has(name) && typeof inner === "number" ? instant(inner) : plain(inner, who)]];
  }));
}

const isPart = (value: object): value is Part => "parts" in value && "readsEvent" in value;
