/** Every aggregate over every window against the naive model, with late events, reads at any time, and bytes between. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import type { AggregateFn, Value } from "../../dsl/program.js";
import * as counts from "../../engine/aggregates/count.js";
import * as distincts from "../../engine/aggregates/distinct.js";
import { LARGEST_ADDEND, addExactly, rounded, type ExactSum } from "../../engine/aggregates/exact-sum.js";
import { MAX_ENTRIES, type Frame, type Kind, type Span } from "../../engine/aggregates/kind.js";
import { KINDS, kindOf, type Slot } from "../../engine/aggregates/kinds.js";
import * as sums from "../../engine/aggregates/sum.js";
import { StateCorrupt, reader, writer } from "../../engine/codec.js";
import { fromUnits, unitsOf } from "../../engine/compile/interpret.js";
import { zoneOf } from "../../engine/zone.js";
import { leavesAt, naiveValue, type Entry } from "./naive-aggregates.js";
import { HARD_ZONES, instantsNear } from "./zones.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const FUNCTIONS = Object.keys(KINDS) as AggregateFn[];

const WINDOWS: readonly Span[] = [
  { k: "life" }, { k: "sliding", ms: 7 * DAY }, { k: "sliding", ms: 90 * 60_000 }, { k: "sliding", ms: 1 },
  { k: "months", months: 1 }, { k: "months", months: 13 },
  { k: "period", unit: "day" }, { k: "period", unit: "week" }, { k: "period", unit: "month" }, { k: "period", unit: "year" },
];

const NUMBERS: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -5, max: 9 }), fc.integer({ min: -9999, max: 99999 }).map((cents) => cents / 100),
  fc.constantFrom(0, -0, 0.1, 1e-300, 5e-324, 1e22, -1e22, 1e299, -1e299, 2 ** 53, 2 ** 53 + 2, 1e16, 1),
);
const SCALARS: fc.Arbitrary<Value> = fc.oneof(fc.constantFrom("a", "b", "c", "ä", "🙂", "constructor", "__proto__", ""), fc.constantFrom(1, 2, -0, 2.5), fc.boolean());
const ANYTHING: fc.Arbitrary<Value> = fc.oneof(SCALARS, fc.constantFrom<Value>([1, 2], { a: 1, b: [null] }, []));

function valuesOf(fn: AggregateFn): fc.Arbitrary<Value> {
  switch (fn) {
    case "sum": case "avg": case "min": case "max": return NUMBERS;
    case "count": case "any": case "absence": case "gap": return fc.constant(true);
    case "first": case "last": return ANYTHING;
    default: return SCALARS;
  }
}

type Op =
  | { readonly k: "add"; readonly after: number; readonly late: number; readonly value: Value }
  | { readonly k: "read"; readonly after: number }
  | { readonly k: "bytes" };

const pauses = fc.oneof(
  fc.constantFrom(0, 0, 1, HOUR, DAY, 7 * DAY, 7 * DAY - 1, 28 * DAY, 31 * DAY), fc.integer({ min: 0, max: 60 }).map((hours) => hours * HOUR), fc.integer({ min: 0, max: 2 * DAY }),
);
const lateness = fc.oneof(fc.constant(0), fc.constant(0), fc.constantFrom(1, HOUR, DAY, 2 * DAY, -300_000), fc.integer({ min: 0, max: 4 * DAY }));

function opsOf(fn: AggregateFn): fc.Arbitrary<Op[]> {
  return fc.array(fc.oneof(
    { weight: 5, arbitrary: fc.record({ k: fc.constant("add" as const), after: pauses, late: lateness, value: valuesOf(fn) }) },
    { weight: 2, arbitrary: fc.record({ k: fc.constant("read" as const), after: pauses }) },
    { weight: 1, arbitrary: fc.constant({ k: "bytes" as const }) },
  ), { maxLength: 24 });
}

function again<S extends Slot>(kind: Kind<S>, slot: S, base: number): S {
  const w = writer(8);
  kind.codec.write(w, slot, base);
  const r = reader(Buffer.from(w.bytes.subarray(0, w.at)));
  const read = kind.codec.read(r, base);
  expect(r.at).toBe(r.end);
  return read;
}

const same = (a: Value, b: Value): boolean => JSON.stringify(a) === JSON.stringify(b) || (a === 0 && b === 0);

function run(fn: AggregateFn, window: Span, zone: string, start: number, ops: readonly Op[], limit: number): void {
  const kind = kindOf(fn);
  const frame: Frame = { now: start, zone: zoneOf(zone), firstSeen: start, overflows: 0 };
  const entries: Entry[] = [];
  let slot: Slot | undefined;
  const wanted = (now: number): Value => naiveValue(fn, entries, now, leavesAt(window, zone, frame.firstSeen), limit);
  for (const op of ops) {
    if (op.k === "bytes") {
      if (slot !== undefined) slot = again(kind, slot, frame.firstSeen);
      continue;
    }
    frame.now += op.after;
    if (op.k === "add") {
      const t = frame.now - op.late;
      frame.firstSeen = Math.min(frame.firstSeen, t);
      slot ??= kind.empty();
      const before = wanted(frame.now);
      entries.push({ t, value: op.value, until: leavesAt(window, zone, t) });
      const changed = kind.add(slot, t, op.value, window, frame, limit);
      if (!changed && !same(before, wanted(frame.now))) throw new Error(`an event at ${t} changed ${JSON.stringify(before)} to ${JSON.stringify(wanted(frame.now))}, and nobody was told`);
    }
    const got = kind.value(slot, window, frame);
    if (!same(got, wanted(frame.now))) throw new Error(`at ${frame.now} it is ${JSON.stringify(got)}, not ${JSON.stringify(wanted(frame.now))}`);
    if (slot === undefined) continue;
    const next = kind.next(slot, window, frame);
    soon(fn, next, frame.now, leavings(entries, window, zone, frame), (now) => JSON.stringify(wanted(now)));
    const below = { count: counts.nextBelow, sum: sums.nextBelow, distinct: distincts.nextBelow }[fn as "count"];
    if (below === undefined) continue;
    for (const bound of [0, 1, 2, (got as number) * 0.3, (got as number) * 0.45, Math.round((got as number) * 0.8), Math.round(got as number), got as number]) {
      soon(`${fn} < ${bound}`, below(slot as never, bound, window, frame), frame.now, leavings(entries, window, zone, frame), (now) => String((wanted(now) as number) < bound));
    }
  }
}

/** Instants at which something leaves, and just before. */
function leavings(entries: readonly Entry[], window: Span, zone: string, frame: Frame): number[] {
  const instants = [...entries.map(({ until }) => until), leavesAt(window, zone, frame.firstSeen)].filter((at) => at > frame.now && at < Infinity);
  return [...instants.map((at) => at - 1), ...instants].filter((at) => at > frame.now);
}

