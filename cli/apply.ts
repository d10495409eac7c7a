/**
 * `eddy apply [RULES]`: brings rules into force on the engines that run. Rules with errors change nothing. Whatever is under way goes
 * on where it was when this is called again, and ends as a whole: in the rules of before, or in the new ones.
 */
import { randomUUID } from "node:crypto";

import type { ApplyEnd } from "../engine/change/apply.js";
import { currentProgram, storedBundle, writeBundle, type Bundle } from "../engine/change/bundle.js";
import { beginChange, cancelChange, changeUnderWay, type Change } from "../engine/change/change.js";
import { compare } from "../engine/change/compare.js";
import { compileBundle, storedBundles, withFinishing, type Finished } from "../engine/change/finishing.js";
import { carryThroughOrFollow, type FollowProgress } from "../engine/change/following.js";
import type { Program } from "../dsl/program.js";
import { compile } from "../engine/compile/compiled.js";
import type { StateStore } from "../engine/ports.js";
import { beforeIn, metasOf, takeCensus } from "./before.js";
import type { CommandCall } from "./commands.js";
import type { Configuration } from "./config.js";
import { engineEnvironment, pause } from "./environment.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { clearFilled, startFilling } from "./fill.js";
import { say, type Io } from "./io.js";
import { createLog } from "./logging.js";
import { openPorts, type OpenedPorts } from "./open.js";
import { findPlace, type Place } from "./place.js";
import { refuseUnknown } from "./plan.js";
import { compileRules, showFindings, type LoadedRules } from "./program.js";
import { summary } from "../dsl/diagnostics/render.js";
import { showProgress } from "./progress.js";

/** Engines that look for changes see this one, and compile it, before any partition comes to its place. */
const KNOWN_AFTER_MS = 1000;

export async function applyCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  const [cancels, continues] = [isDecided(configuration, "cancel"), isDecided(configuration, "continue")];
  if (cancels && continues) throw new UsageError("--cancel and --continue are different decisions: choose one");
  const rules = cancels || continues ? null : await compileRules(configuration, io);
  if (rules !== null) showFindings(io, rules.diagnostics, rules.files);
  if (rules !== null && rules.program === null) {
    say(io, `${summary(rules.diagnostics)}; nothing was changed`);
    return EXIT.findings;
  }
  const place = findPlace(configuration, io, "both");
  const ports = await openPorts(place, { now: io.now });
  try {
    if (cancels) return await cancel(ports, place, io);
    const change = await changeUnderWay(ports.store);
    if (change === null && rules === null) {
      say(io, `${ports.where}: no change of rules is under way`);
      return EXIT.ok;
    }
    const wanted = rules === null ? null : await changeTo(rules, ports, configuration, io);
    if (change !== null && wanted !== null && change.program !== wanted.change.program) throw otherUnderWay(change, io);
    if (change === null && wanted !== null && wanted.isInForce) {
      say(io, `${ports.where}: these rules are in force already (${wanted.change.program}); nothing was changed`);
      return EXIT.ok;
    }
    const started = change ?? await begun((wanted as Wanted).change, (wanted as Wanted).bundle, ports.store, io);
    return await carry(started, change !== null, { ports, place, io, configuration });
  } finally {
    await ports.close();
  }
}

/** Left in a file or the environment it would be made again and again. */
function isDecided(configuration: Configuration, name: "cancel" | "continue"): boolean {
  if (configuration.get(name) !== true) return false;
  if (configuration.origin(name)?.kind !== "flag") throw new UsageError(`--${name} is a decision: give it on the command line (it is ${configuration.origin(name)?.words ?? "elsewhere"})`);
  return true;
}

function otherUnderWay({ program, phase, since }: Change, io: Io): UsageError {
  const minutes = Math.round((io.now() - since) / 60_000);
  return new UsageError(
    `another change of rules is under way, to the program ${program}, since ${new Date(since).toISOString()}${minutes > 1 ? ` (${minutes} minutes)` : ""}: 'eddy apply --continue' carries it through` +
    (phase === "filling" ? ", 'eddy apply --cancel' gives it up" : "; partitions have gone over to it, so it can be carried through only. Then apply these rules"),
  );
}

async function cancel(ports: OpenedPorts, place: Place, io: Io): Promise<ExitCode> {
  const change = await changeUnderWay(ports.store);
  if (change === null) {
    say(io, `${ports.where}: no change of rules is under way`);
    return EXIT.ok;
  }
  if (!await cancelChange(ports.store, change)) {
    throw new UsageError(`the change to the program ${change.program} cannot be cancelled any more: partitions are going over to it. 'eddy apply --continue' carries it through; then apply the rules that you want`);
  }
  if (change.fill) await clearFilled(place, ports.store, io);
  say(io, `${ports.where}: the change to the program ${change.program} is cancelled; the rules of before stay in force`);
  return EXIT.ok;
}

// ---------------------------------------------------------------------------------------------------- what is to change

interface Wanted {
  readonly change: Change;
  readonly bundle: Bundle;
  /** Nothing is left to be done. */
  readonly isInForce: boolean;
}

