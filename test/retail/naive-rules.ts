/**
 * The rules of `rules/*.eddy`, written out by hand. A run is a generator that yields the milliseconds it waits: what is
 * still to come is simply the rest of the function.
 */
import { DAY, HOUR, atLeast, below, divide, sum, times } from "./definitions.js";
import type { ShopEvent, ShopEventType } from "./events.js";
import type { SegmentName } from "./naive-segments.js";
import type { Traits } from "./naive-traits.js";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type Payload = { readonly [name: string]: Json };

export interface Profile {
  email: boolean;
  tier: "standard" | "gold";
  previousTotal: number | null;
  returnsNoted: number;
}

/** Something that happens: an event, or a change of membership. */
export type Moment =
  | { readonly kind: "event"; readonly event: ShopEvent }
  | { readonly kind: "enter" | "leave"; readonly segment: SegmentName };

export type Channel = "email" | "letter" | "desk";

/** The customer as a rule sees and acts on them, always as they are now. */
export interface Seen {
  readonly traits: Traits;
  /** A copy; `set` changes the customer's. */
  readonly profile: Readonly<Profile>;
  isIn(segment: SegmentName): boolean;
  send(channel: Channel, template: string, payload?: Payload): void;
  emit(name: string, payload?: Payload): void;
  set(change: Partial<Profile>): void;
}

export interface NaiveRule {
  readonly name: string;
  readonly priority?: number;
  readonly on: (moment: Moment) => boolean;
  /** Sees the event that would start the run; null where a change of membership would. */
  readonly when?: (seen: Seen, event: ShopEvent | null) => boolean;
  readonly untilMoment?: (moment: Moment) => boolean;
  readonly untilHolds?: (seen: Seen) => boolean;
  readonly restart?: true;
  readonly atMost?: { readonly count: number; readonly perMs: number };
  readonly steps: (seen: Seen, event: ShopEvent) => Generator<number, void, void>;
}

const happens =
  (type: ShopEventType, where: (event: ShopEvent) => boolean = () => true) =>
  (moment: Moment): boolean =>
    moment.kind === "event" && moment.event.type === type && where(moment.event);
const enters =
  (segment: SegmentName) =>
  (moment: Moment): boolean =>
    moment.kind === "enter" && moment.segment === segment;
const leaves =
  (segment: SegmentName) =>
  (moment: Moment): boolean =>
    moment.kind === "leave" && moment.segment === segment;
const either =
  (...some: ((moment: Moment) => boolean)[]) =>
  (moment: Moment): boolean =>
    some.some((one) => one(moment));

const pieces = (event: ShopEvent): number => sum(event.items.map((item) => item.quantity));
const hasHearts = (event: ShopEvent): boolean => event.items.some((item) => item.sku === "85123A");

/** What a channel's `when` says. */
export const CHANNELS: Readonly<Record<Channel, (seen: Seen) => boolean>> = {
  email: ({ profile }) => profile.email,
  letter: (seen) => seen.traits.orders >= 3 && !seen.isIn("troubled"),
  desk: () => true,
};

const WORTH: readonly NaiveRule[] = [
  {
    name: "vip_welcome",
    on: enters("vip"),
    *steps(seen) {
      seen.set({ tier: "gold" });
      const { spend_year, average_order, customer_since } = seen.traits;
      seen.send("email", "vip_welcome", { spend: spend_year, average: average_order, customer_since });
      yield 7 * DAY;
      if (seen.isIn("vip") && !seen.isIn("returner")) {
        seen.send("letter", "vip_gift", { orders: seen.traits.orders, standing: seen.traits.standing });
      } else if (seen.traits.orders_month >= 2) {
        seen.emit("vip_review", { returns: seen.traits.returns_quarter, share: seen.traits.refund_share });
      } else {
        return;
      }
      yield 30 * DAY;
      const { largest_order, net_year } = seen.traits;
      seen.send("desk", "vip_call", { tier: seen.profile.tier, largest: largest_order, net: net_year });
    },
  },
  {
    name: "gold_card",
    on: enters("gold"),
    *steps(seen) {
      seen.send("letter", "gold_card", { tier: seen.profile.tier, since: seen.traits.customer_since });
    },
  },
  {
    name: "gold_end",
    on: leaves("vip"),
    untilMoment: enters("vip"),
    *steps(seen) {
      yield 30 * DAY;
      seen.set({ tier: "standard" });
      seen.emit("gold_ended", { spend: seen.traits.spend_year, refunds: seen.traits.refunds_year });
    },
  },
  {
    name: "gold_goodbye",
    on: leaves("gold"),
    atMost: { count: 1, perMs: 365 * DAY },
    *steps(seen) {
      seen.send("email", "gold_goodbye", { known_for: seen.traits.known_for });
    },
  },
  {
    name: "basket_jump",
    on: happens("order_placed"),
    when: ({ profile }, event) =>
      atLeast(profile.previousTotal, 50) && atLeast(event?.total ?? null, times(profile.previousTotal, 3)),
    *steps(seen, event) {
      const before = seen.profile.previousTotal;
      seen.emit("basket_jump", { before, now: event.total, times: divide(event.total, before) });
    },
  },
  {
    name: "remember_basket",
    on: happens("order_placed", (order) => order.total > 0),
    *steps(seen, event) {
      seen.set({ previousTotal: event.total });
    },
  },
  {
    name: "splurge_thanks",
    on: enters("splurge"),
    when: ({ traits }) => below(traits.average_order, 400),
    atMost: { count: 1, perMs: 120 * DAY },
    *steps(seen) {
      const { latest_order, average_order, smallest_order } = seen.traits;
      seen.send("email", "splurge_thanks", { latest: latest_order, average: average_order, smallest: smallest_order });
    },
  },
  {
    name: "bigger_basket",
    on: enters("shrinking"),
    untilMoment: happens("order_placed", (order) => order.total >= 300),
    *steps(seen) {
      yield (seen.isIn("vip") ? 2 : 9) * DAY;
      const { latest_order, average_order, opening_order } = seen.traits;
      seen.send("email", "bigger_basket", { latest: latest_order, average: average_order, opening: opening_order });
    },
  },
  {
    name: "big_movement",
    on: either(
      happens("order_placed", (order) => order.total >= 1500),
      happens("order_returned", (order) => order.total >= 150),
    ),
    atMost: { count: 2, perMs: 30 * DAY },
    *steps(seen, event) {
      seen.send("desk", "big_movement", { order: event.order_id, total: event.total, country: event.country });
    },
  },
];

