/**
 * What one simulated process has of the world: ports to the servers, a clock, pauses. Everything that it waits for is a
 * step of the scheduler, and on the way to a server and back all can happen that happens in networks: a request is lost,
 * is executed though its answer is lost, or long after its sender has given up, or twice; connections break. What is asked
 * of a server in a row over one connection arrives in that order, and so do the answers; where there are several
 * connections (`isPooled`), both may overtake each other.
 */
import { setMaxListeners } from "node:events";
import type { Ports } from "../../engine/engine.js";
import type { Environment } from "../../engine/environment.js";
import {
  LogChanged, LogClosed, LogFull, LogUnavailable, StoreUnavailable, type Commit, type ConnectionState, type EventLog, type LogReader, type LogRecord, type OutputLog, type StateStore,
} from "../../engine/ports.js";
import { cancel, note, schedule, type Scheduler, type Task } from "./scheduler.js";
import {
  append, applyCommit, beat, claim, loadStates, logInfo, membersOf, metaOf, outboxFrom, publish, readRecords, recordAt, recordsOf, scanFrom, sent, share, storedIn,
  wakesBehind, type EventServer, type OutputServer, type StoreServer,
} from "./servers.js";

export interface Rates {
  /** Of requests: never arrives. */
  lostRequest: number;
  /** Is executed, and nobody hears of it. */
  lostAnswer: number;
  /** Is executed after its sender has given up. */
  late: number;
  /** Is executed twice, the second time by and by. */
  twice: number;
  /** Takes a hundred times as long. */
  slow: number;
}

export const NO_FAULTS: Rates = { lostRequest: 0, lostAnswer: 0, late: 0, twice: 0, slow: 0 };

export interface Network {
  readonly scheduler: Scheduler;
  readonly events: EventServer;
  readonly store: StoreServer;
  readonly outputs: OutputServer;
  rates: Rates;
  /** To each server a process has several connections. */
  isPooled: boolean;
  /** The broker's clock, against the world's. */
  brokerSkewMs: number;
  /** The store's, by which leases run. */
  storeSkewMs: number;
  isEventLogFull: boolean;
  isOutputLogFull: boolean;
  /** Requests to now; those that went wrong, by how. */
  calls: number;
  readonly faults: Map<string, number>;
  /** Order of the store's listings: changes when it begins anew. */
  shuffle: number;
  tokens: number;
  readonly readers: Set<() => void>;
  /** Told of every commit that was done. */
  committed: (commit: Commit) => void;
}

/** One of the two connections that a process has. */
export interface Link {
  isDown: boolean;
  /** Goes up whenever it breaks: what is on its way then is lost. */
  epoch: number;
  /** What was sent in epochs up to this one never arrives: the server itself was gone. */
  severed: number;
  /** When the last request arrives there, and the last answer here: nothing overtakes it. */
  lastRequestAt: number;
  lastAnswerAt: number;
  readonly watchers: Set<(state: ConnectionState) => void>;
}

export function newNetwork(scheduler: Scheduler, events: EventServer, store: StoreServer, outputs: OutputServer): Network {
  return {
    scheduler, events, store, outputs, rates: NO_FAULTS, isPooled: false, brokerSkewMs: 0, storeSkewMs: 0, isEventLogFull: false, isOutputLogFull: false,
    calls: 0, faults: new Map(), shuffle: 0, tokens: 0, readers: new Set(), committed: () => undefined,
  };
}

export interface Client {
  readonly name: string;
  readonly network: Network;
  readonly broker: Link;
  readonly store: Link;
  isPaused: boolean;
  isDead: boolean;
  /** Its beats do not arrive, though all else does. */
  isUnheard: boolean;
  /** Its wall clock, against the world's. */
  skewMs: number;
}

export function newClient(network: Network, name: string): Client {
  const link = (): Link => ({ isDown: false, epoch: 0, severed: -1, lastRequestAt: 0, lastAnswerAt: 0, watchers: new Set() });
  return { name, network, broker: link(), store: link(), isPaused: false, isDead: false, isUnheard: false, skewMs: 0 };
}

export function count({ faults }: Network, what: string): void {
  faults.set(what, (faults.get(what) ?? 0) + 1);
}

/** `isServerGone`: it takes nothing more of what is on its way. */
export function breakLink(link: Link, isServerGone = false): void {
  if (isServerGone) link.severed = link.isDown ? link.epoch - 1 : link.epoch;
  if (link.isDown) return;
  link.isDown = true;
  link.epoch++;
  for (const listener of link.watchers) listener("disconnected");
}

