/**
 * Drives one partition: records in, commits out, outputs published.
 *
 * Five loops. The first takes what has gathered in the queue, loads what it needs, evaluates and commits (committing.ts); while one
 * commit is on its way at most one further batch is evaluated, and none that is small. In between it settles everybody under new tables of
 * percentiles, a page of customers at a time. The second publishes committed outputs in a chain (publishing.ts). The others append to
 * the event log, once it is committed, what the partition says about its customers (population/) and to those of other partitions
 * (merge/saying.ts), and clear what the outbox keeps of who was erased (withdrawing.ts).
 *
 * A commit is sent again, byte for byte, until it is answered. Outputs leave only after their commit. When the store
 * says that another writer owns the partition, or that it went back, nothing in memory counts any more: OwnershipLost
 * and StoreMoved end the worker, and engine/engine.ts decides what follows.
 */
import type { Change } from "./change/change.js";
import { commit, compareStore, positionOf, prepare, type Committing } from "./committing.js";
import { endAt, type EndsAt } from "./change/end-at.js";
import type { Marker } from "./change/marker.js";
import { takeLoaded } from "./change/pass.js";
import type { Compiled } from "./compile/compiled.js";
import { writer } from "./codec.js";
import { decode, type Work } from "./decode.js";
import { bell, insist, type Bell, type Environment } from "./environment.js";
import { beganField, type Anchor, type Meta } from "./meta.js";
import { OwnershipLost, StoreMoved, ownCommits, passes } from "./ownership.js";
import { MAX_AHEAD_MS, comeTo, renewPending, take, type Partition, type Progress } from "./partition.js";
import { nextDue, supplyWakes, wanted, wantsWakes } from "./supplying.js";
import { speakLoop } from "./merge/saying.js";
import { drawUpFigures, firstFields, isSweeping, sayLoop, sweep } from "./population/keeping.js";
import type { ClockKind, EventLog, LogRecord, MetaFields, OutputLog, StateStore, Writer } from "./ports.js";
import { publishLoop } from "./publishing.js";
import type { OutputPlan } from "./output-plan.js";
import { asItMayGo, hasFound, scrubLoop, startWithdrawing } from "./withdrawing.js";
import type { Layouts } from "./recovery.js";
import { tellOf } from "./reporting.js";
import type { Sizes } from "./sizes.js";
import { newSweep } from "./sweep.js";
import { observe, type EngineStats } from "./stats.js";

/** The broker's clock says something impossible. */
export class ClockAlarm extends Error { override readonly name = "ClockAlarm"; }

export interface WorkerLimits {
  /** Committed outputs that may wait to be published before evaluation stops. */
  readonly maxOutbox: number;
  /** Published outputs that are kept, to refill an output stream that lost its end. */
  readonly keepPublished: number;
}

export interface WorkerParts {
  readonly partition: Partition;
  readonly compiled: Compiled;
  readonly store: StateStore;
  readonly outputs: OutputLog;
  readonly log: Pick<EventLog, "append" | "info" | "at">;
  readonly environment: Environment;
  readonly stats: EngineStats;
  readonly clock: ClockKind;
  readonly limits: WorkerLimits;
  readonly sizes: Sizes;
  readonly signal: AbortSignal;
  /** What claiming and recovery found. */
  readonly writer: Writer;
  readonly number: number;
  readonly meta: Meta;
  readonly logIdentity: string;
  readonly layouts: Layouts;
  readonly outputPlan: OutputPlan;
  /** The newest record of any partition that was handed out: an idle partition has come as far. */
  readonly seen: () => Anchor;
  /** Records of the log that nobody has handed out yet. */
  readonly unread: () => number;
  /** Where it ends while a change is filled from history; absent: nowhere. */
  readonly endsAt?: EndsAt | undefined;
  /** The change to which a marker in the log belongs; null: none that counts here. Absent: none does. */
  readonly leadsTo?: (marker: Marker) => Promise<Switch["change"] | null>;
  /** The partition has just come over from another program, and nothing says so yet: the first commit does, at once. */
  readonly switched?: { readonly fields: MetaFields };
}

