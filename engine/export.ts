/**
 * Everything that is kept of one customer, as data that a person can read: names from the program, instants as text (UTC), in an
 * order that does not change from one time to the next. Since when somebody is in a segment is not kept, so it is not told.
 */
import { spell } from "../dsl/spell.js";
import type { Aggregate, Value } from "../dsl/program.js";
import type { KeyedSlot } from "./aggregates/keyed.js";
import { kindOf, type Slot } from "./aggregates/kinds.js";
import type { Compiled } from "./compile/compiled.js";
import { spanOf } from "./compile/compiled.js";
import { timeText } from "./compile/runtime.js";
import { slotAt, type Context, type Customer, type Data, type Figures, type Run, type Slots } from "./customer.js";
import { SILENT, evaluator, read } from "./evaluate.js";
import { portrait, type Portrait, type RunPortrait } from "./inspect.js";

/** One thing that an aggregate remembers. */
export interface Entry {
  readonly at?: string;
  readonly value?: Value;
  /** How many events it stands for, where more than one. */
  readonly events?: number;
}

export interface ExportedAggregate {
  /** In the words of the language. */
  readonly of: string;
  /** Under the name of each value, where it is kept for each value of a field. */
  readonly value?: Value;
  readonly entries?: readonly Entry[];
  readonly each?: readonly (Omit<ExportedAggregate, "of"> & { readonly for: Value })[];
}

export interface ExportedRun extends RunPortrait {
  /** Fields of the event that started it, as far as the rule reads them. */
  readonly event: Data | null;
  readonly eventTime: string | null;
  readonly captured: readonly { readonly name: string; readonly at: string; readonly data: Data }[];
  readonly held: { readonly since: string; readonly payload: Value } | null;
  readonly aggregates: readonly ExportedAggregate[];
}

export interface Exported extends Omit<Portrait, "runs" | "points" | "experiments"> {
  readonly points: readonly (Portrait["points"][number] & { readonly lots: readonly { readonly at: string; readonly left: number }[]; readonly earned: readonly string[] })[];
  readonly aggregates: readonly ExportedAggregate[];
  readonly runs: readonly ExportedRun[];
  /** What caps still count: starts of rules, and messages by channel (or channels under one policy). */
  readonly caps: { readonly starts: readonly { readonly rule: string; readonly at: readonly string[] }[]; readonly messages: readonly { readonly policy: string; readonly at: readonly string[] }[] };
  readonly experiments: readonly (Portrait["experiments"][number] & { readonly reached: boolean; readonly value: number })[];
  /** Since when conditions with `for at least` have held. */
  readonly holding: readonly { readonly segment: string; readonly condition: "enter" | "leave"; readonly since: string }[];
  /** Where it is kept: when the newest event came. */
  readonly lastEvent: string | null;
  /** How many of the newest events are remembered, as hashes, to know one that is sent again. */
  readonly eventsRemembered: number;
}

const text = (instant: number): string => timeText(instant) as string;

