// Checked trees back to the author's words: what explanations and reports show of a condition.
//
// The text is valid Eddy wherever the tree came from such text; what the checker rewrote (`since(t) > D`, instants, quintiles)
// is spelt as what it was written as where that can be told, and otherwise as what it became. Brackets stand where the
// precedence needs them.

import { WEEKDAYS } from "./program.js";
import type { Aggregate, Cap, Expr, Length, Moment, Program, Schedule, Step, Type, Value, Window } from "./program.js";

/** Binding strength, loosest first, as in the grammar. */
const LOOSEST = 0;
const OR = 1;
const AND = 2;
const NOT = 3;
const COMPARISON = 4;
const COALESCE = 5;
const SUM = 6;
const PRODUCT = 7;
const MINUS = 8;
const POSTFIX = 9;

interface Spelt {
  readonly text: string;
  readonly strength: number;
}

const atom = (text: string): Spelt => ({ text, strength: POSTFIX + 1 });

/** The expression as its author would write it. */
export const spell = (program: Program, of: Expr): string => speller(program)(of).text;

function speller(program: Program): (of: Expr) => Spelt {
  const at = (least: number, of: Expr): string => {
    const { text, strength } = spelt(of);
    return strength < least ? `(${text})` : text;
  };
  const infix = (strength: number, op: string, left: Expr, right: Expr): Spelt => {
    // Comparisons do not chain; the others group to the left.
    const onLeft = strength === COMPARISON ? strength + 1 : strength;
    return { text: `${at(onLeft, left)} ${op} ${at(strength + 1, right)}`, strength };
  };
  /** One side of a comparison: beside a tier's rank, a number is a level. */
  const side = (of: Expr, other: Expr): string => {
    const tier = other.k === "tier" && other.fn === "rank" ? program.tiers[other.index] : undefined;
    const level = of.k === "const" && typeof of.value === "number" ? tier?.levels[of.value] : undefined;
    return level === undefined ? at(COMPARISON + 1, of) : JSON.stringify(level.name);
  };
  const spelt = (of: Expr): Spelt => {
    const fifths = quintileOf(of);
    if (fifths !== null) return atom(spelt(fifths).text.replace("percentile", "quintile"));
    switch (of.k) {
      case "const": return atom(literal(of.value, of.type));
      case "list": return atom(`[${of.items.map((item) => spelt(item).text).join(", ")}]`);
      case "record": return atom(of.entries.length === 0 ? "{}" : `{ ${of.entries.map(({ name, value }) => `${name}: ${spelt(value).text}`).join(", ")} }`);
      case "input": return atom(of.of === "row" || of.of === "item" ? "it" : of.of);
      case "timeOf": return atom(of.of === "row" ? "time" : "event.time");
      case "captured": return atom(of.name);
      case "timeOfCaptured": return atom(`${of.name}.time`);
      case "now": return atom("now");
      case "local": return atom(`${dateText(of.date)} ${clockText(of.ms)}`);
      case "field": case "pluck": {
        const inner = of.of;
        return atom(inner.k === "input" && (inner.of === "row" || inner.of === "item") ? of.name : `${at(POSTFIX, inner)}.${of.name}`);
      }
      case "index": return atom(`${at(POSTFIX, of.of)}[${spelt(of.at).text}]`);
      case "not": return { text: `not ${at(NOT, of.of)}`, strength: NOT };
      case "negate": return { text: `-${at(MINUS, of.of)}`, strength: MINUS };
      case "and": return { text: of.of.map((part) => at(AND + 1, part)).join(" and "), strength: AND };
      case "or": return { text: of.of.map((part) => at(OR + 1, part)).join(" or "), strength: OR };
      case "compare": {
        const passed = passedSince(of);
        if (passed !== null) return { text: `since(${spelt(passed.since).text}) ${passed.op} ${typeof passed.length === "string" ? passed.length : at(COMPARISON + 1, passed.length)}`, strength: COMPARISON };
        return { text: `${side(of.left, of.right)} ${of.op} ${side(of.right, of.left)}`, strength: COMPARISON };
      }
      case "arithmetic": return infix(of.op === "+" || of.op === "-" ? SUM : PRODUCT, of.op, of.left, of.right);
      case "dateShift": return infix(SUM, of.sign === 1 ? "+" : "-", of.date, of.by);
      case "dateDifference": return infix(SUM, "-", of.left, of.right);
      case "addMonths": return { text: `${at(SUM, of.of)} ${of.months < 0 ? "-" : "+"} ${monthsText(Math.abs(of.months))}`, strength: SUM };
      case "concat": return infix(SUM, "+", of.left, of.right);
      case "in": return { text: `${at(COMPARISON + 1, of.value)} in [${of.items.map((item) => spelt(item).text).join(", ")}]`, strength: COMPARISON };
      case "contains": return infix(COMPARISON, "contains", of.list, of.value);
      case "like": return { text: `${at(COMPARISON + 1, of.value)} like ${JSON.stringify(of.pattern)}`, strength: COMPARISON };
      case "without": return infix(SUM, "without", of.left, of.right);
      case "coalesce": return infix(COALESCE, "??", of.left, of.right);
      case "if": return { text: `if ${spelt(of.if).text} then ${spelt(of.then).text} else ${spelt(of.else).text}`, strength: LOOSEST };
      case "call": return atom(`${{ least: "min", greatest: "max" }[of.fn as "least"] ?? of.fn}(${of.args.map((arg) => spelt(arg).text).join(", ")})`);
      case "fold": return atom(foldText(of));
      case "aggregate": return aggregateText(program.aggregates[of.index], of.key);
      case "trait": return atom(nameOr(program.traits[of.index]?.name, "a trait"));
      case "segment": return atom(nameOr(program.segments[of.index]?.name, "a segment"));
      case "points": {
        const name = nameOr(program.points[of.index]?.name, "points");
        return of.fn === "balance" ? atom(name) : { text: `${name}.expiring within ${lengthText(of.within)}`, strength: POSTFIX };
      }
      case "tier": {
        const name = nameOr(program.tiers[of.index]?.name, "tier");
        return atom(of.fn === "level" || of.fn === "rank" ? name : `${name}.${of.fn}`);
      }
      case "variant": return atom(`variant(${nameOr(program.experiments[of.index]?.name, "experiment")})`);
      case "percentile": {
        const ranking = program.rankings[of.index];
        if (ranking === undefined) return atom("percentile");
        // The rank of `since(t)` is that of -t.
        const { value } = ranking;
        const what = value.k === "negate" && value.of.type.k !== "number" ? `since(${spelt(value.of).text})` : spelt(value).text;
        return atom(`percentile(${what} among ${spelt(ranking.among).text})`);
      }
      case "population": {
        const population = program.populations[of.index];
        return atom(population === undefined ? "a figure" : `${population.fn}(${spelt(population.of).text})`);
      }
      case "figure": return atom(`${of.fn}(${nameOr(program.experiments[of.index]?.name, "experiment")}, ${JSON.stringify(of.variant)})`);
    }
  };
  const foldText = (of: Extract<Expr, { k: "fold" }>): string => {
    const list = spelt(of.list).text;
    const what = of.value === null ? list : of.value.k === "field" && of.value.of.k === "input" ? `${at(POSTFIX, of.list)}.${of.value.name}` : `${spelt(of.value).text} of ${list}`;
    return `${of.fn}(${what}${of.where === null ? "" : ` where ${spelt(of.where).text}`})`;
  };
  const aggregateText = (aggregate: Aggregate | undefined, key: Expr | null): Spelt => {
    if (aggregate === undefined) return atom("an aggregate");
    const { fn, event, items, where, value, window, by, limit } = aggregate;
    const path = items === null ? event : `${event}.${items.join(".")}`;
    const keyed = by === null || key === null ? null : `${spelt(by).text} == ${spelt(key).text}`;
    const filters = [where === null ? null : at(keyed === null ? LOOSEST : AND, where), keyed].filter((each): each is string => each !== null);
    const filter = filters.length === 0 ? "" : ` where ${filters.join(" and ")}`;
    if (fn === "absence") return { text: `no ${event}${filter} for ${windowText(window)}`, strength: POSTFIX };
    const points = program.points.some(({ name }) => name === event);
    const span = window.k === "life" ? "" : window.k === "period" || window.k === "run" ? ` this ${window.k === "run" ? "run" : window.unit}` : ` over ${windowText(window)}`;
    if (points) return { text: `${event}.earned${span}`, strength: POSTFIX };
    const tail = limit === null ? "" : `, ${limit}`;
    if (value?.k === "timeOf" && (fn === "first" || fn === "last")) return { text: `${fn}(${path}${filter})${span}.time`, strength: POSTFIX };
    const simple = value !== null && (value.k === "field" || value.k === "pluck") ? fieldPath(value) : null;
    const what = value === null ? path : simple !== null ? `${path}.${simple}` : `${spelt(value).text} of ${path}`;
    return { text: `${fn}(${what}${filter}${tail})${span}`, strength: POSTFIX };
  };
  return spelt;
}

