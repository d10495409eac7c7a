/**
 * A program is edited ten times on the way, while events flow and whoever works is killed: what is known, who is in what and what was
 * said are at the end what each edit demands, worked out by a model that has nothing of the engine (naive-shop.ts). On the real orders
 * of a shop where they are there, and on made-up ones always.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test, vi } from "vitest";
import { readMarker } from "../../engine/change/marker.js";
import { NO_FIGURES } from "../../engine/customer.js";
import { portrait } from "../../engine/inspect.js";
import { readMeta } from "../../engine/meta.js";
import { planLayouts } from "../../engine/recovery.js";
import { readCustomer } from "../../engine/state.js";
import { eventSubject, partition, encodeToken } from "../../engine/subjects.js";
import { PROJECT } from "../cli/eddy.js";
import { appendTo, newWorld, type Accident, type Accidents, type World } from "../engine/simulated-ports.js";
import { randomOf } from "../retail/random.js";
import { change, editing, engines, firstOf, nextOf } from "./editing.js";
import { DAY, live, type Order, type Outcome, type Told } from "./naive-shop.js";
import { tenEdits } from "./ten-edits.js";

vi.setConfig({ testTimeout: 90_000 });

const PARTITIONS = 3;

interface Happened {
  readonly customer: string;
  readonly type: string;
  readonly time: number;
  readonly total: number;
  readonly id: string;
}

// ---------------------------------------------------------------------------------------------------- orders

const REAL = join(PROJECT, "../shared/data/online-retail.ndjson.gz");

/** Of every so-many-th customer. */
function realOrders(every: number): Happened[] {
  return gunzipSync(readFileSync(REAL)).toString().trim().split("\n").map((line) => JSON.parse(line) as { id: string; type: string; subject: string; time: string; data: { total: number } })
    .filter(({ subject }) => Number(subject) % every === 0)
    .map(({ id, type, subject, time, data }) => ({ customer: subject, type, time: Date.parse(time), total: data.total, id }));
}

function madeUp(seed: number, count: number, customers: number): Happened[] {
  const random = randomOf(seed);
  let time = Date.UTC(2026, 0, 1, 8);
  return Array.from({ length: count }, (_, i): Happened => {
    // Many at the same instants, and at whole days from each other: what is due at one time comes together.
    time += random() < 0.4 ? 0 : Math.floor(random() * 4) * (random() < 0.6 ? DAY : 3_600_000);
    return { customer: `c${Math.floor(random() ** 2 * customers)}`, type: random() < 0.8 ? "order_placed" : "order_returned", time, total: Math.round(random() ** 3 * 90_000) / 100, id: `o${i}` };
  });
}

const append = (world: World, orders: readonly Happened[]): void => appendTo(world, orders.map(({ customer, type, time, total, id }) => ({
  subject: eventSubject(type, customer),
  body: JSON.stringify({ specversion: "1.0", id, source: "shop", type, subject: customer, time: new Date(time).toISOString(), data: { order_id: id, total } }),
})));

// ---------------------------------------------------------------------------------------------------- what came of it

/** By customer: what was said, in order of time; what is said at one time in the order of its words. */
function saidBy(world: World): Map<string, Told[]> {
  const found = new Map<string, Told[]>();
  for (const { subject, body } of world.outputs.flat()) {
    const { subject: customer, type, time, rule = "", data } = JSON.parse(body) as { subject: string; type: string; time: string; rule?: string; data: { segment?: string } };
    const [stream] = subject.split(".");
    const what = stream === "segments" ? `${type.slice("segment.".length)} ${data.segment ?? ""}` : type.replace(".", " ");
    const list = found.get(customer) ?? [];
    found.set(customer, list);
    list.push({ at: Date.parse(time), what, rule, data: stream === "segments" ? {} : data });
  }
  for (const list of found.values()) list.sort(inOrder);
  return found;
}

const inOrder = (a: Told, b: Told): number => a.at - b.at || (a.what < b.what ? -1 : a.what > b.what ? 1 : 0);

