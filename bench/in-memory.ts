/**
 * The engine's core without servers, for benches: rules compiled, records decoded in chunks while the clock stands, and one
 * partition with everybody in memory that takes them.
 */
import { readFileSync } from "node:fs";
import { homeFile } from "../cli/home.js";
import { compileProgram } from "../dsl/compile.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { decode, type Work } from "../engine/decode.js";
import type { Message } from "../engine/outputs.js";
import { createPartition, take, takePending, type Partition } from "../engine/partition.js";
import { engineStats } from "../engine/stats.js";
import { cpuMicros } from "./cpu.js";
import type { Load } from "./shop-load.js";

export const START = Date.UTC(2026, 0, 1);
/** Records that are made and decoded together. */
const CHUNK = 2000;

export type EventWork = Extract<Work, { k: "event" }>;

export function compiledText(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "bench.eddy", text }]);
  if (program === null) throw new Error(`the bench's rules do not compile: ${diagnostics[0]?.message ?? ""}`);
  return compile(program);
}

export function shopRules(): Compiled {
  return compiledText(readFileSync(homeFile("bench/rules/shop.eddy"), "utf8"));
}

/** Decoded events of a load that comes at an even pace, from the start of the year 2026 on, a chunk at a time. */
export function* decoded(compiled: Compiled, load: () => Load, events: number, perHour: number): Generator<readonly EventWork[]> {
  let sequence = 0;
  while (sequence < events) {
    yield Array.from({ length: Math.min(CHUNK, events - sequence) }, () => {
      const { subject, body } = load();
      sequence++;
      const work = decode(compiled, "broker", { sequence, stamp: START + Math.floor((sequence * 3_600_000) / perHour), subject, headers: null, body: Buffer.from(body) });
      if (work.k !== "event") throw new Error(`the bench's events do not fit its rules: ${JSON.stringify(work)}`);
      return work;
    });
  }
}

/** Whoever works on events, and hands over what it has to say. */
export interface Taker {
  take(works: readonly EventWork[]): void;
  outputs(): readonly Message[];
}

export function partitionTaker(compiled: Compiled): Taker & { readonly partition: Partition } {
  const partition = createPartition(compiled, { index: 0, clock: "broker", cacheCustomers: Infinity }, engineStats());
  let said: Message[] = [];
  const drain = (): void => {
    for (const { message } of takePending(partition, 0).messages) said.push(message);
    partition.lateWakes.length = 0;
  };
  return {
    partition,
    take(works) {
      for (const work of works) while (take(partition, work) !== "done") drain();
    },
    outputs() {
      drain();
      const all = said;
      said = [];
      return all;
    },
  };
}

export interface TakerFigures {
  /** CPU microseconds an event. */
  readonly micros: readonly number[];
  readonly outputs: readonly number[];
}

/**
 * All take the same events, each chunk in turn, so that what else the machine does strikes them alike; the events before are
 * not counted.
 */
export function runTakers(takers: readonly Taker[], chunks: Iterable<readonly EventWork[]>, before: number): TakerFigures {
  const micros = takers.map(() => 0);
  const outputs = takers.map(() => 0);
  let seen = 0;
  let counted = 0;
  for (const works of chunks) {
    for (const [i, taker] of takers.entries()) {
      let said = 0;
      const taken = cpuMicros(() => {
        taker.take(works);
        said = taker.outputs().length;
      });
      if (seen < before) continue;
      micros[i] = (micros[i] ?? 0) + taken;
      outputs[i] = (outputs[i] ?? 0) + said;
    }
    if (seen >= before) counted += works.length;
    seen += works.length;
  }
  return { micros: micros.map((sum) => sum / counted), outputs: outputs.map((sum) => sum / counted) };
}
