/**
 * A checked program as the engine runs it: generated functions for its expressions, and tables that say what an event
 * or a change can affect.
 *
 * One module of JavaScript is generated for the whole program (emit.ts makes the text); V8 compiles each function when
 * it is first called, so a program of ten thousand rules starts quickly.
 */
import type { Aggregate, Expr, Field, Moment, Program, Rule, Segment, Value } from "../../dsl/program.js";
import { leaves, type Kind, type Span } from "../aggregates/kind.js";
import { kindOf, type Slot } from "../aggregates/kinds.js";
import * as counts from "../aggregates/count.js";
import * as distincts from "../aggregates/distinct.js";
import * as sums from "../aggregates/sum.js";
import { addSlot, isMember, slotOf, type Context, type Data } from "../customer.js";
import { eventCheck, patchCheck, type BAD } from "../schema.js";
import { chooser, type Chooser } from "./discriminate.js";
import { UTC, zoneOf, type Zone } from "../zone.js";
import * as emit from "./emit.js";
import * as runtime from "./runtime.js";
import { flatten, type Op, type Test, type ValueOf } from "./steps.js";

type Next = (x: Context) => number;

export interface Condition {
  readonly holds: Test;
  /** Null: time alone never changes it. */
  readonly next: Next | null;
}

export interface CompiledHeld extends Condition {
  readonly forMs: number;
  readonly forMonths: number;
}

export interface CompiledSegment {
  readonly index: number;
  readonly name: string;
  /** Place in the order of evaluation: it depends on lower ranks only. */
  readonly rank: number;
  readonly enter: CompiledHeld;
  readonly leave: CompiledHeld | null;
}

export interface CompiledRule {
  readonly index: number;
  readonly name: string;
  readonly rule: Rule;
  readonly when: Test | null;
  /** Starts are remembered so long. */
  readonly longestCapMs: number;
  /** No cap counts more starts than this. */
  readonly largestCap: number;
  readonly untilEvents: readonly { readonly event: string; readonly where: Test | null }[];
  readonly untilEnters: readonly number[];
  readonly untilLeaves: readonly number[];
  readonly untilConditions: readonly Condition[];
  readonly ops: readonly Op[];
  /** Of each starting event type, what the run keeps of it. */
  readonly keeps: ReadonlyMap<string, readonly Field[]>;
}

export interface Update {
  readonly aggregate: number;
  /** Enters the rows of `x.row`; whether anything changed. */
  readonly apply: Test;
}

export interface Start {
  readonly rule: number;
  readonly where: Test | null;
}

export interface EventPlan {
  readonly name: string;
  readonly wire: string;
  readonly check: (data: unknown) => Data | typeof BAD;
  readonly updates: Chooser<Update>;
  readonly starts: Chooser<Start>;
  /** It changes the profile: its data is a patch. */
  readonly isProfileUpdate: boolean;
}

export interface Compiled {
  readonly program: Program;
  /** By the type on the wire. */
  readonly events: ReadonlyMap<string, EventPlan>;
  readonly kinds: readonly Kind<Slot>[];
  readonly spans: readonly Span[];
  readonly traits: readonly { readonly name: string; readonly value: ValueOf; readonly shown: ValueOf }[];
  readonly segments: readonly CompiledSegment[];
  /** Segment index by rank. */
  readonly ranks: readonly number[];
  /** Ranks of the segments that depend on … */
  readonly ranksOfAggregate: readonly (readonly number[])[];
  readonly ranksOfSegment: readonly (readonly number[])[];
  readonly ranksOfProfile: readonly number[];
  /** … the clock or on when the customer was first seen, whatever their slots hold. */
  readonly ranksOfClock: readonly number[];
  readonly channels: readonly { readonly name: string; readonly when: readonly Test[] }[];
  readonly rules: readonly CompiledRule[];
  readonly startsOnEnter: ReadonlyMap<number, readonly number[]>;
  readonly startsOnLeave: ReadonlyMap<number, readonly number[]>;
  readonly profilePatch: (data: unknown) => Data | typeof BAD;
  /** The zone of who has not named one in `profile.timezone`; null: there is no such field, everybody lives in UTC. */
  readonly defaultZone: Zone | null;
}

/** The event that changes the profile; its data is a patch of it. */
export const PROFILE_UPDATED = "profile_updated";

