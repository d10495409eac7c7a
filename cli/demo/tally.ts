/**
 * Gathers what the view shows, from what goes in (events), what comes out (the engine's outputs, as the output log
 * gets them) and how long commits took. Its memory is bounded but for a counter per rule and segment and an entry per
 * customer. It reads no clock: the time that has gone by is handed in.
 */

import { nameOf } from "./people.js";
import type { ShopEvent } from "./shop-events.js";
import type { ActionShown, DemoModel, Latency, SegmentFigures } from "./view.js";

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
  readonly rulesFolder: string;
  readonly storeFolder: string;
}

export interface Tally {
  /** An event was appended to the log. */
  readonly appended: (event: ShopEvent) => void;
  /** Some records were committed, this long after they were read. */
  readonly committed: (milliseconds: number, records: number) => void;
  readonly published: (output: Published) => void;
  /** Everything so far. The rate is that since the model asked for before. */
  readonly model: (elapsedMs: number, simulatedMs: number) => DemoModel;
}

/** More than any terminal has rows for. */
const NEWEST_KEPT = 128;
/** Actions follow their causes closely; those that follow nothing but time have no event as their cause. */
const CAUSES_KEPT = 16_384;

export function tally(options: TallyOptions): Tally {
  const segments = new Map(options.segments.map((each) => [each.name, { ...each, entered: 0, left: 0 }]));
  const rules = new Map(options.rules.map((rule) => [rule, 0]));
  const customers = new Set<string>();
  const causes = new Map<string, string>();
  const latencies = latencyBuckets();
  let newest: ActionShown[] = [];
  let events = 0;
  let deadLetters = 0;
  let before = { elapsedMs: 0, events: 0 };
  let eventsPerSecond = 0;

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
    if (newest.length > 2 * NEWEST_KEPT) newest = newest.slice(-NEWEST_KEPT);
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

  const model = (elapsedMs: number, simulatedMs: number): DemoModel => {
    if (elapsedMs > before.elapsedMs) {
      eventsPerSecond = ((events - before.events) * 1000) / (elapsedMs - before.elapsedMs);
      before = { elapsedMs, events };
    }
    return {
      elapsedMs,
      simulatedMs,
      events,
      eventsPerSecond,
      latency: latencies.summary(),
      customers: customers.size,
      deadLetters,
      segments: [...segments.values()].map((each): SegmentFigures => ({ ...each })),
      newest: newest.slice(-NEWEST_KEPT).reverse(),
      rules: [...rules].map(([rule, actions]) => ({ rule, actions })),
      rulesFolder: options.rulesFolder,
      storeFolder: options.storeFolder,
    };
  };

  return { appended, committed: latencies.add, published, model };
}

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
function latencyBuckets(): { add: (milliseconds: number, times: number) => void; summary: () => Latency | null } {
  const SMALLEST_MS = 0.001;
  const GROWTH = Math.log(1.05);
  const counts = new Float64Array(400);
  let total = 0;
  let maxMs = 0;

  const add = (milliseconds: number, times: number): void => {
    const bucket = Math.ceil(Math.log(Math.max(milliseconds, SMALLEST_MS) / SMALLEST_MS) / GROWTH);
    const at = Math.min(counts.length - 1, bucket);
    counts[at] = (counts[at] ?? 0) + times;
    total += times;
    maxMs = Math.max(maxMs, milliseconds);
  };

  /** The upper end of the bucket in which the quantile lies, or the greatest value where that is less. */
  const quantile = (share: number): number => {
    let left = share * total;
    for (let i = 0; i < counts.length; i++) {
      left -= counts[i] ?? 0;
      if (left <= 0) return Math.min(maxMs, SMALLEST_MS * Math.exp(i * GROWTH));
    }
    return maxMs;
  };

  return {
    add,
    summary: () => (total === 0 ? null : { p50Ms: quantile(0.5), p99Ms: quantile(0.99), maxMs }),
  };
}
