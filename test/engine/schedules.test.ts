/** When schedules fall, against Temporal asked day by day, in zones in which days are hard. */
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import { lastAnniversary, lastOccurrence, nextAnniversary, nextClock, nextOccurrence, type CalendarSchedule } from "../../engine/schedules.js";
import { zoneOf } from "../../engine/zone.js";
import { HARD_ZONES, instantsNear } from "./zones.js";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const at = fc.oneof(fc.constantFrom(0, 1, 30, 60, 90, 120, 150, 23 * 60 + 30, 23 * 60 + 59), fc.integer({ min: 0, max: 24 * 60 - 1 })).map((minutes) => minutes * MINUTE);
const schedules: fc.Arbitrary<CalendarSchedule> = fc.oneof(
  fc.record({ k: fc.constant("daily" as const), at }),
  fc.record({ k: fc.constant("weekly" as const), weekday: fc.integer({ min: 0, max: 6 }), at }),
  fc.record({ k: fc.constant("monthly" as const), day: fc.oneof(fc.constantFrom(1, 28, 29, 30, 31), fc.integer({ min: 1, max: 31 })), at }),
);
const places = fc.constantFrom(...HARD_ZONES).chain((zone) => instantsNear(zone).map((now) => ({ zone, now })));

const EPOCH = new Temporal.PlainDate(1970, 1, 1);
const dateOf = (day: number): Temporal.PlainDate => EPOCH.add({ days: day });

function instant(zone: string, date: Temporal.PlainDate, atMs: number): number {
  const time = Temporal.PlainTime.from("00:00").add({ milliseconds: atMs });
  return date.toPlainDateTime(time).toZonedDateTime(zone, { disambiguation: "compatible" }).epochMilliseconds;
}

/** All within so many days about an instant, in order. */
function all(zone: string, now: number, days: number, atMs: number, falls: (date: Temporal.PlainDate) => boolean): number[] {
  const today = Math.floor(now / DAY);
  return Array.from({ length: 2 * days + 1 }, (_, i) => dateOf(today - days + i)).filter(falls).map((date) => instant(zone, date, atMs)).sort((a, b) => a - b);
}

function falls(schedule: CalendarSchedule, date: Temporal.PlainDate): boolean {
  switch (schedule.k) {
    case "daily": return true;
    case "weekly": return date.dayOfWeek - 1 === schedule.weekday;
    case "monthly": return date.day === Math.min(schedule.day, date.daysInMonth);
  }
}

describe("schedules", () => {
  test("the next and the last", () => {
    fc.assert(fc.property(places, schedules, ({ zone, now }, schedule) => {
      const list = all(zone, now, schedule.k === "monthly" ? 34 : 10, schedule.at, (date) => falls(schedule, date));
      expect(nextOccurrence(schedule, zoneOf(zone), now).at).toBe(list.find((each) => each > now));
      expect(lastOccurrence(schedule, zoneOf(zone), now).at).toBe(list.findLast((each) => each <= now));
    }), { numRuns: 500, seed: 1 });
  });

  test("`wait until` is strictly later", () => {
    fc.assert(fc.property(places, at, fc.option(fc.integer({ min: 0, max: 6 }), { nil: null }), ({ zone, now }, atMs, weekday) => {
      const list = all(zone, now, 10, atMs, (date) => weekday === null || date.dayOfWeek - 1 === weekday);
      const next = nextClock(zoneOf(zone), now, atMs, weekday);
      expect(next).toBe(list.find((each) => each > now));
      // From there on the same time is another day's.
      expect(nextClock(zoneOf(zone), next, atMs, weekday)).toBe(list.find((each) => each > next) ?? nextClock(zoneOf(zone), next, atMs, weekday));
    }), { numRuns: 500, seed: 2 });
  });

  test("anniversaries", () => {
    const dates = fc.oneof(fc.constantFrom(-365, -366, 0, 1, -1, 365, -7305), fc.integer({ min: -9000, max: 800 }));
    fc.assert(fc.property(places, dates, at, ({ zone, now }, ago, atMs) => {
      const date = Math.floor(now / DAY) + ago;
      const of = dateOf(date);
      const years = Array.from({ length: 30 }, (_, i) => of.year + 1 + i);
      const list = years.map((year) => instant(zone, of.with({ year }, { overflow: "constrain" }), atMs));
      expect(nextAnniversary(date, atMs, zoneOf(zone), now).at).toBe(list.find((each) => each > now));
      expect(lastAnniversary(date, atMs, zoneOf(zone), now)?.at).toBe(list.findLast((each) => each <= now));
    }), { numRuns: 300, seed: 3 });
  });

  test("a date that the zone never had falls on the next", () => {
    // Samoa had no 30 December 2011: both dates begin with the same instant, which comes once.
    const apia = zoneOf("Pacific/Apia");
    const daily: CalendarSchedule = { k: "daily", at: 9 * 60 * MINUTE };
    const before = Date.parse("2011-12-29T20:00:00Z"); // 10:00 on the 29th
    const skipped = nextOccurrence(daily, apia, before).at;
    expect(skipped).toBe(Date.parse("2011-12-30T19:00:00Z")); // 09:00 on the 31st
    expect(nextOccurrence(daily, apia, skipped).at).toBe(skipped + DAY);
  });
});
