/**
 * History from a file, where the stream no longer has it: an event log whose records are the lines of the file first, then those of
 * the stream.
 *
 * A line's place is its number; records of the stream follow, their sequences shifted by the number of the last line that counts.
 * The lines must stand in order of time: a line's time is its stamp, as the broker's is that of the records behind it. Lines of
 * after the stream's beginning are left out, the stream has them; so are those whose id one of the stream's first records has, and
 * what Eddy wrote for itself. Other duplicates are recognised as in the live flow.
 *
 * It reads the file through twice: once before anything begins (`readHistory`), so that what is wrong with it is known at once.
 */
import { envelopeOf, isFault, type Envelope } from "../envelope.js";
import { hash128Hex } from "../hash.js";
import { LogChanged, LogClosed, type EventLog, type LogInfo, type LogReader, type LogRecord } from "../ports.js";
import { InvalidToken, eventSubject } from "../subjects.js";

/** A file of history cannot be used as it is; the message names the line and says what to do. */
export class HistoryRefused extends Error { override readonly name = "HistoryRefused"; }

export interface HistoryLine {
  /** From 1. */
  readonly number: number;
  /** Null: longer than any event may be. */
  readonly bytes: Uint8Array | null;
}

export interface HistorySource {
  /** For messages. */
  readonly name: string;
  /** From its beginning, each time; empty lines are left out. */
  lines(): Promise<AsyncIterable<readonly HistoryLine[]>>;
}

export interface History {
  readonly source: HistorySource;
  /** The number of the last line that counts; 0: none does. */
  readonly places: number;
  /** Tells it from other files, and from itself when it has changed. */
  readonly mark: string;
  /** Events that count. */
  readonly events: number;
  /** Lines of after the stream's beginning were found, and left out. */
  readonly isCut: boolean;
  /** Of the events that count, ms; null: there are none. */
  readonly from: number | null;
  readonly to: number | null;
  /** Sources and ids of the stream's first records. */
  readonly known: ReadonlySet<string>;
  /** The stream's oldest record when the file was read. */
  readonly streamFirst: number;
}

/** Of the stream's first records the ids are known, so that an event that lies in both counts once. */
const KNOWN_RECORDS = 20_000;
const READ_TIMEOUT_MS = 1000;

/** Reads the file through. Throws HistoryRefused with the first line that is out of order, or no event. */
export async function readHistory(source: HistorySource, log: EventLog): Promise<History> {
  const { clock, first, last } = await log.info();
  const { known, begins } = await streamBeginning(log, clock, first, last);
  let [places, events, isCut] = [0, 0, false];
  let [from, to, toLine]: [number | null, number | null, number] = [null, null, 0];
  let mark = "";
  scanning: for await (const batch of await source.lines()) {
    for (const line of batch) {
      const event = readLine(source, line);
      if (to !== null && event.time < to) {
        throw new HistoryRefused(
          `${source.name}:${line.number}: the event is of ${instant(event.time)}, earlier than line ${toLine} (${instant(to)}). History must stand in order of time: sort it by the time of the events`,
        );
      }
      if (event.time >= begins) {
        isCut = true;
        break scanning;
      }
      [to, toLine, places] = [event.time, line.number, line.number];
      from ??= event.time;
      if (isPassedOver(event, known)) continue;
      events++;
      mark = hash128Hex(`${mark} ${line.number} ${event.time} ${nameOf(event)}`);
    }
  }
  return { source, places, mark: `${places} ${mark}`, events, isCut, from, to, known, streamFirst: first };
}

const instant = (ms: number): string => new Date(ms).toISOString();
const nameOf = ({ source, id }: Pick<Envelope, "source" | "id">): string => `${source}\u0000${id}`;

/** The ids of the stream's first records, and the instant at which it begins. */
async function streamBeginning(log: EventLog, clock: LogInfo["clock"], first: number, last: number): Promise<{ readonly known: Set<string>; readonly begins: number }> {
  const known = new Set<string>();
  let begins = Infinity;
  const end = Math.min(last, first + KNOWN_RECORDS - 1);
  if (first > last) return { known, begins };
  const reader = await log.read(first);
  try {
    for (let at = first - 1; at < end;) {
      await reader.ready(READ_TIMEOUT_MS);
      const records = reader.take(end - at);
      for (const record of records) {
        const event = envelopeIn(record);
        if (event !== null) known.add(nameOf(event));
        if (begins === Infinity) begins = clock === "broker" ? record.stamp : event?.time ?? Infinity;
      }
      at = records.at(-1)?.sequence ?? at;
    }
  } finally {
    await reader.close();
  }
  return { known, begins };
}

