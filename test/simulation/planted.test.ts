/** The simulation can fail: with a fault planted in the engine or its servers (planted.ts) it does, within a few seeds. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type * as CacheModule from "../../engine/cache.js";
import type * as SupplyingModule from "../../engine/supplying.js";
import type * as SharingModule from "../../engine/sharing.js";
import { BUGS, NOTHING_REPLACED, replaced } from "./planted.js";
import { simulate } from "./run.js";
import { ALONE, runnerSpeaks, told } from "./seeds.js";

vi.mock("../../engine/cache.js", async (original) => {
  const real = await original<typeof CacheModule>();
  return { ...real, customerCache: (...given: Parameters<typeof real.customerCache>) => (replaced.cache ?? real.customerCache)(...given) };
});
vi.mock("../../engine/supplying.js", async (original) => {
  const real = await original<typeof SupplyingModule>();
  return { ...real, supplyWakes: (...given: Parameters<typeof real.supplyWakes>) => (replaced.supplyWakes ?? real.supplyWakes)(...given) };
});
vi.mock("../../engine/sharing.js", async (original) => {
  const real = await original<typeof SharingModule>();
  return { ...real, shares: (...given: Parameters<typeof real.shares>) => (replaced.shares ?? real.shares)(...given) };
});

/** Within as many seeds a planted fault must be noticed. */
const NOTICED_WITHIN = 150;

describe.runIf(ALONE === undefined)("planted faults are noticed", () => {
  afterEach(() => { Object.assign(replaced, NOTHING_REPLACED); });

  test.each(BUGS.map((bug) => [bug.name, bug] as const))("%s", async (_, { planted, replaces, only, from = 1 }) => {
    Object.assign(replaced, replaces);
    for (let seed = from; seed < from + NOTICED_WITHIN; seed++) {
      await runnerSpeaks();
      const { trouble } = await simulate(seed, planted, only);
      if (trouble === null) continue;
      // Without it all is well: it is the fault that was noticed.
      Object.assign(replaced, NOTHING_REPLACED);
      const control = await simulate(seed, {}, only);
      return expect(control.trouble === null ? "" : told(control)).toBe("");
    }
    expect.unreachable(`not noticed in ${NOTICED_WITHIN} seeds`);
  }, 600_000);
});
