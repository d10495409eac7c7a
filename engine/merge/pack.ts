/**
 * A customer's state on its way through the event log to another partition: the bytes as the store has them, and of the
 * layout (engine/state-layout.ts) what these bytes refer to. So any program that comes later can read it as it reads states of
 * older programs: by key, never by position.
 *
 * A layout of ten thousand rules is far larger than a customer; what is not referred to is left out, and a hole stands for it
 * when the layout is put together again, which translates to nothing.
 */
import { writer } from "../codec.js";
import type { Compiled } from "../compile/compiled.js";
import type { Customer } from "../customer.js";
import { layoutOf, readCustomer, translation, writeCustomer, type Layout, type Translation } from "../state.js";

/** Of a list only some, by place. */
type Some<T> = Readonly<Record<string, T>>;

type ListNames = "aggregates" | "segments" | "rules" | "tiers" | "watches" | "points" | "policies" | "experiments";
type Lists = { readonly [Name in ListNames]: NonNullable<Layout[Name]> };

export interface PackedState {
  /** Hash of the program that wrote it: one that runs the same needs no layout. */
  readonly program: string;
  readonly layout: { readonly [Name in ListNames]: Some<Lists[Name][number]> } & Pick<Layout, "profile" | "events">;
  /** Base64. */
  readonly bytes: string;
}

/** Bytes are written under this number, and read under it. */
const NUMBER = 1;

const HOLES: { readonly [Name in ListNames]: Lists[Name][number] } = {
  aggregates: { key: "", fn: "count" }, segments: "", rules: { name: "", ops: [] }, tiers: { name: "", levels: [] },
  watches: "", points: "", policies: "", experiments: { name: "", arms: [] },
};

const layouts = new WeakMap<Compiled, Layout>();

function ownLayout(compiled: Compiled): Layout {
  let known = layouts.get(compiled);
  if (known === undefined) layouts.set(compiled, (known = layoutOf(compiled)));
  return known;
}

export function packState(compiled: Compiled, customer: Customer): PackedState {
  const w = writer(4096);
  writeCustomer(w, customer, NUMBER, compiled);
  return {
    program: compiled.program.hash, layout: layoutFor(compiled, customer),
    bytes: Buffer.from(w.bytes.buffer, w.bytes.byteOffset, w.at).toString("base64"),
  };
}

function layoutFor(compiled: Compiled, customer: Customer): PackedState["layout"] {
  const own = ownLayout(compiled);
  const { runs, extras } = customer;
  const some = <T>(list: readonly T[] = [], places: Iterable<number>): Some<T> =>
    Object.fromEntries([...new Set(places)].sort((a, b) => a - b).map((place) => [String(place), list[place] as T]));
  const indexes = (list: readonly { readonly index: number }[] = []): number[] => list.map(({ index }) => index);
  const rules = [...runs.map(({ rule }) => rule), ...customer.starts.map(({ rule }) => rule), ...(extras?.scheduled ?? []).map(({ rule }) => rule)];
  return {
    aggregates: some(own.aggregates, [...customer.slotIds, ...runs.flatMap(({ slotIds }) => slotIds)]),
    segments: some(own.segments, [...customer.segments, ...customer.holdings.map(({ index }) => index >> 1)]),
    rules: some(own.rules, rules),
    tiers: some(own.tiers, indexes(extras?.tiers)),
    watches: some(own.watches, indexes(extras?.watched)),
    points: some(own.points, indexes(extras?.ledgers)),
    policies: some(own.policies, indexes(extras?.sends)),
    experiments: some(own.experiments, indexes(extras?.exposures)),
    ...(own.profile === undefined ? {} : { profile: own.profile }),
    ...(own.events === undefined ? {} : { events: eventsOf(compiled, own.events, new Set(runs.map(({ rule }) => rule))) }),
  };
}

/** What runs keep of events: types of their fields. */
function eventsOf({ rules }: Compiled, events: NonNullable<Layout["events"]>, under: ReadonlySet<number>): NonNullable<Layout["events"]> {
  const names = new Set<string>();
  for (const index of under) {
    const rule = rules[index];
    for (const event of rule?.keeps.keys() ?? []) names.add(event);
    for (const op of rule?.ops ?? []) if (op.k === "waitFor") for (const { event } of op.moments.events) names.add(event);
  }
  return Object.fromEntries([...names].flatMap((name) => (Object.hasOwn(events, name) ? [[name, events[name] as (typeof events)[string]]] : [])));
}

/** Throws StateCorrupt for what no customer was packed as, and StateTooNew for what a newer Eddy has packed. */
export function unpackState(compiled: Compiled, id: string, { program, layout, bytes }: PackedState): Customer {
  const t = program === compiled.program.hash ? ownTranslation(compiled) : translation(wholeLayout(layout), compiled);
  return readCustomer(id, Buffer.from(bytes, "base64"), new Map([[NUMBER, t]]), compiled);
}

const translations = new WeakMap<Compiled, Translation>();

function ownTranslation(compiled: Compiled): Translation {
  let known = translations.get(compiled);
  if (known === undefined) translations.set(compiled, (known = translation(ownLayout(compiled), compiled)));
  return known;
}

/** More than any program has: a list that is put together again must not be as long as somebody says. */
const MOST = 1_000_000;

function wholeLayout({ profile, events, ...lists }: PackedState["layout"]): Layout {
  const whole = <Name extends ListNames>(name: Name): Lists[Name][number][] => {
    const some = lists[name] as Some<Lists[Name][number]>;
    const last = Math.max(-1, ...Object.keys(some).map(Number));
    return Array.from({ length: last < MOST ? last + 1 : 0 }, (_, place) => some[place] ?? HOLES[name]);
  };
  return {
    aggregates: whole("aggregates"), segments: whole("segments"), rules: whole("rules"), tiers: whole("tiers"), watches: whole("watches"),
    points: whole("points"), policies: whole("policies"), experiments: whole("experiments"), rankings: [], populations: [],
    ...(profile === undefined ? {} : { profile }), ...(events === undefined ? {} : { events }),
  };
}
