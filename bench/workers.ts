/**
 * Growth over processes, through real NATS and Redis: events a second that one, two and four engines sustain together, each a
 * process of its own that shares the partitions with the others as `eddy run` does (worker-process.ts), over streams of the same
 * events that lie there before any of them starts. The clock runs from when every partition has its owner, all hold as many,
 * and the first part of the stream, in which every customer is new, is worked through. CPU is that of all engines together.
 *
 * On few cores they can hardly be faster than one: the servers want theirs too. What the table then shows is what sharing costs.
 *
 *   node dist/bench/workers.js [events=400000] [customers=100000] [events before=300000]
 */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { plotRates } from "./plot.js";
import { PARTITIONS, cpuSecondsOf, cpuSecondsOfProcess, startServers } from "./servers.js";
import { printTable } from "./table.js";
import { fill, type Rate } from "./throughput.js";
import type { Told } from "./worker-process.js";

export interface WorkersRow {
  readonly workers: number;
  readonly rate: Rate;
}

/** Leases have to be heard of and partitions handed over before all hold as many. */
const SHARED_WITHIN_MS = 60_000;

interface Engine {
  readonly process: ChildProcess;
  told: Told;
}

function startProcess(nats: string, redis: string, failed: (error: Error) => void): Engine {
  const child = fork(join(import.meta.dirname, "worker-process.js"), [nats, redis], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const engine: Engine = { process: child, told: { holds: 0, processed: 0, isSettled: false } };
  child.on("message", (told: Told) => { engine.told = told; });
  child.on("error", failed);
  child.on("exit", (code) => { if (code !== 0) failed(new Error(`an engine's process ended with ${code ?? "a signal"}`)); });
  return engine;
}

async function together(workers: number, events: number, customers: number, before: number): Promise<Rate> {
  const servers = await startServers();
  let failure: Error | null = null;
  const engines: Engine[] = [];
  const until = async (holds: () => boolean): Promise<void> => {
    while (!holds()) {
      if (failure !== null) throw failure;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const tell = (what: "begin" | "end"): void => { for (const { process: child } of engines) child.send(what); };
  const processed = (): number => engines.reduce((sum, { told }) => sum + told.processed, 0);
  const cpu = (): { readonly process: number; readonly nats: number; readonly redis: number } => ({
    process: engines.reduce((sum, { process: { pid = 0 } }) => sum + cpuSecondsOfProcess(pid), 0), nats: cpuSecondsOf(servers.nats.port), redis: cpuSecondsOf(servers.redis.port),
  });
  try {
    await fill(servers, before + events, customers);
    for (let i = 0; i < workers; i++) engines.push(startProcess(servers.nats.url, servers.redis.url, (error) => { failure ??= error; }));
    const giveUp = performance.now() + SHARED_WITHIN_MS;
    await until(() => {
      if (performance.now() > giveUp) throw new Error(`${workers} engines did not come to share ${PARTITIONS} partitions evenly within ${SHARED_WITHIN_MS / 1000} seconds: they hold ${engines.map(({ told }) => told.holds).join(", ")}`);
      return engines.every(({ told }) => told.holds === PARTITIONS / workers);
    });
    tell("begin");
    await until(() => processed() >= before);
    const [first, cpuFirst, from] = [processed(), cpu(), performance.now()];
    await until(() => processed() >= before + events && engines.every(({ told }) => told.isSettled));
    const [counted, cpuLast, seconds] = [before + events - first, cpu(), (performance.now() - from) / 1000];
    const micros = (of: keyof Rate["cpu"]): number => ((cpuLast[of] - cpuFirst[of]) * 1e6) / counted;
    const ended = Promise.all(engines.map(({ process: child }) => new Promise((resolve) => child.once("exit", resolve))));
    tell("end");
    await ended;
    if (failure !== null) throw failure as Error;
    return { eventsPerSecond: counted / seconds, cpu: { process: micros("process"), nats: micros("nats"), redis: micros("redis") } };
  } finally {
    for (const { process: child } of engines) child.kill("SIGKILL");
    await servers.dispose();
  }
}

export async function workers(events: number, customers: number, before: number): Promise<{ readonly rows: readonly WorkersRow[] }> {
  const rows: WorkersRow[] = [];
  for (const each of [1, 2, 4]) rows.push({ workers: each, rate: await together(each, events, customers, before) });
  const alone = rows[0]?.rate.eventsPerSecond ?? NaN;
  printTable(
    `engines in processes of their own that share ${PARTITIONS} partitions, ${events.toLocaleString("en")} events of ${customers.toLocaleString("en")} customers, 20 rules, real NATS and Redis`,
    ["processes", "events a second", "times one", "CPU µs an event: engines", "NATS", "Redis"],
    rows.map(({ workers: each, rate }) => [String(each), rate.eventsPerSecond, rate.eventsPerSecond / alone, rate.cpu.process, rate.cpu.nats, rate.cpu.redis]),
  );
  return { rows };
}

/** docs/performance/workers.svg */
export function plotWorkers({ rows }: Awaited<ReturnType<typeof workers>>): void {
  plotRates({
    file: "workers.svg", title: "Engines that share the partitions",
    rows: rows.map(({ workers: each, rate }) => ({ label: each === 1 ? "one process" : `${each} processes`, rate, ours: true })),
    note: "Twenty rules, eight partitions; the servers run on the same machine and take their share of it. CPU of all engines together.",
  });
}

if (process.argv[1] === import.meta.filename) {
  await workers(Number(process.argv[2] ?? 400_000), Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 300_000));
  process.exit(0);
}
