/** What expectations can say of channels, experiments and all customers together; what is covered; what can be explained. */
import { describe, expect, test } from "vitest";
import { compileTests, type SourceFile } from "../../dsl/compile.js";
import { differences } from "../../engine/testing/match.js";
import type { FailedMoment } from "../../engine/testing/outcome.js";
import { runSuite } from "../../engine/testing/suite.js";
import { ran, suiteOf } from "./suites.js";

const SHOP = `
event bought { total: number }
event seen { sku: string }
profile { timezone: string = "Europe/Warsaw"  consent: { email: boolean = true } }
channel email {
  when profile.consent.email
  quiet 21:00 to 08:00
  at most 1 per day
}
segment rich when sum(bought.total) >= 100
experiment offer {
  holdout 20%
  code 40%
  gift 40%
  goal bought within 7 days value total
}
metric buyers = customers(any(bought))
metric revenue = total(sum(bought.total))
metric basket = total(sum(bought.total)) / customers(any(bought))
rule look {
  on seen
  until bought
  send email "look" { sku: event.sku }
  wait 1 hour
  split offer {
    code { emit "code" }
    gift { emit "gift" }
  }
}
`;

const source = (lines: string): SourceFile => ({ file: "shop.eddy", text: `${SHOP}test "t" {\n${lines}\n}\n` });
const told = (lines: string): string => ran(source(lines)).told;

/** The lines that failed, as they are written. */
function failing(lines: string): readonly string[] {
  const { text, file } = source(lines);
  return ran({ file, text }).outcomes.flatMap(({ failures }) => failures.map(({ span }) => text.slice(span.start, span.end)));
}

describe("messages that are held and suppressed", () => {
  test("held in the quiet hours, sent when they end: neither is an action before", () => {
    expect(failing(`
      at 2026-03-02 22:00 seen { sku: "a" }
        expect held email "look"
        expect nothing
        expect nothing else
        expect held email "look"
      at 2026-03-03 07:59:59.999
        expect nothing
        expect held email "look"
      at 2026-03-03 08:00
        expect send email "look" { sku: "a" }
        expect held email "look"
    `)).toEqual(["expect held email \"look\"", "expect held email \"look\"", "expect held email \"look\""]);
  });

  test("over the cap, by consent, and dropped with its run", () => {
    expect(told(`
      variant offer = "code"
      at 2026-03-02 10:00 seen { sku: "a" }
        expect send email "look"
      after 2 hours seen { sku: "b" }
        expect emit "code"
        expect suppressed email by cap
        expect nothing else
      at 2026-03-03 22:00 seen { sku: "c" }
        expect held email "look"
      after 1 hour bought
        expect suppressed email by ended
        expect nothing
      customer "jan"
      profile { consent: { email: false } }
      at 2026-03-04 10:00 seen { sku: "a" }
        expect suppressed email by consent
    `)).toBe("");
  });

  test("a message that was held is told as what happened instead", () => {
    expect(told(`
      at 2026-03-02 22:00 seen { sku: "a" }
        expect send email "look"
        expect suppressed email by cap
    `)).toBe(`shop.eddy:30: t
  shop.eddy:33: expect send email "look"
    nothing of the kind happened by 2026-03-02 22:00 (Europe/Warsaw)
    what happened:
      22:00 held email: "look" (rule look)
    what waits:
      rule look, whose message is held, until 2026-03-03 08:00
  shop.eddy:34: expect suppressed email by cap
    nothing of the kind happened by 2026-03-02 22:00 (Europe/Warsaw)
    what happened:
      22:00 held email: "look" (rule look)
    what waits:
      rule look, whose message is held, until 2026-03-03 08:00
`);
  });
});

