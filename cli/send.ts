/**
 * `eddy send FILE`: publishes a file of events to the log, in the order of its lines.
 *
 * One batch is on its way while the next one is read and checked. Batches follow one another and are sent again as they
 * were when no answer comes, so the order stays and the ids make copies harmless. A bad line is reported and passed
 * over; the exit code tells.
 */
import { isUtf8 } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";

import { isRefusal, MAX_EVENT_BYTES, recordOf, type Refusal } from "../connectors/intake.js";
import { LogUnavailable, type EventLog, type NewRecord } from "../engine/ports.js";
import { TICK_TYPE, tickSubject } from "../engine/subjects.js";
import type { CommandCall } from "./commands.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { say, type Io } from "./io.js";
import { readLines, type Line, type LineSource } from "./lines.js";
import { openLog } from "./open.js";
import { findPlace } from "./place.js";
import { showProgress, whole } from "./progress.js";
import { clockInstant, clockKind } from "./settings.js";
import { visible } from "./visible.js";

export async function sendCommand({ io, configuration, arguments: given }: CommandCall): Promise<ExitCode> {
  const file = given.get("FILE");
  const clock = configuration.narrow("clock", clockInstant, clockKind);
  if (file === undefined && clock === undefined) throw new UsageError("send needs a FILE of events (- for standard input), or --clock TIME, or both");
  const source = file === undefined ? null : await readLines(file, io);
  const opened = await openLog(findPlace(configuration, io, "log"), { now: io.now });
  try {
    const { clock: kind, partitions } = await opened.log.info();
    if (clock !== undefined && kind !== "event") {
      throw new UsageError(`--clock cannot move the clock of ${opened.where}: it is the broker's. "eddy setup --clock event" makes a stream whose clock is the events' own`);
    }
    const sent = source === null ? NOTHING_SENT : await sendLines({ log: opened.log, source, io });
    if (sent.interrupted) return EXIT.interrupted;
    if (clock !== undefined) {
      await appendPatiently(opened.log, ticks(clock, partitions), io);
      say(io, `moved the clock of ${partitions === 1 ? "the partition" : `all ${partitions} partitions`} on to ${new Date(clock).toISOString()}`);
    }
    return sent.bad > 0 ? EXIT.findings : EXIT.ok;
  } finally {
    await opened.close();
  }
}

/** One tick for every partition. */
function ticks(at: number, partitions: number): NewRecord[] {
  const time = new Date(at).toISOString();
  return Array.from({ length: partitions }, (_, partition) => ({
    subject: tickSubject(partition),
    body: JSON.stringify({ specversion: "1.0", id: `${partition}/${time}`, source: "eddy", type: TICK_TYPE, subject: String(partition), time }),
  }));
}

// ---------------------------------------------------------------------------------------------------- the file

export interface Sent {
  /** Lines that are in the log now, those that had been there before included. */
  readonly events: number;
  readonly duplicates: number;
  readonly bad: number;
  readonly interrupted: boolean;
}

const NOTHING_SENT: Sent = { events: 0, duplicates: 0, bad: 0, interrupted: false };

export interface Sending {
  readonly log: EventLog;
  readonly source: LineSource;
  readonly io: Io;
}

const BATCH_RECORDS = 2_000;
const BATCH_BYTES = 4_000_000;
const MOST_REPORTED = 20;

