// Traits: each checked once, when something first refers to it.

import type { Expr } from "../program.js";
import { traitValue } from "./conditions.js";
import type { Declared } from "./declared.js";
import { mentions } from "./mentions.js";
import { ordered } from "./order.js";
import { type CheckedTrait, type World, siteIn } from "./site.js";
import { nodes } from "./trees.js";

/** Trees that change continuously are copied to where they are used; beyond this many nodes that goes too far. */
const LARGEST_COPY = 500;

export interface TraitTable {
  readonly resolve: (name: string) => CheckedTrait | null;
  /** What each trait refers to, as `trait x` and `segment y`. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
}

export function traitTable(declared: Declared, world: () => World): TraitTable {
  const known = new Map<string, CheckedTrait | null>();
  const needs = new Map<string, Set<string>>();
  const resolve = (name: string): CheckedTrait | null => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const declaration = declared.traits.get(name);
    if (declaration === undefined) return null;
    // Whoever asks for it meanwhile stands in a circle, which is found when the order is made.
    known.set(name, null);
    const own = new Set<string>();
    needs.set(name, own);
    const settled = traitValue(siteIn(world(), own), declaration.value);
    if (settled === null) return null;
    if (settled.continuous && count(settled.value) > LARGEST_COPY) {
      world().report("E0305", declaration.name.span, `"${name}" has become too large`, { notes: ["It changes continuously, so the traits in it stand in it as a whole."] });
      return null;
    }
    const checked = { name, index: declared.traitIndex.get(name) ?? 0, ...settled };
    known.set(name, checked);
    return checked;
  };
  return { resolve, needs };
}

function count(tree: Expr): number {
  let size = 0;
  for (const _ of nodes(tree)) size++;
  return size;
}

/**
 * All traits, those that others mention first: so that checking one rarely means checking another in its middle, and
 * ten thousand in a row never means ten thousand calls in a row.
 */
export function resolutionOrder({ traits }: Declared): readonly string[] {
  const names = [...traits.keys()];
  return ordered(names, (name) => [...mentions(traits.get(name)?.value)].filter((other) => other !== name && traits.has(other))).order;
}
