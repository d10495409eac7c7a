/**
 * What a partition asks for, and is given, before it can do its work: customers that are not in memory, pages of the wake index; and
 * when it will next have something to do of itself. Who drives it asks the store (worker.ts), or has nothing to ask (replay.ts).
 */
import type { Work } from "./decode.js";
import { admit, type Partition } from "./partition.js";
import type { Wake } from "./ports.js";
import { addPage, addWake, coversInstant, earliestWakes, firstCustomer, firstInstant } from "./wakes.js";
import { DAY_MS } from "./zone.js";

/**
 * Customers that the next pieces of work will need and that are not in memory: those of the wakes that are due up to the
 * last stamp, and those of the events. At most `limit`.
 */
export function wanted(p: Partition, works: readonly Work[], limit: number): string[] {
  if (p.cache.complete) return [];
  const ids = new Set<string>();
  let upTo = p.clock;
  for (const work of works) {
    if (work.stamp > upTo) upTo = work.stamp;
    if ((work.k === "event" || work.k === "word") && ids.size < limit && !p.cache.has(work.customer)) ids.add(work.customer);
  }
  const first = firstCustomer(p.wakes);
  if (first !== undefined && firstInstant(p.wakes) <= upTo) {
    for (const wake of earliestWakes(p.wakes, upTo, 4 * limit)) {
      if (ids.size >= 2 * limit) break;
      if (!p.cache.has(wake.customer)) ids.add(wake.customer);
    }
    // The very next one must be among them, or nothing would move.
    if (!p.cache.has(first)) ids.add(first);
  }
  return [...ids];
}

/** A customer's bytes from the store; `null`: unknown there, a new one. One that is in memory already is left as they are. */
export function supply(p: Partition, id: string, stored: Uint8Array | null): void {
  if (p.cache.has(id)) return;
  if (stored === null) admit(p, id);
  else p.cache.keep(id, stored);
}

/**
 * Behind which entry the wake index is to be read on; undefined: no need, or not before what is due and in memory has
 * run (all that is due may be more than memory holds). `null`: from the beginning.
 */
export function wantsWakes(p: Partition, upTo: number): Wake | null | undefined {
  if (coversInstant(p.wakes, upTo) || firstInstant(p.wakes) <= upTo) return undefined;
  const { horizon } = p.wakes;
  return horizon === null || horizon.at === -Infinity ? null : horizon;
}

/**
 * A page of the wake index, as the store had it. Entries of customers with changes on their way are as memory has them,
 * not as the store does; those that lie within the page's reach are added. `asked`: what `cache.through` was when the page
 * was asked for, since a commit may be acknowledged while a page from before it is on its way.
 */
export function supplyWakes(p: Partition, page: readonly Wake[], complete: boolean, asked = p.cache.through): void {
  const before = p.wakes.horizon;
  addPage(p.wakes, page, complete);
  const after = p.wakes.horizon;
  const within = (at: number): boolean => (before === null || at >= before.at) && (after === null || at <= after.at);
  for (const customer of p.cache.pinned(asked)) {
    if (customer.indexed !== Infinity && within(customer.indexed)) addWake(p.wakes, customer.indexed, customer.id);
  }
}

/** The earliest instant at which a wake is, or behind what is in memory may be, due, or figures are drawn up; Infinity: none. */
export function nextDue(p: Partition): number {
  const first = firstInstant(p.wakes);
  const wake = first < Infinity ? first : (p.wakes.horizon?.at ?? Infinity);
  return p.population?.ranks === true ? Math.min(wake, (p.population.midnight + 1) * DAY_MS) : wake;
}
