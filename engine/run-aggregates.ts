/** Aggregates `this run`: each run of a rule that has some keeps its own, from its start to its end. */
import type { Compiled, CompiledRule, Update } from "./compile/compiled.js";
import type { Context } from "./customer.js";

/** The row of the context enters those aggregates among `updates` that the customer's runs have. */
export function updateRuns({ rules }: Pick<Compiled, "rules">, x: Context, updates: readonly Update[]): void {
  if (updates.length === 0) return;
  const { run: acting } = x;
  for (const run of x.customer.runs) {
    const { runAggregates } = rules[run.rule] as CompiledRule;
    if (runAggregates.size === 0) continue;
    x.run = run;
    for (const { aggregate, apply } of updates) if (runAggregates.has(aggregate)) apply(x);
  }
  x.run = acting;
}