const FREQUENCY: readonly NaiveRule[] = [
  {
    name: "second_order",
    on: happens("order_placed"),
    when: ({ traits }) => traits.orders === 1,
    untilHolds: ({ traits }) => traits.orders >= 2,
    *steps(seen, event) {
      yield 21 * DAY;
      seen.send("email", "second_order", { order: event.order_id, total: event.total, pieces: pieces(event) });
    },
  },
  {
    name: "frequent_thanks",
    on: enters("frequent"),
    untilHolds: (seen) => seen.isIn("returner"),
    *steps(seen) {
      yield 5 * DAY;
      seen.send("letter", "frequent_thanks", { orders: seen.traits.orders_quarter });
      yield 20 * DAY;
      const { orders_month, latest_order } = seen.traits;
      if (orders_month >= 3) seen.send("email", "come_by", { orders: orders_month });
      else if (orders_month === 0) return;
      else seen.emit("cooling", { orders: orders_month, latest: latest_order });
    },
  },
  {
    name: "steady_bonus",
    on: enters("steady"),
    atMost: { count: 1, perMs: 90 * DAY },
    *steps(seen) {
      yield DAY * seen.traits.orders_month;
      seen.emit("steady_bonus", { orders: seen.traits.orders_month, quarter: seen.traits.orders_quarter });
    },
  },
  {
    name: "steady_lost",
    on: leaves("steady"),
    when: ({ traits }) => traits.orders >= 4,
    untilMoment: enters("steady"),
    *steps(seen) {
      yield 45 * DAY;
      if (seen.isIn("regular")) return;
      seen.send("email", "steady_lost", { orders: seen.traits.orders, loyal: seen.isIn("loyal") });
    },
  },
  {
    name: "regular_lost",
    on: leaves("regular"),
    *steps(seen) {
      seen.emit("regular_lost", { quarter: seen.traits.orders_quarter, month: seen.traits.orders_month });
    },
  },
];

const SILENCE: readonly NaiveRule[] = [
  {
    name: "wake_up",
    on: enters("silent"),
    untilMoment: happens("order_placed"),
    atMost: { count: 1, perMs: 180 * DAY },
    *steps(seen) {
      seen.send("email", "whats_new", { order: seen.traits.last_order, at: seen.traits.last_order_at });
      yield 14 * DAY;
      seen.send("email", "most_loved", { standing: seen.traits.standing });
      yield 30 * DAY;
      seen.emit("still_silent", { spend: seen.traits.spend_year, smallest: seen.traits.smallest_order });
    },
  },
  {
    name: "wake_up_discount",
    on: enters("asleep"),
    when: ({ traits }) => traits.spend_year >= 500,
    untilMoment: happens("order_placed"),
    *steps(seen) {
      seen.send("email", "new_collection");
      yield 14 * DAY;
      const { average_order, largest_order } = seen.traits;
      seen.send("letter", "come_back", { code: "BACK15", average: average_order, largest: largest_order });
    },
  },
  {
    name: "welcome_back",
    on: leaves("silent"),
    *steps(seen) {
      seen.send("letter", "welcome_back", { order: seen.traits.last_order, orders: seen.traits.orders });
    },
  },
  {
    name: "large_order_help",
    on: enters("no_large_order"),
    when: ({ traits }) => traits.orders_quarter >= 2,
    untilHolds: (seen) => seen.isIn("splurge"),
    atMost: { count: 1, perMs: 200 * DAY },
    *steps(seen) {
      yield 12 * HOUR;
      const { orders_quarter, latest_order, country } = seen.traits;
      seen.send("desk", "large_order_help", { quarter: orders_quarter, latest: latest_order, country });
    },
  },
];

