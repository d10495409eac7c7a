/**
 * Hashes of text for identities: 64 bits to recognise an event seen before, 128 bits to name an action. Not
 * cryptographic. The mixing is that of cyrb53 (bryc, public domain), which follows MurmurHash3's finaliser: two 32-bit
 * lanes over the UTF-16 code units.
 */

export interface Hash64 {
  high: number;
  low: number;
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
  h1 = Math.imul(h1 ^ (h1 >>> 16), 2246822507) ^ Math.imul(h2 ^ (h2 >>> 13), 3266489909);
  h2 = Math.imul(h2 ^ (h2 >>> 16), 2246822507) ^ Math.imul(h1 ^ (h1 >>> 13), 3266489909);
  into.high = h2 >>> 0;
  into.low = h1 >>> 0;
}

const scratch: Hash64 = { high: 0, low: 0 };
/** The two digits of every byte: joining four of them is several times faster than toString and padStart. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const digits = (byte: number): string => HEX[byte] as string;
const hex = (n: number): string => digits(n >>> 24) + digits((n >>> 16) & 255) + digits((n >>> 8) & 255) + digits(n & 255);

/** 32 hex digits: two 64-bit hashes of the text with different seeds. */
export function hash128Hex(text: string): string {
  hash64(text, 0, scratch);
  const first = hex(scratch.high) + hex(scratch.low);
  hash64(text, 0x9e3779b9, scratch);
  return first + hex(scratch.high) + hex(scratch.low);
}
