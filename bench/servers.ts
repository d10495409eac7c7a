/** Real NATS and Redis for a bench, set up for Eddy; and the CPU that each process uses. */
import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { connectNats, type NatsLink } from "../connectors/nats/connect.js";
import { natsEventLog } from "../connectors/nats/event-log.js";
import { natsOutputLog } from "../connectors/nats/output-log.js";
import { setupStreams } from "../connectors/nats/setup.js";
import { connectRedis } from "../connectors/redis/connection.js";
import { setupStore } from "../connectors/redis/setup.js";
import { openRedisStore } from "../connectors/redis/store.js";
import type { Ports } from "../engine/engine.js";
import type { ClockKind } from "../engine/ports.js";
import { startNats, type NatsServer } from "../test/servers/nats.js";
import { startRedis, type RedisServer } from "../test/servers/redis.js";

export const PARTITIONS = 8;

export interface BenchServers {
  readonly nats: NatsServer;
  readonly redis: RedisServer;
  /** A connection for the load. */
  readonly link: NatsLink;
  openPorts(): Promise<Ports & { close(): Promise<void> }>;
  dispose(): Promise<void>;
}

export async function startServers(clock: ClockKind = "broker"): Promise<BenchServers> {
  const [nats, redis] = await Promise.all([startNats(), startRedis()]);
  const link = await connectNats({ servers: [nats.url] });
  await setupStreams(link, { partitions: PARTITIONS, clock, replicas: 1 });
  const connection = connectRedis({ url: redis.url });
  await setupStore(connection, { partitions: PARTITIONS });
  await connection.close();
  return {
    nats, redis, link,
    async openPorts() {
      const own = await connectNats({ servers: [nats.url] });
      const { store } = await openRedisStore({ url: redis.url });
      const log = natsEventLog(own);
      const outputs = natsOutputLog(own);
      return {
        log, store, outputs,
        async close() {
          await log.close();
          await outputs.close();
          await store.close();
          await own.close();
        },
      };
    },
    async dispose() {
      await link.close();
      await nats.dispose();
      await redis.dispose();
    },
  };
}

const TICKS_PER_SECOND = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** CPU seconds that the process listening on a port has used so far. */
export const cpuSecondsOf = (port: number): number => cpuSecondsOfProcess(pidOf(port));

export function cpuSecondsOfProcess(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

const pids = new Map<number, number>();

function pidOf(port: number): number {
  const known = pids.get(port);
  if (known !== undefined) return known;
  const inode = readFileSync("/proc/net/tcp", "utf8").split("\n")
    .map((line) => line.trim().split(/\s+/))
    .find((fields) => fields[1]?.endsWith(`:${port.toString(16).toUpperCase().padStart(4, "0")}`) === true && fields[3] === "0A")?.[9];
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      for (const link of readdirSync(`/proc/${entry}/fd`)) {
        if (linkTarget(`/proc/${entry}/fd/${link}`) === `socket:[${inode}]`) {
          pids.set(port, Number(entry));
          return Number(entry);
        }
      }
    } catch {
      continue; // a process that is gone, or not ours
    }
  }
  throw new Error(`no process listens on port ${port}`);
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
