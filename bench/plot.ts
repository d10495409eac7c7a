/**
 * Plots as SVG, written by hand: bars and lines with labelled axes, readable on a light and on a dark page (the text takes
 * the reader's scheme; colours are in the middle). They go into docs/performance/.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { figure } from "./table.js";

const FOLDER = "docs/performance";
const WIDTH = 720;
const COLOURS = ["#2f81d6", "#d9730d", "#3a9a5b", "#a65bc7", "#c94f4f"];
const REST = "#8b949e";
const STYLE = `<style>
  text { font: 13px system-ui, sans-serif; fill: #24292f; } .axis { stroke: #8b949e; } .grid { stroke: #8b949e; stroke-opacity: .25; }
  .title { font-weight: 600; font-size: 15px; } .note { font-size: 12px; fill: #57606a; }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .note { fill: #9ea7b3; } }
</style>`;

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
const n = (value: number): string => String(Math.round(value * 10) / 10);

function text(x: number, y: number, content: string, more = ""): string {
  return `<text x="${n(x)}" y="${n(y)}"${more === "" ? "" : ` ${more}`}>${escaped(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, kind: string): string {
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" class="${kind}"/>`;
}

/** Characters of a note that a line of the picture holds. */
const NOTE_LENGTH = 104;
const NOTE_LINE = 16;

/** `below`: where the note begins; it may take several lines. */
function write(file: string, below: number, title: string, drawn: readonly string[], note: string): void {
  mkdirSync(FOLDER, { recursive: true });
  const path = join(FOLDER, file);
  const lines: string[] = [];
  for (const word of note.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > NOTE_LENGTH) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  const parts = [...drawn, ...lines.map((each, i) => text(16, below + i * NOTE_LINE, each, 'class="note"'))];
  const height = below + lines.length * NOTE_LINE - 4;
  writeFileSync(path, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">\n${STYLE}\n${text(16, 24, title, 'class="title"')}\n${parts.join("\n")}\n</svg>\n`);
  console.log(`plotted ${path}`);
}

// ---------------------------------------------------------------------------------------------------- scales

interface Scale {
  at(value: number): number;
  readonly ticks: readonly number[];
}

/** From `low` to `high` onto the picture; ticks at powers of ten. */
function logarithmicScale(low: number, high: number, from: number, to: number): Scale {
  const first = Math.floor(Math.log10(low) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) - 1e-9));
  return {
    at: (value) => from + ((Math.log10(value) - first) / (last - first)) * (to - from),
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
  };
}

/** From 0 to a round number. */
function linearScale(high: number, from: number, to: number): Scale {
  const rough = high / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((each) => each >= rough) ?? 10 * power;
  const count = Math.ceil(high / step);
  return { at: (value) => from + (value / (count * step)) * (to - from), ticks: Array.from({ length: count + 1 }, (_, i) => i * step) };
}

const tickText = (value: number): string => (value >= 1e6 ? `${value / 1e6} M` : value >= 1000 ? value.toLocaleString("en") : String(Number(value.toPrecision(3))));

// ---------------------------------------------------------------------------------------------------- bars

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** A thin line from the least to the most, where there are several. */
  readonly least?: number;
  readonly most?: number;
  readonly ours: boolean;
}

export interface Bars {
  readonly file: string;
  readonly title: string;
  readonly unit: string;
  readonly logarithmic: boolean;
  readonly bars: readonly Bar[];
  readonly note: string;
}

const ROW = 30;

