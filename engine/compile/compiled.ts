/**
 * A checked program as the engine runs it: generated functions for its expressions, and tables that say what an event
 * or a change can affect.
 *
 * One module of JavaScript is generated for the whole program (emit.ts makes the text); V8 compiles each function when
 * it is first called, so a program of ten thousand rules starts quickly. What depends on what is worked out in
 * dependencies.ts.
 */
import type {
  Aggregate, Cap, Experiment, Expr, Field, Length, Moment, Program, Quiet, Rule, Schedule, Settled,
} from "../../dsl/program.js";
import { nodes, runTrees } from "../../dsl/walk.js";
import { addKeyed, codecOf, emptyKeyed, slotOfKey } from "../aggregates/keyed.js";
import type { Kind, Span } from "../aggregates/kind.js";
import { kindOf, type Slot } from "../aggregates/kinds.js";
import * as counts from "../aggregates/count.js";
import * as distincts from "../aggregates/distinct.js";
import * as sums from "../aggregates/sum.js";
import { addSlot, isMember, slotOf, type Context, type Data } from "../customer.js";
import { eventCheck, patchCheck, type BAD } from "../schema.js";
import type { FlipKind } from "../settle.js";
import { UTC, zoneOf, type Zone } from "../zone.js";
import { dependencies, type Dependencies } from "./dependencies.js";
import { chooser, type Chooser } from "./discriminate.js";
import * as emit from "./emit.js";
import { ranksOfNew } from "./first-sight.js";
import { changesContinuously, nextFunction } from "./next.js";
import * as runtime from "./runtime.js";
import { shareShapes, type Definition } from "./shapes.js";
import { flatten, type CompiledMoments, type Op, type Test, type ValueOf } from "./steps.js";

export type Next = (x: Context) => number;

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
  readonly k: "segment";
  readonly index: number;
  readonly name: string;
  readonly enter: CompiledHeld;
  readonly leave: CompiledHeld | null;
}

export interface CompiledTier {
  readonly k: "tier";
  readonly index: number;
  readonly name: string;
  readonly value: ValueOf;
  readonly next: Next | null;
  /** The least value of each level, rising. */
  readonly from: readonly number[];
}

export interface CompiledWatch {
  readonly k: "watch";
  readonly index: number;
  readonly value: ValueOf;
  readonly next: Next | null;
}

export interface CompiledRanking {
  readonly k: "ranking";
  readonly index: number;
  readonly value: ValueOf;
  readonly among: Test;
  /** Of both. */
  readonly next: Next | null;
  /** The value changes with every moment. */
  readonly continuous: boolean;
}

export interface CompiledPopulation {
  readonly k: "population";
  readonly index: number;
  /** True or false for `customers`, a number or nothing for the others. */
  readonly of: ValueOf;
  readonly next: Next | null;
}

export type CompiledNode = CompiledSegment | CompiledTier | CompiledWatch | CompiledRanking | CompiledPopulation;

export type CompiledQuiet = Extract<Quiet, { k: "hours" }> | ({ readonly k: "condition" } & Condition);

export interface CompiledPolicy {
  readonly name: string;
  readonly when: readonly Test[];
  readonly quiet: readonly CompiledQuiet[];
  readonly caps: readonly Cap[];
}

/** `date`: of a yearly one. */
export type CompiledSchedule = Exclude<Schedule, { k: "yearly" }> | { readonly k: "yearly"; readonly at: number; readonly date: ValueOf };

