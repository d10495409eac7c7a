/**
 * Keeps a window of many entries small: beyond the newest MAX_ENTRIES, neighbours are merged so long as a merged entry
 * weighs at most 0.8 % of all that is newer than it, in number and in magnitude. A merged entry leaves when its newest
 * part does, so a window's count or sum is off by less than 1 % of what stands in it. After Datar, Gionis, Indyk and
 * Motwani, "Maintaining Stream Statistics over Sliding Windows" (2002), exponential histograms, with the bound checked
 * directly instead of by bucket sizes.
 */
import { MAX_ENTRIES } from "./kind.js";

const SHARE = 0.008;
/** Where values grow so fast that nothing may be merged, the oldest are merged all the same beyond this. */
const HARD_LIMIT = 2048;

export interface Mergeable {
  times: number[];
  /** Null: every entry has the value 1 (or none). */
  values: number[] | null;
  /** How many events each entry stands for; null: one each. */
  weights: number[] | null;
}

/** Merges in place; a second call right after it finds nothing more to merge. */
export function mergeOldest(entries: Mergeable): void {
  const { times, values } = entries;
  const n = times.length;
  const weights = entries.weights ?? new Array<number>(n).fill(1);
  const keepFrom = n - MAX_ENTRIES;
  let newerCount = 0;
  let newerSize = 0;
  for (let i = keepFrom; i < n; i++) {
    newerCount += weights[i] as number;
    if (values !== null) newerSize += Math.abs(values[i] as number);
  }
  const mergedTimes: number[] = [];
  const mergedValues: number[] = [];
  const mergedWeights: number[] = [];
  for (let i = keepFrom - 1; i >= 0; ) {
    const t = times[i] as number;
    let weight = weights[i] as number;
    let value = values === null ? 0 : (values[i] as number);
    let size = Math.abs(value);
    i--;
    while (i >= 0) {
      const moreWeight = weight + (weights[i] as number);
      const nextValue = values === null ? 0 : (values[i] as number);
      const moreSize = size + Math.abs(nextValue);
      const crowded = mergedTimes.length >= HARD_LIMIT;
      if (!crowded && (moreWeight > SHARE * newerCount || (values !== null && moreSize > SHARE * newerSize))) break;
      weight = moreWeight;
      value += nextValue;
      size = moreSize;
      i--;
    }
    mergedTimes.push(t);
    mergedValues.push(value);
    mergedWeights.push(weight);
    newerCount += weight;
    newerSize += size;
  }
  entries.times = mergedTimes.reverse().concat(times.slice(keepFrom));
  entries.weights = mergedWeights.reverse().concat(weights.slice(keepFrom));
  if (values !== null) entries.values = mergedValues.reverse().concat(values.slice(keepFrom));
}
