// The words that are called like functions. Nothing declared may take one of these names.

import type { AggregateFn, FoldFn, ScalarFn } from "../program.js";

/** Of one value, or of a few. `min` and `max` of several values are `least` and `greatest`. */
const SCALAR_FUNCTIONS: ReadonlySet<string> = new Set([
  "lower", "upper", "trim", "length", "round", "floor", "ceil", "abs",
  "date", "hour", "weekday", "weekend", "month", "day", "year", "age",
] satisfies ScalarFn[]);

/** Over events, and most of them over lists. */
const AGGREGATES: ReadonlySet<string> = new Set([
  "count", "sum", "avg", "min", "max", "first", "last", "any", "distinct", "top", "gap", "recent",
] satisfies AggregateFn[]);

const FOLDS: readonly string[] = ["count", "sum", "avg", "min", "max", "first", "last", "any", "distinct"] satisfies FoldFn[];

export const isAggregate = (word: string): word is Exclude<AggregateFn, "absence"> => AGGREGATES.has(word);
export const isFold = (word: string): word is FoldFn => FOLDS.includes(word);
export const isScalarFunction = (word: string): word is ScalarFn => SCALAR_FUNCTIONS.has(word);

/** Of all customers together, and of experiments. */
const POPULATION_WORDS: ReadonlySet<string> = new Set([
  "percentile", "quintile", "customers", "total", "mean", "variant", "exposed", "value",
]);

export const FUNCTION_NAMES: ReadonlySet<string> = new Set([
  ...SCALAR_FUNCTIONS, ...AGGREGATES, ...POPULATION_WORDS, "since", "now",
]);

/** Without brackets: they are names to everyone but the checker. */
export const SPECIAL_NAMES: readonly string[] = ["event", "profile", "now"];
