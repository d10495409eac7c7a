/**
 * What an event costs against the number of rules, while as many match as before: each event concerns one aggregate with a
 * window and its segment, and one rule that waits; all other rules look for something else. They tell events apart
 *
 * - by a value: `where item == "i17"`
 * - by a range of numbers: `where code >= 17 and code < 18`
 * - by the type of event: every two rules have one of their own
 *
 * Every customer cares for ten things of all there are, so that customers have as much state with ten thousand rules as with
 * twenty. Each number of rules runs beside one of twenty, both taking the like events in turn, so that the ratio means
 * something on a busy machine too.
 *
 *   node dist/bench/rules.js [events=100000] [customers=100000] [most rules=10000]
 */
import { compiledText, decoded, partitionTaker, runTakers, type EventWork, type Taker } from "./in-memory.js";
import { plotLines } from "./plot.js";
import { random, type Load } from "./shop-load.js";
import { printTable } from "./table.js";

export const DISCRIMINATIONS = ["value", "range", "event type"] as const;
export type Discrimination = (typeof DISCRIMINATIONS)[number];

export interface RulesRow {
  readonly by: Discrimination;
  readonly rules: number;
  /** CPU microseconds an event; and of twenty rules in the same run. */
  readonly micros: number;
  readonly microsOfTwenty: number;
  /** What it costs, divided by what twenty rules cost. */
  readonly timesTwenty: number;
  readonly outputs: number;
}

const EVENTS_PER_HOUR = 3000;
const THINGS = 10;
const BASE = 20;

/** Two rules for each thing, and at least one in all. */
const thingsOf = (rules: number): number => Math.max(1, rules >> 1);

export function manyRules(rules: number, by: Discrimination): string {
  const ofOwnType = by === "event type";
  const event = (i: number): string => (ofOwnType ? `looked_${i}` : "looked");
  const where = (i: number): string => (ofOwnType ? "" : by === "value" ? `item == "i${i}" and ` : `code >= ${i} and code < ${i + 1} and `);
  const parts = Array.from({ length: thingsOf(rules) }, (_, i) => [
    ofOwnType ? `event ${event(i)} { item: string  code: number  price: number }` : "",
    rules === 1 ? "" : `segment often_${i} when count(${event(i)} where ${where(i)}price > 1) over 7 days >= 3\nrule tell_${i} { on enter often_${i}  at most 1 per 7 days  emit "often_${i}" }`,
    `rule remind_${i} { on ${event(i)} where ${where(i)}price > 50  until bought  wait 1 hour  emit "remind_${i}" { item: event.item } }`,
  ].filter((part) => part !== "").join("\n"));
  return `${ofOwnType ? "" : "event looked { item: string  code: number  price: number }\n"}event bought { total: number }\n${parts.join("\n")}\n`;
}

export function looks(customers: number, rules: number, by: Discrimination): () => Load {
  const next = random(9);
  const things = thingsOf(rules);
  const own = Math.min(THINGS, things);
  let sent = 0;
  return () => {
    const customer = Math.floor(next() * next() * customers);
    const thing = (customer * THINGS + Math.floor(next() * own)) % things;
    const price = Math.floor(next() * 10_000) / 100;
    const isPurchase = next() < 0.05;
    const type = isPurchase ? "bought" : by === "event type" ? `looked_${thing}` : "looked";
    const data = isPurchase ? `{"total":${price}}` : `{"item":"i${thing}","code":${thing},"price":${price}}`;
    return { subject: `events.${type}.c${customer}`, body: `{"specversion":"1.0","id":"${sent++}","source":"bench","type":"${type}","subject":"c${customer}","data":${data}}` };
  };
}

/** Two programs have events of their own: each taker is given those of its own. */
function* inTurn(chunks: readonly Iterator<readonly EventWork[]>[], at: { works: readonly (readonly EventWork[])[] }): Generator<readonly EventWork[]> {
  for (;;) {
    const works = chunks.map((each) => each.next());
    if (works.some(({ done }) => done === true)) return;
    at.works = works.map(({ value }) => value as readonly EventWork[]);
    yield at.works[0] ?? [];
  }
}

export function rules(events: number, customers: number, most: number): { readonly rows: readonly RulesRow[] } {
  const before = 2 * customers;
  const rows: RulesRow[] = [];
  for (const by of DISCRIMINATIONS) {
    for (const count of [1, BASE, 100, 1000, 10_000].filter((each) => each <= most)) {
      const programs = [count, BASE].map((each) => ({ each, compiled: compiledText(manyRules(each, by)) }));
      const at: { works: readonly (readonly EventWork[])[] } = { works: [] };
      const takers = programs.map(({ compiled }, i): Taker => {
        const taker = partitionTaker(compiled);
        return { take: () => taker.take(at.works[i] ?? []), outputs: () => taker.outputs() };
      });
      const chunks = programs.map(({ each, compiled }) => decoded(compiled, looks(customers, each, by), before + events, EVENTS_PER_HOUR));
      const { micros: [micros = NaN, microsOfTwenty = NaN], outputs } = runTakers(takers, inTurn(chunks, at), before);
      rows.push({ by, rules: count, micros, microsOfTwenty, timesTwenty: micros / microsOfTwenty, outputs: outputs[0] ?? 0 });
    }
  }
  printTable(
    `one aggregate with its segment and one rule match each of ${events.toLocaleString("en")} events of ${customers.toLocaleString("en")} customers; CPU µs an event`,
    ["told apart by", "rules", "µs", "µs of 20 rules beside", "times 20 rules", "outputs an event"],
    rows.map((row) => [row.by, row.rules.toLocaleString("en"), row.micros, row.microsOfTwenty, row.timesTwenty, row.outputs]),
  );
  return { rows };
}

/** docs/performance/rules.svg */
export function plotRules({ rows }: ReturnType<typeof rules>): void {
  plotLines({
    file: "rules.svg", title: "An event against the number of rules, as many matching", x: "rules", y: "cost, 20 rules are 1", logarithmicX: true, logarithmicY: false,
    series: DISCRIMINATIONS.map((by) => ({ name: `by ${by}`, points: rows.filter((row) => row.by === by).map((row) => [row.rules, row.timesTwenty] as const) })),
    note: "CPU time of the engine's core in memory; each point beside twenty rules in the same run.",
  });
}

if (process.argv[1] === import.meta.filename) {
  rules(Number(process.argv[2] ?? 100_000), Number(process.argv[3] ?? 100_000), Number(process.argv[4] ?? 10_000));
}
