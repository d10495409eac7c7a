/**
 * What one partition knows of all customers, and what it tells the others of its own.
 *
 * - At each midnight (00:00 UTC) that its clock passes it draws up a summary of where its customers stand in each ranking
 *   (`drawUp`); that goes to the event log as a *piece* (piece.ts), once the commit which holds it is done.
 * - Pieces of all partitions come to every partition through the log. At the record with which a day is complete the
 *   day's *tables* are adopted, so every partition and every replay of the log adopts them at the same place.
 * - Everybody who stands in a ranking is then settled under them at that instant of the partition's clock: whoever is
 *   touched, before anything else happens to them, the others one by one in between (a *sweep*). What comes out does
 *   not depend on when it is done: no other tables are adopted, and no midnight is drawn up, before the sweep is over.
 * - Sums of populations and experiments (sums.ts) are kept beside it.
 *
 * With everybody in memory (replay, tests) there is one partition and no log: tables are adopted at midnight itself.
 *
 * All of it stands in text fields of the partition's meta and changes in the same commits as the customers: `midnight`,
 * `prepared` (pieces that are not known to be in the log), `piece:<day>:<source>:<part>`, `tables` (day, instant, whether
 * the sweep is over) and those of the sums. Counts of customers by value stand in the store by themselves.
 */
import type { Compiled } from "../compile/compiled.js";
import type { Customer, Figures } from "../customer.js";
import type { MetaFields } from "../ports.js";
import { DAY_MS } from "../zone.js";
import { piecesOf, readPieces, writePieces, type Piece } from "./piece.js";
import { percentileIn, sameTable, summarise, tableOf, type Counts, type Summary, type Table } from "./summary.js";
import { addToArm, addUp, armField, contribute, emptySums, populationField, readSums, valueOf, writeArm, writeSum, type ArmSum, type Sum, type Sums } from "./sums.js";
import type { ExperimentFigures } from "../experiments.js";

export interface Tables {
  /** Days since 1970. */
  readonly day: number;
  /** The instant, on the partition's clock, at which they were adopted. */
  readonly at: number;
  /** By place in Program.rankings. */
  readonly rankings: readonly Table[];
}

export interface Population {
  readonly compiled: Compiled;
  readonly partition: number;
  readonly partitions: number;
  /** Nothing ranks customers: midnights mean nothing. */
  readonly ranks: boolean;
  /** Day of the last midnight that was drawn up, or was passed before there was anything to draw up. */
  midnight: number;
  tables: Tables | null;
  /** Everybody has been settled under the tables. */
  swept: boolean;
  /** Those of the adopted day and of days that are not complete. */
  readonly pieces: Map<string, Piece>;
  /** Own pieces of the last midnight that are not known to be in the log. */
  prepared: readonly Piece[];
  readonly sums: Sums;
  /** Fields that the next commit sets. */
  fields: Record<string, string>;
  /** Counts by place of the ranking, where there is no store; whether they have changed since they were looked at. */
  readonly memory: Map<number, number>[] | null;
  memoryChanged: boolean;
}

/** Of days that never become complete, so many are remembered. */
const MAX_DAYS = 7;

export const PIECE_PREFIX = "piece:";
export const nameOf = ({ day, source, part }: Pick<Piece, "day" | "source" | "part">): string => `${PIECE_PREFIX}${day}:${source}:${part}`;

export interface PopulationPlace {
  readonly partition: number;
  readonly partitions: number;
  readonly inMemory: boolean;
  readonly clock: number;
}

/** Null: the program has neither rankings nor populations nor experiments. */
export function createPopulation(compiled: Compiled, place: PopulationPlace, fields: MetaFields): Population | null {
  const { rankings, populations, experiments } = compiled.program;
  if (rankings.length + populations.length + experiments.length === 0) return null;
  const ranks = rankings.length > 0;
  const p: Population = {
    compiled, partition: place.partition, partitions: place.partitions, ranks,
    midnight: Math.floor(place.clock / DAY_MS), tables: null, swept: true, pieces: new Map(), prepared: [],
    sums: Object.keys(fields).length === 0 ? emptySums(compiled) : readSums(compiled, fields), fields: {},
    memory: place.inMemory ? rankings.map(() => new Map<number, number>()) : null, memoryChanged: false,
  };
  if (ranks) restore(p, fields);
  return p;
}

