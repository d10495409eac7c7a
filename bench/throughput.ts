/**
 * Sustained throughput through real NATS and Redis: twenty rules, 100,000 customers, against a bare loop that reads the
 * same messages, parses them and writes one packed value per touched customer in batches of the same bound; and against the
 * same loop that does the job of the twenty rules beside it, by the program written for them alone (shop-by-hand.ts), and publishes
 * what that one has to say through Eddy's own publisher. So much of the distance between the bare loop and Eddy is the
 * job itself: the loop by hand keeps its customers in memory for good, cannot go on after a restart, and writes a value
 * that says nothing. All in one run, one after the other, on the same stream, the bare loop first and last; all work through
 * its first part, in which every customer is new, before the clock starts.
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
import type { Output, OutputLog } from "../engine/ports.js";
import { plotRates } from "./plot.js";
import { shopByHand } from "./shop-by-hand.js";
import { shopLoad } from "./shop-load.js";
import { PARTITIONS, cpuSecondsOf, startServers, type BenchServers } from "./servers.js";
import { printTable } from "./table.js";

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

interface Parsed {
  readonly subject: string;
  readonly type: string;
  readonly id: string;
  readonly source: string;
  readonly data: Readonly<Record<string, unknown>>;
}

interface Job {
  take(event: Parsed, stamp: number): void;
  /** Publishes what the events since the last call had to say. */
  publish(): Promise<void>;
}

/** Reads, parses, and writes one packed value per touched customer, one batch ahead of the one on its way. */
async function loop(servers: BenchServers, before: number, events: number, open: (outputs: OutputLog) => Promise<Job | null>): Promise<Rate> {
  const ports = await servers.openPorts();
  const redis = new Redis(servers.redis.url);
  const packed = Buffer.alloc(PACKED_BYTES, 7);
  const job = await open(ports.outputs);
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
          const event = JSON.parse(Buffer.from(record.body.buffer, record.body.byteOffset, record.body.byteLength).toString("utf8")) as Parsed;
          touched.add(event.subject);
          job?.take(event, record.stamp);
        }
        done += records.length;
        if (touched.size >= SIZES.commitCustomers) break;
      }
      if (touched.size === 0) continue;
      const fields: (string | Buffer)[] = [];
      for (const customer of touched) fields.push(customer, packed);
      await writing;
      const write = redis.hset("bare", ...fields);
      writing = job === null ? write : Promise.all([write, job.publish()]);
    }
    await writing;
    await reader.close();
  });
  await redis.del("bare");
  redis.disconnect();
  await ports.close();
  return rate;
}

export const bareLoop = (servers: BenchServers, before: number, events: number): Promise<Rate> => loop(servers, before, events, () => Promise.resolve(null));

/** The loop that does the whole job; what it says goes to the stream of each customer's partition, as Eddy's does, behind what is there. */
export async function loopByHand(servers: BenchServers, before: number, events: number): Promise<Rate & { readonly outputsInAll: number }> {
  let outputsInAll = 0;
  const rate = await loop(servers, before, events, async (log) => {
    const program = shopByHand(PARTITIONS);
    const numbers = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => log.last(p)));
    return {
      take: ({ subject, type, id, source, data }, stamp) => program.takeOne({ customer: subject, stamp, plan: { name: type }, data, id, source }),
      async publish() {
        const outputs = numbers.map((): Output[] => []);
        for (const { subject, id, body } of program.outputs()) {
          const p = Number(subject.split(".", 2)[1]);
          const number = (numbers[p] ?? NaN) + 1;
          numbers[p] = number;
          outputs[p]?.push({ number, subject, id, cause: 0, body });
          outputsInAll++;
        }
        await Promise.all(outputs.map(async (list, p) => {
          if (list.length > 0 && await log.publish(p, list) !== list.at(-1)?.number) throw new Error("not all messages of the loop by hand were published");
        }));
      },
    };
  });
  return { ...rate, outputsInAll };
}

