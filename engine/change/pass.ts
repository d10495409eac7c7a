/**
 * After a change of rules every customer of a partition is joined with what is new in them (join.ts), each once: whoever is touched,
 * before anything else happens to them, the others page by page beside the live work. What comes out does not depend on when it
 * is done: a customer is joined at the instant of the switch, and what that brings about up to now follows, each at its own instant.
 *
 * While it lasts the cache holds only customers who have been joined, so nobody else needs to ask: `takeLoaded` and `joinPage` are the
 * only ways in. No midnight is drawn up, no tables of percentiles are adopted and no further change of rules is begun before all
 * are joined.
 *
 * Where there are filled states, they come first: those of whom the live states know nothing are among them. Until all of them are
 * joined, a customer who is forgotten leaves a tombstone or a note behind, so that the filled state does not bring them back.
 */
import { StateCorrupt } from "../codec.js";
import { newCustomer, isKept, type Customer } from "../customer.js";
import { insist } from "../environment.js";
import { RULES_CAUSE, changeId, zoneOfProfile } from "../evaluate.js";
import { changeMessage } from "../outputs.js";
import { passes } from "../ownership.js";
import { evaluationFailed, reindex, touch, wakeUp, type Partition } from "../partition.js";
import { supply } from "../supplying.js";
import { leaveGone, say } from "../partition-sink.js";
import { markSettled } from "../population/population.js";
import type { Keeping } from "../population/keeping.js";
import type { StateStore } from "../ports.js";
import { layoutNumber, readCustomer, type Translation } from "../state.js";
import { nextPage } from "../sweep.js";
import { MOST_TOMBSTONES, tombstoneKey } from "../tombstones.js";
import { join, joinPlan, type JoinPlan } from "./join.js";
import { joiningField, type JoiningField } from "./joining-field.js";

type Translations = ReadonlyMap<number, Translation>;

/** States that the new program made of the whole history, and what becomes of them. */
export interface Filled extends Pick<StateStore, "load" | "scan"> {
  readonly translations: Translations;
  /** Removes the partition's. May be done again. */
  drop(): Promise<void>;
}

export interface Joining {
  field: JoiningField;
  readonly translations: Translations;
  /** Null: there are none, or they are not needed any more. */
  readonly filled: Filled | null;
  /** By number of the layout of a live state. */
  readonly plans: Map<number, JoinPlan>;
  /** Null: nobody removes the filled states yet. */
  clearing: "under way" | "done" | null;
  /** Customers of a page. */
  page: number;
}

/** All partitions of a process take turns: whoever waits for an event waits for a page of each at most. */
const PAGE_SECONDS = 0.001;
const LEAST_PAGE = 8;
/** Of the time so much is left to the live work. */
const LEFT_TO_OTHERS = 2;
/** Pages are small; so many customers are worth a commit of their own. */
const WORTH_A_COMMIT = 64;

export const newJoining = (field: JoiningField, translations: Translations, filled: Filled | null): Joining => ({ field, translations, filled, plans: new Map(), clearing: null, page: LEAST_PAGE });

/**
 * Who is forgotten must be known to have been known: by a note, where no tombstone tells (engine/tombstones.ts), which keeps no id
 * in clear, or where there are so many tombstones that it may be dropped soon. Null: nobody.
 */
export function notesForgotten({ joining, tombstones: { all } }: Partition): ((customer: string) => boolean) | null {
  return joining?.field.phase === "filled" ? (customer) => all.size > MOST_TOMBSTONES / 2 || !all.has(tombstoneKey(customer)) : null;
}

/** What history knows of them is of before their erasure. */
const isErasedSince = ({ tombstones: { all } }: Partition, { behind }: JoiningField, customer: string): boolean =>
  all.size > 0 && (all.get(tombstoneKey(customer))?.sequence ?? 0) > behind;

/** Whether there is something to do for the pass. */
export const isJoining = ({ joining }: Partition): boolean => joining !== null && (joining.field.phase !== "clearing" || joining.clearing !== "under way");

// ---------------------------------------------------------------------------------------------------- one customer

const isJoined = (j: Joining, stored: Uint8Array): boolean => layoutNumber(stored) >= j.field.layout;

