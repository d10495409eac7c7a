/** As simulation.test.ts, with other seeds. */
import { describe, test } from "vitest";
import { ALONE, allIsWell } from "./seeds.js";

describe.runIf(ALONE === undefined)("under faults", () => {
  test("seeds 1001 to 2000, as far as time allows, come out as a straight run does", () => allIsWell(1001, 2000, 10), 600_000);
});
