/**
 * Runs of random rules in the plainest way: every event is kept, every condition computed anew at every instant at which
 * anything could change, runs are generators. Whatever happens (something turns, a run starts or begins to wait) gets the
 * next number, so that "after" is a comparison. Calendars are Temporal's. Imports nothing of the engine.
 */
import { Temporal } from "temporal-polyfill";
import { SEGMENTS, startsWithEvent, type Happening, type Life, type Moment, type RuleData, type SegmentName, type Start, type Step } from "./random-rules.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const DEPTH_MAX = 16;
const MAX_RUNS = 32;

/** One line of what came out. */
export type Said = string;

type Turn = { readonly k: "enter" | "leave"; readonly segment: SegmentName; readonly number: number } | { readonly k: "change"; readonly number: number };

/** What a run waits for. `held`: its message. */
type Wait =
  | { readonly k: "until"; at: number; readonly clock: null | { readonly minute: number; readonly weekday: number | null } }
  | { readonly k: "for"; readonly moment: Moment; readonly at: number; readonly number: number }
  | { readonly k: "held"; readonly line: string; readonly number: number };

/** How a wait ended: with an event, with something that turned, or without. */
type Came = Happening | "turned" | "over";

interface Run {
  readonly rule: RuleData;
  readonly started: number;
  readonly event: Happening | null;
  readonly key: string | null;
  readonly steps: Generator<Wait, void, Came>;
  wait: Wait | null;
  /** How many b came while it ran. */
  b: number;
}

interface Customer {
  readonly life: Life;
  now: number;
  zone: string;
  flag: boolean;
  day: Temporal.PlainDate | null;
  readonly events: Happening[];
  readonly members: Set<SegmentName>;
  runs: Run[];
  readonly starts: Map<RuleData, number[]>;
  readonly sent: number[];
  /** By rule: the last local time at which it was scheduled. */
  readonly came: Map<RuleData, Temporal.PlainDateTime>;
  number: number;
  turns: Turn[];
  due: RuleData[];
  changed: boolean;
  readonly said: Said[];
}

export function naiveRuns(life: Life): Said[] {
  const c: Customer = {
    life, now: -Infinity, zone: "UTC", flag: false, day: null, events: [], members: new Set(), runs: [], starts: new Map(), sent: [],
    came: new Map(), number: 0, turns: [], due: [], changed: false, said: [],
  };
  const rules = [...life.rules].sort((a, b) => b.priority - a.priority || (a.name < b.name ? -1 : 1));
  for (const happening of life.history) {
    letTimePass(c, rules, happening.at);
    c.now = happening.at;
    happen(c, rules, happening);
  }
  letTimePass(c, rules, life.end);
  return c.said;
}

function letTimePass(c: Customer, rules: readonly RuleData[], to: number): void {
  if (c.events.length === 0) return;
  for (let next = nextInstant(c, rules); next <= to; next = nextInstant(c, rules)) {
    c.now = next;
    happen(c, rules, null);
  }
}

function nextInstant(c: Customer, rules: readonly RuleData[]): number {
  let next = Infinity;
  const consider = (at: number): void => { if (at > c.now && at < next) next = at; };
  for (const { at } of c.events) { consider(at + 2 * HOUR); consider(at + 3 * HOUR); }
  for (const { wait } of c.runs) {
    if (wait?.k === "until" || wait?.k === "for") consider(wait.at);
    if (wait?.k === "held") consider(endOfQuiet(c));
  }
  for (const rule of rules) for (const on of rule.on) for (const { at } of occurrences(c, on)) consider(at);
  return next;
}

// ---------------------------------------------------------------------------------------------------- calendars

const zoned = (c: Customer, at = c.now): Temporal.ZonedDateTime => Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(c.zone);
const timeOf = (minute: number): Temporal.PlainTime => new Temporal.PlainTime(Math.floor(minute / 60), minute % 60);

interface Occurrence { readonly at: number; readonly local: Temporal.PlainDateTime }

const known = new Map<string, readonly Occurrence[]>();

