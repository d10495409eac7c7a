/**
 * Recency, frequency and monetary value of the real customers, by the very file of the rule library that people copy, beside
 * an independent count with exact ranks: the fifths of each customer, and who is in which named segment.
 *
 * The engine promises the share of smaller values within 1 %. So a customer may sit in another fifth only where the exact
 * share lies within 1 % of the border between the two; how many do is written down here, as is that nobody else does.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import type { NewRecord } from "../../engine/ports.js";
import { createReplay } from "../../engine/replay.js";
import { TICK_TYPE, eventSubject, tickSubject } from "../../engine/subjects.js";
import { PROJECT } from "../cli/eddy.js";
import { embeddedPlace } from "../system/places.js";
import { parseEvents, retailEventsPresent, type ShopEvent } from "./events.js";
import { membersLive, processAll } from "./live.js";
import { realOrders } from "./program.js";

/** What the library's file leans on, in the words of this history: its orders name no categories. */
const AROUND = `
event order_placed { total: number, items: { sku: string, category: string = "all" }[] }
event session_started
profile { first_name: string?, consent: { email: boolean = false } }
channel email { when profile.consent.email }
`;
const LIBRARY = join(PROJECT, "rules/value/rfm.eddy");
const SEGMENTS = ["about_to_sleep", "at_risk", "cannot_lose", "champions", "lost", "loyal", "need_attention", "newcomers", "potential_loyalists", "promising"] as const;
/** Midnights, UTC. The first events are of 1 December 2010, the last of 9 December 2011; the last year is not the whole history. */
const MIDNIGHTS = ["2011-02-01", "2011-06-01", "2011-10-15", "2011-12-10"].map((day) => Date.parse(`${day}T00:00:00Z`));
const LAST = MIDNIGHTS.at(-1) as number;
const DAY = 86_400_000;
/** Percent. */
const RANK_ERROR = 1;

interface Fifths {
  readonly recency: number;
  readonly frequency: number;
  readonly monetary: number;
}
type Letter = keyof Fifths;
const LETTERS: readonly Letter[] = ["recency", "frequency", "monetary"];

interface Standing {
  readonly fifths: Fifths;
  /** The exact percentiles that they come of; of recency that of the days since the last order. */
  readonly percentiles: Fifths;
}

// ---------------------------------------------------------------------------------------------------- the engine

function libraryProgram(): Compiled {
  const files = [{ file: "around.eddy", text: AROUND }, { file: "rfm.eddy", text: readFileSync(LIBRARY, "utf8") }];
  const { program, diagnostics } = compileProgram(files);
  if (program === null) throw new Error(renderAll(diagnostics, new Map(files.map(({ file, text }) => [file, text]))));
  return compile(program);
}

interface Found {
  readonly fifths: ReadonlyMap<string, Fifths>;
  /** `customer segment`, sorted. */
  readonly members: readonly string[];
}

const fifthsOf = (values: { readonly [trait: string]: unknown }): Fifths =>
  ({ recency: Number(values["rfm_recency"]), frequency: Number(values["rfm_frequency"]), monetary: Number(values["rfm_monetary"]) });

/** At each of the midnights, as `eddy replay` finds it. */
function replayedAt(compiled: Compiled, midnights: readonly number[]): Found[] {
  const replay = createReplay(compiled, () => undefined);
  const lines = realOrders().map((line) => ({ line, at: Date.parse((JSON.parse(line) as { time: string }).time) }));
  let next = 0;
  return midnights.map((midnight) => {
    for (; next < lines.length && (lines[next]?.at ?? Infinity) < midnight; next++) replay.line(lines[next]?.line ?? null);
    replay.until(midnight);
    const ranked = replay.traits().filter(({ values }) => values["rfm_recency"] !== null);
    return {
      fifths: new Map(ranked.map(({ customer, values }) => [customer, fifthsOf(values)])),
      members: replay.members().map(({ customer, segment }) => `${customer} ${segment}`).sort(),
    };
  });
}

const ticks = (instant: number): NewRecord[] => Array.from({ length: 8 }, (_, p) => ({
  subject: tickSubject(p),
  body: JSON.stringify({ specversion: "1.0", id: `${p}-${instant}`, source: "test", type: TICK_TYPE, subject: String(p), time: new Date(instant).toISOString() }),
}));

// ---------------------------------------------------------------------------------------------------- the count

let parsed: readonly ShopEvent[] | null = null;
const events = (): readonly ShopEvent[] => (parsed ??= parseEvents(realOrders().join("\n")));

