/** A rule's steps as a flat list: a run's position is one number, and nothing recurses while it acts. */
import type { Step } from "../../dsl/program.js";
import type { Value } from "../../dsl/program.js";
import type { Context } from "../customer.js";

export type ValueOf = (x: Context) => Value | undefined;
export type Test = (x: Context) => boolean;

export type Op =
  | { readonly k: "wait"; readonly key: string; readonly for: ValueOf }
  | { readonly k: "branch"; readonly if: Test; readonly otherwise: number }
  | { readonly k: "jump"; readonly to: number }
  | { readonly k: "send"; readonly key: string; readonly channel: number; readonly template: string; readonly payload: ValueOf | null; readonly urgent: boolean }
  | { readonly k: "emit"; readonly key: string; readonly name: string; readonly payload: ValueOf | null }
  | { readonly k: "set"; readonly path: readonly string[]; readonly value: ValueOf }
  | { readonly k: "stop" };

export interface StepCompiler {
  value(step: Extract<Step, { k: "wait" }>["for"]): ValueOf;
  test(step: Extract<Step, { k: "if" }>["if"]): Test;
  payload(payload: NonNullable<Extract<Step, { k: "emit" }>["payload"]>): ValueOf;
}

export function flatten(steps: readonly Step[], compile: StepCompiler): Op[] {
  const ops: Op[] = [];
  append(steps, compile, ops);
  return ops;
}

function append(steps: readonly Step[], compile: StepCompiler, ops: Op[]): void {
  for (const step of steps) {
    switch (step.k) {
      case "wait": ops.push({ k: "wait", key: step.key, for: compile.value(step.for) }); break;
      case "send":
        ops.push({
          k: "send", key: step.key, channel: step.channel, template: step.template, urgent: step.urgent,
          payload: step.payload === null ? null : compile.payload(step.payload),
        });
        break;
      case "emit":
        ops.push({ k: "emit", key: step.key, name: step.name, payload: step.payload === null ? null : compile.payload(step.payload) });
        break;
      case "set": ops.push({ k: "set", path: step.path, value: compile.value(step.value) }); break;
      case "stop": ops.push({ k: "stop" }); break;
      case "if": {
        const branch = ops.length;
        const test = compile.test(step.if);
        ops.push({ k: "stop" }); // its place; the target is known below
        append(step.then, compile, ops);
        if (step.else.length > 0) {
          const jump = ops.length;
          ops.push({ k: "stop" });
          ops[branch] = { k: "branch", if: test, otherwise: ops.length };
          append(step.else, compile, ops);
          ops[jump] = { k: "jump", to: ops.length };
        } else {
          ops[branch] = { k: "branch", if: test, otherwise: ops.length };
        }
        break;
      }
    }
  }
}
