/** An engine in the test's own process, on ports of its own that are opened as `eddy run` opens them. */
import { engineEnvironment } from "../../cli/environment.js";
import type { Log } from "../../cli/logging.js";
import { openPorts } from "../../cli/open.js";
import type { Place as Where } from "../../cli/place.js";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { startEngine } from "../../engine/engine.js";
import type { OutputLog } from "../../engine/ports.js";
import { SIZES, type Sizes } from "../../engine/sizes.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";

export interface InsideEngine {
  readonly stats: EngineStats;
  /** Warnings and errors, as they were said. */
  readonly said: readonly string[];
  notReady(): readonly string[];
  /** Why the partition stands still; null: it does not. */
  stopped(partition: number): string | null;
  /** Settles when the engine ends by itself; with its failure, where it has one. */
  readonly ended: Promise<Error | null>;
  /** In an orderly way; its ports are closed. */
  stop(): Promise<void>;
}

export interface InsideOptions {
  readonly rules: string;
  readonly keepPublished?: number;
  readonly maxOutbox?: number;
  readonly sizes?: Partial<Sizes>;
  /** Stands in for the clock that measures. */
  readonly seconds?: () => number;
  /** Stands around the output log. */
  readonly around?: (outputs: OutputLog) => OutputLog;
}

const nothing = (): void => undefined;

export async function startInside(where: Where, { rules, keepPublished = 10_000, maxOutbox = 50_000, sizes, seconds, around = (outputs) => outputs }: InsideOptions): Promise<InsideEngine> {
  const { program, diagnostics } = compileProgram([{ file: "rules.eddy", text: rules }]);
  if (program === null) throw new Error(JSON.stringify(diagnostics));
  const opened = await openPorts(where, { now: Date.now });
  const ports = { ...opened, outputs: around(opened.outputs) };
  const said: string[] = [];
  const told = (message: string, fields?: object): void => void said.push(fields === undefined ? message : `${message} ${JSON.stringify(fields)}`);
  const log: Log = { debug: nothing, info: nothing, warn: told, error: told, with: () => log };
  const stats = engineStats();
  const options = { cacheCustomers: 50_000, limits: { maxOutbox, keepPublished }, partitions: ports.partitions, ...(sizes === undefined ? {} : { sizes: { ...SIZES, ...sizes } }) };
  const engine = startEngine(compile(program), ports, options, { ...engineEnvironment({ now: Date.now }, log), ...(seconds === undefined ? {} : { seconds }) }, stats);
  return {
    stats, said,
    notReady: () => engine.notReady(),
    stopped: (partition) => stats.partitions.get(partition)?.stopped ?? null,
    ended: engine.ended.then(() => null, (error: Error) => error),
    async stop() {
      await engine.stop().catch(nothing);
      await ports.close();
    },
  };
}
