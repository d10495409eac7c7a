/**
 * `eddy run`: the engine. Rules with errors start nothing; servers that are not there are waited for; a signal to end
 * lets what was read be committed and published. With `--shadow`
 * other rules run beside it, for comparison (shadow.ts). It runs the rules that are in force (in-force.ts), and takes others while it runs: at
 * SIGHUP, and with `--watch` whenever a rule file changes (reload.ts).
 */
import { fillProgress, STALE_AFTER_MS } from "../engine/change/progress.js";
import { changeUnderWay } from "../engine/change/change.js";
import { compile } from "../engine/compile/compiled.js";
import { startEngine } from "../engine/engine.js";
import type { StateStore } from "../engine/ports.js";
import { engineStats } from "../engine/stats.js";
import type { CommandCall } from "./commands.js";
import type { Configuration } from "./config.js";
import { aborted, engineEnvironment } from "./environment.js";
import { ConfigurationError, EXIT, explain, type ExitCode } from "./exit.js";
import { processIdentity } from "./identity.js";
import { inForce } from "./in-force.js";
import type { Io } from "./io.js";
import { DEFAULT_CACHE_CUSTOMERS, WORKER_LIMITS } from "./limits.js";
import { createLog, type Log } from "./logging.js";
import { startMonitor } from "./monitor.js";
import { openPatiently, openPorts } from "./open.js";
import { findPlace } from "./place.js";
import { needProgram, needRules } from "./program.js";
import { startReloading, type Reloading } from "./reload.js";
import type { ShadowBeside } from "./shadow.js";
import { takingChanges } from "./taking-changes.js";
import { startWorkers } from "./workers.js";

const DEFAULT_HTTP = { host: "127.0.0.1", port: 9464 };

export async function runCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  const rules = await needRules(configuration, io);
  if (rules === null) return EXIT.findings;
  if (configuration.get("watch") === true && configuration.get("rules") === "-") throw new ConfigurationError("--watch needs a file or a folder: standard input is read only once");
  const place = findPlace(configuration, io, "both");
  const workers = configuration.get("workers") ?? 1;
  if (workers > 1 && place.k === "embedded") throw new ConfigurationError(`--workers ${workers} needs NATS and Redis: an embedded folder (${place.folder}) has one engine`);
  const shadowRules = configuration.get("shadow");
  if (shadowRules !== undefined && workers > 1) throw new ConfigurationError(`--shadow works beside an engine of one thread: leave --workers ${workers} away in the process that has the shadow`);
  const shadowProgram = shadowRules === undefined ? undefined : await needProgram(configuration, io, true, shadowRules);
  if (shadowProgram === null) return EXIT.findings;
  const log = programLog(configuration, io);
  const ending = new AbortController();
  void io.interrupted().then((signal) => {
    log.info("ending: what was read is committed and published first", { signal });
    ending.abort();
  });
  const stats = engineStats();
  const configured = configuration.get("http");
  const listen = configured === undefined ? DEFAULT_HTTP : configured;
  let shadow: ShadowBeside | null = null;
  const monitor = await startMonitor({ listen, stats, program: rules.program, log, now: io.now, ...(shadowProgram === undefined ? {} : { shadow: () => shadow?.report() ?? null }) });
  try {
    const options = { now: io.now, create: true, engine: true, takeOver: configuration.get("take-over") ?? false };
    const ports = await openPatiently(() => openPorts(place, options), log, ending.signal);
    if (ports === null) {
      log.info("ended before the servers were there");
      return EXIT.ok;
    }
    for (const warning of ports.warnings) log.warn(warning);
    monitor.opened(ports);
    let reloading: Reloading | null = null;
    try {
      const begin = await openPatiently(() => inForce(ports.store, rules, async () => place.k === "embedded" || !await ports.isEngineAtWork(), log), log, ending.signal);
      if (begin === null) {
        await ports.close();
        return EXIT.ok;
      }
      const { program, then } = begin;
      const cacheCustomers = configuration.get("cache-customers") ?? DEFAULT_CACHE_CUSTOMERS;
      const compiled = compile(program);
      if (shadowProgram !== undefined) {
        const takeOver = configuration.get("take-over") ?? false;
        const { startShadowBeside } = await import("./shadow.js");
        shadow = await startShadowBeside({ place, program: shadowProgram, live: program, ports, stats, rate: configuration.get("fill-rate"), cacheCustomers, takeOver, json: configuration.get("json") ?? false, io, log });
      }
      const taking = takingChanges({ place, store: ports.store, compiled, now: io.now, log, signal: ending.signal });
      const shadowed = shadow === null ? { ports, options: {} } : { ports: { ...ports, store: shadow.store }, options: { watch: shadow.watch } };
      const engine = workers > 1 && place.k === "servers"
        ? startWorkers(workers, compiled, { program, place, cacheCustomers: Math.ceil(cacheCustomers / workers) }, stats, log, taking.programs)
        : startEngine(compiled, { ...shadowed.ports, ...taking.ports }, { cacheCustomers, limits: WORKER_LIMITS, partitions: ports.partitions, identity: processIdentity(), programs: taking.programs, ...shadowed.options }, engineEnvironment(io, log), stats);
      monitor.started(engine);
      reloading = startReloading({
        configuration, place, io, log, watch: configuration.get("watch") ?? false, ended: monitor.reloaded, isChangeUnderWay: async () => await changeUnderWay(ports.store) !== null,
        orphan: () => orphanedChange(ports.store, io.now()),
      });
      if (then !== null) reloading.wish(then, then === "apply" ? "the rules in the folder are not the ones in force" : "a change of rules is under way");
      log.info("running", { rules: program.rules.length, segments: program.segments.length, partitions: ports.partitions, place: ports.where, program: program.hash, ...(workers > 1 ? { workers } : {}) });
      await Promise.race([engine.ended, aborted(ending.signal)]);
      monitor.ending();
      ending.abort();
      await reloading.close();
      await engine.stop();
      await taking.close();
      await shadow?.close();
      log.info("ended");
    } catch (error) {
      monitor.ending();
      ending.abort();
      await reloading?.close();
      await shadow?.close().catch(() => undefined);
      // That closing goes wrong too, on a full disk, comes of the same; the reason to tell is the first.
      await ports.close().catch(() => undefined);
      throw error;
    }
    await ports.close();
    return EXIT.ok;
  } catch (error) {
    const reason = explain(error);
    if (reason === null) throw error;
    log.error(reason);
    return EXIT.usage;
  } finally {
    await monitor.close();
  }
}

/** Its id, while it is switching and nobody is known to read history for it. */
async function orphanedChange(store: StateStore, now: number): Promise<string | null> {
  const change = await changeUnderWay(store);
  if (change === null || change.phase !== "switching") return null;
  const progress = change.fill ? await fillProgress(store) : null;
  return progress !== null && now - progress.at < STALE_AFTER_MS ? null : change.id;
}

export function programLog(configuration: Configuration, io: Io): Log {
  return createLog({
    level: configuration.get("log-level") ?? "info", to: io.stderr, readable: io.terminal, stacks: io.environment["EDDY_DEBUG"] === "1",
  });
}
