/**
 * What has come of a log: every customer's state, memberships, figures, and what was said to the world. Taken from the
 * servers of a simulation, or made by a straight run: each record of the log once, in order, with everybody in memory.
 */
import { writer } from "../../engine/codec.js";
import type { Compiled } from "../../engine/compile/compiled.js";
import { isKept, type Customer } from "../../engine/customer.js";
import { decode } from "../../engine/decode.js";
import { numberText, type Word } from "../../engine/merge/word.js";
import { readMeta } from "../../engine/meta.js";
import { createPartition, take, takePending } from "../../engine/partition.js";
import { report } from "../../engine/population/report.js";
import { readSums } from "../../engine/population/sums.js";
import { planLayouts } from "../../engine/recovery.js";
import { readCustomer, writeCustomer } from "../../engine/state.js";
import { engineStats } from "../../engine/stats.js";
import { POPULATION_TYPE, TICK_TYPE, partition as partitionOf } from "../../engine/subjects.js";
import type { LogRecord } from "../../engine/ports.js";
import { RECEIPT_TYPE } from "../../engine/receipt.js";
import { readTombstones, tombstoneKey, type Tombstones } from "../../engine/tombstones.js";
import { WITHDRAWN_TYPE, customerOf } from "../../engine/withdrawing.js";
import { fieldsOf, type EventServer, type OutputServer, type Stored, type StoreServer } from "./servers.js";

export interface Said {
  readonly id: string;
  readonly subject: string;
  readonly body: string;
}

export interface PartitionOutcome {
  readonly clock: number;
  /** Each as bytes, without what merely helps to find them. */
  readonly customers: ReadonlyMap<string, string>;
  /** `segment customer`, sorted. */
  readonly members: readonly string[];
  readonly figures: string;
  readonly said: readonly Said[];
  /** Who was erased, by which record, at which instant, on which request; sorted. */
  readonly erased: readonly string[];
  /** What it had to say to other partitions: kind, partition and number. Null: nobody knows. */
  readonly words: readonly string[] | null;
}

/** A log as it lies: of a simulated server, or read from a real one. */
export type Records = Pick<EventServer, "clock" | "partitions" | "records">;

export const ownRecords = ({ records, partitions }: Records, index: number): LogRecord[] =>
  records.filter((record): record is LogRecord => record !== null && (record.subject.startsWith(`events.${POPULATION_TYPE}.`) || placeOf(record.subject, partitions) === index));

export function placeOf(subject: string, partitions: number): number {
  const token = subject.slice(subject.lastIndexOf(".") + 1);
  return subject.startsWith(`events.${TICK_TYPE}.`) ? Number(token) : partitionOf(token, partitions);
}

export const wordText = ({ saying, source, number, customer }: Word): string => `${saying.k} ${source} ${numberText(number)} ${customer}`;

const scratch = writer(4096);

/** The wake index is a hint, and who was settled under new figures without any difference is not written again. */
export function bytesOf(rules: Compiled, customer: Customer): string {
  scratch.at = 0;
  const extras = customer.extras === null ? null : { ...customer.extras, figuresOf: 0 };
  writeCustomer(scratch, { ...customer, indexed: Infinity, extras }, 1, rules);
  return Buffer.from(scratch.bytes.buffer, scratch.bytes.byteOffset, scratch.at).toString("latin1");
}

const sorted = (texts: readonly string[]): string[] => [...texts].sort();

/** The rules must not rank customers: tables come from partitions that speak through the log, one alone does not. */
export function straight(rules: Compiled, log: Records): PartitionOutcome[] {
  return Array.from({ length: log.partitions }, (_, index) => {
    const p = createPartition(rules, { index, clock: log.clock, cacheCustomers: Infinity, partitions: log.partitions }, engineStats());
    const said: Said[] = [];
    for (const record of ownRecords(log, index)) {
      const work = decode(rules, log.clock, record);
      for (let progress = take(p, work); ; progress = take(p, work)) {
        for (const { message } of takePending(p, 0).messages) said.push(message);
        if (progress === "done") break;
      }
    }
    const known = [...p.cache.all()].filter(isKept);
    return {
      clock: p.clock, said, customers: new Map(known.map((customer) => [customer.id, bytesOf(rules, customer)])),
      members: sorted(known.flatMap(({ id, segments }) => segments.map((segment) => `${rules.segments[segment]?.name ?? ""} ${id}`))),
      figures: p.population === null ? "" : JSON.stringify(report(rules, [p.population.sums])),
      erased: erasedIn(p.tombstones), words: p.words.queue.map(wordText),
    };
  });
}

