/**
 * The least rights that docs/security.md gives: taken from that page as they stand there, put into real servers, and the
 * real program works under them. Under less it says what is missing, and never goes on in silence.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { connect } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { LIBRARY } from "../../connectors/redis/functions/library.js";
import { KEYS } from "../../connectors/redis/keys.js";
import { openSegmentReader } from "../../connectors/redis/reader.js";
import { eddyHere } from "../cli/eddy-here.js";
import { eddy, folderWith, PROJECT, type Ran } from "../cli/eddy.js";
import { startNats, type NatsServer } from "../servers/nats.js";
import { startRedis, type RedisServer } from "../servers/redis.js";
import { startEngineProcess } from "../system/engine-process.js";
import { until } from "../system/progress.js";
import { redisKeys, type DumpedKey } from "../system/redis-dump.js";

const PAGE = readFileSync(join(PROJECT, "docs/security.md"), "utf8");

/** The code blocks of the page in this language. */
function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, text]) => text ?? "");
}

/** `ACL SETUSER …` lines of the page, one array of words each. */
const ACL = blocks("redis").flatMap((block) => block.replace(/\\\n\s*/g, " ").split("\n")).filter((line) => line.startsWith("ACL SETUSER")).map((line) => line.trim().split(/\s+/));
const NATS_USERS = blocks("nats").find((block) => block.includes("permissions")) ?? "";

const RULES = `
event order_placed { total: number }
profile { timezone: string = "UTC" }
trait spent = sum(order_placed.total)
segment vip when spent > 100
segment best when percentile(spent among spent > 0) >= 50
rule thanks { on enter vip  emit "thanks" { spent: spent }  wait 1 hour  emit "later" }
`;
const EVENTS = Array.from({ length: 20 }, (_, i) => JSON.stringify({ specversion: "1.0", id: `o-${i}`, source: "shop", type: "order_placed", subject: `c${i % 5}`, time: "2026-03-02T10:00:00Z", data: { total: 60 } })).join("\n");

const folder = folderWith({ "rules/shop.eddy": RULES, "next/shop.eddy": `${RULES}segment bought_well when max(order_placed.total) >= 60\n`, "events.ndjson": `${EVENTS}\n` });
let nats: NatsServer;
let redis: RedisServer;
let admin: Redis;

const natsAs = (user: string): string[] => ["--nats", `nats://${user}:${user}-password@127.0.0.1:${nats.port}`];
const redisAs = (user: string): string[] => ["--redis", `redis://${user}:${user}-password@127.0.0.1:${redis.port}`];
const run = (...args: string[]): Promise<Ran> => (args[0] === "run" ? eddy : eddyHere)(args, { folder: folder.path });

beforeAll(async () => {
  [nats, redis] = await Promise.all([startNats({ config: NATS_USERS }), startRedis()]);
  admin = new Redis({ port: redis.port });
  for (const [, , ...words] of ACL) await admin.call("ACL", "SETUSER", ...words);
  await admin.call("ACL", "SETUSER", "default", "on", "nopass", "+@all");
});
afterAll(async () => {
  admin.disconnect();
  await Promise.all([nats.dispose(), redis.dispose()]);
  folder.remove();
});