export function plotBars({ file, title, unit, logarithmic, bars, note }: Bars): void {
  const [left, right, top] = [280, WIDTH - 70, 44];
  const bottom = top + bars.length * ROW;
  const high = Math.max(...bars.map((bar) => bar.most ?? bar.value));
  const low = Math.min(...bars.map((bar) => bar.least ?? bar.value));
  const scale = logarithmic ? logarithmicScale(low, high, left, right) : linearScale(high, left, right);
  const parts: string[] = [];
  for (const tick of scale.ticks) {
    parts.push(line(scale.at(tick), top, scale.at(tick), bottom, "grid"));
    parts.push(text(scale.at(tick), bottom + 16, tickText(tick), 'text-anchor="middle"'));
  }
  bars.forEach((bar, i) => {
    const y = top + i * ROW;
    const end = scale.at(bar.value);
    parts.push(text(left - 8, y + 19, bar.label, 'text-anchor="end"'));
    parts.push(`<rect x="${n(left)}" y="${n(y + 6)}" width="${n(Math.max(1, end - left))}" height="${ROW - 12}" fill="${bar.ours ? (COLOURS[0] as string) : REST}"/>`);
    if (bar.least !== undefined && bar.most !== undefined) parts.push(line(scale.at(bar.least), y + ROW / 2, scale.at(bar.most), y + ROW / 2, "axis"));
    parts.push(text(Math.max(end, scale.at(bar.most ?? bar.value)) + 6, y + 19, figure(bar.value)));
  });
  parts.push(line(left, top, left, bottom, "axis"));
  parts.push(text((left + right) / 2, bottom + 36, unit, 'text-anchor="middle"'));
  write(file, bottom + 58, title, parts, note);
}

// ---------------------------------------------------------------------------------------------------- bars in groups

export interface BarGroups {
  readonly file: string;
  readonly title: string;
  readonly unit: string;
  /** Those that stand beside each other in every row; the last one is ours. */
  readonly names: readonly string[];
  readonly groups: readonly { readonly title: string; readonly rows: readonly { readonly label: string; readonly values: readonly number[] }[] }[];
  readonly note: string;
}

const THIN = 13;

/** A small square with a name behind it. */
function legend(x: number, y: number, colour: string, name: string): string[] {
  return [`<rect x="${n(x)}" y="${n(y - 10)}" width="11" height="11" fill="${colour}"/>`, text(x + 17, y, name)];
}

/** Characters of the page's letters are about so wide. */
const LETTER = 7.2;

/** Names in a row, from `x` on. */
function legends(x: number, y: number, entries: readonly (readonly [colour: string, name: string])[]): string[] {
  let at = x;
  return entries.flatMap(([colour, name]) => {
    const drawn = legend(at, y, colour, name);
    at += 17 + name.length * LETTER + 22;
    return drawn;
  });
}

/** Logarithmic, one picture for all groups. */
export function plotBarGroups({ file, title, unit, names, groups, note }: BarGroups): void {
  const [left, right, top] = [150, WIDTH - 80, 64];
  const values = groups.flatMap(({ rows }) => rows.flatMap((row) => row.values));
  const scale = logarithmicScale(Math.min(...values), Math.max(...values), left, right);
  const rowHeight = names.length * THIN + 9;
  const colours = names.map((_, i) => (i === names.length - 1 ? (COLOURS[0] as string) : REST));
  const parts = legends(left, 48, names.map((name, i) => [colours[i] as string, name]));
  const drawn: string[] = [];
  let y = top;
  for (const group of groups) {
    drawn.push(text(16, y + 17, group.title, 'font-weight="600" style="font-weight:600"'));
    y += 26;
    const from = y;
    for (const row of group.rows) {
      drawn.push(text(left - 10, y + (names.length * THIN) / 2 + 5, row.label, 'text-anchor="end"'));
      row.values.forEach((value, i) => {
        drawn.push(`<rect x="${n(left)}" y="${n(y + i * THIN)}" width="${n(Math.max(1, scale.at(value) - left))}" height="${THIN - 2}" fill="${colours[i] as string}"/>`);
        drawn.push(text(scale.at(value) + 6, y + i * THIN + THIN - 3, figure(value), 'style="font-size:12px"'));
      });
      y += rowHeight;
    }
    for (const tick of scale.ticks) parts.push(line(scale.at(tick), from - 4, scale.at(tick), y - 4, "grid"));
    drawn.push(line(left, from - 4, left, y - 4, "axis"));
    y += 6;
  }
  for (const tick of scale.ticks) parts.push(text(scale.at(tick), y + 10, tickText(tick), 'text-anchor="middle"'));
  parts.push(...drawn, text((left + right) / 2, y + 32, unit, 'text-anchor="middle"'));
  write(file, y + 58, title, parts, note);
}

