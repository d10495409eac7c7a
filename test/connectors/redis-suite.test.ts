/**
 * The conformance suite on a real Redis: a plain server, a server that checks the hash slots of every call as a cluster
 * does, and a cluster of three.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Redis } from "ioredis";
import type { StateStore } from "../../engine/ports.js";
import { StoreUnavailable } from "../../engine/ports.js";
import { connectRedis } from "../../connectors/redis/connection.js";
import { setupStore } from "../../connectors/redis/setup.js";
import { openRedisStore } from "../../connectors/redis/store.js";
import { commitOf, stateStoreSuite } from "../conformance/state-store.js";
import type { StateStoreFixture } from "../conformance/state-store.js";
import { ALL_SLOTS, startRedis, startRedisCluster } from "../servers/redis.js";
import type { RedisServer } from "../servers/redis.js";

type Kind = "plain" | "slots" | "cluster";

const servers = new Map<Kind, readonly RedisServer[]>();

beforeAll(async () => {
  const [plain, slots, cluster] = await Promise.all([startRedis(), startRedis({ slots: ALL_SLOTS }), startRedisCluster()]);
  servers.set("plain", [plain]).set("slots", [slots]).set("cluster", cluster);
});
afterAll(async () => {
  for (const server of [...servers.values()].flat()) await server.dispose();
});

const serversOf = (kind: Kind): readonly RedisServer[] => servers.get(kind) ?? [];
const urlOf = (kind: Kind): string => `redis://${serversOf(kind).map(({ port }) => `127.0.0.1:${port}`).join(",")}`;

async function fixtureOn(kind: Kind, scope = ""): Promise<StateStoreFixture> {
  for (const server of serversOf(kind)) await emptied(server);
  const open = async (): Promise<StateStore> => (await openRedisStore({ url: urlOf(kind) }, null, scope)).store;
  let current = await open();
  return {
    store: current,
    async reopen() {
      await current.close();
      current = await open();
      return current;
    },
    dispose: () => current.close(),
  };
}

async function emptied(server: RedisServer): Promise<void> {
  const redis = new Redis(server.url);
  await redis.flushall();
  redis.disconnect();
}

stateStoreSuite("Redis", () => fixtureOn("plain"));
stateStoreSuite("Redis, checking hash slots", () => fixtureOn("slots"));
stateStoreSuite("Redis, a scope, checking hash slots", () => fixtureOn("slots", "fill"));
stateStoreSuite("Redis Cluster", () => fixtureOn("cluster"));

test("a cluster spreads partitions over its masters, and each has the functions", async () => {
  const fixture = await fixtureOn("cluster");
  const connection = connectRedis({ url: urlOf("cluster") });
  await setupStore(connection, { partitions: 8 });
  await connection.close();
  for (let partition = 0; partition < 8; partition++) {
    const { writer } = await fixture.store.claim(partition, "w");
    expect(await fixture.store.commit({ ...commitOf(writer, 1), partition })).toBe("done");
  }
  for (const server of serversOf("cluster")) {
    const redis = new Redis(server.url);
    expect(await redis.keys("eddy:{*}:meta")).not.toEqual([]);
    redis.disconnect();
  }
  await fixture.dispose();
});

test("a node of a cluster alone is refused, with the way to name them all", async () => {
  const [node] = serversOf("cluster");
  await expect(openRedisStore({ url: node?.url ?? "" })).rejects.toThrow(/belongs to a cluster.*separated by commas/);
});

test("while a master of a cluster is down its partitions are unavailable; commits count once", async () => {
  for (const server of serversOf("cluster")) await emptied(server);
  const { store } = await openRedisStore({ url: urlOf("cluster"), commandTimeoutMs: 3_000 });
  const { writer } = await store.claim(3, "w");
  expect(await store.commit(commitOf(writer, 1))).toBe("done");
  const owner = await ownerOf("eddy:{3}:meta");
  await owner.kill();
  await expect(store.commit(commitOf(writer, 2))).rejects.toBeInstanceOf(StoreUnavailable);
  await owner.start();
  let answer: string | null = null;
  while (answer === null) {
    answer = await store.commit(commitOf(writer, 2)).catch((error: unknown) => {
      expect(error).toBeInstanceOf(StoreUnavailable);
      return null;
    });
  }
  expect(["done", "already"]).toContain(answer);
  expect((await store.meta(3)).number).toBe(2);
  await store.close();
});

async function ownerOf(key: string): Promise<RedisServer> {
  for (const server of serversOf("cluster")) {
    const redis = new Redis(server.url);
    const found = await redis.exists(key).catch(() => 0);
    redis.disconnect();
    if (found === 1) return server;
  }
  throw new Error(`no server has ${key}`);
}
