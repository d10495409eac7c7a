/** Filling a change from history, in memory: killed anywhere, at a bounded rate, up to the marker and not behind it. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { FILL_SIZES, startFill, type Filler, type FillParts } from "../../engine/change/fill.js";
import { fillLog } from "../../engine/change/fill-log.js";
import { fillWords } from "../../engine/change/fill-words.js";
import { FILLED_FIELD, readEnded } from "../../engine/change/filled.js";
import type { Change } from "../../engine/change/change.js";
import { markerRecord } from "../../engine/change/marker.js";
import { fillProgress } from "../../engine/change/progress.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine } from "../../engine/engine.js";
import { LogClosed, StoreUnavailable, type EventLog, type LogReader, type LogRecord, type StateStore } from "../../engine/ports.js";
import { engineStats } from "../../engine/stats.js";
import { eventSubject, tickSubject } from "../../engine/subjects.js";
import { randomOf } from "../retail/random.js";
import { appendTo, newWorld, opened, quiet, simulatedEnvironment, type Accidents, type World } from "../engine/simulated-ports.js";

const RULES = `
event bought { total: number }
event visited
profile { city: string = "" }
trait spent = sum(bought.total) over 30 days
segment buyer when count(bought) >= 3
segment idle "Bought, then nothing for two days" when count(bought) >= 1 and no bought for 2 days
segment home when profile.city == "Bern"
rule thanks { on enter buyer  wait 3 hours  emit "thanks" { spent: spent } }
`;

function compiled(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "p.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}
const PROGRAM = compiled(RULES);

const PARTITIONS = 3;
const START = Date.UTC(2026, 0, 10);
const HOUR = 3_600_000;
const CHANGE: Change = { id: "c1", program: PROGRAM.program.hash, from: "", fill: true, phase: "filling", since: START };

let events = 0;
function some(world: World, count: number, random: () => number): void {
  for (let i = 0; i < count; i++) {
    world.now += Math.floor(random() * HOUR);
    if (random() < 0.1) appendTo(world, [{ subject: tickSubject(Math.floor(random() * PARTITIONS)), body: "{}" }]);
    const customer = `c${Math.floor(random() * 12)}`;
    const [type, data] = random() < 0.6 ? ["bought", { total: Math.floor(random() * 50) }] : random() < 0.5 ? ["visited", {}] : ["profile_updated", { city: random() < 0.5 ? "Bern" : "Basel" }];
    appendTo(world, [{ subject: eventSubject(type, customer), body: JSON.stringify({ specversion: "1.0", id: String(++events), source: "test", type, subject: customer, time: new Date(world.now).toISOString(), data }) }]);
  }
}

const besides = (world: World): World => ({ ...newWorld(PARTITIONS, [], world.clock), records: world.records, now: world.now });

/** The state of one partition, as bytes and lists. */
const stateOf = (world: World, partition: number): unknown => {
  const stored = world.stores[partition];
  return {
    states: [...(stored?.states ?? [])].map(([id, bytes]) => [id, Buffer.from(bytes).toString("hex")]).sort(), wakes: [...(stored?.wakes ?? [])].sort(),
    members: [...(stored?.members ?? [])].map(([segment, ids]) => [segment, [...ids].sort()]).sort(), clock: stored?.fields.get("clock"),
  };
};

/** What an engine has that had the rules from the first event on, when it has taken the first so many records. */
async function fromTheFirst(world: World, upTo: number): Promise<World> {
  const straight = newWorld(PARTITIONS, world.records.slice(0, upTo), world.clock);
  straight.now = world.now;
  const engine = startEngine(PROGRAM, { ...opened(straight, () => "none", () => 50), log: quietLog(opened(straight, () => "none", () => 50).log) }, { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 100 } }, simulatedEnvironment(straight), engineStats());
  await quiet(straight, () => false);
  await engine.stop();
  return straight;
}

/** Nobody's clock ticks but the log's. */
const quietLog = (log: EventLog): EventLog => ({ ...log, append: (records) => Promise.resolve(records.map(() => ({ sequence: 0, duplicate: true }))) });