/** Joins a customer who is not in memory and has not been joined; who is unknown to both stays so. */
function joinOne(p: Partition, j: Joining, id: string, stored: Uint8Array | null, filledState: Uint8Array | null): void {
  const { compiled } = p;
  const plan = stored === null ? null : planOf(p, j, stored);
  const live = stored === null || plan === null ? null : readCustomer(id, stored, new Map([[layoutNumber(stored), plan.translation]]), compiled);
  const filled = filledState === null || j.filled === null || (stored === null && isErasedSince(p, j.field, id)) ? null : readCustomer(id, filledState, j.filled.translations, compiled);
  if ((live === null || !isKept(live)) && (filled === null || filled.firstSeen === Infinity)) {
    if (stored !== null) putChanged(p, nobody(p, id));
    return;
  }
  const { at, change } = j.field;
  const { customer, left } = joined(p, id, () => join(p.evaluator, plan, live, filled, at, change));
  if (customer.movedTo === null) {
    for (const segment of left) leave(p, customer, segment, j.field);
    if (p.population !== null) markSettled(p.population, customer);
    while (customer.wake <= p.clock) wakeUp(p, customer, Math.max(customer.wake, at));
  }
  putChanged(p, customer);
}

function putChanged(p: Partition, customer: Customer): void {
  p.cache.put(customer);
  touch(p, customer);
  reindex(p, customer);
}

function joined<T>(p: Partition, id: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw evaluationFailed(p, { id }, error);
  }
}

function planOf(p: Partition, j: Joining, stored: Uint8Array): JoinPlan {
  const number = layoutNumber(stored);
  let plan = j.plans.get(number);
  if (plan !== undefined) return plan;
  const translation = j.translations.get(number);
  if (translation === undefined) throw new StateCorrupt(`a state refers to layout ${number}, which the partition does not have`);
  j.plans.set(number, (plan = joinPlan(translation, p.compiled)));
  return plan;
}

/** The segment is gone, and so is who was in it. */
function leave(p: Partition, { id: customer }: Customer, segment: string, { at, change }: JoiningField): void {
  const id = changeId(customer, segment, `${RULES_CAUSE}/${change}`, 0);
  const message = changeMessage(p.options.index, { customer, at, segment: -1, entered: false, cause: RULES_CAUSE, id, backfilled: true }, segment);
  say(p, { message, cause: p.causeSequence, stamp: p.causeStamp, isAction: false });
  leaveGone(p, segment, customer);
}

// ---------------------------------------------------------------------------------------------------- who is touched

/** Customers that were not in memory, as the store has them: joined first where they have not been. */
export async function takeLoaded({ parts }: Pick<Keeping, "parts">, ids: readonly string[], states: readonly (Uint8Array | null)[]): Promise<void> {
  const { partition, environment, signal } = parts;
  const j = partition.joining;
  if (j === null) return ids.forEach((id, i) => supply(partition, id, states[i] ?? null));
  const waiting = ids.filter((_, i) => isToBeJoined(j, states[i] ?? null));
  const filled = j.field.phase !== "filled" || j.filled === null || waiting.length === 0 ? []
    : await insist(environment, signal, "loading filled customers", passes, () => (j.filled as Filled).load(partition.options.index, waiting));
  const filledOf = new Map(waiting.map((id, i) => [id, filled[i] ?? null]));
  partition.causeSequence = partition.offset;
  partition.causeStamp = 0;
  ids.forEach((id, i) => {
    const state = states[i] ?? null;
    if (isToBeJoined(j, state)) joinOne(partition, j, id, state, filledOf.get(id) ?? null);
    if (!partition.cache.has(id)) supply(partition, id, state);
  });
}

function isToBeJoined(j: Joining, state: Uint8Array | null): boolean {
  return state === null ? j.field.phase === "filled" : !isJoined(j, state);
}

// ---------------------------------------------------------------------------------------------------- everybody else

