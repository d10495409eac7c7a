// What people write out of habit where the grammar wants something else, and how it is written here.
//
// Each hint looks at the token at which parsing stopped, at those around it and at the words that could have stood
// there, and answers in a few words or not at all. The first that answers is shown, so special ones come first. Only
// texts that do not parse get here: a hint may guess, it can do no harm to a right program.

import { HARD } from "../lexer.js";
import { forms } from "./forms.js";
import { lineAt } from "./lines.js";
import { type Hint, type Nearby, type Stumble, isNumber, isString, isWord, nearby, touching } from "./stumble.js";
import { nearest } from "./suggest.js";

/** What was most likely meant. */
export function hintFor(stumble: Stumble): string | undefined {
  for (const hint of HINTS) {
    const found = hint(nearby(stumble));
    if (found !== undefined) return found;
  }
  return undefined;
}

// ---- marks ----

const marks: Hint = ({ token, text, before, after, could }) => {
  const pair = touching(before(1), token) ? `${before(1)?.text ?? ""}${text}` : "";
  if (pair === "//") return "comments begin with `#`";
  if (pair === "===") return "write `==`";
  if (text === "?" && could("and")) return "write `if … then … else …`";
  if (pair === "||") return "write `or`";
  if (text === "|" && could("or")) return "write `or`";
  if (text === "=" && could("==")) return "did you mean `==`?";
  if (text === "=" && could(":")) return "did you mean `:`?";
  if (text === ":" && could("=") && !could("when")) return "did you mean `=`?";
  if (text === "?" && could(":") && after(1)?.text === ":") return "the `?` stands behind the type: `note: string?`";
  return undefined;
};

// ---- numbers, units, dates ----

const UNITS: Readonly<Record<string, string>> = {
  s: "second", sec: "second", secs: "second", m: "minute", min: "minute", mins: "minute", h: "hour", hr: "hour", hrs: "hour",
  d: "day", w: "week", wk: "week", wks: "week", mo: "month", mon: "month", mth: "month", mths: "month", y: "year", yr: "year", yrs: "year",
};
const durationOf = (number: string, unit: string): string => `\`${number} ${unit}${number === "1" ? "" : "s"}\``;

const numbers: Hint = ({ token, text, before, after, could, possible, clockOnly }) => {
  const number = before(1);
  const unit = Object.hasOwn(UNITS, text.toLowerCase()) ? UNITS[text.toLowerCase()] : undefined;
  if (isNumber(number) && could("days") && unit !== undefined) return `units are written out: ${durationOf(number.text, unit)}`;
  if (isNumber(number) && /^_\d/.test(text)) return `numbers have no separators: \`${number.text}${text.replaceAll("_", "")}\``;
  if (isNumber(number) && text === "," && touching(number, token) && touching(token, after(1)) && /^\d{3}$/.test(after(1)?.text ?? "")) {
    return `numbers have no separators: \`${number.text}${after(1)?.text ?? ""}\``;
  }
  if (isNumber(number) && could("days") && (/^[A-Z]{3}$/.test(text) || /^(euros?|dollars?|pounds?|zloty|cents?)$/i.test(text))) return `a number stands alone, without a currency: \`${number.text}\``;
  const isUnit = token?.type === "name" && nearest(text, possible) !== null;
  if (isNumber(number) && !isUnit && could("days") && possible.every((word) => /^(second|minute|hour|day|week|month|year)s?$/.test(word))) return `a duration has a unit: ${durationOf(number.text, "day")}`;
  if (number?.text === "%" && isNumber(before(2)) && touching(before(2), number)) return `per cent are written as a part of one: \`${Number(before(2)?.text) / 100}\``;
  if (isNumber(token) && number?.text === "." && /^\d\d?\.\d\d?$/.test(before(2)?.text ?? "")) return "dates are written year first: `2026-03-02`";
  if (number?.type === "date" && /^[tT]\d/.test(text)) return "write a space: `2026-03-02 10:00`";
  if (isNumber(token) && clockOnly) return "times of day have two digits each: `09:00`";
  if (isNumber(token) && after(1)?.text === ":" && !could("%")) return "times of day have two digits each: `09:00`";
  if (text === ":" && isNumber(number) && isNumber(after(1))) return "times of day have two digits each: `09:00`";
  return undefined;
};

// ---- conditions ----

const COMPARISONS: ReadonlySet<string> = new Set(["==", "!=", "<", "<=", ">", ">=", "in", "contains", "like"]);

const conditions: Hint = ({ token, text, before, after, could }) => {
  const first = before(1);
  // `NOT any(…)`: the word before was taken for a name.
  if (first?.type === "name" && HARD.has(first.text.toLowerCase())) return `write \`${first.text.toLowerCase()}\` in small letters`;
  if (token?.type === "name" && HARD.has(text.toLowerCase()) && could(text.toLowerCase())) return `write \`${text.toLowerCase()}\` in small letters`;
  if (text === "between" && could("and")) return "write `x >= 3 and x <= 5`";
  if (text === "is" && could("==")) return after(1)?.text === "null" ? "write `== null`" : after(1)?.text === "not" ? "write `!=`" : "write `==`";
  if (COMPARISONS.has(text) && could("and")) return before(3)?.text === "in" && isNumber(before(2)) ? `a window is written \`over ${before(2)?.text ?? ""} ${first?.text ?? "days"}\`` : "comparisons are not chained: join them with `and`";
  if ((first?.text === "over" || first?.text === "for") && /^(the|last|past|previous)$/.test(text)) return "the duration stands alone: `over 30 days`";
  return undefined;
};

// ---- declarations and types ----

