// The scenarios that are kept beside the project: what the language must be able to say. Absent in a plain clone.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../shared/design/corpus/", import.meta.url));

export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

export const corpus: readonly SourceFile[] = existsSync(folder)
  ? readdirSync(folder).filter((name) => name.endsWith(".eddy")).sort().map((name) => ({ name, text: readFileSync(folder + name, "utf8") }))
  : [];

/** For the names of tests that are skipped. */
export const withoutCorpus = corpus.length === 0 ? " (skipped: ../shared/design/corpus is not here)" : "";
