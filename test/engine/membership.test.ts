/** Who is taken for present, and for how long: beats that are answered late, not at all, or by a store that was away. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Environment } from "../../engine/environment.js";
import { joinMembers, programOf, type Identity, type Membership } from "../../engine/membership.js";
import { StoreRefused, StoreUnavailable, type Member, type StateStore } from "../../engine/ports.js";
import { newWorld, opened, simulatedEnvironment } from "./simulated-ports.js";

const SHARING = { beatMs: 1000, leaseMs: 5000 };
const PARTITIONS = 4;

let seconds: number;
/** What the store answers beside the one who asks; null: it is away. */
let others: readonly Member[] | null;
let said: { readonly id: string; readonly holds: readonly number[]; readonly leaseMs: number }[];
beforeEach(() => {
  seconds = 1000;
  others = [];
  said = [];
});

function join(identity?: Identity): Membership {
  const world = newWorld(PARTITIONS);
  const store: StateStore = {
    ...opened(world, () => "none", () => 10).store,
    beat(id, holds, leaseMs) {
      said.push({ id, holds, leaseMs });
      if (others === null) return Promise.reject(new StoreUnavailable("away"));
      others = leaseMs === 0 ? others.filter((member) => member.id !== id) : others;
      return Promise.resolve([...others, ...(leaseMs > 0 ? [{ id, holds }] : [])]);
    },
  };
  const environment: Environment = { ...simulatedEnvironment(world), seconds: () => seconds };
  return joinMembers(store, environment, "hash", SHARING, identity);
}

const other: Member = { id: "other", holds: [2, 3] };
const ids = (members: readonly Member[] | undefined): string[] => (members ?? []).map(({ id }) => id);

describe("a member", () => {
  test("says what it holds under its lease, and hears who else is there and who ought to have what", async () => {
    others = [other];
    const member = join();
    const view = await member.beat(PARTITIONS, [0, 1]);
    expect(said).toEqual([{ id: member.id, holds: [0, 1], leaseMs: 5000 }]);
    expect(ids(view?.living)).toEqual(["other", member.id]);
    expect(view?.remembered).toEqual([]);
    expect(view?.owners).toHaveLength(PARTITIONS);
    expect(new Set(view?.owners)).toEqual(new Set(["other", member.id]));
  });

  test("those of one program know it by the end of their ids", () => {
    expect(programOf(join().id)).toBe("hash");
    expect(programOf(join({ name: "host/1 22 33", isGone: () => false }).id)).toBe("hash");
  });

  test("a store that does not answer is no view; one that never will is an error", async () => {
    others = null;
    expect(await join().beat(PARTITIONS, [])).toBeNull();
    const world = newWorld(PARTITIONS);
    const store = { ...opened(world, () => "none", () => 10).store, beat: () => Promise.reject(new StoreRefused("no")) };
    await expect(joinMembers(store, simulatedEnvironment(world), "hash", SHARING, undefined).beat(PARTITIONS, [])).rejects.toBeInstanceOf(StoreRefused);
  });

  test("leaves once it has been there, and never fails in it", async () => {
    const member = join();
    await member.leave();
    expect(said).toEqual([]);
    await member.beat(PARTITIONS, [1]);
    await member.leave();
    expect(said.at(-1)).toEqual({ id: member.id, holds: [], leaseMs: 0 });
    others = null;
    await member.leave();
  });
});

describe("after the store was away", () => {
  const beats = async (member: Membership, times: number, everySeconds = 1): Promise<readonly (readonly string[])[]> => {
    const seen: string[][] = [];
    for (let i = 0; i < times; i++) {
      const view = await member.beat(PARTITIONS, [0, 1]);
      seen.push(ids(view?.remembered));
      seconds += everySeconds;
    }
    return seen;
  };

  test("those of before are remembered until they had time to be heard again", async () => {
    others = [other];
    const member = join();
    const before = await member.beat(PARTITIONS, [0, 1]);
    others = null;
    seconds += 4;
    expect(await member.beat(PARTITIONS, [0, 1])).toBeNull();
    seconds += 4;
    others = [];
    const after = await member.beat(PARTITIONS, [0, 1]);
    expect(ids(after?.living)).toEqual([member.id]);
    expect(after?.remembered).toEqual([other]);
    expect(after?.owners).toEqual(before?.owners);
    seconds += 1;
    expect(await beats(member, 3)).toEqual([["other"], ["other"], []]);
    expect((await member.beat(PARTITIONS, [0, 1]))?.owners).toEqual(Array(PARTITIONS).fill(member.id));
  });

  test("who is heard again lives, and is not remembered beside", async () => {
    others = [other];
    const member = join();
    await member.beat(PARTITIONS, []);
    seconds += 10;
    others = [];
    expect(ids((await member.beat(PARTITIONS, []))?.remembered)).toEqual(["other"]);
    others = [other];
    const view = await member.beat(PARTITIONS, []);
    expect(ids(view?.living)).toEqual(["other", member.id]);
    expect(view?.remembered).toEqual([]);
  });

  test("a member that really died is not remembered for ever by one whose beats are always late", async () => {
    others = [other];
    const member = join();
    await member.beat(PARTITIONS, []);
    seconds += 4;
    others = [];
    expect(await beats(member, 4, 4)).toEqual([["other"], [], [], []]);
  });

  test("while beats come in time, who is not there any more is gone at once", async () => {
    others = [other];
    const member = join();
    await member.beat(PARTITIONS, []);
    seconds += 1;
    others = [];
    expect((await member.beat(PARTITIONS, []))?.remembered).toEqual([]);
  });
});

test("whose process is gone for sure is taken off the list, and neither lives nor is remembered", async () => {
  others = [other];
  const gone = new Set<string>();
  const member = join({ name: "here", isGone: (id) => gone.has(id) });
  expect(ids((await member.beat(PARTITIONS, []))?.living)).toContain("other");
  gone.add("other");
  seconds += 60;
  const view = await member.beat(PARTITIONS, []);
  expect(said.at(-1)).toEqual({ id: "other", holds: [], leaseMs: 0 });
  expect(ids(view?.living)).toEqual([member.id]);
  expect(view?.remembered).toEqual([]);
});
