/**
 * One partition, in memory: its clock, its customers, its wakes, and what has been decided and not yet committed.
 *
 * It takes work in log order and turns it into the content of a commit. It does no I/O: a customer or a page of wakes
 * that it needs and does not have, it asks for (supplying.ts) and stops until it is given; so with the counts
 * that a midnight asks for (engine/population/). Whoever drives it (engine/worker.ts with a log, a store and an output
 * log; engine/replay.ts with a file) decides when to commit.
 *
 * Invariants:
 * - The clock is the newest stamp of the records taken, or the deadline of the wake that ran last; it never goes back.
 * - Before a record, every wake up to its stamp has run, in order of deadline and customer, each at its own deadline.
 * - A customer who was touched since the last commit, or whose commit is on its way, stays in the cache.
 * - `indexed` of a customer is never later than `wake`: the store's index may be early, never late.
 * - Nothing happens to a customer before they are settled under the tables of percentiles that are in force.
 */
import { isUnjoined } from "./change/joining-field.js";
import type { Joining } from "./change/pass.js";
import { customerCache, type CustomerCache, type Unpack } from "./cache.js";
import { StateCorrupt } from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { knowsEvent, newCustomer, seenBefore, type Customer } from "./customer.js";
import { dataOf, type Work } from "./decode.js";
import { anonymousOf, hear, identified, release, sayOn, type Place } from "./merge/joining.js";
import { createWords, type Words } from "./merge/words.js";
import { isKnown } from "./erasure.js";
import { evaluator, processEvent, processFigures, processWake, zoneOfProfile, type Evaluator, type Sink } from "./evaluate.js";
import { hash64OfPair } from "./hash.js";
import { deadMessage, type Message } from "./outputs.js";
import { both, say, sinkOf } from "./partition-sink.js";
import {
  completes, createPopulation, drawUpInMemory, figuresOf, isStale, markSettled, receive, type CountsPending, type Population, type Tables,
} from "./population/population.js";
import type { ClockKind, MetaFields } from "./ports.js";
import type { Receipt } from "./receipt.js";
import { SIZES, type Sizes } from "./sizes.js";
import type { DeadReason, EngineStats, EventOutcome } from "./stats.js";
import { POPULATION_TYPE, PROGRAM_TYPE, TICK_TYPE, eventSubject } from "./subjects.js";
import { bury as buryCustomer, isLate, isRepeated, readTombstones, requestKey, tombstoneKey, type Tombstones } from "./tombstones.js";
import { addWake, allWakesInMemory, coversInstant, dropFirst, firstCustomer, firstInstant, unreadWakes, type Wakes } from "./wakes.js";
import { DAY_MS } from "./zone.js";

/** A customer's event or wake could not be evaluated: a fault in Eddy. Nothing of it is committed. */
export class EvaluationFailed extends Error { override readonly name = "EvaluationFailed"; }

/** An event further ahead of its record's stamp than this is not believed: it is taken at the stamp. */
export const MAX_AHEAD_MS = 5 * 60_000;

export interface PartitionOptions {
  readonly index: number;
  readonly clock: ClockKind;
  /** Customers to keep in memory; Infinity: all of them, and nothing is ever asked for. */
  readonly cacheCustomers: number;
  /** How many there are; 1 unless given. */
  readonly partitions?: number;
  readonly sizes?: Sizes;
}

/** What the store knows of the partition from before. */
export interface PartitionStart {
  readonly clock: number;
  readonly offset: number;
  readonly fields: MetaFields;
  /** Identity of the log. */
  readonly log?: string;
  /** Reads a customer out of the store's bytes; only where not all are kept in memory. */
  readonly unpack?: Unpack;
  /** Customers are still to be joined with what is new in the program. */
  readonly joining?: Joining | null;
}

const NEW: PartitionStart = { clock: 0, offset: 0, fields: {} };

/** What the next commit will hold. */
export interface Pending {
  readonly customers: Customer[];
  /** Customers whose entry in the wake index has changed. */
  readonly reindexed: Set<Customer>;
  /** By the segment's name: the last thing that happened to each customer. */
  readonly segments: Map<string, Map<string, boolean>>;
  readonly messages: { readonly message: Message; readonly cause: number; readonly stamp: number; readonly isAction: boolean; readonly receipt?: Receipt }[];
  /** Customers who were erased on request, and how many messages there were before that. */
  readonly erased: Map<string, number>;
  /** By ranking and value: how many customers more stand there. */
  readonly counts: CountsPending;
  records: number;
  /** Wakes that ran. */
  wakes: number;
  /** About how much it weighs: bytes of the customers' states as they were last, characters of what is said. */
  weight: number;
  /** When the broker took each record. */
  readonly arrivals: number[];
}

