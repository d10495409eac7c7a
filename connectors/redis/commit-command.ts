/**
 * A commit as the bytes of one `FCALL eddy_commit` (functions/commit.ts says what stands where).
 *
 * What makes no sense is refused here, before anything is sent; the function checks again what could break it half way.
 */
import type { Commit, CountChanges } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";
import { KEYS, type Keys } from "./keys.js";
import { fieldOfName } from "./meta-fields.js";
import { headOf } from "./packed-output.js";
import type { WireBuffer } from "./resp.js";
import { writeBytes, writeCount, writeNumber, writeText, writeTexts } from "./resp.js";

/** Name, function, number of keys. */
const LEADING = 3;
/** Keys and arguments that every commit has. */
const FIXED_KEYS = 4;
const FIXED_ARGUMENTS = 11;

interface Counts {
  readonly states: number;
  readonly gone: number;
  readonly waking: number;
  readonly silent: number;
  readonly fields: number;
  readonly cleared: number;
  readonly members: number;
  /** Values of rankings. */
  readonly values: number;
}

const NO_COUNTS: readonly CountChanges[] = [];

/** Throws StoreRefused, or IllFormedText, for what can never be written. */
export function writeCommit(wire: WireBuffer, commit: Commit, keys: Keys = KEYS): void {
  checkNumbers(commit);
  const fields = Object.entries(commit.meta);
  const counts = countLists(commit, fields);
  writeHead(wire, commit, counts, keys);
  for (const [customer, state] of commit.states) {
    if (state === null) continue;
    writeText(wire, customer);
    writeBytes(wire, state);
  }
  writeThoseWithout(wire, commit.states);
  for (const [customer, at] of commit.wakes) {
    if (at === null) continue;
    writeNumber(wire, at);
    writeText(wire, customer);
  }
  writeThoseWithout(wire, commit.wakes);
  for (const output of commit.outputs) {
    writeNumber(wire, output.number);
    writeTexts(wire, headOf(output), output.subject, output.id, output.body);
  }
  for (const { add, remove } of commit.segments) {
    for (const customer of add) writeText(wire, customer);
    for (const customer of remove) writeText(wire, customer);
  }
  for (const { changes } of commit.counts ?? NO_COUNTS) {
    for (const [value, by] of changes) {
      writeNumber(wire, value);
      writeNumber(wire, by);
    }
  }
  writeFields(wire, fields);
}

function checkNumbers(commit: Commit): void {
  requireNatural(commit.partition, "partition");
  requireNatural(commit.writer.epoch, "epoch");
  requireNatural(commit.number, "number of the commit");
  requireNatural(commit.forget, "number to forget up to");
  for (const [, at] of commit.wakes) {
    if (at !== null && !Number.isSafeInteger(at)) throw new StoreRefused(`a wake at ${at} is not a whole millisecond`);
  }
  for (const { changes } of commit.counts ?? NO_COUNTS) {
    for (const [value, by] of changes) {
      if (!Number.isFinite(value) || !Number.isSafeInteger(by)) throw new StoreRefused(`a count of ${value} cannot change by ${by}`);
    }
  }
  let previous = 0;
  for (const { number, cause } of commit.outputs) {
    requireNatural(number, "number of an output");
    requireNatural(cause, "cause of an output");
    if (number <= previous) throw new StoreRefused(`output ${number} comes behind output ${previous}`);
    previous = number;
  }
}

function requireNatural(value: number, what: string): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new StoreRefused(`${value} is no ${what}`);
}

function countLists(commit: Commit, fields: readonly (readonly [string, string])[]): Counts {
  const gone = countWithout(commit.states);
  const silent = countWithout(commit.wakes);
  let cleared = 0;
  for (const [, value] of fields) if (value === "") cleared++;
  let members = 0;
  for (const { add, remove } of commit.segments) members += add.length + remove.length;
  let values = 0;
  for (const { changes } of commit.counts ?? NO_COUNTS) values += changes.length;
  return {
    states: commit.states.length - gone, gone,
    waking: commit.wakes.length - silent, silent,
    fields: fields.length - cleared, cleared,
    members, values,
  };
}

function countWithout(entries: readonly (readonly [string, unknown])[]): number {
  let count = 0;
  for (const [, value] of entries) if (value === null) count++;
  return count;
}

function writeThoseWithout(wire: WireBuffer, entries: readonly (readonly [string, unknown])[]): void {
  for (const [customer, value] of entries) if (value === null) writeText(wire, customer);
}

function writeHead(wire: WireBuffer, commit: Commit, counts: Counts, keys: Keys): void {
  const { partition, writer, segments, counts: rankings = NO_COUNTS } = commit;
  const { states, gone, waking, silent, fields, cleared, members, values } = counts;
  const outputs = commit.outputs.length;
  const lists = 2 * states + gone + 2 * waking + silent + 2 * outputs + members + 2 * values + 2 * fields + cleared;
  const varying = segments.length + rankings.length;
  const keyCount = FIXED_KEYS + varying;
  writeCount(wire, LEADING + keyCount + FIXED_ARGUMENTS + 2 * varying + lists);
  writeText(wire, "FCALL");
  writeText(wire, "eddy_commit");
  writeNumber(wire, keyCount);
  writeText(wire, keys.meta(partition));
  writeText(wire, keys.customers(partition));
  writeText(wire, keys.wakes(partition));
  writeText(wire, keys.outbox(partition));
  for (const { segment } of segments) writeText(wire, keys.segment(partition, segment));
  for (const { ranking } of rankings) writeText(wire, keys.ranking(partition, ranking));
  writeNumber(wire, writer.epoch);
  writeText(wire, writer.token);
  for (const value of [commit.number, commit.forget, states, gone, waking, silent, outputs, fields, cleared]) {
    writeNumber(wire, value);
  }
  for (const { add, remove } of segments) {
    writeNumber(wire, add.length);
    writeNumber(wire, remove.length);
  }
  for (const { forget, changes } of rankings) {
    writeNumber(wire, forget ? 1 : 0);
    writeNumber(wire, changes.length);
  }
}

function writeFields(wire: WireBuffer, fields: readonly (readonly [string, string])[]): void {
  for (const [name, value] of fields) {
    if (value === "") continue;
    writeText(wire, fieldOfName(name));
    writeText(wire, value);
  }
  for (const [name, value] of fields) if (value === "") writeText(wire, fieldOfName(name));
}
