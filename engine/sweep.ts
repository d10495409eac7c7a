/**
 * A walk over all customers beside the work that comes: a page at a time, in between batches. The place at which it stands is not
 * kept anywhere: whoever has been done is passed over when it begins anew, and after an interruption of the store, which may list its customers in
 * another order then, it does.
 */
import { insist, type Environment } from "./environment.js";
import { passes } from "./ownership.js";
import type { StateStore } from "./ports.js";

export interface Sweep {
  /** Where it goes on; null: at the beginning. */
  cursor: string | null;
  /** The store was away. */
  anew: boolean;
  /** The next page is not due before, by the clock that measures. */
  after: number;
  /** Somebody will ring for it. */
  rings: boolean;
}

export type Page = Awaited<ReturnType<StateStore["scan"]>>;

export const newSweep = (): Sweep => ({ cursor: null, anew: false, after: -Infinity, rings: false });

/** The next page; null: it was asked of the store as it was before. `cursor` null: it is the last. */
export async function nextPage(
  sweep: Sweep, store: Pick<StateStore, "scan">, { partition, limit, environment, signal }: { readonly partition: number; readonly limit: number; readonly environment: Environment; readonly signal: AbortSignal },
): Promise<Page | null> {
  if (sweep.anew) sweep.cursor = null;
  sweep.anew = false;
  const page = await insist(environment, signal, "reading customers", passes, () => store.scan(partition, sweep.cursor, limit));
  if (sweep.anew) return null;
  sweep.cursor = page.cursor;
  return page;
}
