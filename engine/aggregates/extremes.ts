/**
 * `min(E.x …)` and `max(E.x …)`. Of the entries only those are kept that may still become the answer: an entry is
 * dropped when one that leaves no earlier is at least as good (a monotonic queue). So a slot is short whatever happens.
 */
import type { Value } from "../../dsl/program.js";
import { readUint, readValue, writeUint, writeValue } from "../codec.js";
import { MAX_ENTRIES, dropLeft, firstLeave, leaves, placeOf, readTimes, takeOut, writeTimes, type Frame, type Kind, type Span } from "./kind.js";

export interface ExtremeSlot {
  times: number[];
  values: (number | string)[];
}

type Better = (a: number | string, b: number | string) => boolean;

function expire(slot: ExtremeSlot, span: Span, frame: Frame): void {
  dropLeft(slot.times, span, frame, (i) => {
    takeOut(slot.times, i);
    takeOut(slot.values, i);
  });
}

function extreme(better: Better): Kind<ExtremeSlot> {
  const kind: Kind<ExtremeSlot> = {
    empty: () => ({ times: [], values: [] }),
    add(slot, t, value, span, frame) {
      if (typeof value !== "number" && typeof value !== "string") return false;
      expire(slot, span, frame);
      const until = leaves(span, frame.zone, t);
      if (until <= frame.now) return false;
      if (span.k === "life") {
        const held = slot.values[0];
        if (held !== undefined && !better(value, held)) return false;
        slot.times = [t];
        slot.values = [value];
        return true;
      }
      // Is there one that stays as long and is as good? Then this one can never be the answer.
      for (let i = slot.times.length - 1; i >= 0; i--) {
        if (leaves(span, frame.zone, slot.times[i] as number) >= until && !better(value, slot.values[i] as number | string)) return false;
      }
      for (let i = slot.times.length - 1; i >= 0; i--) {
        if (leaves(span, frame.zone, slot.times[i] as number) <= until && !better(slot.values[i] as number | string, value)) {
          slot.times.splice(i, 1);
          slot.values.splice(i, 1);
        }
      }
      const at = placeOf(slot.times, t);
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
      other.times.forEach((t, i) => kind.add(slot, t, other.values[i] as Value, span, frame, limit));
    },
    value(slot, span, frame): Value {
      if (slot === undefined) return null;
      expire(slot, span, frame);
      let best: number | string | undefined;
      for (const value of slot.values) if (best === undefined || better(value, best)) best = value;
      return best ?? null;
    },
    next(slot, span, frame) {
      expire(slot, span, frame);
      return firstLeave(slot.times, span, frame);
    },
    codec: {
      write(w, slot, base) {
        writeTimes(w, slot.times, base);
        for (const value of slot.values) writeValue(w, value);
      },
      read(r, base) {
        const times = readTimes(r, base);
        return { times, values: times.map(() => readValue(r) as number | string) };
      },
    },
  };
  return kind;
}

export const min = extreme((a, b) => a < b);
export const max = extreme((a, b) => a > b);

export interface EndSlot {
  /**
   * Sorted by time. For the lifetime one entry at most; for `last` only those that may still become the last one, when
   * with months a later entry leaves before them.
   */
  times: number[];
  values: Value[];
}

function end(last: boolean): Kind<EndSlot> {
  const drop = (slot: EndSlot, span: Span, frame: Frame): void => dropLeft(slot.times, span, frame, (i) => {
    takeOut(slot.times, i);
    takeOut(slot.values, i);
  });
  const kind: Kind<EndSlot> = {
    empty: () => ({ times: [], values: [] }),
    add(slot, t, value, span, frame) {
      drop(slot, span, frame);
      if (leaves(span, frame.zone, t) <= frame.now) return false;
      const held = slot.times[0];
      // At one instant the later in the stream is the last one, the earlier the first one.
      if (span.k === "life") {
        if (held !== undefined && (last ? t < held : t >= held)) return false;
        slot.times = [t];
        slot.values = [value];
        return true;
      }
      if (last && !overtakes(slot, t, span, frame)) return false;
      const at = placeOf(slot.times, t);
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
      other.times.forEach((t, i) => kind.add(slot, t, other.values[i] as Value, span, frame, limit));
    },
    value(slot, span, frame): Value {
      if (slot === undefined) return null;
      drop(slot, span, frame);
      return (last ? slot.values.at(-1) : slot.values[0]) ?? null;
    },
    next(slot, span, frame) {
      drop(slot, span, frame);
      return firstLeave(slot.times, span, frame);
    },
    codec: {
      write(w, slot, base) {
        writeTimes(w, slot.times, base);
        for (const value of slot.values) writeValue(w, value);
      },
      read(r, base) {
        const times = readTimes(r, base);
        return { times, values: times.map(() => readValue(r)) };
      },
    },
  };
  return kind;
}

