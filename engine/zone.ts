/**
 * Time zones and calendar arithmetic: what `months`, `hour(now)`, `this week` and `age` mean.
 *
 * Offsets come from Temporal; a zone remembers the stretch of time around the last question in which its offset does
 * not change, so that nearly every answer is plain arithmetic. Calendar arithmetic is Temporal's: the day is
 * constrained to the month's last one, local times in a gap or an overlap resolve as `compatible`. Civil dates are
 * counted as in Howard Hinnant's "chrono-compatible low-level date algorithms".
 *
 * Instants are ms since 1970 UTC, dates days since 1970-01-01, months 1 to 12, weekdays 0 (Monday) to 6.
 */
import { Temporal } from "temporal-polyfill";
import { daysFromCivil, daysInMonth } from "./envelope.js";

export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

export interface Zone {
  readonly name: string;
  /** [from, to) is where `offset` (ms to add to UTC) is known to hold. */
  from: number;
  to: number;
  offset: number;
}

const zones = new Map<string, Zone>();

export const UTC: Zone = { name: "UTC", from: -Infinity, to: Infinity, offset: 0 };
zones.set("UTC", UTC);

/** The zone of an IANA name; UTC where there is no such zone. */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  let zone: Zone;
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name);
    zone = { name, from: 0, to: 0, offset: 0 };
  } catch {
    return UTC;
  }
  zones.set(name, zone);
  return zone;
}

export function isZone(name: string): boolean {
  return name === "UTC" || zoneOf(name) !== UTC;
}

/** What to add to an instant to get local time, ms. */
export function offsetAt(zone: Zone, instant: number): number {
  if (instant >= zone.from && instant < zone.to) return zone.offset;
  const at = Temporal.Instant.fromEpochMilliseconds(Math.floor(instant)).toZonedDateTimeISO(zone.name);
  // The transition before is sought from the next ms on, so that an instant that is itself a transition is found.
  const before = at.add({ milliseconds: 1 }).getTimeZoneTransition("previous");
  const after = at.getTimeZoneTransition("next");
  zone.from = before === null ? -Infinity : before.epochMilliseconds;
  zone.to = after === null ? Infinity : after.epochMilliseconds;
  zone.offset = Math.round(at.offsetNanoseconds / 1e6);
  return zone.offset;
}

/** The instant of a local time (ms as if it were UTC), `compatible` in gaps and overlaps. */
export function instantOf(zone: Zone, local: number): number {
  const before = offsetAt(zone, local - DAY_MS);
  const after = offsetAt(zone, local + DAY_MS);
  if (before === after) {
    // Two transitions within two days do not happen in the tz database's rules of today; ask to be sure of it.
    if (offsetAt(zone, local - before) === before) return local - before;
    const inner = offsetAt(zone, local - before);
    return offsetAt(zone, local - inner) === inner ? local - inner : local - before;
  }
  // Overlap: the earlier of two (the offset before). Gap: shifted on by its length (the offset before as well).
  if (offsetAt(zone, local - before) === before) return local - before;
  if (offsetAt(zone, local - after) === after) return local - after;
  return local - before;
}

export interface Civil {
  year: number;
  month: number;
  day: number;
}

/** Year, month and day of days since 1970-01-01 (civil_from_days). */
export function civilFromDays(days: number): Civil {
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1 };
}

const floorDays = (local: number): number => Math.floor(local / DAY_MS);

/** Days since 1970-01-01 of the local date at an instant. */
export function dateAt(zone: Zone, instant: number): number {
  return floorDays(instant + offsetAt(zone, instant));
}

export function hourAt(zone: Zone, instant: number): number {
  const local = instant + offsetAt(zone, instant);
  return Math.floor((local - floorDays(local) * DAY_MS) / HOUR_MS);
}

/** 0 is Monday. */
export function weekdayOfDate(date: number): number {
  return (((date + 3) % 7) + 7) % 7;
}

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

export function weekdayName(date: number): string {
  return WEEKDAYS[weekdayOfDate(date)] as string;
}

/** The start of a local date: its midnight, or the first instant after a gap that swallows it. */
export function startOfDate(zone: Zone, date: number): number {
  return instantOf(zone, date * DAY_MS);
}

export function addMonthsToDate(date: number, months: number): number {
  const { year, month, day } = civilFromDays(date);
  const count = year * 12 + (month - 1) + months;
  const newYear = Math.floor(count / 12);
  const newMonth = count - newYear * 12 + 1;
  return daysFromCivil(newYear, newMonth, Math.min(day, daysInMonth(newYear, newMonth)));
}

/** The same local time, so many months on (or back): the day constrained to the month's last. */
export function addMonths(zone: Zone, instant: number, months: number): number {
  const local = instant + offsetAt(zone, instant);
  const date = floorDays(local);
  return instantOf(zone, addMonthsToDate(date, months) * DAY_MS + (local - date * DAY_MS));
}

export type Period = "day" | "week" | "month" | "year";

function firstDateOfNext(date: number, unit: Period): number {
  switch (unit) {
    case "day": return date + 1;
    case "week": return date + 7 - weekdayOfDate(date);
    case "month": { const { year, month } = civilFromDays(date); return month === 12 ? daysFromCivil(year + 1, 1, 1) : daysFromCivil(year, month + 1, 1); }
    case "year": return daysFromCivil(civilFromDays(date).year + 1, 1, 1);
  }
}

/** The end (exclusive) of the calendar period of the customer's zone that holds an instant. */
export function periodEnd(zone: Zone, instant: number, unit: Period): number {
  return startOfDate(zone, firstDateOfNext(dateAt(zone, instant), unit));
}

/** The next instant at which the local hour becomes another one. */
export function nextHour(zone: Zone, instant: number): number {
  const local = instant + offsetAt(zone, instant);
  const next = instant + (HOUR_MS - (((local % HOUR_MS) + HOUR_MS) % HOUR_MS));
  // A change of clocks within the hour may make the hour another one earlier.
  return offsetAt(zone, instant) === offsetAt(zone, next) ? next : Math.min(next, Math.max(zone.from, instant + 1));
}

/** The greatest n with date + n years <= today; null-free: both are days. */
export function ageAt(birth: number, today: number): number {
  let years = civilFromDays(today).year - civilFromDays(birth).year;
  if (addMonthsToDate(birth, years * 12) > today) years--;
  return years;
}
