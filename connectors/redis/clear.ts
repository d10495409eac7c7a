/**
 * Removes all that the store has of one partition, but its fields and its outbox: customers, wakes, memberships and counts,
 * whatever rules they are of. Page by page, each only so long as the partition is the writer's (functions/clear.ts): whoever
 * slept meanwhile removes nothing of what others have written since. Safe to repeat; what readers see meanwhile is a part.
 *
 * Of the main store the scopes' keys go with it, fields and all: what was filled in from the same log begins anew too.
 */
import type { Writer } from "../../engine/ports.js";
import type { RedisConnection } from "./connection.js";
import { askFunction } from "./functions/load.js";
import { KEYS, type Keys } from "./keys.js";

const KEYS_PER_PAGE = 1000;

/** False: the partition is not that writer's any more, and nothing further was removed. */
export async function clearPartition(connection: RedisConnection, partition: number, { epoch, token }: Writer, keys: Keys = KEYS): Promise<boolean> {
  const kept = new Set([keys.meta(partition), keys.outbox(partition)]);
  let isOwn = true;
  await connection.onEachServer(async (server) => {
    let cursor = "0";
    do {
      const [next, found] = await server.scan(cursor, "MATCH", keys.pattern(partition), "COUNT", KEYS_PER_PAGE);
      const gone = found.filter((key) => !kept.has(key));
      if (gone.length > 0) {
        const answer = await askFunction(connection, (client) => client.fcall("eddy_clear", gone.length + 1, keys.meta(partition), ...gone, epoch, token));
        isOwn = answer === "done";
      }
      cursor = next;
    } while (isOwn && cursor !== "0");
  });
  return isOwn;
}

/**
 * Removes a scope, one partition of it or all with what they share, whoever its writers are: their next commit is `moved`. Safe
 * to repeat.
 */
export async function dropScope(connection: RedisConnection, keys: Keys, partition: number | null): Promise<void> {
  await removePartitions(connection, partition === null ? keys.everyPartition : keys.pattern(partition));
  // Who works there goes last: whoever comes as soon as nobody does finds nothing that is still being removed.
  if (partition === null) for (const key of [keys.shared, keys.members]) await remove(connection, key);
}

/** Removes a scope but who works there. Safe to repeat. */
export async function emptyScope(connection: RedisConnection, keys: Keys): Promise<void> {
  await removePartitions(connection, keys.everyPartition);
  await remove(connection, keys.shared);
}

async function removePartitions(connection: RedisConnection, pattern: string): Promise<void> {
  await connection.onEachServer(async (server) => {
    let cursor = "0";
    do {
      const [next, found] = await server.scan(cursor, "MATCH", pattern, "COUNT", KEYS_PER_PAGE);
      // One by one: those of different partitions may lie in different slots.
      await Promise.all(found.map((key) => remove(connection, key)));
      cursor = next;
    } while (cursor !== "0");
  });
}

async function remove(connection: RedisConnection, key: string): Promise<void> {
  await connection.ask((client) => client.unlink(key));
}
