/**
 * Where values stand among all of a population, from summaries that partitions make of their own customers.
 *
 * A summary names some of the values, and for each how many customers have a smaller one and how many at most this one.
 * Between two neighbouring points stand at most n / POINTS customers, so whatever the distribution, the place of any
 * value is known to within half of that of a partition's own n, and therefore to within 100 / (2 × POINTS) percent of
 * all when summaries are added up: a tenth of a percent. At the points themselves, and wherever no customer lies
 * between two points, it is exact; with at most POINTS different values it is exact everywhere.
 *
 * (An equi-depth histogram with exact ranks at its bounds; unlike a quantile sketch it is made at once from exact counts,
 * so it needs no merging rule beyond addition.)
 */

/** Customers with each value; no value twice, in any order. */
export type Counts = readonly (readonly [value: number, count: number])[];

export const POINTS = 512;

export interface Summary {
  /** How many customers there are. */
  readonly n: number;
  /** Rising. */
  readonly values: readonly number[];
  /** Of each value: how many customers have a smaller one, and how many one that is no larger. */
  readonly below: readonly number[];
  readonly upTo: readonly number[];
}

/** What is not a positive count is passed over. */
export function summarise(counts: Counts): Summary {
  const sorted = counts.filter(([, count]) => count > 0).sort((a, b) => a[0] - b[0]);
  const n = sorted.reduce((sum, [, count]) => sum + count, 0);
  const most = sorted.length <= POINTS ? 0 : n / POINTS;
  const values: number[] = [];
  const below: number[] = [];
  const upTo: number[] = [];
  let before = 0;
  let skipped = 0;
  sorted.forEach(([value, count], i) => {
    skipped += count;
    if (skipped > most || i === 0 || i === sorted.length - 1) {
      values.push(value);
      below.push(before);
      upTo.push(before + count);
      skipped = 0;
    }
    before += count;
  });
  return { n, values, below, upTo };
}

/** Summaries of all partitions, added up: for every value that any of them names, and for what lies between these. */
export interface Table {
  readonly n: number;
  readonly values: Float64Array;
  /** Customers below a value of the list. */
  readonly at: Float64Array;
  /** Customers below what lies between a value of the list and the next one. */
  readonly behind: Float64Array;
}

export function tableOf(summaries: readonly Summary[]): Table {
  const all = new Float64Array(summaries.reduce((sum, { values }) => sum + values.length, 0));
  let length = 0;
  for (const { values } of summaries) {
    all.set(values, length);
    length += values.length;
  }
  all.sort();
  const values = all.filter((value, i) => i === 0 || value !== all[i - 1]);
  const at = new Float64Array(values.length);
  const behind = new Float64Array(values.length);
  for (const summary of summaries) addTo(values, at, behind, summary);
  return { n: summaries.reduce((sum, { n }) => sum + n, 0), values, at, behind };
}

function addTo(values: Float64Array, at: Float64Array, behind: Float64Array, summary: Summary): void {
  let next = 0; // place of the first of its points that is not below the value
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    while (next < summary.values.length && (summary.values[next] as number) < value) next++;
    const isPoint = summary.values[next] === value;
    at[i] = (at[i] as number) + (isPoint ? (summary.below[next] as number) : between(summary, next));
    behind[i] = (behind[i] as number) + between(summary, isPoint ? next + 1 : next);
  }
}

/** Customers of the summary below what lies between two of its points, the second of them at `next`: the middle of what may be. */
function between({ n, below, upTo }: Summary, next: number): number {
  if (next === 0) return 0;
  return ((upTo[next - 1] as number) + (below[next] ?? n)) / 2;
}

/** 100 times the share of the customers with a strictly smaller value; null where there is nobody. */
export function percentileIn({ n, values, at, behind }: Table, value: number): number | null {
  if (n === 0) return null;
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return 0;
  const below = values[low - 1] === value ? at[low - 1] : behind[low - 1];
  return (100 * (below as number)) / n;
}

export function sameTable(a: Table, b: Table): boolean {
  if (a.n !== b.n || a.values.length !== b.values.length) return false;
  for (let i = 0; i < a.values.length; i++) {
    if (a.values[i] !== b.values[i] || a.at[i] !== b.at[i] || a.behind[i] !== b.behind[i]) return false;
  }
  return true;
}
