/**
 * The keys in Redis. All keys of a partition carry `{p}`, so a partition lies in one hash slot of a Redis Cluster and
 * one function call may touch all of it. Services read the segment sets by these names: they are a public interface.
 */

/** Number of partitions, written once by the set-up. */
export const PARTITIONS_KEY = "eddy:partitions";

/** Hash: a member's id to the end of its lease and the partitions that it holds (functions/beat.ts). */
export const MEMBERS_KEY = "eddy:members";

/** Hash: text fields that all partitions share (StateStore.shared). */
export const SHARED_KEY = "eddy:shared";

/** Matches all keys of a partition, in the words of SCAN. */
export const partitionPattern = (partition: number): string => `eddy:{${partition}}:*`;

/** Hash: the fields of meta-fields.ts. */
export const metaKey = (partition: number): string => `eddy:{${partition}}:meta`;
/** Hash: customer id to packed state. */
export const customersKey = (partition: number): string => `eddy:{${partition}}:customers`;
/** Sorted set: customer id by the instant of its next wake. */
export const wakesKey = (partition: number): string => `eddy:{${partition}}:wakes`;
/** Hash: number of an output to the output, packed by packed-output.ts. */
export const outboxKey = (partition: number): string => `eddy:{${partition}}:outbox`;
/** Hash: a value to the number of customers who stand there in a ranking. The commit function knows it by this name. */
export const rankingKey = (partition: number, ranking: string): string => `eddy:{${partition}}:ranking:${ranking}`;
/** Set: ids of the customers in a segment. */
export const segmentKey = (partition: number, segment: string): string => `eddy:{${partition}}:segment:${segment}`;
