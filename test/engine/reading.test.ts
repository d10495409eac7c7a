/**
 * One reading of the log for partitions that come and go: each is offered its own records, every one behind its position
 * once and in order; and none says that it has seen more than was handed to it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LogChanged, LogClosed, type LogReader, type LogRecord } from "../../engine/ports.js";
import { startReading, type Place, type Reading } from "../../engine/reading.js";
import { SIZES, type Sizes } from "../../engine/sizes.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { eventSubject, partition as partitionOf, populationSubject, tickSubject } from "../../engine/subjects.js";
import type { Worker } from "../../engine/worker.js";
import { newWorld, opened, simulatedEnvironment } from "./simulated-ports.js";

const PARTITIONS = 3;
const CUSTOMERS = ["ann", "bob", "cid", "dee", "eve", "gus"];

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const turns = async (n: number): Promise<void> => { for (let i = 0; i < n; i++) await turn(); };

interface Log {
  readonly records: LogRecord[];
  first: number;
  /** Readers that are open. */
  open: number;
}

/** Gives a few records at a time, when it is asked. */
function reader(log: Log, from: number, slow: () => number): LogReader {
  let next = Math.max(from, log.first);
  let isClosed = false;
  log.open++;
  return {
    async ready() {
      for (let i = 0; i < 3 && !isClosed; i++) {
        await turns(slow());
        if (next <= log.records.length) break;
      }
      if (isClosed) throw new LogClosed("closed");
    },
    take() {
      const taken = log.records.slice(next - 1, next + 3 * slow());
      next += taken.length;
      return taken;
    },
    get lag() { return log.records.length - next + 1; },
    close() {
      if (!isClosed) log.open--;
      isClosed = true;
      return Promise.resolve();
    },
  };
}

interface Held {
  readonly place: Place;
  readonly worker: Worker;
  readonly offset: number;
  readonly offered: number[];
  seen: number;
  /** It takes nothing of what it is offered; what it was offered before is gone. */
  stalled: boolean;
  waiting: number;
  /** Works off what waits, but for so many. */
  drain(left?: number): void;
}

const BODY = 10;

function hold(reading: Reading, index: number, offset: number): Held {
  const offered: number[] = [];
  const worker: Worker = {
    index, cachedCustomers: 0, nextDue: () => Infinity,
    offer({ sequence }) {
      offered.push(sequence);
      if (held.stalled) held.waiting++;
    },
    get backlog() { return held.waiting; }, get backlogBytes() { return held.waiting * BODY; }, get idle() { return held.waiting === 0; },
    nudge: () => undefined, settle: () => undefined, compare: () => undefined, abandon: () => undefined, finish: () => Promise.resolve(), ended: new Promise(() => undefined),
    evaluated: new Promise(() => undefined), switching: null, leftover: () => [],
  };
  const held: Held = {
    place: reading.place(), worker, offset, offered, seen: 0, stalled: false, waiting: 0,
    drain(left = 0) {
      held.stalled = left > 0;
      held.waiting = Math.min(held.waiting, left);
    },
  };
  return held;
}

const concerns = (record: LogRecord, index: number): boolean => record.subject.startsWith("events.eddy_population.") ||
  (record.subject.startsWith("events.eddy_tick.") ? record.subject === tickSubject(index) : partitionOf(record.subject.split(".")[2] ?? "", PARTITIONS) === index);

interface Begun {
  readonly reading: Reading;
  readonly failures: Error[];
  readonly over: AbortController;
  readonly stats: EngineStats;
}

/** So long does a turn of the loops seem to take to who is asked how long others have been held up. */
const TURN_SECONDS = 0.01;

function begin(log: Log, slow: () => number, sizes: Sizes = SIZES): Begun {
  const world = newWorld(PARTITIONS);
  const ports = opened(world, () => "none", () => 10);
  const over = new AbortController();
  const failures: Error[] = [];
  const stats = engineStats();
  let now = 0;
  const reading = startReading({
    ports: {
      ...ports, log: {
        ...ports.log, read: async (from) => {
          await turns(slow());
          return reader(log, from, slow);
        },
        info: () => Promise.resolve({ identity: "one", clock: "event", partitions: PARTITIONS, first: log.first, last: log.records.length }),
      },
    },
    options: { cacheCustomers: 1, limits: { maxOutbox: 1, keepPublished: 1 }, sizes }, stats,
    environment: { ...simulatedEnvironment(world), seconds: () => (now += TURN_SECONDS) },
    partitions: PARTITIONS, signal: over.signal, failed: (error) => void failures.push(error),
  });
  return { reading, failures, over, stats };
}

