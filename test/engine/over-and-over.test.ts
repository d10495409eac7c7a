/** Customers who, woken, are to be woken again at once: a fault of ours must stop the partition, not hold the process for ever. */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { decodeLine } from "../../engine/decode.js";
import { EvaluationFailed, createPartition, take, type Partition } from "../../engine/partition.js";
import { engineStats } from "../../engine/stats.js";
import { addWake } from "../../engine/wakes.js";

const { program } = compileProgram([{ file: "p.eddy", text: "event visited\nsegment morning when hour(now) < 12" }]);
if (program === null) throw new Error("the program has errors");
const compiled = compile(program);
const visit = (id: string, time: string) => decodeLine(compiled, JSON.stringify({ id, type: "visited", subject: "c", time }), Number(id));

function withCustomer(): Partition {
  const p = createPartition(compiled, { index: 0, clock: "event", cacheCustomers: Infinity }, engineStats());
  expect(take(p, visit("1", "2026-03-02T10:00:00Z"))).toBe("done");
  return p;
}

test("their partition stops", () => {
  const p = withCustomer();
  const customer = p.cache.peek("c");
  if (customer === undefined) throw new Error("there was a visit");
  const at = Date.parse("2026-03-02T11:00:00Z");
  Object.defineProperty(customer, "wake", { get: () => at, set: () => undefined });
  customer.indexed = at;
  addWake(p.wakes, at, "c");
  expect(() => take(p, visit("2", "2026-03-02T11:30:00Z"))).toThrow(EvaluationFailed);
  expect(() => take(withCustomer(), visit("2", "2026-03-02T13:00:00Z"))).not.toThrow();
});
