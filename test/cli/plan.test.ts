/** `eddy plan`: between two folders, and against what runs. */
import { PassThrough, Writable } from "node:stream";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../cli/main.js";
import { startEngineProcess } from "../system/engine-process.js";
import { embeddedPlace, type Place } from "../system/places.js";
import { settled, until } from "../system/progress.js";
import { eventSubject } from "../../engine/subjects.js";
import { eddy, folderWith } from "./eddy.js";

const EVENTS = "event bought { total: number }\nevent returned { total: number }\nchannel mail { when true }\n";
const OLD = `${EVENTS}
profile { city: string? }
segment regular when count(bought) >= 2
segment away when no bought for 9 days
rule follow_up { on bought  wait 7 days  send mail "follow_up"  wait 14 days  send mail "more" }
rule thanks { on enter regular  emit "thanks" }
`;
const NEW = `${EVENTS}
segment loyal when count(bought) >= 2
segment returner when count(returned) over 12 months >= 1
rule follow_up { on bought  wait 5 days  send mail "follow_up"  wait 14 days  send mail "more" }
rule thanks { on enter loyal  emit "thanks" }
`;
const FEWER = NEW.replace("channel mail { when true }\n", "").replace(/rule follow_up.*\n/, "");
const folder = folderWith({ "old/rules.eddy": OLD, "new/rules.eddy": NEW, "fewer/rules.eddy": FEWER, "wrong/rules.eddy": "segment x when nonsense\n" });

interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const plan = (...args: readonly string[]): Promise<Ran> => run("plan", ...args);

async function run(...args: readonly string[]): Promise<Ran> {
  const texts = { stdout: "", stderr: "" };
  const into = (name: "stdout" | "stderr"): Writable => new Writable({ write(chunk: Buffer, _encoding, done) { texts[name] += chunk.toString("utf8"); done(); } });
  const code = await main(args, {
    stdin: new PassThrough().end(), stdout: into("stdout"), stderr: into("stderr"),
    environment: {}, folder: folder.path, terminal: false, now: () => Date.UTC(2026, 2, 20), interrupted: () => new Promise(() => undefined),
  });
  return { code, ...texts };
}

afterAll(() => folder.remove());

describe("between two folders", () => {
  test("says what becomes of each part", async () => {
    const { code, stdout } = await plan("new", "--against", "old");
    expect(code).toBe(0);
    expect(stdout.replace(/[0-9a-f]{16}/g, "HASH")).toBe(`HASH instead of HASH

rules
  ~ follow_up  changed (steps): from now on; for runs under way see below

segments
  + returner  new: settled for everybody in one pass
  > loyal     was "regular": kept under the new name
  - away      dropped

profile
  - city  dropped

aggregates
  + count(returned) over 12 months  new: filled from history
  - no bought for 9 days            dropped

kept as they are: 1 rule, 1 channel, 2 event types, 1 aggregate

back-fill needed; how long it takes can be said where the engine runs: leave --against away
pass      all customers, one after the other; a customer with an event comes first
`);
  });

  test("says that nothing would change, and that rules have errors", async () => {
    expect(await plan("old", "--against", "old")).toMatchObject({ code: 0, stdout: expect.stringMatching(/^nothing would change/) as string });
    expect(await plan("wrong", "--against", "old")).toMatchObject({ code: 1, stdout: "" });
    expect(await plan("old", "--against", "wrong")).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(/wrong have errors: eddy check .*wrong shows them/) as string });
  });
});

