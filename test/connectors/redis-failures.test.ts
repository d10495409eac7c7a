/** What the Redis store does when servers die, connections break, or Redis refuses. */
import fc from "fast-check";
import { mkdirSync, rmSync } from "node:fs";
import { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { Commit, ConnectionState, StateStore, Writer } from "../../engine/ports.js";
import { StoreFull, StoreRefused, StoreUnavailable } from "../../engine/ports.js";
import { writeCommit } from "../../connectors/redis/commit-command.js";
import type { ConnectionOptions } from "../../connectors/redis/connection.js";
import { PERMISSIONS } from "../../connectors/redis/failures.js";
import { LIBRARY, VERSION } from "../../connectors/redis/functions/library.js";
import { wireBuffer, written } from "../../connectors/redis/resp.js";
import { openRedisStore } from "../../connectors/redis/store.js";
import { allMembers, allStates, allWakes, commitOf, outputOf } from "../conformance/state-store.js";
import { startCuttingProxy } from "../servers/cutting-proxy.js";
import { startFaultyProxy } from "../servers/faulty-proxy.js";
import { freePort } from "../servers/ports.js";
import { startRedis } from "../servers/redis.js";
import type { RedisServer, RedisServerOptions } from "../servers/redis.js";

const P = 3;
const META = `eddy:{${P}}:meta`;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  while (cleanUps.length > 0) await cleanUps.pop()?.();
});

async function opened(url: string, options: Partial<ConnectionOptions> = {}): Promise<StateStore> {
  const { store } = await openRedisStore({ url, ...options });
  cleanUps.push(() => store.close());
  return store;
}

async function ownServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const server = await startRedis(options);
  cleanUps.push(() => server.dispose());
  return server;
}

function adminOf(url: string): Redis {
  const admin = new Redis(url);
  admin.on("error", () => undefined);
  cleanUps.push(() => admin.disconnect());
  return admin;
}

/** Something in every list. */
function fullCommit(writer: Writer, number: number): Commit {
  return commitOf(writer, number, {
    states: [["a", bytes(`state ${number}`)], ["b", null], [`c${number}`, bytes("c")]],
    wakes: [["a", number], ["b", null]],
    segments: [{ segment: "s", add: ["a", `c${number}`], remove: ["b"] }, { segment: "t", add: [], remove: ["a"] }],
    outputs: [outputOf(2 * number - 1), outputOf(2 * number)],
    forget: 1,
    meta: { position: String(number), gone: "" },
  });
}

async function dumpOf(admin: Redis): Promise<Map<string, string>> {
  const dump = new Map<string, string>();
  for (const key of (await admin.keys("*")).sort()) dump.set(key, (await admin.dumpBuffer(key)).toString("base64"));
  return dump;
}

