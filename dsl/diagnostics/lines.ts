// Offsets to lines and columns. Lines end with \n, \r\n or \r; columns count characters, not UTF-16 units.

/** A text and where its lines begin. */
export interface Lines {
  readonly text: string;
  readonly starts: readonly number[];
}

/** Both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export function linesOf(text: string): Lines {
  const starts = [0];
  for (const found of text.matchAll(/\r\n|\r|\n/g)) starts.push(found.index + found[0].length);
  return { text, starts };
}

/** The number of the line, from 0, in which this offset stands. */
export function lineAt({ starts }: Lines, offset: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((starts[middle] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** A line, its number from 0, without its end. */
export function lineText({ text, starts }: Lines, line: number): string {
  const start = starts[line] ?? 0;
  let end = starts[line + 1] ?? text.length;
  while (end > start && LINE_ENDS.has(text[end - 1] ?? "")) end--;
  return text.slice(start, end);
}
const LINE_ENDS: ReadonlySet<string> = new Set(["\r", "\n"]);

interface Counted extends Position {
  readonly offset: number;
}
// Where the last position was: findings come in order, and a line of a megabyte may have thousands of them.
const last = new WeakMap<Lines, Counted>();

export function positionIn(lines: Lines, offset: number): Position {
  const line = lineAt(lines, offset);
  const before = last.get(lines);
  const goesOn = before !== undefined && before.line === line + 1 && before.offset <= offset && !isSecondHalf(lines.text, before.offset);
  const from = goesOn ? before.offset : (lines.starts[line] ?? 0);
  const column = (goesOn ? before.column : 1) + characters(lines.text.slice(from, offset));
  last.set(lines, { offset, line: line + 1, column });
  return { line: line + 1, column };
}

const isSecondHalf = (text: string, at: number): boolean => /[\udc00-\udfff]/.test(text[at] ?? "");

// A byte order mark at the beginning is part of the file and not of its first line.
function characters(text: string): number {
  let count = text.startsWith("\uFEFF") ? -1 : 0;
  for (const _ of text) count++;
  return count;
}
