/**
 * Removes all that the folder has of one partition's state, but its fields and its outbox: customers, wakes, memberships and
 * counts, in one transaction. False: the partition is not that writer's any more, and nothing was removed.
 */
import type { Writer } from "../../engine/ports.js";
import { storeFailure } from "./failures.js";
import type { Folder } from "./folder.js";
import { partitionKey } from "./keys.js";
import { readRow, removeRow } from "./partition-row.js";

export function clearPartition(folder: Folder, partition: number, { epoch, token }: Writer): boolean {
  const { meta, states, wakes, wakeOf, members, sizes, counts } = folder.tables;
  const range = { start: partitionKey(partition), end: partitionKey(partition + 1) };
  try {
    return folder.write(() => {
      const { writer } = readRow(meta, partition);
      if (writer?.epoch !== epoch || writer.token !== token) return false;
      for (const table of [states, wakes, wakeOf, members, sizes, counts]) for (const key of [...table.getKeys(range)]) table.remove(key);
      return true;
    });
  } catch (error) {
    throw storeFailure(error, folder.dir);
  }
}

/** Removes a partition as if it had never been, whoever its writer is. */
export function dropPartition(folder: Folder, partition: number): void {
  const { meta, states, wakes, wakeOf, members, sizes, counts, outbox, fields } = folder.tables;
  const range = { start: partitionKey(partition), end: partitionKey(partition + 1) };
  try {
    folder.write(() => {
      for (const table of [states, wakes, wakeOf, members, sizes, counts, outbox, fields]) for (const key of [...table.getKeys(range)]) table.remove(key);
      removeRow(meta, partition);
    });
  } catch (error) {
    throw storeFailure(error, folder.dir);
  }
}

/** Removes all that a scope's folder holds, in one transaction; what it was set up with and whose it is stay. */
export function emptyFolder(folder: Folder): void {
  const { meta, ...others } = folder.tables;
  try {
    folder.write(() => {
      for (const table of Object.values(others)) table.clearSync();
      for (let partition = 0; partition < folder.format.partitions; partition++) removeRow(meta, partition);
    });
  } catch (error) {
    throw storeFailure(error, folder.dir);
  }
}
