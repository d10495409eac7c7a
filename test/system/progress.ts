/** How far an engine has come, as a reader of its store and its output streams sees it; and waiting for that, in time. */
import { setTimeout as delay } from "node:timers/promises";
import { readMeta } from "../../engine/meta.js";
import type { Place } from "./places.js";

type Looked = Pick<Place, "ports" | "partitions">;

/** Outputs published so far, over all partitions. */
export async function published({ ports, partitions }: Looked): Promise<number> {
  const lasts = await Promise.all(Array.from({ length: partitions }, (_, p) => ports.outputs.last(p)));
  return lasts.reduce((total, last) => total + last, 0);
}

/** Outputs committed so far, published or not. */
export async function committed({ ports, partitions }: Looked): Promise<number> {
  const metas = await Promise.all(Array.from({ length: partitions }, async (_, p) => readMeta((await ports.store.meta(p)).meta)));
  return metas.reduce((total, { next }) => total + next - 1, 0);
}

/** Up to where every partition has committed. */
export async function slowest({ ports, partitions }: Looked): Promise<number> {
  const metas = await Promise.all(Array.from({ length: partitions }, async (_, p) => readMeta((await ports.store.meta(p)).meta)));
  return Math.min(...metas.map(({ offset }) => offset));
}

/** Every partition has committed up to that record and published all that it committed. */
export async function settled({ ports, partitions }: Looked, sequence: number): Promise<boolean> {
  for (let p = 0; p < partitions; p++) {
    const { offset, next } = readMeta((await ports.store.meta(p)).meta);
    if (offset < sequence || (await ports.outputs.last(p)) < next - 1) return false;
  }
  return true;
}

/** Asks again and again, soon; rejects when the answer stays no for so long. `what` says what was waited for. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, withinMs = 20_000, everyMs = 5): Promise<void> {
  for (const deadline = performance.now() + withinMs; !(await holds()); await delay(everyMs)) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs / 1000} s in vain: ${what}`);
  }
}
