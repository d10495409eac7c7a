/**
 * The partitions that this process holds, and how they come and go.
 *
 * A partition that this process ought to have, and that no other living member says it holds, is *announced* with a beat;
 * only when the answer to that beat still says the same is it claimed and opened. So two processes seldom claim the same;
 * where they do, the later one has it and the earlier drops it: claims decide, beats only spare trouble. A partition that
 * another living member ought to have is given up: what was evaluated is committed and published, and the next beat says
 * that it is free.
 *
 * A partition that comes to a place of the log where it goes over to another program is opened anew with that one, in the
 * same place: it keeps what was handed to it.
 *
 * A partition that cannot go on *stands still* with its reason, and stays held: whoever took it would find the same.
 */
import { StateCorrupt } from "./codec.js";
import { filledUpTo } from "./change/filled.js";
import { forgetDropped, hashesNow } from "./change/running.js";
import { insist } from "./environment.js";
import { MetaCorrupt, type Anchor } from "./meta.js";
import type { View } from "./membership.js";
import { openPartition, passes, type Shared } from "./open-partition.js";
import { OwnershipLost } from "./ownership.js";
import { EvaluationFailed, countEvent } from "./partition.js";
import type { Place, Reading } from "./reading.js";
import { CannotContinue } from "./recovery.js";
import { StateTooNew } from "./state.js";
import { forgetPartition } from "./stats.js";
import { PROGRAM_TYPE } from "./subjects.js";
import { ClockAlarm, type Switch, type Worker } from "./worker.js";

/** What is not committed and published in this time is done again by whoever has the partition next. */
const FINISH_WITHIN_MS = 4000;

interface Held {
  readonly index: number;
  phase: "announced" | "opening" | "working" | "switching" | "leaving" | "standing";
  /** The number of the first beat that says it. */
  readonly beat: number;
  readonly place: Place;
  lifetime: AbortController;
  worker: Worker | null;
  /** Why it stands still. */
  reason: string | null;
}

/** What is to be done about the next beat: `now`: there is news; `soon`: others are to give something up. */
export type Next = "now" | "soon" | "in time";

export interface Holding {
  readonly workers: Iterable<Worker>;
  /** In order. */
  held(): number[];
  isDelivered(index: number): boolean;
  /** After the answer to a beat. */
  follow(view: View, beat: number): Next;
  /** A server was away and has come back: what every partition remembers is compared with what is there. */
  compare(): void;
  /** Commits and publishes what was evaluated; nothing is offered or taken any more. */
  finish(): Promise<void>;
  /** Drops everything at once. */
  abandon(): void;
  notReady(): string[];
}

export interface HoldingParts {
  readonly shared: Shared;
  readonly reading: Reading;
  /** This member. */
  readonly id: string;
  /** What no partition alone can answer for. */
  readonly failed: (error: Error) => void;
  /** What is held has changed otherwise than by `follow`. */
  readonly changed: () => void;
}

interface State {
  readonly parts: HoldingParts;
  readonly all: Map<number, Held>;
  /** Openings and endings under way. */
  readonly underWay: Set<Promise<void>>;
  /** Goes up whenever a server has come back. */
  returns: number;
  isOver: boolean;
  members: number;
  stoodBy: boolean;
  /** Partitions that have gone over to another program since that was last told, and how long the longest was not at work. */
  switched: number;
  longestPauseMs: number;
}

export function startHolding(parts: HoldingParts): Holding {
  const s: State = { parts, all: new Map(), underWay: new Set(), returns: 0, isOver: false, members: 0, stoodBy: false, switched: 0, longestPauseMs: 0 };
  return {
    workers: { [Symbol.iterator]: () => atWork(s) },
    held: () => [...s.all.keys()].sort((a, b) => a - b),
    isDelivered: (index) => parts.reading.unread((s.all.get(index) as Held).place) === 0,
    follow: (view, beat) => follow(s, view, beat),
    compare() {
      s.returns++;
      for (const worker of atWork(s)) worker.compare();
    },
    finish: () => finish(s),
    abandon: () => abandon(s),
    notReady: () => notReady(s),
  };
}

function* atWork({ all }: State): Generator<Worker> {
  for (const { phase, worker } of all.values()) if (phase === "working" && worker !== null) yield worker;
}