test("the engine's user may do all that the functions do, also on the rarest way", () => {
  const called = [...LIBRARY.matchAll(/(?:redis\.call|write|may)\('([A-Z]+)'/g)].map(([, command]) => `+${(command ?? "").toLowerCase()}`);
  expect(called).toContain("+zrank");
  expect([...new Set(called)].filter((word) => !ACL.find(([, , name]) => name === "eddy-run")?.includes(word))).toEqual([]);
});

test("the page gives users for both servers", () => {
  expect(ACL.map(([, , name]) => name)).toEqual(["eddy-setup", "eddy-run", "eddy-look", "eddy-members"]);
  expect(NATS_USERS).not.toBe("");
});

describe("one after the other, as they would be used", () => {
  test("eddy setup, twice", async () => {
    for (const _ of [1, 2]) expect(await run("setup", ...natsAs("eddy-setup"), ...redisAs("eddy-setup"), "--partitions", "2", "--clock", "event")).toMatchObject({ code: 0 });
  });

  test("eddy send", async () => {
    const sent = await run("send", "events.ndjson", ...natsAs("shop"));
    expect(sent.stderr).toContain("20 events");
    expect(sent.code).toBe(0);
    const moved = await run("send", "events.ndjson", ...natsAs("history"), "--clock", "2026-03-02T12:00:00Z");
    expect(moved).toMatchObject({ code: 0 });
  });

  test("eddy run: events in, actions and segments out, the clock on", async () => {
    const engine = startEngineProcess({ rules: "rules", place: [...natsAs("eddy-run"), ...redisAs("eddy-run")], folder: folder.path });
    try {
      await engine.said("running");
      await until("all have been thanked, and later", async () => (await outputs()).filter((subject) => /emit\.(thanks|later)$/.test(subject)).length === 10, 60_000, 100);
      const ready = await fetch(`${await engine.http()}/readyz`);
      expect(await ready.json()).toEqual({ status: "ready" });
      const posted = await fetch(`${await engine.http()}/events`, {
        method: "POST", headers: { "content-type": "application/json" }, body: EVENTS.split("\n")[0]?.replace('"o-0"', '"o-x"').replace('"c0"', '"c9"') ?? "",
      });
      expect(posted.status).toBe(202);
      expect(engine.log.filter(({ level }) => level === "error" || level === "warn")).toEqual([]);
      const ended = await engine.terminate();
      expect(ended.code).toBe(0);
    } finally {
      await engine.kill();
    }
  });

  test("eddy inspect and eddy explain, which change nothing", async () => {
    const who = [...natsAs("eddy-look"), ...redisAs("eddy-look")];
    // Who was at work goes by itself.
    const kept = async (): Promise<readonly DumpedKey[]> => (await redisKeys(redis.url)).filter(({ key }) => key !== KEYS.members);
    const before = await kept();
    expect(before.length).toBeGreaterThan(5);
    const inspected = await run("inspect", "c1", "--json", ...who);
    expect(inspected).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(inspected.stdout)).toMatchObject({ traits: { spent: 240 }, actions: [{ type: "emit.later" }, { type: "emit.thanks" }] });
    expect((await run("explain", "c1", "vip", ...who)).stdout).toContain("c1 is in vip");
    expect((await run("explain", "c1", "thanks", ...who)).code).toBe(0);
    expect(await kept()).toEqual(before);
  });

  test("eddy export; eddy erase, with what it deletes, which has no other rights", async () => {
    const exported = await run("export", "c4", "--with-events", ...natsAs("eddy-look"), ...redisAs("eddy-look"));
    expect(exported).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(exported.stdout)).toMatchObject({ customer: "c4", traits: { spent: 240 }, events: [{}, {}, {}, {}] });
    const engine = startEngineProcess({ rules: "rules", place: [...natsAs("eddy-run"), ...redisAs("eddy-run")], folder: folder.path });
    try {
      await engine.said("running");
      const erased = await run("erase", "c4", "--stream", "--json", ...natsAs("eddy-erase"), ...redisAs("eddy-look"));
      expect(erased.stderr).not.toContain("permission");
      expect(erased.code).toBe(0);
      expect(JSON.parse(erased.stdout)).toMatchObject({ customer: "c4", receipt: { type: "eddy.erased" }, stream: { events: 4, left: [] } });
    } finally {
      await engine.kill();
    }
  });

  test("a service reads who is in a segment", async () => {
    const reader = await openSegmentReader({ url: redisAs("eddy-members")[1] ?? "" });
    expect(await reader.isMember("c1", "vip")).toBe(true);
    expect(await reader.size("vip")).toBe(4);
    const members: string[] = [];
    for await (const customer of reader.list("vip")) members.push(customer);
    expect(members.sort()).toEqual(["c0", "c1", "c2", "c3"]);
    await reader.close();
  });

  test("a service reads the actions with any client", async () => {
    const nc = await connect({ port: nats.port, user: "mailer", pass: "mailer-password", inboxPrefix: "_INBOX.mailer" });
    try {
      const got: string[] = [];
      const there = await outputs();
      for (const [partition, stream] of ["OUT_0", "OUT_1"].entries()) {
        const consumer = await nc.jetstream().consumers.get(stream, { filterSubjects: "actions.>" }).catch((error: unknown) => { throw new Error(`${stream}: ${String(error)}`); });
        const batch = await consumer.fetch({ max_messages: Math.max(1, there.filter((subject) => subject.startsWith(`actions.${partition}.`)).length), expires: 30_000 });
        for await (const message of batch) got.push(message.subject);
      }
      expect(got.filter((subject) => subject.endsWith("emit.thanks"))).toHaveLength(4);
    } finally {
      await nc.close();
    }
  });
});

