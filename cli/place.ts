/**
 * Where log and state are: on servers (NATS and Redis) or embedded in a folder.
 *
 * What was said more closely wins: a flag over the environment over eddy.yaml. Without any address it is the folder .eddy
 * here, so that everything can be tried without a server.
 */
import { resolve } from "node:path";

import type { NatsOptions } from "../connectors/nats/connect.js";
import type { ConnectionOptions } from "../connectors/redis/connection.js";
import type { Configuration, Origin } from "./config.js";
import { ConfigurationError } from "./exit.js";
import type { Io } from "./io.js";
import { REDIS_ACCESS, type SettingName } from "./settings.js";

type TlsFiles = NonNullable<ConnectionOptions["tls"]>;

export const EMBEDDED_FOLDER = ".eddy";

export type Place =
  | { readonly k: "embedded"; readonly folder: string }
  | { readonly k: "servers"; readonly nats: NatsAccess; readonly redis: RedisAccess };

/** A command that needs none of it has no addresses. */
export interface NatsAccess extends Pick<NatsOptions, "credsFile" | "nkeyFile" | "tls"> {
  readonly servers: readonly string[];
}
export type RedisAccess = Pick<ConnectionOptions, "url" | "tls">;

/** What a command works with; a place on servers needs the address of each. */
export type Need = "log" | "store" | "both";

const RANK: Readonly<Record<Origin["kind"], number>> = { flag: 3, environment: 2, file: 1 };

/** Throws ConfigurationError where two places are named alike, an address is missing, or what belongs together is not. */
export function findPlace(configuration: Configuration, io: Pick<Io, "folder">, need: Need): Place {
  const rank = (name: SettingName): number => RANK[configuration.origin(name)?.kind ?? "file"] * (configuration.origin(name) === null ? 0 : 1);
  const embedded = rank("embedded");
  const servers = Math.max(rank("nats"), rank("redis"));
  if (embedded > 0 && embedded === servers) {
    throw new ConfigurationError(`--embedded (${words(configuration, "embedded")}) and addresses of servers (${words(configuration, rank("nats") === servers ? "nats" : "redis")}) exclude each other: remove one`);
  }
  if (embedded >= servers) return { k: "embedded", folder: configuration.get("embedded") ?? resolve(io.folder, EMBEDDED_FOLDER) };
  const nats = configuration.get("nats");
  const redis = configuration.get("redis");
  if (nats === undefined && need !== "store") throw missing(configuration, "nats", "redis", "nats://127.0.0.1:4222");
  if (redis === undefined && need !== "log") throw missing(configuration, "redis", "nats", "redis://127.0.0.1:6379");
  return { k: "servers", nats: natsAccess(configuration, nats ?? []), redis: redisAccess(configuration, redis ?? "") };
}

function natsAccess(configuration: Configuration, servers: readonly string[]): NatsAccess {
  const [credsFile, nkeyFile] = [configuration.get("nats-creds"), configuration.get("nats-nkey")];
  if (credsFile !== undefined && nkeyFile !== undefined) {
    throw new ConfigurationError(`--nats-creds (${words(configuration, "nats-creds")}) and --nats-nkey (${words(configuration, "nats-nkey")}) exclude each other: remove one`);
  }
  const tls = tlsFiles(configuration, "nats");
  return { servers, ...(credsFile === undefined ? {} : { credsFile }), ...(nkeyFile === undefined ? {} : { nkeyFile }), ...(tls === null ? {} : { tls }) };
}

function redisAccess(configuration: Configuration, url: string): RedisAccess {
  const tls = tlsFiles(configuration, "redis");
  if (tls !== null && url.startsWith("redis://")) {
    const named = REDIS_ACCESS.find((name) => configuration.origin(name) !== null) ?? "redis-ca";
    throw new ConfigurationError(`--${named} (${words(configuration, named)}) is for TLS: write the address of Redis with rediss:// (${words(configuration, "redis")})`);
  }
  return { url, ...(tls === null ? {} : { tls }) };
}

function tlsFiles(configuration: Configuration, server: "nats" | "redis"): TlsFiles | null {
  const [caFile, certFile, keyFile] = [configuration.get(`${server}-ca`), configuration.get(`${server}-cert`), configuration.get(`${server}-key`)];
  if ((certFile === undefined) !== (keyFile === undefined)) {
    const [there, missing] = certFile === undefined ? ["key", "cert"] as const : ["cert", "key"] as const;
    throw new ConfigurationError(`--${server}-${missing} is missing: --${server}-${there} is set (${words(configuration, `${server}-${there}`)}), and a certificate and its key belong together`);
  }
  if (caFile === undefined && certFile === undefined) return null;
  return { ...(caFile === undefined ? {} : { caFile }), ...(certFile === undefined ? {} : { certFile }), ...(keyFile === undefined ? {} : { keyFile }) };
}

const words = (configuration: Configuration, name: SettingName): string => configuration.origin(name)?.words ?? "";

function missing(configuration: Configuration, name: "nats" | "redis", other: "nats" | "redis", example: string): ConfigurationError {
  return new ConfigurationError(`--${name} is missing: an address of ${other === "nats" ? "NATS" : "Redis"} is set (${words(configuration, other)}), so this needs one such as ${example} too; or --embedded DIR, which needs no server`);
}
