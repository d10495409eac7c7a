/** Points against a ledger that keeps every credit with exact numbers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Length, Value } from "../../dsl/program.js";
import { agenda } from "../../engine/agenda.js";
import type { Earn } from "../../engine/compile/compiled.js";
import { fromUnits, unitsOf } from "../../engine/compile/interpret.js";
import { enterContext, newContext, newCustomer, type Context } from "../../engine/customer.js";
import { MAX_LOTS, balance, credit, earnings, expiring, nextBalance, nextExpiring, take, type PointsPlan } from "../../engine/points.js";
import { zoneOf } from "../../engine/zone.js";
import { leavesAt } from "./naive-aggregates.js";
import { HARD_ZONES, instantsNear } from "./zones.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

interface Credited { readonly amount: Value | undefined; readonly time: number }

/** One kind of points, rank 0 of what is settled; credits seen by its aggregates are noted. */
function pointsThat(expire: Length | null, seen: Credited[] = []): PointsPlan {
  return {
    points: [{ name: "stars", expire, runEarned: [], earned: [{ aggregate: 0, apply: (x) => { seen.push({ amount: x.row["amount"], time: x.rowTime }); return true; } }] }],
    rules: [], ranksOfAggregate: [[1]], ranksOfPoints: [[0]],
  };
}

function contextAt(now: number, zone = "UTC"): Context {
  const x = newContext();
  enterContext(x, newCustomer("c", zoneOf(zone)), now);
  return x;
}

const MAY = Date.parse("2026-05-01T12:00Z");
const YEAR: Length = { ms: 0, months: 12 };
const ofDays = (days: number): Length => ({ ms: days * DAY, months: 0 });

const amounts = fc.oneof(
  fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 99999 }).map((cents) => cents / 100), fc.constantFrom(0.1, 0.2, 0.3, 0.7, 1e16, 1, 1e-9, 2 ** 53, 5e-324, 1e299),
);
const lengths: fc.Arbitrary<Length> = fc.oneof(
  fc.constantFrom(DAY, 30 * DAY, 1, HOUR).map((ms) => ({ ms, months: 0 })), fc.constantFrom(1, 2, 12).map((months) => ({ ms: 0, months })),
);
const pauses = fc.oneof(fc.constantFrom(0, 0, 1, HOUR, DAY, 28 * DAY, 30 * DAY, 31 * DAY), fc.integer({ min: 0, max: 60 }).map((hours) => hours * HOUR));
const lateness = fc.oneof(fc.constant(0), fc.constantFrom(HOUR, DAY, 29 * DAY, 31 * DAY, 366 * DAY), fc.integer({ min: 0, max: 4 * DAY }));
const ops = fc.array(fc.oneof(
  { weight: 3, arbitrary: fc.record({ k: fc.constant("credit" as const), pause: pauses, late: lateness, amount: amounts }) },
  { weight: 2, arbitrary: fc.record({ k: fc.constant("take" as const), pause: pauses, amount: fc.oneof(amounts, fc.constantFrom("all" as const, "third" as const, "more" as const)) }) },
), { maxLength: 24 });

interface Lot { readonly time: number; units: bigint; readonly until: number; readonly from: number }

