/**
 * Which ids were appended within the last two minutes: a hash table in memory over the ids that lie in the folder
 * beside the log. A table in LMDB instead would touch a page of 4 KB for every id (random keys), more than the log
 * itself writes.
 *
 * The memory holds a 32-bit hash and a sequence for each id and answers candidates only; whether a candidate has the
 * very same id is read from the folder, so no two ids are ever taken for one another.
 *
 * Bounds: ids are kept in generations of a minute, or of four million ids; a generation goes when all of it is older
 * than two minutes, or when there are more than five (then ids are recognised for less long than two minutes: above
 * some 160,000 a second, sustained). Twelve bytes a place, at most two thirds of the places taken.
 */

export const DUPLICATE_WINDOW_MS = 120_000;

const GENERATION_MS = 60_000;
const GENERATION_IDS = 4_000_000;
const MAX_GENERATIONS = 5;
const FEWEST_PLACES = 1024;

interface Generation {
  readonly oldest: number;
  newest: number;
  count: number;
  hashes: Int32Array;
  /** 0: a free place. */
  sequences: Float64Array;
}

export interface RecentIds {
  /** The sequences that may carry an id of this hash, newest generation first, until one is accepted; 0 when none is. */
  find(hash: number, accept: (sequence: number) => boolean): number;
  add(hash: number, sequence: number, stamp: number): void;
  /** Lets go of what no append at this stamp or later can duplicate. */
  prune(stamp: number): void;
}

export function recentIds(): RecentIds {
  let generations: Generation[] = [];

  function current(stamp: number): Generation {
    const last = generations.at(-1);
    if (last !== undefined && stamp - last.oldest < GENERATION_MS && last.count < GENERATION_IDS) return last;
    const next = generation(stamp);
    generations.push(next);
    if (generations.length > MAX_GENERATIONS) generations.shift();
    return next;
  }

  return {
    find(hash, accept) {
      for (let i = generations.length - 1; i >= 0; i--) {
        const found = generations[i];
        const sequence = found === undefined ? 0 : probe(found, hash, accept);
        if (sequence > 0) return sequence;
      }
      return 0;
    },
    add(hash, sequence, stamp) {
      const into = current(stamp);
      if (into.count * 3 >= into.hashes.length * 2) grow(into);
      place(into, hash, sequence);
      into.count += 1;
      into.newest = Math.max(into.newest, stamp);
    },
    prune(stamp) {
      if (generations.some(({ newest }) => stamp - newest >= DUPLICATE_WINDOW_MS)) {
        generations = generations.filter(({ newest }) => stamp - newest < DUPLICATE_WINDOW_MS);
      }
    },
  };
}

function generation(stamp: number): Generation {
  return { oldest: stamp, newest: stamp, count: 0, hashes: new Int32Array(FEWEST_PLACES), sequences: new Float64Array(FEWEST_PLACES) };
}

function probe({ hashes, sequences }: Generation, hash: number, accept: (sequence: number) => boolean): number {
  const mask = hashes.length - 1;
  for (let i = hash & mask; ; i = (i + 1) & mask) {
    const sequence = sequences[i] ?? 0;
    if (sequence === 0) return 0;
    if (hashes[i] === hash && accept(sequence)) return sequence;
  }
}

function place({ hashes, sequences }: Generation, hash: number, sequence: number): void {
  const mask = hashes.length - 1;
  let i = hash & mask;
  while (sequences[i] !== 0) i = (i + 1) & mask;
  hashes[i] = hash;
  sequences[i] = sequence;
}

function grow(generation: Generation): void {
  const { hashes, sequences } = generation;
  generation.hashes = new Int32Array(2 * hashes.length);
  generation.sequences = new Float64Array(2 * hashes.length);
  for (let i = 0; i < hashes.length; i++) {
    const sequence = sequences[i] ?? 0;
    if (sequence !== 0) place(generation, hashes[i] ?? 0, sequence);
  }
}

/** FNV-1a over UTF-16 units, with the bits mixed once more since places are taken from the low ones (murmur3's end). */
export function hashOf(id: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < id.length; i++) hash = Math.imul(hash ^ id.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