// ---------------------------------------------------------------------------------------------------- rates

export interface Rates {
  readonly file: string;
  readonly title: string;
  readonly rows: readonly {
    readonly label: string;
    readonly rate: { readonly eventsPerSecond: number; readonly cpu: { readonly process: number; readonly nats: number; readonly redis: number } };
    readonly ours: boolean;
  }[];
  readonly note: string;
}

/** Events a second, and below them what an event costs on the processor, and where. */
export function plotRates({ file, title, rows, note }: Rates): void {
  const [left, right] = [240, WIDTH - 80];
  const parts: string[] = [];
  const panel = (top: number, high: number, unit: string, draw: (row: Rates["rows"][number], y: number, at: (value: number) => number) => void): number => {
    const bottom = top + rows.length * ROW;
    const scale = linearScale(high, left, right);
    for (const tick of scale.ticks) {
      parts.push(line(scale.at(tick), top, scale.at(tick), bottom, "grid"));
      parts.push(text(scale.at(tick), bottom + 16, tickText(tick), 'text-anchor="middle"'));
    }
    rows.forEach((row, i) => {
      const y = top + i * ROW;
      parts.push(text(left - 8, y + 19, row.label, 'text-anchor="end"'));
      draw(row, y, (value) => scale.at(value));
    });
    parts.push(line(left, top, left, bottom, "axis"), text((left + right) / 2, bottom + 36, unit, 'text-anchor="middle"'));
    return bottom + 36;
  };
  const rect = (from: number, to: number, y: number, colour: string): string => `<rect x="${n(from)}" y="${n(y + 6)}" width="${n(Math.max(0.5, to - from))}" height="${ROW - 12}" fill="${colour}"/>`;
  const end = panel(40, Math.max(...rows.map(({ rate }) => rate.eventsPerSecond)), "events a second", ({ rate, ours }, y, at) => {
    parts.push(rect(left, at(rate.eventsPerSecond), y, ours ? (COLOURS[0] as string) : REST), text(at(rate.eventsPerSecond) + 6, y + 19, figure(rate.eventsPerSecond)));
  });
  const shares = [["process", COLOURS[0] as string], ["nats", COLOURS[1] as string], ["redis", COLOURS[2] as string]] as const;
  const total = ({ cpu }: Rates["rows"][number]["rate"]): number => cpu.process + cpu.nats + cpu.redis;
  parts.push(...legends(left, end + 34, [[shares[0][1], "process"], [shares[1][1], "NATS"], [shares[2][1], "Redis"]]));
  const below = panel(end + 44, Math.max(...rows.map(({ rate }) => total(rate))), "CPU µs an event", ({ rate }, y, at) => {
    let from = 0;
    for (const [share, colour] of shares) {
      parts.push(rect(at(from), at(from + rate.cpu[share]), y, colour));
      from += rate.cpu[share];
    }
    parts.push(text(at(from) + 6, y + 19, figure(total(rate))));
  });
  write(file, below + 26, title, parts, note);
}

// ---------------------------------------------------------------------------------------------------- panels

export interface Panels {
  readonly file: string;
  readonly title: string;
  readonly y: string;
  /** Each with its own sizes across, a step apart whatever they are; all with the same axis upwards, from 0. */
  readonly panels: readonly { readonly x: string; readonly points: readonly (readonly [x: number, y: number])[] }[];
  readonly note: string;
}

const COLUMNS = 2;
const PANEL_HEIGHT = 190;

