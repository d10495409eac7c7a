/** All aggregates by the name of their function in a program. */
import type { AggregateFn } from "../../dsl/program.js";
import type { Kind } from "./kind.js";
import { count } from "./count.js";
import { absence, any, first, last, max, min } from "./extremes.js";
import { distinct, recent, top } from "./distinct.js";
import { gap } from "./gap.js";
import { avg, sum } from "./sum.js";

/** A slot's state; which shape it has, its aggregate knows. */
export type Slot = object;

export const KINDS = { count, sum, avg, min, max, first, last, any, absence, distinct, recent, top, gap } satisfies Record<AggregateFn, unknown>;

/** The kind, with its slot type forgotten: whoever calls it gives it only slots that it made itself. */
export function kindOf(fn: AggregateFn): Kind<Slot> {
  return KINDS[fn] as unknown as Kind<Slot>;
}
