/**
 * The program's own log, on stderr: JSON lines for machines, one short readable line each on a terminal.
 *
 * Everything goes through redaction: addresses lose their passwords, fields named after secrets their values. An error
 * is a field `err` with its message; its stack stands there only where `EDDY_DEBUG` asks for it.
 */
import type { Writable } from "node:stream";
import { pino } from "pino";

import { redactField, redactText } from "./redact.js";
import type { LogLevel } from "./settings.js";
import { visible, visibleLines } from "./visible.js";

/** More about what is said; an error stands under `err`. */
export type Fields = Readonly<Record<string, unknown>>;

export interface Log {
  debug(message: string, fields?: Fields): void;
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** A log that says these fields with everything. */
  with(fields: Fields): Log;
}

export interface LoggingOptions {
  readonly level: LogLevel;
  readonly to: Writable;
  /** Readable lines instead of JSON. */
  readonly readable: boolean;
  /** Stacks of errors too. */
  readonly stacks: boolean;
}

export function createLog({ level, to, readable, stacks }: LoggingOptions): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "message",
      formatters: { level: (label) => ({ level: label }) },
      // pino would make an error of ours out of what plainError has left of it.
      serializers: { err: (value: unknown) => value },
    },
    readable ? readableLines(to) : to,
  );
  const build = (always: Fields): Log => {
    const write = (at: Exclude<LogLevel, "silent">) => (message: string, fields: Fields = {}): void => {
      if (logger.isLevelEnabled(at)) logger[at](clean({ ...always, ...fields }, stacks), redactText(message));
    };
    return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error"), with: (fields) => build({ ...always, ...fields }) };
  };
  return build({});
}

function clean(fields: Fields, stacks: boolean): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Error ? plainError(value, stacks) : redactField(name, value)]),
  );
}

function plainError(error: Error, stacks: boolean): Record<string, unknown> {
  return {
    name: error.name,
    message: redactText(error.message),
    ...(stacks && error.stack !== undefined ? { stack: redactText(error.stack) } : {}),
  };
}

const COLOURS: Readonly<Record<string, string>> = { debug: "\u001b[2m", info: "", warn: "\u001b[33m", error: "\u001b[31m" };
const RESET = "\u001b[0m";
const DIM = "\u001b[2m";

/** Turns pino's lines into `10:00:00.123 warn  lost the connection  address=nats://…`. */
function readableLines(to: Writable): { write(line: string): void } {
  return {
    write(line) {
      to.write(readableLine(line));
    },
  };
}

/** One line of JSON as a readable one. */
export function readableLine(json: string): string {
  const { level, time, message, err, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const colour = COLOURS[String(level)] ?? "";
  const clock = String(time).slice(11, 23);
  const failure = typeof err === "object" && err !== null ? (err as { readonly message?: unknown; readonly stack?: unknown }) : null;
  const text = [message, failure?.message].filter((part) => part !== undefined && part !== "").join(": ");
  const rest = Object.entries(fields).map(([name, value]) => ` ${DIM}${name}=${RESET}${visible((typeof value === "string" && !/[\s"]/.test(value) ? value : JSON.stringify(value)) ?? "")}`);
  const stack = typeof failure?.stack === "string" ? `\n${visibleLines(failure.stack)}` : "";
  return `${DIM}${clock}${RESET} ${colour}${String(level).padEnd(5)}${colour === "" ? "" : RESET} ${visible(text)}${rest.join("")}${stack}\n`;
}
