// The canonical layout: what it looks like, and that it changes nothing else.

import fc from "fast-check";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { formatText } from "../../dsl/format.js";
import { lex } from "../../dsl/lexer.js";
import { parseFile } from "../../dsl/parse.js";
import { corpus, withoutCorpus } from "./corpus.js";
import { allTexts, documentBlocks, ruleFiles } from "./rule-files.js";
import { type Sentence, sentences } from "./sentences.js";

const formatted = (text: string): string => {
  const result = formatText("a.eddy", text);
  expect(result.diagnostics, text).toEqual([]);
  return result.text;
};
const readable = ({ text }: { readonly text: string }): boolean => parseFile("a.eddy", text).diagnostics.length === 0;
/** The trees without spans, as text. */
const meaning = (text: string): string => JSON.stringify(parseFile("a.eddy", text).declarations, (key, value: unknown) => (key === "span" ? undefined : value));
const comments = (text: string): readonly string[] => lex("a.eddy", text).comments.map((one) => one.text.trimEnd());

/** All that a formatter promises, of one text. */
function holds(text: string): void {
  const once = formatted(text);
  expect(meaning(once)).toBe(meaning(text));
  expect(comments(once)).toEqual(comments(text));
  expect(formatted(once), text).toBe(once);
  expect(once).not.toMatch(/[ \t\r]\n|\n\n\n|^\n/);
}

describe("of every file", () => {
  test.each(allTexts.filter(readable))("$name", ({ text }) => holds(text));

  test("most blocks of the documents are read", () => {
    expect(documentBlocks.filter(readable).length).toBeGreaterThan(documentBlocks.length * 0.7);
    expect(ruleFiles.every(readable)).toBe(true);
  });
});

test("the rules that people copy from stand in the canonical layout", () => {
  for (const { name, text } of ruleFiles.filter((one) => one.name.startsWith("rules/"))) expect(formatted(text), name).toBe(text);
});

test.skipIf(corpus.length === 0)(`what was written well is hardly touched${withoutCorpus}`, () => {
  const changed = corpus.flatMap(({ text }) => {
    const lines = new Set(text.split("\n"));
    return formatted(text).split("\n").filter((line) => !lines.has(line));
  });
  expect(changed.length).toBeLessThan(5);
});

test("docs/language.md shows what really becomes of its example", () => {
  const blocks = documentBlocks.filter(({ text }) => text.startsWith("# As somebody wrote it in haste."));
  expect(blocks).toHaveLength(2);
  expect(formatted(blocks[0]?.text ?? "")).toBe(blocks[1]?.text);
});

// ---- white space and comments anywhere ----

const BLANKS = [" ", "\n", "  ", "\t", "\r\n", "\n\n\n\n", "\n      "];
const NOTES = [" # note", "\n# note", "\n\n    # note  ", "#", " # note\n\n# note", "\r\n#\tnote"];
const gaps = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...BLANKS) }, { weight: 1, arbitrary: fc.constantFrom(...NOTES) }), { minLength: 1, maxLength: 30 });

/** The words with these gaps between them, over and over; each comment says which it is. */
function strewn(words: readonly string[], between: readonly string[]): string {
  let count = 0;
  const gap = (i: number): string => {
    const chosen = between[i % between.length] ?? " ";
    return chosen.includes("#") ? `${chosen.replace(/#/g, () => `# ${count++}`)}\n` : chosen;
  };
  return words.map((word, i) => gap(i) + word).join("") + gap(words.length);
}

const wordsOf = (text: string): readonly string[] => lex("a.eddy", text).tokens.map((token) => token.text);

