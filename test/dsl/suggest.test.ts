/** "Did you mean …?" answers slips of the finger, and holds its tongue where another word was meant. */
import { describe, expect, test } from "vitest";
import { nearest } from "../../dsl/diagnostics/suggest.js";
import { HARD, SOFT } from "../../dsl/lexer.js";

const words = [...HARD, ...SOFT];

describe("slips", () => {
  test.each<[string, string]>([
    ["order_place", "order_placed"], ["order_palced", "order_placed"], ["oder_placed", "order_placed"], ["Order_Placed", "order_placed"],
    ["order_placd", "order_placed"], ["orderplaced", "order_placed"], ["ordr_plcd", "order_placed"],
  ])("%s is %s", (name, meant) => {
    expect(nearest(name, ["order_placed", "order_returned", "session_started", "vip"])).toBe(meant);
  });

  test.each<[string, string]>([["wiat", "wait"], ["untl", "until"], ["priorty", "priority"], ["wehn", "when"], ["hours_", "hours"], ["Monday", "monday"], ["AND", "and"], ["OR", "or"]])("%s is %s", (name, meant) => {
    expect(nearest(name, words)).toBe(meant);
  });
});

describe("other words", () => {
  test.each(["id", "is", "x", "to_", "sku", "cat", "total", "cust", "newsletter", "a", "", "zloty", "between", "loyalty_points", "😀😀"])("%s is none of the language's", (name) => {
    expect(nearest(name, words)).toBe(null);
  });

  test.each<[string, readonly string[]]>([
    ["spend", ["visits", "orders", "price"]],
    ["vip", ["zap", "tap"]],
    ["orders", ["returns", "visitors"]],
    ["a", ["b", "c", "ab"]],
    ["ab", ["ac", "ba", "abc"]],
    ["x".repeat(200), ["x".repeat(199)]],
  ])("%s", (name, candidates) => {
    expect(nearest(name, candidates)).toBe(null);
  });
});

test("of equally near names the first by the alphabet, in whatever order they come", () => {
  const names = ["orderb", "ordera", "orderc"];
  for (const each of [names, [...names].reverse(), [...names].sort()]) expect(nearest("orderx", each)).toBe("ordera");
});

test("the name itself is no suggestion", () => {
  expect(nearest("vip", ["vip"])).toBe(null);
  expect(nearest("vips", ["vips", "vip"])).toBe("vip");
});
