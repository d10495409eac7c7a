/** The traits of `rules/*.eddy`, written out by hand, each from the customer's whole history at every look. */
import { DAY, avg, distinct, divide, max, min, over, rows, sum, type History } from "./definitions.js";
import type { Item, ShopEvent } from "./events.js";

export type Traits = ReturnType<typeof traitsOf>;

const totals = (events: readonly ShopEvent[]): number[] => events.map((event) => event.total);
const worth = (items: readonly Item[]): number => sum(items.map((item) => item.price * item.quantity));

interface Lines {
  /** The longest window in which they are counted; none: for the customer's life. */
  readonly spanMs?: number;
  readonly where: (item: Item, event: ShopEvent) => boolean;
}

/** The lines of orders that aggregates over items look at. */
export const LINES = {
  hearts: { where: (item) => item.sku === "85123A" },
  bulk: { spanMs: 60 * DAY, where: (item, order) => item.quantity >= 48 && order.country !== "Netherlands" },
  bulkLarge: {
    spanMs: 180 * DAY,
    where: (item, order) => item.quantity >= 48 && order.total >= 800 && order.total < 3000,
  },
  dear: { spanMs: 90 * DAY, where: (item) => item.price >= 9 && item.quantity >= 2 && !item.sku.includes("POST") },
  dearest: {
    spanMs: 180 * DAY,
    where: (item) => item.price >= 10 && item.quantity > 1 && !["POST", "DOT", "M"].includes(item.sku),
  },
} satisfies Readonly<Record<string, Lines>>;

const iso = (event: ShopEvent | undefined): string | null =>
  event === undefined ? null : new Date(event.timeMs).toISOString();

export function traitsOf(history: History) {
  const placed = over(history, "order_placed");
  const placed30 = over(history, "order_placed", 30 * DAY);
  const placed60 = over(history, "order_placed", 60 * DAY);
  const placed90 = over(history, "order_placed", 90 * DAY);
  const placed180 = over(history, "order_placed", 180 * DAY);
  const placed365 = over(history, "order_placed", 365 * DAY);
  const returned = over(history, "order_returned");

  const firstPlaced = placed[0];
  const lastPlaced = placed.at(-1);
  const spend_year = sum(totals(placed365));
  const refunds_year = sum(totals(over(history, "order_returned", 365 * DAY)));
  const variety90 = distinct(rows(placed90).map((item) => item.sku));

  return {
    country: lastPlaced?.country ?? "unknown",

    spend_year,
    refunds_year,
    net_year: spend_year - refunds_year,
    refund_share: divide(refunds_year, spend_year),
    average_order: avg(totals(placed180)),
    smallest_order: min(totals(placed90)),
    largest_order: max(totals(placed180)),
    opening_order: placed365[0]?.total ?? null,
    latest_order: placed30.at(-1)?.total ?? null,
    customer_since: iso(firstPlaced),
    known_for: firstPlaced === undefined || lastPlaced === undefined ? null : lastPlaced.timeMs - firstPlaced.timeMs,
    standing: spend_year >= 5000 ? "vip" : spend_year >= 1000 ? "good" : "new",

    orders: placed.length,
    orders_month: placed30.length,
    orders_quarter: placed90.length,

    last_order: lastPlaced?.order_id ?? null,
    last_order_at: iso(lastPlaced),

    returns: returned.length,
    returns_quarter: over(history, "order_returned", 90 * DAY).length,

    hearts_spend: worth(rows(placed, LINES.hearts.where)),
    hearts_year: worth(rows(placed365, LINES.hearts.where)),
    hearts_ever: rows(placed, LINES.hearts.where).length > 0,
    bulk_lines: rows(placed60, LINES.bulk.where).length,
    bulk_large: rows(placed180, LINES.bulkLarge.where).length,
    dear_products: distinct(rows(placed90, LINES.dear.where).map((item) => item.sku)),
    dearest: max(rows(placed180, LINES.dearest.where).map((item) => item.price)),
    variety: variety90 >= 80 ? "wide" : variety90 >= 30 ? "fair" : "narrow",

    // Not traits of the program, but what its segments look at.
    inner: { variety90, splurged: placed60.some((event) => event.total > 500) },
  };
}
