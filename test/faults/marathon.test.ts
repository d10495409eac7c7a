/**
 * Real servers and real engines under faults, for less than a minute. The long run, with hundreds of faults:
 * `npm run bench -- faults`.
 */
import { expect, test } from "vitest";
import { marathon } from "./marathon.js";

const FAULTS = 15;
const EVENTS = 4_000;

test("a marathon of faults: nothing lost, nothing twice, every segment equal", async () => {
  const { findings, faults, sent, truth } = await marathon({
    seed: 5, faults: FAULTS, events: EVENTS, customers: 400, partitions: 4, engines: 1, patience: 0.25, minute: false, appendfsync: "everysec",
  });
  expect(findings).toEqual([]);
  expect([faults.length, sent]).toEqual([FAULTS, EVENTS]);
  // Every way of ending and every kind of timer was there.
  expect(truth?.ticks).toBeGreaterThan(5);
  expect(truth?.memberships).toBeGreaterThan(100);
  expect(truth?.outputs).toBeGreaterThan(EVENTS);
}, 600_000);
