import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Declaration, Span } from "../../dsl/ast.js";
import { MAX_DEPTH, MAX_NESTING, MAX_TOKENS } from "../../dsl/bounds.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { lex } from "../../dsl/lexer.js";
import { parseFile } from "../../dsl/parse.js";
import { corpus, withoutCorpus } from "./corpus.js";
import { hostile, many, value } from "./hostile.js";
import { allTexts, documentBlocks } from "./rule-files.js";
import { seeded } from "./sentences.js";
import { treeText } from "./tree.js";

const goldens = fileURLToPath(new URL("../goldens/syntax/", import.meta.url));
const forms = { name: "forms.eddy", text: readFileSync(`${goldens}forms.eddy`, "utf8") };

const parsed = (text: string): readonly Declaration[] => {
  const { declarations, diagnostics } = parseFile("a.eddy", text);
  expect(diagnostics).toEqual([]);
  return declarations;
};
const findings = (text: string): readonly string[] => parseFile("a.eddy", text).diagnostics.map(({ code, span }) => `${code} <${text.slice(span.start, span.end)}>`);

describe("every form", () => {
  test("forms.eddy has the tree in forms.tree.txt", () => {
    const text = `${parsed(forms.text).map((declaration) => treeText(declaration, forms.text)).join("\n\n")}\n`;
    if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(`${goldens}forms.tree.txt`, text);
    expect(text).toBe(readFileSync(`${goldens}forms.tree.txt`, "utf8"));
  });

  test("forms.eddy has every kind of node that ast.ts knows", () => {
    const ast = readFileSync(fileURLToPath(new URL("../../dsl/ast.ts", import.meta.url)), "utf8");
    const known = new Set([...ast.matchAll(/readonly k: "(\w+)"/g)].map(([, k]) => k));
    known.delete("broken");
    expect([...kindsIn(parsed(forms.text))].sort()).toEqual([...known].sort());
  });

  test("nodes lie within the nodes that they are parts of, and no span is empty", () => {
    expect(parsed(forms.text).flatMap((declaration) => strays(declaration, declaration.span))).toEqual([]);
  });
});

function kindsIn(node: unknown, found = new Set<string>()): ReadonlySet<string> {
  if (typeof node !== "object" || node === null) return found;
  if ("k" in node) found.add(String(node.k));
  for (const part of Object.values(node)) kindsIn(part, found);
  return found;
}

/** The spans that are empty or reach beyond the node around them. */
function strays(node: unknown, around: Span): readonly Span[] {
  if (typeof node !== "object" || node === null) return [];
  const span = "span" in node ? (node.span as Span) : around;
  const fits = span.start >= around.start && span.end <= around.end && span.end > span.start;
  return [...(fits ? [] : [span]), ...Object.entries(node).flatMap(([name, part]) => (name === "span" ? [] : strays(part, span)))];
}

// A text with two parses throws: see AmbiguousGrammarError.
describe(`the rules of this repository and its documents, and the corpus${withoutCorpus}`, () => {
  const mistaken = new Set(documentBlocks.filter(({ name, text }) => parseFile(name, text).diagnostics.length > 0));

  test.each(allTexts.filter((one) => !mistaken.has(one)))("every declaration of $name has one parse", ({ name, text }) => {
    const { declarations, broken, diagnostics } = parseFile(name, text);
    expect(diagnostics).toEqual([]);
    expect(broken).toEqual([]);
    // Counted apart from the parser: a declaration begins in the first column, a profile of a test does not.
    expect(declarations).toHaveLength(text.split("\n").filter((line) => /^[a-z]/.test(line)).length);
    expect(declarations.flatMap((declaration) => strays(declaration, declaration.span))).toEqual([]);
  });

  test("only a few blocks show mistakes of syntax", () => {
    expect(mistaken.size).toBeLessThan(documentBlocks.length / 4);
  });
});

