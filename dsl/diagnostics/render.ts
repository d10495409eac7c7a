// Findings to text for people and to data for programs. The only place that knows carets and colours.
//
//   error[E0103]: there is no event "order_place"
//     --> rules/shop/cart.eddy:14:9
//      |
//   14 |   until order_place
//      |         ^^^^^^^^^^^ did you mean "order_placed"?
//
// Columns count characters from 1, whatever their width; carets stand under what the terminal shows: tabs are
// written as spaces, wide characters take two places, and characters that would move the cursor or turn the text
// around are shown as marks. Long lines are cut around the span.

import type { Diagnostic } from "./codes.js";
import { lineAt, type Lines, linesOf, lineText, positionIn } from "./lines.js";

/** The text of each file by its path, as it was parsed. */
export type Sources = ReadonlyMap<string, string>;

export interface RenderOptions {
  /** With ANSI colours; without by default. */
  readonly color?: boolean;
}

/** Findings in the order of files and text, then by code. */
export function inSourceOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  return [...diagnostics].sort(
    (a, b) => compare(a.span.file, b.span.file) || a.span.start - b.span.start || a.span.end - b.span.end || compare(a.code, b.code),
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** All findings in source order, an empty line between them, and a last line with their number; "" for none. */
export function renderAll(diagnostics: readonly Diagnostic[], sources: Sources, options: RenderOptions = {}): string {
  if (diagnostics.length === 0) return "";
  const lines = linesByFile(sources);
  const paint = options.color === true ? COLORS : PLAIN;
  const texts = inSourceOrder(diagnostics).map((found) => renderWith(found, lines(found.span.file), paint));
  return `${texts.join("\n")}\n${summary(diagnostics)}\n`;
}

/** One finding, ending with a line break. */
export function render(found: Diagnostic, sources: Sources, options: RenderOptions = {}): string {
  return renderWith(found, linesByFile(sources)(found.span.file), options.color === true ? COLORS : PLAIN);
}

/** "2 errors, 1 warning". */
export function summary(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(({ severity }) => severity === "error").length;
  const warnings = diagnostics.length - errors;
  const parts = [counted(errors, "error"), counted(warnings, "warning")].filter((part) => part !== null);
  return parts.length === 0 ? "no findings" : parts.join(", ");
}

const counted = (count: number, what: string): string | null => (count === 0 ? null : `${count} ${what}${count === 1 ? "" : "s"}`);

// ---- for programs ----

export interface JsonPosition {
  /** From 1. */
  readonly line: number;
  /** In characters, from 1. */
  readonly column: number;
  /** In UTF-16 units, from 0. */
  readonly offset: number;
}
export interface JsonDiagnostic {
  readonly code: string;
  readonly severity: string;
  readonly message: string;
  readonly file: string;
  readonly start: JsonPosition;
  /** Exclusive. */
  readonly end: JsonPosition;
  readonly label?: string;
  readonly notes?: readonly string[];
}

/** All findings in source order, as plain data. */
export function toJson(diagnostics: readonly Diagnostic[], sources: Sources): readonly JsonDiagnostic[] {
  const lines = linesByFile(sources);
  return inSourceOrder(diagnostics).map(({ code, severity, message, span, label, notes }) => {
    const at = lines(span.file);
    return {
      code,
      severity,
      message,
      file: span.file,
      start: jsonPosition(at, span.start),
      end: jsonPosition(at, span.end),
      ...(label === undefined ? {} : { label }),
      ...(notes === undefined ? {} : { notes }),
    };
  });
}

const jsonPosition = (lines: Lines, offset: number): JsonPosition => ({ ...positionIn(lines, offset), offset });

function linesByFile(sources: Sources): (file: string) => Lines {
  const known = new Map<string, Lines>();
  return (file) => {
    const lines = known.get(file) ?? linesOf(sources.get(file) ?? "");
    known.set(file, lines);
    return lines;
  };
}

// ---- what a line looks like ----

const TAB = 4;
/** The most that is shown of a line, in places of the terminal. */
const WIDEST = 120;

const INVISIBLE = /[\p{Mn}\p{Me}\u200b-\u200d\ufe00-\ufe0f\ufeff]/u;
const WIDE = /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
// What would move the cursor, ring the bell, or turn the text around (control, bidirectional and separator characters).
const DANGEROUS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;
const DANGEROUS_ALL = new RegExp(DANGEROUS, "g");
const REPLACEMENT = "\uFFFD";

/** Printable ASCII needs no looking up. */
const isPlain = (character: string): boolean => character >= " " && character <= "~";

function shownAs(character: string, place: number): string {
  if (character === "\t") return " ".repeat(TAB - (place % TAB));
  return DANGEROUS.test(character) || (character >= "\ud800" && character <= "\udfff" && character.length === 1) ? REPLACEMENT : character;
}

function widthOf(shown: string): number {
  if (shown.length !== 1 || !isPlain(shown)) {
    if (shown.startsWith(" ")) return shown.length;
    if (INVISIBLE.test(shown)) return 0;
    if (WIDE.test(shown)) return 2;
  }
  return 1;
}

/** Text for a terminal, whatever it contains; used for messages, which may quote the source. */
const harmless = (text: string): string => text.replace(DANGEROUS_ALL, REPLACEMENT);

interface Shown {
  readonly text: string;
  readonly caretStart: number;
  readonly caretWidth: number;
}

/** A line with the places of [from, to) in it, cut to WIDEST around `from`. */
function show(line: string, from: number, to: number): Shown {
  const start = Math.max(0, cutBefore(line, from));
  const room = WIDEST - (start > 0 ? 1 : 0);
  let text = start > 0 ? "…" : "";
  let place = text.length;
  let caretStart = place;
  let caretEnd: number | null = null;
  let at = start;
  while (at < line.length && place < room) {
    const character = String.fromCodePoint(line.codePointAt(at) ?? 0);
    if (at <= from) caretStart = place;
    if (at >= to && caretEnd === null) caretEnd = place;
    const shown = shownAs(character, place);
    text += shown;
    place += widthOf(shown);
    at += character.length;
  }
  if (at <= from) caretStart = place;
  if (at < line.length) text += "…";
  return { text: text.trimEnd(), caretStart, caretWidth: Math.max(1, (caretEnd ?? place) - caretStart) };
}

// Far to the right, the span is shown with what stands shortly before it.
const CONTEXT = 40;
function cutBefore(line: string, from: number): number {
  if (line.length <= WIDEST || from < WIDEST - CONTEXT) return 0;
  const at = from - CONTEXT;
  const inPair = /[\udc00-\udfff]/.test(line[at] ?? "") && /[\ud800-\udbff]/.test(line[at - 1] ?? "");
  return inPair ? at - 1 : at;
}

// ---- one finding ----

type Paint = (what: "error" | "warning" | "bold" | "frame", text: string) => string;

const PLAIN: Paint = (_, text) => text;
const ANSI = { error: "\u001b[1;31m", warning: "\u001b[1;33m", bold: "\u001b[1m", frame: "\u001b[1;34m" } as const;
const COLORS: Paint = (what, text) => (text === "" ? text : `${ANSI[what]}${text}\u001b[0m`);

function renderWith({ code, severity, message, span, label, notes }: Diagnostic, lines: Lines, paint: Paint): string {
  const { line, column } = positionIn(lines, span.start);
  const number = String(line);
  const margin = " ".repeat(number.length);
  const out = [
    `${paint(severity, `${severity}[${code}]`)}${paint("bold", `: ${harmless(message)}`)}`,
    `${margin}${paint("frame", "-->")} ${harmless(span.file)}:${line}:${column}`,
  ];
  if (lines.text !== "") {
    const first = line - 1;
    const begins = lines.starts[first] ?? 0;
    const text = lineText(lines, first);
    // Of a span over several lines the first is shown, and dots say that it goes on.
    const goesOn = lineAt(lines, Math.max(span.start, span.end - 1)) > first;
    const to = goesOn ? text.replace(/\s+$/, "").length : span.end - begins;
    const shown = show(text, span.start - begins, to);
    const carets = `${"^".repeat(shown.caretWidth)}${goesOn ? "..." : ""}${label === undefined ? "" : ` ${harmless(label)}`}`;
    out.push(
      `${margin} ${paint("frame", "|")}`,
      `${paint("frame", `${number} |`)}${shown.text === "" ? "" : ` ${shown.text}`}`,
      `${margin} ${paint("frame", "|")} ${" ".repeat(shown.caretStart)}${paint(severity, carets)}`,
    );
  } else if (label !== undefined) out.push(`${margin} ${paint("frame", "=")} ${harmless(label)}`);
  for (const note of notes ?? []) out.push(`${margin} ${paint("frame", "=")} ${harmless(note)}`);
  return `${out.join("\n")}\n`;
}
