/** What tells one run of the machine from another, and one process from another that was given the same number. */
import { readFileSync } from "node:fs";

/** Changes with every start of the machine; null where the system does not tell (Linux does). */
export function bootId(): string | null {
  return read("/proc/sys/kernel/random/boot_id")?.trim() ?? null;
}

/** When a process started, in ticks since the machine did; null where the system does not tell, or there is none. */
export function processStart(pid: number): string | null {
  // The second field, the command in brackets, may itself hold blanks and brackets; the start is the 22nd.
  return read(`/proc/${pid}/stat`)?.split(") ").at(-1)?.split(" ")[19] ?? null;
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // One that was killed and that nobody has waited for still has its number (Linux: state Z or X).
    const state = /^\d+ \(.*\) (\S)/s.exec(read(`/proc/${pid}/stat`) ?? "")?.[1];
    return state !== "Z" && state !== "X";
  } catch (error) {
    // EPERM: it is there and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
