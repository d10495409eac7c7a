/**
 * What the engine counts while it works: plain numbers in plain objects, so that counting costs next to nothing in the
 * hot loop. The metrics endpoint turns them into Prometheus series when it is asked. All of one process stand in one
 * EngineStats; partitions add to it from the same thread.
 */
import type { Sums } from "./population/sums.js";
import type { ErasedBy } from "./receipt.js";
import { SUPPRESSION_REASONS, type SuppressionReason } from "../dsl/tests.js";

/** A histogram with fixed upper bounds (seconds or plain numbers); counts[i] is what fell at or below bounds[i]. */
export interface Histogram {
  readonly bounds: readonly number[];
  /** One longer than bounds: the last one counts what is above all. Not cumulative. */
  readonly counts: number[];
  sum: number;
  count: number;
}

export function histogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0, count: 0 };
}

export function observe(into: Histogram, value: number, times = 1): void {
  let i = 0;
  while (i < into.bounds.length && value > (into.bounds[i] as number)) i++;
  into.counts[i] = (into.counts[i] as number) + times;
  into.sum += value * times;
  into.count += times;
}

const LATENCY_SECONDS = [
  0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
];

/** `processed`; `unmentioned`: no rule or segment asks for the type; `duplicate`: same source and id again; `erased`: of before its customer's erasure; `dead`. */
export type EventOutcome = "processed" | "unmentioned" | "duplicate" | "erased" | "dead";

/** Steps of the work on one batch. */
export const STAGES = ["decode", "load", "evaluate", "commit", "publish"] as const;
export type Stage = (typeof STAGES)[number];

export const DEAD_REASONS = ["not_json", "not_an_event", "unknown_customer", "schema", "too_large"] as const;
export type DeadReason = (typeof DEAD_REASONS)[number];

export { SUPPRESSION_REASONS, type SuppressionReason };

/**
 * `done`: its steps were, or it met a `stop`; `until`: by what ends it; `crowded_out`: its customer had more of the rule than
 * are kept; `erased`: its customer was forgotten; `merged`: two customers were joined, and the run of the other one goes on. A restart ends no run, as it starts none.
 */
export const RUN_ENDS = ["done", "until", "crowded_out", "erased", "merged"] as const;
export type RunEnd = (typeof RUN_ENDS)[number];

export interface PartitionStats {
  /** Records in the log behind the last one committed, as far as known. */
  lag: number;
  /** Outputs committed and not yet acknowledged by the output log. */
  outboxPending: number;
  /** The partition's clock, ms. */
  clock: number;
  offset: number;
  /** Null while it works; otherwise why it stands still, for a person. */
  stopped: string | null;
  /** Hash of the program that it runs; empty: it was never opened. */
  program: string;
}

export interface EngineStats {
  /** By event type (declared types and ticks), then outcome; types not declared are counted under "other". */
  readonly events: Map<string, Record<EventOutcome, number>>;
  /** Broker stamp to commit, seconds of the wall clock. */
  readonly eventSeconds: Histogram;
  /** Broker stamp of the cause to action acknowledged. */
  readonly actionSeconds: Histogram;
  /** How long after its deadline a wake ran (wall clock). */
  readonly timerLateness: Histogram;
  readonly stageSeconds: Readonly<Record<Stage, Histogram>>;
  readonly commitCustomers: Histogram;
  readonly partitions: Map<number, PartitionStats>;
  readonly ruleStarted: Map<string, number>;
  /** By rule. */
  readonly runsEnded: Map<string, Record<RunEnd, number>>;
  /** By channel (or "emit"), then template (or name). */
  readonly actions: Map<string, Map<string, number>>;
  /** By channel, then rule. */
  readonly suppressed: Map<string, Map<string, Record<SuppressionReason, number>>>;
  /** Messages that a channel has held, by channel; each once, however long. */
  readonly messagesHeld: Map<string, number>;
  /** By partition, then segment. */
  readonly segmentCustomers: Map<number, Map<string, number>>;
  /** When the rules that run were taken over, ms since 1970 by this machine's clock; 0: none are yet. */
  rulesTakenAt: number;
  /** Processes that work on the same store, as this one has last heard. */
  members: number;
  readonly segmentChanges: Map<string, { entered: number; left: number }>;
  /** By partition: what its customers add up to, for metrics and experiments. */
  readonly sums: Map<number, Sums>;
  /** By partition: the midnight, ms, for which its percentiles in force were drawn up; 0: none yet. */
  readonly figuresDrawnUp: Map<number, number>;
  readonly deadLetters: Record<DeadReason, number>;
  /** When the log last spoke of each (seconds of the engine's clock), and how many there were by then. */
  readonly deadLettersSaid: Map<DeadReason, { readonly at: number; readonly count: number }>;
  /** Event times that were not believed (too far ahead, outside 1970 to 2199): taken at the record's stamp. */
  timesClamped: number;
  /** Events whose stamp was before that of an earlier event of their partition: absorbed. */
  stampsBackwards: number;
  /** Window entries merged or dropped because a customer had more than 256. */
  windowOverflows: number;
  /** Requests to erase that were carried out, and customers whom `retain` has forgotten. */
  readonly customersErased: Record<ErasedBy, number>;
  /** Outputs of those who were erased that were waiting to be published. */
  outputsWithdrawn: number;
  /** Chains of effects cut at the depth limit. */
  chainsCut: number;
  /** Runs that ended because a customer had too many of their rule, by rule. */
  readonly runsCrowdedOut: Map<string, number>;
  cachedCustomers: number;
  cacheMisses: number;
  commits: number;
}

export function engineStats(): EngineStats {
  return {
    events: new Map(),
    eventSeconds: histogram(LATENCY_SECONDS),
    actionSeconds: histogram(LATENCY_SECONDS),
    timerLateness: histogram(LATENCY_SECONDS),
    stageSeconds: {
      decode: histogram(LATENCY_SECONDS), load: histogram(LATENCY_SECONDS), evaluate: histogram(LATENCY_SECONDS),
      commit: histogram(LATENCY_SECONDS), publish: histogram(LATENCY_SECONDS),
    },
    commitCustomers: histogram([1, 2, 5, 10, 20, 50, 100, 200, 400, 800]),
    partitions: new Map(),
    ruleStarted: new Map(),
    runsEnded: new Map(),
    actions: new Map(),
    suppressed: new Map(),
    messagesHeld: new Map(),
    segmentCustomers: new Map(),
    rulesTakenAt: 0,
    members: 0,
    segmentChanges: new Map(),
    sums: new Map(),
    figuresDrawnUp: new Map(),
    deadLetters: { not_json: 0, not_an_event: 0, unknown_customer: 0, schema: 0, too_large: 0 },
    deadLettersSaid: new Map(),
    timesClamped: 0,
    stampsBackwards: 0,
    windowOverflows: 0,
    customersErased: { request: 0, retention: 0 },
    outputsWithdrawn: 0,
    chainsCut: 0,
    runsCrowdedOut: new Map(),
    cachedCustomers: 0,
    cacheMisses: 0,
    commits: 0,
  };
}

/** Members of each segment, over the partitions that are held. */
export function segmentSizes({ segmentCustomers }: Pick<EngineStats, "segmentCustomers">): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const of of segmentCustomers.values()) for (const [segment, customers] of of) sizes.set(segment, (sizes.get(segment) ?? 0) + customers);
  return sizes;
}

/** A partition that is not held any more is somebody else's to tell of. */
export function forgetPartition(stats: EngineStats, partition: number): void {
  for (const of of [stats.partitions, stats.segmentCustomers, stats.sums, stats.figuresDrawnUp]) of.delete(partition);
}
