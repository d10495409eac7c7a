/**
 * Reads the log for all partitions of a process at once and hands every record to its partition's worker.
 *
 * There is one reader for all. Partitions that join with an older position get a second one, which goes on until it has come
 * as far as the first; so nobody waits while theirs is read. A partition that goes over from one reader to the other skips
 * what it was offered before.
 *
 * A partition whose queue is full and stays so - its output stream takes nothing, one of its customers has very much to do -
 * is *parked* when it holds the others up: nothing is offered to it until it has worked off most of its queue; then it joins
 * again where it stood.
 *
 * What a partition has *seen* is up to where the log was handed out to it, its own records or others'. It never says more
 * than that: an idle partition records it as its position.
 */
import { insist } from "./environment.js";
import { heldUp, holdingUp, isDrained, isFull, look, type HeldUp } from "./held-up.js";
import type { Anchor } from "./meta.js";
import { passes, type EngineOptions, type Ports } from "./open-partition.js";
import type { Environment } from "./environment.js";
import { LogChanged, type LogReader, type LogRecord } from "./ports.js";
import { SIZES, type Sizes } from "./sizes.js";
import type { EngineStats } from "./stats.js";
import { POPULATION_TYPE, PROGRAM_TYPE, TICK_TYPE, partition as partitionOf } from "./subjects.js";
import type { Worker } from "./worker.js";

const TAKE_AT_ONCE = 4096;
const READ_TIMEOUT_MS = 1000;
const FULL_PAUSE_MS = 1;
const PARKED_PAUSE_MS = 10;
/** Every so many records idle partitions are asked whether their position should be recorded. */
const NUDGE_EVERY = 4096;
/** So often each records how far it has seen, however few records came: the log may not keep them until many have. */
const SETTLE_SECONDS = 600;

/** One reader with the partitions that it reads for. */
interface Lane {
  reader: LogReader | null;
  /** Everything up to here was handed out. */
  seen: Anchor;
  /** By partition. */
  readonly workers: (Worker | null)[];
  /** By partition: records up to here are not offered (again). */
  readonly offered: number[];
  readonly places: (Place | null)[];
  sinceNudge: number;
  settledAt: number;
  readonly heldUp: HeldUp;
  isOver: boolean;
}

/** A partition at the log, for as long as it is held. */
export interface Place {
  lane: Lane | null;
  /** What it had seen when it last changed the reader. */
  through: Anchor;
}

export interface Reading {
  /** For a partition that is being opened: until it joins, it has seen nothing. */
  place(): Place;
  /** From now on the workers are offered what lies behind their offsets. */
  join(joining: readonly { readonly worker: Worker; readonly offset: number; readonly place: Place }[]): void;
  /** Nothing is offered to it any more. */
  leave(index: number, place: Place): void;
  /** Another worker goes on in the place of a partition's former one, and is offered what that one has left first. */
  replace(index: number, place: Place, worker: Worker, leftover: readonly LogRecord[]): void;
  seen(place: Place): Anchor;
  /** Records of the log that were not handed to it yet; null: that is not known yet. */
  unread(place: Place): number | null;
  /** The most that a reader has before it; null: one is not open yet. */
  lag(): number | null;
  close(): Promise<void>;
}

export interface ReadingParts {
  readonly ports: Ports;
  readonly options: EngineOptions;
  readonly environment: Environment;
  readonly stats: EngineStats;
  readonly partitions: number;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Told once of what ends it otherwise. */
  readonly failed: (error: Error) => void;
}

interface State {
  readonly parts: ReadingParts;
  main: Lane | null;
  /** Catches up with the main one. */
  behind: Lane | null;
  /** By partition. */
  readonly parked: Map<number, Joining>;
  isUnparking: boolean;
  isOver: boolean;
}

const NOTHING: Anchor = { sequence: 0, stamp: 0 };

export function startReading(parts: ReadingParts): Reading {
  const s: State = { parts, main: null, behind: null, parked: new Map(), isUnparking: false, isOver: false };
  return {
    place: () => ({ lane: null, through: NOTHING }),
    join: (joining) => join(s, joining),
    leave: (index, place) => leave(s, index, place),
    replace: (index, place, worker, leftover) => replace(s, index, place, worker, leftover),
    seen,
    unread: (place) => place.lane === null ? unreadParked(s, place) : place.lane.reader?.lag ?? null,
    lag: () => lag(s),
    async close() {
      s.isOver = true;
      s.parked.clear();
      await Promise.all([s.main, s.behind].map((lane) => (lane === null ? undefined : end(lane))));
    },
  };
}

/** What is known to be in the log, by whoever has read the furthest. */
function newest({ main }: State): number | null {
  return main === null || main.reader === null ? null : main.seen.sequence + main.reader.lag;
}

function unreadParked(s: State, place: Place): number | null {
  const end = newest(s);
  const isParked = [...s.parked.values()].some((parked) => parked.place === place);
  return end === null || !isParked ? null : Math.max(0, end - place.through.sequence);
}

