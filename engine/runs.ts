/**
 * Runs of rules: what ends them, what lets those that wait go on, what starts them. The three stages of a round, in this
 * order; in each of them rules go by priority, then by name (that is their order in a program), runs by their start.
 *
 * What has turned since the last round concerns a run only as far as it turned after the run started (`until`) or began
 * to wait for it (`wait for`): a run's own effects before that are not what it waits for.
 */
import type { Value } from "../dsl/program.js";
import { act, release } from "./act.js";
import { hasRoom, remember } from "./caps.js";
import type { CompiledRule, Condition } from "./compile/compiled.js";
import type { CompiledMoments, Op } from "./compile/steps.js";
import { NO_SLOTS, type Captured, type Customer, type Run, type Scalar } from "./customer.js";
import { enterRun, removeRun, times, type Evaluator, type Incoming, type Traced } from "./evaluator.js";
import { project } from "./schema.js";
import { lower, type Flip } from "./settle.js";

/** Most runs of one rule that a customer has at a time: one for each value of its `per`. */
export const MAX_RUNS_PER_RULE = 32;

type WaitForOp = Extract<Op, { readonly k: "waitFor" }>;

/** Runs in the order in which they act: by rule, then by start. */
function ordered(runs: readonly Run[]): readonly Run[] {
  return runs.length < 2 ? runs : [...runs].sort((a, b) => a.rule - b.rule);
}

// ---------------------------------------------------------------------------------------------------- moments

/** Whether one of the flips from place `from` on is among the moments. */
function turnsIn(moments: CompiledMoments, flips: readonly Flip[], from: number): boolean {
  for (let i = from; i < flips.length; i++) {
    const { k, index } = flips[i] as Flip;
    if (moments[k].includes(index)) return true;
  }
  return false;
}

/** The first of the events among the moments that this one is; its `where` sees the run of the context. */
function eventIn(e: Evaluator, moments: CompiledMoments, event: Incoming): CompiledMoments["events"][number] | undefined {
  const { events } = moments;
  for (let i = 0; i < events.length; i++) {
    const moment = events[i] as CompiledMoments["events"][number];
    if (moment.event === event.plan.name && (moment.where === null || moment.where(e.x))) return moment;
  }
  return undefined;
}

// ---------------------------------------------------------------------------------------------------- until

export function endRuns(e: Evaluator, event: Incoming | null): void {
  const { customer } = e.x;
  // Most runs stay: nothing is allocated for them. What ends one is not changed by the end of another.
  let ending: Run[] | null = null;
  for (const run of customer.runs) {
    if (!ends(e, run, e.compiled.rules[run.rule] as CompiledRule, event)) continue;
    if (ending === null) ending = [run];
    else ending.push(run);
  }
  if (ending === null) return;
  for (const run of ordered(ending)) {
    enterRun(e.x, run);
    const until = e.trace === null ? 0 : enderOf(e, run, event);
    removeRun(e, customer, run);
    e.trace?.({ k: "ended", rule: run.rule, per: run.key, by: "until", until });
    e.sink.ended?.((e.compiled.rules[run.rule] as CompiledRule).name, "until");
  }
}

function ends(e: Evaluator, run: Run, rule: CompiledRule, event: Incoming | null): boolean {
  enterRun(e.x, run);
  if (event !== null && eventIn(e, rule.until, event) !== undefined) return true;
  if (e.lastFlips.length > 0) {
    const recent = e.lastRecent.find((each) => each.run === run);
    if (turnsIn(rule.until, e.lastFlips, recent?.started ?? 0)) return true;
  }
  const { untilConditions } = rule;
  for (let i = 0; i < untilConditions.length; i++) if ((untilConditions[i] as Condition).holds(e.x)) return true;
  return false;
}

/** Place of the `until` that ends the run, among those of the rule; the first of several. */
function enderOf(e: Evaluator, run: Run, event: Incoming | null): number {
  const rule = e.compiled.rules[run.rule] as CompiledRule;
  const { until: moments, untilConditions } = rule;
  const from = e.lastRecent.find((each) => each.run === run)?.started ?? 0;
  const came = event === null ? undefined : eventIn(e, moments, event);
  const turned = (k: Flip["k"], index: number): boolean => e.lastFlips.some((flip, i) => i >= from && flip.k === k && flip.index === index);
  let [events, conditions] = [0, 0];
  return rule.rule.until.findIndex((each) => {
    switch (each.k) {
      case "condition": return untilConditions[conditions++]?.holds(e.x) === true;
      case "event": return moments.events[events++] === came && came !== undefined;
      case "enter": case "leave": return turned(each.k, each.segment);
      case "up": case "down": return turned(each.k, each.tier);
      case "change": return turned(each.k, each.watch);
    }
  });
}

// ---------------------------------------------------------------------------------------------------- waits

