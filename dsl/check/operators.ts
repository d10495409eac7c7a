// Operators: what they take, what they give, and which node of the program they are.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { ArithmeticOp, CompareOp, Expr, Type } from "../program.js";
import { isCalendar, lengthOf, withoutLength } from "./durations.js";
import { check, condition } from "./expressions.js";
import type { Site } from "./site.js";
import { comparedByRank } from "./tiers.js";
import * as tree from "./trees.js";
import { BOOLEAN, DATE, DURATION, NUMBER, TIME, comparable, describe, disjoint, isOrdered, join } from "./types.js";

type Binary = ast.BinaryExpression;

export function binary(site: Site, written: Binary): Expr | null {
  const { op } = written;
  switch (op.text) {
    case "and": case "or": return logic(site, written, op.text);
    case "==": case "!=": case "<": case "<=": case ">": case ">=": return comparison(site, written, op.text);
    case "in": return isIn(site, written);
    case "contains": return contains(site, written);
    case "like": return like(site, written);
    case "??": return coalesce(site, written);
    case "without": return without(site, written);
    case "+": case "-": case "*": case "/": case "%": return arithmetic(site, written, op.text);
  }
}

// `a and b and c` leans to the left as deep as it is long, so it is taken apart in a loop.
function logic(site: Site, written: Binary, k: "and" | "or"): Expr | null {
  const parts: ast.Expression[] = [];
  let at: ast.Expression = written;
  while (at.k === "binary" && at.op.text === k) {
    parts.push(at.right);
    at = at.left;
  }
  const checked = [at, ...parts.reverse()].map((part) => condition(site, part));
  const there = checked.filter((part): part is Expr => part !== null);
  return there.length < checked.length ? null : tree.allOf(k, there);
}

function pair(site: Site, written: Binary): readonly [Expr, Expr] | null {
  const left = check(site, written.left);
  const right = check(site, written.right);
  return left === null || right === null ? null : [left, right];
}

// ---- comparisons ----

const FLIPPED: Readonly<Record<CompareOp, CompareOp>> = { "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" };
export const flipped = (op: CompareOp): CompareOp => FLIPPED[op];

const isMonths = (written: ast.Expression): written is ast.DurationLiteral => written.k === "duration" && isCalendar(written);

function comparison(site: Site, written: Binary, op: CompareOp): Expr | null {
  if (isMonths(written.right)) return sinceMonths(site, written.left, op, written.right);
  if (isMonths(written.left)) return sinceMonths(site, written.right, flipped(op), written.left);
  const sides = pair(site, written);
  if (sides === null) return null;
  const [left, right] = sides;
  warnPartOfOne(site, left, right, written.right);
  warnPartOfOne(site, right, left, written.left);
  if (op === "==" || op === "!=") return equality(site, written, op, left, right);
  const { report } = site.world;
  if (!comparable(left.type, right.type)) return incomparable(site, written, left, right);
  const byRank = comparedByRank(site, op, sides, written);
  if (byRank !== undefined) return byRank;
  const odd = [left, right].find(({ type }) => !isOrdered(type));
  if (odd !== undefined) return report("E0202", written.op.span, `${describe(odd.type)} is neither more nor less than another`);
  return tree.compare(op, left, right);
}

const incomparable = (site: Site, written: Binary, left: Expr, right: Expr): null =>
  site.world.report("E0201", written.span, `this compares ${describe(left.type)} with ${describe(right.type)}`, {
    label: conversion(left.type, right.type) ?? literalOf(written.right, left.type) ?? literalOf(written.left, right.type),
  });

