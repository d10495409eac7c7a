/** Random customers of the program of everything: their data, their history, and where they stand in it. */
import fc from "fast-check";
import type { Field, Type } from "../../dsl/program.js";
import { TEXTS } from "./expressions.js";
import { HARD_ZONES, instantsNear } from "./zones.js";
import { NO_FIGURES, enterContext, newContext, newCustomer, type Context, type Customer, type Data, type Figures, type Run } from "../../engine/customer.js";
import { compile, type Compiled, type EventPlan } from "../../engine/compile/compiled.js";
import { SILENT, evaluator, processEvent, processWake, type Evaluator } from "../../engine/evaluate.js";
import { BAD, lastFault, merged } from "../../engine/schema.js";
import { zoneOf } from "../../engine/zone.js";
import { eventE, eventF, program } from "./everything.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const agos = fc.oneof(
  fc.constantFrom(0, 1, HOUR, DAY, 2 * DAY, 3 * DAY, 7 * DAY, 7 * DAY - 1, 30 * DAY, 31 * DAY, 29 * DAY, 59 * DAY, 90 * 60_000),
  fc.integer({ min: 0, max: 200 }).map((hours) => hours * HOUR), fc.integer({ min: 0, max: 70 * DAY }),
);

/** What JSON has for a value of a type, at about an instant. */
export function json(type: Type, around: number): fc.Arbitrary<unknown> {
  switch (type.k) {
    case "string": return fc.constantFrom(...(type.of ?? TEXTS));
    case "number": return fc.oneof(fc.integer({ min: -3, max: 8 }), fc.constantFrom(0.1, 0.2, 99.95, -2.5, 1e16));
    case "boolean": return fc.boolean();
    case "time": return fc.tuple(agos, fc.boolean()).map(([ago, later]) => new Date(around + (later ? ago : -ago)).toISOString());
    case "date": return fc.oneof(fc.constantFrom("2000-02-29", "2024-02-28"), fc.integer({ min: -800, max: 800 }).map((days) => new Date(around + days * DAY).toISOString().slice(0, 10)));
    case "duration": return fc.constantFrom(0, 1, HOUR, DAY, 36 * HOUR, -DAY);
    case "list": return fc.array(type.maybe ? fc.option(json(type.of, around), { nil: null, freq: 3 }) : json(type.of, around), { maxLength: 3 });
    case "record": return record(type.fields, around);
    case "null": return fc.constant(null);
  }
}

/** With undeclared fields now and then. */
export function record(fields: readonly Field[], around: number): fc.Arbitrary<unknown> {
  const entries = fields.map((field) => {
    const given = json(field.type, around);
    const missing = field.maybe || field.default !== undefined;
    return fc.tuple(fc.constant(field.wire), missing ? fc.option(given, { nil: null, freq: 2 }) : given);
  });
  const extra = fc.constantFrom<[string, unknown][]>([], [], [["undeclared", { a: [1] }]], [["__proto__", 1], ["toString", "no"]]);
  return fc.tuple(fc.tuple(...entries), extra, fc.boolean()).map(([given, more, nulls]) => {
    const declared = new Set(fields.map(({ wire }) => wire));
    const all = [...given.filter(([, value]) => nulls || value !== null), ...more.filter(([name]) => !declared.has(name))];
    // As JSON.parse makes it: `__proto__` is a field like any other.
    return JSON.parse(`{${all.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`) as unknown;
  });
}

export interface Happening {
  readonly event: "e" | "f";
  readonly data: unknown;
  /** Its own time, and when it is processed. */
  readonly time: number;
  readonly at: number;
}

export interface Situation {
  readonly zone: string;
  readonly now: number;
  readonly profile: unknown;
  readonly history: readonly Happening[];
  /** The event looked at, and the one that started a run. */
  readonly row: unknown;
  readonly rowTime: number;
  readonly event: unknown;
  readonly eventTime: number;
}

