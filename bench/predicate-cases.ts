/**
 * The predicates that the bench of predicates measures, each written in every engine's own language: rules for Eddy, by hand
 * in TypeScript, CEL, JsonLogic, ZEN's expressions, conditions of json-rules-engine. Beside them the events, seeded, of
 * changing shapes: what is optional is missing in some.
 */
import { random } from "./shop-load.js";

export interface Order {
  readonly total: number;
  readonly quantity: number;
  readonly category: string;
  readonly country: string;
  readonly express: boolean;
  readonly coupon?: string;
  readonly shipping: { readonly method: string; readonly price: number };
}

export const ORDER_EVENT = `event order {
  total: number  quantity: number  category: string  country: string  express: boolean  coupon: string?
  shipping: { method: string, price: number }
}`;

export interface PredicateCase {
  readonly name: string;
  readonly eddy: string;
  readonly byHand: (order: Order) => boolean;
  readonly cel: string;
  readonly jsonLogic: object;
  readonly zen: string;
  /** Null: it has no words for it. */
  readonly jsonRules: object | null;
}

const fact = (name: string, operator: string, value: unknown, path?: string): object => ({ fact: name, operator, value, ...(path === undefined ? {} : { path }) });
const variable = (name: string): object => ({ var: name });
const COUNTRIES = ["PL", "DE", "FR", "ES", "IT", "NL", "SE", "CZ", "AT", "PT", "DK", "FI"];
const EURO = ["DE", "FR", "ES", "IT", "NL", "AT", "PT", "FI"];
const EURO_SET = new Set(EURO);

