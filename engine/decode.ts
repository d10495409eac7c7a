/**
 * A record of the log becomes work for its partition: an event that fits the program, a tick of the clock, something to
 * pass over, or a dead letter. Nothing is thrown for what somebody sent.
 */
import { readMarker } from "./change/marker.js";
import type { Compiled, EventPlan } from "./compile/compiled.js";
import type { Data } from "./customer.js";
import { envelope, envelopeOf, isFault, type Envelope, type EnvelopeFault } from "./envelope.js";
import type { ClockKind, LogRecord } from "./ports.js";
import { BAD, lastFault } from "./schema.js";
import type { DeadReason } from "./stats.js";
import { checked } from "./merge/checked.js";
import { isWordType, readWord, type Word } from "./merge/word.js";
import { readPiece, type Piece } from "./population/piece.js";
import { POPULATION_TYPE, PROGRAM_TYPE, TICK_TYPE, encodeToken, parseEventSubject } from "./subjects.js";
import { DAY_MS } from "./zone.js";

/** Largest event, bytes. */
export const MAX_EVENT_BYTES = 1_048_576;

interface Place {
  readonly sequence: number;
  /** When the broker took the record. */
  readonly arrived: number;
  /** What the record says the time is, ms: the broker's stamp or, on an event clock, the event's own time; NaN: nothing. */
  readonly stamp: number;
}

/** A record of the log, a line of a file, or an event that was said on. */
export type Sent = LogRecord | string | { readonly data: unknown };

/** The data as it was sent: reading an event changes what was parsed. */
export function dataOf(from: Sent): unknown {
  if (typeof from === "string") return (parsed(from) as { data?: unknown }).data;
  if (!("body" in from)) return structuredClone(from.data);
  const event = readEnvelope(from);
  return isFault(event) ? null : event.data;
}

export type Work = Place & (
  | {
    readonly k: "event"; readonly plan: EventPlan; readonly customer: string; readonly data: Data;
    /** The event's own time; null: none believable was given. */
    readonly time: number | null; readonly timeRefused: boolean;
    readonly id: string; readonly source: string;
    /** What it was read from: whom it is handed on to may take it in another way. */
    readonly from: Sent;
  }
  /** What a partition says to one of this partition's customers. */
  | { readonly k: "word"; readonly customer: string; readonly word: Word }
  | { readonly k: "tick" }
  | { readonly k: "unmentioned"; readonly type: string }
  /** What a partition says about its customers at a midnight; every partition is told. */
  | { readonly k: "population"; readonly piece: Piece }
  /** Here the partition goes over to another program. */
  | { readonly k: "program"; readonly change: string; readonly program: string }
  | { readonly k: "dead"; readonly reason: DeadReason; readonly detail: string; readonly type: string; readonly subject: string; readonly body: Uint8Array }
);

export function decode(compiled: Compiled, clock: ClockKind, record: LogRecord): Work {
  const address = parseEventSubject(record.subject);
  if (address === null) return dead(clock, record, "", { reason: "not_an_event", detail: "the subject must be events.<type>.<customer>, with other characters than A-Z a-z 0-9 _ - written as %XX" });
  const { type, token } = address;
  const plan = compiled.events.get(type);
  if (type === POPULATION_TYPE) return decodePiece(clock, record);
  if (isWordType(type)) return decodeWord(clock, record, type, token);
  if (type === PROGRAM_TYPE) return decodeMarker(clock, record);
  // On the broker's clock nothing inside the record matters where no rule asks for the type.
  if (plan === undefined && clock === "broker") {
    return { k: type === TICK_TYPE ? "tick" : "unmentioned", type, sequence: record.sequence, arrived: record.stamp, stamp: record.stamp };
  }
  if (record.body.length > MAX_EVENT_BYTES) return dead(clock, record, type, { reason: "too_large", detail: `the event has ${record.body.length} bytes; ${MAX_EVENT_BYTES} are allowed` });
  const event = readEnvelope(record);
  if (isFault(event)) return dead(clock, record, type, event);
  const stamp = clock === "broker" ? record.stamp : event.time ?? NaN;
  if (plan === undefined) return { k: type === TICK_TYPE ? "tick" : "unmentioned", type, sequence: record.sequence, arrived: record.stamp, stamp };
  if (event.type !== type) return dead(clock, record, type, { reason: "not_an_event", detail: `the subject says type "${type}", the event "${cut(event.type)}"` });
  if (!isToken(event.subject, token)) {
    return dead(clock, record, type, { reason: "unknown_customer", detail: `the subject's last part is "${cut(token)}", which is not the event's subject "${cut(event.subject)}" percent-encoded` });
  }
  return fit(compiled, plan, event, record, record.sequence, record.stamp, stamp) ?? dead(clock, record, type, { reason: "schema", detail: lastFault() });
}

function dead(clock: ClockKind, { sequence, stamp, subject, body }: LogRecord, type: string, { reason, detail }: EnvelopeFault): Work {
  return { k: "dead", sequence, arrived: stamp, stamp: clock === "broker" ? stamp : NaN, reason, detail, type, subject, body };
}

/** On an event clock its time is the midnight that it is about: that much time has passed, wherever the events come from. */
function decodePiece(clock: ClockKind, record: LogRecord): Work {
  const event = readEnvelope(record);
  if (isFault(event)) return dead(clock, record, POPULATION_TYPE, event);
  const piece = readPiece(event.data);
  if (piece === null) return dead(clock, record, POPULATION_TYPE, { reason: "schema", detail: "it says nothing about customers that Eddy understands" });
  return { k: "population", sequence: record.sequence, arrived: record.stamp, stamp: clock === "broker" ? record.stamp : piece.day * DAY_MS, piece };
}

