/**
 * What a program costs in the state of one customer, in bytes as they lie in the store.
 *
 * Nothing is computed by formula: a made-up customer is filled through the real aggregates and written by the real
 * encoding (engine/state.ts), with the part in question and without it. So the figures follow the encoding. `typical`
 * and `most` rest on ASSUMPTIONS, which whoever shows the figures shows too.
 */
import type { Aggregate, Cap, EventType, Expr, Field, Length, Moment, Program, Rule, Step, Type, Window } from "../../dsl/program.js";
import { MAX_ENTRIES, type Frame, type Span } from "../aggregates/kind.js";
import { kindOf, type Slot } from "../aggregates/kinds.js";
import { writer } from "../codec.js";
import { type Compiled, compile, spanOf } from "../compile/compiled.js";
import { children } from "../compile/emit.js";
import { type Customer, type Data, type Run, SEEN_EVENTS, extrasOf, newCustomer } from "../customer.js";
import { writeCustomer } from "../state.js";
import { UTC } from "../zone.js";
import { type Load, MOST, TYPICAL, recordOf, sample } from "./samples.js";
import { type Touching, touching } from "./touching.js";

export interface Bytes {
  readonly typical: number;
  readonly most: number;
}

export interface PartCost {
  readonly bytes: Bytes;
  /** Types of event that change it; sorted. */
  readonly events: readonly string[];
}

/** What is neither an aggregate nor a rule. */
export interface OtherCost extends PartCost {
  readonly kind: "policy" | "points" | "tier" | "experiment" | "ranking" | "metric" | "watch";
  /** As the author calls it; null for what has no name. */
  readonly name: string | null;
}

