/**
 * The engine's core, in memory, without servers: what decoding, evaluating and packing cost for an event, and what a
 * customer weighs. The rules and the load are those of the throughput bench; all customers stay in memory. In CPU time, for
 * machines on which others work too; records are made while the clock stands.
 *
 *   node --expose-gc dist/bench/core.js [events=400000] [customers=100000] [events before=300000] [objects]
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../dsl/compile.js";
import { writer } from "../engine/codec.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { decode } from "../engine/decode.js";
import { createPartition, take, takePending, type Partition } from "../engine/partition.js";
import { supply, supplyWakes, wanted } from "../engine/supplying.js";
import type { LogRecord } from "../engine/ports.js";
import { layoutOf, translation, unpackCustomer, writeCustomer } from "../engine/state.js";
import { SIZES } from "../engine/sizes.js";
import { engineStats } from "../engine/stats.js";
import { shopLoad } from "./shop-load.js";

const START = Date.UTC(2026, 0, 1);
/** The hours that the load stands for: waits end and windows move on within it. */
const EVENTS_PER_HOUR = 3000;
/** Records that are made, decoded, taken and packed together. */
const CHUNK = 2000;

export interface Core {
  /** CPU microseconds an event. */
  readonly decode: number;
  readonly take: number;
  readonly pack: number;
  readonly eventsPerSecond: number;
  /** Bytes. */
  readonly customer: number;
  readonly state: number;
}

function shopRules(): Compiled {
  const file = "bench/rules/shop.eddy";
  const { program } = compileProgram([{ file, text: readFileSync(join(import.meta.dirname, "../..", file), "utf8") }]);
  if (program === null) throw new Error("the bench's rules do not compile");
  return compile(program);
}

function memoryUsed(): number {
  global.gc?.();
  global.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** `asBytes`: customers lie in memory as an engine with a store has them; else as a replay has them. */
export function core(events: number, customers: number, before: number, asBytes = true): Core {
  const compiled = shopRules();
  const load = shopLoad(1, customers);
  const heapBefore = memoryUsed();
  const translations = new Map([[1, translation(layoutOf(compiled), compiled)]]);
  const p: Partition = createPartition(compiled, { index: 0, clock: "broker", cacheCustomers: asBytes ? 10 * customers : Infinity, sizes: { ...SIZES, wakesInMemory: Infinity } }, engineStats(), null, {
    clock: 0, offset: 0, fields: {}, unpack: (id, bytes, from, to) => unpackCustomer(id, bytes, from, to, translations, compiled),
  });
  if (asBytes) supplyWakes(p, [], true);
  const cpu = { decode: 0, take: 0, pack: 0 };
  const w = writer(1 << 20);
  let bytes = 0;
  let packed = 0;
  let sequence = 0;
  const timed = <T>(stage: keyof typeof cpu, work: () => T): T => {
    const from = process.cpuUsage();
    const result = work();
    const { user, system } = process.cpuUsage(from);
    cpu[stage] += user + system;
    return result;
  };
  const pack = (): void => {
    for (const customer of takePending(p, 0).customers) {
      w.at = 0;
      writeCustomer(w, customer, 1, compiled);
      if (asBytes) p.cache.pack(customer, w.bytes, 0, w.at);
      bytes += w.at;
      packed++;
    }
    if (asBytes) p.cache.rest();
  };
  while (sequence < before + events) {
    if (sequence === before) cpu.decode = cpu.take = cpu.pack = bytes = packed = 0;
    const records = Array.from({ length: Math.min(CHUNK, (sequence < before ? before : before + events) - sequence) }, (): LogRecord => {
      const { subject, body } = load();
      sequence++;
      return { sequence, stamp: START + Math.floor((sequence * 3_600_000) / EVENTS_PER_HOUR), subject, headers: null, body: Buffer.from(body) };
    });
    const works = timed("decode", () => records.map((record) => decode(compiled, "broker", record)));
    let at = 0;
    while (at < works.length) {
      timed("take", () => {
        for (const id of wanted(p, works.slice(at), CHUNK)) supply(p, id, null);
        for (let work = works[at]; work !== undefined && take(p, work) === "done"; work = works[++at]);
      });
      timed("pack", pack);
    }
  }
  p.lateWakes.length = 0;
  const figures: Core = {
    decode: cpu.decode / events, take: cpu.take / events, pack: cpu.pack / events,
    eventsPerSecond: (events * 1e6) / (cpu.decode + cpu.take),
    customer: (memoryUsed() - heapBefore) / p.cache.size, state: bytes / packed,
  };
  console.log(
    `${events.toLocaleString("en")} events of ${p.cache.size.toLocaleString("en")} customers in memory, 20 rules: ${Math.round(figures.eventsPerSecond).toLocaleString("en")} decoded and evaluated ` +
    `a second of CPU; µs/event: decode ${figures.decode.toFixed(2)}, evaluate ${figures.take.toFixed(2)}, pack ${figures.pack.toFixed(2)}; ` +
    `${Math.round(figures.customer)} bytes of memory a customer, ${Math.round(figures.state)} packed`,
  );
  return figures;
}

if (process.argv[1] === import.meta.filename) {
  core(Number(process.argv[2] ?? 400_000), Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 300_000), process.argv[5] !== "objects");
}
