/**
 * Gathers what the view shows, from what goes in (events), what comes out (the engine's outputs, as the output log
 * gets them) and how long commits took. Its memory is bounded but for a counter per rule and segment and an entry per
 * customer. It reads no clock: the time that has gone by is handed in.
 */

import { nameOf } from "./people.js";
import type { ShopEvent } from "./shop-events.js";
import type { ActionShown, DemoModel, Latency, Places, SegmentFigures } from "./view.js";

/** An output as the engine publishes it: its subject and its CloudEvent as JSON. */
export interface Published {
  readonly subject: string;
  readonly body: string;
}

export interface TallyOptions {
  /** The program's segments in the order in which they are to be shown, with the members they begin with. */
  readonly segments: readonly { readonly name: string; readonly label: string | null; readonly size: number }[];
  /** The program's rules; others that act are added. */
  readonly rules: readonly string[];
  readonly places: Places;
}

export interface Tally {
  /** An event was appended to the log. */
  readonly appended: (event: ShopEvent) => void;
  /** Some events were committed, this long after they were handed to the log. */
  readonly committed: (milliseconds: number, records: number) => void;
  readonly published: (output: Published) => void;
  /** Everything so far. Rate and recent latency are those of the last seconds, as far as models were asked for. */
  readonly model: (elapsedMs: number, simulatedMs: number) => DemoModel;
}

/** More than any terminal has rows for. */
const NEWEST_KEPT = 128;
/** Actions follow their causes closely; those that follow nothing but time have no event as their cause. */
const CAUSES_KEPT = 16_384;
/** The time over which the rate is taken: a shorter one would make it tremble. */
const RATE_MS = 1_000;
/** Recent is what happened in this time and the one before. */
const RECENT_MS = 5_000;

export function tally(options: TallyOptions): Tally {
  const segments = new Map(options.segments.map((each) => [each.name, { ...each, entered: 0, left: 0 }]));
  const rules = new Map(options.rules.map((rule) => [rule, 0]));
  const customers = new Set<string>();
  const causes = new Map<string, string>();
  const latencies = latencyBuckets();
  let recent = latencyBuckets();
  let lessRecent = latencyBuckets();
  let recentSinceMs = 0;
  let newest: ActionShown[] = [];
  let events = 0;
  let deadLetters = 0;
  /** When how many events had been appended, the oldest first. */
  const looks = [{ elapsedMs: 0, events: 0 }];

  const appended = (event: ShopEvent): void => {
    events++;
    customers.add(event.subject);
    causes.set(event.id, event.type);
    if (causes.size > 2 * CAUSES_KEPT) forgetOldest(causes, CAUSES_KEPT);
  };

  const acted = (output: PublishedEvent): void => {
    const dot = output.type.indexOf(".");
    rules.set(output.rule, (rules.get(output.rule) ?? 0) + 1);
    newest.push({
      atMs: Date.parse(output.time),
      channel: output.type.slice(0, dot),
      template: output.type.slice(dot + 1),
      customer: output.subject,
      customerName: nameOf(output.subject),
      rule: output.rule,
      reason: causes.get(output.cause) ?? null,
    });
    if (newest.length > 4 * NEWEST_KEPT) newest = newestFirst(newest).reverse();
  };

  const moved = (output: PublishedEvent): void => {
    const segment = segments.get(output.data.segment);
    if (segment === undefined) return;
    if (output.type === "segment.entered") {
      segment.entered++;
      segment.size++;
    } else if (output.type === "segment.left") {
      segment.left++;
      segment.size--;
    }
  };

  const published = ({ subject, body }: Published): void => {
    if (subject.startsWith("actions.")) acted(read(body));
    else if (subject.startsWith("segments.")) moved(read(body));
    else if (subject.startsWith("dead.")) deadLetters++;
  };

  const committed = (milliseconds: number, records: number): void => {
    latencies.add(milliseconds, records);
    recent.add(milliseconds, records);
  };

  const rate = (elapsedMs: number): number => {
    const newest = looks.at(-1);
    if (newest === undefined || elapsedMs > newest.elapsedMs) looks.push({ elapsedMs, events });
    for (let next = looks[1]; next !== undefined && next.elapsedMs <= elapsedMs - RATE_MS; next = looks[1]) looks.shift();
    const [since] = looks;
    return since === undefined || elapsedMs <= since.elapsedMs ? 0 : ((events - since.events) * 1000) / (elapsedMs - since.elapsedMs);
  };

  const model = (elapsedMs: number, simulatedMs: number): DemoModel => {
    if (elapsedMs >= recentSinceMs + RECENT_MS) {
      lessRecent = recent;
      recent = latencyBuckets();
      recentSinceMs = elapsedMs;
    }
    return {
      elapsedMs,
      simulatedMs,
      events,
      eventsPerSecond: rate(elapsedMs),
      latency: summaryOf([latencies]),
      recentLatency: summaryOf([recent, lessRecent]),
      customers: customers.size,
      deadLetters,
      // Whom most have come to, first: a library has segments that these customers never enter.
      segments: [...segments.values()].map((each): SegmentFigures => ({ ...each })).sort((a, b) => b.entered - a.entered),
      newest: newestFirst(newest),
      rules: [...rules].map(([rule, actions]) => ({ rule, actions })),
      places: options.places,
    };
  };

  return { appended, committed, published, model };
}