/** Numbers of outputs are the store's own. */
export const erasedIn = ({ all }: Tombstones): string[] => sorted([...all].map(([key, { sequence, instant, request }]) => `${key} ${sequence} ${instant} ${request}`));

/** Of each partition. */
export function customersOf(rules: Compiled, stored: Stored): Customer[] {
  const { translations } = planLayouts(readMeta(fieldsOf(stored)), rules);
  return [...stored.states].map(([id, bytes]) => readCustomer(id, bytes, translations, rules));
}

/** What the servers hold. */
/** What the servers hold; `customers` as they are stored there. */
export function left(rules: Compiled, store: StoreServer, outputs: OutputServer, customers: readonly (readonly Customer[])[]): PartitionOutcome[] {
  return store.partitions.map((stored, index) => {
    const fields = fieldsOf(stored);
    const hasFigures = rules.program.populations.length + rules.program.experiments.length + rules.program.rankings.length > 0;
    return {
      clock: readMeta(fields).clock, said: outputs.streams[index] ?? [],
      customers: new Map((customers[index] ?? []).map((customer) => [customer.id, bytesOf(rules, customer)])),
      members: sorted([...stored.members].flatMap(([segment, ids]) => [...ids].map((id) => `${segment} ${id}`))),
      figures: hasFigures ? JSON.stringify(report(rules, [readSums(rules, fields)])) : "",
      erased: erasedIn(readTombstones(fields)), words: null,
    };
  });
}

/**
 * What both programs have in common, of an outcome that processes with either have left: neither states, which hold what is
 * one's own too, nor the order in which one's own stands between the others'.
 */
export function inCommon(outcomes: readonly PartitionOutcome[], rules: Compiled, changed: Compiled, own: ReadonlySet<string>): PartitionOutcome[] {
  const names = new Set(changed.segments.map(({ name }) => name));
  const segments = new Set(rules.segments.map(({ name }) => name).filter((name) => names.has(name)));
  return outcomes.map((outcome) => ({
    ...outcome, customers: new Map(), figures: "", clock: 0,
    members: outcome.members.filter((member) => segments.has(member.split(" ")[0] as string)),
    // What there was to remove hangs on all that the rules have.
    said: outcome.said.map((said) => (bodyOf(said).type === RECEIPT_TYPE ? { ...said, body: JSON.stringify({ ...bodyOf(said), data: {} }) } : said)).filter(({ body }) => {
      const { rule, type, data } = JSON.parse(body) as { rule?: string; type: string; data: { segment?: string } };
      return rule !== undefined ? !own.has(rule) : !type.startsWith("segment.") || segments.has(data.segment ?? "");
    }),
  }));
}

// ---------------------------------------------------------------------------------------------------- erasures

interface Body {
  readonly type: string;
  readonly subject?: string;
  readonly data?: { readonly by?: string };
}

const bodyOf = ({ body }: Said): Body => JSON.parse(body) as Body;

/**
 * How much of somebody's waits when they are erased hangs on the moment: what is withdrawn is taken for what the other run says in its
 * place, if that is about somebody who was erased on request later on; and a receipt does not say how much it was. Answers trouble as a text.
 * `othersToo`: what was withdrawn may be something that the other run does not know.
 */
export function withoutWithdrawn(outcomes: readonly PartitionOutcome[], others: readonly PartitionOutcome[], othersToo: boolean): PartitionOutcome[] | string {
  const without: PartitionOutcome[] = [];
  for (const [index, outcome] of outcomes.entries()) {
    const inPlace = new Map<string, Said>((others[index]?.said ?? []).map((said) => [said.id, said]));
    const erasures = new Map<string, number>();
    outcome.said.forEach((said, i) => {
      const { type, subject, data } = bodyOf(said);
      if (type === RECEIPT_TYPE && data?.by === "request") erasures.set(subject ?? "", i);
    });
    const said: Said[] = [];
    for (const [i, each] of outcome.said.entries()) {
      const instead = bodyOf(each).type === WITHDRAWN_TYPE ? inPlace.get(each.id) : each;
      if (instead === undefined && othersToo) continue;
      if (instead === undefined) return `partition ${index}: withdrawn, and nothing that is ever said: ${each.id}`;
      const customer = instead === each || bodyOf(instead).type === WITHDRAWN_TYPE ? null : customerOf(instead) ?? "";
      // Whoever was joined into somebody is erased with them, without a receipt of their own.
      const withAnother = customer !== null && outcome.erased.some((text) => text.startsWith(`${tombstoneKey(customer)} 0 `));
      if (customer !== null && !withAnother && (erasures.get(customer) ?? -1) < i) return `partition ${index}: withdrawn, though nobody was erased: ${instead.body}`;
      said.push(settledReceipt(instead));
    }
    without.push({ ...outcome, said });
  }
  return without;
}

