/**
 * Where filling a partition from history has ended: a field of the partition's meta in the scope, set with the commit that takes
 * the marker of the change. Its states are then those of the new program at that place of the log, and nothing behind it is
 * ever taken in.
 */
import type { MetaFields, StateStore } from "../ports.js";

/** The scope in which changes of rules are filled. */
export const FILL_SCOPE = "fill";

export interface FilledTo {
  /** Id of the change. */
  readonly change: string;
  /** The marker, as the log of the stream counts. */
  readonly sequence: number;
}

const FIELD = "filled";

export const filledField = ({ change, sequence }: FilledTo): MetaFields => ({ [FIELD]: `${change}:${sequence}` });

/** Null: it has not come to any marker yet. */
export function readFilled(fields: MetaFields): FilledTo | null {
  const parts = /^(.+):(\d+)$/.exec(fields[FIELD] ?? "");
  return parts === null ? null : { change: parts[1] as string, sequence: Number(parts[2]) };
}

/** Whether a partition of the scope is filled up to the marker of that change. */
export async function isFilled(scope: Pick<StateStore, "meta">, partition: number, change: string): Promise<boolean> {
  return readFilled((await scope.meta(partition)).meta)?.change === change;
}
