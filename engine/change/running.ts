/**
 * Which program a process runs: partitions go over to another one each for itself, so for a moment there may be two. And what
 * is counted under names that no program of the process knows any more.
 */
import { allSteps } from "../../dsl/walk.js";
import type { Program } from "../../dsl/program.js";
import type { Sums } from "../population/sums.js";
import type { EngineStats } from "../stats.js";

/** The hash of the program that most partitions run; null: none is open. */
export function hashNow({ partitions }: Pick<EngineStats, "partitions">): string | null {
  const counted = new Map<string, number>();
  for (const { program } of partitions.values()) if (program !== "") counted.set(program, (counted.get(program) ?? 0) + 1);
  let most: string | null = null;
  for (const [hash, count] of counted) {
    const before = most === null ? 0 : (counted.get(most) ?? 0);
    if (count > before || (count === before && most !== null && hash < most)) most = hash;
  }
  return most;
}

/** Every program that a partition runs. */
export function hashesNow({ partitions }: Pick<EngineStats, "partitions">): Set<string> {
  return new Set([...partitions.values()].flatMap(({ program }) => (program === "" ? [] : [program])));
}

/** Sums stand in the order of their program: those of another one mean something else. */
export function sumsUnder(hash: string, { sums, partitions }: Pick<EngineStats, "sums" | "partitions">): Sums[] {
  return [...sums].flatMap(([partition, of]) => ((partitions.get(partition)?.program ?? hash) === hash ? [of] : []));
}

/** Counted under no declared type: what the engine says to itself, and types that no program mentions. */
const isNobodys = (type: string): boolean => type.startsWith("eddy_") || type === "other";

/** When all partitions run the program: forgets what was counted under names that it does not have. */
export function forgetDropped(stats: EngineStats, { events, rules, segments, channels }: Pick<Program, "events" | "rules" | "segments" | "channels">): void {
  const [types, ofRules, ofSegments, ofChannels] = [events, rules, segments, channels].map((list) => new Set(list.map(({ name }) => name))) as [Set<string>, Set<string>, Set<string>, Set<string>];
  const actions = new Set<string>();
  for (const { steps } of rules) {
    for (const step of allSteps(steps)) {
      if (step.k === "send") actions.add(`${channels[step.channel]?.name} ${step.template}`);
      else if (step.k === "emit") actions.add(`${EMIT} ${step.name}`);
    }
  }
  keep(stats.events, (type) => types.has(type) || isNobodys(type));
  for (const byRule of [stats.ruleStarted, stats.runsEnded, stats.runsCrowdedOut]) keep(byRule, (rule) => ofRules.has(rule));
  keep(stats.segmentChanges, (segment) => ofSegments.has(segment));
  keep(stats.messagesHeld, (channel) => ofChannels.has(channel));
  keep(stats.suppressed, (channel) => ofChannels.has(channel));
  for (const byRule of stats.suppressed.values()) keep(byRule, (rule) => ofRules.has(rule));
  for (const [channel, byTemplate] of stats.actions) {
    keep(byTemplate, (template) => actions.has(`${channel} ${template}`));
    if (byTemplate.size === 0) stats.actions.delete(channel);
  }
}

const EMIT = "emit";

function keep(counted: Map<string, unknown>, isKnown: (name: string) => boolean): void {
  for (const name of [...counted.keys()]) if (!isKnown(name)) counted.delete(name);
}
