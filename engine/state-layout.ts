/** What the numbers in a customer's bytes mean (engine/state.ts), and what has become of it in the present program. */
import { codecOf } from "./aggregates/keyed.js";
import { kindOf } from "./aggregates/kinds.js";
import { readByte, readUint, reader } from "./codec.js";
import { meaningsOf, type ProgramMeanings } from "./change/meanings.js";
import { ruleMeanings } from "./change/rule-meaning.js";
import type { Compiled } from "./compile/compiled.js";
import { standingKey } from "./compile/steps.js";
import { extrasLayoutOf, extrasTranslation, type ExtrasLayout, type ExtrasTranslation } from "./state-extras.js";
import { agrees, shapeOf, shapeOfFields, type Shape } from "./state-types.js";

export const STATE_VERSION = 4;
/** The oldest version whose parts can be read one by one. */
export const IN_PARTS_SINCE = 3;
/** First byte of a customer who was joined into another: layout and id of the other follow, and that is all. */
export const NOTE = 240;
/** The id in a note about somebody who has been forgotten: see engine/change/joining.ts. */
export const FORGOTTEN = "";
/** Bytes at the end that tell how long the trailer is. */
export const TRAILER_LENGTH_BYTES = 3;
// What stands in bytes for an instant, for a zone, and of a run beside what every run has.
export const NEVER = 0;
export const AT = 1;
/** The zone is the program's. */
export const USUAL_ZONE = 0;
export const NAMED_ZONE = 1;
export const HAS_KEY = 1;
export const HAS_CAPTURED = 2;
export const IS_HELD = 4;
export const HAS_SLOTS = 8;
export const NO_EVENT = 16;

export class StateTooNew extends Error { override readonly name = "StateTooNew"; }

/** What the numbers in a state mean. */
export interface Layout extends Partial<ExtrasLayout> {
  /** `keyed`: one slot for each value of a field. `of`: the type of the values that it holds. */
  readonly aggregates: readonly { readonly key: string; readonly fn: string; readonly keyed?: boolean; readonly of?: Shape }[];
  /** Types of the profile's fields, and of the events'; states from before types were noted have none. */
  readonly profile?: Shape;
  readonly events?: { readonly [event: string]: { readonly [field: string]: Shape } };
  readonly segments: readonly string[];
  /** `key`: what it means (engine/change/rule-meaning.ts); states from before that was noted have none. */
  readonly rules: readonly { readonly name: string; readonly ops: readonly (string | null)[]; readonly key?: string }[];
  /** What segments mean, to tell the same from those that only have the same name; states from before that was noted have none. */
  readonly meanings?: ProgramMeanings;
}

/** Every partition asks for it, and for each layout that it knows. */
const layouts = new WeakMap<Compiled, Layout>();

export function layoutOf(compiled: Compiled): Layout {
  const known = layouts.get(compiled);
  if (known !== undefined) return known;
  const keys = ruleMeanings(compiled.program);
  const layout: Layout = {
    aggregates: compiled.program.aggregates.map(({ key, fn, by, type }) =>
      ({ key, fn, ...(by === null ? {} : { keyed: true }), ...(HOLDS_VALUES.has(fn) ? { of: shapeOf(type) } : {}) })),
    profile: shapeOfFields(compiled.program.profile),
    events: Object.fromEntries(compiled.program.events.map(({ name, fields }) => [name, shapeOfFields(fields)])),
    segments: compiled.program.segments.map((segment) => segment.name),
    rules: compiled.rules.map(({ rule, ops }, i) => ({ name: rule.name, ops: ops.map(standingKey), key: keys[i] as string })),
    ...extrasLayoutOf(compiled),
    meanings: meaningsOf(compiled.program),
  };
  layouts.set(compiled, layout);
  return layout;
}

/** Aggregates whose value is one of those that they hold, or made of them. */
const HOLDS_VALUES: ReadonlySet<string> = new Set(["sum", "avg", "min", "max", "first", "last", "top", "recent"]);

/** For each number of an older layout, the number that the present program has for the same thing; -1: none. */
export interface Translation {
  readonly layout: Layout;
  readonly present: Layout;
  /** All that the layout numbers has the same number in the present program: nothing needs translating. */
  readonly same: boolean;
  readonly aggregates: readonly number[];
  /** Likewise: how its slots are read. */
  readonly codecs: Compiled["codecs"];
  readonly segments: readonly number[];
  readonly rules: readonly number[];
  /** By rule and place of a run: the rule in which it goes on, and its place there. */
  readonly runs: readonly (readonly number[])[];
  readonly ops: readonly (readonly number[])[];
  readonly extras: ExtrasTranslation;
}

