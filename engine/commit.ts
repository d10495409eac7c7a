/** Builds a commit from what a partition has pending: bytes, lists and numbered outputs. */
import type { Writer as BytesWriter } from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import type { Pending } from "./partition.js";
import type { Commit, MetaFields, Output, Writer } from "./ports.js";
import { writeCustomer } from "./state.js";

export interface CommitPlace {
  readonly partition: number;
  readonly writer: Writer;
  readonly number: number;
  readonly layout: number;
  /** Number of the first output. */
  readonly nextOutput: number;
  readonly forget: number;
  /** Ids of outputs that were published before the store went back. */
  readonly suppress: ReadonlySet<string>;
}

/**
 * `w` is where the states are written, from its beginning: the commit's bytes lie in it, so it must not be used again
 * before the commit is answered. `meta` is asked when the outputs are numbered: it takes the number of the next one.
 */
export function buildCommit(
  compiled: Compiled, pending: Pending, place: CommitPlace, w: BytesWriter, meta: (nextOutput: number) => MetaFields,
): Commit {
  w.at = 0;
  const ends: number[] = [];
  for (const customer of pending.customers) {
    writeCustomer(w, customer, place.layout, compiled);
    ends.push(w.at);
  }
  // Only now do the bytes stand still: the buffer may have grown while they were written.
  const states = pending.customers.map((customer, i) => [customer.id, w.bytes.subarray(i === 0 ? 0 : ends[i - 1], ends[i])] as const);
  const outputs: Output[] = [];
  let number = place.nextOutput;
  for (const { message, cause } of pending.messages) {
    if (place.suppress.has(message.id)) continue;
    outputs.push({ number: number++, subject: message.subject, id: message.id, cause, body: message.body });
  }
  return {
    partition: place.partition, writer: place.writer, number: place.number, states, outputs, forget: place.forget,
    wakes: [...pending.reindexed].map((customer) => [customer.id, customer.indexed === Infinity ? null : customer.indexed] as const),
    segments: segmentChanges(compiled, pending),
    meta: meta(number),
  };
}

function segmentChanges(compiled: Compiled, pending: Pending): Commit["segments"] {
  return [...pending.segments].map(([segment, changes]) => {
    const add: string[] = [];
    const remove: string[] = [];
    for (const [customer, entered] of changes) (entered ? add : remove).push(customer);
    return { segment: compiled.segments[segment]?.name as string, add, remove };
  });
}
