/**
 * A customer of whom most still lies in bytes. What every event asks for is read at once; slots, profile, runs and extras
 * are read when somebody asks for them, and what nobody asked for is copied as it is when the customer is written again:
 * an event touches a few of many slots, and of a large program most are never looked at.
 *
 * A class, unlike everything around it: evaluation reads `customer.runs` and its like as it does of any customer, and
 * properties that are read when they are asked for are what classes have.
 *
 * The bytes must stay as they are for as long as the customer is used (engine/cache.ts sees to it).
 */
import type { Slot } from "./aggregates/kinds.js";
import { StateCorrupt, readFields, readerOf, writeByte, writeBytes, type Reader, type Writer } from "./codec.js";
import { SEEN_EVENTS, followingSeen, putSeen, unread, type Customer, type Data, type Extras, type Holding, type Packed, type Run, type Starts } from "./customer.js";
import { readExtras } from "./state-extras.js";
import type { Translation } from "./state-layout.js";
import { readRuns } from "./state-runs.js";
import type { Zone } from "./zone.js";

/** Where the parts are. What ends where the next begins has no length of its own. */
export interface Parts {
  readonly bytes: Buffer;
  readonly layout: Translation;
  readonly from: number;
  readonly seenFrom: number;
  readonly slotsFrom: readonly number[];
  readonly profileFrom: number;
  readonly runsFrom: number;
  readonly extrasFrom: number;
  readonly end: number;
}

/** What every event asks for. */
export interface Head {
  readonly base: number;
  readonly firstSeen: number;
  readonly wake: number;
  readonly indexed: number;
  /** What the profile says of the zone; null: nothing. */
  readonly zoneName: string | null;
  readonly seenNext: number;
}

export type Lists = Pick<Customer, "segments" | "holdings" | "starts">;

export class PackedCustomer implements Customer, Packed {
  movedTo: string | null = null;
  packed: Packed | null = this;
  base: number;
  firstSeen: number;
  wake: number;
  indexed: number;
  seenNext: number;
  readonly zoneName: string | null;
  slots: Slot[];
  segments: number[];
  holdings: Holding[];
  starts: Starts[];
  dirty = false;
  commit = 0;
  packedBytes: number;
  generation = -1;
  private readProfile: Data | null = null;
  private readRunsAs: Run[] | null = null;
  private readExtrasAs: Extras | null = null;
  hasExtras = false;
  private ring: number[] | null = null;
  /** Pairs that came since the bytes were written. */
  private readonly added: number[] = [];
  /** `seenNext` of the bytes. */
  private readonly storedNext: number;

  constructor(readonly id: string, private readonly parts: Parts, public slotIds: number[], { segments, holdings, starts }: Lists, head: Head, public zone: Zone) {
    this.base = head.base;
    this.firstSeen = head.firstSeen;
    this.wake = head.wake;
    this.indexed = head.indexed;
    this.seenNext = this.storedNext = head.seenNext;
    this.zoneName = head.zoneName;
    this.packedBytes = parts.end - parts.from;
    this.segments = segments;
    this.holdings = holdings;
    this.starts = starts;
    this.slots = new Array<Slot>(slotIds.length);
    for (let place = 0; place < slotIds.length; place++) this.slots[place] = unread(place);
  }

  // -------------------------------------------------------------------------------------------------- slots

  slot(place: number, aggregate: number): Slot {
    const { bytes, slotsFrom, layout } = this.parts;
    const codec = layout.codecs[aggregate];
    if (codec === undefined) throw new StateCorrupt(`customer ${this.id}: the state refers to aggregate ${aggregate} of ${layout.codecs.length}`);
    const r = readerOf(bytes, slotsFrom[place] as number, slotsFrom[place + 1] as number);
    const slot = codec.read(r, this.base);
    this.hasEnded(r);
    return slot;
  }

  writeSlot(w: Writer, place: number): void {
    const { bytes, slotsFrom } = this.parts;
    writeBytes(w, bytes, slotsFrom[place] as number, slotsFrom[place + 1] as number);
  }

  // -------------------------------------------------------------------------------------------------- profile, runs, extras

  get hasProfile(): boolean { return this.readProfile !== null; }
  get profile(): Data {
    if (this.readProfile !== null) return this.readProfile;
    const { bytes, profileFrom, runsFrom } = this.parts;
    if (profileFrom === runsFrom) return (this.readProfile = {});
    const r = readerOf(bytes, profileFrom, runsFrom);
    this.readProfile = readFields(r);
    this.hasEnded(r);
    return this.readProfile;
  }
  set profile(profile: Data) { this.readProfile = profile; }
  writeProfile(w: Writer): void { writeBytes(w, this.parts.bytes, this.parts.profileFrom, this.parts.runsFrom); }

