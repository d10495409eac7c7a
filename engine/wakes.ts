/**
 * The wakes of one partition that come next: a bounded window, in memory, on the store's wake index.
 *
 * All entries of the index up to `horizon` (a position: an instant and a customer) are in the heap; what lies behind it
 * is read from the store page by page as the clock comes near. Entries are hints: a customer's own state decides
 * whether one is still meant.
 */
import type { Wake } from "./ports.js";
import { SIZES, type Sizes } from "./sizes.js";

/**
 * The heap: four children to a place (Johnson, "Priority queues with update and finding minimum spanning trees", 1975), instants apart
 * from the customers. The way down a heap of tens of thousands of objects is a dozen cold lines of memory; of the instants alone,
 * the children of a place mostly lie in one.
 */
export interface Wakes {
  /** By place in the heap. */
  readonly instants: number[];
  readonly customers: string[];
  /** Null: the whole index is in the heap. */
  horizon: Wake | null;
  /** More than this in memory: the later half is left to the store again. */
  readonly most: number;
}

const CHILDREN = 4;

/** Before the first page is read: nothing is in memory. */
export function unreadWakes({ wakesInMemory }: Sizes = SIZES): Wakes {
  return { instants: [], customers: [], horizon: { at: -Infinity, customer: "" }, most: wakesInMemory };
}

/** There is no store that could bring back what is left out: nothing ever is. */
export function allWakesInMemory(): Wakes {
  return { instants: [], customers: [], horizon: null, most: Infinity };
}

/** By instant, then by customer in the order of UTF-8 bytes (which is that of code points). */
export function compareWakes(a: Wake, b: Wake): number {
  return a.at - b.at || compareCodePoints(a.customer, b.customer);
}

function compareCodePoints(a: string, b: string): number {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand for code points above all others, though their units are below U+E000 to U+FFFF.
    const xIsHigh = x >= 0xd800 && x <= 0xdfff;
    const yIsHigh = y >= 0xd800 && y <= 0xdfff;
    return xIsHigh === yIsHigh ? x - y : xIsHigh ? 1 : -1;
  }
  return a.length - b.length;
}

/** Puts an entry into the heap where it lies before the horizon; otherwise the store will bring it in time. */
export function addWake(wakes: Wakes, at: number, customer: string): void {
  if (wakes.horizon !== null && isBefore(wakes.horizon.at, wakes.horizon.customer, at, customer)) return;
  push(wakes, at, customer);
  if (wakes.instants.length > wakes.most) trim(wakes);
}

function trim(wakes: Wakes): void {
  const { instants, customers } = wakes;
  const sorted = instants.map((at, i): Wake => ({ at, customer: customers[i] as string })).sort(compareWakes);
  instants.length = customers.length = 0;
  // A sorted list is a heap.
  for (let i = 0; i < wakes.most / 2; i++) {
    const { at, customer } = sorted[i] as Wake;
    instants.push(at);
    customers.push(customer);
    wakes.horizon = sorted[i] as Wake;
  }
}

/** A page that the store gave for what lies behind the horizon; `complete`: there is nothing behind it. */
export function addPage(wakes: Wakes, page: readonly Wake[], complete: boolean): void {
  for (const { at, customer } of page) push(wakes, at, customer);
  wakes.horizon = complete ? null : (page[page.length - 1] as Wake);
}

/** Whether the heap is known to hold every entry up to the instant. */
export function coversInstant(wakes: Wakes, instant: number): boolean {
  return wakes.horizon === null || wakes.horizon.at > instant;
}

/** The instant of the first entry in memory; Infinity: there is none. */
export function firstInstant({ instants }: Wakes): number {
  return instants.length === 0 ? Infinity : (instants[0] as number);
}

/** Undefined: there is none in memory. */
export function firstCustomer({ customers }: Wakes): string | undefined {
  return customers[0];
}

/** Removes the first entry, if there is one. */
export function dropFirst({ instants, customers }: Wakes): void {
  const at = instants.pop();
  const customer = customers.pop();
  const length = instants.length;
  if (at === undefined || customer === undefined || length === 0) return;
  let i = 0;
  for (let child = 1; child < length; child = CHILDREN * i + 1) {
    const end = Math.min(child + CHILDREN, length);
    let least = child;
    for (let c = child + 1; c < end; c++) if (isLess(instants, customers, c, least)) least = c;
    if (!isBefore(instants[least] as number, customers[least] as string, at, customer)) break;
    instants[i] = instants[least] as number;
    customers[i] = customers[least] as string;
    i = least;
  }
  instants[i] = at;
  customers[i] = customer;
}

/**
 * The earliest entries up to an instant, in order, without taking the heap apart: of what has been reached the least comes next
 * (Frederickson's walk in its plain form, k log k). In order: of very many at one instant others would be in memory than are due next.
 */
export function earliestWakes({ instants, customers }: Wakes, upTo: number, most: number): Wake[] {
  const found: Wake[] = [];
  /** Places in the heap, the least entry first. */
  const reached: number[] = [];
  const reach = (place: number): void => {
    if (place >= instants.length || (instants[place] as number) > upTo) return;
    let i = reached.push(place) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && isLess(instants, customers, place, reached[parent] as number); parent = (i - 1) >> 1) {
      reached[i] = reached[parent] as number;
      i = parent;
    }
    reached[i] = place;
  };
  reach(0);
  while (reached.length > 0 && found.length < most) {
    const place = reached[0] as number;
    const last = reached.pop() as number;
    const end = reached.length;
    for (let i = 0, child = 1; end > 0; child = 2 * i + 1) {
      if (child + 1 < end && isLess(instants, customers, reached[child + 1] as number, reached[child] as number)) child++;
      if (child >= end || !isLess(instants, customers, reached[child] as number, last)) {
        reached[i] = last;
        break;
      }
      reached[i] = reached[child] as number;
      i = child;
    }
    found.push({ at: instants[place] as number, customer: customers[place] as string });
    for (let child = CHILDREN * place + 1; child <= CHILDREN * (place + 1); child++) reach(child);
  }
  return found;
}

function isBefore(at: number, customer: string, otherAt: number, other: string): boolean {
  return at < otherAt || (at === otherAt && compareCodePoints(customer, other) < 0);
}

/** Of two places in the heap. */
function isLess(instants: readonly number[], customers: readonly string[], a: number, b: number): boolean {
  const x = instants[a] as number;
  const y = instants[b] as number;
  return x < y || (x === y && compareCodePoints(customers[a] as string, customers[b] as string) < 0);
}

function push({ instants, customers }: Wakes, at: number, customer: string): void {
  let i = instants.length;
  instants.push(at);
  customers.push(customer);
  while (i > 0) {
    const parent = Math.floor((i - 1) / CHILDREN);
    if (!isBefore(at, customer, instants[parent] as number, customers[parent] as string)) break;
    instants[i] = instants[parent] as number;
    customers[i] = customers[parent] as string;
    i = parent;
  }
  instants[i] = at;
  customers[i] = customer;
}
