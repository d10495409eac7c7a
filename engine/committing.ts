/**
 * The commits of a partition: what is pending becomes one (`prepare`), is sent until it is answered, byte for byte (`commit`), and
 * what follows from it is handed on: outputs to those who publish (publishing.ts), words and figures to those who say them,
 * measurements to the statistics. And whether log and store are still as the commits left them (`compareLog`, `compareStore`).
 *
 * When a batch is sent, and what else must wait for it, the worker decides (worker.ts).
 */
import type { End } from "./change/end-at.js";
import { notesForgotten } from "./change/pass.js";
import type { Writer as BytesWriter } from "./codec.js";
import { buildCommit } from "./commit.js";
import { logFault } from "./continuity.js";
import type { Work } from "./decode.js";
import { insist } from "./environment.js";
import type { Speaking } from "./merge/saying.js";
import { takeUtterances, takeWordFields, type Utterance } from "./merge/words.js";
import { writeMeta, type Anchor, type Meta } from "./meta.js";
import { StoreMoved, ownCommits, passes, takenOver } from "./ownership.js";
import { takePending, type Pending } from "./partition.js";
import { isSweeping, type Keeping } from "./population/keeping.js";
import type { Piece } from "./population/piece.js";
import { takeFields } from "./population/population.js";
import { LogChanged, LogUnavailable, type Commit, type Output } from "./ports.js";
import type { Publishing } from "./publishing.js";
import { observe } from "./stats.js";
import { takeTombstoneFields } from "./tombstones.js";
import { scrubField, withdraw, withdrawn, type Withdrawing } from "./withdrawing.js";

/** The part of a worker that commits. */
export interface Committing extends Publishing, Keeping, Speaking, Withdrawing {
  /** Records that are decoded and not taken yet. */
  readonly works: readonly Work[];
  /** Of the last commit that was built. */
  number: number;
  nextOutput: number;
  suppress: ReadonlySet<string>;
  surplus: Meta["surplus"];
  anchors: readonly Anchor[];
  /** The last record taken. */
  readonly last: Anchor;
  committed: number;
  /** Rankings whose counts the first commit begins anew. */
  countsAnew: readonly string[];
  commitOnItsWay: Promise<void> | null;
  /** Records that were handed over are given up: the position must not move on to where nothing is known to be left. */
  readonly dropped: boolean;
  readonly end: End;
  /** The states of the commit on its way: a new buffer for each would keep the garbage collector busy. */
  readonly bytes: readonly BytesWriter[];
}

/**
 * The log may have become another one between its comparison, when the partition was opened, and the opening of a reader. What
 * a limit has removed by now was read.
 */
async function compareLog({ anchors, parts: { log, logIdentity, environment, signal } }: Committing): Promise<void> {
  const [newest] = anchors;
  if (newest === undefined) return;
  const fault = await insist(environment, signal, "comparing the event log", (error) => error instanceof LogUnavailable, async () => {
    const info = await log.info();
    return logFault({ log: logIdentity, offset: newest.sequence, anchors }, { ...info, first: Math.min(info.first, newest.sequence + 1) }, log);
  });
  if (fault !== null) throw new LogChanged(fault.what);
}

/** A worker without work would not notice that the store went back: nothing that it commits is refused. */
export async function compareStore(s: Committing): Promise<void> {
  await s.commitOnItsWay;
  await compareLog(s);
  const { index } = s.parts.partition.options;
  const number = await ownCommits(s.parts);
  if (number !== s.number) throw new StoreMoved(`partition ${index}: the store is at commit ${number}, not ${s.number}`);
}

type Said = Pick<Pending, "arrivals" | "messages">;

/** A commit that is built and not sent yet. */
export interface Prepared {
  readonly built: Commit;
  /** Its new outputs. */
  readonly outputs: readonly Output[];
  /** What of the pending is needed once it is answered; its customers are bytes by now. */
  readonly said: Said;
  readonly through: Anchor;
  readonly clock: number;
  /** What the partition has to say about its customers, once this is committed. */
  readonly toSay: readonly Piece[];
  /** What it says to other partitions' customers. */
  readonly utterances: readonly Utterance[];
}

