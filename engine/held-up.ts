/**
 * Whose queue is full, and whether that holds others up: with one reading of the log for many partitions, the slowest would
 * set the pace of all.
 *
 * Being full is no fault: where the engine has more to do than it can, everybody's queue fills in turn and all are at work.
 * Others are held up where they stand idle, and nobody whose queue is not full gets anything done, most of the time.
 */
import type { Sizes } from "./sizes.js";
import type { Worker } from "./worker.js";

type Queued = Pick<Worker, "index" | "backlog" | "backlogBytes" | "idle">;
export type QueueSizes = Pick<Sizes, "queue" | "queueBytes">;

/** One partition's share of the bytes that may wait. */
const BYTES_SHARE = 1 / 4;
/** So much of a full queue is little enough to be offered more. */
const DRAINED_SHARE = 1 / 4;
/** Who took something so lately is at work. */
const AT_WORK_SECONDS = 0.05;
/** No pause between two looks tells more than this. */
const LONGEST_LOOK_SECONDS = 0.25;
/** Time in which others are at work outweighs time in which they are held up. */
const RELIEF = 2;
const HELD_UP_SECONDS = 1;

export const isFull = ({ backlog, backlogBytes }: Queued, sizes: QueueSizes): boolean => backlog > sizes.queue || backlogBytes > sizes.queueBytes * BYTES_SHARE;

export const isDrained = ({ backlog, backlogBytes }: Queued, sizes: QueueSizes): boolean =>
  backlog <= sizes.queue * DRAINED_SHARE && backlogBytes <= sizes.queueBytes * BYTES_SHARE * DRAINED_SHARE;

/** What is known of some partitions that are read for together. */
export interface HeldUp {
  /** By partition, at the last look. */
  readonly backlogs: number[];
  lookedAt: number;
  tookAt: number;
  /** Seconds, less those in which they were not. */
  seconds: number;
}

export const heldUp = (now: number): HeldUp => ({ backlogs: [], lookedAt: now, tookAt: now, seconds: 0 });

/** After a look at `now`; `paused`: nothing is offered to any of them. Whether they have been held up for long enough. */
export function look(h: HeldUp, workers: readonly (Queued | null)[], paused: boolean, sizes: QueueSizes, now: number): boolean {
  const passed = Math.min(now - h.lookedAt, LONGEST_LOOK_SECONDS);
  h.lookedAt = now;
  let isAnyIdle = false;
  for (const worker of workers) {
    if (worker === null || isFull(worker, sizes)) continue;
    const { index, backlog } = worker;
    if (worker.idle) isAnyIdle = true;
    if (backlog !== (h.backlogs[index] ?? 0)) h.tookAt = now;
    h.backlogs[index] = backlog;
  }
  if (paused && isAnyIdle && now - h.tookAt >= AT_WORK_SECONDS) h.seconds += passed;
  else h.seconds = Math.max(0, h.seconds - RELIEF * passed);
  return h.seconds >= HELD_UP_SECONDS;
}

/** Who holds `workers` up: those of them that are full; where none is, whoever of `all` of the process holds the most bytes. */
export function holdingUp<W extends Queued>(workers: readonly (W | null)[], all: readonly (W | null)[], sizes: QueueSizes): W[] {
  const full = workers.filter((worker) => worker !== null && isFull(worker, sizes));
  if (full.length > 0) return full.filter((worker) => worker !== null);
  const most = all.reduce((one, other) => ((other?.backlogBytes ?? 0) > (one?.backlogBytes ?? 0) ? other : one), null);
  return most === null ? [] : [most];
}
