// `now` in conditions: every comparison is solved for it, so that the engine can compute the instant at which the
// comparison next changes.
//
// After this, `now` stands only as one whole side of a comparison whose other side is free of it, or as the argument of
// a calendar function; anything else is continuous, which a trait may be and a condition may not. Solving moves terms
// from side to side (`since(t) / 1 day > 3` is `t + 3 days < now`), which loses nothing: with a null in it, either
// form is false.

import type { ArithmeticOp, CompareOp, Expr } from "../program.js";
import { computed, flipped } from "./operators.js";
import * as tree from "./trees.js";

export interface Settled {
  readonly value: Expr;
  /** `now` stands where it makes the value change with every moment. */
  readonly continuous: boolean;
}

const CALENDAR: ReadonlySet<string> = new Set(["date", "hour", "weekday", "weekend", "month", "day", "year"]);

/** `refuse` is told of each node (of the tree given) whose next change cannot be computed. */
export function settle(root: Expr, refuse: (at: Expr) => void): Settled {
  const moving = new Set<Expr>();
  const visit = (of: Expr): Expr => {
    if (of.k === "now") {
      moving.add(of);
      return of;
    }
    const settled = tree.rebuilt(of, visit);
    if (settled.k === "fold" && tree.treesOf(settled).some(readsClock)) {
      refuse(of);
      return settled;
    }
    const within = tree.children(settled).filter((child) => moving.has(child));
    if (within.length === 0) return settled;
    if (settled.k === "compare") {
      const solved = solveComparison(settled, moving);
      if (solved === null) refuse(of);
      return solved ?? settled;
    }
    if (settled.k === "call" && CALENDAR.has(settled.fn)) {
      if (!settled.args.every((arg) => arg.k === "now" || !moving.has(arg))) refuse(of);
      return settled;
    }
    moving.add(settled);
    return settled;
  };
  const value = visit(root);
  return { value, continuous: moving.has(value) };
}

/** A list's items each have instants of their own, which nobody keeps. */
const readsClock = (root: Expr): boolean => {
  for (const node of tree.nodes(root)) if (node.k === "now" || (node.k === "call" && node.fn === "age")) return true;
  return false;
};

function solveComparison(of: Extract<Expr, { k: "compare" }>, moving: ReadonlySet<Expr>): Expr | null {
  const { op, left, right } = of;
  if (moving.has(left) && moving.has(right)) return null;
  if (left.k === "now" || right.k === "now") return of;
  if (left.type.k === "null" || right.type.k === "null") return solveMissing(op, left.type.k === "null" ? right : left, moving);
  return moving.has(left) ? solve(left, op, right, moving) : solve(right, flipped(op), left, moving);
}

/** `since(t) == null` is `t == null`: now itself is never missing. */
function solveMissing(op: CompareOp, side: Expr, moving: ReadonlySet<Expr>): Expr | null {
  const parts = addends(side, moving);
  if (parts === null || (op !== "==" && op !== "!=")) return null;
  const tests = parts.filter(({ maybe }) => maybe).map((part) => tree.compare(op, part, tree.missing));
  return tests.length === 0 ? tree.truth(op === "!=") : tree.allOf(op === "==" ? "or" : "and", tests);
}

/** What is added to now, or taken from it; null where something else is done. */
function addends(of: Expr, moving: ReadonlySet<Expr>): readonly Expr[] | null {
  if (of.k === "now") return [];
  if (!moving.has(of)) return [of];
  if (of.k === "negate") return addends(of.of, moving);
  if (of.k !== "arithmetic" || of.op === "%" || (of.op === "/" && signOf(of.right) === 0)) return null;
  const left = addends(of.left, moving);
  const right = addends(of.right, moving);
  return left === null || right === null ? null : [...left, ...right];
}

/** `side op other` for now, as `… now`; null where there is no such form. */
function solve(side: Expr, op: CompareOp, other: Expr, moving: ReadonlySet<Expr>): Expr | null {
  if (side.k === "now") return tree.compare(flipped(op), other, side);
  if (side.k === "negate") return solve(side.of, flipped(op), negated(other), moving);
  if (side.k !== "arithmetic") return null;
  const { left, right } = side;
  if (moving.has(left) && moving.has(right)) return null;
  const moves = moving.has(left);
  const inner = moves ? left : right;
  const rest = moves ? right : left;
  switch (side.op) {
    case "+": return solveWith(inner, op, "-", other, rest, moving);
    case "-": return moves ? solveWith(inner, op, "+", other, rest, moving) : solveWith(inner, flipped(op), "-", rest, other, moving);
    case "*": {
      const sign = signOf(rest);
      return sign === 0 ? null : solveWith(inner, sign > 0 ? op : flipped(op), "/", other, rest, moving);
    }
    case "/": {
      const sign = signOf(rest);
      return sign === 0 || !moves ? null : solveWith(inner, sign > 0 ? op : flipped(op), "*", other, rest, moving);
    }
    case "%": return null;
  }
}

function solveWith(inner: Expr, op: CompareOp, by: ArithmeticOp, a: Expr, b: Expr, moving: ReadonlySet<Expr>): Expr | null {
  const other = folded(by, a, b) ?? computed(by, a, b);
  return other === null ? null : solve(inner, op, other, moving);
}

const signOf = (of: Expr): number => (of.k === "const" && typeof of.value === "number" ? Math.sign(of.value) : 0);

const negated = (of: Expr): Expr =>
  of.k === "const" && typeof of.value === "number" ? tree.constant(-of.value, of.type) : tree.node({ k: "negate", of }, of.type, of.maybe);

/** Of two literals, so that `since(t) / 1 day > 3` is the same tree as `since(t) > 3 days`. */
function folded(op: ArithmeticOp, a: Expr, b: Expr): Expr | null {
  if (a.k !== "const" || b.k !== "const" || typeof a.value !== "number" || typeof b.value !== "number") return null;
  const type = computed(op, a, b)?.type;
  const value = op === "+" ? a.value + b.value : op === "-" ? a.value - b.value : op === "*" ? a.value * b.value : a.value / b.value;
  return type === undefined || type.k === "date" || !Number.isFinite(value) ? null : tree.constant(value, type);
}