describe("experiments", () => {
  test.each(["code", "gift"])("a variant that is fixed is everybody's: %s", (variant) => {
    expect(told(`
      variant offer = "${variant}"
      customer "ava"
      at 2026-03-02 10:00 seen
      customer "jan"
      after 1 minute seen
        expect variant(offer) == "${variant}"
      after 1 hour
        expect emit "${variant}"
        expect nothing else
      customer "ava"
        expect emit "${variant}"
        expect nothing else
    `)).toBe("");
  });

  test("it holds for the whole test, wherever it stands, and for this test only", () => {
    const lines = `at 2026-03-02 10:00 seen after 1 hour expect nothing`;
    const { outcomes, told: said } = ran({ file: "shop.eddy", text: `${SHOP}
      test "fixed" { ${lines} variant offer = "holdout" }
      test "other" { variant offer = "code" at 2026-03-02 10:00 seen after 1 hour expect emit "code" }
    ` });
    expect(said).toBe("");
    expect(outcomes).toHaveLength(2);
  });

  test("figures: who came to the split, and what their goals have brought", () => {
    expect(told(`
      variant offer = "gift"
      customer "ava"
      at 2026-03-02 10:00 seen
      customer "jan"
      after 1 minute seen
      after 2 hours
        expect exposed(offer, "gift") == 2 and exposed(offer, "code") == 0
        expect value(offer, "gift") == 0
      after 1 day bought { total: 30 }
      customer "ava"
      after 1 day bought { total: 12.5 }
        expect value(offer, "gift") == 42.5
      after 30 days bought { total: 1000 }
        expect value(offer, "gift") == 42.5
    `)).toBe("");
  });

  test("a variant that there is not, and one that is given twice", () => {
    const codes = (lines: string): readonly string[] => compileTests([source(`${lines} at 2026-03-02 10:00 expect nothing`)]).diagnostics.map(({ code }) => code);
    expect(codes(`variant offer = "presents"`)).toEqual(["E0119"]);
    expect(codes(`variant ofer = "gift"`)).toEqual(["E0118"]);
    expect(codes(`variant offer = "gift" variant offer = "code"`)).toEqual(["E0304"]);
  });
});

describe("metrics", () => {
  test("their values over the customers of the test, whoever is asked", () => {
    expect(told(`
      at 2026-03-02 10:00
        expect buyers == 0 and revenue == 0
        expect basket == null
      customer "ava"
      at 2026-03-02 10:00 bought { total: 10 }
        expect buyers == 1
      customer "jan"
      after 1 day bought { total: 20 }
        expect buyers == 2 and revenue == 30 and basket == 15
      customer "eva"
        expect buyers == 2
    `)).toBe("");
  });

  test("a failure shows what they are made of", () => {
    expect(told(`
      at 2026-03-02 10:00 bought { total: 10 }
        expect basket == 15
    `)).toContain(`this is not so at 2026-03-02 10:00 (Europe/Warsaw)
      basket = 10
      total(sum(bought.total)) = 10
      customers(any(bought)) = 1
`);
  });
});

describe("coverage", () => {
  const WAYS = `
    event a { n: number }
    event b
    points stars { earn 10 on a }
    experiment e { one 50%  two 50% }
    rule r {
      on a
      if event.n > 1 { emit "big" }
      take 10 stars { emit "taken" } else { emit "poor" }
      wait for b up to 1 hour { emit "came" } else { emit "missed" }
      split e { one { emit "one" } }
      wait for b up to 1 hour
      emit "end"
    }
  `;
  const waysOf = (test: string): readonly string[] => {
    const file: SourceFile = { file: "a.eddy", text: `${WAYS} test "t" { ${test} }` };
    const { coverage } = runSuite(suiteOf([file]));
    return (coverage.rules[0]?.branches ?? []).map(({ decision, way, taken }) => `${taken ? "+" : "-"} ${way} of ${file.text.slice(decision.start, decision.end)}`);
  };

  test("every way that a step may take is listed, and taken or not", () => {
    expect(waysOf(`at 2026-03-02 10:00 b expect nothing`)).toEqual([
      "- then of if event.n > 1", "- else of if event.n > 1",
      "- then of take 10 stars", "- else of take 10 stars",
      "- then of wait for b up to 1 hour", "- else of wait for b up to 1 hour",
      "- one of split e", "- two of split e",
      "- then of wait for b up to 1 hour", "- else of wait for b up to 1 hour",
    ]);
    expect(waysOf(`variant e = "one" at 2026-03-02 10:00 a { n: 1 } after 1 minute b expect emit "one" after 1 minute b expect emit "end"`).filter((way) => way.startsWith("+"))).toEqual([
      "+ else of if event.n > 1", "+ then of take 10 stars", "+ then of wait for b up to 1 hour", "+ one of split e", "+ then of wait for b up to 1 hour",
    ]);
    expect(waysOf(`variant e = "two" at 2026-03-02 10:00 a { n: 2 } after 1 day a { n: 2 } after 1 day expect emit "missed"`).filter((way) => way.startsWith("+"))).toEqual([
      "+ then of if event.n > 1", "+ then of take 10 stars", "+ else of wait for b up to 1 hour", "+ two of split e", "+ else of wait for b up to 1 hour",
    ]);
  });

  test("tests add up", () => {
    const files: SourceFile[] = [{ file: "a.eddy", text: `${WAYS}
      test "one" { at 2026-03-02 10:00 a { n: 1 } expect emit "taken" }
      test "two" { at 2026-03-02 10:00 a { n: 2 } expect emit "big" }
    ` }];
    const { coverage } = runSuite(suiteOf(files));
    expect(coverage.rules[0]?.branches.slice(0, 2).map(({ taken }) => taken)).toEqual([true, true]);
  });
});

