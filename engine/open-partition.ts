/** From a claim to a worker: what must be read and compared before a partition may go on. */
import { beginSwitching, type Change } from "./change/change.js";
import type { EndsAt } from "./change/end-at.js";
import { planJoining, type JoiningField } from "./change/joining-field.js";
import type { Marker } from "./change/marker.js";
import { newJoining, type Filled } from "./change/pass.js";
import type { Compiled } from "./compile/compiled.js";
import { insist, type Environment } from "./environment.js";
import type { Identity, Sharing } from "./membership.js";
import { readMeta, type Anchor, type Meta } from "./meta.js";
import type { Sink } from "./evaluator.js";
import { tablesTakenOver } from "./population/taking-over.js";
import { createPartition, type Partition } from "./partition.js";
import { supplyWakes, wantsWakes } from "./supplying.js";
import { LogMissing, LogUnavailable, StoreUnavailable, type EventLog, type LogInfo, type MetaFields, type OutputLog, type StateStore } from "./ports.js";
import { StoreMoved, ownCommits, takenOver } from "./ownership.js";
import { cannotContinue, outputsMissing } from "./continuity.js";
import { planOutputs, type OutputPlan } from "./output-plan.js";
import { CannotContinue, checkLog, goingOn, planLayouts } from "./recovery.js";
import { SIZES, type Sizes } from "./sizes.js";
import { unpackCustomer } from "./state.js";
import type { EngineStats } from "./stats.js";
import { startWorker, type Switch, type Worker, type WorkerLimits, type WorkerParts } from "./worker.js";

export interface Ports {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly outputs: OutputLog;
  /** Where a program that is filled from history has its state, as far as it has come; absent: nothing is filled here. */
  readonly filled?: Pick<StateStore, "shared" | "meta" | "load" | "scan">;
  /** Removes all that is there of a partition; may be done again. Absent: somebody else does. */
  readonly dropFilled?: (partition: number) => Promise<void>;
}

/** Where programs come from, other than the one that the engine was started with. */
export interface Programs {
  /** Null: nobody knows it. */
  compiled(hash: string): Promise<Compiled | null>;
  /** The change under way, as it stands now. */
  change(): Promise<Change | null>;
  /** Hash of the program in force; null: none is yet. */
  current(): Promise<string | null>;
}

export interface EngineOptions {
  /** Absent: whatever partitions ran before, from now on they run the engine's own program. */
  readonly programs?: Programs;
  /** It fills a change from history, and ends each partition there; absent: it ends nowhere. */
  readonly endsAt?: EndsAt;
  /** Asked as a partition is opened for somebody who is told all that its evaluation says, before it is committed. */
  readonly watch?: (opened: Opened) => Sink;
  /** Customers kept in memory, over all partitions. */
  readonly cacheCustomers: number;
  readonly limits: WorkerLimits;
  /** Other than usual in simulations only. */
  readonly sharing?: Sharing;
  /** What is known of this process and others beside the store. */
  readonly identity?: Identity;
  /** For how many partitions log and store were set up: a log of another number is another log. */
  readonly partitions?: number;
  /** Other than usual in simulations only. */
  readonly sizes?: Sizes;
}

/** A partition that is being opened. */
export interface Opened {
  readonly index: number;
  readonly compiled: Compiled;
  /** Records up to this one were processed before. */
  readonly offset: number;
  /** The record whose processing causes what is said now. */
  sequence(): number;
}

/** What all partitions of one session share. */
export interface Shared {
  /** The program of partitions that have none yet, or one that nobody knows any more. */
  readonly compiled: Compiled;
  /** By partition: what it runs. */
  readonly running: Map<number, Compiled>;
  readonly ports: Ports;
  readonly options: EngineOptions;
  readonly environment: Environment;
  readonly stats: EngineStats;
  readonly info: LogInfo;
  /** Ends patience while opening. */
  readonly stopping: AbortSignal;
}

/** What is one partition's own. */
export interface Holding {
  /** Ends the worker at once. */
  readonly signal: AbortSignal;
  /** The newest record up to which the log was handed out to it. */
  readonly seen: () => Anchor;
  /** Records of the log that have not been handed to it. */
  readonly unread: () => number;
}

