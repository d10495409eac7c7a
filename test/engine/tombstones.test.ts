/** Nothing of before an erasure brings its customer back, and the receipt of each request stands there once. */
import { describe, expect, test } from "vitest";
import { decodeLine, type Work } from "../../engine/decode.js";
import { isKnown } from "../../engine/erasure.js";
import { createPartition, take, takePending, type Partition } from "../../engine/partition.js";
import { engineStats } from "../../engine/stats.js";
import {
  HORIZON_MS, MOST_TOMBSTONES, bury, isLate, isRepeated, readTombstone, readTombstones, takeTombstoneFields, tombstoneKey, tombstoneText, tombstonesAfter,
} from "../../engine/tombstones.js";
import { compiled } from "./story.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOON = Date.parse("2026-03-02T12:00Z");

const RULES = compiled(`
  event bought { total: number }
  profile { name: string?  timezone: string = "Europe/Warsaw" }
  trait spend = sum(bought.total)
  segment buyer when spend >= 10
  points stars { earn total on bought }
  channel email { when true  quiet 00:00 to 23:59 }
  experiment offer { a 50% b 50% goal bought within 7 days value total }
  rule thanks { on bought  at most 3 per 1 day  split offer { a { send email "thanks" } b { send email "thanks" } } }
  rule later { on bought  per event.total  wait 2 days  emit "later" }
  rule goodbye { on customer_erased  emit "goodbye" }
`);

interface Life {
  readonly p: Partition;
  /** CloudEvents of what is said by it. */
  event(type: string, customer: string, data: object, at: number, more?: { readonly time?: number; readonly id?: string }): readonly { readonly type: string; readonly id: string; readonly data: unknown }[];
  isKnown(customer: string): boolean;
}

function life(fields = {}): Life {
  const p = createPartition(RULES, { index: 0, clock: "broker", cacheCustomers: Infinity }, engineStats(), null, { clock: 0, offset: 0, fields });
  let sequence = 0;
  return {
    p,
    event(type, subject, data, at, { time = at, id = `e${sequence + 1}` } = {}) {
      const work = decodeLine(RULES, JSON.stringify({ specversion: "1.0", id, source: "s", type, subject, time: new Date(time).toISOString(), data }), ++sequence);
      expect(take(p, { ...work, stamp: at, arrived: at } as Work)).toBe("done");
      return takePending(p, sequence).messages.map(({ message }) => JSON.parse(message.body) as { type: string; id: string; data: unknown });
    },
    isKnown: (customer) => [...p.cache.all()].some((each) => each.id === customer && isKnown(each)),
  };
}

describe("the receipt", () => {
  test("says what was removed, in counts, and comes last", () => {
    const one = life();
    one.event("profile_updated", "anna", { name: "Anna" }, NOON);
    one.event("bought", "anna", { total: 12 }, NOON + HOUR);
    one.event("bought", "anna", { total: 30 }, NOON + 2 * HOUR);
    const said = one.event("customer_erased", "anna", {}, NOON + 3 * HOUR, { id: "please" });
    expect(said.map(({ type }) => type)).toEqual(["emit.goodbye", "segment.left", "eddy.erased"]);
    expect(said.at(-1)).toEqual({
      specversion: "1.0", id: expect.stringMatching(/^[0-9a-f]{32}$/) as string, source: "eddy", type: "eddy.erased", subject: "anna", time: "2026-03-02T15:00:00Z", cause: "please",
      data: {
        by: "request", known: true, segments: ["buyer"], points: { stars: 42 }, profile: 1, aggregates: 1, runs: 3, held: 1, capped: 1, exposures: 1, joined: [], withdrawn: 0,
      },
    });
  });

  test("comes for somebody of whom nothing is known too", () => {
    const said = life().event("customer_erased", "nobody", {}, NOON);
    expect(said.map(({ type, data }) => [type, data])).toEqual([["eddy.erased", {
      by: "request", known: false, segments: [], points: {}, profile: 0, aggregates: 0, runs: 0, held: 0, capped: 0, exposures: 0, joined: [], withdrawn: 0,
    }]]);
  });

  test("is not said again for a request that is sent again; another request has its own", () => {
    const one = life();
    one.event("bought", "anna", { total: 12 }, NOON);
    const first = one.event("customer_erased", "anna", {}, NOON + HOUR, { id: "please" });
    expect(one.event("customer_erased", "anna", {}, NOON + 2 * HOUR, { id: "please", time: NOON + HOUR })).toEqual([]);
    const second = one.event("customer_erased", "anna", {}, NOON + 3 * HOUR, { id: "once more" });
    expect(second.map(({ type }) => type)).toEqual(["eddy.erased"]);
    expect(second[0]?.id).not.toBe(first.at(-1)?.id);
    expect(one.p.stats.events.get("customer_erased")).toMatchObject({ processed: 2, duplicate: 1 });
  });

  test("a request that is sent again leaves alone who has come anew since", () => {
    const one = life();
    one.event("customer_erased", "anna", {}, NOON, { id: "please" });
    one.event("bought", "anna", { total: 12 }, NOON + HOUR);
    one.event("customer_erased", "anna", {}, NOON + 2 * HOUR, { id: "please", time: NOON });
    expect(one.isKnown("anna")).toBe(true);
  });
});

