// Every finding that Eddy can report, in one table.
//
// A code is never reused and never changes its meaning: people look codes up, silence lints by them and link to
// them. A finding that is no longer made keeps its line here, marked `retired`. Whoever finds something gives
// data (code, message, span, label, notes); render.ts alone makes text of it.
//
//   E00xx syntax   E01xx names   E02xx types and values   E03xx structure   W0xxx lints

import type { Span } from "../ast.js";

export type Severity = "error" | "warning";

interface CodeInfo {
  /** A few words for a list of codes. */
  readonly title: string;
  /** What it means and what to do, for someone who looks the code up. */
  readonly explanation: string;
  readonly retired?: true;
}

const table = {
  // ---- E00xx: syntax ----
  E0001: {
    title: "a character that means nothing",
    explanation: "The text contains a character that no form of the language uses, such as a typographic quote, a letter with an accent outside a string, or a semicolon. Names are made of a-z, 0-9 and _; strings stand in straight double quotes.",
  },
  E0002: {
    title: "a string that does not end",
    explanation: "A string ends with a double quote in the line in which it begins. Write \\n where a line break is wanted, and \\\" for a quote inside a string.",
  },
  E0003: {
    title: "a string with something in it that JSON does not allow",
    explanation: "Strings are JSON's. After a backslash only \" \\ / b f n r t or u with four hexadecimal digits may stand, and control characters must be written with a backslash (\\t for a tab).",
  },
  E0004: {
    title: "a number that is too large",
    explanation: "Numbers are IEEE doubles: whole numbers are exact up to 9007199254740991. A larger one would silently become another number.",
  },
  E0005: {
    title: "a date that does not exist",
    explanation: "Dates are written year-month-day, and the day must be in the calendar: 2026-02-29 is not.",
  },
  E0006: {
    title: "a time of day that does not exist",
    explanation: "Times of day go from 00:00 to 23:59:59.999. Midnight at the end of a day is 00:00 of the next.",
  },
  E0007: {
    title: "something else was expected",
    explanation: "The declaration is right up to the marked word, and cannot go on with it. The message lists what could stand there.",
  },
  E0008: {
    title: "the declaration ends too early",
    explanation: "The file, or the next declaration, begins before this one is complete. Most often a closing bracket is missing.",
  },
  E0009: {
    title: "a keyword where a name is needed",
    explanation: "Words that the language itself uses cannot be names of declarations. Fields may be called by them. The language reference lists them all, under Names.",
  },
  E0010: {
    title: "no declaration begins like this",
    explanation: "At the top of a file only declarations stand: event, profile, trait, segment, channel, channels, points, tier, experiment, metric, rule and test.",
  },
  E0011: {
    title: "nested too deeply",
    explanation: "Brackets, blocks and conditions may be nested 200 deep, and an expression may join 500 parts. Move a part into a trait of its own; instead of many comparisons of one thing write `in [ … ]`.",
  },
  E0012: {
    title: "a declaration that is too long",
    explanation: "One declaration may have 50,000 words, numbers, strings and marks. Split it into several.",
  },
  E0013: {
    title: "a bracket without its partner",
    explanation: "A closing bracket has no opening one before it, or closes one of another kind.",
  },

  // ---- E01xx: names ----
  E0101: {
    title: "a name declared twice",
    explanation: "Events, traits, segments, channels, rules and everything else declared share one namespace: a name stands for one thing. Only an event and the profile may be declared in several places, which adds fields to them; a field and an entry of a record may be given once.",
  },
  E0102: {
    title: "a declared name that the language uses itself",
    explanation: "Functions (count, round, since …) and the events that the language knows (profile_updated …) cannot be declared anew. Fields may be called like functions.",
  },
  E0103: {
    title: "an event that is not declared",
    explanation: "No file of the program declares an event of this name.",
  },
  E0104: {
    title: "a segment that is not declared",
    explanation: "`enter` and `leave` are followed by the name of a segment, and no file of the program declares one of this name.",
  },
  E0105: {
    title: "a channel that is not declared",
    explanation: "Messages are sent through channels, which say who may be reached and when. Declare `channel NAME { when CONDITION }`.",
  },
  E0106: {
    title: "an unknown name",
    explanation: "A bare name in an expression is a field of the event or list item looked at (inside `where` and the brackets of an aggregate), or else a trait, a segment, points or a tier. This one is none of them.",
  },
  E0107: {
    title: "an unknown field",
    explanation: "The record has no field of this name. Fields of events and of the profile are those that are declared, under the names declared.",
  },
  E0108: {
    title: "an unknown function",
    explanation: "There are no functions but those of the language: lower upper trim length round floor ceil abs min max date hour weekday weekend month day year age since, and the aggregates count sum avg min max first last any distinct top gap recent.",
  },
  E0109: {
    title: "a field that cannot be called so",
    explanation: "`.time` is always the event's own time, so no field may be called time; `__proto__` is refused because it means something else in JSON tools. Give the field another name and map it: `placed_at: time from \"time\"`.",
  },
  E0110: {
    title: "declarations that do not agree",
    explanation: "An event or the profile may be declared in several places, and a field may be among them twice, if it has the same type, default and name on the wire each time.",
  },
  E0111: {
    title: "two things with one name on the wire",
    explanation: "What arrives under a name must have one meaning: two events, or two fields of one record, cannot come from the same name.",
  },
  E0112: {
    title: "a name that is no value",
    explanation: "The name is declared, but it stands for an event, a channel, a group of channels, a rule or an experiment, and these have no value. Aggregates make values of events: `any(order_placed)`, `last(order_placed.total)`.",
  },
  E0113: {
    title: "more than a filter may see",
    explanation: "The filter of an aggregate and the `where` of a start are decided for each event alone: they see the event's own fields and constants, but no traits, segments or aggregates, not the profile and not `now`. In rules, put such conditions into `when`.",
  },
  E0114: {
    title: "`event` where there is none",
    explanation: "`event` is the event that started the rule. Traits, segments and channels are not started by one, nor are rules that begin with `enter`, `leave`, `change`, a tier or a schedule. What `change` watches, and the date of a schedule, are the customer's and known before anything starts. Where several events start a rule, only what all of them have is known.",
  },
  E0115: {
    title: "a rule that is not declared",
    explanation: "A test runs the rules of its own file and those that it names after `with`. No file of the program declares a rule of this name.",
  },
  E0116: {
    title: "a tier that is not declared",
    explanation: "`up` and `down` stand behind the name of a tier, and no file of the program declares one of this name.",
  },
  E0117: {
    title: "points that are not declared",
    explanation: "`award` and `take` are followed by the name of points, and no file of the program declares any of this name.",
  },
  E0118: {
    title: "an experiment that is not declared",
    explanation: "`split` and `variant(…)` take the name of an experiment, and no file of the program declares one of this name.",
  },
  E0119: {
    title: "a variant that the experiment does not have",
    explanation: "The variants of an experiment are those that its declaration gives a share, `holdout` among them if it is there.",
  },
  E0120: {
    title: "a name for what is no event",
    explanation: "`as name` gives a name to the event that came. A membership, a tier or a value that changes is no event and has no fields.",
  },

  // ---- E02xx: types and values ----
  E0201: {
    title: "values of different types compared",
    explanation: "There is no conversion from one type to another: a string is never equal to a number, nor a date to an instant (`date(t)` gives the day of an instant).",
  },
  E0202: {
    title: "an operator on values that it does not work on",
    explanation: "Numbers can be added, subtracted, multiplied and divided; durations added, subtracted, multiplied and divided by numbers; instants and dates moved by durations and subtracted from each other; strings joined with +.",
  },
  E0203: {
    title: "a condition that is not true or false",
    explanation: "Conditions, and what stands beside and, or and not, must be booleans. Nothing else counts as true.",
  },
  E0204: {
    title: "a text that this value never is",
    explanation: "The type lists all texts that the value can be, and this is none of them.",
  },
  E0205: {
    title: "a value of the wrong type",
    explanation: "Another type is wanted in this place.",
  },
  E0206: {
    title: "a call that is written differently",
    explanation: "The function or aggregate takes other arguments.",
  },
  E0207: {
    title: "months and years where a length is needed",
    explanation: "Months and years have no fixed length. They may stand in windows, after `for` and in `wait`, be added to an instant or a date (`t + 6 months`), and be compared with the time since an instant (`since(t) >= 6 months`).",
  },
  E0208: {
    title: "a duration that cannot stand here",
    explanation: "Durations are whole milliseconds or whole months and at most 1,000 years; windows and the like are longer than nothing.",
  },
  E0209: {
    title: "values that have no type in common",
    explanation: "Both sides of `??`, both branches of a conditional value and the items of a list must have one type.",
  },
  E0210: {
    title: "a default that does not fit",
    explanation: "A default is a literal of the field's type. Instants cannot be defaults, since a time of day is another instant in every zone.",
  },
  E0211: {
    title: "a profile field that may be missing without saying so",
    explanation: "About a customer just seen nothing is known. So each field of the profile either may be missing (`city: string?`) or has a default (`tags: string[] = []`).",
  },
  E0212: {
    title: "`in` without a list literal",
    explanation: "`x in [\"a\", \"b\"]` takes a list that is written out; a list that is a value is asked the other way round: `list contains x`.",
  },
  E0213: {
    title: "a pattern that is not a literal",
    explanation: "The pattern behind `like` is a string that is written out, in which * stands for any run of characters and ? for one.",
  },
  E0214: {
    title: "a part of something that has none",
    explanation: "Only records have fields, and only lists have places.",
  },
  E0215: {
    title: "a number that cannot stand here",
    explanation: "The place takes whole numbers within bounds.",
  },
  E0216: {
    title: "a condition whose next change cannot be computed",
    explanation: "Conditions that are watched must be able to say when they will change by time alone. So `now` and `since` may stand in them only in comparisons that can be solved for now (`since(t) > 6 months`, `profile.club_until > now`), or inside date hour weekday weekend month day year.",
  },
  E0217: {
    title: "an aggregate that says too little",
    explanation: "count, any and gap need an event; sum, avg, min, max, distinct, top and recent also need to know which of its fields: `sum(order_placed.total)`. first and last give a field of the event: `first(order_placed).time`.",
  },
  E0218: {
    title: "a window where there is no aggregate",
    explanation: "`over D` and `this PERIOD` stand behind an aggregate over an event: `count(order_placed) over 30 days`. Lists, traits and other values have no window; give the trait a window where it is declared.",
  },
  E0219: {
    title: "a reason that messages are not suppressed for",
    explanation: "A message that is not sent was suppressed by `consent` (the channel's `when` is false), by a `cap`, or because its run `ended` while it was held.",
  },
  E0220: {
    title: "counted further back than the event is kept",
    explanation: "`event x retain D` says how far back x may be counted. A window over it may not be longer, whatever the calendar; without a window, D is the window.",
  },
  E0221: {
    title: "a figure of points that does not say for which time",
    explanation: "`stars` is the balance, `stars.earned over D` what was earned, and `stars.expiring within D` what of the balance expires within D: a time must be given.",
  },
  E0222: {
    title: "what is not a level compared by rank",
    explanation: "`<` and `>` compare the levels of a tier by their order in it. Only levels of the same tier have one; `==` and `!=` compare any texts.",
  },
  E0223: {
    title: "a filter that is about the run in another way",
    explanation: "In a rule one part of an aggregate's filter may be `FIELD == expression of event`: the aggregate is then kept for each value of that field, and the run asks for one of them. Nothing but `==` can do that, and only for one field.",
  },
  E0224: {
    title: "`this run` where there is none",
    explanation: "`this run` counts from the start of the run on. So it stands in the steps of a rule, in `until` and in `wait for`, and neither where nothing has started yet (`when`, `per`) nor outside of rules.",
  },
  E0225: {
    title: "an aggregate through two lists",
    explanation: "The rows of an aggregate are events, or the items of one list in them. Items within items are looked at with a word over a list: `sum(sum(parts.price) of order_placed.items)`.",
  },

  // ---- E03xx: structure ----
  E0301: {
    title: "a cycle",
    explanation: "Traits, segments and tiers may not depend on each other in a circle: none of them could be computed first.",
  },
  E0302: {
    title: "a form that was not supported yet",
    explanation: "Earlier versions could not run every form of the language, and said so.",
    retired: true,
  },
  E0303: {
    title: "a rule that never starts",
    explanation: "A rule needs at least one `on`: an event, `enter SEGMENT`, `leave SEGMENT`, `TIER up`, `TIER down`, `change EXPRESSION`, or a schedule such as `every day at 09:00`.",
  },
  E0304: {
    title: "a clause given twice",
    explanation: "`priority`, `per` and `repeat restart` may be given once in a rule, and in a test `profile` once for each customer.",
  },
  E0305: {
    title: "a value that grows too large",
    explanation: "A trait that changes continuously is put in place wherever it is used. Through several of them the expression has become too large.",
  },
  E0306: {
    title: "an empty text where a name is needed",
    explanation: "Templates, emitted actions and names on the wire have at least one character: they are parts of subjects and files.",
  },
  E0307: {
    title: "a field that cannot be set",
    explanation: "`set` writes a field of the profile, or a field of a record in it.",
  },
  E0308: {
    title: "a test that does not say when",
    explanation: "A test begins with `at TIME`, which sets its clock; `after D` counts from the step before. Expectations look at what happened in the step before them.",
  },
  E0309: {
    title: "a profile that comes too late",
    explanation: "`profile { … }` says what is known of a customer before their first event. What changes later comes as an event: `profile_updated { … }`.",
  },
  E0310: {
    title: "quiet hours that are none",
    explanation: "`quiet 21:00 to 08:00` begins at the one time of day and ends before the other. Two equal times leave nothing between them.",
  },
  E0311: {
    title: "something of one customer in a metric",
    explanation: "A metric is a figure of all customers together. Traits, segments and whatever else one customer has stand in it inside `customers(…)`, `total(…)` and `mean(…)` only.",
  },
  E0312: {
    title: "shares that do not make a hundred",
    explanation: "Each customer is in exactly one variant of an experiment, so the shares of all variants, `holdout` included, make 100 %.",
  },
  E0313: {
    title: "levels that do not rise",
    explanation: "The levels of a tier stand from the lowest to the highest, and each begins above the one before it.",
  },
  E0314: {
    title: "a ranking made of another ranking",
    explanation: "Where customers stand among all is announced once a day, for all rankings at once. So `percentile` and `quintile` may not look at others, nor at traits, segments or tiers that use one.",
  },
  E0315: {
    title: "a figure of all customers where there is one",
    explanation: "`customers`, `total` and `mean` stand in metrics. Metrics by their names, `exposed` and `value` stand in tests. Rules, traits and segments look at one customer.",
  },
  E0320: {
    title: "a value that never stands still, watched for change",
    explanation: "`change` tells the moment at which a value becomes another one. `since(t)` and what is calculated from it becomes another one all the time. Watch a comparison (`change since(t) > 7 days`) or whole days (`change date(now) - date(t)`).",
  },
  E0321: {
    title: "a branch for the holdout",
    explanation: "The holdout is there to be compared with: its customers get nothing, and a run of theirs ends at `split`.",
  },

  // ---- W0xxx: lints ----
  W0001: {
    title: "a trait that nothing uses",
    explanation: "No segment, rule, channel, metric, test or other trait uses it.",
  },
  W0002: {
    title: "an event that nothing uses",
    explanation: "No rule starts or ends with it, and no aggregate looks at it: it is read and passed over.",
  },
  W0003: {
    title: "a channel that nothing uses",
    explanation: "No rule sends a message through it.",
  },
  W0004: {
    title: "a condition that is always true",
    explanation: "It does not depend on anything.",
  },
  W0005: {
    title: "a condition that is never true",
    explanation: "It does not depend on anything, or asks for what cannot be.",
  },
  W0006: {
    title: "a step that is never reached",
    explanation: "Every way to it has stopped before.",
  },
  W0007: {
    title: "a channel without a condition",
    explanation: "Who may be reached is a matter of consent: `when profile.consent.email`. Write `when true` where everyone may be.",
  },
  W0008: {
    title: "a segment that nobody can enter",
    explanation: "Its condition is never true, or ends the membership in the moment in which it would begin.",
  },
  W0009: {
    title: "a segment that nobody can leave",
    explanation: "Its condition is always true, or what ends the membership is never true.",
  },
  W0010: {
    title: "a name that hides another",
    explanation: "Inside `where` and the brackets of an aggregate a bare name is a field first. A trait or segment is called the same; it is not meant here.",
  },
  W0011: {
    title: "a value that is never missing",
    explanation: "It is asked whether a value is missing that always has one: what stands behind `??` is never used.",
  },
  W0012: {
    title: "a rule without steps",
    explanation: "It starts and ends, and nothing happens.",
  },
  W0013: {
    title: "a test that expects nothing of anyone",
    explanation: "Without an `expect` a test cannot fail. Where nothing is to happen, write `expect nothing`.",
  },
  W0014: {
    title: "an expected action that no rule of the test takes",
    explanation: "None of the rules that the test runs sends this template through this channel, or emits this name, so the expectation cannot be met. A test runs the rules of its own file, and those named after `with`.",
  },
  W0015: {
    title: "one day where a calendar day was probably meant",
    explanation: "`at most 1 per 1 day` counts what happened in the 24 hours before, whatever the clock says; `at most 1 per day` counts what happened on this day of the customer's calendar. The same holds for weeks and months. Where the hours are meant, write `24 hours` or `7 days`.",
  },
  W0016: {
    title: "silence of those who never spoke",
    explanation: "`no E for D` counts from the last E or, where there was none, from when the customer was first seen. So it also holds for customers who never did E. Where only those who stopped are meant, say that there was one: `any(E) and no E for D`. Any other word about what the customer did is taken as a sign that both are meant.",
  },
  W0017: {
    title: "a wait for what ends the run",
    explanation: "What `until` names ends the run before any wait of the same run can take it. So this `wait for` is never met by it: the run ends instead. Wait for something else, or let `until` end the run in fewer cases, with `where`. Where the run is to go on after the wait, leave the `until` away and write `stop` in the block of the wait.",
  },
  W0018: {
    title: "a percentile compared with a part of one",
    explanation: "`percentile` gives 0 to 100: the upper tenth is `percentile(…) >= 90`, and not 0.9.",
  },
  W0019: {
    title: "a text with the name of a field in braces",
    explanation: "Texts are sent as they are: nothing is put in place of `{profile.first_name}` within quotes. Give the payload a field with the value, `name: profile.first_name`, and let the template show it; or join texts with `+`.",
  },
} as const satisfies Record<string, CodeInfo>;