export async function engineRun(
  servers: BenchServers, compiled: Compiled, before: number, events: number,
): Promise<Rate & { readonly outputs: number; readonly outputsInAll: number; readonly commits: number }> {
  const ports = await servers.openPorts();
  const stats = engineStats();
  const { last, partitions } = await ports.log.info();
  const outputsNow = async (): Promise<number> => {
    let outputs = 0;
    for (let p = 0; p < partitions; p++) outputs += await ports.outputs.last(p);
    return outputs;
  };
  const outputsAtFirst = await outputsNow();
  let outputsBefore = 0;
  let commitsBefore = 0;
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
  const outputsAtLast = await outputsNow();
  if (process.env["BENCH_DEBUG"] === "1") {
    for (const [stage, h] of Object.entries(stats.stageSeconds)) console.log(stage, h.sum.toFixed(2), h.count);
  }
  await ports.close();
  return { ...rate, outputs: outputsAtLast - outputsBefore, outputsInAll: outputsAtLast - outputsAtFirst, commits: stats.commits - commitsBefore };
}

/** Of two runs of the same number of events. */
const mean = (one: Rate, other: Rate): Rate => ({
  eventsPerSecond: (one.eventsPerSecond + other.eventsPerSecond) / 2,
  cpu: { process: (one.cpu.process + other.cpu.process) / 2, nats: (one.cpu.nats + other.cpu.nats) / 2, redis: (one.cpu.redis + other.cpu.redis) / 2 },
});

export interface Throughput {
  readonly bare: Rate;
  readonly byHand: Rate;
  readonly engine: Rate & { readonly outputs: number; readonly commits: number };
  /** Rates: Eddy's divided by the bare loop's. */
  readonly ratio: number;
  /** The loop by hand's divided by the bare loop's: what the job leaves of it. */
  readonly byHandRatio: number;
  /** Eddy's divided by that of the loop by hand. */
  readonly ofByHandRatio: number;
}

export async function throughput(events: number, customers: number, before: number): Promise<Throughput> {
  const servers = await startServers();
  await fill(servers, before + events, customers);
  const first = await bareLoop(servers, before, events);
  const engine = await engineRun(servers, benchProgram(), before, events);
  global.gc?.();
  const byHand = await loopByHand(servers, before, events);
  global.gc?.();
  const bare = mean(first, await bareLoop(servers, before, events));
  await servers.dispose();
  const figures: Throughput = {
    bare, byHand, engine, ratio: engine.eventsPerSecond / bare.eventsPerSecond, byHandRatio: byHand.eventsPerSecond / bare.eventsPerSecond,
    ofByHandRatio: engine.eventsPerSecond / byHand.eventsPerSecond,
  };
  printTable(
    `${events.toLocaleString("en")} events of ${customers.toLocaleString("en")} customers, 20 rules, real NATS and Redis`,
    ["", "events a second", "of the bare loop", "CPU µs an event: process", "NATS", "Redis"],
    ([["bare loop", bare], ["by hand", byHand], ["Eddy", engine]] as const).map(([name, { eventsPerSecond, cpu }]) => [name, eventsPerSecond, eventsPerSecond / bare.eventsPerSecond, cpu.process, cpu.nats, cpu.redis]),
  );
  console.log(`Eddy / bare loop ${figures.ratio.toFixed(2)} (aim: 0.6), Eddy / by hand ${figures.ofByHandRatio.toFixed(2)}; ${(engine.outputs / events).toFixed(2)} outputs an event, ${Math.round(events / engine.commits)} events a commit`);
  if (engine.outputsInAll !== byHand.outputsInAll) {
    throw new Error(`not the same job: Eddy published ${engine.outputsInAll.toLocaleString("en")} messages, the loop by hand ${byHand.outputsInAll.toLocaleString("en")}`);
  }
  console.log(`both published ${engine.outputsInAll.toLocaleString("en")} messages`);
  return figures;
}

/** docs/performance/throughput.svg */
export function plotThroughput({ bare, byHand, engine }: Throughput): void {
  plotRates({
    file: "throughput.svg", title: "Twenty rules through NATS and Redis",
    rows: [{ label: "bare loop", rate: bare, ours: false }, { label: "bare loop and the job, by hand", rate: byHand, ours: false }, { label: "Eddy", rate: engine, ours: true }],
    note: "The bare loop reads, parses and writes one value per touched customer. By hand: it also does the job of the twenty rules and publishes the same messages, with all customers in memory.",
  });
}

if (process.argv[1] === import.meta.filename) {
  await throughput(Number(process.argv[2] ?? 400_000), Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 300_000));
  process.exit(0);
}
