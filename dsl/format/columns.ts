// Lines to text, with columns where their author wished them: the `=` of successive traits, the events of a test's
// steps, the comments at the ends of successive lines.
//
// Columns are kept, not made: the lines of a run stand below one another if in one of them two spaces or more set the
// column off. Widening happens after lines were broken, so it never decides where they break.

import type { Line, Stop } from "./document.js";

/** A run of lines that share a column. */
interface Run {
  readonly lines: number[];
  wide: boolean;
}

export function textOf(lines: readonly Line[]): string {
  const texts = lines.map(({ text }) => text);
  for (const run of runs(lines)) {
    const stops = run.lines.flatMap((i) => stopOf(lines[i]) ?? []);
    const column = Math.max(...stops.map(({ at }) => at));
    for (const [k, i] of run.lines.entries()) {
      const at = stops[k]?.at ?? 0;
      const text = texts[i] ?? "";
      texts[i] = text.slice(0, at) + " ".repeat(column - at) + text.slice(at);
    }
  }
  const width = (i: number): number => (lines[i]?.indent ?? 0) + (texts[i]?.length ?? 0);
  const comments = new Map<number, number>();
  for (const run of commentRuns(lines)) {
    const column = Math.max(...run.lines.map(width));
    for (const i of run.lines) comments.set(i, column);
  }
  return lines.map(({ blankBefore, indent, comment }, i) => {
    const gap = comment === null ? "" : " ".repeat(1 + Math.max(0, (comments.get(i) ?? 0) - width(i)));
    return `${blankBefore ? "\n" : ""}${" ".repeat(indent)}${texts[i] ?? ""}${gap}${comment?.text ?? ""}\n`;
  }).join("");
}

const stopOf = (line: Line | undefined): Stop | null => line?.stop ?? null;

/** Those whose columns are to be kept. */
function runs(lines: readonly Line[]): readonly Run[] {
  const found: Run[] = [];
  let run: Run = { lines: [], wide: false };
  const end = (): void => {
    if (run.wide) found.push(run);
    run = { lines: [], wide: false };
  };
  for (const [i, line] of lines.entries()) {
    const { stop, blankBefore, indent } = line;
    const before = lines[run.lines.at(-1) ?? -1];
    // Traits follow one another line by line; a test's events may have expectations between them.
    if (stop?.column === "equals" ? blankBefore || run.lines.at(-1) !== i - 1 || stopOf(before)?.column !== "equals" : indent === 0) end();
    if (stop === null) continue;
    run.lines.push(i);
    run.wide ||= stop.wide;
    // An event that goes on in the next line.
    if (/[{[(]$/.test(line.text)) end();
  }
  end();
  return found;
}

function commentRuns(lines: readonly Line[]): readonly Run[] {
  const found: Run[] = [];
  let run: Run = { lines: [], wide: false };
  for (const [i, { comment, blankBefore }] of [...lines.entries()]) {
    if (run.lines.at(-1) !== i - 1 || blankBefore || comment === null) {
      if (run.wide) found.push(run);
      run = { lines: [], wide: false };
    }
    if (comment === null) continue;
    run.lines.push(i);
    run.wide ||= comment.wide;
  }
  if (run.wide) found.push(run);
  return found;
}