/** The share of strictly smaller values, in percent: by the place of the first equal one in order. */
function percentiles(of: ReadonlyMap<string, number>): Map<string, number> {
  const sorted = [...of.values()].sort((a, b) => a - b);
  const firstPlace = new Map<number, number>();
  sorted.forEach((value, place) => firstPlace.has(value) || firstPlace.set(value, place));
  return new Map([...of].map(([customer, value]) => [customer, (100 * (firstPlace.get(value) ?? NaN)) / sorted.length]));
}

const fifth = (percentile: number): number => Math.max(1, Math.min(5, 1 + Math.floor(percentile / 20)));

function countedAt(midnight: number): Map<string, Standing> {
  const yearBefore = new Date(midnight);
  yearBefore.setUTCFullYear(yearBefore.getUTCFullYear() - 1);
  const [last, count, sum] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  for (const { type, customer, timeMs, total } of events()) {
    if (type !== "order_placed" || timeMs >= midnight) continue;
    const inWindow = timeMs > yearBefore.getTime();
    last.set(customer, timeMs);
    count.set(customer, (count.get(customer) ?? 0) + (inWindow ? 1 : 0));
    sum.set(customer, (sum.get(customer) ?? 0) + (inWindow ? Math.round(total * 100) : 0));
  }
  const since = percentiles(new Map([...last].map(([customer, at]) => [customer, midnight - at])));
  const [often, much] = [percentiles(count), percentiles(sum)];
  return new Map([...last.keys()].map((customer) => {
    const found: Fifths = { recency: since.get(customer) ?? NaN, frequency: often.get(customer) ?? NaN, monetary: much.get(customer) ?? NaN };
    return [customer, { percentiles: found, fifths: { recency: 6 - fifth(found.recency), frequency: fifth(found.frequency), monetary: fifth(found.monetary) } }];
  }));
}

/** The table above the segments of the file, row by row. */
function segmentOf({ recency, frequency }: Fifths): (typeof SEGMENTS)[number] {
  const rows = {
    5: ["newcomers", "potential_loyalists", "potential_loyalists", "champions", "champions"],
    4: ["promising", "potential_loyalists", "potential_loyalists", "loyal", "loyal"],
    3: ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"],
    2: ["lost", "lost", "at_risk", "at_risk", "cannot_lose"],
    1: ["lost", "lost", "at_risk", "at_risk", "cannot_lose"],
  } as const;
  const found = rows[recency as keyof typeof rows]?.[frequency - 1];
  if (found === undefined) throw new Error(`no place in the table: ${recency}, ${frequency}`);
  return found;
}

/** The fifths that the promise allows for an exact share: those of all shares within the error. */
const allowed = (percentile: number): readonly number[] => [...new Set([fifth(percentile - RANK_ERROR), fifth(percentile), fifth(percentile + RANK_ERROR)])];

const allowedOf = ({ percentiles: { recency, frequency, monetary } }: Standing): Readonly<Record<Letter, readonly number[]>> =>
  ({ recency: allowed(recency).map((of) => 6 - of), frequency: allowed(frequency), monetary: allowed(monetary) });

function allowedSegments(standing: Standing | undefined): readonly string[] {
  if (standing === undefined) return [];
  const { recency, frequency, monetary } = allowedOf(standing);
  return recency.flatMap((r) => frequency.flatMap((f) => monetary.map((m) => segmentOf({ recency: r, frequency: f, monetary: m }))));
}

// ---------------------------------------------------------------------------------------------------- compared

interface Compared {
  readonly customers: number;
  /** Customers whose fifth is another one, by letter. */
  readonly elsewhere: Readonly<Record<Letter, number>>;
  /** Those of them for whom the promise does not allow it. */
  readonly wrong: readonly string[];
  /** In another named segment. */
  readonly moved: number;
}