let fillers = 0;
function fill(main: World, scope: World, accidents: Accidents = () => "none", parts: Partial<FillParts> = {}): Filler {
  const name = `filler ${++fillers}`;
  let tokens = 0;
  const live = opened(main, () => "none", () => 10);
  const ports = opened(scope, accidents, () => 10);
  return startFill({
    change: CHANGE, compiled: PROGRAM, log: ports.log, history: null, scope: ports.store, main: live.store, isUnderWay: () => Promise.resolve(true), rate: () => Infinity, cacheCustomers: 10,
    async empty() {
      scope.stores.splice(0, PARTITIONS, ...newWorld(PARTITIONS).stores);
      scope.shared.clear();
    },
    environment: { ...simulatedEnvironment(scope), token: () => `${name}.${++tokens}` }, sizes: { ...FILL_SIZES, batch: 7, commitCustomers: 3 }, ...parts,
  });
}

async function outcome(filler: Filler, world: World): Promise<Error | null> {
  let ended: Error | "filled" | null = null;
  filler.filled.then(() => { ended = "filled"; }, (error: Error) => { ended = error; });
  await quiet(world, () => ended !== null);
  return ended === "filled" ? null : ended ?? new Error("it waits for more");
}

function mark(world: World): void {
  for (let partition = 0; partition < PARTITIONS; partition++) appendTo(world, [markerRecord(CHANGE, partition)]);
}

describe.each(["broker", "event"] as const)("on the %s's clock", (clock) => {
  test("it has at the markers what an engine has that had the rules from the first event on, and takes nothing behind them", async () => {
    const random = randomOf(1);
    const main = newWorld(PARTITIONS, [], clock);
    main.now = START;
    some(main, 300, random);
    appendTo(main, [{ ...markerRecord({ ...CHANGE, id: "of a change before" }, 1) }]);
    const markers: number[] = [];
    for (let partition = 0; partition < PARTITIONS; partition++) {
      some(main, 20, random);
      appendTo(main, [markerRecord(CHANGE, partition)]);
      markers.push(main.records.length);
    }
    some(main, 60, random);
    const scope = besides(main);
    scope.now = main.now;
    const before = main.records.length;
    expect(await outcome(fill(main, scope), scope)).toBeNull();
    expect(main.records.length).toBe(before);
    expect(scope.outputs.flat()).toEqual([]);
    for (const [partition, sequence] of markers.entries()) {
      const straight = await fromTheFirst(main, sequence);
      expect(stateOf(scope, partition)).toEqual(stateOf(straight, partition));
      expect(readEnded(Object.fromEntries(scope.stores[partition]?.fields ?? []))).toEqual({ change: CHANGE.id, sequence });
      expect(scope.stores[partition]?.outbox.size).toBe(0);
      expect(straight.stores[partition]?.members.get("buyer")?.size).toBeGreaterThan(0);
    }
    // Once more: nothing is left to be done, and nothing changes.
    const done = scope.stores.map((_, partition) => stateOf(scope, partition));
    expect(await outcome(fill(main, scope), scope)).toBeNull();
    expect(scope.stores.map((_, partition) => stateOf(scope, partition))).toEqual(done);
  });
});

test("killed anywhere, again and again, it goes on from its own commits and ends the same", async () => {
  let deaths = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const random = randomOf(seed);
    const main = newWorld(PARTITIONS, [], "broker");
    main.now = START;
    some(main, 150, random);
    const scope = besides(main);
    scope.now = main.now;
    const accidents: Accidents = (what) => (what !== "commit" || random() > 0.08 ? "none" : random() < 0.5 ? "dies before" : "dies after");
    let marked = 0;
    for (let attempt = 0; ; attempt++) {
      expect(attempt).toBeLessThan(200);
      scope.now = main.now;
      const filler = fill(main, scope, attempt < 60 ? accidents : () => "none");
      const ended = await outcome(filler, scope);
      await filler.stop();
      if (ended === null) break;
      if (ended.name === "Died") deaths++;
      else expect(ended.message).toBe("it waits for more");
      if (marked === 0 && (ended.name !== "Died" || random() < 0.1)) {
        some(main, 10, random);
        mark(main);
        marked = main.records.length;
        some(main, 30, random);
      }
    }
    for (let partition = 0; partition < PARTITIONS; partition++) expect(stateOf(scope, partition)).toEqual(stateOf(await fromTheFirst(main, marked - PARTITIONS + 1 + partition), partition));
  }
  expect(deaths).toBeGreaterThan(30);
});

