/** The state store in the folder. Everything that changes a partition is in commit.ts; here is what reads. */
import type { Claim, ConnectionState, Member, MetaFields, Output, StateStore, Wake } from "../../engine/ports.js";
import { StoreRefused, StoreUnavailable } from "../../engine/ports.js";
import { readSize, writeCommit } from "./commit.js";
import { storeFailure } from "./failures.js";
import type { Folder } from "./folder.js";
import { checkCustomer, ordinal, ORDINAL_LENGTH, PARTITION_KEY_LENGTH, partitionKey, rankingEnd, rankingKey, readOrdinal, segmentEnd, segmentKey, sharedKey, sizeKey } from "./keys.js";
import { unpackOutput } from "./packed-output.js";
import { allFields, readRow, writeRow } from "./partition-row.js";
import { anotherTurn, type Timer } from "./timer.js";

const MEMBERS_PER_PAGE = 1_000;
const STATES_PER_PAGE = 500;

export interface StateStoreOptions {
  /** Resolves when all that is written is as durable as was asked for. */
  readonly settled: () => Promise<void>;
  readonly timer: Timer;
}

export function embeddedStateStore(folder: Folder, options: StateStoreOptions): StateStore {
  const { meta, states, wakes, members, sizes, outbox, counts, fields } = folder.tables;
  let closed = false;
  /** One process has the folder, so nobody else needs to know its members. */
  const living = new Map<string, Member & { readonly keep: () => void }>();

  /** Reads see the newest there is, by whatever process. */
  function fresh(): void {
    if (closed) throw new StoreUnavailable("the store was closed");
    folder.refresh();
  }

  const sharedField = (name: string): string | null => fields.get(sharedKey(name))?.toString() ?? null;

  async function write<T>(act: () => T): Promise<T> {
    if (closed) throw new StoreUnavailable("the store was closed");
    let result: T;
    try {
      result = act();
    } catch (error) {
      throw storeFailure(error, folder.dir);
    }
    await anotherTurn();
    await options.settled();
    return result;
  }

  return {
    async beat(id, holds, leaseMs) {
      if (closed) throw new StoreUnavailable("the store was closed");
      if (id === "") throw new StoreRefused("a member's id may not be empty");
      living.get(id)?.keep();
      living.delete(id);
      if (leaseMs > 0) living.set(id, { id, holds: [...holds], keep: options.timer.after(leaseMs, () => void living.delete(id)) });
      await anotherTurn();
      return [...living.values()].map(({ id, holds }) => ({ id, holds })).sort((a, b) => Buffer.compare(Buffer.from(a.id), Buffer.from(b.id)));
    },

    async shared(names) {
      fresh();
      return names.map((name) => sharedField(name));
    },

    share: (expected, set) =>
      write(() => folder.write(() => {
        const stand = (wanted: MetaFields): boolean => Object.entries(wanted).every(([name, value]) => (sharedField(name) ?? "") === value);
        if (stand(set)) return true; // the same again, after a lost reply
        if (!stand(expected)) return false;
        for (const [name, value] of Object.entries(set)) {
          if (value === "") fields.remove(sharedKey(name));
          else fields.put(sharedKey(name), Buffer.from(value));
        }
        return true;
      })),

    claim: (partition, token): Promise<Claim> =>
      write(() => folder.write(() => {
        if (token === "") throw new StoreRefused("a writer's token may not be empty");
        const row = readRow(meta, partition);
        // The same claim again, after a lost reply, must not leave its sender behind with the epoch of the first.
        const writer = row.writer?.token === token ? row.writer : { epoch: (row.writer?.epoch ?? 0) + 1, token };
        if (writer !== row.writer) writeRow(meta, partition, { ...row, writer });
        return { writer, number: row.number, meta: allFields(folder.tables, partition, row) };
      })),

    async meta(partition) {
      fresh();
      const row = readRow(meta, partition);
      return { number: row.number, meta: allFields(folder.tables, partition, row), writer: row.writer };
    },

    async load(partition, customers) {
      fresh();
      const prefix = partitionKey(partition);
      return customers.map((customer) => {
        checkCustomer(customer);
        return states.get(prefix + customer) ?? null;
      });
    },

    async wakes(partition, after, limit) {
      fresh();
      const prefix = partitionKey(partition);
      const found: Wake[] = [];
      const range = after === null ? { start: prefix } : { start: prefix + ordinal(after.at) + after.customer, exclusiveStart: true };
      for (const key of wakes.getKeys({ ...range, end: partitionKey(partition + 1), limit })) {
        found.push({ at: readOrdinal(key, PARTITION_KEY_LENGTH), customer: key.slice(PARTITION_KEY_LENGTH + ORDINAL_LENGTH) });
      }
      return found;
    },

    commit: (commit) => write(() => writeCommit(folder, commit)),

    async outbox(partition, from, limit) {
      fresh();
      const prefix = partitionKey(partition);
      const found: Output[] = [];
      for (const { key, value } of outbox.getRange({ start: prefix + ordinal(Math.max(0, from)), end: partitionKey(partition + 1), limit })) {
        found.push(unpackOutput(readOrdinal(key, PARTITION_KEY_LENGTH), value));
      }
      return found;
    },

    async segmentSizes(partition, segments) {
      fresh();
      return segments.map((segment) => readSize(sizes.get(sizeKey(partition, segment))));
    },

    async counts(partition, ranking) {
      fresh();
      const prefix = rankingKey(partition, ranking);
      const range = counts.getRange({ start: prefix, end: rankingEnd(partition, ranking) });
      return [...range].map(({ key, value }) => [Number(key.slice(prefix.length)), readSize(value)] as const);
    },

    async members(partition, segment, cursor) {
      fresh();
      const prefix = segmentKey(partition, segment);
      const range = cursor === null ? { start: prefix } : { start: prefix + cursor, exclusiveStart: true };
      const customers: string[] = [];
      for (const key of members.getKeys({ ...range, end: segmentEnd(partition, segment), limit: MEMBERS_PER_PAGE })) {
        customers.push(key.slice(prefix.length));
      }
      return { customers, cursor: customers.length < MEMBERS_PER_PAGE ? null : (customers.at(-1) ?? null) };
    },

    async scan(partition, cursor, limit = STATES_PER_PAGE) {
      fresh();
      const prefix = partitionKey(partition);
      const range = cursor === null ? { start: prefix } : { start: prefix + cursor, exclusiveStart: true };
      const page: [string, Uint8Array][] = [];
      for (const { key, value } of states.getRange({ ...range, end: partitionKey(partition + 1), limit })) {
        page.push([key.slice(PARTITION_KEY_LENGTH), value]);
      }
      return { states: page, cursor: page.length < limit ? null : (page.at(-1)?.[0] ?? null) };
    },

    watch(listener: (state: ConnectionState) => void) {
      listener("connected");
      return () => undefined;
    },

    async close() {
      closed = true;
      for (const { keep } of living.values()) keep();
    },
  };
}
