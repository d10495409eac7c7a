// Rules in full: what starts them, what they wait for, what they count, and the keys of all that.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { allSteps } from "../../dsl/walk.js";
import { compileProgram } from "../../dsl/compile.js";
import type { Program, Rule } from "../../dsl/program.js";
import { codesOf, compiled, shown, shownMoment, shownStep } from "./shown.js";

const SHOP = `
event order_placed { order_id: string  total: number  category: string?  items: { sku: string, price: number }[] }
event session_started { page: string }
event survey_answered { score: number, page: string, topic: string? }
profile { city: string?  birthday: date?  club_until: time?  consent: { email: boolean = false } }
trait orders = count(order_placed)
trait silence = since(last(session_started).time)
segment vip when orders >= 3
points stars { earn floor(total) on order_placed }
tier status by stars.earned over 12 months { insider at 0  vib at 350  rouge at 1000 }
experiment offer { holdout 20%  gift 40%  code 40% }
channel email { when profile.consent.email }
`;

const ruleOf = (text: string): { readonly program: Program; readonly rule: Rule } => {
  const program = compiled(`${SHOP}\nrule r { ${text} }`);
  const [rule] = program.rules;
  if (rule === undefined) throw new Error("no rule");
  return { program, rule };
};
const steps = (text: string, head = "on order_placed"): readonly string[] => {
  const { program, rule } = ruleOf(`${head} ${text}`);
  return rule.steps.map((step) => shownStep(program, step));
};
const when = (text: string): string => {
  const { program, rule } = ruleOf(`on order_placed when ${text} stop`);
  return rule.when === null ? "none" : shown(program, rule.when);
};
const errorsOf = (text: string): readonly string[] => codesOf(`${SHOP}\nrule r { ${text} }`).filter((code) => code.startsWith("E"));

describe("starts", () => {
  test("tiers that move and values that change", () => {
    const { program, rule } = ruleOf("on status up on status down on change profile.city on change [vip, orders > 2] stop");
    expect(rule.on.map((moment) => shownMoment(program, moment))).toEqual(["status up", "status down", "change profile.city?", "change [segment vip, (trait orders > 2)]"]);
  });

  test.each([
    ["profile.city", "profile.city?"], ["vip", "segment vip"], ["status", "status.level"], ["status.next", "status.next"], ["stars >= 100", "(stars.balance >= 100)"],
    ["count(session_started) this week", "count<session_started this week>"],
    ["silence > 7 days", "((604800000 + last<session_started value row.time>) < now)"],
    ["date(now) - profile.birthday", "days(date(now) - profile.birthday?)"],
    ["age(profile.birthday)", "age(profile.birthday?)"],
  ])("change %s", (text, tree) => {
    const { program } = ruleOf(`on change ${text} stop`);
    expect(program.watches.map(({ value }) => shown(program, value))).toEqual([tree]);
  });

  test("schedules", () => {
    const { program, rule } = ruleOf(`on every day at 09:30 on every monday at 00:00 on every sunday at 23:59:59.5
      on every month on 31 at 09:00 on every year on profile.birthday at 09:00 on every year on date(first(order_placed).time) at 10:00 stop`);
    const [hour] = [3_600_000];
    expect(rule.schedules.map((each) => (each.k === "yearly" ? { ...each, date: shown(program, each.date) } : each))).toEqual([
      { k: "daily", at: 9.5 * hour }, { k: "weekly", weekday: 0, at: 0 }, { k: "weekly", weekday: 6, at: 86_399_500 }, { k: "monthly", day: 31, at: 9 * hour },
      { k: "yearly", date: "profile.birthday?", at: 9 * hour }, { k: "yearly", date: "date(first<order_placed value row.time>)", at: 10 * hour },
    ]);
    expect(rule.on).toEqual([]);
  });

  test("where something else may start the rule, `event` may be missing", () => {
    for (const head of ["on every day at 09:00 on order_placed", "on order_placed on status up", "on change vip on order_placed"]) {
      expect(steps("emit \"a\" { t: event.total }", head)).toEqual(["emit a {t: event.total?}"]);
    }
    expect(errorsOf("on every day at 09:00 on change vip emit \"a\" { t: event.total }")).toEqual(["E0114"]);
  });

  test("`per` and caps", () => {
    const { program, rule } = ruleOf(`on order_placed per event.order_id
      at most 1 per day at most 2 per week at most 3 per month at most 4 per 30 days at most 5 per 3 months at most 6 per 1 year at most 7 per year stop`);
    expect(rule.per === null ? null : shown(program, rule.per)).toBe("event.order_id");
    expect(rule.keeps).toEqual([]);
    expect(rule.caps).toEqual([
      { count: 1, window: { k: "period", unit: "day" } }, { count: 2, window: { k: "period", unit: "week" } }, { count: 3, window: { k: "period", unit: "month" } },
      { count: 4, window: { k: "sliding", ms: 2_592_000_000 } }, { count: 5, window: { k: "months", months: 3 } }, { count: 6, window: { k: "months", months: 12 } },
      { count: 7, window: { k: "period", unit: "year" } },
    ]);
    expect(errorsOf("on order_placed per event stop")).toEqual(["E0205"]);
    expect(errorsOf("on order_placed per null stop")).toEqual(["E0205"]);
  });

  test("events that the language knows", () => {
    const { program, rule } = ruleOf("on customer_identified where anonymous_id like \"v-*\" until customer_erased emit \"a\" { from: event.anonymous_id, n: count(customer_erased) }");
    expect(rule.keeps).toEqual(["anonymous_id"]);
    expect(program.events.map(({ name }) => name)).toEqual(["customer_erased", "customer_identified", "order_placed", "session_started", "survey_answered"]);
    expect(compiled(SHOP).events.map(({ name }) => name)).toEqual(["order_placed", "session_started", "survey_answered"]);
  });
});

