/** The conformance suite on a real Redis, once as a plain server and once as a cluster of one node. */
import { afterAll, beforeAll } from "vitest";
import { Redis } from "ioredis";
import type { StateStore } from "../../engine/ports.js";
import { openRedisStore } from "../../connectors/redis/store.js";
import { stateStoreSuite } from "../conformance/state-store.js";
import type { StateStoreFixture } from "../conformance/state-store.js";
import { startRedis } from "../servers/redis.js";
import type { RedisServer } from "../servers/redis.js";

const servers = new Map<boolean, RedisServer>();

beforeAll(async () => {
  for (const cluster of [false, true]) servers.set(cluster, await startRedis({ cluster }));
});
afterAll(async () => {
  for (const server of servers.values()) await server.dispose();
});

async function fixtureOn(cluster: boolean): Promise<StateStoreFixture> {
  const server = servers.get(cluster);
  if (server === undefined) throw new Error("the server was not started");
  await emptied(server);
  const open = async (): Promise<StateStore> => (await openRedisStore({ url: server.url })).store;
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

stateStoreSuite("Redis", () => fixtureOn(false));
stateStoreSuite("Redis in cluster mode", () => fixtureOn(true));