function follow(s: State, { living, remembered, owners }: View, beat: number): Next {
  const { id, shared: { info } } = s.parts;
  const others = new Set(living.flatMap((member) => (member.id === id ? [] : member.holds)));
  const lately = new Set(remembered.flatMap(({ holds }) => holds));
  const isLiving = new Set(living.map((member) => member.id));
  const opening: Held[] = [];
  const leaving: Held[] = [];
  let next: Next = "in time";
  for (let index = 0; index < info.partitions; index++) {
    const held = s.all.get(index);
    const isMine = owners[index] === id;
    const isOthers = others.has(index);
    if (held === undefined) {
      if (!isMine || lately.has(index)) continue;
      if (isOthers) {
        if (next === "in time") next = "soon";
        continue;
      }
      s.all.set(index, { index, phase: "announced", beat: beat + 1, place: s.parts.reading.place(), lifetime: new AbortController(), worker: null, reason: null });
      next = "now";
    } else if (held.phase === "announced") {
      if (!isMine || isOthers) {
        s.all.delete(index);
        next = "now";
      } else if (held.beat <= beat) opening.push(held);
    } else if (held.phase === "working") {
      if (!isMine && isLiving.has(owners[index] ?? "")) leaving.push(held);
      // One of the two has lost it and does not know yet.
      else if (isOthers) held.worker?.compare();
    } else if (held.phase === "switching") {
      // What the old program did is committed: whoever has it next comes to the same place.
      if (!isMine && isLiving.has(owners[index] ?? "")) {
        letGo(s, held);
        next = "now";
      }
    } else if (held.phase === "standing" && isOthers) {
      shared(s).environment.log("info", "another member has the partition that stood still here", { partition: index });
      drop(s, held);
      next = "now";
    }
  }
  tellOfMembers(s, living.length, owners.includes(id));
  if (opening.length > 0) during(s, openAll(s, opening));
  if (leaving.length > 0) during(s, giveUp(s, leaving));
  return next;
}

const shared = ({ parts }: State): Shared => parts.shared;

function tellOfMembers(s: State, members: number, hasShare: boolean): void {
  const { environment, stats } = shared(s);
  stats.members = members;
  if (s.members !== members && (s.members > 0 || members > 1)) environment.log("info", "members at work", { members });
  s.members = members;
  if (!hasShare && !s.stoodBy) environment.log("info", "there are more members than partitions: standing by", { members });
  s.stoodBy = !hasShare;
}

function during(s: State, work: Promise<void>): void {
  s.underWay.add(work);
  void work.finally(() => s.underWay.delete(work));
}

// ---------------------------------------------------------------------------------------------------- opening

/** Together, so that one reader can begin at the earliest of their positions. */
async function openAll(s: State, opening: readonly Held[]): Promise<void> {
  for (const held of opening) held.phase = "opening";
  await Promise.all(opening.map((held) => openOne(s, held)));
  // One that was lost while others were still being opened must not be read for: nobody would take what it is offered.
  const gained = opening.filter((held) => held.phase === "working" && s.all.get(held.index) === held);
  if (s.isOver || gained.length === 0) return;
  const { environment, stats } = shared(s);
  s.parts.reading.join(gained.map(({ index, worker, place }) => ({ worker: worker as Worker, offset: stats.partitions.get(index)?.offset ?? 0, place })));
  environment.log("info", "partitions taken", { partitions: gained.map(({ index }) => index), held: s.all.size, members: s.members });
}

async function openOne(s: State, held: Held): Promise<void> {
  const { reading } = s.parts;
  const { index, place, lifetime: { signal } } = held;
  const { returns } = s;
  try {
    const worker = await openPartition(shared(s), index, { signal, seen: () => reading.seen(place), unread: () => reading.unread(place) ?? 0 });
    held.worker = worker;
    if (s.isOver) return worker.abandon();
    held.phase = "working";
    if (returns !== s.returns) worker.compare();
    follows(s, held, worker);
  } catch (error) {
    // Told to stop while a server was away.
    if (!s.isOver && !(shared(s).stopping.aborted && passes(error))) endedBy(s, held, error as Error);
  }
}

/** What becomes of the partition when its worker ends. */
function follows(s: State, held: Held, worker: Worker): void {
  const { signal } = held.lifetime;
  const isAtWork = (): boolean => !signal.aborted && held.phase === "working" && held.worker === worker;
  worker.ended.catch((error: Error) => {
    if (isAtWork()) endedBy(s, held, error);
  });
  worker.evaluated.then(() => {
    if (worker.switching !== null && isAtWork() && !s.isOver) during(s, switchOver(s, held, worker, worker.switching));
  }, () => undefined);
}

// ---------------------------------------------------------------------------------------------------- switching

