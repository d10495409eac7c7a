/** Customers to bytes and back: nothing is lost, older programs are understood, broken bytes are refused. */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import { slotOfKey, type KeyedSlot } from "../../engine/aggregates/keyed.js";
import { kindOf } from "../../engine/aggregates/kinds.js";
import { StateCorrupt, readFields, readInt, readUint, readValue, reader, writeInt, writeUint, writeValue, writer } from "../../engine/codec.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { standingKey } from "../../engine/compile/steps.js";
import {
  NO_SLOTS, enterContext, newContext, newCustomer, newExtras, seenBefore, slotOf, type Context, type Customer, type Extras, type Run, type Slots,
} from "../../engine/customer.js";
import { STATE_VERSION, StateTooNew, layoutOf, readCustomer, translation, unpackCustomer, writeCustomer } from "../../engine/state.js";
import { zoneOf } from "../../engine/zone.js";
import type { Value } from "../../dsl/program.js";
import { customerIn, situations } from "./customers.js";
import { EVERYTHING, program as everything } from "./everything.js";

function compiledOf(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "state.eddy", text }]);
  if (program === null) throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return compile(program);
}

const RULES = `
segment active when x01 >= 1
segment calm when no f for 2 days
segment away when x15 for at least 2 days until x01 >= 2 for at least 1 day
tier zeal by x01 { warm at 2  hot at 5 }
points zlotys {
  earn 1 on f at most 2 per day
  expire after 9 days
}
experiment zeta { control 50%  blue 50% }
channel mail {
  quiet 22:00 to 08:00
  at most 2 per day
}
channel text { at most 5 per 7 days }
channels both = mail, text { at most 6 per 7 days }
metric share = 100 * customers(active) / customers(calm)
metric worth = customers(away)
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
rule third_rule { on e per event.s
  send mail "m" { n: event.n }
  wait until 09:00
  wait for f up to 2 days as got
  send text "t" { n: got.n }
  wait until event.t
  emit "d"
}
rule yonder { on every day at 08:00 wait 1 hour emit "e" }
rule zeal_up { on zeal up wait 2 hours emit "f" }
rule zest { on change profile.n  on change profile.s wait 2 hours emit "g" }
`;

const full = compiledOf(EVERYTHING + RULES);
const own = new Map([[1, translation(layoutOf(full), full)]]);

function bytesOf(customer: Customer, compiled: Compiled = full): Buffer {
  const w = writer(16);
  writeCustomer(w, customer, 1, compiled);
  return Buffer.from(w.bytes.subarray(0, w.at));
}

/** Where a run of the rule may stand. */
const places = (compiled: Compiled, rule: number): number[] => (compiled.rules[rule]?.ops ?? []).flatMap((op, i) => (standingKey(op) === null ? [] : [i + 1]));

const instants = fc.integer({ min: -1e12, max: 1e13 });
const maybeNever = fc.option(instants, { nil: Infinity, freq: 4 });
const fields = fc.dictionary(fc.constantFrom("n", "s", "constructor", "toString", "ä"), fc.constantFrom<Value>(1.5, "text", ["a", null], { n: { deep: [true] } }), { noNullPrototype: true });
const values = fc.constantFrom<Value>(null, 0, -2.5, "", "räksmörgås", true, ["a", null], { deep: [1] });
const amounts = fc.oneof(fc.constantFrom(0, 0.1, -3, 1e-7, 1e300), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer());

/** Of things with these numbers some, in order. */
function some<T>(things: readonly unknown[], of: (index: number) => fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.subarray(things.map((_, index) => index)).chain((list) => fc.tuple(...list.map(of)));
}