/** `next` is later than now, and nothing turns before it. */
function soon(what: string, next: number, now: number, instants: readonly number[], answer: (now: number) => string): void {
  if (!(next > now)) throw new Error(`${what}: next is ${next}, which is not after ${now}`);
  const present = answer(now);
  for (const at of instants) if (at < next && answer(at) !== present) throw new Error(`${what}: it turns at ${at}, before ${next}`);
}

vi.setConfig({ testTimeout: 90_000 }); // much of a processor, little of the clock where it is free

describe("aggregates", () => {
  for (const fn of FUNCTIONS) {
    test(`${fn} is what it is defined to be, and knows when it may change`, () => {
      const cases = fc.constantFrom(...HARD_ZONES).chain((zone) => fc.tuple(fc.constant(zone), instantsNear(zone), fc.constantFrom(...WINDOWS), opsOf(fn), fc.integer({ min: 1, max: 4 })));
      fc.assert(fc.property(cases, ([zone, start, window, ops, limit]) => run(fn, window, zone, start, ops, limit)), { numRuns: 120, seed: 20260302 });
    });
  }

  test("at the ends of months, where later entries leave earlier", () => {
    const start = Date.UTC(2025, 0, 28);
    // Hour by hour through the day on which those of four days leave.
    const throughLeaving = (ops: readonly Op[]): Op[] => {
      const now = ops.reduce((at, op) => at + (op.k === "bytes" ? 0 : op.after), start);
      const wait = Date.UTC(2025, 1, 27, 20) - now;
      return wait < 0 ? [] : [{ k: "read", after: wait }, ...Array.from({ length: 34 }, (): Op => ({ k: "read", after: HOUR }))];
    };
    const ops = (fn: AggregateFn): fc.Arbitrary<Op[]> => fc.array(fc.oneof(
      fc.record({ k: fc.constant("add" as const), after: fc.integer({ min: 0, max: 20 }).map((hours) => hours * HOUR), late: fc.constantFrom(0, 0, HOUR, DAY), value: valuesOf(fn) }),
      fc.record({ k: fc.constant("read" as const), after: fc.constantFrom(HOUR, 5 * HOUR) }), fc.constant({ k: "bytes" as const }),
    ), { maxLength: 14 }).map((list) => [...list, ...throughLeaving(list)]);
    fc.assert(fc.property(fc.constantFrom(...FUNCTIONS).chain((fn) => fc.tuple(fc.constant(fn), ops(fn))), fc.integer({ min: 1, max: 3 }), ([fn, list], limit) =>
      run(fn, { k: "months", months: 1 }, "UTC", start, list, limit)), { numRuns: 400, seed: 5 });
  });
});

