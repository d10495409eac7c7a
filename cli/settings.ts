/**
 * Every setting of every command in one table: its name, what a value must look like, what it is for.
 *
 * A setting `partition-count` is the flag `--partition-count`, the environment variable `EDDY_PARTITION_COUNT` and the key
 * `partition-count` of eddy.yaml. What wins over what is config.ts's business; which command knows which setting, the
 * commands'. Values arrive as text, or as a scalar from eddy.yaml.
 */
import { isAbsolute, resolve } from "node:path";

import { parseTime } from "../engine/envelope.js";

export type Parsed<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly message: string };

/** Takes a raw value for what it means, or says what it must be. */
export type Read<Value> = (raw: unknown) => Parsed<Value>;

/** What the value of a flag is called in the help; null: the flag stands alone. */
type Placeholder = string | null;

interface Setting<Value> {
  readonly read: Read<Value>;
  readonly placeholder: Placeholder;
  readonly description: string;
  /** A file or folder: relative ones belong to the folder of what names them. */
  readonly path?: true;
  /** Environment variables that are read after `EDDY_…`. */
  readonly alsoFrom?: readonly string[];
}

const setting = <Value>(placeholder: Placeholder, description: string, read: Read<Value>, more: Pick<Setting<Value>, "path" | "alsoFrom"> = {}): Setting<Value> =>
  ({ read, placeholder, description, ...more });

// ---------------------------------------------------------------------------------------------------- kinds of values

const take = <Value>(value: Value): Parsed<Value> => ({ ok: true, value });
const refuse = (message: string): Parsed<never> => ({ ok: false, message });

/** eddy.yaml makes a number of a text that looks like one. */
const text: Read<string> = (raw) => {
  const value = Number.isFinite(raw) ? String(raw) : raw;
  if (typeof value !== "string") return refuse("it must be a text");
  return value === "" ? refuse("it is empty") : take(value);
};

/** What reads a text more closely. */
const ofText = <Value>(read: (text: string) => Parsed<Value>): Read<Value> => (raw) => {
  const found = text(raw);
  return found.ok ? read(found.value) : found;
};

const ON = new Set(["1", "true", "yes", "on"]);
const OFF = new Set(["0", "false", "no", "off"]);
const toggle: Read<boolean> = (raw) => {
  const word = typeof raw === "object" ? "" : String(raw).toLowerCase();
  return ON.has(word) ? take(true) : OFF.has(word) ? take(false) : refuse("it must be true or false");
};

/** A whole number within bounds. */
const whole = (least: number, most: number): Read<number> => (raw) => {
  const value = typeof raw === "string" && /^\d+$/.test(raw) ? Number(raw) : raw;
  const fits = typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
  return fits ? take(value) : refuse(`it must be a whole number from ${least} to ${most}`);
};

const oneOf = <const Word extends string>(...words: readonly [Word, ...Word[]]): Read<Word> => (raw) => {
  const found = words.find((word) => word === raw);
  return found === undefined ? refuse(`it must be ${words.slice(0, -1).join(", ")}${words.length > 1 ? " or " : ""}${words.at(-1) ?? ""}`) : take(found);
};

const UNIT_MS: ReadonlyMap<string, number> = new Map(Object.entries({ s: 1000, second: 1000, m: 60_000, minute: 60_000, h: 3_600_000, hour: 3_600_000, d: 86_400_000, day: 86_400_000, w: 604_800_000, week: 604_800_000 }));

/** `30 days`, `12h`, or `forever` (0): milliseconds. */
const duration = ofText((value) => {
  if (value.toLowerCase() === "forever") return take(0);
  const parts = /^(\d{1,9})\s*([a-z]+?)s?$/i.exec(value.trim());
  const unit = UNIT_MS.get((parts?.[2] ?? "").toLowerCase());
  if (parts !== null && unit !== undefined && Number(parts[1]) > 0) return take(Number(parts[1]) * unit);
  return refuse('it must be a duration such as "30 days", or forever');
});

const UNIT_BYTES: Readonly<Record<string, number>> = { "": 1, b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };

/** `500 MB`, `10GiB`, or a number of bytes. */
const bytes = ofText((value) => {
  const parts = /^(\d{1,15})\s*([a-z]*)$/i.exec(value.trim());
  const size = Number(parts?.[1]) * (UNIT_BYTES[(parts?.[2] ?? "-").toLowerCase()] ?? NaN);
  return Number.isSafeInteger(size) && size > 0 ? take(size) : refuse("it must be a size such as 10 GB");
});

/** Names with commas between them. */
const names = ofText((value): Parsed<readonly string[]> => take(value.split(",").map((name) => name.trim()).filter((name) => name !== "")));

/** Path or `-`; resolved by config.ts against the folder it belongs to. */
const path = text;

