/**
 * The other engines that the bench of predicates measures: those that bench/comparison/package.json names. They are no
 * dependencies of the project; they are installed into a folder of their own, .comparison/, when a bench first asks. Where
 * that cannot be done they are missing, and the bench says so.
 */
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const HOME = join(import.meta.dirname, "../..");
const NAMED_IN = join(HOME, "bench/comparison");
const FOLDER = join(HOME, ".comparison");

function versions(file: string): Readonly<Record<string, string>> {
  return (JSON.parse(readFileSync(file, "utf8")) as { dependencies: Record<string, string> }).dependencies;
}

function installedVersion(name: string): string | null {
  const file = join(FOLDER, "node_modules", name, "package.json");
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version : null;
}

/** Installs what is missing; what npm said where it could not. */
export function installComparison(): string | null {
  const wanted = versions(join(NAMED_IN, "package.json"));
  if (Object.entries(wanted).every(([name, version]) => installedVersion(name) === version)) return null;
  console.log(`installing ${Object.keys(wanted).join(", ")} into .comparison/ …`);
  mkdirSync(FOLDER, { recursive: true });
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(NAMED_IN, file), join(FOLDER, file));
  copyFileSync(join(HOME, ".npmrc"), join(FOLDER, ".npmrc"));
  // npm ci refuses a lock file that lacks packages for other machines; npm install takes the same versions from it.
  const said: string[] = [];
  for (const command of [["ci"], ["install", "--no-save"]]) {
    const { status, stderr, error } = spawnSync("npm", [...command, "--no-audit", "--no-fund", "--loglevel=error"], { cwd: FOLDER, encoding: "utf8" });
    if (status === 0) return null;
    said.push(error?.message ?? stderr);
  }
  return said.join("\n");
}

/** The module of a package, with its version; null where it is not there. */
export async function otherEngine<T>(name: string, entry: string): Promise<{ readonly module: T; readonly version: string } | null> {
  const version = installedVersion(name);
  if (version === null) return null;
  try {
    return { module: await import(pathToFileURL(join(FOLDER, "node_modules", name, entry)).href) as T, version };
  } catch (error) {
    console.log(`${name} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
    return null;
  }
}
