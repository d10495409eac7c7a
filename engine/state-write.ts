/** A customer becomes bytes; engine/state.ts says which. Parts that still lie in bytes are copied as they are. */
import type { Value } from "../dsl/program.js";
import { StateCorrupt, writeByte, writeInt, writeInts32, writeText, writeUint, writeValue, type Writer } from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { placeOfUnread, type Customer, type Run, type Slots } from "./customer.js";
import { PackedCustomer } from "./state-packed.js";
import { writeExtras } from "./state-extras.js";
import { AT, FORGOTTEN, HAS_CAPTURED, HAS_KEY, HAS_SLOTS, IS_HELD, NAMED_ZONE, NEVER, NOTE, NO_EVENT, STATE_VERSION, TRAILER_LENGTH_BYTES, USUAL_ZONE } from "./state-layout.js";

function writeInstant(w: Writer, instant: number, base: number): void {
  if (instant === Infinity) return writeByte(w, NEVER);
  writeByte(w, AT);
  writeInt(w, instant - base);
}

const LARGEST_TRAILER = 2 ** (8 * TRAILER_LENGTH_BYTES) - 1;

/** Appends the customer's bytes. `layout`: the number of the present program's. */
export function writeCustomer(w: Writer, customer: Customer, layout: number, compiled: Compiled): void {
  if (customer.movedTo !== null) return writeNote(w, customer.movedTo, layout);
  const base = Number.isNaN(customer.base) ? customer.firstSeen : customer.base;
  // Of another base nothing can be copied; it never changes, but for who was forgotten and came anew.
  const packed = customer instanceof PackedCustomer && customer.packed !== null ? customer : null;
  writeByte(w, STATE_VERSION);
  writeUint(w, layout);
  writeInt(w, base);
  writeInt(w, customer.firstSeen - base);
  writeInstant(w, customer.wake, base);
  writeInstant(w, customer.indexed, base);
  writeZone(w, customer, packed);
  writeUint(w, customer.seenNext);
  if (packed === null || packed.hasSeen) writeInts32(w, customer.seen);
  else packed.writeSeen(w);
  writeUint(w, customer.segments.length);
  for (const segment of customer.segments) writeUint(w, segment);
  writeUint(w, customer.holdings.length);
  for (const holding of customer.holdings) {
    writeUint(w, holding.index);
    writeInt(w, holding.since - base);
  }
  writeUint(w, customer.starts.length);
  for (const starts of customer.starts) {
    writeUint(w, starts.rule);
    writeUint(w, starts.times.length);
    for (const t of starts.times) writeInt(w, t - base);
  }
  writeParts(w, customer, packed, base, compiled);
}

/** For as long as it matters that the customer was known, and is not any more. */
export function writeForgotten(w: Writer, layout: number): void {
  writeNote(w, FORGOTTEN, layout);
}

function writeNote(w: Writer, movedTo: string, layout: number): void {
  writeByte(w, NOTE);
  writeUint(w, layout);
  writeText(w, movedTo);
}

/** What the profile says of the zone, so that it need not be read for it. */
function writeZone(w: Writer, customer: Customer, packed: PackedCustomer | null): void {
  const named = packed === null || packed.hasProfile ? customer.profile["timezone"] : packed.zoneName;
  if (typeof named !== "string") return writeByte(w, USUAL_ZONE);
  writeByte(w, NAMED_ZONE);
  writeText(w, named);
}

/** Lengths of the slots of the customer being written. */
const lengths: number[] = [];

function writeParts(w: Writer, customer: Customer, packed: PackedCustomer | null, base: number, compiled: Compiled): void {
  const { slotIds, slots } = customer;
  lengths.length = 0;
  for (let i = 0; i < slotIds.length; i++) {
    const from = w.at;
    const slot = slots[i] as object;
    const place = placeOfUnread(slot);
    if (place === null) (compiled.codecs[slotIds[i] as number] as Compiled["codecs"][number]).write(w, slot, base);
    else (packed as PackedCustomer).writeSlot(w, place);
    lengths.push(w.at - from);
  }
  const profileFrom = w.at;
  if (packed !== null && !packed.hasProfile) packed.writeProfile(w);
  else if (!isEmpty(customer.profile)) writeValue(w, customer.profile as Value);
  const runsFrom = w.at;
  if (packed !== null && !packed.hasRuns) packed.writeRuns(w);
  else if (customer.runs.length > 0) {
    writeUint(w, customer.runs.length);
    for (const run of customer.runs) writeRun(w, run, base, compiled);
  }
  const extrasFrom = w.at;
  if (packed !== null && !packed.hasExtras) packed.writeExtras(w);
  else if (customer.extras !== null) writeExtras(w, customer.extras, base);
  const trailerFrom = w.at;
  writeUint(w, slotIds.length);
  for (let i = 0; i < slotIds.length; i++) {
    writeUint(w, slotIds[i] as number);
    writeUint(w, lengths[i] as number);
  }
  writeUint(w, runsFrom - profileFrom);
  writeUint(w, extrasFrom - runsFrom);
  writeUint(w, trailerFrom - extrasFrom);
  const length = w.at - trailerFrom;
  if (length > LARGEST_TRAILER) throw new StateCorrupt(`customer ${customer.id}: ${slotIds.length} slots are more than a state can hold`);
  writeByte(w, length & 255);
  writeByte(w, (length >>> 8) & 255);
  writeByte(w, length >>> 16);
}

function isEmpty(data: object): boolean {
  for (const _ in data) return false;
  return true;
}

/** Of a run: nothing of it stays in bytes. */
function writeSlots(w: Writer, of: Slots, base: number, compiled: Compiled): void {
  writeUint(w, of.slotIds.length);
  for (let i = 0; i < of.slotIds.length; i++) {
    const aggregate = of.slotIds[i] as number;
    writeUint(w, aggregate);
    (compiled.codecs[aggregate] as Compiled["codecs"][number]).write(w, of.slots[i] as object, base);
  }
}

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
