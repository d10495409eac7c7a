/**
 * What one event, or one instant that has come, does to one customer.
 *
 * The order within one event or instant is that of the language: aggregates and profile; then traits and segments; then
 * `until`; then waits; then starts. Rules go by priority, then by name (that is their order in a program), runs by
 * their start. A run acts until it waits or ends and sees its own effects; what it causes in others follows, breadth
 * first, and is cut at MAX_DEPTH.
 *
 * Nothing here knows of partitions, commits or streams: what comes out goes to a Sink.
 */
import type { Value } from "../dsl/program.js";
import { enterContext, NO_DATA, newContext, type Context, type Customer, type Data, type Run } from "./customer.js";
import type { Compiled, CompiledRule, EventPlan } from "./compile/compiled.js";
import { hash128Hex } from "./hash.js";
import { merged, project } from "./schema.js";
import { NEVER_FROM_MS, agenda, enqueue, enqueueAll, lower, settle, type Agenda, type Flip } from "./segments.js";
import type { SuppressionReason } from "./stats.js";
import { UTC, zoneOf, type Zone } from "./zone.js";

/** How many rounds of effects of effects are followed. */
export const MAX_DEPTH = 16;

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
}

/** A message that the channel's policy did not let through. */
export interface Suppression {
  readonly customer: string;
  readonly at: number;
  readonly rule: string;
  readonly channel: string;
  readonly template: string;
  readonly reason: SuppressionReason;
}

export interface Sink {
  action(action: Action): void;
  change(change: Change): void;
  suppressed(suppression: Suppression): void;
  started(rule: string): void;
  chainCut(customer: string): void;
}

/** An event, checked: data in the program's values. */
export interface Incoming {
  readonly plan: EventPlan;
  readonly data: Data;
  /** Its own time, as it counts in windows. */
  readonly time: number;
  readonly id: string;
  readonly source: string;
}

export interface Evaluator {
  readonly compiled: Compiled;
  readonly sink: Sink;
  readonly x: Context;
  readonly agenda: Agenda;
  flips: Flip[];
  /** The other list: rounds of effects take turns with the two. */
  otherFlips: Flip[];
  /** A step of this round has set a field of the profile: an `until` may hold now, though no membership turned. */
  profileSet: boolean;
  /** What is being processed: the event's id or `time`, and the same as a part of identities. */
  cause: string;
  causeKey: string;
  /** Rules started and memberships turned so far by what is being processed: tells equal ones apart in identities. */
  readonly started: number[];
  turned: number;
}

export function evaluator(compiled: Compiled, sink: Sink): Evaluator {
  return {
    compiled, sink, x: newContext(), agenda: agenda(compiled.segments.length), flips: [], otherFlips: [], profileSet: false,
    cause: "", causeKey: "", started: [], turned: 0,
  };
}

/** The event happens to the customer at `now` (the customer's clock, never before it). All wakes up to now have run. */
export function processEvent(e: Evaluator, customer: Customer, event: Incoming, now: number): void {
  const { x, compiled } = e;
  begin(e, event.id, `${event.source}/${event.id}`);
  const isNew = customer.firstSeen === Infinity;
  const seenEarlier = event.time < customer.firstSeen;
  if (seenEarlier) customer.firstSeen = event.time;
  enterContext(x, customer, now);
  x.row = event.data;
  x.rowTime = event.time;
  const updates = event.plan.updates.choose(event.data);
  for (let i = 0; i < updates.length; i++) {
    const update = updates[i] as (typeof updates)[number];
    if (update.apply(x)) enqueue(e.agenda, compiled.ranksOfAggregate[update.aggregate] as readonly number[]);
  }
  if (event.plan.isProfileUpdate) changeProfile(e, merged(customer.profile, event.data, compiled.program.profile));
  if (isNew) enqueueAll(e.agenda);
  else if (seenEarlier) enqueue(e.agenda, compiled.ranksOfClock);
  settleNow(e);
  react(e, event);
}

/** An instant has come at which something about the customer was to change. */
export function processWake(e: Evaluator, customer: Customer, now: number): void {
  const { x, compiled } = e;
  begin(e, "time", `time/${now}`);
  enterContext(x, customer, now);
  x.row = NO_DATA;
  customer.wake = Infinity;
  for (const aggregate of customer.slotIds) {
    if ((compiled.spans[aggregate] as { k: string }).k !== "life") enqueue(e.agenda, compiled.ranksOfAggregate[aggregate] as readonly number[]);
  }
  enqueue(e.agenda, compiled.ranksOfClock);
  for (const holding of customer.holdings) {
    const segment = compiled.segments[holding.index >> 1];
    if (segment !== undefined) enqueue(e.agenda, [segment.rank]);
  }
  settleNow(e);
  react(e, null);
}

function begin(e: Evaluator, cause: string, causeKey: string): void {
  e.cause = cause;
  e.causeKey = causeKey;
  e.started.length = 0;
  e.turned = 0;
  e.flips.length = 0;
}

