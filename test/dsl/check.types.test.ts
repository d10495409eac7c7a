// The types of expressions, whether they may be missing, and what operators and functions take: tables.

import { describe, expect, test } from "vitest";
import type { DiagnosticCode } from "../../dsl/diagnostics/codes.js";
import { codesOf, compiled, shownType } from "./shown.js";

// One field of each type, there and possibly missing.
const ALL = `
event e { n: number  on: number?  s: string  b: boolean  t: time  d: date  u: duration  l: number[]  r: { a: number, b: string? }[]  x: "p" | "q" }
profile {
  n: number = 0  on: number?  s: string = ""  os: string?  b: boolean = false  ob: boolean?
  ot: time?  d: date = 2000-01-01  u: duration = 1 day  ou: duration?
  l: number[] = []  ls: string[] = []  lo: (number?)[] = []
  r: { a: number, b: string? }[] = []  rec: { a: number = 1, b: string? }
  x: "p" | "q" = "p"  y: "q" | "z" = "z"
}
`;

/** `number`, `string?` … of an expression. */
function typeOf(text: string): string {
  const program = compiled(`${ALL}\ntrait x = ${text}`);
  const [trait] = program.traits;
  return trait === undefined ? "none" : `${shownType(trait.value.type)}${trait.value.maybe ? "?" : ""}`;
}

const errorsOf = (text: string): readonly string[] => codesOf(`${ALL}\ntrait x = ${text}`).filter((code) => code.startsWith("E"));

describe("types and missing values", () => {
  test.each([
    ["1", "number"],
    ["\"a\"", "\"a\""],
    ["2026-03-02", "date"],
    ["2026-03-02 10:00", "time"],
    ["3 days", "duration"],
    ["[]", "(null)[]"],
    ["[1, null]", "(number?)[]"],
    ["[\"a\", \"b\"]", "(\"a\" | \"b\")[]"],
    ["[\"a\", profile.s]", "(string)[]"],
    ["{ a: 1, b: null }", "{ a: number, b: null? }"],
    ["[{ a: 1 }, { b: \"x\" }]", "({ a: number?, b: \"x\"? })[]"],
    // arithmetic
    ["profile.n + 1", "number"],
    ["profile.on + 1", "number?"],
    ["profile.n / 2", "number"],
    ["profile.n / profile.n", "number?"],
    ["profile.n / 0", "number?"],
    ["profile.n % 3", "number"],
    ["profile.u / 1 day", "number"],
    ["profile.u / 2", "duration"],
    ["profile.u * 2", "duration"],
    ["2 * profile.ou", "duration?"],
    ["profile.ot - now", "duration?"],
    ["now - 3 days", "time"],
    ["now + 3 months", "time"],
    ["profile.d - profile.d", "duration"],
    ["profile.d - 1 day", "date"],
    ["profile.d + 1 month", "date"],
    ["profile.s + \"x\"", "string"],
    ["-profile.ou", "duration?"],
    // comparisons and conditions are never missing
    ["profile.on > 3", "boolean"],
    ["profile.ob and true", "boolean"],
    ["not profile.ob", "boolean"],
    ["profile.ob", "boolean?"],
    ["profile.os like \"a*\"", "boolean"],
    ["profile.os in [\"a\"]", "boolean"],
    ["profile.ls contains profile.os", "boolean"],
    // ?? and if
    ["profile.on ?? 1", "number"],
    ["profile.on ?? profile.on", "number?"],
    ["profile.x", "\"p\" | \"q\""],
    ["if profile.b then \"a\" else \"b\"", "\"a\" | \"b\""],
    ["if profile.b then profile.x else profile.y", "\"p\" | \"q\" | \"z\""],
    ["if profile.b then 1 else null", "number?"],
    ["if profile.b then [] else [1]", "(number)[]"],
    // fields and places
    ["profile.rec.b", "string?"],
    ["profile.rec", "{ a: number, b: string? }"],
    ["profile.r", "({ a: number, b: string? })[]"],
    ["profile.r.a", "(number)[]"],
    ["profile.r.b", "(string?)[]"],
    ["profile.l[0]", "number?"],
    ["profile.r[0].a", "number?"],
    ["profile.lo", "(number?)[]"],
    ["profile.l without [1]", "(number)[]"],
    // functions
    ["lower(profile.os)", "string?"],
    ["length(profile.s)", "number"],
    ["length(profile.l)", "number"],
    ["round(profile.on)", "number?"],
    ["min(1, profile.on)", "number?"],
    ["max(1 day, profile.u)", "duration"],
    ["date(now)", "date"],
    ["hour(profile.ot)", "number?"],
    ["weekday(profile.d)", "\"monday\" | \"tuesday\" | \"wednesday\" | \"thursday\" | \"friday\" | \"saturday\" | \"sunday\""],
    ["weekend(now)", "boolean"],
    ["age(profile.d)", "number"],
    ["since(profile.ot)", "duration?"],
    // over lists
    ["count(profile.l)", "number"],
    ["sum(profile.l)", "number"],
    ["avg(profile.l)", "number?"],
    ["max(profile.l)", "number?"],
    ["first(profile.ls)", "string?"],
    ["last(profile.r).b", "string?"],
    ["any(profile.r where a > 3)", "boolean"],
    ["distinct(profile.r.b)", "number"],
    // over events
    ["count(e)", "number"],
    ["sum(e.u)", "duration"],
    ["avg(e.n)", "number?"],
    ["min(e.d)", "date?"],
    ["first(e.x)", "\"p\" | \"q\"?"],
    ["first(e).time", "time?"],
    ["last(e).on", "number?"],
    ["any(e)", "boolean"],
    ["distinct(e.s)", "number"],
    ["top(e.x)", "\"p\" | \"q\"?"],
    ["gap(e)", "duration?"],
    ["recent(e.n, 3)", "(number)[]"],
    ["recent(e.on, 3)", "(number)[]"],
    ["no e for 3 days", "boolean"],
    ["last(e.l)", "(number)[]?"],
    ["last(e.r where a > 3)", "{ a: number, b: string? }?"],
  ])("%s: %s", (text, type) => expect(typeOf(text)).toBe(type));
});

