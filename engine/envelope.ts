/**
 * The envelope of an event: CloudEvents 1.0, JSON or binary mode, checked only as far as Eddy needs it. `specversion`
 * and `source` may be missing. What the event's data must look like is the program's business (engine/schema.ts).
 */
import type { DeadReason } from "./stats.js";

export interface Envelope {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** The customer. */
  readonly subject: string;
  /** The event's own time, ms; null: none given, or not believable. */
  readonly time: number | null;
  /** A time was given, but not an RFC 3339 one of the years 1970 to 2199. */
  readonly timeRefused: boolean;
  readonly data: unknown;
}

export interface EnvelopeFault {
  readonly reason: DeadReason;
  readonly detail: string;
}

/** Longest customer id and event id, characters. */
export const MAX_ID_LENGTH = 1024;

/** Times outside are not believed: [1970-01-01, 2200-01-01). */
export const EARLIEST_TIME = 0;
export const LATEST_TIME = Date.UTC(2200, 0, 1);

export function isFault(value: Envelope | EnvelopeFault): value is EnvelopeFault {
  return "reason" in value;
}

/** The envelope of a decoded JSON value (structured mode). */
export function envelopeOf(value: unknown): Envelope | EnvelopeFault {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { reason: "not_an_event", detail: "an event must be a JSON object" };
  }
  const event = value as Record<string, unknown>;
  return envelope(event["id"], event["source"], event["type"], event["subject"], event["time"], event["data"]);
}

/** The envelope from its parts, as binary mode has them in `ce-` headers. */
export function envelope(
  id: unknown, source: unknown, type: unknown, subject: unknown, time: unknown, data: unknown,
): Envelope | EnvelopeFault {
  if (typeof id !== "string" || id === "") return missing("id");
  if (typeof type !== "string" || type === "") return missing("type");
  if (typeof subject !== "string" || subject === "") return { reason: "unknown_customer", detail: "the event has no subject: it must name its customer" };
  if (id.length > MAX_ID_LENGTH) return { reason: "not_an_event", detail: `id is longer than ${MAX_ID_LENGTH} characters` };
  if (type.length > MAX_ID_LENGTH) return { reason: "not_an_event", detail: `type is longer than ${MAX_ID_LENGTH} characters` };
  if (subject.length > MAX_ID_LENGTH) return { reason: "unknown_customer", detail: `subject is longer than ${MAX_ID_LENGTH} characters` };
  if (source !== undefined && source !== null && typeof source !== "string") return { reason: "not_an_event", detail: "source must be a text" };
  if (time === undefined || time === null) {
    return { id, source: source ?? "", type, subject, time: null, timeRefused: false, data };
  }
  const at = typeof time === "string" ? parseTime(time) : null;
  return { id, source: source ?? "", type, subject, time: at, timeRefused: at === null, data };
}

function missing(name: string): EnvelopeFault {
  return { reason: "not_an_event", detail: `the event has no ${name}: it must be a text that is not empty` };
}

const DIGIT_0 = 48;

/** Two digits at a place of a text; NaN where they are none. */
function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - DIGIT_0;
  const ones = text.charCodeAt(at + 1) - DIGIT_0;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : NaN;
}

const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** The instant of an RFC 3339 text in ms (fractions beyond are cut), or null outside 1970 to 2199 or if it is none. */
export function parseTime(text: string): number | null {
  // The common form, 2026-03-02T10:00:00Z, costs a tenth of Date.parse; days are counted from the civil calendar
  // (Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
  if (text.length === 20 && text.charCodeAt(19) === 90 && text.charCodeAt(10) === 84) {
    const year = two(text, 0) * 100 + two(text, 2);
    const month = two(text, 5);
    const day = two(text, 8);
    const hour = two(text, 11);
    const minute = two(text, 14);
    const second = two(text, 17);
    if (
      text.charCodeAt(4) === 45 && text.charCodeAt(7) === 45 && text.charCodeAt(13) === 58 && text.charCodeAt(16) === 58 &&
      month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month) && hour <= 23 && minute <= 59 && second <= 59
    ) {
      return believable(daysFromCivil(year, month, day) * 86_400_000 + ((hour * 60 + minute) * 60 + second) * 1000);
    }
    return null;
  }
  if (!RFC_3339.test(text)) return null;
  // Date.parse takes 24:00 for the midnight that follows, RFC 3339 does not.
  if (two(text, 8) > daysInMonth(two(text, 0) * 100 + two(text, 2), two(text, 5)) || two(text, 11) > 23) return null;
  return believable(Math.floor(Date.parse(text.replace(" ", "T").toUpperCase())));
}

function believable(ms: number): number | null {
  return ms >= EARLIEST_TIME && ms < LATEST_TIME ? ms : null;
}

/** Days since 1970-01-01 of a date in the Gregorian calendar. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

export function daysInMonth(year: number, month: number): number {
  if (month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)) return 29;
  return MONTH_DAYS[month - 1] ?? NaN;
}
