/** `eddy plan --status`: whether a change of rules is under way, and how far it has come. */
import { changeUnderWay, type Change } from "../engine/change/change.js";
import { currentProgram } from "../engine/change/bundle.js";
import { readJoining } from "../engine/change/joining-field.js";
import { STALE_AFTER_MS, fillProgress, remaining, secondsLeft, type FillProgress } from "../engine/change/progress.js";
import { timeText } from "../engine/compile/runtime.js";
import { metasOf } from "./before.js";
import type { Configuration } from "./config.js";
import { EXIT, type ExitCode } from "./exit.js";
import { print, type Io } from "./io.js";
import { openPorts } from "./open.js";
import { findPlace } from "./place.js";
import { length } from "./plan-report.js";
import { whole } from "./progress.js";

interface Status {
  /** Hash of the program in force; null: none was ever put in force. */
  readonly current: string | null;
  readonly change: Change | null;
  /** Null: nothing is being filled, or nobody has said anything of it yet. */
  readonly filling: FillProgress | null;
  readonly partitions: number;
  /** Partitions that run the change's program, or the one in force where no change is under way. */
  readonly switched: number;
  /** Partitions of which not all customers have been looked at under the new rules. */
  readonly joining: number;
}

export async function showStatus(io: Io, configuration: Configuration): Promise<ExitCode> {
  const ports = await openPorts(findPlace(configuration, io, "both"), { now: io.now });
  try {
    const { store, partitions } = ports;
    const [current, change, filling] = [await currentProgram(store), await changeUnderWay(store), await fillProgress(store)];
    const metas = await metasOf(store, partitions);
    const runs = change?.program ?? current;
    const status: Status = {
      current, change, filling: change !== null && filling?.change === change.id ? filling : null, partitions,
      switched: metas.filter(({ program }) => program === runs).length,
      joining: metas.filter(({ program, fields }) => program === runs && readJoining(fields) !== null).length,
    };
    print(io, configuration.get("json") === true ? JSON.stringify(statusJson(status), null, 2) : statusText(status, io.now()));
    return EXIT.ok;
  } finally {
    await ports.close();
  }
}

function statusJson({ current, change, filling, partitions, switched, joining }: Status): object {
  return {
    current, partitions, switched, joining,
    change: change === null ? null : { ...change, since: timeText(change.since) },
    filling: filling === null ? null : { ...filling, since: timeText(filling.since), at: timeText(filling.at), secondsLeft: secondsLeft(filling) },
  };
}

function statusText({ current, change, filling, partitions, switched, joining }: Status, now: number): string {
  const left = joining === 0 ? "" : `\nthe customers of ${joining} of ${partitions} partitions are still being looked at under the new rules`;
  if (change === null) return `${current === null ? "no program was put in force yet" : `${current} is in force`}; no change of rules is under way${left}`;
  const lines = [`a change to ${change.program}${change.from === "" ? "" : ` from ${change.from}`} is under way since ${timeText(change.since) as string}`];
  if (change.phase === "filling") lines.push(...fillingLines(filling, now));
  else lines.push(`${switched} of ${partitions} partitions have gone over to it${change.fill && filling !== null ? `, ${filling.filled} are filled` : ""}`);
  return `${lines.join("\n")}${left}`;
}

function fillingLines(filling: FillProgress | null, now: number): string[] {
  if (filling === null) return ["it is filled from history, and nobody has begun yet: \"eddy apply\" goes on with it"];
  const { done, total, rate, filled, partitions, at } = filling;
  const seconds = secondsLeft(filling);
  const takes = seconds === null ? "" : `, about ${length(seconds)} left`;
  const lines = [
    `filled from history: ${whole(Math.round(done))} of ${whole(Math.round(total))} events (${total === 0 ? 100 : Math.floor((100 * done) / total)} %), ${whole(Math.round(rate))} a second${remaining(filling) === 0 ? "" : takes}`,
    `${filled} of ${partitions} partitions are filled`,
  ];
  if (now - at > STALE_AFTER_MS) lines.push(`nobody has filled since ${timeText(at) as string}: "eddy apply" goes on where it stands`);
  return lines;
}
