/**
 * Keys: texts, stored as their UTF-8 bytes, so that LMDB's order of bytes is the order wanted everywhere (a wake's
 * customers come in order of their UTF-8 bytes) and `mdb_dump` shows them readably. Every key of a partition begins
 * with three characters that stand for it.
 *
 * A key has at most 1,978 bytes. Customers longer than 1,500 bytes are refused: the longest token of a subject is
 * 1,024 characters (engine/subjects.ts), so no event can name such a customer.
 */
import { StoreRefused } from "../../engine/ports.js";

export const MAX_CUSTOMER_BYTES = 1500;
export const MAX_SEGMENT_BYTES = 400;
/** 36³: what three characters can tell apart. */
export const MAX_PARTITIONS = 46_656;

/** How lmdb writes and reads keys. Where a range has no end, lmdb puts bytes of its own in its place. */
export const textKeys = {
  writeKey(key: string | Uint8Array, target: Buffer, start: number): number {
    if (typeof key === "string") return start + target.write(key, start);
    target.set(key, start);
    return start + key.length;
  },
  readKey: (source: Buffer, start: number, end: number): string => source.toString("utf8", start, end),
};

const prefixes: string[] = [];

/** What all keys of a partition begin with; `partitionKey(p + 1)` is behind the last of them. */
export function partitionKey(partition: number): string {
  const known = prefixes[partition];
  if (known !== undefined) return known;
  if (!Number.isInteger(partition) || partition < 0 || partition >= MAX_PARTITIONS) {
    throw new StoreRefused(`there is no partition ${partition}`);
  }
  const key = partition.toString(36).padStart(3, "0");
  prefixes[partition] = key;
  return key;
}

export const PARTITION_KEY_LENGTH = 3;

const ORDINAL_DIGITS = 11;
export const ORDINAL_LENGTH = ORDINAL_DIGITS + 1;
const LARGEST = Number.MAX_SAFE_INTEGER;

/** A whole number as a text of twelve characters; their order is the order of the numbers, below zero too. */
export function ordinal(number: number): string {
  return number >= 0
    ? `1${number.toString(36).padStart(ORDINAL_DIGITS, "0")}`
    : `0${(number + LARGEST).toString(36).padStart(ORDINAL_DIGITS, "0")}`;
}

export function readOrdinal(key: string, start: number): number {
  const digits = Number.parseInt(key.slice(start + 1, start + ORDINAL_LENGTH), 36);
  return key[start] === "1" ? digits : digits - LARGEST;
}

/**
 * What the keys of a segment's members begin with: the name with its length before it, so that no name is the
 * beginning of another, and a closing 0; with 1 in its place it is behind the last of them.
 */
export function segmentKey(partition: number, segment: string): string {
  return `${sizeKey(partition, segment)}0`;
}

export function segmentEnd(partition: number, segment: string): string {
  return `${sizeKey(partition, segment)}1`;
}

export function sizeKey(partition: number, segment: string): string {
  return `${partitionKey(partition)}${segment.length.toString(36).padStart(2, "0")}${segment}`;
}

/** A field that all partitions share; it comes before the keys of all partitions. */
export const sharedKey = (name: string): string => `!${name}`;

/** What the keys of a ranking's values begin with, likewise; the value follows as JavaScript writes it. */
export const rankingKey = segmentKey;
export const rankingEnd = segmentEnd;

const HALF_A_PAIR = /\p{Surrogate}/u;

/** Throws StoreRefused for what UTF-8 cannot express or what is too long for a key. */
export function checkCustomer(customer: string): void {
  if (HALF_A_PAIR.test(customer)) throw new StoreRefused(`the customer id ${JSON.stringify(customer.slice(0, 100))} holds half a surrogate pair`);
  if (customer.length * 3 > MAX_CUSTOMER_BYTES && Buffer.byteLength(customer) > MAX_CUSTOMER_BYTES) {
    throw new StoreRefused(`the customer id ${customer.slice(0, 100)}… is longer than ${MAX_CUSTOMER_BYTES} bytes`);
  }
}

export function checkSegment(segment: string): void {
  if (HALF_A_PAIR.test(segment)) throw new StoreRefused(`the name of the segment ${JSON.stringify(segment.slice(0, 100))} holds half a surrogate pair`);
  if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES) {
    throw new StoreRefused(`the name of the segment ${segment.slice(0, 100)}… is longer than ${MAX_SEGMENT_BYTES} bytes`);
  }
}
