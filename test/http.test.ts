import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";

import type { Limits } from "../connectors/http/limits.js";
import { ListenFailed, startHttp, type HttpOptions, type HttpPort } from "../connectors/http/server.js";
import { LogFull, LogUnavailable, type NewRecord } from "../engine/ports.js";

interface Running extends HttpPort {
  readonly appended: NewRecord[];
  readonly errors: unknown[];
}

const running: HttpPort[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const port of running.splice(0)) await port.close(50);
});

async function start(options: Partial<HttpOptions> = {}): Promise<Running> {
  const appended: NewRecord[] = [];
  const errors: unknown[] = [];
  const port = await startHttp({
    host: "127.0.0.1",
    port: 0,
    metrics: async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", text: "eddy_up 1\n" }),
    readiness: () => ({ ready: true, missing: [] }),
    append: async (records) => void appended.push(...records),
    onError: (error) => errors.push(error),
    ...options,
  });
  running.push(port);
  return { ...port, appended, errors };
}

const EVENT = { specversion: "1.0", id: "o-1", source: "shop", type: "order_placed", subject: "c42", time: "2026-03-02T10:00:00Z", data: { total: 99.5 } };

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function post(port: HttpPort, body: string | Buffer, headers: Record<string, string> = { "content-type": "application/json" }): Promise<Answer> {
  const response = await fetch(`${port.url}/events`, { method: "POST", body, headers });
  return { status: response.status, headers: response.headers, body: (await response.json()) as Record<string, unknown> };
}

const text = (record: NewRecord | undefined): string => (record === undefined ? "" : typeof record.body === "string" ? record.body : Buffer.from(record.body).toString("utf8"));

describe("events in", () => {
  test("one event: 202, the record as it came, addressed to its customer", async () => {
    const port = await start();
    const json = JSON.stringify(EVENT, null, 2);
    const { status, body } = await post(port, json, { "content-type": "application/cloudevents+json; charset=utf-8" });
    expect({ status, body }).toEqual({ status: 202, body: { accepted: 1 } });
    expect(port.appended.map(({ subject, id }) => ({ subject, id }))).toEqual([{ subject: "events.order_placed.c42", id: "c42/shop/o-1" }]);
    expect(text(port.appended[0])).toBe(json);
  });

  test("customers whose ids are not plain get the canonical token", async () => {
    const port = await start();
    expect((await post(port, JSON.stringify({ ...EVENT, subject: "Łódź.*>" }))).status).toBe(202);
    expect(port.appended[0]?.subject).toBe("events.order_placed.%C5%81%C3%B3d%C5%BA%2E%2A%3E");
  });

  test.each([
    ["a batch by its type", "application/cloudevents-batch+json"],
    ["an array as plain JSON", "application/json"],
  ])("%s", async (_name, type) => {
    const port = await start();
    const { status, body } = await post(port, JSON.stringify([EVENT, { ...EVENT, id: "o-2" }]), { "content-type": type });
    expect({ status, body }).toEqual({ status: 202, body: { accepted: 2 } });
    expect(port.appended.map(({ id }) => id)).toEqual(["c42/shop/o-1", "c42/shop/o-2"]);
    expect(JSON.parse(text(port.appended[1]))).toEqual({ ...EVENT, id: "o-2" });
  });

  test("one a line, with empty lines and Windows line ends", async () => {
    const port = await start();
    const lines = `${JSON.stringify(EVENT)}\r\n\r\n${JSON.stringify({ ...EVENT, id: "o-2" })}`;
    expect((await post(port, lines, { "content-type": "application/x-ndjson" })).body).toEqual({ accepted: 2 });
    expect(port.appended.map(({ id }) => id)).toEqual(["c42/shop/o-1", "c42/shop/o-2"]);
  });

  test("binary mode: the attributes in headers, the data as the body", async () => {
    const port = await start();
    const headers = { "content-type": "application/json", "ce-specversion": "1.0", "ce-id": "o-1", "ce-source": "shop", "ce-type": "order_placed", "ce-subject": "%C5%81", "ce-time": "2026-03-02T10:00:00Z" };
    expect((await post(port, '{"total":5}', headers)).status).toBe(202);
    expect(port.appended[0]).toMatchObject({ subject: "events.order_placed.%C5%81", id: "Ł/shop/o-1" });
    expect(JSON.parse(text(port.appended[0]))).toEqual({ ...EVENT, subject: "Ł", data: { total: 5 } });
  });

  test("keys like __proto__ go through as data", async () => {
    const port = await start();
    const event = `{"id":"1","type":"t","subject":"c","data":{"__proto__":{"admin":true},"constructor":1}}`;
    expect((await post(port, `[${event}]`)).status).toBe(202);
    expect(text(port.appended[0])).toBe(event);
  });
});

