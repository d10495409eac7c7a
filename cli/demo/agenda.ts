/**
 * What is yet to happen, soonest first; what was entered first goes first at one instant. A binary heap with two
 * numbers as its key, so that the order never depends on anything but time and entry.
 */

export interface Agenda<T> {
  readonly add: (at: number, what: T) => void;
  /** The instant of what comes next, infinite when nothing does. */
  readonly nextAt: () => number;
  /** Takes out what comes next. */
  readonly take: () => T | undefined;
  readonly size: () => number;
}

interface Entry<T> {
  readonly at: number;
  readonly entered: number;
  readonly what: T;
}

const sooner = (a: Entry<unknown>, b: Entry<unknown>): boolean => a.at < b.at || (a.at === b.at && a.entered < b.entered);

export function agenda<T>(): Agenda<T> {
  const heap: Entry<T>[] = [];
  let entered = 0;

  const add = (at: number, what: T): void => {
    const entry = { at, entered: entered++, what };
    let hole = heap.length;
    while (hole > 0) {
      const above = (hole - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !sooner(entry, parent)) break;
      heap[hole] = parent;
      hole = above;
    }
    heap[hole] = entry;
  };

  const take = (): T | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) sink(last);
    return first.what;
  };

  /** Puts `entry` where the first one was and lets it down to its place. */
  const sink = (entry: Entry<T>): void => {
    let hole = 0;
    for (;;) {
      let below = 2 * hole + 1;
      let child = heap[below];
      if (child === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && sooner(right, child)) {
        child = right;
        below++;
      }
      if (!sooner(child, entry)) break;
      heap[hole] = child;
      hole = below;
    }
    heap[hole] = entry;
  };

  return { add, take, nextAt: () => heap[0]?.at ?? Infinity, size: () => heap.length };
}
