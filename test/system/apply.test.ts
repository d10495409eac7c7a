/** Rules that change while the engine runs, as its operator sees it: `eddy apply`, SIGHUP, `--watch`, a start with other rules, kill -9. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { changeUnderWay } from "../../engine/change/change.js";
import { readMeta } from "../../engine/meta.js";
import { eventSubject } from "../../engine/subjects.js";
import { eddyHere } from "../cli/eddy-here.js";
import { eddy } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { scrape } from "./metrics.js";
import { embeddedPlace, serversPlace, type Place } from "./places.js";
import { published, until } from "./progress.js";

const PARTITIONS = 4;
const CUSTOMERS = 40;

/** Everybody who buys is said to have bought, under the name of the version; what is new in it needs no history. */
const version = (name: string): string => `
event bought { total: number }
segment buyer when count(bought) >= 3
rule ${name} { on bought  emit "${name}" { total: event.total } }
`;

let place: Place;
let folder: string;
let engines: EngineProcess[];
let events: number;
let feeding: AbortController;
let fed: Promise<void>;

const write = (text: string): void => writeFileSync(join(folder, "rules.eddy"), text);
const start = (...more: string[]): EngineProcess => {
  const engine = startEngineProcess({ rules: "rules.eddy", place: place.flags, folder, more });
  engines.push(engine);
  return engine;
};
// The embedded store is open in this process already.
const apply = (...more: string[]) => (place.flags.includes("--embedded") ? eddy : eddyHere)(["apply", "rules.eddy", ...place.flags, ...more], { folder });

async function buy(count: number): Promise<void> {
  await place.ports.log.append(Array.from({ length: count }, () => {
    const customer = `c${++events % CUSTOMERS}`;
    return { subject: eventSubject("bought", customer), body: JSON.stringify({ specversion: "1.0", id: String(events), source: "test", type: "bought", subject: customer, data: { total: events } }) };
  }));
}

/** Events come all the while, until `stopped`. */
function feed(): void {
  feeding = new AbortController();
  fed = (async () => {
    while (!feeding.signal.aborted) {
      await buy(7);
      await new Promise((resolve) => { setTimeout(resolve, 15); });
    }
  })();
  fed.catch(() => undefined); // `stopped` tells of it
}
async function stopped(): Promise<void> {
  feeding.abort();
  await fed;
}

/** What was said of each event, by partition, in order. */
async function said(): Promise<{ readonly name: string; readonly total: number }[][]> {
  return Promise.all(Array.from({ length: PARTITIONS }, async (_, index) => (await place.outputs(index)).filter(({ subject }) => subject.includes(".emit.")).map(({ subject, body }) => ({
    name: subject.split(".").at(-1) ?? "", total: (JSON.parse(body) as { data: { total: number } }).data.total,
  }))));
}

/** What was said is read once there can be enough of it: all of it is much, and the engine waits for the same processor. */
const allSaid = async (): Promise<boolean> => await published(place) >= events && (await said()).flat().length >= events;
const hasSpokenEverywhere = async (name: string): Promise<boolean> => (await said()).every((list) => list.some((each) => each.name === name));

const programs = async (): Promise<(string | undefined)[]> => Promise.all(Array.from({ length: PARTITIONS }, async (_, index) => readMeta((await place.ports.store.meta(index)).meta).program));
const inForce = async (): Promise<string | null> => (await place.ports.store.shared(["current"]))[0] ?? null;
const isOver = async (): Promise<boolean> => await changeUnderWay(place.ports.store) === null;
/** Or over already: on a busy machine all partitions may have gone over between two looks. `before`: what was in force. */
const hasBegun = async (phase: "filling" | "switching", before: string | null): Promise<boolean> => {
  const change = await changeUnderWay(place.ports.store);
  return change === null ? await inForce() !== before : phase === "filling" || change.phase === phase;
};
const hashIn = (stderr: string): string => /to ([0-9a-f]{16})/.exec(stderr)?.[1] ?? stderr;

