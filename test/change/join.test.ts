/**
 * Customers go over to other rules: with what is new filled from history they are those of an engine that had the new rules from the first
 * event; without, what is new begins at the switch. Random programs over random lives, with deaths in mid-pass.
 */
import { describe, expect, test, vi } from "vitest";
import { kindOf } from "../../engine/aggregates/kinds.js";
import type { Span } from "../../engine/aggregates/kind.js";
import { writeChange, type Change } from "../../engine/change/change.js";
import { FILLED_FIELD } from "../../engine/change/filled.js";
import { newContext, slotOf, type Customer } from "../../engine/customer.js";
import { newWorld, type Accidents, type World } from "../engine/simulated-ports.js";
import { randomOf } from "../retail/random.js";
import {
  CHANGE, DAY, HOUR, PARTITIONS, START, begun, checkAnnouncements, checkFigures, customersOf, eventAt, live, markers, memberships, randomRules, rulesOf, said, shownAll, work, type Rules,
} from "./changing.js";

vi.setConfig({ testTimeout: 60_000 });

describe("customers under other rules", () => {
  test("with history are those of an engine that had the rules from the first event", async () => {
    let deaths = 0;
    let backfilled = 0;
    let created = 0;
    for (let seed = 1; seed <= 8; seed++) {
      const random = randomOf(seed * 17);
      const from = randomRules(random, null, seed % 2 === 0 ? "called" : "nothing");
      const to = randomRules(random, from);
      if (from.compiled.program.hash === to.compiled.program.hash) continue;
      const world = begun(from);
      live(world, random, 50, 24);
      await work(world, from);
      const before = memberships(world);
      const change: Change = { ...CHANGE, program: to.compiled.program.hash, from: from.compiled.program.hash };
      world.shared.set("change", writeChange(change));
      markers(world, change);
      const filled = { ...newWorld(PARTITIONS, world.records), now: world.now };
      await fill(filled, to, change);
      const known = new Set(customersOf(world, from).keys());
      const atSwitch = memberships(filled);
      created += [...customersOf(filled, to).keys()].filter((id) => !known.has(id)).length;
      if (random() < 0.7) live(world, random, 30, 26);
      let left = seed % 4 === 0 ? 0 : 6;
      const accidents: Accidents = (what) => {
        if (what !== "commit" || random() > 0.2 || left-- <= 0) return "none";
        return random() < 0.5 ? "dies before" : "dies after";
      };
      try {
        deaths += await work(world, from, { accidents, filled, known: [from, to], page: 1 + Math.floor(random() * 5) });
        const straight = { ...newWorld(PARTITIONS, world.records), now: world.now };
        await work(straight, to);
        expect(shownAll(world, to)).toEqual(shownAll(straight, to));
        expect(memberships(world)).toEqual(memberships(straight));
        checkAnnouncements(world);
        checkFigures(world, to);
        // What differs at the switch, and nothing else, is said to be back-filled; and it sets off nothing.
        const mayBeWithdrawn = new Set(world.records.slice(filled.records.length).flatMap(({ subject }) => (subject.startsWith("events.customer_erased.") ? [subject.slice("events.customer_erased.".length)] : [])));
        const isSaid = (one: string): boolean => !mayBeWithdrawn.has(one.slice(one.lastIndexOf(" ") + 1));
        const told = said(world).filter((each) => each.backfilled === true).map(({ type, data, customer }) => `${type} ${data.segment ?? ""} ${customer}`).sort();
        const differs = [...before.filter((one) => !atSwitch.includes(one)).map((one) => `segment.left ${one}`), ...atSwitch.filter((one) => !before.includes(one)).map((one) => `segment.entered ${one}`)].sort();
        expect(told.filter(isSaid)).toEqual(differs.filter(isSaid));
        backfilled += told.length;
        expect(said(world).filter(({ subject, cause }) => subject.startsWith("actions.") && cause === "rules")).toEqual([]);
        expect(filled.stores.every(({ states }) => states.size === 0)).toBe(true);
      } catch (error) {
        throw new Error(`seed ${seed}:\n${from.text}\n---\n${to.text}\n${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    expect(deaths).toBeGreaterThan(10);
    expect(backfilled).toBeGreaterThan(60);
    expect(created).toBeGreaterThan(0);
  });

  test("without history what is new begins at the switch, and everybody is looked at then", async () => {
    let begins = 0;
    let entered = 0;
    for (let seed = 1; seed <= 7; seed++) {
      const random = randomOf(seed * 101);
      const from = randomRules(random, null, seed % 3 === 0 ? "called" : "nothing");
      const to = randomRules(random, from);
      if (from.compiled.program.hash === to.compiled.program.hash) continue;
      const world = begun(from);
      live(world, random, 50, 20);
      await work(world, from);
      const place = world.records.length;
      const isBefore = new Set(customersOf(world, from).keys());
      live(world, random, 20, 22);
      let left = 4;
      const accidents: Accidents = (what) => (what !== "commit" || random() > 0.2 || left-- <= 0 ? "none" : random() < 0.5 ? "dies before" : "dies after");
      try {
        // A start with other rules: nobody has applied them.
        await work(world, to, { accidents, page: 1 + Math.floor(random() * 5) });
        checkAnnouncements(world);
        checkFigures(world, to);
        const whole = await alone(world, to, world.records);
        const later = await alone(world, to, world.records.map((record, i) => (i < place ? { ...record, subject: "events.eddy_tick.0" } : record)));
        const customers = customersOf(world, to);
        for (const [id, customer] of customers) {
          const values = aggregatesOf(customer, to, world.now);
          for (const [key, { fn, value }] of values) {
            const isKept = from.compiled.program.aggregates.some((other) => other.key === key);
            if (fn === "absence") continue; // counts from when the customer was first seen, where nothing ever happened
            const other = (isKept && isBefore.has(id) ? whole : later).get(id);
            if (!isKept) begins++;
            expect(value, `${id}: ${key} ${fn} ${isKept ? "kept" : "new"}`).toEqual(other === undefined ? nothing(to, key, world.now) : aggregatesOf(other, to, world.now).get(key)?.value);
          }
          const x = { ...newContext(), customer, now: world.now, zone: customer.zone, firstSeen: customer.firstSeen };
          to.compiled.segments.forEach(({ name, enter, leave, index }) => {
            // What time alone has turned since the customer's last wake is not done yet.
            if (leave !== null || enter.forMs > 0 || customer.wake <= world.now) return;
            expect(customer.segments.includes(index), `${id} in ${name}`).toBe(enter.holds(x));
          });
        }
        entered += said(world).filter(({ type, backfilled }) => backfilled === true && type === "segment.entered").length;
      } catch (error) {
        throw new Error(`seed ${seed}:\n${from.text}\n---\n${to.text}\n${error instanceof Error ? error.message : String(error)}`, { cause: error });
      }
    }
    expect(begins).toBeGreaterThan(4);
    expect(entered).toBeGreaterThan(4);
  });
});

/** What partitions have said to each other says the other program's anew. */
const withoutOwn = (records: World["records"]): World["records"] =>
  records.map((record) => (record.subject.startsWith("events.eddy_") && !record.subject.startsWith("events.eddy_program") ? { ...record, subject: "events.eddy_tick.0" } : record));

/** The new rules over all that came before the markers. */
async function fill(world: World, rules: Rules, { id: change }: Change): Promise<void> {
  await work(world, rules, { endsAt: { change, shift: 0 } });
  world.shared.set(FILLED_FIELD, change);
}

/** Customers as an engine has them that saw these records and no others. */
async function alone(like: World, rules: Rules, records: World["records"]): Promise<Map<string, Customer>> {
  const world = { ...newWorld(PARTITIONS, records), now: like.now };
  await work(world, rules);
  return customersOf(world, rules);
}

function aggregatesOf(customer: Customer, { compiled: { program, spans } }: Rules, now: number): Map<string, { readonly fn: string; readonly value: unknown }> {
  const x = { ...newContext(), customer, now, zone: customer.zone, firstSeen: customer.firstSeen };
  return new Map(program.aggregates.map(({ key, fn }, i) => [key, { fn, value: kindOf(fn).value(slotOf(customer, i) ?? kindOf(fn).empty(), spans[i] as Span, x) }]));
}

function nothing({ compiled: { program, spans } }: Rules, key: string, now: number): unknown {
  const i = program.aggregates.findIndex((aggregate) => aggregate.key === key);
  const { fn } = program.aggregates[i] as (typeof program.aggregates)[number];
  return kindOf(fn).value(kindOf(fn).empty(), spans[i] as Span, { ...newContext(), now });
}

// ---------------------------------------------------------------------------------------------------- one by one

const MUCH = `
event bought { total: number }
event visited
segment big "Has spent much" when sum(bought.total) >= 100
segment gone when count(visited) >= 1
segment steady when sum(bought.total) >= 100 until sum(bought.total) >= 1000
rule waits { on bought  wait 3 days  emit "waited" { total: event.total } }
rule ends { on bought  wait 3 days  emit "never" }
rule hail { on enter big  emit "hail" }
`;
const MORE = `
event bought { total: number }
event visited
segment big "Has spent much" when sum(bought.total) >= 150
segment buyer when sum(bought.total) > 0
segment steady when sum(bought.total) >= 500 until sum(bought.total) >= 1000
segment calm when no visited for 30 days
rule waits { on bought  wait 3 days  emit "waited" { total: event.total } }
rule ends { on bought  until sum(bought.total) >= 110  wait 3 days  emit "never" }
rule hail { on enter big  emit "hail" }
rule greet { on enter buyer  emit "greet" }
rule morning { on every day at 09:00  when buyer  emit "morning" }
rule farewell { on leave big  emit "farewell" }
`;

/** What was said after an instant, in short. */
const told = (world: World): string[] => said(world).map(({ subject, type, data, customer, time, backfilled }) =>
  `${time.slice(5, 16)} ${customer} ${subject.startsWith("segments.") ? `${type.slice("segment.".length)} ${data.segment ?? ""}` : type.slice("emit.".length)}${backfilled === true ? " (back-filled)" : ""}`).sort();

describe("at a start with other rules", () => {
  test("everybody is where the new rules have them, at once; no rule starts by it, runs go on or are ended by a condition", async () => {
    const [much, more] = [rulesOf(MUCH), rulesOf(MORE)];
    const world = begun(much);
    world.now = START + 8 * HOUR;
    eventAt(world, "ann", "bought", { total: 120 });
    eventAt(world, "bob", "bought", { total: 30 });
    eventAt(world, "cid", "visited");
    await work(world, much);
    const before = told(world);
    expect(before).toEqual([
      "01-10T08:00 ann entered big", "01-10T08:00 ann entered steady", "01-10T08:00 ann hail", "01-10T08:00 cid entered gone",
    ]);
    await work(world, more);
    expect(told(world).filter((line) => !before.includes(line))).toEqual([
      "01-10T08:00 ann entered buyer (back-filled)", "01-10T08:00 ann left big (back-filled)", "01-10T08:00 bob entered buyer (back-filled)", "01-10T08:00 cid left gone (back-filled)",
    ]);
    // Under other conditions of the same name who is in stays in until the new ones say otherwise.
    expect(memberships(world)).toEqual(["buyer ann", "buyer bob", "steady ann"]);
    expect(said(world).find(({ backfilled }) => backfilled === true)?.cause).toBe("rules");
    expect([...customersOf(world, more)].map(([id, { runs }]) => [id, runs.map(({ rule }) => more.compiled.rules[rule]?.name)])).toEqual([["ann", ["waits"]], ["bob", ["ends", "waits"]], ["cid", []]]);
    // What time brings about under the new rules comes to those too of whom nothing is heard.
    world.now += 40 * DAY;
    eventAt(world, "dan", "visited");
    eventAt(world, "eve", "visited");
    await work(world, more);
    const after = told(world);
    expect(after).toContain("01-10T09:00 bob morning");
    expect(after).toContain("01-13T08:00 ann waited");
    expect(after).toContain("01-13T08:00 bob never");
    expect(after).not.toContain("01-13T08:00 ann never");
    // Who has never visited is not known to have been away longer than they have been known.
    expect(after).toContain("02-09T08:00 ann entered calm");
    checkAnnouncements(world);
    checkFigures(world, more);
  });

  test("rules that differ in what nobody's state hangs on change nothing, and nobody is written again", async () => {
    const [one, other] = [rulesOf(MUCH), rulesOf(MUCH.replace('emit "hail"', 'emit "cheer"') + 'rule fresh { on visited  emit "fresh" }\n')];
    const world = begun(one);
    eventAt(world, "ann", "bought", { total: 120 });
    eventAt(world, "bob", "visited");
    await work(world, one);
    const states = world.stores.map((stored) => new Map(stored.states));
    world.now += HOUR;
    eventAt(world, "zed", "visited");
    await work(world, other);
    world.stores.forEach((stored, i) => {
      for (const [id, state] of states[i] ?? []) expect(stored.states.get(id)).toEqual(state);
    });
    expect(said(world).filter(({ backfilled }) => backfilled === true)).toEqual([]);
  });
});

const RANKED = `
event bought { total: number }
event visited
trait spend = sum(bought.total)
segment elite when percentile(spend among spend >= 0) >= 50
metric spent = total(spend)
`;
const RANKED_ANEW = `
event bought { total: number }
event visited
trait spend = sum(bought.total)
trait visits = count(visited)
segment elite when percentile(spend among spend >= 0) >= 60
segment regular when percentile(visits among spend > 0) >= 50
trait lately = sum(bought.total) over 4 days
segment fresh when percentile(lately among lately > 0) >= 40
metric spent = total(spend)
metric visitors = customers(visits >= 2)
metric visits_each = mean(visits)
`;

describe("figures of all customers", () => {
  let backfilled = 0;

  test.each([["with history", true], ["without history", false]])("%s: counts and sums are those of all customers, and the next midnight puts everybody in their place", async (_, fills) => {
    for (let seed = 1; seed <= 3; seed++) {
      const random = randomOf(seed * 7 + (fills ? 1000 : 0));
      const [from, to] = [rulesOf(RANKED), rulesOf(RANKED_ANEW)];
      const world = begun(from);
      const days = (count: number): void => {
        for (let i = 0; i < count * 8; i++) {
          world.now += Math.floor(random() * 6) * HOUR;
          const customer = `c${Math.floor(random() * 18)}`;
          if (random() < 0.05) eventAt(world, customer, "customer_erased");
          else if (random() < 0.4) eventAt(world, customer, "visited");
          else eventAt(world, customer, "bought", { total: Math.floor(random() * 50) });
        }
      };
      days(6);
      await work(world, from);
      const change: Change = { ...CHANGE, program: to.compiled.program.hash, from: from.compiled.program.hash };
      const filled = fills ? { ...newWorld(PARTITIONS), now: world.now } : null;
      if (filled !== null) {
        world.shared.set("change", writeChange(change));
        markers(world, change);
        filled.records.push(...withoutOwn(world.records));
        await fill(filled, to, change);
      }
      days(5);
      let left = 5;
      const accidents: Accidents = (what) => (what !== "commit" || random() > 0.1 || left-- <= 0 ? "none" : random() < 0.5 ? "dies before" : "dies after");
      await work(world, filled === null ? to : from, { accidents, filled, ...(filled === null ? {} : { known: [from, to] }), page: 2 });
      checkFigures(world, to);
      checkAnnouncements(world);
      const straight = { ...newWorld(PARTITIONS, withoutOwn(world.records)), now: world.now };
      await work(straight, to);
      // Both have drawn up the last midnights by the same counts; what is not kept by history begins anew without it.
      const comparable = (world: World): string[] => memberships(world).filter((one) => fills || one.startsWith("elite "));
      expect(comparable(world)).toEqual(comparable(straight));
      // Who history puts into their place is there at once, and it is no news at the next midnight.
      const places = said(world).filter(({ type, data }) => type === "segment.entered" && data.segment === "regular");
      backfilled += places.filter((each) => each.backfilled === true).length;
    }
    if (fills) expect(backfilled).toBeGreaterThan(5);
  });
});

describe("while customers are joined", () => {
  test("those who became one stay one, and others become one", async () => {
    const from = rulesOf("event bought { total: number }\nsegment big when sum(bought.total) >= 100");
    const to = rulesOf("event bought { total: number }\nsegment big when sum(bought.total) >= 100\nsegment regular when count(bought) >= 3\nmetric bought_by = customers(any(bought))");
    const world = begun(from);
    for (let i = 0; i < 12; i++) {
      eventAt(world, `visitor${i}`, "bought", { total: 60 });
      eventAt(world, `ann${i}`, "bought", { total: 50 });
      eventAt(world, `ann${i}`, "customer_identified", { anonymous_id: `visitor${i}` });
    }
    await work(world, from);
    expect(memberships(world)).toHaveLength(12);
    const change: Change = { ...CHANGE, program: to.compiled.program.hash, from: from.compiled.program.hash };
    world.shared.set("change", writeChange(change));
    markers(world, change);
    const filled = { ...newWorld(PARTITIONS, withoutOwn(world.records)), now: world.now };
    await fill(filled, to, change);
    for (let i = 0; i < 12; i++) {
      world.now += HOUR;
      eventAt(world, `tablet${i}`, "bought", { total: 1 });
      eventAt(world, `visitor${i}`, "bought", { total: 1 });
      eventAt(world, `ann${i}`, "customer_identified", { anonymous_id: `tablet${i}` });
    }
    let deaths = 10;
    const random = randomOf(5);
    expect(await work(world, from, { accidents: (what) => (what === "commit" && random() < 0.2 && deaths-- > 0 ? "dies after" : "none"), filled, known: [from, to], page: 2 })).toBeGreaterThan(3);
    const names = Array.from({ length: 12 }, (_, i) => `ann${i}`);
    expect(memberships(world)).toEqual([...names.map((name) => `big ${name}`), ...names.map((name) => `regular ${name}`)].sort());
    for (const name of names) expect(aggregatesOf(customersOf(world, to).get(name) as Customer, to, world.now)).toEqual(new Map(to.compiled.program.aggregates.map(({ key, fn }) => [key, { fn, value: fn === "count" ? 4 : fn === "sum" ? 112 : true }])));
    expect([...customersOf(world, to)].filter(([, { movedTo }]) => movedTo !== null)).toHaveLength(24);
    checkFigures(world, to);
  });

  test("who is forgotten stays forgotten, though history knows them", async () => {
    const from = rulesOf("event bought { total: number }\nevent other\nsegment big when sum(bought.total) >= 100");
    const to = rulesOf("event bought { total: number }\nevent other\nprofile retain 5 days { name: string = \"\" }\nsegment big when sum(bought.total) >= 50\nsegment buyer when any(bought)");
    const world = begun(from);
    for (let i = 0; i < 30; i++) eventAt(world, `c${i}`, "bought", { total: 60 });
    await work(world, from);
    const change: Change = { ...CHANGE, program: to.compiled.program.hash, from: from.compiled.program.hash };
    world.shared.set("change", writeChange(change));
    markers(world, change);
    const filled = { ...newWorld(PARTITIONS, world.records), now: world.now };
    await fill(filled, to, change);
    // All in the queue before the pass has begun: some are erased, the others' time is up while it goes on.
    for (let i = 0; i < 30; i += 2) eventAt(world, `c${i}`, "customer_erased");
    world.now += 6 * DAY;
    for (let i = 0; i < 40; i++) eventAt(world, `d${i % 4}`, "other");
    let deaths = 20;
    const random = randomOf(3);
    const died = await work(world, from, { accidents: (what) => (what === "commit" && random() < 0.3 && deaths-- > 0 ? "dies after" : "none"), filled, known: [from, to], page: 2 });
    expect(died).toBeGreaterThan(5);
    expect([...customersOf(world, to).keys()]).toEqual(["d0", "d1", "d2", "d3"]);
    expect(memberships(world)).toEqual([]);
    checkAnnouncements(world);
    checkFigures(world, to);
  });
});
