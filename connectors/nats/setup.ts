/**
 * Creates the streams, or brings existing ones to what is asked (`setupStreams`), and says what is there
 * (`describeStreams`). Safe to repeat; it never deletes and never narrows subjects.
 *
 * Clock and number of partitions are fixed by the first set-up: another value is refused with SetupRefused, for they
 * decide which customer's state lies where and what time means. Limits, replicas and the duplicate window change where
 * they are asked for; a set-up that does not mention them leaves what is there, and so does one on somebody else's
 * EVENTS stream, which gains only the description.
 */
import type { StreamConfig, StreamInfo } from "nats";

import type { ClockKind } from "../../engine/ports.js";
import { ApiRefused, createStream, findStream, updateStream } from "./api.js";
import type { NatsLink } from "./connect.js";
import {
  canGather,
  eventsConfig,
  EVENTS_STREAM,
  gatheringConfig,
  GATHERED,
  outputConfig,
  outputStream,
  readDescription,
  withIdentity,
  type StreamOptions,
} from "./streams.js";
import { grouped, namedWeaknesses } from "./weaknesses.js";

/** The streams cannot be made, or what is there contradicts what is asked. Nothing was lost. */
export class SetupRefused extends Error { override readonly name = "SetupRefused"; }

export interface SetupReport {
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly unchanged: readonly string[];
  /** What differs from what was asked, or is weaker than it should be, in words. */
  readonly warnings: readonly string[];
}

export async function setupStreams(link: NatsLink, options: StreamOptions): Promise<SetupReport> {
  checkOptions(options);
  checkReplicas(link, options.replicas ?? 1);
  const found = await findStream(link, EVENTS_STREAM);
  if (found !== null) checkSettled(found, options);
  const report = { created: [] as string[], updated: [] as string[], unchanged: [] as string[], warnings: [] as string[] };
  for (const wanted of wantedStreams(link, options)) {
    const outcome = await ensure(link, wanted, changes(wanted, options));
    report[outcome].push(wanted.name ?? "");
  }
  report.warnings.push(...gatherWarning(link), ...(await weaknesses(link, options)));
  return report;
}

function checkOptions(options: StreamOptions): void {
  if (!Number.isInteger(options.partitions) || options.partitions < 1 || options.partitions > 1024) {
    throw new SetupRefused(`the number of partitions must be between 1 and 1024, not ${options.partitions}`);
  }
}

function checkSettled(info: StreamInfo, options: StreamOptions): void {
  const settled = readDescription(info.config.description);
  if (settled === null) return;
  if (settled.partitions !== options.partitions) {
    throw new SetupRefused(
      `the stream ${EVENTS_STREAM} was set up with ${settled.partitions} partitions, which cannot be changed to ` +
        `${options.partitions}: customers' state would lie in other partitions. Set up with --partitions ${settled.partitions}, ` +
        "or start with a new stream and store",
    );
  }
  if (settled.clock !== options.clock) {
    throw new SetupRefused(
      `the stream ${EVENTS_STREAM} was set up with --clock ${settled.clock}, which cannot be changed to ${options.clock}: ` +
        `all timers and windows depend on it. Set up with --clock ${settled.clock}, or start with a new stream and store`,
    );
  }
}

function wantedStreams(link: NatsLink, options: StreamOptions): Partial<StreamConfig>[] {
  const outputs = Array.from({ length: options.partitions }, (_, partition) => outputConfig(options, partition));
  const gathering = serverGathers(link) ? GATHERED.map(({ stream, kind }) => gatheringConfig(options, stream, kind)) : [];
  return [eventsConfig(options), ...outputs, ...gathering];
}

function serverGathers(link: NatsLink): boolean {
  return canGather(link.nc.info?.version ?? "0");
}

function gatherWarning(link: NatsLink): string[] {
  if (serverGathers(link)) return [];
  return [
    `nats-server ${link.nc.info?.version ?? "of this version"} cannot copy OUT_<p> into ${GATHERED.map(({ stream }) => stream).join(", ")} ` +
      "(its sources stop at messages with an expected sequence; fixed in 2.10.14): read the OUT_<p> streams, or upgrade " +
      "the server and run setup again",
  ];
}

async function ensure(link: NatsLink, wanted: Partial<StreamConfig>, asked: Partial<StreamConfig>): Promise<"created" | "updated" | "unchanged"> {
  const name = wanted.name ?? "";
  const found = await findStream(link, name);
  try {
    if (found === null) {
      await createStream(link, { ...wanted, description: withIdentity(wanted.description) });
      return "created";
    }
    const merged = merge(found.config, wanted, described(found.config, asked));
    if (merged === null) return "unchanged";
    await updateStream(link, merged);
    return "updated";
  } catch (error) {
    if (!(error instanceof ApiRefused)) throw error;
    throw new SetupRefused(`NATS at ${link.address} refuses the stream ${name}: ${error.description}${hint(error.description)}`);
  }
}

/** What set-up has written once stays; somebody else's stream gets it now. */
function described(found: StreamConfig, { description, ...asked }: Partial<StreamConfig>): Partial<StreamConfig> {
  return description === undefined || readDescription(found.description) !== null ? asked : { ...asked, description: withIdentity(description) };
}

/**
 * A server that is in no cluster takes an update to several replicas, and then cannot bring the stream up again when it
 * is restarted.
 */