test("is not done where the store goes back just as it says so, and goes on from there", async () => {
  const main = newWorld(PARTITIONS, [], "broker");
  main.now = START;
  const random = randomOf(6);
  some(main, 100, random);
  mark(main);
  const ends = main.records.length;
  some(main, 20, random);
  const scope = besides(main);
  scope.now = main.now;
  let earlier: World["stores"] | null = null;
  const { store } = opened(scope, () => "none", () => 10);
  const share: StateStore["share"] = (expected, set) => {
    if (set[FILLED_FIELD] === undefined || earlier === null) return store.share(expected, set);
    scope.stores.splice(0, PARTITIONS, ...earlier);
    earlier = null;
    return Promise.reject(new StoreUnavailable("the server has died, and starts again"));
  };
  const commit: StateStore["commit"] = async (one) => {
    if (one.number === 3) earlier = structuredClone(scope.stores);
    return store.commit(one);
  };
  expect((await outcome(fill(main, scope, () => "none", { scope: { ...store, share, commit } }), scope))?.name).toBe("FillStopped");
  expect(earlier).toBeNull();
  expect(scope.shared.get(FILLED_FIELD)).toBeUndefined();
  expect(await outcome(fill(main, scope), scope)).toBeNull();
  for (let partition = 0; partition < PARTITIONS; partition++) expect(stateOf(scope, partition)).toEqual(stateOf(await fromTheFirst(main, ends - PARTITIONS + 1 + partition), partition));
});

describe("what is filled ends at a marker that is of no use, and history is read anew, up to the one that is", () => {
  function filling(): { readonly main: World; readonly scope: World } {
    const main = newWorld(PARTITIONS, [], "broker");
    main.now = START;
    some(main, 100, randomOf(11));
    mark(main);
    const scope = besides(main);
    scope.now = main.now;
    return { main, scope };
  }
  async function endsAtLast(main: World, scope: World): Promise<void> {
    const ends = main.records.length;
    some(main, 10, randomOf(12));
    scope.now = main.now;
    expect(await outcome(fill(main, scope), scope)).toBeNull();
    for (let partition = 0; partition < PARTITIONS; partition++) expect(stateOf(scope, partition)).toEqual(stateOf(await fromTheFirst(main, ends - PARTITIONS + 1 + partition), partition));
  }
  /** Where the live partitions stand that have not gone over. */
  const liveAt = (main: World, offset: number): void => main.stores.forEach(({ fields }) => fields.set("offset", String(offset)));

  test("the log has lost its end, and has grown again", async () => {
    const { main, scope } = filling();
    const filler = fill(main, scope);
    expect(await outcome(filler, scope)).toBeNull();
    liveAt(main, 80);
    expect(await filler.stands()).toBe(true);
    main.records.splice(90);
    expect(await filler.stands()).toBe(false);
    some(main, 30, randomOf(13));
    expect(await filler.stands()).toBe(false);
    mark(main);
    await endsAtLast(main, scope);
  });

  test.each([["grown again", true], ["not grown again yet", false]])("so it is where filling was not done yet, the log %s", async (_, hasGrown) => {
    const { main, scope } = filling();
    main.records.splice(100 + 1);
    const filler = fill(main, scope);
    expect((await outcome(filler, scope))?.message).toBe("it waits for more");
    await filler.stop();
    main.records.splice(90);
    const between = hasGrown ? null : fill(main, scope);
    if (between !== null) expect((await outcome(between, scope))?.message).toBe("it waits for more");
    await between?.stop();
    some(main, 30, randomOf(13));
    mark(main);
    await endsAtLast(main, scope);
  });

  test("the live partitions have passed it over", async () => {
    const { main, scope } = filling();
    const filler = fill(main, scope);
    expect(await outcome(filler, scope)).toBeNull();
    some(main, 20, randomOf(14));
    liveAt(main, main.records.length);
    expect(await filler.stands()).toBe(false);
    mark(main);
    await endsAtLast(main, scope);
  });

  test("what was filled was removed, and the store has gone back to before the partitions went over", async () => {
    const { main, scope } = filling();
    expect(await outcome(fill(main, scope), scope)).toBeNull();
    scope.stores.splice(0, PARTITIONS, ...newWorld(PARTITIONS).stores);
    liveAt(main, 50);
    // One has gone over; as long as its customers are not joined, nothing is removed.
    main.stores[1]?.fields.set("program", PROGRAM.program.hash).set("joining", "x");
    const waiting = fill(main, scope);
    expect((await outcome(waiting, scope))?.message).toBe("it waits for more");
    main.stores[1]?.fields.delete("joining");
    expect(await outcome(waiting, scope)).toBeNull();
    const ends = main.records.length;
    for (let partition = 0; partition < PARTITIONS; partition++) expect(stateOf(scope, partition)).toEqual(stateOf(await fromTheFirst(main, ends - PARTITIONS + 1 + partition), partition));
  });

  test("somebody else reads it anew while this one waits for them: that stands, and is not removed", async () => {
    const { main, scope } = filling();
    expect(await outcome(fill(main, scope), scope)).toBeNull();
    liveAt(main, main.records.length);
    mark(main);
    const { store } = opened(scope, () => "none", () => 10);
    let [leave, emptied] = [(): void => undefined, 0];
    const left = new Promise<void>((resolve) => { leave = resolve; });
    let isThere = true;
    const waiting = fill(main, scope, () => "none", {
      scope: {
        ...store,
        async beat(id, holds, leaseMs) {
          if (!isThere) return store.beat(id, holds, leaseMs);
          await left;
          isThere = false;
          return [{ id: "another", holds: [0] }];
        },
      },
      empty: () => { emptied++; return Promise.resolve(); },
    });
    expect((await outcome(waiting, scope))?.message).toBe("it waits for more");
    expect(await outcome(fill(main, scope), scope)).toBeNull();
    leave();
    expect(await outcome(waiting, scope)).toBeNull();
    expect(emptied).toBe(0);
  });
});

