/**
 * What every state store must do, as tests: the contract of StateStore in engine/ports.ts. Each adapter runs this suite
 * on the real thing, and tests its own failures (servers that die, connections that break) beside it.
 */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Commit, ConnectionState, Output, StateStore, Wake, Writer } from "../../engine/ports.js";
import { StoreRefused } from "../../engine/ports.js";

/** An empty store with at least 8 partitions, made anew for every test. */
export interface StateStoreFixture {
  readonly store: StateStore;
  /** Closes the store and opens it again on the same data, as a process does that starts anew. */
  reopen(): Promise<StateStore>;
  /** Closes whatever is open. */
  dispose(): Promise<void>;
}

const P = 3;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = (text: string): Uint8Array => encoder.encode(text);
const texts = (states: readonly (Uint8Array | null)[]): (string | null)[] =>
  states.map((state) => (state === null ? null : decoder.decode(state)));

export function commitOf(writer: Writer, number: number, parts: Partial<Commit> = {}): Commit {
  return { partition: P, writer, number, states: [], wakes: [], segments: [], outputs: [], forget: 0, meta: {}, ...parts };
}

export function outputOf(number: number, text = "x"): Output {
  return { number, subject: `actions.${P}.email.hello`, id: `id-${number}`, cause: number * 10, body: JSON.stringify({ text }) };
}

export async function allMembers(store: StateStore, partition: number, segment: string): Promise<string[]> {
  const seen = new Set<string>();
  let cursor: string | null = null;
  do {
    const page = await store.members(partition, segment, cursor);
    for (const customer of page.customers) seen.add(customer);
    cursor = page.cursor;
  } while (cursor !== null);
  return [...seen].sort();
}

export async function allStates(store: StateStore, partition: number): Promise<Map<string, string>> {
  const seen = new Map<string, string>();
  let cursor: string | null = null;
  do {
    const page = await store.scan(partition, cursor);
    for (const [customer, state] of page.states) seen.set(customer, Buffer.from(state).toString("base64"));
    cursor = page.cursor;
  } while (cursor !== null);
  return seen;
}

export async function allWakes(store: StateStore, partition: number, limit: number): Promise<Wake[]> {
  const seen: Wake[] = [];
  for (let after: Wake | null = null; ;) {
    const page: Wake[] = await store.wakes(partition, after, limit);
    expect(page.length).toBeLessThanOrEqual(limit);
    const last = page.at(-1);
    if (last === undefined) return seen;
    seen.push(...page);
    after = last;
  }
}

/** Everything a partition holds, for comparing before and after. */
async function everything(store: StateStore, partition: number, segments: readonly string[]): Promise<unknown> {
  return {
    meta: await store.meta(partition),
    states: [...await allStates(store, partition)].sort(),
    wakes: await allWakes(store, partition, 100),
    segments: await Promise.all(segments.map((segment) => allMembers(store, partition, segment))),
    outbox: await store.outbox(partition, 0, 10_000),
    counts: await Promise.all(RANKINGS.map((ranking) => allCounts(store, partition, ranking))),
  };
}

export async function allCounts(store: StateStore, partition: number, ranking: string): Promise<(readonly [number, number])[]> {
  return (await store.counts(partition, ranking)).toSorted(([a], [b]) => a - b);
}

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Ids that code tends to get wrong. */
export const AWKWARD_IDS: readonly string[] = [
  " ", "0", "007", "-1", "1e3", "__proto__", "constructor", "a:b", "a*b?", "{1}", "}", "line\nbreak", "nul\u0000inside",
  "\u0001\u007f", "\u0080", "é", "e\u0301", "ß", "Ж", "漢字", "👍🏽", "\u{10FFFF}", "\uFFFD", "\uFEFFbom", "$6\r\nfoobar\r\n",
  "x".repeat(1000), "ü".repeat(500),
];

