import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, test } from "vitest";
import type { Declaration } from "../../dsl/ast.js";
import { cutDeclarations } from "../../dsl/declarations.js";
import { rules } from "../../dsl/grammar.generated.js";
import { lex } from "../../dsl/lexer.js";
import { parseFile } from "../../dsl/parse.js";
import { seeded, type Sentence, sentences, written } from "./sentences.js";

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

const parsed = (text: string): readonly Declaration[] => {
  const { declarations, diagnostics } = parseFile("a.eddy", text);
  expect(diagnostics, text).toEqual([]);
  return declarations;
};

test("grammar.generated.ts is what grammar.ne says", async () => {
  const compiler: { readonly generate: (source: string) => string } = await import(at("../../dsl/compile-grammar.mjs"));
  expect(readFileSync(at("../../dsl/grammar.generated.ts"), "utf8")).toBe(compiler.generate(readFileSync(at("../../dsl/grammar.ne"), "utf8")));
});

test("every rule of the grammar is used, and every rule that is used is there", () => {
  const defined = new Set(rules.map(({ name }) => name));
  const used = new Set(rules.flatMap(({ symbols }) => symbols).filter((symbol) => typeof symbol === "string"));
  expect([...used].filter((name) => !defined.has(name))).toEqual([]);
  expect([...defined].filter((name) => name !== "declaration" && !used.has(name))).toEqual([]);
});

const COUNT = 3_000;
const SEED = 1;
const text = (sentence: Sentence): string => sentence.join(" ");

describe(`${COUNT} random sentences, seed ${SEED}`, () => {
  const all = [...sentences(SEED, COUNT)];

  test("each has one parse", () => {
    for (const sentence of all) expect(parsed(text(sentence)), text(sentence)).toHaveLength(1);
  });

  test("files of five are cut where they were joined", () => {
    const random = seeded(SEED);
    // `tier x by profile {` looks like two declarations: see declarations.ts.
    const plain = all.filter((sentence) => !/^tier .* profile {/.test(text(sentence)));
    for (let i = 0; i + 5 <= plain.length; i += 5) {
      const five = plain.slice(i, i + 5);
      const { tokens } = lex("a.eddy", five.map((sentence) => written(sentence, random)).join("\n"));
      const cuts = cutDeclarations(tokens).map(({ start, end }) => tokens.slice(start, end).map((token) => token.text).join(" "));
      expect(cuts).toEqual(five.map(text));
    }
  });
});

// nearley's data has no types: that the parser makes the nodes of ast.ts, the compiler is asked here, once.
test("every tree is of the types in ast.ts", () => {
  const declarations = [
    ...parsed(readFileSync(at("../goldens/syntax/forms.eddy"), "utf8")),
    ...[...sentences(2, 100)].flatMap((sentence) => parsed(text(sentence))),
  ];
  const literals = declarations.map((declaration) => JSON.stringify(declaration, (key, value: unknown) => (key === "span" ? "SPAN" : value)).replaceAll('"SPAN"', "span"));
  const [first = ""] = literals;
  // The compiler reports an expected error that does not come: so it is seen that it would notice.
  const wrong = [['"k":"event"', '"k":"evnt"'], ['"unit":"year"', '"unit":"years"'], ['"value":0', '"value":"0"'], ['"k":"union"', '"more":1,"k":"union"']] as const;
  const lines = [
    'import type { Declaration, Span } from "./ast.js";',
    "declare const span: Span;",
    ...literals.map((literal, i) => `export const good${i}: Declaration = ${literal};`),
    ...wrong.map(([from, to], i) => `// @ts-expect-error\nexport const wrong${i}: Declaration = ${first.replace(from, to)};`),
  ];
  expect(typeErrors(at("../../dsl/trees.ts"), lines.join("\n"))).toEqual([]);
});

function typeErrors(path: string, source: string): readonly string[] {
  const options: ts.CompilerOptions = {
    target: ts.ScriptTarget.ES2023,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    strict: true,
    exactOptionalPropertyTypes: true,
    noEmit: true,
    types: [],
    lib: ["lib.es5.d.ts"],
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.getSourceFile = (name, language, ...rest) => (name === path ? ts.createSourceFile(name, source, language) : getSourceFile(name, language, ...rest));
  host.fileExists = (name) => name === path || fileExists(name);
  const program = ts.createProgram([path], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n").slice(0, 400));
}
