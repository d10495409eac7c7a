/**
 * What time alone will change: the customer is copied and the copy is taken through the instants to come, with everything
 * that happens to them by themselves (windows that slide, waits of rules that end), until what is asked for has turned.
 */
import type { Value } from "../../dsl/program.js";
import { same } from "../compile/runtime.js";
import type { Compiled } from "../compile/compiled.js";
import { enterContext, isMember, NO_DATA, type Customer, type Figures, type Run } from "../customer.js";
import { SILENT, evaluator, processWake, type Evaluator } from "../evaluate.js";

/** Instants looked at before giving up: a rule that acts every hour is followed for a year and more. */
const MOST_INSTANTS = 10_000;
/** Nobody asks what will be in ten years. */
const FARTHEST_MS = 3 * 366 * 86_400_000;

export interface Turn {
  readonly at: number;
  readonly to: Value;
}

export interface Forecast {
  /** By watch: its first change. */
  readonly watches: ReadonlyMap<number, Turn>;
  /** By segment: when membership turns. */
  readonly segments: ReadonlyMap<number, Turn>;
  /** Up to here nothing else turns; Infinity: ever. */
  readonly upTo: number;
}

export interface Asked {
  readonly watches: readonly number[];
  readonly segments: readonly number[];
  /** Place among the customer's runs of the one that the watches are asked of; null: of none. */
  readonly run: number | null;
}

/** Who is looked at, and when. */
export interface Subject {
  readonly compiled: Compiled;
  readonly figures: Figures;
  readonly customer: Customer;
  readonly now: number;
  /** By experiment: the variant that everybody has, where a test fixes one. */
  readonly variants?: ReadonlyMap<number, string> | null;
}

/** One that looks at nothing yet, and tells nobody. */
export function silently({ compiled, figures, variants = null }: Subject): Evaluator {
  const e = evaluator(compiled, SILENT);
  e.x.figures = figures;
  e.x.fixedVariants = variants;
  return e;
}

/** A copy that shares nothing with the customer but their zone. */
export function copyOf(customer: Customer): Customer {
  const { zone, ...rest } = customer;
  return { ...structuredClone(rest), zone };
}

/** Puts a customer at an instant into the context; expressions that read an event see one without fields. */
export function look(e: Evaluator, customer: Customer, now: number, run: Run | null): void {
  enterContext(e.x, customer, now);
  e.x.row = NO_DATA;
  e.x.run = run;
  e.x.event = run === null ? NO_DATA : run.event;
  e.x.eventTime = run === null ? now : run.eventTime;
}

export function forecast(subject: Subject, asked: Asked): Forecast {
  const { compiled, now } = subject;
  const e = silently(subject);
  const copy = copyOf(subject.customer);
  const run = asked.run === null ? null : (copy.runs[asked.run] ?? null);
  const watches = new Map<number, Turn>();
  const segments = new Map<number, Turn>();
  look(e, copy, now, run);
  const before = new Map(asked.watches.map((watch) => [watch, compiled.watches[watch]?.value(e.x) ?? null]));
  const member = new Map(asked.segments.map((segment) => [segment, isMember(copy, segment)]));
  let at = now;
  let upTo = Infinity;
  for (let instants = 0; ; instants++) {
    if (instants === MOST_INSTANTS) {
      upTo = at;
      break;
    }
    const open = asked.watches.filter((watch) => !watches.has(watch));
    if (open.length === 0 && segments.size === asked.segments.length) break;
    let soonest = copy.wake;
    look(e, copy, at, run);
    for (const watch of open) soonest = Math.min(soonest, compiled.watches[watch]?.next?.(e.x) ?? Infinity);
    if (soonest > now + FARTHEST_MS) {
      if (soonest !== Infinity) upTo = now + FARTHEST_MS;
      break;
    }
    at = Math.max(at + 1, soonest);
    if (copy.wake <= at) processWake(e, copy, at);
    look(e, copy, at, run);
    for (const watch of open) {
      const value = compiled.watches[watch]?.value(e.x) ?? null;
      if (!sameValue(value, before.get(watch) ?? null)) watches.set(watch, { at, to: value });
    }
    for (const segment of asked.segments) {
      const is = isMember(copy, segment);
      if (!segments.has(segment) && is !== member.get(segment)) segments.set(segment, { at, to: is });
    }
    // The run is over: what it waited for is of no interest any more.
    if (run !== null && !copy.runs.includes(run)) break;
  }
  return { watches, segments, upTo };
}

const sameValue = (a: Value, b: Value): boolean => (a === null || b === null ? a === b : same(a, b));
