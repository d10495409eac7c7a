/**
 * Reads segments for services: is this customer in that segment, in which ones, how large is it, who is in it.
 *
 * It needs Redis alone, and only the right to read `eddy:*`. Answers are as new as Eddy's last commit. It knows no
 * rules: a segment that nobody is in and one that does not exist look the same.
 */
import { encodeToken, partition } from "../../engine/subjects.js";
import { StoreRefused } from "../../engine/ports.js";
import type { ConnectionOptions } from "./connection.js";
import { connectRedis } from "./connection.js";
import { KEYS } from "./keys.js";
import { readPartitions } from "./setup.js";

export interface SegmentReader {
  isMember(customer: string, segment: string): Promise<boolean>;
  /** Those of the named segments that the customer is in, in the order given. */
  segmentsOf(customer: string, segments: readonly string[]): Promise<string[]>;
  /** Number of members over all partitions. */
  size(segment: string): Promise<number>;
  /** All members, in any order. One who stays throughout is seen at least once, and perhaps twice. */
  list(segment: string): AsyncIterableIterator<string>;
  close(): Promise<void>;
}

const MEMBERS_PER_PAGE = 1000;

/** Throws StoreUnavailable, or StoreRefused where Redis has not been set up for Eddy. */
export async function openSegmentReader(options: ConnectionOptions): Promise<SegmentReader> {
  const connection = connectRedis(options);
  const partitions = await partitionsOrClose();

  async function partitionsOrClose(): Promise<number> {
    try {
      const stored = await readPartitions(connection);
      if (stored !== null) return stored;
      throw new StoreRefused(`Redis at ${connection.address} has not been set up for Eddy; run: eddy setup`);
    } catch (error) {
      await connection.close();
      throw error;
    }
  }

  const keyFor = (customer: string, segment: string): string =>
    KEYS.segment(partition(encodeToken(customer), partitions), segment);

  const isMember = async (customer: string, segment: string): Promise<boolean> =>
    (await connection.ask((client) => client.sismember(keyFor(customer, segment), customer))) === 1;

  return {
    isMember,
    async segmentsOf(customer, segments) {
      const inside = await Promise.all(segments.map((segment) => isMember(customer, segment)));
      return segments.filter((_, i) => inside[i]);
    },
    async size(segment) {
      const all = Array.from({ length: partitions }, (_, p) => KEYS.segment(p, segment));
      const sizes = await connection.ask((client) => Promise.all(all.map((key) => client.scard(key))));
      return sizes.reduce((sum, size) => sum + size, 0);
    },
    async *list(segment) {
      for (let p = 0; p < partitions; p++) {
        let cursor = "0";
        do {
          const at = cursor;
          const [next, customers] = await connection.ask((client) =>
            client.sscan(KEYS.segment(p, segment), at, "COUNT", MEMBERS_PER_PAGE));
          yield* customers;
          cursor = next;
        } while (cursor !== "0");
      }
    },
    close: connection.close,
  };
}
