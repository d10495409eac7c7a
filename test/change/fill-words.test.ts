/** What partitions say to each other while a change is filled: joined customers and percentiles, under the new program. */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { markerRecord } from "../../engine/change/marker.js";
import { FILL_SIZES, startFill, type Filler } from "../../engine/change/fill.js";
import { fillWords } from "../../engine/change/fill-words.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine } from "../../engine/engine.js";
import { engineStats } from "../../engine/stats.js";
import { eventSubject, partition as partitionOf } from "../../engine/subjects.js";
import { wordRecord, type Saying } from "../../engine/merge/word.js";
import { randomOf } from "../retail/random.js";
import { appendTo, newWorld, opened, quiet, simulatedEnvironment, type Accidents, type World } from "../engine/simulated-ports.js";

const PARTITIONS = 3;
const START = Date.UTC(2026, 0, 10);
const MINUTE = 60_000;
const CHANGE = { id: "c1", program: "new", from: "", fill: true, phase: "switching", since: START } as const;

function compiled(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "p.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

let events = 0;
function event(world: World, type: string, customer: string, data: object, after = MINUTE): void {
  world.now += after;
  appendTo(world, [{ subject: eventSubject(type, customer), body: JSON.stringify({ specversion: "1.0", id: String(++events), source: "test", type, subject: customer, time: new Date(world.now).toISOString(), data }) }]);
}

async function live(world: World, program: Compiled): Promise<void> {
  const engine = startEngine(program, opened(world, () => "none", () => 20), { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 100 } }, simulatedEnvironment(world), engineStats());
  await quiet(world, () => false, 400);
  await engine.stop();
}

let fillers = 0;
function fill(main: World, scope: World, program: Compiled, accidents: Accidents = () => "none"): Filler {
  const name = `filler ${++fillers}`;
  let tokens = 0;
  const ports = opened(scope, accidents, () => 20);
  return startFill({
    change: CHANGE, compiled: program, log: ports.log, history: null, scope: ports.store, main: opened(main, () => "none", () => 10).store, isUnderWay: () => Promise.resolve(true), rate: () => Infinity,
    cacheCustomers: 10, empty: () => Promise.resolve(), environment: { ...simulatedEnvironment(scope), token: () => `${name}.${++tokens}` }, sizes: { ...FILL_SIZES, batch: 7, commitCustomers: 3, queue: 20 },
  });
}

async function outcome(filler: Filler, world: World): Promise<Error | null> {
  let ended: Error | "filled" | null = null;
  filler.filled.then(() => { ended = "filled"; }, (error: Error) => { ended = error; });
  await quiet(world, () => ended !== null, 400);
  return ended === "filled" ? null : ended ?? new Error("it waits for more");
}

const besides = (world: World): World => ({ ...newWorld(PARTITIONS, [], world.clock), records: world.records, now: world.now });
const members = (world: World, segment: string): string[] => world.stores.flatMap(({ members: of }) => [...(of.get(segment) ?? [])]).sort();
const known = (world: World): string[] => world.stores.flatMap(({ states }) => [...states.keys()]).sort();

const OLD = "event bought { total: number }\nsegment once when count(bought) >= 1";
const NEW = `${OLD}
segment often when count(bought) >= 6
segment rich when sum(bought.total) over 300 days >= 150`;

/** Visitors who buy, and turn out to be somebody, who turns out to be somebody else. Of two whom one turns out to be, the first to say so has them, which is nobody's order: here each is one other's. */
function visits(world: World, random: () => number, count: number): void {
  for (let i = 0; i < count; i++) {
    const r = random();
    const [visitor, customer] = [Math.floor(random() * 24), Math.floor(random() * 8)];
    if (r < 0.45) event(world, "bought", `v${visitor}`, { total: 20 });
    else if (r < 0.85) event(world, "bought", `c${customer}`, { total: 20 });
    else if (r < 0.96) event(world, "customer_identified", `c${visitor % 8}`, { anonymous_id: `v${visitor}` });
    else if (customer >= 5) event(world, "customer_identified", `c${customer - 5}`, { anonymous_id: `c${customer}` });
  }
}

