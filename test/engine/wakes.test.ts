/** The window on the wake index against a model of the index: order, horizon, trimming, pages and what changes meanwhile. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Wake } from "../../engine/ports.js";
import { addPage, addWake, allWakesInMemory, compareWakes, coversInstant, dropFirst, earliestWakes, firstCustomer, firstInstant, unreadWakes, type Wakes } from "../../engine/wakes.js";

const CUSTOMERS = ["a", "b", "aa", "", "\uffff", "\ud83d\ude42", "\ud83d\ude42x", "\ue000", "z", "Ä"];

/** As a store orders them: by instant, then by the bytes of the customer in UTF-8. */
const byBytes = (a: Wake, b: Wake): number => a.at - b.at || Buffer.compare(Buffer.from(a.customer), Buffer.from(b.customer));

const wakes: fc.Arbitrary<Wake> = fc.record({ at: fc.integer({ min: 0, max: 12 }), customer: fc.constantFrom(...CUSTOMERS) });

function first(of: Wakes): Wake | undefined {
  const customer = firstCustomer(of);
  return customer === undefined ? undefined : { at: firstInstant(of), customer };
}

function drained(of: Wakes): Wake[] {
  const all: Wake[] = [];
  for (let next = first(of); next !== undefined; next = first(of)) {
    all.push(next);
    dropFirst(of);
  }
  return all;
}