test("what the scope holds of another program or another file is dropped first; what it holds of this one is gone on from", async () => {
  const random = randomOf(3);
  const main = newWorld(PARTITIONS, [], "broker");
  main.now = START;
  some(main, 100, random);
  const scope = besides(main);
  scope.now = main.now;
  const other = compiled(RULES.replace(">= 3", ">= 4"));
  const asked: number[] = [];
  const log = (): EventLog => {
    const { log: inner } = opened(scope, () => "none", () => 10);
    return { ...inner, read: (from) => { asked.push(from); return inner.read(from); } };
  };
  const runs: readonly Partial<FillParts>[] = [{ compiled: other }, {}, {}, { history: { mark: "file", places: 0 } }];
  for (const parts of runs) {
    const filler = fill(main, scope, () => "none", { ...parts, log: log() });
    expect((await outcome(filler, scope))?.message).toBe("it waits for more");
    await filler.stop();
  }
  expect(asked).toEqual([1, 1, main.records.length + 1, 1]);
});

test("a change that is filled from a file goes on with that file alone; once it is filled nobody needs it", async () => {
  const main = newWorld(PARTITIONS, [], "broker");
  main.now = START;
  some(main, 60, randomOf(8));
  const scope = besides(main);
  const history = { mark: "file", places: 0 };
  const first = fill(main, scope, () => "none", { history });
  expect((await outcome(first, scope))?.message).toBe("it waits for more");
  await first.stop();
  const states = scope.stores.map((_, partition) => stateOf(scope, partition));
  const without = await outcome(fill(main, scope), scope);
  expect(without?.name).toBe("FillFailed");
  expect(without?.message).toMatch(/give the same file again with --history/);
  expect(scope.stores.map((_, partition) => stateOf(scope, partition))).toEqual(states);
  mark(main);
  expect(await outcome(fill(main, scope, () => "none", { history }), scope)).toBeNull();
  expect(await outcome(fill(main, scope), scope)).toBeNull();
});

