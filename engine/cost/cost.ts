/**
 * What a program costs in the state of one customer, in bytes as they lie in the store.
 *
 * Nothing is computed by formula: a made-up customer is filled through the real aggregates and written by the real
 * encoding (engine/state.ts), with the part in question and without it. So the figures follow the encoding. `typical`
 * and `most` rest on ASSUMPTIONS, which whoever shows the figures shows too.
 */
import type { Program, Rule } from "../../dsl/program.js";
import { allSteps } from "../../dsl/walk.js";
import { writer } from "../codec.js";
import { type Compiled, compile } from "../compile/compiled.js";
import { type Customer, type Data, SEEN_EVENTS, extrasOf, newCustomer } from "../customer.js";
import { writeCustomer } from "../state.js";
import { UTC } from "../zone.js";
import { DAY_MS, LOADS, NOW, SEGMENTS_PER_MEMBERSHIP, type Which, YEAR_MS } from "./assumptions.js";
import { otherParts, type Part } from "./others.js";
import { ruleFill } from "./runs.js";
import { recordOf } from "./samples.js";
import { addSlot, slotTable } from "./slots.js";
import { type Touching, touching } from "./touching.js";

export { ASSUMPTIONS } from "./assumptions.js";

export interface Bytes {
  readonly typical: number;
  readonly most: number;
}

export interface PartCost {
  readonly bytes: Bytes;
  /** Types of event that change it; sorted. */
  readonly events: readonly string[];
}

/** What is neither an aggregate nor a rule. */
export interface OtherCost extends PartCost, Pick<Part, "kind" | "name"> {}

export interface ProgramCost {
  /** In the order of Program.aggregates. What is kept `this run` is counted with its rules and is 0 here. */
  readonly aggregates: readonly PartCost[];
  /** In the order of Program.rules: runs under way, and starts that caps count. */
  readonly rules: readonly PartCost[];
  /** Only what takes anything. */
  readonly others: readonly OtherCost[];
  readonly profile: Bytes;
  /** What every customer has: times, memberships, the newest events by which duplicates are known. */
  readonly base: Bytes;
  readonly total: Bytes;
}

/** One part of the state put into a customer. */
type Fill = Part["fill"];

export function costOf(program: Program): ProgramCost {
  const compiled = compile(program);
  const touched = touching(program);
  const slots = slotTable(program);
  const both = (measure: (which: Which) => number): Bytes => ({ typical: measure("typical"), most: measure("most") });
  const sizeWith = (...fills: readonly Fill[]): Bytes => both((which) => {
    const customer = nobody();
    for (const fill of fills) fill(customer, which);
    return size(compiled, customer);
  });
  const empty = sizeWith();
  const added = (fill: Fill): Bytes => {
    const whole = sizeWith(fill);
    return { typical: whole.typical - empty.typical, most: whole.most - empty.most };
  };

  const aggregates = program.aggregates.map((aggregate, index) => ({
    fill: (customer: Customer, which: Which): void => {
      if (aggregate.window.k !== "run") addSlot(customer, index, slots(index, which));
    },
    events: [...touched.rows(aggregate.event)],
  }));
  const rules = program.rules.map((rule, index) => ({ fill: ruleFill(compiled, rule, index, slots), events: eventsOf(rule, touched) }));
  const others = otherParts(program, touched);
  const profile: Fill = (customer, which) => { customer.profile = recordOf(program.profile, LOADS[which], 0) as Data; };
  const base: Fill = (customer, which) => fillBase(customer, program, which);
  const cost = ({ fill, events }: { readonly fill: Fill; readonly events: readonly string[] }): PartCost => ({ bytes: added(fill), events: [...events].sort() });
  return {
    aggregates: aggregates.map(cost),
    rules: rules.map(cost),
    others: others.map(({ kind, name, ...part }) => ({ kind, name, ...cost(part) })).filter(({ bytes }) => bytes.most > 0),
    profile: added(profile),
    base: sizeWith(base),
    total: sizeWith(base, profile, ...[...aggregates, ...rules, ...others].map(({ fill }) => fill)),
  };
}

function nobody(): Customer {
  const customer = newCustomer("", UTC);
  customer.firstSeen = NOW - YEAR_MS;
  return customer;
}

function size(compiled: Compiled, customer: Customer): number {
  const w = writer(4096);
  writeCustomer(w, customer, 1, compiled);
  return w.at;
}

function fillBase(customer: Customer, program: Program, which: Which): void {
  customer.wake = NOW + DAY_MS;
  customer.indexed = NOW + DAY_MS;
  customer.seen = Array.from({ length: SEEN_EVENTS * 2 }, (_, i) => ((i + 1) * 0x01000193) | 0);
  customer.seenNext = SEEN_EVENTS;
  if (program.retain !== null) extrasOf(customer).lastEvent = NOW;
  program.segments.forEach(({ enter, leave }, index) => {
    if (which === "most" || index % SEGMENTS_PER_MEMBERSHIP === 0) customer.segments.push(index);
    const pending = (held: typeof enter | null): boolean => held !== null && held.forMs + held.forMonths > 0 && which === "most";
    if (pending(enter)) customer.holdings.push({ index: index * 2, since: NOW - DAY_MS });
    if (pending(leave)) customer.holdings.push({ index: index * 2 + 1, since: NOW - DAY_MS });
  });
}

/** Events that start a rule's run, end it, or that it waits for. */
function eventsOf(rule: Rule, touched: Touching): readonly string[] {
  const waited = allSteps(rule.steps).flatMap((step) => (step.k === "waitFor" ? step.moments : []));
  const found = new Set<string>([...rule.on, ...waited].flatMap((moment) => [...touched.moment(moment)]));
  for (const until of rule.until) for (const event of until.k === "condition" ? touched.expression(until.if) : touched.moment(until)) found.add(event);
  return [...found];
}
