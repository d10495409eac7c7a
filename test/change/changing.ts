/** Random programs and lives for tests of customers who go over to other rules, on simulated ports, and what such a world holds. */
import { expect } from "vitest";
import { compileProgram } from "../../dsl/compile.js";
import type { Span } from "../../engine/aggregates/kind.js";
import { kindOf } from "../../engine/aggregates/kinds.js";
import { currentProgram } from "../../engine/change/bundle.js";
import { changeUnderWay, type Change } from "../../engine/change/change.js";
import { markerRecord } from "../../engine/change/marker.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { newContext, slotOf, type Customer } from "../../engine/customer.js";
import { startEngine, type EngineOptions, type Ports } from "../../engine/engine.js";
import { readMeta } from "../../engine/meta.js";
import { balance } from "../../engine/points.js";
import { populationField } from "../../engine/population/sums.js";
import { planLayouts } from "../../engine/recovery.js";
import { SIZES } from "../../engine/sizes.js";
import { layoutNumber, readCustomer } from "../../engine/state.js";
import { engineStats } from "../../engine/stats.js";
import { eventSubject } from "../../engine/subjects.js";
import { Died, appendTo, newWorld, opened, quiet, simulatedEnvironment, type Accidents, type World } from "../engine/simulated-ports.js";

export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
export const START = Date.UTC(2026, 0, 10);
export const PARTITIONS = 2;
export const NEVER: Accidents = () => "none";

// ---------------------------------------------------------------------------------------------------- programs

export const EVENTS = "event bought { total: number  kind: string = \"a\" }\nevent visited { page: string }";

/** Of each list a program has at most one: the same name, and not always the same meaning. Nothing hangs on what rules do. */
export const POOL: readonly (readonly string[])[] = [
  ["segment buyer when count(bought) >= 2", "segment buyer when count(bought) >= 3", "segment buyer when count(bought) over 6 days >= 1"],
  ["segment big when sum(bought.total) >= 100 until count(visited) over 3 days >= 2", "segment big when sum(bought.total) >= 60 until count(visited) over 3 days >= 2", "segment big when sum(bought.total) >= 100 until count(called) >= 2"],
  ["segment lasting when count(bought) over 5 days >= 1 for at least 2 days", "segment lasting when count(bought) over 5 days >= 1 for at least 3 days", "segment lasting when count(visited) over 4 days >= 1 for at least 1 day until count(called) over 2 days >= 1 for at least 6 hours"],
  ["segment away when no bought for 3 days", "segment away when no visited for 4 days"],
  ["segment evening when hour(now) >= 18 and any(visited)", "segment evening when hour(now) >= 19 and any(bought)"],
  ["segment spoken when any(called) over 4 days"],
  ["segment named when profile.name != \"\"", "segment named when profile.name == \"n1\""],
  ["segment starred when stars >= 6", "segment starred when stars >= 3 and any(visited)"],
  ["segment golden when status >= \"gold\"", "segment golden when status < \"gold\""],
  ["trait kinds = top(bought.kind)\nsegment fan when kinds == \"b\"", "segment fan when distinct(bought.kind) over 10 days >= 2"],
  ["metric spent = total(sum(bought.total))\nmetric callers = customers(any(called))", "metric callers = customers(any(called))"],
  ["rule thanks { on enter buyer  wait 2 hours  emit \"thanks\" }", "rule thanks { on enter buyer  wait 3 hours  emit \"thanks\" }", "rule thanks { on enter buyer  wait 2 hours  emit \"again\"  wait 1 day  emit \"more\" }"],
  ["rule daily { on every day at 09:00  when any(bought)  emit \"daily\" }"],
  ["rule wait_long { on bought  until any(called)  wait 4 days  emit \"long\" }", "rule wait_long { on bought  until count(visited) >= 3  wait 4 days  emit \"long\" }"],
];
const POINTS = "points stars { earn 1 on visited  earn 2 on bought  expire after 8 days }";
const TIERS = "tier status by sum(bought.total) { bronze at 20  gold at 90 }";

export interface Rules {
  readonly text: string;
  readonly compiled: Compiled;
}

const compilations = new Map<string, Compiled>();
export function rulesOf(text: string): Rules {
  const known = compilations.get(text);
  if (known !== undefined) return { text, compiled: known };
  const { program, diagnostics } = compileProgram([{ file: "p.eddy", text }]);
  if (program === null) throw new Error(`${text}\n${diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n")}`);
  const compiled = compile(program);
  compilations.set(text, compiled);
  return { text, compiled };
}

