/** What the engine is told of the process. */
import { expect, test } from "vitest";
import { pause } from "../../cli/environment.js";

test("a hundred partitions pause on one signal, and nobody is warned of a leak", async () => {
  const warnings: string[] = [];
  const hear = (warning: Error): void => void warnings.push(warning.name);
  process.on("warning", hear);
  const ending = new AbortController();
  const pauses = Array.from({ length: 100 }, () => pause(60_000, ending.signal));
  ending.abort();
  await Promise.all(pauses);
  await new Promise((resolve) => setImmediate(resolve)); // warnings come a turn later
  process.off("warning", hear);
  expect(warnings).toEqual([]);
});