test("customers who were joined bring with them what only the new program knows, though the live ones said it under the old; killed anywhere", async () => {
  const program = compiled(NEW);
  let deaths = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const random = randomOf(seed);
    const main = newWorld(PARTITIONS, [], "broker");
    main.now = START;
    visits(main, random, 120);
    // Alone, an engine that had the rules from the first event on says its own words to its own log.
    const straight = newWorld(PARTITIONS, main.records, "broker");
    straight.now = main.now;
    await live(straight, program);
    await live(main, compiled(OLD));
    expect(main.records.some(({ subject }) => subject.startsWith("events.eddy_joined."))).toBe(true);
    for (let partition = 0; partition < PARTITIONS; partition++) appendTo(main, [markerRecord(CHANGE, partition)]);
    const before = main.records.length;
    const scope = besides(main);
    const accidents: Accidents = (what) => (what !== "commit" || random() > 0.1 ? "none" : random() < 0.5 ? "dies before" : "dies after");
    for (let attempt = 0; ; attempt++) {
      const filler = fill(main, scope, program, attempt < 40 ? accidents : () => "none");
      const ended = await outcome(filler, scope);
      await filler.stop();
      if (ended === null) break;
      expect(ended.name).toBe("Died");
      deaths++;
    }
    expect(main.records.length).toBe(before);
    for (const segment of ["once", "often", "rich"]) expect([seed, segment, members(scope, segment)]).toEqual([seed, segment, members(straight, segment)]);
    expect(known(scope)).toEqual(known(straight));
    expect(members(scope, "often").length).toBeGreaterThan(2);
  }
  expect(deaths).toBeGreaterThan(15);
}, 60_000);

test("percentiles that only the new program knows are drawn up by the filler itself", async () => {
  const program = compiled("event bought { total: number }\ntrait spent = sum(bought.total)\ntrait rank = percentile(spent among spent >= 0)\nsegment best when rank >= 80");
  const random = randomOf(9);
  const main = newWorld(PARTITIONS, [], "broker");
  main.now = START;
  // Every partition sees every midnight.
  for (let day = 0; day < 4; day++) for (let i = 0; i < 60; i++) event(main, "bought", `c${i % 20}`, { total: Math.floor(random() * 40) + (i % 20) }, 24 * MINUTE);
  const straight = newWorld(PARTITIONS, main.records, "broker");
  straight.now = main.now;
  await live(straight, program);
  await live(main, compiled(OLD));
  for (let partition = 0; partition < PARTITIONS; partition++) appendTo(main, [markerRecord(CHANGE, partition)]);
  const scope = besides(main);
  expect(await outcome(fill(main, scope, program), scope)).toBeNull();
  expect(members(straight, "best").length).toBeGreaterThan(2);
  expect(members(scope, "best")).toEqual(members(straight, "best"));
});

// ---------------------------------------------------------------------------------------------------- the words

const RECEIVER = "c1";
const AT = partitionOf(RECEIVER, PARTITIONS);
const said = (sequence: number, place = 0, source = 0): ReturnType<typeof wordRecord> =>
  wordRecord({ source, log: "a log", number: { sequence, place }, customer: RECEIVER, saying: { k: "moved", to: "c2" } satisfies Saying }, START);

test("a word is handed out once, counts as heard when a commit says so, and comes again for a partition that is opened anew", async () => {
  const words = fillWords(PARTITIONS);
  let heard = 0;
  words.claimed(AT, {});
  words.claimed(0, { "word:5.0": "…" });
  expect(words.isQuiet).toBe(false);
  const saying = words.say([said(5), said(7), { subject: "events.eddy_tick.0", body: "{}" }]).then(() => { heard++; });
  expect(words.isWaiting).toBe(true);
  const handed = words.take(10, 99);
  expect(handed.map(({ sequence, stamp, subject }) => [sequence, stamp, subject])).toEqual([[99, 0, "events.eddy_moved.c1"], [99, 0, "events.eddy_moved.c1"]]);
  expect(words.isWaiting).toBe(false);
  words.committed(AT, { "heard:0": "5.0 a log" });
  await Promise.resolve();
  expect([heard, words.isQuiet]).toEqual([0, false]);
  // The receiver's process has died: what it had not committed comes again, and nothing else.
  words.claimed(AT, { "heard:0": "5.0 a log" });
  expect(words.take(10, 100)).toHaveLength(1);
  words.committed(AT, { "heard:0": "7.0 a log" });
  await saying;
  expect([heard, words.isQuiet]).toEqual([1, true]);
  // What was heard before is not handed out again.
  await words.say([said(7)]);
  expect([words.isWaiting, words.isQuiet]).toEqual([false, true]);
});

test("what a partition had said before it was opened anew is forgotten: it says it again", () => {
  const words = fillWords(PARTITIONS);
  void words.say([said(5), said(6, 0, 1)]);
  words.claimed(0, {});
  expect(words.take(10, 9).map(({ body }) => (JSON.parse(Buffer.from(body).toString()) as { data: { sequence: number } }).data.sequence)).toEqual([6]);
});
