// What starts a rule: moments and schedules, and what is known of the event that did.

import type * as ast from "../ast.js";
import { WEEKDAYS, type Moment, type Schedule } from "../program.js";
import { wholeNumber } from "./caps.js";
import { momentaryCondition, watchedValue } from "./conditions.js";
import type { DeclaredEvent } from "./declared.js";
import { eventAmong, readMoment } from "./moments.js";
import { type Site, type Start, type World, siteIn } from "./site.js";
import { describe } from "./types.js";

export interface ReadStarts {
  readonly on: readonly Moment[];
  readonly schedules: readonly Schedule[];
  readonly start: Start;
  /** All of them could be read; else nobody knows what `event` is. */
  readonly whole: boolean;
}

export function readStarts(world: World, { name, clauses }: ast.RuleDeclaration): ReadStarts {
  const site = siteIn(world);
  const on: Moment[] = [];
  const schedules: Schedule[] = [];
  const events: DeclaredEvent[] = [];
  let starts = 0;
  let whole = true;
  for (const clause of clauses) {
    if (clause.k === "start") {
      starts++;
      const read = readMoment(site, clause.moment, (row, written) => momentaryCondition({ ...site, place: "start", row, filter: "the `where` of a start" }, written));
      on.push(...read.moments);
      events.push(...read.events);
      whole &&= read.whole;
    } else if (clause.k === "schedule") {
      starts++;
      const schedule = readSchedule(world, clause.every);
      if (schedule !== null) schedules.push(schedule);
    }
  }
  if (starts === 0) world.report("E0303", name.span, `nothing starts "${name.text}"`, { label: "it needs an `on EVENT`, `on enter SEGMENT` or `on every day at 09:00`" });
  return { on, schedules, start: eventAmong(events, schedules.length > 0 || on.some(({ k }) => k !== "event")), whole };
}

export const weekdayOf = ({ text }: ast.Word<ast.Weekday>): number => WEEKDAYS.indexOf(text);

function readSchedule(world: World, written: ast.Schedule): Schedule | null {
  const at = written.at.ms;
  switch (written.k) {
    case "daily": return { k: "daily", at };
    case "weekly": return { k: "weekly", weekday: weekdayOf(written.day), at };
    case "monthly": {
      const day = wholeNumber(world, written.day, 1, 31);
      return day === null ? null : { k: "monthly", day, at };
    }
    case "yearly": {
      const site: Site = { ...siteIn(world), place: "change" };
      const date = watchedValue(site, written.date);
      if (date === null) return null;
      if (date.type.k === "date") return { k: "yearly", date, at };
      return world.report("E0205", written.date.span, `a year's day is that of a date, this is ${describe(date.type)}`, {
        label: date.type.k === "time" ? "the day of an instant is date(…)" : date.type.k === "number" ? "dates have a year, and any will do: `on every year on 2026-12-24 at 09:00`" : undefined,
      });
    }
  }
}
