/** What came of a test. Texts are left to whoever reports. */
import type { Span } from "../../dsl/ast.js";
import type { Type, Value } from "../../dsl/program.js";
import type { SuppressionReason, Test } from "../../dsl/tests.js";
import type { Zone } from "../zone.js";
import type { Json } from "./data.js";

export interface Outcome {
  readonly test: Test;
  /** In the order of the lines; none: it passed. */
  readonly failures: readonly Failure[];
  /** Rules that started and segments that somebody entered, by name. */
  readonly started: ReadonlySet<string>;
  readonly entered: ReadonlySet<string>;
}

/** Something that happened to a customer. */
export type Happening = { readonly customer: string; readonly at: number } & (
  | { readonly k: "action"; readonly rule: string; readonly channel: string | null; readonly template: string; readonly payload: Json }
  | { readonly k: "suppressed"; readonly rule: string; readonly channel: string; readonly template: string; readonly reason: SuppressionReason }
  | { readonly k: "change"; readonly segment: string; readonly entered: boolean }
);

export type Why =
  | { readonly k: "no such action" }
  | { readonly k: "not suppressed" }
  /** Something happened where nothing was expected, or nothing else. */
  | { readonly k: "more happened"; readonly actions: readonly Happening[] }
  | { readonly k: "false" }
  /** The test ends here: an `at` before the clock, an event that the program refuses. */
  | { readonly k: "before the clock"; readonly clock: number }
  | { readonly k: "refused"; readonly because: string }
  /** Effects of effects were cut. */
  | { readonly k: "cut" };

export interface Failure {
  /** The line, as far as it is to blame. */
  readonly span: Span;
  readonly why: Why;
  /** Whom it concerns; "": the test names nobody. */
  readonly customer: string;
  /** When that is for the customer. */
  readonly now: number;
  readonly zone: Zone;
  /** What happened to the customer in the step, in order. */
  readonly happened: readonly Happening[];
  readonly values: readonly { readonly span: Span; readonly value: Value; readonly type: Type }[];
  /** Runs of the customer that wait. */
  readonly waiting: readonly { readonly rule: string; readonly until: number }[];
  /** What was expected and came to somebody else in the step, or in an earlier step. */
  readonly elsewhere: readonly Happening[];
  /** No event of the customer has come yet. */
  readonly unseen: boolean;
}
