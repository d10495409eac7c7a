/** More customers with a timer than there are wakes in memory: all due at one instant, and due again after it. */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { decodeLine, type Work } from "../../engine/decode.js";
import { createPartition, take, takePending } from "../../engine/partition.js";
import { supply, supplyWakes, wanted, wantsWakes } from "../../engine/supplying.js";
import type { Wake } from "../../engine/ports.js";
import { createReplay } from "../../engine/replay.js";
import { engineStats, segmentSizes } from "../../engine/stats.js";
import { compareWakes } from "../../engine/wakes.js";

const CUSTOMERS = 51_000;
const PAGE = 1_000;
const { program } = compileProgram([{ file: "p.eddy", text: "event visited\nsegment morning when hour(now) < 12" }]);
if (program === null) throw new Error("the program has errors");
const compiled = compile(program);
const visit = (n: number): string => JSON.stringify({ id: "1", type: "visited", subject: `c${n}`, time: "2026-03-02T10:00:00Z" });
const AFTERNOON = Date.parse("2026-03-02T13:00:00Z");

test("a replay has nowhere to leave wakes to: all of them stay in memory", () => {
  const replay = createReplay(compiled, () => undefined);
  for (let n = 0; n < CUSTOMERS; n++) replay.line(visit(n));
  expect(replay.members()).toHaveLength(CUSTOMERS);
  replay.until(AFTERNOON);
  expect(replay.members()).toEqual([]);
});

test("with a store, each part of the wake index is read about once, though everybody is to be woken again soon", () => {
  const p = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: 4 * CUSTOMERS }, engineStats());
  const index = new Map<string, number>();
  let ordered: Wake[] | null = null;
  let commits = 0;
  let pages = 0;
  const commit = (): void => {
    for (const customer of takePending(p, ++commits).reindexed) index.set(customer.id, customer.indexed);
    p.cache.acknowledged(commits);
    ordered = null;
  };
  const readWakes = (upTo: number): void => {
    for (let after = wantsWakes(p, upTo); after !== undefined; after = wantsWakes(p, upTo)) {
      ordered ??= [...index].map(([customer, at]) => ({ customer, at })).sort(compareWakes);
      const behind = after;
      const from = behind === null ? 0 : ordered.findIndex((wake) => compareWakes(wake, behind) > 0);
      const page = from < 0 ? [] : ordered.slice(from, from + PAGE);
      supplyWakes(p, page, page.length < PAGE);
      pages++;
    }
  };
  const process = (work: Work, attempts: number): void => {
    for (let left = attempts; left > 0; left--) {
      readWakes(Math.max(work.stamp, p.clock));
      for (const id of wanted(p, [work], 400)) supply(p, id, null);
      if (take(p, work) === "done") return;
      commit();
    }
    throw new Error(`${attempts} commits were not enough, after ${pages} pages`);
  };
  for (let n = 0; n < CUSTOMERS; n++) process(decodeLine(compiled, visit(n), n + 1), 3);
  commit();
  pages = 0;
  process({ k: "tick", sequence: CUSTOMERS + 1, arrived: 0, stamp: AFTERNOON }, CUSTOMERS / 100);
  commit();
  expect([...index.values()].filter((at) => at <= AFTERNOON)).toEqual([]);
  expect(segmentSizes(p.stats).get("morning")).toBe(0);
  expect(pages).toBeLessThan((2 * CUSTOMERS) / PAGE);
});