/** `tier x by profile {` looks like two declarations: see declarations.ts. */
const cuttable = (sentence: Sentence): boolean => !/^tier .* profile {/.test(sentence.join(" "));

describe("with white space and comments between any two words", () => {
  const files = allTexts.filter(readable).map(({ text }) => wordsOf(text)).filter((words) => words.length > 0);

  test("files keep their meaning and their comments", () => {
    fc.assert(fc.property(fc.constantFrom(...files), gaps, (words, between) => {
      const text = strewn(words, between);
      expect(meaning(text)).toBe(meaning(words.join(" ")));
      holds(text);
    }), { numRuns: 150 });
  }, 60_000);

  test("so do declarations made by the grammar", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1_000_000 }), gaps, (seed, between) => {
      for (const sentence of [...sentences(seed, 4)].filter(cuttable)) holds(strewn(sentence, between));
    }), { numRuns: 400 });
  }, 60_000);

  test("line breaks and spaces alone make no difference", () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 1_000_000 }), fc.array(fc.constantFrom(" ", "\n", "\r\n", "\n "), { minLength: 1 }), (seed, between) => {
      for (const sentence of [...sentences(seed, 4)].filter(cuttable)) expect(formatted(strewn(sentence, between))).toBe(formatted(sentence.join(" ")));
    }), { numRuns: 200 });
  }, 60_000);
});

// ---- what it looks like ----

const at = (path: string): string => fileURLToPath(new URL(`../goldens/format/${path}`, import.meta.url));

test.each([["../syntax/forms.eddy", "forms.eddy"], ["rough.eddy", "laid-out.eddy"]])("%s is laid out like %s", (source, golden) => {
  const text = formatted(readFileSync(at(source), "utf8"));
  if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(at(golden), text);
  expect(text).toBe(readFileSync(at(golden), "utf8"));
});

test.each([
  ["nothing", "", ""],
  ["a byte order mark and white space", "\uFEFF \r\n\n", ""],
  ["a comment alone", "\n\n  # only this  \n\n\n# and this", "# only this\n\n# and this\n"],
  ["line ends of Windows", "trait a = 1\r\n\r\n\r\ntrait b = 2\r\n", "trait a = 1\n\ntrait b = 2\n"],
  ["several declarations in a line", "event a event b { x: string }", "event a\nevent b {\n  x: string\n}\n"],
  ["one and many", "trait a = 1 hours + 2 hour + 0 day + 1.5 weeks", "trait a = 1 hour + 2 hours + 0 days + 1.5 weeks\n"],
  ["brackets: one pair of several", "trait a = (((1 + 2))) * ((b))", "trait a = (1 + 2) * (b)\n"],
  ["brackets that are not doubled", "trait a = ((1 + 2) * (3)) - (f((b)))", "trait a = ((1 + 2) * (3)) - (f((b)))\n"],
  ["a type that may be missing twice", "event a { x: string ? ? }", "event a {\n  x: string? ?\n}\n"],
  ["commas that say nothing", "event a { x: { y: string, z: number }, } rule r { on a emit \"e\" { b: 1, } }", "event a {\n  x: { y: string, z: number }\n}\nrule r {\n  on a\n\n  emit \"e\" { b: 1 }\n}\n"],
  ["columns as they were meant", "trait a  = 1\ntrait bc = 2\n\ntrait d = 1\ntrait ef = 2\n", "trait a  = 1\ntrait bc = 2\n\ntrait d = 1\ntrait ef = 2\n"],
  ["columns that have moved", "trait a   = 1 # x\ntrait bcdefg = 2  # y\n", "trait a      = 1 # x\ntrait bcdefg = 2 # y\n"],
])("%s", (_, text, laidOut) => {
  expect(formatted(text)).toBe(laidOut);
});

test.each([
  ["a word that cannot stand there", "trait a  = = 1\ntrait   b = 2"],
  ["a character that means nothing", "trait   b = 2;"],
  ["a string without an end", 'rule r { on a   emit "x }'],
])("%s: the file is left as it is", (_, text) => {
  const result = formatText("a.eddy", text);
  expect(result.text).toBe(text);
  expect(result.diagnostics.length).toBeGreaterThan(0);
});