function append(log: Log, what: number): void {
  const sequence = log.records.length + 1;
  const subject = what < CUSTOMERS.length ? eventSubject("seen", CUSTOMERS[what] ?? "") : what === CUSTOMERS.length ? populationSubject(1) : tickSubject(what % PARTITIONS);
  log.records.push({ sequence, stamp: sequence * 10, subject, headers: null, body: new Uint8Array() });
}

const SMALL: Sizes = { ...SIZES, queue: 4, queueBytes: 200 };
/** What a take brings beside what was there. */
const MOST_OVER = 12;

function stall(held: Held | undefined): void {
  if (held !== undefined) held.stalled = true;
}

test("partitions that come and go and stand still, at any position and any moment", async () => {
  const step = fc.oneof(
    fc.record({ k: fc.constant("append" as const), what: fc.array(fc.nat({ max: CUSTOMERS.length + PARTITIONS }), { minLength: 1, maxLength: 12 }) }),
    // How far behind the end of the log the joining ones stand.
    fc.record({ k: fc.constant("join" as const), who: fc.uniqueArray(fc.nat({ max: PARTITIONS - 1 }), { minLength: 1 }), back: fc.nat({ max: 30 }) }),
    fc.record({ k: fc.constant("leave" as const), who: fc.nat({ max: PARTITIONS - 1 }) }),
    fc.record({ k: fc.constant("wait" as const), turns: fc.nat({ max: 12 }) }),
    fc.record({ k: fc.constant("wait" as const), turns: fc.constantFrom(60, 400) }),
    fc.record({ k: fc.constant("stall" as const), who: fc.nat({ max: PARTITIONS - 1 }) }),
    fc.record({ k: fc.constant("drain" as const), who: fc.nat({ max: PARTITIONS - 1 }), left: fc.nat({ max: 3 }) }),
  );
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat({ max: 3 })), fc.constantFrom(SMALL, SIZES), async (steps, pace, sizes) => {
    const log: Log = { records: [], first: 1, open: 0 };
    const { reading, failures, over } = begin(log, () => pace.next().value ?? 0, sizes);
    const held = new Map<number, Held>();
    const check = (index: number, of: Held): void => {
      const { place, offset, offered } = of;
      const seen = reading.seen(place).sequence;
      expect(seen).toBeGreaterThanOrEqual(of.seen);
      of.seen = seen;
      const own = log.records.filter((record) => concerns(record, index) && record.sequence > offset).map(({ sequence }) => sequence);
      // In order, each once, none left out; and all up to what is said to be seen.
      expect(offered).toEqual(own.slice(0, offered.length));
      expect(own.filter((sequence) => sequence <= seen && !offered.includes(sequence))).toEqual([]);
      expect(log.open).toBeLessThanOrEqual(3);
      if (sizes === SMALL) expect(of.waiting).toBeLessThanOrEqual(sizes.queue + MOST_OVER);
    };
    for (const one of steps) {
      if (one.k === "append") for (const what of one.what) append(log, what);
      else if (one.k === "wait") await turns(one.turns);
      else if (one.k === "stall") stall(held.get(one.who));
      else if (one.k === "drain") held.get(one.who)?.drain(one.left);
      else if (one.k === "leave") {
        const leaving = held.get(one.who);
        if (leaving === undefined) continue;
        reading.leave(one.who, leaving.place);
        const { length } = leaving.offered;
        held.delete(one.who);
        check(one.who, leaving);
        await turns(2);
        expect(leaving.offered).toHaveLength(length);
      } else {
        const joining = one.who.filter((index) => !held.has(index)).map((index) => [index, hold(reading, index, Math.max(0, log.records.length - one.back - index))] as const);
        for (const [index, each] of joining) {
          expect(reading.seen(each.place).sequence).toBe(0);
          held.set(index, each);
        }
        reading.join(joining.map(([, each]) => each));
      }
      for (const [index, each] of held) check(index, each);
    }
    for (const each of held.values()) each.drain();
    append(log, 0);
    await turns(400);
    for (const [index, each] of held) {
      check(index, each);
      expect(each.offered).toEqual(log.records.filter((record) => concerns(record, index) && record.sequence > each.offset).map(({ sequence }) => sequence));
      // With nothing left to read they have all seen the end, by one reader.
      expect(reading.seen(each.place).sequence).toBe(log.records.length);
      expect(reading.unread(each.place)).toBe(0);
    }
    expect(log.open).toBe(held.size > 0 ? 1 : 0);
    over.abort();
    await reading.close();
    await turns(20);
    expect(log.open).toBe(0);
    expect(failures).toEqual([]);
  }), { numRuns: 200 });
});

