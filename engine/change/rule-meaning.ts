/**
 * What rules mean, as hashes that are the same exactly as long as the meaning is, whatever the rule is called: by these a rule that only
 * has another name is known, with its runs and what its caps have counted.
 */
import { keyOf, meaning, type Meanings } from "../../dsl/check/keys.js";
import type { Expr, Moment, Program, Rule, Step } from "../../dsl/program.js";
import { blocksOf } from "../../dsl/walk.js";
import { referenceMeanings } from "./meanings.js";

/** By rule. */
export function ruleMeanings(program: Program): string[] {
  const meanings = referenceMeanings(program);
  return program.rules.map((rule) => keyOf(ruleAspects(rule, meanings, program)));
}

/** By what a person calls it. */
export function ruleAspects(rule: Rule, meanings: Meanings, program: Program): Readonly<Record<string, unknown>> {
  const of = (tree: Expr | null): unknown => (tree === null ? null : meaning(tree, meanings));
  const moment = (each: Moment): unknown => momentMeaning(each, meanings, program);
  return {
    start: [rule.on.map(moment), rule.schedules.map((each) => (each.k === "yearly" ? { ...each, date: of(each.date) } : each))],
    condition: of(rule.when), per: of(rule.per), repeat: rule.restart, caps: rule.caps,
    until: rule.until.map((each) => (each.k === "condition" ? of(each.if) : moment(each))),
    steps: stepsMeaning(rule.steps), priority: rule.priority,
    ...(rule.retired === undefined ? {} : { retired: rule.retired }),
  };
}

function momentMeaning(moment: Moment, meanings: Meanings, program: Program): unknown {
  switch (moment.k) {
    case "event": return [moment.k, moment.event, moment.where === null ? null : meaning(moment.where, meanings)];
    case "enter": case "leave": return [moment.k, meanings.segment(moment.segment)];
    case "up": case "down": return [moment.k, meanings.tier(moment.tier)];
    case "change": return [moment.k, program.watches[moment.watch]?.key ?? ""];
  }
}

/** The key of a step says what it is, and not what stands in its blocks. */
const stepsMeaning = (steps: readonly Step[]): unknown => steps.map((step) => [
  step.key,
  ...(step.k === "split" ? [step.branches.map(({ variant }) => variant)] : step.k === "waitFor" ? [step.as, step.then !== null] : []),
  ...blocksOf(step).map(stepsMeaning),
]);
