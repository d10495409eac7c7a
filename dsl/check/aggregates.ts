// Aggregates over an event: `count(order_placed where total > 100) over 30 days`.
//
// The brackets see one event and nothing else. A path that leads through a list (`order_placed.items.price`) makes the
// list's items the rows. Equal aggregates are one, whatever they are called and wherever they stand: World.aggregate
// sees to that.

import type * as ast from "../ast.js";
import type { Aggregate, AggregateFn, Expr, Type, Window } from "../program.js";
import { type DeclaredEvent, type NameKind, whatItIs } from "./declared.js";
import { windowOf } from "./durations.js";
import { type WrittenWindow, check, windowBehind } from "./expressions.js";
import { type Filter, UNFILTERED, readFilter } from "./filters.js";
import { valueType } from "./folds.js";
import { beginsUnknown, beginsWithEvent, fieldOf, innerNames, notInFilter, pathOf } from "./names.js";
import { retained } from "./retention.js";
import { type Site, siteIn } from "./site.js";
import { didYouMean } from "../diagnostics/suggest.js";
import * as tree from "./trees.js";
import { BOOLEAN, DURATION, NUMBER, type RecordType, listOf } from "./types.js";
import { isAggregate } from "./words.js";

const FILTER = "the filter of an aggregate";
const MOST_RECENT = 50;

/** Whether the call is an aggregate over an event, and not a word over a list or a function. */
export function isAggregateOf(site: Site, { of, arguments: [first, second] }: ast.CallExpression): boolean {
  if (first === undefined || !isAggregate(of.text)) return false;
  const path = first.of ?? pathOf(first.value);
  // A name that is nothing at all was most likely to be an event, except in `min(a, b)`.
  return path !== null && (beginsWithEvent(site, path) || ((second === undefined || of.text === "recent") && beginsUnknown(site, path)));
}

/** The rows that an aggregate looks at. */
interface Rows {
  readonly event: DeclaredEvent;
  readonly items: readonly string[] | null;
  /** Sees the event, and the item where the items are the rows. */
  readonly site: Site;
  /** What the path leads to; null where it is the event or the item as a whole. */
  readonly value: Expr | null;
  /** The path ends at the list whose items are the rows. */
  readonly wholeItems: boolean;
  readonly filter: Filter;
}

export function aggregateOver(site: Site, written: ast.CallExpression, window: WrittenWindow | null): Expr | null {
  const fn = written.of.text;
  const [argument] = written.arguments;
  if (argument === undefined || !isAggregate(fn)) return null;
  if (fn === "first" || fn === "last") {
    if (written.arguments.length === 1 && argument.of === null && pathOf(argument.value)?.length === 1) {
      return site.world.report("E0217", written.span, `\`${fn}\` gives one field of the event`, { label: `as in ${fn}(${argument.value.k === "name" ? argument.value.name.text : "…"}).time` });
    }
  }
  if (site.filter !== null) return notInFilter(site, "aggregates", written.span);
  const limit = limitOf(site, fn, written);
  const rows = rowsOf(site, fn, argument);
  if (limit === undefined || rows === null) return null;
  const over = retained(rows.event, window, site.world.report);
  return over === null ? null : made(site, fn, rows, argument, over, limit, written.span);
}

/** n of `recent(x, n)`, null for the others, undefined where the arguments are wrong. */
function limitOf(site: Site, fn: AggregateFn, written: ast.CallExpression): number | null | undefined {
  const { report } = site.world;
  const [argument, second, third] = written.arguments;
  if (argument !== undefined && argument.among !== null) {
    report("E0206", argument.among.span, `\`${fn}\` has no \`among\``);
    return undefined;
  }
  if (fn !== "recent") {
    if (second === undefined) return null;
    report("E0206", second.span, `\`${fn}\` over an event takes one argument`, { label: second.value.k === "duration" ? `a window stands behind: \`${fn}(…) over 30 days\`` : undefined });
    return undefined;
  }
  const n = second?.value;
  if (n === undefined || third !== undefined || second?.where !== null || second.of !== null || second.among !== null) {
    report("E0206", written.span, "`recent` takes a field and how many of its values", { label: "as in recent(product_viewed.sku, 5)" });
    return undefined;
  }
  if (n.k === "number" && Number.isInteger(n.value) && n.value >= 1 && n.value <= MOST_RECENT) return n.value;
  report("E0215", n.span, `\`recent\` keeps 1 to ${MOST_RECENT} values, a whole number that is written out`);
  return undefined;
}

