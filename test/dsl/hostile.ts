// Texts that are too long, too deep or too wrong: what they end in, and that they end soon, the tests say.

export const many = (text: string, times: number): string => text.repeat(times);
export const value = (text: string): string => `trait x = ${text}`;
const noise = (): string => {
  let state = 7;
  const next = (): number => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
  return Array.from({ length: 200_000 }, () => String.fromCharCode(next() * 256)).join("");
};
/** A name, a text, and the code of the first finding; null: there is none. */
export const hostile: readonly (readonly [string, string, string | null])[] = [
  ["a line of 1 MB", value(`${many("a + ", 250_000)}a`), "E0012"],
  ["a line of 1 MB without a declaration", many("x ", 500_000), "E0010"],
  ["a string of 1 MB", value(`"${many("x", 1_000_000)}"`), null],
  ["a string of 500,000 escapes", value(`"${many("\\n", 500_000)}"`), null],
  ["a string of 1 MB without an end", value(`"${many("x", 1_000_000)}`), "E0002"],
  ["500,000 wrong escapes", value(`"${many("\\q", 500_000)}"`), "E0003"],
  ["a number of 1 MB", value(many("9", 1_000_000)), "E0004"],
  ["a name of 1 MB", `trait ${many("x", 1_000_000)} = 1`, null],
  ["a comment of 1 MB", `#${many("x", 1_000_000)}`, null],
  ["white space of 1 MB", many(" \t\r\n", 250_000), null],
  ["1,000,001 quotes", many('"', 1_000_001), "E0002"],
  ["1,000,000 NULs", many("\0", 1_000_000), "E0001"],
  ["random bytes", noise(), "E0001"],
  ["10,000 nested (", value(`${many("(", 10_000)}1${many(")", 10_000)}`), "E0011"],
  ["10,000 nested [ that are never closed", value(many("[", 10_000)), "E0011"],
  ["10,000 nested {", value(`${many("{ a: ", 10_000)}1${many("}", 10_000)}`), "E0011"],
  ["10,000 nested blocks", `rule r { on x ${many("if a { ", 10_000)}${many("}", 10_001)}`, "E0011"],
  ["10,000 nested types", `event x { a: ${many("(", 10_000)}string${many(")", 10_000)} }`, "E0011"],
  ["1,000,000 closing brackets", many("}", 1_000_000), "E0013"],
  ["10,000 times not", value(`${many("not ", 10_000)}a`), "E0011"],
  ["10,000 times not behind something else", `nonsense (\n${value(`${many("not ", 10_000)}a${many(" + a", 10_000)}`)})`, "E0010"],
  ["10,000 signs", value(`${many("- ", 10_000)}a`), "E0011"],
  ["10,000 conditions of conditions", value(`${many("if ", 10_000)}a`), "E0011"],
  ["8,000 conditional values in a chain", value(`${many("if a then b else ", 8_000)}c`), "E0011"],
  ["8,000 else if", `rule r { on x if a { } ${many("else if a { } ", 8_000)} }`, "E0011"],
  ["24,000 sums", value(`${many("a + ", 24_000)}a`), "E0011"],
  ["150 times not before 10,000 sums", value(`${many("not ", 150)}a ${many("+ a ", 10_000)}`), "E0011"],
  ["8,000 absences in each other", value(`${many("no a where ", 8_000)}a${many(" for 1 day", 8_000)}`), "E0011"],
  ["20,000 fields of fields", value(`a${many(".a", 20_000)}`), "E0011"],
  ["15,000 windows", value(`a${many(" over 1 day", 15_000)}`), "E0011"],
  ["15,000 lists of lists", `event x { a: string${many("[]", 15_000)} }`, "E0011"],
  ["10,000 events of one clause", `rule r { on ${many("e, ", 10_000)}e }`, null],
  ["10,000 strings of a union", `event x { a: ${many('"a" | ', 10_000)}"b" }`, null],
  ["a list of 10,000 numbers", value(`a in [${many("1, ", 10_000)}1]`), null],
  ["2,500 steps", `rule r { on x ${many('send email "x" { a: 1 } ', 2_500)} }`, null],
  ["2,500 conditional steps", `rule r { on x ${many("if not a { stop } ", 2_500)} }`, null],
  ["10,000 broken declarations", many("trait x = \n", 10_000), "E0008"],
  ["5,000 open brackets in declarations", many("rule x { on a\n", 5_000), "E0008"],
  ["5,000 brackets too many", many("event a { }\n}\n", 5_000), "E0013"],
];