export interface CompiledRule {
  readonly index: number;
  /** As whoever reads its actions knows it: a rule of an older program is still called what it was. */
  readonly name: string;
  readonly rule: Rule;
  readonly when: Test | null;
  readonly per: ValueOf | null;
  readonly schedules: readonly CompiledSchedule[];
  readonly until: CompiledMoments;
  readonly untilConditions: readonly Condition[];
  readonly ops: readonly Op[];
  /** Of each starting event type, what the run keeps of it. */
  readonly keeps: ReadonlyMap<string, readonly Field[]>;
  /** Whether some step is a `wait for`. */
  readonly waitsFor: boolean;
  /** Its aggregates `this run`. */
  readonly runAggregates: ReadonlySet<number>;
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
  /** Aggregates `this run`: for each run of a rule that has it, with that run in the context. */
  readonly runUpdates: readonly Update[];
  readonly starts: Chooser<Start>;
  readonly earns: readonly Earn[];
  readonly goals: readonly Goal[];
  /** It changes the profile: its data is a patch. */
  readonly isProfileUpdate: boolean;
  readonly isErasure: boolean;
  /** It says that another customer is the same. */
  readonly isIdentification: boolean;
}

/** A line of points that this type of event earns. */
export interface Earn {
  readonly points: number;
  readonly line: number;
  readonly where: Test | null;
  readonly amount: ValueOf;
  readonly cap: Cap | null;
}

/** An experiment whose goal this type of event is. */
export interface Goal {
  readonly experiment: number;
  readonly where: Test | null;
  /** Null: it is only counted. */
  readonly value: ValueOf | null;
  readonly within: Length;
}

export interface CompiledPoints {
  readonly name: string;
  readonly expire: Length | null;
  /** Aggregates over the credits: the row is `{ amount }` at the credit's own time. */
  readonly earned: readonly Update[];
  /** Those of them that are `this run`. */
  readonly runEarned: readonly Update[];
}

export interface Compiled extends Dependencies {
  readonly program: Program;
  /** By the type on the wire. */
  readonly events: ReadonlyMap<string, EventPlan>;
  /** By aggregate: how what a customer has of it becomes bytes. */
  readonly codecs: readonly Kind<Slot>["codec"][];
  readonly spans: readonly Span[];
  readonly traits: readonly { readonly name: string; readonly value: ValueOf; readonly shown: ValueOf }[];
  /** Segments, tiers, watches, rankings and populations by rank: each depends on lower ranks only. */
  readonly settled: readonly CompiledNode[];
  /** Those of them that start at what an empty history gives. */
  readonly settledFirst: readonly (CompiledTier | CompiledWatch)[];
  /** Ranks of those to be settled for who is seen for the first time: the others are what an empty history makes them. */
  readonly ranksOfNew: () => readonly number[];
  /** By index: those too that `Program.order` does not name, which are never settled but may be asked. */
  readonly watches: readonly CompiledWatch[];
  readonly segments: readonly CompiledSegment[];
  readonly channels: Program["channels"];
  readonly policies: readonly CompiledPolicy[];
  readonly points: readonly CompiledPoints[];
  readonly experiments: readonly Experiment[];
  readonly metrics: readonly { readonly name: string; readonly value: ValueOf }[];
  readonly rules: readonly CompiledRule[];
  /** Rules that something's turning starts, by what turns. */
  readonly startsOn: Readonly<Record<FlipKind, ReadonlyMap<number, readonly number[]>>>;
  /** Rules with schedules. */
  readonly scheduled: readonly number[];
  readonly profilePatch: (data: unknown) => Data | typeof BAD;
  /** The zone of who has not named one in `profile.timezone`; null: there is no such field, everybody lives in UTC. */
  readonly defaultZone: Zone | null;
}

/** The event that changes the profile; its data is a patch of it. */
export const PROFILE_UPDATED = "profile_updated";
/** The event after which nothing is known about a customer. */
export const CUSTOMER_ERASED = "customer_erased";

/** The event that says which anonymous customer is the same as this one. */
export const CUSTOMER_IDENTIFIED = "customer_identified";
const ANONYMOUS_ID: Field = { name: "anonymous_id", wire: "anonymous_id", type: { k: "string" }, maybe: false };

/** How long entries count; those of a run as long as the run. */
export function spanOf({ window }: Aggregate): Span {
  return window.k === "run" ? { k: "life" } : window;
}

