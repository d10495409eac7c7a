/**
 * On the broker's clock somebody must say that time has passed when no events do: when the earliest wake of a partition
 * is due and nothing of it is undelivered, a tick is appended to the log. A tick too many is harmless.
 */
import { timeText } from "./compile/runtime.js";
import type { Environment } from "./environment.js";
import { LogFull, LogUnavailable, type EventLog } from "./ports.js";
import { TICK_TYPE, tickSubject } from "./subjects.js";
import type { Worker } from "./worker.js";

/** A wake that an event has just made is noticed within this time. */
const LONGEST_NAP_MS = 25;
/** A tick whose stamp was before the deadline (the broker's clock is behind), or that got lost, is followed by another. */
const TICK_AGAIN_MS = 1000;
/** While a log is away, something is due again and again: that is said this often. */
const COMPLAIN_AGAIN_SECONDS = 10;

export interface Ticking {
  readonly log: EventLog;
  readonly environment: Environment;
  /** The partitions' workers that are at work. */
  readonly workers: () => Iterable<Worker>;
  /** Whether a partition was handed all that is in the log. */
  readonly isDelivered: (index: number) => boolean;
  readonly signal: AbortSignal;
}

/** Goes on until the signal. */
export async function tick(t: Ticking): Promise<void> {
  const told = new Map<number, { at: number; due: number }>();
  let complainAgain = -Infinity;
  const complain = (reason: string): void => {
    const seconds = t.environment.seconds();
    if (seconds < complainAgain) return;
    complainAgain = seconds + COMPLAIN_AGAIN_SECONDS;
    t.environment.log("warn", "the clock's tick could not be appended; it will be tried again", { reason });
  };
  while (!t.signal.aborted) {
    const now = t.environment.now();
    let soonest = now + LONGEST_NAP_MS;
    const late: number[] = [];
    for (const worker of t.workers()) {
      const due = worker.nextDue();
      if (due > now) {
        soonest = Math.min(soonest, due);
        continue;
      }
      const before = told.get(worker.index);
      const toldAlready = before !== undefined && before.due === due && now < before.at + TICK_AGAIN_MS;
      if (toldAlready || !worker.idle || !t.isDelivered(worker.index)) continue;
      told.set(worker.index, { at: now, due });
      late.push(worker.index);
    }
    if (late.length > 0) await append(t, late, now, complain);
    await t.environment.pause(Math.max(1, soonest - now), t.signal);
  }
}

async function append(t: Ticking, partitions: readonly number[], now: number, complain: (reason: string) => void): Promise<void> {
  try {
    await t.log.append(partitions.map((index) => ({
      subject: tickSubject(index),
      body: JSON.stringify({ specversion: "1.0", id: `${index}-${now}`, source: "eddy", type: TICK_TYPE, subject: String(index), time: timeText(now) }),
    })));
  } catch (error) {
    // A full log may have room again; until then time stands still, and everything else goes on.
    if (!(error instanceof LogUnavailable || error instanceof LogFull)) throw error;
    complain(error.message);
  }
}
