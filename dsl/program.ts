/**
 * The checked, canonical form of a program: all that the engine sees.
 *
 * The checker makes it from the syntax trees. Everything is resolved: names point to what they mean, types are known,
 * equal aggregates stand once, traits are in an order in which each depends on earlier ones only. Trees are plain data
 * without spans, so that equal expressions have equal JSON; keys are hashes of that JSON
 * (fast-json-stable-stringify), which is how state finds its way from one program to the next.
 *
 * Values at run time: `string`, `number` (finite), `boolean`, `time` (ms since 1970 UTC), `date` (days since
 * 1970-01-01), `duration` (ms), records (plain objects), lists (arrays), and null for what is missing.
 */

// ---------------------------------------------------------------------------------------------------- types

export type Type =
  | { readonly k: "string"; readonly of?: readonly string[] } // `of`: a union of these texts
  | { readonly k: "number" }
  | { readonly k: "boolean" }
  | { readonly k: "time" }
  | { readonly k: "date" }
  | { readonly k: "duration" }
  | { readonly k: "list"; readonly of: Type; readonly maybe: boolean } // maybe: an item may be null
  | { readonly k: "record"; readonly fields: readonly Field[] }
  | { readonly k: "null" };

export interface Field {
  readonly name: string;
  /** The name on the wire, where it differs (`from "orderId"`), else the same. */
  readonly wire: string;
  readonly type: Type;
  /** `T?`: may be missing. False for fields with a default. */
  readonly maybe: boolean;
  /** The value of a field that is not there; undefined: none. */
  readonly default?: Value;
}

export type Value = null | boolean | number | string | readonly Value[] | { readonly [name: string]: Value };

// ---------------------------------------------------------------------------------------------------- expressions

/**
 * What an expression may read:
 * - `row`: the event looked at by an aggregate, a moment's `where` (data fields; its time is `timeOf`)
 * - `item`: the list item looked at (innermost fold or aggregate over items)
 * - `event`: the event that started the rule's run
 * - `profile`: the customer's profile
 */
export type Input = "row" | "item" | "event" | "profile";

export type CompareOp = "==" | "!=" | "<" | "<=" | ">" | ">=";
export type ArithmeticOp = "+" | "-" | "*" | "/" | "%";

/** Functions over the items of a list, at once and without state. */
export type FoldFn = "count" | "sum" | "avg" | "min" | "max" | "first" | "last" | "any" | "distinct";

export type ScalarFn =
  | "lower" | "upper" | "trim" | "length" // strings; length also of lists
  | "round" | "floor" | "ceil" | "abs" // one number
  | "least" | "greatest" // min(a, b, …) and max(a, b, …) of two or more scalars; null if any is null
  // in the customer's zone; the argument is a time (or a date, where that makes sense)
  | "date" | "hour" | "weekday" | "weekend" | "month" | "day" | "year"
  | "age"; // of a date: the greatest n with date + n years <= today

/**
 * Every node has its type and whether its value may be null (`maybe`).
 *
 * The clock: in conditions that are watched (segments, `until`, channels) and wherever a trait compares, `now` stands
 * only as one whole side of a `compare` whose other side is free of it (`since(t) >= D` has become `t + D <= now`),
 * or as the argument of `date hour weekday weekend month day year`; `age` reads it too. The `where` and `value` of folds
 * are free of all these there. A trait that changes continuously (`since(t)`) has `now` outside of these, and is never referred to: its tree
 * stands where its name stood.
 */
export type Expr = ExprNode & { readonly type: Type; readonly maybe: boolean };

