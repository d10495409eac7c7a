// Steps and moments as trees: what stands in their blocks, which expressions they evaluate, and the same with others in
// place. Knows every form of step and moment and nothing of what it means.

import type { Expr, Moment, Rule, Schedule, Step } from "../program.js";

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

export interface Changes {
  readonly tree: (of: Expr) => Expr;
  /** The place of a watch. */
  readonly watch: (index: number) => number;
  readonly key: (step: Step) => string;
}

type MomentChanges = Pick<Changes, "tree" | "watch">;

/** The steps with other keys, expressions and watches. A step has its key before those in its blocks. */
export function changedSteps(steps: readonly Step[], changes: Changes): readonly Step[] {
  return steps.map((step): Step => {
    const key = changes.key(step);
    const { tree } = changes;
    const block = (inner: readonly Step[]): readonly Step[] => changedSteps(inner, changes);
    switch (step.k) {
      case "wait": return { ...step, key, for: tree(step.for) };
      case "waitTime": return { ...step, key, until: tree(step.until) };
      case "waitFor": return {
        ...step, key, moments: step.moments.map((each) => changedMoment(each, changes)),
        then: step.then === null ? null : block(step.then), else: block(step.else),
      };
      case "if": return { ...step, key, if: tree(step.if), then: block(step.then), else: block(step.else) };
      case "send": case "emit": return { ...step, key, payload: step.payload === null ? null : tree(step.payload) };
      case "set": return { ...step, key, value: tree(step.value) };
      case "award": return { ...step, key, amount: tree(step.amount) };
      case "take": return { ...step, key, amount: tree(step.amount), then: block(step.then), else: block(step.else) };
      case "split": return { ...step, key, branches: step.branches.map(({ variant, steps: inner }) => ({ variant, steps: block(inner) })) };
      case "waitClock": case "stop": return { ...step, key };
    }
  });
}

export function changedMoment(moment: Moment, { tree, watch }: MomentChanges): Moment {
  switch (moment.k) {
    case "event": return { ...moment, where: moment.where === null ? null : tree(moment.where) };
    case "change": return { ...moment, watch: watch(moment.watch) };
    case "enter": case "leave": case "up": case "down": return moment;
  }
}

export const changedUntil = (until: Rule["until"][number], changes: MomentChanges): Rule["until"][number] =>
  until.k === "condition" ? { k: until.k, if: changes.tree(until.if) } : changedMoment(until, changes);

export const changedSchedule = (schedule: Schedule, { tree }: Pick<Changes, "tree">): Schedule =>
  schedule.k === "yearly" ? { ...schedule, date: tree(schedule.date) } : schedule;

export type WaitFor = Extract<Step, { readonly k: "waitFor" }>;

/** The steps with what waits keep of the events that they take. */
export function withKeeps(steps: readonly Step[], keeps: (step: WaitFor) => readonly string[]): readonly Step[] {
  return steps.map((step): Step => {
    const block = (inner: readonly Step[]): readonly Step[] => withKeeps(inner, keeps);
    switch (step.k) {
      case "waitFor": return { ...step, keeps: keeps(step), then: step.then === null ? null : block(step.then), else: block(step.else) };
      case "if": case "take": return { ...step, then: block(step.then), else: block(step.else) };
      case "split": return { ...step, branches: step.branches.map(({ variant, steps: inner }) => ({ variant, steps: block(inner) })) };
      default: return step;
    }
  });
}
