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
 *
 * Beside these, steps see the events that `wait for … as name` took (`captured`).
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
  /** The event that `wait for … as name` took, as a record of its data; its own time. Null before it came. */
  | { readonly k: "captured"; readonly name: string }
  | { readonly k: "timeOfCaptured"; readonly name: string }
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
  /** The value of an aggregate (index into Program.aggregates). `key`: for which of its values, where it is kept `by` one. */
  | { readonly k: "aggregate"; readonly index: number; readonly key: Expr | null }
  /** Index into Program.traits or Program.segments. */
  | { readonly k: "trait"; readonly index: number }
  | { readonly k: "segment"; readonly index: number }
  /**
   * Of Program.points: the balance, or what of it expires within a time from now. Numbers, never missing.
   * (`stars.earned over D` is an aggregate: see Aggregate.event.)
   */
  | { readonly k: "points"; readonly fn: "balance"; readonly index: number }
  | { readonly k: "points"; readonly fn: "expiring"; readonly index: number; readonly within: Length }
  /**
   * Of Program.tiers. `level` (text) and `rank` (number, 0 is the lowest level) as they were settled last, null below the
   * lowest level; `next`: the level above, null at the highest; `missing`: what the tier's value lacks to it, likewise.
   */
  | { readonly k: "tier"; readonly fn: "level" | "rank" | "next" | "missing"; readonly index: number }
  /** The customer's variant in Program.experiments[index]: text, never missing. */
  | { readonly k: "variant"; readonly index: number }
  /** 0 to 100 by Program.rankings[index]; null outside of its population and before the first announcement. */
  | { readonly k: "percentile"; readonly index: number }
  /** The value of Program.populations[index] over all customers; only in metrics. Null: a mean of nobody. */
  | { readonly k: "population"; readonly index: number }
  /** Figures of an experiment over all customers; only in tests. */
  | { readonly k: "figure"; readonly fn: "exposed" | "value"; readonly index: number; readonly variant: string };

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
  | { readonly k: "period"; readonly unit: "day" | "week" | "month" | "year" }
  /** Since the run started; the event that started it is not in. Such an aggregate is kept with each run. */
  | { readonly k: "run" };

/** A span of time: either in ms or in months of the customer's calendar, the other is 0. */
export interface Length {
  readonly ms: number;
  readonly months: number;
}

export interface Aggregate {
  /** Hash of all that follows except type and maybe: equal keys, equal meaning, one state. */
  readonly key: string;
  readonly fn: AggregateFn;
  /**
   * Name of the event type. Or the name of points: each credit to them is then a row `{ amount }` at its own time, so
   * `stars.earned over D` is the `sum` of `field amount of row` over D.
   */
  readonly event: string;
  /** Path of the list in the event whose items are the rows, or null where the event itself is. */
  readonly items: readonly string[] | null;
  /** Reads `row` (the event) and, with items, `item`. Null: all count. */
  readonly where: Expr | null;
  /** What is summed, compared, kept …; null for count, any, gap and absence. A null value is passed over. */
  readonly value: Expr | null;
  readonly window: Window;
  /** `FIELD == expression of event`: FIELD, read like `value`. The aggregate is kept for each of its values. Otherwise null. */
  readonly by: Expr | null;
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
  /** Indexes into Program.policies: its own first, then those of its groups by name. */
  readonly policies: readonly number[];
}

/** What a channel, or a group of channels, lets through. */
export interface Policy {
  /** Of the channel or the group. */
  readonly name: string;
  /** Consent: all of them must be true. Reads profile, traits, segments, tiers, points, aggregates, now. */
  readonly when: readonly Expr[];
  /** Any of them holds messages. */
  readonly quiet: readonly Quiet[];
  readonly caps: readonly Cap[];
}

