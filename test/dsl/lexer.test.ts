import { describe, expect, test } from "vitest";
import { rules } from "../../dsl/grammar.generated.js";
import { HARD, lex, SOFT, type Token } from "../../dsl/lexer.js";

const tokensOf = (text: string): readonly Token[] => lex("a.eddy", text).tokens;
const codesOf = (text: string): readonly string[] => lex("a.eddy", text).diagnostics.map(({ code }) => code);
const shape = (text: string): string => tokensOf(text).map(({ type, text: written }) => `${type}:${written}`).join(" ");

describe("words", () => {
  test("the keywords are the words that the grammar spells", () => {
    const spelt = new Set(rules.flatMap(({ symbols }) => symbols).flatMap((symbol) => (typeof symbol === "object" && "literal" in symbol && /^[a-z]/.test(symbol.literal) ? [symbol.literal] : [])));
    expect([...SOFT, ...HARD].sort()).toEqual([...spelt].sort());
  });

  test("the token types of the grammar are the lexer's", () => {
    const named = new Set(rules.flatMap(({ symbols }) => symbols).flatMap((symbol) => (typeof symbol === "object" && "type" in symbol ? [symbol.type] : [])));
    const made = new Set(tokensOf('x trait not 1 "s" 2026-03-02 10:00').map(({ type }) => type));
    expect([...named].sort()).toEqual([...made].sort());
  });

  test("the marks of the grammar are the lexer's", () => {
    const marks = new Set(rules.flatMap(({ symbols }) => symbols).flatMap((symbol) => (typeof symbol === "object" && "literal" in symbol && !/^[a-z]/.test(symbol.literal) ? [symbol.literal] : [])));
    for (const mark of marks) expect(shape(`a ${mark} b`), mark).toBe(`name:a mark:${mark} name:b`);
  });

  test("a hard word behind a dot is a name, a soft one stays soft", () => {
    expect(shape("not event.not x.if x.trait")).toBe("hard:not soft:event mark:. name:not name:x mark:. name:if name:x mark:. soft:trait");
  });

  test("names begin with a letter or _ and go on with digits", () => {
    expect(shape("_a1 B2 3c")).toBe("name:_a1 name:B2 number:3 name:c");
  });
});

describe("literals", () => {
  test("dates, times of day and numbers are told apart", () => {
    expect(shape("2026-03-02 10:00 10:00:30 10:00:30.125 7.25 2026 - 3")).toBe(
      "date:2026-03-02 clock:10:00 clock:10:00:30 clock:10:00:30.125 number:7.25 number:2026 mark:- number:3",
    );
  });

  test.each([
    ["00:00", 0],
    ["09:30", 34_200_000],
    ["23:59:59.999", 86_399_999],
    ["10:00:30.5", 36_030_500],
    ["10:00:30.05", 36_030_050],
  ])("%s is %d ms since midnight", (text, ms) => {
    expect(tokensOf(text)[0]?.leaf).toMatchObject({ k: "clock", value: text, ms });
  });

  test.each([
    ["24:00", ["E0006"]],
    ["23:60", ["E0006"]],
    ["23:59:60", ["E0006"]],
    ["25:00", ["E0006"]],
    ["23:59:59.999", []],
    ["2026-02-30", ["E0005"]],
    ["2026-02-29", ["E0005"]],
    ["2028-02-29", []],
    ["1900-02-29", ["E0005"]],
    ["2000-02-29", []],
    ["2026-13-01", ["E0005"]],
    ["2026-00-10", ["E0005"]],
    ["2026-04-31", ["E0005"]],
    ["2026-04-00", ["E0005"]],
    ["9007199254740991", []],
    ["9007199254740993", ["E0004"]],
    ["1".repeat(400), ["E0004"]],
    ["0.1", []],
  ])("%s gives %j", (text, found) => {
    expect(codesOf(text)).toEqual(found);
    expect(tokensOf(text)).toHaveLength(1);
  });

  test.each([
    ['"plain"', "plain"],
    ['""', ""],
    ['"a\\"b\\\\c\\n\\u0041"', 'a"b\\c\nA'],
    ['"zażółć 😀"', "zażółć 😀"],
    ['"\\ud83d\\ude00"', "😀"],
    ['"# no comment"', "# no comment"],
  ])("the string %s has its value", (text, value) => {
    const { tokens, diagnostics, comments } = lex("a.eddy", text);
    expect(diagnostics).toEqual([]);
    expect(comments).toEqual([]);
    expect(tokens.map(({ leaf }) => leaf)).toEqual([{ k: "string", value, span: { file: "a.eddy", start: 0, end: text.length } }]);
  });

  test.each([
    ['x = "abc', "E0002", 4, 8],
    ['x = "abc\ny', "E0002", 4, 8],
    ['x = "abc\r\ny', "E0002", 4, 8],
    ['x = "abc\\', "E0002", 4, 9],
    ['x = "abc\\"', "E0002", 4, 10],
    ['x = "abc\\\n"', "E0002", 4, 9],
    ['x = "a\\qb"', "E0003", 6, 8],
    ['x = "a\\u12"', "E0003", 6, 11],
    ['x = "a\tb"', "E0003", 6, 7],
    ['x = "a\0b"', "E0003", 6, 7],
    ['x = "\\ud800"', "E0003", 4, 12],
  ])("%j is reported as %s exactly where it is", (text, code, start, end) => {
    const [first] = lex("a.eddy", text).diagnostics;
    expect(first).toMatchObject({ code, span: { file: "a.eddy", start, end } });
  });
});

