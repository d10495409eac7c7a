/**
 * Another program beside the engine that works: a whole engine of it over the same log, with a place of its own in the store (a
 * scope) and no effect outside, and what the two say compared as they go (comparison.ts).
 *
 * It first reads history at a bounded rate, and goes on from there after a restart with the same rules. Then it follows the live
 * engine and each partition is compared from where it has caught up. It fails for itself alone: the live engine never waits
 * for it, and works on when the shadow has ended.
 */
import { fillLog, type FillStanding } from "../change/fill-log.js";
import { FillBusy, fillStore } from "../change/fill-store.js";
import { fillWords } from "../change/fill-words.js";
import { nowhere } from "../change/nowhere.js";
import { reservation } from "../change/reservation.js";
import type { Compiled } from "../compile/compiled.js";
import { startEngine } from "../engine.js";
import { insist, type Environment } from "../environment.js";
import type { Identity } from "../membership.js";
import { passes, type EngineOptions } from "../open-partition.js";
import type { EventLog, StateStore } from "../ports.js";
import { SIZES } from "../sizes.js";
import { engineStats, segmentSizes, type EngineStats } from "../stats.js";
import { compareEngines } from "./comparison.js";
import { EXAMPLES, type Side } from "./difference.js";
import { noTurns, ruleDifferences, whoseNames, type Few, type ProgramsDifference, type SegmentDifference } from "./history.js";

/** The scope in which a shadow has its state. */
export const SHADOW_SCOPE = "shadow";

export interface ShadowParts {
  /** The other program, and the one that the live engine is started with. */
  readonly compiled: Compiled;
  readonly live: Compiled;
  readonly log: EventLog;
  /** The live engine's store. */
  readonly store: StateStore;
  /** The scope, what removes all that it holds but who works there, and what removes all of it. */
  readonly scope: StateStore;
  readonly empty: () => Promise<void>;
  readonly drop: () => Promise<void>;
  readonly environment: Environment;
  /** What the live engine counts. */
  readonly stats: EngineStats;
  /** Records of history a second, until it has caught up. */
  readonly rate: number;
  readonly cacheCustomers: number;
  readonly identity?: Identity;
}

export interface ShadowReport extends ProgramsDifference {
  /** Hashes. */
  readonly programs: Readonly<Record<Side, string>>;
  readonly partitions: { readonly all: number; readonly compared: number };
  /** Records that both have taken while they were compared. */
  readonly records: number;
  /** Records that the shadow has still to read, as far as it knows. */
  readonly behind: number;
  /** Why it does not go on; null: it does. */
  readonly failure: string | null;
}

export interface Shadow {
  /** The live engine is to work on this store, and to be watched by this. */
  readonly store: StateStore;
  readonly watch: NonNullable<EngineOptions["watch"]>;
  report(): ShadowReport;
  /** What it has is kept, and gone on with by the next one of the same program; `forget`: it is removed, unless another process works there by then. */
  stop(forget: boolean): Promise<void>;
}

const LOOK_EVERY_MS = 500;
/** A partition is compared when it is no more records than this behind. */
const NEAR = 2000;
const SOURCE_FIELD = "source";
/** Nothing waits to be published. */
const LIMITS = { maxOutbox: Infinity, keepPublished: 0 };

