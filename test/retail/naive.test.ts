/** The naive program against cases small enough to be computed by hand, and what it makes of the real orders. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import {
  actionsWritten, changesWritten, differences, duplicateIds, membersWritten, outcomeDifferences, traitsWritten,
} from "./canonical.js";
import { COLLISIONS_END, collidingEvents } from "./collisions.js";
import { DAY, HOUR, sum } from "./definitions.js";
import {
  RETAIL_EVENTS, RETAIL_RULES, parseEvents, readEvents, retailEventsPresent, type Item, type ShopEvent,
} from "./events.js";
import { naiveOf, type NaiveOutcome } from "./naive.js";
import { RULES } from "./naive-rules.js";
import { SEGMENT_NAMES } from "./naive-segments.js";
import { LINES, traitsOf } from "./naive-traits.js";

const START = Date.parse("2011-01-01T10:00:00Z");
/** `day(90, -1)`: a millisecond before 90 days after the start. */
const day = (days: number, ms = 0): number => START + days * DAY + ms;
const iso = (ms: number): string => new Date(ms).toISOString();

let eventNumber = 0;
function happened(type: ShopEvent["type"], timeMs: number, total: number, items: readonly Partial<Item>[]): ShopEvent {
  const id = `e${++eventNumber}`;
  const item = { sku: "mug", name: "Mug", quantity: 1, price: 1 };
  return {
    id, source: "test", type, customer: "ann", timeMs, order_id: id, total, currency: "GBP",
    country: "United Kingdom", items: items.map((some) => ({ ...item, ...some })),
  };
}
const order = (timeMs: number, total = 20, items: readonly Partial<Item>[] = [{}]): ShopEvent =>
  happened("order_placed", timeMs, total, items);
const goodsBack = (timeMs: number, total = 1): ShopEvent => happened("order_returned", timeMs, total, [{}]);

/** The changes of one segment: `entered 2011-…`. */
const changesOf = (segment: string, { changeOrder }: NaiveOutcome): string[] =>
  changeOrder.filter((line) => line.endsWith(` ${segment}`)).map((line) => line.replace(/^(\S+) ann (\S+) .*$/, "$2 $1"));
/** The actions of one rule: `2011-… email.x by time`. */
const actionsOf = (rule: string, { actionOrder }: NaiveOutcome): string[] =>
  actionOrder.filter((line) => line.split(" ")[2] === rule).map((line) => {
    const [time, , , type, , cause] = line.split(" ");
    return `${time} ${type} by ${cause}`;
  });
const traitOf = (name: string, { traits }: NaiveOutcome): string | undefined =>
  traits.find((line) => line.startsWith(`ann ${name} `))?.slice(`ann ${name} `.length);
const tallyOf = (key: string, { tally }: NaiveOutcome): number => tally.get(key) ?? 0;

const program = (): string =>
  readdirSync(RETAIL_RULES).sort().map((file) => readFileSync(join(RETAIL_RULES, file), "utf8")).join("\n");

function ordersByCustomer(events: readonly ShopEvent[]): Map<string, ShopEvent[]> {
  const orders = new Map<string, ShopEvent[]>();
  for (const event of events) {
    if (event.type === "order_placed") orders.set(event.customer, [...(orders.get(event.customer) ?? []), event]);
  }
  return orders;
}

test("the naive program has the traits, segments and rules of the rule files, and no others", () => {
  const declared = (kind: string): string[] =>
    [...program().matchAll(new RegExp(`^${kind} (\\w+)`, "gm"))].map(([, name]) => name ?? "").sort();
  const { inner: _, ...traits } = traitsOf({ events: [], nowMs: 0 });
  expect(Object.keys(traits).sort()).toEqual(declared("trait"));
  expect([...SEGMENT_NAMES].sort()).toEqual(declared("segment"));
  expect(RULES.map(({ name }) => name).sort()).toEqual(declared("rule"));
});

