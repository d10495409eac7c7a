/**
 * More than the engine can do, on NATS and Redis, and what it does then: memory, lag, how long until all is caught up; always
 * with the count of what was lost or done twice (none, or the bench ends with an error).
 *
 *   node dist/bench/pressure.js [customers=1000000] [events=200000]
 *
 * - a flood: events as fast as the broker takes them, at the same time Redis asleep for a fifth of every second
 * - many customers: the same events with a cache of 50,000 customers and with one that holds all
 * - the others: how long the answer to somebody else's event takes, alone, beside a hot customer, beside poisoned events
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventSubject } from "../engine/subjects.js";
import type { NewRecord } from "../engine/ports.js";
import { startEngineProcess, type EngineProcess } from "../test/system/engine-process.js";
import { serversPlace, type Servers } from "../test/system/places.js";
import { untilDone } from "../test/pressure/done.js";
import { RULES, expectAllRight, orders, type Orders } from "../test/pressure/orders.js";
import { look, shown, watch } from "../test/pressure/watch.js";
import { PARTITIONS } from "./servers.js";

const LONG_MS = 3_600_000;

export async function pressure(customers: number, events: number): Promise<object> {
  const folder = mkdtempSync(join(tmpdir(), "eddy-pressure-"));
  mkdirSync(join(folder, "rules"));
  writeFileSync(join(folder, "rules/orders.eddy"), RULES);
  try {
    return { flood: await flooded(folder, events), many: await manyCustomers(folder, customers, events), others: await others(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Scene {
  readonly place: Servers;
  readonly engine: EngineProcess;
}

async function scene<T>(folder: string, more: readonly string[], play: (scene: Scene) => Promise<T>): Promise<T> {
  const place = await serversPlace({ partitions: PARTITIONS, clock: "broker", redis: { settings: ["--enable-debug-command", "yes"] } });
  const engine = startEngineProcess({ rules: join(folder, "rules"), place: place.flags, folder, more });
  try {
    await engine.said("running");
    return await play({ place, engine });
  } finally {
    await engine.kill();
    await place.dispose();
  }
}

async function send(place: Servers, sent: Orders, events: number): Promise<number> {
  const since = performance.now();
  for (let left = events; left > 0; left -= 2000) await place.ports.log.append(Array.from({ length: Math.min(2000, left) }, () => sent.next()));
  return performance.now() - since;
}

const perSecond = (events: number, ms: number): string => Math.round((events / ms) * 1000).toLocaleString("en");

// ---------------------------------------------------------------------------------------------------- flood

function flooded(folder: string, events: number): Promise<object> {
  return scene(folder, [], async ({ place, engine }) => {
    const http = await engine.http();
    const sent = orders(20_000);
    await send(place, sent, 10_000);
    await untilDone(place, LONG_MS);
    const before = await look(http);
    const watching = watch(http);
    let isOver = false;
    const sleeping = (async () => {
      while (!isOver) {
        place.redis.pause();
        await delay(200);
        place.redis.resume();
        await delay(800);
      }
    })();
    const sendMs = await send(place, sent, events);
    const behind = watching.last.lag;
    const moreMs = await untilDone(place, LONG_MS);
    isOver = true;
    await sleeping;
    const most = await watching.stop();
    await expectAllRight(place, sent);
    console.log(`flood, Redis asleep 200 ms of every second: ${events.toLocaleString("en")} events sent at ${perSecond(events, sendMs)}/s; ${behind.toLocaleString("en")} behind at its end, done ${(moreMs / 1000).toFixed(1)} s later; none lost, none twice`);
    console.log(`  before ${shown(before)}`);
    console.log(`  most   ${shown(most)}`);
    return { sendMs, moreMs, behind, before, most };
  });
}

// ---------------------------------------------------------------------------------------------------- many customers

async function manyCustomers(folder: string, customers: number, events: number): Promise<object> {
  const row = async (cache: number): Promise<object> => scene(folder, ["--cache-customers", String(cache)], async ({ place, engine }) => {
    const http = await engine.http();
    const sent = orders(customers);
    // Everybody comes once, then whoever comes.
    for (let c = 0; c < customers; c += 2000) await place.ports.log.append(Array.from({ length: Math.min(2000, customers - c) }, (_, i) => everybody(c + i)));
    await untilDone(place, LONG_MS);
    const full = await look(http);
    const watching = watch(http, 500);
    const since = performance.now();
    await send(place, sent, events);
    await untilDone(place, LONG_MS);
    const ms = performance.now() - since;
    const most = await watching.stop();
    await expectAllRight(place, sent);
    console.log(`${customers.toLocaleString("en")} customers, a cache of ${cache.toLocaleString("en")}: ${perSecond(events, ms)} events/s, ${Math.round(full.memoryMb)} MB when all had come, most ${shown(most)}`);
    return { cache, eventsPerSecond: (events / ms) * 1000, full, most };
  });
  return { some: await row(Math.max(1000, Math.round(customers / 20))), all: await row(Math.round(customers * 1.3)) };
}

function everybody(n: number): NewRecord {
  const customer = `c${n}`;
  return {
    subject: eventSubject("product_viewed", customer),
    body: JSON.stringify({ id: `first-${n}`, source: "test", type: "product_viewed", subject: customer, data: { sku: `sku-${n % 50}` } }),
  };
}

// ---------------------------------------------------------------------------------------------------- the others

interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Probes of many customers, a hundred a second; what else is sent meanwhile, `noise` says, a hundred times a second. */
async function probed({ place }: Scene, seconds: number, noise: (n: number) => readonly NewRecord[]): Promise<Latency> {
  const latencies: number[] = [];
  const subscription = place.link.nc.subscribe("actions.*.emit.echo", {
    callback: (_error, message) => {
      latencies.push(performance.now() - (JSON.parse(message.string()) as { data: { sent: number } }).data.sent);
    },
  });
  await place.link.nc.flush();
  const appends: Promise<unknown>[] = [];
  const total = seconds * 100;
  const begin = performance.now();
  for (let n = 0; n < total; n++) {
    const at = begin + n * 10;
    await delay(Math.max(0, at - performance.now()));
    const customer = `p${n % 1000}`;
    const probe = { subject: eventSubject("probe", customer), body: JSON.stringify({ id: `${begin}-${n}`, source: "test", type: "probe", subject: customer, data: { sent: performance.now() } }) };
    appends.push(place.ports.log.append([probe, ...noise(n)]));
  }
  await Promise.all(appends);
  await untilDone(place, LONG_MS);
  for (let waits = 0; latencies.length < total && waits < 100; waits++) await delay(50);
  subscription.unsubscribe();
  if (latencies.length !== total) throw new Error(`${total - latencies.length} of ${total} probes were never answered`);
  latencies.sort((a, b) => a - b);
  const of = (share: number): number => latencies[Math.min(total - 1, Math.floor(total * share))] ?? NaN;
  return { p50: of(0.5), p99: of(0.99), max: of(1) };
}

