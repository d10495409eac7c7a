/** How the demonstration's customers are played: the pace, the bound, the measuring. On a virtual clock. */
import { describe, expect, test } from "vitest";
import { feed, watchCommits, type Feed, type FeedOptions } from "../../cli/demo/feed.js";
import { DEMO_START_MS, shopStream } from "../../cli/demo/shop-stream.js";
import type { Commit, CommitAnswer, NewRecord, StateStore } from "../../engine/ports.js";
import { partition as partitionOf } from "../../engine/subjects.js";

const PARTITIONS = 3;

interface Setting extends Partial<FeedOptions> {
  /** How long after its append a record is committed, seconds; Infinity: never. */
  readonly commitAfter?: number;
  /** Called at every turn with the virtual clock. */
  readonly at?: (seconds: number) => void;
}

/** A feed on a virtual clock with a log and an engine that takes its time. */
function played({ commitAfter = 0.004, at = () => undefined, ...options }: Setting = {}) {
  const log: NewRecord[] = [];
  const appendedAt: number[] = [];
  const latencies: number[] = [];
  let seconds = 100;
  let mostOnTheirWay = 0;
  const commit = (): void => {
    const upTo = appendedAt.findLastIndex((since) => since + commitAfter <= seconds + 1e-9) + 1;
    for (let partition = 0; partition < PARTITIONS; partition++) source.committedUpTo(partition, upTo);
  };
  const source: Feed = feed({
    stream: shopStream(5),
    partitions: PARTITIONS,
    ranked: false,
    perSecond: 1000,
    most: Infinity,
    log: {
      async append(records) {
        for (const record of records) {
          log.push(record);
          appendedAt.push(seconds);
        }
        return records.map((_, i) => ({ sequence: log.length - records.length + i + 1, duplicate: false }));
      },
    },
    environment: {
      seconds: () => seconds,
      async pause(ms) {
        mostOnTheirWay = Math.max(mostOnTheirWay, source.onTheirWay);
        seconds += Math.max(ms, 1) / 1000;
        commit();
        at(seconds - 100);
      },
    },
    appended: () => undefined,
    committed: (ms) => latencies.push(ms),
    ...options,
  });
  return { source, log, latencies, elapsed: () => seconds - 100, mostOnTheirWay: () => mostOnTheirWay, commit };
}

/** Runs for so many virtual seconds. */
async function runFor(length: number, setting: Setting = {}) {
  const ending = new AbortController();
  const stage = played({ ...setting, at: (seconds) => seconds >= length && ending.abort() });
  await stage.source.run(ending.signal);
  return stage;
}

describe("the pace", () => {
  test.each([500, 1000, 4000])("%i events a second, when the engine keeps up", async (perSecond) => {
    const { log } = await runFor(5, { perSecond });
    expect(log.length / 5).toBeGreaterThan(perSecond * 0.97);
    expect(log.length / 5).toBeLessThan(perSecond * 1.03);
  });

  test("where it does not, no more than a bounded number is on its way", async () => {
    const { log, mostOnTheirWay } = await runFor(5, { perSecond: 4000, commitAfter: 0.5 });
    expect(mostOnTheirWay()).toBeLessThanOrEqual(200);
    expect(log.length).toBeLessThanOrEqual(200 * 11);
    expect(log.length).toBeGreaterThan(200 * 7);
  });

  test("an engine that never answers stops it", async () => {
    const { log } = await runFor(5, { perSecond: 4000, commitAfter: Infinity });
    expect(log.length).toBe(200);
  });

  test("a time without a turn is not made up for", async () => {
    const ending = new AbortController();
    let seconds = 0;
    let turns = 0;
    const { source, log } = played({
      perSecond: 1000,
      environment: {
        seconds: () => seconds,
        async pause(ms) {
          seconds += ++turns === 50 ? 2 : ms / 1000;
          for (let partition = 0; partition < PARTITIONS; partition++) source.committedUpTo(partition, log.length);
          if (seconds >= 3) ending.abort();
        },
      },
    });
    await source.run(ending.signal);
    expect(log.length).toBeGreaterThan(900);
    expect(log.length).toBeLessThan(1100);
  });

  test("without a pace, as many as the engine takes, a bounded number on their way", async () => {
    const { log, mostOnTheirWay } = await runFor(1, { perSecond: null, commitAfter: 0.05 });
    expect(mostOnTheirWay()).toBeLessThanOrEqual(2000);
    expect(log.length).toBeGreaterThan(20_000);
  });
});

