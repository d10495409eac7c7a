/**
 * Percentiles over all customers on several partitions, through the log, with engines that die at any moment: what every
 * partition says of its customers is true, tables are those of midnight, and nobody misses or doubles what follows.
 */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { startEngine } from "../../engine/engine.js";
import { readMeta } from "../../engine/meta.js";
import { readPiece, type Piece } from "../../engine/population/piece.js";
import { percentileIn, tableOf } from "../../engine/population/summary.js";
import { rounded } from "../../engine/aggregates/exact-sum.js";
import { readSums } from "../../engine/population/sums.js";
import type { Commit } from "../../engine/ports.js";
import { planLayouts } from "../../engine/recovery.js";
import { readCustomer } from "../../engine/state.js";
import { engineStats } from "../../engine/stats.js";
import { encodeToken } from "../../engine/subjects.js";
import { randomOf } from "../retail/random.js";
import { Died, appendTo, newWorld, opened, quiet, simulatedEnvironment, type Accidents, type World } from "./simulated-ports.js";

const DAY = 86_400_000;
const HOUR = 3_600_000;
const START = Date.UTC(2026, 0, 10);

const SPENDERS = `
event order_placed { total: number }
event visited
profile { name: string = "" }
trait orders = count(order_placed)
trait spend  = sum(order_placed.total) over 5 days
trait rank   = percentile(spend among orders >= 1)
segment elite "Spends more than six of ten" when rank >= 60
segment steady "High for a day" when rank >= 40 for at least 1 day
trait often    = percentile(orders among orders >= 1 and profile.name == "")
segment busy   "Order more often than half" when often >= 50
segment rising when rank >= 30 and not elite until rank < 15
rule greet { on enter elite  emit "welcome" { spend: spend }  wait 3 hours  emit "later" { rank: rank } }
rule left { on leave elite  until enter elite  wait 2 days  emit "missed" }
metric spent = total(spend)
metric buyers = customers(orders >= 1)
`;

function compiled(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "p.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

interface Order {
  readonly customer: string;
  readonly at: number;
  readonly total: number;
}

interface History {
  readonly orders: readonly Order[];
  readonly erasures: readonly { readonly customer: string; readonly at: number }[];
  readonly lines: readonly { readonly type: string; readonly customer: string; readonly at: number; readonly data: object }[];
}

/** Some days of orders, now and then one at midnight exactly, and a day without any. */
function history(seed: number, customers: number, days: number): History {
  const random = randomOf(seed);
  const lines: { type: string; customer: string; at: number; data: object }[] = [];
  const orders: Order[] = [];
  const erasures: { customer: string; at: number }[] = [];
  for (let day = 0; day < days; day++) {
    if (day === 3) continue;
    const instants = Array.from({ length: 6 + Math.floor(random() * 10) }, () => START + day * DAY + (random() < 0.1 ? 0 : Math.floor(random() * 24) * HOUR)).sort((a, b) => a - b);
    for (const at of instants) {
      const customer = `c${Math.floor(random() ** 2 * customers)}`;
      if (random() < 0.2) lines.push({ type: "visited", customer, at, data: {} });
      else if (random() < 0.05) {
        erasures.push({ customer, at });
        lines.push({ type: "customer_erased", customer, at, data: {} });
      } else {
        const total = random() < 0.5 ? 10 : Math.floor(random() * 1e5) / 7;
        orders.push({ customer, at, total });
        lines.push({ type: "order_placed", customer, at, data: { total } });
      }
    }
  }
  // Somebody sees the last midnight.
  lines.push({ type: "visited", customer: "c0", at: START + days * DAY + HOUR, data: {} });
  return { orders, lines, erasures };
}

const recordsOf = ({ lines }: History): { subject: string; body: string }[] => lines.map(({ type, customer, at, data }, i) => ({
  subject: `events.${type}.${encodeToken(customer)}`,
  body: JSON.stringify({ id: String(i), source: "test", type, subject: customer, time: new Date(at).toISOString(), data }),
}));

/** What an engine says, and leaves in the store, of a customer. */
const hasState = (world: World, customer: string): boolean => world.stores.some(({ states }) => states.has(customer));

interface Run {
  readonly accidents: Accidents;
  readonly pageOf: () => number;
  readonly watch?: (commit: Commit) => void;
}

/** Lets engines work on the world until there is nothing left to do; each that dies is followed by another. Says how many died. */
async function work(rules: Compiled, world: World, run: Run): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    const stats = engineStats();
    const engine = startEngine(rules, opened(world, run.accidents, run.pageOf, run.watch), LIMITS, simulatedEnvironment(world), stats);
    let failure: Error | null = null;
    engine.ended.catch((error: Error) => { failure = error; });
    await quiet(world, () => failure !== null);
    if (failure === null) await engine.stop().catch((error: Error) => { failure = error; });
    const stopped = [...stats.partitions.values()].find((partition) => partition.stopped !== null);
    if (stopped !== undefined) throw new Error(stopped.stopped ?? "");
    if (failure === null) return deaths;
    if (!((failure as Error) instanceof Died)) throw failure as Error;
  }
}

