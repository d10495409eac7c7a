// Ten thousand declarations in under three seconds: `npm run bench -- check` measures it. Here the limit is generous, for
// the machine may be busy: it shows whether something has become quadratic.

import { expect, test } from "vitest";
import { check, largeProgram } from "../../bench/check.js";
import { compileProgram } from "../../dsl/compile.js";

const cpuSeconds = (work: () => void): number => {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
};

test("10,000 declarations are read and checked in seconds", () => {
  const files = largeProgram(10_000);
  let rules = 0;
  const seconds = cpuSeconds(() => { rules = compileProgram(files).program?.rules.length ?? 0; });
  expect(rules).toBeGreaterThan(2_900);
  expect(seconds).toBeLessThan(9);
}, 60_000);

test("the bench counts what it says", () => {
  expect(check(100).declarations).toBeGreaterThanOrEqual(100);
});
