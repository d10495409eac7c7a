/** What a customer keeps for what is neither an aggregate nor a rule. */
import { nodes } from "../../dsl/walk.js";
import type { Expr, Program } from "../../dsl/program.js";
import { spell } from "../../dsl/spell.js";
import { type Customer, extrasOf } from "../customer.js";
import { MAX_LOTS } from "../points.js";
import { arrivals, DAY_MS, LOADS, msOf, NOW, WEEK_MS, type Which, YEAR_MS } from "./assumptions.js";
import { capped } from "./runs.js";
import { sample } from "./samples.js";
import type { Touching } from "./touching.js";

export interface Part {
  readonly kind: "policy" | "points" | "tier" | "experiment" | "ranking" | "metric" | "watch";
  /** As the author calls it; in their words what has no name. */
  readonly name: string;
  /** Types of event that change it. */
  readonly events: readonly string[];
  readonly fill: (customer: Customer, which: Which) => void;
}

export function otherParts(program: Program, touched: Touching): readonly Part[] {
  const parts: Part[] = [];
  program.policies.forEach(({ name, caps }, index) => {
    parts.push({ kind: "policy", name, events: [], fill: (customer, which) => {
      const times = capped(caps, which);
      if (times.length > 0) extrasOf(customer).sends.push({ index, times: [...times] });
    } });
  });
  program.points.forEach(({ name, earn, expire }, index) => {
    parts.push({ kind: "points", name, events: [...new Set(earn.map(({ event }) => event))], fill: (customer, which) => {
      const lots = arrivals(expire === null ? YEAR_MS : msOf(expire), which).slice(-MAX_LOTS).map((time) => ({ time, left: which === "most" ? 1e6 / 7 : 25 }));
      extrasOf(customer).ledgers.push({ index, lots, given: earn.map(({ cap }) => (cap === null ? [] : [...capped([cap], which)])) });
    } });
  });
  program.tiers.forEach(({ name, value, levels }, index) => {
    parts.push({ kind: "tier", name, events: [...touched.expression(value)], fill: (customer) => {
      extrasOf(customer).tiers.push({ index, rank: levels.length - 1 });
    } });
  });
  program.experiments.forEach(({ name, arms, goal }, index) => {
    parts.push({ kind: "experiment", name, events: goal === null ? [] : [goal.event], fill: (customer, which) => {
      extrasOf(customer).exposures.push({ index, arm: arms.length - 1, at: NOW - WEEK_MS, reached: true, value: sample({ k: "number" }, LOADS[which], 1) as number });
    } });
  });
  program.watches.forEach(({ value }, index) => {
    parts.push({ kind: "watch", name: `change ${spell(program, value)}`, events: [...touched.expression(value)], fill: (customer, which) => {
      extrasOf(customer).watched.push({ index, value: sample(value.type, LOADS[which], 1) });
    } });
  });
  program.rankings.forEach(({ value }, index) => {
    parts.push({ kind: "ranking", name: spell(program, figure({ k: "percentile", index })), events: [...touched.expression(value)], fill: (customer, which) => {
      const extras = extrasOf(customer);
      extras.figuresOf = Math.floor(NOW / DAY_MS);
      extras.readings.push({ index, value: sample({ k: "number" }, LOADS[which], 1) as number });
    } });
  });
  program.populations.forEach(({ of }, index) => {
    parts.push({ kind: "metric", name: metricName(program, index), events: [...touched.expression(of)], fill: (customer, which) => {
      extrasOf(customer).contributions.push({ index, value: sample({ k: "number" }, LOADS[which], 1) as number });
    } });
  });
  return parts;
}

const figure = (of: { readonly k: "percentile" | "population"; readonly index: number }): Expr => ({ ...of, type: { k: "number" }, maybe: true });

/** A metric may be made of several figures, and several metrics of one. */
function metricName(program: Program, index: number): string {
  const made = program.metrics.filter(({ value }) => [...nodes(value)].some((node) => node.k === "population" && node.index === index));
  return `${made.map(({ name }) => name).join(", ")}: ${spell(program, figure({ k: "population", index }))}`;
}
