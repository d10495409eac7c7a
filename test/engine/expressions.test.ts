/** Generated code against the interpreter, on random expressions and random customers. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { compile, spanOf, type Compiled } from "../../engine/compile/compiled.js";
import { interpret } from "../../engine/compile/interpret.js";
import { newContext, type Context } from "../../engine/customer.js";
import type { Expr, Program, ScalarFn, Type, Value } from "../../dsl/program.js";
import * as tree from "../../dsl/check/trees.js";
import { BOOLEAN, DATE, NUMBER, STRING, TIME } from "../../dsl/check/types.js";
import { leaves } from "../../engine/aggregates/kind.js";
import { nextDay, nextHour } from "../../engine/zone.js";
import { contextIn, customerIn, situations, type Situation } from "./customers.js";
import { eventE, program as everything, runReads, stateReads } from "./everything.js";
import { expressions, kindOf, shown, type Clock } from "./expressions.js";
import { changesOf } from "./zones.js";

const RECORD_R: Type = eventE.fields.find(({ name }) => name === "r")?.type ?? NUMBER;
const RECORD_E: Type = { k: "record", fields: eventE.fields };
const PROFILE = tree.node({ k: "input", of: "profile" }, { k: "record", fields: everything.profile }, false);
const EVENT = tree.node({ k: "input", of: "event" }, RECORD_E, false);
const ROW = tree.node({ k: "input", of: "row" }, RECORD_E, false);
const SEGMENT = tree.node({ k: "segment", index: 0 }, BOOLEAN, false);
const TIMES = [tree.node({ k: "timeOf", of: "event" }, TIME, false)];
const TRAITS: readonly Type[] = [NUMBER, BOOLEAN, TIME];
const traitReads = (n: number): Expr[] => TRAITS.slice(0, n).map((type, index) => tree.node({ k: "trait", index }, type, true));

/** Traits see the customer and earlier traits; whoever refers to one may be watched. */
const traitValues = fc.tuple(...TRAITS.map((type, index) => {
  const reads = [PROFILE, ...stateReads, ...traitReads(index), SEGMENT];
  return expressions({ clock: "watched", reads, outside: reads })(type.k, 2);
}));

function values(clock: Clock): (kind: string, depth: number) => fc.Arbitrary<Expr> {
  const outside = [PROFILE, EVENT, ...TIMES, ...stateReads, ...runReads, ...traitReads(3), SEGMENT];
  const rows = clock === "watched" ? [] : [ROW, tree.node({ k: "timeOf", of: "row" }, TIME, false)];
  return expressions({ clock, reads: [...outside, ...rows], outside });
}

/** A program in which the expression is the last trait, and the condition of the last segment where it is one. */
function programOf(traits: readonly Expr[], expr: Expr): Program {
  const condition = expr.type.k === "boolean" ? expr : tree.truth(true);
  const segment = (name: string, of: Expr): Program["segments"][number] => ({ name, label: null, enter: { if: of, forMs: 0, forMonths: 0 }, leave: null });
  return {
    ...everything,
    traits: [...traits, expr].map((value, i) => ({ name: `t${i}`, value })),
    segments: [segment("member", tree.truth(true)), segment("subject", condition)],
    order: [...everything.order, { k: "segment", index: 0 }, { k: "segment", index: 1 }],
  };
}

/** Shows what failed as a person would write it. */
function holdsFor(arbitrary: fc.Arbitrary<[Expr[], Expr, Situation]>, runs: number, check: (traits: readonly Expr[], expr: Expr, situation: Situation) => void): void {
  const result = fc.check(fc.property(arbitrary, ([traits, expr, situation]) => check(traits, expr, situation)), { numRuns: runs, seed: 20260302 });
  if (!result.failed) return;
  const [[traits, expr, situation]] = result.counterexample ?? [[[], tree.missing, null]];
  const lines = [...traits.map((trait, i) => `trait t${i} = ${shown(trait)}`), `expression ${shown(expr)}`, JSON.stringify(situation, null, 1)];
  throw new Error(`${String(result.errorInstance)}\nafter ${result.numRuns} runs, shrunk ${result.numShrinks} times (path ${result.counterexamplePath ?? ""})\n${lines.join("\n")}`, { cause: result.errorInstance });
}

interface Subject {
  readonly compiled: Compiled;
  readonly expr: Expr;
  readonly x: Context;
}

function subject(traits: readonly Expr[], expr: Expr, situation: Situation): Subject & { at(now: number): Context } {
  // Now and then with functions that are alike made one.
  const compiled = compile(programOf(traits, expr), situation.now % 3 === 0 ? 1 : undefined);
  const customer = customerIn(situation);
  if (situation.now % 2 === 0) customer.segments.push(0);
  const at = (now: number): Context => contextIn(compiled, situation, customer, now);
  return { compiled, expr, x: at(situation.now), at };
}

/** As null and undefined are one, and no zero is another; records without what is missing in them. */
function plain(value: Value | undefined): unknown {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") return Object.entries(value).filter(([, each]) => each != null).sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, each]) => [name, plain(each as Value)]);
  return value === 0 ? 0 : value;
}

