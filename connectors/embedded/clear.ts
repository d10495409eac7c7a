/**
 * Removes all that the folder has of one partition's state, but its row and fields: customers, wakes, memberships, counts
 * and the outbox, in one transaction.
 */
import { storeFailure } from "./failures.js";
import type { Folder } from "./folder.js";
import { partitionKey } from "./keys.js";

export function clearPartition(folder: Folder, partition: number): void {
  const { states, wakes, members, sizes, outbox, counts } = folder.tables;
  const range = { start: partitionKey(partition), end: partitionKey(partition + 1) };
  try {
    folder.write(() => {
      for (const table of [states, wakes, members, sizes, outbox, counts]) for (const key of [...table.getKeys(range)]) table.remove(key);
    });
  } catch (error) {
    throw storeFailure(error, folder.dir);
  }
}
