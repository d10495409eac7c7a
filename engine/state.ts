/**
 * A customer as bytes, and back.
 *
 * Bytes refer to aggregates, segments, rules and steps by small numbers of a *layout*: the list of their keys and names
 * as the program had them when the bytes were written. Layouts are kept with the partition (engine/meta.ts), so that a
 * state written under an older program still finds its way: by key, never by position. What the present program no
 * longer has is dropped when the state is read.
 *
 * Form (version 2): version, layout, firstSeen, wake, index, profile, slots, segments, holdings, runs, starts, seen,
 * extras (engine/state-extras.ts). Version 1 is read too: it had no extras, and its runs only waited for a time.
 * A newer version than is known here is refused (StateTooNew).
 */
import type { Field, Value } from "../dsl/program.js";
import { codecOf } from "./aggregates/keyed.js";
import { kindOf, type Slot } from "./aggregates/kinds.js";
import {
  StateCorrupt, readByte, readFields, readInt, readList, readText, readUint, readInt32, readValue, reader,
  writeByte, writeInt, writeText, writeUint, writeInts32, writeValue, type Reader, type Writer,
} from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { standingKey } from "./compile/steps.js";
import { NO_SLOTS, SEEN_EVENTS, addSlot, newCustomer, type Captured, type Customer, type Data, type Run, type Scalar, type Slots } from "./customer.js";
import { zoneOfProfile } from "./evaluate.js";
import { extrasLayoutOf, extrasTranslation, readExtras, writeExtras, type ExtrasLayout, type ExtrasTranslation } from "./state-extras.js";
import { agrees, fitting, shapeOf, shapeOfFields, type Shape } from "./state-types.js";
import { zoneOf } from "./zone.js";

export const STATE_VERSION = 2;

export class StateTooNew extends Error { override readonly name = "StateTooNew"; }

/** What the numbers in a state mean. */
export interface Layout extends Partial<ExtrasLayout> {
  /** `keyed`: one slot for each value of a field. `of`: the type of the values that it holds. */
  readonly aggregates: readonly { readonly key: string; readonly fn: string; readonly keyed?: boolean; readonly of?: Shape }[];
  /** Types of the profile's fields, and of the events'; states from before types were noted have none. */
  readonly profile?: Shape;
  readonly events?: { readonly [event: string]: { readonly [field: string]: Shape } };
  readonly segments: readonly string[];
  readonly rules: readonly { readonly name: string; readonly ops: readonly (string | null)[] }[];
}

export function layoutOf(compiled: Compiled): Layout {
  return {
    aggregates: compiled.program.aggregates.map(({ key, fn, by, type }) =>
      ({ key, fn, ...(by === null ? {} : { keyed: true }), ...(HOLDS_VALUES.has(fn) ? { of: shapeOf(type) } : {}) })),
    profile: shapeOfFields(compiled.program.profile),
    events: Object.fromEntries(compiled.program.events.map(({ name, fields }) => [name, shapeOfFields(fields)])),
    segments: compiled.program.segments.map((segment) => segment.name),
    rules: compiled.rules.map((rule) => ({ name: rule.name, ops: rule.ops.map(standingKey) })),
    ...extrasLayoutOf(compiled),
  };
}

/** Aggregates whose value is one of those that they hold, or made of them. */
const HOLDS_VALUES: ReadonlySet<string> = new Set(["sum", "avg", "min", "max", "first", "last", "top", "recent"]);

/** For each number of an older layout, the number that the present program has for the same thing; -1: none. */
export interface Translation {
  readonly layout: Layout;
  /** The layout is the present program's own: nothing needs translating. */
  readonly same: boolean;
  readonly aggregates: readonly number[];
  /** Likewise: how its slots are read. */
  readonly codecs: Compiled["codecs"];
  readonly segments: readonly number[];
  readonly rules: readonly number[];
  readonly ops: readonly (readonly number[])[];
  readonly extras: ExtrasTranslation;
}