export function spanOf(aggregate: Aggregate): Span {
  return aggregate.window;
}

export function compile(program: Program): Compiled {
  const module = new ModuleBuilder(program);
  const names = planFunctions(program, module);
  const functions = module.build();
  const test = (name: string | null): Test | null => (name === null ? null : (functions[name] as unknown as Test));
  const need = <T>(name: string): T => functions[name] as unknown as T;
  const condition = (name: string): Condition => ({ holds: need<Test>(name), next: (functions[`${name}_next`] as unknown as Next | undefined) ?? null });

  const rankOf = new Array<number>(program.segments.length).fill(0);
  program.order.forEach((segment, rank) => { rankOf[segment] = rank; });
  const segments = program.segments.map((segment, index): CompiledSegment => ({
    index, name: segment.name, rank: rankOf[index] as number,
    enter: { ...condition(`s${index}_enter`), forMs: segment.enter.forMs, forMonths: segment.enter.forMonths },
    leave: segment.leave === null ? null : { ...condition(`s${index}_leave`), forMs: segment.leave.forMs, forMonths: segment.leave.forMonths },
  }));

  const rules = program.rules.map((rule, index) => compileRule(program, rule, index, names, need, test, condition));
  const zone = program.profile.find((field) => field.name === "timezone" && field.type.k === "string");
  return {
    program,
    events: eventPlans(program, rules, names, need, test),
    kinds: program.aggregates.map((aggregate) => kindOf(aggregate.fn)),
    spans: program.aggregates.map(spanOf),
    traits: program.traits.map((trait, i) => ({ name: trait.name, value: need<ValueOf>(`t_${i}`), shown: need<ValueOf>(`t_${i}_shown`) })),
    segments,
    ranks: program.order,
    ...dependencies(program, rankOf),
    channels: program.channels.map((channel, i) => ({ name: channel.name, when: channel.when.map((_, j) => need<Test>(`c${i}_${j}`)) })),
    rules,
    startsOnEnter: startsOn(rules, "enter"),
    startsOnLeave: startsOn(rules, "leave"),
    profilePatch: patchCheck(program.profile),
    defaultZone: zone === undefined ? null : typeof zone.default === "string" ? zoneOf(zone.default) : UTC,
  };
}

// ---------------------------------------------------------------------------------------------------- the module

class ModuleBuilder {
  readonly emitter: emit.Emitter;
  private readonly functions = new Map<string, string>();

  constructor(readonly program: Program) {
    this.emitter = emit.emitter(program);
  }

  add(name: string, text: string): string {
    this.functions.set(name, text);
    return name;
  }

  value(name: string, expr: Expr): string { return this.add(name, emit.valueFunction(this.emitter, name, expr)); }
  payload(name: string, expr: Expr): string { return this.add(name, emit.payloadFunction(this.emitter, name, expr)); }

  condition(name: string, expr: Expr): string {
    const next = emit.nextFunction(this.emitter, `${name}_next`, expr);
    if (next !== null) this.add(`${name}_next`, next);
    return this.test(name, expr);
  }

  test(name: string, expr: Expr): string { return this.add(name, emit.conditionFunction(this.emitter, name, expr)); }

  /** The generated functions by name. */
  build(): Readonly<Record<string, (x: Context) => unknown>> {
    const { aggregates } = this.program;
    const parts = aggregates.map((aggregate, i) => {
      // `absence` of what never happened counts from when the customer was first seen: it has a next change too.
      const nothing = aggregate.fn === "absence" ? `n${i}(z${i}, s${i}, x)` : "Infinity";
      const below = { count: "b_count", sum: "b_sum", distinct: "b_distinct" }[aggregate.fn as "count"];
      return `const v${i} = kinds[${i}].value, d${i} = kinds[${i}].add, n${i} = kinds[${i}].next, s${i} = spans[${i}], z${i} = kinds[${i}].empty();
function a${i}(x) { return v${i}(slotOf(x.customer, ${i}), s${i}, x); }
function an${i}(x) { const slot = slotOf(x.customer, ${i}); return slot === undefined ? ${nothing} : n${i}(slot, s${i}, x); }
${below === undefined ? "" : `function ab${i}(x, limit) { const slot = slotOf(x.customer, ${i}); return slot === undefined ? Infinity : ${below}(slot, limit, s${i}, x); }`}
function e${i}(x, value) { let slot = slotOf(x.customer, ${i}); if (slot === undefined) addSlot(x.customer, ${i}, slot = kinds[${i}].empty()); return d${i}(slot, x.rowTime, value, s${i}, x, ${aggregate.limit ?? 0}); }`;
    });
    const names = [...this.functions.keys()];
    const text = `"use strict";
${parts.join("\n")}
${this.emitter.extra.join("\n")}
${[...this.functions.values()].join("\n")}
return { ${names.join(", ")} };`;
    const make = new Function("k", "h", "slotOf", "addSlot", "member", "kinds", "spans", "b_count", "b_sum", "b_distinct", text);
    return make(
      this.emitter.constants, runtime, slotOf, addSlot, isMember,
      aggregates.map((aggregate) => kindOf(aggregate.fn)), aggregates.map(spanOf),
      counts.nextBelow, sums.nextBelow, distincts.nextBelow,
    ) as Record<string, (x: Context) => unknown>;
  }
}

