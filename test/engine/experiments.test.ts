/** Experiments: how variants are spread, when an exposure is recorded, and what counts as reaching the goal. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Experiment, Length } from "../../dsl/program.js";
import type { Goal } from "../../engine/compile/compiled.js";
import { enterContext, newContext, newCustomer, type Context } from "../../engine/customer.js";
import { expose, goalsUntil, positionOf, reachGoals, variantOf, withdrawExposures, type ExperimentFigures, type ExperimentSink } from "../../engine/experiments.js";
import { fromUnits, unitsOf } from "../../engine/compile/interpret.js";
import { zoneOf } from "../../engine/zone.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const MAY = Date.parse("2026-05-01T12:00Z");
const IDS = 100_000;

const experiment = (name: string, arms: Readonly<Record<string, number>>, within: Length = { ms: 7 * DAY, months: 0 }): Experiment => ({
  name, arms: Object.entries(arms).map(([arm, percent]) => ({ name: arm, percent })), goal: { event: "bought", where: null, within, value: null },
});
const OFFER = experiment("cart_offer", { holdout: 10, reviews: 45, discount: 45 });

function contextOf(id: string, now = MAY): Context {
  const x = newContext();
  enterContext(x, newCustomer(id, zoneOf("Europe/Warsaw")), now);
  return x;
}

/** Adds up what it is told, exactly. */
function ledger(): ExperimentSink & { readonly of: (arm: number) => ExperimentFigures; told: number } {
  const sums = new Map<number, { exposed: number; reached: number; value: bigint }>();
  const at = (arm: number): { exposed: number; reached: number; value: bigint } => sums.get(arm) ?? { exposed: 0, reached: 0, value: 0n };
  return {
    told: 0,
    experiment(_, arm, { exposed, reached, value }) {
      this.told++;
      const before = at(arm);
      sums.set(arm, { exposed: before.exposed + exposed, reached: before.reached + reached, value: before.value + unitsOf(value) });
    },
    of: (arm) => { const { exposed, reached, value } = at(arm); return { exposed, reached, value: fromUnits(value) }; },
  };
}

describe("variants", () => {
  const shapes: readonly ((i: number) => string)[] = [(i) => `c${i}`, (i) => String(i).padStart(8, "0"), (i) => `anna.${i}@example.com`];

  test("are spread as the percentages say", () => {
    const counts = new Map<string, number>();
    const offers = Array.from({ length: 12 }, (_, i) => ({ ...OFFER, name: `experiment_${i}` }));
    const x = contextOf("");
    for (let i = 0; i < IDS; i++) {
      x.customer = newCustomer(shapes[i % 3]?.(i) ?? "", x.zone);
      for (const offer of offers) {
        const variant = variantOf(x, 0, offer);
        counts.set(variant, (counts.get(variant) ?? 0) + 1);
      }
    }
    const share = (name: string): number => ((counts.get(name) ?? 0) * 100) / (IDS * offers.length);
    expect(Math.abs(share("holdout") - 10)).toBeLessThan(0.1);
    expect(Math.abs(share("reviews") - 45)).toBeLessThan(0.1);
    expect(Math.abs(share("discount") - 45)).toBeLessThan(0.1);
  });

  /** Pearson's, of counts that should all be alike. */
  const chiSquare = (counts: readonly number[]): number => {
    const mean = counts.reduce((sum, n) => sum + n, 0) / counts.length;
    return counts.reduce((sum, n) => sum + (n - mean) ** 2 / mean, 0);
  };

  test.each(shapes.map((shape) => [shape(1), shape] as const))("are uniform over ids like %s", (_, shape) => {
    const counts = new Array<number>(200).fill(0);
    for (let i = 0; i < IDS; i++) {
      const at = Math.floor(positionOf("cart_offer", shape(i)) * 200);
      counts[at] = (counts[at] as number) + 1;
    }
    expect(chiSquare(counts)).toBeLessThan(280); // 199 degrees of freedom: one in 7,000 is above
    expect(chiSquare(counts)).toBeGreaterThan(130); // nor too even to be chance
  });

  test.each([["cart_offer", "cart_offes"], ["a", "b"], ["offer", "offer_2"], ["ab", "ba"]])("of %s say nothing about those of %s", (one, other) => {
    const counts = new Array<number>(100).fill(0);
    for (let i = 0; i < IDS; i++) {
      const id = `c${i}`;
      const cell = Math.floor(positionOf(one, id) * 10) * 10 + Math.floor(positionOf(other, id) * 10);
      counts[cell] = (counts[cell] as number) + 1;
    }
    expect(chiSquare(counts)).toBeLessThan(155); // 99 degrees of freedom
  });

  test("are what they have always been", () => {
    expect(["c1", "c2", "c3", "c4", "c5", "c6", "anna@example.com", "ünï"].map((id) => variantOf(contextOf(id), 0, OFFER))).toEqual([
      "reviews", "discount", "reviews", "discount", "discount", "reviews", "reviews", "reviews",
    ]);
    expect(positionOf("cart_offer", "c1")).toBe(0.40739962832987453);
  });

  test("none outside of the arms, whatever the percentages add up to", () => {
    const thirds = experiment("thirds", { a: 33.3, b: 33.3, c: 33.4 });
    const none = experiment("none", { a: 0, b: 100, c: 0 });
    for (let i = 0; i < 2000; i++) {
      expect(["a", "b", "c"]).toContain(variantOf(contextOf(`c${i}`), 0, thirds));
      expect(variantOf(contextOf(`c${i}`), 0, none)).toBe("b");
    }
  });

  test("a test may fix them; who has come to a variant keeps it when the percentages change", () => {
    const x = contextOf("c1");
    x.fixedVariants = new Map([[0, "reviews"]]);
    expect(variantOf(x, 0, OFFER)).toBe("reviews");
    expose({ experiments: [OFFER] }, x, 0, ledger());
    x.fixedVariants = null;
    const later = experiment("cart_offer", { holdout: 100, reviews: 0, discount: 0 });
    expect(variantOf(x, 0, later)).toBe("reviews");
    expect(variantOf(contextOf("c2"), 0, later)).toBe("holdout");
  });
});

