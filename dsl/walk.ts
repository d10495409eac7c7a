// Ways through a checked program: expressions within expressions, steps within steps, expressions within steps. Knows every
// form of node, step and moment and nothing of what it means; making and changing them is the checker's.

import type { Expr, Rule, Step } from "./program.js";

/** The nodes right below this one, in the order of the text. */
export function children(of: Expr): readonly Expr[] {
  switch (of.k) {
    case "const": case "input": case "timeOf": case "captured": case "timeOfCaptured": case "now": case "local":
    case "trait": case "segment": case "points": case "tier": case "variant": case "percentile": case "population": case "figure":
      return [];
    case "aggregate": return of.key === null ? [] : [of.key];
    case "list": return of.items;
    case "record": return of.entries.map(({ value }) => value);
    case "field": case "pluck": case "not": case "negate": case "addMonths": return [of.of];
    case "index": return [of.of, of.at];
    case "and": case "or": return of.of;
    case "compare": case "arithmetic": case "dateDifference": case "concat": case "without": case "coalesce":
      return [of.left, of.right];
    case "dateShift": return [of.date, of.by];
    case "in": return [of.value, ...of.items];
    case "contains": return [of.list, of.value];
    case "like": return [of.value];
    case "if": return [of.if, of.then, of.else];
    case "call": return of.args;
    case "fold": return [of.list, ...(of.where === null ? [] : [of.where]), ...(of.value === null ? [] : [of.value])];
  }
}

/** Every node of the tree, the root first. */
export function* nodes(root: Expr): Generator<Expr> {
  const waiting: Expr[] = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    yield next;
    waiting.push(...children(next));
  }
}

/** The blocks of a step, in the order of the text. */
export function blocksOf(step: Step): readonly (readonly Step[])[] {
  switch (step.k) {
    case "if": case "take": return [step.then, step.else];
    case "waitFor": return [...(step.then === null ? [] : [step.then]), step.else];
    case "split": return step.branches.map(({ steps }) => steps);
    case "wait": case "waitClock": case "waitTime": case "send": case "emit": case "set": case "award": case "stop": return [];
  }
}

/** The steps and those in their blocks, as they stand in the text. */
export const allSteps = (steps: readonly Step[]): readonly Step[] => steps.flatMap((step) => [step, ...blocksOf(step).flatMap(allSteps)]);

/** Every expression that the steps evaluate, theirs in blocks too. */
export const stepTrees = (steps: readonly Step[]): readonly Expr[] => allSteps(steps).flatMap(treesOfStep);

/** Without those of its blocks. */
function treesOfStep(step: Step): readonly Expr[] {
  switch (step.k) {
    case "wait": return [step.for];
    case "waitTime": return [step.until];
    case "waitFor": return step.moments.flatMap(momentTrees);
    case "if": return [step.if];
    case "send": case "emit": return step.payload === null ? [] : [step.payload];
    case "set": return [step.value];
    case "award": case "take": return [step.amount];
    case "waitClock": case "split": case "stop": return [];
  }
}

/** What a watched value changes to is settled with the program: a moment reads nothing of it. */
export function momentTrees(moment: Rule["until"][number]): readonly Expr[] {
  switch (moment.k) {
    case "condition": return [moment.if];
    case "event": return moment.where === null ? [] : [moment.where];
    case "enter": case "leave": case "up": case "down": case "change": return [];
  }
}

/** Every expression that a run of the rule evaluates: of what ends it, and of its steps. */
export const runTrees = ({ until, steps }: Pick<Rule, "until" | "steps">): readonly Expr[] => [...until.flatMap(momentTrees), ...stepTrees(steps)];
