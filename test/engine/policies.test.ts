/** What channels let through: the order of the questions, quiet hours over every change of clocks, and what counts. */
import fc from "fast-check";
import { Temporal } from "temporal-polyfill";
import { describe, expect, test } from "vitest";
import type { CompiledPolicy, CompiledQuiet } from "../../engine/compile/compiled.js";
import { enterContext, newContext, newCustomer, type Context } from "../../engine/customer.js";
import { countSent, endOfHours, judge, type Policies } from "../../engine/policies.js";
import { zoneOf } from "../../engine/zone.js";
import { HARD_ZONES, changesOf, instantsNear } from "./zones.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const at = (text: string): number => Date.parse(text);
const clock = (text: string): number => { const [hours, minutes] = text.split(":").map(Number); return ((hours ?? 0) * 60 + (minutes ?? 0)) * MINUTE; };
const hours = (from: string, to: string): Extract<CompiledQuiet, { k: "hours" }> => ({ k: "hours", from: clock(from), to: clock(to) });

function contextAt(now: number, zone = "UTC"): Context {
  const x = newContext();
  enterContext(x, newCustomer("c", zoneOf(zone)), now);
  return x;
}

const policy = (parts: Partial<CompiledPolicy>): CompiledPolicy => ({ name: "p", when: [], quiet: [], caps: [], ...parts });

/** One channel with all of them. */
function channelOf(...policies: CompiledPolicy[]): Policies {
  return { channels: [{ name: "email", policies: policies.map((_, i) => i) }], policies };
}

const perDay = (count: number): CompiledPolicy["caps"] => [{ count, window: { k: "period", unit: "day" } }];