function compared(counted: ReadonlyMap<string, Standing>, { fifths, members }: Found): Compared {
  const elsewhere = { recency: 0, frequency: 0, monetary: 0 };
  const wrong: string[] = [];
  const expected: string[] = [];
  for (const [customer, exact] of counted) {
    const found = fifths.get(customer);
    if (found === undefined) {
      wrong.push(`${customer} has no fifths`);
      continue;
    }
    expected.push(`${customer} ${segmentOf(found)}`);
    const may = allowedOf(exact);
    for (const letter of LETTERS) {
      if (found[letter] !== exact.fifths[letter]) elsewhere[letter]++;
      if (!may[letter].includes(found[letter])) {
        wrong.push(`${customer} ${letter}: ${found[letter]} instead of ${exact.fifths[letter]}, at ${exact.percentiles[letter]} %`);
      }
    }
  }
  for (const customer of fifths.keys()) if (!counted.has(customer)) wrong.push(`${customer} has fifths without an order`);
  // By the engine's own fifths everybody is in the segment of the table, and in no other.
  const said = new Set(members);
  const mine = new Set(expected);
  wrong.push(...expected.filter((each) => !said.has(each)).map((each) => `missing: ${each}`));
  wrong.push(...members.filter((each) => !mine.has(each)).map((each) => `beyond: ${each}`));
  const moved = [...counted].filter(([customer, exact]) => !said.has(`${customer} ${segmentOf(exact.fifths)}`)).length;
  return { customers: counted.size, elsewhere, wrong, moved };
}

describe.skipIf(!retailEventsPresent)(`the real customers${retailEventsPresent ? "" : " (skipped: the shared data is not here)"}`, () => {
  let compiled: Compiled;
  let found: readonly Found[] = [];
  beforeAll(() => {
    compiled = libraryProgram();
    found = replayedAt(compiled, MIDNIGHTS);
  }, 120_000);

  test("there are 4,372, of whom 4,339 have ordered; everybody is in one of the ten segments", () => {
    expect(new Set(events().map(({ customer }) => customer)).size).toBe(4_372);
    expect(countedAt(LAST).size).toBe(4_339);
    const last = found.at(-1) as Found;
    expect(last.members.length).toBe(4_339);
    expect([...new Set(last.members.map((each) => each.split(" ")[1]))].sort()).toEqual([...SEGMENTS]);
  });

  test.each(MIDNIGHTS.map((midnight, i) => [new Date(midnight).toISOString().slice(0, 10), midnight, i] as const))(
    "at the midnight of %s nobody sits where the promise does not allow it", (_day, midnight, i) => {
      const { wrong } = compared(countedAt(midnight), found[i] as Found);
      expect(wrong).toEqual([]);
    },
  );

  test("so many sit in another fifth than by exact ranks, all of them within 1 % of a border", () => {
    const all = MIDNIGHTS.map((midnight, i) => {
      const { customers, elsewhere, moved } = compared(countedAt(midnight), found[i] as Found);
      return { customers, ...elsewhere, moved };
    });
    expect(all).toEqual([
      { customers: 1_302, recency: 1, frequency: 0, monetary: 1, moved: 1 },
      { customers: 2_718, recency: 4, frequency: 0, monetary: 5, moved: 4 },
      { customers: 3_786, recency: 6, frequency: 0, monetary: 5, moved: 2 },
      { customers: 4_339, recency: 8, frequency: 0, monetary: 8, moved: 4 },
    ]);
  });

  // In order of time this takes 374 midnights, each of which looks at everybody: the replay above does that. Here the clock
  // stands on the last day and the orders come late, as when a history is filled in; each counts at its own time all the same.
  test("eight partitions of the embedded store: everybody is in one segment, and one that the promise allows", async () => {
    const place = await embeddedPlace({ partitions: 8, clock: "event" });
    try {
      const orders = realOrders().map((line): NewRecord => {
        const { type, subject } = JSON.parse(line) as { readonly type: string; readonly subject: string };
        return { subject: eventSubject(type, subject), body: line };
      });
      const records = [...ticks(LAST - DAY), ...orders, ...ticks(LAST)];
      for (let from = 0; from < records.length; from += 5_000) await place.ports.log.append(records.slice(from, from + 5_000));
      // The fifths of the midnight are drawn, and everybody has been looked at under them.
      await processAll(compiled, place, 0, async () => {
        const all = await Promise.all(Array.from({ length: 8 }, async (_, p) => (await place.ports.store.meta(p)).meta["tables"] ?? ""));
        return all.every((tables) => tables.startsWith(`${LAST / DAY} `) && tables.endsWith(" 1"));
      });
      const members = (await membersLive(compiled, place)).map((line) => JSON.parse(line) as { readonly segment: string; readonly customer: string });
      const counted = countedAt(LAST);
      expect(members.filter(({ customer, segment }) => !allowedSegments(counted.get(customer)).includes(segment))).toEqual([]);
      expect(members.map(({ customer }) => customer).sort()).toEqual([...counted.keys()].sort());
      expect(members.filter(({ customer, segment }) => segment !== segmentOf((counted.get(customer) as Standing).fifths)).length).toBeLessThan(10);
    } finally {
      await place.dispose();
    }
  }, 120_000);
});