describe("an event that comes late", () => {
  test("with an own time at or before the erasure brings nobody back, and is counted", () => {
    const one = life();
    one.event("bought", "anna", { total: 12 }, NOON - HOUR);
    one.event("customer_erased", "anna", {}, NOON);
    for (const time of [NOON - HOUR, NOON]) expect(one.event("bought", "anna", { total: 12 }, NOON + MINUTE, { time })).toEqual([]);
    expect(one.isKnown("anna")).toBe(false);
    expect(one.p.stats.events.get("bought")).toMatchObject({ processed: 1, erased: 2 });
    one.event("bought", "ben", { total: 12 }, NOON + MINUTE, { time: NOON - HOUR });
    expect(one.isKnown("ben")).toBe(true);
  });

  test("with a later one makes a new customer, of whom late ones are no part either", () => {
    const one = life();
    one.event("bought", "anna", { total: 12 }, NOON - HOUR);
    one.event("customer_erased", "anna", {}, NOON);
    one.event("bought", "anna", { total: 5 }, NOON + HOUR, { time: NOON + 1 });
    one.event("bought", "anna", { total: 100 }, NOON + 2 * HOUR, { time: NOON - 1 });
    const customer = [...one.p.cache.all()].find(({ id }) => id === "anna");
    expect(customer?.firstSeen).toBe(NOON + 1);
    expect(customer?.segments).toEqual([]);
  });

  test("the erasure's own time counts, not when it came", () => {
    const one = life();
    one.event("customer_erased", "anna", {}, NOON, { time: NOON - HOUR });
    one.event("bought", "anna", { total: 5 }, NOON + MINUTE, { time: NOON - HOUR + 1 });
    expect(one.isKnown("anna")).toBe(true);
  });

  test("is known by the fields of the store, which name nobody", () => {
    const before = life();
    before.event("customer_erased", "anna", {}, NOON);
    const fields = takeTombstoneFields(before.p.tombstones, NOON, 7);
    expect(JSON.stringify(fields)).not.toContain("anna");
    expect(fields).toEqual({ [`erased:${tombstoneKey("anna")}`]: expect.stringMatching(new RegExp(`^1:${NOON}:7:[0-9a-f]{16}$`)) as string });
    expect(takeTombstoneFields(before.p.tombstones, NOON, 8)).toEqual({});
    const after = life(fields);
    after.event("bought", "anna", { total: 12 }, NOON + MINUTE, { time: NOON - HOUR });
    expect(after.isKnown("anna")).toBe(false);
  });
});

describe("tombstones", () => {
  test("are forgotten when they are old, and when there are too many; a bounded number at once", () => {
    const t = readTombstones({});
    for (let i = 0; i < 100; i++) bury(t, `c${i}`, i + 1, NOON + i, "");
    expect(Object.keys(takeTombstoneFields(t, NOON + 99, 1))).toHaveLength(100);
    expect(takeTombstoneFields(t, NOON + HORIZON_MS, 1)).toEqual({});
    expect(takeTombstoneFields(t, NOON + HORIZON_MS + 2, 1)).toEqual({ [`erased:${tombstoneKey("c0")}`]: "", [`erased:${tombstoneKey("c1")}`]: "" });
    expect(Object.keys(takeTombstoneFields(t, NOON + 2 * HORIZON_MS, 1))).toHaveLength(64);
    expect(t.all.size).toBe(34);
    for (let i = 0; i < MOST_TOMBSTONES; i++) bury(t, `d${i}`, 1000 + i, NOON, "");
    const fields = takeTombstoneFields(t, NOON, 1);
    expect(Object.values(fields).filter((text) => text === "")).toHaveLength(34);
    expect(t.all.size).toBe(MOST_TOMBSTONES);
  });

  test("are in order of their erasures when they are read", () => {
    const fields = Object.fromEntries([[3, "c"], [1, "a"], [2, "b"]].map(([n, name]) => [`erased:${name as string}`, `${n as number}:${NOON}:1:`]));
    expect([...readTombstones({ ...fields, offset: "7", "erased:x": "nonsense" }).all.keys()]).toEqual(["a", "b", "c"]);
  });

  test("as text and back, also without what was added later", () => {
    const tombstone = { sequence: 4, instant: -5, bound: 6, request: "0123456789abcdef" };
    expect(readTombstone(tombstoneText(tombstone))).toEqual(tombstone);
    expect(readTombstone("4:-5")).toEqual({ ...tombstone, bound: 0, request: "" });
    expect(readTombstone("4:")).toEqual({ sequence: 4, instant: 0, bound: 0, request: "" });
    expect(readTombstone("x:5")).toBeNull();
  });

  test("a record that is read again from before the erasure is of before it, whatever its time; the request itself is carried out", () => {
    const t = readTombstones({});
    bury(t, "anna", 10, NOON, "abc");
    expect(isLate(t, "anna", 9, NOON + HOUR)).toBe(true);
    expect(isLate(t, "anna", 11, NOON + HOUR)).toBe(false);
    expect(isLate(t, "ben", 9, NOON - HOUR)).toBe(false);
    expect(isRepeated(t, "anna", 10, "abc")).toBe(false);
    expect(isRepeated(t, "anna", 11, "abc")).toBe(true);
    expect(isRepeated(t, "anna", 11, "def")).toBe(false);
  });

  test("stay where a partition begins anew behind their erasure; those whose erasure is read again come again by it", () => {
    const t = readTombstones({});
    bury(t, "anna", 10, NOON, "abc");
    bury(t, "ben", 20, NOON, "def");
    const fields = { ...takeTombstoneFields(t, NOON, 1), offset: "30" };
    const [anna, ben] = [`erased:${tombstoneKey("anna")}`, `erased:${tombstoneKey("ben")}`];
    expect(tombstonesAfter(fields, 15, false)).toEqual({ [anna]: `10:${NOON}:1:abc` });
    expect(tombstonesAfter(fields, 1, true)).toEqual({ [anna]: `0:${NOON}:1:abc`, [ben]: `0:${NOON}:1:def` });
  });
});
