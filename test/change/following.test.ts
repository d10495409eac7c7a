/** Two who carry the same change through: one reads history, the other follows, tells how it ends, and takes its place when it is gone. */
import { expect, test } from "vitest";
import { ChangeLost, type Filling } from "../../engine/change/apply.js";
import { bundleOf, writeBundle } from "../../engine/change/bundle.js";
import { beginChange, cancelChange, changeUnderWay, type Change } from "../../engine/change/change.js";
import { busy, FillOver } from "../../engine/change/fill-store.js";
import { carryThroughOrFollow, type FollowParts } from "../../engine/change/following.js";
import { PROGRESS_FIELD, STALE_AFTER_MS, writeProgress } from "../../engine/change/progress.js";
import { newWorld, opened, quiet, simulatedEnvironment, type World } from "../engine/simulated-ports.js";

const PARTITIONS = 2;
const CHANGE: Change = { id: "c1", program: "new", from: "old", fill: true, phase: "filling", since: 0 };

interface Here {
  readonly world: World;
  readonly told: string[];
  /** How often it has tried to read history. */
  tries: number;
  end: string | null;
}

async function here(fill: () => Promise<Filling>): Promise<Here & { run(): Promise<void>; readonly store: FollowParts["store"] }> {
  const world = newWorld(PARTITIONS);
  world.now = Date.UTC(2026, 0, 1);
  const { store, log } = opened(world, () => "none", () => 10);
  world.shared.set("current", "old");
  expect(await beginChange(store, CHANGE, writeBundle(bundleOf([{ file: "r.eddy", text: "event bought" }])))).toBe(true);
  let seconds = 0;
  const of: Here = { world, told: [], tries: 0, end: null };
  carryThroughOrFollow({
    store, log, partitions: PARTITIONS, environment: { ...simulatedEnvironment(world), seconds: () => (seconds += 0.1) }, signal: new AbortController().signal,
    fill: () => { of.tries++; return fill(); },
    clear: () => Promise.resolve(), isEngineAtWork: () => Promise.resolve(true), told: ({ k }) => void of.told.push(k),
  }, CHANGE).then((end) => { of.end = end; }, (error: Error) => { of.end = error.name; });
  return Object.assign(of, { store, run: () => quiet(world, () => of.end !== null, 400) });
}

const goOver = ({ stores }: World): void => stores.forEach(({ fields }) => fields.set("program", "new"));
const tellProgress = (world: World): void => void world.shared.set(PROGRESS_FIELD, writeProgress({ change: CHANGE.id, done: 1, total: 9, rate: 1, filled: 0, partitions: PARTITIONS, since: 0, at: world.now }));

test.each([["is busy", busy()], ["has ended it just then", new FillOver("over")]])("the other %s: it is followed, and what it has done is success", async (_, error) => {
  const own = await here(() => Promise.reject(error));
  tellProgress(own.world);
  await own.run();
  expect([own.end, own.tries, own.told]).toEqual([null, 1, ["filling", "following"]]);
  own.world.shared.delete("change");
  own.world.shared.set("current", "new");
  await own.run();
  expect(own.end).toBe("done");
});

test.each([["carried it through", "new", "done"], ["cancelled it", "old", ChangeLost.name]])("the other has %s while history was read here", async (_, current, end) => {
  let endOfReading = (): void => undefined;
  const near = new Promise<void>((resolve) => { endOfReading = resolve; });
  const own = await here(() => Promise.resolve({ near: () => near, filled: () => Promise.resolve(), stands: () => Promise.resolve(true), close: () => Promise.resolve() }));
  await own.run();
  expect([own.end, own.tries]).toEqual([null, 1]);
  own.world.shared.delete("change");
  own.world.shared.set("current", current);
  endOfReading();
  await own.run();
  expect(own.end).toBe(end);
});

test("the other is gone: history is read on in its place", async () => {
  let isBusy = true;
  const filling: Filling = { near: () => Promise.resolve(), filled: () => Promise.resolve(), stands: () => Promise.resolve(true), close: () => Promise.resolve() };
  const own = await here(() => (isBusy ? Promise.reject(busy()) : Promise.resolve(filling)));
  tellProgress(own.world);
  await own.run();
  expect(own.tries).toBe(1);
  isBusy = false;
  own.world.now += STALE_AFTER_MS + 1;
  await own.run();
  expect(own.tries).toBe(2);
  goOver(own.world);
  await own.run();
  expect(own.end).toBe("done");
  expect(await changeUnderWay(own.store)).toBeNull();
});

test("the other has cancelled it: it is lost", async () => {
  const own = await here(() => Promise.reject(busy()));
  tellProgress(own.world);
  await own.run();
  expect(await cancelChange(own.store, CHANGE)).toBe(true);
  await own.run();
  expect(own.end).toBe(ChangeLost.name);
});
