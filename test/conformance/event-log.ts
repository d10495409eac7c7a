/**
 * What every event log must do, as tests: the contract of EventLog and LogReader in engine/ports.ts. Each adapter runs
 * this suite on the real thing, and tests its own failures (servers that die, connections that break) beside it.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import {
  LogChanged,
  LogClosed,
  LogFull,
  type ClockKind,
  type ConnectionState,
  type EventLog,
  type LogReader,
  type LogRecord,
  type NewRecord,
} from "../../engine/ports.js";
import { eventSubject, tickSubject } from "../../engine/subjects.js";

export interface EventLogSettings {
  readonly clock: ClockKind;
  readonly partitions: number;
  /** The log must refuse records before it holds this many bytes of bodies. */
  readonly maxBytes?: number;
}

/** An empty log, made anew for every test. What an adapter cannot do it leaves out, and the tests of it are skipped. */
export interface EventLogFixture {
  readonly log: EventLog;
  /** Another log on the same data, beside the first; the fixture closes it in the end. */
  another(): Promise<EventLog>;
  /** Closes the log and opens it again on the same data, as a process does that starts anew. */
  reopen(): Promise<EventLog>;
  /** Removes all records below the sequence, as a limit does. */
  removeBelow?(sequence: number): Promise<void>;
  /** Removes one record in the middle, as an erasure may. */
  removeOne?(sequence: number): Promise<void>;
  /** Deletes the log and makes an empty one in its place. */
  recreate?(): Promise<void>;
  dispose(): Promise<void>;
}

export interface EventLogAbilities {
  readonly removeBelow: boolean;
  readonly removeOne: boolean;
  readonly recreate: boolean;
  readonly maxBytes: boolean;
}

const SETTINGS: EventLogSettings = { clock: "broker", partitions: 8 };
const encoder = new TextEncoder();
const text = (body: Uint8Array): string => new TextDecoder().decode(body);

export function recordOf(number: number, parts: Partial<NewRecord> = {}): NewRecord {
  return { subject: eventSubject("seen", `c${number % 7}`), body: `{"n":${number}}`, ...parts };
}

/** Takes until `count` records are there; fails when nothing comes for `patienceMs`. */
export async function takeMany(reader: LogReader, count: number, limit = 1_000, patienceMs = 60_000): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  while (records.length < count) {
    await reader.ready(patienceMs);
    const taken = reader.take(Math.min(limit, count - records.length));
    if (taken.length === 0) throw new Error(`${records.length} of ${count} records came, then none for ${patienceMs} ms`);
    records.push(...taken);
  }
  return records;
}

export const sequences = (records: readonly { readonly sequence: number }[]): number[] => records.map(({ sequence }) => sequence);
export const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => from + i);

