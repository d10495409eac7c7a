/** How an engine starts when something is missing: what it says, whether it waits, and that it then works. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { setupStreams } from "../../connectors/nats/setup.js";
import { connectNats } from "../../connectors/nats/connect.js";
import { folderWith } from "../cli/eddy.js";
import { startNats } from "../servers/nats.js";
import { freePort } from "../servers/ports.js";
import { startRedis } from "../servers/redis.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { listen } from "./listener.js";
import { embeddedPlace, serversPlace, type Place } from "./places.js";
import { until } from "./progress.js";

/** For a machine that has other things to do. */
const SLACK_MS = 10_000;
const SETTINGS = { partitions: 2, clock: "broker" } as const;
const GOOD = 'event order_placed { total: number }\nrule thanks { on order_placed  emit "thanks" { total: event.total } }\n';
const FAULTY = 'rule r { on order_place emit "x" }\nevent order_placed { total: number }\nsegment vip when total > "2"\nsegment when\n';

const folder = folderWith({ "rules/shop.eddy": GOOD, "faulty/shop.eddy": FAULTY });
const RULES = `${folder.path}/rules`;

let undo: (() => Promise<void>)[];
beforeEach(() => void (undo = []));
afterEach(async () => {
  for (const step of undo.reverse()) await step();
});

function start(flags: readonly string[], rules = RULES): EngineProcess {
  const engine = startEngineProcess({ rules, place: flags, folder: folder.path });
  undo.push(() => engine.kill());
  return engine;
}

function kept<P extends { dispose(): Promise<void> }>(place: P): P {
  undo.push(() => place.dispose());
  return place;
}

interface Answer {
  readonly status: number;
  readonly missing: readonly string[];
}

async function ready(http: string): Promise<Answer> {
  const response = await fetch(`${http}/readyz`);
  const { missing = [] } = (await response.json()) as { readonly missing?: readonly string[] };
  return { status: response.status, missing };
}

/** Not ready, for that reason at least: what the loss brings with it is told as well. */
const isWithout = ({ status, missing }: Answer, server: "NATS" | "Redis"): boolean =>
  status === 503 && missing.includes(server === "NATS" ? "the event log is not connected" : "the state store is not connected");

const post = async (http: string, id: string): Promise<number> => (await fetch(`${http}/events`, {
  method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ id, type: "order_placed", subject: "c1", data: { total: 5 } }),
})).status;

test("rules with errors: all of them, exit 1, nothing started", async () => {
  const [nats, redis] = [kept(await startNats()), kept(await startRedis())];
  const engine = start(["--nats", nats.url, "--redis", redis.url], `${folder.path}/faulty`);
  expect(await engine.exited).toBe(1);
  const said = engine.log.map(({ message }) => message).join("\n");
  expect(said).toMatch(/order_place\b[\s\S]*did you mean[\s\S]*total[\s\S]*shop\.eddy:4/i);
  expect(said).toMatch(/\b3 errors\b/);
  expect(engine.log.every(({ level }) => level === "")).toBe(true);
});

describe("a server that is not there", () => {
  test.each(["NATS", "Redis"] as const)("no %s at start: says so with the address, tries again, is not ready; works when it comes", async (which) => {
    const place = kept(await serversPlace(SETTINGS));
    const server = which === "NATS" ? place.nats : place.redis;
    await server.stop();
    const engine = start(place.flags);
    const http = await engine.http();
    const warned = await engine.said(`127.0.0.1:${server.port}`);
    expect(warned.level).toBe("warn");
    expect(warned["againInMs"]).toEqual(expect.any(Number));
    // With a growing pause.
    const again = await engine.said(`127.0.0.1:${server.port}`, engine.log.indexOf(warned) + 1);
    expect(Number(again["againInMs"])).toBeGreaterThan(Number(warned["againInMs"]));
    expect(await ready(http)).toEqual({ status: 503, missing: expect.arrayContaining(["the event log is not connected"]) });
    expect((await fetch(`${http}/livez`)).status).toBe(200);
    expect((await fetch(`${http}/metrics`)).status).toBe(200);
    expect(await post(http, "too-early")).toBe(503);
    await server.start();
    await engine.said("running");
    await until("it is ready", async () => (await ready(http)).status === 200);
    await until("the test's own connection is back", async () => place.ports.log.info().then(() => true, () => false));
    const outside = listen(place.link, "actions.>");
    await place.link.nc.flush();
    await until("events are taken", async () => (await post(http, "o-1")) === 202);
    await outside.message("the action", ({ event }) => event.cause === "o-1");
  });

  test.each(["NATS", "Redis"] as const)("%s lost while running: not ready, then ready again, and nothing is lost", async (which) => {
    const place = kept(await serversPlace({ ...SETTINGS, redis: { appendfsync: "always" } }));
    const server = which === "NATS" ? place.nats : place.redis;
    const engine = start(place.flags);
    const http = await engine.http();
    await until("it is ready", async () => (await ready(http)).status === 200);
    const outside = listen(place.link, "actions.>");
    await place.link.nc.flush();
    await server.kill();
    await until("it is not ready", async () => isWithout(await ready(http), which));
    expect((await fetch(`${http}/livez`)).status).toBe(200);
    // Events go to NATS alone: without Redis they are taken, and processed later.
    if (which === "Redis") expect(await post(http, "meanwhile")).toBe(202);
    await server.start();
    await until("it is ready", async () => (await ready(http)).status === 200);
    // Who is not connected hears nothing of what is published meanwhile.
    await until("the test's own connection is back", async () => place.ports.log.info().then(() => true, () => false));
    await place.link.nc.flush();
    await until("events are taken", async () => (await post(http, "o-1")) === 202);
    await outside.message("the action", ({ event }) => event.cause === "o-1");
    expect(outside.heard.map(({ event }) => event.cause)).toEqual(which === "Redis" ? ["meanwhile", "o-1"] : ["o-1"]);
  });

  test.each(["NATS", "Redis"] as const)("%s stands still without closing anything: not ready before any command times out, ready again when it goes on", async (which) => {
    const place = kept(await serversPlace(SETTINGS));
    const engine = start(place.flags);
    const http = await engine.http();
    await until("it is ready", async () => (await ready(http)).status === 200);
    const server = which === "NATS" ? place.nats : place.redis;
    await server.pause();
    try {
      const since = performance.now();
      await until("it is not ready", async () => isWithout(await ready(http), which));
      expect(performance.now() - since).toBeLessThan(9_000 + SLACK_MS);
      expect(engine.log.filter((line) => /timed out|in time/.test(JSON.stringify(line)))).toEqual([]);
    } finally {
      server.resume();
    }
    await until("it is ready again", async () => (await ready(http)).status === 200);
  });

  test("SIGTERM while it waits: exit 0 at once", async () => {
    const port = await freePort();
    const engine = start(["--nats", `nats://127.0.0.1:${port}`, "--redis", "redis://127.0.0.1:1"]);
    await engine.said(`127.0.0.1:${port}`);
    const { code, ms } = await engine.terminate();
    expect(code).toBe(0);
    expect(ms).toBeLessThan(2_000 + SLACK_MS);
  });
});

