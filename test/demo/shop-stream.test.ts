/** The demonstration's stream: the same for a seed, lifelike in its rhythm, and made of what the shop rules declare. */
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { customerId, firstName, nameOf, placesOf } from "../../cli/demo/people.js";
import type { ShopEvent, ShopEventType } from "../../cli/demo/shop-events.js";
import { DEMO_START_MS, shopStream, type ShopStream } from "../../cli/demo/shop-stream.js";
import { declared, joined, mismatches } from "./declared.js";

const DAY = 86_400_000;
const HOUR = 3_600_000;

const first = (stream: ShopStream, count: number): ShopEvent[] => Array.from({ length: count }, () => stream.next());
const fingerprint = (events: readonly ShopEvent[]): string =>
  createHash("sha256").update(events.map((event) => JSON.stringify(event)).join("\n")).digest("hex");

/** A year and more of the shop, made once for the tests that look at how it behaves. */
const year: readonly ShopEvent[] = first(shopStream(1), 200_000);
const ofType = <T extends ShopEventType>(type: T): Extract<ShopEvent, { type: T }>[] =>
  year.filter((event): event is Extract<ShopEvent, { type: T }> => event.type === type);

describe("the same for a seed", () => {
  test("the first ten thousand events are known to the byte", () => {
    expect(fingerprint(first(shopStream(42), 10_000))).toBe("58a1d9bd4fa9af694a42f25751fcc0cb4c987582202d5974a3248a469de1d57e");
  });

  test("another seed, another shop", () => {
    expect(fingerprint(first(shopStream(43), 1000))).not.toBe(fingerprint(first(shopStream(42), 1000)));
  });

  test("how it is pulled makes no difference", () => {
    const oneByOne = first(shopStream(7), 2000);
    const looked = shopStream(7);
    const byDays: ShopEvent[] = [];
    for (let day = 1; byDays.length < 2000; day++) byDays.push(...looked.before(DEMO_START_MS + day * DAY));
    expect(byDays.slice(0, 2000)).toEqual(oneByOne);
    const iterated: ShopEvent[] = [];
    for (const event of shopStream(7)) if (iterated.push(event) === 2000) break;
    expect(iterated).toEqual(oneByOne);
  });

  test("the stream may begin at another instant", () => {
    const startMs = Date.UTC(2021, 5, 7);
    const moved = first(shopStream(7, { startMs }), 500);
    const usual = first(shopStream(7), 500);
    // Both starts are Mondays, so the two differ by nothing but the calendar.
    const shift = startMs - DEMO_START_MS;
    expect(moved.map((event) => Date.parse(event.time) - shift)).toEqual(usual.map((event) => Date.parse(event.time)));
    expect(moved.map((event) => event.data)).toEqual(usual.map((event) => event.data));
  });
});

describe("in order", () => {
  test("times never go back, and the next one is known before", () => {
    const stream = shopStream(3);
    let last = DEMO_START_MS;
    let wrong = 0;
    for (let i = 0; i < 20_000; i++) {
      const ahead = stream.peekTime();
      const at = Date.parse(stream.next().time);
      if (at !== ahead || at < last) wrong++;
      last = at;
    }
    expect(wrong).toBe(0);
    expect(last).toBeGreaterThan(DEMO_START_MS);
  });

  test("events before an instant, and not one of it or later", () => {
    const stream = shopStream(3);
    const noon = DEMO_START_MS + 5 * DAY + 12 * HOUR;
    const morning = [...stream.before(noon)];
    expect(morning.length).toBeGreaterThan(100);
    expect(Math.max(...morning.map((event) => Date.parse(event.time)))).toBeLessThan(noon);
    expect(stream.peekTime()).toBeGreaterThanOrEqual(noon);
    const [exact] = [...shopStream(3).before(DEMO_START_MS + 400 * DAY)];
    const again = shopStream(3);
    expect([...again.before(Date.parse(exact?.time ?? ""))]).toEqual([]);
  });

  test("ids are never used twice, customers are plain in a subject", () => {
    expect(new Set(year.map((event) => event.id)).size).toBe(year.length);
    for (const { subject } of year) if (!/^c\d{4,}$/.test(subject)) throw new Error(`a strange customer: ${subject}`);
  });

  test("a customer is first seen on a visit, parcels follow orders, returns follow parcels", () => {
    const seen = new Set<string>();
    const happened = new Set<string>();
    const wrong: string[] = [];
    const after = (what: string, event: { readonly id: string }): unknown => happened.has(what) || wrong.push(`${event.id}: not after ${what}`);
    for (const event of year) {
      if (!seen.has(event.subject) && event.type !== "session_started") wrong.push(`${event.id}: ${event.subject} begins with ${event.type}`);
      seen.add(event.subject);
      if (event.type === "order_placed") happened.add(`placed ${event.subject} ${event.data.order_id}`);
      if (event.type === "order_delivered") {
        after(`placed ${event.subject} ${event.data.order_id}`, event);
        happened.add(`delivered ${event.subject} ${event.data.order_id}`);
      }
      if (event.type === "order_returned") after(`delivered ${event.subject} ${event.data.order_id}`, event);
    }
    expect(wrong).toEqual([]);
    expect(happened.size).toBeGreaterThan(1000);
  });
});

