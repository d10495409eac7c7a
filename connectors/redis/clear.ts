/**
 * Removes all that the store has of one partition, but its fields and its outbox: customers, wakes, memberships and counts,
 * whatever rules they are of. Page by page, each only so long as the partition is the writer's (functions/clear.ts): whoever
 * slept meanwhile removes nothing of what others have written since. Safe to repeat; what readers see meanwhile is a part.
 */
import type { Writer } from "../../engine/ports.js";
import type { RedisConnection } from "./connection.js";
import { askFunction } from "./functions/load.js";
import { metaKey, outboxKey, partitionPattern } from "./keys.js";

const KEYS_PER_PAGE = 1000;

/** False: the partition is not that writer's any more, and nothing further was removed. */
export async function clearPartition(connection: RedisConnection, partition: number, { epoch, token }: Writer): Promise<boolean> {
  const kept = new Set([metaKey(partition), outboxKey(partition)]);
  let isOwn = true;
  await connection.onEachServer(async (server) => {
    let cursor = "0";
    do {
      const [next, keys] = await server.scan(cursor, "MATCH", partitionPattern(partition), "COUNT", KEYS_PER_PAGE);
      const gone = keys.filter((key) => !kept.has(key));
      if (gone.length > 0) {
        const answer = await askFunction(connection, (client) => client.fcall("eddy_clear", gone.length + 1, metaKey(partition), ...gone, epoch, token));
        isOwn = answer === "done";
      }
      cursor = next;
    } while (isOwn && cursor !== "0");
  });
  return isOwn;
}
