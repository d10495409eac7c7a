/**
 * The place in a partition's history where it goes over to another program: a record of its own in the event log, one for each
 * partition, handed to that partition alone. Everything before it is the old program's, everything behind it the new one's.
 *
 * A marker counts only while its change is under way: others are passed over, and so is one that was appended twice.
 */
import type { NewRecord } from "../ports.js";
import { PROGRAM_TYPE, programSubject } from "../subjects.js";
import type { Change } from "./change.js";

export interface Marker {
  /** Id of the change. */
  readonly change: string;
  /** Hash of the program that it leads to. */
  readonly program: string;
}

/** The id is stable: appended again at once, since nobody knows whether it succeeded, it is one record. `attempt`: of those to be told apart. */
export function markerRecord({ id: change, program }: Pick<Change, "id" | "program">, partition: number, attempt = 0): NewRecord {
  const id = `program/${change}/${partition}${attempt === 0 ? "" : `/${attempt}`}`;
  return {
    subject: programSubject(partition), id,
    body: JSON.stringify({ specversion: "1.0", id, source: "eddy", type: PROGRAM_TYPE, subject: String(partition), data: { change, program } satisfies Marker }),
  };
}

/** The data of a record; null: it is no marker. */
export function readMarker(data: unknown): Marker | null {
  if (typeof data !== "object" || data === null) return null;
  const { change, program } = data as Partial<Record<keyof Marker, unknown>>;
  return typeof change === "string" && change !== "" && typeof program === "string" && program !== "" ? { change, program } : null;
}
