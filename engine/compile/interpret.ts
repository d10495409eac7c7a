/**
 * The meaning of expressions, said as plainly as it can be: the oracle of the compiler.
 *
 * Nothing runs on it. Property tests give the same trees and the same customers to it and to the generated code, and
 * the two must agree; so it shares nothing with emit.ts and runtime.ts, asks Temporal where they count days, and tries
 * every way of matching where they walk once. Aggregates are read from the customer's slots, as generated code reads
 * them; whether slots are right is for the tests of aggregates.
 *
 * Values are a program's values; what is missing is always null here, never undefined. Where Temporal has no such date
 * (some 270,000 years from now) it throws its RangeError.
 */
import { Temporal } from "temporal-polyfill";
import type {
  Aggregate, ArithmeticOp, CompareOp, Experiment, Expr, Field, FoldFn, Length, Points, Program, ScalarFn, Tier, Value,
} from "../../dsl/program.js";
import { addExactly, rounded, type ExactSum } from "../aggregates/exact-sum.js";
import { slotOfKey, type KeyedSlot } from "../aggregates/keyed.js";
import { kindOf } from "../aggregates/kinds.js";
import { slotOf, type Captured, type Context, type Data } from "../customer.js";
import { variantOf } from "../experiments.js";

const DAY_MS = 86_400_000;

/** The value of an expression; `item` is the list item that it stands in, if any. */
export function interpret(program: Program, x: Context, expr: Expr, item: Value = null): Value {
  const of = (inner: Expr): Value => interpret(program, x, inner, item);
  const isTrue = (inner: Expr): boolean => of(inner) === true;
  switch (expr.k) {
    case "const": return expr.value;
    case "list": return expr.items.map(of);
    case "record": return Object.fromEntries(expr.entries.map((entry) => [entry.name, of(entry.value)]));
    case "input": return inputOf(program, x, expr.of, item);
    case "timeOf": return expr.of === "row" ? x.rowTime : expr.maybe && x.event === null ? null : x.eventTime;
    case "captured": return capturedOf(x, expr.name)?.data as Value ?? null;
    case "timeOfCaptured": return capturedOf(x, expr.name)?.time ?? null;
    case "now": return x.now;
    case "local": return localInstant(x, expr.date, expr.ms);
    case "field": return fieldOf(of(expr.of), expr.name);
    case "pluck": return pluck(of(expr.of), expr.name);
    case "index": return place(of(expr.of), of(expr.at));
    case "not": return !isTrue(expr.of);
    case "negate": return onNumbers([of(expr.of)], ([a]) => -a);
    case "and": return expr.of.every(isTrue);
    case "or": return expr.of.some(isTrue);
    case "compare": return compare(expr.op, expr.left, expr.right, of);
    case "arithmetic": return onNumbers([of(expr.left), of(expr.right)], ([a, b]) => calculate(expr.op, a, b));
    case "dateShift": return onNumbers([of(expr.date), of(expr.by)], ([date, by]) => shifted(date, expr.sign * by));
    case "dateDifference": return onNumbers([of(expr.left), of(expr.right)], ([a, b]) => (a - b) * DAY_MS);
    case "addMonths": return onNumbers([of(expr.of)], ([at]) => (expr.of.type.k === "date" ? dateInMonths(at, expr.months) : instantInMonths(x, at, expr.months)));
    case "concat": return concat(of(expr.left), of(expr.right));
    case "in": { const value = of(expr.value); return expr.items.some((candidate) => equal(value, of(candidate))); }
    case "contains": { const value = of(expr.value); return itemsOf(of(expr.list)).some((candidate) => equal(candidate, value)); }
    case "like": { const text = of(expr.value); return typeof text === "string" && matches(text, expr.pattern); }
    case "without": return without(of(expr.left), of(expr.right));
    case "coalesce": return of(expr.left) ?? of(expr.right);
    case "if": return isTrue(expr.if) ? of(expr.then) : of(expr.else);
    case "call": return call(x, expr.fn, expr.args.map(of), expr.args[0]?.type.k === "date");
    case "fold": return fold(expr.fn, of(expr.list), (each) => expr.where === null || interpret(program, x, expr.where, each) === true,
      (each) => (expr.value === null ? each : interpret(program, x, expr.value, each)));
    case "aggregate": return aggregate(program.aggregates[expr.index] as Aggregate, expr.index, x, expr.key === null ? null : of(expr.key));
    case "trait": return interpret(program, x, (program.traits[expr.index] as Program["traits"][number]).value);
    case "segment": return x.customer.segments.includes(expr.index);
    case "points": return pointsOf(program.points[expr.index] as Points, expr, x);
    case "tier": return tierOf(program.tiers[expr.index] as Tier, expr, x, of);
    case "variant": return variantOf(x, expr.index, program.experiments[expr.index] as Experiment);
    case "percentile": {
      const reading = x.customer.extras?.readings.find(({ index }) => index === expr.index);
      const inside = isTrue((program.rankings[expr.index] as Program["rankings"][number]).among);
      return reading === undefined || !inside ? null : x.figures.percentile(expr.index, reading.value);
    }
    case "population": return x.figures.population(expr.index);
    case "figure": return x.figures[expr.fn](expr.index, expr.variant);
  }
}

