// Makes a checkout ready to run: the packages that package.json names, and dist/ built from the sources. Plain Node
// without packages, since it runs before there are any. Does nothing, fast, when everything is there; in an installed
// package, which has no sources, it does nothing at all.
//
// Several may start at once (tests do): one builds, the others wait; files are replaced one by one, each as a whole, so
// that a program that is starting never reads half a file.

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";

export const OLDEST_NODE = 20;

/** Something that the person who called can mend; the message says how. */
export class NotReady extends Error {
  expected = true;
}

/** Packages and build. `home` is the folder of package.json. Throws NotReady. */
export function ready(home) {
  checkNode();
  if (!existsSync(join(home, "tsconfig.build.json"))) return;
  install(home);
  build(home);
}

export function checkNode() {
  const version = process.versions.node;
  if (Number(version.split(".")[0]) < OLDEST_NODE) {
    throw new NotReady(`Eddy needs Node ${OLDEST_NODE} or newer, this is ${version}. https://nodejs.org has newer ones.`);
  }
}

const note = (text) => process.stderr.write(`eddy: ${text}\n`);

// ------------------------------------------------------------------------------------------------------- packages

/** Installs what package.json names and node_modules lacks, or has in another version. */
export function install(home) {
  const missing = missingPackages(home);
  if (missing.length === 0) return;
  locked(join(home, ".eddy-install.lock"), () => {
    if (missingPackages(home).length === 0) return;
    note(`installing packages (${missing.length === 1 ? missing[0] : `${missing.length} are missing`}) …`);
    // npm ci refuses a lock file that lacks packages for other machines, which some registries do not hold; npm install
    // takes the same versions from it, and leaves the file as it is with --no-save.
    const first = runNpm(home, "ci");
    if (first.status !== 0 && runNpm(home, "install", "--no-save").status !== 0) {
      process.stderr.write(first.said);
      throw new NotReady(`the packages could not be installed: "npm ci" and "npm install" in ${home} failed; what they said stands above.`);
    }
  });
}

/** npm's exit code and what it said; it is said on stderr too, but not by `npm ci`, which speaks in pages. */
function runNpm(home, ...command) {
  const [program, ...first] = npm();
  const { error, status, stdout, stderr } = spawnSync(program, [...first, ...command, "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: home,
    // stdout is for data.
    stdio: command[0] === "ci" ? "pipe" : ["ignore", 2, 2],
    encoding: "utf8",
    env: withoutNpmSettings(process.env),
  });
  if (error !== undefined) throw new NotReady(`cannot run npm (${error.message}). Install npm, then run "npm ci" in ${home}.`);
  return { status, said: `${stdout ?? ""}${stderr ?? ""}` };
}

function missingPackages(home) {
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  return Object.entries({ ...dependencies, ...devDependencies })
    .filter(([name, wanted]) => installedVersion(home, name) !== wanted)
    .map(([name]) => name);
}

function installedVersion(home, name) {
  try {
    return JSON.parse(readFileSync(join(home, "node_modules", name, "package.json"), "utf8")).version;
  } catch {
    return null;
  }
}

/** The npm that runs us, else the one on the PATH. */
function npm() {
  const running = process.env["npm_execpath"];
  return running !== undefined && /npm-cli\.[cm]?js$/.test(running) ? [process.execPath, running] : ["npm"];
}

/** npm hands its own settings down as variables; those of the outer call (--silent, say) are not meant for the inner one. */
function withoutNpmSettings(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^npm_(?:config_(?:loglevel|ignore_scripts|dry_run|global|omit|production)|lifecycle_|package_|command$)/.test(name)));
}

// ---------------------------------------------------------------------------------------------------------- build

const SETTINGS = ["package-lock.json", "tsconfig.json", "tsconfig.build.json"];
const STAMP = ".built-from";

/** Brings dist/ to what the sources say: compiles what has changed. Types are checked by `npm test`. */
export function build(home) {
  const dist = join(home, "dist");
  if (stampOf(dist) === stamp(home)) return;
  mkdirSync(dist, { recursive: true });
  locked(join(dist, ".lock"), () => {
    const before = stampOf(dist);
    const now = stamp(home);
    if (before === now) return;
    note("building …");
    const { settings, files } = JSON.parse(now);
    const old = parsed(before);
    const known = old?.settings === settings ? old.files : {};
    const changed = Object.keys(files).filter((name) => known[name] !== files[name]);
    for (const [name, text] of compile(home, changed)) replace(join(dist, name), text);
    removeStrangers(dist, new Set(Object.keys(files).map((name) => outputOf(name))));
    replace(join(dist, STAMP), now);
  });
}

