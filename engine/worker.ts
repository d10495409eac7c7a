/**
 * Drives one partition: records in, commits out, outputs published.
 *
 * Three loops. The first takes what has gathered in the queue, loads what it needs, evaluates and commits; while one
 * commit is on its way at most one further batch is evaluated. In between it settles everybody under new tables of
 * percentiles, a page of customers at a time. The second publishes committed outputs in a chain. The third appends to
 * the event log what the partition says about its customers (engine/population/), once it is committed.
 *
 * A commit is sent again, byte for byte, until it is answered. Outputs leave only after their commit. When the store
 * says that another writer owns the partition, or that it went back, nothing in memory counts any more: OwnershipLost
 * and StoreMoved end the worker, and engine/engine.ts decides what follows.
 */
import type { Compiled } from "./compile/compiled.js";
import { writer, type Writer as BytesWriter } from "./codec.js";
import { buildCommit } from "./commit.js";
import { decode, type Work } from "./decode.js";
import { bell, insist, type Bell, type Environment } from "./environment.js";
import { layoutField, sinceField, writeMeta, type Anchor, type Meta } from "./meta.js";
import { MAX_AHEAD_MS, nextDue, supply, supplyWakes, sweepPage, take, takePending, wanted, wantsWakes, type Partition, type Pending, type Progress } from "./partition.js";
import { pieceRecord, type Piece } from "./population/piece.js";
import { announced, drawUp, endSweep, forgottenFields, hasFields, takeFields } from "./population/population.js";
import type { Counts } from "./population/summary.js";
import { populationField } from "./population/sums.js";
import {
  LogFull, LogUnavailable, StoreUnavailable,
  type ClockKind, type Commit, type EventLog, type LogRecord, type MetaFields, type Output, type OutputLog, type StateStore, type Writer,
} from "./ports.js";
import type { Layouts, OutputPlan } from "./recovery.js";
import { readCustomer, writeCustomer } from "./state.js";
import { observe, type EngineStats, type PartitionStats } from "./stats.js";
import { DAY_MS } from "./zone.js";

/** Another process has claimed the partition. */
export class OwnershipLost extends Error { override readonly name = "OwnershipLost"; }
/** The store is older than what was committed to it (or than what was published). */
export class StoreMoved extends Error { override readonly name = "StoreMoved"; }
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
  readonly log: Pick<EventLog, "append">;
  readonly environment: Environment;
  readonly stats: EngineStats;
  readonly clock: ClockKind;
  readonly limits: WorkerLimits;
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
}

export interface Worker {
  readonly index: number;
  /** Hands over a record of this partition, in log order. */
  offer(record: LogRecord): void;
  /** Records handed over and not yet committed. */
  readonly backlog: number;
  readonly cachedCustomers: number;
  /** The instant of the earliest known wake. */
  nextDue(): number;
  /** Nothing is queued, being evaluated, or on its way to the store. */
  readonly idle: boolean;
  /** Makes a worker without work look whether the wake index must be read on, or its position be recorded. */
  nudge(): void;
  /** The store or the output log was away: makes sure that both are still as this worker left them. */
  compare(): void;
  /** The signal was given: nobody waits any longer. */
  abandon(): void;
  /** Drops what is not evaluated yet (it is read again), commits and publishes the rest, and ends. */
  finish(): Promise<void>;
  /** Settles when the worker ends; rejects when it cannot go on. */
  readonly ended: Promise<void>;
}

const COMMIT_BYTES = 256 * 1024;
const MAX_BATCH = 512;
const LOAD_AT_ONCE = 400;
const WAKE_PAGE = 1000;
/** After a refusal that left the end of the output stream where it was. */
const REFUSED_PAUSE_MS = 10;
const PUBLISH_AT_ONCE = 256;
/** An idle partition records how far it has seen when that is so many records ahead. */
const IDLE_AHEAD = 10_000;
/** With work to do, a page of the sweep comes once in so many batches. */
const BATCHES_PER_PAGE = 4;
/** What is said about customers at a midnight goes into the log when no more records than this lie before it: a later midnight may make it void. */
const ANNOUNCED_WITHIN = 10_000;
/** Whoever comes meanwhile waits for no more than a page: a few milliseconds. */
const SWEEP_PAGE = 64;
const SWEEP_PAUSE_MS = 1;
const SCRATCH_BYTES = 4096;

interface Outgoing {
  readonly output: Output;
  readonly arrived: number;
  readonly isAction: boolean;
}

