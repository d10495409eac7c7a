/**
 * Publishes the committed outputs of one partition, in a chain: each is accepted only directly behind its predecessor. At
 * the first refusal it stops, asks where the output stream really ends, and goes on from there.
 */
import { insist, type Bell } from "./environment.js";
import { OutputsMoved, StoreMoved, ownCommits, passes } from "./ownership.js";
import { cannotContinue, outputsMissing } from "./continuity.js";
import { deadMessage } from "./outputs.js";
import { LogFull, LogMissing, LogUnavailable, RecordTooLarge, type Output } from "./ports.js";
import type { Sizes } from "./sizes.js";
import { observe, type PartitionStats } from "./stats.js";
import { asItMayGo, heldFrom, type Withheld } from "./withdrawing.js";
import type { WorkerParts } from "./worker.js";

/** After a refusal that left the end of the output stream where it was. */
const REFUSED_PAUSE_MS = 10;
/** When the broker takes hardly anything. */
const TOO_SMALL_PAUSE_MS = 10_000;

/** A stream that is not found this often in a row, with growing pauses, is gone; a cluster that starts may not know it at first. */
const MISSING_ATTEMPTS = 8;

/** An output that is committed and not known to be published. */
export interface Outgoing {
  readonly output: Output;
  readonly arrived: number;
  readonly isAction: boolean;
}

/** The part of a worker that publishes. */
export interface Publishing {
  readonly parts: WorkerParts;
  /** In order of their numbers. */
  outgoing: Outgoing[];
  /** Characters of their bodies. */
  outgoingWeight: number;
  publishedUpTo: number;
  readonly nextOutput: number;
  /** Outputs up to this number may be in the output stream, whatever is known of it. */
  sentUpTo: number;
  /** What goes out only when a commit on its way has replaced it. */
  withheld: readonly Withheld[];
  /** The end of the output stream may have gone back while nothing was written to it. */
  endInDoubt: boolean;
  /** Rung when outputs are accepted, and when there are some to publish. */
  readonly published: Bell;
  readonly toPublish: Bell;
  readonly stats: PartitionStats;
}

export async function publishLoop(s: Publishing, evaluating: () => boolean): Promise<void> {
  try {
    await publishOn(s, evaluating);
  } catch (error) {
    throw error instanceof LogMissing ? cannotContinue(s.parts.partition.options.index, outputsMissing(s.parts.partition.options.index)) : error;
  }
}

async function publishOn(s: Publishing, evaluating: () => boolean): Promise<void> {
  const { signal, environment, outputs, partition, stats, sizes } = s.parts;
  const index = partition.options.index;
  while (!signal.aborted) {
    if (s.outgoing.length === 0) {
      if (s.endInDoubt) await compareEnd(s);
      if (s.outgoing.length > 0) continue;
      if (!evaluating()) return;
      await s.toPublish.wait();
      continue;
    }
    if (firstOf(s.outgoing, sizes, heldFrom(s)).length === 0) {
      if (!evaluating()) return;
      await s.toPublish.wait();
      continue;
    }
    let window: readonly Outgoing[] = [];
    const first = (s.outgoing[0] as Outgoing).output.number;
    const started = environment.seconds();
    // A full stream may have room again; until then the outputs wait in the outbox and the lag grows.
    let missing = 0;
    const unavailable = (error: unknown): boolean => error instanceof LogUnavailable || error instanceof LogFull || (error instanceof LogMissing && ++missing < MISSING_ATTEMPTS);
    let accepted: number;
    try {
      accepted = await insist(environment, signal, `publishing to OUT_${index}`, unavailable, async () => {
        // Taken anew each time: what waits while the stream is full may be withdrawn meanwhile.
        window = firstOf(s.outgoing, sizes, heldFrom(s));
        return send(s, window);
      });
    } catch (error) {
      if (!(error instanceof RecordTooLarge)) throw error;
      await replaceFirst(s, error);
      continue;
    }
    const last = first + window.length - 1;
    if (accepted >= first) {
      observe(stats.stageSeconds.publish, environment.seconds() - started);
      accept(s, accepted);
    }
    if (accepted < last) await resume(s, await insist(environment, signal, `asking for the end of OUT_${index}`, unavailable, () => outputs.last(index)));
  }
}

