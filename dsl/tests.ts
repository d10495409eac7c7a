/**
 * Checked tests: what `test "…" { … }` says, resolved as the program is, and all that the engine sees of it.
 *
 * Trees refer to the program of the suite. It has every declaration, and beside the aggregates of its rules those that
 * only tests ask for; so it stands for the running program and is not it. Spans are kept, since whatever a test finds
 * is said of a line. Instants are on the wall clock of the customer whom the line concerns.
 */
import type { Span } from "./ast.js";
import type { Expr, Program } from "./program.js";

export interface TestSuite {
  readonly program: Program;
  /** In source order. */
  readonly tests: readonly Test[];
  readonly places: Places;
}

/** Where the parts of the program stand that tests may touch. In source order. */
export interface Places {
  readonly rules: readonly RulePlace[];
  readonly segments: readonly { readonly name: string; readonly span: Span }[];
}

export interface RulePlace {
  readonly name: string;
  /** Of the name. */
  readonly span: Span;
  readonly branches: readonly BranchPlace[];
}

/** A way that a step may take. */
export interface BranchPlace {
  /** The step's key in the program. */
  readonly step: string;
  /** `then`, `else`, or the variant of a `split`. */
  readonly way: string;
  /** What decides: `if vip`, `wait for session_started up to 7 days`, `split cart_offer`. */
  readonly decision: Span;
  /** Of the steps behind `else`, of a variant's name; of what decides, where there are none. */
  readonly span: Span;
}

export interface Test {
  readonly name: string;
  readonly span: Span;
  /** The rules that run, by name; all other declarations are there. */
  readonly rules: readonly string[];
  /** Of experiments (indexes into the program's): the variant that everybody has in this test. */
  readonly variants: readonly { readonly experiment: number; readonly variant: string }[];
  /** The first of them that is a step is an `at`, and no expectation stands before it. */
  readonly lines: readonly TestLine[];
}

export type TestLine = { readonly span: Span } & (
  | { readonly k: "customer"; readonly id: string }
  /** Before the customer's first event. */
  | { readonly k: "profile"; readonly value: GivenRecord }
  | { readonly k: "at"; readonly at: WallTime; readonly event: TestEvent | null }
  | { readonly k: "after"; readonly delay: Delay; readonly event: TestEvent | null }
  | { readonly k: "expect"; readonly what: Expectation }
);

/** Days since 1970-01-01 and ms since midnight. */
export interface WallTime {
  readonly date: number;
  readonly ms: number;
}

/** One of them is 0. */
export interface Delay {
  readonly ms: number;
  readonly months: number;
}

export interface TestEvent {
  readonly span: Span;
  /** As declared, or `profile_updated`. */
  readonly name: string;
  /** Fields that it names fit the event's; those that it does not name may be required. */
  readonly data: GivenRecord;
  /** How far its own time lies before the step's instant. */
  readonly late: Delay | null;
}

/** Records and lists as they are written out, so that what they leave out stays left out. */
export type Given =
  | GivenRecord
  | { readonly k: "list"; readonly items: readonly Given[] }
  | { readonly k: "value"; readonly of: Expr };

export interface GivenRecord {
  readonly k: "record";
  readonly entries: readonly { readonly name: string; readonly value: Given }[];
}

export const SUPPRESSION_REASONS = ["consent", "cap", "ended"] as const;
export type SuppressionReason = (typeof SUPPRESSION_REASONS)[number];

export type Expectation =
  | {
    readonly k: "action";
    /** Null: an `emit`. */
    readonly channel: string | null;
    readonly template: string;
    readonly payload: GivenRecord | null;
    /** Null: at any instant that the step covers. */
    readonly at: WallTime | null;
  }
  /** A message that quiet hours have held back in the step, whatever became of it since. */
  | { readonly k: "held"; readonly channel: string; readonly template: string }
  | { readonly k: "suppressed"; readonly channel: string; readonly reason: SuppressionReason }
  | { readonly k: "nothing" }
  | { readonly k: "nothing else" }
  | { readonly k: "condition"; readonly if: Expr; readonly values: readonly ValueBehind[] };

/** A part of a condition, or of what it refers to, whose value explains it. */
export interface ValueBehind {
  readonly span: Span;
  readonly value: Expr;
  /** It is one of the conditions that `and`, `or` and `not` join: it holds or does not. */
  readonly isCondition: boolean;
}