/** As if the record had been taken: what comes next is behind it. */
function behindMarker(meta: Meta, { marker, clock }: Switch): Meta {
  return { ...meta, offset: marker.sequence, clock: Math.max(meta.clock, clock), anchors: [marker, ...meta.anchors] };
}

/**
 * A marker counts where its change is under way; and where that change is over, and this partition has been left behind (its store
 * went back, and that of what all share did not): then nothing is filled any more.
 *
 * A marker of a change that is still filling says that the store went back to before the switch. It is the place all the same, since
 * history is read up to it: so the change is brought forward again, unless somebody has cancelled it.
 */
function leading(programs: Programs | undefined, store: StateStore): Pick<WorkerParts, "leadsTo"> {
  if (programs === undefined) return {};
  return {
    async leadsTo({ change: id, program }: Marker) {
      const change = await programs.change();
      if (change !== null) return change.id !== id ? null : change.phase === "switching" ? change : beginSwitching(store, change);
      return await programs.current() === program ? { id, program, fill: false } : null;
    },
  };
}

/** A stream that is not found this often in a row, with growing pauses (some seconds in all), is gone. */
const MISSING_ATTEMPTS = 8;

/** Failures that pass: the same may be asked again. */
export const passes = (error: unknown): boolean => error instanceof StoreUnavailable || error instanceof LogUnavailable;

/**
 * `switching`: this process has just brought the partition to the place where it goes over to another program. Rejects with
 * CannotContinue, StateTooNew and their like where the partition must stand still.
 */
