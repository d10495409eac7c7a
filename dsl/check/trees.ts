// Expression trees: made and rebuilt; the ways through them (dsl/walk.ts) are at hand here too. Knows every form of node and nothing of what it means.

import type { Aggregate, Expr, ExprNode, Type, Value } from "../program.js";
import { children } from "../walk.js";
import { BOOLEAN, DURATION, NULL, NUMBER, STRING, TIME, join, listOf, plainField } from "./types.js";

export { children, nodes } from "../walk.js";

export const node = (form: ExprNode, type: Type, maybe: boolean): Expr => ({ ...form, type, maybe });

export const constant = (value: Value, type: Type): Expr => node({ k: "const", value }, type, value === null);
export const number = (value: number): Expr => constant(value, NUMBER);
export const text = (value: string): Expr => constant(value, { k: "string", of: [value] });
export const truth = (value: boolean): Expr => constant(value, BOOLEAN);
export const duration = (ms: number): Expr => constant(ms, DURATION);
export const missing: Expr = constant(null, NULL);
export const now: Expr = node({ k: "now" }, TIME, false);

/** Of booleans. Nested ones of the same kind are taken apart; one alone stays itself. */
export function allOf(k: "and" | "or", parts: readonly Expr[]): Expr {
  const flat = parts.flatMap((part) => (part.k === k ? part.of : [part]));
  const [only] = flat;
  return only !== undefined && flat.length === 1 ? only : node({ k, of: flat }, BOOLEAN, false);
}

export const both = (a: Expr | null, b: Expr | null): Expr | null => (a === null ? b : b === null ? a : allOf("and", [a, b]));
export const not = (of: Expr): Expr => node({ k: "not", of }, BOOLEAN, false);
export const compare = (op: Extract<ExprNode, { k: "compare" }>["op"], left: Expr, right: Expr): Expr =>
  node({ k: "compare", op, left, right }, BOOLEAN, false);
export const concat = (left: Expr, right: Expr): Expr => node({ k: "concat", left, right }, STRING, left.maybe || right.maybe);

/** A list literal's tree; null where the items have no type in common. */
export function list(items: readonly Expr[]): Expr | null {
  let of: Type | null = NULL;
  for (const item of items) of = of === null ? null : join(of, item.type);
  return of === null ? null : node({ k: "list", items }, listOf(of, items.some(({ maybe }) => maybe)), false);
}

export function record(entries: readonly { readonly name: string; readonly value: Expr }[]): Expr {
  const fields = entries.map(({ name, value }) => plainField(name, value.type, value.maybe));
  return node({ k: "record", entries }, { k: "record", fields }, false);
}

/** The same node over other children, given in the order of `children`; the node itself where none has changed. */
export function rebuilt(of: Expr, change: (child: Expr) => Expr): Expr {
  const before = children(of);
  if (before.length === 0) return of;
  const after = before.map(change);
  if (after.every((child, i) => child === before[i])) return of;
  return { ...over(of, after), type: of.type, maybe: of.maybe };
}

function over(of: Expr, parts: readonly Expr[]): ExprNode {
  const at = (i: number): Expr => parts[i] ?? missing;
  switch (of.k) {
    case "const": case "input": case "timeOf": case "captured": case "timeOfCaptured": case "now": case "local":
    case "trait": case "segment": case "points": case "tier": case "variant": case "percentile": case "population": case "figure":
      return of;
    case "aggregate": return { k: "aggregate", index: of.index, key: of.key === null ? null : at(0) };
    case "list": return { k: "list", items: parts };
    case "record": return { k: "record", entries: of.entries.map(({ name }, i) => ({ name, value: at(i) })) };
    case "field": return { k: "field", of: at(0), name: of.name };
    case "pluck": return { k: "pluck", of: at(0), name: of.name };
    case "not": return { k: "not", of: at(0) };
    case "negate": return { k: "negate", of: at(0) };
    case "addMonths": return { k: "addMonths", of: at(0), months: of.months };
    case "index": return { k: "index", of: at(0), at: at(1) };
    case "and": return { k: "and", of: parts };
    case "or": return { k: "or", of: parts };
    case "compare": return { k: "compare", op: of.op, left: at(0), right: at(1) };
    case "arithmetic": return { k: "arithmetic", op: of.op, left: at(0), right: at(1) };
    case "dateDifference": return { k: "dateDifference", left: at(0), right: at(1) };
    case "concat": return { k: "concat", left: at(0), right: at(1) };
    case "without": return { k: "without", left: at(0), right: at(1) };
    case "coalesce": return { k: "coalesce", left: at(0), right: at(1) };
    case "dateShift": return { k: "dateShift", date: at(0), by: at(1), sign: of.sign };
    case "in": return { k: "in", value: at(0), items: parts.slice(1) };
    case "contains": return { k: "contains", list: at(0), value: at(1) };
    case "like": return { k: "like", value: at(0), pattern: of.pattern };
    case "if": return { k: "if", if: at(0), then: at(1), else: at(2) };
    case "call": return { k: "call", fn: of.fn, args: parts };
    case "fold": return {
      k: "fold", fn: of.fn, list: at(0),
      where: of.where === null ? null : at(1),
      value: of.value === null ? null : at(of.where === null ? 1 : 2),
    };
  }
}

/** Nodes that point at something of the program by its place there. */
export type Reference = Extract<Expr, { readonly index: number }>;

/** The tree with its references changed, those within the keys of aggregates first. */
export function withReferences(of: Expr, change: (reference: Reference) => Expr): Expr {
  const inner = rebuilt(of, (child) => withReferences(child, change));
  return "index" in inner ? change(inner) : inner;
}

/** The trees of an aggregate or of a fold, those that are there. */
export const treesOf = ({ where, value, by = null }: Pick<Aggregate, "where" | "value"> & Partial<Pick<Aggregate, "by">>): readonly Expr[] =>
  [where, value, by].filter((tree): tree is Expr => tree !== null);