  get hasRuns(): boolean { return this.readRunsAs !== null; }
  get runs(): Run[] {
    if (this.readRunsAs !== null) return this.readRunsAs;
    const { bytes, runsFrom, extrasFrom, layout } = this.parts;
    if (runsFrom === extrasFrom) return (this.readRunsAs = []);
    const r = readerOf(bytes, runsFrom, extrasFrom);
    this.readRunsAs = readRuns(r, this.id, this.base, layout);
    this.hasEnded(r);
    return this.readRunsAs;
  }
  set runs(runs: Run[]) { this.readRunsAs = runs; }
  writeRuns(w: Writer): void { writeBytes(w, this.parts.bytes, this.parts.runsFrom, this.parts.extrasFrom); }

  get extras(): Extras | null {
    if (this.hasExtras) return this.readExtrasAs;
    this.hasExtras = true;
    const { bytes, extrasFrom, end, layout } = this.parts;
    if (extrasFrom === end) return null;
    const r = readerOf(bytes, extrasFrom, end);
    this.readExtrasAs = readExtras(r, this.base, layout.extras);
    this.hasEnded(r);
    return this.readExtrasAs;
  }
  set extras(extras: Extras | null) {
    this.hasExtras = true;
    this.readExtrasAs = extras;
  }
  writeExtras(w: Writer): void { writeBytes(w, this.parts.bytes, this.parts.extrasFrom, this.parts.end); }

  // -------------------------------------------------------------------------------------------------- events seen

  seenBefore(high: number, low: number): boolean {
    if (this.added.length >= 2 * SEEN_EVENTS) this.seen = this.seen; // the ring is all new
    const h = high | 0;
    const l = low | 0;
    if (this.isIn(this.ring ?? this.added, h, l) || (this.ring === null && this.isStored(h, l))) return true;
    if (this.ring === null) this.added.push(h, l);
    else putSeen(this.ring, this.seenNext, h, l);
    this.seenNext = followingSeen(this.seenNext);
    return false;
  }

  private isIn(pairs: readonly number[], high: number, low: number): boolean {
    for (let i = 0; i < pairs.length; i += 2) if (pairs[i] === high && pairs[i + 1] === low) return true;
    return false;
  }

  /** Compared where they lie; a first byte that differs, as most do, ends it. */
  private isStored(high: number, low: number): boolean {
    const { bytes, seenFrom } = this.parts;
    const stored = Math.min(this.storedNext, SEEN_EVENTS);
    const first = high & 255;
    for (let i = 0, at = seenFrom; i < stored; i++, at += 8) {
      if (bytes[at] !== first || bytes.readInt32LE(at) !== high || bytes.readInt32LE(at + 4) !== low) continue;
      const sinceOverwritten = (i - (this.storedNext % SEEN_EVENTS) + SEEN_EVENTS) % SEEN_EVENTS;
      if (sinceOverwritten >= this.added.length / 2) return true;
    }
    return false;
  }

  /** The ring as a list, which holds from then on. */
  get seen(): number[] {
    if (this.ring !== null) return this.ring;
    const ring: number[] = [];
    const { bytes, seenFrom } = this.parts;
    const stored = Math.min(this.storedNext, SEEN_EVENTS);
    for (let i = 0; i < 2 * stored; i++) ring.push(bytes.readInt32LE(seenFrom + 4 * i));
    for (let i = 0, next = this.storedNext; i < this.added.length; i += 2, next = followingSeen(next)) {
      putSeen(ring, next, this.added[i] as number, this.added[i + 1] as number);
    }
    return (this.ring = ring);
  }
  set seen(ring: number[]) { this.ring = ring; }

  get hasSeen(): boolean { return this.ring !== null; }

  writeSeen(w: Writer): void {
    const { bytes, seenFrom } = this.parts;
    const from = w.at;
    writeBytes(w, bytes, seenFrom, seenFrom + 8 * Math.min(this.storedNext, SEEN_EVENTS));
    for (let i = 0, next = this.storedNext; i < this.added.length; i += 2, next = followingSeen(next)) {
      const at = from + 8 * (next % SEEN_EVENTS);
      if (at === w.at) for (let n = 0; n < 8; n++) writeByte(w, 0);
      w.bytes.writeInt32LE(this.added[i] as number, at);
      w.bytes.writeInt32LE(this.added[i + 1] as number, at + 4);
    }
  }

  private hasEnded(r: Reader): void {
    if (r.at !== r.end) throw new StateCorrupt(`customer ${this.id}: a part of the state has ${r.end - r.at} bytes too many`);
  }
}