describe("what they may not", () => {
  const refused = async (user: string, subject: string, inboxPrefix: string): Promise<string> => {
    const nc = await connect({ port: nats.port, user, pass: `${user}-password`, inboxPrefix });
    try {
      await nc.request(subject, "{}", { timeout: 30_000, noMux: true });
      return "answered";
    } catch (error) {
      return String((error as { code?: unknown }).code);
    } finally {
      await nc.close();
    }
  };

  test.each([
    ["shop", "events.eddy_tick.0", "the engine's clock"],
    ["shop", "events.eddy_population.0", "the engine's figures"],
    ["shop", "events.eddy_joined.ann", "a customer's state on its way"],
    ["shop", "events.eddy_released.ann", "what partitions say to each other's customers"],
    ["shop", "events.customer_erased.c1", "erasing customers"],
    ["shop", "actions.0.emit.thanks", "actions"],
    ["shop", "$JS.API.STREAM.MSG.GET.EVENTS", "reading events"],
    ["shop", "$JS.API.CONSUMER.CREATE.EVENTS", "reading events"],
    ["shop", "$JS.API.STREAM.PURGE.EVENTS", "purging"],
    ["mailer", "$JS.API.STREAM.MSG.GET.EVENTS", "reading events"],
    ["mailer", "events.order_placed.c1", "sending events"],
    ["eddy-look", "events.order_placed.c1", "sending events"],
    ["eddy-look", "actions.0.emit.thanks", "actions"],
    ["eddy-run", "$JS.API.STREAM.DELETE.EVENTS", "deleting streams"],
    ["eddy-run", "$JS.API.STREAM.PURGE.OUT_0", "purging"],
    ["eddy-run", "$JS.API.STREAM.UPDATE.EVENTS", "changing streams"],
    ["eddy-setup", "$JS.API.STREAM.DELETE.EVENTS", "deleting streams"],
    ["eddy-setup", "events.order_placed.c1", "sending events"],
  ])("NATS: %s, %s (%s)", async (user, subject) => {
    const inbox = user === "mailer" ? "_INBOX.mailer" : user === "shop" ? "_INBOX.shop" : "_INBOX.eddy";
    expect(await refused(user, subject, inbox)).toBe("PERMISSIONS_VIOLATION");
  });

  test("a publisher cannot listen to what the engine reads", async () => {
    const nc = await connect({ port: nats.port, user: "shop", pass: "shop-password" });
    try {
      for (const subject of ["_INBOX.eddy.>", "events.>", "actions.>"]) {
        const heard = await new Promise((resolve) => { nc.subscribe(subject, { callback: (error) => resolve(error === null ? "heard" : error.code) }); });
        expect([subject, heard]).toEqual([subject, "PERMISSIONS_VIOLATION"]);
      }
      // All inboxes at once are allowed but for those: what comes there is kept from it.
      const got: string[] = [];
      nc.subscribe("_INBOX.>", { callback: (_, message) => void got.push(message.subject) });
      await nc.flush();
      expect(await run("inspect", "c1", "--json", ...natsAs("eddy-look"), ...redisAs("eddy-look"))).toMatchObject({ code: 0 });
      await nc.flush();
      expect(got.filter((subject) => subject.startsWith("_INBOX.eddy."))).toEqual([]);
    } finally {
      await nc.close();
    }
  });

  test.each([
    ["eddy-members", ["HGETALL", "eddy:{0}:meta"]],
    ["eddy-members", ["HGET", "eddy:{0}:customers", "c1"]],
    ["eddy-members", ["SADD", "eddy:{0}:segment:vip", "me"]],
    ["eddy-members", ["KEYS", "*"]],
    ["eddy-look", ["SADD", "eddy:{0}:segment:vip", "me"]],
    ["eddy-look", ["FCALL", "eddy_claim", "1", "eddy:{0}:meta", "me"]],
    ["eddy-look", ["FUNCTION", "FLUSH"]],
    ["eddy-run", ["SET", "eddy:partitions", "7"]],
    ["eddy-run", ["DEL", "eddy:partitions"]],
    ["eddy-run", ["HSET", "others", "a", "b"]],
    ["eddy-run", ["FLUSHALL"]],
    ["eddy-run", ["CONFIG", "SET", "dir", "/tmp"]],
    ["eddy-run", ["EVAL", "return 1", "0"]],
    ["eddy-run", ["FUNCTION", "LOAD", "REPLACE", "#!lua name=eddy\n"]],
    ["eddy-setup", ["DEL", "eddy:{0}:meta"]],
    ["eddy-setup", ["FCALL", "eddy_claim", "1", "eddy:{0}:meta", "me"]],
    ["eddy-setup", ["HGETALL", "eddy:{0}:customers"]],
  ])("Redis: %s, %j", async (user, command) => {
    const client = new Redis({ port: redis.port, username: user, password: `${user}-password`, enableReadyCheck: false });
    try {
      await expect(client.call(command[0] ?? "", ...command.slice(1))).rejects.toThrow(/NOPERM/);
    } finally {
      client.disconnect();
    }
  });
});

