/**
 * `eddy erase` and `eddy export` beside an engine: everything of a customer goes, a receipt says what it was, and what waited to be
 * published is an empty record under its number. On real servers and in a folder.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { recordOf } from "../../connectors/intake.js";
import { LogFull } from "../../engine/ports.js";
import { redisKeys } from "./redis-dump.js";
import { eddyHere } from "../cli/eddy-here.js";
import { eddy, folderWith, type Ran } from "../cli/eddy.js";
import { partition as partitionOf } from "../../engine/subjects.js";
import { startInside, type InsideEngine, type InsideOptions } from "./engine-inside.js";
import { embeddedPlace, serversPlace, type Place, type Servers } from "./places.js";
import { until } from "./progress.js";
import { readMeta } from "../../engine/meta.js";

const RULES = `
event bought { total: number }
profile { name: string? }
trait spend = sum(bought.total)
trait orders = count(bought) over 30 days
segment buyer when spend >= 10
points stars { earn total on bought }
channel email { when true  at most 100 per day }
experiment offer { a 50% b 50% goal bought within 7 days value total }
rule thanks { on bought  send email "thanks" { total: event.total, name: profile.name } }
rule later { on bought  repeat restart  split offer { a { wait 2 days } b { wait 2 days } }  emit "later" }
rule goodbye { on customer_erased  emit "goodbye" { spend: spend } }
`;
const folder = folderWith({ "rules/shop.eddy": RULES });

interface Said { readonly number: number; readonly subject: string; readonly type: string; readonly who: string; readonly cause: string; readonly data: unknown }

let place: Place;
let engine: InsideEngine | null = null;
let events = 0;
afterEach(async () => {
  await engine?.stop();
  engine = null;
  await place.dispose();
});

const where = (): Parameters<typeof startInside>[0] => {
  const { nats, redis } = place as Partial<Servers>;
  return nats === undefined || redis === undefined ? { k: "embedded", folder: place.flags[1] as string } : { k: "servers", nats: { servers: [nats.url] }, redis: { url: redis.url } };
};
const start = async (options: Omit<InsideOptions, "rules"> = {}): Promise<void> => { engine = await startInside(where(), { rules: RULES, ...options }); };
const run = (...args: string[]): Promise<Ran> => (place.flags[0] === "--embedded" ? eddy : eddyHere)([...args, ...place.flags], { folder: folder.path });

async function send(type: string, subject: string, data: object, time = Date.now()): Promise<number> {
  const event = { specversion: "1.0", id: `e${++events}`, source: "shop", type, subject, time: new Date(time).toISOString(), data };
  const record = recordOf(event, JSON.stringify(event));
  if ("refused" in record) throw new Error(record.refused);
  const [appended] = await place.ports.log.append([record]);
  return appended?.sequence ?? 0;
}

/** Its partition has come as far, and all that it has said is published. An idle one does not say how far it has come. */
async function happens(type: string, subject: string, data: object, time?: number): Promise<void> {
  const sequence = await send(type, subject, data, time);
  const index = partitionOf(subject, 2);
  await until(`event ${sequence} is worked off`, async () => {
    const { offset, next } = readMeta((await place.ports.store.meta(index)).meta);
    return offset >= sequence && (await place.ports.outputs.last(index)) >= next - 1;
  }, 60_000, 10);
}

async function said(partition = 0): Promise<Said[]> {
  return (await place.outputs(partition)).map(({ number, subject, body }) => {
    const { type, subject: who = "", cause = "", data } = JSON.parse(body) as { type: string; subject?: string; cause?: string; data?: unknown };
    return { number, subject, type, who, cause, data };
  });
}

async function shop(): Promise<void> {
  await send("profile_updated", "anna", { name: "Anna Secret" });
  await send("bought", "anna", { total: 12 });
  await happens("bought", "ben", { total: 50 });
  await happens("bought", "anna", { total: 30 });
}

