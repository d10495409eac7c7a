/**
 * `eddy run --workers N`: as many threads, each a member of its own, that share the partitions exactly as processes do.
 *
 * Here is what they are to the main thread: one engine that is asked how it is and told to stop. A thread that fails takes
 * the others and the process down in an orderly way: whoever keeps the process alive starts all of it again, and what one
 * thread alone would be started again into has just shown that it does not hold.
 */
import { Worker } from "node:worker_threads";

import type { Program } from "../dsl/program.js";
import { hashNow, sumsUnder } from "../engine/change/running.js";
import type { Compiled } from "../engine/compile/compiled.js";
import { mergeStats } from "../engine/merged-stats.js";
import { report, type Report as Figures } from "../engine/population/report.js";
import type { EngineStats } from "../engine/stats.js";
import { pause } from "./environment.js";
import type { Log } from "./logging.js";
import type { StoredPrograms } from "./programs.js";
import type { Assignment, Order, Report } from "./worker-messages.js";

/** A worker thread could not go on, for a reason that a person can mend; the message says it. A bug is another error. */
export class WorkerFailed extends Error { override readonly name = "WorkerFailed"; }

export interface Workers {
  notReady(): readonly string[];
  figures(): Figures;
  program(): Program;
  /** Brings the counts up to date, as far as the threads answer in time. */
  count(): Promise<void>;
  stop(): Promise<void>;
  /** Settles when all have ended; rejects with what the first that failed has failed of. */
  readonly ended: Promise<void>;
}

interface Thread {
  readonly worker: Worker;
  missing: readonly string[];
  stats: EngineStats | null;
  counted: { readonly request: number; readonly resolve: () => void } | null;
  isOver: boolean;
}

/** Who asks for the metrics gets those of before of a thread that is busy for so long. */
const ANSWER_WITHIN_MS = 1000;

const withStack = (what: string, stack: string): Error => Object.assign(new Error(`${what}: ${stack.split("\n")[0] ?? ""}`), { stack: `${what}: ${stack}` });

export function startWorkers(count: number, compiled: Compiled, assignment: Assignment, stats: EngineStats, log: Log, programs: StoredPrograms): Workers {
  const now = (): Compiled => programs.find(hashNow(stats) ?? "") ?? compiled;
  let request = 0;
  const failure: { first: Error | null } = { first: null };
  const order = (thread: Thread, what: Order): void => { if (!thread.isOver) thread.worker.postMessage(what); };
  const stopAll = (): void => threads.forEach((thread) => order(thread, { k: "stop" }));
  const endings: Promise<void>[] = [];
  const threads = Array.from({ length: count }, (_, i): Thread => {
    const worker = new Worker(new URL("./worker-thread.js", import.meta.url), { workerData: assignment, name: `eddy worker ${i + 1}` });
    const thread: Thread = { worker, missing: ["a worker has not started yet"], stats: null, counted: null, isOver: false };
    const own = log.with({ worker: i + 1 });
    const fail = (error: Error): void => {
      failure.first ??= error;
      stopAll();
    };
    let hasSaid = false;
    worker.on("message", (said: Report) => {
      if (said.k === "log") own[said.level](said.message, said.fields);
      else if (said.k === "missing") thread.missing = said.missing;
      else if (said.k === "counted") {
        thread.stats = said.stats;
        if (thread.counted?.request === said.request) thread.counted.resolve();
      } else {
        hasSaid = true;
        if (said.k === "failed") fail(said.reason === null ? withStack(`worker ${i + 1}`, said.stack) : new WorkerFailed(`worker ${i + 1}: ${said.reason}`));
      }
    });
    worker.on("error", (error) => {
      hasSaid = true;
      fail(withStack(`worker ${i + 1} died`, error.stack ?? error.message));
    });
    endings.push(new Promise((resolve) => worker.once("exit", (code) => {
      thread.isOver = true;
      thread.counted?.resolve();
      if (!hasSaid) fail(new WorkerFailed(`worker ${i + 1} ended with ${code} and said nothing`));
      resolve();
    })));
    return thread;
  });
  const ended = Promise.all(endings).then(() => { if (failure.first !== null) throw failure.first; });
  ended.catch(() => undefined); // whoever awaits it sees it

  return {
    notReady: () => [...new Set(threads.flatMap(({ missing }) => missing))],
    figures: () => report(now(), sumsUnder(now().program.hash, stats)),
    program: () => now().program,
    async count() {
      request++;
      const patience = new AbortController();
      const all = Promise.all(threads.map((thread) => new Promise<void>((resolve) => {
        thread.counted?.resolve();
        thread.counted = { request, resolve };
        if (thread.isOver) resolve();
        else order(thread, { k: "count", request });
      })));
      await Promise.race([all, pause(ANSWER_WITHIN_MS, patience.signal)]);
      patience.abort();
      mergeStats(stats, threads.flatMap((thread) => thread.stats ?? []));
      const hash = hashNow(stats);
      // The threads have asked for it before; where the store does not answer now, names of before are shown once more.
      if (hash !== null && programs.find(hash) === undefined) await programs.compiled(hash).catch(() => null);
    },
    stop() {
      stopAll();
      return ended;
    },
    ended,
  };
}
