/** Puts the function library where it is missing or older. */
import type { Redis } from "ioredis";
import type { RedisClient, RedisConnection } from "../connection.js";
import { isFunctionMissing } from "../failures.js";
import { LIBRARY, VERSION } from "./library.js";

async function loadedVersion(server: Redis): Promise<number> {
  try {
    return Number(await server.fcall("eddy_version", 0));
  } catch (error) {
    if (isFunctionMissing(error)) return 0;
    throw error;
  }
}

/** Safe to repeat, and to run in several processes at once: loading replaces the whole library in one step. */
export function ensureFunctions(connection: RedisConnection): Promise<void> {
  return connection.onEachServer(async (server) => {
    if (await loadedVersion(server) < VERSION) await server.function("LOAD", "REPLACE", LIBRARY);
  });
}

/** Asks something that calls a function; when Redis has lost the library, loads it and asks once more. */
export function askFunction<T>(connection: RedisConnection, question: (client: RedisClient) => Promise<T>): Promise<T> {
  return connection.ask(async (client) => {
    try {
      return await question(client);
    } catch (error) {
      if (!isFunctionMissing(error)) throw error;
    }
    await ensureFunctions(connection);
    return question(client);
  });
}
