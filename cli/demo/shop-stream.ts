/**
 * A lifelike stream of shop events for the demonstration: customers arrive, visit by the rhythm of their day and week,
 * look, fill carts, buy or do not, get their parcels, review, return, read mails, pause for months, leave for good.
 * The events are those that the files in `rules` declare, and `profile_updated`.
 *
 * The same seed and options give the same events, byte by byte, on every machine. The stream never ends, its times
 * never go back, and it remembers only the customers who may still come (about a megabyte for each million events): who
 * has left is forgotten.
 */

import { agenda } from "./agenda.js";
import { CATEGORIES, CODES, RETURN_REASONS, SHELVES, type Category, type Product } from "./catalogue.js";
import * as people from "./people.js";
import { EXPONENTIAL, seededRandom } from "./random.js";
import type { CartLine, OrderLine, ShopEvent, ShopEventData, ShopEventType } from "./shop-events.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A Monday, 00:00 UTC, long enough ago that simulated time stays behind the real one for years of it. */
export const DEMO_START_MS = Date.UTC(2018, 0, 1);

export interface ShopStreamOptions {
  /** How many customers come within the first year; newcomers go on coming at the same pace. 3000 unless said. */
  readonly customers?: number;
  /** The instant at which the stream begins, in ms. {@link DEMO_START_MS} unless said. */
  readonly startMs?: number;
}

export interface ShopStream extends Iterable<ShopEvent> {
  /** The next event; the stream never ends. */
  readonly next: () => ShopEvent;
  /** The time of the event that `next` will give, in ms. */
  readonly peekTime: () => number;
  /** Takes, one by one, the events that happen before an instant. */
  readonly before: (instantMs: number) => Generator<ShopEvent, void, undefined>;
}

interface Customer {
  readonly number: number;
  readonly id: string;
  readonly persona: people.Persona;
  readonly activity: number;
  readonly favourite: Category;
  /** How likely a mail is opened. */
  readonly opens: number;
  /** How likely an order comes back; a few send back half of what they buy. */
  readonly returns: number;
  readonly device: "phone" | "tablet" | "desktop";
  place: people.Place;
  visits: number;
  subscribed: boolean;
  gone: boolean;
}

/** What stands in the agenda: an event to be told, or something that people do next and that leads to events. */
type Plan =
  | { readonly kind: "tell"; readonly customer: Customer; readonly type: ShopEventType; readonly data: ShopEventData[ShopEventType] }
  | { readonly kind: "arrive" }
  | { readonly kind: "visit"; readonly customer: Customer }
  | { readonly kind: "come back"; readonly customer: Customer; readonly cart: ShopEventData["cart_updated"] }
  | { readonly kind: "newsletter"; readonly customer: Customer };

/** More than a third of the first year's customers come in its first four weeks, so that there is much to see soon. */
const EARLY_SHARE = 0.36;
const EARLY_DAYS = 28;
const YEAR_DAYS = 365;
const NEWSLETTER_WEEKDAY = 4;

