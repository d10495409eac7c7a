/**
 * The one place that makes JavaScript: checked expression trees to source text.
 *
 * Nothing of the author's gets in as code: texts and field names go through JSON.stringify, everything else is passed
 * in as an argument of the generated function (constants, sets, spans, the runtime). Values are as in a program; null
 * and undefined both mean missing. A generated expression reads the context `x` (engine/customer.ts).
 *
 * `value` gives code for an expression's value, `condition` for its truth (null is false); when time alone may change it,
 * next.ts says.
 */
import type { Expr, ExprNode, Program, Type, Value } from "../../dsl/program.js";
import { children } from "../../dsl/walk.js";

/** Code is not a string, so that text can never pass for it. */
export class Code {
  constructor(readonly text: string) {}
}

/** One generated function's own needs: its temporary variables and the items it stands in. */
export interface Scope {
  temporaries: number;
  readonly item: string | null;
}

/** Names that every object has something under. */
const INHERITED = new Set(Object.getOwnPropertyNames(Object.prototype));

export interface Emitter {
  readonly program: Program;
  /** Constants handed to the generated module as `k`. */
  readonly constants: unknown[];
  /** Helper functions that expressions needed, to be put into the module. */
  readonly extra: string[];
  /** Of each trait met: code for its next change, and whether it reads the clock. Many refer to one, so all is made once. */
  readonly nextOfTrait: Map<number, string | null>;
  readonly clockOfTrait: Map<number, boolean>;
  readonly lackOfTrait: Map<number, boolean>;
  readonly continuityOfTrait: Map<number, boolean>;
}

export function emitter(program: Program): Emitter {
  return { program, constants: [], extra: [], nextOfTrait: new Map(), clockOfTrait: new Map(), lackOfTrait: new Map(), continuityOfTrait: new Map() };
}

export function traitValue(e: Emitter, index: number): Expr {
  return (e.program.traits[index] as Program["traits"][number]).value;
}

/**
 * What is known of a trait, learned once. Those that it refers to, however far down, come before it, lowest first: chains
 * of thousands would not fit onto the stack.
 */
export function learned<T>(e: Emitter, index: number, known: Map<number, T>, learn: (of: Expr, index: number) => T): T {
  const below = new Set<number>([index]);
  for (const trait of known.has(index) ? [] : below) {
    const waiting: Expr[] = [traitValue(e, trait)];
    for (let of = waiting.pop(); of !== undefined; of = waiting.pop()) {
      if (of.k === "trait" && !known.has(of.index)) below.add(of.index);
      waiting.push(...children(of));
    }
  }
  for (const trait of [...below].sort((a, b) => a - b)) if (!known.has(trait)) known.set(trait, learn(traitValue(e, trait), trait));
  return known.get(index) as T;
}

export function constant(e: Emitter, value: unknown): string {
  e.constants.push(value);
  return `k[${e.constants.length - 1}]`;
}

/** `function name(x) { return value; }` */
export function valueFunction(e: Emitter, name: string, expr: Expr): string {
  return wrap(name, (scope) => value(e, expr, scope));
}

/** The truth of an expression: true or false. */
export function conditionFunction(e: Emitter, name: string, expr: Expr): string {
  return wrap(name, (scope) => `(${condition(e, expr, scope)}) === true`);
}

/** The value as it stands in a payload: times and dates as texts. */
export function payloadFunction(e: Emitter, name: string, expr: Expr): string {
  return wrap(name, (scope) => asJson(e, value(e, expr, scope), expr.type, scope));
}

/**
 * One aggregate's update: `function name(x, enter)` calls `enter(x, value)` for each row that passes and answers whether
 * anything changed. `enter` is bound to the aggregate.
 */
export function updateFunction(e: Emitter, name: string, aggregate: Program["aggregates"][number], enter: string): string {
  const scope: Scope = { temporaries: 0, item: aggregate.items === null ? null : "item" };
  const passes = aggregate.where === null ? null : condition(e, aggregate.where, scope);
  const entering = aggregate.value === null ? "true" : value(e, aggregate.value, scope);
  const by = aggregate.by === null ? null : value(e, aggregate.by, scope);
  const body = (skip: string): string =>
    `${passes === null ? "" : `if ((${passes}) !== true) ${skip} `}const v = ${entering}; if (v == null) ${skip} ${by === null ? "" : `const by = ${by}; if (by == null) ${skip} `}`;
  const call = by === null ? `${enter}(x, v)` : `${enter}(x, v, by)`;
  if (aggregate.items === null) {
    const inner = body("return false;");
    return `function ${name}(x) {${temporaries(scope)} ${inner} return ${call}; }`;
  }
  const list = aggregate.items.reduce((of, field) =>
    INHERITED.has(field) ? `h.own(${of}, ${JSON.stringify(field)})` : `(${of})?.[${JSON.stringify(field)}]`, "x.row");
  const inner = body("continue;");
  return `function ${name}(x) {${temporaries(scope)} let changed = false; const list = ${list}; if (list == null) return false; ` +
    `for (const item of list) { if (item == null) continue; ${inner} if (${call}) changed = true; } return changed; }`;
}

