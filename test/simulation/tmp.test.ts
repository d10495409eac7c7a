import { test } from "vitest";
import { simulate } from "./run.js";
test("x", async () => {
  const from = Number(process.env["SEED"] ?? 1), n = Number(process.env["N"] ?? 200);
  const t = performance.now(); let steps = 0, bad = 0; const faults = new Map<string, number>();
  const kinds = new Map<string, number[]>();
  for (let seed = from; seed < from + n; seed++) {
    const story = await simulate(seed);
    steps += story.steps;
    for (const [k, v] of story.faults) faults.set(k, (faults.get(k) ?? 0) + v);
    if (story.trouble !== null) { bad++; console.log(seed, story.subject, story.clock, story.steps, story.trouble.slice(0, 600)); if (n === 1) console.log(story.trace); }
  }
  console.log({ ms: performance.now() - t, n, steps, bad }, faults);
}, 600_000);
