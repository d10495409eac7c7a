/** What the NATS logs do when servers die, connections break and streams are lost or replaced. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import type { NatsLink } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import { natsOutputLog } from "../../connectors/nats/output-log.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { EVENTS_STREAM, outputStream } from "../../connectors/nats/streams.js";
import {
  LogChanged,
  LogFull,
  RecordTooLarge,
  LogMissing,
  LogUnavailable,
  type Appended,
  type ConnectionState,
  type EventLog,
  type LogReader,
  type NewRecord,
} from "../../engine/ports.js";
import { range, recordOf, sequences, takeMany } from "../conformance/event-log.js";
import { outputsOf } from "../conformance/output-log.js";
import { startCuttingProxy } from "../servers/cutting-proxy.js";
import { startNats, type NatsServer } from "../servers/nats.js";
import { belongings, removeStreams, type Belongings } from "./nats-belongings.js";

const HEARTBEAT_MS = 150;
const SETTINGS = { partitions: 4, clock: "broker" } as const;

let server: NatsServer;
let mine: Belongings;
let link: NatsLink;
let log: EventLog;

beforeAll(async () => {
  server = await startNats();
});
afterAll(() => server.dispose());

beforeEach(async () => {
  mine = belongings();
  link = await mine.link(server.url);
  await removeStreams(link);
  await setupStreams(link, SETTINGS);
  log = openLog(link);
});
afterEach(() => mine.close());

function openLog(on: NatsLink): EventLog {
  return mine.keep(natsEventLog(on, { heartbeatMs: HEARTBEAT_MS }));
}

const numbered = (from: number, to: number): NewRecord[] => range(from, to).map((n) => recordOf(n, { id: `c/shop/${n}` }));

/** Appends as a careful publisher does: again with the same ids until everything is acknowledged. */
function appendUntilDone(to: EventLog, records: readonly NewRecord[]): Promise<Appended[]> {
  return untilAnswered(() => to.append(records));
}

/** Asks again while the server does not answer in time. */
async function untilAnswered<T>(ask: () => Promise<T>, patienceMs = 60_000): Promise<T> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LogUnavailable) || Date.now() > deadline) throw error;
      await delay(20);
    }
  }
}

async function drain(reader: LogReader): Promise<number[]> {
  const seen: number[] = [];
  for (;;) {
    await reader.ready(60_000);
    const records = reader.take(1_000);
    if (records.length === 0) throw new Error(`the reader neither failed nor went on behind ${seen.at(-1)}`);
    seen.push(...sequences(records));
  }
}

