/**
 * Several `eddy run` share the partitions of one log while events flow: they join, leave by SIGTERM, are killed, sleep and
 * wake up. However the partitions move, the outcome is that of one replay: every output once and in order, the same
 * memberships, the same traits.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COLLISIONS_END, collidingEvents } from "../retail/collisions.js";
import { RETAIL_RULES } from "../retail/events.js";
import { feedSteadily, liveDifferences, liveOutcome, settledAt } from "../retail/live.js";
import { retailProgram } from "../retail/program.js";
import { replayed } from "../retail/replayed.js";
import { shown, startEngineProcess, type EngineProcess } from "./engine-process.js";
import { scrape, type Metrics } from "./metrics.js";
import { serversPlace, type Servers } from "./places.js";
import { until } from "./progress.js";

const PARTITIONS = 8;
const LEASE_MS = 5000;
/** For a machine that has other things to do. */
const SLACK_MS = 30_000;
const PAUSE_MS = 60;

interface Seat {
  readonly name: string;
  readonly engine: EngineProcess;
  readonly http: string;
}

let place: Servers;
let folder: string;
let fed: Promise<number>;
let pauseMs = PAUSE_MS;
const seats: Seat[] = [];
const moves: string[] = [];
const lines = collidingEvents(21, 200);

async function start(name: string): Promise<Seat> {
  const engine = startEngineProcess({ rules: RETAIL_RULES, place: place.flags, folder });
  const seat = { name, engine, http: await engine.http() };
  seats.push(seat);
  return seat;
}

/** How many partitions each holds; those who do not answer hold none that anybody could tell of. */
const owned = (of: readonly Seat[]): Promise<number[]> => Promise.all(of.map(async ({ http }) => {
  try {
    return (await scrape(http)).value("eddy_partitions_owned") ?? 0;
  } catch {
    return 0;
  }
}));

/** Waits until the seats hold so many each, in any order; answers how long that took. */
async function shared(what: string, of: readonly Seat[], expected: readonly number[], withinMs: number): Promise<void> {
  const since = performance.now();
  let last: readonly number[] = [];
  try {
    await until(`${what}: ${expected.join()}`, async () => {
      last = await owned(of);
      return last.toSorted().join() === expected.toSorted().join();
    }, withinMs, 20);
  } catch (error) {
    throw new Error(`${(error as Error).message}; they hold ${last.join()}\n${of.map(({ name, engine }) => `${name}:\n${shown(engine.log)}`).join("\n")}`);
  }
  moves.push(`${what}: ${Math.round(performance.now() - since)} ms`);
}

const ready = async ({ http }: Seat): Promise<boolean> => (await fetch(`${http}/readyz`)).status === 200;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "eddy-sharing-"));
  place = await serversPlace({ partitions: PARTITIONS, clock: "event" });
});
afterAll(async () => {
  for (const { engine } of seats) {
    if (engine.running) engine.resume();
    await engine.kill();
  }
  await place?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe("while events flow", () => {
  test("they join, leave, die, sleep and wake up; every partition moves in time, and what comes out is that of a replay", async () => {
    const expected = replayed(retailProgram(), lines, COLLISIONS_END);
    const a = await start("a");
    await shared("one alone", [a], [8], SLACK_MS);
    fed = feedSteadily(place, lines, COLLISIONS_END, () => pauseMs);
    fed.catch(() => undefined);

    const b = await start("b");
    await shared("a second one joins", [a, b], [4, 4], 2000 + SLACK_MS);
    const c = await start("c");
    await shared("a third one joins", [a, b, c], [3, 3, 2], 2000 + SLACK_MS);

    const { code, ms } = await c.engine.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(5000 + SLACK_MS);
    await shared("one left by SIGTERM", [a, b], [4, 4], 2000 + SLACK_MS);

    b.engine.pause();
    await shared("one sleeps", [a], [8], LEASE_MS + SLACK_MS);
    const before = b.engine.log.length;
    b.engine.resume();
    await b.engine.said(/another Eddy process has taken it over|partitions given up/, before);
    await shared("and woke up", [a, b], [4, 4], 3000 + SLACK_MS);
    expect(b.engine.running).toBe(true);

    await a.engine.kill();
    await shared("one is killed, on the same machine", [b], [8], LEASE_MS + SLACK_MS);
    await b.engine.said("a member's process is gone");
    const d = await start("d");
    await shared("another takes its place", [b, d], [4, 4], 2000 + SLACK_MS);

    pauseMs = 0;
    const last = await fed;
    await until("everything is processed and published", () => settledAt(place, last), 60_000, 20);
    expect(liveDifferences(expected, await liveOutcome(retailProgram(), place))).toEqual([]);
    for (const seat of [b, d]) await until(`${seat.name} is ready`, () => ready(seat));

    // What each tells adds up to the whole: nothing of a partition stays behind with who had it before.
    await shared("they still share", [b, d], [4, 4], LEASE_MS + SLACK_MS);
    const members = (of: readonly Metrics[]): number => of.reduce((sum, metrics) => sum + (metrics.value("eddy_segment_customers") ?? NaN), 0);
    let told: Metrics[] = [];
    await until("they tell of all members", async () => {
      told = await Promise.all([b, d].map(({ http }) => scrape(http)));
      return members(told) === expected.members.length;
    }, 10_000, 50).catch(() => undefined); // what they do tell is seen below
    const partitions = told.map((metrics) => metrics.labels("eddy_partition_offset", "partition"));
    expect(partitions.flat().sort()).toEqual(Array.from({ length: PARTITIONS }, (_, p) => String(p)));
    expect(members(told)).toBe(expected.members.length);
    for (const metrics of told) expect(metrics.value("eddy_members")).toBe(2);
  }, 600_000);

  test("more members than partitions: who has none stands by, and is ready", async () => {
    const few = await serversPlace({ partitions: 1, clock: "event" });
    const engines = [0, 1].map(() => startEngineProcess({ rules: RETAIL_RULES, place: few.flags, folder }));
    try {
      await until("one of them stands by", () => engines.some(({ log }) => log.some(({ message }) => message.includes("standing by"))));
      for (const engine of engines) {
        const http = await engine.http();
        await until("it is ready", async () => (await fetch(`${http}/readyz`)).status === 200);
      }
    } finally {
      for (const engine of engines) await engine.kill();
      await few.dispose();
    }
  });
});
