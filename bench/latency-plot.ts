/** docs/performance/latency.svg: how long the bare round trip and Eddy take, by the share of events that are answered by then. */
import type { LatencyAt } from "./latency.js";
import { plotBarGroups } from "./plot.js";

export function plotLatency(loads: readonly LatencyAt[]): void {
  const shares = [["p50", "half"], ["p99", "99 of 100"], ["p999", "999 of 1,000"], ["max", "all"]] as const;
  plotBarGroups({
    file: "latency.svg", title: "From publish to action delivered", unit: "ms, logarithmic", names: ["bare round trip", "Eddy"],
    groups: loads.map(({ share, perSecond, bare, eddy }) => ({
      title: `${perSecond.toLocaleString("en")} events a second, ${Math.round(share * 100)} % of what Eddy sustains`,
      rows: shares.map(([name, label]) => ({ label, values: [bare[name], eddy[name]] })),
    })),
    note: "Answered by then: half of the events, 99 of 100, and so on. Open loop from another process, counted from the instant at which each event was meant to be sent.",
  });
}
