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
  return text.slice(starts[line] ?? 0, starts[line + 1] ?? text.length).replace(/[\r\n]+$/, "");
}

export function positionIn(lines: Lines, offset: number): Position {
  const line = lineAt(lines, offset);
  return { line: line + 1, column: characters(lines.text.slice(lines.starts[line] ?? 0, offset)) + 1 };
}

// A byte order mark at the beginning is part of the file and not of its first line.
function characters(text: string): number {
  let count = text.startsWith("\uFEFF") ? -1 : 0;
  for (const _ of text) count++;
  return count;
}
