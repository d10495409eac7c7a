// How much of a declaration is too much. Checked before and after parsing, so that no text, however made, takes more
// than a moment, and so that whoever walks the tree may do it by recursion.
//
// nearley's time grows with the square of what nests on the right (`not not not …`, `else if … else if …`), and every
// walk of the tree takes stack in proportion to its depth.

import type { Token } from "./lexer.js";
import { bracket } from "./declarations.js";

/** Words, numbers, strings and marks in one declaration. */
export const MAX_TOKENS = 50_000;
/** Brackets within brackets, and what nests without them: `not not x`, chains of `else if` and of conditional values. */
export const MAX_NESTING = 200;
/** Nodes from a declaration down to its deepest: `a + b + c …` makes one for each operator. nodes.ts counts them. */
export const MAX_DEPTH = 500;

/** The first token of tokens[start..end) that nests deeper than MAX_NESTING, or null. */
export function beyondNesting(tokens: readonly Token[], start: number, end: number): Token | null {
  // For each open bracket, the conditionals in it that hang on one another.
  const chains: number[] = [0];
  let conditionals = 0;
  let prefixes = 0;
  let before: Token | undefined;
  for (let i = start; i < end; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    const turn = bracket(token.text);
    if (turn === 1) chains.push(0);
    else if (turn === -1 && chains.length > 1) conditionals -= chains.pop() ?? 0;
    else if (token.text === "if") {
      const chained = before !== undefined && CHAINING.has(before.text);
      const chain = chains.pop() ?? 0;
      const now = chained ? chain + 1 : 1;
      chains.push(now);
      conditionals += now - chain;
    }
    prefixes = token.text === "not" || token.text === "-" ? prefixes + 1 : 0;
    if (chains.length - 1 + conditionals + prefixes > MAX_NESTING) return token;
    before = token;
  }
  return null;
}

// An `if` after one of these is part of the conditional before it.
const CHAINING: ReadonlySet<string> = new Set(["if", "then", "else"]);
