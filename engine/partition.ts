/**
 * One partition, in memory: its clock, its customers, its wakes, and what has been decided and not yet committed.
 *
 * It takes work in log order and turns it into the content of a commit. It does no I/O: a customer or a page of wakes
 * that it needs and does not have, it asks for (`wanted`, `wantsWakes`) and stops until it is given. Whoever drives it
 * (engine/worker.ts with a log, a store and an output log; engine/replay.ts with a file) decides when to commit.
 *
 * Invariants:
 * - The clock is the newest stamp of the records taken, or the deadline of the wake that ran last; it never goes back.
 * - Before a record, every wake up to its stamp has run, in order of deadline and customer, each at its own deadline.
 * - A customer who was touched since the last commit, or whose commit is on its way, stays in the cache.
 * - `indexed` of a customer is never later than `wake`: the store's index may be early, never late.
 */
import { customerCache, type CustomerCache } from "./cache.js";
import type { Compiled } from "./compile/compiled.js";
import { newCustomer, seenBefore, type Customer } from "./customer.js";
import type { Work } from "./decode.js";
import { SILENT, evaluator, processEvent, processWake, zoneOfProfile, type Action, type Change, type Evaluator, type Sink } from "./evaluate.js";
import { hash64 } from "./hash.js";
import { actionMessage, changeMessage, deadMessage, type Message } from "./outputs.js";
import type { ClockKind, Wake } from "./ports.js";
import type { EngineStats, EventOutcome } from "./stats.js";
import { addPage, addWake, allWakesInMemory, coversInstant, firstWake, popWake, unreadWakes, type Wakes } from "./wakes.js";

/** An event further ahead of its record's stamp than this is not believed: it is taken at the stamp. */
export const MAX_AHEAD_MS = 5 * 60_000;

/** Largest output: what a broker takes that has not been set up otherwise (1 MiB), less room for headers. */
export const MAX_OUTPUT_BYTES = 1_000_000;

export interface PartitionOptions {
  readonly index: number;
  readonly clock: ClockKind;
  /** Customers to keep in memory; Infinity: all of them, and nothing is ever asked for. */
  readonly cacheCustomers: number;
}

/** What the next commit will hold. */
export interface Pending {
  readonly customers: Customer[];
  /** Customers whose entry in the wake index has changed. */
  readonly reindexed: Set<Customer>;
  /** By segment: the last thing that happened to each customer. */
  readonly segments: Map<number, Map<string, boolean>>;
  readonly messages: { readonly message: Message; readonly cause: number; readonly stamp: number; readonly isAction: boolean }[];
  records: number;
  /** When the broker took each record. */
  readonly arrivals: number[];
}

export interface Partition {
  readonly options: PartitionOptions;
  readonly compiled: Compiled;
  readonly evaluator: Evaluator;
  readonly cache: CustomerCache;
  readonly wakes: Wakes;
  readonly stats: EngineStats;
  clock: number;
  /** Sequence of the last record taken. */
  offset: number;
  pending: Pending;
  /** Sequence and arrival of what is being processed: the cause of what comes out. */
  causeSequence: number;
  causeStamp: number;
  /** Deadlines of the wakes that ran since they were last looked at, for the lateness metric. */
  readonly lateWakes: number[];
}

function emptyPending(): Pending {
  return { customers: [], reindexed: new Set(), segments: new Map(), messages: [], records: 0, arrivals: [] };
}

/** `watch` is told all that the evaluation says, as it is said: tests look on through it. */
export function createPartition(compiled: Compiled, options: PartitionOptions, stats: EngineStats, watch: Sink | null = null): Partition {
  const inMemory = options.cacheCustomers === Infinity;
  const partition: Partition = {
    options, compiled, stats,
    evaluator: undefined as unknown as Evaluator, // set below: its sink writes into this very object
    cache: customerCache(options.cacheCustomers),
    wakes: inMemory ? allWakesInMemory() : unreadWakes(),
    clock: 0, offset: 0, pending: emptyPending(), causeSequence: 0, causeStamp: 0, lateWakes: [],
  };
  const own = sinkOf(partition);
  return Object.assign(partition, { evaluator: evaluator(compiled, watch === null ? own : both(own, watch)) });
}

