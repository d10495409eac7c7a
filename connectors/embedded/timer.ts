/** Waiting, handed in so that tests run on a virtual clock. */

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
