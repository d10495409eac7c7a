/**
 * Whether a partition may go on from where its state says it was: is the log still the one that its position belongs to,
 * and the output stream still the one that its numbers belong to.
 *
 * What can be mended without losing anything is mended elsewhere (outputs.ts and recovery.ts publish again, suppress and
 * renumber). What is a fault here needs a person: going on by itself would skip or repeat something in silence. The
 * choices are the same everywhere: bring the right one back, or `eddy recover`, which shows what each decision costs
 * (recover.ts).
 */
import type { Meta } from "./meta.js";
import type { EventLog, LogInfo, OutputLog } from "./ports.js";

/** The partition cannot go on without a person's decision; the message says what happened and what can be done. */
export class CannotContinue extends Error {
  override readonly name = "CannotContinue";
  constructor(message: string, readonly fault: Fault | null = null) {
    super(message);
  }
}

export type FaultKind =
  /** A decision to rebuild was carried out in part. */
  | "rebuild unfinished"
  /** Another event log than the one that the position belongs to. */
  | "log replaced"
  | "log shorter"
  | "log gap"
  /** It lost its end and grew again. */
  | "log regrown"
  /** The store knows nothing, though outputs went out, and the beginning of the log is gone. */
  | "state lost"
  | "outputs missing"
  /** Another output stream than the one that the numbers belong to. */
  | "outputs replaced"
  /** It lost more of its end than the outbox keeps. */
  | "outputs lost"
  /** What was published and is unknown to the store cannot be read any more. */
  | "outputs expired";

export interface Fault {
  readonly kind: FaultKind;
  /** What happened, as a clause. */
  readonly what: string;
}

const BRING_BACK: Readonly<Record<Exclude<FaultKind, "rebuild unfinished">, string>> = {
  "log replaced": "give the address of the right NATS, or bring the stream EVENTS back from a backup",
  "log shorter": "bring the newer EVENTS back",
  "log gap": "bring back a backup of EVENTS that still holds them, or a newer one of Redis",
  "log regrown": "bring back the EVENTS that this state belongs to",
  "state lost": "bring back a backup of Redis",
  "outputs missing": "bring the stream back from a backup",
  "outputs replaced": "give the address of the right NATS, or bring the stream back from a backup",
  "outputs lost": "bring back a newer backup of the stream",
  "outputs expired": "bring back a backup of the stream that still holds them, or a newer one of Redis",
};

/** What a person can do, after the fault itself. */
export function cannotContinue(partition: number, fault: Fault): CannotContinue {
  const { kind, what } = fault;
  if (kind === "rebuild unfinished") return new CannotContinue(`partition ${partition}: ${what}. End all engines, finish it with 'eddy recover ${partition} --rebuild', then start again`, fault);
  return new CannotContinue(
    `partition ${partition}: ${what}. Either ${BRING_BACK[kind]}, or decide with 'eddy recover': it shows what is lost if the partition ` +
    "keeps its state and goes on (--accept-data-loss), or begins anew from the oldest event (--rebuild). Then start again",
    fault,
  );
}

const instant = (ms: number): string => new Date(ms).toISOString();

const REBUILDING = "being rebuilt: ";

/** Stands in place of the log's identity while a partition is rebuilt: nobody may go on from what is half cleared. */
export const duringRebuild = (log: string): string => REBUILDING + log;

/** Null: no rebuild has been begun. */
export const logBeforeRebuild = (log: string): string | null => (log.startsWith(REBUILDING) ? log.slice(REBUILDING.length) : null);

/** Null: the log is the one that the position belongs to, and holds what comes next. */
export async function logFault(meta: Pick<Meta, "log" | "offset" | "anchors">, info: LogInfo, log: Pick<EventLog, "at">): Promise<Fault | null> {
  if (meta.log === "") return null;
  if (logBeforeRebuild(meta.log) !== null) return { kind: "rebuild unfinished", what: "a rebuild of this partition was begun and not finished" };
  if (meta.log !== info.identity) {
    return {
      kind: "log replaced",
      what: `the event log is not the one that this state belongs to (that was ${meta.log}, this is ${info.identity}): it was deleted and made again, ` +
        "or log and store are not of the same set-up",
    };
  }
  if (info.last < meta.offset) {
    return { kind: "log shorter", what: `the event log is shorter than it was: it ends at ${info.last}, but event ${meta.offset} had been processed` };
  }
  if (meta.offset > 0 && info.first > meta.offset + 1) {
    return {
      kind: "log gap",
      what: `the event log no longer holds events ${meta.offset + 1} to ${info.first - 1}, which had not been processed (its limits were reached, or it was purged)`,
    };
  }
  for (const anchor of meta.anchors) {
    if (anchor.sequence < info.first) continue;
    const record = await log.at(anchor.sequence);
    if (record !== null && record.stamp !== anchor.stamp) {
      return {
        kind: "log regrown",
        what: `the event log has another record at ${anchor.sequence} (of ${instant(record.stamp)}) than was processed (of ${instant(anchor.stamp)}): ` +
          "it lost its end and grew again",
      };
    }
  }
  return null;
}

/** A store without anything about a partition whose outputs went out was lost; the log alone can bring it back, if it is whole. */
export function stateFault(partition: number, meta: Meta, info: LogInfo, published: number): Fault | null {
  if (meta.log !== "" || published === 0 || info.first <= 1) return null;
  return {
    kind: "state lost",
    what: `the store knows nothing of this partition, though OUT_${partition} holds ${published} outputs of it, and the event log begins at ${info.first}: ` +
      "what was before cannot be read again",
  };
}

/** Null: the output stream is the one that the numbers belong to. */
export async function outputsFault(partition: number, meta: Meta, outputs: OutputLog): Promise<Fault | null> {
  if (meta.outputs === "" || meta.next === 1) return null;
  const identity = await outputs.identity(partition);
  if (identity === meta.outputs) return null;
  return {
    kind: "outputs replaced",
    what: `the output stream OUT_${partition} is not the one to which ${meta.next - 1} outputs were committed (that was ${meta.outputs}, this is ${identity}): ` +
      "it was deleted and made again",
  };
}

export function outputsMissing(partition: number): Fault {
  return { kind: "outputs missing", what: `the output stream OUT_${partition} does not exist ('eddy setup' makes it anew)` };
}
