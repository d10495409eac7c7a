// `event x retain D`: how far back x may be counted. Without a window of its own an aggregate over x has the window D; a
// longer one is an error, and longer is what may be longer in some year: 3 months are more than 90 days.

import type { Length, Window } from "../program.js";
import type { DeclaredEvent } from "./declared.js";
import type { WrittenWindow } from "./expressions.js";
import type { Report } from "./site.js";

const DAY = 86_400_000;
/** Of four years, the leap year last. */
const MONTH_DAYS: readonly number[] = [0, 0, 0, 1].flatMap((leap) => [31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);
const CYCLE_DAYS = MONTH_DAYS.reduce((sum, days) => sum + days, 0);

/** The window of an aggregate over the event; null where it is too long. */
export function retained(event: DeclaredEvent, window: WrittenWindow | null, report: Report): Window | null {
  const { retain } = event;
  if (window === null || window.window.k === "life") return retain === null ? { k: "life" } : asWindow(retain);
  // A run bounds what it counts by itself.
  if (retain === null || window.window.k === "run") return window.window;
  const asked = lengthOf(window.window);
  if (fits(asked, retain)) return window.window;
  return report("E0220", window.span, `"${event.name}" is kept for ${shown(retain)}, and this counts further back`, { label: `write \`over ${shown(retain)}\` or less, or retain it longer` });
}

const asWindow = ({ ms, months }: Length): Window => (months > 0 ? { k: "months", months } : { k: "sliding", ms });

/** A period may have just begun to be the longest of its kind. */
function lengthOf(window: Exclude<Window, { readonly k: "life" | "run" }>): Length {
  switch (window.k) {
    case "sliding": return { ms: window.ms, months: 0 };
    case "months": return { ms: 0, months: window.months };
    case "period": {
      const { unit } = window;
      return unit === "day" || unit === "week" ? { ms: (unit === "day" ? 1 : 7) * DAY, months: 0 } : { ms: 0, months: unit === "month" ? 1 : 12 };
    }
  }
}

const fits = (asked: Length, kept: Length): boolean =>
  asked.months > 0 && kept.months > 0 ? asked.months <= kept.months : inMs(asked, Math.max) <= inMs(kept, Math.min);

/** The most, or the least, that so many months can be. */
function inMs({ ms, months }: Length, pick: (...of: readonly number[]) => number): number {
  if (months === 0) return ms;
  const cycles = Math.floor(months / MONTH_DAYS.length);
  const rest = months % MONTH_DAYS.length;
  const days = MONTH_DAYS.map((_, start) => {
    let sum = 0;
    for (let i = 0; i < rest; i++) sum += MONTH_DAYS[(start + i) % MONTH_DAYS.length] ?? 0;
    return sum;
  });
  return (cycles * CYCLE_DAYS + pick(...days)) * DAY;
}

/** As an author would write it. */
function shown({ ms, months }: Length): string {
  const counted = (count: number, unit: string): string => `${count} ${unit}${count === 1 ? "" : "s"}`;
  if (months > 0) return months % 12 === 0 ? counted(months / 12, "year") : counted(months, "month");
  for (const [unit, length] of [["day", DAY], ["hour", 3_600_000], ["minute", 60_000]] as const) if (ms % length === 0) return counted(ms / length, unit);
  return counted(ms / 1000, "second");
}
