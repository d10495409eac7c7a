/**
 * Every setting of every command in one table: its name, what a value must look like, what it is for.
 *
 * A setting `partition-count` is the flag `--partition-count`, the environment variable `EDDY_PARTITION_COUNT` and the key
 * `partition-count` of eddy.yaml. What wins over what is config.ts's business; which command knows which setting, the
 * commands'. Values arrive as text, or as a scalar from eddy.yaml.
 */
import { isAbsolute, resolve } from "node:path";
import { z } from "zod";

import { parseTime } from "../engine/envelope.js";

/** What the value of a flag is called in the help; null: the flag stands alone. */
type Placeholder = string | null;

interface Setting<Schema extends z.ZodType> {
  readonly schema: Schema;
  readonly placeholder: Placeholder;
  readonly description: string;
  /** A file or folder: relative ones belong to the folder of what names them. */
  readonly path?: true;
  /** Environment variables that are read after `EDDY_…`. */
  readonly alsoFrom?: readonly string[];
}

const setting = <Schema extends z.ZodType>(
  placeholder: Placeholder,
  description: string,
  schema: Schema,
  more: Pick<Setting<Schema>, "path" | "alsoFrom"> = {},
): Setting<Schema> => ({ schema, placeholder, description, ...more });

// ---------------------------------------------------------------------------------------------------- kinds of values

const text = z.union([z.string(), z.number().transform(String)], { error: "it must be a text" }).pipe(z.string().min(1, "it is empty"));

const ON = new Set(["1", "true", "yes", "on"]);
const OFF = new Set(["0", "false", "no", "off"]);
const toggle = z.union([z.boolean(), z.string(), z.number()], { error: "it must be true or false" }).transform((value, context) => {
  if (typeof value === "boolean") return value;
  const word = String(value).toLowerCase();
  if (ON.has(word)) return true;
  if (OFF.has(word)) return false;
  context.addIssue({ code: "custom", message: "it must be true or false" });
  return z.NEVER;
});

/** A whole number within bounds. */
const whole = (least: number, most: number) =>
  z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)], { error: `it must be a whole number from ${least} to ${most}` })
    .refine((value) => Number.isInteger(value) && value >= least && value <= most, `it must be a whole number from ${least} to ${most}`);

const oneOf = <const Word extends string>(...words: readonly [Word, ...Word[]]) =>
  z.enum(words, { error: `it must be ${words.slice(0, -1).join(", ")}${words.length > 1 ? " or " : ""}${words.at(-1) ?? ""}` });

/** Path or `-`; resolved by config.ts against the folder it belongs to. */
const path = text;

/** An instant as RFC 3339, as a date (its midnight in UTC) or as a date and a time of day in UTC. */
const instant = text.transform((value, context) => {
  const full = /^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00:00Z`
    : /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d$/.test(value) ? `${value.replace(" ", "T")}:00Z`
      : /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?$/.test(value) ? `${value.replace(" ", "T")}Z`
        : value;
  const ms = parseTime(full);
  if (ms !== null) return ms;
  context.addIssue({ code: "custom", message: "it must be an instant such as 2026-03-02T10:00:00Z, from 1970 to 2199" });
  return z.NEVER;
});

/** Addresses of a server, several with commas between them; a missing scheme is the first one's. */
const addresses = (schemes: readonly [string, ...string[]], example: string) =>
  text.transform((value, context) => {
    const parts = value.split(",").map((part) => part.trim());
    const whole = parts.map((part) => (part.includes("://") ? part : `${schemes[0]}://${part}`));
    for (const part of whole) {
      const url = URL.canParse(part) ? new URL(part) : null;
      if (url === null || url.hostname === "" || !schemes.includes(url.protocol.slice(0, -1))) {
        context.addIssue({ code: "custom", message: `it must be an address such as ${example}` });
        return z.NEVER;
      }
    }
    return whole.join(",");
  });

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** `HOST:PORT`, `PORT` (on this machine only) or `off` (null). Port 0 takes any free one. */
const listenAddress = z.union([z.string(), z.number().transform(String), z.literal(false).transform(() => "off")], { error: "it must be HOST:PORT or off" })
  .transform((value, context): ListenAddress | null => {
    if (OFF.has(value.toLowerCase()) && value !== "0") return null;
    const parts = /^(?:\[([0-9a-fA-F:.%]+)\]:|([A-Za-z0-9_.-]+):)?(\d{1,5})$/.exec(value);
    const port = Number(parts?.[3]);
    if (parts !== null && port <= 65_535) return { host: parts[1] ?? parts[2] ?? "127.0.0.1", port };
    context.addIssue({ code: "custom", message: "it must be HOST:PORT such as 127.0.0.1:9464 (0.0.0.0:9464 for every network), or off" });
    return z.NEVER;
  });

