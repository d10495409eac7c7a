/**
 * Carries a change of rules through, from whatever point it has come to: whoever does so may be killed at any instant, and
 * whoever does so next goes on from what the store says. Two at a time do no harm.
 *
 *     filling    history is read under the new program, until that is close behind
 *     switching  a marker for each partition is in the log; each goes over as its engine comes to it
 *     joining    each makes everybody's state the new program's, from what lived on and what was filled
 *     over       the new program is the one in force
 */
import { insist, type Environment } from "../environment.js";
import { LogFull, LogUnavailable, StoreUnavailable, type EventLog, type StateStore } from "../ports.js";
import { CURRENT_FIELD } from "./bundle.js";
import { beginSwitching, changeUnderWay, endChange, type Change } from "./change.js";
import { markerRecord } from "./marker.js";

/** Somebody else has brought the change to another end. */
export class ChangeLost extends Error { override readonly name = "ChangeLost"; }

/** History, read under the new program, beside the engine. */
export interface Filling {
  /** Resolves when it is so close behind the end of the log that partitions would not wait long for it. */
  near(): Promise<void>;
  /** Resolves when every partition of it has come to its marker. */
  filled(): Promise<void>;
  /** Once it is filled: whether it ends where the partitions go over. If not, history is to be read anew. */
  stands(): Promise<boolean>;
  /** Ends the reading; what was filled stays. */
  close(): Promise<void>;
}

export interface ApplyParts {
  readonly store: Pick<StateStore, "shared" | "share" | "meta">;
  readonly log: Pick<EventLog, "append">;
  readonly partitions: number;
  readonly environment: Environment;
  /** Ends it: what is under way stays so. */
  readonly signal: AbortSignal;
  /** Begins, or goes on, to read history; only for changes that need it. */
  readonly fill: (change: Change) => Promise<Filling>;
  /** Removes what was filled. */
  readonly clear: (change: Change) => Promise<void>;
  /** Whether an engine is there to take the change. */
  readonly isEngineAtWork: () => Promise<boolean>;
  readonly told: (progress: ApplyProgress) => void;
}

export type ApplyProgress =
  | { readonly k: "filling" }
  | { readonly k: "switching"; readonly switched: number; readonly partitions: number }
  | { readonly k: "joining"; readonly joined: number; readonly partitions: number };

/**
 * `waiting`: the markers are in the log, history is read up to them, and no engine is at work: whichever starts takes the change, and whoever
 * carries it through then ends it. `stopped`: by the signal.
 */
export type ApplyEnd = "done" | "waiting" | "stopped";

const LOOK_EVERY_MS = 50;
/** A marker that a partition has passed over, since the store had gone back at that moment, is followed by another. */
const MARK_AGAIN_SECONDS = 5;
const LOOK_FOR_ENGINE_SECONDS = 2;

interface Standing {
  /** Partitions that do not run the program yet. */
  readonly behind: readonly number[];
  /** Partitions that do, and whose customers are not all joined. */
  readonly joining: number;
  /** No partition has run any program yet. */
  readonly isNew: boolean;
}

const passes = (error: unknown): boolean => error instanceof StoreUnavailable || error instanceof LogUnavailable || error instanceof LogFull;

/** Throws ChangeLost. */
export async function carryThrough(parts: ApplyParts, change: Change): Promise<ApplyEnd> {
  const { environment, signal } = parts;
  const ask = <T>(what: string, attempt: () => Promise<T>): Promise<T> => insist(environment, signal, what, passes, attempt);
  const history: { filling: Filling | null } = { filling: null };
  try {
    const at = await ask("asking what the partitions run", () => standing(parts, change));
    // Whoever runs a program says so (`current`) before they begin.
    const isFirst = change.from === "" && at.isNew && !await ask("asking who is at work", parts.isEngineAtWork);
    if (change.fill && at.behind.length > 0 && !isFirst) {
      parts.told({ k: "filling" });
      history.filling = await parts.fill(change);
      await history.filling.near();
      if (signal.aborted) return "stopped";
    }
    const switching = change.phase === "switching" ? change : await ask("beginning to switch", () => switchingOf(parts, change));
    const end = isFirst ? "done" : await switchAll(parts, switching, history, ask);
    if (end !== "done") return end;
    if (change.fill) {
      await history.filling?.close();
      history.filling = null;
      // Whoever else carries it through may have ended it, and another change may be filling by now.
      const isOurs = (await ask("asking whether the change is under way", () => changeUnderWay(parts.store)))?.id === change.id;
      if (isOurs) await ask("removing what was filled", () => parts.clear(switching));
    }
    await ask("ending the change", () => over(parts, switching));
    return "done";
  } catch (error) {
    if (signal.aborted && passes(error)) return "stopped";
    throw error;
  } finally {
    await history.filling?.close();
  }
}

