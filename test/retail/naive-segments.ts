/** The segments of `rules/*.eddy`, written out by hand, each after those that it depends on. */
import { DAY, atLeast, below, divide, silentFor, times, type History } from "./definitions.js";
import type { Traits } from "./naive-traits.js";

export interface Look {
  readonly history: History;
  readonly traits: Traits;
  readonly tier: string;
  readonly isIn: (segment: SegmentName) => boolean;
}

interface Held {
  readonly holds: (look: Look) => boolean;
  readonly forMs?: number;
}

export interface NaiveSegment {
  readonly enter: Held;
  /** Without it, the segment holds exactly while `enter` does. */
  readonly leave?: Held;
}

const holdsWhile = (holds: Held["holds"]): NaiveSegment => ({ enter: { holds } });

export const SEGMENT_NAMES = [
  "abroad", "vip", "comfortable", "big_basket", "splurge", "growing", "shrinking", "costly", "gold", "frequent",
  "steady", "regular", "loyal", "silent", "asleep", "never_bought", "no_large_order", "returner", "troubled", "explorer",
  "wide_range", "heart_lover", "dear_taste", "wholesale", "prized",
] as const;
export type SegmentName = (typeof SEGMENT_NAMES)[number];

export const SEGMENTS: Readonly<Record<SegmentName, NaiveSegment>> = {
  abroad: holdsWhile(({ traits }) => traits.country !== "United Kingdom" && traits.orders >= 2),

  vip: holdsWhile(({ traits }) => traits.spend_year >= 5000),
  comfortable: {
    enter: { holds: ({ traits }) => traits.net_year >= 2000 },
    leave: { holds: ({ traits }) => traits.net_year < 1500 },
  },
  big_basket: holdsWhile(({ traits }) => atLeast(traits.average_order, 600)),
  splurge: holdsWhile(({ traits }) => traits.inner.splurged),
  growing: holdsWhile(({ traits }) => below(times(traits.opening_order, 2), traits.largest_order)),
  shrinking: holdsWhile(({ traits }) => below(traits.latest_order, divide(traits.average_order, 2))),
  costly: holdsWhile(({ traits }) => atLeast(traits.refund_share, 0.25)),
  gold: holdsWhile(({ tier }) => tier === "gold"),

  frequent: holdsWhile(({ traits }) => traits.orders_quarter >= 4),
  steady: { enter: { holds: ({ traits }) => traits.orders_month >= 2, forMs: 7 * DAY } },
  regular: {
    enter: { holds: ({ traits }) => traits.orders_quarter >= 3 },
    leave: { holds: ({ traits }) => traits.orders_month === 0 },
  },
  loyal: {
    enter: { holds: ({ traits }) => traits.orders >= 5 && traits.orders_quarter >= 1 },
    leave: { holds: ({ traits }) => traits.orders_quarter === 0, forMs: 14 * DAY },
  },

  silent: holdsWhile(({ history, traits }) => traits.orders >= 1 && silentFor(history, "order_placed", 90 * DAY)),
  asleep: holdsWhile(({ history, traits }) => traits.orders >= 1 && silentFor(history, "order_placed", 180 * DAY)),
  never_bought: holdsWhile(({ history, traits }) => traits.orders === 0 && silentFor(history, "order_placed", 30 * DAY)),
  no_large_order: holdsWhile(({ history }) =>
    silentFor(history, "order_placed", 120 * DAY, (order) => order.total >= 300)),

  returner: holdsWhile(({ traits }) => traits.returns_quarter >= 2),
  troubled: {
    enter: { holds: ({ traits }) => traits.returns_quarter >= 3, forMs: 2 * DAY },
    leave: { holds: ({ traits }) => traits.returns_quarter === 0 },
  },

  explorer: holdsWhile(({ traits }) => traits.inner.variety90 >= 50),
  wide_range: holdsWhile(({ traits }) => traits.variety === "wide"),
  heart_lover: holdsWhile(({ traits }) => traits.hearts_year >= 60),
  dear_taste: holdsWhile(({ traits }) => traits.dear_products >= 3),
  wholesale: {
    enter: { holds: ({ traits }) => traits.bulk_lines >= 10 },
    leave: { holds: ({ traits }) => traits.bulk_lines === 0 },
  },

  prized: holdsWhile(({ isIn }) => isIn("vip") && !isIn("returner")),
};
