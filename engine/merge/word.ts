/**
 * What one partition says to a customer of another (or of its own): records of the event log under that customer's subject.
 *
 * - `join`, to the anonymous customer: they are the customer `into`, says the event.
 * - `joined`, to the customer whom the event identified: the other's state, or that there is nothing to take.
 * - `forwarded`, to whom a customer was joined into: an event that came for the one who is no more.
 * - `moved`, to who was joined into somebody that was joined into another since: where to send what comes from now on.
 * - `released`, to who was joined into somebody who is forgotten: they are nobody's any more.
 *
 * Each is numbered by the record of the log whose processing caused it, and its place among those: the same numbers again
 * where a partition goes through its records once more. Who hears them ignores what they have heard (words.ts).
 */
import { MAX_ID_LENGTH } from "../envelope.js";
import type { NewRecord } from "../ports.js";
import { eventSubject } from "../subjects.js";
import type { PackedState } from "./pack.js";

/** An event as somebody sent it, on its way to another customer. */
export interface SaidEvent {
  /** As on the wire. */
  readonly type: string;
  readonly id: string;
  readonly source: string;
  /** Its own time as it is believed, ms. */
  readonly time: number;
  readonly data: unknown;
}

/** A join that a customer has asked for and that is not answered. */
export interface Asked {
  /** The anonymous customer. */
  readonly who: string;
  /** Sequence of the record that identified: of two joins the one with the lower comes first. Nothing else has the same. */
  readonly origin: number;
}

export type Saying =
  | { readonly k: "join"; readonly into: string; readonly origin: number; readonly event: SaidEvent }
  | {
    readonly k: "joined"; readonly who: string; readonly origin: number; readonly event: SaidEvent;
    /** Null: there is nothing to take. */
    readonly state: PackedState | null;
    /** The other is nothing but a note from now on, that leads here. */
    readonly left: boolean;
    /** So often it was said on to whom the receiver was joined into. */
    readonly hops: number;
    /** What the other had asked for, which is the receiver's from now on. */
    readonly asked: readonly Asked[];
  }
  | { readonly k: "forwarded"; readonly from: string; readonly hops: number; readonly event: SaidEvent }
  | { readonly k: "moved"; readonly to: string }
  /** `erased`: the erasure's own time, where it was asked for: what is of before it brings nobody back. */
  | { readonly k: "released"; readonly erased: number | null };

/** `sequence` is of the record that caused it, `place` its place among what that record caused. */
export interface WordNumber {
  readonly sequence: number;
  readonly place: number;
}

export interface Word {
  /** The partition that says it, and the log whose record caused it. */
  readonly source: number;
  readonly log: string;
  readonly number: WordNumber;
  readonly customer: string;
  readonly saying: Saying;
}

const PREFIX = "eddy_";
const KINDS: ReadonlySet<string> = new Set<Saying["k"]>(["join", "joined", "forwarded", "moved", "released"]);

export const wordType = (k: Saying["k"]): string => PREFIX + k;

/** Whether records of this type are words. */
export const isWordType = (type: string): boolean => type.startsWith(PREFIX) && KINDS.has(type.slice(PREFIX.length));

export const numberText = ({ sequence, place }: WordNumber): string => `${sequence}.${place}`;

/** Larger than that no word is said: what a broker takes that has not been set up otherwise (1 MiB), less room for headers. */
export const MAX_WORD_BYTES = 1_000_000;

/** `at`: the instant on the clock of the partition that says it. */
export function wordRecord({ source, log, number, customer, saying }: Word, at: number): NewRecord {
  const id = `${saying.k}/${source}/${numberText(number)}`;
  const { k, ...said } = saying;
  const type = wordType(k);
  return {
    subject: eventSubject(type, customer), id: log === "" ? id : `${id}/${log}`,
    body: JSON.stringify({
      specversion: "1.0", id, source: "eddy", type, subject: customer, time: new Date(at).toISOString(),
      data: { by: source, log, sequence: number.sequence, place: number.place, ...said },
    }),
  };
}

/** Null: no word that Eddy understands. */
export function readWord(type: string, customer: string, data: unknown): Word | null {
  if (!isRecord(data)) return null;
  const { by, log, sequence, place } = data;
  if (!isNatural(by) || typeof log !== "string" || !isNatural(sequence) || !isNatural(place)) return null;
  const saying = readSaying(type.slice(PREFIX.length), data);
  return saying === null ? null : { source: by, log, number: { sequence, place }, customer, saying };
}

function readSaying(k: string, data: Record<string, unknown>): Saying | null {
  const { into, who, origin, state, left, asked, from, hops, to } = data;
  const event = readEvent(data["event"]);
  switch (k) {
    case "join": return isId(into) && isNatural(origin) && event !== null ? { k, into, origin, event } : null;
    case "joined": {
      if (!isId(who) || !isNatural(origin) || event === null || !(state === null || isState(state)) || typeof left !== "boolean" || !isNatural(hops) || !Array.isArray(asked)) return null;
      const all = (asked as unknown[]).map(readAsked);
      return all.includes(null) ? null : { k, who, origin, event, state, left, hops, asked: all as Asked[] };
    }
    case "forwarded": return isId(from) && isNatural(hops) && event !== null ? { k, from, hops, event } : null;
    case "moved": return isId(to) ? { k, to } : null;
    case "released": return { k, erased: Number.isSafeInteger(data["erased"]) ? (data["erased"] as number) : null };
    default: return null;
  }
}

function readEvent(value: unknown): SaidEvent | null {
  if (!isRecord(value)) return null;
  const { type, id, source, time, data } = value;
  return isId(type) && isId(id) && typeof source === "string" && Number.isSafeInteger(time) ? { type, id, source, time: time as number, data } : null;
}

function readAsked(value: unknown): Asked | null {
  return isRecord(value) && isId(value["who"]) && isNatural(value["origin"]) ? { who: value["who"], origin: value["origin"] } : null;
}

function isState(value: unknown): value is PackedState {
  return isRecord(value) && typeof value["program"] === "string" && typeof value["bytes"] === "string" && isRecord(value["layout"]);
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);
const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isId = (value: unknown): value is string => typeof value === "string" && value !== "" && value.length <= MAX_ID_LENGTH;
