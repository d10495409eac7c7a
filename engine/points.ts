/**
 * Points: what a customer has earned and not spent. Each credit is a lot with its own time (a late event's own, an
 * award's now); lots expire on their own, and what is taken comes out of the oldest first. At one instant expiry comes
 * first.
 *
 * Nothing is lost to rounding: lots at one time are the parts of one exact sum (aggregates/exact-sum.ts), and the
 * balance is the exact sum of all of them, rounded once. What has expired is passed over when it is read and dropped
 * when something is written, so reading changes nothing and a change of zone moves calendar expiry at once.
 *
 * Invariants of a ledger: lots are sorted by time, hold something, and are at most MAX_LOTS; beyond, the two neighbours
 * closest to each other become one lot of the later time (nobody loses points early) and x.overflows counts it.
 */
import { DISORDER_MS } from "./aggregates/kind.js";
import { LARGEST_ADDEND, addExactly, rounded, type ExactSum } from "./aggregates/exact-sum.js";
import { hasRoom, remember } from "./caps.js";
import { enqueue, type Agenda } from "./agenda.js";
import type { Cap, Length, Value } from "../dsl/program.js";
import type { Compiled, CompiledPoints, EventPlan } from "./compile/compiled.js";
import { extrasOf, type Context, type Extras, type Ledger } from "./customer.js";
import { updateRuns } from "./run-aggregates.js";
import { DAY_MS, addMonths, type Zone } from "./zone.js";

export const MAX_LOTS = 256;

/** What is needed of a compiled program. */
export type PointsPlan = Pick<Compiled, "points" | "rules" | "ranksOfAggregate" | "ranksOfPoints">;

export interface Earning {
  readonly points: number;
  readonly amount: number;
}

// ---------------------------------------------------------------------------------------------------- reading

const NO_LOTS: Ledger["lots"] = [];

function lotsOf(x: Context, index: number): Ledger["lots"] {
  return x.customer.extras?.ledgers.find((ledger) => ledger.index === index)?.lots ?? NO_LOTS;
}

/** A month of the calendar has 28 to 31 days; two days more or less for clocks and days that are jumped over. */
const SHORTEST_MONTH_MS = 28 * DAY_MS;
const LONGEST_MONTH_MS = 31 * DAY_MS;
const CLOCKS_MS = 2 * DAY_MS;

/** No instant moved on by the length is moved by less, or by more. */
const shortest = ({ ms, months }: Length): number => (months === 0 ? ms : months * SHORTEST_MONTH_MS - CLOCKS_MS);
const longest = ({ ms, months }: Length): number => (months === 0 ? ms : months * LONGEST_MONTH_MS + CLOCKS_MS);

/** The instant at which a lot is gone. */
export function expiryOf(expire: Length | null, zone: Zone, time: number): number {
  if (expire === null) return Infinity;
  return expire.months === 0 ? time + expire.ms : addMonths(zone, time, expire.months);
}

/** Whether a lot is still there. The calendar is asked only where it may decide. */
function isThere(expire: Length | null, x: Context, time: number): boolean {
  if (expire !== null && expire.months > 0) {
    if (x.now < time + shortest(expire)) return true;
    if (x.now >= time + longest(expire)) return false;
  }
  return x.now < expiryOf(expire, x.zone, time);
}

/** How many points there are. */
export function balance(x: Context, index: number, expire: Length | null): number {
  const parts: ExactSum = [];
  for (const { time, left } of lotsOf(x, index)) if (isThere(expire, x, time)) addExactly(parts, left);
  return rounded(parts);
}

/** From when on a lot counts as expiring: its end less the time asked for. */
function expiringFrom(end: number, within: Length, zone: Zone): number {
  return within.months === 0 ? end - within.ms : addMonths(zone, end, -within.months);
}

/** What of the balance expires within a time from now, the last instant of it included. */
export function expiring(x: Context, index: number, expire: Length | null, within: Length): number {
  if (expire === null) return 0;
  const parts: ExactSum = [];
  const soonest = shortest(expire) - longest(within);
  for (const { time, left } of lotsOf(x, index)) {
    if (time + soonest > x.now) break; // nor any later one
    if (isThere(expire, x, time) && expiringFrom(expiryOf(expire, x.zone, time), within, x.zone) <= x.now) addExactly(parts, left);
  }
  return rounded(parts);
}

