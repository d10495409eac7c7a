/** The judge of the end-to-end runs: what it must find wrong. */
import { describe, expect, test } from "vitest";
import { compileTests } from "../../dsl/compile.js";
import { scriptWriter, type Script } from "./script.js";
import { verdictOn, type Said } from "./verdict.js";

const RULES = `
event order_placed { total: number }
profile { timezone: string = "Europe/Warsaw" }
channel push { when true }
segment buyer when any(order_placed) over 1 day
rule thanks { on order_placed  send push "thanks" { total: event.total }  wait 1 hour  emit "later" }
test "thanked at once, and an hour later" {
  at 2026-03-02 10:00 order_placed { total: 5 }
    expect send push "thanks" { total: 5 }
    expect nothing else
    expect buyer
  after 59 minutes
    expect nothing
  after 1 minute
    expect at 2026-03-02 11:00 emit "later"
  at 2026-03-03 10:00
    expect not buyer
}
`;
const ORDERED = Date.parse("2026-03-02T09:00:00Z");
const HOUR = 3_600_000;

function script(): Script {
  const { suite } = compileTests([{ file: "a.eddy", text: RULES }]);
  const test = suite?.tests[0];
  if (suite === null || test === undefined) throw new Error("the rules of this test are wrong");
  return scriptWriter(suite, new Map([["a.eddy", RULES]]))(test, "t0");
}

const customer = "t0-somebody";
const right = (order: string): Said[] => [
  { k: "change", customer, at: ORDERED, cause: order, segment: "buyer", entered: true },
  { k: "action", customer, at: ORDERED, cause: order, type: "push.thanks", payload: { total: 5 } },
  { k: "action", customer, at: ORDERED + HOUR, cause: "time", type: "emit.later", payload: {} },
  { k: "change", customer, at: ORDERED + 24 * HOUR, cause: "time", segment: "buyer", entered: false },
];

describe("a verdict", () => {
  const written = script();
  const order = written.events.at(-1)?.id ?? "";
  const all = right(order);
  const lines = (said: readonly Said[]): number[] => verdictOn(written, said).wrong.map((text) => Number(/line (\d+)/.exec(text)?.[1]));

  test("the script is the test: an event at its instant, behind what makes its rule run", () => {
    expect(written.events.map(({ type, instant }) => [type, instant])).toEqual([["profile_updated", ORDERED], ["order_placed", ORDERED]]);
    expect(written.events.at(-1)?.data).toEqual({ total: 5 });
    expect(written.steps.map(({ instant }) => (instant - ORDERED) / HOUR)).toEqual([0, 59 / 60, 1, 24]);
  });

  test("what happened as expected is right", () => {
    expect(verdictOn(written, all)).toEqual({ wrong: [], actions: 2, silences: 2, memberships: 2 });
  });

  test.each([
    ["an action that did not come", all.toSpliced(1, 1), [9]],
    ["another payload", all.with(1, { ...all[1], payload: { total: 6 } } as Said), [9, 10]],
    ["one too many", [...all, { ...all[1], type: "push.other" } as Said], [10]],
    ["one too early", all.with(2, { ...all[2], at: ORDERED + HOUR - 60_000 } as Said), [13, 15]],
    ["one a moment too late for its instant, and in the wrong step", all.with(2, { ...all[2], at: ORDERED + HOUR + 1 } as Said), [15]],
    ["what somebody else got", all.with(1, { ...all[1], customer: "t1-somebody" } as Said), [9]],
    ["a membership that was not entered", all.toSpliced(0, 1), [11]],
    ["one that was not left", all.toSpliced(3, 1), [17]],
  ])("%s", (_what, said, wrong) => {
    expect(lines(said)).toEqual(wrong);
  });
});
