/** What SREs see of an engine that has worked on real servers: every series by its name, with values that make sense. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventSubject } from "../../engine/subjects.js";
import { folderWith } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { listen, type Listener } from "./listener.js";
import { scrape, type Metrics } from "./metrics.js";
import { serversPlace, type Servers } from "./places.js";
import { until } from "./progress.js";

const RULES = `
event order_placed { total: number }
event order_returned { total: number }
profile { consent: { email: boolean = true } }
channel email { when profile.consent.email }
segment buyer when count(order_placed) > count(order_returned)
segment big when sum(order_placed.total) >= 1000
rule thanks { on order_placed  send email "thanks"  emit "ordered" { total: event.total } }
rule later  { on order_placed where total >= 1000  wait 1 second  send email "later" }
rule never  { on enter big  when count(order_returned) >= 100  emit "never" }
`;
const CUSTOMERS = 50;

const folder = folderWith({ "rules/shop.eddy": RULES });
let place: Servers;
let engine: EngineProcess;
let outside: Listener;
let http: string;
let before: Metrics;
let after: Metrics;
let seconds: number;

/** So many events are processed and committed, beside ticks, and all that they brought about is published. */
function isWorked(metrics: Metrics, events: number): boolean {
  const records = metrics.value("eddy_events_total") ?? NaN;
  return records - (metrics.value("eddy_events_total", { type: "eddy_tick" }) ?? NaN) === events && metrics.value("eddy_event_duration_seconds_count") === records &&
    metrics.value("eddy_outbox_pending") === 0 && metrics.value("eddy_partition_lag_events") === 0;
}

beforeAll(async () => {
  place = await serversPlace({ partitions: 2, clock: "broker" });
  outside = listen(place.link, "actions.>");
  engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
  await engine.said("running");
  http = await engine.http();
  await until("it is ready", async () => (await fetch(`${http}/readyz`)).status === 200);
  before = await scrape(http);
  const event = (type: string, customer: string, id: string, total: unknown) =>
    ({ subject: eventSubject(type, customer), body: JSON.stringify({ id, type, subject: customer, data: { total } }) });
  const customers = Array.from({ length: CUSTOMERS }, (_, i) => `c${i}`);
  const since = performance.now();
  const appended = await place.ports.log.append([
    ...customers.map((customer) => event("order_placed", customer, "1", 10)),
    ...customers.slice(0, 10).map((customer) => event("order_returned", customer, "2", 10)),
    event("profile_updated", "c20", "3", 0), // without consent, as below
    { subject: eventSubject("profile_updated", "c20"), body: JSON.stringify({ id: "4", type: "profile_updated", subject: "c20", data: { consent: { email: false } } }) },
    event("order_placed", "c20", "5", 10),
    event("order_placed", "c21", "1", 10), // had been there
    event("order_placed", "c22", "6", "ten"),
    event("page_read", "c23", "7", 1),
    event("order_placed", "c24", "8", 1_000),
  ]);
  await outside.message("what follows a second later", ({ event: { type } }) => type === "email.later");
  await until("everything is processed and published", async () => isWorked((after = await scrape(http)), appended.length));
  seconds = (performance.now() - since) / 1000;
});
afterAll(async () => {
  await engine?.kill();
  await place?.dispose();
  folder.remove();
});

test("every name that is promised is there, from the first moment on", () => {
  const promised = [
    "eddy_events_total", "eddy_event_duration_seconds", "eddy_action_duration_seconds", "eddy_timer_lateness_seconds",
    "eddy_stage_duration_seconds", "eddy_commit_customers", "eddy_partition_lag_events", "eddy_outbox_pending",
    "eddy_rule_started_total", "eddy_actions_total", "eddy_actions_suppressed_total", "eddy_segment_customers",
    "eddy_segment_changes_total", "eddy_dead_letters_total", "eddy_program_info",
  ];
  for (const metrics of [before, after]) expect(promised.filter((name) => !metrics.names.has(name))).toEqual([]);
  expect([...after.names].filter((name) => name.startsWith("eddy_")).every((name) => /^eddy_[a-z_]+$/.test(name))).toBe(true);
});

test("every known label set starts at 0", () => {
  expect(before.labels("eddy_events_total", "type")).toEqual(["eddy_program", "eddy_tick", "order_placed", "order_returned", "other"]);
  expect(before.labels("eddy_events_total", "outcome")).toEqual(["dead", "duplicate", "erased", "processed", "unmentioned"]);
  expect(before.labels("eddy_rule_started_total", "rule")).toEqual(["later", "never", "thanks"]);
  expect(before.labels("eddy_actions_total", "template")).toEqual(["later", "never", "ordered", "thanks"]);
  expect(before.labels("eddy_actions_suppressed_total", "channel")).toEqual(["email"]);
  expect(before.labels("eddy_segment_customers", "segment")).toEqual(["big", "buyer"]);
  expect(before.labels("eddy_segment_changes_total", "change")).toEqual(["entered", "left"]);
  expect(before.labels("eddy_dead_letters_total", "reason")).toEqual(["not_an_event", "not_json", "schema", "too_large", "unknown_customer"]);
  expect(before.labels("eddy_stage_duration_seconds_count", "stage")).toEqual(["commit", "decode", "evaluate", "load", "publish"]);
  expect(before.labels("eddy_partition_lag_events", "partition")).toEqual(["0", "1"]);
  for (const name of ["eddy_events_total", "eddy_rule_started_total", "eddy_actions_total", "eddy_actions_suppressed_total", "eddy_segment_customers", "eddy_segment_changes_total", "eddy_dead_letters_total", "eddy_event_duration_seconds_count", "eddy_action_duration_seconds_count"]) {
    expect([name, before.value(name)]).toEqual([name, 0]);
  }
});