export interface ProgramCost {
  /** In the order of Program.aggregates. What is kept `this run` is counted with its rules and is 0 here. */
  readonly aggregates: readonly PartCost[];
  /** In the order of Program.rules: runs under way, and starts that caps count. */
  readonly rules: readonly PartCost[];
  /** Only what takes anything. */
  readonly others: readonly OtherCost[];
  readonly profile: Bytes;
  /** What every customer has: times, memberships, the newest events by which duplicates are known. */
  readonly base: Bytes;
  readonly total: Bytes;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const YEAR_MS = 365 * DAY_MS;
/** The last instant of a day, a week, a month and a year at once: the longest of every calendar window is over. */
const NOW = Date.UTC(2023, 11, 31, 23, 59, 59, 999);
/** More than any window keeps apart (engine/aggregates/merge.ts). */
const MANY = 3_000;
const MOST_RUNS_PER_RULE = 32;
/** One in so many segments has the typical customer in it. */
const SEGMENTS_PER_MEMBERSHIP = 4;

export const ASSUMPTIONS: readonly string[] = [
  `typical: an event of every type once a week, for a year; each brings a value of its own; texts of ${TYPICAL.textLength} characters, lists of ${TYPICAL.listLength} items; one run of every rule that waits; in one of ${SEGMENTS_PER_MEMBERSHIP} segments`,
  `at most: windows as full as they get (${MAX_ENTRIES} entries, or more where few can be merged), texts of ${MOST.textLength} characters, lists of ${MOST.listLength} items; every run that may be under way; in all segments`,
];

type Which = "typical" | "most";
const LOADS: Readonly<Record<Which, Load>> = { typical: TYPICAL, most: MOST };

/** One part of the state put into a customer. */
type Fill = (customer: Customer, which: Which) => void;

interface Part extends Omit<OtherCost, "bytes"> {
  readonly fill: Fill;
}

export function costOf(program: Program): ProgramCost {
  const compiled = compile(program);
  const touched = touching(program);
  const slots = slotTable(program);
  const both = (measure: (which: Which) => number): Bytes => ({ typical: measure("typical"), most: measure("most") });
  const sizeWith = (...fills: readonly Fill[]): Bytes => both((which) => {
    const customer = nobody();
    for (const fill of fills) fill(customer, which);
    return size(compiled, customer);
  });
  const empty = sizeWith();
  const added = (fill: Fill): Bytes => {
    const whole = sizeWith(fill);
    return { typical: whole.typical - empty.typical, most: whole.most - empty.most };
  };

  const aggregates = program.aggregates.map((aggregate, index) => ({
    fill: (customer: Customer, which: Which): void => {
      if (aggregate.window.k !== "run") addSlot(customer, index, slots(index, which));
    },
    events: [aggregate.event],
  }));
  const rules = program.rules.map((rule, index) => ({ fill: ruleFill(compiled, rule, index, slots), events: eventsOf(rule, touched) }));
  const others = otherParts(program, touched);
  const profile: Fill = (customer, which) => { customer.profile = recordOf(program.profile, LOADS[which], 0) as Data; };
  const base: Fill = (customer, which) => fillBase(customer, program, which);
  const cost = ({ fill, events }: { readonly fill: Fill; readonly events: readonly string[] }): PartCost => ({ bytes: added(fill), events: [...events].sort() });
  return {
    aggregates: aggregates.map(cost),
    rules: rules.map(cost),
    others: others.map(({ kind, name, ...part }) => ({ kind, name, ...cost(part) })).filter(({ bytes }) => bytes.most > 0),
    profile: added(profile),
    base: sizeWith(base),
    total: sizeWith(base, profile, ...[...aggregates, ...rules, ...others].map(({ fill }) => fill)),
  };
}

function nobody(): Customer {
  const customer = newCustomer("", UTC);
  customer.firstSeen = NOW - YEAR_MS;
  return customer;
}

function size(compiled: Compiled, customer: Customer): number {
  const w = writer(4096);
  writeCustomer(w, customer, 1, compiled);
  return w.at;
}

function fillBase(customer: Customer, program: Program, which: Which): void {
  customer.wake = NOW + DAY_MS;
  customer.indexed = NOW + DAY_MS;
  customer.seen = Array.from({ length: SEEN_EVENTS * 2 }, (_, i) => ((i + 1) * 0x01000193) | 0);
  customer.seenNext = SEEN_EVENTS;
  if (program.retain !== null) extrasOf(customer).lastEvent = NOW;
  program.segments.forEach(({ enter, leave }, index) => {
    if (which === "most" || index % SEGMENTS_PER_MEMBERSHIP === 0) customer.segments.push(index);
    const pending = (held: typeof enter | null): boolean => held !== null && held.forMs + held.forMonths > 0 && which === "most";
    if (pending(enter)) customer.holdings.push({ index: index * 2, since: NOW - DAY_MS });
    if (pending(leave)) customer.holdings.push({ index: index * 2 + 1, since: NOW - DAY_MS });
  });
}

// ---------------------------------------------------------------------------------------------------- aggregates

type SlotFor = (aggregate: number, which: Which) => Slot;

function addSlot(holder: Pick<Customer, "slotIds" | "slots">, aggregate: number, slot: Slot): void {
  holder.slotIds.push(aggregate);
  holder.slots.push(slot);
}

/** Aggregates of one form over values of one type fill alike: filled once. */
function slotTable(program: Program): SlotFor {
  const known = new Map<string, Slot>();
  return (index, which) => {
    const aggregate = program.aggregates[index] as Aggregate;
    const form = JSON.stringify([which, aggregate.fn, aggregate.window, aggregate.limit, aggregate.value?.type, aggregate.by?.type]);
    const slot = known.get(form) ?? filled(aggregate, which);
    known.set(form, slot);
    return slot;
  };
}

/** An aggregate's slot after the events of the assumption have passed through it. */
function filled(aggregate: Aggregate, which: Which): Slot {
  const kind = kindOf(aggregate.fn);
  const slot = kind.empty();
  const span = spanOf(aggregate);
  const frame: Frame = { now: NOW, zone: UTC, firstSeen: NOW - YEAR_MS, overflows: 0 };
  const type: Type = aggregate.value?.type ?? { k: "null" };
  arrivals(lengthOf(span), which).forEach((t, i) => {
    frame.now = t;
    kind.add(slot, t, sample(type, LOADS[which], i), span, frame, aggregate.limit ?? 0);
  });
  frame.now = NOW;
  kind.value(slot, span, frame); // lets go what has left
  return slot;
}

/** When the events of one type come, oldest first; all are in a window of this length at NOW. */
function arrivals(longest: number, which: Which): readonly number[] {
  const length = which === "typical" ? Math.min(longest, YEAR_MS) : longest;
  const count = which === "most" ? MANY : Math.max(1, Math.floor(length / WEEK_MS));
  const step = which === "most" ? Math.max(1, Math.floor(length / (MANY + 1))) : Math.min(WEEK_MS, length / 2);
  return Array.from({ length: count }, (_, i) => NOW - Math.floor((count - i) * step) + 1);
}

function lengthOf(window: Window | Span): number {
  switch (window.k) {
    case "life": return 10 * YEAR_MS;
    case "run": return YEAR_MS;
    case "sliding": return window.ms;
    case "months": return window.months * 28 * DAY_MS;
    case "period": return { day: 1, week: 7, month: 31, year: 365 }[window.unit] * DAY_MS;
  }
}

// ---------------------------------------------------------------------------------------------------- rules

function ruleFill(compiled: Compiled, rule: Rule, index: number, slots: SlotFor): Fill {
  const { program } = compiled;
  const waits = rule.steps.some((step) => stands(step, program));
  const ownAggregates = keptWithRuns(program, rule);
  return (customer, which) => {
    const runs = !waits ? 0 : which === "most" && rule.per !== null ? MOST_RUNS_PER_RULE : 1;
    for (let i = 0; i < runs; i++) {
      const run = runOf(program, rule, index, which, i);
      for (const aggregate of ownAggregates) addSlot(run, aggregate, slots(aggregate, which));
      customer.runs.push(run);
    }
    const starts = capped(rule.caps, which);
    if (starts.length > 0) customer.starts.push({ rule: index, times: [...starts] });
    if (rule.schedules.length > 0) {
      extrasOf(customer).scheduled.push({ rule: index, local: Math.floor(NOW / MINUTE_MS) });
    }
  };
}

/** What caps count in their longest window: once a week, or as often as the largest allows. */
function capped(caps: readonly Cap[], which: Which): readonly number[] {
  const most = Math.max(0, ...caps.map(({ count }) => count));
  const longest = Math.max(1, ...caps.map(({ window }) => lengthOf(window)));
  const usual = Math.min(most, Math.max(1, Math.floor(longest / WEEK_MS)));
  const count = which === "most" ? most : usual;
  return Array.from({ length: count }, (_, i) => NOW - Math.floor(((count - i) * longest) / (count + 1)));
}

/** Whether a run may stand at the step, or in it. */
function stands(step: Step, program: Program): boolean {
  switch (step.k) {
    case "wait": case "waitClock": case "waitTime": case "waitFor": return true;
    case "if": case "take": return [...step.then, ...step.else].some((inner) => stands(inner, program));
    case "split": return step.branches.some(({ steps }) => steps.some((inner) => stands(inner, program)));
    case "send": return isQuiet(program, step.channel);
    default: return false;
  }
}

const isQuiet = (program: Program, channel: number): boolean =>
  (program.channels[channel]?.policies ?? []).some((policy) => (program.policies[policy]?.quiet.length ?? 0) > 0);

function runOf(program: Program, rule: Rule, index: number, which: Which, i: number): Run {
  const load = LOADS[which];
  const keeps = (event: EventType | undefined, names: readonly string[]): readonly Field[] => event?.fields.filter(({ name }) => names.includes(name)) ?? [];
  const eventNamed = (name: string): EventType | undefined => program.events.find((event) => event.name === name);
  const started = largest(rule.on.map((moment) => (moment.k === "event" ? keeps(eventNamed(moment.event), rule.keeps) : [])));
  const captured = allSteps(rule.steps).flatMap((step) => {
    if (step.k !== "waitFor" || step.as === null) return [];
    const fields = largest(step.moments.map((moment) => (moment.k === "event" ? keeps(eventNamed(moment.event), step.keeps) : [])));
    return [{ name: step.as, data: recordOf(fields, load, i) as Data, time: NOW - DAY_MS }];
  });
  return {
    rule: index, at: 1, startedAt: NOW - DAY_MS - i, eventTime: NOW - DAY_MS - i, deadline: NOW + DAY_MS,
    cause: `shop/${String(i).padStart(load.textLength, "x")}`,
    event: recordOf(started, load, i) as Data,
    key: rule.per === null ? null : (sample(rule.per.type, load, i) as Run["key"]),
    captured: captured.length === 0 || which === "typical" ? null : captured,
    held: which === "most" ? heldOf(program, rule, load) : null,
    slotIds: [], slots: [],
  };
}

/** The largest payload that a quiet channel may hold. */
function heldOf(program: Program, rule: Rule, load: Load): Run["held"] {
  const payloads = allSteps(rule.steps).flatMap((step) => (step.k === "send" && isQuiet(program, step.channel) ? [step.payload] : []));
  if (payloads.length === 0) return null;
  const values = payloads.map((payload) => (payload === null ? null : sample(payload.type, load, 0)));
  const largestOne = values.reduce((a, b) => (JSON.stringify(b).length > JSON.stringify(a).length ? b : a), null);
  return { since: NOW - DAY_MS / 2, order: 1, payload: largestOne };
}

const largest = (all: readonly (readonly Field[])[]): readonly Field[] =>
  all.reduce<readonly Field[]>((a, b) => (b.length > a.length ? b : a), []);

/** With those in blocks. */
function allSteps(steps: readonly Step[]): readonly Step[] {
  return steps.flatMap((step) => [step, ...allSteps(blocksOf(step))]);
}

function blocksOf(step: Step): readonly Step[] {
  switch (step.k) {
    case "if": case "take": return [...step.then, ...step.else];
    case "waitFor": return [...(step.then ?? []), ...step.else];
    case "split": return step.branches.flatMap(({ steps }) => steps);
    default: return [];
  }
}

/** Aggregates `this run` that the rule reads. */
function keptWithRuns(program: Program, rule: Rule): readonly number[] {
  const found = new Set<number>();
  for (const expr of expressionsOf(rule)) {
    for (const index of aggregatesIn(expr)) if (program.aggregates[index]?.window.k === "run") found.add(index);
  }
  return [...found].sort((a, b) => a - b);
}

function* aggregatesIn(of: Expr): Generator<number> {
  if (of.k === "aggregate") yield of.index;
  for (const child of children(of)) yield* aggregatesIn(child);
}

const whereOf = (moment: Moment): readonly Expr[] => (moment.k === "event" && moment.where !== null ? [moment.where] : []);

function expressionsOf(rule: Rule): readonly Expr[] {
  const own = [rule.when, rule.per].filter((expr) => expr !== null);
  const until = rule.until.flatMap((each) => (each.k === "condition" ? [each.if] : whereOf(each)));
  return [...own, ...until, ...allSteps(rule.steps).flatMap(expressionsAt)];
}

function expressionsAt(step: Step): readonly Expr[] {
  switch (step.k) {
    case "wait": return [step.for];
    case "waitTime": return [step.until];
    case "waitFor": return step.moments.flatMap(whereOf);
    case "if": return [step.if];
    case "send": case "emit": return step.payload === null ? [] : [step.payload];
    case "set": return [step.value];
    case "award": case "take": return [step.amount];
    case "waitClock": case "split": case "stop": return [];
  }
}

// ---------------------------------------------------------------------------------------------------- the others

function otherParts(program: Program, touched: Touching): readonly Part[] {
  const parts: Part[] = [];
  program.policies.forEach(({ name, caps }, index) => {
    parts.push({ kind: "policy", name, events: [], fill: (customer, which) => {
      const times = capped(caps, which);
      if (times.length > 0) extrasOf(customer).sends.push({ index, times: [...times] });
    } });
  });
  program.points.forEach(({ name, earn, expire }, index) => {
    parts.push({ kind: "points", name, events: [...new Set(earn.map(({ event }) => event))], fill: (customer, which) => {
      const lots = arrivals(expire === null ? YEAR_MS : msOf(expire), which).map((time) => ({ time, left: which === "most" ? 1e6 / 7 : 25 }));
      extrasOf(customer).ledgers.push({ index, lots, given: earn.map(({ cap }) => (cap === null ? [] : [...capped([cap], which)])) });
    } });
  });
  program.tiers.forEach(({ name, value, levels }, index) => {
    parts.push({ kind: "tier", name, events: [...touched.expression(value)], fill: (customer) => {
      extrasOf(customer).tiers.push({ index, rank: levels.length - 1 });
    } });
  });
  program.experiments.forEach(({ name, arms, goal }, index) => {
    parts.push({ kind: "experiment", name, events: goal === null ? [] : [goal.event], fill: (customer, which) => {
      extrasOf(customer).exposures.push({ index, arm: arms.length - 1, at: NOW - WEEK_MS, reached: true, value: sample({ k: "number" }, LOADS[which], 1) as number });
    } });
  });
  program.watches.forEach(({ value }, index) => {
    parts.push({ kind: "watch", name: null, events: [...touched.expression(value)], fill: (customer, which) => {
      extrasOf(customer).watched.push({ index, value: sample(value.type, LOADS[which], 1) });
    } });
  });
  program.rankings.forEach(({ value }, index) => {
    parts.push({ kind: "ranking", name: null, events: [...touched.expression(value)], fill: (customer, which) => {
      const extras = extrasOf(customer);
      extras.figuresOf = Math.floor(NOW / DAY_MS);
      extras.readings.push({ index, value: sample({ k: "number" }, LOADS[which], 1) as number });
    } });
  });
  program.populations.forEach(({ of }, index) => {
    parts.push({ kind: "metric", name: null, events: [...touched.expression(of)], fill: (customer, which) => {
      extrasOf(customer).contributions.push({ index, value: sample({ k: "number" }, LOADS[which], 1) as number });
    } });
  });
  return parts;
}

const msOf = ({ ms, months }: Length): number => ms + months * 28 * DAY_MS;

// ---------------------------------------------------------------------------------------------------- what touches it

/** Events that start a rule's run, end it, or that it waits for. */
function eventsOf(rule: Rule, touched: Touching): readonly string[] {
  const waited = allSteps(rule.steps).flatMap((step) => (step.k === "waitFor" ? step.moments : []));
  const found = new Set<string>([...rule.on, ...waited].flatMap((moment) => [...touched.moment(moment)]));
  for (const until of rule.until) for (const event of until.k === "condition" ? touched.expression(until.if) : touched.moment(until)) found.add(event);
  return [...found];
}
