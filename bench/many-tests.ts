/** The rule library with their own tests over and over again: as many tests as a company has. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { homeFile } from "../cli/home.js";
import type { SourceFile } from "../dsl/compile.js";

/** `least` tests or a few more, all under names of their own. */
export function manyTests(least: number): readonly SourceFile[] {
  const folder = homeFile("rules");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".eddy")).sort().map((file) => ({ file, text: readFileSync(join(folder, file), "utf8") }));
  const own = files.reduce((count, { text }) => count + [...text.matchAll(/^test "/gm)].length, 0);
  const times = Math.ceil(least / own);
  return files.map(({ file, text }) => {
    const begins = text.search(/^test "/m);
    if (begins < 0) return { file, text };
    const tests = text.slice(begins);
    const copies = Array.from({ length: times }, (_, i) => tests.replace(/^test "/gm, `test "${i + 1}: `));
    return { file, text: `${text.slice(0, begins)}${copies.join("\n")}` };
  });
}
