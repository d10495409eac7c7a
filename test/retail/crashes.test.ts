/**
 * The same outcome however often the engine, the store or the broker was killed on the way: the program `eddy run` as a
 * process of its own, ended at seeded moments in the middle of its work and started again, must leave what the replay of
 * the same history gives: every output exactly once and in order in its stream, the same memberships, the same traits.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LogUnavailable, StoreUnavailable } from "../../engine/ports.js";
import { startCuttingProxy, type CuttingProxy } from "../servers/cutting-proxy.js";
import { shown, startEngineProcess, type EngineProcess } from "../system/engine-process.js";
import { embeddedPlace, serversPlace, type Place, type Servers } from "../system/places.js";
import { committed, published, until } from "../system/progress.js";
import { COLLISIONS_END, collidingEvents } from "./collisions.js";
import { RETAIL_RULES, retailEventsPresent } from "./events.js";
import { appendHistory, feed, liveDifferences, liveOutcome, settledAt } from "./live.js";
import { realOrders, retailProgram } from "./program.js";
import { randomOf } from "./random.js";
import { replayed, type Replayed } from "./replayed.js";

const PARTITIONS = 4;
const SETTINGS = { partitions: PARTITIONS, clock: "event" } as const;

interface History {
  readonly lines: readonly string[];
  readonly end: number;
}

const realHistory = (events: number): History => ({ lines: realOrders().slice(0, events), end: Date.parse("2012-06-01T00:00:00Z") });
const collisions = (seed: number, customers: number): History => ({ lines: collidingEvents(seed, customers), end: COLLISIONS_END });

let folder: string;
let place: Place | null;
let proxies: CuttingProxy[];
let engine: EngineProcess | null;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "eddy-crash-"));
  place = null;
  engine = null;
  proxies = [];
});
afterEach(async ({ task }) => {
  if (task.result?.state === "fail" && engine !== null) console.error(shown(engine.log));
  await engine?.kill();
  await place?.dispose();
  for (const proxy of proxies) await proxy.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const start = (flags: readonly string[]): EngineProcess => (engine = startEngineProcess({ rules: RETAIL_RULES, place: flags, folder }));

/** Servers that are just being killed do not answer the test either. */
async function whenReachable<T>(ask: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof LogUnavailable || error instanceof StoreUnavailable) return otherwise;
    throw error;
  }
}

/** Waits until that many outputs are published; the engine must still be at work then. */
async function reached(where: Place, count: number, process: EngineProcess): Promise<void> {
  await until(`${count} outputs`, async () => {
    if (!process.running) throw new Error(`the engine ended:\n${shown(process.log)}`);
    return (await whenReachable(() => published(where), 0)) >= count;
  }, 120_000, 10);
}

async function finished(where: Place, last: number, process: EngineProcess): Promise<void> {
  await until("everything is processed and published", () => {
    if (!process.running) throw new Error(`the engine ended:\n${shown(process.log)}`);
    return whenReachable(() => settledAt(where, last), false);
  }, 120_000, 20);
}

/** Work beside the test, which asks only at its end how it went. */
function begun<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

/** Counts of outputs at which something is done to the engine: one in each of `times` equal shares, at a seeded place. */
function moments(times: number, total: number, seed: number): { readonly count: number; readonly moreMs: number }[] {
  const random = randomOf(seed);
  return Array.from({ length: times }, (_, i) => ({ count: Math.floor(((i + random()) / (times + 1.5)) * total), moreMs: Math.floor(random() * 25) }));
}

/** Starts the engine, kills it at each moment, starts it again; answers how many outputs there were at each death. */
async function killAgainAndAgain(where: Place, times: number, total: number, seed: number): Promise<number[]> {
  const deaths: number[] = [];
  for (const { count, moreMs } of moments(times, total, seed)) {
    const process = start(where.flags);
    await reached(where, count, process);
    await delay(moreMs);
    await process.kill();
    deaths.push(await published(where));
  }
  return deaths;
}

async function expectTheSame(where: Place, expected: Replayed): Promise<void> {
  expect(liveDifferences(expected, await liveOutcome(retailProgram(), where))).toEqual([]);
}

