// Duration literals: fixed lengths in ms, or months where something may have a calendar length.

import type * as ast from "../ast.js";
import type { Window } from "../program.js";
import type { Report } from "./site.js";

const MS: Readonly<Record<Exclude<ast.DurationUnit, "month" | "year">, number>> = {
  second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000, week: 604_800_000,
};
const LONGEST_MONTHS = 12_000;
const LONGEST_MS = 365_250 * MS.day;

export type Length = { readonly ms: number; readonly months: 0 } | { readonly ms: 0; readonly months: number };

export const isCalendar = ({ unit }: ast.DurationLiteral): boolean => unit === "month" || unit === "year";

/** Of a literal that may be in months. */
export function lengthOf(literal: ast.DurationLiteral, report: Report): Length | null {
  const { count, unit } = literal;
  if (unit === "month" || unit === "year") {
    const months = unit === "year" ? count * 12 : count;
    if (!Number.isInteger(months)) return report("E0208", literal.span, `${count} ${unit}s are no whole months`);
    return months > LONGEST_MONTHS ? tooLong(literal, report) : { ms: 0, months };
  }
  const ms = Math.round(count * MS[unit] * 1000) / 1000;
  if (!Number.isInteger(ms)) return report("E0208", literal.span, "a duration is counted in whole milliseconds");
  return ms > LONGEST_MS ? tooLong(literal, report) : { ms, months: 0 };
}

const tooLong = (literal: ast.DurationLiteral, report: Report): null =>
  report("E0208", literal.span, "this is longer than 1,000 years");

/** Of a literal that is longer than nothing: a window, what follows `for`. */
export function positiveLength(literal: ast.DurationLiteral, report: Report): Length | null {
  const length = lengthOf(literal, report);
  if (length === null || length.ms + length.months > 0) return length;
  return report("E0208", literal.span, "this must be longer than nothing");
}

/** Of a literal where only a fixed length will do. */
export function fixedLength(literal: ast.DurationLiteral, report: Report): number | null {
  if (isCalendar(literal)) return withoutLength(literal, report);
  return lengthOf(literal, report)?.ms ?? null;
}

export const withoutLength = (literal: ast.DurationLiteral, report: Report): null =>
  report("E0207", literal.span, `${literal.unit}s have no fixed length`, {
    label: literal.unit === "month" ? "write days, as in `30 days`" : "write days, as in `365 days`",
    notes: ["months and years may be added to an instant or a date, and compared with `since(…)`"],
  });

export const windowOf = (literal: ast.DurationLiteral, report: Report): Window | null => {
  const length = positiveLength(literal, report);
  if (length === null) return null;
  return length.months > 0 ? { k: "months", months: length.months } : { k: "sliding", ms: length.ms };
};
