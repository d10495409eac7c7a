/**
 * Where settings come from: flags over environment variables over eddy.yaml over what the command does by itself.
 *
 * eddy.yaml lies in the current folder, or where `--config` or EDDY_CONFIG says. It is checked as a whole: an unknown key
 * or a value that makes no sense is refused even where this command would not have used it. Everything wrong is told at
 * once, each with the setting's name and where the value came from. Values are never printed as they are: an address may
 * hold a password.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import type * as Yaml from "yaml";

import { didYouMean, nearest } from "../dsl/diagnostics/suggest.js";
import { ConfigurationError } from "./exit.js";
import type { Io } from "./io.js";
import { redactText } from "./redact.js";
import { flagOf, parseSetting, settingNames, settings, variableOf, type Read, type SettingName, type SettingValue } from "./settings.js";

export const CONFIGURATION_FILE = "eddy.yaml";

/** Variables of Eddy's that are no settings. */
const OTHER_VARIABLES = ["EDDY_CONFIG", "EDDY_DEBUG", "EDDY_APPLIED_BY"];

/** Where a value was found. `words` reads on from "the value": `from EDDY_HTTP`. */
export interface Origin {
  readonly kind: "flag" | "environment" | "file";
  readonly words: string;
}

export interface Configuration {
  /** The checked value, or undefined where none was given. */
  get<Name extends SettingName>(name: Name): SettingValue<Name> | undefined;
  origin(name: SettingName): Origin | null;
  /** What was written, its relative paths from the root; for handing it on to another process. */
  raw(name: SettingName): string | undefined;
  /** Like `get` for a value that this command reads more closely; one that belongs to another command is passed over. */
  narrow<Value>(name: SettingName, read: Read<Value>, others?: Read<unknown>): Value | undefined;
  /** The file that was read, or null. */
  readonly file: string | null;
  /** What a person should know although it stops nothing. */
  readonly warnings: readonly string[];
}

interface Found {
  readonly raw: unknown;
  readonly origin: Origin;
  /** Relative paths start here. */
  readonly folder: string;
}

/** What the flags of the call said, by name; `config` is the path of the file. */
export interface FlagValues {
  readonly config?: string | undefined;
  readonly values: ReadonlyMap<SettingName, unknown>;
}

/** Throws ConfigurationError. */
export function readConfiguration(io: Pick<Io, "environment" | "folder">, flags: FlagValues): Configuration {
  const faults: string[] = [];
  const file = readFile(io, flags.config, faults);
  const found = new Map<SettingName, Found>();
  const values = new Map<SettingName, unknown>();
  for (const name of settingNames) {
    const place = fromFlags(name, flags, io.folder) ?? fromEnvironment(name, io) ?? file.found.get(name);
    // What lies in the file is checked even where a flag hides it.
    for (const each of new Set([place, file.found.get(name)])) {
      if (each === undefined) continue;
      const parsed = parseSetting(name, each.raw, each.folder);
      if (!parsed.ok) faults.push(fault(name, each, parsed.message));
      else if (each === place) values.set(name, parsed.value);
    }
    if (place !== undefined) found.set(name, place);
  }
  if (faults.length > 0) throw new ConfigurationError(faults.join("\n"));
  return {
    // The table ties the value's type to its name; a Map cannot.
    get: <Name extends SettingName>(name: Name) => values.get(name) as SettingValue<Name> | undefined,
    origin: (name) => found.get(name)?.origin ?? null,
    raw(name) {
      const place = found.get(name);
      if (place === undefined || typeof place.raw === "object") return undefined;
      const { path = false } = settings[name] as { readonly path?: boolean };
      return path && place.raw !== "-" ? resolve(place.folder, String(place.raw)) : String(place.raw);
    },
    narrow: (name, read, others) => narrow(values.get(name), name, found.get(name), read, others),
    file: file.path,
    warnings: strangeVariables(io.environment),
  };
}

function fault(name: SettingName, found: Found, message: string): string {
  const shown = typeof found.raw === "object" && found.raw !== null ? "a list or group" : JSON.stringify(redactText(harmless(name, String(found.raw))));
  return `${flagOf(name)}: ${message}, not ${shown} (${found.origin.words})`;
}

/** An address that makes no sense may hold its password anywhere before its last @; of that only scheme and user are shown. */
function harmless(name: SettingName, raw: string): string {
  return name === "nats" || name === "redis" ? raw.replace(/^([a-z]+:\/\/(?:[^\s:@/]*:)?)?[\s\S]*@/i, "$1***@") : raw;
}

