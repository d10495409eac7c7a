/**
 * `eddy test --explain`: below an expectation that failed stands what `eddy explain` says of the customer at that moment: of
 * the segments that the expectation names, or of the rules of the test that would have sent what was expected.
 */
import type { Expr, Program, Step } from "../dsl/program.js";
import type { Expectation, Test, TestSuite } from "../dsl/tests.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { blocksOf, children } from "../dsl/walk.js";
import { ruleHistory } from "../engine/explain/history.js";
import { outliner } from "../engine/explain/outline.js";
import { askRule, explainRule, type RuleQuestion } from "../engine/explain/rule.js";
import { askSegment, explainSegment, type SegmentQuestion } from "../engine/explain/segment.js";
import type { Explain, FailedMoment } from "../engine/testing/outcome.js";
import { startingOnly } from "../engine/testing/program.js";
import { ruleReport, segmentReport, type Who } from "./explain-report.js";

/** Lines of a rule's history. */
const MOST_TOLD = 20;

interface Questions {
  readonly compiled: Compiled;
  /** By index. */
  readonly segments: ReadonlyMap<number, SegmentQuestion>;
  /** By name. */
  readonly rules: ReadonlyMap<string, RuleQuestion>;
}

export function testExplainer({ program, tests }: TestSuite): Explain {
  // Nothing is asked where all tests pass.
  let questions: Questions | null = null;
  return (moment) => {
    questions ??= asked(program, tests);
    const { compiled, segments, rules } = questions;
    const { test, expectation, evaluator, customer, now, works, begin } = moment;
    const subject = { compiled: startingOnly(compiled, new Set(test.rules)), figures: evaluator.x.figures, variants: evaluator.x.fixedVariants, customer, now };
    const who: Who = { customer: customer.id === "" ? "the customer" : customer.id, now, zone: customer.zone };
    const apart = (report: string, i: number): readonly string[] => [...(i === 0 ? [] : [""]), ...report.split("\n")];
    return concerned(program, moment).flatMap((name): readonly string[] => {
      const segment = typeof name === "number" ? segments.get(name) : undefined;
      const rule = typeof name === "string" ? rules.get(name) : undefined;
      if (segment !== undefined) return [segmentReport(explainSegment(subject, segment), who)];
      if (rule === undefined || expectation.k === "condition") return [];
      const history = ruleHistory(subject, rule, { works, clock: "event", begin }, MOST_TOLD);
      return [ruleReport(explainRule(subject, rule), history, who)];
    }).flatMap(apart);
  };
}

/** All that the tests may ask for, in one program. */
function asked(program: Program, tests: readonly Test[]): Questions {
  const outlines = outliner(program);
  const expectations = tests.flatMap(({ lines }) => lines.flatMap((line) => (line.k === "expect" ? [line.what] : [])));
  const segments = new Map<number, SegmentQuestion>();
  for (const index of new Set(expectations.flatMap(segmentsIn))) {
    const question = askSegment(program, outlines, program.segments[index]?.name ?? "");
    if (question !== null) segments.set(index, question);
  }
  const rules = new Map<string, RuleQuestion>();
  for (const name of new Set(tests.flatMap((test) => test.rules))) {
    const question = askRule(program, outlines, name);
    if (question !== null) rules.set(name, question);
  }
  return { compiled: compile(outlines.finished()), segments, rules };
}

/** Segments by index, rules by name. */
function concerned(program: Program, { expectation, test, why }: FailedMoment): readonly (number | string)[] {
  if (expectation.k === "condition") return segmentsIn(expectation);
  if (why.k === "more happened") return [...new Set(why.actions.flatMap((one) => (one.k === "action" ? [one.rule] : [])))];
  const rules = program.rules.filter(({ name }) => test.rules.includes(name));
  return rules.filter(({ steps }) => sends(program, steps, expectation)).map(({ name }) => name);
}

function segmentsIn(expectation: Expectation): readonly number[] {
  if (expectation.k !== "condition") return [];
  const walk = (of: Expr): readonly number[] => (of.k === "segment" ? [of.index] : children(of).flatMap(walk));
  return [...new Set(walk(expectation.if))];
}

/** Whether the steps may do what is expected of them. */
function sends(program: Program, steps: readonly Step[], expectation: Expectation): boolean {
  return steps.some((step) => {
    const channel = step.k === "send" ? (program.channels[step.channel]?.name ?? "") : null;
    switch (expectation.k) {
      case "action":
        if (step.k === "emit" && expectation.channel === null && step.name === expectation.template) return true;
        if (step.k === "send" && expectation.channel === channel && step.template === expectation.template) return true;
        break;
      case "held": if (step.k === "send" && expectation.channel === channel && step.template === expectation.template) return true; break;
      case "suppressed": if (step.k === "send" && expectation.channel === channel) return true; break;
      case "condition": case "nothing": case "nothing else": return false;
    }
    return blocksOf(step).some((block) => sends(program, block, expectation));
  });
}
