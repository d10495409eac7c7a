/**
 * What a rule has done for a customer, and why it did not: the customer's records of the log once more through the
 * evaluator, which tells of its decisions. The same records under the same rules give the same decisions; where rules
 * were edited meanwhile, or the log no longer holds the customer's beginning, it is what the present rules would have
 * done with what is left. So each action is looked for among those that went out, and what is told of the time before
 * the present rules is marked. Percentiles are taken as they are today.
 *
 * A rule of an older program that is being finished starts nothing, so the records tell nothing of it: of what went out under its
 * name that is its own which its steps say, and which the rule of that name today has not said since it runs.
 */
import type { Cap, Program, Rule, Value } from "../../dsl/program.js";
import { capText, spell, spellMoment, spellStep } from "../../dsl/spell.js";
import { allSteps } from "../../dsl/walk.js";
import type { Compiled } from "../compile/compiled.js";
import { fullCap } from "../caps.js";
import type { Customer } from "../customer.js";
import type { Work } from "../decode.js";
import { SILENT, type Action, type Traced } from "../evaluate.js";
import { createPartition, take, takePending, type Partition } from "../partition.js";
import type { ClockKind } from "../ports.js";
import { isQuiet } from "../policies.js";
import { engineStats, type EngineStats } from "../stats.js";
import type { Zone } from "../zone.js";
import type { Subject } from "./forecast.js";
import type { Published, PublishedAction, Reign } from "./published.js";
import { partsAsTheyAre, type Part } from "./parts.js";
import { explainCap, policiesOf, quietText, sentUnder, stepOf, stepWith, type RuleQuestion } from "./rule.js";

/**
 * `cause`: the event's id, or `time`; `per`: of which of the rule's runs; `times`: so often one after the other, the
 * last at `at`; `wouldHave`: other rules ran then, and by the present ones it would have been so.
 */
export type Told = { readonly at: number; readonly cause: string; readonly zone: Zone; readonly per: Value; readonly times: number; readonly wouldHave: boolean } & (
  | { readonly k: "started" | "restarted" }
  /** The event is one that starts it, and its `where` does not hold. */
  | { readonly k: "passed over"; readonly where: string }
  /** `why`: in the author's words; `part`: the condition with its values then; `freeAt`: when the cap has room again. */
  | { readonly k: "not started"; readonly by: Refused["by"]; readonly why: string; readonly part: Part | null; readonly freeAt: number | null }
  /** `until`: the one that ended it, in the author's words. */
  | { readonly k: "ended"; readonly by: Extract<Traced, { k: "ended" }>["by"]; readonly until: string | null }
  | { readonly k: "waits"; readonly step: string; readonly until: number | null }
  /** Which way it went at a step that leads into several: `then`, `else`, or a variant. */
  | { readonly k: "went"; readonly step: string; readonly kind: StepKind; readonly way: string; readonly part: Part | null }
  | { readonly k: "held"; readonly step: string; readonly policy: string; readonly quiet: readonly string[]; readonly until: number | null }
  | { readonly k: "suppressed"; readonly step: string; readonly policy: string; readonly by: "consent" | "cap"; readonly why: string; readonly freeAt: number | null }
  /** A message was held, and its run ended. */
  | { readonly k: "dropped"; readonly step: string }
  | { readonly k: "acted"; readonly step: string; readonly sent: Sent }
  /** It went out, and the present rules would not have done it. */
  | { readonly k: "sent"; readonly step: string }
);

/** Whether the action went out. `unknown`: the log of outputs does not reach back, or nobody has asked it. */
export type Sent = "sent" | "not sent" | "not yet" | "unknown";

type StepKind = "if" | "take" | "waitFor" | "split" | "other";
type Refused = Extract<Traced, { k: "refused" }>;

export interface History {
  /** The last of what was told, oldest first. */
  readonly told: readonly Told[];
  /** There was more before. */
  readonly more: boolean;
  /** Events that became dead letters, and why the last of them did; null: none. */
  readonly refused: { readonly count: number; readonly last: string } | null;
  /** How many events of the customer it is made of, and the own time of the earliest; null: there are none. */
  readonly events: number;
  readonly from: number | null;
  /** The customer was known before: what happened then is not in the records any more. */
  readonly isWhole: boolean;
  /** At the end the rule stands for the customer as it really does: otherwise rules or clock were others then. */
  readonly agrees: boolean;
  /** Until when other rules ran, on the clock; null: never as far as is known. */
  readonly othersUntil: number | null;
  /** An engine runs the present rules, or was the last to run. */
  readonly runs: boolean;
}

