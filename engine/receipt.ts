/**
 * The receipt of an erasure: an action `actions.<p>.eddy.erased` that says what was removed, in counts. Of the customer it
 * names nothing but the ids by which they were known, the segments that were left (which are announced anyway) and the balances of points that are
 * forfeited, for whoever keeps the books.
 *
 * It is an output like any other: in the commit that holds the erasure, so published once and only if that is done. What hangs
 * on the moment is one number, `withdrawn`; everything else is the same in a replay.
 */
import type { Compiled } from "./compile/compiled.js";
import { timeText } from "./compile/runtime.js";
import type { Context } from "./customer.js";
import { hash128Hex } from "./hash.js";
import type { Message } from "./outputs.js";
import { balance } from "./points.js";

/** A rule may send "erased" through a channel "eddy": receipts alone have no attribute `rule`. */
export const RECEIPT_TYPE = "eddy.erased";
export const receiptSubject = (partition: number): string => `actions.${partition}.${RECEIPT_TYPE}`;

/** Why: a `customer_erased` came, or `profile retain` fell due. */
export type ErasedBy = "request" | "retention";
export const ERASED_BY: readonly ErasedBy[] = ["request", "retention"];

/** How much of each kind there was. */
export interface Removed {
  /** False: nothing was known of the customer. */
  readonly known: boolean;
  /** Names, in order of their declaration. */
  readonly segments: readonly string[];
  /** Balances by the name of the points; none where there were none. */
  readonly points: { readonly [name: string]: number };
  /** Fields of the profile that had a value. */
  readonly profile: number;
  readonly aggregates: number;
  readonly runs: number;
  /** Of the runs, those whose message was held. */
  readonly held: number;
  /** Starts and messages that caps remembered. */
  readonly capped: number;
  readonly exposures: number;
  /** Ids of those who were joined into the customer, and are forgotten with them. */
  readonly joined: readonly string[];
}

export interface Receipt {
  readonly customer: string;
  /** The instant on the customer's clock. */
  readonly at: number;
  readonly by: ErasedBy;
  /** The event's id, or `time`. */
  readonly cause: string;
  readonly id: string;
  readonly removed: Removed;
}

/** The same request has the same receipt. `causeKey`: `<source>/<id>`, or `time/<instant>`. */
export const receiptId = (customer: string, causeKey: string): string => hash128Hex(`${customer}\u0000${RECEIPT_TYPE}\u0000${causeKey}`);

/** What there is to remove. */
export function removable({ program, segments }: Compiled, x: Context, known: boolean): Removed {
  const { customer } = x;
  const { extras } = customer;
  const counted = (lists: readonly { readonly times: readonly number[] }[]): number => lists.reduce((sum, { times }) => sum + times.length, 0);
  const points = (extras?.ledgers ?? []).map(({ index }) => [program.points[index]?.name ?? "", balance(x, index, program.points[index]?.expire ?? null)] as const);
  return {
    known,
    segments: customer.segments.map((index) => segments[index]?.name ?? ""),
    points: Object.fromEntries(points.filter(([, left]) => left !== 0)),
    profile: Object.values(customer.profile).filter((value) => value !== undefined && value !== null).length,
    aggregates: customer.slotIds.length,
    runs: customer.runs.length,
    held: customer.runs.filter(({ held }) => held !== null).length,
    capped: counted(customer.starts) + counted(extras?.sends ?? []),
    exposures: extras?.exposures.length ?? 0,
    joined: [...(extras?.joined ?? [])],
  };
}

/** `withdrawn`: outputs of theirs that were waiting to be published, and are not any more. */
export function receiptMessage(partition: number, { customer, at, by, cause, id, removed }: Receipt, withdrawn: number): Message {
  const body = JSON.stringify({
    specversion: "1.0", id, source: "eddy", type: RECEIPT_TYPE, subject: customer, time: timeText(at), cause,
    data: { by, ...removed, withdrawn },
  });
  return { subject: receiptSubject(partition), id, body };
}