async function changeTo({ files }: LoadedRules, { store, partitions }: OpenedPorts, configuration: Configuration, io: Io): Promise<Wanted> {
  const metas = await metasOf(store, partitions);
  const { hash: current, bundle: bundleNow, side } = await beforeIn(store, metas);
  const before = current === null || bundleNow === null ? null : { hash: current, bundle: bundleNow };
  const [finish, stop] = [new Set(configuration.get("finish") ?? []), new Set(configuration.get("stop") ?? [])];
  refuseUnknown(finish, side);
  const load = storedBundles(store);
  let made = await withFinishing({ files, before, finish, stop, standsIn: () => true, load });
  if (before !== null && before.bundle.finishing.length > 0 && made.compiled.program?.hash !== current) {
    // Where other rules come, those go whose last run has ended.
    const { runs } = await takeCensus(store, metas, compile(needed(made)), () => undefined);
    made = await withFinishing({ files, before, finish, stop, standsIn: (rule) => runs.has(rule), load });
  }
  for (const [rule, why] of made.hindered) say(io, `eddy: runs of ${rule} that stand at steps that are gone are stopped with this change: ${why.join("; ")}`);
  const to = compile(needed(made));
  const { hash } = to.program;
  return {
    bundle: made.bundle,
    isInForce: hash === await currentProgram(store) && metas.every((meta) => meta.program === "" || meta.program === hash),
    change: { id: randomUUID(), program: hash, from: await currentProgram(store) ?? "", fill: hash !== current && side !== null && compare(side, to).fill, phase: "filling", since: io.now() },
  };
}

function needed({ compiled }: Finished): Program {
  if (compiled.program === null) throw new UsageError("the rules and those that are to be finished make no program together: leave --finish away");
  return compiled.program;
}

async function begun(change: Change, bundle: Bundle, store: StateStore, io: Io): Promise<Change> {
  if (await beginChange(store, change, writeBundle(bundle))) return change;
  const other = await changeUnderWay(store);
  if (other?.program === change.program) return other;
  throw other === null ? new UsageError("somebody else has changed the rules at the same moment: nothing was changed here; look at what is in force, and apply again") : otherUnderWay(other, io);
}

// ---------------------------------------------------------------------------------------------------- carrying it through

interface Carrying {
  readonly ports: OpenedPorts;
  readonly place: Place;
  readonly io: Io;
  readonly configuration: Configuration;
}

async function carry(change: Change, goesOn: boolean, { ports, place, io, configuration }: Carrying): Promise<ExitCode> {
  const { store, log, partitions, where } = ports;
  const isForEngine = io.environment["EDDY_APPLIED_BY"] === "run";
  const stop = stopping(io, isForEngine);
  const messages = createLog({ level: configuration.get("log-level") ?? "warn", to: io.stderr, readable: io.terminal, stacks: io.environment["EDDY_DEBUG"] === "1" });
  say(io, `${where}: ${goesOn ? "going on with the change" : "changing"} from ${change.from === "" ? "no rules" : change.from} to ${change.program}${change.fill ? ", with what is new filled from history" : ""}`);
  const startedAt = io.now();
  if (change.phase === "filling" && !change.fill && await ports.isEngineAtWork()) await pause(KNOWN_AFTER_MS, stop);
  let line = "";
  const shown = showProgress(io, () => line);
  const told = (progress: FollowProgress): void => {
    line = progressLine(progress);
    if (!io.terminal) say(io, line);
  };
  let end: ApplyEnd;
  try {
    end = await carryThroughOrFollow({
      store, log, partitions, environment: engineEnvironment(io, messages), signal: stop, told,
      fill: async (change) => startFilling({ place, change, compiled: await programOf(change, store), main: { log, store }, io, log: messages, history: configuration.get("history"), rate: configuration.get("fill-rate") }),
      clear: () => clearFilled(place, store, io),
      // Whoever has asked for this is an engine.
      isEngineAtWork: () => (isForEngine ? Promise.resolve(true) : ports.isEngineAtWork()),
    }, change);
  } finally {
    shown.end();
  }
  if (end === "stopped") {
    say(io, `${where}: ended before the change was through; 'eddy apply --continue' goes on with it`);
    return EXIT.interrupted;
  }
  const seconds = ((io.now() - startedAt) / 1000).toFixed(1);
  say(io, end === "done" ? `${where}: the program ${change.program} is in force on all ${partitions} partitions (${seconds} s)`
    : `${where}: no engine is at work; the change to the program ${change.program} is taken when one starts`);
  return EXIT.ok;
}

function progressLine(progress: FollowProgress): string {
  switch (progress.k) {
    case "following": return "another process reads history for this change: it is followed";
    case "filling": return "filling what is new from history";
    case "switching": return `partitions that run the new rules: ${progress.switched} of ${progress.partitions}`;
    case "joining": return `partitions whose customers all have what is new: ${progress.joined} of ${progress.partitions}`;
  }
}

async function programOf({ program: hash }: Change, store: StateStore): Promise<ReturnType<typeof compile>> {
  const bundle = await storedBundle(store, hash);
  const program = bundle === null ? null : (await compileBundle(bundle, storedBundles(store))).program;
  if (program === null) throw new UsageError(`the program ${hash} of the change under way ${bundle === null ? "is not in the store" : "does not compile with this version of Eddy"}: 'eddy apply --cancel', then apply the rules again`);
  return compile(program);
}

/** Aborted by a signal; for an engine also when that has ended, since nobody else would end it then. */
function stopping(io: Io, isForEngine: boolean): AbortSignal {
  const stop = new AbortController();
  void io.interrupted().then(() => stop.abort());
  if (isForEngine) io.stdin.once("end", () => stop.abort()).resume();
  return stop.signal;
}
