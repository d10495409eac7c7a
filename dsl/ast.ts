// The syntax tree: what parse.ts makes of the text, one type for each form of the grammar, told apart by `k`.
//
// Every node has the span of the text it was made of, brackets around an expression included; whatever a
// diagnostic may point at on its own (names, literals, operators) has a span of its own. Parts that may be left
// out are null. Nothing here is resolved: whether a name is an event, a trait or a function is the checker's
// business, and so is every rule about values. Nodes are plain data and JSON shows them whole.

/** A stretch of one file's text: offsets in UTF-16 units, `end` exclusive. */
export interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

interface Node {
  readonly span: Span;
}

/** A word as it was written: a declared name, a reference, a field, a key. */
export interface Name extends Node {
  readonly text: string;
}

/** A word out of a fixed set. */
export interface Word<Text extends string> extends Node {
  readonly text: Text;
}

export type Weekday = "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday" | "sunday";
/** Always the singular, however it was written. */
export type DurationUnit = "second" | "minute" | "hour" | "day" | "week" | "month" | "year";
export type TypeName = "string" | "number" | "boolean" | "time" | "date" | "duration";

// ---- literals ----

export interface NumberLiteral extends Node {
  readonly k: "number";
  readonly value: number;
}
export interface StringLiteral extends Node {
  readonly k: "string";
  readonly value: string;
}
/** `7 days`. */
export interface DurationLiteral extends Node {
  readonly k: "duration";
  readonly count: number;
  readonly unit: DurationUnit;
}
/** `2026-03-02`: a day that exists. */
export interface DateLiteral extends Node {
  readonly k: "date";
  readonly value: string;
}
/** `09:00`, `09:00:30`, `09:00:30.5`: `value` as it was written, `ms` since midnight. */
export interface ClockLiteral extends Node {
  readonly k: "clock";
  readonly value: string;
  readonly ms: number;
}
/** `2026-03-02 10:00` in the customer's zone. */
export interface InstantLiteral extends Node {
  readonly k: "instant";
  readonly date: DateLiteral;
  readonly clock: ClockLiteral;
}
/** The `day` of `this day` or `per day`: a calendar period; `run` only after `this`. */
export interface Period<Text extends string> extends Node {
  readonly k: "period";
  readonly period: Text;
}

// ---- expressions ----

export type Expression =
  | ChooseExpression
  | BinaryExpression
  | NotExpression
  | MinusExpression
  | DotExpression
  | IndexExpression
  | OverExpression
  | ThisExpression
  | WithinExpression
  | NumberLiteral
  | DurationLiteral
  | StringLiteral
  | DateLiteral
  | InstantLiteral
  | TrueLiteral
  | FalseLiteral
  | NullLiteral
  | NameExpression
  | ObjectExpression
  | ListExpression
  | CallExpression
  | NoExpression;

/** `if C then a else b`. */
export interface ChooseExpression extends Node {
  readonly k: "choose";
  readonly if: Expression;
  readonly then: Expression;
  readonly else: Expression;
}
export type BinaryOperator =
  | "or" | "and"
  | "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "contains" | "like"
  | "??" | "+" | "-" | "without" | "*" | "/" | "%";
