/** What an engine warns of at its start: servers and streams that promise less than docs/guarantees.md asks, each on real servers so configured. */
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import type { StreamConfig } from "nats";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openPorts } from "../../cli/open.js";
import { connectNats, type NatsLink } from "../../connectors/nats/connect.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { brokerWeaknesses, grouped } from "../../connectors/nats/weaknesses.js";
import { connectRedis } from "../../connectors/redis/connection.js";
import { setupStore } from "../../connectors/redis/setup.js";
import { openRedisStore } from "../../connectors/redis/store.js";
import { startNats, type NatsServer, type NatsServerOptions } from "../servers/nats.js";
import { freePort } from "../servers/ports.js";
import { startRedis, type RedisServer, type RedisServerOptions } from "../servers/redis.js";

let undo: (() => Promise<unknown>)[];
beforeEach(() => void (undo = []));
afterEach(async () => {
  for (const step of undo.reverse()) await step();
});

async function nats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const server = await startNats(options);
  undo.push(() => server.dispose());
  return server;
}

async function linked({ url }: NatsServer): Promise<NatsLink> {
  const link = await connectNats({ servers: [url] });
  undo.push(() => link.close());
  return link;
}

async function redis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  undo.push(() => server.dispose());
  return server;
}

const SETTINGS = { partitions: 2, clock: "broker" } as const;
const DAY = 86_400 * 1e9;

