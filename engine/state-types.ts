/**
 * Types of what a state holds of an author's own making: fields of the profile, events that runs keep, values in aggregates.
 * Rules are edited while states lie in the store, and code that was made for a text must never be given a number. So a
 * layout (engine/state.ts) says of which types its states are, and what is of another type now is passed over when a state
 * is read, as what is not declared any more is. Fields that are new, or gone, are no reason to pass over the rest: generated
 * code takes what is not there for missing.
 */
import type { Field, Type, Value } from "../dsl/program.js";
import type { Data } from "./customer.js";

/** A type without labels, defaults, and what may be missing. */
export type Shape = string | readonly [Shape] | { readonly [field: string]: Shape };

export function shapeOf(type: Type): Shape {
  switch (type.k) {
    case "list": return [shapeOf(type.of)];
    case "record": return shapeOfFields(type.fields);
    default: return type.k;
  }
}

export function shapeOfFields(fields: readonly Field[]): { readonly [field: string]: Shape } {
  return Object.fromEntries(fields.map(({ name, type }) => [name, shapeOf(type)]));
}

const isRecord = (shape: Shape): shape is { readonly [field: string]: Shape } => typeof shape === "object" && !Array.isArray(shape);

/** Whether what was written as the one can be read as the other. */
export function agrees(written: Shape, present: Shape): boolean {
  if (isRecord(written) && isRecord(present)) {
    return Object.entries(present).every(([name, shape]) => !Object.hasOwn(written, name) || agrees(written[name] as Shape, shape));
  }
  if (Array.isArray(written) && Array.isArray(present)) return agrees(written[0] as Shape, present[0] as Shape);
  return written === present;
}

/** Whether a value is of the type, as far as values show it: an instant, a date and a duration are numbers. */
export function fits(value: Value, type: Type): boolean {
  if (value === null) return true;
  switch (type.k) {
    case "string": return typeof value === "string";
    case "boolean": return typeof value === "boolean";
    case "list": return Array.isArray(value) && value.every((item: Value) => fits(item, type.of));
    case "record": return typeof value === "object" && !Array.isArray(value) && type.fields.every((field) => fits(own(value as Data, field.name), field.type));
    case "null": return false;
    default: return typeof value === "number";
  }
}

const own = (data: Data, name: string): Value => (Object.hasOwn(data, name) ? data[name] ?? null : null);

/**
 * The record without those of the fields that are of another type now, however deep. `written`: as which it was written,
 * where that is known.
 */
export function fitting(data: Data, fields: readonly Field[], written: Shape | undefined): Data {
  const known = written !== undefined && isRecord(written) ? written : {};
  let out = data;
  for (const { name, type } of fields) {
    const value = own(data, name);
    if (value === null) continue;
    const shape = Object.hasOwn(known, name) ? known[name] as Shape : undefined;
    const isInner = type.k === "record" && typeof value === "object" && !Array.isArray(value);
    const fit = isInner ? fitting(value as Data, type.fields, shape) as Value
      : fits(value, type) && (shape === undefined || agrees(shape, shapeOf(type))) ? value : null;
    if (fit === value) continue;
    if (out === data) out = { ...data };
    if (fit === null) delete out[name];
    else out[name] = fit;
  }
  return out;
}