/** Each event once, and in each partition everything that one version says before anything that the next one says. */
async function expectOneAfterTheOther(versions: readonly string[]): Promise<void> {
  await until("everything is said", allSaid, 60_000, 50);
  const all = await said();
  expect(all.flat().map(({ total }) => total).sort((a, b) => a - b)).toEqual(Array.from({ length: events }, (_, i) => i + 1));
  for (const list of all) {
    const order = list.map(({ name }) => versions.indexOf(name));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(new Set(order).size).toBe(versions.length);
  }
}

/** A place and a folder of rules for each test, and nobody left behind. */
function atPlace(make: typeof serversPlace | typeof embeddedPlace): void {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "eddy-apply-"));
    engines = [];
    events = 0;
    place = await make({ partitions: PARTITIONS, clock: "broker" });
    write(version("one"));
  });
  afterEach(async () => {
    await stopped().catch(() => undefined);
    for (const engine of engines) await engine.kill();
    await place.dispose();
    rmSync(folder, { recursive: true, force: true });
  });
}

describe.each([["embedded", embeddedPlace], ["on NATS and Redis", serversPlace]] as const)("%s", (_, make) => {
  atPlace(make);

  test("eddy apply while events flow: every event is the old rules' or the new ones', in order", async () => {
    const engine = start();
    const http = await engine.http();
    await engine.said("partitions taken");
    await buy(60);
    feed();
    write(version("two"));
    const { code, stderr } = await apply();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/the program [0-9a-f]{16} is in force on all 4 partitions/);
    await until("the new rules have said something everywhere", () => hasSpokenEverywhere("two"), 60_000, 100);
    await stopped();
    await expectOneAfterTheOther(["one", "two"]);
    const hash = hashIn(stderr);
    expect([await inForce(), ...await programs()]).toEqual(Array(PARTITIONS + 1).fill(hash));
    expect(await changeUnderWay(place.ports.store)).toBeNull();
    const metrics = await scrape(http);
    expect(metrics.labels("eddy_program_info", "hash")).toEqual([hash]);
    expect(metrics.labels("eddy_rule_started_total", "rule")).toEqual(["two"]);
    const again = await apply();
    expect(again).toMatchObject({ code: 0 });
    expect(again.stderr).toContain("in force already");
  }, 300_000);

  test("kill -9 in the middle, of the engine and of whoever applies: one program or the other, and nothing twice", async () => {
    let engine = start();
    await engine.said("partitions taken");
    await buy(60);
    await until("all is said", allSaid, 60_000, 50);
    feed();
    write(version("two"));
    const one = await inForce();
    const applying = apply();
    await until("partitions go over", () => hasBegun("switching", one), 60_000, 1);
    await engine.kill();
    // What the engine was started with is not what it runs: that is what its partitions say.
    engine = start();
    expect((await applying).code).toBe(0);
    await until("the new rules have said something everywhere", () => hasSpokenEverywhere("two"), 60_000, 100);
    // Without an engine whoever applies does not wait for one: then the one that started ends the change.
    await until("the change is over", isOver, 60_000, 50);

    const two = await inForce();
    write(version("three"));
    const child = startEngineProcess({ rules: "rules.eddy", place: place.flags, folder, command: "apply" });
    engines.push(child);
    await until("a change is under way", () => hasBegun("filling", two), 60_000, 1);
    await child.kill();
    const again = await eddy(["apply", "rules.eddy", ...place.flags], { folder });
    expect(again, again.stderr).toMatchObject({ code: 0 });
    await until("the third rules have said something everywhere", () => hasSpokenEverywhere("three"), 60_000, 100);
    await stopped();
    await expectOneAfterTheOther(["one", "two", "three"]);
  }, 300_000);
});

