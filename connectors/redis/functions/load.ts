/** Puts the function library where it is missing or older; a newer one is left alone (library.ts). */
import type { Redis } from "ioredis";
import { StoreRefused } from "../../../engine/ports.js";
import type { RedisClient, RedisConnection } from "../connection.js";
import { isFunctionMissing } from "../failures.js";
import { LIBRARY, VERSION } from "./library.js";

async function loadedVersion(server: Redis): Promise<number> {
  try {
    return Number(await server.fcall_ro("eddy_version", 0));
  } catch (error) {
    if (isFunctionMissing(error)) return 0;
    throw error;
  }
}

/**
 * Safe to repeat, and to run in several processes at once: loading replaces the whole library in one step. A newer library
 * serves this version too, as in a rolling deployment or after going back to it; the answer tells of one, as sentences.
 */
export async function ensureFunctions(connection: RedisConnection): Promise<string[]> {
  const newer: string[] = [];
  await connection.onEachServer(async (server) => {
    const loaded = await loadedVersion(server);
    if (loaded < VERSION) await load(server, connection.address);
    if (loaded > VERSION) newer.push(`Redis at ${connection.address} has the functions of a newer Eddy (version ${loaded}, this one brings ${VERSION}): they serve this one too and are left as they are`);
  });
  return newer;
}

async function load(server: Redis, address: string): Promise<void> {
  try {
    await server.function("LOAD", "REPLACE", LIBRARY);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith("NOPERM")) throw error;
    throw new StoreRefused(`Redis at ${address} lacks Eddy's functions or has older ones, and this user may not load Eddy's functions: run "eddy setup" with a user who may (+function|load)`);
  }
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
