/** What steps cover, what expectations look at, and what is handed to the engine: as the language says. */
import { describe, expect, test } from "vitest";
import { compileProgram, type SourceFile } from "../../dsl/compile.js";
import { ran, suiteOf, type Ran } from "./suites.js";

const SHOP = `
event viewed { sku: string }
event bought { order: string  total: number  items: { sku: string, price: number, tags: string[] }[] }
event joined
profile {
  name: string?
  timezone: string = "Europe/Warsaw"
  until: time?
  born: date?
  level: "low" | "high" = "low"
  consent: { email: boolean = false, push: boolean = true }
}
channel email { when profile.consent.email }
channel push { when profile.consent.push }
trait spend = sum(bought.total)
segment buyer when any(bought) over 30 days
segment member when profile.until > now
rule thanks { on bought  send push "thanks" { order: event.order, items: event.items, total: event.total } }
rule later {
  on viewed
  repeat restart
  wait 1 hour
  emit "hour" { sku: event.sku }
  wait 1 day
  emit "day" { sku: event.sku }
}
rule greet { on joined  send email "hello" { name: profile.name }  emit "joined" }
`;

const source = (lines: string, name = "t", file = "shop.eddy"): SourceFile => ({ file, text: `${SHOP}\ntest "${name}" {\n${lines}\n}\n` });

/** The lines that failed, as they are written. */
function failing(lines: string): readonly string[] {
  const one = source(lines);
  return failedIn(ran(one), one.text);
}

const failedIn = ({ outcomes }: Ran, text: string): readonly string[] =>
  outcomes.flatMap(({ failures }) => failures.map(({ span }) => text.slice(span.start, span.end).replace(/\s+/g, " ")));

describe("a step covers what happens after the step before it, up to and including its own instant", () => {
  test("what is due at the instant belongs to it, a second earlier it has not happened", () => {
    expect(failing(`
      at 2026-03-02 10:00 viewed { sku: "a" }
        expect nothing
      at 2026-03-02 10:59:59.999
        expect nothing
      at 2026-03-02 11:00
        expect emit "hour"
    `)).toEqual([]);
    expect(failing(`
      at 2026-03-02 10:00 viewed { sku: "a" }
      at 2026-03-02 10:59:59
        expect emit "hour"
      at 2026-03-02 11:00
        expect nothing
    `)).toEqual([`expect emit "hour"`, "expect nothing"]);
  });

  test("what happened in the step before is gone, and so are expectations of it", () => {
    expect(failing(`
      at 2026-03-02 10:00 bought { total: 5 }
        expect send push "thanks"
      after 1 hour
        expect send push "thanks"
        expect nothing
        expect nothing else
    `)).toEqual([`expect send push "thanks"`]);
  });

  test("several things over a long step, each at its own instant", () => {
    expect(failing(`
      at 2026-03-02 10:00 viewed { sku: "a" }
      after 3 days
        expect at 2026-03-03 11:00 emit "day"
        expect at 2026-03-02 11:00 emit "hour"
        expect nothing else
    `)).toEqual([]);
    expect(failing(`
      at 2026-03-02 10:00 viewed { sku: "a" }
      after 3 days
        expect at 2026-03-02 11:01 emit "hour"
        expect at 2026-03-02 10:59:59.999 emit "hour"
    `)).toHaveLength(2);
  });

  test("what is due at an instant happens before the event of that instant", () => {
    expect(failing(`
      at 2026-03-02 10:00 viewed { sku: "a" }
      at 2026-03-02 11:00 viewed { sku: "b" }
        expect emit "hour" { sku: "a" }
      at 2026-03-02 12:00
        expect emit "hour" { sku: "b" }
        expect nothing else
    `)).toEqual([]);
  });

  test("two steps at one instant are two steps", () => {
    expect(failing(`
      at 2026-03-02 10:00 bought { order: "1" }
      at 2026-03-02 10:00 bought { order: "2" }
        expect send push "thanks" { order: "2" }
        expect nothing else
      after 0 minutes
        expect nothing
    `)).toEqual([]);
  });

  test("an `at` before the clock ends the test", () => {
    const { outcomes, told } = ran(source(`
      at 2026-03-02 10:00 viewed
      at 2026-03-02 09:59:59 viewed
        expect emit "never"
    `));
    expect(outcomes[0]?.failures.map(({ why }) => why.k)).toEqual(["before the clock"]);
    expect(told).toContain("this is before the clock, which shows 2026-03-02 10:00 (Europe/Warsaw)");
  });
});

