/**
 * Experiments: which variant a customer has, when they came to it, and what they did after.
 *
 * A variant is chosen by a hash of experiment and customer, so that nothing need be stored before the customer comes to
 * a `split`; from then on the exposure says it, also where the percentages change. Figures are told as differences:
 * the sum of all that was told is the sum over all exposures, exactly.
 *
 * The hash: the 64 bits of `hash64("<experiment>\0<customer>", 0x5eedab1e)` as a fraction of 2^64 (of which a double keeps
 * 53 bits), times 100, against the percentages in the author's order. It must never change.
 */
import { LARGEST_ADDEND } from "./aggregates/exact-sum.js";
import { HOLDOUT, type Experiment, type Length } from "../dsl/program.js";
import type { Compiled, EventPlan } from "./compile/compiled.js";
import { extrasOf, type Context, type Exposure } from "./customer.js";
import { hash64, type Hash64 } from "./hash.js";
import { addMonths, type Zone } from "./zone.js";

export interface ExperimentFigures {
  readonly exposed: number;
  readonly reached: number;
  readonly value: number;
}

export interface ExperimentSink {
  /** By so much the figures of an arm change. `value` comes in exact steps: add them up exactly. */
  experiment(experiment: number, arm: number, difference: ExperimentFigures): void;
}

/** What is needed of a compiled program. */
export type Experiments = Pick<Compiled, "experiments">;

const SEED = 0x5eedab1e;
const scratch: Hash64 = { high: 0, low: 0 };

/** 0 (inclusive) to 1 (exclusive). */
export function positionOf(experiment: string, customer: string): number {
  hash64(`${experiment}\u0000${customer}`, SEED, scratch);
  return (scratch.high * 0x200000 + (scratch.low >>> 11)) / 2 ** 53;
}

/** Place in the arms. */
function chosenArm({ name, arms }: Experiment, customer: string): number {
  const at = positionOf(name, customer) * 100;
  let upTo = 0;
  for (let i = 0; i < arms.length - 1; i++) {
    upTo += (arms[i] as { percent: number }).percent;
    if (at < upTo) return i;
  }
  return arms.length - 1; // what rounding leaves of 100 is the last one's
}

function exposureOf(x: Context, experiment: number): Exposure | undefined {
  return x.customer.extras?.exposures.find(({ index }) => index === experiment);
}

/** The customer's variant: as a test fixes it, as it was when they came to it, or by the hash. */
export function variantOf(x: Context, index: number, experiment: Experiment): string {
  const fixed = x.fixedVariants?.get(index);
  if (fixed !== undefined) return fixed;
  const exposed = exposureOf(x, index);
  const arm = (exposed === undefined ? undefined : experiment.arms[exposed.arm]) ?? experiment.arms[chosenArm(experiment, x.customer.id)];
  return arm?.name ?? HOLDOUT;
}

/** The customer comes to a `split`; the first time is the exposure. Answers the variant. */
export function expose(compiled: Experiments, x: Context, index: number, sink: ExperimentSink): string {
  const experiment = compiled.experiments[index] as Experiment;
  const variant = variantOf(x, index, experiment);
  if (exposureOf(x, index) !== undefined) return variant;
  const arm = experiment.arms.findIndex(({ name }) => name === variant);
  if (arm < 0) return variant;
  const { exposures } = extrasOf(x.customer);
  let place = 0;
  while (place < exposures.length && (exposures[place] as Exposure).index < index) place++;
  exposures.splice(place, 0, { index, arm, at: x.now, reached: false, value: 0 });
  sink.experiment(index, arm, { exposed: 1, reached: 0, value: 0 });
  return variant;
}

/** The end (exclusive) of the time in which goals are attributed to an exposure. */
export function goalsUntil(within: Length, zone: Zone, at: number): number {
  return within.months === 0 ? at + within.ms : addMonths(zone, at, within.months);
}

/**
 * The event of `x.row` counts for each experiment whose goal it is and to which the customer has come before: where its
 * own time is not before the exposure and within the time from there. Each such event adds its value.
 */
export function reachGoals(x: Context, plan: Pick<EventPlan, "goals">, sink: ExperimentSink): void {
  for (const { experiment, where, value, within } of plan.goals) {
    const exposure = exposureOf(x, experiment);
    if (exposure === undefined || x.rowTime < exposure.at || x.rowTime >= goalsUntil(within, x.zone, exposure.at)) continue;
    if (where !== null && !where(x)) continue;
    reach(exposure, value?.(x) ?? 0, sink);
  }
}

function reach(exposure: Exposure, worth: unknown, sink: ExperimentSink): void {
  const before = exposure.value;
  const after = typeof worth === "number" ? before + worth : before;
  const first = exposure.reached ? 0 : 1;
  exposure.reached = true;
  // A sum that no double can hold is left as it was.
  exposure.value = Math.abs(after) <= LARGEST_ADDEND ? after : before;
  if (first === 0 && exposure.value === before) return;
  // In two steps, since the difference of two doubles is seldom a double.
  sink.experiment(exposure.index, exposure.arm, { exposed: 0, reached: first, value: exposure.value });
  if (before !== 0) sink.experiment(exposure.index, exposure.arm, { exposed: 0, reached: 0, value: -before });
}

/** Takes what a customer's exposures have added out of the figures. */
export function withdrawExposures(exposures: readonly Exposure[], sink: ExperimentSink): void {
  for (const { index, arm, reached, value } of exposures) {
    sink.experiment(index, arm, { exposed: -1, reached: reached ? -1 : 0, value: value === 0 ? 0 : -value });
  }
}
