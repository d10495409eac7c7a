/**
 * The engine against the naive program: on the real orders, and on made-up histories in which instants collide; replayed
 * from a file, through the embedded log, and through real NATS and Redis. The naive program is run once for a history;
 * what the replay said is what the two others must say, message for message and id for id.
 *
 * The replay is given everything. Through the logs goes one history of those that were made up (more of them go that way
 * in crashes.test.ts), and every eighth of the real customers, with all that they did; `ORDERS=all npx vitest run
 * test/retail` takes all of them.
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
const ALL = process.env["ORDERS"] === "all";
/** One in so many of the real customers goes through the two logs. */
const ONE_IN = ALL ? 1 : 8;

const WAYS = [["embedded", embeddedPlace], ["NATS and Redis", serversPlace]] as const;

interface History {
  readonly title: string;
  readonly lines: () => readonly string[];
  readonly end: number;
  readonly present: boolean;
  readonly isReal: boolean;
  readonly isLive: boolean;
}

const HISTORIES: readonly History[] = [
  ...[1, 2, 3].map((seed) => ({
    title: `instants that collide, seed ${seed}`, lines: () => collidingEvents(seed, 120), end: COLLISIONS_END, present: true, isReal: false, isLive: ALL || seed === 1,
  })),
  {
    title: `the real orders${retailEventsPresent ? "" : " (skipped: the shared data is not here)"}`,
    // The last event is of 9 December 2011; half a year later every window, wait and silence but the longest is over.
    lines: realOrders, end: Date.parse("2012-06-01T00:00:00Z"), present: retailEventsPresent, isReal: true, isLive: true,
  },
];

function ofSomeCustomers(lines: readonly string[]): readonly string[] {
  const numbers = new Map<string, number>();
  return lines.filter((line) => {
    const { subject } = JSON.parse(line) as { readonly subject: string };
    const number = numbers.get(subject) ?? numbers.size;
    numbers.set(subject, number);
    return number % ONE_IN === 0;
  });
}

describe.each(HISTORIES)("$title", ({ lines, end, present, isReal, isLive }) => {
  let expected: NaiveOutcome;
  let fromFile: Replayed;
  let part: readonly string[];
  let ofPart: Replayed;
  beforeAll(() => {
    if (!present) return;
    const whole = lines();
    expected = naiveOf(parseEvents(whole.join("\n")), end);
    fromFile = replayed(retailProgram(), whole, end);
    part = isReal ? ofSomeCustomers(whole) : whole;
    ofPart = part.length === whole.length ? fromFile : replayed(retailProgram(), part, end);
  }, 240_000);

  test.skipIf(!present)("replayed from a file", () => {
    expect(expected.actions.length).toBeGreaterThan(1_000);
    expect(outcomeDifferences(expected, outcomeWritten(fromFile))).toEqual([]);
    expect(duplicateIds([...fromFile.actions, ...fromFile.changes])).toEqual([]);
  });

  for (const [way, open] of isLive ? WAYS : []) {
    test.skipIf(!present)(`through ${way}`, async () => {
      const place: Place = await open({ partitions: PARTITIONS, clock: "event" });
      try {
        await processAll(retailProgram(), place, await appendHistory(place, part, end));
        expect(liveDifferences(ofPart, await liveOutcome(retailProgram(), place))).toEqual([]);
      } finally {
        await place.dispose();
      }
    }, 240_000);
  }

  if (isReal && present) testsOfRealOrders(() => expected);
});