function lag(s: State): number | null {
  let most = 0;
  for (const lane of [s.main, s.behind]) {
    if (lane === null) continue;
    if (lane.reader === null) return null;
    most = Math.max(most, lane.reader.lag);
  }
  for (const { place } of s.parked.values()) most = Math.max(most, unreadParked(s, place) ?? 0);
  return most;
}

function seen({ lane, through }: Place): Anchor {
  return lane !== null && lane.seen.sequence > through.sequence ? lane.seen : through;
}

// ---------------------------------------------------------------------------------------------------- who reads where

type Joining = Parameters<Reading["join"]>[0][number];

function join(s: State, joining: readonly Joining[]): void {
  if (joining.length === 0 || s.parts.signal.aborted) return;
  s.main ??= open(s, least(joining));
  const { main } = s;
  const early = joining.filter(({ offset }) => offset < main.seen.sequence);
  for (const one of joining) if (!early.includes(one)) attach(main, one.worker, one.offset, one.place);
  if (early.length === 0) return;
  const before = s.behind;
  if (before === null || least(early) < before.seen.sequence) {
    s.behind = open(s, Math.min(least(early), before?.seen.sequence ?? Infinity));
    if (before !== null) move(before, s.behind);
  }
  const behind = s.behind as Lane;
  for (const { worker, offset, place } of early) attach(behind, worker, offset, place);
}

const least = (joining: readonly Joining[]): number => Math.min(...joining.map(({ offset }) => offset));

function open(s: State, from: number): Lane {
  const { partitions } = s.parts;
  const lane: Lane = {
    reader: null, seen: { sequence: from, stamp: 0 }, sinceNudge: 0, settledAt: s.parts.environment.seconds(), isOver: false,
    heldUp: heldUp(s.parts.environment.seconds()),
    workers: new Array<Worker | null>(partitions).fill(null), offered: new Array<number>(partitions).fill(Infinity), places: new Array<Place | null>(partitions).fill(null),
  };
  follow(s, lane).catch((error: Error) => {
    if (lane.isOver || s.parts.signal.aborted) return;
    s.parts.failed(error);
  }).finally(() => void end(lane));
  return lane;
}

function attach(lane: Lane, worker: Worker, offset: number, place: Place): void {
  lane.workers[worker.index] = worker;
  lane.offered[worker.index] = offset;
  lane.places[worker.index] = place;
  place.lane = lane;
}

function detach(lane: Lane, index: number, place: Place): void {
  place.through = seen(place);
  place.lane = null;
  lane.workers[index] = null;
  lane.offered[index] = Infinity;
  lane.places[index] = null;
}

/** All go on with another reader, wherever that one is; the first is not needed any more. */
function move(from: Lane, to: Lane): void {
  for (const [index, worker] of from.workers.entries()) {
    const place = from.places[index];
    if (worker === null || place === null || place === undefined) continue;
    const offered = Math.max(from.offered[index] ?? 0, from.seen.sequence);
    detach(from, index, place);
    attach(to, worker, offered, place);
  }
  void end(from);
}

function leave(s: State, index: number, place: Place): void {
  const { lane } = place;
  if (s.parked.get(index)?.place === place) s.parked.delete(index);
  if (lane === null) return;
  detach(lane, index, place);
  if (lane.workers.some((worker) => worker !== null)) return;
  void end(lane);
  if (lane === s.behind) s.behind = null;
  if (lane !== s.main) return;
  s.main = s.behind;
  s.behind = null;
}

function replace(s: State, index: number, place: Place, worker: Worker, leftover: readonly LogRecord[]): void {
  for (const record of leftover) worker.offer(record);
  const parked = s.parked.get(index);
  if (parked?.place === place) s.parked.set(index, { ...parked, worker });
  if (place.lane !== null) place.lane.workers[index] = worker;
}

/** Reading goes on without those that hold the others of this reader up. */
function park(s: State, lane: Lane): void {
  const { environment } = s.parts;
  const sizes = sizesOf(s);
  lane.heldUp.seconds = 0;
  for (const worker of holdingUp(lane.workers, [s.main, s.behind].flatMap((each) => each?.workers ?? []), sizes)) {
    const { index } = worker;
    const from = [s.main, s.behind].find((each) => each?.workers[index] === worker);
    const place = from?.places[index];
    if (from === null || from === undefined || place === null || place === undefined || parkedBytes(s) + worker.backlogBytes > sizes.queueBytes) continue;
    const offset = Math.max(from.offered[index] ?? 0, from.seen.sequence);
    leave(s, index, place);
    s.parked.set(index, { worker, offset, place });
    environment.log("info", "a partition takes nothing more for now: the others are read on without it", { partition: index, waiting: worker.backlog });
  }
  if (s.parked.size > 0 && !s.isUnparking) void unpark(s);
}

