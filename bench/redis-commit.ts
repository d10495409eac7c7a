/**
 * What a commit costs on Redis, and what other ways of sending it would cost.
 *
 *   node dist/bench/redis-commit.js redis://127.0.0.1:6379
 *
 * The database must be empty; it is emptied again at the end. Load: 8 partitions at once, each commit 400 customers of
 * 20,000 with 500 bytes of state; "as the store does" and "whole commit" go through eddy_commit with all its checks.
 * A whole commit carries besides: every fourth customer a wake, every eighth a change of membership in one of five
 * segments, every tenth an output. "load" is the reading of 400 customers.
 *
 * Figures (2 cores shared with the server and others, Redis 7.0.15 with AOF every second, Node 20.20; µs per customer:
 * elapsed, processor time of the server, time inside the function, processor time of this process):
 *
 *   way                         elapsed   server   inside     here
 *   flat, ioredis's encoder        2.79     2.34     1.73     2.15
 *   flat, bytes written here       2.78     2.53     1.71     1.12
 *   packed (MessagePack)           2.96     2.78     2.27     0.89
 *   as the store does              2.69     2.49     1.76     0.78
 *   whole commit                   4.29     3.98     2.94     1.48
 *   load                           1.29     1.05     0.86     0.73
 */
import { Redis } from "ioredis";
import type { Commit, Output, StateStore, Writer } from "../engine/ports.js";
import { connectRedis } from "../connectors/redis/connection.js";
import { ensureFunctions } from "../connectors/redis/functions/load.js";
import { KEYS } from "../connectors/redis/keys.js";
import { WrittenCommand, wireBuffer, writeBytes, writeCount, writeText, written } from "../connectors/redis/resp.js";
import { redisStore } from "../connectors/redis/store.js";

const PARTITIONS = 8;
const CUSTOMERS_PER_COMMIT = 400;
const CUSTOMERS = 20_000;
const STATE_BYTES = 500;
const WARM_UP_ROUNDS = 10;
const ROUNDS = 60;
const CHUNK = 100;

type Entry = readonly [customer: string, state: Uint8Array];

/** A small generator, so that every run does the same. */
let seed = 1;
function below(limit: number): number {
  seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fff_ffff;
  return seed % limit;
}

const STATES = Array.from({ length: 1000 }, (_, i) => Uint8Array.from({ length: STATE_BYTES }, (__, k) => (k * 7 + i) & 255));

function nextEntries(): Entry[] {
  const start = below(CUSTOMERS);
  return Array.from({ length: CUSTOMERS_PER_COMMIT }, (_, i): Entry =>
    [`c${(start + i * 37) % CUSTOMERS}`, STATES[below(STATES.length)] ?? new Uint8Array(STATE_BYTES)]);
}

interface Way {
  readonly name: string;
  run(partition: number, entries: readonly Entry[]): Promise<unknown>;
}

const FLAT_AND_PACKED = `#!lua name=eddy_bench
redis.register_function('eddy_bench_flat', function(keys, args)
  for i = 1, #args, 200 do redis.call('HSET', keys[1], unpack(args, i, math.min(i + 199, #args))) end
  return 'done'
end)
redis.register_function('eddy_bench_packed', function(keys, args)
  for i = 1, #args do redis.call('HSET', keys[1], cmsgpack.unpack(args[i])) end
  return 'done'
end)`;

function throughIoredis(redis: Redis): Way {
  return {
    name: "flat, ioredis's encoder",
    run: (partition, entries) => redis.call("FCALL", "eddy_bench_flat", 1, KEYS.customers(partition),
      ...entries.flatMap(([id, state]) => [id, Buffer.from(state.buffer)])),
  };
}

function writtenHere(redis: Redis): Way {
  return {
    name: "flat, bytes written here",
    run: (partition, entries) => {
      const key = KEYS.customers(partition);
      const wire = wireBuffer(300_000);
      writeCount(wire, 4 + 2 * entries.length);
      for (const text of ["FCALL", "eddy_bench_flat", "1", key]) writeText(wire, text);
      for (const [id, state] of entries) {
        writeText(wire, id);
        writeBytes(wire, state);
      }
      return redis.sendCommand(new WrittenCommand("fcall", ["eddy_bench_flat", "1", key], written(wire))) as Promise<unknown>;
    },
  };
}

/** MessagePack texts, so many customers in one argument; ids here are shorter than 256 bytes, states than 65,536. */
function packed(redis: Redis): Way {
  return {
    name: "packed (MessagePack)",
    run: (partition, entries) => {
      const key = KEYS.customers(partition);
      const wire = wireBuffer(300_000);
      writeCount(wire, 4 + Math.ceil(entries.length / CHUNK));
      for (const text of ["FCALL", "eddy_bench_packed", "1", key]) writeText(wire, text);
      for (let from = 0; from < entries.length; from += CHUNK) writeBytes(wire, packEntries(entries.slice(from, from + CHUNK)));
      return redis.sendCommand(new WrittenCommand("fcall", ["eddy_bench_packed", "1", key], written(wire))) as Promise<unknown>;
    },
  };
}

function packEntries(entries: readonly Entry[]): Buffer {
  const bytes = Buffer.allocUnsafe(entries.length * (STATE_BYTES + 32));
  let at = 0;
  for (const [id, state] of entries) {
    bytes[at] = 0xd9;
    bytes[at + 1] = bytes.write(id, at + 2);
    at += 2 + (bytes[at + 1] ?? 0);
    bytes[at] = 0xda;
    bytes.writeUInt16BE(state.length, at + 1);
    bytes.set(state, at + 3);
    at += 3 + state.length;
  }
  return bytes.subarray(0, at);
}

