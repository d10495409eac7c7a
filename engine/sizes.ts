/**
 * How much is done at once, and how far ahead. What is right for a few customers is right for millions: a simulation makes
 * all of these small, so that what happens at their edges happens often.
 */
export interface Sizes {
  /** Records of one batch. */
  readonly batch: number;
  /** Bytes of records of one batch, or one larger record: parsed they take several times that. */
  readonly batchBytes: number;
  /** Work on one batch that nobody else of the process may interrupt ends after so long, ms: the rest is the next batch. */
  readonly batchMs: number;
  /** With fewer records than so many, a batch waits for the answer to the commit before. */
  readonly ahead: number;
  /** Customers loaded in one round trip. */
  readonly loadAtOnce: number;
  /** Most customers of one commit: larger ones ruin the tail of the latencies and win no throughput. */
  readonly commitCustomers: number;
  /** Bytes of states, and characters of outputs, with which a commit is full. */
  readonly commitMost: number;
  /** Wakes that run within one commit: one customer may have very many behind each other. */
  readonly commitWakes: number;
  /** The first size of the buffer for a commit's states. */
  readonly commitBytes: number;
  /** Entries of a page of the wake index; a page with fewer is the last. */
  readonly wakePage: number;
  /** Entries of the wake index in memory, above which the later half is left to the store. */
  readonly wakesInMemory: number;
  /** Outputs published at once, and their characters. */
  readonly publishAtOnce: number;
  readonly publishMost: number;
  /** Characters of committed outputs that may wait to be published before evaluation stops (beside WorkerLimits.maxOutbox). */
  readonly outboxMost: number;
  /** Records handed to one partition, and bytes handed to all of a process, that are not taken yet: above this, reading pauses. */
  readonly queue: number;
  readonly queueBytes: number;
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
  batch: 512, batchBytes: 1024 * 1024, batchMs: 3, ahead: 128, loadAtOnce: 400, commitCustomers: 400, commitMost: 2 * 1024 * 1024, commitWakes: 400,
  commitBytes: 256 * 1024, wakePage: 1000, wakesInMemory: 50_000, publishAtOnce: 256, publishMost: 2 * 1024 * 1024, outboxMost: 16 * 1024 * 1024,
  queue: 8192, queueBytes: 64 * 1024 * 1024, outboxPage: 1000,
  sweepPage: 64, idleAhead: 10_000, leastCache: 4096,
};