/** An instant as RFC 3339, as a date (its midnight in UTC) or as a date and a time of day in UTC. */
const instant = ofText((value) => {
  const full = /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z`
    : /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d$/.test(value) ? `${value.replace(" ", "T")}:00Z`
      : /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?$/.test(value) ? `${value.replace(" ", "T")}Z`
        : value;
  const ms = parseTime(full);
  return ms === null ? refuse("it must be an instant such as 2026-03-02T10:00:00Z, from 1970 to 2199") : take(ms);
});

/** Addresses of NATS servers with commas between them; a missing scheme is `nats`. */
const natsAddresses = ofText((value): Parsed<readonly string[]> => {
  const servers = value.split(",").map((part) => part.trim()).map((part) => (part.includes("://") ? part : `nats://${part}`));
  return servers.every(isNatsAddress) ? take(servers) : refuse("it must be an address such as nats://127.0.0.1:4222");
});

function isNatsAddress(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, pathname } = new URL(text);
  return (protocol === "nats:" || protocol === "tls:") && hostname !== "" && (pathname === "" || pathname === "/");
}

/** One address of Redis; a cluster's names several hosts (`redis://host:port,host:port`). A missing scheme is `redis`. */
const redisAddress = ofText((value) => {
  const address = value.includes("://") ? value : `redis://${value}`;
  const makesSense = /^rediss?:\/\/(?:[^@\s]*@)?[^/@\s,:][^/@\s]*(?:\/\d*)?$/.test(address);
  return makesSense ? take(address) : refuse("it must be an address such as redis://127.0.0.1:6379");
});

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, `PORT` (on this machine only) or `off` (null), which YAML may have made false. Port 0 takes any free one. */
const listenAddress: Read<ListenAddress | null> = (raw) => {
  const value = raw === false ? "off" : typeof raw === "number" ? String(raw) : raw;
  if (typeof value !== "string") return refuse("it must be HOST:PORT or off");
  if (OFF.has(value.toLowerCase()) && value !== "0") return take(null);
  const parts = /^(?:\[([0-9a-fA-F:.%]+)\]:|([A-Za-z0-9_.-]+):)?(\d{1,5})$/.exec(value);
  const port = Number(parts?.[3]);
  if (parts !== null && port <= 65_535) return take({ host: parts[1] ?? parts[2] ?? "127.0.0.1", port });
  return refuse("it must be HOST:PORT such as 127.0.0.1:9464 (0.0.0.0:9464 for every network), or off");
};

