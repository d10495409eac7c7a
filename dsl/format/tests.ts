// How tests are laid out: a line for each step, its expectations further in.

import type { Expected, Happening, TestDeclaration, TestLine } from "../ast.js";
import { names } from "./declarations.js";
import { type Doc, SPACE } from "./document.js";
import { expression, object } from "./expressions.js";
import type { Cursor } from "./source.js";
import { block, duration, optional, word, words } from "./words.js";

export const testBlock = (c: Cursor, { with: rules, lines }: TestDeclaration): Doc => [
  words(c, 2),
  optional(rules, (all) => [word(c), SPACE, names(c, all)]),
  SPACE,
  block(c, lines, (one) => testLine(c, one), { deeper: ({ k }) => k === "expect" }),
];

function testLine(c: Cursor, line: TestLine): Doc {
  switch (line.k) {
    case "profile": return [word(c), SPACE, object(c, line.value)];
    case "customer": return words(c, 2);
    case "variant": return words(c, 4);
    case "at": return [words(c, 3), optional(line.event, (event) => happening(c, event))];
    case "after": return [word(c), SPACE, duration(c, line.delay), optional(line.event, (event) => happening(c, event))];
    case "expect": return [word(c), SPACE, expected(c, line.what)];
  }
}

const happening = (c: Cursor, { data, late }: Happening): Doc => [
  word(c, "event"),
  optional(data, (given) => object(c, given)),
  optional(late, (by) => [words(c, 2), SPACE, duration(c, by)]),
];

function expected(c: Cursor, what: Expected): Doc {
  switch (what.k) {
    case "send": return [words(c, 3), optional(what.payload, (data) => object(c, data))];
    case "emit": return [words(c, 2), optional(what.payload, (data) => object(c, data))];
    case "timed": return [words(c, 3), SPACE, expected(c, what.action)];
    case "nothing": return word(c);
    case "nothingelse": return words(c, 2);
    case "heldmsg": return words(c, 3);
    case "suppressed": return words(c, 4);
    case "holds": return expression(c, what.if);
  }
}
