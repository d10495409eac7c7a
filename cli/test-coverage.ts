/**
 * What tests have touched of the rules, for a person: a line for each rule, each way that a step may take, each segment.
 *
 *   rules/shop/cart.eddy:12: rule cart_recovery: started
 *     rules/shop/cart.eddy:21: if vip: taken
 *     rules/shop/cart.eddy:23: else of if vip: NOT taken
 *   rules/shop/vip.eddy:4: segment vip: entered, NOT left
 */
import type { BranchCoverage, Coverage } from "../engine/testing/coverage.js";
import type { TestReport } from "./test-report.js";

export function coverageText(report: TestReport, coverage: Coverage): string {
  const word = (is: boolean, done: string): string => (is ? done : `NOT ${done}`);
  return [
    ...coverage.rules.flatMap(({ name, span, started, branches }) => [
      `${report.place(span)}: rule ${name}: ${word(started, "started")}`,
      ...branches.map((branch) => `  ${report.place(branch.span)}: ${wayText(report, branch)}: ${word(branch.taken, "taken")}`),
    ]),
    ...coverage.segments.map(({ name, span, entered, left }) =>
      `${report.place(span)}: segment ${name}: ${word(entered, "entered")}${entered ? `, ${word(left, "left")}` : ""}`),
    "", totalsText(coverageTotals(coverage)), "",
  ].join("\n");
}

/** `if vip`, `else of if vip`, `reviews of split cart_offer`. */
function wayText(report: TestReport, { decision, way }: BranchCoverage): string {
  const text = report.text(decision);
  return way === "then" ? text : `${way} of ${text}`;
}

export interface CoverageTotals {
  readonly rules: number;
  readonly started: number;
  readonly branches: number;
  readonly taken: number;
  readonly segments: number;
  readonly entered: number;
  readonly left: number;
}

export function coverageTotals({ rules, segments }: Coverage): CoverageTotals {
  const branches = rules.flatMap((rule) => rule.branches);
  return {
    rules: rules.length, started: rules.filter(({ started }) => started).length,
    branches: branches.length, taken: branches.filter(({ taken }) => taken).length,
    segments: segments.length, entered: segments.filter(({ entered }) => entered).length, left: segments.filter(({ left }) => left).length,
  };
}

const totalsText = ({ rules, started, branches, taken, segments, entered, left }: CoverageTotals): string =>
  `${started} of ${rules} rules started, ${taken} of ${branches} branches taken, ${entered} of ${segments} segments entered, ${left} left`;
