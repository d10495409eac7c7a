/**
 * The binary form of a customer's state: a writer and a reader of numbers, texts and plain values.
 *
 * - unsigned integers below 2^53: seven bits a byte, lowest first (LEB128)
 * - instants: as signed integers (zig-zag), usually as the difference to another one
 * - values (`Value` of a program): a tag byte, then the content
 *
 * Nothing here knows what the bytes mean; that is engine/state.ts. Bytes that do not fit raise StateCorrupt.
 */
import type { Value } from "../dsl/program.js";

export class StateCorrupt extends Error { override readonly name = "StateCorrupt"; }

const TAG_NULL = 0;
const TAG_FALSE = 1;
const TAG_TRUE = 2;
const TAG_UINT = 3;
const TAG_NEGATIVE = 4;
const TAG_DOUBLE = 5;
const TAG_LATIN = 6; // text with code units below 256 only: a byte each
const TAG_UTF8 = 7;
const TAG_LIST = 8;
const TAG_RECORD = 9;
/** Hundredths, as prices are: an integer n for n / 100. */
const TAG_CENTS = 10;
const TAG_NEGATIVE_CENTS = 11;

const SHORT_TEXT = 24;
/** A program may declare records as deep as its brackets may be (dsl/bounds.ts), and no deeper. */
const MAX_DEPTH = 256;

export interface Writer {
  bytes: Buffer;
  at: number;
}

export function writer(capacity: number): Writer {
  return { bytes: Buffer.allocUnsafeSlow(capacity), at: 0 };
}

function reserve(w: Writer, more: number): void {
  if (w.at + more <= w.bytes.length) return;
  const grown = Buffer.allocUnsafeSlow(Math.max(w.bytes.length * 2, w.at + more));
  w.bytes.copy(grown, 0, 0, w.at);
  w.bytes = grown;
}

export function writeByte(w: Writer, value: number): void {
  reserve(w, 1);
  w.bytes[w.at++] = value;
}

export function writeUint(w: Writer, value: number): void {
  reserve(w, 8);
  if (value >= 0 && value < 0x80) {
    w.bytes[w.at++] = value;
    return;
  }
  if (!(value >= 0 && value <= Number.MAX_SAFE_INTEGER)) throw new StateCorrupt(`${value} cannot be written as a whole number`);
  const bytes = w.bytes;
  let at = w.at;
  let rest = value;
  if (rest >= LOW_28) {
    // Larger than the whole numbers that bit operations know: the low 28 bits first, then what is left.
    const low = rest % LOW_28;
    bytes[at++] = (low & 0x7f) | 0x80;
    bytes[at++] = ((low >>> 7) & 0x7f) | 0x80;
    bytes[at++] = ((low >>> 14) & 0x7f) | 0x80;
    bytes[at++] = (low >>> 21) | 0x80;
    rest = (rest - low) / LOW_28;
  }
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  w.at = at;
}

const LOW_28 = 2 ** 28;

/** Makes room for `count` whole numbers, so that the buffer does not grow while they are written. */
export function reserveInts(w: Writer, count: number): void {
  reserve(w, count * 8);
}

/** A whole number of at most 52 bits, either sign. */
export function writeInt(w: Writer, value: number): void {
  writeUint(w, value >= 0 ? value * 2 : -value * 2 - 1);
}

export function writeDouble(w: Writer, value: number): void {
  reserve(w, 8);
  w.bytes.writeDoubleLE(value, w.at);
  w.at += 8;
}

/** Signed 32-bit numbers, four bytes each; how many there are, the reader must know. */
export function writeInts32(w: Writer, values: readonly number[]): void {
  reserve(w, values.length * 4);
  const { bytes } = w;
  let at = w.at;
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    bytes[at++] = value & 255;
    bytes[at++] = (value >>> 8) & 255;
    bytes[at++] = (value >>> 16) & 255;
    bytes[at++] = value >>> 24;
  }
  w.at = at;
}

/** Bytes as they are, from `from` to before `to`. */
export function writeBytes(w: Writer, source: Buffer, from: number, to: number): void {
  const length = to - from;
  reserve(w, length);
  if (length > SHORT_COPY) source.copy(w.bytes, w.at, from, to);
  else {
    const { bytes, at } = w;
    for (let i = 0; i < length; i++) bytes[at + i] = source[from + i] as number;
  }
  w.at += length;
}

/** Below this, a loop is faster than a call into the runtime. */
const SHORT_COPY = 96;

function isLatin(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 255) return false;
  return true;
}

function writeTextBody(w: Writer, text: string, latin: boolean): void {
  if (!latin) {
    const length = Buffer.byteLength(text, "utf8");
    writeUint(w, length);
    reserve(w, length);
    w.bytes.write(text, w.at, length, "utf8");
    w.at += length;
    return;
  }
  writeUint(w, text.length);
  reserve(w, text.length);
  if (text.length <= SHORT_TEXT) {
    // A call into the runtime costs more than a few bytes written here.
    for (let i = 0; i < text.length; i++) w.bytes[w.at++] = text.charCodeAt(i);
  } else {
    w.bytes.write(text, w.at, text.length, "latin1");
    w.at += text.length;
  }
}

export function writeText(w: Writer, text: string): void {
  writeValue(w, text);
}

