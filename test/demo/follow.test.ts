/** Following the output log: everything once, in order, however it comes. */
import { expect, test } from "vitest";
import { follow } from "../../cli/demo/follow.js";
import type { Output } from "../../engine/ports.js";

/** An output log that never gives more than is there. */
function outputLog(partitions: number) {
  const kept = Array.from({ length: partitions }, (): Output[] => []);
  return {
    publish(partition: number, count: number): void {
      const outputs = kept[partition] ?? [];
      for (let i = 0; i < count; i++) {
        const number = outputs.length + 1;
        outputs.push({ number, subject: `actions.${partition}.email.x`, id: `${partition}/${number}`, cause: 1, body: "{}" });
      }
    },
    last: async (partition: number) => kept[partition]?.length ?? 0,
    read: async (partition: number, from: number, to: number) => (kept[partition] ?? []).filter(({ number }) => number >= from && number <= to),
  };
}

test("every output once, in the order of its partition, across reads and pages", async () => {
  const log = outputLog(2);
  const seen: string[] = [];
  const follower = follow(log, 2, ({ id }) => seen.push(id));
  await follower.read();
  expect(seen).toEqual([]);
  log.publish(1, 3);
  await follower.read();
  await follower.read();
  expect(seen).toEqual(["1/1", "1/2", "1/3"]);
  log.publish(0, 1234);
  log.publish(1, 1);
  await follower.read();
  expect(seen.length).toBe(3 + 1234 + 1);
  expect(seen.slice(3, 1237)).toEqual(Array.from({ length: 1234 }, (_, i) => `0/${i + 1}`));
  expect(seen.at(-1)).toBe("1/4");
});
