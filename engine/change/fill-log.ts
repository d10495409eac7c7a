/**
 * The event log as it is read to fill a change from history: at a bounded rate, and nothing is ever appended. Time comes from
 * the log alone; what the filler's partitions say to each other goes past it (fill-words.ts).
 */
import type { Environment } from "../environment.js";
import type { EventLog, LogReader, LogRecord } from "../ports.js";
import { isSaid, type FillWords } from "./fill-words.js";

export interface FillLog extends EventLog {
  /** Everything up to this sequence was handed out; null: nothing is read yet. */
  readonly position: number | null;
}

/** Where the partitions stand, as the store has said. */
export interface FillStanding {
  /** Every partition had come so far, at most, when it was opened: what is said must come behind that. */
  begun: number;
  /** All have taken their marker: no record of the log is ever taken again. */
  hasEnded: boolean;
}

export interface FillLogParts {
  readonly log: EventLog;
  /** Records a second; Infinity: as fast as it goes. */
  readonly rate: () => number;
  readonly words: FillWords;
  readonly standing: FillStanding;
  readonly environment: Pick<Environment, "seconds" | "pause">;
}

/** Records come in portions of so much time: live events between two of them wait for one portion at most. */
const PORTION_SECONDS = 0.02;
/** What was not taken in time is not made up for in one go. */
const MOST_SAVED_SECONDS = 0.1;

export function fillLog({ log, rate, words, standing, environment }: FillLogParts): FillLog {
  const reached: { position: number | null } = { position: null };
  const own = (records: readonly LogRecord[]): LogRecord[] => {
    reached.position = records.at(-1)?.sequence ?? reached.position;
    return records.filter(({ subject }) => !isSaid(subject));
  };
  return {
    get position() { return reached.position; },
    async info() {
      const info = await log.info();
      // What was said behind the end has a place there.
      return { ...info, last: Math.max(info.last, standing.begun) };
    },
    at: (sequence) => log.at(sequence),
    ofCustomer: (token, limit) => log.ofCustomer(token, limit),
    async read(from) {
      const { last } = await log.info();
      reached.position = Math.min(from - 1, last);
      return withWords(bounded(await log.read(Math.min(from, last + 1)), rate, environment), words, standing, own);
    },
    async append(records) {
      await words.say(records);
      return records.map(() => ({ sequence: 0, duplicate: true }));
    },
    watch: (listener) => log.watch(listener),
    close: () => Promise.resolve(),
  };
}

/** What was said meanwhile comes soon, though the log holds nothing new. */
const WORD_TIMEOUT_MS = 20;

function withWords(reader: LogReader, words: FillWords, standing: FillStanding, own: (records: readonly LogRecord[]) => LogRecord[]): LogReader {
  let last = 0;
  /** The place of what is said next; null: none may be said yet. Numbers of words hang on it, so none may come again after a restart. */
  const place = (): number | null => (last > standing.begun ? last : standing.hasEnded ? standing.begun + 1 : null);
  const mayBeTold = (): boolean => words.isWaiting && place() !== null;
  return {
    async ready(timeoutMs) {
      if (!mayBeTold()) await reader.ready(words.isQuiet ? timeoutMs : Math.min(timeoutMs, WORD_TIMEOUT_MS));
    },
    take(limit) {
      const at = place();
      if (words.isWaiting && at !== null) return words.take(limit, at);
      const records = reader.take(limit);
      last = records.at(-1)?.sequence ?? last;
      return own(records);
    },
    /** None, as far as partitions ask before they say something: nobody else is to hear it sooner. */
    lag: 0,
    close: () => reader.close(),
  };
}

function bounded(reader: LogReader, rate: () => number, { seconds, pause }: Pick<Environment, "seconds" | "pause">): LogReader {
  const closing = new AbortController();
  let allowed = 0;
  let since = seconds();
  const save = (): void => {
    const now = seconds();
    allowed = Math.min(allowed + (now - since) * rate(), Math.max(1, rate() * MOST_SAVED_SECONDS));
    since = now;
  };
  return {
    async ready(timeoutMs) {
      if (rate() === Infinity) return reader.ready(timeoutMs);
      save();
      const wanted = Math.max(1, rate() * PORTION_SECONDS);
      if (allowed < wanted) await pause(Math.min(timeoutMs, Math.max(1, Math.ceil(((wanted - allowed) / rate()) * 1000))), closing.signal);
      await reader.ready(timeoutMs);
    },
    take(limit) {
      if (rate() === Infinity) return reader.take(limit);
      save();
      const records = allowed < 1 ? [] : reader.take(Math.min(limit, Math.floor(allowed)));
      allowed -= records.length;
      return records;
    },
    get lag() { return reader.lag; },
    close() {
      closing.abort();
      return reader.close();
    },
  };
}
