/**
 * A log, a store or an output stream that is not what it was: found at the start and while running, said with the choices,
 * nothing skipped or repeated in silence; and each choice leads on. On real servers.
 */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openPorts } from "../../cli/open.js";
import type { Place as Where } from "../../cli/place.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { decide, examine, type Choice, type RecoverPorts } from "../../engine/recover.js";
import { encodeToken, eventSubject, partition } from "../../engine/subjects.js";
import { startInside, type InsideEngine, type InsideOptions } from "./engine-inside.js";
import { serversPlace, type Servers } from "./places.js";
import { settled, until } from "./progress.js";

const SETTINGS = { partitions: 2, clock: "broker" } as const;
const RULES = 'event order_placed { total: number }\ntrait orders = count(order_placed)\nrule thanks { on order_placed  emit "thanks" { n: orders } }\n';
/** A customer of each partition. */
const [ANN, BEN] = [0, 1].map((p) => Array.from({ length: 20 }, (_, i) => `c${i}`).find((customer) => partition(encodeToken(customer), 2) === p) ?? "") as [string, string];

let place: Servers;
let where: Where;
let engine: InsideEngine | null;
let events: number;
beforeEach(async () => {
  place = await serversPlace({ ...SETTINGS, redis: { appendfsync: "always" } });
  where = { k: "servers", nats: { servers: [place.nats.url] }, redis: { url: place.redis.url } };
  engine = null;
  events = 0;
});
afterEach(async () => {
  await engine?.stop();
  await place.dispose();
});

const start = async (options: Partial<InsideOptions> = {}): Promise<InsideEngine> => (engine = await startInside(where, { rules: RULES, ...options }));

async function stop(): Promise<void> {
  await engine?.stop();
  engine = null;
}

/** Appends an order of each customer, so many times; answers the last sequence. */
async function orders(times: number, customers: readonly string[] = [ANN, BEN]): Promise<number> {
  const records = Array.from({ length: times }, () => customers.map((customer) => {
    const id = `o-${++events}`;
    return { subject: eventSubject("order_placed", customer), body: JSON.stringify({ id, type: "order_placed", subject: customer, data: { total: 5 } }), id };
  })).flat();
  return (await place.ports.log.append(records)).at(-1)?.sequence ?? 0;
}

/** What stands in the output stream of a partition: the causing event and the number of orders that the customer had then. */
async function said(p: number): Promise<string[]> {
  return (await place.outputs(p)).map(({ body }) => {
    const { cause, data } = JSON.parse(body) as { cause: string; data: { n: number } };
    return `${cause}:${data.n}`;
  });
}

async function worked(sequence: number): Promise<void> {
  await until("all is done", () => settled(place, sequence));
}

const stoodStill = (...partitions: number[]): Promise<void> => until(`partitions ${partitions.join()} stand still`, () => partitions.every((p) => engine?.stopped(p) != null));

async function withRecovery<T>(use: (ports: RecoverPorts) => Promise<T>): Promise<T> {
  const ports = await openPorts(where, { now: Date.now });
  try {
    return await use(ports);
  } finally {
    await ports.close();
  }
}

async function recover(choice: Choice, ...partitions: number[]): Promise<string[]> {
  const done: string[] = [];
  await withRecovery(async (ports) => {
    for (const p of partitions) done.push((await decide(p, { choice, token: randomUUID(), now: Date.now() }, ports)).what);
  });
  return done;
}

async function remade(stream: string): Promise<void> {
  await (await place.link.nc.jetstreamManager()).streams.delete(stream);
  await setupStreams(place.link, SETTINGS);
}

/** The files of a server in a folder as they are now; what it answers puts them back while the server is down. */
async function backup(server: { readonly folder: string; stop(): Promise<void>; start(): Promise<void> }, of: string): Promise<() => Promise<void>> {
  const [files, copy] = [join(server.folder, of), join(server.folder, "backup", of)];
  await server.stop();
  cpSync(files, copy, { recursive: true });
  await server.start();
  await connected();
  return async () => {
    await server.stop();
    rmSync(files, { recursive: true, force: true });
    cpSync(copy, files, { recursive: true });
    await server.start();
    await connected();
  };
}

/** Of nats-server: one stream, or all that it keeps. */
const streamFolder = (stream: string): string => join(ALL_STREAMS, stream);
const ALL_STREAMS = "store/jetstream/$G/streams";

const connected = (): Promise<void> => until("the test's own connections are back", () =>
  Promise.all([place.ports.log.info(), place.ports.store.meta(0), place.ports.outputs.last(0)]).then(() => true, () => false));

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
    name: "made again", change: () => remade("EVENTS"), message: /is not the one that this state belongs to/,
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
      events = 20;
      await orders(4);
      events = 10;
    },
    message: /has another record at 1?\d .* than was processed .*: it lost its end and grew again/,
    accepted: [...BEFORE, "o-21:6", "o-23:7", "o-25:8", "o-27:9", "o-11:10"], rebuilt: [...BEFORE, "o-21:3", "o-23:4", "o-25:5", "o-27:6", "o-11:7"],
  },
  {
    name: "purged ahead of the position",
    change: async () => {
      events = 20;
      await orders(2);
      events = 10;
      await (await place.link.nc.jetstreamManager()).streams.purge("EVENTS", { seq: 13 });
    },
    message: /no longer holds events 11 to 12, which had not been processed/,
    accepted: [...BEFORE, "o-23:6", "o-11:7"], rebuilt: [...BEFORE, "o-23:1", "o-11:2"],
  },
];