// ---- operators by the types of their sides ----

const SIDES = { n: "profile.n", s: "profile.s", b: "profile.b", t: "now", d: "profile.d", u: "profile.u", l: "profile.l", r: "profile.rec" };
type Side = keyof typeof SIDES;
const sides = Object.keys(SIDES) as Side[];

const accepted: Readonly<Record<string, readonly string[]>> = {
  "+": ["nn", "ss", "uu", "tu", "ut", "du", "ud"],
  "-": ["nn", "uu", "tt", "tu", "dd", "du"],
  "*": ["nn", "nu", "un"],
  "/": ["nn", "un", "uu"],
  "%": ["nn"],
  "==": ["nn", "ss", "bb", "tt", "dd", "uu", "ll", "rr"],
  "!=": ["nn", "ss", "bb", "tt", "dd", "uu", "ll", "rr"],
  "<": ["nn", "ss", "tt", "dd", "uu"],
  ">=": ["nn", "ss", "tt", "dd", "uu"],
  "and": ["bb"],
  "or": ["bb"],
  "contains": ["ln"],
  "without": ["ll"],
  "??": ["nn", "ss", "bb", "tt", "dd", "uu", "ll", "rr"],
};

describe("operators take what they say and nothing else", () => {
  test.each(Object.keys(accepted))("%s", (op) => {
    const works: string[] = [];
    for (const left of sides) {
      for (const right of sides) {
        // In a step nothing is watched, so that now may stand in every place.
        const codes = codesOf(`${ALL}\nrule x { on e emit "a" { v: ${SIDES[left]} ${op} ${SIDES[right]} } }`);
        const errors = codes.filter((code) => code.startsWith("E"));
        if (errors.length === 0) works.push(left + right);
        else expect(errors.every((code) => ["E0201", "E0202", "E0203", "E0209"].includes(code)), `${left} ${op} ${right}: ${errors.join()}`).toBe(true);
      }
    }
    expect(works.sort()).toEqual([...(accepted[op] ?? [])].sort());
  });
});