/** Whether an entry at t may ever be the last one; lets go those that cannot be any more because of it. */
function overtakes(slot: EndSlot, t: number, span: Span, frame: Frame): boolean {
  const until = leaves(span, frame.zone, t);
  for (let i = slot.times.length - 1; i >= 0; i--) {
    const other = slot.times[i] as number;
    if (other > t && leaves(span, frame.zone, other) >= until) return false;
    if (other > t || leaves(span, frame.zone, other) > until) continue;
    slot.times.splice(i, 1);
    slot.values.splice(i, 1);
  }
  return true;
}

/** `first(E.x …)`: the value of the earliest event in the window by its own time. */
export const first = end(false);
/** `last(E.x …)`: the value of the latest. */
export const last = end(true);

/** `any(E …)`: whether there is one in the window; `absence`: whether there has been none for so long. */
export interface LatestSlot {
  t: number;
}

const latest = {
  empty: (): LatestSlot => ({ t: -Infinity }),
  codec: {
    write(w: Parameters<Kind<LatestSlot>["codec"]["write"]>[0], slot: LatestSlot, base: number): void {
      writeUint(w, slot.t === -Infinity ? 0 : 1);
      if (slot.t !== -Infinity) writeTimes(w, [slot.t], base);
    },
    read(r: Parameters<Kind<LatestSlot>["codec"]["read"]>[0], base: number): LatestSlot {
      if (readUint(r) === 0) return { t: -Infinity };
      return { t: readTimes(r, base)[0] ?? -Infinity };
    },
  },
};

/** Keeps the one that leaves last: with months that need not be the newest. */
export const any: Kind<LatestSlot> = {
  ...latest,
  add(slot, t, _value, span, frame) {
    if (slot.t !== -Infinity) {
      const until = leaves(span, frame.zone, t);
      const held = leaves(span, frame.zone, slot.t);
      if (until < held || (until === held && t <= slot.t)) return false;
    }
    slot.t = t;
    return true;
  },
  join(slot, other, span, frame, limit) {
    if (other.t !== -Infinity) any.add(slot, other.t, null, span, frame, limit);
  },
  value: (slot, span, frame) => slot !== undefined && slot.t !== -Infinity && leaves(span, frame.zone, slot.t) > frame.now,
  next(slot, span, frame) {
    if (slot.t === -Infinity) return Infinity;
    const at = leaves(span, frame.zone, slot.t);
    return at > frame.now ? at : Infinity;
  },
};

/** Counts from the newest one; where there was none, from when the customer was first seen. */
export const absence: Kind<LatestSlot> = {
  ...latest,
  add(slot, t) {
    if (t <= slot.t) return false;
    slot.t = t;
    return true;
  },
  join(slot, other) {
    slot.t = Math.max(slot.t, other.t);
  },
  value: (slot, span, frame) => frame.now >= absentFrom(slot, span, frame),
  next(slot, span, frame) {
    const at = absentFrom(slot, span, frame);
    return at > frame.now ? at : Infinity;
  },
};

export function absentFrom(slot: LatestSlot | undefined, span: Span, frame: Frame): number {
  const since = slot === undefined || slot.t === -Infinity ? frame.firstSeen : slot.t;
  return leaves(span, frame.zone, since);
}
