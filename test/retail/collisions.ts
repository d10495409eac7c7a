/**
 * Made-up histories in which instants collide, for what real ones hardly contain.
 *
 * Events stand on a grid of days and half days, some a millisecond beside it, so that windows end, waits are over and
 * `for at least` is fulfilled at the very instants of other events; totals lie on the thresholds of the rules; some
 * events come twice, some are of a type that nobody declared. One seed, one result.
 */
import { DAY } from "./definitions.js";
import type { Item } from "./events.js";
import { randomOf } from "./random.js";

const START = Date.parse("2011-01-01T00:00:00Z");
/** The clock should be moved on to here: every window and wait of the last events is over. */
export const COLLISIONS_END = START + 800 * DAY;

const TOTALS = [0, 0.1, 20, 49.99, 50, 150, 166.67, 299.99, 300, 400, 500, 500.01, 999.99, 1000, 1500, 2000, 5000];
const RETURNED = [0.1, 4.99, 5, 9.99, 10, 125, 149.99, 150, 500];
const SKUS = ["85123A", "POST", "DOT", "M", "22423", "47566", "POSTER", "21212", "84879"];
const QUANTITIES = [1, 1, 2, 24, 47, 48, 143, 144];
const PRICES = [0, 0.85, 2.55, 8.99, 9, 9.99, 10, 12.75, 20];
const COUNTRIES = ["United Kingdom", "United Kingdom", "United Kingdom", "Netherlands", "France"];

/** CloudEvents, one a line, in order of time. */
export function collidingEvents(seed: number, customers: number): string[] {
  const random = randomOf(seed);
  const pick = <T>(list: readonly [T, ...T[]] | readonly T[]): T => {
    const picked = list[Math.floor(random() * list.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  };
  const below = (bound: number): number => Math.floor(random() * bound);

  const itemsOf = (): Item[] => {
    // Now and then so many different products that the bounds of `distinct` are met exactly.
    const many = random() < 0.15 ? pick([28, 30, 48, 50, 79, 80]) : 0;
    const listed = Array.from({ length: many }, (_, at) => ({ sku: `s${at}`, name: "Many", quantity: 1, price: 1.25 }));
    const picked = Array.from({ length: below(4) }, () => ({
      sku: pick(SKUS), name: "Picked", quantity: pick(QUANTITIES), price: pick(PRICES),
    }));
    const bulk = random() < 0.1 ? pick([9, 10]) : 0;
    const bulky = Array.from({ length: bulk }, () => ({ sku: "bulk", name: "Bulk", quantity: 48, price: 0.42 }));
    return [...picked, ...listed, ...bulky];
  };

  const stamped: { readonly timeMs: number; readonly line: string }[] = [];
  for (let customer = 0; customer < customers; customer++) {
    const subject = `c${customer}`;
    const events = 1 + below(24);
    // Busy customers have many events in a short time, others are silent for half a year.
    const days = pick([10, 40, 100, 400]);
    for (let at = 0; at < events; at++) {
      const besideMs = random() < 0.25 ? pick([-1, 1]) : 0;
      const timeMs = START + DAY + below(days) * DAY + (random() < 0.15 ? DAY / 2 : 0) + besideMs;
      const returned = random() < 0.3;
      const id = `${subject}-${at}`;
      const line = JSON.stringify({
        specversion: "1.0",
        id,
        source: "collisions",
        type: random() < 0.04 ? "parcel_weighed" : returned ? "order_returned" : "order_placed",
        subject,
        time: new Date(timeMs).toISOString(),
        data: {
          order_id: id, total: pick(returned ? RETURNED : TOTALS), currency: "GBP", country: pick(COUNTRIES),
          items: itemsOf(),
        },
      });
      stamped.push({ timeMs, line });
      if (random() < 0.05) stamped.push({ timeMs, line });
    }
  }
  // Stable: at one instant, in the order in which they were made.
  return stamped.sort((a, b) => a.timeMs - b.timeMs).map(({ line }) => line);
}