export interface BinaryExpression extends Node {
  readonly k: "binary";
  readonly left: Expression;
  readonly op: Word<BinaryOperator>;
  readonly right: Expression;
}
export interface NotExpression extends Node {
  readonly k: "not";
  readonly of: Expression;
}
export interface MinusExpression extends Node {
  readonly k: "minus";
  readonly of: Expression;
}
/** `of.field`. */
export interface DotExpression extends Node {
  readonly k: "dot";
  readonly of: Expression;
  readonly field: Name;
}
/** `of[at]`. */
export interface IndexExpression extends Node {
  readonly k: "index";
  readonly of: Expression;
  readonly at: Expression;
}
/** `of over 30 days`. */
export interface OverExpression extends Node {
  readonly k: "over";
  readonly of: Expression;
  readonly window: DurationLiteral;
}
/** `of this month`. */
export interface ThisExpression extends Node {
  readonly k: "this";
  readonly of: Expression;
  readonly period: Period<"day" | "week" | "month" | "year" | "run">;
}
/** `of within 30 days`. */
export interface WithinExpression extends Node {
  readonly k: "within";
  readonly of: Expression;
  readonly window: DurationLiteral;
}
export interface TrueLiteral extends Node {
  readonly k: "true";
}
export interface FalseLiteral extends Node {
  readonly k: "false";
}
export interface NullLiteral extends Node {
  readonly k: "null";
}
export interface NameExpression extends Node {
  readonly k: "name";
  readonly name: Name;
}
/** `{ name: value, … }`. */
export interface ObjectExpression extends Node {
  readonly k: "object";
  readonly entries: readonly Entry[];
}
export interface Entry extends Node {
  readonly k: "entry";
  readonly name: Name;
  readonly value: Expression;
}
export interface ListExpression extends Node {
  readonly k: "list";
  readonly items: readonly Expression[];
}
/** A call of a function, an aggregate, a population figure: the name decides, later. */
export interface CallExpression extends Node {
  readonly k: "call";
  readonly of: Name;
  readonly arguments: readonly Argument[];
}
/** `value of a.b where C among C`. */
export interface Argument extends Node {
  readonly k: "argument";
  readonly value: Expression;
  readonly of: readonly Name[] | null;
  readonly where: Expression | null;
  readonly among: Expression | null;
}
/** `no E where C for 90 days`. */
export interface NoExpression extends Node {
  readonly k: "no";
  readonly on: EventMatch;
  readonly for: DurationLiteral;
}

// ---- types ----

export type TypeExpression = NamedType | RecordType | UnionType | ListType | OptionalType;

export interface NamedType extends Node {
  readonly k: "type";
  readonly name: TypeName;
}
export interface RecordType extends Node {
  readonly k: "record";
  readonly fields: readonly Field[];
}
export interface Field extends Node {
  readonly k: "field";
  readonly name: Name;
  readonly type: TypeExpression;
  /** What the field is called on the wire. */
  readonly from: StringLiteral | null;
  readonly default: Expression | null;
}
export interface UnionType extends Node {
  readonly k: "union";
  readonly of: readonly StringLiteral[];
}
export interface ListType extends Node {
  readonly k: "listof";
  readonly of: TypeExpression;
}
export interface OptionalType extends Node {
  readonly k: "optional";
  readonly of: TypeExpression;
}

// ---- moments ----

/** `E where C`. */
export interface EventMatch extends Node {
  readonly k: "on";
  readonly event: Name;
  readonly where: Expression | null;
}
export type Moment = EventsMoment | EnterMoment | LeaveMoment | UpMoment | DownMoment | ChangeMoment;

/** `E where C, F where D`: at least one. */
export interface EventsMoment extends Node {
  readonly k: "events";
  readonly events: readonly EventMatch[];
}
export interface EnterMoment extends Node {
  readonly k: "enter";
  readonly name: Name;
}
export interface LeaveMoment extends Node {
  readonly k: "leave";
  readonly name: Name;
}
/** `TIER up`. */
export interface UpMoment extends Node {
  readonly k: "up";
  readonly name: Name;
}
export interface DownMoment extends Node {
  readonly k: "down";
  readonly name: Name;
}
/** `change EXPRESSION`. */
export interface ChangeMoment extends Node {
  readonly k: "change";
  readonly of: Expression;
}

// ---- declarations ----

export type Declaration =
  | EventDeclaration
  | ProfileDeclaration
  | TraitDeclaration
  | SegmentDeclaration
  | ChannelDeclaration
  | ChannelsDeclaration
  | PointsDeclaration
  | TierDeclaration
  | ExperimentDeclaration
  | MetricDeclaration
  | RuleDeclaration
  | TestDeclaration;