export function mendLink(client: Client, link: Link): void {
  if (!link.isDown) return;
  link.isDown = false;
  for (const listener of link.watchers) listener("connected");
  for (const poke of client.network.readers) poke();
}

/** Mostly a millisecond or two; now and then the order is turned round. */
function latency({ scheduler: { random }, rates }: Network): number {
  const base = random() < 0.7 ? Math.floor(random() * 3) : Math.floor(random() * 12);
  return random() < rates.slow ? base * 100 : base;
}

const PATIENCE_MS = 200;
/** Between what arrives in a row. */
const NEXT_MS = 1 / 1024;

function requestIn(link: Link, network: Network): number {
  if (network.isPooled) return latency(network);
  link.lastRequestAt = Math.max(network.scheduler.now + latency(network), link.lastRequestAt + NEXT_MS);
  return link.lastRequestAt - network.scheduler.now;
}

function answerIn(link: Link, network: Network): number {
  if (network.isPooled) return latency(network);
  link.lastAnswerAt = Math.max(network.scheduler.now + latency(network), link.lastAnswerAt + NEXT_MS);
  return link.lastAnswerAt - network.scheduler.now;
}

function call<T>(client: Client, link: Link, what: string, act: () => T, unavailable: () => Error, counts = true): Promise<T> {
  const { network } = client;
  const { scheduler: s, rates } = network;
  if (counts) network.calls++;
  return new Promise<T>((resolve, reject) => {
    const later = (what: string, ms: number, run: () => void): void => {
      if (!client.isDead) schedule(s, client, `${client.name} ${what}`, ms, run, false, !counts);
    };
    const giveUp = (ms: number): void => later(`${what}: no answer`, ms, () => reject(unavailable()));
    if (link.isDown) return giveUp(latency(network));
    const { epoch } = link;
    let r = s.random();
    const falls = (rate: number, name: string): boolean => {
      if (r >= rate) {
        r -= rate;
        return false;
      }
      count(network, name);
      return true;
    };
    /** Whether it came to be executed. */
    const arrive = (): T | Failure | undefined => {
      // Of what is on its way when the connection breaks, some arrives.
      if (link.severed >= epoch || (link.epoch !== epoch && s.random() < 0.5)) return undefined;
      try {
        return act();
      } catch (error) {
        return { failure: error as Error };
      }
    };
    const execute = (ms: number, then: (answer: T | Failure | undefined) => void): void => void schedule(s, null, `${client.name} ${what}`, ms, () => then(arrive()), false, !counts);
    if (falls(rates.lostRequest, "lost request")) return giveUp(PATIENCE_MS);
    if (falls(rates.lostAnswer, "lost answer")) {
      execute(requestIn(link, network), () => undefined);
      return giveUp(PATIENCE_MS);
    }
    if (falls(rates.late, "late execution")) {
      execute(PATIENCE_MS + Math.floor(s.random() * 2000), () => undefined);
      return giveUp(PATIENCE_MS);
    }
    const isTwice = falls(rates.twice, "executed twice");
    execute(requestIn(link, network), (answer) => {
      if (isTwice) execute(Math.floor(s.random() * 50), () => undefined);
      later(`${what}: ${shown(answer)}`, answerIn(link, network), () => {
        if (answer === undefined || link.epoch !== epoch) reject(unavailable());
        else if (isFailure(answer)) reject(answer.failure);
        else resolve(answer);
      });
    });
  });
}

interface Failure { readonly failure: Error }
const isFailure = (answer: unknown): answer is Failure => typeof answer === "object" && answer !== null && "failure" in answer;

function shown(answer: unknown): string {
  if (typeof answer === "string" || typeof answer === "number") return String(answer);
  if (answer === undefined) return "lost on the way";
  return isFailure(answer) ? answer.failure.name : "answered";
}

// ---------------------------------------------------------------------------------------------------- ports

const USUAL_PAGE = 1000;

export function portsOf(client: Client): Ports {
  return { log: eventLog(client), store: stateStore(client), outputs: outputLog(client) };
}

const logUnavailable = (): Error => new LogUnavailable("no answer");
const storeUnavailable = (): Error => new StoreUnavailable("no answer");

function watching({ watchers, isDown }: Link, listener: (state: ConnectionState) => void): () => void {
  watchers.add(listener);
  listener(isDown ? "disconnected" : "connected");
  return () => void watchers.delete(listener);
}

