/**
 * What is committed compared with what is published, when a partition is opened.
 *
 * The output stream is behind: the rest is published from the outbox. It is ahead, since the store went back to an older
 * state: the surplus is read, and its ids are passed over as they come again. Where the beginning of the surplus has been
 * removed by a limit, all that earlier records cause is passed over too: outputs stand in the order of their causes.
 *
 * The two hold different outputs under one number: somebody else has published there, or the store went back while what
 * it forgot was still on its way. What the stream has is then surplus too, and what was committed under those numbers gets
 * new ones behind it, in a commit of its own: nothing is lost, and nobody need be asked.
 */
import { cannotContinue, outputsFault, type Fault } from "./continuity.js";
import { surplusField, type Meta } from "./meta.js";
import type { MetaFields, Output, OutputLog, StateStore } from "./ports.js";
import type { Sizes } from "./sizes.js";

export interface OutputPlan {
  /** Number of the next output to be made. */
  readonly next: number;
  /** Committed outputs that must be published first. */
  readonly unpublished: readonly Output[];
  /** Ids of outputs that are published but, for the store, never happened. */
  readonly suppress: ReadonlySet<string>;
  /** What records up to this sequence cause has been published, whatever its id. */
  readonly quiet: number;
  readonly surplus: Meta["surplus"];
  /** Behind this position of the log none of them can come again. */
  readonly surplusEnds: number;
  /** What must be committed before anything is published; null: nothing. */
  readonly renumbered: Renumbered | null;
  /** Identity of the output log. */
  readonly identity: string;
  /** What was found and mended, for the log. */
  readonly notes: readonly string[];
}

export interface Renumbered {
  readonly outputs: readonly Output[];
  readonly meta: MetaFields;
}

/** Rejects with CannotContinue, and LogMissing where there is no output stream. */
export async function planOutputs(partition: number, meta: Meta, store: StateStore, outputs: OutputLog, sizes: Sizes): Promise<OutputPlan> {
  const identity = await outputs.identity(partition);
  const replaced = await outputsFault(partition, meta, outputs);
  if (replaced !== null) throw cannotContinue(partition, replaced);
  const published = await outputs.last(partition);
  const committed = meta.next - 1;
  const diverged = await divergence(partition, Math.min(published, committed), store, outputs);
  if (diverged === "everywhere") throw cannotContinue(partition, foreign(partition, committed));
  const notes: string[] = [];
  let { surplus } = meta;
  const surplusFrom = diverged ?? committed + 1;
  if (published >= surplusFrom) surplus = { from: Math.min(surplus?.from ?? Infinity, surplusFrom), to: published };
  const known = await readSurplus(partition, meta, surplus, outputs);
  if (known.expired !== null) notes.push(known.expired);
  if (diverged === null) {
    const unpublished = await committedFrom(partition, published, committed, store, sizes);
    return { next: Math.max(meta.next, published + 1), unpublished, surplus, renumbered: null, identity, notes, ...known };
  }
  const there = await outputs.read(partition, diverged, published);
  const kept = (await committedFrom(partition, diverged - 1, committed, store, sizes)).filter(({ id }) => !known.suppress.has(id));
  const unpublished = kept.map((output, i) => ({ ...output, number: published + 1 + i }));
  notes.push(`OUT_${partition} holds other outputs than were committed from number ${diverged} on; ${unpublished.length} are published behind them`);
  const next = published + 1 + unpublished.length;
  // The outbox is to say what the stream says, should that lose its end.
  const renumbered = { outputs: [...there, ...unpublished], meta: { next: String(next), surplus: surplusField(surplus) } };
  return { next, unpublished, surplus, renumbered, identity, notes, ...known };
}

/** Outputs of the outbox behind `from` up to `to`. */
export async function committedFrom(partition: number, from: number, to: number, store: StateStore, { outboxPage }: Pick<Sizes, "outboxPage">): Promise<Output[]> {
  const found: Output[] = [];
  for (let next = from + 1; next <= to; next = (found.at(-1)?.number ?? next) + 1) {
    const page = await store.outbox(partition, next, outboxPage);
    if (page[0]?.number !== next) throw cannotContinue(partition, lostEnd(partition, from, next, to));
    found.push(...page.filter(({ number }) => number <= to));
  }
  return found;
}

