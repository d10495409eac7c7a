/**
 * Whatever arrives through real NATS and HTTP: what cannot be processed becomes a dead letter with its reason, counted,
 * and the next event is processed as if nothing had been.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeToken, partition } from "../../engine/subjects.js";
import { eddy, folderWith } from "../cli/eddy.js";
import { shown, startEngineProcess, type EngineProcess } from "./engine-process.js";
import { listen, type Listener } from "./listener.js";
import { scrape } from "./metrics.js";
import { serversPlace, type Servers } from "./places.js";

const PARTITIONS = 2;
const RULES = `
event order_placed { order_id: string  total: number  note: string?  items: { sku: string, price: number }[]? }
event visited
trait spend   = sum(order_placed.total) over 30 days
trait placed  = last(order_placed).time
segment buyer when count(order_placed) >= 1
rule thanks { on order_placed  emit "thanks" { order: event.order_id, total: event.total, spend: spend, placed: placed, note: event.note } }
`;

const folder = folderWith({ "rules/shop.eddy": RULES });
let place: Servers;
let engine: EngineProcess;
let http: string;
let outside: Listener;

beforeAll(async () => {
  // As large as the largest event and more, so that too large ones reach the engine at all.
  place = await serversPlace({ partitions: PARTITIONS, clock: "broker", nats: { config: "max_payload: 4MB" } });
  outside = listen(place.link, "actions.>", "dead.>");
  engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
  await engine.said("running");
  http = await engine.http();
});
afterAll(async () => {
  await engine?.kill();
  await place?.dispose();
  folder.remove();
});

let number = 0;
interface Order {
  readonly id: string;
  readonly subject: string;
  readonly body: string;
}

/** A good order with things changed; `undefined` leaves a field out. */
function order(change: Readonly<Record<string, unknown>> = {}, data: unknown = {}): Order {
  const id = `o-${++number}`;
  const customer = typeof change["subject"] === "string" ? change["subject"] : `c-${number}`;
  const content = typeof data === "object" && data !== null && !Array.isArray(data) ? { order_id: id, total: 10, ...data } : data;
  return {
    id,
    subject: `events.order_placed.${customer.length > 1000 ? "long" : encodeToken(customer)}`,
    body: JSON.stringify({ specversion: "1.0", id, source: "shop", type: "order_placed", subject: customer, data: content, ...change }),
  };
}

const append = (subject: string, body: string | Uint8Array): Promise<unknown> => place.ports.log.append([{ subject, body }]);

/** A good event of a customer whom nobody has seen: it must be processed in the same partition behind what came before. */
async function nextIsProcessed(): Promise<void> {
  for (let p = 0; p < PARTITIONS; p++) {
    let good = order();
    while (partition(good.subject.split(".")[2] ?? "", PARTITIONS) !== p) good = order();
    await append(good.subject, good.body);
    await outside.message(`the action for ${good.id}\n${shown(engine.log)}`, ({ event }) => event.data["order"] === good.id);
  }
}

