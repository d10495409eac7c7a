/**
 * Figures of all customers as people read them: metrics, what they are made of, and experiments. Durations are in
 * seconds. Each process knows its own partitions; whoever adds up processes adds numbers and sums, and divides after.
 */
import type { Expr, Population, Program } from "../../dsl/program.js";
import type { Compiled } from "../compile/compiled.js";
import { children } from "../../dsl/walk.js";
import { NO_FIGURES, newContext } from "../customer.js";
import { addUp, emptySums, valueOf, type Sum, type Sums } from "./sums.js";

export interface Report {
  /** Null: a mean of nobody, or a share of nothing. */
  readonly metrics: readonly { readonly metric: string; readonly value: number | null }[];
  /** What metrics are made of; `part` counts from 1, in the order in which they are written. */
  readonly populations: readonly {
    readonly metric: string; readonly part: number; readonly fn: Population["fn"]; readonly count: number; readonly sum: number;
  }[];
  readonly experiments: readonly { readonly experiment: string; readonly variant: string; readonly exposed: number; readonly reached: number; readonly value: number }[];
}

type Reported = Pick<Program, "metrics" | "populations" | "experiments">;

/** `sums`: of each partition. */
export function report(compiled: Compiled, sums: readonly Sums[]): Report {
  const { program } = compiled;
  const of = (index: number): Sum[] => sums.flatMap(({ populations }) => populations[index] ?? []);
  const x = newContext();
  x.figures = { ...NO_FIGURES, population: (index) => valueOf(program.populations[index]?.fn ?? "customers", of(index)) };
  return {
    metrics: compiled.metrics.map(({ name, value }, i) => ({ metric: name, value: inSeconds(program.metrics[i]?.value, value(x)) })),
    populations: parts(program, of),
    experiments: arms(program, (i, j) => addUp(sums.flatMap(({ experiments }) => experiments[i]?.[j] ?? []))),
  };
}

/** Before anything is known. */
export function nothingYet(program: Reported): Report {
  const sums = emptySums({ program: program as Program });
  return {
    metrics: program.metrics.map(({ name }) => ({ metric: name, value: 0 })),
    populations: parts(program, (index) => [sums.populations[index] as Sum]),
    experiments: arms(program, () => ({ exposed: 0, reached: 0, value: 0 })),
  };
}

function parts(program: Reported, of: (population: number) => readonly Sum[]): Report["populations"] {
  return program.metrics.flatMap(({ name, value }) => populationsIn(value).map((index, i) => {
    const population = program.populations[index] as Population;
    const sums = of(index);
    return {
      metric: name, part: i + 1, fn: population.fn, count: valueOf("customers", sums) as number,
      sum: inSeconds(population.of, valueOf("total", sums)) as number,
    };
  }));
}

/** Places in Program.populations, each once, as they stand in the expression. */
function populationsIn(expr: Expr, found: number[] = []): readonly number[] {
  if (expr.k === "population" && !found.includes(expr.index)) found.push(expr.index);
  for (const child of children(expr)) populationsIn(child, found);
  return found;
}

function arms(program: Reported, of: (experiment: number, arm: number) => { readonly exposed: number; readonly reached: number; readonly value: number }): Report["experiments"] {
  return program.experiments.flatMap(({ name, arms: list }, i) => list.map((arm, j) => ({ experiment: name, variant: arm.name, ...of(i, j) })));
}

function inSeconds(of: Expr | undefined, value: unknown): number | null {
  if (typeof value !== "number" || Number.isNaN(value)) return null;
  return of?.type.k === "duration" ? value / 1000 : value;
}
