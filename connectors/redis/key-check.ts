/**
 * Whether the keys that Eddy writes are free or its own kind: another program's data under the same names, found only by
 * the first commit that touches it, would be found late.
 */
import { StoreRefused } from "../../engine/ports.js";
import type { RedisConnection } from "./connection.js";
import { KEYS, type Keys } from "./keys.js";

/** Throws StoreRefused with the name of the first key that holds something else. */
export async function checkKeys(connection: RedisConnection, partitions: number, keys: Keys = KEYS): Promise<void> {
  const wanted: [key: string, type: string][] = [[keys.members, "hash"], [keys.shared, "hash"]];
  for (let p = 0; p < partitions; p++) wanted.push([keys.meta(p), "hash"], [keys.customers(p), "hash"], [keys.outbox(p), "hash"], [keys.wakes(p), "zset"]);
  const types = await connection.ask((client) => Promise.all(wanted.map(([key]) => client.type(key))));
  wanted.forEach(([key, type], i) => {
    const found = types[i];
    if (found === type || found === "none") return;
    throw new StoreRefused(
      `Redis at ${connection.address} holds a ${found} under ${key}, where Eddy keeps a ${type}: another program uses the same names in this database. ` +
      "Give Eddy a database of its own (redis://host:port/1), or a Redis of its own",
    );
  });
}
