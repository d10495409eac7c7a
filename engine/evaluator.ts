/**
 * What the evaluation of one partition's customers works with, and what it tells: the Sink. An Evaluator is one object,
 * used for one event or instant at a time; engine/evaluate.ts drives it.
 */
import type { Value } from "../dsl/program.js";
import { agenda, enqueue, enqueueAll, type Agenda } from "./agenda.js";
import type { Compiled, EventPlan } from "./compile/compiled.js";
import { newContext, type Context, type Customer, type Data, type Run, type Scalar } from "./customer.js";
import type { ExperimentSink } from "./experiments.js";
import { hash128Hex } from "./hash.js";
import type { Judgement } from "./policies.js";
import type { Receipt } from "./receipt.js";
import { jumpedOver, nextClock, timetable, type Timetable } from "./schedules.js";
import { settle, type FiguresSink, type Flip } from "./settle.js";
import type { RunEnd, SuppressionReason } from "./stats.js";
import { UTC, zoneOf, type Zone } from "./zone.js";

// ---------------------------------------------------------------------------------------------------- what it tells

export interface Action {
  readonly customer: string;
  /** The instant on the customer's clock. */
  readonly at: number;
  readonly rule: string;
  /** The event's id, or `time`. */
  readonly cause: string;
  /** Null: an `emit`. */
  readonly channel: string | null;
  readonly template: string;
  readonly payload: Value | undefined;
  readonly id: string;
}

export interface Change {
  readonly customer: string;
  readonly at: number;
  readonly segment: number;
  readonly entered: boolean;
  readonly cause: string;
  readonly id: string;
  /** Other rules have brought it about, not an event or an instant: it starts nothing. */
  readonly backfilled?: boolean;
}

/** A message that a channel holds. */
export interface Hold {
  readonly customer: string;
  readonly at: number;
  readonly rule: string;
  readonly channel: string;
  readonly template: string;
  /** Id of the message as it would go out, made when it is asked for; null where the run is not known any more. */
  readonly id: (() => string) | null;
}

/** A message that the channel's policy did not let through, or whose run ended while it was held. */
export interface Suppression extends Hold {
  readonly reason: SuppressionReason;
}

export interface Sink extends FiguresSink, ExperimentSink {
  action(action: Action): void;
  change(change: Change): void;
  held(hold: Hold): void;
  suppressed(suppression: Suppression): void;
  started(rule: string): void;
  /** A run is under way no more. Only who counts asks for it. */
  ended?(rule: string, by: RunEnd): void;
  /** A run that ended because the customer had too many of its rule. */
  crowdedOut(rule: string): void;
  chainCut(customer: string): void;
  /** The customer has been forgotten. */
  erased(customer: string): void;
  /** What was removed: of each request to erase, and of each customer whom `retain` has forgotten. */
  receipt?(receipt: Receipt): void;
  /**
   * Which way a run went at a step that leads into several: `then`, `else`, or a variant of a `split`. `step` is the
   * step's key. Only who counts what tests have covered asks for it.
   */
  went?(rule: string, step: string, way: string): void;
}

const nothing = (): void => undefined;

/** For whoever only reads. */
export const SILENT: Sink = {
  action: nothing, change: nothing, held: nothing, suppressed: nothing, started: nothing, crowdedOut: nothing, chainCut: nothing,
  erased: nothing, reading: nothing, contribution: nothing, experiment: nothing,
};

// ---------------------------------------------------------------------------------------------------- what it works with

/** An event, checked: data in the program's values. */
export interface Incoming {
  readonly plan: EventPlan;
  readonly data: Data;
  /** Its own time, as it counts in windows. */
  readonly time: number;
  readonly id: string;
  readonly source: string;
}

/**
 * A run that started or began to wait for something in a round: how much had turned in that round by then. What turned
 * before does not concern it.
 */
export interface Recent {
  readonly run: Run;
  readonly started: number;
  waiting: number;
}

/** A decision about a rule, for those who explain it: `e.x` stands where it was made. `per`: of which of its runs. */
export type Traced = { readonly rule: number; readonly per: Scalar | null } & (
  | { readonly k: "started"; readonly restarted: boolean }
  /** `place`: of the `until` condition that held, among those that are conditions; 0 for the others. */
  | { readonly k: "refused"; readonly by: "going" | "when" | "until" | "cap"; readonly place: number }
  /**
   * `done`: its steps were; `until`: by what ends it; `restart`: the new one took its place; `crowded`: too many runs.
   * `until`: place of the one that ended it, among the rule's.
   */
  | { readonly k: "ended"; readonly by: "done" | "until" | "restart" | "crowded"; readonly until: number | null }
  /** The run ended, or its customer was forgotten, while its message was held. */
  | { readonly k: "dropped"; readonly op: number }
  /** It has begun to wait, behind operation `op`. */
  | { readonly k: "waits"; readonly op: number; readonly until: number }
  | { readonly k: "held" | "suppressed"; readonly op: number; readonly judgement: Judgement }
);

export interface Evaluator {
  readonly compiled: Compiled;
  readonly sink: Sink;
  /** Told of decisions about rules; null, as it is when the engine runs: nobody asks. */
  trace: ((what: Traced) => void) | null;
  readonly x: Context;
  readonly agenda: Agenda;
  readonly timetable: Timetable;
  /** By segment: its rank. */
  readonly ranksOfSegment: readonly number[];
  /** What has turned in this round: the next one looks at it. The other lists are those of the round before. */
  flips: Flip[];
  recent: Recent[];
  lastFlips: Flip[];
  lastRecent: Recent[];
  /** Rules that a schedule starts when starts come next. */
  due: number[];
  /** A step of this round has changed what conditions read: an `until` may hold now, though nothing has turned. */
  changed: boolean;
  /** What is being processed: the event's id or `time`, and the same as a part of identities. */
  cause: string;
  causeKey: string;
  /**
   * Rules started and segments whose membership turned so far by what is being processed: tells equal ones apart in
   * identities. Only equal ones: an identity must not hang on what else the program has.
   */
  readonly started: number[];
  readonly turned: number[];
}

