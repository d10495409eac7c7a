/**
 * Runs a checked test on a partition with everybody in memory: the engine as it is, under a clock that the test sets.
 *
 * There is one clock for all customers. A step moves it on: whatever is due until then happens, at its own instant;
 * then the step's event. Expectations look at what happened to their customer since the step before.
 */
import type { Expr } from "../../dsl/program.js";
import type { Delay, Expectation, GivenRecord, Test, TestEvent, TestLine, WallTime } from "../../dsl/tests.js";
import { PROFILE_UPDATED, type EventPlan } from "../compile/compiled.js";
import { newCustomer, type Customer, type Data } from "../customer.js";
import { SILENT, read, zoneOfProfile } from "../evaluate.js";
import type { Work } from "../decode.js";
import { checked } from "../merge/checked.js";
import { takeWhole } from "../merge/in-memory.js";
import { createPartition, takePending, type Partition } from "../partition.js";
import { BAD, lastFault, merged } from "../schema.js";
import { engineStats } from "../stats.js";
import { DAY_MS, addMonths, instantOf } from "../zone.js";
import { eventData, expected, profilePatch, type Json, type Moment, type Shown } from "./data.js";
import { nothingTouched, wayKey, type Touched } from "./coverage.js";
import { claim, differences, matches, noClaims, type Claims } from "./match.js";
import type { Action, Explain, FailedMoment, Failure, Happening, Nearest, Outcome, Why } from "./outcome.js";
import type { TestProgram } from "./program.js";

/** Whom a test concerns that names nobody; no customer can be called so. */
const SOMEBODY = "";

type ExpectLine = Extract<TestLine, { readonly k: "expect" }>;
type ActionExpectation = Extract<Expectation, { readonly k: "action" }>;
interface Running {
  readonly program: TestProgram;
  readonly test: Test;
  readonly partition: Partition;
  readonly failures: Failure[];
  readonly touched: Touched;
  readonly explain: Explain | null;
  customer: string;
  /** Records handed to the partition so far. */
  sequence: number;
  /** Events among them. */
  events: number;
  /** By customer, for who explains: their events so far, and the profiles that they were given. */
  readonly works: Map<string, Work[]>;
  readonly profiles: Map<string, Data>;
  /** What happened since the step before, to anybody, and before that. */
  happened: Happening[];
  readonly before: Happening[];
  /** By customer: what the expectations of this step have used up, and those that were not met. */
  claims: Map<string, Claims>;
  unmet: { readonly customer: string; readonly what: ActionExpectation }[];
  /** Who has been forgotten, by request or after silence. */
  readonly erased: Set<string>;
  cut: boolean;
}

/** `explain` is asked about each expectation that fails, at that moment. */
export function runTest(program: TestProgram, test: Test, explain: Explain | null = null): Outcome {
  const t = begin(program, test, explain);
  fixVariants(t.partition, test);
  for (const line of test.lines) {
    if (!runLine(t, line)) break;
  }
  return { test, failures: t.failures, touched: t.touched };
}

function fixVariants({ evaluator }: Partition, { variants }: Test): void {
  evaluator.x.fixedVariants = new Map(variants.map(({ experiment, variant }) => [experiment, variant]));
}

function begin(program: TestProgram, test: Test, explain: Explain | null): Running {
  const { compiled } = program;
  const happens = (what: Happening): void => void t.happened.push(what);
  const partition = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats(), {
    ...SILENT,
    action: ({ customer, at, rule, channel, template, payload }) =>
      happens({ k: "action", customer, at, rule, channel, template, payload: snapshot(payload ?? {}) }),
    held: ({ customer, at, rule, channel, template }) => happens({ k: "held", customer, at, rule, channel, template }),
    suppressed: ({ customer, at, rule, channel, template, reason }) => happens({ k: "suppressed", customer, at, rule, channel, template, reason }),
    change({ customer, at, segment, entered }) {
      const name = compiled.segments[segment]?.name ?? "";
      (entered ? t.touched.entered : t.touched.left).add(name);
      happens({ k: "change", customer, at, segment: name, entered });
    },
    started: (rule) => void t.touched.started.add(rule),
    went: (rule, step, way) => void t.touched.ways.add(wayKey(rule, step, way)),
    erased: (customer) => void t.erased.add(customer),
    chainCut() { t.cut = true; },
  });
  const t: Running = {
    program, test, partition, explain, failures: [], touched: nothingTouched(), customer: SOMEBODY, sequence: 0, events: 0, works: new Map(), profiles: new Map(),
    happened: [], before: [], claims: new Map(), unmet: [], erased: new Set(), cut: false,
  };
  return t;
}

