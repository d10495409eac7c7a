// The aggregates' words over a list, at once and without state: `any(items where category == "coffee")`,
// `sum(event.items.price)`, `sum(price * quantity of event.items)`, `count(profile.tags)`.
//
// As with aggregates over events, a path that leads through a list looks at the list's items: `where` sees an item's
// fields first.

import type * as ast from "../ast.js";
import type { Expr, FoldFn, Type } from "../program.js";
import { check, condition } from "./expressions.js";
import { fieldOf } from "./names.js";
import type { Site } from "./site.js";
import * as tree from "./trees.js";
import { BOOLEAN, NUMBER, describe, isOrdered, isScalar } from "./types.js";

export function fold(site: Site, written: ast.CallExpression, fn: FoldFn): Expr | null {
  const { report } = site.world;
  const [argument, second] = written.arguments;
  if (argument === undefined || second !== undefined) {
    for (const { value } of written.arguments) check(site, value);
    return report("E0206", written.span, `\`${fn}\` takes one list or event, here are ${written.arguments.length} values`);
  }
  if (argument.among !== null) return report("E0206", argument.among.span, `\`${fn}\` has no \`among\``);
  const source = argument.of === null ? check(site, argument.value) : check(site, asPath(argument.of));
  if (source === null) return null;
  if (source.type.k !== "list") {
    const span = argument.of === null ? argument.value.span : (argument.of[0]?.span ?? argument.span);
    return report("E0205", span, `\`${fn}\` takes a list or an event, this is ${describe(source.type)}`);
  }
  // `items.price`: the rows are the items, and the price is what is looked at.
  const through = argument.of === null && source.k === "pluck" && source.of.type.k === "list" && source.type.k === "list" && !isFlattened(source) ? source : null;
  const list = through?.of ?? source;
  if (list.type.k !== "list") return null;
  const inner: Site = { ...site, item: { type: list.type.of, maybe: list.type.maybe } };
  const item = tree.node({ k: "input", of: "item" }, list.type.of, list.type.maybe);
  const where = argument.where === null ? null : condition(inner, argument.where);
  const value = argument.of !== null ? check(inner, argument.value) : through !== null ? fieldOf(inner, item, { text: through.name, span: argument.value.span }) : undefined;
  if (value === null || (argument.where !== null && where === null)) return null;
  const span = argument.value.span;
  return folded(site, fn, list, where, value ?? null, value ?? item, span);
}

/** Its field is a list itself, so that one item of the outer list gives several. */
function isFlattened(of: Extract<Expr, { k: "pluck" }>): boolean {
  const { type } = of.of;
  const items = type.k === "list" && type.of.k === "record" ? type.of : null;
  return items?.fields.find(({ name }) => name === of.name)?.type.k === "list";
}

function asPath(names: readonly ast.Name[]): ast.Expression {
  const [root, ...rest] = names;
  const name = root ?? { text: "", span: { file: "", start: 0, end: 0 } };
  let path: ast.Expression = { k: "name", name, span: name.span };
  for (const field of rest) path = { k: "dot", of: path, field, span: { ...name.span, end: field.span.end } };
  return path;
}

function folded(site: Site, fn: FoldFn, list: Expr, where: Expr | null, value: Expr | null, of: Expr, span: ast.Span): Expr | null {
  const as = (type: Type, maybe: boolean): Expr => tree.node({ k: "fold", fn, list, where, value }, type, maybe);
  switch (fn) {
    case "count": case "any": {
      // Missing values are passed over; of what is never missing, only the rows count.
      const there = value !== null && value.maybe ? tree.both(where, tree.compare("!=", value, tree.missing)) : where;
      const counted = tree.node({ k: "fold", fn, list, where: there, value: null }, fn === "any" ? BOOLEAN : NUMBER, false);
      return counted;
    }
    default: {
      const type = valueType(site, fn, of.type, span);
      return type === null ? null : as(type, fn !== "sum" && fn !== "distinct");
    }
  }
}

/** What the word gives for values of this type; reports where it takes none such. */
export function valueType(site: Site, fn: Exclude<FoldFn, "count" | "any"> | "top" | "recent", of: Type, span: ast.Span): Type | null {
  const wrong = (what: string): null => site.world.report("E0205", span, `\`${fn}\` takes ${what}, this is ${describe(of)}`);
  switch (fn) {
    case "sum": case "avg": return of.k === "number" || of.k === "duration" ? of : wrong("numbers or durations");
    case "min": case "max": return isOrdered(of) && of.k !== "string" ? of : wrong("numbers, instants, dates or durations");
    case "distinct": return isScalar(of) ? NUMBER : wrong("single values");
    case "top": case "recent": return isScalar(of) ? of : wrong("single values");
    case "first": case "last": return of;
  }
}
