/**
 * More than the engine can do, for a while, and servers that stand still meanwhile: its memory stays where it was, the lag
 * grows and is shown, and when it is over everything has been done once.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { setTimeout as delay } from "node:timers/promises";
import { folderWith } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess } from "../system/engine-process.js";
import { serversPlace, type Servers } from "../system/places.js";
import { until } from "../system/progress.js";
import { untilDone } from "./done.js";
import { RULES, expectAllRight, orders, type Orders } from "./orders.js";
import { look, shown, watch } from "./watch.js";

const folder = folderWith({ "rules/shop.eddy": RULES });
let place: Servers;
let engine: EngineProcess;
beforeAll(async () => {
  place = await serversPlace({ partitions: 4, clock: "broker" });
}, 60_000);
afterEach(() => engine?.kill());
afterAll(async () => {
  await place?.dispose();
  folder.remove();
});

const start = async (): Promise<string> => {
  engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
  await engine.said("running");
  return engine.http();
};

/** Appends so many events as fast as the log takes them; answers with events a second. */
async function flood(sent: Orders, events: number): Promise<number> {
  const since = performance.now();
  for (let left = events; left > 0; left -= 2000) await place.ports.log.append(Array.from({ length: Math.min(2000, left) }, () => sent.next()));
  return (events / (performance.now() - since)) * 1000;
}

test("events faster than the engine", async () => {
  const http = await start();
  const sent = orders(5000, { name: "fast" });
  await flood(sent, 4000); // warm
  await untilDone(place);
  const before = await look(http);
  const watching = watch(http);
  const rate = await flood(sent, 80_000);
  const ms = await untilDone(place);
  const most = await watching.stop();
  console.info(`${Math.round(rate)} events/s sent, done ${Math.round(ms)} ms later; before ${shown(before)}; most ${shown(most)}; after ${shown(await look(http))}`);
  await expectAllRight(place, sent);
  expect(most.lag).toBeGreaterThan(1000);
  expect(most.memoryMb).toBeLessThan(before.memoryMb + 250);
}, 120_000);

test("the store stands still, and then is slow", async () => {
  const http = await start();
  const sent = orders(5000, { name: "still" });
  await flood(sent, 4000);
  await untilDone(place);
  const before = await look(http);
  const watching = watch(http);
  place.redis.pause();
  const flooding = flood(sent, 80_000);
  await until("the lag shows", () => watching.last.lag > 20_000);
  await delay(1500);
  place.redis.resume();
  await flooding;
  const ms = await untilDone(place);
  const most = await watching.stop();
  console.info(`done ${Math.round(ms)} ms after the store was there again; before ${shown(before)}; most ${shown(most)}`);
  await expectAllRight(place, sent);
  expect(most.memoryMb).toBeLessThan(before.memoryMb + 250);
}, 120_000);
