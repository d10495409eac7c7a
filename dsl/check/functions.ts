// Calls: the functions of one value, `since`, `min` and `max` of several, and the aggregates' words over lists.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Expr, ScalarFn, Type } from "../program.js";
import { whatItIs } from "./declared.js";
import { figureOf, variantOf } from "./experiments.js";
import { check } from "./expressions.js";
import { fold } from "./folds.js";
import { populationOf } from "./metrics.js";
import { beginsWithEvent, innerName, notInFilter, pathOf } from "./names.js";
import { computed } from "./operators.js";
import { ranked } from "./rankings.js";
import type { Site } from "./site.js";
import * as tree from "./trees.js";
import { BOOLEAN, DATE, NUMBER, STRING, WEEKDAY, describe, isOrdered, join } from "./types.js";
import { FUNCTION_NAMES, isAggregate, isFold, isScalarFunction } from "./words.js";

export function call(site: Site, written: ast.CallExpression): Expr | null {
  const { of: { text: name, span }, arguments: given } = written;
  const { report, declared } = site.world;
  if (isFold(name)) {
    const several = (name === "min" || name === "max") && given.length > 1;
    return several ? extreme(site, written, name === "min" ? "least" : "greatest") : fold(site, written, name);
  }
  if (isAggregate(name)) {
    given.forEach(({ value }) => check(site, value));
    return report("E0217", written.span, `\`${name}\` looks at an event`, { label: `as in ${name === "gap" ? "gap(order_placed)" : name === "top" ? "top(order_placed.currency)" : "recent(product_viewed.sku, 5)"}` });
  }
  switch (name) {
    case "percentile": case "quintile": return ranked(site, written, name);
    case "customers": case "total": case "mean": return populationOf(site, written, name);
    case "variant": return variantOf(site, written);
    case "exposed": case "value": return figureOf(site, written, name);
    default: break;
  }
  if (name === "since" || isScalarFunction(name)) return scalar(site, written, name);
  if (name === "now") return report("E0206", written.span, "`now` is written without brackets");
  // An event in the brackets says that an aggregate was meant, and is no mistake of its own.
  for (const { value } of given) if (!beginsWithEvent(site, pathOf(value) ?? [])) check(site, value);
  const kind = declared.names.get(name);
  if (kind === "broken") return null;
  const what = kind === undefined ? undefined : whatItIs(name, kind);
  return report("E0108", span, `there is no function "${name}"`, { label: what ?? didYouMean(name, FUNCTION_NAMES) });
}

/** The value of an argument that is nothing but a value. */
function plainArgument(site: Site, { value, of, where, among }: ast.Argument, name: string): Expr | null {
  const checked = check(site, value);
  const odd = of?.[0] ?? where ?? among;
  if (odd === null || odd === undefined) return checked;
  return site.world.report("E0206", odd.span, `\`${name}\` takes a value, without \`of\`, \`where\` or \`among\``);
}

function scalar(site: Site, written: ast.CallExpression, name: ScalarFn | "since"): Expr | null {
  const { report } = site.world;
  const args = written.arguments.map((argument) => plainArgument(site, argument, name));
  const [arg] = args;
  const [first] = written.arguments;
  if (args.length !== 1 || first === undefined || arg === undefined) {
    return report("E0206", written.span, `\`${name}\` takes one value, here are ${args.length}`);
  }
  if ((name === "since" || name === "age") && site.filter !== null && innerName(site, written.of) === undefined) return notInFilter(site, `\`${name}\`, which depends on now`, written.of.span);
  if (arg === null) return null;
  const result = resultOf(name, arg.type);
  if (result === null) {
    return report("E0205", first.value.span, `\`${name}\` takes ${wanted(name)}, this is ${describe(arg.type)}`, {
      label: name === "since" && arg.type.k === "date" ? "for a date write `date(now) - …`" : undefined,
    });
  }
  if (name === "since") return computed("-", tree.now, arg);
  return tree.node({ k: "call", fn: name, args: [arg] }, result, arg.maybe);
}

/** What the function gives for a value of this type; null where it takes none such. */
function resultOf(name: ScalarFn | "since", { k }: Type): Type | null {
  switch (name) {
    case "lower": case "upper": case "trim": return k === "string" ? STRING : null;
    case "length": return k === "string" || k === "list" ? NUMBER : null;
    case "round": case "floor": case "ceil": case "abs": return k === "number" ? NUMBER : null;
    case "date": return k === "time" ? DATE : null;
    case "hour": return k === "time" ? NUMBER : null;
    case "weekday": return k === "time" || k === "date" ? WEEKDAY : null;
    case "weekend": return k === "time" || k === "date" ? BOOLEAN : null;
    case "month": case "day": case "year": return k === "time" || k === "date" ? NUMBER : null;
    case "age": return k === "date" ? NUMBER : null;
    case "since": return k === "time" ? NUMBER : null;
    case "least": case "greatest": return null;
  }
}

function wanted(name: ScalarFn | "since"): string {
  switch (name) {
    case "lower": case "upper": case "trim": return "a string";
    case "length": return "a string or a list";
    case "date": case "hour": case "since": return "an instant";
    case "age": return "a date";
    case "weekday": case "weekend": case "month": case "day": case "year": return "an instant or a date";
    default: return "a number";
  }
}

/** `min(a, b, …)`, `max(a, b, …)`. */
function extreme(site: Site, written: ast.CallExpression, fn: "least" | "greatest"): Expr | null {
  const name = written.of.text;
  const args = written.arguments.map((argument) => plainArgument(site, argument, name));
  const there = args.filter((arg): arg is Expr => arg !== null);
  if (there.length < args.length) return null;
  let type: Type | null = null;
  for (const [i, arg] of there.entries()) {
    const span = written.arguments[i]?.span ?? written.span;
    if (!isOrdered(arg.type) || arg.type.k === "string") return site.world.report("E0205", span, `\`${name}\` compares numbers, instants, dates or durations, this is ${describe(arg.type)}`);
    const joined: Type | null = type === null ? arg.type : join(type, arg.type);
    if (joined === null) return site.world.report("E0209", written.span, `the values of \`${name}\` must have one type, here are ${describe(type ?? arg.type)} and ${describe(arg.type)}`);
    type = joined;
  }
  return tree.node({ k: "call", fn, args: there }, type ?? NUMBER, there.some(({ maybe }) => maybe));
}
