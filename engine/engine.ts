/**
 * One process at work, through as many sessions as it takes.
 *
 * When the store went back, or the log is no longer the one it was, everything in memory is dropped and a new session opens
 * from what the store says: partitions that cannot go on stand still there. A partition that another process has claimed is
 * dropped, and the others are gone on with.
 */
import { hashNow, sumsUnder } from "./change/running.js";
import type { Compiled } from "./compile/compiled.js";
import type { Program } from "../dsl/program.js";
import type { Environment } from "./environment.js";
import type { EngineOptions, Ports } from "./open-partition.js";
import { SHARING, joinMembers } from "./membership.js";
import { OutputsMoved, StoreMoved } from "./ownership.js";
import { LogChanged } from "./ports.js";
import { report, type Report } from "./population/report.js";
import { openSession, type Session } from "./session.js";
import type { EngineStats } from "./stats.js";

export type { EngineOptions, Ports } from "./open-partition.js";

export interface Engine {
  /** What is missing before it does its work as it should; empty: ready. */
  notReady(): string[];
  /** What it runs: while its partitions go over to another one, what most of them run. */
  program(): Program;
  /** Figures of all customers of its partitions. */
  figures(): Report;
  /** Stops reading, commits, publishes, and ends. */
  stop(): Promise<void>;
  /** Settles when the engine has ended; rejects with CannotContinue where log and store do not belong together, or a failure that nobody foresaw. */
  readonly ended: Promise<void>;
}

const BEGIN_AGAIN_AFTER_MS = 100;

function whatMoved(error: StoreMoved | LogChanged): string {
  if (error instanceof LogChanged) return "the event log is not what it was";
  return error instanceof OutputsMoved ? "an output stream is not what it was" : "the store is older than this process's memory";
}

export function startEngine(compiled: Compiled, ports: Ports, options: EngineOptions, environment: Environment, stats: EngineStats): Engine {
  const stopping = new AbortController();
  const membership = joinMembers(ports.store, environment, compiled.program.hash, options.sharing ?? SHARING, options.identity);
  const running = new Map<number, Compiled>();
  stats.rulesTakenAt = environment.now();
  let session: Session | null = null;
  const now = (): Compiled => {
    const hash = hashNow(stats);
    return [...running.values()].find(({ program }) => program.hash === hash) ?? compiled;
  };

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      session = null;
      try {
        session = await openSession({ compiled, ports, options, environment, stats, stopping: stopping.signal, running }, membership);
        return await session?.run();
      } catch (error) {
        session?.abandon();
        // What a log that is no longer what it was means for each partition, is found out where it is opened.
        if (!(error instanceof StoreMoved || error instanceof LogChanged)) throw error;
        environment.log("warn", `${whatMoved(error)}: beginning again from what the store says`, { reason: error.message });
        await environment.pause(BEGIN_AGAIN_AFTER_MS, stopping.signal);
      }
    }
  }

  const ended = run().finally(() => membership.leave());
  ended.catch(() => undefined); // whoever awaits it sees it; nobody else shall be told of an unhandled rejection
  return {
    notReady: () => (session === null ? ["the event log and the store are not connected yet"] : session.notReady()),
    program: () => now().program,
    figures: () => report(now(), sumsUnder(now().program.hash, stats)),
    stop() {
      stopping.abort();
      return ended;
    },
    ended,
  };
}
