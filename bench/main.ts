/**
 * `npm run bench`: the figures that docs/performance.md quotes, on real servers, as text and as JSON in bench/out/. Close
 * other programs first: everything is measured on this machine, against something measured in the same run.
 *
 *   npm run bench [-- throughput|latency|memory|tests …]
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { latency } from "./latency.js";
import { memory } from "./memory.js";
import { tests } from "./tests.js";
import { throughput } from "./throughput.js";

const BENCHES: Readonly<Record<string, () => Promise<unknown>>> = {
  throughput: () => throughput(400_000, 100_000, 300_000),
  latency: () => latency(2000, 15),
  memory: () => memory(100_000, 5),
  tests: () => Promise.resolve(tests(1000)),
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in BENCHES));
if (unknown.length > 0) {
  console.error(`there is no bench ${unknown.join(", ")}; there are ${Object.keys(BENCHES).join(", ")}`);
  process.exit(2);
}
const machine = { cpus: cpus().length, model: cpus()[0]?.model ?? "", node: process.version };
console.log(`${machine.cpus} × ${machine.model}, Node ${machine.node}`);
const figures: Record<string, unknown> = { machine };
for (const name of asked.length > 0 ? asked : Object.keys(BENCHES)) {
  console.log("");
  figures[name] = await BENCHES[name]?.();
}
mkdirSync("bench/out", { recursive: true });
writeFileSync("bench/out/figures.json", `${JSON.stringify(figures, null, 2)}\n`);
process.exit(0);