export interface EventDeclaration extends Node {
  readonly k: "event";
  readonly name: Name;
  readonly from: StringLiteral | null;
  readonly retain: DurationLiteral | null;
  readonly type: RecordType | null;
}
export interface ProfileDeclaration extends Node {
  readonly k: "profile";
  readonly retain: DurationLiteral | null;
  readonly type: RecordType;
}
export interface TraitDeclaration extends Node {
  readonly k: "trait";
  readonly name: Name;
  readonly value: Expression;
}
export interface SegmentDeclaration extends Node {
  readonly k: "segment";
  readonly name: Name;
  readonly label: StringLiteral | null;
  readonly enter: Held;
  readonly leave: Held | null;
}
/** `CONDITION for at least D`. */
export interface Held extends Node {
  readonly k: "held";
  readonly if: Expression;
  readonly for: DurationLiteral | null;
}
export interface ChannelDeclaration extends Node {
  readonly k: "channel";
  readonly name: Name;
  readonly policy: readonly Policy[];
}
export interface ChannelsDeclaration extends Node {
  readonly k: "channels";
  readonly name: Name;
  readonly members: readonly Name[];
  readonly policy: readonly Policy[];
}
export interface PointsDeclaration extends Node {
  readonly k: "points";
  readonly name: Name;
  readonly lines: readonly PointsLine[];
}
export interface TierDeclaration extends Node {
  readonly k: "tier";
  readonly name: Name;
  readonly value: Expression;
  readonly levels: readonly Level[];
}
export interface ExperimentDeclaration extends Node {
  readonly k: "experiment";
  readonly name: Name;
  readonly lines: readonly ExperimentLine[];
}
export interface MetricDeclaration extends Node {
  readonly k: "metric";
  readonly name: Name;
  readonly value: Expression;
}
export interface RuleDeclaration extends Node {
  readonly k: "rule";
  readonly name: Name;
  readonly label: StringLiteral | null;
  readonly clauses: readonly Clause[];
  readonly steps: readonly Step[];
}
export interface TestDeclaration extends Node {
  readonly k: "test";
  readonly name: StringLiteral;
  readonly with: readonly Name[] | null;
  readonly lines: readonly TestLine[];
}

// ---- lines of channels, points, tiers, experiments ----

export type Policy = WhenClause | QuietPolicy | QuietIfPolicy | Cap;

/** `when CONDITION`, of a rule or a channel. */
export interface WhenClause extends Node {
  readonly k: "when";
  readonly if: Expression;
}
/** `quiet 21:00 to 08:00`. */
export interface QuietPolicy extends Node {
  readonly k: "quiet";
  readonly from: ClockLiteral;
  readonly to: ClockLiteral;
}
export interface QuietIfPolicy extends Node {
  readonly k: "quietif";
  readonly if: Expression;
}
/** `at most 3 per 7 days`, `at most 1 per day`. */
export interface Cap extends Node {
  readonly k: "cap";
  readonly count: NumberLiteral;
  readonly per: DurationLiteral | Period<"day" | "week" | "month" | "year">;
}

export type PointsLine = EarnLine | ExpireLine;

export interface EarnLine extends Node {
  readonly k: "earn";
  readonly amount: Expression;
  readonly on: EventMatch;
  readonly cap: Cap | null;
}
export interface ExpireLine extends Node {
  readonly k: "expire";
  readonly after: DurationLiteral;
}
export interface Level extends Node {
  readonly k: "level";
  readonly name: Name;
  readonly at: NumberLiteral;
}

export type ExperimentLine = Arm | Goal;

/** `reviews 45%`. */
export interface Arm extends Node {
  readonly k: "arm";
  readonly name: Name;
  readonly percent: NumberLiteral;
}
export interface Goal extends Node {
  readonly k: "goal";
  readonly on: EventMatch;
  readonly within: DurationLiteral;
  readonly value: Expression | null;
}

