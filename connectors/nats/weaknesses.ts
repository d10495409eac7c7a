/**
 * Where streams and server promise less than the engine relies on, a sentence each with the way out: for `eddy setup` and
 * for the start of an engine. What docs/guarantees.md asks of NATS is asked here, but for what no client is told: how
 * often the server brings its files to the disk (`sync_interval`).
 */
import type { StreamConfig, StreamInfo } from "nats";

import type { ClockKind } from "../../engine/ports.js";
import { ALL_EVENTS } from "../../engine/subjects.js";
import { createConsumer, deleteConsumer, findStream } from "./api.js";
import type { NatsLink } from "./connect.js";
import { DUPLICATE_WINDOW_MS, EVENTS_STREAM, outputStream, readDescription, refusesWhenFull } from "./streams.js";

export interface Expected {
  readonly name: string;
  readonly replicas: number;
  readonly duplicateWindowMs: number;
}

const NANOS_PER_MS = 1_000_000;
const DAY_MS = 86_400_000;
/** An engine may be down over a weekend. */
const LEAST_EVENTS_AGE_MS = 3 * DAY_MS;
/** A backup of the store is seldom older. */
const LEAST_OUTPUTS_AGE_MS = DAY_MS;
/** What actions and events may have (connectors/http/limits.ts, engine/partition-sink.ts). */
const LEAST_PAYLOAD = 1_000_000;
const SAFE_REPLICAS = 3;
/** Timers run so much too late or too early; from five minutes on a partition stands still. */
const MOST_SKEW_MS = 2_000;

/** Of one stream, as sentences without its name. */
export function weaknessesOf({ config: have }: StreamInfo, expected: Expected, link: Pick<NatsLink, "nc">): string[] {
  const events = have.name === EVENTS_STREAM;
  const version = link.nc.info?.version ?? "0";
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  if (String(have.storage) !== "file") warn("memory storage: everything is lost when the server stops; make it anew with file storage");
  if (String(have.retention) !== "limits") warn(`retention '${have.retention}' removes messages that have been read; it should be 'limits': make it anew`);
  if (String(have.discard) === "old" && (have.max_bytes > 0 || have.max_msgs > 0)) {
    warn("discards its oldest messages when full, read or not: nats stream edit --discard=new, or lift the limit");
  }
  if (String(have.discard) === "new" && have.max_bytes > 0 && !refusesWhenFull(version)) {
    warn(`nats-server ${version} may drop the oldest messages where the limit of ${have.max_bytes} bytes is reached (fixed in 2.10.5): choose it so that it is not, or upgrade the server`);
  }
  if (!events && String(have.discard) === "new" && (have.max_msgs > 0 || have.max_bytes > 0)) {
    warn("takes nothing more when its limit of messages or bytes is reached, and then nothing is evaluated either: lift the limit and let --max-age remove what is old");
  }
  if (have.max_msgs_per_subject > 0) warn(`keeps only ${have.max_msgs_per_subject} messages of each subject: nats stream edit --max-msgs-per-subject=-1`);
  const leastAge = events ? LEAST_EVENTS_AGE_MS : LEAST_OUTPUTS_AGE_MS;
  if (have.max_age > 0 && have.max_age < leastAge * NANOS_PER_MS) warn(tooYoung(events, have.max_age / NANOS_PER_MS));
  if (have.max_msg_size !== undefined && have.max_msg_size > 0 && have.max_msg_size < LEAST_PAYLOAD) {
    warn(`takes messages of ${have.max_msg_size} bytes at most, where ${LEAST_PAYLOAD} are allowed to events and actions: nats stream edit --max-msg-size=-1`);
  }
  if (have.num_replicas < expected.replicas) warn(`${have.num_replicas} replicas where ${expected.replicas} were asked for: eddy setup --replicas ${expected.replicas}`);
  else if (link.nc.info?.cluster !== undefined && have.num_replicas < SAFE_REPLICAS) {
    warn(`${have.num_replicas === 1 ? "1 replica" : `${have.num_replicas} replicas`} in a cluster: when a server is lost the stream stands still or is gone; eddy setup --replicas ${SAFE_REPLICAS}`);
  }
  if (events && have.duplicate_window < expected.duplicateWindowMs * NANOS_PER_MS) {
    warn(`recognises duplicates for ${have.duplicate_window / 1e9} s only: nats stream edit --dupe-window=${expected.duplicateWindowMs / 1000}s`);
  }
  if (events && !(have.subjects ?? []).includes(ALL_EVENTS)) warn(`does not listen to ${ALL_EVENTS}: run eddy setup`);
  if (have.no_ack) warn("does not acknowledge what it stores: make it anew");
  if (have.sealed) warn("is sealed: it takes no more messages");
  if (have.mirror !== undefined) warn("is a mirror: nothing can be published to it");
  return warnings;
}

