// What the engine gets for what the author writes: the canonical form of expressions, rules and steps.

import { describe, expect, test } from "vitest";
import type { Expr, Rule } from "../../dsl/program.js";
import { compiled, shown, shownMoment, shownStep } from "./shown.js";

const SHOP = `
event order_placed {
  order_id: string  total: number  coupon: string?  paid: time?  day: date?
  state: "open" | "paid"
  address: { city: string, zip: string? }
  items: { sku: string, price: number, quantity: number, note: string?, tags: string[] }[]
  scores: number[]
}
event viewed { sku: string  price: number? }
event session_started
profile {
  city: string?  until: time?  birthday: date?
  interests: string[] = []
  level: "gold" | "silver" = "silver"
  things: { what: string, at: time }[] = []
  consent: { email: boolean = false, since: date? }
}
trait orders = count(order_placed)
trait recency = since(last(order_placed).time)
segment vip when orders >= 3
channel email { when profile.consent.email }
`;

const trait = (text: string): string => {
  const program = compiled(`${SHOP}\ntrait x = ${text}`);
  const found = program.traits.find(({ name }) => name === "x");
  return found === undefined ? "none" : shown(program, found.value);
};

const condition = (text: string): string => {
  const program = compiled(`${SHOP}\nsegment x when ${text}`);
  const found = program.segments.find(({ name }) => name === "x");
  return found === undefined ? "none" : shown(program, found.enter.if);
};

describe("aggregates", () => {
  test.each([
    ["count(order_placed)", "count<order_placed>"],
    ["count(order_placed where total > 100) over 30 days", "count<order_placed where (row.total > 100) over 2592000000>"],
    ["sum(order_placed.total) over 12 months", "sum<order_placed value row.total over 12 months>"],
    ["sum(order_placed.total) over 1 year", "sum<order_placed value row.total over 12 months>"],
    ["avg(order_placed.total) this week", "avg<order_placed value row.total this week>"],
    ["sum(price * quantity of order_placed.items where sku like \"c*\") over 30 days", "sum<order_placed.items where (item.sku like \"c*\") value (item.price * item.quantity) over 2592000000>"],
    ["max(order_placed.items.price)", "max<order_placed.items value item.price>"],
    ["sum(order_placed.scores)", "sum<order_placed.scores value item>"],
    ["sum(total * 2 of order_placed)", "sum<order_placed value (row.total * 2)>"],
    ["distinct(order_placed.items.sku) this month", "distinct<order_placed.items value item.sku this month>"],
    ["distinct(order_placed.address.city)", "distinct<order_placed value row.address.city>"],
    ["top(viewed.sku) over 90 days", "top<viewed value row.sku over 7776000000>"],
    ["recent(viewed.sku, 5)", "recent<viewed value row.sku limit 5>"],
    ["gap(order_placed where total > 5)", "gap<order_placed where (row.total > 5)>"],
    ["any(order_placed.items where price > 5 and total > 9)", "any<order_placed.items where ((item.price > 5) and (row.total > 9))>"],
    ["no order_placed where total > 500 for 90 days", "absence<order_placed where (row.total > 500) over 7776000000>"],
    ["no order_placed for 6 months", "absence<order_placed over 6 months>"],
    // Missing values are passed over, so what counts values counts those that are there.
    ["count(viewed.price)", "count<viewed where (row.price? != null)>"],
    ["any(viewed.price where sku == \"a\")", "any<viewed where ((row.sku == \"a\") and (row.price? != null))>"],
    ["count(order_placed.total)", "count<order_placed>"],
    ["count(order_placed.items)", "count<order_placed.items>"],
    // The event's own name and time inside its brackets.
    ["count(order_placed where order_placed.total > 5)", "count<order_placed where (row.total > 5)>"],
    ["count(order_placed where hour(time) < 12)", "count<order_placed where (hour(row.time) < 12)>"],
    ["max(order_placed.time)", "max<order_placed value row.time>"],
    ["count(order_placed.items where order_placed.time > paid)", "count<order_placed.items where (row.time > row.paid?)>"],
    ["count(order_placed where any(items where price > 5))", "count<order_placed where fold any(row.items where (item.price > 5))>"],
  ])("%s", (text, tree) => expect(trait(text)).toBe(tree));
});