export function plotPanels({ file, title, y, panels, note }: Panels): void {
  const wide = (WIDTH - 40) / COLUMNS;
  const high = Math.max(...panels.flatMap(({ points }) => points.map(([, of]) => of)));
  const parts: string[] = [text(16, 46, y, 'class="note"')];
  panels.forEach(({ x, points }, i) => {
    const [left, top] = [30 + (i % COLUMNS) * wide + 30, 62 + Math.floor(i / COLUMNS) * (PANEL_HEIGHT + 64)];
    const [right, bottom] = [left + wide - 62, top + PANEL_HEIGHT];
    const step = (right - left) / Math.max(1, points.length);
    const across = (at: number): number => left + (at + 0.5) * step;
    const up = linearScale(high * 1.08, bottom, top);
    points.forEach(([px], at) => parts.push(line(across(at), top, across(at), bottom, "grid"), text(across(at), bottom + 18, tickText(px), 'text-anchor="middle"')));
    for (const tick of up.ticks) parts.push(line(left, up.at(tick), right, up.at(tick), "grid"), text(left - 8, up.at(tick) + 4, tickText(tick), 'text-anchor="end"'));
    parts.push(line(left, bottom, right, bottom, "axis"), line(left, top, left, bottom, "axis"));
    const colour = COLOURS[0] as string;
    parts.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map(([, py], at) => `${n(across(at))},${n(up.at(py))}`).join(" ")}"/>`);
    points.forEach(([, py], at) => {
      parts.push(`<circle cx="${n(across(at))}" cy="${n(up.at(py))}" r="3.5" fill="${colour}"/>`);
      parts.push(text(across(at), up.at(py) - 9, figure(py), 'text-anchor="middle" style="font-size:12px"'));
    });
    parts.push(text((left + right) / 2, bottom + 38, x, 'text-anchor="middle"'));
  });
  write(file, 62 + Math.ceil(panels.length / COLUMNS) * (PANEL_HEIGHT + 64) + 6, title, parts, note);
}

// ---------------------------------------------------------------------------------------------------- lines

export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface Lines {
  readonly file: string;
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly logarithmicX: boolean;
  readonly logarithmicY: boolean;
  readonly series: readonly Series[];
  readonly note: string;
}

export function plotLines({ file, title, x, y, logarithmicX, logarithmicY, series, note }: Lines): void {
  const [left, right, top, bottom] = [84, WIDTH - 170, 44, 330];
  const all = series.flatMap(({ points }) => points);
  const [xs, ys] = [all.map(([of]) => of), all.map(([, of]) => of)];
  const across = logarithmicX ? logarithmicScale(Math.min(...xs), Math.max(...xs), left, right) : linearScale(Math.max(...xs), left, right);
  const up = logarithmicY ? logarithmicScale(Math.min(...ys), Math.max(...ys), bottom, top) : linearScale(Math.max(...ys), bottom, top);
  const parts: string[] = [];
  for (const tick of across.ticks) parts.push(line(across.at(tick), top, across.at(tick), bottom, "grid"), text(across.at(tick), bottom + 18, tickText(tick), 'text-anchor="middle"'));
  for (const tick of up.ticks) parts.push(line(left, up.at(tick), right, up.at(tick), "grid"), text(left - 8, up.at(tick) + 4, tickText(tick), 'text-anchor="end"'));
  parts.push(line(left, bottom, right, bottom, "axis"), line(left, top, left, bottom, "axis"));
  const ends = series.map(({ points }, i) => ({ i, y: up.at(points.at(-1)?.[1] ?? 0) })).sort((a, b) => a.y - b.y);
  const labelAt = new Map<number, number>();
  let above = -Infinity;
  for (const end of ends) labelAt.set(end.i, (above = Math.max(end.y + 4, above + 16)));
  series.forEach(({ name, points }, i) => {
    const colour = COLOURS[i % COLOURS.length] as string;
    parts.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${points.map(([px, py]) => `${n(across.at(px))},${n(up.at(py))}`).join(" ")}"/>`);
    for (const [px, py] of points) parts.push(`<circle cx="${n(across.at(px))}" cy="${n(up.at(py))}" r="3.5" fill="${colour}"/>`);
    parts.push(text(right + 10, labelAt.get(i) ?? bottom, name, `style="fill:${colour}"`));
  });
  parts.push(text((left + right) / 2, bottom + 40, x, 'text-anchor="middle"'));
  parts.push(text(20, (top + bottom) / 2, y, `text-anchor="middle" transform="rotate(-90 20 ${n((top + bottom) / 2)})"`));
  write(file, bottom + 64, title, parts, note);
}