// ---------------------------------------------------------------------------------------------------- the table

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const settings = {
  rules: setting("RULES", "folder of *.eddy files, one such file, or - for standard input", path, { path: true }),
  nats: setting("URL", "address of NATS, several with commas (nats://127.0.0.1:4222)", natsAddresses, { alsoFrom: ["NATS_URL"] }),
  "nats-creds": setting("FILE", "credentials file for NATS", path, { path: true }),
  "nats-nkey": setting("FILE", "file with the seed of an nkey for NATS", path, { path: true }),
  "nats-ca": setting("FILE", "certificates (PEM) of the authorities to trust for NATS instead of the system's; means TLS", path, { path: true }),
  "nats-cert": setting("FILE", "own certificate (PEM) for NATS, with --nats-key", path, { path: true }),
  "nats-key": setting("FILE", "key (PEM) of --nats-cert", path, { path: true }),
  redis: setting("URL", "address of Redis (redis://127.0.0.1:6379)", redisAddress, { alsoFrom: ["REDIS_URL"] }),
  "redis-ca": setting("FILE", "certificates (PEM) of the authorities to trust for rediss:// instead of the system's", path, { path: true }),
  "redis-cert": setting("FILE", "own certificate (PEM) for rediss://, with --redis-key", path, { path: true }),
  "redis-key": setting("FILE", "key (PEM) of --redis-cert", path, { path: true }),
  embedded: setting("DIR", "keep log and state in this folder, without servers", path, { path: true }),
  http: setting("ADDR", "where metrics, health and POST /events are served; off for nowhere", listenAddress),
  partitions: setting("N", "shares into which the customers are divided; fixed at set-up", whole(1, 1024)),
  replicas: setting("N", "copies of every stream in a NATS cluster", whole(1, 5)),
  "max-age": setting("DURATION", 'events older than this are removed, such as "400 days"; for ever unless set', duration),
  "max-bytes": setting("SIZE", "the stream refuses new events beyond this size, such as 50 GB; without limit unless set", bytes),
  clock: setting("CLOCK", "what moves the clock", text),
  json: setting(null, "JSON on standard output", toggle),
  sarif: setting("OUT", "write the findings as a SARIF log to this file; - for standard output", path, { path: true }),
  cost: setting(null, "show how many bytes each aggregate and rule takes in the state of one customer", toggle),
  check: setting(null, "write nothing, name the files that would change, and exit with 1 if there are any", toggle),
  events: setting("FILE", "the events, one CloudEvent a line; - for standard input, .gz is gzip", path, { path: true }),
  against: setting("OLD", "compare with what these rules (a folder, a file, or -) do with the same events; then only differences are told and written", path, { path: true }),
  shadow: setting("NEW", "run these rules too, without any effect, and tell what they would do differently", path, { path: true }),
  until: setting("TIME", "move the clock on to this instant after the last event", instant),
  actions: setting("OUT", "write the actions to this file; - for standard output, .gz is gzip", path, { path: true }),
  changes: setting("OUT", "write the changes of membership to this file", path, { path: true }),
  members: setting("OUT", "write the members of all segments at the end to this file", path, { path: true }),
  traits: setting("OUT", "write the traits of all customers at the end to this file", path, { path: true }),
  junit: setting("FILE", "write what came of the tests as JUnit XML to this file; - for standard output", path, { path: true }),
  coverage: setting(null, "show which rules, branches and segments the tests have touched", toggle),
  explain: setting(null, "below each failure, what the segments and rules it is about look like at that moment", toggle),
  only: setting("TEXT", "run only tests with this text in their name, in any case", text),
  watch: setting(null, "begin again whenever a rule file changes, until Ctrl-C", toggle),
  cancel: setting(null, "end the change of rules that is under way, as long as no partition can have taken it", toggle),
  continue: setting(null, "go on with the change of rules that is under way, whatever rules lie here", toggle),
  "cache-customers": setting("N", "customers kept in memory; the others are read from the store when they are needed (50000)", whole(1000, 100_000_000)),
  history: setting("FILE", "events of before the stream's oldest one, a CloudEvent a line in order of time: what is new is filled from them first; .gz is gzip", path, { path: true }),
  finish: setting("RULES", "rules, with commas, of which runs that stand at steps that are gone end under their old steps", names),
  stop: setting("RULES", "rules, with commas, of which such runs are stopped (what happens unless they are named)", names),
  status: setting(null, "how far a change of rules that is under way has come", toggle),
  "fill-rate": setting("N", "events a second, at most, that are read to fill what is new from history (20000)", whole(1, 100_000_000)),
  workers: setting("N", "worker threads, each a member of its own that shares the partitions with the others; on servers alone (1)", whole(1, 64)),
  "accept-data-loss": setting(null, "a partition that cannot go on keeps its state and goes on from where the log does", toggle),
  stream: setting(null, "remove the customer's events from the log too, and what was published about them", toggle),
  customers: setting("FILE", "ids of customers, one a line; - for standard input", path, { path: true }),
  "with-events": setting(null, "with the customer's events in the log", toggle),
  rebuild: setting(null, "a partition that cannot go on drops its state and begins anew from the oldest event", toggle),
  "take-over": setting(null, "take the embedded folder over from an engine on another host that is gone", toggle),
  "log-level": setting("LEVEL", `how much is logged: ${LOG_LEVELS.join(", ")}`, oneOf(...LOG_LEVELS)),
} as const;

export type SettingName = keyof typeof settings;
export type SettingValue<Name extends SettingName> = (typeof settings)[Name] extends Setting<infer Value> ? Value : never;

/** How one gets in at the servers, beside their addresses. */
export const NATS_ACCESS = ["nats-creds", "nats-nkey", "nats-ca", "nats-cert", "nats-key"] as const satisfies readonly SettingName[];
export const REDIS_ACCESS = ["redis-ca", "redis-cert", "redis-key"] as const satisfies readonly SettingName[];

export const settingNames = Object.keys(settings) as readonly SettingName[];

export const flagOf = (name: string): string => `--${name}`;
export const variableOf = (name: string): string => `EDDY_${name.toUpperCase().replaceAll("-", "_")}`;

/** A raw value checked; `folder` is where its relative paths start. */
export function parseSetting<Name extends SettingName>(name: Name, raw: unknown, folder: string): Parsed<SettingValue<Name>> {
  const { read, path: isPath }: Setting<unknown> = settings[name];
  const found = read(raw);
  if (!found.ok) return found;
  const value = isPath === true && typeof found.value === "string" ? placed(found.value, folder) : found.value;
  // What was read is this very name's.
  return { ok: true, value: value as SettingValue<Name> };
}

/** `-` is standard input or output and stays. */
const placed = (path: string, folder: string): string => (path === "-" || isAbsolute(path) ? path : resolve(folder, path));

export const CLOCK_KINDS = ["broker", "event"] as const;

/** `clock` means a kind of clock to `setup` and an instant to `send`; both may read the same environment and file. */
export const clockKind = oneOf(...CLOCK_KINDS);
export const clockInstant = instant;
