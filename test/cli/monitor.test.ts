import { PassThrough } from "node:stream";
import { afterEach, expect, test } from "vitest";

import { createLog } from "../../cli/logging.js";
import { startMonitor, type Monitor } from "../../cli/monitor.js";
import { openPatiently } from "../../cli/open.js";
import { LogUnavailable, StoreRefused, type ConnectionState, type NewRecord } from "../../engine/ports.js";
import { nothingYet } from "../../engine/population/report.js";
import { engineStats } from "../../engine/stats.js";
import type { Program } from "../../dsl/program.js";

const program: Program = {
  events: [], profile: [], retain: null, aggregates: [], traits: [], order: [], segments: [], points: [], tiers: [], experiments: [], watches: [], rankings: [],
  populations: [], metrics: [], channels: [], policies: [], rules: [], hash: "one",
};
const quiet = createLog({ level: "silent", to: new PassThrough(), readable: false, stacks: false });

let monitor: Monitor | null = null;
afterEach(async () => {
  await monitor?.close();
  monitor = null;
});

/** A port whose connection the test decides about. */
function watchable(): { watch(listener: (state: ConnectionState) => void): () => void; turn(state: ConnectionState): void; listeners: number } {
  const listeners = new Set<(state: ConnectionState) => void>();
  return {
    watch(listener) {
      listeners.add(listener);
      listener("connected");
      return () => void listeners.delete(listener);
    },
    turn: (state) => listeners.forEach((listener) => listener(state)),
    get listeners() { return listeners.size; },
  };
}

const ready = async (url: string | null): Promise<unknown> => {
  const response = await fetch(`${url ?? ""}/readyz`);
  return [response.status, ((await response.json()) as { missing?: unknown }).missing];
};

