/**
 * One customer as the engine holds them in memory, and the context in which expressions about them are evaluated.
 *
 * All of it is data. Slots, memberships and helds are sparse: a customer holds only what they have. engine/state-write.ts
 * turns it into bytes, engine/state-read.ts back; nothing else looks inside those. A customer who comes from bytes may
 * leave parts of themselves there until somebody asks (engine/state-packed.ts): slots are got with `slotOf`, never out of
 * the list.
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
  /** Fields of the starting event that the rule reads; null: no event started it. */
  event: Data | null;
  /** `<source>/<id>` of the event that started it, or `time/<instant>`; part of the ids of its actions. */
  cause: string;
  /** Index into the rule's flat list of steps (engine/compile/steps.ts), behind the step at which it stands. */
  at: number;
  /** When the wait ends. */
  deadline: number;
  /** Value of the rule's `per`; null without one, or where it is missing. */
  key: Scalar | null;
  /** Events that `wait for … as name` took; null: none. */
  captured: Captured[] | null;
  /** The message that its channel holds: the run stands at that `send`. */
  held: HeldMessage | null;
  /** Its aggregates `this run`, like a customer's. */
  slotIds: number[];
  slots: Slot[];
}

export type Scalar = string | number | boolean;

export interface Captured {
  readonly name: string;
  readonly data: Data;
  /** The event's own time. */
  readonly time: number;
}