function narrow<Value>(value: unknown, name: SettingName, found: Found | undefined, read: Read<Value>, others: Read<unknown> | undefined): Value | undefined {
  if (found === undefined) return undefined;
  const parsed = read(value);
  if (parsed.ok) return parsed.value;
  if (found.origin.kind !== "flag" && others?.(value).ok === true) return undefined;
  throw new ConfigurationError(fault(name, found, parsed.message));
}

// ---------------------------------------------------------------------------------------------------- flags, environment

function fromFlags(name: SettingName, flags: FlagValues, folder: string): Found | undefined {
  const raw = flags.values.get(name);
  return raw === undefined ? undefined : { raw, folder, origin: { kind: "flag", words: "from the command line" } };
}

function fromEnvironment(name: SettingName, io: Pick<Io, "environment" | "folder">): Found | undefined {
  const { alsoFrom = [] } = settings[name] as { readonly alsoFrom?: readonly string[] };
  for (const variable of [variableOf(name), ...alsoFrom]) {
    const raw = io.environment[variable];
    if (raw !== undefined && raw !== "") return { raw, folder: io.folder, origin: { kind: "environment", words: `from ${variable}` } };
  }
  return undefined;
}

/** Variables that look like a slip of the finger. Others that begin with EDDY_ may be somebody's own. */
function strangeVariables(environment: Io["environment"]): string[] {
  const known = [...settingNames.map(variableOf), ...OTHER_VARIABLES];
  return Object.keys(environment)
    .filter((name) => name.startsWith("EDDY_") && !known.includes(name))
    .sort()
    .flatMap((name) => {
      // The common beginning would make everything look alike.
      const meant = nearest(name.slice(5), known.map((other) => other.slice(5)));
      return meant === null ? [] : [`the environment variable ${name} is not read: did you mean EDDY_${meant}?`];
    });
}

// ---------------------------------------------------------------------------------------------------- eddy.yaml

interface ConfigurationFile {
  readonly path: string | null;
  readonly found: ReadonlyMap<SettingName, Found>;
}

const NO_FILE: ConfigurationFile = { path: null, found: new Map() };

function readFile(io: Pick<Io, "environment" | "folder">, flag: string | undefined, faults: string[]): ConfigurationFile {
  const named = flag ?? (io.environment["EDDY_CONFIG"] || undefined);
  const path = resolve(io.folder, named ?? CONFIGURATION_FILE);
  const text = textOf(path);
  if (text === null) {
    if (named === undefined) return NO_FILE;
    throw new ConfigurationError(`--config: cannot read ${named} (${flag === undefined ? "from EDDY_CONFIG" : "from the command line"})`);
  }
  return { path, found: parseFile(path, named ?? CONFIGURATION_FILE, text, faults) };
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "EACCES" || code === "EISDIR" || code === "ENOTDIR") return null;
    throw error;
  }
}

function parseFile(path: string, shown: string, text: string, faults: string[]): Map<SettingName, Found> {
  // Loaded where there is a file: most calls have none, and should not wait for it.
  const { isMap, isScalar, LineCounter, parseDocument } = createRequire(import.meta.url)("yaml") as typeof Yaml;
  const found = new Map<SettingName, Found>();
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) faults.push(`${shown}:${lines.linePos(error.pos[0]).line}: ${error.message}`);
  if (document.errors.length > 0 || document.contents === null) return found;
  if (!isMap(document.contents)) {
    faults.push(`${shown}: it must hold settings, one a line, such as "http: 127.0.0.1:9464"`);
    return found;
  }
  for (const pair of document.contents.items) {
    const line = isScalar(pair.key) ? lines.linePos(pair.key.range?.[0] ?? 0).line : 1;
    const name = String(isScalar(pair.key) ? pair.key.value : pair.key);
    if (!isSettingName(name)) {
      faults.push(`${shown}:${line}: there is no setting ${JSON.stringify(name)}${suggestion(name)}`);
      continue;
    }
    const raw: unknown = isScalar(pair.value) ? pair.value.value : pair.value === null ? null : document.toJS()[name];
    // A key without a value says nothing; it is what is left when somebody clears a line.
    if (raw === null) continue;
    found.set(name, { raw, folder: dirname(path), origin: { kind: "file", words: `from ${shown}, line ${line}` } });
  }
  return found;
}

const isSettingName = (name: string): name is SettingName => Object.hasOwn(settings, name);

function suggestion(name: string): string {
  const spelled = name.replaceAll("_", "-").replace(/([a-z])([A-Z])/g, "$1-$2").toLowerCase();
  const meant = isSettingName(spelled) ? `did you mean "${spelled}"?` : didYouMean(spelled, settingNames);
  return meant === undefined ? `; there are ${settingNames.join(", ")}` : `: ${meant}`;
}