export type Quiet =
  /** ms since midnight in the customer's zone, start inclusive, end exclusive; `from` after `to` goes over midnight. */
  | { readonly k: "hours"; readonly from: number; readonly to: number }
  /** Watched: `now` stands in it as in segments. */
  | { readonly k: "condition"; readonly if: Expr };

/** At most `count` within the window: sliding, months or a calendar period. */
export interface Cap {
  readonly count: number;
  readonly window: Window;
}

/** Something that happens. `where` reads `row`, in `until` and `wait for` also `event`, captured events, profile, traits, segments, aggregates, now. */
export type Moment =
  | { readonly k: "event"; readonly event: string; readonly where: Expr | null }
  | { readonly k: "enter"; readonly segment: number }
  | { readonly k: "leave"; readonly segment: number }
  | { readonly k: "up"; readonly tier: number }
  | { readonly k: "down"; readonly tier: number }
  | { readonly k: "change"; readonly watch: number };

/** In the order of their numbers. */
export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

/** `at`: ms since midnight in the customer's zone. */
export type Schedule =
  | { readonly k: "daily"; readonly at: number }
  /** `weekday`: 0 is monday. */
  | { readonly k: "weekly"; readonly weekday: number; readonly at: number }
  /** `day` 1 to 31, at most the month's last. */
  | { readonly k: "monthly"; readonly day: number; readonly at: number }
  /** The day and month of `date` (a date, may be null), from the first year after it; 29 February on the 28th in other years. */
  | { readonly k: "yearly"; readonly date: Expr; readonly at: number };

export interface Rule {
  readonly name: string;
  readonly label: string | null;
  readonly priority: number;
  readonly on: readonly Moment[];
  readonly schedules: readonly Schedule[];
  /** Reads `event`, profile, traits, segments, aggregates, now. Several `when` clauses are joined by `and`. */
  readonly when: Expr | null;
  /** One run per value of it. Reads what `when` does. Null: one run per customer. */
  readonly per: Expr | null;
  readonly restart: boolean;
  readonly caps: readonly Cap[];
  readonly until: readonly (Moment | { readonly k: "condition"; readonly if: Expr })[];
  readonly steps: readonly Step[];
  /** Top-level fields of the starting event that the steps, `until` and `wait for` read; the run keeps only these. */
  readonly keeps: readonly string[];
  /** A rule of an older program, of which only runs that are under way are brought to their end; absent: it is one of this program. */
  readonly retired?: Retired;
}

export interface Retired {
  /** Its name in that program. */
  readonly rule: string;
  /** Hash of that program. */
  readonly from: string;
}

/** `key`: hash of the step with its place among the equal steps of the rule; a waiting run finds its step by it. */
export type Step = { readonly key: string } & (
  | { readonly k: "wait"; readonly for: Expr }
  /** The next `at` (ms since midnight) strictly later than now, on that weekday (0 is monday) where one is given. */
  | { readonly k: "waitClock"; readonly at: number; readonly weekday: number | null }
  /** `until` is a time; null or past: at once. */
  | { readonly k: "waitTime"; readonly until: Expr }
  | {
    readonly k: "waitFor"; readonly moments: readonly Moment[]; readonly within: Length;
    /** The event that came is kept under this name, with the fields in `keeps`. */
    readonly as: string | null; readonly keeps: readonly string[];
    /** Null: no block; the run goes on when it comes and ends when it does not. */
    readonly then: readonly Step[] | null; readonly else: readonly Step[];
  }
  | { readonly k: "if"; readonly if: Expr; readonly then: readonly Step[]; readonly else: readonly Step[] }
  | { readonly k: "send"; readonly channel: number; readonly template: string; readonly payload: Expr | null; readonly urgent: boolean }
  | { readonly k: "emit"; readonly name: string; readonly payload: Expr | null }
  | { readonly k: "set"; readonly path: readonly string[]; readonly value: Expr }
  | { readonly k: "award"; readonly points: number; readonly amount: Expr }
  /** All or nothing. `then` where it was taken, `else` where it was not; the run goes on behind both. */
  | { readonly k: "take"; readonly points: number; readonly amount: Expr; readonly then: readonly Step[]; readonly else: readonly Step[] }
  /** `holdout` ends the run, a variant without a branch goes on. */
  | { readonly k: "split"; readonly experiment: number; readonly branches: readonly { readonly variant: string; readonly steps: readonly Step[] }[] }
  | { readonly k: "stop" }
);

