/** `count(E …)`: how many events are in the window. */
import type { Value } from "../../dsl/program.js";
import { readUint, writeUint } from "../codec.js";
import { MAX_ENTRIES, dropLeft, firstLeave, interleaved, leaves, placeOf, readTimes, takeOut, writeTimes, type Frame, type Kind, type Span } from "./kind.js";
import { mergeOldest } from "./merge.js";

export interface CountSlot {
  /** Of the window, sorted; empty for the lifetime. */
  times: number[];
  /** How many events each time stands for; null: one each. */
  weights: number[] | null;
  n: number;
  /** Merge when there are more entries than this; MAX_ENTRIES until the first time. */
  room: number;
}

function expire(slot: CountSlot, span: Span, frame: Frame): void {
  if (slot.times.length === 0) return;
  dropLeft(slot.times, span, frame, (i) => {
    takeOut(slot.times, i);
    slot.n -= slot.weights === null ? 1 : takeOut(slot.weights, i);
  });
  if (slot.times.length > 0) return;
  slot.weights = null;
  slot.room = MAX_ENTRIES;
}

function makeRoom(slot: CountSlot, frame: Frame): void {
  if (slot.times.length <= slot.room) return;
  const entries = { times: slot.times, values: null, weights: slot.weights };
  mergeOldest(entries);
  slot.times = entries.times;
  slot.weights = entries.weights;
  slot.room = slot.times.length + MAX_ENTRIES / 4;
  frame.overflows++;
}

export const count: Kind<CountSlot> = {
  empty: () => ({ times: [], weights: null, n: 0, room: MAX_ENTRIES }),
  add(slot, t, _value, span, frame) {
    if (span.k === "life") {
      slot.n++;
      return true;
    }
    expire(slot, span, frame);
    if (leaves(span, frame.zone, t) <= frame.now) return false;
    const at = placeOf(slot.times, t);
    if (at === slot.times.length) slot.times.push(t);
    else slot.times.splice(at, 0, t);
    slot.weights?.splice(at, 0, 1);
    slot.n++;
    makeRoom(slot, frame);
    return true;
  },
  join(slot, other, span, frame) {
    if (span.k === "life") {
      slot.n += other.n;
      return;
    }
    expire(slot, span, frame);
    expire(other, span, frame);
    const order = interleaved(slot.times, other.times);
    const weightOf = ({ isOther, at }: (typeof order)[number]): number => (isOther ? other : slot).weights?.[at] ?? 1;
    const weights = slot.weights === null && other.weights === null ? null : order.map(weightOf);
    slot.times = order.map(({ isOther, at }) => (isOther ? other : slot).times[at] as number);
    slot.weights = weights;
    slot.n += other.n;
    slot.room = Math.max(slot.room, other.room);
    makeRoom(slot, frame);
  },
  value(slot, span, frame): Value {
    if (slot === undefined) return 0;
    expire(slot, span, frame);
    return slot.n;
  },
  next(slot, span, frame) {
    expire(slot, span, frame);
    return firstLeave(slot.times, span, frame);
  },
  codec: {
    write(w, slot, base) {
      writeUint(w, slot.n);
      writeTimes(w, slot.times, base);
      if (slot.times.length === 0 || slot.weights === null) return writeUint(w, 0);
      // A slot must merge at the same events whether or not it was away in between: replays count the same.
      writeUint(w, slot.room);
      for (const weight of slot.weights) writeUint(w, weight);
    },
    read(r, base) {
      const n = readUint(r);
      const times = readTimes(r, base);
      const room = readUint(r);
      return { times, weights: room === 0 ? null : times.map(() => readUint(r)), n, room: room === 0 ? MAX_ENTRIES : room };
    },
  },
};

/**
 * The first instant after now at which `count < limit` may become true by time alone; Infinity where it is true now or
 * never will be. Counts only fall by time, so nothing else can flip a comparison with a constant.
 */
export function nextBelow(slot: CountSlot, limit: number, span: Span, frame: Frame): number {
  expire(slot, span, frame);
  if (slot.n < limit || limit <= 0 || span.k === "life") return Infinity;
  if (span.k === "months") return firstLeave(slot.times, span, frame);
  return leaves(span, frame.zone, slot.times[lastNeeded(slot, limit)] as number);
}

/** The place of the entry without which, and without all older ones, there are fewer than `limit`. */
function lastNeeded({ times, weights }: CountSlot, limit: number): number {
  if (weights === null) return Math.min(times.length - 1, times.length - Math.ceil(limit));
  let i = times.length - 1;
  // From the newest: limits are mostly small, and windows may hold hundreds.
  for (let newer = weights[i] as number; newer < limit && i > 0; newer += weights[i] as number) i--;
  return i;
}
