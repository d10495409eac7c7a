/**
 * Where a demonstration keeps its log and its state: a folder of its own, `.eddy/demo-<process id>` in the checkout. It
 * stays when the demonstration ends, so that what happened can be looked at, and goes when the next one starts. Two at a
 * time never meet: no two living processes have the same number.
 */
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import { isRunning } from "../../connectors/embedded/boot.js";
import { UsageError } from "../exit.js";

const OURS = /^demo-(\d+)$/;

/** A new folder below `parent`; those of demonstrations that have ended are removed. */
export function freshFolder(parent: string): string {
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    const owner = Number(OURS.exec(name)?.[1]);
    if (!Number.isNaN(owner) && (owner === process.pid || !isRunning(owner))) remove(join(parent, name));
  }
  const folder = join(parent, `demo-${process.pid}`);
  mkdirSync(folder);
  return folder;
}

/** Another user's stays: that is no reason not to start. */
function remove(folder: string): void {
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") throw error;
  }
}

/** The folder that somebody named: made if it is not there, refused if anything is in it. */
export function emptyFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) throw new UsageError(`--embedded: ${folder} is not empty; the demonstration begins in a new folder`);
  return folder;
}
