/**
 * A connection to Redis, or to a Redis Cluster when the address names several nodes.
 *
 * It reconnects by itself, with backoff and without end, and sends unanswered commands again when it is back: every
 * command of ours can safely run twice. A command fails after `commandTimeoutMs`, or after `maxRetriesPerRequest`
 * attempts to reconnect, whichever comes first. A connection on which a ping stays unanswered for `silenceMs` is given up and
 * made anew.
 *
 * Address: `redis://user:password@host:port/database`, `rediss://` for TLS (certificates are always checked), or
 * `redis://user:password@host:port,host:port` for a cluster. User and password are percent-encoded where needed.
 */
import { readFileSync } from "node:fs";

import { Cluster, Redis } from "ioredis";
import type { ClusterOptions, RedisOptions } from "ioredis";
import type { ConnectionState } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";
import { storeFailure } from "./failures.js";

export interface ConnectionOptions {
  readonly url: string;
  readonly commandTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  readonly maxRetriesPerRequest?: number;
  readonly silenceMs?: number;
  /** Files in PEM for `rediss://`: whom to trust instead of the system's authorities, and who we are, where the server asks. */
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
}

export type RedisClient = Redis | Cluster;

export interface RedisConnection {
  readonly client: RedisClient;
  /** Hosts and ports; fit for messages. */
  readonly address: string;
  /**
   * Rejects with StoreUnavailable when the first attempt to connect fails, so that whoever opens a store can say so at once
   * and not after all the attempts that a question waits for; else it never settles. A cluster's nodes are only known
   * with the first answer.
   */
  readonly firstFailure: Promise<never>;
  /** Runs a question; its errors become StoreUnavailable or StoreRefused. */
  ask<T>(question: (client: RedisClient) => Promise<T>): Promise<T>;
  /** Runs something on every server that holds data. */
  onEachServer(work: (server: Redis) => Promise<void>): Promise<void>;
  watch(listener: (state: ConnectionState) => void): () => void;
  close(): Promise<void>;
}

const COMMAND_TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 5_000;
const MAX_RETRIES_PER_REQUEST = 8;
const SILENCE_MS = 3_000;
/** So often within that time a server is asked for a sign of life. */
const PINGS_PER_SILENCE = 3;
/** A server that stands still must not keep a process from ending. */
const QUIT_WITHIN_MS = 500;
const LOADING_AGAIN_MS = 200;
const FIRST_BACKOFF_MS = 50;
const LONGEST_BACKOFF_MS = 2_000;

export function backoffMs(attempt: number): number {
  return Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(attempt - 1, 16), LONGEST_BACKOFF_MS);
}

interface Place {
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls: boolean;
}

const DEFAULT_PORT = 6379;
const HINT = "write it as redis://user:password@host:port, with rediss:// for TLS";

/** Throws StoreRefused for an address that makes no sense; the message does not repeat it, for it may hold a password. */
export function parseAddress(url: string): Place {
  const parts = /^(rediss?):\/\/(?:([^@]*)@)?([^/@]+)(?:\/(\d*))?$/.exec(url);
  if (parts === null) throw new StoreRefused(`the address of Redis makes no sense: ${HINT}`);
  const [, scheme, credentials, hosts, database] = parts;
  return {
    hosts: (hosts ?? "").split(",").map(parseHost),
    ...parseCredentials(credentials),
    db: Number(database ?? "0"),
    tls: scheme === "rediss",
  };
}

function parseHost(text: string): { host: string; port: number } {
  const parts = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const port = Number(parts?.[2] ?? DEFAULT_PORT);
  if (parts === null || port < 1 || port > 65_535) throw new StoreRefused(`the host of Redis makes no sense: ${HINT}`);
  return { host: (parts[1] ?? "").replace(/^\[|\]$/g, ""), port };
}

function parseCredentials(text: string | undefined): { username?: string; password?: string } {
  if (text === undefined || text === "") return {};
  const colon = text.indexOf(":");
  try {
    const username = decodeURIComponent(colon < 0 ? text : text.slice(0, colon));
    const password = colon < 0 ? "" : decodeURIComponent(text.slice(colon + 1));
    return { ...(username === "" ? {} : { username }), ...(password === "" ? {} : { password }) };
  } catch {
    throw new StoreRefused(`user or password in the address of Redis is not percent-encoded rightly: ${HINT}`);
  }
}

function optionsOf(place: Place, options: ConnectionOptions): RedisOptions {
  const commandTimeout = options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
  return {
    ...(place.username === undefined ? {} : { username: place.username }),
    ...(place.password === undefined ? {} : { password: place.password }),
    ...(place.tls ? { tls: readTlsFiles(options.tls ?? {}) } : {}),
    db: place.db,
    commandTimeout,
    socketTimeout: commandTimeout,
    connectTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    maxRetriesPerRequest: options.maxRetriesPerRequest ?? MAX_RETRIES_PER_REQUEST,
    retryStrategy: backoffMs,
    // What a starting server reckons it will need is far off at first; ioredis would believe up to ten seconds of it.
    maxLoadingRetryTime: LOADING_AGAIN_MS,
    // After a failover the old address may lead to the new master.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    keepAlive: 10_000,
    disableClientInfo: true,
  };
}