/**
 * What has another name is known by its meaning. `lastKeys`: what rules meant when they were seen last, by name, where that is known
 * better than from the layout itself: states are not written anew because a rule has changed.
 */
export function translation(layout: Layout, compiled: Compiled, lastKeys: ReadonlyMap<string, string> = new Map()): Translation {
  const present = layoutOf(compiled);
  const place = (names: readonly string[]): Map<string, number> => new Map(names.map((name, i) => [name, i]));
  const aggregates = place(present.aggregates.map((aggregate) => aggregate.key));
  const aggregateOf = ({ key, of }: Layout["aggregates"][number]): number => {
    const at = aggregates.get(key) ?? -1;
    const now = present.aggregates[at]?.of;
    return of === undefined || now === undefined || agrees(of, now) ? at : -1;
  };
  const segments = placesOf(
    layout.segments.map((name, i) => ({ name, key: layout.meanings?.segments[i] })), present.segments.map((name, i) => ({ name, key: present.meanings?.segments[i] })),
  );
  const ruleNumbers = placesOf(layout.rules.map(({ name, key }) => ({ name, key: lastKeys.get(name) ?? key })), present.rules);
  const retired = compiled.program.rules.flatMap((rule, index) => (rule.retired === undefined ? [] : [{ name: rule.retired.rule, index }]));
  const stands = layout.rules.map((rule, i) =>
    standsIn(rule, [ruleNumbers[i] as number, ...retired.flatMap(({ name, index }) => (name === rule.name ? [index] : []))], present));
  return {
    layout, present, same: numbersOf(layout) === numbersOf(present),
    aggregates: layout.aggregates.map(aggregateOf),
    codecs: layout.aggregates.map(({ fn, keyed }) => codecOf(kindOf(fn as Parameters<typeof kindOf>[0]), keyed === true)),
    segments,
    rules: ruleNumbers,
    extras: extrasTranslation(layout, extrasLayoutOf(compiled), ruleNumbers),
    runs: stands.map((places) => places.map(([rule]) => rule)),
    ops: stands.map((places) => places.map(([, at]) => at)),
  };
}

interface Named {
  readonly name: string;
  readonly key?: string | undefined;
}

/** By name; what has none of its name any more, by meaning, in order. */
function placesOf(written: readonly Named[], present: readonly Named[]): number[] {
  const byName = new Map(present.map(({ name }, i) => [name, i]));
  const names = new Set(written.map(({ name }) => name));
  const free = new Map<string, number[]>();
  present.forEach(({ name, key }, i) => {
    if (key !== undefined && !names.has(name)) free.set(key, [...(free.get(key) ?? []), i]);
  });
  return written.map(({ name, key }) => byName.get(name) ?? (key === undefined ? undefined : free.get(key)?.shift()) ?? -1);
}

/** What rules meant when they were seen last, by name. */
export function lastKeysOf(layouts: ReadonlyMap<number, Layout>): ReadonlyMap<string, string> {
  const keys = new Map<string, string>();
  for (const [, { rules }] of [...layouts].sort(([a], [b]) => a - b)) for (const { name, key } of rules) if (key !== undefined) keys.set(name, key);
  return keys;
}

/**
 * A run goes on behind the step at which it stands: behind the one with the same key. `rules`: the one of its name, then those of
 * older programs by which its runs are to be finished; the first that has the step.
 */
function standsIn({ ops }: Layout["rules"][number], rules: readonly number[], present: Layout): (readonly [rule: number, at: number])[] {
  const nowhere = [-1, -1] as const;
  return [nowhere, ...ops.map((key) => {
    const rule = key === null ? undefined : rules.find((index) => present.rules[index]?.ops.includes(key) === true);
    return rule === undefined || key === null ? nowhere : [rule, (present.rules[rule]?.ops.indexOf(key) ?? -1) + 1] as const;
  })];
}

/** Without what says nothing of how states are read. */
const numbersOf = ({ meanings: _, ...numbers }: Layout): string => JSON.stringify(withoutKeys(numbers));

const withoutKeys = <T extends Pick<Layout, "rules">>(layout: T): T => ({ ...layout, rules: layout.rules.map(({ name, ops }) => ({ name, ops })) });

/** Whether a state of the one may go for a state of the other. */
export const isSameLayout = (a: Layout, b: Layout): boolean => JSON.stringify(withoutKeys(a)) === JSON.stringify(withoutKeys(b));

/** Whether the rules in them mean the same, too. */
export const haveSameRules = (a: Layout, b: Layout): boolean => a.rules.every(({ key }, i) => key === b.rules[i]?.key);

/** Number of the layout that a customer's bytes were written under. */
export function layoutNumber(bytes: Uint8Array): number {
  const r = reader(bytes);
  readByte(r);
  return readUint(r);
}
