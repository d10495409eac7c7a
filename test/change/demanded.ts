/** What an engine has made of orders and edits, held against what the edits demand (naive-shop.ts), customer by customer. */
import { expect } from "vitest";
import { readMarker } from "../../engine/change/marker.js";
import type { Compiled } from "../../engine/compile/compiled.js";
import { NO_FIGURES } from "../../engine/customer.js";
import { portrait } from "../../engine/inspect.js";
import { readMeta } from "../../engine/meta.js";
import type { LogRecord, MetaFields, NewRecord } from "../../engine/ports.js";
import { planLayouts } from "../../engine/recovery.js";
import { readCustomer } from "../../engine/state.js";
import { encodeToken, eventSubject, partition } from "../../engine/subjects.js";
import { DAY, live, type Order, type Outcome, type Told } from "./naive-shop.js";
import type { Edit } from "./ten-edits.js";

export interface Happened {
  readonly customer: string;
  readonly type: string;
  readonly time: number;
  readonly total: number;
  readonly id: string;
}

/** Of a real shop: of every so-many-th customer. */
export const ordersIn = (lines: string, every: number): Happened[] =>
  lines.trim().split("\n").map((line) => JSON.parse(line) as { id: string; type: string; subject: string; time: string; data: { total: number } })
    .filter(({ subject }) => Number(subject) % every === 0)
    .map(({ id, type, subject, time, data }) => ({ customer: subject, type, time: Date.parse(time), total: data.total, id }));

export function madeUp(random: () => number, count: number, customers: number): Happened[] {
  let time = Date.UTC(2026, 0, 1, 8);
  return Array.from({ length: count }, (_, i): Happened => {
    // Many at the same instants, and at whole days from each other: what is due at one time comes together.
    time += random() < 0.4 ? 0 : Math.floor(random() * 4) * (random() < 0.6 ? DAY : 3_600_000);
    return { customer: `c${Math.floor(random() ** 2 * customers)}`, type: random() < 0.8 ? "order_placed" : "order_returned", time, total: Math.round(random() ** 3 * 90_000) / 100, id: `o${i}` };
  });
}

export const recordsOf = (orders: readonly Happened[]): NewRecord[] => orders.map(({ customer, type, time, total, id }) => ({
  subject: eventSubject(type, customer), id: `${customer}/shop/${id}`,
  body: JSON.stringify({ specversion: "1.0", id, source: "shop", type, subject: customer, time: new Date(time).toISOString(), data: { order_id: id, total } }),
}));

/** All that is to be seen of a place when everything is done. */
export interface Seen {
  readonly records: readonly Pick<LogRecord, "subject" | "body">[];
  readonly outputs: readonly { readonly subject: string; readonly body: string }[];
  readonly partitions: readonly {
    readonly fields: MetaFields;
    readonly states: ReadonlyMap<string, Uint8Array>;
    readonly members: ReadonlyMap<string, ReadonlySet<string>>;
  }[];
}

/** By customer: what was said, in order of time; what is said at one time in the order of its words. */
function saidBy({ outputs }: Seen): Map<string, Told[]> {
  const found = new Map<string, Told[]>();
  for (const { subject, body } of outputs) {
    const { subject: customer, type, time, rule = "", data } = JSON.parse(body) as { subject: string; type: string; time: string; rule?: string; data: { segment?: string } };
    const isChange = subject.startsWith("segments.");
    const list = found.get(customer) ?? [];
    found.set(customer, list);
    list.push({ at: Date.parse(time), what: isChange ? `${type.slice("segment.".length)} ${data.segment ?? ""}` : type.replace(".", " "), rule, data: isChange ? {} : data });
  }
  for (const list of found.values()) list.sort(inOrder);
  return found;
}

const inOrder = (a: Told, b: Told): number => a.at - b.at || (a.what < b.what ? -1 : a.what > b.what ? 1 : 0);

interface Known {
  readonly segments: readonly string[];
  readonly runs: Outcome["runs"];
  /** In pence. */
  readonly spent: number | null;
  readonly orders: unknown;
  readonly points: { readonly [name: string]: number };
}

interface Lived {
  readonly histories: ReadonlyMap<string, readonly Order[]>;
  /** By partition: when it went over to each program, by its own clock; and how far that has come. */
  readonly switches: readonly (readonly number[])[];
  readonly clocks: readonly number[];
}