describe("functions take what they say and nothing else", () => {
  const takes: Readonly<Record<string, string>> = {
    lower: "s", upper: "s", trim: "s", length: "sl", round: "n", floor: "n", ceil: "n", abs: "n",
    date: "t", hour: "t", weekday: "td", weekend: "td", month: "td", day: "td", year: "td", age: "d", since: "t",
  };
  test.each(Object.entries(takes))("%s of %s", (name, works) => {
    const found = sides.filter((side) => !codesOf(`${ALL}\nrule x { on e emit "a" { v: ${name}(${SIDES[side]}) } }`).includes("E0205"));
    expect(found.join("")).toBe([...sides].filter((side) => works.includes(side)).join(""));
  });
});

describe("aggregates take what they say and nothing else", () => {
  const fields = ["n", "on", "s", "b", "t", "d", "u", "l", "r", "x"];
  const takes: Readonly<Record<string, readonly string[]>> = {
    sum: ["n", "on", "u", "l"], avg: ["n", "on", "u", "l"],
    min: ["n", "on", "t", "d", "u", "l"], max: ["n", "on", "t", "d", "u", "l"],
    distinct: ["n", "on", "s", "b", "t", "d", "u", "l", "x"], top: ["n", "on", "s", "b", "t", "d", "u", "l", "x"],
    first: fields, last: fields, count: fields, any: fields, gap: [],
  };
  test.each(Object.entries(takes))("%s", (name, works) => {
    const found = fields.filter((field) => codesOf(`${ALL}\ntrait x = ${name}(e.${field})`).every((code) => code.startsWith("W")));
    expect(found).toEqual(works);
  });
});

describe("what is refused", () => {
  test.each<readonly [string, DiagnosticCode]>([
    ["profile.x == \"r\"", "E0204"],
    ["profile.x in [\"p\", \"r\"]", "E0204"],
    ["profile.ls contains 3", "E0201"],
    ["weekday(now) == \"Monday\"", "E0204"],
    ["(if profile.b then \"a\" else \"b\") == \"c\"", "E0204"],
    ["\"a\" == \"b\"", "E0204"],
    ["profile.n == \"1\"", "E0201"],
    ["profile.on > \"1\"", "E0201"],
    ["profile.ot == profile.d", "E0201"],
    ["profile.n == 3 days", "E0201"],
    ["profile.n and true", "E0203"],
    ["not profile.s", "E0203"],
    ["if profile.n then 1 else 2", "E0203"],
    ["profile.n + null", "E0202"],
    ["profile.n in profile.l", "E0212"],
    ["profile.n in [null]", "E0205"],
    ["profile.s like profile.s", "E0213"],
    ["profile.n like \"1*\"", "E0202"],
    ["profile.n.a", "E0214"],
    ["profile.l.a", "E0214"],
    ["profile.n[0]", "E0214"],
    ["profile.l[\"a\"]", "E0205"],
    ["3 months", "E0207"],
    ["3 months + 1 day", "E0207"],
    ["profile.u + 3 months", "E0207"],
    ["2 * 1 year", "E0207"],
    ["profile.u > 3 months", "E0207"],
    ["profile.n > 3 months", "E0207"],
    ["now + 0.5 months", "E0208"],
    ["0.0001 seconds", "E0208"],
    ["profile.u + 1000000 days", "E0208"],
    ["now + 1001 years", "E0208"],
    ["count(e) over 0 days", "E0208"],
    ["no e for 0 months", "E0208"],
    ["lower(\"a\", \"b\")", "E0206"],
    ["now()", "E0007"],
    ["lower(\"a\" where true)", "E0206"],
    ["count(profile.l, profile.l)", "E0206"],
    ["count(e, e)", "E0206"],
    ["recent(e.n)", "E0206"],
    ["recent(e.n, 0)", "E0215"],
    ["recent(e.n, 1.5)", "E0215"],
    ["recent(e.n, 51)", "E0215"],
    ["recent(e.n, profile.n)", "E0215"],
    ["top(profile.l)", "E0217"],
    ["gap(profile.l)", "E0217"],
    ["sum(e)", "E0217"],
    ["last(e)", "E0217"],
    ["sum(e.s)", "E0205"],
    ["distinct(e.r)", "E0205"],
    ["min(profile.n)", "E0205"],
    ["min(1, \"a\")", "E0205"],
    ["min(1, 1 day)", "E0209"],
    ["[1, \"a\"]", "E0209"],
    ["profile.on ?? \"a\"", "E0209"],
    ["count(profile.l) over 3 days", "E0218"],
    ["profile.n over 3 days", "E0218"],
    ["(count(e) over 3 days) over 4 days", "E0218"],
    ["(last(e) over 3 days).n over 4 days", "E0218"],
    ["since(now) over 3 days", "E0218"],
    ["{ a: 1, a: 2 }", "E0101"],
    ["{ __proto__: 1 }", "E0109"],
    ["count(e where count(e) > 3)", "E0113"],
    ["count(e where last(e).n > 3)", "E0113"],
    ["count(e where no e for 3 days)", "E0113"],
    ["count(e where since(t) > 3 days)", "E0113"],
    ["count(e where age(d) > 3)", "E0113"],
    ["sum(profile.n of e)", "E0113"],
    ["sum(n of e.s)", "E0205"],
    ["e", "E0112"],
    ["e.n", "E0112"],
    ["f.n", "E0106"],
    ["event.n", "E0114"],
    ["foo(3)", "E0108"],
    ["e(3)", "E0108"],
    ["count(f)", "E0103"],
    ["no f for 3 days", "E0103"],
    ["count(e.nn)", "E0107"],
    ["profile.nn", "E0107"],
  ])("%s: %s", (text, code) => expect(errorsOf(text)).toEqual([code]));
});

