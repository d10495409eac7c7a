/**
 * What was said about a customer and lies in the outbox, when they are erased.
 *
 * What waits to be published is replaced, in the very commit that holds the erasure, by an empty record under its number and
 * id: the chain stays, and whoever looks for what was published before finds it by its id as always. Nothing of it may go out
 * while that commit is on its way, so publishing waits before the first of them. What is published already is kept to refill an
 * output stream that lost its end: there it is replaced too, by a scan of the outbox beside the work (the field `scrub` says
 * below which number; it stands until the scan is done, so a crash only begins the scan anew).
 *
 * What an erasure itself brings about (memberships left, actions of rules that look for it, the receipt) comes behind
 * and stays. So does what waits of this kind already: whoever has heard that a membership was entered must hear that it was left,
 * and whoever asked twice has two receipts. Whom `retain` has forgotten said nothing for long: their outputs are left as they are.
 */
import { insist, type Bell } from "./environment.js";
import type { Message } from "./outputs.js";
import { passes } from "./ownership.js";
import type { Pending } from "./partition.js";
import type { MetaFields, Output } from "./ports.js";
import { RECEIPT_TYPE, receiptMessage } from "./receipt.js";
import { decodeToken, parseEventSubject, withdrawnSubject } from "./subjects.js";
import { tombstoneKey, type Tombstones } from "./tombstones.js";
import type { WorkerParts } from "./worker.js";

/** Entries read at once, and the pause behind them. */
const PAGE = 200;
const PAUSE_MS = 2;

export const WITHDRAWN_TYPE = "eddy.withdrawn";

/** Nothing but the id is left. */
export function withdrawnMessage(partition: number, id: string): Message {
  return { subject: withdrawnSubject(partition), id, body: JSON.stringify({ specversion: "1.0", id, source: "eddy", type: WITHDRAWN_TYPE }) };
}

const withdrawnOutput = (partition: number, { number, id, cause }: Pick<Output, "number" | "id" | "cause">): Output => ({ number, cause, ...withdrawnMessage(partition, id) });