interface State {
  readonly parts: WorkerParts;
  readonly queue: LogRecord[];
  /** Records of the queue before this place are taken. */
  head: number;
  works: Work[];
  readonly work: Bell;
  readonly published: Bell;
  readonly toPublish: Bell;
  number: number;
  nextOutput: number;
  suppress: ReadonlySet<string>;
  surplus: Meta["surplus"];
  anchors: readonly Anchor[];
  /** The last record taken. */
  last: Anchor;
  committed: number;
  /** What the first commit sets beside its own. */
  fieldsPending: MetaFields;
  /** Rankings whose counts the first commit begins anew. */
  countsAnew: readonly string[];
  commitOnItsWay: Promise<void> | null;
  commitFailed: boolean;
  /** The commit on its way, or the last one, holds no records: nobody waits for it. */
  commitIsSweep: boolean;
  inBatch: boolean;
  /** What the work that comes next must have before it can be done. */
  wants: "counts" | "sweep" | null;
  /** Where the sweep goes on; null: at the beginning. It is not kept anywhere: who is settled already is passed over. */
  sweepCursor: string | null;
  /** The store was away: it may list customers in another order now. */
  sweepAnew: boolean;
  batchesSincePage: number;
  /** Committed and not known to be in the log. */
  toSay: readonly Piece[];
  readonly saying: Bell;
  outgoing: Outgoing[];
  publishedUpTo: number;
  finishing: boolean;
  /** Records that were handed over are given up: the position must not move on to where nothing is known to be left. */
  dropped: boolean;
  nudged: boolean;
  /** The store, and the end of the output stream, may have gone back while nothing was written to them. */
  storeInDoubt: boolean;
  endInDoubt: boolean;
  readonly stats: PartitionStats;
  /** The states of the commit on its way: a new buffer for each would keep the garbage collector busy. */
  readonly bytes: BytesWriter;
  readonly scratch: BytesWriter;
}

export function startWorker(parts: WorkerParts): Worker {
  const s: State = {
    parts, queue: [], head: 0, works: [], work: bell(), published: bell(), toPublish: bell(),
    number: parts.number, nextOutput: parts.outputPlan.next, suppress: parts.outputPlan.suppress, surplus: parts.outputPlan.surplus,
    anchors: parts.meta.anchors, last: parts.meta.anchors[0] ?? { sequence: parts.meta.offset, stamp: 0 }, committed: parts.meta.offset,
    fieldsPending: firstFields(parts), countsAnew: parts.layouts.figures.rankings,
    commitOnItsWay: null, commitFailed: false, commitIsSweep: false, inBatch: false,
    wants: null, sweepCursor: null, sweepAnew: false, batchesSincePage: 0,
    toSay: parts.partition.population?.prepared ?? [], saying: bell(), scratch: writer(SCRATCH_BYTES),
    outgoing: parts.outputPlan.unpublished.map((output) => ({ output, arrived: 0, isAction: false })),
    publishedUpTo: parts.outputPlan.next - 1 - parts.outputPlan.unpublished.length,
    finishing: false, dropped: false, nudged: false, storeInDoubt: false, endInDoubt: false, bytes: writer(COMMIT_BYTES),
    stats: { lag: 0, outboxPending: 0, clock: parts.meta.clock, offset: parts.meta.offset, stopped: null },
  };
  parts.stats.partitions.set(parts.partition.options.index, s.stats);
  let evaluating = true;
  const evaluation = evaluateLoop(s).finally(() => {
    evaluating = false;
    s.toPublish.ring();
    s.saying.ring();
  });
  const publishing = publishLoop(s, () => evaluating);
  const saying = sayLoop(s, () => evaluating);
  const ended = Promise.all([evaluation, publishing, saying]).then(() => undefined);
  ended.catch(() => undefined); // whoever awaits it sees it; nobody else shall be told of an unhandled rejection
  return {
    index: parts.partition.options.index,
    offer(record) {
      s.queue.push(record);
      s.work.ring();
    },
    get backlog() { return s.queue.length - s.head + s.works.length; },
    get cachedCustomers() { return parts.partition.cache.size; },
    nextDue: () => nextDue(parts.partition),
    get idle() { return s.queue.length === s.head && s.works.length === 0 && !s.inBatch && (s.commitOnItsWay === null || s.commitIsSweep); },
    nudge() {
      s.nudged = true;
      s.work.ring();
    },
    compare() {
      s.storeInDoubt = true;
      s.endInDoubt = true;
      s.sweepAnew = true;
      s.work.ring();
      s.toPublish.ring();
    },
    abandon() {
      s.work.ring();
      s.toPublish.ring();
      s.published.ring();
      s.saying.ring();
    },
    finish() {
      s.finishing = true;
      // An end must not take the longer the more is waiting.
      s.dropped = s.queue.length > s.head || s.works.length > 0;
      s.queue.length = 0;
      s.head = 0;
      s.works = [];
      s.nudged = true; // records how far an idle partition has seen
      s.work.ring();
      return ended;
    },
    ended,
  };
}