function lostEnd(partition: number, published: number, missing: number, committed: number): Fault {
  return {
    kind: "outputs lost",
    what: `the output stream OUT_${partition} ends at ${published}, but output ${missing} of ${committed} committed ones is no longer kept in the outbox ` +
      "(the stream lost more than is kept)",
  };
}

function foreign(partition: number, committed: number): Fault {
  return { kind: "outputs replaced", what: `the output stream OUT_${partition} holds nothing of the ${committed} outputs that were committed to it: it is another's` };
}

/** Outputs that may have been under way at once when somebody else got in between: behind him some may have fitted all the same. */
export const COMPARED_AT_ONCE = 256;

/**
 * The first number under which stream and outbox hold different outputs; null: they agree, or nobody can tell any more.
 * "everywhere": nothing agrees of what the outbox keeps, and it does not keep all.
 */
async function divergence(partition: number, last: number, store: StateStore, outputs: OutputLog): Promise<number | "everywhere" | null> {
  let lowest: number | null = null;
  let agreed = false;
  for (let to = last; to >= 1; to -= COMPARED_AT_ONCE) {
    const from = Math.max(1, to - COMPARED_AT_ONCE + 1);
    const [there, kept] = await Promise.all([outputs.read(partition, from, to), store.outbox(partition, from, to - from + 1)]);
    const ids = new Map(kept.map(({ number, id }) => [number, id]));
    const both = there.filter(({ number }) => ids.has(number));
    const differing = both.filter(({ number, id }) => ids.get(number) !== id);
    const [oldest, first] = [both[0], differing[0]];
    if (oldest === undefined || first === undefined) return lowest;
    lowest = first.number;
    agreed ||= differing.length < both.length;
    if (oldest.number < lowest) return lowest;
    if (oldest.number > from || from === 1) break; // what was before is not kept
  }
  return lowest === null || agreed || lowest === 1 ? lowest : "everywhere";
}

const SURPLUS_PAGE = 1000;

interface KnownSurplus {
  readonly suppress: ReadonlySet<string>;
  readonly surplusEnds: number;
  readonly quiet: number;
  readonly expired: string | null;
}

async function readSurplus(partition: number, { quiet }: Meta, surplus: Meta["surplus"], outputs: OutputLog): Promise<KnownSurplus> {
  if (surplus === null) return { suppress: new Set(), surplusEnds: 0, quiet, expired: null };
  const { from, to } = surplus;
  const suppress = new Set<string>();
  let first: Output | null = null;
  let last: Output | null = null;
  let surplusEnds = 0;
  // Page by page: of a store of yesterday it is all that was said since, of which the ids alone are kept.
  for (let page = from; page <= to; page += SURPLUS_PAGE) {
    for (const output of await outputs.read(partition, page, Math.min(to, page + SURPLUS_PAGE - 1))) {
      suppress.add(output.id);
      surplusEnds = Math.max(surplusEnds, output.cause);
      first ??= output;
      last = output;
    }
  }
  if (first?.number === from) return { suppress, surplusEnds, quiet, expired: null };
  if (first === null || last === null) throw cannotContinue(partition, expired(partition, from, to));
  // The oldest one's record may have caused others, which were removed; the newest one's may have others still to come.
  const before = last.cause > first.cause ? first.cause : first.cause - 1;
  return {
    suppress, surplusEnds, quiet: Math.max(quiet, before),
    expired: `OUT_${partition} no longer holds outputs ${from} to ${first.number - 1}, which the store does not know of; what events up to ${before} cause is taken for published`,
  };
}

function expired(partition: number, from: number, to: number): Fault {
  return {
    kind: "outputs expired",
    what: `the store went back behind outputs ${from} to ${to}, and the output stream OUT_${partition} no longer holds any of them: ` +
      "nobody knows which would be published a second time",
  };
}
