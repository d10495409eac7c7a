/**
 * One customer as the engine holds them in memory, and the context in which expressions about them are evaluated.
 *
 * All of it is plain data. Slots, memberships and helds are sparse: a customer holds only what they have.
 * engine/state.ts turns it into bytes and back; nothing else looks inside those.
 */
import type { Value } from "../dsl/program.js";
import type { Frame } from "./aggregates/kind.js";
import type { Slot } from "./aggregates/kinds.js";
import { UTC, type Zone } from "./zone.js";

export type Data = { [name: string]: Value | undefined };

/** A rule under way for a customer: it stands at a wait. */
export interface Run {
  /** Index into Program.rules. */
  rule: number;
  /** When it (re)started, on the customer's clock, and the own time of the event that started it. */
  startedAt: number;
  eventTime: number;
  /** Fields of the starting event that the rule reads. */
  event: Data;
  /** `<source>/<id>` of the event that started it, or `time/<instant>`; part of the ids of its actions. */
  cause: string;
  /** Index into the rule's flat list of steps (engine/compile/steps.ts): where it goes on. */
  at: number;
  /** When the wait ends. */
  deadline: number;
}

/** Since when a condition with `for at least` has held without a break. */
export interface Holding {
  /** 2 × segment index, + 1 for the leaving condition. */
  index: number;
  since: number;
}

/** Starts of a capped rule, oldest first; only those that a cap may still count. */
export interface Starts {
  rule: number;
  times: number[];
}

export interface Customer {
  readonly id: string;
  /** Earliest own time of any event; Infinity: none yet. */
  firstSeen: number;
  profile: Data;
  zone: Zone;
  /** Slot i belongs to aggregate `slotIds[i]`; sorted. */
  slotIds: number[];
  slots: Slot[];
  /** Indexes of the segments the customer is in; sorted. */
  segments: number[];
  holdings: Holding[];
  /** In order of their start. */
  runs: Run[];
  starts: Starts[];
  /**
   * Hashes of the newest events' source and id: a ring of pairs of signed 32-bit numbers, `seenNext` pairs written so
   * far. A plain list: typed arrays of this size cost an allocation outside of the heap each.
   */
  seen: number[];
  seenNext: number;
  /** The next instant at which something about the customer may change by time alone; early is fine, late is not. */
  wake: number;
  /** What the wake index of the store holds (with the commits on their way); Infinity: no entry. */
  indexed: number;
  /** Touched since the last commit was built. */
  dirty: boolean;
  /** Number of the newest commit that holds the customer's state; the cache keeps them until it is acknowledged. */
  commit: number;
  /** The cache's: when the customer was used last. */
  generation: number;
}

/** How many events a customer's duplicates are recognised among. */
export const SEEN_EVENTS = 32;

export function newCustomer(id: string, zone: Zone): Customer {
  return {
    id, firstSeen: Infinity, profile: {}, zone, slotIds: [], slots: [], segments: [], holdings: [], runs: [], starts: [],
    seen: [], seenNext: 0, wake: Infinity, indexed: Infinity, dirty: false, commit: 0, generation: -1,
  };
}

/** Whether the pair was seen among the newest; remembers it where not. */
export function seenBefore(customer: Customer, high: number, low: number): boolean {
  const { seen } = customer;
  const h = high | 0;
  const l = low | 0;
  for (let i = 0; i < seen.length; i += 2) if (seen[i] === h && seen[i + 1] === l) return true;
  const at = (customer.seenNext % SEEN_EVENTS) * 2;
  if (at >= seen.length) seen.push(h, l);
  else {
    seen[at] = h;
    seen[at + 1] = l;
  }
  customer.seenNext++;
  if (customer.seenNext === 2 * SEEN_EVENTS) customer.seenNext = SEEN_EVENTS;
  return false;
}

/** What expressions read: one object per partition, set for one customer and one instant at a time. */
export interface Context extends Frame {
  customer: Customer;
  profile: Data;
  /** The event looked at (aggregates, `where`), and its own time. */
  row: Data;
  rowTime: number;
  /** The event that started the run, and its own time. */
  event: Data;
  eventTime: number;
}

const NOBODY = newCustomer("", UTC);
export const NO_DATA: Data = Object.freeze({}) as Data;

export function newContext(): Context {
  return {
    now: 0, zone: UTC, firstSeen: 0, overflows: 0,
    customer: NOBODY, profile: NO_DATA, row: NO_DATA, rowTime: 0, event: NO_DATA, eventTime: 0,
  };
}

export function enterContext(x: Context, customer: Customer, now: number): void {
  x.customer = customer;
  x.now = now;
  x.zone = customer.zone;
  x.firstSeen = customer.firstSeen;
  x.profile = customer.profile;
}

/** The slot of an aggregate, or undefined where the customer has none. */
export function slotOf(customer: Customer, aggregate: number): Slot | undefined {
  const ids = customer.slotIds;
  // Most customers have a handful of slots: a short walk is faster than halving.
  if (ids.length <= 12) {
    for (let i = 0; i < ids.length; i++) if (ids[i] === aggregate) return customer.slots[i];
    return undefined;
  }
  const i = lowerBound(ids, aggregate);
  return ids[i] === aggregate ? customer.slots[i] : undefined;
}

export function addSlot(customer: Customer, aggregate: number, slot: Slot): void {
  const i = lowerBound(customer.slotIds, aggregate);
  customer.slotIds.splice(i, 0, aggregate);
  customer.slots.splice(i, 0, slot);
}

/** First place in a sorted list whose number is not below `n`. */
export function lowerBound(sorted: readonly number[], n: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < n) low = middle + 1;
    else high = middle;
  }
  return low;
}

export function isMember(customer: Customer, segment: number): boolean {
  const list = customer.segments;
  if (list.length <= 12) return list.includes(segment);
  return list[lowerBound(list, segment)] === segment;
}
