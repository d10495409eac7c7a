/**
 * What generated code calls: everything that is longer than an operator. All functions take and give plain values, with
 * null for what is missing.
 */
import type { Field, Value } from "../../dsl/program.js";
import { LARGEST_ADDEND, addExactly, rounded, type ExactSum } from "../aggregates/exact-sum.js";
import type { Context, Data } from "../customer.js";
import * as zones from "../zone.js";

type Maybe = Value | undefined;
type MaybeList = readonly Value[] | null | undefined;

/** A field whose name every object inherits something under ("constructor"): only its own counts. */
export function own(record: Data | null | undefined, name: string): Maybe {
  return record != null && Object.hasOwn(record, name) ? record[name] : null;
}

/** A record of the profile with the defaults of what it does not hold. */
export function filled(record: Data | null | undefined, fields: readonly Field[]): Value {
  if (record == null) return null;
  const out: { [name: string]: Value } = {};
  for (const { name, type, default: otherwise } of fields) {
    const value = own(record, name) ?? otherwise ?? null;
    out[name] = type.k === "record" ? filled(value as Data | null, type.fields) : value;
  }
  return out;
}

export function pluck(list: MaybeList, name: string): Value {
  if (list == null) return null;
  const out: Value[] = [];
  for (const item of list) {
    const value = item === null || typeof item !== "object" ? null : (own(item as Data, name) ?? null);
    if (Array.isArray(value)) for (const inner of value as Value[]) out.push(inner); // there may be more than a call takes
    else out.push(value);
  }
  return out;
}

export function index(list: MaybeList, at: Maybe): Value {
  if (list == null || typeof at !== "number") return null;
  return list[at] ?? null;
}

/** Equality of any two values, deeply; null equals nothing. */
export function same(a: Maybe, b: Maybe): boolean {
  if (a == null || b == null) return false;
  return sameInside(a, b);
}

function sameInside(a: Maybe, b: Maybe): boolean {
  if (a == null || b == null) return a == null && b == null;
  if (typeof a !== "object" || typeof b !== "object") return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item: Value, i) => sameInside(item, b[i] as Value));
  }
  const left = a as Data;
  const right = b as Data;
  for (const name of Object.keys(left)) if (!sameInside(left[name], own(right, name))) return false;
  for (const name of Object.keys(right)) if (!Object.hasOwn(left, name) && right[name] != null) return false;
  return true;
}

export function contains(list: MaybeList, value: Maybe): boolean {
  if (list == null || value == null) return false;
  if (typeof value !== "object") return list.includes(value);
  return list.some((item) => same(item, value));
}

export function without(list: MaybeList, other: MaybeList): Value {
  if (list == null) return null;
  if (other == null) return null;
  return list.filter((item) => !contains(other, item));
}

/** Longer texts are cut: a rule that puts a text behind itself again and again must end somewhere. */
export const MAX_TEXT = 100_000;

export function concat(a: string, b: string): string {
  return a.length + b.length <= MAX_TEXT ? a + b : (a + b.slice(0, MAX_TEXT)).slice(0, MAX_TEXT);
}

export function divide(a: number, b: number): number | null {
  return b === 0 ? null : a / b;
}

export function remainder(a: number, b: number): number | null {
  return b === 0 ? null : a % b;
}

/** `*` and `?` against a text: pieces between stars are found from left to right, each as early as it can be. */
export function like(text: string | null | undefined, pieces: readonly string[]): boolean {
  if (text == null) return false;
  const first = pieces[0] as string;
  if (pieces.length === 1) return text.length === first.length && pieceAt(text, first, 0);
  if (!pieceAt(text, first, 0)) return false;
  let at = first.length;
  const last = pieces[pieces.length - 1] as string;
  for (let i = 1; i < pieces.length - 1; i++) {
    const piece = pieces[i] as string;
    at = findPiece(text, piece, at);
    if (at < 0) return false;
    at += piece.length;
  }
  return text.length - last.length >= at && pieceAt(text, last, text.length - last.length);
}

function pieceAt(text: string, piece: string, at: number): boolean {
  if (at + piece.length > text.length) return false;
  for (let i = 0; i < piece.length; i++) {
    const unit = piece.charCodeAt(i);
    if (unit !== 63 && unit !== text.charCodeAt(at + i)) return false;
  }
  return true;
}

function findPiece(text: string, piece: string, from: number): number {
  if (!piece.includes("?")) return text.indexOf(piece, from);
  for (let at = from; at + piece.length <= text.length; at++) if (pieceAt(text, piece, at)) return at;
  return -1;
}

export function length(value: Maybe): number | null {
  return typeof value === "string" || Array.isArray(value) ? value.length : null;
}

/** To the nearest whole number, halves away from zero. */
export function round(value: number): number {
  return value < 0 ? -Math.round(-value) : Math.round(value);
}

export function least(...values: readonly Maybe[]): Value {
  return pick(values, (a, b) => a < b);
}

export function greatest(...values: readonly Maybe[]): Value {
  return pick(values, (a, b) => a > b);
}

function pick(values: readonly Maybe[], better: (a: number | string, b: number | string) => boolean): Value {
  let best: number | string | null = null;
  for (const value of values) {
    if (typeof value !== "number" && typeof value !== "string") return null;
    if (best === null || better(value, best)) best = value;
  }
  return best;
}

// ---- what is known beside events and aggregates ----

/** The event that `wait for … as name` took. */
export function captured(x: Context, name: string): Value {
  const known = x.run?.captured?.find((each) => each.name === name);
  return known === undefined ? null : (known.data as Value);
}

