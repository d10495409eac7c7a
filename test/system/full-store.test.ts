/** Redis without memory for more: the engine waits, says so, is not ready; with memory it goes on, and nothing is lost or said twice. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { connectRedis } from "../../connectors/redis/connection.js";
import { until } from "./progress.js";
import { openShop, type Shop } from "./shop-place.js";

let shop: Shop;
beforeEach(async () => void (shop = await openShop()));
afterEach(() => shop.dispose());

async function maxmemory(bytes: string): Promise<void> {
  const connection = connectRedis({ url: shop.place.redis.url });
  await connection.ask((client) => client.call("CONFIG", "SET", "maxmemory", bytes));
  await connection.close();
}

const NO_MEMORY = /maxmemory: raise it/;
/** Far less than it has when it starts. */
const NOTHING = "100kb";
const saidAloud = (): number => shop.engine.said.filter((each) => each.includes("the store takes nothing") && NO_MEMORY.test(each)).length;

test("while it runs", async () => {
  await shop.start();
  await shop.worked(await shop.orders(3));
  await maxmemory(NOTHING);
  const since = performance.now();
  const last = await shop.orders(300);
  await until("it is not ready, and says why", () => shop.engine.notReady().some((reason) => NO_MEMORY.test(reason)));
  expect(saidAloud()).toBeGreaterThanOrEqual(1);
  expect((await shop.said(0)).length).toBe(3);
  await maxmemory("0");
  await shop.worked(last);
  await until("it is ready", () => shop.engine.notReady().length === 0);
  for (const p of [0, 1]) expect((await shop.said(p)).map((each) => each.split(":")[1])).toEqual(Array.from({ length: 303 }, (_, n) => String(n + 1)));
  expect(saidAloud()).toBeLessThanOrEqual(1 + Math.floor((performance.now() - since) / 60_000));
});

test("at its start", async () => {
  await maxmemory(NOTHING);
  await shop.start();
  const last = await shop.orders(3);
  await until("it is not ready, and says why", () => shop.engine.notReady().some((reason) => NO_MEMORY.test(reason)));
  await maxmemory("0");
  await shop.worked(last);
  for (const p of [0, 1]) expect((await shop.said(p)).map((each) => each.split(":")[1])).toEqual(["1", "2", "3"]);
});
