/**
 * A history as records of an event log, and what an engine made of it, read back from where it puts things: the output
 * streams, the segments of the store, the states of the customers.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Compiled } from "../../engine/compile/compiled.js";
import type { Data } from "../../engine/customer.js";
import { startEngine } from "../../engine/engine.js";
import type { Environment } from "../../engine/environment.js";
import { SILENT, evaluator, read } from "../../engine/evaluate.js";
import { readMeta } from "../../engine/meta.js";
import type { NewRecord } from "../../engine/ports.js";
import { planLayouts } from "../../engine/recovery.js";
import { readCustomer } from "../../engine/state.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { encodeToken, tickSubject } from "../../engine/subjects.js";
import { engineEnvironment } from "../../cli/environment.js";
import type { Log } from "../../cli/logging.js";
import type { Place } from "../system/places.js";
import { processed, settled, until } from "../system/progress.js";
import { differences } from "./canonical.js";
import { outputStreams, type Replayed, type Said } from "./replayed.js";

const OPTIONS = { cacheCustomers: 50_000, limits: { maxOutbox: 50_000, keepPublished: 10_000 } } as const;

const nothing = (): void => undefined;
const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };

const quietEnvironment = (): Environment => engineEnvironment({ now: () => Date.now() }, quiet);

/** The lines of a file of events as records for the log. */
function records(lines: readonly string[]): NewRecord[] {
  return lines.map((line) => {
    const event = JSON.parse(line) as { id: string; source: string; type: string; subject: string };
    return { subject: `events.${event.type}.${encodeToken(event.subject)}`, body: line, id: `${event.subject}/${event.source}/${event.id}` };
  });
}

/** Ticks that move the clock of every partition on to an instant. */
function ticks(partitions: number, instant: number): NewRecord[] {
  const time = new Date(instant).toISOString();
  return Array.from({ length: partitions }, (_, p) => ({
    subject: tickSubject(p),
    body: JSON.stringify({ specversion: "1.0", id: `${p}-${instant}`, source: "test", type: "eddy_tick", subject: String(p), time }),
  }));
}

const APPENDED_AT_ONCE = 5_000;
const LAST_STEPS = 40;

/** A history as records, behind them ticks that move the clock on to `end` step by step. The last ones are one for each partition. */
function historyRecords(partitions: number, lines: readonly string[], end: number): NewRecord[] {
  const { time } = JSON.parse(lines.at(-1) ?? "") as { readonly time: string };
  const from = Date.parse(time);
  const steps = Array.from({ length: LAST_STEPS }, (_, i) => from + Math.floor(((end - from) * (i + 1)) / LAST_STEPS));
  return [...records(lines), ...steps.flatMap((instant) => ticks(partitions, instant))];
}

/** Puts a whole history into the log and moves the clock on to `end`; answers the last sequence. */
export async function appendHistory({ ports, partitions }: Place, lines: readonly string[], end: number): Promise<number> {
  const history = historyRecords(partitions, lines, end);
  for (let from = 0; from < history.length; from += APPENDED_AT_ONCE) await ports.log.append(history.slice(from, from + APPENDED_AT_ONCE));
  return (await ports.log.info()).last;
}

const FED_AT_ONCE = 30;
const FED_AHEAD = 90;

/**
 * Puts a history into the log as events come in life, a few at a time and never far ahead of the engine, which so has
 * many small batches; waits while there is no engine. Answers the last sequence.
 */
export async function feed(place: Place, lines: readonly string[], end: number): Promise<number> {
  const history = historyRecords(place.partitions, lines, end);
  let last = 0;
  for (let from = 0; from < history.length; from += FED_AT_ONCE) {
    await until("the engine comes near the end of the log", () => processed(place, last - FED_AHEAD), 60_000, 10);
    const appended = await place.ports.log.append(history.slice(from, from + FED_AT_ONCE));
    last = appended.at(-1)?.sequence ?? last;
  }
  return (await place.ports.log.info()).last;
}

/** Puts a history into the log steadily, wherever the engine is, with so long a pause between a few events each; answers the last sequence. */
export async function feedSteadily(place: Place, lines: readonly string[], end: number, pauseMs: () => number): Promise<number> {
  const history = historyRecords(place.partitions, lines, end);
  for (let from = 0; from < history.length; from += FED_AT_ONCE) {
    await place.ports.log.append(history.slice(from, from + FED_AT_ONCE));
    await delay(pauseMs());
  }
  return (await place.ports.log.info()).last;
}

/**
 * An engine in this process on a log that holds a history: until every partition has committed and published all of it,
 * or until it has `done` what a test waits for.
 */