describe("against what runs", () => {
  let place: Place;
  const at = (day: number): string => new Date(Date.UTC(2026, 2, day, 10)).toISOString();
  const event = (type: string, customer: string, day: number): { readonly subject: string; readonly body: string } =>
    ({ subject: eventSubject(type, customer), body: JSON.stringify({ specversion: "1.0", id: `${type} ${day}`, source: "test", type, subject: customer, time: at(day), data: { total: 5 } }) });

  beforeAll(async () => {
    place = await embeddedPlace({ partitions: 1, clock: "event" });
    const engine = startEngineProcess({ rules: "old", place: place.flags, folder: folder.path });
    // ann waits for the second message, bob and cid for the first.
    await place.ports.log.append([event("bought", "ann", 1), event("bought", "ann", 2), event("bought", "bob", 6), event("bought", "cid", 9), event("returned", "cid", 9)]);
    const { last } = await place.ports.log.info();
    await until("all is taken", () => settled(place, last));
    await engine.terminate();
  });
  afterAll(() => place.dispose());

  interface Json {
    readonly needsFill: boolean;
    readonly exactFrom: string | null;
    readonly fill: { readonly records: number; readonly from: string };
    readonly customers: { readonly count: number };
    readonly parts: readonly { readonly kind: string; readonly name: string; readonly fate: string; readonly held?: object; readonly short?: object }[];
    readonly runs: readonly unknown[];
  }

  test("tells of runs under way, of what is freed, and of history that is too short", async () => {
    const { code, stdout } = await plan("new", ...place.flags, "--json");
    const json = JSON.parse(stdout) as Json;
    expect(code).toBe(2);
    expect(json).toMatchObject({ needsFill: true, exactFrom: "2027-03-01T10:00:00Z", fill: { records: 5, from: "2026-03-01T10:00:00Z" }, customers: { count: 3 } });
    expect(json.parts.find(({ name }) => name === "away")).toMatchObject({ fate: "dropped", held: { customers: 0 } });
    expect(json.parts.find(({ name }) => name === "loyal")).toMatchObject({ fate: "renamed", was: "regular" });
    expect(json.parts.find(({ name }) => name.startsWith("count(returned)"))).toMatchObject({ fate: "new", short: { window: "12 months", exactFrom: "2027-03-01T10:00:00Z" } });
    expect(json.runs).toEqual([{
      rule: "follow_up", now: "follow_up",
      stands: [{ place: 1, step: "wait 7 days", runs: 2, kept: false }, { place: 3, step: "wait 14 days", runs: 1, kept: true }],
      choice: { runs: 2, chosen: "stop", hindered: [] },
    }]);
  });

  test("tells what finishing needs, and refuses to finish what is not there", async () => {
    const finished = await plan("new", ...place.flags, "--finish", "follow_up");
    expect(finished.stdout).toMatch(/\+ follow_up@[0-9a-f]{8} +only brings runs under way to their end/);
    expect(finished.stdout).toContain("at step 1, wait 7 days: end under the old steps");
    expect((await plan("fewer", ...place.flags)).stdout.replace(/\s+/g, " ")).toContain('they can only be stopped: the old steps need what the new rules do not have (there is no channel "mail"');
    expect(await plan("new", ...place.flags, "--finish", "follow")).toMatchObject({ code: 2, stderr: expect.stringContaining('there is no rule "follow" in force') as string });
  });

  test("is done by eddy apply, and then there is nothing left to change", async () => {
    expect((await plan("--status", ...place.flags)).stdout).toMatch(/no change of rules is under way/);
    const engine = startEngineProcess({ rules: "old", place: place.flags, folder: folder.path });
    await engine.said("partitions taken");
    expect(await eddy(["apply", "new", ...place.flags, "--finish", "follow_up"], { folder: folder.path })).toMatchObject({ code: 0 });
    await engine.terminate();
    const asked = async (command: string, ...args: readonly string[]): Promise<string> => (await run(command, ...args, "--rules", "new", ...place.flags)).stdout;
    const finishing = /follow_up@[0-9a-f]{8}/.exec(await asked("inspect", "bob"))?.[0] ?? "";
    expect(await asked("explain", "bob", finishing)).toMatch(/^follow_up@\w+ is under way for bob/);
    expect(await asked("explain", "bob", "follow_up")).toMatch(/^follow_up is not under way for bob/);
    expect(await asked("explain", "ann", "follow_up")).toMatch(/^follow_up is under way for ann/);
    expect(await plan("new", ...place.flags)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^nothing would change/) as string });
    expect((await plan("new", ...place.flags, "--stop", "follow_up")).stdout).toMatch(/^nothing would change/);
    const name = /follow_up@[0-9a-f]{8}/.exec((await plan("old", ...place.flags)).stdout)?.[0] ?? "";
    expect((await plan("new", ...place.flags, "--stop", name)).stdout).toContain(`- ${name}  all its runs have ended, or are stopped`);
  }, 180_000);
});
