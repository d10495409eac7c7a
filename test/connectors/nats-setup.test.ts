/** Setting up the streams on a real nats-server, again and again, and saying what is there. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { nanos, type StreamConfig } from "nats";
import { setTimeout as delay } from "node:timers/promises";

import type { NatsLink } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import { natsOutputLog } from "../../connectors/nats/output-log.js";
import { describeStreams, SetupRefused, setupStreams } from "../../connectors/nats/setup.js";
import { canGather, EVENTS_STREAM, readDescription, refusesWhenFull, writeDescription } from "../../connectors/nats/streams.js";
import { partition, encodeToken } from "../../engine/subjects.js";
import { recordOf } from "../conformance/event-log.js";
import { outputsOf } from "../conformance/output-log.js";
import { natsServerVersion, startNats, type NatsServer } from "../servers/nats.js";
import { belongings, removeStreams, type Belongings } from "./nats-belongings.js";

const DAY_MS = 86_400_000;
const gathers = canGather(natsServerVersion());
const GATHERING = gathers ? ["ACTIONS", "SEGMENTS", "DEAD"] : [];

let server: NatsServer;
let mine: Belongings;
let link: NatsLink;

beforeAll(async () => {
  server = await startNats({ config: MAPPING });
});
afterAll(() => server.dispose());
beforeEach(async () => {
  mine = belongings();
  link = await mine.link(server.url);
  await removeStreams(link);
});
afterEach(() => mine.close());

/** The server's own partition function, to hold ours against. */
const MAPPING = 'mappings = { "to.partition.*": "{{partition(8,1)}}.{{wildcard(1)}}" }';

async function configOf(stream: string): Promise<StreamConfig> {
  return (await (await link.nc.jetstreamManager()).streams.info(stream)).config;
}

describe("setupStreams", () => {
  test("makes the streams, and changes nothing the second time", async () => {
    const options = { partitions: 3, clock: "broker" } as const;
    const first = await setupStreams(link, options);
    expect(first.created).toEqual(["EVENTS", "OUT_0", "OUT_1", "OUT_2", ...GATHERING]);
    expect([first.updated, first.unchanged]).toEqual([[], []]);
    const { created } = await (await link.nc.jetstreamManager()).streams.info(EVENTS_STREAM);
    await natsEventLog(link).append([recordOf(1)]);
    const second = await setupStreams(link, options);
    expect(second.unchanged).toEqual(first.created);
    expect([second.created, second.updated]).toEqual([[], []]);
    const info = await (await link.nc.jetstreamManager()).streams.info(EVENTS_STREAM);
    expect(info.created).toBe(created);
    expect(info.state.messages).toBe(1);
  });

  test("chooses limits under which nothing unread is dropped", async () => {
    await setupStreams(link, { partitions: 1, clock: "event" });
    expect(await configOf("EVENTS")).toMatchObject({
      subjects: ["events.>"],
      storage: "file",
      retention: "limits",
      discard: "new",
      max_age: 0,
      max_bytes: -1,
      max_msgs: -1,
      duplicate_window: nanos(120_000),
      deny_delete: false,
      num_replicas: 1,
      description: expect.stringMatching(/^Eddy event log \(clock: event, partitions: 1\) \[stream [0-9a-f-]{36}\]$/) as unknown as string,
    });
    expect(await configOf("OUT_0")).toMatchObject({
      subjects: ["actions.0.>", "segments.0.>", "dead.0.>", "withdrawn.0"],
      storage: "file",
      discard: "new",
      max_age: nanos(30 * DAY_MS),
    });
  });

  test("refuses another number of partitions, or another clock, and touches nothing", async () => {
    await setupStreams(link, { partitions: 3, clock: "broker" });
    const before = await describeStreams(link);
    await expect(setupStreams(link, { partitions: 4, clock: "broker" })).rejects.toThrow(/set up with 3 partitions, which cannot be changed to 4/);
    await expect(setupStreams(link, { partitions: 3, clock: "event" })).rejects.toThrow(/set up with --clock broker, which cannot be changed to event/);
    expect(await describeStreams(link)).toEqual(before);
  });

  test.each([0, -1, 1.5, Number.NaN, 100_000])("refuses %s partitions", async (partitions) => {
    await expect(setupStreams(link, { partitions, clock: "broker" })).rejects.toThrow(SetupRefused);
  });

  test("changes limits that are asked for, and leaves them when they are not mentioned", async () => {
    const settled = { partitions: 1, clock: "broker" } as const;
    await setupStreams(link, { ...settled, maxAgeMs: 90 * DAY_MS, maxBytes: 10 ** 9 });
    const report = await setupStreams(link, { ...settled, maxAgeMs: 60_000, outputMaxAgeMs: 0 });
    expect(report.updated).toEqual(["EVENTS", "OUT_0", ...GATHERING]);
    expect(await configOf("EVENTS")).toMatchObject({ max_age: nanos(60_000), max_bytes: 10 ** 9, duplicate_window: nanos(60_000) });
    expect((await configOf("OUT_0")).max_age).toBe(0);
    expect((await setupStreams(link, settled)).updated).toEqual([]);
    expect(await configOf("EVENTS")).toMatchObject({ max_age: nanos(60_000), max_bytes: 10 ** 9 });
  });

  test("adopts somebody else's EVENTS, keeps its limits and records, and says what is weak about it", async () => {
    const manager = await link.nc.jetstreamManager();
    await manager.streams.add({ name: "EVENTS", subjects: ["events.shop.>", "shop.>"], max_msgs: 1_000, num_replicas: 1, storage: "memory" as StreamConfig["storage"] });
    await link.nc.request("events.shop.c1", "{}");
    const report = await setupStreams(link, { partitions: 2, clock: "event" });
    expect(report.updated).toEqual(["EVENTS"]);
    expect(report.warnings.filter((warning) => warning.includes("EVENTS"))).toEqual([
      expect.stringMatching(/^stream EVENTS: memory storage: everything is lost when the server stops/),
      expect.stringMatching(/^stream EVENTS: discards its oldest messages when full, read or not/),
    ]);
    expect(await configOf("EVENTS")).toMatchObject({ max_msgs: 1_000, discard: "old", subjects: ["shop.>", "events.>"] });
    expect(await natsEventLog(link).info()).toMatchObject({ clock: "event", partitions: 2, last: 1 });
  });

  test("says who is in the way", async () => {
    const manager = await link.nc.jetstreamManager();
    await manager.streams.add({ name: "OTHERS", subjects: ["events.>"] });
    await expect(setupStreams(link, { partitions: 1, clock: "broker" })).rejects.toThrow(/refuses the stream EVENTS: .*overlap.*Another stream listens to the same subjects/);
  });

  test("says when there are too few servers for the replicas", async () => {
    await expect(setupStreams(link, { partitions: 1, clock: "broker", replicas: 3 })).rejects.toThrow(/is a single server: it cannot keep 3 replicas\. .*as many servers as replicas/);
  });
});

