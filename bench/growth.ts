/**
 * What an event costs the engine's core, in memory, as things grow: customers, the length of windows, events per customer,
 * partitions in one process. CPU microseconds an event, the first part of each run not counted.
 *
 *   node --expose-gc dist/bench/growth.js [most customers=1000000] [events=200000]
 */
import { getHeapStatistics } from "node:v8";
import { partition } from "../engine/subjects.js";
import { compiledText, decoded, partitionTaker, runTakers, shopRules, type EventWork, type Taker } from "./in-memory.js";
import { plotPanels } from "./plot.js";
import { random, shopLoad, type Load } from "./shop-load.js";
import { printTable } from "./table.js";

export interface GrowthRow {
  readonly of: "customers" | "window" | "events per customer" | "partitions";
  readonly size: number;
  readonly label: string;
  readonly micros: number;
}

/** What a customer of the shop takes on the heap, about; more customers than there is room for are left out. */
const CUSTOMER_BYTES = 8000;

const roomFor = (customers: number): boolean => customers * CUSTOMER_BYTES < getHeapStatistics().heap_size_limit * 0.8;

/** The shop's rules: as many events before as it takes to know most customers. */
function overCustomers(most: number, events: number): GrowthRow[] {
  const rows: GrowthRow[] = [];
  const rules = shopRules();
  for (const customers of [1000, 10_000, 100_000, 1_000_000].filter((each) => each <= most)) {
    if (!roomFor(customers)) {
      console.log(`${customers.toLocaleString("en")} customers do not fit into the heap: run it with --max-old-space-size=${Math.ceil((customers * CUSTOMER_BYTES) / 8e5)}`);
      continue;
    }
    const before = Math.max(events, 3 * customers);
    // As many events a customer and hour, however many customers there are: their windows hold as much.
    const { micros } = runTakers([partitionTaker(rules)], decoded(rules, shopLoad(2, customers), before + events, customers / 24), before);
    rows.push({ of: "customers", size: customers, label: customers.toLocaleString("en"), micros: micros[0] ?? NaN });
    global.gc?.();
  }
  return rows;
}

const windowed = (window: string): string => `event bought { total: number  sku: string }
trait n = count(bought) over ${window}
trait spent = sum(bought.total) over ${window}
trait dearest = max(bought.total) over ${window}
trait kinds = distinct(bought.sku) over ${window}
segment good when n >= 3 and spent > 100
segment keen when kinds >= 5 and dearest > 50
rule well_done { on enter good  emit "well_done" { n: n } }
`;

/** Everybody in turn, evenly. */
function evenly(customers: number): () => Load {
  const next = random(4);
  let sent = 0;
  return () => {
    const customer = `c${sent % customers}`;
    const data = `{"total":${Math.floor(next() * 10_000) / 100},"sku":"sku-${Math.floor(next() * 50)}"}`;
    return { subject: `events.bought.${customer}`, body: `{"specversion":"1.0","id":"${sent++}","source":"bench","type":"bought","subject":"${customer}","data":${data}}` };
  };
}

/** 200 customers with an event every hour each: the window holds as many entries as it has hours, merged from 256 on. */
function overWindows(events: number): GrowthRow[] {
  const customers = 200;
  return ([["1 hour", 1], ["12 hours", 12], ["2 days", 48], ["10 days", 240], ["30 days", 720], ["365 days", 8760]] as const).map(([window, hours]) => {
    const rules = compiledText(windowed(window));
    const { micros } = runTakers([partitionTaker(rules)], decoded(rules, evenly(customers), 2 * events, customers), events);
    return { of: "window", size: hours, label: `${window}, ${hours.toLocaleString("en")} events in it`, micros: micros[0] ?? NaN };
  });
}

/** A window of 90 days, an event a day: the tenth, the hundredth, the thousandth of a customer. */
function overEvents(events: number): GrowthRow[] {
  const rules = compiledText(windowed("90 days"));
  return [3, 10, 30, 100, 300, 1000].map((each) => {
    const customers = Math.max(20, Math.floor(events / each));
    const total = customers * each;
    const { micros } = runTakers([partitionTaker(rules)], decoded(rules, evenly(customers), total, customers / 24), Math.floor(total * 0.7));
    return { of: "events per customer", size: each, label: each.toLocaleString("en"), micros: micros[0] ?? NaN };
  });
}

/** The same customers in one partition, or spread over several that take turns, a chunk at a time, as an engine's do. */
function overPartitions(events: number): GrowthRow[] {
  const rules = shopRules();
  const customers = 20_000;
  return [1, 2, 4, 8, 16].map((partitions) => {
    const takers = Array.from({ length: partitions }, () => partitionTaker(rules));
    const tokens = new Map<string, number>();
    const whose = (customer: string): number => {
      let known = tokens.get(customer);
      if (known === undefined) tokens.set(customer, (known = partition(customer, partitions)));
      return known;
    };
    const all: Taker = {
      take(works) {
        const parts = takers.map((): EventWork[] => []);
        for (const work of works) parts[whose(work.customer)]?.push(work);
        takers.forEach((taker, i) => taker.take(parts[i] ?? []));
      },
      outputs: () => takers.flatMap((taker) => taker.outputs()),
    };
    const { micros } = runTakers([all], decoded(rules, shopLoad(2, customers), 2 * events, 3000), events);
    return { of: "partitions", size: partitions, label: String(partitions), micros: micros[0] ?? NaN };
  });
}

export function growth(mostCustomers: number, events: number): { readonly rows: readonly GrowthRow[] } {
  const began = performance.now();
  const rows = [...overCustomers(mostCustomers, events), ...overWindows(events), ...overEvents(events), ...overPartitions(events)];
  printTable(
    `an event in the engine's core as things grow, ${events.toLocaleString("en")} events each (${Math.round((performance.now() - began) / 1000)} s)`,
    ["what grows", "to", "CPU µs an event", "times the first"],
    rows.map((row) => [row.of, row.label, row.micros, row.micros / (rows.find(({ of }) => of === row.of)?.micros ?? NaN)]),
  );
  return { rows };
}

/** docs/performance/growth.svg */
export function plotGrowth({ rows }: ReturnType<typeof growth>): void {
  const kinds = [["customers", "customers"], ["window", "length of the window, hours (an event an hour)"], ["events per customer", "events of each customer before"], ["partitions", "partitions in one process"]] as const;
  plotPanels({
    file: "growth.svg", title: "What an event costs as things grow", y: "CPU µs an event",
    panels: kinds.map(([of, x]) => ({ x, points: rows.filter((row) => row.of === of).map((row) => [row.size, row.micros] as const) })).filter(({ points }) => points.length > 0),
    note: "The engine's core in memory. Customers and partitions: the shop's twenty rules; the others: five declarations over one type of event. Sizes stand a step apart, whatever lies between. For processes see workers.svg.",
  });
}

if (process.argv[1] === import.meta.filename) growth(Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 200_000));
