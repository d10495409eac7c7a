/** Which types of event can change the value of an expression, through everything that it refers to. */
import type { Expr, Moment, Program } from "../../dsl/program.js";
import { PROFILE_UPDATED } from "../compile/compiled.js";
import { children } from "../../dsl/walk.js";

export interface Touching {
  expression(of: Expr): ReadonlySet<string>;
  moment(of: Moment): ReadonlySet<string>;
  /** Of the rows of an aggregate: an event, or points, which events earn. */
  rows(name: string): ReadonlySet<string>;
}

export function touching(program: Program): Touching {
  const known = new Map<string, Set<string>>();
  /** What a declaration is touched by, looked into once; a circle (over tiers and points) ends at what is known so far. */
  const declared = (name: string, parts: () => readonly Expr[], own: readonly string[] = []): ReadonlySet<string> => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const found = new Set<string>(own);
    known.set(name, found);
    for (const part of parts()) walk(part, found);
    return found;
  };
  const walk = (of: Expr, into: Set<string>): void => {
    for (const event of atNode(of)) into.add(event);
    for (const child of children(of)) walk(child, into);
  };
  const segment = (index: number): ReadonlySet<string> => {
    const { enter, leave } = program.segments[index] ?? { enter: null, leave: null };
    return declared(`segment ${index}`, () => [enter, leave].flatMap((held) => (held === null ? [] : [held.if])));
  };
  const tier = (index: number): ReadonlySet<string> => declared(`tier ${index}`, () => [program.tiers[index]?.value].filter((value) => value !== undefined));
  const points = (index: number): ReadonlySet<string> => declared(`points ${index}`, () => [], program.points[index]?.earn.map(({ event }) => event) ?? []);
  const rows = (name: string): ReadonlySet<string> => {
    const index = program.points.findIndex((each) => each.name === name);
    return index < 0 ? new Set([name]) : points(index);
  };
  const atNode = (of: Expr): Iterable<string> => {
    switch (of.k) {
      case "aggregate": return rows(program.aggregates[of.index]?.event ?? "");
      case "trait": return declared(`trait ${of.index}`, () => [program.traits[of.index]?.value].filter((value) => value !== undefined));
      case "segment": return segment(of.index);
      case "tier": return tier(of.index);
      case "points": return points(of.index);
      case "input": return of.of === "profile" ? [PROFILE_UPDATED] : [];
      default: return [];
    }
  };
  return {
    rows,
    expression: (of) => {
      const found = new Set<string>();
      walk(of, found);
      return found;
    },
    moment: (of) => {
      switch (of.k) {
        case "event": return new Set([of.event]);
        case "enter": case "leave": return segment(of.segment);
        case "up": case "down": return tier(of.tier);
        case "change": return declared(`watch ${of.watch}`, () => [program.watches[of.watch]?.value].filter((value) => value !== undefined));
      }
    },
  };
}
