/**
 * The part of a customer's bytes that only some customers have and only some programs ask for (engine/customer.ts,
 * Extras): a mask of the sections that follow, so that what is not there takes no room. Indexes are those of the layout
 * that wrote them (engine/state.ts); what the present program no longer has is dropped.
 */
import { StateCorrupt, readDouble, readInt, readList, readNumber, readText, readUint, readValue, writeDouble, writeInt, writeNumber, writeText, writeUint, writeValue, type Reader, type Writer } from "./codec.js";
import type { Compiled } from "./compile/compiled.js";
import { newExtras, type Extras } from "./customer.js";

/** The present program's numbers for the numbers of a layout; -1: it has no such thing any more. */
export interface ExtrasTranslation {
  readonly rules: readonly number[];
  readonly tiers: readonly number[];
  /** By tier: the rank of each level. */
  readonly levels: readonly (readonly number[])[];
  readonly watches: readonly number[];
  readonly points: readonly number[];
  readonly policies: readonly number[];
  readonly experiments: readonly number[];
  readonly arms: readonly (readonly number[])[];
  readonly rankings: readonly number[];
  readonly populations: readonly number[];
}

/** What the numbers mean, beside those of engine/state.ts. */
export interface ExtrasLayout {
  readonly tiers: readonly { readonly name: string; readonly levels: readonly string[] }[];
  readonly watches: readonly string[];
  readonly points: readonly string[];
  readonly policies: readonly string[];
  readonly experiments: readonly { readonly name: string; readonly arms: readonly string[] }[];
  readonly rankings: readonly string[];
  readonly populations: readonly string[];
}

const NONE: ExtrasLayout = { tiers: [], watches: [], points: [], policies: [], experiments: [], rankings: [], populations: [] };

export function extrasLayoutOf({ program }: Compiled): ExtrasLayout {
  return {
    tiers: program.tiers.map(({ name, levels }) => ({ name, levels: levels.map((level) => level.name) })),
    watches: program.watches.map(({ key }) => key),
    points: program.points.map(({ name }) => name),
    policies: program.policies.map(({ name }) => name),
    experiments: program.experiments.map(({ name, arms }) => ({ name, arms: arms.map((arm) => arm.name) })),
    rankings: program.rankings.map(({ key }) => key),
    populations: program.populations.map(({ key }) => key),
  };
}

/** `written` may come from before there were extras: whatever it lacks nobody has. */
export function extrasTranslation(written: Partial<ExtrasLayout>, present: ExtrasLayout, rules: readonly number[]): ExtrasTranslation {
  const before: ExtrasLayout = { ...NONE, ...written };
  const places = (old: readonly string[], now: readonly string[]): number[] => old.map((name) => now.indexOf(name));
  const tiers = places(before.tiers.map(({ name }) => name), present.tiers.map(({ name }) => name));
  const experiments = places(before.experiments.map(({ name }) => name), present.experiments.map(({ name }) => name));
  return {
    rules, tiers, experiments,
    levels: before.tiers.map(({ levels }, i) => places(levels, present.tiers[tiers[i] as number]?.levels ?? [])),
    arms: before.experiments.map(({ arms }, i) => places(arms, present.experiments[experiments[i] as number]?.arms ?? [])),
    watches: places(before.watches, present.watches),
    points: places(before.points, present.points),
    policies: places(before.policies, present.policies),
    rankings: places(before.rankings, present.rankings),
    populations: places(before.populations, present.populations),
  };
}

// Bits of the mask. New sections take the next bit; an old reader never sees them, for the format's version tells.
const TIERS = 1;
const WATCHED = 2;
const LEDGERS = 4;
const SENDS = 8;
const NEXT_HELD = 16;
const EXPOSURES = 32;
const READINGS = 64;
const CONTRIBUTIONS = 128;
const FIGURES_OF = 256;
const SCHEDULED = 512;
const LAST_EVENT = 1024;
const JOINED = 2048;
const KNOWN = 4095;

function maskOf(of: Extras): number {
  const some = (list: readonly unknown[], bit: number): number => (list.length > 0 ? bit : 0);
  return some(of.tiers, TIERS) | some(of.watched, WATCHED) | some(of.ledgers, LEDGERS) | some(of.sends, SENDS)
    | (of.nextHeld > 0 ? NEXT_HELD : 0) | some(of.exposures, EXPOSURES) | some(of.readings, READINGS) | some(of.contributions, CONTRIBUTIONS)
    | (of.figuresOf > 0 ? FIGURES_OF : 0) | some(of.scheduled, SCHEDULED)
    | (Number.isFinite(of.lastEvent) ? LAST_EVENT : 0) | some(of.joined, JOINED);
}

