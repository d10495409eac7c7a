/**
 * What goes wrong in a marathon: one function a kind of fault. Each does its harm and mends it again, and says when nothing
 * outside the engines stands in their way any more (`mended`, once): from then on it is measured how long they need.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ApiRefused, api, deleteConsumer, streamInfo, updateStream } from "../../connectors/nats/api.js";
import { LogUnavailable } from "../../engine/ports.js";
import type { FaultyProxy, Lost } from "../servers/faulty-proxy.js";
import type { Engines, Seat } from "./engines.js";
import type { Sender } from "./sender.js";
import type { Stage } from "./stage.js";

export interface Scene {
  readonly stage: Stage;
  readonly engines: Engines;
  readonly sender: Sender;
  readonly random: () => number;
  /** 1 for a long run; less makes pauses and outages shorter. */
  readonly patience: number;
}

export interface Fault {
  readonly name: string;
  /** How often, beside the others. */
  readonly weight: number;
  readonly happen: (scene: Scene, mended: () => void) => Promise<void>;
  readonly possible?: (stage: Stage) => boolean;
}

const now = (): number => performance.now();

/** Milliseconds between, in a long run; most are short. */
function span({ random, patience }: Scene, least: number, most: number): number {
  return Math.round((least + (most - least) * random() ** 2) * patience);
}

const pick = <T>(random: () => number, list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
const running = ({ engines, random }: Scene): Seat => pick(random, engines.working.filter(({ paused }) => !paused));

// ---------------------------------------------------------------------------------------------------- engines

async function engineKilled(scene: Scene, mended: () => void): Promise<void> {
  await scene.engines.kill(running(scene));
  mended();
}

async function engineTerminated(scene: Scene, mended: () => void): Promise<void> {
  await scene.engines.terminate(running(scene));
  mended();
}

async function enginePaused(scene: Scene, mended: () => void): Promise<void> {
  const { engine } = running(scene);
  engine?.pause();
  await delay(span(scene, 300, 6_000));
  engine?.resume();
  mended();
}

/** It stands still while another takes its partitions over, and wakes up as if nothing had happened. */
async function zombie(scene: Scene, mended: () => void, forMs: number): Promise<void> {
  const { engines } = scene;
  const seat = running(scene);
  seat.paused = true;
  // Where ownership ends with its taking over, it is not to take it back.
  seat.wanted = false;
  const asleep = seat.engine;
  asleep?.pause();
  const since = now();
  const other = engines.working.length > 0 ? null : await engines.add();
  await other?.engine?.said("running").catch(() => undefined);
  mended();
  await delay(Math.max(0, forMs - (now() - since)));
  asleep?.resume();
  await Promise.race([asleep?.exited, delay(3_000)]);
  seat.paused = false;
  // Whoever still works shares the work, or hands it over: back to as many as before.
  if (other === null) {
    seat.wanted = true;
    if (seat.engine === null) await engines.add();
  } else if (seat.engine !== null) await engines.terminate(seat);
}

// ---------------------------------------------------------------------------------------------------- servers

async function redisKilled(scene: Scene, mended: () => void): Promise<void> {
  const { stage } = scene;
  await stage.redis.kill();
  await delay(span(scene, 0, 2_500));
  await stage.redis.start();
  await stage.reconnect();
  mended();
}

/** As when the machine loses its power: with `everysec`, what was written in the last second is gone, acknowledged or not. */
async function redisLosesPower(scene: Scene, mended: () => void): Promise<void> {
  const { stage, random } = scene;
  await stage.redis.kill();
  stage.losePower(200 + random() * 1_300);
  await delay(span(scene, 0, 1_000));
  await stage.redis.start();
  await stage.reconnect();
  mended();
}

async function redisPaused(scene: Scene, mended: () => void): Promise<void> {
  const { stage } = scene;
  stage.redis.pause();
  await delay(span(scene, 200, 12_000));
  stage.redis.resume();
  await stage.reconnect();
  mended();
}

async function natsKilled(scene: Scene, mended: () => void): Promise<void> {
  const { stage } = scene;
  await stage.nats.kill();
  await delay(span(scene, 0, 2_500));
  await stage.nats.start();
  await stage.reconnect();
  mended();
}

async function natsPaused(scene: Scene, mended: () => void): Promise<void> {
  const { stage } = scene;
  await stage.nats.pause();
  await delay(span(scene, 200, 9_000));
  stage.nats.resume();
  await stage.reconnect();
  mended();
}

async function everythingKilled(scene: Scene, mended: () => void): Promise<void> {
  const { stage, engines } = scene;
  await Promise.all([stage.redis.kill(), stage.nats.kill(), ...engines.working.map((seat) => engines.kill(seat))]);
  await delay(span(scene, 0, 1_000));
  await Promise.all([stage.redis.start(), stage.nats.start()]);
  await stage.reconnect();
  mended();
}

// ---------------------------------------------------------------------------------------------------- network

const LARGEST_REQUEST = 60_000;

function linksOf(scene: Scene): FaultyProxy[] {
  const { nats, redis } = running(scene).links;
  const r = scene.random();
  return r < 0.4 ? [nats] : r < 0.8 ? [redis] : r < 0.9 ? [nats, redis] : [scene.stage.sender];
}

async function connectionCut(scene: Scene, mended: () => void): Promise<void> {
  const { random } = scene;
  const proxies = linksOf(scene);
  for (const proxy of proxies) {
    const way = random();
    if (way < 0.3) proxy.cut();
    else if (way < 0.65) proxy.cutBeforeReply();
    else proxy.cutRequestAfter(Math.floor(random() ** 2 * LARGEST_REQUEST));
    // The order stands until something is said.
    const before = proxy.cuts;
    for (const until = now() + 2_000; proxy.cuts === before && now() < until && way >= 0.3;) await delay(10);
  }
  mended();
}

async function cutEverySecond(scene: Scene, mended: () => void): Promise<void> {
  const proxies = linksOf(scene);
  for (let left = 3 + Math.floor(scene.random() * 6 * scene.patience); left > 0; left--) {
    await delay(1_000);
    for (const proxy of proxies) proxy.cut();
  }
  mended();
}

async function connectionSlow(scene: Scene, mended: () => void): Promise<void> {
  const proxies = linksOf(scene);
  const lateMs = 20 + Math.floor(scene.random() * 500);
  for (const proxy of proxies) proxy.delay(lateMs);
  await delay(span(scene, 1_000, 6_000));
  for (const proxy of proxies) proxy.delay(0);
  mended();
}

/** The connections are dead, and nobody says so. */
async function connectionDead(scene: Scene, mended: () => void): Promise<void> {
  const lost = pick<Lost>(scene.random, ["requests", "replies", "both"]);
  for (const proxy of linksOf(scene)) proxy.swallow(lost);
  mended();
}

async function connectionRefused(scene: Scene, mended: () => void): Promise<void> {
  const proxies = linksOf(scene);
  for (const proxy of proxies) {
    proxy.refuse();
    proxy.cut();
  }
  await delay(span(scene, 500, 5_000));
  for (const proxy of proxies) proxy.accept();
  mended();
}

// ---------------------------------------------------------------------------------------------------- the broker's own

/**
 * For an instant the broker refuses outputs above a size, in the middle of a window: those before it are accepted, it and
 * all behind it are not.
 */
async function outputRefused(scene: Scene, mended: () => void): Promise<void> {
  const { stage: { eyes: { link }, options }, sender, random } = scene;
  const stream = `OUT_${Math.floor(random() * options.partitions)}`;
  const { config } = await insistently(() => streamInfo(link, stream));
  // Most are between 250 and 450 bytes, with their headers.
  const size = 250 + Math.floor(random() * 200);
  await insistently(() => updateStream(link, { ...config, max_msg_size: size }));
  sender.burst(300);
  await delay(span(scene, 300, 2_000));
  await insistently(() => updateStream(link, { ...config, max_msg_size: -1 }));
  mended();
}

const ANSWERS_WITHIN_MS = 30_000;

/** A fault of before may still keep the broker busy. */
async function insistently<T>(ask: () => Promise<T>): Promise<T> {
  for (const until = now() + ANSWERS_WITHIN_MS; ; await delay(50)) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LogUnavailable) || now() > until) throw error;
    }
  }
}

