/**
 * Caps: at most so many within a window that slides, of calendar months, or a calendar period. What a cap counts are
 * instants on the customer's clock (starts of a rule, messages of a channel, credits of an `earn` line), kept as a plain
 * list, oldest first. An instant t counts while now is before the end of its window, exactly as an event in an aggregate.
 *
 * Invariant: a list holds no more instants than its caps count together. What is asked for (`hasRoom`) and what is
 * remembered (`remember`) are apart, because `urgent` messages count without asking.
 */
import { DISORDER_MS, leaves } from "./aggregates/kind.js";
import type { Cap } from "../dsl/program.js";
import type { Zone } from "./zone.js";

/** What of the present decides: a Context will do. */
export interface Present {
  readonly now: number;
  readonly zone: Zone;
}

/** From when on an instant no longer counts in the cap. */
function leavesCap({ window }: Cap, zone: Zone, t: number): number {
  return window.k === "run" ? Infinity : leaves(window, zone, t);
}

/** Whether every cap leaves room for one more now. */
export function hasRoom(caps: readonly Cap[], times: readonly number[], x: Present): boolean {
  return fullCap(caps, times, x) === null;
}

/** The first cap that is full, in the author's order; null: there is room. */
export function fullCap(caps: readonly Cap[], times: readonly number[], x: Present): Cap | null {
  for (const cap of caps) if (isFull(cap, times, x)) return cap;
  return null;
}

function isFull(cap: Cap, times: readonly number[], { now, zone }: Present): boolean {
  if (times.length < cap.count) return false;
  const end = leavesCap(cap, zone, times[times.length - cap.count] as number);
  // Later ones leave later, but that calendar months may put them in disorder, never by more than so much.
  if (cap.window.k !== "months" || end > now + DISORDER_MS) return now < end;
  if (end + DISORDER_MS <= now) return false;
  let counted = 0;
  for (const t of times) if (now < leavesCap(cap, zone, t)) counted++;
  return counted >= cap.count;
}

/** Adds now, and drops what no cap can count any more. */
export function remember(caps: readonly Cap[], times: number[], x: Present): void {
  if (caps.length === 0) return;
  times.push(x.now);
  let gone = 0;
  while (gone < times.length && caps.every((cap) => leavesCap(cap, x.zone, times[gone] as number) <= x.now)) gone++;
  if (gone > 0) times.splice(0, gone);
  let largest = 0;
  for (const cap of caps) largest = Math.max(largest, cap.count);
  if (times.length > largest) keepCounted(caps, times, x);
}

/** Of more than any cap counts, those stay that are among the last to leave one of them: of others nothing depends. */
function keepCounted(caps: readonly Cap[], times: number[], { now, zone }: Present): void {
  const kept = new Set<number>();
  for (const cap of caps) {
    const ends = times.map((t, place) => ({ place, end: leavesCap(cap, zone, t) })).filter(({ end }) => now < end);
    ends.sort((a, b) => b.end - a.end || b.place - a.place);
    for (const { place } of ends.slice(0, cap.count)) kept.add(place);
  }
  let to = 0;
  times.forEach((t, place) => { if (kept.has(place)) times[to++] = t; });
  times.length = to;
}
