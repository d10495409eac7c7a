/**
 * The steps of `eddy erase`: the request goes into the log, the receipt comes out of the outputs, and what log and streams still
 * hold is removed where that is asked for.
 *
 * The request's record stays in the log: a state that is rebuilt erases by it what came before it. Records are removed only
 * as far as every partition has come: the log must not begin behind a partition's position, which would look like loss.
 */
import { randomUUID } from "node:crypto";
import { messageId } from "../connectors/intake.js";
import { CUSTOMER_ERASED } from "../engine/compile/compiled.js";
import { readMeta } from "../engine/meta.js";
import type { ClockKind, NewRecord, Output } from "../engine/ports.js";
import { receiptSubject } from "../engine/receipt.js";
import { encodeToken, eventSubject, partition as partitionOf, tickSubject, TICK_TYPE } from "../engine/subjects.js";
import { customerOf } from "../engine/withdrawing.js";
import type { OpenedPorts } from "./open.js";

type Ports = Pick<OpenedPorts, "log" | "store" | "outputs" | "partitions">;

/** A request that is in the log. */
export interface Asked {
  readonly customer: string;
  readonly token: string;
  readonly partition: number;
  /** The id of its event. */
  readonly id: string;
  /** Of its record. */
  readonly sequence: number;
}

const SOURCE = "eddy-erase";

/** Puts a request for each customer into the log. `now`: the wall clock. */
export async function askToErase(ports: Ports, customers: readonly string[], now: number): Promise<Asked[]> {
  const { clock } = await ports.log.info();
  const instants = new Map<number, number>();
  const wanted: (Omit<Asked, "sequence"> & { readonly record: NewRecord })[] = [];
  for (const customer of customers) {
    const token = encodeToken(customer);
    const partition = partitionOf(token, ports.partitions);
    if (!instants.has(partition)) instants.set(partition, await instantOf(ports, partition, clock, now));
    const id = randomUUID();
    const body = JSON.stringify({
      specversion: "1.0", id, source: SOURCE, type: CUSTOMER_ERASED, subject: customer, time: new Date(instants.get(partition) as number).toISOString(), data: {},
    });
    wanted.push({
      customer, token, partition, id,
      record: { subject: eventSubject(CUSTOMER_ERASED, customer), body, id: messageId(customer, SOURCE, id) },
    });
  }
  const appended = await ports.log.append(wanted.map(({ record }) => record));
  return wanted.map(({ record: _, ...asked }, i) => ({ ...asked, sequence: appended[i]?.sequence ?? 0 }));
}

/** On the events' own clock the request must not move it. */
async function instantOf({ store }: Ports, partition: number, clock: ClockKind, now: number): Promise<number> {
  return clock === "broker" ? now : readMeta((await store.meta(partition)).meta).clock;
}

// ---------------------------------------------------------------------------------------------------- receipts

export interface Receipted {
  readonly asked: Asked;
  readonly output: Output;
  /** Of the receipt: another than the customer's own where they had been joined into somebody. */
  readonly partition: number;
  /** All ids by which the customer was known. */
  readonly ids: readonly string[];
}

/** Where the outputs of all partitions go on from now. */
export async function endsOf({ outputs, partitions }: Pick<Ports, "outputs" | "partitions">): Promise<Map<number, number>> {
  return new Map(await Promise.all(Array.from({ length: partitions }, async (_, index) => [index, (await outputs.last(index)) + 1] as const)));
}

const PAGE = 500;

/**
 * Reads on in the outputs and takes the receipts out of what is awaited (by the id of the request's event). In all partitions: the
 * request of somebody who was joined into another customer is said on to that one.
 */
