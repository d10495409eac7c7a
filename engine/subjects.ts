/**
 * Subjects: how an event's type and customer become the address `events.<type>.<customer token>`, and which partition
 * a customer belongs to.
 *
 * A *token* is a customer id as it stands in a subject: `A-Z a-z 0-9 _ -` as they are, every other byte of its UTF-8
 * form as `%XX` with upper-case digits. The coding is canonical: one id has one token and one token one id, so a
 * customer can never live in two partitions under two spellings. Whatever is not canonical is refused, not repaired.
 *
 * The partition is NATS's own `partition()` function (FNV-1a, 32 bits, modulo), so that a broker can split the stream
 * by a subject mapping and agree with the engine. A test holds it against a real server.
 */

/** The longest token; NATS closes a connection that sends a command line of more than 4,096 bytes. */
export const MAX_TOKEN_LENGTH = 1024;

/** A text that cannot be a token of a subject: empty, too long, or with half a surrogate pair. */
export class InvalidToken extends Error { override readonly name = "InvalidToken"; }

const PLAIN = /^[A-Za-z0-9_-]+$/;
const CANONICAL = /^(?:[A-Za-z0-9_-]|%[0-9A-F]{2})+$/;
/** What encodeURIComponent leaves alone although a token must not. */
const LEFT_ALONE = /[!'()*.~]/g;

/** The token of an id. Throws InvalidToken. */
export function encodeToken(id: string): string {
  if (id.length > 0 && id.length <= MAX_TOKEN_LENGTH && PLAIN.test(id)) return id;
  if (id.length === 0) throw new InvalidToken("an empty id cannot be part of a subject");
  const token = percentEncode(id);
  if (token.length > MAX_TOKEN_LENGTH) {
    throw new InvalidToken(`the id is too long: ${token.length} characters when encoded, ${MAX_TOKEN_LENGTH} at most`);
  }
  return token;
}

function percentEncode(id: string): string {
  try {
    return encodeURIComponent(id).replace(LEFT_ALONE, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  } catch {
    throw new InvalidToken("the id holds half a surrogate pair, which UTF-8 cannot express");
  }
}

/** The id of a token, or null when the text is not the canonical token of any id. */
export function decodeToken(token: string): string | null {
  if (token.length > MAX_TOKEN_LENGTH) return null;
  if (PLAIN.test(token)) return token;
  if (!CANONICAL.test(token)) return null;
  const id = decodeUtf8(token);
  return id !== null && encodeToken(id) === token ? id : null;
}

function decodeUtf8(token: string): string | null {
  try {
    return decodeURIComponent(token);
  } catch {
    return null;
  }
}

const FNV_OFFSET_BASIS = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The partition, from 0, of a customer's token: FNV-1a 32 of its bytes (a token is ASCII) modulo `partitions`. */
export function partition(token: string, partitions: number): number {
  let hash = FNV_OFFSET_BASIS;
  for (let i = 0; i < token.length; i++) hash = Math.imul(hash ^ token.charCodeAt(i), FNV_PRIME);
  return (hash >>> 0) % partitions;
}

/** The subject under which all events lie. */
export const ALL_EVENTS = "events.>";

/** The type of the engine's own clock ticks; their last token is the number of the partition, not a customer. */
export const TICK_TYPE = "eddy_tick";

/** The type of the figures that partitions make of their customers; the last token is the number of the partition. */
export const POPULATION_TYPE = "eddy_population";

/** The type of the records at which a partition goes over to another program; their last token is the number of the partition. */
export const PROGRAM_TYPE = "eddy_program";

/** `events.<type>.<token of the customer>`. Throws InvalidToken. */
export function eventSubject(type: string, customer: string): string {
  return `events.${encodeToken(type)}.${encodeToken(customer)}`;
}

export function tickSubject(partition: number): string {
  return `events.${TICK_TYPE}.${partition}`;
}

export function populationSubject(partition: number): string {
  return `events.${POPULATION_TYPE}.${partition}`;
}

export function programSubject(partition: number): string {
  return `events.${PROGRAM_TYPE}.${partition}`;
}

/** Under which an output of somebody who was erased stands in its partition's stream, empty; no gathering stream copies it. */
export function withdrawnSubject(partition: number): string {
  return `withdrawn.${partition}`;
}

export interface EventAddress {
  /** Decoded. */
  readonly type: string;
  /** As it stands in the subject; `decodeToken` gives the customer, or null where it is not canonical. */
  readonly token: string;
}

/** Takes an event's subject apart; null for what is not `events.<type>.<token>`. */
export function parseEventSubject(subject: string): EventAddress | null {
  if (!subject.startsWith("events.")) return null;
  const dot = subject.indexOf(".", 7);
  if (dot < 0 || dot === subject.length - 1 || subject.indexOf(".", dot + 1) >= 0) return null;
  const type = decodeToken(subject.slice(7, dot));
  return type === null ? null : { type, token: subject.slice(dot + 1) };
}

/** What the engine says to partitions: the last token is a partition's number, though it may look like a customer's. */
const TO_PARTITIONS: ReadonlySet<string> = new Set([TICK_TYPE, POPULATION_TYPE, PROGRAM_TYPE]);

/** Whether a record's subject is that of the customer with this token. */
export function isEventOf(subject: string, token: string): boolean {
  const address = parseEventSubject(subject);
  return address !== null && address.token === token && !TO_PARTITIONS.has(address.type);
}
