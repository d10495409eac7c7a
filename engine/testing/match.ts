/** Which expectation is met by what: records match in part, lists wholly, and each expectation uses up one thing. */
import { isList, type Json, type JsonRecord } from "./data.js";

/** Whether `value` has all that is wanted of it; null and missing are the same. */
export function matches(wanted: Json, value: Json | undefined): boolean {
  if (wanted === null || value === undefined || value === null) return wanted === null && (value === undefined || value === null);
  if (typeof wanted !== "object" || typeof value !== "object") return wanted === value;
  if (isList(wanted) || isList(value)) {
    return isList(wanted) && isList(value) && wanted.length === value.length && wanted.every((item, i) => matches(item, value[i]));
  }
  return Object.entries(wanted).every(([name, part]) => matches(part, own(value, name)));
}

/** One place in which something expected and what came differ. Undefined: there is nothing. */
export interface Difference {
  /** `items[0].price`; "" where they differ as wholes. */
  readonly path: string;
  readonly expected: Json | undefined;
  readonly found: Json | undefined;
}

/** All places in which `value` is not what is wanted of it; none where it matches. */
export function differences(wanted: Json, value: Json | undefined, path = ""): readonly Difference[] {
  if (matches(wanted, value)) return [];
  if (isList(wanted) && isList(value)) {
    const length = Math.max(wanted.length, value.length);
    return Array.from({ length }, (_, i) => i).flatMap((i) => inside(wanted[i], value[i], `${path}[${i}]`));
  }
  if (isRecord(wanted) && isRecord(value)) {
    return Object.entries(wanted).flatMap(([name, part]) => differences(part, own(value, name), path === "" ? name : `${path}.${name}`));
  }
  return [{ path, expected: wanted, found: value }];
}

/** Of an item: one that is there beyond those expected differs as well. */
const inside = (wanted: Json | undefined, value: Json | undefined, path: string): readonly Difference[] =>
  wanted === undefined || value === undefined ? [{ path, expected: wanted, found: value }] : differences(wanted, value, path);

const isRecord = (value: Json | undefined): value is JsonRecord => typeof value === "object" && value !== null && !isList(value);

const own = (record: JsonRecord, name: string): Json | undefined => (Object.hasOwn(record, name) ? record[name] : undefined);

/** Expectations and the places of the things that they use up. */
export interface Claims {
  /** By expectation: the places that would do, first come first. */
  readonly fitting: (readonly number[])[];
  /** By place: the expectation that uses it up. */
  readonly holder: Map<number, number>;
}

export const noClaims = (): Claims => ({ fitting: [], holder: new Map() });

/**
 * One expectation more. False where there is nothing left for it, however the earlier ones are served: so it does not
 * matter whether the particular or the general is expected first (augmenting paths; Kuhn 1955).
 */
export function claim({ fitting, holder }: Claims, places: readonly number[]): boolean {
  fitting.push(places);
  const asked = new Set<number>();
  const serve = (expectation: number): boolean => {
    for (const place of fitting[expectation] ?? []) {
      if (asked.has(place)) continue;
      asked.add(place);
      const other = holder.get(place);
      if (other !== undefined && !serve(other)) continue;
      holder.set(place, expectation);
      return true;
    }
    return false;
  };
  return serve(fitting.length - 1);
}
