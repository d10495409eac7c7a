// "Did you mean …?": the nearest of the names that there are.
//
// Deterministic: the same names give the same answer, in whatever order they come. The distance is
// Damerau-Levenshtein's with adjacent transpositions ("optimal string alignment"), upper and lower case alike.

/** Names longer than this are nobody's slip of the finger. */
const LONGEST = 80;

/** How far names of these lengths may be apart: of words of two letters, one changed letter makes another word. */
function limit(length: number, other: number): number {
  const shorter = Math.min(length, other);
  return shorter <= 2 ? 0 : Math.max(1, Math.floor(Math.min(length, shorter + 1) / 3));
}

/** The candidate nearest to `name`, or null if none is near. A candidate equal to `name` is no suggestion. */
export function nearest(name: string, candidates: Iterable<string>): string | null {
  if (name.length > LONGEST) return null;
  let best: string | null = null;
  let least = Infinity;
  const wanted = name.toLowerCase();
  for (const candidate of candidates) {
    const allowed = limit(name.length, candidate.length);
    if (candidate === name || candidate.length > LONGEST || Math.abs(candidate.length - name.length) > allowed) continue;
    const far = distance(wanted, candidate.toLowerCase());
    if (far > allowed || far > least) continue;
    if (best === null || far < least || candidate < best) best = candidate;
    least = far;
  }
  return best;
}

/** `did you mean "order_placed"?`, or undefined. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const found = nearest(name, candidates);
  return found === null ? undefined : `did you mean "${found}"?`;
}

/** Insertions, deletions, replacements and swaps of neighbours from `a` to `b`. */
export function distance(a: string, b: string): number {
  let two: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, (two[j - 2] ?? 0) + 1);
      current.push(cost);
    }
    two = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