function readTlsFiles({ caFile, certFile, keyFile }: NonNullable<ConnectionOptions["tls"]>): { ca?: Buffer; cert?: Buffer; key?: Buffer } {
  return {
    ...(caFile === undefined ? {} : { ca: readPem(caFile, "certificates of authorities") }),
    ...(certFile === undefined ? {} : { cert: readPem(certFile, "certificate") }),
    ...(keyFile === undefined ? {} : { key: readPem(keyFile, "key") }),
  };
}

function readPem(file: string, what: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new StoreRefused(`cannot read the ${what} for Redis, ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
  // Node takes what is no PEM for a list of no authorities, and then trusts nobody without saying why.
  if (!bytes.includes("-----BEGIN ")) throw new StoreRefused(`the ${what} for Redis, ${file}, is no PEM file`);
  return bytes;
}

function openClient(place: Place, options: ConnectionOptions): RedisClient {
  const redisOptions = optionsOf(place, options);
  const [first, ...others] = place.hosts;
  if (first === undefined || others.length === 0) return new Redis({ ...redisOptions, ...first });
  const { retryStrategy: _, db: __, ...nodeOptions } = redisOptions;
  const clusterOptions: ClusterOptions = {
    redisOptions: nodeOptions,
    clusterRetryStrategy: backoffMs,
    slotsRefreshTimeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
  };
  return new Cluster([...place.hosts], clusterOptions);
}

export function connectRedis(options: ConnectionOptions): RedisConnection {
  const place = parseAddress(options.url);
  const address = place.hosts.map(({ host, port }) => `${host.includes(":") ? `[${host}]` : host}:${port}`).join(",");
  const client = openClient(place, options);
  const listeners = new Set<(state: ConnectionState) => void>();
  let state: ConnectionState = "disconnected";
  let lastError: Error | null = null;
  const become = (next: ConnectionState): void => {
    if (next === state) return;
    state = next;
    for (const listener of [...listeners]) listener(next);
  };
  client.on("ready", () => { lastError = null; become("connected"); });
  const stopPinging = client instanceof Cluster ? () => undefined : followSilence(client, options.silenceMs ?? SILENCE_MS, become);
  client.on("close", () => become("disconnected"));
  client.on("end", () => become("disconnected"));
  // Kept for the message of whatever fails because of it; without a listener ioredis would print it. A cluster's own
  // errors only say that all nodes failed.
  const keep = (error: Error): void => { lastError = error; };
  client.on("error", client instanceof Cluster ? () => undefined : keep);
  client.on("node error", keep);

  const firstFailure = new Promise<never>((_, reject) => {
    if (client instanceof Cluster) return;
    const fail = (): void => reject(storeFailure(lastError ?? new Error("the connection was closed"), address));
    client.once("close", fail).once("connect", () => client.off("close", fail));
  });
  firstFailure.catch(() => undefined); // not everybody who connects asks

  const limitMs = options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS;
  const answered = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await (client instanceof Cluster ? within(work(), limitMs) : work());
    } catch (error) {
      throw storeFailure(withCause(error, state, lastError), address);
    }
  };

  return {
    client,
    address,
    firstFailure,
    ask: (question) => answered(() => question(client)),
    onEachServer: (work) => answered(async () => {
      const servers = client instanceof Cluster ? await masters(client) : [client];
      for (const server of servers) await work(server);
    }),
    watch(listener) {
      listeners.add(listener);
      listener(state);
      return () => { listeners.delete(listener); };
    },
    async close() {
      stopPinging();
      if (client.status === "ready") await within(client.quit(), QUIT_WITHIN_MS).catch(() => undefined);
      client.disconnect();
    },
  };
}

/**
 * A server whose machine or process stands still closes nothing, nor does a network that has forgotten a connection: only
 * what they leave unanswered tells. The connection is given up then: a new one may work. A ping is sent when the one before
 * was answered; none waits for a connection.
 */
function followSilence(client: Redis, silenceMs: number, become: (next: ConnectionState) => void): () => void {
  let asked: number | null = null;
  const answered = (): void => {
    asked = null;
    if (client.status === "ready") become("connected");
  };
  let ticks = 0;
  const timer = setInterval(() => {
    ticks++;
    if (client.status !== "ready") asked = null;
    else if (asked === null) {
      asked = ticks;
      // Also a refusal is an answer; a time-out is none, and a closed connection is seen by itself.
      client.ping().then(answered, (error: Error) => {
        if (error.name === "ReplyError") answered();
        else asked = null;
      });
    } else if (ticks - asked >= PINGS_PER_SILENCE) {
      become("disconnected");
      // Not `disconnect`, which waits for the other side's farewell.
      client.stream.destroy(new Error(`no answer to a ping for ${silenceMs / 1000} s`));
    }
  }, silenceMs / PINGS_PER_SILENCE);
  timer.unref();
  return () => clearInterval(timer);
}

/** A cluster's client keeps commands without limit of time while it knows no node; a plain one obeys commandTimeout. */
async function within<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("Command timed out")), limitMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The nodes are known only after the first command. */
async function masters(cluster: Cluster): Promise<Redis[]> {
  await cluster.get("eddy:partitions");
  return cluster.nodes("master");
}

/** "Gave up after 8 attempts" and "timed out" say little; the error that broke the connection says why. */
function withCause(error: unknown, state: ConnectionState, lastError: Error | null): unknown {
  if (state === "connected" || lastError === null) return error;
  return error instanceof Error && error.name !== "ReplyError" ? lastError : error;
}
