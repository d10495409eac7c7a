/**
 * The customers in memory: at most `capacity` beside those that must stay. One whose state is large counts as several, so
 * that memory is bounded and not only their number.
 *
 * Time is cut into generations: when half the capacity of different customers has been used in the present one, it ends,
 * and who was not used in it is forgotten, except customers who are dirty or whose commit has not been acknowledged
 * (forgetting them would lose an update). So a use costs one look-up and a number; a walk over all comes once in
 * `capacity / 2` uses.
 */
import type { Customer } from "./customer.js";

export interface CustomerCache {
  /** Everybody is here: who is not, does not exist. */
  readonly complete: boolean;
  readonly size: number;
  get(id: string): Customer | undefined;
  has(id: string): boolean;
  /** Like `get`, but it is no use. */
  peek(id: string): Customer | undefined;
  put(customer: Customer): void;
  /** All commits up to this number are acknowledged. */
  acknowledged(commit: number): void;
  /** The number of the last commit that is acknowledged. */
  readonly through: number;
  /** Customers with changes that the store does not have yet, or did not have when that commit was the last acknowledged. */
  pinned(through?: number): IterableIterator<Customer>;
  all(): IterableIterator<Customer>;
}

/** State bytes of a customer who counts as one. */
const USUAL_BYTES = 4096;

const places = ({ packed }: Customer): number => 1 + Math.floor(packed / USUAL_BYTES);

export function customerCache(capacity: number): CustomerCache {
  const customers = new Map<string, Customer>();
  const half = capacity / 2;
  let generation = 0;
  let used = 0;
  let acknowledged = 0;
  const isPinned = (customer: Customer): boolean => customer.dirty || customer.commit > acknowledged;

  function use(customer: Customer): void {
    if (customer.generation === generation) return;
    customer.generation = generation;
    used += places(customer);
    if (used > half) endGeneration(customer);
  }

  /** `latest` begins the next one. */
  function endGeneration(latest: Customer): void {
    for (const [id, customer] of customers) if (customer.generation !== generation && !isPinned(customer)) customers.delete(id);
    generation++;
    latest.generation = generation;
    used = places(latest);
  }

  return {
    complete: capacity === Infinity,
    get size() { return customers.size; },
    get(id) {
      const found = customers.get(id);
      if (found !== undefined) use(found);
      return found;
    },
    has: (id) => customers.has(id),
    peek: (id) => customers.get(id),
    put(customer) {
      customers.set(customer.id, customer);
      customer.generation = -1;
      use(customer);
    },
    acknowledged(commit) { acknowledged = commit; },
    get through() { return acknowledged; },
    *pinned(through = acknowledged) { for (const customer of customers.values()) if (customer.dirty || customer.commit > through) yield customer; },
    all: () => customers.values(),
  };
}