/** What goes out is fixed when it goes out. */
const snapshot = (payload: unknown): Json => JSON.parse(JSON.stringify(payload)) as Json;

/** False where the test cannot go on. */
function runLine(t: Running, line: TestLine): boolean {
  switch (line.k) {
    case "customer":
      t.customer = line.id;
      return true;
    case "profile":
      return giveProfile(t, line.value, line);
    case "at":
      return step(t, wallClock(t, line.at), line);
    case "after":
      return step(t, later(t, t.partition.clock, line.delay), line);
    case "expect":
      look(t, line);
      return true;
  }
}

// ---------------------------------------------------------------------------------------------------- the customer

/** As far as known: whoever has had no event and no profile is like a new customer. */
function customerOf(t: Running): Customer {
  return t.partition.cache.get(t.customer) ?? newCustomer(t.customer, zoneOfProfile(t.program.compiled, {}));
}

const wallClock = (t: Running, { date, ms }: WallTime): number => instantOf(customerOf(t).zone, date * DAY_MS + ms);

const later = (t: Running, from: number, { ms, months }: Delay, sign: 1 | -1 = 1): number =>
  months === 0 ? from + sign * ms : addMonths(customerOf(t).zone, from, sign * months);

const shownTo = (t: Running, customer: Customer, now: number): Shown => (of) =>
  snapshot(read(t.partition.evaluator, customer, now, t.program.reader(of).shown) ?? null);

function giveProfile(t: Running, given: GivenRecord, { span }: TestLine): boolean {
  const { compiled } = t.program;
  const { cache, clock } = t.partition;
  const customer = customerOf(t);
  const patched = (): Data | typeof BAD =>
    compiled.profilePatch(profilePatch(compiled.program.profile, given, shownTo(t, customer, clock), { now: clock, zone: customer.zone }));
  const first = patched();
  if (first === BAD) return stopped(t, span, { k: "refused", because: lastFault() });
  customer.zone = zoneOfProfile(compiled, first);
  // Instants in it are on the wall clock of the zone that it names itself.
  const patch = patched();
  if (patch === BAD) return stopped(t, span, { k: "refused", because: lastFault() });
  customer.profile = merged(customer.profile, patch, compiled.program.profile);
  t.profiles.set(customer.id, customer.profile);
  if (!cache.has(customer.id)) cache.put(customer);
  return true;
}

// ---------------------------------------------------------------------------------------------------- steps

type StepLine = Extract<TestLine, { readonly k: "at" | "after" }>;

function step(t: Running, instant: number, { span, event }: StepLine): boolean {
  const { clock } = t.partition;
  if (instant < clock) return stopped(t, span, { k: "before the clock", clock });
  t.before.push(...t.happened);
  t.happened = [];
  t.claims = new Map();
  t.unmet = [];
  give(t, { k: "tick", sequence: ++t.sequence, arrived: instant, stamp: instant });
  if (event !== null && !happen(t, event, instant)) return false;
  if (t.cut) t.failures.push(failure(t, span, { k: "cut" }));
  t.cut = false;
  return true;
}

function give(t: Running, work: Work): void {
  takeWhole(t.partition, work, () => void takePending(t.partition, 0));
  takePending(t.partition, 0);
}

