/**
 * Missing values, where people who know SQL would expect something else, and where they would not. In SQL a comparison
 * with NULL is "unknown", a third truth that spreads and drops rows; in Eddy it is false, and `a != b` is exactly
 * `not (a == b)`. Each case says what SQL does.
 */
import { describe, expect, test } from "vitest";
import { ran } from "./suites.js";

const PROGRAM = `
event ordered {
  total: number?
  coupon: string?
  gift: boolean?
  items: { sku: string?, price: number? }[]
}
profile {
  nickname: string?
  score: number?
  goal: number?
  vip: boolean?
  tags: string[] = []
}
segment low_score when profile.score < 5
`;

const PAID = "at 2026-03-02 10:00 ordered { total: 10, coupon: \"X\", gift: true }";
const FREE = "after 1 hour ordered { gift: false }";
const GIVEN = "after 1 hour ordered { total: 20, coupon: \"Y\" }";
const ORDERS = `${PAID}\n${FREE}\n${GIVEN}`;

interface Case {
  readonly name: string;
  /** What SQL says. */
  readonly sql: string;
  readonly lines?: string;
  /** All of them hold. */
  readonly holds: readonly string[];
}

const CASES: readonly Case[] = [
  { name: "== null asks whether a value is missing", sql: "x = NULL is unknown; one must write IS NULL", holds: ["profile.score == null", "not (profile.score != null)"] },
  { name: "two missing values are not equal", sql: "unknown, and so is <>", holds: ["not (profile.score == profile.goal)", "profile.score != profile.goal"] },
  { name: "a missing value is not even itself", sql: "unknown", holds: ["not (profile.score == profile.score)", "not (profile.score >= profile.score)"] },
  { name: "!= with a missing side holds", sql: "unknown: WHERE x <> 5 drops the row", holds: ["profile.score != 5", "5 != profile.score"] },
  { name: "not (a == b) is a != b", sql: "NOT unknown is unknown: the row is dropped", holds: ["not (profile.score == 5)"] },
  { name: "not (a > b) holds where a <= b does not", sql: "both unknown", holds: ["not (profile.score > 5)", "not (profile.score <= 5)"] },
  { name: "a missing value lies between nothing", sql: "unknown", holds: ["not (profile.score > 1 and profile.score < 10)", "not (profile.score < 1 or profile.score > 10)"] },
  { name: "a missing value is in no list", sql: "unknown", holds: ["not (profile.nickname in [\"a\", \"b\"])"] },
  { name: "not in is the opposite of in", sql: "x NOT IN (…) is unknown where x is NULL: the row is dropped", holds: ["(not (profile.nickname in [\"a\"])) == true"] },
  {
    name: "a missing value among the others changes nothing", sql: "1 NOT IN (2, NULL) is unknown: the trap that empties whole queries",
    lines: "at 2026-03-02 10:00 ordered { items: [{ sku: \"a\" }, { sku: null }] }", holds: ["not (last(ordered.items.sku) == \"b\")", "count(ordered where items.sku contains \"b\") == 0", "count(ordered where not (items.sku contains \"b\")) == 1"],
  },
  { name: "false or missing is false", sql: "FALSE OR NULL is unknown", holds: ["(false or profile.vip) == false"] },
  { name: "true and missing is false", sql: "TRUE AND NULL is unknown", holds: ["(true and profile.vip) == false"] },
  { name: "true or missing is true", sql: "the same", holds: ["true or profile.vip"] },
  { name: "not missing is true", sql: "NOT NULL is unknown", holds: ["not profile.vip", "(not profile.vip) == true"] },
  { name: "and yet a missing boolean is neither true nor false", sql: "unknown; IS NOT TRUE is true", holds: ["not (profile.vip == true)", "not (profile.vip == false)"] },
  { name: "a missing condition takes the else", sql: "the same in CASE", holds: ["(if profile.vip then 1 else 2) == 2", "(if profile.score > 1 then 1 else 2) == 2"] },
  { name: "a filter takes what is true, its opposite takes all the rest", sql: "WHERE gift and WHERE NOT gift both drop NULL", lines: ORDERS, holds: ["count(ordered where gift) == 1", "count(ordered where not gift) == 2"] },
  { name: "a filter by != takes what has no value", sql: "WHERE coupon <> 'X' drops NULL", lines: ORDERS, holds: ["count(ordered where coupon != \"X\") == 2"] },
  { name: "count counts events, whatever they lack", sql: "the same for COUNT(*); COUNT(total) passes NULL over", lines: ORDERS, holds: ["count(ordered) == 3", "count(ordered where total != null) == 2"] },
  { name: "the sum of nothing is 0", sql: "NULL", holds: ["sum(ordered.total) == 0"] },
  { name: "a sum passes missing values over; of nothing else it is 0", sql: "passes them over; of NULLs alone it is NULL", lines: FREE.replace("after 1 hour", "at 2026-03-02 10:00"), holds: ["sum(ordered.total) == 0", "count(ordered) == 1"] },
  { name: "an average is of the values that are there", sql: "the same", lines: ORDERS, holds: ["avg(ordered.total) == 15"] },
  { name: "the average of nothing is missing", sql: "the same", holds: ["avg(ordered.total) == null", "not (avg(ordered.total) < 5)"] },
  { name: "the least of nothing is missing, and less than nothing", sql: "the same, and then unknown", holds: ["min(ordered.total) == null", "not (min(ordered.total) < 5)", "not (min(ordered.total) >= 5)"] },
  { name: "missing values are no different values", sql: "the same in COUNT(DISTINCT x); DISTINCT and GROUP BY make one group of them", lines: ORDERS, holds: ["distinct(ordered.coupon) == 2"] },
  { name: "no different values of nothing: 0", sql: "the same", holds: ["distinct(ordered.coupon) == 0"] },
  { name: "any of nothing is false", sql: "BOOL_OR of no rows is NULL", holds: ["any(ordered where total > 1) == false"] },
  { name: "first and last pass missing values over", sql: "FIRST_VALUE takes NULLs unless told to ignore them", lines: `${FREE.replace("after 1 hour", "at 2026-03-02 09:00")}\n${ORDERS}\nafter 1 hour ordered`, holds: ["first(ordered.total) == 10", "last(ordered.total) == 20", "last(ordered.coupon) == \"Y\""] },
  { name: "the most frequent value is one that is there", sql: "MODE passes NULL over too; GROUP BY … ORDER BY COUNT(*) does not", lines: `${ORDERS}\nafter 1 hour ordered\nafter 1 hour ordered`, holds: ["top(ordered.coupon) == \"Y\""] },
  { name: "arithmetic with a missing value is missing", sql: "the same", holds: ["profile.score + 1 == null", "1 - profile.score == null", "profile.score * 0 == null"] },
  { name: "division by zero is missing", sql: "an error", lines: PAID, holds: ["sum(ordered.total) / (count(ordered) - 1) == null", "sum(ordered.total) % (count(ordered) - 1) == null"] },
  { name: "text joined to a missing text is missing", sql: "the same by the standard; Oracle takes it for an empty text", holds: ["(\"a\" + profile.nickname) == null"] },
  { name: "an empty text is a value", sql: "the same by the standard; in Oracle '' IS NULL", lines: "profile { nickname: \"\" }", holds: ["profile.nickname == \"\"", "profile.nickname != null", "length(profile.nickname) == 0"] },
  { name: "a missing text is like nothing", sql: "unknown", holds: ["not (profile.nickname like \"*\")"] },
  { name: "a missing text has no length", sql: "the same, and then unknown", holds: ["length(profile.nickname) == null", "not (length(profile.nickname) >= 0)"] },
  { name: "a list contains no missing value", sql: "NULL = ANY(list) is unknown", lines: "profile { tags: [\"a\"] }", holds: ["not (profile.tags contains profile.nickname)"] },
  { name: "?? takes the first that is there", sql: "the same: COALESCE", holds: ["(profile.score ?? 7) == 7", "(profile.score ?? profile.goal) == null", "(profile.score ?? profile.goal ?? 3) == 3"] },
  { name: "the lesser of two is missing where one is", sql: "LEAST passes NULL over in PostgreSQL, not in MySQL", lines: "profile { goal: 3 }", holds: ["min(profile.score, profile.goal) == null", "max(profile.goal, 5) == 5"] },
  { name: "the sum over a list passes missing prices over", sql: "the same", lines: "at 2026-03-02 10:00 ordered { items: [{ price: 5 }, { price: null }, { price: 2 }] }", holds: ["sum(ordered.items.price) == 7", "avg(ordered.items.price) == 3.5", "count(ordered.items) == 3"] },
  { name: "who has no value is in no segment that asks for one, and the opposite holds", sql: "neither WHERE nor WHERE NOT finds them", lines: "at 2026-03-02 10:00 ordered", holds: ["not low_score", "low_score == false"] },
  { name: "outside of a list there is nothing", sql: "NULL in PostgreSQL, an error in BigQuery", lines: "profile { tags: [\"a\"] }", holds: ["profile.tags[0] == \"a\"", "profile.tags[1] == null"] },
  { name: "a mean time between fewer than two is missing", sql: "the same with LAG: no row", lines: PAID, holds: ["gap(ordered) == null", "not (gap(ordered) < 1 day)"] },
];

describe("missing values", () => {
  const tests = CASES.map(({ name, lines, holds }) => `test "${name}" {
${lines ?? ""}
at 2026-03-03 10:00
${holds.map((condition) => `expect ${condition}`).join("\n")}
}`);
  const text = `${PROGRAM}\n${tests.join("\n")}`;
  const { outcomes } = ran({ file: "missing.eddy", text });

  test.each(CASES)("$name (SQL: $sql)", ({ name }) => {
    const failures = outcomes.filter((each) => each.test.name === name).flatMap((outcome) => outcome.failures);
    expect(failures.map(({ span }) => text.slice(span.start, span.end))).toEqual([]);
  });

  test("each case has run", () => {
    expect(outcomes.map((outcome) => outcome.test.name)).toEqual(CASES.map(({ name }) => name));
  });
});
