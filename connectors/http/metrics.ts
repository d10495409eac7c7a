/**
 * What the engine tells Prometheus. Every label set that the program can produce stands there from the start with 0, so
 * that rates and alerts work from the first event on. No customer ids, no values of events.
 */
import { STALE_AFTER_MS, remaining, type FillProgress } from "../../engine/change/progress.js";
import { collectDefaultMetrics, Registry } from "prom-client";

import type { Program, Step } from "../../dsl/program.js";
import { allSteps } from "../../dsl/walk.js";
import { DEAD_REASONS, RUN_ENDS, STAGES, SUPPRESSION_REASONS, segmentSizes, type EngineStats, type EventOutcome, type PartitionStats } from "../../engine/stats.js";
import { ERASED_BY } from "../../engine/receipt.js";
import { hashesNow } from "../../engine/change/running.js";
import { nothingYet, type Report } from "../../engine/population/report.js";
import { POPULATION_TYPE, PROGRAM_TYPE, TICK_TYPE } from "../../engine/subjects.js";
import type { ShadowReport } from "../../engine/shadow/shadow.js";
import { addShadow } from "./shadow-metrics.js";
import { addHistogram, addSeries, one, type Labels, type Sample } from "./series.js";

export interface MetricsSource {
  readonly stats: EngineStats;
  /** The program that runs now. */
  readonly program: () => Pick<Program, "hash" | "events" | "segments" | "rules" | "channels" | "rankings" | "metrics" | "populations" | "experiments">;
  /** Figures of all customers; null before the engine runs. */
  readonly figures: () => Report | null;
  readonly lastReloadSuccessful: () => boolean;
  /** Whether each server that the engine needs is connected, by its part: `log`, `store`. */
  readonly connections: () => ReadonlyMap<string, boolean>;
  /** What whoever fills a change of rules from history has said last; null: nobody does. */
  readonly backfill?: { progress(): FillProgress | null; now(): number };
  /** What a shadow finds; null: it has not started. Absent: there is none. */
  readonly shadow?: () => ShadowReport | null;
}

export interface Metrics {
  render(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** Types that the program does not declare are counted together. */
const OTHER_TYPES = "other";
/** Stands in the place of a channel for what `emit` sends. */
const EMIT = "emit";

const OUTCOMES: readonly EventOutcome[] = ["processed", "unmentioned", "duplicate", "erased", "dead"];
const CHANGES = ["entered", "left"] as const;

export function createMetrics(source: MetricsSource): Metrics {
  const registry = new Registry();
  addProgram(registry, source);
  addEvents(registry, source);
  addOutputs(registry, source);
  addFigures(registry, source);
  addPartitions(registry, source.stats);
  addWork(registry, source.stats);
  addBackfill(registry, source);
  if (source.shadow !== undefined) addShadow(registry, source.shadow);
  // CPU, memory, event loop and garbage collection under the names that every Node process uses.
  collectDefaultMetrics({ register: registry });
  return { render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }) };
}

function addProgram(registry: Registry, { stats, program, lastReloadSuccessful, connections }: MetricsSource): void {
  // While partitions go over to another one, there are two.
  const hashes = (): string[] => [...new Set([...hashesNow(stats), ...(hashesNow(stats).size === 0 ? [program().hash] : [])])].sort();
  addSeries(registry, { name: "eddy_program_info", help: "The rules that run now; always 1.", type: "gauge", read: () => hashes().map((hash) => ({ labels: { hash }, value: 1 })) });
  addSeries(registry, { name: "eddy_program_last_reload_successful", help: "0 when the last change of the rules had errors and was not taken over.", type: "gauge", read: () => one(lastReloadSuccessful() ? 1 : 0) });
  addSeries(registry, { name: "eddy_program_last_reload_timestamp_seconds", help: "When the rules that run now were taken over, seconds since 1970.", type: "gauge", read: () => one(stats.rulesTakenAt / 1000) });
  addSeries(registry, { name: "eddy_connected", help: "1 while the connection to the log or the store is up.", type: "gauge", read: () => [...connections()].map(([to, up]) => ({ labels: { to }, value: up ? 1 : 0 })) });
}