describe("what is no token", () => {
  test.each([
    ["a && b", 2, 4, "write `and`"],
    ["!a", 0, 1, "write `not`"],
    ["a;", 1, 2, "nothing is needed at the end of a line"],
    ["a = ‘b’", 4, 5, 'strings stand in straight double quotes: `"`'],
    ["a = “b”", 4, 5, 'strings stand in straight double quotes: `"`'],
    ["a\u00a0= b", 1, 2, "an invisible character: write a plain space"],
    ["a – b", 2, 3, "write a plain `-`"],
    ["żaba", 0, 1, "names are made of a-z, 0-9 and _"],
    ["a ≥ b", 2, 3, "write `>=`"],
    ["a 😀 b", 2, 4, undefined],
    ["a \0 b", 2, 3, undefined],
    ["a \u001b[31m b", 2, 3, undefined],
  ])("%j is reported and passed over", (text, start, end, label) => {
    const [first] = lex("a.eddy", text).diagnostics;
    expect(first).toMatchObject({ code: "E0001", span: { start, end } });
    expect(first?.label).toBe(label);
  });

  test("one finding a line", () => {
    expect(lex("a.eddy", "; ; ;\n; ;\n").diagnostics.map(({ span }) => span.start)).toEqual([0, 6]);
  });
});

describe("places", () => {
  test("every span covers what it is of, and tokens with comments cover everything but white space", () => {
    const text = '# one\ntrait a = "x" # two\n\t+ 7 days\r\n# three\r\n';
    const { tokens, comments } = lex("a.eddy", text);
    for (const { text: written, span } of [...tokens, ...comments]) expect(text.slice(span.start, span.end)).toBe(written);
    const rest = [...tokens, ...comments].reduceRight((left, { span }) => left.map((c, i) => (i >= span.start && i < span.end ? " " : c)), [...text]);
    expect(rest.join("").trim()).toBe("");
    expect(comments.map(({ text: written }) => written)).toEqual(["# one", "# two", "# three"]);
  });

  test.each(["a\nb", "a\r\nb", "a\rb"])("%j has two tokens in the first column", (text) => {
    expect(tokensOf(`${text} c`).map(({ first }) => first)).toEqual([true, true, false]);
  });

  test("a byte order mark is passed over, only at the beginning", () => {
    expect(lex("a.eddy", "\ufefftrait").diagnostics).toEqual([]);
    expect(tokensOf("\ufefftrait")[0]).toMatchObject({ text: "trait", first: true, span: { start: 1, end: 6 } });
    expect(codesOf("trait\ufeff")).toEqual(["E0001"]);
  });

  test("nothing in, nothing out", () => {
    expect(lex("a.eddy", "")).toEqual({ tokens: [], comments: [], diagnostics: [] });
  });
});
