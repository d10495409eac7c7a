/**
 * How much is done at once, and how far ahead. What is right for a few customers is right for millions: a simulation makes
 * all of these small, so that what happens at their edges happens often.
 */
export interface Sizes {
  /** Records of one batch. */
  readonly batch: number;
  /** Customers loaded in one round trip. */
  readonly loadAtOnce: number;
  /** Most customers of one commit: larger ones ruin the tail of the latencies and win no throughput. */
  readonly commitCustomers: number;
  /** The first size of the buffer for a commit's states. */
  readonly commitBytes: number;
  /** Entries of a page of the wake index; a page with fewer is the last. */
  readonly wakePage: number;
  /** Entries of the wake index in memory, above which the later half is left to the store. */
  readonly wakesInMemory: number;
  /** Outputs published at once. */
  readonly publishAtOnce: number;
  /** Outputs read from the outbox at once. */
  readonly outboxPage: number;
  /** Customers of one page of a sweep; whoever comes meanwhile waits for no more than a page: a few milliseconds. */
  readonly sweepPage: number;
  /** An idle partition records how far it has seen when that is so many records ahead. */
  readonly idleAhead: number;
  /** A cache of fewer customers would throw them out between loading and using them. */
  readonly leastCache: number;
}

export const SIZES: Sizes = {
  batch: 512, loadAtOnce: 400, commitCustomers: 400, commitBytes: 256 * 1024, wakePage: 1000, wakesInMemory: 50_000, publishAtOnce: 256, outboxPage: 1000,
  sweepPage: 64, idleAhead: 10_000, leastCache: 4096,
};
