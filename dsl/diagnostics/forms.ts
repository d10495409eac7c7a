// How the forms of declarations, clauses, steps and lines are written, for those who wrote them nearly so.

import { lineAt } from "./lines.js";
import { type Hint, type Nearby, isNumber, isString, isWord } from "./stumble.js";
import { nearest } from "./suggest.js";

interface Form {
  readonly is: (near: Nearby) => boolean;
  readonly say: (near: Nearby) => string;
}

const form = (is: Form["is"], say: string | Form["say"]): Form => ({ is, say: typeof say === "string" ? () => say : say });
const oneOf = (text: string, ...words: readonly string[]): boolean => words.includes(text.toLowerCase());

const WEEKDAYS = ["day", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "month", "year"];
const STEPS = ["wait", "if", "send", "emit", "set", "tag", "untag", "award", "take", "split", "stop", "}"];

const WEEKDAY = /^(mon|tues|wednes|thurs|fri|satur|sun)day$/;
const COMPARED = ["==", "!=", "<", "<=", ">", ">="];
const NUMBER_WORDS: Readonly<Record<string, string>> = { a: "1", an: "1", one: "1", two: "2", three: "3", four: "4", five: "5", six: "6", seven: "7", ten: "10" };
const digits = (word: string): string | undefined => (Object.hasOwn(NUMBER_WORDS, word) ? NUMBER_WORDS[word] : undefined);
const UNIT = /^(second|minute|hour|day|week|month|year)s?$/;

/** Whether the same line began with `expect`. */
function expects({ tokens, at, cut, lines, token, before }: Nearby): boolean {
  const line = lineAt(lines(), (token ?? before(1))?.span.start ?? 0);
  for (let i = at - 1; i > cut.start; i--) {
    const earlier = tokens[i];
    if (earlier === undefined || lineAt(lines(), earlier.span.start) !== line) return false;
    if (earlier.text === "expect") return true;
  }
  return false;
}

