/** What the naive program makes of the real orders: they try every segment, rule, message and clause, many times. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { RETAIL_RULES } from "./events.js";
import type { NaiveOutcome } from "./naive.js";
import { RULES } from "./naive-rules.js";
import { SEGMENT_NAMES } from "./naive-segments.js";

export function testsOfRealOrders(outcome: () => NaiveOutcome): void {
  const tally = (key: string): number => outcome().tally.get(key) ?? 0;
  const rules = readdirSync(RETAIL_RULES).sort().map((file) => readFileSync(join(RETAIL_RULES, file), "utf8")).join("\n");

  test("give many memberships, changes and actions", () => {
    const { members, changes, actions, traits } = outcome();
    expect([members, changes, actions, traits].map(({ length }) => length)).toEqual([14_276, 64_244, 50_982, 122_416]);
    expect(actions.filter((line) => line.includes(" by time ")).length).toBe(42_404);
  });

  test("enter and leave every segment, many times", () => {
    const often = (ending: string): number => outcome().changes.filter((line) => line.endsWith(ending)).length;
    expect(SEGMENT_NAMES.filter((name) => often(` entered ${name}`) < 90)).toEqual([]);
    // Nobody moves back to the United Kingdom.
    expect(SEGMENT_NAMES.filter((name) => often(` left ${name}`) < 60)).toEqual(["abroad"]);
  });

  test("start every rule and send everything that the rules can send", () => {
    expect(RULES.filter(({ name }) => tally(`${name} started`) < 100).map(({ name }) => name)).toEqual([]);
    const times = new Map<string, number>();
    for (const line of outcome().actions) {
      const [, , rule, type] = line.split(" ");
      times.set(`${rule} ${type}`, (times.get(`${rule} ${type}`) ?? 0) + 1);
    }
    expect([...times].filter(([, count]) => count < 50)).toEqual([]);
    const written = rules.matchAll(/send (\w+) "(\w+)"|emit "(\w+)"/g);
    const sendable = [...written].map(([, channel, template, name]) => `${channel ?? "emit"}.${template ?? name}`);
    expect([...times.keys()].map((key) => key.split(" ")[1]).sort()).toEqual(sendable.sort());
  });

  test("try every clause", () => {
    const all = (what: string) => [...outcome().tally].filter(([key]) => key.endsWith(what)).reduce((n, [, m]) => n + m, 0);
    const clauses = ["ended", "prevented", "restarted", "restart refused", "capped", "going", "suppressed email"];
    expect(clauses.filter((what) => all(` ${what}`) === 0)).toEqual([]);
    expect(all(" ended")).toBeGreaterThan(3_000);
    expect(all(" restarted")).toBeGreaterThan(400);
    expect(all(" capped")).toBeGreaterThan(3_000);
  });
}
