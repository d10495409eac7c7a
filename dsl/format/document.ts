// Where lines are broken: a tree of pieces, possible breaks and groups, laid out within a width.
//
// A group is written in one line if that fits; if not, all of its own breaks are line ends, and the groups in it are
// looked at one by one (Oppen, "Prettyprinting", 1980; Wadler, "A prettier printer", 2003). A comment ends its line,
// so a group with a comment anywhere but behind its last token does not fit. Columns are columns.ts's.

import type { Piece, Remark } from "./source.js";

export const WIDTH = 120;

export type Doc =
  | { readonly k: "piece"; readonly piece: Piece; readonly text: string; readonly column: Column | null; readonly bare: boolean }
  /** Only if its group stands in one line. */
  | { readonly k: "flat"; readonly text: string }
  /** Where a comment makes a line end of it, what follows stands further in, unless it is `flush`. */
  | { readonly k: "space"; readonly flush: boolean }
  /** A line end if its group is broken, else `flat`. */
  | { readonly k: "line"; readonly flat: "" | " " }
  | { readonly k: "hard"; readonly blank: Blank }
  /** The comments before a closing bracket: they stand with what is in the brackets. */
  | { readonly k: "remarks"; readonly of: readonly Remark[] }
  | { readonly k: "group"; readonly of: readonly Doc[] }
  | { readonly k: "indent"; readonly of: readonly Doc[] }
  | readonly Doc[];

/**
 * What becomes of the author's blank lines at a line end: `kept`, one at most; `first`, not right here (a block begins),
 * but behind a comment; `never`; `one`: there is always one.
 */
export type Blank = "kept" | "first" | "never" | "one";

/** Pieces of one kind in successive lines stand below one another if their author wished it. */
export type Column = "equals" | "event";

export const SPACE: Doc = { k: "space", flush: false };
export const FLUSH_SPACE: Doc = { k: "space", flush: true };
export const LINE: Doc = { k: "line", flat: " " };
export const SOFT: Doc = { k: "line", flat: "" };
export const group = (...of: readonly Doc[]): Doc => ({ k: "group", of });
export const indent = (...of: readonly Doc[]): Doc => ({ k: "indent", of });
export const hard = (blank: Blank): Doc => ({ k: "hard", blank });

export interface Stop {
  readonly column: Column;
  readonly at: number;
  readonly wide: boolean;
}

export interface Line {
  readonly blankBefore: boolean;
  readonly indent: number;
  readonly text: string;
  readonly stop: Stop | null;
  /** Without it the line is a comment alone, or has none. */
  readonly comment: { readonly text: string; readonly wide: boolean } | null;
}

interface Command {
  readonly indent: number;
  readonly flat: boolean;
  readonly doc: Doc;
}

type Growing = { -readonly [key in keyof Line]: Line[key] };

const STEP = 2;
const newLine = (indent: number): Growing => ({ blankBefore: false, indent, text: "", stop: null, comment: null });

