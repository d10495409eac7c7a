/**
 * What a channel lets through. A channel has policies of its own and of its groups; they are asked in this order: the
 * consent of all, then the quiet hours of all, then the caps of all. Quiet hours are of the customer's wall clock, start
 * inclusive, end exclusive, whatever the clocks do in between.
 *
 * `judge` changes nothing. Who holds a message asks again when `until` has come, and whenever something else about the
 * customer has changed: any other answer than `hold` ends the holding. `countSent` counts what went out.
 */
import { fullCap, remember, type Present } from "./caps.js";
import type { Cap } from "../dsl/program.js";
import type { Compiled, CompiledPolicy, CompiledQuiet } from "./compile/compiled.js";
import { extrasOf, type Context, type Extras } from "./customer.js";
import { DAY_MS, offsetAt } from "./zone.js";

type QuietHours = Extract<CompiledQuiet, { k: "hours" }>;

/** What is needed of a compiled program. */
export type Policies = Pick<Compiled, "channels" | "policies">;

/**
 * `policy` is the one that decided (index into Compiled.policies).
 *
 * `hold`: until then at least nothing goes out by time alone; never later than the end of all that is quiet now.
 * Infinity: no time alone ends it.
 */
export type Judgement =
  | { readonly k: "send" }
  | { readonly k: "consent"; readonly policy: number }
  | { readonly k: "cap"; readonly policy: number; readonly cap: Cap }
  | { readonly k: "hold"; readonly policy: number; readonly until: number };

const SEND: Judgement = { k: "send" };
const NO_TIMES: readonly number[] = [];

/** `urgent` passes quiet hours and caps, never consent. */
export function judge(compiled: Policies, x: Context, channel: number, urgent: boolean): Judgement {
  const policies = policiesOf(compiled, channel);
  for (const policy of policies) {
    if (!policyAt(compiled, policy).when.every((holds) => holds(x))) return { k: "consent", policy };
  }
  return urgent ? SEND : quietOf(compiled, x, policies) ?? cappedBy(compiled, x, policies) ?? SEND;
}

/** As long as the channel is quiet: until when at least, as a `hold` says it; null: it is not. */
export function quietUntil(compiled: Policies, x: Context, channel: number): number | null {
  const judgement = quietOf(compiled, x, policiesOf(compiled, channel));
  return judgement?.k === "hold" ? judgement.until : null;
}

function policiesOf(compiled: Policies, channel: number): readonly number[] {
  return (compiled.channels[channel] as Policies["channels"][number]).policies;
}

function policyAt(compiled: Policies, index: number): CompiledPolicy {
  return compiled.policies[index] as CompiledPolicy;
}

/** All that is quiet now must have ended: the message waits for the latest of the ends. */
function quietOf(compiled: Policies, x: Context, policies: readonly number[]): Judgement | null {
  let first = -1;
  let until = -Infinity;
  for (const index of policies) {
    for (const quiet of policyAt(compiled, index).quiet) {
      if (!isQuiet(quiet, x)) continue;
      if (first < 0) first = index;
      until = Math.max(until, endOf(quiet, x));
    }
  }
  return first < 0 ? null : { k: "hold", policy: first, until };
}

export function isQuiet(quiet: CompiledQuiet, x: Context): boolean {
  return quiet.k === "condition" ? quiet.holds(x) : inHours(quiet, x.now + offsetAt(x.zone, x.now));
}

/** Of one that is quiet now; Infinity: no time alone ends it. */
export function endOf(quiet: CompiledQuiet, x: Context): number {
  if (quiet.k === "hours") return endOfHours(quiet, x);
  return quiet.next === null ? Infinity : quiet.next(x);
}

function sinceMidnight(local: number): number {
  return local - Math.floor(local / DAY_MS) * DAY_MS;
}

/** `local`: ms as if the wall clock were UTC. */
function inHours({ from, to }: QuietHours, local: number): boolean {
  const at = sinceMidnight(local);
  return from <= to ? at >= from && at < to : at >= from || at < to;
}

/** No zone changes its clocks so often within a day. */
const MOST_CHANGES = 8;

/**
 * The first instant after now at which the wall clock stands outside of the hours; now is within. Where clocks change
 * in between, each stretch of time with one offset is looked at by itself: an end that the clocks jump over is reached
 * with the jump, one that comes twice is reached at the first.
 */
export function endOfHours(hours: QuietHours, { now, zone }: Present): number {
  let at = now;
  for (let changes = 0; changes < MOST_CHANGES; changes++) {
    const offset = offsetAt(zone, at);
    const change = zone.to; // of the stretch that was just asked for
    const local = at + offset;
    const left = hours.to - sinceMidnight(local);
    const end = at + (left > 0 ? left : left + DAY_MS);
    if (end < change) return end;
    if (!inHours(hours, change + offsetAt(zone, change))) return change;
    at = change;
  }
  return at;
}

function cappedBy(compiled: Policies, x: Context, policies: readonly number[]): Judgement | null {
  for (const policy of policies) {
    const { caps } = policyAt(compiled, policy);
    if (caps.length === 0) continue;
    const cap = fullCap(caps, sentUnder(x.customer.extras, policy), x);
    if (cap !== null) return { k: "cap", policy, cap };
  }
  return null;
}

function sentUnder(extras: Extras | null, policy: number): readonly number[] {
  return extras?.sends.find(({ index }) => index === policy)?.times ?? NO_TIMES;
}

/** A message went out: it counts once under each policy of its channel. */
export function countSent(compiled: Policies, x: Context, channel: number): void {
  for (const index of policiesOf(compiled, channel)) {
    const { caps } = policyAt(compiled, index);
    if (caps.length === 0) continue;
    const { sends } = extrasOf(x.customer);
    let place = 0;
    while (place < sends.length && (sends[place] as { index: number }).index < index) place++;
    let known = sends[place];
    if (known === undefined || known.index !== index) sends.splice(place, 0, (known = { index, times: [] }));
    remember(caps, known.times, x);
  }
}
