/**
 * Recency, frequency and monetary value by fifths of all customers, on real servers: eight partitions, an engine that is
 * killed on the way, memberships that are those of a naive count at the last midnight; metrics of all customers.
 */
import { afterEach, describe, expect, test } from "vitest";
import { eventSubject } from "../../engine/subjects.js";
import { folderWith } from "../cli/eddy.js";
import { randomOf } from "../retail/random.js";
import { startEngineProcess, type EngineProcess } from "./engine-process.js";
import { scrape } from "./metrics.js";
import { embeddedPlace, serversPlace, type Place, type PlaceOptions } from "./places.js";
import { committed, published, until } from "./progress.js";

const DAY = 86_400_000;
const START = Date.UTC(2026, 1, 1);
const DAYS = 20;
const CUSTOMERS = 150;
const RULES = `
event order_placed { total: number }
event session_started
trait orders    = count(order_placed)
trait recency   = 6 - quintile(since(last(order_placed).time) among orders >= 1)
trait frequency = quintile(count(order_placed) over 12 months among orders >= 1)
trait monetary  = quintile(sum(order_placed.total) over 12 months among orders >= 1)
segment champions "Bought lately, often and much" when recency >= 4 and frequency >= 4 and monetary >= 4
segment loyal "Buy often" when frequency >= 4 and not champions
segment lost "Bought little, long ago" when recency <= 2 and frequency <= 2
rule thanks { on enter champions  emit "thanks" }
metric repeat_rate = customers(orders >= 2) / customers(orders >= 1)
metric revenue     = total(sum(order_placed.total) over 12 months)
metric average     = mean(avg(order_placed.total) over 12 months)
`;

interface Order {
  readonly customer: string;
  readonly at: number;
  readonly total: number;
}

function history(): Order[] {
  const random = randomOf(5);
  const orders = Array.from({ length: 600 }, (): Order => ({
    customer: `c${Math.floor(random() ** 2 * CUSTOMERS)}`, at: START + Math.floor(random() * DAYS * DAY), total: 1 + Math.floor(random() * 400) / 4,
  }));
  return orders.sort((a, b) => a.at - b.at);
}

/** What the rules say, of orders before the midnight. */
function naive(orders: readonly Order[]): { readonly members: string[]; readonly buyers: number; readonly repeating: number; readonly revenue: number } {
  const of = new Map<string, { last: number; count: number; sum: number }>();
  for (const { customer, at, total } of orders) {
    const known = of.get(customer) ?? { last: 0, count: 0, sum: 0 };
    of.set(customer, { last: Math.max(known.last, at), count: known.count + 1, sum: known.sum + total });
  }
  const all = [...of.values()];
  const quintile = (value: number, values: readonly number[]): number => Math.min(5, 1 + Math.floor((100 * values.filter((other) => other < value).length) / values.length / 20));
  const members: string[] = [];
  for (const [customer, { last, count, sum }] of of) {
    const recency = 6 - quintile(-last, all.map((each) => -each.last));
    const frequency = quintile(count, all.map((each) => each.count));
    const monetary = quintile(sum, all.map((each) => each.sum));
    const champion = recency >= 4 && frequency >= 4 && monetary >= 4;
    if (champion) members.push(`champions ${customer}`);
    if (frequency >= 4 && !champion) members.push(`loyal ${customer}`);
    if (recency <= 2 && frequency <= 2) members.push(`lost ${customer}`);
  }
  return { members: members.sort(), buyers: all.length, repeating: all.filter(({ count }) => count >= 2).length, revenue: all.reduce((total, { sum }) => total + sum, 0) };
}

const folder = folderWith({ "rules/rfm.eddy": RULES });
let place: Place | null = null;
let engine: EngineProcess | null = null;
afterEach(async () => {
  await engine?.kill();
  await place?.dispose();
});

const PLACES: readonly (readonly [string, (options: PlaceOptions) => Promise<Place>])[] = [["NATS and Redis", serversPlace], ["embedded", embeddedPlace]];

