/**
 * Local times that come round: `on every …` and `wait until 09:00`.
 *
 * A schedule goes by the customer's wall clock as it is known. What falls on a local time happens when that clock reaches
 * it or, where a change of zone moves the clock on, jumps over it; and once, however often the clock comes back to it:
 * neither a change of zone nor one of clocks repeats or loses anything. Within a zone local times are instants as
 * everywhere (engine/zone.ts): those in a gap come as much later as the gap is long, of two the first counts.
 *
 * Most schedules are the same for thousands of customers, so the last and the next instant at which any of them falls are
 * worked out once for a zone and hold until then; `on every year on DATE` is asked of each customer.
 */
import type { Expr, Program, Schedule } from "../dsl/program.js";
import { children } from "../dsl/walk.js";
import type { Compiled, CompiledRule, CompiledSchedule } from "./compile/compiled.js";
import type { ValueOf } from "./compile/steps.js";
import { extrasOf, type Context, type Customer } from "./customer.js";
import { daysFromCivil, daysInMonth } from "./envelope.js";
import { lower } from "./settle.js";
import { DAY_MS, civilFromDays, dateAt, instantOf, nextDay, offsetAt, weekdayOfDate, type Zone } from "./zone.js";

const MINUTE_MS = 60_000;

/** A schedule that is the same for everybody in a zone. */
export type CalendarSchedule = Exclude<Schedule, { k: "yearly" }>;

/** An instant, and what the wall clock shows then (ms as if it were UTC): later than what was written where that falls into a gap. */
export interface Occurrence {
  readonly at: number;
  readonly local: number;
}

// ---------------------------------------------------------------------------------------------------- calendars

/** The first date from `date` on on which the schedule falls. */
function dateFrom(schedule: CalendarSchedule, date: number): number {
  switch (schedule.k) {
    case "daily": return date;
    case "weekly": return date + ((schedule.weekday - weekdayOfDate(date) + 7) % 7);
    case "monthly": {
      const { year, month } = civilFromDays(date);
      const here = inMonth(year, month, schedule.day);
      return here >= date ? here : month === 12 ? inMonth(year + 1, 1, schedule.day) : inMonth(year, month + 1, schedule.day);
    }
  }
}

/** The last date up to `date` on which it falls. */
function dateUpTo(schedule: CalendarSchedule, date: number): number {
  switch (schedule.k) {
    case "daily": return date;
    case "weekly": return date - ((weekdayOfDate(date) - schedule.weekday + 7) % 7);
    case "monthly": {
      const { year, month } = civilFromDays(date);
      const here = inMonth(year, month, schedule.day);
      return here <= date ? here : month === 1 ? inMonth(year - 1, 12, schedule.day) : inMonth(year, month - 1, schedule.day);
    }
  }
}

/** The day of a month, at most its last. */
function inMonth(year: number, month: number, day: number): number {
  return daysFromCivil(year, month, Math.min(day, daysInMonth(year, month)));
}

function occurrence(zone: Zone, date: number, at: number): Occurrence {
  const instant = instantOf(zone, date * DAY_MS + at);
  return { at: instant, local: instant + offsetAt(zone, instant) };
}

/** The first one after `now`. */
export function nextOccurrence(schedule: CalendarSchedule, zone: Zone, now: number): Occurrence {
  // A gap may move yesterday's on to today.
  for (let date = dateFrom(schedule, dateAt(zone, now) - 1); ; date = dateFrom(schedule, date + 1)) {
    const found = occurrence(zone, date, schedule.at);
    if (found.at > now) return found;
  }
}

/** The last one up to and including `now`. */
export function lastOccurrence(schedule: CalendarSchedule, zone: Zone, now: number): Occurrence {
  // Clocks that go back over midnight bring a date back: tomorrow's may be over.
  for (let date = dateUpTo(schedule, dateAt(zone, now) + 1); ; date = dateUpTo(schedule, date - 1)) {
    const found = occurrence(zone, date, schedule.at);
    if (found.at <= now) return found;
  }
}

/** The first instant after `now` at which the customer's clock shows the time, on that weekday (0 is Monday) where one is given. */
export function nextClock(zone: Zone, now: number, at: number, weekday: number | null): number {
  return nextOccurrence(weekday === null ? { k: "daily", at } : { k: "weekly", weekday, at }, zone, now).at;
}

// ---------------------------------------------------------------------------------------------------- anniversaries

/** The day and month of a date in another year; 29 February is the 28th where there is none. */
function anniversary(date: number, year: number): number {
  const { month, day } = civilFromDays(date);
  return inMonth(year, month, day);
}

