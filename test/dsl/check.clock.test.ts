// Solving comparisons for now keeps their truth, at every instant and with missing values: against plain evaluation.

import fc from "fast-check";
import { expect, test } from "vitest";
import { settle } from "../../dsl/check/clock.js";
import { computed } from "../../dsl/check/operators.js";
import * as tree from "../../dsl/check/trees.js";
import { DURATION, TIME } from "../../dsl/check/types.js";
import type { CompareOp, Expr } from "../../dsl/program.js";

// A trait of the index i stands for the i-th of the values given.
const instant = (index: number): Expr => tree.node({ k: "trait", index }, TIME, true);
const length = (index: number): Expr => tree.node({ k: "trait", index }, DURATION, true);

type Values = readonly (number | null)[];

/** Numbers and truths as the language means them: null spoils arithmetic, and every comparison but `!=`. */
function evaluate(of: Expr, now: number, values: Values): number | boolean | null {
  const number = (part: Expr): number | null => evaluate(part, now, values) as number | null;
  switch (of.k) {
    case "const": return of.value as number | boolean | null;
    case "now": return now;
    case "trait": return values[of.index] ?? null;
    case "negate": {
      const value = number(of.of);
      return value === null ? null : -value;
    }
    case "arithmetic": {
      const [a, b] = [number(of.left), number(of.right)];
      if (a === null || b === null) return null;
      return of.op === "+" ? a + b : of.op === "-" ? a - b : of.op === "*" ? a * b : a / b;
    }
    case "and": return of.of.every((part) => evaluate(part, now, values) === true);
    case "or": return of.of.some((part) => evaluate(part, now, values) === true);
    case "compare": {
      const asked = [of.left, of.right].some(({ type }) => type.k === "null");
      return asked ? (number(of.left) === number(of.right)) === (of.op === "==") : holds(of.op, number(of.left), number(of.right));
    }
    default: throw new Error(`not made here: ${of.k}`);
  }
}

function holds(op: CompareOp, a: number | null, b: number | null): boolean {
  if (op === "!=") return !holds("==", a, b);
  if (a === null || b === null) return false;
  if (op === "==") return a === b;
  return op === "<" ? a < b : op === "<=" ? a <= b : op === ">" ? a > b : a >= b;
}

const small = fc.integer({ min: -8, max: 8 });
const durations = fc.oneof(small.map(tree.duration), fc.integer({ min: 0, max: 2 }).map(length));
const instants = fc.integer({ min: 3, max: 5 }).map(instant);
// Powers of two, so that nothing is rounded.
const factors = fc.constantFrom(-2, -0.5, 0.5, 2).map(tree.number);

const made = (op: "+" | "-" | "*" | "/", a: Expr, b: Expr): Expr => {
  const node = computed(op, a, b);
  if (node === null) throw new Error("the types do not fit");
  return node;
};

/** Instants and durations in which now stands once. */
const { moment, since } = fc.letrec<{ moment: Expr; since: Expr }>((tie) => ({
  moment: fc.oneof(
    { depthSize: "small" },
    fc.constant(tree.now),
    fc.tuple(tie("moment"), durations).map(([t, d]) => made("+", t, d)),
    fc.tuple(durations, tie("moment")).map(([d, t]) => made("+", d, t)),
    fc.tuple(tie("moment"), durations).map(([t, d]) => made("-", t, d)),
    fc.tuple(instants, tie("since")).map(([t, d]) => made("-", t, d)),
  ),
  since: fc.oneof(
    { depthSize: "small" },
    fc.tuple(tie("moment"), instants).map(([t, u]) => made("-", t, u)),
    fc.tuple(instants, tie("moment")).map(([t, u]) => made("-", t, u)),
    fc.tuple(tie("since"), durations).map(([d, e]) => made("-", d, e)),
    fc.tuple(durations, tie("since")).map(([d, e]) => made("-", d, e)),
    fc.tuple(tie("since"), factors).map(([d, f]) => made("*", d, f)),
    fc.tuple(factors, tie("since")).map(([f, d]) => made("*", f, d)),
    fc.tuple(tie("since"), factors).map(([d, f]) => made("/", d, f)),
    tie("since").map((d) => tree.node({ k: "negate", of: d }, DURATION, d.maybe)),
  ),
}));

const ops = fc.constantFrom<CompareOp>("==", "!=", "<", "<=", ">", ">=");
const sides = fc.oneof(fc.tuple(moment, instants), fc.tuple(since, durations), fc.tuple(fc.oneof(moment, since), fc.constant(tree.missing)));
const comparisons = fc.tuple(sides, ops, fc.boolean())
  .filter(([[, other], op]) => other.type.k !== "null" || op === "==" || op === "!=")
  .map(([[a, b], op, turned]) => (turned ? tree.compare(op, b, a) : tree.compare(op, a, b)));
const values = fc.array(fc.oneof(small, fc.constant(null)), { minLength: 6, maxLength: 6 });

test("a solved comparison is as true as it was", () => {
  fc.assert(fc.property(comparisons, values, small, (comparison, given, now) => {
    const { value, continuous } = settle(comparison, () => expect.fail("this can be solved"));
    expect(continuous).toBe(false);
    expect(evaluate(value, now, given)).toBe(evaluate(comparison, now, given));
  }), { numRuns: 3_000, seed: 7 });
});

test("now stands alone on one side, or nowhere", () => {
  const standsAlone = (of: Expr): boolean => {
    if (of.k !== "compare") return tree.children(of).every(standsAlone);
    const free = (side: Expr): boolean => [...tree.nodes(side)].every(({ k }) => k !== "now");
    return (of.left.k === "now" || free(of.left)) && (of.right.k === "now" || free(of.right)) && !(of.left.k === "now" && of.right.k === "now");
  };
  fc.assert(fc.property(comparisons, (comparison) => standsAlone(settle(comparison, () => undefined).value)), { numRuns: 1_000, seed: 7 });
});