/** Answers the number of the last one that is known to be accepted. */
async function send(s: Publishing, window: readonly Outgoing[]): Promise<number> {
  const [first, last] = [window[0]?.output.number, window.at(-1)?.output.number];
  if (first === undefined || last === undefined) return 0;
  const before = s.sentUpTo;
  s.sentUpTo = Math.max(before, last);
  try {
    return await s.parts.outputs.publish(s.parts.partition.options.index, window.map(({ output }) => output));
  } catch (error) {
    // Where the first is refused, nothing behind it finds its predecessor.
    if (error instanceof LogFull) s.sentUpTo = before;
    throw error;
  }
}

/** As many as may be under way at a time, one at least; none from a number on. */
function firstOf(outgoing: readonly Outgoing[], { publishAtOnce, publishMost }: Sizes, end: number): Outgoing[] {
  let n = 0;
  for (let weight = 0; n < outgoing.length && (outgoing[n] as Outgoing).output.number < end && n < publishAtOnce && (n === 0 || weight < publishMost); n++) weight += (outgoing[n] as Outgoing).output.body.length;
  return outgoing.slice(0, n);
}

function accept(s: Publishing, upTo: number): void {
  const now = s.parts.environment.now();
  let n = 0;
  while (n < s.outgoing.length && (s.outgoing[n] as Outgoing).output.number <= upTo) {
    const { arrived, isAction, output } = s.outgoing[n] as Outgoing;
    s.outgoingWeight -= output.body.length;
    if (isAction && arrived > 0) observe(s.parts.stats.actionSeconds, Math.max(0, now - arrived) / 1000);
    n++;
  }
  s.outgoing.splice(0, n);
  s.publishedUpTo = Math.max(s.publishedUpTo, upTo);
  s.stats.outboxPending = s.outgoing.length;
  s.published.ring();
}

/** What is left of a dead letter that is itself too large. */
const SHORT_LETTER = 2048;

/**
 * The broker never takes it, and would stop all behind it: a dead letter goes out in its place. Under its number and its id,
 * by which what was published is known again; and always the same, however often it comes to this.
 */
async function replaceFirst(s: Publishing, error: RecordTooLarge): Promise<void> {
  const { environment, partition: { options: { index } }, signal, stats } = s.parts;
  const { output } = s.outgoing[0] as Outgoing;
  const wasReplaced = output.subject.startsWith("dead.");
  if (wasReplaced && output.body.length <= SHORT_LETTER) {
    environment.log("error", `not even a dead letter is taken: ${error.message}. Raise max_payload; the partition waits`, { partition: index });
    return environment.pause(TOO_SMALL_PAUSE_MS, signal);
  }
  const detail = `the output ${output.id} has ${output.body.length} characters: ${error.message}. Put less of the event into its payload, or raise the broker's limit`;
  const letter = deadMessage(index, {
    reason: "too_large", detail, subject: output.subject.slice(0, wasReplaced ? 100 : undefined), sequence: output.cause, body: Buffer.from(wasReplaced ? "" : output.body),
  }, timeOf(output), output.id);
  environment.log("warn", "an output is larger than the broker takes; a dead letter goes out in its place", { partition: index, subject: output.subject, detail: error.message });
  stats.deadLetters.too_large++;
  const replaced: Outgoing = { output: { ...output, subject: letter.subject, body: letter.body }, arrived: 0, isAction: false };
  s.outgoingWeight += letter.body.length - output.body.length;
  s.outgoing[0] = replaced;
}