const PLACE = kindOf(everything.profile.find(({ name }) => name === "place")?.type ?? NUMBER);
const KINDS = [PLACE, kindOf(RECORD_R), "number", "string", "boolean", "boolean", "time", "date", "duration", "list number", "list string", "list time"];

vi.setConfig({ testTimeout: 90_000 }); // much of a processor, little of the clock where it is free

/** Compiles each program and compares all of its expressions with what the interpreter says. */
function agreement(programs: fc.Arbitrary<[Expr[], Expr[], Situation]>, runs: number): { readonly compared: number; readonly beyond: number } {
  let compared = 0;
  let beyond = 0;
  const result = fc.check(fc.property(programs, ([traits, exprs, situation]) => {
    const program = { ...everything, traits: [...traits, ...exprs].map((value, i) => ({ name: `t${i}`, value })) };
    const compiled = compile(program);
    const customer = customerIn(situation);
    if (situation.now % 2 === 0) customer.segments.push(0);
    exprs.forEach((expr, i) => {
      const got = compiled.traits[traits.length + i]?.value(contextIn(compiled, situation, customer));
      compared++;
      let wanted: Value;
      try {
        wanted = interpret(program, contextIn(compiled, situation, customer), expr);
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        beyond++; // no calendar reaches so far; the compiled one gave some number, and that is all
        return;
      }
      expect(plain(got), shown(expr)).toEqual(plain(wanted));
    });
  }), { numRuns: runs, seed: 20260302 });
  if (result.failed) throw new Error(`${String(result.errorInstance)}\nafter ${result.numRuns} runs (path ${result.counterexamplePath ?? ""})\n${JSON.stringify(result.counterexample?.[0][2], null, 1)}`, { cause: result.errorInstance });
  return { compared, beyond };
}

describe("generated code", () => {
  const free = values("free");
  test("gives the value that the interpreter gives", () => {
    const one = fc.constantFrom(...KINDS).chain((kind) => fc.integer({ min: 1, max: 4 }).chain((depth) => free(kind, depth)));
    const programs = fc.tuple(traitValues, fc.array(one, { minLength: 1, maxLength: 30, size: "max" }), situations);
    const { compared, beyond } = agreement(programs, 720);
    expect(compared).toBeGreaterThan(10_000);
    expect(beyond).toBeLessThan(compared / 7);
  });

  test("patterns match what they match", () => {
    const letters = fc.constantFrom("a", "b", "*", "?", "*");
    const texts = fc.array(fc.constantFrom("a", "b", "*", "ä"), { maxLength: 6 }).map((list) => list.join(""));
    fc.assert(fc.property(fc.array(fc.array(letters, { maxLength: 6 }), { minLength: 20, maxLength: 20 }), fc.array(texts, { minLength: 20, maxLength: 20 }), (patterns, list) => {
      const value = tree.node({ k: "field", of: PROFILE, name: "s" }, STRING, false);
      const traits = patterns.map((pattern, i) => ({ name: `t${i}`, value: tree.node({ k: "like", value, pattern: pattern.join("") }, BOOLEAN, false) }));
      const program = { ...everything, traits, segments: [], order: everything.order };
      const compiled = compile(program);
      const x = newContext();
      for (const text of list) {
        x.customer = { ...x.customer, profile: { s: text } };
        traits.forEach((trait, i) => expect([text, patterns[i]?.join(""), compiled.traits[i]?.value(x)]).toEqual([text, patterns[i]?.join(""), interpret(program, x, trait.value)]));
      }
    }), { numRuns: 30, seed: 5 });
  });

  test("reading changes nothing: a value read twice is the same", () => {
    holdsFor(fc.tuple(traitValues, free("boolean", 3), situations), 200, (traits, expr, situation) => {
      const { compiled, x } = subject(traits, expr, situation);
      const { holds, next } = compiled.segments[1]?.enter ?? { holds: () => true, next: null };
      const before = holds(x);
      next?.(x);
      expect(x.now).toBe(situation.now);
      expect(holds(x)).toBe(before);
    });
  });
});

// ---------------------------------------------------------------------------------------------------- next

/** Instants between now and then at which something may turn, were `next` wrong. */
function suspects(now: number, until: number, situation: Situation, x: Context): number[] {
  const found: number[] = [now + 1, until - 1];
  for (const { time } of situation.history) for (const aggregate of everything.aggregates) found.push(leaves(spanOf(aggregate), x.zone, time));
  found.push(...instantsIn([x.customer.profile as Value, x.event as Value]));
  for (const change of changesOf(situation.zone)) found.push(change);
  let hour = now;
  for (let i = 0; i < 60; i++) found.push((hour = nextHour(x.zone, hour)));
  let day = now;
  for (let i = 0; i < 60; i++) found.push((day = nextDay(x.zone, day)));
  for (let i = 1; i < 12; i++) found.push(now + Math.floor((i / 12) * (Math.min(until, now + 800 * 86_400_000) - now)));
  const around = found.filter(Number.isFinite).flatMap((t) => [Math.floor(t) - 1, Math.floor(t), Math.floor(t) + 1]);
  return [...new Set(around)].filter((t) => t > now && t < until).sort((a, b) => a - b);
}