/** Written by another process for all to see: the same in every engine. */
function addBackfill(registry: Registry, { backfill }: MetricsSource): void {
  const progress = (): FillProgress | null => backfill?.progress() ?? null;
  const isRunning = (): boolean => backfill !== undefined && backfill.now() - (progress()?.at ?? -Infinity) <= STALE_AFTER_MS;
  addSeries(registry, { name: "eddy_backfill_running", help: "1 while what is new in the rules is filled from history.", type: "gauge", read: () => one(isRunning() ? 1 : 0) });
  addCounter(registry, "eddy_backfill_events_total", "Events that were read to fill what is new in the rules; 0 where nothing is filled.", () => progress()?.done ?? 0);
  addSeries(registry, { name: "eddy_backfill_remaining_events", help: "Events that are still to be read to fill what is new in the rules.", type: "gauge", read: () => one(remaining(progress() ?? { done: 0, total: 0 })) });
}

function addEvents(registry: Registry, { stats, program }: MetricsSource): void {
  addSeries(registry, {
    name: "eddy_events_total", help: "Records of the log, by type and by what became of them.", type: "counter",
    read: () => known([...program().events.map(({ name }) => name), TICK_TYPE, PROGRAM_TYPE, ...(program().rankings.length > 0 ? [POPULATION_TYPE] : []), OTHER_TYPES], stats.events.keys())
      .flatMap((type) => OUTCOMES.map((outcome) => ({ labels: { type, outcome }, value: stats.events.get(type)?.[outcome] ?? 0 }))),
  });
  addSeries(registry, {
    name: "eddy_dead_letters_total", help: "Events that could not be processed, by reason.", type: "counter",
    read: () => DEAD_REASONS.map((reason) => ({ labels: { reason }, value: stats.deadLetters[reason] })),
  });
  addCounter(registry, "eddy_event_times_clamped_total", "Event times that were not believed and taken at the record's stamp.", () => stats.timesClamped);
  addCounter(registry, "eddy_stamps_backwards_total", "Events whose stamp was before that of an earlier event of their partition, and was taken as that one.", () => stats.stampsBackwards);
  addHistogram(registry, { name: "eddy_event_duration_seconds", help: "From the broker's stamp of an event to its commit.", read: () => [{ labels: {}, of: stats.eventSeconds }] });
}

function addOutputs(registry: Registry, { stats, program }: MetricsSource): void {
  addSeries(registry, { name: "eddy_rule_started_total", help: "Runs started, by rule.", type: "counter", read: () => counts("rule", program().rules.map(({ name }) => name), stats.ruleStarted) });
  addSeries(registry, {
    name: "eddy_runs_ended_total", help: "Runs that are under way no more, by rule and by what ended them.", type: "counter",
    read: () => known(program().rules.map(({ name }) => name), stats.runsEnded.keys())
      .flatMap((rule) => RUN_ENDS.map((by) => ({ labels: { rule, by }, value: stats.runsEnded.get(rule)?.[by] ?? 0 }))),
  });
  addSeries(registry, {
    name: "eddy_runs_crowded_out_total", help: "Runs that ended because their customer had more of the rule than are kept, by rule (of those with per).", type: "counter",
    read: () => counts("rule", program().rules.filter(({ per }) => per !== null).map(({ name }) => name), stats.runsCrowdedOut),
  });
  addSeries(registry, { name: "eddy_actions_total", help: "Actions, by channel (emit for those without) and template.", type: "counter", read: () => actionSamples(program(), stats) });
  addSeries(registry, {
    name: "eddy_actions_suppressed_total", help: "Messages that did not go out, by channel, rule and reason.", type: "counter",
    read: () => suppressedSamples(program(), stats),
  });
  addSeries(registry, { name: "eddy_messages_held_total", help: "Messages that a channel has held until it is quiet no more, by channel; each once.", type: "counter", read: () => counts("channel", program().channels.map(({ name }) => name), stats.messagesHeld) });
  addSeries(registry, { name: "eddy_segment_customers", help: "Members of each segment.", type: "gauge", read: () => counts("segment", segmentNames(program()), segmentSizes(stats)) });
  addSeries(registry, {
    name: "eddy_segment_changes_total", help: "Customers who entered or left, by segment.", type: "counter",
    read: () => known(segmentNames(program()), stats.segmentChanges.keys())
      .flatMap((segment) => CHANGES.map((change) => ({ labels: { segment, change }, value: stats.segmentChanges.get(segment)?.[change] ?? 0 }))),
  });
  addHistogram(registry, { name: "eddy_action_duration_seconds", help: "From the broker's stamp of the cause to the action's acknowledgement.", read: () => [{ labels: {}, of: stats.actionSeconds }] });
}

