/** What `eddy check --cost` says, held against customers that the engine made of real events. */
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { writer } from "../../engine/codec.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { costOf, type ProgramCost } from "../../engine/cost/cost.js";
import type { Customer } from "../../engine/customer.js";
import { decodeLine } from "../../engine/decode.js";
import { createPartition, take, takePending } from "../../engine/partition.js";
import { writeCustomer } from "../../engine/state.js";
import { engineStats } from "../../engine/stats.js";

const TEXT = `
event order_placed { total: number, sku: string, note: string? }
event session_started { device: "phone" | "laptop" }
profile { name: string = "", birthday: date?, consent: { email: boolean = false } }
channel email { when true  at most 2 per 30 days }
trait spend_year = sum(order_placed.total) over 365 days
trait visits     = count(session_started) over 90 days
trait things     = distinct(order_placed.sku) over 365 days
trait device     = top(session_started.device) over 30 days
trait orders     = count(order_placed)
segment vip when spend_year >= 500
segment quiet_one when any(order_placed) and no session_started for 60 days
points stars { earn total on order_placed  expire after 6 months }
tier status by stars.earned over 12 months { blue at 0  gold at 100 }
rule thanks { on order_placed at most 1 per 14 days send email "thanks" }
rule reminder { on order_placed where total > 0  repeat restart  wait 30 days  send email "reminder" { sku: event.sku, last: orders } }
rule hello { on session_started  emit "hello" { visits: visits, device: device, things: things, status: status } }
`;

const DAY = 86_400_000;
const END = Date.UTC(2023, 11, 31, 23, 0);

function compiledOf(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "cost.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

interface Sent {
  readonly at: number;
  readonly type: string;
  readonly data: object;
}

/** The customer that the engine has after these events. */
function customerAfter(compiled: Compiled, events: readonly Sent[]): Customer {
  const p = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats());
  events.forEach(({ at, type, data }, i) => {
    const line = JSON.stringify({ specversion: "1.0", id: `xxxxxxxxxxx${i}`, source: "shop", type, subject: "c1", time: new Date(at).toISOString(), data });
    while (take(p, decodeLine(compiled, line, i + 1)) !== "done") takePending(p, 0);
  });
  const [customer] = [...p.cache.all()];
  if (customer === undefined) throw new Error("nobody came");
  return customer;
}

function sizeOf(compiled: Compiled, customer: Customer): number {
  const w = writer(1024);
  writeCustomer(w, customer, 1, compiled);
  return w.at;
}

/** Bytes that each aggregate adds to this customer. */
const shares = (compiled: Compiled, customer: Customer): readonly number[] => compiled.program.aggregates.map((_, index) => {
  const place = customer.slotIds.indexOf(index);
  if (place < 0) return 0;
  const without = { ...customer, slotIds: customer.slotIds.toSpliced(place, 1), slots: customer.slots.toSpliced(place, 1) };
  return sizeOf(compiled, customer) - sizeOf(compiled, without);
});

const byAggregate = ({ program }: Compiled, { aggregates }: ProgramCost): readonly string[] =>
  program.aggregates.map(({ fn, event }, i) => `${fn} ${event}: ${aggregates[i]?.events.join(" ") ?? ""}`).sort();

