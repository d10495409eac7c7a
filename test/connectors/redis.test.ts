/** The parts around the Redis store: addresses, set-up, the reader for services, TLS, the version of the functions. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { StoreRefused, StoreUnavailable } from "../../engine/ports.js";
import type { Output } from "../../engine/ports.js";
import { encodeToken, partition } from "../../engine/subjects.js";
import { backoffMs, connectRedis, parseAddress } from "../../connectors/redis/connection.js";
import type { RedisConnection } from "../../connectors/redis/connection.js";
import { LIBRARY, VERSION } from "../../connectors/redis/functions/library.js";
import { IllFormedText, wireBuffer, writeText, writeTexts, written } from "../../connectors/redis/resp.js";
import { headOf, unpackOutput } from "../../connectors/redis/packed-output.js";
import { openSegmentReader } from "../../connectors/redis/reader.js";
import { readPartitions, setupStore } from "../../connectors/redis/setup.js";
import { openRedisStore, redisStore } from "../../connectors/redis/store.js";
import { freePort } from "../servers/ports.js";
import { startRedis } from "../servers/redis.js";
import type { RedisServer } from "../servers/redis.js";

/** After a change of the functions: raise VERSION, then put version and digest here. */
const RELEASED = { version: 6, digest: "f53eb2bf8ba18111" };

test("a change of the functions raises their version", () => {
  const digest = createHash("sha256").update(LIBRARY).digest("hex").slice(0, 16);
  expect({ version: VERSION, digest }).toEqual(RELEASED);
});

describe("addresses", () => {
  const local = { host: "localhost", port: 6379 };
  test.each([
    ["redis://localhost", { hosts: [local], db: 0, tls: false }],
    ["redis://localhost/", { hosts: [local], db: 0, tls: false }],
    ["rediss://h.example:6380/3", { hosts: [{ host: "h.example", port: 6380 }], db: 3, tls: true }],
    ["redis://:secret@localhost", { hosts: [local], db: 0, tls: false, password: "secret" }],
    ["redis://me@localhost", { hosts: [local], db: 0, tls: false, username: "me" }],
    ["redis://me:a%40b%3Ac@[::1]:7000", { hosts: [{ host: "::1", port: 7000 }], db: 0, tls: false, username: "me", password: "a@b:c" }],
    ["redis://a:1,b:2,c", { hosts: [{ host: "a", port: 1 }, { host: "b", port: 2 }, { host: "c", port: 6379 }], db: 0, tls: false }],
  ])("%s", (url, expected) => {
    expect(parseAddress(url)).toEqual(expected);
  });

  test.each(["", "localhost", "http://localhost", "redis://", "redis://h:0", "redis://h:99999", "redis://h/x", "redis://u:top%secret@h", "redis://u:topsecret@h:x"])(
    "%s makes no sense, and is not repeated", (url) => {
      const failure = (() => { try { return parseAddress(url); } catch (error) { return error; } })();
      expect(failure).toBeInstanceOf(StoreRefused);
      expect(String(failure)).toContain("redis://user:password@host:port");
      expect(String(failure)).not.toMatch(/secret/);
    });

  test("attempts to reconnect come ever later, up to a bound", () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100].map(backoffMs)).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000]);
  });
});

describe("outputs in the outbox", () => {
  const output: Output = { number: 7, subject: "actions.1.email.x", id: "ä 1 2\n", cause: 42, body: '{"t":"漢\\n"}' };
  test("come back as they were", () => {
    expect(unpackOutput(7, Buffer.from(headOf(output) + output.subject + output.id + output.body))).toEqual(output);
  });
  test.each([["a", "b", "c", "d"], ["", "", "", ""], ["1 2\n", "ä", "漢字", "😀".repeat(400)], ["x".repeat(990), "y", "é".repeat(10), ""]])("pieces make the argument that the whole makes: %#", (...pieces) => {
    const [whole, inPieces] = [wireBuffer(16), wireBuffer(16)];
    writeText(whole, pieces.join(""));
    writeTexts(inPieces, ...(pieces as [string, string, string, string]));
    expect(written(inPieces).equals(written(whole))).toBe(true);
  });
  test("half a surrogate pair in any piece is refused", () => {
    expect(() => writeTexts(wireBuffer(16), "a", "b", "c", "\ud800")).toThrow(IllFormedText);
    expect(() => writeTexts(wireBuffer(16), "a", "\udc00", "c", "d")).toThrow(IllFormedText);
  });
  test.each(["", "nonsense", "1 2\nab", "1 5 500\nshort", "x 1 1\nab"])("%j is refused", (text) => {
    expect(() => unpackOutput(7, Buffer.from(text))).toThrow(StoreRefused);
  });
});

