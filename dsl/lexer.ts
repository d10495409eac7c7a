// Text to tokens: words, numbers, strings, dates, times of day and marks, with comments and white space set apart.
//
// Never throws, whatever the text: what is no token is reported and passed over, and a literal that means nothing
// (a day that does not exist, a string without an end) is reported and handed on with some value, so that parsing
// goes on. Cutting the tokens into declarations is declarations.ts's, judging their order parse.ts's.

import moo from "moo";
import type { ClockLiteral, DateLiteral, Name, NumberLiteral, Span, StringLiteral } from "./ast.js";
import { type Diagnostic, diagnostic } from "./diagnostics/codes.js";

/** `name`, `soft` and `hard` are words: see grammar.ne. */
export type TokenType = "name" | "soft" | "hard" | "number" | "string" | "date" | "clock" | "mark";

/** What a token is as a part of the tree; a word or mark stands for itself. */
export type Leaf = Name | NumberLiteral | StringLiteral | DateLiteral | ClockLiteral;

export interface Token {
  readonly type: TokenType;
  /** As it was written. */
  readonly text: string;
  readonly leaf: Leaf;
  readonly span: Span;
  /** It stands in the first column. */
  readonly first: boolean;
}

/** `# …`, without the line's end. */
export interface Comment {
  readonly text: string;
  readonly span: Span;
}

export interface Lexed {
  readonly tokens: readonly Token[];
  readonly comments: readonly Comment[];
  readonly diagnostics: readonly Diagnostic[];
}

const words = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/));

/** Never a bare name; after a dot and as a key they are ordinary words. */
export const HARD = words("and or not no in like contains over true false null nothing until if then else change");

/** Every other word that the grammar spells (a test compares): no declaration may be called so, a field may. */
export const SOFT = words(`
  event profile trait segment channel channels points tier experiment metric rule test
  from retain string number boolean time date duration when for at least by quiet to most per
  earn on expire after goal within value where enter leave up down repeat restart priority every
  monday tuesday wednesday thursday friday saturday sunday wait as send urgent emit set tag untag
  award take split stop customer variant expect held suppressed late among without this run of
  with
  second seconds minute minutes hour hours day days week weeks month months year years`);

const lexer = moo.compile({
  space: { match: /[ \t\r\n]+/, lineBreaks: true },
  comment: /#[^\r\n]*/,
  date: /\d{4}-\d\d-\d\d/,
  clock: /\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?/,
  number: /\d+(?:\.\d+)?/,
  // The end is optional here, and a lone backslash may stand for it: a string without an end is one token too.
  string: /"(?:[^"\\\r\n]|\\[^\r\n])*(?:"|\\)?/,
  name: /[A-Za-z_][A-Za-z_0-9]*/,
  mark: ["==", "!=", ">=", "<=", "??", ">", "<", "+", "-", "*", "/", "%", "=", "(", ")", "{", "}", "[", "]", ".", ",", ":", "?", "|"],
  // Runs of what belongs nowhere.
  stray: /[^\s\w"#><+\-*/%=(){}[\].,:?|]+|[^\r\n]/,
});

const BYTE_ORDER_MARK = "\uFEFF";

export function lex(file: string, text: string): Lexed {
  const tokens: Token[] = [];
  const comments: Comment[] = [];
  const diagnostics: Diagnostic[] = [];
  const report = (found: Diagnostic | null): void => {
    if (found !== null) diagnostics.push(found);
  };
  let strayLine = -1;
  let before = "";
  for (const raw of lexer.reset(text)) {
    const type = raw.type ?? "stray";
    if (type === "space") continue;
    const written = raw.text;
    const start = raw.offset;
    const span: Span = { file, start, end: start + written.length };
    if (type === "comment") {
      comments.push({ text: written, span });
      continue;
    }
    if (type === "stray") {
      if (start === 0 && written.startsWith(BYTE_ORDER_MARK)) {
        if (written.length === 1) continue;
        report(stray({ ...span, start: 1 }, written.slice(1)));
      } else if (raw.line !== strayLine) report(stray(span, written));
      // One a line says enough, and a file that is no text at all stays readable.
      strayLine = raw.line;
      continue;
    }
    const first = raw.col === 1 || (start === 1 && text.startsWith(BYTE_ORDER_MARK));
    const token = literal(type, written, span, first, report) ?? {
      type: type === "name" ? wordType(written, before) : "mark",
      text: written,
      leaf: { text: written, span },
      span,
      first,
    };
    tokens.push(token);
    before = written;
  }
  return { tokens, comments, diagnostics };
}

function wordType(word: string, before: string): TokenType {
  if (SOFT.has(word)) return "soft";
  return HARD.has(word) && before !== "." ? "hard" : "name";
}

type Report = (found: Diagnostic | null) => void;

