/**
 * Sustained throughput through real NATS and Redis: twenty rules, 100,000 customers, against a bare loop that reads the
 * same messages, parses them and writes one packed value per touched customer in batches of the same bound. Both in one
 * run, one after the other, on the same stream; both work through its first part, in which every customer is new, before
 * the clock starts.
 *
 *   node dist/bench/throughput.js [events=400000] [customers=100000] [events before=300000]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../dsl/compile.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { startEngine } from "../engine/engine.js";
import { SIZES } from "../engine/sizes.js";
import { engineStats } from "../engine/stats.js";
import { engineEnvironment } from "../cli/environment.js";
import type { Log } from "../cli/logging.js";
import { Redis } from "ioredis";
import { shopLoad } from "./shop-load.js";
import { cpuSecondsOf, startServers, type BenchServers } from "./servers.js";

export interface Rate {
  readonly eventsPerSecond: number;
  /** CPU microseconds per event, of the process itself and of the servers. */
  readonly cpu: { readonly process: number; readonly nats: number; readonly redis: number };
}

const PACKED_BYTES = 300;

export function benchProgram(): Compiled {
  const file = join(import.meta.dirname, "../../bench/rules/shop.eddy");
  const { program } = compileProgram([{ file: "bench/rules/shop.eddy", text: readFileSync(file, "utf8") }]);
  if (program === null) throw new Error("the bench's rules do not compile");
  return compile(program);
}

const nothing = (): void => undefined;
export const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: (message) => { throw new Error(message); }, with: () => quiet };

export async function fill(servers: BenchServers, events: number, customers: number): Promise<void> {
  const load = shopLoad(1, customers);
  const ports = await servers.openPorts();
  for (let sent = 0; sent < events; sent += 2000) {
    await ports.log.append(Array.from({ length: Math.min(2000, events - sent) }, () => load()));
  }
  await ports.close();
}

/** `work` calls what it is given when the part that counts begins. */
async function measured(servers: BenchServers, events: number, work: (begin: () => void) => Promise<void>): Promise<Rate> {
  let before = { cpu: process.cpuUsage(), nats: 0, redis: 0 };
  let started = 0;
  await work(() => {
    before = { cpu: process.cpuUsage(), nats: cpuSecondsOf(servers.nats.port), redis: cpuSecondsOf(servers.redis.port) };
    started = performance.now();
  });
  const seconds = (performance.now() - started) / 1000;
  const own = process.cpuUsage(before.cpu);
  return {
    eventsPerSecond: events / seconds,
    cpu: {
      process: (own.user + own.system) / events,
      nats: ((cpuSecondsOf(servers.nats.port) - before.nats) * 1e6) / events,
      redis: ((cpuSecondsOf(servers.redis.port) - before.redis) * 1e6) / events,
    },
  };
}

/** Reads, parses, and writes one packed value per touched customer, one batch ahead of the one on its way. */
export async function bareLoop(servers: BenchServers, before: number, events: number): Promise<Rate> {
  const ports = await servers.openPorts();
  const redis = new Redis(servers.redis.url);
  const packed = Buffer.alloc(PACKED_BYTES, 7);
  const rate = await measured(servers, events, async (begin) => {
    const reader = await ports.log.read(1);
    let done = 0;
    let begun = false;
    let writing: Promise<unknown> = Promise.resolve();
    while (done < before + events) {
      if (!begun && done >= before) {
        begun = true;
        begin();
      }
      await reader.ready(1000);
      const touched = new Set<string>();
      for (;;) {
        const records = reader.take(SIZES.commitCustomers - touched.size);
        if (records.length === 0) break;
        for (const record of records) {
          const event = JSON.parse(Buffer.from(record.body.buffer, record.body.byteOffset, record.body.byteLength).toString("utf8")) as { subject: string };
          touched.add(event.subject);
        }
        done += records.length;
        if (touched.size >= SIZES.commitCustomers) break;
      }
      if (touched.size === 0) continue;
      const fields: (string | Buffer)[] = [];
      for (const customer of touched) fields.push(customer, packed);
      await writing;
      writing = redis.hset("bare", ...fields);
    }
    await writing;
    await reader.close();
  });
  await redis.del("bare");
  redis.disconnect();
  await ports.close();
  return rate;
}

export async function engineRun(
  servers: BenchServers, compiled: Compiled, before: number, events: number,
): Promise<Rate & { readonly outputs: number; readonly commits: number }> {
  const ports = await servers.openPorts();
  const stats = engineStats();
  const { last, partitions } = await ports.log.info();
  let outputsBefore = 0;
  let commitsBefore = 0;
  const outputsNow = async (): Promise<number> => {
    let outputs = 0;
    for (let p = 0; p < partitions; p++) outputs += await ports.outputs.last(p);
    return outputs;
  };
  const rate = await measured(servers, events, async (begin) => {
    const engine = startEngine(compiled, ports, { cacheCustomers: 200_000, limits: { maxOutbox: 50_000, keepPublished: 10_000 } }, engineEnvironment({ now: () => Date.now() }, quiet), stats);
    const processed = (): number => [...stats.events.values()].reduce((total, counted) => total + counted.processed + counted.duplicate + counted.dead, 0);
    const settled = (): boolean => processed() >= last && stats.partitions.size === partitions && [...stats.partitions.values()].every((p) => p.outboxPending === 0 && p.lag === 0);
    while (processed() < before) await new Promise((resolve) => setTimeout(resolve, 5));
    outputsBefore = await outputsNow();
    commitsBefore = stats.commits;
    begin();
    while (!settled()) await new Promise((resolve) => setTimeout(resolve, 5));
    await engine.stop();
  });
  const outputs = (await outputsNow()) - outputsBefore;
  if (process.env["BENCH_DEBUG"] === "1") {
    for (const [stage, h] of Object.entries(stats.stageSeconds)) console.log(stage, h.sum.toFixed(2), h.count);
  }
  await ports.close();
  return { ...rate, outputs, commits: stats.commits - commitsBefore };
}

export async function throughput(events: number, customers: number, before: number): Promise<{ bare: Rate; engine: Rate; ratio: number }> {
  const servers = await startServers();
  await fill(servers, before + events, customers);
  const bare = await bareLoop(servers, before, events);
  const engine = await engineRun(servers, benchProgram(), before, events);
  const again = await bareLoop(servers, before, events);
  const mean: Rate = { ...bare, eventsPerSecond: (bare.eventsPerSecond + again.eventsPerSecond) / 2 };
  await servers.dispose();
  const ratio = engine.eventsPerSecond / mean.eventsPerSecond;
  const row = (name: string, rate: Rate): string =>
    `${name.padEnd(10)} ${Math.round(rate.eventsPerSecond).toLocaleString("en").padStart(9)} events/s   CPU µs/event: process ${rate.cpu.process.toFixed(1)}, NATS ${rate.cpu.nats.toFixed(1)}, Redis ${rate.cpu.redis.toFixed(1)}`;
  console.log(`${events.toLocaleString("en")} events of ${customers.toLocaleString("en")} customers, 20 rules, real NATS and Redis`);
  console.log(row("bare loop", mean));
  console.log(row("Eddy", engine));
  console.log(`ratio ${ratio.toFixed(2)}; ${(engine.outputs / events).toFixed(2)} outputs an event, ${Math.round(events / engine.commits)} events a commit`);
  return { bare: mean, engine, ratio };
}

if (process.argv[1] === import.meta.filename) {
  await throughput(Number(process.argv[2] ?? 400_000), Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 300_000));
  process.exit(0);
}