export type DiagnosticCode = keyof typeof table;

/** Those that may still be found; each has an example in examples.ts. */
export type ReportedCode = {
  [Code in DiagnosticCode]: (typeof table)[Code] extends { readonly retired: true } ? never : Code;
}[DiagnosticCode];

/** All codes with their meaning, by code. */
export const codes: Readonly<Record<DiagnosticCode, CodeInfo>> = table;

/** One finding. `code` decides the severity: `E…` are errors, `W…` warnings. */
export interface Diagnostic {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  /** One sentence in the author's words, without a full stop: `there is no event "order_place"`. */
  readonly message: string;
  readonly span: Span;
  /** Stands behind the carets: `did you mean "order_placed"?`. */
  readonly label?: string;
  /** Whole sentences below the source line. */
  readonly notes?: readonly string[];
}

export const severityOf = (code: DiagnosticCode): Severity => (code.startsWith("W") ? "warning" : "error");

/** Makes a finding; label and notes only where there are any. */
export function diagnostic(
  code: DiagnosticCode,
  span: Span,
  message: string,
  more: { readonly label?: string | undefined; readonly notes?: readonly string[] | undefined } = {},
): Diagnostic {
  return {
    code,
    severity: severityOf(code),
    message,
    span,
    ...(more.label === undefined ? {} : { label: more.label }),
    ...(more.notes === undefined || more.notes.length === 0 ? {} : { notes: more.notes }),
  };
}