describe("what the rules declare", () => {
  const types = new Map(declared("event").map(({ name: { text: name } }) => [name, joined(declared("event").filter((each) => each.name.text === name))]));
  const profile = joined(declared("profile"));

  test("every event matches its declared type, field by field", () => {
    const wrong = new Set<string>();
    for (const { type, data } of year) {
      if (type === "profile_updated") {
        if (profile !== null) for (const each of mismatches(data, profile, type, true)) wrong.add(each);
        continue;
      }
      if (!types.has(type)) wrong.add(`${type}: not declared`);
      const record = types.get(type) ?? null;
      const found = record === null ? Object.keys(data).map((name) => `${type}.${name}: not declared`) : mismatches(data, record, type);
      for (const each of found) wrong.add(each);
    }
    expect(profile).not.toBeNull();
    expect([...wrong]).toEqual([]);
  });

  test("every event of the shop comes, and soon", () => {
    const all: Readonly<Record<ShopEventType, true>> = {
      session_started: true, product_viewed: true, cart_updated: true, order_placed: true, order_status: true, order_delivered: true, order_returned: true,
      review_posted: true, newsletter_joined: true, newsletter_left: true, email_opened: true, profile_updated: true,
    };
    expect([...new Set<string>(year.slice(0, 20_000).map((event) => event.type))].sort()).toEqual(Object.keys(all).sort());
  });

  test("every field that may be missing is there at times, and at times is not", () => {
    const orders = ofType("order_placed");
    const withCode = orders.filter((event) => event.data.code !== undefined).length;
    expect(withCode).toBeGreaterThan(orders.length / 20);
    expect(withCode).toBeLessThan(orders.length / 2);
  });

  test("an order costs what is in it, less a tenth with a code", () => {
    for (const { data } of ofType("order_placed")) {
      const full = data.items.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
      expect(data.total).toBeCloseTo(data.code === undefined ? full : full * 0.9, 1);
      expect(data.items.length).toBeGreaterThan(0);
    }
  });
});