/** The last event that became a dead letter for a reason; without what it held. */
export interface Buried {
  readonly detail: string;
  readonly subject: string;
  readonly sequence: number;
}

export interface Partition {
  readonly options: PartitionOptions;
  readonly compiled: Compiled;
  readonly evaluator: Evaluator;
  readonly cache: CustomerCache;
  readonly wakes: Wakes;
  readonly stats: EngineStats;
  /** Who was erased. */
  readonly tombstones: Tombstones;
  /** What it says to customers of other partitions, and hears. */
  readonly words: Words;
  /** Null: the program asks nothing of all customers. */
  readonly population: Population | null;
  /** Null: everybody is as the program has them. */
  joining: Joining | null;
  clock: number;
  /** Sequence of the last record taken. */
  offset: number;
  pending: Pending;
  /** Sequence and arrival of what is being processed: the cause of what comes out. */
  causeSequence: number;
  causeStamp: number;
  /** Deadlines of the wakes that ran since they were last looked at, for the lateness metric. */
  readonly lateWakes: number[];
  /** Wakes in a row after which the customer was to be woken again at once. */
  again: number;
  /** The newest stamp of the partition's own events. */
  newestStamp: number;
  /** Dead letters since they were last looked at. */
  readonly buried: Map<DeadReason, Buried>;
}

function emptyPending(): Pending {
  return { customers: [], reindexed: new Set(), segments: new Map(), messages: [], erased: new Map(), counts: new Map(), records: 0, wakes: 0, weight: 0, arrivals: [] };
}

/** `watch` is told all that the evaluation says, as it is said: tests look on through it. */
export function createPartition(
  compiled: Compiled, options: PartitionOptions, stats: EngineStats, watch: Sink | null = null, { clock, offset, fields, log = "", unpack, joining = null }: PartitionStart = NEW,
): Partition {
  const inMemory = options.cacheCustomers === Infinity;
  const place = { partition: options.index, partitions: options.partitions ?? 1, inMemory, clock };
  const parts = {
    options, compiled, stats,
    cache: customerCache(options.cacheCustomers, (id, bytes, from, to) => (from === to || unpack === undefined ? nobodyYet(compiled, id) : unpack(id, bytes, from, to))),
    wakes: inMemory ? allWakesInMemory() : unreadWakes(options.sizes),
    tombstones: readTombstones(fields),
    words: createWords(options.index, log, inMemory, fields),
    population: createPopulation(compiled, place, fields),
    joining,
    clock, offset, pending: emptyPending(), causeSequence: 0, causeStamp: 0, lateWakes: [], again: 0, newestStamp: -Infinity, buried: new Map<DeadReason, Buried>(),
  };
  const own = sinkOf(parts);
  // The sink writes into the very object that is the partition.
  const partition = Object.assign(parts, { evaluator: evaluator(compiled, watch === null ? own : both(own, watch)) });
  if (partition.population !== null) {
    partition.evaluator.x.figures = figuresOf(partition.population);
    stats.sums.set(options.index, partition.population.sums);
  }
  return partition;
}

// ---------------------------------------------------------------------------------------------------- progress

export type Progress =
  /** The work is done; the offset stands behind it. */
  | "done"
  /** A customer is not in memory: load what `wanted` names, `supply` it, and call again with the same work. */
  | "wants customers"
  /** The wake index must be read further (`wantsWakes`) before the clock may move on. */
  | "wants wakes"
  /** A midnight has passed: commit, then `drawUp` how the customers stand (the counts of the store), and call again with the same work. */
  | "wants counts"
  /** Everybody must be joined (engine/change/pass.ts), or settled under the tables in force (`sweepPage`), before the work can be done. */
  | "wants sweep"
  /** The commit is full; call again with the same work after `takePending`. */
  | "full";

const MAX_COMMIT_RECORDS = 1000;
const MAX_COMMIT_MESSAGES = 4000;

