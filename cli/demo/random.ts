/**
 * Seeded chance for the demonstration. Only whole-number and basic floating-point arithmetic is used (no logarithms,
 * no machine's own generator), so a seed gives the same draws on every machine.
 *
 * The generator is Tommy Ettinger's mulberry32: one 32-bit word of state, a period of 2^32 draws.
 */

/** Draws that follow each other; every call moves the generator on. */
export interface Random {
  /** At least 0, below 1. */
  readonly share: () => number;
  /** True with this probability. */
  readonly chance: (probability: number) => boolean;
  /** A whole number from 0 up to, not including, `below`. */
  readonly whole: (below: number) => number;
  /** Evenly spread from `low` up to `high`. */
  readonly between: (low: number, high: number) => number;
  /** One of the list, each as likely. */
  readonly pick: <T>(list: readonly [T, ...T[]]) => T;
  /** A position in the list of weights, each as likely as its weight says. */
  readonly weighted: (weights: readonly number[]) => number;
  /** A value of the distribution whose evenly spaced quantiles are given, linear between them. */
  readonly quantile: (table: readonly number[]) => number;
}

export function seededRandom(seed: number): Random {
  let state = seed | 0;

  const share = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const whole = (below: number): number => Math.floor(share() * below);

  return {
    share,
    chance: (probability) => share() < probability,
    whole,
    between: (low, high) => low + share() * (high - low),
    pick: (list) => list[whole(list.length)] ?? list[0],
    weighted: (weights) => {
      let total = 0;
      for (const weight of weights) total += weight;
      let left = share() * total;
      for (let i = 0; i < weights.length; i++) {
        left -= weights[i] ?? 0;
        if (left < 0) return i;
      }
      return weights.length - 1;
    },
    quantile: (table) => {
      const position = share() * (table.length - 1);
      const below = Math.floor(position);
      const low = table[below] ?? 0;
      const high = table[below + 1] ?? low;
      return low + (position - below) * (high - low);
    },
  };
}

/** Waiting times of things that come at any time: quantiles of the exponential distribution with mean 1, cut at 4.6. */
export const EXPONENTIAL: readonly number[] = [
  0, 0.0645, 0.1335, 0.2076, 0.2877, 0.3747, 0.47, 0.5754, 0.6931, 0.8267, 0.9808, 1.1632, 1.3863, 1.674, 2.0794, 2.7726,
  4.6,
];