describe("what is refused is refused as a whole, before anything is appended", () => {
  const good = JSON.stringify(EVENT);
  test.each<[string, string, string, Record<string, unknown>]>([
    ["text that is no JSON", "application/json", "{", { error: "not valid JSON" }],
    ["an event without id", "application/json", '{"type":"t","subject":"c"}', { error: "the event has no id: it must be a text that is not empty" }],
    ["an event without customer, in a batch", "application/json", `[${good},{"id":"1","type":"t"}]`, { error: "the event has no subject: it must name its customer", index: 1 }],
    ["a bad line", "application/x-ndjson", `${good}\n\n{"id":1}\n`, { error: "the event has no id: it must be a text that is not empty", line: 3 }],
    ["a line that is no JSON", "application/x-ndjson", `${good}\nnull,\n`, { error: "not valid JSON", line: 2 }],
    ["a type of the engine's own", "application/json", JSON.stringify({ ...EVENT, type: "eddy_tick" }), { error: 'types that begin with eddy_ are Eddy\'s own: "eddy_tick" needs another name' }],
    ["a batch that is one event", "application/cloudevents-batch+json", good, { error: "a batch must be a JSON array of events" }],
    ["nothing", "application/x-ndjson", "\n", { error: "the request holds no event" }],
    ["an empty batch", "application/json", "[]", { error: "the request holds no event" }],
    ["a text", "application/json", '"x"', { error: "an event must be a JSON object" }],
    ["a customer whose token is too long", "application/json", JSON.stringify({ ...EVENT, subject: "ł".repeat(1000) }), { error: "type or subject: the id is too long: 6000 characters when encoded, 1024 at most" }],
    ["half a surrogate pair", "application/json", `{"id":"1","type":"t","subject":"\\ud800"}`, { error: "type or subject: the id holds half a surrogate pair, which UTF-8 cannot express" }],
    ["a batch nested too deeply", "application/json", `[{"id":"1","type":"t","subject":"c","data":${"[".repeat(100_000)}${"]".repeat(100_000)}}]`, { error: "the event is nested too deeply", index: 0 }],
  ])("%s", async (_name, type, body, expected) => {
    const port = await start();
    const answer = await post(port, body, { "content-type": type });
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 400, body: expected });
    expect(port.appended).toEqual([]);
    expect(port.errors).toEqual([]);
  });

  test("bytes that are not UTF-8", async () => {
    const port = await start();
    expect(await post(port, Buffer.from([0x7b, 0xff, 0x7d]))).toMatchObject({ status: 400, body: { error: "the body is not text in UTF-8" } });
  });

  test.each([
    [{ "content-type": "text/csv" }],
    [{ "content-type": "application/json; charset=latin1" }],
    [{ "content-type": "application/json", "content-encoding": "gzip" }],
    [{ "content-type": "text/plain", "ce-id": "1", "ce-type": "t", "ce-subject": "c" }],
  ])("415 for %o", async (headers) => {
    const port = await start();
    expect((await post(port, "{}", headers)).status).toBe(415);
  });

  test("405 names what is allowed, 404 what there is", async () => {
    const port = await start();
    const wrongMethod = await fetch(`${port.url}/events`);
    expect([wrongMethod.status, wrongMethod.headers.get("allow")]).toEqual([405, "POST"]);
    expect((await fetch(`${port.url}/metrics`, { method: "DELETE" })).status).toBe(405);
    const nowhere = await fetch(`${port.url}/nowhere`);
    expect([nowhere.status, await nowhere.json()]).toEqual([404, { error: "there is nothing here; there are /metrics, /livez, /readyz, /events" }]);
  });

  test("a process that takes no events says so", async () => {
    const port = await start({ append: null });
    expect((await post(port, JSON.stringify(EVENT))).status).toBe(404);
  });
});

