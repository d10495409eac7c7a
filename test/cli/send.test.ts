import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { openEmbedded } from "../../connectors/embedded/open.js";
import { connectNats } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import type { EventLog, LogRecord } from "../../engine/ports.js";
import { startNats, type NatsServer } from "../servers/nats.js";
import { startRedis, type RedisServer } from "../servers/redis.js";
import { eddyHere } from "./eddy-here.js";
import { folderWith, type Ran } from "./eddy.js";

const event = (id: string, subject: string, more: object = {}): string => JSON.stringify({ id, source: "shop", type: "order_placed", subject, time: "2026-01-01T00:00:00Z", ...more });
const MANY = Array.from({ length: 5_000 }, (_, i) => event(`o-${i}`, `c${i % 70}`));
const BAD = [event("1", "a"), "{", "", '{"id":"2"}', event("3", "b", { type: "eddy_tick" }), event("4", "c", { data: "x".repeat(1_000_000) }), '"\\ud800"', event("5", "d")];

const folder = folderWith({
  "many.ndjson": `${MANY.join("\n")}\n`,
  "many.ndjson.gz": gzipSync(MANY.join("\n")),
  "broken.ndjson.gz": gzipSync(MANY.join("\n")).subarray(0, 2_000),
  "bad.ndjson": Buffer.concat([Buffer.from("\ufeff"), Buffer.from(BAD.join("\r\n"))]),
  "binary.ndjson": Buffer.from([0x22, 0xff, 0x22, 0x0a]),
});

let nats: NatsServer;
let redis: RedisServer;
let addresses: Record<string, string>;

beforeAll(async () => {
  [nats, redis] = await Promise.all([startNats(), startRedis()]);
  addresses = { NATS_URL: nats.url, REDIS_URL: redis.url };
});
afterAll(async () => {
  await Promise.all([nats?.dispose(), redis?.dispose()]);
  folder.remove();
});

const run = (args: readonly string[], environment: Record<string, string> = {}, input = ""): Promise<Ran> => eddyHere(args, { folder: folder.path, environment, input });

async function everything(log: EventLog): Promise<LogRecord[]> {
  const { last } = await log.info();
  const reader = await log.read(1);
  const records: LogRecord[] = [];
  while ((records.at(-1)?.sequence ?? 0) < last) {
    await reader.ready(1_000);
    records.push(...reader.take(10_000));
  }
  await reader.close();
  return records;
}

async function embeddedRecords(dir: string): Promise<LogRecord[]> {
  const opened = await openEmbedded(`${folder.path}/${dir}`, { create: false, now: Date.now });
  try {
    return await everything(opened.log);
  } finally {
    await opened.close();
  }
}

async function natsRecords(): Promise<LogRecord[]> {
  const link = await connectNats({ servers: [nats.url] });
  try {
    return await everything(natsEventLog(link));
  } finally {
    await link.close();
  }
}

const text = ({ body }: LogRecord): string => Buffer.from(body).toString("utf8");

