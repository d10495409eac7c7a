/**
 * One customer with 100,000 events a day, and rules that keep as much of them as rules can: windows, values of fields, longest
 * texts. What is kept stays bounded, and so does what an event costs.
 */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { writer } from "../../engine/codec.js";
import { compile } from "../../engine/compile/compiled.js";
import type { Customer } from "../../engine/customer.js";
import { decodeLine } from "../../engine/decode.js";
import { createPartition, take, takePending } from "../../engine/partition.js";
import { writeCustomer } from "../../engine/state.js";
import { engineStats } from "../../engine/stats.js";

const HOT_RULES = `
event viewed { sku: string  category: string  price: number  text: string }
trait all_time = count(viewed)
trait today = count(viewed) over 1 day
trait spent = sum(viewed.price) over 30 days
trait skus = distinct(viewed.sku) over 7 days
trait texts = distinct(viewed.text) over 30 days
trait favourite = top(viewed.category) over 30 days
trait dearest = max(viewed.price) over 90 days
trait newest = recent(viewed.sku, 50)
segment busy when today >= 100
rule keyed { on viewed where price > 99  when count(viewed where sku == event.sku) over 7 days >= 2  emit "seen_twice" { sku: event.sku } }
rule keyed_text { on viewed where price > 99  when count(viewed where text == event.text) over 7 days >= 2  emit "read_twice" }
`;

const { program, diagnostics } = compileProgram([{ file: "hot.eddy", text: HOT_RULES }]);
if (program === null) throw new Error(diagnostics.map(({ message }) => message).join("; "));
const compiled = compile(program);

function lived(events: number, textOf: (n: number) => string): { bytes: number[]; microseconds: number[] } {
  const p = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats());
  const start = Date.UTC(2026, 2, 2);
  const w = writer(1024);
  const bytes: number[] = [];
  const microseconds: number[] = [];
  const part = events / 5;
  for (let of = 0; of < 5; of++) {
    const lines = Array.from({ length: part }, (_, i) => {
      const n = of * part + i;
      const data = { sku: `sku-${(n * 7919) % 5000}`, category: `category-${n % 400}`, price: n % 101, text: textOf(n) };
      return JSON.stringify({ id: `e${n}`, type: "viewed", subject: "hot", time: new Date(start + n * 864).toISOString(), data });
    });
    const since = process.cpuUsage();
    lines.forEach((line, i) => {
      const work = decodeLine(compiled, line, of * part + i + 1);
      while (take(p, work) !== "done") takePending(p, 1);
    });
    const { user, system } = process.cpuUsage(since);
    microseconds.push((user + system) / part);
    w.at = 0;
    writeCustomer(w, p.cache.get("hot") as Customer, 1, compiled);
    bytes.push(w.at);
  }
  return { bytes, microseconds };
}

test("short values: the state and the cost of an event no longer grow", () => {
  const { bytes, microseconds } = lived(20_000, (n) => `text ${n % 1000}`);
  console.info(`a hot customer's state ${bytes.join(", ")} bytes; an event ${microseconds.map((each) => each.toFixed(0)).join(", ")} µs`);
  expect(bytes[4]).toBeLessThan(200_000);
  expect(bytes[4]).toBeLessThan((bytes[1] as number) * 1.6);
  expect(microseconds[4]).toBeLessThan((microseconds[1] as number) * 5 + 200);
});

test("texts of 20,000 characters that rules only tell from each other take no room of that size", () => {
  const text = "t".repeat(20_000);
  const { bytes, microseconds } = lived(2_000, (n) => `${n % 700} ${text}`);
  console.info(`with long texts ${bytes.join(", ")} bytes; an event ${microseconds.map((each) => each.toFixed(0)).join(", ")} µs`);
  expect(bytes[4]).toBeLessThan(200_000);
});
