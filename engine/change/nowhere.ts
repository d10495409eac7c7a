/**
 * An output log that takes everything and keeps nothing: for engines that work on history, or for a comparison, and must have no
 * effect outside. Whoever wants to know what would have gone out, listens.
 *
 * What a process before this one committed counts as published: a listener hears what this process commits.
 */
import type { Output, OutputLog, StateStore } from "../ports.js";
import { readMeta } from "../meta.js";

export type Listener = (partition: number, outputs: readonly Output[]) => void;

const IDENTITY = "nowhere";

export function nowhere(store: Pick<StateStore, "meta">, listener: Listener = () => undefined): OutputLog {
  /** By partition: the last that was taken. The store may have gone back behind it. */
  const taken = new Map<number, number>();
  return {
    identity: () => Promise.resolve(IDENTITY),
    async last(partition) {
      const committed = readMeta((await store.meta(partition)).meta).next - 1;
      return Math.min(taken.get(partition) ?? committed, committed);
    },
    publish(partition, outputs) {
      listener(partition, outputs);
      const last = outputs.at(-1)?.number ?? 0;
      taken.set(partition, last);
      return Promise.resolve(last);
    },
    read: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}