describe("set-up and reader", () => {
  let server: RedisServer;
  let connection: RedisConnection;
  let admin: Redis;
  beforeAll(async () => {
    server = await startRedis();
    connection = connectRedis({ url: server.url });
    admin = new Redis(server.url);
  });
  afterAll(async () => {
    await connection.close();
    admin.disconnect();
    await server.dispose();
  });
  beforeEach(async () => {
    await admin.flushall();
    await admin.function("FLUSH");
  });

  test("set-up loads the functions, keeps the number of partitions and is safe to repeat", async () => {
    expect(await readPartitions(connection)).toBeNull();
    await setupStore(connection, { partitions: 8 });
    await setupStore(connection, { partitions: 8 });
    expect(await readPartitions(connection)).toBe(8);
    expect(await admin.fcall("eddy_version", 0)).toBe(VERSION);
    const { store, partitions } = await openRedisStore({ url: server.url });
    expect(partitions).toBe(8);
    await store.close();
  });

  test("set-up refuses another number of partitions, and numbers that make no sense", async () => {
    await setupStore(connection, { partitions: 8 });
    await expect(setupStore(connection, { partitions: 16 })).rejects.toThrow(/set up for 8 partitions and cannot change to 16/);
    expect(await readPartitions(connection)).toBe(8);
    for (const partitions of [0, -1, 1.5, Number.NaN, 100_000]) {
      await expect(setupStore(connection, { partitions })).rejects.toBeInstanceOf(StoreRefused);
    }
    await admin.set("eddy:partitions", "many");
    await expect(readPartitions(connection)).rejects.toThrow(/something else under eddy:partitions/);
  });

  test("a partition's state is removed, but not its fields and its outbox, and only for its writer", async () => {
    await setupStore(connection, { partitions: 2 });
    const { store, clear } = await openRedisStore({ url: server.url });
    const fill = async (p: number) => {
      const { writer } = await store.claim(p, "w");
      await store.commit({
        partition: p, writer, number: 1, states: [["ann", Buffer.from("x")]], wakes: [["ann", 5]], segments: [{ segment: "s", add: ["ann"], remove: [] }], forget: 0,
        counts: [{ ranking: "r", forget: true, changes: [[1, 1]] }], outputs: [{ number: 1, subject: `actions.${p}.a`, id: "1", cause: 1, body: "{}" }], meta: { offset: "1" },
      });
      return writer;
    };
    const [writer] = [await fill(0), await fill(1)];
    const keys = async (p: number) => (await admin.keys(`eddy:{${p}}:*`)).sort();
    const all = await keys(0);
    expect(all.length).toBe(6);
    expect(await clear(0, { ...writer, token: "x" })).toBe(false);
    expect(await clear(0, { ...writer, epoch: writer.epoch + 1 })).toBe(false);
    expect(await keys(0)).toEqual(all);
    expect(await clear(0, writer)).toBe(true);
    expect(await clear(0, writer)).toBe(true);
    expect(await keys(0)).toEqual(["eddy:{0}:meta", "eddy:{0}:outbox"]);
    expect((await keys(1)).length).toBe(6);
    await store.claim(0, "another");
    await admin.set("eddy:{0}:since", "then");
    expect(await clear(0, writer)).toBe(false);
    expect(await admin.get("eddy:{0}:since")).toBe("then");
    await store.close();
  });

  test("the server's clock goes back: the dead do not live on for as long as that", async () => {
    await setupStore(connection, { partitions: 2 });
    const store = redisStore(connection);
    await admin.hset("eddy:members", "dead", `${Date.now() + 3_600_000}:0,1`); // five seconds, an hour ahead
    expect(await store.beat("me", [], 200)).toEqual([{ id: "dead", holds: [0, 1] }, { id: "me", holds: [] }]);
    await expect.poll(() => store.beat("me", [], 200), { timeout: 5000, interval: 50 }).toEqual([{ id: "me", holds: [] }]);
  });

  test("the reader finds what commits wrote, in the customer's partition", async () => {
    await setupStore(connection, { partitions: 4 });
    const store = redisStore(connection);
    const customers = ["c42", "Ünï code", "a.b", "42", "👍", ...Array.from({ length: 3000 }, (_, i) => `many-${i}`)];
    for (let p = 0; p < 4; p++) {
      const mine = customers.filter((customer) => partition(encodeToken(customer), 4) === p);
      const { writer } = await store.claim(p, "w");
      await store.commit({
        partition: p, writer, number: 1, states: [], wakes: [], outputs: [], forget: 0, meta: {},
        segments: [{ segment: "all", add: mine, remove: [] }, { segment: "few", add: mine.filter((id) => !id.startsWith("many")), remove: [] }],
      });
    }
    const reader = await openSegmentReader({ url: server.url });
    for (const customer of customers.slice(0, 5)) {
      expect(await reader.isMember(customer, "few")).toBe(true);
      expect(await reader.segmentsOf(customer, ["few", "none", "all"])).toEqual(["few", "all"]);
    }
    expect(await reader.isMember("many-1", "few")).toBe(false);
    expect(await reader.segmentsOf("nobody", ["few", "all"])).toEqual([]);
    expect(await reader.segmentsOf("c42", [])).toEqual([]);
    expect([await reader.size("all"), await reader.size("few"), await reader.size("none")]).toEqual([3005, 5, 0]);
    const listed = new Set<string>();
    for await (const customer of reader.list("all")) listed.add(customer);
    expect([...listed].sort()).toEqual([...customers].sort());
    await reader.close();
  });

  test("the reader needs a Redis that was set up, and only the right to read", async () => {
    await expect(openSegmentReader({ url: server.url })).rejects.toThrow(/eddy setup/);
    await setupStore(connection, { partitions: 2 });
    await admin.call("ACL", "SETUSER", "service", "reset", "on", ">pw", "%R~eddy:*", "+@read", "+info");
    const reader = await openSegmentReader({ url: `redis://service:pw@127.0.0.1:${server.port}` });
    expect(await reader.isMember("c42", "vip")).toBe(false);
    await reader.close();
  });
});

describe("TLS", () => {
  const folder = mkdtempSync(join(tmpdir(), "eddy-tls-"));
  const key = join(folder, "key.pem");
  const certificate = join(folder, "certificate.pem");
  const made = spawnSync("openssl", [
    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
  ]);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.skipIf(made.status !== 0)("is spoken with rediss://, and certificates are checked (needs openssl)", async (context) => {
    const tlsPort = await freePort();
    const server = await startRedis({
      settings: ["--tls-port", String(tlsPort), "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-auth-clients", "no"],
    }).catch((error: unknown) => {
      if (/Missing implement of connection type tls|'tls-port'/.test(String(error))) return context.skip("this redis-server was built without TLS");
      throw error;
    });
    try {
      const url = `rediss://127.0.0.1:${tlsPort}`;
      const { store } = await openRedisStore({ url, tls: { caFile: certificate } });
      expect((await store.claim(0, "w")).number).toBe(0);
      await store.close();
      const failure = await openRedisStore({ url, maxRetriesPerRequest: 0 }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StoreUnavailable);
      expect(String(failure)).toMatch(/certificate/);
    } finally {
      await server.dispose();
    }
  });
});
