/** What the demonstration counts, from events, outputs and commits to the model that the view shows. */
import { describe, expect, test } from "vitest";
import { DEMO_START_MS, shopStream } from "../../cli/demo/shop-stream.js";
import { tally } from "../../cli/demo/tally.js";

const options = {
  segments: [
    { name: "vip", label: "Spends 800", size: 3 },
    { name: "sleeping", label: null, size: 0 },
  ],
  rules: ["welcome", "wake_up"],
  places: { program: "bin/eddy", rules: "rules", readme: "README.md", docs: "docs", store: ".eddy/demo-7", storeStays: false, metrics: null },
};

const action = (customer: string, template: string, rule: string, cause: string, time = "2018-03-02T10:00:00Z") => ({
  subject: `actions.3.email.${template}`,
  body: JSON.stringify({
    specversion: "1.0", id: `a-${customer}`, source: "eddy", type: `email.${template}`, subject: customer,
    time, rule, cause, data: {},
  }),
});
const change = (segment: string, what: "entered" | "left") => ({
  subject: `segments.3.${segment}.${what}`,
  body: JSON.stringify({ type: `segment.${what}`, subject: "c0001", time: "2018-03-02T10:00:00Z", data: { segment } }),
});

describe("the model", () => {
  test("before anything has happened", () => {
    expect(tally(options).model(0, DEMO_START_MS)).toEqual({
      elapsedMs: 0, simulatedMs: DEMO_START_MS, events: 0, eventsPerSecond: 0, latency: null, recentLatency: null, customers: 0, deadLetters: 0,
      segments: [
        { name: "vip", label: "Spends 800", size: 3, entered: 0, left: 0 },
        { name: "sleeping", label: null, size: 0, entered: 0, left: 0 },
      ],
      newest: [],
      rules: [{ rule: "welcome", actions: 0 }, { rule: "wake_up", actions: 0 }],
      places: options.places,
    });
  });

  test("segments grow and shrink by what is announced", () => {
    const counted = tally(options);
    for (const output of [change("vip", "entered"), change("vip", "entered"), change("vip", "left"), change("sleeping", "entered")]) {
      counted.published(output);
    }
    expect(counted.model(1, 1).segments.map(({ size, entered, left }) => [size, entered, left])).toEqual([[4, 2, 1], [1, 1, 0]]);
  });

  test("actions by rule, and the newest first with who and why", () => {
    const counted = tally(options);
    const event = shopStream(1).next();
    counted.appended(event);
    counted.published(action(event.subject, "first_visit", "first_visit", event.id));
    counted.published(action("somebody", "whats_new", "wake_up", "time", "2018-03-02T10:00:01Z"));
    const { newest, rules } = counted.model(1, 1);
    expect(newest).toMatchObject([
      { customer: "somebody", customerName: null, channel: "email", template: "whats_new", rule: "wake_up", reason: null, atMs: Date.UTC(2018, 2, 2, 10, 0, 1) },
      { customer: event.subject, channel: "email", template: "first_visit", reason: "session_started", atMs: Date.UTC(2018, 2, 2, 10) },
    ]);
    expect(newest[1]?.customerName).toMatch(/^[A-Z][a-z]+$/);
    expect(rules).toEqual([
      { rule: "welcome", actions: 0 },
      { rule: "wake_up", actions: 1 },
      { rule: "first_visit", actions: 1 },
    ]);
  });

  test("only the newest actions are kept, all of them are counted", () => {
    const counted = tally(options);
    const time = (i: number): string => new Date(Date.UTC(2018, 0, 1) + i * 1000).toISOString();
    for (let i = 0; i < 5000; i++) counted.published(action(`c${i}`, "welcome", "welcome", "time", time(i)));
    const { newest, rules } = counted.model(1, 1);
    expect(newest.length).toBeLessThan(200);
    expect(newest.slice(0, 3).map((each) => each.customer)).toEqual(["c4999", "c4998", "c4997"]);
    expect(rules[0]).toEqual({ rule: "welcome", actions: 5000 });
  });

  test("a cause is known for as long as actions may follow it, and forgotten later", () => {
    const counted = tally(options);
    const stream = shopStream(1);
    const old = stream.next();
    counted.appended(old);
    for (let i = 0; i < 40_000; i++) counted.appended(stream.next());
    const recent = stream.next();
    counted.appended(recent);
    counted.published(action("c0001", "welcome", "welcome", old.id));
    counted.published(action("c0001", "welcome", "welcome", recent.id));
    expect(counted.model(1, 1).newest.map((each) => each.reason)).toEqual([recent.type, null]);
  });

  test("the newest by the customers' clock, however late a partition's actions come", () => {
    const counted = tally(options);
    for (const [customer, second] of [["c0001", 3], ["c0002", 5], ["c0003", 1], ["c0004", 5], ["c0005", 4]] as const) {
      counted.published(action(customer, "welcome", "welcome", "time", `2018-03-02T10:00:0${second}Z`));
    }
    expect(counted.model(1, 1).newest.map((each) => each.customer)).toEqual(["c0002", "c0004", "c0005", "c0001", "c0003"]);
  });

  test("the rate is that of the last second, however often one looks", () => {
    const counted = tally(options);
    const stream = shopStream(1);
    const append = (count: number): void => {
      for (let i = 0; i < count; i++) counted.appended(stream.next());
    };
    append(500);
    expect(counted.model(500, 1).eventsPerSecond).toBe(1000);
    append(100);
    expect(counted.model(1000, 1).eventsPerSecond).toBe(600);
    append(50);
    expect(counted.model(1500, 1).eventsPerSecond).toBe(150);
    expect(counted.model(1500, 1).eventsPerSecond).toBe(150);
    expect(counted.model(2500, 1).eventsPerSecond).toBe(0);
  });

  test("customers are counted once, dead letters each", () => {
    const counted = tally(options);
    const stream = shopStream(1);
    const subjects = new Set<string>();
    for (let i = 0; i < 300; i++) {
      const event = stream.next();
      subjects.add(event.subject);
      counted.appended(event);
    }
    counted.published({ subject: "dead.0.schema", body: "{}" });
    expect(counted.model(1, 1)).toMatchObject({ events: 300, customers: subjects.size, deadLetters: 1 });
    expect(subjects.size).toBeLessThan(300);
  });
});

