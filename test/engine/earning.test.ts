/** Programs with points, tiers and experiments, against models that keep every event and look at everything each time. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newCustomer } from "../../engine/customer.js";
import { zoneOf } from "../../engine/zone.js";
import { leavesAt } from "./naive-aggregates.js";
import { compiled, story } from "./story.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = Date.parse("2026-03-02T10:00Z");
const ZONE = "Europe/Warsaw";

const pauses = fc.oneof(fc.constantFrom(0, 1, HOUR, DAY, 10 * DAY, 30 * DAY, 40 * DAY), fc.integer({ min: 0, max: 200 }).map((hours) => hours * HOUR));
const lateness = fc.oneof(fc.constant(0), fc.constant(0), fc.constantFrom(HOUR, DAY, 10 * DAY, 35 * DAY, 40 * DAY));
const instant = (at: number): string => new Date(at).toISOString();

describe("points and the tier that follows them", () => {
  const PROGRAM = compiled(`
    event bought { total: number }
    event reviewed
    event spent { price: number }
    event asked
    profile { timezone: string = "${ZONE}" }
    points stars {
      earn floor(total) * (if level >= "gold" then 2 else 1) on bought
      earn 50 on reviewed at most 1 per day
      expire after 40 days
    }
    tier level by stars.earned over 30 days { low at 0  gold at 200 }
    segment rich when stars >= 100
    segment soon when stars.expiring within 10 days > 0
    rule bonus { on enter rich  award 10 stars }
    rule went_down { on level down  emit "down" }
    rule went_up { on level up  emit "up" }
    rule spend { on spent  take event.price stars { emit "taken" { left: stars } } else { emit "refused" { left: stars } } }
    rule answer {
      on asked
      emit "is" { stars: stars, expiring: stars.expiring within 10 days, earned: stars.earned over 30 days, level: level, missing: level.missing }
    }
  `);

  type Happening = { readonly k: "bought"; readonly total: number } | { readonly k: "spent"; readonly price: number } | { readonly k: "reviewed" | "asked" };
  const happenings: fc.Arbitrary<Happening> = fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min: -2, max: 160 }).map((halves) => ({ k: "bought" as const, total: halves / 2 + 40 })) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 150 }).map((price) => ({ k: "spent" as const, price })) },
    { weight: 2, arbitrary: fc.constant({ k: "reviewed" as const }) },
    { weight: 2, arbitrary: fc.constant({ k: "asked" as const }) },
  );

  /** Every credit is kept; what follows from them is looked up anew at each instant at which something may have changed. */
  function model(): { readonly log: string[]; until(from: number, to: number): void; happen(what: Happening, now: number, time: number): void } {
    const log: string[] = [];
    const credits: { readonly time: number; readonly amount: number; left: number }[] = [];
    const reviewed: number[] = [];
    const was = { rich: false, soon: false, gold: false };
    const there = (now: number): typeof credits => credits.filter(({ time, left }) => left > 0 && now < time + 40 * DAY).sort((a, b) => a.time - b.time);
    const sum = (of: typeof credits): number => of.reduce((total, { left }) => total + left, 0);
    const expiring = (now: number): number => sum(there(now).filter(({ time }) => time + 40 * DAY - 10 * DAY <= now));
    const earned = (now: number): number => credits.reduce((total, { time, amount }) => (now < time + 30 * DAY ? total + amount : total), 0);
    const say = (now: number, what: string): void => void log.push(`${instant(now)} ${what}`);
    const credit = (amount: number, time: number): void => { if (amount > 0) credits.push({ time, amount, left: amount }); };
    const look = (now: number): void => {
      const is = { rich: sum(there(now)) >= 100, soon: expiring(now) > 0, gold: earned(now) >= 200 };
      const entered = is.rich && !was.rich;
      for (const name of ["rich", "soon"] as const) if (is[name] !== was[name]) say(now, `${is[name] ? "enter" : "leave"} ${name}`);
      if (is.gold !== was.gold) say(now, is.gold ? "up null" : "down null");
      Object.assign(was, is);
      if (!entered) return;
      credit(10, now);
      look(now);
    };
    const take = (price: number, now: number): void => {
      const lots = there(now);
      const enough = sum(lots) >= price;
      let owed = enough ? price : 0;
      for (const lot of lots) {
        const part = Math.min(owed, lot.left);
        lot.left -= part;
        owed -= part;
      }
      say(now, `${enough ? "taken" : "refused"} ${JSON.stringify({ left: sum(there(now)) })}`);
    };
    return {
      log,
      until(from, to) {
        const instants = credits.flatMap(({ time }) => [time + 40 * DAY, time + 30 * DAY]).filter((at) => at > from && at <= to);
        for (const at of [...new Set(instants)].sort((a, b) => a - b)) look(at);
      },
      happen(what, now, time) {
        switch (what.k) {
          case "bought": credit(Math.floor(what.total) * (was.gold ? 2 : 1), time); break;
          case "reviewed":
            if (reviewed.some((at) => now < leavesAt({ k: "period", unit: "day" }, ZONE, at))) break;
            reviewed.push(now);
            credit(50, time);
            break;
          case "spent": take(what.price, now); break;
          case "asked": break;
        }
        look(now);
        if (what.k === "asked") say(now, `is ${JSON.stringify({ stars: sum(there(now)), expiring: expiring(now), earned: earned(now), level: was.gold ? "gold" : "low", missing: was.gold ? null : 200 - earned(now) })}`);
      },
    };
  }

  test("are what a model says that keeps every credit, at every instant", () => {
    fc.assert(fc.property(fc.array(fc.tuple(pauses, lateness, happenings, fc.boolean()), { maxLength: 30 }), (list) => {
      const one = story(PROGRAM);
      const naive = model();
      let now = START;
      for (const [pause, late, what, stored] of list) {
        if (stored) one.stored();
        naive.until(now, (now += pause));
        naive.happen(what, now, now - late);
        const { k, ...data } = what;
        one.event(k, data, now, now - late);
      }
      naive.until(now, now + 90 * DAY);
      one.until(now + 90 * DAY);
      const log = one.told.flatMap((each) => {
        switch (each.k) {
          case "action": return [`${instant(each.at)} ${each.what} ${JSON.stringify(each.payload)}`];
          case "enter": case "leave": return [`${instant(each.at)} ${each.k} ${each.segment}`];
          default: return [];
        }
      });
      // Within one instant the order is that of dependencies and names, which is shown elsewhere.
      expect(log.sort()).toEqual(naive.log.sort());
    }), { numRuns: 800, seed: 20260302 });
  });
});