export function eventLog(client: Client): EventLog {
  const { network, broker } = client;
  const { events, scheduler: s } = network;
  const readers = new Set<LogReader>();
  let isClosed = false;
  const ask = <T>(what: string, act: () => T): Promise<T> => (isClosed ? Promise.reject(new LogClosed("closed")) : call(client, broker, what, act, logUnavailable));
  return {
    info: () => ask("info", () => logInfo(events)),
    at: (sequence) => ask(`at ${sequence}`, () => recordAt(events, sequence)),
    ofCustomer: (token, limit) => ask(`of ${token}`, () => recordsOf(events, token, limit)),
    async read(from) {
      const { identity, first } = await ask(`read from ${from}`, () => logInfo(events));
      const reader = logReader(client, identity, Math.max(from, first) - 1);
      readers.add(reader);
      return reader;
    },
    append: (records) => ask(`append ${records.map(({ subject }) => subject).join()}`, () => {
      if (network.isEventLogFull) throw new LogFull("full");
      const answer = append(events, records, Math.round(s.now + network.brokerSkewMs));
      for (const poke of network.readers) poke();
      return answer;
    }),
    watch: (listener) => watching(broker, listener),
    async close() {
      isClosed = true;
      for (const reader of readers) await reader.close();
    },
  };
}

/** As many records are sent ahead of whoever takes them. */
const SENT_AHEAD = 1000;

function logReader(client: Client, identity: string, from: number): LogReader {
  const { network, broker } = client;
  const { scheduler: s, events } = network;
  const buffer: LogRecord[] = [];
  let sentUpTo = from;
  let taken = from;
  /** Of the record at `sentUpTo`. */
  let lastStamp: number | null = null;
  let end = from;
  let isClosed = false;
  let failure: Error | null = null;
  let delivery: Task | null = null;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const each of waiting) each();
    waiting.clear();
  };
  /** The broker has something for it. */
  function poke(): void {
    if (isClosed || client.isDead) return void network.readers.delete(poke);
    if (delivery !== null || broker.isDown || failure !== null || buffer.length >= SENT_AHEAD) return;
    const isShorter = lastStamp !== null && events.records.length < sentUpTo;
    if (events.identity === identity && !isShorter && sentUpTo >= events.records.length && sentUpTo + 1 >= events.first) return;
    delivery = schedule(s, client, `${client.name} delivery`, latency(network), deliver);
  }
  function deliver(): void {
    delivery = null;
    if (isClosed || broker.isDown) return;
    try {
      const { records, upTo } = readRecords(events, identity, sentUpTo, 1 + Math.floor(s.random() ** 2 * SENT_AHEAD), lastStamp);
      buffer.push(...records);
      if (upTo > sentUpTo) lastStamp = records.at(-1)?.sequence === upTo ? (records.at(-1)?.stamp ?? null) : null;
      sentUpTo = upTo;
      end = events.records.length;
    } catch (error) {
      failure = error as LogChanged;
      if (events.identity !== identity) buffer.length = 0;
    }
    wake();
    poke();
  }
  network.readers.add(poke);
  poke();
  return {
    async ready(timeoutMs) {
      if (isClosed) throw new LogClosed("closed");
      if (failure !== null && buffer.length === 0) throw failure;
      if (buffer.length > 0) return;
      await new Promise<void>((resolve) => {
        const patience = schedule(s, client, `${client.name} ready`, timeoutMs, () => {
          waiting.delete(go);
          resolve();
        }, true);
        const go = (): void => {
          cancel(s, patience);
          resolve();
        };
        waiting.add(go);
      });
      if (isClosed as boolean) throw new LogClosed("closed");
      if (failure !== null && buffer.length === 0) throw failure as Error;
    },
    take(limit) {
      const records = buffer.splice(0, limit);
      taken = buffer.length === 0 ? sentUpTo : (records.at(-1)?.sequence ?? taken);
      poke();
      return records;
    },
    get lag() { return Math.max(0, end - taken); },
    close() {
      isClosed = true;
      buffer.length = 0;
      network.readers.delete(poke);
      wake();
      return Promise.resolve();
    },
  };
}

