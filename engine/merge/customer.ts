/**
 * One customer is joined into another: what both have lived through becomes what one would have, had everything happened to
 * them, each thing at its own time. docs/decisions/merging-customers.md says where that cannot be told from two states, and
 * what is done then.
 *
 * In short: aggregates, points, caps, `firstSeen` and the ring of events seen are those of both; the known customer's profile
 * is completed by the other's; of two runs of one rule (and one value of its `per`) the one survives that one customer would
 * have; a membership, a level or a watched value that either had is no news and starts nothing.
 */
import type { Field, Value } from "../../dsl/program.js";
import { joinKeyed, type KeyedSlot } from "../aggregates/keyed.js";
import { kindOf, type Slot } from "../aggregates/kinds.js";
import { enqueueAll } from "../agenda.js";
import type { CompiledRule } from "../compile/compiled.js";
import { same } from "../compile/runtime.js";
import {
  SEEN_EVENTS, addSlot, extrasOf, isMember, lowerBound, slotAt, slotOf, type Context, type Customer, type Data, type Exposure, type Extras, type Run,
} from "../customer.js";
import { announce, changeProfile, followClock, removeRun, type Evaluator } from "../evaluator.js";
import { joinLedgers } from "../points.js";
import { MAX_RUNS_PER_RULE } from "../runs.js";
import { settle, type Flip } from "../settle.js";

/** Most ids of joined customers that one keeps; of more the last. */
export const MAX_JOINED = 256;

/** They were joined into the customer whose extras these are. */
export function noteJoined(extras: Extras, ids: readonly string[]): void {
  extras.joined = [...extras.joined, ...ids].slice(-MAX_JOINED);
}

/** What was so for either before, and therefore is no news. */
export interface Before {
  /** Segments that only the other customer was in. */
  readonly segments: readonly number[];
  readonly watched: Extras["watched"];
}

/** Joins `other` into the customer of the context. What depends on it waits to be settled (`settleJoined`). `isNew`: nothing was known of the customer before. */
export function joinCustomer(e: Evaluator, other: Customer, isNew: boolean): Before {
  const { x, compiled } = e;
  const { customer } = x;
  if (Number.isNaN(customer.base)) customer.base = Number.isNaN(other.base) ? other.firstSeen : other.base;
  customer.firstSeen = Math.min(customer.firstSeen, other.firstSeen);
  x.firstSeen = customer.firstSeen;
  changeProfile(e, completed(customer.profile, other.profile, compiled.program.profile), isNew);
  joinSlots(e, other);
  const before: Before = {
    segments: other.segments.filter((segment) => !isMember(customer, segment)),
    watched: other.extras?.watched ?? [],
  };
  for (const segment of before.segments) customer.segments.splice(lowerBound(customer.segments, segment), 0, segment);
  joinHoldings(customer, other);
  joinTimes(customer.starts, other.starts, ({ rule }) => rule);
  joinExtras(e, other);
  joinRuns(e, other);
  joinSeen(customer, other);
  enqueueAll(e.agenda);
  return before;
}

/** Settles all that waits. What turned is told and put among the flips, unless it was so for either before. */
export function settleJoined(e: Evaluator, { segments, watched }: Before): void {
  const { x, compiled } = e;
  const flips: Flip[] = [];
  settle(compiled, e.agenda, x, flips, e.sink, false);
  for (const flip of flips) {
    const { k, index } = flip;
    if (k === "leave" && segments.includes(index)) continue; // the customer was never told of as a member
    if (k === "change" && wasSo(x, watched, index)) continue;
    e.flips.push(flip);
    if (k === "enter" || k === "leave") announce(e, index, k === "enter");
  }
  for (const segment of segments) if (isMember(x.customer, segment)) announce(e, segment, true);
}

function wasSo({ customer }: Context, watched: Extras["watched"], index: number): boolean {
  const was = watched.find((each) => each.index === index);
  const is = customer.extras?.watched.find((each) => each.index === index);
  return was !== undefined && is !== undefined && (same(was.value, is.value) || (was.value === null && is.value === null));
}

