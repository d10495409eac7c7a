/**
 * Two programs through the same file of events, side by side, with everybody in memory: what `eddy replay --against` does.
 * A line is decoded once where both programs declare its event alike.
 */
import type { Value } from "../../dsl/program.js";
import type { Compiled, EventPlan } from "../compile/compiled.js";
import { decodeLine, type Work } from "../decode.js";
import { createReplay, type Replay, type ReplayOutput } from "../replay.js";
import { difference, emptyRule, isEqual, EXAMPLES, type RuleDifference, type Side, type Told, type TurnDifference } from "./difference.js";
import { forget, recorder, saidNothing } from "./said.js";

/** Whether something is in both programs, or in which alone; by name. */
export type Whose = "both" | Side;

export interface SegmentDifference {
  readonly whose: Whose;
  /** Members at the end. */
  readonly members: Readonly<Record<Side, number>>;
  /** Who is a member under the new program alone, and under the old one alone. */
  readonly entered: Few;
  readonly left: Few;
  /** On the way. */
  readonly turns: TurnDifference;
}

/** How many customers, and some of them. */
export interface Few {
  count: number;
  readonly examples: string[];
}

export interface TraitDifference {
  readonly whose: Whose;
  /** Customers for whom it has another value at the end. */
  count: number;
  readonly examples: { readonly customer: string; readonly old: Value; readonly new: Value }[];
}

export interface ProgramsDifference {
  readonly segments: ReadonlyMap<string, SegmentDifference>;
  readonly rules: ReadonlyMap<string, RuleDifference & { readonly whose: Whose }>;
}

export interface HistoryDifference extends ProgramsDifference {
  /** Null: not asked for. */
  readonly traits: ReadonlyMap<string, TraitDifference> | null;
}

export interface HistoryTold extends Told {
  /** What one of them cannot process. */
  dead?(side: Side, body: string): void;
  member?(segment: string, customer: string, side: Side): void;
  trait?(trait: string, customer: string, before: Value, after: Value): void;
}

export interface AgainstReplay {
  line(text: string | null, number: number): void;
  until(instant: number): void;
  /** Once, when all has been taken. */
  end(withTraits: boolean): HistoryDifference;
  readonly old: Replay;
  readonly new: Replay;
}

export function replayAgainst(before: Compiled, after: Compiled, told: HistoryTold = {}): AgainstReplay {
  const said = { old: saidNothing(), new: saidNothing() };
  const found = difference(told);
  const dead = (side: Side) => ({ subject, body }: ReplayOutput): void => { if (subject.startsWith("dead.")) told.dead?.(side, body); };
  const older = createReplay(before, dead("old"), recorder(before, () => said.old));
  const newer = createReplay(after, dead("new"), recorder(after, () => said.new));
  const alike = alikePlans(before, after);

  function compare(): void {
    found.compare(said.old, said.new);
    forget(said.old);
    forget(said.new);
  }

  return {
    old: older, new: newer,
    line(text, number) {
      const work = decodeLine(before, text, number);
      // What is taken may be changed by nobody: what is kept of an event is a copy.
      const same = work.k === "event" ? alike.get(work.plan) : undefined;
      newer.work(work.k === "event" && same !== undefined ? { ...work, plan: same } : decodedAlike(work) ? work : decodeLine(after, text, number));
      older.work(work);
      compare();
    },
    until(instant) {
      older.until(instant);
      newer.until(instant);
      compare();
    },
    end(withTraits) {
      found.end();
      return {
        segments: segmentDifferences(before, after, older, newer, found.turns(), told),
        rules: ruleDifferences(before, after, found.rules()),
        traits: withTraits ? traitDifferences(before, after, older, newer, told) : null,
      };
    },
  };
}

/** A line that is no event at all, or a tick, is so under every program. */
const decodedAlike = (work: Work): boolean => work.k === "tick" || (work.k === "dead" && work.reason !== "schema");

/** By the old program's plan of an event the new one's, where both read it in the same way. */
function alikePlans(before: Compiled, after: Compiled): ReadonlyMap<EventPlan, EventPlan> {
  const fieldsOf = ({ program }: Compiled, { name, isProfileUpdate }: EventPlan): string =>
    JSON.stringify(isProfileUpdate ? program.profile : program.events.find((event) => event.name === name)?.fields ?? []);
  const alike = new Map<EventPlan, EventPlan>();
  for (const [type, plan] of before.events) {
    const other = after.events.get(type);
    if (other !== undefined && other.isProfileUpdate === plan.isProfileUpdate && fieldsOf(before, plan) === fieldsOf(after, other)) alike.set(plan, other);
  }
  return alike;
}

