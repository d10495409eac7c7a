/**
 * The engine against the naive program: on the real orders, and on made-up histories in which instants collide; replayed
 * from a file, through the embedded log, and through real NATS and Redis. The naive program is run once for a history;
 * what the replay said is what the two others must say, message for message and id for id.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { embeddedPlace, serversPlace, type Place } from "../system/places.js";
import { duplicateIds, outcomeDifferences, outcomeWritten, type OrderedOutcome } from "./canonical.js";
import { COLLISIONS_END, collidingEvents } from "./collisions.js";
import { parseEvents, retailEventsPresent } from "./events.js";
import { appendHistory, liveDifferences, liveOutcome, processAll } from "./live.js";
import { naiveOf } from "./naive.js";
import { realOrders, retailProgram } from "./program.js";
import { replayed, type Replayed } from "./replayed.js";

const PARTITIONS = 4;

interface History {
  readonly title: string;
  readonly lines: () => readonly string[];
  readonly end: number;
  readonly present: boolean;
}

const HISTORIES: readonly History[] = [
  ...[1, 2, 3].map((seed) => ({
    title: `instants that collide, seed ${seed}`, lines: () => collidingEvents(seed, 120), end: COLLISIONS_END, present: true,
  })),
  {
    title: `the real orders${retailEventsPresent ? "" : " (skipped: the shared data is not here)"}`,
    // The last event is of 9 December 2011; half a year later every window, wait and silence but the longest is over.
    lines: realOrders, end: Date.parse("2012-06-01T00:00:00Z"), present: retailEventsPresent,
  },
];

describe.each(HISTORIES)("$title", ({ lines, end, present }) => {
  let expected: OrderedOutcome;
  let fromFile: Replayed;
  beforeAll(() => {
    if (!present) return;
    expected = naiveOf(parseEvents(lines().join("\n")), end);
    fromFile = replayed(retailProgram(), lines(), end);
  }, 120_000);

  test.skipIf(!present)("replayed from a file", () => {
    expect(expected.actions.length).toBeGreaterThan(1_000);
    expect(outcomeDifferences(expected, outcomeWritten(fromFile))).toEqual([]);
    expect(duplicateIds([...fromFile.actions, ...fromFile.changes])).toEqual([]);
  });

  for (const [way, open] of [["embedded", embeddedPlace], ["NATS and Redis", serversPlace]] as const) {
    test.skipIf(!present)(`through ${way}`, async () => {
      const place: Place = await open({ partitions: PARTITIONS, clock: "event" });
      try {
        await processAll(retailProgram(), place, await appendHistory(place, lines(), end));
        expect(liveDifferences(fromFile, await liveOutcome(retailProgram(), place))).toEqual([]);
      } finally {
        await place.dispose();
      }
    }, 120_000);
  }
});