export function exportOf(compiled: Compiled, figures: Figures, customer: Customer, now: number): Exported {
  const { program } = compiled;
  const shown = portrait(compiled, figures, customer, now);
  const e = evaluator(compiled, SILENT);
  e.x.figures = figures;
  const aggregates = (of: Slots): ExportedAggregate[] => read(e, customer, now, (x) => of.slotIds.map((index, i) => aggregate(compiled, index, slotAt(of, i), x)));
  const { extras } = customer;
  return {
    ...shown,
    points: shown.points.map((points, index) => {
      const ledger = extras?.ledgers.find((each) => each.index === index);
      return { ...points, lots: (ledger?.lots ?? []).map(({ time, left }) => ({ at: text(time), left })), earned: (ledger?.given ?? []).flat().map(text) };
    }),
    experiments: shown.experiments.map((experiment, index) => {
      const exposure = extras?.exposures.find((each) => each.index === index);
      return { ...experiment, reached: exposure?.reached ?? false, value: exposure?.value ?? 0 };
    }),
    aggregates: aggregates(customer),
    runs: customer.runs.map((run, i) => ({ ...(shown.runs[i] as RunPortrait), ...details(run), aggregates: aggregates(run) })),
    caps: {
      starts: customer.starts.map(({ rule, times }) => ({ rule: program.rules[rule]?.name ?? "", at: times.map(text) })),
      messages: (extras?.sends ?? []).map(({ index, times }) => ({ policy: program.policies[index]?.name ?? "", at: times.map(text) })),
    },
    holding: customer.holdings.map(({ index, since }) => ({ segment: program.segments[index >> 1]?.name ?? "", condition: index % 2 === 0 ? "enter" : "leave", since: text(since) })),
    lastEvent: extras === null || extras.lastEvent === -Infinity ? null : text(extras.lastEvent),
    eventsRemembered: customer.seen.length / 2,
  };
}

function details({ event, eventTime, captured, held }: Run): Omit<ExportedRun, keyof RunPortrait | "aggregates"> {
  return {
    event, eventTime: event === null ? null : text(eventTime),
    captured: (captured ?? []).map(({ name, data, time }) => ({ name, at: text(time), data })),
    held: held === null ? null : { since: text(held.since), payload: held.payload },
  };
}

// ---------------------------------------------------------------------------------------------------- aggregates

function aggregate({ program }: Compiled, index: number, slot: Slot, x: Context): ExportedAggregate {
  const of = program.aggregates[index] as Aggregate;
  const words = spell(program, { k: "aggregate", index, key: null, type: of.type, maybe: of.maybe });
  if (of.by === null) return { of: words, ...content(of, slot, x) };
  const { keys, slots } = slot as KeyedSlot;
  return { of: words, each: keys.map((key, i) => ({ for: key, ...content(of, slots[i] as Slot, x) })) };
}

function content(of: Aggregate, slot: Slot, x: Context): Omit<ExportedAggregate, "of"> {
  const value = kindOf(of.fn).value(slot, spanOf(of), x);
  return { value: of.type.k === "time" && typeof value === "number" ? text(value) : value, entries: entriesOf(slot) };
}

/** The shapes that slots have, all told (engine/aggregates/): lists of instants with values and weights, maps, single instants. */
interface AnySlot {
  readonly times?: readonly number[] | ReadonlyMap<Value, number>;
  readonly values?: readonly Value[];
  readonly weights?: readonly number[] | null;
  readonly totals?: ReadonlyMap<Value, { readonly n: number; readonly t: number }>;
  readonly t?: number;
  readonly n?: number;
  readonly first?: number;
  readonly last?: number;
}

function entriesOf(slot: Slot): Entry[] {
  const { times, values, weights, totals, t, n, first, last }: AnySlot = slot;
  if (t !== undefined) return t === -Infinity ? [] : [{ at: text(t) }];
  if (times instanceof Map) return [...(times as ReadonlyMap<Value, number>)].map(([value, at]) => ({ at: text(at), value }));
  const listed = ((times ?? []) as readonly number[]).map((at, i) => ({
    at: text(at), ...(values === undefined ? {} : { value: values[i] ?? null }), ...((weights?.[i] ?? 1) === 1 ? {} : { events: weights?.[i] ?? 1 }),
  }));
  if (listed.length > 0) return listed;
  if (totals !== undefined) return [...totals].map(([value, each]) => ({ at: text(each.t), value, events: each.n }));
  if (first !== undefined && last !== undefined) return (n ?? 0) === 0 ? [] : [{ at: text(first) }, ...((n ?? 0) > 1 ? [{ at: text(last), events: (n ?? 1) - 1 }] : [])];
  return n === undefined || n === 0 ? [] : [{ ...(values === undefined || values.length === 0 ? {} : { value: values[0] ?? null }), events: n }];
}
