/**
 * `eddy plan [RULES]`: what it would do to put these rules in force, without doing it. Compared with what runs (the rules in the store, or
 * what the customers' states say of them), or with `--against OLD` with other rules, without a server.
 *
 * Exit codes: 0; 1 where the rules have errors; 2 where history is too short for something that is new.
 */
import type { SourceFile } from "../dsl/compile.js";
import { summary } from "../dsl/diagnostics/render.js";
import { retiredRule } from "../dsl/compile.js";
import { sourcesOf as filesOf } from "../engine/change/bundle.js";
import { compare } from "../engine/change/compare.js";
import { newCensus } from "../engine/change/census.js";
import { hindrances, storedBundles, withFinishing, type LoadBundle } from "../engine/change/finishing.js";
import { planOf, type Plan } from "../engine/change/plan.js";
import type { Side } from "../engine/change/side.js";
import { compile, type Compiled } from "../engine/compile/compiled.js";
import { beforeIn, beforeOf, membersIn, metasOf, takeCensus, type Before } from "./before.js";
import type { CommandCall } from "./commands.js";
import type { Configuration } from "./config.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { DEFAULT_FILL_RATE, historyFrom } from "./fill.js";
import { print, say, type Io } from "./io.js";
import { openPorts, type OpenedPorts } from "./open.js";
import { findPlace } from "./place.js";
import { historyOf } from "./plan-history.js";
import { planJson, planText } from "./plan-report.js";
import { showStatus } from "./plan-status.js";
import { compileRules, showFindings } from "./program.js";
import { showProgress, whole } from "./progress.js";
import { loadRules } from "./rules.js";

export async function planCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  if (configuration.get("status") === true) return await showStatus(io, configuration);
  const loaded = await compileRules(configuration, io);
  showFindings(io, loaded.diagnostics.filter(({ severity }) => severity === "error"), loaded.files);
  if (loaded.program === null) {
    say(io, summary(loaded.diagnostics));
    return EXIT.findings;
  }
  const against = configuration.get("against");
  const [plan, where] = against === undefined ? await planHere(io, configuration, loaded.files, compile(loaded.program)) : [await planAgainst(io, configuration, against, loaded.files), null];
  if (plan === null) return EXIT.findings;
  if (configuration.get("json") === true) print(io, JSON.stringify(planJson(plan), null, 2));
  else print(io, planText(plan, { columns: columnsOf(io), where }));
  return plan.short ? EXIT.tooShort : EXIT.ok;
}

const USUAL_COLUMNS = 100;

const columnsOf = ({ stdout }: Io): number => ("columns" in stdout && typeof stdout.columns === "number" ? stdout.columns : USUAL_COLUMNS);

/** Null: the old rules make no program. */
async function planAgainst(io: Io, configuration: Configuration, against: string, files: readonly SourceFile[]): Promise<Plan | null> {
  if (configuration.get("history") !== undefined) throw new UsageError("--history says what the stream does not have any more, and --against compares without one: leave one of them away");
  const before = beforeOf(await loadRules(against, io));
  if (before === null) {
    say(io, `the rules in ${against} have errors: eddy check ${against} shows them`);
    return null;
  }
  const after = await afterOf(configuration, before, files, () => false, () => Promise.resolve(null));
  return planOf({
    before: before.side, from: before.hash, after, comparison: compare(before.side, after), census: null, segmentSizes: new Map(), history: null,
    finish: chosenIn(configuration, "finish"), hindered: hindering(before, files),
  });
}

async function planHere(io: Io, configuration: Configuration, files: readonly SourceFile[], compiled: Compiled): Promise<readonly [Plan, string]> {
  const ports = await openPorts(findPlace(configuration, io, "both"), { now: io.now });
  try {
    return [await planIn(io, configuration, ports, files, compiled), ports.where];
  } finally {
    await ports.close();
  }
}

async function planIn(io: Io, configuration: Configuration, { store, log, partitions }: OpenedPorts, files: readonly SourceFile[], compiled: Compiled): Promise<Plan> {
  const metas = await metasOf(store, partitions);
  const before = await beforeIn(store, metas);
  const { hash } = compiled.program;
  let counted = 0;
  const progress = showProgress(io, () => `looking through the customers: ${whole(counted)}`);
  try {
    // Nothing would be done: nobody need be looked at.
    const census = hash === before.hash ? newCensus() : await takeCensus(store, metas, compiled, (customers) => { counted = customers; });
    const after = await afterOf(configuration, before, files, (rule) => census.runs.has(rule), storedBundles(store));
    const comparison = compare(before.side, after);
    const dropped = comparison.parts.flatMap(({ kind, fate, name }) => (kind === "segment" && fate === "dropped" ? [name] : []));
    const file = configuration.get("history");
    const history = before.side === null || !comparison.fill ? null : await historyOf({
      log, compiled: after, file: file === undefined ? null : await historyFrom(file, log, io), now: io.now,
      reached: Math.max(0, ...metas.map(({ clock }) => clock)), limit: configuration.get("fill-rate") ?? DEFAULT_FILL_RATE,
    });
    return planOf({
      before: before.side, from: before.hash, after, comparison, census, history, segmentSizes: await membersIn(store, partitions, dropped),
      finish: chosenIn(configuration, "finish"), hindered: hindering(before, files),
    });
  } finally {
    progress.end();
  }
}

const chosenIn = (configuration: Configuration, choice: "finish" | "stop"): ReadonlySet<string> => new Set(configuration.get(choice) ?? []);

/** The program that would be in force: with what is finished in it. */
async function afterOf(configuration: Configuration, { hash, bundle, side }: Before, files: readonly SourceFile[], standsIn: (rule: string) => boolean, load: LoadBundle): Promise<Compiled> {
  refuseUnknown(chosenIn(configuration, "finish"), side);
  const { compiled } = await withFinishing({
    files, before: hash === null || bundle === null ? null : { hash, bundle }, finish: chosenIn(configuration, "finish"), stop: chosenIn(configuration, "stop"), standsIn, load,
  });
  if (compiled.program === null) throw new UsageError("the rules and those that are to be finished make no program together: leave --finish away");
  return compile(compiled.program);
}

/** Throws UsageError: whoever misspells a rule would lose its runs. */
export function refuseUnknown(finish: ReadonlySet<string>, side: Side | null): void {
  for (const name of finish) {
    if (side === null || side.program === null) throw new UsageError(`--finish ${name}: the rules that are in force are not in the store, so nobody has the old steps of ${name}`);
    if (!side.program.rules.some((rule) => rule.name === name)) throw new UsageError(`--finish ${name}: there is no rule "${name}" in force`);
  }
}

/** Why runs of a rule of before cannot be finished: what its steps miss in the new rules. */
function hindering({ hash, bundle }: Before, files: readonly SourceFile[]): (rule: string) => readonly string[] {
  return (name) => {
    if (bundle === null || hash === null) return ["nobody has the old rules any more"];
    const rule = retiredRule(filesOf(bundle), name, hash);
    return rule === null ? [`there is no rule "${name}" among the old ones`] : hindrances(files, rule);
  };
}
