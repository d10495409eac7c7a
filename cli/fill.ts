/**
 * Fills a change of rules from history in this process, for `eddy apply`: opens the scope, reads a file of old events where one
 * is given, runs the filler, and shows on the terminal how far it has come. The process gives way to the live engines of the same machine.
 */
import { constants, setPriority } from "node:os";

import type { Change } from "../engine/change/change.js";
import { changeUnderWay } from "../engine/change/change.js";
import { startFill, type Filler } from "../engine/change/fill.js";
import { FILL_SCOPE } from "../engine/change/filled.js";
import { historyLog, readHistory, type History } from "../engine/change/history.js";
import { PROGRESS_FIELD, secondsLeft, type FillProgress } from "../engine/change/progress.js";
import type { Compiled } from "../engine/compile/compiled.js";
import { MAX_EVENT_BYTES } from "../engine/decode.js";
import type { EventLog, StateStore } from "../engine/ports.js";
import { busy } from "../engine/change/fill-store.js";
import { FolderInUse } from "../connectors/embedded/failures.js";
import { engineEnvironment, pause } from "./environment.js";
import { processIdentity } from "./identity.js";
import { say, type Io } from "./io.js";
import { readLines } from "./lines.js";
import type { Log } from "./logging.js";
import { openPorts, type OpenedScope } from "./open.js";
import type { Place } from "./place.js";
import { showProgress, whole, type Progress } from "./progress.js";

export const DEFAULT_FILL_RATE = 20_000;
/** Whoever is not in memory is read from the store and written back: history goes through all customers again and again. */
export const DEFAULT_FILL_CACHE = 200_000;

export interface FillingParts {
  readonly place: Place;
  readonly change: Change;
  /** The program that the change leads to. */
  readonly compiled: Compiled;
  /** The main store and the log, open for as long as filling goes on. */
  readonly main: { readonly log: EventLog; readonly store: StateStore };
  readonly io: Io;
  readonly log: Log;
  /** Path of a file of old events. */
  readonly history?: string | undefined;
  readonly rate?: number | undefined;
  readonly cacheCustomers?: number | undefined;
  readonly takeOver?: boolean | undefined;
}

export interface Filling {
  /** Resolves when it is so close behind the end of the log that partitions would not wait long for it. Rejects when it cannot go on. */
  near(): Promise<void>;
  /** Resolves when every partition has come to the marker of the change. Rejects likewise. */
  filled(): Promise<void>;
  /** Whether it ends where the partitions go over. */
  stands(): Promise<boolean>;
  progress(): FillProgress;
  /** Ends the reading; what was filled stays. */
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 100;
const TELL_EVERY_MS = 10_000;

export async function startFilling(parts: FillingParts): Promise<Filling> {
  const { place, change, compiled, main, io, log, rate = DEFAULT_FILL_RATE, cacheCustomers = DEFAULT_FILL_CACHE, takeOver = false } = parts;
  giveWay();
  const scope = await openPorts(place, { now: io.now, engine: true, scope: FILL_SCOPE, takeOver }).catch((error: unknown) => {
    throw error instanceof FolderInUse ? busy() : error;
  });
  try {
    const history = parts.history === undefined ? null : await historyFrom(parts.history, main.log, io);
    const filler = startFill({
      change, compiled, rate: () => rate, cacheCustomers, environment: engineEnvironment(io, quieter(log)), identity: processIdentity(),
      log: history === null ? scope.log : historyLog(history, scope.log), history,
      scope: scope.store, empty: () => scope.empty(), main: main.store,
      isUnderWay: async () => (await changeUnderWay(main.store))?.id === change.id,
    });
    return filling(parts, scope, filler);
  } catch (error) {
    await scope.close();
    throw error;
  }
}

/** The scope is of no use any more: the change is over, or was cancelled. */
export async function clearFilled(place: Place, main: Pick<StateStore, "share">, io: Pick<Io, "now">): Promise<void> {
  const scope = await openPorts(place, { now: io.now, scope: FILL_SCOPE });
  try {
    await scope.drop(null);
  } finally {
    await scope.close();
  }
  await main.share({}, { [PROGRESS_FIELD]: "" });
}

function filling({ io, log }: FillingParts, scope: OpenedScope, filler: Filler): Filling {
  const ending = new AbortController();
  const shown = show(io, log, filler, ending.signal);
  void filler.filled.catch(() => undefined).finally(() => ending.abort());
  let closing: Promise<void> | null = null;
  return {
    progress: filler.progress,
    filled: () => filler.filled,
    stands: () => filler.stands(),
    async near() {
      const failed = filler.filled.then(() => true);
      for (;;) {
        if (filler.isNear()) return;
        if (await Promise.race([failed, pause(LOOK_EVERY_MS, ending.signal).then(() => false)])) return;
      }
    },
    close: () => (closing ??= (async () => {
      ending.abort();
      await filler.stop();
      shown.end();
      await scope.close();
    })()),
  };
}

/** Where the system lets it: what live engines have to do comes first. */
function giveWay(): void {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // It is as fast as they are, then.
  }
}

export async function historyFrom(path: string, log: EventLog, io: Io): Promise<History> {
  let share: () => number | null = () => null;
  const progress = showProgress(io, () => `reading ${path} through${percent(share())}`);
  try {
    const history = await readHistory({
      name: path,
      async lines() {
        const source = await readLines(path, io, MAX_EVENT_BYTES * 2);
        share = source.progress;
        return source.batches;
      },
    }, log);
    progress.end();
    say(io, `${path}: ${whole(history.events)} events of before the stream${history.from === null || history.to === null ? "" : `, from ${instant(history.from)} to ${instant(history.to)}`}` +
      (history.isCut ? "; the lines behind them are of after its beginning and are left out" : ""));
    return history;
  } finally {
    progress.end();
  }
}

const instant = (ms: number): string => new Date(ms).toISOString();
const percent = (share: number | null): string => (share === null ? "" : `, ${Math.floor(share * 100)} %`);

/** What a live engine says of its coming and going is of no news here. */
function quieter(log: Log): Log {
  return { ...log, info: (message, fields) => log.debug(message, fields) };
}

function show(io: Io, log: Log, filler: Filler, signal: AbortSignal): Progress {
  if (!io.terminal) {
    void (async () => {
      for (await pause(TELL_EVERY_MS, signal); !signal.aborted; await pause(TELL_EVERY_MS, signal)) {
        const { done, total, rate } = filler.progress();
        log.info("filling from history", { events: done, of: total, perSecond: rate, secondsLeft: secondsLeft(filler.progress()) });
      }
    })();
  }
  return showProgress(io, () => fillLine(filler.progress()));
}

export function fillLine(progress: FillProgress): string {
  const left = secondsLeft(progress);
  return `filling from history: ${whole(progress.done)} of ${whole(progress.total)} events, ${whole(Math.round(progress.rate))} a second` +
    (left === null || left === 0 ? "" : `, about ${duration(left)} left`);
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} seconds`;
  if (seconds < 90 * 60) return `${Math.ceil(seconds / 60)} minutes`;
  return `${Math.round(seconds / 3600)} hours`;
}
