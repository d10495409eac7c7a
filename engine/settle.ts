/**
 * Who is in which segment, at which level of a tier, and whatever else follows from conditions and values about one
 * customer. `settle` takes what may have changed, in an order in which each depends only on earlier ones:
 *
 * - segments: membership turns where the conditions say so
 * - tiers: the level that the value reaches
 * - watches: values of `change` expressions
 * - rankings: the value with which the customer stands in a population, as it is read
 * - populations: what the customer adds to a metric's sum
 *
 * What turned comes out as flips, what changes figures of the population goes to the sink. The customer's wake is lowered
 * to the first instant at which time alone may turn something.
 *
 * Tiers and watches of somebody who is not settled yet are taken as they are, without a flip: so a customer starts at the
 * level of an empty history (see `settleFirst`), and a new tier on an old customer announces nothing.
 */
import type { Value } from "../dsl/program.js";
import { enqueue, type Agenda } from "./agenda.js";
import type { Compiled, CompiledHeld, CompiledPopulation, CompiledRanking, CompiledSegment, CompiledTier, CompiledWatch } from "./compile/compiled.js";
import { same } from "./compile/runtime.js";
import { extrasOf, isMember, lowerBound, type Context, type Customer, type Holding } from "./customer.js";
import { DAY_MS, addMonths } from "./zone.js";

export { agenda, enqueue, enqueueAll, type Agenda } from "./agenda.js";

export type FlipKind = "enter" | "leave" | "up" | "down" | "change";

/** Something that turned; the index is that of a segment, a tier or a watch. */
export interface Flip {
  readonly k: FlipKind;
  readonly index: number;
}

/** Who keeps the figures of the population: what one customer adds to them has changed. Null: nothing. */
export interface FiguresSink {
  reading(ranking: number, before: number | null, after: number | null): void;
  contribution(population: number, before: number | null, after: number | null): void;
}

/**
 * Settles all that waits; what turned is put behind `flips`. `byTime`: nothing has happened but that an instant has come,
 * and then readings stay as they are but at midnight UTC.
 */
export function settle(compiled: Compiled, agenda: Agenda, x: Context, flips: Flip[], sink: FiguresSink, byTime: boolean): void {
  const { ranks, waiting } = agenda;
  // Dependents have higher ranks, so they are put behind the place where the walk stands.
  for (let i = 0; i < ranks.length; i++) {
    const rank = ranks[i] as number;
    waiting[rank] = 0;
    if (settleOne(compiled, rank, x, flips, sink, byTime)) enqueue(agenda, compiled.dependents[rank] as readonly number[]);
  }
  ranks.length = 0;
}

/** Puts a customer of whom nothing is known yet at the level, and the values, of an empty history; memberships follow later. */
export function settleFirst(compiled: Compiled, x: Context): void {
  for (const node of compiled.settledFirst) {
    if (node.k === "tier") settleTier(node, x, UNTOLD);
    else settleWatch(node, x, UNTOLD);
  }
  UNTOLD.length = 0;
}

const UNTOLD: Flip[] = [];

/** Whether what depends on it must be looked at. */
function settleOne(compiled: Compiled, rank: number, x: Context, flips: Flip[], sink: FiguresSink, byTime: boolean): boolean {
  const node = compiled.settled[rank] as Compiled["settled"][number];
  switch (node.k) {
    case "segment": {
      const turned = settleSegment(node, x);
      if (turned) flips.push({ k: isMember(x.customer, node.index) ? "enter" : "leave", index: node.index });
      return turned;
    }
    case "tier": return settleTier(node, x, flips);
    case "watch": return settleWatch(node, x, flips);
    case "ranking": return settleRanking(node, x, sink, byTime && x.now % DAY_MS !== 0);
    case "population": return settlePopulation(node, x, sink);
  }
}

// ---------------------------------------------------------------------------------------------------- segments

function settleSegment(segment: CompiledSegment, x: Context): boolean {
  const { customer } = x;
  const index = segment.index;
  const enter = held(x, segment.enter, 2 * index);
  const leave = segment.leave === null ? !enter : held(x, segment.leave, 2 * index + 1);
  const member = isMember(customer, index);
  if (member ? !leave : !enter || leave) return false;
  const at = lowerBound(customer.segments, index);
  if (member) customer.segments.splice(at, 1);
  else customer.segments.splice(at, 0, index);
  return true;
}

/** Whether the condition holds now and, with `for at least`, has held so long without a break. */
function held(x: Context, condition: CompiledHeld, key: number): boolean {
  const holds = condition.holds(x);
  if (condition.next !== null) lower(x.customer, condition.next(x));
  if (condition.forMs === 0 && condition.forMonths === 0) return holds;
  const { holdings } = x.customer;
  const at = holdings.findIndex((holding) => holding.index === key);
  if (!holds) {
    if (at >= 0) holdings.splice(at, 1);
    return false;
  }
  let holding: Holding | undefined = holdings[at];
  if (holding === undefined) {
    holding = { index: key, since: x.now };
    holdings.push(holding);
  }
  const due = condition.forMonths > 0 ? addMonths(x.zone, holding.since, condition.forMonths) : holding.since + condition.forMs;
  if (due <= x.now) return true;
  lower(x.customer, due);
  return false;
}