/** Messages that were held come first, in the order of holding; then waits that are over, and what was waited for. */
export function continueRuns(e: Evaluator, event: Incoming | null): void {
  const { customer, now } = e.x;
  // Most runs go on waiting: nothing is allocated for them.
  let someHeld = false;
  let someGoOn = false;
  for (const run of customer.runs) {
    if (run.held !== null) someHeld = true;
    else if (run.deadline <= now || mayCome(e, run, event)) someGoOn = true;
  }
  // Who acts now waits for what comes later: one event satisfies at most one wait of a run.
  const waiting = someGoOn ? ordered(customer.runs).filter((run) => run.held === null) : NO_RUNS;
  if (someHeld) {
    const held = customer.runs.filter((run) => run.held !== null);
    held.sort((a, b) => (a.held?.order ?? 0) - (b.held?.order ?? 0));
    for (const run of held) {
      enterRun(e.x, run);
      if (release(e, run) && !act(e, run)) finish(e, customer, run);
    }
  }
  for (const run of waiting) {
    if (goesOn(e, run, event) && !act(e, run)) finish(e, customer, run);
  }
}

const NO_RUNS: readonly Run[] = [];

function finish(e: Evaluator, customer: Customer, run: Run): void {
  removeRun(e, customer, run);
  e.trace?.({ k: "ended", rule: run.rule, per: run.key, by: "done", until: null });
  e.sink.ended?.((e.compiled.rules[run.rule] as CompiledRule).name, "done");
}

function waitForOf(e: Evaluator, run: Run): WaitForOp | null {
  const rule = e.compiled.rules[run.rule] as CompiledRule;
  if (!rule.waitsFor) return null;
  const op = rule.ops[run.at - 1];
  return op?.k === "waitFor" ? op : null;
}

/** Whether what the run waits for may have come; its `where` is not asked yet. */
function mayCome(e: Evaluator, run: Run, event: Incoming | null): boolean {
  const waitFor = waitForOf(e, run);
  if (waitFor === null) return false;
  if (e.lastFlips.length > 0) return true;
  if (event === null) return false;
  for (const moment of waitFor.moments.events) if (moment.event === event.plan.name) return true;
  return false;
}

/** Whether the run's wait is over, and puts it where it goes on. */
function goesOn(e: Evaluator, run: Run, event: Incoming | null): boolean {
  const waitFor = waitForOf(e, run);
  const rule = e.compiled.rules[run.rule] as CompiledRule;
  if (run.deadline <= e.x.now) {
    if (waitFor === null) return true;
    // It did not come, or too late: at the very end of its time it no longer counts.
    enterRun(e.x, run);
    e.sink.went?.(rule.name, waitFor.key, "else");
    run.at = waitFor.otherwise ?? rule.ops.length;
    return true;
  }
  if (waitFor === null || !comes(e, run, waitFor, event)) return false;
  enterRun(e.x, run);
  e.sink.went?.(rule.name, waitFor.key, "then");
  return true;
}

function comes(e: Evaluator, run: Run, { moments, as }: WaitForOp, event: Incoming | null): boolean {
  if (event !== null && moments.events.length > 0) {
    enterRun(e.x, run);
    const moment = eventIn(e, moments, event);
    if (moment !== undefined) {
      if (as !== null) capture(run, { name: as, data: project(event.data, moment.keeps), time: event.time });
      return true;
    }
  }
  if (e.lastFlips.length === 0) return false;
  const recent = e.lastRecent.find((each) => each.run === run);
  return turnsIn(moments, e.lastFlips, recent?.waiting ?? 0);
}

function capture(run: Run, captured: Captured): void {
  run.captured = [...(run.captured ?? []).filter(({ name }) => name !== captured.name), captured];
}

// ---------------------------------------------------------------------------------------------------- starts

export function startRules(e: Evaluator, event: Incoming | null): void {
  const { compiled, x } = e;
  const flips = e.lastFlips;
  // Most events start nothing: nothing is allocated for them.
  let rules: number[] | null = null;
  let byEvent = 0;
  if (event !== null) {
    // Rows of the event are looked at by `where`; a run that acted in between has not changed them.
    const starts = event.plan.starts.choose(event.data);
    for (let i = 0; i < starts.length; i++) {
      const start = starts[i] as (typeof starts)[number];
      if (start.where !== null && !start.where(x)) continue;
      if (rules === null) rules = [start.rule];
      else if (!rules.includes(start.rule)) rules.push(start.rule);
    }
    byEvent = rules?.length ?? 0;
  }
  const withEvent = rules === null || byEvent === 0 ? NO_RULES : flips.length === 0 && e.due.length === 0 ? rules : rules.slice();
  for (let i = 0; i < flips.length; i++) {
    const { k, index } = flips[i] as Flip;
    const started = compiled.startsOn[k].get(index);
    if (started === undefined) continue;
    rules ??= [];
    for (const rule of started) if (!rules.includes(rule)) rules.push(rule);
  }
  if (e.due.length > 0) {
    rules ??= [];
    for (const rule of e.due) if (!rules.includes(rule)) rules.push(rule);
    e.due.length = 0;
  }
  if (rules === null) return;
  if (rules.length > 1) rules.sort((a, b) => a - b);
  for (const rule of rules) start(e, compiled.rules[rule] as CompiledRule, withEvent.includes(rule) ? event : null);
}

