/**
 * `eddy run --shadow NEW`: other rules beside the engine, in the same process, and what they would do differently. What it finds goes to
 * the log in a line each minute, to standard output in full at SIGUSR2 and at the end, or with --json each minute.
 */
import { timeText } from "../engine/compile/runtime.js";
import { compile } from "../engine/compile/compiled.js";
import type { Program } from "../dsl/program.js";
import { SHADOW_SCOPE, startShadow, type Shadow, type ShadowReport } from "../engine/shadow/shadow.js";
import type { EngineStats } from "../engine/stats.js";
import { differenceLines, differencesJson } from "./difference-report.js";
import { engineEnvironment, pause } from "./environment.js";
import { processIdentity } from "./identity.js";
import { print, type Io } from "./io.js";
import type { Log } from "./logging.js";
import { openPorts, type OpenedPorts } from "./open.js";
import type { Place } from "./place.js";
import { whole } from "./progress.js";

/** It works in the engine's own process: more would be felt. */
export const DEFAULT_SHADOW_RATE = 5000;
const TELL_EVERY_MS = 60_000;

export interface ShadowOptions {
  readonly place: Place;
  /** The other rules, and those that the engine is started with. */
  readonly program: Program;
  readonly live: Program;
  readonly ports: OpenedPorts;
  readonly stats: EngineStats;
  readonly rate: number | undefined;
  readonly cacheCustomers: number;
  readonly takeOver: boolean;
  readonly json: boolean;
  readonly io: Io;
  readonly log: Log;
}

export interface ShadowBeside extends Pick<Shadow, "store" | "watch" | "report"> {
  /** Says the last of it, and removes what it had in the store. */
  close(): Promise<void>;
}

export async function startShadowBeside({ place, program, live, ports, stats, rate = DEFAULT_SHADOW_RATE, cacheCustomers, takeOver, json, io, log }: ShadowOptions): Promise<ShadowBeside> {
  const scope = await openPorts(place, { now: io.now, engine: true, takeOver, scope: SHADOW_SCOPE });
  const own = log.with({ shadow: program.hash });
  const shadow = startShadow({
    compiled: compile(program), live: compile(live), log: scope.log, store: ports.store, scope: scope.store, empty: () => scope.empty(), drop: () => scope.drop(null),
    environment: engineEnvironment(io, own), stats, rate, cacheCustomers, identity: processIdentity(),
  });
  const tell = (): void => {
    const report = shadow.report();
    if (json) print(io, JSON.stringify({ time: timeText(io.now()), ...reportJson(report) }));
    else for (const line of reportLines(report)) print(io, line);
  };
  io.onReport?.(tell);
  const ending = new AbortController();
  const telling = (async () => {
    for (;;) {
      await pause(TELL_EVERY_MS, ending.signal);
      if (ending.signal.aborted) return;
      own.info("shadow", summary(shadow.report()));
      if (json) tell();
    }
  })();
  return {
    store: shadow.store, watch: shadow.watch, report: () => shadow.report(),
    async close() {
      ending.abort();
      await telling;
      tell();
      await shadow.stop(true).catch((error: Error) => own.warn("what the shadow had in the store could not be removed: the next shadow removes it", { err: error }));
      await scope.close();
    },
  };
}

function reportJson({ programs, partitions, records, behind, failure, ...differences }: ShadowReport): object {
  return { programs, partitions, records, behind, failure, ...differencesJson({ ...differences, traits: null }) };
}

function reportLines(report: ShadowReport): string[] {
  const { partitions, records, behind, failure } = report;
  const head = failure !== null ? `the shadow has ended: ${failure}`
    : partitions.compared === 0 ? `the shadow is ${whole(behind)} events behind, and nothing is compared yet`
      : `compared over ${whole(records)} records, in ${partitions.compared} of ${partitions.all} partitions`;
  return [head, ...differenceLines({ ...report, traits: null })];
}

function summary({ partitions, records, behind, segments, rules }: ShadowReport): Record<string, number> {
  const count = <T>(of: ReadonlyMap<string, T>, differs: (one: T) => number): number => [...of.values()].reduce((sum, one) => sum + differs(one), 0);
  const total = (by: Readonly<Record<string, number>>): number => Object.values(by).reduce((sum, n) => sum + n, 0);
  return {
    behind, partitions: partitions.compared, records, wouldEnter: count(segments, ({ entered }) => entered.count), wouldLeave: count(segments, ({ left }) => left.count),
    wouldSend: count(rules, ({ more }) => total(more)), wouldNotSend: count(rules, ({ fewer }) => total(fewer)), wouldSayElse: count(rules, ({ payload }) => payload), atOtherInstants: count(rules, ({ instant }) => instant),
  };
}
