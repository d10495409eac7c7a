/**
 * Removes all that the folder has of one partition's state, but its fields and its outbox: customers, wakes, memberships and
 * counts, in one transaction. False: the partition is not that writer's any more, and nothing was removed.
 */
import type { Writer } from "../../engine/ports.js";
import { storeFailure } from "./failures.js";
import type { Folder } from "./folder.js";
import { partitionKey } from "./keys.js";
import { readRow } from "./partition-row.js";

export function clearPartition(folder: Folder, partition: number, { epoch, token }: Writer): boolean {
  const { meta, states, wakes, members, sizes, counts } = folder.tables;
  const range = { start: partitionKey(partition), end: partitionKey(partition + 1) };
  try {
    return folder.write(() => {
      const { writer } = readRow(meta, partition);
      if (writer?.epoch !== epoch || writer.token !== token) return false;
      for (const table of [states, wakes, members, sizes, counts]) for (const key of [...table.getKeys(range)]) table.remove(key);
      return true;
    });
  } catch (error) {
    throw storeFailure(error, folder.dir);
  }
}
