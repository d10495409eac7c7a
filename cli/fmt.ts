/**
 * `eddy fmt`: brings rule files into the one canonical layout, in place. The names of the files that changed (with
 * `--check`: would change) go to stdout, a line each. A file that cannot be read as rules is left alone and its mistakes
 * are told; the others are formatted all the same.
 *
 * A file is replaced as a whole, through a new one beside it: whoever reads it meanwhile sees the old text or the new.
 */
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

import type { SourceFile } from "../dsl/compile.js";
import { formatText, type Formatted } from "../dsl/format.js";
import type { CommandCall } from "./commands.js";
import { EXIT, type ExitCode } from "./exit.js";
import { print, say, type Io } from "./io.js";
import { showFindings } from "./program.js";
import { loadRules } from "./rules.js";

interface Looked extends Formatted {
  readonly source: SourceFile;
}

export async function fmtCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  const place = configuration.get("rules");
  const checking = configuration.get("check") === true;
  const files = await loadRules(place, io);
  // All are laid out before one is written: a bug of ours then changes nothing.
  const looked = files.map((source): Looked => ({ source, ...formatText(source.file, source.text) }));
  const diagnostics = looked.flatMap((one) => one.diagnostics);
  showFindings(io, diagnostics, files);
  const changed = looked.filter(({ source, text }) => text !== source.text);
  const wrong = looked.filter((one) => one.diagnostics.length > 0).length;
  if (place === "-" && !checking) {
    if (wrong === 0) io.stdout.write(looked.map(({ text }) => text).join(""));
    return wrong > 0 ? EXIT.findings : EXIT.ok;
  }
  let skipped = 0;
  for (const { source, text } of changed) {
    if (checking || (await replaced(source, text, io))) print(io, source.file);
    else skipped++;
  }
  if (checking) sayLineEnds(io, changed);
  say(io, closing(files.length, changed.length - skipped, wrong, checking));
  return wrong > 0 || skipped > 0 || (checking && changed.length > 0) ? EXIT.findings : EXIT.ok;
}

/** What cannot be seen in an editor: a carriage return at the ends of the lines. */
function sayLineEnds(io: Io, changed: readonly Looked[]): void {
  for (const { source, text } of changed) {
    if (!source.text.includes("\r")) continue;
    const alone = source.text.replace(/\r\n?/g, "\n") === text;
    say(io, `${source.file}: its lines end with CR LF, as on Windows, and not with LF${alone ? "; nothing else differs" : ""}`);
  }
}

/** False where the file is another than the one that was read. */
async function replaced({ file, text: before }: SourceFile, text: string, io: Io): Promise<boolean> {
  // A link stays one.
  const path = await realpath(resolve(io.folder, file));
  const { mode } = await stat(path);
  const beside = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  try {
    const handle = await open(beside, "wx", mode);
    try {
      await handle.writeFile(text);
      // What the process masks out of new files' modes.
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (new TextDecoder().decode(await readFile(path)) !== before) {
      say(io, `eddy: ${file} was changed by somebody else just now and is left as it is`);
      return false;
    }
    await rename(beside, path);
    return true;
  } finally {
    await rm(beside, { force: true });
  }
}

/** `12 files: 2 formatted, 1 with errors left as it is`. */
function closing(all: number, changed: number, wrong: number, checking: boolean): string {
  const done = checking ? `${changed} not in the canonical layout` : `${changed} formatted`;
  const parts = [changed > 0 ? done : wrong === 0 ? "nothing to change" : "", wrong > 0 ? `${wrong} with errors` : ""];
  return `${all} ${all === 1 ? "file" : "files"}: ${parts.filter((part) => part !== "").join(", ")}`;
}