describe("embedded, once more", () => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "eddy-apply-"));
    engines = [];
    events = 0;
    feeding = new AbortController();
    place = await embeddedPlace({ partitions: PARTITIONS, clock: "broker" });
    write(version("one"));
  });
  afterEach(async () => {
    for (const engine of engines) await engine.kill();
    await place.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test("SIGHUP takes what lies in the folder; rules with errors change nothing, and the log and the metrics tell", async () => {
    const engine = start();
    const http = await engine.http();
    await engine.said("partitions taken");
    await buy(20);
    write("rule broken { on nothing }");
    process.kill(engine.pid, "SIGHUP");
    const error = await engine.said("the rules have errors");
    expect(error.level).toBe("error");
    expect(String(error["said"])).toContain("rules.eddy:1");
    expect((await scrape(http)).value("eddy_program_last_reload_successful")).toBe(0);
    await buy(20);
    write(version("two"));
    process.kill(engine.pid, "SIGHUP");
    await engine.said("the rules have changed");
    await until("the metrics say so", async () => (await scrape(http)).value("eddy_program_last_reload_successful") === 1, 60_000, 50);
    await buy(40);
    await expectOneAfterTheOther(["one", "two"]);
    expect((await engine.terminate()).code).toBe(0);
  }, 300_000);

  test("a start with other rules takes them when nobody else is at work", async () => {
    const first = start();
    await first.said("partitions taken");
    await buy(40);
    await until("all is said", allSaid, 60_000, 50);
    expect((await first.terminate()).code).toBe(0);
    write(version("two"));
    const second = start();
    await second.said("the rules have changed");
    await buy(40);
    await expectOneAfterTheOther(["one", "two"]);
    await until("they are in force", isOver, 60_000, 50);
    expect(await inForce()).toBe((await programs())[0]);
  }, 300_000);

  test("--watch takes a file that has changed", async () => {
    const engine = start("--watch");
    await engine.said("partitions taken");
    await buy(40);
    await until("all is said", allSaid, 60_000, 50);
    write(version("two"));
    await engine.said("the rules have changed");
    await buy(40);
    await expectOneAfterTheOther(["one", "two"]);
  }, 300_000);

  test("without an engine the change waits for one; another one meanwhile is refused, with what to do", async () => {
    const first = start();
    await first.said("partitions taken");
    await buy(40);
    await until("all is said", allSaid, 60_000, 50);
    await first.terminate();
    write(version("two"));
    const { code, stderr } = await apply();
    expect(code).toBe(0);
    expect(stderr).toContain("is taken when one starts");
    write(version("three"));
    const other = await apply();
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/another change of rules is under way.*eddy apply --continue/);
    const cancelled = await eddy(["apply", ...place.flags, "--cancel"], { folder });
    expect(cancelled).toMatchObject({ code: 2 });
    expect(cancelled.stderr).toContain("cannot be cancelled any more");
    const second = start();
    await second.said("the rules have changed");
    await until("the change is over", isOver, 60_000, 50);
    expect((await apply()).code).toBe(0);
    await buy(40);
    await expectOneAfterTheOther(["one", "three"]);
  }, 300_000);
});

describe("on NATS and Redis, once more", () => {
  atPlace(serversPlace);

  test("two processes, one of them with worker threads, take the change together; one that starts with other rules runs those in force", async () => {
    const both = [start("--workers", "2"), start()];
    const [http] = await Promise.all(both.map((engine) => engine.http()));
    await until("all share", async () => (await scrape(http as string)).value("eddy_members") === 3, 60_000, 50);
    await buy(60);
    feed();
    write(version("two"));
    const { code, stderr } = await apply();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    await until("the new rules have said something everywhere", () => hasSpokenEverywhere("two"), 60_000, 100);
    await stopped();
    await expectOneAfterTheOther(["one", "two"]);
    // A thread that is busy for long is counted as it was before.
    for (const engine of both) await until("its metrics name the new rules alone", async () => (await scrape(await engine.http())).labels("eddy_program_info", "hash").join() === hashIn(stderr), 60_000, 50);
    write(version("three"));
    const third = start();
    await third.said("are not the ones in force");
    await third.said("partitions taken");
    await buy(20);
    await expectOneAfterTheOther(["one", "two"]);
  }, 300_000);
});
