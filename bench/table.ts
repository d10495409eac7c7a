/**
 * What the benches that compare show: rows of named cells as a table, aligned, and numbers as a person reads them. The
 * figures themselves are what a bench answers; main.ts writes them as JSON.
 */
export type Cell = string | number | null;

/** Three digits that count; whole thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en");
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** Texts to the left, numbers to the right; null: there is none. */
export function printTable(title: string, columns: readonly string[], rows: readonly (readonly Cell[])[]): void {
  const shown = rows.map((row) => row.map((cell) => (cell === null ? "–" : typeof cell === "number" ? figure(cell) : cell)));
  const isText = columns.map((_, i) => rows.every((row) => row[i] === null || typeof row[i] === "string"));
  const widths = columns.map((column, i) => Math.max(column.length, ...shown.map((row) => (row[i] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells.map((cell, i) => (isText[i] === true ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join("  ").trimEnd();
  console.log(title);
  console.log(line(columns));
  console.log(widths.map((width) => "-".repeat(width)).join("  "));
  for (const row of shown) console.log(line(row));
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}
