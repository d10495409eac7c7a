/** Forgetting: on request, and after silence. Nothing stays, and everybody who keeps a copy or a sum is told. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newCustomer } from "../../engine/customer.js";
import { createReplay } from "../../engine/replay.js";
import { zoneOf } from "../../engine/zone.js";
import { compiled, story, type Told } from "./story.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOON = Date.parse("2026-03-02T11:00Z"); // in Warsaw
const NIGHT = Date.parse("2026-03-02T22:00Z");

const PROGRAM = compiled(`
  event bought { total: number }
  event viewed { sku: string }
  profile retain 400 days {
    name: string?
    timezone: string = "Europe/Warsaw"
  }
  trait spend = sum(bought.total)
  trait orders = count(bought)
  segment buyer when orders >= 1
  segment big when spend >= 100
  tier level by spend { low at 0 high at 100 }
  points stars { earn total on bought expire after 1 year }
  metric share = customers(orders >= 1) / customers(orders >= 0)
  metric money = total(spend)
  trait rank = quintile(spend among orders >= 1)
  experiment offer { a 50% b 50% goal bought within 7 days value total }
  channel email { when true  quiet 21:00 to 08:00 }
  rule hello { on viewed  at most 1 per 30 days  wait 1 day  emit "hello" { sku: event.sku } }
  rule mail { on bought  split offer { a { send email "thanks" } b { send email "thanks" } } }
  rule farewell { on leave buyer  emit "farewell" }
`);

const filled = (): ReturnType<typeof story> => {
  const one = story(PROGRAM);
  one.event("profile_updated", { name: "Anna", timezone: "Asia/Kathmandu" }, NOON - HOUR);
  one.event("profile_updated", { timezone: "Europe/Warsaw" }, NOON - HOUR / 2);
  one.event("viewed", { sku: "a" }, NOON);
  one.event("bought", { total: 120 }, NIGHT);
  return one;
};

/** What was added to the figures of the population, less what was taken out. */
function figures(told: readonly Told[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  const add = (name: string, amount: number): void => { sums[name] = (sums[name] ?? 0) + amount; };
  for (const one of told) {
    if (one.k === "reading" || one.k === "contribution") {
      add(`${one.k} ${one.index}`, (one.after ?? 0) - (one.before ?? 0));
      add(`${one.k} ${one.index} known`, (one.after === null ? 0 : 1) - (one.before === null ? 0 : 1));
    } else if (one.k === "experiment") {
      add(`exposed ${one.arm}`, one.exposed);
      add(`reached ${one.arm}`, one.reached);
      add(`value ${one.arm}`, one.value);
    }
  }
  return sums;
}

describe("a customer is forgotten", () => {
  test("nothing is left of them; runs end, held messages go nowhere, memberships are left, figures go down, nothing starts", () => {
    const one = filled();
    one.event("bought", { total: 5 }, NIGHT + HOUR);
    expect(Object.values(figures(one.told)).some((sum) => sum !== 0)).toBe(true);
    expect(one.customer.runs.map(({ held }) => held !== null)).toEqual([false, true]);
    one.news();
    one.event("customer_erased", {}, NIGHT + 2 * HOUR);
    const news = one.news().filter(({ k }) => !["reading", "contribution", "experiment"].includes(k));
    expect(news).toEqual([
      { k: "suppressed", at: NIGHT + 2 * HOUR, what: "email thanks", reason: "ended" },
      { k: "leave", at: NIGHT + 2 * HOUR, segment: "big" },
      { k: "leave", at: NIGHT + 2 * HOUR, segment: "buyer" },
      { k: "erased" },
    ]);
    expect(Object.entries(figures(one.told)).filter(([, sum]) => sum !== 0)).toEqual([]);
    expect(one.customer).toMatchObject(newCustomer("c1", zoneOf("Europe/Warsaw")));
    one.until(NIGHT + 900 * DAY);
    expect(one.news()).toEqual([]);
  });

  test("who comes back is new: caps, levels, points and memberships begin anew", () => {
    const one = filled();
    one.event("customer_erased", {}, NIGHT + HOUR);
    one.news();
    const fresh = story(PROGRAM);
    for (const each of [one, fresh]) {
      each.event("viewed", { sku: "b" }, NIGHT + 2 * HOUR);
      each.event("bought", { total: 7 }, NIGHT + 30 * HOUR);
    }
    expect(one.news()).toEqual(fresh.news());
    const causes = (key: string, value: unknown): unknown => (key === "cause" ? "" : value); // events are numbered
    expect(JSON.parse(JSON.stringify(one.customer, causes))).toEqual(JSON.parse(JSON.stringify(fresh.customer, causes)));
  });

  test("whatever happened before: the figures come to nothing, and what comes later is as if nothing had been", () => {
    const pauses = fc.oneof(fc.constantFrom(0, 1, HOUR, DAY, 7 * DAY, 31 * DAY, 366 * DAY, 401 * DAY), fc.integer({ min: 0, max: 100 }).map((hours) => hours * HOUR));
    const happenings = fc.oneof(
      fc.integer({ min: 1, max: 200 }).map((total) => ({ name: "bought", data: { total } })), fc.constantFrom("a", "b").map((sku) => ({ name: "viewed", data: { sku } })),
      fc.constantFrom("America/New_York", "Asia/Kathmandu", "Europe/Warsaw").map((timezone) => ({ name: "profile_updated", data: { timezone } })),
    );
    const histories = fc.array(fc.tuple(pauses, happenings, fc.constantFrom(0, 0, HOUR, 40 * DAY)), { maxLength: 12 });
    const happen = (one: ReturnType<typeof story>, history: readonly (readonly [number, { readonly name: string; readonly data: object }, number])[], from: number): number => {
      let now = from;
      for (const [pause, { name, data }, late] of history) one.event(name, data, (now += pause), now - late);
      return now;
    };
    fc.assert(fc.property(histories, pauses, fc.boolean(), histories, (before, pause, stored, after) => {
      const one = story(PROGRAM);
      const end = happen(one, before, NOON) + pause;
      if (stored) one.stored();
      one.event("customer_erased", {}, end);
      expect(Object.entries(figures(one.told)).filter(([, sum]) => Math.abs(sum) > 1e-6)).toEqual([]);
      expect(one.customer).toMatchObject(newCustomer("c1", zoneOf("Europe/Warsaw")));
      one.news();
      const fresh = story(PROGRAM);
      const last = happen(one, after, end);
      happen(fresh, after, end);
      for (const each of [one, fresh]) each.until(last + 500 * DAY);
      expect(one.news()).toEqual(fresh.news());
      expect(one.customer).toMatchObject(fresh.customer);
    }), { numRuns: 200, seed: 20260302 });
  });

  test("of whom nothing is known there is nothing to forget", () => {
    const one = story(PROGRAM);
    one.event("customer_erased", {}, NOON);
    expect(one.news()).toEqual([]);
    expect(one.customer).toMatchObject(newCustomer("c1", zoneOf("Europe/Warsaw")));
  });
});

describe("rules that look for it", () => {
  const RULES = compiled(`
    event joined
    profile { note: string? }
    segment here when any(joined)
    channel email { when true  quiet when true }
    rule goodbye { on customer_erased  emit "forget" { note: profile.note }  wait 1 minute  emit "never" }
    rule keeps { on customer_erased  send email "never" }
    rule gone { on leave here  emit "never" }
    rule marked { on joined  until customer_erased  wait for leave here up to 9 days  emit "never" }
    rule waits { on joined  wait for customer_erased up to 9 days  set profile.note = "x"  emit "asked" }
  `);

  test("act before everything is forgotten, and leave nothing behind", () => {
    const one = story(RULES);
    one.event("joined", {}, NOON);
    one.news();
    one.event("customer_erased", {}, NOON + HOUR);
    one.until(NOON + 30 * DAY);
    const at = NOON + HOUR;
    expect(one.news().filter(({ k }) => k !== "started")).toEqual([
      { k: "action", at, what: "asked", payload: null },
      { k: "action", at, what: "forget", payload: { note: "x" } },
      { k: "held", at, what: "email never" },
      { k: "suppressed", at, what: "email never", reason: "ended" },
      { k: "leave", at, segment: "here" },
      { k: "erased" },
    ]);
    expect(one.customer).toMatchObject(newCustomer("c1", zoneOf("UTC")));
  });

  test("not of whom nothing is known", () => {
    const one = story(RULES);
    one.event("customer_erased", {}, NOON);
    expect(one.news()).toEqual([]);
  });
});

describe("a replay", () => {
  test("has no members and no traits of who is forgotten, and leaves them in order", () => {
    const outputs: string[] = [];
    const replay = createReplay(PROGRAM, ({ subject }) => outputs.push(subject));
    const happens = (id: number, type: string, subject: string, data: object): void =>
      replay.line(JSON.stringify({ specversion: "1.0", id: String(id), source: "s", type, subject, time: new Date(NOON + id).toISOString(), data }));
    happens(1, "bought", "anna", { total: 120 });
    happens(2, "bought", "ben", { total: 1 });
    happens(3, "customer_erased", "anna", {});
    happens(4, "customer_erased", "nobody", {});
    expect(replay.members()).toEqual([{ segment: "buyer", customer: "ben" }]);
    expect(replay.traits().map(({ customer }) => customer)).toEqual(["ben"]);
    expect(outputs.filter((subject) => subject.startsWith("segments."))).toEqual([
      "segments.0.big.entered", "segments.0.buyer.entered", "segments.0.buyer.entered", "segments.0.big.left", "segments.0.buyer.left",
    ]);
  });
});

describe("a customer without events", () => {
  test("is forgotten when the time is over, to the ms; any event puts it off", () => {
    const one = story(PROGRAM);
    one.event("bought", { total: 1 }, NOON);
    one.event("viewed", { sku: "a" }, NOON + 10 * DAY);
    one.until(NOON + 410 * DAY - 1);
    expect(one.news().map(({ k }) => k)).not.toContain("erased");
    one.until(NOON + 410 * DAY);
    expect(one.news().at(-1)).toEqual({ k: "erased" });
    expect(one.customer.wake).toBe(Infinity);
  });

  test("a late event is an event: the time runs from when it came", () => {
    const one = story(PROGRAM);
    one.event("bought", { total: 1 }, NOON);
    one.event("bought", { total: 1 }, NOON + 100 * DAY, NOON - 30 * DAY);
    one.until(NOON + 500 * DAY - 1);
    expect(one.customer.firstSeen).toBe(NOON - 30 * DAY);
    one.until(NOON + 500 * DAY);
    expect(one.customer.firstSeen).toBe(Infinity);
  });

  test("at that instant nothing else happens to them", () => {
    const one = story(compiled(`
      event joined
      profile retain 2 days { }
      segment here when any(joined)
      rule too_late { on joined  wait 2 days  emit "too_late" }
      rule gone { on leave here  emit "gone" }
    `));
    one.event("joined", {}, NOON);
    one.news();
    one.until(NOON + 9 * DAY);
    expect(one.news()).toEqual([{ k: "leave", at: NOON + 2 * DAY, segment: "here" }, { k: "erased" }]);
  });

  test("months are of their calendar", () => {
    const one = story(compiled(`
      event joined
      profile retain 1 month { timezone: string = "Europe/Warsaw" }
      segment here when any(joined)
    `));
    const end = Date.parse("2026-03-31T12:00+02:00");
    one.event("joined", {}, Date.parse("2026-02-28T12:00+01:00"));
    one.event("joined", {}, Date.parse("2026-03-01T12:00+01:00"));
    one.event("joined", {}, end);
    one.until(Date.parse("2026-04-30T11:59:59+02:00"));
    expect(one.customer.segments).toEqual([0]);
    one.until(Date.parse("2026-04-30T12:00+02:00"));
    expect(one.customer.segments).toEqual([]);
  });

  test("whose last event nobody noted is given the whole time once they are looked at, and up to a day more: not everybody at once", () => {
    const [old, retaining] = [compiled("event joined  profile { }  segment here when any(joined) over 30 days"), compiled("event joined  profile retain 400 days { }  segment here when any(joined) over 30 days")];
    const due = Array.from({ length: 200 }, (_, i) => {
      const before = story(old, newCustomer(`c${i}`, zoneOf("UTC")));
      before.event("joined", {}, NOON);
      const after = story(retaining, before.customer);
      after.until(NOON + 430 * DAY - 1);
      expect(after.customer.firstSeen).toBe(NOON);
      const { wake } = after.customer;
      after.until(NOON + 431 * DAY);
      expect(after.news().map(({ k }) => k)).toEqual(["leave", "erased"]);
      return wake;
    });
    const perHour = new Map<number, number>();
    for (const at of due) perHour.set(Math.floor((at - NOON) / HOUR), (perHour.get(Math.floor((at - NOON) / HOUR)) ?? 0) + 1);
    expect(perHour.size).toBe(24);
    expect(Math.max(...perHour.values())).toBeLessThan(30);
  });
});