export async function processAll(compiled: Compiled, place: Place, last: number, done = (): Promise<boolean> => settledAt(place, last)): Promise<EngineStats> {
  const stats = engineStats();
  const engine = startEngine(compiled, place.ports, OPTIONS, quietEnvironment(), stats);
  let ended: Error | "ended" | null = null;
  engine.ended.then(() => (ended = "ended"), (error: Error) => (ended = error));
  await until("the engine has processed everything", () => {
    if (ended !== null) throw ended === "ended" ? new Error("the engine ended by itself") : ended;
    const stopped = [...stats.partitions.values()].find((partition) => partition.stopped !== null);
    if (stopped !== undefined) throw new Error(stopped.stopped ?? "");
    return done();
  }, 240_000, 50);
  await engine.stop();
  return stats;
}

/** The ticks at the end of a history are the last record of each partition. */
export const settledAt = (place: Place, last: number): Promise<boolean> => settled(place, last - place.partitions + 1);

/** What the output streams hold, by partition. Throws where a number is missing, stands twice, or goes by a strange id. */
export async function saidLive(place: Place): Promise<Said[][]> {
  const streams: Said[][] = [];
  for (let p = 0; p < place.partitions; p++) {
    streams.push((await place.outputs(p)).map(({ number, subject, body, id }, at) => {
      if (number !== at + 1) throw new Error(`OUT_${p} has number ${number} where ${at + 1} should be`);
      if (!body.includes(`"id":"${id}"`)) throw new Error(`OUT_${p}: output ${number} goes by the id ${id}, which is not its event's: ${body}`);
      return { subject, body };
    }));
  }
  return streams;
}

/** Memberships from the sets of the store, one JSON line each, sorted. */
export async function membersLive(compiled: Compiled, { ports, partitions }: Place): Promise<string[]> {
  const found = new Set<string>();
  for (let p = 0; p < partitions; p++) {
    for (const { name } of compiled.segments) {
      for (let cursor: string | null = null; ;) {
        const page = await ports.store.members(p, name, cursor);
        // A scan may name a member twice.
        for (const customer of page.customers) found.add(JSON.stringify({ segment: name, customer }));
        cursor = page.cursor;
        if (cursor === null) break;
      }
    }
  }
  return [...found].sort();
}

/** Traits of every customer in the store at the clock of their partition, one JSON line each, sorted. */
export async function traitsLive(compiled: Compiled, { ports, partitions }: Place): Promise<string[]> {
  const e = evaluator(compiled, SILENT);
  const found = new Map<string, string>();
  for (let p = 0; p < partitions; p++) {
    const meta = readMeta((await ports.store.meta(p)).meta);
    const { translations } = planLayouts(meta, compiled);
    for (let cursor: string | null = null; ;) {
      const page = await ports.store.scan(p, cursor);
      for (const [id, bytes] of page.states) {
        const customer = readCustomer(id, bytes, translations, compiled);
        const values: Data = {};
        for (const trait of compiled.traits) values[trait.name] = read(e, customer, meta.clock, trait.shown) ?? null;
        found.set(id, JSON.stringify({ customer: id, ...values }));
      }
      cursor = page.cursor;
      if (cursor === null) break;
    }
  }
  return [...found.values()].sort();
}

export interface LiveOutcome {
  /** By partition, in order. */
  readonly said: readonly (readonly Said[])[];
  readonly members: readonly string[];
  readonly traits: readonly string[];
}

export async function liveOutcome(compiled: Compiled, place: Place): Promise<LiveOutcome> {
  return { said: await saidLive(place), members: await membersLive(compiled, place), traits: await traitsLive(compiled, place) };
}

/**
 * Where an engine's outcome is not what the replay of the same history gave: its output streams one by one, message for
 * message in order (so none is missing, doubled, or in another place), memberships, traits. An empty list: nowhere.
 */
export function liveDifferences(expected: Replayed, actual: LiveOutcome, limit = 10): string[] {
  const streams = outputStreams(expected.said, actual.said.length);
  const outputs = actual.said.flatMap((stream, p) => streamDifference(streams[p] ?? [], stream, `OUT_${p}`));
  return [
    ...outputs,
    ...differences(expected.members.toSorted(), actual.members, limit).map((line) => `members ${line}`),
    ...differences(expected.traits.toSorted(), actual.traits, limit).map((line) => `traits ${line}`),
  ];
}

/** The first place where two streams part, and their lengths. */
function streamDifference(expected: readonly Said[], actual: readonly Said[], name: string): string[] {
  const same = (at: number): boolean => expected[at]?.subject === actual[at]?.subject && expected[at]?.body === actual[at]?.body;
  let at = 0;
  while (at < Math.max(expected.length, actual.length) && same(at)) at++;
  if (at === expected.length && at === actual.length) return [];
  const line = (said: Said | undefined): string => (said === undefined ? "nothing" : `${said.subject} ${said.body}`);
  return [`${name} has ${actual.length} outputs, ${expected.length} are expected; number ${at + 1}: - ${line(expected[at])}`, `${name} number ${at + 1}: + ${line(actual[at])}`];
}