async function consumersDeleted(scene: Scene, mended: () => void): Promise<void> {
  const { link } = scene.stage.eyes;
  interface Names { readonly consumers: readonly string[] | null }
  const { consumers } = await insistently(() => api<Names>(link, "CONSUMER.NAMES.EVENTS", { offset: 0 }));
  for (const name of consumers ?? []) {
    await insistently(() => deleteConsumer(link, "EVENTS", name)).catch((error: unknown) => {
      if (!(error instanceof ApiRefused)) throw error; // its reader has let go of it meanwhile
    });
  }
  mended();
}

// ---------------------------------------------------------------------------------------------------- all of them

export const FAULTS: readonly Fault[] = [
  { name: "engine killed with -9", weight: 20, happen: engineKilled },
  { name: "engine ended with SIGTERM", weight: 8, happen: engineTerminated },
  { name: "engine stands still", weight: 6, happen: enginePaused },
  { name: "zombie: stands still while another takes over", weight: 8, happen: (scene, mended) => zombie(scene, mended, span(scene, 1_500, 9_000)) },
  { name: "Redis killed with -9", weight: 12, happen: redisKilled },
  { name: "Redis loses its last second", weight: 14, happen: redisLosesPower, possible: ({ options }) => options.appendfsync === "everysec" },
  { name: "Redis stands still", weight: 6, happen: redisPaused },
  { name: "NATS killed with -9", weight: 16, happen: natsKilled },
  { name: "NATS stands still", weight: 6, happen: natsPaused },
  { name: "engine, Redis and NATS killed at once", weight: 6, happen: everythingKilled },
  { name: "connection cut", weight: 30, happen: connectionCut },
  { name: "connection cut every second", weight: 5, happen: cutEverySecond },
  { name: "connection slow", weight: 8, happen: connectionSlow },
  { name: "connection dead without a word", weight: 10, happen: connectionDead },
  { name: "connections refused", weight: 6, happen: connectionRefused },
  { name: "NATS refuses an output in mid-window", weight: 10, happen: outputRefused },
  { name: "reader's consumer deleted", weight: 8, happen: consumersDeleted },
];

/** Once in a long run. */
export const ZOMBIE_FOR_A_MINUTE: Fault = { name: "zombie for a minute", weight: 0, happen: (scene, mended) => zombie(scene, mended, 60_000) };