/** What an event's own brackets see. Nothing outside shines in. */
function rowSite(site: Site, row: DeclaredEvent): Site {
  return { ...siteIn(site.world, site.needs), place: site.place, row, start: site.start, captured: site.captured, given: site.given, filter: FILTER, unknown: site.unknown };
}

/** `meant` says how what is no event could have been meant. */
export function eventOf(site: Site, name: ast.Name, meant: (name: string, kind: NameKind) => string | undefined = () => undefined): DeclaredEvent | null {
  const { declared, report, used } = site.world;
  const event = declared.events.get(name.text);
  if (event !== undefined) {
    used.add(name.text);
    return event;
  }
  const kind = declared.names.get(name.text);
  if (kind === "broken" || site.unknown.has(name.text)) return null;
  return report("E0103", name.span, `there is no event "${name.text}"`, {
    label: kind === undefined ? didYouMean(name.text, [...declared.events.keys(), ...innerNames(site)]) : (meant(name.text, kind) ?? whatItIs(name.text, kind)),
  });
}

function rowsOf(site: Site, fn: AggregateFn, argument: ast.Argument): Rows | null {
  const path = argument.of ?? pathOf(argument.value);
  const [root, ...rest] = path ?? [];
  if (root === undefined) return null;
  const event = eventOf(site, root);
  if (event === null) return null;
  const outer = rowSite(site, event);
  const walked = walk(outer, event, rest);
  if (walked === null) return null;
  // `last(order_placed.items)` is the list of the last order, unless one of its items is asked for.
  const asValue = walked.wholeItems && (fn === "first" || fn === "last") && argument.where === null && argument.of === null;
  const items = asValue ? null : walked.items;
  const inner: Site = items === null ? outer : { ...outer, item: walked.item };
  const filter = argument.where === null ? UNFILTERED : readFilter(site, inner, argument.where);
  if (filter === null) return null;
  if (argument.of === null) {
    const value = asValue ? walked.list : walked.value;
    return { event, items, site: inner, value, wholeItems: walked.wholeItems && !asValue, filter };
  }
  if (walked.value !== null && walked.value.k !== "input") {
    return site.world.report("E0205", rest.at(-1)?.span ?? root.span, "behind `of` stands an event or a list in one", { label: `as in of ${root.text}` });
  }
  const value = check(inner, argument.value);
  return value === null ? null : { event, items, site: inner, value, wholeItems: false, filter };
}

interface Walked {
  readonly items: readonly string[] | null;
  readonly item: Site["item"];
  /** The list itself, read from the event. */
  readonly list: Expr | null;
  readonly value: Expr | null;
  readonly wholeItems: boolean;
}

/** Follows a path from the event on: through records, and through one list at most. */
function walk(site: Site, event: DeclaredEvent, path: readonly ast.Name[]): Walked | null {
  let at: Expr = tree.node({ k: "input", of: "row" }, event.record, false);
  let items: readonly string[] | null = null;
  let item: Site["item"] = null;
  let list: Expr | null = null;
  const names: string[] = [];
  for (const [i, name] of path.entries()) {
    const next = fieldOf(site, at, name);
    if (next === null) return null;
    names.push(name.text);
    at = next;
    if (at.type.k !== "list") continue;
    if (items !== null) return site.world.report("E0225", name.span, "an aggregate looks through one list, and this lies in another one", { label: `the rows are the items of "${items.join(".")}"` });
    items = [...names];
    list = at;
    item = { type: at.type.of, maybe: at.type.maybe };
    at = tree.node({ k: "input", of: "item" }, item.type, item.maybe);
    if (i === path.length - 1) return { items, item, list, value: at, wholeItems: true };
  }
  return { items, item, list, value: path.length === 0 ? null : at, wholeItems: false };
}

