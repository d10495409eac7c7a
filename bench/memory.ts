/**
 * What customers with twenty aggregates, all with data, cost - bytes in the process (all of them in the cache) and in Redis, by kind
 * of key - and how long an engine takes from its start until it is ready, and until it has answered events that waited
 * for it (restart.ts), as customers become more.
 *
 *   node --expose-gc dist/bench/memory.js [most customers=1000000]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { compileProgram } from "../dsl/compile.js";
import { compile } from "../engine/compile/compiled.js";
import { startEngine } from "../engine/engine.js";
import { engineStats } from "../engine/stats.js";
import { engineEnvironment } from "../cli/environment.js";
import { plotLines } from "./plot.js";
import { restart, type Restart } from "./restart.js";
import { startServers } from "./servers.js";
import { random, type Load } from "./shop-load.js";
import { printTable } from "./table.js";
import { quiet } from "./throughput.js";

const RULES = "bench/rules/memory.eddy";
const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 0, 1);
const CATEGORIES = ["coffee", "tea", "cocoa"];
/** With three events of a customer every aggregate has data, and they are in the segment. */
const EACH = 3;
const AT_ONCE = 2000;
/** So long the engine has had nothing to do, ms, before what it holds is counted. */
const SETTLED_MS = 500;

/** Bytes a customer. */
export interface RedisBytes {
  readonly states: number;
  readonly wakes: number;
  readonly segments: number;
  readonly outbox: number;
  /** Of all that the server uses more than before. */
  readonly all: number;
}

export interface MemoryRow {
  readonly customers: number;
  /** Bytes a customer: heap and buffers. */
  readonly process: number;
  readonly redis: RedisBytes;
  readonly restart: Restart;
}

/** An event of a customer in a round; a round a week, each within a day and in order of time: the clock is the events' own. */
function events(customers: number): (customer: number, round: number) => Load {
  const next = random(3);
  return (c, round) => {
    const customer = `customer-${c}`;
    const data = { total: Math.floor(next() * 20_000) / 100, quantity: 1 + Math.floor(next() * 4), sku: `sku-${Math.floor(next() * 500)}`, category: CATEGORIES[Math.floor(next() * 3)] };
    const time = new Date(START + round * 7 * DAY_MS + Math.floor((c / customers) * DAY_MS)).toISOString();
    return { subject: `events.bought.${customer}`, body: JSON.stringify({ specversion: "1.0", id: `${round}-${c}`, source: "bench", type: "bought", subject: customer, time, data }) };
  };
}

async function bytesIn(redis: Redis, customers: number, all: number): Promise<RedisBytes> {
  const sums = { states: 0, wakes: 0, segments: 0, outbox: 0 };
  const kinds = [["customers", "states"], ["wakes", "wakes"], ["segment", "segments"], ["outbox", "outbox"]] as const;
  for (const key of await redis.keys("eddy:{*}:*")) {
    const kind = kinds.find(([name]) => key.split(":")[2] === name)?.[1];
    // Of a thousand elements: all of a million would take the server a while.
    if (kind !== undefined) sums[kind] += Number(await redis.memory("USAGE", key, "SAMPLES", 1000)) / customers;
  }
  return { ...sums, all: all / customers };
}

function heldBytes(): number {
  global.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function over(customers: number): Promise<MemoryRow> {
  const { program } = compileProgram([{ file: RULES, text: readFileSync(join(import.meta.dirname, "../..", RULES), "utf8") }]);
  if (program === null) throw new Error("the bench's rules do not compile");
  const servers = await startServers("event");
  const ports = await servers.openPorts();
  const redis = new Redis(servers.redis.url);
  const used = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
  const event = events(customers);
  for (let round = 0; round < EACH; round++) {
    for (let c = 0; c < customers; c += AT_ONCE) {
      await ports.log.append(Array.from({ length: Math.min(AT_ONCE, customers - c) }, (_, i) => event(c + i, round)));
    }
  }
  const redisBefore = await used();
  const stats = engineStats();
  const before = heldBytes();
  const engine = startEngine(compile(program), ports, { cacheCustomers: customers * 4, limits: { maxOutbox: 50_000, keepPublished: 1000 } }, engineEnvironment({ now: () => Date.now() }, quiet), stats);
  const isDone = (): boolean => stats.events.get("bought")?.processed === EACH * customers && [...stats.partitions.values()].every((p) => p.outboxPending === 0);
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
  if (stats.cachedCustomers < customers) throw new Error(`only ${stats.cachedCustomers} of ${customers} customers are in memory`);
  const inProcess = (heldBytes() - before) / customers;
  await engine.stop();
  const inRedis = await bytesIn(redis, customers, (await used()) - redisBefore);
  const took = await restart(servers, RULES, Array.from({ length: EACH }, (_, n) => event(customers, EACH + n)), "segments.*.good.entered");
  redis.disconnect();
  await ports.close();
  await servers.dispose();
  return { customers, process: inProcess, redis: inRedis, restart: took };
}

export async function memory(most: number): Promise<MemoryRow[]> {
  const rows: MemoryRow[] = [];
  for (const customers of [10_000, 100_000, 1_000_000].filter((each) => each <= Math.max(most, 10_000))) rows.push(await over(customers));
  printTable(
    `twenty aggregates with data, ${EACH} events a customer: bytes a customer, and the start of another engine on what is there`,
    ["customers", "process", "Redis", "states", "wakes", "segments", "outbox", "ready after s", "first answer after s"],
    rows.map(({ customers, process: inProcess, redis, restart: { ready, answered } }) =>
      [customers.toLocaleString("en"), inProcess, redis.all, redis.states, redis.wakes, redis.segments, redis.outbox, ready, answered]),
  );
  return rows;
}

export function plotMemory(rows: readonly MemoryRow[]): void {
  const points = (of: (row: MemoryRow) => number): [number, number][] => rows.map((row) => [row.customers, of(row)]);
  plotLines({
    file: "memory.svg", title: "Bytes a customer, twenty aggregates with data", x: "customers", y: "bytes", logarithmicX: true, logarithmicY: false,
    series: [{ name: "process", points: points((row) => row.process) }, { name: "Redis", points: points((row) => row.redis.all) }],
    note: "Process: heap and buffers, everybody in the cache. Redis: all that it uses more than before.",
  });
}

if (process.argv[1] === import.meta.filename) {
  await memory(Number(process.argv[2] ?? 1_000_000));
  process.exit(0);
}