/** `sharedFrom`: other than usual in tests only (shapes.ts). */
export function compile(program: Program, sharedFrom?: number): Compiled {
  const module = new ModuleBuilder(program, sharedFrom);
  const names = planFunctions(program, module);
  const functions = module.build();
  const made: Made = {
    names,
    need: <T>(name: string): T => functions[name] as unknown as T,
    test: (of) => (of === null ? null : (functions[names.get(of) as string] as unknown as Test)),
    valueOf: (of) => functions[names.get(of) as string] as unknown as ValueOf,
    next: (name) => (functions[`${name}_next`] as unknown as Next | undefined) ?? null,
  };
  const rules = program.rules.map((rule, index) => compileRule(program, rule, index, made));
  const settled = program.order.map((node) => compileNode(program, node, made, module.emitter));
  const zone = program.profile.find((field) => field.name === "timezone" && field.type.k === "string");
  return {
    program,
    events: eventPlans(program, rules, made),
    codecs: program.aggregates.map(({ fn, by }) => codecOf(kindOf(fn), by !== null)),
    spans: program.aggregates.map(spanOf),
    traits: program.traits.map((trait, i) => ({ name: trait.name, value: made.need<ValueOf>(`t_${i}`), shown: made.need<ValueOf>(`t_${i}_shown`) })),
    settled, settledFirst: settled.filter((node) => node.k === "tier" || node.k === "watch"), ranksOfNew: ranksOfNew(program, settled),
    watches: program.watches.map((watch, index) => watchOf(made, watch.value, index)),
    segments: settled.filter((node) => node.k === "segment").sort((a, b) => a.index - b.index),
    ...dependencies(program),
    channels: program.channels,
    policies: program.policies.map((policy) => ({
      name: policy.name, caps: policy.caps,
      when: policy.when.map((when) => made.test(when) as Test),
      quiet: policy.quiet.map((quiet): CompiledQuiet => (quiet.k === "hours" ? quiet : { k: quiet.k, ...condition(made, quiet.if) })),
    })),
    points: program.points.map(({ name, expire }) => {
      const updates = updatesOn(program, name, made);
      return { name, expire, earned: updates.filter((update) => !isOfRun(program, update)), runEarned: updates.filter((update) => isOfRun(program, update)) };
    }),
    experiments: program.experiments,
    metrics: program.metrics.map((metric) => ({ name: metric.name, value: made.valueOf(metric.value) })),
    rules,
    startsOn: {
      enter: startsOn(rules, "enter"), leave: startsOn(rules, "leave"), up: startsOn(rules, "up"), down: startsOn(rules, "down"),
      change: startsOn(rules, "change"),
    },
    scheduled: rules.filter((rule) => mayStart(rule) && rule.schedules.length > 0).map(({ index }) => index),
    profilePatch: patchCheck(program.profile),
    defaultZone: zone === undefined ? null : typeof zone.default === "string" ? zoneOf(zone.default) : UTC,
  };
}

// ---------------------------------------------------------------------------------------------------- the module

class ModuleBuilder {
  readonly emitter: emit.Emitter;
  private readonly functions = new Map<string, string>();

  constructor(readonly program: Program, private readonly sharedFrom: number | undefined) {
    this.emitter = emit.emitter(program);
  }

  add(name: string, text: string): string {
    this.functions.set(name, text);
    return name;
  }

  value(name: string, expr: Expr): string { return this.add(name, emit.valueFunction(this.emitter, name, expr)); }
  payload(name: string, expr: Expr): string { return this.add(name, emit.payloadFunction(this.emitter, name, expr)); }

  condition(name: string, expr: Expr): string {
    const next = nextFunction(this.emitter, `${name}_next`, expr);
    if (next !== null) this.add(`${name}_next`, next);
    return this.test(name, expr);
  }

  test(name: string, expr: Expr): string { return this.add(name, emit.conditionFunction(this.emitter, name, expr)); }

