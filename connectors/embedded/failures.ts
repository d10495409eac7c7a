/**
 * What goes wrong with a folder, in words that say what to do, and the one place that reads LMDB's errors.
 *
 * LMDB reports a write that was cut short as "Input/output error", so a full disk comes as EIO more often than as
 * ENOSPC; the free space is named so that a person can tell the two apart.
 */
import { statfsSync } from "node:fs";
import { LogFull, LogUnavailable, StoreRefused, StoreUnavailable } from "../../engine/ports.js";

/** The folder cannot be opened: another format, another set-up, damaged, or in use by another engine. */
export class FolderRefused extends Error { override readonly name = "FolderRefused"; }
/** A process of this machine has it, and is alive. */
export class FolderInUse extends FolderRefused {}

/** EIO, EFBIG, ENOSPC, EDQUOT and MDB_MAP_FULL as LMDB has them, then as Node has them. */
const NO_ROOM: ReadonlySet<number | string | undefined> = new Set([5, 27, 28, 122, -30792, "EIO", "EFBIG", "ENOSPC", "EDQUOT"]);

function codeOf(error: unknown): number | string | undefined {
  return error instanceof Error ? (error as { readonly code?: number | string }).code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Why a write failed. Nothing of it has happened; the same write may succeed once there is room again. */
export function writeFailure(error: unknown, dir: string): string {
  if (NO_ROOM.has(codeOf(error))) {
    return `${dir} cannot be written: the disk is full, has a limit or is failing (${messageOf(error)}; ${freeSpace(dir)}). ` +
      "Nothing was written; make room, then it goes on";
  }
  return `${dir} cannot be written: ${messageOf(error)}`;
}

export function logFailure(error: unknown, dir: string): LogFull {
  return error instanceof LogFull ? error : new LogFull(writeFailure(error, dir), { cause: error });
}

export function storeFailure(error: unknown, dir: string): StoreRefused {
  return error instanceof StoreRefused ? error : new StoreRefused(writeFailure(error, dir), { cause: error });
}

/** Opening and closing write too (who has the folder, a checkpoint). What it refuses for other reasons is as it was. */
export function openFailure(error: unknown, dir: string): unknown {
  return NO_ROOM.has(codeOf(error)) ? storeFailure(error, dir) : error;
}

/** It is written, and other processes see it; whether it survives a power cut is not known. Asking again waits again. */
function flushFailure(error: unknown, dir: string): string {
  return `${dir} cannot be brought to the disk: ${messageOf(error)} (${freeSpace(dir)})`;
}

export function logFlushFailure(error: unknown, dir: string): LogUnavailable {
  return new LogUnavailable(flushFailure(error, dir), { cause: error });
}

export function storeFlushFailure(error: unknown, dir: string): StoreUnavailable {
  return new StoreUnavailable(flushFailure(error, dir), { cause: error });
}

function freeSpace(dir: string): string {
  try {
    const { bavail, bsize } = statfsSync(dir);
    return `${Math.floor((bavail * bsize) / 1_000_000)} MB free`;
  } catch {
    return "free space unknown";
  }
}
