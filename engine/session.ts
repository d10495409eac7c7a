/**
 * One stretch of work: from opening every partition to the end, or to the moment at which all memory must be dropped.
 *
 * The log is read once; every record goes to the worker of its partition. A partition that cannot go on stands still
 * with its reason; the others do not notice.
 */
import { StateCorrupt } from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { insist, type Environment } from "./environment.js";
import { MetaCorrupt, type Anchor } from "./meta.js";
import { openPartition, passes, type EngineOptions, type Ports, type Shared } from "./open-partition.js";
import { LogChanged, type ConnectionState, type LogReader, type LogRecord } from "./ports.js";
import { EvaluationFailed } from "./partition.js";
import { CannotContinue } from "./recovery.js";
import { StateTooNew } from "./state.js";
import { SIZES } from "./sizes.js";
import type { EngineStats } from "./stats.js";
import { POPULATION_TYPE, TICK_TYPE, partition as partitionOf } from "./subjects.js";
import { tick } from "./ticks.js";
import { ClockAlarm, type Worker } from "./worker.js";

export interface Session {
  /** Works until the signal to stop, then finishes what was read. Rejects with what no partition alone can answer for. */
  run(): Promise<void>;
  /** Drops everything at once. */
  abandon(): void;
  notReady(): string[];
}

const TAKE_AT_ONCE = 4096;
const READ_TIMEOUT_MS = 1000;
const FULL_PAUSE_MS = 1;
/** What cannot be committed in this time after a signal is done again by whoever takes over. */
const FINISH_WITHIN_MS = 4000;
/** Ready means: no more events than this are waiting. */
const READY_LAG = 10_000;
/** Every so many records idle partitions are asked whether their position should be recorded. */
const NUDGE_EVERY = 4096;

interface State {
  readonly shared: Shared;
  /** By partition; null: it stands still. */
  readonly workers: (Worker | null)[];
  /** All that were started. */
  readonly started: Worker[];
  /** Why partitions stand still. */
  readonly standing: string[];
  /** Records of a partition up to here were processed before this session. */
  readonly offsets: number[];
  seen: Anchor;
  sinceNudge: number;
  /** A server was away and has come back while partitions were opened. */
  cameBack: boolean;
  reader: LogReader | null;
  failure: Error | null;
  readonly lifetime: AbortController;
  /** Aborted by the order to stop, and by a failure. */
  readonly over: AbortController;
}

/** Null: told to stop before everything was open. */
export async function openSession(
  compiled: Compiled, ports: Ports, options: EngineOptions, environment: Environment, stats: EngineStats, stopping: AbortSignal,
): Promise<Session | null> {
  try {
    const info = await insist(environment, stopping, "asking the event log how it stands", passes, () => ports.log.info());
    if (options.partitions !== undefined && info.partitions !== options.partitions) {
      throw new CannotContinue(`the event log is one of ${info.partitions} partitions, the store one of ${options.partitions}: they do not belong together (was the log made again?)`);
    }
    const lifetime = new AbortController();
    const s: State = {
      shared: {
        compiled, ports, options, environment, stats, info, stopping, lifetime: lifetime.signal,
        seen: () => s.seen, unread: () => s.reader?.lag ?? 0,
      },
      workers: [], started: [], standing: [], offsets: [], seen: { sequence: 0, stamp: 0 }, sinceNudge: 0, cameBack: false, reader: null, failure: null,
      lifetime, over: new AbortController(),
    };
    // A session that ended must not be held by the signal, with all that it has in memory: there may be many in a process.
    stopping.addEventListener("abort", () => s.over.abort(), { once: true, signal: lifetime.signal });
    if (stopping.aborted) s.over.abort();
    stats.segmentCustomers.clear();
    stats.sums.clear();
    for (const segment of compiled.segments) stats.segmentCustomers.set(segment.name, 0);
    try {
      // Before anything is asked: a server may go away and come back while others are still being opened.
      for (const port of [ports.log, ports.store]) lifetime.signal.addEventListener("abort", port.watch(comparing(s)), { once: true });
      s.workers.push(...await allOpen(s));
    } catch (error) {
      endWorkers(s);
      throw error;
    }
    s.offsets.push(...s.workers.map((worker) => (worker === null ? Infinity : stats.partitions.get(worker.index)?.offset ?? 0)));
    for (const worker of atWork(s)) {
      watch(s, worker);
      if (s.cameBack) worker.compare();
    }
    return { run: () => run(s), abandon: () => abandon(s), notReady: () => notReady(s) };
  } catch (error) {
    if (stopping.aborted) return null;
    throw error;
  }
}

/** Failures that concern one partition only and need a person. */
function standsStill(error: unknown): error is Error {
  return error instanceof CannotContinue || error instanceof StateTooNew || error instanceof StateCorrupt || error instanceof MetaCorrupt ||
    error instanceof ClockAlarm || error instanceof EvaluationFailed;
}

