/** Builds a commit from what a partition has pending: bytes, lists and numbered outputs. */
import type { CustomerCache } from "./cache.js";
import type { Writer as BytesWriter } from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { isKept } from "./customer.js";
import type { Pending } from "./partition.js";
import type { Commit, CountChanges, MetaFields, Output, Writer } from "./ports.js";
import { writeCustomer, writeForgotten } from "./state.js";

export interface CommitPlace {
  readonly partition: number;
  readonly writer: Writer;
  readonly number: number;
  /** Its customers of this commit are bytes from now on. */
  readonly cache: CustomerCache;
  readonly layout: number;
  /** Who of those who are forgotten leaves a note (engine/change/pass.ts); null: nobody does. */
  readonly notesForgotten: ((customer: string) => boolean) | null;
  /** Number of the first output. */
  readonly nextOutput: number;
  readonly forget: number;
  /** Keys of rankings whose counts begin anew. */
  readonly anew: readonly string[];
  /** Ids of outputs that were published before the store went back. */
  readonly suppress: ReadonlySet<string>;
  /** What records up to this sequence cause was published before, whatever its id. */
  readonly quiet: number;
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
    // Of whom nothing is known any more, or was ever known, there is no state to keep.
    const from = w.at;
    if (isKept(customer)) writeCustomer(w, customer, place.layout, compiled);
    else if (place.notesForgotten?.(customer.id) === true) writeForgotten(w, place.layout);
    customer.packedBytes = w.at - from;
    ends.push(w.at);
  }
  // Only now do the bytes stand still: the buffer may have grown while they were written.
  const states = pending.customers.map((customer, i) => {
    const from = i === 0 ? 0 : (ends[i - 1] as number);
    const to = ends[i] as number;
    return [customer.id, from === to ? null : w.bytes.subarray(from, to)] as const;
  });
  const outputs: Output[] = [];
  let number = place.nextOutput;
  for (const { message, cause } of pending.messages) {
    if (cause <= place.quiet || place.suppress.has(message.id)) continue;
    outputs.push({ number: number++, subject: message.subject, id: message.id, cause, body: message.body });
  }
  const wakes = [...pending.reindexed].map((customer) => [customer.id, customer.indexed === Infinity ? null : customer.indexed] as const);
  pending.customers.forEach((customer, i) => place.cache.pack(customer, w.bytes, i === 0 ? 0 : (ends[i - 1] as number), ends[i] as number));
  place.cache.rest();
  return {
    partition: place.partition, writer: place.writer, number: place.number, states, outputs, forget: place.forget, wakes,
    segments: segmentChanges(pending),
    counts: countChanges(compiled, pending, place.anew),
    meta: meta(number),
  };
}

function segmentChanges(pending: Pending): Commit["segments"] {
  return [...pending.segments].map(([segment, changes]) => {
    const add: string[] = [];
    const remove: string[] = [];
    for (const [customer, entered] of changes) (entered ? add : remove).push(customer);
    return { segment, add, remove };
  });
}

function countChanges({ program }: Compiled, { counts }: Pending, anew: readonly string[]): CountChanges[] {
  const changes = new Map<string, CountChanges>(anew.map((ranking) => [ranking, { ranking, forget: true, changes: [] }]));
  for (const [index, values] of counts) {
    const ranking = program.rankings[index]?.key as string;
    if (values.size > 0 || changes.has(ranking)) changes.set(ranking, { ranking, forget: changes.has(ranking), changes: [...values] });
  }
  return [...changes.values()];
}
