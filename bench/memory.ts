/**
 * What customers with twenty aggregates, all with data, cost: bytes in the process (all of them in the cache) and in Redis, by kind
 * of key; and how long a new process needs on the same servers until it is ready, and until it has answered what came meanwhile.
 *
 * The log is filled first, the engine works through it, and stops. Then somebody new comes, whose third event makes them a member; `bin/eddy
 * run` is started, and that membership is the answer that is waited for.
 *
 *   node --expose-gc dist/bench/memory.js [customers=100000]
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { engineEnvironment } from "../cli/environment.js";
import { homeFile } from "../cli/home.js";
import { compile } from "../engine/compile/compiled.js";
import { compileProgram } from "../dsl/compile.js";
import { startEngine } from "../engine/engine.js";
import type { NewRecord } from "../engine/ports.js";
import { engineStats, type EngineStats } from "../engine/stats.js";
import { partition } from "../engine/subjects.js";
import { startEngineProcess } from "../test/system/engine-process.js";
import { plotLines } from "./plot.js";
import { PARTITIONS, startServers, type BenchServers } from "./servers.js";
import { random } from "./shop-load.js";
import { printTable } from "./table.js";
import { quiet } from "./throughput.js";

const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const CATEGORIES = ["coffee", "tea", "cocoa"];
const FILE = homeFile("bench/rules/memory.eddy");
const NEWCOMER = "newcomer";
/** A key's kind is the part of its name behind the partition. */
const KINDS = ["customers", "wakes", "segment", "outbox", "meta"] as const;
type Kind = (typeof KINDS)[number];

export interface MemoryRow {
  readonly customers: number;
  /** Of each customer. */
  readonly events: number;
  /** Bytes a customer: heap and buffers; what the system counts (rss), with garbage that was never given back. */
  readonly process: number;
  readonly rss: number;
  /** Bytes a customer: what Redis says it uses more than before. */
  readonly redis: number;
  /** Bytes a customer: MEMORY USAGE of all keys of a kind. */
  readonly kinds: Readonly<Record<Kind, number>>;
  /** From the start of the process. */
  readonly readyMs: number;
  readonly answerMs: number;
}

/** As many events of each as make all aggregates and the segment; more where it is soon done. */
const eventsOfEach = (customers: number): number => (customers > 200_000 ? 3 : 5);

function bought(customer: string, id: string, atMs: number, next: () => number): NewRecord {
  const data = { total: Math.floor(next() * 20_000) / 100, quantity: 1 + Math.floor(next() * 4), sku: `sku-${Math.floor(next() * 500)}`, category: CATEGORIES[Math.floor(next() * 3)] };
  return { subject: `events.bought.${customer}`, body: JSON.stringify({ specversion: "1.0", id, source: "bench", type: "bought", subject: customer, time: new Date(atMs).toISOString(), data }) };
}

/** A round a week, each within a day and in order of time: the clock is the events' own. */
async function fill(servers: BenchServers, customers: number, each: number): Promise<void> {
  const ports = await servers.openPorts();
  const next = random(3);
  for (let round = 0; round < each; round++) {
    for (let c = 0; c < customers; c += 2000) {
      await ports.log.append(Array.from({ length: Math.min(2000, customers - c) }, (_, i) =>
        bought(`customer-${c + i}`, `${round}-${c + i}`, START + round * 7 * DAY_MS + Math.floor(((c + i) / customers) * DAY_MS), next)));
    }
  }
  await ports.close();
}

async function untilTaken(stats: EngineStats, events: number): Promise<void> {
  while ([...stats.partitions.values()].some(({ outboxPending }) => outboxPending > 0) || (stats.events.get("bought")?.processed ?? 0) < events) await delay(50);
  await delay(500);
}

async function usedBytes(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
}

async function bytesByKind(redis: Redis): Promise<Record<Kind, number>> {
  const bytes: Record<Kind, number> = { customers: 0, wakes: 0, segment: 0, outbox: 0, meta: 0 };
  for (const key of await redis.keys("eddy:{*}:*")) {
    const kind = KINDS.find((each) => each === key.split(":")[2]);
    if (kind !== undefined) bytes[kind] += (await redis.memory("USAGE", key, "SAMPLES", 0)) ?? 0;
  }
  return bytes;
}

