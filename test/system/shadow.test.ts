/** `eddy run --shadow` on real servers and in a folder: what it tells, and that nothing outside is any different for it. */
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";

import { connectRedis } from "../../connectors/redis/connection.js";
import { eventSubject } from "../../engine/subjects.js";
import { eddy, folderWith } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess, type LogLine } from "./engine-process.js";
import { embeddedPlace, serversPlace, type Place, type Servers } from "./places.js";
import { until } from "./progress.js";

const PARTITIONS = 2;
const rules = (least: number, more = ""): string => `event bought { total: number }
segment vip when sum(bought.total) >= ${least}
rule hello { on enter vip  emit "hello" }
rule thanks { on bought  emit "thanks" { total: event.total } }
${more}`;
const folder = folderWith({
  "old/a.eddy": rules(100), "new/a.eddy": rules(50, 'segment seen when count(bought) > 0\nrule again { on enter seen  emit "again" }\n'), "faulty/a.eddy": "segment s when nothing_known\n",
});

// The first call builds.
beforeAll(() => eddy(["--version"], { folder: folder.path }));

vi.setConfig({ testTimeout: 240_000 });

let undo: (() => Promise<void>)[];
beforeEach(() => void (undo = []));
afterEach(async () => {
  for (const step of undo.reverse()) await step();
});

let output = { text: "" };
function start(flags: readonly string[], more: readonly string[] = []): EngineProcess {
  const own = (output = { text: "" });
  const engine = startEngineProcess({ rules: `${folder.path}/old`, place: flags, folder: folder.path, more, onOutput: (text) => { own.text += text; } });
  undo.push(() => engine.kill());
  return engine;
}
const SHADOW = ["--shadow", `${folder.path}/new`] as const;

let events = 0;
async function buy(place: Place, customer: string, total: number): Promise<void> {
  events++;
  const time = new Date(Date.parse("2026-03-02T10:00:00Z") + events * 60_000).toISOString();
  const body = JSON.stringify({ specversion: "1.0", id: `e${events}`, source: "s", type: "bought", subject: customer, time, data: { total } });
  await place.ports.log.append([{ subject: eventSubject("bought", customer), body }]);
}

const CUSTOMERS = Array.from({ length: 20 }, (_, i) => `c${i}`);

async function everybody(place: Place, total: number): Promise<void> {
  for (const customer of CUSTOMERS) await buy(place, customer, total);
}

/** What services see: members of the segment, and outputs. */
async function outside(place: Place): Promise<{ readonly members: readonly string[]; readonly outputs: readonly string[]; readonly last: number }> {
  const members: string[] = [];
  const outputs: string[] = [];
  for (let p = 0; p < PARTITIONS; p++) {
    for (const segment of ["vip", "seen"]) members.push(...(await place.ports.store.members(p, segment, null)).customers.map((customer) => `${segment} ${customer}`));
    for (const { subject, body } of await place.outputs(p)) outputs.push(`${subject.replace(/\.\d\./, ".")} ${(JSON.parse(body) as { subject: string }).subject}`);
  }
  return { members: members.sort(), outputs: outputs.sort(), last: (await place.ports.log.info()).last };
}

async function series(http: string, name: string): Promise<Record<string, number>> {
  const text = await (await fetch(`${http}/metrics`)).text();
  return Object.fromEntries([...text.matchAll(new RegExp(`^${name}\\{?([^} ]*)\\}? ([0-9.e+-]+)$`, "gm"))].map(([, labels = "", value = ""]) => [labels.replaceAll('"', ""), Number(value)]));
}

const shadowLines = (log: readonly LogLine[]): string[] => log.map(({ message }) => message).filter((message) => message.includes("shadow"));

