/** `sum(E.x …)` and `avg(E.x …)`: the exact sum of the values in the window, rounded once when it is read. */
import type { Value } from "../../dsl/program.js";
import { readNumber, readUint, writeNumber, writeUint, type Reader, type Writer } from "../codec.js";
import { LARGEST_ADDEND, addExactly, rounded, type ExactSum } from "./exact-sum.js";
import { MAX_ENTRIES, dropLeft, firstLeave, interleaved, leaves, placeOf, readTimes, takeOut, writeTimes, type Frame, type Kind, type Span } from "./kind.js";
import { mergeOldest } from "./merge.js";

export interface SumSlot {
  /** Of the window, sorted; empty for the lifetime. */
  times: number[];
  values: number[];
  weights: number[] | null;
  n: number;
  /** How many of the values are negative. */
  negatives: number;
  /** Null: not yet summed since the slot was read from the store. */
  parts: ExactSum | null;
  room: number;
}

function parts(slot: SumSlot): ExactSum {
  if (slot.parts === null) {
    slot.parts = [];
    for (const value of slot.values) addExactly(slot.parts, value);
  }
  return slot.parts;
}

function expire(slot: SumSlot, span: Span, frame: Frame): void {
  if (slot.times.length === 0) return;
  dropLeft(slot.times, span, frame, (i) => {
    takeOut(slot.times, i);
    const value = takeOut(slot.values, i);
    if (value < 0) slot.negatives--;
    if (slot.parts !== null) addExactly(slot.parts, -value);
    slot.n -= slot.weights === null ? 1 : takeOut(slot.weights, i);
  });
  if (slot.times.length > 0) return;
  slot.weights = null;
  slot.room = MAX_ENTRIES;
}

function add(slot: SumSlot, t: number, value: Value, span: Span, frame: Frame): boolean {
  if (typeof value !== "number" || !(Math.abs(value) <= LARGEST_ADDEND)) return false;
  if (span.k === "life") {
    addExactly(parts(slot), value);
    slot.n++;
    return true;
  }
  expire(slot, span, frame);
  if (leaves(span, frame.zone, t) <= frame.now) return false;
  addExactly(parts(slot), value);
  const at = placeOf(slot.times, t);
  if (at === slot.times.length) {
    slot.times.push(t);
    slot.values.push(value);
  } else {
    slot.times.splice(at, 0, t);
    slot.values.splice(at, 0, value);
  }
  slot.weights?.splice(at, 0, 1);
  slot.n++;
  if (value < 0) slot.negatives++;
  makeRoom(slot, frame);
  return true;
}

function makeRoom(slot: SumSlot, frame: Frame): void {
  if (slot.times.length <= slot.room) return;
  const entries = { times: slot.times, values: slot.values, weights: slot.weights };
  mergeOldest(entries);
  slot.times = entries.times;
  slot.values = entries.values;
  slot.weights = entries.weights;
  slot.negatives = negativesIn(slot.values);
  // What was merged was rounded; the sum must be that of the entries as they now stand.
  slot.parts = null;
  slot.room = slot.times.length + MAX_ENTRIES / 4;
  frame.overflows++;
}

function join(slot: SumSlot, other: SumSlot, span: Span, frame: Frame): void {
  if (span.k === "life") {
    for (const part of parts(other)) addExactly(parts(slot), part);
    slot.n += other.n;
    return;
  }
  expire(slot, span, frame);
  expire(other, span, frame);
  const order = interleaved(slot.times, other.times);
  const weights = slot.weights === null && other.weights === null ? null : order.map(({ isOther, at }) => (isOther ? other : slot).weights?.[at] ?? 1);
  const values = order.map(({ isOther, at }) => (isOther ? other : slot).values[at] as number);
  slot.times = order.map(({ isOther, at }) => (isOther ? other : slot).times[at] as number);
  slot.values = values;
  slot.weights = weights;
  slot.negatives += other.negatives;
  slot.n += other.n;
  slot.parts = null;
  slot.room = Math.max(slot.room, other.room);
  makeRoom(slot, frame);
}

const negativesIn = (values: readonly number[]): number => values.reduce((n, value) => (value < 0 ? n + 1 : n), 0);

function next(slot: SumSlot, span: Span, frame: Frame): number {
  expire(slot, span, frame);
  return firstLeave(slot.times, span, frame);
}

const codec = {
  write(w: Writer, slot: SumSlot, base: number): void {
    writeTimes(w, slot.times, base);
    if (slot.times.length > 0) {
      for (const value of slot.values) writeNumber(w, value);
      writeUint(w, slot.weights === null ? 0 : slot.room);
      for (const weight of slot.weights ?? []) writeUint(w, weight);
      return;
    }
    const sum = slot.parts ?? [];
    writeUint(w, slot.n);
    writeUint(w, sum.length);
    for (const part of sum) writeNumber(w, part);
  },
  read(r: Reader, base: number): SumSlot {
    const times = readTimes(r, base);
    if (times.length > 0) {
      const values = times.map(() => readNumber(r));
      const room = readUint(r);
      const weights = room === 0 ? null : times.map(() => readUint(r));
      const n = weights === null ? times.length : weights.reduce((total, weight) => total + weight, 0);
      return { times, values, weights, n, negatives: negativesIn(values), parts: null, room: room === 0 ? MAX_ENTRIES : room };
    }
    const n = readUint(r);
    const sum: ExactSum = [];
    for (let left = readUint(r); left > 0; left--) sum.push(readNumber(r));
    return { times, values: [], weights: null, n, negatives: 0, parts: sum, room: MAX_ENTRIES };
  },
};

const empty = (): SumSlot => ({ times: [], values: [], weights: null, n: 0, negatives: 0, parts: [], room: MAX_ENTRIES });

export const sum: Kind<SumSlot> = {
  empty, add, join, next, codec,
  value(slot, span, frame): Value {
    if (slot === undefined) return 0;
    expire(slot, span, frame);
    return rounded(parts(slot));
  },
};

export const avg: Kind<SumSlot> = {
  empty, add, join, next, codec,
  value(slot, span, frame): Value {
    if (slot === undefined) return null;
    expire(slot, span, frame);
    return slot.n === 0 ? null : rounded(parts(slot)) / slot.n;
  },
};

/**
 * The first instant after now at which `sum < limit` may become true by time alone; Infinity where it is true now and
 * no negative value is in the window, whose leaving could raise the sum again.
 */
export function nextBelow(slot: SumSlot, limit: number, span: Span, frame: Frame): number {
  expire(slot, span, frame);
  if (span.k === "life" || slot.times.length === 0) return Infinity;
  if (slot.negatives > 0) return firstLeave(slot.times, span, frame);
  const total = rounded(parts(slot));
  if (total < limit) return Infinity;
  if (span.k === "months") return firstLeave(slot.times, span, frame);
  // The running difference is rounded more than once: a little margin makes it early, never late.
  const margin = limit + Math.abs(total) * 1e-9;
  return margin <= 0 ? Infinity : leaves(span, frame.zone, slot.times[lastNeeded(slot, total, margin)] as number);
}

/** The place of the entry without which, and without all older ones, the sum is below `limit`; none is negative. From whichever end is nearer. */
function lastNeeded({ values }: SumSlot, total: number, limit: number): number {
  if (limit > total / 2) {
    let i = 0;
    for (let left = total - (values[0] as number); left >= limit && i < values.length - 1; left -= values[i] as number) i++;
    return i;
  }
  let i = values.length - 1;
  for (let newer = values[i] as number; newer < limit && i > 0; newer += values[i] as number) i--;
  return i;
}
