// Keys: what state is found by. They stay while the meaning stays, and are different where it is.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fnv1a64 } from "../../dsl/check/keys.js";
import type { Program, Step } from "../../dsl/program.js";
import { compiled } from "./shown.js";

const EVENTS = `
event order_placed { total: number, state: "open" | "paid", items: { sku: string, price: number }[] }
event session_started
profile { city: string?, consent: { email: boolean = false } }
channel email { when profile.consent.email }
`;
const RULES = `
trait orders = count(order_placed)
trait spend = sum(order_placed.total) over 30 days
segment vip when spend >= 100 and orders > 2
rule welcome "Hello" {
  on order_placed where total > 5
  wait 1 day
  send email "a" { spend: spend, city: profile.city }
  if vip { wait 1 day emit "x" { total: event.total } } else { wait 1 day }
}
`;

const allSteps = (steps: readonly Step[]): readonly Step[] =>
  steps.flatMap((step) => (step.k === "if" ? [step, ...allSteps(step.then), ...allSteps(step.else)] : [step]));
const stepKeys = ({ rules }: Program, name = "welcome"): readonly string[] => allSteps(rules.find((rule) => rule.name === name)?.steps ?? []).map(({ key }) => key);
const aggregateKeys = ({ aggregates }: Program): readonly string[] => aggregates.map(({ key }) => key);

const before = compiled(EVENTS + RULES);

describe("keys that stay", () => {
  test("are 16 hexadecimal digits, and these for good: a change here loses people's state", () => {
    expect(aggregateKeys(before)).toEqual(["500d57b8a2a053d8", "b8b0aeb5b2773815"]);
    expect(stepKeys(before)).toEqual(["42a0cea919e4422d", "0a59ef1270eb3dff", "f08d24579bc4243b", "e184ceb16f2d3b9c", "4ba8bef2d797000c", "8302e6b9c6ac206f"]);
  });

  test("when a trait is renamed, and a segment, and labels change", () => {
    const after = compiled(EVENTS + RULES.replaceAll(/\bspend\b(?!:)/g, "expenses").replaceAll("vip", "best").replace("Hello", "Hi"));
    expect(aggregateKeys(after)).toEqual(aggregateKeys(before));
    expect(stepKeys(after)).toEqual(stepKeys(before));
    expect(after.hash).not.toBe(before.hash);
  });

  test("when declarations change places and files, nothing changes at all", () => {
    const parts = (EVENTS + RULES).split(/\n(?=event|profile|channel|trait|segment|rule)/);
    fc.assert(fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), fc.nat(parts.length), (shuffled, cut) => {
      expect(compiled(shuffled.slice(0, cut).join("\n"), shuffled.slice(cut).join("\n"))).toEqual(before);
    }), { numRuns: 30, seed: 1 });
  });

  test("when rules, traits and segments are added", () => {
    const after = compiled(`${EVENTS}${RULES}
      trait a_first = count(session_started) over 1 day
      trait zz_last = if vip then orders else a_first
      segment active when a_first > 0
      segment another when zz_last > 3
      rule aaa { on session_started wait 1 day send email "a" { spend: spend, city: profile.city } }`);
    expect(aggregateKeys(after)).toEqual(expect.arrayContaining([...aggregateKeys(before)]));
    expect(stepKeys(after)).toEqual(stepKeys(before));
  });

  test("when an event gets more fields, a union more texts, a field a default", () => {
    const more = EVENTS.replace("total: number,", "total: number = 0, note: string?,").replace('"open" |', '"open" | "new" |').replace("price: number", "price: number, size: number?");
    const after = compiled(more + RULES);
    expect(aggregateKeys(after)).toEqual(aggregateKeys(before));
    expect(stepKeys(after)).toEqual(stepKeys(before));
  });

  test("when clauses change, and when other steps come between", () => {
    const after = compiled(EVENTS + RULES.replace("where total > 5", "where total > 6 at most 1 per 7 days priority 3").replace("send email", "emit \"new\" send email"));
    expect(stepKeys(after)).toEqual(expect.arrayContaining([...stepKeys(before)]));
  });

  test("aggregates: however they are written", () => {
    const key = (text: string): string | undefined => compiled(`${EVENTS}trait x = ${text}`).aggregates[0]?.key;
    const same = [
      ["count(order_placed) over 7 days", "count(order_placed) over 1 week", "count(order_placed.total) over 168 hours"],
      ["sum(order_placed.total) over 1 year", "sum(order_placed.total) over 12 months", "sum(total of order_placed) over 12 months"],
      ["any(order_placed.items where price > 5)", "any(order_placed.items where (price > 5))"],
      ["last(order_placed.total)", "last(order_placed).total"],
    ];
    for (const texts of same) expect(new Set(texts.map(key)).size, texts.join()).toBe(1);
  });
});