// ---------------------------------------------------------------------------------------------------- tiers, watches

function settleTier(tier: CompiledTier, x: Context, flips: Flip[]): boolean {
  const value = tier.value(x);
  if (tier.next !== null) lower(x.customer, tier.next(x));
  let rank = -1;
  if (typeof value === "number") while (rank + 1 < tier.from.length && value >= (tier.from[rank + 1] as number)) rank++;
  const known = place(extrasOf(x.customer).tiers, tier.index);
  if (known.rank === rank) return true; // what it lacks to the next level may have changed all the same
  if (known.rank !== undefined) flips.push({ k: rank > known.rank ? "up" : "down", index: tier.index });
  known.rank = rank;
  return true;
}

function settleWatch(watch: CompiledWatch, x: Context, flips: Flip[]): boolean {
  const value = watch.value(x) ?? null;
  if (watch.next !== null) lower(x.customer, watch.next(x));
  const known = place(extrasOf(x.customer).watched, watch.index);
  if (known.value !== undefined && (same(known.value, value) || (known.value === null && value === null))) return false;
  if (known.value !== undefined) flips.push({ k: "change", index: watch.index });
  known.value = typeof value === "object" ? structuredCopy(value) : value;
  return false;
}

/** Lists and records that a slot or the profile may go on changing are kept as they were. */
function structuredCopy(value: Value): Value {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item: Value) => structuredCopy(item));
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, structuredCopy(part)]));
}

/** The entry with this index of a list sorted by it; made where there was none, with nothing but the index. */
function place<T extends { index: number }>(list: T[], index: number): Partial<T> & { index: number } {
  let at = list.length;
  while (at > 0 && (list[at - 1] as T).index > index) at--;
  const before = list[at - 1];
  if (before?.index === index) return before as Partial<T> & { index: number };
  const made = { index } as T;
  list.splice(at, 0, made);
  return made as Partial<T> & { index: number };
}

// ---------------------------------------------------------------------------------------------------- figures

/** By time alone a reading changes only when the figures are drawn up: at midnight UTC. */
function settleRanking(ranking: CompiledRanking, x: Context, sink: FiguresSink, stays: boolean): boolean {
  const value = ranking.among(x) ? ranking.value(x) : null;
  const reading = typeof value === "number" && Number.isFinite(value) ? value : null;
  let change = Infinity;
  if (ranking.next !== null) change = Math.min(change, ranking.next(x));
  if (ranking.continuous && reading !== null) change = Math.min(change, x.now + 1);
  if (change < NEVER_FROM_MS) lower(x.customer, Math.ceil(change / DAY_MS) * DAY_MS);
  const { readings } = extrasOf(x.customer);
  const at = readings.findIndex(({ index }) => index === ranking.index);
  const before = at < 0 ? null : (readings[at] as { value: number }).value;
  if (before === reading) return true;
  if (stays) {
    lower(x.customer, (Math.floor(x.now / DAY_MS) + 1) * DAY_MS);
    return true; // whether C holds may have changed all the same
  }
  put(readings, ranking.index, reading);
  sink.reading(ranking.index, before, reading);
  return true;
}

function settlePopulation(population: CompiledPopulation, x: Context, sink: FiguresSink): boolean {
  const value = population.of(x);
  if (population.next !== null) lower(x.customer, population.next(x));
  const amount = value === true ? 1 : typeof value === "number" && Number.isFinite(value) ? value : null;
  const { contributions } = extrasOf(x.customer);
  const before = contributions.find(({ index }) => index === population.index)?.value ?? null;
  if (before === amount) return false;
  put(contributions, population.index, amount);
  sink.contribution(population.index, before, amount);
  return false;
}

function put(list: { index: number; value: number }[], index: number, value: number | null): void {
  const at = list.findIndex((each) => each.index >= index);
  const found = at >= 0 && list[at]?.index === index;
  if (value === null) {
    if (found) list.splice(at, 1);
  } else if (found) list[at] = { index, value };
  else list.splice(at < 0 ? list.length : at, 0, { index, value });
}

// ---------------------------------------------------------------------------------------------------- wakes

/** Instants from the year 10000 on are never waited for: no clock comes so far, and the state has no room for them. */
export const NEVER_FROM_MS = Date.parse("9999-12-31T23:59:59.999Z") + 1;

export function lower(customer: Customer, instant: number): void {
  if (instant < customer.wake && instant < NEVER_FROM_MS) customer.wake = instant;
}
