/** The embedded store under faults, for some seconds. A longer run: `npm run bench -- faults --embedded`. */
import { expect, test } from "vitest";
import { canFillDisk, embeddedMarathon } from "./embedded.js";

const title = "killed, ended, stopped, without room: nothing lost, nothing twice, every segment equal";
test(canFillDisk() ? title : `${title} (without a full disk, which needs Linux and prlimit)`, async () => {
  const { findings, faults, sent, truth } = await embeddedMarathon({ seed: 1, partitions: 4, faults: 8, customers: 300, perSecond: 150 });
  expect(findings).toEqual([]);
  expect(faults.length).toBe(8);
  expect(sent).toBeGreaterThan(500);
  expect(truth?.outputs).toBeGreaterThan(sent);
}, 600_000);
