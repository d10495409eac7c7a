/**
 * Whether an event's data has the form that the program declares, and the data as the program's values: times and dates
 * become numbers, names on the wire become the declared ones, defaults are filled in. The parsed JSON is changed in
 * place. Undeclared fields of the event itself stay in it and are never looked at (`project` leaves them out of what is
 * kept); records inside it lose theirs, since those are compared, kept and shown as a whole.
 *
 * A value that does not fit gives BAD, and `lastFault` says where and why.
 */
import type { Field, Type, Value } from "../dsl/program.js";
import type { Data } from "./customer.js";
import { daysFromCivil, daysInMonth, parseTime } from "./envelope.js";

export const BAD: unique symbol = Symbol("does not fit");
type Checked = Value | undefined | typeof BAD;
/** Takes what JSON.parse gave (never undefined or null) and answers the program's value, or BAD. */
type Check = (value: unknown) => Checked;

let fault = "";
let path = "";

/** Why the last check gave BAD: `data.items[2].price must be a number, not a text`. */
export function lastFault(): string {
  return `data${path} ${fault}`;
}

function bad(text: string): typeof BAD {
  fault = text;
  path = "";
  return BAD;
}

function inside(place: string): typeof BAD {
  path = place + path;
  return BAD;
}

/** BAD, for a reason that is not the form's. */
export function refused(place: string, why: string): typeof BAD {
  bad(why);
  return inside(place);
}

function kind(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  return { string: "a text", number: "a number", boolean: "true or false", object: "an object" }[typeof value as "string"] ?? typeof value;
}

const must = (what: string, value: unknown): typeof BAD => bad(`must be ${what}, not ${kind(value)}`);
const shown = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

const checkString: Check = (v) => (typeof v === "string" ? v : must("a text", v));
// JSON.parse makes Infinity of 1e999.
const checkNumber: Check = (v) => (typeof v !== "number" ? must("a number", v) : v - v === 0 ? v : bad("is larger than any number"));
const checkBoolean: Check = (v) => (typeof v === "boolean" ? v : must("true or false", v));

const checkTime: Check = (v) => {
  if (typeof v !== "string") return must("a time such as \"2026-03-02T10:00:00Z\"", v);
  return parseTime(v) ?? bad(`must be a time such as "2026-03-02T10:00:00Z" of the years 1970 to 2199, not ${shown(v)}`);
};

const DATE = /^\d{4}-\d\d-\d\d$/;

const checkDate: Check = (v) => {
  if (typeof v !== "string") return must("a date such as \"2026-03-02\"", v);
  const [year, month, day] = [Number(v.slice(0, 4)), Number(v.slice(5, 7)), Number(v.slice(8, 10))];
  if (!DATE.test(v) || month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    return bad(`must be a date such as "2026-03-02", not ${shown(v)}`);
  }
  return daysFromCivil(year, month, day);
};

function checkUnion(of: readonly string[]): Check {
  const allowed = new Set<unknown>(of);
  return (v) => {
    if (allowed.has(v)) return v as string;
    if (typeof v !== "string") return must("a text", v);
    return bad(`must be one of ${of.map((text) => JSON.stringify(text)).join(", ")}, not ${shown(v)}`);
  };
}

function checkList(of: Type, maybe: boolean): Check {
  const check = checkOf(of);
  return (v) => {
    if (!Array.isArray(v)) return must("a list", v);
    const list = v as unknown[];
    for (let i = 0; i < list.length; i++) {
      const item = list[i];
      if (item === null) {
        if (!maybe) return bad("must not be null"), inside(`[${i}]`);
        continue;
      }
      const checked = check(item);
      if (checked === BAD) return inside(`[${i}]`);
      if (checked !== item) list[i] = checked;
    }
    return list as Value[];
  };
}

const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

