/**
 * One commit as one transaction: everything is checked and packed before it begins, then the writer and the number are
 * looked at, then all is written, the partition's row last.
 *
 * Beyond what ports.ts says: a stored epoch below the writer's own means that the store went back to before its claim
 * (epochs never fall otherwise), so the answer is `moved`; the same epoch under another token is somebody who claimed
 * after that, so it is `lost`.
 */
import type { Commit, CommitAnswer } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";
import type { Folder, Table, Tables } from "./folder.js";
import { checkCustomer, checkSegment, ordinal, partitionKey, rankingEnd, rankingKey, segmentKey, sizeKey } from "./keys.js";
import { packOutput } from "./packed-output.js";
import type { PartitionRow } from "./partition-row.js";
import { readRow, setFields, writeRow } from "./partition-row.js";

const NOTHING = Buffer.alloc(0);

export function writeCommit(folder: Folder, commit: Commit): CommitAnswer {
  check(commit);
  const { tables } = folder;
  const partition = partitionKey(commit.partition);
  const outputs = commit.outputs.map((output) => ({ key: partition + ordinal(output.number), packed: packOutput(output) }));
  return folder.write(() => {
    const row = readRow(tables.meta, commit.partition);
    const answer = standing(row, commit);
    if (answer !== "done") return answer;
    writeStates(tables, partition, commit);
    writeWakes(tables, partition, commit);
    writeSegments(tables, commit);
    forgetOutputs(tables, partition, commit);
    for (const { key, packed } of outputs) tables.outbox.put(key, packed);
    writeCounts(tables, commit);
    setFields(tables, commit.partition, row, commit.meta);
    writeRow(tables.meta, commit.partition, { ...row, number: commit.number });
    return answer;
  });
}

function standing({ writer, number }: PartitionRow, commit: Commit): CommitAnswer {
  if (writer === null || writer.epoch < commit.writer.epoch) return "moved";
  if (writer.epoch !== commit.writer.epoch || writer.token !== commit.writer.token) return "lost";
  if (number === commit.number) return "already";
  return number === commit.number - 1 ? "done" : "moved";
}

// ------------------------------------------------------------------------------------------------------- checking

function check(commit: Commit): void {
  if (!isNatural(commit.number) || !isNatural(commit.forget) || !isNatural(commit.writer.epoch)) refuse("a number");
  for (const [customer] of commit.states) checkCustomer(customer);
  for (const [customer, at] of commit.wakes) {
    checkCustomer(customer);
    if (at !== null && !Number.isSafeInteger(at)) refuse(`the wake of ${customer} (${at})`);
  }
  for (const { segment, add, remove } of commit.segments) {
    checkSegment(segment);
    for (const customer of add) checkCustomer(customer);
    for (const customer of remove) checkCustomer(customer);
  }
  for (const { ranking, changes } of commit.counts ?? []) {
    checkSegment(ranking);
    for (const [value, by] of changes) {
      if (!Number.isFinite(value) || !Number.isSafeInteger(by)) refuse(`the count of ${value} in a ranking (${by})`);
    }
  }
  let previous = 0;
  for (const { number, cause } of commit.outputs) {
    if (!isNatural(number) || number <= previous) refuse(`the number of an output (${number})`);
    if (!isNatural(cause)) refuse(`the cause of output ${number} (${cause})`);
    previous = number;
  }
}

function isNatural(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0;
}

function refuse(what: string): never {
  throw new StoreRefused(`the commit is malformed: ${what}. This is a fault in Eddy`);
}

// -------------------------------------------------------------------------------------------------------- writing

function writeStates({ states }: Tables, partition: string, commit: Commit): void {
  for (const [customer, state] of commit.states) {
    if (state === null) states.remove(partition + customer);
    else states.put(partition + customer, state as Buffer); // lmdb takes any Uint8Array
  }
}

function writeWakes({ wakes, wakeOf }: Tables, partition: string, commit: Commit): void {
  for (const [customer, at] of commit.wakes) {
    const before = wakeOf.get(partition + customer)?.toString("latin1");
    const after = at === null ? undefined : ordinal(at);
    if (before === after) continue;
    if (before !== undefined) wakes.remove(partition + before + customer);
    if (after === undefined) {
      wakeOf.remove(partition + customer);
    } else {
      wakes.put(partition + after + customer, NOTHING);
      wakeOf.put(partition + customer, Buffer.from(after, "latin1"));
    }
  }
}

function writeSegments({ members, sizes }: Tables, commit: Commit): void {
  for (const { segment, add, remove } of commit.segments) {
    const prefix = segmentKey(commit.partition, segment);
    let change = 0;
    for (const customer of add) {
      if (members.doesExist(prefix + customer)) continue;
      members.put(prefix + customer, NOTHING);
      change += 1;
    }
    for (const customer of remove) {
      if (!members.doesExist(prefix + customer)) continue;
      members.remove(prefix + customer);
      change -= 1;
    }
    if (change === 0) continue;
    const key = sizeKey(commit.partition, segment);
    addSize(sizes, key, change);
  }
}

function writeCounts({ counts }: Tables, { partition, counts: rankings = [] }: Commit): void {
  for (const { ranking, forget, changes } of rankings) {
    const prefix = rankingKey(partition, ranking);
    if (forget) for (const key of [...counts.getKeys({ start: prefix, end: rankingEnd(partition, ranking) })]) counts.remove(key);
    for (const [value, by] of changes) addSize(counts, prefix + String(value), by);
  }
}

function addSize(table: Table, key: string, change: number): void {
  const size = readSize(table.get(key)) + change;
  if (size === 0) table.remove(key);
  else table.put(key, packSize(size));
}

export function readSize(row: Buffer | undefined): number {
  return row === undefined ? 0 : row.readDoubleLE(0);
}

function packSize(size: number): Buffer {
  const row = Buffer.allocUnsafe(8);
  row.writeDoubleLE(size, 0);
  return row;
}

/** Bounded, yet more than come in, so that they never pile up. */
function forgetOutputs({ outbox }: Tables, partition: string, commit: Commit): void {
  const limit = 500 + 2 * commit.outputs.length;
  const old = outbox.getKeys({ start: partition, end: partition + ordinal(commit.forget + 1), limit });
  for (const key of [...old]) outbox.remove(key);
}
