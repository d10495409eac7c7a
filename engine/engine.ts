/**
 * One process at work, through as many sessions as it takes.
 *
 * When the store went back, everything in memory is dropped and a new session opens from what the store says. When
 * another process has claimed a partition, or the log is no longer the one it was, the engine ends and says so.
 */
import type { Compiled } from "./compile/compiled.js";
import type { Environment } from "./environment.js";
import type { EngineOptions, Ports } from "./open-partition.js";
import { StoreMoved } from "./ownership.js";
import { report, type Report } from "./population/report.js";
import { openSession, type Session } from "./session.js";
import type { EngineStats } from "./stats.js";

export type { EngineOptions, Ports } from "./open-partition.js";

export interface Engine {
  /** What is missing before it does its work as it should; empty: ready. */
  notReady(): string[];
  /** Figures of all customers of its partitions. */
  figures(): Report;
  /** Stops reading, commits, publishes, and ends. */
  stop(): Promise<void>;
  /** Settles when the engine has ended; rejects with OwnershipLost, LogChanged, or a failure that nobody foresaw. */
  readonly ended: Promise<void>;
}

const BEGIN_AGAIN_AFTER_MS = 100;

export function startEngine(compiled: Compiled, ports: Ports, options: EngineOptions, environment: Environment, stats: EngineStats): Engine {
  const stopping = new AbortController();
  let session: Session | null = null;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      session = null;
      try {
        session = await openSession(compiled, ports, options, environment, stats, stopping.signal);
        return await session?.run();
      } catch (error) {
        session?.abandon();
        if (!(error instanceof StoreMoved)) throw error;
        environment.log("warn", "the store is older than this process's memory: beginning again from what the store says", { reason: error.message });
        await environment.pause(BEGIN_AGAIN_AFTER_MS, stopping.signal);
      }
    }
  }

  const ended = run();
  ended.catch(() => undefined); // whoever awaits it sees it; nobody else shall be told of an unhandled rejection
  return {
    notReady: () => (session === null ? ["the event log and the store are not connected yet"] : session.notReady()),
    figures: () => report(compiled, [...stats.sums.values()]),
    stop() {
      stopping.abort();
      return ended;
    },
    ended,
  };
}
