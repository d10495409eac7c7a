/**
 * `eddy check`: compiles the rules and tells everything that is wrong, at once. Findings go to stderr with the lines they
 * are about; with `--json` they go to stdout as data. Errors make exit code 1, warnings alone do not.
 */
import { summary, toJson } from "../dsl/diagnostics/render.js";
import type { CommandCall } from "./commands.js";
import { EXIT, type ExitCode } from "./exit.js";
import { print, say } from "./io.js";
import { compileRules, showFindings, sourcesOf, type LoadedRules } from "./program.js";

export async function checkCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  const loaded = await compileRules(configuration, io);
  if (configuration.get("json") === true) print(io, JSON.stringify(report(loaded)));
  else {
    showFindings(io, loaded.diagnostics, loaded.files);
    say(io, closing(loaded));
  }
  return loaded.program === null ? EXIT.findings : EXIT.ok;
}

function report(loaded: LoadedRules): object {
  const { program, diagnostics, files } = loaded;
  return {
    ok: program !== null,
    files: files.map(({ file }) => file),
    ...(program === null ? {} : { hash: program.hash, counts: { events: program.events.length, traits: program.traits.length, segments: program.segments.length, channels: program.channels.length, rules: program.rules.length } }),
    diagnostics: toJson(diagnostics, sourcesOf(files)),
  };
}

/** `12 events, 20 rules, 12 segments in 5 files: no errors, 1 warning`. */
function closing({ program, diagnostics, files }: LoadedRules): string {
  const found = diagnostics.length === 0 ? "no errors" : program === null ? summary(diagnostics) : `no errors, ${summary(diagnostics)}`;
  const where = counted(files.length, "file");
  if (program === null) return `${where}: ${found}`;
  return `${counted(program.events.length, "event")}, ${counted(program.rules.length, "rule")}, ${counted(program.segments.length, "segment")} in ${where}: ${found}`;
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? "" : "s"}`;