describe("keys that differ", () => {
  test("when a trait that a step reads means something else, those of such steps alone", () => {
    const after = compiled(EVENTS + RULES.replace("over 30 days", "over 31 days"));
    const [old, now] = [stepKeys(before), stepKeys(after)];
    // wait, send, if, wait, emit, wait: the send reads the trait, the condition the segment that reads it.
    expect(old.map((key, i) => key === now[i])).toEqual([true, false, false, true, true, true]);
  });

  test("equal steps of a rule have one each", () => {
    const keys = stepKeys(before);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("aggregates that mean different things", () => {
    const texts = [
      "count(order_placed)", "any(order_placed)", "gap(order_placed)", "count(session_started)", "no order_placed for 7 days",
      "count(order_placed) over 7 days", "count(order_placed) over 8 days", "count(order_placed) over 7 months", "count(order_placed) this month", "count(order_placed) this week",
      "count(order_placed.items)", "count(order_placed where total > 5)", "count(order_placed where total >= 5)", "count(order_placed where total > 6)", "count(order_placed where 5 > total)",
      "count(order_placed where not (total > 5))", "count(order_placed where total > 5 and total < 9)", "count(order_placed where total > 5 or total < 9)",
      "count(order_placed where state == \"open\")", "count(order_placed where state != \"open\")", "count(order_placed where state like \"open\")", "count(order_placed where state in [\"open\"])",
      "count(order_placed where state in [\"open\", \"paid\"])", "count(order_placed where hour(time) > 5)", "count(order_placed where day(time) > 5)",
      "count(order_placed where time > 2026-03-02 10:00)", "count(order_placed where time > 2026-03-02 10:01)", "count(order_placed where date(time) > 2026-03-02)",
      "count(order_placed where time + 1 month > 2026-03-02 10:00)", "count(order_placed where time + 2 months > 2026-03-02 10:00)",
      "count(order_placed where items.sku contains \"a\")", "count(order_placed where any(items where price > 5))", "count(order_placed.items where price > 5)", "count(order_placed where count(items where price > 5) > 0)",
      "count(order_placed where sum(items.price) > 0)", "count(order_placed where items[0].price > 0)", "count(order_placed where items[1].price > 0)",
      "count(order_placed where total + 1 > 5)", "count(order_placed where total - 1 > 5)", "count(order_placed where date(time) + 1 day > 2026-03-02)", "count(order_placed where date(time) - 1 day > 2026-03-02)",
      "sum(order_placed.total)", "avg(order_placed.total)", "min(order_placed.total)", "max(order_placed.total)", "first(order_placed.total)", "last(order_placed.total)", "distinct(order_placed.total)", "top(order_placed.total)",
      "recent(order_placed.total, 3)", "recent(order_placed.total, 4)", "sum(order_placed.items.price)", "sum(-total of order_placed)", "sum(total * 2 of order_placed)", "sum(total / 2 of order_placed)",
    ];
    const program = compiled(EVENTS + texts.map((text, i) => `trait t${i} = ${text}`).join("\n"));
    expect(program.aggregates.length).toBe(texts.length);
  });

  test("steps that mean different things", () => {
    const steps = ["wait 1 day", "wait 2 days", "wait 1 month", "emit \"a\"", "emit \"b\"", "emit \"a\" { }", "emit \"a\" { x: 1 }", "emit \"a\" { y: 1 }", "emit \"a\" { x: \"1\" }", "send email \"a\"", "send email \"a\" urgent",
      "send email \"b\"", "set profile.city = \"a\"", "set profile.city = null", "set profile.consent.email = true", "tag \"a\"", "untag \"a\"", "tag \"b\"", "if vip { }", "if orders > 2 { }", "stop"];
    const keys = steps.flatMap((step) => stepKeys(compiled(`${EVENTS}${RULES}rule r { on order_placed ${step} }`), "r"));
    expect(new Set(keys).size).toBe(steps.length);
  });

  test("programs that differ in anything that the engine does", () => {
    const changes: readonly (readonly [string, string])[] = [
      ["on order_placed where total > 5", "on order_placed where total > 6"], ["on order_placed where total > 5", "on order_placed"], ["wait 1 day", "wait 2 days"], ["\"Hello\"", "\"Hallo\""],
      ["wait 1 day", "at most 1 per 1 day wait 1 day"], ["wait 1 day", "repeat restart wait 1 day"], ["wait 1 day", "priority 1 wait 1 day"], ["wait 1 day", "until order_placed wait 1 day"],
      ["wait 1 day", "when vip wait 1 day"], ["orders > 2", "orders > 3"], ["orders > 2", "orders > 2 for at least 1 day"], ["orders > 2", "orders > 2 until orders > 5"],
      ["when profile.consent.email", "when not profile.consent.email"], ["city: string?", "city: string = \"\""], ["event session_started", "event session_started { a: string }"], ["segment vip when", "segment vip \"L\" when"],
    ];
    const hashes = changes.map(([from, to]) => compiled((EVENTS + RULES).replace(from, to)).hash);
    expect(new Set([before.hash, ...hashes]).size).toBe(changes.length + 1);
  });
});

test("the hash is FNV-1a with 64 bits over the UTF-16 units", () => {
  const plainly = (text: string): string => {
    let hash = 0xcbf29ce484222325n;
    for (const byte of Buffer.from(text, "utf16le")) hash = ((hash ^ BigInt(byte)) * 0x100000001b3n) & 0xffffffffffffffffn;
    return hash.toString(16).padStart(16, "0");
  };
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    expect(fnv1a64(text)).toBe(plainly(text));
  }), { numRuns: 300, seed: 1 });
});
