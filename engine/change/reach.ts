/**
 * How far back into history what is new reaches, and from when on it is exact where history does not go back so far.
 *
 * A window is exact once history has been there for its whole length; what counts a lifetime (and a segment with `until`, whose
 * members may have entered at any time) only where history is whole. What is made of other things reaches as far as any of them.
 */
import type { Expr, Length, Program, Window } from "../../dsl/program.js";
import { nodes } from "../../dsl/walk.js";
import { UTC, addMonths, periodEnd } from "../zone.js";
import { remembers, type Part } from "./compare.js";

/** All of history, or what has been there for a window and a while longer. */
export interface Reach {
  readonly all: boolean;
  readonly windows: readonly Window[];
  /** Beyond the longest window: `for at least`. */
  readonly beyond: Length;
}

const NOTHING: Reach = { all: false, windows: [], beyond: { ms: 0, months: 0 } };
const ALL: Reach = { ...NOTHING, all: true };

const both = (a: Reach, b: Reach): Reach => ({
  all: a.all || b.all, windows: [...a.windows, ...b.windows],
  beyond: { ms: Math.max(a.beyond.ms, b.beyond.ms), months: Math.max(a.beyond.months, b.beyond.months) },
});

/** Of a part that is filled from history. */
export function reachOf(program: Program, { kind, key }: Pick<Part, "kind" | "key">): Reach {
  switch (kind) {
    case "aggregate": return ofAggregate(program, program.aggregates.findIndex((aggregate) => aggregate.key === key));
    case "segment": return ofSegment(program, program.segments.findIndex(({ name }) => name === key));
    case "points": return ofPoints(program, program.points.findIndex(({ name }) => name === key));
    // The last value may have come at any time.
    case "profile": return ALL;
    default: return NOTHING;
  }
}

function ofAggregate({ aggregates }: Program, index: number): Reach {
  const window = aggregates[index]?.window;
  if (window === undefined || window.k === "run") return NOTHING;
  return window.k === "life" ? ALL : { ...NOTHING, windows: [window] };
}

function ofSegment(program: Program, index: number): Reach {
  const segment = program.segments[index];
  if (segment === undefined) return NOTHING;
  const { enter, leave } = segment;
  if (leave !== null) return ALL;
  const reach = ofTree(program, enter.if);
  return remembers(segment) ? { ...reach, beyond: { ms: Math.max(reach.beyond.ms, enter.forMs), months: Math.max(reach.beyond.months, enter.forMonths) } } : reach;
}

function ofPoints(program: Program, index: number): Reach {
  const points = program.points[index];
  if (points === undefined) return NOTHING;
  const { expire, earn } = points;
  const own: Reach = expire === null ? ALL : { ...NOTHING, windows: [expire.months > 0 ? { k: "months", months: expire.months } : { k: "sliding", ms: expire.ms }] };
  return earn.reduce((reach, { amount }) => both(reach, ofTree(program, amount)), own);
}

/** Of whatever an expression is made of. Traits may refer to one another in long chains: no recursion through them. */
function ofTree(program: Program, root: Expr): Reach {
  let reach = NOTHING;
  const seen = new Set<string>();
  const waiting: Expr[] = [root];
  for (let tree = waiting.pop(); tree !== undefined; tree = waiting.pop()) {
    for (const node of nodes(tree)) {
      if (!("index" in node) || typeof node.index !== "number") continue;
      const place = `${node.k} ${node.index}`;
      if (seen.has(place)) continue;
      seen.add(place);
      switch (node.k) {
        case "aggregate": reach = both(reach, ofAggregate(program, node.index)); break;
        case "trait": waiting.push(...treesOf(program.traits[node.index]?.value)); break;
        case "tier": waiting.push(...treesOf(program.tiers[node.index]?.value)); break;
        case "segment": {
          const segment = program.segments[node.index];
          if (segment === undefined) break;
          if (segment.leave !== null) return ALL;
          reach = both(reach, { ...NOTHING, beyond: { ms: segment.enter.forMs, months: segment.enter.forMonths } });
          waiting.push(segment.enter.if);
          break;
        }
        case "points": {
          const points = program.points[node.index];
          if (points?.expire === null) return ALL;
          waiting.push(...(points?.earn ?? []).map(({ amount }) => amount));
          break;
        }
        default: break;
      }
    }
  }
  return reach;
}

const treesOf = (tree: Expr | undefined): readonly Expr[] => (tree === undefined ? [] : [tree]);

/** The first instant at which it is exact where history begins at `from`; null: at none. In UTC: customers' own zones differ by hours. */
export function exactFrom({ all, windows, beyond }: Reach, from: number): number | null {
  if (all) return null;
  const filled = Math.max(from, ...windows.map((window) => filledAt(window, from)));
  return addMonths(UTC, filled, beyond.months) + beyond.ms;
}

function filledAt(window: Window, from: number): number {
  switch (window.k) {
    case "life": return Infinity;
    case "sliding": return from + window.ms;
    case "months": return addMonths(UTC, from, window.months);
    // The period in which history begins is not whole.
    case "period": return periodEnd(UTC, from, window.unit);
    case "run": return from;
  }
}

/** In words: `12 months`, `the lifetime`. */
export function longestWindow({ all, windows }: Reach): Window | null {
  if (all) return { k: "life" };
  const length = (window: Window): number => filledAt(window, 0);
  return windows.reduce<Window | null>((longest, window) => (longest === null || length(window) > length(longest) ? window : longest), null);
}