export function isFull(p: Partition): boolean {
  const { pending, options: { sizes = SIZES } } = p;
  return pending.customers.length >= sizes.commitCustomers || pending.records >= MAX_COMMIT_RECORDS || pending.messages.length >= MAX_COMMIT_MESSAGES ||
    pending.wakes >= sizes.commitWakes || pending.weight >= sizes.commitMost;
}

/**
 * Takes one piece of work: first all wakes up to its stamp, then the record itself. Throws EvaluationFailed, after which
 * nothing of the partition may be committed any more.
 */
export function take(p: Partition, work: Work): Progress {
  const coming = comeTo(p, work);
  if (coming !== "done") return coming;
  if (work.k === "event") {
    const customer = p.cache.get(work.customer) ?? (p.cache.complete ? admit(p, work.customer) : undefined);
    if (customer === undefined) return "wants customers";
    moveClock(p, work.stamp);
    followStamps(p, work.stamp);
    happen(p, customer, work);
  } else if (work.k === "word") {
    const customer = p.cache.get(work.customer) ?? (p.cache.complete ? admit(p, work.customer) : undefined);
    if (customer === undefined) return "wants customers";
    moveClock(p, work.stamp);
    hear(placeOf(p), customer, work.word);
  } else if (work.k === "population") {
    if (p.population !== null && (!p.population.swept || isUnjoined(p.joining)) && completes(p.population, work.piece)) return "wants sweep";
    moveClock(p, work.stamp);
    if (p.population !== null) receive(p.population, work.piece, p.clock);
    if (work.piece.source === p.options.index) countEvent(p.stats, POPULATION_TYPE, "processed");
  } else {
    moveClock(p, work.stamp);
    if (work.k === "dead") bury(p, work);
    else if (work.k === "unmentioned") {
      followStamps(p, work.stamp);
      countEvent(p.stats, "other", "unmentioned");
    }
    else countEvent(p.stats, work.k === "program" ? PROGRAM_TYPE : TICK_TYPE, "processed");
  }
  p.offset = work.sequence;
  p.pending.records++;
  p.pending.arrivals.push(work.arrived);
  return "done";
}

/** Does all that comes before a piece of work, and not the work itself. */
export function comeTo(p: Partition, work: Work): Progress {
  if (isFull(p)) return "full";
  p.causeSequence = work.sequence;
  p.causeStamp = work.arrived;
  // One change of rules after the other.
  if (work.k === "program" && isUnjoined(p.joining)) return "wants sweep";
  const stamp = stampOf(p, work);
  if (p.population !== null) {
    const passing = passMidnights(p, p.population, stamp);
    if (passing !== "done") return passing;
  }
  return runWakes(p, stamp);
}

/** The instant up to which wakes run before the work: never before the clock. */
function stampOf(p: Partition, work: Work): number {
  return work.stamp > p.clock ? work.stamp : p.clock;
}

function moveClock(p: Partition, stamp: number): void {
  if (stamp > p.clock) p.clock = stamp;
}

/** Ticks, and what other partitions say of their customers, move the clock too; an event behind them has not gone back. */
function followStamps(p: Partition, stamp: number): void {
  if (stamp > p.newestStamp) p.newestStamp = stamp;
  else if (stamp < p.newestStamp) p.stats.stampsBackwards++;
}

function runWakes(p: Partition, upTo: number): Progress {
  for (;;) {
    const at = firstInstant(p.wakes);
    const id = firstCustomer(p.wakes);
    // What is in memory comes before all that is not: it runs first, however much of what is due is still to be read.
    if (id === undefined || at > upTo) return coversInstant(p.wakes, upTo) ? "done" : "wants wakes";
    if (isFull(p)) return "full";
    const customer = p.cache.get(id);
    if (customer === undefined) {
      if (!p.cache.complete) return "wants customers";
      dropFirst(p.wakes);
      continue;
    }
    // Only the entry that the index still holds counts; others were overtaken by an earlier one.
    if (customer.indexed === at && p.population !== null && isStale(p.population, customer)) {
      touch(p, customer);
      settleUnder(p, p.population.tables as Tables, customer);
      reindex(p, customer);
      continue; // something may be due earlier now
    }
    dropFirst(p.wakes);
    if (customer.indexed !== at) continue;
    customer.indexed = Infinity;
    p.pending.reindexed.add(customer); // the entry is used up, whether or not another one follows
    touch(p, customer);
    if (customer.wake <= at) {
      if (at > p.clock) p.clock = at;
      p.lateWakes.push(at);
      p.pending.wakes++;
      wakeUp(p, customer, p.clock);
      if (p.population !== null) markSettled(p.population, customer);
    }
    reindex(p, customer);
  }
}

