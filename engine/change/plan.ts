/**
 * What a change of rules would do, put together for a person who decides by it: what becomes of each part, what is read from
 * history and whether history suffices, what is freed, and what becomes of runs that are under way.
 */
import type { Program, Rule, Window } from "../../dsl/program.js";
import { spellStep } from "../../dsl/spell.js";
import { allSteps } from "../../dsl/walk.js";
import type { Compiled } from "../compile/compiled.js";
import type { Census } from "./census.js";
import type { Comparison, Part } from "./compare.js";
import { exactFrom, longestWindow, reachOf } from "./reach.js";
import { standsOf, type Side } from "./side.js";
import { isAllTheSame } from "../recovery.js";
import { layoutOf } from "../state.js";

/** What there is to be read. */
export interface History {
  /** Records in it: events, and a few that the engine wrote. */
  readonly records: number;
  /** When its first event happened; null: it is empty. */
  readonly from: number | null;
  /** No event was ever removed from its beginning. */
  readonly whole: boolean;
  /** Records a second that were measured; null: too few to measure by. */
  readonly rate: number | null;
  /** The present, by the clock of the log. */
  readonly now: number;
}

export interface PlannedPart extends Part {
  /** Dropped: how many customers have it, and bytes of their states; null where that is not known. */
  readonly held: { readonly customers: number; readonly bytes: number } | null;
  /** Filled: history is too short for it. */
  readonly short: Shortage | null;
}

export interface Shortage {
  /** The longest window that it needs. */
  readonly window: Window | null;
  /** From this instant on it is exact; null: at none, for what counts a lifetime. */
  readonly exactFrom: number | null;
}

export interface PlannedRuns {
  readonly rule: string;
  /** Its name from now on; null: there is no such rule any more. */
  readonly now: string | null;
  readonly stands: readonly PlannedStand[];
  /** Of those at steps that are gone; null: there are none. */
  readonly choice: Choice | null;
}

export interface PlannedStand {
  /** Place among all steps of the rule, from 1; null: the old rules are not known. */
  readonly place: number | null;
  readonly step: string;
  readonly runs: number;
  readonly kept: boolean;
}

export interface Choice {
  readonly runs: number;
  readonly chosen: "finish" | "stop";
  /** Why they can only be stopped; empty: they can be finished. */
  readonly hindered: readonly string[];
}

export interface Plan {
  readonly from: string | null;
  readonly to: string;
  /** What is known of the rules of before: all, what states say of them, or that there were none. */
  readonly known: "rules" | "states" | "nothing";
  readonly same: boolean;
  readonly parts: readonly PlannedPart[];
  readonly unknown: Comparison["unknown"];
  readonly runs: readonly PlannedRuns[];
  /** Null: nothing is filled, or there is no history here to be read. */
  readonly fill: { readonly records: number; readonly from: number | null; readonly rate: number | null; readonly seconds: number | null } | null;
  readonly needsFill: boolean;
  /** All customers are looked at once. */
  readonly needsPass: boolean;
  /** Of the store; null where there is none to look into. */
  readonly customers: { readonly count: number; readonly bytes: number; readonly exact: boolean } | null;
  readonly freed: number | null;
  readonly short: boolean;
}

export interface PlanParts {
  /** Null: nothing ran before. */
  readonly before: Side | null;
  readonly from: string | null;
  readonly after: Compiled;
  readonly comparison: Comparison;
  /** Null: there is no store to look into. */
  readonly census: Census | null;
  readonly segmentSizes: ReadonlyMap<string, number>;
  readonly history: History | null;
  /** Rules whose runs are to be finished. */
  readonly finish: ReadonlySet<string>;
  /** Why runs of an old rule cannot be finished; empty: they can. */
  readonly hindered: (rule: string) => readonly string[];
}

/** A filler also writes what it has evaluated: of what evaluation alone would do, so much. */
const FILL_SHARE = 0.5;