interface Chain {
  readonly writer: Writer;
  number: number;
  output: number;
}

async function chainsOn(store: StateStore, token: string): Promise<Chain[]> {
  const claims = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => store.claim(p, token)));
  return claims.map(({ writer, number }) => ({ writer, number, output: 0 }));
}

async function asTheStoreDoes(store: StateStore): Promise<Way> {
  const chains = await chainsOn(store, "states");
  return {
    name: "as the store does",
    run: (partition, entries) => store.commit(nextCommit(partition, chains[partition], entries, false)),
  };
}

async function wholeCommit(store: StateStore): Promise<Way> {
  const chains = await chainsOn(store, "whole");
  return {
    name: "whole commit",
    run: (partition, entries) => store.commit(nextCommit(partition, chains[partition], entries, true)),
  };
}

function nextCommit(partition: number, chain: Chain | undefined, entries: readonly Entry[], whole: boolean): Commit {
  if (chain === undefined) throw new Error(`partition ${partition} was not claimed`);
  chain.number++;
  const ids = entries.map(([id]) => id);
  const outputs = whole ? ids.filter((_, i) => i % 10 === 0).map((id) => nextOutput(partition, chain, id)) : [];
  return {
    partition, writer: chain.writer, number: chain.number, states: entries, outputs,
    wakes: whole ? ids.filter((_, i) => i % 4 === 0).map((id) => [id, 1_767_225_600_000 + below(86_400_000)] as const) : [],
    segments: whole ? membershipChanges(ids) : [],
    forget: Math.max(0, chain.output - 2000),
    meta: { position: String(chain.number * 400), clock: "1767225600000" },
  };
}

function nextOutput(partition: number, chain: Chain, customer: string): Output {
  chain.output++;
  const body = JSON.stringify({ specversion: "1.0", id: `a-${chain.output}`, source: "eddy", type: "email.reminder", subject: customer, data: { text: "x".repeat(200) } });
  return { number: chain.output, subject: `actions.${partition}.email.reminder`, id: `a-${chain.output}`, cause: chain.number, body };
}

function membershipChanges(ids: readonly string[]): Commit["segments"] {
  const changing = ids.filter((_, i) => i % 8 === 0);
  return Array.from({ length: 5 }, (_, s) => ({
    segment: `segment_${s}`,
    add: changing.filter((__, i) => i % 10 === s),
    remove: changing.filter((__, i) => i % 10 === s + 5),
  }));
}

function loading(store: StateStore): Way {
  return { name: "load", run: (partition, entries) => store.load(partition, entries.map(([id]) => id)) };
}

/** Writes every customer once, so that all ways overwrite. */
async function fill(way: Way): Promise<void> {
  for (let from = 0; from < CUSTOMERS; from += CUSTOMERS_PER_COMMIT) {
    const entries = Array.from({ length: CUSTOMERS_PER_COMMIT }, (_, i): Entry => [`c${from + i}`, STATES[i] ?? new Uint8Array(STATE_BYTES)]);
    await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => way.run(p, entries)));
  }
}

async function rounds(way: Way, count: number): Promise<void> {
  for (let round = 0; round < count; round++) {
    await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => way.run(p, nextEntries())));
  }
}

async function serverSeconds(redis: Redis): Promise<number> {
  const info = await redis.info("cpu");
  const of = (name: string): number => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)?.[1]);
  return of("used_cpu_user_main_thread") + of("used_cpu_sys_main_thread");
}

async function functionMicros(redis: Redis): Promise<number> {
  const info = await redis.info("commandstats");
  const of = (name: string): number => Number(new RegExp(`cmdstat_${name}:calls=\\d+,usec=(\\d+)`).exec(info)?.[1] ?? 0);
  return of("fcall") + of("hmget");
}

async function measure(way: Way, redis: Redis): Promise<string> {
  await rounds(way, WARM_UP_ROUNDS);
  await redis.config("RESETSTAT");
  const server = await serverSeconds(redis);
  const own = process.cpuUsage();
  const start = performance.now();
  await rounds(way, ROUNDS);
  const wallMs = performance.now() - start;
  const { user, system } = process.cpuUsage(own);
  const perCustomer = (micros: number): string => (micros / (ROUNDS * PARTITIONS * CUSTOMERS_PER_COMMIT)).toFixed(2).padStart(8);
  return [
    way.name.padEnd(26), perCustomer(wallMs * 1000), perCustomer((await serverSeconds(redis) - server) * 1e6),
    perCustomer(await functionMicros(redis)), perCustomer(user + system),
  ].join(" ");
}

async function main(url: string | undefined): Promise<void> {
  if (url === undefined) throw new Error("give the address of an empty Redis, as redis://127.0.0.1:6379");
  const redis = new Redis(url);
  if (await redis.dbsize() > 0) throw new Error("the database is not empty");
  const connection = connectRedis({ url });
  const store = redisStore(connection);
  await ensureFunctions(connection);
  await redis.function("LOAD", "REPLACE", FLAT_AND_PACKED);
  process.stdout.write(`${"way".padEnd(26)} ${["elapsed", "server", "inside", "here"].map((head) => head.padStart(8)).join(" ")}\n`);
  await fill(writtenHere(redis));
  const ways = [throughIoredis(redis), writtenHere(redis), packed(redis), await asTheStoreDoes(store)];
  for (const way of ways) process.stdout.write(`${await measure(way, redis)}\n`);
  for (const way of [await wholeCommit(store), loading(store)]) process.stdout.write(`${await measure(way, redis)}\n`);
  await redis.function("DELETE", "eddy_bench");
  await redis.flushdb();
  redis.disconnect();
  await store.close();
}

await main(process.argv[2]);
