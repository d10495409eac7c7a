// The values behind a condition: which of the conditions joined in it hold, what its names and aggregates are, and what
// the traits and segments among them are made of. For people who ask why an expectation failed.

import type * as ast from "../ast.js";
import type { ValueBehind } from "../tests.js";
import { check } from "./expressions.js";
import { metricSite } from "./metrics.js";
import type { Site } from "./site.js";

const MOST_VALUES = 16;
const MOST_CONDITIONS = 6;

/** An expression, and where it stands. */
interface Part {
  readonly site: Site;
  readonly of: ast.Expression;
}

/** Those that stand in the condition come first. Nothing is reported: the condition has been checked. */
export function valuesBehind(site: Site, condition: ast.Expression): readonly ValueBehind[] {
  const here: Site = { ...site, world: { ...site.world, report: () => null } };
  const known = new Set<string>();
  const found: ValueBehind[] = [];
  for (const joined of conditions(condition)) {
    const value = joined === condition || isPart(joined) ? null : check(here, joined);
    if (value !== null && found.length < MOST_CONDITIONS) found.push({ span: joined.span, value, isCondition: true });
  }
  for (const side of conditions(condition).flatMap(computedSides).slice(0, MOST_CONDITIONS)) {
    const value = check(here, side);
    if (value !== null) found.push({ span: side.span, value, isCondition: false });
  }
  const waiting: Part[] = [{ site: here, of: condition }];
  for (let next = waiting.shift(); next !== undefined && found.length < MOST_VALUES; next = waiting.shift()) {
    for (const part of parts(next.of)) {
      const name = part.k === "name" ? part.name.text : null;
      if (name !== null && known.has(name)) continue;
      if (name !== null) known.add(name);
      const value = found.length < MOST_VALUES ? check(next.site, part) : null;
      if (value !== null) found.push({ span: part.span, value, isCondition: false });
      const root = name ?? (part.k === "dot" && part.of.k === "name" ? part.of.name.text : null);
      if (root !== null) waiting.push(...behind(here, root));
    }
  }
  return found;
}

/** What the name is made of, where that is not shown by the name itself. */
function behind(site: Site, name: string): readonly Part[] {
  const { traits, segments, tiers, metrics } = site.world.declared;
  const [trait, segment, tier, metric] = [traits.get(name), segments.get(name), tiers.get(name), metrics.get(name)];
  const at = (of: ast.Expression): Part => ({ site, of });
  return [
    // A trait that is one aggregate and nothing else is told by its name.
    ...(trait !== undefined && (!isPart(trait.value) || trait.value.k === "name") ? [at(trait.value)] : []),
    ...(segment === undefined ? [] : [at(segment.enter.if), ...(segment.leave === null ? [] : [at(segment.leave.if)])]),
    ...(tier === undefined ? [] : [at(tier.value)]),
    ...(metric === undefined ? [] : [{ site: metricSite(site.world), of: metric.value }]),
  ];
}

/** What `and`, `or` and `not` join. */
function conditions(of: ast.Expression): readonly ast.Expression[] {
  if (of.k === "binary" && (of.op.text === "and" || of.op.text === "or")) return [of.left, of.right].flatMap(conditions);
  return of.k === "not" ? conditions(of.of) : [of];
}

/** Sides of a comparison that are computed of several parts: their own value says more than those. */
function computedSides(of: ast.Expression): readonly ast.Expression[] {
  if (of.k !== "binary") return [];
  return [of.left, of.right].filter((side) => !isPart(side) && side.k !== "list" && side.k !== "object" && parts(side).length > 0);
}

/** Whether the expression is shown as a whole. */
function isPart(of: ast.Expression): boolean {
  switch (of.k) {
    case "name": case "dot": case "index": case "call": case "over": case "this": case "within": case "no": return true;
    default: return false;
  }
}

/** The outermost such parts, in the order of the text. */
function parts(of: ast.Expression): readonly ast.Expression[] {
  if (isPart(of)) return [of];
  switch (of.k) {
    case "binary": return [of.left, of.right].flatMap(parts);
    case "not": case "minus": return parts(of.of);
    case "choose": return [of.if, of.then, of.else].flatMap(parts);
    case "list": return of.items.flatMap(parts);
    case "object": return of.entries.flatMap(({ value }) => parts(value));
    default: return [];
  }
}