function made(site: Site, fn: Exclude<AggregateFn, "absence">, rows: Rows, argument: ast.Argument, window: Window, limit: number | null, span: ast.Span): Expr | null {
  const { report } = site.world;
  const { value, event, filter: { where, by, key } } = rows;
  const intern = (type: Type, maybe: boolean, over: Partial<Aggregate> = {}): Expr =>
    reference(site, { fn, event: event.name, items: rows.items, where, value: null, window, by, limit, type, maybe, ...over }, key);
  switch (fn) {
    case "count": case "any": {
      const counted = value !== null && !rows.wholeItems && value.maybe ? tree.both(where, tree.compare("!=", value, tree.missing)) : where;
      return intern(fn === "any" ? BOOLEAN : NUMBER, false, { where: counted });
    }
    case "gap":
      if (value === null && rows.items === null) return intern(DURATION, true);
      return report("E0217", span, "`gap` is the time between events, so it takes no field", { label: `write gap(${event.name})` });
    default: {
      if (value === null) {
        return report("E0217", span, `\`${fn}\` needs a field of "${event.name}"`, { label: `as in ${fn}(${event.name}.${exampleField(event.record)}${fn === "recent" ? ", 5" : ""})` });
      }
      const type = valueType(site, fn, value.type, argument.value.span);
      if (type === null) return null;
      const result = fn === "recent" ? listOf(type, false) : type;
      return intern(result, fn !== "sum" && fn !== "distinct" && fn !== "recent", { value });
    }
  }
}

const exampleField = (record: RecordType): string => record.fields.find(({ type }) => type.k === "number")?.name ?? record.fields[0]?.name ?? "time";

function reference(site: Site, aggregate: Omit<Aggregate, "key">, key: Expr | null): Expr {
  return tree.node({ k: "aggregate", index: site.world.aggregate(aggregate), key }, aggregate.type, aggregate.maybe);
}

/**
 * `first(E).field` and `last(E where …).time`, with a window before or behind the dot; undefined where the expression is
 * something else. A field that may be missing is kept in a record, since a value that is missing would be passed over:
 * the last order's coupon is not the last coupon.
 */
export function aggregateField(site: Site, written: ast.DotExpression, behind: WrittenWindow | null): Expr | null | undefined {
  let { of } = written;
  let window = behind;
  if (of.k === "over" || of.k === "this") {
    const inner = of.of;
    if (inner.k !== "call" || !isWhole(site, inner)) return undefined;
    const own = windowBehind(site, of);
    if (own === null) return null;
    if (window !== null) return site.world.report("E0218", window.span, "there is a window already");
    window = own;
    of = inner;
  }
  if (of.k !== "call" || !isWhole(site, of)) return undefined;
  const [argument] = of.arguments;
  const fn = of.of.text;
  if (argument === undefined || (fn !== "first" && fn !== "last")) return undefined;
  if (site.filter !== null) return notInFilter(site, "aggregates", of.span);
  if (of.arguments.length > 1 || argument.among !== null) return site.world.report("E0206", of.span, `\`${fn}\` over an event takes one argument`);
  const rows = rowsOf(site, fn, argument);
  if (rows === null) return null;
  const row = tree.node({ k: "input", of: "row" }, rows.event.record, false);
  const field = fieldOf(rows.site, row, written.field);
  if (field === null) return null;
  const over = retained(rows.event, window, site.world.report);
  if (over === null) return null;
  const { where, by, key } = rows.filter;
  const shared: Omit<Aggregate, "key" | "value" | "type" | "maybe"> = { fn, event: rows.event.name, items: rows.items, where, window: over, by, limit: null };
  if (!field.maybe) return reference(site, { ...shared, value: field, type: field.type, maybe: true }, key);
  const kept = tree.record([{ name: written.field.text, value: field }]);
  const whole = reference(site, { ...shared, value: kept, type: kept.type, maybe: true }, key);
  return tree.node({ k: "field", of: whole, name: written.field.text }, field.type, true);
}

/** `first(E …)` or `last(E …)` of the event as a whole. */
function isWhole(site: Site, written: ast.CallExpression): boolean {
  const [argument] = written.arguments;
  if (argument === undefined || argument.of !== null || (written.of.text !== "first" && written.of.text !== "last")) return false;
  const path = pathOf(argument.value);
  return path?.length === 1 && beginsWithEvent(site, path);
}

/** `no E [where …] for D`. */
export function absence(site: Site, written: ast.NoExpression): Expr | null {
  const { on } = written;
  if (site.filter !== null) return notInFilter(site, "aggregates", written.span);
  const event = eventOf(site, on.event);
  const length = windowOf(written.for, site.world.report);
  const window = event === null || length === null ? length : retained(event, { window: length, span: written.for.span }, site.world.report);
  const filter = event === null || on.where === null ? UNFILTERED : readFilter(site, rowSite(site, event), on.where);
  if (event === null || window === null || filter === null) return null;
  const { where, by, key } = filter;
  return reference(site, { fn: "absence", event: event.name, items: null, where, value: null, window, by, limit: null, type: BOOLEAN, maybe: false }, key);
}