/** Writes nothing where there is none of it. */
export function writeExtras(w: Writer, of: Extras, base: number): void {
  const mask = maskOf(of);
  if (mask === 0) return;
  writeUint(w, mask);
  const list = <T>(bit: number, items: readonly T[], write: (item: T) => void): void => {
    if ((mask & bit) === 0) return;
    writeUint(w, items.length);
    for (const item of items) write(item);
  };
  const times = (all: readonly number[]): void => {
    writeUint(w, all.length);
    for (const t of all) writeInt(w, t - base);
  };
  const numbered = ({ index, value }: { readonly index: number; readonly value: number }): void => { writeUint(w, index); writeNumber(w, value); };
  list(TIERS, of.tiers, ({ index, rank }) => { writeUint(w, index); writeUint(w, rank + 1); });
  list(WATCHED, of.watched, ({ index, value }) => { writeUint(w, index); writeValue(w, value); });
  list(LEDGERS, of.ledgers, ({ index, lots, given }) => {
    writeUint(w, index);
    writeUint(w, lots.length);
    for (const { time, left } of lots) { writeInt(w, time - base); writeNumber(w, left); }
    writeUint(w, given.length);
    given.forEach(times);
  });
  list(SENDS, of.sends, (sends) => { writeUint(w, sends.index); times(sends.times); });
  if ((mask & NEXT_HELD) !== 0) writeUint(w, of.nextHeld);
  list(EXPOSURES, of.exposures, ({ index, arm, at, reached, value }) => {
    writeUint(w, index);
    writeUint(w, arm * 2 + (reached ? 1 : 0));
    writeInt(w, at - base);
    writeDouble(w, value);
  });
  list(READINGS, of.readings, numbered);
  list(CONTRIBUTIONS, of.contributions, numbered);
  if ((mask & FIGURES_OF) !== 0) writeUint(w, of.figuresOf);
  list(SCHEDULED, of.scheduled, ({ rule, local }) => { writeUint(w, rule); writeInt(w, local); });
  if ((mask & LAST_EVENT) !== 0) writeInt(w, of.lastEvent - base);
  list(JOINED, of.joined, (id) => writeText(w, id));
}

/** Null: none (states of version 2 say so). */
export function readExtras(r: Reader, base: number, t: ExtrasTranslation): Extras | null {
  const mask = readUint(r);
  if (mask === 0) return null;
  if (mask > KNOWN) throw new StateCorrupt(`the state has sections (${mask}) that its format does not know`);
  const of = newExtras();
  const each = (bit: number, read: () => void): void => {
    if ((mask & bit) !== 0) for (let left = readUint(r); left > 0; left--) read();
  };
  const times = (): number[] => readList(r, () => base + readInt(r));
  const placeIn = (places: readonly number[]): number => places[readUint(r)] ?? -1;
  const numbered = (into: { index: number; value: number }[], places: readonly number[]) => (): void => {
    const index = placeIn(places);
    const value = readNumber(r);
    if (index >= 0) into.push({ index, value });
  };
  each(TIERS, () => {
    const number = readUint(r);
    const level = readUint(r) - 1;
    const index = t.tiers[number] ?? -1;
    // Of a level that is gone nobody knows where it stood: it is settled anew, and announced to nobody.
    const rank = level < 0 ? -1 : (t.levels[number]?.[level] ?? -1);
    if (index >= 0 && (level < 0 || rank >= 0)) of.tiers.push({ index, rank });
  });
  each(WATCHED, () => {
    const index = placeIn(t.watches);
    const value = readValue(r);
    if (index >= 0) of.watched.push({ index, value });
  });
  each(LEDGERS, () => {
    const index = placeIn(t.points);
    const lots = readList(r, () => ({ time: base + readInt(r), left: readNumber(r) }));
    const given = readList(r, times);
    if (index >= 0) of.ledgers.push({ index, lots, given });
  });
  each(SENDS, () => {
    const index = placeIn(t.policies);
    const sent = times();
    if (index >= 0) of.sends.push({ index, times: sent });
  });
  if ((mask & NEXT_HELD) !== 0) of.nextHeld = readUint(r);
  each(EXPOSURES, () => {
    const number = readUint(r);
    const packed = readUint(r);
    const at = base + readInt(r);
    const value = readDouble(r);
    const index = t.experiments[number] ?? -1;
    const arm = t.arms[number]?.[packed >> 1] ?? -1;
    if (index >= 0 && arm >= 0) of.exposures.push({ index, arm, at, reached: (packed & 1) === 1, value });
  });
  each(READINGS, numbered(of.readings, t.rankings));
  each(CONTRIBUTIONS, numbered(of.contributions, t.populations));
  if ((mask & FIGURES_OF) !== 0) of.figuresOf = readUint(r);
  each(SCHEDULED, () => {
    const rule = placeIn(t.rules);
    const local = readInt(r);
    if (rule >= 0) of.scheduled.push({ rule, local });
  });
  if ((mask & LAST_EVENT) !== 0) of.lastEvent = base + readInt(r);
  each(JOINED, () => void of.joined.push(readText(r)));
  const byIndex = (a: { readonly index: number }, b: { readonly index: number }): number => a.index - b.index;
  for (const list of [of.tiers, of.watched, of.ledgers, of.sends, of.exposures, of.readings, of.contributions]) (list as { index: number }[]).sort(byIndex);
  return of;
}
