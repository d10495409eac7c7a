/**
 * Tables of percentiles that a program has drawn up over history, for a partition that goes over to it: rankings that the old program
 * did not have stand under the day of the tables in force, or, where there were none, under their own. Without them everybody would
 * be nowhere in these rankings until the next midnight, and come into their segments then as if it were news.
 */
import type { MetaFields } from "../ports.js";
import { readPieces, writePieces, type Piece } from "./piece.js";
import { PIECE_PREFIX, nameOf } from "./population.js";

/** Parts of what was said under the old program are below it. */
const BEHIND_PARTS = 1_000_000;

/** Fields that the partition's first commit under the new program sets. `live`: the partition's own; `filled`: of the same partition over history. */
export function tablesTakenOver(live: MetaFields, filled: MetaFields, rankings: readonly { readonly key: string }[]): MetaFields {
  const drawn = dayOf(filled);
  if (drawn === null || rankings.length === 0) return {};
  const pieces = piecesOf(filled, drawn.day);
  const present = dayOf(live);
  if (present === null) return { tables: `${drawn.day} ${drawn.at} 1`, ...fieldsOf(pieces) };
  const known = new Set(piecesOf(live, present.day).flatMap(({ rankings: said }) => [...said.keys()]));
  const fresh = new Set(rankings.map(({ key }) => key).filter((key) => !known.has(key)));
  if (fresh.size === 0) return {};
  return fieldsOf(pieces.map((piece) => {
    const part = BEHIND_PARTS + piece.part;
    return { ...piece, day: present.day, part, parts: part, rankings: new Map([...piece.rankings].filter(([key]) => fresh.has(key))) };
  }));
}

function dayOf(fields: MetaFields): { readonly day: number; readonly at: number } | null {
  const [day, at] = (fields["tables"] ?? "").split(" ").map(Number);
  return day === undefined || at === undefined || Number.isNaN(at) ? null : { day, at };
}

const piecesOf = (fields: MetaFields, of: number): Piece[] =>
  Object.entries(fields).flatMap(([name, text]) => (name.startsWith(PIECE_PREFIX) ? (readPieces(text) ?? []) : [])).filter(({ day }) => day === of);

const fieldsOf = (pieces: readonly Piece[]): MetaFields => Object.fromEntries(pieces.map((piece) => [nameOf(piece), writePieces([piece])]));
