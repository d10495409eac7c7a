/**
 * Removes all that the store has of one partition, but the row of its fields: customers, wakes, memberships, counts and
 * the outbox, whatever rules they are of. Safe to repeat; what readers see meanwhile is a part.
 */
import type { RedisConnection } from "./connection.js";
import { metaKey, partitionPattern } from "./keys.js";

const KEYS_PER_PAGE = 1000;

export function clearPartition(connection: RedisConnection, partition: number): Promise<void> {
  const kept = metaKey(partition);
  return connection.onEachServer(async (server) => {
    let cursor = "0";
    do {
      const [next, keys] = await server.scan(cursor, "MATCH", partitionPattern(partition), "COUNT", KEYS_PER_PAGE);
      const gone = keys.filter((key) => key !== kept);
      if (gone.length > 0) await server.unlink(...gone);
      cursor = next;
    } while (cursor !== "0");
  });
}