describe("wakes", () => {
  test("are compared as stores compare them", () => {
    fc.assert(fc.property(wakes, wakes, (a, b) => { expect(Math.sign(compareWakes(a, b))).toBe(Math.sign(byBytes(a, b))); }), { numRuns: 500, seed: 1 });
    const texts = fc.array(fc.constantFrom("a", "b", "\u007f", "\u0080", "é", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\u{10000}", "\u{1f642}", "\u{10ffff}"), { maxLength: 3 }).map((list) => list.join(""));
    fc.assert(fc.property(texts, texts, (a, b) => { expect(Math.sign(compareWakes({ at: 1, customer: a }, { at: 1, customer: b }))).toBe(Math.sign(byBytes({ at: 1, customer: a }, { at: 1, customer: b }))); }), { numRuns: 500, seed: 1 });
  });

  test("come in order, however they went in and out", () => {
    fc.assert(fc.property(fc.array(fc.oneof({ weight: 3, arbitrary: wakes }, { weight: 1, arbitrary: fc.constant(null) }), { maxLength: 60 }), (ops) => {
      const window = allWakesInMemory();
      const model: Wake[] = [];
      for (const op of ops) {
        if (op !== null) {
          addWake(window, op.at, op.customer);
          model.push(op);
        } else {
          model.sort(byBytes);
          expect(first(window)).toEqual(model.shift());
          dropFirst(window);
        }
      }
      expect(drained(window)).toEqual(model.sort(byBytes));
    }), { numRuns: 500, seed: 2 });
  });

  test("the earliest up to an instant are found in order, and the heap is left as it is", () => {
    fc.assert(fc.property(fc.array(wakes, { maxLength: 60 }), fc.integer({ min: -1, max: 13 }), fc.integer({ min: 0, max: 70 }), (list, upTo, most) => {
      const of = allWakesInMemory();
      for (const wake of list) addWake(of, wake.at, wake.customer);
      const before = structuredClone(of);
      expect(earliestWakes(of, upTo, most)).toEqual(list.filter(({ at }) => at <= upTo).sort(byBytes).slice(0, most));
      expect(of).toEqual(before);
    }), { seed: 20261122, numRuns: 500 });
  });

  test("no more than the bound are in memory, and what is left out lies behind the horizon", () => {
    const window = unreadWakes();
    addPage(window, [], true);
    let turn = 1;
    let largest = 0;
    const all: Wake[] = [];
    for (let i = 0; i < 120_000; i++) {
      turn = (Math.imul(turn, 1103515245) + 12345) >>> 0;
      const wake = { at: turn % 1_000_000, customer: `c${i}` };
      all.push(wake);
      addWake(window, wake.at, wake.customer);
      largest = Math.max(largest, window.instants.length);
    }
    expect(largest).toBeLessThanOrEqual(50_001);
    const { horizon } = window;
    if (horizon === null) throw new Error("nothing was left out");
    expect(coversInstant(window, horizon.at)).toBe(false);
    expect(coversInstant(window, horizon.at - 1)).toBe(true);
    const within = all.filter((wake) => compareWakes(wake, horizon) <= 0).sort(byBytes);
    expect(drained(window)).toEqual(within);
  });

  /**
   * A partition and its store: entries change in memory first, reach the index with a commit, and are known for sure
   * only when the commit was answered. A page shows the index as it was when it was asked for.
   */
  test("every due entry comes up in time, whatever changes while pages are on their way", () => {
    type Op =
      | { readonly k: "set"; readonly customer: string; readonly ahead: number }
      | { readonly k: "commit" } | { readonly k: "answer" } | { readonly k: "forward"; readonly by: number };
    const ops: fc.Arbitrary<Op[]> = fc.array(fc.oneof(
      { weight: 4, arbitrary: fc.record({ k: fc.constant("set" as const), customer: fc.constantFrom(...CUSTOMERS), ahead: fc.integer({ min: 1, max: 30 }) }) },
      { weight: 2, arbitrary: fc.constant({ k: "commit" as const }) }, { weight: 2, arbitrary: fc.constant({ k: "answer" as const }) },
      { weight: 2, arbitrary: fc.record({ k: fc.constant("forward" as const), by: fc.integer({ min: 0, max: 9 }) }) },
    ), { maxLength: 80 });
    const stored = fc.uniqueArray(wakes, { selector: ({ customer }) => customer, maxLength: 8 });

    fc.assert(fc.property(stored, ops, fc.integer({ min: 1, max: 4 }), fc.boolean(), (initial, list, pageSize, slowPages) => {
      const index = new Map(initial.map(({ customer, at }) => [customer, at]));
      const meant = new Map(index);
      const dirty = new Set<string>();
      let flying: Map<string, number> | null = null;
      const window = unreadWakes();
      let clock = 0;
      const fired: Wake[] = [];
      const answer = (): void => {
        for (const [customer, at] of flying ?? []) if (at === Infinity) index.delete(customer); else index.set(customer, at);
        flying = null;
      };
      const commit = (): void => {
        if (flying !== null) answer();
        flying = new Map([...dirty].map((customer) => [customer, meant.get(customer) ?? Infinity]));
        dirty.clear();
      };
      const read = (upTo: number): void => {
        for (let pages = 0; !coversInstant(window, upTo); pages++) {
          if (pages > 100) throw new Error("the index is read on and on");
          const behind = window.horizon;
          const page = [...index].map(([customer, at]) => ({ customer, at })).filter((wake) => behind === null || compareWakes(wake, behind) > 0).sort(byBytes).slice(0, pageSize);
          // A commit may be answered while the page is on its way, and another one must not be sent.
          const pinned = new Set([...dirty, ...(flying === null ? [] : (flying as Map<string, number>).keys())]);
          if (slowPages && flying !== null) for (const [customer, at] of flying as Map<string, number>) if (at === Infinity) index.delete(customer); else index.set(customer, at);
          addPage(window, page, page.length < pageSize);
          const after = window.horizon;
          for (const customer of pinned) {
            const at = meant.get(customer);
            if (at !== undefined && (behind === null || at >= behind.at) && (after === null || at <= after.at)) addWake(window, at, customer);
          }
        }
      };
      const forward = (to: number): void => {
        const due = [...meant].map(([customer, at]) => ({ customer, at })).filter(({ at }) => at <= to).sort(byBytes);
        read(to);
        const ran: Wake[] = [];
        for (let next = first(window); next !== undefined && next.at <= to; next = first(window)) {
          dropFirst(window);
          if (meant.get(next.customer) !== next.at) continue; // overtaken
          meant.delete(next.customer);
          dirty.add(next.customer);
          ran.push(next);
        }
        expect(ran).toEqual(due);
        fired.push(...ran);
        clock = to;
      };
      for (const op of list) {
        if (op.k === "commit") commit();
        else if (op.k === "answer") answer();
        else if (op.k === "forward") forward(clock + op.by);
        else {
          // An entry is only ever made earlier, or made anew after it was used up.
          const at = clock + op.ahead;
          if (at >= (meant.get(op.customer) ?? Infinity)) continue;
          meant.set(op.customer, at);
          dirty.add(op.customer);
          addWake(window, at, op.customer);
        }
      }
      forward(clock + 100);
      expect(meant.size).toBe(0);
    }), { numRuns: 1500, seed: 20260302 });
  });
});
