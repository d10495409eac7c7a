/** A running engine takes a new program: at one place of each partition's history, whatever dies on the way. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { ChangeLost, carryThrough, type ApplyEnd, type ApplyParts } from "../../engine/change/apply.js";
import { bundleOf, currentProgram, writeBundle } from "../../engine/change/bundle.js";
import { beginChange, cancelChange, changeUnderWay, endChange, type Change } from "../../engine/change/change.js";
import { FILLED_FIELD } from "../../engine/change/filled.js";
import { markerRecord } from "../../engine/change/marker.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine, type Engine, type Ports } from "../../engine/engine.js";
import { StoreRefused, type NewRecord } from "../../engine/ports.js";
import { engineStats, type EngineStats } from "../../engine/stats.js";
import { eventSubject, programSubject } from "../../engine/subjects.js";
import { appendTo, newWorld, opened, quiet, simulatedEnvironment, type Accident, type Accidents, type World } from "../engine/simulated-ports.js";
import { randomOf } from "../retail/random.js";

const COMMON = `
event bought { total: number }
segment buyer when count(bought) >= 3
rule thanks { on enter buyer  wait 2 hours  emit "thanks" }
`;
const OLD_TEXT = `${COMMON}
segment big when sum(bought.total) >= 300
rule old { on bought  emit "old" { total: event.total } }
`;
const NEW_TEXT = `${COMMON}
segment regular when count(bought) over 30 days >= 2
rule new { on bought  emit "new" { total: event.total } }
`;

const filesOf = (text: string) => [{ file: "rules.eddy", text }];
function compiled(text: string): Compiled {
  const { program } = compileProgram(filesOf(text));
  if (program === null) throw new Error("the rules do not compile");
  return compile(program);
}
const OLD = compiled(OLD_TEXT);
const NEW = compiled(NEW_TEXT);
const BUNDLE = writeBundle(bundleOf(filesOf(NEW_TEXT)));
const KNOWN = new Map([OLD, NEW].map((one) => [one.program.hash, one]));

const PARTITIONS = 3;
const CUSTOMERS = Array.from({ length: 9 }, (_, i) => `c${i}`);
const CHANGE: Change = { id: "change 1", program: NEW.program.hash, from: OLD.program.hash, fill: false, phase: "switching", since: 0 };
const NONE: Accidents = () => "none";

let events = 0;
function purchases(world: World, count: number): void {
  for (let i = 0; i < count; i++) {
    world.now += 600_000;
    const customer = CUSTOMERS[(events * 7) % CUSTOMERS.length] as string;
    appendTo(world, [{
      subject: eventSubject("bought", customer),
      body: JSON.stringify({ specversion: "1.0", id: String(++events), source: "test", type: "bought", subject: customer, time: new Date(world.now).toISOString(), data: { total: events } }),
    }]);
  }
}

function begun(): World {
  events = 0;
  const world = newWorld(PARTITIONS);
  world.now = Date.parse("2026-03-01T10:00:00Z");
  world.shared.set("current", OLD.program.hash);
  return world;
}

interface Running {
  readonly engine: Engine;
  readonly stats: EngineStats;
  readonly log: { readonly message: string; readonly fields: Readonly<Record<string, unknown>> }[];
  isOver(): boolean;
}

let names = 0;
function start(world: World, ports: Ports, own: Compiled = OLD, takesChanges = true): Running {
  const stats = engineStats();
  const log: Running["log"] = [];
  const name = `engine ${++names}`;
  let tokens = 0;
  const environment = { ...simulatedEnvironment(world), token: () => `${name}.${++tokens}`, log: (_: string, message: string, fields = {}) => void log.push({ message, fields }) };
  const programs = { compiled: (hash: string) => Promise.resolve(KNOWN.get(hash) ?? null), change: () => changeUnderWay(ports.store), current: () => currentProgram(ports.store) };
  const engine = startEngine(own, ports, { cacheCustomers: 100, limits: { maxOutbox: 100, keepPublished: 100 }, ...(takesChanges ? { programs } : {}) }, environment, stats);
  let over = false;
  engine.ended.then(() => { over = true; }, () => { over = true; });
  return { engine, stats, log, isOver: () => over };
}

const open = (world: World, accidents: Accidents = NONE): Ports => opened(world, accidents, () => 10);
/** Ports that do not disturb who is at work. */
function besides(world: World, accidents: Accidents = NONE): Ports {
  const { members } = world;
  const ports = open(world, accidents);
  world.members = members;
  return ports;
}