describe("time alone", () => {
  test("silence begins 90 days after the order, to the millisecond", () => {
    const events = [order(day(0))];
    expect(changesOf("silent", naiveOf(events, day(90, -1)))).toEqual([]);
    const outcome = naiveOf(events, day(180));
    expect(changesOf("silent", outcome)).toEqual([`entered ${iso(day(90))}`]);
    expect(changesOf("asleep", outcome)).toEqual([`entered ${iso(day(180))}`]);
    expect(actionsOf("wake_up", outcome)).toEqual([
      `${iso(day(90))} email.whats_new by time`,
      `${iso(day(104))} email.most_loved by time`,
      `${iso(day(134))} emit.still_silent by time`,
    ]);
  });

  test("an order at the very instant comes after the silence that was due, and ends it", () => {
    const again = order(day(90));
    const outcome = naiveOf([order(day(0)), again], day(120));
    expect(changesOf("silent", outcome)).toEqual([`entered ${iso(day(90))}`, `left ${iso(day(90))}`]);
    expect(actionsOf("wake_up", outcome)).toEqual([`${iso(day(90))} email.whats_new by time`]);
    expect(tallyOf("wake_up ended", outcome)).toBe(1);
  });

  test("without any order, silence is counted from the first event of any kind", () => {
    const outcome = naiveOf([goodsBack(day(0)), goodsBack(day(5))], day(200));
    expect(changesOf("never_bought", outcome)).toEqual([`entered ${iso(day(30))}`]);
    expect(changesOf("no_large_order", outcome)).toEqual([`entered ${iso(day(120))}`]);
    expect(changesOf("silent", outcome)).toEqual([]);
  });

  test("a window's end is the event's time and the span, to the millisecond", () => {
    const outcome = naiveOf([order(day(0, 1), 501)], day(400));
    expect(changesOf("splurge", outcome)).toEqual([`entered ${iso(day(0, 1))}`, `left ${iso(day(60, 1))}`]);
  });

  test("what leaves a window at the instant of an event has left before it", () => {
    const orders = [0, 1, 2, 3].map((days) => order(day(days)));
    const outcome = naiveOf([...orders, order(day(90))], day(90));
    expect(changesOf("frequent", outcome)).toEqual([
      `entered ${iso(day(3))}`, `left ${iso(day(90))}`, `entered ${iso(day(90))}`,
    ]);
  });
});

describe("segments", () => {
  test("for at least: entered when the time is up, gone with the condition", () => {
    const outcome = naiveOf([order(day(0)), order(day(2))], day(60));
    expect(changesOf("steady", outcome)).toEqual([`entered ${iso(day(9))}`, `left ${iso(day(30))}`]);
  });

  test("for at least: a break begins the count anew", () => {
    const outcome = naiveOf([order(day(0)), order(day(25)), order(day(31))], day(60));
    expect(changesOf("steady", outcome)).toEqual([`entered ${iso(day(38))}`, `left ${iso(day(55))}`]);
  });

  test("for at least: a condition that ends as its time is up has not entered, a millisecond more has", () => {
    expect(changesOf("steady", naiveOf([order(day(0)), order(day(23))], day(60)))).toEqual([]);
    expect(changesOf("steady", naiveOf([order(day(0)), order(day(23, -1))], day(60)))).toEqual([
      `entered ${iso(day(30, -1))}`, `left ${iso(day(30))}`,
    ]);
  });

  test("until: in at 2,000, out below 1,500, and 1,700 changes neither", () => {
    const outcome = naiveOf(
      [
        order(day(0), 1999), order(day(1), 1), goodsBack(day(2), 300), goodsBack(day(3), 201),
        order(day(4), 300), order(day(5), 201),
      ],
      day(6),
    );
    expect(changesOf("comfortable", outcome)).toEqual([
      `entered ${iso(day(1))}`, `left ${iso(day(3))}`, `entered ${iso(day(5))}`,
    ]);
  });

  test("until … for at least: out two weeks after the quarter", () => {
    const orders = [0, 1, 2, 3, 4].map((days) => order(day(days)));
    expect(changesOf("loyal", naiveOf(orders, day(200)))).toEqual([
      `entered ${iso(day(4))}`, `left ${iso(day(4 + 90 + 14))}`,
    ]);
    expect(changesOf("loyal", naiveOf([...orders, order(day(104))], day(220)))).toEqual([
      `entered ${iso(day(4))}`, `left ${iso(day(104 + 90 + 14))}`,
    ]);
  });

  test("one that is built on others follows them in the same instant", () => {
    const outcome = naiveOf([order(day(0), 5000), goodsBack(day(1)), goodsBack(day(1, 1))], day(100));
    expect(changesOf("prized", outcome)).toEqual([
      `entered ${iso(day(0))}`, `left ${iso(day(1, 1))}`, `entered ${iso(day(91))}`,
    ]);
  });
});