const NO_RULES: readonly number[] = [];

function start(e: Evaluator, rule: CompiledRule, event: Incoming | null): void {
  const { x } = e;
  const { customer } = x;
  x.run = null;
  x.event = event === null ? null : event.data;
  x.eventTime = event === null ? x.now : event.time;
  const key = rule.per === null ? null : scalar(rule.per(x));
  const going = customer.runs.find((run) => run.rule === rule.index && run.key === key);
  const refusal = refused(e, rule, going !== undefined);
  if (refusal !== null) {
    e.trace?.({ k: "refused", rule: rule.index, per: key, ...refusal });
    return;
  }
  const { event: data, eventTime } = startedBy(e, rule, event);
  if (going !== undefined) {
    removeRun(e, customer, going);
    e.trace?.({ k: "ended", rule: rule.index, per: key, by: "restart", until: null });
  } else {
    if (rule.per !== null) makeRoom(e, rule, customer);
    e.sink.started(rule.name);
  }
  const before = times(e.started, rule.index);
  e.started.push(rule.index);
  const run: Run = {
    rule: rule.index, startedAt: x.now, eventTime, event: data,
    cause: before === 0 ? e.causeKey : `${e.causeKey}#${before}`, at: 0, deadline: Infinity,
    key, captured: null, held: null, slotIds: NO_SLOTS.slotIds, slots: NO_SLOTS.slots,
  };
  customer.runs.push(run);
  e.recent.push({ run, started: e.flips.length, waiting: 0 });
  e.trace?.({ k: "started", rule: rule.index, per: key, restarted: going !== undefined });
  if (!act(e, run)) finish(e, customer, run);
}

type Refusal = Pick<Extract<Traced, { readonly k: "refused" }>, "by" | "place">;

const IS_GOING: Refusal = { by: "going", place: 0 };
const NOT_WHEN: Refusal = { by: "when", place: 0 };
const CAPPED: Refusal = { by: "cap", place: 0 };

/** Why the rule does not start now; null: it does, and its caps have counted it. A restart is no start, and no cap counts it. */
function refused(e: Evaluator, rule: CompiledRule, going: boolean): Refusal | null {
  const { x } = e;
  if (going && !rule.rule.restart) return IS_GOING;
  if (rule.when !== null && !rule.when(x)) return NOT_WHEN;
  for (let place = 0; place < rule.untilConditions.length; place++) {
    if ((rule.untilConditions[place] as Condition).holds(x)) return { by: "until", place };
  }
  return going || takeCap(e, rule) ? null : CAPPED;
}

/** What the run keeps of its event. */
function startedBy(e: Evaluator, rule: CompiledRule, event: Incoming | null): Pick<Run, "event" | "eventTime"> {
  if (event === null) return { event: null, eventTime: e.x.now };
  const fields = rule.keeps.get(event.plan.name);
  return { event: fields === undefined ? {} : project(event.data, fields), eventTime: event.time };
}

/** Values of other types have no place in `per`. */
function scalar(value: Value | undefined): Scalar | null {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

/** The oldest run of the rule ends where the customer has as many as they may. */
function makeRoom(e: Evaluator, rule: CompiledRule, customer: Customer): void {
  let oldest: Run | undefined;
  let count = 0;
  for (const run of customer.runs) {
    if (run.rule !== rule.index) continue;
    oldest ??= run;
    count++;
  }
  if (oldest === undefined || count < MAX_RUNS_PER_RULE) return;
  removeRun(e, customer, oldest);
  e.trace?.({ k: "ended", rule: rule.index, per: oldest.key, by: "crowded", until: null });
  e.sink.crowdedOut(rule.name);
  e.sink.ended?.(rule.name, "crowded_out");
}

/** Whether the rule's caps leave room for one more start now; counts it where they do. */
function takeCap({ x }: Evaluator, rule: CompiledRule): boolean {
  const { caps } = rule.rule;
  if (caps.length === 0) return true;
  const { customer } = x;
  let starts = customer.starts.find((known) => known.rule === rule.index);
  if (starts === undefined) {
    starts = { rule: rule.index, times: [] };
    customer.starts.push(starts);
  }
  if (!hasRoom(caps, starts.times, x)) return false;
  remember(caps, starts.times, x);
  return true;
}

// ---------------------------------------------------------------------------------------------------- what comes next

/** Time may end the waits of runs, and turn their `until`. */
export function watchRuns(e: Evaluator): void {
  const { x } = e;
  for (const run of x.customer.runs) {
    lower(x.customer, run.deadline);
    const rule = e.compiled.rules[run.rule] as CompiledRule;
    for (const condition of rule.untilConditions) {
      if (condition.next === null) continue;
      enterRun(x, run);
      lower(x.customer, condition.next(x));
    }
  }
}