function literal(type: string, text: string, span: Span, first: boolean, report: Report): Token | null {
  switch (type) {
    case "number": {
      const value = Number(text);
      report(checkNumber(value, text, span));
      return { type, text, leaf: { k: "number", value, span }, span, first };
    }
    case "string": {
      const { value, problem } = readString(text, span);
      report(problem);
      return { type, text, leaf: { k: "string", value, span }, span, first };
    }
    case "date":
      report(dayExists(text) ? null : diagnostic("E0005", span, `there is no day ${text} in the calendar`));
      return { type, text, leaf: { k: "date", value: text, span }, span, first };
    case "clock": {
      const ms = sinceMidnight(text);
      report(ms === null ? diagnostic("E0006", span, `there is no time of day ${text}`, { label: midnightHint(text) }) : null);
      return { type, text, leaf: { k: "clock", value: text, ms: ms ?? 0, span }, span, first };
    }
    default:
      return null;
  }
}

// ---- numbers, dates, times of day ----

function checkNumber(value: number, text: string, span: Span): Diagnostic | null {
  if (value <= Number.MAX_SAFE_INTEGER) return null;
  const shown = text.length > 30 ? `${text.slice(0, 30)}…` : text;
  return diagnostic("E0004", span, `${shown} is too large: whole numbers are exact up to ${Number.MAX_SAFE_INTEGER}`);
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

function dayExists(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split("-").map(Number);
  const days = (DAYS[month - 1] ?? 0) + (month === 2 && isLeap(year) ? 1 : 0);
  return day >= 1 && day <= days;
}

function sinceMidnight(text: string): number | null {
  const [hour = 0, minute = 0, second = 0] = text.split(":").map(Number);
  if (hour > 23 || minute > 59 || second >= 60) return null;
  return Math.round((hour * 3600 + minute * 60 + second) * 1000);
}

const midnightHint = (text: string): string | undefined =>
  text.startsWith("24:00") ? "midnight is `00:00`, of the day that begins" : undefined;

// ---- strings ----

interface ReadString {
  readonly value: string;
  readonly problem: Diagnostic | null;
}

const PLAIN_STRING = /^"[^"\\\u0000-\u001f\ud800-\udfff]*"$/;

function readString(text: string, span: Span): ReadString {
  if (PLAIN_STRING.test(text)) return { value: text.slice(1, -1), problem: null };
  const problem = (code: "E0002" | "E0003", from: number, to: number, message: string, label?: string): ReadString => ({
    value: text.slice(1, from),
    problem: diagnostic(code, { file: span.file, start: span.start + from, end: span.start + to }, message, { label }),
  });
  let at = 1;
  while (at < text.length && text[at] !== '"') {
    const escape = text[at] === "\\" ? ESCAPE.exec(text.slice(at, at + 6))?.[0] : undefined;
    if (text[at] !== "\\") {
      if (text.charCodeAt(at) < 0x20) return problem("E0003", at, at + 1, "a control character cannot stand in a string", `write \`${escaped(text.charCodeAt(at))}\``);
      at++;
    } else if (escape !== undefined) at += escape.length;
    else if (at + 1 >= text.length) at++;
    else return problem("E0003", at, at + (text[at + 1] === "u" ? Math.min(6, text.length - at) : 2), "a string has no such escape", 'a backslash itself is written `\\\\`');
  }
  if (at >= text.length) return { ...problem("E0002", 0, text.length, "this string does not end in its line", 'a `"` is missing'), value: text.slice(1) };
  const value: string = JSON.parse(text);
  if (LONE_SURROGATE.test(value)) return problem("E0003", 0, text.length, "half of a character cannot stand in a string");
  return { value, problem: null };
}

const ESCAPE = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const escaped = (code: number): string => JSON.stringify(String.fromCharCode(code)).slice(1, -1);

// ---- stray characters ----

// What people type out of habit, and what to write instead.
const HABITS: readonly (readonly [RegExp, string])[] = [
  [/^&+/, "write `and`"],
  [/^!+/, "write `not`"],
  [/^;/, "nothing is needed at the end of a line"],
  [/^['`\u2018\u2019\u201a\u201b\u00b4\u201c-\u201f\u00ab\u00bb]/, 'strings stand in straight double quotes: `"`'],
  [/^[\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u2060\u3000\ufeff]/, "an invisible character: write a plain space"],
  [/^[\u2010-\u2015\u2212]/, "write a plain `-`"],
  [/^\\/, "a backslash stands only in a string"],
  [/^\u2260/, "write `!=`"],
  [/^\u2264/, "write `<=`"],
  [/^\u2265/, "write `>=`"],
  [/^\p{L}/u, "names are made of a-z, 0-9 and _"],
];

function stray(span: Span, text: string): Diagnostic {
  const label = HABITS.find(([habit]) => habit.test(text))?.[1];
  return diagnostic("E0001", span, `${shown(text)} means nothing here`, { label });
}

function shown(text: string): string {
  const [character = ""] = text;
  const visible = /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character);
  if (!visible) return `the character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  const [...all] = text.slice(0, 20);
  return `\`${all.join("")}${text.length > 20 ? "…" : ""}\``;
}
