/**
 * Text for a terminal, measured in columns. Lines are made of spans; whatever the spans hold (names and labels come
 * from rule files, ids from events), a finished line has no control characters and fits its width.
 */

export type Style = "plain" | "bold" | "faint" | "cyan" | "magenta" | "yellow" | "green" | "red";

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export const span = (text: string, style: Style = "plain"): Span => ({ text, style });

const CODES: Readonly<Record<Style, string>> = {
  plain: "",
  bold: "\x1b[1m",
  faint: "\x1b[2m",
  cyan: "\x1b[36m",
  magenta: "\x1b[35m",
  yellow: "\x1b[33m",
  green: "\x1b[32m",
  red: "\x1b[31m",
};
const RESET = "\x1b[0m";

// Combining marks and joiners take no column; East Asian wide forms and emoji take two. The ranges are those of Unicode's
// EastAsianWidth W and F, put together coarsely.
const NO_COLUMN = /^[\p{M}\u200b-\u200f\u2060-\u2064\ufe00-\ufe0f]$/u;
const TWO_COLUMNS =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;
const PLAIN_ASCII = /^[\x20-\x7e]*$/;

const columnsOf = (character: string): number => (NO_COLUMN.test(character) ? 0 : TWO_COLUMNS.test(character) ? 2 : 1);

/** How many columns a text takes; control characters are counted as the blanks that {@link clean} makes of them. */
export function width(text: string): number {
  if (PLAIN_ASCII.test(text)) return text.length;
  let columns = 0;
  for (const character of text) columns += columnsOf(character);
  return columns;
}

/** Control characters, escape sequences' beginnings included, become blanks. */
export const clean = (text: string): string => text.replace(/\p{C}/gu, (found) => (found === "\u200d" ? found : " "));

/** At most `columns` columns; what is cut ends with an ellipsis. */
export function clip(text: string, columns: number): string {
  const plain = clean(text);
  if (width(plain) <= columns) return plain;
  if (columns <= 0) return "";
  let kept = "";
  let used = 0;
  for (const character of plain) {
    const next = columnsOf(character);
    if (used + next > columns - 1) break;
    kept += character;
    used += next;
  }
  return `${kept}…`;
}

/** Exactly `columns` columns, the text at the left. */
export function left(text: string, columns: number): string {
  const clipped = clip(text, columns);
  return clipped + " ".repeat(Math.max(0, columns - width(clipped)));
}

/** Exactly `columns` columns, the text at the right. */
export function right(text: string, columns: number): string {
  const clipped = clip(text, columns);
  return " ".repeat(Math.max(0, columns - width(clipped))) + clipped;
}

export const spansWidth = (spans: readonly Span[]): number => spans.reduce((sum, each) => sum + width(each.text), 0);

/** Spans cut to `columns` columns. */
export function fit(spans: readonly Span[], columns: number): Span[] {
  const fitted: Span[] = [];
  let room = columns;
  for (const { text, style } of spans) {
    if (room <= 0) break;
    const clipped = clip(text, room);
    fitted.push({ text: clipped, style });
    if (clipped !== clean(text)) break;
    room -= width(clipped);
  }
  return fitted;
}

/** Spans cut or filled up to exactly `columns` columns, to stand beside something else. */
export function fill(spans: readonly Span[], columns: number): Span[] {
  const fitted = fit(spans, columns);
  const missing = columns - spansWidth(fitted);
  return missing > 0 ? [...fitted, span(" ".repeat(missing))] : fitted;
}

/** One line for the terminal, at most `columns` wide, without blanks at its end. */
export function paintLine(spans: readonly Span[], columns: number, colour: boolean): string {
  const fitted = fit(spans, columns);
  let last = fitted.length;
  while (last > 0 && fitted[last - 1]?.text.trim() === "") last--;
  return fitted
    .slice(0, last)
    .map(({ text, style }, i) => {
      const shown = i === last - 1 ? text.trimEnd() : text;
      return colour && style !== "plain" ? `${CODES[style]}${shown}${RESET}` : shown;
    })
    .join("");
}
