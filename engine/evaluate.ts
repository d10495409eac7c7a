/**
 * What one event, or one instant that has come, does to one customer.
 *
 * The order within one event or instant is that of the language: what is earned is asked of the customer as they were
 * before; then aggregates, points and profile; then traits, segments, tiers; then goals of experiments; then `until`; then
 * waits; then starts (engine/runs.ts). A run acts until it waits or ends and sees its own effects (engine/act.ts); what it
 * causes in others follows, breadth first, round by round, and is cut at MAX_DEPTH.
 *
 * Nothing here knows of partitions, commits or streams: what comes out goes to a Sink (engine/evaluator.ts).
 */
import { enqueue } from "./agenda.js";
import { enterContext, isMember, NO_DATA, type Context, type Customer } from "./customer.js";
import { erase, isKnown, noteEvent, retainedUntil, watchRetention } from "./erasure.js";
import { announce, changeProfile, concerning, settleNow, type Evaluator, type Incoming } from "./evaluator.js";
import { reachGoals } from "./experiments.js";
import { joinCustomer, settleJoined } from "./merge/customer.js";
import { credit, earnings, type Earning } from "./points.js";
import { receiptId, removable, type ErasedBy } from "./receipt.js";
import { updateRuns } from "./run-aggregates.js";
import { continueRuns, endRuns, startRules, watchRuns } from "./runs.js";
import { merged } from "./schema.js";
import { dueAt, watchSchedules } from "./schedules.js";
import { settleFirst } from "./settle.js";

export * from "./evaluator.js";

/** The cause of what other rules bring about. */
export const RULES_CAUSE = "rules";

/** How many rounds of effects of effects are followed. */
export const MAX_DEPTH = 16;

// ---------------------------------------------------------------------------------------------------- an event

/**
 * The event happens to the customer at `now` (the customer's clock, never before it). All wakes up to now have run. `other`:
 * who is joined into the customer by it; null: nobody.
 */
export function processEvent(e: Evaluator, customer: Customer, event: Incoming, now: number, other: Customer | null = null): void {
  const { x, compiled } = e;
  const { plan } = event;
  begin(e, customer, now, event.id, `${event.source}/${event.id}`);
  x.row = event.data;
  x.rowTime = event.time;
  if (plan.isErasure) {
    // Rules may start on it, to hand it on; what they leave behind is forgotten with the rest.
    if (isKnown(customer)) react(e, event);
    forget(e, "request");
    return;
  }
  const isNew = !isKnown(customer);
  // What is told of somebody with their very first event is what they have when they are first seen.
  const profile = plan.isProfileUpdate ? merged(customer.profile, event.data, compiled.program.profile) : null;
  if (isNew && profile !== null) changeProfile(e, profile, true);
  if (isNew) settleFirst(compiled, x);
  const before = other === null ? null : joinCustomer(e, other, isNew);
  const earned = plan.earns.length > 0 ? earnings(x, plan) : NOTHING_EARNED;
  const seenEarlier = event.time < customer.firstSeen;
  if (seenEarlier) {
    if (isNew && other === null) customer.base = event.time;
    customer.firstSeen = event.time;
    x.firstSeen = event.time;
  }
  noteEvent(compiled, x);
  update(e, event);
  for (const { points, amount } of earned) credit(compiled, e.agenda, x, points, amount, event.time);
  if (profile !== null && !isNew) changeProfile(e, profile);
  if (isNew) enqueue(e.agenda, compiled.ranksOfNew());
  else if (seenEarlier) enqueue(e.agenda, compiled.ranksOfClock);
  if (before === null) settleNow(e);
  else settleJoined(e, before);
  if (plan.goals.length > 0) reachGoals(x, plan, e.sink);
  react(e, event);
}

const NOTHING_EARNED: readonly Earning[] = [];

/** The event enters the aggregates that look at it. */
function update(e: Evaluator, { plan, data }: Incoming): void {
  const { x, compiled } = e;
  const updates = plan.updates.choose(data);
  for (let i = 0; i < updates.length; i++) {
    const update = updates[i] as (typeof updates)[number];
    if (update.apply(x)) enqueue(e.agenda, compiled.ranksOfAggregate[update.aggregate] as readonly number[]);
  }
  updateRuns(compiled, x, plan.runUpdates);
}

// ---------------------------------------------------------------------------------------------------- an instant

/** An instant has come at which something about the customer was to change. */
export function processWake(e: Evaluator, customer: Customer, now: number): void {
  const { x, compiled } = e;
  begin(e, customer, now, "time", `time/${now}`);
  // For when they were woken; seldom is that not now.
  const since = Math.min(customer.wake, now);
  customer.wake = Infinity;
  if (retainedUntil(compiled, x) <= now) {
    forget(e, "retention");
    return;
  }
  for (const aggregate of customer.slotIds) {
    if ((compiled.spans[aggregate] as { k: string }).k !== "life") enqueue(e.agenda, compiled.ranksOfAggregate[aggregate] as readonly number[]);
  }
  if (customer.extras !== null) {
    for (const { index } of customer.extras.ledgers) enqueue(e.agenda, compiled.ranksOfPoints[index] as readonly number[]);
  }
  enqueue(e.agenda, compiled.ranksOfClock);
  for (const holding of customer.holdings) {
    const rank = e.ranksOfSegment[holding.index >> 1];
    if (rank !== undefined) enqueue(e.agenda, [rank]);
  }
  settleNow(e, true);
  if (isKnown(customer)) dueAt(e.timetable, x, since, e.due);
  react(e, null);
}