describe("points", () => {
  test("as a ledger that keeps every credit with exact numbers; what changes next is never told late", () => {
    const situations = fc.constantFrom(...HARD_ZONES).chain((zone) => fc.record({
      zone: fc.constant(zone), start: instantsNear(zone), expire: fc.option(lengths, { freq: 6 }), within: lengths, ops,
    }));
    fc.assert(fc.property(situations, ({ zone, start, expire, within, ops }) => {
      const x = contextAt(start, zone);
      const compiled = pointsThat(expire);
      const shift = (at: number, { ms, months }: Length, sign: 1 | -1): number => (months === 0 ? at + sign * ms : leavesAt({ k: "months", months: sign * months }, zone, at));
      const lots: Lot[] = [];
      const there = (now: number): Lot[] => lots.filter(({ until, units }) => now < until && units > 0n);
      const sum = (of: readonly Lot[]): number => fromUnits(of.reduce((total, { units }) => total + units, 0n));
      const expiringAt = (now: number): number => sum(there(now).filter(({ from }) => from <= now));
      for (const op of ops) {
        x.now += op.pause;
        if (op.k === "credit") {
          const time = x.now - op.late;
          const until = expire === null ? Infinity : shift(time, expire, 1);
          credit(compiled, agenda(2), x, 0, op.amount, time);
          lots.push({ time, units: unitsOf(op.amount), until, from: until === Infinity ? Infinity : shift(until, within, -1) });
          lots.sort((a, b) => a.time - b.time);
        } else {
          const has = sum(there(x.now));
          const amount = op.amount === "all" ? has : op.amount === "third" ? has / 3 : op.amount === "more" ? has * 1.01 + 1 : op.amount;
          expect(take(compiled, agenda(2), x, 0, amount)).toBe(amount === 0 || has >= amount);
          if (has >= amount && amount > 0) takeExactly(there(x.now), amount, has);
        }
        expect(balance(x, 0, expire)).toBe(sum(there(x.now)));
        expect(expiring(x, 0, expire, within)).toBe(expiringAt(x.now));
        const instants = lots.flatMap(({ until, from }) => [until, from]).filter((at) => at > x.now && at < Infinity);
        const turns = [...instants.map((at) => at - 1), ...instants].filter((at) => at > x.now);
        isNotLate(nextBalance(x, 0, expire), x.now, turns, (now) => sum(there(now)));
        isNotLate(nextExpiring(x, 0, expire, within), x.now, turns, expiringAt);
      }
    }), { numRuns: 1500, seed: 20260302 });
  });

  function takeExactly(lots: readonly Lot[], amount: number, has: number): void {
    let owed = unitsOf(amount);
    for (const lot of lots) {
      const part = amount === has || lot.units < owed ? lot.units : owed;
      lot.units -= part;
      owed -= part;
    }
  }

  function isNotLate(next: number, now: number, turns: readonly number[], value: (now: number) => number): void {
    expect(next).toBeGreaterThan(now);
    for (const at of turns) if (at < next && value(at) !== value(now)) throw new Error(`it turns at ${at}, before ${next}`);
  }

  test("beyond the bound nobody loses points early, and what there is now is exact", () => {
    const credits = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 * HOUR }), fc.integer({ min: 1, max: 100 })), { minLength: MAX_LOTS - 10, maxLength: 3 * MAX_LOTS });
    fc.assert(fc.property(credits, fc.boolean(), (list, calendar) => {
      const expire = calendar ? { ms: 0, months: 2 } : ofDays(60);
      const x = contextAt(MAY, "Europe/Warsaw");
      const compiled = pointsThat(expire);
      for (const [pause, amount] of list) {
        x.now += pause;
        credit(compiled, agenda(2), x, 0, amount, x.now);
      }
      expect(x.customer.extras?.ledgers[0]?.lots.length).toBeLessThanOrEqual(MAX_LOTS);
      expect(x.overflows).toBe(Math.max(0, new Set(list.reduce<number[]>((times, [pause]) => [...times, (times.at(-1) ?? 0) + pause], [])).size - MAX_LOTS));
      let now = MAY;
      const all = list.map(([pause, amount]) => ({ time: (now += pause), amount }));
      const naive = (at: number): number => all.reduce((total, { time, amount }) => total + (at < (calendar ? leavesAt({ k: "months", months: 2 }, "Europe/Warsaw", time) : time + 60 * DAY) ? amount : 0), 0);
      expect(balance(x, 0, expire)).toBe(naive(x.now));
      for (const part of [0.2, 0.5, 0.8, 1, 1.2]) {
        const later = contextAt(MAY + 55 * DAY + part * 40 * DAY, "Europe/Warsaw");
        later.customer.extras = x.customer.extras;
        expect(balance(later, 0, expire)).toBeGreaterThanOrEqual(naive(later.now));
      }
    }), { numRuns: 12, seed: 20260302 });
  });

  test.each([0, -1, NaN, Infinity, -Infinity, 1e301, null, undefined, "5"])("%s earns nothing", (amount) => {
    const seen: Credited[] = [];
    const x = contextAt(MAY);
    const compiled = pointsThat(YEAR, seen);
    const agendaOf = agenda(2);
    credit(compiled, agendaOf, x, 0, amount, MAY);
    expect([x.customer.extras, seen, agendaOf.ranks]).toEqual([null, [], []]);
  });

  test("a credit is seen by the aggregates over it with its own time, and what looked at the event goes on", () => {
    const seen: Credited[] = [];
    const x = contextAt(MAY);
    x.row = { total: 5 };
    x.rowTime = MAY - 1;
    const waiting = agenda(2);
    credit(pointsThat(YEAR, seen), waiting, x, 0, 40, MAY - DAY);
    expect(seen).toEqual([{ amount: 40, time: MAY - DAY }]);
    expect([x.row, x.rowTime, waiting.ranks]).toEqual([{ total: 5 }, MAY - 1, [0, 1]]);
  });

  test("a late credit that has expired was earned, and is not there", () => {
    const seen: Credited[] = [];
    const x = contextAt(MAY);
    const waiting = agenda(2);
    credit(pointsThat(ofDays(30), seen), waiting, x, 0, 40, MAY - 30 * DAY);
    expect(seen).toEqual([{ amount: 40, time: MAY - 30 * DAY }]);
    expect([balance(x, 0, ofDays(30)), x.customer.extras, waiting.ranks]).toEqual([0, null, [1]]);
  });

  test("at one instant expiry comes first", () => {
    const compiled = pointsThat(ofDays(30));
    const x = contextAt(MAY);
    credit(compiled, agenda(2), x, 0, 40, MAY);
    x.now = MAY + 30 * DAY;
    expect(take(compiled, agenda(2), x, 0, 40)).toBe(false);
    x.now--;
    expect(take(compiled, agenda(2), x, 0, 40)).toBe(true);
  });

  test("what is taken comes out of the oldest, also where a late credit is older", () => {
    const compiled = pointsThat(ofDays(30));
    const x = contextAt(MAY);
    credit(compiled, agenda(2), x, 0, 40, MAY);
    credit(compiled, agenda(2), x, 0, 10, MAY - 20 * DAY);
    expect(take(compiled, agenda(2), x, 0, 15)).toBe(true);
    x.now = MAY + 10 * DAY;
    expect(balance(x, 0, ofDays(30))).toBe(35);
  });

  test("all or nothing; nothing and less than nothing can always be taken, what is missing never", () => {
    const compiled = pointsThat(null);
    const x = contextAt(MAY);
    credit(compiled, agenda(2), x, 0, 40, MAY);
    const taken = [41, Infinity, NaN, null, undefined, 0, -5, 40, 1].map((amount) => take(compiled, agenda(2), x, 0, amount));
    expect(taken).toEqual([false, false, false, false, false, true, true, true, false]);
    expect(x.customer.extras?.ledgers[0]?.lots).toEqual([]);
  });

  test("ten dimes are not nearly a unit", () => {
    const compiled = pointsThat(null);
    const x = contextAt(MAY);
    for (let i = 0; i < 10; i++) credit(compiled, agenda(2), x, 0, 0.1, MAY + i);
    expect(balance(x, 0, null)).toBe(1);
    expect(take(compiled, agenda(2), x, 0, 1)).toBe(true);
    expect(balance(x, 0, null)).toBe(0);
  });

  test("another zone moves what expires by the calendar, and loses nothing", () => {
    const compiled = pointsThat({ ms: 0, months: 1 });
    const x = contextAt(Date.parse("2026-03-27T12:00Z"), "Europe/Warsaw");
    credit(compiled, agenda(2), x, 0, 40, Date.parse("2026-03-01T12:00Z"));
    expect(nextBalance(x, 0, { ms: 0, months: 1 })).toBe(Date.parse("2026-04-01T11:00Z"));
    x.zone = x.customer.zone = zoneOf("UTC");
    expect(nextBalance(x, 0, { ms: 0, months: 1 })).toBe(Date.parse("2026-04-01T12:00Z"));
  });
});

