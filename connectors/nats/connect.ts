/**
 * The connection to NATS: options, reconnecting for ever with backoff, the state of the connection, and failures in
 * words a person can act on (with the address, never with a password).
 *
 * A link is owned by whoever opened it and may be shared by an event log and an output log; closing those leaves it
 * open. The first connection fails fast, with ConnectFailed; after that it is only ever "disconnected" and comes back
 * by itself, also after the server refused the credentials (an operator who repairs them need not restart Eddy).
 */
import { readFileSync } from "node:fs";

import {
  connect,
  createInbox,
  credsAuthenticator,
  nkeyAuthenticator,
  type ConnectionOptions,
  type NatsConnection,
  type Status,
} from "nats";

import type { ConnectionState } from "../../engine/ports.js";

export interface NatsOptions {
  /** `nats://host:port` or `tls://host:port`; `user:password@` or `token@` before the host is understood. */
  readonly servers: readonly string[];
  readonly user?: string;
  readonly password?: string;
  readonly token?: string;
  /** A .creds file (JWT and seed). */
  readonly credsFile?: string;
  /** A file that holds an nkey seed. */
  readonly nkeyFile?: string;
  readonly tls?: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
  /**
   * Where answers come to: `<inbox>.…`, which the user must be allowed to subscribe to. What a client reads from a stream
   * comes there, so users who may not read each other's must not share it. INBOX unless given.
   */
  readonly inbox?: string;
  /** Shown in the server's list of connections; "eddy" unless given. */
  readonly name?: string;
  /** JetStream domain, where the server has one. */
  readonly domain?: string;
  readonly connectTimeoutMs?: number;
  /** How long to wait for one answer of the server. */
  readonly requestTimeoutMs?: number;
  /** A server that answers none of `maxPingsOut` pings in a row is taken for dead. */
  readonly pingIntervalMs?: number;
  readonly maxPingsOut?: number;
}

export interface NatsLink {
  readonly nc: NatsConnection;
  /** The addresses, without credentials, for messages. */
  readonly address: string;
  /** "$JS.API" or the domain's. */
  readonly apiPrefix: string;
  readonly requestTimeoutMs: number;
  /** A subject of its own for answers. */
  newInbox(): string;
  state(): ConnectionState;
  /** Calls back at once with the present state and then on every change; returns a function that stops it. */
  watch(listener: (state: ConnectionState) => void): () => void;
  /** What the server complained about last (a missing permission, say), for messages; empty when nothing. */
  complaint(): string;
  close(): Promise<void>;
}

/** The first connection could not be made; the message names the address and what to look at. */
export class ConnectFailed extends Error { override readonly name = "ConnectFailed"; }

/** Of whoever reads events: the engine, and the commands that look into its state. */
export const INBOX = "_INBOX.eddy";
/** Of whoever only appends events. */
export const PUBLISHER_INBOX = "_INBOX.eddy-send";

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 5_000;
const PING_INTERVAL_MS = 2_000;
const MAX_PINGS_OUT = 2;
const BACKOFF_FIRST_MS = 50;
const BACKOFF_LONGEST_MS = 2_000;

export async function connectNats(options: NatsOptions): Promise<NatsLink> {
  const target = parseServers(options.servers);
  const address = target.addresses.join(", ");
  const link = { attempts: 0 };
  let nc: NatsConnection;
  try {
    nc = await connect(connectionOptions(options, target, link));
  } catch (error) {
    throw new ConnectFailed(explain(error, address));
  }
  return follow(nc, address, options, link);
}

// --------------------------------------------------------------------------------------------------- addresses

interface Target {
  /** Without credentials. */
  readonly addresses: readonly string[];
  readonly hosts: string[];
  readonly tls: boolean;
  readonly user: string | null;
  readonly password: string | null;
}

function parseServers(servers: readonly string[]): Target {
  if (servers.length === 0) throw new ConnectFailed("no NATS address was given; one looks like nats://127.0.0.1:4222");
  const addresses: string[] = [];
  const hosts: string[] = [];
  let tls = false;
  let user: string | null = null;
  let password: string | null = null;
  for (const server of servers) {
    const url = parseUrl(server);
    if (url.protocol === "tls:") tls = true;
    if (url.username !== "") {
      user = decodedPart(url.username, url);
      password = url.password === "" ? null : decodedPart(url.password, url);
    }
    const host = `${url.hostname}:${url.port === "" ? "4222" : url.port}`;
    hosts.push(host);
    addresses.push(`${url.protocol}//${host}`);
  }
  return { addresses, hosts, tls, user, password };
}

function parseUrl(server: string): URL {
  const text = server.includes("://") ? server : `nats://${server}`;
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new ConnectFailed(`'${withoutCredentials(server)}' is not a NATS address; one looks like nats://127.0.0.1:4222`);
  }
  if ((url.protocol !== "nats:" && url.protocol !== "tls:") || url.hostname === "") {
    throw new ConnectFailed(`'${withoutCredentials(server)}' is not a NATS address; one looks like nats://127.0.0.1:4222`);
  }
  return url;
}

function decodedPart(text: string, url: URL): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConnectFailed(`user or password in the address of NATS at ${url.host} is not percent-encoded rightly: a % is written as %25`);
  }
}

function withoutCredentials(server: string): string {
  return server.replace(/^([a-z]+:\/\/)?[^/]*@/i, "$1");
}