const capturedOf = (x: Context, name: string): Captured | undefined => x.run?.captured?.find((each) => each.name === name);

/** The sum of the lots that have not expired; of `expiring`, of those whose end less the time asked for has come. */
function pointsOf({ expire }: Points, expr: Extract<Expr, { k: "points" }>, x: Context): Value {
  const lots = x.customer.extras?.ledgers.find(({ index }) => index === expr.index)?.lots ?? [];
  const shifted = (at: number, { ms, months }: Length, sign: 1 | -1): number => (months > 0 ? instantInMonths(x, at, sign * months) : at + sign * ms);
  const ends = (at: number): number => (expire === null ? Infinity : shifted(at, expire, 1));
  const isExpiring = (end: number): boolean => end < Infinity && expr.fn === "expiring" && shifted(end, expr.within, -1) <= x.now;
  const counted = lots.filter(({ time }) => ends(time) > x.now && (expr.fn === "balance" || isExpiring(ends(time))));
  return rounded(counted.reduce<ExactSum>((sum, { left }) => { addExactly(sum, left); return sum; }, []));
}

function tierOf({ levels, value }: Tier, expr: Extract<Expr, { k: "tier" }>, x: Context, of: (expr: Expr) => Value): Value {
  const rank = x.customer.extras?.tiers.find(({ index }) => index === expr.index)?.rank ?? -1;
  const next = levels[rank + 1];
  switch (expr.fn) {
    case "level": return levels[rank]?.name ?? null;
    case "rank": return rank < 0 ? null : rank;
    case "next": return next?.name ?? null;
    case "missing": return next === undefined ? null : onNumbers([of(value), next.at], ([a, b]) => b - a);
  }
}

// ---- what is read ----

function inputOf(program: Program, x: Context, of: "row" | "item" | "event" | "profile", item: Value): Value {
  switch (of) {
    case "row": return x.row as Value;
    case "event": return x.event as Value;
    case "item": return item;
    case "profile": return withDefaults(x.customer.profile, program.profile);
  }
}

/** A profile holds only what was said of the customer; what was not said is as it was declared. */
function withDefaults(record: Data, fields: readonly Field[]): Value {
  return Object.fromEntries(fields.map((field) => {
    const said = ownOf(record, field.name) ?? field.default ?? null;
    return [field.name, said !== null && field.type.k === "record" ? withDefaults(said as Data, field.type.fields) : said];
  }));
}

function ownOf(record: Data, name: string): Value {
  return Object.hasOwn(record, name) ? (record[name] ?? null) : null;
}

const isRecord = (value: Value): boolean => value !== null && typeof value === "object" && !Array.isArray(value);

function fieldOf(record: Value, name: string): Value {
  return isRecord(record) ? ownOf(record as Data, name) : null;
}

function itemsOf(list: Value): readonly Value[] {
  return Array.isArray(list) ? (list as Value[]) : [];
}

function pluck(list: Value, name: string): Value {
  if (list === null) return null;
  return itemsOf(list).flatMap((item) => { const value = fieldOf(item, name); return Array.isArray(value) ? (value as Value[]) : [value]; });
}

function place(list: Value, at: Value): Value {
  if (!Number.isInteger(at)) return null;
  const items = itemsOf(list);
  const i = at as number;
  return i >= 0 && i < items.length ? (items[i] ?? null) : null;
}