export async function findReceipts(ports: Pick<Ports, "outputs">, awaited: Map<string, Asked>, from: Map<number, number>): Promise<Receipted[]> {
  const found: Receipted[] = [];
  for (const [partition, first] of from) {
    const last = await ports.outputs.last(partition);
    for (let next = first; next <= last; next += PAGE) {
      for (const output of await ports.outputs.read(partition, next, Math.min(last, next + PAGE - 1))) {
        if (output.subject !== receiptSubject(partition)) continue;
        const { subject, cause, data } = JSON.parse(output.body) as { readonly subject: string; readonly cause: string; readonly data?: { readonly joined?: readonly string[] } };
        const asked = awaited.get(cause);
        if (asked === undefined) continue;
        found.push({ asked, output, partition, ids: [...new Set([asked.customer, subject, ...(data?.joined ?? [])])] });
        awaited.delete(cause);
      }
    }
    from.set(partition, last + 1);
  }
  return found;
}

/** Partitions whose outbox is still being looked through for what was published about those who were erased. */
export async function stillScrubbed({ store }: Pick<Ports, "store">, partitions: readonly number[]): Promise<number[]> {
  const metas = await Promise.all(partitions.map((partition) => store.meta(partition)));
  return partitions.filter((_, i) => (metas[i]?.meta["scrub"] ?? "") !== "");
}

// ---------------------------------------------------------------------------------------------------- the log

/** How far each partition has come: the least, and which are behind the sequence. Those that never did anything do not count. */
export async function reached({ store, partitions }: Pick<Ports, "store" | "partitions">, sequence: number): Promise<{ readonly least: number; readonly behind: readonly number[] }> {
  const offsets = await Promise.all(Array.from({ length: partitions }, async (_, index) => {
    const { log, offset } = readMeta((await store.meta(index)).meta);
    return log === "" ? Infinity : offset;
  }));
  return { least: Math.min(...offsets), behind: offsets.flatMap((offset, index) => (offset < sequence ? [index] : [])) };
}

/** Makes idle partitions say how far they have come. A tick of the clock as it stands changes nothing else. */
export async function wakeUp(ports: Ports, partitions: readonly number[], now: number): Promise<void> {
  const { clock } = await ports.log.info();
  const records = await Promise.all(partitions.map(async (partition) => {
    const time = new Date(await instantOf(ports, partition, clock, now)).toISOString();
    const id = randomUUID();
    return { subject: tickSubject(partition), body: JSON.stringify({ specversion: "1.0", id, source: SOURCE, type: TICK_TYPE, subject: String(partition), time }) };
  }));
  if (records.length > 0) await ports.log.append(records);
}

// ---------------------------------------------------------------------------------------------------- outputs

/**
 * Numbers of a partition's outputs about customers, by customer, but for what their erasure itself brought about and all that came
 * behind the receipt.
 */
export async function outputsAbout({ outputs }: Pick<Ports, "outputs">, partition: number, receipted: readonly Receipted[], progress: (share: number) => void): Promise<Map<string, number[]>> {
  // Where the receipt lies elsewhere the newest output stays: nothing here says what came before the erasure.
  const newest = await outputs.last(partition);
  const by = new Map(receipted.flatMap((each) => each.ids.map((id) => [id, { receipt: each.partition === partition ? each.output.number : newest, cause: each.asked.id, of: each.asked.customer }] as const)));
  const last = Math.max(0, ...[...by.values()].map(({ receipt }) => receipt));
  const numbers = new Map<string, number[]>(receipted.map(({ asked }) => [asked.customer, []]));
  for (let from = 1; from < last; from += PAGE) {
    for (const output of await outputs.read(partition, from, Math.min(last, from + PAGE - 1))) {
      const customer = output.subject.startsWith("withdrawn.") ? "" : customerOf(output) ?? "";
      const erased = by.get(customer);
      if (erased !== undefined && output.number < erased.receipt && causeOf(output) !== erased.cause) numbers.get(erased.of)?.push(output.number);
    }
    progress(Math.min(1, (from + PAGE) / last));
  }
  return numbers;
}

export function causeOf({ body }: Pick<Output, "body">): string {
  return (JSON.parse(body) as { readonly cause?: string }).cause ?? "";
}