function wrap(name: string, body: (scope: Scope) => string): string {
  const scope: Scope = { temporaries: 0, item: null };
  const code = body(scope);
  return `function ${name}(x) {${temporaries(scope)} return ${code}; }`;
}

export function temporaries(scope: Scope): string {
  if (scope.temporaries === 0) return "";
  return ` let ${Array.from({ length: scope.temporaries }, (_, i) => `t${i}`).join(", ")};`;
}

const temporary = (scope: Scope): string => `t${scope.temporaries++}`;

// ---------------------------------------------------------------------------------------------------- values

function isBoolean(expr: Expr): boolean {
  return ["and", "or", "not", "compare", "in", "contains", "like", "segment"].includes(expr.k);
}

/** Code whose truth is the expression's: exactly `true` where it holds. */
export function condition(e: Emitter, expr: Expr, scope: Scope): string {
  switch (expr.k) {
    case "and": return `(${expr.of.map((part) => truth(e, part, scope)).join(" && ")})`;
    case "or": return `(${expr.of.map((part) => truth(e, part, scope)).join(" || ")})`;
    case "not": return `!${truth(e, expr.of, scope)}`;
    default: return value(e, expr, scope);
  }
}

/** A strict boolean. */
export function truth(e: Emitter, expr: Expr, scope: Scope): string {
  const code = condition(e, expr, scope);
  return isBoolean(expr) || (expr.type.k === "boolean" && !expr.maybe) ? `(${code})` : `((${code}) === true)`;
}

export function literal(e: Emitter, v: Value): string {
  if (v === null || typeof v === "boolean" || typeof v === "string") return JSON.stringify(v);
  if (typeof v === "number") return v < 0 || Object.is(v, -0) ? `(${v})` : String(v);
  return constant(e, v);
}

function isScalar(type: Type): boolean {
  return type.k !== "list" && type.k !== "record" && type.k !== "null";
}

