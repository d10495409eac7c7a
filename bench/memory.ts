/**
 * What a customer with twenty aggregates, all with data, costs: bytes in the process (all of them in the cache) and in
 * Redis.
 *
 *   node --expose-gc dist/bench/memory.js [customers=100000] [events per customer=5]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { compileProgram } from "../dsl/compile.js";
import { compile } from "../engine/compile/compiled.js";
import { startEngine } from "../engine/engine.js";
import { engineStats } from "../engine/stats.js";
import { engineEnvironment } from "../cli/environment.js";
import { startServers } from "./servers.js";
import { random } from "./shop-load.js";
import { quiet } from "./throughput.js";

const DAY_MS = 86_400_000;
const CATEGORIES = ["coffee", "tea", "cocoa"];

export async function memory(customers: number, each: number): Promise<{ process: number; redis: number }> {
  const file = "bench/rules/memory.eddy";
  const { program } = compileProgram([{ file, text: readFileSync(join(import.meta.dirname, "../..", file), "utf8") }]);
  if (program === null) throw new Error("the bench's rules do not compile");
  const servers = await startServers("event");
  const ports = await servers.openPorts();
  const redis = new Redis(servers.redis.url);
  const used = async (): Promise<number> => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
  const next = random(3);
  const start = Date.UTC(2026, 0, 1);
  for (let round = 0; round < each; round++) {
    for (let c = 0; c < customers; c += 2000) {
      await ports.log.append(Array.from({ length: Math.min(2000, customers - c) }, (_, i) => {
        const customer = `customer-${c + i}`;
        const data = { total: Math.floor(next() * 20_000) / 100, quantity: 1 + Math.floor(next() * 4), sku: `sku-${Math.floor(next() * 500)}`, category: CATEGORIES[Math.floor(next() * 3)] };
        // All of a round within a day, in order of time: the clock is the events' own.
        const time = new Date(start + round * 7 * DAY_MS + Math.floor(((c + i) / customers) * DAY_MS)).toISOString();
        return { subject: `events.bought.${customer}`, body: JSON.stringify({ specversion: "1.0", id: `${round}-${c + i}`, source: "bench", type: "bought", subject: customer, time, data }) };
      }));
    }
  }
  const redisBefore = await used();
  const stats = engineStats();
  const { last } = await ports.log.info();
  global.gc?.();
  const before = process.memoryUsage();
  const engine = startEngine(compile(program), ports, { cacheCustomers: customers * 4, limits: { maxOutbox: 50_000, keepPublished: 1000 } }, engineEnvironment({ now: () => Date.now() }, quiet), stats);
  while ([...stats.partitions.values()].some((p) => p.outboxPending > 0) || (stats.events.get("bought")?.processed ?? 0) < last) await new Promise((resolve) => setTimeout(resolve, 50));
  await new Promise((resolve) => setTimeout(resolve, 500));
  global.gc?.();
  const after = process.memoryUsage();
  const cached = stats.cachedCustomers;
  const result = {
    process: (after.heapUsed + after.arrayBuffers - before.heapUsed - before.arrayBuffers) / Math.max(1, cached),
    redis: ((await used()) - redisBefore) / customers,
  };
  console.log(`${customers.toLocaleString("en")} customers, 20 aggregates with data, ${each} events each: ${Math.round(result.process)} bytes in the process (${cached} in memory), ${Math.round(result.redis)} bytes in Redis`);
  await engine.stop();
  redis.disconnect();
  await ports.close();
  await servers.dispose();
  return result;
}

if (process.argv[1] === import.meta.filename) {
  await memory(Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 5));
  process.exit(0);
}
