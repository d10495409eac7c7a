/** Who is seen for the first time is told the same whether all segments are looked at or only those that may turn. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { writer } from "../../engine/codec.js";
import { writeCustomer } from "../../engine/state.js";
import { compiled, story } from "./story.js";

const HOUR = 3_600_000;
const START = Date.UTC(2026, 2, 27, 20);

const CONDITIONS = [
  "count(a) >= 2", "count(a) < 2", "sum(a.n) over 2 days > 5", "no a for 1 day", "no b for 2 hours", "seen == 0", "seen >= 1 and not any(b)", "unseen", "any(b) over 1 day",
  "not any(b) over 1 day", "max(a.n) > 3", "last(a.n) == 2 or count(b) > 1", "distinct(a.n) over 3 days >= 2", "avg(a.n) < 3", "profile.flag", "not profile.flag", "hour(now) >= 12",
  "first(a).time <= 2026-03-28 12:00", "base", "not base", "base and count(b) >= 1", "round(seen / 2) >= 1", "length(last(b.s)) > 1", 'last(b.s) == null',
] as const;
const condition = fc.constantFrom(...CONDITIONS);
const held = fc.tuple(condition, fc.option(fc.constantFrom(1, 5, 30), { nil: null })).map(([of, hours]) => `${of}${hours === null ? "" : ` for at least ${hours} hours`}`);
const segment = fc.tuple(held, fc.option(held, { nil: null }));
const happening = fc.record({ after: fc.constantFrom(0, 1, 3, 8, 26, 60), what: fc.constantFrom("a", "b", "profile_updated"), n: fc.integer({ min: 0, max: 5 }), late: fc.boolean() });

describe("somebody new", () => {
  test("goes on as if all segments had been looked at", () => {
    let left = 0;
    fc.assert(fc.property(condition, fc.array(segment, { minLength: 1, maxLength: 6 }), fc.array(happening, { minLength: 1, maxLength: 10 }), (base, segments, happenings) => {
      const rules = compiled(`event a { n: number }\nevent b { s: string? }\nprofile { flag: boolean = false, timezone: string = "Europe/Warsaw" }
trait seen = count(a) over 2 days\ntrait unseen = seen == 0\nsegment base when ${base.includes("base") ? "count(a) >= 1" : base}
${segments.map(([enter, leave], i) => `segment s${i} when ${enter}${leave === null ? "" : ` until ${leave}`}\nrule in${i} { on enter s${i}  emit "in" }\nrule out${i} { on leave s${i}  emit "out" }`).join("\n")}\n`);
      const all = rules.settled.map((_, rank) => rank);
      left += all.length - rules.ranksOfNew().length;
      const [some, every] = [story(rules), story({ ...rules, ranksOfNew: () => all })];
      for (const each of [some, every]) {
        let at = START;
        for (const { after, what, n, late } of happenings) {
          at += after * HOUR;
          each.event(what, what === "a" ? { n } : what === "b" ? (n === 0 ? {} : { s: "x".repeat(n) }) : { flag: n > 2, ...(n === 5 ? { timezone: "Asia/Tokyo" } : {}) }, at, late ? at - 30 * HOUR : at);
          each.stored();
        }
        each.until(at + 120 * HOUR);
      }
      expect(some.told).toEqual(every.told);
      expect(some.customer.wake).toBe(every.customer.wake);
      const bytes = [some, every].map(({ customer }) => {
        const w = writer(64);
        writeCustomer(w, customer, 1, rules);
        return Buffer.from(w.bytes.subarray(0, w.at)).toString("hex");
      });
      expect(bytes[0]).toBe(bytes[1]);
    }), { numRuns: 60, seed: 20260302 });
    expect(left).toBeGreaterThan(60);
  });

  test.each([
    ["count(a) >= 2", 0], ["count(a) < 2", 1], ["no a for 1 day", 1], ["profile.flag", 1], ["hour(now) >= 12", 1], ["count(a) >= 2 until count(a) < 1", 0],
    ["count(a) >= 2 until count(a) < 1 for at least 1 day", 1], ["count(a) >= 2 for at least 1 day", 0], ["sum(a.n) over 2 days > 5", 0],
  ] as const)("`segment s when %s` is looked at %d times at first", (of, looks) => {
    expect(compiled(`event a { n: number }\nprofile { flag: boolean = false }\nsegment s when ${of}\n`).ranksOfNew()).toHaveLength(looks);
  });
});
