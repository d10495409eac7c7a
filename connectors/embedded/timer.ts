/**
 * Waiting, handed in so that tests run on a virtual clock.
 *
 * Nothing here waits for a server, so a loop over these adapters would never let timers, signals and sockets have their
 * turn: every write, and every wait for records, therefore ends with one turn of the event loop (some microseconds).
 */

export interface Timer {
  /** Calls back once after that long; the answer calls it off. */
  after(ms: number, act: () => void): () => void;
}

export const systemTimer: Timer = {
  after(ms, act) {
    const handle = setTimeout(act, ms);
    return () => clearTimeout(handle);
  },
};

/** Resolves in the next turn of the event loop. */
export function anotherTurn(): Promise<void> {
  return new Promise((resolve) => { setImmediate(resolve); });
}
