/**
 * What tests have touched of a program: rules that started, ways that steps took, segments that somebody entered or
 * left. Counting is the sink's and the compiled view's business (run.ts, program.ts); here it is put together.
 */
import type { Span } from "../../dsl/ast.js";
import type { Places } from "../../dsl/tests.js";

/** By name; ways by `wayKey`. */
export interface Touched {
  readonly started: Set<string>;
  readonly ways: Set<string>;
  readonly entered: Set<string>;
  readonly left: Set<string>;
}

export const nothingTouched = (): Touched => ({ started: new Set(), ways: new Set(), entered: new Set(), left: new Set() });

/** One way that a step of a rule may take: `then`, `else`, or a variant's name. Keys of steps are their rule's own. */
export const wayKey = (rule: string, step: string, way: string): string => `${rule} ${step} ${way}`;

export interface Coverage {
  /** In source order, as all that follows. */
  readonly rules: readonly RuleCoverage[];
  readonly segments: readonly SegmentCoverage[];
}

export interface RuleCoverage {
  readonly name: string;
  readonly span: Span;
  readonly started: boolean;
  readonly branches: readonly BranchCoverage[];
}

export interface BranchCoverage {
  /** What decides: `if vip`, `wait for session_started up to 7 days`. */
  readonly decision: Span;
  readonly way: string;
  /** Where the way begins; the decision for `then`, and where nothing is written. */
  readonly span: Span;
  readonly taken: boolean;
}

export interface SegmentCoverage {
  readonly name: string;
  readonly span: Span;
  readonly entered: boolean;
  readonly left: boolean;
}

/** What all of them have touched together. */
export function coverageOf({ rules, segments }: Places, touched: readonly Touched[]): Coverage {
  const any = (of: (one: Touched) => ReadonlySet<string>): ReadonlySet<string> => new Set(touched.flatMap((one) => [...of(one)]));
  const started = any((one) => one.started);
  const ways = any((one) => one.ways);
  const entered = any((one) => one.entered);
  const left = any((one) => one.left);
  return {
    rules: rules.map(({ name, span, branches }) => ({
      name, span, started: started.has(name),
      branches: branches.map(({ step, way, decision, span: at }) => ({ decision, way, span: at, taken: ways.has(wayKey(name, step, way)) })),
    })),
    segments: segments.map(({ name, span }) => ({ name, span, entered: entered.has(name), left: left.has(name) })),
  };
}
