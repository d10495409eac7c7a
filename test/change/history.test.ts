/** A file of history before the stream: what counts of it, where its lines stand, and what is wrong with it. */
import { describe, expect, test } from "vitest";
import { HistoryRefused, historyLog, readHistory, type HistoryLine, type HistorySource } from "../../engine/change/history.js";
import { LogChanged, LogClosed, type ClockKind, type EventLog, type LogRecord } from "../../engine/ports.js";
import { appendTo, newWorld, opened, type World } from "../engine/simulated-ports.js";

const START = Date.UTC(2026, 0, 10, 12);
const MINUTE = 60_000;
const eventAt = (minute: number, id: string, type = "bought", subject = "ann"): string =>
  JSON.stringify({ specversion: "1.0", id, source: "shop", type, subject, time: new Date(START + minute * MINUTE).toISOString(), data: {} });

function fileOf(lines: readonly string[], asked: number[] = [], batch = 3): HistorySource {
  return {
    name: "old.ndjson",
    async lines() {
      asked.push(0);
      const all = lines.map((text, i): HistoryLine => ({ number: i + 1, bytes: Buffer.from(text) })).filter(({ bytes }) => bytes?.length !== 0);
      return (async function* () {
        for (let at = 0; at < all.length; at += batch) {
          asked[asked.length - 1] = Math.min(all.length, at + batch);
          yield all.slice(at, at + batch);
        }
      })();
    },
  };
}

/** A stream that has lost its first records. */
function streamFrom(first: number, lines: readonly string[], clock: ClockKind = "broker"): { readonly world: World; readonly log: EventLog; lose(before: number): void } {
  const world = newWorld(1, [], clock);
  let oldest = first;
  world.now = START - 100 * MINUTE;
  appendTo(world, Array.from({ length: first - 1 }, () => ({ subject: "events.bought.nobody", body: "{}" })));
  for (const line of lines) {
    world.now = Date.parse((JSON.parse(line) as { time: string }).time) + 500;
    appendTo(world, [{ subject: "events.bought.ann", body: line }]);
  }
  const { log } = opened(world, () => "none", () => 10);
  return {
    world,
    log: { ...log, info: async () => ({ ...await log.info(), first: oldest }), read: (from) => log.read(Math.max(from, oldest)) },
    lose(before) { oldest = before; },
  };
}

async function all(log: EventLog, from: number, count: number, limit = 2): Promise<LogRecord[]> {
  const reader = await log.read(from);
  const records: LogRecord[] = [];
  for (let i = 0; i < 100 && records.length < count; i++) {
    await reader.ready(10);
    records.push(...reader.take(limit));
  }
  await reader.close();
  return records;
}

const idOf = ({ body }: LogRecord): string => (JSON.parse(Buffer.from(body).toString()) as { id: string }).id;

describe.each(["broker", "event"] as const)("on the %s's clock", (clock) => {
  const LINES = [eventAt(0, "a"), eventAt(1, "b"), "", eventAt(1, "c"), eventAt(2, "t", "eddy_tick", "0"), eventAt(3, "d"), eventAt(9.999, "s1"), eventAt(60, "later")];
  const STREAM = [eventAt(10, "s1"), eventAt(11, "s2"), eventAt(12, "s3")];

  test("its lines come first, then the stream; what lies in both counts once, and sequences are shifted", async () => {
    const { log } = streamFrom(5, STREAM, clock);
    const history = await readHistory(fileOf(LINES), log);
    expect(history).toMatchObject({ places: 7, events: 4, isCut: true, from: START, to: START + 9.999 * MINUTE, streamFirst: 5 });
    const both = historyLog(history, log);
    expect(await both.info()).toMatchObject({ first: 1, last: 14, clock });
    const records = await all(both, 1, 7);
    expect(records.map((record) => [record.sequence, idOf(record)])).toEqual([[1, "a"], [2, "b"], [4, "c"], [6, "d"], [12, "s1"], [13, "s2"], [14, "s3"]]);
    expect(records[2]).toMatchObject({ stamp: START + MINUTE, subject: "events.bought.ann", headers: null });
    expect((await all(both, 5, 4)).map(idOf)).toEqual(["d", "s1", "s2", "s3"]);
    expect((await all(both, 13, 2)).map(idOf)).toEqual(["s2", "s3"]);
    expect(await both.at(4)).toBeNull();
    expect(await both.at(13)).toMatchObject({ sequence: 13 });
  });

  test("an empty stream takes nothing of it away", async () => {
    const { log } = streamFrom(1, [], clock);
    const history = await readHistory(fileOf(LINES), log);
    expect(history).toMatchObject({ places: 8, events: 6, isCut: false });
    expect((await all(historyLog(history, log), 1, 6)).map(idOf)).toEqual(["a", "b", "c", "d", "s1", "later"]);
  });
});

test("what is wrong is named with its line", async () => {
  const { log } = streamFrom(1, []);
  const refused = async (...lines: string[]): Promise<string> => {
    const error = await readHistory(fileOf(lines), log).catch((failure: Error) => failure);
    expect(error).toBeInstanceOf(HistoryRefused);
    return (error as Error).message;
  };
  expect(await refused(eventAt(0, "a"), eventAt(5, "b"), "", eventAt(4, "c"))).toBe(
    "old.ndjson:4: the event is of 2026-01-10T12:04:00.000Z, earlier than line 2 (2026-01-10T12:05:00.000Z). History must stand in order of time: sort it by the time of the events",
  );
  expect(await refused(eventAt(0, "a"), "{")).toMatch(/^old\.ndjson:2: the line is no JSON/);
  expect(await refused(eventAt(0, "a"), "[]")).toMatch(/^old\.ndjson:2: an event must be a JSON object/);
  expect(await refused(JSON.stringify({ id: "1", type: "bought", subject: "ann" }))).toMatch(/^old\.ndjson:1: the event has no time/);
});

test("another file, or one that has changed, has another mark", async () => {
  const { log } = streamFrom(1, []);
  const marks = await Promise.all([[eventAt(0, "a")], [eventAt(0, "a")], [eventAt(0, "b")], [eventAt(1, "a")], [eventAt(0, "a"), eventAt(0, "b")]].map(async (lines) => (await readHistory(fileOf(lines), log)).mark));
  expect(marks[0]).toBe(marks[1]);
  expect(new Set(marks).size).toBe(4);
});

test("what the stream loses while the file is read lies in neither: that is an error, and no gap in silence", async () => {
  const stream = streamFrom(3, [eventAt(10, "s1"), eventAt(11, "s2"), eventAt(12, "s3")]);
  const history = await readHistory(fileOf([eventAt(0, "a"), eventAt(1, "b")]), stream.log);
  const both = historyLog(history, stream.log);
  const reader = await both.read(1);
  await reader.ready(10);
  expect(reader.take(10).map(idOf)).toEqual(["a", "b"]);
  stream.lose(4);
  await expect(reader.ready(10)).rejects.toThrow(LogChanged);
  expect((await both.info()).first).toBe(6);
});

test("a reader that is closed in the middle of the file ends, and reads no further", async () => {
  const { log } = streamFrom(1, []);
  const asked: number[] = [];
  const source = fileOf(Array.from({ length: 100 }, (_, i) => eventAt(i, String(i))), asked);
  const reader = await historyLog(await readHistory(source, log), log).read(1);
  await reader.ready(10);
  expect(reader.take(1).map(idOf)).toEqual(["0"]);
  expect(reader.lag).toBe(99);
  await reader.close();
  await expect(reader.ready(10)).rejects.toThrow(LogClosed);
  expect(asked).toEqual([100, 3]);
});