export interface Worker {
  readonly index: number;
  /** Hands over a record of this partition, in log order. */
  offer(record: LogRecord): void;
  /** Records handed over and not yet taken. */
  readonly backlog: number;
  /** About how many bytes of memory those that are not even decoded hold. */
  readonly backlogBytes: number;
  readonly cachedCustomers: number;
  /** The instant of the earliest known wake. */
  nextDue(): number;
  /** Nothing is queued, being evaluated, or on its way to the store. */
  readonly idle: boolean;
  /** Makes a worker without work look whether the wake index must be read on, or its position be recorded. */
  nudge(): void;
  /** The same, and the position is recorded if it has moved on at all. */
  settle(): void;
  /** The store or the output log was away: makes sure that both are still as this worker left them. */
  compare(): void;
  /** The signal was given: nobody waits any longer. */
  abandon(): void;
  /** Drops what is not evaluated yet (it is read again), commits and publishes the rest, and ends. */
  finish(): Promise<void>;
  /** Settles when the worker ends; rejects when it cannot go on. */
  readonly ended: Promise<void>;
  /** Settles when nothing is evaluated any more and all that was is committed; what is left is published. */
  readonly evaluated: Promise<void>;
  /** Why it ended, when it came to a place of the log behind which the partition runs another program; else null. */
  readonly switching: Switch | null;
  /** Records that were handed over and not taken, in log order; nobody takes them here any more. */
  leftover(): readonly LogRecord[];
}

/** Where a partition goes over to another program. */
export interface Switch {
  readonly change: Pick<Change, "id" | "program" | "fill">;
  /** The record: the old program has done all that came before it. */
  readonly marker: Anchor;
  /** The partition's clock then. */
  readonly clock: number;
  /** The number of the last commit under the old program. */
  readonly number: number;
}

/** With work to do, a page of the sweep comes once in so many batches. */
const BATCHES_PER_PAGE = 4;
const SCRATCH_BYTES = 4096;
/** What a record that waits takes beside its body. */
const RECORD_BYTES = 512;
/** A clock costs little, and with small records that little counts. */
const CLOCK_EVERY = 8;
const HEAVY_BYTES = 16 * 1024;

interface State extends Committing {
  /** Null: taken. */
  readonly queue: (LogRecord | null)[];
  /** Records of the queue before this place are taken. */
  head: number;
  queueBytes: number;
  works: Work[];
  /** About how many bytes of records they are. */
  worksBytes: number;
  readonly work: Bell;
  last: Anchor;
  /** What the first commit sets beside its own. */
  fieldsPending: MetaFields;
  commitFailed: boolean;
  /** The commit on its way, or the last one, holds no records: nobody waits for it. */
  commitIsSweep: boolean;
  inBatch: boolean;
  /** What the work that comes next must have before it can be done. */
  wants: "counts" | "sweep" | "change" | null;
  /** The last marker in the log that does not count here. */
  passedOver: number;
  switching: Switch | null;
  /** The next commit is sent though there may be nothing in it. */
  commitAnyway: boolean;
  batchesSincePage: number;
  finishing: boolean;
  /** Records that were handed over are given up: the position must not move on to where nothing is known to be left. */
  dropped: boolean;
  nudged: boolean;
  settling: boolean;
  /** The store may have gone back while nothing was written to it. */
  storeInDoubt: boolean;
}

