/**
 * A reader of the log: one block at a time, straight from the map, when somebody takes. Nothing is fetched ahead, so
 * there is nothing to bound. While it waits it is woken by appends of its own process and looks for those of others
 * every few milliseconds (one look costs some microseconds).
 */
import type { LogReader, LogRecord } from "../../engine/ports.js";
import { LogChanged, LogClosed } from "../../engine/ports.js";
import type { LogEnds } from "./event-log.js";
import type { Folder } from "./folder.js";
import { ordinal, readOrdinal } from "./keys.js";
import type { BlockCursor } from "./log-blocks.js";
import { blockCount, readBlock } from "./log-blocks.js";
import type { Timer } from "./timer.js";
import { anotherTurn } from "./timer.js";

export interface ReaderOptions {
  readonly from: number;
  readonly timer: Timer;
  readonly pollMs: number;
  readonly ends: () => LogEnds;
  readonly onClose: () => void;
}

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

export function openReader(folder: Folder, options: ReaderOptions): LogReader & { wake(): void } {
  const { events } = folder.tables;
  const { timer, ends } = options;
  const waiting = new Set<Waiting>();
  let cancelPoll: (() => void) | null = null;
  let closed = false;
  let block: BlockCursor | null = null;
  /** The sequence of the next record; at the first take it moves on to the oldest record there is. */
  let position = Math.max(1, options.from);
  let begun = false;
  let newest = 0;

  /** Whether a record is there, or why none will ever be. */
  function look(): boolean {
    if (!folder.inPlace()) throw new LogChanged(`${folder.dir} was deleted or replaced while it was read`);
    folder.refresh();
    const { first, last } = ends();
    newest = last;
    if (!begun) position = Math.max(position, first);
    begun ||= position <= last;
    if (position < first && (block === null || block.left === 0)) {
      throw new LogChanged(`the log in ${folder.dir} begins at ${first}: the records from ${position} on were removed before they were read`);
    }
    return position <= last;
  }

  /** The block that holds the next record. */
  function load(): BlockCursor | null {
    const direct = events.get(ordinal(position));
    if (direct !== undefined) return readBlock(position, direct, position);
    for (const { key, value } of events.getRange({ start: ordinal(position), reverse: true, limit: 1 })) {
      const first = readOrdinal(key, 0);
      if (position < first + blockCount(value)) return readBlock(first, value, position);
    }
    return null;
  }

  function poll(): void {
    cancelPoll = null;
    wake();
    if (waiting.size > 0) cancelPoll ??= timer.after(options.pollMs, poll);
  }

  function wake(): void {
    if (waiting.size === 0) return;
    const settle = attempt(look);
    if (settle === false) return;
    for (const one of waiting) {
      if (settle === true) one.resolve();
      else one.reject(settle);
    }
  }

  return {
    wake,

    get lag() {
      return Math.max(0, newest - position + 1);
    },

    ready(timeoutMs) {
      if (closed) return Promise.reject(new LogClosed("the reader was closed"));
      const there = attempt(look);
      if (there === true) return anotherTurn();
      if (there !== false) return Promise.reject(there);
      return new Promise((resolve, reject) => {
        const done = (settle: () => void): void => {
          waiting.delete(one);
          cancelTimeout();
          if (waiting.size === 0) {
            cancelPoll?.();
            cancelPoll = null;
          }
          settle();
        };
        const one: Waiting = { resolve: () => done(resolve), reject: (error) => done(() => reject(error)) };
        const cancelTimeout = timer.after(timeoutMs, one.resolve);
        waiting.add(one);
        cancelPoll ??= timer.after(options.pollMs, poll);
      });
    },

    take(limit) {
      const taken: LogRecord[] = [];
      while (!closed && taken.length < limit) {
        if (block === null || block.left === 0) {
          if (position > newest && attempt(look) !== true) break;
          block = load();
        }
        if (block === null) break;
        block.take(limit - taken.length, taken);
        position = block.next;
      }
      return taken;
    },

    async close() {
      if (closed) return;
      closed = true;
      options.onClose();
      for (const one of waiting) one.reject(new LogClosed("the reader was closed"));
    },
  };
}

function attempt(look: () => boolean): boolean | Error {
  try {
    return look();
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
