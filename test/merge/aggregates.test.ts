/** Two customers' aggregates become one: what one slot would hold that had seen the events of both, and from then on goes on as it would. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { AggregateFn, Value } from "../../dsl/program.js";
import { addKeyed, emptyKeyed, joinKeyed, slotOfKey } from "../../engine/aggregates/keyed.js";
import { MAX_ENTRIES, type Frame, type Span } from "../../engine/aggregates/kind.js";
import { KINDS, kindOf, type Slot } from "../../engine/aggregates/kinds.js";
import { zoneOf } from "../../engine/zone.js";
import { leavesAt, naiveValue, type Entry } from "../engine/naive-aggregates.js";
import { HARD_ZONES, instantsNear } from "../engine/zones.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const WINDOWS: readonly Span[] = [
  { k: "life" }, { k: "sliding", ms: 7 * DAY }, { k: "sliding", ms: 90 * 60_000 }, { k: "months", months: 1 }, { k: "months", months: 13 },
  { k: "period", unit: "day" }, { k: "period", unit: "month" },
];

const NUMBERS = fc.oneof(fc.integer({ min: -5, max: 9 }), fc.integer({ min: -9999, max: 99999 }).map((cents) => cents / 100), fc.constantFrom(0.1, 1e22, -1e22, 1e16));
const SCALARS: fc.Arbitrary<Value> = fc.oneof(fc.constantFrom("a", "b", "c", "🙂", "x".repeat(200)), fc.constantFrom(1, 2.5), fc.boolean());

function valuesOf(fn: AggregateFn): fc.Arbitrary<Value> {
  switch (fn) {
    case "sum": case "avg": case "min": case "max": return NUMBERS;
    case "count": case "any": case "absence": case "gap": return fc.constant(true);
    default: return SCALARS;
  }
}

interface Step { readonly after: number; readonly late: number; readonly value: Value; readonly isOther: boolean }

const stepsOf = (fn: AggregateFn): fc.Arbitrary<Step[]> => fc.array(fc.record({
  after: fc.oneof(fc.constantFrom(0, 1, HOUR, DAY, 7 * DAY, 28 * DAY), fc.integer({ min: 0, max: 2 * DAY })),
  late: fc.oneof(fc.constant(0), fc.constantFrom(1, HOUR, DAY), fc.integer({ min: 0, max: 4 * DAY })),
  value: valuesOf(fn), isOther: fc.boolean(),
}), { maxLength: 16 });

const same = (a: Value, b: Value): boolean => JSON.stringify(a) === JSON.stringify(b) || (a === 0 && b === 0);

describe("aggregates of two customers", () => {
  test.each((Object.keys(KINDS) as AggregateFn[]).flatMap((fn) => WINDOWS.map((span) => [fn, span] as const)))("%s over %o", (fn, span) => {
    const kind = kindOf(fn);
    const situations = fc.constantFrom(...HARD_ZONES).chain((zone) => fc.record({
      zone: fc.constant(zone), start: instantsNear(zone), before: stepsOf(fn), after: stepsOf(fn), limit: fc.constantFrom(1, 3), between: fc.constantFrom(0, HOUR, 9 * DAY),
    }));
    fc.assert(fc.property(situations, ({ zone, start, before, after, limit, between }) => {
      const frame: Frame = { now: start, zone: zoneOf(zone), firstSeen: start - 400 * DAY, overflows: 0 };
      const slots: [Slot, Slot] = [kind.empty(), kind.empty()];
      const entries: [Entry[], Entry[]] = [[], []];
      const add = ({ after: pause, late, value, isOther }: Step, joined: boolean): void => {
        frame.now += pause;
        const place = isOther && !joined ? 1 : 0;
        kind.add(slots[place], frame.now - late, value, span, frame, limit);
        entries[place].push({ t: frame.now - late, value, until: leavesAt(span, zone, frame.now - late) });
      };
      for (const step of before) add(step, false);
      frame.now += between;
      kind.join(slots[0], slots[1], span, frame, limit);
      const all = [...entries[0], ...entries[1]];
      entries[0] = all;
      const expected = (): Value => naiveValue(fn, entries[0], frame.now, leavesAt(span, zone, frame.firstSeen), limit);
      for (const step of [null, ...after]) {
        if (step !== null) add(step, true);
        const is = kind.value(slots[0], span, frame);
        if (!same(is, expected())) throw new Error(`${JSON.stringify(is)}, not ${JSON.stringify(expected())}`);
        const next = kind.next(slots[0], span, frame);
        expect(next).toBeGreaterThan(frame.now);
        if (next === Infinity) continue;
        frame.now = next;
        expect(same(kind.value(slots[0], span, frame), expected())).toBe(true);
      }
    }), { numRuns: 20, seed: 7 });
  });

  test("with more entries than are kept, a count and a sum are off by less than 1 %", () => {
    const span: Span = { k: "sliding", ms: 1000 * DAY };
    for (const fn of ["count", "sum"] as const) {
      const kind = kindOf(fn);
      const frame: Frame = { now: 0, zone: zoneOf("UTC"), firstSeen: 0, overflows: 0 };
      const [one, other] = [kind.empty(), kind.empty()];
      const times: number[] = [];
      for (let i = 0; i < 3000; i++) {
        frame.now += HOUR / 2;
        times.push(frame.now);
        kind.add(i % 3 === 0 ? other : one, frame.now, 2, span, frame, 0);
      }
      kind.join(one, other, span, frame, 0);
      for (frame.now = 1010 * DAY; frame.now < 1062 * DAY; frame.now += 5 * DAY) {
        const exact = times.filter((t) => t + span.ms > frame.now).length * (fn === "sum" ? 2 : 1);
        expect(Math.abs((kind.value(one, span, frame) as number) - exact)).toBeLessThanOrEqual(0.01 * exact);
      }
    }
  });

  test("by value of a field: each value by itself, and of too many the other customer's oldest go", () => {
    const kind = kindOf("count");
    const frame: Frame = { now: 0, zone: zoneOf("UTC"), firstSeen: 0, overflows: 0 };
    const [one, other] = [emptyKeyed(), emptyKeyed()];
    const span: Span = { k: "life" };
    for (const key of ["a", "b", "b", "x".repeat(500)]) addKeyed(kind, one, key, 1, true, span, frame, 0);
    for (const key of ["b", "c", "x".repeat(500)]) addKeyed(kind, other, key, 1, true, span, frame, 0);
    joinKeyed(kind, one, other, span, frame, 0);
    expect(["a", "b", "c", "x".repeat(500)].map((key) => kind.value(slotOfKey(one, key), span, frame))).toEqual([1, 3, 1, 2]);
    const many = emptyKeyed();
    for (let i = 0; i < MAX_ENTRIES; i++) addKeyed(kind, many, `k${i}`, 1, true, span, frame, 0);
    joinKeyed(kind, one, many, span, frame, 0);
    expect(one.keys.length).toBe(256);
    expect(["a", "b", "c", "k3", "k4", "k255"].map((key) => slotOfKey(one, key) !== undefined)).toEqual([true, true, true, false, true, true]);
    expect(frame.overflows).toBe(4);
  });
});
