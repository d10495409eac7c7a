/**
 * What is wrong with a partition that cannot go on, what each choice costs, and the decision of a person carried out.
 *
 * `accept-data-loss` keeps the customers and moves the position to where the log goes on; `rebuild` drops the customers
 * and begins anew with the oldest event. Neither publishes anything a second time that is known to be published, and both
 * carry over what was committed and not published. A decision is one numbered commit under a claim of its own, so an engine
 * that still works on the partition is fenced off, and it is noted in the partition's field `recovered`.
 *
 * A rebuild first commits that it has begun: should it be cut short before its last commit, the partition stands still until
 * it is done again. That comes to the same, since the fields and the outbox are there until the last commit.
 */
import { CannotContinue, duringRebuild, logBeforeRebuild, logFault, outputsMissing, stateFault, type Fault } from "./continuity.js";
import { anchorsField, readMeta, surplusField, type Meta } from "./meta.js";
import { COMPARED_AT_ONCE, planOutputs, type OutputPlan } from "./output-plan.js";
import { LogMissing, type EventLog, type LogInfo, type MetaFields, type Output, type OutputLog, type StateStore, type Writer } from "./ports.js";
import { SIZES } from "./sizes.js";
import { withoutJoins } from "./merge/words.js";
import { tombstonesAfter } from "./tombstones.js";

export type Choice = "accept-data-loss" | "rebuild";

/** The decision cannot be carried out; the message says why and what to do first. */
export class CannotRecover extends Error { override readonly name = "CannotRecover"; }

export interface RecoverPorts {
  readonly log: EventLog;
  readonly store: StateStore;
  readonly outputs: OutputLog;
  /**
   * Removes all that the store has of a partition but its fields and its outbox. Safe to repeat. False: the partition is not
   * that writer's any more, and what was still there is left alone.
   */
  clear(partition: number, writer: Writer): Promise<boolean>;
}

export interface Examined {
  readonly partition: number;
  /** Where a rebuild was begun: as it was before. */
  readonly meta: Meta;
  readonly info: LogInfo;
  /** A rebuild was begun: it must be finished. */
  readonly unfinished: Fault | null;
  /** Of log and state. */
  readonly log: Fault | null;
  readonly outputs: Fault | null;
  /** What the engine would do with the outputs; null: it cannot go on. */
  readonly plan: OutputPlan | null;
  /** Where the output stream ends; 0 where it is missing. */
  readonly published: number;
  /** Behind this sequence the log goes on with events that the state does not know. */
  readonly behind: number;
}

/** What keeps the partition from going on. */
export const faultsOf = ({ unfinished, log, outputs }: Examined): readonly Fault[] => [unfinished, log, outputs].filter((fault) => fault !== null);

export const isFine = (x: Examined): boolean => faultsOf(x).length === 0;

/** What is half cleared cannot be kept. */
export const choicesOf = (x: Examined): readonly Choice[] => (isFine(x) ? [] : x.unfinished === null ? ["accept-data-loss", "rebuild"] : ["rebuild"]);

/** Changes nothing. Rejects with StateTooNew and MetaCorrupt as an engine's start does. */
export async function examine(partition: number, ports: Omit<RecoverPorts, "clear">): Promise<Examined> {
  const meta = readMeta((await ports.store.meta(partition)).meta);
  return examined(partition, meta, ports);
}

async function examined(partition: number, stored: Meta, { log, store, outputs }: Omit<RecoverPorts, "clear">): Promise<Examined> {
  const info = await log.info();
  const before = logBeforeRebuild(stored.log);
  const unfinished = before === null ? null : await logFault(stored, info, log);
  const meta = before === null ? stored : { ...stored, log: before };
  const published = await outputs.last(partition).catch(zeroWhereMissing);
  const fault = await logFault(meta, info, log) ?? stateFault(partition, meta, info, published);
  const behind = await resumeBehind(meta, info, fault, log);
  try {
    const plan = await planOutputs(partition, meta, store, outputs, SIZES);
    return { partition, meta, info, unfinished, log: fault, outputs: null, plan, published, behind };
  } catch (error) {
    const found = error instanceof LogMissing ? outputsMissing(partition) : error instanceof CannotContinue ? error.fault : null;
    if (found === null) throw error;
    return { partition, meta, info, unfinished, log: fault, outputs: found, plan: null, published, behind };
  }
}

function zeroWhereMissing(error: unknown): number {
  if (error instanceof LogMissing) return 0;
  throw error;
}

// ---------------------------------------------------------------------------------------------------- what it costs

/** What the choice would do, as a sentence for whoever decides. */
export function consequence(x: Examined, choice: Choice): string {
  const parts = [choice === "rebuild" ? rebuilt(x) : goesOn(x), ...ofOutputs(x)];
  return `${parts.join(". ")}.`;
}

