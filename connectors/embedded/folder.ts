/**
 * The folder: one LMDB file with everything in it - log, customers, outputs - so that they can never disagree, and
 * what it was set up with. Several processes may have it open; LMDB lets one write at a time and all read.
 *
 *     meta     format, log (see event-log.ts), engine (see engine-lock.ts), p<partition> (see state-store.ts),
 *              o<partition> (see output-log.ts)
 *     events   sequence of a block's first record → block            ids   the same → ids of its records
 *     states   partition, customer → packed state                    wakes     partition, instant, customer → nothing
 *     wakeOf   partition, customer → instant                         members   partition, segment, customer → nothing
 *     sizes    partition, segment → number of members                outbox    partition, number → output
 *     outputs  partition, number → output                            counts    partition, ranking, value → customers
 *     fields   partition, name of a long meta field → its value (! and name: of a field that all share)
 *
 * Every write is one synchronous LMDB transaction upon the newest (newest.ts): all or nothing, whatever is killed at whatever
 * instant. LMDB hands it to the operating system and does not wait for the disk: checkpoint.ts sees to power cuts. Where the
 * system does not say whether the machine was restarted (anything but Linux), LMDB waits for the disk at every write instead.
 */
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readSync, statSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { open, type Database, type RootDatabase, type RootDatabaseOptions } from "lmdb";
import type { ClockKind } from "../../engine/ports.js";
import { LogMissing } from "../../engine/ports.js";
import type { Checkpoints } from "./checkpoint.js";
import { openCheckpoints, restoreCheckpoint } from "./checkpoint.js";
import { FolderRefused } from "./failures.js";
import { MAX_PARTITIONS, textKeys } from "./keys.js";
import { MAGIC, MAGIC_AT, openNewest, type Newest } from "./newest.js";
import type { Timer } from "./timer.js";

export type Table = Database<Buffer, string>;

const TABLE_NAMES = ["meta", "events", "ids", "states", "wakes", "wakeOf", "members", "sizes", "outbox", "outputs", "counts", "fields"] as const;
export type TableName = (typeof TABLE_NAMES)[number];
export type Tables = Readonly<Record<TableName, Table>>;

/** What a folder was set up with; never changes. */
export interface Format {
  readonly format: number;
  readonly identity: string;
  readonly clock: ClockKind;
  readonly partitions: number;
}

export interface Folder {
  readonly dir: string;
  readonly format: Format;
  readonly tables: Tables;
  /** Runs one transaction over all tables. When `act` throws, nothing is written and the error comes through. */
  write<T>(act: () => T): T;
  /** Resolves when all that was written before is on the disk. */
  settled(): Promise<void>;
  /** Likewise for what others have written, other processes too. */
  settledForAll(): Promise<void>;
  /** Lets the next reads see what other processes have written. */
  refresh(): void;
  /** Whether the file that was opened is still the one in the folder. */
  inPlace(): boolean;
  close(): Promise<void>;
}

export interface FolderOptions {
  /** Make the folder when it does not exist; else it is LogMissing. */
  readonly create: boolean;
  /** What it must have been set up with, and is set up with when it is made; what is not given may be anything (8, broker). */
  readonly partitions?: number;
  readonly clock?: ClockKind;
  /** What tells this run of the machine from others; null when nothing does. */
  readonly boot: string | null;
  readonly checkpointMs: number;
  readonly timer: Timer;
  /** Nothing is written when the disk has less room than this. */
  readonly leastFreeBytes: number;
}

/**
 * LMDB does not get over every write that the disk refuses in the middle of a transaction: it was seen to die of a damaged heap.
 * So it is not let come to that [2 µs a write].
 */
function checkRoom(dir: string, leastFreeBytes: number): void {
  const { bavail, bsize } = statfsSync(dir);
  if (bavail * bsize < leastFreeBytes) throw Object.assign(new Error(`less than ${Math.ceil(leastFreeBytes / 1_000_000)} MB free`), { code: "ENOSPC" });
}

const FORMAT = 1;
export const DATA_FILE = "eddy.mdb";
/** Address space only: the file is as large as what is in it, and LMDB maps more when this is used up. */
const MAP_BYTES = 64 * 2 ** 30;
const DEFAULT_PARTITIONS = 8;

export function openFolder(dir: string, options: FolderOptions): Folder {
  const path = join(dir, DATA_FILE);
  if (!existsSync(path)) {
    if (!options.create) throw new LogMissing(`there is no log in ${dir}: 'eddy setup --embedded ${dir}' makes one`);
    makeDirectory(dir);
  }
  const made = !existsSync(path);
  if (!made) prepare(path, () => {
    untilMade(path);
    if (options.boot !== null) restoreCheckpoint(dir, path, options.boot);
    checkHead(path);
  });
  const root = openFile(path, options.boot !== null);
  const newest = openNewest(root, path);
  try {
    // What this process has just done by opening the file is put right at once.
    newest.write(() => undefined);
    const tables = openTables(root);
    const format = agreedFormat(dir, newest, tables.meta, options);
    const inode = statSync(path).ino;
    const inPlace = (): boolean => statSync(path, { throwIfNoEntry: false })?.ino === inode;
    const pins = openFile(path, options.boot !== null);
    const checkpoints = options.boot === null ? NO_CHECKPOINTS : openCheckpoints({
      exclusively: (act) => newest.write(() => act(root.getWriteTxnId() - 1)),
      pin() {
        pins.resetReadTxn();
        const reader = pins.useReadTransaction();
        return () => reader.done();
      },
      inPlace,
    }, { dir, dataFile: path, boot: options.boot, everyMs: options.checkpointMs, timer: options.timer });
    if (made) checkpoints.beforeWrite();
    return {
      dir,
      format,
      tables,
      write(act) {
        if (!inPlace()) throw new FolderRefused(`${dir} was deleted or replaced while it was open: start anew`);
        checkRoom(dir, options.leastFreeBytes);
        checkpoints.beforeWrite();
        const result = newest.write(act);
        checkpoints.afterWrite();
        return result;
      },
      settled: () => checkpoints.settled(),
      settledForAll: () => checkpoints.settledForAll(),
      refresh: () => root.resetReadTxn(),
      inPlace,
      async close() {
        try {
          await checkpoints.close();
        } finally {
          newest.close();
          await pins.close();
          await root.close();
        }
      },
    };
  } catch (error) {
    newest.close();
    void root.close();
    throw error;
  }
}