/** Names of the functions that were made for a rule's parts. */
interface Names {
  readonly of: Map<object, string>;
}

function planFunctions(program: Program, module: ModuleBuilder): Names {
  const of = new Map<object, string>();
  program.aggregates.forEach((aggregate, i) => module.add(`u${i}`, emit.updateFunction(module.emitter, `u${i}`, aggregate, `e${i}`)));
  program.traits.forEach((trait, i) => {
    module.value(`t_${i}`, trait.value);
    module.payload(`t_${i}_shown`, trait.value);
  });
  program.segments.forEach((segment: Segment, i) => {
    module.condition(`s${i}_enter`, segment.enter.if);
    if (segment.leave !== null) module.condition(`s${i}_leave`, segment.leave.if);
  });
  program.channels.forEach((channel, i) => channel.when.forEach((when, j) => module.test(`c${i}_${j}`, when)));
  program.rules.forEach((rule, i) => {
    let n = 0;
    const name = (): string => `r${i}_${n++}`;
    const moment = (m: Moment): void => { if (m.k === "event" && m.where !== null) of.set(m, module.test(name(), m.where)); };
    rule.on.forEach(moment);
    if (rule.when !== null) of.set(rule, module.test(name(), rule.when));
    for (const until of rule.until) {
      if (until.k === "condition") of.set(until, module.condition(name(), until.if));
      else moment(until);
    }
    const walk = (steps: Rule["steps"]): void => {
      for (const step of steps) {
        switch (step.k) {
          case "wait": of.set(step.for, module.value(name(), step.for)); break;
          case "send": case "emit": if (step.payload !== null) of.set(step.payload, module.payload(name(), step.payload)); break;
          case "set": of.set(step.value, module.value(name(), step.value)); break;
          case "if": of.set(step.if, module.test(name(), step.if)); walk(step.then); walk(step.else); break;
          case "stop": break;
        }
      }
    };
    walk(rule.steps);
  });
  return { of };
}

// ---------------------------------------------------------------------------------------------------- parts

type Need = <T>(name: string) => T;

function compileRule(
  program: Program, rule: Rule, index: number, names: Names, need: Need,
  test: (name: string | null) => Test | null, condition: (name: string) => Condition,
): CompiledRule {
  const named = (of: object): string => names.of.get(of) as string;
  const keeps = new Map<string, readonly Field[]>();
  for (const moment of rule.on) {
    if (moment.k !== "event") continue;
    const fields = program.events.find((event) => event.name === moment.event)?.fields ?? [];
    keeps.set(moment.event, fields.filter((field) => rule.keeps.includes(field.name)));
  }
  return {
    index, name: rule.name, rule, keeps,
    when: rule.when === null ? null : need<Test>(named(rule)),
    largestCap: Math.max(0, ...rule.caps.map((cap) => cap.count)),
    longestCapMs: Math.max(0, ...rule.caps.map((cap) => cap.ms)),
    untilEvents: rule.until.flatMap((until) => (until.k === "event" ? [{ event: until.event, where: test(names.of.get(until) ?? null) }] : [])),
    untilEnters: rule.until.flatMap((until) => (until.k === "enter" ? [until.segment] : [])),
    untilLeaves: rule.until.flatMap((until) => (until.k === "leave" ? [until.segment] : [])),
    untilConditions: rule.until.flatMap((until) => (until.k === "condition" ? [condition(named(until))] : [])),
    ops: flatten(rule.steps, {
      value: (expr) => need<ValueOf>(named(expr)),
      test: (expr) => need<Test>(named(expr)),
      payload: (expr) => need<ValueOf>(named(expr)),
    }),
  };
}

