/** What a rule keeps with a customer: its runs, and the starts that its caps count. */
import type { Cap, EventType, Field, Program, Rule, Step } from "../../dsl/program.js";
import { allSteps } from "../../dsl/walk.js";
import type { Compiled } from "../compile/compiled.js";
import { type Customer, type Data, type Run, extrasOf } from "../customer.js";
import { MAX_RUNS_PER_RULE } from "../runs.js";
import { DAY_MS, lengthOf, LOADS, MINUTE_MS, NOW, WEEK_MS, type Which } from "./assumptions.js";
import { type Load, recordOf, sample } from "./samples.js";
import { addSlot, type SlotFor } from "./slots.js";

/** Puts the rule's runs, and the starts that its caps count, into a customer. */
export function ruleFill(compiled: Compiled, rule: Rule, index: number, slots: SlotFor): (customer: Customer, which: Which) => void {
  const { program } = compiled;
  const waits = rule.steps.some((step) => stands(step, program));
  const ownAggregates = [...(compiled.rules[index]?.runAggregates ?? [])].sort((a, b) => a - b);
  return (customer, which) => {
    const runs = !waits ? 0 : which === "most" && rule.per !== null ? MAX_RUNS_PER_RULE : 1;
    for (let i = 0; i < runs; i++) {
      const run = runOf(program, rule, index, which, i);
      for (const aggregate of ownAggregates) addSlot(run, aggregate, slots(aggregate, which));
      customer.runs.push(run);
    }
    const starts = capped(rule.caps, which);
    if (starts.length > 0) customer.starts.push({ rule: index, times: [...starts] });
    if (rule.schedules.length > 0) {
      extrasOf(customer).scheduled.push({ rule: index, local: Math.floor(NOW / MINUTE_MS) });
    }
  };
}

/** What caps count in their longest window: once a week, or as often as the largest allows. */
export function capped(caps: readonly Cap[], which: Which): readonly number[] {
  const most = Math.max(0, ...caps.map(({ count }) => count));
  const longest = Math.max(1, ...caps.map(({ window }) => lengthOf(window)));
  const usual = Math.min(most, Math.max(1, Math.floor(longest / WEEK_MS)));
  const count = which === "most" ? most : usual;
  return Array.from({ length: count }, (_, i) => NOW - Math.floor(((count - i) * longest) / (count + 1)));
}

/** Whether a run may stand at the step, or in it. */
function stands(step: Step, program: Program): boolean {
  switch (step.k) {
    case "wait": case "waitClock": case "waitTime": case "waitFor": return true;
    case "if": case "take": return [...step.then, ...step.else].some((inner) => stands(inner, program));
    case "split": return step.branches.some(({ steps }) => steps.some((inner) => stands(inner, program)));
    case "send": return isQuiet(program, step.channel);
    default: return false;
  }
}

const isQuiet = (program: Program, channel: number): boolean =>
  (program.channels[channel]?.policies ?? []).some((policy) => (program.policies[policy]?.quiet.length ?? 0) > 0);

function runOf(program: Program, rule: Rule, index: number, which: Which, i: number): Run {
  const load = LOADS[which];
  const keeps = (event: EventType | undefined, names: readonly string[]): readonly Field[] => event?.fields.filter(({ name }) => names.includes(name)) ?? [];
  const eventNamed = (name: string): EventType | undefined => program.events.find((event) => event.name === name);
  const started = largest(rule.on.map((moment) => (moment.k === "event" ? keeps(eventNamed(moment.event), rule.keeps) : [])));
  const captured = allSteps(rule.steps).flatMap((step) => {
    if (step.k !== "waitFor" || step.as === null) return [];
    const fields = largest(step.moments.map((moment) => (moment.k === "event" ? keeps(eventNamed(moment.event), step.keeps) : [])));
    return [{ name: step.as, data: recordOf(fields, load, i) as Data, time: NOW - DAY_MS }];
  });
  return {
    rule: index, at: 1, startedAt: NOW - DAY_MS - i, eventTime: NOW - DAY_MS - i, deadline: NOW + DAY_MS,
    cause: `shop/${String(i).padStart(load.textLength, "x")}`,
    event: recordOf(started, load, i) as Data,
    key: rule.per === null ? null : (sample(rule.per.type, load, i) as Run["key"]),
    captured: captured.length === 0 || which === "typical" ? null : captured,
    held: which === "most" ? heldOf(program, rule, load) : null,
    slotIds: [], slots: [],
  };
}

/** The largest payload that a quiet channel may hold. */
function heldOf(program: Program, rule: Rule, load: Load): Run["held"] {
  const payloads = allSteps(rule.steps).flatMap((step) => (step.k === "send" && isQuiet(program, step.channel) ? [step.payload] : []));
  if (payloads.length === 0) return null;
  const values = payloads.map((payload) => (payload === null ? null : sample(payload.type, load, 0)));
  const largestOne = values.reduce((a, b) => (JSON.stringify(b).length > JSON.stringify(a).length ? b : a), null);
  return { since: NOW - DAY_MS / 2, order: 1, payload: largestOne };
}

const largest = (all: readonly (readonly Field[])[]): readonly Field[] =>
  all.reduce<readonly Field[]>((a, b) => (b.length > a.length ? b : a), []);
