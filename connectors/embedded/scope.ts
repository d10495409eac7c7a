/**
 * A state store beside the main one: a folder of its own inside the folder, with the same partitions. A change of rules is
 * filled in there, say.
 *
 * It is made with the first write. Whoever drops it removes the folder; others who have it open notice at their next call, and
 * go on with what is there then: nothing, or a new one. Several processes may have it open, as with the main one.
 *
 * Each of the two has checkpoints of its own, and a power cut may take them back to different instants. So what the main folder goes
 * by is on the disk first: what the scope holds, before its partitions' fields say anything of it that they share (that it is filled,
 * say); and what the main folder has made of it, before any of it is removed.
 */
import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { StateStore, Writer } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";
import { clearPartition, dropPartition, emptyFolder } from "./clear.js";
import { lockForEngine } from "./engine-lock.js";
import { storeFlushFailure } from "./failures.js";
import { DATA_FILE, openFolder, type Folder, type FolderOptions } from "./folder.js";
import { checkCustomer } from "./keys.js";
import { embeddedStateStore, type StateStoreOptions } from "./state-store.js";

export interface ScopeOptions {
  readonly folder: Omit<FolderOptions, "create" | "partitions" | "clock">;
  readonly store: Pick<StateStoreOptions, "timer"> & { settled(folder: Folder): () => Promise<void> };
  /** This process fills it: refused while another one does. */
  readonly engine: boolean;
  readonly takeOver: boolean;
}

export interface ScopeStore {
  readonly store: StateStore;
  /** Removes a partition's state (clear.ts). */
  clear(partition: number, writer: Writer): Promise<boolean>;
  /** Removes a partition with all that is known of it, or (null) the scope. */
  drop(partition: number | null): Promise<void>;
  /** Removes all that it holds; this process goes on filling it. */
  empty(): Promise<void>;
  close(): Promise<void>;
}

/** What cannot be an id is refused here too. */
function unknown(customer: string): null {
  checkCustomer(customer);
  return null;
}

const NAME = /^[a-z]{1,20}$/;
/** Behind the name of one that is being removed. */
const GONE = ".gone-";

interface Opened {
  readonly folder: Folder;
  readonly store: StateStore;
  readonly unlock: (() => void) | null;
}

/** Throws StoreRefused for what cannot be the name of one, and FolderRefused where another process fills it. */
export function openScope(main: Folder, scope: string, options: ScopeOptions): ScopeStore {
  if (!NAME.test(scope)) throw new StoreRefused(`${JSON.stringify(scope)} cannot be the name of a scope: lower-case letters`);
  const dir = join(main.dir, scope);
  let opened: Opened | null = null;
  let closed = false;

  function open(): Opened {
    const { partitions, clock } = main.format;
    const folder = openFolder(dir, { ...options.folder, create: true, partitions, clock });
    try {
      const unlock = options.engine ? lockForEngine(folder, options.takeOver) : null;
      return { folder, store: embeddedStateStore(folder, { settled: options.store.settled(folder), timer: options.store.timer }), unlock };
    } catch (error) {
      void folder.close();
      throw error;
    }
  }

  async function shut(): Promise<void> {
    const before = opened;
    opened = null;
    if (before === null) return;
    await before.store.close();
    if (before.folder.inPlace()) before.unlock?.();
    await before.folder.close();
  }

  /** What is there, made where it is missing. */
  function present(): Opened {
    if (opened !== null && (closed || opened.folder.inPlace())) return opened;
    // Of one that was removed nothing needs to come to the disk any more.
    shut().catch(() => undefined);
    opened = open();
    return opened;
  }

  /** Null: there is none, and whoever only reads makes none. */
  function found(): StateStore | null {
    return opened?.folder.inPlace() === true || closed || existsSync(join(dir, DATA_FILE)) ? present().store : null;
  }

  /** By whichever process it was written. */
  async function onDisk(folder: Folder): Promise<void> {
    await folder.settledForAll().catch((error: unknown) => { throw storeFlushFailure(error, folder.dir); });
  }

  const inner = (): StateStore => present().store;
  if (options.engine) present();
  return {
    store: {
      beat: async (member, holds, leaseMs) => inner().beat(member, holds, leaseMs),
      shared: async (names) => found()?.shared(names) ?? names.map(() => null),
      async share(expected, set) {
        await onDisk(present().folder);
        return inner().share(expected, set);
      },
      claim: async (partition, token) => inner().claim(partition, token),
      meta: async (partition) => found()?.meta(partition) ?? { number: 0, meta: {}, writer: null },
      load: async (partition, customers) => found()?.load(partition, customers) ?? customers.map(unknown),
      wakes: async (partition, after, limit) => found()?.wakes(partition, after, limit) ?? [],
      commit: async (commit) => inner().commit(commit),
      outbox: async (partition, from, limit) => found()?.outbox(partition, from, limit) ?? [],
      segmentSizes: async (partition, segments) => found()?.segmentSizes(partition, segments) ?? segments.map(() => 0),
      counts: async (partition, ranking) => found()?.counts(partition, ranking) ?? [],
      members: async (partition, segment, cursor) => found()?.members(partition, segment, cursor) ?? { customers: [], cursor: null },
      scan: async (partition, cursor, limit) => found()?.scan(partition, cursor, limit) ?? { states: [], cursor: null },
      watch(listener) {
        listener("connected");
        return () => undefined;
      },
      async close() {
        closed = true;
        await opened?.store.close();
      },
    },
    clear: async (partition, writer) => clearPartition(present().folder, partition, writer),
    async drop(partition) {
      if (existsSync(join(dir, DATA_FILE))) await onDisk(main);
      if (partition !== null) {
        if (found() !== null) dropPartition(present().folder, partition);
        return;
      }
      await shut();
      removeFolder(dir);
    },
    async empty() {
      if (!existsSync(join(dir, DATA_FILE))) return;
      await onDisk(main);
      emptyFolder(present().folder);
    },
    close: shut,
  };
}

/**
 * In one step for everybody else: whoever opens it meanwhile makes a new one, into which no file of the old one gets. What somebody who
 * was killed in between has left goes too.
 */
function removeFolder(dir: string): void {
  const gone = `${dir}${GONE}${process.pid}`;
  rmSync(gone, { recursive: true, force: true });
  if (existsSync(dir)) {
    try {
      renameSync(dir, gone);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // another process was first
    }
    rmSync(gone, { recursive: true, force: true });
  }
  const parent = dirname(dir);
  for (const left of readdirSync(parent).filter((name) => name.startsWith(`${basename(dir)}${GONE}`))) {
    try {
      rmSync(join(parent, left), { recursive: true, force: true });
    } catch {
      // whoever lives removes it at this moment
    }
  }
}

/** The scopes that there are. */
function scopesIn({ dir }: Folder): string[] {
  return readdirSync(dir).filter((name) => NAME.test(name) && existsSync(join(dir, name, DATA_FILE))).sort();
}

/** A partition of the main store that is rebuilt: what was filled in from the same log begins anew too. */
export async function dropFromScopes(main: Folder, partition: number, options: ScopeOptions): Promise<void> {
  for (const scope of scopesIn(main)) {
    const opened = openScope(main, scope, { ...options, engine: false });
    await opened.drop(partition).finally(() => opened.close());
  }
}