/** All of the months about the life, in order; asking Temporal each time would take minutes. */
function occurrences(c: Customer, on: Start): readonly Occurrence[] {
  if (!("minute" in on)) return [];
  const first = Math.floor((c.life.history[0] as Happening).at / DAY) - 40;
  const last = Math.floor(c.life.end / DAY) + 40;
  const key = `${c.zone} ${JSON.stringify(on)} ${on.k === "yearly" ? String(c.day) : ""} ${first} ${last}`;
  let found = known.get(key);
  if (found === undefined) {
    if (known.size > 100) known.clear();
    const list: Occurrence[] = [];
    for (let day = first; day <= last; day++) {
      const date = new Temporal.PlainDate(1970, 1, 1).add({ days: day });
      if (!falls(c, on, date)) continue;
      const local = date.toPlainDateTime(timeOf(on.minute));
      const falling = local.toZonedDateTime(c.zone, { disambiguation: "compatible" });
      list.push({ at: falling.epochMilliseconds, local: falling.toPlainDateTime() });
    }
    known.set(key, (found = list));
  }
  return found;
}

function falls(c: Customer, on: Start, date: Temporal.PlainDate): boolean {
  switch (on.k) {
    case "daily": return true;
    case "weekly": return date.dayOfWeek === on.weekday + 1;
    case "monthly": return date.day === Math.min(on.day, date.daysInMonth);
    case "yearly": return c.day !== null && date.year > c.day.year && date.equals(c.day.with({ year: date.year }, { overflow: "constrain" }));
    default: return false;
  }
}

/** The rule's turn has come, unless it has been that late on the wall clock before. */
function comes(c: Customer, rule: RuleData, on: Start, { local }: Occurrence): void {
  const before = c.came.get(rule);
  if (before !== undefined) {
    if (Temporal.PlainDateTime.compare(local, before) <= 0) return;
    if (on.k === "yearly" && rule.on.filter((each) => "minute" in each).length === 1 && local.toPlainDate().equals(before.toPlainDate())) return;
  }
  c.came.set(rule, local);
  if (!c.due.includes(rule)) c.due.push(rule);
}

function scheduledNow(c: Customer, rules: readonly RuleData[]): void {
  for (const rule of rules) for (const on of rule.on) for (const one of occurrences(c, on)) if (one.at === c.now) comes(c, rule, on, one);
}

function setZone(c: Customer, zone: string, isKnown: boolean): void {
  if (zone === c.zone) return;
  const shown = zoned(c).toPlainDateTime();
  c.zone = zone;
  const rules = c.life.rules;
  const now = zoned(c).toPlainDateTime();
  if (isKnown && Temporal.PlainDateTime.compare(now, shown) > 0) {
    for (const rule of rules) {
      for (const on of rule.on) {
        const jumped = occurrences(c, on).filter(({ at, local }) => at <= c.now && Temporal.PlainDateTime.compare(local, shown) > 0);
        const last = jumped.at(-1);
        if (last !== undefined) comes(c, rule, on, last);
      }
    }
  }
  for (const { wait } of c.runs) if (wait?.k === "until" && wait.clock !== null && wait.at > c.now) wait.at = nextClock(c, wait.clock);
}

function nextClock(c: Customer, { minute, weekday }: { readonly minute: number; readonly weekday: number | null }): number {
  const on: Start = weekday === null ? { k: "daily", minute } : { k: "weekly", weekday, minute };
  return Math.min(...occurrences(c, on).map(({ at }) => at).filter((at) => at > c.now));
}

function isQuietAt(c: Customer, at: number): boolean {
  const { hour } = zoned(c, at);
  return hour >= 21 || hour < 8;
}

/** All offsets of these zones are whole quarters of an hour: so are the ends of the quiet. */
function endOfQuiet(c: Customer): number {
  let at = c.now;
  while (isQuietAt(c, at)) at = Math.floor(at / (15 * MINUTE)) * 15 * MINUTE + 15 * MINUTE;
  return at;
}

// ---------------------------------------------------------------------------------------------------- what happens

function happen(c: Customer, rules: readonly RuleData[], event: Happening | null): void {
  c.turns = [];
  c.due = [];
  if (event !== null) {
    const isKnown = c.events.length > 0;
    c.events.push(event);
    if (event.event === "b") for (const run of c.runs) run.b++;
    if (event.flag !== undefined) setFlag(c, event.flag);
    if (event.day !== undefined) c.day = event.day === null ? null : new Temporal.PlainDate(1970, 1, 1).add({ days: event.day });
    if (event.zone !== undefined) setZone(c, event.zone, isKnown);
  }
  settle(c);
  if (event === null) scheduledNow(c, rules);
  for (let depth = 0; ; depth++) {
    const { turns } = c;
    c.turns = [];
    c.changed = false;
    round(c, rules, depth === 0 ? event : null, turns);
    if (c.turns.length === 0 && c.due.length === 0 && !c.changed) return;
    if (depth === DEPTH_MAX) return;
  }
}