describe("rules", () => {
  test("a wait that is due comes before the event of that instant that would have ended the run", () => {
    expect(actionsOf("review_request", naiveOf([order(day(0), 400), goodsBack(day(14))], day(30)))).toEqual([
      `${iso(day(14))} email.review_request by time`,
    ]);
    expect(actionsOf("review_request", naiveOf([order(day(0), 400), goodsBack(day(14, -1))], day(30)))).toEqual([]);
  });

  test("until comes before a wait that is due at the same instant", () => {
    const four = [order(day(0)), order(day(0)), order(day(0)), order(day(0))]; // steady from 7 to 30, mail due at 75
    const ended = naiveOf([...four, order(day(68)), order(day(68))], day(80)); // steady again at 75
    expect([tallyOf("steady_lost ended", ended), tallyOf("steady_lost completed", ended)]).toEqual([1, 0]);
    const reached = naiveOf([...four, order(day(68, 1)), order(day(68, 1))], day(80));
    expect([tallyOf("steady_lost ended", reached), tallyOf("steady_lost completed", reached)]).toEqual([0, 1]);
  });

  test("a condition of until prevents a start, and ends what has started", () => {
    const orders = [0, 1, 2, 3].map((days) => order(day(days)));
    const before = naiveOf([...orders.slice(0, 3), goodsBack(day(2)), goodsBack(day(2)), order(day(3))], day(60));
    expect([tallyOf("frequent_thanks prevented", before), actionsOf("frequent_thanks", before)]).toEqual([1, []]);
    const during = naiveOf([...orders, goodsBack(day(4)), goodsBack(day(8, -1))], day(60));
    expect([tallyOf("frequent_thanks ended", during), actionsOf("frequent_thanks", during)]).toEqual([1, []]);
  });

  test("the event that starts a run does not end it, a later one that does both ends it first", () => {
    const hearts = [{ sku: "85123A" }];
    const outcome = naiveOf(
      [order(day(0), 1000), goodsBack(day(1), 10), order(day(2), 1000), goodsBack(day(70), 10)],
      day(100),
    );
    expect(actionsOf("return_care", outcome).map((line) => line.split(" ")[0])).toEqual([
      iso(day(73)), // the order of day 2 ended the first; two returns are within 90 days, but the customer is…
      iso(day(84)), // …no vip: checked
    ]);
    expect(actionsOf("hearts_again", naiveOf([order(day(0), 20, hearts)], day(40)))).toEqual([
      `${iso(day(10))} email.hearts_match by time`, `${iso(day(30))} emit.hearts_again by time`,
    ]);
  });

  test("a restart begins anew and is counted by no cap; after the run the cap holds", () => {
    const hearts = [{ sku: "85123A" }];
    const outcome = naiveOf(
      [order(day(0), 20, hearts), order(day(9), 20, hearts), order(day(50), 20, hearts), order(day(120), 20, hearts)],
      day(200),
    );
    expect(actionsOf("hearts_again", outcome)).toEqual([
      `${iso(day(19))} email.hearts_match by time`, `${iso(day(39))} emit.hearts_again by time`,
      `${iso(day(130))} email.hearts_match by time`, `${iso(day(150))} emit.hearts_again by time`,
    ]);
    expect([tallyOf("hearts_again restarted", outcome), tallyOf("hearts_again capped", outcome)]).toEqual([1, 1]);
  });

  test("a restart that `when` refuses leaves the run as it was", () => {
    const hearts = [{ sku: "85123A" }];
    const outcome = naiveOf([order(day(0), 20, hearts), order(day(9), 2000, hearts)], day(40));
    expect(actionsOf("hearts_again", outcome)).toEqual([
      `${iso(day(10))} email.hearts_match by time`, `${iso(day(30))} emit.hearts_again by time`,
    ]);
  });

  test("at most 1 per 14 days: a start counts while now is before its time and 14 days", () => {
    const first = goodsBack(day(0), 10);
    const third = goodsBack(day(14), 10);
    const outcome = naiveOf([first, goodsBack(day(14, -1), 10), third], day(20));
    expect(actionsOf("return_note", outcome)).toEqual([
      `${iso(day(0))} emit.return_note by ${first.id}`, `${iso(day(14))} emit.return_note by ${third.id}`,
    ]);
    expect(outcome.actions.filter((line) => line.includes("return_note")).map((line) => /"noted":\d/.exec(line)?.[0]))
      .toEqual(['"noted":1', '"noted":2']);
  });

  test("what a step sets is followed in the same instant, after what happened first", () => {
    const orders = [order(day(0), 1), order(day(0, 1), 1), order(day(0, 2), 5000)];
    const outcome = naiveOf(orders, day(0, 2));
    expect(changesOf("gold", outcome)).toEqual([`entered ${iso(day(0, 2))}`]);
    expect(outcome.actionOrder.map((line) => line.split(" ").slice(2, 4).join(" "))).toEqual([
      "big_movement desk.big_movement", "vip_welcome email.vip_welcome", "gold_card letter.gold_card",
    ]);
  });

  test("priority: what lets mails go on acts before those that send them at the same instant", () => {
    // Sixty days after trouble began, mails go on again, and the mail of a run whose wait ends then goes out.
    const paused = [order(day(-1), 1), goodsBack(day(0), 5), goodsBack(day(0)), goodsBack(day(0))];
    const outcome = naiveOf(paused, day(100));
    expect(actionsOf("pause_mails", outcome)).toEqual([
      `${iso(day(2))} emit.mails_paused by time`, `${iso(day(62))} emit.mails_resumed by time`,
    ]);
    expect(tallyOf("return_care suppressed email", outcome)).toBe(1);
    expect(changesOf("troubled", outcome)).toEqual([`entered ${iso(day(2))}`, `left ${iso(day(90))}`]);
    const shrinks = (timeMs: number): ShopEvent[] => [...paused, order(day(48), 200), order(timeMs, 20)];
    const then = naiveOf(shrinks(day(53)), day(100));
    expect(actionsOf("bigger_basket", then)).toEqual([`${iso(day(62))} email.bigger_basket by time`]);
    const sooner = naiveOf(shrinks(day(53, -1)), day(100));
    expect(tallyOf("bigger_basket suppressed email", sooner)).toBe(1);
  });

  test("the second order ends what waits for it, by its condition", () => {
    const outcome = naiveOf([order(day(0)), order(day(21))], day(60));
    expect(actionsOf("second_order", outcome)).toEqual([`${iso(day(21))} email.second_order by time`]);
    const sooner = naiveOf([order(day(0)), order(day(21, -1))], day(60));
    expect([actionsOf("second_order", sooner), tallyOf("second_order ended", sooner)]).toEqual([[], 1]);
  });
});