// ---------------------------------------------------------------------------------------------------- sums

describe("sums", () => {
  const addends = fc.array(fc.oneof(NUMBERS, fc.double({ noNaN: true, min: -LARGEST_ADDEND, max: LARGEST_ADDEND })), { maxLength: 60 });

  test("are the exact sum, rounded once, whatever was added and taken away", () => {
    fc.assert(fc.property(addends, fc.array(fc.nat()), (values, taken) => {
      const parts: ExactSum = [];
      let exact = 0n;
      for (const value of values) {
        addExactly(parts, value);
        exact += unitsOf(value);
      }
      for (const i of taken) {
        const value = values[i % Math.max(1, values.length)];
        if (value === undefined) continue;
        addExactly(parts, -value);
        exact -= unitsOf(value);
      }
      expect(rounded(parts) + 0).toBe(fromUnits(exact) + 0);
    }), { numRuns: 2000, seed: 3 });
  });

  test("do not drift", () => {
    const parts: ExactSum = [];
    for (let i = 0; i < 100_000; i++) addExactly(parts, 0.1);
    expect(rounded(parts)).toBe(10_000); // adding them one by one gives 10000.000000018848
    for (let i = 0; i < 100_000; i++) addExactly(parts, -0.1);
    expect(parts).toEqual([]);
  });

  test("what is too large to be added is passed over, like a missing value", () => {
    const frame: Frame = { now: 10, zone: zoneOf("UTC"), firstSeen: 0, overflows: 0 };
    const slot = sums.sum.empty();
    for (const value of [1, 1e301, -Infinity, NaN, 2]) sums.sum.add(slot, 5, value, { k: "life" }, frame, 0);
    expect(sums.sum.value(slot, { k: "life" }, frame)).toBe(3);
    expect(sums.avg.value(slot, { k: "life" }, frame)).toBe(1.5);
  });
});

// ---------------------------------------------------------------------------------------------------- many entries

