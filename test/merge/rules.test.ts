/** What a join starts, ends and leaves alone; each story is a test in Eddy's own language, on the real engine. */
import { expect, test } from "vitest";
import { failureText, testReport } from "../../cli/test-report.js";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compileTests } from "../../dsl/compile.js";
import { runSuite } from "../../engine/testing/suite.js";

const RULES = `
event bought { total: number  sku: string = "x" }
event seen { sku: string }
profile { mail: boolean = true }
trait spend = sum(bought.total)
segment big when spend >= 100
segment fresh when count(bought) == 1
channel email { when profile.mail  quiet 21:00 to 08:00 }
channel push { when true  at most 2 per day }
points coins { earn floor(total) on bought  expire after 30 days }
tier grade by coins { low at 10  mid at 100 }
rule once { on bought  wait 1 hour  emit "once" { sku: event.sku } }
rule latest { on bought  repeat restart  wait 1 hour  emit "latest" { sku: event.sku } }
rule each { on seen  per event.sku  wait 1 hour  emit "each" { sku: event.sku } }
rule welcome { on enter big  emit "welcome" }
rule pity { on leave fresh  emit "pity" }
rule rise { on grade up  emit "rise" { grade: grade } }
rule changed { on change count(seen)  emit "changed" }
rule note { on seen  send email "note" { sku: event.sku } }
rule ping { on seen  send push "ping" }
rule few { on bought  at most 2 per day  emit "few" }
rule known { on customer_identified  emit "known" { spend: spend, who: event.anonymous_id } }
rule pay { on seen where sku == "pay"  take 30 coins { emit "paid" } else { emit "poor" } }
`;