export function stateStoreSuite(name: string, makeFixture: () => Promise<StateStoreFixture>): void {
  describe(`state store: ${name}`, () => {
    let fixture: StateStoreFixture | undefined;
    let store: StateStore;
    beforeEach(async () => {
      fixture = await makeFixture();
      store = fixture.store;
    });
    afterEach(() => fixture?.dispose());

    const reopened = async (): Promise<StateStore> => {
      if (fixture === undefined) throw new Error("there is no fixture");
      return fixture.reopen();
    };
    const claimed = async (token = "writer"): Promise<Writer> => (await store.claim(P, token)).writer;

    describe("fields that all share", () => {
      test("are not there until they are set, and stay", async () => {
        expect(await store.shared(["current", "change"])).toEqual([null, null]);
        expect(await store.shared([])).toEqual([]);
        expect(await store.share({}, { current: "abc", "program:abc": "é\n{\"x\": 1}" })).toBe(true);
        expect(await store.shared(["program:abc", "change", "current"])).toEqual(["é\n{\"x\": 1}", null, "abc"]);
        expect(await (await reopened()).shared(["current"])).toEqual(["abc"]);
      });

      test("are set together, where all expected have their values, and not at all otherwise", async () => {
        await store.share({}, { current: "a", change: "1" });
        expect(await store.share({ current: "a", change: "2" }, { current: "b", more: "x" })).toBe(false);
        expect(await store.share({ current: "a", none: "2" }, { current: "b", more: "x" })).toBe(false);
        expect(await store.share({ change: "" }, { change: "2" })).toBe(false);
        expect(await store.shared(["current", "change", "more"])).toEqual(["a", "1", null]);
        expect(await store.share({ current: "a", change: "1", none: "" }, { current: "b", change: "" })).toBe(true);
        expect(await store.shared(["current", "change"])).toEqual(["b", null]);
      });

      test("set once more, since the answer was lost, is true and changes nothing", async () => {
        expect(await store.share({ current: "", change: "" }, { current: "a" })).toBe(true);
        expect(await store.share({ current: "", change: "" }, { current: "a" })).toBe(true);
        expect(await store.share({ current: "a" }, { current: "", change: "1" })).toBe(true);
        expect(await store.share({ current: "a" }, { current: "", change: "1" })).toBe(true);
        expect(await store.shared(["current", "change"])).toEqual([null, "1"]);
      });

      test("of two who set the same field at once, one does", async () => {
        const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => store.share({ change: "" }, { change: `of ${i}` })));
        expect(answers.filter((answer) => answer)).toHaveLength(1);
        expect(await store.shared(["change"])).toEqual([`of ${answers.indexOf(true)}`]);
      });

      test("may be long, and are no partition's", async () => {
        const long = "ü".repeat(500_000);
        expect(await store.share({}, { "program:long": long })).toBe(true);
        expect(await store.shared(["program:long"])).toEqual([long]);
        expect((await store.meta(P)).meta).toEqual({});
        const { writer, number } = await store.claim(P, "writer");
        await store.commit(commitOf(writer, number + 1, { meta: { "program:long": "mine", current: "x" } }));
        expect(await store.shared(["program:long", "current"])).toEqual([long, null]);
      });
    });

    describe("claims and writers", () => {
      test("a new partition is empty and has no writer", async () => {
        expect(await store.meta(P)).toEqual({ number: 0, meta: {}, writer: null });
        expect(await store.load(P, ["a"])).toEqual([null]);
        expect(await store.load(P, [])).toEqual([]);
        expect(await store.wakes(P, null, 10)).toEqual([]);
        expect(await store.outbox(P, 0, 10)).toEqual([]);
        expect(await store.segmentSizes(P, ["vip", "lost"])).toEqual([0, 0]);
        expect(await allMembers(store, P, "vip")).toEqual([]);
        expect(await allStates(store, P)).toEqual(new Map());
      });

      test("a claim raises the epoch, sets the writer and answers what is stored", async () => {
        const first = await store.claim(P, "one");
        expect(first).toMatchObject({ number: 0, meta: {}, writer: { token: "one" } });
        expect(await store.commit(commitOf(first.writer, 1, { meta: { position: "17" } }))).toBe("done");
        const second = await store.claim(P, "two");
        expect(second).toMatchObject({ number: 1, meta: { position: "17" }, writer: { token: "two" } });
        expect(second.writer.epoch).toBeGreaterThan(first.writer.epoch);
        expect(await store.meta(P)).toEqual({ number: 1, meta: { position: "17" }, writer: second.writer });
      });

      test("a commit without a claim writes nothing", async () => {
        const answer = await store.commit(commitOf({ epoch: 1, token: "nobody" }, 1, { states: [["a", bytes("1")]] }));
        expect(["lost", "moved"]).toContain(answer);
        expect(await store.load(P, ["a"])).toEqual([null]);
      });

      test("an earlier writer's commits are lost and leave no trace", async () => {
        const zombie = await claimed("zombie");
        expect(await store.commit(commitOf(zombie, 1, { states: [["a", bytes("old")]] }))).toBe("done");
        const owner = await claimed("owner");
        const late = commitOf(zombie, 2, {
          states: [["a", bytes("zombie")], ["b", bytes("zombie")]], wakes: [["a", 5]],
          segments: [{ segment: "vip", add: ["a"], remove: [] }], outputs: [outputOf(1)], meta: { position: "99" },
        });
        const before = await everything(store, P, ["vip"]);
        expect(await store.commit(late)).toBe("lost");
        expect(await everything(store, P, ["vip"])).toEqual(before);
        expect(await store.commit(commitOf(owner, 2, { states: [["a", bytes("new")]] }))).toBe("done");
        expect(await store.commit(late)).toBe("lost");
        expect(texts(await store.load(P, ["a"]))).toEqual(["new"]);
      });

      test("the number and the epoch of the owner do not help another token", async () => {
        const owner = await claimed("owner");
        expect(await store.commit(commitOf({ epoch: owner.epoch, token: "other" }, 1))).toBe("lost");
        expect(await store.commit(commitOf(owner, 1))).toBe("done");
      });

      test("partitions have writers, numbers and customers of their own", async () => {
        const three = await claimed();
        const { writer: four } = await store.claim(4, "four");
        expect(await store.commit(commitOf(three, 1, { states: [["a", bytes("3")]], segments: [{ segment: "s", add: ["a"], remove: [] }] }))).toBe("done");
        expect(await store.load(4, ["a"])).toEqual([null]);
        expect(await store.segmentSizes(4, ["s"])).toEqual([0]);
        expect((await store.meta(4)).number).toBe(0);
        expect(await store.commit({ ...commitOf(four, 1), partition: 4 })).toBe("done");
        expect(await store.commit({ ...commitOf(three, 2), partition: 4 })).toBe("lost");
      });
    });

    describe("members", () => {
      const SHORT_MS = 120;

      test("who beats is answered with all who live, itself among them, in order of the bytes of their ids", async () => {
        expect(await store.beat("b", [], 60_000)).toEqual([{ id: "b", holds: [] }]);
        expect(await store.beat("a", [0, 7], 60_000)).toEqual([{ id: "a", holds: [0, 7] }, { id: "b", holds: [] }]);
        expect(await store.beat("b", [3], 60_000)).toEqual([{ id: "a", holds: [0, 7] }, { id: "b", holds: [3] }]);
        const awkward = AWKWARD_IDS.filter((id) => id.length < 100);
        for (const id of awkward) await store.beat(id, [1], 60_000);
        const ids = (await store.beat("a", [], 60_000)).map(({ id }) => id);
        expect(ids).toEqual([...new Set(["a", "b", ...awkward])].sort(byBytes));
      });

      test("who leaves is gone at once, also who never came", async () => {
        await store.beat("a", [1], 60_000);
        await store.beat("b", [2], 60_000);
        expect(await store.beat("a", [1], 0)).toEqual([{ id: "b", holds: [2] }]);
        expect(await store.beat("c", [], 0)).toEqual([{ id: "b", holds: [2] }]);
        expect(await store.beat("b", [2], 0)).toEqual([]);
        expect(await store.beat("b", [], 60_000)).toEqual([{ id: "b", holds: [] }]);
      });

      test("a lease runs out by itself and no sooner, and a new beat makes it longer", async () => {
        await store.beat("stays", [], 60_000);
        const before = performance.now();
        await store.beat("short", [4], SHORT_MS);
        const seen = async (): Promise<boolean> => (await store.beat("stays", [], 60_000)).some(({ id }) => id === "short");
        while (await seen()) expect(performance.now() - before).toBeLessThan(20_000);
        // The store's clock and this one do not round alike.
        expect(performance.now() - before).toBeGreaterThan(SHORT_MS - 5);
        await store.beat("short", [4], SHORT_MS);
        await store.beat("short", [4], 60_000);
        const since = performance.now();
        while (performance.now() - since < 2 * SHORT_MS) expect(await seen()).toBe(true);
      });

      test("members and partitions know nothing of each other", async () => {
        const writer = await claimed();
        await store.beat("other", [P], 60_000);
        expect(await store.commit(commitOf(writer, 1))).toBe("done");
        expect(await store.meta(P)).toEqual({ number: 1, meta: {}, writer });
      });

      test("an id may not be empty", async () => {
        await expect(store.beat("", [], 1000)).rejects.toBeInstanceOf(StoreRefused);
      });
    });

    describe("numbered commits", () => {
      test("the same commit again is already done, and is not done twice", async () => {
        const writer = await claimed();
        const first = commitOf(writer, 1, { states: [["a", bytes("1")]], segments: [{ segment: "s", add: ["a"], remove: [] }] });
        expect(await store.commit(first)).toBe("done");
        expect(await store.commit(first)).toBe("already");
        expect(await store.commit(commitOf(writer, 2, { states: [["a", bytes("2")]] }))).toBe("done");
        expect(await store.commit(first)).toBe("moved");
        expect(texts(await store.load(P, ["a"]))).toEqual(["2"]);
      });

      test("a number that is neither the next nor the last has moved", async () => {
        const writer = await claimed();
        for (const number of [2, 3, 100]) {
          expect(await store.commit(commitOf(writer, number, { states: [["a", bytes("x")]] }))).toBe("moved");
        }
        expect(await store.commit(commitOf(writer, 1))).toBe("done");
        expect(await store.commit(commitOf(writer, 3))).toBe("moved");
        expect(await store.load(P, ["a"])).toEqual([null]);
        expect((await store.meta(P)).number).toBe(1);
      });

      test("another writer's commit under the same number is not mine", async () => {
        const first = await claimed("first");
        expect(await store.commit(commitOf(first, 1))).toBe("done");
        const second = await claimed("second");
        expect(await store.commit(commitOf(first, 1))).toBe("lost");
        expect(await store.commit(commitOf(second, 2))).toBe("done");
      });

      test("numbers go on over a claim", async () => {
        const first = await claimed("first");
        await store.commit(commitOf(first, 1));
        await store.commit(commitOf(first, 2));
        const again = await store.claim(P, "second");
        expect(again.number).toBe(2);
        expect(await store.commit(commitOf(again.writer, 3))).toBe("done");
      });

      test("commits sent without waiting are done in order", async () => {
        const writer = await claimed();
        const answers = await Promise.all(Array.from({ length: 50 }, (_, i) =>
          store.commit(commitOf(writer, i + 1, { states: [["a", bytes(String(i))]] }))));
        expect(new Set(answers)).toEqual(new Set(["done"]));
        expect(texts(await store.load(P, ["a"]))).toEqual(["49"]);
      });
    });

    describe("meta", () => {
      test("fields are set, kept and removed by an empty text", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { meta: { a: "1", b: "2", c: "3" } }));
        await store.commit(commitOf(writer, 2, { meta: { b: "", c: "4", never: "" } }));
        expect((await store.meta(P)).meta).toEqual({ a: "1", c: "4" });
      });

      test("no name of a field gets in the way of the store's own", async () => {
        const writer = await claimed();
        const names = [
          "epoch", "writer", "n", "number", "token", "@epoch", "@writer", "@n", "@", "@@", "@@n", "@lowest", "@newest",
          ":n", "meta", "length", "constructor", "toString", "ü", "with space", "new\nline",
        ];
        const meta = Object.fromEntries(names.map((name) => [name, `value of ${name}`]));
        expect(await store.commit(commitOf(writer, 1, { meta }))).toBe("done");
        const stored = await store.meta(P);
        expect({ ...stored.meta }).toEqual(meta);
        expect(stored.writer).toEqual(writer);
        expect(stored.number).toBe(1);
        const cleared = Object.fromEntries(names.map((name) => [name, ""]));
        expect(await store.commit(commitOf(writer, 2, { meta: cleared }))).toBe("done");
        expect(await store.meta(P)).toEqual({ number: 2, meta: {}, writer });
      });

      test("many and long fields", async () => {
        const writer = await claimed();
        const meta = Object.fromEntries(Array.from({ length: 450 }, (_, i) => [`field ${i}`, "v".repeat(i * 10 + 1)]));
        await store.commit(commitOf(writer, 1, { meta }));
        expect({ ...(await store.meta(P)).meta }).toEqual(meta);
      });
    });

    describe("states", () => {
      test("come back in the order asked, null for the unknown, as often as asked", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { states: [["a", bytes("A")], ["b", bytes("B")]] }));
        expect(texts(await store.load(P, ["b", "x", "a", "b"]))).toEqual(["B", null, "A", "B"]);
      });

      test("are replaced and removed", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { states: [["a", bytes("A")], ["b", bytes("B")], ["c", bytes("C")]] }));
        await store.commit(commitOf(writer, 2, { states: [["b", null], ["a", bytes("AA")], ["x", null]] }));
        expect(texts(await store.load(P, ["a", "b", "c"]))).toEqual(["AA", null, "C"]);
        expect([...(await allStates(store, P)).keys()].sort()).toEqual(["a", "c"]);
      });

      test("hold every byte, none and a million", async () => {
        const writer = await claimed();
        const every = Uint8Array.from({ length: 256 }, (_, i) => i);
        const large = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31 + (i >> 8)) & 255);
        await store.commit(commitOf(writer, 1, { states: [["every", every], ["empty", new Uint8Array(0)], ["large", large]] }));
        const [e, n, l] = await store.load(P, ["every", "empty", "large"]);
        expect(Buffer.from(e ?? []).equals(every)).toBe(true);
        expect(n).not.toBeNull();
        expect(n?.length).toBe(0);
        expect(Buffer.from(l ?? []).equals(large)).toBe(true);
      });

      test("may be views into larger memory, which may change after the answer", async () => {
        const writer = await claimed();
        const memory = new Uint8Array(100).fill(7);
        await store.commit(commitOf(writer, 1, { states: [["a", memory.subarray(10, 13)]] }));
        memory.fill(9);
        expect(Array.from((await store.load(P, ["a"]))[0] ?? [])).toEqual([7, 7, 7]);
      });

      test("live under any id", async () => {
        const writer = await claimed();
        const at = (i: number): number => 1000 + (i % 3);
        const commit = commitOf(writer, 1, {
          states: AWKWARD_IDS.map((id, i) => [id, bytes(`state ${i}`)]),
          wakes: AWKWARD_IDS.map((id, i) => [id, at(i)]),
          segments: [{ segment: "any", add: AWKWARD_IDS, remove: [] }],
        });
        expect(await store.commit(commit)).toBe("done");
        expect(texts(await store.load(P, AWKWARD_IDS))).toEqual(AWKWARD_IDS.map((_, i) => `state ${i}`));
        expect([...(await allStates(store, P)).keys()].sort()).toEqual([...AWKWARD_IDS].sort());
        expect(await allMembers(store, P, "any")).toEqual([...AWKWARD_IDS].sort());
        const expected = AWKWARD_IDS.map((customer, i) => ({ customer, at: at(i) }))
          .sort((a, b) => a.at - b.at || byBytes(a.customer, b.customer));
        expect(await allWakes(store, P, 5)).toEqual(expected);
        const gone = commitOf(writer, 2, {
          states: AWKWARD_IDS.map((id) => [id, null]), wakes: AWKWARD_IDS.map((id) => [id, null]),
          segments: [{ segment: "any", add: [], remove: AWKWARD_IDS }],
        });
        expect(await store.commit(gone)).toBe("done");
        expect((await allStates(store, P)).size).toBe(0);
        expect(await store.segmentSizes(P, ["any"])).toEqual([0]);
        expect(await store.wakes(P, null, 1)).toEqual([]);
      });

      test("thousands in one commit, seen by load and scan", async () => {
        const writer = await claimed();
        const ids = Array.from({ length: 5000 }, (_, i) => `customer-${i}`);
        await store.commit(commitOf(writer, 1, { states: ids.map((id) => [id, bytes(`state of ${id}`)]) }));
        expect(texts(await store.load(P, ids))).toEqual(ids.map((id) => `state of ${id}`));
        expect((await allStates(store, P)).size).toBe(5000);
        expect((await store.scan(P, null)).states.length).toBeLessThan(5000);
        const few = new Set<string>();
        for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
          const page: Awaited<ReturnType<StateStore["scan"]>> = await store.scan(P, cursor, 40);
          expect(page.states.length).toBeLessThan(200);
          for (const [id] of page.states) few.add(id);
          cursor = page.cursor;
        }
        expect(few.size).toBe(5000);
        await store.commit(commitOf(writer, 2, { states: ids.slice(1).map((id) => [id, null]) }));
        expect([...(await allStates(store, P)).keys()]).toEqual(["customer-0"]);
      });
    });

    describe("counts of rankings", () => {
      const counted = (ranking: string, changes: readonly (readonly [number, number])[], forget = false): Partial<Commit> => ({ counts: [{ ranking, forget, changes }] });

      test("are added up; what becomes 0 is gone", async () => {
        const writer = await claimed();
        expect(await store.counts(P, "r")).toEqual([]);
        await store.commit(commitOf(writer, 1, counted("r", [[5, 2], [-1.5, 1], [7, 3]])));
        await store.commit(commitOf(writer, 2, counted("r", [[5, -2], [-1.5, 1], [9, 1]])));
        expect(await allCounts(store, P, "r")).toEqual([[-1.5, 2], [7, 3], [9, 1]]);
        expect(await store.counts(P, "other")).toEqual([]);
        expect(await store.counts(4, "r")).toEqual([]);
        await store.commit(commitOf(writer, 3, counted("r", [[-1.5, -2], [7, -3], [9, -1]])));
        expect(await store.counts(P, "r")).toEqual([]);
      });

      test("begin anew where they are told to", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { counts: [{ ranking: "r", forget: false, changes: [[1, 1], [2, 2]] }, { ranking: "rr", forget: false, changes: [[1, 7]] }] }));
        await store.commit(commitOf(writer, 2, counted("r", [[2, 5]], true)));
        expect(await allCounts(store, P, "r")).toEqual([[2, 5]]);
        await store.commit(commitOf(writer, 3, counted("r", [], true)));
        expect(await store.counts(P, "r")).toEqual([]);
        expect(await allCounts(store, P, "rr")).toEqual([[1, 7]]);
      });

      test("of any value that a number can have, to the bit", async () => {
        const writer = await claimed();
        const values = [-1.7976931348623157e308, -1e21, -1767225600000.5, -5e-324, 0, 1e-7, 0.1, 0.30000000000000004, 9007199254740994, 1e21, 1.7976931348623157e308];
        await store.commit(commitOf(writer, 1, counted("r", values.map((value, i) => [value, i + 1] as const))));
        expect(await allCounts(store, P, "r")).toEqual(values.map((value, i) => [value, i + 1]));
      });

      test("thousands of values, in one commit and from one to the next", async () => {
        const writer = await claimed();
        const values = Array.from({ length: 7001 }, (_, i) => i * 0.7);
        await store.commit(commitOf(writer, 1, counted("r", values.map((value) => [value, 2] as const))));
        await store.commit(commitOf(writer, 2, counted("r", values.map((value, i) => [value, i % 2 === 0 ? -2 : 1] as const))));
        expect(await allCounts(store, P, "r")).toEqual(values.filter((_, i) => i % 2 === 1).map((value) => [value, 3]));
      });

      test("change with everything else or not at all: lost and repeated commits add nothing", async () => {
        const zombie = await claimed("zombie");
        const first = commitOf(zombie, 1, counted("r", [[1, 1]]));
        expect([await store.commit(first), await store.commit(first)]).toEqual(["done", "already"]);
        const writer = await claimed("owner");
        expect(await store.commit(commitOf(zombie, 2, counted("r", [[1, 1]], true)))).toBe("lost");
        expect(await store.commit(commitOf(writer, 3, counted("r", [[1, 1]])))).toBe("moved");
        expect(await allCounts(store, P, "r")).toEqual([[1, 1]]);
        store = await reopened();
        expect(await allCounts(store, P, "r")).toEqual([[1, 1]]);
      });
    });

    describe("wakes", () => {
      test("come in order of instant, then of the id's bytes", async () => {
        const writer = await claimed();
        // UTF-16 order would put the emoji (a surrogate pair) before U+FFFD; bytes put it behind.
        const wakes: [string, number][] = [["b", 20], ["a", 20], ["\uFFFD", 20], ["👍", 20], ["z", 10], ["B", 20], ["c", -5], ["d", 0]];
        await store.commit(commitOf(writer, 1, { wakes }));
        expect((await store.wakes(P, null, 100)).map(({ customer }) => customer)).toEqual(["c", "d", "z", "B", "a", "b", "\uFFFD", "👍"]);
        expect(await store.wakes(P, null, 2)).toEqual([{ customer: "c", at: -5 }, { customer: "d", at: 0 }]);
        expect(await store.wakes(P, { customer: "a", at: 20 }, 2)).toEqual([{ customer: "b", at: 20 }, { customer: "\uFFFD", at: 20 }]);
        expect(await store.wakes(P, { customer: "👍", at: 20 }, 2)).toEqual([]);
        expect(await store.wakes(P, null, 0)).toEqual([]);
      });

      test("are moved and removed", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { wakes: [["a", 10], ["b", 20], ["c", 30]] }));
        await store.commit(commitOf(writer, 2, { wakes: [["a", 40], ["b", null], ["never", null]] }));
        expect(await store.wakes(P, null, 10)).toEqual([{ customer: "c", at: 30 }, { customer: "a", at: 40 }]);
      });

      test("keep every millisecond of any date", async () => {
        const writer = await claimed();
        const instants = [-62_135_596_800_000, -1, 0, 1, 1_767_225_600_123, 253_402_300_799_999, 8_640_000_000_000_000];
        await store.commit(commitOf(writer, 1, { wakes: instants.map((at, i) => [`c${i}`, at]) }));
        expect(await store.wakes(P, null, 10)).toEqual(instants.map((at, i) => ({ customer: `c${i}`, at })));
        expect(await store.wakes(P, { customer: "c5", at: 253_402_300_799_999 }, 10)).toEqual([{ customer: "c6", at: 8_640_000_000_000_000 }]);
      });

      test("thousands at one instant, page by page", async () => {
        const writer = await claimed();
        const ids = Array.from({ length: 3000 }, (_, i) => `c${(i * 7919) % 3000}`);
        await store.commit(commitOf(writer, 1, { wakes: [["first", 999], ...ids.map((id): [string, number] => [id, 1000]), ["last", 1001]] }));
        const expected = [{ customer: "first", at: 999 }, ...[...ids].sort(byBytes).map((customer) => ({ customer, at: 1000 })), { customer: "last", at: 1001 }];
        expect(await allWakes(store, P, 700)).toEqual(expected);
        expect(await store.wakes(P, null, 5000)).toEqual(expected);
      });

      test("a page goes on rightly behind an entry that was removed, moved or never there", async () => {
        const writer = await claimed();
        const ids = Array.from({ length: 500 }, (_, i) => `c${String(i).padStart(3, "0")}`);
        await store.commit(commitOf(writer, 1, { wakes: [["early", 1], ...ids.map((id): [string, number] => [id, 1000]), ["late", 2000]] }));
        await store.commit(commitOf(writer, 2, { wakes: [["c100", null], ["c200", 500], ["c300", 3000], ["early", null]] }));
        const next = async (customer: string, at: number): Promise<string | undefined> => (await store.wakes(P, { customer, at }, 1))[0]?.customer;
        expect(await next("early", 1)).toBe("c200");
        expect(await next("c100", 1000)).toBe("c101");
        expect(await next("c200", 1000)).toBe("c201");
        expect(await next("c300", 1000)).toBe("c301");
        expect(await next("c0995", 1000)).toBe("c101");
        expect(await next("", 1000)).toBe("c000");
        expect(await next("zzz", 1000)).toBe("late");
        expect(await next("zzz", 999)).toBe("c000");
        expect(await next("a", 1001)).toBe("late");
        expect(await next("c300", 3000)).toBeUndefined();
        expect(await next("a", 9999)).toBeUndefined();
      });
    });

    describe("segments", () => {
      test("members join and leave, and are counted", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { segments: [{ segment: "vip", add: ["a", "b"], remove: [] }, { segment: "lost", add: ["c"], remove: ["a"] }] }));
        await store.commit(commitOf(writer, 2, { segments: [{ segment: "vip", add: ["a", "d"], remove: ["b", "never"] }] }));
        expect(await allMembers(store, P, "vip")).toEqual(["a", "d"]);
        expect(await store.segmentSizes(P, ["lost", "vip", "none"])).toEqual([1, 2, 0]);
        expect(await store.segmentSizes(P, [])).toEqual([]);
      });

      test("names may be anything", async () => {
        const writer = await claimed();
        const names = ["a:b", "with space", "ünïcode", "{9}", "", "meta", "a/b\u0000c"];
        await store.commit(commitOf(writer, 1, { segments: names.map((segment, i) => ({ segment, add: [`c${i}`], remove: [] })) }));
        for (const [i, segment] of names.entries()) expect(await allMembers(store, P, segment)).toEqual([`c${i}`]);
        expect((await store.meta(P)).number).toBe(1);
      });

      test("thousands of members, and numbers as ids", async () => {
        const writer = await claimed();
        const ids = Array.from({ length: 4000 }, (_, i) => String(i * 3));
        await store.commit(commitOf(writer, 1, { segments: [{ segment: "all", add: ids, remove: [] }, { segment: "few", add: ids.slice(0, 3), remove: [] }] }));
        expect(await allMembers(store, P, "all")).toEqual([...ids].sort());
        expect(await allMembers(store, P, "few")).toEqual(["0", "3", "6"]);
        await store.commit(commitOf(writer, 2, { segments: [{ segment: "all", add: [], remove: ids.slice(10) }] }));
        expect(await allMembers(store, P, "all")).toEqual(ids.slice(0, 10).sort());
        expect(await store.segmentSizes(P, ["all"])).toEqual([10]);
      });
    });

    describe("outbox", () => {
      test("gives outputs back as they were, in order, from a number on", async () => {
        const writer = await claimed();
        const strange: Output = { number: 3, subject: "dead.3.ünï code\n", id: "id\u0000 with 👍", cause: Number.MAX_SAFE_INTEGER, body: `{"text":"line\\n 漢字 \u0000"}` };
        await store.commit(commitOf(writer, 1, { outputs: [outputOf(1), outputOf(2), strange] }));
        await store.commit(commitOf(writer, 2, { outputs: [outputOf(4, ""), outputOf(5, "long ".repeat(10_000))] }));
        const all = [outputOf(1), outputOf(2), strange, outputOf(4, ""), outputOf(5, "long ".repeat(10_000))];
        expect(await store.outbox(P, 0, 100)).toEqual(all);
        expect(await store.outbox(P, 3, 2)).toEqual(all.slice(2, 4));
        expect(await store.outbox(P, 6, 10)).toEqual([]);
        expect(await store.outbox(P, 1, 0)).toEqual([]);
      });

      test("may forget up to a number, and never beyond", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { outputs: Array.from({ length: 10 }, (_, i) => outputOf(i + 1)) }));
        await store.commit(commitOf(writer, 2, { forget: 4 }));
        const left = (await store.outbox(P, 5, 100)).map(({ number }) => number);
        expect(left).toEqual([5, 6, 7, 8, 9, 10]);
      });

      test("does not grow without end when the old is forgotten", async () => {
        const writer = await claimed();
        let next = 1;
        for (let number = 1; number <= 60; number++) {
          const outputs = Array.from({ length: 100 }, () => outputOf(next++));
          await store.commit(commitOf(writer, number, { outputs, forget: Math.max(0, next - 301) }));
        }
        const left = await store.outbox(P, 0, 100_000);
        expect(left.length).toBeLessThan(1500);
        expect(left.slice(-300).map(({ number }) => number)).toEqual(Array.from({ length: 300 }, (_, i) => 5701 + i));
      });

      test("may begin anywhere and jump over numbers", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, { outputs: [outputOf(5_000_000), outputOf(5_000_001)] }));
        await store.commit(commitOf(writer, 2, { outputs: [outputOf(9_000_000), outputOf(9_000_005)] }));
        expect((await store.outbox(P, 1, 3)).map(({ number }) => number)).toEqual([5_000_000, 5_000_001, 9_000_000]);
        expect((await store.outbox(P, 9_000_001, 3)).map(({ number }) => number)).toEqual([9_000_005]);
        for (let number = 3; number < 8; number++) await store.commit(commitOf(writer, number, { forget: 9_000_000 }));
        expect((await store.outbox(P, 9_000_001, 10)).map(({ number }) => number)).toEqual([9_000_005]);
      });
    });

    describe("all or nothing", () => {
      const good = (writer: Writer): Commit => commitOf(writer, 2, {
        states: [["a", bytes("2")], ["b", null], ["new", bytes("2")]], wakes: [["a", 2], ["b", null]],
        segments: [{ segment: "s", add: ["new"], remove: ["a"] }], outputs: [outputOf(2)], meta: { position: "2" },
      });
      const broken: [string, (commit: Commit) => Commit][] = [
        ["a wake that is no number", (c) => ({ ...c, wakes: [["a", 5], ["b", Number.NaN]] })],
        ["a wake at half a millisecond", (c) => ({ ...c, wakes: [["a", 0.5]] })],
        ["a wake at infinity", (c) => ({ ...c, wakes: [["a", Number.POSITIVE_INFINITY]] })],
        ["outputs out of order", (c) => ({ ...c, outputs: [outputOf(3), outputOf(2)] })],
        ["an output twice", (c) => ({ ...c, outputs: [outputOf(2), outputOf(2)] })],
        ["an output with a number that is none", (c) => ({ ...c, outputs: [{ ...outputOf(2), number: 2.5 }] })],
        ["half a surrogate pair in an id", (c) => ({ ...c, states: [["ok", bytes("1")], ["half \ud83d", bytes("2")]] })],
        ["half a surrogate pair in a segment's member", (c) => ({ ...c, segments: [{ segment: "s", add: ["\udc00"], remove: [] }] })],
        ["a number to forget that is none", (c) => ({ ...c, forget: Number.NaN })],
      ];
      test.each(broken)("refuses %s and writes nothing", async (_, breakIt) => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, {
          states: [["a", bytes("1")], ["b", bytes("1")]], wakes: [["a", 1], ["b", 1]],
          segments: [{ segment: "s", add: ["a"], remove: [] }], outputs: [outputOf(1)], meta: { position: "1" },
        }));
        const before = await everything(store, P, ["s"]);
        await expect(store.commit(breakIt(good(writer)))).rejects.toBeInstanceOf(StoreRefused);
        expect(await everything(store, P, ["s"])).toEqual(before);
        expect(await store.commit(good(writer))).toBe("done");
      });

      test("refuses to load an id that cannot be written", async () => {
        await expect(store.load(P, ["a", "\ud800"])).rejects.toBeInstanceOf(StoreRefused);
      });
    });

    describe("over time", () => {
      test("everything is there after opening again, and the old writer can go on", async () => {
        const writer = await claimed();
        await store.commit(commitOf(writer, 1, {
          states: [["a", bytes("1")]], wakes: [["a", 1]], segments: [{ segment: "s", add: ["a"], remove: [] }],
          outputs: [outputOf(1)], meta: { position: "1" },
        }));
        const before = await everything(store, P, ["s"]);
        store = await reopened();
        expect(await everything(store, P, ["s"])).toEqual(before);
        expect(await store.commit(commitOf(writer, 1))).toBe("already");
        expect(await store.commit(commitOf(writer, 2))).toBe("done");
        expect((await store.claim(P, "next")).writer.epoch).toBeGreaterThan(writer.epoch);
      });

      test("a watcher hears the present state at once", async () => {
        await store.meta(P);
        const heard: ConnectionState[] = [];
        const stop = store.watch((state) => heard.push(state));
        expect(heard).toEqual(["connected"]);
        stop();
      });

      test("agrees with a naive store over any history", async () => {
        await fc.assert(fc.asyncProperty(fc.array(arbitraryCommit, { minLength: 1, maxLength: 12 }), async (history) => {
          const model = await emptied(store);
          const { writer, number } = await store.claim(P, "model");
          for (const [i, parts] of history.entries()) {
            const commit = commitOf(writer, number + i + 1, parts);
            expect(await store.commit(commit)).toBe("done");
            model.apply(commit);
          }
          expect(await readBack(store)).toEqual(model.content());
        }), { numRuns: 40 });
      });
    });
  });
}

