/**
 * `eddy replay`: a file of events through the engine, everything in memory, no server. Time is the events' own; with
 * `--until` the clock is moved on at the end. Bad lines become dead letters, are shown and make exit code 1. With `--against`
 * two programs are compared (replay-against.ts).
 */
import { compile } from "../engine/compile/compiled.js";
import { MAX_EVENT_BYTES } from "../engine/decode.js";
import { createReplay, type Replay } from "../engine/replay.js";
import { segmentSizes } from "../engine/stats.js";
import type { CommandCall } from "./commands.js";
import { EXIT, UsageError, type ExitCode } from "./exit.js";
import { print, say, type Io } from "./io.js";
import { readLines, refuseSharedOutput, writeLines, type LineSink } from "./lines.js";
import { needProgram } from "./program.js";
import { showProgress, whole } from "./progress.js";
import { visible } from "./visible.js";

const MOST_REPORTED = 20;

export async function replayCommand(call: CommandCall): Promise<ExitCode> {
  const { io, configuration } = call;
  const events = configuration.get("events");
  if (events === undefined) throw new UsageError("replay needs --events FILE, a file of one CloudEvent a line (- for standard input)");
  const places = new Map((["actions", "changes", "members", "traits"] as const).map((name) => [name, configuration.get(name)]));
  refuseSharedOutput(places);
  const against = configuration.get("against");
  if (against !== undefined) return (await import("./replay-against.js")).replayAgainstCommand(call, events, against, places);
  const program = await needProgram(configuration, io, true);
  if (program === null) return EXIT.findings;
  const source = await readLines(events, io, MAX_EVENT_BYTES * 2);
  const sinks = new Map([...places].flatMap(([name, place]) => (place === undefined ? [] : [[name, writeLines(place, io)] as const])));

  let slow: Promise<void> | undefined;
  let dead = 0;
  const put = (sink: LineSink | undefined, line: string): void => { slow = sink?.write(line) ?? slow; };
  const replay = createReplay(compile(program), ({ subject, body }) => {
    if (subject.startsWith("actions.")) put(sinks.get("actions"), body);
    else if (subject.startsWith("segments.")) put(sinks.get("changes"), body);
    else if (++dead <= MOST_REPORTED) showDead(io, body);
  });

  const started = io.now();
  let interrupted = false;
  void io.interrupted().then(() => { interrupted = true; });
  const progress = showProgress(io, () => `replayed ${whole(replay.lines)} events${percent(source.progress())}`);
  for await (const batch of source.batches) {
    for (const { number, bytes } of batch) replay.line(bytes === null ? null : bytes.toString("utf8"), number);
    if (slow !== undefined) {
      await slow;
      slow = undefined;
    }
    if (interrupted) break;
  }
  const until = configuration.get("until");
  if (until !== undefined && !interrupted) replay.until(until);
  progress.end();
  await writeEnd(replay, sinks);
  for (const sink of sinks.values()) await sink.close();
  closing(io, replay, dead, io.now() - started);
  if (configuration.get("json") === true && ![...places.values()].includes("-")) print(io, JSON.stringify(figures(replay, dead)));
  return interrupted ? EXIT.interrupted : dead > 0 ? EXIT.findings : EXIT.ok;
}

function showDead(io: Io, body: string): void {
  const { data } = JSON.parse(body) as { data: { reason: string; detail: string; subject: string } };
  say(io, visible(`${data.subject}: ${data.reason}: ${data.detail}`));
}

const percent = (share: number | null): string => (share === null ? "" : `, ${Math.floor(share * 100)} %`);

async function writeEnd(replay: Replay, sinks: ReadonlyMap<string, LineSink>): Promise<void> {
  const members = sinks.get("members");
  if (members !== undefined) for (const member of replay.members()) await members.write(JSON.stringify(member));
  const traits = sinks.get("traits");
  if (traits !== undefined) for (const { customer, values } of replay.traits()) await traits.write(JSON.stringify({ customer, ...values }));
}

function figures(replay: Replay, dead: number): object {
  const { stats } = replay;
  const count = (values: Iterable<number>): number => [...values].reduce((total, n) => total + n, 0);
  return {
    events: replay.lines, dead, clock: new Date(replay.clock).toISOString(), customers: replay.customers,
    actions: count([...stats.actions.values()].flatMap((byTemplate) => [...byTemplate.values()])),
    changes: count([...stats.segmentChanges.values()].map(({ entered, left }) => entered + left)),
    segments: Object.fromEntries(segmentSizes(stats)),
  };
}

function closing(io: Io, replay: Replay, dead: number, ms: number): void {
  const { actions, changes, customers } = figures(replay, dead) as { actions: number; changes: number; customers: number };
  const rate = ms > 0 ? `, ${whole(Math.round((replay.lines * 1000) / ms))} a second` : "";
  say(io, `${whole(replay.lines)} events of ${whole(customers)} customers in ${(ms / 1000).toFixed(1)} s${rate}: ${whole(actions)} actions, ${whole(changes)} changes of membership, ${whole(dead)} dead letters`);
}