export function layOut(doc: Doc): readonly Line[] {
  const lines: Line[] = [];
  let line = newLine(0);
  let blank: Blank = "first";
  let gap = "";
  let flush = false;
  const stack: Command[] = [{ indent: 0, flat: false, doc }];

  const turn = (indent: number, then: Blank): void => {
    if (line.text !== "") lines.push(line);
    line = newLine(indent);
    blank = then;
    gap = "";
  };
  /** The line is over: a comment ends it, or comments come first. */
  const interrupt = (indent: number, before: boolean): void => {
    if (line.text !== "" && (line.comment !== null || before)) turn(flush ? indent : indent + STEP, "never");
  };
  const remark = ({ text, blank: asked }: Remark, force: boolean): void => {
    line.blankBefore = blankHere(blank, asked, force);
    line.text = text;
    turn(line.indent, blank === "never" ? "never" : "kept");
  };
  const put = (piece: Piece, text: string, column: Column | null, bare: boolean, indent: number): void => {
    const before = bare ? [] : piece.before;
    interrupt(indent, before.length > 0);
    const force = !piece.blank && before.every((one) => !one.blank);
    for (const [i, one] of before.entries()) remark(one, force && i === 0);
    if (line.text === "") line.blankBefore = blankHere(blank, piece.blank, force && before.length === 0);
    else line.text += gap;
    gap = "";
    flush = false;
    if (column !== null && line.text !== "" && line.stop === null) line.stop = { column, at: line.text.length, wide: piece.wide };
    line.text += text;
    if (piece.after !== null) line.comment = { text: piece.after.text, wide: piece.afterWide };
  };

  for (let command = stack.pop(); command !== undefined; command = stack.pop()) {
    const { indent, flat, doc } = command;
    const push = (docs: readonly Doc[], at: number, inline: boolean): void => {
      for (let i = docs.length - 1; i >= 0; i--) stack.push({ indent: at, flat: inline, doc: docs[i] ?? [] });
    };
    if (isList(doc)) push(doc, indent, flat);
    else {
      switch (doc.k) {
        case "indent": push(doc.of, indent + STEP, flat); break;
        case "group": push(doc.of, indent, flat || fits(doc.of, stack, indent, gap, line)); break;
        case "piece": put(doc.piece, doc.text, doc.column, doc.bare, indent); break;
        case "flat": if (flat) line.text += doc.text; break;
        case "space":
          gap = " ";
          ({ flush } = doc);
          break;
        case "line": if (flat) gap = doc.flat; else turn(indent, "never"); break;
        case "hard": turn(indent, doc.blank); break;
        case "remarks": for (const one of doc.of) remark(one, false); break;
      }
    }
  }
  turn(0, "never");
  return lines;
}

// Array.isArray does not narrow readonly arrays.
const isList = (doc: Doc): doc is readonly Doc[] => Array.isArray(doc);

const blankHere = (mode: Blank, asked: boolean, force: boolean): boolean => (mode === "kept" && asked) || (mode === "one" && (asked || force));

/** Whether `docs`, and what follows up to the next line end, go on in this line. Looks at no more than a line's worth. */
function fits(docs: readonly Doc[], rest: readonly Command[], indent: number, gap: string, line: Line): boolean {
  let left = WIDTH - (line.text === "" ? line.indent : line.indent + line.text.length + gap.length);
  let next = rest.length - 1;
  let first = true;
  let ended = line.text !== "" && line.comment !== null;
  const stack: { readonly doc: Doc; readonly flat: boolean; readonly own: boolean }[] = [];
  const push = (list: readonly Doc[], flat: boolean, own: boolean): void => {
    for (let i = list.length - 1; i >= 0; i--) stack.push({ doc: list[i] ?? [], flat, own });
  };
  push(docs, true, true);
  for (;;) {
    const top = stack.pop();
    if (top === undefined) {
      const command = rest[next--];
      if (command === undefined) return true;
      stack.push({ doc: command.doc, flat: command.flat, own: false });
      continue;
    }
    const { doc, flat, own } = top;
    if (isList(doc)) push(doc, flat, own);
    else {
      switch (doc.k) {
        // What follows may be broken where it stands.
        case "group": push(doc.of, own || flat, own); break;
        case "indent": push(doc.of, flat, own); break;
        case "hard": case "remarks": return !own;
        case "line":
          if (!flat) return true;
          left -= doc.flat.length;
          break;
        case "space": left--; break;
        case "flat": if (flat) left -= doc.text.length; break;
        case "piece": {
          const before = !doc.bare && doc.piece.before.length > 0;
          if (!first && (ended || before)) return !own;
          // Then it begins a line of its own.
          if (first && (ended || (before && line.text !== ""))) left = WIDTH - indent - STEP;
          first = false;
          ended = doc.piece.after !== null;
          left -= doc.text.length;
          break;
        }
      }
    }
    if (left < 0) return false;
  }
}
