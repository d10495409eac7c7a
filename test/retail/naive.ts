/**
 * What the rules in `rules/` must give, computed in the plainest way that can be thought of.
 *
 * Customers one after the other. At each instant at which anything could change (an event, an event's time or the first
 * one plus any span of the program, the end of a wait or of a `for at least`) every trait and every segment is computed
 * anew from all events so far. Clock and order are the language's: what is due at an instant comes before the events of
 * that instant, these one by one as the stream has them; within one, segments, then `until`, then waits, then starts.
 *
 * Imports nothing from `dsl/` or `engine/`: it is the other half of a comparison.
 */
import { actionLine, changeLine, memberLine, outcomeOf, traitLines, type OrderedOutcome } from "./canonical.js";
import { SPANS } from "./definitions.js";
import type { ShopEvent } from "./events.js";
import {
  CHANNELS, RULES, type Channel, type Moment, type NaiveRule, type Payload, type Profile, type Seen,
} from "./naive-rules.js";
import { SEGMENTS, SEGMENT_NAMES, type Look, type SegmentName } from "./naive-segments.js";
import { traitsOf, type Traits } from "./naive-traits.js";

/** How far one event's consequences may follow from one another; these rules never come near. */
const DEPTH_MAX = 16;

interface Run {
  readonly steps: Generator<number, void, void>;
  dueMs: number;
}

interface Standing {
  isIn: boolean;
  /** Since when the condition to enter, and the one to leave, hold without a break. */
  enterSinceMs: number | null;
  leaveSinceMs: number | null;
}

interface Customer {
  readonly id: string;
  readonly events: ShopEvent[];
  readonly profile: Profile;
  readonly segments: Readonly<Record<SegmentName, Standing>>;
  readonly runs: Map<NaiveRule, Run>;
  readonly starts: Map<NaiveRule, number[]>;
  nowMs: number;
  /** Id of the event being processed, or `time`. */
  cause: string;
  traits: Traits;
  profileChanged: boolean;
}

/** As they happen: lines in the order of each customer's own history. */
interface Journal {
  readonly changes: string[];
  readonly actions: string[];
  readonly tally: Map<string, number>;
}

export interface NaiveOutcome extends OrderedOutcome {
  /** How often what happened to a rule's runs: `wake_up started`, also `restarted`, `completed`, `ended` and so on. */
  readonly tally: ReadonlyMap<string, number>;
}

/** All events, then the clock moved on to `untilMs`; what is due at that instant happens. */
export function naiveOf(events: readonly ShopEvent[], untilMs: number): NaiveOutcome {
  const histories = new Map<string, ShopEvent[]>();
  for (const event of events) {
    if (event.timeMs > untilMs) throw new Error(`event ${event.id} is later than the end`);
    const history = histories.get(event.customer) ?? [];
    history.push(event);
    histories.set(event.customer, history);
  }
  const journal: Journal = { changes: [], actions: [], tally: new Map() };
  const members: string[] = [];
  const traits: string[] = [];
  for (const id of [...histories.keys()].sort()) {
    const customer = live(id, histories.get(id) ?? [], untilMs, journal);
    members.push(...SEGMENT_NAMES.filter((name) => customer.segments[name].isIn).map((name) => memberLine(name, id)));
    const { inner: _, ...named } = traitsOf({ events: customer.events, nowMs: untilMs });
    traits.push(...traitLines(id, named));
  }
  return { ...outcomeOf({ members, changes: journal.changes, actions: journal.actions, traits }), tally: journal.tally };
}

