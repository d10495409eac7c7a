/**
 * How much a customer is taken to do: what "typical" and "at most" mean wherever bytes are measured. All instants are
 * fixed, so that equal programs cost the same every day.
 */
import type { Length, Window } from "../../dsl/program.js";
import { MAX_ENTRIES } from "../aggregates/kind.js";
import { MAX_KEYS } from "../aggregates/keyed.js";
import { type Load, MOST, TYPICAL } from "./samples.js";

export type Which = "typical" | "most";
export const LOADS: Readonly<Record<Which, Load>> = { typical: TYPICAL, most: MOST };

export const MINUTE_MS = 60_000;
export const DAY_MS = 86_400_000;
export const WEEK_MS = 7 * DAY_MS;
export const YEAR_MS = 365 * DAY_MS;
/** The last instant of a day, a week, a month and a year at once: the longest of every calendar window is over. */
export const NOW = Date.UTC(2023, 11, 31, 23, 59, 59, 999);
/** More than any window keeps apart (engine/aggregates/merge.ts). */
const MANY = 2_400;
/** One in so many segments has the typical customer in it. */
export const SEGMENTS_PER_MEMBERSHIP = 4;
/** Values of a field by which an aggregate is kept. */
export const KEYS: Readonly<Record<Which, number>> = { typical: 4, most: MAX_KEYS };

export const ASSUMPTIONS: readonly string[] = [
  `typical: an event of every type once a week, for a year; each brings a value of its own; texts of ${TYPICAL.textLength} characters, lists of ${TYPICAL.listLength} items; one run of every rule that waits; ${KEYS.typical} values of a field that an aggregate is kept by; in one of ${SEGMENTS_PER_MEMBERSHIP} segments`,
  `at most: windows as full as they get (${MAX_ENTRIES} entries, or more where few can be merged), texts of ${MOST.textLength} characters, lists of ${MOST.listLength} items; every run that may be under way; ${KEYS.most} values of such a field; in all segments`,
];

/** When the events of one type come, oldest first; all are in a window of this length at NOW. */
export function arrivals(longest: number, which: Which): readonly number[] {
  const length = which === "typical" ? Math.min(longest, YEAR_MS) : longest;
  const count = which === "most" ? MANY : Math.max(1, Math.floor(length / WEEK_MS));
  const step = which === "most" ? Math.max(1, Math.floor(length / (MANY + 1))) : Math.min(WEEK_MS, length / 2);
  return Array.from({ length: count }, (_, i) => NOW - Math.floor((count - i) * step) + 1);
}

export function lengthOf(window: Window): number {
  switch (window.k) {
    case "life": return 10 * YEAR_MS;
    case "run": return YEAR_MS;
    case "sliding": return window.ms;
    case "months": return window.months * 28 * DAY_MS;
    case "period": return { day: 1, week: 7, month: 31, year: 365 }[window.unit] * DAY_MS;
  }
}

export const msOf = ({ ms, months }: Length): number => ms + months * 28 * DAY_MS;