/** The first anniversary after `now`; the first of all is in the year after the date's. */
export function nextAnniversary(date: number, at: number, zone: Zone, now: number): Occurrence {
  const first = civilFromDays(date).year + 1;
  for (let year = Math.max(first, civilFromDays(dateAt(zone, now)).year - 1); ; year++) {
    const found = occurrence(zone, anniversary(date, year), at);
    if (found.at > now) return found;
  }
}

/** The last one up to and including `now`; null: there was none yet. */
export function lastAnniversary(date: number, at: number, zone: Zone, now: number): Occurrence | null {
  const first = civilFromDays(date).year + 1;
  for (let year = civilFromDays(dateAt(zone, now)).year + 1; year >= first; year--) {
    const found = occurrence(zone, anniversary(date, year), at);
    if (found.at <= now) return found;
  }
  return null;
}

// ---------------------------------------------------------------------------------------------------- the timetable

interface Calendar {
  readonly schedule: CalendarSchedule;
  /** Whom it starts. */
  readonly rules: readonly number[];
}

interface Anniversary {
  readonly rule: number;
  readonly at: number;
  readonly date: ValueOf;
  /** Time alone may make the date another one. */
  readonly drifts: boolean;
  /** The rule has no other schedule: it comes once on a date, also where the rules are edited on that day. */
  readonly alone: boolean;
  /** By zone and date: when it falls next, as it was worked out last. */
  readonly next: WeakMap<Zone, Map<number, Stretch>>;
}

/** [from, to): nothing falls after `from` and before `to`. */
interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** So many dates of a zone are remembered: birthdays of some ten years; beyond, all are worked out anew. */
const MAX_DATES = 4096;

/** Every event of a customer asks for it, and mostly hears what it heard before. */
function nextOf({ at, next }: Anniversary, date: number, zone: Zone, now: number): number {
  let dates = next.get(zone);
  if (dates === undefined) next.set(zone, (dates = new Map()));
  const known = dates.get(date);
  if (known !== undefined && now >= known.from && now < known.to) return known.to;
  if (dates.size >= MAX_DATES) dates.clear();
  const to = nextAnniversary(date, at, zone, now).at;
  dates.set(date, { from: now, to });
  return to;
}

interface Pause extends Stretch {
  /** What falls on `from`. */
  readonly falling: readonly Falling[];
}

/** A calendar, and the local time that it falls on. */
interface Falling {
  readonly rules: readonly number[];
  readonly local: number;
}

/** All schedules of a program. */
export interface Timetable {
  readonly calendars: readonly Calendar[];
  readonly anniversaries: readonly Anniversary[];
  readonly pauses: WeakMap<Zone, Pause>;
}

export function timetable(compiled: Compiled): Timetable {
  const calendars = new Map<string, { schedule: CalendarSchedule; rules: number[] }>();
  const anniversaries: Anniversary[] = [];
  for (const index of compiled.scheduled) {
    const { rule, schedules } = compiled.rules[index] as CompiledRule;
    schedules.forEach((schedule: CompiledSchedule, i) => {
      if (schedule.k === "yearly") {
        const written = rule.schedules[i];
        const drifts = written?.k === "yearly" && driftsByTime(compiled.program, written.date);
        anniversaries.push({ rule: index, at: schedule.at, date: schedule.date, drifts, alone: schedules.length === 1, next: new WeakMap() });
        return;
      }
      const key = JSON.stringify(schedule);
      const known = calendars.get(key) ?? { schedule, rules: [] };
      calendars.set(key, known);
      if (!known.rules.includes(index)) known.rules.push(index);
    });
  }
  return { calendars: [...calendars.values()], anniversaries, pauses: new WeakMap() };
}

/** Whether a value may change by time alone: it reads the clock, or what leaves a window. */
function driftsByTime(program: Program, expr: Expr): boolean {
  switch (expr.k) {
    case "now": case "points": case "percentile": return true;
    case "aggregate": {
      const aggregate = program.aggregates[expr.index];
      if (aggregate !== undefined && aggregate.window.k !== "life") return true;
      break;
    }
    case "trait": {
      const trait = program.traits[expr.index];
      return trait !== undefined && driftsByTime(program, trait.value);
    }
    // Whatever turns them by time wakes the customer, and then they are asked again.
    default: break;
  }
  return children(expr).some((child) => driftsByTime(program, child));
}