function aggregate(of: Aggregate, index: number, x: Context, key: Value): Value {
  const holder = of.window.k === "run" ? x.run : x.customer;
  const slot = holder === null ? undefined : slotOf(holder, index);
  const own = of.by === null ? slot : slotOfKey(slot as KeyedSlot | undefined, key);
  return kindOf(of.fn).value(own, of.window.k === "run" ? { k: "life" } : of.window, x);
}

// ---- operators ----

function onNumbers(operands: readonly Value[], calculate: (numbers: [number, number]) => number | null): Value {
  return operands.includes(null) ? null : calculate(operands as unknown as [number, number]);
}

function calculate(op: ArithmeticOp, a: number, b: number): number | null {
  switch (op) {
    case "+": return a + b;
    case "-": return a - b;
    case "*": return a * b;
    case "/": return b === 0 ? null : a / b;
    case "%": return b === 0 ? null : a % b;
  }
}

/** Null is equal to nothing here; `== null` is a form of its own. */
function equal(a: Value, b: Value): boolean {
  return a !== null && b !== null && equalOrBothMissing(a, b);
}

function equalOrBothMissing(a: Value, b: Value): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item: Value, i) => equalOrBothMissing(item, b[i] as Value));
  if (!isRecord(a) || !isRecord(b)) return a === b;
  const names = [...Object.keys(a as Data), ...Object.keys(b as Data)];
  return names.every((name) => equalOrBothMissing(ownOf(a as Data, name), ownOf(b as Data, name)));
}

const isNullLiteral = (expr: Expr): boolean => expr.k === "const" && expr.value === null;

function compare(op: CompareOp, left: Expr, right: Expr, of: (expr: Expr) => Value): boolean {
  const a = of(left);
  const b = of(right);
  const same = isNullLiteral(left) || isNullLiteral(right) ? a === null && b === null : equal(a, b);
  if (op === "==") return same;
  if (op === "!=") return !same;
  if (a === null || b === null) return false;
  switch (op) {
    case "<": return a < b;
    case "<=": return a <= b;
    case ">": return a > b;
    case ">=": return a >= b;
  }
}

/** No calendar reaches further than a hundred million days from 1970. */
function shifted(date: number, by: number): number {
  const day = Math.floor((date * DAY_MS + by) / DAY_MS);
  if (Math.abs(day) > 1e8) throw new RangeError("there is no such date");
  return day;
}

function concat(left: Value, right: Value): Value {
  return left === null || right === null ? null : `${left as string}${right as string}`;
}

function without(left: Value, right: Value): Value {
  if (left === null || right === null) return null;
  return itemsOf(left).filter((item) => !itemsOf(right).some((removed) => equal(item, removed)));
}

/** Whether a text matches, by the table of all prefixes of the text and of the pattern. */
function matches(text: string, pattern: string): boolean {
  let reached = [true, ...new Array<boolean>(text.length).fill(false)];
  for (let i = 0; i < pattern.length; i++) {
    const sign = pattern[i] as string;
    const next = [sign === "*" && reached[0] === true];
    for (let j = 1; j <= text.length; j++) {
      next.push(sign === "*" ? reached[j] === true || next[j - 1] === true : reached[j - 1] === true && (sign === "?" || sign === text[j - 1]));
    }
    reached = next;
  }
  return reached[text.length] === true;
}

// ---- functions ----

function call(x: Context, fn: ScalarFn, args: readonly Value[], ofDate: boolean): Value {
  if (args.includes(null)) return null;
  const [value] = args;
  const text = value as string;
  const number = value as number;
  const day = (): Temporal.PlainDate => (ofDate ? dateOf(number) : zoned(x, number).toPlainDate());
  switch (fn) {
    case "lower": return text.toLowerCase();
    case "upper": return text.toUpperCase();
    case "trim": return text.trim();
    case "length": return (value as string | readonly Value[]).length;
    case "round": return Math.sign(number) * Math.round(Math.abs(number));
    case "floor": return Math.floor(number);
    case "ceil": return Math.ceil(number);
    case "abs": return Math.abs(number);
    case "least": return (args as number[]).reduce((a, b) => (b < a ? b : a));
    case "greatest": return (args as number[]).reduce((a, b) => (b > a ? b : a));
    case "date": return daysOf(day());
    case "hour": return ofDate ? 0 : zoned(x, number).hour;
    case "weekday": return WEEKDAYS[day().dayOfWeek - 1] as string;
    case "weekend": return day().dayOfWeek >= 6;
    case "month": return day().month;
    case "day": return day().day;
    case "year": return day().year;
    case "age": return age(dateOf(number), zoned(x, x.now).toPlainDate());
  }
}