test("a newcomer's backlog holds nobody up", async () => {
  const log: Log = { records: [], first: 1, open: 0 };
  for (let n = 0; n < 500; n++) append(log, n % CUSTOMERS.length);
  const { reading, over } = begin(log, () => 1);
  const early = hold(reading, 0, 480);
  reading.join([early]);
  await turns(200);
  const late = hold(reading, 1, 0);
  reading.join([late]);
  await turns(10);
  append(log, CUSTOMERS.length); // one for all
  await turns(30);
  expect(early.offered.at(-1)).toBe(501);
  expect(late.offered.at(-1)).toBeLessThan(501);
  expect(reading.seen(late.place).sequence).toBeLessThan(reading.seen(early.place).sequence);
  await turns(3_000);
  expect(late.offered.at(-1)).toBe(501);
  expect(log.open).toBe(1);
  over.abort();
  await reading.close();
});

test("records that a limit removed before they were read are no end of the work without a word", async () => {
  const log: Log = { records: [], first: 1, open: 0 };
  for (let n = 0; n < 50; n++) append(log, n % CUSTOMERS.length);
  log.first = 20;
  const { reading, failures, over } = begin(log, () => 0);
  reading.join([hold(reading, 0, 10)]);
  await turns(20);
  expect(failures).toEqual([expect.any(LogChanged)]);
  over.abort();
  await reading.close();
});

test("who catches up and is joined by one still further behind goes on from where it was, and says so", async () => {
  const log: Log = { records: [], first: 1, open: 0 };
  for (let n = 0; n < 600; n++) append(log, n % CUSTOMERS.length);
  const { reading, over } = begin(log, () => 1);
  const [first, second, third] = [hold(reading, 0, 590), hold(reading, 1, 300), hold(reading, 2, 0)];
  reading.join([first]);
  await turns(100);
  reading.join([second]);
  await turns(40);
  const seen = reading.seen(second.place).sequence;
  expect(seen).toBeGreaterThan(300);
  expect(seen).toBeLessThan(600);
  reading.join([third]);
  expect(reading.seen(second.place).sequence).toBe(seen);
  await turns(20);
  expect(reading.seen(third.place).sequence).toBeLessThan(300);
  expect(reading.seen(second.place).sequence).toBe(seen);
  await turns(3_000);
  for (const [index, { offered, offset }] of [first, second, third].entries()) {
    expect(offered).toEqual(log.records.filter((record) => concerns(record, index) && record.sequence > offset).map(({ sequence }) => sequence));
  }
  expect(log.open).toBe(1);
  over.abort();
  await reading.close();
});