/** Throws LogUnavailable or LogFull with how far it came. */
export async function sendLines({ log, source, io }: Sending): Promise<Sent> {
  const started = io.now();
  const count = { events: 0, duplicates: 0, bad: 0, line: 0 };
  let stop = false;
  void io.interrupted().then(() => (stop = true));
  const progress = showProgress(io, () => line(count, io.now() - started, source.progress()));
  let batch: NewRecord[] = [];
  let bytes = 0;
  let lastLine = 0;
  let flight: Promise<void> = Promise.resolve();

  const send = async (records: readonly NewRecord[], upTo: number): Promise<void> => {
    count.duplicates += await appendPatiently(log, records, io);
    count.events += records.length;
    count.line = upTo;
  };
  const launch = async (): Promise<void> => {
    await flight;
    flight = send(batch, lastLine);
    // Whether it failed is asked when the next one is ready; until then it must not count as nobody's.
    flight.catch(() => undefined);
    batch = [];
    bytes = 0;
  };

  try {
    for await (const lines of source.batches) {
      for (const each of lines) {
        lastLine = each.number;
        const record = recordOfLine(each);
        if (isRefusal(record)) {
          count.bad++;
          if (count.bad <= MOST_REPORTED) say(io, visible(`line ${each.number}: ${record.refused}`));
          continue;
        }
        batch.push(record);
        bytes += record.body.length;
        if (batch.length >= BATCH_RECORDS || bytes >= BATCH_BYTES) await launch();
      }
      if (stop) break;
    }
    if (batch.length > 0) await launch();
    await flight;
  } catch (error) {
    if (error instanceof Error && count.line > 0) error.message += `. The events up to line ${whole(count.line)} are in the log; sending the whole file again soon is safe, their ids are known there for two minutes`;
    throw error;
  } finally {
    progress.end();
  }
  if (count.bad > MOST_REPORTED) say(io, `… and ${whole(count.bad - MOST_REPORTED)} more bad lines`);
  say(io, `${stop ? `interrupted behind line ${whole(count.line)}: ` : ""}${summary(count, io.now() - started)}`);
  return { events: count.events, duplicates: count.duplicates, bad: count.bad, interrupted: stop };
}

function recordOfLine({ bytes }: Line): NewRecord | Refusal {
  if (bytes === null || bytes.length > MAX_EVENT_BYTES) return { refused: `the line has more than ${whole(MAX_EVENT_BYTES)} bytes, the most that an event may have` };
  if (!isUtf8(bytes)) return { refused: "the line is not text in UTF-8" };
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString("utf8"));
  } catch {
    return { refused: "the line is not JSON" };
  }
  return recordOf(value, bytes);
}

function summary(count: { readonly events: number; readonly duplicates: number; readonly bad: number }, ms: number): string {
  const parts = [`sent ${whole(count.events)} event${count.events === 1 ? "" : "s"} in ${(ms / 1000).toFixed(1)} s`];
  // A rate over a moment says nothing.
  if (ms >= 500) parts[0] += ` (${whole(Math.round((count.events * 1000) / ms))} a second)`;
  if (count.duplicates > 0) parts.push(`${whole(count.duplicates)} of them had been there already`);
  if (count.bad > 0) parts.push(`${whole(count.bad)} bad line${count.bad === 1 ? "" : "s"} left out`);
  return parts.join(", ");
}

function line(count: { readonly events: number; readonly bad: number }, ms: number, share: number | null): string {
  const rate = ms === 0 ? 0 : Math.round((count.events * 1000) / ms);
  return `${whole(count.events)} events  ${whole(rate)}/s${share === null ? "" : `  ${Math.floor(share * 100)} %`}${count.bad === 0 ? "" : `  ${whole(count.bad)} bad lines`}`;
}

// ---------------------------------------------------------------------------------------------------- patience

/** The log knows ids for two minutes: within that, sending a batch again cannot double it. */
const LONGEST_PATIENCE_MS = 100_000;
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;

/** Appends, again and again while the log is not there. Answers how many had been there before it began. */
async function appendPatiently(log: EventLog, records: readonly NewRecord[], io: Io): Promise<number> {
  const since = io.now();
  for (let attempt = 0; ; attempt++) {
    try {
      const appended = await log.append(records);
      // Of a batch that is sent again, copies are what the first attempt left.
      return attempt > 0 ? 0 : appended.filter(({ duplicate }) => duplicate).length;
    } catch (error) {
      if (!(error instanceof LogUnavailable) || io.now() - since > LONGEST_PATIENCE_MS) throw error;
      if (attempt === 0) say(io, `${error.message}; trying again`);
      await delay(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt));
    }
  }
}
