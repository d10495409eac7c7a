/**
 * What comes while a commit is on its way: few records wait for it and go together into the next one; many are
 * evaluated meanwhile, and what comes after them goes into one more.
 */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { startEngine } from "../../engine/engine.js";
import type { Commit } from "../../engine/ports.js";
import { SIZES } from "../../engine/sizes.js";
import { engineStats } from "../../engine/stats.js";
import { eventSubject } from "../../engine/subjects.js";
import { appendTo, newWorld, opened, quiet, simulatedEnvironment } from "./simulated-ports.js";

const { program } = compileProgram([{ file: "p.eddy", text: 'event visited\nrule greeted { on visited  emit "greeted" {} }\n' }]);
if (program === null) throw new Error("the program has errors");
const compiled = compile(program);
const AHEAD = 8;

/** One record is on its way to the store while the others come, a group at a time; how many records each commit then had. */
async function commitsOf(...groups: readonly number[]): Promise<number[]> {
  const world = newWorld(1);
  let id = 0;
  const come = (records: number): void => {
    for (let n = 0; n < records; n++) {
      world.now += 1000;
      const body = JSON.stringify({ specversion: "1.0", id: String(++id), source: "test", type: "visited", subject: "ann", time: new Date(world.now).toISOString(), data: {} });
      appendTo(world, [{ subject: eventSubject("visited", "ann"), body }]);
    }
  };
  const commits: number[] = [];
  const ports = opened(world, () => "none", () => 10, ({ outputs }) => { if (outputs.length > 0) commits.push(outputs.length); });
  let answer = (): void => undefined;
  const held = new Promise<void>((resolve) => { answer = resolve; });
  const store = { ...ports.store, commit: async (commit: Commit) => (await held, ports.store.commit(commit)) };
  const options = { cacheCustomers: 100, limits: { maxOutbox: 1000, keepPublished: 1000 }, sizes: { ...SIZES, ahead: AHEAD } };
  const engine = startEngine(compiled, { ...ports, store }, options, simulatedEnvironment(world), engineStats());
  for (const records of [1, ...groups]) {
    come(records);
    await quiet(world, () => false);
  }
  expect(commits).toEqual([]);
  answer();
  await quiet(world, () => false);
  await engine.stop();
  return commits;
}

test("few wait for the commit before them, and are one commit", async () => {
  expect(await commitsOf(1, 1, 1)).toEqual([1, 3]);
  expect(await commitsOf(AHEAD - 2, 1)).toEqual([1, AHEAD - 1]);
});

test("many are evaluated while the commit before them is on its way", async () => {
  expect(await commitsOf(AHEAD, 1)).toEqual([1, AHEAD, 1]);
  expect(await commitsOf(3 * AHEAD, 2, 3)).toEqual([1, 3 * AHEAD, 5]);
});
