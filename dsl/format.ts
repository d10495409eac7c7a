// The one canonical layout of rule files: the text of a file to the same text, laid out.
//
// Only white space, commas and the number of duration words change, and of several brackets around the same one
// remains; the trees before and after are equal, which is looked at each time, and every comment is kept. Formatting
// what was formatted changes nothing. The folder format/ holds what stands where; docs/language.md tells it to people.

import type { Declaration } from "./ast.js";
import type { Diagnostic } from "./diagnostics/codes.js";
import { textOf } from "./format/columns.js";
import { declaration } from "./format/declarations.js";
import { type Doc, hard, layOut } from "./format/document.js";
import { sameMeaning } from "./format/same.js";
import { cursor, type Cursor, LayoutError, piecesOf } from "./format/source.js";
import { word } from "./format/words.js";
import { lex } from "./lexer.js";
import { parseFile } from "./parse.js";

export interface Formatted {
  /** As it was where a diagnostic says that it cannot be read. */
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
}

/** Throws LayoutError where the result would not mean the same: a bug of ours, and no text is better than that. */
export function formatText(file: string, text: string): Formatted {
  const { declarations, diagnostics } = parseFile(file, text);
  if (diagnostics.length > 0) return { text, diagnostics };
  const { tokens, comments } = lex(file, text);
  const laidOut = textOf(layOut(fileDoc(cursor(piecesOf(text, tokens, comments)), declarations)));
  if (laidOut === text) return { text, diagnostics };
  const again = parseFile(file, laidOut);
  const kept = lex(file, laidOut).comments;
  if (!sameMeaning(again.declarations, declarations) || again.diagnostics.length > 0 || !comments.every((one, i) => one.text.trimEnd() === kept[i]?.text)) {
    throw new LayoutError(`${file}: formatting would change what it says. This is a bug in Eddy; please report it with the file`);
  }
  return { text: laidOut, diagnostics };
}

function fileDoc(c: Cursor, declarations: readonly Declaration[]): Doc {
  const docs = declarations.map((one, i) => [hard(i === 0 ? "first" : "kept"), declaration(c, one)]);
  // The end of the file: it has no text, but there may be comments before it.
  return [...docs, hard(docs.length === 0 ? "first" : "kept"), word(c)];
}