export const situations: fc.Arbitrary<Situation> = fc.constantFrom(...HARD_ZONES).chain((zone) => instantsNear(zone).chain((now) => {
  const ago = agos.map((ms) => now - ms);
  const happening = fc.constantFrom(eventE, eventE, eventF).chain((event) => fc.tuple(record(event.fields, now), ago, fc.oneof(fc.constant(0), agos)).map(([data, time, late]) => (
    { event: event.name as "e" | "f", data, time, at: Math.min(now, time + late) })));
  return fc.record({
    zone: fc.constant(zone), now: fc.constant(now),
    profile: record(program.profile.filter(({ name }) => name !== "timezone"), now),
    history: fc.array(happening, { maxLength: 9 }).map((list) => list.sort((a, b) => a.at - b.at)),
    row: record(eventE.fields, now), rowTime: ago, event: record(eventE.fields, now), eventTime: ago,
  });
}));

/** Changes nothing of what it is given: checks work in place. */
const copied = (data: unknown): unknown => JSON.parse(JSON.stringify(data)) as unknown;

export function checked(compiled: Compiled, event: string, data: unknown): Data {
  const fit = compiled.events.get(event)?.check(copied(data));
  if (fit === undefined || fit === BAD) throw new Error(`${event}: ${lastFault()}`);
  return fit;
}

/** The program of everything as it is; those that are made of it have the same state. */
const compiled = compile(program);

/** The customer as they stand after their history: events through the evaluator, and whatever time does in between. */
export function customerIn(situation: Situation): Customer {
  const customer = newCustomer("c", zoneOf(situation.zone));
  const patch = compiled.profilePatch(copied(situation.profile));
  if (patch === BAD) throw new Error(lastFault());
  customer.profile = merged({}, patch, compiled.program.profile);
  const e = evaluator({ ...compiled, defaultZone: customer.zone }, SILENT);
  e.x.figures = FIGURES;
  situation.history.forEach(({ event, data, time, at }, i) => {
    wakeUntil(e, customer, at);
    processEvent(e, customer, { plan: compiled.events.get(event) as EventPlan, data: checked(compiled, event, data), time, id: String(i), source: "" }, at);
  });
  wakeUntil(e, customer, situation.now);
  if (customer.firstSeen === Infinity) customer.firstSeen = customer.base = situation.now - DAY;
  return customer;
}

function wakeUntil(e: Evaluator, customer: Customer, until: number): void {
  while (customer.wake <= until) processWake(e, customer, customer.wake);
}

/** Of somebody with whom no rule is under way: what it would read is missing. */
const NO_RUN: Run = {
  rule: 0, startedAt: 0, eventTime: 0, event: null, cause: "", at: 1, deadline: Infinity, key: null, held: null, slotIds: [], slots: [],
  captured: [{ name: "got", data: { n: 0 }, time: 0 }, { name: "more", data: { n: 7 }, time: DAY }],
};

/** Where everybody stands is what somebody says; here a number is enough. */
const FIGURES: Figures = { ...NO_FIGURES, percentile: (ranking, value) => (Math.abs(Math.trunc(value)) + 7 * ranking) % 101 };

/** A context in the situation, in the customer's run where they have one; the customer is copied, since reading a slot lets what has left it go. */
export function contextIn(compiled: Compiled, situation: Situation, customer: Customer, now = situation.now): Context {
  const x = newContext();
  const { zone, ...rest } = customer;
  const copy = { ...structuredClone(rest), zone };
  enterContext(x, copy, now);
  x.figures = FIGURES;
  x.row = checked(compiled, "e", situation.row);
  x.rowTime = situation.rowTime;
  x.event = checked(compiled, "e", situation.event);
  x.eventTime = situation.eventTime;
  const [going] = copy.runs;
  if (going !== undefined) going.captured = [{ name: "got", data: { n: 2.5 }, time: situation.rowTime }, { name: "more", data: { n: 3 }, time: situation.eventTime }];
  x.run = going ?? { ...NO_RUN };
  return x;
}
