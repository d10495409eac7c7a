/**
 * One engine at a time on a folder. A row names the process that runs it; a row left by a process that is gone is
 * taken over. Writers are fenced by their claims anyhow (state-store.ts): the lock is there so that two engines do not
 * take the partitions from each other for ever, and to say so in words.
 *
 * A process is known by host, boot, process id and start time, so that a number given anew to another process, and a
 * machine that was restarted, are both seen. Whether a process on another host (or in another container) still lives
 * cannot be seen from here: such a lock is refused until `takeOver` says that a person has looked.
 */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { bootId, isRunning, processStart } from "./boot.js";
import { FolderInUse, FolderRefused } from "./failures.js";
import type { Folder } from "./folder.js";

interface Owner {
  readonly pid: number;
  readonly host: string;
  /** Null where the system does not tell. */
  readonly boot: string | null;
  readonly started: string | null;
  readonly nonce: string;
}

const ROW = "engine";

/** Takes the lock; the answer gives it back. Throws FolderRefused where another engine has it. */
export function lockForEngine(folder: Folder, takeOver: boolean): () => void {
  const { meta } = folder.tables;
  const mine: Owner = { pid: process.pid, host: hostname(), boot: bootId(), started: processStart(process.pid), nonce: randomUUID() };
  const owner = (): Owner | null => {
    const row = meta.get(ROW);
    return row === undefined ? null : (JSON.parse(row.toString()) as Owner);
  };
  folder.write(() => {
    const other = owner();
    if (other !== null && !takeOver) refuseWhileAlive(folder.dir, other, mine);
    meta.put(ROW, Buffer.from(JSON.stringify(mine)));
  });
  return () => {
    if (folder.inPlace()) folder.write(() => {
      if (owner()?.nonce === mine.nonce) meta.remove(ROW);
    });
  };
}

/** Whether an engine has the folder, as far as can be seen from here: of one on another host it is believed. */
export function isEngineAlive(folder: Folder): boolean {
  folder.refresh();
  const row = folder.tables.meta.get(ROW);
  return row !== undefined && isAlive(JSON.parse(row.toString()) as Owner, { host: hostname(), boot: bootId() });
}

function isAlive(other: Owner, here: Pick<Owner, "host" | "boot">): boolean {
  return other.host !== here.host || (other.boot === here.boot && isRunning(other.pid) && processStart(other.pid) === other.started);
}

function refuseWhileAlive(dir: string, other: Owner, mine: Owner): void {
  if (other.host !== mine.host) {
    throw new FolderRefused(
      `${dir} is in use by an engine with process id ${other.pid} on the host ${other.host}. If that one is gone, start with --take-over`,
    );
  }
  if (!isAlive(other, mine)) return;
  throw new FolderInUse(`${dir} is in use by an engine with process id ${other.pid}: stop that one first, or use another folder`);
}
