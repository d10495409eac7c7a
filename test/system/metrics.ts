/** Reads the text that Prometheus gets. */
export interface Metrics {
  /** Names as declared (`# TYPE`). */
  readonly names: ReadonlySet<string>;
  /** The sum of all samples of that name whose labels hold these; null where there is none. */
  value(name: string, labels?: Readonly<Record<string, string>>): number | null;
  /** The values of a label over all samples of that name. */
  labels(name: string, label: string): string[];
}

export async function scrape(http: string): Promise<Metrics> {
  const response = await fetch(`${http}/metrics`);
  if (response.status !== 200) throw new Error(`/metrics answers ${response.status}`);
  return read(await response.text());
}

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

function read(text: string): Metrics {
  const lines = text.split("\n");
  const samples = lines.filter((line) => line !== "" && !line.startsWith("#")).map(sample);
  const matching = (name: string, wanted: Readonly<Record<string, string>>): Sample[] =>
    samples.filter((each) => each.name === name && Object.entries(wanted).every(([label, value]) => each.labels[label] === value));
  return {
    names: new Set(lines.flatMap((line) => /^# TYPE (\S+) /.exec(line)?.[1] ?? [])),
    value(name, labels = {}) {
      const found = matching(name, labels);
      return found.length === 0 ? null : found.reduce((sum, { value }) => sum + value, 0);
    },
    labels: (name, label) => [...new Set(matching(name, {}).map(({ labels }) => labels[label] ?? ""))].sort(),
  };
}

function sample(line: string): Sample {
  const parts = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (parts === null) throw new Error(`no sample: ${line}`);
  const [, name = "", labels = "", value = ""] = parts;
  return {
    name, value: Number(value),
    labels: Object.fromEntries([...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label = "", text = ""]) => [label, text])),
  };
}
