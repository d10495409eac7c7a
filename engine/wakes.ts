/**
 * The wakes of one partition that come next: a bounded window, in memory, on the store's wake index.
 *
 * All entries of the index up to `horizon` (a position: an instant and a customer) are in the heap; what lies behind it
 * is read from the store page by page as the clock comes near. Entries are hints: a customer's own state decides
 * whether one is still meant.
 */
import type { Wake } from "./ports.js";
import { SIZES, type Sizes } from "./sizes.js";

export interface Wakes {
  readonly heap: Wake[];
  /** Null: the whole index is in the heap. */
  horizon: Wake | null;
  /** More than this in memory: the later half is left to the store again. */
  readonly most: number;
}

/** Before the first page is read: nothing is in memory. */
export function unreadWakes({ wakesInMemory }: Sizes = SIZES): Wakes {
  return { heap: [], horizon: { at: -Infinity, customer: "" }, most: wakesInMemory };
}

/** There is no store that could bring back what is left out: nothing ever is. */
export function allWakesInMemory(): Wakes {
  return { heap: [], horizon: null, most: Infinity };
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
export function addWake(wakes: Wakes, wake: Wake): void {
  if (wakes.horizon !== null && compareWakes(wake, wakes.horizon) > 0) return;
  push(wakes.heap, wake);
  if (wakes.heap.length > wakes.most) trim(wakes);
}

function trim(wakes: Wakes): void {
  wakes.heap.sort(compareWakes);
  wakes.heap.length = wakes.most / 2;
  wakes.horizon = wakes.heap[wakes.heap.length - 1] as Wake; // a sorted list is a heap
}

/** A page that the store gave for what lies behind the horizon; `complete`: there is nothing behind it. */
export function addPage(wakes: Wakes, page: readonly Wake[], complete: boolean): void {
  for (const wake of page) push(wakes.heap, wake);
  wakes.horizon = complete ? null : (page[page.length - 1] as Wake);
}

/** Whether the heap is known to hold every entry up to the instant. */
export function coversInstant(wakes: Wakes, instant: number): boolean {
  return wakes.horizon === null || wakes.horizon.at > instant;
}

export function firstWake(wakes: Wakes): Wake | undefined {
  return wakes.heap[0];
}

export function popWake(wakes: Wakes): Wake | undefined {
  const { heap } = wakes;
  const top = heap[0];
  const last = heap.pop();
  if (top === undefined || last === undefined || heap.length === 0) return top;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && compareWakes(heap[child + 1] as Wake, heap[child] as Wake) < 0) child++;
    if (compareWakes(heap[child] as Wake, last) >= 0) break;
    heap[i] = heap[child] as Wake;
    i = child;
  }
  heap[i] = last;
  return top;
}

/**
 * The earliest entries up to an instant, in order, without taking the heap apart: of what has been reached the least comes next
 * (Frederickson's walk in its plain form, k log k). In order: of very many at one instant others would be in memory than are due next.
 */
export function earliestWakes({ heap }: Wakes, upTo: number, most: number): Wake[] {
  const found: Wake[] = [];
  /** Places in the heap, the least entry first. */
  const reached: number[] = [];
  const isLess = (a: number, b: number): boolean => compareWakes(heap[a] as Wake, heap[b] as Wake) < 0;
  const reach = (place: number): void => {
    if (place >= heap.length || (heap[place] as Wake).at > upTo) return;
    let i = reached.push(place) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && isLess(place, reached[parent] as number); parent = (i - 1) >> 1) {
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
      if (child + 1 < end && isLess(reached[child + 1] as number, reached[child] as number)) child++;
      if (child >= end || !isLess(reached[child] as number, last)) {
        reached[i] = last;
        break;
      }
      reached[i] = reached[child] as number;
      i = child;
    }
    found.push(heap[place] as Wake);
    reach(2 * place + 1);
    reach(2 * place + 2);
  }
  return found;
}

function push(heap: Wake[], wake: Wake): void {
  let i = heap.length;
  heap.push(wake);
  while (i > 0) {
    const parent = (i - 1) >>> 1;
    if (compareWakes(heap[parent] as Wake, wake) <= 0) break;
    heap[i] = heap[parent] as Wake;
    i = parent;
  }
  heap[i] = wake;
}