async function story(place: Place, meanwhile: (http: string) => Promise<void> = () => Promise.resolve()): Promise<void> {
  // History, worked off by an engine without a shadow.
  await everybody(place, 60);
  const first = start(place.flags);
  await until("the history to be worked off", async () => (await outside(place)).outputs.length === 20);
  await first.terminate();

  const engine = start(place.flags, SHADOW);
  const http = await engine.http();
  await engine.said("the shadow has caught up: comparing");
  await until("all partitions to be compared", async () => (await series(http, "eddy_shadow_partitions_compared"))[""] === PARTITIONS);
  // Who differs from before is counted, and who is new in the segment from now on is followed.
  expect(await series(http, "eddy_shadow_segment_customers")).toMatchObject({ "segment=vip,difference=entered": 20, "segment=vip,difference=left": 0 });
  await buy(place, "c0", 60);
  await buy(place, "new", 70);
  await until("both to be compared", async () => (await series(http, "eddy_shadow_messages"))["rule=thanks,difference=same"] === 2);
  expect(await series(http, "eddy_shadow_segment_customers")).toMatchObject({ "segment=vip,difference=entered": 20, "segment=vip,difference=left": 0 });
  expect(await series(http, "eddy_shadow_messages")).toMatchObject({ "rule=hello,difference=more": 1, "rule=hello,difference=fewer": 1, "rule=again,difference=more": 1 });
  expect(await series(http, "eddy_shadow_up")).toEqual({ "": 1 });

  process.kill(engine.pid, "SIGUSR2");
  // It comes line by line.
  const parts = ["  vip: 1 → 21 members\n    would be in: 20  (", "would send: 1  (under the old rules: 1 not reached)", "again (new)"];
  await until("the report that was asked for", () => parts.every((part) => output.text.includes(part))).catch(() => undefined); // what came is seen below
  expect(output.text).toMatch(/^compared over \d+ records, in 2 of 2 partitions\n/);
  for (const part of parts) expect(output.text).toContain(part);
  expect(shadowLines(engine.log)).toEqual(["the shadow begins with the oldest event", "the shadow has caught up: comparing"]);
  await meanwhile(http);
  const { code } = await engine.terminate();
  expect(code).toBe(0);
  // The last of it comes at the end.
  expect(output.text.split("compared over").length).toBe(3);

  const after = await outside(place);
  expect(after.last).toBe(22);
  expect(after.members).toEqual(["vip c0"]);
  expect(after.outputs).toEqual([...[...CUSTOMERS, "c0", "new"].map((customer) => `actions.emit.thanks ${customer}`), "actions.emit.hello c0", "segments.vip.entered c0"].sort());
}

test("on NATS and Redis: nothing in the streams or the store is any different, and nothing is left", async () => {
  const place: Servers = await serversPlace({ partitions: PARTITIONS, clock: "event" });
  undo.push(() => place.dispose());
  const connection = connectRedis({ url: place.redis.url });
  undo.push(() => connection.close());
  const keysNow = (): Promise<string[]> => connection.ask((client) => client.keys("eddy:*"));
  const shadows = async (): Promise<string[]> => (await keysNow()).filter((key) => key.includes("shadow")).sort();
  await story(place, async (http) => {
    const before = await shadows();
    expect(before.length).toBeGreaterThan(5);
    const [mine, second] = [output, start(place.flags, SHADOW)];
    expect((await second.said("the shadow has ended"))["reason"]).toContain("another process has a shadow on this store already");
    expect((await second.terminate()).code).toBe(0);
    output = mine;
    // What the first one has is not the second one's to remove.
    expect(await shadows()).toEqual(before);
    expect(await series(http, "eddy_shadow_up")).toEqual({ "": 1 });
  });
  const keys = await keysNow();
  expect(keys.length).toBeGreaterThan(5);
  expect(keys.filter((key) => key.includes("shadow"))).toEqual([]);
});

test("in a folder", async () => {
  const place = await embeddedPlace({ partitions: PARTITIONS, clock: "event" });
  undo.push(() => place.dispose());
  await story(place);
});

describe("refused", () => {
  test("other rules with errors: exit 1, and with worker threads: exit 2; before anything is started", async () => {
    const place = await embeddedPlace({ partitions: PARTITIONS, clock: "event" });
    undo.push(() => place.dispose());
    const faulty = start(place.flags, ["--shadow", `${folder.path}/faulty`]);
    expect(await faulty.exited).toBe(1);
    expect(faulty.log.map(({ message }) => message).join("\n")).toMatch(/faulty\/a\.eddy:1/);
    const threads = start(["--nats", "nats://127.0.0.1:1", "--redis", "redis://127.0.0.1:1"], [...SHADOW, "--workers", "2"]);
    expect(await threads.exited).toBe(2);
    expect(threads.log.map(({ message }) => message).join("\n")).toContain("--shadow works beside an engine of one thread");
  });
});

test("killed and started again with the same other rules, it goes on where it was", async () => {
  const place = await embeddedPlace({ partitions: PARTITIONS, clock: "event" });
  undo.push(() => place.dispose());
  await everybody(place, 60);
  const engine = start(place.flags, SHADOW);
  await engine.said("the shadow has caught up: comparing");
  await engine.kill();
  const again = start(place.flags, [...SHADOW, "--json"]);
  await again.said("the shadow goes on where it was");
  await again.said("the shadow has caught up: comparing");
  const http = await again.http();
  await until("all partitions to be compared", async () => (await series(http, "eddy_shadow_partitions_compared"))[""] === PARTITIONS);
  await buy(place, "c1", 1);
  await until("it to be compared", async () => (await series(http, "eddy_shadow_messages"))["rule=thanks,difference=same"] === 1);
  await again.terminate();
  const report = JSON.parse(output.text.trim().split("\n").at(-1) ?? "") as { readonly segments: Record<string, { readonly entered: { readonly count: number } }>; readonly partitions: object };
  expect(report.partitions).toEqual({ all: 2, compared: 2 });
  expect(report.segments["vip"]?.entered.count).toBe(20);
});
