/**
 * What one partition says about its customers at a midnight: a summary for each ranking, as records of the event log
 * that go to every partition. One record where it is small enough, as nearly always, else several parts.
 *
 * Ids are stable: the same figures appended twice, because nobody knows whether the first time succeeded, are one record
 * or two equal ones.
 */
import { dateText } from "../compile/runtime.js";
import type { NewRecord } from "../ports.js";
import { POPULATION_TYPE, populationSubject } from "../subjects.js";
import { DAY_MS } from "../zone.js";
import type { Summary } from "./summary.js";

export interface Piece {
  /** Days since 1970: the midnight (00:00 UTC) at which the customers stood so. */
  readonly day: number;
  /** The partition that says it. */
  readonly source: number;
  /** From 1 to `parts`. */
  readonly part: number;
  readonly parts: number;
  /** By the ranking's key. */
  readonly rankings: ReadonlyMap<string, Summary>;
}

/** With more characters of summaries than this comes another record: brokers take 1 MiB unless they are set up to take less. */
const MAX_CHARACTERS = 60_000;

/** At least one piece, also where there are no rankings. */
export function piecesOf(source: number, day: number, summaries: ReadonlyMap<string, Summary>): Piece[] {
  const parts: Map<string, Summary>[] = [new Map()];
  let characters = 0;
  for (const [key, summary] of summaries) {
    const more = JSON.stringify(summary).length;
    if (characters > 0 && characters + more > MAX_CHARACTERS) {
      parts.push(new Map());
      characters = 0;
    }
    parts[parts.length - 1]?.set(key, summary);
    characters += more;
  }
  return parts.map((rankings, i) => ({ day, source, part: i + 1, parts: parts.length, rankings }));
}

export function pieceRecord(piece: Piece): NewRecord {
  const { day, source, part, parts } = piece;
  const id = `population/${source}/${dateText(day)}${parts > 1 ? `/${part}` : ""}`;
  return {
    subject: populationSubject(source), id,
    body: JSON.stringify({
      specversion: "1.0", id, source: "eddy", type: POPULATION_TYPE, subject: String(source), time: new Date(day * DAY_MS).toISOString(), data: plain(piece),
    }),
  };
}

interface Plain {
  readonly day: number;
  readonly source: number;
  readonly part: number;
  readonly parts: number;
  readonly rankings: Readonly<Record<string, Summary>>;
}

const plain = ({ day, source, part, parts, rankings }: Piece): Plain => ({ day, source, part, parts, rankings: Object.fromEntries(rankings) });

export function writePieces(pieces: readonly Piece[]): string {
  return JSON.stringify(pieces.map(plain));
}

/** Null: it is no list of pieces. */
export function readPieces(text: string): Piece[] | null {
  try {
    const pieces = (JSON.parse(text) as unknown[]).map(readPiece);
    return pieces.some((piece) => piece === null) ? null : (pieces as Piece[]);
  } catch {
    return null;
  }
}

/** Beyond the last day that events are believed to be of: on an event clock a record moves the clock. */
const LAST_DAY = Date.UTC(2200, 0, 1) / DAY_MS;

/** The data of a record; null: it is no piece. */
export function readPiece(data: unknown): Piece | null {
  if (!isRecord(data)) return null;
  const { day, source, part, parts, rankings } = data;
  if (!isNatural(day) || day > LAST_DAY || !isNatural(source) || !isNatural(part) || !isNatural(parts) || part < 1 || part > parts || !isRecord(rankings)) return null;
  const summaries = new Map<string, Summary>();
  for (const [key, value] of Object.entries(rankings)) {
    if (!isSummary(value)) return null;
    summaries.set(key, value);
  }
  return { day, source, part, parts, rankings: summaries };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null && !Array.isArray(value);

const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isSummary(value: unknown): value is Summary {
  if (!isRecord(value)) return false;
  const { n, values, below, upTo } = value;
  if (!isNatural(n) || !Array.isArray(values) || !Array.isArray(below) || !Array.isArray(upTo)) return false;
  if (values.length !== below.length || values.length !== upTo.length) return false;
  const rising = (values as unknown[]).every((each, i) => typeof each === "number" && (i === 0 || (values[i - 1] as number) < each));
  return rising && below.every(isNatural) && upTo.every(isNatural);
}
