/**
 * An output stream that is not what it was: what can be mended is mended, and the rest is said with the choices; nothing is
 * lost or repeated in silence, and the other partition goes on. On real servers.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectRedis } from "../../connectors/redis/connection.js";
import { KEYS } from "../../connectors/redis/keys.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { until } from "./progress.js";
import { ANN, BEN, openShop, SETTINGS, streamFolder, type Shop } from "./shop-place.js";

let shop: Shop;
beforeEach(async () => void (shop = await openShop()));
afterEach(() => shop.dispose());

const manager = () => shop.place.link.nc.jetstreamManager();

/** Somebody else's message in OUT_0, as `nats pub` leaves it. */
async function intrudes(body = "intruder"): Promise<void> {
  await shop.place.link.nc.jetstream().publish("actions.0.emit.thanks", body);
}

describe("the output stream was made again", () => {
  test("at the start: its partition stands still, the other goes on; then it goes on in the new stream", async () => {
    await shop.start();
    for (let i = 0; i < 3; i++) await shop.worked(await shop.orders(1));
    await shop.stop();
    await shop.remade("OUT_0");
    await shop.start();
    await shop.stoodStill(0);
    expect(shop.engine.stopped(0)).toMatch(/OUT_0 is not the one to which 3 outputs were committed .*deleted and made again.*eddy recover/);
    await shop.orders(1);
    await until("the other one goes on", async () => (await shop.said(1)).at(-1) === "o-8:4");
    expect(shop.engine.stopped(1)).toBe(null);
    await shop.stop();
    expect(await shop.recover("accept-data-loss", 0)).toEqual([expect.stringMatching(/^keeps the state .*OUT_0 goes on behind 0/)]);
    await shop.start();
    await shop.worked(await shop.orders(1));
    // That the third was published was not known yet when the last commit was made: it comes again, under its id.
    expect(await shop.said(0)).toEqual(["o-5:3", "o-7:4", "o-9:5"]);
  });

  test("while running, and what was committed is not published yet: it is, after the decision", async () => {
    await shop.start();
    await shop.worked(await shop.orders(2));
    const streams = (await manager()).streams;
    const { config } = await streams.info("OUT_0");
    await streams.update("OUT_0", { ...config, max_msgs: 2 });
    await shop.orders(2);
    await until("two wait", () => shop.engine.stats.partitions.get(0)?.outboxPending === 2);
    await shop.remade("OUT_0");
    await shop.stoodStill(0);
    expect(shop.engine.stopped(0)).toMatch(/OUT_0 is not the one/);
    await until("the other one goes on", async () => (await shop.said(1)).at(-1) === "o-8:4");
    await shop.stop();
    await shop.recover("accept-data-loss", 0);
    await shop.start();
    await shop.worked(await shop.orders(1));
    // Which of the first two were published when the last commit was made is known; what follows was not.
    expect((await shop.said(0)).slice(-3)).toEqual(["o-5:3", "o-7:4", "o-9:5"]);
  });

  test("a rebuild takes the new stream too, and says nothing again that is known to be published", async () => {
    await shop.start();
    for (let i = 0; i < 3; i++) await shop.worked(await shop.orders(1));
    await shop.stop();
    await shop.remade("OUT_0");
    await shop.recover("rebuild", 0);
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await shop.said(0)).toEqual(["o-5:3", "o-7:4"]);
  });
});

test("the output stream is deleted while running: the partition says so; set-up makes it anew, and then it is another one", async () => {
  await shop.start();
  await shop.worked(await shop.orders(2));
  await (await manager()).streams.delete("OUT_0");
  await shop.orders(1);
  await until("the other one goes on", async () => (await shop.said(1)).at(-1) === "o-6:3");
  await shop.stoodStill(0);
  expect(shop.engine.stopped(0)).toMatch(/OUT_0 does not exist \('eddy setup' makes it anew\)/);
  await shop.stop();
  await expect(shop.recover("accept-data-loss", 0)).rejects.toThrow(/eddy setup.*do that first/);
  await setupStreams(shop.place.link, SETTINGS);
  await shop.recover("accept-data-loss", 0);
  await shop.start();
  await shop.worked(await shop.orders(1));
  expect((await shop.said(0)).slice(-2)).toEqual(["o-5:3", "o-7:4"]);
});