describe("describeStreams", () => {
  test("of an empty server", async () => {
    expect(await describeStreams(link)).toMatchObject({ server: server.version, clock: null, partitions: null, streams: [], missing: ["EVENTS", ...GATHERING] });
  });

  test("says what is there, what is missing and what is weaker than asked", async () => {
    await setupStreams(link, { partitions: 2, clock: "event", maxBytes: 5_000_000 });
    await natsEventLog(link).append([recordOf(1), recordOf(2)]);
    await (await link.nc.jetstreamManager()).streams.delete("OUT_1");
    const found = await describeStreams(link, { partitions: 2, clock: "event", replicas: 3 });
    expect(found).toMatchObject({ clock: "event", partitions: 2, missing: ["OUT_1"] });
    expect(found.streams[0]).toMatchObject({ name: "EVENTS", messages: 2, first: 1, last: 2, replicas: 1, maxBytes: 5_000_000, maxAgeMs: 0 });
    expect(found.warnings).toContainEqual(expect.stringMatching(/^streams? EVENTS.*: 1 replicas where 3 were asked for/));
    const atTheLimit = expect.stringMatching(/^stream EVENTS: nats-server .* may drop the oldest messages where the limit of 5000000 bytes is reached/) as string;
    if (refusesWhenFull(natsServerVersion())) expect(found.warnings).not.toContainEqual(atTheLimit);
    else expect(found.warnings).toContainEqual(atTheLimit);
  });
});