function checkReplicas(link: NatsLink, replicas: number): void {
  if (replicas > 1 && link.nc.info?.cluster === undefined) {
    throw new SetupRefused(
      `NATS at ${link.address} is a single server: it cannot keep ${replicas} replicas. Connect to a cluster of as many servers as replicas, or leave --replicas out`,
    );
  }
}

function hint(description: string): string {
  if (/overlap/.test(description)) return ". Another stream listens to the same subjects: remove it, or its subjects";
  if (/replicas|insufficient resources|no suitable peers/.test(description)) return ". Are there as many servers as replicas, with JetStream storage to spare?";
  return "";
}

/** What an existing stream gets beside missing subjects and sources: only what the options name. */
function changes(wanted: Partial<StreamConfig>, options: StreamOptions): Partial<StreamConfig> {
  const asked: Partial<StreamConfig> = {};
  const events = wanted.name === EVENTS_STREAM;
  const take = (field: "description" | "max_age" | "max_bytes" | "duplicate_window" | "num_replicas"): void =>
    void Object.assign(asked, { [field]: wanted[field] });
  if (events) take("description");
  if ((events ? options.maxAgeMs : options.outputMaxAgeMs) !== undefined) take("max_age");
  if (events && options.maxBytes !== undefined) take("max_bytes");
  if (events && options.duplicateWindowMs !== undefined) take("duplicate_window");
  if (options.replicas !== undefined) take("num_replicas");
  return asked;
}

/** The stream's configuration with what is asked, or null where nothing differs. */
function merge(found: StreamConfig, wanted: Partial<StreamConfig>, asked: Partial<StreamConfig>): StreamConfig | null {
  const merged: StreamConfig = { ...found, ...asked };
  // The server refuses a window longer than the messages' life; a shorter life brings it down with it.
  if (merged.max_age > 0) merged.duplicate_window = Math.min(merged.duplicate_window, merged.max_age);
  let differs = (Object.keys(merged) as (keyof StreamConfig)[]).some((field) => merged[field] !== found[field]);
  const subjects = found.subjects ?? [];
  const missing = (wanted.subjects ?? []).filter((subject) => !subjects.includes(subject));
  if (missing.length > 0) {
    // Wanted subjects end in ">"; the server takes no other subject beside one that covers it.
    const covered = (subject: string): boolean => missing.some((wider) => subject.startsWith(wider.slice(0, -1)));
    merged.subjects = [...subjects.filter((subject) => !covered(subject)), ...missing];
    differs = true;
  }
  const sources = found.sources ?? [];
  const missingSources = (wanted.sources ?? []).filter(
    (source) => !sources.some((have) => have.name === source.name && have.filter_subject === source.filter_subject),
  );
  if (missingSources.length > 0) {
    merged.sources = [...sources, ...missingSources];
    differs = true;
  }
  return differs ? merged : null;
}

// -------------------------------------------------------------------------------------------------- describing

export interface StreamSummary {
  readonly name: string;
  readonly messages: number;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
  readonly replicas: number;
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

export interface StreamsDescription {
  readonly server: string;
  /** Null when EVENTS is missing or was not made by `eddy setup`. */
  readonly clock: ClockKind | null;
  readonly partitions: number | null;
  readonly streams: readonly StreamSummary[];
  readonly missing: readonly string[];
  readonly warnings: readonly string[];
}

/** What is there; with `asked`, also where it is weaker than that. */
export async function describeStreams(link: NatsLink, asked?: StreamOptions): Promise<StreamsDescription> {
  const events = await findStream(link, EVENTS_STREAM);
  const settled = readDescription(events?.config.description);
  const partitions = settled?.partitions ?? asked?.partitions ?? 0;
  const names = [EVENTS_STREAM, ...Array.from({ length: partitions }, (_, partition) => outputStream(partition))];
  if (serverGathers(link)) names.push(...GATHERED.map(({ stream }) => stream));
  const streams: StreamSummary[] = [];
  const missing: string[] = [];
  for (const name of names) {
    const info = name === EVENTS_STREAM ? events : await findStream(link, name);
    if (info === null) missing.push(name);
    else streams.push(summarise(info));
  }
  const options = asked ?? (settled === null ? null : { ...settled });
  return {
    server: link.nc.info?.version ?? "",
    clock: settled?.clock ?? null,
    partitions: settled?.partitions ?? null,
    streams,
    missing,
    warnings: [...gatherWarning(link), ...(options === null ? [] : await weaknesses(link, options))],
  };
}

function summarise(info: StreamInfo): StreamSummary {
  return {
    name: info.config.name,
    messages: info.state.messages,
    bytes: info.state.bytes,
    first: info.state.first_seq,
    last: info.state.last_seq,
    replicas: info.config.num_replicas,
    maxAgeMs: info.config.max_age / 1_000_000,
    maxBytes: info.config.max_bytes,
  };
}

/** Where the streams promise less than what was asked, or than the engine relies on. */
async function weaknesses(link: NatsLink, options: StreamOptions): Promise<string[]> {
  const found = [];
  for (const wanted of wantedStreams(link, options)) {
    const info = await findStream(link, wanted.name ?? "");
    if (info !== null) found.push(namedWeaknesses(info, wanted, link));
  }
  return grouped(found);
}
