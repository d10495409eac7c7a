/**
 * Hashes of text for identities: 64 bits to recognise an event seen before, 128 bits to name an action. Not
 * cryptographic. The mixing is that of cyrb53 (bryc, public domain), which follows MurmurHash3's finaliser: two 32-bit
 * lanes over the UTF-16 code units.
 */

export interface Hash64 {
  high: number;
  low: number;
}

/** Mixes the two lanes once more, each with the other. */
function finish(one: number, other: number, into: Hash64): void {
  const low = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909);
  const high = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  into.high = high >>> 0;
  into.low = low >>> 0;
}

/** Two unsigned 32-bit lanes of a text's hash; written into `into` so that the hot path allocates nothing. */
export function hash64(text: string, seed: number, into: Hash64): void {
  let h1 = 0xdeadbeef ^ seed;
  let h2 = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    h1 = Math.imul(h1 ^ unit, 2654435761);
    h2 = Math.imul(h2 ^ unit, 1597334677);
  }
  finish(h1, h2, into);
}

/** The same as the hash of `first`, a zero and `second` in one text, which need not be made for it. */
export function hash64OfPair(first: string, second: string, into: Hash64): void {
  let h1 = 0xdeadbeef;
  let h2 = 0x41c6ce57;
  for (let i = 0; i < first.length; i++) {
    const unit = first.charCodeAt(i);
    h1 = Math.imul(h1 ^ unit, 2654435761);
    h2 = Math.imul(h2 ^ unit, 1597334677);
  }
  h1 = Math.imul(h1, 2654435761);
  h2 = Math.imul(h2, 1597334677);
  for (let i = 0; i < second.length; i++) {
    const unit = second.charCodeAt(i);
    h1 = Math.imul(h1 ^ unit, 2654435761);
    h2 = Math.imul(h2 ^ unit, 1597334677);
  }
  finish(h1, h2, into);
}

const scratch: Hash64 = { high: 0, low: 0 };
/** Digits written here become one flat text; joined texts would be a tree of small ones until somebody reads them. */
const digits = new Uint16Array(16);
const digitBytes = Buffer.from(digits.buffer);
/** The two digits of every byte, as they lie in memory. */
const PAIRS = new Uint16Array(new Uint8Array(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0")).join(""), "latin1")).buffer);

function writeHex(n: number, at: number): void {
  digits[at] = PAIRS[n >>> 24] as number;
  digits[at + 1] = PAIRS[(n >>> 16) & 255] as number;
  digits[at + 2] = PAIRS[(n >>> 8) & 255] as number;
  digits[at + 3] = PAIRS[n & 255] as number;
}

/** 32 hex digits: two 64-bit hashes of the text with different seeds. */
export function hash128Hex(text: string): string {
  hash64(text, 0, scratch);
  writeHex(scratch.high, 0);
  writeHex(scratch.low, 4);
  hash64(text, 0x9e3779b9, scratch);
  writeHex(scratch.high, 8);
  writeHex(scratch.low, 12);
  return digitBytes.toString("latin1");
}