describe.each<[string, () => Promise<Place>]>([
  ["on servers", () => serversPlace({ partitions: 2, clock: "broker" })],
  ["in a folder", () => embeddedPlace({ partitions: 2, clock: "broker" })],
])("%s", (name, open) => {
  beforeEach(async () => { place = await open(); });
  const p = partitionOf("anna", 2);

  test("the receipt is waited for and says what went; nothing is left but the request; late events bring nobody back", async () => {
    await start();
    await shop();
    const { code, stdout, stderr } = await run("erase", "anna");
    expect(stdout).toMatch(/^anna: erased at \S+: 1 field of the profile, 2 aggregates, 1 segment, 1 rule under way, 42 stars, 2 counts of caps, 1 experiment\n$/);
    expect(stderr).toContain("--stream removes them");
    expect(stderr).toContain("not in reach from here: backups");
    expect(code).toBe(0);
    const about = (await said(p)).filter(({ who }) => who === "anna");
    expect(about.slice(-3).map(({ type, data }) => [type, data])).toEqual([
      ["emit.goodbye", { spend: 42 }], ["segment.left", { segment: "buyer" }],
      ["eddy.erased", { by: "request", known: true, segments: ["buyer"], points: { stars: 42 }, profile: 1, aggregates: 2, runs: 1, held: 0, capped: 2, exposures: 1, joined: [], withdrawn: 0 }],
    ]);
    expect(await place.ports.store.load(p, ["anna"])).toEqual([null]);
    const gone = await run("export", "anna", "--rules", "rules");
    expect([gone.code, gone.stdout]).toEqual([1, ""]);
    await happens("bought", "anna", { total: 99 }, Date.now() - 60_000);
    expect(await place.ports.store.load(p, ["anna"])).toEqual([null]);
    expect(engine?.stats.events.get("bought")).toMatchObject({ erased: 1 });
    await happens("bought", "anna", { total: 99 });
    expect((await place.ports.store.load(p, ["anna"]))[0]).not.toBeNull();
    expect((await said(p)).filter(({ type }) => type === "eddy.erased")).toHaveLength(1);
  });

  test("what was published is no longer kept to be published again: the outbox names nobody", async () => {
    await start();
    await shop();
    const before = await place.ports.store.outbox(p, 1, 100);
    expect(before.filter(({ body }) => body.includes("Secret")).length).toBeGreaterThan(0);
    await run("erase", "anna");
    const after = await place.ports.store.outbox(p, 1, 100);
    expect(after.slice(0, before.length).map(({ number, id }) => [number, id])).toEqual(before.map(({ number, id }) => [number, id]));
    const [receipt] = (await said(p)).filter(({ type }) => type === "eddy.erased");
    expect(after.filter(({ body, number }) => body.includes("anna") && number < (receipt?.number ?? 0)).map(({ subject }) => subject)).toEqual([`actions.${p}.emit.goodbye`, `segments.${p}.buyer.left`]);
    expect((await place.ports.store.meta(p)).meta["scrub"]).toBeUndefined();
  });

  test("with --stream their events and what was published about them go too; numbers stay; a rebuilt state knows nobody", async () => {
    await start();
    await shop();
    const before = await said(p);
    const { code, stdout } = await run("erase", "anna", "--stream", "--json");
    expect(code).toBe(0);
    const report = JSON.parse(stdout) as { readonly stream: object; readonly receipt: { readonly type: string } };
    expect(report.stream).toEqual({ events: 3, outputs: before.filter(({ who }) => who === "anna").length, copies: 0, left: [] });
    const records = await place.ports.log.ofCustomer("anna", 100);
    expect(records.map(({ subject }) => subject)).toEqual(["events.customer_erased.anna"]);
    const after = await said(p);
    expect(after.filter(({ who, type }) => who === "anna" && !["emit.goodbye", "segment.left", "eddy.erased"].includes(type))).toEqual([]);
    expect(after.filter(({ who }) => who === "ben")).toEqual(before.filter(({ who }) => who === "ben"));
    // The chain goes on, for whoever opens the partition next too.
    await engine?.stop();
    await start();
    await happens("bought", "anna", { total: 20 });
    await happens("bought", "ben", { total: 20 });
    expect(engine?.said.filter((line) => /error|stand/.test(line) && !line.includes("trying again"))).toEqual([]);
    expect(engine?.stopped(0)).toBeNull();
    expect(engine?.stopped(1)).toBeNull();
    expect((await said(p)).at(-1)?.number).toBeGreaterThan(after.at(-1)?.number ?? Infinity);
    await engine?.stop();
    engine = null;
    const rebuilt = await run("recover", String(p), "--rebuild");
    expect(rebuilt.code).toBe(0);
    await start();
    await until("rebuilt", async () => (await place.ports.store.load(p, ["anna"]))[0] !== null);
    const known = JSON.parse((await run("export", "anna", "--rules", "rules")).stdout) as { readonly traits: object };
    expect(known.traits).toEqual({ spend: 20, orders: 1 });
  });

  test("many at once, from a file; others keep what is theirs", async () => {
    await start();
    for (let i = 0; i < 30; i++) await send("bought", `c${i}`, { total: i });
    await happens("bought", "ben", { total: 1 });
    const ids = folderWith({ "ids.txt": `${Array.from({ length: 30 }, (_, i) => `c${i}`).join("\n")}\n\nc1\n` });
    const { stdout, code } = await eddy(["erase", "--customers", `${ids.path}/ids.txt`, "--stream", ...place.flags], { folder: folder.path });
    ids.remove();
    expect(code).toBe(0);
    expect(stdout.match(/erased at/g)).toHaveLength(30);
    for (let i = 0; i < 30; i++) expect((await place.ports.log.ofCustomer(`c${i}`, 10)).map(({ subject }) => subject)).toEqual([`events.customer_erased.c${i}`]);
    expect(await place.ports.log.ofCustomer("ben", 10)).toHaveLength(1);
  });

  test("everything that is known is exported, in an order that stays", async () => {
    await start();
    await shop();
    const { stdout, code } = await run("export", "anna", "--rules", "rules", "--with-events");
    expect(code).toBe(0);
    const known = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(known)).toEqual([
      "customer", "firstSeen", "timezone", "joined", "at", "profile", "traits", "segments", "runs", "points", "tiers", "experiments", "nextWake",
      "aggregates", "caps", "holding", "lastEvent", "eventsRemembered", "published", "waiting", "events",
    ]);
    expect(known).toMatchObject({
      customer: "anna", profile: { name: "Anna Secret" }, traits: { spend: 42, orders: 2 }, segments: [{ name: "buyer", label: null }],
      points: [{ name: "stars", balance: 42, lots: [{ left: 12 }, { left: 30 }] }],
      aggregates: [{ of: "sum(bought.total)", value: 42 }, { of: "count(bought) over 30 days", value: 2, entries: [{}, {}] }],
      caps: { messages: [{ at: [expect.any(String), expect.any(String)] }] }, runs: [{ rule: "later", holds: false }], waiting: [],
    });
    expect((known["published"] as { type: string }[]).map(({ type }) => type).sort()).toEqual(["email.thanks", "email.thanks", "segment.entered"]);
    expect((known["events"] as { event: { data: object } }[]).map(({ event }) => event.data)).toEqual([{ name: "Anna Secret" }, { total: 12 }, { total: 30 }]);
    expect((await run("export", "anna", "--rules", "rules", "--with-events")).stdout.replace(/"at": "[^"]*",\n {2}"profile"/, "")).toBe(stdout.replace(/"at": "[^"]*",\n {2}"profile"/, ""));
  });

  test.runIf(name === "on servers")("what waits to be published is an empty record under its number, and the receipt says how much it was", async () => {
    // What is on its way to the full stream at the very moment of the erasure would not be counted: once all of it waits, nothing is.
    let underWay = 0;
    let isShut = false;
    await start({ around: (outputs) => ({
      ...outputs,
      async publish(partition, list) {
        if (isShut) throw new LogFull("the stream is full");
        underWay++;
        return outputs.publish(partition, list).finally(() => { underWay--; });
      },
    }) });
    await send("profile_updated", "anna", { name: "Anna Secret" });
    await happens("bought", "anna", { total: 1 });
    const { link, redis } = place as Servers;
    const { streams } = await link.nc.jetstreamManager();
    const { config, state } = await streams.info(`OUT_${p}`);
    await streams.update(`OUT_${p}`, { ...config, max_msgs: state.messages });
    for (let i = 0; i < 3; i++) await send("bought", "anna", { total: 20 + i });
    await until("they wait", () => (engine?.stats.partitions.get(p)?.outboxPending ?? 0) >= 4);
    isShut = true;
    await until("nothing is on its way to the stream", () => underWay === 0);
    const erased = run("erase", "anna");
    await until("the erasure is committed", async () => (await place.ports.store.load(p, ["anna"]))[0] === null && (await place.ports.store.meta(p)).meta["scrub"] === undefined);
    const waiting = await place.ports.store.outbox(p, 1, 100);
    expect(waiting.filter(({ body }) => body.includes("Secret"))).toEqual([]);
    // Nothing that the store keeps names them but what the erasure itself says, and goes out next.
    const naming = (await redisKeys(redis.url)).filter(({ text }) => text.includes("anna"));
    expect(naming.map(({ key }) => key)).toEqual([`eddy:{${p}}:outbox`]);
    await streams.update(`OUT_${p}`, { ...config });
    isShut = false;
    expect((await erased).code).toBe(0);
    const all = await said(p);
    expect(all.map(({ number }) => number)).toEqual(all.map((_, i) => i + 1));
    const withdrawn = all.filter(({ type }) => type === "eddy.withdrawn");
    expect(withdrawn.every(({ subject, who }) => subject === `withdrawn.${p}` && who === "")).toBe(true);
    expect(withdrawn.length).toBeGreaterThanOrEqual(3);
    expect((all.at(-1)?.data as { readonly withdrawn: number }).withdrawn).toBe(withdrawn.length);
  });
});

