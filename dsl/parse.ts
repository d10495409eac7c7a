// A file's text to declarations: lexed once, cut, and parsed one declaration at a time, so that a syntax error stays
// inside its declaration and the time is linear in the number of declarations.
//
// The only module that imports nearley. Never throws for what the text says; AmbiguousGrammarError is a bug of ours.

import nearley from "nearley";
import type { BrokenDeclaration, Declaration, Name, Span } from "./ast.js";
import { MAX_DEPTH, MAX_NESTING, MAX_TOKENS, tooDeep } from "./bounds.js";
import { bracket, type Cut, cutDeclarations, DECLARATION_WORDS, kindOf } from "./declarations.js";
import { type Diagnostic, diagnostic } from "./diagnostics/codes.js";
import { lineAt, type Lines, linesOf } from "./diagnostics/lines.js";
import { nearest } from "./diagnostics/suggest.js";
import { type Column, expectedIn, type Productions } from "./expected.js";
import { rules, start } from "./grammar.generated.js";
import { lex, type Token } from "./lexer.js";
import { type Draft, finish } from "./nodes.js";

export interface ParsedFile {
  /** Those without a syntax error, in the order of the text. */
  readonly declarations: readonly Declaration[];
  /** Those with one: what they would have declared. */
  readonly broken: readonly BrokenDeclaration[];
  /** In the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
}

/** A text with two parses: the grammar must be mended, the author can do nothing. */
export class AmbiguousGrammarError extends Error {
  override readonly name = "AmbiguousGrammarError";
  constructor(readonly text: string, readonly parses: number) {
    super(`${parses} parses where there must be one. This is a bug in Eddy; please report it with this text: ${text}`);
  }
}

export function parseFile(file: string, text: string): ParsedFile {
  const { tokens, diagnostics: lexical } = lex(file, text);
  let known: Lines | null = null;
  const lines = (): Lines => (known ??= linesOf(text));
  const found: Found = { lines, tokens, declarations: [], broken: [], diagnostics: [...lexical] };
  const garbled = lexical.filter(({ code }) => code === "E0001" || code === "E0002" || code === "E0003");
  let next = 0;
  for (const cut of cutDeclarations(tokens)) {
    const end = tokens[cut.end]?.span.start ?? text.length;
    const first = next;
    while (next < garbled.length && (garbled[next]?.span.start ?? end) < end) next++;
    parseCut(found, cut, next > first);
  }
  found.diagnostics.sort((a, b) => a.span.start - b.span.start || a.span.end - b.span.end);
  return { declarations: found.declarations, broken: found.broken, diagnostics: found.diagnostics };
}

interface Found {
  /** Worked out at the first finding that speaks of a line. */
  readonly lines: () => Lines;
  readonly tokens: readonly Token[];
  readonly declarations: Declaration[];
  readonly broken: BrokenDeclaration[];
  readonly diagnostics: Diagnostic[];
}

/** `garbled`: the lexer has complained already, and what parsing then stumbles over is most likely the same. */
function parseCut(found: Found, cut: Cut, garbled: boolean): void {
  const { tokens, declarations, diagnostics } = found;
  for (let at = cut.start; at < cut.end; ) {
    const head = tokens[at];
    if (head === undefined) return;
    const rest: Cut = { start: at, end: cut.end };
    if (kindOf(head.text) === null) {
      if (garbled) return;
      at = skipClosing(tokens, rest);
      diagnostics.push(at > rest.start ? lonelyBracket(head) : noDeclaration(head, tokens[at + 1]));
      if (at === rest.start) return;
      continue;
    }
    const bound = outOfBounds(tokens, rest);
    const outcome: Outcome = bound === null ? parseDeclaration(tokens, rest) : { k: "refused", because: bound };
    if (outcome.k === "parsed") {
      declarations.push(outcome.declaration);
      return;
    }
    // A misspelt keyword or a bracket too many behind a complete declaration is not that declaration's mistake.
    const stopped = outcome.k === "stopped" ? tokens[outcome.at] : undefined;
    if (outcome.k === "stopped" && outcome.complete !== null && stopped !== undefined && (stopped.first || bracket(stopped.text) === -1)) {
      declarations.push(outcome.complete);
      at = outcome.at;
      continue;
    }
    found.broken.push(brokenAt(tokens, rest));
    if (outcome.k === "refused") diagnostics.push(outcome.because);
    else if (!garbled) diagnostics.push(outcome.k === "stopped" ? unexpected(tokens, outcome, rest) : tooEarly(found, outcome, rest));
    return;
  }
}

function skipClosing(tokens: readonly Token[], { start: from, end }: Cut): number {
  let at = from;
  while (at < end && bracket(tokens[at]?.text ?? "") === -1) at++;
  return at;
}

function outOfBounds(tokens: readonly Token[], { start: from, end }: Cut): Diagnostic | null {
  const head = tokens[from];
  if (head !== undefined && end - from > MAX_TOKENS) {
    return diagnostic("E0012", head.span, `this declaration has ${end - from} words and marks, the most are ${MAX_TOKENS}`);
  }
  const deep = tooDeep(tokens, from, end);
  return deep === null ? null : diagnostic("E0011", deep.span, `this is nested more than ${MAX_NESTING} deep`);
}

function brokenAt(tokens: readonly Token[], { start: from, end }: Cut): BrokenDeclaration {
  const [head, next] = [tokens[from], tokens[from + 1]];
  const name: Name | null = next !== undefined && next.type === "name" && from + 1 < end ? { text: next.text, span: next.span } : null;
  const span = spanFrom(head, tokens[end - 1]);
  return { k: "broken", kind: kindOf(head?.text ?? "") ?? "rule", name, span };
}

const NOWHERE: Span = { file: "", start: 0, end: 0 };

function spanFrom(from: Token | undefined, to: Token | undefined): Span {
  if (from === undefined || to === undefined) return NOWHERE;
  return { file: from.span.file, start: from.span.start, end: to.span.end };
}

// ---- one declaration through nearley ----

type Outcome =
  | { readonly k: "parsed"; readonly declaration: Declaration }
  | { readonly k: "refused"; readonly because: Diagnostic }
  /** `at`: the token that could not stand there; `complete`: what ended before it, if something did. */
  | { readonly k: "stopped"; readonly at: number; readonly complete: Declaration | null; readonly column: Column }
  | { readonly k: "ended"; readonly column: Column };

// Builders know nothing of nearley, and nearley nothing of their types.
const grammar = nearley.Grammar.fromCompiled({
  ParserStart: start,
  ParserRules: rules.map(({ name, symbols, build }) => ({ name, symbols: [...symbols], postprocess: (parts) => build(parts) })),
});

const productions: Productions = (() => {
  const byName = new Map<string, GrammarSymbols[]>();
  for (const { name, symbols } of rules) byName.set(name, [...(byName.get(name) ?? []), symbols]);
  return byName;
})();
type GrammarSymbols = (typeof rules)[number]["symbols"];

/** What is read of nearley's parser beyond its types. */
interface Table {
  readonly table: readonly (Column | undefined)[];
  readonly current: number;
  reportError: () => string;
}

const NO_COLUMN: Column = { states: [] };

function parseDeclaration(tokens: readonly Token[], cut: Cut): Outcome {
  let at = cut.start;
  const parser = new nearley.Parser(grammar, {
    lexer: {
      reset: () => undefined,
      next: () => (at < cut.end ? (tokens[at++] as unknown as nearley.Token) : undefined),
      save: () => ({}),
      formatError: () => "",
    },
  });
  const inner = parser as unknown as Table;
  // Its own text is a dump of the table: long in the making, and for nobody to read.
  inner.reportError = () => "";
  try {
    parser.feed("");
  } catch (error) {
    if (!(error instanceof Error && "token" in error)) throw error;
    const column = inner.table[inner.current] ?? NO_COLUMN;
    return { k: "stopped", at: at - 1, complete: completeIn(column), column };
  }
  const [draft, ...others] = parser.results as readonly Draft[];
  if (draft === undefined) return { k: "ended", column: inner.table[inner.current] ?? NO_COLUMN };
  if (others.length > 0) throw new AmbiguousGrammarError(written(tokens, cut), 1 + others.length);
  const declaration = finished(draft);
  return declaration === null ? { k: "refused", because: tooTall(tokens, cut) } : { k: "parsed", declaration };
}

/** Null for what is too deep to be walked by recursion. */
const finished = (draft: Draft): Declaration | null => (draft.height > MAX_DEPTH ? null : (finish(draft) as Declaration));

function completeIn(column: Column): Declaration | null {
  const state = column.states.find((one) => one.isComplete && one.rule.name === start && one.reference === 0);
  return state === undefined ? null : finished(state.data as Draft);
}

const written = (tokens: readonly Token[], cut: Cut): string =>
  tokens.slice(cut.start, Math.min(cut.end, cut.start + 200)).map((token) => token.text).join(" ");

// ---- findings ----

function tooTall(tokens: readonly Token[], { start: from }: Cut): Diagnostic {
  const head = tokens[from];
  return diagnostic("E0011", head?.span ?? NOWHERE, `an expression in this ${head?.text ?? "declaration"} joins more than ${MAX_DEPTH} parts`, {
    label: "move some of them into a trait, or use `in [ … ]`",
  });
}

const lonelyBracket = (token: Token): Diagnostic => diagnostic("E0013", token.span, `this ${quoted(token.text)} closes nothing`);

function noDeclaration(token: Token, after: Token | undefined): Diagnostic {
  const meant = nearest(token.text, DECLARATION_WORDS);
  const comment = token.text === "/" && (after?.text === "/" || after?.text === "*") && after.span.start === token.span.end;
  return diagnostic("E0010", token.span, `no declaration begins with ${quoted(token.text)}`, {
    label: comment ? "comments begin with `#`" : meant === null ? undefined : `did you mean ${quoted(meant)}?`,
  });
}

function unexpected(tokens: readonly Token[], { at, column }: Outcome & { readonly k: "stopped" }, cut: Cut): Diagnostic {
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

function tooEarly({ lines, tokens }: Found, { column }: Outcome & { readonly k: "ended" }, cut: Cut): Diagnostic {
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
  every: "schedules begin with `on every`",
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
  if (token.type === "mark" || token.type === "string") return undefined;
  const habit = Object.hasOwn(HABITS, token.text) ? HABITS[token.text] : undefined;
  const meant = nearest(token.text, possible.filter((word) => /^[a-z]/.test(word)));
  return meant === null ? habit : `did you mean ${quoted(meant)}?`;
}
