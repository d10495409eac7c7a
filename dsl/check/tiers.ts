// Tiers: levels that follow a number. And what expressions ask of them: the level, which compares by rank, the next one
// and what is missing to it.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { CompareOp, Expr, Tier, Type } from "../program.js";
import { watchedValue } from "./conditions.js";
import { notInFilter } from "./names.js";
import { type Site, type World, siteIn } from "./site.js";
import * as tree from "./trees.js";
import { NUMBER, describe } from "./types.js";

/** Null where its value is wrong. */
export function readTier(world: World, { name, value: written, levels: lines }: ast.TierDeclaration, needs: Set<string>): Tier | null {
  const { report } = world;
  const levels: Tier["levels"][number][] = [];
  for (const { name: level, at } of lines) {
    if (levels.some((other) => other.name === level.text)) {
      report("E0101", level.span, `the level "${level.text}" stands twice in this tier`);
      continue;
    }
    const below = levels.at(-1);
    if (below !== undefined && at.value <= below.at) {
      report("E0313", at.span, `"${level.text}" must begin above "${below.name}", which begins at ${below.at}`, { label: "levels stand from the lowest to the highest" });
    }
    levels.push({ name: level.text, at: at.value });
  }
  const value = watchedValue(siteIn(world, needs), written);
  if (value === null) return null;
  if (value.type.k !== "number") {
    return report("E0205", written.span, `a tier goes by a number, this is ${describe(value.type)}`, { label: value.type.k === "duration" ? "write `… / 1 day`" : "as in `by sum(order_placed.total) over 12 months`" });
  }
  return { name: name.text, value, levels };
}

/** Below the lowest level there is none. */
export function mayBeBelow(world: World, { value, levels }: Tier): boolean {
  const [lowest] = levels;
  return value.maybe || lowest === undefined || lowest.at > 0 || !isNeverNegative(world, value);
}

/** Numbers of things, and what is earned: what does not earn something earns nothing. */
function isNeverNegative(world: World, of: Expr): boolean {
  switch (of.k) {
    case "const": return typeof of.value === "number" && of.value >= 0;
    case "points": return true;
    case "aggregate": return world.counts(of.index);
    case "trait": {
      const value = world.traitAt(of.index)?.value;
      return value !== undefined && isNeverNegative(world, value);
    }
    default: return false;
  }
}

// ---- in expressions ----

const FIELDS: readonly string[] = ["next", "missing"];

/** `status`: null where the tier is wrong itself, or in a circle. */
export function levelOf(site: Site, name: ast.Name): Expr | null {
  const known = tierIn(site, name);
  return known === null ? null : tree.node({ k: "tier", fn: "level", index: known.index }, known.type, known.maybe);
}

/** `status.next`, `status.missing`. */
export function tierField(site: Site, name: ast.Name, field: ast.Name): Expr | null {
  const known = tierIn(site, name);
  if (known === null) return null;
  switch (field.text) {
    case "next": return tree.node({ k: "tier", fn: "next", index: known.index }, known.type, true);
    case "missing": return tree.node({ k: "tier", fn: "missing", index: known.index }, NUMBER, true);
    default: return site.world.report("E0107", field.span, `a tier has no "${field.text}"`, {
      label: didYouMean(field.text, FIELDS), notes: [`"${name.text}" alone is the level; there are also ${name.text}.next and ${name.text}.missing`],
    });
  }
}

interface KnownTier {
  readonly index: number;
  readonly type: Type;
  readonly maybe: boolean;
}

function tierIn(site: Site, { text, span }: ast.Name): KnownTier | null {
  const { world } = site;
  if (site.filter !== null) return notInFilter(site, `the tier "${text}"`, span, text);
  site.needs.add(`tier ${text}`);
  world.used.add(text);
  const tier = world.tier(text);
  if (tier === null) return null;
  return { index: world.declared.tierIndex.get(text) ?? 0, type: { k: "string", of: tier.levels.map(({ name }) => name) }, maybe: mayBeBelow(world, tier) };
}

// ---- by rank ----

