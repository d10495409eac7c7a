/**
 * The event log in the folder. A record's sequence is one more than the one's before; its stamp is the clock's `now`
 * when it was appended, never less than the stamp before it, so a clock set back does not turn time around.
 *
 * The row `log` holds the first and last sequence, the last stamp and the size of all blocks. Appending is one transaction per 5,000 records or
 * 4 MB: other processes get their turn in between.
 */
import type { Appended, ConnectionState, EventLog, LogInfo, LogReader, LogRecord, NewRecord } from "../../engine/ports.js";
import { LogClosed, LogFull, LogMissing, RecordTooLarge } from "../../engine/ports.js";
import { logFailure } from "./failures.js";
import type { Folder, Table } from "./folder.js";
import { ordinal, readOrdinal } from "./keys.js";
import { blockCount, blockStamp, blockWriter, MAX_ID_LENGTH, readBlock, readIds } from "./log-blocks.js";
import { openReader } from "./log-reader.js";
import type { RecentIds } from "./recent-ids.js";
import { DUPLICATE_WINDOW_MS, hashOf, recentIds } from "./recent-ids.js";
import type { Timer } from "./timer.js";
import { anotherTurn } from "./timer.js";

export interface EventLogOptions {
  readonly now: () => number;
  readonly timer: Timer;
  /** How often a waiting reader looks for what other processes have appended. */
  readonly pollMs: number;
  /** No more events are taken when the blocks of all records would be larger than this; no limit unless given. */
  readonly maxBytes?: number;
  /** Resolves when all that is written is as durable as was asked for. */
  readonly settled: () => Promise<void>;
}

export interface EmbeddedEventLog extends EventLog {
  /**
   * Removes the records before that sequence. Space is freed block by block, so that of up to one block later. A reader
   * that has not come so far fails with LogChanged.
   */
  trim(before: number): void;
}

const RECORDS_PER_WRITE = 5_000;
const BYTES_PER_WRITE = 4 * 2 ** 20;
const MAX_RECORD_BYTES = 8 * 2 ** 20;
const MAX_SUBJECT_BYTES = 4_000;
const SUBJECT = /^events(\.[^\s.*>]+)+$/;