const LIMITS = { cacheCustomers: 1, limits: { maxOutbox: 1000, keepPublished: 1000 } };
const NEVER: Accidents = () => "none";

function pieces(world: World): Map<number, Map<number, Piece>> {
  const days = new Map<number, Map<number, Piece>>();
  for (const { subject, body } of world.records) {
    if (!subject.startsWith("events.eddy_population.")) continue;
    const piece = readPiece((JSON.parse(Buffer.from(body).toString()) as { data: unknown }).data);
    if (piece === null) throw new Error(`${subject} holds no piece`);
    const day = days.get(piece.day) ?? new Map<number, Piece>();
    days.set(piece.day, day.set(piece.source, day.get(piece.source) ?? piece));
  }
  return days;
}

/** How much those who have ever ordered have spent in the last five days, as it stood at an instant, before what happens then. */
function spending({ orders, erasures }: History, instant: number): Map<string, number> {
  const spent = new Map<string, number>();
  for (const { customer, at, total } of orders) {
    if (at >= instant || erasures.some((one) => one.customer === customer && one.at >= at && one.at < instant)) continue;
    spent.set(customer, (spent.get(customer) ?? 0) + (at + 5 * DAY > instant ? total : 0));
  }
  return spent;
}

/** The key of the ranking by what customers have spent. */
function spendKey({ program }: Compiled): string {
  const rank = program.traits.find(({ name }) => name === "rank")?.value;
  return rank?.k === "percentile" ? (program.rankings[rank.index]?.key ?? "") : "";
}

function stateOf(rules: Compiled, world: World, partition: number): { readonly readings: Map<string, Map<number, number>>; readonly spend: number; readonly buyers: number } {
  const stored = world.stores[partition] as World["stores"][number];
  const { translations } = planLayouts(readMeta(Object.fromEntries(stored.fields)), rules);
  const readings = new Map(rules.program.rankings.map(({ key }) => [key, new Map<number, number>()]));
  let spend = 0;
  let buyers = 0;
  for (const [id, bytes] of stored.states) {
    const { extras } = readCustomer(id, bytes, translations, rules);
    for (const { index, value } of extras?.readings ?? []) {
      const counts = readings.get(rules.program.rankings[index]?.key ?? "");
      counts?.set(value, (counts.get(value) ?? 0) + 1);
    }
    for (const { index, value } of extras?.contributions ?? []) {
      if (rules.program.populations[index]?.fn === "customers") buyers += value;
      else spend += value;
    }
  }
  return { readings, spend, buyers };
}

/** Counts and sums of the store are those of all its customers. */
function recount(rules: Compiled, world: World, partition: number): void {
  const stored = world.stores[partition] as World["stores"][number];
  const { readings, spend, buyers } = stateOf(rules, world, partition);
  for (const [key, counts] of readings) expect(new Map([...(stored.counts.get(key) ?? [])].sort())).toEqual(new Map([...counts].sort()));
  const sums = readSums(rules, Object.fromEntries(stored.fields));
  rules.program.populations.forEach(({ fn }, i) => {
    const sum = sums.populations[i];
    if (fn === "customers") expect(sum?.count).toBe(buyers);
    else expect(rounded(sum?.parts ?? [])).toBeCloseTo(spend, 6);
  });
}

/** What waited to be published of somebody who was erased is withdrawn, and how much that is hangs on the moment. */
const withdrawnIn = (worlds: readonly World[]): Set<string> => new Set(worlds.flatMap(({ outputs }) => outputs.flat().filter(({ subject }) => subject.startsWith("withdrawn.")).map(({ id }) => id)));
const saidBeside = (world: World, withdrawn: ReadonlySet<string>): string[] =>
  world.outputs.flatMap((stream) => stream.filter(({ id }) => !withdrawn.has(id)).map(({ subject, body }) => `${subject} ${body.replace(/"withdrawn":\d+/, "")}`)).sort();
