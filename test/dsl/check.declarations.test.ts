// What the engine gets for channels, points, tiers, experiments, metrics, rankings and retention.

import { describe, expect, test } from "vitest";
import { compileTests } from "../../dsl/compile.js";
import type { Expr, Program, Settled } from "../../dsl/program.js";
import { codesOf, compiled, shown, shownType } from "./shown.js";

const SHOP = `
event order_placed { total: number, sku: string, took: duration?, items: { sku: string, price: number }[] }
event viewed
profile { city: string?, away: boolean = false, until: time?, level: "insider" | "vib" = "insider" }
points stars {
  earn floor(total * (if status >= "vib" then 1.5 else 1)) on order_placed
  earn 50 on viewed at most 1 per day
  expire after 12 months
}
tier status by stars.earned over 12 months { insider at 0  vib at 350  rouge at 1000 }
tier metal by sum(order_placed.total) over 1 year { silver at 500  gold at 2000 }
experiment offer { holdout 10%  reviews 45%  discount 45%  goal order_placed where total > 5 within 7 days value total * 2 }
trait orders = count(order_placed)
trait recency = since(last(order_placed).time)
`;
const DAY = 86_400_000;

const of = (text: string): Program => compiled(`${SHOP}\n${text}`);
const traitIn = (program: Program, name: string): Expr => {
  const found = program.traits.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no trait ${name}`);
  return found.value;
};
const trait = (text: string): string => {
  const program = of(`trait x = ${text}`);
  return shown(program, traitIn(program, "x"));
};
const typeOf = (text: string): string => {
  const { type, maybe } = traitIn(of(`trait x = ${text}`), "x");
  return `${shownType(type)}${maybe ? "?" : ""}`;
};

describe("channels and groups of them", () => {
  const program = of(`
    channel email { when profile.city != null  when orders > 0  quiet 21:00 to 08:00  quiet when profile.until > now  at most 1 per day  at most 3 per 7 days  at most 9 per 1 month }
    channel sms { quiet 20:30 to 09:00:30.5 }
    channels zoo = sms, email { at most 2 per week }
    channels marketing = email { when not profile.away  quiet when weekend(now) }
    rule r { on viewed  send email "x"  send sms "x" }`);

  test("a channel's own policy comes first, then those of its groups by name", () => {
    const names = (channel: string): readonly string[] => program.channels.find(({ name }) => name === channel)?.policies.map((index) => program.policies[index]?.name ?? "?") ?? [];
    expect(program.policies.map(({ name }) => name)).toEqual(["email", "marketing", "sms", "zoo"]);
    expect(names("email")).toEqual(["email", "marketing", "zoo"]);
    expect(names("sms")).toEqual(["sms", "zoo"]);
  });

  test("what they let through", () => {
    const [email, marketing, sms, zoo] = program.policies;
    expect(email?.when.map((each) => shown(program, each))).toEqual(["(profile.city? != null)", "(trait orders > 0)"]);
    expect(email?.quiet.map((each) => (each.k === "hours" ? [each.from, each.to] : shown(program, each.if)))).toEqual([[75_600_000, 28_800_000], "(profile.until? > now)"]);
    expect(email?.caps).toEqual([
      { count: 1, window: { k: "period", unit: "day" } }, { count: 3, window: { k: "sliding", ms: 7 * DAY } }, { count: 9, window: { k: "months", months: 1 } },
    ]);
    expect(marketing?.when.map((each) => shown(program, each))).toEqual(["not(profile.away)"]);
    expect(marketing?.quiet.map((each) => (each.k === "hours" ? [] : shown(program, each.if)))).toEqual(["weekend(now)"]);
    expect(sms?.quiet).toEqual([{ k: "hours", from: 73_800_000, to: 32_430_500 }]);
    expect(zoo).toEqual({ name: "zoo", when: [], quiet: [], caps: [{ count: 2, window: { k: "period", unit: "week" } }] });
  });

  test("consent may be a group's", () => {
    const uses = `rule r { on viewed  send a "x"  send b "x" }`;
    expect(codesOf(`event viewed  channel a { }  channel b { }  channels all_of_them = a { when true } ${uses}`)).toEqual(["W0007"]);
    expect(codesOf(`event viewed  channel a { }  channel b { }  channels all_of_them = a, b { when true } ${uses}`)).toEqual([]);
  });

  test("being in a group is no use of a channel", () => {
    expect(codesOf("channel a { when true }  channels group = a { at most 1 per day }")).toEqual(["W0003"]);
  });
});

describe("points", () => {
  test("what earns them, and when they expire", () => {
    const program = of("");
    const [stars] = program.points;
    expect(stars?.earn.map(({ event, where, amount, cap }) => [event, where, shown(program, amount), cap])).toEqual([
      ["order_placed", null, "floor((row.total * (if (status.rank >= 1) then 1.5 else 1)))", null],
      ["viewed", null, "50", { count: 1, window: { k: "period", unit: "day" } }],
    ]);
    expect(stars?.expire).toEqual({ ms: 0, months: 12 });
  });

  test("an amount sees the event's fields first, then everything; a filter sees the event", () => {
    const program = compiled(`event bought { total: number, price: number }  trait orders = count(bought)  trait price = 3
      points coins { earn total + price * orders + bought.total + since(time) / 1 day on bought where total > price }`);
    expect(program.points[0]?.earn.map(({ where, amount }) => [where === null ? "" : shown(program, where), shown(program, amount)])).toEqual([
      ["(row.total > row.price)", "(((row.total + (row.price * trait orders)) + row.total) + ((now - row.time) / 86400000))"],
    ]);
    expect(program.points[0]?.expire).toBeNull();
  });

  test.each([
    ["stars", "stars.balance", "number"],
    ["stars.earned", "sum<stars value row.amount>", "number"],
    ["stars.earned over 30 days", `sum<stars value row.amount over ${30 * DAY}>`, "number"],
    ["stars.earned over 1 year", "sum<stars value row.amount over 12 months>", "number"],
    ["stars.earned this month", "sum<stars value row.amount this month>", "number"],
    ["stars.expiring within 30 days", `stars.expiring within ${30 * DAY}`, "number"],
    ["stars.expiring within 1 month", "stars.expiring within 1", "number"],
    ["stars * 2 + stars.earned", "((stars.balance * 2) + sum<stars value row.amount>)", "number"],
  ])("%s", (text, tree, type) => {
    expect(trait(text)).toBe(tree);
    expect(typeOf(text)).toBe(type);
  });

  test("figures that are equal are one", () => {
    expect(of("trait a = stars.earned over 1 year  trait b = stars.earned over 12 months > 3").aggregates.filter(({ event }) => event === "stars")).toHaveLength(1);
  });

  test("they are never below nothing", () => {
    expect(codesOf(`${SHOP} segment a when stars < 0  segment b when stars.earned over 1 day >= 0`).filter((code) => !code.startsWith("W0001"))).toEqual(["W0008", "W0009"]);
  });
});

describe("tiers", () => {
  test("levels from the lowest to the highest", () => {
    const program = of("");
    expect(program.tiers.map(({ name, value, levels }) => [name, shown(program, value), levels.map((level) => `${level.name} ${level.at}`).join()])).toEqual([
      ["metal", "sum<order_placed value row.total over 12 months>", "silver 500,gold 2000"],
      ["status", "sum<stars value row.amount over 12 months>", "insider 0,vib 350,rouge 1000"],
    ]);
  });

  test.each([
    ["status", "status.level", '"insider" | "vib" | "rouge"'],
    ["status.next", "status.next", '"insider" | "vib" | "rouge"?'],
    ["status.missing", "status.missing", "number?"],
    ["metal", "metal.level", '"silver" | "gold"?'],
  ])("%s", (text, tree, type) => {
    expect(trait(text)).toBe(tree);
    expect(typeOf(text)).toBe(type);
  });

  // The level is there exactly where the value cannot be below the lowest one.
  test.each([
    ["count(order_placed)", "low at 0", false],
    ["orders", "low at 0", false],
    ["distinct(order_placed.sku) over 7 days", "low at 0", false],
    ["stars", "low at 0", false],
    ["stars", "low at 1", true],
    ["sum(order_placed.total)", "low at 0", true], // a total may be negative
    ["avg(order_placed.total)", "low at 0", true],
    ["stars - 1", "low at 0", true],
    ["5", "low at 0  high at 3", false],
  ])("by %s: %s, missing: %s", (value, levels, maybe) => {
    expect(traitIn(of(`trait x = loyalty  tier loyalty by ${value} { ${levels} }`), "x").maybe).toBe(maybe);
  });

  test.each([
    ['status >= "vib"', "(status.rank >= 1)"],
    ['"vib" < status', "(1 < status.rank)"],
    ['status == "vib"', '(status.level == "vib")'],
    ['status in ["vib", "rouge"]', '(status.level in ["vib", "rouge"])'],
    ['(metal ?? "silver") > "silver"', "((metal.rank ?? 0) > 0)"],
    ['(if orders > 3 then metal else "gold") <= "silver"', "((if (trait orders > 3) then metal.rank else 1) <= 0)"],
    ["status <= status", "(status.rank <= status.rank)"],
    ["status >= profile.level", '(status.rank >= (if (profile.level == "insider") then 0 else (if (profile.level == "vib") then 1 else (if (profile.level == "rouge") then 2 else null))))'],
    ["metal < metal.next", '(metal.rank < (if (metal.next == "silver") then 0 else (if (metal.next == "gold") then 1 else null)))'],
    ["status > null", "(status.rank > null)"],
    ["status.missing <= 20", "(status.missing <= 20)"],
  ])("%s", (text, tree) => expect(trait(text)).toBe(tree));

  test("through a trait a level keeps its rank", () => {
    const program = of('trait best = metal ?? "silver"  segment s when best >= "gold"  trait same = status  segment t when same < "vib"');
    expect(program.segments.map(({ enter }) => shown(program, enter.if))).toEqual(["((metal.rank ?? 0) >= 1)", "(status.rank < 1)"]);
  });

  test("traits, segments and tiers may lead to each other in any order", () => {
    const program = of(`
      segment a when b == "high"
      tier b by (if c then 10 else orders) { low at 1  high at 5 }
      segment c when d >= 3
      trait d = if metal >= "gold" then 3 else orders`);
    expect(settledNames(program)).toEqual(["tier metal", "segment c", "tier b", "segment a", "tier status"]);
    expect(program.traits.map(({ name }) => name)).toEqual(["orders", "d", "recency"]);
  });

  test("thousands in a row are read", () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `tier t${i} by ${i === 0 ? "count(viewed)" : `(if t${i - 1} == "low" then 1 else 2)`} { low at 0  high at 2 }`);
    expect(compiled(`event viewed\n${lines.reverse().join("\n")}`).tiers).toHaveLength(3000);
  });
});

function settledNames(program: Program): readonly string[] {
  const named = ({ k, index }: Settled): string => {
    switch (k) {
      case "segment": return program.segments[index]?.name ?? "?";
      case "tier": return program.tiers[index]?.name ?? "?";
      default: return String(index);
    }
  };
  return program.order.map((each) => `${each.k} ${named(each)}`);
}

describe("experiments", () => {
  test("in the author's order", () => {
    const program = of("");
    const [offer] = program.experiments;
    expect(offer?.arms).toEqual([{ name: "holdout", percent: 10 }, { name: "reviews", percent: 45 }, { name: "discount", percent: 45 }]);
    expect(offer?.goal?.event).toBe("order_placed");
    expect(offer?.goal?.within).toEqual({ ms: 7 * DAY, months: 0 });
    expect(shown(program, offer?.goal?.where as Expr)).toBe("(row.total > 5)");
    expect(shown(program, offer?.goal?.value as Expr)).toBe("(row.total * 2)");
  });

  test("a goal may be left out, and its value", () => {
    expect(of("experiment a { x 0%  y 100% }").experiments[0]?.goal).toBeNull();
    expect(of("experiment a { x 100%  goal viewed within 1 month }").experiments[0]?.goal).toEqual({ event: "viewed", where: null, within: { ms: 0, months: 1 }, value: null });
  });

  test("shares need not be whole", () => {
    expect(codesOf("experiment a { x 33.3%  y 33.3%  z 33.4% }")).toEqual([]);
    expect(codesOf("experiment a { x 0.1%  y 0.2%  z 99.7% }")).toEqual([]);
    expect(codesOf("experiment a { x 33.3%  y 33.3%  z 33.3% }")).toEqual(["E0312"]);
  });

  test("a customer's variant is one of its names", () => {
    expect(trait('variant(offer) == "reviews"')).toBe('(variant offer == "reviews")');
    expect(typeOf("variant(offer)")).toBe('"holdout" | "reviews" | "discount"');
  });
});

describe("rankings", () => {
  const RANKED = "sum(order_placed.total) over 12 months among orders >= 1";

  test("a fifth is a percentile divided", () => {
    const program = of(`trait x = quintile(${RANKED})`);
    expect(shown(program, traitIn(program, "x"))).toBe("least(5, (1 + floor((percentile(sum<order_placed value row.total over 12 months> among (trait orders >= 1)) / 20))))");
    expect(typeOf(`quintile(${RANKED})`)).toBe("number?");
    const [ranking] = program.rankings;
    expect(shown(program, ranking?.value as Expr)).toBe("sum<order_placed value row.total over 12 months>");
    expect(shown(program, ranking?.among as Expr)).toBe("(trait orders >= 1)");
  });

  test("equal ones are one, wherever they stand and whatever the traits in them are called", () => {
    const program = of(`trait x = quintile(${RANKED})  trait y = percentile(${RANKED}) + percentile(orders among true)
      trait same = count(order_placed)  segment z when percentile(sum(order_placed.total) over 1 year among same >= 1) > 50`);
    expect(program.rankings).toHaveLength(2);
    expect(program.rankings.map(({ key }) => key)).toEqual([...program.rankings.map(({ key }) => key)].sort());
    const indexes = [traitIn(program, "x"), traitIn(program, "y"), program.segments[0]?.enter.if as Expr].map((tree) => /"percentile","index":(\d)/.exec(JSON.stringify(tree))?.[1]);
    expect(new Set(indexes).size).toBe(1);
  });

  test("time since is ranked by what stands still", () => {
    const value = (text: string): string => {
      const program = of(`trait x = percentile(${text} among true)`);
      return shown(program, program.rankings[0]?.value as Expr);
    };
    expect(value("since(last(order_placed).time)")).toBe("-(last<order_placed value row.time>)");
    expect(value("recency")).toBe("-(last<order_placed value row.time>)");
    expect(value("now - profile.until")).toBe("-(profile.until?)");
    expect(value("recency / 1 day")).toBe("((now - last<order_placed value row.time>) / 86400000)");
    expect(value("profile.until")).toBe("profile.until?");
  });

  test("they are settled after what they look at, and before what looks at them", () => {
    const program = of("segment a when percentile(orders among b) > 50  segment b when viewer  segment viewer when any(viewed)  segment c when a");
    expect(settledNames(program)).toEqual(["segment viewer", "segment b", "ranking 0", "segment a", "segment c", "tier metal", "tier status"]);
  });

  test("traits with them may be watched", () => {
    expect(codesOf(`${SHOP} trait f = quintile(${RANKED})  segment s when f >= 4 and not (f == 5)  rule r { on change f  emit "x" { f: f } }`).filter((code) => code !== "W0001")).toEqual([]);
  });
});

describe("metrics", () => {
  test("over figures of all customers", () => {
    const program = of(`
      metric rate = 100 * (customers(orders >= 2) - customers(status >= "vib")) / customers(orders >= 2)
      metric rounded = round(mean(gap(order_placed)) / 1 day) + 1
      metric span = total(sum(order_placed.took)) + 1 day`);
    expect(program.metrics.map(({ name }) => name)).toEqual(["rate", "rounded", "span"]);
    expect(program.populations.map(({ fn, of: tree }) => `${fn} ${shown(program, tree)}`).sort()).toEqual([
      "customers (status.rank >= 1)", "customers (trait orders >= 2)", "mean gap<order_placed>", "total sum<order_placed value row.took?>",
    ]);
    const shownAs = (name: string): string => shown(program, program.metrics.find((each) => each.name === name)?.value as Expr);
    const twice = "customers((trait orders >= 2))";
    expect(shownAs("rate")).toBe(`((100 * (${twice} - customers((status.rank >= 1)))) / ${twice})`);
    expect(shownAs("rounded")).toBe("(round((mean(gap<order_placed>) / 86400000)) + 1)");
  });

  test.each([
    ["customers(true)", "number"],
    ["total(orders)", "number"],
    ["mean(orders)", "number?"],
    ["mean(gap(order_placed))", "duration?"],
    ["total(sum(order_placed.took))", "duration"],
    ["customers(true) / customers(true)", "number?"],
    ["mean(stars) ?? 0", "number"],
  ])("%s: %s", (text, type) => {
    const [metric] = of(`metric m = ${text}`).metrics;
    expect(`${shownType(metric?.value.type ?? { k: "null" })}${metric?.value.maybe === true ? "?" : ""}`).toBe(type);
  });

  test("what stands in their brackets is settled last", () => {
    const program = of("metric m = customers(quintile(orders among true) == 5) / customers(orders > 0)");
    expect(settledNames(program).map((name) => name.split(" ")[0])).toEqual(["ranking", "tier", "tier", "population", "population"]);
  });

  test("using something in a metric is a use", () => {
    expect(codesOf("event viewed  trait a = count(viewed)  metric m = total(a)")).toEqual([]);
  });

  test("tests ask for them by name, and for the figures of experiments", () => {
    const { suite, diagnostics } = compileTests([{ file: "a.eddy", text: `${SHOP} metric rate = customers(orders > 1) / customers(true)
      test "x" { at 2026-03-02 10:00 viewed  expect rate == 0 and exposed(offer, "reviews") == 0 and value(offer, "holdout") == 0 }` }]);
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    const line = suite?.tests[0]?.lines[1];
    const what = line?.k === "expect" && line.what.k === "condition" ? line.what.if : null;
    expect(suite === null || what === null ? "" : shown(suite.program, what)).toBe("(((customers((trait orders > 1)) / customers(true)) == 0) and (exposed(offer, reviews) == 0) and (value(offer, holdout) == 0))");
  });
});

describe("retention", () => {
  test("of the profile", () => {
    expect(of("").retain).toBeNull();
    expect(of("profile retain 400 days { }").retain).toEqual({ ms: 400 * DAY, months: 0 });
    expect(of("profile retain 1 year { }  profile retain 12 months { zip: string? }").retain).toEqual({ ms: 0, months: 12 });
  });

  const SEEN = "event page_seen retain 90 days { url: string }\nevent page_seen { how: string }";
  const window = (text: string, event = SEEN): string => {
    const program = compiled(`${event}\ntrait x = ${text}`);
    return shown(program, traitIn(program, "x"));
  };

  test.each([
    ["count(page_seen)", `count<page_seen over ${90 * DAY}>`],
    ["last(page_seen).url", `last<page_seen value row.url over ${90 * DAY}>`],
    ["first(page_seen.url)", `first<page_seen value row.url over ${90 * DAY}>`],
    ["any(page_seen where url == \"x\")", `any<page_seen where (row.url == "x") over ${90 * DAY}>`],
    ["count(page_seen) over 30 days", `count<page_seen over ${30 * DAY}>`],
    ["count(page_seen) this month", "count<page_seen this month>"],
    ["no page_seen for 90 days", `absence<page_seen over ${90 * DAY}>`],
  ])("%s", (text, tree) => expect(window(text)).toBe(tree));

  test("in months", () => {
    expect(window("count(page_seen)", "event page_seen retain 1 year")).toBe("count<page_seen over 12 months>");
  });

  // Longer is what may be longer in some year.
  test.each([
    ["90 days", "over 90 days", true], ["90 days", "over 91 days", false],
    ["90 days", "over 2 months", true], ["90 days", "over 3 months", false], ["92 days", "over 3 months", true],
    ["3 months", "over 89 days", true], ["3 months", "over 90 days", false],
    ["1 year", "over 365 days", true], ["1 year", "over 366 days", false], ["366 days", "over 1 year", true], ["365 days", "over 1 year", false],
    ["5 years", "over 1826 days", true], ["5 years", "over 1827 days", false], ["1827 days", "over 5 years", true], ["1826 days", "over 5 years", false],
    ["12 months", "this year", true], ["11 months", "this year", false], ["31 days", "this month", true], ["30 days", "this month", false],
    ["1 week", "this week", true], ["6 days", "this week", false], ["24 hours", "this day", true], ["23 hours", "this day", false],
  ])("kept for %s, counted %s: %s", (kept, counted, fine) => {
    expect(codesOf(`event e retain ${kept}\nsegment s when count(e) ${counted} > 1`)).toEqual(fine ? [] : ["E0220"]);
  });

  test("a run bounds what it counts by itself", () => {
    expect(codesOf("event e retain 1 day  rule r { on e  until count(e) this run >= 3  wait 2 days  emit \"x\" }")).toEqual([]);
  });
});

test("a program means the same in whatever order it is written", () => {
  const parts = [
    "trait f = quintile(orders among true) + percentile(stars among orders > 1)", "metric m = customers(orders > 1) / customers(f > 1)", "channel c { when stars > 0 }",
    "channels g = c { at most 1 per day }", "segment s when metal >= \"gold\" and variant(offer) == \"reviews\"", "rule r { on enter s  send c \"x\" { f: f } }",
  ];
  const [a, b] = [[SHOP, ...parts], [...parts].reverse().concat(SHOP)].map((texts) => compiled(...texts));
  expect(b).toEqual(a);
});
