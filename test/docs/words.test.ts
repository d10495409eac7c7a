/** The words that no declaration can be called, as docs/language.md lists them: those of the lexer and the functions. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { FUNCTION_NAMES } from "../../dsl/check/words.js";
import { compileProgram } from "../../dsl/compile.js";
import { HARD, SOFT } from "../../dsl/lexer.js";

const page = readFileSync(fileURLToPath(new URL("../../docs/language.md", import.meta.url)), "utf8");

function listedAfter(sentence: string): readonly string[] {
  const [, list = ""] = page.split(`\n${sentence}\n\n`);
  return [...(list.split("\n\n")[0] ?? "").matchAll(/`(\w+)`/g)].map(([, word = ""]) => word);
}

const words = listedAfter("No declaration can be called by a word of the language:");
const functions = listedAfter("nor like a function:");

test("the words of the language are listed in full", () => {
  expect(words).toEqual([...HARD, ...SOFT].sort());
});

test("so are the functions", () => {
  expect(functions).toEqual([...FUNCTION_NAMES].filter((name) => !words.includes(name)).sort());
});

test.each([...words, ...functions])("nothing can be called %s", (word) => {
  const { diagnostics } = compileProgram([{ file: "a.eddy", text: `event seen\ntrait ${word} = count(seen)\n` }]);
  expect(diagnostics.map(({ code }) => code)).toContain(words.includes(word) ? "E0009" : "E0102");
});
