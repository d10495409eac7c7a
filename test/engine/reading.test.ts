/**
 * One reading of the log for partitions that come and go: each is offered its own records, every one behind its position
 * once and in order; and none says that it has seen more than was handed to it.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { LogChanged, LogClosed, type LogReader, type LogRecord } from "../../engine/ports.js";
import { startReading, type Place, type Reading } from "../../engine/reading.js";
import { SIZES } from "../../engine/sizes.js";
import { engineStats } from "../../engine/stats.js";
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
}

function hold(reading: Reading, index: number, offset: number): Held {
  const offered: number[] = [];
  const worker: Worker = {
    index, offer: ({ sequence }) => void offered.push(sequence), backlog: 0, backlogBytes: 0, cachedCustomers: 0, nextDue: () => Infinity, idle: true,
    nudge: () => undefined, settle: () => undefined, compare: () => undefined, abandon: () => undefined, finish: () => Promise.resolve(), ended: new Promise(() => undefined),
  };
  return { place: reading.place(), worker, offset, offered, seen: 0 };
}

const concerns = (record: LogRecord, index: number): boolean => record.subject.startsWith("events.eddy_population.") ||
  (record.subject.startsWith("events.eddy_tick.") ? record.subject === tickSubject(index) : partitionOf(record.subject.split(".")[2] ?? "", PARTITIONS) === index);

function begin(log: Log, slow: () => number): { readonly reading: Reading; readonly failures: Error[]; readonly over: AbortController } {
  const world = newWorld(PARTITIONS);
  const ports = opened(world, () => "none", () => 10);
  const over = new AbortController();
  const failures: Error[] = [];
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
    options: { cacheCustomers: 1, limits: { maxOutbox: 1, keepPublished: 1 }, sizes: SIZES }, environment: simulatedEnvironment(world), stats: engineStats(),
    partitions: PARTITIONS, signal: over.signal, failed: (error) => void failures.push(error),
  });
  return { reading, failures, over };
}

function append(log: Log, what: number): void {
  const sequence = log.records.length + 1;
  const subject = what < CUSTOMERS.length ? eventSubject("seen", CUSTOMERS[what] ?? "") : what === CUSTOMERS.length ? populationSubject(1) : tickSubject(what % PARTITIONS);
  log.records.push({ sequence, stamp: sequence * 10, subject, headers: null, body: new Uint8Array() });
}

test("partitions that come and go, at any position and any moment", async () => {
  const step = fc.oneof(
    fc.record({ k: fc.constant("append" as const), what: fc.array(fc.nat({ max: CUSTOMERS.length + PARTITIONS }), { minLength: 1, maxLength: 12 }) }),
    // How far behind the end of the log the joining ones stand.
    fc.record({ k: fc.constant("join" as const), who: fc.uniqueArray(fc.nat({ max: PARTITIONS - 1 }), { minLength: 1 }), back: fc.nat({ max: 30 }) }),
    fc.record({ k: fc.constant("leave" as const), who: fc.nat({ max: PARTITIONS - 1 }) }),
    fc.record({ k: fc.constant("wait" as const), turns: fc.nat({ max: 12 }) }),
    fc.record({ k: fc.constant("wait" as const), turns: fc.constant(60) }),
  );
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat({ max: 3 })), async (steps, pace) => {
    const log: Log = { records: [], first: 1, open: 0 };
    const { reading, failures, over } = begin(log, () => pace.next().value ?? 0);
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
    };
    for (const one of steps) {
      if (one.k === "append") for (const what of one.what) append(log, what);
      else if (one.k === "wait") await turns(one.turns);
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
    append(log, 0);
    await turns(300);
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
