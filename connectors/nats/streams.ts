/**
 * The streams of Eddy: their names, subjects and configuration, and what is written into EVENTS about itself.
 *
 * Limits, chosen knowingly (JetStream discards the oldest messages by default, read or not):
 *
 * - EVENTS is history: file storage, no limit unless one is asked for, and `discard: new` - a full stream refuses new
 *   events, and whoever publishes is told; it never drops one that nobody has read. An age limit does remove what is
 *   older, read or not: choose it far above the longest outage. Single messages may be deleted (erasure of a person).
 * - OUT_<p> is a partition's own output, appended to in a chain in which the sequence is the output's number: file
 *   storage, `discard: new` for the same reason (the engine keeps what is refused in its outbox and says so), kept for
 *   30 days unless told otherwise. Removal does not lower the last sequence, so it does not harm the chain. `withdrawn.<p>` is
 *   for what was to be said of somebody who was erased in the meantime: an empty record, which is gathered nowhere.
 * - ACTIONS, SEGMENTS and DEAD gather the partitions: they listen to no subject and copy from OUT_<p> by subject, each
 *   message once and in the order of its partition; kept as long as OUT_<p>.
 *
 * NATS has no stream metadata before 2.10, so clock and number of partitions stand in EVENTS's description, readable by
 * people and by `readDescription`; and so does what tells a stream from one of the same name that is made later.
 *
 * Before 2.10.14 a stream that sources another one checks the header `Nats-Expected-Last-Sequence` of the copies
 * against its own sequence and is stuck at the first that differs (seen on 2.9.10; the fix removes the header). The
 * chain needs that header, so on such servers the three gathering streams cannot exist; `canGather` says so.
 */
import { randomUUID } from "node:crypto";
import type { StreamConfig, StreamInfo } from "nats";

import type { ClockKind } from "../../engine/ports.js";
import { ALL_EVENTS, withdrawnSubject } from "../../engine/subjects.js";

export const EVENTS_STREAM = "EVENTS";

/** The gathering streams and the first token of the subjects that they gather. */
export const GATHERED = [
  { stream: "ACTIONS", kind: "actions" },
  { stream: "SEGMENTS", kind: "segments" },
  { stream: "DEAD", kind: "dead" },
] as const;

export type GatheredKind = (typeof GATHERED)[number]["kind"];

export function outputStream(partition: number): string {
  return `OUT_${partition}`;
}

export interface StreamOptions {
  readonly partitions: number;
  readonly clock: ClockKind;
  /** Copies of every stream in a cluster; 1 unless given. */
  readonly replicas?: number;
  /** Events older than this are removed; for ever unless given. */
  readonly maxAgeMs?: number;
  /** EVENTS refuses new events beyond this; no limit unless given. */
  readonly maxBytes?: number;
  /** How long outputs are kept; 30 days unless given, 0 for ever. */
  readonly outputMaxAgeMs?: number;
  /** For how long the broker recognises an event's id; two minutes unless given. */
  readonly duplicateWindowMs?: number;
}

const DAY_MS = 86_400_000;
export const OUTPUT_MAX_AGE_MS = 30 * DAY_MS;
export const DUPLICATE_WINDOW_MS = 120_000;
const NANOS_PER_MS = 1_000_000;
const FOREVER = 0;
const UNLIMITED = -1;

const GATHER_SINCE = [2, 10, 14] as const;
const REFUSE_SINCE = [2, 10, 5] as const;

/** Whether a server of this version copies the output streams into gathering streams without getting stuck. */
export function canGather(version: string): boolean {
  return isSince(version, GATHER_SINCE);
}

/**
 * Whether a stream with a limit of bytes and `discard: new` only ever refuses. Earlier servers reckon a message smaller
 * than it becomes, take it at the very limit, and then drop the oldest ones to make room (seen on 2.9.10: with messages
 * of equal size, one for each new one).
 */
export function refusesWhenFull(version: string): boolean {
  return isSince(version, REFUSE_SINCE);
}