const FORMS: readonly Form[] = [
  // channels
  form(({ before, token }) => before(1)?.text === "quiet" && isNumber(token), "times of day have two digits each: `quiet 21:00 to 08:00`"),
  form(({ before, text }) => before(1)?.text === "quiet" && oneOf(text, "from", "between", "hours", "after", "at"), "write `quiet 21:00 to 08:00`"),
  form(({ before, could, text }) => before(2)?.text === "quiet" && could("to") && text !== "", "write `quiet 21:00 to 08:00`"),
  form(({ kind, at, cut, could }) => kind === "channels" && at === cut.start + 2 && could("="), "write `channels marketing = email, sms { … }`"),
  // caps
  form(({ before, text, could }) => could("per") && isNumber(before(1)) && before(2)?.text === "most" && oneOf(text, "a", "an", "each", "every", "in"), "write `per`"),
  form(({ before, text }) => before(1)?.text === "per" && oneOf(text, "customer", "user", "person"), "caps count for each customer anyway: write the time, `per day`"),
  form(({ text, could, after }) => could("priority") && oneOf(text, "max", "limit", "cap", "maximum") && isNumber(after(1)), "write `at most`"),
  // points, tiers, experiments
  form(({ kind, text, could }) => kind === "points" && text === "for" && could("on"), "write `earn 10 on order_placed`"),
  form(({ kind, text, could }) => kind === "points" && oneOf(text, "in", "within") && could("after"), "write `expire after 12 months`"),
  form(({ kind, could, before, text }) => kind === "tier" && could("at") && text !== "", ({ before: back }) => `levels are written \`${back(1)?.text ?? "gold"} at 500\``),
  form(({ kind, before, text }) => kind === "experiment" && before(1)?.text === "%" && text === ",", "no comma: variants stand one after the other, `a 50% b 50%`"),
  form(({ kind, could, before }) => kind === "experiment" && could("%") && isNumber(before(1)), ({ before }) => `shares are per cent: \`${before(1)?.text ?? ""}%\``),
  form(({ kind, could, text }) => kind === "experiment" && could("within") && oneOf(text, "in", "for", "after"), "write `within 7 days`"),
  form(({ kind, before }) => kind === "rule" && oneOf(before(2)?.text ?? "", "award", "take") && isNumber(before(1)), ({ before }) => `say which points: \`${before(2)?.text ?? ""} ${before(1)?.text ?? ""} stars\``),
  // schedules
  form(({ before, text }) => before(1)?.text === "every" && oneOf(text, "weekday", "weekdays", "workday", "workdays", "working"), "write `on every day at 09:00`, and `when not weekend(now)`"),
  form(({ before, text }) => before(1)?.text === "every" && oneOf(text, "weekend", "weekends"), "write `on every day at 09:00`, and `when weekend(now)`"),
  form(({ before, token, text, after }) => before(1)?.text === "every" && (isNumber(token) || oneOf(text, "other", "second")) && /^weeks?$/.test(after(1)?.text ?? ""), "write `on every monday at 09:00`, and `when (date(now) - 2026-03-02) / 1 week % 2 == 0`"),
  form(({ before, token, text, after }) => before(1)?.text === "every" && (isNumber(token) || oneOf(text, "other", "second")) && /^days?$/.test(after(1)?.text ?? ""), "write `on every day at 09:00`, and `when (date(now) - 2026-03-02) / 1 day % 2 == 0`"),
  form(({ before, token, after }) => before(1)?.text === "every" && isNumber(token) && /^months?$/.test(after(1)?.text ?? ""), "write `on every month on 1 at 09:00`, and a `when` with `month(now)`"),
  form(({ before, token, text, after, could }) => before(1)?.text === "every" && could("monday") && (oneOf(text, "hour", "minute", "second") || (isNumber(token) && /^(hour|minute|second)s?$/.test(after(1)?.text ?? ""))), "the shortest schedule is daily: write one `on every day at 09:00` for each time of day"),
  form(({ before, text, could }) => before(1)?.text === "every" && could("monday") && text === "week", "say on which day: `on every monday at 09:00`"),
  form(({ before, text }) => before(2)?.text === "every" && WEEKDAY.test(before(1)?.text ?? "") && oneOf(text, "and", "or", ","), ({ before, after }) => `write a clause for each: \`on every ${before(1)?.text ?? ""} at 09:00 on every ${WEEKDAY.test(after(1)?.text ?? "") ? after(1)?.text ?? "" : "friday"} at 09:00\``),
  form(({ before, text }) => before(1)?.text === "on" && before(2)?.text === "month" && oneOf(text, "last", "the", "first", "day"), ({ text, after }) => `write the number of the day: \`on ${text === "first" || after(1)?.text === "first" ? "1" : "31"} at 09:00\`${text === "first" || after(1)?.text === "first" ? "" : "; in a shorter month that is its last day"}`),
  form(({ before, text }) => before(2)?.text === "on" && before(3)?.text === "month" && isNumber(before(1)) && oneOf(text, "st", "nd", "rd", "th"), ({ before }) => `write \`on ${before(1)?.text ?? ""}\``),
  form(({ before, token, could }) => before(1)?.text === "priority" && !isNumber(token) && !could("send"), "priorities are numbers, and the highest goes first: `priority 10`"),
  // rules
  form(({ before, text }) => before(2)?.text === "on" && COMPARED.includes(text), ({ before, text }) => `write \`on change ${before(1)?.text ?? ""}\`, and \`when ${before(1)?.text ?? ""} ${text} …\``),
  form(({ before, text, after }) => oneOf(before(1)?.text ?? "", "enter", "leave") && text === "segment" && isWord(after(1)), ({ before, after }) => `write \`${before(1)?.text ?? ""} ${after(1)?.text ?? ""}\``),
  form(({ before, token }) => before(1)?.text === "for" && before(2)?.text === "wait" && isNumber(token), ({ text, after }) => `write \`wait ${text} ${UNIT.test(after(1)?.text ?? "") ? after(1)?.text ?? "" : "days"}\``),
  form(({ before, token, text, after, could }) => could("up") && before(3)?.text === "wait" && before(2)?.text === "for" && (isNumber(token) || (oneOf(text, "for", "within", "in", "over", "until", "max", "to") && isNumber(after(1)))), ({ token, text, before, after }) => {
    const [number, unit] = isNumber(token) ? [text, after(1)?.text] : [after(1)?.text, after(2)?.text];
    return `write \`wait for ${before(1)?.text ?? ""} up to ${number ?? "7"} ${UNIT.test(unit ?? "") ? unit ?? "" : "days"}\``;
  }),
  form(({ before, text }) => UNIT.test(text) && digits(before(1)?.text ?? "") !== undefined, ({ before, text }) => `numbers are written in digits: \`${digits(before(1)?.text ?? "") ?? ""} ${text}\``),
  form(({ before, text, after }) => text === "," && UNIT.test(before(1)?.text ?? "") && isNumber(before(2)) && before(3)?.text === "wait" && isNumber(after(1)), ({ before, after }) => `durations are added: \`${before(2)?.text ?? ""} ${before(1)?.text ?? ""} + ${after(1)?.text ?? ""} ${after(2)?.text ?? "hours"}\``),
  form(({ kind, before, text, after, could }) => kind === "rule" && before(1)?.text === "on" && could("enter") && oneOf(text, "event", "segment") && isWord(after(1)), ({ text, after }) => `write \`on ${text === "event" ? "" : "enter "}${after(1)?.text ?? ""}\``),
  form(({ before, token, after }) => isNumber(token) && UNIT.test(after(1)?.text ?? "") && UNIT.test(before(1)?.text ?? "") && isNumber(before(2)), ({ before, text, after }) => `durations are added: \`${before(2)?.text ?? ""} ${before(1)?.text ?? ""} + ${text} ${after(1)?.text ?? ""}\``),
  form(({ before, token, text }) => before(1)?.text === "tomorrow" && before(2)?.text === "until" && (token?.type === "clock" || text === "at"), ({ token, after }) => `write \`wait until 00:00\`, and behind it \`wait until ${token?.type === "clock" ? token.text : after(1)?.type === "clock" ? after(1)?.text ?? "" : "09:00"}\``),
  form(({ before, text }) => before(1)?.text === "urgent" && text === "{", "`urgent` stands behind the fields: `{ … } urgent`"),
  form(({ text, could }) => could("priority") && oneOf(text, "enter", "leave", "change", "every"), ({ text }) => `write \`on ${text}\``),
  form(({ before, text, could }) => before(1)?.text === "on" && could("every") && oneOf(text, ...WEEKDAYS), ({ text }) => `write \`on every ${text.toLowerCase()} at 09:00\``),
  form(({ token, could, before }) => token?.type === "clock" && could("at") && (before(2)?.text === "every" || before(3)?.text === "every"), ({ text }) => `write \`at ${text}\``),
  form(({ before, could }) => before(1)?.text === "repeat" && could("restart"), "write `repeat restart`"),
  form(({ before, text, could }) => before(3)?.text === "wait" && before(2)?.text === "for" && could("up") && oneOf(text, ...STEPS), ({ before }) => `say how long at most: \`wait for ${before(1)?.text ?? ""} up to 7 days\``),
  form(({ kind, text, could }) => kind === "rule" && could("send") && oneOf(text, "let", "var", "const", "def"), "a value gets a name with `trait NAME = …`, outside of the rule"),
  form(({ before, token }) => before(1)?.text === "set" && isWord(token), ({ text }) => `write \`set profile.${text}\``),
  form(({ text, could }) => text === "==" && could("="), "write `=`"),
  form(({ text, after, could }) => oneOf(text, "+", "-") && after(1)?.text === "=" && could("="), "write the whole: `set profile.visits = profile.visits + 1`"),
  form(({ text, could, before }) => text === "(" && could("{") && isString(before(1)), "fields stand in `{ … }`"),
  // segments and conditions
  form(({ kind, before, token, could }) => kind === "segment" && before(1)?.text === "for" && isNumber(token) && could("at"), ({ text, after }) => `write \`for at least ${text} ${after(1)?.text ?? "days"}\``),
  form(({ text, before, token, after }) => oneOf(text, "in", "during") && isNumber(before(1)) && COMPARED.includes(before(2)?.text ?? "") && token !== undefined && isNumber(after(1)), ({ after }) => `a window stands behind the aggregate: \`count(…) over ${after(1)?.text ?? ""} ${after(2)?.text ?? "days"} > …\``),
  form(({ text, could }) => text === "among" && !could("among"), "`among` stands within the brackets: `percentile(spend among orders >= 1)`"),
  form(({ kind, text, could }) => kind === "segment" && could("when") && oneOf(text, "if", "where", "is"), "write `when`"),
  form(({ before, text, could }) => before(2)?.text === "no" && could("for") && oneOf(text, "over", "in", "within", "since", "this"), ({ before }) => `silence is written \`no ${before(1)?.text ?? ""} for 90 days\``),
  // tests
  form(({ before, text }) => before(1)?.type === "date" && text === ",", ({ before }) => `no comma: \`${before(1)?.text ?? ""} 10:00\``),
  form((near) => near.kind === "test" && near.before(1)?.text === "at" && near.token?.type === "clock" && expects(near), ({ text }) => `the time stands before the action: \`expect at 2026-03-02 ${text} emit "…"\``),
  form(({ kind, before, token }) => kind === "test" && isString(token) && before(2)?.text === "expect" && oneOf(before(1)?.text ?? "", "action", "event", "emitted", "effect"), ({ text }) => `write \`expect emit ${text}\`, or \`expect send CHANNEL ${text}\``),
  form(({ kind, token, text, possible, could }) => kind === "test" && token?.type === "name" && could("customer", "after", "expect") && nearest(text, possible) === null, ({ text }) => `an event comes at a time: \`at 2026-03-02 10:00 ${text}\`, or \`after 1 hour ${text}\``),
  form(({ kind, before, token }) => kind === "test" && before(1)?.text === "at" && token?.type === "clock", ({ text }) => `the day stands first: \`2026-03-02 ${text}\``),
  form(({ kind, before }) => kind === "test" && [2, 3].some((n) => before(n)?.text === "not" && before(n + 1)?.text === "expect"), "what does not happen is `expect nothing`, or `expect nothing else` behind what does"),
];

export const forms: Hint = (near) => FORMS.find(({ is }) => is(near))?.say(near);

/** What other languages begin a declaration with, and what Eddy does instead. */
export function otherDeclaration(word: string): string | undefined {
  switch (word.toLowerCase()) {
    case "import": case "include": case "require": case "use": case "from": return "every file below the folder belongs to the program already";
    case "let": case "var": case "const": case "def": case "define": case "set": return "a value gets a name with `trait NAME = …`";
    case "function": case "func": case "fn": return "there are no functions to define: write a trait";
    case "on": case "when": case "if": case "send": case "wait": case "emit": return "steps and clauses stand in a rule: `rule NAME { … }`";
    case "type": case "struct": case "class": case "record": case "schema": return "what arrives is declared with `event NAME { … }`";
    default: return undefined;
  }
}