const both = (a: Sink, b: Sink): Sink => ({
  action(action) { a.action(action); b.action(action); },
  change(change) { a.change(change); b.change(change); },
  suppressed(suppression) { a.suppressed(suppression); b.suppressed(suppression); },
  held(hold) { a.held(hold); b.held(hold); },
  started(rule) { a.started(rule); b.started(rule); },
  crowdedOut(rule) { a.crowdedOut(rule); b.crowdedOut(rule); },
  chainCut(customer) { a.chainCut(customer); b.chainCut(customer); },
  erased(customer) { a.erased(customer); b.erased(customer); },
  went(rule, step, way) { b.went?.(rule, step, way); },
  reading(ranking, before, after) { a.reading(ranking, before, after); b.reading(ranking, before, after); },
  contribution(population, before, after) { a.contribution(population, before, after); b.contribution(population, before, after); },
  experiment(experiment, arm, difference) { a.experiment(experiment, arm, difference); b.experiment(experiment, arm, difference); },
});

function sinkOf(p: Partition): Sink {
  const { stats } = p;
  const add = (message: Message, isAction: boolean): void => {
    p.pending.messages.push({ message, cause: p.causeSequence, stamp: p.causeStamp, isAction });
  };
  return {
    ...SILENT,
    action(action: Action) {
      const message = actionMessage(p.options.index, action);
      const bytes = message.body.length > MAX_OUTPUT_BYTES / 4 ? Buffer.byteLength(message.body) : 0;
      if (bytes > MAX_OUTPUT_BYTES) {
        buryAction(p, message, bytes);
        return;
      }
      add(message, true);
      const channel = action.channel ?? "emit";
      let byTemplate = stats.actions.get(channel);
      if (byTemplate === undefined) stats.actions.set(channel, (byTemplate = new Map<string, number>()));
      byTemplate.set(action.template, (byTemplate.get(action.template) ?? 0) + 1);
    },
    change(change: Change) {
      const name = p.compiled.segments[change.segment]?.name as string;
      add(changeMessage(p.options.index, change, name), false);
      let changes = p.pending.segments.get(change.segment);
      if (changes === undefined) p.pending.segments.set(change.segment, (changes = new Map<string, boolean>()));
      changes.set(change.customer, change.entered);
      const counted = stats.segmentChanges.get(name) ?? { entered: 0, left: 0 };
      stats.segmentChanges.set(name, counted);
      if (change.entered) counted.entered++;
      else counted.left++;
      stats.segmentCustomers.set(name, (stats.segmentCustomers.get(name) ?? 0) + (change.entered ? 1 : -1));
    },
    suppressed({ channel, reason }) {
      const counted = stats.suppressed.get(channel) ?? { consent: 0, cap: 0, ended: 0 };
      stats.suppressed.set(channel, counted);
      counted[reason]++;
    },
    started(rule) { stats.ruleStarted.set(rule, (stats.ruleStarted.get(rule) ?? 0) + 1); },
    crowdedOut() { stats.runsCrowdedOut++; },
    chainCut() { stats.chainsCut++; },
  };
}

// ---------------------------------------------------------------------------------------------------- progress

export type Progress =
  /** The work is done; the offset stands behind it. */
  | "done"
  /** A customer is not in memory: load what `wanted` names, `supply` it, and call again with the same work. */
  | "wants customers"
  /** The wake index must be read further (`wantsWakes`) before the clock may move on. */
  | "wants wakes"
  /** The commit is full; call again with the same work after `takePending`. */
  | "full";

/** Most customers of one commit: larger ones ruin the tail of the latencies and win no throughput. */
export const MAX_COMMIT_CUSTOMERS = 400;
const MAX_COMMIT_RECORDS = 1000;
const MAX_COMMIT_MESSAGES = 4000;

export function isFull(p: Partition): boolean {
  const { pending } = p;
  return pending.customers.length >= MAX_COMMIT_CUSTOMERS || pending.records >= MAX_COMMIT_RECORDS || pending.messages.length >= MAX_COMMIT_MESSAGES;
}

/** Takes one piece of work: first all wakes up to its stamp, then the record itself. */
export function take(p: Partition, work: Work): Progress {
  if (isFull(p)) return "full";
  const stamp = stampOf(p, work);
  const waking = runWakes(p, stamp, work);
  if (waking !== "done") return waking;
  if (work.k === "event") {
    const customer = p.cache.get(work.customer) ?? (p.cache.complete ? admit(p, work.customer) : undefined);
    if (customer === undefined) return "wants customers";
    moveClock(p, work.stamp);
    happen(p, customer, work);
  } else {
    moveClock(p, work.stamp);
    p.causeSequence = work.sequence;
    p.causeStamp = work.arrived;
    if (work.k === "dead") bury(p, work);
    else if (work.k === "unmentioned") countEvent(p.stats, "other", "unmentioned");
    else countEvent(p.stats, "eddy_tick", "processed");
  }
  p.offset = work.sequence;
  p.pending.records++;
  p.pending.arrivals.push(work.arrived);
  return "done";
}

