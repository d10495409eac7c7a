/**
 * An event log that is not what it was: found at the start and while running, said with the choices, nothing skipped or
 * repeated in silence; and each choice leads on. On real servers.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { setupStreams } from "../../connectors/nats/setup.js";
import { readMeta } from "../../engine/meta.js";
import { until } from "./progress.js";
import { ALL_STREAMS, ANN, openShop, SETTINGS, streamFolder, type Shop } from "./shop-place.js";

let shop: Shop;
beforeEach(async () => void (shop = await openShop()));
afterEach(() => shop.dispose());

interface Case {
  readonly name: string;
  /** Makes it another log, with the engine down; five orders of each customer were processed, and the last of each is o-9 and o-10. */
  readonly change: (restore: () => Promise<void>) => Promise<unknown>;
  readonly message: RegExp;
  /** What ANN's partition says of the order that comes after each decision. */
  readonly accepted: readonly string[];
  readonly rebuilt: readonly string[];
}

const BEFORE = ["o-1:1", "o-3:2", "o-5:3", "o-7:4", "o-9:5"];

const logs: readonly Case[] = [
  {
    name: "made again", change: () => shop.remade("EVENTS"), message: /is not the one that this state belongs to/,
    accepted: [...BEFORE, "o-11:6"], rebuilt: [...BEFORE, "o-11:1"],
  },
  {
    name: "shorter", change: (restore) => restore(), message: /is shorter than it was: it ends at 4, but event 10 had been processed/,
    accepted: [...BEFORE, "o-11:6"], rebuilt: [...BEFORE, "o-11:3"],
  },
  {
    name: "shorter and grown again",
    change: async (restore) => {
      await restore();
      shop.orderNumber = 20;
      await shop.orders(4);
      shop.orderNumber = 10;
    },
    message: /has another record at 1?\d .* than was processed .*: it lost its end and grew again/,
    accepted: [...BEFORE, "o-21:6", "o-23:7", "o-25:8", "o-27:9", "o-11:10"], rebuilt: [...BEFORE, "o-21:3", "o-23:4", "o-25:5", "o-27:6", "o-11:7"],
  },
  {
    name: "purged ahead of the position",
    change: async () => {
      shop.orderNumber = 20;
      await shop.orders(2);
      shop.orderNumber = 10;
      await (await shop.place.link.nc.jetstreamManager()).streams.purge("EVENTS", { seq: 13 });
    },
    message: /no longer holds events 11 to 12, which had not been processed/,
    accepted: [...BEFORE, "o-23:6", "o-11:7"], rebuilt: [...BEFORE, "o-23:1", "o-11:2"],
  },
];

describe.each(["accept-data-loss", "rebuild"] as const)("%s leads on", (choice) => {
  test.each(logs)("where the log was $name", async ({ change, message, accepted, rebuilt }) => {
    await shop.orders(2);
    const restore = await shop.backup(shop.place.nats, streamFolder("EVENTS"));
    await shop.start();
    await shop.worked(await shop.orders(3));
    await shop.stop();
    await change(restore);
    const stuck = await shop.start();
    await shop.stoodStill(0, 1);
    expect(stuck.stopped(0)).toMatch(message);
    expect(stuck.stopped(0)).toMatch(/Either .*, or decide with 'eddy recover'/);
    expect(stuck.notReady()).toEqual([stuck.stopped(0), stuck.stopped(1)]);
    expect(await shop.said(0)).toEqual(BEFORE);
    await shop.stop();
    const [what] = await shop.recover(choice, 0, 1);
    expect(what).toMatch(choice === "rebuild" ? /^drops all state/ : /^keeps the state/);
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(shop.engine.notReady()).toEqual([]);
    expect(await shop.said(0)).toEqual(choice === "rebuild" ? rebuilt : accepted);
    expect((await shop.examined(0)).meta.fields["recovered"]).toContain(choice);
  });
});

test("the position is where no decision was asked for: nothing to decide, and looking changes nothing", async () => {
  await shop.start();
  await shop.worked(await shop.orders(1));
  await shop.stop();
  const before = await shop.place.ports.store.meta(0);
  const { log, outputs } = await shop.examined(0);
  expect([log, outputs]).toEqual([null, null]);
  expect(await shop.place.ports.store.meta(0)).toEqual(before);
});