function goesOn(x: Examined): string {
  const { meta, info, behind } = x;
  if (x.log === null) return `keeps the state and goes on behind event ${meta.offset}`;
  const next = info.last > behind ? `goes on with event ${behind + 1}` : `goes on with the next event that comes`;
  switch (x.log.kind) {
    case "log gap":
      return `keeps the state and ${next}; events ${meta.offset + 1} to ${behind} are never processed`;
    case "log replaced":
      return `keeps the state and ${next} of this log, as if it came after the ${meta.offset} of the other one; what of that was not processed is lost, ` +
        "and events that are in both count twice unless they are among a customer's last 32";
    case "log shorter":
    case "log regrown":
      return `keeps the state, with the events up to ${meta.offset} that the log lost, and ${next}; lost events that are sent again count twice unless they are ` +
        "among their customer's last 32";
    case "state lost":
      return `begins with event ${behind + 1} and with no customers: what went before is never counted`;
    case "rebuild unfinished":
    case "outputs missing":
    case "outputs replaced":
    case "outputs lost":
    case "outputs expired":
      return next;
  }
}

function rebuilt(x: Examined): string {
  const { meta, info, log } = x;
  const from = info.last >= info.first ? `with event ${info.first}` : "with the next event that comes";
  const missing = info.first > 1 ? `; what events 1 to ${info.first - 1} had brought about is lost` : "";
  if (log?.kind === "log replaced") return `drops all state and begins ${from} of this log; runs, timers and memberships of before are gone without a word`;
  const quiet = quietAfterRebuild(x);
  return `drops all state and begins anew ${from}${missing}; ${quiet === 0 ? "all that this brings about is published" : `nothing that events up to ${quiet} bring about is published again`}` +
    (meta.offset > info.last ? "; what lost events brought about is taken back in silence" : "");
}

function ofOutputs({ partition, outputs, published }: Examined): string[] {
  switch (outputs?.kind) {
    case undefined: return [];
    case "outputs missing": return ["First run 'eddy setup', which makes the stream anew, then decide"];
    case "outputs expired": return [`OUT_${partition} goes on behind ${published}; nothing that events so far bring about is published again`];
    default: return [`OUT_${partition} goes on behind ${published} with what is not known to be published (some of it readers may know, by the same ids); what it lost stays lost`];
  }
}

// ---------------------------------------------------------------------------------------------------- deciding

export interface Decided {
  /** Already carried out. */
  readonly what: string;
}

export interface Decision {
  readonly choice: Choice;
  /** The writer's token: a text that no other process has. */
  readonly token: string;
  /** Wall clock, ms. */
  readonly now: number;
}

/** Rejects with CannotRecover where something else must be done first, or where somebody else took the partition meanwhile. */
export async function decide(partition: number, { choice, token, now }: Decision, ports: RecoverPorts): Promise<Decided> {
  const before = await examine(partition, ports);
  if (before.unfinished !== null && choice !== "rebuild") throw new CannotRecover(`partition ${partition}: ${before.unfinished.what}, so its state is no longer there to be kept: finish it with 'eddy recover ${partition} --rebuild'`);
  if (before.outputs?.kind === "outputs missing") throw new CannotRecover(`partition ${partition}: ${before.outputs.what}: do that first`);
  const claim = await ports.store.claim(partition, token);
  const x = await examined(partition, readMeta(claim.meta), ports);
  const what = consequence(x, choice);
  const outputs = await outputsAfter(x, choice, ports);
  const noted = noting(claim.meta, { at: new Date(now).toISOString(), choice, offset: x.meta.offset, log: x.log?.kind ?? "", outputs: x.outputs?.kind ?? "" });
  if (choice === "rebuild") {
    await commit(1, [], { log: duringRebuild(x.meta.log), ...noted });
    if (!await ports.clear(partition, claim.writer)) throw takenMeanwhile(partition);
    const dropped = Object.fromEntries(Object.keys(claim.meta).map((name) => [name, ""]));
    await commit(2, outputs.outputs, { ...dropped, ...outputs.meta, ...beginning(x), ...tombstonesAfter(claim.meta, x.info.first, x.log?.kind === "log replaced"), ...noted });
  } else {
    await commit(1, outputs.outputs, { ...outputs.meta, ...position(x), ...noted });
  }
  return { what };

  async function commit(by: number, outputs: readonly Output[], meta: MetaFields): Promise<void> {
    const answer = await ports.store.commit({
      partition, writer: claim.writer, number: claim.number + by, states: [], wakes: [], segments: [], outputs, forget: 0, meta,
    });
    if (answer === "lost" || answer === "moved") throw takenMeanwhile(partition);
  }
}

const takenMeanwhile = (partition: number): CannotRecover => new CannotRecover(`partition ${partition}: an engine took it meanwhile: end all engines first, then decide again`);

