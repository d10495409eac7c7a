/** `eddy inspect CUSTOMER`: what is known about a customer: profile, traits, segments, runs, the last actions. */
import type { Program } from "../dsl/program.js";
import { portrait, type Portrait } from "../engine/inspect.js";
import { shownInstant } from "../engine/testing/show.js";
import type { Zone } from "../engine/zone.js";
import { timeText } from "../engine/compile/runtime.js";
import { publishedOf } from "../engine/explain/published.js";
import type { CommandCall } from "./commands.js";
import { rulesAbout, withCustomer, type FoundCustomer } from "./customer.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { print } from "./io.js";
import { visible } from "./visible.js";

const ACTIONS_SHOWN = 10;

interface LastAction {
  readonly time: string;
  readonly type: string;
  readonly rule: string;
  readonly cause: string;
  readonly data: unknown;
}

export async function inspectCommand({ io, configuration, arguments: given }: CommandCall): Promise<ExitCode> {
  const id = given.get("CUSTOMER");
  if (id === undefined) throw new UsageError("inspect needs the id of a CUSTOMER");
  const program = await rulesAbout(io, configuration);
  if (program === null) return EXIT.findings;
  const shown = await withCustomer(io, configuration, program, id, async (found) => {
    const { compiled, customer, figures, now } = found;
    const known = portrait(compiled, figures, customer, now);
    const actions = await lastActions(found);
    print(io, configuration.get("json") === true ? JSON.stringify({ ...known, actions }, null, 2) : readable(known, actions, program, customer.zone));
    return true;
  });
  return shown === null ? EXIT.findings : EXIT.ok;
}

const lastActions = async ({ ports, partition, customer, reached }: FoundCustomer): Promise<LastAction[]> =>
  (await publishedOf(ports, partition, customer.id, reached)).actions.slice(-ACTIONS_SHOWN).reverse()
    .map(({ at, type, rule, cause, data }) => ({ time: timeText(at) as string, type, rule, cause, data }));

const labelled = (name: string, label: string | null): string => (label === null ? name : `${name}  ${label}`);

function runLine(run: Portrait["runs"][number], on: (instant: string) => string): string {
  const which = run.per === null ? run.rule : `${run.rule} for ${JSON.stringify(run.per)}`;
  const stands = run.message === null ? "waits" : `its message ${run.message.channel} ${JSON.stringify(run.message.template)} is held`;
  return `${labelled(which, run.label)}: since ${on(run.since)} (${visible(run.cause)}), ${stands}${run.waitsUntil === null ? "" : ` until ${on(run.waitsUntil)}`}`;
}

/** Instants stand on the customer's wall clock, as in `eddy explain`. */
function readable(known: Portrait, actions: readonly LastAction[], program: Program, zone: Zone): string {
  const on = (instant: string): string => shownInstant(Date.parse(instant), zone);
  /** Texts of instants of the values that are such. */
  const inZone = (values: { readonly [name: string]: unknown }, isTime: (name: string) => boolean): { readonly [name: string]: unknown } =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, typeof value === "string" && isTime(name) ? on(value) : value]));
  const section = (title: string, lines: readonly string[]): string[] => ["", title, ...(lines.length === 0 ? ["  none"] : lines.map((line) => `  ${line}`))];
  /** Of what the program declares there is always something to say. */
  const declared = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : section(title, lines));
  const table = (values: { readonly [name: string]: unknown }): string[] => {
    const width = Math.max(0, ...Object.keys(values).map((name) => name.length));
    return Object.entries(values).map(([name, value]) => `${name.padEnd(width)}  ${value === null ? "–" : typeof value === "string" ? visible(value) : JSON.stringify(value)}`);
  };
  return [
    `${visible(known.customer)}, first seen ${known.firstSeen === null ? "never" : on(known.firstSeen)}`,
    ...(known.joined.length === 0 ? [] : [`joined into them: ${known.joined.map(visible).join(", ")}`]),
    ...section("profile", table(inZone(known.profile, (name) => program.profile.some((field) => field.name === name && field.type.k === "time")))),
    ...section(`traits, as of ${on(known.at)} (${known.timezone})`, table(inZone(known.traits, (name) => program.traits.some((trait) => trait.name === name && trait.value.type.k === "time")))),
    ...section("segments", known.segments.map(({ name, label }) => labelled(name, label))),
    ...declared("points", known.points.map(({ name, balance, expires }) => `${name}  ${balance}${expires === null ? "" : `, the next expire on ${on(expires)}`}`)),
    ...declared("tiers", table(known.tiers)),
    ...declared("experiments", known.experiments.map(({ name, variant, since }) => `${name}  ${variant}${since === null ? ", not exposed" : `, exposed since ${on(since)}`}`)),
    ...section("rules under way", known.runs.map((run) => runLine(run, on))),
    ...section("last actions, newest first", actions.map((action) => `${on(action.time)}  ${visible(action.type)}  by ${action.rule} (${visible(action.cause)})  ${JSON.stringify(action.data)}`)),
    ...(known.nextWake === null ? [] : ["", `next change by time alone: ${on(known.nextWake)} at the earliest`]),
  ].join("\n");
}
