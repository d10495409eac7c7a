/**
 * Bytes become a customer: at once and with every part looked at (`readCustomer`), or part by part, when they are asked for
 * (`unpackCustomer`). Bytes of an older layout or version are read at once in any case.
 */
import { StateCorrupt, readByte, readFields, readInt, readInt32, readText, readUint, reader, readerOf, type Reader } from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { SEEN_EVENTS, newCustomer, type Customer, type Data } from "./customer.js";
import { zoneOfProfile } from "./evaluator.js";
import { readExtras } from "./state-extras.js";
import { FORGOTTEN, IN_PARTS_SINCE, NAMED_ZONE, NOTE, STATE_VERSION, StateTooNew, TRAILER_LENGTH_BYTES, type Translation } from "./state-layout.js";
import { PackedCustomer, type Head, type Lists } from "./state-packed.js";
import { readInstant, readRuns, readSlot, readSlots } from "./state-runs.js";
import { fitting } from "./state-types.js";
import { UTC, zoneOf } from "./zone.js";

export type Translations = ReadonlyMap<number, Translation>;

/** `translations` by the number of the layout. */
export function readCustomer(id: string, bytes: Uint8Array, translations: Translations, compiled: Compiled): Customer {
  const r = reader(bytes);
  const version = readByte(r);
  if (version === NOTE) return readNote(id, r);
  if (version > STATE_VERSION) throw new StateTooNew(`the state was written by a newer Eddy (format ${version}; this one knows ${STATE_VERSION}): run that version`);
  const number = readUint(r);
  const t = translations.get(number);
  if (t === undefined) throw new StateCorrupt(`customer ${id}: the state refers to layout ${number}, which the partition does not have`);
  const customer = version >= IN_PARTS_SINCE ? readParts(id, r, t, compiled) : readStretch(id, r, version, t, compiled);
  if (r.at !== r.end) throw new StateCorrupt(`customer ${id}: ${r.end - r.at} bytes too many`);
  return customer;
}

function readNote(id: string, r: Reader): Customer {
  readUint(r);
  const customer = newCustomer(id, UTC);
  const movedTo = readText(r);
  if (movedTo !== FORGOTTEN) customer.movedTo = movedTo;
  return customer;
}

/** The customer in the bytes from `from` to before `to`, which must stay as they are while the customer is used. */
export function unpackCustomer(id: string, bytes: Buffer, from: number, to: number, translations: Translations, compiled: Compiled): Customer {
  const r = readerOf(bytes, from, to);
  const version = readByte(r);
  if (version >= IN_PARTS_SINCE && version <= STATE_VERSION) {
    const t = translations.get(readUint(r));
    if (t?.same === true) return unpack(id, from, r, t, compiled);
  }
  const customer = readCustomer(id, bytes.subarray(from, to), translations, compiled);
  customer.packedBytes = to - from;
  return customer;
}

// ---------------------------------------------------------------------------------------------------- version 3

/** Up to the ring of events seen. */
function readHead(r: Reader): Head {
  const base = readInt(r);
  const firstSeen = base + readInt(r);
  const wake = readInstant(r, base);
  const indexed = readInstant(r, base);
  const zoneName = readByte(r) === NAMED_ZONE ? readText(r) : null;
  return { base, firstSeen, wake, indexed, zoneName, seenNext: readUint(r) };
}

const storedPairs = ({ seenNext }: Head): number => Math.min(seenNext, SEEN_EVENTS);

/** What the trailer says; the reader must stand behind the starts, where the slots begin. */
interface Trailer {
  readonly slotIds: number[];
  /** By slot, and one more for the end of the last, where the profile begins. */
  readonly slotsFrom: number[];
  readonly runsFrom: number;
  readonly extrasFrom: number;
  readonly end: number;
}

function readTrailer(id: string, { bytes, at, end }: Reader): Trailer {
  const lengthAt = end - TRAILER_LENGTH_BYTES;
  if (lengthAt < at) throw new StateCorrupt("the state ends too early");
  const length = (bytes[lengthAt] as number) | ((bytes[lengthAt + 1] as number) << 8) | ((bytes[lengthAt + 2] as number) << 16);
  const from = lengthAt - length;
  if (from < at) throw new StateCorrupt("the state ends too early");
  const r = readerOf(bytes, from, lengthAt);
  const count = readUint(r);
  if (2 * count > length) throw new StateCorrupt(`customer ${id}: the parts of the state do not add up`);
  // Of just this length: lists that grow take room for sixteen more.
  const slotIds = new Array<number>(count);
  const slotsFrom = new Array<number>(count + 1);
  let place = at;
  for (let i = 0; i < count; i++) {
    slotsFrom[i] = place;
    slotIds[i] = readUint(r);
    place += readUint(r);
  }
  slotsFrom[count] = place;
  const runsFrom = place + readUint(r);
  const extrasFrom = runsFrom + readUint(r);
  const partsEnd = extrasFrom + readUint(r);
  if (r.at !== r.end || partsEnd !== from) throw new StateCorrupt(`customer ${id}: the parts of the state do not add up`);
  return { slotIds, slotsFrom, runsFrom, extrasFrom, end: from };
}

