/**
 * `eddy recover [PARTITION]`: which partitions cannot go on, why, and what each choice would cost; with a choice, decides.
 *
 * Without a choice nothing is changed. With one, only partitions that cannot go on are touched, unless one is named:
 * that one may be rebuilt for any reason.
 */
import { randomUUID } from "node:crypto";
import { choicesOf, consequence, decide, examine, faultsOf, isFine, notesOf, type Choice, type Examined } from "../engine/recover.js";
import type { CommandCall } from "./commands.js";
import type { Configuration } from "./config.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { print, say, type Io } from "./io.js";
import { openPorts, type OpenedPorts } from "./open.js";
import { findPlace } from "./place.js";
import { whole } from "./progress.js";

const CHOICES: readonly Choice[] = ["accept-data-loss", "rebuild"];

export async function recoverCommand({ io, configuration, arguments: given }: CommandCall): Promise<ExitCode> {
  const choice = chosen(configuration);
  // Looking does not need the folder for itself; a decision must not be made under a running engine.
  const ports = await openPorts(findPlace(configuration, io, "both"), { now: io.now, engine: choice !== null });
  try {
    const named = partitionNamed(given.get("PARTITION"), ports.partitions);
    const examined: Examined[] = [];
    for (let index = 0; index < ports.partitions; index++) {
      if (named === null || named === index) examined.push(await examine(index, ports));
    }
    if (choice === null) return show(examined, ports, configuration.get("json") === true, io);
    return await carryOut(examined.filter((x) => !isFine(x) || (named !== null && choice === "rebuild")), choice, ports, io);
  } finally {
    await ports.close();
  }
}

function chosen(configuration: Configuration): Choice | null {
  const wanted = CHOICES.filter((choice) => configuration.get(choice) === true);
  if (wanted.length > 1) throw new UsageError("--accept-data-loss and --rebuild are different decisions: choose one");
  for (const choice of wanted) {
    // A decision is about what is wrong now: left in a file it would be made again and again.
    if (configuration.origin(choice)?.kind !== "flag") throw new UsageError(`--${choice} is a decision: give it on the command line (it is ${configuration.origin(choice)?.words ?? "elsewhere"})`);
  }
  return wanted[0] ?? null;
}

function partitionNamed(text: string | undefined, partitions: number): number | null {
  if (text === undefined) return null;
  const index = Number(text);
  if (!/^\d+$/.test(text) || index >= partitions) throw new UsageError(`there is no partition ${text}: they are 0 to ${partitions - 1}`);
  return index;
}

function show(examined: readonly Examined[], ports: OpenedPorts, json: boolean, io: Io): ExitCode {
  if (json) print(io, JSON.stringify(examined.map(asJson), null, 2));
  else for (const x of examined) print(io, readable(x));
  const stuck = examined.filter((x) => !isFine(x)).length;
  say(io, stuck === 0 ? `${ports.where}: every partition can go on` : `${ports.where}: ${stuck} of ${examined.length} cannot go on; nothing was changed`);
  return stuck === 0 ? EXIT.ok : EXIT.findings;
}

function readable(x: Examined): string {
  const lines: string[] = [];
  if (isFine(x)) lines.push(`partition ${x.partition}: ${goingOn(x)}`);
  else {
    for (const fault of faultsOf(x)) lines.push(`partition ${x.partition}: ${fault.what}`);
    for (const choice of choicesOf(x)) lines.push(`  eddy recover ${x.partition} --${choice}`, `    ${consequence(x, choice)}`);
  }
  for (const note of notesOf(x.meta.fields)) lines.push(`  decided ${note.at}: ${note.choice}, at event ${whole(note.offset)}${[note.log, note.outputs].filter((kind) => kind !== "").map((kind) => ` (${kind})`).join("")}`);
  return lines.join("\n");
}

function goingOn({ meta, published }: Examined): string {
  if (meta.offset > 0) return `can go on behind event ${whole(meta.offset)}, with ${whole(published)} outputs published`;
  return `can begin with the oldest event${published === 0 ? "" : `, and says nothing again of the ${whole(published)} outputs that are published`}`;
}

function asJson(x: Examined): unknown {
  return {
    partition: x.partition, offset: x.meta.offset, published: x.published, faults: faultsOf(x),
    choices: Object.fromEntries(choicesOf(x).map((choice) => [choice, consequence(x, choice)])), decided: notesOf(x.meta.fields),
  };
}

async function carryOut(stuck: readonly Examined[], choice: Choice, ports: OpenedPorts, io: Io): Promise<ExitCode> {
  if (stuck.length === 0) say(io, `${ports.where}: every partition can go on; nothing was changed`);
  for (const { partition } of stuck) {
    const { what } = await decide(partition, { choice, token: randomUUID(), now: io.now() }, ports);
    print(io, `partition ${partition}: ${what}`);
  }
  if (stuck.length > 0) say(io, "done; start the engine again: it looks at its partitions when it starts");
  return EXIT.ok;
}