describe("values", () => {
  test("a sum is rounded once", () => {
    expect(sum(Array<number>(10).fill(0.1))).toBe(1);
    expect(sum([1e16, 1, 1])).toBe(1e16 + 2);
    expect(sum([2 ** 53, 1, 2 ** -60])).toBe(2 ** 53 + 2);
    expect(sum([])).toBe(0);
  });

  test("windows, products over items and missing values", () => {
    const outcome = naiveOf(
      [
        order(day(0), 100, [{ sku: "85123A", quantity: 3, price: 2.55 }, { sku: "85123A", quantity: 1, price: 2.95 }]),
        order(day(100), 40, [{ sku: "jug", quantity: 2, price: 12 }, { sku: "POST", quantity: 2, price: 18 }]),
        order(day(100), 60, [{ sku: "jug", quantity: 2, price: 11 }]),
      ],
      day(110),
    );
    const named = ["opening_order", "latest_order", "average_order", "smallest_order", "largest_order", "known_for"];
    expect(named.map((name) => traitOf(name, outcome))).toEqual(["100", "60", `${200 / 3}`, "40", "100", `${100 * DAY}`]);
    expect(traitOf("hearts_spend", outcome)).toBe(String(sum([2.55 * 3, 2.95])));
    expect(["dear_products", "dearest", "refund_share"].map((name) => traitOf(name, outcome))).toEqual(["1", "12", "0"]);
    expect(traitOf("customer_since", outcome)).toBe(JSON.stringify(iso(START)));
    const nothing = naiveOf([goodsBack(day(0))], day(1));
    expect(["refund_share", "average_order", "dearest", "known_for", "last_order_at"].map((name) => traitOf(name, nothing)))
      .toEqual(["null", "null", "null", "null", "null"]);
  });

  test("the same source and id twice is one event; of another customer, another", () => {
    const event = (subject: string) =>
      JSON.stringify({
        specversion: "1.0", id: "1", source: "shop", type: "order_placed", subject, time: "2011-01-01T10:00:00Z",
        data: { order_id: "1", total: 5, currency: "GBP", country: "EIRE", items: [] },
      });
    expect(parseEvents([event("ann"), event("ann"), event("bob")].join("\n")).map(({ customer }) => customer))
      .toEqual(["ann", "bob"]);
  });

  test("events whose time goes back are refused", () => {
    const event = (id: string, time: string) =>
      JSON.stringify({ id, source: "shop", type: "order_placed", subject: "ann", time, data: { total: 1, items: [] } });
    const late = [event("1", "2011-01-02T10:00:00Z"), event("2", "2011-01-01T10:00:00Z")].join("\n");
    expect(() => parseEvents(late)).toThrow("event 2");
  });
});