describe("joined customers, on servers", () => {
  beforeEach(async () => { place = await serversPlace({ partitions: 2, clock: "broker" }); });

  test("whoever is erased by an id that was joined is erased whole, in both partitions; the request by either id is receipted", async () => {
    await start();
    const known = "anna";
    const anonymous = ["web-7", "web-8"].find((id) => partitionOf(id, 2) !== partitionOf(known, 2)) ?? "";
    expect(anonymous).not.toBe("");
    await happens("bought", anonymous, { total: 15 });
    await happens("profile_updated", known, { name: "Anna Secret" });
    await happens("customer_identified", known, { anonymous_id: anonymous });
    await until("they are joined", async () => {
      const { stdout } = await run("export", known, "--rules", "rules");
      return stdout.includes('"spend": 15');
    }, 60_000, 50);
    const exported = JSON.parse((await run("export", known, "--rules", "rules", "--with-events")).stdout) as { readonly published: readonly { readonly subject: string }[]; readonly events: readonly { readonly event: { readonly type: string } }[] };
    expect(exported.published.map(({ subject }) => subject)).toContain(anonymous);
    expect(exported.events.map(({ event: { type } }) => type)).toEqual(["bought", "profile_updated", "customer_identified", "eddy_join", "eddy_joined"]);
    const { stdout, code } = await run("erase", anonymous, "--stream", "--json");
    expect(code).toBe(0);
    const { receipt } = JSON.parse(stdout) as { readonly receipt: { readonly subject: string; readonly data: object } };
    expect(receipt).toMatchObject({ subject: known, data: { known: true, joined: [anonymous] } });
    await until("the note is gone", async () => (await place.ports.store.load(partitionOf(anonymous, 2), [anonymous]))[0] === null);
    expect(await place.ports.store.load(partitionOf(known, 2), [known])).toEqual([null]);
    // What happened before brings neither back.
    await happens("bought", anonymous, { total: 99 }, Date.now() - 60_000);
    expect(await place.ports.store.load(partitionOf(anonymous, 2), [anonymous])).toEqual([null]);
    for (const id of [known, anonymous]) {
      const left = (await place.ports.log.ofCustomer(id, 100)).map(({ subject }) => subject.split(".")[1]);
      expect(left.filter((type) => !["customer_erased", "eddy_forwarded", "eddy_released", "bought"].includes(type ?? ""))).toEqual([]);
    }
    const { redis } = place as Servers;
    expect((await redisKeys(redis.url)).filter(({ text }) => text.includes("Secret")).map(({ key }) => key)).toEqual([]);
  });

  test("what was said on to whom they were joined into, before the request but behind it in the log, is removed too", async () => {
    await start();
    const known = "anna";
    const anonymous = ["web-7", "web-8"].find((id) => partitionOf(id, 2) !== partitionOf(known, 2)) ?? "";
    await happens("bought", anonymous, { total: 15 });
    await happens("customer_identified", known, { anonymous_id: anonymous });
    await until("they are joined", async () => (await run("export", known, "--rules", "rules")).stdout.includes('"spend": 15'), 60_000, 50);
    await engine?.stop();
    await send("bought", anonymous, { total: 4321 });
    const erased = run("erase", anonymous, "--stream");
    await until("the request is in the log", async () => (await place.ports.log.ofCustomer(anonymous, 100)).some(({ subject }) => subject.startsWith("events.customer_erased.")));
    await start();
    expect((await erased).code).toBe(0);
    const records = [...await place.ports.log.ofCustomer(known, 100), ...await place.ports.log.ofCustomer(anonymous, 100)];
    expect(records.map(({ body }) => Buffer.from(body).toString()).filter((text) => text.includes("4321"))).toEqual([]);
    expect(records.map(({ subject }) => subject.split(".")[1])).toContain("customer_erased");
  });
});