// ---- rules ----

export type Clause =
  | StartClause
  | ScheduleClause
  | WhenClause
  | PerClause
  | RepeatClause
  | PriorityClause
  | Cap
  | UntilIfClause
  | UntilOnClause;

/** `on MOMENT`. */
export interface StartClause extends Node {
  readonly k: "start";
  readonly moment: Moment;
}
export interface ScheduleClause extends Node {
  readonly k: "schedule";
  readonly every: Schedule;
}
export interface PerClause extends Node {
  readonly k: "per";
  readonly key: Expression;
}
/** `repeat restart`. */
export interface RepeatClause extends Node {
  readonly k: "repeat";
}
export interface PriorityClause extends Node {
  readonly k: "priority";
  readonly value: NumberLiteral;
}
/** `until CONDITION`; a name alone may turn out to be an event. */
export interface UntilIfClause extends Node {
  readonly k: "untilif";
  readonly if: Expression;
}
/** `until MOMENT`, where it can be nothing else. */
export interface UntilOnClause extends Node {
  readonly k: "untilon";
  readonly moment: Moment;
}

export type Schedule = DailySchedule | WeeklySchedule | MonthlySchedule | YearlySchedule;

export interface DailySchedule extends Node {
  readonly k: "daily";
  readonly at: ClockLiteral;
}
export interface WeeklySchedule extends Node {
  readonly k: "weekly";
  readonly day: Word<Weekday>;
  readonly at: ClockLiteral;
}
export interface MonthlySchedule extends Node {
  readonly k: "monthly";
  readonly day: NumberLiteral;
  readonly at: ClockLiteral;
}
export interface YearlySchedule extends Node {
  readonly k: "yearly";
  readonly date: Expression;
  readonly at: ClockLiteral;
}

export type Step =
  | WaitStep
  | WaitClockStep
  | WaitDayStep
  | WaitTimeStep
  | WaitForStep
  | IfStep
  | SendStep
  | EmitStep
  | SetStep
  | TagStep
  | UntagStep
  | AwardStep
  | TakeStep
  | SplitStep
  | StopStep;

/** `wait DURATION`. */
export interface WaitStep extends Node {
  readonly k: "wait";
  readonly for: Expression;
}
/** `wait until 09:00`. */
export interface WaitClockStep extends Node {
  readonly k: "waitclock";
  readonly at: ClockLiteral;
}
/** `wait until monday 09:00`. */
export interface WaitDayStep extends Node {
  readonly k: "waitday";
  readonly day: Word<Weekday>;
  readonly at: ClockLiteral;
}
/** `wait until TIME`. */
export interface WaitTimeStep extends Node {
  readonly k: "waittime";
  readonly at: Expression;
}
/** `wait for MOMENT up to D as name { … } else { … }`. */
export interface WaitForStep extends Node {
  readonly k: "waitfor";
  readonly moment: Moment;
  readonly within: DurationLiteral;
  readonly as: Name | null;
  readonly fork: Fork | null;
}
export interface Fork extends Node {
  readonly k: "fork";
  readonly then: readonly Step[];
  readonly else: readonly Step[] | null;
}
/** `else if` is an `else` of one step. */
export interface IfStep extends Node {
  readonly k: "if";
  readonly if: Expression;
  readonly then: readonly Step[];
  readonly else: readonly Step[] | null;
}
export interface SendStep extends Node {
  readonly k: "send";
  readonly channel: Name;
  readonly template: StringLiteral;
  readonly payload: ObjectExpression | null;
  readonly urgent: Word<"urgent"> | null;
}
export interface EmitStep extends Node {
  readonly k: "emit";
  readonly name: StringLiteral;
  readonly payload: ObjectExpression | null;
}
/** `set profile.a.b = value`: `target` is [a, b]. */
export interface SetStep extends Node {
  readonly k: "set";
  readonly target: readonly Name[];
  readonly value: Expression;
}
export interface TagStep extends Node {
  readonly k: "tag";
  readonly tag: StringLiteral;
}
export interface UntagStep extends Node {
  readonly k: "untag";
  readonly tag: StringLiteral;
}
export interface AwardStep extends Node {
  readonly k: "award";
  readonly amount: Expression;
  readonly points: Name;
}
export interface TakeStep extends Node {
  readonly k: "take";
  readonly amount: Expression;
  readonly points: Name;
  readonly fork: Fork | null;
}
export interface SplitStep extends Node {
  readonly k: "split";
  readonly experiment: Name;
  readonly branches: readonly Branch[];
}
export interface Branch extends Node {
  readonly k: "branch";
  readonly name: Name;
  readonly steps: readonly Step[];
}
export interface StopStep extends Node {
  readonly k: "stop";
}

