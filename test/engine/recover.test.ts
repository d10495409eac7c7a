/**
 * Decisions about partitions that cannot go on, where something comes in between: a rebuild that is cut short, another
 * process that takes the partition, commits before the first record behind a decision.
 */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine, type Ports } from "../../engine/engine.js";
import type { Commit } from "../../engine/ports.js";
import { decide, examine, type Choice, type RecoverPorts } from "../../engine/recover.js";
import { SIZES } from "../../engine/sizes.js";
import { engineStats } from "../../engine/stats.js";
import { encodeToken, eventSubject, partition } from "../../engine/subjects.js";
import { appendTo, newWorld, opened, quiet, simulatedEnvironment, type World } from "./simulated-ports.js";

const RULES = compiled('event bought { total: number }\ntrait orders = count(bought)\nrule thanks { on bought  emit "thanks" { n: orders } }\n');

function compiled(text: string): Compiled {
  const { program } = compileProgram([{ file: "rules.eddy", text }]);
  if (program === null) throw new Error("the rules do not compile");
  return compile(program);
}

let events = 0;

function buy(world: World, times: number, customer = "ann"): void {
  for (let i = 0; i < times; i++) {
    world.now += 1000;
    const time = new Date(world.now).toISOString();
    appendTo(world, [{ subject: eventSubject("bought", customer), body: JSON.stringify({ specversion: "1.0", id: String(++events), source: "test", type: "bought", subject: customer, time, data: { total: 40 } }) }]);
  }
}

const CUSTOMERS_OF_0 = Array.from({ length: 20 }, (_, i) => `c${i}`).filter((customer) => partition(encodeToken(customer), 2) === 0);

const portsOn = (world: World): Ports => opened(world, () => "none", () => 10);

/** What a worker of its own finds and does, until nothing moves any more; answers why the partition stands still. */
async function work(world: World, program = RULES, ports = portsOn(world), sizes = SIZES): Promise<string | null> {
  const stats = engineStats();
  let tokens = 0;
  const environment = { ...simulatedEnvironment(world), token: () => `engine ${events} ${++tokens}` };
  const engine = startEngine(program, ports, { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 100 }, sizes }, environment, stats);
  await quiet(world, () => false);
  const stopped = stats.partitions.get(0)?.stopped ?? null;
  await engine.stop();
  return stopped;
}

type Cut = "before it clears" | "after it has cleared" | null;

function recovering(world: World, cut: Cut = null, ports = portsOn(world)): RecoverPorts {
  return {
    ...ports,
    async clear() {
      if (cut === "before it clears") throw new Error("cut short");
      const [stored] = world.stores;
      for (const kept of [stored?.states, stored?.wakes, stored?.members, stored?.counts]) kept?.clear();
      if (cut === "after it has cleared") throw new Error("cut short");
      return true;
    },
  };
}

let decisions = 0;
const decided = (world: World, choice: Choice, ports = recovering(world)): Promise<unknown> => decide(0, { choice, token: `decision ${++decisions}`, now: 0 }, ports);
const said = (world: World): string[] => (world.outputs[0] ?? []).map(({ body }) => {
  const { cause, data } = JSON.parse(body) as { cause: string; data: { n: number } };
  return `${cause}:${data.n}`;
});

describe.each(["before it clears", "after it has cleared"] as const)("a rebuild is cut short %s", (cut) => {
  test("the partition stands still and says so; rebuilt again, all is there once", async () => {
    const world = newWorld(1);
    events = 0;
    buy(world, 3);
    expect(await work(world)).toBe(null);
    world.outputs[0]?.pop(); // committed, and not published any more
    await expect(decided(world, "rebuild", recovering(world, cut))).rejects.toThrow("cut short");

    expect(await work(world)).toMatch(/rebuild.*not finished.*eddy recover 0 --rebuild/);
    expect((await examine(0, recovering(world))).unfinished).toMatchObject({ kind: "rebuild unfinished" });
    await expect(decided(world, "accept-data-loss")).rejects.toThrow(/eddy recover 0 --rebuild/);
    await decided(world, "rebuild");
    buy(world, 1);
    expect(await work(world)).toBe(null);
    expect(said(world)).toEqual(["1:1", "2:2", "3:3", "4:4"]);
  });
});

test("another took the partition while it was cleared: the decision is not carried out, and says so", async () => {
  const world = newWorld(1);
  events = 0;
  buy(world, 2);
  await work(world);
  const ports = recovering(world);
  await expect(decided(world, "rebuild", { ...ports, clear: async () => (await ports.store.claim(0, "somebody else"), false) })).rejects.toThrow(/took it meanwhile: end all engines/);
  expect(await work(world)).toMatch(/not finished/);
});