export function embeddedEventLog(folder: Folder, options: EventLogOptions): EmbeddedEventLog {
  const { events, ids: idBlocks, meta } = folder.tables;
  const readers = new Set<LogReader & { wake(): void }>();
  const recognised = recognisedIds(idBlocks);
  let blockBytes = 0;
  const writer = blockWriter(({ first, records, ids }) => {
    const key = ordinal(first);
    events.put(key, records);
    blockBytes += records.length;
    if (ids !== null) idBlocks.put(key, ids);
  });
  let closed = false;

  function checkOpen(): void {
    if (closed) throw new LogClosed("the event log was closed");
    if (!folder.inPlace()) throw new LogMissing(`${folder.dir} was deleted or replaced while it was open: start anew`);
  }

  function appendSome(records: readonly NewRecord[], from: number, to: number, appended: Appended[]): void {
    const { first, last, stamp, bytes } = readEnds(meta);
    const instant = Math.max(Math.trunc(options.now()), stamp);
    recognised.begin(last + 1, instant);
    writer.begin(last + 1, instant);
    blockBytes = bytes;
    let sequence = last;
    for (let i = from; i < to; i++) {
      const record = records[i];
      if (record === undefined) break;
      const earlier = record.id === undefined ? 0 : recognised.find(record.id);
      if (earlier > 0) {
        appended[i] = { sequence: earlier, duplicate: true };
        continue;
      }
      sequence += 1;
      writer.add(record);
      recognised.add(record.id, sequence);
      appended[i] = { sequence, duplicate: false };
    }
    writer.end();
    if (sequence === last) return;
    if (blockBytes > (options.maxBytes ?? Number.POSITIVE_INFINITY)) {
      throw new LogFull(`the log in ${folder.dir} has reached its limit of ${options.maxBytes} bytes: raise the limit, or remove old events`);
    }
    writeEnds(meta, { first, last: sequence, stamp: instant, bytes: blockBytes });
    recognised.removeOld();
  }

  return {
    async info(): Promise<LogInfo> {
      checkOpen();
      folder.refresh();
      const { first, last } = readEnds(meta);
      const { identity, clock, partitions } = folder.format;
      return { identity, clock, partitions, first, last };
    },

    async at(sequence) {
      checkOpen();
      folder.refresh();
      const { first, last } = readEnds(meta);
      if (!(sequence >= first && sequence <= last)) return null;
      for (const { key, value } of events.getRange({ start: ordinal(sequence), reverse: true, limit: 1 })) {
        const found: LogRecord[] = [];
        readBlock(readOrdinal(key, 0), value, sequence).take(1, found);
        return found[0] === undefined ? null : { sequence, stamp: found[0].stamp, subject: found[0].subject };
      }
      return null;
    },

    async ofCustomer(token, limit) {
      checkOpen();
      folder.refresh();
      const { first, last } = readEnds(meta);
      const records: LogRecord[] = [];
      const own = `.${token}`;
      for (let from = first; from <= last;) {
        const [entry] = events.getRange({ start: ordinal(from), reverse: true, limit: 1 });
        if (entry === undefined) break;
        const block = readBlock(readOrdinal(entry.key, 0), entry.value, from);
        const found: LogRecord[] = [];
        block.take(block.left, found);
        for (const record of found) if (record.subject.endsWith(own)) records.push(record);
        if (records.length > 2 * limit) records.splice(0, records.length - limit);
        from = Math.max(block.next, from + 1);
        await anotherTurn();
      }
      return records.slice(-limit);
    },

    async read(from) {
      checkOpen();
      const reader = openReader(folder, {
        from, timer: options.timer, pollMs: options.pollMs, ends: () => readEnds(meta), onClose: () => readers.delete(reader),
      });
      readers.add(reader);
      return reader;
    },

    async append(records) {
      checkOpen();
      const sizes = records.map(checkedSize);
      const appended: Appended[] = [];
      for (let from = 0; from < records.length;) {
        if (closed) throw new LogClosed("the event log was closed");
        const to = endOfWrite(sizes, from);
        try {
          folder.write(() => appendSome(records, from, to, appended));
        } catch (error) {
          recognised.forget();
          throw logFailure(error, folder.dir);
        }
        from = to;
        for (const reader of readers) reader.wake();
        await anotherTurn();
      }
      await options.settled();
      return appended;
    },

    trim(before) {
      folder.write(() => {
        const ends = readEnds(meta);
        const first = Math.min(Math.max(before, ends.first), ends.last + 1);
        const removed: string[] = [];
        let bytes = ends.bytes;
        for (const { key, value } of events.getRange({ end: ordinal(first) })) {
          if (readOrdinal(key, 0) + blockCount(value) > first) break;
          removed.push(key);
          bytes -= value.length;
        }
        for (const key of removed) events.remove(key);
        writeEnds(meta, { ...ends, first, bytes });
      });
    },

    watch(listener: (state: ConnectionState) => void) {
      listener("connected");
      return () => undefined;
    },

    async close() {
      if (closed) return;
      closed = true;
      for (const reader of [...readers]) await reader.close();
    },
  };
}

// ------------------------------------------------------------------------------------------------- first and last

export interface LogEnds {
  readonly first: number;
  readonly last: number;
  readonly stamp: number;
  /** Of all blocks. */
  readonly bytes: number;
}

const ENDS = "log";

export function readEnds(meta: Table): LogEnds {
  const row = meta.get(ENDS);
  return row === undefined
    ? { first: 1, last: 0, stamp: 0, bytes: 0 }
    : { first: row.readDoubleLE(0), last: row.readDoubleLE(8), stamp: row.readDoubleLE(16), bytes: row.readDoubleLE(24) };
}

export function writeEnds(meta: Table, { first, last, stamp, bytes }: LogEnds): void {
  const row = Buffer.allocUnsafe(32);
  row.writeDoubleLE(first, 0);
  row.writeDoubleLE(last, 8);
  row.writeDoubleLE(stamp, 16);
  row.writeDoubleLE(bytes, 24);
  meta.put(ENDS, row);
}