/** Of this process's partitions; ratios of several processes are made of the sums of their parts. */
function addFigures(registry: Registry, { program, figures }: MetricsSource): void {
  const now = (): Report => figures() ?? nothingYet(program());
  addSeries(registry, {
    name: "eddy_metric", help: "Metrics that the rules declare; NaN where there is nothing to divide by.", type: "gauge",
    read: () => now().metrics.map(({ metric, value }) => ({ labels: { metric }, value: value ?? NaN })),
  });
  addSeries(registry, {
    name: "eddy_population_count", help: "Customers in a part of a metric.", type: "gauge",
    read: () => now().populations.map(({ metric, part, fn, count }) => ({ labels: { metric, part, fn }, value: count })),
  });
  addSeries(registry, {
    name: "eddy_population_sum", help: "What the customers in a part of a metric add up to.", type: "gauge",
    read: () => now().populations.map(({ metric, part, fn, sum }) => ({ labels: { metric, part, fn }, value: sum })),
  });
  const perArm = (name: string, help: string, value: (of: Report["experiments"][number]) => number): void =>
    addSeries(registry, { name, help, type: "gauge", read: () => now().experiments.map((arm) => ({ labels: { experiment: arm.experiment, variant: arm.variant }, value: value(arm) })) });
  perArm("eddy_experiment_customers", "Customers who have come to an experiment.", ({ exposed }) => exposed);
  perArm("eddy_experiment_reached", "Customers of an experiment who have reached its goal.", ({ reached }) => reached);
  perArm("eddy_experiment_value", "What the goals of an experiment's customers add up to.", ({ value }) => value);
}

function addPartitions(registry: Registry, stats: EngineStats): void {
  const perPartition = (name: string, help: string, value: (of: PartitionStats) => number): void =>
    addSeries(registry, { name, help, type: "gauge", read: () => [...stats.partitions].map(([partition, of]) => ({ labels: { partition }, value: value(of) })) });
  addSeries(registry, { name: "eddy_members", help: "Processes that work on the same store, this one among them, as it has last heard; 0: it has not heard yet.", type: "gauge", read: () => one(stats.members) });
  addSeries(registry, { name: "eddy_partitions_owned", help: "Partitions that this process holds, those that stand still among them.", type: "gauge", read: () => one(stats.partitions.size) });
  perPartition("eddy_partition_lag_events", "Records in the log behind the last one committed.", ({ lag }) => lag);
  perPartition("eddy_partition_offset", "Sequence of the last record committed.", ({ offset }) => offset);
  perPartition("eddy_partition_clock_seconds", "The partition's clock, seconds since 1970.", ({ clock }) => clock / 1000);
  perPartition("eddy_partition_stopped", "1 for a partition that stands still until a person decides.", ({ stopped }) => (stopped === null ? 0 : 1));
  addSeries(registry, {
    name: "eddy_figures_drawn_up_timestamp_seconds", help: "The midnight for which the percentiles in force were drawn up, seconds since 1970; 0: none yet.", type: "gauge",
    read: () => [...stats.figuresDrawnUp].map(([partition, midnight]) => ({ labels: { partition }, value: midnight / 1000 })),
  });
  addSeries(registry, {
    name: "eddy_outbox_pending", help: "Outputs committed and not yet acknowledged by the output log.", type: "gauge",
    read: () => one([...stats.partitions.values()].reduce((sum, { outboxPending }) => sum + outboxPending, 0)),
  });
}