/** How the literal that was meant is written, beside a value of this type. */
function literalOf(written: ast.Expression, beside: Type): string | undefined {
  if (written.k === "string" && beside.k === "number" && /^-?\d+(\.\d+)?$/.test(written.value)) return `without quotes it is a number: \`${written.value}\``;
  if (written.k === "number" && beside.k === "string") return `in quotes it is a text: \`"${written.value}"\``;
  if (written.k === "string" && beside.k === "boolean" && /^(true|false)$/i.test(written.value)) return `write \`${written.value.toLowerCase()}\` without quotes`;
  if (written.k === "string" && beside.k === "date" && /^\d{4}-\d\d-\d\d$/.test(written.value)) return `dates stand without quotes: \`${written.value}\``;
  const divided = written.k === "binary" && written.op.text === "/";
  if (divided && (beside.k === "date" || beside.k === "time")) return `dates are written \`2026-03-02\`${beside.k === "time" ? ", instants `2026-03-02 10:00`" : ""}`;
  return undefined;
}

/** `==` or `!=` of two sides that have been checked. */
export function equality(site: Site, written: Binary, op: "==" | "!=", left: Expr, right: Expr): Expr | null {
  if (!comparable(left.type, right.type)) return incomparable(site, written, left, right);
  if (disjoint(left.type, right.type)) return neverThat(site, written, left, right);
  warnNeverMissing(site, left, right, written);
  warnNeverMissing(site, right, left, written);
  return tree.compare(op, left, right);
}

function conversion(a: Type, b: Type): string | undefined {
  const kinds = new Set([a.k, b.k]);
  if (kinds.has("time") && kinds.has("date")) return "the day of an instant is date(…)";
  if (kinds.has("number") && kinds.has("duration")) return "a duration has a unit: `7 days`";
  if (kinds.has("list") && a.k !== b.k) return "a list is asked with `contains`";
  return undefined;
}

/** Two unions without a text in common, mostly a union and a misspelt literal. */
function neverThat(site: Site, written: Binary, left: Expr, right: Expr): null {
  const literal = written.right.k === "string" ? written.right : written.left.k === "string" ? written.left : null;
  const other = literal === written.left ? right : left;
  if (literal === null) return site.world.report("E0204", written.span, "these two are never the same text");
  return notOneOf(site, literal, other.type);
}

function notOneOf(site: Site, literal: ast.StringLiteral, type: Type): null {
  const texts = type.k === "string" ? (type.of ?? []) : [];
  return site.world.report("E0204", literal.span, `this is never "${literal.value}"`, {
    label: didYouMean(literal.value, texts),
    notes: texts.length <= 12 ? [`it can be ${texts.map((each) => `"${each}"`).join(", ")}`] : [],
  });
}

function warnNeverMissing(site: Site, value: Expr, other: Expr, written: Binary): void {
  if (other.type.k === "null" && !value.maybe) site.world.report("W0011", written.span, "this value is never missing");
}

/** `percentile(…) >= 0.9`: hardly anybody is in the lowest hundredth only. */
function warnPartOfOne(site: Site, ranked: Expr, other: Expr, written: ast.Expression): void {
  const value = other.k === "const" ? other.value : null;
  if (!isPercentile(site, ranked) || typeof value !== "number" || value <= 0 || value >= 1) return;
  site.world.report("W0018", written.span, "percentiles go from 0 to 100", { label: `write \`${Number((value * 100).toPrecision(12))}\`` });
}

function isPercentile(site: Site, of: Expr): boolean {
  if (of.k === "trait") {
    const trait = site.world.traitAt(of.index);
    return trait !== null && isPercentile(site, trait.value);
  }
  return of.k === "percentile";
}

// `since(t) >= 6 months` is `t + 6 months <= now`: months have no length, but an instant can be moved by them. The same
// goes for the difference of any two instants or dates.
function sinceMonths(site: Site, written: ast.Expression, op: CompareOp, literal: ast.DurationLiteral): Expr | null {
  const difference = check(site, written);
  const length = lengthOf(literal, site.world.report);
  if (difference === null || length === null) return null;
  const { months } = length;
  if (difference.k === "dateDifference" || (difference.k === "arithmetic" && difference.op === "-" && difference.left.type.k === "time")) {
    const { left, right } = difference;
    return tree.compare(flipped(op), addMonths(right, months), left);
  }
  return withoutLength(literal, site.world.report);
}

