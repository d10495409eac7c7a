// Experiments: who gets what, and what counts as success. And what expressions ask of them: a customer's variant, and in
// tests the figures of all customers.

import type * as ast from "../ast.js";
import { didYouMean } from "../diagnostics/suggest.js";
import type { Experiment, Expr } from "../program.js";
import { eventOf } from "./aggregates.js";
import { momentaryCondition, momentaryValue } from "./conditions.js";
import { whatItIs } from "./declared.js";
import { positiveLength } from "./durations.js";
import { notInFilter } from "./names.js";
import { type Site, type World, siteIn } from "./site.js";
import * as tree from "./trees.js";
import { NUMBER, describe } from "./types.js";

/** Percents are written with few digits, and their sums are not exact: 33.3 + 33.3 + 33.4. */
const TOLERANCE = 1e-6;

/** What is wrong in it is left out; such a program is never run. */
export function readExperiment(world: World, { name, lines }: ast.ExperimentDeclaration): Experiment {
  const { report } = world;
  const arms: Experiment["arms"][number][] = [];
  let goal: Experiment["goal"] = null;
  let goals = 0;
  for (const line of lines) {
    if (line.k === "goal") {
      if (goals++ > 0) report("E0304", line.span, "`goal` is given twice");
      goal = readGoal(world, line) ?? goal;
      continue;
    }
    const { value, span } = line.percent;
    if (arms.some((arm) => arm.name === line.name.text)) report("E0101", line.name.span, `the variant "${line.name.text}" stands twice in this experiment`);
    if (value > 100) report("E0215", span, "a share is 0 to 100 percent");
    arms.push({ name: line.name.text, percent: value });
  }
  checkShares(world, name, arms);
  return { name: name.text, arms, goal };
}

function checkShares({ report }: World, { text, span }: ast.Name, arms: Experiment["arms"]): void {
  const sum = arms.reduce((total, { percent }) => total + percent, 0);
  const missing = Number((100 - sum).toFixed(6));
  if (Math.abs(missing) <= TOLERANCE) return;
  const shares = `the variants of "${text}" share ${Number(sum.toFixed(6))}% of the customers`;
  const holdout = arms.some(({ name }) => name === "holdout") ? `give \`holdout\` ${missing}% more, or another variant` : `add \`holdout ${missing}%\`, whose customers get nothing, or give a variant more`;
  if (missing > 0) report("E0312", span, `${shares}, ${missing}% get none`, { label: holdout });
  else report("E0312", span, `${shares}, ${-missing}% too many`);
}

function readGoal(world: World, { on, within, value: written }: ast.Goal): Experiment["goal"] {
  const event = eventOf(siteIn(world), on.event);
  const length = positiveLength(within, world.report);
  if (event === null) return null;
  const site = (filter: string): Site => ({ ...siteIn(world), row: event, filter });
  const where = on.where === null ? null : momentaryCondition(site("the `where` of a goal"), on.where);
  const value = written === null ? null : momentaryValue(site("the value of a goal"), written);
  if (value !== null && written !== null && value.type.k !== NUMBER.k) {
    return world.report("E0205", written.span, `the value of a goal is a number, this is ${describe(value.type)}`, { label: value.type.k === "duration" ? "write `… / 1 day`" : undefined });
  }
  if (length === null || (on.where !== null && where === null) || (written !== null && value === null)) return null;
  return { event: event.name, where, within: length, value };
}

// ---- in expressions ----

/** `variant(cart_offer)`. */
export function variantOf(site: Site, written: ast.CallExpression): Expr | null {
  if (site.filter !== null) return notInFilter(site, "`variant`", written.of.span);
  const [first, second] = written.arguments;
  if (first === undefined || second !== undefined) return site.world.report("E0206", written.span, "`variant` takes the name of an experiment", { label: "as in variant(cart_offer)" });
  const experiment = experimentIn(site, first);
  if (experiment === null) return null;
  return tree.node({ k: "variant", index: experiment.index }, { k: "string", of: experiment.variants }, false);
}

/** `exposed(cart_offer, "reviews")` and `value(…)`: how many customers, and what they have brought. */
export function figureOf(site: Site, written: ast.CallExpression, fn: "exposed" | "value"): Expr | null {
  const { report } = site.world;
  const [first, second, third] = written.arguments;
  if (site.place !== "test") return report("E0315", written.of.span, `\`${fn}\` is a figure of all customers, which only tests ask for`);
  if (first === undefined || second === undefined || third !== undefined || second.value.k !== "string") {
    return report("E0206", written.span, `\`${fn}\` takes the name of an experiment and one of its variants`, { label: `as in ${fn}(cart_offer, "reviews")` });
  }
  const experiment = experimentIn(site, first);
  if (experiment === null || !isVariant(site.world, experiment, second.value)) return null;
  return tree.node({ k: "figure", fn, index: experiment.index, variant: second.value.value }, NUMBER, false);
}

export interface KnownExperiment {
  readonly name: string;
  readonly index: number;
  readonly variants: readonly string[];
}

function experimentIn(site: Site, { value, of, where, among }: ast.Argument): KnownExperiment | null {
  if (value.k === "name" && of === null && where === null && among === null) return experimentNamed(site.world, value.name);
  return site.world.report("E0206", value.span, "this must be the name of an experiment");
}

/** Reports where there is none of that name. */
export function experimentNamed({ declared, report }: World, { text, span }: ast.Name): KnownExperiment | null {
  const written = declared.experiments.get(text);
  const index = declared.experimentIndex.get(text);
  if (written !== undefined && index !== undefined) {
    return { name: text, index, variants: [...new Set(written.lines.flatMap((line) => (line.k === "arm" ? [line.name.text] : [])))] };
  }
  const kind = declared.names.get(text);
  if (kind === "broken") return null;
  return report("E0118", span, `there is no experiment "${text}"`, { label: kind === undefined ? didYouMean(text, declared.experiments.keys()) : whatItIs(text, kind) });
}

/** Reports where it is none. */
export function isVariant({ report }: World, { name, variants }: KnownExperiment, { value: text, span }: { readonly value: string; readonly span: ast.Span }): boolean {
  if (variants.includes(text)) return true;
  report("E0119", span, `"${name}" has no variant "${text}"`, { label: didYouMean(text, variants), notes: [`its variants are ${variants.map((each) => `"${each}"`).join(", ")}`] });
  return false;
}
