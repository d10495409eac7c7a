/**
 * Time zones and calendar arithmetic: what `months`, `hour(now)`, `this week` and `age` mean.
 *
 * Offsets come from Temporal; a zone remembers the stretches of time in which its offset does not change, so that nearly
 * every answer is plain arithmetic. Calendar arithmetic is Temporal's: the day is
 * constrained to the month's last one, local times in a gap or an overlap resolve as `compatible`. Civil dates are
 * counted as in Howard Hinnant's "chrono-compatible low-level date algorithms".
 *
 * Instants are ms since 1970 UTC, dates days since 1970-01-01, months 1 to 12, weekdays 0 (Monday) to 6.
 */
import { Temporal } from "temporal-polyfill";
import { WEEKDAYS } from "../dsl/program.js";
import { daysFromCivil, daysInMonth } from "./envelope.js";

export const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

interface Stretch {
  /** [from, to) is where `offset` (ms to add to UTC) holds. */
  from: number;
  to: number;
  offset: number;
}

export interface Zone extends Stretch {
  readonly name: string;
  /** The stretches met so far, in order; the zone's own fields are the one that was asked for last. */
  readonly known: Stretch[];
}

export const UTC: Zone = { name: "UTC", from: -Infinity, to: Infinity, offset: 0, known: [] };

/** Zones by the names that were asked for, unknown names (they are UTC) too: asking Temporal takes 0.1 ms. */
const zones = new Map<string, Zone>([["UTC", UTC]]);
/** Names come from events: more than this are forgotten and asked for again. */
const MAX_NAMES = 4096;

/** The zone of an IANA name, however it is capitalised; UTC where there is no such zone. */
export function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const canonical = canonicalName(name);
  let zone = zones.get(canonical);
  if (zones.size >= MAX_NAMES) zones.clear();
  if (zone === undefined) {
    zone = canonical === "UTC" ? UTC : { name: canonical, from: 0, to: 0, offset: 0, known: [] };
    zones.set(canonical, zone);
  }
  if (name.length <= LONGEST_NAME) zones.set(name, zone);
  return zone;
}

const LONGEST_NAME = 64;
/** Temporal takes whole date-times with a zone for a zone's name; we do not. */
const NAME = /^(?:[A-Za-z][A-Za-z0-9_+/-]*|[+-]\d\d:\d\d)$/;

function canonicalName(name: string): string {
  if (name.length > LONGEST_NAME || !NAME.test(name)) return "UTC";
  try {
    return Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(name).timeZoneId;
  } catch {
    return "UTC";
  }
}

export function isZone(name: string): boolean {
  return name === "UTC" || zoneOf(name) !== UTC;
}

/** What to add to an instant to get local time, ms. */
export function offsetAt(zone: Zone, instant: number): number {
  if (instant >= zone.from && instant < zone.to) return zone.offset;
  const stretch = knownAt(zone, instant) ?? stretchAt(zone, instant);
  zone.from = stretch.from;
  zone.to = stretch.to;
  zone.offset = stretch.offset;
  return zone.offset;
}

function knownAt({ known }: Zone, instant: number): Stretch | undefined {
  let low = 0;
  let high = known.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((known[middle] as Stretch).from <= instant) low = middle + 1;
    else high = middle;
  }
  const stretch = known[low - 1];
  return stretch !== undefined && instant < stretch.to ? stretch : undefined;
}

/** The range of Temporal, less what is needed around an instant. Instants beyond have the offset of its ends. */
const LAST_INSTANT = 8.64e15 - 2 * DAY_MS;
/** As many as there are from 1970 to 2200 where clocks change most often; others are asked for each time. */
const MAX_STRETCHES = 1024;

function stretchAt(zone: Zone, instant: number): Stretch {
  if (Number.isNaN(instant)) return { from: 0, to: 0, offset: 0 };
  const within = Math.max(-LAST_INSTANT, Math.min(LAST_INSTANT, Math.floor(instant)));
  const at = Temporal.Instant.fromEpochMilliseconds(within).toZonedDateTimeISO(zone.name);
  // The transition before is sought from the next ms on, so that an instant that is itself a transition is found.
  const before = at.add({ milliseconds: 1 }).getTimeZoneTransition("previous");
  const after = at.getTimeZoneTransition("next");
  const stretch = {
    from: before === null ? -Infinity : before.epochMilliseconds,
    to: after === null ? Infinity : after.epochMilliseconds,
    offset: Math.round(at.offsetNanoseconds / 1e6),
  };
  if (within === Math.floor(instant) && zone.known.length < MAX_STRETCHES) {
    const place = zone.known.findIndex((other) => other.from > stretch.from);
    zone.known.splice(place < 0 ? zone.known.length : place, 0, stretch);
  }
  return stretch;
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
  if (months === 0) return instant; // the later of two equal local times stays itself
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

/** The end (exclusive) of the calendar period of the customer's zone that holds an instant; always later than it. */
export function periodEnd(zone: Zone, instant: number, unit: Period): number {
  const next = firstDateOfNext(dateAt(zone, instant), unit);
  const end = startOfDate(zone, next);
  // Clocks that go back over midnight bring a date back: it ends for good at the second midnight.
  return end > instant ? end : next * DAY_MS - offsetAt(zone, instant);
}

/** The next instant at which the local date may become another one, an earlier one too where clocks go back over midnight. */
export function nextDay(zone: Zone, instant: number): number {
  const end = periodEnd(zone, instant, "day");
  offsetAt(zone, instant);
  const change = zone.to;
  return change < end && dateAt(zone, change) !== dateAt(zone, instant) ? change : end;
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