/** So often in a row somebody may ask, when woken, to be woken at once: without a bound a fault of ours would never end. */
const MOST_AGAIN = 100;

export function wakeUp(p: Partition, customer: Customer, now: number): void {
  const joined = p.compiled.program.retain === null ? [] : (customer.extras?.joined ?? []);
  try {
    processWake(p.evaluator, customer, now);
    if (joined.length > 0 && !isKnown(customer)) release(placeOf(p), joined, null);
    p.again = customer.wake > now ? 0 : p.again + 1;
    if (p.again > MOST_AGAIN) throw new Error(`woken at ${now}, they are to be woken at ${customer.wake}, over and over`);
  } catch (error) {
    throw evaluationFailed(p, customer, error);
  }
}

type EventWork = Extract<Work, { k: "event" }>;
const hashed = { high: 0, low: 0 };

/** `said`: it had come for somebody else, and was said on. */
function happen(p: Partition, customer: Customer, work: EventWork, said: { readonly from: string; readonly hops: number } | null = null): void {
  const passedOver = p.tombstones.all.size === 0 ? null : ofBefore(p, work);
  if (passedOver !== null) {
    countEvent(p.stats, work.plan.name, passedOver);
    return;
  }
  if (customer.movedTo !== null) {
    const { plan, data, id, source } = work;
    sayOn(placeOf(p), customer, { plan, data, id, source, time: ownTime(p, work) }, dataOf(work.from), said?.from ?? customer.id, said?.hops ?? 0);
    countEvent(p.stats, plan.name, "processed");
    return;
  }
  hash64OfPair(work.source, work.id, hashed);
  if (p.population !== null && isStale(p.population, customer)) {
    touch(p, customer);
    settleUnder(p, p.population.tables as Tables, customer);
    reindex(p, customer);
  }
  // Until the other customer has come, it has not happened.
  const joins = work.plan.isIdentification && anonymousOf(work.data) !== customer.id;
  if (joins ? knowsEvent(customer, hashed.high, hashed.low) : seenBefore(customer, hashed.high, hashed.low)) {
    countEvent(p.stats, work.plan.name, "duplicate");
    return;
  }
  if (joins && identified(placeOf(p), customer, { plan: work.plan, data: work.data, time: ownTime(p, work), id: work.id, source: work.source }, dataOf(work.from))) return;
  touch(p, customer);
  const overflows = p.evaluator.x.overflows;
  const event = { plan: work.plan, data: work.data, time: ownTime(p, work), id: work.id, source: work.source };
  const before = p.pending.messages.length;
  const joined = work.plan.isErasure ? (customer.extras?.joined ?? []) : [];
  try {
    processEvent(p.evaluator, customer, event, p.clock);
  } catch (error) {
    throw evaluationFailed(p, customer, error);
  }
  if (work.plan.isErasure) {
    if (joined.length > 0) release(placeOf(p), joined, event.time);
    p.pending.erased.set(work.customer, before);
    buryCustomer(p.tombstones, work.customer, work.sequence, event.time, requestKey(work.source, work.id));
  }
  if (p.population !== null) markSettled(p.population, customer);
  p.stats.windowOverflows += p.evaluator.x.overflows - overflows;
  countEvent(p.stats, work.plan.name, "processed");
  reindex(p, customer);
}

/** What becomes of an event that is of before its customer's erasure; null: it is not. */
function ofBefore({ tombstones, clock }: Partition, { plan, customer, sequence, source, id, stamp, time, timeRefused }: EventWork): EventOutcome | null {
  if (plan.isErasure) return isRepeated(tombstones, customer, sequence, requestKey(source, id)) ? "duplicate" : null;
  const own = timeRefused || time === null ? (Number.isNaN(stamp) ? clock : stamp) : time;
  return isLate(tombstones, customer, sequence, own) ? "erased" : null;
}