const mark = (world: World, change: Pick<Change, "id" | "program"> = CHANGE): void => appendTo(world, Array.from({ length: PARTITIONS }, (_, index): NewRecord => markerRecord(change, index)));
/** Filling has ended where each partition is marked first; or, for tests, elsewhere. */
function fillUp(filled: World, world: World, elsewhere = 0): void {
  filled.stores.forEach(({ fields }, index) => {
    const marker = world.records.find(({ subject }) => subject === programSubject(index));
    if (marker !== undefined) fields.set("ended", `${CHANGE.id}:${marker.sequence + elsewhere}`);
  });
  filled.shared.set(FILLED_FIELD, CHANGE.id);
}
const underWay = (world: World, change: Change = CHANGE): void => void world.shared.set("change", JSON.stringify(change));

const runs = (world: World): string[] => world.stores.map(({ fields }) => (fields.get("program") === NEW.program.hash ? "new" : fields.get("program") === OLD.program.hash ? "old" : (fields.get("program") ?? "nothing")));
/** What was said, but not how it was numbered. */
const said = (world: World): string[][] => world.outputs.map((list) => list.filter(({ subject }) => subject.startsWith("actions.")).map(({ subject, id, body }) => `${subject} ${id} ${JSON.stringify((JSON.parse(body) as { data: unknown }).data)}`));
const members = (world: World): unknown => world.stores.map((stored) => ["buyer", "regular"].map((segment) => [...(stored.members.get(segment) ?? [])].sort()));
const saidOf = (world: World, name: string): number => world.outputs.flat().filter(({ subject }) => subject.endsWith(`.emit.${name}`)).length;

/** One engine that stops before the marker, and another that starts behind it. */
async function reference(before: number, after: number): Promise<World> {
  const world = begun();
  purchases(world, before);
  for (const program of [OLD, NEW]) {
    const { engine, isOver } = start(world, open(world), program, false);
    await quiet(world, isOver);
    await engine.stop();
    if (program === NEW) break;
    mark(world);
    purchases(world, after);
  }
  return world;
}

