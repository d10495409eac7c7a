// How expressions, types and moments are laid out. Operators stand at the beginning of a broken line, and all operators
// of one strength are broken together.

import type { Argument, BinaryExpression, BinaryOperator, ChooseExpression, Entry, EventMatch, Expression, Field, ListExpression, Moment, ObjectExpression, RecordType, TypeExpression } from "../ast.js";
import { type Doc, group, indent, LINE, SPACE } from "./document.js";
import type { Cursor } from "./source.js";
import { block, bracketed, duration, optional, separated, word, words } from "./words.js";

// ---- brackets ----

/** Brackets are kept, for they may be there for the reader; of several around the same, one is enough. */
function inBrackets(c: Cursor, end: number, bare: () => Doc): Doc {
  const layers = c.brackets(end);
  if (layers === 0) return bare();
  const drop = (): void => {
    for (let i = 1; i < layers; i++) c.drop();
  };
  return bracketed(c, () => {
    drop();
    const inner = bare();
    drop();
    return [inner];
  });
}

// ---- expressions ----

export const expression = (c: Cursor, e: Expression): Doc => inBrackets(c, e.span.end, () => bare(c, e));

function bare(c: Cursor, e: Expression): Doc {
  switch (e.k) {
    case "choose": return choose(c, e);
    case "binary": return chain(c, e);
    case "not": return [word(c), SPACE, expression(c, e.of)];
    case "minus": return [word(c), expression(c, e.of)];
    case "dot": return [expression(c, e.of), word(c), word(c)];
    case "index": return [expression(c, e.of), bracketed(c, () => [expression(c, e.at)])];
    case "over": case "within": return [expression(c, e.of), SPACE, word(c), SPACE, duration(c, e.window)];
    case "this": return [expression(c, e.of), SPACE, words(c, 2)];
    case "number": case "string": case "date": case "true": case "false": case "null": case "name": return word(c);
    case "instant": return words(c, 2);
    case "duration": return duration(c, e);
    case "object": return object(c, e);
    case "list": return list(c, e);
    case "call": return [word(c), bracketed(c, () => separated(c, e.arguments, (one) => argument(c, one)))];
    case "no": return [word(c), SPACE, eventMatch(c, e.on), SPACE, word(c), SPACE, duration(c, e.for)];
  }
}

/** A line for each `else`. */
function choose(c: Cursor, first: ChooseExpression): Doc {
  const docs: Doc[] = [condition(c, first)];
  let rest = first.else;
  for (;;) {
    docs.push(LINE, word(c), SPACE);
    if (rest.k !== "choose" || c.brackets(rest.span.end) > 0) break;
    docs.push(condition(c, rest));
    rest = rest.else;
  }
  return group(...docs, expression(c, rest));
}

/** `if C then a`. */
const condition = (c: Cursor, e: ChooseExpression): Doc =>
  group(word(c), SPACE, expression(c, e.if), indent(LINE, word(c), SPACE, expression(c, e.then)));

/** What follows a `=`, a `:` or a keyword: where it would be broken between its lines, it begins in a line of its own. */
export const value = (c: Cursor, e: Expression): Doc =>
  e.k === "choose" ? group(indent(LINE, expression(c, e))) : [SPACE, expression(c, e)];

const STRENGTH: Readonly<Record<BinaryOperator, number>> = {
  or: 0, and: 1,
  "==": 2, "!=": 2, "<": 2, "<=": 2, ">": 2, ">=": 2, in: 2, contains: 2, like: 2,
  "??": 3, "+": 4, "-": 4, without: 4, "*": 5, "/": 5, "%": 5,
};

/** `a and b and c`, which is a tree that leans to the left. */
function chain(c: Cursor, e: BinaryExpression): Doc {
  const strength = STRENGTH[e.op.text];
  const links: BinaryExpression[] = [e];
  let first = e.left;
  while (first.k === "binary" && STRENGTH[first.op.text] === strength && c.brackets(first.span.end) === 0) {
    links.push(first);
    first = first.left;
  }
  const docs: Doc[] = [expression(c, first)];
  // A list behind `in` has breaks of its own.
  for (const { right } of links.reverse()) docs.push(right.k === "list" ? [SPACE, word(c), SPACE, expression(c, right)] : indent(LINE, word(c), SPACE, expression(c, right)));
  return group(...docs);
}

function argument(c: Cursor, { value: e, of, where, among }: Argument): Doc {
  const first = expression(c, e);
  const path: Doc = of === null ? [] : indent(LINE, word(c), SPACE, Array.from({ length: 2 * of.length - 1 }, () => word(c)));
  const filter: Doc = where === null ? [] : indent(LINE, word(c), SPACE, expression(c, where));
  const population: Doc = among === null ? [] : indent(LINE, word(c), SPACE, expression(c, among));
  return group(first, path, filter, population);
}

export const object = (c: Cursor, { entries }: ObjectExpression): Doc =>
  bracketed(c, () => {
    const inner = separated(c, entries, (one) => entry(c, one));
    if (c.peek() === ",") c.drop();
    return inner;
  });

const entry = (c: Cursor, { value: e }: Entry): Doc => [word(c), word(c), value(c, e)];

const list = (c: Cursor, { items }: ListExpression): Doc => bracketed(c, () => separated(c, items, (one) => expression(c, one)));

// ---- types ----

export const type = (c: Cursor, t: TypeExpression): Doc => inBrackets(c, t.span.end, () => bareType(c, t));

function bareType(c: Cursor, t: TypeExpression): Doc {
  switch (t.k) {
    case "type": return word(c);
    case "record": return record(c, t);
    case "union": return group(word(c), indent(...t.of.slice(1).map(() => [LINE, words(c, 2)])));
    case "listof": return [type(c, t.of), word(c), word(c)];
    case "optional": {
      // `??` would be another word.
      const apart = t.of.k === "optional" && c.brackets(t.of.span.end) === 0;
      return [type(c, t.of), apart ? SPACE : [], word(c)];
    }
  }
}

/** In one line with commas, or a field a line without. */
const record = (c: Cursor, { fields }: RecordType): Doc =>
  bracketed(c, () => fields.map((one, i) => [i === 0 ? [] : [{ k: "flat", text: "," }, LINE], field(c, one)]));

/** The fields of an event or of the profile: always a line each. */
export const fields = (c: Cursor, { fields: all }: RecordType): Doc => block(c, all, (one) => field(c, one));

function field(c: Cursor, { type: of, from, default: given }: Field): Doc {
  const doc: Doc = [
    word(c), word(c), SPACE, type(c, of),
    optional(from, () => words(c, 2)),
    optional(given, (e) => [word(c), value(c, e)]),
  ];
  if (c.peek() === ",") c.drop();
  return doc;
}

// ---- moments ----

/** `E where C`. */
export const eventMatch = (c: Cursor, { where }: EventMatch): Doc =>
  group(word(c), where === null ? [] : indent(LINE, word(c), SPACE, expression(c, where)));

export function moment(c: Cursor, m: Moment): Doc {
  switch (m.k) {
    case "events": return group(indent(...separated(c, m.events, (one) => eventMatch(c, one))));
    case "enter": case "leave": case "up": case "down": return words(c, 2);
    case "change": return [word(c), SPACE, expression(c, m.of)];
  }
}
