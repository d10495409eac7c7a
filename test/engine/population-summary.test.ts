/** Percentiles from summaries: close to the naive ones for any multiset, split over partitions in any way. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { POINTS, percentileIn, sameTable, summarise, tableOf, type Counts } from "../../engine/population/summary.js";

const countsOf = (values: readonly number[]): Counts => {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts];
};

const naive = (values: readonly number[], x: number): number => (100 * values.filter((value) => value < x).length) / values.length;

/** A number of a seeded walk; all the values of one test come from a few numbers, or fast-check would take minutes. */
function walk(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const SHAPES: readonly ((random: number, i: number) => number)[] = [
  (random) => random,
  (random) => Math.floor(random * 20),
  (random) => Math.floor(random ** 6 * 1000),
  (random) => -1.77e12 - Math.floor(random * 5000),
  (random, i) => (i % 3 === 0 ? 0 : random * 1e9),
  (_, i) => i,
  (random) => (random < 0.9 ? 42 : random * 100),
  (random) => 1 / (1e-9 + random),
];

const multisets = fc.record({
  size: fc.integer({ min: 1, max: 6000 }), shape: fc.nat(SHAPES.length - 1), seed: fc.integer(), partitions: fc.integer({ min: 1, max: 9 }),
  skew: fc.boolean(),
}).map(({ size, shape, seed, partitions, skew }) => {
  const random = walk(seed);
  const parts: number[][] = Array.from({ length: partitions }, () => []);
  const values = Array.from({ length: size }, (_, i) => (SHAPES[shape] as (r: number, i: number) => number)(random(), i));
  // Skewed: a partition's customers are alike.
  if (skew) values.sort((a, b) => a - b);
  values.forEach((value, i) => (parts[skew ? Math.floor((i * partitions) / size) : Math.floor(random() * partitions)] as number[]).push(value));
  return { values, parts };
});

describe("percentiles", () => {
  test("within a quarter of a percent of the naive ones, for values inside and outside of the population", () => {
    fc.assert(fc.property(multisets, ({ values, parts }) => {
      const table = tableOf(parts.map((part) => summarise(countsOf(part))));
      expect(table.n).toBe(values.length);
      const random = walk(values.length);
      for (let i = 0; i < 50; i++) {
        const member = values[Math.floor(random() * values.length)] as number;
        for (const x of [member, member + 0.5, member - 1e-9]) {
          expect(Math.abs((percentileIn(table, x) as number) - naive(values, x))).toBeLessThanOrEqual(100 / (2 * POINTS) + 1e-9);
        }
      }
    }), { numRuns: 60 });
  });

  test("exact where a partition has few different values", () => {
    fc.assert(fc.property(fc.array(fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 200 }), { minLength: 1, maxLength: 5 }), (parts) => {
      const values = parts.flat();
      fc.pre(values.length > 0);
      const table = tableOf(parts.map((part) => summarise(countsOf(part))));
      for (let x = -1; x <= 41; x += 0.5) expect(percentileIn(table, x)).toBe(naive(values, x));
    }));
  });

  test("a summary stays small, its ends are exact", () => {
    const summary = summarise(countsOf(Array.from({ length: 100_000 }, (_, i) => i)));
    expect(summary.values.length).toBeLessThanOrEqual(POINTS + 2);
    expect([summary.values[0], summary.values.at(-1)]).toEqual([0, 99_999]);
    const table = tableOf([summary]);
    expect([percentileIn(table, -1), percentileIn(table, 0), percentileIn(table, 1e9)]).toEqual([0, 0, 100]);
  });

  test("of nobody: null, whatever is asked", () => {
    expect(percentileIn(tableOf([]), 1)).toBeNull();
    expect(percentileIn(tableOf([summarise([]), summarise([[3, 0], [4, -1]])]), 1)).toBeNull();
  });

  test("the order in which summaries come does not matter", () => {
    const parts = [[1, 2, 2, 9], [2, 3], []].map((part) => summarise(countsOf(part)));
    expect(sameTable(tableOf(parts), tableOf(parts.toReversed()))).toBe(true);
    expect(sameTable(tableOf(parts), tableOf(parts.slice(1)))).toBe(false);
  });
});