export function startWorker(parts: WorkerParts): Worker {
  const s: State = {
    parts, queue: [], head: 0, queueBytes: 0, works: [], worksBytes: 0, work: bell(), published: bell(), toPublish: bell(),
    number: parts.number, nextOutput: parts.outputPlan.next, suppress: parts.outputPlan.suppress, surplus: parts.outputPlan.surplus,
    anchors: parts.meta.anchors, last: positionOf(parts.meta), committed: parts.meta.offset,
    fieldsPending: { ...firstFields(parts), ...beganField(parts.meta, parts.compiled.program.hash), ...parts.switched?.fields }, countsAnew: parts.layouts.figures.rankings,
    commitOnItsWay: null, commitFailed: false, commitIsSweep: false, inBatch: false,
    wants: null, end: endAt(parts.endsAt, parts.meta.fields), passedOver: 0, switching: null, commitAnyway: parts.switched !== undefined, sweeping: newSweep(), batchesSincePage: 0,
    toSay: parts.partition.population?.prepared ?? [], saying: bell(), utterances: [...parts.partition.words.unsaid], speaking: bell(), scratch: writer(SCRATCH_BYTES),
    outgoing: parts.outputPlan.unpublished.map((output) => ({ output: asItMayGo(parts, output), arrived: 0, isAction: false })),
    sentUpTo: parts.outputPlan.next - 1 - parts.outputPlan.unpublished.length, scrubbing: bell(), ...startWithdrawing(parts.meta.fields),
    outgoingWeight: parts.outputPlan.unpublished.reduce((weight, { body }) => weight + body.length, 0),
    publishedUpTo: parts.outputPlan.next - 1 - parts.outputPlan.unpublished.length,
    finishing: false, dropped: false, nudged: parts.switched !== undefined, settling: false, storeInDoubt: false, endInDoubt: false, bytes: [writer(parts.sizes.commitBytes), writer(parts.sizes.commitBytes)],
    stats: { lag: 0, outboxPending: 0, clock: parts.meta.clock, offset: parts.meta.offset, stopped: null, program: parts.compiled.program.hash },
  };
  parts.stats.partitions.set(parts.partition.options.index, s.stats);
  parts.stats.figuresDrawnUp.delete(parts.partition.options.index); // what is in force now is no news
  tellOf(parts.partition, parts.environment);
  let evaluating = true;
  const evaluation = evaluateLoop(s).catch((error: unknown) => certain(s, error)).finally(() => {
    evaluating = false;
    s.toPublish.ring();
    s.saying.ring();
    s.speaking.ring();
    s.scrubbing.ring();
  });
  const publishing = publishLoop(s, () => evaluating);
  const saying = sayLoop(s, () => evaluating);
  const speaking = speakLoop(s, () => evaluating);
  const scrubbing = scrubLoop(s, () => evaluating);
  const ended = Promise.all([evaluation, publishing, saying, speaking, scrubbing]).then(() => undefined);
  ended.catch(() => undefined); // whoever awaits it sees it; nobody else shall be told of an unhandled rejection
  evaluation.catch(() => undefined);
  return {
    index: parts.partition.options.index,
    offer(record) {
      if (s.end.isBehind(record)) return;
      s.queue.push(record);
      s.queueBytes += record.body.length + RECORD_BYTES;
      s.work.ring();
    },
    get backlog() { return s.queue.length - s.head + s.works.length; },
    get backlogBytes() { return s.queueBytes; },
    get cachedCustomers() { return parts.partition.cache.size; },
    nextDue: () => nextDue(parts.partition),
    get idle() { return s.queue.length === s.head && s.works.length === 0 && !s.inBatch && (s.commitOnItsWay === null || s.commitIsSweep); },
    nudge() {
      s.nudged = true;
      s.work.ring();
    },
    settle() {
      s.nudged = true;
      s.settling = true;
      s.work.ring();
    },
    compare() {
      s.storeInDoubt = true;
      s.endInDoubt = true;
      s.sweeping.anew = true;
      s.work.ring();
      s.toPublish.ring();
    },
    abandon() {
      s.work.ring();
      s.toPublish.ring();
      s.published.ring();
      s.saying.ring();
      s.speaking.ring();
      s.scrubbing.ring();
    },
    finish() {
      s.finishing = true;
      // An end must not take the longer the more is waiting.
      s.dropped = s.queue.length > s.head || s.works.length > 0;
      s.queue.length = 0;
      s.head = 0;
      s.queueBytes = 0;
      s.works = [];
      s.nudged = true; // records how far an idle partition has seen
      s.work.ring();
      return ended;
    },
    ended,
    evaluated: evaluation,
    get switching() { return s.switching; },
    leftover: () => s.queue.slice(s.head).filter((record) => record !== null),
  };
}

// ---------------------------------------------------------------------------------------------------- evaluation

/**
 * Whoever has taken the partition over writes states of their own rules, under numbers of layouts that mean something else
 * here: they look damaged. So nothing stands still for what it has read before it is sure that the partition is its own.
 */
async function certain(s: State, error: unknown): Promise<never> {
  if (!(error instanceof OwnershipLost || error instanceof StoreMoved || s.parts.signal.aborted)) await ownCommits(s.parts);
  throw error;
}

