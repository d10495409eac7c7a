/**
 * Code for the first instant after now at which time alone may change a value: early is fine, late is not. What makes code
 * for values is in emit.ts; here is what is known of when they change.
 */
import type { Expr, ExprNode, Program } from "../../dsl/program.js";
import { children } from "../../dsl/walk.js";
import { conditionFunction, learned, literal, pointsCall, temporaries, traitValue, truth, value, type Emitter, type Scope } from "./emit.js";

/** The next change by time alone, or null where there is none whatever the state. */
export function nextFunction(e: Emitter, name: string, expr: Expr): string | null {
  const scope: Scope = { temporaries: 0, item: null };
  const code = next(e, expr, scope);
  return code === null ? null : `function ${name}(x) {${temporaries(scope)} return ${code}; }`;
}

export function readsClock(e: Emitter, expr: Expr): boolean {
  if (expr.k === "now" || (expr.k === "call" && expr.fn === "age")) return true;
  if (expr.k === "tier" && expr.fn === "missing") return readsClock(e, (e.program.tiers[expr.index] as Program["tiers"][number]).value);
  if (expr.k !== "trait") return children(expr).some((child) => readsClock(e, child));
  return learned(e, expr.index, e.clockOfTrait, (of) => readsClock(e, of));
}

/** Whether the value changes with every moment: it reads `now` elsewhere than in comparisons and the calendar. */
export function changesContinuously(e: Emitter, expr: Expr): boolean {
  switch (expr.k) {
    case "now": return true;
    case "trait": return learned(e, expr.index, e.continuityOfTrait, (of) => changesContinuously(e, of));
    case "tier": return expr.fn === "missing" && changesContinuously(e, (e.program.tiers[expr.index] as Program["tiers"][number]).value);
    case "compare": {
      const others = [expr.left, expr.right].filter(({ k }) => k !== "now");
      return others.some((other) => changesContinuously(e, other));
    }
    case "call": if (calendarStep(e, expr) !== null) return false; break;
    default: break;
  }
  return children(expr).some((child) => changesContinuously(e, child));
}

/** As a number, NaN where it is missing: it spoils the sum, and no instant comes of it. */
function numeric(e: Emitter, expr: Expr, scope: Scope): string {
  const code = value(e, expr, scope);
  return expr.maybe ? `(${code} ?? NaN)` : `(${code})`;
}

const least = (codes: readonly (string | null)[]): string | null => {
  const some = [...new Set(codes.filter((code) => code !== null))];
  return some.length === 0 ? null : some.length === 1 ? (some[0] as string) : `Math.min(${some.join(", ")})`;
};

export function next(e: Emitter, expr: Expr, scope: Scope): string | null {
  switch (expr.k) {
    case "aggregate": {
      const aggregate = e.program.aggregates[expr.index] as Program["aggregates"][number];
      const own = aggregate.window.k === "life" || aggregate.window.k === "run" ? null
        : expr.key === null ? `an${expr.index}(x)` : `an${expr.index}(x, ${value(e, expr.key, scope)})`;
      return least([own, expr.key === null ? null : next(e, expr.key, scope)]);
    }
    case "trait": return nextOfTrait(e, expr.index);
    case "points": return pointsCall(e, expr, "nextBalance", "nextExpiring");
    // Levels, memberships and readings are settled, and whoever settles them sees to it that it is done in time.
    case "tier": return expr.fn === "missing" ? next(e, (e.program.tiers[expr.index] as Program["tiers"][number]).value, scope) : null;
    case "percentile": return next(e, (e.program.rankings[expr.index] as Program["rankings"][number]).among, scope);
    case "now": return null; // a value that always changes is never watched as such; comparisons see to it
    case "and": case "or": return nextOfMany(e, expr, scope);
    case "compare": return nextOfCompare(e, expr, scope);
    case "in": return calendarOf(e, expr) === null ? least(children(expr).map((child) => next(e, child, scope))) : nextFlip(e, expr, scope);
    case "call": {
      const inner = expr.args.map((arg) => next(e, arg, scope));
      const step = calendarStep(e, expr);
      if (step === null) return least(inner);
      return least([...inner, step === "hour" ? "h.nextHour(x.zone, x.now)" : "h.nextDay(x.zone, x.now)"]);
    }
    case "fold": return least([next(e, expr.list, scope), ...[expr.where, expr.value].map((part) => (part === null ? null : nextInFold(e, part, scope)))]);
    default: return least(children(expr).map((child) => next(e, child, scope)));
  }
}

function nextOfTrait(e: Emitter, index: number): string | null {
  return learned(e, index, e.nextOfTrait, (of, trait) => {
    const name = `tn${trait}`;
    const text = nextFunction(e, name, of);
    if (text !== null) e.extra.push(text);
    return text === null ? null : `${name}(x)`;
  });
}

/** What a fold's `where` or `value` asks is asked of every item; by time alone only what does not see the item changes. */
function nextInFold(e: Emitter, expr: Expr, scope: Scope): string | null {
  if (expr.k === "aggregate" || expr.k === "trait") return next(e, expr, scope);
  return least(children(expr).map((child) => nextInFold(e, child, scope)));
}

/**
 * An `and` that is false now stays so until every part that is false has turned, so the latest of those parts' instants
 * will do; while it is true, the first part that turns ends it. An `or` is the mirror image.
 */
