/**
 * `eddy check`: compiles the rules and tells everything that is wrong, at once. Findings go to stderr with the lines they
 * are about; with `--json` they go to stdout as data, with `--sarif` also to a file for a code host. Errors make exit
 * code 1, warnings alone do not. `--cost` adds what the program takes in the state of a customer.
 */
import { writeFile } from "node:fs/promises";

import { summary, toJson } from "../dsl/diagnostics/render.js";
import { toSarif } from "../dsl/diagnostics/sarif.js";
import type { CommandCall } from "./commands.js";
import { EXIT, type ExitCode, UsageError } from "./exit.js";
import { version } from "./home.js";
import { type Io, print, say } from "./io.js";
import { compileRules, showFindings, sourcesOf, type LoadedRules } from "./program.js";

export async function checkCommand({ io, configuration }: CommandCall): Promise<ExitCode> {
  const [asJson, sarif, withCost] = [configuration.get("json") === true, configuration.get("sarif"), configuration.get("cost") === true];
  if (sarif === "-" && (asJson || withCost)) throw new UsageError("--sarif - takes standard output for itself: give --sarif a file, or leave --json and --cost away");
  const loaded = await compileRules(configuration, io);
  if (sarif !== undefined) await writeSarif(io, sarif, loaded);
  // Half of the engine knows what a program takes; an editor that asks for the findings alone should not wait for it.
  const costs = withCost ? await import("./cost.js") : null;
  const cost = costs?.costReport(loaded) ?? null;
  if (asJson) print(io, JSON.stringify({ ...report(loaded), ...(cost === null ? {} : { cost }) }));
  else {
    showFindings(io, loaded.diagnostics, loaded.files);
    if (costs !== null && cost !== null) print(io, costs.costTable(cost, !("isTTY" in io.stdout && io.stdout.isTTY === true)));
    say(io, closing(loaded));
  }
  return loaded.program === null ? EXIT.findings : EXIT.ok;
}

async function writeSarif(io: Io, place: string, { diagnostics, files }: LoadedRules): Promise<void> {
  const text = JSON.stringify(toSarif(diagnostics, sourcesOf(files), version()), null, 2);
  if (place === "-") return print(io, text);
  try {
    await writeFile(place, `${text}\n`);
  } catch (error) {
    throw new UsageError(`--sarif: ${place} cannot be written: ${(error as Error).message}`);
  }
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
