/** The cache of customers against a model: it forgets nobody whose changes the store does not have, and stays bounded. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { customerCache } from "../../engine/cache.js";
import { newCustomer, type Customer } from "../../engine/customer.js";
import { UTC } from "../../engine/zone.js";

type Op =
  | { readonly k: "use"; readonly id: number; readonly change: boolean }
  | { readonly k: "commit" } | { readonly k: "answer" };

const ops: fc.Arbitrary<Op[]> = fc.array(fc.oneof(
  { weight: 12, arbitrary: fc.record({ k: fc.constant("use" as const), id: fc.nat(40), change: fc.boolean() }) },
  { weight: 2, arbitrary: fc.constant({ k: "commit" as const }) }, { weight: 2, arbitrary: fc.constant({ k: "answer" as const }) },
), { maxLength: 200 });

describe("the cache", () => {
  test("never forgets who has changes that the store does not have, and is bounded otherwise", () => {
    fc.assert(fc.property(ops, fc.integer({ min: 1, max: 30 }), (list, capacity) => {
      const cache = customerCache(capacity);
      const mustStay = new Map<string, Customer>();
      let number = 0;
      let flying: Customer[] = [];
      let most = 0;
      const answer = (): void => {
        cache.acknowledged(number);
        for (const customer of flying) if (!customer.dirty) mustStay.delete(customer.id);
        flying = [];
      };
      for (const op of list) {
        if (op.k === "answer") answer();
        else if (op.k === "commit") {
          answer();
          number++;
          flying = [...mustStay.values()].filter((customer) => customer.dirty);
          for (const customer of flying) {
            customer.dirty = false;
            customer.commit = number;
          }
        } else if (op.k === "use") {
          const id = `c${op.id}`;
          const kept = mustStay.get(id);
          const cached = cache.get(id);
          if (kept !== undefined) expect(cached).toBe(kept);
          expect(cache.has(id)).toBe(cached !== undefined);
          const customer = cached ?? newCustomer(id, UTC);
          if (cached === undefined) cache.put(customer);
          expect(cache.get(id)).toBe(customer);
          if (op.change) {
            customer.dirty = true;
            mustStay.set(id, customer);
          }
        }
        most = Math.max(most, mustStay.size);
        const asked = Math.max(0, number - 2);
        expect([...cache.pinned(asked)]).toEqual([...cache.all()].filter(({ dirty, commit }) => dirty || commit > asked));
        const everybody = [...cache.all()];
        expect(cache.size).toBe(everybody.length);
        expect(new Set(everybody.map(({ id }) => id)).size).toBe(everybody.length);
        expect(cache.size).toBeLessThanOrEqual(capacity + 1 + most);
        expect([...cache.pinned()].map(({ id }) => id).sort()).toEqual([...mustStay.keys()].sort());
      }
    }), { numRuns: 400, seed: 20260302 });
  });

  test("keeps who was used most recently: of half the capacity none is forgotten", () => {
    fc.assert(fc.property(fc.array(fc.nat(60), { maxLength: 300 }), fc.integer({ min: 1, max: 20 }), (uses, half) => {
      const cache = customerCache(2 * half);
      const recent: number[] = [];
      for (const id of uses) {
        const cached = cache.get(`c${id}`);
        if (recent.slice(-half).includes(id)) expect(cached).toBeDefined();
        if (cached === undefined) cache.put(newCustomer(`c${id}`, UTC));
        const before = recent.indexOf(id);
        if (before >= 0) recent.splice(before, 1);
        recent.push(id);
      }
    }), { numRuns: 300, seed: 3 });
  });

  test("of everybody forgets nobody", () => {
    const cache = customerCache(Infinity);
    for (let i = 0; i < 10_000; i++) cache.put(newCustomer(`c${i}`, UTC));
    expect(cache.complete).toBe(true);
    expect(cache.size).toBe(10_000);
    expect(cache.get("c1")?.id).toBe("c1");
  });
});