/** The instant up to which wakes run before the work: never before the clock. */
function stampOf(p: Partition, work: Work): number {
  return work.stamp > p.clock ? work.stamp : p.clock;
}

function moveClock(p: Partition, stamp: number): void {
  if (stamp > p.clock) p.clock = stamp;
  else if (stamp < p.clock) p.stats.stampsBackwards++;
}

function runWakes(p: Partition, upTo: number, work: Work): Progress {
  p.causeSequence = work.sequence;
  p.causeStamp = work.arrived;
  for (;;) {
    const wake = firstWake(p.wakes);
    // What is in memory comes before all that is not: it runs first, however much of what is due is still to be read.
    if (wake === undefined || wake.at > upTo) return coversInstant(p.wakes, upTo) ? "done" : "wants wakes";
    if (isFull(p)) return "full";
    const customer = p.cache.get(wake.customer);
    if (customer === undefined) {
      if (!p.cache.complete) return "wants customers";
      popWake(p.wakes);
      continue;
    }
    popWake(p.wakes);
    // Only the entry that the index still holds counts; others were overtaken by an earlier one.
    if (customer.indexed !== wake.at) continue;
    customer.indexed = Infinity;
    p.pending.reindexed.add(customer); // the entry is used up, whether or not another one follows
    if (customer.wake <= wake.at) {
      if (wake.at > p.clock) p.clock = wake.at;
      p.lateWakes.push(wake.at);
      processWake(p.evaluator, customer, p.clock > wake.at ? p.clock : wake.at);
    }
    touch(p, customer);
    reindex(p, customer);
  }
}

type EventWork = Extract<Work, { k: "event" }>;
const hashed = { high: 0, low: 0 };

function happen(p: Partition, customer: Customer, work: EventWork): void {
  p.causeSequence = work.sequence;
  p.causeStamp = work.arrived;
  hash64(`${work.source}\u0000${work.id}`, 0, hashed);
  if (seenBefore(customer, hashed.high, hashed.low)) {
    countEvent(p.stats, work.plan.wire, "duplicate");
    return;
  }
  touch(p, customer);
  const overflows = p.evaluator.x.overflows;
  processEvent(p.evaluator, customer, { plan: work.plan, data: work.data, time: ownTime(p, work), id: work.id, source: work.source }, p.clock);
  p.stats.windowOverflows += p.evaluator.x.overflows - overflows;
  countEvent(p.stats, work.plan.wire, "processed");
  reindex(p, customer);
}

/** An event counts at its own time, unless that is missing, not believable, or too far ahead of the record. */
function ownTime(p: Partition, work: EventWork): number {
  const stamp = Number.isNaN(work.stamp) ? p.clock : work.stamp;
  if (work.timeRefused) {
    p.stats.timesClamped++;
    return stamp;
  }
  if (work.time === null) return stamp;
  if (work.time > stamp + MAX_AHEAD_MS) {
    p.stats.timesClamped++;
    return stamp;
  }
  return work.time;
}

function bury(p: Partition, work: Extract<Work, { k: "dead" }>): void {
  p.stats.deadLetters[work.reason]++;
  countEvent(p.stats, p.compiled.events.has(work.type) ? work.type : "other", "dead");
  p.pending.messages.push({ message: deadMessage(p.options.index, work, p.clock), cause: work.sequence, stamp: work.arrived, isAction: false });
}

/** One output too large for the broker would stop all behind it. */
function buryAction(p: Partition, message: Message, bytes: number): void {
  p.stats.deadLetters.too_large++;
  const dead = {
    reason: "too_large", sequence: p.causeSequence, subject: message.subject, body: Buffer.from(message.body),
    detail: `the action ${message.id} has ${bytes} bytes; ${MAX_OUTPUT_BYTES} are allowed. Put less of the event into its payload`,
  };
  p.pending.messages.push({ message: deadMessage(p.options.index, dead, p.clock, message.id), cause: p.causeSequence, stamp: p.causeStamp, isAction: false });
}