describe("more than 256 entries", () => {
  const START = Date.UTC(2025, 4, 1);
  const SPAN: Span = { k: "sliding", ms: 30 * DAY };

  /** As busy as `perDay` says, for 100 days; asks every so often. */
  function busy(fn: AggregateFn, values: (i: number) => Value, perDay: number, roundTrips: boolean, ask: (got: Value, entries: readonly Entry[], now: number) => void): Frame {
    const kind = kindOf(fn);
    const frame: Frame = { now: START, zone: zoneOf("UTC"), firstSeen: START, overflows: 0 };
    const entries: Entry[] = [];
    let slot: Slot = kind.empty();
    const total = perDay * 100;
    let turn = 12345;
    for (let i = 0; i < total; i++) {
      turn = (Math.imul(turn, 1103515245) + 12345) >>> 0;
      frame.now = START + Math.floor((i * DAY) / perDay);
      const t = frame.now - (turn % 16 === 0 ? turn % DAY : 0);
      frame.firstSeen = Math.min(frame.firstSeen, t);
      entries.push({ t, value: values(i), until: t + 30 * DAY });
      kind.add(slot, t, values(i), SPAN, frame, 300);
      if (roundTrips && i % 37 === 0) slot = again(kind, slot, frame.firstSeen);
      if (i % Math.ceil(total / 60) === 0) ask(kind.value(slot, SPAN, frame), entries.filter((entry) => entry.t > frame.now - 31 * DAY), frame.now);
    }
    // Long after the last event the rest leaves one by one.
    for (let days = 1; days <= 31; days++) {
      frame.now += DAY;
      ask(kind.value(slot, SPAN, frame), entries.filter((entry) => entry.t > frame.now - 31 * DAY), frame.now);
    }
    expect(kind.value(slot, SPAN, frame)).toEqual(kind.value(undefined, SPAN, frame));
    return frame;
  }

  const price = (i: number): number => ((i * 7919) % 10_000) / 100;
  for (const [fn, values] of [["count", (): Value => true], ["sum", price], ["avg", price]] as const) {
    for (const perDay of [3, 9, 60]) {
      test(`${fn} is off by less than 1 % with ${perDay * 30} in the window`, () => {
        let worst = 0;
        const frame = busy(fn, values, perDay, false, (got, entries, now) => {
          const wanted = naiveValue(fn, entries, now, START, 0) as number;
          worst = Math.max(worst, wanted === 0 || wanted === null ? Math.abs((got as number) ?? 0) : Math.abs((got as number) - wanted) / wanted);
        });
        expect(worst).toBeLessThan(0.01);
        if (perDay === 3) expect({ worst, overflows: frame.overflows }).toEqual({ worst: 0, overflows: 0 });
        else expect(frame.overflows).toBeGreaterThan(0);
      });
    }
  }

  test("a slot counts the same whether or not it was written and read in between", () => {
    for (const fn of FUNCTIONS) {
      const values = (i: number): Value => (["count", "any", "absence", "gap"].includes(fn) ? true : price(i));
      const asked: Value[][] = [false, true].map((roundTrips) => {
        const got: Value[] = [];
        busy(fn, values, 30, roundTrips, (value) => got.push(value));
        return got;
      });
      expect(asked[1]).toEqual(asked[0]);
    }
  });

  test("the others know the newest 256", () => {
    const newest = (entries: readonly Entry[], now: number): Entry[] => entries.filter(({ t }) => now < t + 30 * DAY).sort((a, b) => a.t - b.t).slice(-MAX_ENTRIES);
    for (const fn of ["min", "max", "first", "top", "gap"] as const) {
      const values = (i: number): Value => (fn === "gap" ? true : fn === "min" ? i : fn === "max" ? -i : fn === "top" ? i % 7 : i);
      const frame = busy(fn, values, 20, true, (got, entries, now) => {
        const wanted = naiveValue(fn, newest(entries, now), now, START, 0);
        if (fn === "gap" && typeof wanted === "number") expect(got as number).toBeCloseTo(wanted, 3);
        else if (fn === "min" || fn === "max") expect(got === null ? null : (got as number) * (fn === "min" ? 1 : -1)).toSatisfy((value: number | null) => wanted === null ? value === null : value !== null && value <= (wanted as number) * (fn === "min" ? 1 : -1));
        else expect(got).toEqual(wanted);
      });
      expect(frame.overflows).toBeGreaterThan(0);
    }
    const frame = busy("distinct", (i) => i, 20, true, (got, entries, now) => expect(got).toBe(newest(entries, now).length));
    expect(frame.overflows).toBeGreaterThan(0);
  });

  test("a lifetime's top forgets the rarest values first", () => {
    const frame: Frame = { now: START, zone: zoneOf("UTC"), firstSeen: START, overflows: 0 };
    let slot = distincts.top.empty();
    for (let i = 0; i < 2000; i++) {
      frame.now++;
      distincts.top.add(slot, frame.now, i % 3 === 0 ? "often" : i, { k: "life" }, frame, 0);
      if (i % 100 === 0) slot = again(distincts.top, slot, START);
    }
    expect(distincts.top.value(slot, { k: "life" }, frame)).toBe("often");
    expect(slot.totals.size).toBeLessThanOrEqual(MAX_ENTRIES);
    expect(frame.overflows).toBeGreaterThan(1000);
  });

  test("when a count or a sum of them falls below a bound is known to the instant", () => {
    const window: Span = { k: "sliding", ms: 365 * DAY };
    for (const [fn, nextBelow] of [["count", counts.nextBelow], ["sum", sums.nextBelow]] as const) {
      const kind = kindOf(fn);
      const frame: Frame = { now: START, zone: zoneOf("UTC"), firstSeen: START, overflows: 0 };
      const slot = kind.empty();
      for (let i = 0; i < 2000; i++) {
        frame.now += HOUR;
        kind.add(slot, frame.now, fn === "sum" ? 1 + (i % 5) : true, window, frame, MAX_ENTRIES);
      }
      expect(frame.overflows).toBeGreaterThan(0);
      for (const share of [0.9, 0.6, 0.4, 0.2, 0.05]) {
        // Between two sums: where one is just the bound, the margin for rounding makes it an entry early.
        const bound = Math.floor((kind.value(slot, window, frame) as number) * share) + 0.5;
        const at = nextBelow(slot as never, bound, window, frame);
        const later = again(kind, slot, START);
        expect({ fn, share, just: (kind.value(later, window, { ...frame, now: at - 1 }) as number) >= bound, then: (kind.value(later, window, { ...frame, now: at }) as number) < bound })
          .toEqual({ fn, share, just: true, then: true });
      }
    }
  });

  test("memory is bounded whatever comes", () => {
    for (const fn of FUNCTIONS) {
      const kind = kindOf(fn);
      const frame: Frame = { now: START, zone: zoneOf("UTC"), firstSeen: START, overflows: 0 };
      const slot = kind.empty();
      for (let i = 0; i < 12_000; i++) {
        frame.now += 100;
        // Each twice the one before: nothing may be merged within 1 %.
        const value: Value = ["count", "any", "absence", "gap"].includes(fn) ? true : fn === "min" ? -(2 ** (i % 900)) : 2 ** (i % 900);
        kind.add(slot, frame.now, value, { k: "months", months: 1 }, frame, 50);
      }
      const w = writer(8);
      kind.codec.write(w, slot, START);
      expect({ fn, bytes: w.at }).toSatisfy(({ bytes }: { bytes: number }) => bytes < 40_000);
    }
  });
});

test("bytes that are none of a slot's are refused as such", () => {
  fc.assert(fc.property(fc.constantFrom(...FUNCTIONS), fc.uint8Array({ maxLength: 40 }), (fn, bytes) => {
    try {
      kindOf(fn).codec.read(reader(bytes), 0);
    } catch (error) {
      if (!(error instanceof StateCorrupt)) throw error;
    }
  }), { numRuns: 3000, seed: 9 });
});