export interface Recorded {
  /** The customer's records in order, dead letters among them, and then a tick that brings the clock to the present. */
  readonly works: readonly Work[];
  readonly clock: ClockKind;
  /** Makes the partition ready before the first of them: what a test has said of the customer. */
  readonly begin?: (partition: Partition) => void;
  /** What went out, and since when the present rules run; nothing is marked without. */
  readonly published?: Published;
  readonly reign?: Reign;
}

export function ruleHistory({ compiled, figures, customer }: Subject, question: RuleQuestion, recorded: Recorded, most: number): History {
  const { published = null, reign = { runs: true, began: null } } = recorded;
  const { program } = compiled;
  const rule = program.rules[question.index] as Rule;
  const told: Told[] = [];
  let count = 0;
  // The record that is gone through; what comes due before it is told with it.
  let current: Work | null = null;
  const tell = (said: Told): void => {
    const what = { ...said, wouldHave: isBefore(reign, current, said) };
    const last = told.at(-1);
    if (last !== undefined && isSame(last, what)) {
      told[told.length - 1] = { ...what, times: last.times + 1 };
      return;
    }
    count++;
    told.push(what);
    if (told.length > most) told.shift();
  };
  const isFinished = rule.retired !== undefined;
  const says = isFinished ? saidBy(program, rule) : null;
  const real = published === null ? [] : published.actions.filter((action) => action.rule === (rule.retired?.rule ?? rule.name) && says?.has(action.type) !== false);
  // Ids are those of runs and steps: an edited step has another one, and does the same at the same time.
  const ids = new Set(real.flatMap(({ id, at, type }) => [id, `${at} ${type}`]));
  const replayed = new Set<string>();
  const sentAs = ({ id, at, channel, template }: Action): Sent => {
    const same = `${at} ${channel ?? "emit"}.${template}`;
    replayed.add(id).add(same);
    if (published === null) return "unknown";
    if (ids.has(id) || ids.has(same)) return "sent";
    return at > published.upTo ? "not yet" : at > published.after ? "not sent" : "unknown";
  };
  const textOf = (channel: string | null, template: string): string => `${channel === null ? "emit" : `send ${channel}`} ${JSON.stringify(template)}`;
  const partition = createPartition(compiled, { index: 0, clock: recorded.clock, cacheCustomers: Infinity }, engineStats(), {
    ...SILENT,
    action: (action) => {
      if (isFinished && action.rule === rule.retired?.rule && !isBefore(reign, current, present(partition))) sentAs(action);
      if (action.rule === rule.name) tell({ ...present(partition), k: "acted", step: textOf(action.channel, action.template), sent: sentAs(action) });
    },
    went: (name, key, way) => {
      if (name === rule.name) tell(wentAt(partition, rule, question, key, way));
    },
  });
  const { evaluator, stats } = partition;
  evaluator.x.figures = figures;
  recorded.begin?.(partition);
  evaluator.trace = (what) => {
    if (what.rule === question.index) tell(toldOf(partition, rule, question, what));
  };
  let from = Infinity;
  let events = 0;
  for (const work of recorded.works) {
    current = work;
    const before = duplicatesOf(stats, work);
    while (take(partition, work) !== "done") takePending(partition, 0);
    takePending(partition, 0);
    if (work.k !== "event") continue;
    events++;
    from = Math.min(from, work.time ?? work.stamp);
    // What came due before the event is told as well, with another cause. What came twice happened once.
    if (told.at(-1)?.cause === work.id || duplicatesOf(stats, work) > before) continue;
    const starts = isFinished ? [] : rule.on.filter((moment) => moment.k === "event" && moment.event === work.plan.name && moment.where !== null);
    for (const moment of starts) {
      if (moment.k === "event" && moment.where !== null) tell({ ...present(partition), per: null, cause: work.id, k: "passed over", where: spell(program, moment.where) });
    }
  }
  const others = real.filter(({ id, at, type }) => !replayed.has(id) && !replayed.has(`${at} ${type}`));
  const whole = withOthers(told, count > told.length, others.map((action) => sentOnly(action, isFinished, customer.zone)), most);
  return {
    ...whole, othersUntil: reign.began === null || reign.began.clock === 0 ? null : reign.began.clock, runs: reign.runs, refused: refusedOf(recorded.works), events, from: from === Infinity ? null : from,
    isWhole: customer.firstSeen === Infinity || from <= customer.firstSeen,
    agrees: isFinished || standing(partition.cache.peek(customer.id), question.index) === standing(customer, question.index),
  };
}