async function switchingOf({ store }: ApplyParts, change: Change): Promise<Change> {
  const switching = await beginSwitching(store, change);
  if (switching !== null) return switching;
  const now = await changeUnderWay(store);
  if (now?.id !== change.id || now.phase !== "switching") throw lost();
  return now;
}

/** The store may have gone back to before the switch; or to before the change, and then no marker ever counts. */
async function stillSwitching({ store }: ApplyParts, change: Change): Promise<void> {
  if (await beginSwitching(store, { ...change, phase: "filling" }) !== null) return;
  const [current] = await store.shared([CURRENT_FIELD]);
  if (current !== change.program) throw lost();
}

async function over({ store }: ApplyParts, change: Change): Promise<void> {
  if (await endChange(store, change)) return;
  const [current] = await store.shared([CURRENT_FIELD]);
  if (current !== change.program || (await changeUnderWay(store))?.id === change.id) throw lost();
}

export const lost = (): ChangeLost => new ChangeLost("the change of rules is not under way any more: somebody else has cancelled or ended it, or the store went back; run 'eddy apply' again");

/** `history`: what is being read; another where it has to be read anew. */
async function switchAll(parts: ApplyParts, change: Change, history: { filling: Filling | null }, ask: <T>(what: string, attempt: () => Promise<T>) => Promise<T>): Promise<ApplyEnd> {
  const { environment, signal, partitions, log, store } = parts;
  /** By partition: where its last marker stands. */
  const markers = new Map<number, { readonly sequence: number; readonly at: number; readonly attempt: number }>();
  let isFilled = history.filling === null;
  const failure: { of: unknown } | { of: null } = { of: null };
  const follow = (filling: Filling | null): void => {
    filling?.filled().then(() => { isFilled = true; }, (error: unknown) => { failure.of = error; });
  };
  follow(history.filling);
  let comparedAt = environment.seconds();
  let told = "";
  let lookedForEngineAt = environment.seconds();
  while (!signal.aborted) {
    if (failure.of !== null) throw failure.of;
    const { behind, joining } = await ask("asking what the partitions run", () => standing(parts, change));
    if (behind.length === 0 && joining === 0) return "done";
    const progress: ApplyProgress = behind.length > 0
      ? { k: "switching", switched: partitions - behind.length, partitions }
      : { k: "joining", joined: partitions - joining, partitions };
    if (told !== JSON.stringify(progress)) parts.told(progress);
    told = JSON.stringify(progress);
    const now = environment.seconds();
    // The log may have lost its end since, and with it where the filling has ended.
    if (isFilled && history.filling !== null && behind.length > 0 && now - comparedAt >= MARK_AGAIN_SECONDS) {
      comparedAt = now;
      const { filling } = history;
      if (!await ask("comparing what is filled with where the partitions stand", () => filling.stands())) {
        isFilled = false;
        told = "";
        parts.told({ k: "filling" });
        history.filling = null;
        await filling.close();
        history.filling = await parts.fill(change);
        await history.filling.near();
        follow(history.filling);
        continue;
      }
    }
    const unmarked: { readonly index: number; readonly attempt: number }[] = [];
    for (const index of behind) {
      const marker = markers.get(index);
      if (marker === undefined) unmarked.push({ index, attempt: 0 });
      else if (now - marker.at >= MARK_AGAIN_SECONDS) {
        const { meta } = await ask("asking how far a partition has come", () => store.meta(index));
        if (Number(meta["offset"] ?? 0) >= marker.sequence) unmarked.push({ index, attempt: marker.attempt + 1 });
      }
    }
    if (unmarked.some(({ attempt }) => attempt > 0)) await ask("asking whether the change is under way", () => stillSwitching(parts, change));
    if (unmarked.length > 0) {
      const appended = await ask("appending where the partitions go over", () => log.append(unmarked.map(({ index, attempt }) => markerRecord(change, index, attempt))));
      unmarked.forEach(({ index, attempt }, i) => markers.set(index, { sequence: appended[i]?.sequence ?? 0, at: now, attempt }));
    }
    if (now - lookedForEngineAt >= LOOK_FOR_ENGINE_SECONDS) {
      lookedForEngineAt = now;
      if (isFilled && !await ask("asking who is at work", parts.isEngineAtWork)) return "waiting";
    }
    await environment.pause(LOOK_EVERY_MS, signal);
  }
  return "stopped";
}

async function standing({ store, partitions }: ApplyParts, { program }: Change): Promise<Standing> {
  const metas = await Promise.all(Array.from({ length: partitions }, (_, index) => store.meta(index)));
  const behind = metas.flatMap(({ meta }, index) => (meta["program"] === program ? [] : [index]));
  return {
    behind, isNew: metas.every(({ meta }) => (meta["program"] ?? "") === ""),
    joining: metas.filter(({ meta }) => meta["program"] === program && (meta["joining"] ?? "") !== "").length,
  };
}