function setFlag(c: Customer, to: boolean): void {
  if (to !== c.flag) c.turns.push({ k: "change", number: c.number++ });
  c.flag = to;
}

function settle(c: Customer): void {
  const newest = (type: string, span: number): number => c.events.filter(({ event, at }) => event === type && c.now < at + span).length;
  const is: Record<SegmentName, boolean> = { flagged: c.flag, busy: newest("b", 2 * HOUR) > 0, eager: newest("a", 3 * HOUR) >= 2 };
  for (const segment of SEGMENTS) {
    if (is[segment] === c.members.has(segment)) continue;
    if (is[segment]) c.members.add(segment);
    else c.members.delete(segment);
    c.turns.push({ k: is[segment] ? "enter" : "leave", segment, number: c.number++ });
  }
}

const inOrder = (rules: readonly RuleData[], runs: readonly Run[]): Run[] => rules.flatMap((rule) => runs.filter((run) => run.rule === rule));

function round(c: Customer, rules: readonly RuleData[], event: Happening | null, turns: readonly Turn[]): void {
  for (const run of inOrder(rules, c.runs)) {
    const ends = run.rule.until.some((until) => (until.k === "condition" ? holds(c, until.condition, run) : matches(asWritten(until, run), run.event, event, turns.filter(({ number }) => number > run.started))));
    if (ends) remove(c, run);
  }
  const waiting = inOrder(rules, c.runs).filter(({ wait }) => wait?.k !== "held");
  const held = c.runs.flatMap((run) => (run.wait?.k === "held" ? [{ run, wait: run.wait }] : [])).sort((a, b) => a.wait.number - b.wait.number);
  for (const { run, wait } of held) {
    if (isQuietAt(c, c.now)) break;
    deliver(c, wait.line);
    act(c, run, "over");
  }
  for (const run of waiting) {
    const { wait } = run;
    if (wait === null || wait.k === "held") throw new Error("a run that does not wait");
    if (wait.at <= c.now) act(c, run, "over");
    else if (wait.k === "for" && matches(asWritten(wait.moment, run), run.event, event, turns.filter(({ number }) => number > wait.number))) act(c, run, wait.moment.k === "event" && event !== null ? event : "turned");
  }
  const due = c.due;
  c.due = [];
  for (const rule of rules) {
    const byEvent = event !== null && rule.on.some((on) => on.k === "event" && on.event === event.event);
    if (byEvent || due.includes(rule) || rule.on.some((on) => !("minute" in on) && on.k !== "event" && matches(on, null, null, turns))) start(c, rule, byEvent ? event : null);
  }
}

const holds = (c: Customer, condition: "flagged" | "two b", run: Run | null): boolean => (condition === "flagged" ? c.members.has("flagged") : run !== null && run.b >= 2);

function matches(of: Moment, started: Happening | null, event: Happening | null, turns: readonly Turn[]): boolean {
  if (of.k === "change") return turns.some(({ k }) => k === "change");
  if (of.k !== "event") return turns.some((turn) => turn.k === of.k && turn.segment === of.segment);
  if (event === null || event.event !== of.event) return false;
  return of.where === null || (started !== null && (of.where === "sameKey" ? event.key === started.key : event.n > started.n));
}

/** Rules that no event starts have no `event` to compare with, so their text has no such `where`. */
const asWritten = (of: Moment, { rule }: Run): Moment => (of.k === "event" && !startsWithEvent(rule) ? { ...of, where: null } : of);

function remove(c: Customer, run: Run): void {
  if (run.wait?.k === "held") c.said.push(`${c.now} ended ${run.wait.line}`);
  c.runs = c.runs.filter((other) => other !== run);
}

function start(c: Customer, rule: RuleData, event: Happening | null): void {
  const key = rule.isPerKey && startsWithEvent(rule) ? (event?.key ?? null) : null;
  const going = c.runs.find((run) => run.rule === rule && run.key === key);
  if (going !== undefined && !rule.isRestarted) return;
  if (rule.isFlagged && !c.members.has("flagged")) return;
  if (rule.until.some((until) => until.k === "condition" && holds(c, until.condition, null))) return;
  if (going !== undefined) remove(c, going);
  else {
    const { cap } = rule;
    const counted = (c.starts.get(rule) ?? []).filter((at) => cap !== null && c.now < at + cap.hours * HOUR);
    if (cap !== null && counted.length >= cap.count) return;
    c.starts.set(rule, [...counted, c.now]);
    const all = c.runs.filter((run) => run.rule === rule);
    if (all.length >= MAX_RUNS) remove(c, all[0] as Run);
  }
  const facts = { rule, started: c.number++, event: startsWithEvent(rule) ? event : null, key, b: 0, wait: null };
  const run: Run = Object.assign(facts, { steps: lifeOf(c, facts as Pick<Run, keyof typeof facts> as Run) });
  c.runs.push(run);
  act(c, run, "over");
}