describe("a server that is killed and comes back", () => {
  test("loses nothing and doubles nothing, read or appended", async () => {
    const total = 30_000;
    const reader = await log.read(1);
    const writing = (async () => {
      for (let n = 1; n <= total; n += 500) await appendUntilDone(log, numbered(n, n + 499));
    })();
    const reading = takeMany(reader, total, 700);
    for (let kills = 0; kills < 3; kills++) {
      const before = (await log.info()).last;
      for (let last = before; last < before + 2_000; last = (await log.info()).last) {
        if (last === total) throw new Error("everything was appended before the server was killed");
        await delay(2);
      }
      await server.kill();
      await server.start();
      await connected(link);
    }
    await writing;
    const records = await reading;
    expect(sequences(records)).toEqual(range(1, total));
    const bodies = records.map(({ body }) => new TextDecoder().decode(body));
    expect(new Set(bodies).size).toBe(total);
  });

  test("an idle reader gets what comes afterwards", async () => {
    await log.append(numbered(1, 10));
    const reader = await log.read(1);
    await takeMany(reader, 10);
    await server.kill();
    await server.start();
    await appendUntilDone(log, numbered(11, 20));
    expect(sequences(await takeMany(reader, 10))).toEqual(range(11, 20));
  });

  test("publishers of outputs go on where the stream ends", async () => {
    const total = 20_000;
    const outputs = mine.keep(natsOutputLog(link));
    const publishing = (async () => {
      for (let last = 0; last < total; ) {
        try {
          last = await outputs.last(2);
          if (last < total) await outputs.publish(2, outputsOf(last + 1, Math.min(total, last + 2_000)));
        } catch (error) {
          if (!(error instanceof LogUnavailable)) throw error;
          await delay(10);
        }
      }
    })();
    for (let kills = 0; kills < 2; kills++) {
      const before = await outputs.last(2);
      for (let last = before; last < before + 700; last = await outputs.last(2)) {
        if (last === total) throw new Error("everything was published before the server was killed");
        await delay(1);
      }
      await server.kill();
      await server.start();
      await connected(link);
    }
    await publishing;
    expect(await outputs.read(2, 1, total + 1)).toEqual(outputsOf(1, total));
  });

  test("watchers are told, and meanwhile nothing hangs", async () => {
    const states: ConnectionState[] = [];
    const stop = log.watch((state) => states.push(state));
    const outputs = mine.keep(natsOutputLog(link));
    await server.kill();
    await until(() => states.at(-1) === "disconnected");
    for (const attempt of [() => log.append(numbered(1, 1)), () => log.info(), () => log.at(1), () => log.read(1), () => outputs.publish(0, outputsOf(1, 1, 0)), () => outputs.last(0)]) {
      const started = performance.now();
      await expect(attempt()).rejects.toThrow(LogUnavailable);
      expect(performance.now() - started).toBeLessThan(4_000); // the time-out of a question is five seconds
    }
    await server.start();
    await connected(link);
    expect(states).toEqual(["connected", "disconnected", "connected"]);
    stop();
    expect(await appendUntilDone(log, numbered(1, 1))).toEqual([{ sequence: 1, duplicate: false }]);
  });
});

describe("a server that is stopped without ending", () => {
  test("answers are missed, and reading goes on when it does", async () => {
    const impatient = await mine.link(server.url, { requestTimeoutMs: 300 });
    const there = openLog(impatient);
    // It may be too impatient for a busy machine.
    await appendUntilDone(there, numbered(1, 5));
    const reader = await untilAnswered(() => there.read(1));
    await takeMany(reader, 5);
    await server.pause();
    try {
      await expect(there.append(numbered(6, 6))).rejects.toThrow(/no acknowledgement in time/);
      // Long enough for the reader to make several attempts of its own.
      await delay(8 * HEARTBEAT_MS);
    } finally {
      server.resume();
    }
    await appendUntilDone(there, numbered(6, 20));
    expect(sequences(await takeMany(reader, 15))).toEqual(range(6, 20));
  });
});

test("a server that is stopped without ending counts as disconnected when it leaves pings unanswered, until it answers", async () => {
  const link = await mine.link(server.url, { pingIntervalMs: 100, maxPingsOut: 2 });
  await server.pause();
  try {
    await turned(link, "disconnected");
  } finally {
    server.resume();
  }
  await turned(link, "connected");
});

function turned(link: NatsLink, to: ConnectionState): Promise<void> {
  return new Promise((resolve) => {
    const stop = link.watch((state) => {
      if (state !== to) return;
      resolve();
      queueMicrotask(() => stop());
    });
  });
}