describe("where customers are ranked", () => {
  /** The engine says a midnight `sayAfter` seconds after the ticks of all partitions are in the log. */
  function ranked(sayAfter: number, length: number) {
    const ending = new AbortController();
    let said = 0;
    const stage = played({
      ranked: true, perSecond: 4000,
      at(seconds) {
        const ticks = stage.log.filter(({ subject }) => subject.startsWith("events.eddy_tick.")).length;
        if (ticks === PARTITIONS * (said + 1) && seconds > (said + 1) * sayAfter) {
          said++;
          for (let source = 0; source < PARTITIONS; source++) stage.source.engineAppended({ subject: `p${source}`, body: "" }, { sequence: stage.log.length, duplicate: false });
        }
        if (seconds >= length) ending.abort();
      },
    });
    return { ...stage, run: () => stage.source.run(ending.signal) };
  }
  const dayOf = (record: NewRecord): string => (JSON.parse(String(record.body)) as { time: string }).time.slice(0, 10);
  const isTick = ({ subject }: NewRecord): boolean => subject.startsWith("events.eddy_tick.");

  test("each day begins with a tick of midnight for every partition, and its events come behind", async () => {
    const { log, run } = ranked(0, 5);
    await run();
    const days = [...new Set(log.map(dayOf))];
    expect(days.length).toBeGreaterThan(3);
    for (const day of days) {
      const records = log.filter((record) => dayOf(record) === day);
      expect(records.map(isTick)).toEqual(records.map((_, i) => i < PARTITIONS));
    }
    expect(log.map(dayOf)).toEqual([...log.map(dayOf)].sort());
  });

  test("before the engine has said how they stand, no event comes", async () => {
    const { log, run } = ranked(Infinity, 5);
    await run();
    expect(log.map(isTick)).toEqual(Array.from({ length: PARTITIONS }, () => true));
  });
});

describe("the end", () => {
  test("after the number of events that was asked for, to the one", async () => {
    const { source, log } = played({ most: 1234, perSecond: 4000 });
    await source.run(new AbortController().signal);
    expect(log.length).toBe(1234);
  });

  test("when told to end, at once", async () => {
    const { source, log } = played();
    await source.run(AbortSignal.abort());
    expect(log).toEqual([]);
  });

  test("when the calendar does: the engine believes no later times", async () => {
    const { source, log } = played({ stream: shopStream(5, { startMs: Date.UTC(2198, 11, 25) }), perSecond: null });
    await source.run(new AbortController().signal);
    expect(log.length).toBeGreaterThan(100);
    expect(String(log.at(-1)?.body)).toMatch(/"time":"2198-12-31T/);
  });

  test("every partition's clock comes to the stream's instant", async () => {
    const { source, log, commit } = played({ most: 500 });
    await source.run(new AbortController().signal);
    await source.catchUp();
    const last = String(log[499]?.body);
    const time = new Date(source.simulatedMs).toISOString();
    expect(last).toContain(time.slice(0, 19));
    expect(source.simulatedMs).toBeGreaterThan(DEMO_START_MS);
    expect(log.slice(500).map(({ subject, body }) => [subject, (JSON.parse(String(body)) as { time: string }).time])).toEqual([
      ["events.eddy_tick.0", time], ["events.eddy_tick.1", time], ["events.eddy_tick.2", time],
    ]);
    expect(source.onTheirWay).toBeGreaterThanOrEqual(3);
    expect(source.newest).toBe(503);
    for (let partition = 0; partition < PARTITIONS; partition++) source.committedUpTo(partition, 503);
    commit();
    expect(source.onTheirWay).toBe(0);
  });
});

describe("measuring", () => {
  test("from the append of an event to the commit of its partition; ticks do not count", async () => {
    const { source, latencies } = await runFor(2, { perSecond: 1000, commitAfter: 0.03 });
    expect(Math.min(...latencies)).toBeGreaterThanOrEqual(29.999);
    expect(Math.max(...latencies)).toBeLessThan(41);
    const before = latencies.length + source.onTheirWay;
    await source.catchUp();
    for (let partition = 0; partition < PARTITIONS; partition++) source.committedUpTo(partition, Infinity);
    expect(latencies.length).toBe(before);
  });

  test("a commit that comes before the append is answered counts too", async () => {
    const { source, log, latencies } = played({
      most: 10,
      log: {
        async append(records) {
          for (let partition = 0; partition < PARTITIONS; partition++) source.committedUpTo(partition, 10);
          return records.map((_, i) => ({ sequence: log.length + i + 1, duplicate: false }));
        },
      },
    });
    await source.run(new AbortController().signal);
    expect(source.onTheirWay).toBe(0);
    expect(latencies.length).toBe(10);
  });

  test("a record waits for its own partition only", async () => {
    const { source, log } = played({ most: 50, commitAfter: Infinity });
    await source.run(new AbortController().signal);
    const own = log.filter(({ subject }) => partitionOf(subject.slice(subject.lastIndexOf(".") + 1), PARTITIONS) === 1).length;
    expect(own).toBeGreaterThan(0);
    expect(own).toBeLessThan(50);
    source.committedUpTo(1, 50);
    expect(source.onTheirWay).toBe(50 - own);
  });

  test("what the log's id for a copy is", async () => {
    const { source, log } = played({ most: 1 });
    await source.run(new AbortController().signal);
    const { subject } = shopStream(5).next();
    expect(log[0]).toMatchObject({ subject: `events.session_started.${subject}`, id: `${subject}/shop/e1` });
  });

  test("commits are told of when they are done, and not when they were refused", async () => {
    const told: [number, number][] = [];
    const answers: CommitAnswer[] = ["done", "lost", "moved", "already"];
    const store = { commit: () => Promise.resolve(answers.shift()) } as unknown as StateStore;
    const watched = watchCommits(store, (partition, sequence) => told.push([partition, sequence]));
    const commit = (offset: number): Commit => ({ partition: 2, meta: { offset: String(offset) } }) as unknown as Commit;
    for (const offset of [7, 8, 9, 10]) await watched.commit(commit(offset));
    expect(told).toEqual([[2, 7], [2, 10]]);
  });
});