export function value(e: Emitter, expr: Expr, scope: Scope): string {
  switch (expr.k) {
    case "const": return literal(e, expr.value);
    case "list": return `[${expr.items.map((item) => orNull(e, item, scope)).join(", ")}]`;
    case "record": return `{ ${expr.entries.map((entry) => `[${JSON.stringify(entry.name)}]: ${orNull(e, entry.value, scope)}`).join(", ")} }`;
    case "input":
      if (expr.of === "profile") return filled(e, "x.customer.profile", expr.type);
      if (expr.of !== "item") return `x.${expr.of}`;
      if (scope.item === null) throw new Error("an item outside of a list");
      return scope.item;
    case "timeOf": return expr.of === "row" ? "x.rowTime" : expr.maybe ? "(x.event === null ? null : x.eventTime)" : "x.eventTime";
    case "captured": return `h.captured(x, ${JSON.stringify(expr.name)})`;
    case "timeOfCaptured": return `h.capturedTime(x, ${JSON.stringify(expr.name)})`;
    case "now": return "x.now";
    case "local": return `h.instantOf(x.zone, ${expr.date * 86_400_000 + expr.ms})`;
    case "field": return isProfilePath(expr) ? filled(e, field(e, expr, scope), expr.type) : field(e, expr, scope);
    case "pluck": return `h.pluck(${value(e, expr.of, scope)}, ${JSON.stringify(expr.name)})`;
    case "index": return `h.index(${value(e, expr.of, scope)}, ${value(e, expr.at, scope)})`;
    case "not": case "and": case "or": return condition(e, expr, scope);
    case "negate": return guarded(e, [expr.of], scope, ([a]) => `-${a}`, "null");
    case "compare": return compare(e, expr, scope);
    case "arithmetic": return arithmetic(e, expr, scope);
    case "concat": return guarded(e, [expr.left, expr.right], scope, ([a, b]) => `h.concat(${a}, ${b})`, "null");
    case "dateShift":
      return guarded(e, [expr.date, expr.by], scope, ([date, by]) => `${date} + Math.floor(${expr.sign === 1 ? "" : "-"}${by} / 86400000)`, "null");
    case "dateDifference": return guarded(e, [expr.left, expr.right], scope, ([a, b]) => `(${a} - ${b}) * 86400000`, "null");
    case "addMonths":
      return guarded(e, [expr.of], scope, ([of]) =>
        expr.of.type.k === "date" ? `h.addMonthsToDate(${of}, ${expr.months})` : `h.addMonths(x.zone, ${of}, ${expr.months})`, "null");
    case "in": return within(e, expr, scope);
    case "contains": return `h.contains(${value(e, expr.list, scope)}, ${value(e, expr.value, scope)})`;
    case "like": return `h.like(${value(e, expr.value, scope)}, ${constant(e, pieces(expr.pattern))})`;
    case "without": return `h.without(${value(e, expr.left, scope)}, ${value(e, expr.right, scope)})`;
    case "coalesce": return `(${value(e, expr.left, scope)} ?? ${value(e, expr.right, scope)})`;
    case "if": return `(${truth(e, expr.if, scope)} ? ${value(e, expr.then, scope)} : ${value(e, expr.else, scope)})`;
    case "call": return call(e, expr, scope);
    case "fold": return foldList(e, expr, scope);
    case "aggregate": return expr.key === null ? `a${expr.index}(x)` : `a${expr.index}(x, ${value(e, expr.key, scope)})`;
    case "trait": return `t_${expr.index}(x)`;
    case "segment": return `member(x.customer, ${expr.index})`;
    case "points": return pointsCall(e, expr, "balance", "expiring");
    case "tier": return tier(e, expr, scope);
    case "variant": return `h.variantOf(x, ${expr.index}, ${constant(e, e.program.experiments[expr.index])})`;
    case "percentile": {
      const { among } = e.program.rankings[expr.index] as Program["rankings"][number];
      return `(${truth(e, among, scope)} ? h.percentile(x, ${expr.index}) : null)`;
    }
    case "population": return `x.figures.population(${expr.index})`;
    case "figure": return `x.figures.${expr.fn}(${expr.index}, ${JSON.stringify(expr.variant)})`;
  }
}

export function pointsCall(e: Emitter, expr: Extract<ExprNode, { k: "points" }>, balance: string, expiring: string): string {
  const { expire } = e.program.points[expr.index] as Program["points"][number];
  const lasting = constant(e, expire);
  return expr.fn === "balance" ? `h.${balance}(x, ${expr.index}, ${lasting})` : `h.${expiring}(x, ${expr.index}, ${lasting}, ${constant(e, expr.within)})`;
}

function tier(e: Emitter, { fn, index }: Extract<ExprNode, { k: "tier" }>, scope: Scope): string {
  const { levels, value: of } = e.program.tiers[index] as Program["tiers"][number];
  switch (fn) {
    case "rank": return `h.tierRank(x, ${index})`;
    case "level": return `h.tierLevel(x, ${index}, ${constant(e, levels)})`;
    case "next": return `h.tierNext(x, ${index}, ${constant(e, levels)})`;
    case "missing": return `h.tierMissing(x, ${index}, ${constant(e, levels)}, ${value(e, of, scope)})`;
  }
}

const pieces = (pattern: string): string[] => pattern.replace(/\*+/g, "*").split("*");

function orNull(e: Emitter, expr: Expr, scope: Scope): string {
  const code = value(e, expr, scope);
  return expr.maybe ? `(${code} ?? null)` : code;
}

function field(e: Emitter, expr: Extract<ExprNode, { k: "field" }>, scope: Scope): string {
  const name = JSON.stringify(expr.name);
  const inherited = INHERITED.has(expr.name);
  const declared = expr.of.type.k === "record" ? expr.of.type.fields.find((candidate) => candidate.name === expr.name) : undefined;
  const inProfile = isProfilePath(expr.of);
  const of = !inProfile ? value(e, expr.of, scope) : expr.of.k === "field" ? field(e, expr.of, scope) : "x.customer.profile";
  // Events have had their defaults filled in; a profile holds only what was said of the customer.
  if (inProfile && declared?.default !== undefined) {
    const t = temporary(scope);
    return `((${t} = ${of}) == null ? null : (${inherited ? `h.own(${t}, ${name})` : `${t}[${name}]`} ?? ${literal(e, declared.default)}))`;
  }
  if (inherited) return `h.own(${of}, ${name})`;
  // A plain read is the fastest; `?.` costs a check that is needed by all that was not checked a moment ago.
  return isChecked(expr.of) && !expr.of.maybe ? `${of}[${name}]` : `${of}?.[${name}]`;
}