export function startShadow(parts: ShadowParts): Shadow {
  const { compiled, live, environment, stats: liveStats, scope, store } = parts;
  const comparison = compareEngines({ old: store, new: scope });
  const ending = new AbortController();
  const stats = engineStats();
  let hasCaughtUp = false;
  let partitions = 0;
  let failure: string | null = null;
  const reserved = reservation({ scope, environment, identity: parts.identity, signal: ending.signal });

  const ended = run().finally(() => reserved.release()).catch((error: Error) => {
    failure = error instanceof FillBusy ? "another process has a shadow on this store already: one at a time" : error.message;
    environment.log("error", "the shadow has ended; the engine works on without it", { reason: failure });
  });

  /** One that was refused must not take away what the other one has: only whoever is alone there removes it. */
  async function remove(): Promise<void> {
    try {
      await reserved.take(() => Promise.resolve(true));
      // All that may take long, while others see that somebody is at it.
      await parts.empty();
      await reserved.lapse();
      await parts.drop();
    } catch (error) {
      await reserved.release();
      if (!(error instanceof FillBusy)) throw error;
    }
  }

  async function run(): Promise<void> {
    await insist(environment, ending.signal, "preparing the shadow", passes, prepare);
    const words = fillWords(partitions);
    const standing: FillStanding = { begun: 0, hasEnded: false };
    const log = fillLog({ log: parts.log, rate: () => (hasCaughtUp ? Infinity : parts.rate), words, standing, environment });
    const engine = startEngine(compiled, {
      log, outputs: nowhere(scope), store: comparison.hear("new", fillStore({ store: scope, identity: parts.identity, reserved, isUnderWay: () => Promise.resolve(true), words, standing, change: null, partitions })),
    }, {
      cacheCustomers: parts.cacheCustomers, limits: LIMITS, partitions, sizes: { ...SIZES, idleAhead: 0 }, watch: comparison.watch("new"),
      ...(parts.identity === undefined ? {} : { identity: parts.identity }),
    }, environment, stats);
    let broken: Error | null = null;
    void engine.ended.catch((error: Error) => { broken = error; }).finally(() => ending.abort());
    try {
      await follow();
    } finally {
      await engine.stop().catch((error: Error) => { broken ??= error; });
    }
    if (broken !== null) throw broken;
  }

  /** What the scope holds must be of this very program and log. */
  async function prepare(): Promise<void> {
    const info = await parts.log.info();
    partitions = info.partitions;
    const source = JSON.stringify({ program: compiled.program.hash, log: info.identity });
    // Those of a restart come back at once: who was killed is waited for.
    await reserved.take(() => Promise.resolve(false));
    const [before] = await scope.shared([SOURCE_FIELD]);
    if (before !== source) {
      await parts.empty();
      await scope.share({}, { [SOURCE_FIELD]: source });
    }
    environment.log("info", before === source ? "the shadow goes on where it was" : "the shadow begins with the oldest event", {
      program: compiled.program.hash, records: Math.max(0, info.last - info.first + 1), rate: parts.rate,
    });
    if (before !== source && info.first > 1) environment.log("warn", "the stream no longer has all events: what is older is unknown to the shadow, which differs for that alone", { oldest: info.first });
  }

  async function follow(): Promise<void> {
    while (!ending.signal.aborted) {
      await look().catch((error: unknown) => {
        if (!passes(error)) throw error;
      });
      await environment.pause(LOOK_EVERY_MS, ending.signal);
    }
  }

  async function look(): Promise<void> {
    const open = [...stats.partitions];
    for (const [index, { stopped }] of open) if (stopped !== null) throw new Error(`partition ${index} stands still: ${stopped}`);
    const { last } = await parts.log.info();
    let near = open.length === partitions;
    for (const [index, { offset }] of open) {
      if (last - offset > NEAR) near = false;
      else await comparison.begin(index);
    }
    if (near && !hasCaughtUp) environment.log("info", "the shadow has caught up: comparing", { partitions: comparison.comparing });
    hasCaughtUp ||= near;
  }

  return {
    store: comparison.hear("old", store),
    watch: comparison.watch("old"),
    report() {
      const before = comparison.compiled("old") ?? live;
      const [sizes, others] = [segmentSizes(liveStats), segmentSizes(stats)];
      const [turns, differing] = [comparison.turns(), comparison.differing()];
      const segments = new Map([...whoseNames(before.program.segments, compiled.program.segments)].map(([name, whose]): [string, SegmentDifference] => [name, {
        whose, members: { old: sizes.get(name) ?? 0, new: others.get(name) ?? 0 }, ...aloneOf(differing.get(name) ?? []), turns: turns.get(name) ?? noTurns(),
      }]));
      return {
        segments, rules: ruleDifferences(before, compiled, comparison.rules()),
        programs: { old: before.program.hash, new: compiled.program.hash },
        partitions: { all: partitions, compared: comparison.comparing }, records: comparison.records,
        behind: [...stats.partitions.values()].reduce((most, { lag }) => Math.max(most, lag), 0), failure,
      };
    },
    async stop(forget) {
      ending.abort();
      await ended;
      if (forget) await remove();
    },
  };
}

function aloneOf(partitions: readonly ReadonlyMap<string, Side>[]): { readonly entered: Few; readonly left: Few } {
  const few: Record<Side, Few> = { old: { count: 0, examples: [] }, new: { count: 0, examples: [] } };
  for (const customers of partitions) {
    for (const [customer, side] of customers) {
      few[side].count++;
      if (few[side].examples.length < EXAMPLES) few[side].examples.push(customer);
    }
  }
  return { entered: few.new, left: few.old };
}