export type ExprNode =
  | { readonly k: "const"; readonly value: Value }
  | { readonly k: "list"; readonly items: readonly Expr[] }
  | { readonly k: "record"; readonly entries: readonly { readonly name: string; readonly value: Expr }[] }
  | { readonly k: "input"; readonly of: Input }
  /** The event's own time. */
  | { readonly k: "timeOf"; readonly of: "row" | "event" }
  | { readonly k: "now" }
  /** An instant written in the program, on the customer's wall clock: days since 1970-01-01 and ms since midnight. */
  | { readonly k: "local"; readonly date: number; readonly ms: number }
  /** A field of a record; null of null. */
  | { readonly k: "field"; readonly of: Expr; readonly name: string }
  /** A field of every item of a list of records: a list again; lists in it are flattened by one level. */
  | { readonly k: "pluck"; readonly of: Expr; readonly name: string }
  /** Counts from 0; null outside or where the place is not a whole number. */
  | { readonly k: "index"; readonly of: Expr; readonly at: Expr }
  | { readonly k: "not"; readonly of: Expr }
  | { readonly k: "negate"; readonly of: Expr }
  | { readonly k: "and"; readonly of: readonly Expr[] } // flattened, in the author's order
  | { readonly k: "or"; readonly of: readonly Expr[] }
  /** `==` and `!=` on any two values of one type (records and lists deeply), the others on number, string, time, date, duration. */
  | { readonly k: "compare"; readonly op: CompareOp; readonly left: Expr; readonly right: Expr }
  /** Numbers, and times and durations (which are numbers at run time). null with null; division by zero is null. */
  | { readonly k: "arithmetic"; readonly op: ArithmeticOp; readonly left: Expr; readonly right: Expr }
  /** `date ± duration`: the date of (its midnight ± the duration). `date - date` is `arithmetic` times a day. */
  | { readonly k: "dateShift"; readonly date: Expr; readonly by: Expr; readonly sign: 1 | -1 }
  /** `date - date`: a duration. */
  | { readonly k: "dateDifference"; readonly left: Expr; readonly right: Expr }
  /** `time ± n months` or `date ± n months` in the customer's zone (years are 12 months). */
  | { readonly k: "addMonths"; readonly of: Expr; readonly months: number }
  /** Text joined to text. */
  | { readonly k: "concat"; readonly left: Expr; readonly right: Expr }
  | { readonly k: "in"; readonly value: Expr; readonly items: readonly Expr[] }
  | { readonly k: "contains"; readonly list: Expr; readonly value: Expr }
  /** `*` any run of characters, `?` one character; the pattern is a literal. Linear time. */
  | { readonly k: "like"; readonly value: Expr; readonly pattern: string }
  | { readonly k: "without"; readonly left: Expr; readonly right: Expr }
  | { readonly k: "coalesce"; readonly left: Expr; readonly right: Expr }
  | { readonly k: "if"; readonly if: Expr; readonly then: Expr; readonly else: Expr }
  | { readonly k: "call"; readonly fn: ScalarFn; readonly args: readonly Expr[] }
  /** `where` and `value` read each item as `item`; without `value`, the item itself. */
  | { readonly k: "fold"; readonly fn: FoldFn; readonly list: Expr; readonly where: Expr | null; readonly value: Expr | null }
  /** The value of an aggregate (index into Program.aggregates). */
  | { readonly k: "aggregate"; readonly index: number }
  /** Index into Program.traits or Program.segments. */
  | { readonly k: "trait"; readonly index: number }
  | { readonly k: "segment"; readonly index: number };

// ---------------------------------------------------------------------------------------------------- aggregates

/**
 * `absence` is `no E [where …] for D`; its window is D. `first` and `last` without a value give the event's data record
 * with `time` beside its fields only through `field` and `timeOf`-like access: the checker asks for just what is used,
 * i.e. `first(E).time` has value `timeOf row`, `last(E).items` has value `field items of row`.
 */
export type AggregateFn =
  | "count" | "sum" | "avg" | "min" | "max" | "first" | "last" | "any" | "distinct" | "absence"
  | "top" | "gap" | "recent";

export type Window =
  | { readonly k: "life" }
  | { readonly k: "sliding"; readonly ms: number }
  | { readonly k: "months"; readonly months: number }
  | { readonly k: "period"; readonly unit: "day" | "week" | "month" | "year" };

