/** Customers to bytes and back: nothing is lost, older programs are understood, broken bytes are refused. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { kindOf } from "../../engine/aggregates/kinds.js";
import { StateCorrupt, readFields, readInt, readUint, readValue, reader, writeInt, writeUint, writeValue, writer } from "../../engine/codec.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { enterContext, newContext, newCustomer, seenBefore, type Customer, type Run } from "../../engine/customer.js";
import { StateTooNew, layoutOf, readCustomer, translation, writeCustomer } from "../../engine/state.js";
import { zoneOf } from "../../engine/zone.js";
import type { Value } from "../../dsl/program.js";
import { customerIn, situations } from "./customers.js";
import { EVERYTHING } from "./everything.js";

function compiledOf(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "state.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

const RULES = `
segment active when x01 >= 1
segment calm when no f for 2 days
segment away when x15 for at least 2 days until x01 >= 2 for at least 1 day
rule first_rule { on e at most 3 per 2 days
  wait 1 hour
  emit "a" { n: event.n }
  wait 2 days
  emit "b" { s: event.s }
}
rule second_rule { on f repeat restart
  wait 3 hours
  if x01 > 2 { wait 1 day } else { wait 5 days }
  emit "c" { n: event.n }
}
`;

const full = compiledOf(EVERYTHING + RULES);
const own = new Map([[1, translation(layoutOf(full), full)]]);

function bytesOf(customer: Customer, compiled: Compiled = full): Buffer {
  const w = writer(16);
  writeCustomer(w, customer, 1, compiled);
  return Buffer.from(w.bytes.subarray(0, w.at));
}

const waits = (compiled: Compiled, rule: number): number[] => (compiled.rules[rule]?.ops ?? []).flatMap((op, i) => (op.k === "wait" ? [i + 1] : []));

const customers: fc.Arbitrary<Customer> = situations.chain((situation) => {
  const customer = customerIn(full, situation);
  const instants = fc.integer({ min: -1e12, max: 1e13 });
  const maybeNever = fc.option(instants, { nil: Infinity, freq: 4 });
  const events = fc.dictionary(fc.constantFrom("n", "s", "constructor", "toString", "ä"), fc.constantFrom<Value>(1.5, "text", ["a", null], { n: { deep: [true] } }));
  const runs = fc.constantFrom(0, 1).chain((rule) => fc.record<Run>({
    rule: fc.constant(rule), startedAt: instants, eventTime: instants, event: events, deadline: maybeNever,
    cause: fc.constantFrom("shop/o-1", "time/17", "", "🙂/\u0000", "x".repeat(300)), at: fc.constantFrom(...waits(full, rule)),
  }));
  return fc.record({
    wake: maybeNever, indexed: maybeNever, runs: fc.array(runs, { maxLength: 3 }),
    segments: fc.subarray([0, 1, 2]), holdings: fc.subarray([2, 3]).chain((list) => fc.tuple(...list.map((index) => instants.map((since) => ({ index, since }))))),
    starts: fc.subarray([0, 1]).chain((list) => fc.tuple(...list.map((rule) => fc.array(instants, { maxLength: 5 }).map((times) => ({ rule, times }))))),
    seen: fc.array(fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)), { maxLength: 80 }),
    named: fc.option(fc.constantFrom("Europe/Warsaw", "Nowhere/At_all"), { nil: undefined }),
  }).map(({ seen, named, ...rest }) => {
    const made: Customer = { ...customer, ...rest };
    if (named !== undefined) made.profile = { ...made.profile, timezone: named };
    made.zone = zoneOf(named ?? "UTC");
    for (const [high, low] of seen) seenBefore(made, high >>> 0, low >>> 0);
    return made;
  });
});

const plain = ({ slots: _, ...rest }: Customer): unknown => ({ ...rest, zone: rest.zone.name, seen: [...rest.seen] });

vi.setConfig({ testTimeout: 90_000 }); // much of a processor, little of the clock where it is free

describe("a customer's state", () => {
  test("is the same after it was written and read", () => {
    fc.assert(fc.property(customers, fc.integer({ min: 0, max: 40 }), (customer, days) => {
      const bytes = bytesOf(customer);
      const read = readCustomer(customer.id, bytes, own, full);
      const seenPairs = Math.min(customer.seenNext, 32) * 2;
      expect(plain(read)).toEqual({ ...(plain(customer) as object), seen: [...customer.seen].slice(0, seenPairs) });
      expect(bytesOf(read).equals(bytes)).toBe(true);
      const x = newContext();
      enterContext(x, customer, customer.firstSeen + days * 86_400_000);
      customer.slotIds.forEach((id, i) => {
        const kind = kindOf(full.program.aggregates[id]?.fn ?? "count");
        const span = full.spans[id] ?? { k: "life" };
        expect(kind.value(read.slots[i], span, x)).toEqual(kind.value(customer.slots[i], span, x));
      });
    }), { numRuns: 120, seed: 20260302 });
  });

  test("remembers the same events as seen", () => {
    fc.assert(fc.property(fc.array(fc.nat(60), { maxLength: 150 }), fc.nat(150), (events, cut) => {
      let customer = newCustomer("c", zoneOf("UTC"));
      customer.firstSeen = 0;
      const model: number[] = [];
      events.forEach((event, i) => {
        if (i === cut) customer = readCustomer("c", bytesOf(customer), own, full);
        const known = model.slice(-32).includes(event);
        if (!known) model.push(event);
        expect(seenBefore(customer, event, 7)).toBe(known);
      });
    }), { numRuns: 200, seed: 4 });
  });

  test("of another program finds its way by key and name", () => {
    const changed = compiledOf(`
      segment aaa when count(f) over 1 day > 0
      ${EVERYTHING.replace(/trait x0[5-9].*/g, "").replace("trait x01", "trait renamed")}
      ${RULES.replace("segment calm when no f for 2 days", "").replace("wait 1 hour", "wait 90 minutes").replaceAll("x01", "renamed")}
      rule a_new_one { on e priority 5 wait 1 day emit "d" }
    `);
    const translations = new Map([[1, translation(layoutOf(full), changed)]]);
    fc.assert(fc.property(customers, (customer) => {
      const read = readCustomer(customer.id, bytesOf(customer), translations, changed);
      const keyOf = (compiled: Compiled, id: number): string => compiled.program.aggregates[id]?.key ?? "";
      const present = new Set(changed.program.aggregates.map(({ key }) => key));
      const kept = customer.slotIds.filter((id) => present.has(keyOf(full, id)));
      expect(read.slotIds.map((id) => keyOf(changed, id))).toEqual(kept.map((id) => keyOf(full, id)).sort());
      expect(read.slotIds).toEqual([...read.slotIds].sort((a, b) => a - b));
      const name = (compiled: Compiled, id: number): string => compiled.segments[id]?.name ?? "";
      expect(read.segments.map((id) => name(changed, id))).toEqual(customer.segments.map((id) => name(full, id)).filter((each) => each !== "calm"));
      expect(read.holdings.map(({ index, since }) => [name(changed, index >> 1), index & 1, since])).toEqual(customer.holdings.map(({ index, since }) => [name(full, index >> 1), index & 1, since]));
      // Runs at the wait that was changed are gone, the others stand where they stood.
      const place = (compiled: Compiled, run: Run): string => { const op = compiled.rules[run.rule]?.ops[run.at - 1]; return `${compiled.rules[run.rule]?.name ?? ""} ${op?.k === "wait" ? op.key : "?"}`; };
      const keys = new Set(changed.rules.flatMap((rule) => rule.ops.flatMap((op) => (op.k === "wait" ? [`${rule.name} ${op.key}`] : []))));
      expect(read.runs.map((run) => place(changed, run))).toEqual(customer.runs.map((run) => place(full, run)).filter((key) => keys.has(key)));
      expect(read.starts.map(({ rule }) => changed.rules[rule]?.name)).toEqual(customer.starts.map(({ rule }) => full.rules[rule]?.name));
      expect(bytesOf(read, changed).length).toBeGreaterThan(0);
    }), { numRuns: 80, seed: 8 });
  });

  test("broken bytes are refused, or are a state; they are never anything else", () => {
    const read = (bytes: Uint8Array): void => {
      try {
        const customer = readCustomer("c", bytes, own, full);
        bytesOf(customer);
      } catch (error) {
        if (!(error instanceof StateCorrupt || error instanceof StateTooNew)) throw error;
      }
    };
    fc.assert(fc.property(customers, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }), fc.nat(), (customer, changes, cut) => {
      const bytes = bytesOf(customer);
      const broken = Buffer.from(bytes);
      for (const [at, byte] of changes) broken[at % broken.length] = byte;
      read(broken);
      const length = cut % bytes.length;
      expect(() => readCustomer("c", bytes.subarray(0, length), own, full)).toThrow(StateCorrupt);
      expect(() => readCustomer("c", Buffer.concat([bytes, Buffer.of(0)]), own, full)).toThrow(StateCorrupt);
    }), { numRuns: 200, seed: 6 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), read), { numRuns: 2000, seed: 6 });
    const [small] = fc.sample(customers, { numRuns: 1, seed: 3 });
    if (small === undefined) throw new Error("no customer");
    const bytes = bytesOf(small);
    for (let at = 0; at < bytes.length; at++) for (const byte of [0, 1, 127, 128, 255]) read(Buffer.from(bytes).fill(byte, at, at + 1));
  });

  test("of a newer form is refused as such", () => {
    const bytes = bytesOf(Object.assign(newCustomer("c", zoneOf("UTC")), { firstSeen: 5 }));
    bytes[0] = 2;
    expect(() => readCustomer("c", bytes, own, full)).toThrow(StateTooNew);
    bytes[0] = 1;
    bytes[1] = 9;
    expect(() => readCustomer("c", bytes, own, full)).toThrow("the state refers to layout 9, which the partition does not have");
  });

  test("is small", () => {
    const shop = compiledOf(`
      event order_placed { order_id: string total: number items: { sku: string price: number }[] }
      event product_viewed { sku: string category: string }
      profile { timezone: string = "UTC" email: string? consent: { email: boolean = false } }
      segment vip when sum(order_placed.total) over 12 months >= 5000
      segment lapsing when count(order_placed) >= 3 and no product_viewed for 30 days
      trait favourite = top(product_viewed.category) over 90 days
      trait last_order = last(order_placed).time
      trait seen = recent(product_viewed.sku, 5)
      rule thanks { on order_placed wait 1 day emit "thanks" { id: event.order_id } }
    `);
    const sizes = [0, 10, 100].map((events) => {
      const customer = newCustomer("c", zoneOf("UTC"));
      const x = newContext();
      for (let i = 0; i <= events; i++) {
        const at = Date.UTC(2026, 0, 1) + i * 7_654_321;
        customer.firstSeen = Math.min(customer.firstSeen, at);
        enterContext(x, customer, at);
        const type = i % 3 === 0 ? "order_placed" : "product_viewed";
        x.row = i % 3 === 0 ? { order_id: `o-${i}`, total: 99.5 + i, items: [] } : { sku: `sku-${i % 20}`, category: `category-${i % 4}` };
        x.rowTime = at;
        for (const update of shop.events.get(type)?.updates.choose(x.row) ?? []) update.apply(x);
        seenBefore(customer, Math.imul(i, 2654435761) >>> 0, i);
      }
      return bytesOf(customer, shop).length;
    });
    console.info(`bytes of a customer after 1, 11 and 101 events: ${sizes.join(", ")}`);
    expect(sizes[0]).toBeLessThan(60);
    expect(sizes[1]).toBeLessThan(400);
    expect(sizes[2]).toBeLessThan(1800);
  });
});

describe("numbers and values as bytes", () => {
  const roundTrip = <T>(value: T, write: (w: ReturnType<typeof writer>, value: T) => void, read: (r: ReturnType<typeof reader>) => unknown): unknown => {
    const w = writer(1);
    write(w, value);
    const r = reader(w.bytes.subarray(0, w.at));
    const got = read(r);
    expect(r.at).toBe(r.end);
    return got;
  };

  test("whole numbers", () => {
    const edges = [0, 1, 127, 128, 16383, 16384, 2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];
    fc.assert(fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat()), (n) => { expect(roundTrip(n, writeUint, readUint)).toBe(n); }));
    fc.assert(fc.property(fc.integer({ min: -(2 ** 51), max: 2 ** 51 }), (n) => { expect(roundTrip(n, writeInt, readInt)).toBe(n); }));
    for (const wrong of [-1, NaN, Infinity, 2 ** 53, 1e300]) expect(() => writeUint(writer(16), wrong)).toThrow(StateCorrupt);
  });

  test("values of every kind", () => {
    const { value } = fc.letrec<{ value: Value; leaf: Value }>((tie) => ({
      leaf: fc.oneof(
        fc.constant(null), fc.boolean(), fc.double({ noNaN: true }), fc.integer(), fc.integer().map((cents) => cents / 100),
        fc.string({ unit: "binary", maxLength: 40 }), fc.string({ minLength: 20, maxLength: 60 }), fc.constantFrom("", "ÿ", "Ā", "\u0000", "🙂"),
      ),
      value: fc.oneof({ depthSize: "small" }, tie("leaf"), fc.array(tie("value")), fc.dictionary(fc.string().filter((name) => name !== "__proto__"), tie("value"), { noNullPrototype: true })),
    }));
    fc.assert(fc.property(value, (v) => { expect(roundTrip(v, writeValue, readValue)).toEqual(v); }), { numRuns: 300, seed: 2 });
    expect(Object.is(roundTrip(-0, writeValue, readValue), -0)).toBe(true);
    expect(roundTrip("half \ud800 a pair", writeValue, readValue)).toBe("half \ufffd a pair");
  });

  test("records nest as deep as a program may declare them, and no deeper", () => {
    const nested = (depth: number): Value => (depth === 0 ? 1 : { a: nested(depth - 1) });
    expect(roundTrip(nested(220), writeValue, readValue)).toEqual(nested(220));
    expect(() => writeValue(writer(16), nested(5000))).toThrow(StateCorrupt);
    const deep = Buffer.alloc(100_000).fill(Buffer.of(8, 1));
    expect(() => readValue(reader(deep))).toThrow(StateCorrupt);
    expect(() => readFields(reader(Buffer.of(3, 5)))).toThrow(StateCorrupt);
  });
});