describe.each(PLACES)("%s", (_title, open) => {
  test("fifths of all customers", async () => {
    const where = (place = await open({ partitions: 8, clock: "event" }));
    const start = (): EngineProcess => (engine = startEngineProcess({ rules: `${folder.path}/rules`, place: where.flags, folder: folder.path }));
    const orders = history();
    let number = 0;
    const append = (type: string, customer: string, at: number, data: object): Promise<unknown> =>
      where.ports.log.append([{ subject: eventSubject(type, customer), body: JSON.stringify({ id: String(++number), type, subject: customer, time: new Date(at).toISOString(), data }) }]);
    /** One event alone tells all partitions that the midnight has passed. */
    const passed = async (day: number): Promise<void> => {
      await append("session_started", "watch", START + day * DAY + 1, {});
      await until(`midnight ${day} is settled everywhere`, async () => {
        const all = await Promise.all(Array.from({ length: 8 }, async (_, p) => (await where.ports.store.meta(p)).meta["tables"] ?? ""));
        return all.every((tables) => tables.startsWith(`${START / DAY + day} `) && tables.endsWith(" 1"));
      }, 60_000, 20);
    };
    const members = async (): Promise<string[]> => {
      const found: string[] = [];
      for (let p = 0; p < 8; p++) for (const segment of ["champions", "loyal", "lost"]) found.push(...(await where.ports.store.members(p, segment, null)).customers.map((id) => `${segment} ${id}`));
      return found.sort();
    };

    const before = (day: number): Order[] => orders.filter(({ at }) => at < START + day * DAY);
    for (const [from, to] of [[0, 7], [7, 8], [8, DAYS]] as const) {
      const running = start();
      await running.said("running");
      for (const { customer, at, total } of before(to).slice(before(from).length)) await append("order_placed", customer, at, { total });
      if (to === 8) await append("session_started", "watch", START + to * DAY + 1, {}); // killed on its way over midnight
      else {
        await passed(to);
        expect(await members()).toEqual(naive(before(to)).members);
      }
      if (to !== DAYS) await running.kill();
    }
    const expected = naive(orders);
    expect(expected.members.filter((each) => each.startsWith("champions")).length).toBeGreaterThan(5);
    await until("everything is published", async () => (await published(where)) >= (await committed(where)));
    // The store has a commit a moment before the engine knows.
    const http = await (engine as EngineProcess).http();
    let metrics = await scrape(http);
    const champions = expected.members.filter((each) => each.startsWith("champions")).length;
    await until("the metrics tell of it", async () => {
      metrics = await scrape(http);
      return metrics.value("eddy_population_count", { metric: "repeat_rate", part: "2" }) === expected.buyers && metrics.value("eddy_segment_customers", { segment: "champions" }) === champions;
    }, 10_000, 20).catch(() => undefined); // what they do tell is seen below
    expect(metrics.value("eddy_metric", { metric: "repeat_rate" })).toBeCloseTo(expected.repeating / expected.buyers, 12);
    expect(metrics.value("eddy_metric", { metric: "revenue" })).toBeCloseTo(expected.revenue, 9);
    expect(metrics.value("eddy_population_count", { metric: "repeat_rate", part: "2" })).toBe(expected.buyers);
    expect(metrics.value("eddy_segment_customers", { segment: "champions" })).toBe(champions);
    expect(metrics.value("eddy_partition_stopped")).toBe(0);
    // Whoever became a champion was thanked once for each time.
    const said = (await Promise.all(Array.from({ length: 8 }, (_, p) => where.outputs(p)))).flat();
    const times = (text: string): number => said.filter(({ body }) => body.includes(text)).length;
    expect(times('"type":"emit.thanks"')).toBe(said.filter(({ subject }) => /^segments\.\d+\.champions\.entered$/.test(subject)).length);
    expect(new Set(said.map(({ id }) => id)).size).toBe(said.length);
  }, 300_000);
});