// ---------------------------------------------------------------------------------------------------- evaluation

async function evaluateLoop(s: State): Promise<void> {
  const { signal } = s.parts;
  while (!signal.aborted && !s.commitFailed) {
    if (s.storeInDoubt) {
      s.storeInDoubt = false;
      s.inBatch = true;
      await compareStore(s);
      s.inBatch = false;
    }
    const hasWork = s.queue.length > s.head || s.works.length > 0 || s.nudged;
    if (isSweeping(s) && !s.finishing && (!hasWork || s.wants === "sweep" || s.batchesSincePage >= BATCHES_PER_PAGE)) {
      s.batchesSincePage = 0;
      await sweep(s);
      continue;
    }
    if (hasWork) {
      s.nudged = false;
      s.inBatch = true;
      s.batchesSincePage++;
      if (s.wants === "counts") await drawUpFigures(s);
      await batch(s);
      s.inBatch = false;
      if (s.toSay.length > 0) s.saying.ring();
      continue;
    }
    if (s.finishing) break;
    await s.work.wait();
  }
  await s.commitOnItsWay;
}

async function batch(s: State): Promise<void> {
  const { parts } = s;
  const { partition, environment, stats } = parts;
  const started = environment.seconds();
  gather(s);
  const decoded = environment.seconds();
  let upTo = partition.clock;
  for (const work of s.works) if (work.stamp > upTo) upTo = work.stamp;
  await readWakes(s, upTo);
  await loadCustomers(s);
  const loaded = environment.seconds();
  let done = 0;
  s.wants = null;
  while (done < s.works.length) {
    const work = s.works[done] as Work;
    const progress: Progress = take(partition, work);
    if (progress === "wants counts") s.wants = "counts";
    if (progress === "wants sweep") s.wants = "sweep";
    if (progress !== "done") break;
    s.last = { sequence: work.sequence, stamp: work.arrived };
    done++;
  }
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
  const { pending } = partition;
  const idleAhead = !s.dropped && s.works.length === 0 && s.queue.length === s.head && parts.seen().sequence - s.committed > (s.finishing ? 0 : IDLE_AHEAD);
  if (pending.records === 0 && pending.customers.length === 0 && !idleAhead) return;
  await send(s);
}

/** Sends what is pending, when the commit before is done. */
async function send(s: State): Promise<void> {
  const { parts } = s;
  while (s.outgoing.length > parts.limits.maxOutbox && !parts.signal.aborted) await s.published.wait();
  await s.commitOnItsWay;
  if (parts.signal.aborted) return;
  s.commitIsSweep = parts.partition.pending.records === 0;
  s.commitOnItsWay = commit(s);
  // Met where the next batch, or the end, awaits it. A worker without work has no next batch, so this ends the loop.
  s.commitOnItsWay.catch(() => {
    s.commitFailed = true;
    s.work.ring();
  });
}

/** Takes records from the queue and decodes them. */
function gather(s: State): void {
  const { compiled, clock, environment, partition } = s.parts;
  const wall = environment.now();
  while (s.works.length < MAX_BATCH && s.head < s.queue.length) {
    const record = s.queue[s.head] as LogRecord;
    if (clock === "broker" && record.stamp > wall + MAX_AHEAD_MS) {
      throw new ClockAlarm(
        `partition ${partition.options.index}: event ${record.sequence} is stamped ${new Date(record.stamp).toISOString()} by the broker, more than five minutes ` +
        `ahead of this machine's clock (${new Date(wall).toISOString()}). Set the clocks of broker and engine right (NTP), then start again`,
      );
    }
    s.works.push(decode(compiled, clock, record));
    s.head++;
  }
  if (s.head === s.queue.length) {
    s.queue.length = 0;
    s.head = 0;
  } else if (s.head > 4096) {
    s.queue.splice(0, s.head);
    s.head = 0;
  }
}