export function shopStream(seed: number, options: ShopStreamOptions = {}): ShopStream {
  const customers = options.customers ?? 3000;
  const start = options.startMs ?? DEMO_START_MS;
  const random = seededRandom(seed);
  const plans = agenda<Plan>();
  let arrived = 0;
  let carts = 0;
  let orders = 0;
  let told = 0;

  const tell = <T extends ShopEventType>(at: number, customer: Customer, type: T, data: ShopEventData[T]): void =>
    plans.add(at, { kind: "tell", customer, type, data });

  // ---- when ----

  // Times are whole seconds: enough for people, and the short form of a time is the quicker one to read.
  const seconds = (low: number, high: number): number => Math.floor(random.between(low, high)) * SECOND;
  const days = (count: number): number => Math.floor(count * (DAY / SECOND)) * SECOND;
  const weekdayOf = (localMs: number): number => (Math.floor(localMs / DAY) + 4) % 7;

  /** An instant from `earliest` on, on a likely day at a likely hour of the customer's. */
  const likelyTime = (customer: Customer, earliest: number): number => {
    const { offsetMs } = customer.place;
    let midnight = Math.floor((earliest + offsetMs) / DAY) * DAY;
    for (;;) {
      const weekday = weekdayOf(midnight);
      if (random.chance(people.WEEKDAYS[weekday] ?? 1)) {
        const hours = weekday === 0 || weekday === 6 ? people.WEEKEND_HOURS : people.WORKDAY_HOURS;
        const at = midnight + random.weighted(hours) * HOUR + seconds(0, 3600) - offsetMs;
        if (at >= earliest) return at;
      }
      midnight += DAY;
    }
  };

  /** The next newsletter: Thursday at ten where the customer lives. */
  const nextNewsletter = (customer: Customer, after: number): number => {
    const local = after + customer.place.offsetMs;
    const today = Math.floor(local / DAY) * DAY + 10 * HOUR;
    const ahead = (NEWSLETTER_WEEKDAY - weekdayOf(local) + 7) % 7;
    const at = today + ahead * DAY;
    return (at > local ? at : at + 7 * DAY) - customer.place.offsetMs;
  };

  const planNextVisit = (customer: Customer, after: number): void => {
    const { persona } = customer;
    if (random.chance(persona.leaves)) {
      customer.gone = true;
      return;
    }
    const gap = (random.quantile(EXPONENTIAL) * persona.daysBetweenVisits) / customer.activity;
    const pause = random.chance(persona.pauses) ? random.quantile(people.PAUSE_DAYS) : 0;
    const earliest = after + HOUR + days(gap + pause);
    plans.add(likelyTime(customer, earliest), { kind: "visit", customer });
  };

  // ---- what ----

  const newCustomer = (): Customer => {
    const number = ++arrived;
    const persona = people.PERSONAS[random.weighted(people.PERSONAS.map((each) => each.weight))] ?? people.PERSONAS[0];
    return {
      number,
      id: people.customerId(number),
      persona,
      activity: random.quantile(people.ACTIVITY),
      favourite: random.pick(CATEGORIES),
      opens: random.between(0.03, 0.5),
      returns: random.chance(0.05) ? 0.5 : persona.returns,
      device: random.pick(["phone", "phone", "phone", "desktop", "desktop", "tablet"]),
      place: random.pick(people.placesOf(number)),
      visits: 0,
      subscribed: false,
      gone: false,
    };
  };

  const arrive = (at: number): void => {
    const early = at < start + EARLY_DAYS * DAY;
    const perDay = early
      ? (customers * EARLY_SHARE) / EARLY_DAYS
      : (customers * (1 - EARLY_SHARE)) / (YEAR_DAYS - EARLY_DAYS);
    plans.add(at + days(random.quantile(EXPONENTIAL) / perDay), { kind: "arrive" });
    const customer = newCustomer();
    plans.add(likelyTime(customer, at), { kind: "visit", customer });
  };

  /** Mostly from the favourite shelf, and mostly from its front. */
  const look = (customer: Customer): Product => {
    const shelf = SHELVES[random.chance(0.55) ? customer.favourite : random.pick(CATEGORIES)];
    const near = random.share() * random.share();
    return shelf[Math.floor(near * shelf.length)] ?? shelf[0];
  };

  const register = (at: number, customer: Customer): void => {
    const name = people.firstName(customer.number);
    const { birthday, sms, topics } = people.wishesOf(customer.number);
    tell(at, customer, "profile_updated", {
      email: `${name.toLowerCase()}.${customer.id}@example.com`,
      first_name: name,
      city: customer.place.city,
      timezone: customer.place.timezone,
      ...(birthday === null ? {} : { birthday }),
      ...(topics.length === 0 ? {} : { topics }),
      consent: { email: random.chance(0.35), sms, push: random.chance(0.4) },
    });
  };

  const joinNewsletter = (at: number, customer: Customer): void => {
    customer.subscribed = true;
    tell(at, customer, "profile_updated", { consent: { email: true } });
    tell(at + 2 * SECOND, customer, "newsletter_joined", {});
    if (random.chance(customer.opens + 0.3)) {
      tell(at + seconds(120, 20 * 3600), customer, "email_opened", { template: "welcome" });
    }
    plans.add(nextNewsletter(customer, at), { kind: "newsletter", customer });
  };

  const newsletter = (at: number, customer: Customer): void => {
    if (!customer.subscribed || customer.gone) return;
    if (random.chance(0.004)) {
      customer.subscribed = false;
      const left = at + seconds(60, 6 * 3600);
      tell(left, customer, "newsletter_left", {});
      tell(left + SECOND, customer, "profile_updated", { consent: { email: false } });
      return;
    }
    if (random.chance(customer.opens * 0.5)) {
      tell(at + seconds(60, 14 * 3600), customer, "email_opened", { template: "newsletter" });
    }
    plans.add(nextNewsletter(customer, at), { kind: "newsletter", customer });
  };

  const visit = (at: number, customer: Customer): void => {
    const { persona } = customer;
    const first = customer.visits++ === 0;
    tell(at, customer, "session_started", { device: random.chance(0.85) ? customer.device : "phone" });
    let now = at + seconds(5, 40);
    if (first) register((now += seconds(20, 120)), customer);
    if (!customer.subscribed && random.chance(first ? 0.3 : 0.03)) joinNewsletter((now += seconds(10, 60)), customer);
    if (!first && random.chance(0.006)) moveHouse((now += seconds(10, 60)), customer);

    const filling = random.chance(persona.fills);
    const looks = 1 + Math.floor(random.quantile(EXPONENTIAL) * (persona.looks - 0.5));
    const items: CartLine[] = [];
    let cart: ShopEventData["cart_updated"] | null = null;
    for (let i = 0; i < looks; i++) {
      const { sku, category, price } = look(customer);
      tell((now += seconds(15, 150)), customer, "product_viewed", { sku, category, price });
      const lastChance = filling && i === looks - 1 && items.length === 0;
      if (lastChance || (filling && items.length < 6 && random.chance(0.4))) {
        items.push({ sku, category, price });
        cart ??= { cart_id: `k${++carts}`, items };
        tell((now += seconds(5, 60)), customer, "cart_updated", { cart_id: cart.cart_id, items: [...items] });
      }
    }
    if (cart !== null) decide((now += seconds(30, 300)), customer, cart);
    planNextVisit(customer, now);
  };

  /** Buys the cart, empties it, or leaves it behind and perhaps comes back. */
  const decide = (at: number, customer: Customer, cart: ShopEventData["cart_updated"]): void => {
    const { persona } = customer;
    if (random.chance(persona.buys)) order(at, customer, cart);
    else if (random.chance(0.08)) tell(at, customer, "cart_updated", { cart_id: cart.cart_id, items: [] });
    else if (random.chance(persona.comesBack)) {
      plans.add(likelyTime(customer, at + 2 * HOUR + seconds(0, 30 * 3600)), { kind: "come back", customer, cart });
    }
  };

  const comeBack = (at: number, customer: Customer, cart: ShopEventData["cart_updated"]): void => {
    tell(at, customer, "session_started", { device: customer.device });
    order(at + seconds(60, 600), customer, cart);
  };

  const moveHouse = (at: number, customer: Customer): void => {
    customer.place = random.pick(people.placesOf(customer.number));
    tell(at, customer, "profile_updated", { city: customer.place.city, timezone: customer.place.timezone });
  };

  const order = (at: number, customer: Customer, cart: ShopEventData["cart_updated"]): void => {
    const items = cart.items.map((line) => ({
      ...line,
      quantity: line.category === "coffee" || line.category === "tea" ? 1 + random.whole(3) : 1,
    }));
    const code = random.chance(customer.persona.usesCode) ? random.pick(CODES) : null;
    let cents = 0;
    for (const { price, quantity } of items) cents += Math.round(price * 100) * quantity;
    if (code !== null) cents = Math.round(cents * 0.9);
    const total = cents / 100;
    const id = `o${++orders}`;
    tell(at, customer, "order_placed", { order_id: id, total, ...(code === null ? {} : { code }), items });
    if (customer.subscribed && random.chance(customer.opens + 0.2)) {
      tell(at + seconds(60, 3 * 3600), customer, "email_opened", { template: "order_confirmation" });
    }
    deliver(at, customer, id, total, items);
  };

  /** One to four days later, by day; then perhaps a return, or else a review. */
  const deliver = (at: number, customer: Customer, id: string, total: number, items: readonly OrderLine[]): void => {
    const { offsetMs } = customer.place;
    const midnight = Math.floor((at + offsetMs) / DAY) * DAY - offsetMs;
    const delivered = midnight + (1 + random.whole(4)) * DAY + seconds(8 * 3600, 19 * 3600);
    tell(at + Math.floor((delivered - at) / 2 / SECOND) * SECOND, customer, "order_status", { order_id: id, state: "sent" });
    tell(delivered, customer, "order_delivered", {
      order_id: id,
      items: items.map(({ sku, category }) => ({ sku, category })),
    });
    if (random.chance(customer.returns)) {
      const reason = RETURN_REASONS[random.weighted([5, 3, 2])] ?? RETURN_REASONS[0];
      tell(delivered + days(random.between(1, 12)), customer, "order_returned", { order_id: id, amount: total, reason });
      return;
    }
    const [first] = items;
    if (first !== undefined && random.chance(customer.persona.reviews)) {
      const rating = 5 - random.weighted([58, 24, 8, 5, 5]);
      tell(delivered + days(random.between(0.2, 9)), customer, "review_posted", { sku: first.sku, rating });
    }
  };

  // ---- the stream ----

  type Telling = Extract<Plan, { kind: "tell" }>;

  /** Lets people act until somebody does something that the shop tells of. */
  const advance = (): { at: number; telling: Telling } => {
    for (;;) {
      const at = plans.nextAt();
      const plan = plans.take();
      if (plan === undefined) throw new Error("the shop's agenda is empty: somebody always arrives next");
      switch (plan.kind) {
        case "tell":
          return { at, telling: plan };
        case "arrive":
          arrive(at);
          break;
        case "visit":
          visit(at, plan.customer);
          break;
        case "come back":
          comeBack(at, plan.customer, plan.cart);
          break;
        case "newsletter":
          newsletter(at, plan.customer);
          break;
      }
    }
  };

  plans.add(start, { kind: "arrive" });
  let ahead = advance();

  const next = (): ShopEvent => {
    const { at, telling } = ahead;
    ahead = advance();
    // The type and its data were joined by `tell`, which checks that they belong together.
    return {
      specversion: "1.0",
      id: `e${++told}`,
      source: "shop",
      type: telling.type,
      subject: telling.customer.id,
      time: `${new Date(at).toISOString().slice(0, 19)}Z`,
      data: telling.data,
    } as ShopEvent;
  };
  const peekTime = (): number => ahead.at;

  return {
    next,
    peekTime,
    *before(instantMs) {
      while (peekTime() < instantMs) yield next();
    },
    *[Symbol.iterator]() {
      for (;;) yield next();
    },
  };
}
