/**
 * `npm run bench`: the figures that docs/performance.md quotes, on real servers, as text and as JSON in bench/out/ (or --json FILE). Close
 * other programs first: everything is measured on this machine, against something measured in the same run.
 *
 *   npm run bench [-- throughput|core|latency|memory|tests|check|predicates|by-hand|rules|replay|growth …] [--json FILE] [--plots] [--rate 20000]
 *   npm run bench -- fuzz|simulate [--minutes 5] [--seed 1]     nothing measured: see fuzz.ts, simulate.ts; only when named
 *   npm run bench -- pressure|timers [--customers 1000000]      minutes; only when named
 *   npm run bench -- backfill [--customers 1000000]              minutes, gigabytes; only when named
 *   npm run bench -- faults [--faults 220] [--events 100000] …  see faults.ts; only when named
 *   npm run bench -- regression --between OLDER --and NEWER [--only core …] [--rounds 5]     two commits; see regression.ts
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { dirname } from "node:path";
import { parseArgs } from "node:util";
import { DEFAULT_FILL_RATE } from "../cli/fill.js";
import { backfill } from "./backfill.js";
import { byHand } from "./by-hand.js";
import { check } from "./check.js";
import { core } from "./core.js";
import { embeddedFaults, faults } from "./faults.js";
import { fuzz } from "./fuzz.js";
import { growth, plotGrowth } from "./growth.js";
import { latencies } from "./latency.js";
import { plotLatency } from "./latency-plot.js";
import { memory } from "./memory.js";
import { plotPredicates, predicates } from "./predicates.js";
import { pressure } from "./pressure.js";
import { regression } from "./regression.js";
import { replay } from "./replay.js";
import { plotRules, rules } from "./rules.js";
import { simulate } from "./simulate.js";
import { tests } from "./tests.js";
import { throughput } from "./throughput.js";
import { timers } from "./timers.js";

const { values, positionals: asked } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string", default: "bench/out/figures.json" }, plots: { type: "boolean", default: false },
    minutes: { type: "string" }, seed: { type: "string", default: "1" }, faults: { type: "string", default: "220" }, events: { type: "string", default: "100000" }, customers: { type: "string", default: "1000000" }, rate: { type: "string", default: "20000" },
    between: { type: "string", default: "HEAD~1" }, and: { type: "string", default: "HEAD" }, rounds: { type: "string", default: "5" },
    engines: { type: "string", default: "1" }, fsync: { type: "string", default: "everysec" }, sync: { type: "boolean", default: false }, embedded: { type: "boolean", default: false }, only: { type: "string", multiple: true, default: [] },
  },
});
const minutes = (unlessGiven: number): number => Number(values.minutes ?? unlessGiven);

/** With --plots the figures go into docs/performance/ as pictures. */
async function plotted<T>(figures: T | Promise<T>, plot: (figures: T) => void): Promise<T> {
  const known = await figures;
  if (values.plots) plot(known);
  return known;
}

const BENCHES: Readonly<Record<string, () => unknown>> = {
  throughput: () => throughput(400_000, 100_000, 300_000),
  core: () => core(400_000, 100_000, 300_000),
  latency: () => plotted(latencies(Number(values.rate), 15), plotLatency),
  memory: () => memory(100_000, 5),
  tests: () => Promise.resolve(tests(1000)),
  check: () => check(10_000),
  "by-hand": () => byHand(400_000, 100_000, 300_000, 3),
  rules: () => plotted(rules(100_000, 100_000, 10_000), plotRules),
  replay: () => replay(300_000, 100_000, 3),
  growth: () => plotted(growth(1_000_000, 200_000), plotGrowth),
  predicates: () => plotted(predicates(5, 200), plotPredicates),
};
const ONLY_WHEN_NAMED: typeof BENCHES = {
  fuzz: () => fuzz(minutes(5), Number(values.seed)),
  simulate: () => simulate(minutes(5), Number(values.seed)),
  regression: () => regression({ older: values.between, newer: values.and, benches: values.only.length > 0 ? values.only : ["core"], rounds: Number(values.rounds) }),
  pressure: () => pressure(Number(values.customers), 200_000),
  backfill: () => backfill(Number(values.customers), 10, 1000, DEFAULT_FILL_RATE),
  timers: () => timers(Number(values.customers)),
  faults: () => (values.embedded ? embeddedFaults({ seed: Number(values.seed), faults: Number(values.faults), only: values.only }) : faults({
    minutes: minutes(120), seed: Number(values.seed), faults: Number(values.faults), events: Number(values.events), engines: Number(values.engines),
    fsync: values.fsync === "always" ? "always" : "everysec", sync: values.sync, only: values.only,
  })),
};

const all = { ...BENCHES, ...ONLY_WHEN_NAMED };
const unknown = asked.filter((name) => !(name in all));
if (unknown.length > 0) {
  console.error(`there is no bench ${unknown.join(", ")}; there are ${Object.keys(all).join(", ")}`);
  process.exit(2);
}
const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? "", node: process.version };
console.log(`${machine.cpus} × ${machine.model}, Node ${machine.node}`);
const figures: Record<string, unknown> = { machine };
for (const name of asked.length > 0 ? asked : Object.keys(BENCHES)) {
  console.log("");
  figures[name] = await all[name]?.();
}
mkdirSync(dirname(values.json), { recursive: true });
writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
process.exit(0);