/** `a.b` of the row or item; null where it is more than a path. */
function fieldPath(of: Expr): string | null {
  if (of.k === "input") return of.of === "row" || of.of === "item" ? "" : null;
  if (of.k !== "field" && of.k !== "pluck") return null;
  const before = fieldPath(of.of);
  return before === null ? null : before === "" ? of.name : `${before}.${of.name}`;
}

/** `min(5, 1 + floor(percentile / 20))`: what `quintile` has become. */
function quintileOf(of: Expr): Expr | null {
  if (of.k !== "call" || of.fn !== "least") return null;
  const [five, sum] = of.args;
  if (five?.k !== "const" || five.value !== 5 || sum?.k !== "arithmetic" || sum.op !== "+" || sum.right.k !== "call") return null;
  const share = sum.right.args[0];
  return sum.right.fn === "floor" && share?.k === "arithmetic" && share.op === "/" && share.left.k === "percentile" ? share.left : null;
}

const MIRRORED = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=" } as const;

/** `D + t <= now`: what `since(t) >= D` has become. The author's own `t + D <= now` has its sides the other way round. */
function passedSince({ op, left, right }: Extract<Expr, { k: "compare" }>): { readonly since: Expr; readonly op: string; readonly length: Expr | string } | null {
  if (right.k !== "now") return null;
  if (left.k === "addMonths" && left.months > 0 && left.of.k !== "now") return { since: left.of, op: MIRRORED[op], length: monthsText(left.months) };
  if (left.k !== "arithmetic" || left.op !== "+" || left.left.type.k !== "duration" || left.right.type.k !== "time") return null;
  return { since: left.right, op: MIRRORED[op], length: left.left };
}

