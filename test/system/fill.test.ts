/** `eddy apply` of rules with something new: it is filled from the stream, or from a file of old events, beside the live flow. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { changeUnderWay } from "../../engine/change/change.js";
import { fillProgress } from "../../engine/change/progress.js";
import { eventSubject } from "../../engine/subjects.js";
import { eddy } from "../cli/eddy.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { scrape } from "./metrics.js";
import { embeddedPlace, serversPlace, type Place } from "./places.js";
import { settled, until } from "./progress.js";

const PARTITIONS = 4;
const CUSTOMERS = 60;
const DAY = 86_400_000;

const OLD = `
event bought { total: number }
segment buyer when count(bought) >= 3
rule thanks { on enter buyer  emit "thanks" }
`;
/** Over half a year: everything counts, whenever it was sent. */
const NEW = `${OLD}
segment spender when sum(bought.total) over 365 days >= 60
rule welcome { on enter spender  emit "welcome" }
`;

let place: Place;
let folder: string;
let engines: EngineProcess[];
/** By customer. */
let spent: Map<string, number>;
let events: number;

const write = (name: string, text: string | Buffer): string => {
  writeFileSync(join(folder, name), text);
  return name;
};
const start = (): EngineProcess => {
  const engine = startEngineProcess({ rules: "rules.eddy", place: place.flags, folder });
  engines.push(engine);
  return engine;
};
const apply = (...more: string[]): ReturnType<typeof eddy> => eddy(["apply", "rules.eddy", ...place.flags, ...more], { folder });

function bought(at: number): { readonly subject: string; readonly body: string } {
  const customer = `c${(++events * 7) % CUSTOMERS}`;
  const total = 1 + ((events * 13) % 10);
  spent.set(customer, (spent.get(customer) ?? 0) + total);
  return { subject: eventSubject("bought", customer), body: JSON.stringify({ specversion: "1.0", id: String(events), source: "test", type: "bought", subject: customer, time: new Date(at).toISOString(), data: { total } }) };
}
const buy = (count: number): Promise<unknown> => place.ports.log.append(Array.from({ length: count }, () => bought(Date.now())));
const spenders = (): string[] => [...spent].flatMap(([customer, total]) => (total >= 60 ? [customer] : [])).sort();

async function members(segment: string): Promise<string[]> {
  const all = await Promise.all(Array.from({ length: PARTITIONS }, async (_, p) => (await place.ports.store.members(p, segment, null)).customers));
  return all.flat().sort();
}

interface Told {
  readonly subject: string;
  readonly body: { readonly subject: string; readonly backfilled?: boolean };
}
async function told(part: string): Promise<Told[]> {
  const all = await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => place.outputs(p)));
  return all.flat().filter(({ subject }) => subject.includes(part)).map(({ subject, body }) => ({ subject, body: JSON.parse(body) as Told["body"] }));
}

const caughtUp = (): Promise<unknown> => until("all is taken", async () => settled(place, (await place.ports.log.info()).last), 60_000, 50);

