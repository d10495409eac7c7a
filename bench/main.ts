/**
 * `npm run bench`: the figures that the README and docs/performance.md quote, on real servers, as a table and as JSON in
 * bench/out/. Close other programs first: everything is measured on this machine, against something measured in the same
 * run.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { latency } from "./latency.js";
import { memory } from "./memory.js";
import { throughput } from "./throughput.js";

const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? "", node: process.version };
console.log(`${machine.cpus} × ${machine.model}, Node ${machine.node}\n`);
const figures = { machine, throughput: await throughput(400_000, 100_000), latency: await latency(2000, 15), memory: await memory(100_000, 5) };
mkdirSync("bench/out", { recursive: true });
writeFileSync("bench/out/figures.json", `${JSON.stringify(figures, null, 2)}\n`);
process.exit(0);