/** Other rules ran then: the record was theirs, or the instant had come under them. */
function isBefore({ began }: Reign, current: Work | null, { at, cause }: Pick<Told, "at" | "cause">): boolean {
  if (began === null || current === null) return false;
  return (current.k === "event" && current.sequence <= began.offset) || (cause === "time" && at <= began.clock);
}

/** Types of what its steps send. */
function saidBy({ channels }: Program, { steps }: Rule): ReadonlySet<string> {
  return new Set(allSteps(steps).flatMap((step) => (step.k === "send" ? [`${channels[step.channel]?.name ?? ""}.${step.template}`] : step.k === "emit" ? [`emit.${step.name}`] : [])));
}

/** `isOwn`: the rule itself has done it, though the present rules would not. */
function sentOnly({ at, cause, type }: PublishedAction, isOwn: boolean, zone: Zone): Told {
  const [channel = "", ...template] = type.split(".");
  return { at, cause, zone, per: null, times: 1, wouldHave: false, ...(isOwn ? { k: "acted", sent: "sent" } as const : { k: "sent" } as const), step: `${channel === "emit" ? channel : `send ${channel}`} ${JSON.stringify(template.join("."))}` };
}

/** What other rules did stands among what is told by its time; the last of both. */
function withOthers(told: readonly Told[], more: boolean, others: readonly Told[], most: number): Pick<History, "told" | "more"> {
  const from = more ? (told[0]?.at ?? -Infinity) : -Infinity;
  const all = [...told, ...others.filter(({ at }) => at >= from)].sort((a, b) => a.at - b.at);
  return { told: all.slice(-most), more: more || all.length > most };
}

/** Where the runs of a rule stand, for comparison. */
const standing = (customer: Customer | undefined, rule: number): string =>
  JSON.stringify((customer?.runs ?? []).filter((run) => run.rule === rule).map(({ at, key, startedAt, deadline }) => [startedAt, key, at, deadline]));

/** Starts that were passed over for one reason again and again are one line. */
function isSame(a: Told, b: Told): boolean {
  if (a.per !== b.per || a.wouldHave !== b.wouldHave) return false;
  if (a.k === "passed over") return b.k === a.k && a.where === b.where;
  return a.k === "not started" && a.by === "going" && b.k === a.k && b.by === a.by;
}

function duplicatesOf(stats: EngineStats, work: Work): number {
  return work.k === "event" ? (stats.events.get(work.plan.name)?.duplicate ?? 0) : 0;
}

function refusedOf(works: readonly Work[]): History["refused"] {
  const dead = works.filter((work) => work.k === "dead");
  const last = dead.at(-1);
  return last === undefined ? null : { count: dead.length, last: `${last.type === "" ? "" : `${last.type}: `}${last.reason}: ${last.detail}` };
}

function present({ evaluator: { x, cause } }: Partition): Pick<Told, "at" | "cause" | "zone" | "per" | "times" | "wouldHave"> {
  return { at: x.now, cause, zone: x.zone, per: x.run?.key ?? null, times: 1, wouldHave: false };
}

function wentAt(partition: Partition, rule: Rule, question: RuleQuestion, key: string, way: string): Told {
  const step = stepWith(rule.steps, key);
  const outline = question.branches.get(key);
  const kind = step?.k === "if" || step?.k === "take" || step?.k === "waitFor" || step?.k === "split" ? step.k : "other";
  return {
    ...present(partition), k: "went", kind, way, step: step === null ? "a step" : spellStep(partition.compiled.program, step),
    part: outline === undefined ? null : partsAsTheyAre(partition.evaluator, outline),
  };
}