// ----------------------------------------------------------------------------------------------------- options

function connectionOptions(options: NatsOptions, target: Target, link: { attempts: number }): ConnectionOptions {
  const result: ConnectionOptions = {
    servers: target.hosts,
    name: options.name ?? "eddy",
    inboxPrefix: options.inbox ?? INBOX,
    timeout: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    pingInterval: options.pingIntervalMs ?? PING_INTERVAL_MS,
    maxPingOut: options.maxPingsOut ?? MAX_PINGS_OUT,
    maxReconnectAttempts: -1,
    ignoreAuthErrorAbort: true,
    reconnectDelayHandler: () => backoffMs(link.attempts),
    noAsyncTraces: true,
  };
  const user = options.user ?? target.user;
  const password = options.password ?? target.password;
  if (options.token !== undefined) result.token = options.token;
  else if (user !== null && password !== null) {
    result.user = user;
    result.pass = password;
  } else if (user !== null && options.user === undefined) result.token = user;
  else if (user !== null) result.user = user;
  if (options.credsFile !== undefined) result.authenticator = credsAuthenticator(readSecret(options.credsFile, "credentials"));
  if (options.nkeyFile !== undefined) result.authenticator = nkeyAuthenticator(trimmed(readSecret(options.nkeyFile, "nkey")));
  if (target.tls || options.tls !== undefined) result.tls = { ...options.tls };
  return result;
}

function readSecret(file: string, what: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConnectFailed(`cannot read the ${what} file ${file}: ${message(error)}`);
  }
}

function trimmed(bytes: Uint8Array): Uint8Array {
  return new TextEncoder().encode(new TextDecoder().decode(bytes).trim());
}

/** Doubles with every attempt that failed; a spread keeps many processes from arriving together. */
function backoffMs(attempts: number): number {
  const longest = Math.min(BACKOFF_LONGEST_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempts, 10));
  return longest / 2 + Math.random() * (longest / 2);
}

// ------------------------------------------------------------------------------------------------------- state

function follow(nc: NatsConnection, address: string, options: NatsOptions, link: { attempts: number }): NatsLink {
  const listeners = new Set<(state: ConnectionState) => void>();
  let state: ConnectionState = "connected";
  let complaint = "";
  const turn = (next: ConnectionState): void => {
    if (next === state) return;
    state = next;
    for (const listener of [...listeners]) listener(next);
  };
  const onStatus = (status: Status): void => {
    switch (String(status.type)) {
      case "disconnect":
        turn("disconnected");
        break;
      case "reconnecting":
        link.attempts += 1;
        break;
      case "reconnect":
        link.attempts = 0;
        complaint = "";
        turn("connected");
        break;
      case "error":
        complaint = describeComplaint(status);
        break;
      default:
        break;
    }
  };
  void (async () => {
    for await (const status of nc.status()) onStatus(status);
  })();
  void nc.closed().then(() => turn("disconnected"));

  return {
    nc,
    address,
    apiPrefix: options.domain === undefined ? "$JS.API" : `$JS.${options.domain}.API`,
    requestTimeoutMs: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
    newInbox: () => createInbox(options.inbox ?? INBOX),
    state: () => state,
    watch: (listener) => {
      listeners.add(listener);
      listener(state);
      return () => void listeners.delete(listener);
    },
    complaint: () => complaint,
    close: async () => {
      if (nc.isClosed()) return;
      if (state === "connected") await Promise.race([nc.flush().catch(() => undefined), timeout(1_000)]);
      await nc.close();
    },
  };
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function describeComplaint(status: Status): string {
  const context = status.permissionContext;
  if (context !== undefined) return `no permission for ${context.operation} on ${context.subject}`;
  return String(status.data);
}

// ----------------------------------------------------------------------------------------------------- failures

function explain(error: unknown, address: string): string {
  if (error instanceof ConnectFailed) return error.message;
  const code = codeOf(error);
  switch (code) {
    case "CONNECTION_REFUSED":
    case "ECONNREFUSED":
      return `no NATS server answers at ${address}: connection refused. Is it running, and is the address right?`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `cannot find the host of ${address}. Is the address right?`;
    case "TIMEOUT":
    case "CONNECTION_TIMEOUT":
    case "ETIMEDOUT":
      return `the NATS server at ${address} does not answer in time. Is it a NATS server, and is a firewall in between?`;
    case "AUTHORIZATION_VIOLATION":
    case "AUTHENTICATION_TIMEOUT":
    case "AUTHENTICATION_EXPIRED":
    case "BAD_AUTHENTICATION":
      return `the NATS server at ${address} refuses the credentials (user, token, credentials file or nkey)`;
    case "BAD_CREDS":
      return "the credentials file holds no JWT and seed";
    case "SERVER_OPT_NA":
      return `the NATS server at ${address} does not offer TLS, which was asked for`;
    default:
      // Node has a code for each way in which a certificate can be wrong.
      return /TLS|CERT|SIGNATURE|SELF_SIGNED/.test(code)
        ? `the NATS server at ${address} and this client cannot agree on TLS: ${message(error)}. --nats-ca names the authorities to trust, --nats-cert and --nats-key are what the server may ask of us`
        : `cannot connect to NATS at ${address}: ${message(error)}`;
  }
}

function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