describe("connections that break", () => {
  test("while reading at full speed: every record once, in order", async () => {
    const total = 60_000;
    for (let n = 1; n <= total; n += 10_000) await log.append(range(n, n + 9_999).map((i) => recordOf(i)));
    const proxy = await startCuttingProxy(server.port);
    mine.later(() => proxy.dispose());
    const reader = await openLog(await mine.link(`nats://127.0.0.1:${proxy.port}`)).read(1);
    const seen: number[] = [];
    while (seen.length < total) {
      await reader.ready(60_000);
      const records = reader.take(500);
      if (records.length === 0) throw new Error(`no more records behind ${seen.at(-1)} after ${proxy.cuts} cuts`);
      const before = Math.floor(seen.length / 5_000);
      seen.push(...sequences(records));
      if (Math.floor(seen.length / 5_000) > before) proxy.cutBeforeReply();
    }
    expect(seen).toEqual(range(1, total));
    expect(proxy.cuts).toBeGreaterThanOrEqual(5);
  });

  test("before the acknowledgement: unknown, and the same ids again are duplicates", async () => {
    const proxy = await startCuttingProxy(server.port);
    mine.later(() => proxy.dispose());
    const there = openLog(await mine.link(`nats://127.0.0.1:${proxy.port}`));
    await there.append(numbered(1, 3));
    proxy.cutBeforeReply();
    await expect(there.append(numbered(4, 6))).rejects.toThrow(LogUnavailable);
    const again = await appendUntilDone(there, numbered(4, 6));
    expect(sequences(again)).toEqual([4, 5, 6]);
    expect(again.every(({ duplicate }) => duplicate)).toBe(true);
    expect((await log.info()).last).toBe(6);
  });

  test("in the middle of publishing outputs: the end of the stream says what is missing", async () => {
    const proxy = await startCuttingProxy(server.port);
    mine.later(() => proxy.dispose());
    const outputs = mine.keep(natsOutputLog(await mine.link(`nats://127.0.0.1:${proxy.port}`)));
    const total = 3_000;
    let interrupted = 0;
    for (let last = 0; last < total; ) {
      proxy.cutRequestAfter(60_000);
      const reached = await outputs.publish(2, outputsOf(last + 1, total)).catch((error: unknown) => {
        if (!(error instanceof LogUnavailable)) throw error;
        return null;
      });
      if (reached !== total) interrupted += 1;
      last = await lastOf(outputs);
      if (reached !== null) expect(last).toBeGreaterThanOrEqual(reached);
    }
    expect(interrupted).toBeGreaterThan(3);
    expect(await mine.keep(natsOutputLog(link)).read(2, 1, total + 1)).toEqual(outputsOf(1, total));
  });

  async function lastOf(outputs: { last(partition: number): Promise<number> }): Promise<number> {
    for (;;) {
      try {
        return await outputs.last(2);
      } catch (error) {
        if (!(error instanceof LogUnavailable)) throw error;
        await delay(10);
      }
    }
  }
});