export interface Points {
  readonly name: string;
  /** `amount` and `where` read `row`; `amount` also profile, traits, segments, tiers, points as before the event. */
  readonly earn: readonly { readonly event: string; readonly where: Expr | null; readonly amount: Expr; readonly cap: Cap | null }[];
  readonly expire: Length | null;
}

export interface Tier {
  readonly name: string;
  /** A number; watched. */
  readonly value: Expr;
  /** Lowest first, `at` strictly rising. */
  readonly levels: readonly { readonly name: string; readonly at: number }[];
}

export interface Experiment {
  readonly name: string;
  /** In the author's order; percents sum to 100. */
  readonly arms: readonly { readonly name: string; readonly percent: number }[];
  /** `value` reads `row`; null: goals are only counted. */
  readonly goal: { readonly event: string; readonly where: Expr | null; readonly within: Length; readonly value: Expr | null } | null;
}

/** The arm whose customers get nothing. */
export const HOLDOUT = "holdout";

/** An expression whose value is compared with what it was: `change EXPRESSION`. Reads profile, traits, segments, tiers, points, aggregates, now. */
export interface Watch {
  readonly key: string;
  readonly value: Expr;
}

/**
 * Where customers stand among all for whom `among` holds and `value` is not null. `value` is a number, time or duration
 * as a number; where the author ranks `since(t)` alone it is the negated t, which has the same order and stands still.
 * Otherwise it may change continuously: it is read when an event changes it and at each 00:00 UTC.
 */
export interface Ranking {
  readonly key: string;
  readonly value: Expr;
  readonly among: Expr;
}

/** `customers`: for how many `of` (a condition) holds; `total` and `mean`: of the values (numbers, durations) that are not null. Watched. */
export interface Population {
  readonly key: string;
  readonly fn: "customers" | "total" | "mean";
  readonly of: Expr;
}

export interface Metric {
  readonly name: string;
  /** A number or duration over `population` nodes and constants. */
  readonly value: Expr;
}

/**
 * What is settled after each change, in `Program.order`. A `segment`, `tier` or `percentile` node depends on the segment,
 * tier or ranking that it names; nothing depends on watches and populations.
 */
export interface Settled {
  readonly k: "segment" | "tier" | "watch" | "ranking" | "population";
  readonly index: number;
}

export interface Program {
  /** By name. */
  readonly events: readonly EventType[];
  readonly profile: readonly Field[];
  /** `profile retain D`: a customer without events for so long is erased. */
  readonly retain: Length | null;
  /** By key. */
  readonly aggregates: readonly Aggregate[];
  /** Each depends on earlier ones only (and on segments: see `order`). */
  readonly traits: readonly Trait[];
  /** By name. */
  readonly segments: readonly Segment[];
  /** All segments, tiers, watches, rankings and populations, in an order in which each depends on earlier ones only. */
  readonly order: readonly Settled[];
  /** By name. */
  readonly points: readonly Points[];
  readonly tiers: readonly Tier[];
  readonly experiments: readonly Experiment[];
  /** By key. */
  readonly watches: readonly Watch[];
  readonly rankings: readonly Ranking[];
  readonly populations: readonly Population[];
  /** By name. */
  readonly metrics: readonly Metric[];
  readonly channels: readonly Channel[];
  /** By name. */
  readonly policies: readonly Policy[];
  /** By descending priority, then by name: the order in which they act. */
  readonly rules: readonly Rule[];
  /** Hash of all of the above. */
  readonly hash: string;
}