export function evaluator(compiled: Compiled, sink: Sink): Evaluator {
  const ranksOfSegment = new Array<number>(compiled.segments.length).fill(0);
  compiled.settled.forEach((node, rank) => { if (node.k === "segment") ranksOfSegment[node.index] = rank; });
  return {
    compiled, sink, trace: null, x: newContext(), agenda: agenda(compiled.settled.length), timetable: timetable(compiled), ranksOfSegment,
    flips: [], recent: [], lastFlips: [], lastRecent: [], due: [], changed: false,
    cause: "", causeKey: "", started: [], turned: [],
  };
}

// ---------------------------------------------------------------------------------------------------- what changes

/** Settles what waits to be settled; memberships that turned are announced. `byTime`: no more has happened than that an instant came. */
export function settleNow(e: Evaluator, byTime = false): void {
  const { flips } = e;
  const from = flips.length;
  settle(e.compiled, e.agenda, e.x, flips, e.sink, byTime);
  for (let i = from; i < flips.length; i++) {
    const { k, index } = flips[i] as Flip;
    if (k === "enter" || k === "leave") announce(e, index, k === "enter");
  }
}

/** How often it stands in a list of few. */
export function times(list: readonly number[], one: number): number {
  let n = 0;
  for (let i = 0; i < list.length; i++) if (list[i] === one) n++;
  return n;
}

export function announce(e: Evaluator, segment: number, entered: boolean, backfilled = false): void {
  const { x } = e;
  const before = times(e.turned, segment);
  e.turned.push(segment);
  const id = changeId(x.customer.id, (e.compiled.segments[segment] as { name: string }).name, e.causeKey, before);
  e.sink.change({ customer: x.customer.id, at: x.now, segment, entered, cause: e.cause, id, ...(backfilled ? { backfilled } : {}) });
}

/** `before`: how often the same cause has turned that membership already. */
export const changeId = (customer: string, segment: string, causeKey: string, before: number): string =>
  hash128Hex(`${customer}\u0000${segment}\u0000${causeKey}\u0000${before}`);

/** The customer's profile becomes another one; what depends on it waits to be settled. `isNew`: nothing was known before. */
export function changeProfile(e: Evaluator, profile: Data, isNew = false): void {
  const { x, compiled } = e;
  const { customer } = x;
  customer.profile = profile;
  const zone = zoneOfProfile(compiled, profile);
  if (zone === customer.zone) {
    enqueue(e.agenda, compiled.ranksOfProfile);
    return;
  }
  // Another zone moves the ends of calendar periods and the hour of the day: everything may have changed.
  const before = customer.zone;
  customer.zone = zone;
  x.zone = zone;
  enqueueAll(e.agenda);
  if (!isNew) jumpedOver(e.timetable, x, before, e.due);
  for (const run of customer.runs) followClock(compiled, run, x);
}

/** A run that waits for a time of day waits for it on the wall clock that the customer has now, unless it is over by the old one. */
export function followClock(compiled: Compiled, run: Run, { zone, now }: Pick<Context, "zone" | "now">): void {
  if (run.deadline <= now) return;
  const op = compiled.rules[run.rule]?.ops[run.at - 1];
  if (op?.k === "waitClock") run.deadline = nextClock(zone, now, op.at, op.weekday);
}

export function zoneOfProfile(compiled: Compiled, profile: Data): Zone {
  if (compiled.defaultZone === null) return UTC;
  const named = profile["timezone"];
  return typeof named === "string" ? zoneOf(named) : compiled.defaultZone;
}

/** Puts a run into the context: its event, its own aggregates, what it has captured. */
export function enterRun(x: Context, run: Run): void {
  x.run = run;
  x.event = run.event;
  x.eventTime = run.eventTime;
}

/** Whom the present concerns; for messages to the sink. */
export function concerning(e: Evaluator, rule: string, channel: string, template: string, id: Hold["id"]): Hold {
  return { customer: e.x.customer.id, at: e.x.now, rule, channel, template, id };
}

/** What an action of a run is called: the same step of the same run gives the same id, in another program too. */
export function actionId(customer: string, rule: string, { cause }: Pick<Run, "cause">, step: string): string {
  return hash128Hex(`${customer}\u0000${rule}\u0000${cause}\u0000${step}`);
}

/** Takes the run from the customer; a message that is held for it goes out no more. */
export function removeRun(e: Evaluator, customer: Customer, run: Run): void {
  const place = customer.runs.indexOf(run);
  if (place < 0) return;
  customer.runs.splice(place, 1);
  if (run.held === null) return;
  run.held = null;
  const rule = e.compiled.rules[run.rule];
  const op = rule?.ops[run.at - 1];
  if (rule === undefined || op?.k !== "send") return;
  e.sink.suppressed({ ...concerning(e, rule.name, e.compiled.channels[op.channel]?.name ?? "", op.template, () => actionId(customer.id, rule.name, run, op.key)), reason: "ended" });
  e.trace?.({ k: "dropped", rule: run.rule, per: run.key, op: run.at - 1 });
}
