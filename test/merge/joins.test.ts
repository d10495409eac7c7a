/**
 * Joins that are on their way at the same time: several partitions that go through one log, each at its own pace, and words
 * between them that arrive when they arrive. Whatever the order, nothing is lost, nothing counts twice, and nobody goes round in a ring.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { compile } from "../../engine/compile/compiled.js";
import type { Customer } from "../../engine/customer.js";
import { decode, type Work } from "../../engine/decode.js";
import { read } from "../../engine/evaluate.js";
import { takeUtterances } from "../../engine/merge/words.js";
import { createPartition, take, takePending, type Partition } from "../../engine/partition.js";
import { supply, wanted } from "../../engine/supplying.js";
import type { LogRecord, NewRecord } from "../../engine/ports.js";
import { engineStats } from "../../engine/stats.js";
import { encodeToken, partition as partitionOf } from "../../engine/subjects.js";

const { program } = compileProgram([{ file: "joins.eddy", text: `
event bought { total: number }
profile { note: string? }
trait orders = count(bought)
rule known { on customer_identified  emit "known" { orders: orders } }
` }]);
if (program === null) throw new Error("the rules are wrong");
const rules = compile(program);

const PARTITIONS = 3;
const START = Date.UTC(2026, 2, 2, 9);

interface World {
  readonly log: LogRecord[];
  readonly partitions: readonly Partition[];
  /** How far each has come in the log. */
  readonly at: number[];
  readonly waiting: NewRecord[][];
  readonly actions: string[];
}

function world(): World {
  const partitions = Array.from({ length: PARTITIONS }, (_, index) =>
    createPartition(rules, { index, clock: "broker", cacheCustomers: 100_000, partitions: PARTITIONS }, engineStats(), null, { clock: 0, offset: 0, fields: {}, log: "log" }));
  for (const p of partitions) {
    p.wakes.horizon = null; // the wake index is empty, and read to its end
  }
  return { log: [], partitions, at: partitions.map(() => 0), waiting: partitions.map(() => []), actions: [] };
}

function append(w: World, { subject, body }: NewRecord): void {
  const sequence = w.log.length + 1;
  w.log.push({ sequence, stamp: START + sequence, subject, headers: null, body: Buffer.from(body) });
}

let ids = 0;
function event(w: World, type: string, customer: string, data: unknown, id = `e${++ids}`, time = new Date(START + w.log.length).toISOString()): void {
  append(w, { subject: `events.${type}.${encodeToken(customer)}`, body: JSON.stringify({ id, source: "t", type, subject: customer, time, data }) });
}

/** Its next record; false: it has come to the end. */
function step(w: World, index: number): boolean {
  const p = w.partitions[index] as Partition;
  const record = w.log[w.at[index] as number];
  if (record === undefined) return false;
  w.at[index] = (w.at[index] as number) + 1;
  if (partitionOf(record.subject.slice(record.subject.lastIndexOf(".") + 1), PARTITIONS) !== index) return true;
  const work: Work = decode(rules, "broker", record);
  for (const id of wanted(p, [work], 10)) supply(p, id, null);
  expect(take(p, work)).toBe("done");
  for (const { message, isAction } of takePending(p, 1).messages) if (isAction || message.subject.startsWith("dead.")) w.actions.push(message.body);
  w.waiting[index]?.push(...takeUtterances(p.words).map((said) => said.record));
  return true;
}

/** One of its words comes into the log; false: it has nothing to say. */
function speak(w: World, index: number): boolean {
  const record = w.waiting[index]?.shift();
  if (record === undefined) return false;
  append(w, record);
  return true;
}

function finish(w: World): void {
  for (let moves = true; moves;) {
    moves = false;
    for (let index = 0; index < PARTITIONS; index++) {
      while (step(w, index)) moves = true;
      while (speak(w, index)) moves = true;
    }
    expect(w.log.length).toBeLessThan(5000);
  }
}

const everybody = (w: World): Customer[] => w.partitions.flatMap((p) => [...p.cache.all()]);