const { program } = full;
const extras: fc.Arbitrary<Extras> = fc.record({
  tiers: some(program.tiers, (index) => fc.integer({ min: -1, max: (program.tiers[index]?.levels.length ?? 0) - 1 }).map((rank) => ({ index, rank }))),
  watched: some(program.watches, (index) => values.map((value) => ({ index, value }))),
  ledgers: some(program.points, (index) => fc.record({
    index: fc.constant(index), lots: fc.array(fc.record({ time: instants, left: amounts }), { maxLength: 4 }),
    given: fc.array(fc.array(instants, { maxLength: 3 }), { maxLength: 3 }),
  })),
  sends: some(program.policies, (index) => fc.array(instants, { maxLength: 4 }).map((times) => ({ index, times }))),
  nextHeld: fc.constantFrom(0, 0, 1, 300),
  exposures: some(program.experiments, (index) => fc.record({
    index: fc.constant(index), arm: fc.nat((program.experiments[index]?.arms.length ?? 1) - 1), at: instants, reached: fc.boolean(), value: amounts,
  })),
  readings: some(program.rankings, (index) => amounts.map((value) => ({ index, value }))),
  contributions: some(program.populations, (index) => amounts.map((value) => ({ index, value }))),
  figuresOf: fc.constantFrom(0, 0, 20_000),
  scheduled: some(program.rules, (rule) => fc.integer({ min: -1e6, max: 1e8 }).map((local) => ({ rule, local }))),
  lastEvent: fc.option(instants, { nil: -Infinity }), joined: fc.array(fc.string({ unit: "grapheme", maxLength: 12 }), { maxLength: 3 }),
});

const customers: fc.Arbitrary<Customer> = situations.chain((situation) => {
  const customer = customerIn(situation);
  const ofRuns = customer.runs.find(({ slotIds }) => slotIds.length > 0) ?? NO_SLOTS;
  const runs = fc.nat(full.rules.length - 1).chain((rule) => fc.record<Run>({
    rule: fc.constant(rule), startedAt: instants, eventTime: instants, event: fc.option(fields), deadline: maybeNever,
    cause: fc.constantFrom("shop/o-1", "time/17", "", "🙂/\u0000", "x".repeat(300)), at: fc.constantFrom(...places(full, rule)),
    key: fc.constantFrom(null, null, "a", "", "räksmörgås", 0, -2.5, true, false),
    captured: fc.option(fc.array(fc.record({ name: fc.constantFrom("got", "more"), data: fields, time: instants }), { maxLength: 2 })),
    held: fc.option(fc.record({ since: instants, order: fc.nat(1000), payload: values })),
    slotIds: fc.constant(full.rules[rule]?.name === "going" ? ofRuns.slotIds : []), slots: fc.constant(full.rules[rule]?.name === "going" ? ofRuns.slots : []),
  }));
  return fc.record({
    wake: maybeNever, indexed: maybeNever, runs: fc.array(runs, { maxLength: 4 }),
    extras: fc.oneof(fc.constant(customer.extras), extras, fc.constant(null)),
    segments: fc.subarray([0, 1, 2]), holdings: fc.subarray([2, 3]).chain((list) => fc.tuple(...list.map((index) => instants.map((since) => ({ index, since }))))),
    starts: some(program.rules, (rule) => fc.array(instants, { maxLength: 5 }).map((times) => ({ rule, times }))),
    seen: fc.array(fc.tuple(fc.nat(0xffffffff), fc.nat(0xffffffff)), { maxLength: 80 }),
    named: fc.option(fc.constantFrom("Europe/Warsaw", "Nowhere/At_all"), { nil: undefined }),
  }).map(({ seen, named, ...rest }) => {
    const made: Customer = { ...customer, ...rest, seen: [], seenNext: 0 };
    if (named !== undefined) made.profile = { ...made.profile, timezone: named };
    made.zone = zoneOf(named ?? "UTC");
    for (const [high, low] of seen) seenBefore(made, high >>> 0, low >>> 0);
    return made;
  });
});

/** Without slots, of which the values count; where there is nothing of what only some customers have, there is none of it. */
const plain = ({ slots: _, ...rest }: Customer): unknown => ({
  ...rest, zone: rest.zone.name, seen: [...rest.seen], runs: rest.runs.map(({ slots: _ofRun, ...run }) => run),
  extras: rest.extras === null || isDeepStrictEqual(rest.extras, newExtras()) ? null : rest.extras,
});

/** What of a program a customer's extras may refer to, by name. */
function namesIn({ program: p, rules }: Compiled): string[] {
  return [
    ...p.tiers.flatMap(({ name, levels }) => [`tier ${name}`, ...levels.map((level) => `level ${name} ${level.name}`)]),
    ...p.watches.map(({ key }) => `watch ${key}`), ...p.points.map(({ name }) => `points ${name}`), ...p.policies.map(({ name }) => `policy ${name}`),
    ...p.experiments.flatMap(({ name, arms }) => arms.map((arm) => `arm ${name} ${arm.name}`)),
    ...p.rankings.map(({ key }) => `reading ${key}`), ...p.populations.map(({ key }) => `contribution ${key}`), ...rules.map(({ name }) => `rule ${name}`),
  ];
}

