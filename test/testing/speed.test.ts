/** A thousand tests take a second or two. The bound is on processor time and wide: machines differ, and this one is busy. */
import { expect, test } from "vitest";
import { runSuite } from "../../engine/testing/suite.js";
import { manyTests } from "../../bench/many-tests.js";
import { suiteOf } from "./suites.js";

const MOST_CPU_MS = 8000;

test("a thousand tests are compiled and run without waiting for anything", () => {
  const files = manyTests(1000);
  const before = process.cpuUsage();
  const { outcomes } = runSuite(suiteOf(files));
  const { user, system } = process.cpuUsage(before);
  expect(outcomes.length).toBeGreaterThanOrEqual(1000);
  expect(outcomes.filter(({ failures }) => failures.length > 0)).toEqual([]);
  expect((user + system) / 1000).toBeLessThan(MOST_CPU_MS);
}, 60_000);
