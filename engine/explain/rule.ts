/**
 * Where a rule stands for a customer: its runs and what they wait for, and what would let it start or send now, or keep it
 * from doing so: which clause, which cap, which quiet hours. What happened before is told by engine/explain/history.ts.
 */
import type { Cap, Expr, Moment, Program, Quiet, Rule, Step, Value } from "../../dsl/program.js";
import { capText, clockText, spell, spellMoment, spellSchedule, spellStep } from "../../dsl/spell.js";
import { allSteps } from "../../dsl/walk.js";
import { leaves } from "../aggregates/kind.js";
import { hasRoom } from "../caps.js";
import type { CompiledSchedule } from "../compile/compiled.js";
import type { Op } from "../compile/steps.js";
import type { Customer, Run } from "../customer.js";
import { variantOf } from "../experiments.js";
import { endOf, isQuiet, judge } from "../policies.js";
import { nextAnniversary, nextOccurrence } from "../schedules.js";
import { copyOf, forecast, look, silently, type Subject } from "./forecast.js";
import type { Outline, Outliner } from "./outline.js";
import { partsAmong, partsBy, partsOf, type Part, type Parts } from "./parts.js";

export interface RuleExplanation {
  readonly rule: string;
  readonly label: string | null;
  readonly starts: readonly StartExplanation[];
  readonly runs: readonly RunExplanation[];
  /** What must hold when it starts; null: nothing. */
  readonly when: Part | null;
  /** Conditions that end it, and prevent a start while they hold. */
  readonly until: readonly Part[];
  readonly caps: readonly CapExplanation[];
  /** A start would be ignored, since a run is under way. */
  readonly ignoresStarts: boolean;
  readonly channels: readonly ChannelExplanation[];
  /** Those that its steps split by. */
  readonly experiments: readonly VariantExplanation[];
}

/** What starts it, in the author's words. */
export interface StartExplanation {
  readonly text: string;
  /** When that comes by time alone; null: not in sight, or never. */
  readonly next: number | null;
}

export interface VariantExplanation {
  readonly experiment: string;
  readonly variant: string;
  /** Since when it is recorded that the customer has it; null: it is not yet. */
  readonly exposedSince: number | null;
}

export interface RunExplanation {
  readonly startedAt: number;
  /** `<source>/<id>` of its event, or `time/…`. */
  readonly cause: string;
  /** Value of `per`; null without. */
  readonly per: Value;
  /** The step at which it stands, in the author's words. */
  readonly standsAt: string;
  /** Null: no time alone ends it. */
  readonly until: number | null;
  /** Its message is held there since then. */
  readonly heldSince: number | null;
  /** What is quiet now and holds it. */
  readonly heldBy: readonly QuietExplanation[];
  readonly endsBy: readonly string[];
  readonly conditions: readonly Part[];
}

export interface CapExplanation {
  /** `at most 1 per 7 days`. */
  readonly text: string;
  readonly used: number;
  readonly of: number;
  /** When there is room again; null: there is. */
  readonly freeAt: number | null;
}

/** `policy`: of the channel or of one of its groups. */
export interface QuietExplanation {
  readonly policy: string;
  /** `quiet 21:00 to 08:00`. */
  readonly text: string;
  readonly isQuiet: boolean;
  /** When it ends, at the earliest; null: it is not quiet, or no time alone ends it. */
  readonly until: number | null;
}

export interface ChannelExplanation {
  readonly channel: string;
  /** What would become of a message that is not urgent. */
  readonly now: "send" | "consent" | "hold" | "cap";
  /** The policy (of the channel or a group) that decides. */
  readonly policy: string | null;
  /** When what holds messages ends, at the earliest; null: nothing does, or no time alone. */
  readonly until: number | null;
  readonly consent: readonly { readonly policy: string; readonly condition: Part }[];
  readonly quiet: readonly QuietExplanation[];
  readonly caps: readonly (CapExplanation & { readonly policy: string })[];
  /** Some messages of the rule are urgent: only consent stops those. */
  readonly sendsUrgent: boolean;
}

export interface RuleQuestion {
  readonly index: number;
  readonly when: Outline | null;
  readonly until: readonly Outline[];
  readonly channels: readonly ChannelQuestion[];
  /** Conditions of its `if` steps, by the step's key. */
  readonly branches: ReadonlyMap<string, Outline>;
}

/** Conditions in the order of the channel's policies. */
export interface ChannelQuestion {
  readonly index: number;
  readonly consent: readonly Outline[];
  readonly quiet: readonly Outline[];
  readonly sendsUrgent: boolean;
}