describe("trees", () => {
  const expression = (text: string): string => {
    const [declaration] = parsed(`trait x = ${text}`);
    return declaration?.k === "trait" ? bracketed(declaration.value) : "";
  };
  /** The tree with every bracket. */
  function bracketed(node: unknown): string {
    const { k, ...rest } = node as { readonly k: string; readonly [part: string]: unknown };
    switch (k) {
      case "binary": return `(${bracketed(rest["left"])} ${(rest["op"] as { text: string }).text} ${bracketed(rest["right"])})`;
      case "not": case "minus": return `(${k} ${bracketed(rest["of"])})`;
      case "choose": return `(if ${bracketed(rest["if"])} then ${bracketed(rest["then"])} else ${bracketed(rest["else"])})`;
      case "dot": return `${bracketed(rest["of"])}.${(rest["field"] as { text: string }).text}`;
      case "index": return `${bracketed(rest["of"])}[${bracketed(rest["at"])}]`;
      case "over": case "within": return `(${bracketed(rest["of"])} ${k} ${bracketed(rest["window"])})`;
      case "duration": return `${String(rest["count"])} ${String(rest["unit"])}`;
      case "name": return (rest["name"] as { text: string }).text;
      case "number": case "string": case "date": return String(rest["value"]);
      default: return k;
    }
  }

  test.each([
    ["a or b and not c == d", "(a or (b and (not (c == d))))"],
    ["a ?? b + c * -d", "(a ?? (b + (c * (minus d))))"],
    ["a ?? b ?? c", "((a ?? b) ?? c)"],
    ["a - b - c", "((a - b) - c)"],
    ["a - (b - c)", "(a - (b - c))"],
    ["a == b ?? c", "(a == (b ?? c))"],
    ["-a.b[1].c", "(minus a.b[1].c)"],
    ["not not a", "(not (not a))"],
    ["if a then b else c or d", "(if a then b else (c or d))"],
    ["if a then b else if c then d else e", "(if a then b else (if c then d else e))"],
    ["a over 7 days - b over 1 day", "((a over 7 day) - (b over 1 day))"],
    ["2 * 3 days", "(2 * 3 day)"],
    ["a without b + c", "((a without b) + c)"],
    ["now + 1 year", "(now + 1 year)"],
    ["a - 2026-03-02", "(a - 2026-03-02)"],
    ["2026 - 03 - 02", "((2026 - 3) - 2)"],
  ])("%s", (text, tree) => {
    expect(expression(text)).toBe(tree);
  });

  test("a bracket belongs to the span of what it encloses, not to the name in it", () => {
    const text = "trait x = (a + b) * (c)";
    const [declaration] = parsed(text);
    if (declaration?.k !== "trait" || declaration.value.k !== "binary") throw new Error("a trait of a product");
    const { left, op, right } = declaration.value;
    expect([left, op, right].map(({ span }) => text.slice(span.start, span.end))).toEqual(["(a + b)", "*", "(c)"]);
    expect(right).toMatchObject({ k: "name", name: { text: "c", span: { start: 21, end: 22 } } });
  });

  test("durations keep count and unit, the unit always singular", () => {
    const units = ["second", "minute", "hour", "day", "week", "month", "year"];
    for (const unit of units) {
      for (const written of [unit, `${unit}s`]) {
        expect(parsed(`trait x = 2 ${written}`)).toMatchObject([{ value: { k: "duration", count: 2, unit } }]);
      }
    }
    expect(parsed("trait x = 1.5 hours")).toMatchObject([{ value: { count: 1.5, unit: "hour" } }]);
  });

  test("`until` of a name alone is a condition, with anything more about an event a moment", () => {
    const clauses = (text: string): readonly string[] => {
      const [rule] = parsed(`rule r { on x ${text} }`);
      return rule?.k === "rule" ? rule.clauses.slice(1).map(({ k }) => k) : [];
    };
    expect(clauses("until a")).toEqual(["untilif"]);
    expect(clauses("until a where b")).toEqual(["untilon"]);
    expect(clauses("until a, b")).toEqual(["untilon"]);
    expect(clauses("until enter a")).toEqual(["untilon"]);
    expect(clauses("until a up")).toEqual(["untilon"]);
    expect(clauses("until a and b")).toEqual(["untilif"]);
  });

  test("any word may be a field: as a key, after a dot, and all but the hard ones bare", () => {
    for (const word of ["value", "time", "trait", "days", "where"]) {
      expect(parsed(`event x { ${word}: string }\ntrait y = count(x where ${word} == x.${word})\ntest "t" { at 2026-03-02 10:00 x { ${word}: 1 } }`)).toHaveLength(3);
    }
    for (const word of ["not", "if", "null", "change"]) {
      expect(parsed(`event x { ${word}: string }\ntrait y = count(x where x.${word} == 1)\ntest "t" { at 2026-03-02 10:00 x { ${word}: 1 } }`)).toHaveLength(3);
    }
  });

  test("line breaks and indentation mean nothing", () => {
    const oneLine = lex("a.eddy", forms.text).tokens.map(({ text }) => text).join(" ");
    const lines = lex("a.eddy", forms.text).tokens.map(({ text }) => text).join("\n");
    const shape = (text: string): string => JSON.stringify(parsed(text), (key, value: unknown) => (key === "span" ? undefined : value));
    expect(shape(oneLine)).toBe(shape(forms.text));
    expect(shape(lines)).toBe(shape(forms.text));
    expect(shape(forms.text.replaceAll("\n", "\r\n"))).toBe(shape(forms.text));
    expect(shape(`\ufeff${forms.text}`)).toBe(shape(forms.text));
  });
});

