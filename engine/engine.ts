/**
 * One process at work: reads the event log once, gives every record to the worker of its partition, and keeps the clock
 * going with ticks when nothing else does.
 *
 * A partition that cannot go on (its log is another one, a state is of a newer format, the broker's clock is impossible)
 * stands still and says why; the others do not notice. When the store went back, everything in memory is dropped and
 * the engine opens anew from what the store says. When another process has claimed a partition, the engine ends.
 */
import type { Compiled } from "./compile/compiled.js";
import { bell, insist, type Environment } from "./environment.js";
import { MetaCorrupt, readMeta, type Anchor } from "./meta.js";
import { createPartition, supplyWakes, wantsWakes } from "./partition.js";
import { LogChanged, LogUnavailable, StoreUnavailable, type EventLog, type LogInfo, type LogReader, type LogRecord, type OutputLog, type StateStore } from "./ports.js";
import { CannotContinue, checkLog, planLayouts, planOutputs } from "./recovery.js";
import { StateTooNew } from "./state.js";
import { StateCorrupt } from "./codec.js";
import type { EngineStats } from "./stats.js";
import { TICK_TYPE, partition as partitionOf, tickSubject } from "./subjects.js";
import { timeText } from "./compile/runtime.js";
import { ClockAlarm, StoreMoved, startWorker, type Worker, type WorkerLimits } from "./worker.js";

export interface Ports {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly outputs: OutputLog;
}

export interface EngineOptions {
  /** Customers kept in memory, over all partitions. */
  readonly cacheCustomers: number;
  readonly limits: WorkerLimits;
}

export interface Engine {
  /** What is missing before it does its work as it should; empty: ready. */
  notReady(): string[];
  /** Stops reading, commits, publishes, and ends. */
  stop(): Promise<void>;
  /** Settles when the engine has ended; rejects with OwnershipLost or with a failure that nobody foresaw. */
  readonly ended: Promise<void>;
}

/** Records handed to a partition and not yet taken: above this, reading pauses. */
const MAX_BACKLOG = 8192;
const TAKE_AT_ONCE = 4096;
const READ_TIMEOUT_MS = 1000;
const LONGEST_NAP_MS = 25;
const TICK_AGAIN_MS = 1000;
const FINISH_WITHIN_MS = 4500;
/** Ready means: no more events than this are waiting. */
const READY_LAG = 10_000;

export function startEngine(compiled: Compiled, ports: Ports, options: EngineOptions, environment: Environment, stats: EngineStats): Engine {
  const stopping = new AbortController();
  let session: Session | null = null;
  const ended = run();
  ended.catch(() => undefined);

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      session = await open(compiled, ports, options, environment, stats, stopping.signal);
      if (session === null) return;
      try {
        await session.run();
        return;
      } catch (error) {
        session.abandon();
        if (!(error instanceof StoreMoved)) throw error;
        environment.log("warn", "the store is older than this process's memory: beginning again from what the store says", { reason: error.message });
        await environment.pause(100, stopping.signal);
      }
    }
  }

  return {
    notReady: () => (session === null ? ["the event log and the store are not connected yet"] : session.notReady()),
    stop() {
      stopping.abort();
      return ended;
    },
    ended,
  };
}

interface Session {
  run(): Promise<void>;
  /** Drops everything at once. */
  abandon(): void;
  notReady(): string[];
}

const passes = (error: unknown): boolean => error instanceof StoreUnavailable || error instanceof LogUnavailable;