function restore(p: Population, fields: MetaFields): void {
  const midnight = Number(fields["midnight"] ?? NaN);
  if (Number.isSafeInteger(midnight)) p.midnight = midnight;
  p.prepared = readPieces(fields["prepared"] ?? "[]") ?? [];
  for (const [name, text] of Object.entries(fields)) {
    if (!name.startsWith(PIECE_PREFIX)) continue;
    for (const piece of readPieces(text) ?? []) p.pieces.set(nameOf(piece), piece);
  }
  const [day, at, swept] = (fields["tables"] ?? "").split(" ").map(Number);
  if (day === undefined || at === undefined || Number.isNaN(at)) return;
  p.tables = { day, at, rankings: tablesOf(p, day) };
  p.swept = swept === 1;
}

/** What a program without rankings removes of what an earlier one left. */
export function forgottenFields(fields: MetaFields): MetaFields {
  const stale = Object.keys(fields).filter((name) => name === "midnight" || name === "prepared" || name === "tables" || name.startsWith(PIECE_PREFIX));
  return Object.fromEntries(stale.map((name) => [name, ""]));
}

// ---------------------------------------------------------------------------------------------------- figures

/** What expressions ask. Sums are those of this partition alone. */
export function figuresOf(p: Population): Figures {
  const { program } = p.compiled;
  const arm = (experiment: number, variant: string): ArmSum | undefined =>
    p.sums.experiments[experiment]?.[program.experiments[experiment]?.arms.findIndex(({ name }) => name === variant) ?? -1];
  return {
    percentile: (ranking, value) => {
      const table = p.tables?.rankings[ranking];
      return table === undefined ? null : percentileIn(table, value);
    },
    population: (index) => valueOf(program.populations[index]?.fn ?? "customers", [p.sums.populations[index] as Sum]),
    exposed: (experiment, variant) => arm(experiment, variant)?.exposed ?? 0,
    value: (experiment, variant) => {
      const found = arm(experiment, variant);
      return found === undefined ? 0 : addUp([found]).value;
    },
  };
}

// ---------------------------------------------------------------------------------------------------- what customers change

/** By ranking, then by value: how many customers more stand there. */
export type CountsPending = Map<number, Map<number, number>>;

export function read(p: Population, pending: CountsPending, ranking: number, before: number | null, after: number | null): void {
  let changes = p.memory?.[ranking] ?? pending.get(ranking);
  if (changes === undefined) pending.set(ranking, (changes = new Map<number, number>()));
  p.memoryChanged = true;
  if (before !== null) add(changes, before, -1);
  if (after !== null) add(changes, after, 1);
}

function add(changes: Map<number, number>, value: number, by: number): void {
  const count = (changes.get(value) ?? 0) + by;
  if (count === 0) changes.delete(value);
  else changes.set(value, count);
}

export function contributed(p: Population, index: number, before: number | null, after: number | null): void {
  const sum = p.sums.populations[index] as Sum;
  contribute(sum, before, after);
  if (p.memory === null) p.fields[populationField(p.compiled.program.populations[index]?.key ?? "")] = writeSum(sum);
}

export function experimented(p: Population, index: number, place: number, difference: ExperimentFigures): void {
  const arm = p.sums.experiments[index]?.[place];
  const experiment = p.compiled.program.experiments[index];
  if (arm === undefined || experiment === undefined) return;
  addToArm(arm, difference);
  if (p.memory === null) p.fields[armField(experiment.name, experiment.arms[place]?.name ?? "")] = writeArm(arm);
}

/** Whether the customer must be settled under the tables before anything else happens to them. */
export function isStale({ tables }: Population, { extras }: Customer): boolean {
  // Who has no reading stands in no ranking: every percentile is null for them, whatever the tables.
  return tables !== null && extras !== null && extras.figuresOf < tables.day && extras.readings.length > 0;
}

/** The customer is as the tables have it. */
export function markSettled({ tables }: Population, { extras }: Customer): void {
  if (tables !== null && extras !== null && extras.readings.length > 0) extras.figuresOf = tables.day;
}

// ---------------------------------------------------------------------------------------------------- midnights

/** The midnight has passed: this is how the customers stood then, by ranking. */
export function drawUp(p: Population, day: number, counts: readonly Counts[]): void {
  const summaries = new Map<string, Summary>();
  p.compiled.program.rankings.forEach(({ key }, i) => summaries.set(key, summarise(counts[i] ?? [])));
  p.midnight = day;
  p.prepared = piecesOf(p.partition, day, summaries);
  p.fields["midnight"] = String(day);
  p.fields["prepared"] = writePieces(p.prepared);
}

