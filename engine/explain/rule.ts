/**
 * Where a rule stands for a customer: its runs and what they wait for, and what would let it start or send now, or keep it
 * from doing so: which clause, which cap, which quiet hours. What happened before is told by engine/explain/history.ts.
 */
import type { Cap, Program, Rule, Step, Value } from "../../dsl/program.js";
import { capText, clockText, spellMoment, spellSchedule, spellStep } from "../../dsl/spell.js";
import { leaves } from "../aggregates/kind.js";
import { hasRoom } from "../caps.js";
import type { Op } from "../compile/steps.js";
import type { Customer, Run } from "../customer.js";
import { evaluator, SILENT } from "../evaluate.js";
import { judge } from "../policies.js";
import { copyOf, look } from "./forecast.js";
import type { Outline, Outliner } from "./outline.js";
import { partsOf, type Part, type Subject } from "./parts.js";

export interface RuleExplanation {
  readonly rule: string;
  readonly label: string | null;
  /** What starts it, in the author's words. */
  readonly starts: readonly string[];
  readonly runs: readonly RunExplanation[];
  /** What must hold when it starts; null: nothing. */
  readonly when: Part | null;
  /** Conditions that end it, and prevent a start while they hold. */
  readonly until: readonly Part[];
  readonly caps: readonly CapExplanation[];
  /** A start would be ignored, since a run is under way. */
  readonly ignoresStarts: boolean;
  readonly channels: readonly ChannelExplanation[];
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

export interface ChannelExplanation {
  readonly channel: string;
  /** What would become of a message that is not urgent. */
  readonly now: "send" | "consent" | "hold" | "cap";
  /** The policy (of the channel or a group) that decides. */
  readonly policy: string | null;
  /** When what holds messages ends, at the earliest; null: nothing does, or no time alone. */
  readonly until: number | null;
  readonly consent: readonly Part[];
  readonly quiet: readonly string[];
  readonly caps: readonly CapExplanation[];
}

export interface RuleQuestion {
  readonly index: number;
  readonly when: Outline | null;
  readonly until: readonly Outline[];
  readonly channels: readonly { readonly index: number; readonly consent: readonly Outline[]; readonly quiet: readonly Outline[] }[];
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
    channels: [...new Set(channelsOf(rule.steps))].map((channel) => {
      const policies = policiesOf(program, channel);
      return {
        index: channel,
        consent: policies.flatMap(({ when }) => when.map((condition) => outliner.outline(condition))),
        quiet: policies.flatMap(({ quiet }) => quiet.flatMap((each) => (each.k === "condition" ? [outliner.outline(each.if)] : []))),
      };
    }),
  };
}

const policiesOf = (program: Program, channel: number): readonly Program["policies"][number][] =>
  (program.channels[channel]?.policies ?? []).flatMap((policy) => { const known = program.policies[policy]; return known === undefined ? [] : [known]; });

function channelsOf(steps: readonly Step[]): readonly number[] {
  return steps.flatMap((step) => (step.k === "send" ? [step.channel] : blocksOf(step).flatMap(channelsOf)));
}

/** The blocks of a step. */
export function blocksOf(step: Step): readonly (readonly Step[])[] {
  switch (step.k) {
    case "if": case "take": return [step.then, step.else];
    case "waitFor": return [step.then ?? [], step.else];
    case "split": return step.branches.map((branch) => branch.steps);
    default: return [];
  }
}

export function explainRule(subject: Subject, question: RuleQuestion): RuleExplanation {
  const { compiled, customer } = subject;
  const { program } = compiled;
  const rule = program.rules[question.index] as Rule;
  const [when] = question.when === null ? [] : partsOf(subject, [question.when], null);
  const running = customer.runs.flatMap((run, place) => (run.rule === question.index ? [{ run, place }] : []));
  return {
    rule: rule.name, label: rule.label,
    starts: [...rule.on.map((moment) => spellMoment(program, moment)), ...rule.schedules.map((schedule) => spellSchedule(program, schedule))],
    runs: running.map(({ run, place }) => explainRun(subject, rule, run, place, question.until)),
    when: when ?? null,
    until: partsOf(subject, question.until, null),
    caps: rule.caps.map((cap) => explainCap(subject, cap, customer.starts.find((starts) => starts.rule === question.index)?.times ?? [])),
    ignoresStarts: running.length > 0 && !rule.restart && rule.per === null,
    channels: question.channels.map((channel) => explainChannel(subject, channel)),
  };
}

function explainRun(subject: Subject, rule: Rule, run: Run, place: number, until: readonly Outline[]): RunExplanation {
  const { program } = subject.compiled;
  const op = subject.compiled.rules[run.rule]?.ops[run.at - 1];
  const step = op === undefined ? null : stepOf(rule.steps, op);
  return {
    startedAt: run.startedAt, cause: run.cause, per: run.key,
    standsAt: step === null ? "a step that the rule no longer has" : spellStep(program, step),
    until: run.deadline === Infinity ? null : run.deadline,
    heldSince: run.held?.since ?? null,
    endsBy: rule.until.flatMap((each) => (each.k === "condition" ? [] : [spellMoment(program, each)])),
    conditions: partsOf(subject, until, place),
  };
}

/** The step that an operation was made of. */
export function stepOf(steps: readonly Step[], op: Op): Step | null {
  if (op.k === "jump") return null;
  for (const step of steps) {
    if (step.key === op.key) return step;
    for (const block of blocksOf(step)) {
      const found = stepOf(block, op);
      if (found !== null) return found;
    }
  }
  return null;
}

function explainCap({ customer, now }: Subject, cap: Cap, times: readonly number[]): CapExplanation {
  const { zone } = customer;
  const ends = times.map((t) => (cap.window.k === "run" ? Infinity : leaves(cap.window, zone, t))).filter((end) => now < end).sort((a, b) => a - b);
  const full = !hasRoom([cap], times, { now, zone });
  return { text: capText(cap), used: Math.min(ends.length, cap.count), of: cap.count, freeAt: full ? (ends[ends.length - cap.count] ?? null) : null };
}

function explainChannel(subject: Subject, { index, consent, quiet }: RuleQuestion["channels"][number]): ChannelExplanation {
  const { compiled, figures, customer, now } = subject;
  const policies = policiesOf(compiled.program, index);
  const copy = copyOf(customer);
  const e = evaluator(compiled, SILENT);
  e.x.figures = figures;
  look(e, copy, now, null);
  const judgement = judge(compiled, e.x, index, false);
  const conditions = partsOf(subject, quiet, null);
  return {
    channel: compiled.program.channels[index]?.name ?? "",
    now: judgement.k,
    policy: judgement.k === "send" ? null : (compiled.program.policies[judgement.policy]?.name ?? null),
    until: judgement.k === "hold" && judgement.until !== Infinity ? judgement.until : null,
    consent: partsOf(subject, consent, null),
    quiet: [
      ...policies.flatMap((policy) => policy.quiet.flatMap((each) => (each.k === "hours" ? [`quiet ${clockText(each.from)} to ${clockText(each.to)}`] : []))),
      ...conditions.map(({ text }) => `quiet when ${text}`),
    ],
    caps: policies.flatMap((policy) => policy.caps.map((cap) => explainCap(subject, cap, sentUnder(customer, compiled.program, policy.name)))),
  };
}

function sentUnder(customer: Customer, program: Program, policy: string): readonly number[] {
  const index = program.policies.findIndex(({ name }) => name === policy);
  return customer.extras?.sends.find((sends) => sends.index === index)?.times ?? [];
}

