/**
 * Every write builds upon the newest transaction: what LMDB does by itself, but for one moment.
 *
 * All processes read from the lock file which transaction is the newest. A process that opens the file writes there what it
 * has read from the heads of the data file a little earlier, without holding the lock (mdb_env_open2, seen in lmdb 3.5.6): what
 * another process has committed in between is forgotten, though it was acknowledged, and the next write takes its place, its
 * pages too. Here whoever has the lock compares with the heads, which only writers change, and puts the lock file right.
 *
 *     lock file   magic (uint32) · format (uint32) · newest transaction (uint64) · …
 *     head        of the page 24 bytes; magic (uint32) at 24, size of a page (uint32) at 48, transaction (uint64) at 152
 *
 * There are two heads, at the beginning of the first two pages. All of it is as 64-bit machines lay it out; anything else is
 * refused, not guessed at.
 */
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import type { RootDatabase } from "lmdb";
import { FolderRefused } from "./failures.js";

export const MAGIC = 0xbeefc0de;
export const MAGIC_AT = 24;
const PAGE_SIZE_AT = 48;
const TRANSACTION_AT = 152;
const HEAD_BYTES = TRANSACTION_AT + 8;
const LARGEST_PAGE = 65_536;
const LOCK_TRANSACTION_AT = 8;

export interface Newest {
  /** Runs one transaction, upon the newest. When `act` throws, nothing is written and the error comes through. */
  write<T>(act: () => T): T;
  close(): void;
}

/** What lay in the way of a write, which is made again. */
class BegunTooEarly extends Error { override readonly name = "BegunTooEarly"; }

/** Somebody would have to open the file between each comparison and the attempt after it. */
const MOST_ATTEMPTS = 100;

export function openNewest(root: RootDatabase<Buffer, string>, path: string): Newest {
  const data = openSync(path, "r");
  const heads = Buffer.alloc(LARGEST_PAGE + HEAD_BYTES);
  let pageSize = 0;
  // Opened when it is needed, and never closed: that would take LMDB's own locks on the file from this process.
  let lock: number | null = null;

  function head(at: number): number {
    if (heads.readUInt32LE(at + MAGIC_AT) !== MAGIC) throw new FolderRefused(`${path} has no head at ${at}: it is damaged, restore it from a backup`);
    return Number(heads.readBigUInt64LE(at + TRANSACTION_AT));
  }

  function newest(): number {
    readSync(data, heads, 0, pageSize === 0 ? heads.length : pageSize + HEAD_BYTES, 0);
    pageSize = heads.readUInt32LE(PAGE_SIZE_AT);
    if (!(pageSize >= HEAD_BYTES && pageSize <= LARGEST_PAGE)) throw new FolderRefused(`${path} has pages of ${pageSize} bytes: it is damaged, restore it from a backup`);
    return Math.max(head(0), head(pageSize));
  }

  function putRight(begun: number, transaction: number): void {
    lock ??= openSync(`${path}-lock`, "r+");
    const row = Buffer.alloc(LOCK_TRANSACTION_AT + 8);
    readSync(lock, row, 0, row.length, 0);
    // It may be right by now: the next attempt shows it.
    const found = Number(row.readBigUInt64LE(LOCK_TRANSACTION_AT));
    if (row.readUInt32LE(0) !== MAGIC || (found !== begun && found !== transaction)) {
      throw new FolderRefused(`${path}-lock says that transaction ${found} is the newest, the file has ${transaction}: end all processes that use the folder, then start again`);
    }
    row.writeBigUInt64LE(BigInt(transaction), LOCK_TRANSACTION_AT);
    writeSync(lock, row, LOCK_TRANSACTION_AT, 8, LOCK_TRANSACTION_AT);
  }

  function attempt<T>(act: () => T): T {
    return root.transactionSync(() => {
      const begun = root.getWriteTxnId() - 1;
      const transaction = newest();
      if (begun === transaction) return act();
      putRight(begun, transaction);
      throw new BegunTooEarly(`transaction ${begun} is not the newest, ${transaction} is`);
    });
  }

  return {
    write(act) {
      for (let attempts = 1; ; attempts++) {
        try {
          return attempt(act);
        } catch (error) {
          if (!(error instanceof BegunTooEarly) || attempts === MOST_ATTEMPTS) throw error;
        }
      }
    },
    close: () => closeSync(data),
  };
}
