/** Aggregates as they are defined: every event is kept, and every question goes through all of them. */
import { Temporal } from "temporal-polyfill";
import type { AggregateFn, Value } from "../../dsl/program.js";
import type { Span } from "../../engine/aggregates/kind.js";
import { fromUnits, unitsOf } from "../../engine/compile/interpret.js";

export interface Entry {
  readonly t: number;
  /** From when on it no longer counts. */
  readonly until: number;
  readonly value: Value;
}

/** The instant from which an entry at t no longer counts. */
export function leavesAt(window: Span, zone: string, t: number): number {
  const zoned = Temporal.Instant.fromEpochMilliseconds(t).toZonedDateTimeISO(zone);
  switch (window.k) {
    case "life": return Infinity;
    case "sliding": return t + window.ms;
    case "months": return zoned.add({ months: window.months }).epochMilliseconds;
    case "period": {
      const date = zoned.toPlainDate();
      const next = {
        day: () => date.add({ days: 1 }), week: () => date.add({ days: 8 - date.dayOfWeek }),
        month: () => date.with({ day: 1 }).add({ months: 1 }), year: () => date.with({ month: 1, day: 1 }).add({ years: 1 }),
      }[window.unit]();
      // A midnight that comes twice ends, the second time, the date that came back.
      const [first, second] = (["earlier", "later"] as const).map((disambiguation) => next.toPlainDateTime().toZonedDateTime(zone, { disambiguation }).epochMilliseconds);
      const start = next.toZonedDateTime(zone).startOfDay().epochMilliseconds;
      return start > t ? start : Math.max(first ?? 0, second ?? 0);
    }
  }
}

/** In order of time, at one instant in order of the stream. */
export function inWindow(entries: readonly Entry[], now: number): Entry[] {
  return entries.filter(({ until }) => now < until).sort((a, b) => a.t - b.t);
}

/** `nothing`: from when on there is an absence where there was no event. */
export function naiveValue(fn: AggregateFn, entries: readonly Entry[], now: number, nothing: number, limit: number): Value {
  if (fn === "absence") {
    const last = entries.reduce<Entry | null>((newest, entry) => (newest === null || entry.t > newest.t ? entry : newest), null);
    return now >= (last?.until ?? nothing);
  }
  const within = inWindow(entries, now);
  const values = within.map(({ value }) => value);
  const numbers = values as number[];
  const sum = (): number => fromUnits(numbers.reduce((total, value) => total + unitsOf(value), 0n));
  switch (fn) {
    case "count": return within.length;
    case "any": return within.length > 0;
    case "sum": return sum();
    case "avg": return within.length === 0 ? null : sum() / within.length;
    case "min": return within.length === 0 ? null : Math.min(...numbers);
    case "max": return within.length === 0 ? null : Math.max(...numbers);
    case "first": return values[0] ?? null;
    case "last": return values.at(-1) ?? null;
    case "distinct": return new Set(values).size;
    case "recent": return [...new Set(values.toReversed())].slice(0, limit);
    case "top": {
      const newestFirst = [...new Set(values.toReversed())];
      const times = (value: Value): number => values.filter((other) => other === value).length;
      return newestFirst.reduce<Value>((best, value) => (best === null || times(value) > times(best) ? value : best), null);
    }
    case "gap": {
      const [first, last] = [within[0], within.at(-1)];
      return first === undefined || last === undefined || within.length < 2 ? null : (last.t - first.t) / (within.length - 1);
    }
  }
}
