/** Caps against a model that keeps every instant. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Cap, Window } from "../../dsl/program.js";
import { fullCap, hasRoom, remember } from "../../engine/caps.js";
import { zoneOf } from "../../engine/zone.js";
import { leavesAt } from "./naive-aggregates.js";
import { HARD_ZONES, instantsNear } from "./zones.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const windows: fc.Arbitrary<Exclude<Window, { k: "run" }>> = fc.oneof(
  fc.constantFrom(1, HOUR, DAY, 7 * DAY, 90 * 60_000).map((ms) => ({ k: "sliding" as const, ms })),
  fc.constantFrom(1, 2, 12).map((months) => ({ k: "months" as const, months })),
  fc.constantFrom("day" as const, "week" as const, "month" as const, "year" as const).map((unit) => ({ k: "period" as const, unit })),
);
const capLists = fc.array(fc.record({ count: fc.integer({ min: 1, max: 4 }), window: windows }), { minLength: 1, maxLength: 3 });
const pauses = fc.oneof(
  fc.constantFrom(0, 1, HOUR - 1, HOUR, DAY - 1, DAY, 7 * DAY, 28 * DAY, 31 * DAY), fc.integer({ min: 0, max: 60 }).map((hours) => hours * HOUR / 2),
);
/** `uncapped`: it counts without asking, as `urgent` does. */
const attempts = fc.array(fc.record({ pause: pauses, uncapped: fc.boolean() }), { maxLength: 30 });

const at = (text: string): number => Date.parse(text);

describe("caps", () => {
  test("count as a model does that forgets nothing, and keep no more than they count", () => {
    const situations = fc.constantFrom(...HARD_ZONES).chain((zone) => fc.record({ zone: fc.constant(zone), start: instantsNear(zone), caps: capLists, attempts }));
    fc.assert(fc.property(situations, ({ zone, start, caps, attempts }) => {
      const x = { now: start, zone: zoneOf(zone) };
      const kept: number[] = [];
      const all: number[] = [];
      const full = ({ count, window }: (typeof caps)[number]): boolean => all.filter((t) => x.now < leavesAt(window, zone, t)).length >= count;
      for (const { pause, uncapped } of attempts) {
        x.now += pause;
        expect(fullCap(caps, kept, x)).toEqual(caps.find(full) ?? null);
        expect(hasRoom(caps, kept, x)).toBe(!caps.some(full));
        if (!uncapped && !hasRoom(caps, kept, x)) continue;
        all.push(x.now);
        remember(caps, kept, x);
        expect(kept.length).toBeLessThanOrEqual(caps.reduce((sum, { count }) => sum + count, 0));
      }
    }), { numRuns: 1000, seed: 20260302 });
  });

  const cases: readonly { readonly name: string; readonly cap: Cap; readonly zone: string; readonly taken: readonly string[]; readonly now: string; readonly room: boolean }[] = [
    { name: "sliding: to the millisecond", cap: { count: 1, window: { k: "sliding", ms: DAY } }, zone: "UTC", taken: ["2026-03-02T10:00Z"], now: "2026-03-03T09:59:59.999Z", room: false },
    { name: "sliding: its end is exclusive", cap: { count: 1, window: { k: "sliding", ms: DAY } }, zone: "UTC", taken: ["2026-03-02T10:00Z"], now: "2026-03-03T10:00Z", room: true },
    { name: "per day: until midnight where the customer lives", cap: { count: 1, window: { k: "period", unit: "day" } }, zone: "Europe/Warsaw", taken: ["2026-03-02T10:00Z"], now: "2026-03-02T22:59:59.999Z", room: false },
    { name: "per day: a minute may lie between two", cap: { count: 1, window: { k: "period", unit: "day" } }, zone: "Europe/Warsaw", taken: ["2026-03-02T22:59Z"], now: "2026-03-02T23:00Z", room: true },
    { name: "per day: a day of 25 hours", cap: { count: 1, window: { k: "period", unit: "day" } }, zone: "Europe/Warsaw", taken: ["2026-10-24T22:00Z"], now: "2026-10-25T22:59Z", room: false },
    { name: "per week: from Monday", cap: { count: 1, window: { k: "period", unit: "week" } }, zone: "Europe/Warsaw", taken: ["2026-03-02T00:00Z"], now: "2026-03-08T22:59Z", room: false },
    { name: "per week: Sunday night is over at Monday", cap: { count: 1, window: { k: "period", unit: "week" } }, zone: "Europe/Warsaw", taken: ["2026-03-08T22:59Z"], now: "2026-03-08T23:00Z", room: true },
    { name: "per month: the last of it", cap: { count: 2, window: { k: "period", unit: "month" } }, zone: "Asia/Kathmandu", taken: ["2026-02-01T00:00Z", "2026-02-20T00:00Z"], now: "2026-02-28T18:14Z", room: false },
    { name: "per month: the first of the next", cap: { count: 2, window: { k: "period", unit: "month" } }, zone: "Asia/Kathmandu", taken: ["2026-02-01T00:00Z", "2026-02-20T00:00Z"], now: "2026-02-28T18:15Z", room: true },
    { name: "one month from the 31st ends on the 28th", cap: { count: 1, window: { k: "months", months: 1 } }, zone: "UTC", taken: ["2026-01-31T10:00Z"], now: "2026-02-28T10:00Z", room: true },
    { name: "one month: a minute before", cap: { count: 1, window: { k: "months", months: 1 } }, zone: "UTC", taken: ["2026-01-31T10:00Z"], now: "2026-02-28T09:59Z", room: false },
  ];
  test.each(cases)("$name", ({ cap, zone, taken, now, room }) => {
    const times: number[] = [];
    for (const each of taken) remember([cap], times, { now: at(each), zone: zoneOf(zone) });
    expect(hasRoom([cap], times, { now: at(now), zone: zoneOf(zone) })).toBe(room);
  });

  test("without caps nothing is kept", () => {
    const times: number[] = [];
    remember([], times, { now: 0, zone: zoneOf("UTC") });
    expect(times).toEqual([]);
  });

  test("a thousand a month, asked and told in no time", () => {
    const caps: readonly Cap[] = [{ count: 1000, window: { k: "months", months: 1 } }];
    const times: number[] = [];
    const x = { now: at("2026-01-29T00:00Z"), zone: zoneOf("Europe/Warsaw") };
    for (let i = 0; i < 3000; i++, x.now += 60_000) if (hasRoom(caps, times, x)) remember(caps, times, x);
    expect(times.length).toBe(1000);
    x.now = at("2026-02-28T00:00Z");
    expect(hasRoom(caps, times, x)).toBe(true);
  });
});