/** Waits for all, also where one fails: what is left behind would go on claiming what others have taken over since. */
async function allOpen(s: State): Promise<(Worker | null)[]> {
  const opened = await Promise.allSettled(Array.from({ length: s.shared.info.partitions }, (_, index) => openOrStand(s, index)));
  return opened.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

async function openOrStand(s: State, index: number): Promise<Worker | null> {
  try {
    const worker = await openPartition(s.shared, index);
    s.started.push(worker);
    return worker;
  } catch (error) {
    if (!standsStill(error)) throw error;
    stand(s, index, error);
    return null;
  }
}

function stand(s: State, index: number, error: Error): void {
  const { stats, environment } = s.shared;
  environment.log("error", error.message, { partition: index });
  s.standing.push(error.message);
  const known = stats.partitions.get(index);
  if (known === undefined) stats.partitions.set(index, { lag: 0, outboxPending: 0, clock: 0, offset: 0, stopped: error.message });
  else known.stopped = error.message;
}

function watch(s: State, worker: Worker): void {
  worker.ended.catch((error: Error) => {
    if (s.lifetime.signal.aborted) return;
    if (!standsStill(error)) return fail(s, error);
    s.workers[worker.index] = null;
    stand(s, worker.index, error);
  });
}

/** A server that was away may have come back without the last of what it had taken. */
function comparing(s: State): (state: ConnectionState) => void {
  let away = false;
  return (state) => {
    if (state === "connected" && away) {
      s.cameBack = true;
      for (const worker of atWork(s)) worker.compare();
    }
    away = state === "disconnected";
  };
}

function fail(s: State, error: Error): void {
  s.failure ??= error;
  s.over.abort();
}

async function run(s: State): Promise<void> {
  const { environment, info, ports } = s.shared;
  const signal = s.over.signal;
  const loops = [readOn(s)];
  if (info.clock === "broker") {
    loops.push(tick({ log: ports.log, environment, workers: () => atWork(s), unread: () => s.reader?.lag ?? 1, signal }));
  }
  await Promise.all(loops.map((loop) => loop.catch((error: Error) => {
    // Told to stop while a server was away: that is an end like any other.
    if (!(s.shared.stopping.aborted && passes(error))) fail(s, error);
  })));
  await s.reader?.close().catch(() => undefined);
  if (s.failure === null) {
    const finished = Promise.all([...atWork(s)].map((worker) => worker.finish().catch((error: Error) => fail(s, error))));
    await Promise.race([finished, environment.pause(FINISH_WITHIN_MS, s.lifetime.signal)]);
  }
  endWorkers(s);
  if (s.failure !== null) throw s.failure;
}

function* atWork(s: State): Generator<Worker> {
  for (const worker of s.workers) if (worker !== null) yield worker;
}

async function readOn(s: State): Promise<void> {
  const { environment, ports, stats, stopping } = s.shared;
  const { signal } = s.over;
  const over = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const from = Math.min(...s.offsets);
  if (from === Infinity) return over; // every partition stands still
  s.seen = { sequence: from, stamp: 0 };
  const reader = await insist(environment, stopping, "opening the event log", passes, () => ports.log.read(from + 1));
  s.reader = reader;
  // Between the comparison of each partition and this moment a limit may have removed more.
  if (from > 0 && (await insist(environment, stopping, "asking the event log how it stands", passes, () => ports.log.info())).first > from + 1) {
    throw new LogChanged("the log lost its oldest records while it was opened");
  }
  while (!signal.aborted) {
    if (isEnough(s)) {
      await environment.pause(FULL_PAUSE_MS, signal);
      continue;
    }
    await Promise.race([reader.ready(READ_TIMEOUT_MS), over]);
    if (signal.aborted) return;
    dispatch(s, reader.take(TAKE_AT_ONCE));
    for (const [index, counted] of stats.partitions) counted.lag = reader.lag + (s.workers[index]?.backlog ?? 0);
    stats.cachedCustomers = 0;
    for (const worker of atWork(s)) stats.cachedCustomers += worker.cachedCustomers;
  }
}

/** So much is handed over and not taken yet that reading must pause. */
function isEnough(s: State): boolean {
  const { queue, queueBytes } = s.shared.options.sizes ?? SIZES;
  let bytes = 0;
  for (const worker of atWork(s)) {
    if (worker.backlog > queue) return true;
    bytes += worker.backlogBytes;
  }
  return bytes > queueBytes;
}

const TICKS = `events.${TICK_TYPE}.`;
const FIGURES = `events.${POPULATION_TYPE}.`;

function dispatch(s: State, records: readonly LogRecord[]): void {
  const { partitions } = s.shared.info;
  for (const record of records) {
    const { subject } = record;
    s.seen = { sequence: record.sequence, stamp: record.stamp };
    if (subject.startsWith(FIGURES)) {
      for (const worker of atWork(s)) if (record.sequence > (s.offsets[worker.index] ?? Infinity)) worker.offer(record);
      continue;
    }
    const token = subject.slice(subject.lastIndexOf(".") + 1);
    const index = subject.startsWith(TICKS) ? Number(token) : partitionOf(token, partitions);
    if (record.sequence > (s.offsets[index] ?? Infinity)) s.workers[index]?.offer(record);
  }
  s.sinceNudge += records.length;
  if (s.sinceNudge < NUDGE_EVERY) return;
  s.sinceNudge = 0;
  for (const worker of atWork(s)) if (worker.idle) worker.nudge();
}

function endWorkers(s: State): void {
  s.lifetime.abort();
  for (const worker of s.started) worker.abandon();
}

function abandon(s: State): void {
  s.over.abort();
  endWorkers(s);
  void s.reader?.close().catch(() => undefined);
}

function notReady(s: State): string[] {
  const missing = [...s.standing];
  if (s.reader === null && [...atWork(s)].length > 0) missing.push("the event log is not open yet");
  else if ((s.reader?.lag ?? 0) > READY_LAG) missing.push(`${s.reader?.lag ?? 0} events are waiting`);
  return missing;
}
