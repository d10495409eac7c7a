/**
 * A rule's steps as one flat list of operations, through which a run goes by number. A run that waits stands behind the
 * operation at which it waits; jumps and branches lead over what is not taken.
 */
import type { Expr, Field, Length, Moment, Step, Value } from "../../dsl/program.js";
import type { Context } from "../customer.js";

export type ValueOf = (x: Context) => Value | undefined;
export type Test = (x: Context) => boolean;

/** What is waited for, or ends a run: events, and indexes of segments, tiers and watches by what happens to them. */
export interface CompiledMoments {
  readonly events: readonly { readonly event: string; readonly where: Test | null; readonly keeps: readonly Field[] }[];
  readonly enter: readonly number[];
  readonly leave: readonly number[];
  readonly up: readonly number[];
  readonly down: readonly number[];
  readonly change: readonly number[];
}

export type Op =
  | { readonly k: "wait"; readonly key: string; readonly for: ValueOf }
  | { readonly k: "waitClock"; readonly key: string; readonly at: number; readonly weekday: number | null }
  | { readonly k: "waitTime"; readonly key: string; readonly until: ValueOf }
  /** When it comes the run goes on at the next operation, when it does not at `otherwise`; null: the run ends. */
  | {
    readonly k: "waitFor"; readonly key: string; readonly moments: CompiledMoments; readonly within: Length;
    readonly as: string | null; readonly otherwise: number | null;
  }
  | { readonly k: "branch"; readonly key: string; readonly if: Test; readonly otherwise: number }
  | { readonly k: "jump"; readonly to: number }
  | { readonly k: "send"; readonly key: string; readonly channel: number; readonly template: string; readonly payload: ValueOf | null; readonly urgent: boolean }
  | { readonly k: "emit"; readonly key: string; readonly name: string; readonly payload: ValueOf | null }
  | { readonly k: "set"; readonly key: string; readonly path: readonly string[]; readonly value: ValueOf }
  | { readonly k: "award"; readonly key: string; readonly points: number; readonly amount: ValueOf }
  /** Where it was taken the run goes on at the next operation, where it was not at `otherwise`. */
  | { readonly k: "take"; readonly key: string; readonly points: number; readonly amount: ValueOf; readonly otherwise: number }
  /** A variant without a branch goes on at `otherwise`; the hold-out ends. */
  | { readonly k: "split"; readonly key: string; readonly experiment: number; readonly targets: ReadonlyMap<string, number>; readonly otherwise: number }
  | { readonly k: "stop"; readonly key: string };

/** The key of an operation at which a run may stand, from one program to the next; null: none stands there. */
export function standingKey(op: Op): string | null {
  switch (op.k) {
    case "wait": case "waitClock": case "waitTime": case "waitFor": case "send": return op.key;
    default: return null;
  }
}

export interface StepCompiler {
  value(expr: Expr): ValueOf;
  test(expr: Expr): Test;
  payload(payload: Expr): ValueOf;
  moments(moments: readonly Moment[], keeps: readonly string[]): CompiledMoments;
}

export function flatten(steps: readonly Step[], compile: StepCompiler): Op[] {
  const ops: Op[] = [];
  append(steps, compile, ops);
  return ops;
}

function append(steps: readonly Step[], compile: StepCompiler, ops: Op[]): void {
  for (const step of steps) appendStep(step, compile, ops);
}

function appendStep(step: Step, compile: StepCompiler, ops: Op[]): void {
  const { key } = step;
  switch (step.k) {
    case "wait": ops.push({ k: "wait", key, for: compile.value(step.for) }); break;
    case "waitClock": ops.push({ k: "waitClock", key, at: step.at, weekday: step.weekday }); break;
    case "waitTime": ops.push({ k: "waitTime", key, until: compile.value(step.until) }); break;
    case "waitFor": {
      const moments = compile.moments(step.moments, step.keeps);
      const waits = (otherwise: number | null): Op => ({ k: "waitFor", key, moments, within: step.within, as: step.as, otherwise });
      if (step.then === null) ops.push(waits(null));
      else fork(step.then, step.else, compile, ops, waits);
      break;
    }
    case "send":
      ops.push({
        k: "send", key, channel: step.channel, template: step.template, urgent: step.urgent,
        payload: step.payload === null ? null : compile.payload(step.payload),
      });
      break;
    case "emit": ops.push({ k: "emit", key, name: step.name, payload: step.payload === null ? null : compile.payload(step.payload) }); break;
    case "set": ops.push({ k: "set", key, path: step.path, value: compile.value(step.value) }); break;
    case "award": ops.push({ k: "award", key, points: step.points, amount: compile.value(step.amount) }); break;
    case "take": {
      const amount = compile.value(step.amount);
      fork(step.then, step.else, compile, ops, (otherwise) => ({ k: "take", key, points: step.points, amount, otherwise }));
      break;
    }
    case "split": appendSplit(step, compile, ops); break;
    case "stop": ops.push({ k: "stop", key }); break;
    case "if": {
      const test = compile.test(step.if);
      fork(step.then, step.else, compile, ops, (otherwise) => ({ k: "branch", key, if: test, otherwise }));
      break;
    }
  }
}

/** An operation that leads into one block or the other, and both of them. */
function fork(then: readonly Step[], otherwise: readonly Step[], compile: StepCompiler, ops: Op[], opOf: (otherwise: number) => Op): void {
  const at = reserve(ops);
  append(then, compile, ops);
  if (otherwise.length === 0) {
    ops[at] = opOf(ops.length);
    return;
  }
  const jump = reserve(ops);
  ops[at] = opOf(ops.length);
  append(otherwise, compile, ops);
  ops[jump] = { k: "jump", to: ops.length };
}

function appendSplit(step: Extract<Step, { k: "split" }>, compile: StepCompiler, ops: Op[]): void {
  const at = reserve(ops);
  const targets = new Map<string, number>();
  const jumps: number[] = [];
  for (const { variant, steps } of step.branches) {
    targets.set(variant, ops.length);
    append(steps, compile, ops);
    jumps.push(reserve(ops));
  }
  for (const jump of jumps) ops[jump] = { k: "jump", to: ops.length };
  ops[at] = { k: "split", key: step.key, experiment: step.experiment, targets, otherwise: ops.length };
}

/** A place whose operation is known only when what follows has been appended. */
function reserve(ops: Op[]): number {
  return ops.push({ k: "stop", key: "" }) - 1;
}