function pauseAt(table: Timetable, zone: Zone, now: number): Pause {
  const known = table.pauses.get(zone);
  if (known !== undefined && now >= known.from && now < known.to) return known;
  let from = -Infinity;
  let to = Infinity;
  let falling: Falling[] = [];
  for (const { schedule, rules } of table.calendars) {
    const { at, local } = lastOccurrence(schedule, zone, now);
    if (at > from) {
      from = at;
      falling = [];
    }
    if (at === from) falling.push({ rules, local });
    to = Math.min(to, nextOccurrence(schedule, zone, now).at);
  }
  const pause = { from, to, falling };
  table.pauses.set(zone, pause);
  return pause;
}

/** Lowers the customer's wake to the next instant at which something is scheduled for them. */
export function watchSchedules(table: Timetable, x: Context): void {
  if (table.calendars.length > 0) lower(x.customer, pauseAt(table, x.zone, x.now).to);
  for (const anniversary of table.anniversaries) {
    const day = dayOf(anniversary.date, x);
    if (day !== null) lower(x.customer, nextOf(anniversary, day, x.zone, x.now));
    if (anniversary.drifts) lower(x.customer, nextDay(x.zone, x.now));
  }
}

/**
 * Adds to `due` the rules that schedules start at `x.now`, each once: what falls on an instant from `since` on. `since` is
 * the instant for which the customer was woken, so nothing falls between what was followed before and it.
 */
export function dueAt(table: Timetable, x: Context, since: number, due: number[]): void {
  const { zone, now } = x;
  if (table.calendars.length > 0) {
    const { from, falling } = pauseAt(table, zone, now);
    if (from === since) for (const { rules, local } of falling) for (const rule of rules) take(x.customer, rule, local, false, due);
    else if (from > since) takeSince(table, x, since, due);
  }
  for (const { rule, at, date, alone } of table.anniversaries) {
    const last = anniversaryUpToNow(x, at, date);
    if (last !== null && last.at >= since) take(x.customer, rule, last.local, alone, due);
  }
}

/** For who was woken late. */
function takeSince({ calendars }: Timetable, { customer, zone, now }: Context, since: number, due: number[]): void {
  for (const { schedule, rules } of calendars) {
    const last = lastOccurrence(schedule, zone, now);
    if (last.at >= since) for (const rule of rules) take(customer, rule, last.local, false, due);
  }
}

/**
 * The customer's zone has become another one: adds to `due` what the wall clock has jumped over, from the local time that
 * it showed up to the one that it shows now.
 */
export function jumpedOver(table: Timetable, x: Context, before: Zone, due: number[]): void {
  const { zone, now } = x;
  const shown = now + offsetAt(before, now);
  if (shown >= now + offsetAt(zone, now)) return;
  for (const { schedule, rules } of table.calendars) {
    const last = lastOccurrence(schedule, zone, now);
    if (last.local > shown) for (const rule of rules) take(x.customer, rule, last.local, false, due);
  }
  for (const { rule, at, date, alone } of table.anniversaries) {
    const last = anniversaryUpToNow(x, at, date);
    if (last !== null && last.local > shown) take(x.customer, rule, last.local, alone, due);
  }
}

function anniversaryUpToNow(x: Context, at: number, date: ValueOf): Occurrence | null {
  const day = dayOf(date, x);
  return day === null ? null : lastAnniversary(day, at, x.zone, x.now);
}

/** Dates that are worked out may be any number; of those that no calendar has there is no anniversary. */
const LAST_DAY = 1e8;

function dayOf(date: ValueOf, x: Context): number | null {
  const day = date(x);
  return typeof day === "number" && Math.abs(day) <= LAST_DAY ? day : null;
}

/** No change of zone moves a wall clock by as much as this, so what was scheduled longer ago cannot come again. */
const FORGOTTEN_MINUTES = 2 * 24 * 60;
const DAY_MINUTES = 24 * 60;

/** Remembers that the rule's turn has come at a local time; not again at the same or an earlier one, nor with `oncePerDate` on the same day. */
function take(customer: Customer, rule: number, localMs: number, oncePerDate: boolean, due: number[]): void {
  const local = Math.floor(localMs / MINUTE_MS);
  const { scheduled } = extrasOf(customer);
  const known = scheduled.find((entry) => entry.rule === rule);
  if (known !== undefined) {
    if (local <= known.local) return;
    if (oncePerDate && Math.floor(local / DAY_MINUTES) === Math.floor(known.local / DAY_MINUTES)) return;
    known.local = local;
  } else {
    for (let i = scheduled.length - 1; i >= 0; i--) {
      if ((scheduled[i] as { local: number }).local < local - FORGOTTEN_MINUTES) scheduled.splice(i, 1);
    }
    scheduled.push({ rule, local });
  }
  if (!due.includes(rule)) due.push(rule);
}
