/** Two programs on one store, as while a deployment rolls: partitions go from one to the other and back, and what both know stays right. */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine, type Engine, type Ports } from "../../engine/engine.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { eventSubject } from "../../engine/subjects.js";
import { appendTo, newWorld, opened, quiet, simulatedEnvironment, type World } from "./simulated-ports.js";

const COMMON = `
event bought { total: number }
segment buyer when count(bought) >= 3
`;
const OLD = `${COMMON}
segment big when sum(bought.total) >= 100
rule thanks { on enter buyer  emit "thanks" }
`;
const NEW = `${COMMON}
segment regular when count(bought) over 30 days >= 2
rule thanks { on enter buyer  emit "thanks" }
rule hello { on enter regular  emit "hello" }
`;

function compiled(text: string): Compiled {
  const { program } = compileProgram([{ file: "rules.eddy", text }]);
  if (program === null) throw new Error("the rules do not compile");
  return compile(program);
}

interface Running {
  readonly engine: Engine;
  readonly stats: EngineStats;
  readonly log: string[];
}

let names = 0;

function start(world: World, ports: Ports, program: Compiled): Running {
  const stats = engineStats();
  const log: string[] = [];
  const name = `engine ${++names}`;
  let tokens = 0;
  const environment = { ...simulatedEnvironment(world), token: () => `${name}.${++tokens}`, log: (_: string, message: string) => void log.push(message) };
  return { engine: startEngine(program, ports, { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 100 } }, environment, stats), stats, log };
}

const PARTITIONS = 2;
const CUSTOMERS = Array.from({ length: 8 }, (_, i) => `c${i}`);
let events = 0;

const buy = (world: World): void => appendTo(world, CUSTOMERS.map((customer) => {
  world.now += 1000;
  const time = new Date(world.now).toISOString();
  return { subject: eventSubject("bought", customer), body: JSON.stringify({ specversion: "1.0", id: String(++events), source: "test", type: "bought", subject: customer, time, data: { total: 40 } }) };
}));

const membersOf = (world: World, segment: string): string[] => world.stores.flatMap(({ members }) => [...(members.get(segment) ?? [])]).sort();
const said = (world: World, name: string): number => world.outputs.flat().filter(({ subject }) => subject.endsWith(`.emit.${name}`)).length;

test("a partition goes from the old program to the new one and back: neither stumbles, and what both know goes on", async () => {
  const world = newWorld(PARTITIONS);
  world.now = Date.parse("2026-03-01T10:00:00Z");
  for (const [n, text] of [OLD, NEW, OLD, NEW].entries()) {
    buy(world);
    const running = start(world, opened(world, () => "none", () => 10), compiled(text));
    let isOver = false;
    running.engine.ended.then(() => { isOver = true; }, () => { isOver = true; });
    await quiet(world, () => isOver);
    expect([...running.stats.partitions.values()].map(({ stopped }) => stopped)).toEqual([null, null]);
    expect(running.engine.notReady()).toEqual([]);
    await running.engine.stop();
    // Three purchases are known after the third turn, whoever counted them; nobody enters or is thanked again.
    expect(membersOf(world, "buyer")).toEqual(n < 2 ? [] : CUSTOMERS);
    expect(said(world, "thanks")).toBe(n < 2 ? 0 : CUSTOMERS.length);
  }
});

test("members that run other rules are named in the log, once, and share the partitions all the same", async () => {
  const world = newWorld(PARTITIONS);
  world.now = Date.parse("2026-03-01T10:00:00Z");
  const ports = [opened(world, () => "none", () => 10), opened(world, () => "none", () => 10)];
  const both = [OLD, NEW].map((text, i) => start(world, ports[i] as Ports, compiled(text)));
  let isOver = false;
  for (const { engine } of both) engine.ended.then(() => { isOver = true; }, () => { isOver = true; });
  for (let i = 0; i < 4; i++) {
    buy(world);
    await quiet(world, () => isOver);
  }
  expect(isOver).toBe(false);
  for (const { stats, log } of both) {
    expect(stats.partitions.size).toBe(1);
    expect(log.filter((line) => line.startsWith("other members run other rules"))).toHaveLength(1);
  }
  for (const { engine } of both) await engine.stop();
  expect(membersOf(world, "buyer")).toEqual(CUSTOMERS);
  expect(said(world, "thanks")).toBe(CUSTOMERS.length);
});
