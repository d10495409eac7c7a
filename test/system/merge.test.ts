/**
 * Customers are joined by real engines on NATS and Redis, several that share the partitions and are killed on the way, while events
 * flow to old and new ids. In the end everybody is what they would be had they had one id from the first event on.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { SILENT, evaluator, read } from "../../engine/evaluate.js";
import { readMeta } from "../../engine/meta.js";
import { planLayouts } from "../../engine/recovery.js";
import { createReplay } from "../../engine/replay.js";
import { readCustomer } from "../../engine/state.js";
import { feedSteadily, membersLive } from "../retail/live.js";
import { randomOf } from "../retail/random.js";
import { shown, startEngineProcess, type EngineProcess } from "./engine-process.js";
import { serversPlace, type Servers } from "./places.js";
import { until } from "./progress.js";

const RULES = `
event bought { total: number  sku: string }
profile { city: string? }
trait orders = count(bought)
trait spend = sum(bought.total) over 20 days
trait favourite = top(bought.sku)
trait city = profile.city ?? "nowhere"
segment big when spend >= 60
points stars { earn 2 on bought  expire after 60 days }
trait balance = stars
rule known { on customer_identified  emit "known" { orders: orders } }
rule thanks { on bought  repeat restart  wait 2 days  emit "thanks" }
`;

const PEOPLE = 40;
const START = Date.UTC(2026, 2, 2, 9);
const MINUTE = 60_000;
const END = START + 40 * 24 * 60 * MINUTE;

interface Event { readonly id: string; readonly source: string; readonly type: string; readonly subject: string; readonly time: string; readonly data: unknown }

/** Everybody begins as a visitor, many are identified, some as two visitors; later events come under any of their ids. */
function history(): Event[] {
  const random = randomOf(77);
  const events: Event[] = [];
  const known = new Set<string>();
  for (let i = 0; i < 900; i++) {
    const person = Math.floor(random() * PEOPLE);
    const visitor = `visitor-${person}-${Math.floor(random() * 2)}`;
    const time = new Date(START + i * 20 * MINUTE).toISOString();
    const event = (type: string, subject: string, data: unknown): void => void events.push({ id: `e${i}`, source: "shop", type, subject, time, data });
    const r = random();
    if (r < 0.14) {
      known.add(visitor);
      event("customer_identified", `person ${person}`, { anonymous_id: visitor });
    } else if (r < 0.2) event("profile_updated", `person ${person}`, { city: `c${i}` });
    else event("bought", random() < 0.6 ? visitor : `person ${person}`, { total: Math.floor(random() * 3000) / 100, sku: "abc"[Math.floor(random() * 3)] });
  }
  // Whoever was never identified is so at the end.
  for (let person = 0; person < PEOPLE; person++) for (const n of [0, 1]) {
    const visitor = `visitor-${person}-${n}`;
    if (known.has(visitor)) continue;
    events.push({ id: `last ${visitor}`, source: "shop", type: "customer_identified", subject: `person ${person}`, time: new Date(START + 900 * 20 * MINUTE).toISOString(), data: { anonymous_id: visitor } });
  }
  return events;
}

let place: Servers;
let folder: string;
let rules: Compiled;
const engines: EngineProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "eddy-merge-"));
  writeFileSync(join(folder, "merge.eddy"), RULES);
  const { program } = compileProgram([{ file: "merge.eddy", text: RULES }]);
  if (program === null) throw new Error("the rules are wrong");
  rules = compile(program);
  place = await serversPlace({ partitions: 4, clock: "event" });
});
afterAll(async () => {
  for (const engine of engines) await engine.kill();
  await place?.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function start(): EngineProcess {
  const engine = startEngineProcess({ rules: join(folder, "merge.eddy"), place: place.flags, folder });
  engines.push(engine);
  return engine;
}

/** Traits of all who are not notes. */
async function traits(): Promise<string[]> {
  const e = evaluator(rules, SILENT);
  const found: string[] = [];
  for (let p = 0; p < place.partitions; p++) {
    const meta = readMeta((await place.ports.store.meta(p)).meta);
    const { translations } = planLayouts(meta, rules);
    for (let cursor: string | null = null; ;) {
      const page = await place.ports.store.scan(p, cursor);
      for (const [id, bytes] of page.states) {
        const customer = readCustomer(id, bytes, translations, rules);
        if (customer.movedTo === null) found.push(JSON.stringify({ customer: id, ...Object.fromEntries(rules.traits.map((trait) => [trait.name, read(e, customer, END, trait.shown) ?? null])) }));
      }
      if ((cursor = page.cursor) === null) break;
    }
  }
  return [...new Set(found)].sort();
}

test("everybody is one customer in the end, whoever was killed on the way; every identification happens once", async () => {
  const events = history();
  const one = createReplay(rules, () => undefined);
  for (const event of events) one.line(JSON.stringify({ ...event, subject: event.subject.replace(/^visitor-(\d+)-\d$/, "person $1") }));
  one.until(END);
  const expected = one.traits().map(({ customer, values }) => JSON.stringify({ customer, ...values })).sort();
  expect(expected.length).toBe(PEOPLE);

  start();
  start();
  const fed = feedSteadily(place, events.map((event) => JSON.stringify(event)), END, () => 70);
  fed.catch(() => undefined);
  for (let i = 0; i < 3; i++) {
    await delay(600);
    await engines.find(({ running }) => running)?.kill();
    start();
  }
  await fed;
  // Traits are read as of the end; who is in a segment follows when the partition has come there.
  const all = { traits: expected, members: one.members().map((member) => JSON.stringify(member)) };
  let found: typeof all = { traits: [], members: [] };
  await until("everybody is who they ought to be", async () => {
    found = { traits: await traits(), members: await membersLive(rules, place) };
    return JSON.stringify(found) === JSON.stringify(all);
  }, 60_000, 200).catch((error: Error) => {
    expect(found, `${error.message}\n${engines.map(({ log }) => shown(log)).join("\n")}`).toEqual(all);
  });
  const actions = async (): Promise<string[]> => (await Promise.all(Array.from({ length: place.partitions }, (_, p) => place.outputs(p)))).flat().filter(({ subject }) => subject.includes(".emit.known")).map(({ id }) => id);
  const identified = events.filter(({ type }) => type === "customer_identified").length;
  await until("every identification has happened", async () => (await actions()).length >= identified, 60_000, 200);
  const ids = await actions();
  expect([ids.length, new Set(ids).size]).toEqual([identified, identified]);
}, 300_000);