/** Joins the next page of customers. `send` commits what is pending. */
export async function joinPage(s: Keeping, send: () => Promise<void>): Promise<void> {
  const { partition, store, environment, signal, sizes } = s.parts;
  const j = partition.joining;
  if (j === null) return;
  const { phase } = j.field;
  if (phase === "clearing") {
    if (j.clearing === null) startClearing(s, j);
    else if (j.clearing === "done") await goOn(s, j, send);
    return;
  }
  const index = partition.options.index;
  const page = await nextPage(s.sweeping, phase === "filled" && j.filled !== null ? j.filled : store, { partition: index, limit: Math.min(j.page, sizes.sweepPage), environment, signal });
  if (page === null) return;
  // Looked up before anything is put into the cache, which may then forget others who are newer than the page.
  const others = page.states.filter(([id]) => !partition.cache.has(id));
  const here = phase === "live" ? page.states.filter(([id, state]) => state.length <= LARGEST_NOTE && partition.cache.has(id)) : [];
  const live = phase === "live" ? others.map(([, state]) => state)
    : others.length === 0 ? [] : await insist(environment, signal, "loading customers", passes, () => store.load(index, others.map(([id]) => id)));
  if (s.sweeping.anew) return; // asked of the store as it was before
  const started = environment.seconds();
  partition.causeSequence = partition.offset;
  partition.causeStamp = 0;
  // Notes of those who were forgotten are not needed any more.
  for (const [id] of here) {
    const customer = partition.cache.peek(id);
    if (customer !== undefined && !isKept(customer)) touch(partition, customer);
  }
  others.forEach(([id, state], i) => {
    const stored = live[i] ?? null;
    if (isToBeJoined(j, stored)) joinOne(partition, j, id, stored, phase === "filled" ? state : null);
    else if (phase === "live" && stored !== null && isForgotten(partition, j, id, stored)) putChanged(partition, nobody(partition, id));
  });
  pace(s, j, environment.seconds() - started);
  if (page.cursor === null) await goOn(s, j, send);
  else if (partition.pending.customers.length >= Math.min(WORTH_A_COMMIT, sizes.sweepPage)) await send();
}

/** How long the next page is to take, and when it is due. */
function pace({ sweeping, parts: { environment, stats, sizes } }: Keeping, j: Joining, seconds: number): void {
  if (seconds > PAGE_SECONDS) j.page = Math.max(LEAST_PAGE, Math.floor(j.page / 2));
  else if (seconds < PAGE_SECONDS / 2) j.page = Math.min(sizes.sweepPage, j.page * 2);
  sweeping.after = environment.seconds() + seconds * LEFT_TO_OTHERS * stats.partitions.size;
}

const nobody = ({ compiled }: Partition, id: string): Customer => newCustomer(id, zoneOfProfile(compiled, {}));

function isForgotten(p: Partition, j: Joining, id: string, stored: Uint8Array): boolean {
  return stored.length <= LARGEST_NOTE && !isKept(readCustomer(id, stored, j.translations, p.compiled));
}

/** First byte, layout, and an empty text. */
const LARGEST_NOTE = 8;

/** A phase is over: that is committed with the last of it. */
async function goOn(s: Keeping, j: Joining, send: () => Promise<void>): Promise<void> {
  const { partition, environment } = s.parts;
  const { phase, filled } = j.field;
  const next = phase === "filled" ? "live" : phase === "live" && filled ? "clearing" : null;
  if (next === null) {
    partition.joining = null;
    environment.log("info", "all customers are as the new rules have them", { partition: partition.options.index });
  } else j.field = { ...j.field, phase: next };
  s.fieldsPending = { ...s.fieldsPending, ...joiningField(partition.joining?.field ?? null) };
  await send();
  if (next === "clearing") startClearing(s, j);
}

/** What stands in the way of removing may be gone after so long, at first and at most: a full disk, say. */
const REMOVE_AGAIN_MS = { least: 1000, most: 60_000 };

/** The filled states are removed beside the live work: there may be millions. Until they are, no further change of rules is begun. */
function startClearing(s: Keeping, j: Joining): void {
  const { environment, signal, partition } = s.parts;
  j.clearing = "under way";
  const clear = async (): Promise<void> => {
    await s.commitOnItsWay;
    for (let [isRemoved, pauseMs] = [false, REMOVE_AGAIN_MS.least]; !isRemoved; pauseMs = Math.min(2 * pauseMs, REMOVE_AGAIN_MS.most)) {
      if (signal.aborted) return;
      try {
        await insist(environment, signal, "removing filled customers", passes, () => j.filled?.drop() ?? Promise.resolve());
        isRemoved = true;
      } catch (error) {
        if (signal.aborted) return;
        environment.log("error", "what history was filled into cannot be removed; it is tried again, and until then the change of rules is not over", { partition: partition.options.index, reason: (error as Error).message, againInMs: pauseMs });
        await environment.pause(pauseMs, signal);
      }
    }
    if (signal.aborted) return;
    j.clearing = "done";
    s.work.ring();
  };
  // A commit that failed: the worker ends of it, and whoever opens the partition next does it again.
  clear().catch(() => undefined);
}