describe("first and last", () => {
  test.each([
    ["first(order_placed).time", "first<order_placed value row.time>"],
    ["last(order_placed).time over 30 days", "last<order_placed value row.time over 2592000000>"],
    ["(last(order_placed where total > 5) over 30 days).total", "last<order_placed where (row.total > 5) value row.total over 2592000000>"],
    ["last(order_placed.total) over 30 days", "last<order_placed value row.total over 2592000000>"],
    // Of the last order, also where it is missing in it; and the last one that there was.
    ["last(order_placed).coupon", "last<order_placed value {coupon: row.coupon?}>.coupon?"],
    ["last(order_placed.coupon)", "last<order_placed value row.coupon?>"],
    ["last(order_placed).address.city", "last<order_placed value row.address>.city?"],
    ["last(order_placed.items)", "last<order_placed value row.items>"],
    ["last(order_placed).items.sku", "last<order_placed value row.items>*.sku"],
    ["last(order_placed.items where price > 5).sku", "last<order_placed.items where (item.price > 5) value item>.sku?"],
  ])("%s", (text, tree) => expect(trait(text)).toBe(tree));
});

describe("the same words over lists", () => {
  test.each([
    ["count(profile.interests)", "fold count(profile.interests)"],
    ["any(profile.things where what == \"a\")", "fold any(profile.things where (item.what == \"a\"))"],
    ["max(profile.things.at)", "fold max(profile.things value item.at)"],
    ["first(profile.things).what", "fold first(profile.things).what?"],
    ["distinct(what of profile.things)", "fold distinct(profile.things value item.what)"],
    ["distinct(last(order_placed).items.tags)", "fold distinct(last<order_placed value row.items>*.tags)"],
    ["count(last(order_placed).items.note)", "fold count(last<order_placed value row.items> where (item.note? != null))"],
    ["count(profile.things where what == profile.city and orders > 2)", "fold count(profile.things where ((item.what == profile.city?) and (trait orders > 2)))"],
    ["min(1, orders, 2)", "least(1, trait orders, 2)"],
    ["max(profile.until, first(order_placed).time)", "greatest(profile.until?, first<order_placed value row.time>)"],
  ])("%s", (text, tree) => expect(trait(text)).toBe(tree));
});

describe("operators and values", () => {
  test.each([
    ["orders > 1 and vip and (orders < 5 and not vip)", "((trait orders > 1) and segment vip and (trait orders < 5) and not(segment vip))"],
    ["orders == 1 or vip or orders == 3 and vip", "((trait orders == 1) or segment vip or ((trait orders == 3) and segment vip))"],
    ["-5", "-5"],
    ["-orders", "-(trait orders)"],
    ["2 weeks + 1 day", "(1209600000 + 86400000)"],
    ["2026-03-02", "20514"],
    ["2026-03-02 10:00", "local(20514, 36000000)"],
    ["profile.birthday + 1 day", "shift(profile.birthday?, +86400000)"],
    ["1 day + profile.birthday", "shift(profile.birthday?, +86400000)"],
    ["profile.birthday - 1 year", "addMonths(profile.birthday?, -12)"],
    ["6 months + profile.until", "addMonths(profile.until?, 6)"],
    ["profile.birthday - date(profile.until)", "days(profile.birthday? - date(profile.until?))"],
    ["profile.until - first(order_placed).time", "(profile.until? - first<order_placed value row.time>)"],
    ["profile.city ?? \"x\"", "(profile.city? ?? \"x\")"],
    ["\"a\" + profile.city", "(\"a\" ++ profile.city?)"],
    ["profile.interests without [\"a\"]", "(profile.interests without [\"a\"])"],
    ["profile.interests[0]", "profile.interests[0]"],
    ["profile.interests contains \"a\"", "(profile.interests contains \"a\")"],
    ["profile.city in [\"a\", \"b\"]", "(profile.city? in [\"a\", \"b\"])"],
    ["profile.city like \"W*\"", "(profile.city? like \"W*\")"],
    ["if vip then 1 else 2", "(if segment vip then 1 else 2)"],
    ["{ a: orders, b: [1, 2] }", "{a: trait orders, b: [1, 2]}"],
  ])("%s", (text, tree) => expect(trait(text)).toBe(tree));
});

const LAST = "last<order_placed value row.time>";