const actionsOf = (world: World): string[] => world.outputs.flatMap((stream) => stream.map(({ subject, body }) => `${subject} ${body}`)).sort();
const membersOf = (world: World): string[] =>
  world.stores.flatMap(({ members }) => [...members].flatMap(([segment, ids]) => [...ids].map((id) => `${segment} ${id}`))).sort();

describe("the whole base, on three partitions", () => {
  const rules = compiled(SPENDERS);

  test("each day's tables are those of a naive count at midnight, however often engines die", async () => {
    let totalDeaths = 0;
    let compared = 0;
    let erased = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const random = randomOf(seed * 31);
      const past = history(seed, 40, 9);
      const world = newWorld(3);
      let left = seed % 3 === 0 ? 0 : 12;
      const accidents: Accidents = (what) => {
        if (random() > (what === "append" ? 0.2 : 0.03) || left-- <= 0) return "none";
        return random() < 0.4 ? "dies before" : random() < 0.6 || what === "commit" ? "dies after" : "no answer";
      };
      const run: Run = { accidents, pageOf: () => 1 + Math.floor(random() * 8), watch: ({ partition }) => recount(rules, world, partition) };
      // A part at a time, as events come in life: figures find their way between them.
      const records = recordsOf(past);
      for (let from = 0; from < records.length; ) {
        const to = Math.min(records.length, from + 1 + Math.floor(random() * 25));
        appendTo(world, records.slice(from, to));
        from = to;
        totalDeaths += await work(rules, world, run);
      }
      for (const [day, bySource] of pieces(world)) {
        if (bySource.size < 3) continue;
        const spent = [...spending(past, day * DAY).values()];
        const table = tableOf([...bySource.values()].map(({ rankings }) => rankings.get(spendKey(rules)) ?? { n: 0, values: [], below: [], upTo: [] }));
        expect(table.n).toBe(spent.length);
        for (const value of spent) {
          const naive = (100 * spent.filter((other) => other < value - 1e-9).length) / spent.length;
          expect(percentileIn(table, value - 1e-9)).toBeCloseTo(naive, 6);
          compared++;
        }
      }
      for (const { customer, at } of past.erasures) {
        if (past.lines.some((line) => line.customer === customer && line.type !== "customer_erased" && line.at >= at)) continue;
        expect([customer, hasState(world, customer)]).toEqual([customer, false]);
        erased++;
      }
      // The last midnight is known to all.
      const last = Math.floor((START + 9 * DAY) / DAY);
      for (const { fields } of world.stores) expect(fields.get("tables")).toMatch(new RegExp(`^${last} \\d+ 1$`));

      // Another engine on the same log, from nothing, in other steps: the same comes out.
      const again = newWorld(3, world.records);
      await work(rules, again, { accidents: NEVER, pageOf: () => 1000 });
      expect(membersOf(again)).toEqual(membersOf(world));
      const withdrawn = withdrawnIn([world, again]);
      expect(saidBeside(again, withdrawn)).toEqual(saidBeside(world, withdrawn));
      expect(new Set(actionsOf(world)).size).toBe(actionsOf(world).length);
    }
    expect(totalDeaths).toBeGreaterThan(30);
    expect(compared).toBeGreaterThan(500);
    expect(erased).toBeGreaterThan(5);
  }, 60_000);

  test("on the broker's clock midnight comes by itself, to partitions without events too", async () => {
    const world = newWorld(3, [], "broker");
    const run: Run = { accidents: NEVER, pageOf: () => 3 };
    world.now = START + 20 * HOUR;
    const past = history(7, 12, 1);
    await work(rules, world, run); // the present day's midnight is long over, of it nothing is known
    appendTo(world, recordsOf(past).filter(({ subject }) => !subject.startsWith("events.visited.")));
    await work(rules, world, run);
    expect(membersOf(world)).toEqual([]);
    world.now = START + DAY + 5;
    await work(rules, world, run);
    const values = [...spending(past, START + DAY)];
    const expected = values.filter(([, value]) => 100 * values.filter(([, other]) => other < value - 1e-9).length / values.length >= 60).map(([customer]) => `elite ${customer}`);
    expect(expected.length).toBeGreaterThan(0);
    expect(membersOf(world).filter((each) => each.startsWith("elite"))).toEqual(expected.sort());
    for (const { subject, body } of world.outputs.flat()) {
      if (subject.includes(".elite.entered")) expect(Date.parse((JSON.parse(body) as { time: string }).time)).toBe(world.now);
    }
    const ticks = world.records.filter(({ subject }) => subject.startsWith("events.eddy_tick.")).length;
    const said = world.records.filter(({ subject }) => subject.startsWith("events.eddy_population.")).length;
    expect([ticks, said]).toEqual([6, 6]);
  });

  test("figures begin anew where a ranking had gone from the rules and comes back", async () => {
    const without = compiled("event order_placed { total: number }\nevent visited\ntrait orders = count(order_placed)\nsegment some when orders >= 1");
    const world = newWorld(3);
    const run: Run = { accidents: NEVER, pageOf: () => 3 };
    const records = recordsOf(history(11, 20, 6));
    const part = Math.floor(records.length / 3);
    appendTo(world, records.slice(0, part));
    await work(rules, world, { ...run, watch: ({ partition }) => recount(rules, world, partition) });
    const key = spendKey(rules);
    expect(world.stores.some(({ counts }) => (counts.get(key)?.size ?? 0) > 0)).toBe(true);
    appendTo(world, records.slice(part, 2 * part));
    await work(without, world, run);
    for (const { counts, fields } of world.stores) {
      expect(counts.get(key)?.size ?? 0).toBe(0);
      expect([...fields.keys()].filter((name) => /^(midnight|tables|piece:|prepared|population:)/.test(name))).toEqual([]);
    }
    appendTo(world, records.slice(2 * part));
    await work(rules, world, { ...run, watch: ({ partition }) => recount(rules, world, partition) });
    expect(world.stores.some(({ counts }) => (counts.get(key)?.size ?? 0) > 0)).toBe(true);
  });

  test("a fault in the evaluation stops the one partition, and says of whom and where; the others go on", async () => {
    const settled = rules.settled.map((node) => {
      if (node.k !== "segment") return node;
      const { enter } = node;
      return { ...node, enter: { ...enter, holds: (x: Parameters<typeof enter.holds>[0]) => {
        if (x.customer.id === "c1") throw new RangeError("out of range");
        return enter.holds(x);
      } } };
    });
    const world = newWorld(3);
    appendTo(world, recordsOf(history(5, 20, 3)));
    const stats = engineStats();
    const engine = startEngine({ ...rules, settled }, opened(world, NEVER, () => 10), LIMITS, simulatedEnvironment(world), stats);
    await quiet(world, () => false);
    const stopped = [...stats.partitions.values()].flatMap(({ stopped: why }) => why ?? []);
    expect(stopped).toHaveLength(1);
    expect(stopped[0]).toMatch(/customer "c1" could not be evaluated at record \d+ of the log \(out of range\)/);
    expect(engine.notReady()).toEqual(stopped);
    const sequence = Number(/record (\d+)/.exec(stopped[0] ?? "")?.[1]);
    expect(world.records[sequence - 1]?.subject).toMatch(/^events\.\w+\.c1$/);
    await engine.stop();
    expect(hasState(world, "c1")).toBe(false);
    expect(world.stores.filter(({ states }) => states.size > 0).length).toBeGreaterThanOrEqual(2);
  });

  test("who is in a segment by percentile is who belongs there by the tables of the last midnight", async () => {
    const past = history(77, 60, 8);
    const world = newWorld(3);
    const records = recordsOf(past);
    for (let from = 0; from < records.length; from += 10) {
      appendTo(world, records.slice(from, from + 10));
      await work(rules, world, { accidents: NEVER, pageOf: () => 5 });
    }
    const midnight = START + 8 * DAY;
    const spent = spending(past, midnight);
    const all = [...spent.values()];
    const members = new Set(membersOf(world));
    let inside = 0;
    for (const [customer, value] of spent) {
      const percentile = (100 * all.filter((other) => other < value - 1e-9).length) / all.length;
      expect([customer, members.has(`elite ${customer}`)]).toEqual([customer, percentile >= 60]);
      if (percentile >= 60) inside++;
    }
    expect(inside).toBeGreaterThan(5);
    expect(actionsOf(world).some((action) => action.includes('"type":"emit.welcome"'))).toBe(true);
  });
});
