// Where rules, their branches and segments stand in the text: what tests touch is told by lines. Trees have no spans, so
// the steps of the program are gone through beside those that were written: there is one for each, in the same order.

import type * as ast from "../ast.js";
import type { Experiment, Program, Step } from "../program.js";
import type { BranchPlace, Places } from "../tests.js";
import type { Declared } from "./declared.js";
import { between } from "./site.js";

export function placesOf({ rules, segments }: Declared, program: Program): Places {
  const byName = new Map(program.rules.map((rule) => [rule.name, rule]));
  return {
    rules: [...rules].sort(bySource).map(({ name, steps }) => ({
      name: name.text, span: name.span, branches: branchesIn(steps, byName.get(name.text)?.steps ?? [], program.experiments),
    })),
    segments: [...segments.values()].sort(bySource).map(({ name }) => ({ name: name.text, span: name.span })),
  };
}

const bySource = (a: { readonly span: ast.Span }, b: { readonly span: ast.Span }): number =>
  a.span.file === b.span.file ? a.span.start - b.span.start : a.span.file < b.span.file ? -1 : 1;

function branchesIn(written: readonly ast.Step[], steps: readonly Step[], experiments: readonly Experiment[]): readonly BranchPlace[] {
  if (written.length !== steps.length) throw new Error("the steps of a rule are not those that were written");
  return written.flatMap((each, i) => branchesOf(each, steps[i] as Step, experiments));
}

function branchesOf(written: ast.Step, step: Step, experiments: readonly Experiment[]): readonly BranchPlace[] {
  const inside = (own: readonly ast.Step[] | null, made: readonly Step[] | null): readonly BranchPlace[] => branchesIn(own ?? [], made ?? [], experiments);
  // Of `else if` its own `if` tells everything.
  const fork = (decision: ast.Span, then: readonly ast.Step[] | null, otherwise: readonly ast.Step[] | null, made: { readonly then: readonly Step[] | null; readonly else: readonly Step[] }): readonly BranchPlace[] => [
    { step: step.key, way: "then", decision, span: decision }, ...inside(then, made.then),
    ...(otherwise?.length === 1 && otherwise[0]?.k === "if" ? [] : [{ step: step.key, way: "else", decision, span: spanOf(otherwise) ?? decision }]),
    ...inside(otherwise, made.else),
  ];
  if (written.k === "if" && step.k === "if") return fork(between(written.span, written.if.span), written.then, written.else, step);
  if (written.k === "waitfor" && step.k === "waitFor") {
    return fork(between(written.span, (written.as ?? written.within).span), written.fork?.then ?? null, written.fork?.else ?? null, step);
  }
  if (written.k === "take" && step.k === "take") return fork(between(written.span, written.points.span), written.fork?.then ?? null, written.fork?.else ?? null, step);
  if (written.k === "split" && step.k === "split") {
    const decision = between(written.span, written.experiment.span);
    return (experiments[step.experiment]?.arms ?? []).flatMap(({ name }) => {
      const own = written.branches.find((branch) => branch.name.text === name);
      const made = step.branches.find(({ variant }) => variant === name)?.steps ?? null;
      return [{ step: step.key, way: name, decision, span: own?.name.span ?? decision }, ...inside(own?.steps ?? null, made)];
    });
  }
  return [];
}

function spanOf(steps: readonly ast.Step[] | null): ast.Span | null {
  const first = steps?.[0];
  const last = steps?.at(-1);
  return first === undefined || last === undefined ? null : between(first.span, last.span);
}