describe("the reader's consumer", () => {
  const consumers = async (): Promise<{ name: string; delivered: number }[]> => {
    const manager = await link.nc.jetstreamManager();
    const found = [];
    for await (const { name, delivered } of manager.consumers.list(EVENTS_STREAM)) found.push({ name, delivered: delivered.consumer_seq });
    return found;
  };

  /** Waits until the server delivers no more and says how much that was. */
  async function settled(): Promise<number> {
    let delivered = -1;
    for (let now = 0; now !== delivered || now === 0; now = (await consumers())[0]?.delivered ?? 0) {
      delivered = now;
      await delay(2 * HEARTBEAT_MS);
    }
    return delivered;
  }

  test("is made again when somebody deletes it", async () => {
    await log.append(numbered(1, 5));
    const reader = await log.read(1);
    await takeMany(reader, 5);
    const [consumer] = await consumers();
    const manager = await link.nc.jetstreamManager();
    await manager.consumers.delete(EVENTS_STREAM, consumer?.name ?? "");
    await log.append(numbered(6, 9));
    expect(sequences(await takeMany(reader, 4))).toEqual([6, 7, 8, 9]);
    expect((await consumers()).map(({ name }) => name)).not.toEqual([consumer?.name]);
  });

  test("is made again when it is deleted while the buffer is full and nothing is asked of it", async () => {
    const total = 20_000;
    for (let n = 1; n <= total; n += 1_000) await log.append(range(n, n + 999).map((i) => recordOf(i)));
    const reader = await log.read(1);
    await settled();
    const [consumer] = await consumers();
    const manager = await link.nc.jetstreamManager();
    await manager.consumers.delete(EVENTS_STREAM, consumer?.name ?? "");
    expect(sequences(await takeMany(reader, total))).toEqual(range(1, total));
  });

  test("may lose records to somebody else who asks it for some; they are read again", async () => {
    await log.append(numbered(1, 5));
    const reader = await log.read(1);
    await takeMany(reader, 5);
    const [consumer] = await consumers();
    const stolen: string[] = [];
    const thief = await mine.link(server.url);
    thief.nc.subscribe("stolen", { callback: (_, message) => stolen.push(message.subject) });
    thief.nc.publish(`$JS.API.CONSUMER.MSG.NEXT.${EVENTS_STREAM}.${consumer?.name ?? ""}`, '{"batch":100}', { reply: "stolen" });
    await thief.nc.flush();
    await log.append(numbered(6, 205));
    expect(sequences(await takeMany(reader, 200))).toEqual(range(6, 205));
    await until(() => stolen.length > 0);
  });

  test("is removed when the reader is closed", async () => {
    const reader = await log.read(1);
    expect(await consumers()).toHaveLength(1);
    await reader.close();
    const deadline = Date.now() + 60_000;
    while ((await consumers()).length > 0 && Date.now() < deadline) await delay(5);
    expect(await consumers()).toEqual([]);
  });

  test.each([
    { what: "small", total: 40_000, body: "{}", atMost: 16_384 },
    { what: "large", total: 1_500, body: "x".repeat(50_000), atMost: 400 },
  ])("asks for a bounded number of $what records while nobody takes any", async ({ total, body, atMost }) => {
    for (let n = 1; n <= total; n += 500) await log.append(range(n, n + 499).map((i) => recordOf(i, { body })));
    const reader = await log.read(1);
    await reader.ready(10_000);
    const delivered = await settled();
    expect(delivered).toBeGreaterThan(100);
    expect(delivered).toBeLessThanOrEqual(atMost);
    expect(sequences(await takeMany(reader, total))).toEqual(range(1, total));
  });

  test("gets records as large as the server takes, and larger ones are refused before they are sent", async () => {
    const largest = link.nc.info?.max_payload ?? 0;
    const body = new Uint8Array(largest).fill(120);
    await log.append([recordOf(1), recordOf(2, { body }), recordOf(3)]);
    await expect(log.append([recordOf(4), recordOf(5, { body: new Uint8Array(largest + 1) })])).rejects.toThrow(RecordTooLarge);
    await expect(log.append([recordOf(4, { body, id: "c/shop/4" })])).rejects.toThrow(/max_payload/);
    const records = await takeMany(await log.read(1), 3);
    expect(records.map((record) => record.body.length)).toEqual([7, largest, 7]);
    expect((await log.info()).last).toBe(3);
  });
});

describe("a stream that is not the one it was", () => {
  const store = (): string => join(server.folder, "store");
  const copy = (): string => join(server.folder, "copy");

  /** Takes the server's disk back to what it was at `remember`. */
  async function remember(): Promise<void> {
    await server.stop();
    rmSync(copy(), { recursive: true, force: true });
    cpSync(store(), copy(), { recursive: true });
    await server.start();
    await connected(link);
  }

  function goBack(): void {
    rmSync(store(), { recursive: true, force: true });
    cpSync(copy(), store(), { recursive: true });
  }

  test("a lost end is noticed", async () => {
    await appendUntilDone(log, numbered(1, 10));
    await remember();
    await appendUntilDone(log, numbered(11, 20));
    const reader = await log.read(1);
    await takeMany(reader, 20);
    await server.kill();
    goBack();
    await server.start();
    await expect(drain(reader)).rejects.toThrow(/ends at 10, but was read up to 20/);
  });

  test("a lost end that has grown again is noticed", async () => {
    await appendUntilDone(log, numbered(1, 10));
    await remember();
    await appendUntilDone(log, numbered(11, 20));
    const reader = await log.read(1);
    await takeMany(reader, 20);
    await server.kill();
    goBack();
    // Only the operator gets in until the stream has grown past the reader's place.
    await server.start('authorization { user: "operator", password: "s3cret" }');
    const operator = await mine.link(server.url, { user: "operator", password: "s3cret" });
    await openLog(operator).append(numbered(1_011, 1_040));
    await server.stop();
    await server.start("");
    await expect(drain(reader)).rejects.toThrow(/holds another record at 20/);
    await expect(reader.ready(0)).rejects.toThrow(LogChanged);
  });

  test("a deleted stream is noticed", async () => {
    await log.append(numbered(1, 10));
    const reader = await log.read(1);
    await takeMany(reader, 5);
    const manager = await link.nc.jetstreamManager();
    await manager.streams.delete(EVENTS_STREAM);
    await expect(drain(reader)).rejects.toThrow(/does not exist any more/);
  });
});