const MOST_FAULTS = 20;
const outputOf = (source) => source.replace(/\.ts$/, ".js");

/**
 * The outputs by name. Every file on its own: the sources say what is a type (verbatimModuleSyntax), so nothing of other
 * files is needed.
 */
function compile(home, names) {
  const ts = createRequire(join(home, "package.json"))("typescript");
  const { config } = ts.readConfigFile(join(home, "tsconfig.build.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, home);
  // NodeNext would look into package.json, which a file on its own has not: all of ours are modules.
  const compilerOptions = { ...options, module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
  const faults = [];
  const outputs = new Map();
  for (const name of names) {
    const fileName = join(home, name);
    const { outputText, sourceMapText, diagnostics } = ts.transpileModule(readFileSync(fileName, "utf8"), { compilerOptions, fileName, reportDiagnostics: true });
    faults.push(...diagnostics);
    outputs.set(outputOf(name), outputText);
    // A map names its source by itself; from dist/ it lies elsewhere.
    if (sourceMapText !== undefined) outputs.set(`${outputOf(name)}.map`, JSON.stringify({ ...JSON.parse(sourceMapText), sources: [relative(dirname(join(home, "dist", name)), fileName)] }));
  }
  if (faults.length > 0) {
    const host = { getCurrentDirectory: () => home, getCanonicalFileName: (name) => name, getNewLine: () => "\n" };
    throw new NotReady(`the sources do not compile:\n${ts.formatDiagnostics(faults.slice(0, MOST_FAULTS), host).trimEnd()}`);
  }
  return outputs;
}

function stampOf(dist) {
  try {
    return readFileSync(join(dist, STAMP), "utf8");
  } catch {
    return null;
  }
}

/** A stamp that is not there, or not one of ours, says nothing. */
function parsed(stamp) {
  try {
    return JSON.parse(stamp);
  } catch {
    return null;
  }
}

/** What the sources are, as text: any edit, rename or removal gives another one, also when a file becomes older. */
function stamp(home) {
  const settings = createHash("sha256").update(SETTINGS.map((name) => readFileSync(join(home, name), "utf8")).join("\0")).digest("hex");
  const { include } = JSON.parse(readFileSync(join(home, "tsconfig.build.json"), "utf8"));
  const files = include.flatMap((folder) => filesBelow(join(home, folder))).filter((path) => path.endsWith(".ts") && !path.endsWith(".test.ts")).sort();
  return JSON.stringify({ settings, files: Object.fromEntries(files.map((path) => [relative(home, path), stateOf(path)])) });
}

function stateOf(path) {
  const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { size: 0, mtimeMs: 0 };
  return `${size} ${mtimeMs}`;
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

/** The file is the old one or the new one, never a part. */
function replace(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  const fresh = `${path}.new-${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, path);
}

/** Removes what no source gives any more. */
function removeStrangers(dist, wanted) {
  for (const path of filesBelow(dist)) {
    const name = relative(dist, path);
    if (!name.startsWith(".") && !wanted.has(name.replace(/\.map$/, ""))) rmSync(path, { force: true });
  }
}

// ----------------------------------------------------------------------------------------------------------- locks

const LOCK_WAIT_MS = 100;
const LONGEST_WAIT_MS = 600_000;

/** Runs work while no other process does. A lock whose owner is gone is taken over. */
function locked(file, work) {
  const since = Date.now();
  while (!tryLock(file)) {
    if (Date.now() - since > LONGEST_WAIT_MS) throw new NotReady(`another process has been busy here for ten minutes. If there is none, remove ${file}.`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_WAIT_MS);
  }
  try {
    work();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryLock(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw new NotReady(`cannot write to ${dirname(file)}: ${error.message}`);
  }
  const owner = ownerOf(file);
  if (owner !== null && !isAlive(owner)) rmSync(file, { force: true });
  return false;
}

function ownerOf(file) {
  try {
    const owner = Number(readFileSync(file, "utf8"));
    // Empty: made this moment, its owner not written yet.
    return Number.isInteger(owner) && owner > 0 ? owner : null;
  } catch {
    return null;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
