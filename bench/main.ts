/**
 * `npm run bench`: the figures that docs/performance.md quotes, on real servers, as text and as JSON in bench/out/ (or --json FILE). Close
 * other programs first: everything is measured on this machine, against something measured in the same run. `--help` says what there is.
 *
 * A bench is loaded only when it runs, so that those of one commit run in another one which lacks what others of them need
 * (regression.ts).
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";

const HELP = `npm run bench [-- NAME …] [--json FILE] [--plots] [--scale 0.05]
  throughput     events a second through NATS and Redis: bare loop, the same with the job by hand, Eddy
  workers        the same with 1, 2 and 4 engines that share the partitions
  latency        from publish to action, at 10, 50 and 80 % of what Eddy sustains: of --rate EVENTS_PER_SECOND, else
                 of what throughput has just measured in the same run (it runs first where it was not asked for)
  core, by-hand, rules, growth, predicates, replay, memory, tests, check
                 without names all of the above run
                 memory [--customers 1000000] takes 10,000, 100,000 … up to that many (1,000,000 unless given)
  --plots        draws throughput, workers, latency, rules, growth, predicates and memory into docs/performance/
  --scale        so many times the events and customers (and seconds of load): to try a bench out; the figures mean little
Only when named:
  fuzz|simulate [--minutes 5] [--seed 1]
  pressure|timers|backfill [--customers 1000000]         minutes, gigabytes
  faults [--faults 220] [--events 100000] …              see faults.ts
  regression --between OLDER --and NEWER [--only core …] [--rounds 5]
                 two commits, the older one against itself first; --scale is handed on
`;

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: "boolean", default: false },
    json: { type: "string", default: "bench/out/figures.json" }, plots: { type: "boolean", default: false }, scale: { type: "string", default: "1" },
    minutes: { type: "string" }, seed: { type: "string", default: "1" }, faults: { type: "string", default: "220" }, events: { type: "string", default: "100000" }, customers: { type: "string" }, rate: { type: "string" },
    between: { type: "string", default: "HEAD~1" }, and: { type: "string", default: "HEAD" }, rounds: { type: "string", default: "5" },
    engines: { type: "string", default: "1" }, fsync: { type: "string", default: "everysec" }, sync: { type: "boolean", default: false }, embedded: { type: "boolean", default: false }, only: { type: "string", multiple: true, default: [] },
  },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const minutes = (unlessGiven: number): number => Number(values.minutes ?? unlessGiven);
const scale = Number(values.scale);
const scaled = (full: number): number => Math.max(1, Math.round(full * scale));
const customers = (): number => Number(values.customers ?? 1_000_000);
const figures: Record<string, unknown> = {};

/** With --plots the figures go into docs/performance/ as pictures. */
async function plotted<T>(measured: T | Promise<T>, plot: (figures: T) => void): Promise<T> {
  const known = await measured;
  if (values.plots) plot(known);
  return known;
}

let sustained: number | null = null;

async function measureThroughput(): Promise<unknown> {
  const { plotThroughput, throughput } = await import("./throughput.js");
  const measured = await plotted(throughput(scaled(400_000), scaled(100_000), scaled(300_000)), plotThroughput);
  sustained = measured.engine.eventsPerSecond;
  return measured;
}

async function measureLatency(): Promise<unknown> {
  const [{ latencies }, { plotLatency }] = [await import("./latency.js"), await import("./latency-plot.js")];
  if (values.rate === undefined && sustained === null) figures["throughput"] = await measureThroughput();
  return plotted(latencies(Number(values.rate ?? sustained), 15 * Math.min(1, scale), 20 * Math.min(1, scale)), plotLatency);
}

const BENCHES: Readonly<Record<string, () => unknown>> = {
  throughput: measureThroughput,
  workers: async () => {
    const { plotWorkers, workers } = await import("./workers.js");
    return plotted(workers(scaled(400_000), scaled(100_000), scaled(300_000)), plotWorkers);
  },
  core: async () => (await import("./core.js")).core(scaled(400_000), scaled(100_000), scaled(300_000)),
  latency: measureLatency,
  memory: async () => {
    const { memory, plotMemory } = await import("./memory.js");
    return plotted(memory(scaled(customers())), plotMemory);
  },
  tests: async () => (await import("./tests.js")).tests(scaled(1000)),
  check: async () => (await import("./check.js")).check(scaled(10_000)),
  "by-hand": async () => (await import("./by-hand.js")).byHand(scaled(400_000), scaled(100_000), scaled(300_000), 3),
  rules: async () => {
    const { plotRules, rules } = await import("./rules.js");
    return plotted(rules(scaled(100_000), scaled(100_000), 10_000), plotRules);
  },
  replay: async () => (await import("./replay.js")).replay(scaled(300_000), scaled(100_000), 3),
  growth: async () => {
    const { growth, plotGrowth } = await import("./growth.js");
    return plotted(growth(scaled(1_000_000), scaled(200_000)), plotGrowth);
  },
  predicates: async () => {
    const { plotPredicates, predicates } = await import("./predicates.js");
    return plotted(predicates(Math.max(2, scaled(5)), Math.max(20, scaled(200))), plotPredicates);
  },
};
const ONLY_WHEN_NAMED: typeof BENCHES = {
  fuzz: async () => (await import("./fuzz.js")).fuzz(minutes(5), Number(values.seed)),
  simulate: async () => (await import("./simulate.js")).simulate(minutes(5), Number(values.seed)),
  regression: async () => {
    const { NotComparable, regression } = await import("./regression.js");
    return regression({ older: values.between, newer: values.and, benches: values.only.length > 0 ? values.only : ["core"], rounds: Number(values.rounds), scale }).catch((error: unknown) => {
      if (!(error instanceof NotComparable)) throw error;
      console.error(error.message);
      process.exit(1);
    });
  },
  pressure: async () => (await import("./pressure.js")).pressure(customers(), 200_000),
  backfill: async () => {
    const [{ backfill }, { DEFAULT_FILL_RATE }] = [await import("./backfill.js"), await import("../cli/fill.js")];
    return backfill(customers(), 10, 1000, DEFAULT_FILL_RATE);
  },
  timers: async () => (await import("./timers.js")).timers(customers()),
  faults: async () => {
    const { embeddedFaults, faults } = await import("./faults.js");
    return values.embedded ? embeddedFaults({ seed: Number(values.seed), faults: Number(values.faults), only: values.only }) : faults({
      minutes: minutes(120), seed: Number(values.seed), faults: Number(values.faults), events: Number(values.events), engines: Number(values.engines),
      fsync: values.fsync === "always" ? "always" : "everysec", sync: values.sync, only: values.only,
    });
  },
};

const all = { ...BENCHES, ...ONLY_WHEN_NAMED };
const unknown = asked.filter((name) => !(name in all));
if (unknown.length > 0) {
  console.error(`there is no bench ${unknown.join(", ")}; there are ${Object.keys(all).join(", ")}`);
  process.exit(2);
}
const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? "", node: process.version };
console.log(`${machine.cpus} × ${machine.model}, Node ${machine.node}`);
figures["machine"] = machine;
for (const name of asked.length > 0 ? asked : Object.keys(BENCHES)) {
  if (name in figures) continue; // another one has needed it
  console.log("");
  figures[name] = await all[name]?.();
}
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
process.exit(0);