/** What the old program said is published in this time, most often; if not, it is published under the new one. */
const PUBLISH_WITHIN_MS = 1000;
const FILLED_PAUSE_MS = 20;
/** So long after a partition has come to its place, it is said that it waits. */
const SAY_WAITING_SECONDS = 10;

/** What is offered meanwhile waits with the old worker. */
async function switchOver(s: State, held: Held, before: Worker, switching: Switch): Promise<void> {
  const { environment } = shared(s);
  const { index, lifetime } = held;
  const { returns } = s;
  const { reading } = s.parts;
  const started = environment.seconds();
  held.phase = "switching";
  try {
    await within(s, PUBLISH_WITHIN_MS, before.ended);
    if (switching.change.fill) await untilFilled(s, held, switching);
    if (lifetime.signal.aborted || s.isOver || shared(s).stopping.aborted) return;
    // Whatever the old worker is in the middle of counts for nothing: the claim is new.
    held.lifetime = new AbortController();
    lifetime.abort();
    before.abandon();
    let isInPlace = false;
    const worker = await openPartition(shared(s), index, {
      signal: held.lifetime.signal,
      seen: () => (isInPlace ? reading.seen(held.place) : NOTHING_SEEN),
      unread: () => (isInPlace ? (reading.unread(held.place) ?? 0) : 0),
    }, switching);
    if (s.isOver || s.all.get(index) !== held) return worker.abandon();
    reading.replace(index, held.place, worker, before.leftover());
    isInPlace = true;
    held.worker = worker;
    held.phase = "working";
    if (returns !== s.returns) worker.compare();
    follows(s, held, worker);
    countEvent(shared(s).stats, PROGRAM_TYPE, "processed");
    switched(s, (environment.seconds() - started) * 1000);
  } catch (error) {
    if (s.all.get(index) === held && !s.isOver && !(shared(s).stopping.aborted && passes(error))) endedBy(s, held, error as Error);
  }
}

const NOTHING_SEEN: Anchor = { sequence: 0, stamp: 0 };

/** The filler stops at the same record. Where it has stopped at another one, history is to be read anew: what lies between would be missing, or be there that is not. */
async function untilFilled(s: State, { index, lifetime: { signal } }: Held, { change, marker }: Switch): Promise<void> {
  const { ports: { filled }, environment, stopping } = shared(s);
  if (filled === undefined) throw new CannotContinue(`partition ${index}: the new rules are filled from history, and this engine knows of no place where that is done`);
  const started = environment.seconds();
  for (let [hasSaid, hasSaidWhere] = [false, false]; !signal.aborted && !s.isOver && !stopping.aborted;) {
    const upTo = await insist(environment, signal, "asking how far history was read", passes, () => filledUpTo(filled, change.id, index));
    if (upTo === marker.sequence) return;
    if (upTo !== null && !hasSaidWhere && !signal.aborted) {
      hasSaidWhere = true;
      environment.log("error", "history was not read up to the event at which a partition goes over to the new rules, but up to another one: the partition waits until it is read anew, by whoever carries the change through, or by 'eddy apply --continue'", { partition: index, at: marker.sequence, readUpTo: upTo });
    }
    if (!hasSaid && environment.seconds() - started >= SAY_WAITING_SECONDS) {
      hasSaid = true;
      environment.log("warn", "a partition waits for the reading of history to come to where it stands: if nobody reads it any more, 'eddy apply' goes on with it", { partition: index, at: marker.sequence });
    }
    await environment.pause(FILLED_PAUSE_MS, signal);
  }
}

/** Says so when all partitions that are held have gone over. */
function switched(s: State, pauseMs: number): void {
  const { environment, stats, running } = shared(s);
  s.longestPauseMs = Math.max(s.longestPauseMs, pauseMs);
  s.switched++;
  const hashes = hashesNow(stats);
  const [hash] = hashes;
  const program = [...running.values()].find((compiled) => compiled.program.hash === hash)?.program;
  if (hashes.size !== 1 || program === undefined) return;
  forgetDropped(stats, program);
  stats.rulesTakenAt = environment.now();
  environment.log("info", "the rules have changed", { program: program.hash, partitions: s.switched, longestPauseMs: Math.round(s.longestPauseMs) });
  s.switched = s.longestPauseMs = 0;
}

async function within(s: State, ms: number, work: Promise<unknown>): Promise<void> {
  const patience = new AbortController();
  await Promise.race([work.catch(() => undefined), shared(s).environment.pause(ms, patience.signal)]);
  patience.abort();
}

