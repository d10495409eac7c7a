/**
 * Texts that are only ever told from others (`distinct`, the keys of an aggregate that is kept for each value of a field) are
 * kept as a hash where they are long: a customer's state must not grow by a megabyte with each event that brings a long one.
 */
import type { Value } from "../../dsl/program.js";
import { hash128Hex } from "../hash.js";

/** Longest text that is kept as it is. */
const LONGEST = 128;

export const isLong = (value: Value): value is string => typeof value === "string" && value.length > LONGEST;

/** Equal for equal values, and (but for 1 in 2^128) for no others. The mark keeps a short text apart that looks like a hash. */
export function told<T extends Value>(value: T): T | string {
  if (!isLong(value)) return value;
  if (value !== last.text) last = { text: value, hash: `\u0000${hash128Hex(value)}` };
  return last.hash;
}

/** Several aggregates are asked about the same text, one behind the other: a megabyte takes ten milliseconds each time. */
let last: { readonly text: string; readonly hash: string } = { text: "", hash: "" };
