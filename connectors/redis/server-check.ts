/**
 * What a Redis server must be before Eddy entrusts its state to it: version 7 or newer, a master, and never one that
 * evicts keys when memory runs short (customers would be gone in silence). What is merely unwise (nothing on
 * disk) becomes a warning.
 *
 * INFO answers for all that is required, since managed services often forbid CONFIG; only the interval of writing to
 * disk needs CONFIG, and where it is forbidden that warning falls away.
 *
 * `appendfsync everysec` is fine: after a crash that loses the last second the store is behind, and the engine goes on
 * from what the store says.
 */
import { Redis } from "ioredis";
import { StoreRefused, StoreUnavailable } from "../../engine/ports.js";
import type { RedisConnection } from "./connection.js";

const LEAST_VERSION = 7;

/** Above this share of maxmemory it will soon be reached. */
const FULL_SHARE = 0.8;
const MOST_SKEW_MS = 5_000;

/** Checks every server; the warnings are sentences for a log, with the way out. Throws StoreRefused or StoreUnavailable. */
export async function checkServers(connection: RedisConnection, now: (() => number) | null = null): Promise<string[]> {
  const warnings: string[] = [];
  await connection.onEachServer(async (server) => {
    const name = `Redis at ${addressOf(server, connection)}`;
    warnings.push(...await checkServer(server, name, connection, now));
  });
  return warnings;
}

function addressOf(server: Redis, connection: RedisConnection): string {
  const { host, port } = server.options;
  return host === undefined ? connection.address : `${host}:${port}`;
}

async function checkServer(server: Redis, name: string, connection: RedisConnection, now: (() => number) | null): Promise<string[]> {
  const before = now?.() ?? 0;
  const info = parseInfo(await server.info());
  const after = now?.() ?? 0;
  checkVersion(info, name);
  checkRole(info, name);
  if (info.get("cluster_enabled") === "1" && connection.client instanceof Redis) await checkAlone(server, name);
  checkEviction(info, name);
  return [
    ...persistenceWarnings(info, await readSetting(server, "appendfsync"), await readSetting(server, "save"), name),
    ...memoryWarnings(info, name),
    ...replicaWarnings(info, await readSetting(server, "min-replicas-to-write"), name),
    ...(now === null ? [] : skewWarnings(info, before, after, name)),
  ];
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const info = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0 && !line.startsWith("#")) info.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return info;
}

function checkVersion(info: ReadonlyMap<string, string>, name: string): void {
  const version = info.get("redis_version") ?? "unknown";
  if (Number.parseInt(version, 10) >= LEAST_VERSION) return;
  throw new StoreRefused(`${name} is version ${version}; Eddy needs ${LEAST_VERSION}.0 or newer (for its functions)`);
}

function checkRole(info: ReadonlyMap<string, string>, name: string): void {
  // Valkey calls it server_mode.
  if ((info.get("redis_mode") ?? info.get("server_mode")) === "sentinel") {
    throw new StoreRefused(`${name} is a Sentinel; give the address of the Redis it watches`);
  }
  if (info.get("role") === "slave") {
    throw new StoreUnavailable(`${name} is a replica: wait for its promotion, or give the address of its master`);
  }
}

/** A plain connection serves a cluster only when one server owns all of it. */
async function checkAlone(server: Redis, name: string): Promise<void> {
  const cluster = parseInfo(String(await server.cluster("INFO")));
  if (cluster.get("cluster_size") === "1") return;
  throw new StoreRefused(`${name} belongs to a cluster; give the addresses of several of its nodes, separated by commas`);
}

function checkEviction(info: ReadonlyMap<string, string>, name: string): void {
  const policy = info.get("maxmemory_policy");
  if (policy === "noeviction") return;
  if (policy === undefined) throw new StoreRefused(`${name} does not tell its maxmemory-policy (INFO memory); Eddy needs noeviction`);
  throw new StoreRefused(
    `${name} has maxmemory-policy ${policy} and may throw state away; set it with: CONFIG SET maxmemory-policy noeviction`,
  );
}

/** A setting, or null where CONFIG is forbidden. */
async function readSetting(server: Redis, setting: string): Promise<string | null> {
  try {
    const reply = (await server.config("GET", setting)) as readonly string[];
    return reply[1] ?? null;
  } catch (error) {
    if (error instanceof Error && error.name === "ReplyError") return null;
    throw error;
  }
}

function memoryWarnings(info: ReadonlyMap<string, string>, name: string): string[] {
  const [used, most] = [Number(info.get("used_memory")), Number(info.get("maxmemory"))];
  if (!(most > 0 && used > FULL_SHARE * most)) return [];
  return [`${name} uses ${Math.round((100 * used) / most)} % of its maxmemory (${Math.round(most / 1e6)} MB): when it is reached nothing can be committed; raise maxmemory`];
}

function replicaWarnings(info: ReadonlyMap<string, string>, least: string | null, name: string): string[] {
  const replicas = Number(info.get("connected_slaves"));
  if (replicas > 0 && least === "0") {
    return [`${name} has replicas and min-replicas-to-write 0: cut off from them it takes commits that a fail-over forgets (Eddy then reads those events again); set it to 1`];
  }
  if (replicas === 0 && info.get("cluster_enabled") === "1" && Number(least ?? 0) === 0) {
    return [`${name} is a master of a cluster without replicas: while it is down its partitions stand still, and with its disk their state is gone; give it a replica`];
  }
  return [];
}

/** Leases run by this clock alone, so nothing but what people read depends on it. */
function skewWarnings(info: ReadonlyMap<string, string>, before: number, after: number, name: string): string[] {
  const time = Number(info.get("server_time_usec")) / 1000;
  const skewMs = time - (before + after) / 2;
  if (!(Math.abs(skewMs) - (after - before) / 2 > MOST_SKEW_MS)) return [];
  return [`the clock of ${name} is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? "ahead of" : "behind"} this machine's: logs and backups will not fit together; set both by NTP`];
}

function persistenceWarnings(
  info: ReadonlyMap<string, string>, appendfsync: string | null, save: string | null, name: string,
): string[] {
  const appending = info.get("aof_enabled") === "1";
  if (appending && info.get("aof_last_write_status") === "err") return [`${name} cannot write its append-only file: free or repair its disk`];
  if (appending && appendfsync === "no") {
    return [`${name} has appendfsync no: a crash loses up to half a minute; set it to everysec or always`];
  }
  if (appending) return [];
  if (save === "") {
    return [`${name} keeps nothing on disk: a restart loses all state; set appendonly yes`];
  }
  return [`${name} writes only snapshots: a crash loses all since the last one; set appendonly yes`];
}
