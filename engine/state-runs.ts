/** The runs in a customer's bytes, and slots one behind the other, as runs have them. */
import {
  StateCorrupt, readByte, readFields, readInt, readList, readText, readUint, readValue, type Reader,
} from "./codec.js";
import type { Field } from "../dsl/program.js";
import type { Compiled } from "./compile/compiled.js";
import { NO_SLOTS, addSlot, type Captured, type Data, type Run, type Scalar, type Slots } from "./customer.js";
import { HAS_CAPTURED, HAS_KEY, HAS_SLOTS, IS_HELD, NEVER, NO_EVENT, STATE_VERSION, type Layout, type Translation } from "./state-layout.js";
import { fitting, type Shape } from "./state-types.js";

export function readInstant(r: Reader, base: number): number {
  return readByte(r) === NEVER ? Infinity : base + readInt(r);
}

/** A count, and as many; those that the present program has no place for are passed over. */
export function readRuns(r: Reader, id: string, base: number, t: Translation, version = STATE_VERSION, compiled: Compiled | null = null): Run[] {
  const runs: Run[] = [];
  for (let left = readUint(r); left > 0; left--) {
    const run = readRun(r, version, id, base, t);
    if (run.rule < 0 || run.at < 0) continue;
    if (!t.same && compiled !== null) fitRun(run, t, compiled);
    runs.push(run);
  }
  return runs;
}

export function readSlots(r: Reader, into: Slots, id: string, base: number, t: Translation): void {
  for (let left = readUint(r); left > 0; left--) {
    const number = readUint(r);
    readSlot(r, into, id, number, base, t);
  }
}

/** The slot that the layout has under this number; where the present program has it no more, it is passed over. */
export function readSlot(r: Reader, into: Slots, id: string, number: number, base: number, t: Translation): void {
  const codec = t.codecs[number];
  if (codec === undefined) throw new StateCorrupt(`customer ${id}: the state refers to aggregate ${number} of ${t.codecs.length}`);
  const slot = codec.read(r, base);
  const place = t.aggregates[number] as number;
  if (t.same) {
    into.slotIds.push(place);
    into.slots.push(slot);
  } else if (place >= 0) addSlot(into, place, slot);
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
    rule: t.runs[number]?.[position] ?? -1, startedAt, eventTime,
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