/** In this process, from an empty store to everybody known. */
async function known(servers: BenchServers, redis: Redis, customers: number, each: number): Promise<Omit<MemoryRow, "readyMs" | "answerMs">> {
  const { program } = compileProgram([{ file: FILE, text: readFileSync(FILE, "utf8") }]);
  if (program === null) throw new Error("the bench's rules do not compile");
  const ports = await servers.openPorts();
  const redisBefore = await usedBytes(redis);
  const stats = engineStats();
  global.gc?.();
  const before = process.memoryUsage();
  const engine = startEngine(compile(program), ports, { cacheCustomers: customers * 4, limits: { maxOutbox: 50_000, keepPublished: 1000 } }, engineEnvironment({ now: () => Date.now() }, quiet), stats);
  await untilTaken(stats, customers * each);
  global.gc?.();
  const after = process.memoryUsage();
  if (stats.cachedCustomers < customers) throw new Error(`only ${stats.cachedCustomers} of ${customers} customers are in memory`);
  const redisAfter = await usedBytes(redis);
  const byKind = await bytesByKind(redis);
  await engine.stop();
  await ports.close();
  return {
    customers, events: each,
    process: (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / customers,
    rss: (after.rss - before.rss) / customers,
    redis: (redisAfter - redisBefore) / customers,
    kinds: { customers: byKind.customers / customers, wakes: byKind.wakes / customers, segment: byKind.segment / customers, outbox: byKind.outbox / customers, meta: byKind.meta / customers },
  };
}

/** `eddy run` on what is there, while somebody's events wait. */
async function restarted(servers: BenchServers, each: number): Promise<Pick<MemoryRow, "readyMs" | "answerMs">> {
  const ports = await servers.openPorts();
  const next = random(5);
  const of = partition(NEWCOMER, PARTITIONS);
  const lastBefore = await ports.outputs.last(of);
  await ports.log.append([1, 2, 3].map((n) => bought(NEWCOMER, `new-${n}`, START + each * 7 * DAY_MS + n, next)));
  const folder = mkdtempSync(join(tmpdir(), "eddy-memory-"));
  const since = performance.now();
  const engine = startEngineProcess({ rules: FILE, place: ["--nats", servers.nats.url, "--redis", servers.redis.url], folder });
  const once = async (holds: () => Promise<boolean>): Promise<number> => {
    while (!(await holds())) {
      if (!engine.running) throw new Error(`the engine ended: ${JSON.stringify(engine.log.slice(-5))}`);
      await delay(5);
    }
    return performance.now() - since;
  };
  try {
    const http = await engine.http();
    const [readyMs, answerMs] = await Promise.all([
      once(async () => (await fetch(`${http}/readyz`)).ok),
      once(async () => (await ports.outputs.last(of)) > lastBefore),
    ]);
    return { readyMs, answerMs };
  } finally {
    await engine.terminate();
    await ports.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measured(customers: number): Promise<MemoryRow> {
  const each = eventsOfEach(customers);
  const servers = await startServers("event");
  const redis = new Redis(servers.redis.url);
  try {
    await fill(servers, customers, each);
    return { ...(await known(servers, redis, customers, each)), ...(await restarted(servers, each)) };
  } finally {
    redis.disconnect();
    await servers.dispose();
  }
}

/** 10,000, 100,000 and 1,000,000 customers, as far as there are to be so many, and as many as there are to be. */
export async function memory(most: number): Promise<{ readonly rows: readonly MemoryRow[] }> {
  const rows: MemoryRow[] = [];
  for (const customers of [...[10_000, 100_000, 1_000_000].filter((size) => size < most), most]) {
    rows.push(await measured(customers));
    global.gc?.();
  }
  printTable(
    "customers with 20 aggregates that have data: bytes a customer, and a restart",
    ["customers", "events each", "process", "rss", "Redis", "states", "wakes", "segments", "outbox", "meta", "ready, ms", "first answer, ms"],
    rows.map(({ customers, events, process, rss, redis, kinds, readyMs, answerMs }) => [customers.toLocaleString("en"), String(events), process, rss, redis, kinds.customers, kinds.wakes, kinds.segment, kinds.outbox, kinds.meta, readyMs, answerMs]),
  );
  return { rows };
}

/** docs/performance/memory.svg and start.svg */
export function plotMemory({ rows }: Awaited<ReturnType<typeof memory>>): void {
  if (rows.length < 2) return; // no line through one point
  const series = (name: string, of: (row: MemoryRow) => number): { name: string; points: [number, number][] } => ({ name, points: rows.map((row) => [row.customers, of(row)]) });
  plotLines({
    file: "memory.svg", title: "Bytes a customer, 20 aggregates with data", x: "customers", y: "bytes a customer", logarithmicX: true, logarithmicY: false,
    series: [series("process", (row) => row.process), series("Redis", (row) => row.redis), series("Redis: states", (row) => row.kinds.customers), series("Redis: wakes", (row) => row.kinds.wakes), series("Redis: segments", (row) => row.kinds.segment)],
    note: "Process: heap and buffers, everybody in the cache. Redis: used memory; a kind of key by MEMORY USAGE.",
  });
  plotLines({
    file: "start.svg", title: "From the start of the process on", x: "customers", y: "ms", logarithmicX: true, logarithmicY: false,
    series: [series("ready", (row) => row.readyMs), series("first answer", (row) => row.answerMs)],
    note: "eddy run on servers that know all these customers; three events of somebody new wait in the log.",
  });
}

if (process.argv[1] === import.meta.filename) {
  await memory(Number(process.argv[2] ?? 100_000));
  process.exit(0);
}