const SECONDS = 10;

function others(folder: string): Promise<object> {
  return scene(folder, [], async (on) => {
    const quiet = (): readonly NewRecord[] => [];
    await probed(on, 3, quiet);
    const alone = await probed(on, SECONDS, quiet);
    let n = 0;
    const order = (customer: string, note?: string): NewRecord => ({
      subject: eventSubject("order_placed", customer),
      body: JSON.stringify({ id: `hot-${++n}`, source: "test", type: "order_placed", subject: customer, data: { order_id: `hot-${n}`, total: 5, ...(note === undefined ? {} : { note }) } }),
    });
    // 100,000 a day are 1.2 a second: here they are 1,000 a second.
    const hot = await probed(on, SECONDS, () => Array.from({ length: 10 }, () => order("hot")));
    const poisoned = await probed(on, SECONDS, (i) => POISON.map((each) => each(i)));
    const text = "x".repeat(900_000);
    const heavy = await probed(on, SECONDS, (i) => (i % 50 === 0 ? [order(`heavy${i % 7}`, text)] : []));
    const row = (name: string, { p50, p99, max }: Latency): string => `  ${name.padEnd(44)} p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms`;
    console.log(`from append to answer of others' events, 100 a second for ${SECONDS} s:`);
    console.log(row("alone", alone));
    console.log(row("beside one customer with 1,000 orders a second", hot));
    console.log(row("beside 500 events a second that nobody can read", poisoned));
    console.log(row("beside two orders of 0.9 MB a second", heavy));
    return { alone, hot, poisoned, heavy };
  });
}

const POISON: readonly ((n: number) => NewRecord)[] = [
  (n) => ({ subject: `events.order_placed.x${n}`, body: "{ this is no JSON" }),
  (n) => ({ subject: `events.order_placed.x${n}`, body: JSON.stringify({ id: `b${n}`, type: "order_placed", subject: "somebody else", data: {} }) }),
  (n) => ({ subject: `events.order_placed.x${n}`, body: JSON.stringify({ id: `c${n}`, type: "order_placed", subject: `x${n}`, data: { order_id: 7, total: "much" } }) }),
  (n) => ({ subject: `events.order_placed.x${n}`, body: JSON.stringify({ type: "order_placed", data: [[[[]]]] }) }),
  (n) => ({ subject: `events.order_placed.x${n}.more.tokens`, body: "[".repeat(5000) }),
];

if (process.argv[1] === import.meta.filename) {
  await pressure(Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 200_000));
  process.exit(0);
}
