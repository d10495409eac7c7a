/** A thousand tests take a second or two, on a machine that has nothing else to do. Here they are measured against fewer: machines differ, and this one is busy. */
import { expect, test } from "vitest";
import { runSuite } from "../../engine/testing/suite.js";
import { manyTests } from "../../bench/many-tests.js";
import { suiteOf } from "./suites.js";

/** With eight times as many: eight times as much where each costs the same, sixty-four times where each costs more the more there are. */
const MOST_TIMES = 20;

/** Processor time in milliseconds. */
function cost(count: number): number {
  const files = manyTests(count);
  const before = process.cpuUsage();
  const { outcomes } = runSuite(suiteOf(files));
  const { user, system } = process.cpuUsage(before);
  expect(outcomes.length).toBeGreaterThanOrEqual(count);
  expect(outcomes.filter(({ failures }) => failures.length > 0)).toEqual([]);
  return (user + system) / 1000;
}

test("a thousand tests are compiled and run without waiting for anything, each at the price of one of a few", () => {
  cost(50); // what is compiled at first
  const few = cost(125);
  expect(cost(1000)).toBeLessThan(MOST_TIMES * few);
});
