// What all forms are laid out of: words taken from the cursor, lists of them, brackets around them.

import type { DurationLiteral } from "../ast.js";
import { type Blank, type Column, type Doc, group, hard, indent, LINE, SOFT, SPACE } from "./document.js";
import type { Cursor } from "./source.js";

/** The next token as it was written. */
export function word(c: Cursor, column: Column | null = null): Doc {
  const piece = c.take();
  return { k: "piece", piece, text: piece.token?.text ?? "", column, bare: false };
}

/** The next tokens, with spaces between. */
export const words = (c: Cursor, count: number): Doc => Array.from({ length: count }, (_, i) => (i === 0 ? word(c) : [SPACE, word(c)]));

/** What may be left out, with a space before it. */
export const optional = <Part>(part: Part | null, each: (part: Part) => Doc): Doc => (part === null ? [] : [SPACE, each(part)]);

/** `1 hour`, `2 hours`. */
export function duration(c: Cursor, { count, unit }: DurationLiteral): Doc {
  const number = word(c);
  const piece = c.take();
  return [number, SPACE, { k: "piece", piece, text: count === 1 ? unit : `${unit}s`, column: null, bare: false }];
}

/** `a, b`: in one line, or broken after every comma. */
export const separated = <Item>(c: Cursor, items: readonly Item[], each: (item: Item) => Doc): readonly Doc[] =>
  items.map((item, i) => (i === 0 ? each(item) : [word(c), LINE, each(item)]));

/** The closing bracket behind `inner`; `edge` is what stands on its inner side. */
function closed(c: Cursor, inner: readonly Doc[], edge: Doc): Doc {
  const piece = c.take();
  const text = piece.token?.text ?? "";
  if (piece.before.length === 0) return [indent(...inner), edge, { k: "piece", piece, text, column: null, bare: false }];
  return [indent(...inner, hard(inner.length === 0 ? "first" : "kept"), { k: "remarks", of: piece.before }), hard("never"), { k: "piece", piece, text, column: null, bare: true }];
}

/** `(a, b)`, `[a, b]`, `{ a, b }`: what is in the brackets in this line, or in lines of its own. */
export function bracketed(c: Cursor, inner: () => readonly Doc[]): Doc {
  const wide = c.peek() === "{";
  const open = word(c);
  const parts = inner();
  const edge = wide ? LINE : SOFT;
  return group(open, closed(c, parts.length === 0 ? [] : [edge, ...parts], edge));
}

interface BlockLayout<Item> {
  /** What becomes of blank lines before an item that is not the first. */
  readonly before?: (index: number) => Blank;
  /** It belongs to the items before it and stands further in. */
  readonly deeper?: (item: Item) => boolean;
}

/** `{ … }` with a line for each item. */
export function block<Item>(c: Cursor, items: readonly Item[], each: (item: Item) => Doc, { before = () => "kept", deeper = () => false }: BlockLayout<Item> = {}): Doc {
  const open = word(c);
  if (items.length === 0) return group(open, closed(c, [], LINE));
  const lines = items.map((item, i) => {
    const line = [hard(i === 0 ? "first" : before(i)), each(item)];
    return deeper(item) ? indent(...line) : line;
  });
  return [open, closed(c, lines, hard("never"))];
}
