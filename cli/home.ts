/** Where Eddy itself lies: its package.json, its rule libraries. The same from the sources and from what is built of them. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The path of a file that comes with Eddy, such as `rules/shop`. */
export function homeFile(name: string): string {
  return join(home(), name);
}

/** Eddy's own version. */
export function version(): string {
  const { version } = JSON.parse(readFileSync(homeFile("package.json"), "utf8")) as { readonly version: string };
  return version;
}

function home(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) throw new Error(`there is no package.json above ${start}: the installation of Eddy is not complete`);
  }
}