/** The partition, as joining customers needs it. */
function placeOf(p: Partition): Place {
  return {
    compiled: p.compiled, evaluator: p.evaluator, words: p.words, clock: p.clock, causeSequence: p.causeSequence,
    touch: (customer) => touch(p, customer),
    changed(customer) {
      if (p.population !== null) markSettled(p.population, customer);
      reindex(p, customer);
    },
    current(customer) {
      if (p.population === null || !isStale(p.population, customer)) return;
      touch(p, customer);
      settleUnder(p, p.population.tables as Tables, customer);
      reindex(p, customer);
    },
    evaluate(customer, what) {
      const overflows = p.evaluator.x.overflows;
      try {
        what();
      } catch (error) {
        throw evaluationFailed(p, customer, error);
      }
      p.stats.windowOverflows += p.evaluator.x.overflows - overflows;
    },
    happen(customer, { plan, data, time, id, source }, sent, from, hops) {
      const work = { k: "event", sequence: p.causeSequence, arrived: p.causeStamp, stamp: p.clock, plan, customer: customer.id, data, time, timeRefused: false, id, source, from: sent } as const;
      happen(p, customer, work, { from, hops });
    },
    seen(customer, source, id) {
      hash64OfPair(source, id, hashed);
      return seenBefore(customer, hashed.high, hashed.low);
    },
    bury(reason, detail, type, customer, event) {
      const subject = eventSubject(type, customer);
      bury(p, { k: "dead", sequence: p.causeSequence, arrived: p.causeStamp, stamp: p.clock, reason, detail, type, subject, body: Buffer.from(JSON.stringify(event)) });
    },
    counted: (type, outcome) => countEvent(p.stats, type, outcome),
    weighs(characters) { p.pending.weight += characters; },
    isErased: (customer, sequence, time) => isLate(p.tombstones, customer, sequence, time),
    erasedAt: (customer) => p.tombstones.all.get(tombstoneKey(customer))?.instant ?? null,
    erased(customer, at) {
      p.pending.erased.set(customer, p.pending.messages.length);
      // By no record of their own.
      buryCustomer(p.tombstones, customer, 0, at, "");
    },
  };
}

/** A fault in the evaluation must not bring down the process, which would begin at the very same place again. */
export function evaluationFailed(p: Partition, customer: Pick<Customer, "id">, error: unknown): EvaluationFailed | StateCorrupt {
  if (error instanceof StateCorrupt) return error; // a part of the customer that was not read before
  const reason = error instanceof Error ? error.message : String(error);
  return new EvaluationFailed(
    `partition ${p.options.index}: customer ${JSON.stringify(customer.id)} could not be evaluated at record ${p.causeSequence} of the log (${reason}). ` +
    "This is a fault in Eddy: please report it with the rules. The partition stands still; nothing of this record was committed",
    { cause: error },
  );
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
  countEvent(p.stats, p.compiled.events.get(work.type)?.name ?? "other", "dead");
  p.buried.set(work.reason, { detail: work.detail, subject: work.subject, sequence: work.sequence });
  say(p, { message: deadMessage(p.options.index, work, p.clock), cause: work.sequence, stamp: work.arrived, isAction: false });
}

export function countEvent(stats: EngineStats, type: string, outcome: EventOutcome): void {
  let counted = stats.events.get(type);
  if (counted === undefined) stats.events.set(type, (counted = { processed: 0, unmentioned: 0, duplicate: 0, erased: 0, dead: 0 }));
  counted[outcome]++;
}

export function touch(p: Partition, customer: Customer): void {
  if (customer.dirty) return;
  customer.dirty = true;
  p.pending.customers.push(customer);
  p.pending.weight += customer.packedBytes;
}

/** Keeps the index no later than the wake. A later wake leaves an early entry behind, which is a hint and no harm. */
export function reindex(p: Partition, customer: Customer): void {
  if (customer.wake >= customer.indexed) {
    // Of a customer who is forgotten no entry may stay either: nobody would ever come to use it up.
    if (!isKnown(customer) && customer.indexed !== Infinity) {
      customer.indexed = Infinity;
      p.pending.reindexed.add(customer);
    }
    return;
  }
  customer.indexed = customer.wake;
  p.pending.reindexed.add(customer);
  if (customer.wake !== Infinity) addWake(p.wakes, customer.wake, customer.id);
}

const nobodyYet = (compiled: Compiled, id: string): Customer => newCustomer(id, zoneOfProfile(compiled, {}));

/** Somebody of whom nothing is known yet. */
export function admit(p: Partition, id: string): Customer {
  const customer = nobodyYet(p.compiled, id);
  p.cache.put(customer);
  return customer;
}