const counted = async (name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> => (await scrape(http)).value(name, labels) ?? NaN;

describe("a dead letter with its reason, and the next event as if nothing had been", () => {
  const named = order();
  const dead: readonly (readonly [title: string, subject: string, body: string | Uint8Array, reason: string, detail: RegExp])[] = [
    ["malformed JSON", "events.order_placed.c1", '{"id":"1","type":', "not_json", /./],
    ["nothing at all", "events.order_placed.c1", "", "not_json", /./],
    ["bytes that are no text", "events.order_placed.c1", Uint8Array.of(0x22, 0xff, 0xfe, 0x22), "not_json", /UTF-8/],
    ["JSON that is no object", "events.order_placed.c1", "[1,2]", "not_an_event", /must be a JSON object/],
    ["no id", "events.order_placed.c1", order({ id: undefined }).body, "not_an_event", /no id/],
    ["no type", "events.order_placed.c1", order({ type: undefined }).body, "not_an_event", /no type/],
    ["no subject", "events.order_placed.c1", order({ subject: undefined }).body, "unknown_customer", /no subject/],
    ["another type than its address says", "events.visited.c1", '{"id":"x","type":"order_placed","subject":"c1"}', "not_an_event", /type "visited", the event "order_placed"/],
    ["another customer than its address says", "events.order_placed.c1", order({ subject: "c2" }).body, "unknown_customer", /"c1".*"c2"/],
    ["an address that is not canonical", "events.order_placed.%63one", order({ subject: "cone" }).body, "unknown_customer", /%63one/],
    ["an address in lower-case digits", "events.order_placed.%c3%a9", order({ subject: "é" }).body, "unknown_customer", /%c3%a9/],
    ["an address of too few parts", "events.order_placed", named.body, "not_an_event", /events\.<type>\.<customer>/],
    ["an address of too many parts", "events.order_placed.c1.more", named.body, "not_an_event", /events\.<type>\.<customer>/],
    ["a field of another type", ...addressed(order({}, { total: "ten" })), "schema", /data\.total must be a number, not a text/],
    ["a field that is missing", ...addressed(order({}, { order_id: undefined })), "schema", /data\.order_id is missing/],
    ["data that is a list", ...addressed(order({}, [1])), "schema", /data must be an object/],
    ["a field that is there only by inheritance", ...addressed(order({}, 1), (body) => body.replace('"data":1', '"data":{"__proto__":{"order_id":"x","total":5}}')), "schema", /data\.order_id is missing/],
    ["a customer id of 10 KB", ...addressed(order({ subject: "x".repeat(10_240) })), "unknown_customer", /longer than 1024/],
    ["an event of 2 MB", ...addressed(order({}, { note: "x".repeat(2_000_000) })), "too_large", /2000\d\d\d bytes/],
    ["data 50,000 levels deep", ...addressed(order({}, 1), (body) => body.replace('"data":1', `"data":${"[".repeat(50_000)}${"]".repeat(50_000)}`)), "schema", /data must be an object, not a list/],
  ];

  test.each(dead)("%s", async (_title, subject, body, reason, detail) => {
    const before = { dead: await counted("eddy_dead_letters_total", { reason }), all: await counted("eddy_dead_letters_total") };
    const { sequence } = (await place.ports.log.append([{ subject, body }]))[0] ?? { sequence: 0 };
    await nextIsProcessed();
    const letter = await outside.message("the dead letter", ({ event }) => event.data["sequence"] === sequence);
    const token = subject.slice(subject.lastIndexOf(".") + 1);
    expect(letter.subject).toBe(`dead.${partition(token, PARTITIONS)}.${reason}`);
    expect(letter.event).toMatchObject({ type: `dead.${reason}`, data: { reason, subject, sequence, size: Buffer.byteLength(body) } });
    expect(String(letter.event.data["detail"])).toMatch(detail);
    // Cut to a bound, whatever was sent.
    expect(JSON.stringify(letter.event).length).toBeLessThan(20_000);
    expect(await counted("eddy_dead_letters_total", { reason })).toBe(before.dead + 1);
    expect(await counted("eddy_dead_letters_total")).toBe(before.all + 1);
  });

  test("each of them stands once among the outputs, and the process is the one that began", async () => {
    const letters = (await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => place.outputs(p)))).flat().filter(({ subject }) => subject.startsWith("dead."));
    expect(letters.length).toBe(dead.length);
    expect(new Set(letters.map(({ id }) => id)).size).toBe(dead.length);
    expect(engine.running).toBe(true);
    expect(engine.log.filter(({ level }) => level === "error")).toEqual([]);
  });
});

/** The subject and the body of an order, the body changed once more. */
function addressed({ subject, body }: Order, change: (body: string) => string = (same) => same): [string, string] {
  return [subject, change(body)];
}

describe("taken all the same", () => {
  const takenAs = async (event: Order, id = event.id): Promise<Readonly<Record<string, unknown>>> => {
    await append(event.subject, event.body);
    const { event: action } = await outside.message(`the action for ${id}`, (message) => message.event.data["order"] === id);
    return { time: action.time, ...action.data };
  };

  test.each(["9999-12-31T23:59:59Z", "1900-01-01T00:00:00Z", "2100-01-01T00:00:00Z", "yesterday", 5])("a time that cannot be (%s): taken at the record's stamp, and counted", async (time) => {
    const clamped = await counted("eddy_event_times_clamped_total");
    const before = Date.now();
    const action = await takenAs(order({ time }));
    for (const instant of [action["time"], action["placed"]]) {
      expect(Date.parse(String(instant))).toBeGreaterThanOrEqual(before - 1_000);
      expect(Date.parse(String(instant))).toBeLessThanOrEqual(Date.now() + 1_000);
    }
    expect(await counted("eddy_event_times_clamped_total")).toBe(clamped + 1);
    await nextIsProcessed();
  });

  test("a time of last week: the event counts where it belongs", async () => {
    const time = new Date(Date.now() - 7 * 86_400_000).toISOString();
    expect(await takenAs(order({ time }))).toMatchObject({ placed: time, spend: 10 });
  });

  test("a time of two months ago: outside the window, and no more than that", async () => {
    expect(await takenAs(order({ time: new Date(Date.now() - 60 * 86_400_000).toISOString() }))).toMatchObject({ spend: 0 });
  });

  test("keys like __proto__ and constructor, in the envelope and in the data", async () => {
    const plain = order();
    const body = plain.body
      .replace('"specversion"', '"__proto__":{"id":"x","polluted":true},"constructor":{"prototype":{"polluted":true}},"specversion"')
      .replace('"data":{', '"data":{"__proto__":{"total":5,"polluted":true},"constructor":{"prototype":{"polluted":true}},"toString":1,"hasOwnProperty":1,');
    expect(await takenAs({ ...plain, body })).toMatchObject({ total: 10 });
    // A customer of whom nothing is known knows nothing of it.
    expect(await takenAs(order())).toMatchObject({ total: 10, spend: 10, note: null });
  });

  test.each(["__proto__", "constructor", "toString", "a.b *>c/é", "\u0000", "x".repeat(1_000)])("a customer called %j", async (customer) => {
    expect(await takenAs(order({ subject: customer }))).toMatchObject({ spend: 10 });
    expect(await takenAs(order({ subject: customer }))).toMatchObject({ spend: 20 });
    const members = (await Promise.all([0, 1].map((p) => place.ports.store.members(p, "buyer", null)))).flatMap(({ customers }) => customers);
    expect(members).toContain(customer);
  });

  test("an undeclared field 50,000 levels deep", async () => {
    const plain = order();
    const body = plain.body.replace('"data":{', `"data":{"deep":${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)},`);
    expect(await takenAs({ ...plain, body })).toMatchObject({ total: 10 });
  });

  test("the same event twice: counted as a duplicate, and without effect", async () => {
    const once = order();
    const duplicates = await counted("eddy_events_total", { outcome: "duplicate" });
    await takenAs(once);
    await append(once.subject, once.body);
    expect(await takenAs(order({ subject: `c-${number}` }))).toMatchObject({ spend: 20 });
    expect(await counted("eddy_events_total", { outcome: "duplicate" })).toBe(duplicates + 1);
  });

  test.each(["parcel_weighed", "constructor", "__proto__", "eddy_anything"])("a type that no rule mentions (%s): passed over and counted", async (type) => {
    const before = await counted("eddy_events_total", { outcome: "unmentioned" });
    await append(`events.${type}.c1`, '{"not":"looked at"');
    await nextIsProcessed();
    expect(await counted("eddy_events_total", { outcome: "unmentioned" })).toBe(before + 1);
  });

  test("ticks of partitions that are none", async () => {
    for (const token of ["99", "-1", "x", "1%2E5", "1e0"]) await append(`events.eddy_tick.${token}`, "{}");
    await nextIsProcessed();
  });
});