describe("steps", () => {
  test.each([
    ["wait until 09:00", ["wait until 32400000"]],
    ["wait until monday 09:00", ["wait until day 0 32400000"]],
    ["wait until profile.club_until - 14 days", ["wait until (profile.club_until? - 1209600000)"]],
    ["wait until event.time + 1 month", ["wait until addMonths(event.time, 1)"]],
    ["wait for session_started, survey_answered where score > 3 up to 2 months", ["wait for session_started, survey_answered where (row.score > 3) up to 2 months"]],
    ["wait for session_started where page == event.category and vip up to 1 day", ["wait for session_started where ((row.page == event.category?) and segment vip) up to 86400000"]],
    ["wait for enter vip up to 1 day { stop }", ["wait for enter vip up to 86400000 [stop] []"]],
    ["wait for leave vip up to 1 day { } else { stop }", ["wait for leave vip up to 86400000 [] [stop]"]],
    ["wait for status up up to 1 day", ["wait for status up up to 86400000"]],
    ["wait for change profile.city up to 1 day", ["wait for change profile.city? up to 86400000"]],
    ["award 5 stars", ["award 5 stars"]],
    ["award event.total / 2 stars", ["award (event.total / 2) stars"]],
    ["take 5 stars", ["take 5 stars [] []"]],
    ["take event.total stars { emit \"a\" } else { emit \"b\" { left: stars } }", ["take event.total stars [emit a null] [emit b {left: stars.balance}]"]],
    ["split offer { code { stop } }", ["split offer code [stop]"]],
    ["split offer { gift { emit \"a\" } code { } }", ["split offer gift [emit a null] code []"]],
  ])("%s", (text, lines) => expect(steps(text)).toEqual(lines));

  test("a name for the event that came: in the block, or in all later steps", () => {
    expect(steps("wait for survey_answered up to 1 day as answer { emit \"a\" { s: answer.score, t: answer.topic, at: answer.time } }")).toEqual([
      "wait for survey_answered up to 86400000 as answer {score, topic} [emit a {s: answer.score, t: answer.topic?, at: answer.time}] []",
    ]);
    expect(steps("if vip { wait for session_started up to 1 day as visit emit \"a\" { at: visit.time } wait for session_started where page == visit.page up to 1 day }")).toEqual([
      "if segment vip [wait for session_started up to 86400000 as visit {page}; emit a {at: visit.time}; wait for session_started where (row.page == visit.page) up to 86400000] []",
    ]);
    expect(errorsOf("on order_placed if vip { wait for session_started up to 1 day as visit } emit \"a\" { at: visit.time }")).toEqual(["E0106"]);
    expect(errorsOf("on order_placed wait for session_started up to 1 day as visit { } else { emit \"a\" { at: visit.time } }")).toEqual(["E0106"]);
    expect(errorsOf("on order_placed wait for session_started where page == visit.page up to 1 day as visit")).toEqual(["E0106"]);
  });

  test("of several events a name has what all of them have", () => {
    expect(steps("wait for survey_answered, session_started up to 1 day as came emit \"a\" { p: came.page }")).toEqual([
      "wait for survey_answered, session_started up to 86400000 as came {page}", "emit a {p: came.page}",
    ]);
  });

  test("a name in two branches is two, and each wait keeps what its events have", () => {
    expect(steps("if vip { wait for session_started up to 1 day as came emit \"a\" { all: came } } else { wait for survey_answered up to 1 day as came emit \"b\" { s: came.score } }")).toEqual([
      "if segment vip [wait for session_started up to 86400000 as came {page}; emit a {all: came}] [wait for survey_answered up to 86400000 as came {page, score, topic}; emit b {s: came.score}]",
    ]);
  });

  test("`until` knows the events that may have come", () => {
    const { program, rule } = ruleOf("on order_placed until session_started where page == answer.topic and vip wait for survey_answered up to 1 day as answer wait 1 day");
    expect(rule.until.map((until) => shownMoment(program, until))).toEqual(["session_started where ((row.page == answer.topic?) and segment vip)"]);
    expect(rule.steps.map((step) => (step.k === "waitFor" ? step.keeps : null))).toEqual([["topic"], null]);
  });

  test("a wait's fields come before names, names before everything else", () => {
    expect(steps("wait for survey_answered up to 1 day as page wait for session_started where page == \"x\" up to 1 day emit \"a\" { s: page.score }")).toEqual([
      "wait for survey_answered up to 86400000 as page {score}", "wait for session_started where (row.page == \"x\") up to 86400000", "emit a {s: page.score}",
    ]);
    expect(steps("wait for survey_answered up to 1 day as orders emit \"a\" { s: orders.score }")[1]).toBe("emit a {s: orders.score}");
  });
});