describe("the clock: solved for now", () => {
  test.each([
    ["since(last(order_placed).time) >= 6 months", `(addMonths(${LAST}, 6) <= now)`],
    ["since(last(order_placed).time) > 1 year", `(addMonths(${LAST}, 12) < now)`],
    ["6 months > since(last(order_placed).time)", `(addMonths(${LAST}, 6) > now)`],
    ["since(last(order_placed).time) < 6 months", `(addMonths(${LAST}, 6) > now)`],
    ["now - last(order_placed).time <= 6 months", `(addMonths(${LAST}, 6) >= now)`],
    ["recency >= 6 months", `(addMonths(${LAST}, 6) <= now)`],
    ["profile.until - last(order_placed).time > 2 months", `(addMonths(${LAST}, 2) < profile.until?)`],
    ["date(now) - profile.birthday >= 2 months", "(addMonths(profile.birthday?, 2) <= date(now))"],
    ["since(last(order_placed).time) >= 3 days", `((259200000 + ${LAST}) <= now)`],
    ["3 days < since(last(order_placed).time)", `((259200000 + ${LAST}) < now)`],
    ["recency / 1 day > 3", `((259200000 + ${LAST}) < now)`],
    ["recency * 2 > 6 days", `((259200000 + ${LAST}) < now)`],
    ["-recency < 3 days", `((-259200000 + ${LAST}) < now)`],
    ["5 days - recency > 2 days", `((259200000 + ${LAST}) > now)`],
    ["recency == 3 days", `((259200000 + ${LAST}) == now)`],
    ["recency != null", `(${LAST} != null)`],
    ["since(profile.until) == null", "(profile.until? == null)"],
    // Already as it should be.
    ["profile.until > now", "(profile.until? > now)"],
    ["now < profile.until - 14 days", "(now < (profile.until? - 1209600000))"],
    ["now + 14 days < profile.until", "((profile.until? - 1209600000) > now)"],
    ["hour(now) >= 18", "(hour(now) >= 18)"],
    ["year(now) - year(profile.until) >= 2", "((year(now) - year(profile.until?)) >= 2)"],
    ["age(profile.birthday) >= 18", "(age(profile.birthday?) >= 18)"],
    ["weekday(now) in [\"monday\"] or month(now) in [1, 2]", "((weekday(now) in [\"monday\"]) or (month(now) in [1, 2]))"],
  ])("%s", (text, tree) => expect(condition(text)).toBe(tree));

  test("a trait that changes continuously keeps its tree, and is put where its name stands", () => {
    expect(trait("recency")).toBe(`(now - ${LAST})`);
    expect(trait("if recency > 3 days then recency else null")).toBe(`(if ((259200000 + ${LAST}) < now) then (now - ${LAST}) else null)`);
    expect(trait("floor(recency / 1 day)")).toBe(`floor(((now - ${LAST}) / 86400000))`);
  });
});

describe("equal aggregates stand once", () => {
  test("in whatever way and place they are written", () => {
    const program = compiled(`${SHOP}
      trait a = count(order_placed where total > 5 and total < 9) over 1 week
      trait b = count(order_placed where (total > 5) and order_placed.total < 9) over 7 days
      segment c when count(order_placed where total > 5 and total < 9) over 168 hours > 2`);
    expect(program.aggregates.map(({ fn, window }) => `${fn} ${window.k}`).sort()).toEqual(["count life", "count sliding", "last life"]);
  });
});

// ---- rules ----

const rule = (text: string): { readonly rule: Rule; readonly of: (expr: Expr | null) => string | null; readonly moment: (moment: Rule["until"][number]) => string } => {
  const program = compiled(`${SHOP}\nrule r ${text}`);
  const [found] = program.rules;
  if (found === undefined) throw new Error("no rule");
  return { rule: found, of: (expr) => (expr === null ? null : shown(program, expr)), moment: (each) => shownMoment(program, each) };
};

const steps = (text: string, head = "on order_placed"): readonly string[] => {
  const program = compiled(`${SHOP}\nrule r { ${head} ${text} }`);
  return (program.rules[0]?.steps ?? []).map((step) => shownStep(program, step));
};

