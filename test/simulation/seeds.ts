/** Very many seeds, one after the other, and how a failure is told so that anybody can go the same way again. */
import { execFileSync } from "node:child_process";
import { expect } from "vitest";
import { simulate, type Story } from "./run.js";

/** This one alone is gone through, with its last steps. */
export const ALONE = process.env["SEED"];

export function told({ seed, subject, clock, trouble, trace }: Story): string {
  return `${trace}\n\nseed ${seed} (${subject}, ${clock} clock) at commit ${commit()}: SEED=${seed} npx vitest run test/simulation\n${trouble ?? "all is well"}`;
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

/** Kinds of faults that so many seeds must have had, or the world has become too friendly. */
const KINDS = 24;

/** The runner has things to say to its parent, and to hear, in between. */
export const runnerSpeaks = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** So many are gone through on a slow machine too: among fewer, a kind of fault may be missing by chance. */
const ENOUGH = 100;

/** `from` to `to`, or as many as the processor's time allows; whatever of it is gone through must come out well. */
export async function allIsWell(from: number, to: number, cpuSeconds: number): Promise<void> {
  const started = process.cpuUsage();
  let seeds = 0;
  let outputs = 0;
  const faults = new Map<string, number>();
  for (let seed = from; seed <= to; seed++) {
    const story = await simulate(seed);
    if (story.trouble !== null) throw new Error(told(story));
    seeds++;
    outputs += story.outputs;
    for (const [name, times] of story.faults) faults.set(name, (faults.get(name) ?? 0) + times);
    const { user, system } = process.cpuUsage(started);
    if (user + system > cpuSeconds * 1e6 && seeds >= ENOUGH) break;
    await runnerSpeaks();
  }
  expect(outputs).toBeGreaterThan(seeds);
  expect([...faults.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(10 * seeds);
  expect(faults.get("partition stood still") ?? 0).toBeGreaterThan(0);
  expect(faults.get("rules change") ?? 0).toBeGreaterThan(0);
  expect(faults.size, [...faults.keys()].join(", ")).toBeGreaterThanOrEqual(KINDS);
}