const passes = (error: unknown): boolean => error instanceof StoreUnavailable;

async function readWakes(s: State, upTo: number): Promise<void> {
  const { partition, store, environment, signal } = s.parts;
  for (;;) {
    const after = wantsWakes(partition, upTo);
    if (after === undefined) return;
    const page = await insist(environment, signal, "reading the wake index", passes, () => store.wakes(partition.options.index, after, WAKE_PAGE));
    supplyWakes(partition, page, page.length < WAKE_PAGE);
  }
}

async function loadCustomers(s: State): Promise<void> {
  const { partition, store, environment, signal, compiled, layouts, stats } = s.parts;
  const ids = wanted(partition, s.works, LOAD_AT_ONCE);
  if (ids.length === 0) return;
  stats.cacheMisses += ids.length;
  const states = await insist(environment, signal, "loading customers", passes, () => store.load(partition.options.index, ids));
  states.forEach((bytes, i) => {
    const id = ids[i] as string;
    supply(partition, id, bytes === null ? null : readCustomer(id, bytes, layouts.translations, compiled));
  });
}

// ---------------------------------------------------------------------------------------------------- commit

/** A worker without work would not notice that the store went back: nothing that it commits is refused. */
async function compareStore(s: State): Promise<void> {
  await s.commitOnItsWay;
  const { index } = s.parts.partition.options;
  const number = await ownCommits(s);
  if (number !== s.number) throw new StoreMoved(`partition ${index}: the store is at commit ${number}, not ${s.number}`);
}

/** The number of the last commit in the store. Rejects where another writer has the partition. */
async function ownCommits(s: State): Promise<number> {
  const { partition, store, environment, signal, writer } = s.parts;
  const { index } = partition.options;
  const { number, writer: owner } = await insist(environment, signal, "asking whose the partition is", passes, () => store.meta(index));
  if (owner?.epoch === writer.epoch && owner.token === writer.token) return number;
  // Epochs fall only where the store went back to before this writer's claim.
  if (owner !== null && owner.epoch >= writer.epoch) throw takenOver(index);
  throw new StoreMoved(`partition ${index}: the store went back to before this process took the partition`);
}

const takenOver = (index: number): OwnershipLost => new OwnershipLost(`partition ${index}: another Eddy process has taken it over`);

async function commit(s: State): Promise<void> {
  const { parts } = s;
  const { partition, environment, stats, store, signal } = parts;
  const number = ++s.number;
  const through = reached(s);
  const pending = takePending(partition, number);
  const anchors = s.anchors[0]?.sequence === through.sequence ? s.anchors : [through, ...s.anchors].slice(0, 3);
  // What a sweep brings about has no place of its own in the log: it may come again later than it came first.
  const surplus = partition.offset >= parts.outputPlan.surplusEnds && !isSweeping(s) ? null : s.surplus;
  const { population } = partition;
  const prepared = population?.prepared ?? [];
  const built = buildCommit(parts.compiled, pending, {
    partition: partition.options.index, writer: parts.writer, number, layout: parts.layouts.present,
    nextOutput: s.nextOutput, forget: Math.max(0, s.publishedUpTo - parts.limits.keepPublished), suppress: s.suppress, anew: s.countsAnew,
  }, s.bytes, (next) => ({
    ...writeMeta({
      offset: through.sequence, clock: partition.clock, log: parts.logIdentity, anchors, next, surplus, program: parts.compiled.program.hash,
    }),
    ...s.fieldsPending,
    ...(population === null ? {} : takeFields(population)),
  }));
  s.nextOutput += built.outputs.length;
  // Not before: this commit itself may have held the last that were to be suppressed.
  if (surplus === null && s.surplus !== null) {
    s.surplus = null;
    s.suppress = new Set();
  }
  s.fieldsPending = {};
  s.countsAnew = [];
  s.anchors = anchors;
  const clock = partition.clock;
  const started = environment.seconds();
  const answer = await insist(environment, signal, "committing", passes, () => store.commit(built));
  if (answer === "lost") throw takenOver(partition.options.index);
  if (answer === "moved") throw new StoreMoved(`partition ${partition.options.index}: the store went back behind commit ${number - 1}`);
  observe(stats.stageSeconds.commit, environment.seconds() - started);
  observe(stats.commitCustomers, built.states.length);
  stats.commits++;
  s.committed = through.sequence;
  s.stats.offset = through.sequence;
  s.stats.clock = clock;
  s.stats.lag = parts.unread() + s.queue.length - s.head + s.works.length;
  partition.cache.acknowledged(number);
  measure(s, pending);
  announce(s, pending, built);
  if (prepared.length > 0 && prepared === population?.prepared) {
    s.toSay = prepared;
    s.saying.ring();
  }
  s.commitOnItsWay = null;
}

