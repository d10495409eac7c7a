/**
 * Finds the few of many that an event can concern: those whose condition contains `field == constant` stand in a table
 * by that field's value, those that bound a number (`price >= 10 and price < 20`) by the slots between all bounds, the rest are
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
  readonly op: "==" | "<" | "<=" | ">" | ">=";
  readonly value: Scalar;
}

const TURNED = { "==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;
const AS_IS = { "==": "==", "<": "<", "<=": "<=", ">": ">", ">=": ">=" } as const;

/** A comparison of a field with a constant, the field first. */
function compared(part: Expr): Compared | null {
  if (part.k !== "compare" || part.op === "!=") return null;
  for (const [a, b, ops] of [[part.left, part.right, AS_IS], [part.right, part.left, TURNED]] as const) {
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
  /** The bound itself is not in it. */
  readonly isAbove: boolean;
  readonly isBelow: boolean;
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
  let [low, high, isAbove, isBelow] = [-Infinity, Infinity, false, false];
  for (const part of partsOf(where)) {
    const found = compared(part);
    if (found === null || found.op === "==" || typeof found.value !== "number") continue;
    bounded ??= found.field;
    if (found.field !== bounded) continue;
    const { op, value } = found;
    if (op === ">" || op === ">=") {
      if (value < low || (value === low && isAbove)) continue;
      low = value;
      isAbove = op === ">";
    } else if (value < high || (value === high && !isBelow)) {
      high = value;
      isBelow = op === "<";
    }
  }
  return bounded === null ? null : { field: bounded, low, high, isAbove, isBelow };
}

// ---------------------------------------------------------------------------------------------------- finding

/** Adds the places of those whose key fits the value. */
type Find = (value: unknown, found: number[]) => void;

interface Keyed<K> {
  readonly key: K;
  /** Among all that were given. */
  readonly place: number;
}

/**
 * Lists of places by number, one behind the other in plain memory: with ten thousand of them nothing is in a cache, and each
 * object on the way would be waited for.
 */
interface Lists {
  /** List i begins here and ends where the next one begins. */
  readonly from: Int32Array;
  readonly places: Int32Array;
}

function listsOf(lists: readonly (readonly number[])[]): Lists {
  const from = new Int32Array(lists.length + 1);
  lists.forEach((list, i) => { from[i + 1] = (from[i] as number) + list.length; });
  return { from, places: Int32Array.from(lists.flat()) };
}

function addList({ from, places }: Lists, i: number, found: number[]): void {
  const end = from[i + 1] as number;
  for (let at = from[i] as number; at < end; at++) found.push(places[at] as number);
}

function tableOf(entries: readonly Keyed<Equality>[]): Find {
  const numbers = new Map<Scalar, number>();
  const all: number[][] = [];
  for (const { key: { value }, place } of entries) {
    let number = numbers.get(value);
    if (number === undefined) {
      numbers.set(value, (number = all.length));
      all.push([]);
    }
    all[number]?.push(place);
  }
  const lists = listsOf(all);
  return (value, found) => {
    const number = numbers.get(value as Scalar);
    if (number !== undefined) addList(lists, number, found);
  };
}

/** An interval over more slots than this is kept in the tree: in the slots it would stand too often. */
const WIDE = 16;

/**
 * The bounds cut the numbers into slots: below the first bound, the first bound itself, between it and the second, and so on.
 * Each slot has the list of those that hold it; where a value lies, halving finds.
 */
function intervalsOf(entries: readonly Keyed<Interval>[]): Find {
  const bounds = Float64Array.from(new Set(entries.flatMap(({ key: { low, high } }) => [low, high]).filter(Number.isFinite))).sort();
  const slotOf = (value: number): number => {
    let [from, to] = [0, bounds.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      if ((bounds[middle] as number) < value) from = middle + 1;
      else to = middle;
    }
    return bounds[from] === value ? 2 * from + 1 : 2 * from;
  };
  const slots = Array.from({ length: 2 * bounds.length + 1 }, (): number[] => []);
  const wide: Keyed<Interval>[] = [];
  for (const entry of entries) {
    const { key: { low, high, isAbove, isBelow }, place } = entry;
    const first = low === -Infinity ? 0 : slotOf(low) + (isAbove ? 1 : 0);
    const last = high === Infinity ? slots.length - 1 : slotOf(high) - (isBelow ? 1 : 0);
    if (last - first >= WIDE) wide.push(entry);
    else for (let slot = first; slot <= last; slot++) slots[slot]?.push(place);
  }
  const lists = listsOf(slots);
  const tree = treeOf(wide);
  return (value, found) => {
    if (typeof value !== "number" || value !== value) return;
    addList(lists, slotOf(value), found);
    if (tree !== null) findIn(tree, value, found);
  };
}

/**
 * A centred interval tree: those that hold the centre stand at the node twice, by where they begin and by where they end,
 * so that none is looked at that does not fit, but one more at each node. Bounds are taken to be inclusive, as the condition
 * is asked again.
 */
interface Node {
  readonly centre: number;
  readonly byLow: readonly Keyed<Interval>[];
  readonly byHigh: readonly Keyed<Interval>[];
  readonly below: Node | null;
  readonly above: Node | null;
}

/** `entries`: none that ends before it begins. */
function treeOf(entries: readonly Keyed<Interval>[]): Node | null {
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

function findIn(tree: Node, value: number, found: number[]): void {
  for (let node: Node | null = tree; node !== null; ) {
    const isBelow: boolean = value < node.centre;
    for (const { key, place } of isBelow ? node.byLow : node.byHigh) {
      if (isBelow ? key.low > value : key.high < value) break;
      found.push(place);
    }
    node = isBelow ? node.below : node.above;
  }
}

// ---------------------------------------------------------------------------------------------------- choosing

/** By field: those that have a key of it, where they are worth a table; the others are left to `rest`. */
function grouped<K extends { readonly field: string }>(places: readonly number[], keyOf: (place: number) => K | null, rest: number[]): Map<string, Keyed<K>[]> {
  const fields = new Map<string, Keyed<K>[]>();
  const keyed = places.map((place) => ({ place, key: keyOf(place) }));
  for (const { place, key } of keyed) {
    if (key === null) continue;
    const list = fields.get(key.field) ?? [];
    fields.set(key.field, list);
    list.push({ place, key });
  }
  for (const [field, list] of fields) if (list.length < WORTH_A_TABLE) fields.delete(field);
  for (const { place, key } of keyed) if (key === null || !fields.has(key.field)) rest.push(place);
  return fields;
}

export function chooser<T>(items: readonly T[], whereOf: (item: T) => Expr | null): Chooser<T> {
  const unequal: number[] = [];
  const always: number[] = [];
  const where = items.map(whereOf);
  const equalities = grouped([...items.keys()], (place) => equalityOf(where[place] ?? null), unequal);
  const intervals = grouped(unequal, (place) => intervalOf(where[place] ?? null), always);
  const finds: (readonly [field: string, find: Find])[] = [
    ...[...equalities].map(([field, entries]) => [field, tableOf(entries)] as const),
    ...[...intervals].map(([field, entries]) => [field, intervalsOf(entries.filter(({ key }) => key.low <= key.high))] as const),
  ];
  if (finds.length === 0) return { choose: () => items };
  const fixed = always.map((place) => items[place] as T);
  const found: number[] = [];
  return {
    choose(row) {
      found.length = 0;
      for (let i = 0; i < finds.length; i++) {
        const [field, find] = finds[i] as (typeof finds)[number];
        if (Object.hasOwn(row, field)) find(row[field], found);
      }
      if (found.length === 0) return fixed;
      if (found.length === 1 && fixed.length === 0) return [items[found[0] as number] as T];
      for (const place of always) found.push(place);
      return found.sort((a, b) => a - b).map((place) => items[place] as T);
    },
  };
}
