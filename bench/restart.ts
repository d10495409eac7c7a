/**
 * How long `eddy run` takes, on servers that hold everything already, from the start of its process until it is ready and
 * until it has answered events that were sent before it was there.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { freePort } from "../test/servers/ports.js";
import type { BenchServers } from "./servers.js";
import type { Load } from "./shop-load.js";

export interface Restart {
  /** Seconds from the start of the process. */
  readonly ready: number;
  readonly answered: number;
}

const ASK_EVERY_MS = 5;
const GIVE_UP_MS = 120_000;
/** Of what an engine that failed has said. */
const SHOWN_CHARACTERS = 2000;

/** `answer`: the subject on which the last of the events is answered. */
export async function restart(servers: BenchServers, rules: string, events: readonly Load[], answer: string): Promise<Restart> {
  const root = join(import.meta.dirname, "../..");
  const port = await freePort();
  const ports = await servers.openPorts();
  let answeredAt: number | null = null;
  const subscription = servers.link.nc.subscribe(answer, { callback: () => { answeredAt ??= performance.now(); } });
  await servers.link.nc.flush();
  await ports.log.append(events);
  const began = performance.now();
  const engine = spawn(process.execPath, [join(root, "bin/eddy"), "run", join(root, rules), "--nats", servers.nats.url, "--redis", servers.redis.url, "--http", `127.0.0.1:${port}`], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  engine.stderr.on("data", (chunk: Buffer) => { said = (said + chunk.toString()).slice(-SHOWN_CHARACTERS); });
  const ended = new Promise<void>((resolve) => { engine.once("exit", () => resolve()); });
  const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
    while (!(await holds())) {
      if (engine.exitCode !== null || performance.now() - began > GIVE_UP_MS) throw new Error(`the engine did not become ${what}; it said: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
    }
  };
  await until("ready", () => fetch(`http://127.0.0.1:${port}/readyz`).then((response) => response.ok, () => false));
  const readyAt = performance.now();
  await until("one that answers", () => answeredAt !== null);
  subscription.unsubscribe();
  engine.kill("SIGTERM");
  await ended;
  await ports.close();
  return { ready: (readyAt - began) / 1000, answered: ((answeredAt ?? NaN) - began) / 1000 };
}