describe("exposures", () => {
  const compiled = { experiments: [OFFER, experiment("other", { a: 50, b: 50 })] };

  test("the first time counts, once", () => {
    const x = contextOf("c1");
    const sink = ledger();
    const variant = expose(compiled, x, 1, sink);
    x.now += HOUR;
    expect(expose(compiled, x, 1, sink)).toBe(variant);
    expose(compiled, x, 0, sink);
    const arm = variant === "a" ? 0 : 1;
    expect(x.customer.extras?.exposures.map(({ index, at }) => [index, at])).toEqual([[0, MAY + HOUR], [1, MAY]]);
    expect(sink.told).toBe(2);
    expect(x.customer.extras?.exposures[1]?.arm).toBe(arm);
  });
});

describe("goals", () => {
  const goal = (parts: Partial<Goal>): Goal => ({ experiment: 0, where: null, value: (x) => x.row["total"] ?? null, within: { ms: 7 * DAY, months: 0 }, ...parts });
  const happens = (x: Context, lines: readonly Goal[], sink: ExperimentSink, time: number, total: number | null): void => {
    x.row = { total };
    x.rowTime = time;
    reachGoals(x, { goals: lines }, sink);
  };
  function exposed(): { readonly x: Context; readonly sink: ReturnType<typeof ledger>; readonly arm: number } {
    const x = contextOf("c1");
    const sink = ledger();
    expose({ experiments: [OFFER] }, x, 0, sink);
    return { x, sink, arm: x.customer.extras?.exposures[0]?.arm ?? -1 };
  }

  test("from the exposure on, by the event's own time, and before its time is over; each adds its value, a customer counts once", () => {
    const { x, sink, arm } = exposed();
    for (const [time, total] of [[MAY - 1, 1], [MAY, 10], [MAY + 7 * DAY - 1, 100], [MAY + 7 * DAY, 1000]] as const) happens(x, [goal({})], sink, time, total);
    expect(sink.of(arm)).toEqual({ exposed: 1, reached: 1, value: 110 });
    expect(x.customer.extras?.exposures[0]).toMatchObject({ reached: true, value: 110 });
  });

  test("only what the goal looks for; without a value it is only counted", () => {
    const { x, sink, arm } = exposed();
    happens(x, [goal({ where: () => false })], sink, MAY + 1, 10);
    expect(sink.of(arm)).toEqual({ exposed: 1, reached: 0, value: 0 });
    happens(x, [goal({ value: null })], sink, MAY + 1, 10);
    happens(x, [goal({})], sink, MAY + 2, null);
    expect(sink.of(arm)).toEqual({ exposed: 1, reached: 1, value: 0 });
  });

  test("nobody who has not come to the split, whatever their variant", () => {
    const sink = ledger();
    happens(contextOf("c1"), [goal({})], sink, MAY + 1, 10);
    expect(sink.told).toBe(0);
  });

  test("months are of the calendar where the customer lives", () => {
    expect(goalsUntil({ ms: 0, months: 1 }, zoneOf("Europe/Warsaw"), Date.parse("2026-03-01T12:00Z"))).toBe(Date.parse("2026-04-01T11:00Z"));
  });

  test("what is told adds up to the sum over the customers, exactly, and to nothing when all are forgotten", () => {
    const values = fc.oneof(fc.integer({ min: 1, max: 99999 }).map((cents) => cents / 100), fc.constantFrom(-3.3, 1e16, 0.1, 1e-9, 1e300, -1e300));
    fc.assert(fc.property(fc.array(fc.array(values, { maxLength: 8 }), { minLength: 1, maxLength: 6 }), (customers) => {
      const sink = ledger();
      const contexts = customers.map((_, i) => contextOf(`c${i}`));
      contexts.forEach((x, i) => {
        x.fixedVariants = new Map([[0, "reviews"]]);
        expose({ experiments: [OFFER] }, x, 0, sink);
        for (const value of customers[i] ?? []) happens(x, [goal({})], sink, MAY + 1, value);
      });
      const all = contexts.map((x) => x.customer.extras?.exposures[0]);
      expect(sink.of(1)).toEqual({
        exposed: customers.length, reached: customers.filter((values) => values.length > 0).length,
        value: fromUnits(all.reduce((sum, exposure) => sum + unitsOf(exposure?.value ?? NaN), 0n)),
      });
      for (const x of contexts) withdrawExposures(x.customer.extras?.exposures ?? [], sink);
      expect(sink.of(1)).toEqual({ exposed: 0, reached: 0, value: 0 });
    }), { numRuns: 300, seed: 20260302 });
  });
});
