/** `eddy run --workers N`: threads that share the partitions; from outside one process. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { COLLISIONS_END, collidingEvents } from "../retail/collisions.js";
import { RETAIL_RULES } from "../retail/events.js";
import { appendHistory, liveDifferences, liveOutcome, settledAt } from "../retail/live.js";
import { retailProgram } from "../retail/program.js";
import { replayed } from "../retail/replayed.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { scrape } from "./metrics.js";
import { serversPlace, type Servers } from "./places.js";
import { until } from "./progress.js";

const PARTITIONS = 4;
const lines = collidingEvents(22, 60);
/** For a machine that has other things to do. */
const SLACK_MS = 10_000;

let place: Servers;
let folder: string;
let engine: EngineProcess | null = null;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "eddy-workers-"));
  place = await serversPlace({ partitions: PARTITIONS, clock: "event" });
});
afterAll(async () => {
  await engine?.kill();
  await place?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

test("what comes out is that of a replay, the metrics are those of the whole, SIGTERM ends all", async () => {
  const expected = replayed(retailProgram(), lines, COLLISIONS_END);
  const process = (engine = startEngineProcess({ rules: RETAIL_RULES, place: place.flags, folder, more: ["--workers", "2"] }));
  const http = await process.http();
  await until("the workers have shared the partitions", async () => {
    const metrics = await scrape(http);
    const taken = new Set(process.log.flatMap(({ message, worker }) => (message === "partitions taken" ? [worker] : [])));
    return taken.has(1) && taken.has(2) && metrics.value("eddy_partitions_owned") === PARTITIONS && metrics.value("eddy_members") === 2 && (await fetch(`${http}/readyz`)).status === 200;
  }, 60_000, 50);

  const last = await appendHistory(place, lines, COLLISIONS_END);
  await until("everything is processed and published", () => settledAt(place, last), 60_000, 20);
  expect(liveDifferences(expected, await liveOutcome(retailProgram(), place))).toEqual([]);
  let metrics = await scrape(http);
  // The store has a commit a moment before the engine knows.
  await until("the metrics tell of all members", async () => (metrics = await scrape(http)).value("eddy_segment_customers") === expected.members.length, 10_000, 50).catch(() => undefined);
  expect(metrics.labels("eddy_partition_offset", "partition")).toEqual(["0", "1", "2", "3"]);
  expect(metrics.value("eddy_segment_customers")).toBe(expected.members.length);
  // Each event once, whichever thread it was.
  expect((metrics.value("eddy_events_total", { outcome: "processed" }) ?? 0) + (metrics.value("eddy_events_total", { outcome: "duplicate" }) ?? 0)).toBeGreaterThanOrEqual(lines.length);
  expect(metrics.value("eddy_event_duration_seconds_count")).toBeGreaterThan(0);

  const { code, ms } = await process.terminate();
  expect(code).toBe(0);
  expect(ms).toBeLessThan(8_000 + SLACK_MS);
}, 240_000);

test("an embedded folder has one engine: refused, with the reason", async () => {
  const process = startEngineProcess({ rules: RETAIL_RULES, place: ["--embedded", join(folder, "embedded")], folder, more: ["--workers", "2"] });
  expect(await process.exited).toBe(2);
  expect(process.log.map(({ message }) => message).join("\n")).toMatch(/--workers 2 needs NATS and Redis/);
});
