/** What is removed of one customer: from a log of servers, from one in a folder, and of copies all but the newest of each partition. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openEmbedded, type Embedded } from "../../connectors/embedded/open.js";
import { connectNats, type NatsLink } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import { natsOutputLog } from "../../connectors/nats/output-log.js";
import { natsPurge } from "../../connectors/nats/purge.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import type { Purge } from "../../connectors/purge.js";
import type { EventLog, Output, OutputLog } from "../../engine/ports.js";
import { startNats, type NatsServer } from "../servers/nats.js";

let nats: NatsServer;
let link: NatsLink;
let embedded: Embedded;
const folder = mkdtempSync(join(tmpdir(), "eddy-purge-"));
beforeAll(async () => {
  nats = await startNats();
  link = await connectNats({ servers: [nats.url] });
  await setupStreams(link, { partitions: 2, clock: "broker" });
  embedded = await openEmbedded(folder, { create: true, now: Date.now, partitions: 2, clock: "broker" });
});
afterAll(async () => {
  await embedded.close();
  await link.close();
  await nats.dispose();
  rmSync(folder, { recursive: true, force: true });
});

const output = (number: number, body = "{}"): Output => ({ number, subject: "actions.1.emit.x", id: `i${number}`, cause: number, body });

async function all(log: EventLog): Promise<string[]> {
  const { last } = await log.info();
  const reader = await log.read(1);
  const found: string[] = [];
  while (!found.some((line) => line.startsWith(`${last} `))) {
    await reader.ready(2_000);
    for (const { sequence, subject, body } of reader.take(100)) found.push(`${sequence} ${subject} ${Buffer.from(body).toString()}`);
  }
  await reader.close();
  return found;
}

describe.each<[string, () => { log: EventLog; outputs: OutputLog; purge: Purge }]>([
  ["on servers", () => ({ log: natsEventLog(link), outputs: natsOutputLog(link), purge: natsPurge(link, () => Promise.resolve()) })],
  ["in a folder", () => ({ log: embedded.log, outputs: embedded.outputs, purge: embedded.purge })],
])("%s", (_, open) => {
  test("a customer's events up to a sequence go; everything else keeps its place, ticks for a partition of their name too", async () => {
    const { log, purge } = open();
    const subjects = ["events.seen.1", "events.seen.2", "events.eddy_tick.1", "events.bought.1", "events.eddy_joined.1", "events.seen.11", "events.seen.1", "events.bought.2"];
    await log.append(subjects.map((subject, i) => ({ subject, body: `b${i + 1}` })));
    expect(await purge.events("1", 7)).toBe(3);
    expect(await all(log)).toEqual(["2 events.seen.2 b2", "3 events.eddy_tick.1 b3", "6 events.seen.11 b6", "7 events.seen.1 b7", "8 events.bought.2 b8"]);
    expect(await purge.events("1", 7)).toBe(0);
    expect(await log.at(4)).toBeNull();
    expect(await log.at(6)).toMatchObject({ sequence: 6, subject: "events.seen.11" });
    expect(await log.info()).toMatchObject({ last: 8 });
    expect((await log.ofCustomer("1", 10)).map(({ sequence }) => sequence)).toEqual([3, 7]);
    const [next] = await log.append([{ subject: "events.seen.1", body: "again" }]);
    expect(next).toEqual({ sequence: 9, duplicate: false });
  });

  test("outputs go by number, the chain goes on behind the newest", async () => {
    const { outputs, purge } = open();
    expect(await outputs.publish(1, [1, 2, 3, 4].map((number) => output(number)))).toBe(4);
    expect(await purge.outputs(1, [1, 3, 9])).toBe(2);
    expect((await outputs.read(1, 1, 4)).map(({ number }) => number)).toEqual([2, 4]);
    expect(await outputs.last(1)).toBe(4);
    expect(await outputs.publish(1, [output(5)])).toBe(5);
  });
});

test("of copies that are gathered the newest of a partition stays: from there the broker goes on copying", async () => {
  const { nc } = link;
  const jsm = await nc.jetstreamManager();
  // As gathering streams are for whoever looks into them; copies by a server that can gather have these subjects too.
  await jsm.streams.delete("OUT_0");
  await jsm.streams.delete("OUT_1");
  await jsm.streams.add({ name: "ACTIONS", subjects: ["actions.>"] });
  const js = nc.jetstream();
  for (const [partition, who] of [[0, "anna"], [1, "anna"], [0, "ben"], [0, "anna"], [1, "ben"]] as const) await js.publish(`actions.${partition}.emit.x`, who);
  const purge = natsPurge(link, () => Promise.resolve());
  expect(await purge.copies(0, ({ body }) => body === "anna")).toEqual({ removed: 1, left: 1, unreached: [] });
  expect(await purge.copies(1, ({ body }) => body === "anna")).toEqual({ removed: 1, left: 0, unreached: [] });
  const { state } = await jsm.streams.info("ACTIONS", { deleted_details: true });
  expect(state).toMatchObject({ messages: 3, last_seq: 5 });
});