export function capturedTime(x: Context, name: string): Value {
  return x.run?.captured?.find((each) => each.name === name)?.time ?? null;
}

type Levels = readonly { readonly name: string; readonly at: number }[];

/** Place of the level that was settled last; null below the lowest one. */
export function tierRank(x: Context, tier: number): number | null {
  const rank = x.customer.extras?.tiers.find(({ index }) => index === tier)?.rank ?? -1;
  return rank < 0 ? null : rank;
}

export function tierLevel(x: Context, tier: number, levels: Levels): string | null {
  const rank = tierRank(x, tier);
  return rank === null ? null : (levels[rank]?.name ?? null);
}

const above = (x: Context, tier: number, levels: Levels): Levels[number] | undefined => levels[(tierRank(x, tier) ?? -1) + 1];

export function tierNext(x: Context, tier: number, levels: Levels): string | null {
  return above(x, tier, levels)?.name ?? null;
}

export function tierMissing(x: Context, tier: number, levels: Levels, value: Maybe): number | null {
  const next = above(x, tier, levels);
  return next === undefined || typeof value !== "number" ? null : next.at - value;
}

/** Where the customer stands by the reading that was settled last. */
export function percentile(x: Context, ranking: number): number | null {
  const reading = x.customer.extras?.readings.find(({ index }) => index === ranking);
  return reading === undefined ? null : x.figures.percentile(ranking, reading.value);
}

export { balance, expiring, nextBalance, nextExpiring } from "../points.js";
export { variantOf } from "../experiments.js";

// ---- folds over lists ----

type Get = (item: Value) => Maybe;
type Where = (item: Value) => unknown;

export function fold(fn: string, list: MaybeList, where: Where | null, get: Get | null): Value {
  if (list == null) return fn === "count" || fn === "sum" || fn === "distinct" ? 0 : fn === "any" ? false : null;
  let n = 0;
  const values: Value[] = [];
  for (const item of list) {
    if (where !== null && where(item) !== true) continue;
    const value = get === null ? item : (get(item) ?? null);
    if (get !== null && value === null) continue;
    n++;
    values.push(value);
  }
  switch (fn) {
    case "count": return n;
    case "any": return n > 0;
    case "sum": return sumOf(values);
    case "avg": { const present = values.filter((value) => value !== null); return present.length === 0 ? null : sumOf(present) / present.length; }
    case "min": return present(values, least);
    case "max": return present(values, greatest);
    case "first": return values.find((value) => value !== null) ?? null;
    case "last": return values.findLast((value) => value !== null) ?? null;
    case "distinct": return new Set(values.filter((value) => value !== null)).size;
    default: throw new Error(`no such fold: ${fn}`);
  }
}

function present(values: readonly Value[], choose: (...of: Value[]) => Value): Value {
  const some = values.filter((value) => value !== null);
  return some.length === 0 ? null : some.reduce<Value>((best, value) => choose(best, value), some[0] as Value);
}

function sumOf(values: readonly Value[]): number {
  const parts: ExactSum = [];
  for (const value of values) if (typeof value === "number" && Math.abs(value) <= LARGEST_ADDEND) addExactly(parts, value);
  return rounded(parts);
}

// ---- the clock ----

/** The first whole ms after now at which a comparison that turns at `instant` may have turned. */
export function crossing(instant: number, now: number): number {
  const at = Math.ceil(instant);
  if (at > now) return at;
  const after = Math.floor(instant) + 1;
  return after > now ? after : Infinity;
}

const MAX_FLIP_STEPS = 40;

/**
 * The next instant at which a condition on the local hour or date turns: the condition itself is asked at every hour
 * (or midnight) to come, some forty of them; where it does not turn in that time, that is when to look again.
 */
export function nextFlip(x: Context, condition: (x: Context) => unknown, hourly: boolean): number {
  const now = x.now;
  const before = condition(x) === true;
  let at = now;
  for (let i = 0; i < MAX_FLIP_STEPS; i++) {
    at = hourly ? zones.nextHour(x.zone, at) : zones.nextDay(x.zone, at);
    x.now = at;
    if ((condition(x) === true) !== before) break;
  }
  x.now = now;
  return at;
}

export { ageAt, addMonths, addMonthsToDate, civilFromDays, dateAt, hourAt, instantOf, nextDay, nextHour, periodEnd, startOfDate, weekdayName, weekdayOfDate } from "../zone.js";

// ---- payloads ----

const FIRST_WRITTEN = Date.parse("0000-01-01T00:00:00Z");
const LAST_WRITTEN = Date.parse("9999-12-31T23:59:59.999Z") + 1;
/** The last instant that was written: many outputs have the same. */
let lastInstant = NaN;
let lastText = "";

/** RFC 3339 in UTC, ms only where there are some; null for what has no such text: it has four digits for the year. */
export function timeText(value: Maybe): Value {
  if (typeof value !== "number" || !(value >= FIRST_WRITTEN && value < LAST_WRITTEN)) return null;
  if (value === lastInstant) return lastText;
  const text = new Date(value).toISOString();
  lastInstant = value;
  lastText = text.endsWith(".000Z") ? `${text.slice(0, -5)}Z` : text;
  return lastText;
}

export function dateText(value: Maybe): Value {
  if (typeof value !== "number" || !(value * zones.DAY_MS >= FIRST_WRITTEN && value * zones.DAY_MS < LAST_WRITTEN)) return null;
  return new Date(value * zones.DAY_MS).toISOString().slice(0, 10);
}

export function each(list: MaybeList, convert: (item: Value) => Value): Value {
  return list == null ? null : list.map(convert);
}
