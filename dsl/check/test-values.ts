// The values behind a condition: which of the conditions joined in it hold, what its names and aggregates are, and what
// the traits and segments among them are made of. For people who ask why an expectation failed.

import type * as ast from "../ast.js";
import type { ValueBehind } from "../tests.js";
import { check } from "./expressions.js";
import type { Site } from "./site.js";

const MOST_VALUES = 16;
const MOST_CONDITIONS = 6;

/** Those that stand in the condition come first. Nothing is reported: the condition has been checked. */
export function valuesBehind(site: Site, condition: ast.Expression): readonly ValueBehind[] {
  const silent: Site = { ...site, world: { ...site.world, report: () => null } };
  const { traits, segments } = site.world.declared;
  const known = new Set<string>();
  const found: ValueBehind[] = [];
  for (const joined of conditions(condition)) {
    const value = joined === condition || isPart(joined) ? null : check(silent, joined);
    if (value !== null && found.length < MOST_CONDITIONS) found.push({ span: joined.span, value, isCondition: true });
  }
  const waiting: ast.Expression[] = [condition];
  for (let next = waiting.shift(); next !== undefined && found.length < MOST_VALUES; next = waiting.shift()) {
    for (const part of parts(next)) {
      const name = part.k === "name" ? part.name.text : null;
      if (name !== null && known.has(name)) continue;
      if (name !== null) known.add(name);
      const value = found.length < MOST_VALUES ? check(silent, part) : null;
      if (value !== null) found.push({ span: part.span, value, isCondition: false });
      const trait = name === null ? undefined : traits.get(name);
      const segment = name === null ? undefined : segments.get(name);
      // A trait that is one aggregate and nothing else is told by its name.
      if (trait !== undefined && !isPart(trait.value)) waiting.push(trait.value);
      if (trait !== undefined && trait.value.k === "name") waiting.push(trait.value);
      if (segment !== undefined) waiting.push(segment.enter.if, ...(segment.leave === null ? [] : [segment.leave.if]));
    }
  }
  return found;
}

/** What `and`, `or` and `not` join. */
function conditions(of: ast.Expression): readonly ast.Expression[] {
  if (of.k === "binary" && (of.op.text === "and" || of.op.text === "or")) return [of.left, of.right].flatMap(conditions);
  return of.k === "not" ? conditions(of.of) : [of];
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
