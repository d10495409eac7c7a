/**
 * A real redis-server for tests: on a free port, in a temporary folder, with an append-only file (every second unless
 * asked otherwise).
 *
 * REDIS_SERVER_BIN names another binary than the one on the PATH. `kill` is kill -9; `start` after it runs on the same
 * folder and port, as `restart` does in one step. `dispose` ends the server and removes the folder.
 */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { freePort } from "./ports.js";

export type SlotRange = readonly [from: number, to: number];
export const ALL_SLOTS: SlotRange = [0, 16_383];

export interface RedisServerOptions {
  /** When the append-only file reaches the disk; "off" keeps none. */
  readonly appendfsync?: "always" | "everysec" | "no" | "off";
  /** More settings, as on the command line: `["--maxmemory", "10mb"]`. */
  readonly settings?: readonly string[];
  /**
   * A node of a cluster that owns these slots. One that owns `ALL_SLOTS` is a cluster by itself: it serves everything,
   * and refuses calls whose keys lie in different slots.
   */
  readonly slots?: SlotRange;
}

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  /** The version the binary reports, e.g. "7.0.15". */
  readonly version: string;
  /** Where the data lies. */
  readonly folder: string;
  /** Starts it again on the same folder and port. */
  start(): Promise<void>;
  /** Stops it in an orderly way. */
  stop(): Promise<void>;
  /** kill -9. */
  kill(): Promise<void>;
  /** `kill`, then `start`. */
  restart(): Promise<void>;
  /** Stops the process without ending it (SIGSTOP), and lets it go on (SIGCONT). */
  pause(): void;
  resume(): void;
  dispose(): Promise<void>;
}

const BINARY = process.env["REDIS_SERVER_BIN"] ?? "redis-server";
/** Longer than it takes, also where the machine has much else to do. */
const START_TIMEOUT_MS = 60_000;

export class ServerMissing extends Error { override readonly name = "ServerMissing"; }

/** The version of the binary, like "7.0.15". Throws ServerMissing with what to do. */
export function redisServerVersion(): string {
  const answer = spawnSync(BINARY, ["--version"], { encoding: "utf8" });
  const version = /v=(\d+\.\d+\.\d+)/.exec(answer.stdout ?? "")?.[1];
  if (answer.error !== undefined || version === undefined) {
    throw new ServerMissing(
      `cannot run '${BINARY}', which these tests need. Install Redis 7 or newer (Debian and Ubuntu: apt-get install ` +
        "redis-server) or set REDIS_SERVER_BIN to the binary.",
    );
  }
  return version;
}

export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const version = redisServerVersion();
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), "eddy-redis-"));
  const settings = settingsFor(port, folder, options);
  let running: ChildProcess | null = null;
  // A test run that is broken off leaves no server behind; vitest ends its workers with SIGTERM.
  const endWithProcess = (): void => void running?.kill("SIGKILL");
  const endOnSignal = (): void => {
    endWithProcess();
    process.kill(process.pid, "SIGTERM");
  };
  process.once("exit", endWithProcess);
  process.once("SIGTERM", endOnSignal);

  const start = async (): Promise<void> => {
    if (running !== null) throw new Error("the server is running already");
    const child = spawn(BINARY, settings, { stdio: ["ignore", "pipe", "pipe"] });
    running = child;
    child.once("exit", () => {
      if (running === child) running = null;
    });
    await untilReady(child, port);
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

  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    port,
    version,
    folder,
    start,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    restart: async () => {
      await end("SIGKILL");
      await start();
    },
    pause: () => void running?.kill("SIGSTOP"),
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
    if (options.slots !== undefined) await ask(port, `CLUSTER ADDSLOTSRANGE ${options.slots.join(" ")}`);
    if (options.slots === ALL_SLOTS) await untilClusterIsUp(port);
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return server;
}

/** A cluster of three masters that share the slots. */
export async function startRedisCluster(): Promise<RedisServer[]> {
  const ranges: readonly SlotRange[] = [[0, 5460], [5461, 10_922], [10_923, 16_383]];
  const nodes = await Promise.all(ranges.map((slots) => startRedis({ slots })));
  try {
    for (const [i, node] of nodes.entries()) {
      await ask(node.port, `CLUSTER SET-CONFIG-EPOCH ${i + 1}`);
      for (const other of nodes.slice(0, i)) await ask(node.port, `CLUSTER MEET 127.0.0.1 ${other.port}`);
    }
    await Promise.all(nodes.map((node) => untilClusterIsUp(node.port)));
  } catch (error) {
    await Promise.all(nodes.map((node) => node.dispose()));
    throw error;
  }
  return nodes;
}

function settingsFor(port: number, folder: string, options: RedisServerOptions): string[] {
  const appendfsync = options.appendfsync ?? "everysec";
  return [
    "--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--daemonize", "no",
    "--appendonly", appendfsync === "off" ? "no" : "yes",
    "--appendfsync", appendfsync === "off" ? "no" : appendfsync,
    ...(options.slots === undefined ? [] : ["--cluster-enabled", "yes", "--cluster-announce-ip", "127.0.0.1", "--cluster-node-timeout", "1000"]),
    ...(options.settings ?? []),
  ];
}

/** Ready when it answers and has read its file. */
async function untilReady(child: ChildProcess, port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  let exited = false;
  let log = "";
  const keep = (chunk: Buffer): void => { log = (log + chunk.toString("utf8")).slice(-4000); };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  child.once("exit", () => (exited = true));
  child.once("error", () => (exited = true));
  while (!exited && Date.now() < deadline) {
    // With a password it answers -NOAUTH, which is an answer.
    const reply = await ask(port, "PING");
    if (reply !== null && !reply.startsWith("-LOADING") && !exited) return;
    await delay(10);
  }
  child.kill("SIGKILL");
  throw new Error(`redis-server did not start; the end of its log:\n${log}`);
}

async function untilClusterIsUp(port: number): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline) {
    if ((await ask(port, "CLUSTER INFO"))?.includes("cluster_state:ok") === true) return;
    await delay(20);
  }
  throw new Error(`the cluster of the redis-server on port ${port} did not come up`);
}

/** Sends one inline command; answers the first piece of the reply, or null without a connection. */
function ask(port: number, command: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
    socket.once("data", (reply: Buffer) => {
      socket.destroy();
      resolve(reply.toString("utf8"));
    });
    socket.once("error", () => resolve(null));
    socket.once("close", () => resolve(null));
  });
}
