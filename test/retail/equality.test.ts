/**
 * The engine against the naive program: on the real orders, and on made-up histories in which instants collide; replayed
 * from a file, through the embedded log, and through real NATS and Redis. The naive program is run once for a history;
 * what the replay said is what the two others must say, message for message and id for id.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { embeddedPlace, serversPlace, type Place } from "../system/places.js";
import { duplicateIds, outcomeDifferences, outcomeWritten } from "./canonical.js";
import { COLLISIONS_END, collidingEvents } from "./collisions.js";
import { parseEvents, retailEventsPresent } from "./events.js";
import { appendHistory, liveDifferences, liveOutcome, processAll } from "./live.js";
import { naiveOf, type NaiveOutcome } from "./naive.js";
import { realOrders, retailProgram } from "./program.js";
import { replayed, type Replayed } from "./replayed.js";
import { testsOfRealOrders } from "./tried.js";

const PARTITIONS = 4;
const EMBEDDED_AT_MOST = 6_000;

interface History {
  readonly title: string;
  readonly lines: () => readonly string[];
  readonly end: number;
  readonly present: boolean;
  readonly isReal: boolean;
}

const HISTORIES: readonly History[] = [
  ...[1, 2, 3].map((seed) => ({
    title: `instants that collide, seed ${seed}`, lines: () => collidingEvents(seed, 120), end: COLLISIONS_END, present: true, isReal: false,
  })),
  {
    title: `the real orders${retailEventsPresent ? "" : " (skipped: the shared data is not here)"}`,
    // The last event is of 9 December 2011; half a year later every window, wait and silence but the longest is over.
    lines: realOrders, end: Date.parse("2012-06-01T00:00:00Z"), present: retailEventsPresent, isReal: true,
  },
];

describe.each(HISTORIES)("$title", ({ lines, end, present, isReal }) => {
  let expected: NaiveOutcome;
  let fromFile: Replayed;
  beforeAll(() => {
    if (!present) return;
    expected = naiveOf(parseEvents(lines().join("\n")), end);
    fromFile = replayed(retailProgram(), lines(), end);
  }, 240_000);

  test.skipIf(!present)("replayed from a file", () => {
    expect(expected.actions.length).toBeGreaterThan(1_000);
    expect(outcomeDifferences(expected, outcomeWritten(fromFile))).toEqual([]);
    expect(duplicateIds([...fromFile.actions, ...fromFile.changes])).toEqual([]);
  });

  for (const [way, open] of [["embedded", embeddedPlace], ["NATS and Redis", serversPlace]] as const) {
    test.skipIf(!present)(`through ${way}`, async () => {
      const whole = lines();
      // All of them through the servers; the embedded store has some of each kind of thing in a part.
      const taken = open === embeddedPlace ? whole.slice(0, EMBEDDED_AT_MOST) : whole;
      const wanted = taken.length === whole.length ? fromFile : replayed(retailProgram(), taken, end);
      const place: Place = await open({ partitions: PARTITIONS, clock: "event" });
      try {
        await processAll(retailProgram(), place, await appendHistory(place, taken, end));
        expect(liveDifferences(wanted, await liveOutcome(retailProgram(), place))).toEqual([]);
      } finally {
        await place.dispose();
      }
    }, 240_000);
  }

  if (isReal && present) testsOfRealOrders(() => expected);
});
