/**
 * What every output log must do, as tests: the contract of OutputLog in engine/ports.ts. Each adapter runs this suite
 * on the real thing, and tests its own failures beside it.
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { LogClosed, type Output, type OutputLog } from "../../engine/ports.js";

/** Empty output logs of at least 4 partitions, made anew for every test. */
export interface OutputLogFixture {
  readonly log: OutputLog;
  /** Another log on the same data, beside the first, as another process has it; the fixture closes it in the end. */
  another(): Promise<OutputLog>;
  /** Closes the log and opens it again on the same data. */
  reopen(): Promise<OutputLog>;
  /** Removes a partition's outputs below the number, as a limit does. */
  removeBelow?(partition: number, number: number): Promise<void>;
  dispose(): Promise<void>;
}

const P = 2;

export function outputsOf(from: number, to: number, partition = P): Output[] {
  return Array.from({ length: to - from + 1 }, (_, i) => {
    const number = from + i;
    const kind = number % 5 === 0 ? `segments.${partition}.vip.entered` : `actions.${partition}.email.hello`;
    return { number, subject: kind, id: `id-${number}`, cause: number * 10, body: JSON.stringify({ number }) };
  });
}

const numbers = (outputs: readonly Output[]): number[] => outputs.map(({ number }) => number);

