/**
 * Faults that engines and stores of this kind have had, planted one at a time: the simulation must notice each. Most are a
 * weak server or a wrapper around the ports; those in the middle of the engine replace a part of it (simulation.test.ts).
 */
import type { Ports } from "../../engine/engine.js";
import { LogUnavailable, type LogReader, type Output } from "../../engine/ports.js";
import type { Customer } from "../../engine/customer.js";
import type { CustomerCache, Unpack } from "../../engine/cache.js";
import type * as SharingModule from "../../engine/sharing.js";
import { addPage, addWake } from "../../engine/wakes.js";
import type * as SupplyingModule from "../../engine/supplying.js";
import type { Client } from "./network.js";
import type { Only, Planted } from "./run.js";

/** What stands in the place of parts of the engine, while it is planted. */
export interface Replaced {
  cache: ((capacity: number, unpack?: Unpack) => CustomerCache) | null;
  supplyWakes: (typeof SupplyingModule)["supplyWakes"] | null;
  shares: (typeof SharingModule)["shares"] | null;
}
export const NOTHING_REPLACED: Replaced = { cache: null, supplyWakes: null, shares: null };
export const replaced: Replaced = { ...NOTHING_REPLACED };

export interface Bug {
  readonly name: string;
  readonly planted: Planted;
  readonly replaces?: Partial<Replaced>;
  /** What shows it. */
  readonly only: Only;
  /** The first seed that is tried: 1, but where it takes a rare sequence of events. */
  readonly from?: number;
}

const around = (change: (ports: Ports, client: Client) => Partial<Ports>): Planted => ({ around: (ports, client) => ({ ...ports, ...change(ports, client) }) });

/** Like the engine's own, but whoever has not been used for long is forgotten whether or not the store has their changes. */
function forgetful(capacity: number, unpack?: Unpack): CustomerCache {
  const customers = new Map<string, Customer>();
  let generation = 0;
  let used = 0;
  function use(customer: Customer): void {
    if (customer.generation === generation) return;
    customer.generation = generation;
    if (++used <= capacity / 2) return;
    for (const [id, each] of customers) if (each.generation !== generation) customers.delete(id);
    customer.generation = ++generation;
    used = 1;
  }
  function put(customer: Customer): void {
    customers.set(customer.id, customer);
    customer.generation = -1;
    use(customer);
  }
  return {
    complete: capacity === Infinity,
    get size() { return customers.size; },
    get(id) {
      const found = customers.get(id);
      if (found !== undefined) use(found);
      return found;
    },
    has: (id) => customers.has(id),
    peek: (id) => customers.get(id),
    put,
    keep(id, bytes) { if (unpack !== undefined) put(unpack(id, Buffer.from(bytes), 0, bytes.length)); },
    pack: () => undefined,
    rest: () => undefined,
    heldBytes: 0,
    acknowledged: () => undefined,
    through: 0,
    *pinned() { for (const customer of customers.values()) if (customer.dirty) yield customer; },
    all: () => customers.values(),
  };
}

/** Every record is stamped anew by whoever takes it. */
function stampedByWall(reader: LogReader, now: () => number): LogReader {
  return {
    ready: (timeoutMs) => reader.ready(timeoutMs),
    take: (limit) => reader.take(limit).map((record) => ({ ...record, stamp: now() })),
    get lag() { return reader.lag; },
    close: () => reader.close(),
  };
}

/** Fields of the partition's meta that are not kept. */
const without = (prefix: string): Planted => around(({ store }) => ({
  store: { ...store, commit: (commit) => store.commit({ ...commit, meta: Object.fromEntries(Object.entries(commit.meta).filter(([name]) => !name.startsWith(prefix))) }) },
}));