describe("rules", () => {
  test("clauses", () => {
    const { rule: found, of, moment } = rule(`"The label" {
      on order_placed where total > 5, viewed
      on enter vip
      on leave vip
      when vip
      when orders > 2 and recency > 3 days
      until order_placed where profile.city == order_id
      until session_started
      until enter vip
      until vip
      until recency > 3 days
      until viewed, order_placed where vip
      repeat restart
      at most 2 per 7 days
      at most 3 per 2 weeks
      priority 7
      stop
    }`);
    expect(found.label).toBe("The label");
    expect(found.priority).toBe(7);
    expect(found.restart).toBe(true);
    expect(found.caps).toEqual([{ count: 2, window: { k: "sliding", ms: 604_800_000 } }, { count: 3, window: { k: "sliding", ms: 1_209_600_000 } }]);
    expect(found.on.map(moment))
      .toEqual(["order_placed where (row.total > 5)", "viewed", "enter vip", "leave vip"]);
    expect(of(found.when)).toBe(`(segment vip and (trait orders > 2) and ((259200000 + ${LAST}) < now))`);
    expect(found.until.map(moment)).toEqual([
      "order_placed where (profile.city? == row.order_id)", "session_started", "enter vip", "segment vip", `((259200000 + ${LAST}) < now)`, "viewed", "order_placed where segment vip",
    ]);
  });

  test("rules come by priority, then by name", () => {
    const { rules } = compiled(`event e
      rule b { on e priority 1 stop }
      rule c { on e priority 5 stop }
      rule a { on e priority 1 stop }
      rule d { on e stop }`);
    expect(rules.map(({ name }) => name)).toEqual(["c", "a", "b", "d"]);
  });

  test("what a run keeps of its event", () => {
    const keeps = (text: string): readonly string[] => rule(text).rule.keeps;
    expect(keeps("{ on order_placed where total > 5 when event.day != null stop }")).toEqual([]);
    expect(keeps("{ on order_placed until viewed where event.items.sku contains sku emit \"a\" { t: event.total, at: event.time } }")).toEqual(["items", "total"]);
    expect(keeps("{ on order_placed until event.paid < now stop }")).toEqual(["paid"]);
    expect(keeps("{ on viewed emit \"a\" { all: event } }")).toEqual(["price", "sku"]);
  });

  test("`event` of several starts has what all of them have", () => {
    expect(steps("emit \"a\" { s: event.sku }", "on viewed on enter vip")).toEqual(["emit a {s: event.sku?}"]);
    expect(steps("emit \"a\" { t: event.time }", "on viewed, order_placed")).toEqual(["emit a {t: event.time}"]);
  });

  test("in `until E where` a bare name is E's field first", () => {
    const { rule: found, of } = rule("{ on viewed until viewed where sku == event.sku and price > orders stop }");
    expect(found.until.map((until) => (until.k === "event" ? of(until.where) : null))).toEqual(["((row.sku == event.sku) and (row.price? > trait orders))"]);
  });
});

describe("steps", () => {
  test.each([
    ["wait 1 hour", ["wait 3600000"]],
    ["wait event.total * 1 day", ["wait (event.total * 86400000)"]],
    ["wait profile.until - now", ["wait (profile.until? - now)"]],
    ["wait 2 months", ["wait (addMonths(now, 2) - now)"]],
    ["if vip { stop } else if orders > 2 { emit \"a\" } else { emit \"b\" }", ["if segment vip [stop] [if (trait orders > 2) [emit a null] [emit b null]]"]],
    ["send email \"t\" { d: recency, s: event.items.sku, f: event.items[0].sku } urgent", [`send 0 t {d: (now - ${LAST}), s: event.items*.sku, f: event.items[0].sku?} urgent`]],
    ["emit \"x\" { w: 2026-03-02 10:00 }", ["emit x {w: local(20514, 36000000)}"]],
    ["set profile.city = null", ["set city = null"]],
    ["set profile.until = (profile.until ?? now) + 1 year", ["set until = addMonths((profile.until? ?? now), 12)"]],
    ["set profile.consent.email = true", ["set consent.email = true"]],
    ["set profile.level = if vip then \"gold\" else \"silver\"", ["set level = (if segment vip then \"gold\" else \"silver\")"]],
    ["set profile.consent = { since: date(now) }", ["set consent = {email: false, since: date(now)}"]],
    ["untag \"a\"", ["set tags = (profile.tags without [\"a\"])"]],
    ["tag \"a\"", ["set tags = (if (profile.tags contains \"a\") then profile.tags else [{tags: profile.tags}, {tags: [\"a\"]}]*.tags)"]],
  ])("%s", (text, lines) => expect(steps(text)).toEqual(lines));
});