const addMonths = (of: Expr, months: number): Expr => tree.node({ k: "addMonths", of, months }, of.type, of.maybe);

// ---- lists and texts ----

function isIn(site: Site, written: Binary): Expr | null {
  const { report } = site.world;
  if (written.right.k !== "list") {
    check(site, written.left);
    check(site, written.right);
    return report("E0212", written.right.span, "`in` takes a list that is written out", { label: "for another list write `LIST contains …`" });
  }
  const value = check(site, written.left);
  const items = written.right.items.map((item) => ({ item, checked: check(site, item) }));
  if (value === null) return null;
  const there: Expr[] = [];
  for (const { item, checked } of items) {
    if (checked === null) continue;
    if (checked.type.k === "null") report("E0205", item.span, "nothing is equal to null in a list", { label: "write `or … == null`" });
    else if (!comparable(value.type, checked.type)) report("E0201", item.span, `this compares ${describe(value.type)} with ${describe(checked.type)}`);
    else if (disjoint(value.type, checked.type) && item.k === "string") notOneOf(site, item, value.type);
    else there.push(checked);
  }
  return there.length < items.length ? null : tree.node({ k: "in", value, items: there }, BOOLEAN, false);
}

function contains(site: Site, written: Binary): Expr | null {
  const sides = pair(site, written);
  if (sides === null) return null;
  const [list, value] = sides;
  const { report } = site.world;
  if (list.type.k !== "list") {
    const label = list.type.k === "string" ? 'a part of a text is found with `like "*…*"`' : undefined;
    return report("E0202", written.left.span, `only a list contains something, this is ${describe(list.type)}`, { label });
  }
  if (value.type.k === "null") return report("E0205", written.right.span, "no list contains null");
  if (!comparable(list.type.of, value.type)) return report("E0201", written.span, `this looks for ${describe(value.type)} in ${describe(list.type)}`);
  if (disjoint(list.type.of, value.type) && written.right.k === "string") return notOneOf(site, written.right, list.type.of);
  return tree.node({ k: "contains", list, value }, BOOLEAN, false);
}

function like(site: Site, written: Binary): Expr | null {
  const value = check(site, written.left);
  if (written.right.k !== "string") {
    check(site, written.right);
    return site.world.report("E0213", written.right.span, "the pattern behind `like` is a string that is written out");
  }
  if (value === null) return null;
  if (value.type.k !== "string") return site.world.report("E0202", written.left.span, `only a string is like a pattern, this is ${describe(value.type)}`);
  return tree.node({ k: "like", value, pattern: written.right.value }, BOOLEAN, false);
}

function coalesce(site: Site, written: Binary): Expr | null {
  const sides = pair(site, written);
  if (sides === null) return null;
  const [left, right] = sides;
  const type = join(left.type, right.type);
  if (type === null) return site.world.report("E0209", written.span, `both sides of \`??\` must have one type, here are ${describe(left.type)} and ${describe(right.type)}`);
  if (!left.maybe) site.world.report("W0011", written.left.span, "this value is never missing");
  return tree.node({ k: "coalesce", left, right }, type, left.maybe && right.maybe);
}

function without(site: Site, written: Binary): Expr | null {
  const sides = pair(site, written);
  if (sides === null) return null;
  const [left, right] = sides;
  if (left.type.k !== "list" || right.type.k !== "list") {
    const odd = left.type.k === "list" ? right : left;
    return site.world.report("E0202", written.op.span, `\`without\` takes two lists, here is ${describe(odd.type)}`);
  }
  if (!comparable(left.type, right.type)) return site.world.report("E0201", written.span, `this removes ${describe(right.type.of)} from ${describe(left.type)}`);
  return tree.node({ k: "without", left, right }, left.type, left.maybe || right.maybe);
}

// ---- arithmetic ----

