// What the parser finds wrong, in words: what was expected where, and what was most likely meant.
//
// Gives findings and decides nothing: where parsing stops and goes on again is parse.ts's.

import type { Span } from "../ast.js";
import { MAX_DEPTH, MAX_NESTING, MAX_TOKENS } from "../bounds.js";
import { bracket, type Cut, DECLARATION_WORDS } from "../declarations.js";
import { type Column, type Expected, expectedIn, type Productions } from "../expected.js";
import { rules } from "../grammar.generated.js";
import type { Token } from "../lexer.js";
import { type Diagnostic, diagnostic } from "./codes.js";
import { forms, otherDeclaration } from "./forms.js";
import { hintFor } from "./habits.js";
import { lineAt, type Lines, lineText } from "./lines.js";
import { nearby, type Stumble } from "./stumble.js";
import { nearest } from "./suggest.js";

const NOWHERE: Span = { file: "", start: 0, end: 0 };

const productions: Productions = (() => {
  const byName = new Map<string, GrammarSymbols[]>();
  for (const { name, symbols } of rules) byName.set(name, [...(byName.get(name) ?? []), symbols]);
  return byName;
})();
type GrammarSymbols = (typeof rules)[number]["symbols"];

export const tooLong = (head: Token, length: number): Diagnostic =>
  diagnostic("E0012", head.span, `this declaration has ${length} words and marks, at most ${MAX_TOKENS} are read`);

export const tooDeep = (token: Token): Diagnostic => diagnostic("E0011", token.span, `this is nested more than ${MAX_NESTING} deep`);

export function tooTall(head: Token | undefined): Diagnostic {
  return diagnostic("E0011", head?.span ?? NOWHERE, `an expression in this ${head?.text ?? "declaration"} joins more than ${MAX_DEPTH} parts`, {
    label: "move some of them into a trait, or use `in [ … ]`",
  });
}

export const lonelyBracket = (token: Token): Diagnostic => diagnostic("E0013", token.span, `this ${quoted(token.text)} closes nothing`, { label: "take it away, or open a bracket before" });

export function noDeclaration(token: Token, after: Token | undefined): Diagnostic {
  const meant = nearest(token.text, DECLARATION_WORDS);
  const comment = token.text === "/" && (after?.text === "/" || after?.text === "*") && after.span.start === token.span.end;
  return diagnostic("E0010", token.span, `no declaration begins with ${quoted(token.text)}`, {
    label: comment ? "comments begin with `#`" : (otherDeclaration(token.text) ?? (meant === null ? undefined : `did you mean ${quoted(meant)}?`)),
  });
}

/** `at`: the token that could not stand there; `column`: what could have. */
export function unexpected(tokens: readonly Token[], at: number, column: Column, cut: Cut, lines: () => Lines): Diagnostic {
  const token = tokens[at];
  const expected = expectedIn(column, productions);
  if (token === undefined) return diagnostic("E0007", NOWHERE, `expected ${expected.phrase}`);
  if (expected.nameOnly && (token.type === "soft" || token.type === "hard")) {
    return diagnostic("E0009", token.span, `${quoted(token.text)} is a word of the language and no name`, { label: forms(nearby(stumbleAt(tokens, at, cut, expected, lines))) ?? "choose another name" });
  }
  return diagnostic("E0007", token.span, `expected ${expected.phrase}, not ${quoted(token.text)}`, {
    label: hintAt(tokens, at, cut, expected, lines),
  });
}

/** `column`: what could have come after the last token. */
export function tooEarly(tokens: readonly Token[], column: Column, cut: Cut, lines: () => Lines): Diagnostic {
  const [head, last] = [tokens[cut.start], tokens[cut.end - 1]];
  const end = last?.span.end ?? 0;
  const open = unclosed(tokens, cut, lines);
  const expected = expectedIn(column, productions);
  return diagnostic("E0008", { file: head?.span.file ?? "", start: end, end }, `the ${head?.text ?? "declaration"} ends too early: expected ${expected.phrase}`, {
    label: open === null ? hintAt(tokens, cut.end, cut, expected, lines) : undefined,
    notes: open === null ? [] : [`the ${quoted(open.text)} in line ${lineAt(lines(), open.span.start) + 1} is not closed`],
  });
}

const stumbleAt = (tokens: readonly Token[], at: number, cut: Cut, { literals, only }: Expected, lines: () => Lines): Stumble =>
  ({ tokens, at, cut, possible: literals, stringOnly: only === "string", clockOnly: only === "clock", lines });

const hintAt = (tokens: readonly Token[], at: number, cut: Cut, expected: Expected, lines: () => Lines): string | undefined =>
  hintFor(stumbleAt(tokens, at, cut, expected, lines));

/** The bracket that was left open; where line breaks tell more than the brackets do, the one that they tell of. */
function unclosed(tokens: readonly Token[], { start: from, end }: Cut, lines: () => Lines): Token | null {
  const open: Token[] = [];
  let suspect: Token | null = null;
  for (const [i, token] of tokens.slice(from, end).entries()) {
    const turn = bracket(token.text);
    if (turn === 1) open.push(token);
    else if (turn === -1) {
      const opened = open.pop();
      // It closes something that began further to the right: most likely that one's own bracket is missing.
      if (suspect === null && opened !== undefined && beginsItsLine(token, tokens[from + i - 1], lines()) && indentOf(token, lines()) < indentOf(opened, lines())) suspect = opened;
    }
  }
  return open.length === 0 ? null : (suspect ?? open.at(-1) ?? null);
}

const beginsItsLine = (token: Token, before: Token | undefined, lines: Lines): boolean =>
  before === undefined || lineAt(lines, before.span.start) < lineAt(lines, token.span.start);

/** White space at the beginning of the line in which the token stands. */
const indentOf = ({ span }: Token, lines: Lines): number => /^[ \t]*/.exec(lineText(lines, lineAt(lines, span.start)))?.[0].length ?? 0;

const LONGEST_QUOTE = 40;
function quoted(text: string): string {
  return `\`${text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text}\``;
}