// ---------------------------------------------------------------------------------------------------- at the end

interface Named { readonly name: string }

/** Names of both programs, in order, and whose they are. */
export function whoseNames(before: readonly Named[], after: readonly Named[]): Map<string, Whose> {
  const [old, now] = [new Set(before.map(({ name }) => name)), new Set(after.map(({ name }) => name))];
  return new Map([...new Set([...old, ...now])].sort().map((name) => [name, old.has(name) ? (now.has(name) ? "both" : "old") : "new"]));
}

export function ruleDifferences(before: Compiled, after: Compiled, said: ReadonlyMap<string, RuleDifference>): ProgramsDifference["rules"] {
  const rules = new Map<string, RuleDifference & { whose: Whose }>();
  for (const [name, whose] of whoseNames(before.program.rules, after.program.rules)) {
    const rule = said.get(name);
    if (rule !== undefined) rules.set(name, { ...rule, whose });
    else if (whose !== "both") rules.set(name, { ...emptyRule(), whose });
  }
  return rules;
}

type Member = ReturnType<Replay["members"]>[number];

function segmentDifferences(
  before: Compiled, after: Compiled, older: Replay, newer: Replay, turns: ReadonlyMap<string, TurnDifference>, told: HistoryTold,
): ProgramsDifference["segments"] {
  const segments = new Map([...whoseNames(before.program.segments, after.program.segments)].map(([name, whose]): [string, SegmentDifference & { members: Record<Side, number> }] =>
    [name, { whose, members: { old: 0, new: 0 }, entered: { count: 0, examples: [] }, left: { count: 0, examples: [] }, turns: turns.get(name) ?? noTurns() }]));
  const only = (side: Side, { segment, customer }: Member): void => {
    note((segments.get(segment) as SegmentDifference)[side === "new" ? "entered" : "left"], customer);
    told.member?.(segment, customer, side);
  };
  const [old, now] = [older.members(), newer.members()];
  for (const { segment } of old) (segments.get(segment) as { members: Record<Side, number> }).members.old++;
  for (const { segment } of now) (segments.get(segment) as { members: Record<Side, number> }).members.new++;
  merge(old, now, (a, b) => ordered(a.segment, b.segment) || ordered(a.customer, b.customer), (a, b) => {
    if (b === undefined && a !== undefined) only("old", a);
    if (a === undefined && b !== undefined) only("new", b);
  });
  return segments;
}

function traitDifferences(before: Compiled, after: Compiled, older: Replay, newer: Replay, told: HistoryTold): ReadonlyMap<string, TraitDifference> {
  const traits = new Map([...whoseNames(before.traits, after.traits)].map(([name, whose]): [string, TraitDifference] => [name, { whose, count: 0, examples: [] }]));
  const both = [...traits].filter(([, { whose }]) => whose === "both");
  merge(older.traits(), newer.traits(), (a, b) => ordered(a.customer, b.customer), (a, b) => {
    const { customer } = (a ?? b) as { readonly customer: string };
    for (const [name, difference] of both) {
      const [was, is] = [a?.values[name] ?? null, b?.values[name] ?? null];
      if (isEqual(was, is)) continue;
      difference.count++;
      if (difference.examples.length < EXAMPLES) difference.examples.push({ customer, old: was, new: is });
      told.trait?.(name, customer, was, is);
    }
  });
  return traits;
}

export function note(few: Few, customer: string): void {
  few.count++;
  if (few.examples.length < EXAMPLES) few.examples.push(customer);
}

export const noTurns = (): TurnDifference => ({ entered: { old: 0, new: 0 }, left: { old: 0, new: 0 }, alone: { old: 0, new: 0 } });

const ordered = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Walks through two lists that are in order: what is in both is given together. */
function merge<T>(a: readonly T[], b: readonly T[], order: (a: T, b: T) => number, visit: (a: T | undefined, b: T | undefined) => void): void {
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    const side = left === undefined ? 1 : right === undefined ? -1 : order(left, right);
    visit(side <= 0 ? left : undefined, side >= 0 ? right : undefined);
    if (side <= 0) i++;
    if (side >= 0) j++;
  }
}