describe.each(["accept-data-loss", "rebuild"] as const)("%s leads on", (choice) => {
  test.each(logs)("where the log was $name", async ({ change, message, accepted, rebuilt }) => {
    await orders(2);
    const restore = await backup(place.nats, streamFolder("EVENTS"));
    await start();
    await worked(await orders(3));
    await stop();
    await change(restore);
    const stuck = await start();
    await stoodStill(0, 1);
    expect(stuck.stopped(0)).toMatch(message);
    expect(stuck.stopped(0)).toMatch(/Either .*, or decide with 'eddy recover'/);
    expect(stuck.notReady()).toEqual([stuck.stopped(0), stuck.stopped(1)]);
    expect(await said(0)).toEqual(BEFORE);
    await stop();
    const [what] = await recover(choice, 0, 1);
    expect(what).toMatch(choice === "rebuild" ? /^drops all state/ : /^keeps the state/);
    await start();
    await worked(await orders(1));
    expect(engine?.notReady()).toEqual([]);
    expect(await said(0)).toEqual(choice === "rebuild" ? rebuilt : accepted);
    expect((await withRecovery((ports) => examine(0, ports))).meta.fields["recovered"]).toContain(choice);
  }, 60_000);
});

test("the position is where no decision was asked for: nothing to decide, and looking changes nothing", async () => {
  await start();
  await worked(await orders(1));
  await stop();
  const before = await place.ports.store.meta(0);
  const { log, outputs } = await withRecovery((ports) => examine(0, ports));
  expect([log, outputs]).toEqual([null, null]);
  expect(await place.ports.store.meta(0)).toEqual(before);
});

test("all of NATS as it was earlier: EVENTS is shorter, and the output streams are filled again from the outbox", async () => {
  await orders(2);
  const restore = await backup(place.nats, ALL_STREAMS);
  await start();
  await worked(await orders(3));
  await stop();
  await restore();
  await start();
  await stoodStill(0, 1);
  expect(engine?.stopped(1)).toMatch(/is shorter than it was/);
  await stop();
  await recover("accept-data-loss", 0, 1);
  await start();
  await worked(await orders(1));
  expect(await said(0)).toEqual([...BEFORE, "o-11:6"]);
}, 60_000);

describe("while running", () => {
  test("EVENTS is made again: every partition stands still with the choices, in readiness and metrics, the process stays", async () => {
    const running = await start();
    await worked(await orders(5));
    await remade("EVENTS");
    await stoodStill(0, 1);
    expect(running.stopped(0)).toMatch(/is not the one that this state belongs to/);
    expect(running.notReady()).toEqual([running.stopped(0), running.stopped(1)]);
    expect(running.said.join("\n")).toMatch(/the event log is not what it was/);
    await stop();
    await recover("accept-data-loss", 0, 1);
    await start();
    await worked(await orders(1));
    expect(await said(0)).toEqual([...BEFORE, "o-11:6"]);
  }, 60_000);

  test("EVENTS comes back from a backup while nats-server was away", async () => {
    await orders(2);
    const restore = await backup(place.nats, streamFolder("EVENTS"));
    await start();
    await worked(await orders(3));
    await restore();
    await stoodStill(0, 1);
    expect(engine?.stopped(0)).toMatch(/is shorter than it was/);
  }, 60_000);

  test("EVENTS comes back from a backup and grows beyond the position before the engine sees it", async () => {
    await orders(2);
    const restore = await backup(place.nats, streamFolder("EVENTS"));
    await start();
    await worked(await orders(3));
    await place.nats.stop();
    await restore();
    await Promise.all([orders(4), stoodStill(0, 1)]);
    expect(engine?.stopped(0)).toMatch(/is shorter than it was|grew again/);
  }, 60_000);

  test("EVENTS is deleted: the engine ends and says that it is missing", async () => {
    const running = await start();
    await worked(await orders(1));
    await (await place.link.nc.jetstreamManager()).streams.delete("EVENTS");
    expect((await running.ended)?.message).toMatch(/no stream EVENTS; run 'eddy setup/);
  }, 60_000);

  test("EVENTS is purged of what was processed, and single events are deleted: nothing happens", async () => {
    const running = await start();
    await worked(await orders(5));
    const manager = await place.link.nc.jetstreamManager();
    await manager.streams.purge("EVENTS", { seq: 8 });
    await worked(await orders(1));
    expect([running.stopped(0), running.stopped(1)]).toEqual([null, null]);
    await stop();
    // Of those that are still to come, one in the middle is gone, as when a person is to be forgotten.
    const last = await orders(3, [ANN]);
    await manager.streams.deleteMessage("EVENTS", last - 1);
    const again = await start();
    await worked(await orders(1));
    expect([again.stopped(0), again.stopped(1)]).toEqual([null, null]);
    expect((await said(0)).slice(-4)).toEqual(["o-11:6", "o-13:7", "o-15:8", "o-16:9"]);
  }, 60_000);

  test("a log of another number of partitions: the engine ends and says so", async () => {
    const running = await start();
    await worked(await orders(1));
    await (await place.link.nc.jetstreamManager()).streams.delete("EVENTS");
    await setupStreams(place.link, { ...SETTINGS, partitions: 3 });
    expect((await running.ended)?.message).toMatch(/one of 3 partitions, the store one of 2: they do not belong together/);
  }, 60_000);
});