export function stateStore(client: Client): StateStore {
  const { network } = client;
  const { store: server, scheduler: s } = network;
  const ask = <T>(what: string, act: () => T): Promise<T> => call(client, client.store, what, act, storeUnavailable);
  const at = (partition: number) => storedIn(server, partition);
  return {
    // No call like others: it is said again and again, and that is no sign that anything happens.
    beat: (member, holds, leaseMs) => (client.isUnheard
      ? new Promise((_, reject) => schedule(s, client, `${client.name} is not heard`, PATIENCE_MS, () => reject(storeUnavailable()), false, true))
      : call(client, client.store, `beat ${holds.join()}`, () => beat(server, member, holds, leaseMs, s.now + network.storeSkewMs), storeUnavailable, false)),
    shared: (names) => ask(`shared ${names.join()}`, () => names.map((name) => server.shared.get(name) ?? null)),
    share: (expected, set) => ask(`share ${Object.keys(set).join()}`, () => share(server, expected, set)),
    claim: (partition, token) => ask(`claim ${partition}`, () => claim(at(partition), token)),
    meta: (partition) => ask(`meta ${partition}`, () => metaOf(at(partition))),
    load: (partition, customers) => ask(`load ${partition} ${customers.join()}`, () => loadStates(at(partition), customers)),
    wakes: (partition, after, limit) => ask(`wakes ${partition} behind ${after?.customer ?? ""}`, () => wakesBehind(at(partition), after, limit)),
    commit(commit) {
      const wire = sent(commit);
      return ask(`commit ${commit.partition}#${commit.number}`, () => {
        const answer = applyCommit(server, wire);
        if (answer === "done") network.committed(wire);
        note(s, `  -> commit ${commit.partition}#${commit.number} of ${client.name}: ${answer}`);
        return answer;
      });
    },
    outbox: (partition, from, limit) => ask(`outbox ${partition} from ${from}`, () => outboxFrom(at(partition), from, limit)),
    segmentSizes: (partition, segments) => ask(`sizes ${partition}`, () => segments.map((segment) => at(partition).members.get(segment)?.size ?? 0)),
    counts: (partition, ranking) => ask(`counts ${partition}`, () => [...(at(partition).counts.get(ranking) ?? [])]),
    members: (partition, segment, cursor) => ask("members", () => membersOf(at(partition), segment, cursor)),
    scan: (partition, cursor, limit = USUAL_PAGE) => ask(`scan ${partition}`, () => {
      const { shuffle } = network;
      return scanFrom(at(partition), cursor, limit, (id) => (shuffle === 0 ? id : `${scrambled(id, shuffle)} ${id}`));
    }),
    watch: (listener) => watching(client.store, listener),
    close: () => Promise.resolve(),
  };
}

function scrambled(id: string, by: number): string {
  let hash = by;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  return String.fromCharCode(33 + ((hash >>> 8) & 63));
}

export function outputLog(client: Client): OutputLog {
  const { network } = client;
  const { outputs: server, scheduler: s } = network;
  let isClosed = false;
  const ask = <T>(what: string, act: () => T): Promise<T> => (isClosed ? Promise.reject(new LogClosed("closed")) : call(client, client.broker, what, act, logUnavailable));
  return {
    identity: (partition) => ask(`identity of OUT_${partition}`, () => "the only one"),
    last: (partition) => ask(`last ${partition}`, () => server.streams[partition]?.length ?? 0),
    publish: (partition, outputs) => ask(`publish ${partition} ${outputs[0]?.number ?? ""} to ${outputs.at(-1)?.number ?? ""}`, () => {
      if (network.isOutputLogFull) throw new LogFull("full");
      const { lostRequest } = network.rates;
      return publish(server, partition, outputs, () => {
        if (s.random() >= lostRequest) return true;
        count(network, "output lost in mid-window");
        return false;
      });
    }),
    read: (partition, from, to) => ask(`read ${partition}`, () => (server.streams[partition] ?? []).slice(Math.max(0, from - 1), Math.max(0, to))),
    close() {
      isClosed = true;
      return Promise.resolve();
    },
  };
}

/** Who naps may sleep longer than they wanted to, by as many times as much: no timer is exact, and short naps cost most steps. */
const OVERSLEPT = 15;
const NAP_MS = 20;
const LONG_MS = 100;

export function environmentOf(client: Client): Environment {
  const { scheduler: s } = client.network;
  return {
    now: () => Math.round(s.now + client.skewMs),
    seconds: () => s.now / 1000,
    token: () => `${client.name} ${++client.network.tokens}`,
    pause: (ms, signal) => new Promise((resolve) => {
      if (signal.aborted) return resolve();
      setMaxListeners(0, signal); // as cli/environment.ts does
      const end = (): void => {
        cancel(s, task);
        resolve();
      };
      const task = schedule(s, client, `${client.name} pause ${ms}`, ms > 0 ? Math.ceil(ms * (1 + s.random() * (ms < NAP_MS ? 4 * OVERSLEPT : ms < LONG_MS ? OVERSLEPT : 0.2))) : 0, () => {
        signal.removeEventListener("abort", end);
        resolve();
      }, true);
      signal.addEventListener("abort", end, { once: true });
    }),
    log: (level, message, fields) => {
      if (level !== "debug") note(s, `  ${client.name} says: ${message} ${JSON.stringify(fields ?? {})}`);
    },
  };
}