test("commits before the first record behind a decision leave the position where the decision put it", async () => {
  // Whose waiting runs fill commits of their own first.
  const program = compiled('event bought { total: number }\nrule later { on bought  wait 1 hour  emit "later" }\n');
  const [ann, ben, cid] = CUSTOMERS_OF_0 as [string, string, string];
  const world = newWorld(2, [], "broker");
  events = 0;
  buy(world, 2, ann);
  expect(await work(world, program)).toBe(null);
  for (const customer of [ben, cid, ann, ann]) buy(world, 1, customer); // at once: one anchor
  expect(await work(world, program)).toBe(null);
  world.records.length = 4;
  expect(await work(world, program)).toMatch(/log is shorter/);
  await decided(world, "accept-data-loss");
  expect((await examine(0, recovering(world))).meta).toMatchObject({ offset: 4, anchors: [{ sequence: 2 }] });

  // The other partition is read from the beginning, and both by one reader.
  world.stores[1]?.fields.clear();
  world.now += 7_200_000;
  buy(world, 1, ann);
  const commits: Commit[] = [];
  const ports = opened(world, () => "none", () => 10, (commit) => void (commit.partition === 0 && commits.push(commit)));
  expect(await work(world, program, ports, { ...SIZES, commitWakes: 1 })).toBe(null);
  expect(commits.length).toBeGreaterThan(2);
  for (const { meta } of commits) expect(meta).toMatchObject({ offset: expect.stringMatching(/^[45]$/), anchors: expect.not.stringMatching(/:0\b/) });
  expect(world.outputs[0]?.length).toBe(3);
});

test("what a rebuild of long ago keeps quiet about says nothing of what the store has forgotten since", async () => {
  const world = newWorld(1);
  events = 0;
  buy(world, 2);
  await work(world);
  await decided(world, "rebuild");
  await work(world);
  const [stored] = world.stores;
  const yesterday = { number: stored?.number ?? 0, fields: [...stored?.fields ?? []], states: [...stored?.states ?? []] };
  buy(world, 3);
  await work(world);
  expect(said(world)).toEqual(["1:1", "2:2", "3:3", "4:4", "5:5"]);

  if (stored === undefined) throw new Error("there is no store");
  stored.number = yesterday.number;
  for (const [map, entries] of [[stored.fields, yesterday.fields], [stored.states, yesterday.states]] as const) {
    (map as Map<string, unknown>).clear();
    for (const [key, value] of entries) (map as Map<string, unknown>).set(key, value);
  }
  for (const number of [3, 4, 5]) stored.outbox.delete(number);
  // The output stream has let go of all of it.
  const ports = portsOn(world);
  const expired = { ...ports, outputs: { ...ports.outputs, read: () => Promise.resolve([]) } };
  expect(await work(world, RULES, expired)).toMatch(/no longer holds any of them.*eddy recover/);
  expect(said(world).length).toBe(5);
});

test("joins of customers whose answer was lost with the end of the log are given up: later ones are not held up by them", async () => {
  const program = compiled('event bought { total: number }\ntrait orders = count(bought)\nrule known { on customer_identified  emit "known" { n: orders } }\n');
  const identified = (world: World, who: string, anonymous: string): void => appendTo(world, [{
    subject: eventSubject("customer_identified", who),
    body: JSON.stringify({ id: String(++events), source: "test", type: "customer_identified", subject: who, time: new Date(++world.now).toISOString(), data: { anonymous_id: anonymous } }),
  }]);
  const world = newWorld(1);
  events = 0;
  buy(world, 2, "visitor");
  identified(world, "ann", "visitor");
  // Nothing that it says comes into the log: the log ends before.
  const ports = portsOn(world);
  const silent: Ports = { ...ports, log: { ...ports.log, append: () => Promise.resolve([]) } };
  expect(await work(world, program, silent)).toBe(null);
  expect([...world.stores[0]?.fields.keys() ?? []].filter((name) => name.startsWith("asked:"))).toEqual(["asked:3"]);
  world.records.length = 2;
  expect(await work(world, program)).toMatch(/log is shorter/);
  await decided(world, "accept-data-loss");
  expect([...world.stores[0]?.fields.keys() ?? []].filter((name) => name.startsWith("asked:"))).toEqual([]);
  for (const field of [...world.stores[0]?.fields.keys() ?? []]) if (field.startsWith("word:")) world.stores[0]?.fields.delete(field);
  buy(world, 1, "ann");
  identified(world, "cleo", "ann");
  expect(await work(world, program)).toBe(null);
  const known = (world.outputs[0] ?? []).map(({ body }) => JSON.parse(body) as { type: string; subject: string; data: unknown });
  expect(known.map(({ subject, data }) => [subject, data])).toEqual([["cleo", { n: 1 }]]);
});
