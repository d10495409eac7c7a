/**
 * What the segments of a program mean, and what else moves the customers' wakes: as hashes that are the same exactly as long as
 * the meaning is, whatever stands beside it in the program. Layouts of states hold them (engine/state-layout.ts), so that a
 * segment that is the same can be told from one that only has the same name.
 */
import { heldMeaning, keyOf, meaning, type Meanings } from "../../dsl/check/keys.js";
import type { Expr, Held, Program } from "../../dsl/program.js";
import { nodes } from "../../dsl/walk.js";

export interface ProgramMeanings {
  /** By segment. */
  readonly segments: readonly string[];
  /** Of conditions with `for at least`, by the index of their Holding: what must hold, however long. */
  readonly holdings: { readonly [index: string]: string };
  /** Of all else by which time alone may bring something about for a customer. */
  readonly clock: string;
}

type Kind = "trait" | "segment" | "tier" | "ranking" | "population";

interface Node {
  readonly trees: readonly Expr[];
  readonly key: (meanings: Meanings) => string;
}

export function meaningsOf(program: Program): ProgramMeanings {
  const meanings = referenceMeanings(program);
  const tree = (of: Expr | null): unknown => (of === null ? null : meaning(of, meanings));
  const holdings: Record<string, string> = {};
  const note = (index: number, held: Held | null): void => {
    if (held !== null && (held.forMs > 0 || held.forMonths > 0)) holdings[index] = keyOf(tree(held.if));
  };
  program.segments.forEach(({ enter, leave }, i) => {
    note(2 * i, enter);
    note(2 * i + 1, leave);
  });
  return {
    segments: program.segments.map((_, i) => meanings.segment(i)),
    holdings,
    clock: keyOf({
      profile: program.profile, retain: program.retain,
      tiers: program.tiers.map((_, i) => meanings.tier(i)),
      points: program.points.map(({ name, expire }) => [name, expire]),
      populations: program.populations.map((_, i) => meanings.population(i)),
      rules: program.rules.flatMap(({ name, schedules, until }) => {
        const conditions = until.flatMap((each) => (each.k === "condition" ? [tree(each.if)] : []));
        if (schedules.length + conditions.length === 0) return [];
        return [[name, schedules.map((each) => (each.k === "yearly" ? { ...each, date: tree(each.date) } : each)), conditions]];
      }),
      channels: program.channels.map(({ name, policies }) => [name, policies.map((index) => program.policies[index]?.name)]),
      policies: program.policies.map(({ name, quiet }) => [name, quiet.map((each) => (each.k === "condition" ? tree(each.if) : each))]),
    }),
  };
}

/** Keys of all that trees refer to. Without recursion: traits may refer to one another in long chains. */
export function referenceMeanings(program: Program): Meanings {
  const known = new Map<string, string>();
  const place = (kind: Kind, index: number): string => `${kind} ${index}`;
  const meanings: Meanings = {
    aggregate: (index) => program.aggregates[index]?.key ?? "",
    points: (index) => program.points[index]?.name ?? "",
    experiment: (index) => program.experiments[index]?.name ?? "",
    trait: (index) => known.get(place("trait", index)) ?? "",
    segment: (index) => known.get(place("segment", index)) ?? "",
    tier: (index) => known.get(place("tier", index)) ?? "",
    ranking: (index) => known.get(place("ranking", index)) ?? "",
    population: (index) => known.get(place("population", index)) ?? "",
  };
  const all = new Map<string, Node>();
  const add = (kind: Kind, index: number, trees: readonly Expr[], key: (meanings: Meanings) => unknown): void =>
    void all.set(place(kind, index), { trees, key: (of) => keyOf(key(of)) });
  program.traits.forEach(({ value }, i) => add("trait", i, [value], (of) => meaning(value, of)));
  program.segments.forEach(({ enter, leave }, i) =>
    add("segment", i, leave === null ? [enter.if] : [enter.if, leave.if], (of) => [heldMeaning(enter, of), heldMeaning(leave, of)]));
  program.tiers.forEach(({ value, levels }, i) => add("tier", i, [value], (of) => [meaning(value, of), levels]));
  program.rankings.forEach(({ key }, i) => add("ranking", i, [], () => key));
  program.populations.forEach(({ key }, i) => add("population", i, [], () => key));
  const waiting = [...all.keys()].reverse();
  for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
    const node = all.get(next);
    const missing = known.has(next) || node === undefined ? [] : references(node.trees).filter((other) => !known.has(other) && all.has(other));
    if (missing.length > 0) {
      waiting.push(...missing);
      continue;
    }
    if (!known.has(next) && node !== undefined) known.set(next, node.key(meanings));
    waiting.pop();
  }
  return meanings;
}

function references(trees: readonly Expr[]): string[] {
  const found = new Set<string>();
  for (const tree of trees) {
    for (const node of nodes(tree)) {
      switch (node.k) {
        case "trait": case "segment": case "tier": found.add(`${node.k} ${node.index}`); break;
        case "percentile": found.add(`ranking ${node.index}`); break;
        default: break;
      }
    }
  }
  return [...found];
}