export function eventLogSuite(
  name: string,
  makeFixture: (settings: EventLogSettings) => Promise<EventLogFixture>,
  abilities: EventLogAbilities,
): void {
  describe(`event log: ${name}`, () => {
    let fixture: EventLogFixture;
    let log: EventLog;
    const readers: LogReader[] = [];

    const read = async (from: number, of: EventLog = log): Promise<LogReader> => {
      const reader = await of.read(from);
      readers.push(reader);
      return reader;
    };

    beforeEach(async () => {
      fixture = await makeFixture(SETTINGS);
      log = fixture.log;
    });
    afterEach(async () => {
      for (const reader of readers.splice(0)) await reader.close();
      await fixture.dispose();
    });

    describe("info and at", () => {
      test("an empty log begins at 1 and ends at 0", async () => {
        expect(await log.info()).toEqual({ identity: expect.any(String), clock: "broker", partitions: 8, first: 1, last: 0 });
      });

      test("the identity stays, for others and after opening again", async () => {
        const { identity } = await log.info();
        expect(identity).not.toBe("");
        await log.append([recordOf(1)]);
        expect((await (await fixture.another()).info()).identity).toBe(identity);
        expect(await (await fixture.reopen()).info()).toMatchObject({ identity, first: 1, last: 1 });
      });

      test("clock and partitions are those of the set-up", async () => {
        await fixture.dispose();
        fixture = await makeFixture({ clock: "event", partitions: 3 });
        log = fixture.log;
        expect(await log.info()).toMatchObject({ clock: "event", partitions: 3 });
      });

      test("at gives sequence, stamp and subject, and null where there is nothing", async () => {
        const before = Date.now();
        await log.append([recordOf(1), recordOf(2)]);
        const after = Date.now();
        const found = await log.at(2);
        expect(found).toMatchObject({ sequence: 2, subject: recordOf(2).subject });
        expect(Number.isInteger(found?.stamp)).toBe(true);
        expect(found?.stamp).toBeGreaterThanOrEqual(before - 1);
        expect(found?.stamp).toBeLessThanOrEqual(after + 1);
        expect(await log.at(3)).toBeNull();
        expect(await log.at(0)).toBeNull();
      });
    });

    describe("append", () => {
      test("gives out sequences from 1, in order and without gaps", async () => {
        expect(await log.append(range(1, 1_500).map((n) => recordOf(n)))).toEqual(
          range(1, 1_500).map((sequence) => ({ sequence, duplicate: false })),
        );
        expect(await log.append([recordOf(1_501)])).toEqual([{ sequence: 1_501, duplicate: false }]);
        expect(await log.info()).toMatchObject({ first: 1, last: 1_501 });
      });

      test("nothing to append is fine", async () => {
        expect(await log.append([])).toEqual([]);
        expect((await log.info()).last).toBe(0);
      });

      test("the same id again is a duplicate of the first, also within one call and for others", async () => {
        const first = await log.append([recordOf(1, { id: "c1/shop/1" }), recordOf(2, { id: "c1/shop/2" }), recordOf(3, { id: "c1/shop/1" })]);
        expect(first).toEqual([
          { sequence: 1, duplicate: false },
          { sequence: 2, duplicate: false },
          { sequence: 1, duplicate: true },
        ]);
        const others = await fixture.another();
        expect(await others.append([recordOf(9, { id: "c1/shop/2" }), recordOf(4, { id: "c1/shop/3" })])).toEqual([
          { sequence: 2, duplicate: true },
          { sequence: 3, duplicate: false },
        ]);
        const records = await takeMany(await read(1), 3);
        expect(records.map(({ body }) => text(body))).toEqual(['{"n":1}', '{"n":2}', '{"n":4}']);
      });

      test("records without an id are never duplicates", async () => {
        expect((await log.append([recordOf(1), recordOf(1)])).map(({ duplicate }) => duplicate)).toEqual([false, false]);
      });

      test("ids of any kind are told apart", async () => {
        const ids = ["a", " a", "a ", "a\n", "a\r\nNats-Msg-Id: b", "b", '"a"', '"a\\n"', "ż", "z", "%20", " ", "\u0000", "😀", "\ud83d"];
        const appended = await log.append(ids.map((id, n) => recordOf(n, { id })));
        expect(appended).toEqual(ids.map((_, i) => ({ sequence: i + 1, duplicate: false })));
        expect(await log.append(ids.map((id, n) => recordOf(n, { id })))).toEqual(ids.map((_, i) => ({ sequence: i + 1, duplicate: true })));
      });

      test("two writers at once interleave, and both get the sequences of their own records", async () => {
        const others = await fixture.another();
        const [mine, theirs] = await Promise.all([
          log.append(range(1, 500).map((n) => recordOf(n, { body: `mine ${n}` }))),
          others.append(range(1, 500).map((n) => recordOf(n, { body: `theirs ${n}` }))),
        ]);
        const records = await takeMany(await read(1), 1_000);
        expect(sequences(records)).toEqual(range(1, 1_000));
        for (const [who, appended] of [["mine", mine], ["theirs", theirs]] as const) {
          expect(appended.map(({ sequence }) => text(records[sequence - 1]?.body ?? new Uint8Array()))).toEqual(
            range(1, 500).map((n) => `${who} ${n}`),
          );
        }
      });

      test("what was appended is there after opening again", async () => {
        await log.append(range(1, 100).map((n) => recordOf(n)));
        log = await fixture.reopen();
        expect(sequences(await takeMany(await read(1), 100))).toEqual(range(1, 100));
        expect(await log.append([recordOf(101)])).toEqual([{ sequence: 101, duplicate: false }]);
      });
    });

    describe("ofCustomer", () => {
      test("gives the records of one customer, whatever their types, oldest first", async () => {
        const mine = range(1, 40).map((n) => ({ subject: eventSubject(n % 2 === 0 ? "seen" : "order_placed", "c4"), body: `mine ${n}` }));
        const others = range(1, 40).map((n) => ({ subject: eventSubject("seen", n % 2 === 0 ? "c42" : "xc4"), body: `other ${n}` }));
        await log.append(mine.flatMap((record, i) => [record, ...others.slice(i, i + 1)]));
        const records = await log.ofCustomer("c4", 100);
        expect(records.map(({ body }) => text(body))).toEqual(mine.map(({ body }) => body));
        expect(records.map(({ subject }) => subject)).toEqual(mine.map(({ subject }) => subject));
        expect(sequences(records)).toEqual(range(0, 39).map((i) => 1 + 2 * i));
        for (const record of records.slice(0, 3)) expect((await log.at(record.sequence))?.stamp).toBe(record.stamp);
      });

      test("of more than the limit it gives the newest, and of nobody nothing", async () => {
        expect(await log.ofCustomer("c4", 10)).toEqual([]);
        await log.append(range(1, 50).map((n) => ({ subject: eventSubject("seen", "c4"), body: `mine ${n}` })));
        expect((await log.ofCustomer("c4", 7)).map(({ body }) => text(body))).toEqual(range(44, 50).map((n) => `mine ${n}`));
        expect(await log.ofCustomer("nobody", 10)).toEqual([]);
      });
    });

    describe("read", () => {
      test("gives every record as it was appended", async () => {
        const every = Uint8Array.from(range(0, 255));
        const bodies = ["", '{"name":"Łódź 😀"}', every, encoder.encode("x".repeat(300_000))];
        const subjects = [eventSubject("order_placed", "c42"), eventSubject("seen", "Łódź/1.2 *>%"), tickSubject(3), eventSubject("seen", "x")];
        await log.append(bodies.map((body, i) => ({ subject: subjects[i] ?? "", body })));
        const records = await takeMany(await read(1), 4);
        expect(sequences(records)).toEqual([1, 2, 3, 4]);
        expect(records.map(({ subject }) => subject)).toEqual(subjects);
        expect(records.map(({ headers }) => headers)).toEqual([null, null, null, null]);
        records.forEach((record, i) => {
          const body = bodies[i] ?? "";
          expect(Buffer.compare(record.body, typeof body === "string" ? encoder.encode(body) : body)).toBe(0);
        });
        for (const record of records) {
          expect(await log.at(record.sequence)).toEqual({ sequence: record.sequence, stamp: record.stamp, subject: record.subject });
        }
      });

      test("stamps are whole milliseconds and do not go back", async () => {
        await log.append(range(1, 300).map((n) => recordOf(n)));
        const stamps = (await takeMany(await read(1), 300)).map(({ stamp }) => stamp);
        expect(stamps.every(Number.isInteger)).toBe(true);
        expect(stamps).toEqual([...stamps].sort((a, b) => a - b));
        expect(Math.abs((stamps[0] ?? 0) - Date.now())).toBeLessThan(60_000);
      });

      test("header names, where there are headers, are in lower case", async () => {
        await log.append([recordOf(1, { id: "with-an-id" })]);
        const headers = (await takeMany(await read(1), 1))[0]?.headers ?? null;
        for (const header of headers?.keys() ?? []) expect(header).toBe(header.toLowerCase());
      });

      test("begins in the middle", async () => {
        await log.append(range(1, 50).map((n) => recordOf(n)));
        expect(sequences(await takeMany(await read(31), 20))).toEqual(range(31, 50));
      });

      test("begins at the end and gets what comes", async () => {
        await log.append([recordOf(1)]);
        const reader = await read(2);
        await reader.ready(30);
        expect(reader.take(10)).toEqual([]);
        await log.append([recordOf(2), recordOf(3)]);
        expect(sequences(await takeMany(reader, 2))).toEqual([2, 3]);
      });

      test("begins beyond the end and gets nothing from before", async () => {
        const reader = await read(4);
        await log.append(range(1, 5).map((n) => recordOf(n)));
        expect(sequences(await takeMany(reader, 2))).toEqual([4, 5]);
      });

      test("waits for records and is woken by them", async () => {
        const reader = await read(1);
        const ready = reader.ready(15_000);
        await log.append([recordOf(1)]);
        const started = performance.now();
        await ready;
        expect(performance.now() - started).toBeLessThan(5_000);
        expect(sequences(reader.take(10))).toEqual([1]);
      });

      test("gives up waiting when the time is over", async () => {
        const reader = await read(1);
        const started = performance.now();
        await reader.ready(40);
        expect(performance.now() - started).toBeGreaterThanOrEqual(35);
        expect(reader.take(10)).toEqual([]);
        await reader.ready(0);
      });

      test("take gives at most what is asked for, and at once", async () => {
        await log.append(range(1, 10).map((n) => recordOf(n)));
        const reader = await read(1);
        expect(sequences(await takeMany(reader, 10, 3))).toEqual(range(1, 10));
        expect(reader.take(5)).toEqual([]);
        expect(reader.take(0)).toEqual([]);
      });

      test("many records, taken in odd pieces while more are appended, come once each and in order", async () => {
        const total = 40_000;
        const reader = await read(1);
        const appending = (async () => {
          for (let n = 1; n <= total; n += 2_000) await log.append(range(n, n + 1_999).map((i) => recordOf(i)));
        })();
        const taken: number[] = [];
        let limit = 1;
        while (taken.length < total) {
          await reader.ready(60_000);
          const records = reader.take(limit);
          if (records.length === 0) throw new Error(`${taken.length} of ${total} records came, then none`);
          for (const { sequence, body } of records) {
            taken.push(sequence);
            if (text(body) !== `{"n":${sequence}}`) throw new Error(`record ${sequence} holds ${text(body)}`);
          }
          limit = (limit * 7) % 1_013 + 1;
        }
        await appending;
        expect(taken).toEqual(range(1, total));
        expect(reader.lag).toBe(0);
      });

      test("bodies that were taken stay as they are while reading goes on", async () => {
        await log.append(range(1, 5_000).map((n) => recordOf(n)));
        const reader = await read(1);
        const kept = await takeMany(reader, 100);
        await takeMany(reader, 4_900);
        await log.append(range(5_001, 10_000).map((n) => recordOf(n)));
        await takeMany(reader, 5_000);
        expect(kept.map(({ body }) => text(body))).toEqual(range(1, 100).map((n) => `{"n":${n}}`));
      });

      test("lag counts what was not taken", async () => {
        await log.append(range(1, 100).map((n) => recordOf(n)));
        const reader = await read(11);
        await reader.ready(60_000);
        expect(reader.lag).toBe(90);
        await takeMany(reader, 40);
        expect(reader.lag).toBe(50);
        await takeMany(reader, 50);
        expect(reader.lag).toBe(0);
        await log.append([recordOf(101)]);
        await reader.ready(60_000);
        expect(reader.lag).toBe(1);
      });

      test("two readers do not disturb each other", async () => {
        await log.append(range(1, 300).map((n) => recordOf(n)));
        const [one, two] = [await read(1), await read(101)];
        expect(sequences(await takeMany(one, 150))).toEqual(range(1, 150));
        expect(sequences(await takeMany(two, 200))).toEqual(range(101, 300));
        expect(sequences(await takeMany(one, 150))).toEqual(range(151, 300));
      });
    });

    describe("close", () => {
      test("a closed reader rejects, also whoever waits for it, and gives nothing", async () => {
        await log.append([recordOf(1)]);
        const idle = await read(2);
        const waiting = idle.ready(15_000);
        waiting.catch(() => undefined);
        await idle.close();
        await expect(waiting).rejects.toBeInstanceOf(LogClosed);
        await expect(idle.ready(0)).rejects.toBeInstanceOf(LogClosed);
        const full = await read(1);
        await full.ready(60_000);
        await full.close();
        expect(full.take(10)).toEqual([]);
        await full.close();
      });

      test("closing a log closes its readers and refuses everything after", async () => {
        const another = await fixture.another();
        const reader = await read(1, another);
        await another.close();
        await expect(reader.ready(0)).rejects.toBeInstanceOf(LogClosed);
        await expect(another.append([recordOf(1)])).rejects.toBeInstanceOf(LogClosed);
        await expect(another.info()).rejects.toBeInstanceOf(LogClosed);
        await expect(another.read(1)).rejects.toBeInstanceOf(LogClosed);
        await another.close();
        expect(await log.append([recordOf(1)])).toEqual([{ sequence: 1, duplicate: false }]);
      });
    });

    test("a watcher is told the present state at once", () => {
      const states: ConnectionState[] = [];
      const stop = log.watch((state) => states.push(state));
      expect(states).toEqual(["connected"]);
      stop();
    });

    describe.runIf(abilities.removeBelow)("records that a limit removed", () => {
      const removeBelow = (sequence: number): Promise<void> => {
        if (fixture.removeBelow === undefined) throw new Error("the fixture cannot remove records");
        return fixture.removeBelow(sequence);
      };

      test("info and at say so, and reading begins with the oldest that is left", async () => {
        await log.append(range(1, 20).map((n) => recordOf(n)));
        await removeBelow(11);
        expect(await log.info()).toMatchObject({ first: 11, last: 20 });
        expect(await log.at(10)).toBeNull();
        expect(sequences(await takeMany(await read(1), 10))).toEqual(range(11, 20));
      });

      test("a log of which nothing is left begins behind its end", async () => {
        await log.append(range(1, 5).map((n) => recordOf(n)));
        await removeBelow(6);
        expect(await log.info()).toMatchObject({ first: 6, last: 5 });
        const reader = await read(6);
        expect(await log.append([recordOf(6)])).toEqual([{ sequence: 6, duplicate: false }]);
        expect(sequences(await takeMany(reader, 1))).toEqual([6]);
      });

      test("what was taken may go", async () => {
        await log.append(range(1, 10).map((n) => recordOf(n)));
        const reader = await read(1);
        await takeMany(reader, 10);
        await removeBelow(11);
        await log.append([recordOf(11)]);
        expect(sequences(await takeMany(reader, 1))).toEqual([11]);
      });

      test("a reader that has not got to them fails", async () => {
        const large = "x".repeat(10_000);
        for (let n = 1; n <= 10_000; n += 500) await log.append(range(n, n + 499).map((i) => recordOf(i, { body: large })));
        const reader = await read(1);
        const first = await takeMany(reader, 1);
        expect(sequences(first)).toEqual([1]);
        await removeBelow(9_990);
        const seen = [1];
        const drain = async (): Promise<void> => {
          for (;;) {
            await reader.ready(60_000);
            const records = reader.take(1_000);
            if (records.length === 0) throw new Error("the reader neither failed nor went on");
            seen.push(...sequences(records));
          }
        };
        await expect(drain()).rejects.toBeInstanceOf(LogChanged);
        expect(seen).toEqual(range(1, seen.length));
      });
    });

    test.runIf(abilities.removeOne)("single records removed in the middle are passed over", async () => {
      if (fixture.removeOne === undefined) throw new Error("the fixture cannot remove a record");
      await log.append(range(1, 30).map((n) => recordOf(n)));
      for (const sequence of [5, 6, 7, 20, 22]) await fixture.removeOne(sequence);
      const records = await takeMany(await read(1), 25);
      expect(sequences(records)).toEqual(range(1, 30).filter((n) => ![5, 6, 7, 20, 22].includes(n)));
      expect(await log.at(5)).toBeNull();
    });

    describe.runIf(abilities.recreate)("a log that was deleted and made again", () => {
      test("has another identity, and readers fail", async () => {
        if (fixture.recreate === undefined) throw new Error("the fixture cannot make the log again");
        const { identity } = await log.info();
        await log.append(range(1, 10).map((n) => recordOf(n)));
        const reader = await read(1);
        await takeMany(reader, 5);
        await fixture.recreate();
        await log.append(range(1, 20).map((n) => recordOf(n)));
        expect((await log.info()).identity).not.toBe(identity);
        const drain = async (): Promise<void> => {
          for (let i = 0; i < 1_000; i++) {
            await reader.ready(60_000);
            reader.take(100);
          }
        };
        await expect(drain()).rejects.toBeInstanceOf(LogChanged);
        expect(reader.take(10)).toEqual([]);
      });
    });

    test.runIf(abilities.maxBytes)("a full log refuses records and keeps what it has", async () => {
      await fixture.dispose();
      fixture = await makeFixture({ ...SETTINGS, maxBytes: 50_000 });
      log = fixture.log;
      const body = "x".repeat(1_000);
      let appended = 0;
      const fill = async (): Promise<void> => {
        for (; appended < 100; appended++) await log.append([recordOf(appended, { body })]);
      };
      await expect(fill()).rejects.toBeInstanceOf(LogFull);
      expect(appended).toBeGreaterThan(10);
      expect(await log.info()).toMatchObject({ first: 1, last: appended });
      expect(sequences(await takeMany(await read(1), appended))).toEqual(range(1, appended));
    });
  });
}