/** `tag "x"` and `untag "x"` have become a list that is set. */
function taggedBy({ path, value }: Extract<Step, { k: "set" }>): string | null {
  if (path.length !== 1 || path[0] !== "tags") return null;
  if (value.k === "without") {
    const tag = onlyText(value.right);
    return tag !== null && isTags(value.left) ? `untag ${tag}` : null;
  }
  if (value.k !== "if" || value.if.k !== "contains" || !isTags(value.if.list) || !isTags(value.then)) return null;
  const more = value.else.k === "pluck" && value.else.of.k === "list" ? value.else.of.items[1] : undefined;
  const added = more?.k === "record" ? more.entries[0]?.value : undefined;
  const tag = added === undefined ? null : onlyText(added);
  return tag === null ? null : `tag ${tag}`;
}

const isTags = (of: Expr): boolean => of.k === "field" && of.name === "tags" && of.of.k === "input" && of.of.of === "profile";

/** The text of a list of one text, in quotes. */
function onlyText(of: Expr): string | null {
  const [item, more] = of.k === "list" ? of.items : [];
  return item?.k === "const" && typeof item.value === "string" && more === undefined ? JSON.stringify(item.value) : null;
}

const nameOr = (name: string | undefined, otherwise: string): string => (name === undefined || name === "" ? otherwise : name);

// ---- moments, schedules, steps ----

/** `order_placed where total > 5`, `enter vip`, `status up`, `change profile.city`. */
export function spellMoment(program: Program, moment: Moment): string {
  switch (moment.k) {
    case "event": return `${moment.event}${moment.where === null ? "" : ` where ${spell(program, moment.where)}`}`;
    case "enter": case "leave": return `${moment.k} ${nameOr(program.segments[moment.segment]?.name, "a segment")}`;
    case "up": case "down": return `${nameOr(program.tiers[moment.tier]?.name, "a tier")} ${moment.k}`;
    case "change": { const watch = program.watches[moment.watch]; return `change ${watch === undefined ? "something" : spell(program, watch.value)}`; }
  }
}

/** `every monday at 09:00`. */
export function spellSchedule(program: Program, schedule: Schedule): string {
  const at = ` at ${clockText(schedule.at)}`;
  switch (schedule.k) {
    case "daily": return `every day${at}`;
    case "weekly": return `every ${WEEKDAYS[schedule.weekday] ?? "day"}${at}`;
    case "monthly": return `every month on ${schedule.day}${at}`;
    case "yearly": return `every year on ${spell(program, schedule.date)}${at}`;
  }
}