function settleNow(e: Evaluator): void {
  const { x, flips } = e;
  const from = flips.length;
  settle(e.compiled, e.agenda, x, flips);
  for (let i = from; i < flips.length; i++) {
    const { segment, entered } = flips[i] as Flip;
    e.sink.change({
      customer: x.customer.id, at: x.now, segment, entered, cause: e.cause,
      id: hash128Hex(`${x.customer.id}\u0000${(e.compiled.segments[segment] as { name: string }).name}\u0000${e.causeKey}\u0000${e.turned++}`),
    });
  }
}

// ---------------------------------------------------------------------------------------------------- rounds

function react(e: Evaluator, event: Incoming | null): void {
  const { customer } = e.x;
  for (let depth = 0; ; depth++) {
    const flips = e.flips;
    e.flips = e.otherFlips;
    e.flips.length = 0;
    e.otherFlips = flips;
    e.profileSet = false;
    const happening = depth === 0 ? event : null;
    if (customer.runs.length > 0) {
      endRuns(e, happening, flips);
      if (depth === 0) continueRuns(e);
    }
    startRules(e, happening, flips);
    if (e.flips.length === 0 && !e.profileSet) break;
    if (depth === MAX_DEPTH) {
      e.flips.length = 0;
      e.sink.chainCut(customer.id);
      break;
    }
  }
  watchRuns(e);
}

/** Runs in the order in which they act: by rule, then by start. */
function ordered(runs: readonly Run[]): readonly Run[] {
  return runs.length < 2 ? runs : [...runs].sort((a, b) => a.rule - b.rule);
}

function endRuns(e: Evaluator, event: Incoming | null, flips: readonly Flip[]): void {
  const { customer } = e.x;
  for (const run of ordered(customer.runs)) {
    if (ends(e, run, e.compiled.rules[run.rule] as CompiledRule, event, flips)) remove(customer, run);
  }
}

function ends(e: Evaluator, run: Run, rule: CompiledRule, event: Incoming | null, flips: readonly Flip[]): boolean {
  enterRun(e.x, run);
  if (event !== null) {
    for (const until of rule.untilEvents) {
      if (until.event === event.plan.name && (until.where === null || until.where(e.x))) return true;
    }
  }
  for (const flip of flips) {
    if ((flip.entered ? rule.untilEnters : rule.untilLeaves).includes(flip.segment)) return true;
  }
  return rule.untilConditions.some((condition) => condition.holds(e.x));
}

function continueRuns(e: Evaluator): void {
  const { customer, now } = e.x;
  const due = customer.runs.filter((run) => run.deadline <= now);
  for (const run of ordered(due)) {
    if (!act(e, run)) remove(customer, run);
  }
}

function remove(customer: Customer, run: Run): void {
  const at = customer.runs.indexOf(run);
  if (at >= 0) customer.runs.splice(at, 1);
}