describe("lines from CloudEvents", () => {
  test("are those of the naive program, whatever the order of keys and the spelling of instants", () => {
    const first = order(day(0), 1);
    const outcome = naiveOf([first, order(day(0, 1), 1), order(day(0, 2), 5000)], day(7));
    const written = {
      specversion: "1.0", id: "a1", source: "eddy", type: "letter.gold_card", subject: "ann", rule: "gold_card",
      cause: `e${eventNumber}`, time: "2011-01-01T10:00:00.002Z", data: { since: "2011-01-01T10:00:00Z", tier: "gold" },
    };
    expect(outcome.actions).toContain(actionsWritten([JSON.stringify(written)])[0]);
    const change = {
      id: "s1", type: "segment.entered", subject: "ann", time: "2011-01-01T10:00:00.002Z", data: { segment: "vip" },
    };
    expect(outcome.changes).toContain(changesWritten([JSON.stringify(change)])[0]);
    expect(outcome.members).toContain(membersWritten(['{"segment":"vip","customer":"ann"}'])[0]);
    expect(outcome.traits).toContain(traitsWritten(['{"customer":"ann","spend_year":5002}'])[0]);
    expect(duplicateIds([JSON.stringify(written), JSON.stringify(change), JSON.stringify(written)])).toEqual(["a1"]);
  });

  test("differences are named from both sides, repeated lines too", () => {
    expect(differences(["a", "b", "b", "d"], ["b", "c", "d", "e"])).toEqual(["- a", "- b", "+ c", "+ e"]);
    expect(differences(["a", "b", "c"], [], 1)).toEqual(["- a", "… and 2 more"]);
    const outcome = naiveOf([order(day(0))], day(1));
    expect(outcomeDifferences(outcome, outcome)).toEqual([]);
    expect(outcomeDifferences(outcome, { ...outcome, members: ["vip ann"] })).toEqual(["members + vip ann"]);
    expect(outcomeDifferences({ ...outcome, actionOrder: ["a", "b"] }, { ...outcome, actionOrder: ["b", "a"] }))
      .toEqual(["actionOrder - a", "actionOrder + b"]);
  });
});