/** They are in the log; no need to append them again. */
export function announced(p: Population, pieces: readonly Piece[]): void {
  if (p.prepared !== pieces) return;
  p.prepared = [];
  p.fields["prepared"] = "";
}

/** The midnight has passed, and all customers are here: their tables are in force at once. Whether they differ. */
export function drawUpInMemory(p: Population, day: number): boolean {
  p.midnight = day;
  if (!p.memoryChanged) return false;
  p.memoryChanged = false;
  const rankings = (p.memory ?? []).map((counts) => tableOf([summarise([...counts])]));
  const differs = p.tables === null || rankings.some((table, i) => !sameTable(table, p.tables?.rankings[i] as Table));
  p.tables = { day, at: day * DAY_MS, rankings };
  return differs;
}

// ---------------------------------------------------------------------------------------------------- pieces

/** Whether a day would be complete with it, that is newer than the adopted one. */
export function completes(p: Population, piece: Piece): boolean {
  return isNew(p, piece) && isComplete(p, piece.day, piece);
}

function isNew(p: Population, piece: Piece): boolean {
  return p.ranks && piece.source < p.partitions && piece.day > (p.tables?.day ?? -Infinity) && !p.pieces.has(nameOf(piece));
}

function isComplete(p: Population, day: number, and: Piece): boolean {
  const missing = Array.from({ length: p.partitions }, () => 1); // parts, of each partition
  const known = new Set<number>();
  for (const piece of [...p.pieces.values(), and]) {
    if (piece.day !== day) continue;
    if (!known.has(piece.source)) missing[piece.source] = piece.parts;
    known.add(piece.source);
    missing[piece.source] = (missing[piece.source] as number) - 1;
  }
  return missing.every((left) => left <= 0);
}

/** A piece has come through the log when the partition's clock stood at `now`. The first of equal ones counts. */
export function receive(p: Population, piece: Piece, now: number): void {
  if (p.ranks && piece.source === p.partition && p.prepared.some(({ day, part }) => day === piece.day && part === piece.part)) {
    if (piece.part === piece.parts) announced(p, p.prepared);
  }
  if (!isNew(p, piece)) return;
  const isLast = isComplete(p, piece.day, piece);
  p.pieces.set(nameOf(piece), piece);
  p.fields[nameOf(piece)] = writePieces([piece]);
  if (isLast) adopt(p, piece.day, now);
  else dropOldest(p);
}

function adopt(p: Population, day: number, now: number): void {
  drop(p, (piece) => piece.day < day);
  const rankings = tablesOf(p, day);
  const before = p.tables?.rankings;
  const differs = rankings.some((table, i) => (before === undefined ? table.n > 0 : !sameTable(table, before[i] as Table)));
  p.tables = { day, at: now, rankings };
  p.swept = !differs;
  writeTables(p);
}

/** Everybody has been settled. */
export function endSweep(p: Population): void {
  p.swept = true;
  writeTables(p);
}

function writeTables({ fields, tables, swept }: Population): void {
  if (tables !== null) fields["tables"] = `${tables.day} ${tables.at} ${swept ? 1 : 0}`;
}

function drop(p: Population, which: (piece: Piece) => boolean): void {
  for (const [name, piece] of p.pieces) {
    if (!which(piece)) continue;
    p.pieces.delete(name);
    p.fields[name] = "";
  }
}

function dropOldest(p: Population): void {
  const adopted = p.tables?.day;
  const days = [...new Set([...p.pieces.values()].map(({ day }) => day))].filter((day) => day !== adopted).sort((a, b) => b - a);
  const last = days[MAX_DAYS - 1];
  if (last !== undefined) drop(p, ({ day }) => day < last && day !== adopted);
}

function tablesOf(p: Population, day: number): Table[] {
  const pieces = [...p.pieces.values()].filter((piece) => piece.day === day);
  return p.compiled.program.rankings.map(({ key }) => tableOf(pieces.flatMap(({ rankings }) => rankings.get(key) ?? [])));
}

/** What the next commit sets. */
export function takeFields(p: Population): MetaFields {
  const { fields } = p;
  p.fields = {};
  return fields;
}

export function hasFields({ fields }: Population): boolean {
  for (const _ in fields) return true;
  return false;
}