function arithmetic(site: Site, written: Binary, op: ArithmeticOp): Expr | null {
  if (op === "+" || op === "-") {
    if (isMonths(written.right)) return shift(site, written.left, written.right, op === "+" ? 1 : -1);
    if (isMonths(written.left) && op === "+") return shift(site, written.right, written.left, 1);
  }
  const sides = pair(site, written);
  if (sides === null) return null;
  const made = computed(op, sides[0], sides[1]);
  if (made !== null) return made;
  const [left, right] = sides.map(({ type }) => describe(type));
  return site.world.report("E0202", written.op.span, `\`${op}\` does not work on ${left} and ${right}`, { label: hint(op, sides[0].type, sides[1].type) });
}

function hint(op: ArithmeticOp, a: Type, b: Type): string | undefined {
  const kinds = new Set([a.k, b.k]);
  if (kinds.has("number") && (kinds.has("time") || kinds.has("date") || kinds.has("duration")) && (op === "+" || op === "-")) return "a duration has a unit: `7 days`";
  if (kinds.has("time") && kinds.has("date")) return "the day of an instant is date(…)";
  if (kinds.has("list") && op === "-") return "a list is made smaller with `without`";
  if (kinds.has("string") && op === "+") return "only texts are joined: give the other value a field of its own";
  return undefined;
}

function shift(site: Site, written: ast.Expression, literal: ast.DurationLiteral, sign: 1 | -1): Expr | null {
  const of = check(site, written);
  const length = lengthOf(literal, site.world.report);
  if (of === null || length === null) return null;
  if (of.type.k === "time" || of.type.k === "date") return addMonths(of, sign * length.months);
  return withoutLength(literal, site.world.report);
}

/** The node for these two, or null where the operator does not work on them. */
export function computed(op: ArithmeticOp, left: Expr, right: Expr): Expr | null {
  const [a, b] = [left.type.k, right.type.k];
  const maybe = left.maybe || right.maybe;
  const as = (type: Type): Expr => tree.node({ k: "arithmetic", op, left, right }, type, maybe);
  const shifted = (date: Expr, by: Expr, sign: 1 | -1): Expr => tree.node({ k: "dateShift", date, by, sign }, DATE, maybe);
  switch (op) {
    case "+":
      if (a === "string" && b === "string") return tree.concat(left, right);
      if (a === b && (a === "number" || a === "duration")) return as(left.type);
      if ((a === "time" && b === "duration") || (a === "duration" && b === "time")) return as(TIME);
      if (a === "date" && b === "duration") return shifted(left, right, 1);
      return a === "duration" && b === "date" ? shifted(right, left, 1) : null;
    case "-":
      if (a === b && (a === "number" || a === "duration")) return as(left.type);
      if (a === "time" && b === "time") return as(DURATION);
      if (a === "date" && b === "date") return tree.node({ k: "dateDifference", left, right }, DURATION, maybe);
      if (a === "time" && b === "duration") return as(TIME);
      return a === "date" && b === "duration" ? shifted(left, right, -1) : null;
    case "*":
      if (a === "number" && b === "number") return as(NUMBER);
      return (a === "number" && b === "duration") || (a === "duration" && b === "number") ? as(DURATION) : null;
    case "/": case "%": {
      const quotient = tree.node({ k: "arithmetic", op, left, right }, a === b ? NUMBER : DURATION, maybe || !isNonZero(right));
      if (a === "number" && b === "number") return quotient;
      if (op === "/" && a === "duration" && (b === "number" || b === "duration")) return quotient;
      return null;
    }
  }
}

const isNonZero = (of: Expr): boolean => of.k === "const" && typeof of.value === "number" && of.value !== 0;

export function minus(site: Site, written: ast.MinusExpression): Expr | null {
  const of = check(site, written.of);
  if (of === null) return null;
  if (of.type.k !== "number" && of.type.k !== "duration") return site.world.report("E0202", written.span, `\`-\` does not work on ${describe(of.type)}`);
  // A sign before a literal belongs to it.
  if (of.k === "const" && typeof of.value === "number") return tree.constant(-of.value, of.type);
  return tree.node({ k: "negate", of }, of.type, of.maybe);
}