/** The next instant at which time alone changes the balance; Infinity: never. */
export function nextBalance(x: Context, index: number, expire: Length | null): number {
  if (expire === null) return Infinity;
  let next = Infinity;
  let horizon = Infinity;
  for (const { time } of lotsOf(x, index)) {
    // Calendar months may let a later lot go earlier, but never by more than so much.
    if (time > horizon) break;
    if (!isThere(expire, x, time)) continue;
    horizon = Math.min(horizon, time + DISORDER_MS);
    next = Math.min(next, expiryOf(expire, x.zone, time));
  }
  return next;
}

/** The next instant at which time alone changes what is expiring; Infinity: never. */
export function nextExpiring(x: Context, index: number, expire: Length | null, within: Length): number {
  if (expire === null) return Infinity;
  let next = Infinity;
  const soonest = shortest(expire) - longest(within);
  for (const { time } of lotsOf(x, index)) {
    if (time + soonest > next) break; // nor any later one
    if (!isThere(expire, x, time)) continue;
    const end = expiryOf(expire, x.zone, time);
    const from = expiringFrom(end, within, x.zone);
    next = Math.min(next, from > x.now ? from : end);
  }
  return next;
}

// ---------------------------------------------------------------------------------------------------- earning

/** What earns and can be added up: positive, and of a size that sums can hold. */
function isCredit(amount: Value | undefined): amount is number {
  return typeof amount === "number" && amount > 0 && amount <= LARGEST_ADDEND;
}

const NO_EARNINGS: readonly Earning[] = [];

/**
 * What the event of `x.row` earns, asked before anything else of it is applied. A line that gives something is counted
 * in its cap here, at the customer's clock; what it gives is for the caller to `credit`.
 */
export function earnings(x: Context, plan: Pick<EventPlan, "earns">): readonly Earning[] {
  let found: Earning[] | null = null;
  for (const { points, line, where, amount, cap } of plan.earns) {
    if (where !== null && !where(x)) continue;
    const worth = amount(x);
    if (!isCredit(worth)) continue;
    if (cap !== null && !takeRoom(x, points, line, cap)) continue;
    (found ??= []).push({ points, amount: worth });
  }
  return found ?? NO_EARNINGS;
}

function takeRoom(x: Context, points: number, line: number, cap: Cap): boolean {
  const { given } = ledgerOf(extrasOf(x.customer), points);
  while (given.length <= line) given.push([]);
  const times = given[line] as number[];
  const caps = [cap];
  if (!hasRoom(caps, times, x)) return false;
  remember(caps, times, x);
  return true;
}

function ledgerOf({ ledgers }: Extras, index: number): Ledger {
  let place = 0;
  while (place < ledgers.length && (ledgers[place] as Ledger).index < index) place++;
  let ledger = ledgers[place];
  if (ledger === undefined || ledger.index !== index) {
    ledger = { index, lots: [], given: [] };
    ledgers.splice(place, 0, ledger);
  }
  return ledger;
}

/**
 * Adds a lot with its own time. What is not positive, or too large to be added up, earns nothing. A late credit that has
 * expired by now was earned all the same: aggregates over the credits see it.
 */
export function credit(compiled: PointsPlan, agenda: Agenda, x: Context, points: number, amount: Value | undefined, time: number): void {
  if (!isCredit(amount)) return;
  const { expire } = compiled.points[points] as CompiledPoints;
  if (isThere(expire, x, time)) {
    const ledger = ledgerOf(extrasOf(x.customer), points);
    dropExpired(ledger, expire, x);
    addLot(ledger.lots, time, amount);
    if (ledger.lots.length > MAX_LOTS) x.overflows += mergeClosest(ledger.lots);
    enqueue(agenda, compiled.ranksOfPoints[points] as readonly number[]);
  }
  applyEarned(compiled, agenda, x, points, amount, time);
}

function applyEarned(compiled: PointsPlan, agenda: Agenda, x: Context, points: number, amount: number, time: number): void {
  const { earned, runEarned } = compiled.points[points] as CompiledPoints;
  if (earned.length === 0 && runEarned.length === 0) return;
  const { row, rowTime } = x;
  x.row = { amount };
  x.rowTime = time;
  for (const { aggregate, apply } of earned) {
    if (apply(x)) enqueue(agenda, compiled.ranksOfAggregate[aggregate] as readonly number[]);
  }
  updateRuns(compiled, x, runEarned);
  x.row = row;
  x.rowTime = rowTime;
}