const send = async (url: string | null): Promise<number> =>
  (await fetch(`${url ?? ""}/events`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"id":"1","type":"t","subject":"c"}' })).status;

const metric = async (url: string | null, name: string): Promise<string[]> =>
  (await (await fetch(`${url ?? ""}/metrics`)).text()).split("\n").filter((line) => line.startsWith(name));

let now = Date.UTC(2026, 0, 1);

test("what is filled from history is asked of the store whenever somebody looks", async () => {
  monitor = await startMonitor({ listen: { host: "127.0.0.1", port: 0 }, stats: engineStats(), program, log: quiet, now: () => now });
  const { url } = monitor;
  const series = (): Promise<string[]> => metric(url, "eddy_backfill_");
  expect(await series()).toEqual(["eddy_backfill_running 0", "eddy_backfill_events_total 0", "eddy_backfill_remaining_events 0"]);
  const at = now;
  let field: string | null = JSON.stringify({ change: "c", done: 70, total: 100, rate: 10, filled: 0, partitions: 8, since: at, at });
  let answers: () => Promise<(string | null)[]> = () => Promise.resolve([field]);
  monitor.opened({ log: { watch: watchable().watch, append: () => Promise.resolve() }, store: { watch: watchable().watch, shared: (names) => (names.join() === "filling" ? answers() : Promise.resolve([null])) } });
  expect(await series()).toEqual(["eddy_backfill_running 1", "eddy_backfill_events_total 70", "eddy_backfill_remaining_events 30"]);
  answers = () => Promise.reject(new Error("away"));
  now = at + 15_001;
  expect(await series()).toEqual(["eddy_backfill_running 0", "eddy_backfill_events_total 70", "eddy_backfill_remaining_events 30"]);
  field = null;
  answers = () => Promise.resolve([field]);
  expect(await series()).toEqual(["eddy_backfill_running 0", "eddy_backfill_events_total 0", "eddy_backfill_remaining_events 0"]);
});

test("from the first moment to the last", async () => {
  const stats = engineStats();
  monitor = await startMonitor({ listen: { host: "127.0.0.1", port: 0 }, stats, program, log: quiet, now: () => now });
  const { url } = monitor;
  expect(await ready(url)).toEqual([503, ["the event log is not connected", "the state store is not connected", "the engine has not started yet"]]);
  expect(await send(url)).toBe(503);
  expect((await fetch(`${url ?? ""}/livez`)).status).toBe(200);

  const appended: NewRecord[] = [];
  const events = watchable();
  const log = { watch: events.watch, append: async (records: readonly NewRecord[]) => void appended.push(...records) };
  const store = watchable();
  let missing: string[] = ["20,000 events are waiting"];
  monitor.opened({ log, store });
  let runs = program;
  monitor.started({ notReady: () => missing, figures: () => nothingYet(program), program: () => runs });
  expect([events.listeners, store.listeners]).toEqual([1, 1]);
  expect(await ready(url)).toEqual([503, ["20,000 events are waiting"]]);
  expect(await send(url)).toBe(202);
  expect(appended).toHaveLength(1);

  missing = [];
  expect(await ready(url)).toEqual([200, undefined]);
  store.turn("disconnected");
  expect(await ready(url)).toEqual([503, ["the state store is not connected"]]);
  expect(await metric(url, "eddy_connected")).toEqual(['eddy_connected{to="log"} 1', 'eddy_connected{to="store"} 0']);
  store.turn("connected");
  expect(await ready(url)).toEqual([200, undefined]);

  runs = { ...program, hash: "two" };
  stats.rulesTakenAt = 1_767_225_600_000;
  monitor.reloaded(true);
  const taken = "eddy_program_last_reload_timestamp_seconds 1767225600";
  expect(await metric(url, "eddy_program_")).toEqual(['eddy_program_info{hash="two"} 1', "eddy_program_last_reload_successful 1", taken]);
  monitor.reloaded(false);
  expect(await metric(url, "eddy_program_")).toEqual(['eddy_program_info{hash="two"} 1', "eddy_program_last_reload_successful 0", taken]);
  // While partitions go over there are two.
  for (const [index, hash] of ["two", "three", "two"].entries()) stats.partitions.set(index, { lag: 0, outboxPending: 0, clock: 0, offset: 0, stopped: null, program: hash });
  expect((await metric(url, "eddy_program_info"))).toEqual(['eddy_program_info{hash="three"} 1', 'eddy_program_info{hash="two"} 1']);

  monitor.ending();
  expect(await ready(url)).toEqual([503, ["the engine is ending"]]);
  expect(await send(url)).toBe(503);
  await monitor.close();
  expect([events.listeners, store.listeners]).toEqual([0, 0]);
});

test("what connections do is in the log, until the end is wanted", async () => {
  const said: string[] = [];
  const lines = new PassThrough();
  lines.on("data", (chunk: Buffer) => said.push(...chunk.toString("utf8").trim().split("\n").map((line) => (JSON.parse(line) as { message: string }).message)));
  monitor = await startMonitor({ listen: null, stats: engineStats(), program, log: createLog({ level: "info", to: lines, readable: false, stacks: false }), now: () => now });
  const [events, store] = [watchable(), watchable()];
  monitor.opened({ log: { watch: events.watch, append: () => Promise.resolve() }, store });
  events.turn("disconnected");
  monitor.ending();
  store.turn("disconnected");
  expect(said).toEqual(["the event log is connected", "the state store is connected", "the event log is not connected"]);
});

test("without an address there is no port", async () => {
  monitor = await startMonitor({ listen: null, stats: engineStats(), program, log: quiet, now: () => now });
  expect(monitor.url).toBeNull();
});

test("opening goes on until the servers are there, and ends at the signal or at what needs a person", async () => {
  let attempts = 0;
  const opened = await openPatiently(async () => {
    if (++attempts < 2) throw new LogUnavailable("not yet");
    return "open";
  }, quiet, new AbortController().signal);
  expect([opened, attempts]).toEqual(["open", 2]);

  const stop = new AbortController();
  const never = openPatiently(() => Promise.reject(new LogUnavailable("never")), quiet, stop.signal);
  stop.abort();
  expect(await never).toBeNull();
  const hanging = new AbortController();
  const hangs = openPatiently(() => new Promise(() => undefined), quiet, hanging.signal);
  hanging.abort();
  expect(await hangs).toBeNull();

  await expect(openPatiently(() => Promise.reject(new StoreRefused("wrong policy")), quiet, new AbortController().signal)).rejects.toThrow("wrong policy");
});
