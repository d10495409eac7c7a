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

// A string is several tokens to moo: one pattern for all of it would overflow the stack of the regular expression at a
// few megabytes.
const lexer = moo.states(
  {
    text: {
      space: { match: /[ \t\r\n]+/, lineBreaks: true },
      comment: /#[^\r\n]*/,
      date: /\d{4}-\d\d-\d\d/,
      clock: /\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?/,
      number: /\d+(?:\.\d+)?/,
      quote: { match: '"', push: "string" },
      name: /[A-Za-z_][A-Za-z_0-9]*/,
      mark: ["==", "!=", ">=", "<=", "??", ">", "<", "+", "-", "*", "/", "%", "=", "(", ")", "{", "}", "[", "]", ".", ",", ":", "?", "|"],
      // Runs of what belongs nowhere.
      stray: /[^\s\w"#><+\-*/%=(){}[\].,:?|]+|[^\r\n]/,
    },
    string: {
      piece: /[^"\\\r\n]+|\\[^\r\n]|\\/,
      quote: { match: '"', pop: 1 },
      space: { match: /[\r\n]+/, lineBreaks: true, pop: 1 },
    },
  },
  "text",
);

const LINE_ENDS: ReadonlySet<string> = new Set(["\n", "\r"]);
const BYTE_ORDER_MARK = "\uFEFF";

export function lex(file: string, text: string): Lexed {
  const tokens: Token[] = [];
  const comments: Comment[] = [];
  const diagnostics: Diagnostic[] = [];
  const marked = text.startsWith(BYTE_ORDER_MARK);
  let strayLine = -1;
  let string: { readonly start: number; readonly first: boolean } | null = null;
  const add = (made: Made): void => {
    tokens.push(made.token);
    if (made.problem !== null) diagnostics.push(made.problem);
  };
  const endString = (end: number): void => {
    if (string === null) return;
    const { start, first } = string;
    add(stringToken({ text: text.slice(start, end), span: { file, start, end }, first }));
    string = null;
  };
  for (const raw of lexer.reset(text)) {
    const start = raw.offset;
    const end = start + raw.text.length;
    const first = start === (marked ? 1 : 0) || LINE_ENDS.has(text[start - 1] ?? "");
    const written: Written = { text: raw.text, span: { file, start, end }, first };
    switch (raw.type) {
      case "space":
        endString(start);
        break;
      case "piece":
        break;
      case "quote":
        if (string === null) string = { start, first };
        else endString(end);
        break;
      case "comment":
        comments.push({ text: written.text, span: written.span });
        break;
      case "number":
        add(numberToken(written));
        break;
      case "date":
        add(dateToken(written));
        break;
      case "clock":
        add(clockToken(written));
        break;
      case "name":
        add(plainToken(wordType(written.text, tokens.at(-1)?.text), written));
        break;
      case "mark":
        add(plainToken("mark", written));
        break;
      default: {
        // One a line says enough, and of a file that is no text at all the report stays readable.
        const skipped = start === 0 && marked ? 1 : 0;
        if (skipped < written.text.length && raw.line !== strayLine) {
          diagnostics.push(stray({ file, start: start + skipped, end }, written.text.slice(skipped)));
          strayLine = raw.line;
        }
      }
    }
  }
  endString(text.length);
  return { tokens, comments, diagnostics };
}

interface Written {
  readonly text: string;
  readonly span: Span;
  readonly first: boolean;
}
interface Made {
  readonly token: Token;
  readonly problem: Diagnostic | null;
}

function plainToken(type: "name" | "soft" | "hard" | "mark", { text, span, first }: Written): Made {
  return { token: { type, text, leaf: { text, span }, span, first }, problem: null };
}

function wordType(word: string, before: string | undefined): "name" | "soft" | "hard" {
  if (SOFT.has(word)) return "soft";
  return HARD.has(word) && before !== "." ? "hard" : "name";
}

// ---- numbers, dates, times of day ----

function numberToken({ text, span, first }: Written): Made {
  const value = Number(text);
  return { token: { type: "number", text, leaf: { k: "number", value, span }, span, first }, problem: checkNumber(value, text, span) };
}

function checkNumber(value: number, text: string, span: Span): Diagnostic | null {
  if (value <= Number.MAX_SAFE_INTEGER) return null;
  const shown = text.length > 30 ? `${text.slice(0, 30)}…` : text;
  return diagnostic("E0004", span, `${shown} is too large: whole numbers are exact up to ${Number.MAX_SAFE_INTEGER}`);
}

function dateToken({ text, span, first }: Written): Made {
  const problem = dayExists(text) ? null : diagnostic("E0005", span, `there is no day ${text} in the calendar`);
  return { token: { type: "date", text, leaf: { k: "date", value: text, span }, span, first }, problem };
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

function dayExists(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.split("-").map(Number);
  const days = (DAYS[month - 1] ?? 0) + (month === 2 && isLeap(year) ? 1 : 0);
  return day >= 1 && day <= days;
}

function clockToken({ text, span, first }: Written): Made {
  const ms = sinceMidnight(text);
  const problem = ms === null ? diagnostic("E0006", span, `there is no time of day ${text}`, { label: midnightHint(text) }) : null;
  return { token: { type: "clock", text, leaf: { k: "clock", value: text, ms: ms ?? 0, span }, span, first }, problem };
}

function sinceMidnight(text: string): number | null {
  const [hour = 0, minute = 0, second = 0] = text.split(":").map(Number);
  if (hour > 23 || minute > 59 || second >= 60) return null;
  return Math.round((hour * 3600 + minute * 60 + second) * 1000);
}

const midnightHint = (text: string): string | undefined =>
  text.startsWith("24:00") ? "midnight is `00:00`, of the day that begins" : undefined;

// ---- strings ----

function stringToken({ text, span, first }: Written): Made {
  const { value, problem } = readString(text, span);
  return { token: { type: "string", text, leaf: { k: "string", value, span }, span, first }, problem };
}

interface ReadString {
  readonly value: string;
  readonly problem: Diagnostic | null;
}

const ENDED_STRING = /^"[^"\\\u0000-\u001f\ud800-\udfff]*"$/;
const UNICODE_ESCAPE = "\\uXXXX".length;
const PIECE = /[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
const escaped = (character: string): string => JSON.stringify(character).slice(1, -1);

/** `text` from its opening quote; a string with a problem has what stands before the problem for its value. */
function readString(text: string, span: Span): ReadString {
  if (ENDED_STRING.test(text)) return { value: text.slice(1, -1), problem: null };
  const at = endOfPieces(text);
  const [character = ""] = text.slice(at, at + 1);
  const wrong = (code: "E0002" | "E0003", from: number, to: number, message: string, label: string): ReadString => {
    const where: Span = { file: span.file, start: span.start + from, end: span.start + Math.min(to, text.length) };
    return { value: text.slice(1, at), problem: diagnostic(code, where, message, { label }) };
  };
  if (at >= text.length || (character === "\\" && at + 1 === text.length)) return wrong("E0002", 0, text.length, "this string does not end in its line", 'a `"` is missing');
  if (character === "\\" && text[at + 1] === "u") return wrong("E0003", at, at + UNICODE_ESCAPE, "strings have no such escape", "four hexadecimal digits follow `\\u`");
  if (character === "\\") return wrong("E0003", at, at + 2, "strings have no such escape", "a backslash itself is written `\\\\`");
  if (character !== '"') return wrong("E0003", at, at + 1, "a control character cannot stand in a string", `write \`${escaped(character)}\``);
  const value: unknown = JSON.parse(text);
  if (typeof value !== "string" || LONE_SURROGATE.test(value)) return wrong("E0003", 0, text.length, "this string contains half of a character", "a pair of `\\u` escapes makes one");
  return { value, problem: null };
}

/** Where the first thing stands that is neither a character nor an escape: the closing quote, if all is well. */
function endOfPieces(text: string): number {
  PIECE.lastIndex = 1;
  let end = 1;
  while (PIECE.test(text)) end = PIECE.lastIndex;
  return end;
}

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
  [/^\p{Sc}/u, "a number stands alone, without a currency"],
  [/^\p{L}/u, "names are made of a-z, 0-9 and _"],
];

function stray(span: Span, text: string): Diagnostic {
  const label = HABITS.find(([habit]) => habit.test(text))?.[1];
  return diagnostic("E0001", span, `${shown(text)} means nothing here`, { label });
}

function shown(text: string): string {
  const [character = ""] = text.slice(0, 2);
  const visible = /^[\p{L}\p{N}\p{P}\p{S}]$/u.test(character);
  if (!visible) return `the character U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  const [...all] = text.slice(0, 20);
  return `\`${all.join("")}${text.length > 20 ? "…" : ""}\``;
}
