import { spawn, type ChildProcess } from "node:child_process";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { startNats, type NatsServer } from "../servers/nats.js";
import { startRedis, type RedisServer } from "../servers/redis.js";
import { eddy, folderWith, PROJECT } from "./eddy.js";

const RULES = `event order_placed { total: number }
segment vip "Spends a hundred" when sum(order_placed.total) >= 100
rule thanks { on enter vip emit "thanks" }
`;

const folder = folderWith({ "rules/shop.eddy": RULES, "faulty.eddy": "segment vip when nothing_known\n" });
afterAll(() => folder.remove());
beforeAll(() => eddy(["--version"], { folder: folder.path }));

interface Running {
  readonly child: ChildProcess;
  /** What it has logged so far. */
  readonly log: Record<string, unknown>[];
  readonly raw: { text: string };
  readonly ended: Promise<number | null>;
}

const running: Running[] = [];
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill("SIGKILL");
    await ended;
  }
});

function start(args: readonly string[], environment: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [join(PROJECT, "bin/eddy"), "run", "--http", "127.0.0.1:0", ...args], {
    cwd: folder.path, env: { PATH: process.env["PATH"], ...environment }, stdio: ["ignore", "pipe", "pipe"],
  });
  const log: Record<string, unknown>[] = [];
  const raw = { text: "" };
  let rest = "";
  child.stderr.on("data", (chunk: Buffer) => {
    raw.text += chunk.toString("utf8");
    const lines = (rest + chunk.toString("utf8")).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.startsWith("{")) log.push(JSON.parse(line) as Record<string, unknown>);
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const started = { child, log, raw, ended };
  running.push(started);
  return started;
}

/** Longer than anything takes, also where the machine has much else to do. */
const WITHIN_MS = 60_000;