/** What the log says of who came when, and where each partition went over. Changes are named by the last word of their ids, or by the order in which they came. */
function livedBy({ records, partitions: { length } }: Seen): Lived {
  const changes: string[] = [];
  const stages = Array.from({ length }, () => 0);
  const clocks = Array.from({ length }, () => 0);
  const switches = Array.from({ length }, (): number[] => []);
  const histories = new Map<string, Order[]>();
  for (const { subject, body } of records) {
    const [, type = "", token = ""] = subject.split(".");
    if (type.startsWith("eddy_") && type !== "eddy_program") continue;
    const event = JSON.parse(Buffer.from(body).toString()) as { subject: string; time: string; data: { total: number } };
    if (type === "eddy_program") {
      const change = readMarker(event.data)?.change ?? "";
      if (!changes.includes(change)) changes.push(change);
      const index = Number(token);
      // A second marker of a change says nothing new.
      if (stages[index] !== changes.indexOf(change)) continue;
      stages[index] = changes.indexOf(change) + 1;
      switches[index]?.push(clocks[index] as number);
      continue;
    }
    const { subject: customer, time, data } = event;
    const index = partition(encodeToken(customer), length);
    clocks[index] = Math.max(clocks[index] as number, Date.parse(time));
    const list = histories.get(customer) ?? [];
    histories.set(customer, list);
    list.push({ k: type === "order_placed" ? "placed" : "returned", time: Date.parse(time), total: data.total, stage: stages[index] as number });
  }
  return { histories, switches, clocks };
}

export interface Compared {
  readonly actions: ReadonlySet<string>;
  readonly fates: Outcome["fates"];
  /** Changes of membership that edits alone have brought. */
  readonly backfilled: number;
}

/** `compiled`: the program of the last edit. */
export function expectDemanded(seen: Seen, edits: readonly Edit[], compiled: Compiled): Compared {
  const { histories, switches, clocks } = livedBy(seen);
  expect(switches.map(({ length }) => length)).toEqual(switches.map(() => edits.length - 1));
  const said = saidBy(seen);
  const fates = { kept: 0, finished: 0, stopped: 0 };
  for (const [customer, history] of histories) {
    const index = partition(encodeToken(customer), seen.partitions.length);
    const [end, stored] = [clocks[index] as number, seen.partitions[index] as Seen["partitions"][number]];
    const outcome = live(edits, history, switches[index] as readonly number[], end);
    for (const fate of ["kept", "finished", "stopped"] as const) fates[fate] += outcome.fates[fate];
    const where = `in partition ${index}, which went over at ${(switches[index] ?? []).map((at) => new Date(at).toISOString()).join(" ")}`;
    expect(said.get(customer) ?? [], `what was said of ${customer}, ${where}`).toEqual([...outcome.told].sort(inOrder));
    const bytes = stored.states.get(customer);
    if (bytes === undefined) throw new Error(`${customer} is not known`);
    expect(knownOf(stored.fields, bytes, customer, compiled, end), `what is known of ${customer}, ${where}`).toEqual(demanded(edits, history, outcome, end));
    const sets = [...stored.members].flatMap(([segment, ids]) => (ids.has(customer) ? [segment] : [])).sort();
    expect(sets, `the sets that hold ${customer}, ${where}`).toEqual(outcome.segments);
  }
  return {
    fates, actions: new Set([...said.values()].flat().flatMap(({ what, rule }) => (rule === "" ? [] : [what]))),
    backfilled: seen.outputs.filter(({ body }) => (JSON.parse(body) as { backfilled?: boolean }).backfilled === true).length,
  };
}

function knownOf(fields: MetaFields, bytes: Uint8Array, id: string, compiled: Compiled, now: number): Known {
  const customer = readCustomer(id, bytes, planLayouts(readMeta(fields), compiled, false).translations, compiled);
  const { traits, points, segments } = portrait(compiled, NO_FIGURES, customer, now);
  return {
    segments: segments.map(({ name }) => name).sort(), spent: typeof traits["spent"] === "number" ? Math.round(traits["spent"] * 100) : null, orders: traits["orders"],
    points: Object.fromEntries(points.map(({ name, balance }) => [name, balance])),
    runs: customer.runs.map((run) => ({ rule: compiled.rules[run.rule]?.name ?? "", deadline: run.deadline })).sort((a, b) => a.deadline - b.deadline || (a.rule < b.rule ? -1 : 1)),
  };
}

function demanded(edits: readonly Edit[], orders: readonly Order[], { segments, runs }: Outcome, now: number): Known {
  const placed = orders.filter(({ k }) => k === "placed");
  const last = edits.at(-1);
  return {
    segments, runs, orders: placed.length, spent: placed.reduce((sum, { total }) => sum + Math.round(total * 100), 0),
    points: Object.fromEntries(Object.keys(last?.earns ?? {}).map((name) => [name, last?.points[name]?.({ orders, now }) ?? -1])),
  };
}

export const ALL_ACTIONS = ["emit bonus", "emit care", "emit sorry", "emit thanks", "mail follow_up", "mail large", "mail miss_you"];

/** Whatever an edit may do to somebody was done to some. */
export function expectAll({ actions, fates, backfilled }: Compared): void {
  expect([...actions].sort()).toEqual(ALL_ACTIONS);
  expect(Math.min(fates.kept, fates.finished, fates.stopped, backfilled)).toBeGreaterThan(0);
}
