/** docs/performance/latency.svg: how long the bare round trip and Eddy take, by the share of events that are answered by then. */
import type { Latency } from "./latency.js";
import { plotBars } from "./plot.js";

/** Of several loads the one at half of what Eddy can sustain. */
export function plotLatency(loads: readonly { readonly share: number; readonly eddy: Latency; readonly bare: Latency }[]): void {
  const half = loads.find(({ share }) => share === 0.5);
  if (half === undefined) return;
  const { eddy, bare } = half;
  const shares = [["p50", "half"], ["p99", "99 of 100"], ["p999", "999 of 1,000"], ["max", "all"]] as const;
  plotBars({
    file: "latency.svg", title: "From publish to action delivered, at half load", unit: "ms, logarithmic", logarithmic: true,
    bars: shares.flatMap(([name, share]) => [
      { label: `${share}: bare round trip`, value: bare[name], ours: false },
      { label: `${share}: Eddy`, value: eddy[name], ours: true },
    ]),
    note: "Open loop from another process, counted from the instant at which each event was meant to be sent.",
  });
}