  /** A value whose next change is asked for. */
  watched(name: string, expr: Expr): string {
    const next = nextFunction(this.emitter, `${name}_next`, expr);
    if (next !== null) this.add(`${name}_next`, next);
    return this.value(name, expr);
  }

  /** The generated functions by name. */
  build(): Readonly<Record<string, (x: Context) => unknown>> {
    const { aggregates } = this.program;
    const names = [...this.functions.keys()];
    const definitions = [
      ...aggregates.flatMap(access),
      ...this.emitter.extra.map((text): Definition => ({ name: text.slice("function ".length, text.indexOf("(")), text })),
      ...names.map((name): Definition => ({ name, text: this.functions.get(name) as string })),
    ];
    const kinds = new Map(aggregates.map(({ fn }, i) => [fn, i]));
    const text = `"use strict";
${[...kinds].map(([fn, i]) => kindText(fn, i)).join("\n")}
${aggregates.map((aggregate, i) => spanText(aggregate, i)).join("\n")}
${shareShapes(definitions, this.sharedFrom)}
return { ${names.join(", ")} };`;
    const make = new Function(
      "k", "h", "slotOf", "addSlot", "member", "kinds", "spans", "b_count", "b_sum", "b_distinct", "addKeyed", "emptyKeyed", "slotOfKey", text,
    );
    return make(
      this.emitter.constants, runtime, slotOf, addSlot, isMember,
      aggregates.map((aggregate) => kindOf(aggregate.fn)), aggregates.map(spanOf),
      counts.nextBelow, sums.nextBelow, distincts.nextBelow, addKeyed, emptyKeyed, slotOfKey,
    ) as Record<string, (x: Context) => unknown>;
  }
}

/** What aggregates of a kind have in common; the kind's name is one of the language's own. */
function kindText(fn: Aggregate["fn"], i: number): string {
  return `const ${fn}_value = kinds[${i}].value, ${fn}_add = kinds[${i}].add, ${fn}_next = kinds[${i}].next, ${fn}_kind = kinds[${i}];`;
}

/** The span of aggregate i; and nothing at all, where that is asked for its next change. */
function spanText({ fn }: Aggregate, i: number): string {
  return `const s${i} = spans[${i}]${fn === "absence" ? `, z${i} = kinds[${i}].empty()` : ""};`;
}

/**
 * How the rest reads and feeds aggregate i: `a` its value, `an` its next change, `ab` when it falls below a limit, `e`
 * enters a row. Those that are kept for each value of a field take it as their last argument.
 */
function access(aggregate: Aggregate, i: number): Definition[] {
  const { fn } = aggregate;
  const holder = aggregate.window.k === "run" ? "x.run" : "x.customer";
  const key = aggregate.by === null ? "" : ", key";
  const own = aggregate.window.k === "run" ? `(x.run === null ? undefined : slotOf(x.run, ${i}))` : `slotOf(x.customer, ${i})`;
  const slot = aggregate.by === null ? own : `slotOfKey(${own}, key)`;
  // `absence` of what never happened counts from when the customer was first seen: it has a next change too.
  const nothing = fn === "absence" ? `${fn}_next(z${i}, s${i}, x)` : "Infinity";
  const below = { count: "b_count", sum: "b_sum", distinct: "b_distinct" }[fn as "count"];
  const limit = aggregate.limit ?? 0;
  const enter = aggregate.by === null
    ? `let slot = slotOf(${holder}, ${i}); if (slot === undefined) addSlot(${holder}, ${i}, slot = ${fn}_kind.empty()); return ${fn}_add(slot, x.rowTime, value, s${i}, x, ${limit});`
    : `let slot = slotOf(${holder}, ${i}); if (slot === undefined) addSlot(${holder}, ${i}, slot = emptyKeyed()); return addKeyed(${fn}_kind, slot, key, x.rowTime, value, s${i}, x, ${limit});`;
  return [
    { name: `a${i}`, text: `function a${i}(x${key}) { return ${fn}_value(${slot}, s${i}, x); }` },
    { name: `an${i}`, text: `function an${i}(x${key}) { const slot = ${slot}; return slot === undefined ? ${nothing} : ${fn}_next(slot, s${i}, x); }` },
    ...(below === undefined ? [] : [{ name: `ab${i}`, text: `function ab${i}(x, limit${key}) { const slot = ${slot}; return slot === undefined ? Infinity : ${below}(slot, limit, s${i}, x); }` }]),
    { name: `e${i}`, text: `function e${i}(x, value${key}) { ${enter} }` },
  ];
}