export const CASES: readonly PredicateCase[] = [
  {
    name: "one number",
    eddy: "total > 250",
    byHand: (o) => o.total > 250,
    cel: "total > 250.0", jsonLogic: { ">": [variable("total"), 250] }, zen: "total > 250",
    jsonRules: fact("total", "greaterThan", 250),
  },
  {
    name: "one text",
    eddy: 'category == "coffee"',
    byHand: (o) => o.category === "coffee",
    cel: 'category == "coffee"', jsonLogic: { "==": [variable("category"), "coffee"] }, zen: 'category == "coffee"',
    jsonRules: fact("category", "equal", "coffee"),
  },
  {
    name: "three, all",
    eddy: 'total > 90 and category in ["coffee", "tea"] and country == "PL"',
    byHand: (o) => o.total > 90 && (o.category === "coffee" || o.category === "tea") && o.country === "PL",
    cel: 'total > 90.0 && category in ["coffee", "tea"] && country == "PL"',
    jsonLogic: { and: [{ ">": [variable("total"), 90] }, { in: [variable("category"), ["coffee", "tea"]] }, { "==": [variable("country"), "PL"] }] },
    zen: 'total > 90 and category in ["coffee", "tea"] and country == "PL"',
    jsonRules: { all: [fact("total", "greaterThan", 90), fact("category", "in", ["coffee", "tea"]), fact("country", "equal", "PL")] },
  },
  {
    name: "one of eight",
    eddy: `country in ${JSON.stringify(EURO)}`,
    byHand: (o) => EURO_SET.has(o.country),
    cel: `country in ${JSON.stringify(EURO)}`, jsonLogic: { in: [variable("country"), EURO] }, zen: `country in ${JSON.stringify(EURO)}`,
    jsonRules: fact("country", "in", EURO),
  },
  {
    name: "either way",
    eddy: '(total >= 400 and quantity >= 2) or (express and not country == "PL" and total >= 50)',
    byHand: (o) => (o.total >= 400 && o.quantity >= 2) || (o.express && o.country !== "PL" && o.total >= 50),
    cel: '(total >= 400.0 && quantity >= 2.0) || (express && !(country == "PL") && total >= 50.0)',
    jsonLogic: { or: [
      { and: [{ ">=": [variable("total"), 400] }, { ">=": [variable("quantity"), 2] }] },
      { and: [variable("express"), { "!": [{ "==": [variable("country"), "PL"] }] }, { ">=": [variable("total"), 50] }] },
    ] },
    zen: '(total >= 400 and quantity >= 2) or (express and not (country == "PL") and total >= 50)',
    jsonRules: { any: [
      { all: [fact("total", "greaterThanInclusive", 400), fact("quantity", "greaterThanInclusive", 2)] },
      { all: [fact("express", "equal", true), { not: fact("country", "equal", "PL") }, fact("total", "greaterThanInclusive", 50)] },
    ] },
  },
  {
    name: "what may be missing",
    eddy: 'coupon == "SPRING" and total > 20',
    byHand: (o) => o.coupon === "SPRING" && o.total > 20,
    cel: 'has(order.coupon) && order.coupon == "SPRING" && order.total > 20.0',
    jsonLogic: { and: [{ "==": [variable("coupon"), "SPRING"] }, { ">": [variable("total"), 20] }] },
    zen: 'coupon == "SPRING" and total > 20',
    jsonRules: { all: [fact("coupon", "equal", "SPRING"), fact("total", "greaterThan", 20)] },
  },
  {
    name: "in a record",
    eddy: 'shipping.method == "express" and shipping.price < 10',
    byHand: (o) => o.shipping.method === "express" && o.shipping.price < 10,
    cel: 'shipping.method == "express" && shipping.price < 10.0',
    jsonLogic: { and: [{ "==": [variable("shipping.method"), "express"] }, { "<": [variable("shipping.price"), 10] }] },
    zen: 'shipping.method == "express" and shipping.price < 10',
    jsonRules: { all: [fact("shipping", "equal", "express", "$.method"), fact("shipping", "lessThan", 10, "$.price")] },
  },
  {
    name: "arithmetic",
    eddy: "total * quantity - shipping.price > 500",
    byHand: (o) => o.total * o.quantity - o.shipping.price > 500,
    cel: "total * quantity - shipping.price > 500.0",
    jsonLogic: { ">": [{ "-": [{ "*": [variable("total"), variable("quantity")] }, variable("shipping.price")] }, 500] },
    zen: "total * quantity - shipping.price > 500",
    jsonRules: null,
  },
  {
    name: "ten, all",
    eddy: 'total > 10 and total < 490 and quantity >= 1 and quantity < 9 and category != "rugs" and category != "lamps" and country != "DK" and country != "SE" and shipping.price < 18 and shipping.method != "boat"',
    byHand: (o) => o.total > 10 && o.total < 490 && o.quantity >= 1 && o.quantity < 9 && o.category !== "rugs" && o.category !== "lamps" &&
      o.country !== "DK" && o.country !== "SE" && o.shipping.price < 18 && o.shipping.method !== "boat",
    cel: 'total > 10.0 && total < 490.0 && quantity >= 1.0 && quantity < 9.0 && category != "rugs" && category != "lamps" && country != "DK" && country != "SE" && shipping.price < 18.0 && shipping.method != "boat"',
    jsonLogic: { and: [
      { ">": [variable("total"), 10] }, { "<": [variable("total"), 490] }, { ">=": [variable("quantity"), 1] }, { "<": [variable("quantity"), 9] },
      { "!=": [variable("category"), "rugs"] }, { "!=": [variable("category"), "lamps"] }, { "!=": [variable("country"), "DK"] }, { "!=": [variable("country"), "SE"] },
      { "<": [variable("shipping.price"), 18] }, { "!=": [variable("shipping.method"), "boat"] },
    ] },
    zen: 'total > 10 and total < 490 and quantity >= 1 and quantity < 9 and category != "rugs" and category != "lamps" and country != "DK" and country != "SE" and shipping.price < 18 and shipping.method != "boat"',
    jsonRules: { all: [
      fact("total", "greaterThan", 10), fact("total", "lessThan", 490), fact("quantity", "greaterThanInclusive", 1), fact("quantity", "lessThan", 9),
      fact("category", "notEqual", "rugs"), fact("category", "notEqual", "lamps"), fact("country", "notEqual", "DK"), fact("country", "notEqual", "SE"),
      fact("shipping", "lessThan", 18, "$.price"), fact("shipping", "notEqual", "boat", "$.method"),
    ] },
  },
];

const CATEGORIES = ["coffee", "tea", "cocoa", "mugs", "pots", "books", "lamps", "rugs"];
const METHODS = ["express", "parcel", "boat"];
const COUPONS = ["SPRING", "SUMMER", "FRIEND"];

/** As JSON has them: every value a fresh one, so that no text is the very object that a predicate compares it with. */
export function orders(count: number): readonly string[] {
  const next = random(11);
  const pick = (list: readonly string[]): string => list[Math.floor(next() * list.length)] as string;
  return Array.from({ length: count }, () => JSON.stringify({
    total: Math.floor(next() * 50_000) / 100, quantity: 1 + Math.floor(next() * 9), category: pick(CATEGORIES), country: pick(COUNTRIES),
    express: next() < 0.3, ...(next() < 0.4 ? { coupon: pick(COUPONS) } : {}),
    shipping: { method: pick(METHODS), price: Math.floor(next() * 2000) / 100 },
  }));
}