const RETURNS: readonly NaiveRule[] = [
  {
    name: "review_request",
    on: happens("order_placed", (order) => order.total >= 400),
    untilMoment: happens("order_returned"),
    *steps(seen, event) {
      yield 14 * DAY;
      seen.send("email", "review_request", {
        order: event.order_id,
        lines: event.items.length,
        first: event.items[0]?.sku ?? null,
        tenth: event.items[9]?.sku ?? "none",
      });
    },
  },
  {
    name: "return_note",
    on: happens("order_returned", (order) => order.total >= 10),
    atMost: { count: 1, perMs: 14 * DAY },
    *steps(seen, event) {
      seen.set({ returnsNoted: seen.profile.returnsNoted + 1 });
      const noted = seen.profile.returnsNoted;
      seen.emit("return_note", { order: event.order_id, total: event.total, share: seen.traits.refund_share, noted });
    },
  },
  {
    name: "return_care",
    on: happens("order_returned", (order) => order.total >= 5),
    when: ({ traits }) => traits.orders >= 1,
    untilMoment: happens("order_placed", (order) => order.total >= 1000),
    restart: true,
    atMost: { count: 1, perMs: 60 * DAY },
    *steps(seen, event) {
      yield 3 * DAY;
      seen.send("email", "return_care", { order: event.order_id, returns: seen.traits.returns });
      yield 11 * DAY;
      const { returns_quarter, refund_share } = seen.traits;
      if (returns_quarter >= 2 && !seen.isIn("vip")) {
        seen.send("desk", "return_check", { order: event.order_id, quarter: returns_quarter, share: refund_share });
      }
    },
  },
  {
    name: "pause_mails",
    priority: 5,
    on: enters("troubled"),
    *steps(seen) {
      seen.set({ email: false });
      seen.emit("mails_paused", { returns: seen.traits.returns, noted: seen.profile.returnsNoted });
      yield 60 * DAY;
      seen.set({ email: true });
      seen.emit("mails_resumed", { returns: seen.traits.returns, noted: seen.profile.returnsNoted });
    },
  },
];

const PRODUCTS: readonly NaiveRule[] = [
  {
    name: "hearts_again",
    on: happens("order_placed", hasHearts),
    when: (seen, event) => !seen.isIn("troubled") && below(event?.total ?? null, 2000),
    untilMoment: happens("order_returned", hasHearts),
    restart: true,
    atMost: { count: 1, perMs: 120 * DAY },
    *steps(seen, event) {
      yield 10 * DAY;
      const { hearts_spend, hearts_year } = seen.traits;
      seen.send("email", "hearts_match", { order: event.order_id, spent: hearts_spend, year: hearts_year });
      yield 20 * DAY;
      seen.emit("hearts_again", { order: event.order_id, hearts: pieces(event), ever: seen.traits.hearts_ever });
    },
  },
  {
    name: "explorer_list",
    on: enters("explorer"),
    atMost: { count: 1, perMs: 60 * DAY },
    *steps(seen) {
      const { variety, dear_products, dearest } = seen.traits;
      seen.send("email", "explorer_list", { variety, dear: dear_products, dearest });
    },
  },
  {
    name: "wholesale_terms",
    on: enters("wholesale"),
    untilMoment: leaves("wholesale"),
    untilHolds: (seen) => seen.isIn("costly"),
    *steps(seen) {
      yield 2 * DAY;
      const { bulk_lines, bulk_large, spend_year } = seen.traits;
      seen.send("desk", "wholesale_terms", { lines: bulk_lines, large: bulk_large, spend: spend_year });
      yield 60 * DAY;
      seen.emit("wholesale_check", { lines: seen.traits.bulk_lines, prized: seen.isIn("prized") });
    },
  },
  {
    name: "bulk_order",
    on: happens(
      "order_placed",
      (order) => order.items.some((item) => item.quantity >= 144) && order.country !== "Netherlands",
    ),
    atMost: { count: 3, perMs: 30 * DAY },
    *steps(seen, event) {
      seen.emit("bulk_order", { order: event.order_id, pieces: pieces(event), lines: event.items.length });
    },
  },
  {
    name: "dear_taste_lost",
    on: leaves("dear_taste"),
    when: (seen) => !seen.isIn("asleep"),
    *steps(seen) {
      seen.send("email", "dear_taste_lost", { dear: seen.traits.dear_products, dearest: seen.traits.dearest });
    },
  },
];

/** In the order in which they act: by priority, then by name. */
export const RULES: readonly NaiveRule[] = [...WORTH, ...FREQUENCY, ...SILENCE, ...RETURNS, ...PRODUCTS].sort(
  (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || (a.name < b.name ? -1 : 1),
);