/** Behind which sequence the present log goes on with events that the state does not know. */
async function resumeBehind(meta: Meta, info: LogInfo, fault: Fault | null, log: EventLog): Promise<number> {
  switch (fault?.kind) {
    case "log replaced":
    case "log gap":
    case "state lost":
      return info.first - 1;
    case "log shorter":
      return info.last;
    case "log regrown":
      return await firstAfter(meta.anchors[0]?.stamp ?? 0, info.first, Math.min(info.last, meta.offset), log) - 1;
    default:
      return meta.offset;
  }
}

/**
 * The first record stamped later, from `from` to `to`, or `to + 1`: what came in place of a lost end came after all that had
 * been processed. Stamps do not fall, so halving finds it; records that were removed one by one are passed over.
 */
async function firstAfter(stamp: number, from: number, to: number, log: EventLog): Promise<number> {
  let [low, high] = [from, to + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    let at = middle;
    let record = await log.at(at);
    while (record === null && at > low) record = await log.at(--at);
    if (record === null || record.stamp <= stamp) low = middle + 1;
    else high = at;
  }
  return low;
}

/** The position with the state as it is. */
function position(x: Examined): MetaFields {
  if (x.log === null) return {};
  const { behind } = x;
  const another = x.log.kind === "log replaced";
  const anchors = another ? [] : x.meta.anchors.filter(({ sequence }) => sequence <= behind);
  return {
    log: x.info.identity, offset: String(behind), anchors: anchorsField(anchors), ...withoutJoins(x.meta.fields),
    // Both speak of places in the other log.
    ...(another ? { surplus: "", quiet: "", ...tombstonesAfter(x.meta.fields, 0, true) } : {}),
  };
}

/** The position without any state. */
function beginning(x: Examined): MetaFields {
  const another = x.log?.kind === "log replaced";
  const quiet = quietAfterRebuild(x);
  return {
    log: x.info.identity, offset: String(x.info.first - 1),
    ...(another ? { surplus: "", quiet: "" } : { quiet: quiet === 0 ? "" : String(quiet) }),
  };
}

/** What events up to here bring about had been committed, and is published or carried over. */
function quietAfterRebuild({ meta, info, log, outputs, behind }: Examined): number {
  if (log?.kind === "log replaced") return 0;
  if (outputs?.kind === "outputs expired") return info.last;
  // Behind a lost end new events took the places of others, or will.
  return Math.max(meta.quiet, log?.kind === "log shorter" || log?.kind === "log regrown" ? behind : meta.offset);
}

/** Outputs that the decision's commit puts into the outbox, and the fields that go with them. */
async function outputsAfter({ partition, meta, info, outputs: fault, plan, published }: Examined, choice: Choice, { store, outputs }: RecoverPorts): Promise<{ outputs: Output[]; meta: MetaFields }> {
  if (plan !== null) {
    if (choice === "accept-data-loss") return { outputs: [], meta: {} }; // the engine sees to it when it opens the partition
    return {
      outputs: [...(plan.renumbered?.outputs ?? plan.unpublished)],
      meta: { next: String(plan.next), surplus: surplusField(plan.surplus), outputs: plan.identity, published: String(plan.next - 1 - plan.unpublished.length) },
    };
  }
  const carried: Output[] = [];
  if (fault?.kind !== "outputs expired") {
    const known = fault?.kind === "outputs lost" ? published : meta.published;
    for (let from = known + 1; from < meta.next; from = (carried.at(-1)?.number ?? from) + 1) {
      const page = await store.outbox(partition, from, SIZES.outboxPage);
      if (page.length === 0) break;
      carried.push(...page);
    }
  }
  const renumbered = carried.filter(({ number }) => number < meta.next).map((output, i) => ({ ...output, number: published + 1 + i }));
  // The outbox is to say what the stream says, as far back as an engine compares the two.
  const there = await outputs.read(partition, Math.max(1, published - COMPARED_AT_ONCE + 1), published);
  return {
    outputs: [...there, ...renumbered],
    meta: {
      next: String(published + 1 + renumbered.length), outputs: await outputs.identity(partition), published: String(published), surplus: "",
      ...(fault?.kind === "outputs expired" ? { quiet: String(info.last) } : {}),
    },
  };
}

/** Decisions that are kept. */
const NOTES_KEPT = 5;

export interface Note {
  readonly at: string;
  readonly choice: Choice;
  /** How far the partition had come. */
  readonly offset: number;
  readonly log: Fault["kind"] | "";
  readonly outputs: Fault["kind"] | "";
}

/** Decisions of before, newest first. */
export const notesOf = (fields: MetaFields): readonly Note[] => JSON.parse(fields["recovered"] ?? "[]") as Note[];

const noting = (fields: MetaFields, note: Note): MetaFields => ({ recovered: JSON.stringify([note, ...notesOf(fields)].slice(0, NOTES_KEPT)) });
