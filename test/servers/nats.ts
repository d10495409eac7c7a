/**
 * A real nats-server with JetStream for tests: on a free port, in a temporary folder, with the file store.
 *
 * NATS_SERVER_BIN names another binary than the one on the PATH. `kill` is kill -9; `start` after it runs on the same
 * store and port. `dispose` stops the server and removes the folder.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { freePort } from "./ports.js";

export interface NatsServerOptions {
  /** Lines to add to the configuration file, e.g. limits, users or TLS. */
  readonly config?: string;
  /** Lines for its part about JetStream. */
  readonly jetstream?: string;
}

export interface NatsServer {
  readonly url: string;
  readonly port: number;
  /** The version the binary reports, e.g. "2.9.10". */
  readonly version: string;
  /** Where the configuration, the log and the store lie. */
  readonly folder: string;
  /** Starts it again on the same store and port, with other lines of configuration if given. */
  start(config?: string): Promise<void>;
  /** Stops it in an orderly way. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** Stops the process without ending it (SIGSTOP), and lets it go on (SIGCONT). */
  pause(): Promise<void>;
  resume(): void;
  dispose(): Promise<void>;
}

const BINARY = process.env["NATS_SERVER_BIN"] ?? "nats-server";
/** Longer than it takes, also where the machine has much else to do. */
const START_TIMEOUT_MS = 60_000;

export class ServerMissing extends Error { override readonly name = "ServerMissing"; }

/** The version of the binary, like "2.9.10". Throws ServerMissing with what to do. */
export function natsServerVersion(): string {
  const answer = spawnSync(BINARY, ["--version"], { encoding: "utf8" });
  const version = /v?(\d+\.\d+\.\d+\S*)/.exec(answer.stdout ?? "")?.[1];
  if (answer.error !== undefined || version === undefined) {
    throw new ServerMissing(
      `cannot run '${BINARY}', which these tests need. Install it (Debian and Ubuntu: apt-get install nats-server; ` +
        "otherwise https://github.com/nats-io/nats-server/releases) or set NATS_SERVER_BIN to the binary.",
    );
  }
  return version;
}

export async function startNats(options: NatsServerOptions = {}): Promise<NatsServer> {
  const version = natsServerVersion();
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "eddy-nats-"));
  let config = options.config ?? "";
  let running: ChildProcess | null = null;
  // A test run that is broken off leaves no server behind; vitest ends its workers with SIGTERM.
  const endWithProcess = (): void => void running?.kill("SIGKILL");
  const endOnSignal = (): void => {
    endWithProcess();
    process.kill(process.pid, "SIGTERM");
  };
  process.once("exit", endWithProcess);
  process.once("SIGTERM", endOnSignal);

  const start = async (newConfig?: string): Promise<void> => {
    if (running !== null) throw new Error("the server is running already");
    if (newConfig !== undefined) config = newConfig;
    const file = join(folder, "server.conf");
    writeFileSync(file, configuration(port, folder, config, options.jetstream ?? ""));
    const child = spawn(BINARY, ["-c", file], { stdio: "ignore" });
    running = child;
    child.once("exit", () => {
      if (running === child) running = null;
    });
    await untilReady(child, port, folder);
  };

  const end = async (signal: NodeJS.Signals): Promise<void> => {
    const child = running;
    if (child === null) return;
    running = null;
    const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.kill("SIGCONT");
    child.kill(signal);
    await exited;
  };

  const server: NatsServer = {
    url: `nats://127.0.0.1:${port}`,
    port,
    version,
    folder,
    start,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    pause: async () => {
      const child = running;
      if (child === null) return;
      child.kill("SIGSTOP");
      await untilStopped(child);
    },
    resume: () => void running?.kill("SIGCONT"),
    dispose: async () => {
      process.off("exit", endWithProcess);
      process.off("SIGTERM", endOnSignal);
      await end("SIGKILL");
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await start();
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return server;
}

function configuration(port: number, folder: string, extra: string, jetstream: string): string {
  return [
    `listen: "127.0.0.1:${port}"`,
    `log_file: "${join(folder, "server.log")}"`,
    `jetstream {\n  store_dir: "${join(folder, "store")}"\n  ${jetstream}\n}`,
    extra,
    "",
  ].join("\n");
}

/** Ready when JetStream is: the log says so; a port that answers comes earlier. */
async function untilReady(child: ChildProcess, port: number, folder: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let exited = false;
  child.once("exit", () => (exited = true));
  child.once("error", () => (exited = true));
  while (!exited && Date.now() < deadline) {
    if ((await answers(port)) && !exited) return;
    await delay(10);
  }
  child.kill("SIGKILL");
  throw new Error(`nats-server did not start; the end of its log:\n${lastLines(join(folder, "server.log"))}`);
}

/** The signal takes effect a little later, thread by thread; until then the server still answers. */
async function untilStopped(child: ChildProcess): Promise<void> {
  const tasks = `/proc/${child.pid}/task`;
  const isStopped = (task: string): boolean => {
    try {
      return /\) [Tt] /.test(readFileSync(join(tasks, task, "stat"), "utf8"));
    } catch {
      return false; // it has ended since it was listed
    }
  };
  const stopped = (): boolean => readdirSync(tasks).every(isStopped);
  if (!existsSync(tasks)) return void (await delay(200));
  for (const deadline = Date.now() + START_TIMEOUT_MS; !stopped() && Date.now() < deadline; ) await delay(5);
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("data", (greeting: Buffer) => {
      socket.destroy();
      resolve(greeting.toString("utf8").startsWith("INFO"));
    });
    socket.once("error", () => resolve(false));
    socket.once("close", () => resolve(false));
  });
}

function lastLines(file: string): string {
  try {
    return readFileSync(file, "utf8").split("\n").slice(-20).join("\n");
  } catch {
    return "(no log)";
  }
}
