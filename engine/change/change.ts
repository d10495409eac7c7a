/**
 * The change of rules that is under way: one at a time for all partitions, a field that they share. It is begun, brought
 * forward and ended by whoever applies it (`eddy apply`); every step compares before it sets, so that of two who do so at once one does,
 * and whoever is killed at whatever instant is followed by one who goes on from the field.
 *
 *     none  -> filling    only where history is read first
 *     none, filling -> switching    from now on markers are in the log, and there is no way back
 *     filling -> none     cancelled
 *     switching -> none   every partition runs the new program, which is `current` with the same step
 */
import { BundleUnreadable, CURRENT_FIELD, programField, storedBundle } from "./bundle.js";
import type { StateStore } from "../ports.js";

export interface Change {
  /** Random. */
  readonly id: string;
  /** Hash of the program that it leads to. */
  readonly program: string;
  /** Hash of the program that was in force when it began; empty: none. */
  readonly from: string;
  /** What is new is filled from history first. */
  readonly fill: boolean;
  readonly phase: "filling" | "switching";
  /** When it began, ms since 1970 by the clock of whoever began it. */
  readonly since: number;
}

export const CHANGE_FIELD = "change";

/** What the store says of a change is not what Eddy wrote, or what a newer one did. */
export class ChangeUnreadable extends Error { override readonly name = "ChangeUnreadable"; }

export function writeChange({ id, program, from, fill, phase, since }: Change): string {
  return JSON.stringify({ id, program, from, fill, phase, since });
}

/** Throws ChangeUnreadable. */
export function readChange(text: string): Change {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = null;
  }
  if (!isChange(value)) throw new ChangeUnreadable(`what the store says of the change of rules under way cannot be read (${text.slice(0, 200)}): run the version of Eddy that began it`);
  return value;
}

function isChange(value: unknown): value is Change {
  if (typeof value !== "object" || value === null) return false;
  const { id, program, from, fill, phase, since } = value as Partial<Record<keyof Change, unknown>>;
  return typeof id === "string" && typeof program === "string" && typeof from === "string" && typeof fill === "boolean" &&
    (phase === "filling" || phase === "switching") && typeof since === "number";
}

type Shared = Pick<StateStore, "shared" | "share">;

/** The change under way; null: none. Throws ChangeUnreadable. */
export async function changeUnderWay(store: Pick<StateStore, "shared">): Promise<Change | null> {
  const [text] = await store.shared([CHANGE_FIELD]);
  return text === null || text === undefined ? null : readChange(text);
}

/** False: another change is under way, or another program is in force than the one that it was made from. */
export function beginChange(store: Shared, change: Change, bundle: string): Promise<boolean> {
  return store.share({ [CHANGE_FIELD]: "", [CURRENT_FIELD]: change.from }, { [CHANGE_FIELD]: writeChange(change), [programField(change.program)]: bundle });
}

/** Null: it is not under way as it was any more. */
export async function beginSwitching(store: Shared, change: Change): Promise<Change | null> {
  const switching: Change = { ...change, phase: "switching" };
  return await store.share({ [CHANGE_FIELD]: writeChange(change) }, { [CHANGE_FIELD]: writeChange(switching) }) ? switching : null;
}

/** False: it was over, or has gone too far: markers may be in the log. Rules that were there before it, and are needed, stay. */
export async function cancelChange(store: Shared, change: Change): Promise<boolean> {
  if (change.phase !== "filling") return false;
  const [previous] = await store.shared([PREVIOUS_FIELD]);
  const isNeeded = [change.from, previous, ...await finishedIn(store, change.from)].includes(change.program);
  return store.share({ [CHANGE_FIELD]: writeChange(change) }, { [CHANGE_FIELD]: "", ...(isNeeded ? {} : { [programField(change.program)]: "" }) });
}

/** The programs whose rules a program finishes: without them it does not compile. */
async function finishedIn(store: Pick<StateStore, "shared">, hash: string): Promise<string[]> {
  return (await storedBundle(store, hash))?.finishing.map(({ from }) => from) ?? [];
}

/**
 * When every partition runs the program. The rules of before stay in the store, for whoever was left behind in them; those before these
 * go, with those that they finished, unless one of the two needs them. False: somebody else has ended it, or the store went back.
 */
export async function endChange(store: Shared, change: Change): Promise<boolean> {
  const [previous] = await store.shared([PREVIOUS_FIELD]);
  const kept = new Set([change.program, change.from, ...await finishedIn(store, change.program), ...await finishedIn(store, change.from)]);
  const gone = previous === null || previous === undefined ? [] : [previous, ...await finishedBefore(store, previous)].filter((hash) => !kept.has(hash));
  return store.share({ [CHANGE_FIELD]: writeChange(change), [CURRENT_FIELD]: change.from }, {
    [CHANGE_FIELD]: "", [CURRENT_FIELD]: change.program,
    ...(change.from === change.program ? {} : { [PREVIOUS_FIELD]: change.from }),
    ...Object.fromEntries(gone.map((hash) => [programField(hash), ""])),
  });
}

/** Of rules that are on their way out, and may be what this version of Eddy does not read. */
async function finishedBefore(store: Pick<StateStore, "shared">, hash: string): Promise<string[]> {
  try {
    return await finishedIn(store, hash);
  } catch (error) {
    if (error instanceof BundleUnreadable) return [];
    throw error;
  }
}

/** Hash of the program that was in force before. */
const PREVIOUS_FIELD = "previous";
