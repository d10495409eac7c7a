/** Events, answers and batches as large as they may be, and brokers that take less: the others do not notice. */
import { expect, onTestFinished, test } from "vitest";
import { eventSubject } from "../../engine/subjects.js";
import type { NewRecord } from "../../engine/ports.js";
import { folderWith } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess } from "../system/engine-process.js";
import { scrape } from "../system/metrics.js";
import { serversPlace, type Servers } from "../system/places.js";
import { until } from "../system/progress.js";
import { untilDone } from "./done.js";
import { partitionOf } from "./orders.js";
import { look, shown, watch } from "./watch.js";

const RULES = `
event wrote { text: string }
event called
rule repeats { on wrote  emit "repeated" { one: event.text, two: event.text, three: event.text } }
rule keeps { on wrote  emit "kept" { n: count(wrote), different: distinct(wrote.text) over 30 days } }
rule calls { on called  emit "called" { n: count(called) } }
`;

const event = (type: string, customer: string, id: string, data: object = {}): NewRecord =>
  ({ subject: eventSubject(type, customer), id: `${customer}/test/${id}`, body: JSON.stringify({ id, source: "test", type, subject: customer, data }) });

async function started(config: string): Promise<{ place: Servers; engine: () => EngineProcess; restart: () => Promise<void> }> {
  const place = await serversPlace({ partitions: 2, clock: "broker", nats: { config } });
  const folder = folderWith({ "rules/large.eddy": RULES });
  let engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
  onTestFinished(async () => {
    await engine.kill();
    await place.dispose();
    folder.remove();
  });
  await engine.said("running");
  return {
    place, engine: () => engine,
    async restart() {
      engine = startEngineProcess({ rules: `${folder.path}/rules`, place: place.flags, folder: folder.path });
      await engine.said("running");
    },
  };
}

interface Told {
  readonly type: string;
  readonly subject?: string;
  readonly id: string;
  readonly data: { readonly n?: number; readonly reason?: string; readonly detail?: string };
}
const told = async (place: Servers, p: number): Promise<{ told: Told; id: string; subject: string }[]> =>
  (await place.outputs(p)).map(({ body, id, subject }) => ({ told: JSON.parse(body) as Told, id, subject }));

/** Two of the same partition. */
const [WRITER = "", CALLER = ""] = Array.from({ length: 20 }, (_, i) => `c${i}`).filter((customer) => partitionOf(customer, 2) === 0);

test("an answer is larger than the broker takes: a dead letter stands in its place, and what comes behind it goes out", async () => {
  const { place, engine, restart } = await started("max_payload: 64KB");
  const text = "x".repeat(30_000);
  await place.ports.log.append([event("called", CALLER, "1"), event("wrote", WRITER, "1", { text }), event("called", CALLER, "2"), event("wrote", WRITER, "2", { text: "short" }), event("called", CALLER, "3")]);
  await untilDone(place);
  const types = (await told(place, 0)).map(({ told: { type } }) => type);
  expect(types).toEqual(["emit.called", "emit.kept", "dead.too_large", "emit.called", "emit.kept", "emit.repeated", "emit.called"]);
  const dead = (await told(place, 0))[2];
  expect(dead?.subject).toBe("dead.0.too_large");
  expect(dead?.told.data).toMatchObject({ reason: "too_large", detail: expect.stringMatching(/max_payload: 65536.*raise the broker's limit/) });
  expect((await scrape(await engine().http())).value("eddy_dead_letters_total", { reason: "too_large" })).toBe(1);
  // Also where the engine dies behind it: nothing comes again.
  await engine().kill();
  await restart();
  await place.ports.log.append([event("called", CALLER, "4")]);
  await untilDone(place);
  expect((await told(place, 0)).map(({ told: { type } }) => type)).toEqual([...types, "emit.called"]);
}, 120_000);

test("the event itself is larger than the broker takes: whoever sends it is told so, with 413 and not \"come again\"", async () => {
  const { place, engine } = await started("max_payload: 64KB");
  const http = await engine().http();
  const post = (body: unknown): Promise<Response> => fetch(`${http}/events`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  await until("it is connected", async () => (await fetch(`${http}/readyz`)).status === 200);
  const answer = await post({ id: "1", source: "test", type: "wrote", subject: WRITER, data: { text: "x".repeat(100_000) } });
  expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining("max_payload")]);
  expect((await post({ id: "2", source: "test", type: "wrote", subject: WRITER, data: { text: "short" } })).status).toBe(202);
  await untilDone(place);
}, 60_000);

test("events of almost a megabyte by the dozen, each with three answers: memory and the event loop stay bounded, the others go on", async () => {
  const { place, engine } = await started("max_payload: 1MB");
  const http = await engine().http();
  await place.ports.log.append([event("called", CALLER, "0")]);
  await untilDone(place);
  const before = await look(http);
  const watching = watch(http, 50);
  const text = "y".repeat(1_000_000);
  for (let n = 1; n <= 60; n++) {
    await place.ports.log.append([event("wrote", `${WRITER}`, `w${n}`, { text: `${n} ${text}` }), ...Array.from({ length: 20 }, (_, i) => event("called", CALLER, `${n}-${i}`))]);
  }
  await untilDone(place);
  const most = await watching.stop();
  console.info(`60 MB of events of a megabyte: before ${shown(before)}; most ${shown(most)}`);
  const outputs = await told(place, 0);
  expect(outputs.filter(({ told: { type } }) => type === "emit.called").map(({ told: { data } }) => data.n)).toEqual(Array.from({ length: 1201 }, (_, i) => i + 1));
  expect(outputs.filter(({ told: { type } }) => type === "emit.kept").map(({ told: { data } }) => data.n)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
  expect(outputs.filter(({ told: { type } }) => type === "dead.too_large")).toHaveLength(60);
  expect(most.memoryMb).toBeLessThan(before.memoryMb + 500);
}, 120_000);
