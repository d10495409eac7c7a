/** A commit that fails when nothing follows it: the engine must not wait for the next event to notice. */
import { afterEach, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { engineEnvironment } from "../../cli/environment.js";
import type { Log } from "../../cli/logging.js";
import { compile } from "../../engine/compile/compiled.js";
import { startEngine, type Engine } from "../../engine/engine.js";
import { StoreRefused, type CommitAnswer } from "../../engine/ports.js";
import { engineStats } from "../../engine/stats.js";
import { embeddedPlace, type Place } from "./places.js";
import { until } from "./progress.js";

const { program } = compileProgram([{ file: "p.eddy", text: "event visited\nrule greet { on visited  emit \"hello\" }" }]);
if (program === null) throw new Error("the program has errors");
const compiled = compile(program);
const nothing = (): void => undefined;
const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };

let place: Place;
let engine: Engine;
afterEach(async () => {
  await engine.stop().catch(nothing);
  await place.dispose();
});

/** One event, and a store whose first commit goes wrong. */
async function firstCommit(goesWrong: () => CommitAnswer): Promise<void> {
  place = await embeddedPlace({ partitions: 1, clock: "broker" });
  const { store } = place.ports;
  let commits = 0;
  const ports = { ...place.ports, store: { ...store, commit: async (c: Parameters<typeof store.commit>[0]) => (++commits === 1 ? goesWrong() : store.commit(c)) } };
  engine = startEngine(compiled, ports, { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 10 } }, engineEnvironment({ now: Date.now }, quiet), engineStats());
  await place.ports.log.append([{ subject: "events.visited.ann", body: JSON.stringify({ id: "1", type: "visited", subject: "ann" }) }]);
}

test("the store went back: the engine begins again, and the event is processed, though no other comes", async () => {
  await firstCommit(() => "moved");
  await until("the action is published", async () => (await place.outputs(0)).length === 1);
});

test("the store refuses for good: the engine ends with its reason, though no other event comes", async () => {
  await firstCommit(() => { throw new StoreRefused("there is no room"); });
  await expect(engine.ended).rejects.toThrow("there is no room");
});
