/** Whether the partition is still this process's, and the store still as this process left it. */
import { insist } from "./environment.js";
import { StoreUnavailable } from "./ports.js";
import type { WorkerParts } from "./worker.js";

/** Another process has claimed the partition. */
export class OwnershipLost extends Error { override readonly name = "OwnershipLost"; }
/** The store is older than what was committed to it (or than what was published). */
export class StoreMoved extends Error { override readonly name: string = "StoreMoved"; }
/** The output stream is not as it was left. Opened anew, the partition mends it, or says what happened and what the choices are. */
export class OutputsMoved extends StoreMoved { override readonly name = "OutputsMoved"; }

/** Failures of the store that pass. */
export const passes = (error: unknown): boolean => error instanceof StoreUnavailable;

export type Owner = Pick<WorkerParts, "store" | "environment" | "signal" | "writer"> & { readonly partition: { readonly options: { readonly index: number } } };

/** The number of the last commit in the store. Rejects where another writer has the partition. */
export async function ownCommits({ partition, store, environment, signal, writer }: Owner): Promise<number> {
  const { index } = partition.options;
  const { number, writer: owner } = await insist(environment, signal, "asking whose the partition is", passes, () => store.meta(index));
  if (owner?.epoch === writer.epoch && owner.token === writer.token) return number;
  // Epochs fall only where the store went back to before this writer's claim.
  if (owner !== null && owner.epoch >= writer.epoch) throw takenOver(index);
  throw new StoreMoved(`partition ${index}: the store went back to before this process took the partition`);
}

export const takenOver = (index: number): OwnershipLost => new OwnershipLost(`partition ${index}: another Eddy process has taken it over`);