/** A customer's extras with names for numbers, by name. */
function byName({ program: p, rules }: Compiled, of: Extras | null): (readonly [what: string, ...unknown[]])[] {
  if (of === null) return [];
  const all: (readonly [what: string, ...unknown[]])[] = [
    ...of.tiers.map(({ index, rank }) => {
      const tier = p.tiers[index];
      return [rank < 0 ? `tier ${tier?.name ?? ""}` : `level ${tier?.name ?? ""} ${tier?.levels[rank]?.name ?? ""}`] as const;
    }),
    ...of.watched.map(({ index, value }) => [`watch ${p.watches[index]?.key ?? ""}`, value] as const),
    ...of.ledgers.map(({ index, lots, given }) => [`points ${p.points[index]?.name ?? ""}`, lots, given] as const),
    ...of.sends.map(({ index, times }) => [`policy ${p.policies[index]?.name ?? ""}`, times] as const),
    ...of.exposures.map(({ index, arm, ...rest }) => [`arm ${p.experiments[index]?.name ?? ""} ${p.experiments[index]?.arms[arm]?.name ?? ""}`, rest] as const),
    ...of.readings.map(({ index, value }) => [`reading ${p.rankings[index]?.key ?? ""}`, value] as const),
    ...of.contributions.map(({ index, value }) => [`contribution ${p.populations[index]?.key ?? ""}`, value] as const),
    ...of.scheduled.map(({ rule, local }) => [`rule ${rules[rule]?.name ?? ""}`, local] as const),
    ["next held", of.nextHeld], ["figures of", of.figuresOf], ["last event", of.lastEvent],
  ];
  // Nothing at all is the same as none.
  return isDeepStrictEqual(of, newExtras()) ? [] : all.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** What the slots say, those of each value of a field too. */
function saidBy(of: Slots, x: Context): unknown[] {
  return of.slotIds.map((id, i) => {
    const { fn, by } = program.aggregates[id] ?? { fn: "count", by: null };
    const kind = kindOf(fn);
    const span = full.spans[id] ?? { k: "life" };
    const slot = of.slots[i];
    if (by === null) return kind.value(slot, span, x);
    const { keys } = slot as unknown as KeyedSlot;
    return keys.map((key) => [key, kind.value(slotOfKey(slot as unknown as KeyedSlot, key), span, x)]);
  });
}

vi.setConfig({ testTimeout: 90_000 }); // much of a processor, little of the clock where it is free

describe("a customer's state", () => {
  test("is the same after it was written and read", () => {
    // Customers live under the program of everything: what they have must be what this one means by it.
    expect(program.aggregates.map(({ key }) => key)).toEqual(everything.aggregates.map(({ key }) => key));
    const found = new Set<string>();
    fc.assert(fc.property(customers, fc.integer({ min: 0, max: 40 }), (customer, days) => {
      const bytes = bytesOf(customer);
      const read = readCustomer(customer.id, bytes, own, full);
      const seenPairs = Math.min(customer.seenNext, 32) * 2;
      expect(plain(read)).toEqual({ ...(plain(customer) as object), seen: [...customer.seen].slice(0, seenPairs) });
      expect(bytesOf(read).equals(bytes)).toBe(true);
      const x = newContext();
      enterContext(x, customer, customer.firstSeen + days * 86_400_000);
      expect(saidBy(read, x)).toEqual(saidBy(customer, x));
      read.runs.forEach((run, i) => expect(saidBy(run, x)).toEqual(saidBy(customer.runs[i] as Run, x)));
      for (const { index } of customer.extras?.ledgers ?? []) found.add(`ledger ${index}`);
      if (customer.slotIds.some((id) => program.aggregates[id]?.by !== null)) found.add("keyed slots");
      for (const run of customer.runs) {
        for (const name of ["key", "captured", "held", "event"] as const) found.add(`${run[name] === null ? "no " : ""}${name}`);
        if (run.slotIds.length > 0) found.add("slots of a run");
      }
    }), { numRuns: 120, seed: 20260302 });
    // None of it was left to chance.
    expect([...found].sort()).toEqual([
      "captured", "event", "held", "key", "keyed slots", "ledger 0", "ledger 1", "ledger 2", "no captured", "no event", "no held", "no key", "slots of a run",
    ]);
  });

  test("read part by part is the same, whichever parts are asked for, and in which order", () => {
    const parts = fc.array(fc.constantFrom("profile", "runs", "extras", "seen", "slots", "first slot", "last slot"), { maxLength: 7 });
    fc.assert(fc.property(customers, parts, (customer, asked) => {
      const bytes = bytesOf(customer);
      const packed = unpackCustomer(customer.id, Buffer.concat([Buffer.alloc(5, 255), bytes, Buffer.alloc(5, 255)]), 5, 5 + bytes.length, own, full);
      const whole = readCustomer(customer.id, bytes, own, full);
      for (const part of asked) {
        if (part === "slots") packed.slotIds.forEach((id, i) => expect(slotOf(packed, id)).toEqual(whole.slots[i]));
        else if (part === "first slot" || part === "last slot") {
          const id = packed.slotIds.at(part === "first slot" ? 0 : -1);
          if (id !== undefined) expect(slotOf(packed, id)).toEqual(slotOf(whole, id));
        } else expect(packed[part as "runs"]).toEqual(whole[part as "runs"]);
      }
      expect(bytesOf(packed).equals(bytes)).toBe(true);
      const { firstSeen, wake, indexed, zone, segments, holdings, starts, seenNext, base } = whole;
      expect(packed).toMatchObject({ firstSeen, wake, indexed, zone, segments, holdings, starts, seenNext, base });
    }), { numRuns: 150, seed: 7 });
  });

  test("remembers the same events as seen", () => {
    fc.assert(fc.property(fc.array(fc.nat(60), { maxLength: 150 }), fc.array(fc.nat(150), { maxLength: 4 }), fc.boolean(), (events, cuts, asks) => {
      let customer = newCustomer("c", zoneOf("UTC"));
      customer.firstSeen = 0;
      const model: number[] = [];
      events.forEach((event, i) => {
        if (cuts.includes(i)) {
          const bytes = bytesOf(customer);
          customer = unpackCustomer("c", bytes, 0, bytes.length, own, full);
          if (asks) expect(customer.seen.length).toBe(2 * Math.min(32, model.length));
        }
        const known = model.slice(-32).includes(event);
        if (!known) model.push(event);
        expect(seenBefore(customer, event, 7)).toBe(known);
      });
    }), { numRuns: 200, seed: 4 });
  });

  test("of another program finds its way by key and name", () => {
    const changed = compiledOf(`
      segment aaa when count(f) over 1 day > 0
      points aces { earn 1 on e }
      tier able by aces { one at 1 }
      experiment alpha { control 50%  b 50% }
      ${EVERYTHING
        .replace(/trait (x0[5-9]|y04|y0[5-7]|y10).*/g, "").replace("trait x01", "trait renamed")
        .replace(/tier grade.*/, "tier grade by coins { mid at 1  low at 3  best at 8 }").replace(/points medals [^}]*}/, "")
        .replace(/experiment trial.*/, "experiment trial { blue 20%  green 40%  control 40% }")
        .replace(/y16: [^,]*, /, "")}
      ${RULES
        .replace("segment calm when no f for 2 days", "").replace("/ customers(calm)", "/ customers(aaa)").replace("wait 1 hour", "wait 90 minutes").replaceAll("x01", "renamed")
        .replace("warm at 2  hot at 5", "cool at 1  hot at 3").replace("zeta { control 50%  blue", "zeta { control 50%  azure").replace(/channel text.*/, "").replace(/channels both.*/, "").replace('send text "t"', 'send mail "t"')
        .replace("on change profile.s", "on change profile.b").replace("rule yonder { on every day at 08:00", "rule yesterday { on every day at 08:30")}
      rule a_new_one { on e priority 5 wait 1 day emit "d" }
    `);
    const translations = new Map([[1, translation(layoutOf(full), changed)]]);
    const known = new Set(namesIn(changed));
    const gone = new Set(namesIn(full).filter((name) => !known.has(name)));
    const lost = new Set<string>();
    fc.assert(fc.property(customers, (customer) => {
      const read = readCustomer(customer.id, bytesOf(customer), translations, changed);
      const keyOf = (compiled: Compiled, id: number): string => compiled.program.aggregates[id]?.key ?? "";
      const present = new Set(changed.program.aggregates.map(({ key }) => key));
      const kept = (of: Slots): string[] => of.slotIds.map((id) => keyOf(full, id)).filter((key) => present.has(key)).sort();
      expect(read.slotIds.map((id) => keyOf(changed, id))).toEqual(kept(customer));
      expect(read.slotIds).toEqual([...read.slotIds].sort((a, b) => a - b));
      const name = (compiled: Compiled, id: number): string => compiled.segments[id]?.name ?? "";
      expect(read.segments.map((id) => name(changed, id))).toEqual(customer.segments.map((id) => name(full, id)).filter((each) => each !== "calm"));
      expect(read.holdings.map(({ index, since }) => [name(changed, index >> 1), index & 1, since])).toEqual(customer.holdings.map(({ index, since }) => [name(full, index >> 1), index & 1, since]));
      // Runs at the wait that was changed are gone, the others stand where they stood.
      const place = (compiled: Compiled, run: Run): string => { const op = compiled.rules[run.rule]?.ops[run.at - 1]; return `${compiled.rules[run.rule]?.name ?? ""} ${(op && standingKey(op)) ?? "?"}`; };
      const keys = new Set(changed.rules.flatMap((rule) => rule.ops.map((op) => `${rule.name} ${standingKey(op) ?? ""}`)));
      const still = customer.runs.filter((run) => keys.has(place(full, run)));
      expect(read.runs.map((run) => place(changed, run))).toEqual(still.map((run) => place(full, run)));
      expect(read.runs.map((run) => run.slotIds.map((id) => keyOf(changed, id)))).toEqual(still.map(kept));
      const startsOf = (compiled: Compiled, { starts }: Customer): unknown[] => starts.map(({ rule, times }) => [`rule ${compiled.rules[rule]?.name ?? ""}`, times]);
      expect(startsOf(changed, read)).toEqual(startsOf(full, customer).filter((each) => known.has((each as string[])[0] as string)));
      // Of extras stays what the program still has, under its numbers for it.
      const before = byName(full, customer.extras);
      for (const [what] of before) if (gone.has(what)) lost.add(what);
      expect(byName(changed, read.extras)).toEqual(before.filter(([what]) => !gone.has(what)));
      for (const list of [read.extras?.tiers, read.extras?.watched, read.extras?.ledgers, read.extras?.sends, read.extras?.exposures, read.extras?.readings, read.extras?.contributions]) {
        const indexes = (list ?? []).map(({ index }) => index);
        expect(indexes).toEqual([...indexes].sort((a, b) => a - b));
      }
      expect(bytesOf(read, changed).length).toBeGreaterThan(0);
    }), { numRuns: 120, seed: 8 });
    expect([...lost].map((what) => what.replace(/[0-9a-f]{16}$/, "…")).sort()).toEqual([
      "arm trial red", "arm zeta blue", "contribution …", "level grade high", "level zeal warm", "points medals", "policy both", "policy text", "reading …", "rule yonder", "watch …",
    ]);
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
    }), { numRuns: 100, seed: 6 });
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), read), { numRuns: 2000, seed: 6 });
    const [small] = fc.sample(customers, { numRuns: 1, seed: 3 });
    if (small === undefined) throw new Error("no customer");
    const bytes = bytesOf(small);
    for (let at = 0; at < bytes.length; at++) for (const byte of [0, 1, 127, 128, 255]) read(Buffer.from(bytes).fill(byte, at, at + 1));
  });

  test("of a newer form is refused as such", () => {
    const bytes = bytesOf(Object.assign(newCustomer("c", zoneOf("UTC")), { firstSeen: 5 }));
    bytes[0] = STATE_VERSION + 1;
    expect(() => readCustomer("c", bytes, own, full)).toThrow(StateTooNew);
    bytes[0] = STATE_VERSION;
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