function dropExpired(ledger: Ledger, expire: Length | null, x: Context): void {
  if (expire === null) return;
  const { lots } = ledger;
  let to = 0;
  for (const lot of lots) if (isThere(expire, x, lot.time)) lots[to++] = lot;
  lots.length = to;
}

/** What another customer has is added: lots by their time, and what caps of lines count. What either has spent stays spent. */
export function joinLedgers(compiled: PointsPlan, x: Context, into: Extras, { ledgers }: Extras): void {
  for (const { index, lots, given } of ledgers) {
    const ledger = ledgerOf(into, index);
    dropExpired(ledger, (compiled.points[index] as CompiledPoints).expire, x);
    for (const { time, left } of lots) addLot(ledger.lots, time, left);
    if (ledger.lots.length > MAX_LOTS) x.overflows += mergeClosest(ledger.lots);
    given.forEach((times, line) => { ledger.given[line] = [...(ledger.given[line] ?? []), ...times].sort((a, b) => a - b); });
  }
}

/** Where the lots of a time begin, and how many there are. */
function groupAt(lots: Ledger["lots"], time: number): { readonly at: number; readonly length: number } {
  let end = lots.length;
  while (end > 0 && (lots[end - 1] as { time: number }).time > time) end--;
  let at = end;
  while (at > 0 && (lots[at - 1] as { time: number }).time === time) at--;
  return { at, length: end - at };
}

function partsOf(lots: Ledger["lots"], at: number, length: number): ExactSum {
  return lots.slice(at, at + length).map(({ left }) => left);
}

function addLot(lots: Ledger["lots"], time: number, amount: number): void {
  const { at, length } = groupAt(lots, time);
  const parts = partsOf(lots, at, length);
  addExactly(parts, amount);
  lots.splice(at, length, ...parts.map((left) => ({ time, left })));
}

/** Makes one lot of the two neighbours closest in time, of equals the oldest, as often as it takes; says how often. */
function mergeClosest(lots: Ledger["lots"]): number {
  let merged = 0;
  while (lots.length > MAX_LOTS) {
    const earlier = closest(lots);
    if (earlier === null) break; // all of one time: parts of one number, of which there are never so many
    const later = lots.find(({ time }) => time > earlier) as { time: number };
    const { at, length } = groupAt(lots, earlier);
    const parts = partsOf(lots, at, length);
    lots.splice(at, length);
    for (const part of parts) addLot(lots, later.time, part);
    merged++;
  }
  return merged;
}

/** The earlier of the two times that are closest to each other; null: there is only one. */
function closest(lots: Ledger["lots"]): number | null {
  let least = Infinity;
  let found: number | null = null;
  for (let i = 1; i < lots.length; i++) {
    const { time } = lots[i - 1] as { time: number };
    const distance = (lots[i] as { time: number }).time - time;
    if (distance <= 0 || distance >= least) continue;
    least = distance;
    found = time;
  }
  return found;
}

// ---------------------------------------------------------------------------------------------------- taking

/**
 * Takes all of it or nothing, out of the oldest lots first; whether it was taken. As much as the balance says can always
 * be taken and then leaves nothing, however the balance was rounded. What is not positive takes nothing and succeeds; a
 * missing amount does not.
 */
export function take(compiled: PointsPlan, agenda: Agenda, x: Context, points: number, amount: Value | undefined): boolean {
  if (typeof amount !== "number" || Number.isNaN(amount)) return false;
  if (amount <= 0) return true;
  const { expire } = compiled.points[points] as CompiledPoints;
  const there = balance(x, points, expire);
  if (!(there >= amount)) return false;
  const ledger = ledgerOf(extrasOf(x.customer), points);
  dropExpired(ledger, expire, x);
  if (there === amount) ledger.lots.length = 0;
  else takeOldest(ledger.lots, amount);
  enqueue(agenda, compiled.ranksOfPoints[points] as readonly number[]);
  return true;
}

function takeOldest(lots: Ledger["lots"], amount: number): void {
  let owed: ExactSum = [amount];
  while (owed.length > 0 && lots.length > 0) {
    const { time } = lots[0] as { time: number };
    const { length } = groupAt(lots, time);
    const parts = partsOf(lots, 0, length);
    for (const part of owed) addExactly(parts, -part);
    // The largest part of an exact sum has its sign.
    const isLeft = parts.length > 0 && (parts[parts.length - 1] as number) > 0;
    lots.splice(0, length, ...(isLeft ? parts.map((left) => ({ time, left })) : []));
    owed = isLeft ? [] : parts.map((part) => -part);
  }
}
