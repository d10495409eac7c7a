/**
 * Finds the few of many that an event can concern: those whose condition contains `field == constant` stand in a table
 * by that field's value, those that bound a number (`price >= 10 and price < 20`) in a tree of intervals, the rest are
 * always asked. So ten thousand rules that each look for another product, or another range of prices, cost as much per event
 * as the few that look for this one.
 */
import type { Expr } from "../../dsl/program.js";
import type { Data } from "../customer.js";

type Scalar = string | number | boolean;

export interface Chooser<T> {
  /** Those that may be concerned by the row, in the order in which they were given. */
  choose(row: Data): readonly T[];
}

interface Entry<T> {
  readonly rank: number;
  readonly item: T;
}

/** Below this many, asking each is as fast as looking them up. */
const WORTH_A_TABLE = 4;

// ---------------------------------------------------------------------------------------------------- what tells apart

/** The parts all of which must hold. */
const partsOf = (where: Expr | null): readonly Expr[] => (where === null ? [] : where.k === "and" ? where.of : [where]);

/** Name of the field of the row that the expression is. */
function rowField(expr: Expr): string | null {
  return expr.k === "field" && expr.of.k === "input" && expr.of.of === "row" ? expr.name : null;
}

interface Compared {
  readonly field: string;
  readonly op: "==" | "<" | ">";
  readonly value: Scalar;
}

const TURNED = { "==": "==", "<": ">", "<=": ">", ">": "<", ">=": "<" } as const;
const LAX = { "==": "==", "<": "<", "<=": "<", ">": ">", ">=": ">" } as const;

/** A comparison of a field with a constant, the field first; bounds are taken to be inclusive, as the condition is asked again. */
function compared(part: Expr): Compared | null {
  if (part.k !== "compare" || part.op === "!=") return null;
  for (const [a, b, ops] of [[part.left, part.right, LAX], [part.right, part.left, TURNED]] as const) {
    const field = rowField(a);
    if (field !== null && b.k === "const" && b.value !== null && typeof b.value !== "object") return { field, op: ops[part.op], value: b.value as Scalar };
  }
  return null;
}

interface Equality {
  readonly field: string;
  readonly value: Scalar;
}

interface Interval {
  readonly field: string;
  readonly low: number;
  readonly high: number;
}

/** The first top-level `row.field == constant` of a condition. */
function equalityOf(where: Expr | null): Equality | null {
  for (const part of partsOf(where)) {
    const found = compared(part);
    if (found?.op === "==") return found;
  }
  return null;
}

/** The numbers that the first field that is bounded at the top level may have; the narrowest where there are several bounds. */
function intervalOf(where: Expr | null): Interval | null {
  let bounded: string | null = null;
  let [low, high] = [-Infinity, Infinity];
  for (const part of partsOf(where)) {
    const found = compared(part);
    if (found === null || found.op === "==" || typeof found.value !== "number") continue;
    bounded ??= found.field;
    if (found.field !== bounded) continue;
    if (found.op === ">") low = Math.max(low, found.value);
    else high = Math.min(high, found.value);
  }
  return bounded === null ? null : { field: bounded, low, high };
}

// ---------------------------------------------------------------------------------------------------- finding

/** Adds those whose key fits the value. */
type Find<T> = (value: unknown, found: Entry<T>[]) => void;

function tableOf<T>(entries: readonly (Entry<T> & { readonly key: Equality })[]): Find<T> {
  const table = new Map<Scalar, Entry<T>[]>();
  for (const { key: { value }, rank, item } of entries) {
    const list = table.get(value);
    if (list === undefined) table.set(value, [{ rank, item }]);
    else list.push({ rank, item });
  }
  return (value, found) => {
    const list = table.get(value as Scalar);
    if (list !== undefined) for (const entry of list) found.push(entry);
  };
}

/**
 * A centred interval tree: those that hold the centre stand at the node twice, by where they begin and by where they end,
 * so that none is looked at that does not fit, but one more at each node.
 */