function live(id: string, history: readonly ShopEvent[], untilMs: number, journal: Journal): Customer {
  const customer: Customer = {
    id,
    events: [],
    profile: { email: true, tier: "standard", previousTotal: null, returnsNoted: 0 },
    segments: Object.fromEntries(
      SEGMENT_NAMES.map((name) => [name, { isIn: false, enterSinceMs: null, leaveSinceMs: null }]),
    ) as Record<SegmentName, Standing>,
    runs: new Map(),
    starts: new Map(),
    nowMs: -Infinity,
    cause: "time",
    traits: traitsOf({ events: [], nowMs: -Infinity }),
    profileChanged: false,
  };
  for (const event of history) {
    letTimePass(customer, event.timeMs, journal);
    customer.nowMs = event.timeMs;
    customer.events.push(event);
    happen(customer, event, journal);
  }
  letTimePass(customer, untilMs, journal);
  return customer;
}

/** Every instant up to and including `toMs` at which time alone may change something, in order. */
function letTimePass(customer: Customer, toMs: number, journal: Journal): void {
  for (let next = nextInstant(customer); next <= toMs; next = nextInstant(customer)) {
    customer.nowMs = next;
    happen(customer, null, journal);
  }
}

function nextInstant(customer: Customer): number {
  let next = Infinity;
  const consider = (ms: number): void => {
    if (ms > customer.nowMs && ms < next) next = ms;
  };
  for (const { timeMs } of customer.events) for (const span of SPANS) consider(timeMs + span);
  for (const name of SEGMENT_NAMES) {
    const { enterSinceMs, leaveSinceMs } = customer.segments[name];
    const { enter, leave } = SEGMENTS[name];
    if (enterSinceMs !== null) consider(enterSinceMs + (enter.forMs ?? 0));
    if (leaveSinceMs !== null) consider(leaveSinceMs + (leave?.forMs ?? 0));
  }
  for (const run of customer.runs.values()) consider(run.dueMs);
  return next;
}

/** One event, or one instant at which something is due (`event` is null), and all that follows from it. */
function happen(customer: Customer, event: ShopEvent | null, journal: Journal): void {
  customer.cause = event?.id ?? "time";
  customer.traits = traitsOf({ events: customer.events, nowMs: customer.nowMs });
  let moments: Moment[] = event === null ? [] : [{ kind: "event", event }];
  for (let depth = 0; ; depth++) {
    if (depth > DEPTH_MAX) throw new Error(`customer ${customer.id}: consequences without end at ${customer.cause}`);
    customer.profileChanged = false;
    moments = [...moments, ...changeSegments(customer, journal)];
    endRuns(customer, moments, journal);
    goOn(customer, journal);
    startRuns(customer, moments, journal);
    // Nothing but the profile can have changed since the segments were looked at.
    if (!customer.profileChanged) return;
    moments = [];
  }
}

function changeSegments(customer: Customer, journal: Journal): Moment[] {
  const { nowMs, id } = customer;
  const moments: Moment[] = [];
  const look: Look = {
    history: { events: customer.events, nowMs },
    traits: customer.traits,
    tier: customer.profile.tier,
    isIn: (name) => customer.segments[name].isIn,
  };
  for (const name of SEGMENT_NAMES) {
    const { enter, leave } = SEGMENTS[name];
    const standing = customer.segments[name];
    standing.enterSinceMs = enter.holds(look) ? (standing.enterSinceMs ?? nowMs) : null;
    standing.leaveSinceMs = leave?.holds(look) ? (standing.leaveSinceMs ?? nowMs) : null;
    const mayEnter = standing.enterSinceMs !== null && nowMs >= standing.enterSinceMs + (enter.forMs ?? 0);
    const mustLeave = standing.leaveSinceMs !== null && nowMs >= standing.leaveSinceMs + (leave?.forMs ?? 0);
    const isIn = leave === undefined ? mayEnter : !mustLeave && (mayEnter || standing.isIn);
    if (isIn === standing.isIn) continue;
    standing.isIn = isIn;
    journal.changes.push(changeLine(nowMs, id, name, isIn ? "entered" : "left"));
    moments.push({ kind: isIn ? "enter" : "leave", segment: name });
  }
  return moments;
}