describe("customers", () => {
  test("there is one clock for all of them, and each has a zone", () => {
    expect(failing(`
      customer "ny"
      profile { timezone: "America/New_York" }
      at 2026-03-02 05:00 viewed { sku: "ny" }
      customer "waw"
      at 2026-03-02 11:00 viewed { sku: "waw" }
      after 1 hour
        expect emit "hour" { sku: "waw" }
        expect at 2026-03-02 12:00 emit "hour"
      customer "ny"
        expect at 2026-03-02 06:00 emit "hour" { sku: "ny" }
    `)).toEqual([`expect at 2026-03-02 12:00 emit "hour"`]);
  });

  test("expectations look at their own customer, in the step that has just been", () => {
    expect(failing(`
      customer "a"
      at 2026-03-02 10:00 bought { order: "1" }
      customer "b"
        expect nothing
        expect spend == 0 and not buyer
      customer "a"
        expect send push "thanks"
        expect nothing else
      customer "b"
      after 1 day
      customer "a"
        expect nothing
        expect buyer
      customer "b"
        expect buyer
    `)).toEqual(["expect buyer"]);
  });

  test("expectations of one customer use up nothing of another's", () => {
    expect(failing(`
      customer "a"
      at 2026-03-02 10:00 viewed { sku: "a" }
      customer "b"
      at 2026-03-02 10:00 viewed { sku: "b" }
      after 1 hour
        expect emit "hour"
      customer "a"
        expect emit "hour"
        expect nothing else
      customer "b"
        expect nothing else
        expect emit "hour"
    `)).toEqual([`expect emit "hour"`]);
  });
});