describe("quiet hours", () => {
  const wall = (zone: string, instant: number): number => {
    const time = Temporal.Instant.fromEpochMilliseconds(instant).toZonedDateTimeISO(zone).toPlainTime();
    return time.hour * HOUR + time.minute * MINUTE + time.second * 1000 + time.millisecond;
  };
  const isQuiet = (from: number, to: number, zone: string, instant: number): boolean => {
    const t = wall(zone, instant);
    return from < to ? from <= t && t < to : t >= from || t < to;
  };

  test("end at the first instant at which the wall clock stands outside of them", () => {
    const quarter = fc.integer({ min: 0, max: 95 }).map((n) => n * 15 * MINUTE);
    const situations = fc.constantFrom(...HARD_ZONES).chain((zone) => fc.record({
      zone: fc.constant(zone), now: instantsNear(zone), from: quarter, to: fc.oneof(quarter, fc.constant(DAY)),
    })).filter(({ zone, now, from, to }) => from !== to && isQuiet(from, to, zone, now));
    fc.assert(fc.property(situations, ({ zone, now, from, to }) => {
      const end = endOfHours({ k: "hours", from, to }, { now, zone: zoneOf(zone) });
      expect(end).toBeGreaterThan(now);
      const allDay = from === 0 && to === DAY;
      if (!allDay) expect(isQuiet(from, to, zone, end)).toBe(false);
      const near = changesOf(zone).flatMap((change) => [change - 1, change, change + 1]);
      const steps = Array.from({ length: Math.ceil((end - now) / (15 * MINUTE)) }, (_, i) => Math.ceil(now / (15 * MINUTE) + i) * 15 * MINUTE);
      for (const t of [...near, ...steps, end - 1]) if (t > now && t < end) expect(isQuiet(from, to, zone, t)).toBe(true);
    }), { numRuns: 800, seed: 20260302 });
  });

  const cases: readonly (readonly [name: string, zone: string, quiet: readonly [string, string], now: string, end: string])[] = [
    ["over midnight, before it", "Europe/Warsaw", ["21:00", "08:00"], "2026-03-02T21:00+01:00", "2026-03-03T08:00+01:00"],
    ["over midnight, after it", "Europe/Warsaw", ["21:00", "08:00"], "2026-03-03T07:59:59.999+01:00", "2026-03-03T08:00+01:00"],
    ["by day", "Asia/Kathmandu", ["09:00", "17:00"], "2026-03-03T09:00+05:45", "2026-03-03T17:00+05:45"],
    ["the night in which clocks go forward is an hour shorter", "Europe/Warsaw", ["21:00", "08:00"], "2026-03-28T22:00+01:00", "2026-03-29T08:00+02:00"],
    ["the night in which they go back is an hour longer", "Europe/Warsaw", ["21:00", "08:00"], "2026-10-24T22:00+02:00", "2026-10-25T08:00+01:00"],
    ["an end that the clocks jump over is reached with the jump", "Europe/Warsaw", ["21:00", "02:30"], "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"],
    ["an end that comes twice is reached the first time", "Europe/Warsaw", ["21:00", "02:30"], "2026-10-25T01:00+02:00", "2026-10-25T02:30+02:00"],
    ["and is quiet again until the second, since the wall clock says so", "Europe/Warsaw", ["21:00", "02:30"], "2026-10-25T02:15+01:00", "2026-10-25T02:30+01:00"],
    ["half an hour of summer time: the minutes that come again, the first time", "Australia/Lord_Howe", ["01:35", "01:45"], "2026-04-05T01:36+11:00", "2026-04-05T01:45+11:00"],
    ["half an hour of summer time: the second time", "Australia/Lord_Howe", ["01:35", "01:45"], "2026-04-05T01:36+10:30", "2026-04-05T01:45+10:30"],
    ["half an hour of summer time: the end lies behind both", "Australia/Lord_Howe", ["21:00", "02:15"], "2026-04-05T01:40+11:00", "2026-04-05T02:15+10:30"],
    ["half an hour of summer time: forward over the end", "Australia/Lord_Howe", ["21:00", "02:15"], "2026-10-04T01:30+10:30", "2026-10-04T02:30+11:00"],
    ["a day that did not exist", "Pacific/Apia", ["21:00", "08:00"], "2011-12-29T22:00-10:00", "2011-12-31T08:00+14:00"],
    ["clocks that go back for Ramadan", "Africa/Casablanca", ["21:00", "02:45"], "2026-02-15T01:00+01:00", "2026-02-15T02:45+01:00"],
    ["to the end of the day", "America/New_York", ["20:00", "24:00"], "2026-03-03T23:59-05:00", "2026-03-04T00:00-05:00"],
  ];
  test.each(cases)("%s", (_, zone, [from, to], now, end) => {
    const instant = endOfHours(hours(from, to), { now: at(now), zone: zoneOf(zone) });
    expect(new Date(instant).toISOString()).toBe(new Date(at(end)).toISOString());
  });
});