export interface Aggregate {
  /** Hash of all that follows except type and maybe: equal keys, equal meaning, one state. */
  readonly key: string;
  readonly fn: AggregateFn;
  /** Name of the event type. */
  readonly event: string;
  /** Path of the list in the event whose items are the rows, or null where the event itself is. */
  readonly items: readonly string[] | null;
  /** Reads `row` (the event) and, with items, `item`. Null: all count. */
  readonly where: Expr | null;
  /** What is summed, compared, kept …; null for count, any, gap and absence. A null value is passed over. */
  readonly value: Expr | null;
  readonly window: Window;
  /** `recent(x, n)`: n; otherwise null. */
  readonly limit: number | null;
  readonly type: Type;
  readonly maybe: boolean;
}

// ---------------------------------------------------------------------------------------------------- declarations

export interface EventType {
  readonly name: string;
  /** The type on the wire, where it differs (`from "Order Completed"`), else the same. */
  readonly wire: string;
  readonly fields: readonly Field[];
}

export interface Trait {
  readonly name: string;
  readonly value: Expr;
}

export interface Held {
  readonly if: Expr;
  /** `for at least`: ms, 0 without. */
  readonly forMs: number;
  /** `for at least` in months; 0 without. */
  readonly forMonths: number;
}

export interface Segment {
  readonly name: string;
  readonly label: string | null;
  readonly enter: Held;
  /** Null: holds exactly while `enter` does. */
  readonly leave: Held | null;
}

export interface Channel {
  readonly name: string;
  /** All of them must be true for a message to pass. Reads profile, traits, segments, aggregates, now. */
  readonly when: readonly Expr[];
}

/** Something that happens. `where` reads `row`, in `until` also `event`, profile, traits, segments, aggregates, now. */
export type Moment =
  | { readonly k: "event"; readonly event: string; readonly where: Expr | null }
  | { readonly k: "enter"; readonly segment: number }
  | { readonly k: "leave"; readonly segment: number };

export interface Cap {
  readonly count: number;
  readonly ms: number;
}

export interface Rule {
  readonly name: string;
  readonly label: string | null;
  readonly priority: number;
  readonly on: readonly Moment[];
  /** Reads `event`, profile, traits, segments, aggregates, now. Several `when` clauses are joined by `and`. */
  readonly when: Expr | null;
  readonly restart: boolean;
  readonly caps: readonly Cap[];
  readonly until: readonly (Moment | { readonly k: "condition"; readonly if: Expr })[];
  readonly steps: readonly Step[];
  /** Top-level fields of the starting event that the steps and `until` read; the run keeps only these. */
  readonly keeps: readonly string[];
}

/** `key`: hash of the step with its place among the equal steps of the rule; a waiting run finds its step by it. */
export type Step = { readonly key: string } & (
  | { readonly k: "wait"; readonly for: Expr }
  | { readonly k: "if"; readonly if: Expr; readonly then: readonly Step[]; readonly else: readonly Step[] }
  | { readonly k: "send"; readonly channel: number; readonly template: string; readonly payload: Expr | null; readonly urgent: boolean }
  | { readonly k: "emit"; readonly name: string; readonly payload: Expr | null }
  | { readonly k: "set"; readonly path: readonly string[]; readonly value: Expr }
  | { readonly k: "stop" }
);

export interface Program {
  /** By name. */
  readonly events: readonly EventType[];
  readonly profile: readonly Field[];
  /** By key. */
  readonly aggregates: readonly Aggregate[];
  /** Each depends on earlier ones only (and on segments: see `order`). */
  readonly traits: readonly Trait[];
  /** By name. */
  readonly segments: readonly Segment[];
  /** Segment indexes in an order in which each depends on earlier ones only. */
  readonly order: readonly number[];
  /** By name. */
  readonly channels: readonly Channel[];
  /** By descending priority, then by name: the order in which they act. */
  readonly rules: readonly Rule[];
  /** Hash of all of the above. */
  readonly hash: string;
}