async function evaluateLoop(s: State): Promise<void> {
  const { signal, environment } = s.parts;
  while (!signal.aborted && !s.commitFailed) {
    if (s.storeInDoubt) {
      s.storeInDoubt = false;
      s.inBatch = true;
      await compareStore(s);
      s.inBatch = false;
    }
    const hasWork = s.queue.length > s.head || s.works.length > 0 || s.nudged;
    if (isSweeping(s) && !s.finishing && (s.wants === "sweep" || (environment.seconds() >= s.sweeping.after && (!hasWork || s.batchesSincePage >= BATCHES_PER_PAGE)))) {
      s.batchesSincePage = 0;
      await sweep(s, () => send(s));
      continue;
    }
    if (hasWork) {
      if (gathers(s)) {
        await s.commitOnItsWay;
        continue;
      }
      s.nudged = false;
      s.inBatch = true;
      s.batchesSincePage++;
      if (s.wants === "counts") await drawUpFigures(s);
      if (s.wants === "change") await atMarker(s);
      if (s.switching !== null) break;
      await batch(s);
      s.inBatch = false;
      if (s.toSay.length > 0) s.saying.ring();
      continue;
    }
    if (s.finishing) break;
    if (isSweeping(s)) ringForPage(s);
    await s.work.wait();
  }
  await s.commitOnItsWay;
}

/**
 * What is evaluated while a commit is on its way is committed behind it: with little to do that wins nothing, and whatever
 * comes meanwhile would need a commit of its own.
 */
function gathers(s: State): boolean {
  return s.commitOnItsWay !== null && s.queue.length - s.head + s.works.length < s.parts.sizes.ahead;
}

/** The next page of the sweep is not due yet: whatever comes meanwhile comes first. */
function ringForPage({ parts: { environment, signal }, sweeping, work }: State): void {
  if (sweeping.rings) return;
  sweeping.rings = true;
  void environment.pause(Math.max(1, (sweeping.after - environment.seconds()) * 1000), signal).then(() => {
    sweeping.rings = false;
    work.ring();
  });
}

async function batch(s: State): Promise<void> {
  const { parts } = s;
  const { partition, environment, stats } = parts;
  const started = environment.seconds();
  if (s.works.length === 0) s.works = []; // a young list: see renewPending
  gather(s, started + parts.sizes.batchMs / 1000);
  const decoded = environment.seconds();
  let upTo = partition.clock;
  for (const work of s.works) if (work.stamp > upTo) upTo = work.stamp;
  await readWakes(s, upTo);
  await loadCustomers(s);
  const loaded = environment.seconds();
  let done = 0;
  s.wants = null;
  renewPending(partition);
  const until = loaded + parts.sizes.batchMs / 1000;
  while (done < s.works.length) {
    const work = s.works[done] as Work;
    const isPlace = isPlaceToSwitch(s, work);
    const progress: Progress = isPlace ? comeTo(partition, work) : take(partition, work);
    if (isPlace && progress === "done") {
      s.wants = "change";
      break;
    }
    if (progress === "wants counts") s.wants = "counts";
    if (progress === "wants sweep") s.wants = "sweep";
    if (progress !== "done") break;
    s.last = { sequence: work.sequence, stamp: work.arrived };
    done++;
    // Where the batches are cut changes nothing of what comes out.
    if (done % CLOCK_EVERY === 0 && environment.seconds() >= until) break;
  }
  s.worksBytes *= 1 - done / Math.max(1, s.works.length);
  s.works = done === s.works.length ? [] : s.works.slice(done);
  const evaluated = environment.seconds();
  observe(stats.stageSeconds.decode, decoded - started);
  observe(stats.stageSeconds.load, loaded - decoded);
  observe(stats.stageSeconds.evaluate, evaluated - loaded);
  if (parts.clock === "broker") {
    const now = environment.now();
    for (const deadline of partition.lateWakes) observe(stats.timerLateness, Math.max(0, now - deadline) / 1000);
  }
  partition.lateWakes.length = 0;
  tellOf(partition, environment);
  const { pending } = partition;
  const idleAhead = !s.dropped && s.works.length === 0 && s.queue.length === s.head && parts.seen().sequence - s.committed > (s.finishing || s.settling ? 0 : parts.sizes.idleAhead);
  s.settling = false;
  if (pending.records === 0 && pending.customers.length === 0 && !idleAhead && !s.commitAnyway && !hasFound(s)) return;
  s.commitAnyway = false;
  await send(s);
}

/** Perhaps: that is asked once all that comes before it is done. */
function isPlaceToSwitch({ parts: { leadsTo, compiled }, passedOver }: State, work: Work): boolean {
  return work.k === "program" && leadsTo !== undefined && work.program !== compiled.program.hash && work.sequence !== passedOver;
}

