/**
 * Orders and visits of many customers, with rules by which every single one shows: each order is answered with its place in
 * its customer's history. So what the engine has published says whether anything was lost, done twice, or out of order.
 */
import { deepStrictEqual } from "node:assert/strict";
import { encodeToken, eventSubject, partition } from "../../engine/subjects.js";
import type { NewRecord } from "../../engine/ports.js";
import type { Place } from "../system/places.js";

export const RULES = `
event order_placed { order_id: string  total: number  note: string? }
event product_viewed { sku: string }
event probe { sent: number }

trait orders = count(order_placed)
trait spent = sum(order_placed.total)
segment regular when orders >= 3
segment looking when count(product_viewed) over 30 days >= 2

rule thanks { on order_placed  emit "thanks" { n: orders, order: event.order_id, note: event.note } }
rule welcome { on enter regular  emit "regular" { n: orders } }
rule echo { on probe  emit "echo" { sent: event.sent } }
`;

export interface Orders {
  /** The next event. */
  next(): NewRecord;
  /** By customer: the ids of their orders, in order. */
  readonly placed: ReadonlyMap<string, readonly string[]>;
  readonly count: number;
}

/** A third are orders. With `note`, each order brings a text that its answer repeats. */
export function orders(customers: number, { name = "c", note = "" } = {}): Orders {
  const placed = new Map<string, string[]>();
  let n = 0;
  let state = 7;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 4_294_967_296) * limit);
  };
  return {
    placed,
    get count() { return n; },
    next() {
      n++;
      const customer = `${name}${below(customers)}`;
      const isOrder = n % 3 === 0;
      const type = isOrder ? "order_placed" : "product_viewed";
      const id = `${name}-${n}`;
      if (isOrder) {
        const ids = placed.get(customer);
        if (ids === undefined) placed.set(customer, [id]);
        else ids.push(id);
      }
      const data = isOrder ? { order_id: id, total: n % 100, ...(note === "" ? {} : { note }) } : { sku: `sku-${n % 50}` };
      return { subject: eventSubject(type, customer), body: JSON.stringify({ id, source: "test", type, subject: customer, data }) };
    },
  };
}

interface Answer {
  readonly type: string;
  readonly subject: string;
  readonly data: { readonly n: number; readonly order: string; readonly note?: string };
}

/** Throws an AssertionError where it is not so. What was published: every order answered once, in the order of its customer's history, and all memberships right. */
export async function expectAllRight(place: Place, sent: Orders): Promise<void> {
  const answered = new Map<string, string[]>();
  const wrong: string[] = [];
  const ids = new Set<string>();
  let published = 0;
  for (let p = 0; p < place.partitions; p++) {
    for (const { body, id } of await place.outputs(p)) {
      published++;
      ids.add(id);
      const { type, subject, data } = JSON.parse(body) as Answer;
      if (type !== "emit.thanks" || !sent.placed.has(subject)) continue;
      let list = answered.get(subject);
      if (list === undefined) answered.set(subject, (list = []));
      list.push(data.order);
      if (data.n !== list.length && wrong.length < 5) wrong.push(`${subject}: order ${data.order} is said to be number ${data.n}, it is ${list.length}`);
    }
  }
  if (wrong.length > 0) throw new Error(wrong.join("; "));
  deepStrictEqual({ twice: published - ids.size }, { twice: 0 });
  let lost = 0;
  let surplus = 0;
  for (const [customer, placed] of sent.placed) {
    const list = answered.get(customer) ?? [];
    if (list.length < placed.length) lost += placed.length - list.length;
    if (list.length > placed.length) surplus += list.length - placed.length;
    if (list.join() !== placed.join() && wrong.length < 5) wrong.push(`${customer}: ${list.join()} instead of ${placed.join()}`);
  }
  deepStrictEqual({ lost, surplus, wrong }, { lost: 0, surplus: 0, wrong: [] });
  const members: string[] = [];
  for (let p = 0; p < place.partitions; p++) {
    for (let cursor: string | null = null; ;) {
      const page: Awaited<ReturnType<typeof place.ports.store.members>> = await place.ports.store.members(p, "regular", cursor);
      members.push(...page.customers);
      if ((cursor = page.cursor) === null) break;
    }
  }
  const regulars = [...sent.placed].filter(([, placed]) => placed.length >= 3).map(([customer]) => customer);
  deepStrictEqual([...new Set(members)].filter((customer) => sent.placed.has(customer)).sort(), regulars.sort());
}

/** The partition of a customer. */
export const partitionOf = (customer: string, partitions: number): number => partition(encodeToken(customer), partitions);