/** Every output is a CloudEvent with a time. */
function timeOf({ body }: Output): number {
  return Date.parse((JSON.parse(body) as { time: string }).time);
}

/** With nothing to publish nobody would notice that the output stream lost its end. */
async function compareEnd(s: Publishing): Promise<void> {
  await compareIdentity(s);
  const { environment, signal, outputs, partition } = s.parts;
  const { index } = partition.options;
  s.endInDoubt = false;
  const last = await insist(environment, signal, `asking for the end of OUT_${index}`, (error) => error instanceof LogUnavailable, () => outputs.last(index));
  if (last !== s.publishedUpTo) await resume(s, last);
}

/** A stream that was made again may not be filled from the outbox: its readers would get all that once more. */
async function compareIdentity(s: Publishing): Promise<void> {
  const { environment, signal, outputs, partition, outputPlan } = s.parts;
  const { index } = partition.options;
  const identity = await insist(environment, signal, `asking what OUT_${index} is`, (error) => error instanceof LogUnavailable, () => outputs.identity(index));
  if (identity === outputPlan.identity) return;
  await ownCommits(s.parts);
  throw new OutputsMoved(`partition ${index}: the output stream OUT_${index} was deleted and made again`);
}

/** What the stream took under the numbers that are to be published may be somebody else's. */
async function compareOutputs(s: Publishing, last: number): Promise<void> {
  const { environment, signal, outputs, partition } = s.parts;
  const { index } = partition.options;
  const first = (s.outgoing[0] as Outgoing).output.number;
  const there = await insist(environment, signal, `reading OUT_${index}`, (error) => error instanceof LogUnavailable, () => outputs.read(index, first, last));
  for (const { number, id } of there) {
    if (s.outgoing[number - first]?.output.id !== id) await anothers(s, number);
  }
}

async function anothers(s: Publishing, number: number): Promise<never> {
  const { index } = s.parts.partition.options;
  await ownCommits(s.parts);
  throw new OutputsMoved(`partition ${index}: the output stream OUT_${index} holds another's output under number ${number}`);
}

/** After a refusal or a lost reply: goes on from where the output stream really ends. */
async function resume(s: Publishing, last: number): Promise<void> {
  const { store, partition, environment, signal, sizes } = s.parts;
  const index = partition.options.index;
  const first = s.outgoing[0]?.output.number ?? s.publishedUpTo + 1;
  if (last >= s.nextOutput) await ownCommits(s.parts);
  if (last >= s.nextOutput) throw new StoreMoved(`partition ${index}: the output stream OUT_${index} holds ${last} outputs, of which only ${s.nextOutput - 1} are committed`);
  if (last >= first) {
    // What has not been handed over to be published, since its commit is still on its way, can only be somebody else's.
    const ours = first + s.outgoing.length - 1;
    if (last > ours) await anothers(s, ours + 1);
    await compareOutputs(s, last);
    return accept(s, last);
  }
  if (last === first - 1) return environment.pause(REFUSED_PAUSE_MS, signal);
  await compareIdentity(s);
  // The output stream lost its end: what was published before is taken from the outbox again.
  const lost: Outgoing[] = [];
  for (let from = last + 1; from < first; ) {
    const page = await insist(environment, signal, "reading the outbox", passes, () => store.outbox(index, from, sizes.outboxPage));
    if (page[0]?.number !== from) throw new OutputsMoved(`partition ${index}: the output stream OUT_${index} went back to ${last}, and output ${from} is no longer kept`);
    for (const output of page) if (output.number < first) lost.push({ output: asItMayGo(s.parts, output), arrived: 0, isAction: false });
    from = (page.at(-1)?.number ?? from) + 1;
  }
  environment.log("warn", `OUT_${index} lost its end; publishing it again from the outbox`, { from: last + 1, to: first - 1 });
  // One by one: a list of arguments has its limit.
  s.outgoing = [...lost, ...s.outgoing];
  for (const { output } of lost) s.outgoingWeight += output.body.length;
}
