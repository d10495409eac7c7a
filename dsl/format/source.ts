// A file's tokens with the comments that belong to them, and a cursor that hands them out one after the other.
//
// Whoever lays a file out takes every token from the cursor, in order, and takes its comments with it: so neither can
// be lost. A comment behind a token in its line belongs to that token; one in a line of its own to the token that
// follows. Only commas and doubled brackets may be dropped, and their comments go to a neighbour, in the same order.

import { bracket } from "../declarations.js";
import type { Comment, Token } from "../lexer.js";

/** A comment in a line of its own. */
export interface Remark {
  readonly text: string;
  /** The author left a blank line before it. */
  readonly blank: boolean;
}

export interface Piece {
  /** Null at the end of the file. */
  readonly token: Token | null;
  readonly before: readonly Remark[];
  /** At the end of its line. */
  readonly after: Remark | null;
  /** The author left a blank line between this and what stands before it, the last of `before` included. */
  readonly blank: boolean;
  /** The author put two spaces or more in front of it, or of `after`: columns are meant. */
  readonly wide: boolean;
  readonly afterWide: boolean;
}

interface Growing {
  token: Token | null;
  before: Remark[];
  after: Remark | null;
  blank: boolean;
  wide: boolean;
  afterWide: boolean;
}

/** Of a file without syntax errors; the last piece is the end of the file. */
export function piecesOf(text: string, tokens: readonly Token[], comments: readonly Comment[]): readonly Piece[] {
  const pieces: Growing[] = [];
  let from = 0;
  let next = 0;
  for (const token of [...tokens, null]) {
    const start = token?.span.start ?? text.length;
    const piece: Growing = { token, before: [], after: null, blank: false, wide: false, afterWide: false };
    for (let comment = comments[next]; comment !== undefined && comment.span.start < start; comment = comments[++next]) {
      const gap = text.slice(from, comment.span.start);
      const last = pieces.at(-1);
      const remark: Remark = { text: comment.text.trimEnd(), blank: lineEnds(gap) > 1 };
      if (last !== undefined && lineEnds(gap) === 0) {
        last.after = remark;
        last.afterWide = isWide(gap);
      } else piece.before.push(remark);
      from = comment.span.end;
    }
    const gap = text.slice(from, start);
    piece.blank = lineEnds(gap) > 1;
    piece.wide = isWide(gap);
    pieces.push(piece);
    from = token?.span.end ?? start;
  }
  return pieces;
}

const lineEnds = (gap: string): number => gap.match(/\r\n?|\n/g)?.length ?? 0;
const isWide = (gap: string): boolean => gap.length > 1 && lineEnds(gap) === 0;

export interface Cursor {
  /** The text of the next token; "" at the end. */
  readonly peek: () => string;
  readonly take: () => Piece;
  /** Passes over the next token. */
  readonly drop: () => void;
  /** How many brackets open here that enclose just what ends at this offset. */
  readonly brackets: (end: number) => number;
}

/** A way through the tokens without their meaning being changed was left: a bug of ours. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
}

export function cursor(all: readonly Piece[]): Cursor {
  const pieces: Growing[] = all.map((piece) => ({ ...piece, before: [...piece.before] }));
  const closing = matches(pieces);
  let at = 0;
  let last: Growing | null = null;
  const here = (): Growing => {
    const piece = pieces[at];
    if (piece === undefined) throw new LayoutError("the formatter ran past the end of the file. This is a bug in Eddy; please report it with the file");
    return piece;
  };
  const endOf = (index: number | undefined): number => (index === undefined ? -1 : pieces[index]?.token?.span.end ?? -1);
  return {
    peek: () => pieces[at]?.token?.text ?? "",
    take: () => {
      last = here();
      at++;
      return last;
    },
    drop: () => {
      const { before, after, afterWide } = here();
      at++;
      if (last !== null && last.after === null && before.length === 0) {
        last.after = after;
        last.afterWide = afterWide;
      } else pieces[at]?.before.unshift(...before, ...(after === null ? [] : [after]));
    },
    brackets: (end) => {
      let count = 0;
      for (let i = at; pieces[i]?.token?.text === "(" && endOf(closing.get(i)) === end; i++) {
        count++;
        end = endOf((closing.get(i) ?? 0) - 1);
      }
      return count;
    },
  };
}

/** For each opening bracket the one that closes it. */
function matches(pieces: readonly Piece[]): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  const open: number[] = [];
  for (const [i, { token }] of pieces.entries()) {
    const turn = token?.type === "mark" ? bracket(token.text) : 0;
    if (turn === 1) open.push(i);
    if (turn === -1) found.set(open.pop() ?? -1, i);
  }
  return found;
}