describe("a partition", () => {
  test("goes over at its marker: what came before is the old program's, what comes behind the new one's", async () => {
    const world = begun();
    const { engine, isOver, log, stats } = start(world, open(world));
    purchases(world, 20);
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["old", "old", "old"]);
    underWay(world);
    purchases(world, 10);
    mark(world);
    purchases(world, 30);
    await quiet(world, isOver);
    expect(isOver()).toBe(false);
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect([saidOf(world, "old"), saidOf(world, "new")]).toEqual([30, 30]);
    expect(engine.program().hash).toBe(NEW.program.hash);
    expect(engine.notReady()).toEqual([]);
    expect(log.filter(({ message }) => message === "the rules have changed").map(({ fields }) => [fields["program"], fields["partitions"]])).toEqual([[NEW.program.hash, 3]]);
    // What the new program does not know is counted no more.
    expect([...stats.ruleStarted.keys()].sort()).toEqual(["new", "thanks"]);
    expect([...(stats.segmentCustomers.get(0)?.keys() ?? [])].sort()).toEqual(["buyer", "regular"]);
    await engine.stop();
    const straight = await reference(30, 30);
    expect(said(world)).toEqual(said(straight));
    expect(members(world)).toEqual(members(straight));
  });

  test("passes over markers of other changes, and one that comes twice", async () => {
    const world = begun();
    const { engine, isOver } = start(world, open(world));
    mark(world);
    purchases(world, 10);
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["old", "old", "old"]);
    underWay(world, { ...CHANGE, id: "change 2" });
    mark(world);
    purchases(world, 10);
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["old", "old", "old"]);
    underWay(world);
    mark(world);
    mark(world);
    purchases(world, 10);
    mark(world);
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect([saidOf(world, "old"), saidOf(world, "new")]).toEqual([20, 10]);
    expect(isOver()).toBe(false);
    await engine.stop();
  });

  test("that its store has left behind a change that is over goes over all the same", async () => {
    const world = begun();
    const { engine, isOver } = start(world, open(world));
    world.shared.set("current", NEW.program.hash);
    purchases(world, 10);
    mark(world);
    purchases(world, 10);
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect([saidOf(world, "old"), saidOf(world, "new")]).toEqual([10, 10]);
    await engine.stop();
  });

  test("waits at the marker until history is read up to it, and others go on", async () => {
    const world = begun();
    const filled = newWorld(PARTITIONS);
    const { engine, isOver } = start(world, { ...open(world), filled: open(filled).store });
    underWay(world, { ...CHANGE, fill: true });
    purchases(world, 10);
    appendTo(world, [markerRecord(CHANGE, 1)]);
    purchases(world, 40);
    const before = world.stores.map(({ fields }) => fields.get("offset"));
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["old", "old", "old"]);
    expect(saidOf(world, "new")).toBe(0);
    expect(world.stores.map(({ fields }) => fields.get("offset"))).not.toEqual(before);
    expect(engine.notReady()).not.toEqual([]);
    fillUp(filled, world);
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["old", "new", "old"]);
    expect(world.outputs[1]?.filter(({ subject }) => subject.endsWith(".emit.new"))).not.toHaveLength(0);
    await engine.stop();
  });

  test("waits, and says why, where history was read up to another place than its own", async () => {
    for (const elsewhere of [-3, 3]) {
      const world = begun();
      const filled = newWorld(PARTITIONS);
      const { engine, isOver, log } = start(world, { ...open(world), filled: open(filled).store });
      underWay(world, { ...CHANGE, fill: true });
      purchases(world, 10);
      mark(world);
      purchases(world, 10);
      fillUp(filled, world, elsewhere);
      await quiet(world, isOver);
      expect(runs(world)).toEqual(["old", "old", "old"]);
      const why = log.filter(({ message }) => message.includes("'eddy apply --continue'") && message.includes("up to another one"));
      expect(why.map(({ fields }) => [fields["partition"], Number(fields["readUpTo"]) - Number(fields["at"])]).sort()).toEqual([0, 1, 2].map((index) => [index, elsewhere]));
      // Read anew by somebody.
      fillUp(filled, world);
      await quiet(world, isOver);
      expect(runs(world)).toEqual(["new", "new", "new"]);
      await engine.stop();
    }
  });

  test("whose store goes back while it waits is read anew from there", async () => {
    async function run(goesBack: boolean): Promise<World> {
      const world = begun();
      const filled = newWorld(PARTITIONS);
      const { engine, isOver } = start(world, { ...open(world), filled: open(filled).store });
      underWay(world, { ...CHANGE, fill: true });
      purchases(world, 5);
      await quiet(world, isOver);
      const before = structuredClone(world.stores);
      purchases(world, 15);
      mark(world);
      purchases(world, 10);
      await quiet(world, isOver);
      expect(runs(world)).toEqual(["old", "old", "old"]);
      if (goesBack) world.stores.splice(0, PARTITIONS, ...before);
      fillUp(filled, world);
      await quiet(world, isOver);
      expect(isOver()).toBe(false);
      expect(runs(world)).toEqual(["new", "new", "new"]);
      await engine.stop();
      return world;
    }
    const [straight, back] = [await run(false), await run(true)];
    expect(members(back)).toEqual(members(straight));
    expect(said(back)).toEqual(said(straight));
  });

  test("goes over at the marker of a change that the store has taken back to filling, and not where that was cancelled", async () => {
    for (const isCancelled of [false, true]) {
      const world = begun();
      const { store, ...ports } = open(world);
      // Cancelled between the question and the answer.
      const share: typeof store.share = async (expected, set) => {
        if (isCancelled) world.shared.delete("change");
        return store.share(expected, set);
      };
      const { engine, isOver } = start(world, { ...ports, store: { ...store, share } });
      underWay(world, { ...CHANGE, phase: "filling" });
      purchases(world, 10);
      mark(world);
      purchases(world, 10);
      await quiet(world, isOver);
      expect(runs(world)).toEqual(isCancelled ? ["old", "old", "old"] : ["new", "new", "new"]);
      expect((await changeUnderWay(store))?.phase).toBe(isCancelled ? undefined : "switching");
      await engine.stop();
    }
  });

  test("that waits does not keep the process from ending, nor from going over when it starts again", async () => {
    const world = begun();
    const filled = newWorld(PARTITIONS);
    const first = start(world, { ...open(world), filled: open(filled).store });
    underWay(world, { ...CHANGE, fill: true });
    purchases(world, 10);
    mark(world);
    purchases(world, 10);
    await quiet(world, first.isOver);
    await first.engine.stop();
    expect(runs(world)).toEqual(["old", "old", "old"]);
    fillUp(filled, world);
    const second = start(world, { ...open(world), filled: open(filled).store }, NEW);
    await quiet(world, second.isOver);
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect([saidOf(world, "old"), saidOf(world, "new")]).toEqual([10, 10]);
    await second.engine.stop();
  });
});