function* lifeOf(c: Customer, run: Run): Generator<Wait, void, Came> {
  const count = { n: 0 };
  if (yield* follow(c, run, run.rule.steps, count, null)) say(c, run, "end", count.n);
}

function act(c: Customer, run: Run, came: Came): void {
  const { done, value } = run.steps.next(came);
  run.wait = done === true ? null : value;
  if (done === true) remove(c, run);
}

// ---------------------------------------------------------------------------------------------------- steps

/** How many numbers the text has given to the payloads of steps. */
const payloads = (steps: readonly Step[]): number => steps.reduce((n, step) => {
  switch (step.k) {
    case "emit": case "send": return n + 1;
    case "for": return n + (step.fork === null ? 0 : payloads(step.fork.then) + payloads(step.fork.otherwise));
    case "if": return n + payloads(step.then) + payloads(step.otherwise);
    default: return n;
  }
}, 0);

/** Whether the run goes on behind these steps. */
function* follow(c: Customer, run: Run, steps: readonly Step[], count: { n: number }, taken: Happening | null): Generator<Wait, boolean, Came> {
  for (const step of steps) {
    const from = count.n;
    count.n += payloads([step]);
    switch (step.k) {
      case "wait": yield { k: "until", at: c.now + step.minutes * MINUTE, clock: null }; break;
      case "clock": yield { k: "until", at: nextClock(c, step), clock: step }; break;
      case "for": {
        const came = yield { k: "for", moment: step.moment, at: c.now + step.minutes * MINUTE, number: c.number++ };
        if (step.fork === null) {
          if (came === "over") return false;
        } else if (!(yield* either(c, run, came !== "over", step.fork, from, typeof came === "object" ? came : taken, taken))) return false;
        break;
      }
      case "if": if (!(yield* either(c, run, c.members.has(step.segment), step, from, taken, taken))) return false; break;
      case "emit": say(c, run, "did", from, taken); break;
      case "send": {
        const line = lineOf(run, "email did", from, taken);
        if (isQuietAt(c, c.now)) {
          c.said.push(`${c.now} held ${line}`);
          yield { k: "held", line, number: c.number++ };
        } else deliver(c, line);
        break;
      }
      case "stop": return false;
      case "flag": setFlag(c, step.to === "not" ? !c.flag : step.to); c.changed = true; settle(c); break;
      case "zone": setZone(c, step.to, true); c.changed = true; settle(c); break;
    }
  }
  return true;
}

/** `first`, `second`: the event that the innermost wait took, in the one block and in the other. */
function* either(
  c: Customer, run: Run, isFirst: boolean, { then, otherwise }: { readonly then: readonly Step[]; readonly otherwise: readonly Step[] }, from: number,
  first: Happening | null, second: Happening | null,
): Generator<Wait, boolean, Came> {
  return yield* isFirst ? follow(c, run, then, { n: from }, first) : follow(c, run, otherwise, { n: from + payloads(then) }, second);
}

function lineOf(run: Run, what: string, step: number, taken: Happening | null): string {
  const { event } = run;
  return `${run.rule.name} ${what} ${JSON.stringify({ step, came: taken?.n ?? null, key: event?.key ?? null, n: event?.n ?? null, by: event !== null, b: run.b })}`;
}

function say(c: Customer, run: Run, what: string, step: number, taken: Happening | null = null): void {
  c.said.push(`${c.now} ${what === "end" ? `${run.rule.name} end {"step":${step}}` : lineOf(run, what, step, taken)}`);
}

function deliver(c: Customer, line: string): void {
  const counted = c.sent.filter((at) => c.now < at + 48 * HOUR);
  if (counted.length >= 3) {
    c.said.push(`${c.now} cap ${line}`);
    return;
  }
  c.sent.push(c.now);
  c.said.push(`${c.now} ${line}`);
}