// ---- tests ----

export type TestLine = ProfileLine | CustomerLine | VariantLine | AtLine | AfterLine | ExpectLine;

export interface ProfileLine extends Node {
  readonly k: "profile";
  readonly value: ObjectExpression;
}
export interface CustomerLine extends Node {
  readonly k: "customer";
  readonly id: StringLiteral;
}
export interface VariantLine extends Node {
  readonly k: "variant";
  readonly experiment: Name;
  readonly name: StringLiteral;
}
export interface AtLine extends Node {
  readonly k: "at";
  readonly time: InstantLiteral;
  readonly event: Happening | null;
}
export interface AfterLine extends Node {
  readonly k: "after";
  readonly delay: DurationLiteral;
  readonly event: Happening | null;
}
/** An event that a test sends: `order_placed { total: 40 } late by 2 days`. */
export interface Happening extends Node {
  readonly k: "happening";
  readonly event: Name;
  readonly data: ObjectExpression | null;
  readonly late: DurationLiteral | null;
}
export interface ExpectLine extends Node {
  readonly k: "expect";
  readonly what: Expected;
}

export type Expected =
  | ExpectedAction
  | ExpectedTimed
  | ExpectedNothing
  | ExpectedNothingElse
  | ExpectedHeld
  | ExpectedSuppressed
  | ExpectedCondition;

export type ExpectedAction = ExpectedSend | ExpectedEmit;

export interface ExpectedSend extends Node {
  readonly k: "send";
  readonly channel: Name;
  readonly template: StringLiteral;
  readonly payload: ObjectExpression | null;
}
export interface ExpectedEmit extends Node {
  readonly k: "emit";
  readonly name: StringLiteral;
  readonly payload: ObjectExpression | null;
}
/** `expect at TIME send …`. */
export interface ExpectedTimed extends Node {
  readonly k: "timed";
  readonly at: InstantLiteral;
  readonly action: ExpectedAction;
}
export interface ExpectedNothing extends Node {
  readonly k: "nothing";
}
export interface ExpectedNothingElse extends Node {
  readonly k: "nothingelse";
}
/** `expect held CHANNEL "template"`. */
export interface ExpectedHeld extends Node {
  readonly k: "heldmsg";
  readonly channel: Name;
  readonly template: StringLiteral;
}
/** `expect suppressed CHANNEL by REASON`. */
export interface ExpectedSuppressed extends Node {
  readonly k: "suppressed";
  readonly channel: Name;
  readonly reason: Name;
}
export interface ExpectedCondition extends Node {
  readonly k: "holds";
  readonly if: Expression;
}

// ---- what could not be read ----

/** A declaration that a syntax error spoilt. Its name is known to be declared, so that uses of it are no errors. */
export interface BrokenDeclaration extends Node {
  readonly k: "broken";
  readonly kind: Declaration["k"];
  /** Null where the name itself is missing, and for `profile` and `test`. */
  readonly name: Name | null;
}