export function outputLogSuite(
  name: string,
  makeFixture: () => Promise<OutputLogFixture>,
  abilities: { readonly removeBelow: boolean },
): void {
  describe(`output log: ${name}`, () => {
    let fixture: OutputLogFixture;
    let log: OutputLog;

    beforeEach(async () => {
      fixture = await makeFixture();
      log = fixture.log;
    });
    afterEach(() => fixture.dispose());

    test("an empty log ends at 0, and has an identity that lasts", async () => {
      expect(await log.last(P)).toBe(0);
      const identity = await log.identity(P);
      expect(identity).not.toBe("");
      await log.publish(P, outputsOf(1, 3));
      log = await fixture.reopen();
      expect(await log.identity(P)).toBe(identity);
    });

    test("of an empty log nothing is read", async () => {
      expect(await log.read(P, 1, 100)).toEqual([]);
    });

    test("publishes in order and reads back what was published", async () => {
      const outputs = outputsOf(1, 20);
      expect(await log.publish(P, outputs)).toBe(20);
      expect(await log.last(P)).toBe(20);
      expect(await log.read(P, 1, 20)).toEqual(outputs);
      expect(await log.publish(P, outputsOf(21, 22))).toBe(22);
      expect(await log.last(P)).toBe(22);
    });

    test("nothing to publish changes nothing", async () => {
      await log.publish(P, outputsOf(1, 3));
      expect(await log.publish(P, [])).toBe(3);
    });

    test("a few thousand at once", async () => {
      expect(await log.publish(P, outputsOf(1, 3_000))).toBe(3_000);
      expect(numbers(await log.read(P, 1, 3_000))).toEqual(numbers(outputsOf(1, 3_000)));
    });

    test("reads a part, as far as it goes", async () => {
      await log.publish(P, outputsOf(1, 300));
      expect(numbers(await log.read(P, 41, 43))).toEqual([41, 42, 43]);
      expect(numbers(await log.read(P, 299, 1_000))).toEqual([299, 300]);
      expect(await log.read(P, 301, 400)).toEqual([]);
      expect(await log.read(P, 5, 4)).toEqual([]);
      expect(numbers(await log.read(P, 1, 300))).toEqual(numbers(outputsOf(1, 300)));
    });

    test("ids and bodies of any kind come back as they were", async () => {
      const ids = ["a", " a ", "a\nb", '"', "Łódź 😀", "x".repeat(500)];
      const outputs = ids.map((id, i): Output => ({
        number: i + 1,
        subject: `dead.${P}.not_json`,
        id,
        cause: 2 ** 50 + i,
        body: JSON.stringify({ id, text: "żółw\u0000\n😀" }),
      }));
      expect(await log.publish(P, outputs)).toBe(outputs.length);
      expect(await log.read(P, 1, outputs.length)).toEqual(outputs);
    });

    test("the same id twice is not swallowed: the numbers decide", async () => {
      const [one, two] = outputsOf(1, 2);
      if (one === undefined || two === undefined) throw new Error("two outputs were made");
      expect(await log.publish(P, [one, { ...two, id: one.id }])).toBe(2);
      expect(numbers(await log.read(P, 1, 2))).toEqual([1, 2]);
    });

    describe("the chain", () => {
      test("a number too far ahead is refused, and all behind it", async () => {
        await log.publish(P, outputsOf(1, 3));
        expect(await log.publish(P, outputsOf(5, 400))).toBe(4);
        expect(await log.last(P)).toBe(3);
        expect(await log.publish(P, outputsOf(4, 6))).toBe(6);
      });

      test("a number that is taken is refused, and all behind it", async () => {
        await log.publish(P, outputsOf(1, 10));
        const others = outputsOf(8, 15).map((output) => ({ ...output, body: '{"zombie":true}' }));
        expect(await log.publish(P, others)).toBe(7);
        expect(await log.read(P, 1, 10)).toEqual(outputsOf(1, 10));
        // A log that takes many at a time may take those behind the taken ones: they do follow their predecessors.
        expect([10, 15]).toContain(await log.last(P));
      });

      test("the very first is refused where there is one already", async () => {
        const [only] = outputsOf(1, 1);
        if (only === undefined) throw new Error("one output was made");
        await log.publish(P, [only]);
        expect(await log.publish(P, [{ ...only, body: '{"zombie":true}' }])).toBe(0);
        expect(await log.last(P)).toBe(1);
        expect(await log.read(P, 1, 5)).toEqual([only]);
      });

      test("the first of an empty log must be 1", async () => {
        expect(await log.publish(P, outputsOf(2, 5))).toBe(1);
        expect(await log.last(P)).toBe(0);
      });

      test("two publishers on one chain: every number once, in order, whoever loses", async () => {
        const total = 2_000;
        const zombie = await fixture.another();
        const publisher = async (of: OutputLog, step: number): Promise<number> => {
          let refused = 0;
          for (let last = await of.last(P); last < total; last = await of.last(P)) {
            const wanted = outputsOf(last + 1, Math.min(total, last + step));
            if ((await of.publish(P, wanted)) < last + wanted.length) refused += 1;
          }
          return refused;
        };
        const refusals = await Promise.all([publisher(log, 97), publisher(zombie, 61)]);
        expect(await log.read(P, 1, total + 1)).toEqual(outputsOf(1, total));
        expect(refusals[0] + refusals[1]).toBeGreaterThan(0);
      });
    });

    test("partitions have chains of their own", async () => {
      expect(await log.publish(0, outputsOf(1, 5, 0))).toBe(5);
      expect(await log.publish(3, outputsOf(1, 2, 3))).toBe(2);
      expect([await log.last(0), await log.last(1), await log.last(3)]).toEqual([5, 0, 2]);
      expect(await log.read(3, 1, 10)).toEqual(outputsOf(1, 2, 3));
      const [both] = await Promise.all([log.publish(0, outputsOf(6, 800, 0)), log.publish(1, outputsOf(1, 800, 1))]);
      expect(both).toBe(800);
      expect(await log.last(1)).toBe(800);
    });

    test("what was published is there after opening again", async () => {
      await log.publish(P, outputsOf(1, 10));
      log = await fixture.reopen();
      expect(await log.last(P)).toBe(10);
      expect(await log.publish(P, outputsOf(11, 11))).toBe(11);
      expect(await log.read(P, 1, 11)).toEqual(outputsOf(1, 11));
    });

    test("a closed log refuses everything", async () => {
      const another = await fixture.another();
      await another.close();
      await another.close();
      await expect(another.last(P)).rejects.toBeInstanceOf(LogClosed);
      await expect(another.publish(P, outputsOf(1, 1))).rejects.toBeInstanceOf(LogClosed);
      await expect(another.read(P, 1, 1)).rejects.toBeInstanceOf(LogClosed);
      expect(await log.publish(P, outputsOf(1, 1))).toBe(1);
    });

    describe.runIf(abilities.removeBelow)("outputs that a limit removed", () => {
      test("do not lower the end of the chain", async () => {
        if (fixture.removeBelow === undefined) throw new Error("the fixture cannot remove outputs");
        await log.publish(P, outputsOf(1, 10));
        await fixture.removeBelow(P, 8);
        expect(numbers(await log.read(P, 1, 10))).toEqual([8, 9, 10]);
        await fixture.removeBelow(P, 11);
        expect(await log.last(P)).toBe(10);
        expect(await log.read(P, 1, 10)).toEqual([]);
        expect(await log.publish(P, outputsOf(11, 12))).toBe(12);
        expect(numbers(await log.read(P, 1, 20))).toEqual([11, 12]);
      });
    });
  });
}
