/**
 * How an event from outside becomes a record of the log: checked as far as the envelope goes, addressed to its customer,
 * with the id by which the log knows a second copy. For everything that appends events (POST /events, `eddy send`).
 *
 * What the event's data must look like is the program's business and known only later: such events become dead letters.
 */
import { envelopeOf, isFault, type Envelope } from "../engine/envelope.js";
import type { NewRecord } from "../engine/ports.js";
import { eventSubject, InvalidToken } from "../engine/subjects.js";

/** The largest event, bytes of its JSON: a message of NATS holds 1 MiB by default, id and subject included. */
export const MAX_EVENT_BYTES = 1_000_000;

/** Types that begin like this are the engine's own. */
export const RESERVED_PREFIX = "eddy_";

/** Why an event cannot be taken, for whoever sent it. */
export interface Refusal {
  readonly refused: string;
}

export function isRefusal<T extends object>(value: T | Refusal): value is Refusal {
  return "refused" in value;
}

/** The record of an event given as its JSON text and what that was parsed to. */
export function recordOf(value: unknown, json: string | Uint8Array): NewRecord | Refusal {
  const envelope = envelopeOf(value);
  if (isFault(envelope)) return { refused: envelope.detail };
  return addressed(envelope, json);
}

/** The record of an event whose envelope is known to be good. */
export function addressed(envelope: Envelope, json: string | Uint8Array): NewRecord | Refusal {
  const { type, subject, source, id } = envelope;
  if (type.startsWith(RESERVED_PREFIX)) return { refused: `types that begin with ${RESERVED_PREFIX} are Eddy's own: ${shown(type)} needs another name` };
  const bytes = typeof json === "string" ? Buffer.byteLength(json) : json.length;
  if (bytes > MAX_EVENT_BYTES) return { refused: `the event has ${bytes} bytes, ${MAX_EVENT_BYTES} are the most` };
  try {
    return { subject: eventSubject(type, subject), body: json, id: messageId(subject, source, id) };
  } catch (error) {
    if (error instanceof InvalidToken) return { refused: `type or subject: ${error.message}` };
    throw error;
  }
}

/** `<customer>/<source>/<id>`: the id alone would make one customer's event swallow another's. */
export function messageId(customer: string, source: string, id: string): string {
  return `${customer}/${source}/${id}`;
}

const LONGEST_SHOWN = 60;

/** A text of the sender's, short enough for a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text);
}