const stories: Readonly<Record<string, readonly [rules: string, lines: string]>> = {
  "the earlier of two runs goes on, with `repeat restart` the later": [`once, latest`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 1, sku: "v" }
  customer "k"
  at 2026-03-03 10:20 bought { total: 1, sku: "k" }
  at 2026-03-03 10:30 customer_identified { anonymous_id: "v" }
  at 2026-03-03 11:00
    expect emit "once" { sku: "v" }
    expect nothing else
  at 2026-03-03 11:20
    expect emit "latest" { sku: "k" }
    expect nothing else
  customer "v"
  after 1 day
    expect nothing`],
  "each value of `per` has its run": [`each`, `
  customer "v"
  at 2026-03-03 10:00 seen { sku: "a" }
  at 2026-03-03 10:05 seen { sku: "b" }
  customer "k"
  at 2026-03-03 10:20 seen { sku: "b" }
  at 2026-03-03 10:30 customer_identified { anonymous_id: "v" }
  at 2026-03-03 11:10
    expect emit "each" { sku: "a" }
    expect emit "each" { sku: "b" }
    expect nothing else
  after 1 day
    expect nothing`],
  "what only both together reach is news": [`welcome, rise, pity, known`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 60 }
  customer "k"
  at 2026-03-03 10:20 bought { total: 50 }
  at 2026-03-03 10:30 customer_identified { anonymous_id: "v" }
    expect emit "welcome"
    expect emit "rise" { grade: "mid" }
    expect emit "pity"
    expect emit "known" { spend: 110, who: "v" }
    expect nothing else
    expect big`],
  "what either had already is not": [`welcome, rise, pity, known, changed`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 200 }
  at 2026-03-03 10:01 bought { total: 1 }
  at 2026-03-03 10:02 seen { sku: "a" }
  customer "k"
  profile { mail: true }
  at 2026-03-03 10:30 customer_identified { anonymous_id: "v" }
    expect emit "known" { spend: 201 }
    expect nothing else
    expect big
    expect grade == "mid"
  customer "v"
    expect not big`],
  "a membership that ends with the join of who was no member starts nothing": [`pity, known`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 1 }
  customer "k"
  at 2026-03-03 10:10 bought { total: 1 }
  at 2026-03-03 10:11 bought { total: 1 }
  at 2026-03-03 10:30 customer_identified { anonymous_id: "v" }
    expect emit "known" { spend: 3 }
    expect nothing else
    expect not fresh`],
  "held messages go over, and go out once, in their order": [`note`, `
  customer "v"
  at 2026-03-03 22:00 seen { sku: "first" }
    expect held email "note"
  customer "k"
  at 2026-03-03 22:10 seen { sku: "second" }
    expect held email "note"
  at 2026-03-03 22:20 customer_identified { anonymous_id: "v" }
    expect suppressed email by ended
  at 2026-03-04 08:00
    expect send email "note" { sku: "first" }
  customer "v"
    expect nothing`],
  "caps count what both did": [`ping, few`, `
  customer "v"
  at 2026-03-03 10:00 seen { sku: "a" }
  at 2026-03-03 10:00 bought { total: 1 }
  customer "k"
  at 2026-03-03 10:01 seen { sku: "b" }
  at 2026-03-03 10:01 bought { total: 1 }
    expect emit "few"
  at 2026-03-03 10:30 customer_identified { anonymous_id: "v" }
  at 2026-03-03 10:40 seen { sku: "c" }
    expect suppressed push by cap
  at 2026-03-03 10:50 bought { total: 1 }
    expect nothing
  at 2026-03-04 12:00 bought { total: 1 }
    expect emit "few"`],
  "points of both are spent": [`pay`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 20 }
  customer "k"
  at 2026-03-03 10:01 bought { total: 20 }
  at 2026-03-03 10:10 customer_identified { anonymous_id: "v" }
    expect coins == 40
  at 2026-03-03 10:20 seen { sku: "pay" }
    expect emit "paid"
    expect coins == 10`],
  "what comes for the old id is the known customer's; chains lead to their end": [`few`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 1 }
  customer "k"
  at 2026-03-03 10:10 customer_identified { anonymous_id: "v" }
  customer "c"
  at 2026-03-03 10:20 customer_identified { anonymous_id: "k" }
    expect spend == 1
  customer "v"
  at 2026-03-03 10:30 bought { total: 5 }
    expect nothing
  customer "c"
    expect spend == 6
    expect emit "few"`],
  "whom somebody was joined into first, they stay with": [`known`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 7 }
  customer "k"
  at 2026-03-03 10:10 customer_identified { anonymous_id: "v" }
  customer "other"
  at 2026-03-03 10:20 customer_identified { anonymous_id: "v" }
    expect emit "known" { spend: 0 }
    expect spend == 0
  customer "k"
    expect spend == 7`],
  "into oneself, into who is joined already, twice": [`known`, `
  customer "k"
  at 2026-03-03 10:00 bought { total: 7 }
  at 2026-03-03 10:10 customer_identified { anonymous_id: "k" }
    expect emit "known" { spend: 7 }
  at 2026-03-03 10:20 customer_identified { anonymous_id: "v" }
    expect emit "known" { spend: 7 }
  customer "v"
  at 2026-03-03 10:30 customer_identified { anonymous_id: "k" }
    expect nothing
  customer "k"
    expect emit "known" { spend: 7, who: "k" }
    expect spend == 7
  at 2026-03-03 10:40 customer_identified { anonymous_id: "v" }
    expect emit "known" { spend: 7 }`],
  "the unknown: what comes later for the old id is the known customer's": [`known`, `
  customer "k"
  at 2026-03-03 10:20 customer_identified { anonymous_id: "v" }
    expect emit "known" { spend: 0 }
  customer "v"
  at 2026-03-03 10:30 bought { total: 5 }
  customer "k"
    expect spend == 5`],
  "who is erased takes the old ids with them": [`known`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 5 }
  customer "k"
  at 2026-03-03 10:20 customer_identified { anonymous_id: "v" }
  at 2026-03-03 10:30 customer_erased
  customer "v"
  at 2026-03-03 10:40 bought { total: 3 }
    expect spend == 3
  customer "k"
    expect spend == 0`],
  "to erase the old id is to erase the customer": [`known`, `
  customer "v"
  at 2026-03-03 10:00 bought { total: 5 }
  customer "k"
  at 2026-03-03 10:20 customer_identified { anonymous_id: "v" }
    expect spend == 5
  customer "v"
  at 2026-03-03 10:30 customer_erased
  customer "k"
    expect spend == 0`],
};

test.each(Object.entries(stories))("%s", (name, [rules, lines]) => {
  const files = [{ file: "join.eddy", text: RULES }, { file: "stories.test.eddy", text: `test "${name}" with ${rules} {${lines}\n}\n` }];
  const { suite, diagnostics } = compileTests(files);
  if (suite === null) throw new Error(renderAll(diagnostics, new Map(files.map(({ file, text }) => [file, text]))));
  const { outcomes } = runSuite(suite);
  expect(outcomes.length).toBe(1);
  const report = testReport(new Map(files.map(({ file, text }) => [file, text])));
  for (const outcome of outcomes) expect(outcome.failures.length === 0 ? "" : failureText(report, outcome)).toBe("");
});