export function randomRules(random: () => number, like: Rules | null, without = "nothing"): Rules {
  const before = like?.text.split("\n") ?? [];
  const chosen = POOL.map((all) => all.filter((text) => !text.includes(without))).filter(({ length }) => length > 0).flatMap((variants): string[] => {
    const kept = variants.find((variant) => before.includes(variant.split("\n")[0] as string));
    if (kept !== undefined && random() < 0.6) return [kept];
    return random() < 0.6 ? [variants[Math.floor(random() * variants.length)] as string] : [];
  });
  const has = (word: string): boolean => chosen.some((text) => text.includes(word));
  const rules = chosen.filter((text) => !text.includes("enter buyer") || has("segment buyer"));
  return rulesOf([
    EVENTS, ...(has("called") ? ["event called"] : []), ...(has("profile.") || random() < 0.5 ? ['profile { name: string = "" }'] : []),
    ...(has("stars") || random() < 0.3 ? [POINTS] : []), ...(has("status") || random() < 0.3 ? [TIERS] : []), ...rules,
  ].join("\n"));
}

// ---------------------------------------------------------------------------------------------------- lives

let events = 0;
export function eventAt(world: World, customer: string, type: string, data: object = {}, time = world.now): void {
  appendTo(world, [{
    subject: eventSubject(type, customer),
    body: JSON.stringify({ specversion: "1.0", id: String(++events), source: "test", type, subject: customer, time: new Date(time).toISOString(), data }),
  }]);
}

export function live(world: World, random: () => number, count: number, customers: number): void {
  for (let i = 0; i < count; i++) {
    world.now += Math.floor(random() * 10) * HOUR + (random() < 0.1 ? DAY : 0);
    const customer = `c${Math.floor(random() ** 1.5 * customers)}`;
    const type = ["bought", "bought", "visited", "visited", "called", "profile_updated", "customer_erased"][Math.floor(random() * (random() < 0.3 ? 7 : 6))] as string;
    const late = random() < 0.1 ? Math.floor(random() * 5) * DAY : 0;
    const data = type === "bought" ? { total: Math.floor(random() * 40), kind: random() < 0.5 ? "a" : "b" } : type === "visited" ? { page: "x" } : type === "profile_updated" ? { name: `n${Math.floor(random() * 2)}` } : {};
    eventAt(world, customer, type, data, world.now - late);
  }
}

export const CHANGE: Omit<Change, "program" | "from"> = { id: "change 1", fill: true, phase: "switching", since: 0 };

export interface Running {
  readonly accidents?: Accidents;
  readonly filled?: World | null;
  readonly known?: readonly Rules[];
  readonly endsAt?: EngineOptions["endsAt"];
  readonly page?: number;
}

/** Engines follow each other until there is nothing left to do; says how many died. */
export async function work(world: World, rules: Rules, { accidents = NEVER, filled = null, known = [], endsAt, page = 3 }: Running = {}): Promise<number> {
  for (let deaths = 0; ; deaths++) {
    const own = opened(world, accidents, () => page);
    const programs = {
      compiled: (hash: string) => Promise.resolve(known.find(({ compiled }) => compiled.program.hash === hash)?.compiled ?? null),
      change: () => changeUnderWay(own.store), current: () => currentProgram(own.store),
    };
    const dropFilled = (partition: number): Promise<void> => {
      const stored = filled?.stores[partition];
      stored?.states.clear();
      stored?.fields.clear();
      return Promise.resolve();
    };
    const ports: Ports = { ...own, ...(filled === null ? {} : { filled: opened(filled, NEVER, () => page).store, dropFilled }) };
    const stats = engineStats();
    const engine = startEngine(rules.compiled, ports, {
      cacheCustomers: 1, limits: { maxOutbox: 1000, keepPublished: 1000 }, sizes: { ...SIZES, sweepPage: page, loadAtOnce: 4, commitCustomers: 5, leastCache: 24 },
      ...(known.length === 0 ? {} : { programs }), ...(endsAt === undefined ? {} : { endsAt }),
    }, simulatedEnvironment(world), stats);
    let failure: Error | null = null;
    engine.ended.catch((error: Error) => { failure = error; });
    await quiet(world, () => failure !== null, 60);
    if (failure === null) await engine.stop().catch((error: Error) => { failure = error; });
    const stopped = [...stats.partitions.values()].find((partition) => partition.stopped !== null);
    if (stopped !== undefined) throw new Error(stopped.stopped ?? "");
    if (failure === null) return deaths;
    if (!((failure as Error) instanceof Died)) throw failure as Error;
  }
}

// ---------------------------------------------------------------------------------------------------- what is compared