/** Null: told to stop before everything was there. */
async function open(
  compiled: Compiled, ports: Ports, options: EngineOptions, environment: Environment, stats: EngineStats, stopping: AbortSignal,
): Promise<Session | null> {
  const ask = <T>(what: string, attempt: () => Promise<T>): Promise<T> => insist(environment, stopping, what, passes, attempt);
  const lifetime = new AbortController();
  let seen: Anchor = { sequence: 0, stamp: 0 };
  let unread = (): number => 0;
  try {
    const info = await ask("asking the event log how it stands", () => ports.log.info());
    stats.segmentCustomers.clear();
    for (const segment of compiled.segments) stats.segmentCustomers.set(segment.name, 0);
    const stopped: string[] = [];
    const workers = await Promise.all(Array.from({ length: info.partitions }, async (_, index) => {
      try {
        return await openPartition(index, info);
      } catch (error) {
        if (!standsStill(error)) throw error;
        halt(index, error as Error);
        return null;
      }
    }));
    return session(info, workers, stopped);

    function halt(index: number, error: Error): void {
      environment.log("error", error.message, { partition: index });
      stopped.push(error.message);
      const known = stats.partitions.get(index);
      if (known === undefined) stats.partitions.set(index, { lag: 0, outboxPending: 0, clock: 0, offset: 0, stopped: error.message });
      else known.stopped = error.message;
    }

    async function openPartition(index: number, logInfo: LogInfo): Promise<Worker> {
      const claim = await ask(`claiming partition ${index}`, () => ports.store.claim(index, environment.token()));
      const meta = readMeta(claim.meta);
      await ask("comparing the event log", () => checkLog(index, meta, logInfo, ports.log));
      const outputPlan = await ask("comparing the outputs", () => planOutputs(index, meta, ports.store, ports.outputs));
      if (meta.program !== "" && meta.program !== compiled.program.hash) {
        environment.log("info", "the rules have changed since the partition last ran; what is new in them begins now", { partition: index });
      }
      const names = compiled.segments.map((segment) => segment.name);
      const sizes = await ask("counting segments", () => ports.store.segmentSizes(index, names));
      names.forEach((name, i) => stats.segmentCustomers.set(name, (stats.segmentCustomers.get(name) ?? 0) + (sizes[i] ?? 0)));
      const cacheCustomers = Math.max(4096, Math.ceil(options.cacheCustomers / logInfo.partitions));
      const partition = createPartition(compiled, { index, clock: logInfo.clock, cacheCustomers }, stats);
      partition.clock = meta.clock;
      partition.offset = meta.offset;
      const after = wantsWakes(partition, meta.clock);
      if (after !== undefined) {
        const page = await ask("reading the wake index", () => ports.store.wakes(index, after, 1000));
        supplyWakes(partition, page, page.length < 1000);
      }
      return startWorker({
        partition, compiled, store: ports.store, outputs: ports.outputs, environment, stats, clock: logInfo.clock, limits: options.limits,
        signal: lifetime.signal, writer: claim.writer, number: claim.number, meta, logIdentity: logInfo.identity,
        layouts: planLayouts(meta, compiled), outputPlan, seen: () => seen, unread: () => unread(),
      });
    }
  } catch (error) {
    lifetime.abort();
    if (stopping.aborted) return null;
    throw error;
  }

  function session(info: LogInfo, workers: readonly (Worker | null)[], stopped: string[]): Session {
    const live = [...workers];
    const room = bell();
    let reader: LogReader | null = null;
    let failure: Error | null = null;
    const failed = bell();

    function fail(error: Error): void {
      failure ??= error;
      failed.ring();
      room.ring();
    }

    for (const worker of workers) {
      worker?.ended.catch((error: Error) => {
        if (lifetime.signal.aborted) return;
        if (!standsStill(error)) return fail(error);
        live[worker.index] = null;
        environment.log("error", error.message, { partition: worker.index });
        stopped.push(error.message);
        const known = stats.partitions.get(worker.index);
        if (known !== undefined) known.stopped = error.message;
        room.ring();
      });
    }

    function dispatch(records: readonly LogRecord[]): void {
      for (const record of records) {
        const { subject } = record;
        const token = subject.slice(subject.lastIndexOf(".") + 1);
        const index = subject.startsWith(`events.${TICK_TYPE}.`) ? Number(token) : partitionOf(token, info.partitions);
        const offset = stats.partitions.get(index)?.offset ?? 0;
        const worker = live[index];
        if (worker != null && record.sequence > offset && record.sequence > (started[index] ?? 0)) worker.offer(record);
        seen = { sequence: record.sequence, stamp: record.stamp };
      }
    }

    const started = workers.map((worker) => (worker === null ? Infinity : stats.partitions.get(worker.index)?.offset ?? 0));

    async function readOn(): Promise<void> {
      const from = Math.min(...started.filter((offset) => offset !== Infinity));
      if (from === Infinity) return waitForEnd();
      seen = { sequence: from, stamp: 0 };
      const opened = await ask("opening the event log", () => ports.log.read(from + 1));
      reader = opened;
      unread = () => opened.lag;
      while (!stopping.aborted && failure === null) {
        const backlog = live.reduce((most, worker) => Math.max(most, worker?.backlog ?? 0), 0);
        if (backlog > MAX_BACKLOG) {
          await environment.pause(1, stopping);
          continue;
        }
        await Promise.race([opened.ready(READ_TIMEOUT_MS), untilStop()]);
        if (stopping.aborted) break;
        dispatch(opened.take(TAKE_AT_ONCE));
        for (const [index, counted] of stats.partitions) counted.lag = opened.lag + (live[index]?.backlog ?? 0);
        if (seen.sequence % 1000 === 0) for (const worker of live) if (worker?.idle === true) worker.nudge();
        stats.cachedCustomers = live.reduce((total, worker) => total + (worker?.cachedCustomers ?? 0), 0);
      }
    }

    /** Resolves when the engine is told to stop, or a worker failed. One promise for the session: races must not pile up. */
    const stopOrFailure = new Promise<void>((resolve) => {
      if (stopping.aborted) resolve();
      stopping.addEventListener("abort", () => resolve(), { once: true });
      void failed.wait().then(resolve);
    });
    const untilStop = (): Promise<void> => stopOrFailure;

    async function waitForEnd(): Promise<void> {
      await stopOrFailure;
    }

    /** On the broker's clock somebody must say that time has passed when no events do. */
    async function tick(): Promise<void> {
      if (info.clock !== "broker") return;
      const told = new Map<number, { at: number; due: number }>();
      while (!stopping.aborted && failure === null) {
        const now = environment.now();
        let soonest = now + LONGEST_NAP_MS;
        const ticks: number[] = [];
        for (const worker of live) {
          if (worker === null) continue;
          const due = worker.nextDue();
          if (due > now) {
            soonest = Math.min(soonest, due);
            continue;
          }
          const before = told.get(worker.index);
          const toldAlready = before !== undefined && before.due === due && now < before.at + TICK_AGAIN_MS;
          if (!worker.idle || worker.backlog > 0 || (reader?.lag ?? 1) > 0 || toldAlready) continue;
          told.set(worker.index, { at: now, due });
          ticks.push(worker.index);
        }
        if (ticks.length > 0) await appendTicks(ticks, now);
        await environment.pause(Math.max(1, soonest - now), stopping);
      }
    }

    async function appendTicks(partitions: readonly number[], now: number): Promise<void> {
      try {
        await ports.log.append(partitions.map((index) => ({
          subject: tickSubject(index),
          body: JSON.stringify({ specversion: "1.0", id: `${index}-${now}`, source: "eddy", type: TICK_TYPE, subject: String(index), time: timeText(now) }),
        })));
      } catch (error) {
        if (!passes(error)) throw error;
        environment.log("warn", "the clock's tick could not be appended; it will be tried again", { reason: (error as Error).message });
      }
    }

    return {
      async run() {
        const loops = [readOn(), tick()].map((loop) => loop.catch((error: Error) => fail(error)));
        await Promise.race([Promise.all(loops), stopOrFailure]);
        if (failure === null) await stopOrFailure;
        await reader?.close().catch(() => undefined);
        if (failure === null) {
          const finished = Promise.all(live.map((worker) => worker?.finish().catch((error: Error) => fail(error))));
          // What cannot be committed in this time is done again by whoever takes over.
          await Promise.race([finished, environment.pause(FINISH_WITHIN_MS, new AbortController().signal)]);
        }
        lifetime.abort();
        await Promise.all(loops);
        if (failure !== null) throw failure as Error;
      },
      abandon() {
        lifetime.abort();
        void reader?.close().catch(() => undefined);
      },
      notReady() {
        const missing = [...stopped];
        if (reader === null && live.some((worker) => worker !== null)) missing.push("the event log is not open yet");
        else if ((reader?.lag ?? 0) > READY_LAG) missing.push(`${reader?.lag ?? 0} events are waiting`);
        return missing;
      },
    };
  }
}

/** Failures that concern one partition only and need a person. */
function standsStill(error: unknown): boolean {
  return error instanceof CannotContinue || error instanceof StateTooNew || error instanceof StateCorrupt || error instanceof MetaCorrupt ||
    error instanceof ClockAlarm || error instanceof LogChanged;
}