function ordersOf(w: World, id: string): number | null {
  const p = w.partitions[partitionOf(encodeToken(id), PARTITIONS)] as Partition;
  const customer = p.cache.peek(id);
  return customer === undefined || customer.movedTo !== null ? null : (read(p.evaluator, customer, p.clock, rules.traits[0]?.value ?? (() => 0)) as number);
}

/** Who somebody is by now. */
function whoIs(w: World, id: string): string {
  let at = id;
  for (let hops = 0; ; hops++) {
    const to = everybody(w).find((customer) => customer.id === at)?.movedTo ?? null;
    if (to === null) return at;
    if (hops > 20) throw new Error(`${id} goes round in a ring`);
    at = to;
  }
}

function isQuiet(w: World): void {
  for (const { words } of w.partitions) expect([words.asked.size, words.waiting.size]).toEqual([0, 0]);
}

const PEOPLE = ["a", "b", "c", "d", "e", "f"];

describe("joins on their way at the same time", () => {
  test("lose nothing, count nothing twice, end, and make no ring", () => {
    const moves = fc.array(fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...PEOPLE).map((who) => ({ k: "bought" as const, who })) },
      { weight: 2, arbitrary: fc.tuple(fc.constantFrom(...PEOPLE), fc.constantFrom(...PEOPLE)).map(([who, other]) => ({ k: "same" as const, who, other })) },
      { weight: 5, arbitrary: fc.nat(PARTITIONS - 1).map((index) => ({ k: "step" as const, index })) },
      { weight: 2, arbitrary: fc.nat(PARTITIONS - 1).map((index) => ({ k: "speak" as const, index })) },
    ), { maxLength: 60 });
    fc.assert(fc.property(moves, (list) => {
      const w = world();
      let bought = 0;
      let same = 0;
      for (const move of list) {
        if (move.k === "bought") { bought++; event(w, "bought", move.who, { total: 1 }); }
        else if (move.k === "same") { same++; event(w, "customer_identified", move.who, { anonymous_id: move.other }); }
        else if (move.k === "step") step(w, move.index);
        else speak(w, move.index);
      }
      finish(w);
      isQuiet(w);
      expect(PEOPLE.reduce((sum, id) => sum + (ordersOf(w, id) ?? 0), 0)).toBe(bought);
      // Every event that identified has happened once, to somebody.
      expect(w.actions.filter((body) => body.includes('"emit.known"')).length).toBe(same);
      for (const id of PEOPLE) whoIs(w, id);
      // What comes later arrives, wherever it is sent.
      for (const id of PEOPLE) event(w, "bought", id, { total: 1 });
      finish(w);
      expect(PEOPLE.reduce((sum, id) => sum + (ordersOf(w, id) ?? 0), 0)).toBe(bought + PEOPLE.length);
    }), { numRuns: 400, seed: 5 });
  });

  test("of two that meet head-on the earlier in the log wins", () => {
    for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2]]) {
      const w = world();
      event(w, "bought", "a", { total: 1 });
      event(w, "bought", "b", { total: 1 });
      event(w, "customer_identified", "a", { anonymous_id: "b" });
      event(w, "customer_identified", "b", { anonymous_id: "a" });
      for (const index of order) while (step(w, index)) { /* all that is there */ }
      for (const index of order) while (speak(w, index)) { /* all that it has to say */ }
      finish(w);
      isQuiet(w);
      expect([whoIs(w, "b"), ordersOf(w, "a"), ordersOf(w, "b")]).toEqual(["a", 2, null]);
    }
  });

  test("a ring of three becomes one customer", () => {
    const w = world();
    for (const [who, other] of [["b", "a"], ["c", "b"], ["a", "c"]] as const) {
      event(w, "bought", other, { total: 1 });
      event(w, "customer_identified", who, { anonymous_id: other });
    }
    for (let index = 0; index < PARTITIONS; index++) while (step(w, index)) { /* before anything is said */ }
    finish(w);
    isQuiet(w);
    expect(["a", "b", "c"].map((id) => whoIs(w, id))).toEqual(["c", "c", "c"]);
    expect(ordersOf(w, "c")).toBe(3);
  });

  test("a chain leads to its end, and is made short", () => {
    const w = world();
    for (const [who, other] of [["b", "a"], ["c", "b"], ["d", "c"]] as const) {
      event(w, "customer_identified", who, { anonymous_id: other });
      finish(w);
    }
    const movedTo = (): string | null | undefined => everybody(w).find(({ id }) => id === "a")?.movedTo;
    expect(movedTo()).toBe("b");
    event(w, "bought", "a", { total: 1 });
    finish(w);
    expect([movedTo(), ordersOf(w, "d")]).toEqual(["d", 1]);
  });

  test("what is said again is heard once", () => {
    const w = world();
    event(w, "bought", "a", { total: 1 });
    event(w, "customer_identified", "b", { anonymous_id: "a" });
    finish(w);
    event(w, "bought", "a", { total: 1 });
    finish(w);
    const said = w.log.filter(({ subject }) => subject.startsWith("events.eddy_"));
    expect(said.length).toBe(3);
    for (const { subject, body } of said) append(w, { subject, body: Buffer.from(body).toString() });
    finish(w);
    expect(ordersOf(w, "b")).toBe(2);
    expect(w.actions.length).toBe(1);
  });

  test("a customer who is too large stays, and the identification is a dead letter", () => {
    const w = world();
    event(w, "profile_updated", "a", { note: "x".repeat(900_000) });
    event(w, "bought", "a", { total: 1 });
    event(w, "customer_identified", "b", { anonymous_id: "a" });
    finish(w);
    isQuiet(w);
    expect([ordersOf(w, "a"), ordersOf(w, "b")]).toEqual([1, 0]);
    expect(w.actions.map((body) => JSON.parse(body) as { type: string }).map(({ type }) => type).sort()).toEqual(["dead.too_large", "emit.known"]);
  });

  test("of who was erased nothing is taken, in either order, and nobody leads to them", () => {
    const w = world();
    event(w, "bought", "a", { total: 1 });
    event(w, "customer_identified", "b", { anonymous_id: "a" });
    event(w, "customer_erased", "a", {}, undefined, new Date(START + 50).toISOString());
    finish(w);
    expect([everybody(w).find(({ id }) => id === "a")?.movedTo, ordersOf(w, "b")]).toEqual([null, 0]);
    const other = world();
    event(other, "bought", "a", { total: 1 });
    event(other, "customer_identified", "b", { anonymous_id: "a" });
    // Erased while it is on its way.
    for (let index = 0; index < PARTITIONS; index++) while (step(other, index)) { /* all that is there */ }
    event(other, "customer_erased", "b", {}, undefined, new Date(START + 50).toISOString());
    for (let index = 0; index < PARTITIONS; index++) while (speak(other, index)) { /* behind the erasure */ }
    finish(other);
    isQuiet(other);
    expect([everybody(other).find(({ id }) => id === "a")?.movedTo, ordersOf(other, "b")]).toEqual([null, 0]);
  });

  test("who is no customer is nobody to be joined", () => {
    const w = world();
    for (const anonymous_id of ["", 7, null, "x".repeat(2000), "ä".repeat(400)]) event(w, "customer_identified", "b", { anonymous_id });
    event(w, "customer_identified", "b", {});
    finish(w);
    expect(w.actions.length).toBe(6);
    expect(w.actions.every((body) => body.includes("dead.schema"))).toBe(true);
  });

  test("what nobody can read is a dead letter, and stops nobody", () => {
    const w = world();
    event(w, "bought", "b", { total: 1 });
    for (const data of [{}, { by: 0, log: "x", sequence: 1, place: 0 }, "?", { by: 0, log: "x", sequence: 2, place: 0, who: "a", origin: 1, left: true, hops: 0, asked: [], state: { program: "p", bytes: "////", layout: {} }, event: { type: "customer_identified", id: "i", source: "", time: 1, data: { anonymous_id: "a" } } }]) {
      event(w, "eddy_joined", "b", data);
    }
    event(w, "bought", "b", { total: 1 });
    finish(w);
    expect(ordersOf(w, "b")).toBe(2);
    expect(w.actions.filter((body) => body.includes("dead.schema")).length).toBe(4);
  });
});