/** Tables of percentiles, those of a day, are in force from `now` on: who stands in a ranking may stand elsewhere. */
export function processFigures(e: Evaluator, customer: Customer, now: number, day: number): void {
  begin(e, customer, now, "time", `figures/${day}`);
  for (const ranks of e.compiled.ranksOfRanking) enqueue(e.agenda, ranks);
  settleNow(e, true);
  react(e, null);
}

/**
 * The customer goes over to other rules: `settleAll` puts them where these have them. What of their memberships is not what
 * the world was told last (`members`) is announced as back-filled, and sets off nothing; `until CONDITION` ends runs.
 */
export function processJoined(e: Evaluator, customer: Customer, now: number, change: string, members: readonly number[], settleAll: () => void): void {
  begin(e, customer, now, RULES_CAUSE, `${RULES_CAUSE}/${change}`);
  customer.wake = Infinity;
  settleAll();
  for (const segment of members) if (!isMember(customer, segment)) announce(e, segment, false, true);
  for (const segment of customer.segments) if (!members.includes(segment)) announce(e, segment, true, true);
  react(e, null);
}

// ---------------------------------------------------------------------------------------------------- both

function begin(e: Evaluator, customer: Customer, now: number, cause: string, causeKey: string): void {
  e.cause = cause;
  e.causeKey = causeKey;
  clear(e.started);
  clear(e.turned);
  clear(e.flips);
  clear(e.recent);
  clear(e.due);
  enterNothing(e.x, customer, now);
}

/** Setting the length of an empty list costs as much as of a full one, and most are empty. */
function clear(list: unknown[]): void {
  if (list.length > 0) list.length = 0;
}

function enterNothing(x: Context, customer: Customer, now: number): void {
  enterContext(x, customer, now);
  x.row = NO_DATA;
  x.event = null;
  x.run = null;
}

function react(e: Evaluator, event: Incoming | null): void {
  const { customer } = e.x;
  for (let depth = 0; ; depth++) {
    nextRound(e);
    const happening = depth === 0 ? event : null;
    if (customer.runs.length > 0) {
      endRuns(e, happening);
      continueRuns(e, happening);
    }
    startRules(e, happening);
    if (e.flips.length === 0 && e.due.length === 0 && !e.changed) break;
    if (depth === MAX_DEPTH) {
      e.sink.chainCut(customer.id);
      break;
    }
  }
  if (customer.runs.length > 0) watchRuns(e);
  watchSchedules(e.timetable, e.x);
  watchRetention(e.compiled, e.x);
}

/** What turned in the last round is what this one looks at. */
function nextRound(e: Evaluator): void {
  const { flips, recent } = e;
  e.flips = e.lastFlips;
  e.lastFlips = flips;
  e.recent = e.lastRecent;
  e.lastRecent = recent;
  clear(e.flips);
  clear(e.recent);
  e.changed = false;
}

/** Nothing is known of the customer any more; nothing starts by it. */
function forget(e: Evaluator, by: ErasedBy): void {
  const { compiled, sink, x } = e;
  const { id } = x.customer;
  const wasKnown = isKnown(x.customer);
  const removed = removable(compiled, x, wasKnown);
  for (const run of x.customer.runs) sink.ended?.((compiled.rules[run.rule] as (typeof compiled.rules)[number]).name, "erased");
  if (e.trace !== null) for (const run of x.customer.runs) if (run.held !== null) e.trace({ k: "dropped", rule: run.rule, per: run.key, op: run.at - 1 });
  erase(compiled, x, {
    dropped(rule, channel, template) {
      sink.suppressed({ ...concerning(e, rule, compiled.channels[channel]?.name ?? "", template, null), reason: "ended" });
    },
    left: (segment) => announce(e, segment, false),
    reading: sink.reading, contribution: sink.contribution, experiment: sink.experiment,
  });
  if (wasKnown) sink.erased(id);
  sink.receipt?.({ customer: id, at: x.now, by, cause: e.cause, id: receiptId(id, e.causeKey), removed });
}

/**
 * The customer has become another one: memberships are left and announced, what they added to figures is taken out of them.
 * Nothing starts, and what is under way does not end: it goes on there.
 */
export function processMove(e: Evaluator, customer: Customer, to: string, event: Pick<Incoming, "id" | "source">, now: number): void {
  const { compiled, sink, x } = e;
  begin(e, customer, now, event.id, `${event.source}/${event.id}`);
  customer.runs = [];
  erase(compiled, x, {
    dropped: () => undefined, left: (segment) => announce(e, segment, false),
    reading: sink.reading, contribution: sink.contribution, experiment: sink.experiment,
  });
  customer.movedTo = to;
}

/** The value of an expression for a customer at an instant, outside of any event (inspect, replay's traits). */
export function read<T>(e: Evaluator, customer: Customer, now: number, of: (x: Context) => T): T {
  enterNothing(e.x, customer, now);
  return of(e.x);
}
