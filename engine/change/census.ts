/**
 * What customers' states hold of each part of a program, counted state by state: who has it, how many bytes it takes, and at
 * which steps runs stand. States are read by the layout that wrote them, so nobody need have their rules.
 *
 * Of many customers only every so-many-th is looked into (`weight`); all are counted.
 */
import { writeValue, writer, type Writer } from "../codec.js";
import type { Compiled } from "../compile/compiled.js";
import type { Customer } from "../customer.js";
import { codecOf } from "../aggregates/keyed.js";
import { kindOf } from "../aggregates/kinds.js";
import { layoutNumber, readCustomer, type Layout, type Translation } from "../state.js";

export interface Holding {
  /** Customers who have it. */
  customers: number;
  /** As they lie in the store; 0 where that was not measured. */
  bytes: number;
}

export interface Census {
  customers: number;
  bytes: number;
  /** How many states were looked into; fewer than customers: all other figures are estimates. */
  looked: number;
  /** By key of the aggregate. */
  readonly aggregates: Map<string, Holding>;
  /** By name. */
  readonly profile: Map<string, Holding>;
  readonly segments: Map<string, Holding>;
  readonly points: Map<string, Holding>;
  readonly experiments: Map<string, Holding>;
  /** By rule, then by the key of the step at which they stand. */
  readonly runs: Map<string, Map<string, number>>;
}

export const newCensus = (): Census => ({
  customers: 0, bytes: 0, looked: 0, aggregates: new Map(), profile: new Map(), segments: new Map(), points: new Map(), experiments: new Map(), runs: new Map(),
});

/** Whoever is looked into beyond the first of many stands for so many. */
const LOOKED_AT_ALL = 50_000;
const EVERY = 16;

/** How many customers the next one stands for; 0: it is only counted. */
export function weightOf({ customers }: Pick<Census, "customers">): number {
  return customers < LOOKED_AT_ALL ? 1 : customers % EVERY === 0 ? EVERY : 0;
}

/** `layouts` of the partition in whose store the customer is. A state that cannot be read is counted and nothing else. */
export function countCustomer(census: Census, id: string, bytes: Uint8Array, layouts: ReadonlyMap<number, Reading>, compiled: Compiled): void {
  const weight = weightOf(census);
  census.customers++;
  census.bytes += bytes.length;
  if (weight === 0) return;
  census.looked++;
  const reading = layouts.get(layoutNumber(bytes));
  if (reading === undefined) return;
  const customer = readCustomer(id, bytes, new Map([[layoutNumber(bytes), reading.translation]]), compiled);
  if (customer.movedTo !== null) return;
  countParts(census, customer, reading, weight);
}

export interface Reading {
  readonly layout: Layout;
  /** Every number stays what it is. */
  readonly translation: Translation;
}

/** How states of a layout are read where its own numbers are asked for. */
export function readingOf(layout: Layout): Reading {
  const numbers = (list: readonly unknown[] | undefined): number[] => (list ?? []).map((_, i) => i);
  return {
    layout,
    translation: {
      layout, present: layout, same: true,
      aggregates: numbers(layout.aggregates),
      codecs: layout.aggregates.map(({ fn, keyed }) => codecOf(kindOf(fn as Parameters<typeof kindOf>[0]), keyed === true)),
      segments: numbers(layout.segments), rules: numbers(layout.rules),
      runs: layout.rules.map(({ ops }, rule) => [-1, ...ops.map(() => rule)]),
      ops: layout.rules.map(({ ops }) => [-1, ...ops.map((_, i) => i + 1)]),
      extras: {
        rules: numbers(layout.rules), tiers: numbers(layout.tiers), levels: (layout.tiers ?? []).map(({ levels }) => numbers(levels)),
        watches: numbers(layout.watches), points: numbers(layout.points), policies: numbers(layout.policies),
        experiments: numbers(layout.experiments), arms: (layout.experiments ?? []).map(({ arms }) => numbers(arms)),
        rankings: numbers(layout.rankings), populations: numbers(layout.populations),
      },
    },
  };
}

const w: Writer = writer(4096);

/** Bytes of what is written. */
function measured(write: (w: Writer) => void): number {
  w.at = 0;
  write(w);
  return w.at;
}

function countParts(census: Census, customer: Customer, { layout, translation: { codecs } }: Reading, weight: number): void {
  const base = Number.isNaN(customer.base) ? customer.firstSeen : customer.base;
  customer.slotIds.forEach((place, i) => {
    const [aggregate, slot, codec] = [layout.aggregates[place], customer.slots[i], codecs[place]];
    if (aggregate !== undefined && slot !== undefined && codec !== undefined) add(census.aggregates, aggregate.key, weight, measured((into) => codec.write(into, slot, base)));
  });
  for (const [name, value] of Object.entries(customer.profile)) add(census.profile, name, weight, measured((into) => { writeValue(into, name); writeValue(into, value); }));
  for (const place of customer.segments) add(census.segments, layout.segments[place], weight);
  for (const { index } of customer.extras?.ledgers ?? []) add(census.points, layout.points?.[index], weight);
  for (const { index } of customer.extras?.exposures ?? []) add(census.experiments, layout.experiments?.[index]?.name, weight);
  for (const { rule, at } of customer.runs) {
    const of = layout.rules[rule];
    const step = of?.ops[at - 1];
    if (of === undefined || step === undefined || step === null) continue;
    const stands = census.runs.get(of.name) ?? new Map<string, number>();
    census.runs.set(of.name, stands);
    stands.set(step, (stands.get(step) ?? 0) + weight);
  }
}

function add(to: Map<string, Holding>, key: string | undefined, weight: number, bytes = 0): void {
  if (key === undefined) return;
  const holding = to.get(key) ?? { customers: 0, bytes: 0 };
  to.set(key, holding);
  holding.customers += weight;
  holding.bytes += bytes * weight;
}
