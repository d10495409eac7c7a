// A file's text to declarations: lexed once, cut, and parsed one declaration at a time, so that a syntax error stays
// inside its declaration and the time is linear in the number of declarations.
//
// The only module that imports nearley. Never throws for what the text says; AmbiguousGrammarError is a bug of ours.

import nearley from "nearley";
import type { BrokenDeclaration, Declaration, Name, Span } from "./ast.js";
import { beyondNesting, MAX_DEPTH, MAX_TOKENS } from "./bounds.js";
import { bracket, type Cut, cutDeclarations, DECLARATION_WORDS, kindOf } from "./declarations.js";
import type { Diagnostic } from "./diagnostics/codes.js";
import { type Lines, linesOf } from "./diagnostics/lines.js";
import { nearest } from "./diagnostics/suggest.js";
import { lonelyBracket, noDeclaration, tooDeep, tooEarly, tooLong, tooTall, unexpected } from "./diagnostics/syntax.js";
import type { Column } from "./expected.js";
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
  let bounded = false;
  for (let at = cut.start; at < cut.end; ) {
    const rest: Cut = { start: at, end: cut.end };
    const bound = bounded || !beginsHere(found.tokens, rest) ? null : outOfBounds(found.tokens, rest);
    // What follows in this cut is part of what has been looked through now.
    bounded ||= beginsHere(found.tokens, rest);
    if (bound !== null) {
      found.broken.push(brokenAt(found.tokens, rest));
      found.diagnostics.push(bound);
      return;
    }
    at = parseNext(found, rest, garbled);
  }
}

const beginsHere = (tokens: readonly Token[], { start: from }: Cut): boolean => kindOf(tokens[from]?.text ?? "") !== null;

/** Reads what stands at the beginning of `rest` and returns where to go on. */
function parseNext(found: Found, rest: Cut, garbled: boolean): number {
  const { tokens, declarations, diagnostics } = found;
  const head = tokens[rest.start];
  if (head === undefined) return rest.end;
  if (kindOf(head.text) === null) {
    const after = skipClosing(tokens, rest);
    if (!garbled) diagnostics.push(after > rest.start ? lonelyBracket(head) : noDeclaration(head, tokens[rest.start + 1]));
    // What was to be declared is known, so that its uses are no mistakes of their own.
    if (head.type !== "mark" && tokens[rest.start + 1]?.type === "name") found.broken.push(brokenAt(tokens, { start: rest.start, end: Math.min(rest.end, rest.start + 2) }));
    return after > rest.start ? after : resume(tokens, { start: rest.start + 1, end: rest.end }, "");
  }
  const outcome = parseDeclaration(tokens, rest);
  if (outcome.k === "parsed") {
    declarations.push(outcome.declaration);
    return rest.end;
  }
  // A misspelt keyword or a bracket too many behind a complete declaration is not that declaration's mistake.
  if (outcome.k === "stopped" && outcome.complete !== null && endsHere(tokens[outcome.at])) {
    declarations.push(outcome.complete);
    return outcome.at;
  }
  const end = outcome.k === "stopped" ? resume(tokens, { start: outcome.at, end: rest.end }, head.text) : rest.end;
  found.broken.push(brokenAt(tokens, { start: rest.start, end }));
  if (outcome.k === "refused") diagnostics.push(outcome.because);
  else if (!garbled) diagnostics.push(outcome.k === "stopped" ? unexpected(tokens, outcome.at, outcome.column, rest, found.lines) : tooEarly(tokens, outcome.column, rest, found.lines));
  return end;
}

const endsHere = (token: Token | undefined): boolean => token !== undefined && (token.first || bracket(token.text) === -1);

/**
 * After a mistake within the declaration `kind`: the next word in the first column that looks as if a declaration was
 * meant, though it is misspelt or what follows is no name (else the cut would have ended before it).
 */
function resume(tokens: readonly Token[], { start: from, end }: Cut, kind: string): number {
  for (let at = from; at + 1 < end; at++) {
    const [token, next] = [tokens[at], tokens[at + 1]];
    if (token === undefined || next === undefined || !token.first || next.type === "mark") continue;
    if (token.type === "soft" && kindOf(token.text) !== null && !(kind === "test" && token.text === "profile")) return at;
    if (token.type === "name" && (next.type === "name" || next.type === "string") && nearest(token.text, DECLARATION_WORDS) !== null) return at;
  }
  return end;
}

function skipClosing(tokens: readonly Token[], { start: from, end }: Cut): number {
  let at = from;
  while (at < end && bracket(tokens[at]?.text ?? "") === -1) at++;
  return at;
}

function outOfBounds(tokens: readonly Token[], { start: from, end }: Cut): Diagnostic | null {
  const head = tokens[from];
  if (head !== undefined && end - from > MAX_TOKENS) return tooLong(head, end - from);
  const deepest = beyondNesting(tokens, from, end);
  return deepest === null ? null : tooDeep(deepest);
}

function brokenAt(tokens: readonly Token[], { start: from, end }: Cut): BrokenDeclaration {
  const [head, next] = [tokens[from], tokens[from + 1]];
  // A keyword that was taken for a name is remembered too: its uses are no mistakes of their own.
  const isWord = next !== undefined && (next.type === "name" || next.type === "soft" || next.type === "hard");
  const name: Name | null = isWord && from + 1 < end ? { text: next.text, span: next.span } : null;
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
  return declaration === null ? { k: "refused", because: tooTall(tokens[cut.start]) } : { k: "parsed", declaration };
}

/** Null for what is too deep to be walked by recursion. */
const finished = (draft: Draft): Declaration | null => (draft.height > MAX_DEPTH ? null : (finish(draft) as Declaration));

function completeIn(column: Column): Declaration | null {
  const state = column.states.find((one) => one.isComplete && one.rule.name === start && one.reference === 0);
  return state === undefined ? null : finished(state.data as Draft);
}

const written = (tokens: readonly Token[], cut: Cut): string =>
  tokens.slice(cut.start, Math.min(cut.end, cut.start + 200)).map((token) => token.text).join(" ");