test("what was filled and cannot be removed is told of, and is removed when it can be", async () => {
  const world = begun();
  const filled = newWorld(PARTITIONS);
  let refusals = 2;
  const dropped: number[] = [];
  const dropFilled = (partition: number): Promise<void> => {
    if (partition === 1 && refusals-- > 0) return Promise.reject(new StoreRefused("the disk is full"));
    dropped.push(partition);
    return Promise.resolve();
  };
  const { engine, isOver, log } = start(world, { ...open(world), filled: open(filled).store, dropFilled });
  underWay(world, { ...CHANGE, fill: true });
  purchases(world, 20);
  mark(world);
  fillUp(filled, world);
  await quiet(world, isOver);
  expect(runs(world)).toEqual(["new", "new", "new"]);
  expect(dropped.sort()).toEqual([0, 1, 2]);
  expect(world.stores.map(({ fields }) => fields.get("joining"))).toEqual([undefined, undefined, undefined]);
  expect(log.flatMap(({ message, fields }) => (message.includes("cannot be removed") ? [[fields["partition"], fields["reason"], fields["againInMs"]]] : []))).toEqual([[1, "the disk is full", 1000], [1, "the disk is full", 2000]]);
  await engine.stop();
});

describe("two members", () => {
  test("take the change together, each with its partitions", async () => {
    const world = begun();
    const ports = [open(world), open(world)];
    const both = ports.map((each) => start(world, each));
    const isOver = (): boolean => both.some((each) => each.isOver());
    purchases(world, 20);
    await quiet(world, isOver);
    expect(both.map(({ stats }) => stats.partitions.size).sort()).toEqual([1, 2]);
    underWay(world);
    purchases(world, 10);
    mark(world);
    purchases(world, 20);
    await quiet(world, isOver);
    expect(runs(world)).toEqual(["new", "new", "new"]);
    for (const { engine } of both) await engine.stop();
    const straight = await reference(30, 20);
    expect(said(world)).toEqual(said(straight));
    expect(both.flatMap(({ log }) => log).filter(({ message }) => message.startsWith("other members run other rules"))).toEqual([]);
  });

  test("a partition that moves on while it waits at its marker goes over where it comes to", async () => {
    const world = begun();
    const filled = newWorld(PARTITIONS);
    const ports = [open(world), open(world)].map((each) => ({ ...each, filled: open(filled).store }));
    const first = start(world, ports[0] as Ports);
    underWay(world, { ...CHANGE, fill: true });
    purchases(world, 10);
    mark(world);
    purchases(world, 10);
    await quiet(world, first.isOver);
    expect(first.stats.partitions.size).toBe(3);
    const second = start(world, ports[1] as Ports);
    await quiet(world, second.isOver);
    expect([first.stats.partitions.size, second.stats.partitions.size].sort()).toEqual([1, 2]);
    fillUp(filled, world);
    await quiet(world, second.isOver);
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect([saidOf(world, "old"), saidOf(world, "new")]).toEqual([10, 10]);
    for (const { engine } of [first, second]) await engine.stop();
  });
});