describe("on one server", () => {
  let server: RedisServer;
  let admin: Redis;
  beforeAll(async () => {
    server = await startRedis();
    admin = new Redis(server.url);
  });
  afterAll(async () => {
    admin.disconnect();
    await server.dispose();
  });
  const fresh = async (options: Partial<ConnectionOptions> = {}): Promise<StateStore> => {
    await admin.flushall();
    return opened(server.url, options);
  };

  test("functions that vanish are loaded again", async () => {
    const store = await fresh();
    const { writer } = await store.claim(P, "w");
    for (const ask of [
      () => store.commit(fullCommit(writer, 1)), () => store.wakes(P, null, 1), () => store.outbox(P, 0, 1), () => store.claim(P, "x"),
    ]) {
      await admin.function("FLUSH");
      await expect(ask()).resolves.toBeDefined();
    }
    expect((await store.meta(P)).number).toBe(1);
  });

  test("a store that went back answers moved, and lost once somebody else has claimed it since", async () => {
    const store = await fresh();
    await store.claim(P, "before");
    const dump = await admin.dumpBuffer(META);
    const { writer } = await store.claim(P, "mine");
    for (const number of [1, 2, 3]) expect(await store.commit(fullCommit(writer, number))).toBe("done");
    const later = await dumpOf(admin);

    await admin.hset(META, "@n", "2");
    expect(await store.commit(fullCommit(writer, 4))).toBe("moved");
    await admin.hset(META, "@n", "4");
    expect(await store.commit(commitOf(writer, 6))).toBe("moved");
    await admin.hset(META, "@n", "3");
    expect(await dumpOf(admin)).toEqual(later);

    await admin.restore(META, 0, dump, "REPLACE");
    expect(await store.commit(fullCommit(writer, 4))).toBe("moved");
    const other = await store.claim(P, "other");
    expect(other.writer.epoch).toBe(writer.epoch);
    expect(await store.commit(fullCommit(writer, 4))).toBe("lost");
    await admin.del(META);
    expect(await store.commit(fullCommit(writer, 4))).toBe("moved");
  });

  test("a claim that is sent twice is one claim", async () => {
    const store = await fresh();
    const first = await store.claim(P, "same");
    expect(await store.claim(P, "same")).toEqual(first);
    expect(await store.commit(commitOf(first.writer, 1))).toBe("done");
  });

  test("arguments that were damaged on the way write all or nothing", async () => {
    const store = await fresh();
    const { writer } = await store.claim(P, "w");
    await store.commit(fullCommit(writer, 1));
    const meta = await admin.dumpBuffer(META);
    const args = argumentsOf(fullCommit(writer, 2));
    const keys = args.findIndex((text) => text.includes(":segment:t")) + 1;
    const seen = new Set<string>();
    await fc.assert(fc.asyncProperty(fc.nat(args.length - keys - 1), fc.constantFrom("drop", "double", "junk", "negative"), async (offset, harm) => {
      await admin.restore(META, 0, meta, "REPLACE");
      const before = await dumpOf(admin);
      const at = keys + offset;
      const changed = [...args];
      if (harm === "drop") changed.splice(at, 1);
      if (harm === "double") changed.splice(at, 0, args[at] ?? "");
      if (harm === "junk") changed[at] = `x${args[at]}`;
      if (harm === "negative") changed[at] = `-${args[at]}`;
      const answer = await admin.call("FCALL", ...changed).catch((error: unknown) => String(error));
      seen.add(/malformed|lost|moved|done/.exec(String(answer))?.[0] ?? String(answer));
      // Another id, text or instant is as good as the first; then everything must be written.
      if (answer === "done") expect(await admin.hget(META, "@n")).toBe("2");
      else expect(await dumpOf(admin)).toEqual(before);
    }), { numRuns: 200 });
    expect([...seen]).toEqual(expect.arrayContaining(["done", "lost", "malformed"]));
  });

  test.each([
    ["an instant that is no number", { wakes: [["a", 1], ["b", 2]] }, "2", ["x", "", "nan", "inf", "1.5", "1e3", " 2", "99999999999999999"]],
    ["a number of an output that is none", { outputs: [outputOf(71)] }, "71", ["x", "", "-1", "7.5", "1e3", "0"]],
    ["outputs out of order", { outputs: [outputOf(71), outputOf(72)] }, "72", ["70", "71"]],
    ["a field of the store's own", { meta: { field: "value" } }, "field", ["@n", "@epoch", "@", "@other"]],
    ["a cleared field of the store's own", { meta: { field: "" } }, "field", ["@n", "@epoch", "@", "@other"]],
  ] as const)("%s is refused by the function itself", async (_, parts, original, others) => {
    const store = await fresh();
    const { writer } = await store.claim(P, "w");
    const args = argumentsOf(commitOf(writer, 1, { states: [["a", bytes("1")]], ...parts } as Partial<Commit>));
    const at = args.lastIndexOf(original);
    const before = await dumpOf(admin);
    for (const other of others) {
      const changed = args.with(at, other);
      await expect(admin.call("FCALL", ...changed)).rejects.toThrow(/^EDDY malformed/);
      expect(await dumpOf(admin)).toEqual(before);
    }
    expect(await admin.call("FCALL", ...args)).toBe("done");
  });

  test.each([
    ["eddy:{3}:customers", "customers"], ["eddy:{3}:wakes", "wakes"], ["eddy:{3}:outbox", "outbox"],
    ["eddy:{3}:segment:s", "a segment"], ["eddy:{3}:segment:t", "a segment that only loses members"],
  ])("%s of another type is refused, and nothing is written", async (key) => {
    const store = await fresh();
    const { writer } = await store.claim(P, "w");
    await store.commit(fullCommit(writer, 1));
    await admin.del(key);
    await admin.set(key, "something else");
    const before = await dumpOf(admin);
    await expect(store.commit(fullCommit(writer, 2))).rejects.toThrow(/another program uses the same names.*WRONGTYPE/s);
    expect(await dumpOf(admin)).toEqual(before);
    await admin.del(key);
    expect(await store.commit(fullCommit(writer, 2))).toBe("done");
  });

  test("meta of another type is refused", async () => {
    const store = await fresh();
    await admin.set(META, "something else");
    await expect(store.claim(P, "w")).rejects.toBeInstanceOf(StoreRefused);
    await expect(store.commit(commitOf({ epoch: 1, token: "w" }, 1))).rejects.toBeInstanceOf(StoreRefused);
  });

  test.each(["hset", "hdel", "zadd", "zrem", "sadd", "srem"])("a user who may not %s is refused before anything is written", async (command) => {
    await admin.flushall();
    await admin.call("ACL", "SETUSER", "limited", "reset", "on", ">secret", "~eddy:*", "+@all");
    const store = await opened(`redis://limited:secret@127.0.0.1:${server.port}`);
    const { writer } = await store.claim(P, "w");
    await store.commit(fullCommit(writer, 1));
    const before = await dumpOf(admin);
    await admin.call("ACL", "SETUSER", "limited", `-${command}`);
    const failure = await store.commit(fullCommit(writer, 2)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreRefused);
    expect(String(failure)).toContain("permissions");
    expect(String(failure)).not.toContain("secret");
    expect(await dumpOf(admin)).toEqual(before);
    await admin.call("ACL", "SETUSER", "limited", `+${command}`);
    expect(await store.commit(fullCommit(writer, 2))).toBe("done");
  });

  test("the permissions that the message names are enough", async () => {
    await admin.flushall();
    await admin.function("FLUSH");
    await admin.call("ACL", "SETUSER", "modest", "reset", "on", ">secret", ...PERMISSIONS.split(" "));
    const store = await opened(`redis://modest:secret@127.0.0.1:${server.port}`);
    const { writer } = await store.claim(P, "w");
    for (const number of [1, 2]) expect(await store.commit(fullCommit(writer, number))).toBe("done");
    expect(await store.load(P, ["a"])).not.toEqual([null]);
    expect(await allWakes(store, P, 10)).toHaveLength(1);
    expect(await allMembers(store, P, "s")).toEqual(["a", "c1", "c2"]);
    expect(await store.outbox(P, 2, 1)).toEqual([outputOf(2)]);
    expect((await allStates(store, P)).size).toBe(3);
    expect(await store.segmentSizes(P, ["s"])).toEqual([3]);
    expect(await store.beat("m", [P], 1000)).toEqual([{ id: "m", holds: [P] }]);
  });

  test("a user with rights to only some segments is refused before anything is written", async () => {
    await admin.flushall();
    await admin.call("ACL", "SETUSER", "narrow", "reset", "on", ">secret", "~eddy:{3}:*", "~eddy:partitions", "+@all");
    const store = await opened(`redis://narrow:secret@127.0.0.1:${server.port}`);
    const { writer } = await store.claim(P, "w");
    await store.commit(fullCommit(writer, 1));
    const before = await dumpOf(admin);
    await admin.call("ACL", "SETUSER", "narrow", "resetkeys", "~eddy:{3}:segment:s", "~eddy:{3}:meta", "~eddy:{3}:customers", "~eddy:{3}:wakes", "~eddy:{3}:outbox");
    await expect(store.commit(fullCommit(writer, 2))).rejects.toBeInstanceOf(StoreRefused);
    expect(await dumpOf(admin)).toEqual(before);
  });

  test("full memory is refused, nothing is written, and it goes on when there is room", async () => {
    const store = await fresh();
    const { writer } = await store.claim(P, "w");
    await store.commit(fullCommit(writer, 1));
    const before = await dumpOf(admin);
    await admin.config("SET", "maxmemory", "1mb");
    try {
      const failure = await store.commit(fullCommit(writer, 2)).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(StoreFull);
      expect(String(failure)).toMatch(/maxmemory.*OOM/);
      await expect(store.claim(P, "w2")).rejects.toBeInstanceOf(StoreFull);
      await expect(store.beat("m", [P], 1000)).rejects.toBeInstanceOf(StoreFull);
      expect(await dumpOf(admin)).toEqual(before);
    } finally {
      await admin.config("SET", "maxmemory", "0");
    }
    expect(await store.commit(fullCommit(writer, 2))).toBe("done");
  });

  test("a replica cannot answer now, and does when it is master again", async () => {
    const store = await fresh({ maxRetriesPerRequest: 2 });
    const { writer } = await store.claim(P, "w");
    await admin.replicaof("127.0.0.1", "1");
    try {
      await expect(store.commit(fullCommit(writer, 1))).rejects.toBeInstanceOf(StoreUnavailable);
    } finally {
      await admin.replicaof("NO", "ONE");
    }
    expect(await store.commit(fullCommit(writer, 1))).toBe("done");
  });

  test("a request cut in the middle is sent again and done once", async () => {
    await admin.flushall();
    const proxy = await startCuttingProxy(server.port);
    cleanUps.push(() => proxy.dispose());
    const store = await opened(`redis://127.0.0.1:${proxy.port}`);
    const { writer } = await store.claim(P, "w");
    const large = commitOf(writer, 1, { states: [["large", new Uint8Array(300_000).fill(1)], ["z", bytes("z")]] });
    proxy.cutRequestAfter(150_000);
    expect(await store.commit(large)).toBe("done");
    expect(proxy.cuts).toBe(1);
    expect((await allStates(store, P)).size).toBe(2);
  });

  test("a commit whose reply was lost is already done", async () => {
    await admin.flushall();
    const proxy = await startCuttingProxy(server.port);
    cleanUps.push(() => proxy.dispose());
    const store = await opened(`redis://127.0.0.1:${proxy.port}`);
    const { writer } = await store.claim(P, "w");
    for (let number = 1; number <= 5; number++) {
      proxy.cutBeforeReply();
      expect(await store.commit(fullCommit(writer, number))).toBe("already");
    }
    expect(proxy.cuts).toBe(5);
    proxy.cutBeforeReply();
    const claim = await store.claim(P, "next");
    expect(claim.number).toBe(5);
    expect(claim.writer).toEqual((await store.meta(P)).writer);
  });

  test("commits in flight over several cuts each count once, in order", async () => {
    await admin.flushall();
    const proxy = await startCuttingProxy(server.port);
    cleanUps.push(() => proxy.dispose());
    const store = await opened(`redis://127.0.0.1:${proxy.port}`);
    const { writer } = await store.claim(P, "w");
    for (let round = 0; round < 5; round++) {
      if (round % 2 === 0) proxy.cutRequestAfter(700);
      else proxy.cutBeforeReply();
      // The reply of an earlier one may be lost while a later one is done: sent again, the earlier answers moved.
      const answers = await Promise.all([1, 2, 3].map((i) => store.commit(fullCommit(writer, round * 3 + i))));
      expect(["done", "already"]).toContain(answers[2]);
      expect(answers).not.toContain("lost");
    }
    expect((await store.meta(P)).number).toBe(15);
    expect((await store.outbox(P, 2, 100)).map(({ number }) => number)).toEqual(Array.from({ length: 29 }, (_, i) => i + 2));
  });

  test("what may be forgotten is gone soon, over a gap in the numbers too", async () => {
    const store = await fresh();
    const { writer } = await store.claim(P, "w");
    await store.commit(commitOf(writer, 1, { outputs: [outputOf(50_000_000), outputOf(50_000_001)] }));
    await store.commit(commitOf(writer, 2, { outputs: [outputOf(90_000_000), outputOf(90_000_001)], forget: 50_000_000 }));
    expect(await admin.hkeys("eddy:{3}:outbox")).not.toContain("50000000");
    for (const number of [3, 4, 5]) await store.commit(commitOf(writer, number, { forget: 90_000_000 }));
    expect(await admin.hkeys("eddy:{3}:outbox")).toEqual(["90000001"]);
    expect((await store.outbox(P, 1, 10)).map(({ number }) => number)).toEqual([90_000_001]);
    await store.commit(commitOf(writer, 6, { outputs: [outputOf(90_000_002)], forget: 90_000_001 }));
    expect(await admin.hkeys("eddy:{3}:outbox")).toEqual(["90000002"]);
  });

  test("an outbox that begins with a high number is read and forgotten from there", async () => {
    const store = await fresh();
    const { writer } = await store.claim(P, "w");
    const high = 9_007_199_254_000_000;
    const numbers = Array.from({ length: 60 }, (_, i) => high + i);
    // Long ones: a hash of short values keeps the order of insertion.
    await store.commit(commitOf(writer, 1, { outputs: numbers.map((number) => ({ ...outputOf(1, "x".repeat(100)), number })) }));
    expect(await admin.hget(META, "@lowest")).toBe(String(high));
    await store.commit(commitOf(writer, 2, { outputs: [{ ...outputOf(1), number: high + 500_000 }] }));
    const there = [...numbers, high + 500_000];
    expect((await store.outbox(P, 0, 100)).map(({ number }) => number)).toEqual(there);
    expect((await store.outbox(P, high + 10, 30)).map(({ number }) => number)).toEqual(there.slice(10, 40));
    await store.commit(commitOf(writer, 3, { forget: high + 57 }));
    expect((await store.outbox(P, 0, 100)).map(({ number }) => number)).toEqual(there.slice(58));
  });

  const version = (number: number, rest = "#!lua name=eddy"): string => `${rest}
redis.register_function{ function_name = 'eddy_version', callback = function() return ${number} end, flags = { 'no-writes' } }`;

  test("an older library is replaced", async () => {
    await admin.flushall();
    await admin.function("LOAD", "REPLACE", version(0));
    const store = await opened(server.url);
    expect((await store.claim(P, "w")).number).toBe(0);
    expect(await admin.fcall("eddy_version", 0)).toBe(VERSION);
  });

  test("a newer library serves this version, is told of and left alone", async () => {
    await admin.flushall();
    await admin.function("LOAD", "REPLACE", LIBRARY.replace(`return ${VERSION} end`, "return 1000000 end"));
    const { store, warnings } = await openRedisStore({ url: server.url });
    expect(warnings.filter((each) => each.includes("functions of a newer Eddy (version 1000000"))).toHaveLength(1);
    const { writer } = await store.claim(P, "w");
    expect(await store.commit(commitOf(writer, 1, { outputs: [outputOf(1)] }))).toBe("done");
    expect(await admin.fcall("eddy_version", 0)).toBe(1_000_000);
    await store.close();
  });

  test("a newer library that does without a function of ours: the message says so, it is left alone all the same", async () => {
    await admin.flushall();
    await admin.function("LOAD", "REPLACE", version(1_000_000));
    const { store } = await openRedisStore({ url: server.url });
    await expect(store.claim(P, "w")).rejects.toThrow(/do not serve this version of Eddy.*FUNCTION DELETE eddy/);
    expect(await admin.fcall("eddy_version", 0)).toBe(1_000_000);
    await store.close();
    await admin.function("DELETE", "eddy");
  });
});