const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

function fold(fn: FoldFn, list: Value, where: (item: Value) => boolean, valueOf: (item: Value) => Value): Value {
  const rows = itemsOf(list).filter(where).map(valueOf);
  const values = rows.filter((value) => value !== null);
  const numbers = values as number[];
  switch (fn) {
    case "count": return rows.length;
    case "any": return rows.length > 0;
    case "distinct": return new Set(values).size;
    case "sum": return total(numbers);
    case "avg": return numbers.length === 0 ? null : total(numbers) / numbers.length;
    case "min": return numbers.length === 0 ? null : numbers.reduce((a, b) => (b < a ? b : a));
    case "max": return numbers.length === 0 ? null : numbers.reduce((a, b) => (b > a ? b : a));
    case "first": return values[0] ?? null;
    case "last": return values.at(-1) ?? null;
  }
}

/** Exactly, then rounded once: doubles are whole multiples of 2^-1074. */
function total(numbers: readonly number[]): number {
  return fromUnits(numbers.reduce((sum, value) => sum + unitsOf(value), 0n));
}

/** How many times 2^-1074 a double is. */
export function unitsOf(value: number): bigint {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const whole = bits.getBigUint64(0);
  const exponent = (whole >> 52n) & 0x7ffn;
  const fraction = whole & 0xfffffffffffffn;
  const size = exponent === 0n ? fraction : (fraction | 0x10000000000000n) << (exponent - 1n);
  return whole >> 63n === 0n ? size : -size;
}

/** The double nearest to so many times 2^-1074, half to even. */
export function fromUnits(units: bigint): number {
  const size = units < 0n ? -units : units;
  const spare = Math.max(0, size.toString(2).length - 53);
  const shift = BigInt(spare);
  let kept = size >> shift;
  const rest = size - (kept << shift);
  const half = spare === 0 ? 1n : 1n << (shift - 1n);
  if (spare > 0 && (rest > half || (rest === half && kept % 2n === 1n))) kept++;
  // In two steps, since 2^-1074 times a power of two may not be a double while their product with `kept` is.
  const value = Number(kept) * 2 ** Math.max(spare - 1074, -1022) * (spare - 1074 < -1022 ? 2 ** (spare - 52) : 1);
  return units < 0n ? -value : value;
}

// ---- the calendar ----

function zoned(x: Context, instant: number): Temporal.ZonedDateTime {
  return Temporal.Instant.fromEpochMilliseconds(Math.floor(instant)).toZonedDateTimeISO(x.zone.name);
}

function dateOf(days: number): Temporal.PlainDate {
  return Temporal.PlainDate.from("1970-01-01").add({ days });
}

function daysOf(date: Temporal.PlainDate): number {
  return Temporal.PlainDate.from("1970-01-01").until(date, { largestUnit: "days" }).days;
}

function localInstant(x: Context, date: number, ms: number): number {
  return dateOf(date).toPlainDateTime().add({ milliseconds: ms }).toZonedDateTime(x.zone.name, { disambiguation: "compatible" }).epochMilliseconds;
}

/** Wall-clock time is kept, fractions of a ms as well. */
function instantInMonths(x: Context, instant: number, months: number): number {
  const whole = Math.floor(instant);
  return zoned(x, whole).add({ months }).epochMilliseconds + (instant - whole);
}

function dateInMonths(date: number, months: number): number {
  return daysOf(dateOf(date).add({ months }));
}

/** The greatest n with birth + n years <= today. */
function age(birth: Temporal.PlainDate, today: Temporal.PlainDate): number {
  let years = today.year - birth.year;
  while (Temporal.PlainDate.compare(birth.add({ years }), today) > 0) years--;
  while (Temporal.PlainDate.compare(birth.add({ years: years + 1 }), today) <= 0) years++;
  return years;
}
