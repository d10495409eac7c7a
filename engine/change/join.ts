/**
 * One customer under new rules, out of the one who lived under the old rules (*live*) and the one that the new rules make of the
 * whole history (*filled*; null: nobody has filled, or they know nothing of them).
 *
 * What both programs have is kept from live: aggregates, fields of the profile, segments of the same name and meaning, tiers,
 * points, watched values. What is new comes from filled, and without it begins now. What was done stays done: runs, caps,
 * exposures and messages that are held are live's alone, whatever the new rules would have done. What the customer adds to
 * figures of all customers is live's, since that is what has been counted, and is then settled.
 *
 * Then everything is settled at the instant of the switch. Memberships that are not what the world was told are announced as
 * back-filled; they start no rule, end no run and are awaited by nobody. An `until CONDITION` that holds ends its run.
 */
import type { Field } from "../../dsl/program.js";
import { enqueue, enqueueAll } from "../agenda.js";
import type { Slot } from "../aggregates/kinds.js";
import type { Compiled } from "../compile/compiled.js";
import { addSlot, isKept, newExtras, slotAt, type Customer, type Data, type Extras } from "../customer.js";
import { isKnown } from "../erasure.js";
import { followClock, zoneOfProfile, type Evaluator } from "../evaluator.js";
import { processJoined } from "../evaluate.js";
import { settle, type Flip } from "../settle.js";
import type { Translation } from "../state.js";
import type { Shape } from "../state-types.js";

/** What of the new program is not in the layout of a live state. */
export interface JoinPlan {
  /** How the live state is read: segments that are gone have the numbers behind those of the program. */
  readonly translation: Translation;
  /** Names of segments that are gone, from the first number behind. */
  readonly gone: readonly string[];
  /** Segments that have another name now, with the one before: the same members, of whom the world has heard under that. */
  readonly renamed: ReadonlyMap<number, string>;
  /** By number in the new program: whether the old one had the same. */
  readonly aggregates: readonly boolean[];
  readonly segments: readonly boolean[];
  readonly tiers: readonly boolean[];
  readonly watches: readonly boolean[];
  readonly points: readonly boolean[];
  readonly rankings: readonly boolean[];
  /** Indexes of holdings of which the condition is the same. */
  readonly holdings: ReadonlySet<number>;
  /** The profile of the old program; undefined: nobody noted it. */
  readonly profile: Shape | undefined;
}

export function joinPlan(t: Translation, { program }: Compiled): JoinPlan {
  const { layout } = t;
  const there = (places: readonly number[], length: number): boolean[] => {
    const found = new Array<boolean>(length).fill(false);
    for (const place of places) if (place >= 0) found[place] = true;
    return found;
  };
  const gone: string[] = [];
  const segments = t.segments.map((place, i) => (place >= 0 ? place : program.segments.length + gone.push(layout.segments[i] as string) - 1));
  const renamed = new Map(t.segments.flatMap((place, i) => (place >= 0 && t.present.segments[place] !== layout.segments[i] ? [[place, layout.segments[i] as string] as const] : [])));
  const present = t.present.meanings;
  const same = new Array<boolean>(program.segments.length).fill(false);
  const holdings = new Set<number>();
  t.segments.forEach((place, i) => {
    if (place < 0) return;
    same[place] = layout.meanings !== undefined && layout.meanings.segments[i] === present?.segments[place];
    for (const side of [0, 1]) {
      const key = layout.meanings?.holdings[2 * i + side];
      if (key !== undefined && key === present?.holdings[2 * place + side]) holdings.add(2 * place + side);
    }
  });
  return {
    translation: { ...t, same: false, segments }, gone, renamed, segments: same, holdings, profile: layout.profile,
    aggregates: there(t.aggregates, program.aggregates.length),
    tiers: there(t.extras.tiers, program.tiers.length),
    watches: there(t.extras.watches, program.watches.length),
    points: there(t.extras.points, program.points.length),
    rankings: there(t.extras.rankings, program.rankings.length),
  };
}

/** What has come of it beside what the evaluator's sink is told. */
export interface Joined {
  readonly customer: Customer;
  /** Names of segments in which the customer was, and which are gone. */
  readonly left: readonly string[];
}

/**
 * `live` was read by the plan's translation; null, and no plan: nobody knew the customer. Either may be changed. `now`: the instant
 * of the switch; `change` names it.
 */
export function join(e: Evaluator, plan: JoinPlan | null, live: Customer | null, filled: Customer | null, now: number, change: string): Joined {
  const { compiled } = e;
  const known = live === null || plan === null || !isKept(live) ? null : live;
  const other = filled === null || !isKnown(filled) ? null : filled;
  if (known === null || plan === null) {
    if (other === null) throw new Error("nobody is to be joined");
    const customer = onlyFilled(other);
    const { readings } = other.extras ?? newExtras();
    settleJoined(e, customer, [], readings, isNothing, now, change);
    return { customer, left: [] };
  }
  if (known.movedTo !== null) return { customer: known, left: [] };
  const left: string[] = [];
  const { length } = compiled.segments;
  const members = known.segments.filter((segment) => {
    const before = segment < length ? plan.renamed.get(segment) : plan.gone[segment - length];
    if (before !== undefined) left.push(before);
    return before === undefined;
  });
  const { zone } = known;
  const customer = merged(compiled, plan, known, other);
  if (customer.zone !== zone) for (const run of customer.runs) followClock(compiled, run, { zone: customer.zone, now });
  settleJoined(e, customer, members, other?.extras?.readings ?? [], (ranking) => plan.rankings[ranking] === true, now, change);
  return { customer, left };
}