describe("servers that die", () => {
  test("what was acknowledged is there after kill -9, and the commit under way counts once", async () => {
    const server = await ownServer({ appendfsync: "always" });
    const store = await opened(server.url);
    const { writer } = await store.claim(P, "w");
    let number = 0;
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) expect(await store.commit(fullCommit(writer, ++number))).toBe("done");
      const underway = store.commit(fullCommit(writer, ++number));
      await server.restart();
      expect(["done", "already"]).toContain(await underway);
      expect((await store.meta(P)).number).toBe(number);
    }
    expect(await allMembers(store, P, "s")).toHaveLength(number + 1);
    expect(await allWakes(store, P, 10)).toEqual([{ customer: "a", at: number }]);
    expect((await store.outbox(P, 2, 1000)).map((output) => output.number)).toEqual(Array.from({ length: 2 * number - 1 }, (_, i) => i + 2));
  });

  test("no server: unavailable, with the address, without the password", async () => {
    const server = await ownServer();
    await server.kill();
    const failure = await openRedisStore({ url: `redis://user:pass%40word@127.0.0.1:${server.port}`, maxRetriesPerRequest: 1 }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreUnavailable);
    expect(String(failure)).toContain(`127.0.0.1:${server.port}`);
    expect(String(failure)).toContain("ECONNREFUSED");
    expect(String(failure)).not.toMatch(/pass|user/);
  });

  test("a server that is down for long makes calls fail, and is used again when it is back", async () => {
    const server = await ownServer({ appendfsync: "always" });
    const store = await opened(server.url, { maxRetriesPerRequest: 1 });
    const states: ConnectionState[] = [];
    store.watch((state) => states.push(state));
    const { writer } = await store.claim(P, "w");
    await store.commit(fullCommit(writer, 1));
    await server.kill();
    await expect(store.commit(fullCommit(writer, 2))).rejects.toBeInstanceOf(StoreUnavailable);
    await server.start();
    let answer: string | null = null;
    while (answer === null) answer = await store.commit(fullCommit(writer, 2)).catch(() => null);
    expect(answer).toBe("done");
    expect(states).toEqual(["connected", "disconnected", "connected"]);
  });

  test("a server that says nothing is unavailable after the time-out; the commit still counts once", async () => {
    const server = await ownServer();
    const store = await opened(server.url, { commandTimeoutMs: 3_000, maxRetriesPerRequest: 1 });
    const { writer } = await store.claim(P, "w");
    server.pause();
    await expect(store.commit(fullCommit(writer, 1))).rejects.toBeInstanceOf(StoreUnavailable);
    server.resume();
    let answer: string | null = null;
    while (answer === null) answer = await store.commit(fullCommit(writer, 1)).catch(() => null);
    expect(["done", "already"]).toContain(answer);
    expect((await store.meta(P)).number).toBe(1);
    expect(await store.commit(fullCommit(writer, 2))).toBe("done");
  });

  test("a server that says nothing counts as disconnected, also while nobody asks it anything, until it answers", async () => {
    const server = await ownServer();
    const store = await opened(server.url, { silenceMs: 300 });
    await store.meta(P);
    const states: ConnectionState[] = [];
    const turned = (to: ConnectionState): Promise<void> => new Promise((resolve) => {
      const stop = store.watch((state) => {
        if (state !== to) return;
        resolve();
        queueMicrotask(() => stop());
      });
    });
    store.watch((state) => void states.push(state));
    server.pause();
    await turned("disconnected");
    server.resume();
    await turned("connected");
    expect(states).toEqual(["connected", "disconnected", "connected"]);
  });

  test("closing does not wait for a server that says nothing", async () => {
    const server = await ownServer();
    const { store } = await openRedisStore({ url: server.url });
    server.pause();
    const began = performance.now();
    await store.close();
    expect(performance.now() - began).toBeLessThan(5_000); // the time-out of a question is ten seconds
    server.resume();
  });

  test("a server that reads its data while it starts is asked again soon, whatever time it reckons with", async () => {
    // A millisecond for each command: the small ones take a second, after which all of the rest is thought to take minutes.
    const server = await ownServer({ settings: ["--key-load-delay", "1000"] });
    const admin = adminOf(server.url);
    const small = admin.pipeline();
    for (let i = 0; i < 2_000; i++) small.set(`small:${i}`, "x");
    await small.exec();
    const large = "x".repeat(1_000_000);
    for (let i = 0; i < 20; i++) await admin.set(`large:${i}`, large);
    const store = await opened(server.url);
    const back = new Promise<void>((resolve) => {
      let gone = false;
      store.watch((state) => {
        if (state === "disconnected") gone = true;
        else if (gone) resolve();
      });
    });
    await server.restart();
    const before = performance.now();
    await back;
    expect(performance.now() - before).toBeLessThan(7_000); // by what the server reckons it would be ten seconds
  });

  test("a connection that is dead without a word is given up and made anew, long before a command's time is over", async () => {
    const server = await ownServer();
    const proxy = await startFaultyProxy(server.port);
    try {
      const store = await opened(`redis://127.0.0.1:${proxy.port}`, { silenceMs: 300 });
      const { writer } = await store.claim(P, "w");
      proxy.swallow("replies");
      const before = performance.now();
      // Without an answer it was done all the same.
      expect(await store.commit(commitOf(writer, 1))).toBe("already");
      expect(performance.now() - before).toBeLessThan(5_000);
    } finally {
      await proxy.dispose();
    }
  });

  test("after closing, calls fail at once", async () => {
    const server = await ownServer();
    const store = await opened(server.url);
    await store.close();
    await expect(store.meta(P)).rejects.toBeInstanceOf(StoreUnavailable);
    await store.close();
  });
});

