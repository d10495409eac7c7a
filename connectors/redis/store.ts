/**
 * The state store on Redis: an adapter of engine/ports.ts. What a partition may change changes in one function
 * (functions/commit.ts); everything else here only reads.
 *
 * A commit of 400 customers with 500 bytes each costs Redis 2.5 µs and this process 0.8 µs a customer; with wakes,
 * memberships and outputs of usual number 4.0 and 1.5 µs (bench/redis-commit.ts, Redis 7.0.15 with AOF every second).
 *
 * One commit of a partition at a time: when several are under way and the connection breaks, those that were done and
 * are sent again answer `moved`, since a later one is the last.
 *
 * Replies are slices of the received bytes; whoever keeps a state for long should keep what it unpacked.
 */
import { Cluster } from "ioredis";

import type { Claim, Commit, CommitAnswer, Member, Output, StateStore, Wake, Writer } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";
import { together } from "../together.js";
import { clearPartition, dropScope, emptyScope } from "./clear.js";
import { writeCommit } from "./commit-command.js";
import type { ConnectionOptions, RedisClient, RedisConnection } from "./connection.js";
import { connectRedis } from "./connection.js";
import { askFunction, ensureFunctions } from "./functions/load.js";
import { KEYS, checkScope, keysOf, type Keys, type Scope } from "./keys.js";
import { readClaim, readMeta } from "./meta-fields.js";
import { unpackOutput } from "./packed-output.js";
import { IllFormedText, WrittenCommand, wireBuffer, writeCount, writeText, written } from "./resp.js";
import type { WireBuffer } from "./resp.js";
import { checkKeys } from "./key-check.js";
import { checkServers } from "./server-check.js";
import { checkPartitions, readPartitions } from "./setup.js";

export interface OpenedStore {
  readonly store: StateStore;
  /** The number of partitions the store was set up with; null before the set-up. */
  readonly partitions: number | null;
  /** Sentences about settings that are unwise. */
  readonly warnings: readonly string[];
  /** Removes a partition's state (clear.ts). */
  clear(partition: number, writer: Writer): Promise<boolean>;
  /** Removes a partition of the scope with all that is known of it, or (null) the scope; refused for the main store. */
  drop(partition: number | null): Promise<void>;
  /** Removes all that the scope holds, but not who works there; refused for the main store. */
  empty(): Promise<void>;
}