/** How every CloudEvent of ours about a customer begins; faster than to parse it all. */
const HEAD = /^\{"specversion":"1\.0","id":"[^"]*","source":"eddy","type":"(?:[^"\\]|\\.)*","subject":("(?:[^"\\]|\\.)*")/;

/** Whom an output is about: of a dead letter, whose event it shows. Null: nobody, or nobody that can be known. */
export function customerOf({ subject, body }: Pick<Output, "subject" | "body">): string | null {
  if (!subject.startsWith("dead.")) return subjectIn(body);
  const { subject: of, body: shown } = letterIn(body);
  const token = parseEventSubject(of)?.token;
  return (token === undefined ? null : decodeToken(token)) ?? subjectIn(shown);
}

/** Somebody else may have published where dead letters go: then it is about nobody. */
function letterIn(body: string): { readonly subject: string; readonly body: string } {
  try {
    const { data } = JSON.parse(body) as { readonly data?: { readonly subject?: string; readonly body?: string } };
    return { subject: data?.subject ?? "", body: data?.body ?? "" };
  } catch {
    return { subject: "", body: "" };
  }
}

function subjectIn(body: string): string | null {
  const head = HEAD.exec(body);
  return head === null ? null : JSON.parse(head[1] as string) as string;
}

/** What readers follow: a membership that was left, or the receipt of an earlier request. As long as it waits, it stays. */
export function isToBeFollowed({ subject, body }: Pick<Output, "subject" | "body">): boolean {
  if (subject.startsWith("segments.")) return subject.endsWith(".left");
  // A rule may send "erased" through a channel "eddy": that is no receipt.
  return subject.startsWith("actions.") && subject.endsWith(`.${RECEIPT_TYPE}`) && (JSON.parse(body) as { readonly rule?: string }).rule === undefined;
}

// ---------------------------------------------------------------------------------------------------- what waits

/** The part of a worker that this needs. */
export interface Withdrawing {
  readonly parts: WorkerParts;
  outgoing: { readonly output: Output; readonly arrived: number; readonly isAction: boolean }[];
  outgoingWeight: number;
  publishedUpTo: number;
  /** Outputs up to this number may be in the output stream, whatever is known of it. */
  sentUpTo: number;
  /** New outputs of the commit on its way. */
  onItsWay: readonly Output[];
  readonly nextOutput: number;
  readonly suppress: ReadonlySet<string>;
  /** Replaced by a commit that is not answered yet. */
  withheld: readonly Withheld[];
  /** Found by the scan: the next commit replaces them. */
  found: Output[];
  /** Below this number the outbox is to be scanned; 0: no need. */
  scrub: number;
  /** How many commits have asked for a scan since one said that all was done: those that are built, those that are done, and those whose scan is. */
  scrubSaid: number;
  scrubAsked: number;
  scrubbed: number;
  readonly scrubbing: Bell;
  readonly toPublish: Bell;
  nudged: boolean;
  readonly work: Bell;
}

export interface Withheld {
  readonly commit: number;
  readonly outputs: readonly Output[];
}

/** What a worker begins with: a scan that was not finished goes on. */
export const startWithdrawing = (fields: MetaFields): Pick<Withdrawing, "onItsWay" | "withheld" | "found" | "scrub" | "scrubSaid" | "scrubAsked" | "scrubbed"> => {
  const scrub = Number(fields["scrub"] ?? 0);
  const asked = scrub > 0 ? 1 : 0;
  return { onItsWay: [], withheld: [], found: [], scrub, scrubSaid: asked, scrubAsked: asked, scrubbed: 0 };
};

/** Behind which number nothing may be published yet. */
export function heldFrom({ withheld }: { readonly withheld: readonly Withheld[] }): number {
  let least = Infinity;
  for (const { outputs } of withheld) least = Math.min(least, outputs[0]?.number ?? Infinity);
  return least;
}

/**
 * Takes back what was said about those whom the pending content erases: among the messages of before, and among the committed
 * outputs that are not known to be published. Writes the numbers into the receipts. Answers the outputs that the commit is to replace,
 * in order of their numbers: these, and those that the scan has found.
 */
export function withdraw(s: Withdrawing, { erased, messages }: Pending, commit: number, forget: number): readonly Output[] {
  // A scan that began anew has found some a second time.
  const found = inOrder(s.found.filter(({ number }) => number > forget));
  s.found = [];
  if (erased.size === 0) return found;
  const { partition: { options: { index } }, outputPlan: { quiet } } = s.parts;
  const counts = new Map<string, number>([...erased.keys()].map((customer) => [customer, 0]));
  const take = (customer: string): void => void counts.set(customer, (counts.get(customer) ?? 0) + 1);
  messages.forEach((said, i) => {
    const customer = customerOf(said.message);
    if (customer === null || i >= (erased.get(customer) ?? 0) || isToBeFollowed(said.message)) return;
    if (said.cause > quiet && !s.suppress.has(said.message.id)) take(customer);
    messages[i] = { message: withdrawnMessage(index, said.message.id), cause: said.cause, stamp: said.stamp, isAction: false };
  });
  const replaced: Output[] = [];
  for (const output of [...s.outgoing.map((each) => each.output), ...s.onItsWay]) {
    const customer = customerOf(output);
    if (customer === null || !erased.has(customer) || isToBeFollowed(output)) continue;
    // What is on its way into the stream this very moment may arrive there as it was; nobody counts it.
    if (output.number > s.sentUpTo) take(customer);
    replaced.push(withdrawnOutput(index, output));
  }
  messages.forEach((said, i) => {
    const { receipt } = said;
    const withdrawn = receipt === undefined ? 0 : counts.get(receipt.customer) ?? 0;
    if (receipt === undefined || withdrawn === 0) return;
    messages[i] = { ...said, message: receiptMessage(index, receipt, withdrawn) };
    s.parts.stats.outputsWithdrawn += withdrawn;
    counts.delete(receipt.customer); // of several erasures in one commit the first receipt tells of it
  });
  if (replaced.length > 0) s.withheld = [...s.withheld, { commit, outputs: replaced }];
  return inOrder([...found, ...replaced]);
}

/** Each once. */
const inOrder = (outputs: readonly Output[]): Output[] => [...new Map(outputs.map((output) => [output.number, output])).values()].sort((a, b) => a.number - b.number);

/** What the commit's meta says of the outbox: that it is to be scanned below the commit's own outputs, or that this is done. */
export function scrubField(s: Withdrawing, { erased }: Pending): MetaFields {
  if (erased.size > 0 && s.nextOutput > 1) {
    s.scrubSaid++;
    return { scrub: String(s.nextOutput) };
  }
  if (!isScrubbed(s)) return {};
  s.scrubSaid = s.scrubAsked = s.scrubbed = 0;
  return { scrub: "" };
}

/** The commit is done: what it has replaced goes out as it is now, and what was published before is looked through. */
export function withdrawn(s: Withdrawing, commit: number, meta: MetaFields): void {
  for (const { outputs } of s.withheld.filter((each) => each.commit <= commit)) {
    const byNumber = new Map(outputs.map((output) => [output.number, output]));
    s.outgoing.forEach(({ output, arrived }, i) => {
      const instead = byNumber.get(output.number);
      if (instead === undefined) return;
      s.outgoingWeight += instead.body.length - output.body.length;
      s.outgoing[i] = { output: instead, arrived, isAction: false };
    });
  }
  if (s.withheld.length > 0) s.toPublish.ring();
  s.withheld = s.withheld.filter((each) => each.commit > commit);
  const scrub = Number(meta["scrub"] ?? 0);
  if (scrub === 0) return;
  s.scrub = scrub;
  s.scrubAsked++;
  s.scrubbing.ring();
}

// ---------------------------------------------------------------------------------------------------- what is published

/** Whether an entry of the outbox is about somebody who was erased since. */
function isOfErased(output: Output, tombstones: Tombstones): boolean {
  if (output.subject.startsWith("withdrawn.")) return false;
  const customer = customerOf(output);
  const tombstone = customer === null ? undefined : tombstones.all.get(tombstoneKey(customer));
  return tombstone !== undefined && output.number < tombstone.bound;
}

/** An output that is published (again) out of the outbox, as it may go out by now: the scan may not have come to it yet. */
export function asItMayGo({ partition: { options: { index }, tombstones } }: Pick<WorkerParts, "partition">, output: Output): Output {
  return tombstones.all.size > 0 && isOfErased(output, tombstones) && !isToBeFollowed(output) ? withdrawnOutput(index, output) : output;
}

/** Looks through the outbox as often as it must; what is found waits for the next commit, which is asked for. */
export async function scrubLoop(s: Withdrawing, evaluating: () => boolean): Promise<void> {
  const { signal, environment, store, partition: { options: { index }, tombstones } } = s.parts;
  while (!signal.aborted) {
    const upTo = s.scrub;
    const asked = s.scrubAsked;
    if (upTo === 0) {
      if (!evaluating()) return;
      await s.scrubbing.wait();
      continue;
    }
    for (let from = 1; from < upTo && !signal.aborted && evaluating();) {
      const page = await insist(environment, signal, "looking through the outbox", passes, () => store.outbox(index, from, PAGE));
      const hits = page.filter((output) => isOfErased(output, tombstones) && (output.number <= s.publishedUpTo || !isToBeFollowed(output))).map((output) => withdrawnOutput(index, output));
      s.found.push(...hits);
      if (hits.length > 0) nudge(s);
      from = (page.at(-1)?.number ?? upTo) + 1;
      await environment.pause(PAUSE_MS, signal);
    }
    if (!evaluating()) return; // whoever has the partition next begins anew
    if (s.scrubAsked !== asked) continue; // somebody else was erased meanwhile
    s.scrub = 0;
    s.scrubbed = asked;
    nudge(s);
  }
}

function nudge(s: Withdrawing): void {
  s.nudged = true;
  s.work.ring();
}

/** Whether a commit is due for what the scan has found, or for its end. */
export const hasFound = (s: Pick<Withdrawing, "found" | "scrubSaid" | "scrubbed">): boolean => s.found.length > 0 || isScrubbed(s);

/** An erasure whose commit is on its way wants another scan. */
const isScrubbed = ({ scrubSaid, scrubbed }: Pick<Withdrawing, "scrubSaid" | "scrubbed">): boolean => scrubbed > 0 && scrubbed === scrubSaid;
