/** Streams without room: who sends events is told, what the engine has to say waits, and nothing is lost. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { setupStreams } from "../../connectors/nats/setup.js";
import { encodeToken, eventSubject, partition } from "../../engine/subjects.js";
import { folderWith } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { listen } from "./listener.js";
import { scrape } from "./metrics.js";
import { serversPlace, type Servers } from "./places.js";
import { until } from "./progress.js";
import { openShop } from "./shop-place.js";

const SETTINGS = { partitions: 2, clock: "broker" } as const;
const RULES = 'event order_placed { total: number }\nrule thanks { on order_placed  emit "thanks" { total: event.total } }\n';

const folder = folderWith({ "rules/shop.eddy": RULES });
let place: Servers;
let engine: EngineProcess;
beforeEach(async () => {
  place = await serversPlace(SETTINGS);
  engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
  await engine.said("running");
});
afterEach(async () => {
  await engine?.kill();
  await place?.dispose();
});

/** Customers of a partition. */
const customersOf = (p: number): string[] => Array.from({ length: 40 }, (_, i) => `c${i}`).filter((customer) => partition(encodeToken(customer), SETTINGS.partitions) === p);
const order = (customer: string, id: string) => ({ subject: eventSubject("order_placed", customer), body: JSON.stringify({ id, type: "order_placed", subject: customer, data: { total: 5 } }) });

test("an output stream is full: its actions wait in the outbox and are told of, the other partition goes on; with room all come, in order", async () => {
  const manager = await place.link.nc.jetstreamManager();
  const { config } = await manager.streams.info("OUT_0");
  // Not by bytes: at that limit nats-server 2.9 makes room by dropping what is oldest, although it is to refuse what is new.
  await manager.streams.update("OUT_0", { ...config, max_msgs: 3 });
  const outside = listen(place.link, "actions.>");
  const [full, other] = [customersOf(0), customersOf(1)];
  await place.ports.log.append(full.map((customer) => order(customer, "1")));
  await engine.said(/publishing to OUT_0: trying again/);
  await place.ports.log.append(other.map((customer) => order(customer, "1")));
  await outside.message("an action of the other partition", ({ event }) => event.subject === other.at(-1));
  const http = await engine.http();
  await until("all the others wait", async () => (await scrape(http)).value("eddy_outbox_pending") === full.length - 3);
  expect(await place.ports.outputs.last(0)).toBe(3);
  // Also over the end of the process.
  await engine.kill();
  engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
  await engine.said(/publishing to OUT_0: trying again/);
  await manager.streams.update("OUT_0", { ...config, max_msgs: -1 });
  await until("all are published", async () => (await place.ports.outputs.last(0)) === full.length);
  expect((await place.outputs(0)).map(({ body }) => (JSON.parse(body) as { subject: string }).subject)).toEqual(full);
});

test("the event stream is full: POST /events answers 429 and when to come again; with room it takes them", async () => {
  const http = await engine.http();
  const post = (id: string): Promise<Response> => fetch(`${http}/events`, { method: "POST", headers: { "content-type": "application/json" }, body: order("c1", id).body });
  await until("it is connected", async () => (await fetch(`${http}/readyz`)).status === 200);
  expect((await post("1")).status).toBe(202);
  const { bytes } = (await (await place.link.nc.jetstreamManager()).streams.info("EVENTS")).state;
  await setupStreams(place.link, { ...SETTINGS, maxBytes: bytes + 10 });
  const refused = await post("2");
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([429, "10"]);
  await setupStreams(place.link, { ...SETTINGS, maxBytes: bytes + 1_000_000 });
  const outside = listen(place.link, "actions.>");
  await place.link.nc.flush();
  expect((await post("2")).status).toBe(202);
  await outside.message("the action", ({ event }) => event.cause === "2");
});

// What waits grows beyond all that a partition may have before it: its outbox, its queue.
test("a partition whose output stream stays full does not hold up the others; with room it does all it was to do, each once", async () => {
  const shop = await openShop();
  try {
    const manager = await shop.place.link.nc.jetstreamManager();
    const { config } = await manager.streams.info("OUT_0");
    await manager.streams.update("OUT_0", { ...config, max_msgs: 3 });
    await shop.start({ maxOutbox: 20, sizes: { queue: 50 } });
    let rounds = 0;
    for (; rounds < 1_500; rounds += 300) {
      await shop.orders(300);
      await until("the other partition has done all of its own", async () => (await shop.place.ports.outputs.last(1)) === rounds + 300);
    }
    expect(await shop.place.ports.outputs.last(0)).toBe(3);
    // Far more is before it than a partition that is read for is handed at all.
    await until("it is said how much waits", () => (shop.engine.stats.partitions.get(0)?.lag ?? 0) > 1_000);
    await manager.streams.update("OUT_0", { ...config, max_msgs: -1 });
    await shop.worked((await shop.place.ports.log.info()).last);
    for (const p of [0, 1]) expect((await shop.said(p)).map((each) => each.split(":")[1])).toEqual(Array.from({ length: rounds }, (_, n) => String(n + 1)));
  } finally {
    await shop.dispose();
  }
});
