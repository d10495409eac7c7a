/**
 * The keys in Redis. All keys of a partition carry `{p}`, so a partition lies in one hash slot of a Redis Cluster and
 * one function call may touch all of it. Services read the segment sets by these names: they are a public interface.
 */

import { StoreRefused } from "../../engine/ports.js";

/** Number of partitions, written once by the set-up. */
export const PARTITIONS_KEY = "eddy:partitions";

/**
 * A store beside the main one in the same Redis, whose keys lie apart: a change of rules is filled in there, say. "" is the
 * main one. Clearing a partition of the main one (clear.ts) clears what lies in its scopes.
 */
export type Scope = string;

const TAKEN: ReadonlySet<string> = new Set(["segment", "ranking", "meta", "customers", "wakes", "outbox", "members", "shared", "partitions"]);

/** Throws StoreRefused for a name under which Eddy keeps something else. */
export function checkScope(scope: Scope): void {
  if (scope === "" || (/^[a-z]{1,20}$/.test(scope) && !TAKEN.has(scope))) return;
  throw new StoreRefused(`${JSON.stringify(scope)} cannot be the name of a scope: lower-case letters, and none of ${[...TAKEN].join(", ")}`);
}

export interface Keys {
  /** Hash: a member's id to the end of its lease and the partitions that it holds (functions/beat.ts). */
  readonly members: string;
  /** Hash: text fields that all partitions share (StateStore.shared). */
  readonly shared: string;
  /** Hash: the fields of meta-fields.ts. */
  meta(partition: number): string;
  /** Hash: customer id to packed state. */
  customers(partition: number): string;
  /** Sorted set: customer id by the instant of its next wake. */
  wakes(partition: number): string;
  /** Hash: number of an output to the output, packed by packed-output.ts. */
  outbox(partition: number): string;
  /** Hash: a value to the number of customers who stand there in a ranking. The commit function knows it by this name. */
  ranking(partition: number, ranking: string): string;
  /** Set: ids of the customers in a segment. */
  segment(partition: number, segment: string): string;
  /** Matches all keys of a partition, in the words of SCAN: in the main store those of its scopes too. */
  pattern(partition: number): string;
  /** Matches the keys of all partitions, likewise. */
  readonly everyPartition: string;
}

export function keysOf(scope: Scope): Keys {
  const within = scope === "" ? "" : `${scope}:`;
  return {
    members: `eddy:${within}members`,
    shared: `eddy:${within}shared`,
    meta: (partition) => `eddy:{${partition}}:${within}meta`,
    customers: (partition) => `eddy:{${partition}}:${within}customers`,
    wakes: (partition) => `eddy:{${partition}}:${within}wakes`,
    outbox: (partition) => `eddy:{${partition}}:${within}outbox`,
    ranking: (partition, ranking) => `eddy:{${partition}}:${within}ranking:${ranking}`,
    segment: (partition, segment) => `eddy:{${partition}}:${within}segment:${segment}`,
    pattern: (partition) => `eddy:{${partition}}:${within}*`,
    everyPartition: `eddy:{*}:${within}*`,
  };
}

/** The main store's. */
export const KEYS: Keys = keysOf("");