export interface HeldMessage {
  /** When it was held, and its place among all that were held for the customer, which is the order of their release. */
  readonly since: number;
  readonly order: number;
  /** Fixed when the step ran; null: none. */
  readonly payload: Value;
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

/** Messages sent under a policy with caps, likewise. `index` is one of Program.policies. */
export interface Sends {
  index: number;
  times: number[];
}

/** The points of one kind that a customer has. `index` is one of Program.points. */
export interface Ledger {
  index: number;
  /** What is left of each credit, by its own time; only lots that still hold something. */
  lots: { time: number; left: number }[];
  /** Of each `earn` line with a cap, when it gave points; only what the cap may still count. Lines without stay empty. */
  given: number[][];
}

/** That a customer has come to a `split`. `index` is one of Program.experiments. */
export interface Exposure {
  index: number;
  /** Place in the experiment's arms. */
  arm: number;
  /** The first time, on the customer's clock. */
  at: number;
  /** Whether the goal was reached in time, and the sum of the goals' values. */
  reached: boolean;
  value: number;
}

/** What only some customers have, and some programs ask for. All lists are sparse and sorted by index. */
export interface Extras {
  /** Ranks of tiers, -1 below the lowest level. None for a tier: not settled yet. */
  tiers: { index: number; rank: number }[];
  /** Values of `change` expressions as they were settled last. None: not settled yet. */
  watched: { index: number; value: Value }[];
  ledgers: Ledger[];
  sends: Sends[];
  /** Number of the next message that is held. */
  nextHeld: number;
  exposures: Exposure[];
  /** The value with which the customer stands in a ranking's population. */
  readings: { index: number; value: number }[];
  /** What the customer adds to a population's sum (1 for `customers`). */
  contributions: { index: number; value: number }[];
  /** Day (since 1970 UTC) of the population figures by which the customer was settled last; 0: none. */
  figuresOf: number;
  /** By rule: the last local time (minutes since 1970, as if it were UTC) at which its schedule came; only what may come again. */
  scheduled: { rule: number; local: number }[];
  /** Stamp of the newest event, where the program erases customers without events; -Infinity: unknown. */
  lastEvent: number;
  /** Ids of those who were joined into the customer, the last joined last. */
  joined: string[];
}

export function newExtras(): Extras {
  return {
    tiers: [], watched: [], ledgers: [], sends: [], nextHeld: 0, exposures: [], readings: [], contributions: [],
    figuresOf: 0, scheduled: [], lastEvent: -Infinity, joined: [],
  };
}

/** The customer's extras, made where there were none. */
export function extrasOf(customer: Customer): Extras {
  return (customer.extras ??= newExtras());
}

/** What of a customer still lies in bytes. */
export interface Packed {
  /** The slot of an aggregate, which has this place in the bytes. */
  slot(place: number, aggregate: number): Slot;
  /** Like `seenBefore`. */
  seenBefore(high: number, low: number): boolean;
}

export interface Customer {
  readonly id: string;
  /** Who the customer was joined into: nothing else is known of them, and what comes for them goes there. Null: nobody. */
  movedTo: string | null;
  /** Null: everything is here. */
  packed: Packed | null;
  /** Earliest own time of any event; Infinity: none yet. */
  firstSeen: number;
  /** The instant from which all others are counted in the customer's bytes: own time of their first event. NaN: none yet. */
  base: number;
  profile: Data;
  zone: Zone;
  /** Slot i belongs to aggregate `slotIds[i]`; sorted. Ask `slotOf`: the list may hold places in bytes instead. */
  slotIds: number[];
  slots: Slot[];
  /** Indexes of the segments the customer is in; sorted. */
  segments: number[];
  holdings: Holding[];
  /** In order of their start. */
  runs: Run[];
  starts: Starts[];
  /** Null: none of them. */
  extras: Extras | null;
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
  /** Bytes of the state as it was read or written last. */
  packedBytes: number;
  /** The cache's: when the customer was used last. */
  generation: number;
}

/** How many events a customer's duplicates are recognised among. */
export const SEEN_EVENTS = 32;

export function newCustomer(id: string, zone: Zone): Customer {
  return {
    id, movedTo: null, packed: null, firstSeen: Infinity, base: NaN, profile: {}, zone, slotIds: [], slots: [], segments: [], holdings: [], runs: [], starts: [],
    extras: null,
    seen: [], seenNext: 0, wake: Infinity, indexed: Infinity, dirty: false, commit: 0, packedBytes: 0, generation: -1,
  };
}

/** Whether there is anything to keep of the customer. */
export const isKept = ({ firstSeen, movedTo }: Customer): boolean => firstSeen !== Infinity || movedTo !== null;

/** Whether the pair was seen among the newest; remembers nothing. */
export function knowsEvent(customer: Customer, high: number, low: number): boolean {
  const { seen } = customer;
  for (let i = 0; i < seen.length; i += 2) if (seen[i] === (high | 0) && seen[i + 1] === (low | 0)) return true;
  return false;
}

/** Whether the pair was seen among the newest; remembers it where not. */
export function seenBefore(customer: Customer, high: number, low: number): boolean {
  if (customer.packed !== null) return customer.packed.seenBefore(high, low);
  const { seen } = customer;
  const h = high | 0;
  const l = low | 0;
  for (let i = 0; i < seen.length; i += 2) if (seen[i] === h && seen[i + 1] === l) return true;
  putSeen(seen, customer.seenNext, h, l);
  customer.seenNext = followingSeen(customer.seenNext);
  return false;
}

/** Puts a pair into a ring into which `next` have been put. */
export function putSeen(ring: number[], next: number, high: number, low: number): void {
  const at = (next % SEEN_EVENTS) * 2;
  if (at >= ring.length) ring.push(high, low);
  else {
    ring[at] = high;
    ring[at + 1] = low;
  }
}

/** Counts no further than it must to tell where the next one goes. */
export const followingSeen = (next: number): number => (next + 1 === 2 * SEEN_EVENTS ? SEEN_EVENTS : next + 1);

/** What expressions read: one object per partition, set for one customer and one instant at a time. */
export interface Context extends Frame {
  customer: Customer;
  /** The event looked at (aggregates, `where`), and its own time. */
  row: Data;
  rowTime: number;
  /** The event that started the run, and its own time; null: none did. */
  event: Data | null;
  eventTime: number;
  /** The run whose steps or conditions are evaluated; null: none. */
  run: Run | null;
  /** What is known of all customers. */
  figures: Figures;
  /** By experiment: the variant that everybody has, where a test fixes one. */
  fixedVariants: ReadonlyMap<number, string> | null;
}

/** Figures of the whole population, which partitions keep. */
export interface Figures {
  /** 0 to 100: the share of the population with a strictly smaller value; null before the first announcement. */
  percentile(ranking: number, value: number): number | null;
  /** Of Program.populations, over all customers. */
  population(index: number): number | null;
  exposed(experiment: number, variant: string): number;
  value(experiment: number, variant: string): number;
}

export const NO_FIGURES: Figures = { percentile: () => null, population: () => null, exposed: () => 0, value: () => 0 };

const NOBODY = newCustomer("", UTC);
export const NO_DATA: Data = Object.freeze({}) as Data;

export function newContext(): Context {
  return {
    now: 0, zone: UTC, firstSeen: 0, overflows: 0,
    customer: NOBODY, row: NO_DATA, rowTime: 0, event: NO_DATA, eventTime: 0,
    run: null, figures: NO_FIGURES, fixedVariants: null,
  };
}

export function enterContext(x: Context, customer: Customer, now: number): void {
  x.customer = customer;
  x.now = now;
  x.zone = customer.zone;
  x.firstSeen = customer.firstSeen;
}

/** Who holds slots: a customer, or a run (of which nothing stays in bytes). */
export interface Slots {
  slotIds: number[];
  slots: Slot[];
  packed?: Packed | null;
}

/** In a list of slots: the place in the bytes where the slot still is. */
export const unread = (place: number): Slot => place as unknown as Slot;

export const placeOfUnread = (slot: Slot): number | null => (typeof (slot as unknown) === "number" ? (slot as unknown as number) : null);

/** The slot with this place in the list. */
export function slotAt(of: Slots, i: number): Slot {
  const slot = of.slots[i] as Slot;
  const place = placeOfUnread(slot);
  return place === null ? slot : (of.slots[i] = (of.packed as Packed).slot(place, of.slotIds[i] as number));
}

/** The slot of an aggregate, or undefined where there is none. */
export function slotOf(customer: Slots, aggregate: number): Slot | undefined {
  const ids = customer.slotIds;
  // Most customers have a handful of slots: a short walk is faster than halving.
  if (ids.length <= 12) {
    for (let i = 0; i < ids.length; i++) if (ids[i] === aggregate) return slotAt(customer, i);
    return undefined;
  }
  const i = lowerBound(ids, aggregate);
  return ids[i] === aggregate ? slotAt(customer, i) : undefined;
}

/** Of runs, which mostly have none: they share the lists until they have one. */
export const NO_SLOTS: Slots = { slotIds: Object.freeze<number[]>([]) as number[], slots: Object.freeze<Slot[]>([]) as Slot[] };

export function addSlot(of: Slots, aggregate: number, slot: Slot): void {
  if (of.slotIds === NO_SLOTS.slotIds) {
    of.slotIds = [aggregate];
    of.slots = [slot];
    return;
  }
  const { slotIds, slots } = of;
  let i = slotIds.length;
  slotIds.push(aggregate);
  slots.push(slot);
  for (; i > 0 && (slotIds[i - 1] as number) > aggregate; i--) {
    slotIds[i] = slotIds[i - 1] as number;
    slots[i] = slots[i - 1] as Slot;
  }
  slotIds[i] = aggregate;
  slots[i] = slot;
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