// ---------------------------------------------------------------------------------------------------- applying

function applying(world: World, ports: Ports, parts: Partial<ApplyParts> = {}, from = CHANGE.from, fill = false): { readonly end: Promise<ApplyEnd>; readonly stop: AbortController } {
  const stop = new AbortController();
  let seconds = 0;
  const end = (async () => {
    const environment = { ...simulatedEnvironment(world), seconds: () => (seconds += 0.1), token: () => "" };
    const change: Change = { ...CHANGE, phase: "filling", from, fill };
    const now = await changeUnderWay(ports.store);
    if (now === null && await currentProgram(ports.store) === NEW.program.hash) return "done" as const;
    if (now === null && !await beginChange(ports.store, change, BUNDLE)) throw new Error("another change is under way");
    return carryThrough({
      store: ports.store, log: ports.log, partitions: PARTITIONS, environment, signal: stop.signal, fill: () => Promise.reject(new Error("nothing is filled here")), clear: () => Promise.resolve(),
      isEngineAtWork: () => Promise.resolve(world.members.length > 0), told: () => undefined, ...parts,
    }, now ?? change);
  })();
  end.catch(() => undefined);
  return { end, stop };
}

describe("applying", () => {
  test("ends with the new program in force, and the change over", async () => {
    const world = begun();
    const { engine, isOver } = start(world, open(world));
    purchases(world, 20);
    await quiet(world, isOver);
    const told: unknown[] = [];
    const { end } = applying(world, besides(world), { told: (progress) => void told.push(progress) });
    expect(await end).toBe("done");
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect(Object.fromEntries(world.shared)).toEqual({ current: NEW.program.hash, previous: OLD.program.hash, [`program:${NEW.program.hash}`]: BUNDLE });
    expect(told[0]).toEqual({ k: "switching", switched: 0, partitions: 3 });
    await engine.stop();
  });

  test("history that was read up to where nobody goes over is read anew", async () => {
    const world = begun();
    const filled = newWorld(PARTITIONS);
    const { engine, isOver } = start(world, { ...open(world), filled: open(filled).store });
    purchases(world, 20);
    await quiet(world, isOver);
    const told: string[] = [];
    let fills = 0;
    const closed: number[] = [];
    const isThere = (): boolean => world.records.filter(({ subject }) => subject === programSubject(0)).length > 0;
    const { end } = applying(world, besides(world), {
      told: ({ k }) => void told.push(k),
      fill() {
        const number = ++fills;
        return Promise.resolve({
          near: () => Promise.resolve(),
          async filled() {
            while (!isThere()) await new Promise((resolve) => setImmediate(resolve));
            fillUp(filled, world, number === 1 ? -2 : 0);
          },
          stands: () => Promise.resolve(number > 1),
          close: () => Promise.resolve(void closed.push(number)),
        });
      },
    }, OLD.program.hash, true);
    expect(await end).toBe("done");
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect(fills).toBe(2);
    expect([...new Set(closed)]).toEqual([1, 2]);
    expect(told.slice(0, 4)).toEqual(["filling", "switching", "filling", "switching"]);
    await engine.stop();
  });

  test("where nothing has ever run, the program is in force at once", async () => {
    const world = begun();
    world.shared.clear();
    expect(await applying(world, open(world), {}, "").end).toBe("done");
    expect(world.shared.get("current")).toBe(NEW.program.hash);
    expect(world.records).toEqual([]);
  });

  test("without an engine the change waits in the log, and whoever applies again ends it", async () => {
    const world = begun();
    const first = start(world, open(world));
    purchases(world, 20);
    await quiet(world, first.isOver);
    await first.engine.stop();
    expect(await applying(world, besides(world)).end).toBe("waiting");
    expect(runs(world)).toEqual(["old", "old", "old"]);
    const second = start(world, open(world), NEW);
    purchases(world, 5);
    await quiet(world, second.isOver);
    expect(runs(world)).toEqual(["new", "new", "new"]);
    expect(world.shared.get("current")).toBe(OLD.program.hash);
    expect(await applying(world, besides(world)).end).toBe("done");
    expect(world.shared.get("current")).toBe(NEW.program.hash);
    await second.engine.stop();
  });

  test("a marker that was passed over is followed by another", async () => {
    const world = begun();
    const { engine, isOver } = start(world, open(world));
    purchases(world, 20);
    await quiet(world, isOver);
    const ports = besides(world);
    let hides = 3;
    // The store had gone back for a moment: nothing is known of the change just as its markers are read.
    const log = { append: async (records: readonly NewRecord[]) => {
      const change = world.shared.get("change") as string;
      if (hides > 0) world.shared.delete("change");
      const answer = await ports.log.append(records);
      await quiet(world, isOver);
      hides -= records.length;
      world.shared.set("change", change);
      return answer;
    } };
    expect(await applying(world, { ...ports, log: { ...ports.log, ...log } }).end).toBe("done");
    expect(runs(world)).toEqual(["new", "new", "new"]);
    await engine.stop();
  });

  test("ends where the store has gone back to before the change: no marker of it will ever count", async () => {
    const world = begun();
    const { engine, isOver } = start(world, open(world));
    purchases(world, 20);
    await quiet(world, isOver);
    const ports = besides(world);
    const append = (records: readonly NewRecord[]) => {
      world.shared.delete("change");
      return ports.log.append(records);
    };
    await expect(applying(world, { ...ports, log: { ...ports.log, append } }).end).rejects.toThrow(ChangeLost);
    expect(runs(world)).toEqual(["old", "old", "old"]);
    await engine.stop();
  });

  test("cancelled, or over, it takes no rules with it that others finish, nor those of before", async () => {
    const world = begun();
    const { store } = open(world);
    const program = (hash: string, ...finishing: string[]): void => void world.shared.set(`program:${hash}`, writeBundle({ version: 1, files: [], finishing: finishing.map((from) => ({ rule: "r", from })) }));
    const programs = (): string[] => [...world.shared.keys()].filter((name) => name.startsWith("program:")).sort();
    program("first");
    program("second", "first");
    world.shared.set("current", "second").set("previous", "first");
    const to = (id: string, from: string): Change => ({ ...CHANGE, phase: "filling", program: id, from });
    // Back to the first, and to another one.
    for (const id of ["first", "third"]) {
      expect(await beginChange(store, to(id, "second"), writeBundle(bundleOf([])))).toBe(true);
      expect(await cancelChange(store, to(id, "second"))).toBe(true);
      expect(programs()).toEqual(["program:first", "program:second"]);
    }
    // Whoever was left behind in the second must compile it.
    expect(await beginChange(store, to("third", "second"), writeBundle(bundleOf([])))).toBe(true);
    expect(await endChange(store, to("third", "second"))).toBe(true);
    expect(programs()).toEqual(["program:first", "program:second", "program:third"]);
    // With the second goes what only the second finished.
    const fourth = to("fourth", "third");
    expect(await beginChange(store, fourth, writeBundle(bundleOf([])))).toBe(true);
    expect(await endChange(store, fourth)).toBe(true);
    expect(programs()).toEqual(["program:fourth", "program:third"]);
  });

  test("whatever rules come one after the other, those stay that somebody may need, and no others", async () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = randomOf(seed);
      const world = begun();
      const { store } = open(world);
      const finishing = new Map<string, readonly string[]>([["p0", []]]);
      world.shared.set("current", "p0").set("program:p0", writeBundle(bundleOf([])));
      let [before, now] = ["", "p0"];
      for (let i = 1; i <= 12; i++) {
        // What is finished already goes on or not, and what is in force now begins to be.
        const isBack = random() < 0.2 && before !== "";
        const next = isBack ? before : `p${i}`;
        if (!isBack) finishing.set(next, [...finishing.get(now) ?? [], now].filter(() => random() < 0.6));
        const change: Change = { ...CHANGE, id: `c${i}`, phase: "filling", program: next, from: now };
        expect(await beginChange(store, change, writeBundle(bundleOf([], (finishing.get(next) ?? []).map((from) => ({ rule: "r", from })))))).toBe(true);
        expect(await endChange(store, change)).toBe(true);
        [before, now] = [now, next];
        const needed = new Set([before, now].flatMap((hash) => [hash, ...finishing.get(hash) ?? []]));
        const stored = [...world.shared.keys()].filter((name) => name.startsWith("program:")).map((name) => name.slice("program:".length));
        expect(stored.sort(), `seed ${seed}, change ${i}`).toEqual([...needed].sort());
      }
    }
  });

  test("many runs: engines and whoever applies die, at every step, and each end is in one program, with what it should have said", async () => {
    let died = 0;
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomOf(seed);
      const world = begun();
      purchases(world, 25);
      let accidents = 4;
      const accident: Accidents = (): Accident => {
        if (accidents === 0 || random() > 0.06) return "none";
        accidents--;
        died++;
        return random() < 0.5 ? "dies before" : "dies after";
      };
      let marked = 0;
      const ports = open(world, accident);
      let running = start(world, ports);
      let applied = applying(world, besides(world, accident));
      let end: ApplyEnd | null = null;
      applied.end.then((how) => { end = how; }, () => undefined);
      for (let turn = 0; turn < 30 && end !== "done"; turn++) {
        await quiet(world, running.isOver, 60);
        if (marked === 0 && world.records.some(({ subject }) => subject.startsWith("events.eddy_program"))) {
          marked = world.records.findIndex(({ subject }) => subject.startsWith("events.eddy_program"));
          purchases(world, 15);
        }
        if (running.isOver()) running = start(world, open(world, accident), KNOWN.get(world.shared.get("current") ?? ""));
        await Promise.race([applied.end.catch(() => undefined), quiet(world, () => end === "done", 40)]);
        if (end !== "done") {
          applied.stop.abort();
          applied = applying(world, besides(world, accident));
          applied.end.then((how) => { end = how; }, () => undefined);
        }
      }
      await quiet(world, running.isOver);
      if (running.isOver()) {
        running = start(world, open(world));
        await quiet(world, running.isOver);
      }
      expect({ seed, end, runs: runs(world), current: world.shared.get("current"), change: world.shared.get("change") }).toEqual({ seed, end: "done", runs: ["new", "new", "new"], current: NEW.program.hash, change: undefined });
      await running.engine.stop();
      if (marked > 0) expect({ seed, old: saidOf(world, "old"), new: saidOf(world, "new") }).toEqual({ seed, old: 25, new: 15 });
      // Nothing is said twice.
      const ids = world.outputs.flat().map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
    }
    expect(died).toBeGreaterThan(60);
  }, 60_000);
});