describe("aggregates that a run asks", () => {
  test.each([
    ["count(order_placed where category == event.category) over 7 days > 2", "(count<order_placed by row.category? over 604800000> at event.category? > 2)"],
    ["count(order_placed where event.category == category and total > 5) > 2", "(count<order_placed where (row.total > 5) by row.category?> at event.category? > 2)"],
    ["any(order_placed where total > 5 and category == event.category and total < 9)", "any<order_placed where ((row.total > 5) and (row.total < 9)) by row.category?> at event.category?"],
    ["sum(order_placed.items.price where sku == event.order_id) > 2", "(sum<order_placed.items value item.price by item.sku> at event.order_id > 2)"],
    ["count(order_placed.items where order_id == event.order_id and price > 3) > 2", "(count<order_placed.items where (item.price > 3) by row.order_id> at event.order_id > 2)"],
    ["last(order_placed where category == event.category).total > 5", "(last<order_placed value row.total by row.category?> at event.category? > 5)"],
    ["recent(order_placed.total where category == event.category, 5) contains 3", "(recent<order_placed value row.total limit 5 by row.category?> at event.category? contains 3)"],
    ["no order_placed where category == event.category for 90 days", "absence<order_placed by row.category? over 7776000000> at event.category?"],
    ["count(session_started where page == lower(event.category + \"!\")) > 1", "(count<session_started by row.page> at lower((event.category? ++ \"!\")) > 1)"],
    ["count(session_started where date(time) == date(event.time)) > 1", null],
    ["count(survey_answered where time == event.time) > 1", "(count<survey_answered by row.time> at event.time > 1)"],
  ])("%s", (text, tree) => {
    if (tree === null) expect(errorsOf(`on order_placed when ${text} stop`)).toEqual(["E0223"]);
    else expect(when(text)).toBe(tree);
  });

  test("once for all runs and rules, whatever is asked", () => {
    const program = compiled(`${SHOP}
      rule a { on order_placed when count(order_placed where category == event.category) > 2 stop }
      rule b { on session_started if count(order_placed where event.page == category) > 3 { stop } }
      rule c { on session_started wait for survey_answered up to 1 day as it if count(order_placed where category == it.topic) > 3 { stop } }
      rule d { on order_placed when count(order_placed where category == "x") > 3 stop }`);
    expect(program.aggregates.filter(({ by }) => by !== null).length).toBe(1);
    expect(program.aggregates.filter(({ event, fn, window }) => event === "order_placed" && fn === "count" && window.k === "life").length).toBe(3);
  });

  test("what is asked for is kept of the events", () => {
    const { rule } = ruleOf("on order_placed wait for survey_answered up to 1 day as it if any(session_started where page == it.topic) and any(session_started where page == event.category) { stop }");
    expect(rule.keeps).toEqual(["category"]);
    expect(allSteps(rule.steps).flatMap((step) => (step.k === "waitFor" ? step.keeps : []))).toEqual(["topic"]);
  });

  test("`this run`", () => {
    expect(steps("if count(session_started where page == event.category) this run > 2 and not any(survey_answered) this run { stop }"))
      .toEqual(["if ((count<session_started by row.page this run> at event.category? > 2) and not(any<survey_answered this run>)) [stop] []"]);
    const { program, rule } = ruleOf("on order_placed until count(session_started) this run >= 3 wait for session_started where count(survey_answered) this run > 1 up to 1 day");
    expect(rule.until.map((until) => shownMoment(program, until))).toEqual(["(count<session_started this run> >= 3)"]);
  });
});