/** Names of the functions that were made for a program's trees. */
type Names = ReadonlyMap<Expr, string>;

function planFunctions(program: Program, module: ModuleBuilder): Names {
  const names = new Map<Expr, string>();
  let n = 0;
  const fresh = (): string => `f${n++}`;
  const value = (of: Expr): void => { if (!names.has(of)) names.set(of, module.value(fresh(), of)); };
  const payload = (of: Expr | null): void => { if (of !== null) names.set(of, module.payload(fresh(), of)); };
  const test = (of: Expr | null): void => { if (of !== null) names.set(of, module.test(fresh(), of)); };
  const condition = (of: Expr): void => void names.set(of, module.condition(fresh(), of));
  const watched = (of: Expr): void => void names.set(of, module.watched(fresh(), of));
  const moments = (all: readonly { readonly k: string }[]): void => {
    for (const moment of all as readonly Moment[]) if (moment.k === "event") test(moment.where);
  };
  program.aggregates.forEach((aggregate, i) => module.add(`u${i}`, emit.updateFunction(module.emitter, `u${i}`, aggregate, `e${i}`)));
  program.traits.forEach((trait, i) => {
    module.value(`t_${i}`, trait.value);
    module.payload(`t_${i}_shown`, trait.value);
  });
  program.segments.forEach((segment, i) => {
    module.condition(`s${i}_enter`, segment.enter.if);
    if (segment.leave !== null) module.condition(`s${i}_leave`, segment.leave.if);
  });
  program.tiers.forEach((tier) => watched(tier.value));
  program.watches.forEach((watch) => watched(watch.value));
  program.rankings.forEach((ranking) => { watched(ranking.value); condition(ranking.among); });
  program.populations.forEach((population) => (population.fn === "customers" ? condition(population.of) : watched(population.of)));
  program.metrics.forEach((metric) => value(metric.value));
  program.points.forEach(({ earn }) => earn.forEach((line) => { test(line.where); value(line.amount); }));
  program.experiments.forEach(({ goal }) => { if (goal !== null) { test(goal.where); if (goal.value !== null) value(goal.value); } });
  for (const policy of program.policies) {
    policy.when.forEach(test);
    for (const quiet of policy.quiet) if (quiet.k === "condition") condition(quiet.if);
  }
  const steps = (all: Rule["steps"]): void => {
    for (const step of all) {
      switch (step.k) {
        case "wait": value(step.for); break;
        case "waitTime": value(step.until); break;
        case "waitClock": case "stop": break;
        case "waitFor": moments(step.moments); steps(step.then ?? []); steps(step.else); break;
        case "send": case "emit": payload(step.payload); break;
        case "set": value(step.value); break;
        case "award": value(step.amount); break;
        case "take": value(step.amount); steps(step.then); steps(step.else); break;
        case "split": step.branches.forEach((branch) => steps(branch.steps)); break;
        case "if": test(step.if); steps(step.then); steps(step.else); break;
      }
    }
  };
  for (const rule of program.rules) {
    moments(rule.on);
    test(rule.when);
    if (rule.per !== null) value(rule.per);
    for (const schedule of rule.schedules) if (schedule.k === "yearly") value(schedule.date);
    for (const until of rule.until) if (until.k === "condition") condition(until.if);
    moments(rule.until);
    steps(rule.steps);
  }
  return names;
}

// ---------------------------------------------------------------------------------------------------- parts