describe("the output stream is as it was earlier", () => {
  test.each(["at the start", "while running"])("%s: what the outbox keeps is published again, with the same ids", async (when) => {
    await shop.orders(1);
    const restore = await shop.backup(shop.place.nats, streamFolder("OUT_0"));
    await shop.start();
    await shop.worked(await shop.orders(3));
    const before = await shop.place.outputs(0);
    if (when === "at the start") await shop.stop();
    await restore();
    if (when === "at the start") await shop.start();
    await shop.worked(await shop.orders(1));
    expect((await shop.place.outputs(0)).slice(0, before.length)).toEqual(before);
    expect((await shop.said(0)).at(-1)).toBe("o-9:5");
  });

  test("it lost more than the outbox keeps: the partition stands still; then the kept ones are published", async () => {
    const restore = await shop.backup(shop.place.nats, streamFolder("OUT_0"));
    await shop.start({ keepPublished: 1 });
    for (let i = 0; i < 4; i++) await shop.worked(await shop.orders(1));
    await shop.stop();
    await restore();
    await shop.start({ keepPublished: 1 });
    await shop.stoodStill(0);
    expect(shop.engine.stopped(0)).toMatch(/OUT_0 ends at 0, but output 1 of 4 committed ones is no longer kept/);
    await shop.stop();
    await shop.recover("accept-data-loss", 0);
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect((await shop.said(0)).slice(-2)).toEqual(["o-7:4", "o-9:5"]);
  });
});

describe("somebody else publishes into the output stream", () => {
  test("while running: what the engine says next comes behind it, each once", async () => {
    await shop.start();
    await shop.worked(await shop.orders(2));
    await intrudes();
    await shop.worked(await shop.orders(2));
    await until("all five are there", async () => (await shop.said(0)).length === 5);
    // Of two that were under way the second fitted behind the intruder.
    expect((await shop.said(0)).slice(0, 3)).toEqual(["o-1:1", "o-3:2", "intruder"]);
    expect((await shop.said(0)).slice(3).sort()).toEqual(["o-5:3", "o-7:4"]);
    expect(await shop.said(1)).toEqual(["o-2:1", "o-4:2", "o-6:3", "o-8:4"]);
    expect(shop.engine.said.join("\n")).toMatch(/OUT_0 (holds another's output under number 3|holds 3 outputs, of which only 2)/);
  });

  test("while outputs wait to be published, and the engine is down: all come, once, and the outbox says what the stream says", async () => {
    await shop.start();
    await shop.worked(await shop.orders(1));
    const streams = (await manager()).streams;
    const { config } = await streams.info("OUT_0");
    await streams.update("OUT_0", { ...config, max_msgs: 1 });
    await shop.orders(3);
    await until("three wait", () => shop.engine.stats.partitions.get(0)?.outboxPending === 3);
    await shop.stop();
    await streams.update("OUT_0", { ...config, max_msgs: -1 });
    await intrudes("one");
    await intrudes("two");
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await shop.said(0)).toEqual(["o-1:1", "one", "two", "o-3:2", "o-5:3", "o-7:4", "o-9:5"]);
    expect(shop.engine.said.join("\n")).toMatch(/OUT_0 holds other outputs than were committed from number 2 on; 3 are published behind them/);
    const kept = await shop.place.ports.store.outbox(0, 1, 100);
    expect(kept.map(({ number, id }) => [number, id])).toEqual((await shop.place.outputs(0)).map(({ number, id }) => [number, id]));
  });

  test("nothing in the stream is the partition's own: it stands still", async () => {
    await shop.start({ keepPublished: 1 });
    for (let i = 0; i < 4; i++) await shop.worked(await shop.orders(1));
    await shop.stop();
    // As a store from before identities were noted.
    const redis = connectRedis({ url: shop.place.redis.url });
    await redis.ask((client) => client.hdel(KEYS.meta(0), "outputs"));
    await redis.close();
    await shop.remade("OUT_0");
    for (let i = 0; i < 5; i++) await intrudes(`foreign ${i}`);
    await shop.start();
    await shop.stoodStill(0);
    expect(shop.engine.stopped(0)).toMatch(/OUT_0 holds nothing of the 4 outputs that were committed to it: it is another's/);
    await shop.stop();
    await shop.recover("accept-data-loss", 0);
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect((await shop.said(0)).at(-1)).toBe("o-9:5");
  });
});

test("neither customer is the other's", () => expect(ANN).not.toBe(BEN));