describe("lifelike", () => {
  /** What share of the visits begins in each hour of the customers' own day, for those of one zone. */
  const visitsByHour = (timezone: string, offsetHours: number): number[] => {
    const homes = new Map<string, string>();
    const hours = new Array<number>(24).fill(0);
    for (const event of year) {
      if (event.type === "profile_updated" && event.data.timezone !== undefined) homes.set(event.subject, event.data.timezone);
      if (event.type !== "session_started" || homes.get(event.subject) !== timezone) continue;
      const hour = (new Date(event.time).getUTCHours() + offsetHours + 24) % 24;
      hours[hour] = (hours[hour] ?? 0) + 1;
    }
    return hours;
  };

  test.each([
    ["Europe/Warsaw", 1],
    ["Europe/London", 0],
    ["America/New_York", -5],
  ])("people of %s are up in the evening and asleep at night", (timezone, offset) => {
    const hours = visitsByHour(timezone, offset);
    const between = (from: number, to: number): number => hours.slice(from, to).reduce((sum, each) => sum + each, 0);
    expect(between(18, 22)).toBeGreaterThan(200);
    expect(between(18, 22)).toBeGreaterThan(10 * between(1, 5));
    expect(between(18, 22)).toBeGreaterThan(1.4 * between(9, 13));
  });

  test("Sundays are busier than Tuesdays", () => {
    const weekdays = new Array<number>(7).fill(0);
    for (const { time } of ofType("session_started")) {
      const day = new Date(time).getUTCDay();
      weekdays[day] = (weekdays[day] ?? 0) + 1;
    }
    expect(weekdays[0]).toBeGreaterThan(1.2 * (weekdays[2] ?? Infinity));
  });

  test("a few customers do much of it: the busiest tenth more than three tenths, and half of them little", () => {
    const perCustomer = new Map<string, number>();
    for (const { subject } of year) perCustomer.set(subject, (perCustomer.get(subject) ?? 0) + 1);
    const sorted = [...perCustomer.values()].sort((a, b) => b - a);
    const share = (part: number): number =>
      sorted.slice(0, Math.floor(sorted.length * part)).reduce((sum, each) => sum + each, 0) / year.length;
    expect(share(0.1)).toBeGreaterThan(0.3);
    expect(share(0.5)).toBeGreaterThan(0.75);
  });

  test("two hundred thousand events are more than a year of a few thousand customers, who come over time", () => {
    const days = (Date.parse(year.at(-1)?.time ?? "") - DEMO_START_MS) / DAY;
    expect(days).toBeGreaterThan(380);
    expect(days).toBeLessThan(600);
    const arrivals = new Map<string, number>();
    for (const { subject, time } of year) if (!arrivals.has(subject)) arrivals.set(subject, Date.parse(time));
    expect(arrivals.size).toBeGreaterThan(2500);
    expect(arrivals.size).toBeLessThan(5000);
    const inMonth = (month: number): number =>
      [...arrivals.values()].filter((at) => Math.floor((at - DEMO_START_MS) / (30 * DAY)) === month).length;
    for (let month = 0; month < 12; month++) expect(inMonth(month), `month ${month}`).toBeGreaterThan(50);
  });

  test("some order, go silent for ninety and for a hundred and eighty days, and some of those wake up", () => {
    const orders = new Map<string, number[]>();
    for (const { subject, time } of ofType("order_placed")) {
      orders.set(subject, [...(orders.get(subject) ?? []), Date.parse(time)]);
    }
    const gaps = [...orders.values()].flatMap((times) => times.slice(1).map((at, i) => (at - (times[i] ?? at)) / DAY));
    expect(gaps.filter((gap) => gap > 90).length).toBeGreaterThan(50);
    expect(gaps.filter((gap) => gap > 180).length).toBeGreaterThan(10);
    expect(gaps.filter((gap) => gap < 30).length).toBeGreaterThan(500);
  });

  test("carts are mostly left behind, and some are emptied", () => {
    const carts = new Set(ofType("cart_updated").map((event) => `${event.subject} ${event.data.cart_id}`));
    const share = ofType("order_placed").length / carts.size;
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.75);
    expect(ofType("cart_updated").filter((event) => event.data.items.length === 0).length).toBeGreaterThan(50);
  });

  test("ten times the customers, ten times the events a day", () => {
    const perDay = (customers: number): number => {
      const from = DEMO_START_MS + 60 * DAY;
      const stream = shopStream(5, { customers });
      while (stream.peekTime() < from) stream.next();
      return [...stream.before(from + 20 * DAY)].length / 20;
    };
    const ratio = perDay(5000) / perDay(500);
    expect(ratio).toBeGreaterThan(6);
    expect(ratio).toBeLessThan(16);
  });
});

describe("people", () => {
  test("a name follows from the id, and is the one in the profile", () => {
    for (const { subject, data } of ofType("profile_updated")) {
      if (data.first_name !== undefined) expect(nameOf(subject)).toBe(data.first_name);
    }
    expect(customerId(42)).toBe("c0042");
    expect(nameOf("c0042")).toBe(firstName(42));
    expect(nameOf("somebody-else")).toBeNull();
  });

  test("profiles name real places with their zones", () => {
    for (const { data } of ofType("profile_updated")) {
      if (data.timezone !== undefined) expect(() => new Intl.DateTimeFormat("en", { timeZone: data.timezone })).not.toThrow();
    }
    for (let number = 1; number < 100; number++) expect(placesOf(number).length).toBeGreaterThan(1);
  });
});