/** Receipts as they are where nothing was waiting. */
const settledReceipt = (said: Said): Said => (bodyOf(said).type === RECEIPT_TYPE ? { ...said, body: said.body.replace(/"withdrawn":\d+/, '"withdrawn":0') } : said);

// ---------------------------------------------------------------------------------------------------- comparison

/** The first thing in which the partitions differ; null: none. An engine that is idle may have moved its clock by a tick of its own. */
export function difference(found: readonly PartitionOutcome[], expected: readonly PartitionOutcome[], withClock: boolean): string | null {
  for (const [index, each] of expected.entries()) {
    const trouble = differenceIn(found[index] as PartitionOutcome, each, withClock);
    if (trouble !== null) return `partition ${index}: ${trouble}`;
  }
  return null;
}

function differenceIn(found: PartitionOutcome, expected: PartitionOutcome, withClock: boolean): string | null {
  const said = saidDifferently(found.said, expected.said);
  if (said !== null) return said;
  for (const id of new Set([...found.customers.keys(), ...expected.customers.keys()])) {
    const is = found.customers.get(id);
    const should = expected.customers.get(id);
    if (is !== should) return `the state of ${id} is ${is === undefined ? "not there" : should === undefined ? "there" : "another"}`;
  }
  const lacks = expected.members.filter((each) => !found.members.includes(each));
  const more = found.members.filter((each) => !expected.members.includes(each));
  if (lacks.length + more.length > 0) return `memberships: ${JSON.stringify({ lacks, more })}`;
  if (found.erased.join() !== expected.erased.join()) return `erased: ${found.erased.join()}, not ${expected.erased.join()}`;
  if (found.figures !== expected.figures) return `figures: ${found.figures}, not ${expected.figures}`;
  return !withClock || found.clock === expected.clock ? null : `the clock stands at ${new Date(found.clock).toISOString()}, not at ${new Date(expected.clock).toISOString()}`;
}

function saidDifferently(found: readonly Said[], expected: readonly Said[]): string | null {
  if (found.length === expected.length && found.every(({ id, subject, body }, i) => expected[i]?.id === id && expected[i].subject === subject && expected[i].body === body)) return null;
  // Who is forgotten does not know any more which events were theirs: one that is sent again says the same again.
  const [is, should] = [timesOf(found), timesOf(expected)];
  const more = found.filter(({ id }) => (is.get(id) ?? 0) > (should.get(id) ?? 0));
  const times = ({ id }: Said): string => `${is.get(id) ?? 0} times, not ${should.get(id) ?? 0}`;
  if (more.length > 0) return `said too often: ${more.map((said) => `${times(said)}: ${said.body}`).join("\n")}`;
  const lost = expected.filter(({ id }) => (is.get(id) ?? 0) < (should.get(id) ?? 0));
  if (lost.length > 0) return `said too seldom: ${lost.map((said) => `${times(said)}: ${said.body}`).join("\n")}`;
  const expectedLines = byCustomer(expected);
  for (const [customer, lines] of byCustomer(found)) {
    const i = lines.findIndex((line, n) => line !== expectedLines.get(customer)?.[n]);
    if (i >= 0) return `said to ${customer} in place ${i}: ${lines[i]}\nnot: ${expectedLines.get(customer)?.[i] ?? "anything"}`;
  }
  return null;
}

function timesOf(said: readonly Said[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const { id } of said) times.set(id, (times.get(id) ?? 0) + 1);
  return times;
}

function byCustomer(said: readonly Said[]): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const { subject, body } of said) {
    const customer = (JSON.parse(body) as { subject?: string }).subject ?? "nobody";
    lines.set(customer, [...(lines.get(customer) ?? []), `${subject} ${body}`]);
  }
  return lines;
}
