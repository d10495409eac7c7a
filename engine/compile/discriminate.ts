/**
 * Finds the few of many that an event can concern: those whose condition contains `field == constant` stand in a table
 * by that field's value, the rest are always asked. So ten thousand rules that each look for another product cost as
 * much per event as the few that look for this one.
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

/** The first top-level `row.field == constant` of a condition. */
function discriminator(where: Expr | null): { field: string; value: Scalar } | null {
  if (where === null) return null;
  for (const part of where.k === "and" ? where.of : [where]) {
    if (part.k !== "compare" || part.op !== "==") continue;
    for (const [a, b] of [[part.left, part.right], [part.right, part.left]] as const) {
      if (a.k !== "field" || a.of.k !== "input" || a.of.of !== "row" || b.k !== "const") continue;
      if (b.value !== null && typeof b.value !== "object") return { field: a.name, value: b.value as Scalar };
    }
  }
  return null;
}

export function chooser<T>(items: readonly T[], whereOf: (item: T) => Expr | null): Chooser<T> {
  const byField = new Map<string, Map<Scalar, Entry<T>[]>>();
  const keys = items.map((item) => discriminator(whereOf(item)));
  const counts = new Map<string, number>();
  for (const key of keys) if (key !== null) counts.set(key.field, (counts.get(key.field) ?? 0) + 1);
  const always: Entry<T>[] = [];
  items.forEach((item, rank) => {
    const key = keys[rank] ?? null;
    if (key === null || (counts.get(key.field) ?? 0) < WORTH_A_TABLE) {
      always.push({ rank, item });
      return;
    }
    const table = byField.get(key.field) ?? new Map<Scalar, Entry<T>[]>();
    byField.set(key.field, table);
    const list = table.get(key.value) ?? [];
    table.set(key.value, list);
    list.push({ rank, item });
  });
  if (byField.size === 0) return { choose: () => items };
  const fixed = always.map((entry) => entry.item);
  const tables = [...byField];
  return {
    choose(row) {
      let found: Entry<T>[] | null = null;
      for (const [field, table] of tables) {
        const value = Object.hasOwn(row, field) ? row[field] : undefined;
        const list = value == null ? undefined : table.get(value as Scalar);
        if (list !== undefined) found = found === null ? list : found.concat(list);
      }
      if (found === null) return fixed;
      return found.concat(always).sort((a, b) => a.rank - b.rank).map((entry) => entry.item);
    },
  };
}
