/** The rule library, folder by folder: `rules/shared` holds what all families lean on, every other folder is one family. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { SourceFile } from "../../dsl/compile.js";

const FOLDER = fileURLToPath(new URL("../../rules/", import.meta.url));
export const SHARED = "shared";

export const text = (name: string): string => readFileSync(FOLDER + name, "utf8");
export const exists = (name: string): boolean => existsSync(FOLDER + name);

/** `shared` and the families, sorted. */
export const folders: readonly string[] = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name).sort();
export const families: readonly string[] = folders.filter((name) => name !== SHARED);

/** What stands beside the folders: tests of several families together. */
export const together: readonly SourceFile[] = readdirSync(FOLDER).filter((name) => name.endsWith(".eddy")).sort().map((name) => ({ file: name, text: text(name) }));

/** Rule files of these folders, named from `rules` on: `shop/cart.eddy`. */
export const filesOf = (...wanted: readonly string[]): readonly SourceFile[] =>
  wanted.flatMap((folder) => readdirSync(FOLDER + folder).filter((name) => name.endsWith(".eddy")).sort().map((name) => ({ file: `${folder}/${name}`, text: text(`${folder}/${name}`) })));
