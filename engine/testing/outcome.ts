/** What came of a test. Texts are left to whoever reports. */
import type { Span } from "../../dsl/ast.js";
import type { Type, Value } from "../../dsl/program.js";
import type { Expectation, SuppressionReason, Test } from "../../dsl/tests.js";
import type { Customer } from "../customer.js";
import type { Work } from "../decode.js";
import type { Evaluator } from "../evaluate.js";
import type { Partition } from "../partition.js";
import type { Zone } from "../zone.js";
import type { Touched } from "./coverage.js";
import type { Json } from "./data.js";
import type { Difference } from "./match.js";

export interface Outcome {
  readonly test: Test;
  /** In the order of the lines; none: it passed. */
  readonly failures: readonly Failure[];
  /** What of the program it has touched. */
  readonly touched: Touched;
}

/** Something that happened to a customer. */
export type Happening = { readonly customer: string; readonly at: number } & (
  | { readonly k: "action"; readonly rule: string; readonly channel: string | null; readonly template: string; readonly payload: Json }
  | { readonly k: "held"; readonly rule: string; readonly channel: string; readonly template: string }
  | { readonly k: "suppressed"; readonly rule: string; readonly channel: string; readonly template: string; readonly reason: SuppressionReason }
  | { readonly k: "change"; readonly segment: string; readonly entered: boolean }
);

export type Action = Extract<Happening, { readonly k: "action" }>;

export type Why =
  /** `nearest`: what happened to the customer in the step and differs least; null where nothing was alike. */
  | { readonly k: "no such action"; readonly nearest: Nearest | null }
  | { readonly k: "not held" }
  | { readonly k: "not suppressed" }
  /** Something happened where nothing was expected, or nothing else. */
  | { readonly k: "more happened"; readonly actions: readonly Happening[] }
  | { readonly k: "false" }
  /** The test ends here: an `at` before the clock, an event that the program refuses. */
  | { readonly k: "before the clock"; readonly clock: number }
  | { readonly k: "refused"; readonly because: string }
  /** Effects of effects were cut. */
  | { readonly k: "cut" };

/** An action of the kind expected that another expectation has not used up, and how it differs. */
export interface Nearest {
  /** One of Failure.happened. */
  readonly action: Action;
  /** The instant that was expected, where that is another one; else null. */
  readonly expectedAt: number | null;
  readonly differences: readonly Difference[];
}

export interface ShownValue {
  readonly span: Span;
  readonly type: Type;
  readonly value: Value;
  /** As a payload would carry it. */
  readonly json: Json;
  readonly isCondition: boolean;
}

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
  readonly values: readonly ShownValue[];
  /** Runs of the customer that wait, or whose message is held. Infinity: for longer than anybody lives. */
  readonly waiting: readonly { readonly rule: string; readonly until: number; readonly held: boolean }[];
  /** What was expected and came to somebody else in the step, or in an earlier step. */
  readonly elsewhere: readonly Happening[];
  /** Why nothing is known of the customer: no event has come yet, or they have been erased since. Null: something is. */
  readonly unknown: "new" | "erased" | null;
  /** What an Explain had to say, line by line. */
  readonly explanation: readonly string[];
}

/**
 * The customer as they are when an expectation fails. It holds for the length of the call only: the test goes on, and
 * its customers change.
 */
export interface FailedMoment {
  readonly test: Test;
  readonly expectation: Expectation;
  readonly why: Why;
  readonly evaluator: Evaluator;
  readonly customer: Customer;
  readonly now: number;
  /** What the customer has lived through: their events in order, and a tick that brings the clock to now. */
  readonly works: readonly Work[];
  /** Makes another partition ready for these: fixed variants, and the profile that the customer was given. */
  readonly begin: (partition: Partition) => void;
}

/** Tells more about an expectation that failed; its lines stand below the failure. */
export type Explain = (moment: FailedMoment) => readonly string[];