describe("a syntax error stays in its declaration", () => {
  test("the others are there, and what it would have declared is known", () => {
    const { declarations, broken, diagnostics } = parseFile("a.eddy", "trait a = 1\nsegment b when = 3\nevent c { x: }\ntrait d = 2\ntest \"e\" { nonsense }");
    expect(declarations.map((one) => ("name" in one && "text" in one.name ? one.name.text : one.k))).toEqual(["a", "d"]);
    expect(broken.map(({ kind, name }) => [kind, name?.text])).toEqual([["segment", "b"], ["event", "c"], ["test", undefined]]);
    expect(diagnostics.map(({ code }) => code)).toEqual(["E0007", "E0007", "E0007"]);
  });

  test.each([
    ["a misspelt keyword in the first column, behind a complete declaration", "trait a = 1\ntrat b = 2\ntrait c = 3", ["E0010 <trat>"], ["a", "c"]],
    ["a misspelt keyword at the beginning", "trat b = 2\ntrait c = 3", ["E0010 <trat>"], ["c"]],
    ["a keyword for a name", "trait a = 1\ntrait value = 2\ntrait c = 3", ["E0009 <value>"], ["a", "c"]],
    ["a bracket too many", "event a { x: string } }\ntrait c = 3", ["E0013 <}>"], ["a", "c"]],
    ["brackets too many, at the beginning", "})]\ntrait c = 3", ["E0013 <}>"], ["c"]],
    ["a bracket too few", "event a {\n x: string\ntrait c = 3\ntrait d = 4", ["E0008 <>"], ["c", "d"]],
    ["a bracket too few in the last declaration", "trait c = 3\nevent a {\n x: string\n", ["E0008 <>"], ["c"]],
    ["two bracket too few, a test with a profile between", 'rule a {\n on x\n if y {\ntest "t" {\n profile { }\n}\ntrait c = 3', ["E0008 <>"], ["t", "c"]],
    ["a string without an end", 'trait a = "abc\ntrait c = 3', ['E0002 <"abc>'], ["a", "c"]],
    ["a string without an end that swallowed a bracket", 'rule a { on x send email "abc }\ntrait c = 3\nrule d { on x stop }', ['E0002 <"abc }>'], ["c", "d"]],
    ["what is no text of ours", "#!/bin/sh\nset -e\nexit 1\n", ["E0010 <set>"], []],
    ["two errors of the lexer in one declaration", "trait a = 2026-02-30 + 25:00\ntrait c = 3", ["E0005 <2026-02-30>", "E0007 <25:00>", "E0006 <25:00>"].sort(), ["c"]],
    ["a character too many in an otherwise good declaration", "trait a = 1;\ntrait c = 3", ["E0001 <;>"], ["a", "c"]],
  ])("%s", (_, text, found, names) => {
    expect([...findings(text)].sort()).toEqual([...found].sort());
    const { declarations } = parseFile("a.eddy", text);
    expect(declarations.map((one) => ("name" in one ? ("text" in one.name ? one.name.text : one.name.value) : one.k))).toEqual(names);
  });

  test.each([forms, ...corpus])("$name without one of its } loses one declaration at most", ({ name, text }) => {
    const whole = parseFile(name, text).declarations.length;
    for (const { index } of text.matchAll(/}/g)) {
      const { declarations, diagnostics } = parseFile(name, text.slice(0, index) + text.slice(index + 1));
      const fine = declarations.length >= whole - 1 && diagnostics.length === 1;
      expect(fine, `without the } at ${index}: ${declarations.length} of ${whole} declarations, ${diagnostics.length} findings`).toBe(true);
    }
  });
});

