/**
 * More than the engine can do, for a while, and servers that stand still meanwhile: its memory stays where it was, the lag
 * grows and is shown, and when it is over everything has been done once.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { setTimeout as delay } from "node:timers/promises";
import { folderWith } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess } from "../system/engine-process.js";
import { scrape } from "../system/metrics.js";
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
  const rate = await flood(sent, 40_000);
  const ms = await untilDone(place);
  const most = await watching.stop();
  console.info(`${Math.round(rate)} events/s sent, done ${Math.round(ms)} ms later; before ${shown(before)}; most ${shown(most)}; after ${shown(await look(http))}`);
  await expectAllRight(place, sent);
  expect(most.lag).toBeGreaterThan(1000);
  expect(most.memoryMb).toBeLessThan(before.memoryMb + 250);
}, 120_000);

test("the store stands still", async () => {
  const http = await start();
  const sent = orders(5000, { name: "still" });
  await flood(sent, 4000);
  await untilDone(place);
  const before = await look(http);
  const watching = watch(http);
  place.redis.pause();
  const flooding = flood(sent, 40_000);
  await until("the lag shows", () => watching.last.lag > 5000);
  await delay(1500);
  place.redis.resume();
  await flooding;
  const ms = await untilDone(place);
  const most = await watching.stop();
  console.info(`done ${Math.round(ms)} ms after the store was there again; before ${shown(before)}; most ${shown(most)}`);
  await expectAllRight(place, sent);
  expect(most.memoryMb).toBeLessThan(before.memoryMb + 250);
}, 120_000);

test("the output streams take nothing, then the broker stands still: evaluation stops at the bound of the outbox, memory too", async () => {
  const http = await start();
  const sent = orders(200, { name: "stuck", note: "n".repeat(20_000) });
  await flood(sent, 200);
  await untilDone(place);
  const before = await look(http);
  const watching = watch(http);
  const manager = await place.link.nc.jetstreamManager();
  const found = await Promise.all(Array.from({ length: place.partitions }, (_, p) => manager.streams.info(`OUT_${p}`)));
  // Of more than the limit the server would drop what is there.
  for (const { config, state } of found) await manager.streams.update(config.name, { ...config, max_msgs: Math.max(1, state.messages) });
  // 6,000 answers of 20 KB: 120 MB, of which an outbox holds 16 in each of four partitions.
  await flood(sent, 18_000);
  await until("evaluation has stopped", () => watching.last.outbox > 2000 && watching.last.lag > 1000, 60_000);
  await place.nats.pause();
  await delay(500);
  place.nats.resume();
  for (const { config } of found) await manager.streams.update(config.name, config);
  const ms = await untilDone(place);
  const most = await watching.stop();
  console.info(`done ${Math.round(ms)} ms after there was room; before ${shown(before)}; most ${shown(most)}`);
  expect(most.outbox).toBeLessThan(4500);
  await expectAllRight(place, sent);
  expect(most.memoryMb).toBeLessThan(before.memoryMb + 450);
}, 180_000);

test("a tenth of the events are poison: dead letters, each with its reason, and nobody waits for them", async () => {
  const http = await start();
  const sent = orders(2000, { name: "poisoned" });
  const poison = [
    (n: number) => ({ subject: `events.order_placed.x${n}`, body: "{ this is no JSON" }),
    (n: number) => ({ subject: `events.order_placed.x${n}`, body: JSON.stringify({ id: `b${n}`, source: "test", type: "order_placed", subject: "another", data: {} }) }),
    (n: number) => ({ subject: `events.order_placed.x${n}`, body: JSON.stringify({ id: `c${n}`, source: "test", type: "order_placed", subject: `x${n}`, data: { order_id: 7 } }) }),
    (n: number) => ({ subject: `events.order_placed.x${n}.more`, body: "[".repeat(5000) }),
  ];
  const events = 10_000;
  for (let n = 0; n < events; n += 1000) {
    await place.ports.log.append(Array.from({ length: 1000 }, (_, i) => (i % 10 === 9 ? (poison[(i / 10 | 0) % poison.length] as (typeof poison)[number])(n + i) : sent.next())));
  }
  const ms = await untilDone(place);
  console.info(`${events} events, a tenth of them poison, done in ${Math.round(ms)} ms`);
  await expectAllRight(place, sent);
  const metrics = await scrape(http);
  const reasons = Object.fromEntries(["not_json", "unknown_customer", "schema", "not_an_event"].map((reason) => [reason, metrics.value("eddy_dead_letters_total", { reason })]));
  expect(reasons).toEqual({ not_json: 250, unknown_customer: 250, schema: 250, not_an_event: 250 });
}, 120_000);