test("eddy apply, with what is new filled from history, and the engine that takes it", async () => {
  const who = [...natsAs("eddy-run"), ...redisAs("eddy-run")];
  const engine = startEngineProcess({ rules: "rules", place: who, folder: folder.path });
  try {
    await engine.said("partitions taken");
    const applied = await run("apply", "next", ...who);
    expect(applied.stderr).toContain("with what is new filled from history");
    expect(applied).toMatchObject({ code: 0 });
    const reader = await openSegmentReader({ url: redisAs("eddy-members")[1] ?? "" });
    expect(await reader.size("bought_well")).toBe(5);
    await reader.close();
    expect(engine.log.filter(({ level }) => level === "error")).toEqual([]);
    expect((await admin.keys("eddy:*fill*"))).toEqual([]);
  } finally {
    await engine.kill();
  }
});

describe("under less it is said what is missing", () => {
  test("Redis without functions, and a user who may not load them: eddy setup is named", async () => {
    const other = await startRedis();
    const there = new Redis({ port: other.port });
    try {
      for (const [, , ...words] of ACL) await there.call("ACL", "SETUSER", ...words);
      const ran = await run("run", "rules", ...natsAs("eddy-run"), "--redis", `redis://eddy-run:eddy-run-password@127.0.0.1:${other.port}`, "--http", "off");
      expect(ran.code).toBe(2);
      expect(ran.stderr).toMatch(/may not load Eddy's functions.*run \\?"eddy setup/);
      expect(ran.stderr).not.toContain("eddy-run-password");
    } finally {
      there.disconnect();
      await other.dispose();
    }
  });

  test.each(["hset", "fcall", "info", "pexpire"])("Redis: a user who may not %s", async (command) => {
    await admin.call("ACL", "SETUSER", "eddy-less", "reset", "on", ">eddy-less-password", ...(ACL.find(([, , name]) => name === "eddy-run") ?? []).slice(5), `-${command}`);
    const engine = startEngineProcess({ rules: "rules", place: [...natsAs("eddy-run"), ...redisAs("eddy-less")], folder: folder.path });
    try {
      const line = await engine.said(/the user lacks permissions/);
      expect(line.message).toMatch(new RegExp(`${command}|script: eddy_beat|may not write all keys`, "i"));
      expect(JSON.stringify(engine.log)).not.toContain("eddy-less-password");
    } finally {
      await engine.kill();
    }
  });

  test.each([
    ["$JS.API.CONSUMER.CREATE.EVENTS", /no permission for publish on \$JS\.API\.CONSUMER\.CREATE\.EVENTS/],
    ["_INBOX.eddy.>", /no permission for subscription on _INBOX\.eddy/],
  ])("NATS: without %s", async (subject, said) => {
    const less = NATS_USERS.replace(/(user: eddy-run,[\s\S]*?\} \})/, (of) => of.replace(`"${subject}"`, '"elsewhere"'));
    expect(less).not.toBe(NATS_USERS);
    const other = await startNats({ config: less });
    try {
      const there = (user: string): string[] => natsAs(user).map((word) => word.replace(`:${nats.port}`, `:${other.port}`));
      const store = await startRedis();
      const clean = ["--redis", store.url];
      try {
        expect(await run("setup", ...there("eddy-setup"), ...clean, "--partitions", "2", "--clock", "event")).toMatchObject({ code: 0 });
        expect((await run("send", "events.ndjson", ...there("shop"))).code).toBe(0);
        const engine = startEngineProcess({ rules: "rules", place: [...there("eddy-run"), ...clean], folder: folder.path });
        try {
          await until(`the engine says ${String(said)}`, async () => engine.log.some((line) => said.test(JSON.stringify(line))));
        } finally {
          await engine.kill();
        }
      } finally {
        await store.dispose();
      }
    } finally {
      await other.dispose();
    }
  });
});

/** Subjects of all outputs. */
async function outputs(): Promise<string[]> {
  const nc = await connect({ port: nats.port, user: "eddy-setup", pass: "eddy-setup-password", inboxPrefix: "_INBOX.eddy" });
  try {
    const found: string[] = [];
    const jsm = await nc.jetstreamManager({ checkAPI: false });
    for (const stream of ["OUT_0", "OUT_1"]) {
      const { state } = await jsm.streams.info(stream, { subjects_filter: ">" });
      for (const [subject, count] of Object.entries(state.subjects ?? {})) for (let i = 0; i < count; i++) found.push(subject);
    }
    return found;
  } finally {
    await nc.close();
  }
}
