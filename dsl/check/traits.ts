// Traits, and tiers, whose levels expressions read alike: each checked once, when something first refers to it.

import type * as ast from "../ast.js";
import type { Expr, Tier } from "../program.js";
import { traitValue } from "./conditions.js";
import type { Declared } from "./declared.js";
import { mentions } from "./mentions.js";
import { pathOf } from "./names.js";
import { ordered } from "./order.js";
import { type CheckedTrait, type World, siteIn } from "./site.js";
import { readTier } from "./tiers.js";
import { nodes } from "../walk.js";

/** Trees that change continuously are copied to where they are used; beyond this many nodes that goes too far. */
const LARGEST_COPY = 500;
/**
 * What evaluating a trait may cost, in nodes, those of the traits that it refers to counted each time: so a short program
 * never takes long. (Of traits that each refer to the one before twice, the thirtieth would take a billion.)
 */
const MOST_EVALUATED = 20_000;
/** Traits are checked within one another only where `resolutionOrder` has guessed wrongly, or in a circle. */
const DEEPEST = 4;

export interface TraitTable {
  readonly resolve: (name: string) => CheckedTrait | null;
  readonly tier: (name: string) => Tier | null;
  /** What each `trait x` and `tier y` refers to, as Site has it. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
  /** Those that were needed too far down, so that those above have not been checked to the end. */
  readonly tooDeep: ReadonlySet<string>;
}

export function traitTable(declared: Declared, world: () => World): TraitTable {
  const known = new Map<string, CheckedTrait | null>();
  const knownTiers = new Map<string, Tier | null>();
  const needs = new Map<string, Set<string>>();
  const tooDeep = new Set<string>();
  /** By the index of a trait: the nodes that evaluating it visits. */
  const evaluated = new Map<number, number>();
  let depth = 0;
  const resolving = <T>(all: ReadonlyMap<string, T | null>, checkOne: (name: string) => T | null) => (name: string): T | null => {
    const before = all.get(name);
    if (before !== undefined) return before;
    if (depth > DEEPEST) {
      tooDeep.add(name);
      return null;
    }
    depth++;
    const checked = checkOne(name);
    depth--;
    return checked;
  };
  const checkTrait = (name: string): CheckedTrait | null => {
    const declaration = declared.traits.get(name);
    if (declaration === undefined) return null;
    // Whoever asks for it meanwhile stands in a circle, which is found when the order is made.
    known.set(name, null);
    const own = new Set<string>();
    needs.set(`trait ${name}`, own);
    const settled = traitValue(siteIn(world(), own), declaration.value);
    if (settled === null) return null;
    if (settled.continuous && count(settled.value) > LARGEST_COPY) {
      world().report("E0305", declaration.name.span, `"${name}" has become too large`, { notes: ["it changes continuously, and so do traits in it, which it contains as a whole"] });
      return null;
    }
    const index = declared.traitIndex.get(name) ?? 0;
    let cost = 0;
    for (const node of nodes(settled.value)) cost += node.k === "trait" ? (evaluated.get(node.index) ?? 1) : 1;
    evaluated.set(index, cost);
    if (cost > MOST_EVALUATED) {
      world().report("E0305", declaration.name.span, `"${name}" takes too long to evaluate`, { notes: ["the traits in it contain others, again and again"] });
      return null;
    }
    const checked = { name, index, ...settled };
    known.set(name, checked);
    return checked;
  };
  const checkTier = (name: string): Tier | null => {
    const declaration = declared.tiers.get(name);
    if (declaration === undefined) return null;
    knownTiers.set(name, null);
    const own = new Set<string>();
    needs.set(`tier ${name}`, own);
    const tier = readTier(world(), declaration, own);
    knownTiers.set(name, tier);
    return tier;
  };
  return { resolve: resolving(known, checkTrait), tier: resolving(knownTiers, checkTier), needs, tooDeep };
}

function count(tree: Expr): number {
  let size = 0;
  for (const _ of nodes(tree)) size++;
  return size;
}

/**
 * All traits and tiers, those that others mention first: so that checking one rarely means checking another in its middle, and
 * ten thousand in a row never means ten thousand calls in a row.
 */
export function resolutionOrder({ traits, tiers, names }: Declared): readonly string[] {
  const valueOf = (name: string): ast.Expression | undefined => (traits.get(name) ?? tiers.get(name))?.value;
  const seesEventOnly = (node: object): boolean => "k" in node && node.k === "argument" && beginsWith(node as ast.Argument, (name) => names.get(name) === "event");
  return ordered([...traits.keys(), ...tiers.keys()], (name) => [...mentions(valueOf(name), seesEventOnly)].filter((other) => other !== name && valueOf(other) !== undefined)).order;
}

function beginsWith({ of, value }: ast.Argument, isEvent: (name: string) => boolean): boolean {
  const root = (of ?? pathOf(value))?.[0];
  return root !== undefined && isEvent(root.text);
}
