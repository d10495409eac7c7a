/** The HTTP port under attack, over raw sockets: slow and endless requests, forged ones, pages of browsers, and who does not read. */
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test } from "vitest";

import { isLoopback } from "../../connectors/http/browsers.js";
import type { Limits } from "../../connectors/http/limits.js";
import { startHttp, type HttpOptions, type HttpPort } from "../../connectors/http/server.js";
import type { NewRecord } from "../../engine/ports.js";
import { LogUnavailable } from "../../engine/ports.js";

const running: HttpPort[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const port of running.splice(0)) await port.close(50);
});

interface Running extends HttpPort {
  readonly appended: NewRecord[];
  readonly errors: unknown[];
}

async function start(limits: Partial<Limits> = {}, options: Partial<HttpOptions> = {}): Promise<Running> {
  const appended: NewRecord[] = [];
  const errors: unknown[] = [];
  const port = await startHttp({
    host: "127.0.0.1", port: 0, limits,
    metrics: async () => ({ contentType: "text/plain; version=0.0.4; charset=utf-8", text: "eddy_up 1\n" }),
    readiness: () => ({ ready: true, missing: [] }),
    append: async (records) => void appended.push(...records),
    onError: (error) => errors.push(error),
    ...options,
  });
  running.push(port);
  return { ...port, appended, errors };
}

interface Wire {
  readonly socket: Socket;
  /** All that came until the server closed. */
  readonly closed: Promise<string>;
  received(): string;
}

async function dial(port: HttpPort): Promise<Wire> {
  const socket = connect(port.port, "127.0.0.1");
  sockets.push(socket);
  let text = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  return { socket, received: () => text, closed: new Promise((resolve) => socket.once("close", () => resolve(text))) };
}

/** Sends the bytes and takes what comes back until the server closes. */
async function exchange(port: HttpPort, request: string | Buffer): Promise<string> {
  const wire = await dial(port);
  wire.socket.write(request);
  return wire.closed;
}

const EVENT = JSON.stringify({ id: "1", type: "t", subject: "c" });
const post = (headers: string, body: string | Buffer = EVENT): Buffer =>
  Buffer.concat([Buffer.from(`POST /events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n`), Buffer.from(body)]);
const JSON_TYPE = "content-type: application/json\r\n";
const statusOf = (answer: string): number => Number(answer.slice(9, 12));

describe("pages in a browser", () => {
  // What a page may send without being asked first: three content types, or none.
  test.each(["content-type: text/plain\r\n", "content-type: application/x-www-form-urlencoded\r\n", "content-type: multipart/form-data; boundary=x\r\n", ""])("a simple request (%j) is refused", async (type) => {
    const port = await start();
    expect(statusOf(await exchange(port, post(type)))).toBe(415);
    expect(port.appended).toEqual([]);
  });

  test.each(["http://evil.example", "null", "http://localhost:9464", "http://127.0.0.1:9464"])("no page sends events, not even one that seems to be ours: Origin %s", async (origin) => {
    const port = await start();
    const answer = await exchange(port, post(`${JSON_TYPE}origin: ${origin}\r\n`));
    expect(statusOf(answer)).toBe(403);
    expect(answer).not.toContain("evil");
    expect(port.appended).toEqual([]);
  });

  test("whoever asks first gets no leave", async () => {
    const port = await start();
    const answer = await exchange(port, "OPTIONS /events HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: http://evil.example\r\naccess-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\r\n");
    expect(statusOf(answer)).toBe(405);
    expect(answer.toLowerCase()).not.toContain("access-control");
  });

  test.each(["evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example", "xn--localhost-.example", "a@localhost.evil"])("a name that was made to lead here: Host %s", async (host) => {
    const port = await start();
    for (const path of ["/metrics", "/readyz", "/livez"]) {
      expect(statusOf(await exchange(port, `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`))).toBe(421);
    }
    expect(statusOf(await exchange(port, post(JSON_TYPE).toString().replace("host: localhost", `host: ${host}`)))).toBe(421);
    expect(port.appended).toEqual([]);
  });

  test.each(["localhost", "LOCALHOST:9464", "127.0.0.1:9464", "[::1]:9464", "localhost.", "192.168.1.7"])("Host %s is answered", async (host) => {
    const port = await start();
    expect(statusOf(await exchange(port, `GET /metrics HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`))).toBe(200);
  });

  test("a port for others has names that are not ours to know", async () => {
    const port = await start({}, { host: "0.0.0.0" });
    expect(statusOf(await exchange(port, "GET /metrics HTTP/1.1\r\nhost: eddy.internal:9464\r\nconnection: close\r\n\r\n"))).toBe(200);
    expect(statusOf(await exchange(port, post(`${JSON_TYPE}origin: http://eddy.internal:9464\r\n`)))).toBe(403);
  });

  test.each([["127.0.0.1", true], ["127.8.9.1", true], ["::1", true], ["localhost", true], ["0.0.0.0", false], ["::", false], ["10.0.0.1", false], ["127.0.0.1.example", false]])("%s is loopback: %s", (host, is) => {
    expect(isLoopback(host)).toBe(is);
  });
});

