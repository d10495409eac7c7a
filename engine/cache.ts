/**
 * The customers in memory: at most `capacity` beside those that must stay.
 *
 * Two generations: who is used moves to the young one; when that holds half the capacity, it becomes the old one and
 * what was left in the old one is forgotten, except customers who are dirty or whose commit has not been acknowledged
 * (forgetting them would lose an update). So a use costs one or two look-ups in a map and no list to keep in order.
 */
import type { Customer } from "./customer.js";

export interface CustomerCache {
  /** Everybody is here: who is not, does not exist. */
  readonly complete: boolean;
  readonly size: number;
  get(id: string): Customer | undefined;
  has(id: string): boolean;
  put(customer: Customer): void;
  /** They are part of a commit on its way now. */
  committing(customers: readonly Customer[]): void;
  /** All commits up to this number are acknowledged. */
  acknowledged(commit: number): void;
  /** Customers with changes that the store does not have yet. */
  pinned(): IterableIterator<Customer>;
  all(): IterableIterator<Customer>;
  clear(): void;
}

export function customerCache(capacity: number): CustomerCache {
  let young = new Map<string, Customer>();
  let old = new Map<string, Customer>();
  let acknowledged = 0;
  const half = capacity / 2;
  const isPinned = (customer: Customer): boolean => customer.dirty || customer.commit > acknowledged;

  function rotate(): void {
    for (const [id, customer] of old) if (isPinned(customer)) young.set(id, customer);
    old = young;
    young = new Map();
  }

  function* everybody(): IterableIterator<Customer> {
    yield* young.values();
    for (const [id, customer] of old) if (!young.has(id)) yield customer;
  }

  return {
    complete: capacity === Infinity,
    get size() { return young.size + old.size; },
    get(id) {
      const found = young.get(id);
      if (found !== undefined) return found;
      const older = old.get(id);
      if (older === undefined) return undefined;
      old.delete(id);
      young.set(id, older);
      if (young.size > half) rotate();
      return older;
    },
    has: (id) => young.has(id) || old.has(id),
    put(customer) {
      old.delete(customer.id);
      young.set(customer.id, customer);
      if (young.size > half) rotate();
    },
    committing() { /* `commit` of each says it */ },
    acknowledged(commit) { acknowledged = commit; },
    *pinned() { for (const customer of everybody()) if (isPinned(customer)) yield customer; },
    all: everybody,
    clear() {
      young = new Map();
      old = new Map();
      acknowledged = 0;
    },
  };
}
