/** What the engine is given of the world beside its ports: clocks, randomness, pauses and a log. */

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface Environment {
  /** The wall clock, ms since 1970 UTC. */
  now(): number;
  /** A clock that never goes back, seconds; for measuring. */
  seconds(): number;
  /** A text that no other process has: the writer's token. */
  token(): string;
  /** Resolves after `ms`, or at once when the signal is aborted. */
  pause(ms: number, signal: AbortSignal): Promise<void>;
  log(level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Something that one loop waits for and another one says. Saying it while nobody waits is remembered once. */
export interface Bell {
  ring(): void;
  wait(): Promise<void>;
}

export function bell(): Bell {
  let rung = false;
  let waiting: (() => void) | null = null;
  return {
    ring() {
      if (waiting === null) {
        rung = true;
        return;
      }
      const wake = waiting;
      waiting = null;
      wake();
    },
    wait() {
      if (rung) {
        rung = false;
        return Promise.resolve();
      }
      return new Promise((resolve) => { waiting = resolve; });
    },
  };
}

const FIRST_PAUSE_MS = 20;
/** What has come back shall not be waited for much longer than its connection took. */
const LONGEST_PAUSE_MS = 1_000;

/**
 * Does it again, with growing pauses, so long as it fails in a way that passes. Any other failure, or the signal, ends
 * it: then the last failure is thrown.
 */
export async function insist<T>(
  environment: Environment, signal: AbortSignal, what: string, passes: (error: unknown) => boolean, attempt: () => Promise<T>,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (!passes(error) || signal.aborted) throw error;
      // Every partition asks for itself: a long outage is told of as it begins, not all along.
      const level = pauseMs === FIRST_PAUSE_MS ? "warn" : pauseMs < LONGEST_PAUSE_MS ? "info" : "debug";
      environment.log(level, `${what}: trying again`, { reason: (error as Error).message, afterMs: pauseMs });
      await environment.pause(pauseMs, signal);
      if (signal.aborted) throw error;
    }
  }
}
