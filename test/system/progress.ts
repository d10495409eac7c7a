/** How far an engine has come, as a reader of its store and its output streams sees it; and waiting for that, in time. */
import { setTimeout as delay } from "node:timers/promises";
import { readMeta } from "../../engine/meta.js";
import { partition, POPULATION_TYPE, PROGRAM_TYPE, TICK_TYPE } from "../../engine/subjects.js";
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

/** Every partition has committed all that is its own up to that record. */
export async function processed(place: Looked, sequence: number): Promise<boolean> {
  for (let p = 0; p < place.partitions; p++) {
    if (!(await isProcessed(place, p, readMeta((await place.ports.store.meta(p)).meta).offset, sequence))) return false;
  }
  return true;
}

/** Every partition has committed all that is its own up to that record and published all that it committed. */
export async function settled(place: Looked, sequence: number): Promise<boolean> {
  const { ports, partitions } = place;
  for (let p = 0; p < partitions; p++) {
    const { offset, next } = readMeta((await ports.store.meta(p)).meta);
    if (!(await isProcessed(place, p, offset, sequence)) || (await ports.outputs.last(p)) < next - 1) return false;
  }
  return true;
}

/** Its position may stay behind its last own record: what others have in the log behind that, it records every now and then. */
async function isProcessed({ ports: { log }, partitions }: Looked, index: number, offset: number, sequence: number): Promise<boolean> {
  for (let next = offset + 1; next <= sequence; next++) {
    const record = await log.at(next);
    if (record !== null && isOf(record.subject, index, partitions)) return false;
  }
  return true;
}

function isOf(subject: string, index: number, partitions: number): boolean {
  const token = subject.slice(subject.lastIndexOf(".") + 1);
  if (subject.startsWith(`events.${POPULATION_TYPE}.`)) return true;
  return (subject.startsWith(`events.${TICK_TYPE}.`) || subject.startsWith(`events.${PROGRAM_TYPE}.`) ? Number(token) : partition(token, partitions)) === index;
}

/** Longer than anything takes, also where the machine has much else to do. */
const WITHIN_MS = 60_000;

/** Asks again and again, soon; rejects when the answer stays no for so long. `what` says what was waited for. */
export async function until(what: string, holds: () => Promise<boolean> | boolean, withinMs = WITHIN_MS, everyMs = 5): Promise<void> {
  for (const deadline = performance.now() + withinMs; !(await holds()); await delay(everyMs)) {
    if (performance.now() > deadline) throw new Error(`waited ${withinMs / 1000} s in vain: ${what}`);
  }
}