// ---- declarations ----

describe("declarations", () => {
  test("an event declared in several files is one", () => {
    const program = compiled(
      "event e from \"E v2\" { a: number, b: string? from \"bb\" }",
      "event e { b: string? from \"bb\", c: { d: boolean = true } }\nrule r { on e stop }",
    );
    expect(program.events).toEqual([{ name: "e", wire: "E v2", fields: [
      { name: "a", wire: "a", type: { k: "number" }, maybe: false },
      { name: "b", wire: "bb", type: { k: "string" }, maybe: true },
      { name: "c", wire: "c", type: { k: "record", fields: [{ name: "d", wire: "d", type: { k: "boolean" }, maybe: false, default: true }] }, maybe: false, default: { d: true } },
    ] }]);
  });

  test("defaults become values", () => {
    const { profile } = compiled(`profile {
      a: number = -1.5  b: date = 1970-01-03  c: duration = 2 hours  d: "x" | "y" = "y"  e: string? = null
      f: { g: number = 1, h: string? }[] = [{ g: 2 }, {}]
      i: { j: boolean = true, k: { l: string? } }
    }`);
    expect(profile.map(({ name, maybe, default: value }) => [name, maybe, value])).toEqual([
      ["a", false, -1.5], ["b", false, 2], ["c", false, 7_200_000], ["d", false, "y"], ["e", true, undefined],
      ["f", false, [{ g: 2 }, { g: 1 }]],
      ["i", false, { j: true, k: {} }],
    ]);
  });

  test("`profile.tags` is there as soon as it is used", () => {
    const names = (text: string): readonly string[] => compiled(`event e\nprofile { a: string? }\n${text}`).profile.map(({ name }) => name);
    expect(names("rule r { on e stop }")).toEqual(["a"]);
    expect(names("rule r { on e tag \"x\" }")).toEqual(["a", "tags"]);
    expect(names("segment s when profile.tags contains \"x\"")).toEqual(["a", "tags"]);
  });

  test("`profile_updated` needs no declaration, and brings any part of the profile", () => {
    const { events } = compiled("profile { a: string = \"\" c: { d: boolean = false } }\nrule r { on profile_updated where c.d stop }");
    expect(events).toEqual([{ name: "profile_updated", wire: "profile_updated", fields: [
      { name: "a", wire: "a", type: { k: "string" }, maybe: true },
      { name: "c", wire: "c", type: { k: "record", fields: [{ name: "d", wire: "d", type: { k: "boolean" }, maybe: true }] }, maybe: true },
      { name: "tags", wire: "tags", type: { k: "list", of: { k: "string" }, maybe: false }, maybe: true },
    ] }]);
  });

  test("segments with what begins and what ends them", () => {
    const { segments } = compiled("event e\nsegment s \"L\" when any(e) for at least 3 days until no e for 6 months for at least 1 month");
    expect(segments.map(({ name, label, enter, leave }) => [name, label, enter.forMs, enter.forMonths, leave?.forMs, leave?.forMonths])).toEqual([["s", "L", 259_200_000, 0, 0, 1]]);
  });

  test("channels: all conditions of one, in order", () => {
    const program = compiled("profile { a: boolean = true b: boolean = false }\nchannel c { when profile.a when profile.b }\nevent e rule r { on e send c \"x\" }");
    expect(program.channels).toEqual([{ name: "c", policies: [0] }]);
    expect(program.policies.map(({ name, when }) => [name, when.map((each) => shown(program, each))])).toEqual([["c", ["profile.a", "profile.b"]]]);
  });

  test("traits and segments come after what they need, and otherwise by name", () => {
    const program = compiled(`event e
      trait a = if s2 then z + 1 else 0
      trait z = count(e)
      segment s1 when s3 or a > 3
      segment s2 when z > 2
      segment s3 when s2`);
    expect(program.traits.map(({ name }) => name)).toEqual(["z", "a"]);
    expect(program.segments.map(({ name }) => name)).toEqual(["s1", "s2", "s3"]);
    expect(program.order).toEqual([1, 2, 0].map((index) => ({ k: "segment", index })));
  });
});
