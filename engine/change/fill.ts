/**
 * Fills a change of rules from history: a whole engine of the new program over the same log, with its own place in the store (the
 * scope), no effect outside, and a bounded rate. It stops each partition at the marker of its change; then the scope holds what an
 * engine would have that had run the program from the first event on.
 *
 * Its own commits say how far it has come: killed at whatever instant, it goes on from there. What a scope holds of another
 * program, of another log or of another file of history is dropped first.
 *
 * It leaves to others: when markers are appended (`isNear` says when it is time), and clearing the scope.
 */
import type { Compiled } from "../compile/compiled.js";
import { startEngine } from "../engine.js";
import type { Environment } from "../environment.js";
import type { Identity, Sharing } from "../membership.js";
import { insist } from "../environment.js";
import { logFault } from "../continuity.js";
import { readMeta } from "../meta.js";
import { passes } from "../ownership.js";
import type { EventLog, MetaFields, StateStore } from "../ports.js";
import { SIZES, type Sizes } from "../sizes.js";
import { engineStats, type EngineStats } from "../stats.js";
import { programSubject } from "../subjects.js";
import type { Change } from "./change.js";
import { fillLog, type FillLog, type FillStanding } from "./fill-log.js";
import { fillStore } from "./fill-store.js";
import { fillWords } from "./fill-words.js";
import { FILLED_FIELD, isFilled, readEnded } from "./filled.js";
import { nowhere } from "./nowhere.js";
import { PROGRESS_FIELD, writeProgress, type FillProgress } from "./progress.js";
import { reservation, type Reservation } from "./reservation.js";

/** It was ended before it was done: whoever fills next goes on from there. */
export class FillStopped extends Error { override readonly name = "FillStopped"; }
/** A partition cannot be filled any further; the message says why and what can be done. */
export class FillFailed extends Error { override readonly name = "FillFailed"; }

export interface FillParts {
  readonly change: Pick<Change, "id">;
  /** The program that it leads to. */
  readonly compiled: Compiled;
  /** The stream, or a file of history and the stream behind it. */
  readonly log: EventLog;
  /** What tells one file of history from another, and how many places of `log` it takes; null: the stream alone. */
  readonly history: { readonly mark: string; readonly places: number } | null;
  /** The scope, and what removes all that it holds but who works there. */
  readonly scope: StateStore;
  readonly empty: () => Promise<void>;
  /** The main store: it is told of the progress, and says where the partitions stand that are to go over. */
  readonly main: Pick<StateStore, "share" | "meta">;
  readonly environment: Environment;
  /** Ends it: cancelled, or done by somebody else. */
  readonly isUnderWay: () => Promise<boolean>;
  /** Records a second. */
  readonly rate: () => number;
  readonly cacheCustomers: number;
  readonly identity?: Identity;
  /** Other than usual in simulations only. */
  readonly sharing?: Sharing;
  readonly sizes?: Sizes;
}

export interface Filler {
  progress(): FillProgress;
  /** All partitions are so close to the end of the log that it is time for the markers. */
  isNear(): boolean;
  /** Settles when all partitions have come to their marker, and have heard each other; rejects with FillFailed, FillBusy, FillOver, FillStopped. */
  readonly filled: Promise<void>;
  /** Whether what is filled is of use to the partitions that have not gone over; if not, whoever fills again begins anew. */
  stands(): Promise<boolean>;
  /** Commits what was evaluated, and ends. `filled` settles too. */
  stop(): Promise<void>;
  readonly stats: EngineStats;
}

/** Larger portions than a live engine's: nobody waits for one event. A commit stays small, since live ones queue behind it in the store; a queue too, or partitions would be far apart in time. */
export const FILL_SIZES: Sizes = { ...SIZES, batch: 2048, batchBytes: 4 * 1024 * 1024, batchMs: 60, loadAtOnce: 1000, idleAhead: 1000, queue: 4096 };

/** Nothing waits to be published; and whoever waited for others to hear what they say could be waited for by them. */
const LIMITS = { maxOutbox: Infinity, keepPublished: 0 };
const LOOK_EVERY_MS = 100;
/** So often in a row nobody has anything left to do. */
const QUIET_LOOKS = 4;
const TELL_EVERY_SECONDS = 1;
/** The rate is that of about so long. */
const RATE_SECONDS = 5;
/** It is near when what is left takes no longer than this, and is no more records. */
const NEAR_SECONDS = 1;
const NEAR = 10_000;
const SOURCE_FIELD = "source";

