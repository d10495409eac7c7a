/**
 * What must be settled before a partition may go on: is the log still the one its position belongs to, are the outputs
 * that were committed all published, and what do the numbers in its states mean.
 */
import type { Compiled } from "./compile/compiled.js";
import type { Meta } from "./meta.js";
import type { EventLog, LogInfo, Output, OutputLog, StateStore } from "./ports.js";
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

const OUTBOX_PAGE = 1000;

/** Compares what was committed with what was published. */
export async function planOutputs(partition: number, meta: Meta, store: StateStore, outputs: OutputLog): Promise<OutputPlan> {
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
    const page = await store.outbox(partition, from, OUTBOX_PAGE);
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
}

export function planLayouts(meta: Meta, compiled: Compiled): Layouts {
  const translations = new Map<number, Translation>();
  let present = 0;
  let highest = 0;
  for (const [number, layout] of meta.layouts) {
    const t = translation(layout, compiled);
    translations.set(number, t);
    highest = Math.max(highest, number);
    if (t.same) present = number;
  }
  if (present > 0) return { translations, present, added: null };
  const layout = layoutOf(compiled);
  translations.set(highest + 1, translation(layout, compiled));
  return { translations, present: highest + 1, added: layout };
}