describe("POST /events", () => {
  const post = async (body: string | Uint8Array<ArrayBuffer>, type = "application/json"): Promise<readonly [number, string]> => {
    const response = await fetch(`${http}/events`, { method: "POST", headers: { "content-type": type }, body });
    return [response.status, await response.text()];
  };

  test.each<[string, string | Uint8Array<ArrayBuffer>, string, number, RegExp]>([
    ["malformed JSON", "{", "application/json", 400, /not valid JSON/],
    ["bytes that are no text", Uint8Array.of(0x22, 0xff, 0x22), "application/json", 400, /UTF-8/],
    ["no id", order({ id: undefined }).body, "application/json", 400, /no id/],
    ["no type", order({ type: undefined }).body, "application/json", 400, /no type/],
    ["no subject", order({ subject: undefined }).body, "application/json", 400, /no subject/],
    ["a customer id of 10 KB", order({ subject: "x".repeat(10_240) }).body, "application/json", 400, /longer than 1024/],
    ["a type of the engine's own", order({ type: "eddy_tick" }).body, "application/json", 400, /eddy_/],
    ["a bad event among good ones, with its place", `[${order().body},{"id":"2"}]`, "application/json", 400, /"index":1/],
    ["a bad line among good ones, with its place", `${order().body}\n{"id":\n`, "application/x-ndjson", 400, /"line":2/],
    ["an event of 2 MB", order({}, { note: "x".repeat(2_000_000) }).body, "application/json", 413, /"limit":/],
  ])("%s", async (_title, body, type, status, says) => {
    const { last } = await place.ports.log.info();
    const [answered, text] = await post(body, type);
    expect([answered, text]).toEqual([status, expect.stringMatching(says)]);
    expect((await place.ports.log.info()).last).toBe(last);
  });

  test("what is taken is processed, a payload that breaks its schema is a dead letter", async () => {
    const [good, bad] = [order(), order({}, { total: null })];
    expect((await post(`${bad.body}\n${good.body}`, "application/x-ndjson"))[0]).toBe(202);
    await outside.message("the action", ({ event }) => event.data["order"] === good.id);
    await outside.message("the dead letter", ({ event }) => event.type === "dead.schema" && String(event.data["body"]).includes(`"${bad.id}"`));
  });
});

test("eddy send: bad lines are named, the others are in the log, exit 1", async () => {
  const good = [order(), order()];
  const lines = [good[0]?.body, "{", order({ subject: undefined }).body, order({ subject: "x".repeat(10_240) }).body, order({}, { note: "x".repeat(2_000_000) }).body, good[1]?.body];
  const { code, stderr } = await eddy(["send", "-", "--nats", place.nats.url], { folder: folder.path, input: lines.join("\n") });
  expect(code).toBe(1);
  expect(stderr).toMatch(/line 2: .*JSON[\s\S]*line 3: .*no subject[\s\S]*line 4: .*longer than 1024[\s\S]*line 5: .*bytes[\s\S]*4 bad lines/);
  for (const { id } of good) await outside.message(`the action for ${id}`, ({ event }) => event.data["order"] === id);
});
