/** `gap(E …)`: the mean time between consecutive events, a duration; null below two. */
import type { Value } from "../../dsl/program.js";
import { readInt, readUint, writeInt, writeUint } from "../codec.js";
import { MAX_ENTRIES, dropLeft, firstLeave, leaves, placeOf, readTimes, writeTimes, type Frame, type Kind, type Span } from "./kind.js";

export interface GapSlot {
  /** Of the window, sorted; empty for the lifetime, which needs only its ends. */
  times: number[];
  n: number;
  first: number;
  last: number;
}

function expire(slot: GapSlot, span: Span, frame: Frame): void {
  dropLeft(slot.times, span, frame, (i) => slot.times.splice(i, 1));
}

export const gap: Kind<GapSlot> = {
  empty: () => ({ times: [], n: 0, first: 0, last: 0 }),
  add(slot, t, _value, span, frame) {
    if (span.k === "life") {
      slot.first = slot.n === 0 ? t : Math.min(slot.first, t);
      slot.last = slot.n === 0 ? t : Math.max(slot.last, t);
      slot.n++;
      return true;
    }
    expire(slot, span, frame);
    if (leaves(span, frame.zone, t) <= frame.now) return false;
    slot.times.splice(placeOf(slot.times, t), 0, t);
    if (slot.times.length > MAX_ENTRIES) {
      slot.times.shift();
      frame.overflows++;
    }
    return true;
  },
  join(slot, other, span, frame, limit) {
    for (const t of other.times) gap.add(slot, t, null, span, frame, limit);
    if (other.n === 0) return;
    slot.first = slot.n === 0 ? other.first : Math.min(slot.first, other.first);
    slot.last = slot.n === 0 ? other.last : Math.max(slot.last, other.last);
    slot.n += other.n;
  },
  value(slot, span, frame): Value {
    if (slot === undefined) return null;
    expire(slot, span, frame);
    const [n, first, last] = span.k === "life"
      ? [slot.n, slot.first, slot.last]
      : [slot.times.length, slot.times[0] ?? 0, slot.times.at(-1) ?? 0];
    return n < 2 ? null : (last - first) / (n - 1);
  },
  next(slot, span, frame) {
    expire(slot, span, frame);
    return firstLeave(slot.times, span, frame);
  },
  codec: {
    write(w, slot, base) {
      writeTimes(w, slot.times, base);
      writeUint(w, slot.n);
      if (slot.n === 0) return;
      writeInt(w, slot.first - base);
      writeInt(w, slot.last - slot.first);
    },
    read(r, base) {
      const times = readTimes(r, base);
      const n = readUint(r);
      if (n === 0) return { times, n, first: 0, last: 0 };
      const first = base + readInt(r);
      return { times, n, first, last: first + readInt(r) };
    },
  },
};
