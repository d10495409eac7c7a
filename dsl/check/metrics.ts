// Metrics: figures of all customers together. What they are made of is read here: how many customers there are for whom
// something holds, and totals and means over them.

import type * as ast from "../ast.js";
import type { Expr, Metric, Population } from "../program.js";
import { watchedCondition, watchedValue } from "./conditions.js";
import { check } from "./expressions.js";
import { notInFilter } from "./names.js";
import { type Site, type World, siteIn } from "./site.js";
import * as tree from "./trees.js";
import { NUMBER, describe } from "./types.js";

/** What outside of the brackets is about one customer is refused like what a filter does not see. */
export const metricSite = (world: World): Site => ({ ...siteIn(world), place: "metric", filter: "a metric" });

/** Null where it is wrong. */
export function readMetric(world: World, { name, value: written }: ast.MetricDeclaration): Metric | null {
  const value = check(metricSite(world), written);
  if (value === null) return null;
  if (value.type.k !== "number" && value.type.k !== "duration") {
    return world.report("E0205", written.span, `a metric is a number or a duration, this is ${describe(value.type)}`, { label: value.type.k === "boolean" ? "how many customers it holds for is `customers(…)`" : undefined });
  }
  for (const of of tree.nodes(value)) {
    if (of.k === "local") return world.report("E0311", world.spans.get(of) ?? written.span, "an instant on the wall clock is another one for each customer");
  }
  return { name: name.text, value };
}

/** `customers(C)`, `total(X)`, `mean(X)`. */
export function populationOf(site: Site, written: ast.CallExpression, fn: Population["fn"]): Expr | null {
  const { world } = site;
  const { report } = world;
  if (site.place !== "metric") return report("E0315", written.of.span, `\`${fn}\` looks at all customers, and stands in metrics only`, { label: oneCustomer(site) });
  if (site.filter === null) return report("E0315", written.of.span, `\`${fn}\` looks at all customers, and cannot stand in a figure of them`);
  const [argument, second] = written.arguments;
  if (argument === undefined || second !== undefined || argument.of !== null || argument.where !== null || argument.among !== null) {
    return report("E0206", written.span, fn === "customers" ? "`customers` takes a condition" : `\`${fn}\` takes a value`, { label: fn === "customers" ? "as in customers(orders >= 2)" : `as in ${fn}(spend_year)` });
  }
  const inner: Site = { ...siteIn(world), place: "metric" };
  const of = fn === "customers" ? watchedCondition(inner, argument.value, argument.value.k !== "true") : watchedValue(inner, argument.value);
  if (of === null) return null;
  if (fn !== "customers" && of.type.k !== "number" && of.type.k !== "duration") {
    return report("E0205", argument.value.span, `\`${fn}\` takes numbers or durations, this is ${describe(of.type)}`, { label: of.type.k === "boolean" ? "how many customers it holds for is `customers(…)`" : undefined });
  }
  return tree.node({ k: "population", index: world.population({ fn, of }) }, fn === "customers" ? NUMBER : of.type, fn === "mean");
}

/** A metric by its name, which tests ask for. */
export function metricOf(site: Site, { text, span }: ast.Name): Expr | null {
  const { world } = site;
  if (site.place === "test") return world.metric(text)?.value ?? null;
  if (site.place === "metric") return world.report("E0315", span, `"${text}" is a metric itself`, { label: "write out what it is made of" });
  if (site.filter !== null) return notInFilter(site, `the metric "${text}"`, span, text);
  return world.report("E0315", span, `"${text}" is a metric: a figure of all customers together`, { label: oneCustomer(site) });
}

const oneCustomer = ({ place }: Site): string | undefined => (place === "test" ? "give the metric a name, and ask for that" : "only one customer is seen here");