function toldOf(partition: Partition, rule: Rule, question: RuleQuestion, what: Traced): Told {
  const { program } = partition.compiled;
  const now = { ...present(partition), per: what.per };
  const step = (op: number): string => stepText(partition.compiled, rule, question.index, op);
  const whenever = (until: number): number | null => (until === Infinity ? null : until);
  switch (what.k) {
    case "started": return { ...now, k: what.restarted ? "restarted" : "started" };
    case "ended": return { ...now, k: "ended", by: what.by, until: untilText(program, rule, what.until) };
    case "dropped": return { ...now, k: "dropped", step: step(what.op) };
    case "waits": return { ...now, k: "waits", step: step(what.op), until: whenever(what.until) };
    case "refused": return { ...now, k: "not started", by: what.by, ...refusal(partition, rule, question, what) };
    case "held": case "suppressed": break;
  }
  const { judgement } = what;
  const policy = judgement.k === "send" ? "" : (program.policies[judgement.policy]?.name ?? "");
  const message = { ...now, step: step(what.op), policy };
  switch (judgement.k) {
    case "cap": return { ...message, k: "suppressed", by: judgement.k, why: capText(judgement.cap), freeAt: freeAt(partition, judgement.cap, sentUnder(partition.evaluator.x.customer, judgement.policy)) };
    case "consent": return { ...message, k: "suppressed", by: judgement.k, why: consentText(partition, judgement.policy), freeAt: null };
    case "hold": return { ...message, k: "held", quiet: quietTexts(partition, rule, question.index, what.op), until: whenever(judgement.until) };
    // Sent is told by the sink, with what went out.
    case "send": return { ...now, k: "acted", step: message.step, sent: "unknown" };
  }
}

type Refusal = Pick<Extract<Told, { k: "not started" }>, "why" | "part" | "freeAt">;

function refusal(partition: Partition, rule: Rule, question: RuleQuestion, what: Refused): Refusal {
  const { evaluator } = partition;
  const none = { part: null, freeAt: null };
  switch (what.by) {
    case "going": return { ...none, why: "a run is under way, and the rule does not say `repeat restart`" };
    case "cap": {
      const { x } = evaluator;
      const times = x.customer.starts.find((starts) => starts.rule === question.index)?.times ?? [];
      const cap = fullCap(rule.caps, times, x);
      return cap === null ? { ...none, why: rule.caps.map(capText).join(", ") } : { part: null, why: capText(cap), freeAt: freeAt(partition, cap, times) };
    }
    case "when": {
      const part = question.when === null ? null : partsAsTheyAre(evaluator, question.when);
      return { ...none, why: part === null || rule.when === null ? "when" : `when ${part.text}`, part };
    }
    case "until": {
      const outline = question.until[what.place];
      const part = outline === undefined ? null : partsAsTheyAre(evaluator, outline);
      return { ...none, why: part === null ? "until" : `until ${part.text}`, part };
    }
  }
}

function untilText(program: Program, rule: Rule, place: number | null): string | null {
  const until = place === null ? undefined : rule.until[place];
  return until === undefined ? null : until.k === "condition" ? spell(program, until.if) : spellMoment(program, until);
}

const freeAt = ({ evaluator: { x } }: Partition, cap: Cap, times: readonly number[]): number | null => explainCap(x, cap, times).freeAt;

function stepText(compiled: Compiled, rule: Rule, index: number, place: number): string {
  const op = compiled.rules[index]?.ops[place];
  const step = op === undefined ? null : stepOf(rule.steps, op);
  return step === null ? "a step" : spellStep(compiled.program, step);
}

/** What is quiet at this instant on the channel of a `send`. */
function quietTexts({ compiled, evaluator }: Partition, rule: Rule, index: number, place: number): readonly string[] {
  const op = compiled.rules[index]?.ops[place];
  const step = op === undefined ? null : stepOf(rule.steps, op);
  if (step?.k !== "send") return [];
  return policiesOf(compiled.program, step.channel).flatMap((policy) => (compiled.policies[policy.index]?.quiet ?? []).flatMap((quiet, i) => {
    const written = policy.quiet[i];
    return written !== undefined && isQuiet(quiet, evaluator.x) ? [quietText(written, (of) => spell(compiled.program, of))] : [];
  }));
}

/** The first condition of the policy that does not hold. */
function consentText({ compiled, evaluator }: Partition, policy: number): string {
  const conditions = compiled.policies[policy]?.when ?? [];
  const at = conditions.findIndex((holds) => !holds(evaluator.x));
  const condition = compiled.program.policies[policy]?.when[at];
  return condition === undefined ? "consent" : `when ${spell(compiled.program, condition)}`;
}
