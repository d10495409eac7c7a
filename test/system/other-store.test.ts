/**
 * A store that is not what it was: a backup of yesterday simply works, with nothing said twice; one that is empty, another's
 * or newer is refused or stands still, with what to do. On real servers.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectRedis } from "../../connectors/redis/connection.js";
import { LIBRARY, VERSION } from "../../connectors/redis/functions/library.js";
import { KEYS } from "../../connectors/redis/keys.js";
import { setupStore } from "../../connectors/redis/setup.js";
import { startRedis } from "../servers/redis.js";
import { startInside } from "./engine-inside.js";
import { serversPlace } from "./places.js";
import { until } from "./progress.js";
import { openShop, SETTINGS, type Shop } from "./shop-place.js";

let shop: Shop;
beforeEach(async () => void (shop = await openShop()));
afterEach(() => shop.dispose());

async function redis(...command: readonly [string, ...string[]]): Promise<unknown> {
  const connection = connectRedis({ url: shop.place.redis.url });
  try {
    return await connection.ask((client) => client.call(command[0], ...command.slice(1)) as Promise<unknown>);
  } finally {
    await connection.close();
  }
}

async function setup(): Promise<void> {
  const connection = connectRedis({ url: shop.place.redis.url });
  await setupStore(connection, { partitions: SETTINGS.partitions });
  await connection.close();
}

const ORDERS = ["o-1:1", "o-3:2", "o-5:3", "o-7:4", "o-9:5"];

describe("Redis as it was yesterday, with the log and the outputs of today", () => {
  test.each(["at the start", "while running"])("%s: it simply works, with nothing said twice", async (when) => {
    await shop.start();
    await shop.worked(await shop.orders(2));
    await shop.stop();
    const restore = await shop.backup(shop.place.redis, "appendonlydir");
    await shop.start();
    await shop.worked(await shop.orders(2));
    if (when === "at the start") await shop.stop();
    await restore();
    if (when === "at the start") await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await shop.said(0)).toEqual(ORDERS);
    expect([shop.engine.stopped(0), shop.engine.stopped(1)]).toEqual([null, null]);
  });

  test("and the output stream has let go of the beginning of what was said since: nothing is said twice all the same", async () => {
    await shop.start();
    await shop.worked(await shop.orders(1));
    await shop.stop();
    const restore = await shop.backup(shop.place.redis, "appendonlydir");
    await shop.start();
    for (let i = 0; i < 3; i++) await shop.worked(await shop.orders(1));
    await shop.stop();
    await (await shop.place.link.nc.jetstreamManager()).streams.purge("OUT_0", { seq: 4 });
    await restore();
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await shop.said(0)).toEqual(ORDERS.slice(3));
    expect(shop.engine.said.join("\n")).toMatch(/OUT_0 no longer holds outputs 2 to 3, which the store does not know of; what events up to \d+ cause is taken for published/);
  });

  test("and the output stream has let go of all that was said since: the partition stands still; after either decision it goes on", async () => {
    await shop.start();
    await shop.worked(await shop.orders(1));
    await shop.stop();
    const restore = await shop.backup(shop.place.redis, "appendonlydir");
    await shop.start();
    await shop.worked(await shop.orders(3));
    await shop.stop();
    const manager = await shop.place.link.nc.jetstreamManager();
    for (const stream of ["OUT_0", "OUT_1"]) await manager.streams.purge(stream);
    await restore();
    await shop.start();
    await shop.stoodStill(0, 1);
    expect(shop.engine.stopped(0)).toMatch(/went back behind outputs 2 to 4, and the output stream OUT_0 no longer holds any of them: nobody knows which would be published a second time/);
    await shop.stop();
    await shop.recover("accept-data-loss", 0);
    await shop.recover("rebuild", 1);
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await Promise.all([shop.said(0), shop.said(1)])).toEqual([["o-9:5"], ["o-10:5"]]);
  });
});

describe("Redis is emptied", () => {
  test("while the engine is down: refused until it is set up; then the state is rebuilt from the log, and nothing is said twice", async () => {
    await shop.start();
    await shop.worked(await shop.orders(4));
    await shop.stop();
    await redis("FLUSHALL");
    await expect(shop.start()).rejects.toThrow(/Redis has not been set up .*eddy setup/);
    await setup();
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await shop.said(0)).toEqual(ORDERS);
  });

  test("while it runs: the engine ends and says so; set up and started again, it rebuilds", async () => {
    const running = await shop.start();
    await shop.worked(await shop.orders(3));
    await redis("FLUSHALL");
    await shop.orders(1);
    expect((await running.ended)?.message).toMatch(/has lost everything .*bring a backup back; or run 'eddy setup'/);
    await shop.stop();
    await setup();
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await shop.said(0)).toEqual(ORDERS);
  });

  test("and the log has let go of its beginning: the partitions stand still; after either decision they go on", async () => {
    await shop.start();
    await shop.worked(await shop.orders(4));
    await shop.stop();
    await (await shop.place.link.nc.jetstreamManager()).streams.purge("EVENTS", { seq: 5 });
    await redis("FLUSHALL");
    await setup();
    await shop.start();
    await shop.stoodStill(0, 1);
    expect(shop.engine.stopped(0)).toMatch(/the store knows nothing of this partition, though OUT_0 holds 4 outputs of it, and the event log begins at 5/);
    await shop.stop();
    await shop.recover("accept-data-loss", 0);
    await shop.recover("rebuild", 1);
    await shop.start();
    await shop.worked(await shop.orders(1));
    // What happened before is not counted; what was said is not said again.
    expect(await Promise.all([shop.said(0), shop.said(1)])).toEqual([[...ORDERS.slice(0, 4), "o-9:3"], ["o-2:1", "o-4:2", "o-6:3", "o-8:4", "o-10:3"]]);
  });
});

describe("Redis is another one", () => {
  test("one that belongs to another log: the partitions stand still", async () => {
    const other = await serversPlace(SETTINGS);
    try {
      await shop.start();
      await shop.worked(await shop.orders(1));
      await shop.stop();
      const mixed = await startInside({ k: "servers", nats: { servers: [other.nats.url] }, redis: { url: shop.place.redis.url } }, { rules: "event order_placed { total: number }" });
      try {
        await until("both stand still", () => [0, 1].every((p) => mixed.stopped(p)?.includes("or log and store are not of the same set-up") === true));
      } finally {
        await mixed.stop();
      }
      // With the right ones again it goes on as if nothing had been.
      await shop.start();
      await shop.worked(await shop.orders(1));
      expect(await shop.said(0)).toEqual(ORDERS.slice(0, 2));
    } finally {
      await other.dispose();
    }
  });

  test("another one answers at the address while it runs: the engine ends and says so", async () => {
    const running = await shop.start();
    await shop.worked(await shop.orders(1));
    // At once: an empty one would be another matter.
    await redis("EVAL", "redis.call('FLUSHALL') redis.call('SET', 'eddy:partitions', '5')", "0");
    await shop.orders(1);
    expect((await running.ended)?.message).toMatch(/is another one now: it was set up for 5 partitions, not 2/);
  });

  test.each([
    ["customers", ["SET", "eddy:{1}:customers", "x"], /holds a string under eddy:\{1\}:customers, where Eddy keeps a hash: another program/],
    ["wakes", ["SADD", "eddy:{0}:wakes", "x"], /holds a set under eddy:\{0\}:wakes, where Eddy keeps a zset/],
    ["the number of partitions", ["LPUSH", "eddy:partitions", "x"], /a key that belongs to Eddy holds something else/],
  ] as const)("another program keeps something under the name of %s: refused", async (_, command, message) => {
    await redis("DEL", command[1]);
    await redis(...(command as unknown as [string, ...string[]]));
    await expect(shop.start()).rejects.toThrow(message);
  });
});

describe("state of another version", () => {
  test("newer: that partition stands still and says which version to run, the other goes on", async () => {
    await shop.start();
    await shop.worked(await shop.orders(1));
    await shop.stop();
    await redis("HSET", KEYS.meta(0), "format", "99");
    await shop.start();
    await shop.stoodStill(0);
    expect(shop.engine.stopped(0)).toMatch(/written by a newer Eddy \(format 99/);
    await shop.orders(1);
    await until("the other one goes on", async () => (await shop.said(1)).length === 2);
  });

  test("no position at all can be read: that partition stands still", async () => {
    await shop.start();
    await shop.worked(await shop.orders(1));
    await shop.stop();
    await redis("HSET", KEYS.meta(1), "offset", "twelve");
    await shop.start();
    await shop.stoodStill(1);
    expect(shop.engine.stopped(1)).toMatch(/"offset" is "twelve", which is no position/);
  });

  test("functions of a newer Eddy, as after going back to this version: it goes on with them", async () => {
    await redis("FUNCTION", "LOAD", "REPLACE", LIBRARY.replace(`return ${VERSION} end`, "return 1000 end"));
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await redis("FCALL_RO", "eddy_version", "0")).toBe(1000);
  });
});

test("a second Redis is not mistaken for the first", async () => {
  const second = await startRedis();
  try {
    await expect(startInside({ ...shop.where, redis: { url: second.url } } as typeof shop.where, { rules: "event order_placed { total: number }" })).rejects.toThrow(/has not been set up/);
  } finally {
    await second.dispose();
  }
});
