// `percentile(x among C)` and `quintile(x among C)`: where a customer stands among all for whom C holds.

import type * as ast from "../ast.js";
import type { Expr, Ranking } from "../program.js";
import { momentaryValue, watchedCondition } from "./conditions.js";
import { notInFilter } from "./names.js";
import { orderOf } from "./order.js";
import { type Site, type World, siteIn } from "./site.js";
import * as tree from "./trees.js";
import { NUMBER, describe, isOrdered } from "./types.js";

export function ranked(site: Site, written: ast.CallExpression, fn: "percentile" | "quintile"): Expr | null {
  const percentile = percentileOf(site, written, fn);
  if (percentile === null || fn === "percentile") return percentile;
  const part = (form: Parameters<typeof tree.node>[0]): Expr => tree.node(form, NUMBER, true);
  const fifth = part({ k: "call", fn: "floor", args: [part({ k: "arithmetic", op: "/", left: percentile, right: tree.number(20) })] });
  return part({ k: "call", fn: "least", args: [tree.number(5), part({ k: "arithmetic", op: "+", left: tree.number(1), right: fifth })] });
}

function percentileOf(site: Site, written: ast.CallExpression, fn: string): Expr | null {
  const { world } = site;
  const { report } = world;
  if (site.filter !== null) return notInFilter(site, `\`${fn}\``, written.of.span);
  if (site.place === "ranking") return nested(world, written.of.span);
  const [argument, second] = written.arguments;
  if (argument === undefined || second !== undefined || argument.among === null || argument.of !== null || argument.where !== null) {
    return report("E0206", written.span, `\`${fn}\` takes a value and among whom it is compared`, { label: `as in ${fn}(spend_year among orders >= 1)` });
  }
  const needs = new Set<string>();
  const inner: Site = { ...siteIn(world, needs), place: "ranking" };
  const value = momentaryValue(inner, argument.value);
  const among = watchedCondition(inner, argument.among, argument.among.k !== "true");
  if (value === null || among === null) return null;
  if (!isOrdered(value.type) || value.type.k === "string") {
    return report("E0205", argument.value.span, `\`${fn}\` compares numbers, instants, dates or durations, this is ${describe(value.type)}`);
  }
  const standing = standingStill(value);
  world.spans.set(standing, written.span);
  const index = world.ranking({ value: standing, among }, needs);
  site.needs.add(`ranking ${index}`);
  return tree.node({ k: "percentile", index }, NUMBER, true);
}

/** `since(t)` has the order of `-t`, which does not change from one moment to the next. */
function standingStill(value: Expr): Expr {
  const isSince = value.k === "arithmetic" && value.op === "-" && value.left.k === "now" && ![...tree.nodes(value.right)].some(({ k }) => k === "now");
  return isSince ? tree.node({ k: "negate", of: value.right }, NUMBER, value.maybe) : { ...value };
}

const nested = ({ report }: World, span: ast.Span): null =>
  report("E0314", span, "a ranking cannot be made of another ranking", { notes: ["where everyone stands is announced once a day, for all rankings at once"] });

/** Rankings that lead to others through traits, segments and tiers. `needs`: what all of these refer to. */
export function refuseNested(world: World, rankings: readonly Omit<Ranking, "key">[], needs: ReadonlyMap<string, ReadonlySet<string>>): void {
  if (rankings.length === 0) return;
  const reading = new Set<string>();
  for (const name of orderOf(needs)) {
    const reads = [...(needs.get(name) ?? [])].some((need) => need.startsWith("ranking ") || reading.has(need));
    if (reads) reading.add(name);
  }
  for (const [index, { value }] of rankings.entries()) {
    const span = world.spans.get(value);
    if (reading.has(`ranking ${index}`) && span !== undefined) nested(world, span);
  }
}