/** How far the partition has come: with nothing left to do, as far as anybody's records were handed out. */
function reached(s: State): Anchor {
  const seen = s.parts.seen();
  return !s.dropped && s.works.length === 0 && s.queue.length === s.head && seen.sequence > s.last.sequence ? seen : s.last;
}

function measure(s: State, pending: Pending): void {
  const now = s.parts.environment.now();
  for (const arrived of pending.arrivals) observe(s.parts.stats.eventSeconds, Math.max(0, now - arrived) / 1000);
}

function announce(s: State, pending: Pending, built: Commit): void {
  if (built.outputs.length === 0) return;
  // The outputs are the messages in their order, without those that had been published before.
  let n = 0;
  for (const { message, stamp, isAction } of pending.messages) {
    const output = built.outputs[n];
    if (output?.id !== message.id) continue;
    s.outgoing.push({ output, arrived: stamp, isAction });
    n++;
  }
  s.stats.outboxPending = s.outgoing.length;
  s.toPublish.ring();
}

// ---------------------------------------------------------------------------------------------------- all customers

/** What a claim finds may be of another program: layouts, and figures that are no longer kept or begin anew. */
function firstFields({ layouts, meta, partition }: WorkerParts): MetaFields {
  const { figures } = layouts;
  const removed = figures.populations.filter((key) => meta.fields[populationField(key)] !== undefined);
  return {
    ...(layouts.added === null ? {} : layoutField(layouts.present, layouts.added)),
    ...(partition.population?.ranks === true ? {} : forgottenFields(meta.fields)),
    ...Object.fromEntries(removed.map((key) => [populationField(key), ""])),
    ...(figures.since.size > 0 || meta.since.size > 0 ? sinceField(figures.since) : {}),
  };
}

/** A midnight has passed and all that came before it is handed over: once it is committed, the store's counts are those of midnight. */
async function drawUpFigures(s: State): Promise<void> {
  const { partition, compiled, store, environment, signal } = s.parts;
  const { population } = partition;
  await s.commitOnItsWay;
  if (population === null || signal.aborted) return;
  const { index } = partition.options;
  const counts: Counts[] = [];
  for (const { key } of compiled.program.rankings) {
    counts.push(await insist(environment, signal, "reading how customers stand", passes, () => store.counts(index, key)));
    await environment.pause(0, signal); // there may be many: other partitions take their turn
  }
  if (signal.aborted) return;
  drawUp(population, Math.floor(partition.clock / DAY_MS), counts);
}

function isSweeping({ parts: { partition: { population } } }: State): boolean {
  return population !== null && !population.swept;
}

/** Settles the next page of customers under the tables in force. */
async function sweep(s: State): Promise<void> {
  const { partition, compiled, store, environment, signal, layouts } = s.parts;
  const { population } = partition;
  if (population === null) return;
  if (s.sweepAnew) s.sweepCursor = null;
  s.sweepAnew = false;
  const page = await insist(environment, signal, "reading customers", passes, () => store.scan(partition.options.index, s.sweepCursor, SWEEP_PAGE));
  if (s.sweepAnew) return; // it was asked of the store as it was before
  sweepPage(partition, {
    states: page.states,
    read: (id, bytes) => readCustomer(id, bytes, layouts.translations, compiled),
    isAsStored(customer, bytes) {
      s.scratch.at = 0;
      writeCustomer(s.scratch, customer, layouts.present, compiled);
      return Buffer.compare(s.scratch.bytes.subarray(0, s.scratch.at), bytes) === 0;
    },
  });
  s.sweepCursor = page.cursor;
  if (page.cursor === null) endSweep(population);
  if (partition.pending.customers.length > 0 || hasFields(population)) await send(s);
  // A store that answers at once would let nobody else have a turn.
  await environment.pause(SWEEP_PAUSE_MS, signal);
}

