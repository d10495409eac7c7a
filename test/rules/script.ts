/**
 * A test block as a script for servers: the events to be published, each at its instant and for a customer that nobody else
 * is, and what is expected of each step.
 *
 * Values in a test are evaluated as `eddy test` does, against a customer of whom no more is known than zone and profile;
 * expectations that need more (traits, balances) are left to `eddy test`.
 */
import type { Span } from "../../dsl/ast.js";
import type { Expr } from "../../dsl/program.js";
import type { Delay, GivenRecord, Test, TestEvent, TestSuite, WallTime } from "../../dsl/tests.js";
import { CUSTOMER_ERASED, PROFILE_UPDATED } from "../../engine/compile/compiled.js";
import { children } from "../../dsl/walk.js";
import { newContext, newCustomer, type Customer, type Data, type Figures } from "../../engine/customer.js";
import { SILENT, evaluator, read, zoneOfProfile, type Evaluator } from "../../engine/evaluate.js";
import { positionOf } from "../../engine/experiments.js";
import { BAD, lastFault, merged } from "../../engine/schema.js";
import { eventData, expected, isList, profilePatch, type Json, type JsonRecord, type Shown } from "../../engine/testing/data.js";
import { testPrograms, type TestProgram } from "../../engine/testing/program.js";
import { DAY_MS, addMonths, instantOf } from "../../engine/zone.js";
import { GIVEN, RUNNING } from "./guarded.js";

export interface ScriptEvent {
  readonly instant: number;
  readonly id: string;
  readonly type: string;
  readonly customer: string;
  /** Before the instant where it is late. */
  readonly time: number;
  readonly data: Json;
}

export interface Wanted {
  readonly line: number;
  readonly customer: string;
  readonly what:
    | { readonly k: "action"; readonly type: string; readonly payload: Json; readonly at: number | null }
    | { readonly k: "nothing" | "nothing else" }
    | { readonly k: "member"; readonly segment: string; readonly is: boolean }
    /** What metrics and experiments must say of all customers of the test. */
    | { readonly k: "figures"; readonly text: string; readonly hold: (figures: Figures) => boolean };
}

export interface Step {
  readonly instant: number;
  readonly wanted: readonly Wanted[];
}

export interface Script {
  readonly test: Test;
  readonly tag: string;
  readonly title: string;
  readonly events: readonly ScriptEvent[];
  readonly steps: readonly Step[];
  readonly begin: number;
  readonly end: number;
  readonly customers: readonly string[];
  /** Expectations that only `eddy test` can look at: held and suppressed messages, values of one customer. */
  readonly left: number;
}

interface Person {
  readonly id: string;
  customer: Customer;
  /** What the test says of them before their first event, as an event carries it. */
  given: JsonRecord | null;
  begun: boolean;
}

interface Writing {
  readonly program: TestProgram;
  readonly evaluator: Evaluator;
  readonly test: Test;
  readonly tag: string;
  readonly people: Map<string, Person>;
  readonly lineOf: (offset: number) => number;
  readonly textOf: (span: Span) => string;
  clock: number;
  current: Person;
  readonly events: ScriptEvent[];
  readonly steps: { instant: number; wanted: Wanted[] }[];
  left: number;
}

export interface Writer {
  (test: Test, tag: string): Script;
}

/** `texts`: of the rule files, for line numbers. */
export function scriptWriter(suite: TestSuite, texts: ReadonlyMap<string, string>): Writer {
  const programOf = testPrograms(suite);
  return (test, tag) => {
    const program = programOf(test);
    const text = texts.get(test.span.file) ?? "";
    const lineOf = (offset: number): number => text.slice(0, offset).split("\n").length;
    const people = new Map<string, Person>();
    const w: Writing = {
      program, evaluator: evaluator(program.compiled, SILENT), test, tag, people, lineOf, textOf: ({ start, end }) => text.slice(start, end), clock: -Infinity,
      current: person(program, test, people, tag, ""), events: [], steps: [], left: 0,
    };
    for (const line of test.lines) {
      if (line.k === "customer") w.current = person(program, test, people, tag, line.id);
      else if (line.k === "profile") give(w, line.value);
      else if (line.k === "expect") expectation(w, line);
      else step(w, line.k === "at" ? wallClock(w, line.at) : later(w, w.clock, line.delay), line.event);
    }
    const instants = w.steps.map(({ instant }) => instant);
    return {
      test, tag, title: `${test.span.file}:${lineOf(test.span.start)}: ${test.name}`, events: w.events, steps: w.steps,
      begin: Math.min(...instants), end: Math.max(...instants), left: w.left,
      customers: [...people.values()].filter(({ begun }) => begun).map(({ id }) => id),
    };
  };
}

