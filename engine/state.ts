/**
 * A customer as bytes, and back.
 *
 * Bytes refer to aggregates, segments, rules and steps by small numbers of a *layout*: the list of their keys and names
 * as the program had them when the bytes were written. Layouts are kept with the partition (engine/meta.ts), so that a
 * state written under an older program still finds its way: by key, never by position. What the present program no
 * longer has is dropped when the state is read.
 *
 * Form (version 1): version, layout, firstSeen, wake, index, profile, slots, segments, holdings, runs, starts, seen.
 * A newer version than is known here is refused (StateTooNew).
 */
import type { Value } from "../dsl/program.js";
import { kindOf } from "./aggregates/kinds.js";
import {
  StateCorrupt, readByte, readFields, readInt, readText, readUint, readInt32, reader,
  writeByte, writeInt, writeText, writeUint, writeInts32, writeValue, type Reader, type Writer,
} from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { SEEN_EVENTS, newCustomer, type Customer } from "./customer.js";
import { zoneOfProfile } from "./evaluate.js";
import { zoneOf } from "./zone.js";

export const STATE_VERSION = 1;

export class StateTooNew extends Error { override readonly name = "StateTooNew"; }

/** What the numbers in a state mean. */
export interface Layout {
  readonly aggregates: readonly { readonly key: string; readonly fn: string }[];
  readonly segments: readonly string[];
  readonly rules: readonly { readonly name: string; readonly ops: readonly (string | null)[] }[];
}

export function layoutOf(compiled: Compiled): Layout {
  return {
    aggregates: compiled.program.aggregates.map((aggregate) => ({ key: aggregate.key, fn: aggregate.fn })),
    segments: compiled.program.segments.map((segment) => segment.name),
    rules: compiled.rules.map((rule) => ({ name: rule.name, ops: rule.ops.map((op) => (op.k === "wait" ? op.key : null)) })),
  };
}

/** For each number of an older layout, the number that the present program has for the same thing; -1: none. */
export interface Translation {
  readonly layout: Layout;
  /** The layout is the present program's own: nothing needs translating. */
  readonly same: boolean;
  readonly aggregates: readonly number[];
  readonly segments: readonly number[];
  readonly rules: readonly number[];
  readonly ops: readonly (readonly number[])[];
}

export function translation(layout: Layout, compiled: Compiled): Translation {
  const present = layoutOf(compiled);
  const place = (names: readonly string[]): Map<string, number> => new Map(names.map((name, i) => [name, i]));
  const aggregates = place(present.aggregates.map((aggregate) => aggregate.key));
  const segments = place(present.segments);
  const rules = place(present.rules.map((rule) => rule.name));
  const ruleNumbers = layout.rules.map((rule) => rules.get(rule.name) ?? -1);
  return {
    layout, same: JSON.stringify(layout) === JSON.stringify(present),
    aggregates: layout.aggregates.map((aggregate) => aggregates.get(aggregate.key) ?? -1),
    segments: layout.segments.map((name) => segments.get(name) ?? -1),
    rules: ruleNumbers,
    ops: layout.rules.map((rule, i) => {
      const ops = present.rules[ruleNumbers[i] as number]?.ops ?? [];
      // A run goes on behind its wait: the position behind the wait with the same key.
      return [-1, ...rule.ops.map((key) => (key === null || !ops.includes(key) ? -1 : ops.indexOf(key) + 1))];
    }),
  };
}

const NEVER = 0;
const AT = 1;

function writeInstant(w: Writer, instant: number, base: number): void {
  if (instant === Infinity) return writeByte(w, NEVER);
  writeByte(w, AT);
  writeInt(w, instant - base);
}

function readInstant(r: Reader, base: number): number {
  return readByte(r) === NEVER ? Infinity : base + readInt(r);
}

