/** The rules in the documents are true: they compile, their tests pass, and what is said to be wrong is wrong. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import type { Diagnostic } from "../../dsl/diagnostics/codes.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { ran, sourcesOf } from "../testing/suites.js";
import { type Block, BLOCK_FILE, blocksOf } from "./blocks.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const documents = ["README.md", ...readdirSync(`${root}docs`).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)].filter((name) => existsSync(root + name));
const blocks = documents.flatMap((name) => blocksOf(name, readFileSync(root + name, "utf8")));

/** A block shows one thing: what else would use it is not there. */
const UNUSED = new Set(["W0001", "W0002", "W0003"]);

const shown = ({ code, message }: Diagnostic): string => `${code} ${message}`;
const codesOf = (found: readonly Diagnostic[]): readonly string[] => [...new Set(found.map(({ code }) => code))].sort();

function findings({ files, codes }: Block): { readonly there: readonly Diagnostic[]; readonly elsewhere: readonly Diagnostic[] } {
  const all = compileProgram(files).diagnostics;
  const [there, elsewhere] = [all.filter(({ span }) => span.file === BLOCK_FILE), all.filter(({ span }) => span.file !== BLOCK_FILE)];
  return { there: there.filter(({ code }) => !UNUSED.has(code) || codes?.includes(code) === true), elsewhere: elsewhere.filter(({ code }) => !UNUSED.has(code)) };
}

const of = (kind: Block["kind"]): readonly (readonly [string, Block])[] => blocks.filter((block) => block.kind === kind).map((block) => [block.place, block] as const);

describe.each([...of("program"), ...of("fragment")])("%s", (_, block) => {
  test("compiles", () => {
    const { there, elsewhere } = findings(block);
    if (block.codes === null) expect(there.map(shown)).toEqual([]);
    expect(codesOf(there)).toEqual([...(block.codes ?? [])].sort());
    expect(elsewhere.map(shown)).toEqual([]);
    expect(compileProgram(block.files).program).not.toBeNull();
  });

  // An expectation that W0014 warns of cannot be met.
  test.skipIf(block.codes?.includes("W0014") === true)("passes its tests", () => {
    expect(ran(...block.files).told).toBe("");
  });
});

describe.each(of("wrong"))("%s", (_, block) => {
  test("is wrong as it is said to be", () => {
    const { there, elsewhere } = findings(block);
    expect(elsewhere.map(shown)).toEqual([]);
    expect(compileProgram(block.files).program).toBeNull();
    if (block.codes !== null) expect(codesOf(there)).toEqual([...block.codes].sort());
    if (block.said === null) return;
    // The last line counts the findings.
    expect(renderAll(there, sourcesOf(block.files)).split("\n").slice(0, -2).join("\n").trimEnd()).toBe(block.said.trimEnd());
  });
});

describe("the blocks of a document", () => {
  const document = [
    "```eddy", "event a { n: number }", "profile { x: number? }", "channel c { when true }", "trait t = count(a)", "```", "",
    "```eddy fragment", "channel c { when profile.x > 1 }", "rule r { on a  send c \"x\" }", "```", "",
    "```eddy wrong E0103", "rule r { on b  emit \"x\" }", "```", "", "```text", "error", "```", "",
  ].join("\n");

  test("are found with their lines, and what they lean on", () => {
    const found = blocksOf("x.md", document);
    expect(found.map(({ place, kind, codes, said }) => ({ place, kind, codes, said }))).toEqual([
      { place: "x.md:1", kind: "program", codes: null, said: null },
      { place: "x.md:8", kind: "fragment", codes: null, said: null },
      { place: "x.md:13", kind: "wrong", codes: ["E0103"], said: "error\n" },
    ]);
    expect(found[1]?.files[0]?.text).toBe("event a { n: number }\nprofile { x: number? }\n");
    expect(found[2]?.files[0]?.text).toBe("event a { n: number }\nprofile { x: number? }\nchannel c { when true }\n");
  });

  test("are refused where nobody would look at them", () => {
    expect(() => blocksOf("x.md", "```eddy fragmnt\n```\n")).toThrow("x.md:1");
    expect(() => blocksOf("x.md", "```eddy wrong E103\n```\n")).toThrow("x.md:1");
  });

  test("are many in the reference of the language", () => {
    const mine = blocks.filter(({ place }) => place.startsWith("docs/language.md:"));
    expect(mine.length).toBeGreaterThan(15);
    expect(mine.filter(({ files }) => files.some(({ text }) => /^test "/m.test(text))).length).toBeGreaterThan(8);
  });
});