describe("SIGTERM in the middle: what is evaluated is committed and published, soon, and the next one goes on", () => {
  test.each([["embedded", embeddedPlace], ["NATS and Redis", serversPlace]] as const)("%s", async (_title, open) => {
    const { lines, end } = collisions(6, 60);
    const expected = replayed(retailProgram(), lines, end);
    const where: Place = (place = await open(SETTINGS));
    const fed = begun(feed(where, lines, end));
    for (const { count } of moments(2, expected.said.length * 0.75, 2)) {
      const process = start(where.flags);
      await process.said("running");
      await reached(where, count, process);
      const { code, ms } = await process.terminate();
      expect(code).toBe(0);
      expect(ms).toBeLessThan(15_000); // two seconds and less, where the machine has nothing else to do
      expect(await published(where)).toBe(await committed(where));
    }
    expect(await published(where)).toBeLessThan(expected.said.length);
    const process = start(where.flags);
    await finished(where, await fed, process);
    await expectTheSame(where, expected);
  }, 300_000);
});

describe("what the engine stands on goes away while it runs", () => {
  /** Runs a history through real servers and does something at each of these moments. */
  async function through(history: History, where: Servers, flags: readonly string[], times: number, disturb: (time: number) => Promise<void>, append = feed): Promise<EngineProcess> {
    const expected = replayed(retailProgram(), history.lines, history.end);
    const appended = begun(append(where, history.lines, history.end));
    if (append === appendHistory) await appended;
    const process = start(flags);
    for (const [time, { count, moreMs }] of moments(times, expected.said.length, 3).entries()) {
      await reached(where, count, process);
      await delay(moreMs);
      await disturb(time);
    }
    await finished(where, await appended, process);
    await expectTheSame(where, expected);
    return process;
  }
  const open = async (): Promise<Servers> => {
    const servers = await serversPlace({ ...SETTINGS, redis: { appendfsync: "always" } });
    place = servers;
    return servers;
  };

  test("Redis is killed and comes back", async () => {
    const where = await open();
    const process = await through(collisions(7, 100), where, where.flags, 3, () => where.redis.restart());
    expect(process.log.some(({ message }) => message.includes("the state store is not connected"))).toBe(true);
  }, 300_000);

  test("nats-server is killed and comes back", async () => {
    const where = await open();
    // It forgets what it took in its last moments (it does not wait for the disk), so the events are all there before.
    const process = await through(collisions(8, 120), where, where.flags, 3, async () => {
      await where.nats.kill();
      await where.nats.start();
    }, appendHistory);
    expect(process.log.some(({ message }) => message.includes("the event log is not connected"))).toBe(true);
  }, 300_000);

  test("connections are cut, within requests and before replies", async () => {
    const where = await open();
    const random = randomOf(9);
    const [nats, redis] = [await startCuttingProxy(where.nats.port), await startCuttingProxy(where.redis.port)];
    proxies.push(nats, redis);
    await through(collisions(9, 100), where, ["--nats", `nats://127.0.0.1:${nats.port}`, "--redis", `redis://127.0.0.1:${redis.port}`], 8, async (time) => {
      const proxy = time % 2 === 0 ? nats : redis;
      if (time % 4 < 2) proxy.cutBeforeReply();
      else proxy.cutRequestAfter(Math.floor(random() * 10_000));
      const before = proxy.cuts;
      await until("the connection is cut", () => proxy.cuts > before);
    });
    expect([nats.cuts, redis.cuts]).toEqual([4, 4]);
  }, 300_000);
});

describe("somebody goes on who should not", () => {
  test("an engine that slept while another one took over writes nothing of what it lost, says why, and takes its share again", async () => {
    const { lines, end } = collisions(10, 100);
    const expected = replayed(retailProgram(), lines, end);
    const where = (place = await serversPlace(SETTINGS));
    const fed = begun(feed(where, lines, end));
    const sleeper = start(where.flags);
    await reached(where, expected.said.length / 4, sleeper);
    sleeper.pause();
    const other = start(where.flags);
    // Before the lease has run out nobody has taken anything over: who wakes up by then shares what it has.
    await other.said("partitions taken");
    await reached(where, expected.said.length / 2, other);
    sleeper.resume();
    await sleeper.said(/partition \d: another Eddy process has taken it over/);
    await finished(where, await fed, other);
    expect(sleeper.running).toBe(true);
    await sleeper.kill();
    await expectTheSame(where, expected);
  }, 300_000);

  test("a store that went back to an older state: nothing is said twice, nothing is left out", async () => {
    const { lines, end } = collisions(11, 100);
    const expected = replayed(retailProgram(), lines, end);
    const where = await serversPlace({ ...SETTINGS, redis: { appendfsync: "always" } });
    place = where;
    const older = join(folder, "older");
    const fed = begun(feed(where, lines, end));
    const process = start(where.flags);
    for (const share of [0.15, 0.5]) {
      await reached(where, share * expected.said.length, process);
      // As a backup of that moment would be: nothing is written while it is taken.
      where.redis.pause();
      cpSync(where.redis.folder, older, { recursive: true });
      where.redis.resume();
      // More was committed since, and published: that will be the surplus.
      await reached(where, (await committed(where)) + expected.said.length / 20, process);
      await where.redis.kill();
      rmSync(where.redis.folder, { recursive: true });
      cpSync(older, where.redis.folder, { recursive: true });
      await where.redis.start();
    }
    await finished(where, await fed, process);
    expect(process.log.filter(({ message }) => message.includes("the store is older than this process's memory")).length).toBeGreaterThanOrEqual(2);
    await expectTheSame(where, expected);
  }, 300_000);
});