// ---- order and keys ----

test("one order for segments, tiers and what is watched, each after what it needs", () => {
  const program = compiled(`${SHOP}
    segment aa when level_two
    segment level_two when zz >= "gold"
    tier zz by (if vip then 10 else 0) { silver at 0  gold at 5 }
    rule r { on change aa on change orders emit "x" }`);
  const named = program.order.map(({ k, index }) => `${k} ${{ segment: program.segments, tier: program.tiers, watch: [], ranking: [], population: [] }[k][index]?.name ?? ""}`);
  expect(named).toEqual(["segment vip", "tier zz", "segment level_two", "segment aa", "tier status", "watch ", "watch "]);
});

test("a circle through a tier names everyone in it", () => {
  const { diagnostics } = compileProgram([{ file: "a.eddy", text: `event e { n: number }
    trait boost = if best then 2 else 1
    segment best when level >= "gold"
    tier level by boost * count(e) { silver at 0  gold at 5 }
    points coins { earn (if best then 2 else 1) * n on e }
    rule r { on e emit "x" { c: coins } }` }]);
  expect(diagnostics.map(({ code, message, notes }) => [code, message, notes?.[0]])).toEqual([
    ["E0301", "\"best\" depends on itself", "\"best\" needs \"level\", which needs \"boost\", which needs \"best\""],
  ]);
});

