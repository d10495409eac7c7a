/** The parts of a condition with their values: what an explanation shows of it. */
import type { Type, Value } from "../../dsl/program.js";
import type { Compiled } from "../compile/compiled.js";
import type { Evaluator } from "../evaluate.js";
import { copyOf, forecast, look, silently, type Subject, type Turn } from "./forecast.js";
import type { Outline } from "./outline.js";

export interface Part {
  readonly text: string;
  readonly type: Type;
  readonly value: Value;
  /** Null: it is no condition, or nobody can tell without the event. */
  readonly holds: boolean | null;
  readonly readsEvent: boolean;
  /** Types of events that may change it, sorted. */
  readonly changedBy: readonly string[];
  /** Each midnight UTC may change it as well: where the customer stands among all is drawn up then. */
  readonly readsStanding: boolean;
  /** Its first change by time alone; null: none in sight. */
  readonly turns: Turn | null;
  readonly parts: readonly Part[];
}

/** Evaluates outlines for a customer at an instant; `run` is the place of one of their runs. */
export function partsOf(subject: Subject, outlines: readonly Outline[], run: number | null): readonly Part[] {
  const { compiled, customer, now } = subject;
  const e = silently(subject);
  // Reading lets what has left a window go: the customer stays as they are.
  const copy = copyOf(customer);
  const own = run === null ? null : (copy.runs[run] ?? null);
  look(e, copy, now, own);
  const asked: number[] = [];
  const gather = (of: Outline): void => {
    if (of.isCondition && (run !== null || !of.readsEvent)) asked.push(of.watch);
    of.parts.forEach(gather);
  };
  outlines.forEach(gather);
  const { watches } = forecast(subject, { watches: asked, segments: [], run });
  return outlines.map((outline) => part(compiled, e, outline, { turns: watches, hasEvent: own !== null }));
}

/** By outline; all of them in one look at the future. */
export type Parts = ReadonlyMap<Outline, Part>;

export function partsBy(subject: Subject, outlines: readonly Outline[]): Parts {
  const parts = partsOf(subject, outlines, null);
  return new Map(outlines.flatMap((outline, i) => { const part = parts[i]; return part === undefined ? [] : [[outline, part] as const]; }));
}

/** Those of the outlines, in their order. */
export const partsAmong = (parts: Parts, outlines: readonly Outline[]): readonly Part[] =>
  outlines.flatMap((outline) => { const part = parts.get(outline); return part === undefined ? [] : [part]; });

/** The same on a context that stands already where it is to be looked at: nothing is foretold. */
export function partsAsTheyAre(e: Evaluator, outline: Outline): Part {
  return part(e.compiled, e, outline, { turns: null, hasEvent: true });
}

/** `turns` is null where the past is looked at: nothing will change there. */
interface Look {
  readonly turns: ReadonlyMap<number, Turn> | null;
  readonly hasEvent: boolean;
}

function part(compiled: Compiled, e: Evaluator, outline: Outline, at: Look): Part {
  const { turns, hasEvent } = at;
  const node = compiled.watches[outline.watch];
  const unknown = outline.readsEvent && !hasEvent;
  const value = unknown ? null : (node?.value(e.x) ?? null);
  return {
    text: outline.text, type: outline.expr.type, value,
    holds: outline.isCondition && !unknown ? value === true : null,
    readsEvent: outline.readsEvent, changedBy: turns === null ? [] : outline.changedBy, readsStanding: turns !== null && outline.readsStanding,
    turns: turns?.get(outline.watch) ?? null,
    parts: outline.parts.map((inner) => part(compiled, e, inner, at)),
  };
}