const isNothing = (): boolean => false;

/** Nothing was ever done for them, and nothing of theirs has been counted. */
function onlyFilled(filled: Customer): Customer {
  const { extras } = filled;
  const kept: Extras | null = extras === null ? null : { ...extras, sends: [], nextHeld: 0, exposures: [], readings: [], contributions: [], figuresOf: 0 };
  return Object.assign(filled, { runs: [], starts: [], extras: kept, indexed: Infinity });
}

function merged(compiled: Compiled, plan: JoinPlan, live: Customer, filled: Customer | null): Customer {
  const { length } = compiled.segments;
  const isSame = (segment: number): boolean => plan.segments[segment] === true;
  // A segment that only has the same name goes on from who is in it where nobody knows better.
  live.segments = (filled === null
    ? live.segments.filter((segment) => segment < length)
    : [...live.segments.filter(isSame), ...filled.segments.filter((segment) => !isSame(segment))]).sort((a, b) => a - b);
  live.holdings = filled === null
    ? live.holdings.filter(({ index }) => index >> 1 < length && (isSame(index >> 1) || plan.holdings.has(index)))
    : [...live.holdings.filter(({ index }) => isSame(index >> 1)), ...filled.holdings.filter(({ index }) => !isSame(index >> 1))];
  live.profile = declared(live.profile, compiled.program.profile);
  if (filled === null) return live;
  filled.slotIds.forEach((aggregate, i) => {
    if (plan.aggregates[aggregate] !== true) addSlot(live, aggregate, slotAt(filled, i) as Slot);
  });
  live.firstSeen = Math.min(live.firstSeen, filled.firstSeen);
  live.profile = profileOf(live.profile, filled.profile, compiled.program.profile, plan.profile);
  live.zone = zoneOfProfile(compiled, live.profile);
  // The new program has had all events that concern it from now on.
  live.seen = filled.seen;
  live.seenNext = filled.seenNext;
  if (filled.extras !== null) live.extras = extrasOf(plan, live.extras ?? newExtras(), filled.extras);
  return live;
}

function extrasOf(plan: JoinPlan, live: Extras, filled: Extras): Extras {
  const both = <T extends { readonly index: number }>(own: readonly T[], theirs: readonly T[], isThere: readonly boolean[]): T[] =>
    [...own, ...theirs.filter(({ index }) => isThere[index] !== true)].sort((a, b) => a.index - b.index);
  return {
    ...live,
    tiers: both(live.tiers, filled.tiers, plan.tiers),
    watched: both(live.watched, filled.watched, plan.watches),
    ledgers: both(live.ledgers, filled.ledgers, plan.points),
    lastEvent: Math.max(live.lastEvent, filled.lastEvent),
  };
}

/** Without fields that the program has no more, however deep: what comes back later is new. */
function declared(data: Data, fields: readonly Field[]): Data {
  const out: Data = {};
  for (const { name, type } of fields) {
    const value = Object.hasOwn(data, name) ? data[name] : undefined;
    if (value === undefined) continue;
    out[name] = type.k === "record" && typeof value === "object" && value !== null && !Array.isArray(value) ? (declared(value as Data, type.fields) as Data[string]) : value;
  }
  return out;
}

/** Fields that the old program did not have, however deep, are the filled ones. */
function profileOf(live: Data, filled: Data, fields: readonly Field[], old: Shape | undefined): Data {
  if (old === undefined || typeof old === "string" || Array.isArray(old)) return live;
  const shapes = old as { readonly [field: string]: Shape };
  let out = live;
  for (const { name, type } of fields) {
    const other = Object.hasOwn(filled, name) ? filled[name] ?? null : null;
    const own = Object.hasOwn(live, name) ? live[name] ?? null : null;
    if (other === null) continue;
    const isInner = type.k === "record" && Object.hasOwn(shapes, name) && typeof shapes[name] === "object" && !Array.isArray(shapes[name]);
    const value = isInner ? (profileOf((own ?? {}) as Data, other as Data, type.fields, shapes[name]) as Data[string])
      : Object.hasOwn(shapes, name) ? own : other;
    if (value === own || (isInner && own === null && Object.keys(value as Data).length === 0)) continue;
    if (out === live) out = { ...live };
    out[name] = value;
  }
  return out;
}

// ---------------------------------------------------------------------------------------------------- settling

/**
 * `members`: what the world was told last. `readings`: of rankings that nobody has counted yet (`isCounted`); by time alone a
 * reading changes at midnight only, so those are taken as they were read last.
 */
function settleJoined(
  e: Evaluator, customer: Customer, members: readonly number[], readings: Extras["readings"], isCounted: (ranking: number) => boolean, now: number, change: string,
): void {
  processJoined(e, customer, now, change, members, () => {
    const { compiled, agenda, x, sink } = e;
    const flips: Flip[] = []; // nobody looks at them
    const fresh = readings.filter(({ index }) => !isCounted(index));
    if (fresh.length > 0) {
      const extras = (customer.extras ??= newExtras());
      extras.readings = [...extras.readings, ...fresh].sort((a, b) => a.index - b.index);
      for (const { index, value } of fresh) sink.reading(index, null, value);
    }
    enqueueAll(agenda);
    settle(compiled, agenda, x, flips, sink, true);
    compiled.settled.forEach((node, rank) => {
      if (node.k === "ranking" && !isCounted(node.index) && !fresh.some(({ index }) => index === node.index)) enqueue(agenda, [rank]);
    });
    settle(compiled, agenda, x, flips, sink, false);
  });
}
