/**
 * Random programs on random histories, whole: a partition must say the same however often its customers are woken (so it
 * wakes them early enough by itself) and however often they are away in the store, and who is in a segment is what the
 * condition says at each instant.
 */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import type { Expr, Program, Rule, Segment } from "../../dsl/program.js";
import * as tree from "../../dsl/check/trees.js";
import { BOOLEAN, TIME } from "../../dsl/check/types.js";
import { writer } from "../../engine/codec.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { interpret } from "../../engine/compile/interpret.js";
import { enterContext, newContext, type Customer } from "../../engine/customer.js";
import { decodeLine, type Work } from "../../engine/decode.js";
import { lower } from "../../engine/settle.js";
import { addWake } from "../../engine/wakes.js";
import { createPartition, take, takePending, type Partition } from "../../engine/partition.js";
import { layoutOf, readCustomer, translation, unpackCustomer, writeCustomer } from "../../engine/state.js";
import { engineStats } from "../../engine/stats.js";
import { EVERYTHING, eventE, eventF } from "./everything.js";
import { record } from "./customers.js";
import { expressions, shown } from "./expressions.js";
import { HARD_ZONES, instantsNear } from "./zones.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const { program: base, diagnostics } = compileProgram([{ file: "p.eddy", text: `${EVERYTHING}
trait w01 = count(e) over 1 hour == 0
trait w02 = no f for 2 days
trait w03 = hour(now) >= 9
trait w04 = weekday(now) in ["monday", "thursday"]
trait w05 = distinct(e.s) this week >= 2
trait w06 = count(e) over 7 days >= 2
trait w07 = any(f) over 1 month
trait w08 = now < profile.tt ?? 2024-03-01 12:00
trait w09 = count(e) this day == 1
trait w10 = sum(e.n) over 30 hours > 2 and hour(now) in [7, 8, 12, 20]
trait w11 = profile.b
trait w12 = any(e where n > 1)
segment a when false
segment b when false
segment c when false until false
channel mail { when b }
rule nudge { on enter a  on leave b  at most 2 per 3 days
  send mail "hello" { n: x01 }
  wait 5 hours
  if a { emit "still" } else { set profile.n = 4 }
}
rule chase { on e where n > 1  repeat restart  until f  until false  priority 3
  wait 20 hours
  emit "first" { n: event.n, at: event.time }
  wait event.l
  emit "second" { r: event.r, member: c }
}
rule mark { on leave c  set profile.b = true  emit "marked" { orders: x20 } }
` }]);
if (base === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
const baseProgram: Program = base;

const PROFILE = tree.node({ k: "input", of: "profile" }, { k: "record", fields: baseProgram.profile }, false);
const AGGREGATES = baseProgram.traits.map(({ value }) => value).filter(({ k }) => k === "aggregate");
/** Conditions that turn often, and by time alone. */
const LIVELY = baseProgram.traits.flatMap(({ name, value }) => (name.startsWith("y") ? [value] : []));
const segmentReads = (n: number): Expr[] => [0, 1, 2].slice(0, n).map((index) => tree.node({ k: "segment", index }, BOOLEAN, false));

function condition(segments: number, more: readonly Expr[] = []): fc.Arbitrary<Expr> {
  const reads = [PROFILE, ...AGGREGATES, ...segmentReads(segments), ...more];
  const make = expressions({ clock: "watched", reads, outside: reads });
  return fc.oneof(fc.integer({ min: 1, max: 3 }).chain((depth) => make("boolean", depth)), fc.constantFrom(...LIVELY), fc.constantFrom(...LIVELY).map(tree.not));
}

const EVENT = [tree.node({ k: "input", of: "event" }, { k: "record", fields: eventE.fields }, false), tree.node({ k: "timeOf", of: "event" }, TIME, false)];
const lengths = fc.constantFrom({ forMs: 0, forMonths: 0 }, { forMs: 0, forMonths: 0 }, { forMs: 26 * HOUR, forMonths: 0 }, { forMs: 0, forMonths: 1 });

interface Conditions { readonly a: Expr; readonly b: Expr; readonly c: Expr; readonly leave: Expr; readonly until: Expr; readonly held: readonly { readonly forMs: number; readonly forMonths: number }[] }

const conditions: fc.Arbitrary<Conditions> = fc.record({
  a: condition(0), b: condition(1), c: condition(2), leave: condition(2), until: condition(3, EVENT), held: fc.tuple(lengths, lengths),
});

function programOf({ a, b, c, leave, until, held }: Conditions): Program {
  const plain = { forMs: 0, forMonths: 0 };
  const segments = baseProgram.segments.map((segment, i): Segment => {
    if (i < 2) return { ...segment, enter: { if: i === 0 ? a : b, ...plain } };
    return { ...segment, enter: { if: c, ...(held[0] ?? plain) }, leave: { if: leave, ...(held[1] ?? plain) } };
  });
  const rules = baseProgram.rules.map((rule): Rule => (rule.name === "chase" ? { ...rule, keeps: eventE.fields.map(({ name }) => name), until: rule.until.map((each) => (each.k === "condition" ? { ...each, if: until } : each)) } : rule));
  return { ...baseProgram, segments, rules, order: [0, 1, 2].map((index) => ({ k: "segment" as const, index })) };
}

interface Step { readonly line: string | null; readonly at: number }
interface History { readonly zone: string; readonly start: number; readonly steps: readonly Step[]; readonly looks: readonly number[] }

const histories: fc.Arbitrary<History> = fc.constantFrom(...HARD_ZONES).chain((zone) => instantsNear(zone).chain((start) => {
  const pause = fc.oneof(fc.constantFrom(0, 1, HOUR, DAY, 7 * DAY, 30 * DAY), fc.integer({ min: 0, max: 50 }).map((hours) => hours * HOUR));
  const event = fc.constantFrom(eventE, eventE, eventF).chain(({ name, fields }) => record(fields, start).map((data) => ({ type: name, data })));
  const patch = record(baseProgram.profile.filter(({ name }) => name !== "timezone"), start).map((data) => ({ type: "profile_updated", data }));
  const moved = fc.constantFrom(...HARD_ZONES).map((timezone) => ({ type: "profile_updated", data: { timezone } }));
  const happening = fc.oneof({ weight: 8, arbitrary: event }, { weight: 1, arbitrary: patch }, { weight: 2, arbitrary: moved });
  const late = fc.constantFrom(0, 0, 0, HOUR, 3 * DAY, 20 * DAY);
  return fc.tuple(fc.array(fc.tuple(pause, happening, fc.constantFrom("x", "x", "y"), late), { minLength: 1, maxLength: 10 }), fc.array(fc.tuple(fc.nat(12), fc.oneof(fc.integer({ min: 0, max: 30 * HOUR }), fc.integer({ min: 0, max: 40 * DAY }))), { maxLength: 25 })).map(([list, looks]) => {
    let at = start;
    const first = JSON.stringify({ id: "0", type: "profile_updated", subject: "x", time: new Date(at).toISOString(), data: { timezone: zone } });
    const steps: Step[] = [{ line: first, at }];
    list.forEach(([after, { type, data }, subject, before], i) => {
      at += after;
      steps.push({ at, line: JSON.stringify({ id: String(i + 1), type, subject, time: new Date(at - before).toISOString(), data }) });
    });
    return { zone, start, steps, looks: looks.map(([step, after]) => Math.min(start + 69 * DAY, (steps[step % steps.length]?.at ?? start) + after)) };
  });
}));

/** Everybody is woken then, whether or not anything is due for them. */
function wakeEverybody(p: Partition, at: number): void {
  if (at <= p.clock) return;
  for (const customer of p.cache.all()) {
    lower(customer, at);
    if (customer.indexed <= at) continue;
    customer.indexed = at;
    addWake(p.wakes, at, customer.id);
  }
}

/** The partition's words, in order. `look` is called after every step. */
function told(compiled: Compiled, steps: readonly Step[], look: (p: Partition) => void): string[] {
  const p = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats());
  const words: string[] = [];
  steps.forEach(({ line, at }, i) => {
    // The stamp is when it arrived, as with a broker: an event may be late.
    const work: Work = line === null ? { k: "tick", sequence: i, arrived: at, stamp: at } : { ...decodeLine(compiled, line, i), arrived: at, stamp: at };
    if (work.k === "dead") throw new Error(work.detail);
    if (line === null) wakeEverybody(p, at);
    let turns = 0;
    for (;;) {
      const progress = take(p, work);
      for (const { message } of takePending(p, i).messages) words.push(`${message.subject} ${message.body}`);
      if (progress === "done") break;
      if (progress !== "full" || ++turns > 50) throw new Error(`it ${progress} and goes on and on`);
    }
    look(p);
  });
  return words;
}

/** Everybody goes to the store and comes back. */
function away(p: Partition, compiled: Compiled): void {
  const translations = new Map([[1, translation(layoutOf(compiled), compiled)]]);
  const w = writer(256);
  for (const customer of [...p.cache.all()]) {
    w.at = 0;
    writeCustomer(w, customer, 1, compiled);
    p.cache.put(unpackCustomer(customer.id, Buffer.from(w.bytes.subarray(0, w.at)), 0, w.at, translations, compiled));
  }
}

/** To look at, without a trace. */
function copyOf(customer: Customer, compiled: Compiled): Customer {
  const w = writer(256);
  writeCustomer(w, customer, 1, compiled);
  return readCustomer(customer.id, w.bytes.subarray(0, w.at), new Map([[1, translation(layoutOf(compiled), compiled)]]), compiled);
}

function agree(p: Partition, program: Program): void {
  for (const customer of p.cache.all()) {
    for (const index of [0, 1]) {
      const x = newContext();
      enterContext(x, copyOf(customer, p.compiled), p.clock);
      const wanted = interpret(program, x, (program.segments[index] as Segment).enter.if) === true;
      if (customer.segments.includes(index) !== wanted) throw new Error(`at ${new Date(p.clock).toISOString()} ${customer.id} is ${wanted ? "not " : ""}in ${index === 0 ? "a" : "b"}`);
    }
    expect(customer.indexed).toBeLessThanOrEqual(customer.wake);
  }
}

vi.setConfig({ testTimeout: 90_000 }); // much of a processor, little of the clock where it is free

describe("a partition", () => {
  test("says the same however often everybody is woken or away, and is right each time", () => {
    let words = 0;
    const result = fc.check(fc.property(conditions, histories, (made, { steps, looks, start }) => {
      const program = programOf(made);
      const compiled = compile(program);
      const end: Step = { line: null, at: start + 70 * DAY };
      const atOnce = told(compiled, [...steps, end], (p) => agree(p, program));
      const ticks = looks.map((at): Step => ({ line: null, at }));
      // In order of time; at one instant the steps keep theirs, and a tick before an event changes nothing.
      const often = [...ticks, ...steps].map((step, i) => ({ step, i })).sort((a, b) => a.step.at - b.step.at || a.i - b.i).map(({ step }) => step);
      expect(told(compiled, [...often, end], (p) => agree(p, program))).toEqual(atOnce);
      expect(told(compiled, [...steps, end], (p) => away(p, compiled))).toEqual(atOnce);
      words += atOnce.length;
    }), { numRuns: 200, seed: 20260302 });
    if (result.failed) {
      const [made, history] = result.counterexample ?? [];
      throw new Error([
        String(result.errorInstance), `after ${result.numRuns} runs (path ${result.counterexamplePath ?? ""})`,
        ...Object.entries(made ?? {}).map(([name, of]) => `${name}: ${Array.isArray(of) ? JSON.stringify(of) : shown(of as Expr)}`), JSON.stringify(history, null, 1),
      ].join("\n"), { cause: result.errorInstance });
    }
    expect(words).toBeGreaterThan(300);
  });

  test("an `until` that held for a while has ended the run, though nobody looked just then", () => {
    const { program } = compileProgram([{ file: "u.eddy", text: `event f\nrule r { on f  until hour(now) == 12  wait 20 hours  emit "late" }\nrule s { on f  wait 20 hours  emit "in time" }` }]);
    if (program === null) throw new Error("the program is wrong");
    const at = Date.UTC(2026, 2, 2, 10, 10);
    const line = JSON.stringify({ id: "1", type: "f", subject: "x", time: new Date(at).toISOString() });
    const p = createPartition(compile(program), { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats());
    const words: string[] = [];
    for (const work of [decodeLine(p.compiled, line, 1), { k: "tick", sequence: 2, arrived: 0, stamp: at + DAY } as const]) {
      expect(take(p, work)).toBe("done");
      words.push(...takePending(p, 1).messages.map(({ message }) => message.subject));
    }
    expect(words).toEqual(["actions.0.emit.in%20time"]);
  });
});