export function planOf(of: PlanParts): Plan {
  const { before, after, comparison, census, history } = of;
  const parts = comparison.parts.map((part): PlannedPart => ({ ...part, held: heldOf(of, part), short: shortageOf(part, after.program, history) }));
  const needsFill = before !== null && comparison.fill;
  const rate = history?.rate === null || history === null ? null : history.rate * FILL_SHARE;
  return {
    from: of.from, to: after.program.hash, known: before === null ? "nothing" : before.program === null ? "states" : "rules",
    same: before !== null && comparison.same, parts, unknown: comparison.unknown, runs: before === null || census === null ? [] : runsOf(of, before, census), needsFill,
    fill: !needsFill || history === null ? null : { records: history.records, from: history.from, rate, seconds: rate === null ? null : history.records / rate },
    needsPass: before !== null && (needsFill || !isAllTheSame(before.layout, layoutOf(after))),
    customers: census === null ? null : { count: census.customers, bytes: census.bytes, exact: census.looked === census.customers },
    freed: census === null ? null : parts.reduce((sum, { held }) => sum + (held?.bytes ?? 0), 0),
    short: needsFill && parts.some(({ short }) => short !== null),
  };
}

/** What lies in states of what is dropped, and of what was kept under a key and can be read no more. */
function heldOf({ census, segmentSizes }: PlanParts, { kind, key, name, fate, source }: Part): PlannedPart["held"] {
  if (census === null || (fate !== "dropped" && !(fate === "changed" && source === "history" && kind !== "segment"))) return null;
  const none = { customers: 0, bytes: 0 };
  switch (kind) {
    case "aggregate": return census.aggregates.get(key) ?? none;
    case "profile": return census.profile.get(name) ?? none;
    case "segment": return { customers: segmentSizes.get(name) ?? census.segments.get(name)?.customers ?? 0, bytes: 0 };
    case "points": return census.points.get(name) ?? none;
    case "experiment": return census.experiments.get(name) ?? none;
    default: return null;
  }
}

function shortageOf(part: Part, program: Program, history: History | null): Shortage | null {
  if (part.source !== "history" || history === null || history.from === null) return null;
  const reach = reachOf(program, part);
  const exact = exactFrom(reach, history.from);
  if (exact === null ? history.whole : exact <= history.now) return null;
  return { window: longestWindow(reach), exactFrom: exact };
}

// ---------------------------------------------------------------------------------------------------- runs

function runsOf({ after, comparison, finish, hindered }: PlanParts, before: Side, census: Census): PlannedRuns[] {
  const present = standsOf(after);
  const names = new Map(comparison.parts.flatMap(({ kind, name, was, fate }) => (kind === "rule" && fate !== "dropped" && fate !== "new" ? [[was ?? name, name] as const] : [])));
  return [...census.runs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([rule, stands]): PlannedRuns => {
    const now = names.get(rule) ?? null;
    const keys = now === null ? undefined : present.get(now);
    const old = before.program?.rules.find(({ name }) => name === rule);
    const planned = [...stands].map(([key, runs]): PlannedStand => ({ ...stepNamed(before.program, old, key), runs, kept: keys?.has(key) === true }))
      .sort((a, b) => (a.place ?? 0) - (b.place ?? 0));
    const left = planned.reduce((sum, { runs, kept }) => sum + (kept ? 0 : runs), 0);
    if (left === 0) return { rule, now, stands: planned, choice: null };
    const why = before.program === null ? ["the rules of before are not known here"] : hindered(rule);
    return { rule, now, stands: planned, choice: { runs: left, chosen: finish.has(rule) && why.length === 0 ? "finish" : "stop", hindered: why } };
  });
}

function stepNamed(program: Program | null, rule: Rule | undefined, key: string): Pick<PlannedStand, "place" | "step"> {
  const steps = rule === undefined ? [] : allSteps(rule.steps);
  const place = steps.findIndex((step) => step.key === key);
  const step = steps[place];
  return program === null || step === undefined ? { place: null, step: `step ${key}` } : { place: place + 1, step: spellStep(program, step) };
}