describe("after a run", () => {
  test.each<[string, Record<string, string>, number]>([
    ["eddy_events_total", { type: "order_placed", outcome: "processed" }, CUSTOMERS + 2],
    ["eddy_events_total", { type: "order_placed", outcome: "duplicate" }, 1],
    ["eddy_events_total", { type: "order_placed", outcome: "dead" }, 1],
    ["eddy_events_total", { type: "order_returned", outcome: "processed" }, 10],
    ["eddy_events_total", { type: "other", outcome: "unmentioned" }, 1],
    ["eddy_dead_letters_total", { reason: "schema" }, 1],
    ["eddy_rule_started_total", { rule: "thanks" }, CUSTOMERS + 2],
    ["eddy_rule_started_total", { rule: "later" }, 1],
    ["eddy_rule_started_total", { rule: "never" }, 0],
    ["eddy_actions_total", { channel: "email", template: "thanks" }, CUSTOMERS + 1],
    ["eddy_actions_total", { channel: "email", template: "later" }, 1],
    ["eddy_actions_total", { channel: "emit", template: "ordered" }, CUSTOMERS + 2],
    ["eddy_actions_suppressed_total", { channel: "email", rule: "thanks", reason: "consent" }, 1],
    ["eddy_segment_customers", { segment: "buyer" }, CUSTOMERS - 10],
    ["eddy_segment_customers", { segment: "big" }, 1],
    ["eddy_segment_changes_total", { segment: "buyer", change: "entered" }, CUSTOMERS],
    ["eddy_segment_changes_total", { segment: "buyer", change: "left" }, 10],
    ["eddy_program_info", {}, 1],
    ["eddy_partition_lag_events", {}, 0],
    ["eddy_partition_stopped", {}, 0],
    ["eddy_outbox_pending", {}, 0],
    ["eddy_connected", { to: "log" }, 1],
    ["eddy_connected", { to: "store" }, 1],
  ])("%s %j is %d", (name, labels, value) => {
    expect(after.value(name, labels)).toBe(value);
  });

  test("the histograms have seen it, in seconds", () => {
    const records = (after.value("eddy_events_total") ?? NaN);
    expect(after.value("eddy_event_duration_seconds_count")).toBe(records);
    expect(after.value("eddy_action_duration_seconds_count")).toBe(after.value("eddy_actions_total"));
    expect(after.value("eddy_timer_lateness_seconds_count")).toBe(1);
    // None took longer than all together; stamps and instants are in milliseconds.
    const mean = (name: string): number => (after.value(`${name}_sum`) ?? NaN) / (after.value(`${name}_count`) ?? NaN);
    expect(mean("eddy_event_duration_seconds")).toBeGreaterThan(0);
    expect(mean("eddy_timer_lateness_seconds")).toBeGreaterThanOrEqual(0);
    for (const name of ["eddy_event_duration_seconds", "eddy_timer_lateness_seconds"]) expect(mean(name)).toBeLessThan(seconds + 0.1);
    for (const stage of ["decode", "load", "evaluate", "commit", "publish"]) {
      expect(after.value("eddy_stage_duration_seconds_count", { stage })).toBeGreaterThan(0);
      expect(after.value("eddy_stage_duration_seconds_bucket", { stage, le: "+Inf" })).toBe(after.value("eddy_stage_duration_seconds_count", { stage }));
    }
    expect(after.value("eddy_commit_customers_sum")).toBeGreaterThanOrEqual(CUSTOMERS);
  });

  test("no customer's id is a label", async () => {
    expect(await (await fetch(`${http}/metrics`)).text()).not.toMatch(/"c\d+"/);
  });

  test("the program's hash is the one that it says it runs", () => {
    expect(after.labels("eddy_program_info", "hash")).toEqual([engine.log.find(({ message }) => message === "running")?.["program"]]);
  });

  test("/livez and /readyz", async () => {
    expect(await (await fetch(`${http}/livez`)).json()).toEqual({ status: "live" });
    await until("it is ready", async () => (await fetch(`${http}/readyz`)).status === 200);
    const readyz = await fetch(`${http}/readyz`);
    expect([readyz.status, await readyz.json()]).toEqual([200, { status: "ready" }]);
  });

  test("what the segment's size says, the sets say", async () => {
    const sizes = await Promise.all([0, 1].map((p) => place.ports.store.segmentSizes(p, ["buyer", "big"])));
    expect(sizes.reduce((a, b) => a.map((size, i) => size + (b[i] ?? 0)))).toEqual([CUSTOMERS - 10, 1]);
  });

  test("counts of members are right from the start of the next process", async () => {
    await engine.terminate();
    engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
    await engine.said("running");
    http = await engine.http();
    await until("it is ready", async () => (await fetch(`${http}/readyz`)).status === 200);
    const metrics = await scrape(http);
    expect([metrics.value("eddy_segment_customers", { segment: "buyer" }), metrics.value("eddy_segment_customers", { segment: "big" })]).toEqual([CUSTOMERS - 10, 1]);
    expect(metrics.value("eddy_segment_changes_total")).toBe(0);
  });
});