test("no node of a cluster: unavailable, with the addresses, without the password", async () => {
  const hosts = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`].join(",");
  const failure = await openRedisStore({ url: `redis://user:password1@${hosts}`, commandTimeoutMs: 300 }).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(StoreUnavailable);
  expect(String(failure)).toContain(`no answer from Redis at ${hosts}`);
  expect(String(failure)).not.toMatch(/password1|user/);
});

describe("servers that refuse", () => {
  test("a disk that cannot be written", async () => {
    const server = await ownServer({ appendfsync: "off", settings: ["--save", "3600 1000000"] });
    const store = await opened(server.url);
    const admin = adminOf(server.url);
    const { writer } = await store.claim(P, "w");
    rmSync(server.folder, { recursive: true });
    await admin.bgsave();
    while (!(await admin.info("persistence")).includes("rdb_last_bgsave_status:err")) await new Promise((resolve) => setImmediate(resolve));
    const failure = await store.commit(fullCommit(writer, 1)).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreFull);
    expect(String(failure)).toMatch(/disk.*MISCONF/);
    expect((await store.meta(P)).number).toBe(0);
    mkdirSync(server.folder);
  });

  test("eviction", async () => {
    const server = await ownServer({ settings: ["--maxmemory-policy", "allkeys-lru"] });
    const failure = await openRedisStore({ url: server.url }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreRefused);
    expect(String(failure)).toMatch(/maxmemory-policy allkeys-lru.*CONFIG SET maxmemory-policy noeviction/);
  });

  test("eviction, where CONFIG is forbidden", async () => {
    const server = await ownServer({ settings: ["--maxmemory-policy", "volatile-ttl", "--rename-command", "CONFIG", ""] });
    await expect(openRedisStore({ url: server.url })).rejects.toThrow(/volatile-ttl/);
  });

  test("a wrong password, and none", async () => {
    const server = await ownServer({ settings: ["--requirepass", "correct"] });
    const wrong = await openRedisStore({ url: `redis://:hunter2@127.0.0.1:${server.port}` }).catch((error: unknown) => error);
    expect(wrong).toBeInstanceOf(StoreRefused);
    expect(String(wrong)).toContain("user or password");
    expect(String(wrong)).not.toContain("hunter2");
    await expect(openRedisStore({ url: server.url })).rejects.toThrow(/wants a password/);
    const store = await opened(`redis://:correct@127.0.0.1:${server.port}`);
    expect((await store.claim(P, "w")).number).toBe(0);
  });
});

