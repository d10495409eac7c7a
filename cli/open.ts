/**
 * Opens the ports that a command works with, on servers or embedded. The only place that knows which adapters there are;
 * their code is loaded when it is needed.
 */
import type { Purge } from "../connectors/purge.js";
import { nowhere } from "../engine/change/nowhere.js";
import type { EventLog, LogInfo, OutputLog, StateStore, Writer } from "../engine/ports.js";
import { LogUnavailable, StoreUnavailable } from "../engine/ports.js";
import { aborted, pause } from "./environment.js";
import { ConfigurationError } from "./exit.js";
import { processIdentity } from "./identity.js";
import type { Log } from "./logging.js";
import type { Place } from "./place.js";

export interface OpenedLog {
  readonly log: EventLog;
  /** For messages; without secrets. */
  readonly where: string;
  close(): Promise<void>;
}

export interface OpenedPorts extends OpenedLog {
  readonly store: StateStore;
  readonly outputs: OutputLog;
  /** The same in log and store. */
  readonly partitions: number;
  /** Whether another process is there that runs rules on it. */
  isEngineAtWork(): Promise<boolean>;
  /** As engine/recover.ts asks for it. */
  clear(partition: number, writer: Writer): Promise<boolean>;
  /** Sentences about settings of the servers that are unwise. */
  readonly warnings: readonly string[];
  /** Removes what log and streams hold of one customer; `unhurried` is called between its pieces. */
  purge(unhurried: () => Promise<void>): Purge;
}

/** A store beside the main one. */
export interface OpenedScope extends OpenedPorts {
  /** Removes a partition of it with all that is known, or (null) all of it. */
  drop(partition: number | null): Promise<void>;
  /** Removes all that it holds, but not who works there. */
  empty(): Promise<void>;
}

export interface OpenOptions {
  /** Wall clock; stamps of an embedded log. */
  readonly now: () => number;
  /** Make an embedded folder that is not there; servers are made ready by `eddy setup` alone. */
  readonly create?: boolean;
  /** An engine will run on it: an embedded folder takes one at a time. */
  readonly engine?: boolean;
  /** The store is the one of that name beside the main one, and nothing is published: a change of rules is filled in there. */
  readonly scope?: string;
  /** Even where an engine on another host seems to have it. */
  readonly takeOver?: boolean;
}

/** The log alone. Fails fast where it is not there. */
export async function openLog(place: Place, options: OpenOptions): Promise<OpenedLog> {
  return place.k === "embedded" ? openFolder(place.folder, options) : openNats(place, "appends");
}

/** All three ports. Fails fast where one is not there; throws ConfigurationError where they do not belong together. */
export async function openPorts(place: Place, options: OpenOptions & { readonly scope: string }): Promise<OpenedScope>;
export async function openPorts(place: Place, options: OpenOptions): Promise<OpenedPorts>;
export async function openPorts(place: Place, options: OpenOptions): Promise<OpenedScope> {
  if (place.k === "embedded") return openFolder(place.folder, options);
  const [{ natsOutputLog }, { natsPurge }, { brokerWeaknesses }, { openRedisStore }] = await Promise.all([
    import("../connectors/nats/output-log.js"), import("../connectors/nats/purge.js"), import("../connectors/nats/weaknesses.js"), import("../connectors/redis/store.js"),
  ]);
  const opened = await openNats(place, "reads");
  try {
    const { store, partitions, warnings, clear, drop, empty } = await openRedisStore(place.redis, options.engine === true ? options.now : null, options.scope);
    const outputs = options.scope === undefined ? natsOutputLog(opened.link) : nowhere(store);
    const close = async (): Promise<void> => {
      await outputs.close();
      await store.close();
      await opened.close();
    };
    try {
      const info = await opened.log.info();
      if (partitions !== info.partitions) throw apart(opened.where, info, partitions);
      const weak = options.engine === true ? await brokerWeaknesses(opened.link, options.now) : [];
      const purge = (unhurried: () => Promise<void>): Purge => natsPurge(opened.link, unhurried);
      return { log: opened.log, where: opened.where, store, outputs, partitions, warnings: [...weak, ...warnings], isEngineAtWork: () => othersAtWork(store), clear, drop, empty, purge, close };
    } catch (error) {
      await outputs.close();
      await store.close();
      throw error;
    }
  } catch (error) {
    await opened.close();
    throw error;
  }
}