describe("actions", () => {
  test("each expectation uses up one", () => {
    expect(failing(`
      at 2026-03-02 10:00 joined
        expect emit "joined"
        expect emit "joined"
    `)).toEqual([`expect emit "joined"`]);
  });

  test("whether the particular or the general is expected first", () => {
    const three = (expectations: readonly string[]): readonly string[] => {
      const text = `
        event e
        rule r { on e  emit "x" { n: 1, odd: true }  emit "x" { n: 2, odd: false }  emit "x" { n: 3, odd: true } }
        test "t" { at 2026-03-02 10:00 e ${expectations.map((payload) => `expect emit "x" ${payload}`).join(" ")} expect nothing else }
      `;
      return failedIn(ran({ file: "a.eddy", text }), text);
    };
    const [all, odd, first] = ["{ }", "{ odd: true }", "{ n: 1 }"] as const;
    for (const order of [[all, odd, first], [all, first, odd], [odd, all, first], [odd, first, all], [first, all, odd], [first, odd, all]]) {
      expect(three(order), order.join()).toEqual([]);
    }
    expect(three([all, odd])).toEqual(["expect nothing else"]);
    expect(three([all, first, first])).toEqual([`expect emit "x" { n: 1 }`]);
    expect(three([odd, odd, odd])).toEqual([`expect emit "x" { odd: true }`]);
    expect(three([all, all, all, all])).toEqual([`expect emit "x" { }`]);
  });

  test("records match in part, lists wholly", () => {
    const items = (expected: string): readonly string[] => failing(`
      at 2026-03-02 10:00 bought { items: [{ sku: "a", price: 1, tags: ["x", "y"] }, { sku: "b", price: 2 }] }
        expect send push "thanks" { items: ${expected} }
    `);
    for (const right of [
      `[{ sku: "a" }, { sku: "b" }]`, `[{ }, { }]`, `[{ price: 1 }, { sku: "b", price: 2 }]`, `[{ tags: ["x", "y"] }, { tags: [] }]`, `[{ sku: "a", nothing: null }, { }]`,
    ]) expect(items(right), right).toEqual([]);
    for (const wrong of [
      `[{ sku: "a" }]`, `[{ sku: "b" }, { sku: "a" }]`, `[]`, `[{ }, { }, { }]`, `[{ tags: ["x"] }, { }]`, `[{ tags: ["y", "x"] }, { }]`, `[{ sku: null }, { }]`, `null`, `"a"`, `{ sku: "a" }`, `[{ sku: ["a"] }, { }]`,
    ]) expect(items(wrong), wrong).toHaveLength(1);
  });

  test("a template of its own channel only, and `emit` is no `send`", () => {
    expect(failing(`
      profile { consent: { email: true } }
      at 2026-03-02 10:00 joined
        expect send push "hello"
        expect emit "hello"
        expect send email "joined"
        expect send email "hello" { name: null }
        expect send email "hello" { }
    `)).toEqual([`expect send push "hello"`, `expect emit "hello"`, `expect send email "joined"`, `expect send email "hello" { }`]);
  });

  test("`nothing` is no action at all, `nothing else` none beyond those expected", () => {
    expect(failing(`
      profile { consent: { email: true } }
      at 2026-03-02 10:00 joined
        expect send email "hello"
        expect nothing else
        expect nothing
        expect emit "joined"
        expect nothing else
    `)).toEqual(["expect nothing else", "expect nothing"]);
  });

  test("an action that nearly met an expectation is not held against `nothing else` as well", () => {
    expect(failing(`
      at 2026-03-02 10:00 bought { order: "1" }
        expect send push "thanks" { order: "2" }
        expect nothing else
    `)).toEqual([`expect send push "thanks" { order: "2" }`]);
  });

  test("entering a segment and being suppressed are no actions", () => {
    expect(failing(`
      profile { consent: { push: false } }
      at 2026-03-02 10:00 bought
        expect buyer
        expect suppressed push by consent
        expect nothing
        expect nothing else
        expect suppressed push by consent
        expect suppressed email by consent
        expect suppressed push by cap
    `)).toEqual(["expect suppressed push by consent", "expect suppressed email by consent", "expect suppressed push by cap"]);
  });

  test("times, dates and durations are written as in rules", () => {
    const one: SourceFile = { file: "a.eddy", text: `
      event e { at: time  on: date  took: duration }
      rule r { on e  emit "x" { at: event.at, own: event.time, on: event.on, took: event.took, list: [event.at] } }
      test "t" {
        at 2026-07-02 10:00 e { at: 2026-07-01 08:00, on: 2026-06-30, took: 90 minutes }
          expect emit "x" { at: 2026-07-01 08:00, own: 2026-07-02 10:00, on: 2026-06-30, took: 5400 seconds, list: [now - 26 hours] }
          expect emit "x" { at: 2026-07-01 08:01 }
          expect emit "x" { at: "2026-07-01T08:00:00Z" }
      }
    ` };
    expect(failedIn(ran(one), one.text)).toEqual([`expect emit "x" { at: 2026-07-01 08:01 }`, `expect emit "x" { at: "2026-07-01T08:00:00Z" }`]);
  });
});

