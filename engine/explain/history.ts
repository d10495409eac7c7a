/**
 * What a rule has done for a customer, and why it did not: the customer's records of the log once more through the
 * evaluator, which tells of its decisions. The same records under the same rules give the same decisions; where rules
 * were edited meanwhile, or the log no longer holds the customer's beginning, it is what the present rules would have
 * done with what is left. Percentiles are taken as they are today.
 */
import type { Program, Rule } from "../../dsl/program.js";
import { capText, spell, spellStep } from "../../dsl/spell.js";
import type { Compiled } from "../compile/compiled.js";
import type { Figures } from "../customer.js";
import type { Work } from "../decode.js";
import { SILENT, type Traced } from "../evaluate.js";
import { createPartition, take, takePending, type Partition } from "../partition.js";
import type { ClockKind } from "../ports.js";
import { engineStats } from "../stats.js";
import type { Zone } from "../zone.js";
import { partsAsTheyAre, type Part } from "./parts.js";
import { stepOf, type RuleQuestion } from "./rule.js";

/** `cause`: the event's id, or `time`. */
export type Told = { readonly at: number; readonly cause: string; readonly zone: Zone } & (
  | { readonly k: "started" | "restarted" }
  /** The event is one that starts it, and its `where` does not hold. */
  | { readonly k: "passed over"; readonly where: string }
  /** `why`: in the author's words; `part`: the condition with its values then. */
  | { readonly k: "not started"; readonly by: Extract<Traced, { k: "refused" }>["by"]; readonly why: string; readonly part: Part | null }
  | { readonly k: "ended"; readonly by: Extract<Traced, { k: "ended" }>["by"] }
  | { readonly k: "waits"; readonly step: string; readonly until: number | null }
  | { readonly k: "held"; readonly step: string; readonly policy: string; readonly until: number | null }
  | { readonly k: "suppressed"; readonly step: string; readonly policy: string; readonly by: "consent" | "cap"; readonly why: string }
  | { readonly k: "acted"; readonly step: string }
);

export interface History {
  /** The last of what was told, oldest first. */
  readonly told: readonly Told[];
  /** There was more before. */
  readonly more: boolean;
  /** Events that became dead letters, and why the last of them did; null: none. */
  readonly refused: { readonly count: number; readonly last: string } | null;
}

export interface Recorded {
  /** The customer's records in order, dead letters among them, and then a tick that brings the clock to the present. */
  readonly works: readonly Work[];
  readonly clock: ClockKind;
  /** Makes the partition ready before the first of them: what a test has said of the customer. */
  readonly begin?: (partition: Partition) => void;
}

export function ruleHistory(compiled: Compiled, figures: Figures, question: RuleQuestion, recorded: Recorded, most: number): History {
  const { program } = compiled;
  const rule = program.rules[question.index] as Rule;
  const told: Told[] = [];
  let count = 0;
  const tell = (what: Told): void => {
    count++;
    told.push(what);
    if (told.length > most) told.shift();
  };
  const partition = createPartition(compiled, { index: 0, clock: recorded.clock, cacheCustomers: Infinity }, engineStats(), {
    ...SILENT,
    action: (action) => {
      if (action.rule !== rule.name) return;
      const step = `${action.channel === null ? "emit" : `send ${action.channel}`} ${JSON.stringify(action.template)}`;
      tell({ ...present(partition), k: "acted", step });
    },
  });
  const { evaluator } = partition;
  evaluator.x.figures = figures;
  recorded.begin?.(partition);
  evaluator.trace = (what) => {
    if (what.rule !== question.index) return;
    const one = toldOf(partition, rule, question, what);
    if (one !== null) tell(one);
  };
  for (const work of recorded.works) {
    while (take(partition, work) !== "done") takePending(partition, 0);
    takePending(partition, 0);
    // What came due before the event is told as well, with another cause.
    if (work.k !== "event" || told.at(-1)?.cause === work.id) continue;
    const starts = rule.on.filter((moment) => moment.k === "event" && moment.event === work.plan.name && moment.where !== null);
    for (const moment of starts) {
      if (moment.k === "event" && moment.where !== null) tell({ ...present(partition), cause: work.id, k: "passed over", where: spell(program, moment.where) });
    }
  }
  return { told, more: count > told.length, refused: refusedOf(recorded.works) };
}

function refusedOf(works: readonly Work[]): History["refused"] {
  const dead = works.filter((work) => work.k === "dead");
  const last = dead.at(-1);
  return last === undefined ? null : { count: dead.length, last: `${last.type === "" ? "" : `${last.type}: `}${last.reason}: ${last.detail}` };
}

function present({ evaluator: { x, cause } }: Partition): Pick<Told, "at" | "cause" | "zone"> {
  return { at: x.now, cause, zone: x.zone };
}

function toldOf(partition: Partition, rule: Rule, question: RuleQuestion, what: Traced): Told | null {
  const { program } = partition.compiled;
  const now = present(partition);
  const step = (op: number): string => stepText(partition.compiled, rule, question.index, op);
  const whenever = (until: number): number | null => (until === Infinity ? null : until);
  switch (what.k) {
    case "started": return { ...now, k: what.restarted ? "restarted" : "started" };
    case "ended": return { ...now, k: "ended", by: what.by };
    case "waits": return { ...now, k: "waits", step: step(what.op), until: whenever(what.until) };
    case "held": return { ...now, k: "held", step: step(what.op), policy: policyName(program, what), until: what.judgement.k === "hold" ? whenever(what.judgement.until) : null };
    case "suppressed": {
      const { judgement } = what;
      if (judgement.k !== "consent" && judgement.k !== "cap") return null;
      const why = judgement.k === "cap" ? capText(judgement.cap) : consentText(partition, judgement.policy);
      return { ...now, k: "suppressed", step: step(what.op), policy: policyName(program, what), by: judgement.k, why };
    }
    case "refused": return { ...now, k: "not started", by: what.by, ...refusal(partition, rule, question, what) };
  }
}

function refusal({ evaluator }: Partition, rule: Rule, question: RuleQuestion, what: Extract<Traced, { k: "refused" }>): { readonly why: string; readonly part: Part | null } {
  switch (what.by) {
    case "going": return { why: "a run is under way, and the rule does not say `repeat restart`", part: null };
    case "cap": return { why: rule.caps.map(capText).join(", "), part: null };
    case "when": {
      const part = question.when === null ? null : partsAsTheyAre(evaluator, question.when);
      return { why: part === null || rule.when === null ? "when" : `when ${part.text}`, part };
    }
    case "until": {
      const outline = question.until[what.place];
      const part = outline === undefined ? null : partsAsTheyAre(evaluator, outline);
      return { why: part === null ? "until" : `until ${part.text}`, part };
    }
  }
}

function stepText(compiled: Compiled, rule: Rule, index: number, place: number): string {
  const op = compiled.rules[index]?.ops[place];
  const step = op === undefined ? null : stepOf(rule.steps, op);
  return step === null ? "a step" : spellStep(compiled.program, step);
}

const policyName = (program: Program, { judgement }: Extract<Traced, { k: "held" | "suppressed" }>): string =>
  judgement.k === "send" ? "" : (program.policies[judgement.policy]?.name ?? "");

/** The first condition of the policy that does not hold. */
function consentText({ compiled, evaluator }: Partition, policy: number): string {
  const conditions = compiled.policies[policy]?.when ?? [];
  const at = conditions.findIndex((holds) => !holds(evaluator.x));
  const condition = compiled.program.policies[policy]?.when[at];
  return condition === undefined ? "consent" : `when ${spell(compiled.program, condition)}`;
}