describe("made-up histories in which instants collide", () => {
  const lines = collidingEvents(1, 400);
  const events = parseEvents(lines.join("\n"));
  const outcome = naiveOf(events, COLLISIONS_END);

  test("come out the same from the same seed", () => {
    expect(collidingEvents(1, 400)).toEqual(lines);
    expect(collidingEvents(2, 400)).not.toEqual(lines);
  });

  test("hold repeated events and such of types that nobody declared", () => {
    expect(lines.length - new Set(lines).size).toBeGreaterThan(100);
    expect(lines.filter((line) => line.includes('"parcel_weighed"')).length).toBeGreaterThan(100);
    expect(events.length).toBeLessThan(new Set(lines).size);
  });

  test("move every segment and try every rule", () => {
    expect(SEGMENT_NAMES.filter((name) => !outcome.changes.some((line) => line.endsWith(` left ${name}`)))).toEqual([]);
    expect(RULES.filter(({ name }) => tallyOf(`${name} completed`, outcome) < 20).map(({ name }) => name)).toEqual([]);
  });

  test("have much happen by time at the instant of an event", () => {
    const instants = new Set(events.map(({ customer, timeMs }) => `${iso(timeMs)} ${customer} `));
    const byTime = outcome.actions.filter((line) => line.includes(" by time "));
    expect(byTime.filter((line) => instants.has(/^\S+ \S+ /.exec(line)?.[0] ?? "")).length)
      .toBeGreaterThan(100);
  });
});

describe.skipIf(!retailEventsPresent)("the real orders (skipped where ../shared/data/online-retail.ndjson.gz is not)", () => {
  let events: ShopEvent[];
  beforeAll(() => { events = readEvents(RETAIL_EVENTS); });

  test("all events are read", () => {
    expect([events.length, new Set(events.map(({ customer }) => customer)).size]).toEqual([22_190, 4_372]);
  });

  test("stay within the 256 entries for which every window is exact", () => {
    const most = (spanMs: number, count: (event: ShopEvent) => number): number =>
      Math.max(...[...ordersByCustomer(events).values()].flatMap((orders) => orders.map((last) =>
        orders
          .filter(({ timeMs }) => timeMs <= last.timeMs && last.timeMs < timeMs + spanMs)
          .reduce((n, event) => n + count(event), 0))));
    expect(most(Infinity, () => 1)).toBeLessThanOrEqual(256);
    for (const lines of Object.values(LINES)) {
      const spanMs = "spanMs" in lines ? lines.spanMs : Infinity;
      expect(most(spanMs, (event) => event.items.filter((item) => lines.where(item, event)).length)).toBeLessThanOrEqual(256);
    }
  });

  test("cross the bounds of `distinct` at the same instants if only the newest 256 lines are known", () => {
    const different = new Set<string>();
    for (const [customer, orders] of ordersByCustomer(events)) {
      if (orders.reduce((n, { items }) => n + items.length, 0) <= 256) continue;
      for (const nowMs of orders.flatMap(({ timeMs }) => [timeMs, timeMs + 90 * DAY])) {
        for (const andEvents of [0, 1]) {
          const rows = orders
            .filter(({ timeMs }) => timeMs < nowMs + andEvents && nowMs < timeMs + 90 * DAY)
            .flatMap(({ items }) => items.map(({ sku }) => sku));
          const [all, newest] = [new Set(rows).size, new Set(rows.slice(-256)).size];
          for (const bound of [30, 50, 80]) if (all >= bound !== newest >= bound) different.add(`${customer} at ${bound}`);
        }
      }
    }
    expect([...different]).toEqual([]);
  });

  test("have two events of one customer at one instant, and instants finer than a day", () => {
    const pairs = events.filter((event, at) => events[at - 1]?.customer === event.customer && events[at - 1]?.timeMs === event.timeMs);
    expect(pairs.length).toBeGreaterThan(100);
    expect(events.filter(({ timeMs }) => timeMs % HOUR !== 0).length).toBeGreaterThan(20_000);
  });
});
