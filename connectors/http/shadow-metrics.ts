/** What a shadow tells Prometheus (`eddy run --shadow`): how other rules would differ from those that run. */
import type { Registry } from "prom-client";

import type { RuleDifference } from "../../engine/shadow/difference.js";
import type { ShadowReport } from "../../engine/shadow/shadow.js";
import { addSeries, one, type Sample } from "./series.js";

/** Null: it has not started yet. */
export function addShadow(registry: Registry, report: () => ShadowReport | null): void {
  // Of one rendering all series say the same moment.
  let made: { readonly at: ShadowReport | null } | null = null;
  const now = (): ShadowReport | null => {
    if (made === null) {
      made = { at: report() };
      queueMicrotask(() => { made = null; });
    }
    return made.at;
  };
  addSeries(registry, { name: "eddy_shadow_up", help: "1 while other rules run as a shadow of those in force.", type: "gauge", read: () => one(now()?.failure === null ? 1 : 0) });
  addSeries(registry, { name: "eddy_shadow_lag_events", help: "Records that the shadow has still to read.", type: "gauge", read: () => one(now()?.behind ?? 0) });
  addSeries(registry, { name: "eddy_shadow_partitions_compared", help: "Partitions in which the shadow has caught up and is compared.", type: "gauge", read: () => one(now()?.partitions.compared ?? 0) });
  addSeries(registry, {
    name: "eddy_shadow_segment_customers", help: "Customers who would be in a segment (entered), or would not be (left), under the shadow's rules alone.", type: "gauge",
    read: () => [...(now()?.segments ?? [])].flatMap(([segment, { entered, left }]): Sample[] => [
      { labels: { segment, difference: "entered" }, value: entered.count }, { labels: { segment, difference: "left" }, value: left.count },
    ]),
  });
  addSeries(registry, {
    name: "eddy_shadow_messages", help: "Messages since the shadow was compared first, by rule and by how its rules differ about them.", type: "gauge",
    read: () => [...(now()?.rules ?? [])].flatMap(([rule, difference]) => messageSamples(rule, difference)),
  });
}

function messageSamples(rule: string, { same, more, fewer, payload, instant }: RuleDifference): Sample[] {
  const total = (by: Readonly<Record<string, number>>): number => Object.values(by).reduce((sum, n) => sum + n, 0);
  const counts = { same, more: total(more), fewer: total(fewer), payload, instant };
  return Object.entries(counts).map(([difference, value]) => ({ labels: { rule, difference }, value }));
}
