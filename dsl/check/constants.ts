// What is known of a condition without knowing anything: for lints only, never for the program.

import type { Expr, Value } from "../program.js";

export interface Counts {
  /** Whether the aggregate of this index is a number of things. */
  readonly counts: (aggregate: number) => boolean;
  readonly traitAt: (index: number) => { readonly value: Expr } | null;
}

/** The truth of a condition that does not depend on anything, else null. */
export function knownTruth(of: Expr, counts: Counts): boolean | null {
  switch (of.k) {
    case "const": return of.value === true;
    case "not": {
      const known = knownTruth(of.of, counts);
      return known === null ? null : !known;
    }
    case "and": return several(of.of, false, counts) ?? (contradicts(of.of) ? false : null);
    case "or": return several(of.of, true, counts) ?? (hasOpposites(of.of) ? true : null);
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

type Comparison = Extract<Expr, { k: "compare" }>;
const MIRRORED = { "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

function knownComparison({ op, left, right }: Comparison, counts: Counts): boolean | null {
  const [a, b] = [knownValue(left), knownValue(right)];
  if (a !== undefined && b !== undefined) return holds(op, a, b);
  if (typeof b === "number") return withinRange(op, left, b, counts);
  if (typeof a === "number") return withinRange(MIRRORED[op], right, a, counts);
  return null;
}

// ---- ranges ----

interface Range {
  readonly low: number;
  readonly high: number;
}

/** The numbers that it can be at all, both ends included. */
function rangeOf(of: Expr, counts: Counts): Range | null {
  switch (of.k) {
    case "fold": return of.fn === "count" || of.fn === "distinct" ? { low: 0, high: Infinity } : null;
    case "aggregate": return counts.counts(of.index) ? { low: 0, high: Infinity } : null;
    case "points": return { low: 0, high: Infinity };
    case "trait": return rangeOfTrait(counts.traitAt(of.index), counts);
    case "percentile": return { low: 0, high: 100 };
    case "const": return typeof of.value === "number" ? { low: of.value, high: of.value } : null;
    case "arithmetic": return rangeOfArithmetic(of, counts);
    case "call":
      switch (of.fn) {
        case "length": return { low: 0, high: Infinity };
        case "floor": return mapped(ofOnly(of.args, counts), Math.floor);
        case "least": return leastOf(of.args.map((arg) => rangeOf(arg, counts)));
        case "hour": return { low: 0, high: 23 };
        case "day": return { low: 1, high: 31 };
        case "month": return { low: 1, high: 12 };
        default: return null;
      }
    default: return null;
  }
}

// No further than one trait: chains of traits that use others twice would double the work with each.
const rangeOfTrait = (trait: { readonly value: Expr } | null, known: Counts): Range | null =>
  trait === null ? null : rangeOf(trait.value, { ...known, traitAt: () => null });

const ofOnly = ([only]: readonly Expr[], counts: Counts): Range | null => (only === undefined ? null : rangeOf(only, counts));
const mapped = (range: Range | null, by: (end: number) => number): Range | null => (range === null ? null : { low: by(range.low), high: by(range.high) });

/** As far as `quintile` is made of it: sums, and quotients by a number above 0. */
function rangeOfArithmetic({ op, left, right, type }: Extract<Expr, { k: "arithmetic" }>, counts: Counts): Range | null {
  if (type.k !== "number") return null;
  const [a, b] = [rangeOf(left, counts), rangeOf(right, counts)];
  if (a === null || b === null) return null;
  if (op === "+") return { low: a.low + b.low, high: a.high + b.high };
  return op === "/" && b.low === b.high && b.low > 0 ? mapped(a, (end) => end / b.low) : null;
}

function leastOf(ranges: readonly (Range | null)[]): Range | null {
  const known = ranges.filter((range) => range !== null);
  if (known.length < ranges.length || known.length === 0) return null;
  return { low: Math.min(...known.map(({ low }) => low)), high: Math.min(...known.map(({ high }) => high)) };
}

function withinRange(op: Comparison["op"], of: Expr, bound: number, counts: Counts): boolean | null {
  const range = rangeOf(of, counts);
  if (range === null) return null;
  const [least, most] = [holds(op, range.low, bound), holds(op, range.high, bound)];
  // Where it is missing every comparison is false but `!=`.
  if (op === "==" || op === "!=") return bound < range.low || bound > range.high ? op === "!=" : null;
  if (least === true && most === true) return of.maybe ? null : true;
  return least === false && most === false ? false : null;
}

// ---- parts that exclude each other ----

/** What the comparisons with constants leave of one value. */
interface Left {
  low: number;
  high: number;
  /** Null: everything between. */
  only: readonly Value[] | null;
}

/** `x > 5 and x < 3`, `x == "a" and x == "b"`, `p and not p`: whatever the values are. */
function contradicts(parts: readonly Expr[]): boolean {
  if (hasOpposites(parts)) return true;
  const left = new Map<string, Left>();
  const comparisons = parts.filter((part) => part.k === "compare");
  if (comparisons.length < 2) return false;
  return comparisons.some((part) => {
    const fixed = knownValue(part.right);
    const [of, op, value] = fixed === undefined ? [part.right, MIRRORED[part.op], knownValue(part.left)] : [part.left, part.op, fixed];
    if (value === undefined || op === "!=") return false;
    const key = JSON.stringify(of);
    const one = left.get(key) ?? { low: -Infinity, high: Infinity, only: null };
    left.set(key, one);
    narrow(one, op, value);
    return one.only === null ? one.low > one.high : one.only.length === 0;
  });
}

// Open ends count as closed ones, so `x > 3 and x < 3` passes for possible.
function narrow(left: Left, op: Comparison["op"], value: Value): void {
  if (op === "==") left.only = (left.only ?? [value]).filter((each) => each === value);
  else if (typeof value === "number" && (op === ">" || op === ">=")) left.low = Math.max(left.low, value);
  else if (typeof value === "number" && (op === "<" || op === "<=")) left.high = Math.min(left.high, value);
  left.only = left.only?.filter((each) => typeof each !== "number" || (each >= left.low && each <= left.high)) ?? null;
}

function hasOpposites(parts: readonly Expr[]): boolean {
  const denied = parts.flatMap((part) => (part.k === "not" ? [JSON.stringify(part.of)] : []));
  return denied.length > 0 && parts.some((part) => part.k !== "not" && denied.includes(JSON.stringify(part)));
}

// ---- values ----

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