describe("what an event earns", () => {
  const perDay = { count: 1, window: { k: "period" as const, unit: "day" as const } };
  const line = (parts: Partial<Earn>): Earn => ({ points: 0, line: 0, where: null, amount: (x) => x.row["total"] ?? null, cap: null, ...parts });
  const given = (x: Context, lines: readonly Earn[], total: Value): readonly { readonly points: number; readonly amount: number }[] => {
    x.row = { total };
    return earnings(x, { earns: lines });
  };

  test("every line by itself, its cap by the customer's clock", () => {
    const x = contextAt(MAY);
    const lines = [line({ line: 0, where: (at) => at.row["total"] !== 7 }), line({ line: 1, amount: () => 50, cap: perDay }), line({ points: 2, line: 0, amount: () => 1, cap: perDay })];
    expect(given(x, lines, 20)).toEqual([{ points: 0, amount: 20 }, { points: 0, amount: 50 }, { points: 2, amount: 1 }]);
    x.now += HOUR;
    expect(given(x, lines, 7)).toEqual([]);
    expect(given(x, lines, 8)).toEqual([{ points: 0, amount: 8 }]);
    x.now += 11 * HOUR; // midnight
    expect(given(x, lines, 7)).toEqual([{ points: 0, amount: 50 }, { points: 2, amount: 1 }]);
    expect(x.customer.extras?.ledgers).toEqual([
      { index: 0, lots: [], given: [[], [x.now]] }, { index: 2, lots: [], given: [[x.now]] },
    ]);
  });

  test("what gives nothing takes no room", () => {
    const x = contextAt(MAY);
    expect([null, 0, -4, NaN].map((total) => given(x, [line({ cap: perDay })], total))).toEqual([[], [], [], []]);
    expect(given(x, [line({ cap: perDay })], 5)).toEqual([{ points: 0, amount: 5 }]);
    expect(given(x, [line({ cap: perDay })], 5)).toEqual([]);
  });
});
