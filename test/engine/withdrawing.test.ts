/** What is withdrawn of what waits when a customer is erased, and what readers must hear all the same. */
import { expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import { decode } from "../../engine/decode.js";
import { createPartition, take, takePending, type Partition, type Pending } from "../../engine/partition.js";
import { supply, wanted } from "../../engine/supplying.js";
import type { Output } from "../../engine/ports.js";
import { engineStats } from "../../engine/stats.js";
import { asItMayGo, customerOf, isToBeFollowed, withdraw, type Withdrawing } from "../../engine/withdrawing.js";
import type { WorkerParts } from "../../engine/worker.js";
import { takeTombstoneFields } from "../../engine/tombstones.js";

const { program, diagnostics } = compileProgram([{ file: "golden.eddy", text: `
event scored { by: number }
event bought { total: number }
trait score = sum(scored.by)
segment golden when score > 0
rule thanks { on bought  emit "thanks" { total: event.total } }
` }]);
if (program === null) throw new Error(JSON.stringify(diagnostics));
const rules = compile(program);

function partition(): Partition {
  const p = createPartition(rules, { index: 0, clock: "broker", cacheCustomers: 100_000 }, engineStats(), null, { clock: 0, offset: 0, fields: {}, log: "log" });
  p.wakes.horizon = null;
  return p;
}

let sequence = 0;
function happens(p: Partition, type: string, data: object): void {
  sequence++;
  const stamp = Date.UTC(2026, 2, 2) + sequence;
  const body = JSON.stringify({ id: `e${sequence}`, source: "t", type, subject: "anna", time: new Date(stamp).toISOString(), data });
  const work = decode(rules, "broker", { sequence, stamp, headers: null, subject: `events.${type}.anna`, body: Buffer.from(body) });
  for (const id of wanted(p, [work], 10)) supply(p, id, null);
  expect(take(p, work)).toBe("done");
}

function withdrawing(p: Partition, waiting: readonly Output[]): Withdrawing {
  const parts = { partition: p, outputPlan: { quiet: 0 }, stats: p.stats } as unknown as WorkerParts;
  return {
    parts, outgoing: waiting.map((output) => ({ output, arrived: 0, isAction: false })), onItsWay: [], withheld: [], found: [],
    suppress: new Set<string>(), sentUpTo: 0, publishedUpTo: 0,
  } as unknown as Withdrawing;
}

const outputsOf = ({ messages }: Pending): Output[] => messages.map(({ message, cause }, i) => ({ ...message, number: i + 1, cause }));
const types = (said: readonly { readonly body: string }[]): string[] => said.map(({ body }) => (JSON.parse(body) as { readonly type: string }).type);

const life = (p: Partition): void => {
  happens(p, "scored", { by: 1 });
  happens(p, "bought", { total: 1 });
  happens(p, "scored", { by: -1 });
};

test("in one commit: what was said goes, a membership that was left and both receipts stay", () => {
  const p = partition();
  life(p);
  happens(p, "customer_erased", {});
  happens(p, "customer_erased", {});
  const pending = takePending(p, 1);
  expect(withdraw(withdrawing(p, []), pending, 1, 0)).toEqual([]);
  const said = pending.messages.map(({ message }) => message);
  expect(types(said)).toEqual(["eddy.withdrawn", "eddy.withdrawn", "segment.left", "eddy.erased", "eddy.erased"]);
  expect(said.slice(3).map(({ body }) => (JSON.parse(body) as { readonly data: { readonly withdrawn: number } }).data.withdrawn)).toEqual([2, 0]);
});

test("of a commit of before: the same, also where another process publishes it", () => {
  const p = partition();
  life(p);
  happens(p, "customer_erased", {});
  const waiting = outputsOf(takePending(p, 1));
  expect(types(waiting)).toEqual(["segment.entered", "emit.thanks", "segment.left", "eddy.erased"]);
  happens(p, "customer_erased", {});
  const pending = takePending(p, 2);
  expect(withdraw(withdrawing(p, waiting), pending, 2, 0).map(({ number }) => number)).toEqual([1, 2]);
  takeTombstoneFields(p.tombstones, p.clock, waiting.length + 1);
  expect(types(waiting.map((output) => asItMayGo({ partition: p }, output)))).toEqual(["eddy.withdrawn", "eddy.withdrawn", "segment.left", "eddy.erased"]);
});

test("what a rule sends under the receipt's name is no receipt", () => {
  const subject = "actions.0.eddy.erased";
  expect(isToBeFollowed({ subject, body: JSON.stringify({ type: "eddy.erased", rule: "mine" }) })).toBe(false);
  expect(isToBeFollowed({ subject, body: JSON.stringify({ type: "eddy.erased" }) })).toBe(true);
  expect(isToBeFollowed({ subject: "segments.0.left.entered", body: "{}" })).toBe(false);
  expect(customerOf({ subject, body: "{}" })).toBeNull();
});