/** LMDB waits for the disk at every write. */
const NO_CHECKPOINTS: Checkpoints = {
  beforeWrite: () => undefined,
  afterWrite: () => undefined,
  settled: () => Promise.resolve(),
  settledForAll: () => Promise.resolve(),
  close: () => Promise.resolve(),
};

function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw new FolderRefused(`${dir} cannot be made: ${String(error)}`, { cause: error });
  }
}

const MADE_WITHIN_MS = 1000;
const LOOK_EVERY_MS = 5;

/** Another process may be making it at this moment: its file is there, and has no head yet. What stays like that is left to `checkHead`. */
function untilMade(path: string): void {
  const nobody = new Int32Array(new SharedArrayBuffer(4));
  for (let waited = 0; waited < MADE_WITHIN_MS && statSync(path).size === 0; waited += LOOK_EVERY_MS) Atomics.wait(nobody, 0, 0, LOOK_EVERY_MS);
}

/** LMDB brings the whole process down over a file that is none of its own. */
function checkHead(path: string): void {
  const head = Buffer.alloc(MAGIC_AT + 4);
  const file = openSync(path, "r");
  try {
    if (readSync(file, head, 0, head.length, 0) === head.length && head.readUInt32LE(MAGIC_AT) === MAGIC) return;
  } finally {
    closeSync(file);
  }
  throw new FolderRefused(`${path} is not a file of Eddy's, or damaged: use another folder, or restore it from a backup`);
}

/**
 * How many free pages LMDB keeps at hand. It writes the whole list with every transaction, and a checkpoint's reader
 * makes it long: with LMDB's own 50,000 and 75,000 a commit took twice the time after a minute of load, with these it
 * stays as it is without checkpoints, and the file grows no larger. lmdb does not declare these options.
 */
const FREE_PAGES = { maxFreeSpaceToLoad: 500, maxFreeSpaceToRetain: 1_000 };

function openFile(path: string, noSync: boolean): RootDatabase<Buffer, string> {
  const options: RootDatabaseOptions = {
    noSubdir: true, mapSize: MAP_BYTES, maxDbs: TABLE_NAMES.length + 2, ...FREE_PAGES,
    encoding: "binary", keyEncoder: textKeys, noSync, overlappingSync: false,
  };
  return prepare(path, () => open<Buffer, string>(path, options));
}

function prepare<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof FolderRefused) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new FolderRefused(`${path} cannot be opened: ${reason}. This user must be able to read and write it`, { cause: error });
  }
}

function openTables(root: RootDatabase<Buffer, string>): Tables {
  const options: RootDatabaseOptions = { encoding: "binary", keyEncoder: textKeys };
  const table = (name: TableName): Table => root.openDB<Buffer, string>(name, options);
  return Object.fromEntries(TABLE_NAMES.map((name) => [name, table(name)])) as Record<TableName, Table>;
}

/** What the folder was set up with, or sets it up; throws FolderRefused where that is not what is asked for. */
function agreedFormat(dir: string, newest: Newest, meta: Table, options: FolderOptions): Format {
  const { partitions, clock } = options;
  if (partitions !== undefined && (!Number.isInteger(partitions) || partitions < 1 || partitions > MAX_PARTITIONS)) {
    throw new FolderRefused(`${partitions} partitions are not possible: a whole number from 1 to ${MAX_PARTITIONS}`);
  }
  const format = newest.write(() => {
    const stored = meta.get("format");
    if (stored !== undefined) return readFormat(dir, stored);
    if (!options.create) throw new LogMissing(`there is no log in ${dir}: 'eddy setup --embedded ${dir}' makes one`);
    const made: Format = { format: FORMAT, identity: randomUUID(), clock: clock ?? "broker", partitions: partitions ?? DEFAULT_PARTITIONS };
    meta.put("format", Buffer.from(JSON.stringify(made)));
    return made;
  });
  if (partitions !== undefined && partitions !== format.partitions) {
    throw new FolderRefused(`${dir} was set up with ${format.partitions} partitions, not ${partitions}: that cannot be changed, use another folder`);
  }
  if (clock !== undefined && clock !== format.clock) {
    throw new FolderRefused(`${dir} was set up with the clock '${format.clock}', not '${clock}': that cannot be changed, use another folder`);
  }
  return format;
}

function readFormat(dir: string, stored: Buffer): Format {
  const found = JSON.parse(stored.toString()) as Format;
  if (found.format !== FORMAT) {
    throw new FolderRefused(
      `${dir} has format ${found.format}, this version of Eddy reads and writes format ${FORMAT}: use the version that made it, or another folder`,
    );
  }
  return found;
}