// ---------------------------------------------------------------------------------------------------- all customers

/** Every midnight up to the stamp has been drawn up when it is done; with a store, the last of several stands for all. */
function passMidnights(p: Partition, population: Population, stamp: number): Progress {
  const today = Math.floor(stamp / DAY_MS);
  if (today <= population.midnight || !population.ranks) return "done";
  if (p.cache.complete) return passInMemory(p, population, today);
  if (!population.swept || isUnjoined(p.joining)) return "wants sweep";
  const waking = runWakes(p, today * DAY_MS);
  if (waking !== "done") return waking;
  p.clock = Math.max(p.clock, today * DAY_MS);
  return "wants counts";
}

function passInMemory(p: Partition, population: Population, today: number): Progress {
  while (population.midnight < today) {
    // Where nobody's reading has changed, nothing is new before somebody is woken.
    const due = Math.ceil(firstInstant(p.wakes) / DAY_MS);
    const day = population.memoryChanged ? population.midnight + 1 : Math.min(today, Math.max(population.midnight + 1, due));
    const waking = runWakes(p, day * DAY_MS);
    if (waking !== "done") return waking;
    p.clock = Math.max(p.clock, day * DAY_MS);
    if (!drawUpInMemory(population, day)) continue;
    for (const customer of p.cache.all()) {
      if (!isStale(population, customer)) continue;
      touch(p, customer);
      settleUnder(p, population.tables as Tables, customer);
      reindex(p, customer);
    }
  }
  return "done";
}

/**
 * Settles a customer under the tables in force, at the instant of their adoption, however long ago that is: what they
 * bring about up to now follows, each at its own instant, as if it had been done then.
 */
function settleUnder(p: Partition, tables: Tables, customer: Customer): void {
  try {
    processFigures(p.evaluator, customer, tables.at, tables.day);
  } catch (error) {
    throw evaluationFailed(p, customer, error);
  }
  while (customer.wake <= p.clock) wakeUp(p, customer, Math.max(customer.wake, tables.at));
  if (customer.extras !== null) customer.extras.figuresOf = tables.day;
}

/** A page of the partition's customers as the store had them, and what their bytes mean. */
export interface SweepPage {
  readonly states: readonly (readonly [customer: string, state: Uint8Array])[];
  readonly read: (id: string, state: Uint8Array) => Customer;
  readonly isAsStored: (customer: Customer, state: Uint8Array) => boolean;
}

/**
 * Settles the customers of a page who are not yet settled under the tables in force. The store may be behind memory:
 * whom memory knows is taken from there. Who comes out as they were is not written again; doing it a second time
 * would change nothing either.
 */
export function sweepPage(p: Partition, { states, read, isAsStored }: SweepPage): void {
  const { population } = p;
  if (population === null || population.tables === null) return;
  p.causeSequence = p.offset;
  p.causeStamp = 0;
  const { tables } = population;
  // Looked up before anything is put into the cache, which may then forget others who are newer than the page.
  const known = states.map(([id]) => p.cache.peek(id));
  states.forEach(([id, state], i) => {
    const customer = known[i] ?? read(id, state);
    if (!isStale(population, customer)) return;
    const before = customer.extras?.figuresOf ?? 0;
    const said = p.pending.messages.length;
    settleUnder(p, tables, customer);
    if (known[i] === undefined && p.pending.messages.length === said && customer.extras !== null) {
      customer.extras.figuresOf = before;
      if (isAsStored(customer, state)) return;
      customer.extras.figuresOf = tables.day;
    }
    if (p.cache.peek(id) !== customer) p.cache.put(customer);
    touch(p, customer);
    reindex(p, customer);
  });
  p.cache.rest();
}

// ---------------------------------------------------------------------------------------------------- what is pending

/**
 * Puts new lists in the place of empty ones, when a batch begins. Lists that have waited for it are in the old generation of
 * the heap by then, and what is put into one there is carried into it too, and stays after the list is gone, until the next
 * full collection: every customer and message would [half of what survived young collections, a quarter of all the time].
 */
export function renewPending(p: Partition): void {
  const { customers, reindexed, segments, messages, erased, counts, records, wakes, weight, arrivals } = p.pending;
  const held = customers.length + reindexed.size + segments.size + messages.length + erased.size + counts.size + arrivals.length;
  if (held === 0 && records === 0 && wakes === 0 && weight === 0) p.pending = emptyPending();
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
