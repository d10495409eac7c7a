/**
 * The customers in memory: at most `capacity` beside those that must stay. One whose state is large counts as several, so
 * that memory is bounded and not only their number.
 *
 * Most of them lie there as the bytes that the store has of them (engine/arena.ts): hundreds of bytes instead of thousands,
 * and close together. Who is asked for is unpacked, stays so while the batch lasts, and is bytes again when their commit
 * has been built (`pack`, `rest`).
 *
 * Time is cut into generations: when half the capacity of different customers has been used in the present one, it ends,
 * and who was not used in it is forgotten, except customers who are dirty or whose commit has not been acknowledged
 * (forgetting them would lose an update). So a use costs one look-up and a number; a walk over all comes once in
 * `capacity / 2` uses.
 */
import { arena, type Resident } from "./arena.js";
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
  /** Bytes of a customer, as the store has them; they are copied. */
  keep(id: string, bytes: Uint8Array): void;
  /** A customer of the cache is these bytes from now on (none: nothing is known of them); they are copied. */
  pack(customer: Customer, bytes: Buffer, from: number, to: number): void;
  /** Who is unpacked and not dirty is bytes again. Nobody may go on using a customer that they got before. */
  rest(): void;
  /** All commits up to this number are acknowledged. */
  acknowledged(commit: number): void;
  /** The number of the last commit that is acknowledged. */
  readonly through: number;
  /** Customers with changes that the store does not have yet, or did not have when that commit was the last acknowledged. */
  pinned(through?: number): IterableIterator<Customer>;
  all(): IterableIterator<Customer>;
  /** Of customers as bytes: what they take, with the holes between them. */
  readonly heldBytes: number;
}

/** Reads a customer out of bytes that stay as they are until `rest`; no bytes: one of whom nothing is known. */
export type Unpack = (id: string, bytes: Buffer, from: number, to: number) => Customer;

interface Entry extends Resident {
  readonly id: string;
  /** Null: as bytes. */
  customer: Customer | null;
  generation: number;
  /** Of who is bytes: number of the commit that holds them. */
  commit: number;
}

const NO_BYTES = Buffer.alloc(0);
/** Bytes of a customer who counts as one. */
const USUAL_BYTES = 4096;

const places = ({ length, customer }: Entry): number => 1 + Math.floor(Math.max(length, customer?.packedBytes ?? 0) / USUAL_BYTES);

export function customerCache(capacity: number, unpack: Unpack = neverPacked): CustomerCache {
  const customers = new Map<string, Entry>();
  const bytes = arena();
  /** Entries that were unpacked since the last rest. */
  let unpacked: Entry[] = [];
  const half = capacity / 2;
  let generation = 0;
  let used = 0;
  let acknowledged = 0;
  const isPinned = ({ customer, commit }: Entry, through = acknowledged): boolean =>
    (customer === null ? commit > through : customer.dirty || customer.commit > through);

  function use(entry: Entry): void {
    if (entry.generation === generation) return;
    entry.generation = generation;
    used += places(entry);
    if (used > half) endGeneration(entry);
  }

  /** `latest` begins the next one. */
  function endGeneration(latest: Entry): void {
    for (const [id, entry] of customers) {
      if (entry.generation === generation || isPinned(entry)) continue;
      bytes.giveUp(entry);
      customers.delete(id);
    }
    generation++;
    latest.generation = generation;
    used = places(latest);
  }

  function read({ id, slab, from, length, commit }: Entry): Customer {
    const customer = slab === null ? unpack(id, NO_BYTES, 0, 0) : unpack(id, slab.bytes, from, from + length);
    customer.commit = commit;
    return customer;
  }

  function here(entry: Entry): Customer {
    if (entry.customer !== null) return entry.customer;
    unpacked.push(entry);
    return (entry.customer = read(entry));
  }

  function entryOf(id: string): Entry {
    const known = customers.get(id);
    if (known !== undefined) return known;
    const entry: Entry = { id, customer: null, slab: null, from: 0, length: 0, generation: -1, commit: 0 };
    customers.set(id, entry);
    return entry;
  }

  return {
    complete: capacity === Infinity,
    get size() { return customers.size; },
    get heldBytes() { return bytes.held; },
    get(id) {
      const found = customers.get(id);
      if (found === undefined) return undefined;
      use(found);
      return here(found);
    },
    has: (id) => customers.has(id),
    peek(id) {
      const found = customers.get(id);
      return found === undefined ? undefined : here(found);
    },
    put(customer) {
      const entry = entryOf(customer.id);
      bytes.giveUp(entry);
      entry.customer = customer;
      unpacked.push(entry);
      entry.generation = -1;
      use(entry);
    },
    keep(id, stored) {
      const entry = entryOf(id);
      bytes.put(entry, Buffer.from(stored.buffer, stored.byteOffset, stored.byteLength), 0, stored.byteLength);
      entry.customer = null;
      entry.commit = 0;
      entry.generation = -1;
      use(entry);
    },
    pack(customer, source, from, to) {
      const entry = customers.get(customer.id);
      if (entry?.customer !== customer) return;
      if (from === to) bytes.giveUp(entry);
      else bytes.put(entry, source, from, to);
      entry.customer = null;
      entry.commit = customer.commit;
    },
    rest() {
      for (const entry of unpacked) {
        // Who was put as a whole, and never packed since, has no bytes to come back from.
        if (entry.customer === null || entry.customer.dirty || (entry.slab === null && entry.customer.packed === null)) continue;
        entry.commit = entry.customer.commit;
        entry.customer = null;
      }
      unpacked = unpacked.filter(({ customer }) => customer !== null);
      // Who is dirty may still have parts where they were.
      if (unpacked.every(({ slab }) => slab === null)) bytes.reuse();
    },
    acknowledged(commit) { acknowledged = commit; },
    get through() { return acknowledged; },
    *pinned(through = acknowledged) { for (const entry of customers.values()) if (isPinned(entry, through)) yield entry.customer ?? read(entry); },
    *all() { for (const entry of customers.values()) yield entry.customer ?? read(entry); },
  };
}

function neverPacked(id: string): never {
  throw new Error(`customer ${id} lies in bytes that nobody can read`);
}
