/** Calendar arithmetic against Temporal, over zones and instants in which it is hard. */
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import {
  DAY_MS, addMonths, addMonthsToDate, ageAt, civilFromDays, dateAt, hourAt, instantOf, isZone, nextDay, nextHour, offsetAt, periodEnd, startOfDate, weekdayName,
  weekdayOfDate, zoneOf, type Period,
} from "../../engine/zone.js";
import { daysFromCivil } from "../../engine/envelope.js";
import { HARD_ZONES, changesOf, instantsNear, zonesAndInstants } from "./zones.js";

const RUNS = { numRuns: 1500, seed: 20260302 };
const zoned = (zone: string, at: number): Temporal.ZonedDateTime => Temporal.Instant.fromEpochMilliseconds(at).toZonedDateTimeISO(zone);
const EPOCH = Temporal.PlainDate.from("1970-01-01");
const daysOf = (date: Temporal.PlainDate): number => EPOCH.until(date, { largestUnit: "days" }).days;
const dateOf = (days: number): Temporal.PlainDate => EPOCH.add({ days });

function property(check: (zone: string, at: number) => void): void {
  fc.assert(fc.property(zonesAndInstants, ({ zone, at }) => check(zone, at)), RUNS);
}

describe("zones", () => {
  test("offset, date, hour and weekday of an instant", () => property((zone, at) => {
    const z = zoned(zone, at);
    expect(offsetAt(zoneOf(zone), at)).toBe(z.offsetNanoseconds / 1e6);
    expect(dateAt(zoneOf(zone), at)).toBe(daysOf(z.toPlainDate()));
    expect(hourAt(zoneOf(zone), at)).toBe(z.hour);
    expect(weekdayOfDate(dateAt(zoneOf(zone), at)) + 1).toBe(z.dayOfWeek);
    expect(civilFromDays(daysOf(z.toPlainDate()))).toEqual({ year: z.year, month: z.month, day: z.day });
  }));

  test("the instant of a local time, in gaps and overlaps too", () => {
    const nearChange = fc.constantFrom(...HARD_ZONES).chain((zone) => fc.tuple(fc.constant(zone), instantsNear(zone), fc.integer({ min: -200, max: 200 })));
    fc.assert(fc.property(nearChange, ([zone, at, minutes]) => {
      const local = at + offsetAt(zoneOf(zone), at) + minutes * 60_000;
      const wall = Temporal.PlainDateTime.from("1970-01-01T00:00").add({ milliseconds: local });
      expect(instantOf(zoneOf(zone), local)).toBe(wall.toZonedDateTime(zone, { disambiguation: "compatible" }).epochMilliseconds);
    }), RUNS);
  });

  test("months later and earlier", () => {
    fc.assert(fc.property(zonesAndInstants, fc.integer({ min: -30, max: 30 }), ({ zone, at }, months) => {
      expect(addMonths(zoneOf(zone), at, months)).toBe(zoned(zone, at).add({ months }).epochMilliseconds);
      const date = zoned(zone, at).toPlainDate();
      expect(addMonthsToDate(daysOf(date), months)).toBe(daysOf(date.add({ months })));
    }), RUNS);
  });

  test("where a date starts", () => property((zone, at) => {
    const date = zoned(zone, at).toPlainDate();
    expect(startOfDate(zoneOf(zone), daysOf(date))).toBe(date.toZonedDateTime(zone).startOfDay().epochMilliseconds);
  }));

  test("where a calendar period ends: later than the instant, and at the start of a date of the next one", () => {
    const first: { readonly [unit in Period]: (date: Temporal.PlainDate) => Temporal.PlainDate } = {
      day: (date) => date.add({ days: 1 }),
      week: (date) => date.add({ days: 8 - date.dayOfWeek }),
      month: (date) => date.with({ day: 1 }).add({ months: 1 }),
      year: (date) => date.with({ month: 1, day: 1 }).add({ years: 1 }),
    };
    fc.assert(fc.property(zonesAndInstants, fc.constantFrom<Period>("day", "week", "month", "year"), ({ zone, at }, unit) => {
      const end = periodEnd(zoneOf(zone), at, unit);
      const next = first[unit](zoned(zone, at).toPlainDate());
      const start = next.toZonedDateTime(zone).epochMilliseconds;
      expect(end).toBeGreaterThan(at);
      // Where a date comes back, it ends for good the second time.
      if (start > at) expect(end).toBe(start);
      else expect(zoned(zone, end).toPlainDateTime().toString()).toBe(next.toPlainDateTime().toString());
    }), RUNS);
  });

  test("nothing turns between an instant and the next hour or day", () => property((zone, at) => {
    const hour = nextHour(zoneOf(zone), at);
    const day = nextDay(zoneOf(zone), at);
    expect(hour).toBeGreaterThan(at);
    expect(day).toBeGreaterThan(at);
    expect(hour - at).toBeLessThanOrEqual(3_600_000);
    expect(day - at).toBeLessThanOrEqual(2 * DAY_MS);
    for (const part of [0, 0.2, 0.4, 0.6, 0.8, 1]) {
      expect(zoned(zone, at + Math.floor(part * (hour - 1 - at))).hour).toBe(zoned(zone, at).hour);
    }
    const within = [...changesOf(zone).filter((change) => change > at && change < day), day - 1];
    for (let t = at; t < day; t += 1_800_000) within.push(t);
    for (const t of within) expect(dateAt(zoneOf(zone), t)).toBe(dateAt(zoneOf(zone), at));
  }));

  test("age, with births on 29 February", () => {
    const births = fc.oneof(fc.constantFrom("2000-02-29", "2004-02-29", "1996-03-01", "1900-02-28"), fc.integer({ min: -40_000, max: 25_000 }).map((days) => dateOf(days).toString()));
    const todays = fc.oneof(fc.constantFrom("2023-02-28", "2023-03-01", "2024-02-28", "2024-02-29", "1999-12-31"), fc.integer({ min: 0, max: 25_000 }).map((days) => dateOf(days).toString()));
    fc.assert(fc.property(births, todays, (birth, today) => {
      const years = ageAt(daysOf(Temporal.PlainDate.from(birth)), daysOf(Temporal.PlainDate.from(today)));
      const on = (n: number): Temporal.PlainDate => Temporal.PlainDate.from(birth).add({ years: n });
      expect(Temporal.PlainDate.compare(on(years), today)).toBeLessThanOrEqual(0);
      expect(Temporal.PlainDate.compare(on(years + 1), today)).toBe(1);
    }), RUNS);
  });

  test("civil dates there and back, over all of the Gregorian calendar", () => {
    fc.assert(fc.property(fc.integer({ min: -50_000_000, max: 50_000_000 }), (days) => {
      const { year, month, day } = civilFromDays(days);
      expect(daysFromCivil(year, month, day)).toBe(days);
      expect({ year, month, day }).toEqual({ year: dateOf(days).year, month: dateOf(days).month, day: dateOf(days).day });
    }), { numRuns: 300, seed: 1 });
  });

  test("names: unknown ones are UTC, however many come", () => {
    expect(isZone("Europe/Warsaw")).toBe(true);
    expect(isZone("UTC")).toBe(true);
    for (const name of ["", "Mars/Olympus", "__proto__", "Europe/Warsaw ", "\u0000", "2024-01-01T00:00[Europe/Warsaw]", "x".repeat(10_000)]) {
      expect({ name, zone: zoneOf(name).name }).toEqual({ name, zone: "UTC" });
    }
    expect(zoneOf("europe/warsaw")).toBe(zoneOf("Europe/Warsaw"));
  });

  test("instants and dates beyond every calendar give numbers, not failures", () => {
    for (const zone of HARD_ZONES) {
      for (const at of [1e300, -1e300, 8.64e15, -8.64e15, Infinity, -Infinity, NaN]) {
        const z = zoneOf(zone);
        for (const value of [offsetAt(z, at), dateAt(z, at), hourAt(z, at), addMonths(z, at, 7), instantOf(z, at), startOfDate(z, at / DAY_MS), periodEnd(z, at, "month"), nextHour(z, at), nextDay(z, at), ageAt(at, 0)]) {
          expect(typeof value).toBe("number");
        }
        weekdayName(dateAt(z, at));
        // What was asked beyond the calendar does not spoil what is asked next.
        expect(offsetAt(z, Date.UTC(2024, 6, 1))).toBe(zoned(zone, Date.UTC(2024, 6, 1)).offsetNanoseconds / 1e6);
      }
    }
  });
});