// ---------------------------------------------------------------------------------------------------- profile

/** The profile with what it lacks and the other has; in records too. */
function completed(profile: Data, other: Data, fields: readonly Field[]): Data {
  const result: Data = { ...profile };
  for (const { name, type } of fields) {
    const value = Object.hasOwn(other, name) ? other[name] : undefined;
    if (value == null) continue;
    const known = Object.hasOwn(profile, name) ? profile[name] : undefined;
    if (known == null) result[name] = value;
    else if (type.k === "record") result[name] = completed(known as Data, value as Data, type.fields) as Value;
  }
  return result;
}

// ---------------------------------------------------------------------------------------------------- aggregates

function joinSlots({ x, compiled: { program, spans } }: Evaluator, other: Customer): void {
  const { customer } = x;
  other.slotIds.forEach((aggregate, i) => {
    const theirs = slotAt(other, i);
    const own = slotOf(customer, aggregate);
    if (own === undefined) return addSlot(customer, aggregate, theirs);
    const { fn, by, limit } = program.aggregates[aggregate] as (typeof program.aggregates)[number];
    const span = spans[aggregate] as (typeof spans)[number];
    const kind = kindOf(fn);
    if (by === null) kind.join(own, theirs, span, x, limit ?? 0);
    else joinKeyed(kind, own as Slot & KeyedSlot, theirs as Slot & KeyedSlot, span, x, limit ?? 0);
  });
}

// ---------------------------------------------------------------------------------------------------- lists by index

/** What has held without a break for either may have for both: the earlier counts, where it still holds. */
function joinHoldings(customer: Customer, other: Customer): void {
  for (const { index, since } of other.holdings) {
    const known = customer.holdings.find((holding) => holding.index === index);
    if (known === undefined) customer.holdings.push({ index, since });
    else known.since = Math.min(known.since, since);
  }
}

/** What caps count: all of it, oldest first. */
function joinTimes<T extends { times: number[] }>(own: T[], theirs: readonly T[], keyOf: (of: T) => number): void {
  for (const each of theirs) {
    const known = own.find((one) => keyOf(one) === keyOf(each));
    if (known === undefined) own.push({ ...each, times: [...each.times] });
    else known.times = [...known.times, ...each.times].sort((a, b) => a - b);
  }
}

const byIndex = (a: { readonly index: number }, b: { readonly index: number }): number => a.index - b.index;

function joinExtras(e: Evaluator, { id, extras: theirs }: Customer): void {
  const own = extrasOf(e.x.customer);
  noteJoined(own, [...(theirs?.joined ?? []), id]);
  if (theirs === null) return;
  for (const { index, rank } of theirs.tiers) {
    const known = own.tiers.find((tier) => tier.index === index);
    if (known === undefined) own.tiers.push({ index, rank });
    else known.rank = Math.max(known.rank, rank);
  }
  own.tiers.sort(byIndex);
  for (const each of theirs.watched) if (!own.watched.some(({ index }) => index === each.index)) own.watched.push(each);
  own.watched.sort(byIndex);
  joinLedgers(e.compiled, e.x, own, theirs);
  joinTimes(own.sends, theirs.sends, ({ index }) => index);
  own.sends.sort(byIndex);
  for (const { rule, local } of theirs.scheduled) {
    const known = own.scheduled.find((each) => each.rule === rule);
    if (known === undefined) own.scheduled.push({ rule, local });
    else known.local = Math.max(known.local, local);
  }
  own.lastEvent = Math.max(own.lastEvent, theirs.lastEvent);
  for (const exposure of theirs.exposures) joinExposure(e, own, exposure);
  own.exposures.sort(byIndex);
}