test("the broker lost the end of an output stream: it is published again, even when nothing new happens", async () => {
  const { lines, end } = collisions(12, 100);
  const expected = replayed(retailProgram(), lines, end);
  const where = await serversPlace(SETTINGS);
  place = where;
  const stream = join(where.nats.folder, "store/jetstream/$G/streams/OUT_0");
  const older = join(folder, "older");
  const fed = begun(feed(where, lines, end));
  const process = start(where.flags);
  await reached(where, expected.said.length / 2, process);
  await where.nats.pause();
  cpSync(stream, older, { recursive: true });
  where.nats.resume();
  await finished(where, await fed, process);
  const before = await where.ports.outputs.last(0);
  await where.nats.kill();
  rmSync(stream, { recursive: true });
  cpSync(older, stream, { recursive: true });
  await where.nats.start();
  await process.said("OUT_0 lost its end");
  await until("it has all outputs again", () => whenReachable(async () => (await where.ports.outputs.last(0)) === before, false));
  await expectTheSame(where, expected);
}, 300_000);

test("engine, store and broker are killed at the same moment, three times", async () => {
  const { lines, end } = collisions(13, 120);
  const expected = replayed(retailProgram(), lines, end);
  const where = await serversPlace({ ...SETTINGS, redis: { appendfsync: "always" } });
  place = where;
  const last = await appendHistory(where, lines, end);
  for (const { count, moreMs } of moments(3, expected.said.length, 5)) {
    const process = start(where.flags);
    await reached(where, count, process);
    await delay(moreMs);
    await Promise.all([process.kill(), where.redis.kill(), where.nats.kill()]);
    await Promise.all([where.redis.start(), where.nats.start()]);
  }
  const process = start(where.flags);
  await finished(where, last, process);
  await expectTheSame(where, expected);
}, 300_000);

describe("the engine is killed again and again", () => {
  const cases: readonly { readonly title: string; readonly times: number; readonly open: () => Promise<Place>; readonly history: () => History; readonly append: typeof feed; readonly skip: boolean }[] = [
    { title: "embedded, instants that collide, events as they come", times: 4, open: () => embeddedPlace(SETTINGS), history: () => collisions(4, 80), append: feed, skip: false },
    { title: "NATS and Redis, instants that collide, events as they come", times: 4, open: () => serversPlace(SETTINGS), history: () => collisions(5, 80), append: feed, skip: false },
    { title: "NATS and Redis, 2,000 real orders, waiting", times: 4, open: () => serversPlace(SETTINGS), history: () => realHistory(2_000), append: appendHistory, skip: !retailEventsPresent },
  ];
  for (const { title, times, open, history, append, skip } of cases) {
    test.skipIf(skip)(skip ? `${title} (skipped: the shared data is not here)` : title, async () => {
      const { lines, end } = history();
      const expected = replayed(retailProgram(), lines, end);
      const where = (place = await open());
      const appended = begun(append(where, lines, end));
      if (append === appendHistory) await appended;
      const deaths = await killAgainAndAgain(where, times, expected.said.length, 1);
      // Every death was in the middle, and between them the work went on.
      expect(Math.max(...deaths)).toBeLessThan(expected.said.length);
      expect(new Set(deaths).size).toBeGreaterThanOrEqual(Math.ceil(times / 2) + 1);
      const process = start(where.flags);
      await finished(where, await appended, process);
      expect((await process.terminate()).code).toBe(0);
      await expectTheSame(where, expected);
    }, 300_000);
  }
});