function person({ compiled }: TestProgram, test: Test, people: Map<string, Person>, tag: string, name: string): Person {
  let known = people.get(name);
  if (known === undefined) {
    const id = idFor(compiled.program.experiments, test, `${tag}-${name === "" ? "somebody" : name}`);
    people.set(name, (known = { id, customer: newCustomer(id, zoneOfProfile(compiled, {})), given: null, begun: false }));
  }
  return known;
}

/** An id that the experiments' hashes put where the test says. */
function idFor(experiments: TestProgram["compiled"]["program"]["experiments"], { variants }: Test, base: string): string {
  const fits = (id: string): boolean => variants.every(({ experiment, variant }) => {
    const found = experiments[experiment];
    if (found === undefined) throw new Error(`there is no experiment ${experiment}`);
    let upTo = 0;
    for (const { name, percent } of found.arms) {
      upTo += percent;
      if (positionOf(found.name, id) * 100 < upTo) return name === variant;
    }
    return false;
  });
  for (let i = 0; i < 10_000; i++) if (fits(i === 0 ? base : `${base}-${i}`)) return i === 0 ? base : `${base}-${i}`;
  throw new Error(`no customer ${base} has these variants`);
}

// ---------------------------------------------------------------------------------------------------- time and values

const wallClock = (w: Writing, { date, ms }: WallTime): number => instantOf(w.current.customer.zone, date * DAY_MS + ms);

const later = (w: Writing, from: number, { ms, months }: Delay, sign: 1 | -1 = 1): number =>
  months === 0 ? from + sign * ms : addMonths(w.current.customer.zone, from, sign * months);

const shownTo = (w: Writing, { customer }: Person): Shown => (of: Expr) =>
  JSON.parse(JSON.stringify(read(w.evaluator, customer, w.clock === -Infinity ? 0 : w.clock, w.program.reader(of).shown) ?? null)) as Json;

const patchOf = (w: Writing, who: Person, given: GivenRecord): JsonRecord =>
  profilePatch(w.program.compiled.program.profile, given, shownTo(w, who), { now: w.clock === -Infinity ? 0 : w.clock, zone: who.customer.zone });

/** Known from now on; what stands in it counts in the zone that it names itself. */
function know(w: Writing, who: Person, given: GivenRecord): JsonRecord {
  const { compiled } = w.program;
  const checked = (): Data => {
    const patch = compiled.profilePatch(patchOf(w, who, given));
    if (patch === BAD) throw new Error(`${w.test.name}: ${lastFault()}`);
    return merged(who.customer.profile, patch, compiled.program.profile);
  };
  who.customer.zone = zoneOfProfile(compiled, checked());
  who.customer.profile = checked();
  return patchOf(w, who, given);
}

function give(w: Writing, given: GivenRecord): void {
  if (w.current.given !== null) throw new Error(`${w.test.name}: two profiles of one customer`);
  w.current.given = know(w, w.current, given);
}

// ---------------------------------------------------------------------------------------------------- steps

function step(w: Writing, instant: number, event: TestEvent | null): void {
  w.clock = instant;
  w.steps.push({ instant, wanted: [] });
  if (event === null) return;
  const who = w.current;
  const { compiled } = w.program;
  const time = event.late === null ? instant : later(w, instant, event.late, -1);
  const beginning = who.begun ? null : begin(w, who, instant);
  if (event.name === PROFILE_UPDATED) {
    const data = know(w, who, event.data);
    // As a first event it is one event here, too.
    publish(w, who, PROFILE_UPDATED, instant, beginning === null ? data : joined(beginning(0), data), time);
    return;
  }
  if (beginning !== null) publish(w, who, PROFILE_UPDATED, instant, beginning(1), instant);
  const fields = compiled.program.events.find(({ name }) => name === event.name)?.fields ?? [];
  const data = eventData(fields, event.data, shownTo(w, who), { now: instant, zone: who.customer.zone });
  publish(w, who, wireOf(w, event.name), instant, renamed(w, data), time);
  if (event.name === CUSTOMER_ERASED) {
    who.begun = false;
    who.given = null;
    who.customer = newCustomer(who.id, zoneOfProfile(compiled, {}));
  }
}

/**
 * Before the first event: which rules run, and what is known. Answers what is still to be published, for so many changes
 * of the profile as it makes itself.
 *
 * Rules that start by entering a segment must run when the profile comes. For those that start by a change it must have
 * come before, since what is known at first is no change.
 */