/** All that came before the marker is done. Whether the partition goes over to another program here. */
async function atMarker(s: State): Promise<void> {
  const { parts: { leadsTo, partition, environment, signal } } = s;
  const [work] = s.works;
  if (work?.k !== "program" || leadsTo === undefined) return;
  const change = await insist(environment, signal, "asking for the change of rules under way", passes, () => leadsTo(work));
  if (change === null) {
    s.passedOver = work.sequence;
    return;
  }
  if (s.finishing) return; // whoever has the partition next comes to the same place
  s.dropped = true; // the marker itself is the new program's
  s.switching = { change, marker: { sequence: work.sequence, stamp: work.arrived }, clock: Math.max(partition.clock, Number.isNaN(work.stamp) ? 0 : work.stamp), number: s.number };
}

/** Sends what is pending, when the commit before is done. */
async function send(s: State): Promise<void> {
  const { parts } = s;
  const isSweep = parts.partition.pending.records === 0;
  // Built at once: as bytes a batch waits in a tenth of the room, and the garbage collector need not carry it about.
  const next = prepare(s);
  // Publishing may be waiting for this very commit.
  while (s.withheld.length === 0 && (s.outgoing.length > parts.limits.maxOutbox || s.outgoingWeight > parts.sizes.outboxMost) && !parts.signal.aborted) await s.published.wait();
  while (s.utterances.length > parts.limits.maxOutbox && !s.finishing && !parts.signal.aborted) await s.published.wait();
  await s.commitOnItsWay;
  if (parts.signal.aborted) return;
  s.commitIsSweep = isSweep;
  s.onItsWay = next.outputs;
  s.commitOnItsWay = commit(s, next);
  // Met where the next batch, or the end, awaits it. A worker without work has no next batch, so this ends the loop.
  s.commitOnItsWay.catch(() => {
    s.commitFailed = true;
    s.work.ring();
  });
}

/** Takes records from the queue and decodes them; `until` by the clock that measures. */
function gather(s: State, until: number): void {
  const { compiled, clock, environment, partition, sizes } = s.parts;
  const wall = environment.now();
  const last = s.works.at(-1);
  if (last !== undefined && isPlaceToSwitch(s, last)) return;
  while (s.works.length < sizes.batch && s.worksBytes < sizes.batchBytes && s.head < s.queue.length) {
    const record = s.queue[s.head] as LogRecord;
    const bytes = record.body.length;
    if (clock === "broker" && record.stamp > wall + MAX_AHEAD_MS) {
      throw new ClockAlarm(
        `partition ${partition.options.index}: event ${record.sequence} is stamped ${new Date(record.stamp).toISOString()} by the broker, more than five minutes ` +
        `ahead of this machine's clock (${new Date(wall).toISOString()}). Set the clocks of broker and engine right (NTP), then start again`,
      );
    }
    const work = decode(compiled, clock, record);
    s.works.push(work);
    s.queue[s.head++] = null; // the list itself is shortened later
    s.queueBytes -= bytes + RECORD_BYTES;
    s.worksBytes += bytes;
    // What lies behind it is perhaps another program's to decode.
    if (isPlaceToSwitch(s, work)) break;
    if ((bytes >= HEAVY_BYTES || s.works.length % CLOCK_EVERY === 0) && environment.seconds() >= until) break;
  }
  if (s.head === s.queue.length) {
    s.queue.length = 0;
    s.head = 0;
  } else if (s.head > 4096) {
    s.queue.splice(0, s.head);
    s.head = 0;
  }
}

async function readWakes(s: State, upTo: number): Promise<void> {
  const { partition, store, environment, signal, sizes } = s.parts;
  for (;;) {
    const after = wantsWakes(partition, upTo);
    if (after === undefined) return;
    const { through } = partition.cache;
    const page = await insist(environment, signal, "reading the wake index", passes, () => store.wakes(partition.options.index, after, sizes.wakePage));
    supplyWakes(partition, page, page.length < sizes.wakePage, through);
  }
}

async function loadCustomers(s: State): Promise<void> {
  const { partition, store, environment, signal, stats, sizes } = s.parts;
  const ids = wanted(partition, s.works, sizes.loadAtOnce);
  if (ids.length === 0) return;
  stats.cacheMisses += ids.length;
  const states = await insist(environment, signal, "loading customers", passes, () => store.load(partition.options.index, ids));
  await takeLoaded(s, ids, states);
}