test("all of NATS as it was earlier: EVENTS is shorter, and the output streams are filled again from the outbox", async () => {
  await shop.orders(2);
  const restore = await shop.backup(shop.place.nats, ALL_STREAMS);
  await shop.start();
  await shop.worked(await shop.orders(3));
  await shop.stop();
  await restore();
  await shop.start();
  await shop.stoodStill(0, 1);
  expect(shop.engine.stopped(1)).toMatch(/is shorter than it was/);
  await shop.stop();
  await shop.recover("accept-data-loss", 0, 1);
  await shop.start();
  await shop.worked(await shop.orders(1));
  expect(await shop.said(0)).toEqual([...BEFORE, "o-11:6"]);
});

test("a partition without events of its own records every ten minutes how far it has seen: what is removed meanwhile is no gap to it", async () => {
  let later = 0;
  await shop.start({ seconds: () => performance.now() / 1000 + later });
  await shop.worked(await shop.orders(1));
  const last = await shop.orders(5, [ANN]);
  await until("the busy partition is done", async () => (await shop.said(0)).length === 6);
  const position = async (p: number): Promise<number> => readMeta((await shop.place.ports.store.meta(p)).meta).offset;
  expect(await position(1)).toBeLessThan(last);
  later = 600;
  await until("it has recorded its position", async () => (await position(1)) === last);
});

describe("while running", () => {
  test("EVENTS is made again: every partition stands still with the choices, in readiness and metrics, the process stays", async () => {
    const running = await shop.start();
    await shop.worked(await shop.orders(5));
    await shop.remade("EVENTS");
    await shop.stoodStill(0, 1);
    expect(running.stopped(0)).toMatch(/is not the one that this state belongs to/);
    expect(running.notReady()).toEqual([running.stopped(0), running.stopped(1)]);
    expect(running.said.join("\n")).toMatch(/the event log is not what it was/);
    await shop.stop();
    await shop.recover("accept-data-loss", 0, 1);
    await shop.start();
    await shop.worked(await shop.orders(1));
    expect(await shop.said(0)).toEqual([...BEFORE, "o-11:6"]);
  });

  test("EVENTS comes back from a backup while nats-server was away", async () => {
    await shop.orders(2);
    const restore = await shop.backup(shop.place.nats, streamFolder("EVENTS"));
    await shop.start();
    await shop.worked(await shop.orders(3));
    await restore();
    await shop.stoodStill(0, 1);
    expect(shop.engine.stopped(0)).toMatch(/is shorter than it was/);
  });

  test("EVENTS comes back from a backup and grows beyond the position before the engine sees it", async () => {
    await shop.orders(2);
    const restore = await shop.backup(shop.place.nats, streamFolder("EVENTS"));
    await shop.start();
    await shop.worked(await shop.orders(3));
    await shop.place.nats.stop();
    await restore();
    await Promise.all([shop.orders(4), shop.stoodStill(0, 1)]);
    expect(shop.engine.stopped(0)).toMatch(/is shorter than it was|grew again/);
  });

  test("EVENTS is deleted: the engine ends and says that it is missing", async () => {
    const running = await shop.start();
    await shop.worked(await shop.orders(1));
    await (await shop.place.link.nc.jetstreamManager()).streams.delete("EVENTS");
    expect((await running.ended)?.message).toMatch(/no stream EVENTS; run 'eddy setup/);
  });

  test("EVENTS is purged of what was processed, and single events are deleted: nothing happens", async () => {
    const running = await shop.start();
    await shop.worked(await shop.orders(5));
    const manager = await shop.place.link.nc.jetstreamManager();
    await manager.streams.purge("EVENTS", { seq: 8 });
    await shop.worked(await shop.orders(1));
    expect([running.stopped(0), running.stopped(1)]).toEqual([null, null]);
    await shop.stop();
    // Of those that are still to come, one in the middle is gone, as when a person is to be forgotten.
    const last = await shop.orders(3, [ANN]);
    await manager.streams.deleteMessage("EVENTS", last - 1);
    const again = await shop.start();
    await shop.worked(await shop.orders(1));
    expect([again.stopped(0), again.stopped(1)]).toEqual([null, null]);
    expect((await shop.said(0)).slice(-4)).toEqual(["o-11:6", "o-13:7", "o-15:8", "o-16:9"]);
  });

  test("a log of another number of partitions: the engine ends and says so", async () => {
    const running = await shop.start();
    await shop.worked(await shop.orders(1));
    await (await shop.place.link.nc.jetstreamManager()).streams.delete("EVENTS");
    await setupStreams(shop.place.link, { ...SETTINGS, partitions: 3 });
    expect((await running.ended)?.message).toMatch(/one of 3 partitions, the store one of 2: they do not belong together/);
  });
});