describe("the gathering streams", () => {
  test("are known to fail before 2.10.14", () => {
    expect(["2.9.10", "2.9.25", "2.10.7", "2.10.13", "2.10.14-beta.1"].map(canGather)).toEqual([false, false, false, false, true]);
    expect(["2.9.10", "2.10.4", "2.10.5", "2.11.0"].map(refusesWhenFull)).toEqual([false, false, true, true]);
    expect(["2.10.14", "2.10.27", "2.11.0", "2.15.2", "3.0.0"].map(canGather)).toEqual([true, true, true, true, true]);
  });

  test.runIf(gathers)("hold every output of their kind once, in the order of its partition, also after a kill", async () => {
    await setupStreams(link, { partitions: 3, clock: "broker" });
    const outputs = mine.keep(natsOutputLog(link));
    for (const p of [0, 1, 2]) expect(await outputs.publish(p, outputsOf(1, 300, p))).toBe(300);
    await server.kill();
    await server.start();
    while (link.state() !== "connected") await delay(5);
    for (const p of [0, 1, 2]) expect(await outputs.publish(p, outputsOf(301, 500, p))).toBe(500);
    const manager = await link.nc.jetstreamManager();
    const messages = async (stream: string): Promise<number> => (await manager.streams.info(stream)).state.messages;
    for (const deadline = Date.now() + 15_000; (await messages("ACTIONS")) + (await messages("SEGMENTS")) < 1_500 && Date.now() < deadline; ) await delay(20);
    expect([await messages("ACTIONS"), await messages("SEGMENTS"), await messages("DEAD")]).toEqual([1_200, 300, 0]);
    const seen: number[][] = [[], [], []];
    for (let sequence = 1; sequence <= 1_200; sequence++) {
      const message = await manager.streams.getMessage("ACTIONS", { seq: sequence });
      seen[Number(message.subject.split(".")[1])]?.push(Number(JSON.parse(message.string()).number));
    }
    for (const p of [0, 1, 2]) expect(seen[p]).toEqual(outputsOf(1, 500, p).filter(({ subject }) => subject.startsWith("actions")).map(({ number }) => number));
  });

  test.runIf(!gathers)("are not made by a server that would get stuck, and setup says so", async () => {
    const report = await setupStreams(link, { partitions: 3, clock: "broker" });
    expect(report.warnings).toEqual([expect.stringMatching(/cannot copy OUT_<p> into ACTIONS, SEGMENTS, DEAD .*fixed in 2\.10\.14.*upgrade/)]);
    expect((await describeStreams(link)).warnings).toEqual(report.warnings);
  });
});

test("a stream stays the one it is over restarts and changes of its configuration, and is another one when it is made again", async () => {
  const identities = async (): Promise<string[]> => {
    const own = await mine.link(server.url);
    return [(await natsEventLog(own).info()).identity, await natsOutputLog(own).identity(0)];
  };
  await setupStreams(link, { partitions: 1, clock: "broker" });
  const before = await identities();
  // Before nats-server 2.15 the second restart comes with another time of creation.
  await server.stop();
  await server.start();
  await setupStreams(await mine.link(server.url), { partitions: 1, clock: "broker", maxBytes: 10_000_000, outputMaxAgeMs: DAY_MS });
  await server.stop();
  await server.start();
  expect(await identities()).toEqual(before);
  const again = await mine.link(server.url);
  await removeStreams(again);
  await setupStreams(again, { partitions: 1, clock: "broker" });
  const after = await identities();
  expect(after.filter((identity) => before.includes(identity))).toEqual([]);
});

test("descriptions say clock and partitions, and nothing else is taken for one", () => {
  for (const settings of [{ clock: "broker", partitions: 8 }, { clock: "event", partitions: 1024 }] as const) {
    expect(readDescription(writeDescription(settings))).toEqual(settings);
  }
  for (const other of [undefined, "", "Eddy event log", "Eddy event log (clock: sundial, partitions: 8)", "Eddy event log (clock: broker, partitions: 0)"]) {
    expect(readDescription(other)).toBeNull();
  }
});

test("partitions are those of the server's own function", async () => {
  const answers = new Map<string, number>();
  link.nc.subscribe("*.*", { callback: (_, { subject }) => {
    const [number = "", token = ""] = subject.split(".");
    answers.set(token, Number(number));
  } });
  const tokens = ["c42", "a", "x-y_Z", ...["Łódź", "a.b", "😀 *>"].map(encodeToken), ...Array.from({ length: 500 }, (_, i) => `customer-${i * 7919}`)];
  await link.nc.flush();
  for (const token of tokens) link.nc.publish(`to.partition.${token}`);
  await link.nc.flush();
  expect([...answers].sort()).toEqual(tokens.map((token) => [token, partition(token, 8)] as const).sort());
});
