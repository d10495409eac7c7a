// `at most N per …`, of rules, channels and what earns points.

import type * as ast from "../ast.js";
import type { Cap, Window } from "../program.js";
import { windowOf } from "./durations.js";
import type { World } from "./site.js";

/** The instants that a cap counts are kept with the customer. */
const HIGHEST_CAP = 1000;

export function readCap(world: World, { count, per }: ast.Cap): Cap | null {
  const most = wholeNumber(world, count, 1, HIGHEST_CAP);
  const window: Window | null = per.k === "period" ? { k: "period", unit: per.period } : windowOf(per, world.report);
  return most === null || window === null ? null : { count: most, window };
}

export function wholeNumber(world: World, { value, span }: ast.NumberLiteral, least: number, most: number): number | null {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  return world.report("E0215", span, `this must be a whole number from ${least} to ${most}`);
}