/** Failures that concern one partition only and need a person. */
function standsStill(error: unknown): error is Error {
  return error instanceof CannotContinue || error instanceof StateTooNew || error instanceof StateCorrupt || error instanceof MetaCorrupt ||
    error instanceof ClockAlarm || error instanceof EvaluationFailed;
}

function endedBy(s: State, held: Held, error: Error): void {
  const { environment } = shared(s);
  s.parts.reading.leave(held.index, held.place);
  if (error instanceof OwnershipLost) {
    environment.log("warn", error.message, { partition: held.index });
    drop(s, held);
    s.parts.changed();
  } else if (standsStill(error)) stand(s, held, error);
  else s.parts.failed(error);
}

function stand(s: State, held: Held, error: Error): void {
  const { stats, environment } = shared(s);
  environment.log("error", error.message, { partition: held.index });
  held.phase = "standing";
  held.reason = error.message;
  const known = stats.partitions.get(held.index);
  if (known === undefined) stats.partitions.set(held.index, { lag: 0, outboxPending: 0, clock: 0, offset: 0, stopped: error.message, program: "" });
  else known.stopped = error.message;
}

// ---------------------------------------------------------------------------------------------------- leaving

async function giveUp(s: State, leaving: readonly Held[]): Promise<void> {
  await finishAll(s, leaving);
  if (s.isOver) return;
  for (const held of leaving) drop(s, held);
  shared(s).environment.log("info", "partitions given up to other members", { partitions: leaving.map(({ index }) => index), held: s.all.size, members: s.members });
  s.parts.changed();
}

async function finishAll(s: State, leaving: readonly Held[]): Promise<void> {
  const inTime = await Promise.all(leaving.map((held) => finishOne(s, held)));
  const late = leaving.filter((_, i) => inTime[i] === false).map(({ index }) => index);
  if (late.length === 0 || s.isOver) return;
  shared(s).environment.log("warn", "not all could be committed and published in time: whoever has the partitions next goes on from what was", { partitions: late, afterMs: FINISH_WITHIN_MS });
}

/** False: it took too long. */
async function finishOne(s: State, held: Held): Promise<boolean> {
  const { environment } = shared(s);
  const patience = new AbortController();
  held.phase = "leaving";
  s.parts.reading.leave(held.index, held.place);
  const finished = (held.worker as Worker).finish().catch((error: Error) => {
    // Whoever has it, or has it next, goes on from what is committed, or finds the same reason to stand still.
    if (s.isOver || held.lifetime.signal.aborted || error instanceof OwnershipLost) return;
    if (standsStill(error)) environment.log("error", error.message, { partition: held.index });
    else s.parts.failed(error);
  });
  const inTime = await Promise.race([finished.then(() => true), environment.pause(FINISH_WITHIN_MS, patience.signal).then(() => false)]);
  patience.abort();
  return inTime;
}

function letGo(s: State, held: Held): void {
  s.parts.reading.leave(held.index, held.place);
  drop(s, held);
}

function drop(s: State, held: Held): void {
  const { stats, running } = shared(s);
  s.all.delete(held.index);
  running.delete(held.index);
  held.lifetime.abort();
  held.worker?.abandon();
  forgetPartition(stats, held.index);
  // What it is in the middle of may still be counted.
  const forget = (): void => { if (!s.all.has(held.index) && !s.isOver) forgetPartition(stats, held.index); };
  held.worker?.ended.then(forget, forget);
}

async function finish(s: State): Promise<void> {
  // What is just being opened is let in first: a claim must not be carried out after this process has left.
  const { environment } = shared(s);
  const patience = new AbortController();
  await Promise.race([Promise.all(s.underWay), environment.pause(FINISH_WITHIN_MS, patience.signal)]);
  patience.abort();
  await finishAll(s, [...s.all.values()].filter(({ phase }) => phase === "working"));
}

function abandon(s: State): void {
  s.isOver = true;
  for (const { lifetime, worker } of s.all.values()) {
    lifetime.abort();
    worker?.abandon();
  }
}

function notReady({ all }: State): string[] {
  const missing: string[] = [];
  let opening = 0;
  for (const { phase, reason } of all.values()) {
    if (reason !== null) missing.push(reason);
    if (phase === "announced" || phase === "opening" || phase === "switching") opening++;
  }
  if (opening > 0) missing.push(`${opening} ${opening === 1 ? "partition is" : "partitions are"} being opened`);
  return missing;
}
