/**
 * What a test hands over, as JSON: on the wire for events and profiles, where the engine checks it like any other; under
 * its own names for what an action is expected to carry.
 */
import type { Expr, Field, Type } from "../../dsl/program.js";
import type { Given, GivenRecord } from "../../dsl/tests.js";
import { dateText, timeText } from "../compile/runtime.js";
import { dateAt, type Zone } from "../zone.js";

export type Json = null | boolean | number | string | readonly Json[] | JsonRecord;
export interface JsonRecord { readonly [name: string]: Json }

/** When and where a missing instant or date is filled in. */
export interface Moment {
  readonly now: number;
  readonly zone: Zone;
}

/** The value of a tree as JSON shows it. */
export type Shown = (of: Expr) => Json;

/** An event's data: what is required and not given becomes a neutral value. */
export const eventData = (fields: readonly Field[], given: GivenRecord, shown: Shown, moment: Moment): JsonRecord =>
  record(fields, given, (field, value) => {
    if (value !== undefined) return onWire(value, field.type, shown, moment);
    return field.maybe || field.default !== undefined ? undefined : neutral(field.type, moment);
  });

/** A change of the profile: only what is given, in records too. */
export const profilePatch = (fields: readonly Field[], given: GivenRecord, shown: Shown, moment: Moment): JsonRecord =>
  record(fields, given, ({ type }, value) => {
    if (value === undefined) return undefined;
    return type.k === "record" && value.k === "record" ? profilePatch(type.fields, value, shown, moment) : onWire(value, type, shown, moment);
  });

function record(fields: readonly Field[], { entries }: GivenRecord, made: (field: Field, value: Given | undefined) => Json | undefined): JsonRecord {
  const given = new Map(entries.map(({ name, value }) => [name, value]));
  return Object.fromEntries(fields.flatMap((field) => {
    const value = made(field, given.get(field.name));
    return value === undefined ? [] : [[field.wire, value]];
  }));
}

function onWire(given: Given, type: Type, shown: Shown, moment: Moment): Json {
  if (given.k === "record") return type.k === "record" ? eventData(type.fields, given, shown, moment) : null;
  if (given.k === "list") return type.k === "list" ? given.items.map((item) => onWire(item, type.of, shown, moment)) : null;
  return renamed(shown(given.of), type);
}

/** A whole value under its names on the wire. */
function renamed(value: Json, type: Type): Json {
  if (value === null || typeof value !== "object") return value;
  if (isList(value)) return type.k === "list" ? value.map((item) => renamed(item, type.of)) : value;
  if (type.k !== "record") return value;
  return Object.fromEntries(type.fields.flatMap(({ name, wire, type: inner }) => {
    const own = Object.hasOwn(value, name) ? value[name] : undefined;
    return own === undefined ? [] : [[wire, renamed(own, inner)]];
  }));
}

function neutral(type: Type, moment: Moment): Json {
  switch (type.k) {
    case "string": return type.of?.[0] ?? "";
    case "number": case "duration": return 0;
    case "boolean": return false;
    case "time": return timeText(moment.now) as string;
    case "date": return dateText(dateAt(moment.zone, moment.now)) as string;
    case "list": return [];
    case "record": return eventData(type.fields, { k: "record", entries: [] }, () => null, moment);
    case "null": return null;
  }
}

/** What an action is expected to carry. */
export function expected(given: Given, shown: Shown): Json {
  switch (given.k) {
    case "record": return Object.fromEntries(given.entries.map(({ name, value }) => [name, expected(value, shown)]));
    case "list": return given.items.map((item) => expected(item, shown));
    case "value": return shown(given.of);
  }
}

export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