function tooYoung(events: boolean, ageMs: number): string {
  const age = ageMs >= DAY_MS ? `${Math.round(ageMs / DAY_MS)} days` : `${Math.round(ageMs / 360_000) / 10} hours`;
  return events
    ? `removes events after ${age}, read or not: an engine that is down for longer loses them; eddy setup --max-age "30 days"`
    : `removes outputs after ${age}: a store that goes back further may say again what was said; nats stream edit --max-age=30d`;
}

/** What an engine finds at its start: of all streams that belong to the log, of the server, and of its clock. */
export async function brokerWeaknesses(link: NatsLink, now: () => number): Promise<string[]> {
  const events = await findStream(link, EVENTS_STREAM);
  const settings: { readonly partitions: number; readonly clock: ClockKind } | null = readDescription(events?.config.description);
  if (events === null || settings === null) return [];
  const names = [EVENTS_STREAM, ...Array.from({ length: settings.partitions }, (_, partition) => outputStream(partition))];
  const streams = await Promise.all(names.map((name) => (name === EVENTS_STREAM ? events : findStream(link, name))));
  const found = streams.filter((info) => info !== null).map((info) => ({
    name: info.config.name, texts: weaknessesOf(info, { name: info.config.name, replicas: 1, duplicateWindowMs: DUPLICATE_WINDOW_MS }, link),
  }));
  return [...grouped(found), ...payloadWarning(link), ...(settings.clock === "broker" ? await skewWarning(link, now).catch(() => []) : [])];
}

/** One line for all streams of which the same is to be said. */
export function grouped(found: readonly { readonly name: string; readonly texts: readonly string[] }[]): string[] {
  const names = new Map<string, string[]>();
  for (const { name, texts } of found) for (const text of texts) names.set(text, [...(names.get(text) ?? []), name]);
  return [...names].map(([text, of]) => `stream${of.length === 1 ? "" : "s"} ${of.length > 3 ? `${of[0]} to ${of.at(-1)}` : of.join(", ")}: ${text}`);
}

function payloadWarning(link: NatsLink): string[] {
  const most = link.nc.info?.max_payload ?? LEAST_PAYLOAD;
  if (most >= LEAST_PAYLOAD) return [];
  return [`NATS at ${link.address} takes messages of ${most} bytes at most (max_payload), where ${LEAST_PAYLOAD} are allowed to events and actions: a larger action is not published but becomes a dead letter; set max_payload to 1MB`];
}

/**
 * A consumer is stamped by the server's clock; nothing else that every server answers tells it without writing a record.
 * A look at the clock must not keep an engine from starting: whoever asks passes its failures over.
 */
async function skewWarning(link: NatsLink, now: () => number): Promise<string[]> {
  const before = now();
  const made = await createConsumer(link, EVENTS_STREAM, {
    description: "Eddy asks for the time", deliver_policy: "new", ack_policy: "none", inactive_threshold: 5_000 * NANOS_PER_MS, mem_storage: true, num_replicas: 1,
  });
  const after = now();
  deleteConsumer(link, EVENTS_STREAM, made.name).catch(() => undefined); // it goes by itself
  const skewMs = Date.parse(String(made.created)) - (before + after) / 2;
  const sureMs = Math.abs(skewMs) - (after - before) / 2;
  if (!(sureMs > MOST_SKEW_MS)) return [];
  return [`the clock of NATS at ${link.address} is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? "ahead of" : "behind"} this machine's: timers run late or early by as much, and from five minutes on partitions stand still; set both by NTP`];
}

/** Weaknesses of one stream against what a set-up asked for, with its name. */
export function namedWeaknesses(info: StreamInfo, wanted: Partial<StreamConfig>, link: Pick<NatsLink, "nc">): { readonly name: string; readonly texts: readonly string[] } {
  const { name } = info.config;
  return { name, texts: weaknessesOf(info, { name, replicas: wanted.num_replicas ?? 1, duplicateWindowMs: (wanted.duplicate_window ?? 0) / NANOS_PER_MS }, link) };
}