describe("figures of an experiment", () => {
  const PROGRAM = compiled(`
    event came
    event bought { total: number?  kind: string }
    profile { timezone: string = "${ZONE}" }
    experiment offer { holdout 20%  a 40%  b 40%  goal bought where kind == "goal" within 2 days value total }
    rule show { on came  split offer { a { emit "a" } } emit "behind" }
  `);

  interface Step { readonly customer: number; readonly stored: boolean; readonly pause: number; readonly late: number; readonly bought: { readonly total: number | null; readonly kind: string } | null }
  const steps: fc.Arbitrary<Step> = fc.record({
    customer: fc.integer({ min: 0, max: 4 }), stored: fc.boolean(), pause: fc.constantFrom(0, 1, HOUR, DAY, DAY - HOUR, 2 * DAY), late: fc.constantFrom(0, 0, 0, HOUR, DAY),
    bought: fc.option(fc.record({ total: fc.option(fc.integer({ min: 1, max: 9999 }).map((cents) => cents / 100)), kind: fc.constantFrom("goal", "goal", "other") }), { freq: 3 }),
  });

  test("add up to what each customer did after they came, until they are forgotten", () => {
    fc.assert(fc.property(fc.array(steps, { maxLength: 40 }), fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 5 }), (list, erased) => {
      const people = Array.from({ length: 5 }, (_, i) => story(PROGRAM, newCustomer(`customer-${i}`, zoneOf(ZONE))));
      const came = new Map<number, { readonly at: number; readonly goals: (number | null)[] }>();
      let now = START;
      for (const { customer, stored, pause, late, bought } of list) {
        if (stored) people[customer]?.stored();
        now += pause;
        const known = came.get(customer);
        if (bought === null) {
          people[customer]?.event("came", {}, now, now - late);
          if (known === undefined) came.set(customer, { at: now, goals: [] });
          continue;
        }
        people[customer]?.event("bought", bought, now, now - late);
        if (known !== undefined && bought.kind === "goal" && now - late >= known.at && now - late < known.at + 2 * DAY) known.goals.push(bought.total);
      }
      for (const customer of erased) {
        people[customer]?.event("customer_erased", {}, now);
        came.delete(customer);
      }
      const told = people.flatMap((one) => one.told.flatMap((each) => (each.k === "experiment" ? [each] : [])));
      const total = (of: (each: (typeof told)[number]) => number): number => told.reduce((sum, each) => sum + of(each), 0);
      const all = [...came.values()];
      expect(total(({ exposed }) => exposed)).toBe(all.length);
      expect(total(({ reached }) => reached)).toBe(all.filter(({ goals }) => goals.length > 0).length);
      expect(total(({ value }) => value)).toBeCloseTo(all.flatMap(({ goals }) => goals).reduce<number>((sum, value) => sum + (value ?? 0), 0), 6);
      // Who came is in the arm that they were shown, and the hold-out was shown nothing.
      people.forEach((one, i) => {
        const arm = one.customer.extras?.exposures[0]?.arm;
        expect(arm !== undefined).toBe(came.has(i));
        const shown = one.told.flatMap((each) => (each.k === "action" ? [each.what] : []));
        if (arm === 0) expect(shown).toEqual([]);
        if (arm === 1) expect(new Set(shown)).toEqual(new Set(["a", "behind"]));
        if (arm === 2) expect(new Set(shown)).toEqual(new Set(["behind"]));
      });
    }), { numRuns: 300, seed: 20260302 });
  });
});