/** On an event clock it says nothing of the time. */
function decodeMarker(clock: ClockKind, record: LogRecord): Work {
  const event = readEnvelope(record);
  if (isFault(event)) return dead(clock, record, PROGRAM_TYPE, event);
  const marker = readMarker(event.data);
  if (marker === null) return dead(clock, record, PROGRAM_TYPE, { reason: "schema", detail: "it names no change of rules" });
  return { k: "program", sequence: record.sequence, arrived: record.stamp, stamp: clock === "broker" ? record.stamp : NaN, ...marker };
}

/** On an event clock its time is where the clock of the partition stood that said it. */
function decodeWord(clock: ClockKind, record: LogRecord, type: string, token: string): Work {
  const event = readEnvelope(record);
  if (isFault(event)) return dead(clock, record, type, event);
  const word = isToken(event.subject, token) ? readWord(type, event.subject, event.data) : null;
  if (word === null) return dead(clock, record, type, { reason: "schema", detail: "it says nothing to a customer that Eddy understands" });
  const stamp = clock === "broker" ? record.stamp : event.time ?? NaN;
  return { k: "word", sequence: record.sequence, arrived: record.stamp, stamp, customer: event.subject, word };
}

/** The event as work, or null where its data does not fit the program (`lastFault` says why). */
function fit(compiled: Compiled, plan: EventPlan, event: Envelope, from: Sent, sequence: number, arrived: number, stamp: number): Work | null {
  const data = checked(compiled, plan, event.data);
  if (data === BAD) return null;
  return {
    k: "event", sequence, arrived, stamp, plan, customer: event.subject, data,
    time: event.time, timeRefused: event.timeRefused, id: event.id, source: event.source, from,
  };
}

/**
 * One line of a file of events, on the events' own clock; null: it was too long to be read. `sequence` is its number.
 */
export function decodeLine(compiled: Compiled, line: string | null, sequence: number): Work {
  if (line === null || line.length > MAX_EVENT_BYTES) {
    return deadLine(line, sequence, "", { reason: "too_large", detail: `the event has more than the ${MAX_EVENT_BYTES} characters that are allowed` });
  }
  let value: unknown;
  try {
    value = parsed(line);
  } catch (error) {
    return deadLine(line, sequence, "", { reason: "not_json", detail: cut((error as Error).message) });
  }
  const event = envelopeOf(value);
  if (isFault(event)) return deadLine(line, sequence, "", event);
  const stamp = event.time ?? NaN;
  const plan = compiled.events.get(event.type);
  // What partitions say to each other's customers, all say to themselves here.
  if (plan === undefined) return { k: event.type === TICK_TYPE || isWordType(event.type) ? "tick" : "unmentioned", type: event.type, sequence, arrived: 0, stamp };
  return fit(compiled, plan, event, line, sequence, 0, stamp) ?? deadLine(line, sequence, event.type, { reason: "schema", detail: lastFault() });
}

function deadLine(line: string | null, sequence: number, type: string, { reason, detail }: EnvelopeFault): Work {
  return { k: "dead", sequence, arrived: 0, stamp: NaN, reason, detail, type, subject: `line ${sequence}`, body: Buffer.from(line?.slice(0, 8192) ?? "") };
}

const cut = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

function isToken(customer: string, token: string): boolean {
  if (customer === token && !token.includes("%")) return true;
  try {
    return encodeToken(customer) === token;
  } catch {
    return false;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function readEnvelope(record: LogRecord): Envelope | EnvelopeFault {
  const { headers } = record;
  let value: unknown = null;
  try {
    value = record.body.length === 0 && headers?.has("ce-id") === true ? null : parsed(textOf(record.body));
  } catch (error) {
    return { reason: "not_json", detail: error instanceof SyntaxError ? cut(error.message) : "the event is not UTF-8" };
  }
  if (headers === null || !headers.has("ce-id")) return envelopeOf(value);
  const header = (name: string): string | undefined => {
    const raw = headers.get(`ce-${name}`);
    if (raw === undefined) return undefined;
    try {
      return decodeURIComponent(raw);
    } catch {
      return raw;
    }
  };
  return envelope(header("id"), header("source"), header("type"), header("subject"), header("time"), value);
}

const HALF_A_PAIR = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/**
 * JSON may spell half of a surrogate pair, which no UTF-8 can hold: texts would become others on their way to the store and
 * back. So they are made whole here, as UTF-8 does it.
 */
function parsed(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return text.includes("\\u") && /\\u[dD]/.test(text) ? wholePairs(value) : value;
}

/** In place, and without recursion: what nests deeply may be in a part at which nobody looks. */
function wholePairs(value: unknown): unknown {
  const root = { value };
  const waiting: Record<string, unknown>[] = [root];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const [name, part] of Object.entries(next)) {
      if (typeof part === "object" && part !== null) waiting.push(part as Record<string, unknown>);
      else if (typeof part === "string" && name !== "__proto__") next[name] = part.replace(HALF_A_PAIR, "\ufffd");
    }
  }
  return root.value;
}

/** Small ASCII bodies are the rule; the decoder that refuses broken UTF-8 is kept for what is not. */
function textOf(body: Uint8Array): string {
  const buffer = body instanceof Buffer ? body : Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const text = buffer.toString("utf8");
  return text.includes("\ufffd") ? utf8.decode(body) : text;
}
