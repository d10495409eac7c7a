/**
 * Sets a Redis up for Eddy: the function library and the number of partitions. Safe to repeat.
 *
 * The number of partitions decides where a customer lies, so it can never change afterwards.
 */
import { StoreRefused } from "../../engine/ports.js";
import type { RedisConnection } from "./connection.js";
import { ensureFunctions } from "./functions/load.js";
import { PARTITIONS_KEY } from "./keys.js";

const MOST_PARTITIONS = 4096;

export interface SetupOptions {
  readonly partitions: number;
}

/** Throws StoreRefused when the store has another number of partitions already. */
export async function setupStore(connection: RedisConnection, options: SetupOptions): Promise<void> {
  const { partitions } = options;
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > MOST_PARTITIONS) {
    throw new StoreRefused(`a store has 1 to ${MOST_PARTITIONS} partitions, not ${partitions}`);
  }
  await ensureFunctions(connection);
  await connection.ask((client) => client.set(PARTITIONS_KEY, String(partitions), "NX"));
  const stored = await readPartitions(connection);
  if (stored !== partitions) {
    throw new StoreRefused(
      `Redis at ${connection.address} was set up for ${stored ?? "no"} partitions and cannot change to ${partitions}: ` +
      "use that number, or an empty database",
    );
  }
}

/** Throws StoreRefused where Redis is not, or not any more, one that was set up for so many partitions. */
export async function checkPartitions(connection: RedisConnection, partitions: number): Promise<void> {
  const stored = await readPartitions(connection);
  if (stored === partitions) return;
  throw new StoreRefused(
    stored === null
      ? `Redis at ${connection.address} has lost everything (it was emptied, or another one answers there): bring a backup back; or run 'eddy setup' and start ` +
        "again, then the state is rebuilt from the events that the log still holds, and nothing is published twice"
      : `Redis at ${connection.address} is another one now: it was set up for ${stored} partitions, not ${partitions}`,
  );
}

/** The number of partitions, or null before the set-up. */
export async function readPartitions(connection: RedisConnection): Promise<number | null> {
  const text = await connection.ask((client) => client.get(PARTITIONS_KEY));
  if (text === null) return null;
  const partitions = Number(text);
  if (Number.isInteger(partitions) && partitions >= 1 && partitions <= MOST_PARTITIONS) return partitions;
  throw new StoreRefused(`Redis at ${connection.address} holds something else under ${PARTITIONS_KEY}`);
}
