/**
 * The engine under faults, in simulated worlds, one seed each, until the time is over. What may happen and what must hold
 * is written in test/simulation/run.ts; a bounded run stands in the tests.
 *
 *   npm run bench -- simulate [--minutes 5] [--seed 1]      goes on from that seed and prints where it stopped
 *   npm run bench -- simulate --minutes 0 --seed 4711       that one alone, with its last steps if anything is wrong
 */
import { execFileSync } from "node:child_process";
import { simulate as simulated, type Story } from "../test/simulation/run.js";

const REPORT_EVERY = 1000;
const MOST_FINDINGS = 20;

export interface SimulationFigures {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly steps: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly findings: readonly { readonly seed: number; readonly trouble: string }[];
}

export async function simulate(minutes: number, seed: number): Promise<SimulationFigures> {
  console.log(`simulate: from seed ${seed}, ${minutes} minutes, at commit ${commit()}`);
  const until = Date.now() + minutes * 60_000;
  const faults = new Map<string, number>();
  const findings: Story[] = [];
  let steps = 0;
  let next = seed;
  do {
    const story = await simulated(next++);
    steps += story.steps;
    for (const [name, times] of story.faults) faults.set(name, (faults.get(name) ?? 0) + times);
    if (story.trouble !== null) {
      findings.push(story);
      console.log(`seed ${story.seed} (${story.subject}, ${story.clock}): ${story.trouble.split("\n")[0] ?? ""}`);
      if (minutes === 0) console.log(`${story.trace}\n${story.trouble}`);
    }
    if ((next - seed) % REPORT_EVERY === 0) console.log(`${next - seed} seeds, ${findings.length} findings`);
  } while (Date.now() < until && findings.length < MOST_FINDINGS);
  const injected = [...faults.values()].reduce((sum, times) => sum + times, 0);
  console.log(`${next - seed} seeds, ${steps} steps, ${injected} faults, ${findings.length} findings; go on with --seed ${next}`);
  for (const [name, times] of [...faults].sort(([, a], [, b]) => b - a)) console.log(`${String(times).padStart(9)} × ${name}`);
  return { firstSeed: seed, seeds: next - seed, steps, faults: Object.fromEntries(faults), findings: findings.map((story) => ({ seed: story.seed, trouble: story.trouble ?? "" })) };
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
