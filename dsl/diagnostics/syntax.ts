// What the parser finds wrong, in words: what was expected where, and what was most likely meant.
//
// Gives findings and decides nothing: where parsing stops and goes on again is parse.ts's.

import type { Span } from "../ast.js";
import { MAX_DEPTH, MAX_NESTING, MAX_TOKENS } from "../bounds.js";
import { bracket, type Cut, DECLARATION_WORDS } from "../declarations.js";
import { type Column, expectedIn, type Productions } from "../expected.js";
import { rules } from "../grammar.generated.js";
import type { Token } from "../lexer.js";
import { type Diagnostic, diagnostic } from "./codes.js";
import { lineAt, type Lines } from "./lines.js";
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

export const lonelyBracket = (token: Token): Diagnostic => diagnostic("E0013", token.span, `this ${quoted(token.text)} closes nothing`);

export function noDeclaration(token: Token, after: Token | undefined): Diagnostic {
  const meant = nearest(token.text, DECLARATION_WORDS);
  const comment = token.text === "/" && (after?.text === "/" || after?.text === "*") && after.span.start === token.span.end;
  return diagnostic("E0010", token.span, `no declaration begins with ${quoted(token.text)}`, {
    label: comment ? "comments begin with `#`" : meant === null ? undefined : `did you mean ${quoted(meant)}?`,
  });
}

/** `at`: the token that could not stand there; `column`: what could have. */
export function unexpected(tokens: readonly Token[], at: number, column: Column, cut: Cut): Diagnostic {
  const token = tokens[at];
  const expected = expectedIn(column, productions);
  if (token === undefined) return diagnostic("E0007", NOWHERE, `expected ${expected.phrase}`);
  if (expected.nameOnly && (token.type === "soft" || token.type === "hard")) {
    return diagnostic("E0009", token.span, `${quoted(token.text)} is a word of the language and no name`, { label: "choose another name" });
  }
  return diagnostic("E0007", token.span, `expected ${expected.phrase}, not ${quoted(token.text)}`, {
    label: hint(at > cut.start ? tokens[at - 1] : undefined, token, tokens[at + 1], expected.literals),
  });
}

/** `column`: what could have come after the last token. */
export function tooEarly(tokens: readonly Token[], column: Column, cut: Cut, lines: () => Lines): Diagnostic {
  const [head, last] = [tokens[cut.start], tokens[cut.end - 1]];
  const end = last?.span.end ?? 0;
  const open = unclosed(tokens, cut);
  return diagnostic("E0008", { file: head?.span.file ?? "", start: end, end }, `the ${head?.text ?? "declaration"} ends too early: expected ${expectedIn(column, productions).phrase}`, {
    notes: open === null ? [] : [`the ${quoted(open.text)} in line ${lineAt(lines(), open.span.start) + 1} is not closed`],
  });
}

function unclosed(tokens: readonly Token[], { start: from, end }: Cut): Token | null {
  const open: Token[] = [];
  for (const token of tokens.slice(from, end)) {
    const turn = bracket(token.text);
    if (turn === 1) open.push(token);
    else if (turn === -1) open.pop();
  }
  return open.at(-1) ?? null;
}

const LONGEST_QUOTE = 40;
function quoted(text: string): string {
  return `\`${text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text}\``;
}

// What people write out of habit, and what it is here.
const HABITS: Readonly<Record<string, string>> = {
  elif: "write `else if`", elsif: "write `else if`", elseif: "write `else if`",
  otherwise: "write `else`", unless: "write `if not`", is: "write `==`", equals: "write `==`", has: "write `contains`",
};

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">=", "in", "contains", "like"]);

/** What was most likely meant. */
function hint(before: Token | undefined, token: Token, after: Token | undefined, possible: readonly string[]): string | undefined {
  const pair = `${before?.text ?? ""}${token.text}`;
  const touching = before !== undefined && before.span.end === token.span.start;
  if (touching && pair === "//") return "comments begin with `#`";
  if (touching && pair === "===") return "write `==`";
  if (touching && pair === "||") return "write `or`";
  if (touching && before.type === "date" && /^[tT]\d/.test(token.text)) return "write a space: `2026-03-02 10:00`";
  if (token.text === "|" && possible.includes("or")) return "write `or`";
  if (token.type === "number" && after?.text === ":" && !possible.includes("%")) return "times of day have two digits each: `09:00`";
  if (token.text === ":" && before?.type === "number" && after?.type === "number") return "times of day have two digits each: `09:00`";
  if (COMPARISONS.has(token.text) && possible.includes("and")) return "comparisons are not chained: join them with `and`";
  if (token.text === "=" && possible.includes("==")) return "did you mean `==`?";
  if (token.text === "=" && possible.includes(":")) return "did you mean `:`?";
  if (token.text === ":" && possible.includes("=")) return "did you mean `=`?";
  // A word of the language is no misspelling of another.
  if (token.type !== "name") return undefined;
  const habit = Object.hasOwn(HABITS, token.text) ? HABITS[token.text] : undefined;
  const meant = nearest(token.text, possible.filter((word) => /^[a-z]/.test(word)));
  return meant === null ? habit : `did you mean ${quoted(meant)}?`;
}
