/** Bytes in slabs against a model: nobody's bytes are ever others', readers of what was given up are safe until `reuse`, holes are bounded. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { arena, type Resident } from "../../engine/arena.js";

type Op = { readonly k: "put"; readonly who: number; readonly length: number } | { readonly k: "give"; readonly who: number } | { readonly k: "reuse" };

const SLAB = 256;
const ops: fc.Arbitrary<Op[]> = fc.array(fc.oneof(
  { weight: 10, arbitrary: fc.record({ k: fc.constant("put" as const), who: fc.nat(20), length: fc.oneof({ weight: 9, arbitrary: fc.nat(60) }, fc.nat(700)) }) },
  { weight: 1, arbitrary: fc.record({ k: fc.constant("give" as const), who: fc.nat(20) }) },
  { weight: 4, arbitrary: fc.constant({ k: "reuse" as const }) },
), { maxLength: 300 });

const contentOf = (fill: number, length: number): Buffer => Buffer.alloc(length, fill);

test("everybody finds their own bytes, and what was given up stays readable until it may be used again", () => {
  fc.assert(fc.property(ops, (list) => {
    const bytes = arena(SLAB);
    const residents: Resident[] = Array.from({ length: 21 }, () => ({ slab: null, from: 0, length: 0 }));
    const model = new Map<number, Buffer>();
    let old: { readonly held: Buffer; readonly is: Buffer }[] = [];
    list.forEach((op, step) => {
      if (op.k === "reuse") {
        old = [];
        bytes.reuse();
      } else {
        const resident = residents[op.who] as Resident;
        const had = model.get(op.who);
        if (had !== undefined && resident.slab !== null) old.push({ held: resident.slab.bytes.subarray(resident.from, resident.from + resident.length), is: had });
        if (op.k === "give") {
          bytes.giveUp(resident);
          model.delete(op.who);
        } else {
          const content = contentOf(step & 255, op.length);
          bytes.put(resident, content, 0, op.length);
          model.set(op.who, content);
        }
      }
      for (const { held, is } of old) expect(held.equals(is)).toBe(true);
      for (const [who, content] of model) {
        const { slab, from, length } = residents[who] as Resident;
        expect(slab?.bytes.subarray(from, from + length).equals(content)).toBe(true);
      }
      expect(bytes.living).toBe([...model.values()].reduce((sum, { length }) => sum + length, 0));
    });
  }), { numRuns: 300, seed: 5 });
});

test("holes stay within a share, however often bytes are put anew and grow", () => {
  const bytes = arena(64 * 1024);
  const residents: Resident[] = Array.from({ length: 2000 }, () => ({ slab: null, from: 0, length: 0 }));
  const content = Buffer.alloc(1000, 1);
  for (let round = 1; round <= 100; round++) {
    residents.forEach((resident, i) => {
      bytes.put(resident, content, 0, 10 * round);
      if (i % 100 === 0) bytes.reuse();
    });
  }
  bytes.reuse();
  expect(bytes.living).toBe(2000 * 1000);
  expect(bytes.held).toBeLessThan(1.5 * bytes.living);
});