/** Finds what was generated. */
interface Made {
  readonly names: Names;
  readonly need: <T>(name: string) => T;
  readonly test: (of: Expr | null) => Test | null;
  readonly valueOf: (of: Expr) => ValueOf;
  /** The next change of what the function of this name gives; null: time alone changes nothing. */
  readonly next: (name: string) => Next | null;
}

const nextOf = (made: Made, of: Expr): Next | null => made.next(made.names.get(of) as string);
const condition = (made: Made, of: Expr): Condition => ({ holds: made.test(of) as Test, next: nextOf(made, of) });
const earlier = (a: Next | null, b: Next | null): Next | null => (a === null ? b : b === null ? a : (x) => Math.min(a(x), b(x)));

const watchOf = (made: Made, value: Expr, index: number): CompiledWatch => ({ k: "watch", index, value: made.valueOf(value), next: nextOf(made, value) });

function compileNode(program: Program, { k, index }: Settled, made: Made, emitter: emit.Emitter): CompiledNode {
  switch (k) {
    case "segment": {
      const segment = program.segments[index] as Program["segments"][number];
      const held = (name: string, { forMs, forMonths }: { forMs: number; forMonths: number }): CompiledHeld =>
        ({ holds: made.need<Test>(name), next: made.next(name), forMs, forMonths });
      return {
        k, index, name: segment.name,
        enter: held(`s${index}_enter`, segment.enter),
        leave: segment.leave === null ? null : held(`s${index}_leave`, segment.leave),
      };
    }
    case "tier": {
      const { name, value, levels } = program.tiers[index] as Program["tiers"][number];
      return { k, index, name, value: made.valueOf(value), next: nextOf(made, value), from: levels.map(({ at }) => at) };
    }
    case "watch": {
      const { value } = program.watches[index] as Program["watches"][number];
      return watchOf(made, value, index);
    }
    case "ranking": {
      const { value, among } = program.rankings[index] as Program["rankings"][number];
      return {
        k, index, value: made.valueOf(value), among: made.test(among) as Test, next: earlier(nextOf(made, value), nextOf(made, among)),
        continuous: changesContinuously(emitter, value),
      };
    }
    case "population": {
      const { of } = program.populations[index] as Program["populations"][number];
      return { k, index, of: made.valueOf(of), next: nextOf(made, of) };
    }
  }
}

function compileRule(program: Program, rule: Rule, index: number, made: Made): CompiledRule {
  const fieldsOf = (event: string, kept: readonly string[]): readonly Field[] =>
    (program.events.find(({ name }) => name === event)?.fields ?? []).filter((field) => kept.includes(field.name));
  const moments = (all: Rule["until"], keeps: readonly string[]): CompiledMoments => ({
    events: all.flatMap((moment) => (moment.k === "event"
      ? [{ event: moment.event, where: made.test(moment.where), keeps: fieldsOf(moment.event, keeps) }] : [])),
    enter: all.flatMap((moment) => (moment.k === "enter" ? [moment.segment] : [])),
    leave: all.flatMap((moment) => (moment.k === "leave" ? [moment.segment] : [])),
    up: all.flatMap((moment) => (moment.k === "up" ? [moment.tier] : [])),
    down: all.flatMap((moment) => (moment.k === "down" ? [moment.tier] : [])),
    change: all.flatMap((moment) => (moment.k === "change" ? [moment.watch] : [])),
  });
  const keeps = new Map<string, readonly Field[]>();
  for (const moment of rule.on) if (moment.k === "event") keeps.set(moment.event, fieldsOf(moment.event, rule.keeps));
  const ops = flatten(rule.steps, { value: made.valueOf, test: (of) => made.test(of) as Test, payload: made.valueOf, moments });
  return {
    index, name: rule.retired?.rule ?? rule.name, rule, keeps,
    when: made.test(rule.when),
    per: rule.per === null ? null : made.valueOf(rule.per),
    schedules: rule.schedules.map((schedule): CompiledSchedule =>
      (schedule.k === "yearly" ? { k: schedule.k, at: schedule.at, date: made.valueOf(schedule.date) } : schedule)),
    until: moments(rule.until, []),
    untilConditions: rule.until.flatMap((until) => (until.k === "condition" ? [condition(made, until.if)] : [])),
    ops, waitsFor: ops.some(({ k }) => k === "waitFor"),
    runAggregates: runAggregatesOf(program, rule),
  };
}

