/** What a scope must be beside the main store: apart from it, and gone when it is dropped or its partition is rebuilt. */
import { describe, expect, test } from "vitest";
import type { StateStore, Writer } from "../../engine/ports.js";
import { commitOf, outputOf } from "./state-store.js";

export interface OpenedStore {
  readonly store: StateStore;
  clear(partition: number, writer: Writer): Promise<boolean>;
  drop(partition: number | null): Promise<void>;
  empty(): Promise<void>;
}

export interface ScopeFixture {
  readonly main: OpenedStore;
  /** Two processes that have the same scope open. */
  readonly scope: OpenedStore;
  readonly other: OpenedStore;
  dispose(): Promise<void>;
}

const P = 3;
const Q = 5;

async function fill(store: StateStore, partition: number, value: string): Promise<Writer> {
  const { writer } = await store.claim(partition, `${value}-${partition}`);
  const answer = await store.commit(commitOf(writer, 1, {
    partition, states: [["ann", Buffer.from(value)]], wakes: [["ann", 10]], segments: [{ segment: "vip", add: ["ann"], remove: [] }],
    counts: [{ ranking: "r", forget: false, changes: [[7, 1]] }], outputs: [outputOf(1, value)], meta: { offset: "9", long: value.repeat(600) },
  }));
  expect(answer).toBe("done");
  return writer;
}

async function seen(store: StateStore, partition: number): Promise<unknown> {
  const [state] = await store.load(partition, ["ann"]);
  const { number, meta } = await store.meta(partition);
  return {
    number, offset: meta["offset"] ?? null, long: meta["long"]?.length ?? 0, state: state === null || state === undefined ? null : Buffer.from(state).toString(), wakes: await store.wakes(partition, null, 10),
    members: (await store.members(partition, "vip", null)).customers, sizes: await store.segmentSizes(partition, ["vip"]), counts: await store.counts(partition, "r"),
    outbox: (await store.outbox(partition, 1, 10)).length, scanned: (await store.scan(partition, null)).states.length,
  };
}

const full = (value: string): unknown => ({
  number: 1, offset: "9", long: value.length * 600, state: value, wakes: [{ customer: "ann", at: 10 }], members: ["ann"], sizes: [1], counts: [[7, 1]], outbox: 1, scanned: 1,
});
const NOTHING = { number: 0, offset: null, long: 0, state: null, wakes: [], members: [], sizes: [0], counts: [], outbox: 0, scanned: 0 };

