/**
 * Prometheus series that are read when somebody asks: the engine counts in plain numbers, and prom-client writes the text.
 *
 * prom-client's own counters and histograms would have to be told of every change; its registry takes whatever has a
 * name, a help, a type and a `get` that answers with the samples of the moment.
 */
import type { Metric, Registry } from "prom-client";

import type { Histogram } from "../../engine/stats.js";

export type Labels = Readonly<Record<string, string | number>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface Series {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** The same label sets every time, whether anything has happened or not. */
  readonly read: () => readonly Sample[];
}

export interface HistogramSeries {
  readonly name: string;
  readonly help: string;
  readonly read: () => readonly { readonly labels: Labels; readonly of: Histogram }[];
}

export const one = (value: number): readonly Sample[] => [{ labels: {}, value }];

export function addSeries(registry: Registry, series: Series): void {
  register(registry, series.name, series.help, series.type, () => series.read());
}

export function addHistogram(registry: Registry, series: HistogramSeries): void {
  register(registry, series.name, series.help, "histogram", () => series.read().flatMap(({ labels, of }) => histogramSamples(series.name, labels, of)));
}

interface NamedSample extends Sample {
  readonly metricName?: string;
}

function histogramSamples(name: string, labels: Labels, { bounds, counts, sum, count }: Histogram): NamedSample[] {
  let below = 0;
  const buckets = bounds.map((bound, i) => {
    below += counts[i] ?? 0;
    return { metricName: `${name}_bucket`, labels: { ...labels, le: bound }, value: below };
  });
  return [
    ...buckets,
    { metricName: `${name}_bucket`, labels: { ...labels, le: "+Inf" }, value: count },
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}

function register(registry: Registry, name: string, help: string, type: string, samples: () => readonly NamedSample[]): void {
  const metric = { name, help, type, aggregator: "sum", get: () => Promise.resolve({ name, help, type, aggregator: "sum", values: samples() }), reset: () => undefined };
  // All that the registry uses of a metric is there; the class has parts that only its own writers need.
  registry.registerMetric(metric as unknown as Metric);
}