test("one that takes nothing more is left behind, and goes on where it stood when it has worked off its queue", async () => {
  const log: Log = { records: [], first: 1, open: 0 };
  const { reading, over, failures, stats } = begin(log, () => 1, { ...SIZES, queue: 20 });
  const all = [hold(reading, 0, 0), hold(reading, 1, 0), hold(reading, 2, 0)];
  const [stalled, ...others] = all as [Held, Held, Held];
  for (const index of [0, 1, 2]) stats.partitions.set(index, { lag: 0, outboxPending: 0, clock: 0, offset: 0, stopped: null, program: "" });
  reading.join(all);
  stall(stalled);
  for (let n = 0; n < 600; n++) append(log, n % (CUSTOMERS.length + 1));
  await turns(3_000);
  const own = (index: number): number[] => log.records.filter((record) => concerns(record, index)).map(({ sequence }) => sequence);
  for (const [i, { offered }] of others.entries()) expect(offered).toEqual(own(i + 1));
  expect(stalled.offered.length).toBeGreaterThan(20);
  expect(stalled.offered.length).toBeLessThan(20 + MOST_OVER);
  const at = reading.seen(stalled.place).sequence;
  expect(own(0).filter((sequence) => sequence <= at)).toEqual(stalled.offered);
  expect([reading.unread(stalled.place), reading.lag()]).toEqual([600 - at, 600 - at]);
  expect(stats.partitions.get(0)?.lag).toBe(600 - at + stalled.waiting);
  expect(log.open).toBe(1);
  // Not before most of it is worked off.
  stalled.drain(10);
  await turns(500);
  expect(reading.seen(stalled.place).sequence).toBe(at);
  stalled.drain();
  await turns(3_000);
  expect(stalled.offered).toEqual(own(0));
  expect([reading.unread(stalled.place), reading.lag(), log.open]).toEqual([0, 0, 1]);
  over.abort();
  await reading.close();
  expect(failures).toEqual([]);
});

test("who stands still by its bytes does not hold the others up either", async () => {
  const log: Log = { records: [], first: 1, open: 0 };
  const { reading, over } = begin(log, () => 1, { ...SIZES, queueBytes: 800 });
  const [stalled, other] = [hold(reading, 0, 0), hold(reading, 1, 0)];
  reading.join([stalled, other]);
  stall(stalled);
  for (let n = 0; n < 600; n++) append(log, n % CUSTOMERS.length);
  await turns(3_000);
  expect(other.offered.at(-1)).toBe(log.records.findLastIndex((record) => concerns(record, 1)) + 1);
  expect(stalled.waiting * BODY).toBeLessThanOrEqual(200 + MOST_OVER * BODY);
  over.abort();
  await reading.close();
});

test("one that is given up while it stands still is gone, and nothing is read for it", async () => {
  const log: Log = { records: [], first: 1, open: 0 };
  const { reading, over } = begin(log, () => 1, { ...SIZES, queue: 20 });
  const [stalled, other] = [hold(reading, 0, 0), hold(reading, 1, 0)];
  reading.join([stalled, other]);
  stall(stalled);
  for (let n = 0; n < 600; n++) append(log, n % CUSTOMERS.length);
  await turns(3_000);
  const { length } = stalled.offered;
  reading.leave(0, stalled.place);
  stalled.drain();
  await turns(100);
  expect(stalled.offered).toHaveLength(length);
  expect([reading.lag(), reading.unread(stalled.place)]).toEqual([0, null]);
  over.abort();
  await reading.close();
  await turns(20);
  expect(log.open).toBe(0);
});

test("where all have more to do than they can, nobody is left behind: the log is read once", async () => {
  const log: Log = { records: [], first: 1, open: 0 };
  let opened = 0;
  const counted: Log = { get records() { return log.records; }, first: 1, get open() { return log.open; }, set open(open) { if (open > log.open) opened++; log.open = open; } };
  const { reading, over } = begin(counted, () => 1, { ...SIZES, queue: 20 });
  const all = [hold(reading, 0, 0), hold(reading, 1, 0), hold(reading, 2, 0)];
  reading.join(all);
  for (const each of all) stall(each);
  // The first of them has the most to do; the others are done with theirs now and then.
  for (let n = 0; n < 3_000; n++) append(log, n % 2 === 0 ? 0 : n % CUSTOMERS.length);
  for (let n = 0; n < 2_000; n++) {
    await turn();
    const worker = all[n % 3];
    if (worker !== undefined) worker.waiting = Math.max(0, worker.waiting - 6);
  }
  expect(opened).toBe(1);
  expect(Math.max(...all.map(({ place }) => reading.seen(place).sequence))).toBeGreaterThan(1_000);
  over.abort();
  await reading.close();
});
