/**
 * What `eddy check --cost` says: per aggregate (in the author's words, with where it is used), per rule and for the rest,
 * the bytes in the state of one customer, and which events change them. As data, and as a table for people.
 */
import type { SourceFile } from "../dsl/compile.js";
import { linesOf, positionIn } from "../dsl/diagnostics/lines.js";
import { parseFile } from "../dsl/parse.js";
import { ASSUMPTIONS, type Bytes, type PartCost, costOf } from "../engine/cost/cost.js";
import type { LoadedRules } from "./program.js";

export interface CostReport {
  readonly aggregates: readonly AggregateLine[];
  readonly rules: readonly (PartCost & { readonly name: string })[];
  readonly others: readonly (PartCost & { readonly kind: string; readonly name: string })[];
  readonly profile: Bytes;
  readonly base: Bytes;
  readonly total: Bytes;
  readonly assumptions: readonly string[];
}

interface AggregateLine extends PartCost {
  /** As the author wrote it first, in one line. */
  readonly text: string;
  readonly usedIn: readonly string[];
  /** `rules/shop/vip.eddy:12:20`: where it is written. */
  readonly places: readonly string[];
}

/** Null where the rules have errors. */
export function costReport({ program, files, places }: LoadedRules): CostReport | null {
  if (program === null) return null;
  const cost = costOf(program);
  const source = sourceIndex(files);
  return {
    aggregates: program.aggregates.map(({ key }, index): AggregateLine => {
      const spans = places.get(key) ?? [];
      const own = cost.aggregates[index] ?? { bytes: { typical: 0, most: 0 }, events: [] };
      return {
        text: spans.map((span) => source.text(span)).reduce((a, b) => (a === "" || b.length < a.length ? b : a), ""),
        usedIn: [...new Set(spans.map((span) => source.owner(span)))].filter((name) => name !== "" && !name.startsWith("test ")),
        places: spans.map((span) => source.place(span)),
        ...own,
      };
    }),
    rules: program.rules.map(({ name }, index) => ({ name, ...(cost.rules[index] ?? { bytes: { typical: 0, most: 0 }, events: [] }) })),
    others: cost.others,
    profile: cost.profile,
    base: cost.base,
    total: cost.total,
    assumptions: ASSUMPTIONS,
  };
}

interface Span {
  readonly file: string;
  readonly start: number;
  readonly end: number;
}

function sourceIndex(files: readonly SourceFile[]): Readonly<Record<"text" | "owner" | "place", (span: Span) => string>> {
  const texts = new Map(files.map(({ file, text }) => [file, { text, lines: linesOf(text), declarations: parseFile(file, text).declarations }]));
  return {
    text: ({ file, start, end }) => (texts.get(file)?.text.slice(start, end) ?? "").replace(/#.*$/gm, "").replace(/\s+/g, " ").trim(),
    place: ({ file, start }) => {
      const lines = texts.get(file)?.lines;
      if (lines === undefined) return file;
      const { line, column } = positionIn(lines, start);
      return `${file}:${line}:${column}`;
    },
    owner: ({ file, start }) => {
      const found = texts.get(file)?.declarations.find(({ span }) => span.start <= start && start < span.end);
      if (found === undefined) return "";
      return "name" in found ? `${found.k} ${"text" in found.name ? found.name.text : JSON.stringify(found.name.value)}` : found.k;
    },
  };
}

// ---------------------------------------------------------------------------------------------------- for people

/** `whole`: nothing is cut, as for a file or another program. */
export function costTable(report: CostReport, whole: boolean): string {
  const rows: Row[] = [
    heading("aggregates"),
    ...bySize(report.aggregates).map(({ text, bytes, events, usedIn }) => row(text, bytes, `${touched(events)}; in ${usedIn.join(", ") || "nothing"}`)),
    heading("rules: runs under way, starts that caps count"),
    ...bySize(report.rules).map(({ name, bytes, events }) => row(name, bytes, touched(events))),
    ...(report.others.length === 0 ? [] : [heading("others")]),
    ...report.others.map(({ kind, name, bytes, events }) => row(`${kind} ${name}`, bytes, touched(events))),
    heading("every customer"),
    row("profile", report.profile, ""),
    row("times, memberships, newest events", report.base, ""),
    row("TOTAL", report.total, "the parts alone add up to a little more or less"),
  ];
  const width = Math.max(...rows.map(({ name }) => Math.min(name.length, WIDEST)));
  const lines = rows.map(({ name, bytes, more }) => (bytes === null ? `\n${name}` : [whole ? name.padEnd(width) : fit(name, width), number(bytes.typical), number(bytes.most), more].join("  ").trimEnd()));
  return [`${"bytes per customer".padEnd(width)}  ${"typical".padStart(9)}  ${"at most".padStart(9)}`, ...lines, "", ...report.assumptions].join("\n");
}

const WIDEST = 60;

interface Row {
  readonly name: string;
  readonly bytes: Bytes | null;
  readonly more: string;
}

const heading = (name: string): Row => ({ name, bytes: null, more: "" });
const row = (name: string, bytes: Bytes, more: string): Row => ({ name, bytes, more });
const fit = (name: string, width: number): string => (name.length > width ? `${name.slice(0, width - 1)}…` : name.padEnd(width));
const number = (bytes: number): string => bytes.toLocaleString("en-US").padStart(9);
const touched = (events: readonly string[]): string => (events.length === 0 ? "by time alone" : `by ${events.join(", ")}`);
const bySize = <T extends PartCost>(parts: readonly T[]): readonly T[] => [...parts].sort((a, b) => b.bytes.most - a.bytes.most);