function isSince(version: string, since: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (let i = 0; i < since.length; i++) {
    const difference = (parts[i] ?? 0) - (since[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

export function eventsConfig(options: StreamOptions): Partial<StreamConfig> {
  return config({
    name: EVENTS_STREAM,
    subjects: [ALL_EVENTS],
    description: writeDescription(options),
    max_age: (options.maxAgeMs ?? FOREVER) * NANOS_PER_MS,
    max_bytes: options.maxBytes ?? UNLIMITED,
    duplicate_window: duplicateWindow(options.duplicateWindowMs ?? DUPLICATE_WINDOW_MS, options.maxAgeMs ?? FOREVER),
    num_replicas: options.replicas ?? 1,
  });
}

export function outputConfig(options: StreamOptions, partition: number): Partial<StreamConfig> {
  const maxAgeMs = options.outputMaxAgeMs ?? OUTPUT_MAX_AGE_MS;
  return config({
    name: outputStream(partition),
    subjects: [...GATHERED.map(({ kind }) => `${kind}.${partition}.>`), withdrawnSubject(partition)],
    description: `Eddy outputs of partition ${partition}; the sequence is the number of the output`,
    max_age: maxAgeMs * NANOS_PER_MS,
    duplicate_window: duplicateWindow(DUPLICATE_WINDOW_MS, maxAgeMs),
    num_replicas: options.replicas ?? 1,
  });
}

export function gatheringConfig(options: StreamOptions, stream: string, kind: GatheredKind): Partial<StreamConfig> {
  const maxAgeMs = options.outputMaxAgeMs ?? OUTPUT_MAX_AGE_MS;
  return config({
    name: stream,
    description: `Eddy ${kind} of all partitions, copied from OUT_0 to OUT_${options.partitions - 1}`,
    sources: Array.from({ length: options.partitions }, (_, partition) => ({
      name: outputStream(partition),
      filter_subject: `${kind}.${partition}.>`,
    })),
    max_age: maxAgeMs * NANOS_PER_MS,
    duplicate_window: duplicateWindow(DUPLICATE_WINDOW_MS, maxAgeMs),
    num_replicas: options.replicas ?? 1,
  });
}

function config(parts: Partial<StreamConfig>): Partial<StreamConfig> {
  return {
    // The library's enums are plain strings on the wire; literals keep this module free of it at run time.
    retention: "limits" as StreamConfig["retention"],
    storage: "file" as StreamConfig["storage"],
    discard: "new" as StreamConfig["discard"],
    max_msgs: UNLIMITED,
    max_bytes: UNLIMITED,
    allow_direct: true,
    deny_delete: false,
    deny_purge: false,
    ...parts,
  };
}

/** The server refuses a window longer than the messages' own life. */
function duplicateWindow(windowMs: number, maxAgeMs: number): number {
  return (maxAgeMs > 0 ? Math.min(windowMs, maxAgeMs) : windowMs) * NANOS_PER_MS;
}

export interface LogSettings {
  readonly clock: ClockKind;
  readonly partitions: number;
}

export function writeDescription(settings: LogSettings): string {
  return `Eddy event log (clock: ${settings.clock}, partitions: ${settings.partitions})`;
}

const IDENTITY = /\[stream ([0-9a-f-]{36})\]/;

/** A description that tells the stream from one that is made again under its name. */
export function withIdentity(description: string | undefined): string {
  return `${description ?? ""} [stream ${randomUUID()}]`;
}

/**
 * What tells a stream from one that was deleted and made again: what set-up wrote into its description when it made it. The
 * server's time of creation does not do: on a single server a change of the configuration between two restarts changes it
 * (nats-server issue 8470, fixed in 2.15; seen on 2.9.10). It stands in only where a description says nothing.
 */
export function identityOf({ created, config: { description } }: Pick<StreamInfo, "created" | "config">): string {
  return IDENTITY.exec(description ?? "")?.[1] ?? String(created);
}

/** What `writeDescription` wrote, or null where a description says nothing of the kind. */
export function readDescription(description: string | undefined): LogSettings | null {
  const match = /\bEddy event log \(clock: (broker|event), partitions: ([1-9]\d{0,5})\)/.exec(description ?? "");
  if (match === null) return null;
  return { clock: match[1] === "event" ? "event" : "broker", partitions: Number(match[2]) };
}
