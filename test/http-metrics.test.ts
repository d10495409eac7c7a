import { describe, expect, test } from "vitest";

import { createMetrics, type MetricsSource } from "../connectors/http/metrics.js";
import type { Expr, Program } from "../dsl/program.js";
import { compile } from "../engine/compile/compiled.js";
import { report } from "../engine/population/report.js";
import { addToArm, contribute, emptySums, type ArmSum, type Sum } from "../engine/population/sums.js";
import { engineStats, observe } from "../engine/stats.js";

const TRUE = { k: "const", value: true, type: { k: "boolean" }, maybe: false } as const;

const NUMBER = { k: "number" } as const;
const population = (index: number): Expr => ({ k: "population", index, type: NUMBER, maybe: false });

const program: Program = {
  events: [{ name: "order_placed", wire: "Order Completed", fields: [] }],
  profile: [], retain: null, aggregates: [], traits: [], order: [{ k: "segment", index: 0 }, { k: "ranking", index: 0 }], points: [], tiers: [], watches: [], policies: [],
  rankings: [{ key: "r", value: { k: "const", value: 1, type: NUMBER, maybe: false }, among: TRUE }],
  populations: [
    { key: "a", fn: "customers", of: TRUE }, { key: "b", fn: "mean", of: { k: "const", value: 1, type: { k: "duration" }, maybe: false } },
    { key: "c", fn: "customers", of: TRUE },
  ],
  metrics: [
    { name: "share", value: { k: "arithmetic", op: "/", left: population(2), right: population(0), type: NUMBER, maybe: true } },
    { name: "wait", value: { k: "population", index: 1, type: { k: "duration" }, maybe: true } },
  ],
  experiments: [{ name: "offer", arms: [{ name: "holdout", percent: 10 }, { name: "b", percent: 90 }], goal: null }],
  segments: [{ name: "vip", label: null, enter: { if: TRUE, forMs: 0, forMonths: 0 }, leave: null }],
  channels: [{ name: "email", policies: [] }],
  rules: [{
    name: "welcome", label: null, priority: 0, on: [], schedules: [], when: null, per: null, restart: false, caps: [], until: [], keeps: [],
    steps: [
      { key: "a", k: "send", channel: 0, template: 'say "hi"\\', payload: null, urgent: false },
      { key: "b", k: "if", if: TRUE, then: [{ key: "c", k: "emit", name: "greeted", payload: null }], else: [{ key: "d", k: "stop" }] },
      {
        key: "e", k: "waitFor", moments: [], within: { ms: 1, months: 0 }, as: null, keeps: [], then: [{ key: "f", k: "emit", name: "came", payload: null }],
        else: [{ key: "g", k: "split", experiment: 0, branches: [{ variant: "b", steps: [{ key: "h", k: "emit", name: "split", payload: null }] }] }],
      },
    ],
  }],
  hash: "cafe",
};

function source(): MetricsSource {
  return { stats: engineStats(), program: () => program, figures: () => null, lastReloadSuccessful: () => true, connections: () => new Map([["log", true], ["store", false]]) };
}