function happen(t: Running, event: TestEvent, instant: number): boolean {
  const customer = customerOf(t);
  const plan = planOf(t, event.name);
  const given = dataFor(t, plan, event.data, customer, { now: instant, zone: customer.zone });
  const sent = { data: structuredClone(given) }; // what is checked is changed
  const data = checked(t.program.compiled, plan, given);
  if (data === BAD) return stopped(t, event.span, { k: "refused", because: lastFault() });
  const sequence = ++t.sequence;
  const work: Work = {
    k: "event", sequence, arrived: instant, stamp: instant, plan, customer: customer.id, data,
    time: event.late === null ? instant : later(t, instant, event.late, -1), timeRefused: false, id: `${event.name}#${++t.events}`, source: "test", from: sent,
  };
  const works = t.works.get(customer.id);
  if (works === undefined) t.works.set(customer.id, [work]);
  else works.push(work);
  give(t, work);
  return true;
}

function planOf({ program: { compiled } }: Running, name: string): EventPlan {
  for (const plan of compiled.events.values()) if (plan.name === name) return plan;
  throw new Error(`the program has no event ${name}`);
}

/** As somebody would send it. */
function dataFor(t: Running, plan: EventPlan, given: GivenRecord, customer: Customer, moment: Moment): Json {
  const { compiled } = t.program;
  const shown = shownTo(t, customer, moment.now);
  if (plan.name === PROFILE_UPDATED) return profilePatch(compiled.program.profile, given, shown, moment);
  const fields = compiled.program.events.find(({ name }) => name === plan.name)?.fields ?? [];
  return eventData(fields, given, shown, moment);
}

// ---------------------------------------------------------------------------------------------------- expectations

function look(t: Running, line: ExpectLine): void {
  const why = unmet(t, line.what);
  if (why === null) return;
  const elsewhere = line.what.k === "action" && why.k === "no such action" ? foundElsewhere(t, line.what) : [];
  const values = line.what.k === "condition" ? valuesBehind(t, line.what) : [];
  const { evaluator, clock } = t.partition;
  const explanation = t.explain?.({ test: t.test, expectation: line.what, why, evaluator, customer: customerOf(t), now: clock, ...lived(t) }) ?? [];
  t.failures.push({ ...failure(t, line.span, why), elsewhere, values, explanation });
}

/** What the present customer has lived through, for another partition to live it again. */
function lived(t: Running): Pick<FailedMoment, "works" | "begin"> {
  const { customer, test, partition: { clock } } = t;
  const profile = t.profiles.get(customer);
  return {
    works: [...(t.works.get(customer) ?? []), { k: "tick", sequence: t.sequence + 1, arrived: clock, stamp: clock }],
    begin(partition) {
      fixVariants(partition, test);
      if (profile !== undefined) partition.cache.put({ ...newCustomer(customer, zoneOfProfile(partition.compiled, profile)), profile });
    },
  };
}

/** Why the expectation is not met; null where it is. */
function unmet(t: Running, what: Expectation): Why | null {
  const mine = t.happened.filter(({ customer }) => customer === t.customer);
  switch (what.k) {
    case "condition": return valueNow(t, what.if) === true ? null : { k: "false" };
    case "nothing": {
      const actions = mine.filter(({ k }) => k === "action");
      return actions.length === 0 ? null : { k: "more happened", actions };
    }
    case "nothing else": {
      const actions = leftOver(t, mine, t.unmet);
      return actions.length === 0 ? null : { k: "more happened", actions };
    }
    case "held":
      return claimed(t, mine, (one) => one.k === "held" && one.channel === what.channel && one.template === what.template) ? null : { k: "not held" };
    case "suppressed":
      return claimed(t, mine, (one) => one.k === "suppressed" && one.channel === what.channel && one.reason === what.reason) ? null : { k: "not suppressed" };
    case "action": {
      const fits = fitting(t, what);
      if (claimed(t, mine, (one) => one.k === "action" && fits(one) && (what.at === null || one.at === wallClock(t, what.at)))) return null;
      t.unmet.push({ customer: t.customer, what });
      return { k: "no such action", nearest: nearest(t, what, leftOver(t, mine, [])) };
    }
  }
}

