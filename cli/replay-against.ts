/**
 * `eddy replay RULES --against OLD`: the same events through both programs, and what they do differently. The difference goes to
 * standard output, as text or, with --json, as JSON; each single one where --actions, --changes, --members and --traits say.
 */
import { timeText } from "../engine/compile/runtime.js";
import { compile } from "../engine/compile/compiled.js";
import { MAX_EVENT_BYTES } from "../engine/decode.js";
import { replayAgainst, type HistoryDifference } from "../engine/shadow/history.js";
import type { Side } from "../engine/shadow/difference.js";
import type { CommandCall } from "./commands.js";
import { differenceLines, differencesJson, differingJson } from "./difference-report.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { print, say, type Io } from "./io.js";
import { readLines, writeLines, type LineSink } from "./lines.js";
import { needProgram } from "./program.js";
import { showProgress, whole } from "./progress.js";
import { visible } from "./visible.js";

const MOST_REPORTED = 20;

/** `places`: where single differences go. */
export async function replayAgainstCommand({ io, configuration }: CommandCall, events: string, against: string, places: ReadonlyMap<string, string | undefined>): Promise<ExitCode> {
  if ([configuration.get("rules"), against, events].filter((place) => place === "-").length > 1) throw new UsageError("standard input can be only one of RULES, --against and --events");
  const before = await needProgram(configuration, io, true, against);
  const after = await needProgram(configuration, io, true);
  if (before === null || after === null) return EXIT.findings;
  const source = await readLines(events, io, MAX_EVENT_BYTES * 2);
  const sinks = new Map([...places].flatMap(([name, place]) => (place === undefined ? [] : [[name, writeLines(place, io)] as const])));

  let slow: Promise<void> | undefined;
  const put = (name: string, line: () => object): void => {
    const sink: LineSink | undefined = sinks.get(name);
    if (sink !== undefined) slow = sink.write(JSON.stringify(line())) ?? slow;
  };
  const dead: Record<Side, number> = { old: 0, new: 0 };
  const replay = replayAgainst(compile(before), compile(after), {
    message: (rule, differing) => put("actions", () => ({ difference: differing.k, rule, ...differingJson(differing) })),
    turn: (program, { segment, customer, at, entered }) => put("changes", () => ({ program, segment, customer, time: timeText(at), change: entered ? "entered" : "left" })),
    member: (segment, customer, program) => put("members", () => ({ program, segment, customer })),
    trait: (trait, customer, old, now) => put("traits", () => ({ trait, customer, old, new: now })),
    dead: (side, body) => { if (++dead[side] <= MOST_REPORTED) showDead(io, side, body); },
  });

  let interrupted = false;
  void io.interrupted().then(() => { interrupted = true; });
  const progress = showProgress(io, () => `replayed ${whole(replay.new.lines)} events under both programs`);
  const drained = async (): Promise<void> => {
    await slow;
    slow = undefined;
  };
  for await (const batch of source.batches) {
    for (const { number, bytes } of batch) replay.line(bytes === null ? null : bytes.toString("utf8"), number);
    if (slow !== undefined) await drained();
    if (interrupted) break;
  }
  const until = configuration.get("until");
  if (until !== undefined && !interrupted) replay.until(until);
  progress.end();
  const found = replay.end(configuration.get("traits") !== undefined);
  await drained();
  for (const sink of sinks.values()) await sink.close();
  const { lines: taken, clock } = replay.new;
  const customers = { old: replay.old.customers, new: replay.new.customers };
  const isShared = [...places.values()].includes("-");
  if (configuration.get("json") === true && !isShared) {
    print(io, JSON.stringify({ programs: { old: before.hash, new: after.hash }, events: taken, clock: timeText(clock), customers, dead, ...differencesJson(found) }));
  } else {
    const tell = isShared ? say : print;
    for (const line of told(found)) tell(io, line);
  }
  say(io, `${whole(taken)} events of ${whole(customers.new)} customers under both programs${dead.old + dead.new === 0 ? "" : `; dead letters: ${whole(dead.old)} old, ${whole(dead.new)} new`}`);
  return interrupted ? EXIT.interrupted : dead.old + dead.new > 0 ? EXIT.findings : EXIT.ok;
}

const told = (found: HistoryDifference): string[] => {
  const lines = differenceLines(found);
  return lines.length === 0 ? ["neither program has segments or rules that did anything"] : lines;
};

function showDead(io: Io, side: Side, body: string): void {
  const { data } = JSON.parse(body) as { data: { reason: string; detail: string; subject: string } };
  say(io, visible(`${side} program: ${data.subject}: ${data.reason}: ${data.detail}`));
}
