/**
 * Where filling a change from history has ended. A field of each partition's meta in the scope says that it has taken the marker of
 * the change; a field that all partitions of the scope share says that all have, and that nobody has anything to say to another any
 * more: the states are then those of the new program at that place of the log, and nothing is ever written there again.
 */
import type { MetaFields, StateStore } from "../ports.js";

/** The scope in which changes of rules are filled. */
export const FILL_SCOPE = "fill";

export interface EndedAt {
  /** Id of the change. */
  readonly change: string;
  /** The marker, as the log of the stream counts. */
  readonly sequence: number;
}

const FIELD = "ended";

export const endedField = ({ change, sequence }: EndedAt): MetaFields => ({ [FIELD]: `${change}:${sequence}` });

/** Null: it has not come to any marker yet. */
export function readEnded(fields: MetaFields): EndedAt | null {
  const parts = /^(.+):(\d+)$/.exec(fields[FIELD] ?? "");
  return parts === null ? null : { change: parts[1] as string, sequence: Number(parts[2]) };
}

/** Shared by the partitions of the scope: id of the change that is filled. */
export const FILLED_FIELD = "filled";

/** Whether a change is filled: a partition may go over to it as soon as it comes to the marker at which its filling has ended. */
export async function isFilled(scope: Pick<StateStore, "shared">, change: string): Promise<boolean> {
  return (await scope.shared([FILLED_FIELD]))[0] === change;
}

/** Up to which marker a partition is filled; "nothing": nowhere near any. Null: the change as a whole is not filled yet. */
export async function filledUpTo(scope: Pick<StateStore, "shared" | "meta">, change: string, partition: number): Promise<number | "nothing" | null> {
  if (!await isFilled(scope, change)) return null;
  const ended = readEnded((await scope.meta(partition)).meta);
  return ended?.change === change ? ended.sequence : "nothing";
}
