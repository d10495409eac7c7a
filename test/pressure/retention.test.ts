/**
 * Very many customers whom `profile retain` lets fall due at one instant: all of them are forgotten, each with a receipt, within
 * seconds; and whoever has an event meanwhile waits for no longer than that. (As a rule customers fall due as their last events
 * came; of whom none was noted they are spread, test/engine/erasure.test.ts.)
 */
import { expect, onTestFinished, test } from "vitest";
import { engineEnvironment } from "../../cli/environment.js";
import { WORKER_LIMITS } from "../../cli/limits.js";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { startEngine } from "../../engine/engine.js";
import { engineStats } from "../../engine/stats.js";
import { eventSubject } from "../../engine/subjects.js";
import { embeddedPlace } from "../system/places.js";
import { until } from "../system/progress.js";
import { untilDone } from "./done.js";

const START = Date.parse("2026-03-02T10:00:00Z");
const DAY_MS = 86_400_000;
const CUSTOMERS = Number(process.env["RETAINED"] ?? 6_000);
const { program } = compileProgram([{ file: "retain.eddy", text: `
event seen { }
profile retain 30 days { }
segment active when any(seen) over 90 days
rule pong { on seen  at most 1 per 1 day  emit "pong" }
` }]);
if (program === null) throw new Error("the program has errors");
const compiled = compile(program);
const nothing = (): void => undefined;
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };

test(`${CUSTOMERS} customers fall due at one instant`, async () => {
  let now = START;
  const place = await embeddedPlace({ partitions: 2, clock: "broker" }, () => now);
  const stats = engineStats();
  const engine = startEngine(compiled, place.ports, { cacheCustomers: 5000, limits: WORKER_LIMITS }, engineEnvironment({ now: () => now }, quiet), stats);
  onTestFinished(async () => {
    await engine.stop();
    await place.dispose();
  });
  const seen = (customer: string) => ({ subject: eventSubject("seen", customer), body: JSON.stringify({ id: `${customer}/${now}`, source: "s", type: "seen", subject: customer, data: {} }) });
  for (let i = 0; i < CUSTOMERS; i += 2000) await place.ports.log.append(Array.from({ length: Math.min(2000, CUSTOMERS - i) }, (_, n) => seen(`c${i + n}`)));
  await untilDone(place);
  const before = stats.actions.get("emit")?.get("pong") ?? 0;
  now += 30 * DAY_MS;
  const since = performance.now();
  const waits: number[] = [];
  for (let i = 0; stats.customersErased.retention < CUSTOMERS || waits.length < 20; i++) {
    const sent = performance.now();
    await place.ports.log.append([seen(`other${i}`)]);
    await until("another's event is answered", () => (stats.actions.get("emit")?.get("pong") ?? 0) >= before + i + 1, 60_000, 1);
    waits.push(performance.now() - sent);
  }
  const all = performance.now() - since;
  waits.sort((a, b) => a - b);
  console.info(`${CUSTOMERS} forgotten; the longest of ${waits.length} others waited ${Math.round(waits.at(-1) ?? 0)} ms, the median ${Math.round(waits[waits.length >> 1] ?? 0)} ms; all of it ${Math.round(all)} ms`);
  expect(stats.customersErased.retention).toBe(CUSTOMERS);
  expect(waits.at(-1)).toBeLessThan(30_000);
  await untilDone(place);
  for (let p = 0; p < 2; p++) {
    expect((await place.ports.store.members(p, "active", null)).customers.every((id) => id.startsWith("other"))).toBe(true);
    expect(await place.ports.store.wakes(p, null, 1)).toEqual([expect.objectContaining({ customer: expect.stringMatching(/^other/) as string })]);
  }
}, 120_000);