function envelopeIn({ headers, body }: LogRecord): Pick<Envelope, "id" | "source" | "time"> | null {
  const id = headers?.get("ce-id");
  if (id !== undefined) return { id: decoded(id), source: decoded(headers?.get("ce-source") ?? ""), time: null };
  try {
    const event = envelopeOf(JSON.parse(Buffer.from(body).toString()));
    return isFault(event) ? null : event;
  } catch {
    return null;
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface HistoryEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly time: number;
  readonly subject: string;
}

function readLine({ name }: Pick<HistorySource, "name">, { number, bytes }: HistoryLine): HistoryEvent {
  const refuse = (what: string): never => {
    throw new HistoryRefused(`${name}:${number}: ${what}. Mend the line or remove it`);
  };
  if (bytes === null) return refuse("the line is longer than an event may be");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  } catch (error) {
    return refuse(`the line is no JSON (${(error as Error).message.slice(0, 100)})`);
  }
  const event = envelopeOf(value);
  if (isFault(event)) return refuse(event.detail);
  const { id, source, type, time } = event;
  if (time === null) return refuse("the event has no time that can be believed: history has no other clock");
  try {
    return { id, source, type, time, subject: eventSubject(type, event.subject) };
  } catch (error) {
    if (error instanceof InvalidToken) return refuse(error.message);
    throw error;
  }
}

/** What Eddy wrote for itself is of no use without the rest of that stream. */
const OWN = "eddy_";

const isPassedOver = (event: HistoryEvent, known: ReadonlySet<string>): boolean => event.type.startsWith(OWN) || known.has(nameOf(event));

// ---------------------------------------------------------------------------------------------------- the log

export function historyLog(history: History, stream: EventLog): EventLog {
  const { places, mark, streamFirst } = history;
  async function info(): Promise<LogInfo> {
    const of = await stream.info();
    return {
      ...of, identity: `${of.identity} behind history ${mark}`, last: of.last + places,
      // What the stream has lost since the file was read lies in neither.
      first: of.first > streamFirst ? of.first + places : 1,
    };
  }
  return {
    info,
    async at(sequence) {
      if (sequence <= places) return null;
      const record = await stream.at(sequence - places);
      return record === null ? null : { sequence, stamp: record.stamp, subject: record.subject };
    },
    ofCustomer: async (token, limit) => (await stream.ofCustomer(token, limit)).map((record) => shifted(record, places)),
    read: (from) => read(history, stream, info, from),
    append: (records) => stream.append(records),
    watch: (listener) => stream.watch(listener),
    close: () => stream.close(),
  };
}

/** Field by field: those of a record may be read when they are asked for. */
const shifted = ({ sequence, stamp, subject, headers, body }: LogRecord, by: number): LogRecord => ({ sequence: sequence + by, stamp, subject, headers, body });

async function read(history: History, stream: EventLog, info: () => Promise<LogInfo>, from: number): Promise<LogReader> {
  const { places, streamFirst, source } = history;
  const behind = { last: (await stream.info()).last };
  let batches: AsyncIterator<readonly HistoryLine[]> | null = from > places ? null : (await source.lines())[Symbol.asyncIterator]();
  let waiting: LogRecord[] = [];
  let position = from - 1;
  let inner: LogReader | null = null;
  let closed = false;

  /** The next lines of the file; at its end, the stream. */
  async function advance(lines: AsyncIterator<readonly HistoryLine[]>): Promise<void> {
    while (waiting.length === 0) {
      const { done, value } = await lines.next();
      const last = done === true ? Infinity : value.at(-1)?.number ?? 0;
      for (const line of done === true ? [] : value) {
        if (line.number < from || line.number > places) continue;
        const event = readLine(source, line);
        if (isPassedOver(event, history.known)) continue;
        waiting.push({ sequence: line.number, stamp: event.time, subject: event.subject, headers: null, body: line.bytes as Uint8Array });
      }
      if (last < places) continue;
      await lines.return?.(undefined);
      batches = null;
      return;
    }
  }

  async function open(): Promise<LogReader> {
    const { first } = await stream.info();
    const next = Math.max(position, places) - places + 1;
    if (first > Math.max(next, streamFirst)) {
      throw new LogChanged(`the stream begins at ${first} by now; what lay between the end of ${source.name} and that is gone. Give a file of history that reaches further, or let the stream keep more`);
    }
    const opened = await stream.read(next);
    if (closed) await opened.close();
    return opened;
  }

  return {
    async ready(timeoutMs) {
      if (closed) throw new LogClosed("the reader was closed");
      if (waiting.length === 0 && batches !== null) await advance(batches);
      if (closed) throw new LogClosed("the reader was closed");
      if (waiting.length > 0) return;
      inner ??= await open();
      await inner.ready(timeoutMs);
    },
    take(limit) {
      if (waiting.length > 0) {
        const some = limit >= waiting.length ? waiting : waiting.slice(0, limit);
        waiting = limit >= waiting.length ? [] : waiting.slice(limit);
        position = some.at(-1)?.sequence ?? position;
        return some;
      }
      const records = inner?.take(limit).map((record) => shifted(record, places)) ?? [];
      position = records.at(-1)?.sequence ?? position;
      return records;
    },
    get lag() { return inner?.lag ?? Math.max(0, behind.last + places - position); },
    async close() {
      closed = true;
      await inner?.close();
      await batches?.return?.(undefined);
    },
  };
}