describe("a channel asks", () => {
  const no = (): boolean => false;
  const yes = (): boolean => true;
  const night = hours("21:00", "08:00");
  const NOON = at("2026-03-02T12:00Z");
  const NIGHT = at("2026-03-02T22:00Z");

  test("consent of all first, then the quiet hours of all, then the caps of all", () => {
    const none = channelOf(policy({ when: [yes], quiet: [night], caps: perDay(1) }), policy({ when: [yes, no] }));
    expect(judge(none, contextAt(NIGHT), 0, false)).toEqual({ k: "consent", policy: 1 });
    const quiet = channelOf(policy({ when: [yes], caps: perDay(1) }), policy({ quiet: [night] }));
    const x = contextAt(NIGHT);
    countSent(quiet, x, 0);
    expect(judge(quiet, x, 0, false)).toEqual({ k: "hold", policy: 1, until: at("2026-03-03T08:00Z") });
    enterContext(x, x.customer, at("2026-03-02T20:59:59.999Z"));
    expect(judge(quiet, x, 0, false)).toEqual({ k: "cap", policy: 0, cap: perDay(1)[0] });
    expect(judge(channelOf(policy({})), contextAt(NIGHT), 0, false)).toEqual({ k: "send" });
  });

  test("urgent passes quiet hours and caps, never consent, and counts", () => {
    const compiled = channelOf(policy({ when: [(x) => x.now < NIGHT + HOUR], quiet: [night], caps: perDay(1) }));
    const x = contextAt(NIGHT);
    countSent(compiled, x, 0);
    expect(judge(compiled, x, 0, true)).toEqual({ k: "send" });
    countSent(compiled, x, 0);
    expect(x.customer.extras?.sends).toEqual([{ index: 0, times: [NIGHT] }]);
    enterContext(x, x.customer, NIGHT + HOUR);
    expect(judge(compiled, x, 0, true)).toEqual({ k: "consent", policy: 0 });
  });

  test("what is sent counts once under each policy of its channel, and there for all its channels", () => {
    const compiled: Policies = {
      channels: [{ name: "email", policies: [0, 2] }, { name: "push", policies: [1, 2] }],
      policies: [policy({ caps: perDay(5) }), policy({}), policy({ caps: perDay(2) })],
    };
    const x = contextAt(NOON);
    countSent(compiled, x, 1);
    countSent(compiled, x, 0);
    expect(x.customer.extras?.sends).toEqual([{ index: 0, times: [NOON] }, { index: 2, times: [NOON, NOON] }]);
    expect(judge(compiled, x, 0, false)).toMatchObject({ k: "cap", policy: 2 });
    expect(judge(compiled, x, 1, false)).toMatchObject({ k: "cap", policy: 2 });
  });

  test("a channel without caps leaves nothing with the customer", () => {
    const x = contextAt(NOON);
    countSent(channelOf(policy({})), x, 0);
    expect(x.customer.extras).toBeNull();
  });

  test("a condition that time alone does not end holds without end", () => {
    const compiled = channelOf(policy({ quiet: [night] }), policy({ quiet: [{ k: "condition", holds: yes, next: null }] }));
    expect(judge(compiled, contextAt(NIGHT), 0, false)).toEqual({ k: "hold", policy: 0, until: Infinity });
  });

  test("held until the latest of what is quiet now; asked again then, it goes out when nothing is", () => {
    /** Quiet in every stretch [from, to) of minutes; the next change is told early now and then. */
    const stretches = fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 1, max: 900 })), { minLength: 1, maxLength: 4 });
    const quiets = fc.array(fc.oneof(
      fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 1, max: 9 })).map(([from, length]): CompiledQuiet => ({ k: "hours", from: from * HOUR, to: ((from + length) % 24) * HOUR })),
      fc.tuple(stretches, fc.integer({ min: 1, max: 400 })).map(([list, impatience]): CompiledQuiet => {
        const spans = list.map(([from, length]) => [NOON + from * MINUTE, NOON + (from + length) * MINUTE] as const);
        return {
          k: "condition", holds: (x) => spans.some(([from, to]) => from <= x.now && x.now < to),
          next: (x) => Math.min(x.now + impatience * MINUTE, ...spans.flat().filter((t) => t > x.now)),
        };
      }),
    ), { minLength: 1, maxLength: 4 });
    fc.assert(fc.property(quiets, fc.constantFrom(...HARD_ZONES), (list, zone) => {
      const half = Math.ceil(list.length / 2);
      const compiled = channelOf(policy({ quiet: list.slice(0, half) }), policy({ quiet: list.slice(half) }));
      const x = contextAt(NOON, zone);
      const isHeldAt = (t: number): boolean => {
        x.now = t;
        return judge(compiled, x, 0, false).k === "hold";
      };
      let t = NOON;
      while (t < NOON + 20 * DAY && isHeldAt(t)) t += MINUTE; // everything here turns at whole minutes
      x.now = NOON;
      for (let tries = 0; tries < 5000; tries++) {
        const judgement = judge(compiled, x, 0, false);
        if (judgement.k !== "hold" || x.now >= NOON + 20 * DAY) break;
        expect(judgement.until).toBeGreaterThan(x.now);
        x.now = judgement.until;
      }
      if (t < NOON + 20 * DAY) expect(x.now).toBe(t);
      else expect(x.now).toBeGreaterThanOrEqual(t);
    }), { numRuns: 150, seed: 20260302 });
  });
});