/** The event looked at, or what is in it: checked a moment ago, so that what must be there is. */
function isChecked(expr: ExprNode): boolean {
  return expr.k === "input" ? expr.of === "row" : expr.k === "field" && isChecked(expr.of);
}

/**
 * Whether the value may be missing when the code runs. More may be than the program says: what runs, profiles and
 * aggregates hold may be from before a field was declared, and the levels of tiers from before there was the tier.
 */
function mayLack(e: Emitter, expr: Expr): boolean {
  if (expr.maybe) return true;
  switch (expr.k) {
    case "field": return !isChecked(expr);
    case "input": return expr.of !== "row";
    case "captured": case "timeOfCaptured": case "tier": return true;
    case "aggregate": return false;
    case "coalesce": return mayLack(e, expr.right);
    case "trait": return learned(e, expr.index, e.lackOfTrait, (of) => mayLack(e, of));
    // An instant that arithmetic has led beyond all numbers has no weekday.
    case "call": if (expr.fn === "weekday") return true; break;
    default: break;
  }
  return children(expr).some((child) => mayLack(e, child));
}

/** The profile or a record in it: what was not said of the customer is not there. */
function isProfilePath(expr: ExprNode): boolean {
  return expr.k === "input" ? expr.of === "profile" : expr.k === "field" && isProfilePath(expr.of);
}

/** A record of the profile as a whole, with the defaults of what was not said. */
function filled(e: Emitter, code: string, type: Type): string {
  return type.k === "record" && hasDefaults(type) ? `h.filled(${code}, ${constant(e, type.fields)})` : code;
}

function hasDefaults(type: Type): boolean {
  return type.k === "record" && type.fields.some((inner) => inner.default !== undefined || hasDefaults(inner.type));
}

/** Code over operands that must not be null: `missing` where one is. */
function guarded(e: Emitter, operands: readonly Expr[], scope: Scope, make: (codes: string[]) => string, missing: string): string {
  const checks: string[] = [];
  const codes = operands.map((operand) => {
    const code = value(e, operand, scope);
    if (!mayLack(e, operand)) return `(${code})`;
    const t = temporary(scope);
    checks.push(`(${t} = ${code}) == null`);
    return t;
  });
  const made = make(codes);
  return checks.length === 0 ? `(${made})` : `(${checks.join(" || ")} ? ${missing} : ${made})`;
}

function isNull(expr: Expr): boolean {
  return expr.k === "const" && expr.value === null;
}

function compare(e: Emitter, expr: Extract<ExprNode, { k: "compare" }>, scope: Scope): string {
  const { op, left, right } = expr;
  if (op === "!=") return `!${compare(e, { ...expr, op: "==" }, scope)}`;
  if (op === "==") {
    if (isNull(right)) return `(${value(e, left, scope)} == null)`;
    if (isNull(left)) return `(${value(e, right, scope)} == null)`;
    if (!isScalar(left.type) || !isScalar(right.type)) return `h.same(${value(e, left, scope)}, ${value(e, right, scope)})`;
    if (!left.maybe || !right.maybe) return `(${value(e, left, scope)} === ${value(e, right, scope)})`;
    const t = temporary(scope);
    return `((${t} = ${value(e, left, scope)}) != null && ${t} === ${value(e, right, scope)})`;
  }
  return guarded(e, [left, right], scope, ([a, b]) => `${a} ${op} ${b}`, "false");
}

function arithmetic(e: Emitter, expr: Extract<ExprNode, { k: "arithmetic" }>, scope: Scope): string {
  const { op } = expr;
  return guarded(e, [expr.left, expr.right], scope, ([a, b]) => {
    if (op === "/") return `h.divide(${a}, ${b})`;
    if (op === "%") return `h.remainder(${a}, ${b})`;
    return `${a} ${op} ${b}`;
  }, "null");
}

const SMALL_SET = 4;