/** Whoever has worked off most of their queue joins again. */
async function unpark(s: State): Promise<void> {
  const { environment, signal } = s.parts;
  s.isUnparking = true;
  while (s.parked.size > 0 && !s.isOver && !signal.aborted) {
    await environment.pause(PARKED_PAUSE_MS, signal);
    const drained = [...s.parked.values()].filter(({ worker }) => isDrained(worker, sizesOf(s)));
    for (const { worker } of drained) s.parked.delete(worker.index);
    join(s, drained);
  }
  s.isUnparking = false;
}

function parkedBytes({ parked }: State): number {
  let bytes = 0;
  for (const { worker } of parked.values()) bytes += worker.backlogBytes;
  return bytes;
}

const sizesOf = ({ parts: { options } }: State): Sizes => options.sizes ?? SIZES;

async function end(lane: Lane): Promise<void> {
  lane.isOver = true;
  await lane.reader?.close().catch(() => undefined);
}

// ---------------------------------------------------------------------------------------------------- reading

async function follow(s: State, lane: Lane): Promise<void> {
  const { ports, environment, signal } = s.parts;
  const from = lane.seen.sequence;
  const reader = await insist(environment, signal, "opening the event log", passes, () => ports.log.read(from + 1));
  lane.reader = reader;
  // Between the comparison of each partition and this moment a limit may have removed more.
  if (from > 0 && (await insist(environment, signal, "asking the event log how it stands", passes, () => ports.log.info())).first > from + 1) {
    throw new LogChanged("the log lost its oldest records while it was opened");
  }
  while (!lane.isOver && !signal.aborted) {
    tell(s, lane, reader); // also while reading pauses: then it matters most
    const isPaused = isEnough(s, lane);
    if (look(lane.heldUp, lane.workers, isPaused, sizesOf(s), environment.seconds())) park(s, lane);
    if (isPaused) {
      await environment.pause(FULL_PAUSE_MS, signal);
      continue;
    }
    await reader.ready(READ_TIMEOUT_MS);
    if (lane.isOver || signal.aborted) return;
    dispatch(s, lane, reader.take(TAKE_AT_ONCE));
    const { main } = s;
    if (lane === s.behind && main !== null && lane.seen.sequence >= main.seen.sequence) {
      s.behind = null;
      move(lane, main);
    }
  }
}

/** So much is handed over and not taken yet that reading must pause. What is parked leaves the others half of the room at least. */
function isEnough(s: State, lane: Lane): boolean {
  const sizes = sizesOf(s);
  let bytes = 0;
  for (const each of [s.main, s.behind]) {
    for (const worker of each?.workers ?? []) {
      if (worker === null) continue;
      if (each === lane && isFull(worker, sizes)) return true;
      bytes += worker.backlogBytes;
    }
  }
  return bytes > Math.max(sizes.queueBytes - parkedBytes(s), sizes.queueBytes / 2);
}

const TICKS = `events.${TICK_TYPE}.`;
const MARKERS = `events.${PROGRAM_TYPE}.`;
const FIGURES = `events.${POPULATION_TYPE}.`;

function dispatch(s: State, lane: Lane, records: readonly LogRecord[]): void {
  const { partitions } = s.parts;
  const { workers, offered } = lane;
  for (const record of records) {
    const { subject, sequence } = record;
    lane.seen = { sequence, stamp: record.stamp };
    if (subject.startsWith(FIGURES)) {
      for (const worker of workers) if (worker !== null && sequence > (offered[worker.index] as number)) worker.offer(record);
      continue;
    }
    const token = subject.slice(subject.lastIndexOf(".") + 1);
    const index = subject.startsWith(TICKS) || subject.startsWith(MARKERS) ? Number(token) : partitionOf(token, partitions);
    if (sequence > (offered[index] ?? Infinity)) workers[index]?.offer(record);
  }
  lane.sinceNudge += records.length;
  const now = s.parts.environment.seconds();
  if (now - lane.settledAt >= SETTLE_SECONDS) {
    lane.settledAt = now;
    for (const worker of workers) if (worker?.idle === true) worker.settle();
  }
  if (lane.sinceNudge < NUDGE_EVERY) return;
  lane.sinceNudge = 0;
  for (const worker of workers) if (worker?.idle === true) worker.nudge();
}

function tell(s: State, lane: Lane, reader: LogReader): void {
  const { stats } = s.parts;
  const lagging = (worker: Worker, unread: number): void => {
    const counted = stats.partitions.get(worker.index);
    if (counted !== undefined) counted.lag = unread + worker.backlog;
  };
  for (const worker of lane.workers) if (worker !== null) lagging(worker, reader.lag);
  stats.cachedCustomers = 0;
  for (const each of [s.main, s.behind]) for (const worker of each?.workers ?? []) stats.cachedCustomers += worker?.cachedCustomers ?? 0;
  for (const { worker, place } of s.parked.values()) {
    lagging(worker, unreadParked(s, place) ?? 0);
    stats.cachedCustomers += worker.cachedCustomers;
  }
}
