/**
 * Where log and state are: on servers (NATS and Redis) or embedded in a folder.
 *
 * What was said more closely wins: a flag over the environment over eddy.yaml. Without any address it is the folder .eddy
 * here, so that everything can be tried without a server.
 */
import { resolve } from "node:path";

import type { Configuration, Origin } from "./config.js";
import { ConfigurationError } from "./exit.js";
import type { Io } from "./io.js";
import type { SettingName } from "./settings.js";

export const EMBEDDED_FOLDER = ".eddy";

export type Place =
  | { readonly k: "embedded"; readonly folder: string }
  | { readonly k: "servers"; readonly nats: readonly string[]; readonly natsCreds: string | undefined; readonly redis: string };

/** What a command works with; a place on servers needs the address of each. */
export type Need = "log" | "store" | "both";

const RANK: Readonly<Record<Origin["kind"], number>> = { flag: 3, environment: 2, file: 1 };

/** Throws ConfigurationError where two places are named alike, or an address is missing. Addresses not needed are "". */
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
  return { k: "servers", nats: nats ?? [], natsCreds: configuration.get("nats-creds"), redis: redis ?? "" };
}

const words = (configuration: Configuration, name: SettingName): string => configuration.origin(name)?.words ?? "";

function missing(configuration: Configuration, name: "nats" | "redis", other: "nats" | "redis", example: string): ConfigurationError {
  return new ConfigurationError(`--${name} is missing: an address of ${other === "nats" ? "NATS" : "Redis"} is set (${words(configuration, other)}), so this needs one such as ${example} too; or --embedded DIR, which needs no server`);
}