describe("what explains a failure", () => {
  test("is asked at the moment of the failure, of the customer as they are then, and stands below it", () => {
    const asked: unknown[] = [];
    const explain = ({ expectation, why, customer, now, evaluator }: FailedMoment): readonly string[] => {
      asked.push({ expectation: expectation.k, why: why.k, customer: customer.id, now: new Date(now).toISOString(), seen: customer.firstSeen < Infinity, rules: evaluator.compiled.program.rules.length });
      return [`${customer.id} is in ${customer.segments.length} segments`];
    };
    const { outcomes } = runSuite(suiteOf([source(`
      customer "ava"
      at 2026-03-02 10:00 bought { total: 99 }
        expect buyers == 1
        expect rich
      after 1 day bought { total: 1 }
        expect rich
        expect emit "code"
    `)]), { explain });
    expect(asked).toEqual([
      { expectation: "condition", why: "false", customer: "ava", now: "2026-03-02T09:00:00.000Z", seen: true, rules: 1 },
      { expectation: "action", why: "no such action", customer: "ava", now: "2026-03-03T09:00:00.000Z", seen: true, rules: 1 },
    ]);
    expect(outcomes[0]?.failures.map(({ explanation }) => explanation)).toEqual([["ava is in 0 segments"], ["ava is in 1 segments"]]);
  });
});

describe("how what came differs from what was expected", () => {
  test.each<[string, Parameters<typeof differences>[0], Parameters<typeof differences>[1], readonly string[]]>([
    ["equal", { a: 1 }, { a: 1, b: 2 }, []],
    ["another value", { a: 1 }, { a: 2 }, ["a"]],
    ["missing", { a: 1 }, {}, ["a"]],
    ["null and missing are the same", { a: null }, {}, []],
    ["deep", { a: { b: { c: 1, d: 2 } } }, { a: { b: { c: 1, d: 3 } } }, ["a.b.d"]],
    ["items of a list", { a: [{ b: 1 }, { b: 2 }] }, { a: [{ b: 1 }, { b: 3 }] }, ["a[1].b"]],
    ["one item too many", { a: [1] }, { a: [1, 2] }, ["a[1]"]],
    ["one item too few", { a: [1, 2] }, { a: [1] }, ["a[1]"]],
    ["a record for a text", { a: { b: 1 } }, { a: "b" }, ["a"]],
    ["as wholes", [1], { a: 1 }, [""]],
  ])("%s", (_, wanted, value, paths) => {
    expect(differences(wanted, value).map(({ path }) => path)).toEqual(paths);
  });

  test("of several actions the nearest is told, with everything that differs", () => {
    const file: SourceFile = { file: "a.eddy", text: `
event e { n: number  tags: string[] }
rule r { on e  emit "x" { n: event.n, tags: event.tags } }
test "t" {
  at 2026-03-02 10:00 e { n: 1, tags: ["a"] }
  at 2026-03-02 10:00 e { n: 2, tags: ["a", "b"] }
    expect emit "x" { n: 2, tags: ["a", "c"], more: true }
}` };
    expect(ran(file).told).toBe(`a.eddy:4: t
  a.eddy:7: expect emit "x" { n: 2, tags: ["a", "c"], more: true }
    nothing of the kind happened by 2026-03-02 10:00 (UTC)
    what happened:
      10:00 emit "x" { n: 2, tags: ["a", "b"] } (rule r)
        tags[1] is "b", not "c"
        more is missing, not true
`);
  });
});