interface State {
  readonly parts: FillParts;
  readonly stats: EngineStats;
  readonly since: number;
  readonly filled: Set<number>;
  /** Of the last commit of each partition, as the store has said. */
  readonly numbers: Map<number, number>;
  readonly ending: AbortController;
  readonly reserved: Reservation;
  partitions: number;
  /** Of the log, by now. */
  first: number;
  last: number;
  rate: number;
  isOpen: boolean;
  isDone: boolean;
  log: FillLog | null;
  /** By partition: where the live one stands; without those that have gone over. */
  readonly behind: Map<number, number>;
}

export function startFill(parts: FillParts): Filler {
  const stats = engineStats();
  const ending = new AbortController();
  const { scope, environment, identity, sharing } = parts;
  const s: State = {
    parts, stats, ending, reserved: reservation({ scope, environment, identity, sharing, signal: ending.signal }), since: environment.now(), filled: new Set(), numbers: new Map(), partitions: 0, first: 1, last: 0, rate: 0, isOpen: false, isDone: false, log: null, behind: new Map(),
  };
  const filled = run(s).finally(() => s.reserved.release());
  filled.catch(() => undefined); // whoever awaits it sees it
  return {
    stats, filled,
    progress: () => progressOf(s),
    isNear: () => s.isDone || isNear(s),
    async stands() {
      await lookAtMain(s);
      return stands(s, s.isDone);
    },
    async stop() {
      s.ending.abort();
      await filled.catch(() => undefined);
    },
  };
}

function isNear(s: State): boolean {
  const most = Math.max(1, Math.min(NEAR, s.parts.rate() * NEAR_SECONDS));
  const position = s.log?.position ?? null;
  return s.isOpen && position !== null && s.last - position <= most && partitionsOf(s).every((index) => s.filled.has(index) || (s.stats.partitions.get(index)?.lag ?? Infinity) <= most);
}

async function run(s: State): Promise<void> {
  const { change, compiled, scope, environment, isUnderWay, cacheCustomers, identity, sharing, rate } = s.parts;
  const { signal } = s.ending;
  await insist(environment, signal, "preparing to fill from history", passes, () => prepare(s));
  if (s.isDone) return allFilled(s);
  const words = fillWords(s.partitions);
  const standing: FillStanding = { begun: 0, hasEnded: false };
  const log = fillLog({ log: s.parts.log, rate, words, standing, environment });
  s.log = log;
  const engine = startEngine(compiled, { log, store: fillStore({ store: scope, identity, reserved: s.reserved, isUnderWay, words, standing, change: change.id, partitions: s.partitions }), outputs: nowhere(scope) }, {
    cacheCustomers, limits: LIMITS, partitions: s.partitions, sizes: s.parts.sizes ?? FILL_SIZES,
    endsAt: { change: change.id, shift: s.parts.history?.places ?? 0, passedOver: s.behind },
    ...(identity === undefined ? {} : { identity }), ...(sharing === undefined ? {} : { sharing }),
  }, environment, s.stats);
  let failure: Error | null = null;
  void engine.ended.catch((error: Error) => { failure = error; }).finally(() => s.ending.abort());
  let isDone = false;
  try {
    isDone = await follow(s, () => (words.isQuiet ? s.stats.commits : null));
  } finally {
    await engine.stop().catch((error: Error) => { failure ??= error; });
  }
  if (isDone) {
    // Nobody looks after the store any more: it may have gone back since.
    isDone = await insist(environment, new AbortController().signal, "noting that all is filled", passes, async () => !await hasGoneBack(s) && scope.share({}, { [FILLED_FIELD]: change.id }));
    if (isDone) allFilled(s);
    else failure ??= new FillStopped("the store went back just as filling from history was done: 'eddy apply --continue' goes on from there");
  }
  await tell(s).catch(() => undefined); // for people only
  if (failure !== null) throw failure;
  if (!isDone) throw new FillStopped("filling from history was ended before it was done; it goes on from there");
}

