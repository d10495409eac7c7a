/**
 * Who was erased, remembered so that nothing of before brings them back: events that come late (an own time at or before
 * the erasure's) and requests that are sent again.
 *
 * A tombstone is a field of the partition's meta, `erased:<hash of the id>` = `<sequence>:<instant>:<bound>:<request>`: the
 * record of the log that erased, its own time, the number of the first output of the commit that holds the erasure (0: none;
 * whatever of theirs has a lower number is withdrawn, see withdrawing.ts), and a hash of the request's source and id. No
 * customer's id stays in clear. They are kept for HORIZON_MS, the newest MOST_TOMBSTONES of a partition at most.
 *
 * `profile retain` leaves none: it counts from the arrival of events, so whatever comes is a sign of life.
 */
import { hash128Hex } from "./hash.js";
import type { MetaFields } from "./ports.js";
import { DAY_MS } from "./zone.js";

/** For so long after an erasure (on the partition's clock) late events of the customer are known as such. */
export const HORIZON_MS = 400 * DAY_MS;
/** Of each partition. */
export const MOST_TOMBSTONES = 20_000;
/** In one commit. */
const PRUNED_AT_ONCE = 64;

export const TOMBSTONE_PREFIX = "erased:";

export interface Tombstone {
  /** Of the record that erased; 0: of another log. */
  readonly sequence: number;
  /** The erasure's own time. */
  readonly instant: number;
  /** Outputs of theirs with lower numbers are withdrawn. */
  readonly bound: number;
  /** `requestKey` of the request; empty: unknown. */
  readonly request: string;
}

export interface Tombstones {
  /** By `tombstoneKey`; oldest erasure first. */
  readonly all: Map<string, Tombstone>;
  /** No event with a later own time is late. */
  latest: number;
  /** No record behind this sequence is of before an erasure. */
  newest: number;
  /** Keys of those that are not in a commit yet, and of those that are forgotten. */
  readonly made: Set<string>;
}

export const tombstoneKey = (customer: string): string => hash128Hex(`erased\u0000${customer}`);
export const requestKey = (source: string, id: string): string => hash128Hex(`${source}\u0000${id}`).slice(0, 16);

/** Null: the text is none. */
export function readTombstone(text: string): Tombstone | null {
  const [sequence, instant, bound = "0", request = ""] = text.split(":");
  const numbers = [Number(sequence), Number(instant), Number(bound)] as const;
  if (!numbers.every(Number.isSafeInteger)) return null;
  return { sequence: numbers[0], instant: numbers[1], bound: numbers[2], request };
}

export const tombstoneText = ({ sequence, instant, bound, request }: Tombstone): string => `${sequence}:${instant}:${bound}:${request}`;

export function readTombstones(fields: MetaFields): Tombstones {
  const found: [string, Tombstone][] = [];
  for (const name of Object.keys(fields)) {
    if (!name.startsWith(TOMBSTONE_PREFIX)) continue;
    const tombstone = readTombstone(fields[name] as string);
    if (tombstone !== null) found.push([name.slice(TOMBSTONE_PREFIX.length), tombstone]);
  }
  found.sort(([a, { sequence: first }], [b, { sequence: second }]) => first - second || (a < b ? -1 : 1));
  return {
    all: new Map(found), made: new Set(),
    latest: found.reduce((latest, [, { instant }]) => Math.max(latest, instant), -Infinity),
    newest: found.reduce((newest, [, { sequence }]) => Math.max(newest, sequence), 0),
  };
}

/** The customer has been erased by the record with this sequence. */
export function bury(t: Tombstones, customer: string, sequence: number, instant: number, request: string): void {
  const key = tombstoneKey(customer);
  t.all.delete(key); // it goes to the end
  t.all.set(key, { sequence, instant, bound: 0, request });
  t.latest = Math.max(t.latest, instant);
  t.newest = Math.max(t.newest, sequence);
  t.made.add(key);
}

/** An event, by its own time and its place in the log, is of before its customer's erasure. */
export function isLate(t: Tombstones, customer: string, sequence: number, time: number): boolean {
  if (time > t.latest && sequence >= t.newest) return false;
  const tombstone = t.all.get(tombstoneKey(customer));
  return tombstone !== undefined && (time <= tombstone.instant || sequence < tombstone.sequence);
}

/** The request to erase was carried out before, and is in the log again. */
export function isRepeated(t: Tombstones, customer: string, sequence: number, request: string): boolean {
  if (t.all.size === 0) return false;
  const tombstone = t.all.get(tombstoneKey(customer));
  return tombstone !== undefined && tombstone.request === request && sequence > tombstone.sequence;
}

/**
 * What the next commit, whose first output has that number, says of tombstones: those that are new, and those that are old
 * enough by now, or too many.
 */
export function takeTombstoneFields(t: Tombstones, clock: number, bound: number): MetaFields {
  const fields: Record<string, string> = {};
  for (const key of t.made) {
    const tombstone = { ...(t.all.get(key) as Tombstone), bound };
    t.all.set(key, tombstone);
    fields[TOMBSTONE_PREFIX + key] = tombstoneText(tombstone);
  }
  t.made.clear();
  let pruned = 0;
  for (const [key, { instant }] of t.all) {
    if (pruned >= PRUNED_AT_ONCE || (instant + HORIZON_MS >= clock && t.all.size <= MOST_TOMBSTONES)) break;
    t.all.delete(key);
    fields[TOMBSTONE_PREFIX + key] = "";
    pruned++;
  }
  return fields;
}

/**
 * Fields of tombstones for a partition that begins anew with a record of the log, or goes on in another one. Whom a record
 * that will be read again erased is erased by it again; sequences of another log mean nothing.
 */
export function tombstonesAfter(fields: MetaFields, from: number, isAnotherLog: boolean): MetaFields {
  const after: Record<string, string> = {};
  for (const [key, tombstone] of readTombstones(fields).all) {
    if (isAnotherLog) after[TOMBSTONE_PREFIX + key] = tombstoneText({ ...tombstone, sequence: 0 });
    else if (tombstone.sequence < from) after[TOMBSTONE_PREFIX + key] = tombstoneText(tombstone);
  }
  return after;
}