describe("slow and endless", () => {
  test("a connection that says nothing", async () => {
    const port = await start({ headersMs: 100 });
    const wire = await dial(port);
    expect(await wire.closed).toMatch(/^$|408/);
  });

  test("a head of which a byte comes now and then", async () => {
    const port = await start({ headersMs: 150, requestMs: 300 });
    const wire = await dial(port);
    wire.socket.write("GET /metrics HTTP/1.1\r\nhost: localhost\r\nx: ");
    const drip = setInterval(() => void wire.socket.write("y"), 20);
    try {
      expect(statusOf(await wire.closed)).toBe(408);
    } finally {
      clearInterval(drip);
    }
  });

  test("a body of which a byte comes now and then; its place is free again afterwards", async () => {
    const port = await start({ headersMs: 100, requestMs: 200, inFlightBytes: 1_000, bodyBytes: 1_000 });
    const wire = await dial(port);
    wire.socket.write(`POST /events HTTP/1.1\r\nhost: localhost\r\n${JSON_TYPE}content-length: 900\r\n\r\n{`);
    const drip = setInterval(() => void wire.socket.write(" "), 20);
    try {
      expect(await wire.closed).toMatch(/^$|408|400/);
    } finally {
      clearInterval(drip);
    }
    // Where the machine stands still for a moment this one is too slow as well; without room it would be refused, with 429.
    let answer = "";
    while (answer === "" || statusOf(answer) === 408) answer = await exchange(port, post(JSON_TYPE));
    expect(statusOf(answer)).toBe(202);
    expect(port.appended).toHaveLength(1);
  });

  test("who does not take the answer is cut off, also who keeps talking", async () => {
    const port = await start({ exchangeMs: 200, connections: 1 }, { metrics: async () => ({ contentType: "text/plain", text: "x".repeat(50_000_000) }) });
    const wire = await dial(port);
    wire.socket.pause();
    wire.socket.write("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const talk = setInterval(() => void wire.socket.write("\r\n"), 20);
    try {
      // There is room for one connection: another is answered once the first has been cut.
      let answer = "";
      while (answer === "") answer = await exchange(port, "GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
      expect(statusOf(answer)).toBe(200);
    } finally {
      clearInterval(talk);
    }
  });

  test("thousands of requests in one piece: the connection is cut, and few answers are made", async () => {
    let rendered = 0;
    const port = await start({}, { metrics: async () => { rendered++; return { contentType: "text/plain", text: "x".repeat(1_000_000) }; } });
    const wire = await dial(port);
    wire.socket.write("GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(1_000));
    await wire.closed;
    expect(rendered).toBeLessThanOrEqual(16);
    const fine = await dial(port);
    fine.socket.write(`${"GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(9)}GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
    expect((await fine.closed).split("HTTP/1.1 200").length - 1).toBe(10);
  });

  test.each([
    ["a head without end", `GET /metrics HTTP/1.1\r\nhost: localhost\r\nx: ${"y".repeat(100_000)}`, 431],
    ["thousands of headers", `GET /metrics HTTP/1.1\r\nhost: localhost\r\n${"a: b\r\n".repeat(10_000)}\r\n`, 431],
    ["an endless line", `GET /${"a".repeat(100_000)} HTTP/1.1\r\n`, 431],
    ["no HTTP at all", "\u0000\u0001\u0002\r\n\r\n", 400],
    ["two lengths", `POST /events HTTP/1.1\r\nhost: localhost\r\n${JSON_TYPE}content-length: 2\r\ncontent-length: 3\r\n\r\n{}`, 400],
    ["a length and chunks, as smugglers have it", `POST /events HTTP/1.1\r\nhost: localhost\r\n${JSON_TYPE}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
    ["a length that is no number", `POST /events HTTP/1.1\r\nhost: localhost\r\n${JSON_TYPE}content-length: -1\r\n\r\n`, 400],
    ["no host", "GET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n", 400],
    ["a header over two lines", "GET /metrics HTTP/1.1\r\nhost: localhost\r\nx: y\r\n z: a\r\nconnection: close\r\n\r\n", 400],
  ])("%s", async (_name, request, status) => {
    const port = await start();
    expect(statusOf(await exchange(port, request))).toBe(status);
    expect(port.errors).toEqual([]);
  });

  test("more connections than there may be are closed, and others go on", async () => {
    const port = await start({ connections: 5 });
    const kept = await Promise.all(Array.from({ length: 5 }, () => dial(port)));
    const sixth = await dial(port);
    expect(await sixth.closed).toBe("");
    kept[0]?.socket.write("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    expect(statusOf(await (kept[0]?.closed ?? ""))).toBe(200);
  });
});

describe("bodies", () => {
  test("what is compressed is not unpacked", async () => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, " "));
    const port = await start();
    for (const encoding of ["gzip", "deflate", "br", "zstd", "gzip, gzip"]) expect(statusOf(await exchange(port, post(`${JSON_TYPE}content-encoding: ${encoding}\r\n`, bomb)))).toBe(415);
    expect(statusOf(await exchange(port, post(JSON_TYPE, bomb)))).toBe(400);
  });

  // Names that every object has something under: content types, headers, paths.
  test.each(["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf"])("%s as content type, path and header", async (name) => {
    const port = await start();
    expect(statusOf(await exchange(port, post(`content-type: ${name}\r\n`)))).toBe(415);
    expect(statusOf(await exchange(port, `GET /${name} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`))).toBe(404);
    expect(statusOf(await exchange(port, post(`${JSON_TYPE}${name}: x\r\n`)))).toBe(202);
    expect(port.errors).toEqual([]);
  });

  test.each(["/events/../metrics", "/..%2f..%2fetc/passwd", "//metrics", "/metrics/", "http://evil.example/metrics", "/metrics#x", "*", "/%00"])("%s is nowhere", async (path) => {
    const port = await start();
    expect([400, 404]).toContain(statusOf(await exchange(port, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`)));
  });

  test("a customer, type or id cannot add to a subject or a header", async () => {
    const port = await start();
    const nasty = "a.b *>\r\nNats-Expected-Last-Sequence: 0\r\n\r\n\u0000";
    const body = JSON.stringify({ id: nasty, source: nasty, type: nasty, subject: nasty });
    expect(statusOf(await exchange(port, post(JSON_TYPE, body)))).toBe(202);
    const coded = "a%2Eb%20%2A%3E%0D%0ANats-Expected-Last-Sequence%3A%200%0D%0A%0D%0A%00";
    expect(port.appended[0]?.subject).toBe(`events.${coded}.${coded}`);
    // In headers of binary mode they come percent-encoded.
    expect(statusOf(await exchange(port, post(`${JSON_TYPE}ce-id: ${coded}\r\nce-type: ${coded}\r\nce-subject: ${coded}\r\n`, "{}")))).toBe(202);
    expect(port.appended[1]?.subject).toBe(`events.${coded}.${coded}`);
  });

  test("what fails inside is told to the log of the process, not to the client", async () => {
    const port = await start({}, { append: () => Promise.reject(new TypeError("redis://me:geheim@10.0.0.1 broke at /srv/eddy/x.ts:1")) });
    const answer = await exchange(port, post(JSON_TYPE));
    expect(statusOf(answer)).toBe(500);
    expect(answer).not.toMatch(/geheim|10\.0\.0|\.ts/);
    const away = await start({}, { append: () => Promise.reject(new LogUnavailable("NATS at nats://10.0.0.1 (the server said: geheim)")) });
    const unavailable = await exchange(away, post(JSON_TYPE));
    expect(statusOf(unavailable)).toBe(503);
    expect(unavailable).not.toMatch(/geheim|10\.0\.0/);
  });
});