// ---------------------------------------------------------------------------------------------------- the table

export const LOG_LEVELS = ["debug", "info", "warn", "error", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export const settings = {
  rules: setting("RULES", "folder of *.eddy files, one such file, or - for standard input", path, { path: true }),
  nats: setting("URL", "address of NATS, several with commas (nats://127.0.0.1:4222)", addresses(["nats", "tls", "ws", "wss"], "nats://127.0.0.1:4222"), { alsoFrom: ["NATS_URL"] }),
  "nats-creds": setting("FILE", "credentials file for NATS", path, { path: true }),
  redis: setting("URL", "address of Redis (redis://127.0.0.1:6379)", addresses(["redis", "rediss"], "redis://127.0.0.1:6379"), { alsoFrom: ["REDIS_URL"] }),
  embedded: setting("DIR", "keep log and state in this folder, without servers", path, { path: true }),
  http: setting("ADDR", "where metrics, health and POST /events are served; off for nowhere", listenAddress),
  watch: setting(null, "take over changed rules while running", toggle),
  workers: setting("N", "threads that own partitions", whole(1, 64)),
  partitions: setting("N", "shares into which the customers are divided; fixed at set-up", whole(1, 1024)),
  clock: setting("CLOCK", "what moves the clock", text),
  json: setting(null, "JSON on standard output", toggle),
  cost: setting(null, "what each declaration costs per customer and event", toggle),
  events: setting("FILE", "the events, one CloudEvent a line; - for standard input, .gz is gzip", path, { path: true }),
  until: setting("TIME", "move the clock on to this instant after the last event", instant),
  actions: setting("OUT", "write the actions to this file; - for standard output, .gz is gzip", path, { path: true }),
  changes: setting("OUT", "write the changes of membership to this file", path, { path: true }),
  members: setting("OUT", "write the members of all segments at the end to this file", path, { path: true }),
  traits: setting("OUT", "write the traits of all customers at the end to this file", path, { path: true }),
  "log-level": setting("LEVEL", `how much is logged: ${LOG_LEVELS.join(", ")}`, oneOf(...LOG_LEVELS)),
} as const;

export type SettingName = keyof typeof settings;
export type SettingValue<Name extends SettingName> = z.output<(typeof settings)[Name]["schema"]>;

export const settingNames = Object.keys(settings) as readonly SettingName[];

export const flagOf = (name: string): string => `--${name}`;
export const variableOf = (name: string): string => `EDDY_${name.toUpperCase().replaceAll("-", "_")}`;

export type Parsed<Value> = { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly message: string };

/** A raw value checked; `folder` is where its relative paths start. */
export function parseSetting<Name extends SettingName>(name: Name, raw: unknown, folder: string): Parsed<SettingValue<Name>> {
  const { schema, path: isPath }: Setting<z.ZodType> = settings[name];
  const parsed = schema.safeParse(raw);
  if (!parsed.success) return { ok: false, message: parsed.error.issues[0]?.message ?? "it makes no sense" };
  const value = isPath === true && typeof parsed.data === "string" ? placed(parsed.data, folder) : parsed.data;
  // The schema is this very name's.
  return { ok: true, value: value as SettingValue<Name> };
}

/** `-` is standard input or output and stays. */
const placed = (path: string, folder: string): string => (path === "-" || isAbsolute(path) ? path : resolve(folder, path));

export const CLOCK_KINDS = ["broker", "event"] as const;

/** `clock` means a kind of clock to `setup` and an instant to `send`; both may read the same environment and file. */
export const clockKind = oneOf(...CLOCK_KINDS);
export const clockInstant = instant;
