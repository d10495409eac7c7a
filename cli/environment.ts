/** The process as the engine sees it: clocks, randomness, pauses, the log. */
import { randomUUID } from "node:crypto";
import { setMaxListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";

import type { Environment } from "../engine/environment.js";
import type { Io } from "./io.js";
import type { Log } from "./logging.js";

export function engineEnvironment(io: Pick<Io, "now">, log: Log): Environment {
  return {
    now: io.now,
    seconds: () => performance.now() / 1000,
    token: randomUUID,
    pause,
    log: (level, message, fields) => log[level](message, fields),
  };
}

/** Resolves after that time, or as soon as the signal is aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  // Every partition pauses on the same signal; beyond ten listeners Node would tell the operator of a leak that is none.
  setMaxListeners(0, signal);
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Resolves as soon as the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