/** To be asked before the program is finished; null: there is no such rule. */
export function askRule(program: Program, outliner: Outliner, name: string): RuleQuestion | null {
  const index = program.rules.findIndex((rule) => rule.name === name);
  const rule = program.rules[index];
  if (rule === undefined) return null;
  return {
    index,
    when: rule.when === null ? null : outliner.outline(rule.when),
    until: rule.until.flatMap((until) => (until.k === "condition" ? [outliner.outline(until.if)] : [])),
    channels: [...new Set(sendsOf(rule).map(({ channel }) => channel))].map((channel) => ({
      ...channelQuestion(program, outliner, channel), sendsUrgent: sendsOf(rule).some((send) => send.channel === channel && send.urgent),
    })),
    branches: new Map(allSteps(rule.steps).flatMap((step) => (step.k === "if" ? [[step.key, outliner.outline(step.if)] as const] : []))),
  };
}

/** To be asked before the program is finished; null: there is no such channel. */
export function askChannel(program: Program, outliner: Outliner, name: string): ChannelQuestion | null {
  const index = program.channels.findIndex((channel) => channel.name === name);
  return index < 0 ? null : channelQuestion(program, outliner, index);
}

function channelQuestion(program: Program, outliner: Outliner, index: number): ChannelQuestion {
  const policies = policiesOf(program, index);
  return {
    index,
    consent: policies.flatMap(({ when }) => when.map((condition) => outliner.outline(condition))),
    quiet: policies.flatMap(({ quiet }) => quiet.flatMap((each) => (each.k === "condition" ? [outliner.outline(each.if)] : []))),
    sendsUrgent: false,
  };
}

type Policy = Program["policies"][number];

export const policiesOf = (program: Program, channel: number): readonly (Policy & { readonly index: number })[] =>
  (program.channels[channel]?.policies ?? []).flatMap((index) => { const known = program.policies[index]; return known === undefined ? [] : [{ ...known, index }]; });

const sendsOf = ({ steps }: Rule): readonly Extract<Step, { k: "send" }>[] => allSteps(steps).flatMap((step) => (step.k === "send" ? [step] : []));

export function explainRule(subject: Subject, question: RuleQuestion): RuleExplanation {
  const { compiled, customer } = subject;
  const { program } = compiled;
  const rule = program.rules[question.index] as Rule;
  const parts = partsBy(subject, [...(question.when === null ? [] : [question.when]), ...question.until, ...question.channels.flatMap(({ consent, quiet }) => [...consent, ...quiet])]);
  const running = customer.runs.flatMap((run, place) => (run.rule === question.index ? [{ run, place }] : []));
  return {
    rule: rule.name, label: rule.label,
    starts: rule.retired === undefined ? explainStarts(subject, rule, question.index) : [],
    runs: running.map(({ run, place }) => explainRun(subject, parts, rule, run, place, question)),
    when: (question.when === null ? undefined : parts.get(question.when)) ?? null,
    until: partsAmong(parts, question.until),
    caps: rule.caps.map((cap) => explainCap(subject, cap, customer.starts.find((starts) => starts.rule === question.index)?.times ?? [])),
    ignoresStarts: rule.retired === undefined && running.length > 0 && !rule.restart && rule.per === null,
    channels: question.channels.map((channel) => explainChannel(subject, channel, parts)),
    experiments: explainVariants(subject, rule),
  };
}

function explainStarts(subject: Subject, rule: Rule, index: number): readonly StartExplanation[] {
  const { compiled } = subject;
  const { program } = compiled;
  const segments = rule.on.flatMap((moment) => (moment.k === "enter" || moment.k === "leave" ? [moment.segment] : []));
  const watches = rule.on.flatMap((moment) => (moment.k === "change" ? [moment.watch] : []));
  const foretold = segments.length + watches.length === 0 ? null : forecast(subject, { segments, watches, run: null });
  const turn = (moment: Moment): number | null => {
    if (moment.k === "change") return foretold?.watches.get(moment.watch)?.at ?? null;
    if (moment.k !== "enter" && moment.k !== "leave") return null;
    const turns = foretold?.segments.get(moment.segment);
    return turns?.to === (moment.k === "enter") ? turns.at : null;
  };
  const schedules = compiled.rules[index]?.schedules ?? [];
  return [
    ...rule.on.map((moment) => ({ text: spellMoment(program, moment), next: turn(moment) })),
    ...rule.schedules.map((schedule, i) => ({ text: spellSchedule(program, schedule), next: nextOf(subject, schedules[i]) })),
  ];
}

function nextOf(subject: Subject, schedule: CompiledSchedule | undefined): number | null {
  const { customer, now } = subject;
  if (schedule === undefined) return null;
  if (schedule.k !== "yearly") return nextOccurrence(schedule, customer.zone, now).at;
  const e = silently(subject);
  look(e, copyOf(customer), now, null);
  const date = schedule.date(e.x);
  return typeof date === "number" ? nextAnniversary(date, schedule.at, customer.zone, now).at : null;
}