export function countEvent(stats: EngineStats, type: string, outcome: EventOutcome): void {
  let counted = stats.events.get(type);
  if (counted === undefined) stats.events.set(type, (counted = { processed: 0, unmentioned: 0, duplicate: 0, dead: 0 }));
  counted[outcome]++;
}

function touch(p: Partition, customer: Customer): void {
  if (customer.dirty) return;
  customer.dirty = true;
  p.pending.customers.push(customer);
}

/** Keeps the index no later than the wake. A later wake leaves an early entry behind, which is a hint and no harm. */
function reindex(p: Partition, customer: Customer): void {
  if (customer.wake >= customer.indexed) return;
  customer.indexed = customer.wake;
  p.pending.reindexed.add(customer);
  if (customer.wake !== Infinity) addWake(p.wakes, { at: customer.wake, customer: customer.id });
}

function admit(p: Partition, id: string): Customer {
  const customer = newCustomer(id, zoneOfProfile(p.compiled, {}));
  p.cache.put(customer);
  return customer;
}

// ---------------------------------------------------------------------------------------------------- what it asks for

/**
 * Customers that the next pieces of work will need and that are not in memory: those of the wakes that are due up to the
 * last stamp, and those of the events. At most `limit`.
 */
export function wanted(p: Partition, works: readonly Work[], limit: number): string[] {
  if (p.cache.complete) return [];
  const ids = new Set<string>();
  let upTo = p.clock;
  for (const work of works) {
    if (work.stamp > upTo) upTo = work.stamp;
    if (work.k === "event" && ids.size < limit && !p.cache.has(work.customer)) ids.add(work.customer);
  }
  const first = firstWake(p.wakes);
  if (first !== undefined && first.at <= upTo) {
    // The due part of the heap stands at its top; a walk in heap order finds it without taking it apart.
    const { heap } = p.wakes;
    const due: Wake[] = [];
    const walk = [0];
    while (walk.length > 0 && due.length < 4 * limit) {
      const i = walk.pop() as number;
      const wake = heap[i];
      if (wake === undefined || wake.at > upTo) continue;
      due.push(wake);
      walk.push(2 * i + 2, 2 * i + 1);
    }
    due.sort((a, b) => a.at - b.at);
    for (const wake of due) {
      if (ids.size >= 2 * limit) break;
      if (!p.cache.has(wake.customer)) ids.add(wake.customer);
    }
    // The very next one must be among them, or nothing would move.
    if (!p.cache.has(first.customer)) ids.add(first.customer);
  }
  return [...ids];
}

/** A customer from the store; `null`: unknown there, a new one. One that is in memory already is left as they are. */
export function supply(p: Partition, id: string, stored: Customer | null): void {
  if (p.cache.has(id)) return;
  if (stored === null) admit(p, id);
  else p.cache.put(stored);
}

/**
 * Behind which entry the wake index is to be read on; undefined: no need, or not before what is due and in memory has
 * run (all that is due may be more than memory holds). `null`: from the beginning.
 */
export function wantsWakes(p: Partition, upTo: number): Wake | null | undefined {
  const first = firstWake(p.wakes);
  if (coversInstant(p.wakes, upTo) || (first !== undefined && first.at <= upTo)) return undefined;
  const { horizon } = p.wakes;
  return horizon === null || horizon.at === -Infinity ? null : horizon;
}

/**
 * A page of the wake index, as the store had it. Entries of customers with changes on their way are as memory has them,
 * not as the store does; those that lie within the page's reach are added.
 */
export function supplyWakes(p: Partition, page: readonly Wake[], complete: boolean): void {
  const before = p.wakes.horizon;
  addPage(p.wakes, page, complete);
  const after = p.wakes.horizon;
  const within = (at: number): boolean => (before === null || at >= before.at) && (after === null || at <= after.at);
  for (const customer of p.cache.pinned()) {
    if (customer.indexed !== Infinity && within(customer.indexed)) addWake(p.wakes, { at: customer.indexed, customer: customer.id });
  }
}

/** The earliest instant at which a wake is, or behind what is in memory may be, due; Infinity: none. */
export function nextDue(p: Partition): number {
  return firstWake(p.wakes)?.at ?? p.wakes.horizon?.at ?? Infinity;
}

/** Hands over what is to be committed and begins anew; `commit` is the number under which it will be sent. */
export function takePending(p: Partition, commit: number): Pending {
  const { pending } = p;
  for (const customer of pending.customers) {
    customer.dirty = false;
    customer.commit = commit;
  }
  p.pending = emptyPending();
  return pending;
}