describe("one mistake is one finding", () => {
  test.each([
    ["profile.nn + 1 > \"a\" and foo", ["E0107", "E0106"]],
    ["lower(upper(profile.nn)) + 1", ["E0107"]],
    ["if profile.nn then 1 else profile.mm", ["E0107", "E0107"]],
    ["count(f where foo > 1) over 0 days", ["E0208", "E0103"]],
  ])("%s", (text, codes) => expect([...errorsOf(text)].sort()).toEqual([...codes].sort()));
});

describe("a comparison with months needs the time since an instant, or between two", () => {
  test.each([
    ["since(last(e).time) > 6 months", []],
    ["now - profile.ot > 6 months", []],
    ["profile.ot - last(e).time > 6 months", []],
    ["date(now) - profile.d > 6 months", []],
    ["profile.ou > 6 months", ["E0207"]],
    ["(since(last(e).time) ?? 1 day) > 6 months", ["E0207"]],
    ["since(last(e).time) / 2 > 6 months", ["E0207"]],
  ])("%s", (text, codes) => expect(errorsOf(text)).toEqual(codes));
});

describe("the clock in what is watched", () => {
  const watched = (text: string): readonly string[] => codesOf(`${ALL}\nsegment x when ${text}`).filter((code) => code === "E0216");
  test.each([
    "floor(since(last(e).time) / 1 day) > 3",
    "since(last(e).time) > since(first(e).time)",
    "now > now",
    "(since(last(e).time) ?? 3 days) > 2 days",
    "(if profile.b then now else profile.ot) > profile.ot",
    "now - 3 months > profile.ot",
    "hour(now + 30 minutes) == 3",
    "[now] contains profile.ot",
    "profile.ot in [now]",
    "any(e) and [now] == [profile.ot]",
    "since(last(e).time) * profile.n > 3 days",
    "any(profile.r where a > 3 and now > profile.ot)",
    "max(now, profile.ot) > profile.ot",
  ])("%s", (text) => expect(watched(text)).toEqual(["E0216"]));

  test("in what is looked at once, anything goes", () => {
    expect(codesOf(`${ALL}\nrule r { on e when floor(since(last(e).time) / 1 day) > 3 and hour(now + 30 minutes) == 3 stop }`).filter((code) => code.startsWith("E"))).toEqual([]);
  });

  test("channels and `until` are watched too", () => {
    expect(codesOf(`${ALL}\nchannel c { when floor(since(profile.ot) / 1 day) > 3 }`)).toContain("E0216");
    expect(codesOf(`${ALL}\nrule r { on e until floor(since(event.t) / 1 day) > 3 stop }`)).toContain("E0216");
  });
});
