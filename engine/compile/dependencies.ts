/**
 * What depends on what: of everything that is settled, the ranks that must be looked at again when an aggregate, points,
 * the profile, the clock or something that was settled before has changed.
 */
import type { Expr, Program, Settled } from "../../dsl/program.js";
import { children } from "../../dsl/walk.js";

export interface Dependencies {
  /** Ranks (places in Program.order) that depend on an aggregate, on points, on a ranking's figures. */
  readonly ranksOfAggregate: readonly (readonly number[])[];
  readonly ranksOfPoints: readonly (readonly number[])[];
  readonly ranksOfRanking: readonly (readonly number[])[];
  readonly ranksOfProfile: readonly number[];
  /** … on the clock or on when the customer was first seen, whatever their slots hold. */
  readonly ranksOfClock: readonly number[];
  /** By rank: the ranks that depend on it. */
  readonly dependents: readonly (readonly number[])[];
}

interface Reads {
  readonly aggregates: Set<number>;
  readonly points: Set<number>;
  /** `segment 3`, `tier 0`, `ranking 1`. */
  readonly settled: Set<string>;
  /** Looked into already. */
  readonly traits: Set<number>;
  profile: boolean;
  clock: boolean;
}

const nameOf = ({ k, index }: Settled): string => `${k} ${index}`;

export function dependencies(program: Program): Dependencies {
  const ranks = new Map(program.order.map((node, rank) => [nameOf(node), rank]));
  const found = {
    ranksOfAggregate: program.aggregates.map((): number[] => []),
    ranksOfPoints: program.points.map((): number[] => []),
    ranksOfRanking: program.rankings.map((): number[] => []),
    ranksOfProfile: [] as number[],
    ranksOfClock: [] as number[],
    dependents: program.order.map((): number[] => []),
  };
  program.order.forEach((node, rank) => {
    const reads: Reads = { aggregates: new Set(), points: new Set(), settled: new Set(), traits: new Set(), profile: false, clock: false };
    for (const tree of treesOfNode(program, node)) collect(program, tree, reads);
    for (const aggregate of reads.aggregates) found.ranksOfAggregate[aggregate]?.push(rank);
    for (const points of reads.points) found.ranksOfPoints[points]?.push(rank);
    for (const name of reads.settled) {
      const other = ranks.get(name);
      if (other === undefined) continue;
      found.dependents[other]?.push(rank);
      if (name.startsWith("ranking ")) found.ranksOfRanking[Number(name.slice("ranking ".length))]?.push(rank);
    }
    if (reads.profile) found.ranksOfProfile.push(rank);
    if (reads.clock) found.ranksOfClock.push(rank);
  });
  return found;
}

function treesOfNode(program: Program, { k, index }: Settled): readonly Expr[] {
  const at = <T>(list: readonly T[]): T => list[index] as T;
  switch (k) {
    case "segment": { const { enter, leave } = at(program.segments); return leave === null ? [enter.if] : [enter.if, leave.if]; }
    case "tier": return [at(program.tiers).value];
    case "watch": return [at(program.watches).value];
    case "ranking": return [at(program.rankings).value, at(program.rankings).among];
    case "population": return [at(program.populations).of];
  }
}

/** Without recursion: traits may refer to one another in long chains. */
function collect(program: Program, root: Expr, reads: Reads): void {
  const waiting = [root];
  for (let expr = waiting.pop(); expr !== undefined; expr = waiting.pop()) {
    read(program, expr, reads, waiting);
    waiting.push(...children(expr));
  }
}

/** What one node reads; what is to be looked at beside its children goes to `waiting`. */
function read(program: Program, expr: Expr, reads: Reads, waiting: Expr[]): void {
  switch (expr.k) {
    case "aggregate":
      reads.aggregates.add(expr.index);
      if (program.aggregates[expr.index]?.fn === "absence") reads.clock = true;
      break;
    case "segment": reads.settled.add(`segment ${expr.index}`); break;
    case "tier":
      reads.settled.add(`tier ${expr.index}`);
      if (expr.fn === "missing") waiting.push((program.tiers[expr.index] as Program["tiers"][number]).value);
      break;
    case "percentile":
      reads.settled.add(`ranking ${expr.index}`);
      waiting.push((program.rankings[expr.index] as Program["rankings"][number]).among);
      break;
    case "points":
      reads.points.add(expr.index);
      reads.profile = true; // calendar months end by the customer's zone
      break;
    case "trait":
      if (!reads.traits.has(expr.index)) {
        reads.traits.add(expr.index);
        waiting.push((program.traits[expr.index] as Program["traits"][number]).value);
      }
      break;
    case "input": if (expr.of === "profile") reads.profile = true; break;
    case "now": reads.clock = true; break;
    case "local": reads.profile = true; break; // the zone is the profile's
    case "call": if (expr.fn === "age") reads.clock = true; break;
    default: break;
  }
}