function runAggregatesOf(program: Program, rule: Rule): ReadonlySet<number> {
  const found = new Set<number>();
  const isOfRun = (index: number): boolean => program.aggregates[index]?.window.k === "run";
  for (const tree of runTrees(rule)) {
    for (const node of nodes(tree)) if (node.k === "aggregate" && isOfRun(node.index)) found.add(node.index);
  }
  return found;
}

/** Of a rule of an older program runs are only brought to their end. */
const mayStart = ({ rule }: CompiledRule): boolean => rule.retired === undefined;

/** The aggregates that rows of this event, or credits to these points, update. */
function updatesOn(program: Program, event: string, made: Made): readonly (Update & { readonly where: Expr | null })[] {
  return program.aggregates.flatMap((aggregate, i) =>
    aggregate.event === event ? [{ aggregate: i, apply: made.need<Test>(`u${i}`), where: aggregate.items === null ? aggregate.where : null }] : []);
}

const isOfRun = ({ aggregates }: Program, { aggregate }: Update): boolean => aggregates[aggregate]?.window.k === "run";

function eventPlans(program: Program, rules: readonly CompiledRule[], made: Made): Map<string, EventPlan> {
  const plans = new Map<string, EventPlan>();
  const declared = new Map(program.events.map((event) => [event.name, event]));
  for (const name of [PROFILE_UPDATED, CUSTOMER_ERASED, CUSTOMER_IDENTIFIED]) {
    if (!declared.has(name)) declared.set(name, { name, wire: name, fields: name === CUSTOMER_IDENTIFIED ? [ANONYMOUS_ID] : [] });
  }
  for (const event of declared.values()) {
    const updates = updatesOn(program, event.name, made);
    const starts = rules.filter(mayStart).flatMap((rule) => rule.rule.on.flatMap((moment) =>
      moment.k === "event" && moment.event === event.name ? [{ rule: rule.index, where: made.test(moment.where), expr: moment.where }] : []));
    plans.set(event.wire, {
      name: event.name, wire: event.wire,
      check: eventCheck(event.fields),
      updates: chooser(updates.filter((update) => !isOfRun(program, update)), (update) => update.where),
      runUpdates: updates.filter((update) => isOfRun(program, update)),
      starts: chooser(starts, (start) => start.expr),
      earns: program.points.flatMap(({ earn }, points) => earn.flatMap((line, i): readonly Earn[] =>
        (line.event === event.name ? [{ points, line: i, where: made.test(line.where), amount: made.valueOf(line.amount), cap: line.cap }] : []))),
      goals: program.experiments.flatMap(({ goal }, experiment): readonly Goal[] => (goal?.event === event.name
        ? [{ experiment, where: made.test(goal.where), value: goal.value === null ? null : made.valueOf(goal.value), within: goal.within }] : [])),
      isProfileUpdate: event.name === PROFILE_UPDATED,
      isErasure: event.name === CUSTOMER_ERASED,
      isIdentification: event.name === CUSTOMER_IDENTIFIED,
    });
  }
  return plans;
}

function startsOn(rules: readonly CompiledRule[], kind: FlipKind): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const rule of rules.filter(mayStart)) {
    for (const moment of rule.rule.on) {
      if (moment.k !== kind) continue;
      const index = "segment" in moment ? moment.segment : "tier" in moment ? moment.tier : "watch" in moment ? moment.watch : -1;
      const list = found.get(index) ?? [];
      found.set(index, list);
      if (!list.includes(rule.index)) list.push(rule.index);
    }
  }
  return found;
}
