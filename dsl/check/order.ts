// Orders: each after what it needs, otherwise by name, so that moving declarations about changes nothing.
//
// Without recursion: a chain of ten thousand traits is nothing unusual for a program that was generated.

import { byCodeUnits } from "./declared.js";

export interface Ordered {
  readonly order: readonly string[];
  /** Each as a path from one of its names to the last before the first again. */
  readonly cycles: readonly (readonly string[])[];
}

/** The order of what is needed and needs; without regard to circles. */
export const orderOf = (needs: ReadonlyMap<string, ReadonlySet<string>>): readonly string[] => inOrder(needs).order;

export const inOrder = (needs: ReadonlyMap<string, ReadonlySet<string>>): Ordered =>
  ordered([...needs.keys()].sort(byCodeUnits), (name) => [...(needs.get(name) ?? [])].sort(byCodeUnits));

interface Visit {
  readonly name: string;
  readonly needs: readonly string[];
  next: number;
}

/** `names` in the order in which they are to come where nothing else decides; `needsOf` in that order too. */
export function ordered(names: readonly string[], needsOf: (name: string) => readonly string[]): Ordered {
  const order: string[] = [];
  const cycles: string[][] = [];
  const inCycle = new Set<string>();
  const done = new Set<string>();
  for (const root of names) {
    if (done.has(root)) continue;
    const path: Visit[] = [{ name: root, needs: needsOf(root), next: 0 }];
    const onPath = new Set([root]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const need = top.needs[top.next++];
      if (need === undefined) {
        path.pop();
        onPath.delete(top.name);
        done.add(top.name);
        order.push(top.name);
      } else if (onPath.has(need)) {
        const cycle = path.slice(path.findIndex(({ name }) => name === need)).map(({ name }) => name);
        // Circles that share a name are untied together, so one finding is enough.
        if (!cycle.some((name) => inCycle.has(name))) cycles.push(cycle);
        for (const name of cycle) inCycle.add(name);
      } else if (!done.has(need)) {
        path.push({ name: need, needs: needsOf(need), next: 0 });
        onPath.add(need);
      }
    }
  }
  return { order, cycles };
}