/** One step without what stands in its blocks: `wait 1 hour`, `send email "x"`, `if vip`. */
export function spellStep(program: Program, step: Step): string {
  const points = (index: number): string => nameOr(program.points[index]?.name, "points");
  switch (step.k) {
    case "wait": return `wait ${waitText(program, step.for)}`;
    case "waitClock": return `wait until ${step.weekday === null ? "" : `${WEEKDAYS[step.weekday] ?? ""} `}${clockText(step.at)}`;
    case "waitTime": return `wait until ${spell(program, step.until)}`;
    case "waitFor": return `wait for ${step.moments.map((moment) => spellMoment(program, moment)).join(", ")} up to ${lengthText(step.within)}${step.as === null ? "" : ` as ${step.as}`}`;
    case "if": return `if ${spell(program, step.if)}`;
    case "send": return `send ${nameOr(program.channels[step.channel]?.name, "a channel")} ${JSON.stringify(step.template)}`;
    case "emit": return `emit ${JSON.stringify(step.name)}`;
    case "set": return taggedBy(step) ?? `set profile.${step.path.join(".")} = ${spell(program, step.value)}`;
    case "award": return `award ${spell(program, step.amount)} ${points(step.points)}`;
    case "take": return `take ${spell(program, step.amount)} ${points(step.points)}`;
    case "split": return `split ${nameOr(program.experiments[step.experiment]?.name, "an experiment")}`;
    case "stop": return "stop";
  }
}

/** `now + 2 months - now` was written as `2 months`. */
function waitText(program: Program, of: Expr): string {
  if (of.k === "arithmetic" && of.op === "-" && of.right.k === "now" && of.left.k === "addMonths" && of.left.of.k === "now") return monthsText(of.left.months);
  return spell(program, of);
}

// ---- values ----

export const windowText = (window: Window): string =>
  window.k === "sliding" ? durationText(window.ms) : window.k === "months" ? monthsText(window.months) : window.k === "period" ? `this ${window.unit}` : window.k === "run" ? "this run" : "the lifetime";

/** `at most 1 per 7 days`; `per 24 hours`, since `per 1 day` is too easily taken for the calendar's `per day`. */
export const capText = ({ count, window }: Cap): string =>
  `at most ${count} per ${window.k === "period" ? window.unit : window.k === "sliding" && window.ms === DAY_MS ? "24 hours" : windowText(window)}`;

export const lengthText = ({ ms, months }: Length): string => (months > 0 ? monthsText(months) : durationText(ms));

const plural = (n: number, unit: string): string => `${n} ${unit}${n === 1 ? "" : "s"}`;
/** Never years: rules speak of 12 months. */
const monthsText = (months: number): string => plural(months, "month");

const DAY_MS = 86_400_000;
const UNITS = [["day", DAY_MS], ["hour", 3_600_000], ["minute", 60_000], ["second", 1000]] as const;

/** In the largest unit that leaves no rest, as it may be written; never in weeks: rules speak of 14 days. */
export function durationText(ms: number): string {
  const sign = ms < 0 ? "-" : "";
  const size = Math.abs(ms);
  if (size === 0) return "0 seconds";
  for (const [unit, length] of UNITS) {
    if (size % length === 0) return `${sign}${plural(size / length, unit)}`;
  }
  return `${sign}${plural(size / 1000, "second")}`;
}

/** `09:00`, with seconds and thousandths only where there are some. */
export function clockText(ms: number): string {
  const two = (n: number): string => String(n).padStart(2, "0");
  const seconds = Math.floor(ms / 1000) % 60;
  const rest = ms % 1000;
  const tail = rest > 0 ? `:${two(seconds)}.${String(rest).padStart(3, "0")}` : seconds > 0 ? `:${two(seconds)}` : "";
  return `${two(Math.floor(ms / 3_600_000))}:${two(Math.floor(ms / 60_000) % 60)}${tail}`;
}

const dateText = (days: number): string => new Date(days * 86_400_000).toISOString().slice(0, 10);

/** A value as it is written. Instants have no zone here, so they are shown as they are in UTC. */
export function literal(value: Value, type: Type): string {
  if (value === null) return "null";
  if (type.k === "list" && Array.isArray(value)) return `[${value.map((item: Value) => literal(item, type.of)).join(", ")}]`;
  if (type.k === "record" && typeof value === "object") {
    const record = value as { readonly [name: string]: Value };
    const shown = type.fields.filter(({ name }) => Object.hasOwn(record, name));
    return shown.length === 0 ? "{}" : `{ ${shown.map((field) => `${field.name}: ${literal(record[field.name] ?? null, field.type)}`).join(", ")} }`;
  }
  if (typeof value !== "number") return JSON.stringify(value);
  switch (type.k) {
    case "duration": return durationText(value);
    case "date": return dateText(value);
    case "time": return new Date(value).toISOString().replace("T", " ").replace(/(:00)?(\.000)?Z$/, " UTC");
    default: return String(value);
  }
}

