/**
 * A file of events through the engine, with everybody in memory and no store: what `eddy replay` does. Time is the
 * events' own; the evaluation is the very one that runs live.
 */
import type { Compiled } from "./compile/compiled.js";
import type { Data } from "./customer.js";
import { decodeLine, type Work } from "./decode.js";
import { isKnown } from "./erasure.js";
import { read, type Sink } from "./evaluate.js";
import { takeWhole } from "./merge/in-memory.js";
import { createPartition, takePending, type Partition } from "./partition.js";
import { engineStats, type EngineStats } from "./stats.js";
import type { Value } from "../dsl/program.js";

export interface ReplayOutput {
  /** `actions.0.…`, `segments.0.…` or `dead.0.…`. */
  readonly subject: string;
  readonly body: string;
}

export interface Replay {
  /** One line of the file (null: too long to be read); `number` is what a dead letter calls it. */
  line(text: string | null, number?: number): void;
  /** The same, where it is decoded already. */
  work(work: Work): void;
  /** Moves the clock on: everything due up to and including `instant` happens. */
  until(instant: number): void;
  /** Members of every segment, by segment name, then customer. */
  members(): { readonly segment: string; readonly customer: string }[];
  /** Every trait of every customer who is not forgotten, as it is shown in JSON, by customer. */
  traits(): { readonly customer: string; readonly values: { readonly [trait: string]: Value } }[];
  readonly stats: EngineStats;
  /** Lines taken so far. */
  readonly lines: number;
  readonly clock: number;
  readonly customers: number;
}

/** `watch` is told all that the evaluation says, as it is said. */
export function createReplay(compiled: Compiled, output: (output: ReplayOutput) => void, watch: Sink | null = null): Replay {
  const stats = engineStats();
  const p: Partition = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: Infinity }, stats, watch);
  let lines = 0;

  function drain(): void {
    for (const { message } of takePending(p, 0).messages) output(message);
    p.lateWakes.length = 0;
  }

  /** What was said goes out after every line; nobody looks at the rest of what is pending, which begins anew when it is full. */
  function say(): void {
    const { messages } = p.pending;
    for (const { message } of messages) output(message);
    messages.length = 0;
  }

  function process(work: Work): void {
    // What partitions have said to each other's customers, all say to themselves here.
    takeWhole(p, work.k === "word" ? { k: "tick", sequence: work.sequence, arrived: work.arrived, stamp: work.stamp } : work, drain);
  }

  function takeWork(work: Work): void {
    lines++;
    process(work);
    if (p.pending.messages.length > 0) say();
  }

  return {
    stats,
    get lines() { return lines; },
    get clock() { return p.clock; },
    get customers() { return p.cache.size; },
    line: (text, number) => takeWork(decodeLine(compiled, text, number ?? lines + 1)),
    work: takeWork,
    until(instant) {
      process({ k: "tick", sequence: lines, arrived: 0, stamp: instant });
      drain();
    },
    members() {
      const found: { segment: string; customer: string }[] = [];
      for (const customer of p.cache.all()) {
        for (const segment of customer.segments) found.push({ segment: compiled.segments[segment]?.name as string, customer: customer.id });
      }
      return found.sort((a, b) => compare(a.segment, b.segment) || compare(a.customer, b.customer));
    },
    traits() {
      return [...p.cache.all()].filter(isKnown).sort((a, b) => compare(a.id, b.id)).map((customer) => {
        const values: Data = {};
        for (const trait of compiled.traits) values[trait.name] = read(p.evaluator, customer, p.clock, trait.shown) ?? null;
        return { customer: customer.id, values: values as { [trait: string]: Value } };
      });
    },
  };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