export function translation(layout: Layout, compiled: Compiled): Translation {
  const present = layoutOf(compiled);
  const place = (names: readonly string[]): Map<string, number> => new Map(names.map((name, i) => [name, i]));
  const aggregates = place(present.aggregates.map((aggregate) => aggregate.key));
  const aggregateOf = ({ key, of }: Layout["aggregates"][number]): number => {
    const at = aggregates.get(key) ?? -1;
    const now = present.aggregates[at]?.of;
    return of === undefined || now === undefined || agrees(of, now) ? at : -1;
  };
  const segments = place(present.segments);
  const rules = place(present.rules.map((rule) => rule.name));
  const ruleNumbers = layout.rules.map((rule) => rules.get(rule.name) ?? -1);
  return {
    layout, same: JSON.stringify(layout) === JSON.stringify(present),
    aggregates: layout.aggregates.map(aggregateOf),
    codecs: layout.aggregates.map(({ fn, keyed }) => codecOf(kindOf(fn as Parameters<typeof kindOf>[0]), keyed === true)),
    segments: layout.segments.map((name) => segments.get(name) ?? -1),
    rules: ruleNumbers,
    extras: extrasTranslation(layout, extrasLayoutOf(compiled), ruleNumbers),
    ops: layout.rules.map((rule, i) => {
      const ops = present.rules[ruleNumbers[i] as number]?.ops ?? [];
      // A run goes on behind the step at which it stands: behind the one with the same key.
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
  writeSlots(w, customer, base, compiled);
  writeUint(w, customer.segments.length);
  for (const segment of customer.segments) writeUint(w, segment);
  writeUint(w, customer.holdings.length);
  for (const holding of customer.holdings) {
    writeUint(w, holding.index);
    writeInt(w, holding.since - base);
  }
  writeUint(w, customer.runs.length);
  for (const run of customer.runs) writeRun(w, run, base, compiled);
  writeUint(w, customer.starts.length);
  for (const starts of customer.starts) {
    writeUint(w, starts.rule);
    writeUint(w, starts.times.length);
    for (const t of starts.times) writeInt(w, t - base);
  }
  writeUint(w, customer.seenNext);
  writeInts32(w, customer.seen);
  writeExtras(w, customer.extras, base);
}

function writeSlots(w: Writer, of: Slots, base: number, compiled: Compiled): void {
  writeUint(w, of.slotIds.length);
  for (let i = 0; i < of.slotIds.length; i++) {
    const aggregate = of.slotIds[i] as number;
    writeUint(w, aggregate);
    (compiled.codecs[aggregate] as Compiled["codecs"][number]).write(w, of.slots[i] as Slot, base);
  }
}

// What a run has beside what every run has.
const HAS_KEY = 1;
const HAS_CAPTURED = 2;
const IS_HELD = 4;
const HAS_SLOTS = 8;
const NO_EVENT = 16;

function writeRun(w: Writer, run: Run, base: number, compiled: Compiled): void {
  const { captured, held } = run;
  writeUint(w, run.rule);
  writeUint(w, run.at);
  writeInt(w, run.startedAt - base);
  writeInt(w, run.eventTime - base);
  writeInstant(w, run.deadline, base);
  writeText(w, run.cause);
  writeByte(w, (run.key === null ? 0 : HAS_KEY) | (captured === null ? 0 : HAS_CAPTURED) | (held === null ? 0 : IS_HELD)
    | (run.slotIds.length === 0 ? 0 : HAS_SLOTS) | (run.event === null ? NO_EVENT : 0));
  if (run.event !== null) writeValue(w, run.event as Value);
  if (run.key !== null) writeValue(w, run.key);
  if (captured !== null) {
    writeUint(w, captured.length);
    for (const { name, data, time } of captured) {
      writeText(w, name);
      writeInt(w, time - base);
      writeValue(w, data as Value);
    }
  }
  if (held !== null) {
    writeInt(w, held.since - base);
    writeUint(w, held.order);
    writeValue(w, held.payload);
  }
  if (run.slotIds.length > 0) writeSlots(w, run, base, compiled);
}

/** Number of the layout that a customer's bytes were written under. */
export function layoutNumber(bytes: Uint8Array): number {
  const r = reader(bytes);
  readByte(r);
  return readUint(r);
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
  const profile = readFields(r);
  customer.profile = t.same ? profile : fitting(profile, compiled.program.profile, t.layout.profile);
  customer.zone = zoneOfProfile(compiled, customer.profile);
  readSlots(r, customer, id, base, t);
  readMemberships(r, customer, base, t);
  for (let left = readUint(r); left > 0; left--) {
    const run = readRun(r, version, id, base, t);
    if (run.rule < 0 || run.at < 0) continue;
    if (!t.same) fitRun(run, t, compiled);
    customer.runs.push(run);
  }
  for (let left = readUint(r); left > 0; left--) {
    const rule = t.rules[readUint(r)] ?? -1;
    const times: number[] = [];
    for (let n = readUint(r); n > 0; n--) times.push(base + readInt(r));
    if (rule >= 0) customer.starts.push({ rule, times });
  }
  customer.seenNext = readUint(r);
  const count = Math.min(customer.seenNext, SEEN_EVENTS);
  for (let i = 0; i < count * 2; i++) customer.seen.push(readInt32(r));
  if (version > 1) customer.extras = readExtras(r, base, t.extras);
  if (r.at !== r.end) throw new StateCorrupt(`customer ${id}: ${r.end - r.at} bytes too many`);
  return customer;
}

function readSlots(r: Reader, into: Slots, id: string, base: number, t: Translation): void {
  for (let left = readUint(r); left > 0; left--) {
    const number = readUint(r);
    const codec = t.codecs[number];
    if (codec === undefined) throw new StateCorrupt(`customer ${id}: the state refers to aggregate ${number} of ${t.codecs.length}`);
    const slot = codec.read(r, base);
    const place = t.aggregates[number] as number;
    if (t.same) {
      into.slotIds.push(place);
      into.slots.push(slot);
    } else if (place >= 0) addSlot(into, place, slot);
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

/** A rule or a place of -1: the program has no such step any more. Version 1 ends behind the event. */
function readRun(r: Reader, version: number, id: string, base: number, t: Translation): Run {
  const number = readUint(r);
  const position = readUint(r);
  const startedAt = base + readInt(r);
  const eventTime = base + readInt(r);
  const deadline = readInstant(r, base);
  const cause = readText(r);
  const has = version === 1 ? 0 : readByte(r);
  const run: Run = {
    rule: t.rules[number] ?? -1, startedAt, eventTime,
    event: (has & NO_EVENT) !== 0 ? null : readFields(r),
    cause, at: t.ops[number]?.[position] ?? -1, deadline,
    key: (has & HAS_KEY) === 0 ? null : (readValue(r) as Scalar),
    captured: (has & HAS_CAPTURED) === 0 ? null : readList(r, () => readCaptured(r, base)),
    held: (has & IS_HELD) === 0 ? null : { since: base + readInt(r), order: readUint(r), payload: readValue(r) },
    slotIds: NO_SLOTS.slotIds, slots: NO_SLOTS.slots,
  };
  if ((has & HAS_SLOTS) !== 0) {
    run.slotIds = [];
    run.slots = [];
    readSlots(r, run, id, base, t);
  }
  return run;
}

/** What the run keeps of its events is as the present rule takes it to be, or missing. */
function fitRun(run: Run, { layout: { events } }: Translation, compiled: Compiled): void {
  const { keeps, ops } = compiled.rules[run.rule] as Compiled["rules"][number];
  if (run.event !== null) run.event = fittingOne(run.event, [...keeps], events);
  run.captured = run.captured?.map((each) => {
    const kept = ops.flatMap((op) =>
      (op.k === "waitFor" && op.as === each.name ? op.moments.events.map(({ event, keeps: fields }) => [event, fields] as const) : []));
    return { ...each, data: fittingOne(each.data, kept, events) };
  }) ?? null;
}

/** Of which of these events it was, nobody knows; fields that several of them have are of one type. */
function fittingOne(data: Data, events: readonly (readonly [event: string, fields: readonly Field[]])[], written: Layout["events"]): Data {
  const fields = new Map<string, Field>();
  const shapes: Record<string, Shape> = {};
  for (const [event, list] of events) {
    for (const field of list) {
      if (fields.has(field.name)) continue;
      fields.set(field.name, field);
      const shape = written !== undefined && Object.hasOwn(written, event) ? written[event] : undefined;
      if (shape !== undefined && Object.hasOwn(shape, field.name)) shapes[field.name] = shape[field.name] as Shape;
    }
  }
  return fitting(data, [...fields.values()], shapes);
}

function readCaptured(r: Reader, base: number): Captured {
  return { name: readText(r), time: base + readInt(r), data: readFields(r) };
}
