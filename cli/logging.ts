/**
 * The program's own log, on stderr: JSON lines for machines, one short readable line each on a terminal.
 *
 * Everything goes through redaction: addresses lose their passwords, fields named after secrets their values. An error
 * is a field `err` with its message; its stack stands there only where `EDDY_DEBUG` asks for it.
 */
import { pino, type Logger } from "pino";
import type { Writable } from "node:stream";

import { redact, redactUrl } from "./redact.js";
import type { LogLevel } from "./settings.js";

export type { Logger } from "pino";

export interface LoggingOptions {
  readonly level: LogLevel;
  readonly to: Writable;
  /** Readable lines instead of JSON. */
  readonly readable: boolean;
  /** Stacks of errors too. */
  readonly stacks: boolean;
}

export function createLogger(options: LoggingOptions): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "message",
      errorKey: "err",
      formatters: { level: (label) => ({ level: label }), log: (fields) => clean(fields, options.stacks) },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map((arg) => (typeof arg === "string" ? redactUrl(arg) : arg)) as Parameters<typeof method>);
        },
      },
      serializers: { err: (error: unknown) => (error instanceof Error ? plainError(error, options.stacks) : error) },
    },
    options.readable ? readableLines(options.to) : options.to,
  );
}

function clean(fields: Record<string, unknown>, stacks: boolean): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(redact(fields) as Record<string, unknown>).map(([name, value]) => [
      name,
      value instanceof Error ? plainError(value, stacks) : value,
    ]),
  );
}

function plainError(error: Error, stacks: boolean): Record<string, unknown> {
  return {
    name: error.name,
    message: redactUrl(error.message),
    ...(stacks && error.stack !== undefined ? { stack: redactUrl(error.stack) } : {}),
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
  const rest = Object.entries(fields).map(([name, value]) => ` ${DIM}${name}=${RESET}${visible(typeof value === "string" && !/[\s"]/.test(value) ? value : JSON.stringify(value))}`);
  const stack = typeof failure?.stack === "string" ? `\n${failure.stack}` : "";
  return `${DIM}${clock}${RESET} ${colour}${String(level).padEnd(5)}${colour === "" ? "" : RESET} ${visible(text)}${rest.join("")}${stack}\n`;
}

/** What comes from outside must not steer the terminal. */
function visible(text: string | undefined): string {
  return (text ?? "").replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
