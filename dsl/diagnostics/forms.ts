// How the forms of declarations, clauses, steps and lines are written, for those who wrote them nearly so.

import { type Hint, type Nearby, isNumber, isString, isWord } from "./stumble.js";

interface Form {
  readonly is: (near: Nearby) => boolean;
  readonly say: (near: Nearby) => string;
}

const form = (is: Form["is"], say: string | Form["say"]): Form => ({ is, say: typeof say === "string" ? () => say : say });
const oneOf = (text: string, ...words: readonly string[]): boolean => words.includes(text.toLowerCase());

const WEEKDAYS = ["day", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "month", "year"];
const STEPS = ["wait", "if", "send", "emit", "set", "tag", "untag", "award", "take", "split", "stop", "}"];

const FORMS: readonly Form[] = [
  // channels
  form(({ before, token }) => before(1)?.text === "quiet" && isNumber(token), "times of day have two digits each: `quiet 21:00 to 08:00`"),
  form(({ before, text }) => before(1)?.text === "quiet" && text === "from", "write `quiet 21:00 to 08:00`"),
  form(({ before, could, text }) => before(2)?.text === "quiet" && could("to") && text !== "", "write `quiet 21:00 to 08:00`"),
  form(({ kind, at, cut, could }) => kind === "channels" && at === cut.start + 2 && could("="), "write `channels marketing = email, sms { … }`"),
  // caps
  form(({ before, text, could }) => could("per") && isNumber(before(1)) && before(2)?.text === "most" && oneOf(text, "a", "an", "each", "every", "in"), "write `per`"),
  form(({ before, text }) => before(1)?.text === "per" && oneOf(text, "customer", "user", "person"), "caps count for each customer anyway: write the time, `per day`"),
  form(({ before, text, could }) => before(1)?.text === "per" && text === "year" && could("day", "week", "month"), "write `per 1 year`"),
  form(({ text, could, after }) => could("priority") && oneOf(text, "max", "limit", "cap", "maximum") && isNumber(after(1)), "write `at most`"),
  // points, tiers, experiments
  form(({ kind, text, could }) => kind === "points" && text === "for" && could("on"), "write `earn 10 on order_placed`"),
  form(({ kind, text, could }) => kind === "points" && oneOf(text, "in", "within") && could("after"), "write `expire after 12 months`"),
  form(({ kind, could, before, text }) => kind === "tier" && could("at") && text !== "", ({ before: back }) => `levels are written \`${back(1)?.text ?? "gold"} at 500\``),
  form(({ kind, could, before }) => kind === "experiment" && could("%") && isNumber(before(1)), ({ before }) => `shares are per cent: \`${before(1)?.text ?? ""}%\``),
  form(({ kind, could, text }) => kind === "experiment" && could("within") && oneOf(text, "in", "for", "after"), "write `within 7 days`"),
  form(({ kind, before }) => kind === "rule" && oneOf(before(2)?.text ?? "", "award", "take") && isNumber(before(1)), ({ before }) => `say which points: \`${before(2)?.text ?? ""} ${before(1)?.text ?? ""} stars\``),
  // rules
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
  form(({ kind, text, could }) => kind === "segment" && could("when") && oneOf(text, "if", "where", "is"), "write `when`"),
  form(({ before, text, could }) => before(2)?.text === "no" && could("for") && oneOf(text, "over", "in", "within", "since", "this"), ({ before }) => `silence is written \`no ${before(1)?.text ?? ""} for 90 days\``),
  // tests
  form(({ before, text }) => before(1)?.type === "date" && text === ",", ({ before }) => `no comma: \`${before(1)?.text ?? ""} 10:00\``),
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
