/**
 * What a command has of the world: its streams, its environment, its folder. Handed in, so that a command touches
 * nothing global: data goes to `stdout`, messages to `stderr`.
 */
import type { Readable, Writable } from "node:stream";

import { visibleLines } from "./visible.js";

export interface Io {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Relative paths on the command line start here. */
  readonly folder: string;
  /** stderr is a terminal: progress and colours make sense. */
  readonly terminal: boolean;
  /** Milliseconds since 1970 by the wall clock. */
  now(): number;
  /**
   * Resolves with the name of the first signal that asks the program to end (SIGINT, SIGTERM). Who asks promises to end
   * in an orderly way; a second signal ends the program at once, and so does the first where nobody asked.
   */
  interrupted(): Promise<NodeJS.Signals>;
  /** Starts this program once more beside this process, with these arguments and this environment. Absent where that cannot be. */
  again?(arguments_: readonly string[], environment: Readonly<Record<string, string>>, told: (line: string) => void): Beside;
  /** Calls the listener at each SIGHUP, which from then on ends nothing. */
  onHangUp?(listener: () => void): void;
  /** Calls the listener at each SIGUSR2, which from then on ends nothing. */
  onReport?(listener: () => void): void;
}

/** A process of this program beside this one; it hears when this one ends. */
export interface Beside {
  /** The exit code; null after a signal. */
  readonly ended: Promise<number | null>;
  /** Asks it to end. */
  stop(): void;
}

/** Writes a line of data. No text from outside in it steers a terminal. */
export function print(io: Io, text: string): void {
  io.stdout.write(`${visibleLines(text)}\n`);
}

/** Writes a line for the person who called, likewise. */
export function say(io: Io, text: string): void {
  io.stderr.write(`${visibleLines(text)}\n`);
}