export function prepare(s: Committing): Prepared {
  const { parts } = s;
  const { partition } = parts;
  const number = ++s.number;
  const through = reached(s);
  const pending = takePending(partition, number);
  const anchors = s.anchors[0]?.sequence === through.sequence || through.stamp === UNKNOWN_STAMP ? s.anchors : [through, ...s.anchors].slice(0, 3);
  // What a sweep brings about has no place of its own in the log: it may come again later than it came first.
  const surplus = partition.offset >= parts.outputPlan.surplusEnds && !isSweeping(s) ? null : s.surplus;
  const { population } = partition;
  const toSay = population?.prepared ?? [];
  const forget = Math.max(0, s.publishedUpTo - parts.limits.keepPublished);
  const replaced = withdraw(s, pending, number, forget);
  const { outputs, ...built } = buildCommit(parts.compiled, pending, {
    partition: partition.options.index, writer: parts.writer, number, cache: partition.cache, layout: parts.layouts.present, notesForgotten: notesForgotten(partition),
    nextOutput: s.nextOutput, forget, suppress: s.suppress, quiet: parts.outputPlan.quiet, anew: s.countsAnew,
  }, s.bytes[number % 2] as BytesWriter, (next) => ({
    ...writeMeta({
      offset: through.sequence, clock: partition.clock, log: parts.logIdentity, anchors, next, surplus, outputs: parts.outputPlan.identity, published: s.publishedUpTo,
      program: parts.compiled.program.hash,
    }),
    ...s.fieldsPending,
    ...s.end.fields(through.sequence),
    ...(population === null ? {} : takeFields(population)),
    ...takeWordFields(partition.words),
    ...takeTombstoneFields(partition.tombstones, partition.clock, s.nextOutput),
    ...scrubField(s, pending),
  }));
  s.nextOutput += outputs.length;
  // Not before: this commit itself may have held the last that were to be suppressed.
  if (surplus === null && s.surplus !== null) {
    s.surplus = null;
    s.suppress = new Set();
  }
  s.fieldsPending = {};
  s.countsAnew = [];
  s.anchors = anchors;
  return { built: { ...built, outputs: replaced.length === 0 ? outputs : [...replaced, ...outputs] }, outputs, said: { arrivals: pending.arrivals, messages: pending.messages }, through, clock: partition.clock, toSay, utterances: takeUtterances(partition.words) };
}

export async function commit(s: Committing, { built, outputs, said, through, clock, toSay, utterances }: Prepared): Promise<void> {
  const { partition, environment, stats, store, signal, unread } = s.parts;
  const { number } = built;
  const started = environment.seconds();
  const answer = await insist(environment, signal, "committing", passes, () => store.commit(built));
  if (answer === "lost") throw takenOver(partition.options.index);
  if (answer === "moved") throw new StoreMoved(`partition ${partition.options.index}: the store went back behind commit ${number - 1}`);
  observe(stats.stageSeconds.commit, environment.seconds() - started);
  observe(stats.commitCustomers, built.states.length);
  stats.commits++;
  s.committed = through.sequence;
  s.stats.offset = through.sequence;
  s.stats.clock = clock;
  s.stats.lag = unread() + s.queue.length - s.head + s.works.length;
  partition.cache.acknowledged(number);
  measure(s, said);
  s.onItsWay = [];
  announce(s, said, outputs);
  withdrawn(s, number, built.meta);
  if (toSay.length > 0 && toSay === partition.population?.prepared) {
    s.toSay = toSay;
    s.saying.ring();
  }
  if (utterances.length > 0) {
    s.utterances.push(...utterances);
    s.speaking.ring();
  }
  s.commitOnItsWay = null;
}

/** Of a record that this process has not seen. It says nothing of the log. */
const UNKNOWN_STAMP = 0;

/** Most often there is an anchor; a person who decides to go on elsewhere leaves none. */
export const positionOf = ({ offset, anchors: [newest] }: Meta): Anchor => (newest?.sequence === offset ? newest : { sequence: offset, stamp: UNKNOWN_STAMP });

/** How far the partition has come: with nothing left to do, as far as anybody's records were handed out. */
function reached(s: Committing): Anchor {
  const seen = s.parts.seen();
  return !s.dropped && s.works.length === 0 && s.queue.length === s.head && seen.sequence > s.last.sequence ? seen : s.last;
}

function measure(s: Committing, said: Said): void {
  const now = s.parts.environment.now();
  for (const arrived of said.arrivals) observe(s.parts.stats.eventSeconds, Math.max(0, now - arrived) / 1000);
}

function announce(s: Committing, said: Said, outputs: readonly Output[]): void {
  if (outputs.length === 0) return;
  // The outputs are the messages in their order, without those that had been published before.
  if (s.outgoing.length === 0) s.outgoing = []; // a young list: see renewPending
  let n = 0;
  for (const { message, stamp, isAction } of said.messages) {
    const output = outputs[n];
    if (output?.id !== message.id) continue;
    s.outgoing.push({ output, arrived: stamp, isAction });
    s.outgoingWeight += output.body.length;
    n++;
  }
  s.stats.outboxPending = s.outgoing.length;
  s.toPublish.ring();
}
