// Types: which fit together, what two have in common, and how they are called in a message.
//
// A text literal has the union of just itself as its type, so `metal == "golt"` can be told from `metal == "gold"`.
// An empty list is a list of the null type, which fits every type. Whether a value may be missing is not part of its
// type, except inside lists and records.

import { WEEKDAYS, type Field, type Type } from "../program.js";

export const STRING: Type = { k: "string" };
export const NUMBER: Type = { k: "number" };
export const BOOLEAN: Type = { k: "boolean" };
export const TIME: Type = { k: "time" };
export const DATE: Type = { k: "date" };
export const DURATION: Type = { k: "duration" };
export const NULL: Type = { k: "null" };
export const WEEKDAY: Type = { k: "string", of: WEEKDAYS };

export type ListType = Extract<Type, { readonly k: "list" }>;
export type RecordType = Extract<Type, { readonly k: "record" }>;

export const listOf = (of: Type, maybe: boolean): ListType => ({ k: "list", of, maybe });
export const isScalar = (type: Type): boolean => type.k !== "list" && type.k !== "record" && type.k !== "null";
/** Those that `<` and `>` compare. */
export const isOrdered = (type: Type): boolean => isScalar(type) && type.k !== "boolean";

/** `a string`, `an instant`, `a list of numbers`: as it stands in the middle of a message. */
export function describe(type: Type): string {
  switch (type.k) {
    case "string": return "a string";
    case "number": return "a number";
    case "boolean": return "true or false";
    case "time": return "an instant";
    case "date": return "a date";
    case "duration": return "a duration";
    case "record": return "a record";
    case "null": return "null";
    case "list": return type.of.k === "null" ? "an empty list" : `a list of ${plural(type.of)}`;
  }
}

const MOST_LISTED = 8;

/** `"open", "paid"`: the texts that something may be, as many as can be read. */
export function listed(texts: readonly string[]): string {
  const shown = texts.slice(0, MOST_LISTED).map((text) => `"${text}"`).join(", ");
  return texts.length > MOST_LISTED ? `${shown} and ${texts.length - MOST_LISTED} more` : shown;
}

function plural(type: Type): string {
  switch (type.k) {
    case "boolean": return "booleans";
    case "time": return "instants";
    case "null": return "nothing";
    case "list": return "lists";
    default: return `${type.k}s`;
  }
}

/**
 * The type of what is either of the one or of the other; null where there is none. The unions of two strings are
 * joined, and a string without a union swallows them.
 */
export function join(a: Type, b: Type): Type | null {
  if (a === b || b.k === "null") return a;
  if (a.k === "null") return b;
  if (a.k === "string" && b.k === "string") {
    if (a.of === undefined || b.of === undefined) return STRING;
    return { k: "string", of: [...new Set([...a.of, ...b.of])] };
  }
  if (a.k === "list" && b.k === "list") {
    const of = join(a.of, b.of);
    return of === null ? null : listOf(of, a.maybe || b.maybe);
  }
  if (a.k === "record" && b.k === "record") return joinRecords(a, b);
  return a.k === b.k ? a : null;
}

function joinRecords(a: RecordType, b: RecordType): Type | null {
  const others = new Map(b.fields.map((field) => [field.name, field]));
  const fields: Field[] = [];
  for (const field of a.fields) {
    const other = others.get(field.name);
    others.delete(field.name);
    const type = other === undefined ? field.type : join(field.type, other.type);
    if (type === null) return null;
    fields.push(plainField(field.name, type, other === undefined || field.maybe || other.maybe));
  }
  for (const other of others.values()) fields.push(plainField(other.name, other.type, true));
  return { k: "record", fields };
}

export const plainField = (name: string, type: Type, maybe: boolean): Field => ({ name, wire: name, type, maybe });

/** Whether a value of the one type may stand where one of the other is wanted. */
export function fits(from: Type, to: Type): boolean {
  if (from === to || from.k === "null") return true;
  switch (to.k) {
    case "string": {
      if (from.k !== "string") return false;
      const { of } = to;
      return of === undefined || (from.of !== undefined && from.of.every((text) => of.includes(text)));
    }
    case "list": return from.k === "list" && fits(from.of, to.of) && (to.maybe || !from.maybe);
    case "record": return from.k === "record" && recordFits(from, to);
    default: return from.k === to.k;
  }
}

function recordFits(from: RecordType, to: RecordType): boolean {
  const given = new Map(from.fields.map((field) => [field.name, field]));
  const wanted = new Set(to.fields.map(({ name }) => name));
  if (from.fields.some(({ name }) => !wanted.has(name))) return false;
  return to.fields.every((field) => {
    const found = given.get(field.name);
    const optional = field.maybe || field.default !== undefined;
    if (found === undefined) return optional;
    return fits(found.type, field.type) && (optional || !found.maybe);
  });
}

/** Whether two values can be equal at all; texts out of two unions that share none cannot. */
export function comparable(a: Type, b: Type): boolean {
  if (a.k === "null" || b.k === "null") return true;
  if (a.k === "list" && b.k === "list") return comparable(a.of, b.of);
  if (a.k === "record" && b.k === "record") {
    const others = new Map(b.fields.map((field) => [field.name, field.type]));
    return a.fields.length === b.fields.length && a.fields.every(({ name, type }) => {
      const other = others.get(name);
      return other !== undefined && comparable(type, other);
    });
  }
  return a.k === b.k;
}

/** Two unions without a text in common: values of these types are never equal. */
export function disjoint(a: Type, b: Type): boolean {
  if (a.k !== "string" || b.k !== "string" || a.of === undefined || b.of === undefined) return false;
  const { of } = b;
  return !a.of.some((text) => of.includes(text));
}