interface Known {
  readonly segments: readonly string[];
  readonly runs: readonly { readonly rule: string; readonly deadline: number }[];
  /** In pence. */
  readonly spent: unknown;
  readonly orders: unknown;
  readonly points: { readonly [name: string]: number };
}

// ---------------------------------------------------------------------------------------------------- the showing

interface Shown {
  readonly deaths: number;
  readonly actions: ReadonlyMap<string, number>;
  readonly fates: Outcome["fates"];
  /** Changes of membership that edits alone have brought. */
  readonly backfilled: number;
}

async function show(orders: readonly Happened[], accidents: Accidents, random: () => number): Promise<Shown> {
  const edits = tenEdits();
  const world = newWorld(PARTITIONS);
  world.now = orders[0]?.time ?? 0;
  let program = firstOf(edits[0] as (typeof edits)[number]);
  const e = editing(world, program, accidents, random);
  const share = Math.ceil(orders.length / edits.length);
  for (const [number, edit] of edits.entries()) {
    const now = orders.slice(number * share, (number + 1) * share);
    const calm = Math.floor(now.length / 2);
    if (number > 0) {
      // Events flow while the change is under way.
      const next = await nextOf(program, edit, e.known);
      let over = false;
      const work = engines(e, () => over);
      const flows = (async () => {
        for (let at = 0; at < calm; at += 20) {
          append(world, now.slice(at, Math.min(calm, at + 20)));
          for (let turns = 0; turns < 40; turns++) await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      await Promise.race([change(e, program, next, `change ${number}`), work.then(() => Promise.reject(new Error("the engine has ended")))]);
      await flows;
      over = true;
      await work;
      program = next;
    } else append(world, now.slice(0, calm));
    append(world, now.slice(calm));
    await engines(e, () => true);
  }
  const { hash } = program.compiled.program;
  expect(world.stores.map(({ fields }) => fields.get("program"))).toEqual(world.stores.map(() => hash));
  expect(world.stores.map(({ fields }) => fields.get("joining"))).toEqual(world.stores.map(() => undefined));
  expect([...world.shared.keys()].filter((name) => !name.startsWith("program:")).sort()).toEqual(["current"]);
  const fates = compareAll(world, program.compiled);
  const actions = new Map<string, number>();
  for (const { what, rule } of [...saidBy(world).values()].flat()) if (rule !== "") actions.set(what, (actions.get(what) ?? 0) + 1);
  return { deaths: e.deaths, actions, fates, backfilled: world.outputs.flat().filter(({ body }) => (JSON.parse(body) as { backfilled?: boolean }).backfilled === true).length };

  function compareAll({ records, stores }: World, compiled: typeof program.compiled): Outcome["fates"] {
    // What the log says of who came when, and where each partition went over.
    const stage = Array.from({ length: PARTITIONS }, () => 0);
    const clock = Array.from({ length: PARTITIONS }, () => 0);
    const switches = Array.from({ length: PARTITIONS }, (): number[] => []);
    const histories = new Map<string, Order[]>();
    for (const { subject, body } of records) {
      const [, type = "", token = ""] = subject.split(".");
      if (type === "eddy_program") {
        const marker = readMarker((JSON.parse(Buffer.from(body).toString()) as { data: unknown }).data);
        const index = Number(token);
        const number = Number(marker?.change.split(" ")[1]);
        if (stage[index] !== number - 1) continue;
        stage[index] = number;
        switches[index]?.push(clock[index] as number);
        continue;
      }
      if (type.startsWith("eddy_")) continue;
      const { subject: customer, time, data } = JSON.parse(Buffer.from(body).toString()) as { subject: string; time: string; data: { total: number } };
      const index = partition(encodeToken(customer), PARTITIONS);
      clock[index] = Math.max(clock[index] as number, Date.parse(time));
      const list = histories.get(customer) ?? [];
      histories.set(customer, list);
      list.push({ k: type === "order_placed" ? "placed" : "returned", time: Date.parse(time), total: data.total, stage: stage[index] as number });
    }
    expect(switches.map(({ length }) => length)).toEqual(switches.map(() => edits.length - 1));
    const said = saidBy(world);
    const fates = { kept: 0, finished: 0, stopped: 0 };
    for (const [customer, history] of histories) {
      const index = partition(encodeToken(customer), PARTITIONS);
      const end = clock[index] as number;
      const outcome = live(edits, history, switches[index] as number[], end);
      for (const fate of ["kept", "finished", "stopped"] as const) fates[fate] += outcome.fates[fate];
      expect(said.get(customer) ?? [], `what was said of ${customer}, in partition ${index} (${switches[index]?.map((at) => new Date(at).toISOString()).join(" ")})`).toEqual([...outcome.told].sort(inOrder));
      const stored = stores[index];
      const meta = readMeta(Object.fromEntries(stored?.fields ?? []));
      const bytes = stored?.states.get(customer);
      if (bytes === undefined) throw new Error(`${customer} is not known`);
      const { traits, points, segments } = portrait(compiled, NO_FIGURES, readCustomer(customer, bytes, planLayouts(meta, compiled, false).translations, compiled), end);
      const read = readCustomer(customer, bytes, planLayouts(meta, compiled, false).translations, compiled);
      const known: Known = {
        segments: segments.map(({ name }) => name).sort(), spent: typeof traits["spent"] === "number" ? Math.round(traits["spent"] * 100) : null, orders: traits["orders"], points: Object.fromEntries(points.map(({ name, balance }) => [name, balance])),
        runs: read.runs.map((run) => ({ rule: compiled.rules[run.rule]?.name ?? "", deadline: run.deadline })).sort((a, b) => a.deadline - b.deadline || (a.rule < b.rule ? -1 : 1)),
      };
      const past = { orders: history, now: end };
      const placed = history.filter(({ k }) => k === "placed");
      expect(known, `what is known of ${customer}`).toEqual({
        segments: outcome.segments, runs: outcome.runs,
        spent: placed.reduce((sum, { total }) => sum + Math.round(total * 100), 0), orders: placed.length,
        points: Object.fromEntries(Object.keys(edits.at(-1)?.earns ?? {}).map((name) => [name, edits.at(-1)?.points[name]?.(past) ?? -1])),
      } satisfies Known);
      const members = [...(stored?.members ?? [])].flatMap(([segment, ids]) => (ids.has(customer) ? [segment] : [])).sort();
      expect(members, `the sets that hold ${customer}`).toEqual(outcome.segments);
    }
    return fates;
  }
}

/** `one` in so many of what is asked goes wrong. */
function mishaps(random: () => number, one: number): Accidents {
  const kinds: readonly Accident[] = ["dies before", "dies after", "no answer"];
  return (what) => {
    if (random() * one >= 1) return "none";
    const accident = kinds[Math.floor(random() * kinds.length)] as Accident;
    return what === "commit" && accident === "no answer" ? "dies after" : accident;
  };
}

const ALL = ["emit bonus", "emit care", "emit sorry", "emit thanks", "mail follow_up", "mail large", "mail miss_you"];

/** Whatever an edit may do to somebody was done to some. */
function checkShown({ actions, fates, backfilled }: Shown): void {
  expect([...actions.keys()].sort()).toEqual(ALL);
  expect(Math.min(fates.kept, fates.finished, fates.stopped, backfilled)).toBeGreaterThan(0);
}

describe("a program edited ten times", () => {
  test.each([1])("made-up orders, seed %i, nobody dies", async (seed) => {
    const shown = await show(madeUp(seed, 600, 25), () => "none", randomOf(seed));
    expect(shown.deaths).toBe(0);
    checkShown(shown);
  });

  test.each([4, 5])("made-up orders, seed %i, and whoever works is killed again and again", async (seed) => {
    const random = randomOf(seed);
    const shown = await show(madeUp(seed, 600, 25), mishaps(random, 25), random);
    expect(shown.deaths).toBeGreaterThan(10);
    checkShown(shown);
  });

  test.skipIf(!existsSync(REAL))("the real orders of a shop (skipped where ../shared/data is not there)", async () => {
    const random = randomOf(7);
    const shown = await show(realOrders(13), mishaps(random, 40), random);
    expect(shown.deaths).toBeGreaterThan(10);
    checkShown(shown);
  });
});
