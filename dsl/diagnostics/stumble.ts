// What stands around the token at which parsing stopped, for hints (habits.ts, forms.ts).

import type { Cut } from "../declarations.js";
import type { Token } from "../lexer.js";
import type { Lines } from "./lines.js";

export interface Stumble {
  readonly tokens: readonly Token[];
  /** The token that could not stand there; behind the last one where the text ended too early. */
  readonly at: number;
  readonly cut: Cut;
  /** Every word and mark that could stand there. */
  readonly possible: readonly string[];
  /** A string, and nothing else, could stand there. */
  readonly stringOnly: boolean;
  /** A time of day, and nothing else. */
  readonly clockOnly: boolean;
  readonly lines: () => Lines;
}

export interface Nearby extends Stumble {
  readonly token: Token | undefined;
  /** What the token says, "" behind the last. */
  readonly text: string;
  /** The `n`th token before, within the declaration. */
  readonly before: (n: number) => Token | undefined;
  readonly after: (n: number) => Token | undefined;
  readonly could: (...words: readonly string[]) => boolean;
  /** The word that the declaration begins with. */
  readonly kind: string;
}

export function nearby(stumble: Stumble): Nearby {
  const { tokens, at, cut, possible } = stumble;
  const known = new Set(possible);
  const within = (i: number): Token | undefined => (i >= cut.start && i < cut.end ? tokens[i] : undefined);
  const token = within(at);
  return {
    ...stumble, token, text: token?.text ?? "",
    before: (n) => within(at - n),
    after: (n) => within(at + n),
    could: (...words) => words.every((word) => known.has(word)),
    kind: tokens[cut.start]?.text ?? "",
  };
}

/** A few words, or nothing. */
export type Hint = (near: Nearby) => string | undefined;

export const touching = (a: Token | undefined, b: Token | undefined): boolean => a !== undefined && b !== undefined && a.span.end === b.span.start;
export const isNumber = (token: Token | undefined): token is Token => token?.type === "number";
export const isString = (token: Token | undefined): token is Token => token?.type === "string";
export const isWord = (token: Token | undefined): token is Token => token !== undefined && (token.type === "name" || token.type === "soft" || token.type === "hard");
