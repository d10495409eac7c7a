/**
 * Random expressions as the checker makes them: well typed, with `now` only where a program may have it.
 *
 * A site says what may be read: inputs, aggregates, the item of a fold, the clock. The clock is `free` (`now` is a time
 * like any other), `watched` (comparisons with now, calendar functions of now, ages) or `none`.
 */
import fc from "fast-check";
import type { CompareOp, Expr, Field, FoldFn, ScalarFn, Type, Value } from "../../dsl/program.js";
import * as tree from "../../dsl/check/trees.js";
import { BOOLEAN, DATE, DURATION, NUMBER, STRING, TIME, WEEKDAY, join, listOf } from "../../dsl/check/types.js";
import { computed } from "../../dsl/check/operators.js";

export type Clock = "free" | "watched" | "none";

export interface Site {
  readonly clock: Clock;
  /** Everything that can be read as it is: inputs, aggregates, traits. Their fields are found. */
  readonly reads: readonly Expr[];
  /** What stays readable inside a fold. */
  readonly outside: readonly Expr[];
}

/** What an expression is of, as far as the generator tells things apart. */
type Kind = string;

export function kindOf(type: Type): Kind {
  switch (type.k) {
    case "list": return `list ${kindOf(type.of)}`;
    case "record": return `record ${type.fields.map(({ name }) => name).sort().join(" ")}`;
    default: return type.k;
  }
}

const DAY = 86_400_000;

// ---- what can be read ----

/** An input and all that lies inside of it, `deep` levels of records and lists down. */
function insideOf(root: Expr, deep: number): Expr[] {
  const { type } = root;
  const here = [root];
  if (deep === 0) return here;
  const fields = (record: readonly Field[], make: (field: Field) => Expr): Expr[] =>
    record.filter((field) => field.name !== "timezone").flatMap((field) => insideOf(make(field), deep - 1));
  if (type.k === "record") return [...here, ...fields(type.fields, (field) => fieldOf(root, field))];
  if (type.k === "list" && type.of.k === "record") return [...here, ...fields(type.of.fields, (field) => pluckOf(root, field))];
  return here;
}

function fieldOf(of: Expr, field: Field): Expr {
  return tree.node({ k: "field", of, name: field.name }, field.type, field.maybe || of.maybe);
}

function pluckOf(of: Expr, field: Field): Expr {
  const maybe = of.type.k === "list" && of.type.maybe;
  const type = field.type.k === "list" ? listOf(field.type.of, field.type.maybe || field.maybe || maybe) : listOf(field.type, field.maybe || maybe);
  return tree.node({ k: "pluck", of, name: field.name }, type, of.maybe);
}

// ---- literals ----

const DATES = [0, 11016, 19782, 19783, 19784, 20000, 20147, 20148];
export const TEXTS = ["a", "b", "c", "ab", "A", "", "*", "a?c", "ä€", "🙂x", " a "];

function constants(kind: Kind): readonly Expr[] {
  const literals = (values: readonly Value[], type: Type): Expr[] => values.map((value) => tree.constant(value, type));
  switch (kind) {
    case "number": return literals([0, 1, 2, 3, -1, 0.1, 2.5, -7, 100, 1e9], NUMBER);
    case "string": return TEXTS.map((text) => tree.text(text));
    case "boolean": return [tree.truth(true), tree.truth(false)];
    case "date": return literals(DATES, DATE);
    case "duration": return literals([0, 1, 3_600_000, DAY, 7 * DAY, -DAY, 1800_000], DURATION);
    case "time": return DATES.map((date, i) => tree.node({ k: "local", date, ms: i * 10_800_000 }, TIME, false));
    default: return [];
  }
}

// ---- expressions ----

const SCALARS = ["number", "string", "boolean", "time", "date", "duration"];
const ORDERED = ["number", "string", "time", "date", "duration"];
const LISTS = SCALARS.map((kind) => `list ${kind}`);

type Arb = fc.Arbitrary<Expr>;

