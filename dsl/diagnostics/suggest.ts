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

// Thousands of unknown names among thousands of known ones would take minutes to compare, and nobody reads as many
// suggestions. What looking at a name costs, and comparing it, in parts of what may be spent on one program.
const LOOKED_AT = 1;
const COMPARED = 10;
const AFFORDED = 5_000_000;

let left = Infinity;

/** Does `work`; once it has spent what is afforded on suggestions, its further ones are none. */
export function frugally<Result>(work: () => Result): Result {
  const before = left;
  left = AFFORDED;
  try {
    return work();
  } finally {
    left = before;
  }
}

/** The candidate nearest to `name`, or null if none is near. A candidate equal to `name` is no suggestion. */
export function nearest(name: string, candidates: Iterable<string>): string | null {
  if (name.length > LONGEST || left <= 0) return null;
  let best: string | null = null;
  let least = Infinity;
  const wanted = name.toLowerCase();
  for (const candidate of candidates) {
    const allowed = Math.min(limit(name.length, candidate.length), least);
    left -= LOOKED_AT;
    if (candidate.length > LONGEST || Math.abs(candidate.length - name.length) > allowed || candidate === name) continue;
    left -= COMPARED;
    const far = distance(wanted, candidate.toLowerCase(), allowed);
    if (far > allowed) continue;
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

/** Insertions, deletions, replacements and swaps of neighbours from `a` to `b`; beyond `most` some number beyond it. */
export function distance(a: string, b: string, most = Infinity): number {
  let same = 0;
  while (same < a.length && same < b.length && a[same] === b[same]) same++;
  let ends = 0;
  while (ends < a.length - same && ends < b.length - same && a[a.length - 1 - ends] === b[b.length - 1 - ends]) ends++;
  return apart(a.slice(same, a.length - ends), b.slice(same, b.length - ends), most);
}

function apart(a: string, b: string, most: number): number {
  if (a === "" || b === "") return a.length + b.length;
  let two: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  let leastBefore = 0;
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      let cost = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, (two[j - 2] ?? 0) + 1);
      least = Math.min(least, cost);
      current.push(cost);
    }
    // No later row is below the least of two rows in succession: a swap reaches back over one.
    if (least > most && leastBefore > most) return least;
    leastBefore = least;
    two = previous;
    previous = current;
  }
  return previous[b.length] ?? 0;
}