/** Every number that may be an instant. */
function instantsIn(of: readonly Value[]): number[] {
  return of.flatMap((value) => {
    if (typeof value === "number") return value > 1e11 && value < 4e12 ? [value, value + 86_400_000, value - 86_400_000, value + 3_600_000] : [];
    if (value === null || typeof value !== "object") return [];
    return instantsIn(Object.values(value) as Value[]);
  });
}

/** Throws where a condition turns before the instant that was said; whether it turns right then. */
function turnsWhenSaid(traits: readonly Expr[], expr: Expr, situation: Situation): boolean {
  const { compiled, x } = subject(traits, expr, situation);
  const { holds, next } = compiled.segments[1]?.enter ?? { holds: () => true, next: null };
  const before = holds(x);
  const until = next === null ? Infinity : next(x);
  expect(until).toBeGreaterThan(situation.now);
  for (const t of suspects(situation.now, until, situation, x)) {
    x.now = t;
    if (holds(x) !== before) throw new Error(`it is ${before} at ${new Date(situation.now).toISOString()} and turns at ${new Date(t).toISOString()}, before ${until === Infinity ? "never" : new Date(until).toISOString()}`);
  }
  x.now = until;
  return until < Infinity && holds(x) !== before;
}

describe("next", () => {
  const watched = values("watched");
  test("nothing turns before the instant that it gives, and that is later than now", () => {
    const trees = fc.tuple(traitValues, fc.integer({ min: 1, max: 4 }).chain((depth) => watched("boolean", depth)), situations);
    let turning = 0;
    holdsFor(trees, 600, (traits, expr, situation) => { if (turnsWhenSaid(traits, expr, situation)) turning++; });
    expect(turning).toBeGreaterThan(30);
  });

  // What random trees rarely are.
  const clock = (fn: ScalarFn, of: Expr, type: Type): Expr => tree.node({ k: "call", fn, args: [of] }, type, false);
  const late = tree.compare(">", clock("hour", tree.now, NUMBER), tree.number(11));
  const born = (day: number): Expr => tree.constant(day, DATE);
  const chosen = tree.node({ k: "if", if: late, then: born(10_957), else: born(11_016) }, DATE, false);
  const counted = stateReads.filter(({ type }) => type.k === "number");
  const cases: readonly (readonly [string, readonly Expr[]])[] = [
    ["the month of a date that the hour chooses", [tree.compare("==", clock("month", chosen, NUMBER), tree.number(2)), tree.node({ k: "in", value: clock("day", chosen, NUMBER), items: [tree.number(29)] }, BOOLEAN, false)]],
    ["the age of one whose birthday the hour chooses", [tree.compare(">=", clock("age", chosen, NUMBER), tree.number(24))]],
    ["a time that the hour chooses", [tree.compare("<", tree.node({ k: "if", if: late, then: tree.node({ k: "local", date: 20_000, ms: 0 }, TIME, false), else: tree.node({ k: "local", date: 11_000, ms: 0 }, TIME, false) }, TIME, false), tree.now)]],
    ["numbers against constants on either side", counted.flatMap((of) => [1, 2, 3, 0.1].flatMap((n) => (["<", "<=", ">", ">="] as const).flatMap((op) => [tree.compare(op, of, tree.number(n)), tree.compare(op, tree.number(n), of)])))],
    ["numbers against each other", counted.flatMap((of, i) => [tree.compare(">", of, counted[(i + 1) % counted.length] ?? of), tree.not(tree.compare("==", of, counted[(i + 3) % counted.length] ?? of))])],
  ];
  test("counts that fall one by one", () => {
    const exprs = counted.flatMap((of) => [0, 1, 2, 3, 4].flatMap((n) => (["<", "<=", ">", ">="] as const).flatMap((op) => [tree.compare(op, of, tree.number(n)), tree.compare(op, tree.number(n), of)])));
    const busy = fc.tuple(situations, fc.integer({ min: 1, max: 6 })).map(([situation, n]): Situation => ({
      ...situation, history: Array.from({ length: n }, (_, i) => ({ event: "e" as const, data: { ...(situation.row as object), n: 1 }, time: situation.now - (n - i) * 420_000, at: situation.now - (n - i) * 420_000 })),
    }));
    holdsFor(fc.tuple(fc.constant([]), fc.constantFrom(...exprs), busy), 400, (traits, expr, situation) => { turnsWhenSaid(traits, expr, situation); });
  });

  for (const [name, exprs] of cases) {
    test(name, () => holdsFor(fc.tuple(fc.constant([]), fc.constantFrom(...exprs), situations), 120, (traits, expr, situation) => { turnsWhenSaid(traits, expr, situation); }));
  }
});