export function scopeSuite(name: string, fixture: () => Promise<ScopeFixture>): void {
  const using = async (act: (made: ScopeFixture) => Promise<void>): Promise<void> => {
    const made = await fixture();
    try {
      await act(made);
    } finally {
      await made.dispose();
    }
  };

  describe(`${name}: a scope`, () => {
    test("is empty at first, and has its own state, shared fields and members", () => using(async ({ main, scope, other }) => {
      await fill(main.store, P, "live");
      await main.store.share({}, { current: "abc" });
      await main.store.beat("engine", [P], 60_000);
      expect(await seen(other.store, P)).toEqual(NOTHING);
      expect(await scope.store.shared(["current"])).toEqual([null]);
      await fill(scope.store, P, "filled");
      await scope.store.share({}, { source: "file" });
      expect((await scope.store.beat("filler", [], 60_000)).map(({ id }) => id)).toEqual(["filler"]);
      expect(await seen(main.store, P)).toEqual(full("live"));
      expect(await seen(scope.store, P)).toEqual(full("filled"));
      expect(await seen(other.store, P)).toEqual(full("filled"));
      expect(await other.store.shared(["current", "source"])).toEqual([null, "file"]);
      expect(await main.store.shared(["current", "source"])).toEqual(["abc", null]);
    }));

    test("clearing a partition of it keeps its fields and outbox, and touches nothing of the main store", () => using(async ({ main, scope }) => {
      await fill(main.store, P, "live");
      const writer = await fill(scope.store, P, "filled");
      expect(await scope.clear(P, { ...writer, token: "somebody" })).toBe(false);
      expect(await scope.clear(P, writer)).toBe(true);
      expect(await seen(scope.store, P)).toEqual({ ...NOTHING, number: 1, offset: "9", long: 3600, outbox: 1 });
      expect(await seen(main.store, P)).toEqual(full("live"));
    }));

    test("a partition of it is dropped with all that is known of it; its writer's next commit is moved", () => using(async ({ main, scope, other }) => {
      await fill(main.store, P, "live");
      const writer = await fill(scope.store, P, "filled");
      await fill(scope.store, Q, "filled");
      await other.drop(P);
      expect(await seen(scope.store, P)).toEqual(NOTHING);
      expect(await scope.store.commit(commitOf(writer, 2))).toBe("moved");
      expect(await seen(scope.store, P)).toEqual(NOTHING);
      expect(await seen(scope.store, Q)).toEqual(full("filled"));
      expect(await seen(main.store, P)).toEqual(full("live"));
    }));

    test("all of it is dropped, and it can be filled again", () => using(async ({ main, scope, other }) => {
      await fill(main.store, P, "live");
      await main.store.share({}, { current: "abc" });
      for (const partition of [P, Q]) await fill(scope.store, partition, "filled");
      await scope.store.share({}, { source: "file" });
      await scope.store.beat("filler", [], 60_000);
      expect(await seen(other.store, P)).toEqual(full("filled"));
      await scope.drop(null);
      await scope.drop(null);
      for (const { store } of [scope, other]) for (const partition of [P, Q]) expect(await seen(store, partition)).toEqual(NOTHING);
      expect(await other.store.shared(["source"])).toEqual([null]);
      expect((await other.store.beat("another", [], 60_000)).map(({ id }) => id)).toEqual(["another"]);
      expect(await seen(main.store, P)).toEqual(full("live"));
      expect(await main.store.shared(["current"])).toEqual(["abc"]);
      await fill(other.store, P, "again");
      expect(await seen(scope.store, P)).toEqual(full("again"));
    }));

    test("it is emptied, and can be filled again; who works there stays known, and whose a partition was writes nothing into it", () => using(async ({ main, scope, other }) => {
      await fill(main.store, P, "live");
      await scope.empty();
      const writer = await fill(scope.store, P, "filled");
      await fill(scope.store, Q, "filled");
      await scope.store.share({}, { source: "file" });
      await scope.store.beat("filler", [], 60_000);
      await scope.empty();
      for (const { store } of [scope, other]) for (const partition of [P, Q]) expect(await seen(store, partition)).toEqual(NOTHING);
      expect(await other.store.shared(["source"])).toEqual([null]);
      expect((await scope.store.beat("another", [], 60_000)).map(({ id }) => id)).toEqual(["another", "filler"]);
      expect(await scope.store.commit(commitOf(writer, 2))).toBe("moved");
      await fill(scope.store, P, "again");
      expect(await seen(other.store, P)).toEqual(full("again"));
      expect(await seen(main.store, P)).toEqual(full("live"));
    }));

    test("goes with a partition of the main store that is rebuilt; the other partitions stay", () => using(async ({ main, scope }) => {
      const writer = await fill(main.store, P, "live");
      for (const partition of [P, Q]) await fill(scope.store, partition, "filled");
      expect(await main.clear(P, writer)).toBe(true);
      expect(await seen(main.store, P)).toEqual({ ...NOTHING, number: 1, offset: "9", long: 2400, outbox: 1 });
      expect(await seen(scope.store, P)).toEqual(NOTHING);
      expect(await seen(scope.store, Q)).toEqual(full("filled"));
      // A wake at the very same instant is one again, after a rebuild.
      expect(await main.store.commit(commitOf(writer, 2, { wakes: [["ann", 10]] }))).toBe("done");
      expect(await main.store.wakes(P, null, 10)).toEqual([{ customer: "ann", at: 10 }]);
    }));

    test("the main store is never dropped", () => using(async ({ main }) => {
      await fill(main.store, P, "live");
      await expect(main.drop(null)).rejects.toThrow(/only a scope/);
      await expect(main.drop(P)).rejects.toThrow(/only a scope/);
      await expect(main.empty()).rejects.toThrow(/only a scope/);
      expect(await seen(main.store, P)).toEqual(full("live"));
    }));
  });
}
