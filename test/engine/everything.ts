/** A program with a field of every type and an aggregate of every kind: what random expressions are made over. */
import { compileProgram } from "../../dsl/compile.js";
import type { Expr, Program } from "../../dsl/program.js";

const RECORD = "{ n: number, s: string?, at: time?, on: date?, deep: { x: number = 3, tag: string? } }";
const FIELDS = `
  n: number  nn: number?  s: string  ss: string?  b: boolean  bb: boolean?
  t: time from "happened"  tt: time?  d: date from "t"  dd: date?  l: duration  ll: duration?
  u: "a" | "b" | "c"
  constructor: string?
  toString: number?
  r: ${RECORD}
  rr: ${RECORD}?
  numbers: number[]
  maybes: (number?)[]
  texts: string[]?
  times: time[]
  items: { sku: string, price: number, quantity: number?, tags: string[], at: time?, valueOf: boolean? }[]
  hasOwnProperty: string[]?
`;

export const EVERYTHING = `
event e { ${FIELDS} }
event f { n: number }
profile {
  timezone: string = "UTC"
  n: number = 2.5
  nn: number?
  s: string = "a"
  b: boolean = false
  bb: boolean?
  tt: time?
  dd: date?
  ll: duration?
  texts: string[] = ["x", "b"]
  constructor: string?
  place: { city: string = "Oslo", code: number?, since: date?, inner: { deep: number = 7, b: boolean? } }
  place2: { city: string = "Rome", code: number?, since: date?, inner: { deep: number = 8, b: boolean? } }
  maybe: { city: string = "Bonn", need: number }?
  list: { city: string = "Lima", need: number? }[] = []
}
trait x01 = count(e) over 7 days
trait x02 = count(e where n > 2) over 1 month
trait x03 = sum(e.n) over 30 hours
trait x04 = avg(e.n) over 2 months
trait x05 = min(e.nn) over 3 days
trait x06 = max(e.t) over 7 days
trait x07 = first(e.tt) over 40 days
trait x08 = last(e).time
trait x09 = last(e.r) over 10 days
trait x10 = distinct(e.s) this week
trait x11 = top(e.s) this month
trait x12 = gap(e) over 20 days
trait x13 = recent(e.s, 3) over 5 days
trait x14 = any(f) over 1 month
trait x15 = no f for 2 days
trait x16 = no e where n > 5 for 1 month
trait x17 = count(e.items where price > n) this day
trait x18 = sum(price * quantity of e.items where sku like "a*") over 7 days
trait x19 = last(e.items) over 9 days
trait x20 = count(f) this year
trait x21 = max(e.d)
trait x22 = count(e) over 1 hour
trait x23 = distinct(e.items.sku) over 3 days
trait x24 = sum(e.l) over 50 hours
trait x25 = count(e.hasOwnProperty) over 7 days
trait x26 = last(e.constructor) over 90 minutes
trait y01 = coins
trait y02 = coins.expiring within 20 hours
trait y03 = coins.earned over 3 days
trait y04 = medals
trait y05 = grade
trait y06 = grade.next
trait y07 = grade.missing
trait y08 = variant(trial)
trait y09 = percentile(sum(e.n) over 30 hours among count(e) over 7 days >= 1)
trait y10 = quintile(since(last(e).time) among profile.b)

points coins {
  earn nn on e
  earn 2 on f at most 1 per day
  expire after 2 days
}
points medals {
  earn n on e where n > 0
  expire after 1 month
}
tier grade by coins.earned over 3 days + medals { low at 1  mid at 3  high at 8 }
experiment trial { control 40%  red 30%  blue 30% }

rule going "What a run reads" {
  on e
  repeat restart

  wait for f up to 2 months as got
  wait for f where n > 2 up to 60 days as more
  emit "read" {
    y11: got.n, y12: more.n, y13: more.time,
    y14: count(f) this run, y15: sum(f.n) this run,
    y16: count(e where s == event.s) over 7 days, y17: sum(e.n where u == event.u and n > 0) over 1 month,
    y18: last(e.nn where b == event.b), y19: count(e where ss == event.ss), y20: last(f where n == event.n).time,
  }
}
`;

export const program: Program = ((): Program => {
  const { program, diagnostics } = compileProgram([{ file: "everything.eddy", text: EVERYTHING }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return program;
})();

/** What is read with state: the aggregates, points, tiers, variants, percentiles, each as an expression. */
export const stateReads: readonly Expr[] = program.traits.map(({ value }) => value);

/** What only runs read: captured events, aggregates `this run`, and those kept for each value of a field. */
export const runReads: readonly Expr[] = program.rules.flatMap(({ steps }) => steps).flatMap((step) =>
  (step.k === "emit" && step.payload?.k === "record" ? step.payload.entries.map(({ value }) => value) : []));

const eventOf = (name: string): Program["events"][number] => {
  const found = program.events.find((event) => event.name === name);
  if (found === undefined) throw new Error(name);
  return found;
};

export const eventE = eventOf("e");
export const eventF = eventOf("f");