/** Asks again and again until the answer is there. */
async function until<T>(what: string, ask: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = Date.now() + WITHIN_MS;
  for (;;) {
    const answer = await Promise.resolve(ask()).catch(() => undefined);
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`${what} did not happen in time; the logs: ${running.map(({ raw }) => raw.text).join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const urlOf = (engine: Running): Promise<string> => until("listening", () => engine.log.map(({ url }) => url).find((url): url is string => typeof url === "string"));
const ready = async (url: string): Promise<true | undefined> => ((await fetch(`${url}/readyz`)).status === 200 ? true : undefined);
const order = (id: string, customer: string, total: number): string => JSON.stringify({ id, source: "shop", type: "order_placed", subject: customer, data: { total } });
const post = async (url: string, body: string): Promise<number> => (await fetch(`${url}/events`, { method: "POST", headers: { "content-type": "application/x-ndjson" }, body })).status;
const series = async (url: string, line: string): Promise<number | undefined> => {
  const found = (await (await fetch(`${url}/metrics`)).text()).split("\n").find((each) => each.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
};
const reaches = (url: string, line: string, value: number): Promise<true> => until(`${line} ${value}`, async () => ((await series(url, line)) === value ? true : undefined));

async function endOrderly(engine: Running): Promise<void> {
  engine.child.kill("SIGTERM");
  expect(await engine.ended).toBe(0);
  // Nothing that is closed at a wanted end is worth a warning.
  const end = engine.log.slice(engine.log.findIndex(({ message }) => String(message).startsWith("ending")));
  expect([end.length > 0, end.filter(({ level }) => level !== "info")]).toEqual([true, []]);
}

describe("embedded", () => {
  test("events in over HTTP, membership and actions out in the metrics, an orderly end, and all is there again", async () => {
    const first = start(["--embedded", "store"]);
    const url = await urlOf(first);
    await until("ready", () => ready(url));
    expect(await series(url, 'eddy_segment_customers{segment="vip"}')).toBe(0);
    expect(await post(url, [order("1", "anna", 60), order("2", "bert", 150), order("3", "anna", 60), order("4", "carl", 10), order("2", "bert", 150)].join("\n"))).toBe(202);
    await reaches(url, 'eddy_segment_customers{segment="vip"}', 2);
    await reaches(url, 'eddy_actions_total{channel="emit",template="thanks"}', 2);
    await reaches(url, 'eddy_events_total{type="order_placed",outcome="processed"}', 4);
    await endOrderly(first);

    const second = start(["--embedded", "store"]);
    const again = await urlOf(second);
    await until("ready", () => ready(again));
    expect(await series(again, 'eddy_segment_customers{segment="vip"}')).toBe(2);
    expect(await post(again, order("5", "carl", 90))).toBe(202);
    await reaches(again, 'eddy_segment_customers{segment="vip"}', 3);
    await reaches(again, 'eddy_actions_total{channel="emit",template="thanks"}', 1);
    await endOrderly(second);
    expect(second.raw.text).not.toMatch(/\n\s+at /);
  });

  test("SIGHUP takes the rules of the folder: those in force already change nothing", async () => {
    const engine = start(["--embedded", "hung-up"]);
    const url = await urlOf(engine);
    await until("ready", () => ready(url));
    for (const times of [1, 2]) {
      engine.child.kill("SIGHUP");
      await until("said", () => (engine.log.filter(({ why, message }) => why === "SIGHUP" && String(message).includes("in force already")).length === times ? true : undefined));
    }
    expect(await post(url, order("1", "anna", 100))).toBe(202);
    await reaches(url, 'eddy_actions_total{channel="emit",template="thanks"}', 1);
    await endOrderly(engine);
  });

  test("rules with errors start nothing: the findings, exit 1", async () => {
    const { code, stderr } = await eddy(["run", "faulty.eddy", "--embedded", "untouched"], { folder: folder.path });
    expect(code).toBe(1);
    expect(stderr).toContain(" --> faulty.eddy:1:18");
    const { stderr: send } = await eddy(["send", "--embedded", "untouched", "--clock", "2026-01-01"], { folder: folder.path });
    expect(send).toContain("there is no log");
  });

  test("an address that is taken: exit 2, in words", async () => {
    const first = start(["--embedded", "one"]);
    const { port } = new URL(await urlOf(first));
    const { code, stderr } = await eddy(["run", "--embedded", "two", "--http", `127.0.0.1:${port}`], { folder: folder.path });
    expect(code).toBe(2);
    expect(stderr).toContain("another program listens there");
    await endOrderly(first);
  });

  test("a second engine on the same folder is refused", async () => {
    const first = start(["--embedded", "shared"]);
    const url = await urlOf(first);
    await until("ready", () => ready(url));
    const { code, stderr } = await eddy(["run", "--embedded", "shared", "--http", "off"], { folder: folder.path });
    expect(code).toBe(2);
    expect(stderr).toMatch(/engine/);
    await endOrderly(first);
  });
});

describe("on NATS and Redis", () => {
  let nats: NatsServer;
  let redis: RedisServer;
  beforeAll(async () => {
    [nats, redis] = await Promise.all([startNats(), startRedis()]);
    expect(await eddy(["setup", "--partitions", "2"], { folder: folder.path, environment: { NATS_URL: nats.url, REDIS_URL: redis.url } })).toMatchObject({ code: 0 });
  });
  afterAll(async () => {
    await Promise.all([nats?.dispose(), redis?.dispose()]);
  });

  test("servers that are not there: waits for them, live but not ready, and begins when they come", async () => {
    await nats.stop();
    const engine = start([], { NATS_URL: nats.url.replace("://", "://me:geheim@"), REDIS_URL: redis.url });
    const url = await urlOf(engine);
    await until("a warning with the address", () => (engine.raw.text.includes(new URL(nats.url).host) ? true : undefined));
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).toMatchObject([503, { missing: expect.arrayContaining(["the event log is not connected"]) }]);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect(await post(url, order("1", "anna", 200))).toBe(503);
    await nats.start();
    await until("ready", () => ready(url));
    expect(await post(url, order("1", "anna", 200))).toBe(202);
    await reaches(url, 'eddy_segment_customers{segment="vip"}', 1);
    await reaches(url, 'eddy_actions_total{channel="emit",template="thanks"}', 1);
    expect(engine.raw.text).not.toContain("geheim");
    await endOrderly(engine);
  });

  test("a signal while the servers are missing ends it at once", async () => {
    const engine = start([], { NATS_URL: "nats://127.0.0.1:1", REDIS_URL: redis.url });
    await urlOf(engine);
    await endOrderly(engine);
  });

  test("what does not belong together is refused", async () => {
    const other = await startRedis();
    try {
      const { code, stderr } = await eddy(["run", "--http", "off"], { folder: folder.path, environment: { NATS_URL: nats.url, REDIS_URL: other.url } });
      expect(code).toBe(2);
      expect(stderr).toContain("Redis has not been set up");
    } finally {
      await other.dispose();
    }
  });
});