/** Appends the customer's bytes. */
export function writeCustomer(w: Writer, customer: Customer, layout: number, compiled: Compiled): void {
  const base = customer.firstSeen;
  writeByte(w, STATE_VERSION);
  writeUint(w, layout);
  writeInt(w, base);
  writeInstant(w, customer.wake, base);
  writeInstant(w, customer.indexed, base);
  writeValue(w, customer.profile as Value);
  writeUint(w, customer.slotIds.length);
  for (let i = 0; i < customer.slotIds.length; i++) {
    const aggregate = customer.slotIds[i] as number;
    writeUint(w, aggregate);
    (compiled.kinds[aggregate] as Compiled["kinds"][number]).codec.write(w, customer.slots[i] as object, base);
  }
  writeUint(w, customer.segments.length);
  for (const segment of customer.segments) writeUint(w, segment);
  writeUint(w, customer.holdings.length);
  for (const holding of customer.holdings) {
    writeUint(w, holding.index);
    writeInt(w, holding.since - base);
  }
  writeUint(w, customer.runs.length);
  for (const run of customer.runs) {
    writeUint(w, run.rule);
    writeUint(w, run.at);
    writeInt(w, run.startedAt - base);
    writeInt(w, run.eventTime - base);
    writeInstant(w, run.deadline, base);
    writeText(w, run.cause);
    writeValue(w, run.event as Value);
  }
  writeUint(w, customer.starts.length);
  for (const starts of customer.starts) {
    writeUint(w, starts.rule);
    writeUint(w, starts.times.length);
    for (const t of starts.times) writeInt(w, t - base);
  }
  writeUint(w, customer.seenNext);
  writeInts32(w, customer.seen);
}

/** `translations` by the number of the layout. */
export function readCustomer(id: string, bytes: Uint8Array, translations: ReadonlyMap<number, Translation>, compiled: Compiled): Customer {
  const r = reader(bytes);
  const version = readByte(r);
  if (version > STATE_VERSION) {
    throw new StateTooNew(`the state was written by a newer Eddy (format ${version}; this one knows ${STATE_VERSION}): run that version`);
  }
  const number = readUint(r);
  const t = translations.get(number);
  if (t === undefined) throw new StateCorrupt(`customer ${id}: the state refers to layout ${number}, which the partition does not have`);
  const base = readInt(r);
  const customer = newCustomer(id, zoneOf("UTC"));
  customer.firstSeen = base;
  customer.wake = readInstant(r, base);
  customer.indexed = readInstant(r, base);
  customer.profile = readFields(r);
  customer.zone = zoneOfProfile(compiled, customer.profile);
  readSlots(r, customer, base, t);
  readMemberships(r, customer, base, t);
  readRuns(r, customer, base, t);
  for (let left = readUint(r); left > 0; left--) {
    const rule = t.rules[readUint(r)] ?? -1;
    const times: number[] = [];
    for (let n = readUint(r); n > 0; n--) times.push(base + readInt(r));
    if (rule >= 0) customer.starts.push({ rule, times });
  }
  customer.seenNext = readUint(r);
  const count = Math.min(customer.seenNext, SEEN_EVENTS);
  for (let i = 0; i < count * 2; i++) customer.seen.push(readInt32(r));
  if (r.at !== r.end) throw new StateCorrupt(`customer ${id}: ${r.end - r.at} bytes too many`);
  return customer;
}

function readSlots(r: Reader, customer: Customer, base: number, t: Translation): void {
  const found: { id: number; slot: object }[] = [];
  for (let left = readUint(r); left > 0; left--) {
    const number = readUint(r);
    const known = t.layout.aggregates[number];
    if (known === undefined) throw new StateCorrupt(`customer ${customer.id}: the state refers to aggregate ${number} of ${t.layout.aggregates.length}`);
    const slot = kindOf(known.fn as Parameters<typeof kindOf>[0]).codec.read(r, base);
    const id = t.aggregates[number] as number;
    if (id >= 0) found.push({ id, slot });
  }
  if (!t.same) found.sort((a, b) => a.id - b.id);
  for (const { id, slot } of found) {
    customer.slotIds.push(id);
    customer.slots.push(slot);
  }
}

function readMemberships(r: Reader, customer: Customer, base: number, t: Translation): void {
  for (let left = readUint(r); left > 0; left--) {
    const segment = t.segments[readUint(r)] ?? -1;
    if (segment >= 0) customer.segments.push(segment);
  }
  if (!t.same) customer.segments.sort((a, b) => a - b);
  for (let left = readUint(r); left > 0; left--) {
    const index = readUint(r);
    const since = base + readInt(r);
    const segment = t.segments[index >> 1] ?? -1;
    if (segment >= 0) customer.holdings.push({ index: segment * 2 + (index & 1), since });
  }
}

function readRuns(r: Reader, customer: Customer, base: number, t: Translation): void {
  for (let left = readUint(r); left > 0; left--) {
    const number = readUint(r);
    const position = readUint(r);
    const startedAt = base + readInt(r);
    const eventTime = base + readInt(r);
    const deadline = readInstant(r, base);
    const cause = readText(r);
    const event = readFields(r);
    const rule = t.rules[number] ?? -1;
    const at = t.ops[number]?.[position] ?? -1;
    if (rule >= 0 && at >= 0) customer.runs.push({ rule, at, startedAt, eventTime, deadline, cause, event });
  }
}