function apart(where: string, { partitions, last }: LogInfo, found: number | null): ConfigurationError {
  if (found !== null) return new ConfigurationError(`Redis was set up for ${found} partitions, ${where} for ${partitions}: they do not belong together`);
  const what = `Redis has not been set up for ${where}`;
  // After an accident somebody reads this at night: the cure for a new place is not the first thing to do then.
  return new ConfigurationError(last === 0 ? `${what}: run "eddy setup" with both addresses` :
    `${what}, which has taken ${last} events already. If Redis was emptied, bring a backup back; if this is another Redis, give the address of the right one. ` +
    "Otherwise run \"eddy setup\" with both addresses: then the state is built from the events that the log holds");
}

async function openFolder(folder: string, { now, create = false, engine = false, takeOver = false, scope }: OpenOptions): Promise<OpenedScope> {
  const { openEmbedded } = await import("../connectors/embedded/open.js");
  const { log, store, outputs, isEngineAtWork, clear, drop, empty, purge, close } = await openEmbedded(folder, { create, now, engine, takeOver, ...(scope === undefined ? {} : { scope }) });
  const { partitions } = await log.info();
  return { log, store, outputs: scope === undefined ? outputs : nowhere(store), partitions, warnings: [], isEngineAtWork: async () => isEngineAtWork(), clear, drop, empty, purge: () => purge, where: folder, close };
}

/** A beat that ends at once is nobody's, and is answered like any other. */
async function othersAtWork(store: StateStore): Promise<boolean> {
  const { isGone } = processIdentity();
  return (await store.beat("- asks", [], 0)).some(({ id }) => !isGone(id));
}

async function openNats(place: Extract<Place, { k: "servers" }>, purpose: "reads" | "appends"): Promise<OpenedLog & { readonly link: NatsLink }> {
  const [{ connectNats, INBOX, PUBLISHER_INBOX }, { natsEventLog }] = await Promise.all([import("../connectors/nats/connect.js"), import("../connectors/nats/event-log.js")]);
  const link = await connectNats({ ...place.nats, inbox: purpose === "reads" ? INBOX : PUBLISHER_INBOX });
  const log = natsEventLog(link);
  return {
    log,
    link,
    where: `NATS at ${link.address}`,
    close: async () => {
      await log.close();
      await link.close();
    },
  };
}

type NatsLink = import("../connectors/nats/connect.js").NatsLink;

/** A server is not there now and may be later: worth another attempt. Everything else needs a person. */
function mayComeBack(error: unknown): error is Error {
  return error instanceof LogUnavailable || error instanceof StoreUnavailable || (error instanceof Error && error.name === "ConnectFailed");
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Opens again and again until the servers are there. Null: the signal came first; an attempt that is under way then is not
 * waited for, since nothing has begun yet. Throws what needs a person.
 */
export function openPatiently<Opened>(open: () => Promise<Opened>, log: Log, signal: AbortSignal): Promise<Opened | null> {
  return Promise.race([attempts(open, log, signal), aborted(signal).then(() => null)]);
}

async function attempts<Opened>(open: () => Promise<Opened>, log: Log, signal: AbortSignal): Promise<Opened | null> {
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      return await open();
    } catch (error) {
      if (!mayComeBack(error)) throw error;
      if (signal.aborted) return null;
      log.warn(error.message, { againInMs: pauseMs });
      await pause(pauseMs, signal);
    }
  }
  return null;
}
