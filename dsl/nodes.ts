// The builders that grammar.ne names, and how the nodes of ast.ts come of them.
//
// Builders run on every parse that is begun, and most parses are given up: so a builder only notes what a node will
// be made of (a draft), in constant time, and `finish` makes the nodes of the one parse that is left. (Making them
// at once took 18 s for a list of 20,000 events, each of its beginnings being a whole list as well.) No checks here,
// never a throw. That the nodes are those of ast.ts is tested, not typed: nearley's data has no types.

import type { Leaf, Token } from "./lexer.js";
import type { Span } from "./ast.js";

/** What nearley hands over: a token, a node to be, a list while it grows, a block, null for what was left out. */
export type Part = Token | Draft | Chain | Block | null;
export type Builder = (parts: readonly Part[]) => Part;

interface Node {
  readonly span: Span;
}
type Value = Leaf | Node | null | readonly Value[];

/** A node to be. `height`: how many drafts there are from here down to the deepest. */
export interface Draft {
  readonly make: Maker;
  readonly parts: readonly Part[];
  readonly height: number;
}
/** Makes the node of the values of its parts. */
type Maker = (values: readonly Value[], span: Span, parts: readonly Part[]) => Node;

/** A list that shares its beginning with other parses: appending never changes it. */
interface Chain {
  readonly before: Chain | null;
  readonly item: Part;
  readonly length: number;
  readonly height: number;
}

/** Steps between brackets; the brackets count for the span of the node around them. */
interface Block {
  readonly block: Part;
  readonly height: number;
  readonly span: Span;
}

// ---- finishing ----

/** The node that this draft describes. Goes down by recursion: look at `height` first. */
export function finish(draft: Draft): Node {
  const values = draft.parts.map(value);
  return draft.make(values, spanOf(draft.parts, values), draft.parts);
}

function value(part: Part): Value {
  if (part === null) return null;
  if ("leaf" in part) return part.leaf;
  if ("make" in part) return finish(part);
  if ("block" in part) return value(part.block);
  return items(part);
}

function items(chain: Chain): readonly Value[] {
  const list = new Array<Value>(chain.length).fill(null);
  let at: Chain | null = chain;
  for (let i = chain.length - 1; i >= 0 && at !== null; i--) {
    list[i] = value(at.item);
    at = at.before;
  }
  return list;
}

const NOWHERE: Span = { file: "", start: 0, end: 0 };

/** From the first part that is there to the last. */
function spanOf(parts: readonly Part[], values: readonly Value[]): Span {
  let from: Span | null = null;
  let to: Span | null = null;
  for (let i = 0; from === null && i < parts.length; i++) from = ownSpan(parts[i] ?? null, values[i] ?? null, 0);
  for (let i = parts.length - 1; to === null && i >= 0; i--) to = ownSpan(parts[i] ?? null, values[i] ?? null, -1);
  if (from === null || to === null) return NOWHERE;
  return from === to ? from : { file: from.file, start: from.start, end: to.end };
}

/** `side`: of a list, the span of its first item (0) or of its last (-1). */
function ownSpan(part: Part, made: Value, side: 0 | -1): Span | null {
  if (part === null || made === null) return null;
  if ("span" in part) return part.span;
  if ("span" in made) return made.span;
  return ownSpan(NO_PART, made.at(side) ?? null, side);
}
const NO_PART: Draft = { make: () => ({ span: NOWHERE }), parts: [], height: 0 };

// ---- building ----

const heightOf = (part: Part): number => (part !== null && "height" in part ? part.height : 0);

function draft(make: Maker, parts: readonly Part[]): Draft {
  let height = 0;
  for (const part of parts) height = Math.max(height, heightOf(part));
  return { make, parts, height: height + 1 };
}

/** n("trait _ name _ value") on [trait, x, =, 3] makes { k: "trait", name: x, value: 3, span }. */
export function n(shape: string): Builder {
  const [k = "", ...names] = shape.split(" ");
  const taken = names.flatMap((name, index) => (name === "_" ? [] : [{ name, index }]));
  const make: Maker = (values, span) => {
    const node: Record<string, unknown> = { k };
    for (const { name, index } of taken) node[name] = values[index] ?? null;
    return Object.assign(node, { span });
  };
  return (parts) => draft(make, parts);
}

/** The first part as it is. */
export const id: Builder = (parts) => parts[0] ?? null;
export const nth = (index: number): Builder => (parts) => parts[index] ?? null;
/** What left-out parts become. */
export const nothing: Builder = () => null;

const EMPTY: Chain = { before: null, item: null, length: 0, height: 0 };
const isChain = (part: Part | undefined): part is Chain => part !== null && part !== undefined && "before" in part;
const linked = (before: Chain, item: Part): Chain => ({
  before,
  item,
  length: before.length + 1,
  height: Math.max(before.height, heightOf(item)),
});

/** Of nothing, or of what means nothing by itself: a list without items. */
export const empty: Builder = () => EMPTY;
/** A list of one. */
export const one: Builder = (parts) => linked(EMPTY, parts[0] ?? null);
/** The list in front, if there is one, with the part at `index` behind it. */
export const chain = (index: number): Builder => (parts) => {
  const [front] = parts;
  return linked(isChain(front) ? front : EMPTY, parts[index] ?? null);
};

/** `{ … }`. */
export const block: Builder = (parts) => {
  const [open, inner, close] = parts;
  const from = tokenSpan(open);
  return { block: inner ?? null, height: heightOf(inner ?? null), span: { file: from.file, start: from.start, end: tokenSpan(close).end } };
};
const tokenSpan = (part: Part | undefined): Span => (part !== null && part !== undefined && "leaf" in part ? part.span : NOWHERE);

/** The node at `index`, its span widened to all parts: brackets belong to what they enclose. */
export function widened(index: number): Builder {
  const make: Maker = (values, span) => ({ ...values[index], span });
  return (parts) => draft(make, parts);
}

const text = (part: Part | undefined): string => (part !== null && part !== undefined && "leaf" in part ? part.text : "");

const makeType: Maker = (_, span, [name]) => ({ k: "type", name: text(name), span });
export const namedType: Builder = (parts) => draft(makeType, parts);

const makePeriod: Maker = (_, span, [word]) => ({ k: "period", period: text(word), span });
export const period: Builder = (parts) => draft(makePeriod, parts);

const makeDuration: Maker = (_, span, [count, unit]) => ({ k: "duration", count: Number(text(count)), unit: text(unit).replace(/s$/, ""), span });
export const duration: Builder = (parts) => draft(makeDuration, parts);
