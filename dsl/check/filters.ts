// The filter of an aggregate. It sees its own event's fields and constants; in a rule one part of it may ask for what is
// equal to something of the run, `category == event.category`: then the aggregate is kept for each value of the field,
// and the run asks for one of them.

import type * as ast from "../ast.js";
import type { Expr } from "../program.js";
import { lintTruth } from "./conditions.js";
import { check, condition } from "./expressions.js";
import { SEES_EVENT, innerName, pathOf, silent } from "./names.js";
import { equality } from "./operators.js";
import type { Site } from "./site.js";
import * as tree from "./trees.js";
import { describe, isScalar } from "./types.js";

export interface Filter {
  readonly where: Expr | null;
  /** The field for each of whose values the aggregate is kept, and for which value it is asked; both or neither. */
  readonly by: Expr | null;
  readonly key: Expr | null;
}

export const UNFILTERED: Filter = { where: null, by: null, key: null };

/** `outer` is where the aggregate stands, `inner` sees a row of it. */
export function readFilter(outer: Site, inner: Site, written: ast.Expression): Filter | null {
  const parts = conjuncts(written);
  const keyed = outer.start === null ? [] : parts.filter((part) => asksRun(outer, inner, part));
  if (keyed.length === 0) {
    const where = condition(inner, written);
    if (where !== null) lintTruth(inner.world, where, written.span);
    return where === null ? null : { where, by: null, key: null };
  }
  const plain = parts.filter((part) => !keyed.includes(part)).map((part) => ({ part, checked: condition(inner, part) }));
  for (const { part, checked } of plain) if (checked !== null) lintTruth(inner.world, checked, part.span);
  const [first, second] = keyed;
  if (second !== undefined) {
    return outer.world.report("E0223", second.span, "only one part of a filter may be about the run", { notes: ["an aggregate is kept for the values of one field; the other parts see the event's own fields and constants"] });
  }
  const pair = first === undefined ? null : readPair(outer, inner, first);
  if (pair === null || plain.some(({ checked }) => checked === null)) return null;
  const where = plain.flatMap(({ checked }) => (checked === null ? [] : [checked]));
  return { where: where.length === 0 ? null : tree.allOf("and", where), ...pair };
}

function conjuncts(written: ast.Expression): readonly ast.Expression[] {
  const parts: ast.Expression[] = [];
  const waiting: ast.Expression[] = [written];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.k === "binary" && next.op.text === "and") waiting.push(next.right, next.left);
    else parts.push(next);
  }
  return parts;
}

/** Whether it reads the event that started the run, or one that came since. */
function asksRun(outer: Site, inner: Site, part: ast.Expression): boolean {
  if (!mentionsRun(outer, inner, part)) return false;
  const checked = check(silent({ ...inner, filter: SEES_EVENT }), part);
  // What cannot be read at all was meant to.
  return checked === null || readsRun(checked);
}

const readsRun = (of: Expr): boolean => {
  for (const { k, ...node } of tree.nodes(of)) {
    if (k === "captured" || k === "timeOfCaptured" || ((k === "input" || k === "timeOf") && "of" in node && node.of === "event")) return true;
  }
  return false;
};

/** By its names alone, none of which is a field of the row. Without recursion. */
function mentionsRun(outer: Site, inner: Site, part: ast.Expression): boolean {
  const waiting: unknown[] = [part];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (Array.isArray(next)) waiting.push(...next);
    else if (isNode(next)) {
      if (next.k === "name" && isOfRun(outer, inner, (next as unknown as ast.NameExpression).name)) return true;
      waiting.push(...Object.values(next).filter((value) => typeof value === "object" && value !== null));
    }
  }
  return false;
}

const isNode = (value: unknown): value is { readonly k?: unknown } => typeof value === "object" && value !== null;

const isOfRun = (outer: Site, inner: Site, name: ast.Name): boolean =>
  (name.text === "event" || outer.captured.has(name.text)) && innerName(silent(inner), name) === undefined;

/** `FIELD == expression of event`, whichever side is which. */
function readPair(outer: Site, inner: Site, part: ast.Expression): { readonly by: Expr; readonly key: Expr } | null {
  const { report } = outer.world;
  const ofRun = (side: ast.Expression): boolean => asksRun(outer, inner, side);
  const sides = part.k === "binary" && part.op.text === "==" ? { left: part.left, right: part.right } : null;
  const field = sides === null ? undefined : [sides.left, sides.right].find((side) => !ofRun(side) && pathOf(side) !== null);
  if (part.k !== "binary" || sides === null || field === undefined) {
    return report("E0223", part.span, "in a filter, the run's event stands only in one `FIELD == …`", { label: "as in `category == event.category`" });
  }
  const other = field === sides.left ? sides.right : sides.left;
  const by = check(inner, field);
  const key = check({ ...outer, row: null, item: null, filter: SEES_EVENT }, other);
  if (by === null || key === null) return null;
  if (!isScalar(by.type)) return report("E0205", field.span, `an aggregate is kept for single values, this is ${describe(by.type)}`);
  const compared = field === sides.left ? equality(inner, part, "==", by, key) : equality(inner, part, "==", key, by);
  return compared === null ? null : { by, key };
}