function allFilled(s: State): void {
  for (const index of partitionsOf(s)) s.filled.add(index);
  s.isDone = true;
}

/** What the scope holds must be of this very program, log and history. */
async function prepare(s: State): Promise<void> {
  const { change, compiled, log, history, scope, empty, environment } = s.parts;
  const info = await log.info();
  s.partitions = info.partitions;
  s.first = info.first;
  s.last = info.last;
  const isOfUse = await isStillOfUse(s);
  if (s.isDone) return;
  const source = JSON.stringify({ program: compiled.program.hash, log: info.identity, history: history?.mark ?? null });
  const isPrepared = async (): Promise<boolean> => (await scope.shared([SOURCE_FIELD]))[0] === source;
  // Whoever fills the same from the same is not waited for, but followed.
  await s.reserved.take(async () => isOfUse && await isPrepared());
  // Whoever was waited for may have done it.
  const isNowOfUse = await isStillOfUse(s);
  if (s.isDone) return;
  const [before] = await scope.shared([SOURCE_FIELD]);
  if (before !== source || !isNowOfUse) {
    const earlier = before === null || before === undefined ? null : (JSON.parse(before) as { readonly program: string; readonly history: string | null });
    if (history === null && earlier?.program === compiled.program.hash && earlier.history !== null) {
      throw new FillFailed("this change is being filled from a file of history: give the same file again with --history, or cancel the change and apply the rules anew");
    }
    if (!isNowOfUse) {
      environment.log("warn", "what was filled from history does not end where the partitions go over to the new rules: history is read anew", { change: change.id });
      await untilJoined(s);
    }
    await empty();
    await scope.share({}, { [SOURCE_FIELD]: source });
  }
}

/** Whether what is filled is of use; notes whether all is. */
async function isStillOfUse(s: State): Promise<boolean> {
  const isDone = await isFilled(s.parts.scope, s.parts.change.id);
  await lookAtMain(s);
  const isOfUse = await stands(s, isDone);
  s.isDone = isDone && isOfUse;
  return isOfUse;
}

/** Where the live partitions are that have not gone over yet. */
async function lookAtMain({ parts: { main, compiled }, partitions, behind }: State): Promise<void> {
  const metas = await Promise.all(Array.from({ length: partitions }, (_, index) => main.meta(index)));
  metas.forEach(({ meta }, index) => {
    if (meta["program"] === compiled.program.hash) behind.delete(index);
    else behind.set(index, Number(meta["offset"] ?? 0));
  });
}

/**
 * Partitions that have not gone over come to the marker at which their filling has ended: it is in the log, and they are before it.
 * Neither is so where the log has lost its end, or where they passed the marker over; and where the store has gone back to before
 * they went over, what was filled may be removed by now.
 */
async function stands(s: State, isDone: boolean): Promise<boolean> {
  const { parts: { main, compiled }, behind } = s;
  for (const [index, offset] of [...behind]) {
    if (await standsFor(s, index, offset, isDone)) continue;
    // It may just have gone over, and have removed its share.
    if ((await main.meta(index)).meta["program"] !== compiled.program.hash) return false;
    behind.delete(index);
  }
  return true;
}

async function standsFor({ parts: { change, history, log, scope } }: State, index: number, offset: number, isDone: boolean): Promise<boolean> {
  const { meta } = await scope.meta(index);
  const fault = await logFault(readMeta(meta), await log.info(), log);
  if (fault?.kind === "log regrown") return false;
  const ended = readEnded(meta);
  if (ended?.change !== change.id) return !isDone && fault?.kind !== "log shorter";
  if (ended.sequence <= offset) return false;
  return (await log.at(ended.sequence + (history?.places ?? 0)))?.subject === programSubject(index);
}

const LOOK_FOR_JOINED_MS = 200;

/** Partitions that have gone over use what was filled until all their customers have it. */
async function untilJoined({ parts: { main, compiled, environment }, partitions, ending: { signal } }: State): Promise<void> {
  const isJoining = (meta: MetaFields): boolean => meta["program"] === compiled.program.hash && (meta["joining"] ?? "") !== "";
  for (;;) {
    const metas = await Promise.all(Array.from({ length: partitions }, (_, index) => main.meta(index)));
    if (!metas.some(({ meta }) => isJoining(meta))) return;
    if (signal.aborted) throw new FillStopped("filling from history was ended before it was done; it goes on from there");
    await environment.pause(LOOK_FOR_JOINED_MS, signal);
  }
}