describe("hostile input ends in findings, and soon", () => {
  test.each(hostile)("%s", (_, text, code) => {
    const before = process.cpuUsage();
    const { declarations, diagnostics } = parseFile("a.eddy", text);
    const { user, system } = process.cpuUsage(before);
    if (code === null) expect(diagnostics).toEqual([]);
    else expect(diagnostics[0]?.code).toBe(code);
    expect(diagnostics.filter(({ span }) => span.start < 0 || span.start > span.end || span.end > text.length)).toEqual([]);
    // Whoever walks the trees by recursion must be able to.
    expect(() => JSON.stringify(declarations)).not.toThrow();
    // Generous: each takes well under a second on a machine of its own; what is quadratic takes a minute.
    expect((user + system) / 1e6).toBeLessThan(8);
  });

  test("what is within the bounds is read", () => {
    const brackets = MAX_NESTING - 1;
    parsed(value(`${many("(", brackets)}1${many(")", brackets)}`));
    parsed(value(`${many("not ", brackets)}a`));
    parsed(value(`${many("a + ", MAX_DEPTH - 10)}a`));
    parsed(value(`[${many("1, ", (MAX_TOKENS - 10) / 2)}1]`));
    parsed(`rule r { on x if a { } ${many("else if a { } ", MAX_NESTING - 10)} }`);
    // Steps one after the other do not nest.
    parsed(`rule r { on x ${many("if not a { stop } else if -b == -c { } ", 1_000)} }`);
    parsed(value(`[${many("if a then -b else - c, ", 1_000)}1]`));
  });
});

/** More of them by hand: MUTANTS=20000. */
const MUTANTS = Number(process.env["MUTANTS"] ?? 300);

test(`${MUTANTS} mutants of forms.eddy end in findings with spans that can be shown, seed 3`, () => {
  const random = seeded(3);
  const below = (limit: number): number => Math.floor(random() * limit);
  const { tokens } = lex("a.eddy", forms.text);
  const words = tokens.map(({ text }) => text);
  for (let i = 0; i < MUTANTS; i++) {
    const mutant = [...words];
    for (let changes = 1 + below(3); changes > 0; changes--) {
      const at = below(mutant.length);
      const other = words[below(words.length)] ?? "";
      if (random() < 0.33) mutant.splice(at, 1 + below(3));
      else if (random() < 0.5) mutant.splice(at, 1, other);
      else mutant.splice(at, 0, other, String.fromCharCode(below(256)));
    }
    const text = mutant.reduce((all, word) => `${all}${random() < 0.1 ? "\n" : " "}${word}`, "");
    const { declarations, broken, diagnostics } = parseFile("a.eddy", text);
    expect(diagnostics.filter(({ span }) => span.start < 0 || span.start > span.end || span.end > text.length), text).toEqual([]);
    expect(declarations.flatMap((declaration) => strays(declaration, declaration.span)), text).toEqual([]);
    expect(broken.length > 0 && diagnostics.length === 0, text).toBe(false);
    const carets = renderAll(diagnostics, new Map([["a.eddy", text]])).match(/^ *\| *\^/gm) ?? [];
    expect(carets, text).toHaveLength(diagnostics.length);
  }
});

test("10,000 declarations take well under 3 seconds", () => {
  const source = corpus.length > 0 ? corpus.map(({ text }) => text).join("\n") : forms.text;
  const each = parsed(source).length;
  const text = `${source}\n`.repeat(Math.ceil(10_000 / each));
  const before = process.cpuUsage();
  const { declarations } = parseFile("a.eddy", text);
  const { user } = process.cpuUsage(before);
  expect(declarations.length).toBeGreaterThanOrEqual(10_000);
  expect(user / 1e6).toBeLessThan(6);
});
