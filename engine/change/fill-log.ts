/**
 * The event log as it is read to fill a change from history: at a bounded rate, and nothing is ever appended. Time comes from
 * the log alone; what the filler's partitions would say to each other stands in it already, said by the live ones.
 */
import type { Environment } from "../environment.js";
import type { EventLog, LogReader, LogRecord } from "../ports.js";
import { PROGRAM_TYPE } from "../subjects.js";

export interface FillLog extends EventLog {
  /** Records handed out since this process began. */
  readonly handedOut: number;
  /** Markers handed out, of whatever change. */
  readonly markers: number;
}

export interface FillLogParts {
  readonly log: EventLog;
  /** Records a second; Infinity: as fast as it goes. */
  readonly rate: () => number;
  readonly environment: Pick<Environment, "seconds" | "pause">;
}

/** Records come in portions of so much time: live events between two of them wait for one portion at most. */
const PORTION_SECONDS = 0.02;
/** What was not taken in time is not made up for in one go. */
const MOST_SAVED_SECONDS = 0.1;

const MARKERS = `events.${PROGRAM_TYPE}.`;

export function fillLog({ log, rate, environment }: FillLogParts): FillLog {
  const counted = { handedOut: 0, markers: 0 };
  return {
    get handedOut() { return counted.handedOut; },
    get markers() { return counted.markers; },
    info: () => log.info(),
    at: (sequence) => log.at(sequence),
    ofCustomer: (token, limit) => log.ofCustomer(token, limit),
    async read(from) {
      return bounded(await log.read(from), rate, environment, (records) => {
        counted.handedOut += records.length;
        for (const { subject } of records) if (subject.startsWith(MARKERS)) counted.markers++;
      });
    },
    append: (records) => Promise.resolve(records.map(() => ({ sequence: 0, duplicate: true }))),
    watch: (listener) => log.watch(listener),
    close: () => Promise.resolve(),
  };
}

function bounded(reader: LogReader, rate: () => number, { seconds, pause }: Pick<Environment, "seconds" | "pause">, handed: (records: readonly LogRecord[]) => void): LogReader {
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
      if (rate() === Infinity) {
        const all = reader.take(limit);
        handed(all);
        return all;
      }
      save();
      const records = allowed < 1 ? [] : reader.take(Math.min(limit, Math.floor(allowed)));
      allowed -= records.length;
      handed(records);
      return records;
    },
    get lag() { return reader.lag; },
    close() {
      closing.abort();
      return reader.close();
    },
  };
}