function nextOfMany(e: Emitter, expr: Extract<Expr, { k: "and" | "or" }>, scope: Scope): string | null {
  const own: Scope = { temporaries: 0, item: scope.item };
  const parts = expr.of.map((part) => ({ part, at: next(e, part, own) }));
  if (parts.every(({ at }) => at === null)) return null;
  const deciding = expr.k === "and" ? "!" : "";
  const lines = parts.map(({ part, at }) =>
    `n = ${at ?? "Infinity"}; if (${deciding}${truth(e, part, own)}) { if (n > latest) latest = n; } else if (n < soonest) soonest = n;`);
  const name = `m${e.extra.length}`;
  e.extra.push(`function ${name}(x) {${temporaries(own)} let n, latest = -1, soonest = Infinity; ${lines.join(" ")} return latest >= 0 ? latest : soonest; }`);
  return `${name}(x)`;
}

const MIRRORED = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=" } as const;

function nextOfCompare(e: Emitter, expr: Extract<Expr, { k: "compare" }>, scope: Scope): string | null {
  const { op, left, right } = expr;
  if (!readsClock(e, left) && !readsClock(e, right)) {
    if (right.k === "const" && typeof right.value === "number") return nextOfThreshold(e, left, op, right.value, scope);
    if (left.k === "const" && typeof left.value === "number") return nextOfThreshold(e, right, MIRRORED[op], left.value, scope);
    return least([next(e, left, scope), next(e, right, scope)]);
  }
  if (calendarOf(e, expr) !== null) return nextFlip(e, expr, scope);
  if (left.k !== "now" && right.k !== "now") return least([next(e, left, scope), next(e, right, scope)]);
  const other = left.k === "now" ? right : left;
  return least([next(e, other, scope), `h.crossing(${numeric(e, other, scope)}, x.now)`]);
}

/** What a comparison of one aggregate with a constant knows better: a count only falls by time, and only so far. */
function nextOfThreshold(e: Emitter, expr: Expr, op: string, limit: number, scope: Scope): string | null {
  const plain = next(e, expr, scope);
  const inner = expr.k === "trait" ? traitValue(e, expr.index) : expr;
  if (plain === null || inner.k !== "aggregate" || op === "==" || op === "!=") return plain;
  const aggregate = e.program.aggregates[inner.index] as Program["aggregates"][number];
  if (!["count", "distinct", "sum"].includes(aggregate.fn)) return plain;
  // `> c` ends when the value is below or at c: the next number above c is the limit.
  const bound = op === ">=" || op === "<" ? limit : nextUp(limit);
  if (inner.key === null) return `ab${inner.index}(x, ${literal(e, bound)})`;
  return least([next(e, inner.key, scope), `ab${inner.index}(x, ${literal(e, bound)}, ${value(e, inner.key, scope)})`]);
}

/** The next double above a number. */
function nextUp(value: number): number {
  if (Number.isInteger(value)) {
    const float = new Float64Array([value]);
    const bits = new BigInt64Array(float.buffer);
    if (value === 0) return Number.MIN_VALUE;
    bits[0] = (bits[0] as bigint) + (value > 0 ? 1n : -1n);
    return float[0] as number;
  }
  const float = new Float64Array([value]);
  const bits = new BigInt64Array(float.buffer);
  bits[0] = (bits[0] as bigint) + (value > 0 ? 1n : -1n);
  return float[0] as number;
}

/** "hour" or "day" for a calendar function of the clock: how often its value may change. */
function calendarStep(e: Emitter, expr: Expr): "hour" | "day" | null {
  if (expr.k !== "call") return null;
  if (expr.fn === "age") return "day";
  if (!["hour", "date", "weekday", "weekend", "month", "day", "year"].includes(expr.fn)) return null;
  if (!expr.args.some((arg) => readsClock(e, arg))) return null;
  return expr.fn === "hour" ? "hour" : "day";
}

/** For a comparison of one calendar function of now with constants: how often it may turn. */
function calendarOf(e: Emitter, expr: Extract<Expr, { k: "compare" | "in" }>): "hour" | "day" | null {
  const [subject, others] = expr.k === "in" ? [expr.value, expr.items] : expr.left.k === "call" ? [expr.left, [expr.right]] : [expr.right, [expr.left]];
  if (subject.k !== "call" || !others.every((other) => other.k === "const")) return null;
  // It is asked at instants to come, and at those a slot would let go what is in its window now.
  return subject.args.some(readsState) ? null : calendarStep(e, subject);
}

const STATEFUL: ReadonlySet<ExprNode["k"]> = new Set(["aggregate", "trait", "segment", "points", "tier", "percentile", "population", "figure"]);

function readsState(expr: Expr): boolean {
  return STATEFUL.has(expr.k) || children(expr).some(readsState);
}

function nextFlip(e: Emitter, expr: Extract<Expr, { k: "compare" | "in" }>, scope: Scope): string {
  const inside = least(children(expr).flatMap(children).map((child) => next(e, child, scope)));
  const name = `m${e.extra.length}`;
  e.extra.push(conditionFunction(e, name, expr));
  return least([inside, `h.nextFlip(x, ${name}, ${calendarOf(e, expr) === "hour"})`]) as string;
}