describe("on NATS and Redis", () => {
  test("before the set-up, send says which command is missing", async () => {
    const { code, stderr } = await run(["send", "many.ndjson"], addresses);
    expect(code).toBe(2);
    expect(stderr).toContain("eddy setup");
  });

  test("setup creates everything, and a second one finds it without being told what", async () => {
    const first = await run(["setup", "--partitions", "3", "--clock", "event", "--max-age", "400 days"], addresses);
    expect(first.stderr.replace(/^warning: .*\n/gm, "")).toBe("");
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/created EVENTS, OUT_0, OUT_1, OUT_2/);
    expect(first.stdout).toMatch(/3 partitions, on the events' own clock/);
    const second = await run(["setup"], addresses);
    expect(second.code).toBe(0);
    expect(second.stdout).toMatch(/found EVENTS, OUT_0, OUT_1, OUT_2/);
    expect(second.stdout).not.toContain("created");
    expect(second.stdout).toMatch(/3 partitions, on the events' own clock/);
  });

  test("setup refuses to change what is fixed", async () => {
    const { code, stderr } = await run(["setup", "--partitions", "4"], addresses);
    expect(code).toBe(2);
    expect(stderr).toMatch(/set up (for|with) 3 partitions/);
    expect((await run(["setup", "--clock", "broker"], addresses)).stderr).toMatch(/--clock event/);
  });

  test("a file arrives in order, a second time changes nothing, and the clock moves on", async () => {
    const first = await run(["send", "many.ndjson.gz"], addresses);
    expect(first).toMatchObject({ code: 0, stdout: "" });
    expect(first.stderr).toMatch(/^sent 5,000 events in /);
    const again = await run(["send", "many.ndjson", "--clock", "2026-06-01"], addresses);
    expect(again.code).toBe(0);
    expect(again.stderr).toMatch(/5,000 of them had been there already\nmoved the clock of all 3 partitions on to 2026-06-01T00:00:00.000Z\n$/);
    const records = await natsRecords();
    expect(records.slice(0, 5_000).map(text)).toEqual(MANY);
    expect(records[69]?.subject).toBe("events.order_placed.c69");
    expect(records.slice(5_000).map(({ subject, body }) => [subject, JSON.parse(Buffer.from(body).toString("utf8"))])).toEqual([0, 1, 2].map((partition) => [
      `events.eddy_tick.${partition}`,
      { specversion: "1.0", id: `${partition}/2026-06-01T00:00:00.000Z`, source: "eddy", type: "eddy_tick", subject: String(partition), time: "2026-06-01T00:00:00.000Z" },
    ]));
  });

  test("a server that is not there: exit 2, its address, no password", async () => {
    const { code, stderr } = await run(["send", "many.ndjson", "--nats", "nats://me:geheim@127.0.0.1:1"]);
    expect(code).toBe(2);
    expect(stderr).toContain("127.0.0.1:1");
    expect(stderr).not.toContain("geheim");
  });
});

describe("embedded", () => {
  test("setup makes the folder; send finds the one in the current folder", async () => {
    const made = await run(["setup", "--clock", "event", "--partitions", "2"]);
    expect(made).toMatchObject({ code: 0, stderr: "" });
    expect(made.stdout).toMatch(/\.eddy: an empty log and its state\n2 partitions, on the events' own clock/);
    expect((await run(["send", "many.ndjson"])).code).toBe(0);
    expect((await embeddedRecords(".eddy")).map(text)).toEqual(MANY);
  });

  test("a folder without a log is not made by send", async () => {
    const { code, stderr } = await run(["send", "many.ndjson", "--embedded", "nowhere"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/eddy setup --embedded/);
  });

  test("bad lines are named with their numbers, the others arrive, exit 1", async () => {
    await run(["setup", "--embedded", "bad"]);
    const { code, stderr } = await run(["send", "--embedded", "bad", "bad.ndjson"]);
    expect(code).toBe(1);
    expect(stderr.split("\n").slice(0, 5)).toEqual([
      "line 2: the line is not JSON",
      "line 4: the event has no type: it must be a text that is not empty",
      'line 5: types that begin with eddy_ are Eddy\'s own: "eddy_tick" needs another name',
      "line 6: the line has more than 1,000,000 bytes, the most that an event may have",
      "line 7: an event must be a JSON object",
    ]);
    expect(stderr).toMatch(/\nsent 2 events in [\d.]+ s, 5 bad lines left out\n$/);
    expect((await embeddedRecords("bad")).map(text)).toEqual([event("1", "a"), event("5", "d")]);
  });

  test("bytes that are no text, and a heap of bad lines, of which twenty are shown", async () => {
    await run(["setup", "--embedded", "heap"]);
    expect((await run(["send", "--embedded", "heap", "binary.ndjson"])).stderr).toMatch(/^line 1: the line is not text in UTF-8\n/);
    const { stderr } = await run(["send", "--embedded", "heap", "-"], {}, "x\n".repeat(1_500));
    expect(stderr.match(/^line \d+:/gm)).toHaveLength(20);
    expect(stderr).toContain("… and 1,480 more bad lines\n");
  });

  test("the clock of a stream on the broker's cannot be moved, and nothing is sent then", async () => {
    await run(["setup", "--embedded", "broker"]);
    const { code, stderr } = await run(["send", "--embedded", "broker", "many.ndjson", "--clock", "2026-06-01"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^eddy: --clock cannot move the clock of .*broker: it is the broker's/);
    expect(await embeddedRecords("broker")).toEqual([]);
  });

  test("a damaged file: what could be read is sent, and exit 2 says how far it came", async () => {
    await run(["setup", "--embedded", "broken"]);
    const { code, stderr } = await run(["send", "--embedded", "broken", "broken.ndjson.gz"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/broken\.ndjson\.gz: it is damaged, or not gzip although its name ends in \.gz/);
  });

  test("a file that is not there", async () => {
    const { code, stderr } = await run(["send", "nothing.ndjson"]);
    expect([code, stderr]).toEqual([2, "eddy: nothing.ndjson: there is no such file or folder\n"]);
  });
});