export function writeValue(w: Writer, value: Value | undefined, depth = 0): void {
  if (depth > MAX_DEPTH) throw new StateCorrupt(`a value is nested deeper than ${MAX_DEPTH} levels`);
  if (value === null || value === undefined) return writeByte(w, TAG_NULL);
  if (typeof value === "boolean") return writeByte(w, value ? TAG_TRUE : TAG_FALSE);
  if (typeof value === "number") return writeNumber(w, value);
  if (typeof value === "string") {
    const latin = isLatin(value);
    // Lone surrogates have no UTF-8; they become U+FFFD, as everywhere in JSON over UTF-8.
    writeByte(w, latin ? TAG_LATIN : TAG_UTF8);
    return writeTextBody(w, value, latin);
  }
  if (Array.isArray(value)) {
    writeByte(w, TAG_LIST);
    writeUint(w, value.length);
    for (const item of value as readonly Value[]) writeValue(w, item, depth + 1);
    return;
  }
  const record = value as { readonly [name: string]: Value };
  const names = Object.keys(record);
  writeByte(w, TAG_RECORD);
  writeUint(w, names.length);
  for (const name of names) {
    writeValue(w, name, depth + 1);
    writeValue(w, record[name], depth + 1);
  }
}

export function writeNumber(w: Writer, value: number): void {
  if (Number.isSafeInteger(value) && !Object.is(value, -0)) {
    writeByte(w, value >= 0 ? TAG_UINT : TAG_NEGATIVE);
    return writeUint(w, Math.abs(value));
  }
  const cents = Math.round(value * 100);
  if (cents / 100 === value && Number.isSafeInteger(cents) && cents !== 0) {
    writeByte(w, cents >= 0 ? TAG_CENTS : TAG_NEGATIVE_CENTS);
    return writeUint(w, Math.abs(cents));
  }
  writeByte(w, TAG_DOUBLE);
  writeDouble(w, value);
}

export interface Reader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;
}

/** Reads a part of a buffer. */
export const readerOf = (bytes: Buffer, at: number, end: number): Reader => ({ bytes, at, end });

export function reader(bytes: Uint8Array): Reader {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes: buffer, at: 0, end: buffer.length };
}

export function readByte(r: Reader): number {
  if (r.at >= r.end) throw new StateCorrupt("the state ends too early");
  return r.bytes[r.at++] as number;
}

export function readUint(r: Reader): number {
  let value = readByte(r);
  if (value < 0x80) return value;
  value &= 0x7f;
  let scale = 128;
  for (;;) {
    const byte = readByte(r);
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
    if (scale > 2 ** 49) throw new StateCorrupt("a number is longer than 53 bits");
  }
}

export function readInt(r: Reader): number {
  const value = readUint(r);
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

export function readDouble(r: Reader): number {
  if (r.at + 8 > r.end) throw new StateCorrupt("the state ends too early");
  const value = r.bytes.readDoubleLE(r.at);
  r.at += 8;
  return value;
}

export function readInt32(r: Reader): number {
  if (r.at + 4 > r.end) throw new StateCorrupt("the state ends too early");
  const value = r.bytes.readInt32LE(r.at);
  r.at += 4;
  return value;
}

export function readText(r: Reader): string {
  const value = readValue(r);
  if (typeof value !== "string") throw new StateCorrupt("a text was expected");
  return value;
}

export function readNumber(r: Reader): number {
  const value = readValue(r);
  if (typeof value !== "number") throw new StateCorrupt("a number was expected");
  return value;
}

/** A count, and as many items; whatever the count says, no more than the bytes have. */
export function readList<T>(r: Reader, read: (r: Reader) => T): T[] {
  const items: T[] = [];
  for (let left = readUint(r); left > 0; left--) items.push(read(r));
  return items;
}

export type Fields = { [name: string]: Value | undefined };

/** A record, as profiles and events are. */
export function readFields(r: Reader): Fields {
  const value = readValue(r);
  if (value === null || typeof value !== "object" || Array.isArray(value)) throw new StateCorrupt("a record was expected");
  return value as Fields;
}

export function readValue(r: Reader, depth = 0): Value {
  if (depth > MAX_DEPTH) throw new StateCorrupt("a value is nested too deeply");
  const tag = readByte(r);
  switch (tag) {
    case TAG_NULL: return null;
    case TAG_FALSE: return false;
    case TAG_TRUE: return true;
    case TAG_UINT: return readUint(r);
    case TAG_NEGATIVE: return -readUint(r);
    case TAG_DOUBLE: return readDouble(r);
    case TAG_CENTS: return readUint(r) / 100;
    case TAG_NEGATIVE_CENTS: return -readUint(r) / 100;
    case TAG_LATIN: case TAG_UTF8: {
      const length = readUint(r);
      if (r.at + length > r.end) throw new StateCorrupt("the state ends too early");
      const text = tag === TAG_LATIN ? r.bytes.toString("latin1", r.at, r.at + length) : r.bytes.toString("utf8", r.at, r.at + length);
      r.at += length;
      return text;
    }
    case TAG_LIST: return readList(r, () => readValue(r, depth + 1));
    case TAG_RECORD: {
      const record: { [name: string]: Value } = {};
      for (let left = readUint(r); left > 0; left--) {
        const name = readValue(r, depth + 1);
        const value = readValue(r, depth + 1);
        if (typeof name !== "string" || name === "__proto__") throw new StateCorrupt("a field has no usable name");
        record[name] = value;
      }
      return record;
    }
    default: throw new StateCorrupt(`unknown tag ${tag}`);
  }
}