describe.each([["embedded", embeddedPlace], ["on NATS and Redis", serversPlace]] as const)("%s", (_, make) => {
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), "eddy-fill-"));
    engines = [];
    spent = new Map();
    events = 0;
    place = await make({ partitions: PARTITIONS, clock: "broker" });
    write("rules.eddy", OLD);
  });
  afterEach(async () => {
    for (const engine of engines) await engine.kill();
    await place.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  test("from the stream, killed in between: everybody is where they would be, told as back-filled, and no rule starts by it", async () => {
    await buy(400);
    const engine = start();
    await engine.said("partitions taken");
    await caughtUp();
    write("rules.eddy", NEW);
    const first = startEngineProcess({ rules: "rules.eddy", place: place.flags, folder, command: "apply", more: ["--fill-rate", "50"] });
    engines.push(first);
    await until("some of it is filled", async () => ((await fillProgress(place.ports.store))?.done ?? 0) > 50, 60_000, 20);
    expect((await changeUnderWay(place.ports.store))?.phase).toBe("filling");
    await first.kill();
    await buy(100);
    const { code, stderr } = await apply();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/with what is new filled from history/);
    expect(await members("spender")).toEqual(spenders());
    expect(spenders().length).toBeGreaterThan(5);
    expect(spenders().length).toBeLessThan(CUSTOMERS);
    await until("their entering is told", async () => (await told(".spender.")).length >= spenders().length, 60_000, 50);
    const entered = (await told(".spender.")).map(({ body }) => [body.subject, body.backfilled]).sort();
    expect(entered).toEqual(spenders().map((customer) => [customer, true]));
    expect(await told(".emit.welcome")).toEqual([]);
    // Nothing of it is left, and life goes on: who enters now does so by what happens.
    expect(await fillProgress(place.ports.store)).toBeNull();
    expect(await changeUnderWay(place.ports.store)).toBeNull();
    await buy(150);
    await until("the new ones are there", async () => (await members("spender")).join() === spenders().join(), 60_000, 50);
    await until("they are welcomed", async () => (await told(".emit.welcome")).length >= spenders().length - entered.length, 60_000, 50);
    expect((await told(".emit.welcome")).length).toBe(spenders().length - entered.length);
    // A store that is slow to answer is told of as it was before.
    const http = await engine.http();
    await until("the metrics say that nothing is filled", async () => (await scrape(http)).value("eddy_backfill_running") === 0, 60_000, 50);
  }, 300_000);

  test("two who apply the same rules at once: one reads history, the other follows it to the same end", async () => {
    await buy(300);
    const engine = start();
    await engine.said("partitions taken");
    await caughtUp();
    write("rules.eddy", NEW);
    // Begun at the same moment and at work for six seconds: on a busy machine too the later one comes while the earlier one reads.
    const [one, other] = await Promise.all([apply("--fill-rate", "50"), apply("--fill-rate", "50")]);
    for (const { code, stderr } of [one, other]) {
      expect(code, `${one.stderr}\n${other.stderr}`).toBe(0);
      expect(stderr).toMatch(/is in force on all 4 partitions/);
    }
    const followed = [one, other].filter(({ stderr }) => /another process reads history for this change/.test(stderr));
    expect(followed, `${one.stderr}\n${other.stderr}`).toHaveLength(1);
    expect(await members("spender")).toEqual(spenders());
  }, 300_000);

  test("customers who are joined before, during and after bring with them what is new", async () => {
    const event = (type: string, customer: string, data: object): { readonly subject: string; readonly body: string } => {
      events++;
      return { subject: eventSubject(type, customer), body: JSON.stringify({ specversion: "1.0", id: String(events), source: "test", type, subject: customer, data }) };
    };
    // Neither the visitor nor the customer has spent enough alone.
    const visits = (n: number): ReturnType<typeof event>[] => [event("bought", `v${n}`, { total: 40 }), event("bought", `k${n}`, { total: 30 })];
    const turnsOut = (n: number): ReturnType<typeof event> => event("customer_identified", `k${n}`, { anonymous_id: `v${n}` });
    const customers = Array.from({ length: 24 }, (_, n) => n);
    /** A join is two records of its own behind that of the event: what the customer asks, and what they are answered. */
    const joined = (count: number): Promise<unknown> => until(`the first ${count} are joined`, async () => {
      const answers = await Promise.all(customers.slice(0, count).map(async (n) => (await place.ports.log.ofCustomer(`k${n}`, 100)).find(({ subject }) => subject.startsWith("events.eddy_joined."))));
      return answers.every((answer) => answer !== undefined) && settled(place, Math.max(...answers.map((answer) => answer?.sequence ?? Infinity)));
    }, 60_000, 50);
    const engine = start();
    await engine.said("partitions taken");
    await place.ports.log.append(customers.flatMap(visits));
    await place.ports.log.append(customers.slice(0, 8).map(turnsOut));
    await joined(8);
    write("rules.eddy", NEW);
    const first = startEngineProcess({ rules: "rules.eddy", place: place.flags, folder, command: "apply", more: ["--fill-rate", "10"] });
    engines.push(first);
    await until("some of it is filled", async () => ((await fillProgress(place.ports.store))?.done ?? 0) > 10, 60_000, 20);
    await place.ports.log.append(customers.slice(8, 16).map(turnsOut));
    await first.kill();
    // Else the change might come before what the joins say to each other, and they would be of after it.
    await joined(16);
    const { code, stderr } = await apply();
    expect({ code, stderr }).toMatchObject({ code: 0 });
    await place.ports.log.append(customers.slice(16).map(turnsOut));
    const known = customers.map((n) => `k${n}`).sort();
    await until("all have spent what the visitors had", async () => (await members("spender")).join() === known.join(), 60_000, 50);
    // What is committed is published soon afterwards.
    await until("they are welcomed", async () => (await told(".emit.welcome")).length >= 8, 60_000, 50);
    expect(await told(".emit.welcome")).toHaveLength(8);
  }, 300_000);

  test("from a file, where the stream no longer has it", async () => {
    const from = Date.now() - 90 * DAY;
    const old = Array.from({ length: 300 }, (_, i) => bought(from + i * 3_600_000).body);
    const engine = start();
    await engine.said("partitions taken");
    await buy(60);
    await caughtUp();
    write("rules.eddy", NEW);
    const unsorted = write("unsorted.ndjson", [...old.slice(1, 20), old[0]].join("\n"));
    const refused = await apply("--history", unsorted);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/unsorted\.ndjson:20: the event is of .* earlier than line 19 .*sort it/);
    const { code, stderr } = await apply("--history", write("old.ndjson.gz", gzipSync(old.join("\n"))));
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).toMatch(/300 events of before the stream/);
    expect(await members("spender")).toEqual(spenders());
    expect(spenders().length).toBeGreaterThan(3);
  }, 300_000);
});
