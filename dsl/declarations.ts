// Tokens to declarations: where one ends and the next begins, without parsing either, and within what bounds.
//
// A declaration begins with its keyword and a plain name. No expression contains that, although `profile.city`,
// `where channel == "app"` and `{ trait: 1 }` contain the keywords. (`tier x by profile {` looks like a beginning,
// but the profile is a record and no number: an error anyway.)

import type { Declaration } from "./ast.js";
import type { Token } from "./lexer.js";

/** Tokens from `start` to `end`, exclusive: one declaration, or what should be one. */
export interface Cut {
  readonly start: number;
  readonly end: number;
}

const KINDS = ["event", "profile", "trait", "segment", "channel", "channels", "points", "tier", "experiment", "metric", "rule", "test"] as const satisfies readonly Declaration["k"][];

/** The words that declarations begin with. */
export const DECLARATION_WORDS: readonly string[] = KINDS;

export const kindOf = (word: string): Declaration["k"] | null => KINDS.find((kind) => kind === word) ?? null;

function begins(tokens: readonly Token[], i: number): boolean {
  const [before, word, next] = [tokens[i - 1], tokens[i], tokens[i + 1]];
  if (word === undefined || next === undefined || word.type !== "soft" || before?.text === ".") return false;
  if (word.text === "profile") return next.text === "{" || next.text === "retain";
  if (word.text === "test") return next.type === "string";
  return next.type === "name" && kindOf(word.text) !== null;
}

/**
 * Cuts at beginnings outside brackets. Only if a bracket is left open at the end do beginnings in the first column
 * count inside brackets too (except a test's `profile {`): so a forgotten `}` spoils one declaration and not the rest
 * of the file, and line breaks still mean nothing in a file without mistakes.
 */
export const cutDeclarations = (tokens: readonly Token[]): readonly Cut[] => cut(tokens, false) ?? cut(tokens, true) ?? [];

function cut(tokens: readonly Token[], recovering: boolean): readonly Cut[] | null {
  const starts: number[] = [];
  let depth = 0;
  let within = "";
  let opened = false;
  for (const [i, token] of tokens.entries()) {
    const mayBegin = token.type === "soft" && (depth === 0 || (recovering && token.first && !(within === "test" && token.text === "profile")));
    // `tier x by profile {`: what a tier goes by has no brackets of its own, so these are the tier's.
    const isValue = within === "tier" && token.text === "profile" && !token.first && !opened;
    const found = mayBegin && !isValue && begins(tokens, i);
    if (found) depth = 0;
    if (found || i === 0) {
      starts.push(i);
      within = token.text;
      opened = false;
    }
    opened ||= token.text === "{";
    if (token.type === "mark") depth = Math.max(0, depth + bracket(token.text));
  }
  if (depth !== 0 && !recovering) return null;
  return starts.map((start, i) => ({ start, end: starts[i + 1] ?? tokens.length }));
}

/** 1 for an opening bracket, -1 for a closing one. */
export function bracket(text: string): number {
  switch (text) {
    case "{": case "(": case "[": return 1;
    case "}": case ")": case "]": return -1;
    default: return 0;
  }
}