// ------------------------------------------------------------------------------------------------ the naive store

const CUSTOMERS = ["a", "b", "c", "ä", "👍", "\uFFFD", "10", "9"];
const SEGMENTS = ["s", "t", "u"];
const RANKINGS = ["r", "q"];
const VALUES = [-2.5, 0, 1, 1e12];
const customer = fc.constantFrom(...CUSTOMERS);

const arbitraryCommit: fc.Arbitrary<Partial<Commit>> = fc.record({
  states: fc.uniqueArray(fc.tuple(customer, fc.option(fc.uint8Array({ maxLength: 6 }), { nil: null })), { selector: ([id]) => id }),
  wakes: fc.uniqueArray(fc.tuple(customer, fc.option(fc.integer({ min: -2, max: 3 }), { nil: null })), { selector: ([id]) => id }),
  segments: fc.uniqueArray(
    fc.tuple(fc.constantFrom(...SEGMENTS), fc.uniqueArray(fc.tuple(customer, fc.boolean()), { selector: ([id]) => id })),
    { selector: ([segment]) => segment },
  ).map((list) => list.map(([segment, changes]) => ({
    segment,
    add: changes.filter(([, joins]) => joins).map(([id]) => id),
    remove: changes.filter(([, joins]) => !joins).map(([id]) => id),
  }))),
  counts: fc.uniqueArray(fc.record({
    ranking: fc.constantFrom(...RANKINGS), forget: fc.boolean(),
    changes: fc.uniqueArray(fc.tuple(fc.constantFrom(...VALUES), fc.integer({ min: -2, max: 2 })), { selector: ([value]) => value }),
  }), { selector: ({ ranking }) => ranking }),
  meta: fc.dictionary(fc.constantFrom("x", "@x", "y"), fc.constantFrom("", "1", "2", "long ".repeat(200))),
});