function eventPlans(
  program: Program, rules: readonly CompiledRule[], names: Names, need: Need, test: (name: string | null) => Test | null,
): Map<string, EventPlan> {
  const plans = new Map<string, EventPlan>();
  const declared = new Map(program.events.map((event) => [event.name, event]));
  if (!declared.has(PROFILE_UPDATED)) declared.set(PROFILE_UPDATED, { name: PROFILE_UPDATED, wire: PROFILE_UPDATED, fields: [] });
  for (const event of declared.values()) {
    const updates = program.aggregates.flatMap((aggregate, i) =>
      aggregate.event === event.name ? [{ aggregate: i, apply: need<Test>(`u${i}`), where: aggregate.items === null ? aggregate.where : null }] : []);
    const starts = rules.flatMap((rule) => rule.rule.on.flatMap((moment) =>
      moment.k === "event" && moment.event === event.name
        ? [{ rule: rule.index, where: test(names.of.get(moment) ?? null), expr: moment.where }] : []));
    plans.set(event.wire, {
      name: event.name, wire: event.wire,
      check: eventCheck(event.fields),
      updates: chooser(updates, (update) => update.where),
      starts: chooser(starts, (start) => start.expr),
      isProfileUpdate: event.name === PROFILE_UPDATED,
    });
  }
  return plans;
}

function startsOn(rules: readonly CompiledRule[], kind: "enter" | "leave"): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const rule of rules) {
    for (const moment of rule.rule.on) {
      if (moment.k !== kind) continue;
      const list = found.get(moment.segment) ?? [];
      found.set(moment.segment, list);
      if (!list.includes(rule.index)) list.push(rule.index);
    }
  }
  return found;
}

// ---------------------------------------------------------------------------------------------------- dependencies

interface Reads {
  readonly aggregates: Set<number>;
  readonly segments: Set<number>;
  /** Looked into already. */
  readonly traits: Set<number>;
  profile: boolean;
  clock: boolean;
}

function collect(program: Program, expr: Expr, reads: Reads): void {
  switch (expr.k) {
    case "aggregate":
      reads.aggregates.add(expr.index);
      if (program.aggregates[expr.index]?.fn === "absence") reads.clock = true;
      return;
    case "segment": reads.segments.add(expr.index); return;
    case "trait":
      if (!reads.traits.has(expr.index)) {
        reads.traits.add(expr.index);
        collect(program, (program.traits[expr.index] as Program["traits"][number]).value, reads);
      }
      return;
    case "input": if (expr.of === "profile") reads.profile = true; return;
    case "now": reads.clock = true; return;
    case "local": reads.profile = true; return; // the zone is the profile's
    case "call": if (expr.fn === "age") reads.clock = true; break;
    default: break;
  }
  for (const child of emit.children(expr)) collect(program, child, reads);
}

function dependencies(program: Program, rankOf: readonly number[]): Pick<Compiled, "ranksOfAggregate" | "ranksOfSegment" | "ranksOfProfile" | "ranksOfClock"> {
  const ranksOfAggregate: number[][] = program.aggregates.map(() => []);
  const ranksOfSegment: number[][] = program.segments.map(() => []);
  const ranksOfProfile: number[] = [];
  const ranksOfClock: number[] = [];
  program.segments.forEach((segment, index) => {
    const rank = rankOf[index] as number;
    const reads: Reads = { aggregates: new Set(), segments: new Set(), traits: new Set(), profile: false, clock: false };
    collect(program, segment.enter.if, reads);
    if (segment.leave !== null) collect(program, segment.leave.if, reads);
    for (const aggregate of reads.aggregates) ranksOfAggregate[aggregate]?.push(rank);
    for (const other of reads.segments) ranksOfSegment[other]?.push(rank);
    if (reads.profile) ranksOfProfile.push(rank);
    if (reads.clock) ranksOfClock.push(rank);
  });
  return { ranksOfAggregate, ranksOfSegment, ranksOfProfile, ranksOfClock };
}

/** Used where a value is asked for outside of generated code (inspect). */
export type { Value };
export { leaves };
