/** Which member ought to have which partition: properties that hold for all members and numbers of partitions. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { shares } from "../../engine/sharing.js";

const id = fc.string({ minLength: 1, maxLength: 40 });
const members = fc.uniqueArray(id, { minLength: 1, maxLength: 12 });
const partitions = fc.integer({ min: 1, max: 96 });

const loads = (owners: readonly string[], ids: readonly string[]): number[] => ids.map((member) => owners.filter((owner) => owner === member).length);
const moved = (before: readonly string[], after: readonly string[]): number => before.filter((owner, p) => owner !== after[p]).length;

describe("shares", () => {
  test("every partition has one owner, and the shares differ by one at most", () => {
    fc.assert(fc.property(partitions, members, (count, ids) => {
      const owners = shares(count, ids);
      expect(owners).toHaveLength(count);
      for (const owner of owners) expect(ids).toContain(owner);
      const of = loads(owners, ids);
      expect(Math.max(...of)).toBe(Math.ceil(count / ids.length));
      expect(Math.min(...of)).toBe(Math.floor(count / ids.length));
    }));
  });

  test("the order in which members are listed, and members listed twice, change nothing", () => {
    fc.assert(fc.property(partitions, members.chain((ids) => fc.tuple(fc.constant(ids), fc.shuffledSubarray(ids, { minLength: ids.length }))), (count, [ids, shuffled]) => {
      expect(shares(count, shuffled)).toEqual(shares(count, ids));
      expect(shares(count, [...shuffled, ...ids])).toEqual(shares(count, ids));
    }));
  });

  test("nobody has nothing, one has all", () => {
    expect(shares(8, [])).toEqual([]);
    expect(shares(3, ["a"])).toEqual(["a", "a", "a"]);
  });

  test("who joins a single one takes half, and nothing else moves", () => {
    fc.assert(fc.property(partitions, fc.uniqueArray(id, { minLength: 2, maxLength: 2 }), (count, [a = "", b = ""]) => {
      const owners = shares(count, [a, b]);
      expect(moved(shares(count, [a]), owners)).toBe(loads(owners, [b])[0]);
    }));
  });

  test("one that joins or leaves moves little beside its own share", () => {
    for (const [count, most] of [[8, 2.6], [16, 2.2], [64, 1.6]] as const) {
      for (const size of [2, 3, 4, 5, 7]) {
        let all = 0;
        let least = 0;
        for (let n = 0; n < 100; n++) {
          const ids = Array.from({ length: size }, (_, i) => `host/${n} ${i} process`);
          const newcomer = `host/${n} new`;
          const [without, withIt] = [shares(count, ids), shares(count, [...ids, newcomer])];
          all += moved(without, withIt);
          least += loads(withIt, [newcomer])[0] ?? 0;
        }
        // All that it must take, and some that change places since everybody's bound is lower then.
        expect(all / least, `${count} partitions, ${size} members and one`).toBeLessThan(most);
      }
    }
  });

  test("the same members have the same shares in every version: processes of two versions work on one store", () => {
    expect(shares(8, ["one", "two", "three"])).toMatchInlineSnapshot(`
      [
        "three",
        "one",
        "one",
        "one",
        "two",
        "three",
        "three",
        "two",
      ]
    `);
  });
});
