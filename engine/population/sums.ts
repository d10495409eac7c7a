/**
 * What the customers of one partition add up to: for each population of a metric their number and the sum of what they
 * contribute, for each arm of an experiment who came to it, who reached the goal, and its value. Sums are exact
 * (aggregates/exact-sum.ts): whatever is added and taken out again leaves nothing behind.
 *
 * They stand in text fields of the partition's meta, by the population's key and the arm's name, and change in the same
 * commits as the customers.
 */
import type { Population } from "../../dsl/program.js";
import { LARGEST_ADDEND, addExactly, rounded, type ExactSum } from "../aggregates/exact-sum.js";
import type { Compiled } from "../compile/compiled.js";
import type { ExperimentFigures } from "../experiments.js";
import type { MetaFields } from "../ports.js";

export interface Sum {
  count: number;
  readonly parts: ExactSum;
}

export interface ArmSum {
  exposed: number;
  reached: number;
  readonly value: ExactSum;
}

export interface Sums {
  /** By place in Program.populations. */
  readonly populations: readonly Sum[];
  /** By place in Program.experiments, then in its arms. */
  readonly experiments: readonly (readonly ArmSum[])[];
}

export function emptySums({ program }: Pick<Compiled, "program">): Sums {
  return {
    populations: program.populations.map(() => ({ count: 0, parts: [] })),
    experiments: program.experiments.map(({ arms }) => arms.map(() => ({ exposed: 0, reached: 0, value: [] }))),
  };
}

/** Sums can hold no more. */
const bounded = (value: number): number => Math.max(-LARGEST_ADDEND, Math.min(LARGEST_ADDEND, value));

export function contribute(sum: Sum, before: number | null, after: number | null): void {
  if (before !== null) {
    sum.count--;
    addExactly(sum.parts, -bounded(before));
  }
  if (after !== null) {
    sum.count++;
    addExactly(sum.parts, bounded(after));
  }
}

export function addToArm(arm: ArmSum, { exposed, reached, value }: ExperimentFigures): void {
  arm.exposed += exposed;
  arm.reached += reached;
  if (value !== 0) addExactly(arm.value, bounded(value));
}

/** Null: a mean of nobody. */
export function valueOf(fn: Population["fn"], sums: readonly Sum[]): number | null {
  let count = 0;
  const parts: ExactSum = [];
  for (const sum of sums) {
    count += sum.count;
    for (const part of sum.parts) addExactly(parts, part);
  }
  if (fn === "customers") return count;
  if (fn === "total") return rounded(parts);
  return count === 0 ? null : rounded(parts) / count;
}

export function addUp(all: readonly ArmSum[]): ExperimentFigures {
  const value: ExactSum = [];
  let exposed = 0;
  let reached = 0;
  for (const arm of all) {
    exposed += arm.exposed;
    reached += arm.reached;
    for (const part of arm.value) addExactly(value, part);
  }
  return { exposed, reached, value: rounded(value) };
}

// ---------------------------------------------------------------------------------------------------- fields

export const POPULATION_PREFIX = "population:";
const EXPERIMENT_PREFIX = "experiment:";

export const populationField = (key: string): string => `${POPULATION_PREFIX}${key}`;
export const armField = (experiment: string, arm: string): string => `${EXPERIMENT_PREFIX}${experiment}:${arm}`;

export const writeSum = ({ count, parts }: Sum): string => [count, ...parts].join(" ");
export const writeArm = ({ exposed, reached, value }: ArmSum): string => [exposed, reached, ...value].join(" ");

/** What the fields say for the program's populations and experiments; what they do not know of is nothing yet. */
export function readSums(compiled: Pick<Compiled, "program">, fields: MetaFields): Sums {
  const sums = emptySums(compiled);
  const numbers = (name: string): number[] => (fields[name] ?? "").split(" ").filter((text) => text !== "").map(Number);
  compiled.program.populations.forEach(({ key }, i) => {
    const [count = 0, ...parts] = numbers(populationField(key));
    const sum = sums.populations[i] as Sum;
    sum.count = count;
    sum.parts.push(...parts);
  });
  compiled.program.experiments.forEach(({ name, arms }, i) => arms.forEach((arm, j) => {
    const [exposed = 0, reached = 0, ...value] = numbers(armField(name, arm.name));
    const sum = sums.experiments[i]?.[j] as ArmSum;
    sum.exposed = exposed;
    sum.reached = reached;
    sum.value.push(...value);
  }));
  return sums;
}
