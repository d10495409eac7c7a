/**
 * Conditions taken apart for explaining: a tree of the parts that a reader asks about, each with the text that its author
 * would write. So that each part is evaluated by the very code that evaluates rules, the parts stand behind the watches of
 * a copy of the program; its order does not name them, so they are never settled and change nothing.
 */
import { spell } from "../../dsl/spell.js";
import type { Expr, Program } from "../../dsl/program.js";
import { children as childrenOf } from "../../dsl/walk.js";
import { touching } from "../cost/touching.js";

export interface Outline {
  readonly text: string;
  readonly expr: Expr;
  /** Place among the watches of the program that `finished` gives. */
  readonly watch: number;
  /** It can hold or not. */
  readonly isCondition: boolean;
  /** It reads the event that starts a rule. */
  readonly readsEvent: boolean;
  /** Types of events that may change it, sorted. */
  readonly changedBy: readonly string[];
  /** It depends on where the customer stands among all: on figures that are drawn up each midnight UTC. */
  readonly readsStanding: boolean;
  readonly parts: readonly Outline[];
}

export interface Outliner {
  outline(condition: Expr): Outline;
  /** The program with all parts that were outlined behind its own watches. */
  finished(): Program;
}

/** Traits within traits are taken apart so far. */
const DEEPEST = 12;

export function outliner(program: Program): Outliner {
  const parts: Expr[] = [];
  const touches = touching(program);
  const take = (expr: Expr, depth: number): Outline => {
    // A tree of its own: functions are found by their trees, and the rule's has one already.
    const watch = program.watches.length + parts.push({ ...expr }) - 1;
    const own = spell(program, expr);
    return {
      text: own, expr, watch, isCondition: expr.type.k === "boolean", readsEvent: readsEvent(expr), readsStanding: readsStanding(program, expr, 0),
      changedBy: [...touches.expression(expr)].sort(),
      parts: depth >= DEEPEST ? [] : partsOf(program, expr).map((part) => take(part, depth + 1)).filter((part) => part.text !== own),
    };
  };
  return {
    outline: (condition) => take(condition, 0),
    finished: () => ({
      ...program,
      watches: [...program.watches, ...parts.map((value) => ({ key: "", value }))],
    }),
  };
}

/** What the value of an expression is made of, as far as a reader wants to see it. */
function partsOf(program: Program, expr: Expr): readonly Expr[] {
  switch (expr.k) {
    case "and": case "or": return expr.of;
    // What is denied says no more by itself where it is but a name.
    case "not": return isLeaf(expr.of) ? partsOf(program, expr.of) : [expr.of];
    case "trait": {
      const { value } = program.traits[expr.index] as Program["traits"][number];
      // A boolean trait is its condition; of another its parts are enough.
      return value.type.k === "boolean" || isLeaf(value) ? [value] : operands(value);
    }
    case "segment": {
      const { enter, leave } = program.segments[expr.index] as Program["segments"][number];
      // One with a memory is more than its conditions now; it has an explanation of its own.
      return leave === null && enter.forMs + enter.forMonths === 0 ? [enter.if] : [];
    }
    case "tier": {
      const tier = program.tiers[expr.index];
      return tier === undefined || expr.fn === "next" || expr.fn === "missing" ? [] : [tier.value];
    }
    default: return isLeaf(expr) ? [] : operands(expr);
  }
}

/** The least parts of an expression that have a name or a state. */
function operands(expr: Expr): readonly Expr[] {
  const found: Expr[] = [];
  const seen = new Set<string>();
  const walk = (of: Expr): void => {
    if (isLeaf(of) || of.k === "trait") {
      const key = JSON.stringify(of);
      if (!seen.has(key)) found.push(asSeen(of));
      seen.add(key);
      return;
    }
    childrenOf(of).forEach(walk);
  };
  childrenOf(expr).forEach(walk);
  return found;
}

/** A tier is compared by rank and known by its level. */
function asSeen(of: Expr): Expr {
  return of.k === "tier" && of.fn === "rank" ? { ...of, fn: "level", type: { k: "string" }, maybe: true } : of;
}

const LEAVES: ReadonlySet<Expr["k"]> = new Set([
  "aggregate", "segment", "points", "tier", "variant", "percentile", "captured", "timeOfCaptured", "timeOf", "fold",
]);

function isLeaf(expr: Expr): boolean {
  return LEAVES.has(expr.k) || isPath(expr);
}

/** `profile.a.b`, `event.items.sku`. */
function isPath(expr: Expr): boolean {
  if (expr.k === "field" || expr.k === "pluck") return expr.of.k === "input" || expr.of.k === "captured" || isPath(expr.of);
  return expr.k === "input";
}

/** However deep in traits and segments. */
function readsStanding(program: Program, expr: Expr, depth: number): boolean {
  if (expr.k === "percentile") return true;
  const inner = (of: Expr | undefined): boolean => of !== undefined && depth < DEEPEST && readsStanding(program, of, depth + 1);
  switch (expr.k) {
    case "trait": return inner(program.traits[expr.index]?.value);
    case "segment": return inner(program.segments[expr.index]?.enter.if) || inner(program.segments[expr.index]?.leave?.if);
    case "tier": return inner(program.tiers[expr.index]?.value);
    default: return childrenOf(expr).some((child) => readsStanding(program, child, depth));
  }
}

const readsEvent = (expr: Expr): boolean => {
  if (expr.k === "input" || expr.k === "timeOf") return expr.of === "event" || expr.of === "row";
  return childrenOf(expr).some(readsEvent);
};
