/** Rules from where a person keeps them to a checked program, with the findings shown as they are. */
import { compileProgram, type Compiled, type SourceFile } from "../dsl/compile.js";
import type { Diagnostic } from "../dsl/diagnostics/codes.js";
import { renderAll, summary, type Sources } from "../dsl/diagnostics/render.js";
import type { Program } from "../dsl/program.js";
import type { Configuration } from "./config.js";
import type { Io } from "./io.js";
import { loadRules } from "./rules.js";

export interface LoadedRules extends Compiled {
  readonly files: readonly SourceFile[];
}

/** Reads and compiles what the setting `rules` names, or the place that is given. Throws NoRules where there is nothing. */
export async function compileRules(configuration: Configuration, io: Pick<Io, "folder" | "stdin">, place = configuration.get("rules")): Promise<LoadedRules> {
  const files = await loadRules(place, io);
  return { files, ...compileProgram(files) };
}

/**
 * For commands that need a program: it, or null when the rules have errors. What was found is shown; nothing else is said.
 * Who asks about a customer or replays a history (`quietly`) is not the one to hear what could be written better: errors
 * alone then.
 */
export async function needProgram(configuration: Configuration, io: Io, quietly = false, place?: string): Promise<Program | null> {
  return (await needRules(configuration, io, quietly, place))?.program ?? null;
}

/** The same, with the files that make it. */
export async function needRules(configuration: Configuration, io: Io, quietly = false, place?: string): Promise<{ readonly files: readonly SourceFile[]; readonly program: Program } | null> {
  const { program, diagnostics, files } = await compileRules(configuration, io, place);
  if (program === null || !quietly) showFindings(io, diagnostics, files);
  if (program !== null) return { files, program };
  io.stderr.write(`${summary(diagnostics)}\n`);
  return null;
}

/** The findings on stderr, with the lines they are about. */
export function showFindings(io: Pick<Io, "stderr" | "terminal" | "environment">, diagnostics: readonly Diagnostic[], files: readonly SourceFile[]): void {
  if (diagnostics.length === 0) return;
  // https://no-color.org: set and not empty means no colours.
  const color = io.terminal && (io.environment["NO_COLOR"] ?? "") === "";
  const text = renderAll(diagnostics, sourcesOf(files), { color });
  // Its last line counts; commands say more than that in theirs.
  io.stderr.write(text.slice(0, -`${summary(diagnostics)}\n`.length));
}

export function sourcesOf(files: readonly SourceFile[]): Sources {
  return new Map(files.map(({ file, text }) => [file, text]));
}
