// What is known of a condition without knowing anything: for lints only, never for the program.

import type { Expr, Value } from "../program.js";

/** Whether the aggregate of this index is a number of things. */
export type Counts = (aggregate: number) => boolean;

/** The truth of a condition that does not depend on anything, else null. */
export function knownTruth(of: Expr, counts: Counts): boolean | null {
  switch (of.k) {
    case "const": return of.value === true;
    case "not": {
      const known = knownTruth(of.of, counts);
      return known === null ? null : !known;
    }
    case "and": return several(of.of, false, counts);
    case "or": return several(of.of, true, counts);
    case "compare": return knownComparison(of, counts);
    default: return null;
  }
}

/** One that `decides` settles it, whatever the others are. */
function several(of: readonly Expr[], decides: boolean, counts: Counts): boolean | null {
  const known = of.map((part) => knownTruth(part, counts));
  if (known.includes(decides)) return decides;
  return known.includes(null) ? null : !decides;
}

function knownComparison({ op, left, right }: Extract<Expr, { k: "compare" }>, counts: Counts): boolean | null {
  const [a, b] = [knownValue(left), knownValue(right)];
  if (a !== undefined && b !== undefined) return holds(op, a, b);
  // A number of things is never below 0.
  if (isNumberOfThings(left, counts) && typeof b === "number") return ofThings(op, b);
  if (isNumberOfThings(right, counts) && typeof a === "number") return ofThings(op === "<" ? ">" : op === ">" ? "<" : op === "<=" ? ">=" : op === ">=" ? "<=" : op, a);
  return null;
}

function ofThings(op: string, bound: number): boolean | null {
  switch (op) {
    case ">=": return bound <= 0 ? true : null;
    case ">": return bound < 0 ? true : null;
    case "<": return bound <= 0 ? false : null;
    case "<=": case "==": return bound < 0 ? false : null;
    case "!=": return bound < 0 ? true : null;
    default: return null;
  }
}

const isNumberOfThings = (of: Expr, counts: Counts): boolean =>
  (of.k === "fold" && (of.fn === "count" || of.fn === "distinct")) || (of.k === "call" && of.fn === "length" && !of.maybe) ||
  (of.k === "aggregate" && counts(of.index)) || of.k === "points";

function knownValue(of: Expr): Value | undefined {
  if (of.k === "const") return of.value;
  if (of.k === "arithmetic") {
    const [a, b] = [knownValue(of.left), knownValue(of.right)];
    if (typeof a !== "number" || typeof b !== "number") return undefined;
    const value = of.op === "+" ? a + b : of.op === "-" ? a - b : of.op === "*" ? a * b : of.op === "/" ? a / b : a % b;
    return Number.isFinite(value) ? value : undefined;
  }
  return undefined;
}

function holds(op: string, a: Value, b: Value): boolean | null {
  if (op === "==") return a === b;
  if (op === "!=") return a !== b;
  if (a === null || b === null) return false;
  if ((typeof a !== "number" || typeof b !== "number") && (typeof a !== "string" || typeof b !== "string")) return null;
  switch (op) {
    case "<": return a < b;
    case "<=": return a <= b;
    case ">": return a > b;
    default: return a >= b;
  }
}
