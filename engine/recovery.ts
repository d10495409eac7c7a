/**
 * What must be settled before a partition may go on: is the log still the one its position belongs to, are the outputs
 * that were committed all published, and what do the numbers in its states mean.
 */
import type { Compiled } from "./compile/compiled.js";
import type { Meta } from "./meta.js";
import { populationField } from "./population/sums.js";
import type { EventLog, LogInfo, MetaFields, Output, OutputLog, StateStore } from "./ports.js";
import type { Sizes } from "./sizes.js";
import { layoutOf, translation, type Layout, type Translation } from "./state.js";

/** The partition cannot go on without a person's decision; the message says what happened and what can be done. */
export class CannotContinue extends Error { override readonly name = "CannotContinue"; }

const CHOICES = "Either bring the right one back, or, to begin anew from the oldest event still in the log, delete the partition's state " +
  "(in Redis the keys eddy:{PARTITION}:*, in an embedded folder the whole folder).";

const choices = (partition: number): string => CHOICES.replace("PARTITION", String(partition));

/** Rejects with CannotContinue when the log is not the one that the partition's position belongs to. */
export async function checkLog(partition: number, meta: Meta, info: LogInfo, log: EventLog): Promise<void> {
  if (meta.log === "") return;
  const fault = await logFault(meta, info, log);
  if (fault !== null) throw new CannotContinue(`partition ${partition}: ${fault}. ${choices(partition)}`);
}

async function logFault(meta: Meta, info: LogInfo, log: EventLog): Promise<string | null> {
  if (meta.log !== info.identity) {
    return `the event log was deleted and made again since this state was written (it was ${meta.log}, it is ${info.identity})`;
  }
  if (info.last < meta.offset) {
    return `the event log is shorter than it was: it ends at ${info.last}, but event ${meta.offset} had been processed`;
  }
  if (meta.offset > 0 && info.first > meta.offset + 1) {
    return `the event log no longer holds events ${meta.offset + 1} to ${info.first - 1}, which had not been processed (its limits were reached, or it was purged)`;
  }
  for (const anchor of meta.anchors) {
    if (anchor.sequence < info.first) continue;
    const record = await log.at(anchor.sequence);
    if (record !== null && record.stamp !== anchor.stamp) {
      return `the event log has another record at ${anchor.sequence} (of ${new Date(record.stamp).toISOString()}) than was processed ` +
        `(of ${new Date(anchor.stamp).toISOString()}): it lost its end and grew again`;
    }
  }
  return null;
}

export interface OutputPlan {
  /** Number of the next output to be made. */
  readonly next: number;
  /** Committed outputs that must be published first. */
  readonly unpublished: readonly Output[];
  /** Ids of outputs that are published but, for the store, never happened. */
  readonly suppress: ReadonlySet<string>;
  readonly surplus: Meta["surplus"];
  /** Behind this position of the log none of them can come again. */
  readonly surplusEnds: number;
}

/** Compares what was committed with what was published. */
export async function planOutputs(partition: number, meta: Meta, store: StateStore, outputs: OutputLog, { outboxPage }: Sizes): Promise<OutputPlan> {
  const published = await outputs.last(partition);
  const committed = meta.next - 1;
  let surplus = meta.surplus;
  if (published > committed) surplus = { from: Math.min(surplus?.from ?? Infinity, committed + 1), to: published };
  const suppress = new Set<string>();
  let surplusEnds = 0;
  if (surplus !== null) {
    for (const output of await outputs.read(partition, surplus.from, surplus.to)) {
      suppress.add(output.id);
      surplusEnds = Math.max(surplusEnds, output.cause);
    }
  }
  const unpublished: Output[] = [];
  for (let from = published + 1; from <= committed; from = unpublished.at(-1)?.number ?? from, from++) {
    const page = await store.outbox(partition, from, outboxPage);
    if (page[0]?.number !== from) {
      throw new CannotContinue(
        `partition ${partition}: the output stream OUT_${partition} ends at ${published}, but output ${from} of ${committed} committed ones is no longer ` +
        `kept in the outbox (the stream was deleted, or lost more than is kept). ${choices(partition)}`,
      );
    }
    unpublished.push(...page);
  }
  return { next: Math.max(meta.next, published + 1), unpublished, suppress, surplus, surplusEnds };
}

export interface Layouts {
  readonly translations: ReadonlyMap<number, Translation>;
  /** The number under which the present program's states are written. */
  readonly present: number;
  /** Null: the partition has it already. */
  readonly added: Layout | null;
  readonly figures: FiguresPlan;
}

export function planLayouts(meta: Meta, compiled: Compiled): Layouts {
  const highest = Math.max(0, ...meta.layouts.keys());
  const figures = planFigures(meta, compiled, highest + 1);
  const translations = new Map<number, Translation>();
  let present = 0;
  for (const [number, layout] of meta.layouts) {
    const t = trusting(translation(layout, compiled), number, compiled, figures.since);
    translations.set(number, t);
    // A state that is written now must not look like one from before figures began anew.
    if (t.same && figures.oldest <= number) present = Math.max(present, number);
  }
  if (present > 0) return { translations, present, added: null, figures };
  const layout = layoutOf(compiled);
  translations.set(highest + 1, translation(layout, compiled));
  return { translations, present: highest + 1, added: layout, figures };
}

/** Which figures of all customers go on, which begin, and which are given up. */
export interface FiguresPlan {
  readonly since: Meta["since"];
  /** No layout before this one may be used for new states. */
  readonly oldest: number;
  /** Rankings whose counts, and populations whose sums, begin from nothing or are gone. */
  readonly rankings: readonly string[];
  readonly populations: readonly string[];
}

/**
 * Counts and sums hold what customers' states say they have added. A program without a ranking writes states that have
 * lost it, and takes nothing out: where the ranking comes back, all begins from nothing, and what states of the time
 * before say of it is not believed.
 */
function planFigures(meta: Meta, { program }: Compiled, next: number): FiguresPlan {
  const since = new Map<string, number>();
  const anew = { rankings: [] as string[], populations: [] as string[] };
  for (const kind of ["rankings", "populations"] as const) {
    for (const { key } of program[kind]) {
      const known = meta.since.get(`${kind} ${key}`);
      const wasThere = [...meta.layouts.values()].some((layout) => layout[kind]?.includes(key) === true);
      since.set(`${kind} ${key}`, known ?? (wasThere ? next : 0));
      if (known === undefined) anew[kind].push(key);
    }
    for (const name of meta.since.keys()) {
      if (name.startsWith(`${kind} `) && !since.has(name)) anew[kind].push(name.slice(kind.length + 1));
    }
  }
  return { since, oldest: Math.max(0, ...since.values()), ...anew };
}

/** The stored fields without the sums that begin anew. */
export function goingOn({ fields }: Meta, { populations }: FiguresPlan): MetaFields {
  const gone = new Set(populations.map(populationField));
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !gone.has(name)));
}

/** What states of a layout say about figures that began later is passed over. */
function trusting(t: Translation, number: number, { program }: Compiled, since: ReadonlyMap<string, number>): Translation {
  const believed = (kind: "rankings" | "populations"): number[] =>
    t.extras[kind].map((index) => (index >= 0 && (since.get(`${kind} ${program[kind][index]?.key}`) ?? 0) > number ? -1 : index));
  return { ...t, extras: { ...t.extras, rankings: believed("rankings"), populations: believed("populations") } };
}
