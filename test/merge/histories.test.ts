/**
 * A customer who lived as two, and was joined, is what they would be had they lived as one: random histories are split over
 * two customers and gone through by `eddy replay`, and so is the same history of one customer.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderAll } from "../../dsl/diagnostics/render.js";
import { compileProgram } from "../../dsl/compile.js";
import { compile, type Compiled } from "../../engine/compile/compiled.js";
import { createReplay } from "../../engine/replay.js";

export function compiledOf(text: string): Compiled {
  const { program, diagnostics } = compileProgram([{ file: "merge.eddy", text }]);
  if (program === null) throw new Error(renderAll(diagnostics, new Map([["merge.eddy", text]])));
  return compile(program);
}

/** No rule spends points, and nothing turns for good by what one of the two alone has lived through: the rest is said in the decision. */
const RULES = compiledOf(`
event bought { sku: string  total: number  kind: "tea" | "book" }
event seen { page: string }
profile {
  timezone: string = "Europe/Berlin"
  city: string?
  consent: { email: boolean = false  push: boolean? }
}
trait orders = count(bought)
trait weekly = count(bought) over 7 days
trait spend = sum(bought.total) over 1 month
trait typical = avg(bought.total)
trait dearest = max(bought.total) over 3 days
trait cheapest = min(bought.total)
trait favourite = top(bought.sku)
trait lately = recent(seen.page, 3)
trait pages = distinct(seen.page) this month
trait first_kind = first(bought.kind)
trait last_kind = last(bought.kind) over 30 days
trait pace = gap(bought)
trait teas = count(bought where kind == "tea") over 14 days
trait known = profile.city ?? "nowhere"
segment fresh when weekly >= 2
segment big when spend > 100
segment silent when no bought for 2 days
segment reader when pages >= 3
segment mailed when profile.consent.email
points stars {
  earn 3 on bought
  earn 1 on seen
  expire after 20 days
}
trait balance = stars
tier level by stars { one at 5  two at 15  three at 40 }
segment high when level >= "two"
`);

interface Step { readonly after: number; readonly isOther: boolean; readonly type: string; readonly data: unknown }

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const pauses = fc.oneof(fc.integer({ min: 1, max: 90 }).map((n) => n * MINUTE), fc.integer({ min: 1, max: 60 }).map((n) => n * HOUR), fc.integer({ min: 1, max: 9 }).map((n) => n * 24 * HOUR));
const events: fc.Arbitrary<Pick<Step, "type" | "data">> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ sku: fc.constantFrom("a", "b", "c"), total: fc.integer({ min: 1, max: 9000 }).map((n) => n / 100), kind: fc.constantFrom("tea", "book") }).map((data) => ({ type: "bought", data })) },
  { weight: 4, arbitrary: fc.constantFrom("p1", "p2", "p3", "p4").map((page) => ({ type: "seen", data: { page } })) },
);
const steps = fc.array(fc.record({ after: pauses, isOther: fc.boolean(), event: events }).map(({ event, ...rest }): Step => ({ ...rest, ...event })), { minLength: 1, maxLength: 24 });

const START = Date.UTC(2026, 2, 20, 7);

interface Outcome { readonly traits: unknown; readonly members: unknown }

/** `who`: whose each event is. The identification comes behind so many of them, and a while after the last there is a look at `anna`. */
function lived(history: readonly Step[], who: (step: Step) => string, at: number): Outcome & { readonly shown: () => string } {
  const said: string[] = [];
  const replay = createReplay(RULES, ({ body }) => void said.push(body));
  let now = START;
  const line = (type: string, subject: string, data: unknown, id: string): void =>
    replay.line(JSON.stringify({ id, source: "shop", type, subject, time: new Date(now).toISOString(), data }));
  history.forEach((step, i) => {
    now += step.after;
    line(step.type, i < at ? who(step) : step.isOther ? who(step) : "anna", step.data, `e${i}`);
    if (i === at - 1) line("customer_identified", "anna", { anonymous_id: "visitor" }, "i");
  });
  replay.until(now + 36 * HOUR);
  return { traits: replay.traits(), members: replay.members(), shown: () => said.join("\n") };
}

describe("a history of two customers who are joined", () => {
  test("gives the traits, points, levels and memberships of one customer's; what comes for the old id later counts too", () => {
    fc.assert(fc.property(steps, fc.nat(), (history, place) => {
      const at = 1 + (place % history.length);
      const two = lived(history, ({ isOther }) => (isOther ? "visitor" : "anna"), at);
      const one = lived(history, () => "anna", at);
      expect(two.traits, two.shown()).toEqual(one.traits);
      expect(two.members, two.shown()).toEqual(one.members);
    }), { numRuns: 300, seed: 11 });
  });

  test("the profile is the known customer's, with what it lacks", () => {
    const replay = createReplay(RULES, () => undefined);
    const line = (type: string, subject: string, data: unknown, id: string): void =>
      replay.line(JSON.stringify({ id, source: "shop", type, subject, time: "2026-03-20T10:00:00Z", data }));
    line("profile_updated", "visitor", { city: "Riga", consent: { email: true, push: true } }, "1");
    line("profile_updated", "anna", { consent: { email: false } }, "2");
    line("customer_identified", "anna", { anonymous_id: "visitor" }, "3");
    expect(replay.traits().map(({ customer, values }) => [customer, values["known"]])).toEqual([["anna", "Riga"]]);
    expect(replay.members().filter(({ segment }) => segment === "mailed")).toEqual([]);
    line("profile_updated", "visitor", { city: "Oslo" }, "4");
    expect(replay.traits().map(({ customer, values }) => [customer, values["known"]])).toEqual([["anna", "Oslo"]]);
  });
});