describe("what is handed over", () => {
  const TYPES = `
    profile { timezone: string = "America/New_York" }
    event e from "The Event" {
      text: string from "The Text"
      state: "open" | "closed"
      number: number
      truth: boolean
      instant: time
      day: date
      length: duration
      list: { deep: string from "Deep", n: number? }[]
      record: { a: string, b: number = 7, c: { d: boolean } }
      maybe: string?
      filled: number = 3
    }
    rule r { on e  emit "all" { e: event } }
  `;
  const typed = (lines: string): Ran => ran({ file: "a.eddy", text: `${TYPES} test "t" { ${lines} }` });

  test("what is required and not given is neutral, what may be missing is missing, defaults are as declared", () => {
    expect(typed(`
      at 2026-03-02 22:00 e
        expect emit "all" { e: {
          text: "", state: "open", number: 0, truth: false, instant: now, day: 2026-03-02, length: 0 seconds, list: [],
          record: { a: "", b: 7, c: { d: false } }, maybe: null, filled: 3
        } }
    `).told).toBe("");
  });

  test("records in lists and in records are filled too, under whatever name they have on the wire", () => {
    expect(typed(`
      at 2026-03-02 10:00 e { text: "t", list: [{ n: 4 }, { deep: "d" }], record: { b: 1, c: { } }, maybe: "m" }
        expect emit "all" { e: { text: "t", list: [{ deep: "", n: 4 }, { deep: "d", n: null }], record: { a: "", b: 1, c: { d: false } }, maybe: "m" } }
    `).told).toBe("");
  });

  test("values may be computed, from the customer too", () => {
    expect(failing(`
      at 2026-03-02 10:00 bought { total: 2 + 3 }
      after 1 day         bought { total: spend * 2 }
        expect spend == 15
    `)).toEqual([]);
  });

  test("an event that the engine would refuse ends the test", () => {
    const { outcomes, told } = typed(`
      at 2026-03-02 10:00 e { instant: 1969-03-02 10:00 }
        expect emit "never"
    `);
    expect(outcomes[0]?.failures).toHaveLength(1);
    expect(told).toContain("the program refuses this: data.instant must be a time");
  });

  test("a late event has an earlier time of its own, by the customer's calendar", () => {
    const one: SourceFile = { file: "a.eddy", text: `
      event e { n: number }
      profile { timezone: string = "Europe/Warsaw" }
      test "t" {
        at 2026-03-31 10:00 e { n: 1 } late by 1 month
          expect last(e).time == 2026-02-28 10:00
        after 1 day         e { n: 2 } late by 2 days
          expect last(e).time == now - 2 days
          expect no e for 2 days
          expect count(e) over 48 hours == 0
          expect first(e.n) == 1
        at 2026-08-31 12:00
        after 6 months
          expect now == 2027-02-28 12:00
      }
    ` };
    expect(ran(one).told).toBe("");
  });

  test("the profile is there before the first event, with instants in the zone that it names", () => {
    expect(failing(`
      profile { name: "Ava", timezone: "Asia/Tokyo", until: 2026-03-03 09:00, consent: { email: true } }
      at 2026-03-02 10:00
        expect profile.name == "Ava" and profile.timezone == "Asia/Tokyo" and profile.level == "low"
        expect not member
      at 2026-03-02 10:00 joined
        expect send email "hello" { name: "Ava" }
        expect member
        expect profile.consent.push
      at 2026-03-03 08:59:59.999
        expect member
      at 2026-03-03 09:00
        expect not member
        expect nothing
    `)).toEqual([]);
  });

  test("profile_updated changes what it names: records in part, null clears", () => {
    expect(failing(`
      profile { name: "Ava", level: "high", born: 2000-01-02, consent: { email: true, push: false } }
      at 2026-03-02 10:00 joined
      after 1 hour        profile_updated { name: null, level: null, consent: { push: true } }
        expect profile.name == null
        expect profile.level == "low"
        expect profile.born == 2000-01-02
        expect profile.consent.email and profile.consent.push
      after 1 hour        profile_updated { consent: { push: null } }
        expect profile.consent.email and profile.consent.push
      after 1 hour        profile_updated { consent: null }
        expect not profile.consent.email and profile.consent.push
    `)).toEqual([]);
  });

  test("another zone counts from then on", () => {
    expect(failing(`
      at 2026-03-02 10:00 joined
      after 1 hour        profile_updated { timezone: "America/New_York" }
        expect hour(now) == 5
      at 2026-03-02 05:30
        expect now == 2026-03-02 05:30
    `)).toEqual([]);
  });
});