function unpack(id: string, from: number, r: Reader, t: Translation, compiled: Compiled): PackedCustomer {
  const head = readHead(r);
  const seenFrom = r.at;
  r.at += 8 * storedPairs(head);
  const lists: Lists = { segments: [], holdings: [], starts: [] };
  readMemberships(r, lists, head.base, t);
  readStarts(r, lists, head.base, t);
  const { slotIds, slotsFrom, runsFrom, extrasFrom, end } = readTrailer(id, r);
  const { defaultZone } = compiled;
  const zone = defaultZone === null ? UTC : head.zoneName === null ? defaultZone : zoneOf(head.zoneName);
  return new PackedCustomer(id, {
    bytes: r.bytes, from, layout: t, seenFrom, slotsFrom, profileFrom: slotsFrom[slotIds.length] as number, runsFrom, extrasFrom, end,
  }, slotIds, lists, head, zone);
}

function readParts(id: string, r: Reader, t: Translation, compiled: Compiled): Customer {
  const head = readHead(r);
  const { base } = head;
  const customer = newCustomer(id, UTC);
  customer.base = base;
  customer.firstSeen = head.firstSeen;
  customer.wake = head.wake;
  customer.indexed = head.indexed;
  customer.seenNext = head.seenNext;
  for (let left = 2 * storedPairs(head); left > 0; left--) customer.seen.push(readInt32(r));
  readMemberships(r, customer, base, t);
  readStarts(r, customer, base, t);
  const { slotIds, slotsFrom, runsFrom, extrasFrom, end } = readTrailer(id, r);
  const part = <T>(from: number, to: number, none: T, read: (r: Reader) => T): T => {
    if (from === to) return none;
    const of = readerOf(r.bytes, from, to);
    const found = read(of);
    if (of.at !== of.end) throw new StateCorrupt(`customer ${id}: a part of the state has ${of.end - of.at} bytes too many`);
    return found;
  };
  slotIds.forEach((number, i) => {
    const of = readerOf(r.bytes, slotsFrom[i] as number, slotsFrom[i + 1] as number);
    readSlot(of, customer, id, number, base, t);
    if (of.at !== of.end) throw new StateCorrupt(`customer ${id}: a slot of the state has ${of.end - of.at} bytes too many`);
  });
  takeProfile(customer, part(slotsFrom[slotIds.length] as number, runsFrom, {}, readFields), t, compiled);
  customer.runs = part(runsFrom, extrasFrom, [], (of) => readRuns(of, id, base, t, STATE_VERSION, compiled));
  customer.extras = part(extrasFrom, end, null, (of) => readExtras(of, base, t.extras));
  r.at = r.end;
  return customer;
}

// ---------------------------------------------------------------------------------------------------- versions 1 and 2

function readStretch(id: string, r: Reader, version: number, t: Translation, compiled: Compiled): Customer {
  const base = readInt(r);
  const customer = newCustomer(id, UTC);
  customer.base = base;
  customer.firstSeen = base;
  customer.wake = readInstant(r, base);
  customer.indexed = readInstant(r, base);
  takeProfile(customer, readFields(r), t, compiled);
  readSlots(r, customer, id, base, t);
  readMemberships(r, customer, base, t);
  customer.runs = readRuns(r, id, base, t, version, compiled);
  readStarts(r, customer, base, t);
  customer.seenNext = readUint(r);
  for (let left = 2 * Math.min(customer.seenNext, SEEN_EVENTS); left > 0; left--) customer.seen.push(readInt32(r));
  if (version > 1) customer.extras = readExtras(r, base, t.extras);
  return customer;
}

// ---------------------------------------------------------------------------------------------------- parts of all versions

function takeProfile(customer: Customer, profile: Data, t: Translation, compiled: Compiled): void {
  customer.profile = t.same ? profile : fitting(profile, compiled.program.profile, t.layout.profile);
  customer.zone = zoneOfProfile(compiled, customer.profile);
}

function readMemberships(r: Reader, into: Lists, base: number, t: Translation): void {
  for (let left = readUint(r); left > 0; left--) {
    const segment = t.segments[readUint(r)] ?? -1;
    if (segment >= 0) into.segments.push(segment);
  }
  if (!t.same) into.segments.sort((a, b) => a - b);
  for (let left = readUint(r); left > 0; left--) {
    const index = readUint(r);
    const since = base + readInt(r);
    const segment = t.segments[index >> 1] ?? -1;
    if (segment >= 0) into.holdings.push({ index: segment * 2 + (index & 1), since });
  }
}

function readStarts(r: Reader, into: Lists, base: number, t: Translation): void {
  for (let left = readUint(r); left > 0; left--) {
    const rule = t.rules[readUint(r)] ?? -1;
    const times: number[] = [];
    for (let n = readUint(r); n > 0; n--) times.push(base + readInt(r));
    if (rule >= 0) into.starts.push({ rule, times });
  }
}
