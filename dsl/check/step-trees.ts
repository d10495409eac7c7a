// Steps and moments with others of their parts in place: keys, expressions, watches. Knows every form of step and moment and
// nothing of what it means; the ways through them are in dsl/walk.ts.

import type { Expr, Moment, Rule, Schedule, Step } from "../program.js";

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
