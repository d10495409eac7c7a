/**
 * `distinct(E.x …)`, `recent(E.x, n)`: the different values in the window, each with the newest time at which it came.
 * The map stands in the order of those times, oldest first; at one instant the later in the stream stands later.
 */
import type { Value } from "../../dsl/program.js";
import { StateCorrupt, readUint, readValue, writeUint, writeValue, type Reader } from "../codec.js";
import { isLong, told } from "./told.js";
import { DISORDER_MS, MAX_ENTRIES, dropLeft, firstLeave, leaves, readTimes, takeOut, writeTimes, type Frame, type Kind, type Span } from "./kind.js";

type Scalar = string | number | boolean;

export interface DistinctSlot {
  times: Map<Scalar, number>;
  /** No entry is newer than this. */
  newest: number;
  /**
   * Windows of months only: entries that are covered (by a newer one of the same value, or because `recent` keeps no
   * more) and leave later than what covers them.
   */
  covered: Entry[];
}

interface Entry {
  readonly value: Scalar;
  readonly t: number;
}

function isScalar(value: Value): value is Scalar {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

function expire(slot: DistinctSlot, span: Span, frame: Frame): void {
  if (span.k === "life") return;
  let left = 0;
  for (const [value, t] of slot.times) {
    const until = leaves(span, frame.zone, t);
    if (until <= frame.now) {
      slot.times.delete(value);
      left++;
    } else if (span.k !== "months" || until > frame.now + DISORDER_MS) break;
  }
  if (left === 0 || slot.covered.length === 0) return;
  // What was covered may come to light again; what still is covered is found to be so again.
  const again = slot.covered;
  slot.covered = [];
  for (const { value, t } of again) if (leaves(span, frame.zone, t) > frame.now) put(slot, value, t, span, frame);
}

/** Enters a value at a time, if that is news. */
function put(slot: DistinctSlot, value: Scalar, t: number, span: Span, frame: Frame): boolean {
  const before = slot.times.get(value);
  if (before !== undefined) {
    if (span.k === "months") cover(slot, value, Math.min(before, t), leaves(span, frame.zone, Math.max(before, t)), span, frame);
    if (before > t) return false;
  }
  slot.times.delete(value);
  slot.times.set(value, t);
  if (t >= slot.newest) slot.newest = t;
  else slot.times = new Map([...slot.times].sort((a, b) => a[1] - b[1])); // a late event breaks the order
  return true;
}

/** Keeps an entry for when the one that covers it leaves, if that is earlier than it leaves itself. */
function cover(slot: DistinctSlot, value: Scalar, t: number, coveredUntil: number, span: Span, frame: Frame): void {
  if (leaves(span, frame.zone, t) <= coveredUntil) return;
  slot.covered.push({ value, t });
  if (slot.covered.length > MAX_ENTRIES) slot.covered.shift();
}

function add(slot: DistinctSlot, t: number, value: Value, span: Span, frame: Frame, limit: number): boolean {
  if (!isScalar(value)) return false;
  expire(slot, span, frame);
  if (leaves(span, frame.zone, t) <= frame.now) return false;
  if (!put(slot, value, t, span, frame)) return false;
  if (slot.times.size > limit) {
    for (const [oldest, at] of slot.times) {
      slot.times.delete(oldest);
      if (span.k === "months") cover(slot, oldest, at, firstLeave([...slot.times.values()], span, frame), span, frame);
      break;
    }
    if (limit === MAX_ENTRIES) frame.overflows++;
  }
  return true;
}

function join(slot: DistinctSlot, other: DistinctSlot, span: Span, frame: Frame, limit: number): void {
  for (const [value, t] of other.times) add(slot, t, value, span, frame, limit);
  for (const { value, t } of other.covered) add(slot, t, value, span, frame, limit);
}

const codec: Kind<DistinctSlot>["codec"] = {
  write(w, slot, base) {
    writeTimes(w, [...slot.times.values()], base);
    for (const value of slot.times.keys()) writeValue(w, value);
    writeTimes(w, slot.covered.map((entry) => entry.t), base);
    for (const { value } of slot.covered) writeValue(w, value);
  },
  read(r, base) {
    const times = readTimes(r, base);
    const slot: DistinctSlot = { times: new Map(), newest: times.at(-1) ?? -Infinity, covered: [] };
    for (const t of times) slot.times.set(readScalar(r), t);
    slot.covered = readTimes(r, base).map((t) => ({ value: readScalar(r), t }));
    return slot;
  },
};

function readScalar(r: Reader): Scalar {
  const value = readValue(r);
  if (!isScalar(value)) throw new StateCorrupt("a single value was expected");
  return value;
}

const empty = (): DistinctSlot => ({ times: new Map(), newest: -Infinity, covered: [] });

function next(slot: DistinctSlot, span: Span, frame: Frame): number {
  expire(slot, span, frame);
  if (span.k === "months") return firstLeave([...slot.times.values()], span, frame);
  for (const t of slot.times.values()) return leaves(span, frame.zone, t);
  return Infinity;
}

export const distinct: Kind<DistinctSlot> = {
  empty, next, codec,
  add: (slot, t, value, span, frame) => add(slot, t, isLong(value) && !slot.times.has(value) ? told(value) : value, span, frame, MAX_ENTRIES),
  join: (slot, other, span, frame) => join(slot, other, span, frame, MAX_ENTRIES),
  value(slot, span, frame): Value {
    if (slot === undefined) return 0;
    expire(slot, span, frame);
    return slot.times.size;
  },
};

/** The last `limit` different values, newest first. */
export const recent: Kind<DistinctSlot> = {
  empty, next, codec, add, join,
  value(slot, span, frame): Value {
    if (slot === undefined) return [];
    expire(slot, span, frame);
    return [...slot.times.keys()].reverse();
  },
};

/** The first instant after now at which `distinct < limit` may become true by time alone; Infinity where it is true. */
export function nextBelow(slot: DistinctSlot, limit: number, span: Span, frame: Frame): number {
  expire(slot, span, frame);
  if (slot.times.size < limit || span.k === "life") return Infinity;
  if (span.k === "months") return next(slot, span, frame);
  let left = slot.times.size;
  for (const t of slot.times.values()) if (--left < limit) return leaves(span, frame.zone, t);
  return Infinity;
}

/** `top(E.x …)`: the most frequent value; of equally frequent ones the one that came most recently. */
export interface TopSlot {
  /** Of the window, sorted, with `values`. */
  times: number[];
  values: Scalar[];
  /** For the lifetime: how often and when last, at most MAX_ENTRIES values; of one instant the later in the stream stand later. */
  totals: Map<Scalar, { n: number; t: number }>;
}

function drop(slot: TopSlot, span: Span, frame: Frame): void {
  dropLeft(slot.times, span, frame, (i) => {
    takeOut(slot.times, i);
    takeOut(slot.values, i);
  });
}

export const top: Kind<TopSlot> = {
  empty: () => ({ times: [], values: [], totals: new Map() }),
  add(slot, t, value, span, frame) {
    if (!isScalar(value)) return false;
    if (span.k === "life") {
      const held = slot.totals.get(value);
      if (held !== undefined) {
        held.n++;
        if (t < held.t) return true;
        held.t = t;
        slot.totals.delete(value);
        slot.totals.set(value, held);
        return true;
      }
      if (slot.totals.size >= MAX_ENTRIES) forgetRarest(slot, frame);
      slot.totals.set(value, { n: 1, t });
      return true;
    }
    drop(slot, span, frame);
    if (leaves(span, frame.zone, t) <= frame.now) return false;
    let at = slot.times.length;
    while (at > 0 && (slot.times[at - 1] as number) > t) at--;
    slot.times.splice(at, 0, t);
    slot.values.splice(at, 0, value);
    if (slot.times.length > MAX_ENTRIES) {
      slot.times.shift();
      slot.values.shift();
      frame.overflows++;
    }
    return true;
  },
  join(slot, other, span, frame, limit) {
    other.times.forEach((t, i) => top.add(slot, t, other.values[i] as Scalar, span, frame, limit));
    for (const [value, { n, t }] of other.totals) {
      const held = slot.totals.get(value);
      if (held === undefined && slot.totals.size >= MAX_ENTRIES) forgetRarest(slot, frame);
      if (held !== undefined && t >= held.t) slot.totals.delete(value);
      slot.totals.set(value, held === undefined ? { n, t } : { n: held.n + n, t: Math.max(held.t, t) });
    }
    // At one instant the later in the list counts as the later: they stand by time again.
    slot.totals = new Map([...slot.totals].sort((a, b) => a[1].t - b[1].t));
  },
  value(slot, span, frame): Value {
    if (slot === undefined) return null;
    let totals = slot.totals;
    if (span.k !== "life") {
      drop(slot, span, frame);
      totals = new Map();
      slot.values.forEach((value, i) => {
        const held = totals.get(value);
        if (held === undefined) totals.set(value, { n: 1, t: i });
        else {
          held.n++;
          held.t = i;
        }
      });
    }
    let best: Scalar | null = null;
    let most = { n: 0, t: -Infinity };
    for (const [value, seen] of totals) {
      if (seen.n > most.n || (seen.n === most.n && seen.t >= most.t)) {
        best = value;
        most = seen;
      }
    }
    return best;
  },
  next(slot, span, frame) {
    drop(slot, span, frame);
    return firstLeave(slot.times, span, frame);
  },
  codec: {
    write(w, slot, base) {
      writeTimes(w, slot.times, base);
      for (const value of slot.values) writeValue(w, value);
      writeTimes(w, [...slot.totals.values()].map((seen) => seen.t), base);
      for (const [value, seen] of slot.totals) {
        writeValue(w, value);
        writeUint(w, seen.n);
      }
    },
    read(r, base) {
      const times = readTimes(r, base);
      const values = times.map(() => readScalar(r));
      const totals = new Map<Scalar, { n: number; t: number }>();
      for (const t of readTimes(r, base)) {
        const value = readScalar(r);
        totals.set(value, { n: readUint(r), t });
      }
      return { times, values, totals };
    },
  },
};

function forgetRarest(slot: TopSlot, frame: Frame): void {
  let rarest: Scalar | undefined;
  let least = { n: Infinity, t: Infinity };
  for (const [value, seen] of slot.totals) {
    if (seen.n < least.n || (seen.n === least.n && seen.t < least.t)) {
      rarest = value;
      least = seen;
    }
  }
  if (rarest !== undefined) slot.totals.delete(rarest);
  frame.overflows++;
}
