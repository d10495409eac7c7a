/**
 * The job of bench/rules/shop.eddy as a program written for it alone: the same segments, the same actions at the same
 * instants, duplicates recognised among the newest events of a customer. It is written for speed: an object per customer
 * with arrays of timestamps, one heap of timers, conditions asked only after what they look at has changed. Money is
 * counted in cents, so that sums are exact.
 *
 * It knows what its rules never use: nobody updates a profile here (everybody consents), and stamps never go back.
 */
import type { Message } from "../engine/outputs.js";
import { encodeToken, partition } from "../engine/subjects.js";
import type { Taker } from "./in-memory.js";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const WEEK = 7 * DAY;
const MONTH = 30 * DAY;
const QUARTER = 90 * DAY;
const YEAR = 365 * DAY;
const SEEN = 32;

const VIP = 1, REGULAR = 2, WINDOW_SHOPPER = 4, EXPLORER = 8, ACTIVE = 16, BIG_BASKET = 32, COFFEE_LOVER = 64, SILENT = 128, ON_PHONE = 256, BROWSING = 512;
const NAMES: ReadonlyMap<number, string> = new Map([
  [VIP, "vip"], [REGULAR, "regular"], [WINDOW_SHOPPER, "window_shopper"], [EXPLORER, "explorer"], [ACTIVE, "active"], [BIG_BASKET, "big_basket"],
  [COFFEE_LOVER, "coffee_lover"], [SILENT, "silent"], [ON_PHONE, "on_phone"], [BROWSING, "browsing"],
]);

/** What it needs to know of an event. */
export interface ShopEvent {
  readonly customer: string;
  readonly stamp: number;
  readonly plan: { readonly name: string };
  readonly data: Readonly<Record<string, unknown>>;
  readonly id: string;
  readonly source: string;
}

interface Shopper {
  readonly id: string;
  /** In whose output stream the messages go. */
  readonly partition: number;
  /** Ids of the newest events, a ring. */
  seen: string[];
  seenNext: number;
  orders: number;
  largest: number;
  /** Of a year, oldest first from `orderHead` on. */
  orderTimes: number[];
  orderCents: number[];
  orderHead: number;
  yearCents: number;
  lastOrder: number;
  coffeeTimes: number[];
  viewTimes: number[];
  viewSkus: string[];
  viewHead: number;
  skus: Map<string, number> | null;
  lastView: number;
  visitTimes: number[];
  device: string;
  /** Bits of segments. */
  member: number;
  wakeUpAt: number;
  wakeUpCause: string;
  cartAt: number;
  cartStage: number;
  cartId: string;
  cartValue: number;
  cartCause: string;
  cartCounted: number;
  nudged: number;
  tablet: number;
  reviewAt: number;
  reviewOrder: string;
  reviewCause: string;
  coffeeAt: number;
  coffeeCause: string;
  teaAt: number;
  teaCause: string;
  /** The instant that stands in the heap for the shopper; Infinity: none. */
  queued: number;
}

const newShopper = (id: string, partition: number): Shopper => ({
  id, partition, seen: [], seenNext: 0, orders: 0, largest: -Infinity, orderTimes: [], orderCents: [], orderHead: 0, yearCents: 0, lastOrder: -Infinity,
  coffeeTimes: [], viewTimes: [], viewSkus: [], viewHead: 0, skus: null, lastView: -Infinity, visitTimes: [], device: "", member: 0,
  wakeUpAt: Infinity, wakeUpCause: "", cartAt: Infinity, cartStage: 0, cartId: "", cartValue: 0, cartCause: "", cartCounted: -Infinity,
  nudged: -Infinity, tablet: -Infinity, reviewAt: Infinity, reviewOrder: "", reviewCause: "", coffeeAt: Infinity, coffeeCause: "",
  teaAt: Infinity, teaCause: "", queued: Infinity,
});

/** How many of a sorted list of times are after `since`: those that are still in the window. */
function after(times: readonly number[], since: number): number {
  let n = 0;
  for (let i = times.length - 1; i >= 0 && (times[i] as number) > since; i--) n++;
  return n;
}