export function customersOf(world: World, { compiled }: Rules): Map<string, Customer> {
  const found = new Map<string, Customer>();
  for (const stored of world.stores) {
    const { translations } = planLayouts(readMeta(Object.fromEntries(stored.fields)), compiled, false);
    for (const [id, bytes] of stored.states) found.set(id, readCustomer(id, bytes, translations, compiled));
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export const memberships = (world: World): string[] =>
  world.stores.flatMap(({ members }) => [...members].flatMap(([segment, ids]) => [...ids].map((id) => `${segment} ${id}`))).sort();

/** All that history makes of a customer; not what rules have done for them. */
export function shown(customer: Customer, { compiled: { program, spans } }: Rules, now: number): unknown {
  const { extras } = customer;
  const x = { ...newContext(), customer, now, zone: customer.zone, firstSeen: customer.firstSeen };
  return {
    firstSeen: customer.firstSeen, profile: customer.profile, segments: customer.segments.map((index) => program.segments[index]?.name),
    holdings: [...customer.holdings].sort((a, b) => a.index - b.index).map(({ index, since }) => [program.segments[index >> 1]?.name, index & 1, since]),
    // Values: what has left a window is dropped when it is convenient.
    aggregates: program.aggregates.map(({ key, fn }, i) => [key, kindOf(fn).value(slotOf(customer, i) ?? kindOf(fn).empty(), spans[i] as Span, x)]),
    points: program.points.map(({ name, expire }, i) => [name, balance(x, i, expire)]), tiers: extras?.tiers ?? [], watched: extras?.watched ?? [], contributions: extras?.contributions ?? [],
  };
}

export const shownAll = (world: World, rules: Rules): unknown => [...customersOf(world, rules)].map(([id, customer]) => [id, shown(customer, rules, world.now)]);

export interface Said {
  readonly subject: string;
  readonly id: string;
  readonly type: string;
  readonly time: string;
  readonly cause: string;
  readonly backfilled?: boolean;
  readonly data: { readonly segment?: string };
  readonly customer: string;
}

export const said = (world: World): Said[] => world.outputs.flat().map(({ subject, body }) => {
  const { subject: customer, ...rest } = JSON.parse(body) as Said;
  return { ...rest, subject, customer };
});

/** What was announced adds up, each thing once, and is what the store's sets say. */
export function checkAnnouncements(world: World): void {
  const all = said(world);
  expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  const members = new Set<string>();
  // What waited to be published of somebody who was erased is withdrawn.
  const erased = new Set(world.records.flatMap(({ subject }) => (subject.startsWith("events.customer_erased.") ? [subject.slice("events.customer_erased.".length)] : [])));
  for (const { type, data, customer } of all) {
    if (!type.startsWith("segment.") || erased.has(customer)) continue;
    const name = `${data.segment ?? ""} ${customer}`;
    expect(members.has(name), `${type} ${name}`).toBe(type === "segment.left");
    if (type === "segment.left") members.delete(name);
    else members.add(name);
  }
  expect([...members].sort()).toEqual(memberships(world).filter((one) => !erased.has(one.slice(one.indexOf(" ") + 1))));
}

/** The store's counts and sums are those of all its customers, and so are its sets. */
export function checkFigures(world: World, rules: Rules): void {
  const { program } = rules.compiled;
  const members: string[] = [];
  world.stores.forEach((stored) => {
    const meta = readMeta(Object.fromEntries(stored.fields));
    const { translations } = planLayouts(meta, rules.compiled, false);
    const sums = program.populations.map(() => 0);
    const counts = program.rankings.map(() => new Map<number, number>());
    for (const [id, bytes] of stored.states) {
      const customer = readCustomer(id, bytes, translations, rules.compiled);
      for (const segment of customer.segments) members.push(`${program.segments[segment]?.name ?? ""} ${id}`);
      for (const { index } of customer.extras?.contributions ?? []) (sums[index] as number)++;
      for (const { index, value } of customer.extras?.readings ?? []) counts[index]?.set(value, (counts[index]?.get(value) ?? 0) + 1);
      // Nobody waits for an entry that is not there.
      if (customer.wake !== Infinity) expect(stored.wakes.get(id) ?? Infinity, `wake of ${id}`).toBeLessThanOrEqual(customer.wake);
      expect(layoutNumber(bytes), `layout of ${id}`).toBe(meta.present);
    }
    program.populations.forEach(({ key }, i) => expect(Number((stored.fields.get(populationField(key)) ?? "0").split(" ")[0]), key).toBe(sums[i]));
    program.rankings.forEach(({ key }, i) => expect(new Map([...(stored.counts.get(key) ?? [])].sort()), key).toEqual(new Map([...(counts[i] as Map<number, number>)].sort())));
    expect(stored.fields.get("joining")).toBeUndefined();
  });
  expect(members.sort()).toEqual(memberships(world));
}

export function begun(from: Rules): World {
  const world = newWorld(PARTITIONS);
  world.now = START;
  world.shared.set("current", from.compiled.program.hash);
  return world;
}

export const markers = (world: World, change: Change): void => {
  appendTo(world, Array.from({ length: PARTITIONS }, (_, index) => markerRecord(change, index)));
};
