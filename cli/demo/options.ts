/** What may be said behind `npm start --`. */
import { Command, Option } from "commander";

import { ConfigurationError } from "../exit.js";
import type { Io } from "../io.js";
import { parseSetting, type ListenAddress } from "../settings.js";

export interface DemoOptions {
  /** End after so many events; null: go on until told to end. */
  readonly once: number | null;
  readonly seed: number;
  /** Plain lines, even on a terminal. */
  readonly lines: boolean;
  /** Events a second; null: as many as the machine takes. */
  readonly perSecond: number | null;
  /** Where metrics are served; null: nowhere; undefined: at the usual place if it is free. */
  readonly http: ListenAddress | null | undefined;
  /** The folder to keep everything in; null: one below .eddy. */
  readonly folder: string | null;
}

export const EVENTS_OF_ONCE = 100_000;
const EVENTS_PER_SECOND = 4_000;
const USUAL_SEED = 1;

/** Throws CommanderError when it has shown the help or a mistake, ConfigurationError for a value that makes no sense. */
export function readOptions(argv: readonly string[], io: Io): DemoOptions {
  const parser = new Command("npm start --")
    .description("The rule library at work on a stream of made-up shop events, without any server. Ctrl-C ends it.")
    .helpOption("-h, --help", "show this")
    .exitOverride()
    .showHelpAfterError("(npm start -- --help shows what there is)")
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text.replace(/^error: /, "eddy: ")),
    })
    .allowExcessArguments(false)
    .addOption(new Option("--once [N]", `end after N events (${EVENTS_OF_ONCE}) with a summary`))
    .addOption(new Option("--seed <N>", `another seed, other customers; the same one, the same again (${USUAL_SEED})`))
    .addOption(new Option("--rate <N>", `events a second, or max (${EVENTS_PER_SECOND})`))
    .addOption(new Option("--lines", "plain lines instead of a live view; so without a terminal"))
    .addOption(new Option("--http <ADDR>", "where metrics and health are served, or off (127.0.0.1:9464 if it is free)"))
    .addOption(new Option("--embedded <DIR>", "keep log and state in this new folder (one below .eddy, gone with the next start)"));
  parser.parse([...argv], { from: "user" });
  const given = parser.opts<Readonly<Record<string, string | true | undefined>>>();
  const { once, rate, http, embedded } = given;
  return {
    once: once === undefined ? null : once === true ? EVENTS_OF_ONCE : whole("--once", once, 1, 1_000_000_000),
    seed: whole("--seed", given["seed"], 0, 4_294_967_295) ?? USUAL_SEED,
    lines: given["lines"] === true,
    perSecond: rate === "max" ? null : whole("--rate", rate, 1, 1_000_000) ?? EVENTS_PER_SECOND,
    http: typeof http === "string" ? address(http, io) : undefined,
    folder: typeof embedded === "string" ? pathOf(embedded, io) : null,
  };
}

function whole(flag: string, text: string | true, least: number, most: number): number;
function whole(flag: string, text: string | true | undefined, least: number, most: number): number | undefined;
function whole(flag: string, text: string | true | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = typeof text === "string" && /^\d{1,12}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new ConfigurationError(`${flag}: it must be a whole number from ${least} to ${most}${flag === "--rate" ? ", or max" : ""}, not ${JSON.stringify(text)}`);
}

function address(text: string, io: Io): ListenAddress | null {
  const parsed = parseSetting("http", text, io.folder);
  if (!parsed.ok) throw new ConfigurationError(`--http: ${parsed.message}, not ${JSON.stringify(text)}`);
  return parsed.value;
}

function pathOf(text: string, io: Io): string {
  const parsed = parseSetting("embedded", text, io.folder);
  if (!parsed.ok) throw new ConfigurationError(`--embedded: ${parsed.message}`);
  return parsed.value;
}
