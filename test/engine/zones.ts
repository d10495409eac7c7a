/** Time zones in which calendars are hard, the instants at which their clocks change, and instants near those. */
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";

export const HARD_ZONES = [
  "UTC", "Europe/Warsaw", "America/New_York",
  "Australia/Lord_Howe", // half an hour of summer time
  "Asia/Kathmandu", // +5:45
  "America/St_Johns", // -3:30; until 2011 its clocks changed at 00:01, so that dates came back
  "Pacific/Apia", // had no 30 December 2011
  "Africa/Casablanca", // changes around Ramadan
  "Europe/Dublin", // winter time is the exception
  "America/Sao_Paulo", "Africa/Cairo", "Asia/Beirut", "America/Havana", // midnights that do not exist
  "Pacific/Chatham", "Antarctica/Troll", "America/Nuuk", "Asia/Gaza", "Pacific/Kiritimati",
] as const;

const changes = new Map<string, readonly number[]>();

/** Every change of a zone's clocks from 2009 to 2028. */
export function changesOf(zone: string): readonly number[] {
  let found = changes.get(zone);
  if (found === undefined) {
    const list: number[] = [];
    let at: Temporal.ZonedDateTime | null = Temporal.Instant.from("2009-01-01T00:00Z").toZonedDateTimeISO(zone);
    while (at !== null && list.length < 100) {
      at = at.getTimeZoneTransition("next");
      if (at === null || at.epochMilliseconds > Date.UTC(2028, 0, 1)) break;
      list.push(at.epochMilliseconds);
    }
    changes.set(zone, (found = list));
  }
  return found;
}

const HOUR = 3_600_000;

const steps = fc.oneof(
  fc.constantFrom(0, -1, 1),
  fc.integer({ min: -72, max: 72 }).map((hours) => hours * HOUR),
  fc.tuple(fc.integer({ min: -48, max: 48 }), fc.constantFrom(-1, 1, 1800_000, 2700_000)).map(([hours, more]) => hours * HOUR + more),
  fc.integer({ min: -40 * 24 * HOUR, max: 40 * 24 * HOUR }),
);

/** An instant that is likely to be near something remarkable of the zone's calendar. */
export function instantsNear(zone: string): fc.Arbitrary<number> {
  const anchors = [
    ...changesOf(zone), ...["2023-12-31T23:30Z", "2024-02-29T12:00Z", "2025-02-28T22:00Z", "2024-01-30T09:00Z"].map((text) => Date.parse(text)),
  ];
  return fc.tuple(fc.constantFrom(...anchors), steps).map(([anchor, step]) => anchor + step);
}

export const zonesAndInstants: fc.Arbitrary<{ readonly zone: string; readonly at: number }> =
  fc.constantFrom(...HARD_ZONES).chain((zone) => instantsNear(zone).map((at) => ({ zone, at })));
