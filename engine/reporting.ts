/**
 * What the program's log is told of a partition's work beside its failures: dead letters, and percentiles of a new day.
 *
 * A stream of bad events must not drown the log: of each reason one line in ten seconds, with how many there have been
 * since the line before. What the events held is not said; the dead letter itself has it.
 */
import type { Environment } from "./environment.js";
import type { Buried, Partition } from "./partition.js";
import type { DeadReason } from "./stats.js";
import { DAY_MS } from "./zone.js";

const SAY_AGAIN_AFTER_SECONDS = 10;

/** To be called after each piece of the partition's work. */
export function tellOf(p: Partition, environment: Environment): void {
  if (p.buried.size > 0) {
    for (const [reason, buried] of p.buried) sayDead(p, environment, reason, buried);
    p.buried.clear();
  }
  if (p.population?.ranks === true) followFigures(p, environment, (p.population.tables?.day ?? 0) * DAY_MS);
}

function sayDead({ stats, options }: Partition, environment: Environment, reason: DeadReason, { detail, subject, sequence }: Buried): void {
  const at = environment.seconds();
  const said = stats.deadLettersSaid.get(reason);
  if (said !== undefined && at < said.at + SAY_AGAIN_AFTER_SECONDS) return;
  const count = stats.deadLetters[reason];
  stats.deadLettersSaid.set(reason, { at, count });
  environment.log("warn", "an event could not be processed and became a dead letter", {
    reason, detail: withoutText(detail), subject, sequence, partition: options.index, count: count - (said?.count ?? 0),
  });
}

/** What is said of broken JSON quotes some of it. */
function withoutText(detail: string): string {
  return detail.replace(/, (?:\.\.\.)?".*$/s, "");
}

function followFigures({ stats, options }: Partition, environment: Environment, midnight: number): void {
  const before = stats.figuresDrawnUp.get(options.index);
  if (before === midnight) return;
  stats.figuresDrawnUp.set(options.index, midnight);
  if (before === undefined) return; // they were in force before this process had the partition
  environment.log("info", "percentiles of a new day are in force", { partition: options.index, drawnUpFor: new Date(midnight).toISOString() });
}