// ---------------------------------------------------------------------------------------------------- looking on

/** Whether all is filled; otherwise it was ended. `quietSince`: how many commits there were, where nobody has anything to say. */
async function follow(s: State, quietSince: () => number | null): Promise<boolean> {
  let [still, commits]: [number, number | null] = [0, null];
  const { environment } = s.parts;
  const { signal } = s.ending;
  let toldAt = -Infinity;
  let before = { at: environment.seconds(), done: 0 };
  while (!signal.aborted) {
    const hasSeen = await look(s).catch((error: unknown) => {
      if (!passes(error)) throw error;
      return false;
    });
    const now = hasSeen && s.isOpen && s.filled.size === s.partitions ? quietSince() : null;
    // What was heard may bring about more.
    still = now === null || now !== commits ? 0 : still + 1;
    commits = now;
    if (still >= QUIET_LOOKS) return true;
    const seconds = environment.seconds();
    if (seconds - toldAt >= TELL_EVERY_SECONDS) {
      const { done } = progressOf(s);
      if (toldAt > -Infinity) {
        const weight = Math.min(1, (seconds - before.at) / RATE_SECONDS);
        const rate = Math.max(0, done - before.done) / Math.max(0.001, seconds - before.at);
        s.rate = s.rate === 0 ? rate : s.rate + weight * (rate - s.rate);
      }
      toldAt = seconds;
      before = { at: seconds, done };
      await tell(s).catch((error: unknown) => {
        if (!passes(error)) throw error;
      });
    }
    await environment.pause(LOOK_EVERY_MS, signal);
  }
  return false;
}

/** False: the store went back since the last look. Whoever was filled may not be any more. */
async function look(s: State): Promise<boolean> {
  const { log, scope, change } = s.parts;
  const info = await log.info();
  s.first = info.first;
  s.last = Math.max(s.last, info.last);
  for (const index of partitionsOf(s)) {
    const stopped = s.stats.partitions.get(index)?.stopped ?? null;
    if (stopped !== null) throw new FillFailed(`filling from history cannot go on: ${stopped}`);
  }
  s.isOpen = s.stats.partitions.size === s.partitions;
  const before = new Map(s.numbers);
  for (const index of partitionsOf(s)) {
    const { number, meta } = await scope.meta(index);
    s.numbers.set(index, number);
    if (readEnded(meta)?.change === change.id) s.filled.add(index);
    else s.filled.delete(index);
  }
  return [...before].every(([index, number]) => (s.numbers.get(index) ?? 0) >= number);
}

/** Since the last look: whether a partition has lost what it had committed. */
async function hasGoneBack({ parts: { scope, change }, numbers, partitions }: State): Promise<boolean> {
  for (let index = 0; index < partitions; index++) {
    const { number, meta } = await scope.meta(index);
    if (number < (numbers.get(index) ?? 0) || readEnded(meta)?.change !== change.id) return true;
  }
  return false;
}

async function tell(s: State): Promise<void> {
  await s.parts.main.share({}, { [PROGRESS_FIELD]: writeProgress(progressOf(s)) });
}

const partitionsOf = ({ partitions }: State): number[] => Array.from({ length: partitions }, (_, index) => index);

/** An idle partition does not commit how far it has come. */
function reachedBy({ stats, log }: State, index: number): number {
  const { offset = 0, lag = 1 } = stats.partitions.get(index) ?? {};
  return lag === 0 ? Math.max(offset, log?.position ?? 0) : offset;
}

function progressOf(s: State): FillProgress {
  const { change, environment } = s.parts;
  const total = Math.max(0, s.last - s.first + 1);
  let sum = 0;
  for (const index of partitionsOf(s)) sum += s.filled.has(index) ? total : Math.min(total, Math.max(0, reachedBy(s, index) - s.first + 1));
  const done = s.partitions === 0 ? 0 : Math.floor(sum / s.partitions);
  return { change: change.id, done, total, rate: Math.round(s.rate), filled: s.filled.size, partitions: s.partitions, since: s.since, at: environment.now() };
}