describe("bounds", () => {
  const withLimits = (limits: Partial<Limits>, options: Partial<HttpOptions> = {}): Promise<Running> => start({ limits, ...options });

  test("413 by the announced length, and by what comes when none is announced", async () => {
    const port = await withLimits({ bodyBytes: 1000 });
    const announced = await post(port, `[${JSON.stringify({ ...EVENT, data: "x".repeat(2000) })}]`);
    expect(announced).toMatchObject({ status: 413, body: { limit: 1000 } });
    const chunked = await new Promise<number>((resolve, reject) => {
      const request = httpRequest(`${port.url}/events`, { method: "POST", headers: { "content-type": "application/json" } }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.on("error", reject);
      request.write("x".repeat(600));
      request.write("x".repeat(600));
    });
    expect(chunked).toBe(413);
  });

  test("a body of many times the limit is answered, not cut off", async () => {
    const port = await withLimits({ bodyBytes: 1000 });
    expect((await post(port, "x".repeat(5_000_000))).status).toBe(413);
  });

  test("413 for too many events", async () => {
    const port = await start();
    const line = '{"id":"1","type":"t","subject":"c"}\n';
    expect(await post(port, line.repeat(10_001), { "content-type": "application/x-ndjson" })).toMatchObject({ status: 413, body: { limit: 10_000 } });
    expect(port.appended).toEqual([]);
  });

  test("429 while too many bytes are on their way, and room again afterwards", async () => {
    const body = JSON.stringify(EVENT);
    let finish: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    const port = await withLimits({ inFlightBytes: Buffer.byteLength(body) }, {
      append: () => new Promise<void>((resolve) => {
        finish = resolve;
        begun();
      }),
    });
    const first = post(port, body);
    await beginning;
    const second = await post(port, body);
    expect([second.status, second.headers.get("retry-after")]).toEqual([429, "1"]);
    finish();
    expect((await first).status).toBe(202);
    const third = post(port, body);
    await new Promise((resolve) => setImmediate(resolve));
    const poll = setInterval(() => finish(), 1);
    expect((await third).status).toBe(202);
    clearInterval(poll);
  });

  test("refused bodies give their room back", async () => {
    const port = await withLimits({ inFlightBytes: 100 });
    for (let i = 0; i < 10; i++) expect((await post(port, "x".repeat(60))).status).toBe(400);
  });

  test("who sends the head too slowly is cut off with 408", async () => {
    const port = await withLimits({ headersMs: 50, requestMs: 100 });
    const said = await rawRequest(port, "POST /events HTTP/1.1\r\nhost: x\r\n");
    expect(said).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("who sends the body too slowly is cut off, and holds no room", async () => {
    const port = await withLimits({ headersMs: 50, requestMs: 100, inFlightBytes: 1000 });
    await rawRequest(port, "POST /events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{");
    // Where the machine stands still for a moment this one is too slow as well; without room it would be refused, with 429.
    const again = (): Promise<number> => fetch(`${port.url}/events`, { method: "POST", body: JSON.stringify(EVENT), headers: { "content-type": "application/json" } }).then(({ status }) => status, () => 408);
    let status = await again();
    while (status === 408) status = await again();
    expect(status).toBe(202);
  });

  test("nonsense instead of HTTP gets 400 and the next request is served", async () => {
    const port = await start();
    expect(await rawRequest(port, "\u0001\u0002 nonsense\r\n\r\n")).toMatch(/^HTTP\/1\.1 400 /);
    expect((await post(port, JSON.stringify(EVENT))).status).toBe(202);
  });
});

/** What the server says on a raw connection until it closes it. */
function rawRequest(port: HttpPort, what: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port.port, "127.0.0.1");
    sockets.push(socket);
    let said = "";
    socket.on("data", (chunk) => (said += chunk.toString("utf8")));
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(said));
    socket.write(what);
  });
}