interface Node<T> {
  readonly centre: number;
  readonly byLow: readonly Held<T>[];
  readonly byHigh: readonly Held<T>[];
  readonly below: Node<T> | null;
  readonly above: Node<T> | null;
}

type Held<T> = Entry<T> & { readonly key: Interval };

/** `entries`: none that ends before it begins. */
function treeOf<T>(entries: readonly Held<T>[]): Node<T> | null {
  if (entries.length === 0) return null;
  const ends = entries.flatMap(({ key: { low, high } }) => [low, high]).filter(Number.isFinite).sort((a, b) => a - b);
  const centre = ends[ends.length >> 1] ?? 0;
  const here = entries.filter(({ key }) => key.low <= centre && centre <= key.high);
  return {
    centre,
    byLow: [...here].sort((a, b) => a.key.low - b.key.low),
    byHigh: [...here].sort((a, b) => b.key.high - a.key.high),
    below: treeOf(entries.filter(({ key }) => key.high < centre)),
    above: treeOf(entries.filter(({ key }) => key.low > centre)),
  };
}

function findIn<T>(tree: Node<T> | null): Find<T> {
  return (value, found) => {
    if (typeof value !== "number") return;
    for (let node = tree; node !== null; ) {
      const isBelow = value < node.centre;
      const list = isBelow ? node.byLow : node.byHigh;
      for (let i = 0; i < list.length; i++) {
        const held = list[i] as Held<T>;
        if (isBelow ? held.key.low > value : held.key.high < value) break;
        found.push(held);
      }
      node = isBelow ? node.below : node.above;
    }
  };
}

// ---------------------------------------------------------------------------------------------------- choosing

/** By field: those that have a key of it, where they are worth a table; the others are left to `rest`. */
function grouped<T, K extends { readonly field: string }>(
  entries: readonly Entry<T>[], keyOf: (entry: Entry<T>) => K | null, rest: Entry<T>[],
): Map<string, (Entry<T> & { readonly key: K })[]> {
  const fields = new Map<string, (Entry<T> & { readonly key: K })[]>();
  const keyed = entries.map((entry) => ({ entry, key: keyOf(entry) }));
  for (const { entry, key } of keyed) {
    if (key === null) continue;
    const list = fields.get(key.field) ?? [];
    fields.set(key.field, list);
    list.push({ ...entry, key });
  }
  for (const [field, list] of fields) if (list.length < WORTH_A_TABLE) fields.delete(field);
  for (const { entry, key } of keyed) if (key === null || !fields.has(key.field)) rest.push(entry);
  return fields;
}

export function chooser<T>(items: readonly T[], whereOf: (item: T) => Expr | null): Chooser<T> {
  const unequal: Entry<T>[] = [];
  const always: Entry<T>[] = [];
  const equalities = grouped(items.map((item, rank) => ({ rank, item })), ({ item }) => equalityOf(whereOf(item)), unequal);
  const intervals = grouped(unequal, ({ item }) => intervalOf(whereOf(item)), always);
  const finds: (readonly [field: string, find: Find<T>])[] = [
    ...[...equalities].map(([field, entries]) => [field, tableOf(entries)] as const),
    ...[...intervals].map(([field, entries]) => [field, findIn(treeOf(entries.filter(({ key }) => key.low <= key.high)))] as const),
  ];
  if (finds.length === 0) return { choose: () => items };
  const fixed = always.map((entry) => entry.item);
  const found: Entry<T>[] = [];
  return {
    choose(row) {
      found.length = 0;
      for (let i = 0; i < finds.length; i++) {
        const [field, find] = finds[i] as (typeof finds)[number];
        if (Object.hasOwn(row, field)) find(row[field], found);
      }
      if (found.length === 0) return fixed;
      if (found.length === 1 && fixed.length === 0) return [(found[0] as Entry<T>).item];
      for (const entry of always) found.push(entry);
      return found.sort((a, b) => a.rank - b.rank).map((entry) => entry.item);
    },
  };
}
