/**
 * From publish to action delivered, through real NATS and Redis, beside the bare round trip of the same servers: read
 * the event, parse it, write one value to Redis, publish the answer to JetStream.
 *
 *   node dist/bench/latency.js [events per second=2000] [seconds=15]
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { compileProgram } from "../dsl/compile.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { startEngine } from "../engine/engine.js";
import { engineStats } from "../engine/stats.js";
import { engineEnvironment } from "../cli/environment.js";
import { startServers, type BenchServers } from "./servers.js";
import { quiet } from "./throughput.js";

const PROBE_SHARE = 0.1;
/** Until then V8 has compiled what is called often. */
const WARM_UP_SECONDS = 20;

function probeProgram(): Compiled {
  const files = ["bench/rules/shop.eddy", "bench/rules/probe/probe.eddy"]
    .map((file) => ({ file, text: readFileSync(join(import.meta.dirname, "../..", file), "utf8") }));
  const { program } = compileProgram(files);
  if (program === null) throw new Error("the bench's rules do not compile");
  return compile(program);
}

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly lost: number;
}

export function runLoad(url: string, perSecond: number, seconds: number, seed: number): Promise<Latency> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(import.meta.dirname, "latency-load.js"), url, String(perSecond), String(seconds), String(PROBE_SHARE), String(seed)], { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => { text += chunk.toString(); });
    child.on("error", reject);
    child.on("exit", () => {
      const { latencies, awaited } = JSON.parse(text) as { latencies: number[]; awaited: number };
      const at = (share: number): number => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? NaN;
      resolve({ p50: at(0.5), p99: at(0.99), p999: at(0.999), max: latencies.at(-1) ?? NaN, lost: awaited - latencies.length });
    });
  });
}

async function eddyLatency(servers: BenchServers, perSecond: number, seconds: number, warmUp: number): Promise<Latency> {
  const ports = await servers.openPorts();
  const engine = startEngine(probeProgram(), ports, { cacheCustomers: 200_000, limits: { maxOutbox: 50_000, keepPublished: 10_000 } }, engineEnvironment({ now: () => Date.now() }, quiet), engineStats());
  await runLoad(servers.nats.url, perSecond, warmUp, 6); // warms up
  const latency = await runLoad(servers.nats.url, perSecond, seconds, 7);
  await engine.stop();
  await ports.close();
  return latency;
}

async function bareLatency(servers: BenchServers, perSecond: number, seconds: number, warmUp: number): Promise<Latency> {
  const ports = await servers.openPorts();
  const redis = new Redis(servers.redis.url);
  const { last } = await ports.log.info();
  const reader = await ports.log.read(last + 1);
  const packed = Buffer.alloc(300, 7);
  const js = servers.link.nc.jetstream();
  let ending = false;
  const loop = (async () => {
    while (!ending) {
      await reader.ready(100);
      const records = reader.take(400);
      if (records.length === 0) continue;
      const events = records.map((record) => JSON.parse(Buffer.from(record.body.buffer, record.body.byteOffset, record.body.byteLength).toString("utf8")) as { subject: string; type: string; data: unknown });
      await redis.hset("bare", ...events.flatMap((event) => [event.subject, packed]));
      await Promise.all(events.filter((event) => event.type === "probe").map((event) => js.publish("actions.0.emit.echo", JSON.stringify({ data: event.data }))));
    }
  })();
  await runLoad(servers.nats.url, perSecond, warmUp, 6);
  const latency = await runLoad(servers.nats.url, perSecond, seconds, 7);
  ending = true;
  await loop;
  await reader.close();
  redis.disconnect();
  await ports.close();
  return latency;
}

export async function latency(perSecond: number, seconds: number, warmUp = WARM_UP_SECONDS): Promise<{ eddy: Latency; bare: Latency }> {
  // Separate servers: the bare loop's answers would break the chain of OUT_0.
  const forBare = await startServers();
  const bare = await bareLatency(forBare, perSecond, seconds, warmUp);
  await forBare.dispose();
  const forEddy = await startServers();
  const eddy = await eddyLatency(forEddy, perSecond, seconds, warmUp);
  await forEddy.dispose();
  const row = (name: string, l: Latency): string =>
    `${name.padEnd(16)} p50 ${l.p50.toFixed(2)} ms, p99 ${l.p99.toFixed(2)} ms, p99.9 ${l.p999.toFixed(2)} ms, max ${l.max.toFixed(2)} ms${l.lost > 0 ? `, ${l.lost} LOST` : ""}`;
  console.log(`from publish to action delivered at ${perSecond.toLocaleString("en")} events/s (a tenth of them probes), ${seconds} s`);
  console.log(row("bare round trip", bare));
  console.log(row("Eddy", eddy));
  return { eddy, bare };
}

export interface LatencyAt {
  readonly share: number;
  readonly perSecond: number;
  readonly eddy: Latency;
  readonly bare: Latency;
}

/** At a tenth, a half and four fifths of what Eddy can sustain (events a second). */
export async function latencies(sustained: number, seconds: number, warmUp = WARM_UP_SECONDS): Promise<LatencyAt[]> {
  const rows: LatencyAt[] = [];
  for (const share of [0.1, 0.5, 0.8]) {
    const perSecond = Math.round(sustained * share);
    rows.push({ share, perSecond, ...(await latency(perSecond, seconds, warmUp)) });
  }
  return rows;
}

if (process.argv[1] === import.meta.filename) {
  await latency(Number(process.argv[2] ?? 2000), Number(process.argv[3] ?? 15));
  process.exit(0);
}