/** Whoever came to an experiment as two counts once: as they came to it first. */
function joinExposure({ sink }: Evaluator, own: Extras, exposure: Exposure): void {
  const { index, arm, reached, value } = exposure;
  const place = own.exposures.findIndex((each) => each.index === index);
  const known = own.exposures[place];
  if (known !== undefined) {
    if (known.at <= exposure.at) return;
    sink.experiment(index, known.arm, { exposed: -1, reached: known.reached ? -1 : 0, value: known.value === 0 ? 0 : -known.value });
    own.exposures.splice(place, 1);
  }
  own.exposures.push({ ...exposure });
  sink.experiment(index, arm, { exposed: 1, reached: reached ? 1 : 0, value });
}

// ---------------------------------------------------------------------------------------------------- runs

/** Identities of actions hang on what started their run; the same may have started one of each customer. */
const movedCause = (from: string, cause: string): string => `${from}>${cause}`;

function joinRuns(e: Evaluator, other: Customer): void {
  const { x, compiled } = e;
  const { customer } = x;
  if (other.runs.length === 0) return;
  const otherZone = other.zone !== customer.zone;
  for (const theirs of [...other.runs]) {
    const run: Run = { ...theirs, cause: movedCause(other.id, theirs.cause) };
    if (otherZone) followClock(compiled, run, x);
    const { restart } = (compiled.rules[run.rule] as CompiledRule).rule;
    const going = customer.runs.find(({ rule, key }) => rule === run.rule && key === run.key);
    customer.runs.push(run);
    if (going === undefined) continue;
    // One customer's later start would have met the run: it began anew, or did not begin.
    const isLater = run.startedAt > going.startedAt;
    const isEarlier = run.startedAt < going.startedAt;
    end(e, (restart ? isLater : isEarlier) ? going : run, "merged");
  }
  customer.runs.sort((a, b) => a.startedAt - b.startedAt);
  for (const run of [...customer.runs]) {
    if (customer.runs.filter(({ rule }) => rule === run.rule).length > MAX_RUNS_PER_RULE) end(e, run, "crowded_out");
  }
  orderHeld(customer);
}

function end(e: Evaluator, run: Run, by: "merged" | "crowded_out"): void {
  const { name } = e.compiled.rules[run.rule] as CompiledRule;
  removeRun(e, e.x.customer, run);
  e.trace?.({ k: "ended", rule: run.rule, per: run.key, by: by === "merged" ? "restart" : "crowded", until: null });
  if (by === "crowded_out") e.sink.crowdedOut(name);
  e.sink.ended?.(name, by);
}

/** Messages that were held for either are let go in the order in which they were held. */
function orderHeld(customer: Customer): void {
  const held = customer.runs.flatMap((run) => (run.held === null ? [] : [{ run, held: run.held }]));
  held.sort((a, b) => a.held.since - b.held.since || a.held.order - b.held.order);
  held.forEach((each, order) => { each.run.held = { ...each.held, order }; });
  if (held.length > 0) extrasOf(customer).nextHeld = held.length;
}

// ---------------------------------------------------------------------------------------------------- events seen

/** Newest last. */
function seenInOrder({ seen, seenNext }: Customer): number[] {
  const at = seenNext > SEEN_EVENTS || seen.length === 2 * SEEN_EVENTS ? (seenNext % SEEN_EVENTS) * 2 : 0;
  return [...seen.slice(at), ...seen.slice(0, at)];
}

/** Of more than are kept, each has as many of the newest as the other leaves room for. */
function joinSeen(customer: Customer, other: Customer): void {
  const own = seenInOrder(customer);
  const theirs = seenInOrder(other);
  const half = SEEN_EVENTS;
  const most = 2 * SEEN_EVENTS;
  const ownKept = Math.min(own.length, Math.max(half, most - theirs.length));
  const theirsKept = Math.min(theirs.length, most - ownKept);
  customer.seen = [...theirs.slice(theirs.length - theirsKept), ...own.slice(own.length - ownKept)];
  customer.seenNext = customer.seen.length / 2;
}
