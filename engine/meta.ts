/**
 * What the engine keeps about a partition in the store, beside its customers: how far it has come and in which log, its
 * clock, how far its outputs are numbered, and the layouts of the states. Text fields, readable with the store's own
 * tools; they change in the same commit as the states.
 */
import { STATE_VERSION, StateTooNew, type Layout } from "./state.js";
import type { MetaFields } from "./ports.js";

/** A record that was seen at a place of the log: it must still be there, or the log is another one. */
export interface Anchor {
  readonly sequence: number;
  readonly stamp: number;
}

/** Outputs that had been published by commits which the store then lost: their ids are passed over as they come again. */
export interface Surplus {
  readonly from: number;
  readonly to: number;
}

/** Records up to `offset` were processed, and instants up to `clock` had come, under other programs or none. */
export interface Began {
  readonly offset: number;
  readonly clock: number;
}

export interface Meta {
  /** Sequence of the last record processed (or seen to belong to others); 0: none. */
  readonly offset: number;
  readonly clock: number;
  /** Identity of the log that the offset belongs to; empty before the first commit. */
  readonly log: string;
  /** Newest first. */
  readonly anchors: readonly Anchor[];
  /** Number of the next output. */
  readonly next: number;
  readonly surplus: Surplus | null;
  /** Identity of the output log that the numbers belong to; empty: a store from before this was noted, or no commit yet. */
  readonly outputs: string;
  /** Outputs up to this number were known to be published when the last commit was built. */
  readonly published: number;
  /** What records up to this sequence cause has been said already, or is never to be said (after a decision to rebuild). */
  readonly quiet: number;
  /** Hash of the program that ran last; empty before the first commit. */
  readonly program: string;
  /** How far the partition had come when that program took it over; null: a store from before this was noted. */
  readonly began: Began | null;
  readonly layouts: ReadonlyMap<number, Layout>;
  /** Number of the layout under which that program wrote states; 0: a store from before this was noted, or no commit yet. */
  readonly present: number;
  /** By `rankings <key>` or `populations <key>`: the first layout whose states say truly what customers add to these figures. */
  readonly since: ReadonlyMap<string, number>;
  /** All fields as they were stored; engine/population/ reads its own. */
  readonly fields: MetaFields;
}

const LAYOUT_PREFIX = "layout:";
const ANCHORS_KEPT = 3;

export class MetaCorrupt extends Error { override readonly name = "MetaCorrupt"; }

export function readMeta(fields: MetaFields): Meta {
  const version = wholeNumber(fields, "format", STATE_VERSION);
  if (version > STATE_VERSION) {
    throw new StateTooNew(`the store was written by a newer Eddy (format ${version}; this one knows ${STATE_VERSION}): run that version`);
  }
  const layouts = new Map<number, Layout>();
  for (const [name, value] of Object.entries(fields)) {
    if (name.startsWith(LAYOUT_PREFIX)) layouts.set(Number(name.slice(LAYOUT_PREFIX.length)), JSON.parse(value) as Layout);
  }
  const surplus = fields["surplus"]?.split(":").map(Number);
  return {
    offset: wholeNumber(fields, "offset", 0),
    clock: wholeNumber(fields, "clock", 0),
    log: fields["log"] ?? "",
    anchors: (fields["anchors"] ?? "").split(" ").filter((text) => text !== "").map((text) => {
      const [sequence, stamp] = text.split(":").map(Number);
      return { sequence: sequence ?? 0, stamp: stamp ?? 0 };
    }),
    next: wholeNumber(fields, "next", 1),
    surplus: surplus === undefined ? null : { from: surplus[0] ?? 0, to: surplus[1] ?? 0 },
    outputs: fields["outputs"] ?? "",
    published: wholeNumber(fields, "published", 0),
    quiet: wholeNumber(fields, "quiet", 0),
    program: fields["program"] ?? "",
    began: readBegan(fields),
    layouts,
    present: wholeNumber(fields, "layout", 0),
    since: new Map(Object.entries(JSON.parse(fields["since"] ?? "{}") as Record<string, number>)),
    fields,
  };
}

function readBegan(fields: MetaFields): Began | null {
  const [offset, clock] = (fields["began"] ?? "").split(":").map(Number);
  return offset === undefined || clock === undefined ? null : { offset, clock };
}

/** What the first commit notes where the program is not the one that ran last; nothing otherwise. */
export function beganField({ program, offset, clock }: Meta, hash: string): MetaFields {
  return program === hash ? {} : { began: `${offset}:${clock}` };
}

function wholeNumber(fields: MetaFields, name: string, otherwise: number): number {
  const text = fields[name];
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new MetaCorrupt(`the partition's field "${name}" is ${JSON.stringify(text)}, which is no position`);
  return value;
}

export function writeMeta(meta: Omit<Meta, "quiet" | "began" | "layouts" | "present" | "since" | "fields">): MetaFields {
  return {
    format: String(STATE_VERSION),
    offset: String(meta.offset),
    clock: String(meta.clock),
    log: meta.log,
    anchors: anchorsField(meta.anchors),
    next: String(meta.next),
    surplus: surplusField(meta.surplus),
    outputs: meta.outputs,
    published: String(meta.published),
    program: meta.program,
  };
}

export const anchorsField = (anchors: readonly Anchor[]): string => anchors.slice(0, ANCHORS_KEPT).map(({ sequence, stamp }) => `${sequence}:${stamp}`).join(" ");

export const surplusField = (surplus: Surplus | null): string => (surplus === null ? "" : `${surplus.from}:${surplus.to}`);

export const presentField = (number: number): MetaFields => ({ layout: String(number) });

export function sinceField(since: ReadonlyMap<string, number>): MetaFields {
  return { since: since.size === 0 ? "" : JSON.stringify(Object.fromEntries(since)) };
}

export function layoutField(number: number, layout: Layout): MetaFields {
  return { [`${LAYOUT_PREFIX}${number}`]: JSON.stringify(layout) };
}