interface Content {
  readonly states: [string, string][];
  readonly wakes: Wake[];
  readonly sizes: number[];
  readonly members: string[][];
  readonly meta: Record<string, string>;
  readonly counts: (readonly [number, number])[][];
}

interface NaiveStore {
  apply(commit: Commit): void;
  content(): Content;
}

function naiveStore(): NaiveStore {
  const states = new Map<string, string>();
  const wakes = new Map<string, number>();
  const segments = new Map(SEGMENTS.map((segment) => [segment, new Set<string>()]));
  const meta = new Map<string, string>();
  const counts = new Map(RANKINGS.map((ranking) => [ranking, new Map<number, number>()]));
  return {
    apply(commit) {
      for (const { ranking, forget, changes } of commit.counts ?? []) {
        const of = counts.get(ranking);
        if (forget) of?.clear();
        for (const [value, by] of changes) of?.set(value, (of.get(value) ?? 0) + by);
      }
      for (const [id, state] of commit.states) {
        if (state === null) states.delete(id);
        else states.set(id, Buffer.from(state).toString("base64"));
      }
      for (const [id, at] of commit.wakes) {
        if (at === null) wakes.delete(id);
        else wakes.set(id, at);
      }
      for (const { segment, add, remove } of commit.segments) {
        for (const id of add) segments.get(segment)?.add(id);
        for (const id of remove) segments.get(segment)?.delete(id);
      }
      for (const [name, value] of Object.entries(commit.meta)) {
        if (value === "") meta.delete(name);
        else meta.set(name, value);
      }
    },
    content: () => ({
      states: [...states].sort(([a], [b]) => byBytes(a, b)),
      wakes: [...wakes].map(([id, at]) => ({ customer: id, at })).sort((a, b) => a.at - b.at || byBytes(a.customer, b.customer)),
      sizes: SEGMENTS.map((segment) => segments.get(segment)?.size ?? 0),
      members: SEGMENTS.map((segment) => [...(segments.get(segment) ?? [])].sort()),
      meta: Object.fromEntries(meta),
      counts: RANKINGS.map((ranking) => [...(counts.get(ranking) ?? [])].filter(([, count]) => count !== 0).sort(([a], [b]) => a - b)),
    }),
  };
}

/** Removes what an earlier history left, through commits. */
async function emptied(store: StateStore): Promise<NaiveStore> {
  const { writer, number, meta } = await store.claim(P, "sweeper");
  await store.commit(commitOf(writer, number + 1, {
    states: CUSTOMERS.map((id) => [id, null]),
    wakes: CUSTOMERS.map((id) => [id, null]),
    segments: SEGMENTS.map((segment) => ({ segment, add: [], remove: CUSTOMERS })),
    meta: Object.fromEntries(Object.keys(meta).map((name) => [name, ""])),
    counts: RANKINGS.map((ranking) => ({ ranking, forget: true, changes: [] })),
  }));
  return naiveStore();
}

async function readBack(store: StateStore): Promise<Content> {
  return {
    states: [...await allStates(store, P)].sort(([a], [b]) => byBytes(a, b)),
    wakes: await allWakes(store, P, 2),
    sizes: await store.segmentSizes(P, SEGMENTS),
    members: await Promise.all(SEGMENTS.map((segment) => allMembers(store, P, segment))),
    meta: { ...(await store.meta(P)).meta },
    counts: await Promise.all(RANKINGS.map((ranking) => allCounts(store, P, ranking))),
  };
}