describe("the cost of a program", () => {
  const compiled = compiledOf(TEXT);
  const cost = costOf(compiled.program);

  test("typical: an event of each type a week, for a year", () => {
    const events = Array.from({ length: 52 }, (_, week): readonly Sent[] => {
      const at = END - (51 - week) * 7 * DAY;
      return [
        { at, type: "order_placed", data: { total: (1999 + week * 100) / 100, sku: `sku-${String(week).padStart(8, "0")}`, note: null } },
        { at: at + 1000, type: "session_started", data: { device: week % 2 === 0 ? "phone" : "laptop" } },
      ];
    }).flat();
    const profile = { at: END - 400 * DAY, type: "profile_updated", data: { name: "abcdefghijkl", birthday: "1990-01-01", consent: { email: true } } };
    const customer = customerAfter(compiled, [profile, ...events]);
    const real = sizeOf(compiled, customer);
    expect(Math.abs(cost.total.typical - real) / real).toBeLessThan(0.1);
    shares(compiled, customer).forEach((bytes, i) => {
      const estimated = cost.aggregates[i]?.bytes.typical ?? 0;
      expect(Math.abs(estimated - bytes), `${compiled.program.aggregates[i]?.fn ?? ""}: ${estimated} for ${bytes}`).toBeLessThanOrEqual(Math.max(16, bytes * 0.1));
    });
  });

  test("at most: no customer that is as busy as can be takes more, and some take nearly as much", () => {
    const step = (90 * DAY) / 3000;
    const sku = (i: number): string => String(i).padStart(100, "s");
    const events = Array.from({ length: 3000 }, (_, i): readonly Sent[] => {
      const at = END - Math.floor((3000 - i) * step);
      return [
        { at, type: "order_placed", data: { total: 1e6 * 0.985 ** i, sku: sku(i) } },
        { at: at + 1, type: "session_started", data: { device: i % 2 === 0 ? "phone" : "laptop" } },
      ];
    }).flat();
    const busy = customerAfter(compiled, events);
    const real = sizeOf(compiled, busy);
    expect(cost.total.most).toBeGreaterThan(real * 0.98);
    expect(cost.total.most).toBeLessThan(real * 1.5);
  });

  test("names the events that change each part", () => {
    expect(byAggregate(compiled, cost)).toEqual([
      "absence session_started: session_started", "any order_placed: order_placed", "count order_placed: order_placed", "count session_started: session_started",
      "distinct order_placed: order_placed", "sum order_placed: order_placed", "sum stars: order_placed", "top session_started: session_started",
    ]);
    expect(compiled.program.rules.map(({ name }, i) => [name, cost.rules[i]?.events])).toEqual([
      ["hello", ["session_started"]], ["reminder", ["order_placed"]], ["thanks", ["order_placed"]],
    ]);
    expect(cost.others.map(({ kind, name, events }) => [kind, name, events])).toEqual([["policy", "email", []], ["points", "stars", ["order_placed"]], ["tier", "status", ["order_placed"]]]);
  });

  test("a rule that never waits takes nothing but the starts that its caps count", () => {
    const [hello, reminder, thanks] = cost.rules.map(({ bytes }) => bytes);
    expect(hello).toEqual({ typical: 0, most: 0 });
    expect(reminder?.typical).toBeGreaterThan(20);
    expect(thanks?.typical).toBeGreaterThan(0);
    expect(thanks?.typical).toBeLessThan(12);
  });

  test("at most is at least what is typical, everywhere", () => {
    for (const { bytes } of [...cost.aggregates, ...cost.rules, ...cost.others]) expect(bytes.most).toBeGreaterThanOrEqual(bytes.typical);
    for (const bytes of [cost.profile, cost.base, cost.total]) expect(bytes.most).toBeGreaterThanOrEqual(bytes.typical);
  });
});

describe("what makes a program dearer", () => {
  const priceOf = (text: string): ProgramCost => costOf(compiledOf(`event e { n: number, s: string }\nprofile { p: number? }\n${text}`).program);

  test("a longer window, up to what is kept exactly", () => {
    const [week, year, ever] = ["over 7 days", "over 365 days", ""].map((window) => priceOf(`segment a when count(e) ${window} > 3`).aggregates[0]?.bytes.typical ?? 0);
    expect(week).toBeLessThan(12);
    expect(year).toBeGreaterThan(200);
    expect(ever).toBeLessThan(12);
  });

  test("runs for each value, and what they keep of their events", () => {
    const [one, several, kept] = ["", "per event.s", ""].map((per, i) => priceOf(`rule r { on e ${per} wait 1 day emit "x" ${i === 2 ? "{ s: event.s }" : ""} }`).rules[0]?.bytes ?? { typical: 0, most: 0 });
    if (one === undefined || several === undefined || kept === undefined) throw new Error("three rules");
    expect(several.most).toBeGreaterThan(one.most * 31);
    expect(kept.typical - one.typical).toBeGreaterThanOrEqual("s".length + 12);
  });

  test("an aggregate for each value of a field", () => {
    const plain = priceOf(`rule r { on e when count(e where s == "a") over 30 days > 3 emit "x" }`).aggregates[0]?.bytes;
    const keyed = priceOf(`rule r { on e when count(e where s == event.s) over 30 days > 3 emit "x" }`).aggregates[0]?.bytes;
    expect(keyed?.typical).toBeGreaterThan((plain?.typical ?? 0) * 3);
    expect(keyed?.most).toBeGreaterThan((plain?.most ?? 0) * 200);
  });

  test("equal aggregates are one", () => {
    expect(priceOf("trait a = count(e) over 30 days\ntrait b = count(e) over 30 days\nsegment s when a > b").aggregates).toHaveLength(1);
  });
});

test("what has no name of its own is called by what it looks at", () => {
  const { program } = compiledOf(`
event order_placed { total: number }
event seen
trait spend = sum(order_placed.total)
metric buyers = customers(any(order_placed))
metric rate = customers(any(order_placed)) / customers(any(seen))
segment top_tenth when percentile(spend among any(order_placed)) >= 90
segment top_fifth when quintile(count(seen) among any(seen)) == 5
rule told { on change spend  emit "told" }
`);
  expect(costOf(program).others.map(({ kind, name }) => `${kind} ${name}`).sort()).toEqual([
    "metric buyers, rate: customers(any(order_placed))", "metric rate: customers(any(seen))",
    "ranking percentile(count(seen) among any(seen))", "ranking percentile(spend among any(order_placed))", "watch change spend",
  ]);
});
