/**
 * Where a marathon of faults takes place: real nats-server and redis-server, a proxy for each link of each engine and for
 * the sender, and an observer beside them who is spared all faults of the network (though not those of the servers).
 */
import { appendFileSync, readFileSync, readdirSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { connectNats, type NatsLink } from "../../connectors/nats/connect.js";
import { natsEventLog } from "../../connectors/nats/event-log.js";
import { natsOutputLog } from "../../connectors/nats/output-log.js";
import { setupStreams } from "../../connectors/nats/setup.js";
import { connectRedis } from "../../connectors/redis/connection.js";
import { setupStore } from "../../connectors/redis/setup.js";
import { redisStore } from "../../connectors/redis/store.js";
import type { Ports } from "../../engine/engine.js";
import { startFaultyProxy, type FaultyProxy } from "../servers/faulty-proxy.js";
import { startNats, type NatsServer } from "../servers/nats.js";
import { startRedis, type RedisServer } from "../servers/redis.js";

export interface StageOptions {
  readonly partitions: number;
  readonly appendfsync: "always" | "everysec";
  /** nats-server 2.10 and newer: every message reaches the disk before it is acknowledged. */
  readonly natsSyncsAlways?: boolean;
}

/** The links of one engine. */
export interface Links {
  readonly nats: FaultyProxy;
  readonly redis: FaultyProxy;
  readonly flags: readonly string[];
}

export interface Stage {
  readonly options: StageOptions;
  readonly nats: NatsServer;
  readonly redis: RedisServer;
  readonly sender: FaultyProxy;
  readonly allLinks: Links[];
  /** Links for one more engine. */
  openLinks(): Promise<Links>;
  /** The observer's, anew after each `reconnect`. */
  readonly eyes: Ports & { readonly link: NatsLink };
  /** So that the observer's own patience is no part of what is measured. */
  reconnect(): Promise<void>;
  /** What Redis would hold had the machine lost its power: nothing that was written in the last `lostMs`. Redis is dead. */
  losePower(lostMs: number): number;
  dispose(): Promise<void>;
}

const LOOK_AT_FILE_MS = 50;
const REMEMBERED_MS = 5_000;

export async function openStage(options: StageOptions): Promise<Stage> {
  const { partitions, appendfsync, natsSyncsAlways = false } = options;
  const [nats, redis] = await Promise.all([startNats(natsSyncsAlways ? { jetstream: "sync_interval: always" } : {}), startRedis({ appendfsync })]);
  const setupLink = await connectNats({ servers: [nats.url] });
  await setupStreams(setupLink, { partitions, clock: "broker" });
  await setupLink.close();
  const connection = connectRedis({ url: redis.url });
  await setupStore(connection, { partitions });
  await connection.close();
  const sender = await startFaultyProxy(nats.port);
  const allLinks: Links[] = [];
  let eyes = await openEyes(nats.url, redis.url);
  const written: { readonly at: number; readonly bytes: number }[] = [];
  const watching = setInterval(() => {
    const now = performance.now();
    written.push({ at: now, bytes: appendOnlyBytes(redis.folder) });
    while ((written[0]?.at ?? now) < now - REMEMBERED_MS) written.shift();
  }, LOOK_AT_FILE_MS);

  return {
    options, nats, redis, sender, allLinks,
    get eyes() { return eyes; },
    async openLinks() {
      const [natsProxy, redisProxy] = await Promise.all([startFaultyProxy(nats.port), startFaultyProxy(redis.port)]);
      const links: Links = { nats: natsProxy, redis: redisProxy, flags: ["--nats", `nats://127.0.0.1:${natsProxy.port}`, "--redis", `redis://127.0.0.1:${redisProxy.port}`] };
      allLinks.push(links);
      return links;
    },
    async reconnect() {
      const old = eyes;
      eyes = await openEyes(nats.url, redis.url);
      void closeEyes(old);
    },
    losePower(lostMs) {
      const file = appendOnlyFile(redis.folder);
      const end = statSync(file).size;
      const until = performance.now() - lostMs;
      const kept = written.findLast(({ at }) => at <= until)?.bytes ?? end;
      // A file that was begun anew meanwhile holds the older part in its base.
      const size = Math.min(kept, end);
      truncateSync(file, size);
      written.length = 0;
      return end - size;
    },
    async dispose() {
      clearInterval(watching);
      await closeEyes(eyes);
      for (const { nats: one, redis: other } of allLinks) await Promise.all([one.dispose(), other.dispose()]);
      await sender.dispose();
      await Promise.all([nats.dispose(), redis.dispose()]);
    },
  };
}

type Eyes = Ports & { readonly link: NatsLink };

const ANSWER_WITHIN_MS = 2_000;
const PATIENCE_MS = 30_000;

/** Tries until both servers are there. */
async function openEyes(natsUrl: string, redisUrl: string): Promise<Eyes> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      const link = await connectNats({ servers: [natsUrl], requestTimeoutMs: ANSWER_WITHIN_MS, name: "observer" });
      const store = redisStore(connectRedis({ url: redisUrl, commandTimeoutMs: ANSWER_WITHIN_MS, maxRetriesPerRequest: 1 }));
      return { link, log: natsEventLog(link), store, outputs: natsOutputLog(link) };
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function closeEyes({ link, log, store, outputs }: Eyes): Promise<void> {
  await Promise.allSettled([log.close(), outputs.close(), store.close()]);
  await link.close().catch(() => undefined);
}

/** The file that Redis appends to. */
function appendOnlyFile(folder: string): string {
  const inner = join(folder, "appendonlydir");
  const manifest = readdirSync(inner).find((name) => name.endsWith(".manifest"));
  const lines = readFileSync(join(inner, manifest ?? ""), "utf8").split("\n");
  const name = lines.findLast((line) => line.endsWith("type i"))?.split(" ")[1];
  if (name === undefined) throw new Error(`Redis keeps no append-only file in ${inner}`);
  return join(inner, name);
}

function appendOnlyBytes(folder: string): number {
  try {
    return statSync(appendOnlyFile(folder)).size;
  } catch {
    return 0; // being replaced this moment
  }
}

/** A line for whoever looks into a long run. */
export function writeLine(file: string | null, text: string): void {
  if (file !== null) appendFileSync(file, `${new Date().toISOString()} ${text}\n`);
}