// ------------------------------------------------------------------------------------------------- what is appended

/** Before anything is written, so that one malformed record leaves no half of a batch behind. */
function checkedSize({ subject, body, id }: NewRecord): number {
  if (!SUBJECT.test(subject) || Buffer.byteLength(subject) > MAX_SUBJECT_BYTES) {
    throw new TypeError(`'${subject.slice(0, 100)}' is not the subject of an event`);
  }
  if (id !== undefined && id.length > MAX_ID_LENGTH) {
    throw new TypeError(`the id ${id.slice(0, 100)}… is longer than ${MAX_ID_LENGTH} characters`);
  }
  const bytes = typeof body === "string" ? Buffer.byteLength(body) : body.length;
  if (bytes > MAX_RECORD_BYTES) throw new RecordTooLarge(`a record of ${bytes} bytes is larger than the log takes (${MAX_RECORD_BYTES})`);
  return bytes;
}

function endOfWrite(sizes: readonly number[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < sizes.length && to - from < RECORDS_PER_WRITE && bytes < BYTES_PER_WRITE) bytes += sizes[to++] ?? 0;
  return to;
}

// ------------------------------------------------------------------------------------------------- duplicates

interface RecognisedIds {
  /** At the beginning of a transaction: the sequence that comes next, and the instant. */
  begin(next: number, instant: number): void;
  /** The sequence that was appended under this id within the window; 0: none. */
  find(id: string): number;
  add(id: string | undefined, sequence: number): void;
  /** Removes from the folder what has left the window, a bounded share of it. */
  removeOld(): void;
  /** After a transaction that failed: what it added is not there. */
  forget(): void;
}

const MOST_REMOVED = 64;

function recognisedIds(blocks: Table): RecognisedIds {
  let memory: RecentIds = recentIds();
  /** Up to here the memory knows the blocks. */
  let known = 0;
  let instant = 0;
  /** What this transaction appends: not yet in a block. */
  let beginning = 1;
  let fresh: (string | undefined)[] = [];
  let read: { readonly first: number; readonly stamp: number; readonly ids: readonly (string | undefined)[] } | null = null;

  function learn(next: number): void {
    for (const { key, value } of blocks.getRange({ start: ordinal(known), end: ordinal(next) })) {
      const stamp = blockStamp(value);
      if (instant - stamp >= DUPLICATE_WINDOW_MS) continue;
      const first = readOrdinal(key, 0);
      for (const [i, id] of readIds(value).entries()) if (id !== undefined) memory.add(hashOf(id), first + i, stamp);
    }
    known = next;
  }

  function carries(sequence: number, id: string): boolean {
    if (sequence >= beginning) return fresh[sequence - beginning] === id;
    if (read === null || sequence < read.first || sequence >= read.first + read.ids.length) {
      read = null;
      for (const { key, value } of blocks.getRange({ start: ordinal(sequence), reverse: true, limit: 1 })) {
        read = { first: readOrdinal(key, 0), stamp: blockStamp(value), ids: readIds(value) };
      }
    }
    return read !== null && read.ids[sequence - read.first] === id && instant - read.stamp < DUPLICATE_WINDOW_MS;
  }

  return {
    begin(next, now) {
      instant = now;
      memory.prune(now);
      if (known !== next) learn(next);
      beginning = next;
      fresh = [];
    },
    find: (id) => memory.find(hashOf(id), (sequence) => carries(sequence, id)),
    add(id, sequence) {
      fresh.push(id);
      known = sequence + 1;
      if (id !== undefined) memory.add(hashOf(id), sequence, instant);
    },
    removeOld() {
      const old: string[] = [];
      for (const { key, value } of blocks.getRange({ limit: MOST_REMOVED })) {
        if (instant - blockStamp(value) < DUPLICATE_WINDOW_MS) break;
        old.push(key);
      }
      for (const key of old) blocks.remove(key);
    },
    forget() {
      memory = recentIds();
      known = 0;
      read = null;
    },
  };
}
