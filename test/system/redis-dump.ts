/** Everything that a Redis holds, as text: for tests that look for what must not be there. */
import { connectRedis } from "../../connectors/redis/connection.js";

export interface DumpedKey {
  readonly key: string;
  /** All fields, members and values. */
  readonly text: string;
}

export async function redisKeys(url: string): Promise<DumpedKey[]> {
  const connection = connectRedis({ url });
  try {
    return await connection.ask(async (client) => {
      const found: DumpedKey[] = [];
      for (const key of (await client.keys("*")).sort()) {
        const type = await client.type(key);
        const parts: unknown = type === "hash" ? await client.hgetall(key) : type === "set" ? await client.smembers(key) : type === "zset" ? await client.zrange(key, 0, -1) : await client.get(key);
        found.push({ key, text: `${key} ${JSON.stringify(parts)}` });
      }
      return found;
    });
  } finally {
    await connection.close();
  }
}
