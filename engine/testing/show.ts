/** Values, instants and what happened as a rule author would write them. */
import type { Type, Value } from "../../dsl/program.js";
import { durationText } from "../../dsl/spell.js";
import { dateText } from "../compile/runtime.js";
import { DAY_MS, dateAt, offsetAt, type Zone } from "../zone.js";
import { isList, type Json } from "./data.js";
import type { Difference } from "./match.js";
import type { Happening } from "./outcome.js";

const LONGEST = 300;

/** `2026-03-02 10:00`, seconds and ms only where there are some. */
export function shownInstant(instant: number, zone: Zone): string {
  const ms = instant + offsetAt(zone, instant) - dateAt(zone, instant) * DAY_MS;
  const part = (n: number, digits = 2): string => String(Math.floor(n)).padStart(digits, "0");
  const minutes = `${part(ms / 3_600_000)}:${part((ms / 60_000) % 60)}`;
  const seconds = ms % 60_000 === 0 ? "" : `:${part((ms / 1000) % 60)}`;
  const rest = ms % 1000 === 0 ? "" : `.${part(ms % 1000, 3)}`;
  return `${String(dateText(dateAt(zone, instant)))} ${minutes}${seconds}${rest}`;
}

/** `90 minutes`; what is no whole number of seconds stands in ms. */
const shownDuration = (ms: number): string => (ms % 1000 === 0 ? durationText(ms) : `${ms} ms`);

export const shownValue = (value: Value, type: Type, zone: Zone): string => cut(valueText(value, type, zone));

function valueText(value: Value | undefined, type: Type, zone: Zone): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "number") {
    if (type.k === "time") return shownInstant(value, zone);
    if (type.k === "date") return String(dateText(value));
    return type.k === "duration" ? shownDuration(value) : String(value);
  }
  if (typeof value !== "object") return JSON.stringify(value);
  if (type.k === "list" && isValues(value)) return `[${value.map((item) => valueText(item, type.of, zone)).join(", ")}]`;
  if (type.k !== "record" || isValues(value)) return JSON.stringify(value);
  return bracketed(type.fields.map((field) => `${field.name}: ${valueText(Object.hasOwn(value, field.name) ? value[field.name] : null, field.type, zone)}`));
}

const isValues = (value: Value): value is readonly Value[] => Array.isArray(value);

const bracketed = (entries: readonly string[]): string => (entries.length === 0 ? "{ }" : `{ ${entries.join(", ")} }`);

const cut = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text);

/** A payload as it would be expected. */
export const shownPayload = (payload: Json): string => cut(payloadText(payload));

function payloadText(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(payloadText).join(", ")}]`;
  return bracketed(Object.entries(value).map(([name, part]) => `${name}: ${payloadText(part)}`));
}

export function shownHappening(one: Happening): string {
  switch (one.k) {
    case "action": {
      const payload = typeof one.payload === "object" && one.payload !== null && Object.keys(one.payload).length === 0 ? "" : ` ${shownPayload(one.payload)}`;
      return `${one.channel === null ? "emit" : `send ${one.channel}`} ${JSON.stringify(one.template)}${payload}`;
    }
    case "held": return `held ${one.channel}: ${JSON.stringify(one.template)}`;
    case "suppressed": return `suppressed ${one.channel} by ${one.reason}: ${JSON.stringify(one.template)}`;
    case "change": return `${one.entered ? "enter" : "leave"} ${one.segment}`;
  }
}

/** `items[0].sku is "mug", not "pot"`. */
export function shownDifference({ path, expected, found }: Difference): string {
  const what = path === "" ? "it" : path;
  if (expected === undefined) return `${what} is there as well: ${shownPayload(found ?? null)}`;
  if (found === undefined || found === null) return `${what} is missing, not ${shownPayload(expected)}`;
  if (expected === null) return `${what} is ${shownPayload(found)}, not missing`;
  return `${what} is ${shownPayload(found)}, not ${shownPayload(expected)}`;
}
