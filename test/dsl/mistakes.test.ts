/**
 * Mistakes that authors make, each with exactly what is said of it: one finding, at the place of the mistake, that names
 * the way out. UPDATE_GOLDENS=1 writes them anew; read the difference as an author would.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { PRELUDE } from "../../dsl/diagnostics/examples.js";
import { renderAll } from "../../dsl/diagnostics/render.js";

const folder = fileURLToPath(new URL("../goldens/mistakes/", import.meta.url));
const LINE = "---- what is said of it ----\n";
const FILE = "shop/rules.eddy";
const names = readdirSync(folder).filter((name) => name.endsWith(".txt")).sort();

describe("one mistake, one finding", () => {
  test.each(names)("%s", (name) => {
    const [program = ""] = readFileSync(folder + name, "utf8").split(LINE);
    const found = compileProgram([{ file: "prelude.eddy", text: PRELUDE }, { file: FILE, text: program }]).diagnostics.filter(({ span }) => span.file === FILE);
    const text = `${program}${LINE}${renderAll(found, new Map([[FILE, program]]))}`;
    if (process.env["UPDATE_GOLDENS"] === "1") writeFileSync(folder + name, text);
    expect(text).toBe(readFileSync(folder + name, "utf8"));
    expect(found.map(({ severity, message }) => `${severity}: ${message}`)).toHaveLength(1);
    const [only] = found;
    expect(only?.severity).toBe("error");
    // The way out stands behind the carets or below.
    expect(only?.label ?? only?.notes?.join(" ")).toBeDefined();
  });

  test("there are many of them", () => {
    expect(names.length).toBeGreaterThan(80);
  });
});