describe("warnings", () => {
  test.each<[RedisServerOptions, RegExp | null]>([
    [{ appendfsync: "everysec" }, null],
    [{ appendfsync: "always" }, null],
    [{ appendfsync: "no" , settings: ["--appendonly", "yes"] }, /appendfsync no/],
    [{ appendfsync: "off" }, /nothing on disk/],
    [{ appendfsync: "off", settings: ["--save", "60 1"] }, /only snapshots/],
    [{ appendfsync: "off", settings: ["--rename-command", "CONFIG", ""] }, /only snapshots|nothing on disk/],
  ])("%j", async (options, expected) => {
    const server = await ownServer(options);
    const { store, warnings } = await openRedisStore({ url: server.url });
    await store.close();
    if (expected === null) expect(warnings).toEqual([]);
    else expect(warnings).toEqual([expect.stringMatching(expected)]);
  });
});

/** The arguments of the call behind FCALL, read back from its bytes. */
function argumentsOf(commit: Commit): string[] {
  const wire = wireBuffer(1024);
  writeCommit(wire, commit);
  const data = written(wire);
  const args: string[] = [];
  let at = data.indexOf("\r\n") + 2;
  while (at < data.length) {
    const end = data.indexOf("\r\n", at);
    const length = Number(data.toString("latin1", at + 1, end));
    args.push(data.toString("utf8", end + 2, end + 2 + length));
    at = end + 2 + length + 2;
  }
  return args.slice(1);
}