export async function openPartition(shared: Shared, index: number, holding: Holding, switching: Switch | null = null): Promise<Worker> {
  const { ports, options, environment, stats, info, stopping } = shared;
  const { sizes = SIZES } = options;
  const ask = <T>(what: string, attempt: () => Promise<T>): Promise<T> => insist(environment, stopping, what, passes, attempt);
  // One token for all attempts: a claim whose reply was lost is our own when it is made again.
  const token = environment.token();
  const claim = await ask(`claiming partition ${index}`, () => ports.store.claim(index, token));
  const stored = readMeta(claim.meta);
  if (switching !== null) isAtPlace(switching);
  const change = switching?.change ?? null;
  const compiled = await ask("reading the partition's program", () => programOf(change?.program ?? stored.program));
  const switched = change === null || switching === null || compiled.program.hash !== change.program ? null : switching;
  const meta = switched === null ? stored : behindMarker(stored, switched);
  // Asked anew: until the claim another process may have worked off events that this one had not heard of.
  await ask("comparing the event log", () => checkLog(index, stored, ports)).catch(certain);
  const outputPlan = await comparedOutputs().catch(certain);
  const number = await renumbered(outputPlan);
  if (switched === null && meta.program !== "" && meta.program !== compiled.program.hash) {
    environment.log("info", "the rules have changed since the partition last ran; what is new in them begins now", { partition: index });
  }
  const layouts = planLayouts(meta, compiled, switched?.change.fill === true ? true : undefined);
  const joining = planJoining(meta, layouts, compiled.program.hash, switched === null ? null : { change: switched.change.id, clock: switched.clock, fill: switched.change.fill });
  const filled = joining === null ? null : await filledOf(joining);
  const taken = switched === null || filled === null ? {} : tablesTakenOver(meta.fields, filled.fields, compiled.program.rankings);
  await countSegments();
  unlessDropped();
  const told: { by: Partition | null } = { by: null };
  const watch = options.watch?.({ index, compiled, offset: meta.offset, sequence: () => told.by?.causeSequence ?? meta.offset }) ?? null;
  const partition = told.by = createPartition(compiled, {
    index, clock: info.clock, cacheCustomers: Math.max(sizes.leastCache, Math.ceil(options.cacheCustomers / info.partitions)), partitions: info.partitions, sizes,
  }, stats, watch, { clock: meta.clock, offset: meta.offset, log: info.identity, fields: { ...goingOn(meta, layouts.figures), ...taken }, unpack: (id, bytes, from, to) => unpackCustomer(id, bytes, from, to, layouts.translations, compiled), joining: joining === null ? null : newJoining(joining, layouts.translations, filled?.states ?? null) });
  const after = wantsWakes(partition, meta.clock);
  if (after !== undefined) {
    const page = await ask("reading the wake index", () => ports.store.wakes(index, after, sizes.wakePage));
    supplyWakes(partition, page, page.length < sizes.wakePage);
  }
  unlessDropped();
  shared.running.set(index, compiled);
  return startWorker({
    partition, compiled, store: ports.store, outputs: ports.outputs, log: ports.log, environment, stats, clock: info.clock, limits: options.limits, sizes,
    ...holding, writer: claim.writer, number, meta, logIdentity: info.identity,
    layouts, outputPlan, endsAt: options.endsAt, ...leading(options.programs, ports.store), ...(switched === null ? {} : { switched: { fields: taken } }),
  });

  /** What the new program made of history. */
  async function filledOf({ filled }: JoiningField): Promise<{ readonly states: Filled; readonly fields: MetaFields } | null> {
    const store = ports.filled;
    if (!filled || store === undefined) return null;
    const { meta: fields } = await ask("reading what was filled", () => store.meta(index));
    const { translations } = planLayouts(readMeta(fields), compiled, false);
    const states: Filled = { translations, load: (partition, ids) => store.load(partition, ids), scan: (partition, cursor, limit) => store.scan(partition, cursor, limit), drop: async () => ports.dropFilled?.(index) };
    return { states, fields };
  }

  /** The records that were kept for it are those behind the marker: from elsewhere it must be read anew, or what lies between is lost or comes twice. */
  function isAtPlace({ number }: Switch): void {
    if (claim.number > number) throw takenOver(index);
    if (claim.number < number) throw new StoreMoved(`partition ${index}: the store went back while the partition waited to go over to other rules`);
  }

  async function programOf(hash: string): Promise<Compiled> {
    const { programs } = options;
    if (programs === undefined || hash === "" || hash === shared.compiled.program.hash) return shared.compiled;
    return (await programs.compiled(hash)) ?? shared.compiled;
  }

  /** What starts after that would be counted in place of what this process holds next. */
  function unlessDropped(): void {
    if (holding.signal.aborted) throw takenOver(index);
  }

  /** Nobody is called before it is sure that the store still says what the claim found. */
  async function certain(error: unknown): Promise<never> {
    if (!(error instanceof CannotContinue)) throw error;
    const number = await ownCommits({ partition: { options: { index } }, store: ports.store, environment, signal: stopping, writer: claim.writer });
    if (number !== claim.number) throw new StoreMoved(`partition ${index}: the store went back while the partition was opened`);
    throw error;
  }

  async function comparedOutputs(): Promise<OutputPlan> {
    let missing = 0;
    // A cluster that starts may not know a stream at first.
    const comesYet = (error: unknown): boolean => passes(error) || (error instanceof LogMissing && ++missing < MISSING_ATTEMPTS);
    try {
      return await insist(environment, stopping, "comparing the outputs", comesYet, () => planOutputs(index, meta, ports.store, ports.outputs, sizes));
    } catch (error) {
      throw error instanceof LogMissing ? cannotContinue(index, outputsMissing(index)) : error;
    }
  }

  /** The number of the last commit, when outputs that need it have new numbers. */
  async function renumbered({ notes, renumbered: change }: OutputPlan): Promise<number> {
    for (const note of notes) environment.log("warn", note, { partition: index });
    if (change === null) return claim.number;
    const commit = { partition: index, writer: claim.writer, number: claim.number + 1, states: [], wakes: [], segments: [], forget: 0, ...change };
    const answer = await ask("giving outputs new numbers", () => ports.store.commit(commit));
    if (answer === "lost") throw takenOver(index);
    if (answer === "moved") throw new StoreMoved(`partition ${index}: the store went back while the partition was opened`);
    return commit.number;
  }

  async function countSegments(): Promise<void> {
    const names = compiled.segments.map((segment) => segment.name);
    const sizes = await ask("counting segments", () => ports.store.segmentSizes(index, names));
    stats.segmentCustomers.set(index, new Map(names.map((name, i) => [name, sizes[i] ?? 0])));
  }
}