test.each(["NATS", "Redis", "both"] as const)("SIGTERM while %s is away and work is waiting: exit 0 within five seconds, and the next one does the work", async (which) => {
  const place = kept(await serversPlace({ ...SETTINGS, redis: { appendfsync: "always" } }));
  const away = which === "NATS" ? [place.nats] : which === "Redis" ? [place.redis] : [place.redis, place.nats];
  const engine = start(place.flags);
  const http = await engine.http();
  await until("it is ready", async () => (await ready(http)).status === 200);
  if (which !== "NATS") await place.redis.kill();
  expect(await post(http, "o-1")).toBe(202);
  if (which !== "Redis") await place.nats.kill();
  const { code, ms } = await engine.terminate();
  expect([code, ms < 5_000 + SLACK_MS]).toEqual([0, true]);
  for (const server of away) await server.start();
  await until("the test's own connection is back", async () => place.ports.log.info().then(() => true, () => false));
  await start(place.flags).said("running");
  await until("the action is there", async () => (await Promise.all([0, 1].map((p) => place.outputs(p)))).flat().some(({ body }) => body.includes('"cause":"o-1"')));
});

describe("servers that were not set up", () => {
  test("no streams: names the command, exit 2", async () => {
    const [nats, redis] = [kept(await startNats()), kept(await startRedis())];
    const engine = start(["--nats", nats.url, "--redis", redis.url]);
    expect(await engine.exited).toBe(2);
    expect(engine.log.at(-1)).toMatchObject({ level: "error", message: expect.stringMatching(/no stream EVENTS.*eddy setup/) });
  });

  test("streams, but no Redis: names the command, exit 2", async () => {
    const [nats, redis] = [kept(await startNats()), kept(await startRedis())];
    const link = await connectNats({ servers: [nats.url] });
    await setupStreams(link, SETTINGS);
    await link.close();
    const engine = start(["--nats", nats.url, "--redis", redis.url]);
    expect(await engine.exited).toBe(2);
    expect(engine.log.at(-1)).toMatchObject({ level: "error", message: expect.stringMatching(/Redis has not been set up.*eddy setup/) });
  });

  test("a Redis of another number of partitions: says both, exit 2", async () => {
    const [one, other] = [kept(await serversPlace(SETTINGS)), kept(await serversPlace({ ...SETTINGS, partitions: 3 }))];
    const engine = start(["--nats", one.nats.url, "--redis", other.redis.url]);
    expect(await engine.exited).toBe(2);
    expect(engine.log.at(-1)?.message).toMatch(/set up for 3 partitions, .* for 2/);
  });
});

describe("a place that belongs to somebody", () => {
  test("a second engine on an embedded folder is refused with the process that has it", async () => {
    const place: Place = kept(await embeddedPlace(SETTINGS));
    const first = start(place.flags);
    await first.said("running");
    const second = start(place.flags);
    expect(await second.exited).toBe(2);
    expect(second.log.at(-1)?.message).toMatch(/in use by an engine with process id \d+/);
    expect(first.running).toBe(true);
  });

  test("the event log was made again: the partitions stand still, say what the choices are, and it is not ready", async () => {
    const place = kept(await serversPlace(SETTINGS));
    const outside = listen(place.link, "actions.>");
    const first = start(place.flags);
    expect(await post(await first.http(), "o-1").then((status) => (status === 202 ? status : first.said("running").then(async () => post(await first.http(), "o-1"))))).toBe(202);
    await outside.message("the action", ({ event }) => event.cause === "o-1");
    expect((await first.terminate()).code).toBe(0);
    const manager = await place.link.nc.jetstreamManager();
    await manager.streams.delete("EVENTS");
    await setupStreams(place.link, SETTINGS);
    const second = start(place.flags);
    const http = await second.http();
    const error = await second.said("deleted and made again");
    expect(error).toMatchObject({ level: "error", message: expect.stringMatching(/Either give the address of the right NATS, or bring .* decide with 'eddy recover'/) });
    await until("it says so", async () => (await ready(http)).missing.some((sentence) => sentence.includes("deleted and made again")));
    expect((await ready(http)).status).toBe(503);
    expect(await (await fetch(`${http}/metrics`)).text()).toMatch(/^eddy_partition_stopped\{partition="\d"\} 1$/m);
    expect((await second.terminate()).code).toBe(0);
  });
});
