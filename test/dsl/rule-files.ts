// Every rule text there is: the rules of this repository, the programs in its documents, and the scenarios that are kept
// beside it.

import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BLOCK_FILE, blocksOf } from "../docs/blocks.js";
import { corpus, type SourceFile } from "./corpus.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const FOLDERS = ["rules", "bench/rules", "test/retail/rules", "test/goldens/syntax"];

const below = (folder: string): readonly SourceFile[] =>
  readdirSync(root + folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".eddy")).sort()
    .map((name) => ({ name: `${folder}/${name}`, text: readFileSync(`${root}${folder}/${name}`, "utf8") }));

const documents: readonly string[] = ["README.md", ...readdirSync(`${root}docs`, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".md")).sort().map((name) => `docs/${name}`)];

/** Of `docs/diagnostics.md` too: most mistakes that it shows are none of syntax. */
export const documentBlocks: readonly SourceFile[] = documents.flatMap((name) =>
  blocksOf(name, readFileSync(root + name, "utf8")).flatMap(({ place, files }) => files.filter(({ file }) => file === BLOCK_FILE).map(({ text }) => ({ name: place, text }))));

/** The rules that people copy from. */
export const library: readonly SourceFile[] = below("rules");

export const ruleFiles: readonly SourceFile[] = FOLDERS.flatMap(below);

export const allTexts: readonly SourceFile[] = [...ruleFiles, ...documentBlocks, ...corpus];