/**
 * By the customers' clock: the partitions' outputs come one after another, though they happened side by side. At one
 * instant by customer, so that the order does not depend on who came first.
 */
const newestFirst = (actions: readonly ActionShown[]): ActionShown[] =>
  [...actions].reverse().sort((a, b) => b.atMs - a.atMs || (a.customer < b.customer ? -1 : a.customer > b.customer ? 1 : 0)).slice(0, NEWEST_KEPT);

/** What of an output's CloudEvent is looked at; the engine wrote it, so it is as the interface says. */
interface PublishedEvent {
  readonly type: string;
  readonly subject: string;
  readonly time: string;
  readonly rule: string;
  readonly cause: string;
  readonly data: { readonly segment: string };
}
const read = (body: string): PublishedEvent => JSON.parse(body) as PublishedEvent;

function forgetOldest(map: Map<string, string>, keep: number): void {
  let surplus = map.size - keep;
  for (const key of map.keys()) {
    if (surplus-- <= 0) return;
    map.delete(key);
  }
}

/** Latencies in buckets that grow by 5 %, from a microsecond to minutes: quantiles within 5 %, a fixed few kilobytes. */
interface Latencies {
  readonly counts: Float64Array;
  readonly add: (milliseconds: number, times: number) => void;
  readonly maxMs: () => number;
}

const SMALLEST_MS = 0.001;
const GROWTH = Math.log(1.05);
const BUCKETS = 400;

function latencyBuckets(): Latencies {
  const counts = new Float64Array(BUCKETS);
  let maxMs = 0;
  const add = (milliseconds: number, times: number): void => {
    const bucket = Math.ceil(Math.log(Math.max(milliseconds, SMALLEST_MS) / SMALLEST_MS) / GROWTH);
    const at = Math.min(BUCKETS - 1, bucket);
    counts[at] = (counts[at] ?? 0) + times;
    maxMs = Math.max(maxMs, milliseconds);
  };
  return { counts, add, maxMs: () => maxMs };
}

function summaryOf(all: readonly Latencies[]): Latency | null {
  const counts = Array.from({ length: BUCKETS }, (_, i) => all.reduce((sum, each) => sum + (each.counts[i] ?? 0), 0));
  const total = counts.reduce((sum, each) => sum + each, 0);
  const maxMs = Math.max(...all.map((each) => each.maxMs()));

  /** The upper end of the bucket in which the quantile lies, or the greatest value where that is less. */
  const quantile = (share: number): number => {
    let left = share * total;
    for (const [i, count] of counts.entries()) {
      left -= count;
      if (left <= 0) return Math.min(maxMs, SMALLEST_MS * Math.exp(i * GROWTH));
    }
    return maxMs;
  };

  return total === 0 ? null : { p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs };
}
