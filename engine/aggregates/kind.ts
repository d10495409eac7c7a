/**
 * What every aggregate has in common. An aggregate's state (one *slot* of a customer) is a small plain object; each
 * file of this folder gives the same six functions for one kind of it: `empty`, `add`, `join`, `value`, `next`, `codec`.
 *
 * Entries leave a window by time alone: an entry at t counts while now < leaves(t). Every function first drops what
 * has left, so a slot that nobody looked at for a year is right again when it is read.
 *
 * Memory is bounded: a slot holds the newest MAX_ENTRIES entries exactly. Beyond, `count`, `sum` and `avg` merge the
 * oldest (see merge.ts), the others forget the oldest value; `frame.overflows` counts how often.
 */
import { addMonths, periodEnd, type Period, type Zone } from "../zone.js";
import { readInt, readUint, reserveInts, writeInt, writeUint, type Reader, type Writer } from "../codec.js";
import type { Value } from "../../dsl/program.js";

export const MAX_ENTRIES = 256;

/** The customer's present as an aggregate needs it; one object, re-used. */
export interface Frame {
  now: number;
  zone: Zone;
  /** Earliest own time of any event of the customer. */
  firstSeen: number;
  overflows: number;
}

/** How long an entry counts. */
export type Span =
  | { readonly k: "life" }
  | { readonly k: "sliding"; readonly ms: number }
  | { readonly k: "months"; readonly months: number }
  | { readonly k: "period"; readonly unit: Period };

/** The instant from which an entry at t no longer counts. */
export function leaves(span: Span, zone: Zone, t: number): number {
  switch (span.k) {
    case "life": return Infinity;
    case "sliding": return t + span.ms;
    case "months": return addMonths(zone, t, span.months);
    case "period": return periodEnd(zone, t, span.unit);
  }
}

/** Calendar months may let entries leave in another order than they came, but never by more than this. */
export const DISORDER_MS = 5 * 86_400_000;

export interface Kind<S> {
  empty(): S;
  /** A row enters at its own time; `value` is null-free. Answers whether anything changed. */
  add(slot: S, t: number, value: Value, span: Span, frame: Frame, limit: number): boolean;
  /** Another customer's events enter as well, each at its own time; of one instant the slot's own count as the earlier. */
  join(slot: S, other: S, span: Span, frame: Frame, limit: number): void;
  /** Of undefined too: the value of nothing. */
  value(slot: S | undefined, span: Span, frame: Frame): Value;
  /** The first instant after now at which time alone may change the value; Infinity: never. Early is fine, late is not. */
  next(slot: S, span: Span, frame: Frame): number;
  /** Instants are written relative to `base`. */
  readonly codec: { write(w: Writer, slot: S, base: number): void; read(r: Reader, base: number): S };
}

/** How many entries at the front of `times` (sorted) have left; with months, those that left must be looked for. */
export function leftAtFront(times: readonly number[], span: Span, frame: Frame): number {
  if (span.k === "life") return 0;
  let n = 0;
  while (n < times.length && leaves(span, frame.zone, times[n] as number) <= frame.now) n++;
  return n;
}

/** Calls `drop(i)` for every entry that has left, from the last to the first. `times` is sorted. */
export function dropLeft(times: readonly number[], span: Span, frame: Frame, drop: (i: number) => void): void {
  const n = leftAtFront(times, span, frame);
  // None that leaves before the first one left leaves so long before it.
  if (span.k === "months" && n < times.length && leaves(span, frame.zone, times[n] as number) <= frame.now + DISORDER_MS) {
    const horizon = (times[n] as number) + DISORDER_MS;
    let last = n;
    while (last + 1 < times.length && (times[last + 1] as number) <= horizon) last++;
    for (let i = last; i > n; i--) if (leaves(span, frame.zone, times[i] as number) <= frame.now) drop(i);
  }
  for (let i = n - 1; i >= 0; i--) drop(i);
}

/** Takes one entry out of a list. Most often it is the first: that needs no list of what was taken out. */
export function takeOut<T>(list: T[], i: number): T {
  return (i === 0 ? list.shift() : list.splice(i, 1)[0]) as T;
}

/** The first instant at which an entry leaves, given that all that left have been dropped. */
export function firstLeave(times: readonly number[], span: Span, frame: Frame): number {
  if (times.length === 0 || span.k === "life") return Infinity;
  const oldest = times[0] as number;
  let least = leaves(span, frame.zone, oldest);
  if (span.k === "months") {
    for (let i = 1; i < times.length && (times[i] as number) <= oldest + DISORDER_MS; i++) {
      least = Math.min(least, leaves(span, frame.zone, times[i] as number));
    }
  }
  return least;
}

/** The place at which an entry at t belongs: behind all entries that are not later. */
export function placeOf(times: readonly number[], t: number): number {
  let i = times.length;
  while (i > 0 && (times[i - 1] as number) > t) i--;
  return i;
}

/** Of two sorted lists: in which order their entries stand in one; of one instant those of the first come first. */
export function interleaved(one: readonly number[], other: readonly number[]): { readonly isOther: boolean; readonly at: number }[] {
  const order: { isOther: boolean; at: number }[] = [];
  let [i, j] = [0, 0];
  while (i < one.length || j < other.length) {
    const isOther = i === one.length || (j < other.length && (other[j] as number) < (one[i] as number));
    order.push({ isOther, at: isOther ? j++ : i++ });
  }
  return order;
}

export function writeTimes(w: Writer, times: readonly number[], base: number): void {
  const n = times.length;
  writeUint(w, n);
  if (n === 0) return;
  let before = base;
  reserveInts(w, n);
  const { bytes } = w;
  for (let i = 0; i < n; i++) {
    const t = times[i] as number;
    const difference = t - before;
    before = t;
    // Most differences are small and positive: one to four bytes, written here without a call.
    if (difference >= 0 && difference < SMALL_DIFFERENCE) {
      let rest = difference * 2;
      while (rest >= 0x80) {
        bytes[w.at++] = (rest & 0x7f) | 0x80;
        rest >>>= 7;
      }
      bytes[w.at++] = rest;
    } else writeInt(w, difference);
  }
}

const SMALL_DIFFERENCE = 2 ** 27;

export function readTimes(r: Reader, base: number): number[] {
  const times: number[] = [];
  let before = base;
  for (let left = readUint(r); left > 0; left--) {
    before += readInt(r);
    times.push(before);
  }
  return times;
}