function begin(w: Writing, who: Person, instant: number): (own: 0 | 1) => JsonRecord {
  const { test, program } = w;
  who.begun = true;
  const startsOnChange = program.compiled.program.rules.some(({ name, on }) => test.rules.includes(name) && on.some(({ k }) => k === "change"));
  if (!startsOnChange || who.given === null) return (own) => ({ [RUNNING]: test.rules, [GIVEN]: own, ...who.given });
  publish(w, who, PROFILE_UPDATED, instant, who.given, instant);
  return (own) => ({ [RUNNING]: test.rules, [GIVEN]: own + 1 });
}

/** One change of the profile in place of two. */
function joined(first: JsonRecord, second: JsonRecord): JsonRecord {
  const both = Object.entries(second).map(([name, value]): [string, Json] => {
    const before = first[name];
    return [name, isRecord(before) && isRecord(value) ? joined(before, value) : value];
  });
  return { ...first, ...Object.fromEntries(both) };
}

const isRecord = (value: Json | undefined): value is JsonRecord => typeof value === "object" && value !== null && !isList(value);

function wireOf({ program: { compiled } }: Writing, name: string): string {
  for (const [wire, plan] of compiled.events) if (plan.name === name) return wire;
  throw new Error(`there is no event ${name}`);
}

/** The anonymous customer that an event speaks of goes by another id here. */
function renamed(w: Writing, data: Json): Json {
  if (typeof data !== "object" || data === null || !("anonymous_id" in data)) return data;
  const { anonymous_id } = data as JsonRecord;
  return { ...(data as JsonRecord), anonymous_id: person(w.program, w.test, w.people, w.tag, String(anonymous_id)).id };
}

function publish(w: Writing, { id: customer }: Person, type: string, instant: number, data: Json, time: number): void {
  w.events.push({ instant, id: eventId(w.tag, w.steps.length - 1, w.events.length), type, customer, time, data });
}

const eventId = (tag: string, step: number, number: number): string => `${tag}.${step}.${number}`;

/** The step that published an event of the script with that tag; null for what is not its own. */
export function stepOfEvent(tag: string, id: string): number | null {
  const [of, step] = id.split(".");
  return of === tag ? Number(step) : null;
}

// ---------------------------------------------------------------------------------------------------- expectations

function expectation(w: Writing, { what, span }: Extract<Test["lines"][number], { readonly k: "expect" }>): void {
  const wanted = w.steps.at(-1)?.wanted;
  if (wanted === undefined) return;
  const add = (of: Wanted["what"]): void => void wanted.push({ line: w.lineOf(span.start), customer: w.current.id, what: of });
  switch (what.k) {
    case "nothing": case "nothing else":
      return add({ k: what.k });
    case "action": {
      const payload = what.payload === null ? {} : expected(what.payload, shownTo(w, w.current));
      return add({ k: "action", type: `${what.channel ?? "emit"}.${what.template}`, payload, at: what.at === null ? null : wallClock(w, what.at) });
    }
    case "condition": {
      if (isOfFigures(what.if)) {
        const { value } = w.program.reader(what.if);
        return add({ k: "figures", text: w.textOf(span), hold: (figures) => value({ ...newContext(), figures }) === true });
      }
      const parts = membershipsIn(what.if, true);
      for (const { segment, is } of parts) add({ k: "member", segment: w.program.compiled.segments[segment]?.name ?? "", is });
      if (parts.length === 0) w.left++;
      return;
    }
    case "held": case "suppressed":
      w.left++;
  }
}

/** It speaks of figures of all customers, and of nobody's own. */
function isOfFigures(of: Expr): boolean {
  const inner = children(of);
  if (of.k === "population" || of.k === "figure") return true;
  return ALIKE.has(of.k) && inner.some(isOfFigures) && inner.every((each) => each.k === "const" || isOfFigures(each) || isConstant(each));
}

const isConstant = (of: Expr): boolean => of.k === "const" || (ALIKE.has(of.k) && children(of).every(isConstant));

const ALIKE: ReadonlySet<string> = new Set<Expr["k"]>(["and", "or", "not", "negate", "compare", "arithmetic", "call", "coalesce", "if"]);

/** The memberships that must hold where the condition does: `a and not b`, and `not (a or b)`. */
function membershipsIn(of: Expr, is: boolean): { readonly segment: number; readonly is: boolean }[] {
  switch (of.k) {
    case "segment": return [{ segment: of.index, is }];
    case "not": return membershipsIn(of.of, !is);
    case "and": return is ? of.of.flatMap((part) => membershipsIn(part, true)) : [];
    case "or": return is ? [] : of.of.flatMap((part) => membershipsIn(part, false));
    default: return [];
  }
}