test("only one process fills; a change that is over is not filled, and one that ends meanwhile is left where it is", async () => {
  const main = newWorld(PARTITIONS, [], "broker");
  main.now = START;
  some(main, 50, randomOf(4));
  const scope = besides(main);
  const first = fill(main, scope);
  expect((await outcome(first, scope))?.message).toBe("it waits for more");
  const store = opened(besides(main), () => "none", () => 10).store;
  const busy: StateStore = { ...store, beat: (member, holds, leaseMs) => Promise.resolve(leaseMs === 0 ? [] : [{ id: "another", holds: [0, 1, 2] }, { id: member, holds }]) };
  expect((await outcome(fill(main, scope, () => "none", { scope: busy }), scope))?.name).toBe("FillBusy");
  expect((await outcome(fill(main, besides(main), () => "none", { isUnderWay: () => Promise.resolve(false) }), scope))?.name).toBe("FillOver");
  // Somebody drops the scope while it is at work: it asks whether the change is still under way before it begins anew.
  await first.stop();
  let underWay = true;
  const second = fill(main, scope, () => "none", { isUnderWay: () => Promise.resolve(underWay) });
  expect((await outcome(second, scope))?.message).toBe("it waits for more");
  underWay = false;
  scope.stores.splice(0, PARTITIONS, ...newWorld(PARTITIONS).stores);
  some(main, 20, randomOf(5));
  expect((await outcome(second, scope))?.name).toBe("FillOver");
  expect(scope.stores.every(({ states }) => states.size === 0)).toBe(true);
});

test("it says how far it has come, and when it is time for the markers", async () => {
  const main = newWorld(PARTITIONS, [], "broker");
  main.now = START;
  some(main, 120, randomOf(6));
  const scope = besides(main);
  const filler = fill(main, scope);
  expect(filler.isNear()).toBe(false);
  expect((await outcome(filler, scope))?.message).toBe("it waits for more");
  expect(filler.isNear()).toBe(true);
  mark(main);
  expect(await outcome(filler, scope)).toBeNull();
  expect(filler.progress()).toMatchObject({ change: CHANGE.id, done: main.records.length, total: main.records.length, filled: PARTITIONS, partitions: PARTITIONS });
  expect(await fillProgress(opened(main, () => "none", () => 10).store)).toMatchObject({ change: CHANGE.id, filled: PARTITIONS });
});

test("a partition that cannot go on ends it, with the reason", async () => {
  const main = newWorld(PARTITIONS, [], "broker");
  main.now = START;
  some(main, 50, randomOf(7));
  const scope = besides(main);
  const first = fill(main, scope);
  await outcome(first, scope);
  await first.stop();
  const { log } = opened(scope, () => "none", () => 10);
  const gone: EventLog = { ...log, info: async () => ({ ...await log.info(), first: 900, last: 1000 }) };
  const ended = await outcome(fill(main, scope, () => "none", { log: gone }), scope);
  expect(ended?.name).toBe("FillFailed");
  expect(ended?.message).toMatch(/no longer holds events/);
});

// ---------------------------------------------------------------------------------------------------- rate

test("records come at the rate, evenly, and what was not taken is not made up for in one go", async () => {
  const records = Array.from({ length: 20_000 }, (_, i): LogRecord => ({ sequence: i + 1, stamp: i, subject: "events.visited.a", headers: null, body: new Uint8Array() }));
  let at = 0;
  let next = 0;
  let closed = false;
  const reader: LogReader = {
    ready: async () => { if (closed) throw new LogClosed("closed"); }, take: (limit) => records.slice(next, (next += Math.min(limit, records.length - next))),
    get lag() { return records.length - next; }, close: async () => { closed = true; },
  };
  const inner = opened(newWorld(1), () => "none", () => 10).log;
  const pause = async (ms: number): Promise<void> => { at += ms / 1000; };
  const log = fillLog({ log: { ...inner, read: () => Promise.resolve(reader) }, rate: () => 1000, words: fillWords(1), standing: { begun: 0, hasEnded: false }, environment: { seconds: () => at, pause } });
  const bounded = await log.read(1);
  let most = 0;
  while (at < 5) {
    await bounded.ready(1000);
    most = Math.max(most, bounded.take(4096).length);
  }
  expect(next).toBeGreaterThan(4800);
  expect(next).toBeLessThanOrEqual(Math.ceil(at * 1000));
  expect(most).toBeLessThanOrEqual(40);
  expect(log.position).toBe(next);
  at += 60;
  const before = next;
  await bounded.ready(1000);
  bounded.take(4096);
  expect(next - before).toBeLessThanOrEqual(100);
  await bounded.close();
  await expect(bounded.ready(1)).rejects.toThrow(LogClosed);
});
