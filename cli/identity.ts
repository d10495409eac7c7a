/**
 * By what other members of the same store know this process, and whether one of them is gone for sure: killed, on the same
 * machine. Then its partitions are free at once, and a process that was killed and started again does not wait for the lease
 * of its predecessor.
 *
 * Host, run of the machine and the space of process ids say which machine it is (containers of one machine may use the same
 * process ids); process id and start time say which process. Where the system does not tell, nobody is ever gone for sure.
 */
import { readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { bootId, isRunning, processStart } from "../connectors/embedded/boot.js";
import type { Identity } from "../engine/membership.js";

export function processIdentity(): Identity {
  const machine = [hostname(), bootId() ?? "", processSpace() ?? ""].map((text) => text.replace(/\s/g, "_"));
  const started = processStart(process.pid);
  const known = machine.every((text) => text !== "") && started !== null;
  return {
    name: [machine.join("/"), process.pid, started ?? ""].join(" "),
    isGone(id) {
      const [where, pid, since] = id.split(" ");
      if (!known || where !== machine.join("/") || since === undefined || !/^[1-9]\d*$/.test(pid ?? "")) return false;
      return !isRunning(Number(pid)) || processStart(Number(pid)) !== since;
    },
  };
}

function processSpace(): string | null {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return null;
  }
}
