/**
 * Made-up values of a type, for measuring how many bytes they take: plain ones, and as large as can be expected.
 *
 * Deterministic. Texts and lists have no bound of their own but that of the event (1 MiB), which would say nothing;
 * TYPICAL and MOST state what is taken instead, and `eddy check --cost` prints it.
 */
import type { Field, Type, Value } from "../../dsl/program.js";

export interface Load {
  /** Characters of a text that is not one of a union. */
  readonly textLength: number;
  readonly listLength: number;
  /** Numbers take as many bytes as a number can. */
  readonly fullNumbers: boolean;
}

export const TYPICAL: Load = { textLength: 12, listLength: 2, fullNumbers: false };
export const MOST: Load = { textLength: 100, listLength: 20, fullNumbers: true };

/** Days from 1970 to a birthday, and to a day of today. */
const SOME_DAY = 19_700;
const DAY_MS = 86_400_000;

/** The `i`th value of the type; for different i different ones, so far as the type has them. */
export function sample(type: Type, load: Load, i: number): Value {
  switch (type.k) {
    case "string": return type.of === undefined ? text(load.textLength, i) : ofUnion(type.of, load, i);
    case "number": return load.fullNumbers ? shrinking(i) : (999 + ((i * 7) % 41) * 100) / 100;
    case "boolean": return i % 2 === 0;
    case "time": return SOME_DAY * DAY_MS + i * 60_000 + 1;
    case "date": return SOME_DAY + i;
    case "duration": return 60_000 * (i + 1);
    case "list": return Array.from({ length: load.listLength }, (_, j) => sample(type.of, load, i * load.listLength + j));
    case "record": return recordOf(type.fields, load, i);
    case "null": return null;
  }
}

/** A record with all its fields. */
export function recordOf(fields: readonly Field[], load: Load, i: number): { readonly [name: string]: Value } {
  return Object.fromEntries(fields.map(({ name, type }) => [name, sample(type, load, i)]));
}

const text = (length: number, i: number): string => String(i).padStart(length, "x");

function ofUnion(of: readonly string[], load: Load, i: number): string {
  const texts = load.fullNumbers ? [...of].sort((a, b) => b.length - a.length) : of;
  return texts[i % texts.length] ?? "";
}

// Each outweighs what follows it so that a window can merge none of them: the longest list of entries there is.
const SHRINKS = 0.985;
const shrinking = (i: number): number => 1e6 * SHRINKS ** i;
