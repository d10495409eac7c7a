/**
 * How far filling from history has come: a field that all partitions share in the main store, written about once a second by
 * whoever fills, for `eddy plan --status` and the metrics of the live engines. It goes when the change is over.
 */
import type { StateStore } from "../ports.js";

export interface FillProgress {
  /** Id of the change. */
  readonly change: string;
  /** Records of history and log that every partition has behind it, on average. */
  readonly done: number;
  /** Records that there are by now. */
  readonly total: number;
  /** Records a second, over the last while. */
  readonly rate: number;
  /** How many partitions have come to their marker, of how many. */
  readonly filled: number;
  readonly partitions: number;
  /** When it began, and when this was written: ms since 1970 by the clock of whoever fills. */
  readonly since: number;
  readonly at: number;
}

export const PROGRESS_FIELD = "filling";

/** Written longer ago than this, nobody fills any more: its process has ended or was killed. */
export const STALE_AFTER_MS = 15_000;

export const writeProgress = (progress: FillProgress): string => JSON.stringify(progress);

const FIELDS = ["done", "total", "rate", "filled", "partitions", "since", "at"] as const satisfies readonly (keyof FillProgress)[];

/** Null: it is nothing that can be understood; a person is only shown less. */
export function readProgress(text: string): FillProgress | null {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof FillProgress, unknown>> | null;
    return value !== null && typeof value === "object" && typeof value.change === "string" && FIELDS.every((name) => typeof value[name] === "number") ? (value as FillProgress) : null;
  } catch {
    return null;
  }
}

/** Null: nothing is being filled. */
export async function fillProgress(store: Pick<StateStore, "shared">): Promise<FillProgress | null> {
  const [text] = await store.shared([PROGRESS_FIELD]);
  return text === null || text === undefined ? null : readProgress(text);
}

/** Records still to be read. */
export const remaining = ({ done, total }: Pick<FillProgress, "done" | "total">): number => Math.max(0, total - done);

/** Seconds until it has caught up, as far as the rate tells; null: that cannot be said. */
export function secondsLeft(progress: Pick<FillProgress, "done" | "total" | "rate">): number | null {
  const left = remaining(progress);
  if (left === 0) return 0;
  return progress.rate > 0 ? left / progress.rate : null;
}
