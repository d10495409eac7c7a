/**
 * What a worker does for the figures of all customers, beside its batches: it draws them up at midnight, says them through
 * the log, and settles everybody under new tables, a page of customers at a time (see population.ts).
 */
import type { Writer as BytesWriter } from "../codec.js";
import { insist, type Bell } from "../environment.js";
import { joiningField } from "../change/joining-field.js";
import { isJoining, joinPage } from "../change/pass.js";
import { layoutField, presentField, sinceField } from "../meta.js";
import { passes } from "../ownership.js";
import { sweepPage } from "../partition.js";
import { LogFull, LogUnavailable, RecordTooLarge, type MetaFields } from "../ports.js";
import { readCustomer, writeCustomer } from "../state.js";
import { nextPage, type Sweep } from "../sweep.js";
import type { WorkerParts } from "../worker.js";
import { DAY_MS } from "../zone.js";
import { pieceRecord, type Piece } from "./piece.js";
import { announced, drawUp, endSweep, forgottenFields, hasFields } from "./population.js";
import type { Counts } from "./summary.js";
import { populationField } from "./sums.js";

/** What is said about customers at a midnight goes into the log when no more records than this lie before it: a later midnight may make it void. */
const ANNOUNCED_WITHIN = 10_000;
const SWEEP_PAUSE_MS = 1;

/** The part of a worker that this needs. */
export interface Keeping {
  readonly parts: WorkerParts;
  readonly queue: readonly unknown[];
  readonly head: number;
  readonly commitOnItsWay: Promise<void> | null;
  readonly sweeping: Sweep;
  /** What the next commit sets beside its own. */
  fieldsPending: MetaFields;
  readonly work: Bell;
  /** Committed and not known to be in the log. */
  toSay: readonly Piece[];
  readonly saying: Bell;
  readonly scratch: BytesWriter;
}

/** What a claim finds may be of another program: layouts, and figures that are no longer kept or begin anew. */
export function firstFields({ layouts, meta, partition }: WorkerParts): MetaFields {
  const { figures } = layouts;
  const removed = figures.populations.filter((key) => meta.fields[populationField(key)] !== undefined);
  return {
    ...(layouts.added === null ? {} : layoutField(layouts.present, layouts.added)),
    ...presentField(layouts.present),
    ...(partition.joining === null ? {} : joiningField(partition.joining.field)),
    ...(partition.population?.ranks === true ? {} : forgottenFields(meta.fields)),
    ...Object.fromEntries(removed.map((key) => [populationField(key), ""])),
    ...(figures.since.size > 0 || meta.since.size > 0 ? sinceField(figures.since) : {}),
  };
}

/** A midnight has passed and all that came before it is handed over: once it is committed, the store's counts are those of midnight. */
export async function drawUpFigures(s: Keeping): Promise<void> {
  const { partition, compiled, store, environment, signal } = s.parts;
  const { population } = partition;
  await s.commitOnItsWay;
  if (population === null || signal.aborted) return;
  const { index } = partition.options;
  const counts: Counts[] = [];
  for (const { key } of compiled.program.rankings) {
    counts.push(await insist(environment, signal, "reading how customers stand", passes, () => store.counts(index, key)));
    await environment.pause(0, signal); // there may be many: other partitions take their turn
  }
  if (signal.aborted) return;
  drawUp(population, Math.floor(partition.clock / DAY_MS), counts);
}

export function isSweeping({ parts: { partition } }: Keeping): boolean {
  return isJoining(partition) || (partition.population !== null && !partition.population.swept);
}

/** Joins, or settles under the tables in force, the next page of customers. */
export async function sweep(s: Keeping, send: () => Promise<void>): Promise<void> {
  const { environment, signal, partition } = s.parts;
  if (isJoining(partition)) await joinPage(s, send);
  else await settlePage(s, send);
  // A store that answers at once would let nobody else have a turn.
  await environment.pause(SWEEP_PAUSE_MS, signal);
}

async function settlePage(s: Keeping, send: () => Promise<void>): Promise<void> {
  const { partition, compiled, store, environment, signal, layouts, sizes } = s.parts;
  const { population } = partition;
  if (population === null) return;
  const page = await nextPage(s.sweeping, store, { partition: partition.options.index, limit: sizes.sweepPage, environment, signal });
  if (page === null) return;
  sweepPage(partition, {
    states: page.states,
    read: (id, bytes) => readCustomer(id, bytes, layouts.translations, compiled),
    isAsStored(customer, bytes) {
      s.scratch.at = 0;
      writeCustomer(s.scratch, customer, layouts.present, compiled);
      return Buffer.compare(s.scratch.bytes.subarray(0, s.scratch.at), bytes) === 0;
    },
  });
  if (page.cursor === null) endSweep(population);
  if (partition.pending.customers.length > 0 || hasFields(population)) await send();
}

/** Appends what is committed and to be said, when the log's end is near; until it is known to be there, or void. */
export async function sayLoop(s: Keeping, evaluating: () => boolean): Promise<void> {
  const { signal, environment, log, partition, unread } = s.parts;
  while (!signal.aborted) {
    const pieces = s.toSay;
    if (pieces.length === 0 || unread() + s.queue.length - s.head > ANNOUNCED_WITHIN) {
      if (!evaluating()) return;
      await s.saying.wait();
      continue;
    }
    // A full log may have room again, a broker be told to take larger records; until then percentiles stay as they are, and everything else goes on.
    const unavailable = (error: unknown): boolean => error instanceof LogUnavailable || error instanceof LogFull || error instanceof RecordTooLarge;
    await insist(environment, signal, "appending how customers stood at midnight", unavailable, () => log.append(pieces.map(pieceRecord)));
    if (s.toSay === pieces) s.toSay = [];
    if (partition.population !== null) announced(partition.population, pieces);
  }
}
