/**
 * Very many timers, very many of them at the same instant, and an engine that was away over their deadlines: each runs once,
 * at its own instant, in order, and how late it was is counted.
 */
import { expect, onTestFinished, test } from "vitest";
import { setTimeout as delay } from "node:timers/promises";
import { engineEnvironment } from "../../cli/environment.js";
import { WORKER_LIMITS } from "../../cli/limits.js";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { startEngine, type Engine } from "../../engine/engine.js";
import { createReplay } from "../../engine/replay.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { folderWith } from "../cli/eddy.js";
import { startEngineProcess } from "../system/engine-process.js";
import { scrape } from "../system/metrics.js";
import { embeddedPlace, serversPlace } from "../system/places.js";
import { published, until } from "../system/progress.js";
import { untilDone } from "./done.js";
import { shown, watch } from "./watch.js";
import { RULES, expectEachInTime, waiting } from "./wakes.js";

const START = Date.parse("2026-03-02T10:00:00Z");
const HOUR_MS = 3_600_000;
const { program } = compileProgram([{ file: "wakes.eddy", text: RULES }]);
if (program === null) throw new Error("the program has errors");
const compiled = compile(program);
const nothing = (): void => undefined;
const quiet = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };

test("in memory: 50,000 timers, 10,000 of them at one instant", async () => {
  const all = waiting(50_000, 10_000, START + HOUR_MS, HOUR_MS);
  const outputs: { number: number; subject: string; id: string; body: string }[] = [];
  const replay = createReplay(compiled, ({ subject, body }) => outputs.push({ number: outputs.length + 1, subject, id: "", body }));
  for (const { body } of all.events()) replay.line(JSON.stringify({ ...(JSON.parse(body as string) as object), time: new Date(START).toISOString() }));
  expect(outputs).toHaveLength(0);
  replay.until(START + 2 * HOUR_MS);
  await expectEachInTime({ partitions: 1, outputs: () => Promise.resolve(outputs) }, all);
});

test("embedded: 20,000 timers, half of them at one instant; the engine is away over their deadlines", async () => {
  let now = START;
  const place = await embeddedPlace({ partitions: 2, clock: "broker" }, () => now);
  onTestFinished(() => place.dispose());
  const all = waiting(20_000, 10_000, START + HOUR_MS, HOUR_MS);
  const start = (): { engine: Engine; stats: EngineStats } => {
    const stats = engineStats();
    return { stats, engine: startEngine(compiled, place.ports, { cacheCustomers: 5000, limits: WORKER_LIMITS }, engineEnvironment({ now: () => now }, quiet), stats) };
  };
  const first = start();
  const events = [...all.events()];
  for (let i = 0; i < events.length; i += 2000) await place.ports.log.append(events.slice(i, i + 2000));
  await untilDone(place);
  await first.engine.stop();
  expect(await published(place)).toBe(0);
  now = START + 3 * HOUR_MS;
  const second = start();
  const since = performance.now();
  await until("all have come", async () => (await published(place)) >= all.deadlines.size, 60_000);
  console.info(`embedded: ${all.deadlines.size} timers in ${Math.round(performance.now() - since)} ms`);
  await second.engine.stop();
  expect(await expectEachInTime(place, all)).toBe(all.deadlines.size);
  const { timerLateness } = second.stats;
  expect(timerLateness.count).toBe(all.deadlines.size);
  const lateness = [...all.deadlines.values()].reduce((sum, at) => sum + (now - at) / 1000, 0);
  expect(timerLateness.sum).toBeCloseTo(lateness, 0);
}, 120_000);

test("NATS and Redis: 10,000 timers at one instant and 5,000 around it; the engine is dead over their deadlines", async () => {
  const place = await serversPlace({ partitions: 4, clock: "broker" });
  const folder = folderWith({ "rules/wakes.eddy": RULES });
  const start = (): ReturnType<typeof startEngineProcess> => startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
  let engine = start();
  onTestFinished(async () => {
    await engine.kill();
    await place.dispose();
    folder.remove();
  });
  await engine.said("running");
  // As soon as this machine has set them all. What an attempt that was too slow has set is as good: it is set anew.
  let due = 0;
  let all = waiting(0, 0, 0, 1);
  for (let aheadMs = 5000; Date.now() >= due - 2_000; aheadMs *= 4) {
    due = Date.now() + aheadMs;
    all = waiting(15_000, 10_000, due, 1000, aheadMs);
    const events = [...all.events()];
    for (let i = 0; i < events.length; i += 2000) await place.ports.log.append(events.slice(i, i + 2000));
    await untilDone(place);
  }
  await engine.kill();
  const before = await published(place);
  // The instants are the broker's: there is nothing to turn.
  await delay(due + 1100 - Date.now());
  expect(await published(place)).toBe(before);
  engine = start();
  const http = await engine.http();
  const watching = watch(http, 50);
  const since = performance.now();
  await until("all have come", async () => (await published(place)) >= before + all.deadlines.size, 60_000);
  const ms = performance.now() - since;
  const metrics = await scrape(http);
  console.info(`NATS and Redis: ${all.deadlines.size} timers in ${Math.round(ms)} ms; most ${shown(await watching.stop())}`);
  expect(await expectEachInTime(place, all)).toBe(all.deadlines.size);
  expect(metrics.value("eddy_timer_lateness_seconds_count")).toBe(all.deadlines.size);
  expect((metrics.value("eddy_timer_lateness_seconds_sum") ?? 0) / all.deadlines.size).toBeGreaterThan(0.1);
}, 300_000);
