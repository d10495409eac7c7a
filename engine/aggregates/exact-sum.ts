/**
 * Sums without drift: a list of doubles that do not overlap and whose exact sum is the exact sum of all that was added.
 * Taking a value out is adding its negative, exactly. Algorithm: Shewchuk, "Adaptive Precision Floating-Point
 * Arithmetic and Fast Robust Geometric Predicates" (1997), grow-expansion, as in Python's math.fsum.
 *
 * Values must be finite and below 1e300, so that no partial sum overflows.
 */
export type ExactSum = number[];

export const LARGEST_ADDEND = 1e300;

export function addExactly(parts: ExactSum, value: number): void {
  let x = value;
  let kept = 0;
  for (let j = 0; j < parts.length; j++) {
    let y = parts[j] as number;
    if (Math.abs(x) < Math.abs(y)) {
      const swap = x;
      x = y;
      y = swap;
    }
    const high = x + y;
    const low = y - (high - x);
    if (low !== 0) parts[kept++] = low;
    x = high;
  }
  parts.length = kept;
  if (x !== 0) parts.push(x);
}

/** The exact sum, rounded once, half to even. */
export function rounded(parts: ExactSum): number {
  let n = parts.length;
  if (n === 0) return 0;
  let high = parts[--n] as number;
  let low = 0;
  while (n > 0) {
    const x = high;
    const y = parts[--n] as number;
    high = x + y;
    low = y - (high - x);
    if (low !== 0) break;
  }
  // Half-way cases: the next part decides which side the true sum lies on.
  if (n > 0 && ((low < 0 && (parts[n - 1] as number) < 0) || (low > 0 && (parts[n - 1] as number) > 0))) {
    const y = low * 2;
    const x = high + y;
    if (y === x - high) high = x;
  }
  return high;
}
