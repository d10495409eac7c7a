/**
 * Two programs, part by part: what stays, what goes on under another name, what is new and where it comes from, what is dropped.
 *
 * State follows keys and names (engine/state-layout.ts), so this says what a change of rules does to it. What is *new* is filled
 * from history where it has a memory of its own (an aggregate, points, a field of the profile, a segment with `until` or `for at
 * least`); what only follows from such (a plain segment, a tier, a figure of all customers) is settled for all customers in one pass;
 * what counts from its first day (experiments, caps, runs of rules) begins with the change.
 */
import type { Aggregate, Program, Segment } from "../../dsl/program.js";
import { agrees } from "../state-types.js";
import { layoutOf, type Layout } from "../state.js";
import type { Compiled } from "../compile/compiled.js";
import { KINDS, STANDS, sideOf, type Kind, type Known, type Side } from "./side.js";

export type { Kind } from "./side.js";

export type Fate = "kept" | "renamed" | "changed" | "new" | "dropped";

/** Where that comes from which the state of before does not hold: from history, from a pass over all customers, from what happens from now on. */
export type Source = "state" | "history" | "pass" | "now";

export interface Part {
  readonly kind: Kind;
  /** By which state knows it: the key of aggregates and rankings, the name of all else. Of what was dropped, the old one. */
  readonly key: string;
  readonly name: string;
  readonly fate: Fate;
  /** Renamed: the name before. */
  readonly was: string | null;
  readonly source: Source;
  /** Changed: in what; kept: what has changed that is no part of its meaning. */
  readonly aspects: readonly string[];
}

export interface Comparison {
  /** By kind, in the order of KINDS; of each kind by fate, then by name. */
  readonly parts: readonly Part[];
  /** Whether what is new must be filled from history. */
  readonly fill: boolean;
  /** Whether anything is another than before. */
  readonly same: boolean;
  /** Kinds of which nobody knows what they were before. */
  readonly unknown: readonly Kind[];
}

/** `before` null: nothing ran before, everything is new. */
export function compare(before: Side | null, after: Compiled): Comparison {
  const now = sideOf(after);
  const unknown: Kind[] = [];
  const parts = KINDS.flatMap((kind) => {
    const [old, present] = [before === null ? new Map<string, Known>() : before.parts[kind], now.parts[kind] ?? new Map<string, Known>()];
    if (old === undefined) {
      if (present.size > 0) unknown.push(kind);
      return [];
    }
    return matched(old, present).map((match): Part => ({ kind, ...match, ...became(kind, match, before, after) })).sort(inOrder);
  });
  return { parts, fill: parts.some(({ source }) => source === "history"), same: parts.every(({ fate, aspects }) => fate === "kept" && aspects.length === 0), unknown };
}

const FATES: readonly Fate[] = ["changed", "new", "renamed", "dropped", "kept"];
const inOrder = (a: Part, b: Part): number => FATES.indexOf(a.fate) - FATES.indexOf(b.fate) || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

type Match = Pick<Part, "key" | "name" | "fate" | "was" | "aspects">;

/** By name first; what is left over by meaning, in order. */
function matched(old: ReadonlyMap<string, Known>, present: ReadonlyMap<string, Known>): Match[] {
  const gone = new Map<string, [key: string, of: Known][]>();
  for (const [key, of] of old) {
    if (present.has(key)) continue;
    const meaning = of.meaning ?? `unknown ${key}`;
    gone.set(meaning, [...(gone.get(meaning) ?? []), [key, of]]);
  }
  const matches = [...present].map(([key, of]): Match => {
    const same = old.get(key);
    if (same !== undefined) {
      const aspects = differing(same.aspects, of.aspects);
      const isKept = same.meaning === of.meaning || (same.meaning === null && aspects.length === 0);
      return { key, name: of.name, fate: isKept ? "kept" : "changed", was: null, aspects: aspects.filter((aspect) => aspect !== STANDS || aspects.length === 1) };
    }
    const [, from] = (of.meaning === null ? undefined : gone.get(of.meaning)?.shift()) ?? [];
    return { key, name: of.name, fate: from === undefined ? "new" : "renamed", was: from?.name ?? null, aspects: from === undefined ? [] : differing(from.aspects, of.aspects) };
  });
  return [...matches, ...[...gone.values()].flat().map(([key, of]): Match => ({ key, name: of.name, fate: "dropped", was: null, aspects: [] }))];
}

/** Only of what both know. */
const differing = (a: Known["aspects"], b: Known["aspects"]): string[] => Object.keys(a).filter((aspect) => Object.hasOwn(b, aspect) && a[aspect] !== b[aspect]);

/** What becomes of a part beside its name: an aggregate of one key may hold values that nobody can read any more. */
function became(kind: Kind, { key, fate, aspects }: Match, before: Side | null, after: Compiled): Pick<Part, "fate" | "source"> {
  const { program } = after;
  if (fate === "dropped") return { fate, source: "state" };
  const isNew = fate === "new" || fate === "changed";
  switch (kind) {
    case "aggregate": {
      const aggregate = program.aggregates.find((each) => each.key === key);
      const isRead = fate === "kept" && isReadable(key, before?.layout, layoutOf(after));
      return { fate: isRead || fate === "new" ? fate : "changed", source: isRead ? "state" : aggregate?.window.k === "run" ? "now" : "history" };
    }
    case "segment": {
      const segment = program.segments.find(({ name }) => name === key);
      return { fate, source: !isNew ? "state" : segment !== undefined && remembers(segment) ? "history" : "pass" };
    }
    // Credits are not given again: what was earned before the change was earned under the rules of its day.
    case "points": return { fate, source: fate === "new" ? "history" : "state" };
    case "profile": return { fate, source: fate === "new" || (fate === "changed" && aspects.includes("type")) ? "history" : "state" };
    case "tier": case "ranking": case "metric": return { fate, source: isNew ? "pass" : "state" };
    case "experiment": case "group": case "channel": case "rule": case "event": case "retention": case "trait": return { fate, source: fate === "new" ? "now" : "state" };
  }
}

/** Whether what lies in states under this key can be read as what it is now. */
function isReadable(key: string, written: Layout | undefined, present: Layout): boolean {
  const of = (layout: Layout | undefined): Layout["aggregates"][number] | undefined => layout?.aggregates.find((aggregate) => aggregate.key === key);
  const [a, b] = [of(written)?.of, of(present)?.of];
  return a === undefined || b === undefined || agrees(a, b);
}

/** Whether who is in it depends on more than what holds at the moment. */
export const remembers = ({ enter, leave }: Segment): boolean => leave !== null || enter.forMs > 0 || enter.forMonths > 0;

/** What stands under the names and keys of parts, for whoever asks how far back they reach. */
export const aggregateOf = ({ aggregates }: Program, key: string): Aggregate | undefined => aggregates.find((aggregate) => aggregate.key === key);