describe("streams that are missing, strange or full", () => {
  test("what is missing is said with the command that makes it", async () => {
    await removeStreams(link);
    const outputs = mine.keep(natsOutputLog(link));
    for (const attempt of [() => log.info(), () => log.at(1), () => log.read(1), () => log.append(numbered(1, 1)), () => outputs.last(0), () => outputs.publish(0, outputsOf(1, 1, 0)), () => outputs.read(0, 1, 2)]) {
      const failure = await attempt().then(() => null, (error: unknown) => error);
      expect(failure).toBeInstanceOf(LogMissing);
      expect(String(failure)).toContain(`eddy setup --nats ${server.url}`);
    }
  });

  test("a stream that Eddy did not make is not taken for its log", async () => {
    await removeStreams(link);
    const manager = await link.nc.jetstreamManager();
    await manager.streams.add({ name: EVENTS_STREAM, subjects: ["events.>"] });
    await expect(log.info()).rejects.toThrow(/was not made by Eddy.*eddy setup/);
  });

  test("a full output stream is said to be full, and keeps its chain", async () => {
    const manager = await link.nc.jetstreamManager();
    const { config } = await manager.streams.info(outputStream(2));
    await manager.streams.update(outputStream(2), { ...config, max_msgs: 10 });
    const outputs = mine.keep(natsOutputLog(link));
    // Not every message is acknowledged: that all ten were taken, the stream itself says.
    expect(await outputs.publish(2, outputsOf(1, 500))).toBeGreaterThanOrEqual(1);
    expect(await outputs.last(2)).toBe(10);
    await expect(outputs.publish(2, outputsOf(11, 500))).rejects.toThrow(LogFull);
    expect(await outputs.last(2)).toBe(10);
    await manager.streams.update(outputStream(2), { ...config, max_msgs: -1 });
    expect(await outputs.publish(2, outputsOf(11, 500))).toBe(500);
  });

  test("an output that is too large stops those behind it, not those before it", async () => {
    const outputs = mine.keep(natsOutputLog(link));
    const large = outputsOf(1, 3).map((output) => (output.number === 3 ? { ...output, body: "x".repeat(2 ** 20) } : output));
    expect(await outputs.publish(2, large)).toBe(2);
    await expect(outputs.publish(2, large.slice(2))).rejects.toThrow(/output 3 .*larger than NATS at .* takes/);
  });

  test("malformed orders are refused before anything is sent", async () => {
    const outputs = mine.keep(natsOutputLog(link));
    await expect(log.append([recordOf(1), { subject: "events.a b", body: "" }])).rejects.toThrow(TypeError);
    await expect(log.append([{ subject: "actions.0.x", body: "" }])).rejects.toThrow(TypeError);
    await expect(outputs.publish(2, outputsOf(1, 2, 3))).rejects.toThrow(TypeError);
    await expect(outputs.publish(2, [...outputsOf(1, 2), ...outputsOf(4, 4)])).rejects.toThrow(RangeError);
    expect((await log.info()).last).toBe(0);
    expect(await outputs.last(2)).toBe(0);
  });
});

async function connected(to: NatsLink): Promise<void> {
  await until(() => to.state() === "connected");
}

/** Waits for something that the client library does by itself. */
async function until(condition: () => boolean, patienceMs = 60_000): Promise<void> {
  const deadline = Date.now() + patienceMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("waited in vain");
    await delay(5);
  }
}