function endRuns(customer: Customer, moments: readonly Moment[], journal: Journal): void {
  for (const rule of [...customer.runs.keys()]) {
    const ends =
      moments.some((moment) => rule.untilMoment?.(moment) ?? false) ||
      (rule.untilHolds?.(seenBy(customer, rule, journal)) ?? false);
    if (!ends) continue;
    customer.runs.delete(rule);
    count(journal, rule, "ended");
  }
}

function goOn(customer: Customer, journal: Journal): void {
  for (const rule of RULES) {
    const run = customer.runs.get(rule);
    if (run !== undefined && run.dueMs <= customer.nowMs) takeSteps(customer, rule, run.steps, journal);
  }
}

function startRuns(customer: Customer, moments: readonly Moment[], journal: Journal): void {
  for (const rule of RULES) {
    const matching = moments.filter(rule.on);
    const [moment] = matching;
    if (moment === undefined) continue;
    if (matching.length > 1) throw new Error(`${rule.name} would start twice at once: these rules are chosen not to`);
    const going = customer.runs.has(rule);
    const event = moment.kind === "event" ? moment.event : null;
    const what = mayStart(customer, rule, event, going, journal);
    count(journal, rule, what);
    if (what !== "started" && what !== "restarted") continue;
    if (what === "started") customer.starts.set(rule, [...(customer.starts.get(rule) ?? []), customer.nowMs]);
    // Rules that start with a membership never read the event.
    takeSteps(customer, rule, rule.steps(seenBy(customer, rule, journal), event ?? NO_EVENT), journal);
  }
}

/** A restart is no start for `at most`, but everything else is asked of it too. */
function mayStart(customer: Customer, rule: NaiveRule, event: ShopEvent | null, going: boolean, journal: Journal): string {
  if (going && rule.restart === undefined) return "going";
  const seen = seenBy(customer, rule, journal);
  if (rule.when !== undefined && !rule.when(seen, event)) return going ? "restart refused" : "refused";
  if (rule.untilHolds?.(seen)) return "prevented";
  if (going) return "restarted";
  const { atMost } = rule;
  const counted = (customer.starts.get(rule) ?? []).filter((ms) => atMost && customer.nowMs < ms + atMost.perMs);
  return atMost && counted.length >= atMost.count ? "capped" : "started";
}

function count(journal: Journal, rule: NaiveRule, what: string): void {
  const key = `${rule.name} ${what}`;
  journal.tally.set(key, (journal.tally.get(key) ?? 0) + 1);
}

const NO_EVENT = new Proxy({} as ShopEvent, {
  get: (_, name) => {
    throw new Error(`a rule that starts without an event reads event.${String(name)}`);
  },
});

/** On to the next wait, or the end. */
function takeSteps(
  customer: Customer,
  rule: NaiveRule,
  steps: Generator<number, void, void>,
  journal: Journal,
): void {
  const { done, value } = steps.next();
  if (done) {
    customer.runs.delete(rule);
    count(journal, rule, "completed");
  } else if (value > 0) customer.runs.set(rule, { steps, dueMs: customer.nowMs + value });
  else throw new Error(`${rule.name} waits for ${value} ms: these rules are chosen not to`);
}

function seenBy(customer: Customer, rule: NaiveRule, journal: Journal): Seen {
  const act = (type: string, data: Payload): void => {
    const { id, nowMs, cause } = customer;
    journal.actions.push(actionLine({ timeMs: nowMs, customer: id, rule: rule.name, type, cause, data }));
  };
  const seen: Seen = {
    get traits() {
      return customer.traits;
    },
    get profile() {
      return { ...customer.profile };
    },
    isIn: (segment) => customer.segments[segment].isIn,
    send: (channel: Channel, template, payload = {}) => {
      if (CHANNELS[channel](seen)) act(`${channel}.${template}`, payload);
      else count(journal, rule, `suppressed ${channel}`);
    },
    emit: (name, payload = {}) => act(`emit.${name}`, payload),
    set: (change) => {
      Object.assign(customer.profile, change);
      customer.profileChanged = true;
    },
  };
  return seen;
}