function within(e: Emitter, expr: Extract<ExprNode, { k: "in" }>, scope: Scope): string {
  const t = temporary(scope);
  const of = `(${t} = ${value(e, expr.value, scope)})`;
  const constants = expr.items.every((item) => item.k === "const" && item.value !== null && typeof item.value !== "object");
  if (constants && expr.items.length > SMALL_SET) {
    const set = new Set(expr.items.map((item) => (item.k === "const" ? item.value : null)));
    return `(${of} != null && ${constant(e, set)}.has(${t}))`;
  }
  const tests = expr.items.map((item) => isScalar(item.type) ? `${t} === ${value(e, item, scope)}` : `h.same(${t}, ${value(e, item, scope)})`);
  return `(${of} != null && (${tests.length === 0 ? "false" : tests.join(" || ")}))`;
}

function call(e: Emitter, expr: Extract<ExprNode, { k: "call" }>, scope: Scope): string {
  const date = expr.args[0]?.type.k === "date";
  const one = (make: (a: string) => string): string => guarded(e, expr.args.slice(0, 1), scope, ([a]) => make(a as string), "null");
  const days = (a: string): string => (date ? a : `h.dateAt(x.zone, ${a})`);
  switch (expr.fn) {
    case "lower": return one((a) => `${a}.toLowerCase()`);
    case "upper": return one((a) => `${a}.toUpperCase()`);
    case "trim": return one((a) => `${a}.trim()`);
    case "length": return `h.length(${value(e, expr.args[0] as Expr, scope)})`;
    case "round": return one((a) => `h.round(${a})`);
    case "floor": return one((a) => `Math.floor(${a})`);
    case "ceil": return one((a) => `Math.ceil(${a})`);
    case "abs": return one((a) => `Math.abs(${a})`);
    case "least": case "greatest": return `h.${expr.fn}(${expr.args.map((arg) => value(e, arg, scope)).join(", ")})`;
    case "date": return one(days);
    case "hour": return one((a) => (date ? "0" : `h.hourAt(x.zone, ${a})`));
    case "weekday": return one((a) => `h.weekdayName(${days(a)})`);
    case "weekend": return one((a) => `h.weekdayOfDate(${days(a)}) >= 5`);
    case "month": return one((a) => `h.civilFromDays(${days(a)}).month`);
    case "day": return one((a) => `h.civilFromDays(${days(a)}).day`);
    case "year": return one((a) => `h.civilFromDays(${days(a)}).year`);
    case "age": return one((a) => `h.ageAt(${days(a)}, h.dateAt(x.zone, x.now))`);
  }
}

let itemNames = 0;

function foldList(e: Emitter, expr: Extract<ExprNode, { k: "fold" }>, scope: Scope): string {
  const name = `i${itemNames++}`;
  const inner = (part: Expr, make: (scope: Scope) => string): string => {
    const own: Scope = { temporaries: 0, item: name };
    const code = make(own);
    return part === null ? "null" : `(${name}) => {${temporaries(own)} return ${code}; }`;
  };
  const { where, value: of } = expr;
  const test = where === null ? "null" : inner(where, (own) => truth(e, where, own));
  const get = of === null ? "null" : inner(of, (own) => value(e, of, own));
  return `h.fold(${JSON.stringify(expr.fn)}, ${value(e, expr.list, scope)}, ${test}, ${get})`;
}

// ---------------------------------------------------------------------------------------------------- payloads

function hasInstants(type: Type): boolean {
  switch (type.k) {
    case "time": case "date": return true;
    case "list": return hasInstants(type.of);
    case "record": return type.fields.some((f) => hasInstants(f.type));
    default: return false;
  }
}

/** Code that turns a value of a type into what JSON shall show. */
function asJson(e: Emitter, code: string, type: Type, scope: Scope): string {
  switch (type.k) {
    case "time": return `h.timeText(${code})`;
    case "date": return `h.dateText(${code})`;
    case "list": {
      if (!hasInstants(type.of)) return code;
      const name = `i${itemNames++}`;
      const own: Scope = { temporaries: 0, item: name };
      const inner = asJson(e, name, type.of, own);
      return `h.each(${code}, (${name}) => {${temporaries(own)} return ${inner}; })`;
    }
    case "record": {
      if (!hasInstants(type)) return code;
      const t = temporary(scope);
      const fields = type.fields.map((f) => {
        const read = `h.own(${t}, ${JSON.stringify(f.name)})`;
        return `[${JSON.stringify(f.name)}]: ${asJson(e, read, f.type, scope)}`;
      });
      return `((${t} = ${code}) == null ? null : { ${fields.join(", ")} })`;
    }
    default: return code;
  }
}
