// Goldens: a program, and exactly what is said of it. UPDATE_GOLDENS=1 writes them anew; read the difference.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { codes } from "../../dsl/diagnostics/codes.js";
import { renderAll } from "../../dsl/diagnostics/render.js";

const folder = fileURLToPath(new URL("../goldens/check/", import.meta.url));
const LINE = "---- what is said of it ----\n";
const FILE = "shop/rules.eddy";
const names = readdirSync(folder).filter((name) => name.endsWith(".txt")).sort();

describe("what is said of a program that parses", () => {
  test.each(names)("%s", (name) => {
    const [program = ""] = readFileSync(folder + name, "utf8").split(LINE);
    const { diagnostics, program: made } = compileProgram([{ file: FILE, text: program }]);
    const text = `${program}${LINE}${renderAll(diagnostics, new Map([[FILE, program]]))}`;
    if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(folder + name, text);
    expect(text).toBe(readFileSync(folder + name, "utf8"));
    const found = diagnostics.map(({ code }) => code);
    expect(found).toContain(name.slice(0, 5));
    expect(found.some((code) => code.startsWith("E00"))).toBe(false);
    expect(made === null).toBe(found.some((code) => code.startsWith("E")));
  });

  test("there is one for every code of the checker", () => {
    const mine = Object.entries(codes).filter(([code, { retired }]) => !code.startsWith("E00") && retired !== true).map(([code]) => code);
    expect([...new Set(names.map((name) => name.slice(0, 5)))]).toEqual(mine);
  });
});