/** Time may turn the `until` of a run that waits. */
function watchRuns(e: Evaluator): void {
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

function enterRun(x: Context, run: Run): void {
  x.event = run.event;
  x.eventTime = run.eventTime;
}

// ---------------------------------------------------------------------------------------------------- starts

function startRules(e: Evaluator, event: Incoming | null, flips: readonly Flip[]): void {
  const { compiled, x } = e;
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
  const withEvent = rules === null || byEvent === 0 ? NO_RULES : flips.length === 0 ? rules : rules.slice();
  for (let i = 0; i < flips.length; i++) {
    const flip = flips[i] as Flip;
    const started = (flip.entered ? compiled.startsOnEnter : compiled.startsOnLeave).get(flip.segment);
    if (started === undefined) continue;
    rules ??= [];
    for (const rule of started) if (!withEvent.includes(rule)) rules.push(rule);
  }
  if (rules === null) return;
  if (rules.length > 1) rules.sort((a, b) => a - b);
  for (const rule of rules) start(e, compiled.rules[rule] as CompiledRule, withEvent.includes(rule) ? event : null);
}

const NO_RULES: readonly number[] = [];

function start(e: Evaluator, rule: CompiledRule, event: Incoming | null): void {
  const { x } = e;
  const { customer } = x;
  const going = customer.runs.find((run) => run.rule === rule.index);
  if (going !== undefined && !rule.rule.restart) return;
  const fields = event === null ? undefined : rule.keeps.get(event.plan.name);
  const data = event === null || fields === undefined || fields.length === 0 ? NO_DATA : project(event.data, fields);
  x.event = event === null ? NO_DATA : event.data;
  x.eventTime = event === null ? x.now : event.time;
  if (rule.when !== null && !rule.when(x)) return;
  if (rule.untilConditions.some((condition) => condition.holds(x))) return;
  if (going === undefined && !takeCap(rule, customer, x.now)) return;
  if (going !== undefined) remove(customer, going);
  else e.sink.started(rule.name);
  let before = 0;
  for (const other of e.started) if (other === rule.index) before++;
  e.started.push(rule.index);
  const run: Run = {
    rule: rule.index, startedAt: x.now, eventTime: x.eventTime, event: data,
    cause: before === 0 ? e.causeKey : `${e.causeKey}#${before}`, at: 0, deadline: Infinity,
  };
  customer.runs.push(run);
  if (!act(e, run)) remove(customer, run);
}

/** Whether the rule's caps leave room for one more start at `now`; counts it where they do. */
function takeCap(rule: CompiledRule, customer: Customer, now: number): boolean {
  const { caps } = rule.rule;
  if (caps.length === 0) return true;
  let starts = customer.starts.find((known) => known.rule === rule.index);
  if (starts === undefined) {
    starts = { rule: rule.index, times: [] };
    customer.starts.push(starts);
  }
  while (starts.times.length > 0 && (starts.times[0] as number) + rule.longestCapMs <= now) starts.times.shift();
  for (const cap of caps) {
    let count = 0;
    for (const t of starts.times) if (now < t + cap.ms) count++;
    if (count >= cap.count) return false;
  }
  starts.times.push(now);
  if (starts.times.length > rule.largestCap) starts.times.shift(); // older ones cannot matter any more
  return true;
}

// ---------------------------------------------------------------------------------------------------- steps

/** Lets a run act until it waits (true) or ends (false). */
function act(e: Evaluator, run: Run): boolean {
  const { x } = e;
  const rule = e.compiled.rules[run.rule] as CompiledRule;
  enterRun(x, run);
  for (;;) {
    const op = rule.ops[run.at];
    if (op === undefined) return false;
    run.at++;
    switch (op.k) {
      case "wait": {
        const ms = op.for(x);
        if (typeof ms !== "number" || !(ms > 0)) break;
        run.deadline = x.now + Math.ceil(ms) < NEVER_FROM_MS ? x.now + Math.ceil(ms) : Infinity;
        lower(x.customer, run.deadline);
        return true;
      }
      case "branch": if (!op.if(x)) run.at = op.otherwise; break;
      case "jump": run.at = op.to; break;
      case "stop": return false;
      case "set": setProfile(e, op.path, op.value(x) ?? null); break;
      case "emit": perform(e, run, rule, null, op.name, op.payload?.(x), op.key); break;
      case "send": {
        const channel = e.compiled.channels[op.channel] as Compiled["channels"][number];
        if (channel.when.every((when) => when(x))) perform(e, run, rule, channel.name, op.template, op.payload?.(x), op.key);
        else e.sink.suppressed({ customer: x.customer.id, at: x.now, rule: rule.name, channel: channel.name, template: op.template, reason: "consent" });
        break;
      }
    }
  }
}

function perform(e: Evaluator, run: Run, rule: CompiledRule, channel: string | null, template: string, payload: Value | undefined, key: string): void {
  const { x } = e;
  e.sink.action({
    customer: x.customer.id, at: x.now, rule: rule.name, cause: e.cause, channel, template, payload,
    id: hash128Hex(`${x.customer.id}\u0000${rule.name}\u0000${run.cause}\u0000${key}`),
  });
}

function setProfile(e: Evaluator, path: readonly string[], value: Value): void {
  const { x } = e;
  changeProfile(e, withField(x.profile, path, value));
  e.profileSet = true;
  settleNow(e);
}

/** A copy of a record with one field, however deep, set; null removes it. */
function withField(record: Data, path: readonly string[], value: Value): Data {
  const [name, ...rest] = path as [string, ...string[]];
  const copy: Data = { ...record };
  if (rest.length > 0) copy[name] = withField((Object.hasOwn(record, name) ? (record[name] as Data | null) : null) ?? {}, rest, value) as Value;
  else if (value === null) delete copy[name];
  else copy[name] = value;
  return copy;
}

function changeProfile(e: Evaluator, profile: Data): void {
  const { x, compiled } = e;
  const { customer } = x;
  customer.profile = profile;
  x.profile = profile;
  const zone = zoneOfProfile(compiled, profile);
  if (zone === customer.zone) {
    enqueue(e.agenda, compiled.ranksOfProfile);
    return;
  }
  // Another zone moves the ends of calendar periods and the hour of the day: everything may have changed.
  customer.zone = zone;
  x.zone = zone;
  enqueueAll(e.agenda);
}

export function zoneOfProfile(compiled: Compiled, profile: Data): Zone {
  if (compiled.defaultZone === null) return UTC;
  const named = profile["timezone"];
  return typeof named === "string" ? zoneOf(named) : compiled.defaultZone;
}

/** The value of an expression for a customer at an instant, outside of any event (inspect, replay's traits). */
export function read<T>(e: Evaluator, customer: Customer, now: number, of: (x: Context) => T): T {
  enterContext(e.x, customer, now);
  e.x.row = NO_DATA;
  e.x.event = NO_DATA;
  return of(e.x);
}

