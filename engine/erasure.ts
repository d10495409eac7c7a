/**
 * Forgetting a customer: `customer_erased`, and `profile retain D`, after which nothing is known of them. Memberships are
 * left and announced, so that whoever keeps a copy follows; runs end, and messages that a channel held for them are
 * suppressed; what the customer added to figures of the population is taken out of them. No rule starts by any of it; those that look
 * for `customer_erased` itself have acted before.
 *
 * Afterwards the customer is as if never seen: `firstSeen` is Infinity, which says that there is no state to keep and the
 * store's is to be deleted in the same commit. A later event makes them a new customer.
 */
import type { Compiled, CompiledRule } from "./compile/compiled.js";
import { enterContext, extrasOf, newCustomer, type Context, type Customer } from "./customer.js";
import type { Length } from "../dsl/program.js";
import { withdrawExposures, type ExperimentSink } from "./experiments.js";
import { hash64 } from "./hash.js";
import { lower, type FiguresSink } from "./settle.js";
import { DAY_MS, UTC, addMonths } from "./zone.js";

export interface ErasureSink extends ExperimentSink, FiguresSink {
  /** A message that was held for the run of a rule, and goes out no more. */
  dropped(rule: string, channel: number, template: string): void;
  /** A membership that is left. */
  left(segment: number): void;
}

/** Whether anything is known of the customer. */
export function isKnown(customer: Customer): boolean {
  return customer.firstSeen !== Infinity;
}

/** Forgets the customer of the context. */
export function erase(compiled: Compiled, x: Context, sink: ErasureSink): void {
  const { customer } = x;
  for (const run of customer.runs) {
    if (run.held === null) continue;
    const { name, ops } = compiled.rules[run.rule] as CompiledRule;
    const op = ops[run.at - 1];
    if (op?.k === "send") sink.dropped(name, op.channel, op.template);
  }
  for (const segment of customer.segments) sink.left(segment);
  for (const { index, value } of customer.extras?.readings ?? []) sink.reading(index, value, null);
  for (const { index, value } of customer.extras?.contributions ?? []) sink.contribution(index, value, null);
  withdrawExposures(customer.extras?.exposures ?? [], sink);
  const { id, ...nothing } = newCustomer(customer.id, compiled.defaultZone ?? UTC);
  const { indexed, dirty, commit, generation } = customer; // these are the store's and the cache's
  Object.assign(customer, nothing, { indexed, dirty, commit, generation });
  enterContext(x, customer, x.now);
}

// ---------------------------------------------------------------------------------------------------- retention

/**
 * From when on the customer of the context is to be forgotten (`profile retain D`): D after the newest event, on the
 * customer's clock. Infinity: never. At that instant nothing else happens to them.
 */
export function retainedUntil({ program: { retain } }: Pick<Compiled, "program">, { customer, zone }: Context): number {
  if (retain === null || !isKnown(customer)) return Infinity;
  const last = customer.extras?.lastEvent ?? -Infinity;
  if (last === -Infinity) return Infinity;
  return retain.months === 0 ? last + retain.ms : addMonths(zone, last, retain.months);
}

/** An event of the customer's came now. */
export function noteEvent({ program }: Pick<Compiled, "program">, { customer, now }: Context): void {
  if (program.retain !== null) extrasOf(customer).lastEvent = now;
}

/** Those of whom nothing was noted when the rules came to say `retain` would all fall due together: they are spread over so long, or a tenth of D. */
const SPREAD_MS = DAY_MS;
const MONTH_MS = 30 * DAY_MS;
const hashed = { high: 0, low: 0 };

function spread({ ms, months }: Length, id: string): number {
  hash64(id, 0, hashed);
  return Math.floor((hashed.low / 2 ** 32) * Math.min(SPREAD_MS, (ms + months * MONTH_MS) / 10));
}

/**
 * Wakes the customer for it. Of whom no event was noted yet (the rules did not say `retain` when it came), the time runs
 * from now, or up to a day later.
 */
export function watchRetention(compiled: Pick<Compiled, "program">, x: Context): void {
  if (compiled.program.retain === null || !isKnown(x.customer)) return;
  if ((x.customer.extras?.lastEvent ?? -Infinity) === -Infinity) extrasOf(x.customer).lastEvent = x.now + spread(compiled.program.retain, x.customer.id);
  lower(x.customer, retainedUntil(compiled, x));
}