test("latency quantiles within five in a hundred", () => {
  const counted = tally(options);
  for (let i = 1; i <= 1000; i++) counted.committed(i / 10, 2);
  const { latency } = counted.model(1, 1);
  expect(latency?.p50Ms).toBeGreaterThan(50 * 0.95);
  expect(latency?.p50Ms).toBeLessThan(50 * 1.06);
  expect(latency?.p99Ms).toBeGreaterThan(99 * 0.95);
  expect(latency?.p99Ms).toBeLessThanOrEqual(100);
  expect(latency?.maxMs).toBe(100);
});

test("a latency of nothing and one of an hour are counted too", () => {
  const counted = tally(options);
  counted.committed(0, 1);
  counted.committed(3_600_000, 1);
  expect(counted.model(1, 1).latency?.maxMs).toBe(3_600_000);
});

test("the recent latency is that of the last ten seconds at most, the other one that of all", () => {
  const counted = tally(options);
  const at = (elapsedMs: number) => {
    const { latency, recentLatency } = counted.model(elapsedMs, 1);
    return [latency?.maxMs, recentLatency?.maxMs];
  };
  counted.committed(300, 1);
  expect(at(1_000)).toEqual([300, 300]);
  counted.committed(2, 100);
  expect(at(6_000)).toEqual([300, 300]);
  counted.committed(3, 100);
  expect(at(11_000)).toEqual([300, 3]);
  expect(at(17_000)).toEqual([300, undefined]);
});