/** Connects, checks the server, loads the functions. Throws StoreUnavailable or StoreRefused, and then keeps nothing open. With the wall clock, the server's is held against it. */
export async function openRedisStore(options: ConnectionOptions, now: (() => number) | null = null, scope: Scope = ""): Promise<OpenedStore> {
  checkScope(scope);
  const keys = keysOf(scope);
  const connection = connectRedis(options);
  try {
    const warnings = await Promise.race([checkServers(connection, now), connection.firstFailure]);
    warnings.push(...await ensureFunctions(connection));
    const partitions = await readPartitions(connection);
    if (partitions !== null) await checkKeys(connection, partitions, keys);
    return {
      store: redisStore(connection, partitions, keys), partitions, warnings,
      clear: (partition, writer) => clearPartition(connection, partition, writer, keys),
      async drop(partition) {
        if (scope === "") throw new StoreRefused("the main store is never dropped, only a scope");
        await dropScope(connection, keys, partition);
      },
      async empty() {
        if (scope === "") throw new StoreRefused("the main store is never emptied, only a scope");
        await emptyScope(connection, keys);
      },
    };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

const COMMIT_ANSWERS: ReadonlySet<string> = new Set<CommitAnswer>(["done", "already", "lost", "moved"]);
/** Members and customers asked for at a time; Redis may answer with some more. */
const MEMBERS_PER_PAGE = 1000;
const STATES_PER_PAGE = 200;
const COUNTS_PER_PAGE = 2000;

/**
 * A store on a connection that has been checked already. Closing the store closes the connection. With the number of
 * partitions it makes sure at each claim that Redis is still the one that was set up for them.
 */
export function redisStore(connection: RedisConnection, partitions: number | null = null, keys: Keys = KEYS): StateStore {
  const { client } = connection;
  // A cluster's client has a connection to each node.
  const grouped = together((begin) => {
    if (client instanceof Cluster || client.status !== "ready") return begin();
    const { stream } = client;
    stream.cork();
    begin();
    stream.uncork();
  });
  // Commits are of similar size, so the next buffer begins as large as the last one became.
  let usualCommitBytes = 64 * 1024;

  function encodeCommit(commit: Commit): Buffer {
    const wire = wireBuffer(usualCommitBytes);
    refusingIllFormed(() => writeCommit(wire, commit, keys));
    usualCommitBytes = Math.ceil(wire.at * 1.25);
    return written(wire);
  }

  return {
    async beat(member, holds, leaseMs) {
      if (member === "") throw new StoreRefused("a member's id may not be empty");
      const reply = await askFunction(connection, (client) => client.fcall("eddy_beat", 1, keys.members, member, leaseMs, holds.join()));
      return readMembers(reply as string[]);
    },

    async shared(names) {
      if (names.length === 0) return [];
      return connection.ask((client) => client.hmget(keys.shared, ...names));
    },

    async share(expected, set) {
      const pairs = [...Object.entries(expected), ...Object.entries(set)].flat();
      const reply = await askFunction(connection, (client) => client.fcall("eddy_share", 1, keys.shared, Object.keys(expected).length, ...pairs));
      return reply === "done";
    },

    async claim(partition, token): Promise<Claim> {
      if (token === "") throw new StoreRefused("a writer's token may not be empty");
      if (partitions !== null) await checkPartitions(connection, partitions);
      const reply = await askFunction(connection, (client) => client.fcall("eddy_claim", 1, keys.meta(partition), token));
      return readClaim(reply as string[], token);
    },

    async meta(partition) {
      return readMeta((await connection.ask((client) => client.call("HGETALL", keys.meta(partition)))) as string[]);
    },

    async load(partition, customers) {
      if (customers.length === 0) return [];
      const bytes = encodeLoad(keys.customers(partition), customers);
      const command = (): WrittenCommand => new WrittenCommand("hmget", [keys.customers(partition)], bytes);
      return (await grouped.run(bytes.length, () => connection.ask((client) => client.sendCommand(command()) as Promise<unknown>))) as (Buffer | null)[];
    },

    async wakes(partition, after, limit) {
      if (limit <= 0) return [];
      const place = after === null ? [] : [after.at, after.customer];
      const reply = await askFunction(connection, (client) =>
        client.fcall_ro("eddy_wakes", 1, keys.wakes(partition), limit, ...place));
      return readWakes(reply as string[]);
    },

    async commit(commit): Promise<CommitAnswer> {
      const bytes = encodeCommit(commit);
      const reply = await grouped.run(bytes.length, () => askFunction(connection, (client) =>
        client.sendCommand(commitCommand(keys.meta(commit.partition), bytes)) as Promise<unknown>));
      const answer = String(reply);
      if (!COMMIT_ANSWERS.has(answer)) throw new StoreRefused(`Redis at ${connection.address} answered a commit with ${answer}`);
      return answer as CommitAnswer;
    },

    async outbox(partition, from, limit) {
      if (limit <= 0) return [];
      const reply = await askFunction(connection, (client) =>
        client.callBuffer("FCALL_RO", "eddy_outbox", 2, keys.meta(partition), keys.outbox(partition), from, limit));
      return readOutputs(reply as Buffer[]);
    },

    async segmentSizes(partition, segments) {
      return connection.ask((client) =>
        Promise.all(segments.map((segment) => client.scard(keys.segment(partition, segment)))));
    },

    counts: (partition, ranking) => connection.ask((client) => readCounts(client, keys.ranking(partition, ranking))),

    async members(partition, segment, cursor) {
      const [next, customers] = await connection.ask((client) =>
        client.sscan(keys.segment(partition, segment), cursor ?? "0", "COUNT", MEMBERS_PER_PAGE));
      return { customers, cursor: next === "0" ? null : next };
    },

    async scan(partition, cursor, limit = STATES_PER_PAGE) {
      const [next, entries] = await connection.ask((client) =>
        client.hscanBuffer(keys.customers(partition), cursor ?? "0", "COUNT", limit));
      const position = String(next);
      return { states: readStates(entries), cursor: position === "0" ? null : position };
    },

    watch: connection.watch,
    close: connection.close,
  };
}

function encodeLoad(key: string, customers: readonly string[]): Buffer {
  const wire: WireBuffer = wireBuffer(customers.length * 48);
  writeCount(wire, customers.length + 2);
  writeText(wire, "HMGET");
  writeText(wire, key);
  refusingIllFormed(() => { for (const customer of customers) writeText(wire, customer); });
  return written(wire);
}

function refusingIllFormed(work: () => void): void {
  try {
    work();
  } catch (error) {
    throw error instanceof IllFormedText ? new StoreRefused(error.message) : error;
  }
}

function commitCommand(meta: string, bytes: Buffer): WrittenCommand {
  return new WrittenCommand("fcall", ["eddy_commit", "1", meta], bytes);
}

/**
 * A whole hash page by page, so that a large one holds nobody up. A scan names a field more than once while the hash is
 * rearranged, and misses some where the server was replaced meanwhile: then it is read again.
 */
async function readCounts(client: RedisClient, key: string): Promise<[number, number][]> {
  for (;;) {
    const counts = new Map<number, number>();
    let cursor = "0";
    do {
      const [next, entries] = await client.hscan(key, cursor, "COUNT", COUNTS_PER_PAGE);
      for (let i = 0; i + 1 < entries.length; i += 2) counts.set(Number(entries[i]), Number(entries[i + 1]));
      cursor = next;
    } while (cursor !== "0");
    if (counts.size === await client.hlen(key)) return [...counts];
  }
}

function readMembers(reply: readonly string[]): Member[] {
  const members: Member[] = [];
  for (let i = 0; i + 1 < reply.length; i += 2) members.push({ id: reply[i] ?? "", holds: (reply[i + 1] ?? "").split(",").filter((text) => text !== "").map(Number) });
  return members.sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
}

function readWakes(reply: readonly string[]): Wake[] {
  const wakes: Wake[] = [];
  for (let i = 0; i + 1 < reply.length; i += 2) wakes.push({ customer: reply[i] ?? "", at: Number(reply[i + 1]) });
  return wakes;
}

function readOutputs(reply: readonly Buffer[]): Output[] {
  const outputs: Output[] = [];
  for (let i = 0; i + 1 < reply.length; i += 2) {
    const packed = reply[i + 1];
    if (packed !== undefined) outputs.push(unpackOutput(Number(String(reply[i])), packed));
  }
  return outputs;
}

function readStates(entries: readonly Buffer[]): [string, Uint8Array][] {
  const states: [string, Uint8Array][] = [];
  for (let i = 0; i + 1 < entries.length; i += 2) {
    const state = entries[i + 1];
    if (state !== undefined) states.push([String(entries[i]), state]);
  }
  return states;
}
