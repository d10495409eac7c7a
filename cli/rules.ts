/**
 * Finds the rules that a person means: a folder with everything below it, one file, or standard input.
 *
 * Names are as a person would write them (relative to the current folder, forward slashes) and sorted, so that
 * diagnostics and hashes do not depend on the file system.
 */
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";

import type { SourceFile } from "../dsl/compile.js";
import { UsageError } from "./exit.js";
import type { Io } from "./io.js";

const DEFAULT_RULES = "rules";
const RULE_ENDING = ".eddy";

/** There are no rules where they were said to be. */
export class NoRules extends UsageError { override readonly name = "NoRules"; }

/** More than any program needs; whoever points at a disk by mistake should hear of it soon. */
const MOST_FILES = 10_000;

/** `place`: a folder, a file or `-`; ./rules unless given. Throws NoRules. */
export async function loadRules(place: string | undefined, io: Pick<Io, "folder" | "stdin">): Promise<SourceFile[]> {
  return (await readPlace(place ?? resolve(io.folder, DEFAULT_RULES), io)).sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** Changes whenever a rule file at `place` changes, comes or goes. Throws NoRules. */
export async function rulesStamp(place: string | undefined, io: Pick<Io, "folder">): Promise<string> {
  const paths = (await pathsAt(resolve(io.folder, place ?? DEFAULT_RULES), io)).sort();
  const stamps = await Promise.all(paths.map(async (path) => {
    const found = await stat(path).catch(() => null);
    return found === null ? path : `${path} ${found.size} ${found.mtimeMs} ${found.ino}`;
  }));
  return stamps.join("\n");
}

async function readPlace(place: string, io: Pick<Io, "folder" | "stdin">): Promise<SourceFile[]> {
  if (place === "-") return [{ file: "<stdin>", text: await readAll(io.stdin) }];
  const paths = await pathsAt(resolve(io.folder, place), io);
  return Promise.all(paths.map(async (each) => ({ file: nameOf(each, io.folder), text: await readText(each, io.folder) })));
}

/** The files that are meant. */
async function pathsAt(path: string, io: Pick<Io, "folder">): Promise<string[]> {
  const kind = await stat(path).catch(() => null);
  if (kind === null) {
    throw new NoRules(`there is no file or folder ${nameOf(path, io.folder)}: name the folder that holds your *${RULE_ENDING} files, such as "eddy check ./rules"`);
  }
  const paths = kind.isDirectory() ? await filesBelow(path) : [path];
  if (paths.length === 0) throw new NoRules(`there are no *${RULE_ENDING} files in ${nameOf(path, io.folder)} or the folders below it`);
  return paths;
}

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const entry of await readdir(next, { withFileTypes: true })) {
      if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
      const path = join(next, entry.name);
      const kind = entry.isSymbolicLink() ? await stat(path).catch(() => null) : entry;
      // A link to a folder could lead round in a circle; a link to a file cannot.
      if (kind?.isDirectory() === true && !entry.isSymbolicLink()) waiting.push(path);
      else if (kind?.isFile() === true && entry.name.endsWith(RULE_ENDING)) found.push(path);
      if (found.length > MOST_FILES) throw new NoRules(`there are more than ${MOST_FILES} *${RULE_ENDING} files in ${folder}: name a smaller folder`);
    }
  }
  return found;
}

async function readText(path: string, folder: string): Promise<string> {
  const bytes = await readFile(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new NoRules(`${nameOf(path, folder)} is not text in UTF-8`);
  }
}

async function readAll(stream: AsyncIterable<string | Uint8Array>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

function nameOf(path: string, folder: string): string {
  const name = relative(folder, path);
  return name === "" ? "." : name.startsWith(`..${sep}..${sep}..`) ? path : name.split(sep).join("/");
}