/** Checks the fields of an object: in place, or into a new one where something is in it that does not belong. */
function checkRecord(fields: readonly Field[], isInside: boolean): Check {
  const plans = fields.map((field) => ({ ...field, check: checkOf(field.type), inherited: INHERITED.has(field.wire) }));
  const renames = fields.some((field) => field.name !== field.wire);
  return (v) => {
    if (typeof v !== "object" || v === null || Array.isArray(v)) return must("an object", v);
    const record = v as Record<string, unknown>;
    const given = isInside ? Object.keys(record).length : 0; // counted before defaults are filled in
    // With other names on the wire a fresh object is filled: one field may be called what another is on the wire.
    const out: Record<string, unknown> = renames ? {} : record;
    let there = 0;
    for (let i = 0; i < plans.length; i++) {
      const plan = plans[i] as (typeof plans)[number];
      const raw = plan.inherited && !Object.hasOwn(record, plan.wire) ? undefined : record[plan.wire];
      if (raw !== undefined) there++;
      if (raw === undefined || raw === null) {
        if (plan.default !== undefined) define(out, plan.name, plan.default);
        else if (!plan.maybe) return bad(raw === null ? "must not be null" : "is missing"), inside(`.${plan.wire}`);
        continue;
      }
      const checked = plan.check(raw);
      if (checked === BAD) return inside(`.${plan.wire}`);
      if (checked !== raw || renames) define(out, plan.name, checked);
    }
    return (isInside && !renames && given !== there ? project(out as Data, fields) : out) as Value;
  };
}

/** Assigning to `__proto__` would change the object's nature; no declared name is spared the check where it may be. */
function define(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name === "__proto__") Object.defineProperty(record, name, { value, enumerable: true, configurable: true, writable: true });
  else record[name] = value;
}

function checkOf(type: Type): Check {
  switch (type.k) {
    case "string": return type.of === undefined ? checkString : checkUnion(type.of);
    case "number": case "duration": return checkNumber;
    case "boolean": return checkBoolean;
    case "time": return checkTime;
    case "date": return checkDate;
    case "list": return checkList(type.of, type.maybe);
    case "record": return checkRecord(type.fields, true);
    case "null": return (v) => must("null", v);
  }
}

/** The check of an event type's data. Data that is missing altogether counts as `{}`. */
export function eventCheck(fields: readonly Field[]): (data: unknown) => Data | typeof BAD {
  const check = checkRecord(fields, false);
  return (data) => check(data === undefined || data === null ? {} : data) as Data | typeof BAD;
}

// ---------------------------------------------------------------------------------------------------- profile

/**
 * The check of a profile update: what is named must fit; null clears. Gives a patch in the program's values; fields
 * that the profile does not have are passed over.
 */
export function patchCheck(fields: readonly Field[]): (data: unknown) => Data | typeof BAD {
  const plans = fields.map((field) => ({
    field,
    check: field.type.k === "record" ? patchCheck(field.type.fields) : checkOf(field.type),
  }));
  return (data) => {
    if (data === undefined || data === null) return {};
    if (typeof data !== "object" || Array.isArray(data)) return must("an object", data);
    const patch: Data = {};
    for (const { field, check } of plans) {
      if (!Object.hasOwn(data, field.wire)) continue;
      const raw = (data as Record<string, unknown>)[field.wire];
      const checked = raw === null ? null : check(raw);
      if (checked === BAD) return inside(`.${field.wire}`);
      define(patch as Record<string, unknown>, field.name, checked);
    }
    return patch;
  };
}

/** Merges a patch: records deeply, null clears, everything else is replaced. Answers a new profile. */
export function merged(profile: Data, patch: Data, fields: readonly Field[]): Data {
  const result: Data = { ...profile };
  for (const field of fields) {
    if (!Object.hasOwn(patch, field.name)) continue;
    const value = patch[field.name];
    if (value == null) delete result[field.name];
    else if (field.type.k === "record") {
      const before = Object.hasOwn(profile, field.name) ? (profile[field.name] as Data | undefined) : undefined;
      result[field.name] = merged(before ?? {}, value as Data, field.type.fields) as Value;
    } else result[field.name] = value;
  }
  return result;
}

// ---------------------------------------------------------------------------------------------------- keeping

/** A copy of some fields of checked data, with nothing in it that is not declared. */
export function project(data: Data, fields: readonly Field[]): Data {
  const out: Data = {};
  for (const field of fields) {
    const value = Object.hasOwn(data, field.name) ? data[field.name] : undefined;
    if (value != null) out[field.name] = declared(value, field.type);
  }
  return out;
}

function declared(value: Value, type: Type): Value {
  if (value === null) return null;
  if (type.k === "list") return needsProjection(type.of) ? (value as Value[]).map((item) => declared(item, type.of)) : value;
  return type.k === "record" ? (project(value as Data, type.fields) as Value) : value;
}

function needsProjection(type: Type): boolean {
  return type.k === "record" || (type.k === "list" && needsProjection(type.of));
}
