/** What is known about one customer, in words and values that a person can read. */
import type { Field, Value } from "../dsl/program.js";
import { dateText, tierLevel, timeText } from "./compile/runtime.js";
import type { Compiled } from "./compile/compiled.js";
import type { Customer, Data, Figures, Run, Scalar } from "./customer.js";
import { SILENT, evaluator, read } from "./evaluate.js";
import { variantOf } from "./experiments.js";
import { balance as pointsBalance, nextBalance } from "./points.js";

export interface Portrait {
  readonly customer: string;
  readonly firstSeen: string | null;
  /** The customer's; instants are in UTC all the same. */
  readonly timezone: string;
  /** Ids of those who were joined into the customer. */
  readonly joined: readonly string[];
  /** The instant for which the traits hold. */
  readonly at: string;
  readonly profile: { readonly [field: string]: Value };
  readonly traits: { readonly [trait: string]: Value };
  readonly segments: readonly { readonly name: string; readonly label: string | null }[];
  readonly runs: readonly RunPortrait[];
  /** `expires`: when the next lot does. */
  readonly points: readonly { readonly name: string; readonly balance: number; readonly expires: string | null }[];
  readonly tiers: { readonly [tier: string]: string | null };
  /** `since`: of the first exposure. */
  readonly experiments: readonly { readonly name: string; readonly variant: string; readonly since: string | null }[];
  /** When something will change by time alone, at the earliest. */
  readonly nextWake: string | null;
}

export interface RunPortrait {
  readonly rule: string;
  readonly label: string | null;
  /** What the rule's `per` was at the start; null without one. */
  readonly per: Scalar | null;
  readonly since: string;
  readonly cause: string;
  readonly holds: boolean;
  /** The message that is held. */
  readonly message: { readonly channel: string; readonly template: string } | null;
  readonly waitsUntil: string | null;
}

export function portrait(compiled: Compiled, figures: Figures, customer: Customer, now: number): Portrait {
  const e = evaluator(compiled, SILENT);
  e.x.figures = figures;
  const { program } = compiled;
  const text = (instant: number): string => timeText(instant) as string;
  return {
    customer: customer.id,
    firstSeen: customer.firstSeen === Infinity ? null : text(customer.firstSeen),
    timezone: customer.zone.name,
    joined: customer.extras?.joined ?? [],
    at: text(now),
    profile: shownProfile(customer.profile, compiled.program.profile),
    traits: Object.fromEntries(compiled.traits.map((trait) => [trait.name, read(e, customer, now, trait.shown) ?? null])),
    segments: customer.segments.map((index) => {
      const segment = compiled.program.segments[index];
      return { name: segment?.name ?? "", label: segment?.label ?? null };
    }),
    runs: customer.runs.map((run) => {
      const rule = compiled.program.rules[run.rule];
      return {
        rule: rule?.name ?? "", label: rule?.label ?? null, per: run.key, since: text(run.startedAt), cause: run.cause,
        holds: run.held !== null, message: heldMessage(compiled, run), waitsUntil: run.deadline === Infinity ? null : text(run.deadline),
      };
    }),
    points: program.points.map(({ name, expire }, index) => {
      const [balance, next] = read(e, customer, now, (x) => [pointsBalance(x, index, expire), nextBalance(x, index, expire)] as const);
      return { name, balance, expires: next === Infinity ? null : text(next) };
    }),
    tiers: Object.fromEntries(program.tiers.map(({ name, levels }, index) => [name, read(e, customer, now, (x) => tierLevel(x, index, levels))])),
    experiments: program.experiments.map((experiment, index) => {
      const exposure = customer.extras?.exposures.find((each) => each.index === index);
      const variant = experiment.arms[exposure?.arm ?? -1]?.name ?? read(e, customer, now, (x) => variantOf(x, index, experiment));
      return { name: experiment.name, variant, since: exposure === undefined ? null : text(exposure.at) };
    }),
    nextWake: customer.wake === Infinity ? null : text(customer.wake),
  };
}

function heldMessage(compiled: Compiled, run: Run): RunPortrait["message"] {
  const send = compiled.rules[run.rule]?.ops[run.at - 1];
  return run.held === null || send?.k !== "send" ? null : { channel: compiled.channels[send.channel]?.name ?? "", template: send.template };
}

/** Every declared field with what is known, or its default. */
function shownProfile(profile: Data, fields: readonly Field[]): { [field: string]: Value } {
  return Object.fromEntries(fields.map((field) => {
    const value = (Object.hasOwn(profile, field.name) ? profile[field.name] : undefined) ?? field.default ?? null;
    if (field.type.k === "record") return [field.name, shownProfile((value ?? {}) as Data, field.type.fields)];
    return [field.name, field.type.k === "time" ? timeText(value) : field.type.k === "date" ? dateText(value) : value];
  }));
}