/** Drops the times that have left a window, once there are enough of them to be worth it. */
function trim(times: number[], since: number): void {
  let gone = 0;
  while (gone < times.length && (times[gone] as number) <= since) gone++;
  if (gone > 0) times.splice(0, gone);
}

export function shopByHand(partitions = 1): Taker & { takeOne(event: ShopEvent): void } {
  const shoppers = new Map<string, Shopper>();
  const heapAt: number[] = [];
  const heapWho: Shopper[] = [];
  let said: Message[] = [];
  let lastTime = NaN;
  let lastText = "";

  // -------------------------------------------------------------------------------------------------- outputs

  function timeText(at: number): string {
    if (at === lastTime) return lastText;
    lastTime = at;
    const text = new Date(at).toISOString();
    lastText = text.endsWith(".000Z") ? `${text.slice(0, -5)}Z` : text;
    return lastText;
  }

  function act(who: Shopper, at: number, rule: string, channel: string, template: string, start: string, cause: string, payload: object | null): void {
    const id = `${who.id}/${rule}/${start}/${template}`;
    said.push({
      subject: `actions.${who.partition}.${channel}.${template}`, id,
      body: `{"specversion":"1.0","id":${JSON.stringify(id)},"source":"shop","type":"${channel}.${template}","subject":${JSON.stringify(who.id)},"time":"${timeText(at)}",` +
        `"rule":"${rule}","cause":${JSON.stringify(cause)},"data":${payload === null ? "{}" : JSON.stringify(payload)}}`,
    });
  }

  function turn(who: Shopper, at: number, segment: number, cause: string): void {
    who.member ^= segment;
    const kind = (who.member & segment) !== 0 ? "entered" : "left";
    const name = NAMES.get(segment) as string;
    const id = `${who.id}/${name}/${kind}/${cause}/${at}`;
    said.push({
      subject: `segments.${who.partition}.${name}.${kind}`, id,
      body: `{"specversion":"1.0","id":${JSON.stringify(id)},"source":"shop","type":"segment.${kind}","subject":${JSON.stringify(who.id)},"time":"${timeText(at)}",` +
        `"cause":${JSON.stringify(cause)},"data":{"segment":"${name}"}}`,
    });
  }

  // -------------------------------------------------------------------------------------------------- segments

  /** Turns what must be turned; answers what has. */
  function settle(who: Shopper, now: number, segment: number, holds: boolean, cause: string): number {
    if (holds === ((who.member & segment) !== 0)) return 0;
    turn(who, now, segment, cause);
    return segment;
  }

  function dropOrders(who: Shopper, now: number): void {
    while (who.orderHead < who.orderTimes.length && (who.orderTimes[who.orderHead] as number) <= now - YEAR) who.yearCents -= who.orderCents[who.orderHead++] as number;
    if (who.orderHead >= 32) {
      who.orderTimes.splice(0, who.orderHead);
      who.orderCents.splice(0, who.orderHead);
      who.orderHead = 0;
    }
  }

  function dropViews(who: Shopper, now: number): void {
    while (who.viewHead < who.viewTimes.length && (who.viewTimes[who.viewHead] as number) <= now - WEEK) {
      const sku = who.viewSkus[who.viewHead++] as string;
      const n = who.skus?.get(sku) ?? 0;
      if (n > 1) who.skus?.set(sku, n - 1);
      else who.skus?.delete(sku);
    }
    if (who.viewHead >= 32) {
      who.viewTimes.splice(0, who.viewHead);
      who.viewSkus.splice(0, who.viewHead);
      who.viewHead = 0;
    }
  }

  function settleOrders(who: Shopper, now: number, cause: string): number {
    dropOrders(who, now);
    const n = who.orderTimes.length - who.orderHead;
    return settle(who, now, VIP, who.yearCents >= 500_000, cause) |
      settle(who, now, REGULAR, after(who.orderTimes, now - QUARTER) >= 3, cause) |
      settle(who, now, BIG_BASKET, n > 0 && who.yearCents / 100 / n >= 300, cause) |
      settle(who, now, COFFEE_LOVER, after(who.coffeeTimes, now - QUARTER) >= 2, cause) |
      settle(who, now, SILENT, who.orders > 0 && who.lastOrder <= now - QUARTER, cause);
  }

  const settleShopper = (who: Shopper, now: number, cause: string): number =>
    settle(who, now, WINDOW_SHOPPER, who.viewTimes.length - who.viewHead >= 20 && who.lastOrder <= now - MONTH, cause);

  function settleViews(who: Shopper, now: number, cause: string): number {
    dropViews(who, now);
    return settleShopper(who, now, cause) |
      settle(who, now, EXPLORER, (who.skus?.size ?? 0) >= 10, cause) |
      settle(who, now, BROWSING, who.lastView > now - DAY, cause);
  }

  const settleVisits = (who: Shopper, now: number, cause: string): number => settle(who, now, ACTIVE, after(who.visitTimes, now - MONTH) >= 8, cause);

  // -------------------------------------------------------------------------------------------------- rules

  function startedBy(who: Shopper, now: number, turned: number, start: string, cause: string): void {
    if (turned === 0) return;
    const entered = turned & who.member;
    if ((entered & VIP) !== 0) act(who, now, "vip_welcome", "email", "vip_welcome", start, cause, { spend: who.yearCents / 100 });
    else if ((turned & VIP) !== 0) act(who, now, "vip_lost", "email", "vip_lost", start, cause, null);
    if ((entered & REGULAR) !== 0) act(who, now, "regular_thanks", "email", "regular_thanks", start, cause, { orders: who.orders });
    if ((entered & WINDOW_SHOPPER) !== 0 && now >= who.nudged + WEEK) {
      who.nudged = now;
      act(who, now, "shopper_nudge", "push", "looking", start, cause, { views: who.viewTimes.length - who.viewHead });
    }
    if ((entered & EXPLORER) !== 0) act(who, now, "explorer_badge", "emit", "badge", start, cause, { seen: who.skus?.size ?? 0 });
    if ((entered & ACTIVE) !== 0) act(who, now, "active_points", "emit", "points", start, cause, { visits: after(who.visitTimes, now - MONTH) });
    if ((entered & BIG_BASKET) !== 0) {
      act(who, now, "big_basket_offer", "email", "big_basket", start, cause, { average: who.yearCents / 100 / (who.orderTimes.length - who.orderHead) });
    }
    if ((entered & COFFEE_LOVER) !== 0) act(who, now, "coffee_club", "email", "coffee_club", start, cause, null);
    if ((entered & SILENT) !== 0) {
      act(who, now, "wake_up", "email", "wake_up", start, cause, null);
      who.wakeUpAt = now + 14 * DAY;
      who.wakeUpCause = start;
    }
  }

  interface OrderData { readonly order_id: string; readonly total: number; readonly category: string }

  function ordered(who: Shopper, now: number, { order_id, total, category }: OrderData, start: string, cause: string): void {
    const cents = Math.round(total * 100);
    who.orders++;
    if (total > who.largest) who.largest = total;
    who.orderTimes.push(now);
    who.orderCents.push(cents);
    who.yearCents += cents;
    who.lastOrder = now;
    if (category === "coffee") {
      trim(who.coffeeTimes, now - QUARTER);
      who.coffeeTimes.push(now);
    }
    const turned = settleOrders(who, now, cause) | settleShopper(who, now, cause);
    who.wakeUpAt = Infinity;
    who.cartAt = Infinity;
    startedBy(who, now, turned, start, cause);
    if (who.orders === 1) act(who, now, "first_order", "email", "first_order", start, cause, { order: order_id });
    if (total > 480) act(who, now, "large_order", "emit", "large_order", start, cause, { order: order_id, total });
    if (who.orders > 3 && total >= who.largest) act(who, now, "record_order", "emit", "record", start, cause, { total });
    who.reviewAt = now + 3 * DAY;
    who.reviewOrder = order_id;
    who.reviewCause = start;
    if (category === "coffee" && who.coffeeAt === Infinity) {
      who.coffeeAt = now + 30 * DAY;
      who.coffeeCause = start;
    } else if (category === "tea" && who.teaAt === Infinity) {
      who.teaAt = now + 40 * DAY;
      who.teaCause = start;
    }
  }

  interface ViewData { readonly sku: string; readonly category: string; readonly price: number }

  function viewed(who: Shopper, now: number, { sku, category, price }: ViewData, start: string, cause: string): void {
    who.viewTimes.push(now);
    who.viewSkus.push(sku);
    const skus = (who.skus ??= new Map<string, number>());
    skus.set(sku, (skus.get(sku) ?? 0) + 1);
    who.lastView = now;
    startedBy(who, now, settleViews(who, now, cause), start, cause);
    if (category === "cocoa" && price > 95) act(who, now, "looked_at_cocoa", "push", "cocoa", start, cause, { sku });
  }

  function visited(who: Shopper, now: number, device: string, start: string, cause: string): void {
    trim(who.visitTimes, now - MONTH);
    who.visitTimes.push(now);
    who.device = device;
    startedBy(who, now, settleVisits(who, now, cause) | settle(who, now, ON_PHONE, device === "phone", cause), start, cause);
    if (device === "phone" && (who.member & ON_PHONE) === 0) act(who, now, "phone_visit", "emit", "new_device", start, cause, null);
    if (device === "tablet" && now >= who.tablet + MONTH) {
      who.tablet = now;
      act(who, now, "tablet_visit", "emit", "tablet", start, cause, null);
    }
  }

  interface CartData { readonly cart_id: string; readonly value: number }

  function filled(who: Shopper, now: number, { cart_id, value }: CartData, start: string, cause: string): void {
    if (value > 0 && (who.cartAt !== Infinity || now >= who.cartCounted + WEEK)) {
      if (who.cartAt === Infinity) who.cartCounted = now;
      who.cartAt = now + HOUR;
      who.cartStage = 0;
      who.cartId = cart_id;
      who.cartValue = value;
      who.cartCause = start;
    }
    if (value > 900 && (who.member & VIP) !== 0) act(who, now, "large_cart", "emit", "concierge", start, cause, { cart: cart_id });
  }

  // -------------------------------------------------------------------------------------------------- time

  /** What is due now. */
  function wake(who: Shopper, now: number): void {
    const start = `time/${now}`;
    const turned = settleOrders(who, now, "time") | settleViews(who, now, "time") | settleVisits(who, now, "time");
    if (who.cartAt <= now) {
      if (who.cartStage === 0) {
        act(who, now, "cart_recovery", "email", "cart", who.cartCause, "time", { cart: who.cartId, value: who.cartValue });
        who.cartStage = 1;
        who.cartAt = now + DAY;
      } else {
        act(who, now, "cart_recovery", "push", "cart_again", who.cartCause, "time", { cart: who.cartId });
        who.cartAt = Infinity;
      }
    }
    if (who.coffeeAt <= now) {
      act(who, now, "coffee_order", "email", "coffee_refill", who.coffeeCause, "time", null);
      who.coffeeAt = Infinity;
    }
    if (who.reviewAt <= now) {
      act(who, now, "review", "email", "review", who.reviewCause, "time", { order: who.reviewOrder });
      who.reviewAt = Infinity;
    }
    if (who.teaAt <= now) {
      act(who, now, "tea_order", "email", "tea_refill", who.teaCause, "time", null);
      who.teaAt = Infinity;
    }
    if (who.wakeUpAt <= now) {
      act(who, now, "wake_up", "email", "come_back", who.wakeUpCause, "time", null);
      who.wakeUpAt = Infinity;
    }
    startedBy(who, now, turned, start, "time");
  }

  /** The first instant at which time alone may turn something. */
  function nextOf(who: Shopper, now: number): number {
    const { member, orderTimes, coffeeTimes, viewTimes, visitTimes } = who;
    let next = Math.min(who.cartAt, who.reviewAt, who.coffeeAt, who.teaAt, who.wakeUpAt);
    if (who.orders > 0) {
      if (who.orderHead < orderTimes.length) next = Math.min(next, (orderTimes[who.orderHead] as number) + YEAR);
      if ((member & REGULAR) !== 0) next = Math.min(next, (orderTimes[orderTimes.length - 3] as number) + QUARTER);
      if ((member & COFFEE_LOVER) !== 0) next = Math.min(next, (coffeeTimes[coffeeTimes.length - 2] as number) + QUARTER);
      if ((member & SILENT) === 0) next = Math.min(next, who.lastOrder + QUARTER);
    }
    if ((member & BROWSING) !== 0) next = Math.min(next, who.lastView + DAY);
    if ((member & EXPLORER) !== 0) next = Math.min(next, (viewTimes[who.viewHead] as number) + WEEK);
    if ((member & WINDOW_SHOPPER) !== 0) next = Math.min(next, (viewTimes[viewTimes.length - 20] as number) + WEEK);
    else if (viewTimes.length - who.viewHead >= 20 && who.lastOrder + MONTH > now) next = Math.min(next, who.lastOrder + MONTH);
    if ((member & ACTIVE) !== 0) next = Math.min(next, (visitTimes[visitTimes.length - 8] as number) + MONTH);
    return next;
  }

  function queue(who: Shopper, now: number): void {
    const at = nextOf(who, now);
    if (at >= who.queued) return;
    who.queued = at;
    let i = heapAt.length;
    heapAt.push(at);
    heapWho.push(who);
    while (i > 0) {
      const parent = (i - 1) >>> 1;
      if ((heapAt[parent] as number) <= at) break;
      heapAt[i] = heapAt[parent] as number;
      heapWho[i] = heapWho[parent] as Shopper;
      i = parent;
    }
    heapAt[i] = at;
    heapWho[i] = who;
  }

  function pop(): Shopper {
    const top = heapWho[0] as Shopper;
    const at = heapAt.pop() as number;
    const who = heapWho.pop() as Shopper;
    const length = heapAt.length;
    if (length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && (heapAt[child + 1] as number) < (heapAt[child] as number)) child++;
      if ((heapAt[child] as number) >= at) break;
      heapAt[i] = heapAt[child] as number;
      heapWho[i] = heapWho[child] as Shopper;
      i = child;
    }
    heapAt[i] = at;
    heapWho[i] = who;
    return top;
  }

  function wakeUpTo(now: number): void {
    while (heapAt.length > 0 && (heapAt[0] as number) <= now) {
      const at = heapAt[0] as number;
      const who = pop();
      if (who.queued !== at) continue; // an earlier one came in between
      who.queued = Infinity;
      if (nextOf(who, at - 1) <= at) wake(who, at);
      queue(who, at);
    }
  }

  /** Whether it came before; remembers it where not. */
  function isRepeated(who: Shopper, key: string): boolean {
    if (who.seen.includes(key)) return true;
    if (who.seen.length < SEEN) who.seen.push(key);
    else who.seen[who.seenNext++ % SEEN] = key;
    return false;
  }

  function takeOne({ customer, stamp, plan, data, id, source }: ShopEvent): void {
    wakeUpTo(stamp);
    let who = shoppers.get(customer);
    if (who === undefined) shoppers.set(customer, (who = newShopper(customer, partition(encodeToken(customer), partitions))));
    const start = `${source}/${id}`;
    if (isRepeated(who, start)) return;
    switch (plan.name) {
      case "order_placed": ordered(who, stamp, data as unknown as OrderData, start, id); break;
      case "product_viewed": viewed(who, stamp, data as unknown as ViewData, start, id); break;
      case "session_started": visited(who, stamp, data["device"] as string, start, id); break;
      case "cart_updated": filled(who, stamp, data as unknown as CartData, start, id); break;
    }
    queue(who, stamp);
  }

  return {
    takeOne,
    take(works) {
      for (const work of works) takeOne(work);
    },
    outputs() {
      const all = said;
      said = [];
      return all;
    },
  };
}
