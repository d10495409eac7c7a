// Ten thousand declarations in under three seconds, on a machine that has nothing else to do: `npm run bench -- check` measures it.
// Here they are measured against fewer, since the machine may be slow or busy: it shows whether something has become quadratic.

import { expect, test } from "vitest";
import { check, largeProgram } from "../../bench/check.js";
import { compileProgram } from "../../dsl/compile.js";

/** With eight times as many: eight times as much where each costs the same, sixty-four times where each costs more the more there are. */
const MOST_TIMES = 20;

/** Seconds of the processor for so many declarations. */
function cost(declarations: number): number {
  const files = largeProgram(declarations);
  const before = process.cpuUsage();
  const { program } = compileProgram(files);
  const { user, system } = process.cpuUsage(before);
  expect(program?.rules.length ?? 0).toBeGreaterThan(declarations * 0.29);
  return (user + system) / 1e6;
}

test("10,000 declarations are read and checked, each at the price of one of a few", () => {
  cost(500); // what is compiled at first
  const few = cost(1_250);
  expect(cost(10_000)).toBeLessThan(MOST_TIMES * few);
});

test("the bench counts what it says", () => {
  expect(check(100).declarations).toBeGreaterThanOrEqual(100);
});
