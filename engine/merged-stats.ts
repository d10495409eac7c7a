/** What several engines of one process count, as if one had counted it. */
import { ERASED_BY } from "./receipt.js";
import type { EngineStats, Histogram } from "./stats.js";

/** Counters, by whatever names; histograms of one kind have the same bounds. */
type Counted = number | Counters | Map<unknown, Counted>;
interface Counters { [name: string]: Counted }

/** Replaces what stands in `into`. A partition that has just gone over from one to another stands in both: the one that is further has it. */
export function mergeStats(into: EngineStats, parts: readonly EngineStats[]): void {
  for (const [name, value] of Object.entries(into)) if (value instanceof Map) clearMap(value, name);
  zero(into.deadLetters);
  zero(into.customersErased);
  for (const of of histograms(into)) {
    of.counts.fill(0);
    of.sum = of.count = 0;
  }
  for (const name of NUMBERS) into[name] = 0;
  for (const part of parts) add(into, part);
}

const NUMBERS = ["timesClamped", "stampsBackwards", "windowOverflows", "chainsCut", "outputsWithdrawn", "cachedCustomers", "cacheMisses", "commits", "members", "rulesTakenAt"] as const;
const TALLIES = ["events", "ruleStarted", "runsEnded", "actions", "suppressed", "messagesHeld", "segmentChanges", "runsCrowdedOut"] as const;

const clearMap = (map: Map<unknown, unknown>, name: string): void => { if (name !== "deadLettersSaid") map.clear(); };
const zero = (counters: Record<string, number>): void => { for (const name of Object.keys(counters)) counters[name] = 0; };
const histograms = (stats: EngineStats): Histogram[] => [stats.eventSeconds, stats.actionSeconds, stats.timerLateness, stats.commitCustomers, ...Object.values(stats.stageSeconds)];

function add(into: EngineStats, part: EngineStats): void {
  for (const name of NUMBERS) into[name] = name === "members" || name === "rulesTakenAt" ? Math.max(into[name], part[name]) : into[name] + part[name];
  for (const name of TALLIES) addUp(into[name] as Map<unknown, Counted>, part[name] as Map<unknown, Counted>);
  for (const [reason, count] of Object.entries(part.deadLetters)) into.deadLetters[reason as keyof EngineStats["deadLetters"]] += count;
  for (const by of ERASED_BY) into.customersErased[by] += part.customersErased[by];
  const others = histograms(part);
  for (const [i, of] of histograms(into).entries()) addHistogram(of, others[i] as Histogram);
  for (const [partition, of] of part.partitions) {
    const before = into.partitions.get(partition);
    if (before !== undefined && before.offset >= of.offset) continue;
    into.partitions.set(partition, of);
    take(into.segmentCustomers, part.segmentCustomers, partition);
    take(into.sums, part.sums, partition);
    take(into.figuresDrawnUp, part.figuresDrawnUp, partition);
  }
}

function take<V>(into: Map<number, V>, part: ReadonlyMap<number, V>, partition: number): void {
  const value = part.get(partition);
  if (value === undefined) into.delete(partition);
  else into.set(partition, value);
}

function addHistogram(into: Histogram, part: Histogram): void {
  part.counts.forEach((count, i) => { into.counts[i] = (into.counts[i] ?? 0) + count; });
  into.sum += part.sum;
  into.count += part.count;
}

function addUp(into: Map<unknown, Counted>, part: ReadonlyMap<unknown, Counted>): void {
  for (const [name, value] of part) into.set(name, sum(into.get(name), value));
}

function sum(a: Counted | undefined, b: Counted): Counted {
  if (typeof b === "number") return (typeof a === "number" ? a : 0) + b;
  if (b instanceof Map) {
    const into = a instanceof Map ? a : new Map<unknown, Counted>();
    addUp(into, b);
    return into;
  }
  const before = typeof a === "object" && !(a instanceof Map) ? a : {};
  return Object.fromEntries(Object.entries(b).map(([name, value]) => [name, sum(before[name], value)]));
}
