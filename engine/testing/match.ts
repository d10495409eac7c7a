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