function addWork(registry: Registry, stats: EngineStats): void {
  addHistogram(registry, { name: "eddy_timer_lateness_seconds", help: "How long after its deadline a timer ran.", read: () => [{ labels: {}, of: stats.timerLateness }] });
  addHistogram(registry, { name: "eddy_stage_duration_seconds", help: "Work on one batch, by step.", read: () => STAGES.map((stage) => ({ labels: { stage }, of: stats.stageSeconds[stage] })) });
  addHistogram(registry, { name: "eddy_commit_customers", help: "Customers in one commit.", read: () => [{ labels: {}, of: stats.commitCustomers }] });
  addCounter(registry, "eddy_commits_total", "Commits.", () => stats.commits);
  addCounter(registry, "eddy_cache_misses_total", "Customers that had to be loaded from the store.", () => stats.cacheMisses);
  addSeries(registry, { name: "eddy_cached_customers", help: "Customers in memory.", type: "gauge", read: () => one(stats.cachedCustomers) });
  addSeries(registry, {
    name: "eddy_customers_erased_total", help: "Customers who were erased, on request or by retention.", type: "counter",
    read: () => ERASED_BY.map((by) => ({ labels: { by }, value: stats.customersErased[by] })),
  });
  addCounter(registry, "eddy_outputs_withdrawn_total", "Outputs of those who were erased that were waiting to be published.", () => stats.outputsWithdrawn);
  addCounter(registry, "eddy_window_overflows_total", "Window entries merged or dropped because a customer had too many.", () => stats.windowOverflows);
  addCounter(registry, "eddy_chains_cut_total", "Chains of effects cut at the depth limit.", () => stats.chainsCut);
}

function addCounter(registry: Registry, name: string, help: string, value: () => number): void {
  addSeries(registry, { name, help, type: "counter", read: () => one(value()) });
}

// ---------------------------------------------------------------------------------------------------- label sets

/** The names that the program knows, then those that were counted under an earlier one. */
function known(names: readonly string[], counted: Iterable<string>): string[] {
  return [...new Set([...names, ...counted])];
}

function counts(label: string, names: readonly string[], values: ReadonlyMap<string, number>): Sample[] {
  return known(names, values.keys()).map((name) => ({ labels: { [label]: name } satisfies Labels, value: values.get(name) ?? 0 }));
}

const segmentNames = ({ segments }: Pick<Program, "segments">): string[] => segments.map(({ name }) => name);

function actionSamples(program: Pick<Program, "rules" | "channels">, stats: EngineStats): Sample[] {
  const templates = new Map<string, Set<string>>();
  const add = (channel: string, template: string): void => {
    const of = templates.get(channel) ?? new Set();
    templates.set(channel, of.add(template));
  };
  for (const { steps } of program.rules) eachAction(steps, program, add);
  for (const [channel, of] of stats.actions) for (const template of of.keys()) add(channel, template);
  return [...templates].flatMap(([channel, of]) => [...of].map((template) => ({ labels: { channel, template }, value: stats.actions.get(channel)?.get(template) ?? 0 })));
}

/** Messages that did not go out, by channel, by each of the rules that send through it, and by reason. */
function suppressedSamples({ rules, channels }: Pick<Program, "rules" | "channels">, stats: EngineStats): Sample[] {
  const senders = new Map<string, Set<string>>(channels.map(({ name }) => [name, new Set()]));
  const add = (channel: string, rule: string): void => {
    const of = senders.get(channel) ?? new Set();
    senders.set(channel, of.add(rule));
  };
  for (const { name, steps } of rules) eachAction(steps, { channels }, (channel) => { if (channel !== EMIT) add(channel, name); });
  for (const [channel, of] of stats.suppressed) for (const rule of of.keys()) add(channel, rule);
  return [...senders].flatMap(([channel, of]) => [...of].flatMap((rule) => SUPPRESSION_REASONS.map((reason) =>
    ({ labels: { channel, rule, reason }, value: stats.suppressed.get(channel)?.get(rule)?.[reason] ?? 0 }))));
}

function eachAction(steps: readonly Step[], program: Pick<Program, "channels">, found: (channel: string, template: string) => void): void {
  for (const step of allSteps(steps)) {
    if (step.k === "send") found(program.channels[step.channel]?.name ?? "", step.template);
    else if (step.k === "emit") found(EMIT, step.name);
  }
}