const valueNow = (t: Running, of: Expr): unknown => read(t.partition.evaluator, customerOf(t), t.partition.clock, t.program.reader(of).value);

const payloadOf = (t: Running, { payload }: ActionExpectation): Json =>
  payload === null ? {} : expected(payload, shownTo(t, customerOf(t), t.partition.clock));

/** Whether an action is the one expected, whenever it happened and to whom. */
function fitting(t: Running, what: ActionExpectation): (action: Action) => boolean {
  const payload = payloadOf(t, what);
  return (action) => isAlike(action, what) && matches(payload, action.payload);
}

const isAlike = (action: Action, what: ActionExpectation): boolean => action.channel === what.channel && action.template === what.template;

function claimed(t: Running, mine: readonly Happening[], fits: (one: Happening) => boolean): boolean {
  let claims = t.claims.get(t.customer);
  if (claims === undefined) t.claims.set(t.customer, (claims = noClaims()));
  return claim(claims, mine.flatMap((one, place) => (fits(one) ? [place] : [])));
}

/** Of those alike the one with the fewest differences; of equals the first. */
function nearest(t: Running, what: ActionExpectation, actions: readonly Action[]): Nearest | null {
  const payload = payloadOf(t, what);
  const at = what.at === null ? null : wallClock(t, what.at);
  const near = actions.filter((action) => isAlike(action, what)).map((action) => ({
    action, expectedAt: at === action.at ? null : at, differences: differences(payload, action.payload),
  }));
  const distance = (one: Nearest): number => one.differences.length + (one.expectedAt === null ? 0 : 1);
  return near.sort((a, b) => distance(a) - distance(b))[0] ?? null;
}

/** Actions that no expectation has used up. One that nearly met one of `unmet` is told with that one, and not again. */
function leftOver(t: Running, mine: readonly Happening[], unmet: Running["unmet"]): readonly Action[] {
  const holder = t.claims.get(t.customer)?.holder;
  const left = mine.filter((one, place): one is Action => one.k === "action" && holder?.has(place) !== true);
  for (const { customer, what } of unmet) {
    const near = customer === t.customer ? left.findIndex((action) => isAlike(action, what)) : -1;
    if (near >= 0) left.splice(near, 1);
  }
  return left;
}

function foundElsewhere(t: Running, what: ActionExpectation): readonly Happening[] {
  const fits = fitting(t, what);
  const toOthers = t.happened.filter((one) => one.k === "action" && one.customer !== t.customer && fits(one));
  const earlier = t.before.filter((one) => one.k === "action" && one.customer === t.customer && fits(one));
  return [...earlier.slice(-1), ...toOthers.slice(0, 1)];
}

// ---------------------------------------------------------------------------------------------------- failures

function valuesBehind(t: Running, what: Extract<Expectation, { readonly k: "condition" }>): Failure["values"] {
  const customer = customerOf(t);
  const { evaluator, clock } = t.partition;
  return what.values.map(({ span, value, isCondition }) => ({
    span, isCondition, type: value.type, value: read(evaluator, customer, clock, t.program.reader(value).value) ?? null, json: shownTo(t, customer, clock)(value),
  }));
}

function failure(t: Running, span: Failure["span"], why: Why): Failure {
  const customer = customerOf(t);
  const { clock } = t.partition;
  return {
    span, why, customer: t.customer, now: clock, zone: customer.zone,
    happened: t.happened.filter((one) => one.customer === t.customer),
    values: [], elsewhere: [], explanation: [], unknown: customer.firstSeen < Infinity ? null : t.erased.has(t.customer) ? "erased" : "new",
    waiting: customer.runs.map(({ rule, deadline, held }) => ({ rule: t.program.compiled.rules[rule]?.name ?? "", until: deadline, held: held !== null })),
  };
}

function stopped(t: Running, span: Failure["span"], why: Why): false {
  t.failures.push(failure(t, span, why));
  return false;
}
