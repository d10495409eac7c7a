/**
 * What must be settled before a partition may go on: is the log still the one its position belongs to (continuity.ts), and
 * what do the numbers in its states mean. What becomes of its outputs is output-plan.ts's.
 */
import type { Compiled } from "./compile/compiled.js";
import { JOINING_FIELD } from "./change/joining-field.js";
import { cannotContinue, logFault, stateFault } from "./continuity.js";
import type { Meta } from "./meta.js";
import { populationField } from "./population/sums.js";
import type { EventLog, MetaFields, OutputLog } from "./ports.js";
import { haveSameRules, isSameLayout, lastKeysOf, layoutOf, translation, type Layout, type Translation } from "./state.js";

export { CannotContinue } from "./continuity.js";

/** Rejects with CannotContinue when the log is not the one that the partition's position belongs to, or too little of it is left. */
export async function checkLog(partition: number, meta: Meta, ports: { readonly log: EventLog; readonly outputs: OutputLog }): Promise<void> {
  const info = await ports.log.info();
  const fault = await logFault(meta, info, ports.log) ?? stateFault(partition, meta, info, meta.log === "" ? await ports.outputs.last(partition) : 0);
  if (fault !== null) throw cannotContinue(partition, fault);
}

export interface Layouts {
  readonly translations: ReadonlyMap<number, Translation>;
  /** The number under which the present program's states are written. */
  readonly present: number;
  /** Null: the partition has it already. */
  readonly added: Layout | null;
  readonly figures: FiguresPlan;
  /** Other rules ran last: what they have made of customers must be joined with the present ones (engine/change/join.ts). */
  readonly joins: boolean;
}

/** `joins`: customers are to be joined though their layout may be the same. */
export function planLayouts(meta: Meta, compiled: Compiled, joins = needsJoining(meta, compiled)): Layouts {
  const highest = Math.max(0, ...meta.layouts.keys());
  const figures = planFigures(meta, compiled, highest + 1);
  const translations = new Map<number, Translation>();
  const lastKeys = lastKeysOf(meta.layouts);
  let present = 0;
  for (const [number, layout] of meta.layouts) {
    const t = trusting(translation(layout, compiled, lastKeys), number, compiled, figures.since);
    translations.set(number, t);
    // A state that is written now must not look like one from before figures began anew.
    if (isSameLayout(layout, layoutOf(compiled)) && figures.oldest <= number) present = Math.max(present, number);
  }
  // Where only a rule means something else, nobody need be joined; but the next change must know what it meant.
  const noted = meta.layouts.get(present);
  if (noted !== undefined && !joins && haveSameRules(noted, layoutOf(compiled))) return { translations, present, added: null, figures, joins };
  // Whose state has a number below it has not been joined yet.
  const layout = layoutOf(compiled);
  translations.set(highest + 1, translation(layout, compiled));
  return { translations, present: highest + 1, added: layout, figures, joins };
}

function needsJoining({ program, present, layouts, fields }: Meta, compiled: Compiled): boolean {
  if (program === "" || program === compiled.program.hash) return false;
  const layout = layouts.get(present);
  return layout === undefined || fields[JOINING_FIELD] !== undefined || !isAllTheSame(layout, layoutOf(compiled));
}

/**
 * Whether nothing becomes of anybody by the change: rules have come, or what they do is another thing. Where a step is gone at which runs may
 * stand, those must end now, or go on in the rule that finishes them: later changes find them by where they stand then.
 */
export function isAllTheSame({ rules: before, ...old }: Layout, { rules, ...now }: Layout): boolean {
  const stands = new Map(rules.map(({ name, ops }) => [name, new Set(ops)]));
  return before.every(({ name, ops }) => stands.has(name) && ops.every((key) => key === null || stands.get(name)?.has(key) === true))
    && isSameLayout({ ...old, rules: [] }, { ...now, rules: [] });
}

/** Which figures of all customers go on, which begin, and which are given up. */
export interface FiguresPlan {
  readonly since: Meta["since"];
  /** No layout before this one may be used for new states. */
  readonly oldest: number;
  /** Rankings whose counts, and populations whose sums, begin from nothing or are gone. */
  readonly rankings: readonly string[];
  readonly populations: readonly string[];
}

/**
 * Counts and sums hold what customers' states say they have added. A program without a ranking writes states that have
 * lost it, and takes nothing out: where the ranking comes back, all begins from nothing, and what states of the time
 * before say of it is not believed.
 */
function planFigures(meta: Meta, { program }: Compiled, next: number): FiguresPlan {
  const since = new Map<string, number>();
  const anew = { rankings: [] as string[], populations: [] as string[] };
  for (const kind of ["rankings", "populations"] as const) {
    for (const { key } of program[kind]) {
      const known = meta.since.get(`${kind} ${key}`);
      const wasThere = [...meta.layouts.values()].some((layout) => layout[kind]?.includes(key) === true);
      since.set(`${kind} ${key}`, known ?? (wasThere ? next : 0));
      if (known === undefined) anew[kind].push(key);
    }
    for (const name of meta.since.keys()) {
      if (name.startsWith(`${kind} `) && !since.has(name)) anew[kind].push(name.slice(kind.length + 1));
    }
  }
  return { since, oldest: Math.max(0, ...since.values()), ...anew };
}

/** The stored fields without the sums that begin anew. */
export function goingOn({ fields }: Meta, { populations }: FiguresPlan): MetaFields {
  const gone = new Set(populations.map(populationField));
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !gone.has(name)));
}

/** What states of a layout say about figures that began later is passed over. */
function trusting(t: Translation, number: number, { program }: Compiled, since: ReadonlyMap<string, number>): Translation {
  const believed = (kind: "rankings" | "populations"): number[] =>
    t.extras[kind].map((index) => (index >= 0 && (since.get(`${kind} ${program[kind][index]?.key}`) ?? 0) > number ? -1 : index));
  return { ...t, extras: { ...t.extras, rankings: believed("rankings"), populations: believed("populations") } };
}