describe("the rules that run", () => {
  const cart = (text: string): SourceFile => ({ file: "rules/cart.eddy", text });
  const base: SourceFile = { file: "rules/base.eddy", text: `
    event e
    segment seen when any(e)
    rule other { on e  emit "other" }
    rule third { on enter seen  emit "third" }
  ` };
  const one = `rule one { on e  emit "one" }`;
  const block = (more: string, lines: string): string => `test "t" ${more} { at 2026-03-02 10:00 e ${lines} expect nothing else }`;

  test("are those of the test's own file", () => {
    expect(ran(base, cart(`${one} ${block("", `expect emit "one" expect seen`)}`)).told).toBe("");
  });
  test("and those that it names, in any file", () => {
    expect(ran(base, cart(`${one} ${block("with third, one", `expect emit "third" expect emit "one"`)}`)).told).toBe("");
    expect(ran(base, cart(`${one} ${block("with other, third", `expect emit "third" expect emit "one" expect emit "other"`)}`)).told).toBe("");
  });
  test("of `x.eddy` for `x.test.eddy` beside it, and of itself", () => {
    const beside = (file: string, lines: string): Ran => ran(base, cart(one), { file, text: `rule own { on e  emit "own" } ${block("", lines)}` });
    expect(beside("rules/cart.test.eddy", `expect emit "one" expect emit "own"`).told).toBe("");
    expect(beside("tests/cart.test.eddy", `expect emit "own"`).told).toBe("");
  });
  test("and each test has a program of its own", () => {
    const two = ran(base, cart(`${one} ${block("", `expect emit "one"`)} ${block("with other", `expect emit "one" expect emit "other"`)}`));
    expect(two.told).toBe("");
    expect(two.outcomes.map(({ touched }) => [...touched.started].sort())).toEqual([["one"], ["one", "other"]]);
    expect({ rules: two.idleRules, segments: two.idleSegments }).toEqual({ rules: ["third"], segments: [] });
  });
  test("whatever starts the others, they do not", () => {
    const others: SourceFile = { file: "rules/others.eddy", text: `
      event e { n: number }
      profile { city: string? }
      segment some when count(e) >= 2 until count(e) >= 3
      tier level by count(e) { low at 0  high at 2 }
      rule by_event { on e  emit "event" }
      rule by_enter { on enter some  emit "enter" }
      rule by_leave { on leave some  emit "leave" }
      rule by_up { on level up  emit "up" }
      rule by_change { on change profile.city  emit "change" }
      rule by_clock { on every day at 09:00  emit "clock" }
    ` };
    const steps = `at 2026-03-02 10:00 e after 1 day e after 1 day e after 1 day profile_updated { city: "Oslo" } after 2 days`;
    const expected = ["event", "enter", "leave", "up", "change", "clock"];
    const named = expected.map((name) => `by_${name}`).join(", ");
    const test = (more: string, lines: string): string => `test "t" ${more} { ${steps} ${lines} }`;
    const alone = ran(others, cart(`${one} ${test("", "expect nothing")}`));
    expect(alone.told).toBe("");
    expect([...(alone.outcomes[0]?.touched.started ?? [])]).toEqual(["one"]);
    const together = ran(others, cart(`${one} ${test(`with ${named}`, "expect count(e) == 3")}`));
    expect(together.told).toBe("");
    expect([...(together.outcomes[0]?.touched.started ?? [])].sort()).toEqual(["one", ...named.split(", ")].sort());
  });
  test("nothing is left of a test in the next one", () => {
    const lines = `at 2026-03-02 10:00 e expect count(e) == 1 expect emit "one"`;
    expect(ran(base, cart(`${one} test "a" { ${lines} } test "b" { ${lines} }`)).told).toBe("");
  });
});