/** Appends what is committed and to be said, when the log's end is near; until it is known to be there, or void. */
async function sayLoop(s: State, evaluating: () => boolean): Promise<void> {
  const { signal, environment, log, partition, unread } = s.parts;
  while (!signal.aborted) {
    const pieces = s.toSay;
    if (pieces.length === 0 || unread() + s.queue.length - s.head > ANNOUNCED_WITHIN) {
      if (!evaluating()) return;
      await s.saying.wait();
      continue;
    }
    // A full log may have room again; until then percentiles stay as they are, and everything else goes on.
    const unavailable = (error: unknown): boolean => error instanceof LogUnavailable || error instanceof LogFull;
    await insist(environment, signal, "appending how customers stood at midnight", unavailable, () => log.append(pieces.map(pieceRecord)));
    if (s.toSay === pieces) s.toSay = [];
    if (partition.population !== null) announced(partition.population, pieces);
  }
}

// ---------------------------------------------------------------------------------------------------- publishing

async function publishLoop(s: State, evaluating: () => boolean): Promise<void> {
  const { signal, environment, outputs, partition, stats } = s.parts;
  const index = partition.options.index;
  while (!signal.aborted) {
    if (s.outgoing.length === 0) {
      if (s.endInDoubt) await compareEnd(s);
      if (s.outgoing.length > 0) continue;
      if (!evaluating()) return;
      await s.toPublish.wait();
      continue;
    }
    const window = s.outgoing.slice(0, PUBLISH_AT_ONCE);
    const first = (window[0] as Outgoing).output.number;
    const started = environment.seconds();
    // A full stream may have room again; until then the outputs wait in the outbox and the lag grows.
    const unavailable = (error: unknown): boolean => error instanceof LogUnavailable || error instanceof LogFull;
    const accepted = await insist(environment, signal, `publishing to OUT_${index}`, unavailable,
      () => outputs.publish(index, window.map(({ output }) => output)));
    const last = first + window.length - 1;
    if (accepted >= first) {
      observe(stats.stageSeconds.publish, environment.seconds() - started);
      accept(s, accepted);
    }
    if (accepted < last) await resume(s, await insist(environment, signal, `asking for the end of OUT_${index}`, unavailable, () => outputs.last(index)));
  }
}

function accept(s: State, upTo: number): void {
  const now = s.parts.environment.now();
  let n = 0;
  while (n < s.outgoing.length && (s.outgoing[n] as Outgoing).output.number <= upTo) {
    const { arrived, isAction } = s.outgoing[n] as Outgoing;
    if (isAction && arrived > 0) observe(s.parts.stats.actionSeconds, Math.max(0, now - arrived) / 1000);
    n++;
  }
  s.outgoing.splice(0, n);
  s.publishedUpTo = Math.max(s.publishedUpTo, upTo);
  s.stats.outboxPending = s.outgoing.length;
  s.published.ring();
}

/** With nothing to publish nobody would notice that the output stream lost its end. */
async function compareEnd(s: State): Promise<void> {
  const { environment, signal, outputs, partition } = s.parts;
  const { index } = partition.options;
  s.endInDoubt = false;
  const last = await insist(environment, signal, `asking for the end of OUT_${index}`, (error) => error instanceof LogUnavailable, () => outputs.last(index));
  if (last !== s.publishedUpTo) await resume(s, last);
}

/** After a refusal or a lost reply: goes on from where the output stream really ends. */
async function resume(s: State, last: number): Promise<void> {
  const { store, partition, environment, signal } = s.parts;
  const index = partition.options.index;
  const first = s.outgoing[0]?.output.number ?? s.publishedUpTo + 1;
  if (last >= s.nextOutput) await ownCommits(s);
  if (last >= s.nextOutput) throw new StoreMoved(`partition ${index}: the output stream OUT_${index} holds ${last} outputs, of which only ${s.nextOutput - 1} are committed`);
  if (last >= first) return accept(s, last);
  if (last === first - 1) return environment.pause(REFUSED_PAUSE_MS, signal);
  // The output stream lost its end: what was published before is taken from the outbox again.
  const lost: Outgoing[] = [];
  for (let from = last + 1; from < first; ) {
    const page = await insist(environment, signal, "reading the outbox", passes, () => store.outbox(index, from, 1000));
    if (page[0]?.number !== from) throw new StoreMoved(`partition ${index}: the output stream OUT_${index} went back to ${last}, and output ${from} is no longer kept`);
    for (const output of page) if (output.number < first) lost.push({ output, arrived: 0, isAction: false });
    from = (page.at(-1)?.number ?? from) + 1;
  }
  environment.log("warn", `OUT_${index} lost its end; publishing it again from the outbox`, { from: last + 1, to: first - 1 });
  s.outgoing.unshift(...lost);
}