/** Makes expressions for one site. Arbitraries are remembered: there are many paths to each. */
export function expressions(site: Site): (kind: Kind, depth: number) => Arb {
  const known = new Map<string, Arb>();
  const readable = new Map<Kind, Expr[]>();
  for (const read of site.reads.flatMap((root) => insideOf(root, 3))) {
    const kind = kindOf(read.type);
    const list = readable.get(kind) ?? [];
    readable.set(kind, list);
    list.push(read);
  }
  const listsOfRecords = [...readable.keys()].filter((kind) => kind.startsWith("list record"));
  const records = [...readable.keys()].filter((kind) => kind.startsWith("record"));
  const inFold = new Map<Kind, (kind: Kind, depth: number) => Arb>();

  function make(kind: Kind, depth: number): Arb {
    const key = `${depth} ${kind}`;
    let arb = known.get(key);
    if (arb === undefined) {
      const leaves = leafOf(kind);
      const forms = depth === 0 ? [] : formsOf(kind, depth - 1);
      const all = [...(leaves === null ? [] : [leaves]), ...forms.map((form) => ({ arbitrary: form, weight: 2 }))];
      known.set(key, (arb = fc.oneof({ withCrossShrink: false }, ...all)));
    }
    return arb;
  }

  function leafOf(kind: Kind): { arbitrary: Arb; weight: number } | null {
    const reads = readable.get(kind) ?? [];
    const literals = constants(kind);
    const arbs: { arbitrary: Arb; weight: number }[] = [];
    if (literals.length > 0) arbs.push({ arbitrary: fc.constantFrom(...literals), weight: 1 });
    if (reads.length > 0) arbs.push({ arbitrary: fc.constantFrom(...reads), weight: 3 });
    if (kind === "time" && site.clock === "free") arbs.push({ arbitrary: fc.constant(tree.now), weight: 1 });
    if (kind.startsWith("list ") && reads.length === 0) arbs.push({ arbitrary: fc.constant(tree.node({ k: "list", items: [] }, listOf(leafType(kind.slice(5)), false), false)), weight: 1 });
    return arbs.length === 0 ? null : { arbitrary: fc.oneof(...arbs), weight: arbs.length + 2 };
  }

  function formsOf(kind: Kind, depth: number): Arb[] {
    const of = (inner: Kind): Arb => make(inner, depth);
    const general = [
      fc.tuple(of("boolean"), of(kind), of(kind)).map(([if_, then, else_]) =>
        tree.node({ k: "if", if: if_, then, else: else_ }, join(then.type, else_.type) ?? then.type, then.maybe || else_.maybe)),
      fc.tuple(of(kind), of(kind)).map(([left, right]) => tree.node({ k: "coalesce", left, right }, join(left.type, right.type) ?? left.type, left.maybe && right.maybe)),
    ];
    if (kind.startsWith("list ")) return [...general, ...listForms(kind, of)];
    if (SCALARS.includes(kind)) {
      general.push(
        fc.tuple(of(`list ${kind}`), of("number")).map(([list, at]) => tree.node({ k: "index", of: list, at }, itemType(list), true)),
        ...folds(kind, depth),
      );
    }
    const arithmetic = (op: "+" | "-" | "*" | "/" | "%", a: Kind, b: Kind): Arb => fc.tuple(of(a), of(b)).map(([left, right]) => must(computed(op, left, right)));
    const call = (fn: ScalarFn, arg: Arb, type: Type): Arb => arg.map((value) => tree.node({ k: "call", fn, args: [value] }, type, value.maybe));
    const months = (arg: Arb): Arb => fc.tuple(arg, fc.constantFrom(1, -1, 6, 12, -13)).map(([value, n]) => tree.node({ k: "addMonths", of: value, months: n }, value.type, value.maybe));
    const negate = (arg: Arb): Arb => arg.map((value) => tree.node({ k: "negate", of: value }, value.type, value.maybe));
    const pick = (): Arb => fc.tuple(fc.constantFrom<ScalarFn>("least", "greatest"), fc.array(of(kind), { minLength: 2, maxLength: 3 }))
      .map(([fn, args]) => tree.node({ k: "call", fn, args }, args[0]?.type ?? NUMBER, args.some(({ maybe }) => maybe)));
    const instants: Arb = site.clock === "none" ? of("time") : fc.oneof(of("time"), fc.constant(tree.now));
    switch (kind) {
      case "number": return [...general,
        arithmetic("+", kind, kind), arithmetic("-", kind, kind), arithmetic("*", kind, kind), arithmetic("/", kind, kind), arithmetic("%", kind, kind),
        arithmetic("/", "duration", "duration"), negate(of(kind)), pick(),
        ...(["round", "floor", "ceil", "abs"] as const).map((fn) => call(fn, of(kind), NUMBER)),
        call("length", fc.oneof(of("string"), of("list string"), of("list number")), NUMBER),
        call("hour", instants, NUMBER),
        ...(["month", "day", "year"] as const).map((fn) => call(fn, fc.oneof(instants, of("date")), NUMBER)),
        ...(site.clock === "none" ? [] : [call("age", of("date"), NUMBER)]),
      ];
      case "string": return [...general,
        arithmetic("+", kind, kind), ...(["lower", "upper", "trim"] as const).map((fn) => call(fn, of(kind), STRING)), call("weekday", fc.oneof(instants, of("date")), WEEKDAY)];
      case "time": return [...general, arithmetic("+", "time", "duration"), arithmetic("+", "duration", "time"), arithmetic("-", "time", "duration"), months(of("time")), pick()];
      case "date": return [...general, arithmetic("+", "date", "duration"), arithmetic("-", "date", "duration"), arithmetic("+", "duration", "date"), months(of("date")), call("date", instants, DATE), pick()];
      case "duration": return [...general,
        arithmetic("+", kind, kind), arithmetic("-", kind, kind), arithmetic("-", "time", "time"), arithmetic("-", "date", "date"),
        arithmetic("*", "number", kind), arithmetic("*", kind, "number"), arithmetic("/", kind, "number"), negate(of(kind)), pick(),
      ];
      case "boolean": return [...general, ...booleans(depth, call, instants)];
      default: return general;
    }
  }

  function booleans(depth: number, call: (fn: ScalarFn, arg: Arb, type: Type) => Arb, instants: Arb): Arb[] {
    const of = (inner: Kind): Arb => make(inner, depth);
    const equalOf = (kind: Kind): Arb => fc.tuple(fc.constantFrom<CompareOp>("==", "!="), of(kind), fc.oneof(of(kind), fc.constant(tree.missing))).map(([op, a, b]) => tree.compare(op, a, b));
    const ordered = (kind: Kind): Arb => fc.tuple(fc.constantFrom<CompareOp>("<", "<=", ">", ">=", "==", "!="), of(kind), of(kind)).map(([op, a, b]) => tree.compare(op, a, b));
    const logic = fc.tuple(fc.constantFrom<"and" | "or">("and", "or"), fc.array(of("boolean"), { minLength: 2, maxLength: 3 })).map(([k, parts]) => tree.allOf(k, parts));
    const counted = [...(readable.get("number") ?? []), ...(readable.get("duration") ?? [])].filter(({ k }) => k === "aggregate" || k === "trait");
    const threshold = fc.tuple(fc.constantFrom<CompareOp>("<", "<=", ">", ">="), fc.oneof(of("number"), ...(counted.length === 0 ? [] : [fc.constantFrom(...counted)])), fc.constantFrom(...constants("number")), fc.boolean())
      .map(([op, a, b, turned]) => (turned ? tree.compare(op, b, a) : tree.compare(op, a, b)));
    const within = fc.constantFrom(...SCALARS).chain((kind) => fc.tuple(of(kind), fc.oneof(
      fc.array(of(kind), { maxLength: 3 }), fc.subarray(constants(kind).filter(({ k }) => k === "const")),
    )).map(([value, items]) => tree.node({ k: "in", value, items: items.filter(({ k, type }) => k !== "const" || type.k !== "null") }, BOOLEAN, false)));
    const containing = fc.constantFrom(...SCALARS).chain((kind) => fc.tuple(of(`list ${kind}`), of(kind)).map(([list, value]) => tree.node({ k: "contains", list, value }, BOOLEAN, false)));
    const like = fc.tuple(of("string"), fc.array(fc.constantFrom("*", "?", "a", "b", "A", "€"), { maxLength: 5 })).map(([value, parts]) => tree.node({ k: "like", value, pattern: parts.join("") }, BOOLEAN, false));
    const forms = [
      { arbitrary: logic, weight: 4 },
      { arbitrary: of("boolean").map(tree.not), weight: 2 },
      { arbitrary: threshold, weight: 4 },
      { arbitrary: fc.constantFrom(...ORDERED).chain(ordered), weight: 4 },
      { arbitrary: fc.constantFrom(...SCALARS, ...LISTS, ...records).chain(equalOf), weight: 2 },
      { arbitrary: within, weight: 1 }, { arbitrary: containing, weight: 1 }, { arbitrary: like, weight: 1 },
      { arbitrary: call("weekend", fc.oneof(instants, of("date")), BOOLEAN), weight: 1 },
    ];
    if (site.clock !== "none") {
      const anyOp = fc.constantFrom<CompareOp>("<", "<=", ">", ">=", "==", "!=");
      const clock = fc.tuple(anyOp, of("time"), fc.boolean()).map(([op, at, turned]) => (turned ? tree.compare(op, at, tree.now) : tree.compare(op, tree.now, at)));
      const calendar = fc.constantFrom<[ScalarFn, Type, readonly Value[]]>(
        ["hour", NUMBER, [0, 1, 2, 3, 12, 23]], ["month", NUMBER, [3, 4, 10, 11]], ["day", NUMBER, [1, 29, 31]], ["year", NUMBER, [2024, 2011]],
        ["weekday", WEEKDAY, ["monday", "sunday", "saturday"]], ["date", DATE, DATES],
      ).chain(([fn, type, values]) => fc.tuple(anyOp, fc.constantFrom(...values), fc.boolean()).map(([op, value, asList]) => {
        const asked = tree.node({ k: "call", fn, args: [tree.now] }, type, false);
        if (asList) return tree.node({ k: "in", value: asked, items: [tree.constant(value, type)] }, BOOLEAN, false);
        return tree.compare(type.k === "string" && op !== "==" ? "!=" : op, asked, tree.constant(value, type));
      }));
      forms.push({ arbitrary: clock, weight: 5 }, { arbitrary: calendar, weight: 4 });
    }
    return [fc.oneof(...forms)];
  }

  function listForms(kind: Kind, of: (kind: Kind) => Arb): Arb[] {
    const item = kind.slice(5);
    const forms = [fc.tuple(of(kind), of(kind)).map(([left, right]) => tree.node({ k: "without", left, right }, left.type, left.maybe || right.maybe))];
    if (SCALARS.includes(item)) forms.push(fc.array(of(item), { maxLength: 3 }).map((items) => must(items.length === 0 ? tree.node({ k: "list", items }, listOf(leafType(item), false), false) : tree.list(items))));
    return forms;
  }

  // ---- folds ----

  function itemSite(list: Expr): (kind: Kind, depth: number) => Arb {
    const kind = kindOf(list.type);
    let made = inFold.get(kind);
    if (made === undefined) {
      const item = tree.node({ k: "input", of: "item" }, itemType(list), list.type.k === "list" && list.type.maybe);
      made = expressions({ clock: site.clock === "free" ? "free" : "none", reads: [item, ...site.outside], outside: site.outside });
      inFold.set(kind, made);
    }
    return made;
  }

  function folds(kind: Kind, depth: number): Arb[] {
    if (depth < 1) return [];
    const lists = [...listsOfRecords.map((of) => make(of, 0)), make("list number", depth - 1), make("list string", 0)];
    return [fc.oneof(...lists).chain((list) => {
      const inside = itemSite(list);
      const item = tree.node({ k: "input", of: "item" }, itemType(list), list.type.k === "list" && list.type.maybe);
      const own = kindOf(item.type) === kind;
      const value = own ? fc.oneof(fc.constant(null), inside(kind, 1)) : inside(kind, 1);
      const where = fc.option(inside("boolean", Math.min(depth, 2)), { nil: null });
      const as = (fn: FoldFn, of: Expr | null, cond: Expr | null, type: Type, maybe: boolean): Expr => tree.node({ k: "fold", fn, list, where: cond, value: of }, type, maybe);
      const through = (fns: readonly FoldFn[]): Arb => fc.tuple(fc.constantFrom(...fns), value, where).map(([fn, of, cond]) => as(fn, of, cond, of?.type ?? item.type, fn !== "sum"));
      if (kind === "boolean") return fc.oneof(where.map((cond) => as("any", null, cond, BOOLEAN, false)), through(["first", "last"]));
      if (kind !== "number") return through(kind === "string" ? ["first", "last"] : ["first", "last", "min", "max"]);
      const scalars = fc.constantFrom(...SCALARS).chain((each) => inside(each, 1));
      return fc.oneof(
        where.map((cond) => as("count", null, cond, NUMBER, false)),
        fc.tuple(scalars, where).map(([of, cond]) => as("distinct", of, cond, NUMBER, false)),
        through(["first", "last", "min", "max", "sum", "avg"]),
      );
    })];
  }

  return make;
}