describe("NATS", () => {
  test("as eddy setup makes it: nothing", async () => {
    const link = await linked(await nats());
    await setupStreams(link, SETTINGS);
    expect(await brokerWeaknesses(link, Date.now)).toEqual([]);
  });

  test.each<[string, string, Partial<StreamConfig>, RegExp]>([
    ["in memory", "EVENTS", { storage: "memory" as StreamConfig["storage"] }, /^stream EVENTS: memory storage: everything is lost/],
    ["a work queue", "OUT_0", { retention: "workqueue" as StreamConfig["retention"] }, /^stream OUT_0: retention 'workqueue' removes/],
    ["discards the old", "EVENTS", { discard: "old" as StreamConfig["discard"], max_msgs: 1000 }, /^stream EVENTS: discards its oldest messages .*nats stream edit --discard=new/],
    ["a limit of messages on outputs", "OUT_1", { max_msgs: 1000 }, /^stream OUT_1: takes nothing more when its limit .* nothing is evaluated either/],
    ["a limit of each subject", "EVENTS", { max_msgs_per_subject: 5 }, /^stream EVENTS: keeps only 5 messages of each subject: nats stream edit/],
    ["events soon removed", "EVENTS", { max_age: DAY / 24 }, /^stream EVENTS: removes events after 1 hours, read or not: .*eddy setup --max-age/],
    ["outputs soon removed", "OUT_0", { max_age: DAY / 8 }, /^stream OUT_0: removes outputs after 3 hours/],
    ["a short memory for duplicates", "EVENTS", { duplicate_window: 5e9 }, /^stream EVENTS: recognises duplicates for 5 s only: nats stream edit --dupe-window=120s/],
    ["small messages", "OUT_0", { max_msg_size: 4096 }, /^stream OUT_0: takes messages of 4096 bytes at most, where 1000000/],
    ["other subjects", "EVENTS", { subjects: ["events.shop.>"] }, /^stream EVENTS: does not listen to events\.>: run eddy setup/],
    ["no acknowledgements", "EVENTS", { no_ack: true }, /^stream EVENTS: does not acknowledge/],
  ])("%s", async (_, stream, change, expected) => {
    const link = await linked(await nats());
    await setupStreams(link, SETTINGS);
    const { streams } = await link.nc.jetstreamManager();
    const { config } = await streams.info(stream);
    await streams.delete(stream);
    await streams.add({ ...config, ...change });
    expect(await brokerWeaknesses(link, Date.now)).toEqual([expect.stringMatching(expected)]);
  });

  test("a server that takes small messages only", async () => {
    const link = await linked(await nats({ config: "max_payload: 65536" }));
    await setupStreams(link, SETTINGS);
    expect(await brokerWeaknesses(link, Date.now)).toEqual([expect.stringMatching(/takes messages of 65536 bytes at most \(max_payload\).*set max_payload to 1MB/)]);
  });

  test("a clock that is not this machine's; on the events' own clock it does not matter", async () => {
    const link = await linked(await nats());
    await setupStreams(link, SETTINGS);
    expect(await brokerWeaknesses(link, () => Date.now() + 10_000)).toEqual([expect.stringMatching(/^the clock of NATS at .* is (?:9|10)\.\d s behind this machine's: .*NTP/)]);
    expect(await brokerWeaknesses(link, () => Date.now() - 10_000)).toEqual([expect.stringMatching(/is (?:9|10)\.\d s ahead of this machine's/)]);
    const manager = await link.nc.jetstreamManager();
    // Nothing is left behind.
    await expect.poll(async () => (await manager.consumers.list("EVENTS").next()).length, { timeout: 60_000 }).toBe(0);
    const other = await linked(await nats());
    await setupStreams(other, { ...SETTINGS, clock: "event" });
    expect(await brokerWeaknesses(other, () => Date.now() + 10_000)).toEqual([]);
  });

  test("one replica in a cluster", async () => {
    const routes = await Promise.all([freePort(), freePort(), freePort()]);
    const all = routes.map((port) => `"nats://127.0.0.1:${port}"`).join(", ");
    const [first] = await Promise.all(routes.map((port, i) => nats({ config: `server_name: "n${i}"\ncluster { name: "c", listen: "127.0.0.1:${port}", routes: [${all}] }` })));
    const link = await linked(first as NatsServer);
    for (const deadline = performance.now() + 60_000; ; await delay(200)) {
      const made = await setupStreams(link, { ...SETTINGS, replicas: 1 }).then(() => true, (error: Error) => error);
      if (made === true) break;
      if (performance.now() > deadline) throw made;
    }
    expect(await brokerWeaknesses(link, Date.now)).toEqual(["streams EVENTS, OUT_0, OUT_1: 1 replica in a cluster: when a server is lost the stream stands still or is gone; eddy setup --replicas 3"]);
    await setupStreams(link, { ...SETTINGS, replicas: 3 });
    expect(await brokerWeaknesses(link, Date.now)).toEqual([]);
  });

  test("the same of many streams is one line", () => {
    const names = Array.from({ length: 8 }, (_, p) => ({ name: `OUT_${p}`, texts: ["x"] }));
    expect(grouped([{ name: "EVENTS", texts: ["y"] }, ...names])).toEqual(["stream EVENTS: y", "streams OUT_0 to OUT_7: x"]);
  });
});

describe("Redis", () => {
  const warnings = async ({ url }: RedisServer, now = Date.now): Promise<readonly string[]> => {
    const opened = await openRedisStore({ url }, now);
    await opened.store.close();
    return opened.warnings;
  };

  test("appending to disk every second, with room: nothing", async () => {
    expect(await warnings(await redis({ settings: ["--maxmemory", "500mb"] }))).toEqual([]);
  });

  test.each<[string, RedisServerOptions, RegExp]>([
    ["nothing on disk", { appendfsync: "off" }, /keeps nothing on disk: .*set appendonly yes/],
    ["snapshots alone", { appendfsync: "off", settings: ["--save", "60 1"] }, /writes only snapshots: .*set appendonly yes/],
    ["written whenever the system likes", { appendfsync: "no" }, /appendfsync no: .*everysec or always/],
    ["hardly any memory left", { settings: ["--maxmemory", "1mb"] }, /uses \d+ % of its maxmemory \(1 MB\).*raise maxmemory/],
  ])("%s", async (_, options, expected) => {
    expect(await warnings(await redis(options))).toEqual([expect.stringMatching(expected)]);
  });

  test("a replica, and a master that does not ask whether it is there", async () => {
    const master = await redis();
    const replica = await redis({ settings: ["--replicaof", `127.0.0.1 ${master.port}`, "--repl-diskless-sync-delay", "0"] });
    const admin = new Redis(master.port, "127.0.0.1");
    undo.push(() => admin.quit());
    await expect.poll(async () => /slave0:.*state=online/.test(await admin.info("replication")), { timeout: 60_000 }).toBe(true);
    expect(await warnings(master)).toEqual([expect.stringMatching(/has replicas and min-replicas-to-write 0: .*set it to 1/)]);
    await admin.config("SET", "min-replicas-to-write", "1");
    expect(await warnings(master)).toEqual([]);
    void replica;
  });

  test("a master of a cluster without replicas", async () => {
    const { ALL_SLOTS } = await import("../servers/redis.js");
    expect(await warnings(await redis({ slots: ALL_SLOTS }))).toEqual([expect.stringMatching(/master of a cluster without replicas: .*give it a replica/)]);
  });

  test("another clock", async () => {
    const server = await redis();
    expect(await warnings(server, () => Date.now() + 60_000)).toEqual([expect.stringMatching(/is (?:59|60)\.\d s behind this machine's: .*NTP/)]);
  });
});

test("an engine is told of both; who only looks is not kept waiting by it", async () => {
  const [broker, store] = [await nats({ config: "max_payload: 65536" }), await redis({ appendfsync: "off" })];
  await setupStreams(await linked(broker), SETTINGS);
  const connection = connectRedis({ url: store.url });
  await setupStore(connection, SETTINGS);
  await connection.close();
  const where = { k: "servers", nats: { servers: [broker.url] }, redis: { url: store.url } } as const;
  const engine = await openPorts(where, { now: Date.now, engine: true });
  await engine.close();
  expect(engine.warnings).toEqual([expect.stringMatching(/max_payload/), expect.stringMatching(/nothing on disk/)]);
  const looking = await openPorts(where, { now: Date.now });
  await looking.close();
  expect(looking.warnings).toEqual([expect.stringMatching(/nothing on disk/)]);
});
