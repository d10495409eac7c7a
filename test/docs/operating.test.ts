/** docs/operating.md names every series that /metrics shows for the rule library, as it is; its alerts ask for such alone, its links lead somewhere. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { createMetrics } from "../../connectors/http/metrics.js";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { emptyRule } from "../../engine/shadow/difference.js";
import { noTurns } from "../../engine/shadow/history.js";
import type { ShadowReport } from "../../engine/shadow/shadow.js";
import { report } from "../../engine/population/report.js";
import { emptySums } from "../../engine/population/sums.js";
import { DEAD_REASONS, RUN_ENDS, STAGES, SUPPRESSION_REASONS, engineStats } from "../../engine/stats.js";
import { filesOf, folders } from "../rules/library.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const page = readFileSync(`${root}docs/operating.md`, "utf8");

interface Shown {
  readonly kind: string;
  readonly labels: readonly string[];
}

/** Rows `| name | kind | labels | meaning |`. */
const documented = new Map<string, Shown>([...page.matchAll(/^\| `(eddy_[a-z_]+)` \| (\w+) \| ([^|]*)\| /gm)].map(([, name = "", kind = "", labels = ""]) =>
  [name, { kind, labels: [...labels.replace(/\([^)]*\)/g, "").matchAll(/`(\w+)`/g)].map(([, label = ""]) => label).sort() }]));

/** What a shadow of one segment and one rule finds. */
const shadow: ShadowReport = {
  programs: { old: "a", new: "b" }, partitions: { all: 1, compared: 1 }, records: 0, behind: 0, failure: null,
  segments: new Map([["vip", { whose: "both", members: { old: 0, new: 0 }, entered: { count: 0, examples: [] }, left: { count: 0, examples: [] }, turns: noTurns() }]]),
  rules: new Map([["thanks", { ...emptyRule(), whose: "both" }]]),
};

async function exposed(): Promise<{ readonly series: Map<string, Shown>; readonly values: Map<string, Set<string>> }> {
  const { program } = compileProgram(filesOf(...folders));
  if (program === null) throw new Error("the rule library does not compile");
  const compiled = compile(program);
  const stats = engineStats();
  stats.partitions.set(0, { lag: 0, outboxPending: 0, clock: 0, offset: 0, stopped: null, program: "" });
  stats.figuresDrawnUp.set(0, 0);
  const { text } = await createMetrics({
    stats, program: () => program, figures: () => report(compiled, [emptySums(compiled)]), lastReloadSuccessful: () => true,
    connections: () => new Map([["log", true], ["store", true]]), shadow: () => shadow,
  }).render();
  const lines = text.split("\n");
  const series = new Map<string, Shown>();
  const values = new Map<string, Set<string>>();
  for (const [, name = "", kind = ""] of lines.flatMap((line) => [/^# TYPE (eddy_\w+) (\w+)$/.exec(line) ?? []])) {
    if (name === "") continue;
    const samples = lines.filter((line) => new RegExp(`^${name}(_count)?(\\{|$| )`).test(line));
    const labels = new Set<string>();
    for (const sample of samples) {
      for (const [, label = "", value = ""] of sample.matchAll(/(\w+)="([^"]*)"/g)) {
        labels.add(label);
        values.set(label, (values.get(label) ?? new Set()).add(value));
      }
    }
    series.set(name, { kind, labels: [...labels].sort() });
  }
  return { series, values };
}

test("each series with its kind and its labels, and no other", async () => {
  const { series } = await exposed();
  expect(series.size).toBeGreaterThan(30);
  const sorted = (of: ReadonlyMap<string, Shown>): unknown => [...of].sort(([a], [b]) => (a < b ? -1 : 1));
  expect(sorted(documented)).toEqual(sorted(series));
});

test("all names and sorts of an enumeration are explained", () => {
  for (const name of [...DEAD_REASONS, ...RUN_ENDS, ...STAGES, ...SUPPRESSION_REASONS]) expect(page).toContain(`\`${name}\``);
});

test("alerts ask for series that there are", async () => {
  const { series, values } = await exposed();
  const alerts = /```yaml\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  const asked = [...alerts.matchAll(/\beddy_[a-z_]+/g)].map(([name]) => name.replace(/_(bucket|count|sum)$/, (suffix) => (series.has(name) ? suffix : "")));
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.filter((name) => !series.has(name))).toEqual([]);
  for (const [, label = "", value = ""] of alerts.matchAll(/(\w+)="([^"]+)"/g)) if (label !== "job") expect([label, values.get(label)?.has(value)]).toEqual([label, true]);
});

describe("links", () => {
  const anchors = new Set([...page.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => title.toLowerCase().replace(/[^a-z0-9 -]/g, "").replace(/ /g, "-")));
  test.each([...page.matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor = ""]) => anchor))("#%s", (anchor) => expect(anchors).toContain(anchor));

  test.each(["README.md", "docs/architecture.md"])("%s leads here", (name) => {
    expect(readFileSync(root + name, "utf8")).toMatch(/\]\((docs\/)?operating\.md\)/);
  });
});
