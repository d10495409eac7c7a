/**
 * The language's aggregates by their definitions: each call looks through the whole list of the customer's events.
 *
 * Nothing is remembered from one call to the next. Imports nothing of the engine or the compiler, so that an error in
 * them cannot be here too.
 */
import type { Item, ShopEvent, ShopEventType } from "./events.js";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/**
 * Every D for which something is looked at `over D` or `for D`. What depends on time alone can only change an event's
 * time (or the customer's first) plus one of these; `over` refuses others, so that none is forgotten here.
 */
export const SPANS: readonly number[] = [30, 60, 90, 120, 180, 365].map((days) => days * DAY);

/** What is known of a customer at an instant: the events so far, in stream order. */
export interface History {
  readonly events: readonly ShopEvent[];
  readonly nowMs: number;
}

/** The events of a type, all of them or those that count in a window: `now < t + D`. */
export function over(history: History, type: ShopEventType, spanMs?: number): ShopEvent[] {
  if (spanMs !== undefined && !SPANS.includes(spanMs)) throw new Error(`SPANS lacks ${spanMs} ms`);
  return history.events.filter(
    (event) => event.type === type && (spanMs === undefined || history.nowMs < event.timeMs + spanMs),
  );
}

/** `no E for D`: D has passed since the last one or, where there was none, since the customer was first seen. */
export function silentFor(
  history: History,
  type: ShopEventType,
  spanMs: number,
  where: (event: ShopEvent) => boolean = () => true,
): boolean {
  if (!SPANS.includes(spanMs)) throw new Error(`SPANS lacks ${spanMs} ms`);
  const times = history.events.filter((event) => event.type === type && where(event)).map((event) => event.timeMs);
  const since = times.length > 0 ? Math.max(...times) : Math.min(...history.events.map((event) => event.timeMs));
  return history.nowMs >= since + spanMs;
}

/** The items of the events, one row each, with the event they stand in. */
export function rows(
  events: readonly ShopEvent[],
  where: (item: Item, event: ShopEvent) => boolean = () => true,
): Item[] {
  const found: Item[] = []; // a loop: `flatMap` with `filter` took a quarter of the whole program's time
  for (const event of events) for (const item of event.items) if (where(item, event)) found.push(item);
  return found;
}

const SCALE = 2 ** 200;

/**
 * The exact sum of the doubles, rounded once: every double that is a multiple of 2^-200 is a whole number of these, a
 * BigInt holds any whole number, and its conversion to a double is correctly rounded.
 */
export function sum(values: readonly number[]): number {
  return Number(values.reduce((total, value) => total + BigInt(value * SCALE), 0n)) / SCALE;
}

export function avg(values: readonly number[]): number | null {
  return values.length === 0 ? null : sum(values) / values.length;
}

export function min(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => (b < a ? b : a));
}

export function max(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((a, b) => (b > a ? b : a));
}

export function distinct(values: readonly string[]): number {
  return new Set(values).size;
}

/** Of nothing, and by zero: null. */
export function divide(a: number | null, b: number | null): number | null {
  return a === null || b === null || b === 0 ? null : a / b;
}

export function times(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a * b;
}

/** Comparisons are false with a null side. */
export function atLeast(a: number | null, b: number | null): boolean {
  return a !== null && b !== null && a >= b;
}

export function below(a: number | null, b: number | null): boolean {
  return a !== null && b !== null && a < b;
}
