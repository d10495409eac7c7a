/**
 * Where filling a partition from history ends: with the marker of the change that is filled. Nothing behind it is taken in but what
 * other partitions still have to say of what lies before it; the commit that takes it says so.
 */
import type { LogRecord, MetaFields } from "../ports.js";
import { PROGRAM_TYPE } from "../subjects.js";
import { endedField, readEnded } from "./filled.js";
import { isSaid } from "./fill-words.js";
import { readMarker } from "./marker.js";

export interface EndsAt {
  /** Id of the change. */
  readonly change: string;
  /** By how much sequences are higher than those of the stream: places that a file of history takes before it. */
  readonly shift: number;
  /** By partition: the live one has passed its markers over up to there, as the stream counts, or has lost them with the log's end. */
  readonly passedOver?: ReadonlyMap<number, number>;
}

export interface End {
  /** Whether the record lies behind the end. To be asked of each of the partition's own, in order. */
  isBehind(record: LogRecord): boolean;
  /** What the commit that takes everything up to `sequence` sets. */
  fields(sequence: number): MetaFields;
}

const NOTHING: MetaFields = {};
const NEVER: End = { isBehind: () => false, fields: () => NOTHING };
const MARKERS = `events.${PROGRAM_TYPE}.`;

/** `fields` is what the store says of the partition. */
export function endAt(ends: EndsAt | undefined, fields: MetaFields): End {
  if (ends === undefined) return NEVER;
  const { change, shift, passedOver } = ends;
  const passedOverBy = ({ subject }: LogRecord): number => passedOver?.get(Number(subject.slice(MARKERS.length))) ?? 0;
  /** Infinity: not there yet; null: it is committed. */
  let end: number | null = readEnded(fields)?.change === change ? null : Infinity;
  return {
    isBehind(record) {
      if (end !== Infinity) return !isSaid(record.subject);
      if (record.subject.startsWith(MARKERS) && changeOf(record) === change && record.sequence - shift > passedOverBy(record)) end = record.sequence;
      return false;
    },
    fields(sequence) {
      if (end === null || sequence < end) return NOTHING;
      const field = endedField({ change, sequence: end - shift });
      end = null;
      return field;
    },
  };
}

/** Null: it is not what Eddy wrote. */
function changeOf({ body }: LogRecord): string | null {
  try {
    return readMarker((JSON.parse(Buffer.from(body).toString()) as { data?: unknown } | null)?.data)?.change ?? null;
  } catch {
    return null;
  }
}
