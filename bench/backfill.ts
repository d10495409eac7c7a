/**
 * Filling a new 12-month aggregate from history, beside the live flow: how fast that is, held against a replay of the same events
 * (no server, everything in memory), and what it does to the latency of live events, held against the same load without it.
 *
 *   node dist/bench/backfill.js [customers=20000] [events a customer=10] [live events a second=1000] [rate=20000]
 *
 * Real NATS and Redis. The live engine and the live load are processes of their own; this one is the filler, as `eddy apply` is, and
 * gives way to them.
 */
import { fork, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { join } from "node:path";
import { engineEnvironment } from "../cli/environment.js";
import { connectNats } from "../connectors/nats/connect.js";
import { natsEventLog } from "../connectors/nats/event-log.js";
import { natsOutputLog } from "../connectors/nats/output-log.js";
import { openRedisStore } from "../connectors/redis/store.js";
import { compileProgram } from "../dsl/compile.js";
import { startFill } from "../engine/change/fill.js";
import { FILL_SCOPE } from "../engine/change/filled.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { startEngine } from "../engine/engine.js";
import { createReplay } from "../engine/replay.js";
import { engineStats } from "../engine/stats.js";
import { runLoad, type Latency } from "./latency.js";
import { PARTITIONS, startServers, type BenchServers } from "./servers.js";
import { shopLoad } from "./shop-load.js";
import { printTable, type Cell } from "./table.js";
import { fill as append, quiet } from "./throughput.js";

const NEW = `
trait wanted_in_a_year = sum(cart_updated.value) over 365 days
segment wants_much "Puts much into carts within a year" when wanted_in_a_year >= 1000
`;

function program(more: string): Compiled {
  const files = ["bench/rules/shop.eddy", "bench/rules/probe/probe.eddy"].map((file) => ({ file, text: readFileSync(join(import.meta.dirname, "../..", file), "utf8") }));
  const { program: checked, diagnostics } = compileProgram([...files, { file: "new.eddy", text: more }]);
  if (checked === null) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return compile(checked);
}

const WHILE_SECONDS = 10;
const now = (): number => Date.now();

export interface Speed {
  readonly eventsPerSecond: number;
  /** Microseconds of the process's own CPU an event: what others on the machine do counts less here. */
  readonly cpu: number;
}

export interface BackfillFigures {
  readonly events: number;
  readonly customers: number;
  readonly replay: Speed;
  readonly fill: Speed;
  /** Rate of filling, divided by that of the replay. */
  readonly ratio: number;
  readonly alone: Latency;
  readonly beside: Latency;
  readonly redisMegabytes: { readonly before: number; readonly after: number };
}

const cpuSince = (before: NodeJS.CpuUsage): number => {
  const { user, system } = process.cpuUsage(before);
  return user + system;
};

/** All lie within minutes, as they do on the broker's clock of this bench. */
function replayed(compiled: Compiled, events: number, customers: number): Speed {
  const load = shopLoad(1, customers);
  const replay = createReplay(compiled, () => undefined);
  const from = Date.parse("2026-03-01T00:00:00Z");
  let [seconds, cpu] = [0, 0];
  for (let n = 0; n < events;) {
    const lines = Array.from({ length: Math.min(5000, events - n) }, (_, i) => load(from + Math.floor((n + i) / 1000) * 1000).body);
    const [began, before] = [performance.now(), process.cpuUsage()];
    for (const line of lines) replay.line(line, ++n);
    seconds += (performance.now() - began) / 1000;
    cpu += cpuSince(before);
  }
  return { eventsPerSecond: events / seconds, cpu: cpu / events };
}

async function live(servers: BenchServers): Promise<ChildProcess> {
  const child = fork(import.meta.filename, ["live", servers.nats.url, servers.redis.url], { stdio: "inherit" });
  await new Promise<void>((resolve, reject) => {
    child.once("message", () => resolve());
    child.once("exit", (code) => reject(new Error(`the live engine ended with ${code}`)));
  });
  return child;
}

/** The live engine, until it is killed; says when it has caught up. */
async function runLive(nats: string, redis: string): Promise<void> {
  const link = await connectNats({ servers: [nats] });
  const { store } = await openRedisStore({ url: redis });
  const log = natsEventLog(link);
  const stats = engineStats();
  startEngine(program(""), { log, store, outputs: natsOutputLog(link) }, { cacheCustomers: 200_000, limits: { maxOutbox: 50_000, keepPublished: 10_000 } }, engineEnvironment({ now }, quiet), stats);
  const { last } = await log.info();
  const isThere = (): boolean => stats.partitions.size === PARTITIONS && [...stats.partitions.values()].every(({ lag, outboxPending }) => lag === 0 && outboxPending === 0) &&
    [...stats.events.values()].reduce((sum, counted) => sum + counted.processed, 0) >= last;
  while (!isThere()) await new Promise((resolve) => setTimeout(resolve, 50));
  process.send?.("caught up");
}

export async function backfill(customers: number, eventsEach: number, perSecond: number, rate: number): Promise<BackfillFigures> {
  const events = customers * eventsEach;
  const compiled = program(NEW);
  const alone = replayed(compiled, events, customers);
  const servers = await startServers();
  await append(servers, events, customers);
  const engine = await live(servers);
  const without = await loadFor(servers, perSecond, WHILE_SECONDS, 3, 6);
  const megabytes = await memoryOf(servers);
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);

  const ports = await servers.openPorts();
  const scope = await openRedisStore({ url: servers.redis.url }, null, FILL_SCOPE);
  const filler = startFill({
    change: { id: "bench" }, compiled, log: ports.log, history: null, scope: scope.store, empty: () => scope.empty(), main: ports.store,
    environment: engineEnvironment({ now }, quiet), isUnderWay: () => Promise.resolve(true), rate: () => rate, cacheCustomers: 200_000,
  });
  let isLoaded = false;
  const loading = loadFor(servers, perSecond, WHILE_SECONDS, 0, 8).finally(() => { isLoaded = true; });
  const [began, before] = [performance.now(), process.cpuUsage()];
  while (!filler.isNear()) await Promise.race([filler.filled, new Promise((resolve) => setTimeout(resolve, 10))]);
  const seconds = (performance.now() - began) / 1000;
  const handled = filler.progress().done;
  const speed: Speed = { eventsPerSecond: handled / seconds, cpu: cpuSince(before) / handled };
  if (isLoaded) console.log(`(the load had ended when the filling did: ${WHILE_SECONDS} s of ${seconds.toFixed(0)} s)`);
  const beside = await loading;
  if (process.env["BENCH_DEBUG"] === "1") for (const [stage, h] of Object.entries(filler.stats.stageSeconds)) console.log(stage, h.sum.toFixed(2), h.count);
  await filler.stop();
  const after = await memoryOf(servers);
  await scope.store.close();
  await ports.close();
  engine.kill();
  await servers.dispose();

  const ratio = speed.eventsPerSecond / alone.eventsPerSecond;
  console.log(`${events.toLocaleString("en")} events of ${customers.toLocaleString("en")} customers, 21 rules, ${perSecond.toLocaleString("en")} live events a second, at most ${rate.toLocaleString("en")} filled a second`);
  printTable("speed", ["", "events a second", "CPU µs an event"], [["replay", alone.eventsPerSecond, alone.cpu], ["filling", speed.eventsPerSecond, speed.cpu], ["ratio", ratio, alone.cpu / speed.cpu]]);
  const row = (name: string, { p50, p99, p999, max }: Latency): Cell[] => [name, p50, p99, p999, max];
  printTable("latency of live events, ms", ["", "p50", "p99", "p99.9", "max"], [row("alone", without), row("beside filling", beside)]);
  console.log(`Redis: ${megabytes.toFixed(0)} MB, with what was filled ${after.toFixed(0)} MB`);
  return { events, customers, replay: alone, fill: speed, ratio, alone: without, beside, redisMegabytes: { before: megabytes, after } };
}

/** Takes the seeds `seed` and the next: on one stream each load needs seeds of its own, or its events are duplicates. */
async function loadFor(servers: BenchServers, perSecond: number, seconds: number, warmUp: number, seed: number): Promise<Latency> {
  if (warmUp > 0) await runLoad(servers.nats.url, perSecond, warmUp, seed);
  const latency = await runLoad(servers.nats.url, perSecond, seconds, seed + 1);
  if (latency.lost > 0) throw new Error(`${latency.lost} probes were never answered`);
  return latency;
}

async function memoryOf(servers: BenchServers): Promise<number> {
  const { Redis } = await import("ioredis");
  const redis = new Redis(servers.redis.url);
  const used = Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1] ?? NaN);
  redis.disconnect();
  return used / 1e6;
}

if (process.argv[1] === import.meta.filename) {
  const [first, ...others] = process.argv.slice(2);
  if (first === "live") await runLive(others[0] ?? "", others[1] ?? "");
  else {
    await backfill(Number(first ?? 20_000), Number(others[0] ?? 10), Number(others[1] ?? 1000), Number(others[2] ?? 20_000));
    process.exit(0);
  }
}
