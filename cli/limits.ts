/** What an engine keeps at most unless it is told otherwise; also for a worker thread, which should not load all of `eddy run` for two numbers. */

/** The setting `cache-customers` where it is not given. */
export const DEFAULT_CACHE_CUSTOMERS = 50_000;
/** Committed outputs that may wait for the output log, and published ones that are kept, per partition. */
export const WORKER_LIMITS = { maxOutbox: 50_000, keepPublished: 10_000 };