/** `status >= "vib"`: undefined where neither side is a level of a tier. */
export function comparedByRank(site: Site, op: Exclude<CompareOp, "==" | "!=">, sides: readonly [Expr, Expr], written: ast.BinaryExpression): Expr | null | undefined {
  const { world } = site;
  const [left, right] = sides;
  const [ofLeft, ofRight] = [tierBehind(world, left), tierBehind(world, right)];
  const index = ofLeft ?? ofRight;
  if (index === null) return undefined;
  const tier = world.tierAt(index);
  if (tier === null) return null;
  if (ofLeft !== null && ofRight !== null && ofLeft !== ofRight) {
    return world.report("E0222", written.op.span, `the levels of "${tier.name}" and of "${world.tierAt(ofRight)?.name ?? ""}" have no order among each other`);
  }
  const [a, b] = [rankOf(world, tier, left, written.left), rankOf(world, tier, right, written.right)];
  return a === null || b === null ? null : tree.compare(op, a, b);
}

/** The tier whose level this is, also through traits, `??` and conditional values. */
function tierBehind(world: World, of: Expr): number | null {
  switch (of.k) {
    case "tier": return of.fn === "level" || of.fn === "next" ? of.index : null;
    case "trait": {
      const value = world.traitAt(of.index)?.value;
      return value === undefined || value.type.k !== "string" ? null : tierBehind(world, value);
    }
    case "coalesce": return tierBehind(world, of.left) ?? tierBehind(world, of.right);
    case "if": return tierBehind(world, of.then) ?? tierBehind(world, of.else);
    default: return null;
  }
}

/** The place of the text among the levels. */
function rankOf(world: World, tier: Tier, of: Expr, written: ast.Expression): Expr | null {
  const { levels } = tier;
  switch (of.k) {
    case "const": return of.value === null ? of : constantRank(world, tier, of, written);
    case "tier": return of.fn === "level" ? tree.node({ k: "tier", fn: "rank", index: of.index }, NUMBER, of.maybe) : chosenRank(levels, of);
    case "coalesce": {
      const [left, right] = [rankOf(world, tier, of.left, written), rankOf(world, tier, of.right, written)];
      return left === null || right === null ? null : tree.node({ k: "coalesce", left, right }, NUMBER, of.maybe);
    }
    case "if": {
      const [then, otherwise] = [rankOf(world, tier, of.then, written), rankOf(world, tier, of.else, written)];
      return then === null || otherwise === null ? null : tree.node({ k: "if", if: of.if, then, else: otherwise }, NUMBER, of.maybe);
    }
    default: {
      const texts = of.type.k === "string" ? of.type.of : undefined;
      const unknown = texts?.find((text) => !levels.some(({ name }) => name === text));
      if (texts === undefined || unknown !== undefined) {
        return world.report("E0222", written.span, `only levels of "${tier.name}" stand above or below one`, {
          label: unknown === undefined ? "any text may stand here" : `"${unknown}" is none`, notes: [levelsShown(tier)],
        });
      }
      const named = of.k === "trait" ? world.traitAt(of.index)?.value : undefined;
      return named === undefined || tierBehind(world, named) === null ? chosenRank(levels, of) : rankOf(world, tier, named, written);
    }
  }
}

function constantRank(world: World, tier: Tier, of: Extract<Expr, { k: "const" }>, written: ast.Expression): Expr | null {
  const rank = tier.levels.findIndex(({ name }) => name === of.value);
  if (rank >= 0) return tree.number(rank);
  const text = String(of.value);
  return world.report("E0204", world.spans.get(of) ?? written.span, `"${tier.name}" has no level "${text}"`, {
    label: didYouMean(text, tier.levels.map(({ name }) => name)), notes: [levelsShown(tier)],
  });
}

const levelsShown = ({ levels }: Tier): string => `the levels are ${levels.map(({ name }) => `"${name}"`).join(", ")}`;

/** Of a text that is one of the levels at run time, or missing. */
function chosenRank(levels: Tier["levels"], of: Expr): Expr {
  let rank: Expr = tree.missing;
  for (const [i, { name }] of [...levels.entries()].reverse()) {
    rank = tree.node({ k: "if", if: tree.compare("==", of, tree.text(name)), then: tree.number(i), else: rank }, NUMBER, of.maybe || rank.maybe);
  }
  return rank;
}