function explainVariants(subject: Subject, rule: Rule): readonly VariantExplanation[] {
  const { compiled, customer, now } = subject;
  const e = silently(subject);
  look(e, customer, now, null);
  const split = new Set(allSteps(rule.steps).flatMap((step) => (step.k === "split" ? [step.experiment] : [])));
  return [...split].flatMap((index) => {
    const experiment = compiled.program.experiments[index];
    if (experiment === undefined) return [];
    const exposure = customer.extras?.exposures.find((each) => each.index === index);
    return [{ experiment: experiment.name, variant: experiment.arms[exposure?.arm ?? -1]?.name ?? variantOf(e.x, index, experiment), exposedSince: exposure?.at ?? null }];
  });
}

function explainRun(subject: Subject, parts: Parts, rule: Rule, run: Run, place: number, { until, channels }: RuleQuestion): RunExplanation {
  const { program } = subject.compiled;
  const op = subject.compiled.rules[run.rule]?.ops[run.at - 1];
  const step = op === undefined ? null : stepOf(rule.steps, op);
  const channel = step?.k === "send" ? channels.find(({ index }) => index === step.channel) : undefined;
  return {
    startedAt: run.startedAt, cause: run.cause, per: run.key,
    standsAt: step === null ? "a step that the rule no longer has" : spellStep(program, step),
    until: run.deadline === Infinity ? null : run.deadline,
    heldSince: run.held?.since ?? null,
    heldBy: run.held === null || channel === undefined ? [] : explainQuiet(subject, channel, parts).filter(({ isQuiet }) => isQuiet),
    endsBy: rule.until.flatMap((each) => (each.k === "condition" ? [] : [spellMoment(program, each)])),
    conditions: partsOf(subject, until, place),
  };
}

/** The step that an operation was made of. */
export const stepOf = (steps: readonly Step[], op: Op): Step | null => (op.k === "jump" ? null : stepWith(steps, op.key));

export const stepWith = (steps: readonly Step[], key: string): Step | null => allSteps(steps).find((step) => step.key === key) ?? null;

/** `quiet 21:00 to 08:00`, `quiet when …`. */
export const quietText = (quiet: Quiet, spelt: (of: Expr) => string): string =>
  quiet.k === "hours" ? `quiet ${clockText(quiet.from)} to ${clockText(quiet.to)}` : `quiet when ${spelt(quiet.if)}`;

export function explainCap({ customer, now }: Pick<Subject, "customer" | "now">, cap: Cap, times: readonly number[]): CapExplanation {
  const { zone } = customer;
  const ends = times.map((t) => (cap.window.k === "run" ? Infinity : leaves(cap.window, zone, t))).filter((end) => now < end).sort((a, b) => a - b);
  const full = !hasRoom([cap], times, { now, zone });
  return { text: capText(cap), used: Math.min(ends.length, cap.count), of: cap.count, freeAt: full ? (ends[ends.length - cap.count] ?? null) : null };
}

export function explainChannel(subject: Subject, question: ChannelQuestion, parts = partsBy(subject, [...question.consent, ...question.quiet])): ChannelExplanation {
  const { compiled, customer, now } = subject;
  const { index, consent, sendsUrgent } = question;
  const policies = policiesOf(compiled.program, index);
  const e = silently(subject);
  look(e, copyOf(customer), now, null);
  const judgement = judge(compiled, e.x, index, false);
  const conditions = partsAmong(parts, consent);
  const owners = policies.flatMap(({ name, when }) => when.map(() => name));
  return {
    channel: compiled.program.channels[index]?.name ?? "",
    now: judgement.k,
    policy: judgement.k === "send" ? null : (compiled.program.policies[judgement.policy]?.name ?? null),
    until: judgement.k === "hold" && judgement.until !== Infinity ? judgement.until : null,
    consent: conditions.map((condition, i) => ({ policy: owners[i] ?? "", condition })),
    quiet: explainQuiet(subject, question, parts),
    caps: policies.flatMap((policy) => policy.caps.map((cap) => ({ policy: policy.name, ...explainCap(subject, cap, sentUnder(customer, policy.index)) }))),
    sendsUrgent,
  };
}

function explainQuiet(subject: Subject, { index, quiet }: ChannelQuestion, parts: Parts): readonly QuietExplanation[] {
  const { compiled, customer, now } = subject;
  const e = silently(subject);
  look(e, copyOf(customer), now, null);
  const conditions = partsAmong(parts, quiet);
  let next = 0;
  return policiesOf(compiled.program, index).flatMap((policy) => (compiled.policies[policy.index]?.quiet ?? []).flatMap((each, i): readonly QuietExplanation[] => {
    const written = policy.quiet[i];
    if (written === undefined) return [];
    const holds = isQuiet(each, e.x);
    const ends = each.k === "hours" ? (holds ? endOf(each, e.x) : null) : (conditions[next++]?.turns?.at ?? null);
    return [{ policy: policy.name, text: quietText(written, (of) => spell(compiled.program, of)), isQuiet: holds, until: holds ? ends : null }];
  }));
}

/** Messages that count in the caps of a policy. */
export function sentUnder(customer: Customer, policy: number): readonly number[] {
  return customer.extras?.sends.find((sends) => sends.index === policy)?.times ?? [];
}
