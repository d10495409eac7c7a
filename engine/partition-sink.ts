/**
 * What the evaluation of a partition's customers says becomes part of its next commit: outputs, memberships, counts and
 * sums; and is counted.
 */
import type { Action, Change, Sink } from "./evaluate.js";
import { SILENT } from "./evaluate.js";
import { actionMessage, changeMessage, deadMessage, type Message } from "./outputs.js";
import type { Partition, Pending } from "./partition.js";
import { contributed, experimented, read } from "./population/population.js";
import { receiptMessage } from "./receipt.js";

/** Largest output: what a broker takes that has not been set up otherwise (1 MiB), less room for headers. */
export const MAX_OUTPUT_BYTES = 1_000_000;

/** What it needs of the partition, whose evaluator is made after it. */
type Told = Omit<Partition, "evaluator">;

/** Tells both. */
export const both = (a: Sink, b: Sink): Sink => ({
  action(action) { a.action(action); b.action(action); },
  change(change) { a.change(change); b.change(change); },
  suppressed(suppression) { a.suppressed(suppression); b.suppressed(suppression); },
  held(hold) { a.held(hold); b.held(hold); },
  started(rule) { a.started(rule); b.started(rule); },
  ended(rule, by) { a.ended?.(rule, by); b.ended?.(rule, by); },
  crowdedOut(rule) { a.crowdedOut(rule); b.crowdedOut(rule); },
  chainCut(customer) { a.chainCut(customer); b.chainCut(customer); },
  erased(customer) { a.erased(customer); b.erased(customer); },
  receipt(receipt) { a.receipt?.(receipt); b.receipt?.(receipt); },
  went(rule, step, way) { b.went?.(rule, step, way); },
  reading(ranking, before, after) { a.reading(ranking, before, after); b.reading(ranking, before, after); },
  contribution(population, before, after) { a.contribution(population, before, after); b.contribution(population, before, after); },
  experiment(experiment, arm, difference) { a.experiment(experiment, arm, difference); b.experiment(experiment, arm, difference); },
});

export function sinkOf(p: Told): Sink {
  const { stats } = p;
  const members = stats.segmentCustomers.get(p.options.index) ?? new Map<string, number>();
  stats.segmentCustomers.set(p.options.index, members);
  const add = (message: Message, isAction: boolean): void => {
    say(p, { message, cause: p.causeSequence, stamp: p.causeStamp, isAction });
  };
  return {
    ...SILENT,
    action(action: Action) {
      const message = actionMessage(p.options.index, action);
      const bytes = message.body.length > MAX_OUTPUT_BYTES / 4 ? Buffer.byteLength(message.body) : 0;
      if (bytes > MAX_OUTPUT_BYTES) {
        buryAction(p, message, bytes);
        return;
      }
      add(message, true);
      const channel = action.channel ?? "emit";
      let byTemplate = stats.actions.get(channel);
      if (byTemplate === undefined) stats.actions.set(channel, (byTemplate = new Map<string, number>()));
      byTemplate.set(action.template, (byTemplate.get(action.template) ?? 0) + 1);
    },
    change(change: Change) {
      const name = p.compiled.segments[change.segment]?.name as string;
      add(changeMessage(p.options.index, change, name), false);
      changesOf(p, name).set(change.customer, change.entered);
      const counted = stats.segmentChanges.get(name) ?? { entered: 0, left: 0 };
      stats.segmentChanges.set(name, counted);
      if (change.entered) counted.entered++;
      else counted.left++;
      members.set(name, (members.get(name) ?? 0) + (change.entered ? 1 : -1));
    },
    suppressed({ channel, rule, reason }) {
      let byRule = stats.suppressed.get(channel);
      if (byRule === undefined) stats.suppressed.set(channel, (byRule = new Map()));
      let counted = byRule.get(rule);
      if (counted === undefined) byRule.set(rule, (counted = { consent: 0, cap: 0, ended: 0 }));
      counted[reason]++;
    },
    started(rule) { stats.ruleStarted.set(rule, (stats.ruleStarted.get(rule) ?? 0) + 1); },
    held({ channel }) { stats.messagesHeld.set(channel, (stats.messagesHeld.get(channel) ?? 0) + 1); },
    ended(rule, by) {
      let counted = stats.runsEnded.get(rule);
      if (counted === undefined) stats.runsEnded.set(rule, (counted = { done: 0, until: 0, crowded_out: 0, erased: 0, merged: 0 }));
      counted[by]++;
    },
    receipt(receipt) {
      stats.customersErased[receipt.by]++;
      say(p, { message: receiptMessage(p.options.index, receipt, 0), cause: p.causeSequence, stamp: p.causeStamp, isAction: false, receipt });
    },
    crowdedOut(rule) { stats.runsCrowdedOut.set(rule, (stats.runsCrowdedOut.get(rule) ?? 0) + 1); },
    chainCut() { stats.chainsCut++; },
    reading(ranking, before, after) { if (p.population !== null) read(p.population, p.pending.counts, ranking, before, after); },
    contribution(index, before, after) { if (p.population !== null) contributed(p.population, index, before, after); },
    experiment(index, arm, difference) { if (p.population !== null) experimented(p.population, index, arm, difference); },
  };
}

function changesOf(p: Pick<Partition, "pending">, segment: string): Map<string, boolean> {
  let changes = p.pending.segments.get(segment);
  if (changes === undefined) p.pending.segments.set(segment, (changes = new Map<string, boolean>()));
  return changes;
}

/** A segment that the program has no more. */
export function leaveGone(p: Pick<Partition, "pending">, segment: string, customer: string): void {
  changesOf(p, segment).set(customer, false);
}

/** It goes out with the next commit. */
export function say(p: Pick<Partition, "pending">, said: Pending["messages"][number]): void {
  p.pending.messages.push(said);
  p.pending.weight += said.message.body.length;
}

/** One output too large for the broker would stop all behind it. */
function buryAction(p: Told, message: Message, bytes: number): void {
  p.stats.deadLetters.too_large++;
  const dead = {
    reason: "too_large", sequence: p.causeSequence, subject: message.subject, body: Buffer.from(message.body),
    detail: `the action ${message.id} has ${bytes} bytes; ${MAX_OUTPUT_BYTES} are allowed. Put less of the event into its payload`,
  };
  p.buried.set("too_large", { detail: dead.detail, subject: dead.subject, sequence: dead.sequence });
  say(p, { message: deadMessage(p.options.index, dead, p.clock, message.id), cause: p.causeSequence, stamp: p.causeStamp, isAction: false });
}