/** The lines of one metric, without help and type. */
async function lines(from: MetricsSource, name: string): Promise<string[]> {
  const { text } = await createMetrics(from).render();
  return text.split("\n").filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[{ ]`).test(line));
}

describe("before anything has happened", () => {
  test.each<[string, string[]]>([
    ["eddy_events_total", [
      'eddy_events_total{type="order_placed",outcome="processed"} 0', 'eddy_events_total{type="order_placed",outcome="unmentioned"} 0',
      'eddy_events_total{type="order_placed",outcome="duplicate"} 0', 'eddy_events_total{type="order_placed",outcome="erased"} 0', 'eddy_events_total{type="order_placed",outcome="dead"} 0',
      'eddy_events_total{type="eddy_tick",outcome="processed"} 0', 'eddy_events_total{type="eddy_tick",outcome="unmentioned"} 0',
      'eddy_events_total{type="eddy_tick",outcome="duplicate"} 0', 'eddy_events_total{type="eddy_tick",outcome="erased"} 0', 'eddy_events_total{type="eddy_tick",outcome="dead"} 0',
      ...["processed", "unmentioned", "duplicate", "erased", "dead"].map((outcome) => `eddy_events_total{type="eddy_program",outcome="${outcome}"} 0`),
      'eddy_events_total{type="eddy_population",outcome="processed"} 0', 'eddy_events_total{type="eddy_population",outcome="unmentioned"} 0',
      'eddy_events_total{type="eddy_population",outcome="duplicate"} 0', 'eddy_events_total{type="eddy_population",outcome="erased"} 0', 'eddy_events_total{type="eddy_population",outcome="dead"} 0',
      'eddy_events_total{type="other",outcome="processed"} 0', 'eddy_events_total{type="other",outcome="unmentioned"} 0',
      'eddy_events_total{type="other",outcome="duplicate"} 0', 'eddy_events_total{type="other",outcome="erased"} 0', 'eddy_events_total{type="other",outcome="dead"} 0',
    ]],
    ["eddy_rule_started_total", ['eddy_rule_started_total{rule="welcome"} 0']],
    ["eddy_actions_total", ['eddy_actions_total{channel="email",template="say \\"hi\\"\\\\"} 0', 'eddy_actions_total{channel="emit",template="greeted"} 0',
      'eddy_actions_total{channel="emit",template="came"} 0', 'eddy_actions_total{channel="emit",template="split"} 0']],
    ["eddy_actions_suppressed_total", [
      'eddy_actions_suppressed_total{channel="email",rule="welcome",reason="consent"} 0', 'eddy_actions_suppressed_total{channel="email",rule="welcome",reason="cap"} 0', 'eddy_actions_suppressed_total{channel="email",rule="welcome",reason="ended"} 0',
    ]],
    ["eddy_messages_held_total", ['eddy_messages_held_total{channel="email"} 0']],
    ["eddy_customers_erased_total", ['eddy_customers_erased_total{by="request"} 0', 'eddy_customers_erased_total{by="retention"} 0']],
    ["eddy_runs_ended_total", ["done", "until", "crowded_out", "erased", "merged"].map((by) => `eddy_runs_ended_total{rule="welcome",by="${by}"} 0`)],
    // Of a rule without per, a customer has one run at a time.
    ["eddy_runs_crowded_out_total", []],
    ["eddy_segment_customers", ['eddy_segment_customers{segment="vip"} 0']],
    ["eddy_segment_changes_total", ['eddy_segment_changes_total{segment="vip",change="entered"} 0', 'eddy_segment_changes_total{segment="vip",change="left"} 0']],
    ["eddy_dead_letters_total", ["not_json", "not_an_event", "unknown_customer", "schema", "too_large"].map((reason) => `eddy_dead_letters_total{reason="${reason}"} 0`)],
    ["eddy_metric", ['eddy_metric{metric="share"} 0', 'eddy_metric{metric="wait"} 0']],
    ["eddy_population", [
      'eddy_population_count{metric="share",part="1",fn="customers"} 0', 'eddy_population_count{metric="share",part="2",fn="customers"} 0', 'eddy_population_count{metric="wait",part="1",fn="mean"} 0',
      'eddy_population_sum{metric="share",part="1",fn="customers"} 0', 'eddy_population_sum{metric="share",part="2",fn="customers"} 0', 'eddy_population_sum{metric="wait",part="1",fn="mean"} 0',
    ]],
    ["eddy_experiment_(customers|reached|value)", ["customers", "reached", "value"].flatMap((of) =>
      ["holdout", "b"].map((variant) => `eddy_experiment_${of}{experiment="offer",variant="${variant}"} 0`))],
    ["eddy_program_info", ['eddy_program_info{hash="cafe"} 1']],
    ["eddy_program_last_reload_successful", ["eddy_program_last_reload_successful 1"]],
    ["eddy_connected", ['eddy_connected{to="log"} 1', 'eddy_connected{to="store"} 0']],
    ["eddy_outbox_pending", ["eddy_outbox_pending 0"]],
    ...["eddy_event_times_clamped_total", "eddy_stamps_backwards_total", "eddy_cached_customers", "eddy_cache_misses_total", "eddy_commits_total", "eddy_window_overflows_total", "eddy_chains_cut_total", "eddy_outputs_withdrawn_total"]
      .map((name): [string, string[]] => [name, [`${name} 0`]]),
  ])("%s stands there", async (name, expected) => {
    expect(await lines(source(), name)).toEqual(expected);
  });

  test.each(["eddy_event_duration_seconds", "eddy_action_duration_seconds", "eddy_timer_lateness_seconds", "eddy_commit_customers"])("%s is an empty histogram", async (name) => {
    const found = await lines(source(), name);
    expect(found.slice(-3)).toEqual([`${name}_bucket{le="+Inf"} 0`, `${name}_sum 0`, `${name}_count 0`]);
  });

  test("every step of the work has its histogram", async () => {
    const found = await lines(source(), "eddy_stage_duration_seconds");
    expect(found.filter((line) => line.includes("_count"))).toEqual(["decode", "load", "evaluate", "commit", "publish"].map((stage) => `eddy_stage_duration_seconds_count{stage="${stage}"} 0`));
  });
});

describe("what the engine counts is what is read", () => {
  test("counters and gauges, also of names that the program no longer has", async () => {
    const from = source();
    const { stats } = from;
    stats.events.set("order_placed", { processed: 3, unmentioned: 0, duplicate: 1, erased: 0, dead: 0 });
    stats.events.set("gone", { processed: 2, unmentioned: 0, duplicate: 0, erased: 0, dead: 0 });
    stats.actions.set("email", new Map([['say "hi"\\', 5], ["old", 1]]));
    stats.runsCrowdedOut.set("old", 2);
    stats.messagesHeld.set("email", 3);
    stats.segmentChanges.set("vip", { entered: 4, left: 2 });
    expect(await lines(from, "eddy_events_total")).toEqual(expect.arrayContaining(['eddy_events_total{type="order_placed",outcome="processed"} 3', 'eddy_events_total{type="order_placed",outcome="duplicate"} 1', 'eddy_events_total{type="gone",outcome="processed"} 2']));
    expect(await lines(from, "eddy_actions_total")).toEqual(['eddy_actions_total{channel="email",template="say \\"hi\\"\\\\"} 5', 'eddy_actions_total{channel="email",template="old"} 1', 'eddy_actions_total{channel="emit",template="greeted"} 0',
      'eddy_actions_total{channel="emit",template="came"} 0', 'eddy_actions_total{channel="emit",template="split"} 0']);
    expect(await lines(from, "eddy_runs_crowded_out_total")).toEqual(['eddy_runs_crowded_out_total{rule="old"} 2']);
    expect(await lines(from, "eddy_messages_held_total")).toEqual(['eddy_messages_held_total{channel="email"} 3']);
    expect(await lines(from, "eddy_segment_changes_total")).toEqual(['eddy_segment_changes_total{segment="vip",change="entered"} 4', 'eddy_segment_changes_total{segment="vip",change="left"} 2']);
  });

  test("a histogram is cumulative", async () => {
    const from = source();
    observe(from.stats.commitCustomers, 1);
    observe(from.stats.commitCustomers, 3, 2);
    observe(from.stats.commitCustomers, 5000);
    const found = (await lines(from, "eddy_commit_customers")).map((line) => line.replace("eddy_commit_customers_", ""));
    expect(found).toEqual([
      'bucket{le="1"} 1', 'bucket{le="2"} 1', 'bucket{le="5"} 3', 'bucket{le="10"} 3', 'bucket{le="20"} 3', 'bucket{le="50"} 3',
      'bucket{le="100"} 3', 'bucket{le="200"} 3', 'bucket{le="400"} 3', 'bucket{le="800"} 3', 'bucket{le="+Inf"} 4', "sum 5007", "count 4",
    ]);
  });

  test("metrics, what they are made of, and experiments: of all partitions together; durations in seconds", async () => {
    const [one, two] = [emptySums({ program }), emptySums({ program })];
    for (const [sums, values] of [[one, [1, 2]], [two, [6]]] as const) {
      for (const value of values) {
        contribute(sums.populations[0] as Sum, null, 1);
        contribute(sums.populations[1] as Sum, null, value * 1000);
      }
      addToArm(sums.experiments[0]?.[1] as ArmSum, { exposed: 2, reached: 1, value: 0.1 });
    }
    contribute(two.populations[2] as Sum, null, 1);
    const from = { ...source(), figures: () => report(compile(program), [one, two]) };
    expect(await lines(from, "eddy_metric")).toEqual([`eddy_metric{metric="share"} ${1 / 3}`, 'eddy_metric{metric="wait"} 3']);
    expect((await lines(from, "eddy_population")).map((line) => line.split(" ")[1])).toEqual(["1", "3", "3", "1", "3", "9"]);
    expect((await lines(from, "eddy_experiment_(customers|reached|value)")).map((line) => line.split(" ")[1])).toEqual(["0", "4", "0", "2", "0", "0.2"]);
    contribute(one.populations[0] as Sum, 1, null);
    contribute(one.populations[0] as Sum, 1, null);
    contribute(two.populations[0] as Sum, 1, null);
    expect((await lines(from, "eddy_metric"))[0]).toBe('eddy_metric{metric="share"} Nan');
  });

  test("partitions", async () => {
    const from = source();
    from.stats.partitions.set(3, { lag: 12, outboxPending: 4, clock: 1_500, offset: 99, stopped: "the stream was recreated", program: "" });
    from.stats.partitions.set(4, { lag: 0, outboxPending: 1, clock: 2_000, offset: 7, stopped: null, program: "" });
    expect(await lines(from, "eddy_partition_lag_events")).toEqual(['eddy_partition_lag_events{partition="3"} 12', 'eddy_partition_lag_events{partition="4"} 0']);
    expect(await lines(from, "eddy_partition_clock_seconds")).toEqual(['eddy_partition_clock_seconds{partition="3"} 1.5', 'eddy_partition_clock_seconds{partition="4"} 2']);
    expect(await lines(from, "eddy_partition_stopped")).toEqual(['eddy_partition_stopped{partition="3"} 1', 'eddy_partition_stopped{partition="4"} 0']);
    expect(await lines(from, "eddy_partition_offset")).toEqual(['eddy_partition_offset{partition="3"} 99', 'eddy_partition_offset{partition="4"} 7']);
    expect(await lines(from, "eddy_outbox_pending")).toEqual(["eddy_outbox_pending 5"]);
    from.stats.figuresDrawnUp.set(3, 86_400_000).set(4, 0);
    expect(await lines(from, "eddy_figures_drawn_up_timestamp_seconds")).toEqual(['eddy_figures_drawn_up_timestamp_seconds{partition="3"} 86400', 'eddy_figures_drawn_up_timestamp_seconds{partition="4"} 0']);
  });

  test("each metric has one help and one type, and the process's own metrics are there", async () => {
    const { text, contentType } = await createMetrics(source()).render();
    expect(contentType).toBe("text/plain; version=0.0.4; charset=utf-8");
    const types = text.split("\n").filter((line) => line.startsWith("# TYPE ")).map((line) => line.split(" ")[2]);
    expect(new Set(types).size).toBe(types.length);
    expect(types).toEqual(expect.arrayContaining(["process_cpu_seconds_total", "nodejs_heap_size_used_bytes", "eddy_events_total"]));
  });
});
