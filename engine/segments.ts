/**
 * Who is in which segment. `settle` takes the segments that may have changed, in an order in which each depends only on
 * earlier ones, and turns membership where the condition says so. It also lowers the customer's wake to the first
 * instant at which time alone may turn one of them.
 */
import { addMonths } from "./zone.js";
import type { Compiled, CompiledHeld, CompiledSegment } from "./compile/compiled.js";
import { isMember, lowerBound, type Context, type Customer, type Holding } from "./customer.js";

/** A membership that turned. */
export interface Flip {
  readonly segment: number;
  readonly entered: boolean;
}

/** Ranks waiting to be settled: sorted, each once. */
export interface Agenda {
  readonly ranks: number[];
  readonly waiting: Uint8Array;
}

export function agenda(segments: number): Agenda {
  return { ranks: [], waiting: new Uint8Array(segments) };
}

export function enqueue(agenda: Agenda, ranks: readonly number[]): void {
  const { waiting } = agenda;
  for (let i = 0; i < ranks.length; i++) {
    const rank = ranks[i] as number;
    if (waiting[rank] === 1) continue;
    waiting[rank] = 1;
    const list = agenda.ranks;
    if (list.length === 0 || rank > (list[list.length - 1] as number)) list.push(rank);
    else list.splice(lowerBound(list, rank), 0, rank);
  }
}

export function enqueueAll(agenda: Agenda): void {
  agenda.ranks.length = 0;
  for (let rank = 0; rank < agenda.waiting.length; rank++) {
    agenda.ranks.push(rank);
    agenda.waiting[rank] = 1;
  }
}

/** Settles all that waits; what turned is put behind `flips`. */
export function settle(compiled: Compiled, agenda: Agenda, x: Context, flips: Flip[]): void {
  const { ranks, waiting } = agenda;
  // Dependents have higher ranks, so they are put behind the place where the walk stands.
  for (let i = 0; i < ranks.length; i++) {
    const rank = ranks[i] as number;
    waiting[rank] = 0;
    const segment = compiled.segments[compiled.ranks[rank] as number] as CompiledSegment;
    const flip = evaluate(segment, x);
    if (flip === null) continue;
    flips.push(flip);
    enqueue(agenda, compiled.ranksOfSegment[segment.index] as readonly number[]);
  }
  ranks.length = 0;
}

function evaluate(segment: CompiledSegment, x: Context): Flip | null {
  const { customer } = x;
  const index = segment.index;
  const enter = held(x, segment.enter, 2 * index);
  const leave = segment.leave === null ? !enter : held(x, segment.leave, 2 * index + 1);
  const member = isMember(customer, index);
  if (member ? !leave : !enter || leave) return null;
  const at = lowerBound(customer.segments, index);
  if (member) customer.segments.splice(at, 1);
  else customer.segments.splice(at, 0, index);
  return { segment: index, entered: !member };
}

/** Whether the condition holds now and, with `for at least`, has held so long without a break. */
function held(x: Context, condition: CompiledHeld, key: number): boolean {
  const holds = condition.holds(x);
  if (condition.next !== null) lower(x.customer, condition.next(x));
  if (condition.forMs === 0 && condition.forMonths === 0) return holds;
  const { holdings } = x.customer;
  const at = holdings.findIndex((holding) => holding.index === key);
  if (!holds) {
    if (at >= 0) holdings.splice(at, 1);
    return false;
  }
  let holding: Holding | undefined = holdings[at];
  if (holding === undefined) {
    holding = { index: key, since: x.now };
    holdings.push(holding);
  }
  const due = condition.forMonths > 0 ? addMonths(x.zone, holding.since, condition.forMonths) : holding.since + condition.forMs;
  if (due <= x.now) return true;
  lower(x.customer, due);
  return false;
}

/** Instants from the year 10000 on are never waited for: no clock comes so far, and the state has no room for them. */
export const NEVER_FROM_MS = Date.parse("9999-12-31T23:59:59.999Z") + 1;

export function lower(customer: Customer, instant: number): void {
  if (instant < customer.wake && instant < NEVER_FROM_MS) customer.wake = instant;
}
