/**
 * Replay of a file as `eddy replay` does it, against reading the same file and parsing its lines alone, with the same reader.
 * The two take turns, the bare one first and last; the rules are the shop's.
 *
 *   node dist/bench/replay.js [events=300000] [customers=100000] [rounds=3]
 */
import { mkdtempSync, rmSync, statSync, writeFileSync, appendFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readLines } from "../cli/lines.js";
import type { Compiled } from "../engine/compile/compiled.js";
import { createReplay } from "../engine/replay.js";
import { shopRules, START } from "./in-memory.js";
import { shopLoad } from "./shop-load.js";
import { median, printTable } from "./table.js";

interface Rate {
  readonly micros: number;
  readonly eventsPerSecond: number;
}

export interface ReplayFigures {
  readonly bare: Rate;
  readonly eddy: Rate;
  /** Rates of CPU: Eddy's divided by that of bare parsing. */
  readonly ratio: number;
  readonly megabytes: number;
  readonly outputs: number;
}

const EVENTS_PER_HOUR = 3000;

function writeEvents(file: string, events: number, customers: number): void {
  const load = shopLoad(6, customers);
  writeFileSync(file, "");
  for (let sent = 0; sent < events; ) {
    const lines: string[] = [];
    for (const end = Math.min(events, sent + 5000); sent < end; sent++) lines.push(load(START + Math.floor((sent * 3600) / EVENTS_PER_HOUR) * 1000).body);
    appendFileSync(file, `${lines.join("\n")}\n`);
  }
}

async function timed(events: number, work: () => Promise<void>): Promise<Rate> {
  const from = process.cpuUsage();
  const began = performance.now();
  await work();
  const seconds = (performance.now() - began) / 1000;
  const { user, system } = process.cpuUsage(from);
  return { micros: (user + system) / events, eventsPerSecond: events / seconds };
}

/** Answers what it has read of every line, so that nothing is left out. */
async function parseAlone(file: string): Promise<number> {
  let customers = 0;
  for await (const batch of (await readLines(file, { stdin: process.stdin, folder: process.cwd() })).batches) {
    for (const { bytes } of batch) if (bytes !== null) customers += (JSON.parse(bytes.toString("utf8")) as { subject: string }).subject.length;
  }
  return customers;
}

async function replayFile(compiled: Compiled, file: string): Promise<{ lines: number; outputs: number; characters: number }> {
  let outputs = 0;
  let characters = 0;
  const replay = createReplay(compiled, ({ body }) => {
    outputs++;
    characters += body.length;
  });
  for await (const batch of (await readLines(file, { stdin: process.stdin, folder: process.cwd() })).batches) {
    for (const { number, bytes } of batch) replay.line(bytes === null ? null : bytes.toString("utf8"), number);
  }
  return { lines: replay.lines, outputs, characters };
}

export async function replay(events: number, customers: number, rounds: number): Promise<ReplayFigures> {
  const folder = mkdtempSync(join(tmpdir(), "eddy-bench-"));
  const file = join(folder, "events.ndjson");
  writeEvents(file, events, customers);
  const compiled = shopRules();
  const [bares, eddies]: [Rate[], Rate[]] = [[], []];
  const ratios: number[] = [];
  let outputs = 0;
  let read = 0;
  const bareRound = async (): Promise<Rate> => timed(events, async () => { read += await parseAlone(file); });
  await bareRound(); // warms up
  for (let round = 0; round < rounds; round++) {
    const before = await bareRound();
    const eddy = await timed(events, async () => {
      const done = await replayFile(compiled, file);
      if (done.lines !== events || done.characters === 0) throw new Error(`${done.lines} of ${events} lines were replayed`);
      outputs = done.outputs;
    });
    global.gc?.();
    const after = await bareRound();
    bares.push(before, after);
    eddies.push(eddy);
    ratios.push((before.micros + after.micros) / 2 / eddy.micros);
  }
  if (read === 0) throw new Error("nothing was read");
  const middle = (rates: readonly Rate[]): Rate => ({ micros: median(rates.map(({ micros }) => micros)), eventsPerSecond: median(rates.map((rate) => rate.eventsPerSecond)) });
  const figures: ReplayFigures = { bare: middle(bares), eddy: middle(eddies), ratio: median(ratios), megabytes: statSync(file).size / 1e6, outputs: outputs / events };
  rmSync(folder, { recursive: true });
  printTable(
    `a file of ${events.toLocaleString("en")} events (${figures.megabytes.toFixed(0)} MB) of ${customers.toLocaleString("en")} customers, twenty rules, ${figures.outputs.toFixed(2)} messages an event`,
    ["", "CPU µs an event", "events a second", "ratio of CPU"],
    [["read and parsed", figures.bare.micros, figures.bare.eventsPerSecond, 1], ["replayed", figures.eddy.micros, figures.eddy.eventsPerSecond, figures.ratio]],
  );
  return figures;
}

if (process.argv[1] === import.meta.filename) {
  await replay(Number(process.argv[2] ?? 300_000), Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 3));
}