describe("keys", () => {
  const RULES = `
rule main {
  on change spent(1)
  on order_placed
  wait for session_started where page == "x" and vip up to 2 days as visit { award 5 stars } else { take 3 stars { wait until 09:00 } else { stop } }
  wait until monday 10:00
  wait until event.time + 3 days
  split offer { gift { wait until 09:00 } code { emit "a" } }
  if count(order_placed where category == event.category) over 7 days > 2 { wait 1 day }
  if status >= "vib" { stop }
}`.replace("spent(1)", "orders > 5");
  const program = compiled(SHOP + RULES);
  const keysOf = (of: Program): readonly string[] => allSteps(of.rules.find(({ name }) => name === "main")?.steps ?? []).map(({ key }) => key);

  test("are these for good: a change here loses people's state", () => {
    expect(keysOf(program)).toEqual([
      "c9f34e67aaf0344d", "319f84ea66a9e25d", "6a2cbfe8c81fe0fd", "aba85d346cf1e335", "53c20716382954ed", "50265a45ba1a5951",
      "9e24738f5313882a", "c01dbcc369ae9940", "4d18dd3cc4653b64", "1e04a84a2f3185f7", "5322512f6bb264e5", "42a0cea919e4422d",
      "6aa2e74a90d895ab", "f60c071e9055775c",
    ]);
    expect(program.watches.map(({ key }) => key)).toEqual(["14a5820554d4fde7"]);
    expect(program.aggregates.filter(({ by }) => by !== null).map(({ key }) => key)).toEqual(["10c4695010933ca1"]);
  });

  test("equal steps of a rule have one each", () => {
    expect(new Set(keysOf(program)).size).toBe(keysOf(program).length);
  });

  test("stay when names change that are no state, and when declarations change places", () => {
    const renamed = compiled((SHOP + RULES).replaceAll(/\bvip\b/g, "best").replaceAll(/\bstatus\b/g, "rank").replaceAll(/\borders\b/g, "bought"));
    expect(keysOf(renamed)).toEqual(keysOf(program));
    expect(renamed.watches.map(({ key }) => key)).toEqual(program.watches.map(({ key }) => key));
    expect(renamed.hash).not.toBe(program.hash);
    const parts = (SHOP + RULES).split(/\n(?=event|profile|channel|trait|segment|points|tier|experiment|rule)/);
    fc.assert(fc.property(fc.shuffledSubarray(parts, { minLength: parts.length }), fc.nat(parts.length), (shuffled, cut) => {
      expect(compiled(shuffled.slice(0, cut).join("\n"), shuffled.slice(cut).join("\n"))).toEqual(program);
    }), { numRuns: 30, seed: 1 });
  });

  test("a wait stays when what follows it changes", () => {
    const one = (step: string): string => keysOf(compiled(`${SHOP}rule main { on order_placed ${step} }`))[0] ?? "";
    const all = ["", "as x", "as y", "{ }", "{ emit \"a\" }", "as x { emit \"a\" } else { emit \"b\" }"].map((rest) => one(`wait for session_started up to 1 day ${rest}`));
    expect(new Set(all).size).toBe(1);
  });

  test("stay when steps come before, and when branches change places", () => {
    const more = compiled((SHOP + RULES).replace("wait until monday", "emit \"new\" wait until monday"));
    expect(keysOf(more)).toEqual(expect.arrayContaining([...keysOf(program)]));
  });

  test("differ where the meaning does", () => {
    const one = (step: string, head = ""): string => keysOf(compiled(`${SHOP}${head}rule main { on order_placed ${step} }`))[0] ?? "";
    const all = [
      "wait until 09:00", "wait until 09:01", "wait until monday 09:00", "wait until sunday 09:00", "wait until event.time", "wait until event.time + 1 day", "wait 1 day",
      "wait for session_started up to 1 day", "wait for session_started up to 2 days", "wait for session_started up to 1 month", "wait for session_started, survey_answered up to 1 day",
      "wait for session_started where page == \"a\" up to 1 day",
      "wait for enter vip up to 1 day", "wait for leave vip up to 1 day", "wait for status up up to 1 day", "wait for status down up to 1 day", "wait for change vip up to 1 day", "wait for change orders up to 1 day",
      "award 5 stars", "award 6 stars", "take 5 stars", "split offer { gift { } }", "if any(session_started) this run { }", "if any(session_started) this week { }", "if any(session_started) { }",
      "if any(session_started where page == event.order_id) { }", "if any(session_started where page == event.category) { }", "if stars > 5 { }", "if stars.expiring within 1 day > 5 { }", "if stars.expiring within 2 days > 5 { }",
      "if status == \"vib\" { }", "if status.next == \"vib\" { }", "if variant(offer) == \"gift\" { }",
    ];
    expect(new Set(all.map((step) => one(step))).size).toBe(all.length);
    const points = "points coins { earn 1 on order_placed }\n";
    expect(one("award 5 coins", points)).not.toBe(one("award 5 stars", points));
  });

  test("programs that differ in anything that the engine does have another hash", () => {
    const changes: readonly (readonly [string, string])[] = [
      ["on change orders > 5", "on change orders > 6"], ["on change orders > 5", "on status up"], ["on change orders > 5", "on status down"], ["on change orders > 5", "on every day at 09:00"],
      ["on change orders > 5", "on every day at 09:01"], ["on change orders > 5", "on every monday at 09:00"], ["on change orders > 5", "on every month on 1 at 09:00"],
      ["on change orders > 5", "on every year on profile.birthday at 09:00"], ["on change orders > 5", "on every year on date(profile.club_until) at 09:00"], ["  on order_placed", "  on order_placed per event.order_id"],
      ["  on order_placed", "  on order_placed per event.total"], ["  on order_placed", "  on order_placed at most 1 per day"], ["  on order_placed", "  on order_placed at most 1 per 1 day"], ["  on order_placed", "  on order_placed at most 1 per month"],
      ["award 5 stars", "award 6 stars"], ["gift { wait until 09:00 }", "gift { }"], ["code { emit \"a\" }", ""], ["up to 2 days as visit", "up to 2 days as call"], ["else { take 3 stars { wait until 09:00 } else { stop } }", ""], ["{ award 5 stars } else { take 3 stars { wait until 09:00 } else { stop } }", ""], ["vib at 350", "vib at 351"], ["gift 40%", "gift 41%"],
      ["earn floor(total)", "earn round(total)"], ["over 12 months {", "over 11 months {"],
    ];
    const hashes = changes.map(([from, to]) => {
      const text = SHOP + RULES;
      expect(text, from).toContain(from);
      const changed = text.replace(from, to);
      return compiled(to === "gift 41%" ? changed.replace("code 40%", "code 39%") : changed).hash;
    });
    expect(new Set([program.hash, ...hashes]).size).toBe(changes.length + 1);
  });

  test("equal expressions are watched once", () => {
    const { watches, rules } = compiled(`${SHOP}trait alike = count(order_placed)
      rule a { on change orders stop }
      rule b { on change alike wait for change orders up to 1 day wait for change orders > 1 up to 1 day }`);
    expect(watches.length).toBe(2);
    expect(watches.map(({ key }) => key)).toEqual([...watches.map(({ key }) => key)].sort());
    expect(rules.map(({ on }) => on)).toEqual([rules[0]?.on, rules[0]?.on]);
  });
});