describe("conditions", () => {
  test("aggregates that only a test asks for are kept from its beginning, and not by the program", () => {
    const lines = `
      at 2026-03-02 10:00 bought { total: 5 }
      after 1 day         bought { total: 7 }
        expect max(bought.total) == 7 and count(bought) over 1 day == 1
        expect distinct(bought.items.sku) == 0
        expect gap(bought) == 1 day
    `;
    expect(failing(lines)).toEqual([]);
    const [plain, tested] = [compileProgram([{ file: "shop.eddy", text: SHOP }]), compileProgram([source(lines)])];
    expect(tested.program).not.toBeNull();
    expect(tested.program).toEqual(plain.program);
    expect(suiteOf([source(lines)]).program.aggregates.length).toBe((plain.program?.aggregates.length ?? 0) + 4);
  });

  test("what is missing is not true", () => {
    expect(failing(`
      at 2026-03-02 10:00 joined
        expect avg(bought.total) > 0
        expect not (avg(bought.total) > 0)
        expect avg(bought.total) == null
    `)).toEqual(["expect avg(bought.total) > 0"]);
  });

  test("a failure shows the values that the condition is made of, and those behind traits and segments", () => {
    const one: SourceFile = { file: "a.eddy", text: `
      event e { n: number }
      trait sum_of_n = sum(e.n)
      trait double = sum_of_n * 2
      segment big "Much" when double >= 100 for at least 3 days
      segment huge when big and sum_of_n >= 1000
      test "t" {
        at 2026-03-02 10:00 e { n: 7 }
          expect huge or since(last(e).time) > 90 minutes
      }
    ` };
    const [outcome] = ran(one).outcomes;
    const shown = outcome?.failures[0]?.values.map(({ span, value }) => [one.text.slice(span.start, span.end), value]);
    expect(shown).toEqual([["since(last(e).time) > 90 minutes", false], ["huge", false], ["since(last(e).time)", 0], ["big", false], ["sum_of_n", 7], ["double", 14]]);
  });
});

test("of what is compared the value is shown as a whole, and its parts", () => {
  const one: SourceFile = { file: "a.eddy", text: `
    event e { n: number  list: number[] }
    trait a = sum(e.n)
    trait b = count(e)
    test "t" {
      at 2026-03-02 10:00 e { n: 7, list: [1] }
        expect (a + b) / 2 > 1000 and not (b == 1) or (if b == 2 then a else 0) == 7
    }
  ` };
  const [outcome] = ran(one).outcomes;
  const shown = outcome?.failures[0]?.values.map(({ span, value, isCondition }) => [one.text.slice(span.start, span.end), value, isCondition]);
  expect(shown).toEqual([
    ["(a + b) / 2 > 1000", false, true], ["(b == 1)", true, true], ["(if b == 2 then a else 0) == 7", false, true],
    ["(a + b) / 2", 4, false], ["(if b == 2 then a else 0)", 0, false], ["a", 7, false], ["b", 1, false],
  ]);
});

test("effects without an end fail the step in which they were cut", () => {
  const one: SourceFile = { file: "a.eddy", text: `
    event e
    profile { n: number = 0 }
    segment odd when profile.n % 2 == 1
    rule climb { on enter odd  set profile.n = profile.n + 1 }
    rule fall { on leave odd  set profile.n = profile.n + 1 }
    rule first_step { on e  set profile.n = 1 }
    test "t" {
      at 2026-03-02 10:00 e
        expect nothing
    }
  ` };
  const { outcomes } = ran(one);
  expect(outcomes[0]?.failures.map(({ why }) => why.k)).toEqual(["cut"]);
});
