// The builders that grammar.ne names: they make the nodes of ast.ts out of what the productions matched.
//
// They run on every parse that is begun, most of which are given up: pure, no checks, never a throw. A part is what
// nearley hands over: a token, a node, a chain (a list while it grows), a block, or null for what was left out.
// Parts become values only when a node takes them in. That the nodes are those of ast.ts is tested, not typed:
// nearley's data has no types.

import type { Leaf, Token } from "./lexer.js";
import type { Span } from "./ast.js";

export type Builder = (parts: readonly Part[]) => Part;
export type Part = Token | Chain | Block | Node | null;

interface Node {
  readonly span: Span;
}

/**
 * A list that shares its beginning with other parses: appending never changes it and takes constant time, so a
 * list of n items is built in n steps (copying it at each item took seconds at 25,000).
 */
interface Chain {
  readonly chain: true;
  readonly before: Chain | null;
  readonly item: Part;
  readonly length: number;
}

/** Steps between brackets; the brackets count for the span of the node around them. */
interface Block {
  readonly block: Part;
  readonly span: Span;
}

const EMPTY: Chain = { chain: true, before: null, item: null, length: 0 };

const isChain = (part: Part): part is Chain => part !== null && "chain" in part;
const linked = (before: Chain, item: Part): Chain => ({ chain: true, before, item, length: before.length + 1 });

type Value = Leaf | Node | null | readonly Value[];

function value(part: Part): Value {
  if (part === null) return null;
  if ("leaf" in part) return part.leaf;
  if ("chain" in part) return items(part);
  if ("block" in part) return value(part.block);
  return part;
}

function items(chain: Chain): readonly Value[] {
  const list = new Array<Value>(chain.length);
  let at: Chain | null = chain;
  for (let i = chain.length - 1; i >= 0 && at !== null; i--) {
    list[i] = value(at.item);
    at = at.before;
  }
  return list;
}

function spanStart(part: Part): Span | null {
  let at: Part = part;
  if (!isChain(at)) return at === null ? null : at.span;
  if (at.length === 0) return null;
  while (at.before !== null && at.before.length > 0) at = at.before;
  return spanStart(at.item);
}

function spanEnd(part: Part): Span | null {
  if (!isChain(part)) return part === null ? null : part.span;
  return part.length === 0 ? null : spanEnd(part.item);
}

const NOWHERE: Span = { file: "", start: 0, end: 0 };

/** From the first part that is there to the last. */
function spanOf(parts: readonly Part[]): Span {
  let from: Span | null = null;
  let to: Span | null = null;
  for (let i = 0; from === null && i < parts.length; i++) from = spanStart(parts[i] ?? null);
  for (let i = parts.length - 1; to === null && i >= 0; i--) to = spanEnd(parts[i] ?? null);
  if (from === null || to === null) return NOWHERE;
  return from === to ? from : { file: from.file, start: from.start, end: to.end };
}

/** n("trait _ name _ value") on [trait, x, =, 3] makes { k: "trait", name: x, value: 3, span }. */
export function n(shape: string): Builder {
  const [k, ...names] = shape.split(" ");
  const taken = names.flatMap((name, index) => (name === "_" ? [] : [{ name, index }]));
  return (parts) => {
    const node: Record<string, unknown> = { k };
    for (const { name, index } of taken) node[name] = value(parts[index] ?? null);
    node["span"] = spanOf(parts);
    return node as unknown as Node;
  };
}

/** The first part as it is. Also what nearley calls by this name for `:?`. */
export const id: Builder = (parts) => parts[0] ?? null;
export const nth = (index: number): Builder => (parts) => parts[index] ?? null;
/** Of nothing, or of what means nothing by itself, a list without items. */
export const empty: Builder = () => EMPTY;
/** A list of one. */
export const one: Builder = (parts) => linked(EMPTY, parts[0] ?? null);
/** The list in front, or else the first part as its only item so far, and then the part at `index`. */
export const chain = (index: number): Builder => (parts) => {
  const [front] = parts;
  const before = front === undefined || front === null ? EMPTY : isChain(front) ? front : EMPTY;
  return linked(before, parts[index] ?? null);
};
/** What left-out parts become. */
export const nothing: Builder = () => null;

export const block: Builder = (parts) => ({ block: parts[1] ?? null, span: spanOf(parts) });

/** The node at `index`, its span widened to all parts: brackets belong to what they enclose. */
export const widened = (index: number): Builder => (parts) => {
  const inner = value(parts[index] ?? null);
  return { ...(inner as Node), span: spanOf(parts) };
};

const text = (part: Part | undefined): string => (part !== null && part !== undefined && "leaf" in part ? part.text : "");
const node = (parts: readonly Part[], fields: Record<string, unknown>): Node => ({ ...fields, span: spanOf(parts) });

export const namedType: Builder = (parts) => node(parts, { k: "type", name: text(parts[0]) });
export const period: Builder = (parts) => node(parts, { k: "period", period: text(parts[0]) });
export const duration: Builder = (parts) =>
  node(parts, { k: "duration", count: Number(text(parts[0])), unit: text(parts[1]).replace(/s$/, "") });
