/**
 * What becomes of event logs: made again, cut off at the end, cut off and grown again, or without records that somebody had
 * not read yet. Each is damage that an engine must notice and stand still at; it never skips anything in silence.
 */
import type { LogRecord } from "../../engine/ports.js";
import { append, type EventServer } from "./servers.js";

export type Damage = "made again" | "lost its end" | "lost its end and grew again" | "lost what was not read";
export const DAMAGES: readonly Damage[] = ["made again", "lost its end", "lost its end and grew again", "lost what was not read"];

/** Other stamps than the records had that stood there: by these a log that grew again is known. */
const OTHERWISE_MS = 7;

/**
 * Damages a log of which every partition has worked off at least `least` records; answers how the right one is brought back.
 * Null: there is nothing in it to damage so.
 */
export function damage(log: EventServer, what: Damage, least: number, random: () => number): (() => void) | null {
  const { identity, first, bytes } = log;
  const records = [...log.records];
  const ids = new Map(log.ids);
  const isRead = least >= 1 && (what !== "lost what was not read" || records.length > least + 1);
  if (!isRead) return null;
  if (what === "lost what was not read") {
    const from = least + 2 + Math.floor(random() * (records.length - least));
    log.first = from;
    log.records = records.map((record) => (record !== null && record.sequence >= from ? record : null));
    // Meanwhile it may grow: what is new is kept.
    return () => {
      log.first = first;
      log.records = log.records.map((record, i) => record ?? records[i] ?? null);
    };
  }
  if (what === "made again") Object.assign(log, { identity: `${identity} again`, records: [], ids: new Map(), bytes: 0, first: 1 });
  else log.records = records.slice(0, Math.floor(random() * least));
  if (what === "lost its end and grew again") {
    for (const { subject, stamp } of records.slice(log.records.length).filter((record): record is LogRecord => record !== null)) {
      append(log, [{ subject, body: "{ nobody's" }], stamp + OTHERWISE_MS);
    }
  }
  return () => void Object.assign(log, { identity, first, bytes, records, ids });
}
