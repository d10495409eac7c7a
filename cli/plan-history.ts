/** What history there is to fill from: the stream, or a file of old events and the stream behind it; and how fast it can be worked off here. */
import type { Compiled } from "../engine/compile/compiled.js";
import { envelopeOf, isFault } from "../engine/envelope.js";
import type { History as FileHistory } from "../engine/change/history.js";
import type { History } from "../engine/change/plan.js";
import type { EventLog, LogInfo, LogRecord } from "../engine/ports.js";
import { createReplay } from "../engine/replay.js";

/** What is measured on: enough for the code to be warm, few enough not to be waited for. */
const MOST_RECORDS = 20_000;
const MOST_MS = 1_500;
const READ_TIMEOUT_MS = 1_000;
/** What comes before is slower: the code is being compiled. */
const WARM_RECORDS = 2_000;
/** Fewer tell nothing. */
const LEAST_RECORDS = 500;

export interface HistoryParts {
  readonly log: EventLog;
  readonly compiled: Compiled;
  readonly file: FileHistory | null;
  /** The present by the partitions' clocks. */
  readonly reached: number;
  readonly now: () => number;
  /** Records a second that filling takes at most. */
  readonly limit: number;
}

export async function historyOf({ log, compiled, file, reached, now, limit }: HistoryParts): Promise<History> {
  const info = await log.info();
  const { from, rate } = await sample(log, info, compiled, now);
  return {
    records: (file?.places ?? 0) + Math.max(0, info.last - info.first + 1),
    from: file?.from ?? from,
    whole: file !== null || info.first <= 1,
    rate: rate === null ? null : Math.min(rate, 2 * limit),
    now: info.clock === "event" ? reached : Math.max(reached, now()),
  };
}

interface Sample {
  readonly from: number | null;
  readonly rate: number | null;
}

/** The beginning of the stream, through the rules, in memory. */
async function sample(log: EventLog, { first, last, clock }: LogInfo, compiled: Compiled, now: () => number): Promise<Sample> {
  if (first > last) return { from: null, rate: null };
  const replay = createReplay(compiled, () => undefined);
  const reader = await log.read(first);
  let from: number | null = null;
  let [records, measured, spent] = [0, 0, 0];
  const end = Math.min(last, first + MOST_RECORDS - 1);
  const deadline = now() + MOST_MS;
  try {
    for (let at = first - 1; at < end && now() < deadline;) {
      const begun = now();
      await reader.ready(READ_TIMEOUT_MS);
      const taken = reader.take(end - at);
      if (taken.length === 0 && now() - begun >= READ_TIMEOUT_MS) break;
      for (const record of taken) {
        from ??= instantOf(record, clock);
        replay.line(Buffer.from(record.body).toString(), record.sequence);
        records++;
      }
      if (records > WARM_RECORDS) {
        spent += now() - begun;
        measured += taken.length;
      }
      at = taken.at(-1)?.sequence ?? at;
    }
  } finally {
    await reader.close();
  }
  return { from, rate: measured < LEAST_RECORDS ? null : (measured * 1000) / Math.max(1, spent) };
}

/** Null: it says nothing of when it happened. */
function instantOf({ stamp, body }: LogRecord, clock: LogInfo["clock"]): number | null {
  if (clock === "broker") return stamp;
  try {
    const event = envelopeOf(JSON.parse(Buffer.from(body).toString()));
    return isFault(event) ? null : event.time;
  } catch {
    return null;
  }
}