describe("failures of the log", () => {
  test.each<[string, Error, number]>([
    ["no connection", new LogUnavailable("nats://secret@host is gone"), 503],
    ["a full log", new LogFull("limit reached"), 429],
  ])("%s: the sender is told to come again", async (_name, failure, status) => {
    const port = await start({ append: () => Promise.reject(failure) });
    const answer = await post(port, JSON.stringify(EVENT));
    expect(answer.status).toBe(status);
    expect(answer.headers.get("retry-after")).not.toBeNull();
    expect(JSON.stringify(answer.body)).not.toContain("secret");
  });

  test("a log that does not answer: 503 in time, and no unhandled rejection afterwards", async () => {
    let fail: (error: Error) => void = () => undefined;
    const port = await start({ limits: { appendMs: 20 }, append: () => new Promise((_resolve, reject) => (fail = reject)) });
    expect((await post(port, JSON.stringify(EVENT))).status).toBe(503);
    fail(new LogUnavailable("late"));
    await new Promise((resolve) => setImmediate(resolve));
  });

  test("a bug inside: 500 without its message, which goes to the log", async () => {
    const port = await start({ append: () => Promise.reject(new TypeError("x is not a function")) });
    const answer = await post(port, JSON.stringify(EVENT));
    expect(answer).toMatchObject({ status: 500, body: { error: "something went wrong inside; the log of this process says what" } });
    expect(port.errors).toHaveLength(1);
  });
});

describe("health", () => {
  test("live, ready, metrics; HEAD too", async () => {
    const port = await start();
    expect(await (await fetch(`${port.url}/livez`)).json()).toEqual({ status: "live" });
    expect((await fetch(`${port.url}/readyz?verbose`)).status).toBe(200);
    const metrics = await fetch(`${port.url}/metrics`);
    expect([metrics.headers.get("content-type"), await metrics.text()]).toEqual(["text/plain; version=0.0.4; charset=utf-8", "eddy_up 1\n"]);
    const head = await fetch(`${port.url}/readyz`, { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });

  test("not ready: 503 with what is missing", async () => {
    const port = await start({ readiness: () => ({ ready: false, missing: ["no connection to the store"], detail: { lag: 12 } }) });
    const response = await fetch(`${port.url}/readyz`);
    expect([response.status, await response.json()]).toEqual([503, { status: "not ready", missing: ["no connection to the store"], lag: 12 }]);
    expect((await fetch(`${port.url}/livez`)).status).toBe(200);
  });

  test("an address that is taken is refused in words", async () => {
    const port = await start();
    await expect(start({ port: port.port })).rejects.toThrow(new ListenFailed(`cannot listen on 127.0.0.1:${port.port}: another program listens there; --http takes another address, or off`));
  });

  test("close lets a request under way end", async () => {
    let finish: () => void = () => undefined;
    let begun: () => void = () => undefined;
    const beginning = new Promise<void>((resolve) => (begun = resolve));
    const port = await start({ append: () => new Promise<void>((resolve) => {
      finish = resolve;
      begun();
    }) });
    const answer = post(port, JSON.stringify(EVENT));
    await beginning;
    const closed = port.close(5_000);
    finish();
    expect((await answer).status).toBe(202);
    await closed;
    await expect(fetch(`${port.url}/livez`)).rejects.toThrow();
  });
});