const TYPES: Readonly<Record<string, string>> = {
  int: "number", integer: "number", float: "number", double: "number", decimal: "number", long: "number", money: "number", num: "number",
  text: "string", str: "string", varchar: "string", char: "string", uuid: "string", id: "string", enum: '"a" | "b"',
  bool: "boolean", datetime: "time", timestamp: "time", instant: "time", interval: "duration",
  array: "string[]", list: "string[]", object: "{ … }", record: "{ … }", map: "{ … }",
};

const declarations: Hint = ({ token, text, before, at, cut, kind, could, after }) => {
  const isName = at === cut.start + 1;
  if (isString(token) && isName) return kind === "rule" || kind === "segment" ? `the name stands first, without quotes: \`${kind} my_${kind} ${text}\`` : "names stand without quotes";
  if (text === "-" && at === cut.start + 2 && isWord(after(1))) return `names are made of a-z, 0-9 and _: \`${before(1)?.text ?? ""}_${after(1)?.text ?? ""}\``;
  if (kind === "segment" && could("when") && /^[={:]$/.test(text)) return "write `when`, and the condition";
  if (kind === "event" && text === "(" && could("{")) return "fields stand in `{ … }`";
  const isType = could("string", "number", "boolean");
  if (isType && Object.hasOwn(TYPES, text.toLowerCase())) return `write \`${TYPES[text.toLowerCase()] ?? ""}\``;
  if (isType && /^(String|Number|Boolean|Time|Date|Duration)$/i.test(text)) return `write \`${text.toLowerCase()}\` in small letters`;
  if (isType && text === "[") return `a list is written \`${isWord(after(1)) ? after(1)?.text ?? "" : "string"}[]\``;
  if (text === "|" && could("[", "?")) return after(1)?.text === "null" ? `what may be missing has a \`?\`: \`${before(1)?.text ?? ""}?\`` : "only texts are alternatives: `\"a\" | \"b\"`";
  return undefined;
};

// ---- rules and tests ----

const CLAUSES: ReadonlySet<string> = new Set(["on", "when", "until", "at", "per", "repeat", "priority"]);
const STEPS: ReadonlySet<string> = new Set(["wait", "if", "send", "emit", "set", "tag", "untag", "award", "take", "split", "stop"]);
const TIMES: Readonly<Record<string, string>> = { once: "1", twice: "2", thrice: "3" };

const rules: Hint = (near) => {
  const { token, text, before, after, kind, could, stringOnly } = near;
  const first = before(1);
  if (kind === "test" && isString(token) && isWord(first) && before(2)?.text === "expect") return `write \`expect send ${first.text} ${text}\``;
  if (first?.text === "send" && isString(token)) return `the channel stands first: \`send email ${text}\``;
  if (text === "(" && before(2)?.text === "send") return `write \`send ${first?.text ?? ""} "…"\`, without brackets`;
  if (stringOnly && isWord(token)) return `texts stand in quotes: \`"${text}"\``;
  if (first?.text === "most" && Object.hasOwn(TIMES, text)) return `write \`${TIMES[text] ?? ""}\``;
  if (kind !== "rule" && kind !== "test") return undefined;
  if (text === "or" && could("where", ",")) return "several events have commas between them";
  if (text === "profile" && after(1)?.text === "." && could("set")) return "write `set profile.…`";
  if (could("send") && !could("priority") && CLAUSES.has(text)) return `\`${text}\` stands before the steps`;
  if (could("{") && (STEPS.has(text) || text === "then") && !could("send")) {
    if (filtersAnEvent(near)) return "events are filtered with `where`: `on order_placed where …`";
    return text === "then" ? "no `then`: steps stand in `{ … }`" : "steps stand in `{ … }`";
  }
  return undefined;
};

/**
 * Whether the `if` to which this belongs stands right behind `on EVENT`, in the same line, and asks for the event's fields
 * by their bare names.
 */
function filtersAnEvent({ tokens, at, cut, lines }: Nearby): boolean {
  for (let i = at - 1; i > cut.start + 1; i--) {
    const [on, token] = [tokens[i - 2], tokens[i]];
    if ((token?.text === "event" || token?.text === "profile") && tokens[i + 1]?.text === ".") return false;
    if (token?.text === "if") return on?.text === "on" && lineAt(lines(), on.span.start) === lineAt(lines(), token.span.start);
  }
  return false;
}

// ---- lists and records ----

const commas: Hint = ({ token, could, before, after }) => {
  if (token === undefined || !could(",") || before(1)?.text === "," || could("where")) return undefined;
  const begins = isString(token) || isNumber(token) || (isWord(token) && after(1)?.text === ":");
  return begins ? "a comma is missing before it" : undefined;
};

// ---- words ----

const WORDS: Readonly<Record<string, string>> = {
  elif: "write `else if`", elsif: "write `else if`", elseif: "write `else if`",
  otherwise: "write `else`", unless: "write `if not`", is: "write `==`", equals: "write `==`", has: "write `contains`",
  includes: "write `contains`", matches: "write `like`", delay: "write `wait 1 hour`", sleep: "write `wait 1 hour`", exit: "write `stop`", return: "write `stop`",
};

const words: Hint = ({ token, text, possible }) => {
  // A word of the language is no misspelling of another.
  if (token?.type !== "name") return undefined;
  const meant = nearest(text, possible.filter((word) => /^[a-z]/.test(word)));
  if (meant !== null) return `did you mean \`${meant}\`?`;
  return Object.hasOwn(WORDS, text) ? WORDS[text] : undefined;
};

const HINTS: readonly Hint[] = [forms, marks, numbers, conditions, declarations, rules, commas, words];