function must(expr: Expr | null): Expr {
  if (expr === null) throw new Error("the operator does not work on these");
  return expr;
}

function leafType(kind: Kind): Type {
  return { number: NUMBER, string: STRING, boolean: BOOLEAN, time: TIME, date: DATE, duration: DURATION }[kind] ?? { k: "null" };
}

function itemType(list: Expr): Type {
  return list.type.k === "list" ? list.type.of : { k: "null" };
}

/** An expression in a few words, for reports of failures. */
export function shown(expr: Expr): string {
  const inside = tree.children(expr).map(shown);
  const [a = "", b = "", c = ""] = inside;
  switch (expr.k) {
    case "const": return JSON.stringify(expr.value);
    case "list": return `[${inside.join(", ")}]`;
    case "record": return `{ ${expr.entries.map(({ name }, i) => `${name}: ${inside[i] ?? ""}`).join(", ")} }`;
    case "input": return expr.of;
    case "timeOf": return `${expr.of}.time`;
    case "local": return `local(${expr.date}, ${expr.ms})`;
    case "field": return `${a}.${expr.name}`;
    case "pluck": return `${a}[].${expr.name}`;
    case "index": return `${a}[${b}]`;
    case "and": case "or": return `(${inside.join(` ${expr.k} `)})`;
    case "compare": case "arithmetic": return `(${a} ${expr.op} ${b})`;
    case "dateShift": return `(${a} ${expr.sign === 1 ? "+" : "-"}d ${b})`;
    case "addMonths": return `(${a} + ${expr.months} months)`;
    case "coalesce": return `(${a} ?? ${b})`;
    case "if": return `(if ${a} then ${b} else ${c})`;
    case "like": return `(${a} like ${JSON.stringify(expr.pattern)})`;
    case "call": return `${expr.fn}(${inside.join(", ")})`;
    case "fold": return `${expr.fn}(${expr.value === null ? "_" : shown(expr.value)} of ${shown(expr.list)}${expr.where === null ? "" : ` where ${shown(expr.where)}`})`;
    case "aggregate": return `x${expr.index}`;
    case "trait": return `t${expr.index}`;
    case "segment": return `s${expr.index}`;
    default: return inside.length === 0 ? expr.k : `${expr.k}(${inside.join(", ")})`;
  }
}