export const BUGS: readonly Bug[] = [
  { name: "words to other partitions that are forgotten with the process that said them", only: { subject: "merging", faults: ["crash"], rates: { slow: 0.3 } }, planted: without("word:") },
  { name: "words that are heard again when they are said again", only: { subject: "merging", faults: ["store goes back", "crash"], rates: { twice: 0.2, lostAnswer: 0.1 } }, planted: without("heard:") },
  { name: "joins that are asked for and forgotten", only: { subject: "merging", faults: ["crash", "zombie", "connection with the broker"] }, planted: without("asked:"), from: 251 },
  { name: "a commit without the fence", only: { subject: "nasty", faults: ["zombie", "second process", "crash"] }, planted: { weaknesses: { noFence: true } }, from: 50 },
  { name: "a commit without its number", only: { subject: "nasty" }, planted: { weaknesses: { noNumber: true } } },
  { name: "publishing without the chain", only: { subject: "nasty" }, planted: { weaknesses: { noChain: true } } },
  {
    name: "publishing before the commit", only: { subject: "nasty" },
    planted: around(({ store, outputs }) => ({
      store: {
        ...store,
        async commit(commit) {
          if (commit.outputs.length > 0) await outputs.publish(commit.partition, commit.outputs).catch(() => undefined);
          return store.commit(commit);
        },
      },
    })),
  },
  { name: "a cache that forgets changed customers", only: { subject: "nasty", rates: { lostRequest: 0.15 }, sizes: { commitCustomers: 400, batch: 512, ahead: 1 } }, planted: {}, replaces: { cache: forgetful } },
  {
    name: "a wake index that is trusted", only: { subject: "nasty", rates: { lostRequest: 0.1 }, sizes: { wakePage: 1, wakesInMemory: 2, ahead: 1 } }, planted: {},
    // The store does not know yet what is on its way to it.
    replaces: { supplyWakes: (p, page, complete) => addPage(p.wakes, page, complete) },
  },
  {
    name: "a wake index that was read before a commit and arrives after it", planted: {},
    only: { subject: "nasty", isPooled: true, rates: { slow: 0.3 }, sizes: { wakePage: 1, wakesInMemory: 2, commitCustomers: 2, ahead: 1 } },
    // The store does not know what was on its way to it then, and whose commit is acknowledged by now is not looked at.
    replaces: {
      supplyWakes(p, page, complete) {
        addPage(p.wakes, page, complete);
        for (const { id, indexed } of p.cache.pinned()) if (indexed !== Infinity) addWake(p.wakes, indexed, id);
      },
    },
  },
  {
    name: "a clock that listens to the wall", only: { subject: "nasty" },
    planted: around(({ log }, { network, skewMs }) => ({
      log: { ...log, read: async (from) => stampedByWall(await log.read(from), () => Math.round(network.scheduler.now + skewMs)) },
    })),
  },
  {
    name: "a wake that is dropped", only: { subject: "nasty" },
    planted: around(({ store }) => ({
      store: { ...store, commit: (commit) => store.commit({ ...commit, wakes: commit.wakes.filter(([, at]) => at === null || at % 5 !== 0) }) },
    })),
  },
  {
    name: "a process that does not mind that its partition is another's", only: { subject: "nasty", faults: ["zombie", "second process", "not heard of"] },
    planted: around(({ store }) => ({
      store: { ...store, commit: (commit) => store.commit(commit).then((answer) => (answer === "lost" ? "done" : answer)) },
    })),
  },
  {
    name: "an idle partition that says it has come further than it was offered", only: { subject: "nasty", faults: ["second process", "stop", "crash", "connection with the broker"] },
    planted: around(({ store }, { network }) => ({
      store: {
        ...store,
        commit: (commit) => store.commit(commit.states.length > 0 ? commit : { ...commit, meta: { ...commit.meta, offset: String(network.events.records.length) } }),
      },
    })),
  },
  {
    name: "shares that leave a partition to nobody", only: { subject: "nasty", faults: ["second process", "crash", "crash"] }, planted: {},
    replaces: { shares: (partitions, members) => Array.from({ length: partitions }, (_, index) => [...members].sort()[index] ?? "") },
  },
  {
    name: "skipping outputs by number after the store went back", only: { subject: "nasty", rulesChange: true, faults: ["store goes back", "store goes back", "crash"] },
    planted: around(({ outputs, store }) => ({
      outputs: {
        ...outputs,
        // What is there already is taken for what is to be published under its number, and nobody looks what it is.
        read: () => Promise.resolve([]),
        async last(partition) {
          const { meta } = await store.meta(partition).catch(() => Promise.reject(new LogUnavailable("no answer")));
          const last = await outputs.last(partition);
          return Math.min(last, Number(meta["next"] ?? 1) - 1);
        },
        async publish(partition, list) {
          const last = await outputs.last(partition);
          const fresh = list.filter(({ number }) => number > last);
          return fresh.length > 0 ? outputs.publish(partition, fresh) : (list.at(-1) as Output).number;
        },
      },
    })),
  },
  {
    name: "what was said about somebody who was erased stays in the outbox", only: { subject: "erasing" },
    planted: around(({ store }) => {
      const newest = new Map<number, number>();
      return {
        store: {
          ...store,
          commit(commit) {
            const before = newest.get(commit.partition) ?? Infinity;
            newest.set(commit.partition, Number(commit.meta["next"] ?? 1) - 1);
            return store.commit({ ...commit, outputs: commit.outputs.filter(({ number, subject }) => number > before || !subject.startsWith("withdrawn.")) });
          },
        },
      };
    }),
  },
  {
    name: "a process that forgets that it was looking through the outbox", only: { subject: "erasing", faults: ["crash", "second process", "crash"], rates: { slow: 0.3 } },
    planted: without("scrub"),
  },
  {
    name: "an erasure that nobody remembers", only: { subject: "erasing" },
    planted: without("erased:"),
  },
];
